/* detectors_recall: what is remembered is what would have been computed. */
#include "core/base/hash.h"
#include "core/event/ai_agents.h"
#include "detectors/known_secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int new_recall(void **state)
{
    *state = calloc(1, sizeof(struct kt_recall));
    return *state == NULL;
}

static int end_recall(void **state)
{
    free(*state);
    return 0;
}

/* Every length, and more texts than places: with both ends alike and without, under two seeds. */
static void a_hash_is_that_of_its_text(void **state)
{
    struct kt_recall *r = *state;
    char text[300];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < sizeof text; i++) {
            memset(text, 'x', sizeof text);
            (void)snprintf(text + 100, 20, "%u", i * 7919);
            text[100 + strlen(text + 100)] = 'x';
            for (size_t len = 0; len <= sizeof text; len += i % 5 + 1) {
                struct kt_str s = kt_str_from(text + (len < 108 ? 90 : 0), len < 210 ? len : 210);
                assert_int_equal(kt_recall_hash(r, s, round), kt_hash64(s, round));
                assert_int_equal(kt_recall_hash(r, s, round), kt_hash64(s, round));
                assert_int_equal(kt_recall_hash(r, s, ~UINT64_C(0)), kt_hash64(s, ~UINT64_C(0)));
            }
        }
    }
}

static void assert_key(struct kt_key x, struct kt_key y)
{
    assert_true(kt_key_eq(x, y));
}

/* Every length, texts that differ in one byte anywhere, and more of them than places. */
static void a_name_has_its_key(void **state)
{
    struct kt_recall *r = *state;
    char text[130];
    for (unsigned i = 0; i < sizeof text; i++) {
        memset(text, 'x', sizeof text);
        text[i] = 'y';
        for (size_t len = 0; len <= sizeof text; len++) {
            struct kt_str s = kt_str_from(text, len);
            assert_key(kt_recall_name(r, s), kt_name_key(s));
            assert_key(kt_recall_name(r, s), kt_name_key(s));
        }
    }
    assert_key(kt_name_key(KT_STR_NONE), (struct kt_key){ 0, 0 });
}

/* Texts that differ in one byte, wherever it is, do not take each other's place for ever. */
static void texts_that_look_alike_have_places_of_their_own(void **state)
{
    struct kt_recall *r = *state;
    for (size_t len = 3; len < 100; len += 7) {
        for (size_t at = 0; at < len; at++) {
            char text[100];
            unsigned used = 0;
            memset(text, 'x', sizeof text);
            memset(r->name, 0, sizeof r->name);
            for (char c = 'a'; c <= 'z'; c++) {
                text[at] = c;
                (void)kt_recall_name(r, kt_str_from(text, len));
            }
            for (unsigned i = 0; i < KT_RECALL_NAMES; i++)
                used += r->name[i].len > 0;
            assert_true(used >= 20);
        }
    }
}

/* What is foretold of an event holds for its own texts, and for no others like them. */
static void what_is_foretold_is_what_is_so(void **state)
{
    struct kt_recall *r = *state;
    char actor[] = "an actor of the log", other[] = "an actor of the log";
    struct kt_event ev = { .actor = kt_str_of(actor),
                           .secret = KT_STR("vault://main/-/secret/prod/payments/key"),
                           .user_agent = KT_STR("claude-cli/2.0.1 (external, cli)") };
    struct kt_foretold f;
    kt_known_foretell(&ev, &f);
    r->foretold = &f;
    assert_key(kt_recall_name(r, ev.actor), kt_name_key(ev.actor));
    assert_key(kt_recall_name(r, ev.secret), kt_name_key(ev.secret));
    assert_key(kt_recall_name(r, KT_STR_NONE), (struct kt_key){ 0, 0 });
    assert_int_equal(kt_recall_hash(r, ev.user_agent, KT_NAME_SEED),
                     kt_hash64(ev.user_agent, KT_NAME_SEED));
    assert_int_equal(kt_recall_hash(r, ev.user_agent, 7), kt_hash64(ev.user_agent, 7));
    assert_ptr_equal(kt_recall_agent(r, ev.user_agent), kt_ai_agent_of_client(ev.user_agent));
    f.actor_key = (struct kt_key){ 1, 1 }; /* asked for by the memory that it is about, */
    assert_key(kt_recall_name(r, ev.actor), f.actor_key);
    assert_key(kt_recall_name(r, kt_str_of(other)), kt_name_key(ev.actor));
    assert_key(kt_recall_name(r, kt_str_sub(ev.actor, 0, 9)), /* all of it */
               kt_name_key(kt_str_sub(ev.actor, 0, 9)));
    struct kt_scene s = { .ev = &ev, .recall = r, .secret = f.secret_key };
    const struct kt_recall_secret *name = kt_known_name(&s);
    assert_int_equal(name->folder, kt_known_folder(ev.secret));
    uint64_t parent = name->parent;
    r->foretold = NULL;
    memset(r->secret, 0, sizeof r->secret);
    assert_int_equal(kt_known_name(&s)->parent, parent);
    assert_int_equal(kt_known_name(&s)->folder, f.folder);
}

