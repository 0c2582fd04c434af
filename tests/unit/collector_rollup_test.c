/*
 * collector_rollup: the roll-up file against a naive count of the same accesses, round by round;
 * what becomes of a file that is damaged, another log's, or was left half made; names stay out of
 * it unless they are asked for.
 */
#include "collector/rollup.h"
#include "core/base/alloc.h"
#include "core/store/rollup.h"
#include "core/sys/fs.h"
#include "exporters/alerts/alert.h"
#include "tests/support/accesses.h"
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define HOURS 48u

struct world {
    struct accesses *a;
    struct kt_conf *conf;
    struct kt_conf copy;
    char path[128];
    struct kt_clock_memory clock;
    uint64_t naive[HOURS][KT_ACT_COUNT][KT_OUT_COUNT];
    uint64_t total;
};
static struct world w;

static int set_up(void **state)
{
    w = (struct world){ 0 };
    (void)accesses_set_up(state);
    w.a = *state;
    w.conf = kt_conf_defaults();
    w.copy = *w.conf;
    (void)snprintf(w.path, sizeof w.path, "%s/grafana.db", w.a->folder);
    w.copy.store_path = w.a->path;
    w.copy.rollup = (struct kt_conf_rollup){ .path = w.path, .every = KT_NS_MIN };
    w.clock = (struct kt_clock_memory){ .wall = ACCESSES_NOW, .mono = KT_NS_DAY };
    return 0;
}

static int tear_down(void **state)
{
    kt_conf_free(w.conf);
    return accesses_tear_down(state);
}

/* Knuth's MMIX generator. */
static unsigned any(unsigned below)
{
    static uint64_t state = 11;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % below;
}

static void add(unsigned n)
{
    static const enum kt_action actions[] = { KT_ACT_READ, KT_ACT_WRITE, KT_ACT_LIST };
    static const enum kt_outcome outcomes[] = { KT_OUT_SUCCESS, KT_OUT_DENIED };
    for (unsigned i = 0; i < n; i++) {
        unsigned hour = any(HOURS);
        struct access x = { .at = MAKE_T0 + hour * KT_NS_HOUR + any(3600) * KT_NS_S,
                            .actor = "ana",
                            .secret = any(2) ? ACCESSES_KV : "vault://prod/-/secret/prod/api",
                            .action = actions[any(3)],
                            .outcome = outcomes[any(2)] };
        accesses_add(w.a, &x);
        w.naive[hour][x.action][x.outcome]++;
        w.total++;
        if (i % 500 == 499)
            accesses_flush(w.a);
    }
    accesses_flush(w.a);
}

static struct kt_rollup_made make(void)
{
    struct kt_rollup_made made = { 0 };
    struct kt_error err = { 0 };
    accesses_must(kt_rollup_make(&w.copy, kt_clock_memory(&w.clock), NULL, NULL, &made, &err),
                  &err);
    return made;
}

/* As Grafana does: read only, immutable. */
static int64_t ask(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    char uri[200];
    (void)snprintf(uri, sizeof uri, "file:%s?mode=ro&immutable=1", w.path);
    assert_int_equal(sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL), 0);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    return n;
}

static void is_as_counted(void)
{
    char sql[300];
    assert_int_equal(ask("SELECT sum(events) FROM access"), w.total);
    for (unsigned h = 0; h < HOURS; h++) {
        for (unsigned a = 0; a < KT_ACT_COUNT; a++) {
            for (unsigned o = 0; o < KT_OUT_COUNT; o++) {
                if (w.naive[h][a][o] == 0)
                    continue;
                (void)snprintf(sql, sizeof sql,
                               "SELECT events FROM access WHERE time = %lld AND verb = '%s' AND "
                               "outcome = '%s'",
                               (long long)((MAKE_T0 + h * KT_NS_HOUR) / KT_NS_S),
                               kt_action_word((enum kt_action)a),
                               kt_outcome_word((enum kt_outcome)o));
                assert_int_equal(ask(sql), w.naive[h][a][o]);
            }
        }
    }
}

static void rounds_add_up(void **state)
{
    (void)state;
    add(3000);
    assert_int_equal(make().events, 3000);
    is_as_counted();
    add(1);
    assert_int_equal(make().events, 1); /* no more than what is new is read */
    is_as_counted();
    add(700);
    assert_int_equal(make().events, 700);
    is_as_counted();
    assert_int_equal(make().events, 0);
    is_as_counted();
    assert_int_equal(ask("SELECT value FROM meta WHERE key = 'written'"), ACCESSES_NOW / KT_NS_S);
}

static void a_file_that_is_none_of_ours_is_made_again(void **state)
{
    static const char *const spoil[] = {
        "UPDATE meta SET value = '00000000000000000000000000000000' WHERE key = 'log'",
        "UPDATE meta SET value = '99999999' WHERE key = 'upto'",
        "DELETE FROM meta WHERE key = 'upto'",
        "DROP TABLE meta",
        "PRAGMA user_version = 77",
        "ALTER TABLE access RENAME TO other",
    };
    (void)state;
    add(200);
    (void)make();
    for (unsigned i = 0; i < KT_ARRAY_LEN(spoil); i++) {
        sqlite3 *db = NULL;
        assert_int_equal(sqlite3_open(w.path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, spoil[i], NULL, NULL, NULL), SQLITE_OK);
        (void)sqlite3_close(db);
        assert_int_equal(make().events, 200);
        is_as_counted();
    }
    assert_int_equal(kt_fs_write_atomic(w.path, KT_STR("no database at all"), 0600, NULL), KT_OK);
    assert_int_equal(make().events, 200);
    is_as_counted();
    assert_int_equal(truncate(w.path, 12288), 0);
    (void)make();
    is_as_counted();
}

