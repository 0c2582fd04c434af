/*
 * read: opening a store to read it, and the small questions: sums, blobs, alerts, outbox.
 *
 * Owns:  one read-only connection for each file of the log.
 * Calls: core/base, core/store.
 * Holds: never writes, never checkpoints (D2), holds no snapshot longer than one question (D4).
 */
#include "core/store/read.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/store/chain.h"
#include "core/store/merge.h"
#include "core/store/reader.h"
#include "core/store/schema.h"
#include "core/store/store.h"

/* A backup that was cut off is as it was before, once its journal is undone. */
static enum kt_status probe(const char *path, struct kt_db_head *ret, struct kt_error *err)
{
    if (kt_db_probe(path, ret, err) != KT_OK)
        return kt_wrap(err, "store");
    if (!ret->exists || !ret->has_journal || ret->has_wal)
        return KT_OK;
    if (access(path, W_OK) != 0)
        return kt_fail(err, KT_E_IO,
                       "'%s': a backup into it runs or was cut off, and this user may not undo it: "
                       "ask as a user who may write it",
                       path);
    return kt_db_mend(path, NULL, err) == KT_OK ? kt_db_probe(path, ret, err)
                                                : kt_wrap(err, "store");
}

unsigned kt_store_schema(void)
{
    return KT_DB_SCHEMA;
}

const char *kt_store_engine(void)
{
    return sqlite3_libversion();
}

