/* The engine against a stub of the collector: lost messages, kills, power cuts, refusals, a full
 * spool. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "agents/log_watch.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "tests/support/agent_world.h"
#include "tests/support/vault_lines.h"

#ifdef __SANITIZE_ADDRESS__ /* each is slow then */
#define LIVES 60u
#else
#define LIVES 500u
#endif

/* ---- tests ---- */

static void agent_delivers_each_event_once(void **state)
{
    struct agent_world *w = agent_world_new(1);

    (void)state;
    agent_world_write(w, 1000);
    agent_world_run(w, 3);
    agent_world_write(w, 500);
    agent_world_run(w, 3);
    assert_int_equal(kt_map_count(w->c.ids), 1500);
    assert_int_equal(w->c.duplicates, 0);
    assert_int_equal(w->c.unknown, 0);
    agent_world_free(w);
}

static void agent_reports_at_start_and_every_minute(void **state)
{
    struct agent_world *w = agent_world_new(2);

    (void)state;
    agent_world_run(w, 5);
    assert_int_equal(w->c.reports, 1);
    agent_world_run(w, 180);
    assert_in_range(w->c.reports, 3, 4);
    agent_world_free(w);
}

static void agent_knows_after_a_restart_what_it_gave_before(void **state)
{
    struct agent_world *w = agent_world_new(22);
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };

    (void)state;
    agent_world_write(w, 100);
    agent_world_run(w, 3);
    assert_true(kt_str_has(agent_world_status(w, &text),
                           KT_STR("\"events_before\":0,\"newest_before\":0}")));
    for (unsigned life = 0; life < 2; life++) {
        agent_world_kill(w);
        agent_world_start(w);
        agent_world_run(w, 3);
        struct kt_str status = agent_world_status(w, &text);
        assert_true(kt_str_has(status, KT_STR("\"events\":0,")));
        assert_true(kt_str_has(status, KT_STR("\"newest\":0,")));
        assert_true(kt_str_has(status, KT_STR("\"events_before\":100,\"newest_before\":17")));
    }
    agent_world_write(w, 20);
    agent_world_run(w, 3);
    agent_world_kill(w);
    agent_world_start(w);
    assert_true(kt_str_has(agent_world_status(w, &text), KT_STR("\"events_before\":120,")));
    agent_world_free(w);
}

static void agent_says_that_no_read_has_come(void **state)
{
    struct agent_world *w = agent_world_new(21);
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    const struct kt_str hidden = KT_STR("no read of a secret has come"),
                        limit = KT_STR("do not pass the API server");

    (void)state;
    agent_world_kill(w);
    w->source.type = "kubernetes";
    agent_world_start(w);
    agent_world_run(w, 5);
    assert_true(kt_str_has(agent_world_status(w, &text), limit));
    assert_false(kt_str_has(agent_world_status(w, &text), hidden)); /* nobody can know yet */
    agent_world_run(w, 3601);
    assert_true(kt_str_has(agent_world_status(w, &text), hidden));
    agent_world_append(
        w,
        KT_STR("{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\","
               "\"auditID\":\"a\",\"stage\":\"ResponseComplete\",\"verb\":\"get\",\"user\":"
               "{\"username\":\"dana\"},\"objectRef\":{\"resource\":\"secrets\",\"namespace\":"
               "\"pay\",\"name\":\"db\",\"apiVersion\":\"v1\"},\"responseStatus\":{\"code\":200},"
               "\"requestReceivedTimestamp\":\"2026-03-01T00:00:00.000000Z\",\"stageTimestamp\":"
               "\"2026-03-01T00:00:00.000000Z\"}\n"));
    agent_world_run(w, 5);
    assert_false(kt_str_has(agent_world_status(w, &text), hidden));
    agent_world_free(w);
}

