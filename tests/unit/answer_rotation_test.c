/* answer_rotation: change-overs in random worlds against a plain account of who fetched what; what
 * stores without versions show; the list of all rotations; who used a credential; Vault's hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/credential_use.h"
#include "core/answer/rotation.h"
#include "core/answer/vault_hash.h"
#include "core/sys/rng.h"
#include "tests/support/accesses.h"

#define NOW    ACCESSES_NOW
#define KV     ACCESSES_KV
#define AWS    "aws-sm://111122223333/eu-central-1/prod/key"
#define ACTORS 9u

static struct kt_rotation *load(struct kt_ask *a, const char *secret, kt_time_ns since)
{
    struct kt_error err = { 0 };
    struct kt_rotation *r = NULL;
    const struct kt_rotation_ask what = { .secret = kt_str_of(secret),
                                          .since = since,
                                          .settle = KT_NS_HOUR };
    accesses_must(kt_rotation_load(a, &what, &r, &err), &err);
    return r;
}

static const struct kt_rotation_reader *of(const struct kt_rotation *r, const char *actor)
{
    for (unsigned i = 0; i < r->n; i++)
        if (kt_str_is(r->reader[i].actor, actor))
            return &r->reader[i];
    return NULL;
}

/* ---- random change-overs ---- */

struct account { /* of one actor, kept beside */
    uint64_t before, old, fresh;
    uint64_t days; /* bits */
    kt_time_ns last_old, last_new;
};

static enum kt_rotation_state expected(const struct account *x)
{
    if (x->old > 0 && x->last_old >= x->last_new)
        return KT_ROTATION_OLD;
    if (x->fresh > 0)
        return x->last_old != 0 && NOW - x->last_old <= KT_NS_HOUR ? KT_ROTATION_BOTH
                                                                   : KT_ROTATION_NEW;
    return x->before >= 3 || __builtin_popcountll(x->days) >= 2 ? KT_ROTATION_WAITING
                                                                : KT_ROTATION_GONE;
}

static void one_world(struct accesses *w, struct kt_rng *rng)
{
    struct account want[ACTORS] = { 0 };
    kt_time_ns at = NOW - (kt_time_ns)(1 + kt_rng_below(rng, 3 * 86400)) * KT_NS_S;
    bool done = true;
    accesses_write(w, at - 40 * KT_NS_DAY, "6");
    accesses_write(w, at, "7");
    for (unsigned i = 0, n = (unsigned)kt_rng_below(rng, 150); i < n; i++) {
        unsigned who = (unsigned)kt_rng_below(rng, ACTORS);
        char name[16];
        (void)snprintf(name, sizeof name, "svc%u", who);
        if (kt_rng_below(rng, 3) > 0) {
            kt_time_ns t = at - (kt_time_ns)(1 + kt_rng_below(rng, 29 * 86400)) * KT_NS_S;
            accesses_read(w, t, name, "6");
            want[who].before++;
            want[who].days |= UINT64_C(1) << (t / KT_NS_DAY % 64);
            continue;
        }
        kt_time_ns t = at + 1 + (kt_time_ns)kt_rng_below(rng, (uint64_t)(NOW - at));
        bool old = kt_rng_below(rng, 3) == 0;
        accesses_read(w, t, name, old ? "6" : "7");
        kt_time_ns *last = old ? &want[who].last_old : &want[who].last_new;
        *last = t > *last ? t : *last;
        want[who].old += old;
        want[who].fresh += !old;
    }
    struct kt_ask a;
    accesses_ask(w, &a);
    struct kt_rotation *r = load(&a, "prod/db", 0);
    assert_int_equal(r->at, at);
    assert_true(kt_str_is(r->current, "7") && kt_str_is(r->previous, "6"));
    assert_string_equal(r->from, "log");
    for (unsigned i = 0; i < ACTORS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "svc%u", i);
        const struct kt_rotation_reader *x = of(r, name);
        if (want[i].before + want[i].old + want[i].fresh == 0) {
            assert_null(x);
            continue;
        }
        assert_non_null(x);
        assert_int_equal(x->before, want[i].before);
        assert_int_equal(x->old, want[i].old);
        assert_int_equal(x->fresh, want[i].fresh);
        assert_int_equal(x->state, expected(&want[i]));
        done = done && !kt_rotation_holds_old(x->state);
    }
    assert_int_equal(r->done, done);
    kt_rotation_free(r);
    kt_ask_done(&a);
}