/* The settings say what production is, and they may change. */
static void production_is_what_the_settings_say(void **state)
{
    struct kt_recall *r = *state;
    const char *globs[] = { "shop/*" };
    struct kt_event ev = { .secret = KT_STR("vault://main/-/shop/till") };
    struct kt_identities *none = kt_identities_new();
    struct kt_conf conf = { .identities = none };
    struct kt_shared shared = { .conf = &conf };
    struct kt_scene s = {
        .ev = &ev, .recall = r, .shared = &shared, .secret = kt_name_key(ev.secret)
    };
    for (unsigned round = 0; round < 2; round++)
        assert_int_equal(kt_known_production(&s), -1);
    conf.production = (struct kt_strings){ .at = globs, .n = 1 };
    kt_recall_other_settings(r);
    assert_int_equal(kt_known_production(&s), kt_production(&conf, ev.secret));
    conf.not_production = conf.production;
    conf.production.n = 0;
    kt_recall_other_settings(r);
    for (unsigned round = 0; round < 2; round++)
        assert_int_equal(kt_known_production(&s), kt_production(&conf, ev.secret));
    kt_identities_free(none);
}

static void an_agent_is_that_of_its_client(void **state)
{
    struct kt_recall *r = *state;
    static const char *const clients[] = { "",
                                           "mcp/1",
                                           "claude-cli/2.0.1 (external, cli)",
                                           "curl/8.1.2",
                                           "aws-cli/2.1 app/codex",
                                           "aws-cli/2.1 app/coder" };
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
            struct kt_str s = kt_str_of(clients[i]);
            assert_ptr_equal(kt_recall_agent(r, s), kt_ai_agent_of_client(s));
        }
    }
}

static void a_secret_that_takes_the_place_of_another_is_not_it(void **state)
{
    struct kt_recall *r = *state;
    const struct kt_key one = { 3, 5 }, other = { 5, 5 + KT_RECALL_SECRETS };
    bool known;
    struct kt_recall_secret *at = kt_recall_secret(r, one, &known);
    assert_false(known);
    at->secret = one;
    assert_ptr_equal(kt_recall_secret(r, one, &known), at);
    assert_true(known);
    assert_ptr_equal(kt_recall_secret(r, other, &known), at);
    assert_false(known);
    (void)kt_recall_secret(r, (struct kt_key){ 0, 0 }, &known); /* no secret is never known */
    assert_false(known);
}

/* More questions than places: each asked twice in a row, and all of them again. */
static void a_surprise_is_that_of_its_numbers(void **state)
{
    struct kt_recall *r = *state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 4 * KT_RECALL_TAILS; i++) {
            struct kt_gamma g = { 0.5 + i % 7, 0.25 + i % 3 };
            double x = i / 21, e = i % 2 == 0 ? 1 : 0.0833, most = i % 5 == 0 ? 1.2 : 2;
            double want = kt_rate_surprise(x, e, g, most);
            assert_true(kt_recall_rate_surprise(r, x, e, g, most) == want);
            assert_true(kt_recall_rate_surprise(r, x, e, g, most) == want);
        }
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, new_recall, end_recall)
    const struct CMUnitTest tests[] = {
        T(a_hash_is_that_of_its_text),
        T(a_name_has_its_key),
        T(texts_that_look_alike_have_places_of_their_own),
        T(what_is_foretold_is_what_is_so),
        T(production_is_what_the_settings_say),
        T(an_agent_is_that_of_its_client),
        T(a_secret_that_takes_the_place_of_another_is_not_it),
        T(a_surprise_is_that_of_its_numbers),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("detectors_recall", tests, NULL, NULL);
}
