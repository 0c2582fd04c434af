/* store_read: cursors, copies of a store, and the facts in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/query/query.h"
#include "core/store/db.h"
#include "tests/support/store_make.h"

struct world {
    char folder[64], path[96], copy[128];
    struct make *make;
    struct kt_store *store;
    uint64_t batch_seq;
    kt_time_ns now;
};

static int set_up(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    w->make = make_new();
    w->now = MAKE_T0;
    make_folder(w->folder, w->path);
    (void)snprintf(w->copy, sizeof w->copy, "%s/copy.db", w->folder);
    const struct kt_store_options o = { .path = w->path, .create = true };
    assert_int_equal(kt_store_open(&o, &w->store, NULL), KT_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    kt_store_close(w->store);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

static void commit_batch(struct world *w, const struct kt_store_batch *b)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    if (kt_store_begin(w->store, &err) != KT_OK)
        fail_msg("%s", err.text);
    make_claims(w->store, b);
    if (kt_store_append(w->store, b, &r, &err) != KT_OK || kt_store_commit(w->store, &err) != KT_OK)
        fail_msg("%s", err.text);
}

static void add_numbers(struct world *w, uint64_t from, uint32_t n)
{
    make_reset(w->make);
    for (uint32_t i = 0; i < n; i++)
        make_numbered(w->make, from + i);
    w->now += KT_NS_S;
    struct kt_store_batch b = make_batch(w->make, "agent-a", ++w->batch_seq, w->now);
    commit_batch(w, &b);
}

static uint64_t add_control(struct world *w, enum kt_kind kind, const char *raw)
{
    struct kt_event ev = { .kind = kind, .time = w->now, .raw = kt_str_of(raw) };
    uint64_t seq = 0;
    struct kt_error err = { 0 };
    if (kt_store_begin(w->store, &err) != KT_OK ||
        kt_store_control(w->store, &ev, w->now, w->now, &seq, &err) != KT_OK ||
        kt_store_commit(w->store, &err) != KT_OK)
        fail_msg("%s", err.text);
    return seq;
}

static struct kt_reader *open_reader(const char *path)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    if (kt_reader_open(path, &r, &err) != KT_OK)
        fail_msg("%s", err.text);
    return r;
}

/* Numbers of the records of a scan; "c" before control records. */
static void list(struct kt_reader *r, const struct kt_scan *scan, struct kt_buf *out)
{
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    enum kt_status status;
    kt_buf_reset(out);
    assert_int_equal(kt_cursor_open(r, scan, &c, &err), KT_OK);
    while ((status = kt_cursor_next(c, &rec, &err)) == KT_OK)
        kt_buf_addf(out, "%s%llu ", rec.origin == KT_ORIGIN_CONTROL ? "c" : "",
                    (unsigned long long)rec.seq);
    if (status != KT_E_AGAIN)
        fail_msg("%s", err.text);
    kt_cursor_free(c);
}

static void scans_give_records_in_order(void **state)
{
    struct world *w = *state;
    add_control(w, KT_KIND_CONFIG, "{}"); /* 1 */
    add_numbers(w, 0, 3);                 /* 2-4 */
    add_control(w, KT_KIND_TICK, "{}");   /* 5 */
    add_control(w, KT_KIND_FACT, "{}");   /* 6 */
    add_numbers(w, 3, 2);                 /* 7-8 */
    add_control(w, KT_KIND_TICK, "{}");   /* 9 */
    static const struct {
        struct kt_scan scan;
        const char *want;
    } table[] = {
        { { .records = true }, "2 3 4 7 8 " },
        { { .records = true, .newest_first = true }, "8 7 4 3 2 " },
        { { .records = true, .control = true }, "c1 2 3 4 c5 c6 7 8 c9 " },
        { { .records = true, .control = true, .newest_first = true }, "c9 8 7 c6 c5 4 3 2 c1 " },
        { { .control = true }, "c1 c5 c6 c9 " },
        { { .control = true, .control_kind = KT_KIND_TICK }, "c5 c9 " },
        { { .control = true, .control_kind = KT_KIND_TICK, .newest_first = true }, "c9 c5 " },
        { { .records = true, .control = true, .from_seq = 3, .until_seq = 7 }, "3 4 c5 c6 7 " },
        { { .records = true, .from_seq = 3, .until_seq = 7, .newest_first = true }, "7 4 3 " },
        { { .records = true, .from_seq = 4, .until_seq = 4 }, "4 " },
        { { .records = true, .from_seq = 5, .until_seq = 6 }, "" },
        { { .records = true, .control = true, .from_seq = 10 }, "" },
        { { .records = true, .control = true, .from_seq = 9, .until_seq = 99 }, "c9 " },
        { { 0 }, "" },
    };
    struct kt_reader *r = open_reader(w->path);
    struct kt_buf got = { 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        list(r, &table[i].scan, &got);
        assert_string_equal(kt_buf_z(&got), table[i].want);
    }
    kt_buf_done(&got);
    kt_reader_close(r);
}

