/*
 * answer_coverage: agents, a collector, outages and backfills made up minute by minute, with every
 * gap known: each is found with its cause, its time and whether it was filled, and none is
 * invented. KT_SEED sets the first of KT_WORLDS (1) worlds.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/answer/coverage.h"
#include "core/answer/tally_kept.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"

#define T0        (INT64_C(1772409600) * KT_NS_S) /* 2026-03-02T00:00:00Z, a Monday */
#define DAYS      40
#define SAFE      29 /* days without an outage: what is usual can be learned of them */
#define SOURCES   3u
#define AGENTS    2u
#define REPORT    4 /* minutes */
#define PLANS_MAX 16u
#define FLUSH     400u

static const struct {
    const char *type, *instance;
    unsigned agent;
    unsigned office, night, weekend; /* accesses an hour */
} sources[SOURCES] = {
    { "vault", "vault-prod", 0, 60, 6, 3 },
    { "cloudtrail", "aws-main", 1, 30, 30, 30 },
    { "onepassword", "op-events", 1, 14, 0, 0 },
};
static const char *const agents[AGENTS] = { "web-1", "reader-1" };

struct plan { /* an outage */
    enum kt_gap_cause cause;
    unsigned source, agent; /* whichever it is about */
    int64_t from, until;    /* minutes since T0 */
    bool filled;
    bool found[SOURCES]; /* of COLLECTOR: found[0] */
};

static struct world {
    char folder[64], path[96];
    struct kt_store *store;
    struct make *make;
    struct kt_rng_seeded state;
    struct kt_rng rng;
    uint64_t ids, lost[SOURCES];
    struct kt_buf waiting[SOURCES], spool[AGENTS]; /* in the source's log; in the agent's spool */
    unsigned n_waiting[SOURCES], n_spool[AGENTS];
    struct plan plan[PLANS_MAX];
    unsigned plans;
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

/* ---- the world ---- */

static const struct plan *planned(enum kt_gap_cause cause, unsigned source, int64_t minute)
{
    for (unsigned i = 0; i < w.plans; i++) {
        const struct plan *p = &w.plan[i];
        bool about = cause == KT_GAP_COLLECTOR ? true
                     : cause == KT_GAP_AGENT || cause == KT_GAP_LATE
                         ? p->agent == sources[source].agent
                         : p->source == source;
        if (p->cause == cause && about && minute >= p->from && minute < p->until)
            return p;
    }
    return NULL;
}

static void write_line(struct kt_buf *to, struct kt_event *ev, unsigned source, int64_t minute)
{
    char id[40];
    struct kt_error err = { 0 };
    (void)snprintf(id, sizeof id, "id-%" PRIu64, w.ids++);
    ev->source = kt_str_of(sources[source].type);
    ev->instance = ev->scope = kt_str_of(sources[source].instance);
    ev->native_id = kt_str_of(id);
    ev->time = ev->time != 0 ? ev->time : T0 + minute * KT_NS_MIN + draw(60) * KT_NS_S;
    ev->observed = ev->time;
    must(kt_line_write(ev, to, &err), &err);
    kt_buf_byte(to, '\n');
}

static void flush(int64_t minute)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    if (w.make->n == 0)
        return;
    const struct kt_store_batch b = make_import(w.make, T0 + minute * KT_NS_MIN + 59 * KT_NS_S);
    must(kt_store_append(w.store, &b, &r, &err), &err);
    make_reset(w.make);
}

/* Lines that reach the collector. */
static void deliver(struct kt_buf *lines, unsigned *n, int64_t minute)
{
    struct kt_str rest = kt_buf_str(lines), line;
    while (*n > 0 && kt_str_split(&rest, '\n', &line)) {
        kt_buf_add(&w.make->lines, line);
        kt_buf_byte(&w.make->lines, '\n');
        w.make->n++;
        --*n;
        if (w.make->n == FLUSH)
            flush(minute);
    }
    kt_buf_reset(lines);
    flush(minute); /* each minute has its own arrival */
}

