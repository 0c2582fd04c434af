/*
 * collector_stream_file: batches in files that rotate, on a disk in memory: crashes between write
 * and confirmation, faults of each call, files that others touched.
 */
#include "collector/stream_carry.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* after the three above */
#include <cmocka.h>

#define DAY (20786 * KT_NS_DAY) /* some day */

struct world {
    struct kt_fs_memory *disk;
    struct kt_fs_faulty faulty;
    struct kt_fs fs;
    struct kt_conf *conf;
    struct kt_stream_setup setup;
    struct kt_carrier carrier;
    char carry[KT_STREAM_CARRY_MAX]; /* as confirmed */
    uint64_t seq;
    kt_time_ns stored;
    struct kt_buf all; /* what the files must hold, in order */
    struct kt_str names[64];
    unsigned n_names;
    struct kt_arena arena;
};

static void open_carrier(struct world *w)
{
    struct kt_error err = { 0 };
    const struct kt_carrier_options o = {
        .setup = &w->setup, .clock = kt_clock_real, .fs = w->fs, .wake_fd = -1
    };
    if (kt_carrier_file(&o, &w->carrier, &err) != KT_OK)
        fail_msg("%s", err.text);
}

static void set_up(struct world *w, const char *options)
{
    char config[600];
    struct kt_error err = { 0 };
    *w = (struct world){ .stored = DAY, .seq = 1 };
    w->arena = kt_arena_new(1u << 20);
    w->disk = kt_fs_memory_new();
    w->faulty = (struct kt_fs_faulty){ .inner = kt_fs_memory(w->disk), .fail_errno = 5 };
    w->fs = kt_fs_faulty(&w->faulty);
    assert_int_equal(w->fs.mkdir(w->fs.self, "/lake", 0700, &err), KT_OK);
    assert_int_equal(w->fs.sync_dir(w->fs.self, "/", &err), KT_OK);
    (void)snprintf(config, sizeof config, "streams: { s: { type: files, folder: /lake, %s } }\n",
                   options);
    if (kt_conf_parse(kt_str_of(config), "test.yaml", NULL, 0, &w->conf, &err) != KT_OK ||
        kt_stream_setup_open(w->conf, &w->conf->streams[0], &w->setup, &err) != KT_OK)
        fail_msg("%s", err.text);
    open_carrier(w);
}

static void tear_down(struct world *w)
{
    w->carrier.close(w->carrier.self);
    kt_stream_setup_done(&w->setup);
    kt_conf_free(w->conf);
    kt_fs_memory_free(w->disk);
    kt_buf_done(&w->all);
    kt_arena_done(&w->arena);
}

/* Sends the next batch of three lines; confirmed says whether its position is kept. */
static enum kt_stream_verdict send(struct world *w, bool confirmed)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf body = { 0 };
    for (unsigned i = 0; i < 3; i++)
        kt_buf_addf(&body, "line %llu\n", (unsigned long long)(w->seq + i));
    const struct kt_stream_batch b = { .stream = "s",
                                       .first_seq = w->seq,
                                       .last_seq = w->seq + 2,
                                       .n = 3,
                                       .stored = w->stored,
                                       .body = kt_buf_str(&body) };
    struct kt_stream_sending s = { .batch = &b };
    memcpy(s.carry, w->carry, sizeof s.carry);
    w->carrier.send(w->carrier.self, &s);
    if (s.verdict != KT_STREAM_TAKEN || !confirmed)
        return s.verdict;
    memcpy(w->carry, s.carry, sizeof w->carry);
    kt_buf_add(&w->all, kt_buf_str(&body));
    w->seq += 3;
    return s.verdict;
}

static void add_name(void *self, const char *name)
{
    struct world *w = self;
    assert_true(w->n_names < KT_ARRAY_LEN(w->names));
    w->names[w->n_names++] = kt_arena_str(&w->arena, kt_str_of(name));
}

static unsigned list(struct world *w)
{
    w->n_names = 0;
    assert_int_equal(w->fs.list(w->fs.self, "/lake", add_name, w, NULL), KT_OK);
    return w->n_names;
}

/* All files, in the order of their names, hold each batch once. */
static void assert_content(struct world *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf got = { 0 };
    list(w);
    for (unsigned i = 0; i < w->n_names; i++) {
        char path[300];
        struct kt_file *f = NULL;
        size_t n = 0;
        uint64_t at = 0;
        (void)snprintf(path, sizeof path, "/lake/" KT_STR_FMT, KT_STR_ARG(w->names[i]));
        assert_int_equal(w->fs.open(w->fs.self, path, KT_OPEN_READ, &f, NULL), KT_OK);
        do {
            char *to = kt_buf_reserve(&got, 4096);
            assert_int_equal(w->fs.read_at(f, at, to, 4096, &n, NULL), KT_OK);
            got.len += n;
            at += n;
        } while (n > 0);
        w->fs.close(f);
    }
    if (!kt_str_eq(kt_buf_str(&got), kt_buf_str(&w->all)))
        fail_msg("the files hold\n" KT_STR_FMT "and not\n" KT_STR_FMT, KT_STR_ARG(kt_buf_str(&got)),
                 KT_STR_ARG(kt_buf_str(&w->all)));
}

static uint64_t half(void *self)
{
    uint64_t *n = self;
    return *n *= 6364136223846793005u;
}

static void restart(struct world *w)
{
    w->carrier.close(w->carrier.self);
    open_carrier(w);
}

