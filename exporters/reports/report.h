/*
 * report: what a report is, a table of parts that write sections of one document (doc.h), and what
 * the engine of the package (cli/report) hands it. Reports share their parts; each picks.
 *
 * Pure: a part reads answers (core/answer) and writes to the document. It opens nothing, asks no
 * clock, and says in red what it does not know.
 */
#pragma once
#include "core/answer/ask.h"
#include "core/answer/coverage.h"
#include "core/answer/pseudonym.h"
#include "core/config/config.h"
#include "exporters/reports/controls.h"
#include "exporters/reports/doc.h"
#include "exporters/reports/report_detector.h"

struct kt_report_checkpoint { /* one that was judged (core/answer/anchors.h) */
    kt_time_ns at;            /* newest signature of those that count; 0: none does */
    uint64_t size;
    uint8_t root[32];
    unsigned agents, witnesses; /* that signed, by keys that were given */
    struct kt_str by;           /* their names */
    struct kt_str from;         /* whose file it was brought in; empty: the store's own */
    struct kt_str says;         /* "fits", "DIVERGED: …" */
};
struct kt_report_proof { /* what was found out about the log's tree; borrowed */
    struct kt_str log_id;
    uint64_t first_seq, last_seq; /* records of the tree that the package speaks of */
    const char *word;             /* the verdict's: kt_verdict_word */
    struct kt_str verdict;        /* and its sentence: kt_judged_say */
    uint64_t witnessed, cosigned; /* records up to which that is so */
    bool anchored;                /* all of the period is witnessed */
    bool failed;                  /* something does not verify */
    struct kt_str text;           /* sentences of verify, one a line */
    kt_time_ns verified_at;       /* 0: nobody hashed the lines again */
    const struct kt_report_checkpoint *checkpoint;
    unsigned n_checkpoints;
};
struct kt_report_in {   /* borrowed while it is written */
    struct kt_ask *ask; /* its window is the period: both ends are set */
    /* Of the log, or of -c: retention, who is who, detectors, canaries. NULL: the log has none. */
    const struct kt_conf *conf;
    const struct kt_coverage *coverage;  /* of the period; NULL: not known, said in red */
    const struct kt_report_proof *proof; /* NULL: not verified, said in red */
    const struct kt_controls *controls;  /* never NULL: kt_controls_default() */
    const struct kt_pseudonyms *hide;    /* NULL: names as they are */
    struct kt_str organisation,
        system; /* of the cover; system: what the log calls itself, empty: it does not */
    const struct kt_report_detector *detector; /* all there are; none: not known, said in red */
    unsigned n_detectors;
    struct kt_str responses; /* management's text on exceptions; empty: none given */
    kt_time_ns review_every; /* 0: KT_REVIEW_EVERY */
};

struct kt_report_part; /* parts.h */
struct kt_report {
    const char *name; /* "soc2": its word on the command line, its file and its page */
    const char *title, *framework, *summary;
    const struct kt_report_part *const *parts; /* in their order, NULL-ended; the cover is first */
};
#define KT_REPORTS_MAX 16u
extern const struct kt_report *const kt_reports[];        /* registry.c; NULL-ended */
const struct kt_report *kt_report_of(struct kt_str name); /* NULL: there is none */
/* Writes all sections; kt_doc_end is the caller's. in->ask is walked several times. Memory is
 * bounded by the different names in the period, not by its records. KT_E_LIMIT: too many of them,
 * or in->ask gave up. */
KT_MUST_USE enum kt_status kt_report_write(const struct kt_report *r, const struct kt_report_in *in,
                                           struct kt_doc *d, struct kt_error *err);
