/*
 * checkpoint: the signed heads of the log (THREATS T2-T4): at most 60 s behind, durable before they
 * are published, and again every 60 s when nothing has come.
 *
 * Order: records durable -> signed (collector/signer.h) -> checkpoint durable -> published. A
 * thread of its own, with its own reader, makes heads and proofs and asks the signer; every call
 * here is made by the writer's thread and waits for nothing.
 *
 * In the store: blob KT_CHECKPOINT_BLOB, the newest note with its cosignatures, and
 * KT_CHECKPOINT_HISTORY<size>, older ones: of the last day one an hour, before it one a day and
 * those that a witness has cosigned, one an hour at most. The newest one that a witness has
 * cosigned is among them from the commit on that carries its cosignature.
 */
#pragma once
#include "core/config/config.h"
#include "core/proof/note.h"
#include "core/store/write.h"
#include "core/sys/clock.h"

#define KT_CHECKPOINT_EVERY    (50 * KT_NS_S) /* made and committed, nothing is 60 s behind */
#define KT_CHECKPOINT_LATE     (15 * KT_NS_MIN)
#define KT_CHECKPOINT_PROOFS_S 16u /* proofs from older sizes in a second; the others wait */
#define KT_CHECKPOINT_WAITING  4096u

struct kt_checkpoints;

/* ---- what is published ---- */

struct kt_checkpoint_news { /* views live until the next call of anything here */
    uint64_t number;        /* 1, 2 … with each publication of this life, heartbeats too */
    kt_time_ns at;          /* wall clock, when it was signed */
    struct kt_str note;     /* with the cosignatures so far */
    struct kt_head head;
    uint64_t from; /* size that `proof` leads from: of the checkpoint before, 0: of the first */
    struct kt_str proof; /* a consistency path, packed (kt_path_pack); of a heartbeat empty */
};
/* The newest one; false: there is none yet. */
bool kt_checkpoints_newest(const struct kt_checkpoints *c, struct kt_checkpoint_news *ret);

/* Somebody knows an older head: answer() is called on the writer's thread, in a later turn, with
 * the newest checkpoint then and a proof from there; news NULL: there is none, from is larger than
 * the log, or retention took what it needs (`why` says so). A second wish with the same tag
 * replaces the first. KT_E_LIMIT: KT_CHECKPOINT_WAITING others wait. */
struct kt_checkpoint_wish {
    uint64_t from, tag; /* size; whose it is (a peer's number, a witness's) */
    void (*answer)(void *self, uint64_t tag, const struct kt_checkpoint_news *news,
                   const char *why);
    void *self;
};
KT_MUST_USE enum kt_status kt_checkpoints_wish(struct kt_checkpoints *c,
                                               const struct kt_checkpoint_wish *w,
                                               struct kt_error *err);
/* Whoever it was is gone. */
void kt_checkpoints_forget(struct kt_checkpoints *c, uint64_t tag);

/* ---- what comes back ---- */

struct kt_cosignature {
    struct kt_head head;           /* what was cosigned */
    struct kt_str line;            /* "— <name> <base64>", with or without its newline */
    const struct kt_note_key *key; /* those it may be by: of one agent, of one witness */
    unsigned n_keys;
    bool witness; /* not one of our agents: its checkpoints are kept */
};
/* Checks it and adds it to the checkpoint of that size, which the next commit carries; the newest
 * one and the one before are held. KT_E_INPUT: no such signature by these keys, or of a head that
 * this log never had under that size: the peer saw another tree, and `err` says so. KT_E_AGAIN: of
 * an older checkpoint, or of one with signatures enough. */
KT_MUST_USE enum kt_status kt_checkpoints_cosign(struct kt_checkpoints *c,
                                                 const struct kt_cosignature *s,
                                                 struct kt_error *err);

/* ---- the collector's own side (daemon_checkpoint.c) ---- */

struct kt_checkpoints_options {
    const struct kt_conf *conf; /* store_path, log_key_file, signer_dir; borrowed */
    struct kt_store *store;
    struct kt_clock clock;
};
/* Starts the thread, which starts the signer. A missing key is no error: nothing is signed, and
 * kt_checkpoints_trouble says so. */
KT_MUST_USE enum kt_status kt_checkpoints_open(const struct kt_checkpoints_options *o,
                                               struct kt_checkpoints **ret, struct kt_error *err);
void kt_checkpoints_close(struct kt_checkpoints *c);
int kt_checkpoints_fd(const struct kt_checkpoints *c); /* readable: turn */
/* Takes what was made and answers wishes. true: kt_checkpoints_put has something to write. */
bool kt_checkpoints_turn(struct kt_checkpoints *c);
/* Inside a transaction. */
KT_MUST_USE enum kt_status kt_checkpoints_put(struct kt_checkpoints *c, struct kt_error *err);
void kt_checkpoints_committed(struct kt_checkpoints *c); /* what was put is on the disk: publish */

struct kt_checkpoints_trouble {
    uint64_t tries;       /* so far in this life: all below is news when it has changed */
    bool refused;         /* by the signer; why: its sentence */
    bool late;            /* nothing was signed for KT_CHECKPOINT_LATE */
    bool signer_died;     /* since the last signature */
    bool works;           /* the newest try was signed */
    const char *why;      /* of the newest try; "" */
    uint64_t signed_size; /* refused: by the signer, of the log that it signs for */
};
void kt_checkpoints_trouble(const struct kt_checkpoints *c, struct kt_checkpoints_trouble *ret);
/* The public keys that sign now, older first, as vkeys of this log, a line each; empty until the
 * signer has spoken. */
void kt_checkpoints_keys(const struct kt_checkpoints *c, struct kt_buf *out);
/* While two keys sign: what the older one says of the newer (core/proof/note.h), for agents. */
void kt_checkpoints_vouches(const struct kt_checkpoints *c, struct kt_buf *out);
/* A JSON object: size, at, age_s, cosigned by whom, refused, why, keys. */
void kt_checkpoints_status(const struct kt_checkpoints *c, struct kt_buf *out);

/* People's orders; they wait for the signer, some seconds at most. */
/* The signer reads the key file again. ret_note: what the old key says of each new one (signer.h);
 * KT_E_CONFIG: it refuses, and says why. */
KT_MUST_USE enum kt_status kt_checkpoints_new_keys(struct kt_checkpoints *c,
                                                   struct kt_buf *ret_note, struct kt_error *err);
/* What the signer signed last, and for which log; KT_E_AGAIN: nothing yet. */
KT_MUST_USE enum kt_status kt_checkpoints_last(struct kt_checkpoints *c, uint8_t ret_log_id[16],
                                               struct kt_head *ret, struct kt_error *err);
/* The signer leaves log `before` for the one that the store now holds. */
KT_MUST_USE enum kt_status kt_checkpoints_new_log(struct kt_checkpoints *c,
                                                  const uint8_t before[16],
                                                  const uint8_t log_id[16], struct kt_error *err);
