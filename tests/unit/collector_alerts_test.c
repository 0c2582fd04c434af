/* collector_alerts: alerts become rows, rows reach the outbox once and come back. */
#include "collector/alerts.h"
#include "collector/deliver.h"
#include "collector/self_codes.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/store/read.h"
#include "core/sys/fs.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define NOW  (INT64_C(1795377600) * KT_NS_S)
#define ROWS 32

struct world {
    char folder[64], db[96];
    struct kt_conf *conf;
    struct kt_store *store;
    struct kt_triage *triage;
    struct kt_routes *routes;
    struct kt_pager *pager;
    struct kt_alerts *alerts;
    struct kt_outbox_row row[ROWS];
    unsigned n;
    unsigned dead;
};

static void write_file(struct world *w, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    assert_int_equal(kt_fs_write_atomic(path, kt_str_of(text), 0600, NULL), KT_OK);
}

static enum kt_status record(void *self, const char *operation, struct kt_str sentence,
                             struct kt_str raw, struct kt_error *err)
{
    (void)self;
    (void)operation;
    (void)sentence;
    (void)raw;
    return kt_fail(err, KT_E_INPUT, "nobody decides anything here");
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char text[1024], path[128];
    *state = w;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-alerts-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    /* Port 9 refuses: rows come back waiting, and nothing leaves the machine. */
    write_file(w, "url", "http://127.0.0.1:9/hook");
    (void)snprintf(text, sizeof text,
                   "alerts:\n  targets:\n"
                   "    one: { type: slack, url_file: %s/url, allow_private: true }\n"
                   "    two: { type: slack, url_file: %s/url, allow_private: true }\n",
                   w->folder, w->folder);
    write_file(w, "keytrail.yaml", text);
    (void)snprintf(path, sizeof path, "%s/keytrail.yaml", w->folder);
    (void)snprintf(w->db, sizeof w->db, "%s/store.db", w->folder);
    struct kt_store_options so = { .path = w->db, .create = true, .dedupe_recent = 64 };
    struct kt_triage_options to = { .store_path = w->db, .record = record, .self = w };
    if (kt_conf_load(path, &w->conf, NULL) != KT_OK || kt_store_open(&so, &w->store, NULL) != KT_OK)
        return -1;
    to.store = w->store;
    if (kt_triage_open(&to, &w->triage, NULL) != KT_OK)
        return -1;
    if (kt_routes_new(w->conf, &w->routes, NULL) != KT_OK)
        return -1;
    const struct kt_pager_options po = { .store = w->store, .routes = w->routes };
    w->pager = kt_pager_new(&po);
    w->alerts = kt_alerts_new(w->store, w->conf, w->triage, w->pager);
    return 0;
}

static void remove_one(void *arg, const char *path)
{
    (void)arg;
    (void)unlink(path);
}

static int close_world(void **state)
{
    struct world *w = *state;
    char pattern[80];
    kt_alerts_free(w->alerts);
    kt_pager_free(w->pager);
    kt_routes_free(w->routes);
    kt_triage_free(w->triage);
    kt_store_close(w->store);
    kt_conf_free(w->conf);
    (void)snprintf(pattern, sizeof pattern, "%s/*", w->folder);
    if (kt_fs_glob(pattern, remove_one, NULL, NULL) != KT_OK)
        return -1;
    int rc = rmdir(w->folder);
    free(w);
    return rc;
}

static enum kt_status collect(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct world *w = self;
    (void)err;
    assert_true(w->n < ROWS);
    w->row[w->n++] = *row;
    return KT_OK;
}

static unsigned waiting(struct world *w)
{
    w->n = 0;
    assert_int_equal(kt_store_outbox_waiting(w->store, 0, collect, w, NULL), KT_OK);
    return w->n;
}

static struct kt_alert alert(const char *id, enum kt_severity severity)
{
    struct kt_alert a = { .severity = severity,
                          .detector = "unexpected_ip",
                          .state = "open",
                          .time = NOW,
                          .last = NOW,
                          .raised = NOW,
                          .title = KT_STR("ana read 41 secrets") };
    kt_str_copyz(a.id, sizeof a.id, kt_str_of(id));
    return a;
}