static void agent_keeps_within_its_credit(void **state)
{
    struct agent_world *w = agent_world_new(3);

    (void)state;
    w->c.credit = 3;
    agent_world_run(w, 2);
    for (unsigned i = 0; i < 20; i++) {
        agent_world_write(w, 300);
        agent_world_pass(w, 60 * KT_NS_MS);
        (void)agent_world_turn(w); /* the collector is slow */
        (void)agent_world_turn(w);
    }
    agent_world_collect(w);
    assert_in_range(w->c.most_in_flight, 1, 3);
    agent_world_run(w, 20);
    assert_int_equal(kt_map_count(w->c.ids), 6000);
    assert_in_range(w->c.most_in_flight, 1, 3);
    agent_world_free(w);
}

/* Turns, 10 ms each, until the agent has sent more than `sent` messages. */
static unsigned turns_until_more(struct agent_world *w, unsigned sent)
{
    unsigned turns = 0;
    for (; w->up.n <= sent && turns < 100; turns++) {
        agent_world_pass(w, 10 * KT_NS_MS);
        (void)agent_world_turn(w);
    }
    return turns;
}

static void agent_that_is_behind_syncs_less_often_for_a_busy_collector(void **state)
{
    struct agent_world *w = agent_world_new(23);

    (void)state;
    agent_world_run(w, 2);
    agent_world_write(w, 8000); /* 140 a turn */
    assert_in_range(turns_until_more(w, 0), 1, 6);
    while (w->up.n < 4) /* nothing is acknowledged meanwhile */
        assert_in_range(turns_until_more(w, w->up.n), 1, 6);
    assert_in_range(turns_until_more(w, w->up.n), 15, 21);
    agent_world_collect(w);
    assert_in_range(turns_until_more(w, w->up.n), 1, 6);
    agent_world_run(w, 10);
    assert_int_equal(kt_map_count(w->c.ids), 8000);
    assert_int_equal(w->c.duplicates, 0);
    agent_world_free(w);
}

static void agent_replaces_a_refused_line(void **state)
{
    static const enum kt_refuse reasons[] = { KT_REFUSE_LINE, KT_REFUSE_REDACTION, KT_REFUSE_SIZE };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(reasons); i++) {
        struct agent_world *w = agent_world_new(4 + i);
        struct kt_stat st;
        agent_world_run(w, 2); /* the first report is batch 1 */
        w->c.refuse_seq = 2;
        w->c.refuse_index = i == 2 ? KT_REFUSE_ALL : 4;
        w->c.refuse_reason = reasons[i];
        agent_world_write(w, 20);
        agent_world_run(w, 2);
        agent_world_write(w, 20);
        agent_world_run(w, 5);
        assert_int_equal(w->c.quarantined, 1);
        assert_int_equal(kt_map_count(w->c.ids), i == 2 ? 20 : 39);
        assert_int_equal(
            w->disk.stat(w->disk.self, "/spool/quarantine/refused.ndjson", &st, &w->err), KT_OK);
        assert_true((st.size > 400) == (reasons[i] != KT_REFUSE_REDACTION));
        agent_world_free(w);
    }
}

static void agent_keeps_what_is_refused_for_now(void **state)
{
    static const enum kt_refuse reasons[] = { KT_REFUSE_REVOKED, KT_REFUSE_SOURCE,
                                              KT_REFUSE_SIGNATURE, KT_REFUSE_DISK,
                                              KT_REFUSE_QUOTA };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(reasons); i++) {
        struct agent_world *w = agent_world_new(10 + i);
        KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
        w->c.deaf = true;
        w->c.refuse_reason = reasons[i];
        agent_world_write(w, 50);
        agent_world_run(w, 120);
        assert_in_range(w->c.refused, 3, 400); /* with pauses between */
        assert_true(
            kt_str_has(agent_world_status(w, &text), kt_str_of(kt_refuse_word(reasons[i]))));
        w->c.deaf = false;
        agent_world_run(w, 60);
        assert_int_equal(kt_map_count(w->c.ids), 50);
        assert_int_equal(w->c.quarantined, 0);
        assert_true(kt_str_has(agent_world_status(w, &text), KT_STR("\"problem\":\"\"")));
        agent_world_free(w);
    }
}