static void move(unsigned source)
{
    unsigned agent = sources[source].agent;
    kt_buf_add(&w.spool[agent], kt_buf_str(&w.waiting[source]));
    w.n_spool[agent] += w.n_waiting[source];
    kt_buf_reset(&w.waiting[source]);
    w.n_waiting[source] = 0;
}

static void drop(unsigned source)
{
    kt_buf_reset(&w.waiting[source]);
    w.n_waiting[source] = 0;
}

static void accesses(unsigned source, int64_t minute)
{
    unsigned day = (unsigned)(minute / 1440), hour = (unsigned)(minute / 60 % 24);
    unsigned rate = day % 7 >= 5             ? sources[source].weekend
                    : hour >= 8 && hour < 18 ? sources[source].office
                                             : sources[source].night;
    if (planned(KT_GAP_SOURCE, source, minute) != NULL)
        return;
    for (unsigned i = 0; i < 4; i++) { /* about as a Poisson process */
        if (draw(240) >= rate)
            continue;
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .action = KT_ACT_READ,
                               .outcome = KT_OUT_SUCCESS,
                               .actor = KT_STR("ana"),
                               .secret = KT_STR("vault://test/-/secret/prod/db") };
        write_line(&w.waiting[source], &ev, source, minute);
        w.n_waiting[source]++;
    }
}

static void report(unsigned source, int64_t minute, bool fails)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    unsigned agent = sources[source].agent;
    kt_buf_addf(&raw,
                "{\"agent\":\"%s\",\"lag\":0,\"emptied\":0,\"lost\":%" PRIu64
                ",\"broken\":0,\"blind\":[%s],\"limits\":[\"it never tells of logins\"],"
                "\"findings\":[]}",
                agents[agent], w.lost[source], fails ? "\"it may not be read: denied\"" : "");
    struct kt_event ev = { .kind = KT_KIND_REPORT, .raw = kt_buf_str(&raw) };
    ev.time = T0 + minute * KT_NS_MIN;
    write_line(&w.spool[agent], &ev, source, minute);
    w.n_spool[agent]++;
}

static void digest(unsigned source, const struct plan *p)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    kt_buf_addf(&raw, "{\"from\":\"%s\",\"until\":\"%s\"}",
                kt_time_format(T0 + p->from * KT_NS_MIN, from),
                kt_time_format(T0 + p->until * KT_NS_MIN, until));
    struct kt_event ev = { .kind = KT_KIND_REPORT,
                           .operation = KT_STR("trail.missing"),
                           .message = KT_STR("a log file is missing"),
                           .time = T0 + p->until * KT_NS_MIN,
                           .raw = kt_buf_str(&raw) };
    write_line(&w.spool[sources[source].agent], &ev, source, p->until);
    w.n_spool[sources[source].agent]++;
}

static void source_turn(unsigned source, int64_t minute)
{
    const struct plan *away = planned(KT_GAP_AGENT, source, minute);
    const struct plan *failed = planned(KT_GAP_INPUT, source, minute);
    const struct plan *late = planned(KT_GAP_LATE, source, minute);
    accesses(source, minute);
    for (unsigned i = 0; i < w.plans; i++) {
        const struct plan *p = &w.plan[i];
        if (p->cause == KT_GAP_LOST && p->source == source && p->from == minute)
            w.lost[source] += 7;
        if (p->cause == KT_GAP_DIGEST && p->source == source && p->until == minute)
            digest(source, p);
    }
    const struct plan *unread = away != NULL ? away : failed;
    if (unread != NULL && !unread->filled)
        drop(source);
    if (away == NULL && minute % REPORT == 0)
        report(source, minute, failed != NULL);
    if (unread == NULL)
        move(source);
    if (late == NULL && planned(KT_GAP_COLLECTOR, source, minute) == NULL)
        deliver(&w.spool[sources[source].agent], &w.n_spool[sources[source].agent], minute);
}

static void tick(int64_t minute)
{
    struct kt_error err = { 0 };
    uint64_t seq;
    kt_time_ns now = T0 + minute * KT_NS_MIN;
    struct kt_event ev = {
        .kind = KT_KIND_TICK, .source = KT_STR("keytrail"), .time = now, .observed = now
    };
    must(kt_store_control(w.store, &ev, now, now, &seq, &err), &err);
}