static enum kt_status connect(const char *path, sqlite3 **ret, bool *ret_frozen,
                              struct kt_error *err)
{
    struct kt_db_head head;
    if (probe(path, &head, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    if (!head.exists || head.empty)
        return kt_fail(err, KT_E_AGAIN, "no store at '%s': keytrail collector or import makes one",
                       path);
    if (kt_db_judge(path, &head, false, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    sqlite3 *db = NULL;
    bool frozen = head.idle && !head.rollback;
    unsigned schema = 0;
    if (kt_db_open(path, NULL, frozen ? KT_DB_FROZEN : KT_DB_READ, &db, err) != KT_OK) {
        if (!head.has_shm && access(path, W_OK) != 0)
            return kt_fail(err, KT_E_IO,
                           "'%s' was not stopped cleanly, and this user may not mend it: start the "
                           "collector, or ask as the user it runs as",
                           path);
        return kt_wrap(err, "store");
    }
    kt_db_defend(db, true);
    enum kt_status status = kt_schema_version(db, &schema, err);
    if (status == KT_OK && schema == 0)
        status = kt_fail(err, KT_E_AGAIN, "the store at '%s' is being made", path);
    else if (status == KT_OK && schema > KT_DB_SCHEMA)
        status = kt_fail(err, KT_E_CONFIG,
                         "'%s' has schema %u, this keytrail knows schemas up to %u: upgrade "
                         "keytrail",
                         path, schema, KT_DB_SCHEMA);
    else if (status == KT_OK && schema < KT_DB_READS)
        status = kt_fail(err, KT_E_CONFIG,
                         "'%s' has schema %u, this keytrail reads schemas %u to %u: start the "
                         "collector on it once, which migrates it",
                         path, schema, KT_DB_READS, KT_DB_SCHEMA);
    else if (status == KT_OK)
        status = kt_schema_check(db, err);
    if (status != KT_OK) {
        (void)sqlite3_close(db);
        return status;
    }
    *ret = db;
    *ret_frozen = frozen;
    return KT_OK;
}

static void close_one(struct kt_reader *r)
{
    kt_directory_done(&r->directory);
    kt_tail_columns_free(r->tail);
    kt_db_finalize(&r->bounds);
    kt_db_finalize(&r->state);
    (void)sqlite3_close_v2(r->db); /* cursors that are still open keep it until they are freed */
    kt_free(r->path);
    kt_free(r->log_path);
    kt_free(r);
}

void kt_reader_close(struct kt_reader *r)
{
    while (r != NULL) {
        struct kt_reader *older = r->older;
        close_one(r);
        r = older;
    }
}

enum kt_status kt_reader_open_file(const char *log_path, unsigned number, struct kt_reader **ret,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    const char *path = kt_chain_name(log_path, number, &name);
    struct kt_error why = { 0 };
    sqlite3 *db = NULL;
    bool frozen = false;
    struct stat st = { 0 };
    (void)stat(path, &st); /* before it is opened: what comes meanwhile is another one */
    enum kt_status status = connect(path, &db, &frozen, &why);
    if (status != KT_OK) {
        if (err != NULL)
            *err = why;
        return status;
    }
    struct kt_reader *r = kt_alloc(sizeof *r);
    *r = (struct kt_reader){ .db = db,
                             .path = kt_strdup(path),
                             .log_path = kt_strdup(log_path),
                             .number = number,
                             .frozen = frozen,
                             .device = (uint64_t)st.st_dev,
                             .inode = (uint64_t)st.st_ino,
                             .tail = kt_tail_columns_new() };
    *ret = r;
    return KT_OK;
}

static enum kt_status same_log(struct kt_reader *a, struct kt_reader *b, struct kt_error *err)
{
    uint8_t log_id[2][16];
    struct kt_tree tree;
    struct kt_sums sums;
    if (kt_meta_read(a->db, log_id[0], &tree, &sums, err) != KT_OK ||
        kt_meta_read(b->db, log_id[1], &tree, &sums, err) != KT_OK)
        return kt_wrap(err, "'%s'", b->path);
    if (memcmp(log_id[0], log_id[1], 16) != 0)
        return kt_fail(err, KT_E_CORRUPT, "'%s' is of another log than '%s'", b->path, a->path);
    return KT_OK;
}

/* What cannot be read of the files before is said by whoever asks for their records. */
static void open_older(struct kt_reader *r)
{
    while (r->number > 1) {
        struct kt_reader *older = NULL;
        if (kt_reader_open_file(r->log_path, r->number - 1, &older, &r->lost) != KT_OK ||
            same_log(r, older, &r->lost) != KT_OK) {
            kt_reader_close(older);
            return;
        }
        r->older = older;
        r = older;
    }
}

enum kt_status kt_reader_open(const char *path, struct kt_reader **ret, struct kt_error *err)
{
    enum kt_status status = kt_reader_open_file(path, kt_chain_newest(path), ret, err);
    if (status == KT_OK)
        open_older(*ret);
    return status;
}

unsigned kt_reader_files(struct kt_reader *r, struct kt_reader **ret)
{
    unsigned n = 0;
    for (struct kt_reader *f = r; f != NULL; f = f->older)
        n++;
    for (unsigned i = n; i-- > 0; r = r->older)
        ret[i] = r;
    return n;
}

struct kt_reader *kt_reader_file(struct kt_reader *r, unsigned number)
{
    while (r != NULL && r->number != number)
        r = r->older;
    return r;
}

/* The newest file is a successor of what was open: that becomes an older one. */
static enum kt_status take_successor(struct kt_reader *r, struct kt_error *err)
{
    unsigned newest = kt_chain_newest(r->log_path);
    if (newest <= r->number)
        return KT_OK;
    struct kt_reader *next = NULL;
    if (kt_reader_open_file(r->log_path, newest, &next, err) != KT_OK)
        return kt_wrap(err, "successor");
    struct kt_reader now = *r;
    *r = *next;
    *next = now; /* callers hold r */
    open_older(r);
    kt_reader_close(next);
    return KT_OK;
}

enum kt_status kt_reader_fresh(struct kt_reader *r, struct kt_error *err)
{
    if (take_successor(r, err) != KT_OK)
        return kt_wrap(err, "store");
    if (!r->frozen)
        return KT_OK;
    struct kt_db_head head;
    if (kt_db_probe(r->path, &head, err) != KT_OK)
        return kt_wrap(err, "store");
    if (head.idle)
        return KT_OK;
    sqlite3 *db = NULL;
    if (connect(r->path, &db, &r->frozen, err) != KT_OK)
        return kt_wrap(err, "store");
    kt_db_finalize(&r->bounds);
    kt_db_finalize(&r->state);
    (void)sqlite3_close_v2(r->db);
    r->db = db;
    return KT_OK;
}

enum kt_status kt_merges_read(sqlite3 *db, uint64_t *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    enum kt_status status = kt_blob_get(db, KT_MERGES_BLOB, &value, err);
    struct kt_rd rd = kt_rd_of(kt_buf_str(&value));
    *ret = status == KT_OK ? kt_rd_u64(&rd) : 0;
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* Segments only come behind the last one, unless some were removed or merged. */
static enum kt_status bring_up_to_date(struct kt_reader *r, struct kt_error *err)
{
    uint8_t log_id[16];
    struct kt_tree tree;
    struct kt_sums sums;
    uint64_t merges;
    if (kt_meta_read(r->db, log_id, &tree, &sums, err) != KT_OK ||
        kt_merges_read(r->db, &merges, err) != KT_OK)
        return kt_wrap(err, "segments");
    if (sums.removed_segments == r->directory_removed && merges == r->directory_merges)
        return kt_directory_load(&r->directory, r->db, err);
    r->directory_removed = sums.removed_segments;
    r->directory_merges = merges;
    return kt_directory_reload(&r->directory, r->db, err);
}

/* In one snapshot: what is merged in between would be in neither of both lists. */
enum kt_status kt_reader_directory(struct kt_reader *r, struct kt_error *err)
{
    bool alone = sqlite3_get_autocommit(r->db) != 0;
    if (alone && kt_db_exec(r->db, "BEGIN", err) != KT_OK)
        return kt_wrap(err, "segments");
    enum kt_status status = bring_up_to_date(r, err);
    if (alone)
        (void)sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
    return status;
}

uint64_t kt_reader_file_bytes(const struct kt_reader *r, const char *suffix)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    kt_buf_addf(&name, "%s%s", r->path, suffix);
    struct stat st;
    return stat(kt_buf_z(&name), &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static enum kt_status stored_stats(struct kt_reader *r, struct kt_store_stats *ret,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(r->db,
                      "SELECT max(coalesce((SELECT max(max_stored) FROM segment), 0),"
                      " coalesce((SELECT max(stored) FROM batch), 0),"
                      " coalesce((SELECT stored FROM control ORDER BY seq DESC LIMIT 1), 0)),"
                      " (SELECT count(*) FROM segment)",
                      &st, err) != KT_OK ||
        kt_db_step(st, err) != KT_OK)
        return kt_wrap(err, "stored");
    ret->last_stored =
        kt_db_col_i64(st, 0) > ret->last_stored ? kt_db_col_i64(st, 0) : ret->last_stored;
    ret->segments += kt_db_col_u64(st, 1);
    return KT_OK;
}

static kt_time_ns earlier(kt_time_ns a, kt_time_ns b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static kt_time_ns later(kt_time_ns a, kt_time_ns b)
{
    return a > b ? a : b;
}

static enum kt_status add_stats(struct kt_reader *r, struct kt_store_stats *s, struct kt_error *err)
{
    struct kt_tree tree;
    struct kt_sums sums;
    if (kt_meta_read(r->db, s->log_id, &tree, &sums, err) != KT_OK ||
        stored_stats(r, s, err) != KT_OK)
        return kt_wrap(err, "stats");
    s->records = tree.size;
    s->events += sums.events;
    s->control += sums.control;
    s->batches += sums.batches;
    s->duplicates += sums.duplicates;
    s->conflicts += sums.conflicts;
    s->first_time = earlier(s->first_time, sums.first_time);
    s->last_time = later(s->last_time, sums.last_time);
    s->first_arrival = earlier(s->first_arrival, sums.first_arrival);
    s->last_arrival = later(s->last_arrival, sums.newest_arrival);
    s->removed_events += sums.removed_events;
    s->removed_segments += sums.removed_segments;
    s->file_bytes += kt_reader_file_bytes(r, "") + kt_reader_file_bytes(r, "-wal");
    return KT_OK;
}

enum kt_status kt_reader_stats(struct kt_reader *r, struct kt_store_stats *ret,
                               struct kt_error *err)
{
    struct kt_store_stats stats = { 0 };
    struct kt_reader *file[KT_CHAIN_MAX];
    if (kt_reader_fresh(r, err) != KT_OK || kt_schema_version(r->db, &stats.schema, err) != KT_OK)
        return kt_wrap(err, "stats");
    unsigned n = kt_reader_files(r, file);
    for (unsigned i = 0; i < n; i++) {
        struct kt_error why = { 0 };
        if (add_stats(file[i], &stats, &why) == KT_OK)
            continue;
        if (file[i] == r) {
            if (err != NULL)
                *err = why;
            return why.code;
        }
        /* what a damaged file cannot tell is left out of the sums */
    }
    stats.damaged_files = r->number - 1;
    *ret = stats;
    return KT_OK;
}

enum kt_status kt_reader_get(struct kt_reader *r, const char *name, struct kt_buf *ret,
                             struct kt_error *err)
{
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "get");
    return kt_blob_get(r->db, name, ret, err);
}

enum kt_status kt_reader_owner(struct kt_reader *r, struct kt_str instance,
                               struct kt_buf *ret_agent, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_reader_fresh(r, err) != KT_OK ||
        kt_db_prepare(r->db, "SELECT agent FROM owner WHERE instance = ?1", &st, err) != KT_OK)
        return kt_wrap(err, "owner");
    kt_db_text(st, 1, instance);
    enum kt_status status = kt_db_step(st, err);
    if (status != KT_OK)
        return status;
    kt_buf_reset(ret_agent);
    kt_buf_add(ret_agent, kt_db_col(st, 0));
    return KT_OK;
}

enum kt_status kt_reader_owners(struct kt_reader *r,
                                void (*each)(void *self, struct kt_str instance,
                                             struct kt_str agent),
                                void *self, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    enum kt_status status = kt_reader_fresh(r, err);
    if (status == KT_OK)
        status =
            kt_db_prepare(r->db, "SELECT instance, agent FROM owner ORDER BY instance", &st, err);
    while (status == KT_OK && (status = kt_db_step(st, err)) == KT_OK)
        each(self, kt_db_col(st, 0), kt_db_col(st, 1));
    return status == KT_E_AGAIN ? KT_OK : kt_wrap(err, "owners");
}

enum kt_status kt_reader_each(struct kt_reader *r, const char *prefix,
                              enum kt_status (*each)(void *self, const char *name,
                                                     struct kt_str value, struct kt_error *err),
                              void *self, struct kt_error *err)
{
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "names");
    return kt_blob_each(r->db, prefix, each, self, err);
}

#define ALERTS_AT_ONCE 64

void kt_alerts_page_start(struct kt_alerts_page *p)
{
    p->opened = INT64_MAX;
    p->id[0] = '\0';
    p->left = 0;
    p->n = ALERTS_AT_ONCE; /* there may be some */
}

void kt_alerts_page_done(struct kt_alerts_page *p)
{
    kt_buf_done(&p->rows);
}

static enum kt_status load_alerts(struct kt_reader *r, struct kt_alerts_page *p,
                                  struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    kt_buf_reset(&p->rows);
    p->n = 0;
    if (kt_reader_fresh(r, err) != KT_OK ||
        kt_db_prepare(r->db,
                      "SELECT opened, updated, id, json FROM alert WHERE (opened, id) < (?1, ?2)"
                      " ORDER BY opened DESC, id DESC LIMIT ?3",
                      &st, err) != KT_OK)
        return kt_wrap(err, "alerts");
    const struct kt_str last = kt_str_of(p->id);
    kt_db_i64(st, 1, p->opened);
    kt_db_text(st, 2, last);
    kt_db_i64(st, 3, ALERTS_AT_ONCE);
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK) {
        kt_buf_u64(&p->rows, (uint64_t)kt_db_col_i64(st, 0));
        kt_buf_u64(&p->rows, (uint64_t)kt_db_col_i64(st, 1));
        kt_buf_str32(&p->rows, kt_db_col(st, 2));
        kt_buf_str32(&p->rows, kt_db_col(st, 3));
        p->n++;
    }
    p->left = p->n;
    p->rd = kt_rd_of(kt_buf_str(&p->rows));
    return status == KT_E_AGAIN ? KT_OK : status;
}

enum kt_status kt_alerts_page_next(struct kt_reader *r, struct kt_alerts_page *p,
                                   struct kt_alert_row *ret, struct kt_error *err)
{
    if (p->left == 0 && p->n == ALERTS_AT_ONCE && load_alerts(r, p, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    if (p->left == 0)
        return kt_fail(err, KT_E_AGAIN, "no more alerts");
    p->left--;
    ret->opened = (kt_time_ns)kt_rd_u64(&p->rd);
    ret->updated = (kt_time_ns)kt_rd_u64(&p->rd);
    ret->id = kt_rd_str32(&p->rd);
    ret->json = kt_rd_str32(&p->rd);
    p->opened = ret->opened;
    kt_str_copyz(p->id, sizeof p->id, ret->id);
    return KT_OK;
}

enum kt_status kt_reader_alerts(struct kt_reader *r,
                                enum kt_status (*each)(void *self, const char *id,
                                                       struct kt_str json, struct kt_error *err),
                                void *self, struct kt_error *err)
{
    struct kt_alerts_page page = { 0 };
    struct kt_alert_row row;
    struct kt_error why = { 0 };
    enum kt_status status;
    kt_alerts_page_start(&page);
    while ((status = kt_alerts_page_next(r, &page, &row, &why)) == KT_OK &&
           (status = each(self, page.id, row.json, &why)) == KT_OK)
        ;
    kt_alerts_page_done(&page);
    if (status == KT_E_AGAIN)
        return KT_OK;
    if (err != NULL)
        *err = why;
    return status;
}

enum kt_status kt_reader_alert_find(struct kt_reader *r, struct kt_str prefix,
                                    struct kt_buf *ret_json, struct kt_alert_found *ret,
                                    struct kt_error *err)
{
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "alert");
    return kt_alert_find(r->db, prefix, ret_json, ret, err);
}

enum kt_status kt_reader_outbox_of(struct kt_reader *r, const char *alert,
                                   enum kt_status (*each)(void *self,
                                                          const struct kt_outbox_row *row,
                                                          struct kt_error *err),
                                   void *self, struct kt_error *err)
{
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "outbox");
    return kt_outbox_of(r->db, alert, each, self, err);
}

enum kt_status kt_reader_outbox(struct kt_reader *r,
                                enum kt_status (*each)(void *self, const struct kt_outbox_row *row,
                                                       struct kt_error *err),
                                void *self, struct kt_error *err)
{
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "outbox");
    return kt_outbox_each(r->db, KT_OUTBOX_ALL, 0, each, self, err);
}
