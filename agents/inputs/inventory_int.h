/* inventory, inside: what the files of this input share. Nobody else includes this. */
#pragma once
#include "agents/input.h"
#include "agents/inputs/aws_creds.h"
#include "agents/inputs/azure_auth.h"
#include "agents/inputs/gcp_auth.h"
#include "agents/inputs/inventory_store.h"
#include "core/base/circle.h"

struct options {
    const char *store, *url, *region, *token_file, *credentials_file, *profile, *tenant, *client_id,
        *namespace, *proxy, *ca_file;
    struct kt_strings within;
    kt_time_ns every;
    bool allow_private;
};
enum round { ROUND_NONE, ROUND_DONE, ROUND_PART };
enum asking { ASK_NOTHING, ASK_KEYS, ASK_PAGE };
struct kt_input {
    struct kt_input_env env;
    struct options o;
    const struct inv_store *store;
    struct kt_fetch *fetch;
    struct aws_creds *creds;  /* INV_AWS */
    struct gcp_auth *google;  /* INV_GOOGLE */
    struct azure_auth *azure; /* INV_AZURE */
    struct kt_json *json;
    struct kt_arena arena;
    struct kt_pipeline *pipeline;
    char url[2048];
    struct kt_buf token, headers, lines; /* lines: of the answer, for the pipeline */
    char **todo;                         /* tasks, the last one is next */
    unsigned n_todo, cap_todo;
    char *task; /* that is asked for, or is to be asked for again; NULL: none */
    enum asking asking;
    enum round round;        /* how the last one ended */
    kt_time_ns last;         /* when it began */
    kt_time_ns snapshot;     /* when the one under way began */
    bool running, changed;   /* it is gone through; `last` is to be written down */
    kt_time_ns now, at;      /* at: nothing is asked before */
    struct kt_circle circle; /* of the tasks of a round */
    unsigned tries;          /* of the task */
    unsigned refused;        /* tasks in a row */
    uint64_t secrets, missed, bytes, fed;
    char problem[200], worst[200]; /* worst: what the mark of this round will say */
};

/* NULL for what is not set. */
static inline const char *inv_given(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

/* inventory.c */
void inv_say(struct kt_input *in, const char *what);
struct inv_in inv_about(struct kt_input *in);

/* inventory_ask.c */
/* Starts the request for in->task, or the one for keys that it needs first. KT_OK: something was
 * asked; KT_E_AGAIN: ask again at once, keys were in a file; others: err says what is missing. */
KT_MUST_USE enum kt_status inv_ask(struct kt_input *in, struct kt_error *err);
/* What an answer of the store means, its text aside; why: a sentence, of what is not good. a: its
 * retry_after may come from a header of the service's own. */
enum inv_verdict {
    INV_GOOD,   /* it is to be heard */
    INV_BUSY,   /* later */
    INV_DENIED, /* not with these rights */
    INV_KEYS,   /* the keys are no longer good, and forgotten */
    INV_BAD,
};
enum inv_verdict inv_judge(struct kt_input *in, struct kt_http_answer *a, struct kt_error *why);
/* The answer with keys. */
KT_MUST_USE enum kt_status inv_hear_keys(struct kt_input *in, struct kt_http_answer *a,
                                         struct kt_error *err);
