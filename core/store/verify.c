/*
 * verify: derives everything again from the stored lines, and says what does not fit.
 *
 * Lines must be canonical and give the batch's leaves, the digest its agent signed, and every
 * filter and column of their segment; all leaves, with the nodes that tombstones keep for removed
 * ones, give the root. What was sealed when it began needs no snapshot, since it never changes; the
 * rest is read in one.
 *
 * Owns:  nothing but what one call needs.
 * Calls: core/base, core/event, core/store.
 * Holds: nothing is taken from a derived column without comparing it.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/store/chain.h"
#include "core/store/check.h"
#include "core/store/place.h"
#include "core/store/prefix.h"
#include "core/wire/batch.h"

#define PROBLEMS_MAX 100
#define ARENA_MAX    (2 * KT_LINE_MAX)
#define HASHES_MAX   (2 * KT_BATCH_EVENTS_MAX) /* kept and dropped lines of one batch */

static void say(struct check *c, enum kt_fault fault, const char *fmt, va_list ap) KT_PRINTF(3, 0);
static void say(struct check *c, enum kt_fault fault, const char *fmt, va_list ap)
{
    char sentence[600];
    (void)vsnprintf(sentence, sizeof sentence, fmt, ap);
    c->result.unreadable += fault == KT_FAULT_UNREADABLE;
    if (c->result.problems++ < PROBLEMS_MAX && c->o->problem != NULL)
        c->o->problem(c->o->self, fault, sentence);
}

void kt_check_say(struct check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(c, KT_FAULT_TAMPERED, fmt, ap);
    va_end(ap);
}

void kt_check_lost(struct check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(c, KT_FAULT_UNREADABLE, fmt, ap);
    va_end(ap);
}

void kt_check_heads(struct check *c, const struct kt_tree *t)
{
    for (; c->next_head < c->o->n_heads && c->o->heads[c->next_head].size <= t->size;
         c->next_head++) {
        struct kt_verify_head *h = &c->o->heads[c->next_head];
        h->at = h->size == t->size ? KT_VERIFY_ROOT : KT_VERIFY_REMOVED;
        if (h->at == KT_VERIFY_ROOT)
            kt_tree_root(t, h->root);
    }
}

/* ---- control records ---- */

static void see_arrival(struct check *c, kt_time_ns arrival)
{
    if (c->sums.first_arrival == 0 || arrival < c->sums.first_arrival)
        c->sums.first_arrival = arrival;
    if (arrival > c->sums.newest_arrival)
        c->sums.newest_arrival = arrival;
}

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

/* What stands behind "name":" in a record's raw; empty: nothing does. */
static struct kt_str member(const struct kt_event *ev, const char *name)
{
    char key[40];
    int n = snprintf(key, sizeof key, "\"%s\":\"", name);
    ptrdiff_t at = kt_str_find(ev->raw, kt_str_from(key, (size_t)n), 0);
    struct kt_str rest = at < 0 ? KT_STR_NONE : kt_str_from_index(ev->raw, (size_t)(at + n)), text;
    return kt_str_split(&rest, '"', &text) ? text : KT_STR_NONE;
}

static void call_it(struct check *c, uint64_t seq, const uint8_t before[16], const uint8_t name[16])
{
    if (c->named != 0 && memcmp(c->name, before, 16) != 0)
        kt_check_say(c, "record %llu: the collector started on another log than record %llu says",
                     ULL(seq), ULL(c->named));
    memcpy(c->name, name, 16);
    c->named = seq;
}

/* A start names the log that it wrote into. */
static void check_start(struct check *c, uint64_t seq, const struct kt_event *ev)
{
    uint8_t id[16];
    if (kt_id_parse(member(ev, "log"), id))
        call_it(c, seq, id, id);
}

/* After a restore that nobody could sign over, a log may go on under another name. */
static void check_renewal(struct check *c, uint64_t seq, const struct kt_event *ev)
{
    uint8_t before[16], id[16];
    if (kt_hex_decode(member(ev, "store_log"), before, 16) &&
        kt_hex_decode(member(ev, "log"), id, 16))
        call_it(c, seq, before, id);
}

static void check_name(struct check *c)
{
    if (c->named != 0 && memcmp(c->name, c->log_id, 16) != 0)
        kt_check_say(c, "record %llu: the collector started on another log than table meta names",
                     ULL(c->named));
}