/* Batches that lie anywhere in time, some over many hours: a scan of a window gives exactly the
 * records that a scan of everything, filtered, gives. */
static void windows_lose_and_invent_nothing(void **state)
{
    struct world *w = *state;
    uint64_t random = 12345;
    char id[32];
    for (unsigned batch = 0; batch < 40; batch++) {
        make_reset(w->make);
        for (unsigned i = 0; i < 8; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            kt_time_ns range = batch % 4 == 0 ? 20 * KT_NS_DAY : 5 * KT_NS_MIN;
            kt_time_ns t = MAKE_T0 + (kt_time_ns)(random >> 1) % range - 3 * KT_NS_MIN;
            (void)snprintf(id, sizeof id, "%u-%u", batch, i);
            make_access(w->make, id, "ana", random % 11 == 0 ? 0 : t);
        }
        w->now += KT_NS_MIN;
        struct kt_store_batch b = make_batch(w->make, "agent-a", batch + 1, w->now);
        commit_batch(w, &b);
    }
    struct kt_reader *r = open_reader(w->path);
    struct kt_buf got = { 0 }, want = { 0 };
    for (unsigned round = 0; round < 60; round++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        struct kt_scan scan = { .records = true, .newest_first = round % 2 == 1 };
        scan.since = round % 5 == 0 ? 0 : MAKE_T0 + (kt_time_ns)(random >> 40) * KT_NS_S / 20;
        scan.until = round % 7 == 0 ? 0 : scan.since + (kt_time_ns)(random % 5000) * KT_NS_S;
        list(r, &scan, &got);
        const struct kt_scan all = { .records = true, .newest_first = scan.newest_first };
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        kt_buf_reset(&want);
        assert_int_equal(kt_cursor_open(r, &all, &c, NULL), KT_OK);
        while (kt_cursor_next(c, &rec, NULL) == KT_OK) {
            kt_time_ns t = rec.ev.time != 0 ? rec.ev.time : rec.arrival;
            if ((scan.since == 0 || t >= scan.since) && (scan.until == 0 || t < scan.until))
                kt_buf_addf(&want, "%llu ", (unsigned long long)rec.seq);
        }
        kt_cursor_free(c);
        assert_string_equal(kt_buf_z(&got), kt_buf_z(&want));
    }
    kt_buf_done(&got);
    kt_buf_done(&want);
    kt_reader_close(r);
}

static void cursor_does_not_see_what_comes_after_it(void **state)
{
    struct world *w = *state;
    add_numbers(w, 0, 4);
    struct kt_reader *r = open_reader(w->path);
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    const struct kt_scan scan = { .records = true, .control = true };
    assert_int_equal(kt_cursor_open(r, &scan, &c, NULL), KT_OK);
    assert_int_equal(kt_cursor_next(c, &rec, NULL), KT_OK);
    add_numbers(w, 4, 4);
    add_control(w, KT_KIND_TICK, "{}");
    unsigned n = 1;
    struct kt_error err;
    enum kt_status status;
    while ((status = kt_cursor_next(c, &rec, &err)) == KT_OK)
        n++;
    assert_int_equal(status, KT_E_AGAIN);
    assert_int_equal(n, 4);
    kt_cursor_free(c);
    struct kt_buf got = { 0 };
    list(r, &scan, &got);
    assert_string_equal(kt_buf_z(&got), "1 2 3 4 5 6 7 8 c9 ");
    kt_buf_done(&got);
    kt_reader_close(r);
}

