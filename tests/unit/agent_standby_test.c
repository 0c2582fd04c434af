/* The engine with a collector and its stand-by: which it speaks to, and that both have all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

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

/* ---- two collectors ---- */

/* The agent is started anew, with a stand-by in its configuration. */
static void add_standby(struct agent_world *w)
{
    agent_world_kill(w);
    w->conf.standby = "tcp://127.0.0.1:2";
    memset(w->conf.server_key, 1, sizeof w->conf.server_key);
    memset(w->conf.standby_key, 2, sizeof w->conf.standby_key);
    w->conf.standby_after = 5 * KT_NS_MIN;
    agent_world_start(w);
}

static void speaks_to(struct agent_world *w, const char *name)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, want = { 0 };

    kt_buf_addf(&want, "\"collector\":\"%s\"", name);
    if (!kt_str_has(agent_world_status(w, &text), kt_buf_str(&want)))
        fail_msg("not with the %s: %s", name, kt_buf_z(&text));
}

static void has(const struct agent_stub *c, uint64_t events, uint64_t duplicates, uint64_t restored)
{
    assert_int_equal(kt_map_count(c->ids), events);
    assert_int_equal(c->duplicates, duplicates);
    assert_int_equal(c->restored, restored);
    assert_int_equal(c->conflicts, 0);
}

static void agent_turns_to_the_standby_and_back_and_both_have_each_event_once(void **state)
{
    struct agent_world *w = agent_world_new(31);

    (void)state;
    add_standby(w);
    for (uint64_t round = 0; round < 3; round++) {
        agent_world_write(w, 100);
        agent_world_run(w, 5);
        speaks_to(w, "first");
        has(&w->c, 300 * round + 100, 0, 0);
        w->dead[KT_PAIR_FIRST] = true;
        agent_world_write(w, 100);
        agent_world_run(w, 290);
        speaks_to(w, "first");
        agent_world_run(w, 20);
        speaks_to(w, "standby");
        has(&w->standby, 300 * round + 200, 0, 0); /* what the first alone had, too */
        agent_world_write(w, 100);
        agent_world_run(w, 300);
        speaks_to(w, "standby");
        has(&w->standby, 300 * round + 300, 0, 0);
        w->dead[KT_PAIR_FIRST] = false;
        agent_world_run(w, 62);
        speaks_to(w, "first");
        has(&w->c, 300 * round + 300, 0, 0);
    }
    assert_int_equal(w->c.n_sessions, 1);
    assert_int_equal(w->standby.n_sessions, 1);
    agent_world_free(w);
}

static void agent_stays_with_the_first_while_neither_answers(void **state)
{
    struct agent_world *w = agent_world_new(32);

    (void)state;
    add_standby(w);
    w->dead[KT_PAIR_FIRST] = w->dead[KT_PAIR_STANDBY] = true;
    agent_world_write(w, 10);
    agent_world_run(w, 1000);
    speaks_to(w, "first");
    w->dead[KT_PAIR_FIRST] = false;
    agent_world_run(w, 60);
    has(&w->c, 10, 0, 0);
    has(&w->standby, 0, 0, 0);
    agent_world_free(w);
}

static void agent_that_waits_for_room_at_the_first_does_not_leave_it(void **state)
{
    struct agent_world *w = agent_world_new(33);

    (void)state;
    add_standby(w);
    w->c.deaf = true;
    w->c.refuse_reason = KT_REFUSE_DISK;
    agent_world_write(w, 10);
    agent_world_run(w, 1000);
    speaks_to(w, "first");
    has(&w->standby, 0, 0, 0);
    agent_world_free(w);
}

static void agent_remembers_the_standby_over_a_kill(void **state)
{
    struct agent_world *w = agent_world_new(34);

    (void)state;
    add_standby(w);
    agent_world_write(w, 100);
    agent_world_run(w, 5);
    w->dead[KT_PAIR_FIRST] = true;
    agent_world_run(w, 310);
    agent_world_write(w, 50);
    agent_world_run(w, 5);
    agent_world_kill(w);
    kt_fs_memory_crash(w->mem, agent_world_chance, w);
    agent_world_start(w);
    speaks_to(w, "standby");
    agent_world_write(w, 50);
    agent_world_run(w, 5);
    assert_int_equal(kt_map_count(w->standby.ids), 200);
    w->dead[KT_PAIR_FIRST] = false;
    agent_world_run(w, 62);
    speaks_to(w, "first");
    assert_int_equal(kt_map_count(w->c.ids), 200);
    assert_int_equal(w->c.restored + w->standby.restored, 0);
    agent_world_free(w);
}

