/*
 * verify: derives everything again from the stored lines, and says what does not fit.
 *
 * Lines must be canonical and give the batch's leaves, the digest its agent signed, the times and
 * spans by which it is found; all leaves give the root. The newest number is fixed at the start, so
 * the walk needs no snapshot and a collector may go on storing.
 *
 * Owns:  nothing but what one call needs.
 * Calls: core/base, core/event, core/wire (digests), core/store.
 * Holds: nothing is taken from a derived column without comparing it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/event/line.h"
#include "core/store/reader.h"
#include "core/store/span.h"
#include "core/store/store.h"
#include "core/wire/batch.h"

#define PROBLEMS_MAX 100
#define KEYS_MAX     8 /* of one agent: two overlap while they are changed (THREATS N10) */
#define ARENA_MAX    (2 * KT_LINE_MAX)
#define HASHES_MAX   (2 * KT_BATCH_EVENTS_MAX) /* kept and dropped lines of one batch */

struct spool { /* newest batch seen of one agent's spool */
    uint64_t seq;
    uint8_t digest[32];
};
struct alert_seen {
    char digest[2 * 32 + 1]; /* hex */
    bool row;
};
struct table { /* a walk by number that holds no snapshot: each row is asked for */
    sqlite3_stmt *st;
    uint64_t next, at;
    bool row, done;
};
struct check {
    struct kt_reader *reader;
    void (*problem)(void *self, const char *sentence);
    void *self;
    unsigned (*signing_key)(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max);
    struct kt_verify_result result;

    struct table batches, controls;
    sqlite3_stmt *span_at, *mark_at;
    struct kt_zip *zip;
    struct kt_sha256 *sha;
    struct kt_arena arena;
    struct kt_lines lines;
    struct kt_spans spans;
    struct kt_buf text;
    kt_time_ns *arrival;
    bool *conflict;
    uint8_t (*hash)[32], (*all)[32];

    struct kt_tree tree, recorded;
    struct kt_sums sums, recorded_sums;
    uint64_t want; /* number that must come next */
    uint64_t span_rows;
    struct kt_map *spools; /* agent, NUL, incarnation */
    struct spool *spool;
    uint32_t spool_room;
    struct kt_map *alerts; /* id -> what its newest record says of its row */
    struct alert_seen *alert;
    uint32_t alert_room;
    uint8_t log_id[16];
};

static void say(struct check *c, const char *fmt, ...) KT_PRINTF(2, 3);
static void say(struct check *c, const char *fmt, ...)
{
    char sentence[600];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(sentence, sizeof sentence, fmt, ap);
    va_end(ap);
    if (c->result.problems++ < PROBLEMS_MAX && c->problem != NULL)
        c->problem(c->self, sentence);
}

#define RANGE       "records %llu-%llu: "
#define RANGE_OF(r) (unsigned long long)(r)->first_seq, (unsigned long long)kt_row_last(r)
#define ULL(v)      ((unsigned long long)(v))

/* ---- one batch ---- */

static void check_numbers(struct check *c, uint64_t first, uint64_t last)
{
    if (first > c->want)
        say(c, "records %llu-%llu are missing", ULL(c->want), ULL(first - 1));
    if (first < c->want)
        say(c, RANGE "these numbers are taken by earlier records", ULL(first), ULL(last));
    if (last >= c->want)
        c->want = last + 1;
}

/* Reads every line and adds its leaf; what the lines say is left in c->spans. */
static void check_lines(struct check *c, const struct kt_row *row)
{
    uint8_t leaf[32], leaves[32];
    kt_sha256_start(c->sha);
    kt_spans_reset(&c->spans);
    for (uint32_t i = 0; i < row->count; i++) {
        struct kt_error err = { 0 };
        struct kt_event ev;
        uint8_t key[KT_KEY_SIZE];
        kt_line_hash(c->lines.at[i], c->hash[i]);
        const struct kt_leaf l = { .seq = row->first_seq + i,
                                   .arrival = c->arrival[i],
                                   .stored = row->stored,
                                   .origin = row->origin,
                                   .conflict = c->conflict[i],
                                   .agent = row->agent,
                                   .line_hash = c->hash[i] };
        kt_leaf_hash(&l, leaf);
        kt_tree_add(&c->tree, leaf);
        kt_sha256_add(c->sha, leaf, sizeof leaf);
        kt_arena_reset(&c->arena);
        if (kt_line_read(c->lines.at[i], &c->arena, &ev, &err) != KT_OK) {
            say(c, "record %llu: the line is not canonical: %s", ULL(l.seq), err.text);
            continue;
        }
        kt_spans_add(&c->spans, ev.time, kt_span_key(&ev, key) ? key : NULL);
        c->sums.conflicts += c->conflict[i];
    }
    kt_sha256_end(c->sha, leaves);
    if (memcmp(leaves, row->leaves.at, sizeof leaves) != 0)
        say(c, RANGE "a line or what is shown beside it was changed", RANGE_OF(row));
}

