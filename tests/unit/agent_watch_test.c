/* The agent's side of checkpoints, whole: against a collector that shows its log, an older one, one
 * that falls silent and one that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agents/agent.h"
#include "agents/log_watch.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/wire/batch.h"
#include "tests/support/shown_log.h"

#define START (INT64_C(1795377600) * KT_NS_S)
#define SPOOL "/spool"
#define QUEUE 64u

enum kind { OLD, SILENT, SHOWS };
struct world {
    struct kt_fs_memory *mem;
    struct kt_clock_memory time;
    struct kt_rng_seeded seeded;
    struct kt_rng rng;
    struct kt_agent_conf conf;
    uint8_t seed[32], public_key[32];
    struct kt_agent *agent;
    struct kt_buf down[QUEUE], heard;
    unsigned n_down;
    enum kind kind;
    struct shown_log log;
    uint64_t acked, has; /* has: size that the collector believes the agent knows */
    uint64_t removed;    /* records that retention took: no proof from before them */
    kt_time_ns next;     /* checkpoint, each minute */
    unsigned since, cosigned, bad_cosigned, contradictions, stale, accepted, alarms;
    uint8_t incarnation[16];
    struct kt_zip *zip;
    struct kt_arena arena;
    struct kt_error err;
};

/* ---- the collector ---- */

static void say(struct world *w, struct kt_msg *m)
{
    assert_true(w->n_down < QUEUE);
    struct kt_buf *b = &w->down[w->n_down++];
    kt_buf_reset(b);
    kt_msg_write(m, b);
}

static void answer(struct world *w, struct kt_msg m)
{
    memcpy(m.incarnation, w->incarnation, 16);
    memcpy(m.log_id, w->log.log_id, 16);
    say(w, &m);
}

static void show(struct world *w, uint64_t from)
{
    shown_log_sign(&w->log, from);
    answer(w, (struct kt_msg){ .type = KT_MSG_CHECKPOINT,
                               .from = from,
                               .keys = kt_buf_str(&w->log.keys),
                               .proof = kt_buf_str(&w->log.proof),
                               .note = kt_buf_str(&w->log.note) });
    w->has = w->log.tree.n;
}

static void count_lines(struct world *w, const struct kt_msg *m)
{
    static uint8_t hashes[KT_BATCH_EVENTS_MAX][32];
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    enum kt_refuse why;
    struct kt_str line;
    struct kt_event ev;

    assert_int_equal(kt_batch_open(m, w->public_key, w->zip, &lines, hashes, &why, &w->err), KT_OK);
    for (struct kt_str rest = kt_buf_str(&lines);
         rest.len > 0 && kt_str_split(&rest, '\n', &line);) {
        kt_arena_reset(&w->arena);
        assert_int_equal(kt_line_read(line, &w->arena, &ev, &w->err), KT_OK);
        w->contradictions += kt_str_is(ev.operation, "log.contradiction");
        w->stale += kt_str_is(ev.operation, "log.stale");
        w->accepted += kt_str_is(ev.operation, "log.accepted");
        shown_log_grow(&w->log, &w->rng, 1);
    }
}

static void check_cosignature(struct world *w, const struct kt_msg *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
    struct kt_note_key key = { .name = "web-1", .type = KT_NOTE_COSIGNATURE };
    const struct kt_head head = { .size = m->size };
    struct kt_head same = head;
    struct kt_checkpoint c;
    kt_time_ns when;

    memcpy(same.root, m->root, 32);
    memcpy(key.public_key, w->public_key, 32);
    kt_checkpoint_text(m->log_id, &same, &note);
    kt_buf_byte(&note, '\n');
    kt_buf_add(&note, m->line);
    bool good = kt_checkpoint_read(kt_buf_str(&note), &c, &w->err) == KT_OK &&
                kt_checkpoint_signed(&c, &key, &when);
    w->cosigned += good;
    w->bad_cosigned += !good;
}

/* As the version before this one did: it knows no type beyond 7 and refuses without a name. */
static void refuse_as_of_old(struct world *w)
{
    struct kt_msg m = { .type = KT_MSG_REFUSE,
                        .reason = KT_REFUSE_VERSION,
                        .index = KT_REFUSE_ALL,
                        .text = KT_STR("unknown version of the wire") };
    say(w, &m);
}

static enum kt_status wire_send(void *self, struct kt_str body, struct kt_error *err)
{
    struct world *w = self;
    struct kt_msg m;

