/* cli_tune: from verdicts to settings: what keeps false alerts quiet and loses no true one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/tune.h"
#include "collector/ingest.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/event/line.h"
#include "core/query/settings.h"
#include "core/sys/fs.h"
#include "tests/support/store_make.h"

#define NOW (INT64_C(1795377600) * KT_NS_S)

struct world {
    char folder[64], path[96];
    struct kt_store *store;
    struct kt_ingest *ingest;
    struct kt_clock_memory clock;
    kt_time_ns step; /* between two accesses */
    unsigned n;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    make_folder(w->folder, w->path);
    w->clock.wall = NOW;
    w->step = 12 * KT_NS_HOUR;
    struct kt_store_options so = { .path = w->path, .create = true, .dedupe_recent = 64 };
    if (kt_store_open(&so, &w->store, NULL) != KT_OK)
        return -1;
    w->ingest = kt_ingest_new(
        &(struct kt_ingest_options){ .store = w->store, .clock = kt_clock_memory(&w->clock) });
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    kt_ingest_free(w->ingest);
    kt_store_close(w->store);
    make_folder_drop(w->folder);
    free(w);
    return 0;
}

static void access_from(struct world *w, const char *actor, enum kt_actor_kind kind,
                        const char *secret, const char *ip)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    char id[32];
    w->clock.wall += w->step;
    (void)snprintf(id, sizeof id, "req-%u", ++w->n);
    struct kt_event ev = { .kind = KT_KIND_ACCESS,
                           .action = KT_ACT_READ,
                           .outcome = KT_OUT_SUCCESS,
                           .actor_kind = kind,
                           .time = w->clock.wall,
                           .observed = w->clock.wall,
                           .source = KT_STR("vault"),
                           .instance = KT_STR("prod"),
                           .scope = KT_STR("prod"),
                           .native_id = kt_str_of(id),
                           .actor = kt_str_of(actor),
                           .secret = kt_str_of(secret) };
    ev.has_ip = ip != NULL && kt_ip_parse(kt_str_of(ip), &ev.ip);
    ev.ip_trust = ev.has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    assert_int_equal(kt_line_write(&ev, &line, NULL), KT_OK);
    struct kt_ingest_line l = { kt_buf_str(&line), w->clock.wall };
    assert_int_equal(kt_ingest_lines(w->ingest, KT_ORIGIN_FEED, &l, 1, NULL, NULL), KT_OK);
    assert_int_equal(kt_ingest_commit(w->ingest, NULL), KT_OK);
}

static void access_by(struct world *w, const char *actor, enum kt_actor_kind kind,
                      const char *secret)
{
    access_from(w, actor, kind, secret, NULL);
}

static void control(struct world *w, enum kt_kind kind, const char *operation, const char *raw)
{
    char id[32];
    (void)snprintf(id, sizeof id, "control-%u", ++w->n);
    struct kt_event ev = { .kind = kind,
                           .source = KT_STR("keytrail"),
                           .native_id = kt_str_of(id),
                           .operation = kt_str_of(operation),
                           .time = w->clock.wall,
                           .observed = w->clock.wall,
                           .raw = kt_str_of(raw) };
    assert_int_equal(kt_ingest_control(w->ingest, &ev, NULL), KT_OK);
    assert_int_equal(kt_ingest_commit(w->ingest, NULL), KT_OK);
}

/* A new service that takes 25 secrets at once, as it was meant to. */
static void burst(struct world *w)
{
    char secret[64];
    w->step = 5 * KT_NS_S;
    for (unsigned i = 0; i < 25; i++) {
        (void)snprintf(secret, sizeof secret, "vault://prod/kv/bulk/%u", i);
        access_by(w, "bulk", KT_ACTOR_SERVICE, secret);
    }
    w->step = 12 * KT_NS_HOUR;
}

/* What a collector would have stored; those of root and bulk are judged false, all others as said.
 */
static unsigned store_alerts(struct world *w, const char *others)
{
    struct kt_side s = { .n_sets = 0 };
    struct kt_sides_run run;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    assert_int_equal(kt_reader_open(w->path, &r, &err), KT_OK);
    assert_int_equal(kt_sides_run(r, &s, 1, &run, &err), KT_OK);
    kt_reader_close(r);
    unsigned n = kt_side_count(&s);
    for (uint32_t i = 0; i < n; i++) {
        struct kt_str id = kt_map_key(s.ids, i);
        char name[32], raw[120];
        bool fine = strstr(s.documents[i], "\"actor\":\"root\"") != NULL ||
                    strstr(s.documents[i], "\"actor\":\"bulk\"") != NULL;
        kt_str_copyz(name, sizeof name, id);
        (void)snprintf(raw, sizeof raw, "{\"id\":\"%s\",\"by\":\"ana\",\"verdict\":\"%s\"}", name,
                       fine ? "false" : others);
        assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
        assert_int_equal(kt_store_alert_put(w->store, name, NOW, NOW, KT_SEV_HIGH,
                                            kt_str_of(s.documents[i]), NULL),
                         KT_OK);
        assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
        control(w, KT_KIND_DECISION, "verdict", raw);
    }
    kt_side_done(&s);
    return n;
}