static void readers_are_where_a_plain_account_has_them(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct kt_rng_seeded s = { .state = seed };
        struct kt_rng rng = kt_rng_seeded(&s);
        void *w;
        (void)accesses_set_up(&w);
        one_world(w, &rng);
        (void)accesses_tear_down(&w);
    }
}

/* ---- what is special ---- */

static void an_earlier_rotation_can_be_meant(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    kt_time_ns t = NOW - 10 * KT_NS_DAY;
    accesses_write(w, t - 9 * KT_NS_DAY, "5");
    accesses_write(w, t, "6");
    accesses_write(w, t + 5 * KT_NS_DAY, "7");
    accesses_read(w, t + KT_NS_DAY, "a", "5");
    accesses_read(w, t + 6 * KT_NS_DAY, "b", "7");
    accesses_ask(w, &a);
    struct kt_rotation *r = load(&a, KV, t - KT_NS_HOUR);
    assert_int_equal(r->at, t);
    assert_true(kt_str_is(r->previous, "5") && kt_str_is(r->current, "6"));
    assert_int_equal(of(r, "a")->state, KT_ROTATION_OLD);
    assert_int_equal(of(r, "b")->state, KT_ROTATION_NEW); /* a later value is no old one */
    kt_rotation_free(r);
    kt_ask_done(&a);
}

static void what_the_log_does_not_show_can_be_said(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    struct kt_error err = { 0 };
    for (unsigned d = 1; d < 5; d++)
        accesses_read(w, NOW - d * KT_NS_DAY, "a", "");
    accesses_read(w, NOW - KT_NS_HOUR, "b", "");
    accesses_ask(w, &a);
    struct kt_rotation *r = load(&a, KV, 0);
    assert_int_equal(r->at, 0);
    assert_false(r->done);
    kt_rotation_free(r);
    r = load(&a, KV, NOW - 2 * KT_NS_HOUR);
    assert_string_equal(r->from, "asked");
    assert_true(r->by_time);
    assert_int_equal(of(r, "a")->state, KT_ROTATION_WAITING);
    assert_int_equal(of(r, "b")->state, KT_ROTATION_NEW);
    kt_rotation_free(r);
    const struct kt_rotation_ask none = { .secret = KT_STR("nothing/such") };
    assert_int_equal(kt_rotation_load(&a, &none, &r, &err), KT_E_INPUT);
    kt_ask_done(&a);
}

