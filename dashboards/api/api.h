/*
 * api: what the page asks: parameters in, JSON out (docs/api.md). No HTTP here: the server finds
 * who asks, opens the store and calls; tests call as it does.
 *
 * One file a subject beside this one; each call is a function in calls.h and a line in the server's
 * table of routes. What a command prints as one JSON document is written here too, and the command
 * includes it.
 */
#pragma once
#include "core/answer/ask.h"
#include "core/config/config.h"

enum kt_role { KT_ROLE_VIEWER, KT_ROLE_AUDITOR, KT_ROLE_RESPONDER, KT_ROLE_ADMIN, KT_ROLE_COUNT };
const char *kt_role_word(enum kt_role r);
bool kt_role_of(struct kt_str word, enum kt_role *ret);
/* Which secrets are canaries is what an intruder would ask first. Those who act know, and those who
 * make evidence of the whole log, which has its settings and every alert in it; viewers do not. */
bool kt_role_knows_canaries(enum kt_role r);

#define KT_API_LINK_OF "link of " /* … a target: whoever came by a link in a message to it */

struct kt_jobs; /* dashboards/api/jobs.h */
struct kt_api_kept;
struct kt_alert_view; /* exporters/alerts/view.h */
struct kt_api_param {
    struct kt_str name, value; /* decoded; UTF-8, no NUL; at most KT_API_VALUE_MAX */
};
#define KT_API_PARAMS_MAX 132u /* a list is one a value: 100 ids, and what else a call takes */
#define KT_API_VALUE_MAX  (128u << 10)
#define KT_API_BODY_MAX   (64u << 10)
#define KT_API_SECRET     32u

/*
 * One call, on one worker thread. The server fills the first part; everything lent lives until the
 * call returns.
 */
struct kt_api {
    struct kt_ask *ask; /* open, of this worker; now, give_up (deadline, nobody listens any more),
                           ids and scope are set; window and damage are the call's to set */
    const struct kt_conf *conf; /* the collector's; NULL: a store without one (a backup, --db) */
    const char *config;         /* the file of conf; NULL: none */
    const char *store;          /* its path */
    const char *control;        /* the collector's socket; NULL: nobody to ask, nothing changes */
    struct kt_api_kept *kept; /* answers that all calls of the process share (kept.h); NULL: none */
    struct kt_alert_view *view; /* of this worker's reader; who looks at alerts lets it follow */
    struct kt_jobs *jobs;       /* for what runs as a process of its own; NULL: nothing does */
    const char *reports;        /* folder of evidence packages; NULL: none are made or shown here */
    kt_time_ns now;
    const char *user;      /* who asks: for records of the log */
    const uint8_t *secret; /* KT_API_SECRET bytes of chance, of this process: what it hands out to
                              be handed back is known by them */
    enum kt_role role;
    const struct kt_api_param *param; /* of the URL, then of a POST's JSON object (texts; numbers
                                         as they are written; lists as one param a value) */
    unsigned n_params;

    /* The answer. Status 0: 200. A call that fails with KT_E_* leaves out alone; the server makes
     * {"error":"…"} of it: INPUT 400, AGAIN 404, DENIED 403, LIMIT 503, IO 502, others 500. */
    int status;
    struct kt_query_fault wrong; /* with KT_E_INPUT: which bytes of q; len 0 and at 0: not of q */
    const char *type;            /* static; NULL: application/json */
    const char *policy; /* static; the answer's own Content-Security-Policy; NULL: the page's, which
                           lets a document load nothing that is not of the page */
    char file[128];     /* not empty: a download of this name */
    struct kt_buf out;
    /* Sends what is in out and empties it (little at once, it may leave there for the next time),
     * for answers that do not fit in memory; waits for a slow reader. KT_E_AGAIN: nobody reads any
     * more. Once called, status, type and file are settled. NULL: there is no such way, out is kept
     * whole. */
    enum kt_status (*send)(struct kt_api *a, struct kt_error *err);
    void *server; /* of whoever calls: behind send */
};
typedef enum kt_status kt_api_call(struct kt_api *a, struct kt_error *err);