static void agent_sends_again_to_a_restored_collector(void **state)
{
    struct agent_world *w = agent_world_new(20);

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        agent_world_write(w, 10);
        agent_world_run(w, 1);
    }
    uint64_t last = w->c.session[0].seq;
    assert_true(last > 5);
    w->c.session[0].seq = 3; /* restored from a backup */
    kt_map_reset(w->c.ids);
    agent_world_kill(w);
    agent_world_start(w);
    agent_world_write(w, 10);
    agent_world_run(w, 10);
    assert_true(w->c.session[0].seq > last);
    assert_int_equal(w->c.restored, 1);
    assert_in_range(kt_map_count(w->c.ids), 80, 110); /* all but what the first three batches had */
    assert_int_equal(w->c.n_sessions, 1);
    agent_world_free(w);
}

static void agent_renews_its_numbers_when_its_spool_is_older_than_the_collector(void **state)
{
    struct agent_world *w = agent_world_new(21);

    (void)state;
    agent_world_write(w, 10);
    agent_world_run(w, 2);
    w->c.session[0].seq += 5; /* this host came back from a snapshot */
    agent_world_kill(w);
    agent_world_start(w);
    agent_world_write(w, 30);
    agent_world_run(w, 10);
    assert_int_equal(kt_map_count(w->c.ids), 40);
    assert_int_equal(w->c.n_sessions, 2);
    agent_world_free(w);
}

static void agent_stops_reading_when_the_spool_is_full_and_goes_on(void **state)
{
    struct agent_world *w = agent_world_new(22);
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };

    (void)state;
    agent_world_kill(w);
    w->conf.spool_max = 64u << 10;
    agent_world_start(w);
    w->c.deaf = true;
    w->c.refuse_reason = KT_REFUSE_DISK;
    for (unsigned i = 0; i < 60; i++) {
        agent_world_write(w, 100);
        agent_world_run(w, 1);
    }
    assert_true(kt_str_has(agent_world_status(w, &text), KT_STR("\"full\":1")));
    w->c.deaf = false;
    agent_world_run(w, 120);
    assert_int_equal(kt_map_count(w->c.ids), 6000);
    assert_int_equal(w->c.duplicates, 0);
    assert_true(kt_str_has(agent_world_status(w, &text), KT_STR("\"full\":0")));
    agent_world_free(w);
}

/* Turns one bit of the batch that follows on the middle of the first segment; the agent is not
 * running. */
static void damage_spool(struct agent_world *w)
{
    struct kt_file *f = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    size_t n = 1;

    assert_int_equal(
        w->disk.open(w->disk.self, "/spool/00000001.spool", KT_OPEN_APPEND, &f, &w->err), KT_OK);
    while (n > 0) {
        assert_int_equal(
            w->disk.read_at(f, all.len, kt_buf_reserve(&all, 65536), 65536, &n, &w->err), KT_OK);
        all.len += n;
    }
    ptrdiff_t batch = kt_str_find(kt_buf_str(&all), KT_STR("KTR1\2"), all.len / 2);
    assert_true(batch > 0);
    all.at[batch + 100] ^= 1; /* behind heads: in its lines */
    assert_int_equal(w->disk.truncate(f, 0, &w->err), KT_OK);
    assert_int_equal(w->disk.append(f, kt_buf_str(&all), &w->err), KT_OK);
    assert_int_equal(w->disk.sync(f, &w->err), KT_OK);
    w->disk.close(f);
}