/* AWS: a rotation's steps, its tests of the waiting value, and who asks for the previous one. */
static void stages_tell_where_versions_do_not(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    const struct access steps[] = {
        { .at = NOW - 3 * KT_NS_DAY, .actor = "app", .action = KT_ACT_READ },
        { .at = NOW - 2 * KT_NS_DAY, .actor = "app", .action = KT_ACT_READ },
        { .at = NOW - 100 * KT_NS_MIN,
          .actor = "aws",
          .operation = "RotationStarted",
          .action = KT_ACT_ROTATE },
        { .at = NOW - 99 * KT_NS_MIN,
          .actor = "rotator",
          .operation = "PutSecretValue",
          .stage = "AWSPENDING",
          .version = "v2",
          .action = KT_ACT_WRITE },
        { .at = NOW - 98 * KT_NS_MIN,
          .actor = "rotator",
          .stage = "AWSPENDING",
          .action = KT_ACT_READ },
        { .at = NOW - 97 * KT_NS_MIN,
          .actor = "rotator",
          .operation = "UpdateSecretVersionStage",
          .stage = "AWSCURRENT",
          .version = "v2",
          .action = KT_ACT_ROTATE },
        { .at = NOW - 96 * KT_NS_MIN,
          .actor = "aws",
          .operation = "RotationSucceeded",
          .action = KT_ACT_ROTATE },
        { .at = NOW - 90 * KT_NS_MIN,
          .actor = "old",
          .stage = "AWSPREVIOUS",
          .action = KT_ACT_READ },
        { .at = NOW - 80 * KT_NS_MIN, .actor = "app", .action = KT_ACT_READ },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(steps); i++) {
        struct access s = steps[i];
        s.secret = AWS;
        s.outcome = KT_OUT_SUCCESS;
        s.operation = s.operation != NULL ? s.operation : "GetSecretValue";
        accesses_add(w, &s);
    }
    accesses_ask(w, &a);
    struct kt_rotation *r = load(&a, AWS, 0);
    assert_int_equal(r->at, NOW - 97 * KT_NS_MIN);
    assert_true(kt_str_is(r->current, "v2"));
    assert_int_equal(r->started, 0);
    assert_true(r->by_time);
    assert_int_equal(of(r, "rotator")->state, KT_ROTATION_NEW); /* it made the new one */
    assert_int_equal(of(r, "app")->state, KT_ROTATION_NEW);
    assert_int_equal(of(r, "old")->state, KT_ROTATION_OLD);
    assert_false(r->done);
    kt_rotation_free(r);
    kt_ask_done(&a);
}

static void the_list_has_one_row_a_secret_and_its_worst_fate(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    struct kt_error err = { 0 };
    struct kt_rotations *all = NULL;
    static const struct {
        const char *secret, *operation;
        unsigned hours;
    } steps[] = {
        { AWS "/done", "RotationStarted", 50 },   { AWS "/done", "RotationSucceeded", 49 },
        { AWS "/failed", "RotationStarted", 50 }, { AWS "/failed", "RotationFailed", 49 },
        { AWS "/half", "RotationStarted", 30 },   { AWS "/running", "RotationStarted", 2 },
        { AWS "/again", "RotationFailed", 40 },   { AWS "/again", "RotationSucceeded", 30 },
    };
    static const struct {
        const char *end;
        enum kt_rotation_fate fate;
    } want[] = { { "/failed", KT_FATE_OF_FAILED },
                 { "/half", KT_FATE_OF_HALF },
                 { "/running", KT_FATE_OF_RUNNING },
                 { "/again", KT_FATE_OF_ROTATED },
                 { "/done", KT_FATE_OF_ROTATED } };
    for (size_t i = 0; i < KT_ARRAY_LEN(steps); i++)
        accesses_add(w, &(struct access){ .at = NOW - (kt_time_ns)steps[i].hours * KT_NS_HOUR,
                                          .actor = "aws",
                                          .secret = steps[i].secret,
                                          .operation = steps[i].operation,
                                          .action = KT_ACT_ROTATE,
                                          .outcome = strstr(steps[i].operation, "Failed") != NULL
                                                         ? KT_OUT_FAILURE
                                                         : KT_OUT_SUCCESS });
    accesses_ask(w, &a);
    accesses_must(kt_rotations_load(&a, KT_STR_NONE, &all, &err), &err);
    assert_int_equal(all->n, KT_ARRAY_LEN(want));
    for (unsigned i = 0; i < all->n; i++) {
        assert_true(kt_str_ends(all->row[i].secret, kt_str_of(want[i].end)));
        assert_int_equal(all->row[i].fate, want[i].fate);
    }
    kt_rotations_free(all);
    kt_ask_done(&a);
}

