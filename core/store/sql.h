/*
 * sql: one SELECT over the store, for people. Everyone's door; read only.
 *
 * The statement runs on a connection of its own that holds nothing but relations: `events` is a
 * virtual table over tail and segments, `alert_documents` one over the alerts, and whoever opens it
 * gives the others as views over these. The store's tables are not there, so no statement can
 * read past the relations, and none can change anything.
 */
#pragma once
#include "core/base/ip.h"
#include "core/store/read.h"

struct kt_sql_column {
    const char *name, *type, *meaning;
    bool hidden; /* SELECT * leaves it out */
};
struct kt_sql_view {
    const char *name, *meaning;
    const char *select;                  /* what it is, over the relations before it */
    const struct kt_sql_column *columns; /* as select gives them */
    unsigned n_columns;
};
struct kt_sql_fact { /* what was known of an address; borrowed */
    struct kt_str country, org;
    uint32_t asn;
};
struct kt_sql_options { /* borrowed as long as the kt_sql lives */
    const struct kt_sql_view *view;
    unsigned views;
    /* The fact in force for a record with that address and number; empty: none. */
    enum kt_status (*fact)(void *self, struct kt_ip ip, uint64_t seq, struct kt_sql_fact *ret,
                           struct kt_error *err);
    /* What people did about an alert: a JSON object, for `life` of alert_documents; nothing added:
     * nobody did anything. NULL: nobody ever does. */
    enum kt_status (*life)(void *self, struct kt_str alert, struct kt_buf *ret,
                           struct kt_error *err);
    bool (*give_up)(void *self); /* asked often: true ends the statement with KT_E_LIMIT */
    void *self;
    size_t memory_max; /* of all of SQLite in this process; 0: no limit */
};

struct kt_sql;
/* r stays the caller's and must live longer. Names that statements use in place of the store's
 * tables are said when one asks for those. */
KT_MUST_USE enum kt_status kt_sql_open(struct kt_reader *r, const struct kt_sql_options *o,
                                       struct kt_sql **ret, struct kt_error *err);
void kt_sql_close(struct kt_sql *s);
/* The columns of events, for --schema; constant. */
const struct kt_sql_column *kt_sql_event_columns(unsigned *ret_n);

/* One statement that reads; all of it sees the records that are stored now. KT_E_INPUT says what is
 * wrong, or why it is refused and what to use instead. */
KT_MUST_USE enum kt_status kt_sql_start(struct kt_sql *s, struct kt_str text, struct kt_error *err);
unsigned kt_sql_columns(const struct kt_sql *s);
const char *kt_sql_name(const struct kt_sql *s, unsigned column);
bool kt_sql_explains(const struct kt_sql *s); /* it is an EXPLAIN QUERY PLAN */

enum kt_sql_type { KT_SQL_NULL, KT_SQL_INTEGER, KT_SQL_REAL, KT_SQL_TEXT, KT_SQL_BLOB };
struct kt_sql_value {
    enum kt_sql_type type;
    int64_t i;         /* of an integer */
    struct kt_str str; /* otherwise: as SQLite writes it; borrowed until the next step */
};
/* KT_OK: a row; KT_E_AGAIN: no more. KT_E_LIMIT: given up, or memory_max. KT_E_CORRUPT, behind the
 * last row: some records cannot be read, the first of them are named, and the rows lack them. */
KT_MUST_USE enum kt_status kt_sql_step(struct kt_sql *s, struct kt_error *err);
struct kt_sql_value kt_sql_value(const struct kt_sql *s, unsigned column);
