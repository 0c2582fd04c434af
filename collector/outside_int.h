/* outside_int: the copies, shared by outside's files only. */
#pragma once
#include <pthread.h>

#include "collector/hook.h"
#include "collector/outside.h"
#include "core/base/arena.h"
#include "core/sys/http.h"

#define OUTSIDE_HEADERS 16u

struct outgoing {              /* one checkpoint on its way */
    struct kt_buf note, proof; /* proof: from `from`; of a witness only */
    struct kt_head head;
    kt_time_ns at;
    uint64_t from;
};
enum outside_verdict {
    OUTSIDE_TAKEN,
    OUTSIDE_AGAIN,   /* later */
    OUTSIDE_FROM,    /* a witness knows another size: ruling.from */
    OUTSIDE_REFUSED, /* somebody must mend it; tried again, slowly */
    OUTSIDE_TOO_OLD, /* a witness has seen more than there is */
};
struct outside_ruling {
    enum outside_verdict verdict;
    uint64_t from;
    char word[160];
};
struct copy {
    const struct kt_conf_copy *conf;
    struct kt_note_key witness;
    struct kt_buf url, key; /* wiped at the end */
    struct kt_hook_keys hook;
    bool wished; /* the writer's: a proof is being made */

    /* Below: behind the lock. */
    struct outgoing out;
    bool under_way, wants_proof, has_proof;
    uint64_t knows;      /* size that the witness has, as it says or as it took */
    uint64_t taken;      /* size */
    kt_time_ns taken_at; /* wall */
    kt_time_ns next;     /* mono: not before */
    kt_time_ns failing;  /* mono of the first failure in a row; 0: none */
    unsigned failures;
    char last_error[200];
    bool told;        /* of this row of failures */
    const char *code; /* to be told; NULL: nothing */
    char sentence[240];
    struct kt_buf signed_lines; /* by the witness, of signed_head */
    struct kt_head signed_head;
};
struct kt_outside {
    struct kt_outside_options o;
    struct copy *copies;
    unsigned n;
    uint64_t number; /* of the newest checkpoint that the thread has */
    pthread_t thread;
    bool threaded;
    pthread_mutex_t lock;
    int wake, ready; /* eventfds: for the thread, for the writer */
    bool quit;
    struct outgoing newest;
};

/* outside_make.c: pure. The request for a copy's c->out; headers and body live in arena. */
KT_MUST_USE enum kt_status outside_request(const struct kt_outside *o, const struct copy *c,
                                           kt_time_ns now, struct kt_arena *arena,
                                           struct kt_str headers[OUTSIDE_HEADERS],
                                           struct kt_http_request *ret, struct kt_error *err);
void outside_judge(const struct copy *c, const struct kt_http_answer *a,
                   struct outside_ruling *ret);

/* outside_thread.c */
void *outside_work(void *self);
/* Is there something newer for it, and is it time? Behind the lock. */
bool outside_due(const struct kt_outside *o, const struct copy *c, kt_time_ns mono);