/* A creation, a move back and a move to who knows which version replace no value. */
static void only_a_new_value_in_the_place_of_another_is_a_rotation(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    struct kt_error err = { 0 };
    struct kt_rotations *all = NULL;
    static const struct {
        const char *secret, *operation, *version;
        unsigned hours;
        enum kt_action action;
    } steps[] = {
        { AWS "/new", "CreateSecret", "v1", 50, KT_ACT_WRITE },
        { AWS "/back", "PutSecretValue", "v1", 50, KT_ACT_WRITE },
        { AWS "/back", "PutSecretValue", "v2", 49, KT_ACT_WRITE },
        { AWS "/back", "UpdateSecretVersionStage", "v1", 10, KT_ACT_ROTATE },
        { AWS "/who", "UpdateSecretVersionStage", "v0", 10, KT_ACT_ROTATE },
        { KV "/first", "update", "1", 10, KT_ACT_WRITE },
        { KV "/second", "update", "2", 10, KT_ACT_WRITE },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(steps); i++)
        accesses_add(w, &(struct access){ .at = NOW - (kt_time_ns)steps[i].hours * KT_NS_HOUR,
                                          .actor = "ops",
                                          .secret = steps[i].secret,
                                          .operation = steps[i].operation,
                                          .version = steps[i].version,
                                          .action = steps[i].action,
                                          .outcome = KT_OUT_SUCCESS });
    accesses_ask(w, &a);
    accesses_must(kt_rotations_load(&a, KT_STR_NONE, &all, &err), &err);
    assert_int_equal(all->n, 2);
    assert_true(kt_str_ends(all->row[0].secret, KT_STR("/second")));
    assert_true(kt_str_ends(all->row[1].secret, KT_STR("/back")));
    assert_int_equal(all->row[1].rotations, 2); /* of what v1 replaced the log has nothing */
    assert_int_equal(all->row[1].rotated, NOW - 49 * KT_NS_HOUR);
    assert_int_equal(all->row[1].done, NOW - 49 * KT_NS_HOUR);
    assert_int_equal(all->row[1].done_seq, 3);
    assert_true(kt_str_is(all->row[1].done_by, "ops"));
    kt_rotations_free(all);
    struct kt_rotation *r = load(&a, AWS "/new", 0);
    assert_int_equal(r->at, 0);
    assert_true(kt_str_is(r->current, "v1"));
    kt_rotation_free(r);
    kt_ask_done(&a);
}

static void the_sentence_counts_whom_the_table_has(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    struct kt_buf said = { 0 };
    accesses_write(w, NOW - 9 * KT_NS_DAY, "6");
    accesses_write(w, NOW - 5 * KT_NS_DAY, "7");
    accesses_read(w, NOW - KT_NS_HOUR, "pinned", "6");
    accesses_read(w, NOW - KT_NS_HOUR, "moved", "7");
    accesses_ask(w, &a);
    struct kt_rotation *r = load(&a, KV, 0);
    assert_int_equal(of(r, "pinned")->state, KT_ROTATION_OLD);
    kt_rotation_say(r, NOW, &said);
    assert_false(kt_str_has(kt_buf_str(&said), KT_STR("all ")));
    assert_true(kt_str_has(kt_buf_str(&said), KT_STR("1 of 2 readers still uses the old one")));
    kt_buf_done(&said);
    kt_rotation_free(r);
    kt_ask_done(&a);
}

/* ---- who used a credential ---- */

