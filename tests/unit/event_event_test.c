/* event: words both ways, what makes an id, what makes two accesses the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/event/ai_agents.h"
#include "core/event/event.h"

static struct kt_event sample(void)
{
    return (struct kt_event){
        .kind = KT_KIND_ACCESS,
        .action = KT_ACT_READ,
        .source = KT_STR("vault"),
        .instance = KT_STR("vault-prod"),
        .scope = KT_STR("prod"),
        .native_id = KT_STR("c0ffee"),
        .time = 1772435645123456000,
        .actor = KT_STR("ana"),
        .secret = KT_STR("vault://prod/-/secret/pay"),
    };
}

static bool same_id(struct kt_event a, struct kt_event b)
{
    uint8_t x[16], y[16];
    kt_event_id(&a, x);
    kt_event_id(&b, y);
    return memcmp(x, y, sizeof x) == 0;
}

static bool same_access(struct kt_event a, struct kt_event b)
{
    uint8_t x[16], y[16];
    kt_event_access_digest(&a, x);
    kt_event_access_digest(&b, y);
    return memcmp(x, y, sizeof x) == 0;
}

static void every_word_is_found_again(void **state)
{
    (void)state;
    for (int i = 0; i < KT_ACT_COUNT; i++)
        assert_int_equal(kt_action_of(kt_str_of(kt_action_word((enum kt_action)i))), i);
    for (int i = 0; i < KT_OUT_COUNT; i++)
        assert_int_equal(kt_outcome_of(kt_str_of(kt_outcome_word((enum kt_outcome)i))), i);
    for (int i = 0; i < KT_ACTOR_COUNT; i++)
        assert_int_equal(kt_actor_kind_of(kt_str_of(kt_actor_kind_word((enum kt_actor_kind)i))), i);
    for (int i = 0; i < KT_TRUST_COUNT; i++)
        assert_int_equal(kt_ip_trust_of(kt_str_of(kt_ip_trust_word((enum kt_ip_trust)i))), i);
    for (int i = 0; i < KT_KIND_COUNT; i++)
        assert_int_equal(kt_kind_of(kt_str_of(kt_kind_word((enum kt_kind)i))), i);
    assert_int_equal(kt_action_of(KT_STR("reads")), -1);
    assert_int_equal(kt_action_of(KT_STR_NONE), -1);
}

static void the_id_is_source_scope_native_id_and_part(void **state)
{
    (void)state;
    struct kt_event a = sample(), b = sample();
    b.instance = KT_STR("other");
    b.time++;
    b.observed = 5;
    b.actor = KT_STR("bob");
    assert_true(same_id(a, b));
    b.part = 1;
    assert_false(same_id(a, b));
    b = sample();
    b.scope = KT_STR("pro");
    b.native_id = KT_STR("dc0ffee");
    assert_false(same_id(a, b));
}

static void a_record_about_an_event_has_an_id_of_its_own(void **state)
{
    (void)state;
    struct kt_event a = sample(), b = sample();
    b.kind = KT_KIND_REDACTED;
    assert_false(same_id(a, b));
}

static void the_digest_ignores_how_the_record_came(void **state)
{
    (void)state;
    struct kt_event a = sample(), b = sample();
    b.instance = KT_STR("import");
    b.observed = 7;
    b.decoder = 9;
    b.raw = KT_STR("{\"x\":1}");
    assert_true(same_access(a, b));
    b.outcome = KT_OUT_DENIED;
    assert_false(same_access(a, b));
    b = sample();
    b.ip_raw = KT_STR("AWS Internal");
    assert_false(same_access(a, b));
}

static void reports_with_another_body_differ(void **state)
{
    (void)state;
    struct kt_event a = sample(), b = sample();
    a.kind = b.kind = KT_KIND_REPORT;
    b.raw = KT_STR("{\"x\":1}");
    assert_false(same_access(a, b));
}

static void a_read_needs_a_secret(void **state)
{
    (void)state;
    struct kt_event e = sample();
    assert_true(kt_event_is_read(&e));
    e.outcome = KT_OUT_DENIED;
    assert_true(kt_event_is_read(&e));
    e.action = KT_ACT_LIST;
    assert_false(kt_event_is_read(&e));
    e.action = KT_ACT_ISSUE;
    e.secret = KT_STR_NONE;
    assert_false(kt_event_is_read(&e));
    e.action = KT_ACT_USE;
    e.secret = KT_STR("aws-kms://1/eu/key");
    assert_false(kt_event_is_read(&e));
    e.secret = KT_STR("az-kv://pay.vault.azure.net/keys/k");
    assert_false(kt_event_is_read(&e));
    e.secret = KT_STR("az-kv://pay.vault.azure.net/secrets/keys/");
    assert_true(kt_event_is_read(&e));
    e.secret = KT_STR("aws-sm://1/eu/pay");
    assert_true(kt_event_is_read(&e));
}

static void a_shadow_of_a_read_is_none(void **state)
{
    (void)state;
    struct kt_event e = sample();
    e.action = KT_ACT_USE;
    e.source = KT_STR("cloudtrail");
    e.secret = KT_STR("aws-sm://1/eu/pay");
    e.flags = KT_FLAG(SHADOW);
    assert_false(kt_event_is_read(&e));
    e.flags = 0;
    e.has_ip = true; /* whoever decrypts himself */
    assert_true(kt_event_is_read(&e));
    e.has_ip = false;
    e.secret = KT_STR("aws-ssm://1/eu/pay"); /* may be all that tells of it */
    assert_true(kt_event_is_read(&e));
    e.secret = KT_STR("aws-sm://1/eu/pay");
    e.action = KT_ACT_READ;
    assert_true(kt_event_is_read(&e));
}

static void agents_are_known_by_their_client(void **state)
{
    (void)state;
    static const struct {
        const char *client, *agent;
    } rows[] = {
        { "claude-code/2.0.1 (cli)", "claude-code" },
        { "Claude-User/1.0", "claude-code" },
        { "codex_cli_rs/0.46 (Ubuntu; x86_64)", "codex" },
        { "Mozilla/5.0 (X11) Cursor/0.42 Chrome/128", "cursor" },
        { "aws-cli/2.31 Python/3.13 app/codex", "codex" },
        { "aws-cli/2.17.50 md/awscrt#0.21.2 md/claude-code ua/2.0", "claude-code" },
        { "mcp-server-vault/1.0", "mcp" },
        { "aws-cli/2.31 goose/3 exec-env/cursor", NULL },
        { "cursory/1.0", NULL },
        { "claude", NULL }, /* no version, no product */
        { "/ / app/", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        const char *got = kt_ai_agent_of_client(kt_str_of(rows[i].client));
        assert_true((got == NULL) == (rows[i].agent == NULL));
        assert_true(got == NULL || strcmp(got, rows[i].agent) == 0);
    }
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_found_again),
        cmocka_unit_test(the_id_is_source_scope_native_id_and_part),
        cmocka_unit_test(a_record_about_an_event_has_an_id_of_its_own),
        cmocka_unit_test(the_digest_ignores_how_the_record_came),
        cmocka_unit_test(reports_with_another_body_differ),
        cmocka_unit_test(a_read_needs_a_secret),
        cmocka_unit_test(a_shadow_of_a_read_is_none),
        cmocka_unit_test(agents_are_known_by_their_client),
    };
    return cmocka_run_group_tests_name("event_event", tests, NULL, NULL);
}
