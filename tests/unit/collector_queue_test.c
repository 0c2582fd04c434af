/* collector_queue: what a target gets next, and what is one message in a storm. No thread, no
 * network, no clock. */
#include "collector/outbox_queue.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "exporters/alerts/alert.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

#define WALL  (INT64_C(1795377600) * KT_NS_S + 10 * KT_NS_S) /* 10 s into a minute */
#define MONO  KT_NS_DAY
#define LATER (MONO + KT_NS_MIN)

struct world {
    struct kt_queue queue;
    uint64_t change;
    struct kt_arena arena;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->arena = kt_arena_new(256u << 10);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    kt_queue_done(&w->queue);
    kt_arena_done(&w->arena);
    free(w);
    return 0;
}

/* One row of the alert with this number. */
struct given {
    int64_t row;
    unsigned alert;
    enum kt_severity severity;
    const char *action, *detector;
};

static void add(struct world *w, struct given g)
{
    struct kt_item *it = kt_alloc(sizeof *it);
    char actor[16];
    (void)snprintf(actor, sizeof actor, "actor%u", g.alert);
    struct kt_alert a = { .severity = g.severity,
                          .detector = g.detector != NULL ? g.detector : "volume_spike",
                          .state = "open",
                          .first = WALL,
                          .last = WALL,
                          .title = KT_STR("ana read 41 secrets"),
                          .actor = kt_str_of(actor),
                          .events_count = 2 };
    it->row = (struct kt_outbox_row){
        .row = g.row, .created = WALL, .severity = (int)g.severity, .state = "wait"
    };
    (void)snprintf(it->row.target, sizeof it->row.target, "chat");
    (void)snprintf(it->row.alert, sizeof it->row.alert, "%026u", g.alert);
    kt_str_copyz(it->row.action, sizeof it->row.action,
                 kt_str_of(g.action != NULL ? g.action : "trigger"));
    memcpy(a.id, it->row.alert, sizeof a.id);
    it->due = MONO;
    kt_alert_write(&a, &it->json);
    kt_queue_add(&w->queue, it, MONO, &w->arena);
}

/* The row that goes next, which is delivered; 0: none. */
static int64_t deliver(struct world *w, kt_time_ns now)
{
    struct kt_item *it = kt_queue_next(&w->queue, now, false);
    if (it == NULL)
        return 0;
    int64_t row = it->row.row;
    it->flying = true;
    assert_ptr_equal(kt_queue_flying(&w->queue, row), it);
    kt_queue_end(&w->queue, it, ++w->change);
    kt_queue_written(&w->queue, w->change);
    return row;
}

static void condense(struct world *w)
{
    kt_queue_condense(&w->queue, MONO, WALL, &w->arena);
}

/* ---- order ---- */

static void the_worst_goes_first_then_the_oldest(void **state)
{
    struct world *w = *state;
    add(w, (struct given){ .row = 1, .alert = 1, .severity = KT_SEV_MEDIUM });
    add(w, (struct given){ .row = 2, .alert = 2, .severity = KT_SEV_HIGH });
    add(w, (struct given){ .row = 3, .alert = 3, .severity = KT_SEV_CRITICAL });
    add(w, (struct given){ .row = 4, .alert = 4, .severity = KT_SEV_HIGH });
    const int64_t order[] = { 3, 2, 4, 1, 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(order); i++)
        assert_int_equal(deliver(w, MONO), order[i]);
}

static void rows_of_one_alert_keep_their_order(void **state)
{
    struct world *w = *state;
    add(w, (struct given){ .row = 1, .alert = 7, .severity = KT_SEV_MEDIUM });
    add(w, (struct given){ .row = 2, .alert = 8, .severity = KT_SEV_HIGH });
    add(w,
        (struct given){ .row = 3, .alert = 7, .severity = KT_SEV_CRITICAL, .action = "update:1" });
    add(w,
        (struct given){ .row = 4, .alert = 7, .severity = KT_SEV_CRITICAL, .action = "resolve" });
    const int64_t order[] = { 2, 1, 3, 4, 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(order); i++)
        assert_int_equal(deliver(w, MONO), order[i]);
}