static void every_use_of_a_credential_is_counted_once(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    struct kt_error err = { 0 };
    struct kt_credential_use *u = NULL;
    struct kt_rng_seeded s = { .state = 7 };
    struct kt_rng rng = kt_rng_seeded(&s);
    static const char *const keys[] = { "AKIAONE", "AKIAONE2", "AKI", "" };
    uint64_t events = 0, reads = 0, refused = 0;
    kt_time_ns success = 0, ended = 0;
    bool seen[4] = { false };
    for (unsigned i = 0; i < 400; i++) {
        unsigned key = (unsigned)kt_rng_below(&rng, 4), secret = (unsigned)kt_rng_below(&rng, 4);
        kt_time_ns at = NOW - (kt_time_ns)kt_rng_below(&rng, 86400) * KT_NS_S;
        bool denied = kt_rng_below(&rng, 5) == 0, self = kt_rng_below(&rng, 90) == 0;
        char name[80];
        (void)snprintf(name, sizeof name, KV "/%u", secret);
        accesses_add(w, &(struct access){ .at = at,
                                          .actor = i % 2 == 0 ? "even" : "odd",
                                          .secret = self ? NULL : name,
                                          .credential = keys[key],
                                          .native = self ? "auth/token/revoke-self" : NULL,
                                          .action = self ? KT_ACT_REVOKE : KT_ACT_READ,
                                          .outcome = denied ? KT_OUT_DENIED : KT_OUT_SUCCESS });
        if (key != 0)
            continue;
        events++;
        refused += denied;
        reads += !denied && !self;
        seen[secret] = seen[secret] || (!denied && !self);
        success = !denied && at > success ? at : success;
        ended = !denied && self && at > ended ? at : ended;
    }
    accesses_ask(w, &a);
    accesses_must(kt_credential_use_load(&a, KT_STR("AKIAONE"), &u, &err), &err);
    assert_int_equal(u->events, events);
    assert_int_equal(u->reads, reads);
    assert_int_equal(u->secrets, seen[0] + seen[1] + seen[2] + seen[3]);
    assert_int_equal(u->n, 2);
    assert_int_equal(u->user[0].events + u->user[1].events, events);
    assert_int_equal(u->user[0].refused + u->user[1].refused, refused);
    assert_int_equal(u->last_success, success);
    assert_int_equal(u->ended, ended);
    kt_credential_use_free(u);
    assert_int_equal(kt_credential_use_load(&a, KT_STR_NONE, &u, &err), KT_E_INPUT);
    kt_ask_done(&a);
}

/* ---- Vault's hash ---- */

/* audit/hashstruct_test.go of Vault: salt "foo", value "foo". */
static void a_hash_is_what_vault_writes(void **state)
{
    static const char want[] =
        "hmac-sha256:08ba357e274f528065766c770a639abf6809b39ccfd37c2a3157c7f51954da0a";
    char text[KT_VAULT_HASH_TEXT];
    struct kt_error err = { 0 };
    struct kt_buf out = { 0 };
    (void)state;
    assert_string_equal(kt_vault_hash(KT_STR("foo"), KT_STR("foo"), text), want);
    assert_true(kt_vault_is_hash(kt_str_of(text)));
    assert_false(kt_vault_is_hash(KT_STR("hmac-sha256:08")));
    assert_false(kt_vault_is_hash(KT_STR("hvs.08")));
    assert_int_equal(
        kt_vault_take_hash(
            KT_STR("{\"data\":{\"hash\":\"hmac-sha256:08ba357e274f528065766c770a639abf6809b39ccfd3"
                   "7c2a3157c7f51954da0a\"}}"),
            text, &err),
        KT_OK);
    assert_string_equal(text, want);
    static const char *const others[] = {
        "", "[]", "{\"hash\":7}", "{\"hash\":\"x\"}", "{\"data\":[]}", "<html>"
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(others); i++) {
        assert_int_equal(kt_vault_take_hash(kt_str_of(others[i]), text, &err), KT_E_INPUT);
        assert_int_equal(kt_vault_take_accessor(kt_str_of(others[i]), &out, &err), KT_E_INPUT);
    }
    kt_vault_ask_hash("input", KT_STR("a\"b"), &out);
    assert_string_equal(kt_buf_z(&out), "{\"input\":\"a\\\"b\"}");
    kt_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_are_where_a_plain_account_has_them),
        cmocka_unit_test_setup_teardown(an_earlier_rotation_can_be_meant, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(what_the_log_does_not_show_can_be_said, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(stages_tell_where_versions_do_not, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(the_list_has_one_row_a_secret_and_its_worst_fate,
                                        accesses_set_up, accesses_tear_down),
        cmocka_unit_test_setup_teardown(only_a_new_value_in_the_place_of_another_is_a_rotation,
                                        accesses_set_up, accesses_tear_down),
        cmocka_unit_test_setup_teardown(the_sentence_counts_whom_the_table_has, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(every_use_of_a_credential_is_counted_once, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test(a_hash_is_what_vault_writes),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