static void make_world(void)
{
    struct kt_error err = { 0 };
    make_folder(w.folder, w.path);
    must(
        kt_store_open(&(struct kt_store_options){ .path = w.path, .create = true }, &w.store, &err),
        &err);
    w.make = make_new();
    make_reset(w.make);
    for (int64_t minute = 0; minute < DAYS * 1440; minute++) {
        if (minute % 1440 == 0)
            must(kt_store_begin(w.store, &err), &err);
        if (minute % 5 == 0 && planned(KT_GAP_COLLECTOR, 0, minute) == NULL)
            tick(minute);
        for (unsigned i = 0; i < SOURCES; i++)
            source_turn(i, minute);
        if (minute % 1440 == 1439)
            must(kt_store_commit(w.store, &err), &err);
    }
    kt_store_close(w.store);
}

static void drop_world(void)
{
    for (unsigned i = 0; i < SOURCES; i++)
        kt_buf_done(&w.waiting[i]);
    for (unsigned i = 0; i < AGENTS; i++)
        kt_buf_done(&w.spool[i]);
    make_free(w.make);
    make_folder_drop(w.folder);
}

/* ---- outages ---- */

/* On a working day of its own, in office hours. */
static void plan_outages(void)
{
    static const struct {
        enum kt_gap_cause cause;
        bool filled;
    } kinds[] = { { KT_GAP_AGENT, true },   { KT_GAP_AGENT, false }, { KT_GAP_COLLECTOR, true },
                  { KT_GAP_SOURCE, false }, { KT_GAP_INPUT, false }, { KT_GAP_INPUT, true },
                  { KT_GAP_LATE, true },    { KT_GAP_LOST, false },  { KT_GAP_DIGEST, false } };
    int day = SAFE - 1;
    w.plans = 0;
    for (unsigned i = 0; i < KT_ARRAY_LEN(kinds); i++) {
        do
            day++;
        while (day % 7 >= 5);
        struct plan *p = &w.plan[w.plans++];
        *p = (struct plan){ .cause = kinds[(i + w.ids) % KT_ARRAY_LEN(kinds)].cause,
                            .filled = kinds[(i + w.ids) % KT_ARRAY_LEN(kinds)].filled,
                            .source = draw(SOURCES),
                            .agent = draw(AGENTS) };
        p->from = day * 1440 + 8 * 60 + (int)draw(4 * 60);
        p->until = p->from + 150 + draw(120);
        if (p->cause == KT_GAP_LOST)
            p->until = p->from + 1;
        if (day + 1 >= DAYS)
            w.plans--;
    }
}

/* ---- what is found ---- */

static bool is_near(int64_t a, int64_t b)
{
    return a - b <= 45 && b - a <= 45; /* events are apart, too */
}

static bool is_about(const struct plan *p, const struct kt_coverage_gap *g, unsigned source)
{
    if (p->cause == KT_GAP_COLLECTOR)
        return g->instance.len == 0;
    if (!kt_str_is(g->instance, sources[source].instance))
        return false;
    return p->cause == KT_GAP_AGENT || p->cause == KT_GAP_LATE ? p->agent == sources[source].agent
                                                               : p->source == source;
}

static void match(const struct kt_coverage_gap *g)
{
    int64_t from = (g->from - T0) / KT_NS_MIN, until = (g->until - T0) / KT_NS_MIN;
    for (unsigned i = 0; i < w.plans; i++)
        for (unsigned k = 0; k < SOURCES; k++) {
            struct plan *p = &w.plan[i];
            if (p->cause == g->cause && is_about(p, g, k) && is_near(from, p->from) &&
                is_near(until, p->until) && p->filled == g->filled) {
                p->found[p->cause == KT_GAP_COLLECTOR ? 0 : k] = true;
                return;
            }
        }
    for (unsigned i = 0; i < w.plans; i++)
        print_message("planted: %s, source %u, agent %u, day %" PRId64 " minute %" PRId64
                      " for %" PRId64 " min, filled %d\n",
                      kt_gap_cause_word(w.plan[i].cause), w.plan[i].source, w.plan[i].agent,
                      w.plan[i].from / 1440, w.plan[i].from % 1440,
                      w.plan[i].until - w.plan[i].from, w.plan[i].filled);
    fail_msg("invented: " KT_STR_FMT " %s, day %" PRId64 " minute %" PRId64 " for %" PRId64
             " min, filled %d: " KT_STR_FMT,
             KT_STR_ARG(g->instance), kt_gap_cause_word(g->cause), from / 1440, from % 1440,
             until - from, g->filled, KT_STR_ARG(g->text));
}

