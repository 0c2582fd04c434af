/* report_proof_int: what is found out about a log's tree, between finding and writing. */
#pragma once
#include "cli/report_proof.h"
#include "core/proof/note.h"
#include "core/store/proof.h"

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
    const struct kt_anchor **notes; /* the store's own, of this log id, by size; borrowed */
    unsigned n_notes;
    struct kt_evidence_step *steps;
    unsigned n_steps, cap_steps;
    struct kt_evidence_item items[KT_REPORT_SAMPLE]; /* by seq */
    unsigned n_items;
    struct kt_buf tombstones; /* lines */
    int64_t n_tombstones;
    struct kt_report_checkpoint *checkpoints; /* of proof */
    struct kt_buf *says;                      /* of checkpoints: what came of each */
    struct kt_buf verdict;
    struct kt_buf text;            /* sentences of verify.txt */
    unsigned problems, unreadable; /* that were found beside kt_reader_verify: all; of them … */
    struct kt_judged judged;
};
struct kt_evidence_work {
    const struct kt_report_proof_wish *wish;
    struct kt_report_evidence *e;
    struct kt_reader *reader, *other; /* other: the proofs' own */
    struct kt_proofs *proofs;
};
/* A sentence of verify.txt. */
void kt_evidence_say(struct kt_report_evidence *e, const char *fmt, ...) KT_PRINTF(2, 3);
/* A fault, with its sentence. */
void kt_evidence_fault(struct kt_report_evidence *e, enum kt_fault fault, const char *fmt, ...)
    KT_PRINTF(3, 4);
/* The store's own checkpoints join those that are held. */
KT_MUST_USE enum kt_status kt_evidence_take(struct kt_evidence_work *w, struct kt_error *err);
/* Holds the log against them, by its lines or by its tree alone, and judges. */
KT_MUST_USE enum kt_status kt_evidence_judge(struct kt_evidence_work *w, struct kt_error *err);
/* Proofs from each that fits to the next, and to the tree. */
void kt_evidence_steps(struct kt_evidence_work *w);
