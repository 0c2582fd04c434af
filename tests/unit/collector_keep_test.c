/* collector_keep: nothing goes early, nothing held goes, and what stays still verifies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/keep.h"
#include "core/base/alloc.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"

#define RETENTION (30 * KT_NS_DAY)

struct world {
    char folder[64], path[96];
    struct make *make;
    struct kt_store *store;
    struct kt_keep *keep;
    struct kt_clock_memory clock;
    struct kt_rng_seeded rng_state;
    struct kt_rng rng;
    kt_time_ns real; /* time that truly passed */
    bool open;       /* a transaction */
    unsigned alarms;
    uint64_t next_id;
    struct stored { /* what was put in, by its place */
        uint64_t seq;
        kt_time_ns real, time;
        bool secret_a;
        bool gone; /* before the hold came */
    } * all;
    uint32_t n, cap;
    char said[400];
};

static enum kt_status begin(void *self, struct kt_error *err)
{
    struct world *w = self;
    if (w->open)
        return KT_OK;
    w->open = true;
    return kt_store_begin(w->store, err);
}

static enum kt_status record(void *self, struct kt_event *ev, struct kt_error *err)
{
    struct world *w = self;
    uint64_t seq;
    if (begin(w, err) != KT_OK)
        return err->code;
    return kt_store_control(w->store, ev, w->clock.wall, w->clock.wall, &seq, err);
}

static void alarm_raised(void *self, const char *code, const char *sentence)
{
    struct world *w = self;
    assert_string_equal(code, "clock.jump");
    assert_non_null(sentence);
    w->alarms++;
}

static void commit(struct world *w)
{
    struct kt_error err = { 0 };
    if (w->open && kt_store_commit(w->store, &err) != KT_OK)
        fail_msg("%s", err.text);
    w->open = false;
}

static void start(struct world *w)
{
    struct kt_error err = { 0 };
    const struct kt_store_options so = {
        .path = w->path, .create = true, .segment_events = 20, .seal_here = true
    };
    if (kt_store_open(&so, &w->store, &err) != KT_OK)
        fail_msg("%s", err.text);
    const struct kt_keep_options o = { .store = w->store,
                                       .store_path = w->path,
                                       .retention = RETENTION,
                                       .clock = kt_clock_memory(&w->clock),
                                       .begin = begin,
                                       .record = record,
                                       .alarm = alarm_raised,
                                       .self = w };
    if (kt_keep_new(&o, &w->keep, &err) != KT_OK)
        fail_msg("%s", err.text);
}

static void stop(struct world *w)
{
    commit(w);
    kt_keep_free(w->keep);
    kt_store_close(w->store);
    w->keep = NULL;
    w->store = NULL;
}

static void world_open(struct world *w, uint64_t seed)
{
    *w = (struct world){ .make = make_new(), .rng_state = { .state = seed } };
    w->rng = kt_rng_seeded(&w->rng_state);
    w->clock.wall = MAKE_T0;
    w->clock.mono = 5 * KT_NS_DAY;
    make_folder(w->folder, w->path);
    start(w);
}

static void world_close(struct world *w)
{
    stop(w);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w->all);
}

static uint64_t draw(struct world *w, uint64_t n)
{
    return kt_rng_u64(&w->rng) % n;
}