/* Kept and dropped hashes in the order in which they were signed; false when the places clash. */
static bool signed_order(struct check *c, const struct kt_row *row, uint32_t *ret_n)
{
    const struct kt_dropped dropped = { row->dropped.at,
                                        (uint32_t)(row->dropped.len / KT_DROPPED_SIZE) };
    uint32_t n = row->count + dropped.n, kept = 0, next = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (next < dropped.n && kt_dropped_place(&dropped, next) == i)
            memcpy(c->all[i], kt_dropped_hash(&dropped, next++), 32);
        else if (kept < row->count)
            memcpy(c->all[i], c->hash[kept++], 32);
        else
            return false;
    }
    *ret_n = n;
    return next == dropped.n;
}

static void check_signature(struct check *c, const struct kt_row *row, uint32_t count)
{
    uint8_t key[KEYS_MAX][32];
    unsigned n = c->signing_key == NULL ? 0 : c->signing_key(c->self, row->agent, key, KEYS_MAX);
    if (n == 0)
        return;
    kt_buf_reset(&c->text);
    kt_batch_signed_text((const uint8_t *)row->incarnation.at, row->batch_seq, count,
                         (const uint8_t *)row->digest.at, &c->text);
    for (unsigned i = 0; i < n; i++) {
        if (kt_sign_ok(key[i], kt_buf_str(&c->text), (const uint8_t *)row->signature.at)) {
            c->result.signed_batches++;
            return;
        }
    }
    say(c, RANGE "no key of agent '" KT_STR_FMT "' made this signature", RANGE_OF(row),
        KT_STR_ARG(row->agent));
}

static void check_digest(struct check *c, const struct kt_row *row)
{
    const struct kt_str marks[] = { row->incarnation, row->digest, row->signature };
    unsigned have = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(marks); i++)
        have += marks[i].len != 0;
    if (have == 0 && row->origin != KT_ORIGIN_LIVE)
        return; /* imports come from files that nobody signed */
    if (have != KT_ARRAY_LEN(marks)) {
        say(c, RANGE "the digest or the signature of agent '" KT_STR_FMT "' is gone", RANGE_OF(row),
            KT_STR_ARG(row->agent));
        return;
    }
    uint32_t n = 0;
    uint8_t digest[32] = { 0 };
    if (signed_order(c, row, &n))
        kt_batch_digest((const uint8_t(*)[32])c->all, n, digest);
    if (n == 0 || memcmp(digest, row->digest.at, sizeof digest) != 0)
        say(c, RANGE "the lines are not those that agent '" KT_STR_FMT "' signed", RANGE_OF(row),
            KT_STR_ARG(row->agent));
    else
        check_signature(c, row, n);
}

static void check_spans(struct check *c, const struct kt_row *row)
{
    kt_spans_close(&c->spans);
    if (c->spans.n == 0)
        return; /* no line could be read, which has been said */
    const struct kt_span *first = &c->spans.span[0], *last = &c->spans.span[c->spans.n - 1];
    if (first->bucket == 0 && c->spans.n > 1)
        first++;
    if (first->min != row->min_time || last->max != row->max_time)
        say(c, RANGE "the first and last time recorded are not those of the lines", RANGE_OF(row));
    if (first->min > 0 && (c->sums.first_time == 0 || first->min < c->sums.first_time))
        c->sums.first_time = first->min;
    if (last->max > c->sums.last_time)
        c->sums.last_time = last->max;
    bool same = true;
    for (uint32_t i = 0; i < c->spans.n && same; i++) {
        const struct kt_span *span = &c->spans.span[i];
        kt_db_i64(c->span_at, 1, span->bucket);
        kt_db_i64(c->span_at, 2, span->max);
        kt_db_u64(c->span_at, 3, row->first_seq);
        same = kt_db_step(c->span_at, NULL) == KT_OK && kt_db_col_i64(c->span_at, 0) == span->min &&
               kt_str_eq(kt_db_col(c->span_at, 1), span->ids);
        (void)sqlite3_reset(c->span_at);
    }
    c->span_rows += c->spans.n;
    if (!same)
        say(c, RANGE "the index of times does not lead to all of them", RANGE_OF(row));
}

