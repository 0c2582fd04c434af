/* doc_int: what the files of the writer share. */
#pragma once
#include "exporters/reports/doc.h"

enum kt_doc_block { KT_DOC_NO_BLOCK, KT_DOC_FIGURES }; /* what is open in the page */
struct kt_doc_part {
    unsigned number;
    char *title;
};
struct kt_doc_alarm_said {
    char *text;      /* plain */
    unsigned number; /* of the section it stands in */
};
struct kt_doc_file {
    char *file, *query; /* query NULL: it is no answer */
    uint64_t bytes;
    int64_t rows; /* -1: no table */
    uint8_t sha256[32];
};
struct kt_doc {
    struct kt_doc_head head;
    struct kt_doc_out out;
    struct kt_error err; /* the first fault of out */
    struct kt_buf cover; /* what stands in section 1 */
    struct kt_buf body;  /* behind it */
    struct kt_buf late;  /* alarms told while a table is open */
    struct kt_buf *to;   /* cover or body */
    enum kt_doc_block open;
    struct kt_doc_part *parts;
    unsigned n_parts, cap_parts, section;
    struct kt_doc_alarm_said *alarms;
    unsigned n_alarms, cap_alarms;
    struct kt_doc_file *files;
    unsigned n_files, cap_files;
    unsigned charts;
    /* the open table */
    const struct kt_doc_table *table;
    uint64_t rows;
    struct kt_buf line;
};
extern const char kt_doc_css[]; /* report.css */

/* The page from its first byte: ends what is open there. */
void kt_doc_block_end(struct kt_doc *d);
/* Strangers' text, and printf of it. */
void kt_doc_say(struct kt_doc *d, struct kt_str s);
/* A cell as people read it: "1,024", "2026-11-22 20:00:05", "97.3 %". */
void kt_doc_cell_text(enum kt_doc_type type, const struct kt_doc_cell *cell, struct kt_buf *out);
/* Bytes to the open file; a fault is kept. */
void kt_doc_out_open(struct kt_doc *d, const char *file);
void kt_doc_out_add(struct kt_doc *d, struct kt_str bytes);
void kt_doc_out_close(struct kt_doc *d, const char *file, int64_t rows, const char *query);
/* The page: style, cover, list of what is open, contents, body. */
void kt_doc_page(struct kt_doc *d);