    (void)err;
    assert_int_equal(kt_msg_read(body, &m, &w->err), KT_OK);
    if (m.type == KT_MSG_HELLO)
        memcpy(w->incarnation, m.incarnation, 16);
    if (m.version > 1 && w->kind == OLD) {
        w->since += m.type == KT_MSG_SINCE;
        refuse_as_of_old(w);
        return KT_OK;
    }
    switch (m.type) {
    case KT_MSG_HELLO:
        answer(w, (struct kt_msg){ .type = KT_MSG_WELCOME, .last_seq = w->acked, .credit = 8 });
        break;
    case KT_MSG_BATCH:
        if (m.seq == w->acked + 1)
            count_lines(w, &m);
        w->acked = m.seq > w->acked ? m.seq : w->acked;
        answer(w, (struct kt_msg){ .type = KT_MSG_ACK, .seq = w->acked, .credit = 8 });
        break;
    case KT_MSG_PING:
        answer(w, (struct kt_msg){ .type = KT_MSG_PONG, .seq = m.seq });
        break;
    case KT_MSG_SINCE:
        w->since++;
        if (w->kind == SHOWS)
            show(w, m.size <= w->log.tree.n && m.size >= w->removed ? m.size : 0);
        break;
    case KT_MSG_COSIGN:
        check_cosignature(w, &m);
        break;
    case KT_MSG_WELCOME:
    case KT_MSG_ACK:
    case KT_MSG_REFUSE:
    case KT_MSG_PONG:
    case KT_MSG_CHECKPOINT:
        fail_msg("an agent does not say %d", m.type);
    }
    return KT_OK;
}

static enum kt_status wire_recv(void *self, struct kt_str *ret_body, struct kt_error *err)
{
    struct world *w = self;
    if (w->n_down == 0)
        return kt_fail(err, KT_E_AGAIN, "nothing");
    kt_buf_reset(&w->heard);
    kt_buf_add(&w->heard, kt_buf_str(&w->down[0]));
    struct kt_buf first = w->down[0];
    memmove(w->down, w->down + 1, (QUEUE - 1) * sizeof w->down[0]);
    w->down[QUEUE - 1] = first;
    w->n_down--;
    *ret_body = kt_buf_str(&w->heard);
    return KT_OK;
}

static enum kt_status wire_reopen(void *self, enum kt_pair_side to, struct kt_error *err)
{
    struct world *w = self;
    (void)to;
    (void)err;
    w->n_down = 0;
    return KT_OK;
}

static void alarm_tell(void *self, struct kt_str json)
{
    struct world *w = self;
    assert_true(kt_str_find(json, KT_STR("\"text\":\"keytrail-agent web-1: "), 0) > 0);
    w->alarms++;
}

/* ---- the world ---- */

static void start(struct world *w)
{
    const struct kt_agent_options o = {
        .conf = &w->conf,
        .clock = kt_clock_memory(&w->time),
        .rng = w->rng,
        .fs = kt_fs_memory(w->mem),
        .wire = { .send = wire_send, .recv = wire_recv, .reopen = wire_reopen, .self = w },
        .alarm = { alarm_tell, w },
        .signing_seed = w->seed,
        .program = "keytrail-agent test"
    };
    if (kt_agent_new(&o, &w->agent, &w->err) != KT_OK)
        fail_msg("start: %s", w->err.text);
}

static void begin(struct world *w, enum kind kind)
{
    *w = (struct world){ .kind = kind, .seeded = { 7 } };
    w->rng = kt_rng_seeded(&w->seeded);
    w->mem = kt_fs_memory_new();
    w->time = (struct kt_clock_memory){ START, KT_NS_HOUR };
    w->zip = kt_zip_new();
    w->arena = kt_arena_new(1u << 20);
    w->rng.fill(w->rng.self, w->seed, 32);
    kt_sign_public(w->seed, w->public_key);
    w->conf = (struct kt_agent_conf){ .agent = "web-1",
                                      .endpoint = "tcp://127.0.0.1:1",
                                      .spool_path = SPOOL,
                                      .spool_max = 1u << 20 };
    shown_log_begin(&w->log, &w->rng);
    shown_log_grow(&w->log, &w->rng, 5);
    start(w);
}

static void end(struct world *w)
{
    kt_agent_free(w->agent);
    for (unsigned i = 0; i < QUEUE; i++)
        kt_buf_done(&w->down[i]);
    kt_buf_done(&w->heard);
    kt_fs_memory_free(w->mem);
    shown_log_done(&w->log);
    kt_zip_free(w->zip);
    kt_arena_done(&w->arena);
}