static void check_control(struct check *c)
{
    uint64_t seq = kt_db_col_u64(c->control_at, 0);
    struct kt_str line = kt_db_col(c->control_at, 5), stored_leaf = kt_db_col(c->control_at, 4);
    uint8_t hash[32], leaf[32];
    struct kt_event ev;
    struct kt_error err = { 0 };
    c->result.records++;
    c->sums.control++;
    see_arrival(c, kt_db_col_i64(c->control_at, 2));
    kt_line_hash(line, hash);
    const struct kt_leaf l = { .seq = seq,
                               .arrival = kt_db_col_i64(c->control_at, 2),
                               .stored = kt_db_col_i64(c->control_at, 3),
                               .origin = KT_ORIGIN_CONTROL,
                               .agent = KT_CONTROL_AGENT,
                               .line_hash = hash };
    kt_leaf_hash(&l, leaf);
    kt_tree_add(&c->tree, leaf);
    kt_check_heads(c, &c->tree);
    if (stored_leaf.len != sizeof leaf || memcmp(leaf, stored_leaf.at, sizeof leaf) != 0)
        kt_check_say(c, "record %llu: the control record or its times were changed", ULL(seq));
    kt_arena_reset(&c->arena);
    if (kt_line_read(line, &c->arena, &ev, &err) != KT_OK)
        kt_check_say(c, "record %llu: the line is not canonical: %s", ULL(seq), err.text);
    else if ((int64_t)ev.kind != kt_db_col_i64(c->control_at, 1))
        kt_check_say(c, "record %llu: it is listed as another kind than its line says", ULL(seq));
    else if (is_own(&ev, KT_ALERT_OPERATION))
        see_alert(c, &ev);
    else if (is_own(&ev, "start"))
        check_start(c, seq, &ev);
    else if (is_own(&ev, KT_RENEWED_OPERATION))
        check_renewal(c, seq, &ev);
}

/* ---- numbers ---- */

/* The control record at c->want, if there is one. */
static bool next_control(struct check *c)
{
    struct kt_error err = { 0 };
    kt_db_u64(c->control_at, 1, c->want);
    enum kt_status status = kt_db_step(c->control_at, &err);
    if (status == KT_OK) {
        check_control(c);
        c->want++;
    } else if (status != KT_E_AGAIN) {
        kt_check_lost(c, "record %llu cannot be read: %s", ULL(c->want), err.text);
    }
    (void)sqlite3_reset(c->control_at);
    return status == KT_OK;
}

/* Removed records whose nodes are kept; retention may have gone on since they were last read. */
static bool next_removed(struct check *c)
{
    const struct kt_gap *gap = kt_tombstones_at(&c->tombstones, c->want);
    if (gap == NULL && kt_tombstones_load(&c->tombstones, c->reader->db, NULL) == KT_OK)
        gap = kt_tombstones_at(&c->tombstones, c->want);
    if (gap == NULL || c->tree.size != gap->first - 1)
        return false;
    struct kt_rd rd = kt_rd_of(kt_str_from(gap->nodes, gap->len));
    kt_cover_read(&rd, gap->first - 1, gap->n, &c->cover);
    if (rd.bad || rd.left != 0)
        return false;
    kt_tree_add_cover(&c->tree, &c->cover);
    kt_check_heads(c, &c->tree);
    c->result.removed += gap->n;
    c->want += gap->n;
    return true;
}

void kt_check_reach(struct check *c, uint64_t first, uint64_t last)
{
    while (c->want < first && (next_control(c) || next_removed(c)))
        ;
    if (first > c->want)
        kt_check_say(c, "records %llu-%llu are missing", ULL(c->want), ULL(first - 1));
    if (first < c->want)
        kt_check_say(c, "records %llu-%llu: these numbers are taken by earlier records", ULL(first),
                     ULL(last));
    if (last >= c->want)
        c->want = last + 1;
}

/* ---- the walk ---- */

static void check_segments(struct check *c, uint32_t from)
{
    for (uint32_t i = from; i < c->reader->directory.n; i++) {
        const struct kt_segment seg = c->reader->directory.at[i];
        if (seg.first_seq > c->recorded.size && c->recorded.size > 0)
            kt_check_say(c, "a segment has the number %llu, behind the newest record %llu",
                         ULL(seg.first_seq), ULL(c->recorded.size));
        kt_check_segment(c, &seg);
    }
}

