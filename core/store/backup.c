/*
 * backup: see the header.
 *
 * Owns:  the file of the backup while it runs, and its lock.
 * Calls: sqlite3 through core/store/db; core/store (reader, prefix, schema).
 * Holds: no statement on the source outlives one segment, but for the last snapshot; the backup
 *        changes in one transaction.
 */
#include "core/store/backup.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/store/backup_int.h"
#include "core/store/place.h"
#include "core/store/prefix.h"
#include "core/store/reader.h"
#include "core/store/schema.h"
#include "core/store/store.h"
#include "core/store/together.h"

#define ULL(v) ((unsigned long long)(v))

struct copy {
    const struct kt_backup_options *o;
    struct kt_reader *from;
    sqlite3 *to;
    int lock_fd;
    struct kt_directory have; /* segments of the backup, as it was */
    struct kt_tree tree;      /* of the backup, as it was */
    uint64_t behind;          /* its newest segment: what is new comes behind this record */
    struct kt_backup_result result;
};

static void done(struct copy *c)
{
    kt_reader_close(c->from);
    (void)sqlite3_close(c->to); /* rolls back what was not committed */
    kt_directory_done(&c->have);
    if (c->lock_fd >= 0)
        (void)close(c->lock_fd);
}

/* ---- rows ---- */

static void pass_row(struct copy *c, sqlite3_stmt *from, sqlite3_stmt *to)
{
    int n = sqlite3_column_count(from);
    for (int i = 0; i < n; i++) {
        int type = sqlite3_column_type(from, i);
        c->result.bytes += type == SQLITE_BLOB || type == SQLITE_TEXT
                               ? (uint64_t)sqlite3_column_bytes(from, i)
                               : 8;
        int rc = sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
        assert(rc == SQLITE_OK); /* as in db.c */
        (void)rc;
    }
}

/* "INSERT INTO table VALUES (?,?,…)" for as many columns as the row has. */
static enum kt_status prepare_insert(struct copy *c, const char *table, int columns,
                                     sqlite3_stmt **ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf sql = { 0 };
    kt_buf_addf(&sql, "INSERT INTO %s VALUES (", table);
    for (int i = 0; i < columns; i++)
        kt_buf_addz(&sql, i > 0 ? ",?" : "?");
    kt_buf_byte(&sql, ')');
    return kt_db_prepare(c->to, kt_buf_z(&sql), ret, err);
}

/* Rows of a table for which `where` holds of ?1 and ?2, which it may leave out. *ret_rows may be
 * NULL. */
static enum kt_status copy_rows(struct copy *c, const char *table, const char *where, uint64_t a,
                                uint64_t b, uint64_t *ret_rows, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *from = NULL;
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *to = NULL;
    char sql[128];
    uint64_t rows = 0;
    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s %s", table, where);
    if (kt_db_prepare(c->from->db, sql, &from, err) != KT_OK ||
        prepare_insert(c, table, sqlite3_column_count(from), &to, err) != KT_OK)
        return kt_wrap(err, "copy table %s", table);
    const uint64_t bound[] = { a, b };
    for (int i = 0; i < sqlite3_bind_parameter_count(from); i++)
        kt_db_u64(from, i + 1, bound[i]);
    enum kt_status status;
    while ((status = kt_db_step(from, err)) == KT_OK) {
        pass_row(c, from, to);
        if (kt_db_run(to, err) != KT_OK)
            return kt_wrap(err, "copy table %s", table);
        rows++;
    }
    if (ret_rows != NULL)
        *ret_rows = rows;
    return status == KT_E_AGAIN ? KT_OK : kt_wrap(err, "copy table %s", table);
}

/* ---- segments ---- */

/* Nothing can stand for what a damaged file has lost: the way back is the backup that there is. */
static enum kt_status begin_reading(struct copy *c, struct kt_error *err)
{
    if (kt_reader_fresh(c->from, err) != KT_OK)
        return kt_wrap(err, "store");
    if (c->from->number > 1)
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' goes on in '%s', since it was found damaged: no backup of it would be "
                       "whole; keytrail restore makes a whole store of the last one",
                       c->o->from, c->from->path);
    return kt_db_exec(c->from->db, "BEGIN", err);
}

static bool has(const struct kt_directory *d, const struct kt_segment *seg)
{
    uint32_t i = kt_directory_from(d, seg->first_seq);
    return i < d->n && d->at[i].first_seq == seg->first_seq && d->at[i].last_seq == seg->last_seq &&
           d->at[i].pieces == seg->pieces;
}

