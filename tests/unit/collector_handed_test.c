/* collector_handed: batches on their way to detection; what is let go, and that detection misses
 * and repeats nothing wherever its records come from. */
#include "collector/follow.h"
#include "collector/handed.h"
#include "core/base/alloc.h"
#include "core/event/line.h"
#include "tests/support/store_make.h"
#include <poll.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

#define NOW (INT64_C(1795377600) * KT_NS_S)

/* Takes the lines. */
static struct kt_parsed *parsed_of(struct kt_buf *lines, uint32_t n)
{
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_str rest = kt_buf_str(lines), line;
    struct kt_parsed *p = kt_parsed_new(rest, n);
    for (uint32_t i = 0; i < n; i++) {
        struct kt_event ev;
        kt_arena_reset(&arena);
        assert_true(kt_str_split(&rest, '\n', &line));
        assert_int_equal(kt_line_read(line, &arena, &ev, NULL), KT_OK);
        kt_parsed_add(p, line, &ev);
    }
    kt_parsed_close(p, lines);
    kt_arena_done(&arena);
    return p;
}

static struct kt_handed *batch_of(uint64_t first_seq, uint32_t n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_handed *b = kt_alloc(sizeof *b);
    b->first_seq = first_seq;
    b->arrival = b->stored = NOW;
    kt_str_copyz(b->agent, sizeof b->agent, KT_STR("agent"));
    for (uint32_t i = 0; i < n; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "req-%u", (unsigned)first_seq + i);
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .action = KT_ACT_READ,
                               .outcome = KT_OUT_SUCCESS,
                               .time = NOW,
                               .observed = NOW,
                               .source = KT_STR("vault"),
                               .instance = KT_STR("prod"),
                               .native_id = kt_str_of(id),
                               .actor = KT_STR("ana"),
                               .secret = KT_STR("vault://prod/kv/db") };
        assert_int_equal(kt_line_write(&ev, &lines, NULL), KT_OK);
        kt_buf_byte(&lines, '\n');
    }
    b->parsed = parsed_of(&lines, n);
    return b;
}

static void records_are_those_of_the_lines(void **state)
{
    (void)state;
    struct kt_handed *b = batch_of(7, 3);
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_record r;
    uint32_t at = 0;
    for (unsigned i = 0; i < 3; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "req-%u", 7 + i);
        assert_int_equal(kt_handed_next(b, &at, &arena, &r, NULL), KT_OK);
        assert_int_equal(r.seq, 7 + i);
        assert_int_equal(r.origin, KT_ORIGIN_LIVE);
        assert_true(kt_str_is(r.agent, "agent"));
        assert_true(kt_str_is(r.ev.native_id, id));
    }
    assert_int_equal(kt_handed_next(b, &at, &arena, &r, NULL), KT_E_AGAIN);
    kt_arena_done(&arena);
    kt_handed_free(b);
}

static void take_none(struct kt_way *w, uint64_t after, uint64_t until)
{
    uint64_t to = 99;
    assert_null(kt_way_take(w, after, &to));
    assert_int_equal(to, until);
}

static void take_one(struct kt_way *w, uint64_t after)
{
    uint64_t to;
    struct kt_handed *b = kt_way_take(w, after, &to);
    assert_non_null(b);
    assert_int_equal(b->first_seq, after + 1);
    kt_handed_free(b);
}

static void the_way_says_what_the_log_has_to_tell_before(void **state)
{
    (void)state;
    struct kt_way *w = kt_way_new(1u << 20);
    take_none(w, 0, 0);
    kt_way_give(w, batch_of(1, 2));
    kt_way_give(w, batch_of(3, 2));
    kt_way_give(w, batch_of(8, 2)); /* 5 to 7 are control records */
    take_one(w, 0);
    take_one(w, 2);
    take_none(w, 4, 7);
    take_one(w, 7);
    kt_way_give(w, batch_of(10, 2));
    take_none(w, 10, 0); /* it began before: let go */
    kt_way_give(w, batch_of(12, 2));
    kt_way_free(w); /* with what waits */
}

static void a_full_way_takes_no_more_until_it_is_empty(void **state)
{
    (void)state;
    struct kt_handed *one = batch_of(1, 2);
    struct kt_way *w = kt_way_new(2 * (sizeof *one + kt_parsed_bytes(one->parsed)));
    kt_way_give(w, one);
    kt_way_give(w, batch_of(3, 2));
    kt_way_give(w, batch_of(5, 2)); /* no room */
    take_one(w, 0);
    kt_way_give(w, batch_of(7, 2)); /* room, but the one before is not there */
    take_one(w, 2);
    take_none(w, 4, 0);
    kt_way_give(w, batch_of(9, 2));
    take_none(w, 4, 8);
    take_one(w, 8);
    kt_way_free(w);
}

