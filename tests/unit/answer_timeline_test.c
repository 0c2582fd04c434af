/*
 * answer_timeline: random accesses against a naive reading of all of them: order, pages, folding,
 * what is new, what is late. KT_SEED sets the first of KT_WORLDS (8) worlds.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/answer/timeline.h"
#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"

#define T0     (INT64_C(1772409600) * KT_NS_S) /* 2026-03-02T00:00:00Z */
#define EVENTS 300u
#define SPAN   (2 * KT_NS_DAY)

struct access { /* what the naive reading has of one */
    kt_time_ns time;
    uint64_t seq;
    unsigned actor, ip, secret;
    enum kt_outcome outcome;
};
static struct world {
    char folder[64], path[96];
    struct kt_rng_seeded state;
    struct kt_rng rng;
    struct access at[EVENTS]; /* by time, then number */
} w;

static unsigned draw(unsigned n)
{
    return (unsigned)kt_rng_below(&w.rng, n);
}

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static int by_time(const void *a, const void *b)
{
    const struct access *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->seq < y->seq ? -1 : 1;
}

/* In the order of arrival, which is not that of time. */
static void make_world(uint64_t seed)
{
    struct kt_error err = { 0 };
    struct kt_store *store = NULL;
    struct kt_store_result r;
    w.state.state = seed;
    w.rng = kt_rng_seeded(&w.state);
    make_folder(w.folder, w.path);
    must(kt_store_open(&(struct kt_store_options){ .path = w.path, .create = true }, &store, &err),
         &err);
    must(kt_store_begin(store, &err), &err);
    struct make *m = make_new();
    for (unsigned i = 0; i < EVENTS; i++) {
        struct access *x = &w.at[i];
        char id[24], actor[24], secret[64], ip[24];
        *x = (struct access){ .time = T0 + (kt_time_ns)draw(2880) * KT_NS_MIN + draw(60) * KT_NS_S,
                              .seq = i + 1,
                              .actor = draw(3),
                              .ip = draw(4),
                              .secret = draw(6),
                              .outcome = draw(8) == 0 ? KT_OUT_DENIED : KT_OUT_SUCCESS };
        (void)snprintf(id, sizeof id, "id-%u", i);
        (void)snprintf(actor, sizeof actor, "person-%u", x->actor);
        (void)snprintf(secret, sizeof secret, "vault://test/-/secret/%u", x->secret);
        (void)snprintf(ip, sizeof ip, "203.0.113.%u", x->ip);
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .action = KT_ACT_READ,
                               .outcome = x->outcome,
                               .time = x->time,
                               .observed = x->time,
                               .source = KT_STR("vault"),
                               .instance = KT_STR("vault-test"),
                               .native_id = kt_str_of(id),
                               .operation = KT_STR("read"),
                               .actor = kt_str_of(actor),
                               .secret = kt_str_of(secret) };
        ev.has_ip = kt_ip_parse(kt_str_of(ip), &ev.ip);
        make_reset(m);
        must(kt_line_write(&ev, &m->lines, &err), &err);
        kt_buf_byte(&m->lines, '\n');
        m->n = 1;
        const struct kt_store_batch b = make_batch(m, "web-1", i + 1, T0 + SPAN + i * KT_NS_S);
        must(kt_store_append(store, &b, &r, &err), &err);
    }
    must(kt_store_commit(store, &err), &err);
    kt_store_close(store);
    make_free(m);
    qsort(w.at, EVENTS, sizeof *w.at, by_time);
}

static struct kt_ask ask(kt_time_ns since)
{
    struct kt_ask a;
    struct kt_error err = { 0 };
    must(kt_ask_open(&a, w.path, NULL, T0 + 3 * KT_NS_DAY, &err), &err);
    a.since = since;
    return a;
}

static struct kt_timeline *load(struct kt_ask *a, const struct kt_timeline_options *o)
{
    struct kt_error err = { 0 };
    struct kt_timeline *t = NULL;
    must(kt_timeline_load(a, o, &t, &err), &err);
    assert_int_equal(err.code, KT_OK);
    return t;
}

static uint64_t seq_of(struct kt_timeline *t, struct kt_ask *a, const struct kt_moment *m)
{
    struct kt_record r;
    const struct kt_fact *fact;
    struct kt_error err = { 0 };
    must(kt_timeline_record(t, a, m, &r, &fact, &err), &err);
    assert_int_equal(kt_str_is(r.ev.source, "vault"), true);
    return r.seq;
}

/* Page after page, newest first, gives every record once, in order. */
static void pages_give_each_record_once(void)
{
    struct kt_ask a = ask(0);
    struct kt_timeline_options o = { .records = 1 + draw(60), .all = true };
    size_t left = EVENTS;
    for (bool more = true; more;) {
        struct kt_timeline *t = load(&a, &o);
        size_t n = 0;
        for (size_t i = 0; i < t->n; i++)
            n += t->moment[i].kind == KT_MOMENT_ACCESS;
        assert_true(n <= left);
        for (size_t i = 0, k = left - n; i < t->n; i++)
            if (t->moment[i].kind == KT_MOMENT_ACCESS)
                assert_int_equal(seq_of(t, &a, &t->moment[i]), w.at[k++].seq);
        left -= n;
        more = t->more;
        o.page_time = t->page_time;
        o.page_seq = t->page_seq;
        kt_timeline_free(t);
    }
    assert_int_equal(left, 0);
    kt_ask_done(&a);
}

static bool was_before(size_t i, unsigned actor, int ip, int secret)
{
    for (size_t k = 0; k < i; k++)
        if (w.at[k].actor == actor && (ip < 0 || (int)w.at[k].ip == ip) &&
            (secret < 0 || (int)w.at[k].secret == secret))
            return true;
    return false;
}

