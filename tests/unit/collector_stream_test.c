/*
 * collector_stream: one stream, turn by turn, with a clock that is moved by hand, a target that
 * plays good and bad, and a log that is real.
 */
#include "collector/stream_run.h"
#include "core/base/alloc.h"
#include "tests/support/store_make.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* after the three above */
#include <cmocka.h>

#define BATCHES_MAX 400u

struct
try { /* what the target got */
    char digest[65];
    unsigned n;
    uint64_t first, last;
};
struct world {
    char folder[64], path[96], config[2400];
    struct make *make;
    struct kt_store *store;
    struct kt_conf *conf;
    struct kt_stream_setup setup;
    struct kt_stream_run *run;
    struct kt_clock_memory clock;
    struct kt_rng_seeded seed;
    struct kt_buf state, dead; /* as the writer has committed them */
    struct kt_buf asked;       /* published, not committed */
    struct kt_stream_news news;
    uint64_t numbers;
    bool lazy_writer; /* commits nothing by itself */
    /* the target */
    struct try tries[BATCHES_MAX];
    unsigned n_tries;
    enum kt_stream_verdict play;
    unsigned at_most;    /* items that it takes in one batch; 0 = any */
    unsigned slow_above; /* more items than that are not done within a minute; 0 = any are */
    unsigned idles;
    uint64_t poison;     /* it refuses whatever holds this item */
    uint64_t retry_item; /* it wants this one again, once */
    kt_time_ns retry_after;
    uint64_t seen[2000]; /* how often each was taken, by number */
};

/* ---- the target ---- */

static bool holds(const struct kt_stream_batch *b, uint64_t seq)
{
    char text[40];
    (void)snprintf(text, sizeof text, "\"seq\":%llu,", (unsigned long long)seq);
    return seq != 0 && kt_str_find(b->body, kt_str_of(text), 0) >= 0;
}

static void take_lines(struct world *w, const struct kt_stream_sending *s)
{
    struct kt_str rest = s->batch->body, line;
    for (unsigned i = 0; rest.len > 0 && kt_str_split(&rest, '\n', &line); i++) {
        ptrdiff_t at = kt_str_find(line, KT_STR("\"seq\":"), 0);
        uint64_t seq = 0;
        assert_true(at > 0 && i < s->batch->n);
        for (size_t k = (size_t)at + 6; line.at[k] >= '0' && line.at[k] <= '9'; k++)
            seq = seq * 10 + (uint64_t)(line.at[k] - '0');
        assert_true(seq < KT_ARRAY_LEN(w->seen));
        if (seq == w->retry_item) {
            s->fate[i] = KT_STREAM_FATE_RETRY;
            w->retry_item = 0;
        } else {
            w->seen[seq]++;
        }
    }
}

static void target_send(void *self, struct kt_stream_sending *s)
{
    struct world *w = self;
    assert_true(w->n_tries < BATCHES_MAX);
    struct try *t = &w->tries[w->n_tries++];
    memcpy(t->digest, s->batch->digest, sizeof t->digest);
    t->n = s->batch->n;
    t->first = s->batch->first_seq;
    t->last = s->batch->last_seq;
    s->verdict = w->play;
    s->status = w->play == KT_STREAM_TAKEN ? 200 : 500;
    s->retry_after = w->retry_after;
    (void)snprintf(s->word, sizeof s->word, "played");
    if (holds(s->batch, w->poison))
        s->verdict = KT_STREAM_REFUSED;
    else if (w->at_most != 0 && s->batch->n > w->at_most)
        s->verdict = KT_STREAM_TOO_LARGE;
    if (w->slow_above != 0) {
        w->clock.mono += s->batch->n > w->slow_above ? KT_NS_MIN : 20 * KT_NS_S;
        s->too_slow = s->batch->n > w->slow_above;
        s->verdict = s->too_slow ? KT_STREAM_RETRY : s->verdict;
    }
    if (s->verdict == KT_STREAM_TAKEN)
        take_lines(w, s);
}

static bool target_idle(void *self, kt_time_ns wall, char carry[KT_STREAM_CARRY_MAX])
{
    ((struct world *)self)->idles++;
    (void)wall;
    (void)carry;
    return false;
}