static void raise_one(struct world *w, const struct kt_alert *a, bool historic)
{
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_raise(w->alerts, a, historic, NOW, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

#define ID_A "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD"
#define ID_B "3NJ1RZ8VZ2G4K0YQ5T7W9XABCE"

static void medium_and_above_go_to_every_target(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_MEDIUM);
    raise_one(w, &a, false);
    assert_int_equal(waiting(w), 2);
    assert_string_equal(w->row[0].action, "trigger");
    assert_string_not_equal(w->row[0].target, w->row[1].target);
}

static void low_and_historic_alerts_call_nobody(void **state)
{
    struct world *w = *state;
    struct kt_alert low = alert(ID_A, KT_SEV_LOW), old = alert(ID_B, KT_SEV_CRITICAL);
    raise_one(w, &low, false);
    raise_one(w, &old, true);
    assert_int_equal(waiting(w), 0);
}

static void no_update_swallows_another(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH);
    raise_one(w, &a, false);
    a.last += KT_NS_MIN;
    raise_one(w, &a, false);
    a.last += KT_NS_MIN;
    raise_one(w, &a, false);
    assert_int_equal(waiting(w), 6);
    raise_one(w, &a, false); /* the same again is the same row */
    assert_int_equal(waiting(w), 6);
    a.state = "closed"; /* no more evidence comes: nobody has looked at it for that */
    raise_one(w, &a, false);
    assert_int_equal(waiting(w), 6);
    a.merged_into = KT_STR(ID_B); /* but another one has taken it over */
    raise_one(w, &a, false);
    assert_int_equal(waiting(w), 8);
}

/* The row of the one before may be on its way: what it would swallow is never told. */
static void a_version_of_the_same_moment_is_a_row_of_its_own(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH);
    raise_one(w, &a, false);
    raise_one(w, &a, false);
    assert_int_equal(waiting(w), 4);
    a.title = KT_STR("ana read 42 secrets");
    raise_one(w, &a, false);
    assert_int_equal(waiting(w), 6);
}

