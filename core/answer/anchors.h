/*
 * anchors: what the checkpoints of a log that people hold say about a store of today, in the words
 * of THREATS T8. Its own checkpoints, which lie in it, and those from outside.
 *
 * Gather, ask verify for the roots at their sizes (kt_anchors_heads), judge. Whoever owns the host
 * can rewrite a store and everything in it, the log's key in hand; what cannot be rewritten is a
 * checkpoint that somebody holds elsewhere, and a signature by a key that was never on the host.
 */
#pragma once
#include "core/proof/note.h"
#include "core/store/read.h"

enum kt_anchor_state {
    KT_ANCHOR_UNJUDGED,
    KT_ANCHOR_FITS,     /* the log of today begins with just that tree */
    KT_ANCHOR_DIVERGED, /* it does not: what the checkpoint covers was changed */
    KT_ANCHOR_CUT,      /* it has fewer records than were signed */
    KT_ANCHOR_REMOVED,  /* retention took records at that size: no root to compare */
    KT_ANCHOR_LOST,     /* signed before the log was renewed after a restore, which lost it */
    KT_ANCHOR_FOREIGN,  /* of another log */
    KT_ANCHOR_FORGED,   /* no key that was given made its signature, or it is no checkpoint */
};
enum kt_anchor_keeper {                    /* whose key: what a signature by it is worth */
                        KT_KEEPER_LOG,     /* the log's own */
                        KT_KEEPER_AGENT,   /* of this host's allow-list */
                        KT_KEEPER_WITNESS, /* brought along by whoever asks */
};
struct kt_anchor_key {
    struct kt_note_key key;
    enum kt_anchor_keeper keeper;
};
struct kt_anchor {
    struct kt_buf note;
    char *where; /* a file's name; NULL: the store itself */
    uint8_t log_id[16];
    struct kt_head head;
    enum kt_anchor_state state;
    bool log_signed;            /* by one of the log's keys that were given */
    unsigned agents, witnesses; /* that cosigned */
    kt_time_ns when;            /* newest of their signatures; 0: none */
    struct kt_buf by;           /* their names, ", " between them */
};
struct kt_anchors {
    struct kt_anchor *at; /* by size, once kt_anchors_heads was called */
    unsigned n, cap;
    struct kt_anchor_key *key;
    unsigned n_keys, cap_keys, n_log_keys;
    struct kt_verify_head *head; /* one an anchor */
    struct kt_anchor_name {      /* this log's, and those that it was renewed from */
        uint8_t log_id[16];
        uint64_t size; /* records that were kept of it */
    } * name;
    unsigned n_names;
    unsigned n_garbled;      /* kept in the store as checkpoints, and none: somebody wrote there */
    struct kt_error garbled; /* the first of them */
};
void kt_anchors_done(struct kt_anchors *a);
/* Keys first, then checkpoints. KT_E_INPUT: a log's key for a cosigner, or the other way round: a
 * log does not witness itself. */
KT_MUST_USE enum kt_status kt_anchors_key(struct kt_anchors *a, const struct kt_note_key *key,
                                          enum kt_anchor_keeper keeper, struct kt_error *err);
/* A checkpoint from outside; where: for sentences, copied. KT_E_INPUT: it is none. */
KT_MUST_USE enum kt_status kt_anchors_add(struct kt_anchors *a, const char *where,
                                          struct kt_str note, struct kt_error *err);
/* Those in the store, and the names that the log had. What is no checkpoint there is counted. */
KT_MUST_USE enum kt_status kt_anchors_load(struct kt_anchors *a, struct kt_reader *r,
                                           struct kt_error *err);
/* For kt_verify_options.heads: a->n of them, borrowed. */
struct kt_verify_head *kt_anchors_heads(struct kt_anchors *a);

enum kt_verdict {
    KT_VERDICT_WITNESSED, /* verified, and held by somebody outside up to some record */
    KT_VERDICT_COSIGNED,  /* verified, cosigned by agents alone, whose keys this host vouches for */
    KT_VERDICT_UNANCHORED, /* verified, and nobody else could contradict it */
    KT_VERDICT_TAMPERED,
    KT_VERDICT_DIVERGED,
    KT_VERDICT_UNREADABLE,
};
const char *kt_verdict_word(enum kt_verdict v); /* "witnessed" … */
struct kt_judged {
    enum kt_verdict verdict;
    uint64_t witnessed, cosigned; /* records up to which that is so; 0: none */
    kt_time_ns witnessed_at, cosigned_at;
    uint64_t tail; /* records behind the larger of both */
    unsigned fit;
    unsigned contradict; /* checkpoints that do not, and those from outside that cannot be compared
                            with this log at all: whoever brings one expects that it fits */
};
/* After kt_reader_verify filled the heads. */
void kt_anchors_judge(struct kt_anchors *a, const struct kt_verify_result *v,
                      struct kt_judged *ret);
/* The verdict as a sentence, without its end: "verified, witnessed to record 48168 (2026-… UTC)".
 * hashed: every line was, so that "verified" may be said. */
void kt_judged_say(const struct kt_judged *j, bool hashed, struct kt_buf *out);
/* One clause about a judged checkpoint: "fits", "DIVERGED: its root is <hex>, …". */
void kt_anchor_say(const struct kt_anchor *a, const struct kt_verify_head *head,
                   const struct kt_verify_result *v, struct kt_buf *out);