/* Rows that are numbered from the first to the last of the segment. */
static enum kt_status drop_range(struct copy *c, const struct kt_segment *seg, const char *parts,
                                 struct kt_error *err)
{
    char sql[240];
    (void)snprintf(sql, sizeof sql,
                   "DELETE FROM part WHERE id BETWEEN %llu AND %llu%s;"
                   "DELETE FROM segment WHERE first_seq BETWEEN %llu AND %llu",
                   ULL(seg->first_seq * KT_PARTS), ULL(seg->last_seq * KT_PARTS + KT_PARTS - 1),
                   parts, ULL(seg->first_seq), ULL(seg->last_seq));
    return kt_db_exec(c->to, sql, err);
}

/* Parts of a merged segment that the backup has not: those of its own, and of pieces that were
 * never copied. What pieces keep never changes. */
static enum kt_status copy_missing(struct copy *c, const struct kt_segment *seg,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *ids = NULL;
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *there = NULL;
    enum kt_status status;
    if (kt_db_prepare(c->from->db, "SELECT id FROM part WHERE id BETWEEN ?1 AND ?2", &ids, err) !=
            KT_OK ||
        kt_db_prepare(c->to, "SELECT 1 FROM part WHERE id = ?1", &there, err) != KT_OK)
        return kt_wrap(err, "copy");
    kt_db_u64(ids, 1, seg->first_seq * KT_PARTS);
    kt_db_u64(ids, 2, seg->last_seq * KT_PARTS + KT_PARTS - 1);
    while ((status = kt_db_step(ids, err)) == KT_OK) {
        uint64_t id = kt_db_col_u64(ids, 0);
        kt_db_u64(there, 1, id);
        status = kt_db_step(there, err);
        (void)sqlite3_reset(there);
        if (status == KT_E_AGAIN)
            status = copy_rows(c, "part", "WHERE id = ?1", id, 0, NULL, err);
        if (status != KT_OK)
            return kt_wrap(err, "copy");
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* Merged parts, by their numbers (kt_part_is_merged). */
#define OF_MERGED " AND (id % 256 < 64 OR id % 256 IN (64, 65, 66, 67, 69, 84))"

/* Row and parts of one segment as it is now; none when retention was quicker, or it was merged into
 * another. */
static enum kt_status copy_segment(struct copy *c, const struct kt_segment *seg,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *place_at = NULL;
    const struct kt_segment first = { .first_seq = seg->first_seq, .last_seq = seg->first_seq };
    struct kt_segment now;
    uint64_t rows = 0;
    if (kt_place_prepare(c->from->db, &place_at, err) != KT_OK)
        return kt_wrap(err, "segment");
    enum kt_status status = kt_place_find(place_at, &first, &now, NULL, err);
    if (status == KT_E_AGAIN || (status == KT_OK && now.first_seq != seg->first_seq))
        return KT_OK;
    if (status == KT_OK)
        status = drop_range(c, &now, now.pieces > 0 ? OF_MERGED : "", err);
    if (status == KT_OK)
        status = copy_rows(c, "segment", "WHERE first_seq = ?1", now.first_seq, 0, &rows, err);
    if (status == KT_OK && now.pieces > 0)
        status = copy_missing(c, &now, err);
    else if (status == KT_OK)
        status = copy_rows(c, "part", "WHERE id BETWEEN ?1 AND ?2", now.first_seq * KT_PARTS,
                           now.last_seq * KT_PARTS + KT_PARTS - 1, NULL, err);
    c->result.copied += rows;
    return status == KT_OK ? KT_OK : kt_wrap(err, "segment at record %llu", ULL(seg->first_seq));
}

/* The first of the source's segments that ends at or behind the first record of `seg`, when it
 * shares records with it; NULL: the source has none of them. */
static const struct kt_segment *shares(const struct kt_directory *source,
                                       const struct kt_segment *seg)
{
    uint32_t i = kt_directory_from(source, seg->first_seq);
    return i < source->n && source->at[i].first_seq <= seg->last_seq ? &source->at[i] : NULL;
}

/* A segment of the backup that the source has not. */
static enum kt_status drop_segment(struct copy *c, const struct kt_segment *seg,
                                   struct kt_error *err)
{
    const struct kt_segment *now = shares(&c->from->directory, seg);
    if (now != NULL && now->pieces > 0 && now->first_seq <= seg->first_seq &&
        now->last_seq >= seg->last_seq)
        return KT_OK; /* a piece, or several: when that one is copied, what they keep stays */
    c->result.dropped += now == NULL && has(&c->have, seg);
    return drop_range(c, seg, "", err);
}

/* Comes before anything is copied: of a store that was set back and merged otherwise, the backup
 * may have one that lies across several, and what is dropped is dropped by its range. */
static enum kt_status drop_gone(struct copy *c, struct kt_error *err)
{
    KT_CLEANUP(kt_directory_done) struct kt_directory now = { 0 };
    if (kt_directory_load(&now, c->to, err) != KT_OK)
        return kt_wrap(err, "segments");
    for (uint32_t i = 0; i < now.n; i++)
        if (!has(&c->from->directory, &now.at[i]) && drop_segment(c, &now.at[i], err) != KT_OK)
            return kt_wrap(err, "copy");
    return KT_OK;
}

/* Those that are not in the backup yet, each in a snapshot of its own. */
static enum kt_status copy_sealed(struct copy *c, struct kt_error *err)
{
    if (kt_reader_directory(c->from, err) != KT_OK || drop_gone(c, err) != KT_OK)
        return kt_wrap(err, "segments");
    for (uint32_t i = 0; i < c->from->directory.n; i++) {
        const struct kt_segment *seg = &c->from->directory.at[i];
        if (has(&c->have, seg))
            continue;
        if (begin_reading(c, err) != KT_OK || copy_segment(c, seg, err) != KT_OK ||
            kt_db_exec(c->from->db, "COMMIT", err) != KT_OK)
            return kt_wrap(err, "copy");
    }
    return KT_OK;
}

static enum kt_status copy_late(struct copy *c, struct kt_error *err)
{
    KT_CLEANUP(kt_directory_done) struct kt_directory now = { 0 };
    const struct kt_directory *there = &c->from->directory;
    if (kt_directory_load(&now, c->to, err) != KT_OK)
        return kt_wrap(err, "segments");
    for (uint32_t i = 0; i < there->n; i++)
        if (!has(&now, &there->at[i]) && copy_segment(c, &there->at[i], err) != KT_OK)
            return kt_wrap(err, "copy");
    return KT_OK;
}

/* Segments that were sealed, merged or removed while the others were copied. */
static enum kt_status settle_segments(struct copy *c, struct kt_error *err)
{
    const struct kt_directory *there = &c->from->directory;
    if (kt_reader_directory(c->from, err) != KT_OK)
        return kt_wrap(err, "segments");
    if (there->damaged > 0) {
        if (err != NULL)
            *err = there->why;
        return KT_E_CORRUPT;
    }
    c->result.segments = there->n;
    return drop_gone(c, err) == KT_OK ? copy_late(c, err) : kt_wrap(err, "copy");
}

/* ---- the rest ---- */

static const struct {
    const char *table;
    bool whole; /* its rows change: all of them are copied again; else only those behind the tree */
    const char *where;
} tables[] = {
    { "control", false, "WHERE seq > ?1" },
    { "batch", true, "" },
    { "mark", true, "" },
    { "owner", true, "" },
    /* kept pairs are made again of the segments */
    { "blob", true, "WHERE name NOT GLOB '" KT_TOGETHER_BLOB "*'" },
    { "state", true, "" },
    { "alert", true, "" },
    { "outbox", true, "" },
    { "meta", true, "" },
};

static enum kt_status copy_tables(struct copy *c, struct kt_error *err)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(tables); i++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "DELETE FROM %s", tables[i].table);
        if (tables[i].whole && kt_db_exec(c->to, sql, err) != KT_OK)
            return kt_wrap(err, "copy table %s", tables[i].table);
        if (copy_rows(c, tables[i].table, tables[i].where, c->tree.size, 0, NULL, err) != KT_OK)
            return kt_wrap(err, "copy");
    }
    return KT_OK;
}

