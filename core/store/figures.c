/*
 * figures: see the header.
 *
 * Owns:  nothing.
 * Calls: core/store (db, reader, segment).
 */
#include "core/store/figures.h"

#include <stdio.h>

#include "core/store/chain.h"
#include "core/store/reader.h"
#include "core/store/together.h"

const char *const kt_room_words[KT_ROOM_COUNT] = {
#define X(name, word) word,
    KT_ROOMS(X)
#undef X
};

static enum kt_room room_of(unsigned part)
{
    if (part >= KT_PART_LINES || part == KT_PART_BLOCKS)
        return KT_ROOM_LINES;
    if (part == KT_PART_BATCHES || part == KT_PART_NODES)
        return KT_ROOM_BATCHES;
    if (part == KT_PART_IDS)
        return KT_ROOM_IDS;
    return part >= KT_PART_FILTER ? KT_ROOM_FILTERS : KT_ROOM_COLUMNS;
}

/* The length of a blob stands in the head of its row: no blob is read. */
static enum kt_status add_parts(sqlite3 *db, struct kt_store_figures *f, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    enum kt_status status = kt_db_prepare(db, "SELECT id % 256, length(data) FROM part", &st, err);
    while (status == KT_OK && (status = kt_db_step(st, err)) == KT_OK)
        f->room[room_of((unsigned)kt_db_col_u64(st, 0))] += kt_db_col_u64(st, 1);
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* One row of numbers, each where it belongs. */
static enum kt_status add_rest(sqlite3 *db, struct kt_store_figures *f, struct kt_error *err)
{
    const struct {
        const char *sql;
        uint64_t *to;
    } all[] = {
        { "count(*) FROM batch", &f->tail_batches },
        { "sum(count) FROM batch", &f->tail_events },
        { "sum(length(lines) + length(nodes) + length(leaves)) FROM batch",
          &f->room[KT_ROOM_TAIL] },
        { "sum(length(line) + length(leaf)) FROM control", &f->room[KT_ROOM_CONTROL] },
        { "coalesce((SELECT sum(length(json)) FROM alert), 0)"
          " + coalesce((SELECT sum(length(alert_json)) FROM outbox), 0)",
          &f->room[KT_ROOM_ALERTS] },
        { "coalesce(sum(length(value)), 0) FROM blob WHERE name NOT GLOB '" KT_TOGETHER_BLOB "*'",
          &f->room[KT_ROOM_STATE] },
        { "coalesce(sum(length(value)), 0) FROM blob WHERE name GLOB '" KT_TOGETHER_BLOB "*'",
          &f->room[KT_ROOM_PAIRS] },
        { "min(t) FROM (SELECT min(min_stored) AS t FROM segment UNION ALL"
          " SELECT min(stored) FROM batch UNION ALL SELECT stored FROM control WHERE seq ="
          " (SELECT min(seq) FROM control))",
          (uint64_t *)&f->first_stored },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++) {
        KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
        char sql[256];
        (void)snprintf(sql, sizeof sql, "SELECT %s", all[i].sql);
        if (kt_db_prepare(db, sql, &st, err) != KT_OK || kt_db_step(st, err) != KT_OK)
            return kt_wrap(err, "figures");
        *all[i].to = kt_db_col_u64(st, 0);
    }
    return KT_OK;
}

/* Pages are what is left when all contents are taken off. */
static enum kt_status add_pages(sqlite3 *db, struct kt_store_figures *f, struct kt_error *err)
{
    static const char *const sql[] = { "PRAGMA page_count", "PRAGMA freelist_count",
                                       "PRAGMA page_size" };
    uint64_t n[KT_ARRAY_LEN(sql)], used = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(sql); i++) {
        KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
        if (kt_db_prepare(db, sql[i], &st, err) != KT_OK || kt_db_step(st, err) != KT_OK)
            return kt_wrap(err, "figures");
        n[i] = kt_db_col_u64(st, 0);
    }
    f->room[KT_ROOM_FREE] = n[1] * n[2];
    f->file_bytes = n[0] * n[2];
    for (int i = 0; i < KT_ROOM_COUNT; i++)
        used += f->room[i];
    f->room[KT_ROOM_PAGES] = f->file_bytes > used ? f->file_bytes - used : 0;
    return KT_OK;
}

static enum kt_status of_file(struct kt_reader *r, struct kt_store_figures *ret,
                              struct kt_error *err)
{
    if (add_parts(r->db, ret, err) != KT_OK || add_rest(r->db, ret, err) != KT_OK ||
        add_pages(r->db, ret, err) != KT_OK)
        return kt_wrap(err, "figures");
    ret->wal_bytes = kt_reader_file_bytes(r, "-wal");
    return KT_OK;
}

static void merge(struct kt_store_figures *to, const struct kt_store_figures *f)
{
    to->tail_batches += f->tail_batches;
    to->tail_events += f->tail_events;
    if (to->first_stored == 0 || (f->first_stored != 0 && f->first_stored < to->first_stored))
        to->first_stored = f->first_stored;
    for (int i = 0; i < KT_ROOM_COUNT; i++)
        to->room[i] += f->room[i];
    to->file_bytes += f->file_bytes;
    to->wal_bytes += f->wal_bytes;
}

enum kt_status kt_reader_figures(struct kt_reader *r, struct kt_store_figures *ret,
                                 struct kt_error *err)
{
    struct kt_store_figures sum = { 0 };
    struct kt_reader *file[KT_CHAIN_MAX];
    if (kt_reader_stats(r, &sum.stats, err) != KT_OK)
        return kt_wrap(err, "figures");
    unsigned n = kt_reader_files(r, file);
    for (unsigned i = 0; i < n; i++) {
        struct kt_store_figures f = { 0 };
        struct kt_error why = { 0 };
        enum kt_status status = of_file(file[i], &f, &why);
        if (status != KT_OK && file[i] == r)
            return kt_fail(err, status, "%s", why.text);
        if (status == KT_OK) /* what a damaged file cannot tell is left out */
            merge(&sum, &f);
    }
    *ret = sum;
    return KT_OK;
}

static void give(const struct kt_segment *seg, void (*each)(void *self, const struct kt_sealed *s),
                 void *self)
{
    const struct kt_sealed s = { .first_seq = seg->first_seq,
                                 .last_seq = seg->last_seq,
                                 .events = seg->count,
                                 .packed = seg->packed,
                                 .min_time = seg->min_time,
                                 .max_time = seg->max_time,
                                 .min_stored = seg->min_stored,
                                 .max_stored = seg->max_stored,
                                 .untimed = seg->untimed > 0 };
    each(self, &s);
}

enum kt_status kt_reader_sealed(struct kt_reader *r,
                                void (*each)(void *self, const struct kt_sealed *s), void *self,
                                struct kt_error *err)
{
    struct kt_reader *file[KT_CHAIN_MAX];
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "segments");
    unsigned n = kt_reader_files(r, file);
    for (unsigned i = 0; i < n; i++) {
        enum kt_status status = kt_reader_directory(file[i], file[i] == r ? err : NULL);
        if (status != KT_OK && file[i] == r)
            return kt_wrap(err, "segments");
        for (uint32_t k = 0; k < file[i]->directory.n; k++)
            give(&file[i]->directory.at[k], each, self);
    }
    return KT_OK;
}