static kt_time_ns first_of(kt_time_ns a, kt_time_ns b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void add_one(struct kt_sums *to, const struct kt_sums *one)
{
    to->events += one->events;
    to->batches += one->batches;
    to->conflicts += one->conflicts;
    to->first_time = first_of(to->first_time, one->first_time);
    to->first_arrival = first_of(to->first_arrival, one->first_arrival);
    to->last_time = one->last_time > to->last_time ? one->last_time : to->last_time;
    if (one->newest_arrival > to->newest_arrival)
        to->newest_arrival = one->newest_arrival;
}

/* Segments count as far as the file has them in the snapshot of its sums. */
static void add_segments(struct check *c)
{
    const struct kt_directory *d = &c->reader->directory;
    for (uint32_t i = 0; i < c->n_seen; i++) {
        const struct seen *s = &c->seen[i];
        uint32_t at = kt_directory_from(d, s->last_seq);
        if (at < d->n && d->at[at].first_seq <= s->first_seq) {
            add_one(&c->sums, &s->sums);
            c->parts += d->at[at].pieces > 0 ? s->kept : s->parts;
        } else {
            c->result.removed += s->sums.events;
        }
    }
    for (uint32_t i = 0; i < d->n; i++)
        c->parts += d->at[i].pieces > 0 ? KT_MERGED_PARTS : 0;
}

static void check_tail(struct check *c)
{
    struct kt_error err = { 0 };
    enum kt_status status;
    while ((status = kt_db_step(c->batch_at, &err)) == KT_OK) {
        struct kt_row row;
        if (kt_row_read(c->batch_at, &row, &err) != KT_OK ||
            kt_row_lines(&row, c->zip, &c->lines, &err) != KT_OK) {
            kt_check_lost(c, "%s", err.text);
            continue;
        }
        kt_check_reach(c, row.first_seq, kt_row_last(&row));
        c->one = (struct kt_sums){ 0 };
        kt_check_batch(c, &row, c->lines.at);
        add_one(&c->sums, &c->one);
        if (!kt_str_eq(kt_buf_str(&c->nodes), row.nodes))
            kt_check_say(c, RANGE "the tree nodes are not those of the lines", RANGE_OF(&row));
        if (c->min_time != row.min_time || c->max_time != row.max_time ||
            c->lines.text.len != row.bytes)
            kt_check_say(c, RANGE "the times or sizes recorded are not those of the lines",
                         RANGE_OF(&row));
    }
    if (status != KT_E_AGAIN)
        kt_check_lost(c, "batches from %llu on cannot be read: %s", ULL(c->want), err.text);
}

/* ---- the whole ---- */

/* A file begins where the one before ended: that its tree is the same is said by its base. */
static enum kt_status begin_file(struct check *c, struct kt_error *err)
{
    struct kt_tree base;
    uint8_t root[2][32];
    if (kt_meta_base(c->reader->db, &base, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    kt_tree_root(&base, root[0]);
    kt_tree_root(&c->recorded, root[1]);
    if (c->reader->older != NULL &&
        (base.size != c->recorded.size || memcmp(root[0], root[1], 32) != 0))
        kt_check_say(c, "'%s' does not go on where the file before it ends (record %llu)",
                     c->reader->path, ULL(c->recorded.size));
    if (c->reader->older == NULL && c->reader->number > 1)
        kt_check_lost(c, "records up to %llu: their file cannot be read: %s", ULL(base.size),
                      c->reader->lost.text);
    if (c->reader->number == 1 && base.size > 0)
        kt_check_say(c,
                     "records up to %llu: this is a later file of the log, those before it are "
                     "not beside it",
                     ULL(base.size));
    c->tree = base;
    kt_check_heads(c, &c->tree);
    c->want = base.size + 1;
    c->sums = (struct kt_sums){ 0 };
    c->parts = 0;
    c->n_seen = 0;
    c->removed_before = c->result.removed;
    return KT_OK;
}

static enum kt_status prepare(struct check *c, struct kt_error *err)
{
    sqlite3 *db = c->reader->db;
    if (begin_file(c, err) != KT_OK ||
        kt_meta_read(db, c->log_id, &c->recorded, &c->recorded_sums, err) != KT_OK ||
        kt_reader_directory(c->reader, err) != KT_OK ||
        kt_db_prepare(db, "SELECT " KT_ROW_COLUMNS " FROM batch ORDER BY first_seq", &c->batch_at,
                      err) != KT_OK ||
        kt_db_prepare(db, "SELECT seq,kind,arrival,stored,leaf,line FROM control WHERE seq = ?1",
                      &c->control_at, err) != KT_OK ||
        kt_db_prepare(db, "SELECT seq, digest FROM mark WHERE agent = ?1 AND incarnation = ?2",
                      &c->mark_at, err) != KT_OK ||
        kt_place_prepare(db, &c->place_at, err) != KT_OK)
        return kt_wrap(err, "verify");
    return KT_OK;
}

static void check_root(struct check *c)
{
    uint8_t root[32];
    kt_check_reach(c, c->recorded.size + 1, c->recorded.size);
    kt_tree_root(&c->tree, c->result.root);
    kt_tree_root(&c->recorded, root);
    if (c->tree.size != c->recorded.size || memcmp(root, c->result.root, sizeof root) != 0)
        kt_check_say(c, "the %llu records do not give the recorded root of the tree (%llu leaves)",
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
        { "number of batches", (int64_t)have->batches, (int64_t)want->batches },
        { "number of removed events", (int64_t)(c->result.removed - c->removed_before),
          (int64_t)want->removed_events },
        { "number of removed segments", (int64_t)c->tombstones.segments,
          (int64_t)want->removed_segments },
        { "number of conflicts", (int64_t)have->conflicts, (int64_t)want->conflicts },
        { "first event time", have->first_time, want->first_time },
        { "last event time", have->last_time, want->last_time },
        { "first arrival", have->first_arrival, want->first_arrival },
        { "last arrival", have->newest_arrival, want->newest_arrival },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(sums); i++)
        if (sums[i].have != sums[i].want)
            kt_check_say(c, "table meta: the %s is %lld, the records give %lld", sums[i].what,
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
            kt_check_say(
                c, "the mark of agent '" KT_STR_FMT "' (batch %llu) does not fit its batch %llu",
                KT_STR_ARG(agent), ULL(seq), ULL(c->spool[i].seq));
    }
}

/* Of each instance that agents sent records of: its row, which names one of them. Without it the
 * next agent that may use the instance would take it. */
static void check_owner(struct check *c, sqlite3_stmt *st, struct kt_str instance)
{
    struct kt_error err = { 0 };
    kt_db_text(st, 1, instance);
    enum kt_status got = kt_db_step(st, &err);
    if (got == KT_E_AGAIN)
        kt_check_say(c,
                     "table owner: '" KT_STR_FMT
                     "' belongs to nobody there, though an agent sent records of it",
                     KT_STR_ARG(kt_str_sub(instance, 0, 128)));
    else if (got != KT_OK)
        kt_check_lost(c, "table owner cannot be read: %s", err.text);
    if (got != KT_OK)
        return;
    struct kt_str agent = kt_db_col(st, 0);
    kt_buf_reset(&c->text);
    kt_buf_add(&c->text, instance);
    kt_buf_byte(&c->text, '\n');
    kt_buf_add(&c->text, agent);
    if (kt_map_get(c->senders, kt_buf_str(&c->text)) == KT_MAP_NONE)
        kt_check_say(c,
                     "table owner: '" KT_STR_FMT "' belongs to '" KT_STR_FMT
                     "' there, who sent none of its records",
                     KT_STR_ARG(kt_str_sub(instance, 0, 128)),
                     KT_STR_ARG(kt_str_sub(agent, 0, 64)));
}

static void check_owners(struct check *c)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    struct kt_error err = { 0 };
    if (kt_db_prepare(c->reader->db, "SELECT agent FROM owner WHERE instance = ?1", &st, &err) !=
        KT_OK) {
        kt_check_lost(c, "table owner cannot be read: %s", err.text);
        return;
    }
    for (uint32_t i = 0; i < kt_map_count(c->senders); i++) {
        struct kt_str name = kt_map_key(c->senders, i);
        if (memchr(name.at, '\n', name.len) == NULL)
            check_owner(c, st, name);
        (void)sqlite3_reset(st);
    }
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
    kt_check_say(c, "alert " KT_STR_FMT ": %s", KT_STR_ARG(kt_str_sub(id, 0, 64)),
                 at == KT_MAP_NONE ? "the log does not know it" : "it is not what was raised");
}

static void check_alerts(struct check *c)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    struct kt_error err = { 0 };
    if (kt_db_prepare(c->reader->db, "SELECT id, opened, updated, severity, json FROM alert", &st,
                      &err) != KT_OK) {
        kt_check_lost(c, "the alerts cannot be read: %s", err.text);
        return;
    }
    enum kt_status got;
    while ((got = kt_db_step(st, &err)) == KT_OK)
        check_alert(c, st);
    if (got != KT_E_AGAIN)
        kt_check_lost(c, "the alerts cannot be read: %s", err.text);
    for (uint32_t i = 0; i < kt_map_count(c->alerts); i++)
        if (!c->alert[i].row)
            kt_check_say(c, "alert " KT_STR_FMT ": it is missing",
                         KT_STR_ARG(kt_map_key(c->alerts, i)));
}

static uint64_t count_of(struct check *c, const char *sql)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(c->reader->db, sql, &st, NULL) != KT_OK || kt_db_step(st, NULL) != KT_OK)
        return UINT64_MAX;
    return kt_db_col_u64(st, 0);
}