static void store_some(struct world *w, uint32_t n)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    make_reset(w->make);
    for (uint32_t i = 0; i < n; i++) {
        char id[32];
        bool a = draw(w, 10) == 0;
        /* Events may be older or newer than what the clock says: only `stored` counts. */
        kt_time_ns time = w->clock.wall - (kt_time_ns)draw(w, 3 * KT_NS_DAY);
        (void)snprintf(id, sizeof id, "id-%llu", (unsigned long long)w->next_id++);
        make_access(w->make, id, a ? "alice" : "bob", time);
        if (w->n == w->cap) {
            w->cap = w->cap == 0 ? 256 : 2 * w->cap;
            w->all = kt_realloc_array(w->all, w->cap, sizeof *w->all);
        }
        w->all[w->n++] = (struct stored){ .real = w->real, .time = time, .secret_a = a };
    }
    const struct kt_store_batch b = make_import(w->make, w->clock.wall);
    if (begin(w, &err) != KT_OK || kt_store_append(w->store, &b, &r, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(r.stored, n);
    for (uint32_t i = 0; i < n; i++)
        w->all[w->n - n + i].seq = r.seq[i];
    commit(w);
}

/* As long as there is something to do. */
static void turn(struct world *w)
{
    struct kt_error err = { 0 };
    bool more = true;
    for (unsigned i = 0; more && i < 10000; i++) {
        if (kt_keep_turn(w->keep, &more, &err) != KT_OK)
            fail_msg("%s", err.text);
        commit(w);
    }
}

static void pass(struct world *w, kt_time_ns time)
{
    w->clock.wall += time;
    w->clock.mono += time;
    w->real += time;
}

static void decide(struct world *w, enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
    commit(w);
    if (kt_keep_reload(w->keep, NULL) != KT_OK)
        fail();
}

static void hold(struct world *w, const char *id, bool add, kt_time_ns since, kt_time_ns until,
                 const char *query)
{
    struct kt_error err = { 0 };
    struct kt_hold h = { .since = since,
                         .until = until,
                         .query = (char *)(uintptr_t)query,
                         .reason = (char *)(uintptr_t) "a case",
                         .by = (char *)(uintptr_t) "tester" };
    (void)snprintf(h.id, sizeof h.id, "%s", id);
    decide(w, kt_keep_hold(w->keep, &h, add, &err), &err);
}

static uint64_t count(struct world *w, bool (*want)(const struct stored *s, void *arg), void *arg,
                      uint64_t *ret_should);

/* What is not there when a hold is made cannot be held by it. */
static bool note_there(const struct stored *s, void *arg)
{
    (void)arg;
    ((struct stored *)(uintptr_t)s)->gone = !s->gone; /* asked twice: once for all, once for the
                                                         stored */
    return true;
}

static uint64_t count(struct world *w, bool (*want)(const struct stored *s, void *arg), void *arg,
                      uint64_t *ret_should)
{
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    const struct kt_scan scan = { .records = true };
    uint32_t at = 0;
    uint64_t have = 0;
    *ret_should = 0;
    assert_int_equal(kt_reader_open(w->path, &r, NULL), KT_OK);
    assert_int_equal(kt_cursor_open(r, &scan, &c, NULL), KT_OK);
    for (uint32_t i = 0; i < w->n; i++)
        *ret_should += want(&w->all[i], arg);
    while (kt_cursor_next(c, &rec, NULL) == KT_OK) {
        while (at < w->n && w->all[at].seq < rec.seq)
            at++;
        assert_true(at < w->n && w->all[at].seq == rec.seq);
        have += want(&w->all[at], arg);
    }
    kt_cursor_free(c);
    kt_reader_close(r);
    return have;
}

static bool is_young(const struct stored *s, void *arg)
{
    return *(kt_time_ns *)arg - s->real < RETENTION;
}

static bool is_any(const struct stored *s, void *arg)
{
    (void)s;
    (void)arg;
    return true;
}

static void nothing_young_is_gone(struct world *w)
{
    uint64_t should, have = count(w, is_young, &w->real, &should);
    assert_int_equal(have, should);
}

static void problem(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    struct world *w = self;
    (void)snprintf(w->said, sizeof w->said, "%s", sentence);
}

static void still_verifies(struct world *w)
{
    struct kt_reader *r = NULL;
    struct kt_verify_result v;
    assert_int_equal(kt_reader_open(w->path, &r, NULL), KT_OK);
    assert_int_equal(
        kt_reader_verify(r, &(struct kt_verify_options){ .problem = problem, .self = w }, &v, NULL),
        KT_OK);
    if (!v.ok)
        fail_msg("%s", w->said);
    kt_reader_close(r);
}

static void old_segments_go(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1);
    for (unsigned day = 0; day < 50; day++) {
        store_some(&w, 30);
        pass(&w, KT_NS_DAY);
        turn(&w);
        nothing_young_is_gone(&w);
    }
    uint64_t all, have = count(&w, is_any, NULL, &all);
    assert_true(have < 32 * 30); /* whole segments go, a day late at most */
    assert_int_equal(w.alarms, 0);
    still_verifies(&w);
    stop(&w);
    start(&w);
    still_verifies(&w);
    world_close(&w);
}