static void agent_says_what_a_damaged_spool_lost(void **state)
{
    struct agent_world *w = agent_world_new(23);

    (void)state;
    w->c.deaf = true;
    w->c.refuse_reason = KT_REFUSE_DISK;
    for (unsigned i = 0; i < 5; i++) {
        agent_world_write(w, 20);
        agent_world_run(w, 1);
    }
    agent_world_kill(w);
    damage_spool(w);
    w->c.deaf = false;
    agent_world_start(w);
    agent_world_run(w, 40);
    assert_int_equal(w->c.quarantined, 1);
    assert_int_equal(kt_map_count(w->c.ids), 80);
    agent_world_free(w);
}

/* The damage is in what was acknowledged, and a restored collector is to get it again. */
static void agent_gets_past_damage_in_what_it_sends_again(void **state)
{
    struct agent_world *w = agent_world_new(24);

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        agent_world_write(w, 10);
        agent_world_run(w, 1);
    }
    agent_world_kill(w);
    damage_spool(w);
    w->c.session[0].seq = 1;
    agent_world_start(w);
    agent_world_write(w, 10);
    agent_world_run(w, 10);
    assert_int_equal(w->c.restored, 1);
    assert_int_equal(w->c.quarantined, 1);
    assert_int_equal(kt_map_count(w->c.ids), 110);
    agent_world_free(w);
}

/* Fails each writing call of the disk once: the agent ends or goes on; after a restart all is
 * there. */
static void agent_survives_each_failing_call(void **state)
{
    (void)state;
    for (unsigned long n = 1, fired = 1; fired && n < 2000; n++) {
        struct agent_world *w = agent_world_new(n);
        int wait_ms;
        bool alive = true;
        w->faulty.fail_at = w->faulty.calls + n;
        w->faulty.short_write = n % 2 == 0;
        w->faulty.fail_errno = n % 3 == 0 ? ENOSPC : EIO;
        agent_world_write(w, 300);
        for (unsigned i = 0; i < 80 && alive; i++) {
            alive = kt_agent_turn(w->agent, &wait_ms, &w->err) == KT_OK;
            agent_world_collect(w);
            agent_world_pass(w, 60 * KT_NS_MS);
            if (i == 20)
                agent_world_write(w, 300);
        }
        w->written = w->written < 600 ? w->written : 600;
        fired = w->faulty.fired;
        agent_world_kill(w);
        agent_world_start(w);
        agent_world_run(w, 20);
        assert_int_equal(kt_map_count(w->c.ids), w->written);
        assert_int_equal(w->c.conflicts, 0);
        agent_world_free(w);
    }
}

/* ---- an order of accept-log ---- */

#define ORDER "/spool/" KT_WATCH_ORDER

static enum kt_status (*memory_open)(void *self, const char *path, enum kt_open how,
                                     struct kt_file **ret, struct kt_error *err);

static enum kt_status no_descriptor_for_the_order(void *self, const char *path, enum kt_open how,
                                                  struct kt_file **ret, struct kt_error *err)
{
    if (strcmp(path, ORDER) == 0)
        return kt_fail(err, KT_E_IO, "open '%s': Too many open files", path);
    return memory_open(self, path, how, ret, err);
}

/* What somebody decided is not thrown away because no file could be opened for a moment. */
static void agent_keeps_an_order_that_it_cannot_read_for_now(void **state)
{
    struct agent_world *w = agent_world_new(11);
    struct kt_file *f = NULL;
    struct kt_stat st;

    (void)state;
    assert_int_equal(w->disk.open(w->disk.self, ORDER, KT_OPEN_NEW, &f, &w->err), KT_OK);
    assert_int_equal(w->disk.append(f, KT_STR("{}"), &w->err), KT_OK);
    w->disk.close(f);
    memory_open = w->disk.open;
    w->faulty.inner.open = no_descriptor_for_the_order;
    agent_world_run(w, 5);
    assert_int_equal(w->disk.stat(w->disk.self, ORDER, &st, &w->err), KT_OK);
    w->faulty.inner.open = w->disk.open;
    agent_world_run(w, 5);
    assert_int_equal(w->disk.stat(w->disk.self, ORDER, &st, &w->err), KT_E_AGAIN);
    agent_world_free(w);
}