static void the_next_row_of_an_alert_waits_until_the_last_is_written(void **state)
{
    struct world *w = *state;
    add(w, (struct given){ .row = 1, .alert = 7, .severity = KT_SEV_HIGH });
    add(w, (struct given){ .row = 2, .alert = 8, .severity = KT_SEV_HIGH });
    struct kt_item *it = kt_queue_next(&w->queue, MONO, false);
    it->flying = true;
    kt_queue_end(&w->queue, it, 5);
    add(w, (struct given){ .row = 3, .alert = 7, .severity = KT_SEV_HIGH, .action = "resolve" });
    assert_int_equal(kt_queue_next(&w->queue, MONO, false)->row.row, 2); /* others may go */
    kt_queue_written(&w->queue, 4);
    assert_int_equal(w->queue.n, 3);
    kt_queue_written(&w->queue, 5);
    assert_int_equal(w->queue.n, 2);
    w->change = 5;
    assert_int_equal(deliver(w, MONO), 2);
    assert_int_equal(deliver(w, MONO), 3);
}

/* Given while the answer to the first is known here and not yet in the store. */
static void a_row_goes_into_the_thread_of_the_one_before(void **state)
{
    struct world *w = *state;
    add(w, (struct given){ .row = 1, .alert = 7, .severity = KT_SEV_HIGH });
    struct kt_item *it = kt_queue_next(&w->queue, MONO, false);
    it->flying = true;
    kt_queue_set_handle(&w->queue, it->row.alert, KT_STR("C1 17.5"));
    kt_queue_end(&w->queue, it, 5);
    add(w, (struct given){ .row = 2, .alert = 7, .severity = KT_SEV_HIGH, .action = "update:1" });
    add(w, (struct given){ .row = 3, .alert = 8, .severity = KT_SEV_HIGH });
    assert_string_equal(kt_queue_next(&w->queue, MONO, false)->row.handle, ""); /* another's */
    kt_queue_written(&w->queue, 5);
    assert_string_equal(kt_queue_next(&w->queue, MONO, false)->row.handle, "C1 17.5");
}

static void a_row_that_was_put_back_goes_before_the_younger(void **state)
{
    struct world *w = *state;
    add(w, (struct given){ .row = 5, .alert = 7, .severity = KT_SEV_HIGH, .action = "update:1" });
    add(w, (struct given){ .row = 2, .alert = 7, .severity = KT_SEV_HIGH });
    add(w, (struct given){ .row = 4, .alert = 7, .severity = KT_SEV_HIGH, .action = "update:0" });
    const int64_t order[] = { 2, 4, 5, 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(order); i++)
        assert_int_equal(deliver(w, MONO), order[i]);
}

static void what_is_not_due_waits_unless_it_is_a_probe(void **state)
{
    struct world *w = *state;
    add(w, (struct given){ .row = 1, .alert = 1, .severity = KT_SEV_HIGH });
    w->queue.items[0]->due = MONO + KT_NS_S;
    assert_null(kt_queue_next(&w->queue, MONO, false));
    assert_non_null(kt_queue_next(&w->queue, MONO, true));
    assert_int_equal(kt_queue_due(&w->queue), MONO + KT_NS_S);
    kt_queue_hurry(&w->queue, MONO);
    assert_int_equal(deliver(w, MONO), 1);
    assert_int_equal(kt_queue_due(&w->queue), KT_TIME_NEVER);
}

/* ---- storms ---- */

static void a_target_that_machines_read_gets_each(void **state)
{
    struct world *w = *state;
    for (unsigned i = 1; i <= 100; i++)
        add(w, (struct given){ .row = i, .alert = i, .severity = KT_SEV_HIGH });
    condense(w);
    assert_int_equal(w->queue.n, 100);
}

