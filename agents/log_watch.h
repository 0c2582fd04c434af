/*
 * log_watch: what an agent knows of its collectors' logs, and its judgement about what it is shown
 * (THREATS T4, D6).
 *
 * Of each collector, by its CURVE key, it keeps the log's public keys and the newest checkpoint
 * that it has verified, in one file of the spool's folder, on the disk before anything is signed. A
 * checkpoint that contradicts what is kept is kept too, as evidence, and stops everything until
 * somebody accepts it; nothing here is silently believed again.
 *
 * No sockets, no clock: the engine feeds it. Files come in as an argument.
 */
#pragma once
#include "core/proof/note.h"
#include "core/sys/fs.h"

#define KT_WATCH_KEYS    4u /* of one log at a time: two while they are changed, and room */
#define KT_WATCH_STALE   (15 * KT_NS_MIN) /* connected, without a larger tree (THREATS T4) */
#define KT_WATCH_SAY_MAX 400u             /* bytes of a sentence */
#define KT_WATCH_BY_MAX  64u              /* of who accepted, and the NUL */
#define KT_WATCH_WHY_MAX 240u             /* of the reason, and the NUL */

enum kt_log_fault { /* how a log contradicts what was kept of it */
                    KT_WATCH_FINE,
                    KT_WATCH_OTHER,    /* another log id */
                    KT_WATCH_KEY,      /* not signed with a key that is known */
                    KT_WATCH_SMALLER,  /* fewer records than before */
                    KT_WATCH_FORKED,   /* another tree of the same size */
                    KT_WATCH_UNPROVEN, /* the proof does not lead from the kept tree to this one */
                    KT_WATCH_NO_PROOF, /* no proof is to be had that the kept tree is in this one */
                    KT_WATCH_LOST,     /* what was kept cannot be read */
};
const char *kt_log_fault_word(enum kt_log_fault f); /* "smaller" */

/* A checkpoint as it was shown: the note's bytes, and what they say. */
struct kt_shown {
    char *note, *keys; /* keys: a vkey a line; NULL: nothing was shown */
    uint8_t log_id[16];
    struct kt_head head;
    kt_time_ns at; /* wall */
};
/* Is it signed with one of the keys that came with it? */
bool kt_shown_signed(const struct kt_shown *s);
struct kt_accepted { /* who let a contradiction pass */
    kt_time_ns at;
    char by[KT_WATCH_BY_MAX], reason[KT_WATCH_WHY_MAX];
    uint8_t old_log[16], new_log[16];
    struct kt_head old_head, new_head;
};
struct kt_watched {        /* of one collector */
    uint8_t collector[32]; /* its CURVE key */
    struct kt_note_key configured;
    bool has_configured;
    uint8_t key[KT_WATCH_KEYS][32]; /* the log's public keys that are believed */
    unsigned n_keys;
    struct kt_shown kept; /* verified, on the disk */
    enum kt_log_fault fault;
    kt_time_ns fault_at;
    struct kt_shown evidence; /* the first that contradicted it */
    struct kt_shown against;  /* the newest since: what would be accepted */
    struct kt_accepted accepted;
};
void kt_watched_done(struct kt_watched *w);
/* One sentence about its fault, for people; "" when it has none. Returns buf. */
const char *kt_watched_say(const struct kt_watched *w, char buf[KT_WATCH_SAY_MAX]);

/* ---- log_watch_file.c: the durable form, <spool>/log-watch.json (docs/proof.md) ---- */
#define KT_WATCH_FILE     "log-watch.json"
#define KT_WATCH_ORDER    "log-accept.json"
#define KT_WATCH_FILE_MAX (256u << 10)

void kt_watched_write(const struct kt_watched *all, unsigned n, struct kt_buf *out);
/* Up to max; KT_E_CORRUPT says what is wrong: a note that none of its keys has signed, too. */
KT_MUST_USE enum kt_status kt_watched_read(struct kt_str text, struct kt_watched *ret, unsigned max,
                                           unsigned *ret_n, struct kt_error *err);
/* What an operator accepts: the contradicting checkpoint of one collector, as it was written. */
struct kt_log_order {
    uint8_t collector[32];
    struct kt_shown shown;
    struct kt_accepted accepted; /* at, by, reason; the rest is filled when it is carried out */
};
void kt_log_order_done(struct kt_log_order *o);
void kt_log_order_write(const struct kt_log_order *o, struct kt_buf *out);
KT_MUST_USE enum kt_status kt_log_order_read(struct kt_str text, struct kt_log_order *ret,
                                             struct kt_error *err);
/* Whole small files through kt_fs. read: KT_E_AGAIN when it is not there. */
KT_MUST_USE enum kt_status kt_log_file_read(const struct kt_fs *fs, const char *path,
                                            struct kt_buf *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_log_file_write(const struct kt_fs *fs, const char *dir,
                                             const char *path, struct kt_str text,
                                             struct kt_error *err);

/* ---- log_watch.c ---- */
struct kt_log_watch;
struct kt_log_watch_options {
    struct kt_fs fs;
    const char *dir; /* the spool's folder */
    unsigned n;      /* collectors, at most 2 */
    struct {
        const uint8_t *collector;             /* CURVE key, 32 bytes */
        const struct kt_note_key *configured; /* the log's key; NULL: the first one that is shown */
    } peer[2];
    kt_time_ns now;
};
/* Reads what is kept. What cannot be read is put aside (log-watch.damaged) and is a fault of every
 * collector. Fails only when the disk does. */
KT_MUST_USE enum kt_status kt_log_watch_open(const struct kt_log_watch_options *o,
                                             struct kt_log_watch **ret, struct kt_error *err);
void kt_log_watch_free(struct kt_log_watch *w);
const struct kt_watched *kt_log_watch_at(const struct kt_log_watch *w, unsigned peer);
bool kt_log_watch_holds(const struct kt_log_watch *w); /* one of them has a fault: believe no ack */

enum kt_log_verdict {
    KT_WATCH_NOTHING, /* nothing new, or nothing that can be judged */
    KT_WATCH_ASK,     /* no proof, or one from another size than is kept: ask from that one */
    KT_WATCH_KEPT,    /* verified and on the disk: sign it */
    KT_WATCH_AGAINST, /* a contradiction, and the first of its kind: say so */
};
struct kt_log_message {
    uint64_t from; /* 0: it comes without a proof */
    bool awaited;  /* a proof from the kept size was asked for in vain for KT_WATCH_STALE */
    struct kt_str keys, proof, note;
};
/* Judges a checkpoint. KT_E_INPUT: no checkpoint at all; KT_E_AGAIN and other faults: it fits but
 * could not be kept, so it counts for nothing. *ret_grown: its tree is larger than the one kept. */
KT_MUST_USE enum kt_status kt_log_watch_judge(struct kt_log_watch *w, unsigned peer,
                                              const struct kt_log_message *m, kt_time_ns now,
                                              enum kt_log_verdict *ret, bool *ret_grown,
                                              struct kt_error *err);
/* Carries out an order. KT_E_INPUT: it does not fit (another collector, no such contradiction);
 * KT_E_AGAIN: it was carried out before. On the disk when it returns. */
KT_MUST_USE enum kt_status kt_log_watch_accept(struct kt_log_watch *w, struct kt_log_order *o,
                                               unsigned *ret_peer, struct kt_error *err);
