/* cli_log_order: whatever way the log is walked, the same records come, in the order of arrival. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/log_order.h"
#include "core/base/alloc.h"
#include "tests/support/segments.h"

struct seen {
    struct kt_buf text; /* "seq kind time agent line\n" */
    kt_time_ns newest;
    uint64_t n, stop_at, prepared;
};

static void note(struct kt_buf *out, const struct kt_record *r, bool line)
{
    kt_buf_addf(out, "%llu %d %lld %d ", (unsigned long long)r->seq, (int)r->ev.kind,
                (long long)r->ev.time, (int)r->origin);
    kt_buf_add(out, line ? r->line : KT_STR_NONE);
    kt_buf_byte(out, '\n');
}

struct prepared {
    const char *line;
    uint64_t seq;
};

static void prepare(const struct kt_record *r, void *ret)
{
    *(struct prepared *)ret = (struct prepared){ r->line.at, r->seq };
}

static enum kt_status each(void *self, const struct kt_record *r, const void *prepared,
                           struct kt_error *err)
{
    struct seen *s = self;
    const struct prepared *p = prepared;
    (void)err;
    assert_true(p == NULL || (p->seq == r->seq && p->line == r->line.at)); /* of this very record */
    s->prepared += p != NULL;
    assert_true(r->arrival >= s->newest);
    s->newest = r->arrival;
    note(&s->text, r, true);
    return ++s->n == s->stop_at ? KT_E_AGAIN : KT_OK;
}

static struct seen walk(const char *path, uint64_t stop_at)
{
    struct seen s = { .newest = INT64_MIN, .stop_at = stop_at };
    struct kt_reader *r = NULL;
    struct kt_damage damage = { 0 };
    struct kt_error err = { 0 };
    segments_must(kt_reader_open(path, &r, &err), &err);
    const struct kt_log_each to = { each, &s, { prepare, sizeof(struct prepared) } };
    segments_must(kt_log_in_order(r, &damage, &to, &err), &err);
    assert_int_equal(damage.places, 0);
    kt_reader_close(r);
    return s;
}

static void show(const char *path, enum kt_detail detail, bool line, struct kt_buf *out)
{
    struct kt_reader *reader = NULL;
    struct kt_cursor *c = NULL;
    struct kt_error err = { 0 };
    struct kt_scan scan = { .records = true, .control = true, .detail = detail };
    struct kt_record r = { 0 };
    segments_must(kt_reader_open(path, &reader, &err), &err);
    segments_must(kt_cursor_open(reader, &scan, &c, &err), &err);
    while (kt_cursor_next(c, &r, &err) == KT_OK)
        note(out, &r, line);
    kt_cursor_free(c);
    kt_reader_close(reader);
}

static void heads_say_what_the_records_say(void **state)
{
    struct segments *w = *state;
    struct kt_buf whole = { 0 }, heads = { 0 };
    show(w->path, KT_DETAIL_EVENT, false, &whole);
    show(w->path, KT_DETAIL_HEAD, false, &heads);
    assert_true(whole.len > 10000);
    assert_string_equal(kt_buf_z(&whole), kt_buf_z(&heads));
    kt_buf_done(&whole);
    kt_buf_done(&heads);
}