static void all_are_found(void)
{
    for (unsigned i = 0; i < w.plans; i++)
        for (unsigned k = 0; k < SOURCES; k++) {
            const struct plan *p = &w.plan[i];
            const struct kt_coverage_gap about = { .instance =
                                                       p->cause == KT_GAP_COLLECTOR
                                                           ? KT_STR_NONE
                                                           : kt_str_of(sources[k].instance) };
            if (is_about(p, &about, k) && !p->found[p->cause == KT_GAP_COLLECTOR ? 0 : k])
                fail_msg("not found: %s %s, day %" PRId64 " minute %" PRId64 " for %" PRId64
                         " min, filled %d",
                         sources[k].instance, kt_gap_cause_word(p->cause), p->from / 1440,
                         p->from % 1440, p->until - p->from, p->filled);
        }
}

static struct kt_coverage *load_how(kt_time_ns since, kt_time_ns until, bool recount)
{
    struct kt_ask a;
    struct kt_error err = { 0 };
    struct kt_coverage *c = NULL;
    must(kt_ask_open(&a, w.path, NULL, T0 + DAYS * KT_NS_DAY, &err), &err);
    a.since = since;
    a.until = until;
    a.recount = recount;
    err = (struct kt_error){ 0 };
    must(kt_coverage_load(&a, &c, &err), &err);
    assert_int_equal(err.code, KT_OK);
    assert_int_equal(a.damage.places, 0);
    kt_ask_done(&a);
    return c;
}

static struct kt_coverage *load(kt_time_ns since, kt_time_ns until)
{
    return load_how(since, until, false);
}

/* ---- sums that are kept ---- */

static enum kt_status put(void *self, const char *name, struct kt_str value, struct kt_error *err)
{
    return kt_store_put(self, name, value, err);
}

/* Returns how many calls it took. */
static unsigned keep_sums_by(const struct kt_tally_slice *slice)
{
    struct kt_error err = { 0 };
    struct kt_store *store = NULL;
    struct kt_reader *r = NULL;
    bool more = true;
    unsigned n = 0;
    must(kt_store_open(&(struct kt_store_options){ .path = w.path }, &store, &err), &err);
    for (; more; n++) {
        must(kt_store_begin(store, &err), &err);
        must(kt_reader_open(w.path, &r, &err), &err);
        must(kt_tally_keep(r, slice, put, store, &more, &err), &err);
        kt_reader_close(r);
        must(kt_store_commit(store, &err), &err);
        assert_true(n < 1000);
    }
    kt_store_close(store);
    KT_CLEANUP(kt_buf_done) struct kt_buf head = { 0 };
    must(kt_reader_open(w.path, &r, &err), &err);
    must(kt_reader_get(r, KT_TALLY_BLOB, &head, &err), &err);
    assert_int_equal(head.len, 9);
    kt_reader_close(r);
    return n;
}

static void keep_sums(void)
{
    assert_true(keep_sums_by(&(struct kt_tally_slice){ .records = 1 << 20 }) < 10);
}