/* Rows that no record leads to. */
static void check_strays(struct check *c)
{
    uint64_t parts = count_of(c, "SELECT count(*) FROM part");
    if (parts != c->parts)
        kt_check_say(c, "there are %llu parts of segments, the segments have %llu", ULL(parts),
                     ULL(c->parts));
    uint64_t segments = count_of(c, "SELECT count(*) FROM segment");
    const struct kt_directory *d = &c->reader->directory;
    if (segments != (uint64_t)d->n + d->damaged)
        kt_check_say(c, "there are %llu rows of segments, %llu were reached by number",
                     ULL(segments), ULL(d->n + d->damaged));
    uint64_t control = count_of(c, "SELECT count(*) FROM control");
    if (control != c->sums.control)
        kt_check_say(c, "there are %llu control records, %llu were reached by number", ULL(control),
                     ULL(c->sums.control));
}

/* What changes while a collector runs, in one snapshot. */
static enum kt_status check_rest(struct check *c, bool newest, struct kt_error *err)
{
    uint32_t sealed = c->reader->directory.n;
    uint64_t last = sealed == 0 ? 0 : c->reader->directory.at[sealed - 1].last_seq;
    if (kt_db_exec(c->reader->db, "BEGIN", err) != KT_OK ||
        kt_meta_read(c->reader->db, c->log_id, &c->recorded, &c->recorded_sums, err) != KT_OK ||
        kt_reader_directory(c->reader, err) != KT_OK ||
        kt_tombstones_load(&c->tombstones, c->reader->db, err) != KT_OK)
        return kt_wrap(err, "verify");
    if (c->reader->directory.damaged > 0)
        kt_check_say(c, "%s", c->reader->directory.why.text);
    check_segments(c, kt_directory_from(&c->reader->directory, last + 1));
    check_tail(c);
    check_root(c);
    check_name(c);
    add_segments(c);
    if (c->partly)
        return KT_OK; /* what follows needs every record */
    check_sums(c);
    check_strays(c);
    if (newest) { /* of a damaged file, these live on in its successor */
        check_marks(c);
        check_alerts(c);
        check_owners(c);
    }
    return KT_OK;
}

