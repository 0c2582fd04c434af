/*
 * report_proof: what a package says of the log's tree: checkpoints with their cosignatures, proofs
 * that each is the beginning of the next, that some of the period's events are in it, what was
 * removed, and the verdict, which is that of `keytrail verify` (core/answer/anchors.h).
 */
#pragma once
#include "cli/held.h"
#include "cli/report_package.h"
#include "core/proof/merkle.h"
#include "core/store/read.h"
#include "exporters/reports/report.h"

#define KT_REPORT_SAMPLE 25u /* events with a proof */

struct kt_report_proof_wish {
    const char *store;       /* path: it is read through a reader of its own */
    kt_time_ns since, until; /* the period, event time */
    bool hash_all;           /* hash every line again (keytrail verify) */
    bool hide;               /* no lines of events into the package: they hold names */
    kt_time_ns now;
    struct kt_anchors *anchors; /* with what is held (kt_held_take); the store's own join it */
    const struct kt_auth
        *agents; /* whose signatures of batches hash_all checks; NULL: not looked at */
};
struct kt_report_evidence; /* owns what `proof` borrows */
/* Reads checkpoints, makes proofs, judges. A log without a checkpoint is no error: the verdict says
 * it. */
KT_MUST_USE enum kt_status kt_report_evidence_load(const struct kt_report_proof_wish *w,
                                                   struct kt_report_evidence **ret,
                                                   struct kt_error *err);
void kt_report_evidence_free(struct kt_report_evidence *e);
const struct kt_report_proof *kt_report_evidence_proof(const struct kt_report_evidence *e);
struct kt_head kt_report_evidence_head(const struct kt_report_evidence *e); /* the tree's */
/* The file that a checkpoint was brought in, without its folders, which may be called after people;
 * empty: none. */
struct kt_str kt_report_anchor_name(const struct kt_anchor *x);
/* integrity/checkpoints.json, consistency.json, inclusion.json, tombstones.ndjson, verify.txt. */
KT_MUST_USE enum kt_status kt_report_evidence_write(const struct kt_report_evidence *e,
                                                    struct kt_package *p, struct kt_error *err);