/* The value of a parameter; empty when it is not there (the first of several). */
struct kt_str kt_api_get(const struct kt_api *a, const char *name);
/* A number in [least, most], or `other` when it is not there. KT_E_INPUT names the parameter. */
KT_MUST_USE enum kt_status kt_api_number(const struct kt_api *a, const char *name, uint64_t least,
                                         uint64_t most, uint64_t other, uint64_t *ret,
                                         struct kt_error *err);
/* tz into a->ask, seconds east of UTC: time zones are from 12 hours behind UTC to 14 before it. */
KT_MUST_USE enum kt_status kt_api_zone(struct kt_api *a, struct kt_error *err);
/* since and until into a->ask: ns since the epoch, RFC 3339 or any time expression of the command
 * line ("24h", "today"), in the zone tz; without them the last `span` (0: all). */
KT_MUST_USE enum kt_status kt_api_window(struct kt_api *a, kt_time_ns span, struct kt_error *err);
/* q, and the window: of since and until, else what q says itself, else the last `span`. KT_E_INPUT
 * says in a->wrong where q is. */
KT_MUST_USE enum kt_status kt_api_question(struct kt_api *a, kt_time_ns span, struct kt_str *ret_q,
                                           struct kt_error *err);
/* The body of an answer that failed: {"error":"…"}, with "at" and "len" where q is wrong. */
void kt_api_error(const struct kt_api *a, const struct kt_error *err, struct kt_buf *out);
/* "keytrail search --since … --until … 'q'": the command that asks the same of a->ask's window.
 * more: options of it, or "". */
void kt_api_command(const struct kt_api *a, const char *command, const char *more, struct kt_str q,
                    struct kt_buf *out);

/* ---- writing JSON into out: keys in order, commas by themselves ---- */
void kt_api_open(struct kt_buf *o, const char *key, char bracket); /* key NULL: in a list */
void kt_api_close(struct kt_buf *o, char bracket);
void kt_api_text(struct kt_buf *o, const char *key, struct kt_str s); /* null when empty */
void kt_api_u64(struct kt_buf *o, const char *key, uint64_t n);
void kt_api_time(struct kt_buf *o, const char *key, kt_time_ns t); /* ns; null when 0 */
void kt_api_real(struct kt_buf *o, const char *key, double x);     /* null when not finite */
void kt_api_flag(struct kt_buf *o, const char *key, bool yes);
void kt_api_some(struct kt_buf *o, const char *key, struct kt_str s);   /* nothing when empty */
void kt_api_raw(struct kt_buf *o, const char *key, struct kt_str json); /* null when empty */
/* One record as docs/api.md has it, an entry of a list or (key) a member. fact: of its address, or
 * NULL. */
void kt_api_add_record(struct kt_buf *o, const char *key, const struct kt_ask *ask,
                       const struct kt_record *r, const struct kt_fact *fact);
struct kt_series;
void kt_api_add_series(struct kt_buf *o, const char *key, const struct kt_series *s);
/* "window":{"since","until"},"coverage":{…},"damage":n: at the end of each answer over a window. */
void kt_api_covers(struct kt_api *a, struct kt_str instance);
/* The same of a coverage that is there already. */
struct kt_coverage;
void kt_api_covered(struct kt_api *a, const struct kt_coverage *c);
#define KT_API_LOOK_S 3u  /* patience: somebody looks at an empty page meanwhile */
#define KT_API_ACT_S  10u /* what changes something is to be known to have happened or not */
/* Asks the collector one line; waits at most so many seconds. Adds its answer, JSON lines.
 * KT_E_IO: there is none, or it does not answer; KT_E_INPUT: it refused, with its sentence. */
KT_MUST_USE enum kt_status kt_api_collector(const struct kt_api *a, struct kt_str request,
                                            unsigned patience_s, struct kt_buf *answer,
                                            struct kt_error *err);
