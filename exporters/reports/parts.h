/*
 * parts: the parts that reports are made of, one a section, and what they are written from.
 *
 * A part's key names it in controls.csv and in the names of its CSV files
 * ("csv/16_failed_reasons.csv").
 */
#pragma once
#include "core/answer/changes.h"
#include "core/answer/inventory.h"
#include "core/answer/population.h"
#include "core/answer/told.h"
#include "core/query/decisions.h"
#include "core/query/holds.h"
#include "core/query/reviews.h"
#include "exporters/reports/alert_register.h"
#include "exporters/reports/report.h"

struct kt_evidence { /* answers, each asked once; and where they go */
    const struct kt_report *report;
    const struct kt_report_in *in;
    struct kt_ask *ask;
    struct kt_doc *doc;
    unsigned section; /* of the part that is being written */
    struct kt_population *pop;
    struct kt_alert_register *alerts;
    struct kt_changes *changes;
    struct kt_inventory *inventory;
    struct kt_told *told;
    struct kt_reviews reviews;
    struct kt_decisions decisions;
    struct kt_holds holds;
    struct kt_store_stats stats;
    struct kt_arena cells;     /* texts of the row that is being written */
    struct kt_buf file, query; /* of the table that is being written */
    struct kt_doc_table table;
    char window[96];                                   /* "--since … --until …", for queries */
    char from[KT_TIME_TEXT_MAX], to[KT_TIME_TEXT_MAX]; /* "2025-10-01 00:00" UTC */
};
struct kt_report_part {
    const char *key, *title;
    enum kt_status (*write)(struct kt_evidence *e, struct kt_error *err);
};
/* clang-format off */
#define KT_REPORT_PARTS(X)                                                                         \
    X(cover) X(summary) X(scope) X(flow) X(ipe) X(coverage) X(retention) X(integrity) X(time)      \
    X(inventory) X(rotation) X(access) X(privileged) X(actors) X(places) X(failed) X(reviews)      \
    X(detectors) X(alerts) X(register) X(changes) X(outages) X(controls) X(method)
/* clang-format on */
#define X(name) extern const struct kt_report_part kt_part_##name;
KT_REPORT_PARTS(X)
#undef X
extern const struct kt_report_part *const kt_report_all_parts[]; /* NULL-ended */

/* ---- what parts share (evidence.c) ---- */

/* The section of a part in this report; 0: it is not there. */
unsigned kt_part_section(const struct kt_evidence *e, const struct kt_report_part *part);

/* A table of the section. name: "reasons", of its CSV file; query may be NULL; the period is added
 * to it where it is a search or coverage, which take one. */
struct kt_part_table {
    const char *name, *title;
    const struct kt_doc_column *columns;
    unsigned n, shown;
    const char *query, *empty;
};
void kt_part_table(struct kt_evidence *e, const struct kt_part_table *t);
/* A row; the cells' texts may go afterwards. */
void kt_part_row(struct kt_evidence *e, const struct kt_doc_cell *cells);
uint64_t kt_part_table_end(struct kt_evidence *e);

/* Cells, valid until the row is written. Names are as in->hide wants them. */
struct kt_doc_cell kt_part_actor(struct kt_evidence *e, struct kt_str actor);
struct kt_doc_cell kt_part_secret(struct kt_evidence *e, struct kt_str secret);
struct kt_doc_cell kt_part_ip(struct kt_evidence *e, struct kt_ip ip);
struct kt_doc_cell kt_part_free(struct kt_evidence *e, struct kt_str text); /* people wrote it */
struct kt_doc_cell kt_part_word(const char *word);
struct kt_doc_cell kt_part_when(kt_time_ns t);                          /* 0: none */
struct kt_doc_cell kt_part_share(uint64_t part, uint64_t of);           /* of 0: none */
struct kt_str kt_part_name(struct kt_evidence *e, struct kt_str actor); /* for sentences */

/* "1,234,567". Returns buf. */
#define KT_PART_NUMBER_MAX 32
const char *kt_part_number(uint64_t n, char buf[KT_PART_NUMBER_MAX]);
/* "12.3 %"; "none" of 0. */
const char *kt_part_percent(uint64_t part, uint64_t of, char buf[KT_PART_NUMBER_MAX]);
/* How much of the period the log covers: "99.9 %", "not known". */
bool kt_part_is_covered(const struct kt_evidence *e); /* is it known? */
const char *kt_part_covered(const struct kt_evidence *e, char buf[KT_PART_NUMBER_MAX]);
/* "1 alert", "2 alerts". */
const char *kt_part_many(uint64_t n, const char *one, const char *more,
                         char buf[KT_PART_NUMBER_MAX + 32]);
bool kt_part_is_machine(enum kt_actor_kind kind);

/* Findings in words for the summary, most important first (findings.c). */
void kt_findings_write(struct kt_evidence *e);
