/*
 * alerts: rows of alerts and of the outbox. What is in the JSON is the collector's business.
 *
 * Owns:  nothing beyond struct kt_store.
 * Calls: core/base, core/store/db.
 * Holds: a walk whose callback may change the row it is given asks for one row at a time.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/store/reader.h"
#include "core/store/store.h"

void kt_alert_digest(struct kt_str id, kt_time_ns opened, kt_time_ns updated, int64_t severity,
                     struct kt_str json, uint8_t ret[32])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf head = { 0 };
    kt_buf_addf(&head, KT_STR_FMT "\n%" PRId64 "\n%" PRId64 "\n%" PRId64 "\n", KT_STR_ARG(id),
                opened, updated, severity);
    const struct kt_str parts[] = { kt_buf_str(&head), json };
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), ret);
}

/* The leaf that covers the row as it is from now on. */
static enum kt_status record_alert(struct kt_store *s, const char *id, kt_time_ns now,
                                   const uint8_t digest[32], struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    uint64_t seq;
    kt_buf_addz(&raw, "{\"digest\":\"");
    kt_hex_add(&raw, digest, 32);
    kt_buf_addz(&raw, "\"}");
    struct kt_event ev = { .kind = KT_KIND_AUDIT,
                           .source = KT_STR("keytrail"),
                           .instance = KT_STR("alerts"),
                           .native_id = kt_str_of(id),
                           .operation = KT_STR(KT_ALERT_OPERATION),
                           .message = KT_STR("alert raised or changed"),
                           .time = now,
                           .observed = now,
                           .raw = kt_buf_str(&raw) };
    return kt_store_control(s, &ev, now, now, &seq, err);
}

enum kt_status kt_store_alert_put(struct kt_store *s, const char *id, kt_time_ns opened,
                                  kt_time_ns updated, int severity, struct kt_str json,
                                  struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "alert");
    sqlite3_stmt *st = s->st[KT_ST_ALERT_PUT];
    kt_db_text(st, 1, kt_str_of(id));
    kt_db_i64(st, 2, opened);
    kt_db_i64(st, 3, updated);
    kt_db_i64(st, 4, severity);
    kt_db_text(st, 5, json);
    if (kt_store_run(s, KT_ST_ALERT_PUT, err) != KT_OK)
        return kt_wrap(err, "alert");
    uint8_t digest[32];
    kt_alert_digest(kt_str_of(id), opened, updated, severity, json, digest);
    return record_alert(s, id, updated, digest, err);
}

/* Runs a statement that returns the number of the row that waits since, or adds none: whoever asks
 * for what was added hears of it, whichever statement it was. */
static enum kt_status run_adding(struct kt_store *s, enum kt_statement which, int64_t *ret_row,
                                 bool *ret_added, struct kt_error *err)
{
    enum kt_status status = kt_db_step(s->st[which], err);
    bool added = status == KT_OK;
    if (added) {
        int64_t row = kt_db_col_i64(s->st[which], 0);
        if (s->outbox_added == 0 || row < s->outbox_added)
            s->outbox_added = row;
        *ret_row = row;
        status = kt_store_run(s, which, err); /* to its end: only then the row is in */
    } else if (status == KT_E_AGAIN) {
        status = KT_OK;
    } else {
        s->torn = s->in_txn;
    }
    if (status != KT_OK)
        return kt_wrap(err, "outbox");
    *ret_added = added;
    return KT_OK;
}