/* The backup is of the store's schema: a collector may have migrated it since the last one, or not
 * yet. */
static enum kt_status copy_version(struct copy *c, struct kt_error *err)
{
    unsigned schema;
    char sql[64];
    if (kt_schema_version(c->from->db, &schema, err) != KT_OK)
        return kt_wrap(err, "store");
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%u", schema);
    return kt_db_exec(c->to, sql, err);
}

static enum kt_status copy_rest(struct copy *c, struct kt_error *err)
{
    if (begin_reading(c, err) != KT_OK || settle_segments(c, err) != KT_OK ||
        copy_tables(c, err) != KT_OK || copy_version(c, err) != KT_OK)
        return kt_wrap(err, "copy");
    return kt_db_exec(c->from->db, "COMMIT", err);
}

/* ---- is it an earlier state of the same log, and a whole one? ---- */

static enum kt_status compare_logs(struct copy *c, const uint8_t log_id[16],
                                   const struct kt_tree *now, struct kt_error *err)
{
    if (memcmp(log_id, c->result.log_id, 16) != 0)
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' is the backup of another log: choose another folder", c->o->to);
    if (now->size < c->tree.size)
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' has %llu records, '%s' only %llu: that store was restored from an "
                       "older backup; back it up into another folder",
                       c->o->to, ULL(c->tree.size), c->o->from, ULL(now->size));
    return KT_OK;
}