static void check_order(struct check *c, const struct kt_row *row)
{
    if (row->incarnation.len == 0 || row->digest.len == 0)
        return;
    kt_buf_reset(&c->text);
    kt_buf_add(&c->text, row->agent);
    kt_buf_byte(&c->text, '\0');
    kt_buf_add(&c->text, row->incarnation);
    bool is_new;
    uint32_t at = kt_map_put(c->spools, kt_buf_str(&c->text), &is_new);
    if (at >= c->spool_room) {
        c->spool_room = c->spool_room == 0 ? 16 : 2 * c->spool_room;
        c->spool = kt_realloc_array(c->spool, c->spool_room, sizeof *c->spool);
    }
    if (!is_new && row->batch_seq <= c->spool[at].seq)
        say(c, RANGE "batch %llu of agent '" KT_STR_FMT "' stands behind batch %llu", RANGE_OF(row),
            ULL(row->batch_seq), KT_STR_ARG(row->agent), ULL(c->spool[at].seq));
    c->spool[at].seq = row->batch_seq;
    memcpy(c->spool[at].digest, row->digest.at, 32);
}

static void see_arrival(struct check *c, kt_time_ns arrival)
{
    if (c->sums.first_arrival == 0 || arrival < c->sums.first_arrival)
        c->sums.first_arrival = arrival;
    if (arrival > c->sums.newest_arrival)
        c->sums.newest_arrival = arrival;
}

static void check_batch(struct check *c)
{
    struct kt_row row;
    struct kt_error err = { 0 };
    if (kt_row_read(c->batches.st, &row, &err) != KT_OK) {
        say(c, "%s", err.text);
        return;
    }
    check_numbers(c, row.first_seq, kt_row_last(&row));
    c->result.batches++;
    c->result.records += row.count;
    c->sums.events += row.count;
    check_order(c, &row);
    memset(c->conflict, 0, row.count * sizeof *c->conflict);
    if (kt_row_lines(&row, c->zip, &c->lines, &err) != KT_OK ||
        kt_row_arrivals(&row, c->arrival, &err) != KT_OK ||
        kt_row_conflicts(&row, c->conflict, &err) != KT_OK) {
        say(c, "%s", err.text);
        return;
    }
    for (uint32_t i = 0; i < row.count; i++)
        see_arrival(c, c->arrival[i]);
    check_lines(c, &row);
    check_digest(c, &row);
    check_spans(c, &row);
}

/* ---- control records ---- */

static bool is_own(const struct kt_event *ev, const char *operation)
{
    return ev->kind == KT_KIND_AUDIT && kt_str_is(ev->operation, operation) &&
           kt_str_is(ev->source, "keytrail");
}

/* The alert's record is {"digest":"<hex>"}; the newest one counts. */
static void see_alert(struct check *c, const struct kt_event *ev)
{
    const struct kt_str head = KT_STR("{\"digest\":\"");
    if (!kt_str_starts(ev->raw, head) || ev->native_id.len == 0)
        return;
    uint32_t at = kt_map_put(c->alerts, ev->native_id, NULL);
    if (at >= c->alert_room) {
        c->alert_room = c->alert_room == 0 ? 64 : 2 * c->alert_room;
        c->alert = kt_realloc_array(c->alert, c->alert_room, sizeof *c->alert);
    }
    c->alert[at].row = false;
    kt_str_copyz(c->alert[at].digest, sizeof c->alert[at].digest,
                 kt_str_from_index(ev->raw, head.len));
}

/* A start names the log that it wrote into. */
static void check_start(struct check *c, uint64_t seq, const struct kt_event *ev)
{
    const struct kt_str key = KT_STR("\"log\":\"");
    char id[KT_ID_TEXT];
    ptrdiff_t at = kt_str_find(ev->raw, key, 0);
    if (at >= 0 && !kt_str_starts(kt_str_from_index(ev->raw, (size_t)at + key.len),
                                  kt_str_of(kt_id_format(c->log_id, id))))
        say(c, "record %llu: the collector started on another log than table meta names", ULL(seq));
}