/* What the sums say is what the records say, in all of it. */
static void kept_sums_change_nothing(kt_time_ns since, kt_time_ns until)
{
    struct kt_coverage *a = load_how(since, until, false), *b = load_how(since, until, true);
    assert_int_equal(a->n_gaps, b->n_gaps);
    assert_int_equal(a->n_sources, b->n_sources);
    for (unsigned i = 0; i < a->n_gaps; i++) {
        assert_int_equal(a->gap[i].from, b->gap[i].from);
        assert_int_equal(a->gap[i].until, b->gap[i].until);
        assert_int_equal(a->gap[i].cause, b->gap[i].cause);
        assert_int_equal(a->gap[i].filled_at, b->gap[i].filled_at);
        assert_int_equal(a->gap[i].events, b->gap[i].events);
    }
    for (unsigned i = 0; i < a->n_sources; i++)
        for (unsigned k = 0; k < b->n_sources; k++)
            if (kt_str_eq(a->source[i].instance, b->source[k].instance))
                assert_memory_equal(a->source[i].day, b->source[k].day,
                                    a->days * sizeof *a->source[i].day);
    kt_coverage_free(a);
    kt_coverage_free(b);
}

/* Sums that somebody wrote are told; those that are kept are what the records say. */
static void other_sums_are_told(void)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf was = { 0 };
    struct kt_error err = { 0 };
    struct kt_store *store = NULL;
    struct kt_reader *r = NULL;
    struct kt_tally_checked sums;
    char name[40];
    int64_t block = T0 / KT_NS_DAY / KT_TALLY_BLOCK + 1;
    must(kt_reader_open(w.path, &r, &err), &err);
    must(kt_tally_check(r, &sums, &err), &err);
    assert_int_equal(sums.differ, 0);
    (void)snprintf(name, sizeof name, KT_TALLY_BLOB "/%" PRId64, block);
    must(kt_reader_get(r, name, &was, &err), &err);
    kt_reader_close(r);
    for (unsigned i = 0; i < 2; i++) { /* those of other days; the same again */
        KT_CLEANUP(kt_buf_done) struct kt_buf other = { 0 };
        must(kt_store_open(&(struct kt_store_options){ .path = w.path }, &store, &err), &err);
        must(kt_reader_open(w.path, &r, &err), &err);
        (void)snprintf(name, sizeof name, KT_TALLY_BLOB "/%" PRId64, block + 1);
        must(kt_reader_get(r, name, &other, &err), &err);
        kt_reader_close(r);
        (void)snprintf(name, sizeof name, KT_TALLY_BLOB "/%" PRId64, block);
        must(kt_store_begin(store, &err), &err);
        must(kt_store_put(store, name, kt_buf_str(i == 0 ? &other : &was), &err), &err);
        must(kt_store_commit(store, &err), &err);
        kt_store_close(store);
        must(kt_reader_open(w.path, &r, &err), &err);
        must(kt_tally_check(r, &sums, &err), &err);
        kt_reader_close(r);
        assert_int_equal(sums.differ > 0, i == 0);
        assert_true(i == 1 || sums.day / KT_TALLY_BLOCK == block);
    }
}

static void days_say_what_is_covered(const struct kt_coverage *c)
{
    assert_int_equal(c->n_sources, SOURCES);
    assert_true(c->share < 1 && c->share > 0.9);
    for (unsigned i = 0; i < c->n_sources; i++) {
        assert_int_equal(c->source[i].n_blind, 1); /* its limits; the input works again */
        for (uint32_t k = 0; k < c->days; k++) {
            bool open = false;
            for (unsigned g = 0; g < c->n_gaps; g++)
                open = open || (kt_coverage_takes_time(&c->gap[g]) &&
                                kt_str_eq(c->gap[g].instance, c->source[i].instance) &&
                                c->gap[g].from / KT_NS_DAY == c->first_day + k);
            assert_true(c->source[i].day[k].expected);
            assert_int_equal(c->source[i].day[k].share < 100, open);
        }
    }
}