static void target_close(void *self)
{
    (void)self;
}

/* ---- the writer ---- */

static void commit(struct world *w)
{
    kt_buf_reset(&w->state);
    kt_buf_add(&w->state, kt_buf_str(&w->asked));
    w->news.written = w->numbers;
}

static uint64_t publish(void *self, const struct kt_stream_state *state, const struct kt_buf *dead)
{
    struct world *w = self;
    kt_buf_reset(&w->asked);
    kt_stream_state_write(state, &w->asked);
    if (dead != NULL) {
        kt_buf_reset(&w->dead);
        kt_buf_add(&w->dead, kt_buf_str(dead));
    }
    w->numbers++;
    if (!w->lazy_writer)
        commit(w);
    return w->numbers;
}

/* ---- the world ---- */

static void start(struct world *w)
{
    const struct kt_stream_run_options o = {
        .setup = &w->setup,
        .store_path = w->path,
        .clock = kt_clock_memory(&w->clock),
        .rng = kt_rng_seeded(&w->seed),
        .carrier = { target_send, target_idle, target_close, w },
        .state = kt_buf_str(&w->state),
        .dead = kt_buf_str(&w->dead),
        .publish = publish,
        .self = w,
    };
    w->news.written = w->numbers;
    w->run = kt_stream_run_new(&o);
}

/* As after kill -9: what was not committed is gone. */
static void crash(struct world *w)
{
    kt_stream_run_free(w->run);
    start(w);
}

static void set_up(struct world *w, const char *stream)
{
    struct kt_error err = { 0 };
    *w = (struct world){ .play = KT_STREAM_TAKEN };
    w->clock = (struct kt_clock_memory){ .wall = MAKE_T0, .mono = KT_NS_HOUR };
    make_folder(w->folder, w->path);
    w->make = make_new();
    struct kt_store_options so = { .path = w->path, .create = true };
    assert_int_equal(kt_store_open(&so, &w->store, &err), KT_OK);
    (void)snprintf(
        w->config, sizeof w->config,
        "store: { path: %s }\nstreams: { s: { type: clickhouse, url_file: /nowhere, %s } }\n",
        w->path, stream);
    if (kt_conf_parse(kt_str_of(w->config), "test.yaml", NULL, 0, &w->conf, &err) != KT_OK)
        fail_msg("%s", err.text);
    w->setup = (struct kt_stream_setup){ .conf = w->conf,
                                         .stream = &w->conf->streams[0],
                                         .type = kt_stream_type_find(KT_STR("clickhouse")) };
    w->setup.encoder = w->setup.type;
    w->setup.options = kt_alloc(w->setup.type->options_size);
    kt_options_defaults(w->setup.type->options, w->setup.options);
    assert_int_equal(kt_query_parse(kt_str_of(w->setup.stream->match), &w->setup.query, &err),
                     KT_OK);
    start(w);
}

static void tear_down(struct world *w)
{
    kt_stream_run_free(w->run);
    kt_stream_setup_done(&w->setup);
    kt_conf_free(w->conf);
    kt_store_close(w->store);
    make_free(w->make);
    kt_buf_done(&w->state);
    kt_buf_done(&w->dead);
    kt_buf_done(&w->asked);
    make_folder_drop(w->folder);
}

static void store_events(struct world *w, unsigned from, unsigned n)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    make_reset(w->make);
    for (unsigned i = from; i < from + n; i++)
        make_numbered(w->make, i);
    struct kt_store_batch b = make_import(w->make, w->clock.wall);
    assert_int_equal(kt_store_begin(w->store, &err), KT_OK);
    assert_int_equal(kt_store_append(w->store, &b, &r, &err), KT_OK);
    assert_int_equal(r.stored, n);
    assert_int_equal(kt_store_commit(w->store, &err), KT_OK);
    w->news.last_seq = kt_store_last_seq(w->store);
}

/* Turns until it wants to rest for longer than `rest`, or `turns` are over; time passes as asked.
 */
