/* report_proof_int: what is found out about a log's tree, between finding and writing. */
#pragma once
#include "cli/report_proof.h"
#include "core/proof/note.h"
#include "core/store/proof.h"

enum kt_evidence_fault { KT_EVIDENCE_TAMPERED, KT_EVIDENCE_DIVERGED, KT_EVIDENCE_UNREADABLE };
struct kt_evidence_note { /* a checkpoint that fits, or is said not to */
    struct kt_head head;
    struct kt_buf text;
    kt_time_ns at; /* newest cosignature; 0: nobody else signed it */
    unsigned cosigned;
    struct kt_buf where; /* who did */
    char root[65];
};
struct kt_evidence_step { /* that the tree of `from` leaves is the beginning of that of `to` */
    uint64_t from, to;
    struct kt_buf path; /* packed */
};
struct kt_evidence_item { /* that an event is in the tree of `size` leaves */
    uint64_t seq, size;
    struct kt_buf record, line, path; /* line empty: left out */
};
struct kt_report_evidence {
    struct kt_report_proof proof;
    char log_id[33];
    uint8_t log_id_bytes[16];
    struct kt_head head;
    struct kt_evidence_note *notes; /* by size */
    unsigned n_notes, cap_notes;
    struct kt_evidence_step *steps;
    unsigned n_steps, cap_steps;
    struct kt_evidence_item items[KT_REPORT_SAMPLE]; /* by seq */
    unsigned n_items;
    struct kt_buf tombstones; /* lines */
    int64_t n_tombstones;
    struct kt_report_checkpoint *checkpoints; /* of proof */
    struct kt_buf text;                       /* sentences of verify.txt */
    uint64_t anchor; /* records up to here stand under a checkpoint that somebody else holds */
    unsigned faults; /* bits of enum kt_evidence_fault */
};
struct kt_evidence_work {
    const struct kt_report_proof_wish *wish;
    struct kt_report_evidence *e;
    struct kt_reader *reader, *other; /* other: the proofs' own */
    struct kt_proofs *proofs;
};
/* A sentence of verify.txt. */
void kt_evidence_say(struct kt_report_evidence *e, const char *fmt, ...) KT_PRINTF(2, 3);
void kt_evidence_fail(struct kt_report_evidence *e, enum kt_evidence_fault fault);
void kt_evidence_note_done(struct kt_evidence_note *n);
/* The store's own checkpoints and those of the wish: takes, judges, proves. */
KT_MUST_USE enum kt_status kt_evidence_checkpoints(struct kt_evidence_work *w,
                                                   struct kt_error *err);
