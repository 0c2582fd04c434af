/*
 * collector/pager: days of alerts, answers, nights and dead targets on a clock that is moved; the
 * same rows whatever is restarted or killed between.
 */
#include "collector/pager.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define MIN        KT_NS_MIN
#define ALERTS_MAX 6000u

struct world {
    char folder[64], db[96], yaml[96];
    struct kt_conf *conf;
    struct kt_store *store;
    struct kt_routes *routes;
    struct kt_pager *pager;
    struct kt_life life[ALERTS_MAX]; /* by the number of the alert */
    kt_time_ns now, step, silent;    /* silent: until then, but for what is critical */
    uint64_t luck;
    unsigned kills;
    const char *dies; /* a target whose rows become dead letters */
    struct kt_buf rows;
    struct kt_outbox_row *waiting;
    unsigned n_waiting;
};

static const char night[] =
    "alerts:\n  targets: { day: { type: slack }, pager: { type: slack }, boss: { type: slack } }\n"
    "  routes:\n"
    "    - match: \"severity:critical\"\n"
    "      to: pager\n"
    "      repeat: 20m\n"
    "      escalate: [ { after: 1h, to: boss } ]\n"
    "      continue: true\n"
    "    - match: \"severity:high,critical\"\n"
    "      to: day\n"
    "      repeat: 2h\n"
    "      fallback: pager\n"
    "      quiet: { hours: \"22:00-07:00\", zone: Europe/Berlin, except: \"severity:critical\" }\n"
    "    - to: day\n";

static void open_parts(struct world *w)
{
    struct kt_store_options so = { .path = w->db, .create = true, .dedupe_recent = 64 };
    struct kt_error err = { 0 };
    if (kt_store_open(&so, &w->store, &err) != KT_OK || kt_routes_new(w->conf, &w->routes, &err))
        fail_msg("%s", err.text);
}

/* "…0042" -> 42 */
static unsigned number_of(const char *id)
{
    return (unsigned)strtoul(id + 20, NULL, 10);
}

static const struct kt_life *life_of(void *self, const char *id)
{
    return &((struct world *)self)->life[number_of(id)];
}

static bool silenced(void *self, const struct kt_alert *a, kt_time_ns now)
{
    return ((struct world *)self)->silent > now && a->severity < KT_SEV_CRITICAL;
}

static void open_pager(struct world *w)
{
    const struct kt_pager_options o = {
        .store = w->store, .routes = w->routes, .life = life_of, .silenced = silenced, .self = w
    };
    w->pager = kt_pager_new(&o);
}

static void close_pager(struct world *w)
{
    kt_pager_free(KT_TAKE(w->pager));
}

static void configure(struct world *w, const char *text)
{
    struct kt_error err = { 0 };
    assert_int_equal(kt_fs_write_atomic(w->yaml, kt_str_of(text), 0600, NULL), KT_OK);
    kt_routes_free(KT_TAKE(w->routes));
    kt_conf_free(KT_TAKE(w->conf));
    if (kt_conf_load(w->yaml, &w->conf, &err) != KT_OK)
        fail_msg("%s", err.text);
}

static void begin_world(struct world *w, const char *text, const char *now)
{
    /* Thousands of commits: in memory, where there is such a folder. */
    const char *top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(w->folder, sizeof w->folder, "%s/keytrail-pager-XXXXXX", top);
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->db, sizeof w->db, "%s/store.db", w->folder);
    (void)snprintf(w->yaml, sizeof w->yaml, "%s/keytrail.yaml", w->folder);
    configure(w, text);
    open_parts(w);
    open_pager(w);
    assert_int_equal(kt_time_parse(kt_str_of(now), &w->now, NULL), KT_OK);
}

static void remove_one(void *arg, const char *path)
{
    (void)arg;
    (void)unlink(path);
}

