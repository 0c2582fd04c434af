/* pubsub, inside: what the files of this input share. Nobody else includes this. */
#pragma once
#include "agents/input.h"
#include "agents/inputs/fetch.h"
#include "agents/inputs/gcp_auth.h"
#include "agents/inputs/pubsub_answer.h"

#define MESSAGES 500u /* asked for at once */

struct options {
    const char *subscription, *credentials_file, *endpoint, *proxy, *ca_file;
    bool allow_private;
};
enum asking { ASK_NOTHING, ASK_TOKEN, ASK_PULL, ASK_ACK, ASK_LONGER };
struct kt_input {
    struct kt_input_env env;
    struct options o;
    struct kt_fetch *fetch;
    struct gcp_auth *auth;
    struct kt_json *json;
    struct kt_pipeline *pipeline;
    struct kt_buf base, url, body;
    enum asking asking;
    struct pubsub_acks acks; /* of the answer at hand; none: there is no such answer */
    unsigned acked, acking;  /* of them: done, and in the request */
    struct kt_buf page;      /* the answer, worked off up to page_at */
    size_t page_at;
    bool read, kept;   /* every byte of it is in the pipeline; every line of it in the spool */
    uint64_t fed, end; /* bytes of all answers; where the one at hand ends among them */
    unsigned want;     /* messages to be asked for */
    uint64_t messages, bytes;
    kt_time_ns now, at, heard; /* at: nothing is asked before */
    kt_time_ns longer_at;      /* the messages at hand need more time then */
    kt_time_ns token_at;       /* no token is asked before, while one lasts */
    unsigned failures;
    char problem[200];
};

/* NULL for what is not set. */
static inline const char *pubsub_given(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

/* pubsub_talk.c */
bool pubsub_at_hand(const struct kt_input *in); /* an answer with messages is not settled yet */
/* Starts the next request that is due and notes it in in->asking; room: new messages may come. */
void pubsub_ask(struct kt_input *in, bool room);
/* The messages at hand are kept: they are acknowledged at once when that is possible. */
void pubsub_ask_ack(struct kt_input *in);
void pubsub_answered(struct kt_input *in, struct kt_http_answer *a);
