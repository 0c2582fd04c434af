/*
 * rows: an answer as a table, JSON, NDJSON, CSV or Markdown (INTERFACE §1, THREATS O1-O3): what
 * commands print and the page gives to download.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

enum kt_output { KT_OUT_TABLE, KT_OUT_JSON, KT_OUT_NDJSON, KT_OUT_CSV, KT_OUT_MD };
#define KT_OUTPUT_WORDS "table, json, ndjson, csv, md"
bool kt_output_of(const char *word, enum kt_output *ret);
struct kt_column {
    const char *name;   /* JSON key and CSV head */
    const char *title;  /* table head; NULL = not in the table */
    unsigned width_max; /* table: cut with … beyond; 0 = free */
    bool right;
};
enum kt_cell_type {
    KT_CELL_NULL,
    KT_CELL_STR,
    KT_CELL_INT,
    KT_CELL_TIME,
    KT_CELL_BOOL,
    KT_CELL_RAW /* ready JSON */
};
struct kt_cell {
    enum kt_cell_type type;
    struct kt_str str;
    int64_t i;
};
/* Takes bytes as they are made, 64 KiB at a time about. */
typedef void kt_rows_put(void *self, struct kt_str bytes);
struct kt_rows; /* of a table it keeps the first 10,000, for its widths */
struct kt_rows *kt_rows_to(enum kt_output how, const struct kt_column *columns, unsigned n,
                           bool header, kt_rows_put *put, void *self);
void kt_rows_add(struct kt_rows *r, const struct kt_cell *cells);
/* Are the rows for people (a table, Markdown), who see fewer columns than programs? */
bool kt_rows_for_people(const struct kt_rows *r);
void kt_rows_end(struct kt_rows *r);         /* puts what waits, frees */
struct kt_cell kt_cell_str(struct kt_str s); /* NULL when empty */
struct kt_cell kt_cell_int(int64_t i);
struct kt_cell kt_cell_time(kt_time_ns t); /* NULL when 0 */