static void few_alerts_come_one_by_one(void **state)
{
    struct world *w = *state;
    w->queue.bundles = true;
    for (unsigned i = 1; i <= 6; i++) /* the first of its kind, and five */
        add(w, (struct given){ .row = i, .alert = i, .severity = KT_SEV_HIGH });
    condense(w);
    for (unsigned i = 1; i <= 6; i++)
        assert_int_equal(deliver(w, MONO), i);
}

static void a_storm_is_one_message_a_kind_and_minute(void **state)
{
    struct world *w = *state;
    w->queue.bundles = true;
    for (unsigned i = 1; i <= 300; i++)
        add(w, (struct given){ .row = i, .alert = i, .severity = KT_SEV_MEDIUM });
    add(w, (struct given){ .row = 301, .alert = 301, .severity = KT_SEV_HIGH });
    add(w, (struct given){ .row = 302, .alert = 302, .severity = KT_SEV_HIGH });
    add(w, (struct given){ .row = 303, .alert = 303, .severity = KT_SEV_CRITICAL });
    add(w, (struct given){
               .row = 304, .alert = 304, .severity = KT_SEV_MEDIUM, .detector = "dormant" });
    condense(w);
    assert_int_equal(w->queue.bundled[KT_SEV_MEDIUM], 295); /* 300 less the first and four */
    assert_int_equal(w->queue.bundled[KT_SEV_HIGH], 0);
    /* alone: critical, the first high one and one more, the first of the kind and four of it, the
     * first of another kind */
    const int64_t alone[] = { 303, 301, 302, 1, 2, 3, 4, 5, 304, 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(alone); i++)
        assert_int_equal(deliver(w, MONO), alone[i]);
    assert_true(kt_queue_due(&w->queue) > MONO + 50 * KT_NS_S); /* when the minute is over */
    struct kt_item *it = kt_queue_next(&w->queue, LATER, false);
    assert_non_null(it);
    assert_int_equal(it->bundle->n, 295);
    assert_int_equal(w->queue.n, 1);
    struct kt_alert a;
    kt_arena_reset(&w->arena);
    assert_int_equal(kt_alert_read(kt_buf_str(&it->json), &w->arena, &a, NULL), KT_OK);
    assert_string_equal(a.id, it->row.alert);
    assert_int_equal(a.severity, KT_SEV_MEDIUM);
    assert_string_equal(a.detector, "volume_spike");
    assert_true(kt_str_starts(
        a.title, KT_STR("295 alerts of volume spike in one minute (2026-11-22 20:00 UTC)")));
    assert_true(kt_str_starts(a.normal, KT_STR("By actor6, actor7, actor8, actor9, actor10 and "
                                               "290 others. ")));
    assert_true(
        kt_str_starts(a.command, KT_STR("keytrail alerts list --since 2026-11-22T20:00:10")));
    assert_int_equal(a.events_count, 590);
}

static void a_group_has_its_worst_alerts_place(void **state)
{
    struct world *w = *state;
    w->queue.bundles = true;
    for (unsigned i = 1; i <= 20; i++)
        add(w, (struct given){ .row = i, .alert = i, .severity = KT_SEV_MEDIUM });
    for (unsigned i = 21; i <= 40; i++)
        add(w, (struct given){ .row = i, .alert = i, .severity = KT_SEV_HIGH });
    condense(w);
    while (deliver(w, MONO) != 0)
        continue;
    add(w,
        (struct given){ .row = 50, .alert = 50, .severity = KT_SEV_MEDIUM, .detector = "dormant" });
    struct kt_item *it = kt_queue_next(&w->queue, LATER, false);
    assert_non_null(it->bundle);
    assert_int_equal(it->row.severity, KT_SEV_HIGH);
    assert_int_equal(it->bundle->n, 19 - 5 + 19);
}