static void each_gap_is_found_and_none_invented(void **state)
{
    const char *seed = getenv("KT_SEED"), *worlds = getenv("KT_WORLDS");
    uint64_t first = seed == NULL ? 1 : strtoull(seed, NULL, 10);
    uint64_t n = worlds == NULL ? 1 : strtoull(worlds, NULL, 10);
    (void)state;
    for (uint64_t k = first; k < first + n; k++) {
        w = (struct world){ .ids = k };
        w.state.state = k;
        w.rng = kt_rng_seeded(&w.state);
        print_message("world %" PRIu64 "\n", k);
        plan_outages();
        make_world();
        struct kt_coverage *all = load(T0 + SAFE * KT_NS_DAY, 0);
        for (unsigned i = 0; i < all->n_gaps; i++)
            match(&all->gap[i]);
        all_are_found();
        days_say_what_is_covered(all);
        kt_coverage_free(all);
        /* the same out of a day that has one, with nothing but that day asked for */
        for (unsigned i = 0; i < w.plans; i++) {
            int64_t day = w.plan[i].from / 1440;
            struct kt_coverage *one = load(T0 + day * KT_NS_DAY, T0 + (day + 1) * KT_NS_DAY);
            if (one->n_gaps == 0)
                fail_msg("day %" PRId64 " alone: %s not found", day,
                         kt_gap_cause_word(w.plan[i].cause));
            for (unsigned g = 0; g < one->n_gaps; g++)
                match(&one->gap[g]);
            kt_coverage_free(one);
        }
        keep_sums();
        kept_sums_change_nothing(T0 + SAFE * KT_NS_DAY, 0);
        kept_sums_change_nothing(T0 + 3 * KT_NS_DAY + KT_NS_HOUR, T0 + 35 * KT_NS_DAY + 5);
        kept_sums_change_nothing(0, 0);
        other_sums_are_told();
        drop_world();
    }
}

/* An agent that is gone for days is a gap of a window in which nothing of it is. */
static void what_is_gone_since_days_is_told(void **state)
{
    (void)state;
    w = (struct world){ .ids = 1 };
    w.state.state = 7;
    w.rng = kt_rng_seeded(&w.state);
    w.plan[w.plans++] = (struct plan){
        .cause = KT_GAP_AGENT, .agent = 0, .from = (DAYS - 5) * 1440, .until = DAYS * 1440
    };
    make_world();
    struct kt_coverage *c = load(T0 + (DAYS - 1) * KT_NS_DAY, 0);
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    assert_int_equal(c->n_gaps, 1);
    assert_int_equal(c->gap[0].cause, KT_GAP_AGENT);
    assert_false(c->gap[0].filled);
    kt_coverage_say(c, KT_STR_NONE, &said);
    assert_string_equal(kt_buf_z(&said), "coverage 66.7 %: vault-prod has a gap of 5 days (agent "
                                         "down) (keytrail coverage --gaps)");
    kt_buf_reset(&said);
    kt_coverage_say(c, KT_STR("aws-main"), &said);
    assert_string_equal(kt_buf_z(&said), "coverage 100 %");
    kt_coverage_free(c);
    c = load(T0 - 20 * KT_NS_DAY, T0 - 10 * KT_NS_DAY); /* of that nothing can be said */
    assert_true(c->share < 0);
    kt_coverage_free(c);
    drop_world();
}

/* An own record of a renewal, as the collector writes it. */
static void renew(int64_t minute)
{
    struct kt_error err = { 0 };
    struct kt_store *store = NULL;
    uint64_t seq;
    kt_time_ns now = T0 + minute * KT_NS_MIN;
    struct kt_event ev = { .kind = KT_KIND_AUDIT,
                           .source = KT_STR("keytrail"),
                           .operation = KT_STR(KT_RENEWED_OPERATION),
                           .raw = KT_STR("{\"signed_log\":\"00\",\"signed_size\":48168,"
                                         "\"size\":47020,\"by\":\"al\",\"reason\":\"disk\"}"),
                           .time = now,
                           .observed = now };
    must(kt_store_open(&(struct kt_store_options){ .path = w.path }, &store, &err), &err);
    must(kt_store_begin(store, &err), &err);
    must(kt_store_control(store, &ev, now, now, &seq, &err), &err);
    must(kt_store_commit(store, &err), &err);
    kt_store_close(store);
}

/* No agent says anything of it: the collector's own record is enough. The first is decided a day
 * after the restore, the second belongs to no absence that is known. */
