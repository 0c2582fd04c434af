/* sql_world: a store in a temporary folder whose rows are hard to compare, and beside it the same
 * rows in a plain table of SQLite, which answers what `events` is held to. KT_SEED draws other
 * rows. */
#pragma once
#include <sqlite3.h>

#include "core/store/sql.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"

#define SQL_BATCH   20u
#define SQL_BATCHES 24u /* in segments of 60 events: eight */
#define SQL_TAIL    2u  /* batches behind them */

/* The plain table's columns. */
#define SQL_PLAIN                                                                                  \
    "seq,id,time,time_ns,arrival,arrival_ns,day,kind,action,outcome,actor_kind,source,instance,"   \
    "actor,secret,session,user_agent,code,reason,agent,ip,line"

struct sql_world {
    char folder[64], path[96];
    struct make *make;
    struct kt_store *store;
    struct kt_reader *reader;
    struct kt_sql *sql;
    sqlite3 *plain; /* the same rows in a plain table */
    bool give_up;
    struct kt_rng_seeded seeded;
    struct kt_rng rng;
};
/* Set-up and tear-down of cmocka; between them store and reader may be closed and opened again. */
int sql_world_open(void **state);
int sql_world_close(void **state);
void sql_open(struct sql_world *w);
void sql_open_store(struct sql_world *w);
/* So many batches more, from number `first` on. */
void sql_fill(struct sql_world *w, uint64_t first, uint64_t batches);
/* The plain table, of all that is stored. */
void sql_copy_plain(struct sql_world *w);

void sql_must(enum kt_status status, const struct kt_error *err);
uint64_t sql_below(struct sql_world *w, uint64_t n);
/* All rows as text, of the plain table and of `events`. */
void sql_ask_plain(struct sql_world *w, const char *sql, struct kt_buf *out);
enum kt_status sql_ask(struct sql_world *w, const char *sql, struct kt_buf *out,
                       struct kt_error *err);
/* Fails the test unless both answer the same. */
void sql_same(struct sql_world *w, const char *sql);
/* The last value of the only row of `events`' answer. */
void sql_one(struct sql_world *w, const char *sql, char *ret, size_t n);
