/* keytrail-agent accept-log beside an agent that is stopped: what it accepts, and that it is
 * content only where nothing is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/log_watch.h"
#include "cli/accept_log.h"
#include "cli/cli.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "tests/support/shown_log.h"
#include "tests/support/store_make.h"

struct world {
    char folder[64], unused[96], config[96], watch[96], order[96];
    struct kt_watched log[2];
    struct shown_log shown[2];
};

static void write_text(const char *path, struct kt_str text)
{
    struct kt_error err = { 0 };
    if (kt_fs_write_atomic(path, text, 0600, &err) != KT_OK)
        fail_msg("%s", err.text);
}

static void configure(struct world *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    char a[KT_Z85_KEY], b[KT_Z85_KEY];
    kt_buf_addf(&text,
                "agent: web-1\ncollector:\n  endpoint: \"tcp://a.example:7420\"\n"
                "  public_key: \"%s\"\n"
                "  standby: { endpoint: \"tcp://b.example:7420\", public_key: \"%s\" }\n"
                "key_file: %s/agent.key\nspool: { path: %s }\n"
                "sources:\n  - { id: v, type: vault, input: tail, path: /var/log/vault.log }\n",
                kt_z85_encode(w->log[0].collector, a), kt_z85_encode(w->log[1].collector, b),
                w->folder, w->folder);
    write_text(w->config, kt_buf_str(&text));
}

/* Two collectors, each with a log of its own of which nothing was kept yet. */
static int setup(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    struct kt_rng_seeded seed = { .state = 3 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    make_folder(w->folder, w->unused);
    (void)snprintf(w->config, sizeof w->config, "%s/agent.yaml", w->folder);
    (void)snprintf(w->watch, sizeof w->watch, "%s/" KT_WATCH_FILE, w->folder);
    (void)snprintf(w->order, sizeof w->order, "%s/" KT_WATCH_ORDER, w->folder);
    for (unsigned i = 0; i < 2; i++) {
        shown_log_begin(&w->shown[i], &rng);
        shown_log_grow(&w->shown[i], &rng, 5 + i);
        shown_log_sign(&w->shown[i], 0);
        rng.fill(rng.self, w->log[i].collector, 32);
    }
    configure(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 2; i++) {
        shown_log_done(&w->shown[i]);
        kt_watched_done(&w->log[i]);
    }
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

static void contradicts(struct world *w, unsigned i, enum kt_log_fault fault, bool was_shown)
{
    struct kt_watched *e = &w->log[i];
    e->fault = fault;
    e->fault_at = KT_NS_HOUR;
    if (was_shown) {
        e->against.note = kt_str_dup(kt_buf_str(&w->shown[i].note));
        e->against.keys = kt_str_dup(kt_buf_str(&w->shown[i].keys));
        e->against.at = KT_NS_HOUR;
    }
}

/* What it exits with, and what it says to people who have to do something. */
static int accept_log(struct world *w, const char *log, struct kt_buf *ret_said)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf kept = { 0 };
    char path[96], id[40] = "";
    kt_watched_write(w->log, 2, &kept);
    write_text(w->watch, kt_buf_str(&kept));
    (void)snprintf(path, sizeof path, "%s/said", w->folder);
    (void)fflush(stderr);
    int saved = dup(STDERR_FILENO);
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    (void)dup2(fileno(out), STDERR_FILENO);
    char name[] = "accept-log", why[] = "--reason", because[] = "a drill", conf[] = "-c",
         which[] = "--log";
    char *argv[] = { name, why, because, conf, w->config, which, id, NULL };
    if (log != NULL)
        kt_str_copyz(id, sizeof id, kt_str_of(log));
    int code = kt_cmd_accept_log(log != NULL ? 7 : 5, argv);
    (void)fflush(stderr);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    (void)fclose(out);
    kt_buf_reset(ret_said);
    assert_int_equal(kt_fs_read_all(path, 1 << 20, ret_said, NULL), KT_OK);
    return code;
}

static bool is_ordered(const struct world *w)
{
    return access(w->order, F_OK) == 0;
}

static void it_is_content_where_nothing_is_wrong(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    assert_int_equal(accept_log(w, NULL, &said), KT_EXIT_OK);
    assert_int_equal(said.len, 0);
    assert_false(is_ordered(w));
}

static void one_contradiction_is_accepted(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    contradicts(w, 1, KT_WATCH_NO_PROOF, true);
    assert_int_equal(accept_log(w, "ffffffff", &said), KT_EXIT_NO);
    assert_false(is_ordered(w));
    assert_int_equal(accept_log(w, NULL, &said), KT_EXIT_OK);
    assert_true(is_ordered(w));
}

static void of_two_one_has_to_be_named(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    char log[33];
    contradicts(w, 0, KT_WATCH_SMALLER, true);
    contradicts(w, 1, KT_WATCH_FORKED, true);
    assert_int_equal(accept_log(w, NULL, &said), KT_EXIT_NO);
    assert_false(is_ordered(w));
    for (unsigned i = 0; i < 2; i++) {
        kt_hex(log, w->shown[i].log_id, 16);
        assert_true(kt_str_has(kt_buf_str(&said), kt_str_of(log)));
    }
    assert_int_equal(accept_log(w, log, &said), KT_EXIT_OK);
    assert_true(is_ordered(w));
}

/* What was kept is damaged, and the collector has not shown its log since. */
static void what_was_not_shown_cannot_be_accepted(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    contradicts(w, 0, KT_WATCH_LOST, false);
    assert_int_equal(accept_log(w, NULL, &said), KT_EXIT_NO);
    assert_true(kt_str_has(kt_buf_str(&said), KT_STR("tcp://a.example:7420")));
    assert_true(kt_str_has(kt_buf_str(&said), KT_STR("then say it again")));
    assert_false(is_ordered(w));
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        WORLD(it_is_content_where_nothing_is_wrong),
        WORLD(one_contradiction_is_accepted),
        WORLD(of_two_one_has_to_be_named),
        WORLD(what_was_not_shown_cannot_be_accepted),
    };
    return cmocka_run_group_tests_name("cli_accept_log", tests, NULL, NULL);
}