static void agent_goes_back_when_the_standby_is_taken_out_of_its_file(void **state)
{
    struct agent_world *w = agent_world_new(35);

    (void)state;
    add_standby(w);
    agent_world_write(w, 100);
    agent_world_run(w, 5);
    w->dead[KT_PAIR_FIRST] = true;
    agent_world_run(w, 310);
    w->dead[KT_PAIR_FIRST] = false;
    agent_world_kill(w);
    w->conf.standby = NULL;
    memset(w->conf.standby_key, 0, sizeof w->conf.standby_key);
    agent_world_start(w);
    agent_world_write(w, 100);
    agent_world_run(w, 10);
    has(&w->c, 200, 0, 0);
    agent_world_kill(w);
    agent_world_start(w);
    agent_world_run(w, 10);
    has(&w->c, 200, 0, 0);
    agent_world_free(w);
}

static void agent_tells_of_a_first_that_was_restored_while_it_was_away(void **state)
{
    struct agent_world *w = agent_world_new(36);

    (void)state;
    add_standby(w);
    for (unsigned i = 0; i < 10; i++) {
        agent_world_write(w, 10);
        agent_world_run(w, 2);
    }
    w->dead[KT_PAIR_FIRST] = true;
    agent_world_run(w, 310);
    w->c.session[0].seq -= 3;
    w->dead[KT_PAIR_FIRST] = false;
    agent_world_run(w, 62);
    speaks_to(w, "first");
    assert_int_equal(w->c.restored, 1);
    assert_int_equal(kt_map_count(w->c.ids), 100);
    agent_world_free(w);
}

/* Kills of the agent and of both collectors, power cuts and lost messages from one seed. */
static void one_life_of_three(uint64_t seed)
{
    struct agent_world *w = agent_world_new(seed);

    add_standby(w);
    w->lose = (unsigned)kt_rng_below(&w->rng, 20);
    for (unsigned i = 0; i < 60; i++) {
        switch (kt_rng_below(&w->rng, 8)) {
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
        case 3:
            w->dead[KT_PAIR_FIRST] = !w->dead[KT_PAIR_FIRST];
            break;
        case 4:
            w->dead[KT_PAIR_STANDBY] = !w->dead[KT_PAIR_STANDBY];
            break;
        default:
            agent_world_write(w, kt_rng_below(&w->rng, 10));
        }
        agent_world_run(w, (unsigned)kt_rng_below(&w->rng, 200));
    }
    w->lose = 0;
    w->dead[KT_PAIR_FIRST] = w->dead[KT_PAIR_STANDBY] = false;
    agent_world_run(w, 180);
    speaks_to(w, "first");
    has(&w->c, w->written, w->c.duplicates, 0);
    w->dead[KT_PAIR_FIRST] = true;
    agent_world_run(w, 400);
    speaks_to(w, "standby");
    has(&w->standby, w->written, w->standby.duplicates, 0);
    agent_world_free(w);
}

static void two_collectors_have_each_event_once_in_many_lives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LIVES / 10; seed++)
        one_life_of_three(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agent_turns_to_the_standby_and_back_and_both_have_each_event_once),
        cmocka_unit_test(agent_stays_with_the_first_while_neither_answers),
        cmocka_unit_test(agent_that_waits_for_room_at_the_first_does_not_leave_it),
        cmocka_unit_test(agent_remembers_the_standby_over_a_kill),
        cmocka_unit_test(agent_goes_back_when_the_standby_is_taken_out_of_its_file),
        cmocka_unit_test(agent_tells_of_a_first_that_was_restored_while_it_was_away),
        cmocka_unit_test(two_collectors_have_each_event_once_in_many_lives),
    };

    kt_hash_init();
    kt_log_level_set(KT_LOG_ERROR);
    return cmocka_run_group_tests_name("agent_standby", tests, NULL, NULL);
}
