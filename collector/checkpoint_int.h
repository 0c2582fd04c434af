/* checkpoint: what its parts share. Included by collector/checkpoint*.c and their tests only. */
#pragma once
#include "collector/checkpoint.h"
#include "collector/signer.h"
#include "core/store/proof.h"
#include "core/sys/clock.h"

/* ---- checkpoint_make.c: heads, proofs and signatures; of one thread, whichever ---- */

struct kt_making {
    const char *store_path, *key_file, *folder, *program;
    uint8_t log_id[16];
    struct kt_clock clock;
    struct kt_reader *reader;
    struct kt_proofs *proofs;
    struct kt_signer_child *signer;
    kt_time_ns start_at, start_wait; /* no earlier (mono), and what comes after that */
    bool died;                       /* since the last signature */
    /* Instead of a process, in tests; NULL: none. */
    enum kt_status (*ask)(void *self, const struct kt_sign_order *o, struct kt_sign_answer *ret,
                          struct kt_error *err);
    void *ask_self;
};
enum kt_made_what {
    KT_MADE_NOTHING, /* the log is empty */
    KT_MADE_SIGNED,
    KT_MADE_REFUSED, /* by the signer */
    KT_MADE_FAILED,  /* it could not be done now */
};
struct kt_made {
    enum kt_made_what what;
    kt_time_ns at; /* wall */
    struct kt_head head;
    struct kt_buf note;
    uint64_t from; /* SIGNED: what was published last, and the proof from there, packed */
    struct kt_buf proof;
    bool signer_died; /* and was started again */
    bool last_known;
    struct kt_head last; /* of the signer */
    uint8_t last_log[16];
    unsigned n_keys;
    uint8_t public_key[KT_LOG_SEEDS][32];
    char why[240];
};
void kt_made_done(struct kt_made *m);
/* One checkpoint of all that is committed now. published: size of the newest one that is published,
 * 0: none. */
void kt_making_head(struct kt_making *m, uint64_t published, struct kt_made *ret);
/* A proof between two sizes. */
KT_MUST_USE enum kt_status kt_making_proof(struct kt_making *m, uint64_t from, uint64_t to,
                                           struct kt_path *ret, struct kt_error *err);
/* An order of a person. */
KT_MUST_USE enum kt_status kt_making_order(struct kt_making *m, const struct kt_sign_order *o,
                                           struct kt_sign_answer *ret, struct kt_error *err);
/* Has the signer ended by itself? false: not that anybody knows. */
bool kt_making_lost_signer(struct kt_making *m);
void kt_making_done(struct kt_making *m);

/* ---- checkpoint_thread.c: the same beside the writer ---- */

struct kt_maker;
struct kt_asked { /* a proof that is wished for, and what became of it */
    uint64_t from, to;
    enum kt_status st;
    struct kt_path path;
    char why[160];
};
KT_MUST_USE enum kt_status kt_maker_start(const struct kt_making *making, uint64_t published,
                                          struct kt_maker **ret, struct kt_error *err);
void kt_maker_stop(struct kt_maker *m);
int kt_maker_fd(const struct kt_maker *m); /* readable: something was made */
bool kt_maker_take(struct kt_maker *m, struct kt_made *ret);
void kt_maker_published(struct kt_maker *m, uint64_t size);
/* false: so many are under way already. */
bool kt_maker_ask(struct kt_maker *m, uint64_t from, uint64_t to);
bool kt_maker_answer(struct kt_maker *m, struct kt_asked *ret);
void kt_maker_hurry(struct kt_maker *m); /* a checkpoint now */
/* In the caller's thread; waits for the signer, 10 s at most. */
KT_MUST_USE enum kt_status kt_maker_order(struct kt_maker *m, const struct kt_sign_order *o,
                                          struct kt_sign_answer *ret, struct kt_error *err);

/* ---- checkpoint_keep.c: older checkpoints in the store ---- */

struct kt_kept { /* an older one in the store */
    uint64_t size;
    kt_time_ns at;
    bool witnessed;
};
#define KT_KEPT_MAX 64u
struct kt_keeping { /* those of the last day: which of them go is not decided yet */
    struct kt_kept at[KT_KEPT_MAX];
    unsigned n;
};
KT_MUST_USE enum kt_status kt_keeping_load(struct kt_store *store, struct kt_keeping *ret,
                                           struct kt_error *err);
struct kt_kept *kt_keeping_find(struct kt_keeping *k, uint64_t size); /* NULL: it is not kept */
/* Inside a transaction, as the two below: the note of one that is kept. */
KT_MUST_USE enum kt_status kt_keeping_put(struct kt_store *store, uint64_t size, struct kt_str note,
                                          struct kt_error *err);
/* A witness has cosigned the one of that size: it is kept from now on, in the place of the one
 * before it that a witness has cosigned in that hour. Its note is put beside this. */
KT_MUST_USE enum kt_status kt_keeping_witnessed(struct kt_keeping *k, struct kt_store *store,
                                                uint64_t size, kt_time_ns at, struct kt_error *err);
/* The newest one gives way to one signed at `next`. Keeps it when it was the last of its hour and
 * that has none that a witness has cosigned, and lets those go that no rule keeps any more. */
KT_MUST_USE enum kt_status kt_keeping_pass(struct kt_keeping *k, struct kt_store *store,
                                           const struct kt_kept *newest, struct kt_str note,
                                           kt_time_ns next, struct kt_error *err);

/* ---- checkpoint.c, checkpoint_cosign.c, checkpoint_say.c: the writer's side ---- */

struct kt_held {
    struct kt_buf note;
    struct kt_head head;
    kt_time_ns at;
    uint64_t from;
    struct kt_buf proof;
    unsigned agents;
    bool witnessed, dirty;
};
struct kt_wish {
    struct kt_checkpoint_wish w;
    bool given; /* to the thread */
};
struct kt_checkpoints {
    struct kt_checkpoints_options o;
    uint8_t log_id[16];
    struct kt_maker *maker;
    struct kt_held newest, before, next; /* size 0: there is none */
    bool beat;                           /* publish again what is there */
    bool putting;                        /* of the open transaction */
    uint64_t number, tries;
    struct kt_keeping keeping;
    struct kt_wish *wishes;
    unsigned n_wishes, cap_wishes;
    struct kt_buf answer; /* the proof in the news of a wish */
    kt_time_ns signed_mono, cosign_due;
    struct kt_made last; /* without note and proof: how the newest try ended */
    unsigned n_keys;
    uint8_t public_key[KT_LOG_SEEDS][32];
    struct kt_buf vouches; /* of the newest exchange of keys, done or not */
};