static void check_control(struct check *c)
{
    uint64_t seq = kt_db_col_u64(c->controls.st, 0);
    struct kt_str line = kt_db_col(c->controls.st, 5), stored_leaf = kt_db_col(c->controls.st, 4);
    uint8_t hash[32], leaf[32];
    struct kt_event ev;
    struct kt_error err = { 0 };
    check_numbers(c, seq, seq);
    c->result.records++;
    c->sums.control++;
    see_arrival(c, kt_db_col_i64(c->controls.st, 2));
    kt_line_hash(line, hash);
    const struct kt_leaf l = { .seq = seq,
                               .arrival = kt_db_col_i64(c->controls.st, 2),
                               .stored = kt_db_col_i64(c->controls.st, 3),
                               .origin = KT_ORIGIN_CONTROL,
                               .agent = KT_CONTROL_AGENT,
                               .line_hash = hash };
    kt_leaf_hash(&l, leaf);
    kt_tree_add(&c->tree, leaf);
    if (stored_leaf.len != sizeof leaf || memcmp(leaf, stored_leaf.at, sizeof leaf) != 0)
        say(c, "record %llu: the control record or its times were changed", ULL(seq));
    kt_arena_reset(&c->arena);
    if (kt_line_read(line, &c->arena, &ev, &err) != KT_OK)
        say(c, "record %llu: the line is not canonical: %s", ULL(seq), err.text);
    else if ((int64_t)ev.kind != kt_db_col_i64(c->controls.st, 1))
        say(c, "record %llu: it is listed as another kind than its line says", ULL(seq));
    else if (is_own(&ev, KT_ALERT_OPERATION))
        see_alert(c, &ev);
    else if (is_own(&ev, "start"))
        check_start(c, seq, &ev);
}

/* ---- the whole ---- */

static enum kt_status prepare(struct check *c, struct kt_error *err)
{
    sqlite3 *db = c->reader->db;
    if (kt_meta_read(db, c->log_id, &c->recorded, &c->recorded_sums, err) != KT_OK ||
        kt_db_prepare(db,
                      "SELECT " KT_ROW_COLUMNS
                      " FROM batch WHERE first_seq BETWEEN ?1 AND ?2 ORDER BY first_seq LIMIT 1",
                      &c->batches.st, err) != KT_OK ||
        kt_db_prepare(db,
                      "SELECT seq,kind,arrival,stored,leaf,line FROM control"
                      " WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT 1",
                      &c->controls.st, err) != KT_OK ||
        kt_db_prepare(db,
                      "SELECT min_time, ids FROM span"
                      " WHERE bucket = ?1 AND max_time = ?2 AND first_seq = ?3",
                      &c->span_at, err) != KT_OK ||
        kt_db_prepare(db, "SELECT seq, digest FROM mark WHERE agent = ?1 AND incarnation = ?2",
                      &c->mark_at, err) != KT_OK)
        return kt_wrap(err, "verify");
    return KT_OK;
}

/* The next row of a table, unless it is there already. What cannot be read ends the table. */
static void advance(struct check *c, struct table *t, const char *what)
{
    struct kt_error err = { 0 };
    if (t->row || t->done)
        return;
    kt_db_u64(t->st, 1, t->next);
    kt_db_u64(t->st, 2, c->recorded.size);
    enum kt_status status = kt_db_step(t->st, &err);
    t->at = status == KT_OK ? kt_db_col_u64(t->st, 0) : 0;
    t->row = status == KT_OK && t->at >= t->next;
    t->done = !t->row;
    t->next = t->at + 1;
    if (t->done && status != KT_E_AGAIN)
        say(c, "%s from %llu on cannot be read: %s", what, ULL(c->want),
            status == KT_OK ? "their numbers are in disorder" : err.text);
}

static void leave(struct table *t)
{
    (void)sqlite3_reset(t->st);
    t->row = false;
}

/* Batches and control records by number. */
static void walk(struct check *c)
{
    for (;;) {
        advance(c, &c->batches, "batches");
        advance(c, &c->controls, "control records");
        if (c->batches.row && (!c->controls.row || c->batches.at < c->controls.at)) {
            check_batch(c);
            leave(&c->batches);
        } else if (c->controls.row) {
            check_control(c);
            leave(&c->controls);
        } else {
            return;
        }
    }
}

/* Rows with numbers that no record has. Asked before the newest number, which may grow meanwhile.
 */