/* The source's tree, cut at the backup's size, has the backup's root: each record of the backup is
 * in the source, with the same number, line and times. */
static enum kt_status compare_trees(struct copy *c, struct kt_error *err)
{
    const struct kt_prefix prefix = {
        .db = c->from->db, .segments = &c->from->directory, .n = c->tree.size, .earlier = c->to
    };
    struct kt_tree cut;
    uint8_t have[32], want[32];
    struct kt_error why = { .text = "the roots differ" };
    enum kt_status status = kt_prefix_tree(&prefix, &cut, &why);
    if (status != KT_OK && status != KT_E_CORRUPT) {
        if (err != NULL)
            *err = why;
        return status;
    }
    if (status == KT_OK) {
        kt_tree_root(&cut, have);
        kt_tree_root(&c->tree, want);
        if (memcmp(have, want, sizeof have) == 0)
            return KT_OK;
    }
    return kt_fail(
        err, KT_E_CORRUPT,
        "'%s' is no earlier state of '%s' (%.160s): one of them was restored or changed; "
        "back up into another folder",
        c->o->to, c->o->from, why.text);
}

/* What stands in the backup now has the root that the store says: else the run is undone, and the
 * backup is as it was. Of a first one there is nothing to go back to. */
static enum kt_status check_copied(struct copy *c, const struct kt_tree *tree, struct kt_error *err)
{
    KT_CLEANUP(kt_directory_done) struct kt_directory now = { 0 };
    const struct kt_prefix prefix = { .db = c->to, .segments = &now, .n = tree->size };
    struct kt_tree have;
    struct kt_error why = { .text = "the roots differ" };
    uint8_t root[32];
    kt_tree_root(tree, c->result.root);
    if (c->result.first)
        return KT_OK;
    enum kt_status status = kt_directory_load(&now, c->to, &why);
    if (status == KT_OK)
        status = kt_prefix_tree(&prefix, &have, &why);
    if (status == KT_OK)
        kt_tree_root(&have, root);
    if (status == KT_OK && memcmp(root, c->result.root, sizeof root) == 0)
        return KT_OK;
    return kt_fail(
        err, status == KT_OK ? KT_E_CORRUPT : status,
        "'%s' with what is new in '%s' has not the root of that log (%.160s): it stays as it was; "
        "keytrail verify --db FILE says which of both is damaged",
        c->o->to, c->o->from, why.text);
}