static void turn_on(struct world *w, unsigned turns, kt_time_ns rest)
{
    while (turns-- > 0) {
        kt_time_ns wait = kt_stream_turn(w->run, &w->news);
        assert_true(wait >= 0);
        if (wait > rest)
            return;
        w->clock.mono += wait;
        w->clock.wall += wait;
    }
}

static const struct kt_stream_state *state(const struct world *w)
{
    return kt_stream_run_state(w->run);
}

static void assert_once(const struct world *w, uint64_t from, uint64_t until)
{
    for (uint64_t i = from; i <= until; i++)
        if (w->seen[i] != 1)
            fail_msg("item %llu was taken %llu times", (unsigned long long)i,
                     (unsigned long long)w->seen[i]);
}

/* ---- tests ---- */

static void sends_what_is_stored_and_rests(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    store_events(&w, 0, 300);
    turn_on(&w, 50, 2 * KT_NS_S);
    assert_once(&w, 1, 300);
    assert_int_equal(state(&w)->position, 300);
    assert_int_equal(state(&w)->delivered, 300);
    assert_int_equal(w.n_tries, 1);
    store_events(&w, 300, 10);
    turn_on(&w, 50, 2 * KT_NS_S);
    assert_once(&w, 1, 310);
    assert_int_equal(w.n_tries, 2);
    tear_down(&w);
}

static void starts_at_the_end_unless_told(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "alerts: false");
    store_events(&w, 0, 50);
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_int_equal(w.n_tries, 0);
    assert_int_equal(state(&w)->position, 50);
    store_events(&w, 50, 5);
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_once(&w, 51, 55);
    assert_int_equal(w.seen[50], 0);
    tear_down(&w);
}

static void starts_at_a_date(void **unused)
{
    struct world w; /* numbered events are a millisecond apart */
    (void)unused;
    set_up(&w, "since: 2026-11-22T20:00:00.100Z");
    store_events(&w, 0, 200);
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_int_equal(w.seen[100], 0);
    assert_once(&w, 101, 200);
    tear_down(&w);
}

static void sends_only_what_matches_and_moves_over_the_rest(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning, match: \"actor:person-7@example.com\"");
    store_events(&w, 0, 194); /* 97 actors, twice */
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_int_equal(state(&w)->delivered, 2);
    assert_int_equal(state(&w)->position, 194);
    assert_int_equal(w.seen[8], 1);
    assert_int_equal(w.seen[105], 1);
    tear_down(&w);
}

static void nothing_goes_out_before_its_bounds_are_stored(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    w.lazy_writer = true;
    store_events(&w, 0, 100);
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_int_equal(w.n_tries, 0);
    commit(&w);
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_int_equal(w.n_tries, 1);
    tear_down(&w);
}

/* What a file is called for good must not be decided before its last batch is known to be there. */
static void nothing_is_finished_before_its_end_is_stored(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    store_events(&w, 0, 100);
    turn_on(&w, 4, 2 * KT_NS_S);
    w.idles = 0;
    w.lazy_writer = true;
    turn_on(&w, 20, 10 * KT_NS_S);
    assert_int_equal(w.n_tries, 1);
    assert_int_equal(w.idles, 0);
    commit(&w);
    turn_on(&w, 1, 10 * KT_NS_S);
    assert_int_equal(w.idles, 1);
    tear_down(&w);
}

/* Killed after the target took it and before anybody knew: the same batch, under the same name,
 * though more has come meanwhile. */
static void after_a_crash_the_same_batch_has_the_same_name(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    store_events(&w, 0, 100);
    turn_on(&w, 20, 2 * KT_NS_S);
    store_events(&w, 100, 40);
    w.lazy_writer = true;
    turn_on(&w, 20, 2 * KT_NS_S); /* it confirms the first, and announces the second */
    commit(&w);
    turn_on(&w, 3, 2 * KT_NS_S);
    assert_int_equal(w.n_tries, 2);
    w.lazy_writer = false;
    store_events(&w, 140, 40);
    crash(&w);
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_true(w.n_tries >= 3);
    assert_string_equal(w.tries[1].digest, w.tries[2].digest);
    assert_int_equal(w.tries[2].first, 101);
    assert_int_equal(w.tries[2].last, 140);
    assert_once(&w, 141, 180);
    tear_down(&w);
}

