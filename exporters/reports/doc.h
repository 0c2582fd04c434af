/*
 * doc: a report as it is written: sections, sentences, figures, charts and tables, once; out come
 * report.html and one CSV file a table, the same numbers in both.
 *
 * A table goes row by row to its CSV file; the page keeps its first rows, its count and its
 * SHA-256, so that a report over millions of rows needs no more memory than one over ten. Nothing
 * here asks a clock or opens a file: where bytes go is passed in.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/time.h"

struct kt_doc;

struct kt_doc_out { /* files of the package, one open at a time beside the page */
    enum kt_status (*open)(void *self, const char *file, struct kt_error *err);
    enum kt_status (*add)(void *self, struct kt_str bytes, struct kt_error *err);
    enum kt_status (*close)(void *self, uint64_t *ret_bytes, uint8_t ret_sha256[32],
                            struct kt_error *err);
    void *self;
};
struct kt_doc_head {                              /* borrowed while the doc lives */
    const char *title, *organisation, *framework; /* "Access to secrets", "Acme", "SOC 2" */
    const char *package, *key; /* its id; fingerprint of the key that signs it, NULL = unsigned */
    const char *program;       /* name and version that wrote it */
    kt_time_ns since, until;   /* the period */
};
struct kt_doc *kt_doc_new(const struct kt_doc_head *head, const struct kt_doc_out *out);
void kt_doc_free(struct kt_doc *d);
/* A fault of `out` is kept, everything behind it does nothing, and kt_doc_end tells it. */

/* Section 1 is the cover, on which all stands that is written before section 2. They come in order;
 * numbers may be left out. */
void kt_doc_section(struct kt_doc *d, unsigned number, const char *title);
void kt_doc_heading(struct kt_doc *d, const char *title); /* inside a section */
void kt_doc_para(struct kt_doc *d, const char *fmt, ...) KT_PRINTF(2, 3);
/* What is missing, damaged, partial or not verified: red where it stands, and once more on the
 * cover. */
void kt_doc_alarm(struct kt_doc *d, const char *fmt, ...) KT_PRINTF(2, 3);
/* One of a row of large numbers; before: the same of the period before, or NULL. */
void kt_doc_figure(struct kt_doc *d, const char *label, const char *value, const char *before);

enum kt_doc_type { KT_DOC_TEXT, KT_DOC_COUNT, KT_DOC_TIME, KT_DOC_DAY, KT_DOC_SPAN, KT_DOC_SHARE };
struct kt_doc_column {
    const char *name, *title; /* of the CSV file; of the page, NULL = not there */
    enum kt_doc_type type;
};
/* text, or a number: count, ns, ns of any moment of the day (UTC), ns of a span, millionths of a
 * share. In CSV: RFC 3339, 2026-11-22, seconds, a fraction of 1; control characters of a text as
 * escapes, and a ' before what a spreadsheet would take for a formula. */
struct kt_doc_cell {
    struct kt_str text;
    int64_t number;
    bool none;
};
struct kt_doc_cell kt_doc_text(struct kt_str s); /* empty: none */
struct kt_doc_cell kt_doc_number(int64_t n);
struct kt_doc_cell kt_doc_none(void);
struct kt_doc_table {
    const char *file;  /* "csv/05_control_totals.csv" */
    const char *title; /* above it on the page */
    const struct kt_doc_column *columns;
    unsigned n;
    unsigned shown;    /* rows on the page at most; 0: only its count */
    const char *query; /* exactly what was asked, as it can be asked again */
    const char *empty; /* the sentence in place of no rows */
};
#define KT_DOC_COLUMNS_MAX 32u
void kt_doc_table(struct kt_doc *d, const struct kt_doc_table *t); /* borrowed until table_end */
void kt_doc_row(struct kt_doc *d, const struct kt_doc_cell *cells);
uint64_t kt_doc_table_end(struct kt_doc *d); /* rows */

/* Charts, inline SVG beside their numbers for who cannot see them. unit: of the values, or of both
 * ("read|denied"). */
struct kt_doc_bar {
    struct kt_str label;
    int64_t value, second; /* stacked: second in the warning colour */
};
void kt_doc_bars(struct kt_doc *d, const char *title, const char *unit,
                 const struct kt_doc_bar *bars, unsigned n);
/* rows × days, row by row, percent each, 255 = nothing expected. */
void kt_doc_calendar(struct kt_doc *d, const char *title, const struct kt_str *rows, unsigned n,
                     int64_t first_day, unsigned days, const uint8_t *share);

/* Closes the page: cover and contents are put before what was written. */
KT_MUST_USE enum kt_status kt_doc_end(struct kt_doc *d, struct kt_error *err);
/* What was written, for the manifest: called once a file in the order of their names. */
void kt_doc_files(const struct kt_doc *d,
                  void (*each)(void *self, const char *file, uint64_t bytes, int64_t rows,
                               const uint8_t sha256[32], const char *query),
                  void *self);
unsigned kt_doc_alarms(const struct kt_doc *d);