static uint32_t bit(enum kt_timeline_note n)
{
    return 1u << n;
}

/* Against all that was before, whether it is on the page or not. */
static void what_is_new_is_noted(void)
{
    struct kt_ask a = ask(T0 + draw(2880) * KT_NS_MIN);
    struct kt_timeline *t = load(&a, &(struct kt_timeline_options){ .all = true });
    size_t k = 0;
    assert_true(t->news || t->n == 0 || t->actors == 0);
    while (k < EVENTS && w.at[k].time < a.since)
        k++;
    for (size_t i = 0; i < t->n; i++) {
        const struct kt_moment *m = &t->moment[i];
        if (m->kind != KT_MOMENT_ACCESS)
            continue;
        const struct access *x = &w.at[k];
        bool known = was_before(k, x->actor, -1, -1);
        assert_int_equal(seq_of(t, &a, m), x->seq);
        assert_int_equal((m->notes & bit(KT_NOTE_NEW_ACTOR)) != 0, !known);
        assert_int_equal((m->notes & bit(KT_NOTE_NEW_ADDRESS)) != 0,
                         known && !was_before(k, x->actor, (int)x->ip, -1));
        assert_int_equal((m->notes & bit(KT_NOTE_NEW_SECRET)) != 0,
                         known && !was_before(k, x->actor, -1, (int)x->secret));
        kt_time_ns late = T0 + SPAN + (kt_time_ns)(x->seq - 1) * KT_NS_S - x->time;
        assert_int_equal((m->notes & bit(KT_NOTE_LATE)) != 0, late > 31 * KT_NS_MIN);
        k++;
    }
    assert_int_equal(k, EVENTS);
    kt_timeline_free(t);
    kt_ask_done(&a);
}

/* What is folded away is counted, and what stands alone is shown. */
static void folding_loses_nothing(void)
{
    struct kt_ask a = ask(0);
    struct kt_timeline *t = load(&a, &(struct kt_timeline_options){ 0 });
    size_t n = 0;
    kt_time_ns last = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct kt_moment *m = &t->moment[i];
        if (m->kind != KT_MOMENT_ACCESS)
            continue;
        assert_true(m->at >= last);
        assert_true(m->folded == 0 || (m->folded >= 3 && m->until >= m->at));
        last = m->at;
        n += 1 + m->folded;
    }
    assert_int_equal(n, EVENTS);
    kt_timeline_free(t);
    kt_ask_done(&a);
}

static void a_naive_reading_gives_the_same(void **state)
{
    const char *seed = getenv("KT_SEED"), *worlds = getenv("KT_WORLDS");
    uint64_t first = seed == NULL ? 1 : strtoull(seed, NULL, 10);
    uint64_t n = worlds == NULL ? 8 : strtoull(worlds, NULL, 10);
    (void)state;
    for (uint64_t k = first; k < first + n; k++) {
        print_message("world %" PRIu64 "\n", k);
        make_world(k);
        pages_give_each_record_once();
        what_is_new_is_noted();
        folding_loses_nothing();
        make_folder_drop(w.folder);
    }
}

static void append(struct kt_store *store, struct make *m, uint64_t seq, kt_time_ns arrival)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    const struct kt_store_batch b = make_batch(m, "web-1", seq, arrival);
    must(kt_store_append(store, &b, &r, &err), &err);
}

/* 40 reads in a row are two lines and their counts, and so they are when all of them came late, but
 * for one that came much later than those beside it. */
static void check_run(kt_time_ns late)
{
    struct kt_error err = { 0 };
    struct kt_store *store = NULL;
    make_folder(w.folder, w.path);
    must(kt_store_open(&(struct kt_store_options){ .path = w.path, .create = true }, &store, &err),
         &err);
    must(kt_store_begin(store, &err), &err);
    struct make *m = make_new();
    make_reset(m);
    for (unsigned i = 0; i < 40; i++) {
        char id[24];
        (void)snprintf(id, sizeof id, "id-%u", i);
        make_access(m, id, i % 2 == 0 ? "ana" : "bob", T0 + i * KT_NS_S);
    }
    append(store, m, 1, T0 + late);
    make_reset(m);
    make_access(m, "id-40", "bob", T0 + 40 * KT_NS_S);
    append(store, m, 2, T0 + 8 * late);
    must(kt_store_commit(store, &err), &err);
    kt_store_close(store);
    make_free(m);
    struct kt_ask a = ask(0);
    struct kt_timeline *t = load(&a, &(struct kt_timeline_options){ 0 });
    bool told = late > KT_NS_HOUR;
    assert_int_equal(t->n, told ? 3 : 2); /* two actors in turns: a run each */
    assert_int_equal((t->moment[0].notes & bit(KT_NOTE_LATE)) != 0, told);
    assert_int_equal(t->moment[0].folded, 19);
    assert_int_equal(t->moment[0].secrets, 1);
    assert_int_equal(t->moment[0].until, T0 + 38 * KT_NS_S);
    assert_int_equal(t->moment[1].folded, told ? 19 : 20);
    kt_timeline_free(t);
    t = load(&a, &(struct kt_timeline_options){ .query = KT_STR("actor:bob"), .all = true });
    assert_int_equal(t->n, 21);
    kt_timeline_free(t);
    kt_ask_done(&a);
    make_folder_drop(w.folder);
}

static void a_run_is_one_line(void **state)
{
    (void)state;
    check_run(KT_NS_MIN);
    check_run(3 * KT_NS_DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_naive_reading_gives_the_same),
        cmocka_unit_test(a_run_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