static void an_alert_about_a_target_spares_that_target(void **state)
{
    struct world *w = *state;
    struct kt_alerts_self s = { .code = kt_self_code_of("delivery.dead"),
                                .about = KT_STR("one"),
                                .sentence = "did not take an alert",
                                .except = "one" };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_self(w->alerts, &s, NOW, NULL), KT_OK);
    assert_int_equal(kt_alerts_self(w->alerts, &s, NOW + KT_NS_S, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    assert_int_equal(waiting(w), 1);
    assert_string_equal(w->row[0].target, "two");
}

static void on_dead(void *self, const struct kt_outbox_row *row)
{
    (void)row;
    ((struct world *)self)->dead++;
}

static void take_back(struct world *w, struct kt_deliver *d, struct kt_outbox *o)
{
    for (unsigned i = 0; i < 100 && !kt_deliver_changed(d); i++) {
        struct pollfd p = { .fd = kt_outbox_fd(o), .events = POLLIN };
        (void)poll(&p, 1, 100);
    }
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_deliver_take_back(d, on_dead, w, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void rows_wait_in_the_store_until_they_are_delivered(void **state)
{
    struct world *w = *state;
    struct kt_outbox_options oo = { .conf = w->conf, .clock = kt_clock_real, .rng = kt_rng_real };
    for (unsigned life = 0; life < 2; life++) { /* the second is after a kill */
        struct kt_outbox *o = NULL;
        assert_int_equal(kt_outbox_open(&oo, &o, NULL), KT_OK);
        struct kt_deliver *d = kt_deliver_new(w->store, o);
        struct kt_alert a = alert(ID_A, KT_SEV_HIGH);
        if (life == 0)
            raise_one(w, &a, false);
        assert_int_equal(kt_deliver_hand_over(d, NULL), KT_OK);
        assert_int_equal(kt_deliver_hand_over(d, NULL), KT_OK); /* no row twice */
        assert_int_equal(kt_outbox_room(o, "one", KT_SEV_HIGH), KT_OUTBOX_ROOM - 1);
        assert_int_equal(kt_outbox_room(o, "two", KT_SEV_HIGH), KT_OUTBOX_ROOM - 1);
        if (life == 0) {
            take_back(w, d, o);
            assert_int_equal(waiting(w), 2);
            assert_true(w->row[0].attempts + w->row[1].attempts > 0);
        }
        kt_deliver_free(d);
        kt_outbox_close(o);
    }
    assert_int_equal(waiting(w), 2);
}

static void rows_of_a_removed_target_become_dead_letters(void **state)
{
    struct world *w = *state;
    struct kt_outbox_options oo = { .conf = w->conf, .clock = kt_clock_real, .rng = kt_rng_real };
    struct kt_outbox_row row = {
        .alert = ID_A, .target = "gone", .action = "trigger", .state = "wait"
    };
    struct kt_outbox *o = NULL;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_outbox_add(w->store, &row, KT_STR("{}"), NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    assert_int_equal(kt_outbox_open(&oo, &o, NULL), KT_OK);
    struct kt_deliver *d = kt_deliver_new(w->store, o);
    assert_int_equal(kt_deliver_hand_over(d, NULL), KT_OK);
    take_back(w, d, o);
    assert_int_equal(w->dead, 1);
    assert_int_equal(waiting(w), 0);
    kt_deliver_free(d);
    kt_outbox_close(o);
}

static void put_blob(struct world *w, const char *name)
{
    assert_int_equal(kt_store_put(w->store, name, KT_STR("x"), NULL), KT_OK);
}

static bool has_blob(struct world *w, const char *name)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    return kt_store_get(w->store, name, &value, NULL) == KT_OK;
}

static void threads_of_removed_targets_are_dropped_at_the_start(void **state)
{
    struct world *w = *state;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    put_blob(w, "thread/one/" ID_A);
    put_blob(w, "answers/one/" ID_A);
    put_blob(w, "answers/one/" ID_B); /* taken after its thread had ended */
    put_blob(w, "thread/gone/" ID_A);
    put_blob(w, "answers/gone/" ID_A);
    assert_int_equal(kt_deliver_tidy(w->store, w->conf, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    assert_true(has_blob(w, "thread/one/" ID_A));
    assert_true(has_blob(w, "answers/one/" ID_A));
    assert_false(has_blob(w, "answers/one/" ID_B));
    assert_false(has_blob(w, "thread/gone/" ID_A));
    assert_false(has_blob(w, "answers/gone/" ID_A));
}

static enum kt_status add_id(void *self, const char *id, struct kt_error *err)
{
    (void)err;
    kt_buf_addf(self, "%.26s ", id);
    return KT_OK;
}

static void alerts_that_changed_last_are_asked_about_first(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf ids = { 0 };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    static const char *const all[] = { ID_A, ID_B, "3NJ1RZ8VZ2G4K0YQ5T7W9XABCF" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(all); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "thread/one/%s", all[i]);
        put_blob(w, name);
        assert_int_equal(kt_store_alert_put(w->store, all[i], NOW, i == 1 ? NOW + 1 : NOW - i, 3,
                                            KT_STR("{}"), NULL),
                         KT_OK);
    }
    put_blob(w, "thread/other/" ID_A);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_alert_blobs(w->store, "thread/one/", 2, add_id, &ids, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&ids), ID_B " " ID_A " ");
}

static const char *retried(struct world *w, struct kt_deliver *d, const char *action, bool ended)
{
    struct kt_outbox_row row = { .alert = ID_A, .target = "one", .state = "dead" };
    kt_str_copyz(row.action, sizeof row.action, kt_str_of(action));
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_outbox_add(w->store, &row, KT_STR("{}"), NULL), KT_OK);
    assert_int_equal(kt_deliver_retry(d, &row, ended, NOW, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    unsigned n = waiting(w);
    return n > 0 ? w->row[n - 1].action : "none";
}

/* It would page for what is closed, and nothing would resolve it. */
static void a_dead_letter_of_what_has_ended_opens_nothing(void **state)
{
    struct world *w = *state;
    struct kt_outbox_options oo = { .conf = w->conf, .clock = kt_clock_real, .rng = kt_rng_real };
    struct kt_outbox *o = NULL;
    assert_int_equal(kt_outbox_open(&oo, &o, NULL), KT_OK);
    struct kt_deliver *d = kt_deliver_new(w->store, o);
    assert_string_equal(retried(w, d, "trigger", true), "none");
    assert_string_equal(retried(w, d, "update:1", true), "none");
    assert_string_equal(retried(w, d, "resolve:1", true), "resolve:1");
    assert_string_equal(retried(w, d, "trigger:2", false), "trigger:2");
    kt_deliver_free(d);
    kt_outbox_close(o);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(medium_and_above_go_to_every_target),
        T(low_and_historic_alerts_call_nobody),
        T(no_update_swallows_another),
        T(a_version_of_the_same_moment_is_a_row_of_its_own),
        T(an_alert_about_a_target_spares_that_target),
        T(rows_wait_in_the_store_until_they_are_delivered),
        T(threads_of_removed_targets_are_dropped_at_the_start),
        T(alerts_that_changed_last_are_asked_about_first),
        T(a_dead_letter_of_what_has_ended_opens_nothing),
        T(rows_of_a_removed_target_become_dead_letters),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_alerts", tests, NULL, NULL);
}