static void a_batch_takes_more_room_than_its_lines(void **state)
{
    (void)state;
    struct kt_handed *one = batch_of(1, 2);
    struct kt_way *w = kt_way_new(kt_parsed_bytes(one->parsed));
    kt_way_give(w, one);
    take_none(w, 0, 0);
    kt_way_free(w);
}

struct world {
    char folder[64], db[96];
    struct kt_conf *conf;
    struct kt_store *store;
    struct kt_way *way;
    struct make *make;
    uint64_t made;
    kt_time_ns later; /* by which what is handed over arrived later than what the log has */
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    make_folder(w->folder, w->db);
    struct kt_store_options so = { .path = w->db, .create = true };
    w->conf = kt_conf_defaults();
    w->way = kt_way_new(64u << 20);
    w->make = make_new();
    return kt_store_open(&so, &w->store, NULL) == KT_OK ? 0 : -1;
}

static int close_world(void **state)
{
    struct world *w = *state;
    make_free(w->make);
    kt_way_free(w->way);
    kt_store_close(w->store);
    kt_conf_free(w->conf);
    make_folder_drop(w->folder);
    free(w);
    return 0;
}

/* One transaction: a control record where `tick`, and a batch, handed over as well where `hand`. */
static void store_with(struct world *w, uint32_t n, bool tick, bool hand)
{
    struct kt_event ev = { .kind = KT_KIND_TICK, .source = KT_STR("keytrail"), .time = NOW };
    struct kt_store_result r;
    uint64_t seq;
    make_reset(w->make);
    for (uint32_t i = 0; i < n; i++)
        make_numbered(w->make, w->made++);
    struct kt_store_batch b = make_batch(w->make, "agent", w->made, NOW);
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    if (tick)
        assert_int_equal(kt_store_control(w->store, &ev, NOW, NOW, &seq, NULL), KT_OK);
    assert_int_equal(kt_store_append(w->store, &b, &r, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    if (!hand)
        return;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_handed *h = kt_alloc(sizeof *h);
    h->first_seq = r.first_seq;
    h->arrival = NOW + w->later;
    h->stored = r.stored_at;
    kt_str_copyz(h->agent, sizeof h->agent, KT_STR("agent"));
    kt_buf_add(&lines, kt_buf_str(&w->make->lines));
    h->parsed = parsed_of(&lines, n);
    kt_way_give(w->way, h);
}

static void store(struct world *w, uint32_t n, bool hand)
{
    store_with(w, n, true, hand);
}

/* Nothing between it and what came before: detection need not look into the log. */
static void store_at_once(struct world *w, uint32_t n)
{
    store_with(w, n, false, true);
}

static void wait_position(struct kt_follow *f, uint64_t seq)
{
    for (unsigned i = 0; i < 3000 && kt_follow_position(f) < seq; i++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(kt_follow_position(f), seq);
}

/* The state after the whole log: its head, and all rows. By a clock that stands still, so that no
 * slice ends early: a head counts the rows of each save. */
static void follow_all(struct world *w, struct kt_way *way, struct kt_buf *ret)
{
    struct kt_follow *f = NULL;
    struct kt_follow_news news = { 0 };
    struct kt_clock_memory still = { .wall = NOW };
    struct kt_clock clock = kt_clock_memory(&still);
    struct kt_follow_options o = {
        .conf = w->conf, .store_path = w->db, .clock = &clock, .way = way
    };
    struct kt_table_row r;
    uint32_t at = 0;
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_stop(f);
    assert_true(kt_follow_take(f, &news));
    kt_buf_add(ret, kt_buf_str(&news.head));
    while (kt_changed_next(news.rows, &at, &r)) {
        kt_buf_u32(ret, r.table);
        kt_buf_add_bytes(ret, &r.key, sizeof r.key);
        kt_buf_str32(ret, r.state);
    }
    assert_true(at > 100); /* there are some */
    kt_follow_news_done(&news);
    kt_follow_free(f);
}

/* Handed over, not handed over, several in a row, with control records between all of them. */
static void store_mixed(struct world *w)
{
    static const bool hand[] = { false, false, true, true, false, true, false, false, true };
    for (unsigned i = 0; i < KT_ARRAY_LEN(hand); i++)
        store(w, 100, hand[i]);
}

static void detection_sees_the_same_as_from_the_log(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf handed = { 0 }, log = { 0 };
    store_mixed(w);
    follow_all(w, w->way, &handed);
    uint64_t until;
    assert_null(kt_way_take(w->way, 0, &until));
    assert_int_equal(until, 0); /* nothing is left on the way */
    follow_all(w, NULL, &log);
    assert_true(kt_str_eq(kt_buf_str(&log), kt_buf_str(&handed)));
}

/* Otherwise it would be the same as from the log if all of it were let go. */
static void detection_takes_what_it_is_handed(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf handed = { 0 }, log = { 0 };
    w->later = KT_NS_DAY;
    store_mixed(w);
    follow_all(w, w->way, &handed);
    follow_all(w, NULL, &log);
    assert_false(kt_str_eq(kt_buf_str(&log), kt_buf_str(&handed)));
}

/* As the collector does (collector/daemon_news.c), of a state that is made for the first time. */
static void commit_state(struct world *w, const struct kt_follow_news *news)
{
    uint32_t at = 0;
    struct kt_table_row r;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    while (kt_changed_next(news->rows, &at, &r)) {
        struct kt_state_row row = {
            .table = (uint8_t)r.table, .born = r.born, .used = r.used, .value = r.state
        };
        memcpy(row.key, &r.key, sizeof row.key);
        assert_int_equal(r.op, KT_ROW_PUT);
        assert_int_equal(kt_store_state_put(w->store, &row, NULL), KT_OK);
    }
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

/* Without its table `meta` a store cannot be read. A table that was renamed is written with quotes,
 * which would make it another schema. */
#define SPOIL "ALTER TABLE meta RENAME TO gone"
#define MEND                                                                                       \
    "ALTER TABLE gone RENAME TO meta; PRAGMA writable_schema = ON;"                                \
    "UPDATE sqlite_schema SET sql = replace(sql, '\"meta\"', 'meta')"

static void run_sql(struct world *w, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void wait_failure(struct kt_follow *f)
{
    bool failed = false;
    kt_follow_wake(f, 0);
    for (unsigned i = 0; i < 3000 && !failed; i++) {
        struct kt_follow_news news = { 0 };
        if (kt_follow_take(f, &news))
            failed = news.failed;
        else
            (void)poll(NULL, 0, 10);
        kt_follow_news_done(&news);
    }
    assert_true(failed);
}

/* Nothing of the state is in memory, as after a start, and the reader was closed by a failure. */
static void a_batch_waits_for_a_store_that_can_be_read(void **state)
{
    struct world *w = *state;
    struct kt_follow *f = NULL;
    struct kt_follow_news saved = { 0 }, news = { 0 };
    struct kt_follow_options o = { .conf = w->conf, .store_path = w->db };
    store(w, 100, false);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_stop(f);
    assert_true(kt_follow_take(f, &saved));
    kt_follow_free(f);
    commit_state(w, &saved);

    o.head = kt_buf_str(&saved.head);
    o.settings = kt_buf_str(&saved.settings);
    o.way = w->way;
    uint64_t before = kt_store_last_seq(w->store);
    assert_int_equal(kt_follow_open(&o, &f, NULL), KT_OK);
    run_sql(w, SPOIL);
    wait_failure(f);
    run_sql(w, MEND);
    store_at_once(w, 100);
    run_sql(w, SPOIL);
    wait_failure(f);
    assert_int_equal(kt_follow_position(f), before);
    run_sql(w, MEND);
    kt_follow_wake(f, 0);
    wait_position(f, kt_store_last_seq(w->store));
    kt_follow_stop(f);
    assert_true(kt_follow_take(f, &news));
    assert_string_equal(news.error, ""); /* no entry is damaged and forgotten */
    kt_follow_free(f);
    kt_follow_news_done(&news);
    kt_follow_news_done(&saved);
}

int main(void)
{
    kt_hash_init();
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_those_of_the_lines),
        cmocka_unit_test(the_way_says_what_the_log_has_to_tell_before),
        cmocka_unit_test(a_full_way_takes_no_more_until_it_is_empty),
        cmocka_unit_test(a_batch_takes_more_room_than_its_lines),
        T(detection_sees_the_same_as_from_the_log),
        T(detection_takes_what_it_is_handed),
        T(a_batch_waits_for_a_store_that_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
