/*
 * signer: the process that alone opens the log key (THREATS T3, T5, S1), and the collector's side
 * of its socket pair.
 *
 * It signs a head of its log only behind the last one that it signed: with a consistency proof from
 * there, never a smaller size, never another root for the same size; and another log only by an
 * order that names both. What it signed last is on the disk, in its own folder, before the
 * signature leaves it. It has no network and starts nothing (core/sys/sandbox.h).
 */
#pragma once
#include "core/config/config.h"
#include "core/proof/note.h"
#include "core/sys/clock.h"

/* ---- orders and answers ---- */

enum kt_sign_what {
    KT_SIGN_STATE = 1, /* what did it sign last? */
    KT_SIGN_HEAD,      /* head and path: sign it */
    KT_SIGN_NEW_LOG,   /* from now on log_id, no longer before_id */
    KT_SIGN_KEYS,      /* read the key file again */
};
struct kt_sign_order {
    enum kt_sign_what what;
    uint8_t log_id[16];
    uint8_t before_id[16]; /* NEW_LOG */
    struct kt_head head;   /* HEAD */
    struct kt_path path;   /* HEAD: from the head that it signed last */
};
enum kt_sign_verdict {
    KT_SIGN_DONE,
    KT_SIGN_SMALLER,    /* than what it signed last */
    KT_SIGN_OTHER_ROOT, /* for the size that it signed last */
    KT_SIGN_NO_PROOF,   /* the path does not lead from what it signed last */
    KT_SIGN_OTHER_LOG,  /* than it signs for */
    KT_SIGN_OLD_LOG,    /* one that it was told to leave */
    KT_SIGN_BAD_KEYS,   /* none of those in use is in the file, or it does not read */
    KT_SIGN_NOT_KEPT,   /* its state could not be written: nothing was signed */
    KT_SIGN_NONSENSE,   /* no order */
};
struct kt_sign_answer {
    enum kt_sign_verdict verdict;
    bool known; /* it has signed before: for this log, up to this head */
    uint8_t log_id[16];
    struct kt_head head;
    unsigned n_keys; /* older first */
    uint8_t public_key[KT_LOG_SEEDS][32];
    struct kt_buf text; /* HEAD: signature lines. KEYS: for each new key a note about it, signed by
                           those before, and an empty line behind each */
    char why[200];      /* not DONE: one sentence */
};
void kt_sign_answer_done(struct kt_sign_answer *a);
#define KT_SIGN_MESSAGE (8u << 10) /* bytes of an order or an answer */
void kt_sign_order_write(const struct kt_sign_order *o, struct kt_buf *out);
bool kt_sign_order_read(struct kt_str bytes, struct kt_sign_order *ret);
void kt_sign_answer_write(const struct kt_sign_answer *a, struct kt_buf *out);
bool kt_sign_answer_read(struct kt_str bytes, struct kt_sign_answer *ret);

/* ---- what decides; no process, no files: the rest is in signer_process.c ---- */

struct kt_signing {
    struct kt_log_keys keys;
    bool known;
    uint8_t log_id[16];
    struct kt_head head; /* signed last */
    struct kt_buf left;  /* ids of logs that it left, 16 bytes each, newest last */
    /* Keeps the state, synced; the key file as it is now. */
    enum kt_status (*keep)(void *self, struct kt_str state, struct kt_error *err);
    enum kt_status (*read_keys)(void *self, struct kt_log_keys *ret, struct kt_error *err);
    void *self;
};
#define KT_SIGNING_LEFT 256u /* logs that are remembered */
/* The state as kept (docs/proof.md). KT_E_CORRUPT: it is none. */
KT_MUST_USE enum kt_status kt_signing_read(struct kt_str state, struct kt_signing *ret,
                                           struct kt_error *err);
void kt_signing_write(const struct kt_signing *s, struct kt_buf *out);
void kt_signing_done(struct kt_signing *s); /* wipes the keys */
/* Takes one order. The answer's text is the caller's. */
void kt_signing_take(struct kt_signing *s, struct kt_str order, struct kt_sign_answer *ret);

/* ---- the process ---- */

/* `keytrail signer KEY-FILE FOLDER`, with the socket as KT_SPAWN_FD: serves until that is closed.
 */
int kt_signer_main(const char *key_file, const char *folder);

/* ---- the collector's side ---- */

struct kt_signer_options {
    const char *program; /* NULL: the one that runs */
    const char *key_file, *folder;
};
struct kt_signer_child;
/* Starts it and waits for its first word, 10 s at most. KT_E_AGAIN: there is no key file.
 * KT_E_CONFIG, KT_E_CORRUPT, KT_E_DENIED: it says what is wrong with key, state or folder. */
KT_MUST_USE enum kt_status kt_signer_start(const struct kt_signer_options *o,
                                           struct kt_signer_child **ret, struct kt_error *err);
void kt_signer_stop(struct kt_signer_child *s);
int kt_signer_pid(const struct kt_signer_child *s);
/* One order, one answer, 10 s at most. KT_E_IO: it is gone or says nothing; stop it. A refusal is
 * KT_OK with its verdict. */
KT_MUST_USE enum kt_status kt_signer_ask(struct kt_signer_child *s, const struct kt_sign_order *o,
                                         struct kt_sign_answer *ret, struct kt_error *err);