static void a_log_in_order_comes_by_number(void **state)
{
    struct segments *w = *state;
    struct kt_buf whole = { 0 };
    segments_start_over(w);
    segments_open_store(w);
    for (unsigned k = 0; k < 40; k++) { /* live: arrivals rise */
        make_reset(w->make);
        for (unsigned i = 0; i < 25; i++)
            make_numbered(w->make, k * 25 + i);
        struct kt_store_batch b = make_batch(w->make, "host-1", k + 1, MAKE_T0 + k * KT_NS_S);
        struct kt_store_result result;
        segments_append(w, &b, &result);
    }
    show(w->path, KT_DETAIL_EVENT, true, &whole);
    struct seen s = walk(w->path, 0), part = walk(w->path, 300);
    assert_int_equal(s.n, 1000);
    assert_int_equal(s.prepared, 1000);
    assert_string_equal(kt_buf_z(&whole), kt_buf_z(&s.text));
    assert_int_equal(part.n, 300); /* and who stops early is not waited for */
    assert_memory_equal(part.text.at, s.text.at, part.text.len);
    kt_buf_done(&whole);
    kt_buf_done(&s.text);
    kt_buf_done(&part.text);
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Its lines in one order, whatever order they came in. */
static unsigned sorted(struct kt_buf *text, char *at[2000])
{
    struct kt_str rest = kt_buf_str(text), line;
    unsigned n = 0;
    while (n < 2000 && rest.len > 0 && kt_str_split(&rest, '\n', &line))
        at[n++] = kt_str_dup(line);
    qsort(at, n, sizeof *at, by_line);
    return n;
}

static void a_log_out_of_order_comes_by_arrival(void **state)
{
    struct segments *w = *state;
    struct kt_buf whole = { 0 };
    char *a[2000], *b[2000];
    show(w->path, KT_DETAIL_EVENT, true, &whole); /* imports and live batches of a year */
    struct seen s = walk(w->path, 0);
    unsigned n = sorted(&whole, a);
    assert_int_equal(n, sorted(&s.text, b));
    assert_int_equal(n, s.n);
    for (unsigned i = 0; i < n; i++) {
        assert_string_equal(a[i], b[i]);
        kt_free(a[i]);
        kt_free(b[i]);
    }
    kt_buf_done(&whole);
    kt_buf_done(&s.text);
}

static enum kt_status count(void *self, const struct kt_record *r, const void *prepared,
                            struct kt_error *err)
{
    assert_null(prepared);
    (void)r;
    (void)err;
    ++*(unsigned *)self;
    return KT_OK;
}

/* The records that come, and the places that do not, of a copy of the store after the statement. */
static void walk_changed(struct segments *w, const char *sql, unsigned records, unsigned damaged)
{
    struct kt_reader *r = NULL;
    struct kt_damage damage = { 0 };
    struct kt_error err = { 0 };
    unsigned n = 0;
    segments_copy_file(w);
    segments_change(w, sql);
    segments_must(kt_reader_open(w->copy, &r, &err), &err);
    const struct kt_log_each to = { .each = count, .self = &n };
    segments_must(kt_log_in_order(r, &damage, &to, &err), &err);
    kt_reader_close(r);
    assert_int_equal(n, records);
    assert_int_equal(damage.places, damaged);
}

/* THREATS I6: a store is foreign bytes. */
static void what_no_collector_writes_is_a_damaged_place(void **state)
{
    struct segments *w = *state;
    segments_start_over(w);
    segments_open_store(w);
    segments_control(w);
    segments_control(w);
    for (unsigned k = 0; k < 2; k++) {
        make_reset(w->make);
        for (unsigned i = 0; i < 25; i++)
            make_numbered(w->make, k * 25 + i);
        struct kt_store_batch b = make_batch(w->make, "host-1", k + 1, MAKE_T0 + k * KT_NS_S);
        struct kt_store_result result;
        segments_append(w, &b, &result);
    }
    segments_close_store(w);
    walk_changed(w, "SELECT 1", 52, 0);
    walk_changed(w, "UPDATE control SET line = zeroblob(6000000)", 50, 2);
    walk_changed(w, "UPDATE control SET line = zeroblob(262145) WHERE seq = 2", 51, 1);
    walk_changed(w,
                 "UPDATE control SET arrival = arrival + 10000000000000000 WHERE seq = 1;"
                 "UPDATE control SET line = zeroblob(6000000) WHERE seq = 1",
                 51, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(heads_say_what_the_records_say, segments_set_up,
                                        segments_tear_down),
        cmocka_unit_test_setup_teardown(a_log_in_order_comes_by_number, segments_set_up,
                                        segments_tear_down),
        cmocka_unit_test_setup_teardown(a_log_out_of_order_comes_by_arrival, segments_set_up,
                                        segments_tear_down),
        cmocka_unit_test_setup_teardown(what_no_collector_writes_is_a_damaged_place,
                                        segments_set_up, segments_tear_down),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
