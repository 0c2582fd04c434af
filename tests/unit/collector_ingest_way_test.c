/* collector_ingest_way: what goes on to detection from the door of agents, without a look into the
 * log: only what is committed, only whole batches of new lines, each record as the log has it. */
#include "core/store/store.h"
#include "tests/support/ingest_world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

#define BIG_RAW (64u << 10) /* of one line */

static struct kt_handed *take(struct ingest_world *w, uint64_t after)
{
    uint64_t until;
    return kt_way_take(w->way, after, &until);
}

/* 0: none does. None begins at the start of the log. */
static uint64_t first_that_waits(struct ingest_world *w)
{
    uint64_t until;
    assert_null(kt_way_take(w->way, 0, &until));
    return until == 0 ? 0 : until + 1;
}

/* The next record of the log is r in every respect. */
static void is_of_the_log(struct kt_cursor *c, const struct kt_record *r)
{
    struct kt_record log;
    do
        assert_int_equal(kt_cursor_next(c, &log, NULL), KT_OK);
    while (log.seq < r->seq);
    assert_int_equal(r->seq, log.seq);
    assert_int_equal(r->arrival, log.arrival);
    assert_int_equal(r->stored, log.stored);
    assert_int_equal(r->origin, log.origin);
    assert_int_equal(r->conflict, log.conflict);
    assert_true(kt_str_eq(r->agent, log.agent));
    assert_true(kt_str_eq(r->line, log.line));
}

/* Batches of that many lines, one behind the other in the log, which they are compared with. */
static uint64_t follow(struct ingest_world *w, uint64_t after, const uint32_t *lines, unsigned n)
{
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_reader *reader = NULL;
    struct kt_cursor *c = NULL;
    struct kt_scan scan = { .from_seq = after + 1, .control = true, .records = true };
    assert_int_equal(kt_reader_open(w->store_path, &reader, NULL), KT_OK);
    assert_int_equal(kt_cursor_open(reader, &scan, &c, NULL), KT_OK);
    for (unsigned i = 0; i < n; i++) {
        struct kt_record r;
        uint32_t at = 0;
        struct kt_handed *b = take(w, after);
        assert_non_null(b);
        assert_int_equal(kt_parsed_count(b->parsed), lines[i]);
        while (kt_handed_next(b, &at, &arena, &r, NULL) == KT_OK)
            is_of_the_log(c, &r);
        assert_int_equal(at, lines[i]);
        after += lines[i];
        kt_handed_free(b);
    }
    kt_cursor_free(c);
    kt_reader_close(reader);
    kt_arena_done(&arena);
    return after;
}

static void lines_of(struct kt_buf *ret, unsigned from, unsigned n)
{
    kt_buf_reset(ret);
    for (unsigned i = 0; i < n; i++)
        ingest_add_line(ret, ingest_event("prod", from + i));
}

static void batches_go_on_once_they_are_committed(void **state)
{
    struct ingest_world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    ingest_greeted(w);
    lines_of(&lines, 1, 3);
    ingest_batch(w, INGEST_PEER, &w->one, 1, kt_buf_str(&lines), NULL);
    w->clock.wall += KT_NS_S;
    lines_of(&lines, 4, 2);
    ingest_batch(w, INGEST_PEER, &w->one, 2, kt_buf_str(&lines), NULL);
    assert_int_equal(first_that_waits(w), 0);
    ingest_commit(w);
    assert_int_equal(follow(w, 0, (const uint32_t[]){ 3, 2 }, 2), 5);
    assert_null(take(w, 5));
    lines_of(&lines, 6, 1); /* never committed */
    ingest_batch(w, INGEST_PEER, &w->one, 3, kt_buf_str(&lines), NULL);
    ingest_close(w);
    assert_int_equal(first_that_waits(w), 0);
    ingest_open(w);
}

static void agents_go_on_in_the_order_of_the_log(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_hello(w, INGEST_PEER, &w->two);
    for (unsigned i = 1; i <= 3; i++) {
        ingest_batch_of(w, &w->two, i, "stage", i);
        ingest_batch_of(w, &w->one, i, "prod", 10 + i);
    }
    ingest_commit(w);
    assert_int_equal(follow(w, 0, (const uint32_t[]){ 1, 1, 1, 1, 1, 1 }, 6), 6);
}