static void later_rows_of_a_grouped_alert_join_or_wait(void **state)
{
    struct world *w = *state;
    w->queue.bundles = true;
    for (unsigned i = 1; i <= 20; i++)
        add(w, (struct given){ .row = i, .alert = i, .severity = KT_SEV_MEDIUM });
    condense(w);
    while (deliver(w, MONO) != 0)
        continue;
    add(w,
        (struct given){ .row = 30, .alert = 20, .severity = KT_SEV_MEDIUM, .action = "update:1" });
    assert_int_equal(w->queue.n, 1); /* it joined */
    struct kt_item *it = kt_queue_next(&w->queue, LATER, false);
    assert_int_equal(it->bundle->n, 15);
    it->flying = true;
    add(w,
        (struct given){ .row = 31, .alert = 20, .severity = KT_SEV_MEDIUM, .action = "resolve" });
    assert_null(kt_queue_next(&w->queue, LATER, false)); /* not before the group is through */
    it->flying = false;
    int64_t row = it->row.row;
    assert_int_equal(deliver(w, LATER), row);
    assert_int_equal(deliver(w, LATER), 31);
}

static void a_group_of_one_is_that_one(void **state)
{
    struct world *w = *state;
    w->queue.bundles = true;
    for (unsigned i = 1; i <= 7; i++)
        add(w, (struct given){ .row = i, .alert = i, .severity = KT_SEV_MEDIUM });
    condense(w);
    for (unsigned i = 1; i <= 6; i++)
        assert_int_equal(deliver(w, MONO), i);
    assert_int_equal(deliver(w, MONO), 0);
    struct kt_item *it = kt_queue_next(&w->queue, LATER, false);
    assert_null(it->bundle);
    assert_int_equal(it->row.row, 7);
    assert_true(kt_str_has(kt_buf_str(&it->json), KT_STR("ana read 41 secrets")));
}

static void what_follows_critical_alerts_may_be_grouped(void **state)
{
    struct world *w = *state;
    w->queue.bundles = true;
    for (unsigned i = 1; i <= 20; i++)
        add(w, (struct given){ .row = i, .alert = i, .severity = KT_SEV_CRITICAL });
    condense(w);
    for (unsigned i = 1; i <= 20; i++)
        assert_int_equal(deliver(w, MONO), i);
    for (unsigned i = 1; i <= 20; i++)
        add(w, (struct given){
                   .row = 20 + i, .alert = i, .severity = KT_SEV_CRITICAL, .action = "resolve" });
    condense(w);
    assert_int_equal(w->queue.n, 6);
}

static void a_group_is_bounded(void **state)
{
    struct world *w = *state;
    w->queue.bundles = true;
    for (unsigned i = 1; i <= KT_BUNDLE_ROWS_MAX + 100; i++) {
        add(w, (struct given){ .row = i, .alert = i, .severity = KT_SEV_MEDIUM });
        if (i % 128 == 0)
            condense(w);
    }
    condense(w);
    unsigned rows = 0, groups = 0;
    for (unsigned i = 0; i < w->queue.n; i++) {
        rows += w->queue.items[i]->bundle != NULL ? w->queue.items[i]->bundle->n : 1;
        groups += w->queue.items[i]->bundle != NULL;
        assert_true(w->queue.items[i]->bundle == NULL ||
                    w->queue.items[i]->bundle->n <= KT_BUNDLE_ROWS_MAX);
    }
    assert_int_equal(groups, 2);
    assert_int_equal(rows, KT_BUNDLE_ROWS_MAX + 100); /* nothing is lost */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(the_worst_goes_first_then_the_oldest),
        T(rows_of_one_alert_keep_their_order),
        T(the_next_row_of_an_alert_waits_until_the_last_is_written), /* A6 */
        T(a_row_goes_into_the_thread_of_the_one_before),
        T(a_row_that_was_put_back_goes_before_the_younger),
        T(what_is_not_due_waits_unless_it_is_a_probe),
        T(a_target_that_machines_read_gets_each),
        T(few_alerts_come_one_by_one),
        T(a_storm_is_one_message_a_kind_and_minute), /* H6 */
        T(a_group_has_its_worst_alerts_place),
        T(later_rows_of_a_grouped_alert_join_or_wait),
        T(a_group_of_one_is_that_one),
        T(what_follows_critical_alerts_may_be_grouped),
        T(a_group_is_bounded),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_queue", tests, NULL, NULL);
}