static void a_log_that_was_renewed_is_told(void **state)
{
    const int64_t down = (DAYS - 9) * 1440 + 600, until = down + 180;
    (void)state;
    w = (struct world){ .ids = 1 };
    w.state.state = 8;
    w.rng = kt_rng_seeded(&w.state);
    w.plan[w.plans++] =
        (struct plan){ .cause = KT_GAP_COLLECTOR, .from = down, .until = until, .filled = true };
    make_world();
    renew(until + 1440);
    renew(DAYS * 1440 - 1);
    struct kt_coverage *c = load(T0 + (DAYS - 12) * KT_NS_DAY, 0);
    assert_int_equal(c->n_gaps, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(c->gap[i].cause, KT_GAP_LOG);
        assert_int_equal(c->gap[i].instance.len, 0);
        assert_true(kt_str_has(c->gap[i].text, KT_STR("48168 records had been signed, it went on "
                                                      "with 47020")));
        assert_int_equal(c->gap[i].filled, i == 0); /* agents sent what they had kept */
    }
    assert_true(is_near(c->gap[0].from / KT_NS_MIN, T0 / KT_NS_MIN + down));
    assert_true(is_near(c->gap[0].until / KT_NS_MIN, T0 / KT_NS_MIN + until));
    assert_int_equal(c->gap[1].until - c->gap[1].from, KT_NS_MIN);
    kt_coverage_free(c);
    drop_world();
}

/* A source that makes up a name and a time between 2000 and 2060 for each record costs what there
 * is room for, and the sums go on behind it. */
static void made_up_names_and_times_end_no_sums(void **state)
{
    (void)state;
    const struct kt_tally_slice slice = { .records = 1 << 20,
                                          .room = { .bytes = 2 << 20, .blocks = 40 } };
    const int64_t first = INT64_C(946684800) * KT_NS_S, days = 60 * 365;
    struct kt_error err = { 0 };
    w = (struct world){ .ids = 1 };
    w.state.state = 3;
    w.rng = kt_rng_seeded(&w.state);
    make_folder(w.folder, w.path);
    must(
        kt_store_open(&(struct kt_store_options){ .path = w.path, .create = true }, &w.store, &err),
        &err);
    w.make = make_new();
    make_reset(w.make);
    must(kt_store_begin(w.store, &err), &err);
    for (unsigned i = 0; i < KT_TALLY_WAITS + KT_TALLY_WORTH + 2000; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "made-up-%u", draw(300));
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .action = KT_ACT_READ,
                               .outcome = KT_OUT_SUCCESS,
                               .source = KT_STR("vault"),
                               .scope = kt_str_of(name),
                               .instance = i < 2000 ? kt_str_of(name) : KT_STR("vault-prod"),
                               .actor = KT_STR("ana"),
                               .secret = KT_STR("vault://test/-/secret/prod/db") };
        char id[24];
        (void)snprintf(id, sizeof id, "id-%u", i);
        ev.native_id = kt_str_of(id);
        ev.time = i < 2000 ? first + draw(days) * KT_NS_DAY + draw(1440) * KT_NS_MIN
                           : T0 + i % 1440 * KT_NS_MIN;
        ev.observed = ev.time;
        must(kt_line_write(&ev, &w.make->lines, &err), &err);
        kt_buf_byte(&w.make->lines, '\n');
        if (++w.make->n == FLUSH)
            flush(0);
    }
    flush(0);
    must(kt_store_commit(w.store, &err), &err);
    kt_store_close(w.store);
    assert_in_range(keep_sums_by(&slice), 10, 100);
    kept_sums_change_nothing(T0 - 1000 * KT_NS_DAY, T0 + DAYS * KT_NS_DAY);
    kept_sums_change_nothing(T0 - KT_NS_DAY, 0);
    make_free(w.make);
    make_folder_drop(w.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gap_is_found_and_none_invented),
        cmocka_unit_test(what_is_gone_since_days_is_told),
        cmocka_unit_test(a_log_that_was_renewed_is_told),
        cmocka_unit_test(made_up_names_and_times_end_no_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