static void a_target_that_is_away_loses_nothing(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    w.play = KT_STREAM_RETRY;
    store_events(&w, 0, 100);
    kt_time_ns began = w.clock.mono;
    turn_on(&w, 60, KT_NS_MIN + 20 * KT_NS_S);
    assert_true(w.n_tries > 5);
    /* four rungs of the ladder, then one probe a minute */
    assert_true(w.clock.mono - began > (kt_time_ns)(w.n_tries - 6) * 48 * KT_NS_S);
    assert_true(state(&w)->failing_since > 0);
    assert_true(w.clock.wall - state(&w)->failing_since > 10 * KT_NS_MIN);
    assert_string_equal(state(&w)->last_error, "played");
    for (unsigned i = 1; i < w.n_tries; i++)
        assert_string_equal(w.tries[0].digest, w.tries[i].digest);
    w.play = KT_STREAM_TAKEN;
    turn_on(&w, 60, KT_NS_MIN + 20 * KT_NS_S);
    assert_once(&w, 1, 100);
    assert_int_equal(state(&w)->failing_since, 0);
    assert_int_equal(state(&w)->failures, 0);
    tear_down(&w);
}

static void retry_after_is_honoured(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    w.play = KT_STREAM_RETRY;
    w.retry_after = 30 * KT_NS_MIN;
    store_events(&w, 0, 10);
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_int_equal(w.n_tries, 1);
    w.clock.mono += 29 * KT_NS_MIN;
    (void)kt_stream_turn(w.run, &w.news);
    assert_int_equal(w.n_tries, 1);
    w.clock.mono += 2 * KT_NS_MIN;
    (void)kt_stream_turn(w.run, &w.news);
    assert_int_equal(w.n_tries, 2);
    tear_down(&w);
}

static void a_denied_stream_probes_once_a_minute(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    w.play = KT_STREAM_DENIED;
    store_events(&w, 0, 10);
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_int_equal(w.n_tries, 1);
    w.clock.mono += 73 * KT_NS_S;
    (void)kt_stream_turn(w.run, &w.news);
    assert_int_equal(w.n_tries, 2);
    assert_int_equal(state(&w)->dead, 0);
    tear_down(&w);
}

static void too_large_is_halved_until_it_fits(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    w.at_most = 30;
    store_events(&w, 0, 400);
    turn_on(&w, 300, 2 * KT_NS_S);
    assert_once(&w, 1, 400);
    assert_int_equal(state(&w)->dead, 0);
    tear_down(&w);
}

/* A slow line: the third try that is not done in time halves the batch, until it gets through; and
 * it stays that small while a try takes long. */
static void a_slow_line_gets_through(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    w.slow_above = 120;
    store_events(&w, 0, 400);
    turn_on(&w, 300, KT_NS_MIN + 20 * KT_NS_S);
    assert_once(&w, 1, 400);
    assert_int_equal(w.n_tries, 3 + 3 + 4);
    assert_string_equal(w.tries[0].digest, w.tries[2].digest);
    assert_int_equal(w.tries[3].n, 200);
    for (unsigned i = 6; i < w.n_tries; i++)
        assert_int_equal(w.tries[i].n, 100);
    assert_int_equal(state(&w)->dead, 0);
    tear_down(&w);
}

static void one_bad_item_costs_only_itself(void **unused)
{
    struct world w;
    struct kt_stream_dead d;
    (void)unused;
    set_up(&w, "since: beginning");
    w.poison = 137;
    store_events(&w, 0, 300);
    turn_on(&w, 300, 2 * KT_NS_S);
    assert_once(&w, 1, 136);
    assert_int_equal(w.seen[137], 0);
    assert_once(&w, 138, 300);
    assert_int_equal(state(&w)->dead, 1);
    struct kt_str letters = kt_buf_str(&w.dead);
    assert_true(kt_stream_dead_next(&letters, &d));
    assert_int_equal(d.seq, 137);
    assert_string_equal(d.reason, "played");
    assert_false(kt_stream_dead_next(&letters, &d));
    tear_down(&w);
}

