/* store_segment: sealed records are found as before they were sealed, by readers beside the writer
 * too; duplicates are found in them; whatever is changed in them is named (DESIGN §6, §10).
 * KT_MUTATIONS sets how many random changes of the file are tried, KT_SEED the seed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/query/query.h"
#include "core/store/db.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"
#include "tests/support/year.h"

#define BATCH   25u
#define BATCHES 24u /* in segments of 60 events: eight, and a tail */

struct world {
    char folder[64], path[96], copy[128];
    struct make *make;
    struct kt_store *store;
    struct kt_buf shown;
    char said[4096];
    bool nameless; /* the start does not name the log, so that two stores are the same */
};

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static void open_store(struct world *w)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = { .path = w->path,
                                        .create = true,
                                        .segment_events = 60,
                                        .seal_here = true,
                                        .dedupe_recent = 64 };
    must(kt_store_open(&o, &w->store, &err), &err);
}

/* Batch n of a year of `total` events. */
static struct kt_store_batch year_batch(struct world *w, struct year *y, uint64_t n, bool import)
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

static void append(struct world *w, const struct kt_store_batch *b, struct kt_store_result *ret)
{
    struct kt_error err = { 0 };
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_append(w->store, b, ret, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

static void control(struct world *w)
{
    struct kt_error err = { 0 };
    struct kt_event tick = { .kind = KT_KIND_TICK, .source = KT_STR("keytrail"), .time = YEAR_T0 };
    uint64_t seq;
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_control(w->store, &tick, YEAR_T0, YEAR_T0, &seq, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

/* As a collector's start is: it names the log. */
static void start(struct world *w)
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
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_control(w->store, &ev, YEAR_T0, YEAR_T0, &seq, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

static void fill(struct world *w)
{
    start(w);
    struct year *y = year_new(BATCH * BATCHES, 3);
    struct kt_store_result r;
    for (uint64_t n = 0; n < BATCHES; n++) {
        struct kt_store_batch b = year_batch(w, y, n, n % 7 == 6);
        for (uint32_t i = 0; n == 13 && i < BATCH; i++) /* an import with arrivals of its own */
            w->make->arrival[i] += i * KT_NS_S;
        append(w, &b, &r);
        assert_int_equal(r.stored, BATCH);
        if (n % 5 == 0)
            control(w);
    }
    make_reset(w->make);
    make_access(w->make, "same", "ana", 0); /* no time: judged by its arrival */
    make_access(w->make, "same", "mallory", YEAR_T0);
    const struct kt_store_batch b =
        make_batch(w->make, "agent-a", BATCHES + 1, YEAR_T0 + (kt_time_ns)BATCHES * KT_NS_HOUR);
    append(w, &b, &r);
    assert_int_equal(r.conflicts, 1);
    year_free(y);
}

static void remove_first(struct world *w)
{
    struct kt_error err = { 0 };
    struct kt_old old;
    must(kt_store_old(w->store, 1, &old, &err), &err);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_remove(w->store, old.first_seq, KT_STR("too old"), YEAR_T0, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
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
    must(kt_query_parse(kt_str_of(text), &q, &err), &err);
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
static bool show(const char *path, struct kt_buf *out)
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
    struct world *w = self;
    (void)agent;
    assert_true(max >= 1);
    memcpy(ret[0], w->make->public_key, 32);
    return 1;
}

static void note(void *self, const char *sentence)
{
    struct world *w = self;
    size_t len = strlen(w->said);
    (void)snprintf(w->said + len, sizeof w->said - len, "%s\n", sentence);
}

static bool verifies(struct world *w, const char *path, struct kt_verify_result *ret)
{
    struct kt_reader *r = NULL;
    w->said[0] = '\0';
    *ret = (struct kt_verify_result){ 0 };
    if (kt_reader_open(path, &r, NULL) != KT_OK)
        return false;
    struct kt_error err = { 0 };
    enum kt_status status = kt_reader_verify(r, note, w, signing_key, ret, &err);
    kt_reader_close(r);
    if (status != KT_OK)
        note(w, err.text);
    return status == KT_OK && ret->ok;
}

static int set_up(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    w->make = make_new();
    make_folder(w->folder, w->path);
    (void)snprintf(w->copy, sizeof w->copy, "%s/copy.db", w->folder);
    open_store(w);
    fill(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    kt_store_close(w->store);
    make_free(w->make);
    kt_buf_done(&w->shown);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

static void close_store(struct world *w)
{
    kt_store_close(w->store);
    w->store = NULL;
}

/* An empty folder in place of the filled one. */
static void start_over(struct world *w)
{
    close_store(w);
    make_folder_drop(w->folder);
    make_folder(w->folder, w->path);
    (void)snprintf(w->copy, sizeof w->copy, "%s/copy.db", w->folder);
}

/* ---- tests ---- */

static void sealed_records_are_shown_as_unsealed_ones(void **state)
{
    struct world *w = *state;
    struct kt_buf shown[2] = { { 0 }, { 0 } };
    struct kt_error err = { 0 };
    w->nameless = true;
    for (int sealed = 0; sealed < 2; sealed++) {
        struct kt_reader *r = NULL;
        struct kt_store_stats st;
        kt_store_close(w->store);
        make_folder_drop(w->folder);
        make_folder(w->folder, w->path);
        const struct kt_store_options o = {
            .path = w->path, .create = true, .segment_events = sealed ? 60 : 0, .seal_here = true
        };
        must(kt_store_open(&o, &w->store, &err), &err);
        fill(w);
        must(kt_reader_open(w->path, &r, &err), &err);
        must(kt_reader_stats(r, &st, &err), &err);
        assert_int_equal(st.segments, sealed ? 8 : 0);
        kt_reader_close(r);
        assert_true(show(w->path, &shown[sealed]));
    }
    struct kt_str a = kt_buf_str(&shown[0]), b = kt_buf_str(&shown[1]), head;
    (void)kt_str_split(&a, '\n', &head); /* the numbers of segments differ */
    (void)kt_str_split(&b, '\n', &head);
    assert_true(a.len > 100000);
    assert_true(kt_str_eq(a, b));
    kt_buf_done(&shown[0]);
    kt_buf_done(&shown[1]);
}

static void duplicates_are_found_in_segments(void **state)
{
    struct world *w = *state;
    struct year *y = year_new(BATCH * BATCHES, 3);
    struct kt_store_result r;
    for (int again = 0; again < 2; again++) {
        for (uint64_t n = 0; n < BATCHES; n++) {
            const struct kt_store_batch b = year_batch(w, y, n, true);
            append(w, &b, &r);
            if (r.stored != 0 || r.duplicates != BATCH)
                fail_msg("batch %llu: %u stored", (unsigned long long)n, r.stored);
        }
        kt_store_close(w->store);
        open_store(w); /* nothing is remembered */
    }
    make_reset(w->make);
    make_access(w->make, "same", "ana", 0);
    make_access(w->make, "same", "eve", YEAR_T0);
    const struct kt_store_batch b = make_import(w->make, YEAR_T0);
    append(w, &b, &r);
    assert_int_equal(r.duplicates, 1);
    assert_int_equal(r.conflicts, 1);
    year_free(y);
}

/* A look into a batch of the tail is remembered; the segment that it is sealed into is another. */
static void duplicates_are_found_while_their_batches_are_sealed(void **state)
{
    struct world *w = *state;
    struct year *y = year_new(BATCH * 60, 21);
    struct kt_store_result r;
    for (uint64_t n = 0; n < 60; n++) {
        struct kt_store_batch b = year_batch(w, y, n, true);
        append(w, &b, &r);
        assert_int_equal(r.stored, BATCH);
        for (uint64_t back = 1; back <= 6 && back <= n; back++) {
            b = year_batch(w, y, n - back, true);
            append(w, &b, &r);
            if (r.duplicates != BATCH)
                fail_msg("batch %llu again after %llu: %u are no duplicates",
                         (unsigned long long)(n - back), (unsigned long long)n, r.stored);
        }
    }
    year_free(y);
}

/* What a rolled back transaction held is new when it comes again. */
static void rolled_back_records_are_no_duplicates(void **state)
{
    struct world *w = *state;
    struct year *y = year_new(BATCH * (BATCHES + 4), 9);
    struct kt_store_result r;
    struct kt_error err = { 0 };
    for (uint64_t n = BATCHES; n < BATCHES + 4; n++) {
        struct kt_store_batch b = year_batch(w, y, n, true);
        must(kt_store_begin(w->store, &err), &err);
        must(kt_store_append(w->store, &b, &r, &err), &err);
        kt_store_rollback(w->store);
        b = year_batch(w, y, n, true);
        append(w, &b, &r);
        assert_int_equal(r.stored, BATCH);
    }
    year_free(y);
}

/* However much is rolled back, the ids of the tail stay in memory. */
static void rolled_back_records_push_nothing_out(void **state)
{
    struct world *w = *state;
    enum { MANY = 5000, TIMES = 30 };
    struct kt_store_result r;
    struct kt_error err = { 0 };
    start_over(w);
    const struct kt_store_options o = {
        .path = w->path, .create = true, .seal_here = true, .dedupe_recent = 64
    };
    must(kt_store_open(&o, &w->store, &err), &err);
    make_reset(w->make);
    for (uint64_t i = 0; i < 100; i++)
        make_numbered(w->make, i);
    const struct kt_store_batch first = make_import(w->make, YEAR_T0);
    append(w, &first, &r);
    for (uint64_t n = 0; n < TIMES; n++) {
        make_reset(w->make);
        for (uint64_t i = 0; i < MANY; i++)
            make_numbered(w->make, 1000 + n * MANY + i);
        const struct kt_store_batch b = make_import(w->make, YEAR_T0);
        must(kt_store_begin(w->store, &err), &err);
        must(kt_store_append(w->store, &b, &r, &err), &err);
        assert_int_equal(r.stored, MANY);
        kt_store_rollback(w->store);
    }
    for (int again = 0; again < 2; again++) { /* what came before, and what came after it all */
        make_reset(w->make);
        for (uint64_t i = 0; i < 100; i++)
            make_numbered(w->make, i + (again ? 1000 : 0));
        const struct kt_store_batch b = make_import(w->make, YEAR_T0);
        append(w, &b, &r);
        assert_int_equal(r.duplicates, again ? 0 : 100);
        append(w, &b, &r);
        assert_int_equal(r.duplicates, 100);
    }
}

static void cursor_sees_what_there_was_when_it_was_opened(void **state)
{
    struct world *w = *state;
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    struct kt_store_result res;
    struct year *y = year_new(BATCH * 40, 11);
    for (int down = 0; down < 2; down++) {
        const struct kt_scan scan = { .records = true, .control = true, .newest_first = down == 1 };
        must(kt_reader_open(w->path, &r, &err), &err);
        must(kt_cursor_open(r, &scan, &c, &err), &err);
        uint64_t last = kt_store_last_seq(w->store), due = down ? last : 1, n = 0;
        enum kt_status status;
        while ((status = kt_cursor_next(c, &rec, &err)) == KT_OK) {
            assert_int_equal(rec.seq, due);
            due = down ? due - 1 : due + 1;
            if (n++ % 30 == 0 && n < 500) { /* what is the tail now is sealed meanwhile */
                const struct kt_store_batch b =
                    year_batch(w, y, (uint64_t)(20 * down) + n / 30, true);
                append(w, &b, &res);
            }
        }
        assert_int_equal(status, KT_E_AGAIN);
        assert_int_equal(due, down ? 0 : last + 1);
        assert_true(kt_store_last_seq(w->store) > last + 200);
        kt_cursor_free(c);
        kt_reader_close(r);
    }
    year_free(y);
}

/* ---- readers beside the writer ---- */

struct beside {
    const char *path;
    volatile bool done;
    unsigned long rounds;
    const char *wrong;
};

/* Every look is a prefix of the log, without a hole, and never shorter than the one before. */
static void *look(void *self)
{
    struct beside *b = self;
    struct kt_reader *r = NULL;
    uint64_t before = 0;
    if (kt_reader_open(b->path, &r, NULL) != KT_OK)
        b->wrong = "cannot be opened";
    while (!b->done && b->wrong == NULL) {
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        const struct kt_scan scan = { .records = true,
                                      .control = true,
                                      .newest_first = b->rounds % 2 == 1 };
        uint64_t n = 0, edge = 0, events = 0, lines = 0;
        enum kt_status status = kt_cursor_open(r, &scan, &c, NULL);
        while (status == KT_OK && (status = kt_cursor_next(c, &rec, NULL)) == KT_OK) {
            if (n > 0 && rec.seq != (scan.newest_first ? edge - 1 : edge + 1))
                b->wrong = "a record is missing or twice";
            edge = rec.seq;
            n++;
            lines += rec.origin != KT_ORIGIN_CONTROL;
        }
        kt_cursor_free(c);
        struct kt_columns_scan *columns = NULL;
        struct kt_view v;
        if (status != KT_E_AGAIN || n < before)
            b->wrong = "a record that was there is not";
        before = n;
        status = kt_columns_open(r, &scan, KT_COLUMN(KT_COL_ACTOR), false, &columns, NULL);
        while (status == KT_OK && (status = kt_columns_next(columns, &v, NULL)) == KT_OK)
            events += v.picks;
        kt_columns_scan_free(columns);
        if (status != KT_E_AGAIN || events < lines)
            b->wrong = "columns have fewer records than lines";
        b->rounds++;
    }
    kt_reader_close(r);
    return NULL;
}

static void copy_file(struct world *w)
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

static void change(struct world *w, const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(w->copy, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    (void)sqlite3_close(db);
}

/* Two threads prepare segments; a damaged block is told by the one that hands lines out, without a
 * look at the file that the other reads. */
static void damaged_blocks_are_told_while_two_threads_read(void **state)
{
    struct world *w = *state;
    enum { MANY = 90 };
    struct year *y = year_new(BATCH * MANY, 9);
    struct kt_store_result got;
    struct kt_error err = { 0 };
    start_over(w);
    open_store(w);
    for (uint64_t n = 0; n < MANY; n++) {
        const struct kt_store_batch b = year_batch(w, y, n, true);
        append(w, &b, &got);
    }
    close_store(w);
    copy_file(w);
    change(w, "UPDATE part SET data = zeroblob(20) WHERE id % 256 >= 128 AND id / 256 % 2 = 0");
    for (int round = 0; round < 40; round++) {
        struct kt_reader *r = NULL;
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        struct kt_damage damage = { 0 };
        const struct kt_scan scan = { .records = true, .damage = &damage };
        unsigned long n = 0;
        must(kt_reader_open(w->copy, &r, &err), &err);
        must(kt_cursor_open(r, &scan, &c, &err), &err);
        while (kt_cursor_next(c, &rec, &err) == KT_OK)
            n++;
        assert_true(damage.places > 0 && n > 0 && n < BATCH * MANY);
        kt_cursor_free(c);
        kt_reader_close(r);
    }
    year_free(y);
    open_store(w);
}

static unsigned long rest_of(struct kt_cursor *c)
{
    struct kt_record rec;
    unsigned long n = 0;
    while (kt_cursor_next(c, &rec, NULL) == KT_OK)
        n++;
    return n;
}

/* A segment may begin behind the control record that a walk is to show next. */
static void what_is_sealed_behind_a_control_record_is_not_passed_over(void **state)
{
    struct world *w = *state;
    for (int down = 0; down < 2; down++) {
        struct year *y = year_new(BATCH * BATCHES, 3);
        struct kt_reader *r = NULL;
        struct kt_cursor *c = NULL;
        struct kt_store_result got;
        struct kt_error err = { 0 };
        const struct kt_scan scan = { .records = true, .control = true, .newest_first = down };
        start_over(w);
        open_store(w);
        for (uint64_t n = 0; n < 5; n++) { /* three batches, a control record, two more */
            const struct kt_store_batch b = year_batch(w, y, n, true);
            append(w, &b, &got);
            if (n == 2)
                control(w);
        }
        must(kt_reader_open(w->path, &r, &err), &err);
        must(kt_cursor_open(r, &scan, &c, &err), &err);
        const struct kt_store_batch more = year_batch(w, y, 5, true);
        append(w, &more, &got);
        kt_store_close(w->store); /* seals all of the tail */
        w->store = NULL;
        assert_int_equal(rest_of(c), 5 * BATCH + 1);
        kt_cursor_free(c);
        kt_reader_close(r);
        year_free(y);
    }
    open_store(w);
}

static void readers_beside_the_writer_miss_nothing(void **state)
{
    struct world *w = *state;
    struct year *y = year_new(BATCH * 800, 5);
    struct beside beside[2] = { { 0 } };
    pthread_t thread[2];
    struct kt_store_result r;
    struct kt_error err = { 0 };
    start_over(w);
    const struct kt_store_options o = { .path = w->path, .create = true, .segment_events = 120 };
    must(kt_store_open(&o, &w->store, &err), &err); /* with its sealing thread */
    for (int i = 0; i < 2; i++) {
        beside[i].path = w->path;
        assert_int_equal(pthread_create(&thread[i], NULL, look, &beside[i]), 0);
    }
    for (uint64_t n = 0; n < 800; n++) {
        const struct kt_store_batch b = year_batch(w, y, n, true);
        append(w, &b, &r);
        if (n % 5 == 3)
            control(w);
        must(kt_store_housekeep(w->store, n % 16 == 0, &err), &err);
    }
    for (int i = 0; i < 2; i++)
        beside[i].done = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        if (beside[i].wrong != NULL)
            fail_msg("%s (round %lu)", beside[i].wrong, beside[i].rounds);
        assert_true(beside[i].rounds > 0);
    }
    year_free(y);
}

/* ---- changes are named ---- */

#define Z64 "0000000000000000000000000000000000000000000000000000000000000000"
#define S1  "(SELECT min(first_seq) FROM segment)"
static void changed_segments_are_named(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *sql, *says;
    } table[] = {
        { "UPDATE segment SET min_time = min_time - 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET max_time = max_time + 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET untimed = 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET conflicts = 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET min_stored = 0 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET max_arrival = max_arrival + 1 WHERE first_seq = " S1,
          "times or counts" },
        { "UPDATE segment SET bytes = bytes + 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET packed = packed + 1 WHERE first_seq = " S1, "are recorded" },
        { "UPDATE segment SET days = zeroblob(4) WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET count = count - 1 WHERE first_seq = " S1, "records " },
        { "UPDATE segment SET last_seq = last_seq + 1 WHERE first_seq = " S1, "records " },
        { "UPDATE segment SET last_seq = last_seq - 1 WHERE first_seq = " S1,
          "impossible numbers" },
        { "DELETE FROM segment WHERE first_seq = " S1, "are missing" },
        { "DELETE FROM segment WHERE first_seq = (SELECT max(first_seq) FROM segment)",
          "are missing" },
        { "DELETE FROM part WHERE id = " S1 " * 256 + 128", "part 128 of the segment is missing" },
        { "DELETE FROM part WHERE id = " S1 " * 256 + 64", "part 64 of the segment is missing" },
        { "DELETE FROM part WHERE id = " S1 " * 256 + 80", "part 80 of the segment is missing" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id = " S1 " * 256 + 66",
          "a filter (part 66) is not" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id = " S1 " * 256 + 72",
          "a filter (part 72) is not" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id = " S1 " * 256 + 81",
          "the tree nodes" },
        { "UPDATE part SET data = zeroblob(9) WHERE id = " S1 " * 256 + 7", "a column (part 7)" },
        { "UPDATE part SET data = (SELECT data FROM part WHERE id = " S1 " * 256 + 1)"
          " WHERE id = " S1 " * 256 + 2",
          "a column (part 2) is not" },
        { "UPDATE part SET data = (SELECT p.data FROM part p WHERE p.id = 256 *"
          " (SELECT max(first_seq) FROM segment) + 128) WHERE id = " S1 " * 256 + 128",
          "records " },
        { "INSERT INTO part VALUES (" S1 " * 256 + 200, x'00')", "parts of segments" },
        { "UPDATE meta SET removed_segments = removed_segments + 1", "removed" },
        { "UPDATE meta SET removed_events = 0", "removed" },
        { "INSERT INTO segment SELECT -5,-5,1,0,0,1,1,1,1,1,1,1,max_stored + 1,days FROM segment"
          " WHERE first_seq = " S1,
          "rows of segments" },
        { "UPDATE meta SET tree = x'0100000000000080" Z64 Z64 "'", "" },
    };
    struct kt_verify_result v;
    remove_first(w);
    close_store(w);
    if (!verifies(w, w->path, &v))
        fail_msg("untouched: %s", w->said);
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        copy_file(w);
        change(w, table[i].sql);
        if (verifies(w, w->copy, &v) || strstr(w->said, table[i].says) == NULL)
            fail_msg("%s:\nsays '%s'", table[i].sql, w->said);
    }
}

struct beside_verify { /* retention at work while a verification runs */
    struct world *w;
    unsigned calls, at; /* it removes at the at-th batch … */
    uint64_t from_seq;  /* … the first segment from here on */
};

static unsigned key_and_removal(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max)
{
    struct beside_verify *b = self;
    (void)agent;
    (void)max;
    if (b->calls++ == b->at) {
        struct kt_error err = { 0 };
        struct kt_old old;
        must(kt_store_old(b->w->store, b->from_seq, &old, &err), &err);
        must(kt_store_begin(b->w->store, &err), &err);
        must(kt_store_remove(b->w->store, old.first_seq, KT_STR("too old"), YEAR_T0, &err), &err);
        must(kt_store_commit(b->w->store, &err), &err);
    }
    memcpy(ret[0], b->w->make->public_key, 32);
    return 1;
}

static void retention_beside_a_verification_is_no_damage(void **state)
{
    struct world *w = *state;
    const struct {
        unsigned at;
        uint64_t from_seq;
    } removals[] = { { 14, 1 }, { 0, 3 * BATCH + 1 } }; /* after it was read, and before */
    for (size_t i = 0; i < KT_ARRAY_LEN(removals); i++) {
        struct beside_verify b = { w, 0, removals[i].at, removals[i].from_seq };
        struct kt_reader *r = NULL;
        struct kt_verify_result v;
        struct kt_error err = { 0 };
        w->said[0] = '\0';
        start_over(w);
        open_store(w);
        fill(w);
        must(kt_reader_open(w->path, &r, &err), &err);
        must(kt_reader_verify(r, NULL, NULL, NULL, &v, &err), &err);
        assert_true(v.ok);
        /* the key is asked for each batch that an agent signed */
        must(kt_reader_verify(r, NULL, &b, key_and_removal, &v, &err), &err);
        assert_true(b.calls > b.at);
        assert_int_equal(v.problems, 0);
        assert_true(v.removed > 0);
        kt_reader_close(r);
    }
}

/* Numbers with many holes: what stays of the segment does not fit into one record. */
static void a_segment_with_several_tombstones_is_one(void **state)
{
    struct world *w = *state;
    enum { RUNS = 1300 };
    struct kt_error err = { 0 };
    struct kt_store_result got;
    struct kt_verify_result v;
    struct kt_old old;
    start_over(w);
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = RUNS, .seal_here = true
    };
    must(kt_store_open(&o, &w->store, &err), &err);
    start(w);
    for (uint64_t n = 0; n < RUNS; n++) {
        make_reset(w->make);
        make_numbered(w->make, n);
        const struct kt_store_batch b = make_import(w->make, YEAR_T0);
        append(w, &b, &got);
        control(w);
    }
    must(kt_store_old(w->store, 1, &old, &err), &err);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_remove(w->store, old.first_seq, KT_STR("too old"), YEAR_T0, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
    close_store(w);
    if (!verifies(w, w->path, &v))
        fail_msg("%s", w->said);
    assert_int_equal(v.removed, RUNS);
}

/* ---- random changes ---- */

static long file_size(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (long)st.st_size;
}

static void flip_bit(struct world *w, const struct kt_rng *rng)
{
    FILE *f = fopen(w->copy, "r+b");
    long at = (long)kt_rng_below(rng, (uint64_t)file_size(w->copy));
    (void)fseek(f, at, SEEK_SET);
    int byte = fgetc(f);
    (void)fseek(f, at, SEEK_SET);
    (void)fputc(byte ^ (1 << kt_rng_below(rng, 8)), f);
    (void)fclose(f);
}

static void truncate_file(struct world *w, const struct kt_rng *rng)
{
    long size = (long)kt_rng_below(rng, (uint64_t)file_size(w->copy));
    assert_int_equal(truncate(w->copy, kt_rng_below(rng, 2) ? size : size / 8192 * 8192), 0);
}

static void swap_pages(struct world *w, const struct kt_rng *rng)
{
    char page[2][8192];
    uint64_t pages = (uint64_t)file_size(w->copy) / 8192, at[2];
    FILE *f = fopen(w->copy, "r+b");
    for (int i = 0; i < 2; i++) {
        at[i] = kt_rng_below(rng, pages);
        (void)fseek(f, (long)at[i] * 8192, SEEK_SET);
        assert_int_equal(fread(page[i], 8192, 1, f), 1);
    }
    for (int i = 0; i < 2; i++) {
        (void)fseek(f, (long)at[i] * 8192, SEEK_SET);
        assert_int_equal(fwrite(page[1 - i], 8192, 1, f), 1);
    }
    (void)fclose(f);
}

static void edit_rows(struct world *w, const struct kt_rng *rng)
{
    static const char *const edits[] = {
        "UPDATE part SET data = CAST(substr(data, 1, length(data) / 2) || x'%02x' ||"
        " substr(data, length(data) / 2 + 2) AS BLOB) WHERE id = (SELECT id FROM part"
        " LIMIT 1 OFFSET %u)",
        "UPDATE part SET data = CAST(substr(data, 1, %u) AS BLOB) WHERE id ="
        " (SELECT id FROM part LIMIT 1 OFFSET %u)",
        "UPDATE part SET data = (SELECT data FROM part LIMIT 1 OFFSET %u %% 100) WHERE id ="
        " (SELECT id FROM part LIMIT 1 OFFSET %u)",
        "DELETE FROM part WHERE %u >= 0 AND id = (SELECT id FROM part LIMIT 1 OFFSET %u)",
        "UPDATE segment SET min_time = min_time + %u WHERE first_seq ="
        " (SELECT first_seq FROM segment LIMIT 1 OFFSET %u %% 7)",
        "UPDATE segment SET last_seq = last_seq - %u %% 3 WHERE first_seq ="
        " (SELECT first_seq FROM segment LIMIT 1 OFFSET %u %% 7)",
        "DELETE FROM segment WHERE %u >= 0 AND first_seq ="
        " (SELECT first_seq FROM segment LIMIT 1 OFFSET %u %% 7)",
        "UPDATE control SET line = CAST(replace(CAST(line AS TEXT), ':', '%u') AS BLOB) WHERE seq ="
        " (SELECT seq FROM control LIMIT 1 OFFSET %u %% 5)",
        "DELETE FROM control WHERE %u >= 0 AND seq ="
        " (SELECT seq FROM control LIMIT 1 OFFSET %u %% 5)",
        "UPDATE batch SET arrival = arrival + %u WHERE first_seq ="
        " (SELECT first_seq FROM batch LIMIT 1 OFFSET %u %% 4)",
        "DELETE FROM batch WHERE %u >= 0 AND first_seq ="
        " (SELECT first_seq FROM batch LIMIT 1 OFFSET %u %% 4)",
        "UPDATE meta SET events = events + %u, control = control - %u",
    };
    char sql[400];
    unsigned a = (unsigned)kt_rng_below(rng, 256), b = (unsigned)kt_rng_below(rng, 200);
    unsigned which = (unsigned)kt_rng_below(rng, KT_ARRAY_LEN(edits));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* all of them take two numbers */
    (void)snprintf(sql, sizeof sql, edits[which], a, b);
#pragma GCC diagnostic pop
    change(w, sql);
}

static void random_changes_are_named_or_show_nothing(void **state)
{
    struct world *w = *state;
    static void (*const ways[])(struct world *, const struct kt_rng *) = {
        flip_bit, flip_bit, flip_bit, edit_rows, edit_rows, edit_rows, swap_pages, truncate_file
    };
    const char *times = getenv("KT_MUTATIONS"), *seed = getenv("KT_SEED");
    unsigned rounds = times == NULL ? 300 : (unsigned)strtoul(times, NULL, 10), named = 0;
    struct kt_rng_seeded from = { .state = seed == NULL ? 7 : strtoull(seed, NULL, 10) };
    const struct kt_rng rng = kt_rng_seeded(&from);
    struct kt_buf now = { 0 };
    struct kt_verify_result v;
    remove_first(w);
    close_store(w);
    assert_true(verifies(w, w->path, &v));
    assert_true(show(w->path, &w->shown));
    for (unsigned i = 0; i < rounds; i++) {
        unsigned way = (unsigned)kt_rng_below(&rng, KT_ARRAY_LEN(ways));
        copy_file(w);
        ways[way](w, &rng);
        if (!verifies(w, w->copy, &v)) {
            named++;
            continue;
        }
        if (!show(w->copy, &now) || !kt_str_eq(kt_buf_str(&now), kt_buf_str(&w->shown)))
            fail_msg("change %u (way %u) changes what readers show; verify says nothing", i, way);
    }
    print_message("%u changes: %u named, %u touched nothing that is referenced\n", rounds, named,
                  rounds - named);
    assert_true(named > rounds / 2);
    kt_buf_done(&now);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(sealed_records_are_shown_as_unsealed_ones),
        T(duplicates_are_found_in_segments),
        T(duplicates_are_found_while_their_batches_are_sealed),
        T(rolled_back_records_are_no_duplicates),
        T(rolled_back_records_push_nothing_out),
        T(cursor_sees_what_there_was_when_it_was_opened),
        T(what_is_sealed_behind_a_control_record_is_not_passed_over),
        T(damaged_blocks_are_told_while_two_threads_read),
        T(readers_beside_the_writer_miss_nothing),
        T(changed_segments_are_named),
        T(retention_beside_a_verification_is_no_damage),
        T(a_segment_with_several_tombstones_is_one),
        T(random_changes_are_named_or_show_nothing),
    };
    return cmocka_run_group_tests_name("store_segment", tests, NULL, NULL);
}
