/*
 * sql_events: what the files behind sql.h share: the fields of events, how conditions on them are
 * handed to a walk, and a row of it. Private to core/store.
 */
#pragma once
#include "core/store/db.h"
#include "core/store/sql.h"
#include "core/store/walk.h"

struct kt_sql {
    struct kt_reader *reader;
    const struct kt_sql_options *options;
    sqlite3 *db; /* in memory; holds relations, no data */
    sqlite3_stmt *statement;
    uint64_t newest,
        events;          /* number of the newest record the statement sees; how many there are */
    struct kt_error why; /* what a relation could not do */
    struct kt_damage damage; /* what its walks left behind */
    char refused[240];       /* what the authorizer says */
};

/* A row of events: one record of the chunk at hand. */
struct kt_sql_row {
    struct kt_sql *sql;
    struct kt_walk *walk;
    const struct kt_chunk *chunk;
    uint32_t at;
    struct kt_str line;      /* of this row, when the statement uses lines */
    bool has_line, has_fact; /* ev and fact are of this row */
    struct kt_event ev;
    struct kt_sql_fact fact;
    struct kt_arena arena;
};

/* ---- sql_fields.c ---- */

/* What of a condition on the field a walk can be told. */
enum kt_sql_push {
    KT_SQL_PUSH_NONE,
    KT_SQL_PUSH_SEQ,   /* bounds of the walk */
    KT_SQL_PUSH_TIME,  /* the same, from text that sorts as the times do */
    KT_SQL_PUSH_DAY,   /* the same, of the first ten characters */
    KT_SQL_PUSH_NS,    /* the same, from integers */
    KT_SQL_PUSH_VALUE, /* a sieve on a column, with keys for a filter where there is one */
    KT_SQL_PUSH_KEY,   /* keys alone */
    KT_SQL_PUSHES
};
struct kt_sql_field {
    struct kt_sql_column column;
    enum kt_status (*give)(struct kt_sql_row *r, const struct kt_sql_field *f, sqlite3_context *to,
                           struct kt_error *err);
    size_t offset;     /* of a kt_str in struct kt_event */
    enum kt_col col;   /* KT_COL_NONE: no column keeps it */
    uint32_t col_mask; /* KT_COLUMN()s that give() looks at */
    bool timed, lines; /* give() looks at the column of times; at the line */
    enum kt_sql_push push;
    enum kt_filter filter;
    double share; /* of all records that have one value, as a guess */
};
extern const struct kt_sql_field kt_sql_fields[];
extern const unsigned kt_sql_n_fields;
extern const unsigned kt_sql_field_seq;
/* The word of a small column's value; a text column's value as events shows it. buf is lent. */
struct kt_str kt_sql_shown(enum kt_col col, struct kt_str text, int64_t number,
                           char buf[KT_IP_TEXT_MAX]);
/* A time as events shows it, cut to the 10 characters of its day. */
struct kt_str kt_sql_shown_time(kt_time_ns t, bool day, char buf[KT_TIME_TEXT_MAX]);

/* ---- sql_plan.c ---- */

#define KT_SQL_ARGS_MAX 24u
struct kt_sql_arg { /* one condition that a walk is told of; the n-th argument of the walk */
    unsigned field;
    unsigned char op; /* SQLITE_INDEX_CONSTRAINT_… */
    bool nocase, list;
};
struct kt_sql_plan {
    struct kt_sql_arg arg[KT_SQL_ARGS_MAX];
    unsigned args;
    bool down; /* by number, downwards */
    struct kt_want want;
};
/* Answers xBestIndex but for its idxNum. events: how many there are. */
int kt_sql_plan_make(sqlite3_index_info *info, uint64_t events, struct kt_sql_plan *ret);

struct kt_sql_test { /* a sieve's condition on one field */
    const struct kt_sql_field *field;
    unsigned char op;
    bool nocase, number_like; /* some value may stand for a number that is written otherwise */
    struct kt_str *value;     /* NUL behind each; rising */
    unsigned n;
};
struct kt_sql_scan { /* what the plan's arguments make of a scan, and all that it borrows */
    struct kt_scan scan;
    bool none; /* no record can match */
    struct kt_sql_test test[KT_SQL_ARGS_MAX];
    struct kt_sieve sieve[KT_SQL_ARGS_MAX];
    struct kt_sought *keys[KT_SQL_ARGS_MAX];
    unsigned tests;
};
void kt_sql_scan_fill(struct kt_sql_scan *s, const struct kt_sql_plan *plan, sqlite3_value **argv);
void kt_sql_scan_done(struct kt_sql_scan *s);

/* ---- sql_events.c, sql_alerts.c ---- */

/* Keeps err for kt_sql_step and gives what the method of a virtual table has to return. */
int kt_sql_report(struct kt_sql *sql, sqlite3_vtab *table, const struct kt_error *err);
extern const sqlite3_module kt_sql_events_module, kt_sql_alerts_module; /* their data: kt_sql */