/* A collector ticks and signs each minute. */
static void run(struct world *w, kt_time_ns how_long)
{
    for (kt_time_ns until = w->time.mono + how_long; w->time.mono < until;) {
        int wait_ms = 0;
        if (w->kind == SHOWS && w->time.mono >= w->next) {
            shown_log_grow(&w->log, &w->rng, 1);
            if (w->next != 0 && w->n_down < 8)
                show(w, w->has);
            w->next = w->time.mono + KT_NS_MIN;
        }
        if (kt_agent_turn(w->agent, &wait_ms, &w->err) != KT_OK)
            fail_msg("turn: %s", w->err.text);
        w->time.mono += KT_NS_S;
        w->time.wall += KT_NS_S;
    }
}

static bool status_has(struct world *w, const char *what)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_agent_status(w->agent, &b);
    return kt_str_find(kt_buf_str(&b), kt_str_of(what), 0) >= 0;
}

static void restart(struct world *w)
{
    kt_agent_free(w->agent);
    start(w);
}

/* ---- tests ---- */

static void each_new_checkpoint_is_cosigned_once(void **state)
{
    (void)state;
    struct world w;
    begin(&w, SHOWS);
    run(&w, 10 * KT_NS_MIN);
    assert_int_equal(w.bad_cosigned, 0);
    assert_in_range(w.cosigned, 9, 11);
    assert_true(status_has(&w, "\"state\":\"verified\""));
    assert_true(status_has(&w, "\"pinned\":\"first use\""));
    restart(&w);
    run(&w, 2 * KT_NS_MIN);
    assert_true(status_has(&w, "\"signed\":1"));
    assert_int_equal(w.contradictions + w.stale + w.alarms, 0);
    end(&w);
}

/* It asks once a connection, and its batches go on. */
static void an_older_collector_goes_on_taking_batches(void **state)
{
    (void)state;
    struct world w;
    begin(&w, OLD);
    run(&w, KT_NS_HOUR);
    assert_int_equal(w.since, 1);
    assert_int_equal(w.stale + w.alarms, 0);
    assert_true(status_has(&w, "\"state\":\"not shown\""));
    assert_true(status_has(&w, "\"state\":\"connected\""));
    end(&w);
}

/* Downgraded to a version that shows nothing, or merely silent: the same alarm, which ends. */
static void a_log_that_is_not_shown_any_more_is_told_after_15_minutes(void **state)
{
    (void)state;
    static const enum kind kinds[] = { OLD, SILENT };
    for (unsigned i = 0; i < KT_ARRAY_LEN(kinds); i++) {
        struct world w;
        begin(&w, SHOWS);
        run(&w, 5 * KT_NS_MIN);
        w.kind = kinds[i];
        run(&w, 13 * KT_NS_MIN);
        assert_int_equal(w.alarms, 0);
        run(&w, 3 * KT_NS_MIN);
        assert_int_equal(w.alarms, 1);
        run(&w, 3 * KT_NS_HOUR);
        assert_int_equal(w.alarms, 1);
        assert_true(status_has(&w, "\"state\":\"stale\""));
        w.kind = SHOWS;
        restart(&w);
        run(&w, 2 * KT_NS_MIN);
        assert_true(status_has(&w, "\"state\":\"verified\""));
        end(&w);
    }
}

/* The same checkpoint over and over is no newer one; nor is time apart counted. */
static void an_old_checkpoint_shown_again_is_stale(void **state)
{
    (void)state;
    struct world w;
    begin(&w, SHOWS);
    run(&w, 5 * KT_NS_MIN);
    w.kind = SILENT;
    for (unsigned i = 0; i < 12; i++) {
        show(&w, w.has);
        run(&w, KT_NS_MIN);
    }
    w.time.mono += 5 * KT_NS_HOUR; /* the machine slept */
    assert_int_equal(w.alarms, 0);
    run(&w, 3 * KT_NS_MIN);
    assert_int_equal(w.alarms, 1);
    assert_int_equal(w.contradictions, 0);
    end(&w);
}

static void order(struct world *w, kt_time_ns at)
{
    struct kt_fs fs = kt_fs_memory(w->mem);
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, out = { 0 };
    struct kt_watched all[2];
    unsigned n = 0;

    assert_int_equal(kt_log_file_read(&fs, SPOOL "/" KT_WATCH_FILE, &text, &w->err), KT_OK);
    assert_int_equal(kt_watched_read(kt_buf_str(&text), all, 2, &n, &w->err), KT_OK);
    assert_int_equal(n, 1);
    struct kt_log_order o = { .shown = all[0].against,
                              .accepted = { .at = at, .by = "ana", .reason = "restored" } };
    memcpy(o.collector, all[0].collector, 32);
    kt_log_order_write(&o, &out);
    assert_int_equal(
        kt_log_file_write(&fs, SPOOL, SPOOL "/" KT_WATCH_ORDER, kt_buf_str(&out), &w->err), KT_OK);
    kt_watched_done(&all[0]);
}

