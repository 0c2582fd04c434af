/* collector_resend: what is open at a target that forgets is sent again, until it is resolved. */
#include "collector/deliver.h"
#include "collector/resend.h"
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

#define NOW  (INT64_C(1795377600) * KT_NS_S)
#define ID_A "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD"
#define ID_B "3NJ1RZ8VZ2G4K0YQ5T7W9XABCE"

struct world {
    char folder[64];
    struct kt_conf *conf, *none; /* none: without targets */
    struct kt_store *store;
    struct kt_outbox_row row[8];
    unsigned n;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char db[96];
    *state = w;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-resend-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    (void)snprintf(db, sizeof db, "%s/store.db", w->folder);
    struct kt_store_options so = { .path = db, .create = true, .dedupe_recent = 64 };
    const struct kt_str text =
        KT_STR("alerts: { targets: { am: { type: alertmanager, server: \"https://am.example\" },\n"
               "  chat: { type: slack, url_file: /nowhere } } }\n");
    return kt_conf_parse(text, "t.yaml", NULL, 0, &w->conf, NULL) == KT_OK &&
                   kt_conf_parse(KT_STR("{}\n"), "t.yaml", NULL, 0, &w->none, NULL) == KT_OK &&
                   kt_store_open(&so, &w->store, NULL) == KT_OK
               ? 0
               : -1;
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
    kt_store_close(w->store);
    kt_conf_free(w->conf);
    kt_conf_free(w->none);
    (void)snprintf(pattern, sizeof pattern, "%s/*", w->folder);
    if (kt_fs_glob(pattern, remove_one, NULL, NULL) != KT_OK)
        return -1;
    int rc = rmdir(w->folder);
    free(w);
    return rc;
}

/* A row as it is after its delivery, and what the target calls its message. */
static void delivered(struct world *w, const char *target, const char *alert, const char *action,
                      const char *json)
{
    char name[128];
    struct kt_outbox_row row = { .created = NOW };
    kt_str_copyz(row.alert, sizeof row.alert, kt_str_of(alert));
    kt_str_copyz(row.target, sizeof row.target, kt_str_of(target));
    kt_str_copyz(row.action, sizeof row.action, kt_str_of(action));
    kt_str_copyz(row.state, sizeof row.state, KT_STR("sent"));
    (void)snprintf(name, sizeof name, KT_THREAD_BLOBS "%s/%s", target, alert);
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_outbox_add(w->store, &row, kt_str_of(json), NULL), KT_OK);
    assert_int_equal(kt_store_put(w->store, name, KT_STR("h"), NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static enum kt_status collect(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct world *w = self;
    (void)err;
    assert_true(w->n < KT_ARRAY_LEN(w->row));
    w->row[w->n++] = *row;
    return KT_OK;
}

/* One round a minute; how many rows wait then. */
static unsigned round_at(struct world *w, kt_time_ns now, bool *ret_added)
{
    w->n = 0;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_resend(w->store, w->conf, now, ret_added, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_outbox_waiting(w->store, 0, collect, w, NULL), KT_OK);
    return w->n;
}

static void sent(struct world *w, unsigned i)
{
    struct kt_outbox_row row = w->row[i];
    kt_str_copyz(row.state, sizeof row.state, KT_STR("sent"));
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_outbox_update(w->store, &row, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void what_is_open_there_is_sent_every_minute(void **state)
{
    struct world *w = *state;
    bool added;
    delivered(w, "am", ID_A, "trigger", "{\"n\":1}");
    delivered(w, "am", ID_B, "trigger", "{\"n\":2}");
    delivered(w, "chat", ID_A, "trigger", "{\"n\":3}");
    assert_int_equal(round_at(w, NOW + KT_NS_MIN, &added), 2);
    assert_true(added);
    assert_string_equal(w->row[0].action, "resend");
    assert_string_equal(w->row[0].target, "am");
    assert_int_equal(w->row[0].created, NOW + KT_NS_MIN);
    sent(w, 0);
    sent(w, 1);
    assert_int_equal(round_at(w, NOW + 2 * KT_NS_MIN, &added), 2);
    assert_int_equal(w->row[0].created, NOW + 2 * KT_NS_MIN);
}

static void what_waits_is_not_added_again(void **state)
{
    struct world *w = *state;
    bool added;
    delivered(w, "am", ID_A, "trigger", "{}");
    assert_int_equal(round_at(w, NOW + KT_NS_MIN, &added), 1);
    assert_int_equal(round_at(w, NOW + 2 * KT_NS_MIN, &added), 1);
    assert_false(added);
    assert_int_equal(w->row[0].created, NOW + KT_NS_MIN);
}

static void what_is_resolved_is_not(void **state)
{
    struct world *w = *state;
    bool added;
    delivered(w, "am", ID_A, "trigger", "{}");
    delivered(w, "am", ID_A, "resolve", "{}");
    assert_int_equal(round_at(w, NOW + KT_NS_MIN, &added), 0);
    assert_false(added);
    delivered(w, "am", ID_A, "trigger:2", "{}"); /* opened again */
    assert_int_equal(round_at(w, NOW + KT_NS_MIN, &added), 1);
}

/* A person's close has a number: resolve:<steps>. */
static void what_a_person_has_closed_is_not(void **state)
{
    struct world *w = *state;
    bool added;
    delivered(w, "am", ID_A, "trigger", "{}");
    delivered(w, "am", ID_A, "resolve:2", "{}");
    assert_int_equal(round_at(w, NOW + KT_NS_MIN, &added), 0);
    assert_false(added);
}

static void count(void *self, const struct kt_outbox_row *row)
{
    (void)row;
    ++*(unsigned *)self;
}

/* Each round goes to the target, not the first alone: whoever hands over hears of the row. */
static void every_round_is_handed_over(void **state)
{
    struct world *w = *state;
    struct kt_outbox *outbox = NULL;
    const struct kt_outbox_options o = { .conf = w->none,
                                         .clock = kt_clock_real,
                                         .rng = kt_rng_real };
    bool added;
    assert_int_equal(kt_outbox_open(&o, &outbox, NULL), KT_OK);
    struct kt_deliver *d = kt_deliver_new(w->store, outbox);
    delivered(w, "am", ID_A, "trigger", "{}");
    assert_int_equal(kt_deliver_hand_over(d, NULL), KT_OK);
    for (unsigned minute = 1; minute <= 3; minute++) {
        unsigned back = 0; /* it has no such target: what is handed over comes back at once */
        assert_int_equal(round_at(w, NOW + minute * KT_NS_MIN, &added), 1);
        assert_true(added);
        assert_int_equal(kt_deliver_hand_over(d, NULL), KT_OK);
        assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
        assert_int_equal(kt_deliver_take_back(d, count, &back, NULL), KT_OK);
        assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
        kt_deliver_committed(d);
        assert_int_equal(back, 1);
    }
    kt_deliver_free(d);
    kt_outbox_close(outbox);
}

static void only_targets_that_forget_want_it(void **state)
{
    struct world *w = *state;
    assert_true(kt_resend_wanted(w->conf));
    for (unsigned i = 0; i < w->conf->n_targets; i++)
        w->conf->targets[i].type = "slack";
    assert_false(kt_resend_wanted(w->conf));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(what_is_open_there_is_sent_every_minute),
        T(what_waits_is_not_added_again),
        T(what_is_resolved_is_not),
        T(what_a_person_has_closed_is_not),
        T(every_round_is_handed_over),
        T(only_targets_that_forget_want_it),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_resend", tests, NULL, NULL);
}