static void an_item_that_is_wanted_again_is_sent_alone(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    w.retry_item = 42;
    store_events(&w, 0, 100);
    turn_on(&w, 60, 2 * KT_NS_S);
    assert_once(&w, 1, 100);
    assert_int_equal(w.n_tries, 2);
    assert_int_equal(w.tries[1].n, 1);
    tear_down(&w);
}

/* A target that refuses everything turns a hundred into dead letters, then one a minute. */
static void a_target_that_refuses_all_is_denied(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    w.play = KT_STREAM_REFUSED;
    store_events(&w, 0, 300);
    turn_on(&w, 700, 2 * KT_NS_S);
    assert_int_equal(state(&w)->dead, 100);
    assert_true(state(&w)->failures > 0);
    w.play = KT_STREAM_TAKEN;
    turn_on(&w, 100, 80 * KT_NS_S);
    assert_once(&w, 101, 300);
    tear_down(&w);
}

static void rewind_sends_again(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    store_events(&w, 0, 50);
    turn_on(&w, 20, 2 * KT_NS_S);
    w.news.rewind = true;
    w.news.since = MAKE_T0 + 20 * KT_NS_MS;
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_false(w.news.rewind);
    assert_once(&w, 1, 20);
    for (unsigned i = 21; i <= 50; i++)
        assert_int_equal(w.seen[i], 2);
    tear_down(&w);
}

/* What is wanted is stored before the log can be read, and is done after a crash. */
static void a_wish_to_rewind_outlives_a_crash(void **unused)
{
    struct world w;
    char away[sizeof w.path + 8];
    (void)unused;
    set_up(&w, "since: beginning");
    store_events(&w, 0, 50);
    turn_on(&w, 20, 2 * KT_NS_S);
    crash(&w); /* its log is not open */
    (void)snprintf(away, sizeof away, "%s.away", w.path);
    assert_int_equal(rename(w.path, away), 0);
    w.news.rewind = true;
    w.news.since = MAKE_T0; /* its place is looked for in the log */
    (void)kt_stream_turn(w.run, &w.news);
    crash(&w);
    assert_int_equal(rename(away, w.path), 0);
    assert_true(state(&w)->rewind);
    turn_on(&w, 20, 2 * KT_NS_S);
    assert_false(state(&w)->rewind);
    for (unsigned i = 1; i <= 50; i++)
        assert_int_equal(w.seen[i], 2);
    tear_down(&w);
}

/* A log that cannot be read is a failure that everybody sees, tried again more and more seldom. */
static void a_log_that_cannot_be_read_is_a_failure(void **unused)
{
    struct world w;
    char away[sizeof w.path + 8];
    struct kt_stream_state told;
    (void)unused;
    set_up(&w, "since: beginning");
    store_events(&w, 0, 50);
    (void)snprintf(away, sizeof away, "%s.away", w.path);
    assert_int_equal(rename(w.path, away), 0);
    uint64_t before = w.numbers;
    turn_on(&w, 20, KT_NS_MIN + 20 * KT_NS_S);
    assert_true(kt_stream_state_read(kt_buf_str(&w.state), &told));
    assert_true(told.failures >= 5);
    assert_true(told.failing_since >= MAKE_T0 && told.failing_since < MAKE_T0 + 2 * KT_NS_S);
    assert_true(told.last_error[0] != '\0');
    uint64_t said = w.numbers;
    assert_true(said > before);
    (void)kt_stream_turn(w.run, &w.news); /* news comes before it is due: nothing is tried */
    assert_int_equal(rename(away, w.path), 0);
    turn_on(&w, 20, KT_NS_MIN + 20 * KT_NS_S);
    assert_once(&w, 1, 50);
    assert_int_equal(state(&w)->failures, 0);
    assert_int_equal(state(&w)->failing_since, 0);
    tear_down(&w);
}