static enum kt_status compare(struct copy *c, struct kt_error *err)
{
    uint8_t log_id[16];
    struct kt_tree now;
    struct kt_sums sums;
    if (begin_reading(c, err) != KT_OK ||
        kt_meta_read(c->from->db, log_id, &now, &sums, err) != KT_OK ||
        kt_reader_directory(c->from, err) != KT_OK)
        return kt_wrap(err, "store");
    if (c->result.first)
        memcpy(c->result.log_id, log_id, 16);
    else if (compare_logs(c, log_id, &now, err) != KT_OK || compare_trees(c, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    return kt_db_exec(c->from->db, "COMMIT", err);
}

/* ---- opening ---- */

static enum kt_status number_of(sqlite3 *db, const char *sql, uint64_t *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(db, sql, &st, err) != KT_OK || kt_db_step(st, err) != KT_OK)
        return kt_wrap(err, "size");
    *ret = kt_db_col_u64(st, 0);
    return KT_OK;
}

/* What a segment that the backup has not adds to it. Of a merged one most is there: its own parts
 * take the place of those that its pieces shared out, and count once more for the journal, in which
 * these stay until the end. */
static enum kt_status room_for(struct copy *c, const struct kt_segment *seg, uint64_t *ret,
                               struct kt_error *err)
{
    uint64_t own = 0, pieces = 0;
    char sql[200];
    *ret = seg->packed;
    if (seg->pieces == 0 || seg->first_seq > c->behind)
        return KT_OK;
    (void)snprintf(
        sql, sizeof sql, "SELECT sum(length(data)) FROM part WHERE id BETWEEN %llu AND %llu%s",
        ULL(seg->first_seq * KT_PARTS), ULL(seg->first_seq * KT_PARTS + KT_PART_PIECES), OF_MERGED);
    if (number_of(c->from->db, sql, &own, err) != KT_OK)
        return kt_wrap(err, "room");
    (void)snprintf(sql, sizeof sql,
                   "SELECT sum(length(data)) FROM part WHERE id BETWEEN %llu AND %llu",
                   ULL((c->behind + 1) * KT_PARTS), ULL(seg->last_seq * KT_PARTS + KT_PARTS - 1));
    if (number_of(c->from->db, sql, &pieces, err) != KT_OK)
        return kt_wrap(err, "room");
    *ret = 2 * own + pieces;
    return KT_OK;
}

/* New segments, and everything that is no segment: the latter once more, for the journal of what
 * is replaced. */
static enum kt_status check_room(struct copy *c, struct kt_error *err)
{
    uint64_t pages = 0, unused = 0, size = 0, sealed = 0, fresh = 0;
    if (number_of(c->from->db, "PRAGMA page_count", &pages, err) != KT_OK ||
        number_of(c->from->db, "PRAGMA freelist_count", &unused, err) != KT_OK ||
        number_of(c->from->db, "PRAGMA page_size", &size, err) != KT_OK)
        return kt_wrap(err, "room");
    for (uint32_t i = 0; i < c->from->directory.n; i++) {
        const struct kt_segment *seg = &c->from->directory.at[i];
        uint64_t more = 0;
        if (!has(&c->have, seg) && room_for(c, seg, &more, err) != KT_OK)
            return err == NULL ? KT_E_IO : err->code;
        sealed += seg->packed;
        fresh += more;
    }
    uint64_t all = (pages - unused) * size, need = fresh + (all > sealed ? all - sealed : 0);
    return kt_backup_room(c->o->to, need, err);
}

enum kt_status kt_backup_room(const char *path, uint64_t need, struct kt_error *err)
{
    struct statvfs v;
    KT_CLEANUP(kt_buf_done) struct kt_buf folder = { 0 };
    kt_backup_folder(path, &folder);
    if (statvfs(kt_buf_z(&folder), &v) != 0)
        return kt_fail_errno(err, "ask for the room in '%s'", folder.at);
    uint64_t room = (uint64_t)v.f_bavail * v.f_frsize;
    if (room >= need)
        return KT_OK;
    return kt_fail(err, KT_E_LIMIT,
                   "'%s' has %.1f MiB left, about %.1f MiB are needed: nothing was copied",
                   folder.at, (double)room / 1048576, (double)need / 1048576);
}

void kt_backup_folder(const char *path, struct kt_buf *ret)
{
    struct kt_str s = kt_str_of(path);
    ptrdiff_t slash = kt_str_rfind_byte(s, '/');
    kt_buf_add(ret, slash < 0 ? KT_STR(".") : kt_str_sub(s, 0, slash == 0 ? 1 : (size_t)slash));
    (void)kt_buf_z(ret);
}

static enum kt_status refuse_same(const struct copy *c, struct kt_error *err)
{
    struct stat a, b;
    if (stat(c->o->from, &a) == 0 && stat(c->o->to, &b) == 0 && a.st_dev == b.st_dev &&
        a.st_ino == b.st_ino)
        return kt_fail(err, KT_E_INPUT, "'%s' is the store itself: choose another folder",
                       c->o->to);
    return KT_OK;
}

/* What is there: nothing yet, or a backup; *ret_first tells. Undoes a run that was killed. */
static enum kt_status look(struct copy *c, bool *ret_first, struct kt_error *err)
{
    struct kt_db_head head;
    if (kt_db_make(c->o->to, err) != KT_OK || kt_db_probe(c->o->to, &head, err) != KT_OK)
        return kt_wrap(err, "backup");
    if (head.has_journal && (kt_db_mend(c->o->to, c->o->vfs, err) != KT_OK ||
                             kt_db_probe(c->o->to, &head, err) != KT_OK))
        return kt_wrap(err, "backup");
    *ret_first = head.empty;
    if (head.empty)
        return KT_OK;
    if (kt_db_judge(c->o->to, &head, false, err) != KT_OK)
        return kt_wrap(err, "backup");
    if (!head.rollback || head.has_wal)
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' is a store that a collector has written, no backup: choose another "
                       "folder",
                       c->o->to);
    return KT_OK;
}

