/* segments: a filled store of segments, and all that readers show of it. */
#include "tests/support/segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/query/query.h"
#include "core/store/db.h"
#include "core/store/merge.h"

void segments_must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

void segments_open_store(struct segments *w)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = { .path = w->path,
                                        .create = true,
                                        .segment_events = 60,
                                        .seal_here = true,
                                        .dedupe_recent = 64 };
    segments_must(kt_store_open(&o, &w->store, &err), &err);
}

/* Batch n of a year of `total` events. */
struct kt_store_batch segments_year_batch(struct segments *w, struct year *y, uint64_t n,
                                          bool import)
{
    kt_time_ns at = YEAR_T0 + (kt_time_ns)n * KT_NS_HOUR;
    make_reset(w->make);
    for (uint32_t i = 0; i < BATCH; i++) {
        year_line(y, n * BATCH + i, &w->make->lines);
        kt_buf_byte(&w->make->lines, '\n');
    }
    w->make->n = BATCH;
    return import ? make_import(w->make, at) : make_batch(w->make, "agent-a", n + 1, at);
}

void segments_append(struct segments *w, const struct kt_store_batch *b,
                     struct kt_store_result *ret)
{
    struct kt_error err = { 0 };
    segments_must(kt_store_begin(w->store, &err), &err);
    make_claims(w->store, b);
    segments_must(kt_store_append(w->store, b, ret, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
}

void segments_control(struct segments *w)
{
    struct kt_error err = { 0 };
    struct kt_event tick = { .kind = KT_KIND_TICK, .source = KT_STR("keytrail"), .time = YEAR_T0 };
    uint64_t seq;
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_store_control(w->store, &tick, YEAR_T0, YEAR_T0, &seq, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
}

/* As a collector's start is: it names the log. */
void segments_start(struct segments *w)
{
    struct kt_error err = { 0 };
    uint8_t log_id[16];
    char id[KT_ID_TEXT], raw[80];
    uint64_t seq;
    kt_store_log_id(w->store, log_id);
    (void)snprintf(raw, sizeof raw, w->nameless ? "{}" : "{\"log\":\"%s\"}",
                   kt_id_format(log_id, id));
    struct kt_event ev = { .kind = KT_KIND_AUDIT,
                           .source = KT_STR("keytrail"),
                           .native_id = KT_STR("start-1"),
                           .operation = KT_STR("start"),
                           .time = YEAR_T0,
                           .raw = kt_str_of(raw) };
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_store_control(w->store, &ev, YEAR_T0, YEAR_T0, &seq, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
}

void segments_fill(struct segments *w)
{
    segments_start(w);
    struct year *y = year_new(BATCH * BATCHES, 3);
    struct kt_store_result r;
    for (uint64_t n = 0; n < BATCHES; n++) {
        struct kt_store_batch b = segments_year_batch(w, y, n, n % 7 == 6);
        for (uint32_t i = 0; n == 13 && i < BATCH; i++) /* an import with arrivals of its own */
            w->make->arrival[i] += i * KT_NS_S;
        segments_append(w, &b, &r);
        assert_int_equal(r.stored, BATCH);
        if (n % 5 == 0)
            segments_control(w);
    }
    make_reset(w->make);
    make_access(w->make, "same", "ana", 0); /* no time: judged by its arrival */
    make_access(w->make, "same", "mallory", YEAR_T0);
    const struct kt_store_batch b =
        make_batch(w->make, "agent-a", BATCHES + 1, YEAR_T0 + (kt_time_ns)BATCHES * KT_NS_HOUR);
    segments_append(w, &b, &r);
    assert_int_equal(r.conflicts, 1);
    year_free(y);
}

uint64_t segments_merge(struct segments *w, uint32_t pieces)
{
    struct kt_merge_how how = { .pieces = pieces, .days = 400 };
    struct kt_error err = { 0 };
    uint64_t merged = 0;
    segments_must(kt_merge_complete(w->store, &how, NULL, NULL, &merged, &err), &err);
    return merged;
}

void segments_remove_first(struct segments *w)
{
    struct kt_error err = { 0 };
    struct kt_old old;
    segments_must(kt_store_old(w->store, 1, &old, &err), &err);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_store_remove(w->store, old.first_seq, KT_STR("too old"), YEAR_T0, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
}

/* ---- all that readers show ---- */

static bool show_records(struct kt_reader *r, bool newest_first, struct kt_buf *out)
{
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    enum kt_status status;
    const struct kt_scan scan = { .records = true, .control = true, .newest_first = newest_first };
    if (kt_cursor_open(r, &scan, &c, NULL) != KT_OK)
        return false;
    while ((status = kt_cursor_next(c, &rec, &(struct kt_error){ 0 })) == KT_OK)
        kt_buf_addf(out, "%llu %lld %lld %d %d " KT_STR_FMT " " KT_STR_FMT "\n",
                    (unsigned long long)rec.seq, (long long)rec.arrival, (long long)rec.stored,
                    rec.origin, rec.conflict, KT_STR_ARG(rec.agent), KT_STR_ARG(rec.line));
    kt_cursor_free(c);
    return status == KT_E_AGAIN;
}

static bool show_columns(struct kt_reader *r, struct kt_buf *out)
{
    struct kt_columns_scan *c = NULL;
    struct kt_view v;
    enum kt_status status;
    const struct kt_scan scan = { 0 };
    if (kt_columns_open(r, &scan, KT_COLUMN(KT_COL_COUNT) - 1, true, &c, NULL) != KT_OK)
        return false;
    while ((status = kt_columns_next(c, &v, &(struct kt_error){ 0 })) == KT_OK)
        for (uint32_t i = 0; i < v.picks; i++) {
            uint32_t row = v.pick[i];
            kt_buf_i64_dec(out, v.time[row]);
            for (int col = 0; col < KT_COL_SMALL; col++)
                kt_buf_u8(out, v.columns->small[col][row]);
            for (int col = KT_COL_SMALL; col < KT_COL_COUNT; col++)
                kt_buf_add(out, kt_column_str(v.columns, (enum kt_col)col, row));
        }
    kt_columns_scan_free(c);
    return status == KT_E_AGAIN;
}

static bool show_query(struct kt_reader *r, const char *text, struct kt_buf *out)
{
    struct kt_query *q = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_scan scan = { .records = true };
    struct kt_error err = { 0 };
    segments_must(kt_query_parse(kt_str_of(text), &q, &err), &err);
    kt_query_plan(q, &scan);
    enum kt_status status = kt_cursor_open(r, &scan, &c, NULL);
    kt_buf_addf(out, "%s:", text);
    while (status == KT_OK && (status = kt_cursor_next(c, &rec, &err)) == KT_OK)
        if (kt_query_matches(q, &rec, NULL))
            kt_buf_addf(out, " %llu", (unsigned long long)rec.seq);
    kt_cursor_free(c);
    kt_query_free(q);
    return status == KT_E_AGAIN;
}

/* Through the filters: one question a kind of entity, of busy ones and of rare ones. */
static bool show_queries(struct kt_reader *r, struct kt_buf *out)
{
    static const char *const texts[] = {
        "instance:aws-main",
        "instance:op-events outcome:denied",
        "ip:91.10.0.0/24",
        "ip:91.10.0.1",
        "ip:91.57.0.0/16",
        "actor:\"svc-000@418273645019\"",
        "actor:\"team-031/svc@k8s\"",
        "user_agent:aws-sdk-go-v2/*",
        "secret:\"vault://vault-prod/-/secret/team03/prod/service-000/credential-3\"",
        "secret:team17/**",
        "credential:ASIA0000",
        "code:*",
        "since:2025-12-24 until:2025-12-27",
        "\"credential-17\"",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        if (!show_query(r, texts[i], out))
            return false;
    return true;
}

/* False when one of the doors says that the store is damaged. */
bool segments_show(const char *path, struct kt_buf *out)
{
    struct kt_reader *r = NULL;
    struct kt_store_stats st;
    kt_buf_reset(out);
    if (kt_reader_open(path, &r, NULL) != KT_OK)
        return false;
    bool good = kt_reader_stats(r, &st, NULL) == KT_OK;
    if (good)
        kt_buf_addf(out, "%llu %llu %llu %llu %llu %lld %lld %u\n", (unsigned long long)st.records,
                    (unsigned long long)st.events, (unsigned long long)st.control,
                    (unsigned long long)st.segments, (unsigned long long)st.removed_events,
                    (long long)st.first_time, (long long)st.last_time, st.schema);
    good = good && show_records(r, false, out) && show_records(r, true, out) &&
           show_columns(r, out) && show_queries(r, out);
    kt_reader_close(r);
    return good;
}

static unsigned signing_key(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max)
{
    struct segments *w = self;
    (void)agent;
    assert_true(max >= 1);
    memcpy(ret[0], w->make->public_key, 32);
    return 1;
}

static void note(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    struct segments *w = self;
    size_t len = strlen(w->said);
    (void)snprintf(w->said + len, sizeof w->said - len, "%s\n", sentence);
}

bool segments_verifies(struct segments *w, const char *path, struct kt_verify_result *ret)
{
    struct kt_reader *r = NULL;
    w->said[0] = '\0';
    *ret = (struct kt_verify_result){ 0 };
    if (kt_reader_open(path, &r, NULL) != KT_OK)
        return false;
    struct kt_error err = { 0 };
    enum kt_status status = kt_reader_verify(
        r, &(struct kt_verify_options){ .problem = note, .signing_key = signing_key, .self = w },
        ret, &err);
    kt_reader_close(r);
    if (status != KT_OK)
        note(w, KT_FAULT_UNREADABLE, err.text);
    return status == KT_OK && ret->ok;
}

int segments_set_up(void **state)
{
    struct segments *w = kt_alloc(sizeof *w);
    w->make = make_new();
    make_folder(w->folder, w->path);
    (void)snprintf(w->copy, sizeof w->copy, "%s/copy.db", w->folder);
    segments_open_store(w);
    segments_fill(w);
    *state = w;
    return 0;
}

int segments_set_up_merged(void **state)
{
    int rc = segments_set_up(state);
    assert_int_equal(segments_merge(*state, 3), 6);
    return rc;
}

int segments_tear_down(void **state)
{
    struct segments *w = *state;
    kt_store_close(w->store);
    make_free(w->make);
    kt_buf_done(&w->shown);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

void segments_close_store(struct segments *w)
{
    kt_store_close(w->store);
    w->store = NULL;
}

/* An empty folder in place of the filled one. */
void segments_start_over(struct segments *w)
{
    segments_close_store(w);
    make_folder_drop(w->folder);
    make_folder(w->folder, w->path);
    (void)snprintf(w->copy, sizeof w->copy, "%s/copy.db", w->folder);
}

void segments_copy_file(struct segments *w)
{
    struct kt_buf all = { 0 };
    FILE *in = fopen(w->path, "rb"), *out = fopen(w->copy, "wb");
    assert_true(in != NULL && out != NULL);
    (void)fseek(in, 0, SEEK_END);
    size_t n = (size_t)ftell(in);
    rewind(in);
    char *to = kt_buf_reserve(&all, n);
    assert_int_equal(fread(to, 1, n, in), n);
    assert_int_equal(fwrite(to, 1, n, out), n);
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
    kt_buf_done(&all);
}

void segments_change(struct segments *w, const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(w->copy, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    (void)sqlite3_close(db);
}

/* ---- a damaged page ---- */

#define PAGE 8192u
#define LEAF 13u

/* https://www.sqlite.org/fileformat2.html, 1.6: a varint's highest bits come first. */
static uint64_t file_varint(const uint8_t *page, size_t *at)
{
    uint64_t v = 0;
    bool more = true;
    for (unsigned i = 0; i < 9 && more && *at < PAGE; i++) {
        uint8_t byte = page[(*at)++];
        more = byte >= 128;
        v = i == 8 ? v << 8 | byte : v << 7 | (byte & 127);
    }
    return v;
}

static bool is_leaf_within(const uint8_t *page, uint64_t from, uint64_t to)
{
    unsigned rows = page[3] * 256u + page[4];
    bool within = page[0] == LEAF && rows > 0 && 8 + 2 * rows < PAGE;
    for (unsigned i = 0; within && i < rows; i++) {
        size_t at = page[8 + 2 * i] * 256u + page[9 + 2 * i];
        (void)file_varint(page, &at); /* length of the row */
        uint64_t row = file_varint(page, &at);
        within = from <= row && row <= to;
    }
    return within;
}

void segments_hurt(struct segments *w, uint64_t from, uint64_t to)
{
    uint8_t page[PAGE];
    long at = 0;
    FILE *f = fopen(w->path, "r+b");
    assert_true(f != NULL && w->store == NULL);
    bool found = false;
    while (!found && fread(page, 1, PAGE, f) == PAGE) {
        found = at > 0 && is_leaf_within(page, from, to); /* the first one has the file's head */
        at += found ? 0 : (long)PAGE;
    }
    assert_true(found);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fputc(0xee, f), 0xee);
    assert_int_equal(fclose(f), 0);
}