/* ---- many lives ---- */

/* Writes, rotations, kills, power cuts and lost messages from one seed. */
static void one_life(uint64_t seed)
{
    struct agent_world *w = agent_world_new(seed);
    KT_CLEANUP(kt_buf_done) struct kt_buf held = { 0 }, b = { 0 };
    unsigned rotated = 0;

    agent_world_append(w, KT_STR_NONE);
    agent_world_run(w, 2);
    w->lose = (unsigned)kt_rng_below(&w->rng, 20);
    for (unsigned i = 0; i < 150; i++) {
        switch (kt_rng_below(&w->rng, 12)) {
        case 0:
            agent_world_kill(w);
            agent_world_start(w);
            break;
        case 1:
            agent_world_kill(w);
            kt_fs_memory_crash(w->mem, agent_world_chance, w);
            agent_world_start(w);
            break;
        case 2:
            kt_buf_reset(&b);
            kt_buf_addf(&b, AGENT_LOG ".%u", ++rotated);
            assert_int_equal(w->disk.rename(w->disk.self, AGENT_LOG, kt_buf_z(&b), &w->err), KT_OK);
            agent_world_append(w, KT_STR_NONE);
            break;
        case 3:
        case 4: /* requests whose responses come later, among others */
            kt_buf_reset(&b);
            vault_request(&b, w->written);
            agent_world_append(w, kt_buf_str(&b));
            agent_world_append(w, kt_buf_str(&held));
            kt_buf_reset(&held);
            vault_response(&held, w->written++);
            break;
        case 5:
            agent_world_write(w, kt_rng_below(&w->rng, 30));
            break;
        case 6:
        case 7:
            agent_world_collect(w);
            break;
        default:
            (void)agent_world_turn(w);
        }
        agent_world_pass(w, (kt_time_ns)kt_rng_below(&w->rng, 100) * KT_NS_MS);
    }
    agent_world_append(w, kt_buf_str(&held));
    w->lose = 0;
    agent_world_run(w, 60 + 5 * rotated);
    if (kt_map_count(w->c.ids) != w->written || w->c.conflicts > 0 || w->c.unknown > 0)
        fail_msg("seed %llu: %llu written, %u stored, %llu conflicts, %llu without an answer",
                 (unsigned long long)seed, (unsigned long long)w->written, kt_map_count(w->c.ids),
                 (unsigned long long)w->c.conflicts, (unsigned long long)w->c.unknown);
    agent_world_free(w);
}

static void agent_loses_and_doubles_nothing_in_many_lives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LIVES; seed++)
        one_life(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agent_delivers_each_event_once),
        cmocka_unit_test(agent_reports_at_start_and_every_minute),
        cmocka_unit_test(agent_knows_after_a_restart_what_it_gave_before),
        cmocka_unit_test(agent_says_that_no_read_has_come),
        cmocka_unit_test(agent_keeps_within_its_credit),
        cmocka_unit_test(agent_that_is_behind_syncs_less_often_for_a_busy_collector),
        cmocka_unit_test(agent_replaces_a_refused_line),
        cmocka_unit_test(agent_keeps_what_is_refused_for_now),
        cmocka_unit_test(agent_sends_again_to_a_restored_collector),
        cmocka_unit_test(agent_renews_its_numbers_when_its_spool_is_older_than_the_collector),
        cmocka_unit_test(agent_stops_reading_when_the_spool_is_full_and_goes_on),
        cmocka_unit_test(agent_says_what_a_damaged_spool_lost),
        cmocka_unit_test(agent_gets_past_damage_in_what_it_sends_again),
        cmocka_unit_test(agent_survives_each_failing_call),
        cmocka_unit_test(agent_keeps_an_order_that_it_cannot_read_for_now),
        cmocka_unit_test(agent_loses_and_doubles_nothing_in_many_lives),
    };

    kt_hash_init();
    kt_log_level_set(KT_LOG_ERROR);
    return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