struct held_arg {
    kt_time_ns since, until;
};

static bool is_held(const struct stored *s, void *arg)
{
    const struct held_arg *h = arg;
    return s->time >= h->since && s->time < h->until && s->secret_a && !s->gone;
}

static void held_records_stay(void **state)
{
    (void)state;
    struct world w;
    uint64_t should;
    struct held_arg span = { MAKE_T0 + 2 * KT_NS_DAY, MAKE_T0 + 4 * KT_NS_DAY };
    world_open(&w, 2);
    hold(&w, "case-17", true, span.since, span.until, "actor:alice");
    for (unsigned day = 0; day < 60; day++) {
        store_some(&w, 25);
        pass(&w, KT_NS_DAY);
        turn(&w);
    }
    assert_true(kt_keep_state(w.keep).held > 0);
    uint64_t have = count(&w, is_held, &span, &should);
    assert_true(should > 0);
    assert_int_equal(have, should);
    hold(&w, "case-17", false, 0, 0, "");
    pass(&w, KT_NS_DAY);
    turn(&w);
    assert_int_equal(count(&w, is_held, &span, &should), 0);
    still_verifies(&w);
    world_close(&w);
}

static void jump_of_the_clock_stops_removal_until_somebody_trusts_it(void **state)
{
    (void)state;
    struct world w;
    uint64_t all;
    struct kt_error err = { 0 };
    world_open(&w, 3);
    store_some(&w, 60);
    turn(&w);
    w.clock.wall += 400 * KT_NS_DAY;
    turn(&w);
    assert_int_equal(w.alarms, 1);
    assert_int_equal(count(&w, is_any, NULL, &all), 60);
    pass(&w, 20 * KT_NS_DAY);
    turn(&w);
    assert_int_equal(count(&w, is_any, NULL, &all), 60); /* stopped */
    decide(&w, kt_keep_trust_clock(w.keep, KT_STR("tester"), &err), &err);
    turn(&w);
    assert_int_equal(count(&w, is_any, NULL, &all), 60); /* the jump made nobody older */
    pass(&w, 31 * KT_NS_DAY);
    store_some(&w, 1);
    turn(&w);
    assert_true(count(&w, is_any, NULL, &all) < 60);
    still_verifies(&w);
    world_close(&w);
}

static void jump_that_goes_back_by_itself_is_forgiven(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 4);
    store_some(&w, 60);
    w.clock.wall -= 90 * KT_NS_DAY;
    turn(&w);
    assert_true(kt_keep_state(w.keep).stopped);
    w.clock.wall += 90 * KT_NS_DAY;
    turn(&w);
    assert_false(kt_keep_state(w.keep).stopped);
    world_close(&w);
}

static void long_time_off_stops_removal(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 5);
    store_some(&w, 60);
    turn(&w);
    stop(&w);
    w.clock.wall += 40 * KT_NS_DAY; /* maybe off, maybe set forward: nobody can tell */
    w.clock.mono = 0;
    start(&w);
    turn(&w);
    assert_true(kt_keep_state(w.keep).stopped);
    nothing_young_is_gone(&w);
    world_close(&w);
}