enum kt_status kt_store_outbox_add(struct kt_store *s, struct kt_outbox_row *row,
                                   struct kt_str alert_json, struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "outbox");
    sqlite3_stmt *st = s->st[KT_ST_OUTBOX_ADD];
    kt_db_text(st, 1, kt_str_of(row->alert));
    kt_db_text(st, 2, kt_str_of(row->target));
    kt_db_text(st, 3, kt_str_of(row->action));
    kt_db_text(st, 4, kt_str_of(row->state));
    kt_db_i64(st, 5, row->attempts);
    kt_db_i64(st, 6, row->created);
    kt_db_i64(st, 7, row->next_try);
    kt_db_i64(st, 8, row->sent_at);
    kt_db_i64(st, 9, row->last_code);
    kt_db_text(st, 10, kt_str_of(row->last_error));
    kt_db_text(st, 11, alert_json);
    bool added;
    enum kt_status status = run_adding(s, KT_ST_OUTBOX_ADD, &row->row, &added, err);
    assert(status != KT_OK || added);
    return status;
}

enum kt_status kt_store_outbox_again(struct kt_store *s, const struct kt_outbox_again *a,
                                     bool *ret_added, struct kt_error *err)
{
    int64_t row;
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "outbox");
    sqlite3_stmt *st = s->st[KT_ST_OUTBOX_AGAIN];
    kt_db_text(st, 1, kt_str_of(a->alert));
    kt_db_text(st, 2, kt_str_of(a->target));
    kt_db_text(st, 3, kt_str_of(a->action));
    kt_db_i64(st, 4, a->now);
    kt_db_text(st, 5, kt_str_of(a->but));
    return run_adding(s, KT_ST_OUTBOX_AGAIN, &row, ret_added, err);
}

enum kt_status kt_store_outbox_update(struct kt_store *s, const struct kt_outbox_row *row,
                                      struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "outbox");
    sqlite3_stmt *st = s->st[KT_ST_OUTBOX_UPDATE];
    kt_db_i64(st, 1, row->row);
    kt_db_text(st, 2, kt_str_of(row->state));
    kt_db_i64(st, 3, row->attempts);
    kt_db_i64(st, 4, row->next_try);
    kt_db_i64(st, 5, row->sent_at);
    kt_db_i64(st, 6, row->last_code);
    kt_db_text(st, 7, kt_str_of(row->last_error));
    if (kt_store_run(s, KT_ST_OUTBOX_UPDATE, err) != KT_OK)
        return kt_wrap(err, "outbox");
    if (sqlite3_changes(s->db) != 1)
        return kt_fail(err, KT_E_INPUT, "the outbox has no row %lld", (long long)row->row);
    return KT_OK;
}

static void take_row(sqlite3_stmt *st, struct kt_outbox_row *row)
{
    *row = (struct kt_outbox_row){
        .row = kt_db_col_i64(st, 0),
        .attempts = (uint32_t)kt_db_col_u64(st, 5),
        .created = kt_db_col_i64(st, 6),
        .next_try = kt_db_col_i64(st, 7),
        .sent_at = kt_db_col_i64(st, 8),
        .last_code = (int)kt_db_col_i64(st, 9),
        .severity = (int)kt_db_col_i64(st, 11),
    };
    kt_str_copyz(row->alert, sizeof row->alert, kt_db_col(st, 1));
    kt_str_copyz(row->target, sizeof row->target, kt_db_col(st, 2));
    kt_str_copyz(row->action, sizeof row->action, kt_db_col(st, 3));
    kt_str_copyz(row->state, sizeof row->state, kt_db_col(st, 4));
    kt_str_copyz(row->last_error, sizeof row->last_error, kt_db_col(st, 10));
}

#define OUTBOX_COLUMNS                                                                             \
    "o.row,o.alert,o.target,o.action,o.state,o.attempts,o.created,o.next_try,o.sent_at,"           \
    "o.last_code,o.last_error,coalesce(a.severity,0)"
#define OUTBOX_SEVERITY " LEFT JOIN alert a ON a.id = o.alert "