/* The transaction begins here. */
static enum kt_status open_backup(struct copy *c, struct kt_error *err)
{
    struct kt_sums sums;
    if (look(c, &c->result.first, err) != KT_OK ||
        kt_db_open(c->o->to, c->o->vfs, KT_DB_WRITE, &c->to, err) != KT_OK ||
        kt_db_write_behind(c->to, err) != KT_OK ||
        kt_db_exec(c->to, "BEGIN IMMEDIATE", err) != KT_OK)
        return kt_wrap(err, "backup");
    char mark[64];
    (void)snprintf(mark, sizeof mark, "PRAGMA schema_version=%u", KT_DB_CLEAN);
    if (c->result.first)
        return kt_schema_write(c->to, err) == KT_OK ? kt_db_exec(c->to, mark, err)
                                                    : kt_wrap(err, "backup");
    kt_db_defend(c->to, true);
    if (kt_schema_check(c->to, err) != KT_OK ||
        kt_meta_read(c->to, c->result.log_id, &c->tree, &sums, err) != KT_OK ||
        kt_directory_load(&c->have, c->to, err) != KT_OK)
        return kt_wrap(err, "backup");
    c->result.before = c->tree.size;
    c->behind = c->have.n == 0 ? 0 : c->have.at[c->have.n - 1].last_seq;
    return KT_OK;
}

/* ---- the whole ---- */

static enum kt_status copy_all(struct copy *c, struct kt_error *err)
{
    struct kt_sums sums;
    struct kt_tree tree;
    if (open_backup(c, err) != KT_OK || compare(c, err) != KT_OK || check_room(c, err) != KT_OK ||
        copy_sealed(c, err) != KT_OK || copy_rest(c, err) != KT_OK ||
        kt_meta_read(c->to, c->result.log_id, &tree, &sums, err) != KT_OK ||
        check_copied(c, &tree, err) != KT_OK || kt_db_exec(c->to, "COMMIT", err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    c->result.records = tree.size;
    (void)sqlite3_close(c->to);
    c->to = NULL;
    return KT_OK;
}

static enum kt_status verify(struct copy *c, struct kt_error *err)
{
    struct kt_reader *r = NULL;
    struct kt_store_stats stats;
    uint64_t from = c->o->quick ? c->behind + 1 : 1;
    const struct kt_verify_options verify = { .from = from,
                                              .problem = c->o->problem,
                                              .self = c->o->self };
    enum kt_status status = kt_reader_open(c->o->to, &r, err);
    if (status == KT_OK)
        status = kt_reader_verify(r, &verify, &c->result.verify, err);
    if (status == KT_OK)
        status = kt_reader_stats(r, &stats, err);
    if (status == KT_OK)
        c->result.file_bytes = stats.file_bytes;
    kt_reader_close(r);
    return status;
}

enum kt_status kt_backup_run(const struct kt_backup_options *o, struct kt_backup_result *ret,
                             struct kt_error *err)
{
    KT_CLEANUP(done) struct copy c = { .o = o, .lock_fd = -1 };
    struct kt_error why = { 0 };
    enum kt_status status = kt_reader_open(o->from, &c.from, &why);
    if (status == KT_OK)
        status = refuse_same(&c, &why);
    if (status == KT_OK)
        status = kt_store_lock(o->to, &c.lock_fd, &why);
    if (status == KT_OK)
        status = copy_all(&c, &why);
    if (status == KT_OK)
        status = verify(&c, &why);
    if (status == KT_OK)
        *ret = c.result;
    else if (err != NULL)
        *err = why;
    return status;
}