static void check_pages(struct check *c)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *pages = NULL;
    struct kt_error err = { 0 };
    if (kt_db_prepare(c->reader->db, "PRAGMA integrity_check(10)", &pages, &err) != KT_OK)
        kt_check_lost(c, "the pages of the file cannot be checked: %s", err.text);
    while (pages != NULL && kt_db_step(pages, &err) == KT_OK) {
        struct kt_str found = kt_db_col(pages, 0);
        if (!kt_str_is(found, "ok"))
            kt_check_lost(c, "the pages of the file: " KT_STR_FMT,
                          (int)(found.len > 400 ? 400 : found.len), found.at);
    }
}

static void end_file(struct check *c)
{
    kt_db_finalize(&c->control_at);
    kt_db_finalize(&c->batch_at);
    kt_db_finalize(&c->mark_at);
    kt_db_finalize(&c->place_at);
    kt_opened_forget(c->opened);
    kt_tombstones_done(&c->tombstones);
}

static void done(struct check *c)
{
    end_file(c);
    kt_opened_free(c->opened);
    kt_builder_free(c->builder);
    kt_built_done(&c->built);
    kt_built_done(&c->merged);
    kt_merger_free(c->merger);
    kt_columns_done(&c->columns);
    kt_buf_done(&c->days);
    kt_zip_free(c->zip);
    kt_sha256_free(c->sha);
    kt_arena_done(&c->arena);
    kt_lines_done(&c->lines);
    kt_buf_done(&c->text);
    kt_buf_done(&c->nodes);
    kt_buf_done(&c->unpacked[0]);
    kt_buf_done(&c->unpacked[1]);
    kt_map_free(c->spools);
    kt_map_free(c->alerts);
    kt_map_free(c->senders);
    kt_buf_done(&c->sender);
    kt_free(c->alert);
    kt_free(c->arrival);
    kt_free(c->conflict);
    kt_free(c->hash);
    kt_free(c->all);
    kt_free(c->line);
    kt_free(c->spool);
    kt_free(c->seen);
}