/* What the command prints on stdout. */
static char *tune(struct world *w, const char *form, int *ret_code)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/out", w->folder);
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    (void)dup2(fileno(out), STDOUT_FILENO);
    char name[] = "tune", flag[] = "--db", output[] = "-o", how[16];
    kt_str_copyz(how, sizeof how, kt_str_of(form));
    char *argv[] = { name, flag, w->path, output, how, NULL };
    *ret_code = kt_alerts_tune(5, argv);
    (void)fflush(stdout);
    (void)dup2(saved, STDOUT_FILENO);
    (void)close(saved);
    (void)fclose(out);
    struct kt_buf text = { 0 };
    assert_int_equal(kt_fs_read_all(path, 1 << 20, &text, NULL), KT_OK);
    char *z = kt_str_dup(kt_buf_str(&text));
    kt_buf_done(&text);
    return z;
}

static void fill(struct world *w)
{
    control(w, KT_KIND_CONFIG, "config",
            "{\"text\":\"canaries: [ { secret: \\\"**/trap\\\" } ]\"}");
    for (unsigned i = 0; i < 3; i++)
        access_by(w, "root", KT_ACTOR_ROOT, "vault://prod/kv/a"); /* 12 hours apart: three alerts */
    access_by(w, "mallory", KT_ACTOR_HUMAN, "vault://prod/kv/trap");
}

static void a_setting_that_keeps_every_true_alert_is_proposed(void **state)
{
    struct world *w = *state;
    int code;
    fill(w);
    burst(w);
    assert_int_equal(store_alerts(w, "true"), 5);
    char *text = tune(w, "table", &code);
    assert_int_equal(code, KT_EXIT_OK);
    assert_non_null(strstr(text, "detectors:\n  volume_spike: { first_5m: 40 }\n"));
    assert_non_null(strstr(text, "would have kept 1 of 4 false alerts quiet, the true one stays"));
    kt_free(text);
}

/* Twice in ten days from inside, and then from elsewhere what she never read. */
static void trip(struct world *w)
{
    char secret[64];
    for (unsigned i = 0; i < 13; i++) {
        const bool away = i >= 6;
        w->step = i == 3 || i == 6 ? (away ? 30 : 10) * KT_NS_DAY : 50 * KT_NS_S;
        (void)snprintf(secret, sizeof secret, "vault://prod/kv/%s/%u", away ? "pay" : "ward",
                       away ? i : i % 3);
        access_from(w, "emma", KT_ACTOR_HUMAN, secret, away ? "203.0.113.9" : "10.2.0.9");
    }
    w->step = 12 * KT_NS_HOUR;
}

static void of_a_network_it_is_said_that_an_office_is_a_place(void **state)
{
    struct world *w = *state;
    int code;
    trip(w);
    assert_int_equal(store_alerts(w, "false"), 1);
    char *text = tune(w, "table", &code);
    assert_int_equal(code, KT_EXIT_OK);
    assert_non_null(
        strstr(text, "networks: # an office also gets `place: true`; an exit of a VPN does not\n"
                     "  - { name: tuned-1, cidr: [\"203.0.113.0/24\"], actors: [\"emma\"] }\n"));
    kt_free(text);
}

/* Three false alerts of root do not switch root off for everybody. */
static void what_pages_by_itself_is_not_moved(void **state)
{
    struct world *w = *state;
    int code;
    fill(w);
    assert_int_equal(store_alerts(w, "true"), 4);
    char *text = tune(w, "table", &code);
    assert_int_equal(code, KT_EXIT_OK);
    assert_null(strstr(text, "signatures"));
    assert_null(strstr(text, "would have kept"));
    kt_free(text);
}

static void the_newest_verdict_counts(void **state)
{
    struct world *w = *state;
    struct kt_reader *r = NULL;
    struct kt_judged j;
    struct kt_error err = { 0 };
    fill(w);
    (void)store_alerts(w, "true");
    (void)store_alerts(w, "expected");
    assert_int_equal(kt_reader_open(w->path, &r, &err), KT_OK);
    assert_int_equal(kt_judged_load(r, &j, &err), KT_OK);
    assert_int_equal(j.n_true, 0);
    assert_int_equal(j.n_false, 4);
    kt_judged_done(&j);
    kt_reader_close(r);
}

static void where_nothing_is_judged_nothing_is_tried(void **state)
{
    struct world *w = *state;
    int code;
    fill(w);
    char *text = tune(w, "table", &code);
    assert_int_equal(code, KT_EXIT_OK);
    assert_string_equal(text, "");
    kt_free(text);
    text = tune(w, "json", &code); /* a program gets an answer */
    assert_int_equal(code, KT_EXIT_OK);
    assert_string_equal(text, "[]\n");
    kt_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_setting_that_keeps_every_true_alert_is_proposed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_a_network_it_is_said_that_an_office_is_a_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_pages_by_itself_is_not_moved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_verdict_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_nothing_is_judged_nothing_is_tried, set_up,
                                        tear_down),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