/* ---- tests ---- */

static void a_span_of_time_is_a_file(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "compress: none");
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_int_equal(list(&w), 1);
    assert_true(kt_str_ends(w.names[0], KT_STR(".ndjson.tmp")));
    w.stored += KT_NS_DAY;
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_int_equal(list(&w), 2);
    assert_true(kt_str_is(w.names[0], "s-20261129T0000-000000000001.ndjson"));
    assert_true(kt_str_is(w.names[1], "s-20261130T0000-000000000007.ndjson.tmp"));
    assert_content(&w);
    tear_down(&w);
}

static void what_was_not_confirmed_is_cut_and_written_again(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "compress: none");
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(send(&w, false), KT_STREAM_TAKEN); /* the collector dies here */
        restart(&w);
    }
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_content(&w);
    tear_down(&w);
}

static void a_first_file_that_was_not_confirmed_is_made_anew(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "compress: none");
    assert_int_equal(send(&w, false), KT_STREAM_TAKEN);
    restart(&w);
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_int_equal(list(&w), 1);
    assert_content(&w);
    tear_down(&w);
}

/* Power cuts: what was confirmed had been synced. */
static void a_power_cut_loses_nothing_that_was_confirmed(void **unused)
{
    struct world w;
    uint64_t chance = 42;
    (void)unused;
    set_up(&w, "compress: none, rotate_every: 1h");
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(send(&w, i % 3 != 2), KT_STREAM_TAKEN);
        w.stored += 10 * KT_NS_MIN;
        if (i % 3 == 2) {
            kt_fs_memory_crash(w.disk, half, &chance);
            restart(&w);
        }
    }
    if (w.seq > 1)
        assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_content(&w);
    tear_down(&w);
}

/* Each call fails once: it is tried again, and nothing is there twice. */
static void each_fault_is_survived(void **unused)
{
    bool fired = true;
    (void)unused;
    for (unsigned long n = 1; fired && n < 200; n++) {
        struct world w;
        set_up(&w, "compress: none, rotate_every: 1h");
        w.faulty.calls = 0;
        w.faulty.fail_at = n;
        w.faulty.short_write = n % 2 == 0;
        for (unsigned i = 0; i < 12; i++) {
            if (send(&w, true) == KT_STREAM_TAKEN)
                w.stored += 25 * KT_NS_MIN;
        }
        fired = w.faulty.fired;
        w.faulty.fail_at = 0;
        assert_true(w.seq >= 1 + 3 * 11); /* one try was lost, no more */
        assert_content(&w);
        tear_down(&w);
    }
    assert_false(fired);
}

static void an_old_file_is_finished_by_the_clock(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "compress: none");
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_false(w.carrier.idle(w.carrier.self, DAY + KT_NS_HOUR, w.carry));
    assert_true(w.carrier.idle(w.carrier.self, DAY + KT_NS_DAY, w.carry));
    assert_string_equal(w.carry, "");
    list(&w);
    assert_true(kt_str_is(w.names[0], "s-20261129T0000-000000000001.ndjson"));
    assert_false(w.carrier.idle(w.carrier.self, DAY + 2 * KT_NS_DAY, w.carry));
    tear_down(&w);
}

static void a_file_that_was_shortened_stops_it(void **unused)
{
    struct world w;
    struct kt_file *f = NULL;
    (void)unused;
    set_up(&w, "compress: none");
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    restart(&w);
    assert_int_equal(w.fs.open(w.fs.self, "/lake/s-20261129T0000-000000000001.ndjson.tmp",
                               KT_OPEN_APPEND, &f, NULL),
                     KT_OK);
    assert_int_equal(w.fs.truncate(f, 5, NULL), KT_OK);
    w.fs.close(f);
    assert_int_equal(send(&w, true), KT_STREAM_DENIED);
    tear_down(&w);
}

static void a_finished_file_is_never_written_over(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "compress: none");
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_true(w.carrier.idle(w.carrier.self, DAY + KT_NS_DAY, w.carry));
    w.seq = 1; /* rewound, or an older store */
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_int_equal(list(&w), 2);
    assert_true(kt_str_is(w.names[0], "s-20261129T0000-000000000001-1.ndjson.tmp"));
    tear_down(&w);
}

static void a_full_disk_is_waited_for(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "compress: none");
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    kt_fs_memory_limit(w.disk, 4096);
    while (send(&w, true) == KT_STREAM_TAKEN)
        assert_true(w.seq < 4096);
    assert_int_equal(send(&w, true), KT_STREAM_RETRY);
    kt_fs_memory_limit(w.disk, 0);
    assert_int_equal(send(&w, true), KT_STREAM_TAKEN);
    assert_content(&w);
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_of_time_is_a_file),
        cmocka_unit_test(what_was_not_confirmed_is_cut_and_written_again),
        cmocka_unit_test(a_first_file_that_was_not_confirmed_is_made_anew),
        cmocka_unit_test(a_power_cut_loses_nothing_that_was_confirmed),
        cmocka_unit_test(each_fault_is_survived),
        cmocka_unit_test(an_old_file_is_finished_by_the_clock),
        cmocka_unit_test(a_file_that_was_shortened_stops_it),
        cmocka_unit_test(a_finished_file_is_never_written_over),
        cmocka_unit_test(a_full_disk_is_waited_for),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_stream_file", tests, NULL, NULL);
}