static void end_world(struct world *w)
{
    char pattern[80];
    close_pager(w);
    kt_store_close(w->store);
    kt_routes_free(w->routes);
    kt_conf_free(w->conf);
    kt_buf_done(&w->rows);
    kt_free(w->waiting);
    (void)snprintf(pattern, sizeof pattern, "%s/*", w->folder);
    assert_int_equal(kt_fs_glob(pattern, remove_one, NULL, NULL), KT_OK);
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
}

static struct world *world_of(const char *text, const char *now)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->step = MIN;
    begin_world(w, text, now);
    return w;
}

static void id_of(unsigned number, char id[27])
{
    (void)snprintf(id, 27, "3NJ1RZ8VZ2G4K0YQ5T7W%06u", number % 1000000);
}

/* As collector/alerts.c does, but for what people do about it. */
static void raise_one(struct world *w, unsigned number, enum kt_severity severity)
{
    struct kt_alert a = { .severity = severity,
                          .detector = "unexpected_ip",
                          .state = "open",
                          .time = w->now,
                          .last = w->now,
                          .raised = w->now,
                          .title = KT_STR("ana read 41 secrets") };
    struct kt_error err = { 0 };
    id_of(number, a.id);
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    kt_alert_write(&a, &json);
    assert_int_equal(
        kt_store_alert_put(w->store, a.id, w->now, w->now, (int)severity, kt_buf_str(&json), NULL),
        KT_OK);
    if (kt_pager_raised(w->pager, a.id, w->now, &err) != KT_OK)
        fail_msg("%s", err.text);
}