static void check_strays(struct check *c)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    uint8_t log_id[16];
    struct kt_tree tree;
    struct kt_sums sums;
    struct kt_error err = { 0 };
    if (kt_db_prepare(c->reader->db,
                      "SELECT min(lo), max(hi) FROM"
                      " (SELECT min(first_seq) AS lo, max(first_seq) AS hi FROM batch"
                      "  UNION ALL SELECT min(seq), max(seq) FROM control)",
                      &st, &err) != KT_OK ||
        kt_db_step(st, &err) != KT_OK)
        return; /* unreadable tables were named by the walk */
    int64_t low = kt_db_col_i64(st, 0), high = kt_db_col_i64(st, 1);
    bool some = sqlite3_column_type(st, 0) != SQLITE_NULL;
    (void)sqlite3_reset(st);
    if (kt_meta_read(c->reader->db, log_id, &tree, &sums, &err) != KT_OK || !some)
        return;
    if (low < 1)
        say(c, "a row has the number %lld, which no record can have", (long long)low);
    if (high > 0 && (uint64_t)high > tree.size)
        say(c, "a row has the number %lld, behind the newest record %llu", (long long)high,
            ULL(tree.size));
}

static void check_root(struct check *c)
{
    uint8_t root[32];
    kt_tree_root(&c->tree, c->result.root);
    kt_tree_root(&c->recorded, root);
    if (c->want <= c->recorded.size)
        say(c, "records %llu-%llu are missing", ULL(c->want), ULL(c->recorded.size));
    if (c->tree.size != c->recorded.size || memcmp(root, c->result.root, sizeof root) != 0)
        say(c, "the %llu records do not give the recorded root of the tree (%llu leaves)",
            ULL(c->tree.size), ULL(c->recorded.size));
}

static void check_sums(struct check *c)
{
    const struct kt_sums *have = &c->sums, *want = &c->recorded_sums;
    const struct {
        const char *what;
        int64_t have, want;
    } sums[] = {
        { "number of events", (int64_t)have->events, (int64_t)want->events },
        { "number of control records", (int64_t)have->control, (int64_t)want->control },
        { "number of batches", (int64_t)c->result.batches, (int64_t)want->batches },
        { "number of conflicts", (int64_t)have->conflicts, (int64_t)want->conflicts },
        { "first event time", have->first_time, want->first_time },
        { "last event time", have->last_time, want->last_time },
        { "first arrival", have->first_arrival, want->first_arrival },
        { "last arrival", have->newest_arrival, want->newest_arrival },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(sums); i++)
        if (sums[i].have != sums[i].want)
            say(c, "table meta: the %s is %lld, the records give %lld", sums[i].what,
                (long long)sums[i].want, (long long)sums[i].have);
}

static void check_marks(struct check *c)
{
    for (uint32_t i = 0; i < kt_map_count(c->spools); i++) {
        struct kt_str name = kt_map_key(c->spools, i);
        struct kt_str agent = kt_str_sub(name, 0, name.len - 17);
        kt_db_text(c->mark_at, 1, agent);
        kt_db_blob(c->mark_at, 2, kt_str_from_index(name, name.len - 16));
        uint64_t seq = 0;
        bool same = false;
        if (kt_db_step(c->mark_at, NULL) == KT_OK) {
            seq = kt_db_col_u64(c->mark_at, 0);
            same = kt_str_eq(kt_db_col(c->mark_at, 1), kt_str_from(c->spool[i].digest, 32));
        }
        (void)sqlite3_reset(c->mark_at);
        if (seq < c->spool[i].seq || (seq == c->spool[i].seq && !same))
            say(c, "the mark of agent '" KT_STR_FMT "' (batch %llu) does not fit its batch %llu",
                KT_STR_ARG(agent), ULL(seq), ULL(c->spool[i].seq));
    }
}

/* A collector that runs may have changed the row after the walk's last number. */
static bool changed_since(struct check *c, struct kt_str id)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(c->reader->db,
                      "SELECT 1 FROM control WHERE seq > ?1 AND kind = ?2 AND instr(line, ?3)", &st,
                      NULL) != KT_OK)
        return false;
    kt_db_u64(st, 1, c->recorded.size);
    kt_db_i64(st, 2, KT_KIND_AUDIT);
    kt_db_blob(st, 3, id);
    return kt_db_step(st, NULL) == KT_OK;
}