/* The log has fewer lines of it, or some under a mark. */
static void a_batch_with_what_is_known_is_left_to_the_log(void **state)
{
    struct ingest_world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_event other = ingest_event("prod", 1);
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_commit(w);
    assert_int_equal(follow(w, 0, (const uint32_t[]){ 1 }, 1), 1);
    lines_of(&lines, 1, 2); /* the first of them is there */
    ingest_batch(w, INGEST_PEER, &w->one, 2, kt_buf_str(&lines), NULL);
    ingest_commit(w);
    assert_int_equal(first_that_waits(w), 0);
    kt_buf_reset(&lines);
    other.actor = KT_STR("mallory");
    ingest_add_line(&lines, other);
    ingest_batch(w, INGEST_PEER, &w->one, 3, kt_buf_str(&lines), NULL);
    ingest_commit(w);
    assert_int_equal(kt_ingest_counts(w->ingest).duplicates, 1);
    assert_int_equal(kt_ingest_counts(w->ingest).conflicts, 1);
    assert_int_equal(first_that_waits(w), 0);
    ingest_batch_of(w, &w->one, 4, "prod", 5);
    ingest_commit(w);
    uint64_t last = kt_store_last_seq(w->store);
    assert_int_equal(first_that_waits(w), last);
    assert_int_equal(follow(w, last - 1, (const uint32_t[]){ 1 }, 1), last);
}

/* What its agent reports beside a line that is known is seen. */
static void a_report_beside_what_is_known_is_seen(void **state)
{
    struct ingest_world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_event report = ingest_event("prod", 7);
    report.kind = KT_KIND_REPORT;
    report.operation = KT_STR("log.contradiction");
    report.message = KT_STR("what the agent says");
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_commit(w);
    lines_of(&lines, 1, 1); /* is there */
    ingest_add_line(&lines, report);
    ingest_batch(w, INGEST_PEER, &w->one, 2, kt_buf_str(&lines), NULL);
    ingest_commit(w);
}

/* A fact stands before the batch that brought its address. */
static void facts_between_batches_are_left_to_the_log(void **state)
{
    struct ingest_world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_event ev = ingest_event("prod", 2);
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ev.has_ip = kt_ip_parse(KT_STR("203.0.113.7"), &ev.ip);
    ev.ip_trust = KT_TRUST_EDGE;
    ingest_add_line(&lines, ev);
    ingest_batch(w, INGEST_PEER, &w->one, 2, kt_buf_str(&lines), NULL);
    ingest_commit(w);
    assert_int_equal(w->fed_kind[1], KT_KIND_FACT);
    assert_int_equal(follow(w, 0, (const uint32_t[]){ 1 }, 1), 1);
    assert_null(take(w, 1));
    assert_int_equal(first_that_waits(w), 3);
    assert_int_equal(follow(w, 2, (const uint32_t[]){ 1 }, 1), 3);
}

/* What was read of an import is there when it is sealed; detection finds it in the log. */
static void imports_are_read_once(void **state)
{
    struct ingest_world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    lines_of(&lines, 1, 1);
    const struct kt_ingest_line line = { kt_str_sub(kt_buf_str(&lines), 0, lines.len - 1), 0 };
    assert_int_equal(kt_ingest_lines(w->ingest, KT_ORIGIN_IMPORT, &line, 1, NULL, NULL), KT_OK);
    ingest_commit(w);
    const struct kt_parsed *held = kt_held_find(&w->store->held, 1);
    assert_non_null(held);
    assert_true(kt_str_eq(kt_parsed_line(held, 0), line.line));
    assert_int_equal(first_that_waits(w), 0);
}

/* n lines as long as a line may well be, the last of them broken where `broken`. */
static void big_lines(struct kt_buf *ret, unsigned n, bool broken)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    memset(kt_buf_reserve(&raw, BIG_RAW), 'x', BIG_RAW);
    raw.len = BIG_RAW;
    for (unsigned i = 0; i < n; i++) {
        /* no two alike: what packs too well is refused unread */
        for (unsigned k = 0; k < BIG_RAW; k++)
            raw.at[k] = (char)('a' + ((k * 2654435761u + i) >> 13) % 26);
        struct kt_event ev = ingest_event("prod", 100 + i);
        ev.raw = kt_buf_str(&raw);
        ingest_add_line(ret, ev);
    }
    if (broken)
        kt_buf_addz(ret, "{}\n");
}

/* Small batches behind a large one that was refused, or of which everything was known: an agent
 * that sends them in turns would hold the memory of a large one with each small one. */
static void small_batches_do_not_keep_the_memory_of_large_ones(void **state)
{
    struct ingest_world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf big = { 0 };
    ingest_greeted(w);
    big_lines(&big, 12, true);
    ingest_batch(w, INGEST_PEER, &w->one, 1, kt_buf_str(&big), NULL);
    (void)ingest_refused(w, KT_REFUSE_LINE);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_commit(w);
    struct kt_handed *b = take(w, 0);
    assert_non_null(b);
    assert_true(kt_parsed_bytes(b->parsed) <= 2048);
    kt_handed_free(b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, ingest_world_open, ingest_world_close)
    const struct CMUnitTest tests[] = {
        T(batches_go_on_once_they_are_committed),
        T(agents_go_on_in_the_order_of_the_log),
        T(a_batch_with_what_is_known_is_left_to_the_log),
        T(facts_between_batches_are_left_to_the_log),
        T(a_report_beside_what_is_known_is_seen),
        T(imports_are_read_once),
        T(small_batches_do_not_keep_the_memory_of_large_ones),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_ingest_way", tests, NULL, NULL);
}