/* Most is taken each time, one item never: the stream fails since the last that was taken. */
static void what_is_taken_in_part_has_not_failed_all_the_time(void **unused)
{
    struct world w;
    (void)unused;
    set_up(&w, "since: beginning");
    for (unsigned i = 0; i < 5; i++) {
        w.retry_item = 10 * i + 5;
        store_events(&w, 10 * i, 10);
        turn_on(&w, 4, 2 * KT_NS_S);
        assert_true(state(&w)->failing_since == 0 || state(&w)->failing_since == w.clock.wall ||
                    state(&w)->failing_since > w.clock.wall - 2 * KT_NS_S);
        w.clock.mono += 10 * KT_NS_MIN;
        w.clock.wall += 10 * KT_NS_MIN;
        turn_on(&w, 20, 2 * KT_NS_S);
    }
    assert_once(&w, 1, 50);
    tear_down(&w);
}

/* An alert's states are items, each with an id of its own; one that was overtaken is left out. */
static void alerts_are_streamed_by_state(void **unused)
{
    struct world w;
    struct kt_error err = { 0 };
    (void)unused;
    const char *const states[] = { "open", "updated", "closed" };
    set_up(&w, "since: beginning");
    for (unsigned i = 0; i < 3; i++) {
        char json[200];
        (void)snprintf(json, sizeof json,
                       "{\"id\":\"3NJ1RZ8VZ2G4K0YQ5T7W9XABCD\",\"severity\":\"high\",\"score\":1,"
                       "\"detector\":\"volume\",\"state\":\"%s\",\"time\":1,\"first\":1,\"last\":1,"
                       "\"raised\":1,"
                       "\"events_count\":1,\"secrets_count\":1}",
                       states[i]);
        assert_int_equal(kt_store_begin(w.store, &err), KT_OK);
        assert_int_equal(kt_store_alert_put(w.store, "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD", 1,
                                            MAKE_T0 + (kt_time_ns)i, 3, kt_str_of(json), &err),
                         KT_OK);
        assert_int_equal(kt_store_commit(w.store, &err), KT_OK);
        w.news.last_seq = kt_store_last_seq(w.store);
        if (i != 1) /* the second is overtaken before it is looked at */
            turn_on(&w, 20, 2 * KT_NS_S);
    }
    assert_int_equal(w.seen[1], 1);
    assert_int_equal(w.seen[2], 0);
    assert_int_equal(w.seen[3], 1);
    assert_int_equal(state(&w)->delivered, 2);
    tear_down(&w);
}

static void acknowledge(struct world *w)
{
    struct kt_error err = { 0 };
    uint64_t seq = 0;
    struct kt_event ev = { .kind = KT_KIND_DECISION,
                           .source = KT_STR("keytrail"),
                           .instance = KT_STR("collector"),
                           .native_id = KT_STR("ack-1"),
                           .operation = kt_str_of(kt_step_word(KT_STEP_ACK)),
                           .time = MAKE_T0,
                           .observed = MAKE_T0,
                           .raw = KT_STR("{\"id\":\"3NJ1RZ8VZ2G4K0YQ5T7W9XABCD\",\"by\":\"a\","
                                         "\"where\":\"cli\",\"severity\":\"high\"}") };
    assert_int_equal(kt_store_begin(w->store, &err), KT_OK);
    assert_int_equal(kt_store_alert_put(
                         w->store, "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD", 1, MAKE_T0, 3,
                         KT_STR("{\"id\":\"3NJ1RZ8VZ2G4K0YQ5T7W9XABCD\",\"severity\":\"high\","
                                "\"score\":1,\"detector\":\"volume\",\"state\":\"open\",\"time\":1,"
                                "\"first\":1,\"last\":1,\"raised\":1,\"events_count\":1,"
                                "\"secrets_count\":1}"),
                         &err),
                     KT_OK);
    assert_int_equal(kt_store_control(w->store, &ev, MAKE_T0, MAKE_T0, &seq, &err), KT_OK);
    assert_int_equal(seq, 2);
    assert_int_equal(kt_store_commit(w->store, &err), KT_OK);
    w->news.last_seq = kt_store_last_seq(w->store);
}

/* A stream that asks for decisions gets a step as one, and as a state of its alert, also where only
 * one of the two fits into a batch. */