static bool is_there(struct world *w, const char *path)
{
    struct kt_fs fs = kt_fs_memory(w->mem);
    struct kt_stat st;
    return fs.stat(fs.self, path, &st, NULL) == KT_OK;
}

/* It goes on sending, signs nothing, gives nothing up, over restarts, until it is accepted. */
static void a_contradiction_holds_until_it_is_accepted(void **state)
{
    (void)state;
    struct world w;
    begin(&w, SHOWS);
    run(&w, 5 * KT_NS_MIN);
    w.log.tree.n = 4;
    w.has = 0;
    uint64_t acked = w.acked;
    unsigned cosigned = w.cosigned;
    run(&w, 10 * KT_NS_MIN);
    assert_int_equal(w.cosigned, cosigned);
    assert_int_equal(w.contradictions, 1);
    assert_int_equal(w.alarms, 1);
    assert_true(w.acked > acked);
    assert_true(status_has(&w, "\"state\":\"contradiction\""));
    restart(&w);
    run(&w, KT_NS_MIN);
    assert_int_equal(w.alarms, 2);
    assert_int_equal(w.cosigned, cosigned);
    order(&w, w.time.wall);
    run(&w, 2 * KT_NS_MIN);
    assert_false(is_there(&w, SPOOL "/" KT_WATCH_ORDER));
    assert_int_equal(w.accepted, 1);
    assert_true(status_has(&w, "\"state\":\"verified\""));
    assert_true(w.cosigned > cosigned);
    restart(&w);
    run(&w, KT_NS_MIN);
    assert_int_equal(w.alarms, 2);
    end(&w);
}

/* Away for longer than the log is kept: it is told, and ends when somebody accepts it. */
static void who_was_away_for_too_long_is_told_and_accepts(void **state)
{
    (void)state;
    struct world w;
    begin(&w, SHOWS);
    run(&w, 5 * KT_NS_MIN);
    shown_log_grow(&w.log, &w.rng, 100);
    w.has = w.removed = w.log.tree.n;
    restart(&w);
    run(&w, 14 * KT_NS_MIN);
    assert_int_equal(w.alarms, 0);
    run(&w, 4 * KT_NS_MIN);
    assert_int_equal(w.contradictions, 1);
    assert_true(status_has(&w, "\"state\":\"contradiction\""));
    assert_true(status_has(&w, "no proof any more"));
    order(&w, w.time.wall);
    run(&w, 5 * KT_NS_S);
    assert_int_equal(w.contradictions, 1);
    assert_true(status_has(&w, "\"state\":\"verified\""));
    unsigned alarms = w.alarms, cosigned = w.cosigned;
    run(&w, 30 * KT_NS_MIN);
    assert_int_equal(w.alarms, alarms);
    assert_int_equal(w.accepted, 1);
    assert_true(w.cosigned > cosigned + 20);
    end(&w);
}

static void an_order_waits_for_the_agent_to_start(void **state)
{
    (void)state;
    struct world w;
    begin(&w, SHOWS);
    run(&w, 2 * KT_NS_MIN);
    w.log.log_id[0] ^= 1;
    w.has = 0;
    run(&w, 2 * KT_NS_MIN);
    assert_int_equal(w.alarms, 1);
    kt_agent_free(w.agent);
    order(&w, w.time.wall);
    start(&w);
    run(&w, 3 * KT_NS_MIN);
    assert_int_equal(w.accepted, 1);
    assert_true(status_has(&w, "\"state\":\"verified\""));
    end(&w);
}

static int setup(void **state)
{
    (void)state;
    kt_hash_init();
    kt_log_level_set((enum kt_log_level) - 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_new_checkpoint_is_cosigned_once),
        cmocka_unit_test(an_older_collector_goes_on_taking_batches),
        cmocka_unit_test(a_log_that_is_not_shown_any_more_is_told_after_15_minutes),
        cmocka_unit_test(an_old_checkpoint_shown_again_is_stale),
        cmocka_unit_test(a_contradiction_holds_until_it_is_accepted),
        cmocka_unit_test(who_was_away_for_too_long_is_told_and_accepts),
        cmocka_unit_test(an_order_waits_for_the_agent_to_start),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