/* THREATS D4: a pager left open holds no checkpoint up. */
/* Somebody else's program may; the writer can tell (D4). */
static void a_held_snapshot_is_seen_by_its_wal(void **state)
{
    struct world *w = *state;
    sqlite3 *db = NULL;
    add_numbers(w, 0, 20);
    assert_int_equal(sqlite3_open_v2(w->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM batch", NULL, NULL, NULL),
                     SQLITE_OK);
    add_numbers(w, 20, 20);
    uint64_t held = kt_store_wal_bytes(w->store);
    add_numbers(w, 40, 20);
    assert_true(held > 0 && kt_store_wal_bytes(w->store) > held);
    (void)sqlite3_close_v2(db);
}

static void open_cursor_does_not_hold_the_wal(void **state)
{
    struct world *w = *state;
    char wal[160];
    struct stat st;
    (void)snprintf(wal, sizeof wal, "%s-wal", w->path);
    add_numbers(w, 0, 50);
    add_control(w, KT_KIND_TICK, "{}");
    struct kt_reader *r = open_reader(w->path);
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    const struct kt_scan scan = { .records = true, .control = true, .since = MAKE_T0 };
    assert_int_equal(kt_cursor_open(r, &scan, &c, NULL), KT_OK);
    assert_int_equal(kt_cursor_next(c, &rec, NULL), KT_OK);
    assert_int_equal(stat(wal, &st), 0);
    assert_true(st.st_size > 0);
    add_numbers(w, 50, 50);
    kt_store_close(w->store);
    w->store = NULL;
    assert_int_equal(stat(wal, &st), 0);
    assert_int_equal(st.st_size, 0);
    unsigned n = 1;
    while (kt_cursor_next(c, &rec, NULL) == KT_OK)
        n++;
    assert_int_equal(n, 51);
    kt_cursor_free(c);
    kt_reader_close(r);
}

static void record_has_what_was_stored_beside_its_line(void **state)
{
    struct world *w = *state;
    make_reset(w->make);
    make_access(w->make, "one", "ana", MAKE_T0);
    make_access(w->make, "two", "ana", MAKE_T0);
    make_access(w->make, "one", "mallory", MAKE_T0);
    make_access(w->make, "two", "ana", MAKE_T0); /* a duplicate leaves no hole */
    make_access(w->make, "three", "ana", MAKE_T0);
    struct kt_store_batch b = make_import(w->make, MAKE_T0);
    for (uint32_t i = 0; i < 5; i++)
        w->make->arrival[i] = MAKE_T0 - (kt_time_ns)(i * i) * KT_NS_DAY;
    commit_batch(w, &b);
    static const struct {
        const char *id;
        bool conflict;
        kt_time_ns arrival;
    } want[] = { { "one", false, MAKE_T0 },
                 { "two", false, MAKE_T0 - KT_NS_DAY },
                 { "one", true, MAKE_T0 - 4 * KT_NS_DAY },
                 { "three", false, MAKE_T0 - 16 * KT_NS_DAY } };
    struct kt_reader *r = open_reader(w->path);
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    const struct kt_scan scan = { .records = true };
    assert_int_equal(kt_cursor_open(r, &scan, &c, NULL), KT_OK);
    for (size_t i = 0; i < KT_ARRAY_LEN(want); i++) {
        assert_int_equal(kt_cursor_next(c, &rec, NULL), KT_OK);
        assert_int_equal(rec.seq, i + 1);
        assert_true(kt_str_is(rec.ev.native_id, want[i].id));
        assert_int_equal(rec.conflict, want[i].conflict);
        assert_int_equal(rec.arrival, want[i].arrival);
        assert_int_equal(rec.stored, MAKE_T0);
        assert_int_equal(rec.origin, KT_ORIGIN_IMPORT);
        assert_true(kt_str_is(rec.agent, "import"));
    }
    assert_int_equal(kt_cursor_next(c, &rec, &(struct kt_error){ 0 }), KT_E_AGAIN);
    kt_cursor_free(c);
    struct kt_store_stats stats;
    assert_int_equal(kt_reader_stats(r, &stats, NULL), KT_OK);
    assert_int_equal(stats.records, 4);
    assert_int_equal(stats.events, 4);
    assert_int_equal(stats.duplicates, 1);
    assert_int_equal(stats.conflicts, 1);
    assert_int_equal(stats.first_arrival, MAKE_T0 - 16 * KT_NS_DAY);
    assert_int_equal(stats.last_arrival, MAKE_T0);
    assert_int_equal(stats.first_time, MAKE_T0);
    assert_true(stats.file_bytes > 8192);
    kt_reader_close(r);
}

static void damaged_batch_is_said_once_and_left_behind(void **state)
{
    struct world *w = *state;
    for (uint64_t i = 0; i < 3; i++)
        add_numbers(w, 2 * i, 2);
    kt_store_close(w->store);
    w->store = NULL;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE batch SET lines = zeroblob(8) WHERE first_seq = 3",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    struct kt_reader *r = open_reader(w->path);
    for (int down = 0; down < 2; down++) {
        struct kt_buf got = { 0 };
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        struct kt_error err = { 0 };
        enum kt_status status;
        const struct kt_scan scan = { .records = true, .newest_first = down };
        assert_int_equal(kt_cursor_open(r, &scan, &c, NULL), KT_OK);
        while ((status = kt_cursor_next(c, &rec, &err)) != KT_E_AGAIN) {
            if (status == KT_OK)
                kt_buf_addf(&got, "%llu ", (unsigned long long)rec.seq);
            else
                kt_buf_addf(&got, "[%s] ", err.text);
        }
        assert_string_equal(kt_buf_z(&got),
                            down ? "6 5 [records 3-4: the lines do not unpack] 2 1 "
                                 : "1 2 [records 3-4: the lines do not unpack] 5 6 ");
        kt_buf_done(&got);
        kt_cursor_free(c);
    }
    kt_reader_close(r);
}

/* ---- copies ---- */

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    for (int c; (c = fgetc(in)) != EOF;)
        (void)fputc(c, out);
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void sqlite_backup(const char *from, const char *to)
{
    sqlite3 *in = NULL, *out = NULL;
    assert_int_equal(sqlite3_open(from, &in), SQLITE_OK);
    assert_int_equal(sqlite3_open(to, &out), SQLITE_OK);
    sqlite3_backup *b = sqlite3_backup_init(out, "main", in, "main");
    assert_int_equal(sqlite3_backup_step(b, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(b), SQLITE_OK);
    (void)sqlite3_close(in);
    (void)sqlite3_close(out);
}

static void verify_copy(struct world *w, uint64_t records)
{
    struct kt_reader *r = open_reader(w->copy);
    struct kt_verify_result v;
    assert_int_equal(kt_reader_verify(r, &(struct kt_verify_options){ 0 }, &v, NULL), KT_OK);
    assert_int_equal(v.problems, 0);
    assert_int_equal(v.records, records);
    kt_reader_close(r);
}

static void main_file_of_a_running_store_alone_is_refused(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct kt_store *s = NULL;
    add_numbers(w, 0, 10);
    copy_file(w->path, w->copy);
    assert_int_equal(kt_reader_open(w->copy, &r, &err), KT_E_CORRUPT);
    assert_non_null(strstr(err.text, "keytrail backup"));
    const struct kt_store_options o = { .path = w->copy, .create = true };
    assert_int_equal(kt_store_open(&o, &s, &err), KT_E_CORRUPT);
    for (uint64_t i = 1; i < 150; i++) /* a checkpoint does not make it whole */
        add_numbers(w, 500 * i, 500);
    assert_int_equal(kt_store_housekeep(w->store, true, NULL), KT_OK);
    copy_file(w->path, w->copy);
    assert_int_equal(kt_reader_open(w->copy, &r, &err), KT_E_CORRUPT);
}

static void main_file_after_a_clean_stop_is_whole(void **state)
{
    struct world *w = *state;
    add_numbers(w, 0, 10);
    kt_store_close(w->store);
    w->store = NULL;
    copy_file(w->path, w->copy);
    verify_copy(w, 10);
}

static void backup_of_a_running_store_opens_and_goes_on(void **state)
{
    struct world *w = *state;
    add_numbers(w, 0, 10);
    for (unsigned round = 0; round < 4; round++) { /* the same file again and again */
        sqlite_backup(w->path, w->copy);
        verify_copy(w, 10);
    }
    char wal[160];
    (void)snprintf(wal, sizeof wal, "%s-wal", w->copy);
    assert_int_equal(access(wal, F_OK), -1); /* reading left nothing beside it */
    struct kt_store *s = NULL;
    struct kt_reader *r = open_reader(w->copy);
    const struct kt_store_options o = { .path = w->copy };
    assert_int_equal(kt_store_open(&o, &s, NULL), KT_OK);
    assert_int_equal(kt_store_last_seq(s), 10);
    kt_store_close(w->store);
    w->store = s;
    add_numbers(w, 10, 5);
    struct kt_store_stats stats; /* a reader of the quiet file notices that it is written now */
    assert_int_equal(kt_reader_stats(r, &stats, NULL), KT_OK);
    assert_int_equal(stats.records, 15);
    kt_reader_close(r);
}

static void vacuumed_copy_of_a_running_store_opens(void **state)
{
    struct world *w = *state;
    char text[200];
    sqlite3 *db = NULL;
    add_numbers(w, 0, 10);
    (void)snprintf(text, sizeof text, "VACUUM INTO '%s'", w->copy);
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    verify_copy(w, 10);
}

static void main_file_and_wal_of_a_killed_collector_open(void **state)
{
    struct world *w = *state;
    char wal[160], copied_wal[160];
    add_numbers(w, 0, 10);
    (void)snprintf(wal, sizeof wal, "%s-wal", w->path);
    (void)snprintf(copied_wal, sizeof copied_wal, "%s-wal", w->copy);
    copy_file(w->path, w->copy);
    copy_file(wal, copied_wal);
    verify_copy(w, 10);
}

static void what_is_kept_of_a_store_ends_with_it(void **state)
{
    struct world *w = *state;
    char aside[160];
    (void)snprintf(aside, sizeof aside, "%s.aside", w->path);
    add_numbers(w, 0, 10);
    sqlite_backup(w->path, w->copy);
    struct kt_reader *r = open_reader(w->path);
    assert_false(kt_reader_replaced(r));
    add_numbers(w, 10, 5);
    assert_false(kt_reader_replaced(r)); /* it grew */
    kt_reader_close(r);
    kt_store_close(w->store);
    w->store = NULL;
    r = open_reader(w->path);
    assert_false(kt_reader_replaced(r));
    assert_int_equal(rename(w->path, aside), 0);
    assert_true(kt_reader_replaced(r)); /* nothing is there */
    assert_int_equal(rename(w->copy, w->path), 0);
    assert_true(kt_reader_replaced(r)); /* fewer records, in another file */
    kt_reader_close(r);
    r = open_reader(w->path);
    assert_false(kt_reader_replaced(r));
    assert_false(kt_reader_replaced(r));
    assert_int_equal(unlink(w->path), 0);
    assert_int_equal(rename(aside, w->path), 0);
    assert_true(kt_reader_replaced(r)); /* more records: another file, all the same */
    kt_reader_close(r);
}

/* ---- facts, alerts ---- */

static void fact_in_force_is_the_newest_before_the_record(void **state)
{
    struct world *w = *state;
    struct kt_ip ip, other = { 0 };
    struct kt_facts *f = NULL;
    struct kt_error err = { 0 };
    assert_true(kt_ip_parse(KT_STR("203.0.113.7"), &ip) && kt_ip_parse(KT_STR("::1"), &other));
    add_control(w, KT_KIND_TICK, "{}");
    add_control(
        w, KT_KIND_FACT,
        "{\"ip\":\"203.0.113.7\",\"country\":\"DE\",\"asn\":64500,\"org\":\"One\"}"); /* 2 */
    add_numbers(w, 0, 3);                                                             /* 3-5 */
    add_control(w, KT_KIND_FACT, "{\"ip\":\"no address\",\"country\":\"XX\"}");
    add_control(w, KT_KIND_FACT,
                "{\"ip\":\"203.0.113.7\",\"country\":\"FR\",\"hosting\":true}"); /* 7 */
    struct kt_reader *r = open_reader(w->path);
    if (kt_facts_load(r, &f, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_true(kt_str_is(kt_facts_at(f, ip, 1)->country, "DE")); /* none before: the oldest */
    assert_true(kt_str_is(kt_facts_at(f, ip, 4)->country, "DE"));
    assert_int_equal(kt_facts_at(f, ip, 4)->asn, 64500);
    assert_true(kt_str_is(kt_facts_at(f, ip, 4)->org, "One"));
    assert_true(kt_str_is(kt_facts_at(f, ip, 7)->country, "DE"));
    assert_true(kt_str_is(kt_facts_at(f, ip, 8)->country, "FR"));
    assert_true(kt_facts_at(f, ip, 8)->hosting);
    assert_null(kt_facts_at(f, other, 8));
    kt_facts_free(f);
    kt_reader_close(r);
}

static enum kt_status join_alert(void *self, const char *id, struct kt_str json,
                                 struct kt_error *err)
{
    (void)err;
    kt_buf_addf(self, "%s=" KT_STR_FMT " ", id, KT_STR_ARG(json));
    return strcmp(id, "A1") == 0 ? KT_E_AGAIN : KT_OK;
}

static enum kt_status join_row(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    (void)err;
    kt_buf_addf(self, "%s>%s:%s ", row->alert, row->target, row->state);
    return KT_OK;
}

static void alerts_come_newest_first_and_rows_in_order(void **state)
{
    struct world *w = *state;
    struct kt_buf got = { 0 };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    for (int i = 0; i < 4; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "A%d", i);
        assert_int_equal(
            kt_store_alert_put(w->store, id, MAKE_T0 + i, MAKE_T0, 1, KT_STR("{}"), NULL), KT_OK);
        struct kt_outbox_row row = { .target = "t", .action = "trigger", .state = "wait" };
        (void)snprintf(row.state, sizeof row.state, "%s", i == 2 ? "dead" : "wait");
        kt_str_copyz(row.alert, sizeof row.alert, kt_str_of(id));
        assert_int_equal(kt_store_outbox_add(w->store, &row, KT_STR("{}"), NULL), KT_OK);
    }
    assert_int_equal(
        kt_store_alert_put(w->store, "A3", MAKE_T0 + 3, MAKE_T0, 1, KT_STR("new"), NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    struct kt_reader *r = open_reader(w->path);
    assert_int_equal(kt_reader_alerts(r, join_alert, &got, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&got), "A3=new A2={} A1={} ");
    kt_buf_reset(&got);
    assert_int_equal(kt_reader_outbox(r, join_row, &got, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&got), "A0>t:wait A1>t:wait A2>t:dead A3>t:wait ");
    kt_buf_done(&got);
    kt_reader_close(r);
}

/* Control records are read some at a time: none is lost between two times, and none comes twice. */
static void many_control_records_come_once_each_both_ways(void **state)
{
    struct world *w = *state;
    static char raw[3000];
    uint64_t ticks = 0;
    (void)snprintf(raw, sizeof raw, "{\"x\":\"%02900d\"}", 7);
    for (unsigned i = 0; i < 300; i++) {
        bool tick = i % 3 != 0;
        add_control(w, tick ? KT_KIND_TICK : KT_KIND_CONFIG, i % 7 == 0 ? raw : "{}");
        ticks += tick;
        if (i % 50 == 49)
            add_numbers(w, 10 * i, 2);
    }
    struct kt_reader *r = open_reader(w->path);
    for (unsigned way = 0; way < 8; way++) {
        const struct kt_scan scan = { .control = true,
                                      .records = (way & 4) != 0,
                                      .newest_first = (way & 1) != 0,
                                      .control_kind = way & 2 ? KT_KIND_TICK : 0 };
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        struct kt_error err = { 0 };
        uint64_t n = 0, events = 0, last = scan.newest_first ? UINT64_MAX : 0;
        assert_int_equal(kt_cursor_open(r, &scan, &c, &err), KT_OK);
        while (kt_cursor_next(c, &rec, &err) == KT_OK) {
            assert_true(scan.newest_first ? rec.seq < last : rec.seq > last);
            last = rec.seq;
            events += rec.origin != KT_ORIGIN_CONTROL;
            n += rec.origin == KT_ORIGIN_CONTROL;
        }
        assert_int_equal(n, way & 2 ? ticks : 300);
        assert_int_equal(events, way & 4 ? 12 : 0);
        kt_cursor_free(c);
    }
    kt_reader_close(r);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(scans_give_records_in_order),
        T(windows_lose_and_invent_nothing),
        T(cursor_does_not_see_what_comes_after_it),
        T(a_held_snapshot_is_seen_by_its_wal),
        T(open_cursor_does_not_hold_the_wal),
        T(record_has_what_was_stored_beside_its_line),
        T(damaged_batch_is_said_once_and_left_behind),
        T(main_file_of_a_running_store_alone_is_refused),
        T(main_file_after_a_clean_stop_is_whole),
        T(backup_of_a_running_store_opens_and_goes_on),
        T(vacuumed_copy_of_a_running_store_opens),
        T(what_is_kept_of_a_store_ends_with_it),
        T(main_file_and_wal_of_a_killed_collector_open),
        T(fact_in_force_is_the_newest_before_the_record),
        T(alerts_come_newest_first_and_rows_in_order),
        T(many_control_records_come_once_each_both_ways),
    };
    return cmocka_run_group_tests_name("store_read", tests, NULL, NULL);
}