static void what_is_half_made_is_left_behind(void **state)
{
    char fresh[160];
    struct stat there;
    (void)state;
    (void)snprintf(fresh, sizeof fresh, "%s.new", w.path);
    assert_int_equal(kt_fs_write_atomic(fresh, KT_STR("killed in the middle"), 0600, NULL), KT_OK);
    add(50);
    (void)make();
    is_as_counted();
    assert_int_not_equal(stat(fresh, &there), 0);
    assert_int_equal(stat(w.path, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0640); /* the group may read it */
}

static bool give_up(void *self)
{
    return --*(int *)self < 0;
}

static void a_round_that_is_given_up_changes_nothing(void **state)
{
    struct kt_rollup_made made;
    struct kt_error err = { 0 };
    int left = 0;
    char fresh[160];
    (void)state;
    (void)snprintf(fresh, sizeof fresh, "%s.new", w.path);
    add(50);
    (void)make();
    add(50);
    assert_int_equal(
        kt_rollup_make(&w.copy, kt_clock_memory(&w.clock), give_up, &left, &made, &err),
        KT_E_LIMIT);
    assert_int_equal(ask("SELECT sum(events) FROM access"), 50);
    assert_int_not_equal(access(fresh, F_OK), 0);
    (void)make();
    is_as_counted();
}

static void put_alert(const char *title)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert a = { .id = "01AAAAAAAAAAAAAAAAAAAAAAAA",
                          .severity = KT_SEV_HIGH,
                          .detector = "volume_spike",
                          .state = "open",
                          .raised = MAKE_T0,
                          .title = kt_str_of(title),
                          .instance = KT_STR("vault-prod") };
    kt_alert_write(&a, &json);
    struct kt_error err = { 0 };
    accesses_must(kt_store_begin(w.a->store, &err), &err);
    accesses_must(kt_store_alert_put(w.a->store, a.id, MAKE_T0, MAKE_T0, KT_SEV_HIGH,
                                     kt_buf_str(&json), &err),
                  &err);
    accesses_must(kt_store_commit(w.a->store, &err), &err);
}

/* Nowhere in the bytes of the file. */
static bool holds(const char *text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    assert_int_equal(kt_fs_read_all(w.path, 16u << 20, &all, NULL), KT_OK);
    return kt_str_find(kt_buf_str(&all), kt_str_of(text), 0) >= 0;
}

static void names_of_secrets_are_in_it_only_when_asked_for(void **state)
{
    (void)state;
    add(300);
    put_alert("ana read prod/db 41 times");
    (void)make();
    assert_int_equal(ask("SELECT count(*) FROM alert WHERE severity = 'high' AND status = 'open' "
                         "AND acknowledged IS NULL AND source = 'vault-prod' AND title = ''"),
                     1);
    assert_false(holds("prod/db") || holds("prod/api") || holds("ana"));
    w.copy.rollup.secret_names = true;
    assert_int_equal(make().events, 300); /* made anew: they are summed up, too */
    assert_int_equal(ask("SELECT sum(events) FROM secret"), 300);
    assert_int_equal(ask("SELECT count(DISTINCT secret) FROM secret"), 2);
    assert_int_equal(ask("SELECT count(*) FROM secret WHERE time % 86400 <> 0"), 0);
    assert_int_equal(ask("SELECT count(*) FROM secret s WHERE NOT EXISTS (SELECT 1 FROM access a "
                         "WHERE a.source = s.source)"),
                     0);
    assert_true(holds("ana read prod/db 41 times"));
    w.copy.rollup.secret_names = false;
    (void)make();
    assert_false(holds("prod/db") || holds("ana"));
    is_as_counted();
}

static void nothing_is_made_that_is_not_configured(void **state)
{
    struct kt_rollups *r = NULL;
    struct kt_conf off = w.copy;
    off.rollup.path = NULL;
    (void)state;
    assert_int_equal(kt_rollups_open(&off, kt_clock_real, &r, NULL), KT_OK);
    assert_null(r);
    kt_rollups_close(r);
}

static void the_thread_makes_it_and_ends(void **state)
{
    struct kt_rollups *r = NULL;
    (void)state;
    add(20);
    assert_int_equal(kt_rollups_open(&w.copy, kt_clock_memory(&w.clock), &r, NULL), KT_OK);
    for (unsigned i = 0; i < 1000 && access(w.path, F_OK) != 0; i++)
        (void)usleep(10000);
    kt_rollups_close(r);
    is_as_counted();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(rounds_add_up),
        T(a_file_that_is_none_of_ours_is_made_again),
        T(what_is_half_made_is_left_behind),
        T(a_round_that_is_given_up_changes_nothing),
        T(names_of_secrets_are_in_it_only_when_asked_for),
        T(nothing_is_made_that_is_not_configured),
        T(the_thread_makes_it_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