static void a_step_is_an_event_and_a_state(void **unused)
{
    (void)unused;
    for (unsigned at_most = 0; at_most < 3; at_most++) {
        struct world w;
        set_up(&w, "since: beginning, match: \"kind:access OR kind:decision\"");
        w.at_most = at_most;
        acknowledge(&w);
        store_events(&w, 0, 5);
        turn_on(&w, 100, 2 * KT_NS_S);
        assert_int_equal(w.seen[2], 2);
        w.seen[2] = 1;
        assert_once(&w, 1, 7);
        assert_int_equal(state(&w)->delivered, 8);
        assert_int_equal(state(&w)->dead, 0);
        assert_int_equal(state(&w)->position, 7);
        tear_down(&w);
    }
}

static void state_survives_its_bytes(void **unused)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    struct kt_stream_state s = { .placed = true,
                                 .off = true,
                                 .position = 41,
                                 .delivered = 40,
                                 .batches = 2,
                                 .dead = 1,
                                 .last_success = 5,
                                 .failing_since = 6,
                                 .rewind = true,
                                 .rewind_to = INT64_MIN,
                                 .failures = 3,
                                 .last_code = 503,
                                 .last_error = "said \"no\"",
                                 .pending = { 42, 50, 9, "abc" },
                                 .carry = "file 12 3 4" },
                           back;
    (void)unused;
    kt_stream_state_write(&s, &b);
    assert_true(kt_stream_state_read(kt_buf_str(&b), &back));
    KT_CLEANUP(kt_buf_done) struct kt_buf again = { 0 };
    kt_stream_state_write(&back, &again);
    assert_true(kt_str_eq(kt_buf_str(&b), kt_buf_str(&again)));
    assert_int_equal(back.pending.n, 9);
    assert_string_equal(back.carry, "file 12 3 4");
    assert_true(back.rewind && back.rewind_to == INT64_MIN);
    assert_false(kt_stream_state_read(KT_STR("{\"position\":9}"), &back));
    assert_false(kt_stream_state_read(KT_STR("nonsense"), &back));
    assert_int_equal(back.position, 0);
}

static void dead_letters_are_kept_up_to_a_thousand(void **unused)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf letters = { 0 };
    struct kt_stream_dead d = { .reason = "no" };
    unsigned n = 0;
    (void)unused;
    for (uint64_t i = 1; i <= 1500; i++) {
        d.seq = i;
        assert_true(kt_stream_dead_add(&letters, &d));
    }
    assert_false(kt_stream_dead_add(&letters, &d));
    struct kt_str rest = kt_buf_str(&letters);
    while (kt_stream_dead_next(&rest, &d)) {
        if (n++ == 0)
            assert_int_equal(d.seq, 501);
    }
    assert_int_equal(n, KT_STREAM_DEAD_KEPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_what_is_stored_and_rests),
        cmocka_unit_test(starts_at_the_end_unless_told),
        cmocka_unit_test(starts_at_a_date),
        cmocka_unit_test(sends_only_what_matches_and_moves_over_the_rest),
        cmocka_unit_test(nothing_goes_out_before_its_bounds_are_stored),
        cmocka_unit_test(nothing_is_finished_before_its_end_is_stored),
        cmocka_unit_test(after_a_crash_the_same_batch_has_the_same_name),
        cmocka_unit_test(a_target_that_is_away_loses_nothing),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(a_denied_stream_probes_once_a_minute),
        cmocka_unit_test(too_large_is_halved_until_it_fits),
        cmocka_unit_test(a_slow_line_gets_through),
        cmocka_unit_test(one_bad_item_costs_only_itself),
        cmocka_unit_test(an_item_that_is_wanted_again_is_sent_alone),
        cmocka_unit_test(a_target_that_refuses_all_is_denied),
        cmocka_unit_test(rewind_sends_again),
        cmocka_unit_test(a_wish_to_rewind_outlives_a_crash),
        cmocka_unit_test(a_log_that_cannot_be_read_is_a_failure),
        cmocka_unit_test(what_is_taken_in_part_has_not_failed_all_the_time),
        cmocka_unit_test(alerts_are_streamed_by_state),
        cmocka_unit_test(a_step_is_an_event_and_a_state),
        cmocka_unit_test(state_survives_its_bytes),
        cmocka_unit_test(dead_letters_are_kept_up_to_a_thousand),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_stream", tests, NULL, NULL);
}