/* Rows by their number, without the alert's text, in one walk: the callback changes nothing. */
enum kt_status kt_outbox_each(sqlite3 *db, enum kt_outbox_which which, int64_t from,
                              enum kt_status (*each)(void *self, const struct kt_outbox_row *row,
                                                     struct kt_error *err),
                              void *self, struct kt_error *err)
{
    static const char *const sqls[] = {
        [KT_OUTBOX_ALL] = "SELECT " OUTBOX_COLUMNS " FROM outbox o NOT INDEXED" OUTBOX_SEVERITY
                          "WHERE o.row >= ?1 ORDER BY o.row",
        /* new ones stand at the table's end */
        [KT_OUTBOX_NEW] = "SELECT " OUTBOX_COLUMNS " FROM outbox o NOT INDEXED" OUTBOX_SEVERITY
                          "WHERE o.row >= ?1 AND o.state = 'wait' ORDER BY o.row",
        /* few of very many wait */
        [KT_OUTBOX_WAITING] =
            "SELECT " OUTBOX_COLUMNS " FROM outbox o INDEXED BY outbox_waiting" OUTBOX_SEVERITY
            "WHERE o.state = 'wait' AND o.row >= ?1 ORDER BY o.row",
    };
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    struct kt_outbox_row row;
    if (kt_db_prepare(db, sqls[which], &st, err) != KT_OK)
        return kt_wrap(err, "outbox");
    kt_db_i64(st, 1, from);
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK) {
        take_row(st, &row);
        if ((status = each(self, &row, err)) != KT_OK)
            return status;
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

enum kt_status kt_store_outbox_waiting(struct kt_store *s, int64_t from,
                                       enum kt_status (*each)(void *self,
                                                              const struct kt_outbox_row *row,
                                                              struct kt_error *err),
                                       void *self, struct kt_error *err)
{
    return kt_outbox_each(s->db, from > 0 ? KT_OUTBOX_NEW : KT_OUTBOX_WAITING, from, each, self,
                          err);
}

enum kt_status kt_store_outbox_all(struct kt_store *s,
                                   enum kt_status (*each)(void *self,
                                                          const struct kt_outbox_row *row,
                                                          struct kt_error *err),
                                   void *self, struct kt_error *err)
{
    return kt_outbox_each(s->db, KT_OUTBOX_ALL, 0, each, self, err);
}

int64_t kt_store_outbox_added(struct kt_store *s)
{
    int64_t first = s->outbox_added;
    s->outbox_added = 0;
    return first;
}

enum kt_status kt_store_outbox_up_to(struct kt_store *s, int64_t row_number,
                                     enum kt_status (*each)(void *self,
                                                            const struct kt_outbox_row *row,
                                                            struct kt_str alert_json,
                                                            struct kt_error *err),
                                     void *self, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_outbox_row row = { .row = INT64_MIN };
    for (;;) {
        sqlite3_stmt *st = s->st[KT_ST_OUTBOX_OF];
        kt_db_i64(st, 1, row_number);
        kt_db_i64(st, 2, row.row);
        enum kt_status status = kt_db_step(st, err);
        if (status == KT_OK) {
            take_row(st, &row);
            kt_buf_reset(&json);
            kt_buf_add(&json, kt_db_col(st, 12));
        }
        (void)sqlite3_reset(st);
        if (status != KT_OK)
            return status == KT_E_AGAIN ? KT_OK : status;
        const struct kt_outbox_row given = row;
        if ((status = each(self, &given, kt_buf_str(&json), err)) != KT_OK)
            return status;
    }
}

enum kt_status kt_outbox_of(sqlite3 *db, const char *alert,
                            enum kt_status (*each)(void *self, const struct kt_outbox_row *row,
                                                   struct kt_error *err),
                            void *self, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    const char *sql = "SELECT " OUTBOX_COLUMNS " FROM outbox o" OUTBOX_SEVERITY
                      "WHERE o.alert = ?1 ORDER BY o.row";
    enum kt_status status = kt_db_prepare(db, sql, &st, err);
    if (status != KT_OK)
        return kt_wrap(err, "outbox");
    kt_db_text(st, 1, kt_str_of(alert));
    while (status == KT_OK && (status = kt_db_step(st, err)) == KT_OK) {
        struct kt_outbox_row row;
        take_row(st, &row);
        status = each(self, &row, err);
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

enum kt_status kt_store_outbox_of(struct kt_store *s, const char *alert,
                                  enum kt_status (*each)(void *self,
                                                         const struct kt_outbox_row *row,
                                                         struct kt_error *err),
                                  void *self, struct kt_error *err)
{
    return kt_outbox_of(s->db, alert, each, self, err);
}

static enum kt_status each_document(struct kt_store *s, const char *sql, const char *alert,
                                    kt_time_ns at,
                                    enum kt_status (*each)(void *self, const char *target,
                                                           struct kt_str alert_json,
                                                           struct kt_error *err),
                                    void *self, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    char target[sizeof((struct kt_outbox_row *)NULL)->target];
    enum kt_status status = kt_db_prepare(s->db, sql, &st, err);
    if (status != KT_OK)
        return kt_wrap(err, "outbox");
    kt_db_text(st, 1, kt_str_of(alert));
    kt_db_i64(st, 2, at);
    kt_db_i64(st, 3, at > INT64_MAX - KT_OUTBOX_CLOCKS ? INT64_MAX : at + KT_OUTBOX_CLOCKS);
    while (status == KT_OK && (status = kt_db_step(st, err)) == KT_OK) {
        kt_str_copyz(target, sizeof target, kt_db_col(st, 0));
        status = each(self, target, kt_db_col(st, 1), err);
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* What was delivered by then, or else first. */
enum kt_status kt_store_outbox_said(struct kt_store *s, const char *alert, kt_time_ns at,
                                    enum kt_status (*each)(void *self, const char *target,
                                                           struct kt_str alert_json,
                                                           struct kt_error *err),
                                    void *self, struct kt_error *err)
{
    return each_document(s,
                         "SELECT target, alert_json FROM (SELECT target, alert_json,"
                         " row_number() OVER (PARTITION BY target ORDER BY sent_at > ?2,"
                         " iif(sent_at > ?2, sent_at, -sent_at), row DESC) AS k FROM outbox"
                         " WHERE alert=?1 AND sent_at > 0 AND sent_at <= ?3) WHERE k = 1",
                         alert, at, each, self, err);
}

enum kt_status kt_store_outbox_written(struct kt_store *s, const char *alert,
                                       enum kt_status (*each)(void *self, const char *target,
                                                              struct kt_str alert_json,
                                                              struct kt_error *err),
                                       void *self, struct kt_error *err)
{
    return each_document(s,
                         "SELECT target, alert_json FROM outbox"
                         " WHERE alert=?1 AND ?2 = 0 AND ?3 > 0 ORDER BY row",
                         alert, 0, each, self, err);
}

/* Ids are upper-case letters and digits, which all stand before '~'. */
enum kt_status kt_alert_find(sqlite3 *db, struct kt_str prefix, struct kt_buf *ret_json,
                             struct kt_alert_found *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    char from[28] = "", end[28];
    size_t n = prefix.len < sizeof from - 2 ? prefix.len : sizeof from - 2;
    if (prefix.len < KT_ALERT_PREFIX_MIN)
        return kt_fail(err, KT_E_INPUT, "an alert's id has 26 characters; give at least %u of them",
                       KT_ALERT_PREFIX_MIN);
    for (size_t i = 0; i < n; i++) {
        char c = prefix.at[i];
        from[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    memcpy(end, from, sizeof end);
    end[n] = '~';
    end[n + 1] = '\0';
    if (kt_db_prepare(db,
                      "SELECT id, json, opened, updated FROM alert WHERE id >= ?1 AND id < ?2 "
                      "ORDER BY id LIMIT 2",
                      &st, err) != KT_OK)
        return kt_wrap(err, "alert");
    kt_db_text(st, 1, kt_str_of(from));
    kt_db_text(st, 2, kt_str_of(end));
    enum kt_status status = kt_db_step(st, err);
    if (status == KT_E_AGAIN || (status == KT_OK && prefix.len > 26))
        return kt_fail(err, KT_E_INPUT, "there is no alert '" KT_STR_FMT "'", KT_STR_ARG(prefix));
    if (status != KT_OK)
        return kt_wrap(err, "alert");
    struct kt_alert_found found = { .opened = kt_db_col_i64(st, 2),
                                    .updated = kt_db_col_i64(st, 3) };
    kt_str_copyz(found.id, sizeof found.id, kt_db_col(st, 0));
    kt_buf_reset(ret_json);
    kt_buf_add(ret_json, kt_db_col(st, 1));
    status = kt_db_step(st, err);
    if (status == KT_OK)
        return kt_fail(err, KT_E_INPUT,
                       "more than one alert begins with '" KT_STR_FMT "': give more of its id",
                       KT_STR_ARG(prefix));
    if (status != KT_E_AGAIN)
        return kt_wrap(err, "alert");
    *ret = found;
    return KT_OK;
}

enum kt_status kt_store_alert_find(struct kt_store *s, struct kt_str prefix,
                                   struct kt_buf *ret_json, struct kt_alert_found *ret,
                                   struct kt_error *err)
{
    return kt_alert_find(s->db, prefix, ret_json, ret, err);
}

enum kt_status kt_reader_alert(struct kt_reader *r, struct kt_str id, struct kt_buf *ret_json,
                               uint8_t ret_digest[32], struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_reader_fresh(r, err) != KT_OK ||
        kt_db_prepare(r->db, "SELECT opened, updated, severity, json FROM alert WHERE id = ?1", &st,
                      err) != KT_OK)
        return kt_wrap(err, "alert");
    kt_db_text(st, 1, id);
    enum kt_status status = kt_db_step(st, err);
    if (status != KT_OK)
        return status;
    struct kt_str json = kt_db_col(st, 3);
    kt_alert_digest(id, kt_db_col_i64(st, 0), kt_db_col_i64(st, 1), kt_db_col_i64(st, 2), json,
                    ret_digest);
    kt_buf_add(ret_json, json);
    return KT_OK;
}

bool kt_outbox_speaks(const struct kt_outbox_row *row)
{
    return strcmp(row->state, KT_OUTBOX_HELD) != 0 && strcmp(row->state, KT_OUTBOX_SKIPPED) != 0;
}

enum kt_status kt_store_outbox_next(struct kt_store *s, char id[32], struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(s->db, "SELECT min(alert) FROM outbox WHERE alert > ?1", &st, err) != KT_OK)
        return kt_wrap(err, "outbox");
    kt_db_text(st, 1, kt_str_of(id));
    enum kt_status status = kt_db_step(st, err);
    if (status != KT_OK)
        return status;
    struct kt_str found = kt_db_col(st, 0);
    if (found.len == 0)
        return KT_E_AGAIN;
    kt_str_copyz(id, 32, found);
    return KT_OK;
}

enum kt_status kt_store_alert_blobs(struct kt_store *s, const char *prefix, unsigned max,
                                    enum kt_status (*each)(void *self, const char *alert,
                                                           struct kt_error *err),
                                    void *self, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    const char *sql = "SELECT a.id FROM blob b CROSS JOIN alert a"
                      " ON a.id = substr(b.name, length(?1) + 1)"
                      " WHERE b.name >= ?1 AND b.name < ?1 || '~'"
                      " ORDER BY a.updated DESC, a.id LIMIT ?2";
    enum kt_status status = kt_db_prepare(s->db, sql, &st, err);
    if (status != KT_OK)
        return kt_wrap(err, "alerts of '%s'", prefix);
    kt_db_text(st, 1, kt_str_of(prefix));
    kt_db_i64(st, 2, max);
    while (status == KT_OK && (status = kt_db_step(st, err)) == KT_OK) {
        char id[32];
        kt_str_copyz(id, sizeof id, kt_db_col(st, 0));
        status = each(self, id, err);
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}