static void unreadable_hold_query_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct kt_error err = { 0 };
    world_open(&w, 6);
    struct kt_hold h = { .query = (char *)(uintptr_t) "nonsense:1",
                         .reason = (char *)(uintptr_t) "r",
                         .by = (char *)(uintptr_t) "b" };
    assert_int_equal(kt_keep_hold(w.keep, &h, true, &err), KT_E_INPUT);
    (void)snprintf(h.id, sizeof h.id, "none");
    assert_int_equal(kt_keep_hold(w.keep, &h, false, &err), KT_E_INPUT);
    world_close(&w);
}

/* Days, holds, jumps, restarts and crashes in any order: nothing goes early, nothing held goes. */
static void random_life(uint64_t seed)
{
    struct world w;
    struct kt_error err = { 0 };
    struct held_arg span = { 0, 0 };
    uint64_t should;
    world_open(&w, seed);
    for (unsigned step = 0; step < 60; step++) {
        switch (draw(&w, 12)) {
        case 0:
            w.clock.wall += (kt_time_ns)draw(&w, 800 * KT_NS_DAY) - 400 * KT_NS_DAY;
            break;
        case 1:
            stop(&w);
            w.clock.mono = (kt_time_ns)draw(&w, KT_NS_DAY);
            w.clock.wall += (kt_time_ns)draw(&w, 20 * KT_NS_DAY);
            if (draw(&w, 2) == 0)
                w.clock.wall += (kt_time_ns)draw(&w, 800 * KT_NS_DAY) - 400 * KT_NS_DAY;
            start(&w);
            break;
        case 2:
            if (span.until == 0) {
                span.since = w.clock.wall - (kt_time_ns)draw(&w, 5 * KT_NS_DAY);
                span.until = span.since + (kt_time_ns)draw(&w, 10 * KT_NS_DAY) + 1;
                for (uint32_t i = 0; i < w.n; i++)
                    w.all[i].gone = false;
                (void)count(&w, note_there, NULL, &should);
                hold(&w, "h", true, span.since, span.until, draw(&w, 2) ? "actor:alice" : "");
            } else if (draw(&w, 4) == 0) {
                hold(&w, "h", false, 0, 0, "");
                span = (struct held_arg){ 0, 0 };
            }
            break;
        case 3:
            if (draw(&w, 3) == 0)
                decide(&w, kt_keep_trust_clock(w.keep, KT_STR("tester"), &err), &err);
            break;
        default:
            store_some(&w, 1 + (uint32_t)draw(&w, 30));
            pass(&w, (kt_time_ns)draw(&w, 6 * KT_NS_DAY));
        }
        if (w.clock.wall < MAKE_T0 - 1000 * KT_NS_DAY)
            w.clock.wall = MAKE_T0;
        turn(&w);
    }
    uint64_t have = count(&w, is_young, &w.real, &should);
    if (have != should)
        fail_msg("seed %llu: %llu young records are gone", (unsigned long long)seed,
                 (unsigned long long)(should - have));
    have = count(&w, is_held, &span, &should);
    if (span.until != 0 && have != should && span.since > 0)
        fail_msg("seed %llu: %llu of %llu held records are there", (unsigned long long)seed,
                 (unsigned long long)have, (unsigned long long)should);
    still_verifies(&w);
    world_close(&w);
}

static void random_lives(void **state)
{
    (void)state;
    const char *text = getenv("KT_KEEP_SEEDS");
    unsigned long n = text == NULL ? 60 : strtoul(text, NULL, 10);
    for (uint64_t seed = 1; seed <= n; seed++)
        random_life(1000 + seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_segments_go),
        cmocka_unit_test(held_records_stay),
        cmocka_unit_test(jump_of_the_clock_stops_removal_until_somebody_trusts_it),
        cmocka_unit_test(jump_that_goes_back_by_itself_is_forgiven),
        cmocka_unit_test(long_time_off_stops_removal),
        cmocka_unit_test(unreadable_hold_query_is_refused),
        cmocka_unit_test(random_lives),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_keep", tests, NULL, NULL);
}