/* Records before `from` are not read: the hashes that are kept for them stand in the tree. */
static enum kt_status skip_to(struct check *c, uint64_t from, struct kt_error *err)
{
    const struct kt_prefix prefix = { .db = c->reader->db,
                                      .segments = &c->reader->directory,
                                      .n = from - 1 };
    if (from <= c->want)
        return KT_OK;
    if (c->reader->number > 1 || c->tree.size > 0)
        return kt_fail(err, KT_E_INPUT, "a log of several files is verified as a whole");
    c->want = from;
    c->partly = true;
    return kt_prefix_tree(&prefix, &c->tree, err);
}

static enum kt_status check_file(struct check *c, bool newest, uint64_t from, struct kt_error *err)
{
    enum kt_status status = prepare(c, err);
    if (status == KT_OK)
        status = skip_to(c, from, err);
    if (status == KT_OK) {
        check_segments(c, c->partly ? kt_directory_from(&c->reader->directory, from) : 0);
        status = check_rest(c, newest, err);
        (void)sqlite3_exec(c->reader->db, "COMMIT", NULL, NULL, NULL);
    }
    if (status == KT_OK && !c->partly)
        check_pages(c);
    end_file(c);
    return status;
}

enum kt_status kt_reader_verify(struct kt_reader *r, const struct kt_verify_options *o,
                                struct kt_verify_result *ret, struct kt_error *err)
{
    struct kt_reader *file[KT_CHAIN_MAX];
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "verify");
    KT_CLEANUP(done)
    struct check c = {
        .o = o,
        .zip = kt_zip_new(),
        .sha = kt_sha256_new(),
        .arena = kt_arena_new(ARENA_MAX),
        .opened = kt_opened_new(),
        .builder = kt_builder_new(),
        .merger = kt_merger_new(),
        .line = kt_alloc_array(KT_SEGMENT_EVENTS_MAX, sizeof(struct kt_str)),
        .arrival = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof(kt_time_ns)),
        .conflict = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof(bool)),
        .hash = kt_alloc_array(KT_BATCH_EVENTS_MAX, 32),
        .all = kt_alloc_array(HASHES_MAX, 32),
        .spools = kt_map_new(0),
        .alerts = kt_map_new(0),
        .senders = kt_map_new(0),
    };
    unsigned n = kt_reader_files(r, file);
    for (unsigned i = 0; i < n; i++) {
        struct kt_error why = { 0 };
        c.reader = file[i];
        enum kt_status status = check_file(&c, file[i] == r, o->from, &why);
        if (status != KT_OK && file[i] == r)
            return kt_fail(err, status, "%s", why.text);
        if (status != KT_OK)
            kt_check_lost(&c, "'%s' cannot be read: %s", file[i]->path, why.text);
    }
    c.result.ok = c.result.problems == 0;
    c.result.size = c.tree.size;
    memcpy(c.result.log_id, c.log_id, 16);
    *ret = c.result;
    return KT_OK;
}