static void check_alert(struct check *c, sqlite3_stmt *st)
{
    uint8_t sum[32];
    char hex[2 * sizeof sum + 1];
    struct kt_str id = kt_db_col(st, 0);
    kt_alert_digest(id, kt_db_col_i64(st, 1), kt_db_col_i64(st, 2), kt_db_col_i64(st, 3),
                    kt_db_col(st, 4), sum);
    uint32_t at = kt_map_get(c->alerts, id);
    if (at != KT_MAP_NONE)
        c->alert[at].row = true;
    kt_hex(hex, sum, sizeof sum);
    if (at != KT_MAP_NONE && strcmp(hex, c->alert[at].digest) == 0)
        return;
    if (!changed_since(c, id))
        say(c, "alert " KT_STR_FMT ": %s", KT_STR_ARG(kt_str_sub(id, 0, 64)),
            at == KT_MAP_NONE ? "the log does not know it" : "it is not what was raised");
}

static void check_alerts(struct check *c)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    struct kt_error err = { 0 };
    if (kt_db_prepare(c->reader->db, "SELECT id, opened, updated, severity, json FROM alert", &st,
                      &err) != KT_OK) {
        say(c, "the alerts cannot be read: %s", err.text);
        return;
    }
    enum kt_status got;
    while ((got = kt_db_step(st, &err)) == KT_OK)
        check_alert(c, st);
    if (got != KT_E_AGAIN)
        say(c, "the alerts cannot be read: %s", err.text);
    for (uint32_t i = 0; i < kt_map_count(c->alerts); i++)
        if (!c->alert[i].row)
            say(c, "alert " KT_STR_FMT ": it is missing", KT_STR_ARG(kt_map_key(c->alerts, i)));
}

static void check_index(struct check *c)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *count = NULL, *pages = NULL;
    struct kt_error err = { 0 };
    if (kt_db_prepare(c->reader->db, "SELECT count(*) FROM span WHERE first_seq <= ?1", &count,
                      &err) == KT_OK) {
        kt_db_u64(count, 1, c->recorded.size);
        if (kt_db_step(count, &err) == KT_OK && kt_db_col_u64(count, 0) != c->span_rows)
            say(c, "the index of times has %llu rows, the records give %llu",
                ULL(kt_db_col_u64(count, 0)), ULL(c->span_rows));
    }
    if (kt_db_prepare(c->reader->db, "PRAGMA integrity_check(10)", &pages, &err) != KT_OK)
        say(c, "the pages of the file cannot be checked: %s", err.text);
    while (pages != NULL && kt_db_step(pages, &err) == KT_OK) {
        struct kt_str found = kt_db_col(pages, 0);
        if (!kt_str_is(found, "ok"))
            say(c, "the pages of the file: " KT_STR_FMT, (int)(found.len > 400 ? 400 : found.len),
                found.at);
    }
}

static void done(struct check *c)
{
    kt_db_finalize(&c->batches.st);
    kt_db_finalize(&c->controls.st);
    kt_db_finalize(&c->span_at);
    kt_db_finalize(&c->mark_at);
    kt_zip_free(c->zip);
    kt_sha256_free(c->sha);
    kt_arena_done(&c->arena);
    kt_lines_done(&c->lines);
    kt_spans_done(&c->spans);
    kt_buf_done(&c->text);
    kt_map_free(c->spools);
    kt_map_free(c->alerts);
    kt_free(c->alert);
    kt_free(c->arrival);
    kt_free(c->conflict);
    kt_free(c->hash);
    kt_free(c->all);
    kt_free(c->spool);
}

enum kt_status kt_reader_verify(struct kt_reader *r,
                                void (*problem)(void *self, const char *sentence), void *self,
                                unsigned (*signing_key)(void *self, struct kt_str agent,
                                                        uint8_t (*ret)[32], unsigned max),
                                struct kt_verify_result *ret, struct kt_error *err)
{
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "verify");
    KT_CLEANUP(done)
    struct check c = {
        .reader = r,
        .problem = problem,
        .self = self,
        .signing_key = signing_key,
        .want = 1,
        .zip = kt_zip_new(),
        .sha = kt_sha256_new(),
        .arena = kt_arena_new(ARENA_MAX),
        .arrival = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof(kt_time_ns)),
        .conflict = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof(bool)),
        .hash = kt_alloc_array(KT_BATCH_EVENTS_MAX, 32),
        .all = kt_alloc_array(HASHES_MAX, 32),
        .spools = kt_map_new(0),
        .alerts = kt_map_new(0),
    };
    if (prepare(&c, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    walk(&c);
    check_strays(&c);
    check_root(&c);
    check_sums(&c);
    check_marks(&c);
    check_alerts(&c);
    check_index(&c);
    c.result.ok = c.result.problems == 0;
    *ret = c.result;
    return KT_OK;
}