static void raise_alert(struct world *w, unsigned number, enum kt_severity severity)
{
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    raise_one(w, number, severity);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void answer(struct world *w, unsigned number, bool answered)
{
    char id[27];
    id_of(number, id);
    w->life[number] = (struct kt_life){ .status = answered ? KT_LIFE_ACKNOWLEDGED : KT_LIFE_OPEN,
                                        .reopened = { .at = answered ? 0 : w->now } };
    kt_pager_answered(w->pager, id);
}

static void tick(struct world *w)
{
    unsigned rows;
    struct kt_error err = { 0 };
    if (!kt_pager_due(w->pager, w->now))
        return;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    if (kt_pager_tick(w->pager, w->now, &rows, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static enum kt_status take(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct world *w = self;
    (void)err;
    w->waiting = kt_realloc_array(w->waiting, w->n_waiting + 1, sizeof *w->waiting);
    w->waiting[w->n_waiting++] = *row;
    return KT_OK;
}

/* What the outbox does with rows that wait: they are sent, or their target is dead. */
static void send_all(struct world *w)
{
    w->n_waiting = 0;
    assert_int_equal(kt_store_outbox_waiting(w->store, 0, take, w, NULL), KT_OK);
    if (w->n_waiting == 0) /* a commit for nothing would be a sync for nothing */
        return;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    for (unsigned i = 0; i < w->n_waiting; i++) {
        struct kt_outbox_row *row = &w->waiting[i];
        bool dead = w->dies != NULL && strcmp(row->target, w->dies) == 0;
        kt_str_copyz(row->state, sizeof row->state, dead ? KT_STR("dead") : KT_STR("sent"));
        if (dead)
            kt_pager_dead(w->pager, row->alert);
        assert_int_equal(kt_store_outbox_update(w->store, row, NULL), KT_OK);
    }
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void restart(struct world *w, bool store)
{
    close_pager(w);
    if (store) {
        kt_store_close(w->store);
        kt_routes_free(KT_TAKE(w->routes));
        open_parts(w);
    }
    open_pager(w);
}

/* A kill in the middle: what the tick wrote was not committed. */
static void kill_it(struct world *w)
{
    unsigned rows;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_pager_tick(w->pager, w->now, &rows, NULL), KT_OK);
    w->kills += rows > 0;
    restart(w, true);
}

static unsigned chance(struct world *w)
{
    w->luck = w->luck * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(w->luck >> 33);
}

enum trouble { NO_TROUBLE, RESTARTS, KILLS };

static void minute(struct world *w, enum trouble trouble)
{
    if (trouble == RESTARTS && (kt_pager_due(w->pager, w->now) || chance(w) % 40 == 0))
        restart(w, false);
    if (trouble == KILLS && kt_pager_due(w->pager, w->now) && chance(w) % 3 == 0)
        kill_it(w);
    while (kt_pager_due(w->pager, w->now))
        tick(w);
    send_all(w);
    while (kt_pager_due(w->pager, w->now)) /* a dead letter, at once */
        tick(w);
    w->now += w->step;
}

static enum kt_status say_row(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct world *w = self;
    char when[KT_TIME_TEXT_MAX];
    kt_buf_addf(&w->rows, "%u %s %s %s %.16s\n", number_of(row->alert), row->target, row->action,
                row->state, kt_time_format_short(row->created, when));
    (void)err;
    return KT_OK;
}

static const char *rows_of(struct world *w, unsigned number)
{
    char id[27];
    id_of(number, id);
    kt_buf_reset(&w->rows);
    assert_int_equal(kt_store_outbox_of(w->store, id, say_row, w, NULL), KT_OK);
    return kt_buf_z(&w->rows);
}

/* ---- weeks ---- */

/* Nine days around the end of summer time in Berlin, 2026-10-25: an alert every few hours,
 * answers after a while, some rise, some are opened again. */
static struct world *weeks(enum trouble trouble)
{
    struct world *w = world_of(night, "2026-10-19T08:00:00Z");
    unsigned next = 1;
    w->luck = 7;
    w->step = 5 * MIN;
    for (unsigned m = 0; m < 9 * 288; m++) {
        if (m % 158 == 0 && m < 8 * 288)
            raise_alert(w, next++, (enum kt_severity)(KT_SEV_MEDIUM + m / 158 % 3));
        if (m % 158 == 18 && next > 2 && next % 4 == 0)
            raise_alert(w, next - 2, KT_SEV_CRITICAL);
        if (m % 158 == 100 && next > 2)
            answer(w, next - 2, true);
        if (m % 158 == 120 && next > 6 && next % 5 == 0)
            answer(w, next - 6, false);
        if (m % 158 == 156 && next > 6 && next % 5 == 0)
            answer(w, next - 6, true);
        minute(w, trouble);
    }
    return w;
}

static void restarts_and_kills_change_no_row(void **state)
{
    (void)state;
    struct world *plain = weeks(NO_TROUBLE);
    for (int trouble = RESTARTS; trouble <= KILLS; trouble++) {
        struct world *w = weeks((enum trouble)trouble);
        unsigned rows = 0;
        for (unsigned i = 1; i < 15; i++) {
            assert_string_equal(rows_of(w, i), rows_of(plain, i));
            for (const char *at = rows_of(w, i); (at = strchr(at, '\n')) != NULL; at++)
                rows++;
        }
        assert_true(rows > 80);
        assert_true(trouble != KILLS || w->kills > 5);
        end_world(w);
    }
    end_world(plain);
}

static void run_until(struct world *w, const char *when)
{
    kt_time_ns until;
    assert_int_equal(kt_time_parse(kt_str_of(when), &until, NULL), KT_OK);
    while (w->now < until)
        minute(w, NO_TROUBLE);
}

static void a_night_is_held_to_its_end_on_the_clock_on_the_wall(void **state)
{
    (void)state;
    struct world *w = world_of(night, "2026-10-24T21:10:00Z"); /* 23:10; the night has 25 hours */
    raise_alert(w, 1, KT_SEV_HIGH);
    run_until(w, "2026-10-25T05:00:00Z"); /* 06:00 */
    assert_string_equal(rows_of(w, 1), "1 day trigger held 2026-10-24 21:10\n");
    run_until(w, "2026-10-25T08:30:00Z");
    assert_string_equal(rows_of(w, 1), "1 day trigger sent 2026-10-25 06:00\n"
                                       "1 day repeat:1 sent 2026-10-25 08:00\n");
    answer(w, 1, true);
    run_until(w, "2026-10-26T12:00:00Z");
    assert_string_equal(rows_of(w, 1), "1 day trigger sent 2026-10-25 06:00\n"
                                       "1 day repeat:1 sent 2026-10-25 08:00\n");
    assert_int_equal(kt_pager_waiting(w->pager), 0);
    end_world(w);
}

static void what_was_answered_in_the_night_is_listed_and_not_told(void **state)
{
    (void)state;
    struct world *w = world_of(night, "2026-11-24T23:00:00Z");
    raise_alert(w, 1, KT_SEV_HIGH);
    run_until(w, "2026-11-25T01:00:00Z");
    answer(w, 1, true);
    run_until(w, "2026-11-25T12:00:00Z");
    assert_string_equal(rows_of(w, 1), "1 day trigger skipped 2026-11-24 23:00\n");
    answer(w, 1, false); /* opened again: now it is news */
    run_until(w, "2026-11-25T12:01:00Z");
    assert_string_equal(rows_of(w, 1), "1 day trigger sent 2026-11-25 12:00\n");
    end_world(w);
}

static void a_rise_tells_who_has_not_heard_and_breaks_the_quiet(void **state)
{
    (void)state;
    struct world *w = world_of(night, "2026-11-24T23:00:00Z");
    raise_alert(w, 1, KT_SEV_HIGH);
    run_until(w, "2026-11-24T23:30:00Z");
    raise_alert(w, 1, KT_SEV_CRITICAL);
    run_until(w, "2026-11-25T00:01:00Z");
    assert_string_equal(rows_of(w, 1), "1 day trigger sent 2026-11-24 23:30\n"
                                       "1 pager trigger sent 2026-11-24 23:30\n"
                                       "1 pager repeat:1 sent 2026-11-24 23:50\n");
    raise_alert(w, 1, KT_SEV_CRITICAL); /* no second page */
    run_until(w, "2026-11-25T00:35:00Z");
    const char *rows = rows_of(w, 1);
    assert_null(strstr(strstr(rows, "pager trigger") + 1, "pager trigger"));
    assert_non_null(strstr(rows, "1 boss escalate:1 sent 2026-11-25 00:30"));
    end_world(w);
}

static void a_dead_target_is_stood_in_for_once(void **state)
{
    (void)state;
    struct world *w = world_of(night, "2026-11-24T12:00:00Z");
    static const char *const broken[] = { "day" };
    w->dies = "day";
    raise_alert(w, 1, KT_SEV_HIGH);
    run_until(w, "2026-11-24T12:02:00Z");
    assert_string_equal(rows_of(w, 1), "1 day trigger dead 2026-11-24 12:00\n"
                                       "1 pager trigger:fallback sent 2026-11-24 12:00\n");
    w->dies = NULL;
    raise_alert(w, 2, KT_SEV_HIGH);
    run_until(w, "2026-11-24T12:10:00Z");
    kt_pager_broken(w->pager, broken, 1);
    run_until(w, "2026-11-24T12:20:00Z");
    assert_string_equal(rows_of(w, 2), "2 day trigger sent 2026-11-24 12:02\n"
                                       "2 pager trigger:fallback sent 2026-11-24 12:10\n");
    end_world(w);
}

/* New routes are in force at once; what was held finds its way, and nobody hears twice. */
static void new_routes_lose_nothing_that_is_pending(void **state)
{
    (void)state;
    static const char changed[] =
        "alerts:\n  targets: { day: { type: slack }, pager: { type: slack }, boss: { type: slack } "
        "}\n  routes: [ { to: [pager, boss], repeat: 1h } ]\n";
    struct world *w = world_of(night, "2026-11-24T23:00:00Z");
    raise_alert(w, 1, KT_SEV_HIGH);
    raise_alert(w, 2, KT_SEV_CRITICAL);
    run_until(w, "2026-11-24T23:10:00Z");
    close_pager(w);
    configure(w, changed);
    assert_int_equal(kt_routes_new(w->conf, &w->routes, NULL), KT_OK);
    open_pager(w);
    run_until(w, "2026-11-25T00:05:00Z");
    assert_string_equal(rows_of(w, 1), "1 day trigger skipped 2026-11-24 23:00\n"
                                       "1 pager trigger sent 2026-11-24 23:10\n"
                                       "1 boss trigger sent 2026-11-24 23:10\n");
    assert_string_equal(rows_of(w, 2), "2 pager trigger sent 2026-11-24 23:00\n"
                                       "2 day trigger sent 2026-11-24 23:00\n"
                                       "2 boss trigger sent 2026-11-24 23:10\n"
                                       "2 pager repeat:1 sent 2026-11-25 00:00\n");
    end_world(w);
}

/* More than the list holds: the worst are repeated on time, the others when there is room. */
static void the_worst_are_kept_when_there_are_too_many(void **state)
{
    (void)state;
    static const char routes[] = "alerts:\n  targets: { day: { type: slack } }\n"
                                 "  routes: [ { to: day, repeat: 1h } ]\n";
    struct world *w = world_of(routes, "2026-11-24T12:00:00Z");
    unsigned n = KT_PAGES_MAX + 200;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    for (unsigned i = 1; i <= n; i++)
        raise_one(w, i, i > n - 300 ? KT_SEV_CRITICAL : KT_SEV_MEDIUM);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    assert_int_equal(kt_pager_waiting(w->pager), KT_PAGES_MAX);
    run_until(w, "2026-11-24T13:01:00Z");
    assert_non_null(strstr(rows_of(w, n), "repeat:1"));
    for (unsigned i = 1; i <= n - 300; i++)
        answer(w, i, true);
    for (unsigned i = 1; i < 200; i += 2) /* some of those without room were not answered */
        w->life[i].status = KT_LIFE_OPEN;
    run_until(w, "2026-11-24T14:05:00Z");
    for (unsigned i = 1; i < 200; i += 2)
        assert_non_null(strstr(rows_of(w, i), "repeat:1"));
    end_world(w);
}

/* Nothing is told while a silence lasts; what was due comes once at its end. */
static void a_silence_stops_repeats_until_it_is_over(void **state)
{
    (void)state;
    struct world *w = world_of(night, "2026-11-24T10:00:00Z");
    raise_alert(w, 1, KT_SEV_HIGH);
    run_until(w, "2026-11-24T10:10:00Z");
    assert_int_equal(kt_time_parse(KT_STR("2026-11-24T15:00:00Z"), &w->silent, NULL), KT_OK);
    restart(w, false);
    run_until(w, "2026-11-24T17:30:00Z");
    assert_string_equal(rows_of(w, 1), "1 day trigger sent 2026-11-24 10:00\n"
                                       "1 day repeat:1 sent 2026-11-24 15:00\n"
                                       "1 day repeat:2 sent 2026-11-24 17:00\n");
    end_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts_and_kills_change_no_row),
        cmocka_unit_test(a_night_is_held_to_its_end_on_the_clock_on_the_wall),
        cmocka_unit_test(what_was_answered_in_the_night_is_listed_and_not_told),
        cmocka_unit_test(a_rise_tells_who_has_not_heard_and_breaks_the_quiet),
        cmocka_unit_test(a_dead_target_is_stood_in_for_once),
        cmocka_unit_test(new_routes_lose_nothing_that_is_pending),
        cmocka_unit_test(a_silence_stops_repeats_until_it_is_over),
        cmocka_unit_test(the_worst_are_kept_when_there_are_too_many),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_pager", tests, NULL, NULL);
}
