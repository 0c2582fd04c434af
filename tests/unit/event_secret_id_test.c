/* secret_id: what the grammar of SOURCES §0.4 makes of names, and what it reads from ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/event/secret_id.h"

static void ids_follow_the_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *scheme;
        const char *fixed[3];
        const char *tail;
        bool star;
        const char *want;
    } rows[] = {
        { "aws-sm",
          { "111122223333", "eu-central-1" },
          "pay/db",
          false,
          "aws-sm://111122223333/eu-central-1/pay/db" },
        { "aws-sm",
          { "111122223333", "eu-central-1" },
          "/pay/db",
          false,
          "aws-sm://111122223333/eu-central-1//pay/db" },
        { "aws-ssm",
          { "111122223333", "eu-central-1" },
          "/pay/db",
          false,
          "aws-ssm://111122223333/eu-central-1/pay/db" },
        { "aws-ssm",
          { "111122223333", "eu-central-1" },
          "/pay/",
          true,
          "aws-ssm://111122223333/eu-central-1/pay/*" },
        { "vault",
          { "Prod", "team/a/", "/kv/prod/" },
          "pay/db",
          false,
          "vault://prod/team%2Fa/kv%2Fprod/pay/db" },
        { "vault", { "prod", "", "secret" }, "pay/", true, "vault://prod/-/secret/pay/*" },
        { "vault", { "prod", "-", "secret" }, "", true, "vault://prod/%2D/secret/*" },
        { "vault", { "prod", "", "secret" }, "", false, "vault://prod/-/secret/-" },
        { "vault", { "prod", "", "secret" }, "-", false, "vault://prod/-/secret/%2D" },
        { "vault", { "prod", "", "secret" }, "a*b", false, "vault://prod/-/secret/a%2Ab" },
        { "k8s", { "Prod", "pay" }, "", true, "k8s://prod/pay/*" },
        { "k8s", { "prod", "*" }, "", true, "k8s://prod/*/*" },
        { "k8s", { "prod", "*" }, "x", false, "k8s://prod/%2A/x" },
        { "k8s", { "prod", "pay" }, "Db", false, "k8s://prod/pay/Db" },
        { "az-kv",
          { "MyVault.vault.azure.net", "secrets" },
          "PayDb",
          false,
          "az-kv://myvault.vault.azure.net/secrets/paydb" },
        { "op", { "wyoj", "s2jh" }, "v4se", false, "op://WYOJ/S2JH/V4SE" },
        { "file", { "Web1" }, "/srv/my app/.env", false, "file://web1/srv/my%20app/.env" },
        { "file", { "web1" }, "a\x01\x7f%b", false, "file://web1/a%01%7F%25b" },
        { "file",
          { "web1" },
          "\xc3\xa4\xff\xed\xa0\x80",
          false,
          "file://web1/\xc3\xa4%FF%ED%A0%80" },
        { "gcp-sm", { "123", "global" }, "Db", false, "gcp-sm://123/global/Db" },
        { "doppler", { "acme", "pay", "prd" }, "DB_URL", false, "doppler://acme/pay/prd/DB_URL" },
        { "gitlab",
          { "Git.Example", "Acme/Pay", "variables" },
          "DB_URL",
          false,
          "gitlab://git.example/Acme%2FPay/variables/DB_URL" },
        { "github",
          { "Acme", "", "actions" },
          "production/DB_URL",
          false,
          "github://Acme/-/actions/production/DB_URL" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_arena a = kt_arena_new(4096);
        struct kt_str fixed[3];
        unsigned n = 0;
        while (n < 3 && rows[i].fixed[n] != NULL) {
            fixed[n] = kt_str_of(rows[i].fixed[n]);
            n++;
        }
        struct kt_str id =
            kt_secret_id(&a, rows[i].scheme, fixed, n, kt_str_of(rows[i].tail), rows[i].star);
        if (!kt_str_is(id, rows[i].want))
            fail_msg("row %zu: " KT_STR_FMT " instead of %s", i, KT_STR_ARG(id), rows[i].want);
        kt_arena_done(&a);
    }
}

/* Rule 2: `%`, blanks, control bytes, a literal `*`, no UTF-8; and in a fixed part its '/'. */
static void each_byte_is_written_or_escaped(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        const bool escaped = c <= 0x20 || c >= 0x7f || c == '%' || c == '*';
        char in[3] = { 'a', (char)c, 0 }, want[32], tail[8], fixed[8];
        struct kt_arena a = kt_arena_new(4096);
        const struct kt_str part = kt_str_from(in, 2);
        (void)snprintf(tail, sizeof tail, escaped ? "a%%%02X" : "a%c", c);
        (void)snprintf(fixed, sizeof fixed, escaped ? "a%%%02X" : "a%c", c);
        if (c == '/')
            (void)snprintf(fixed, sizeof fixed, "a"); /* an outer slash */
        (void)snprintf(want, sizeof want, "gcp-sm://%s/%s", fixed, tail);
        assert_true(kt_str_is(kt_secret_id(&a, "gcp-sm", &part, 1, part, false), want));
        kt_arena_done(&a);
    }
}

static void an_id_that_does_not_fit_is_empty(void **state)
{
    (void)state;
    struct kt_arena a = kt_arena_new(16);
    struct kt_str fixed[] = { KT_STR("111122223333") };
    struct kt_str id = kt_secret_id(&a, "aws-sm", fixed, 1, KT_STR("pay/db"), false);
    assert_int_equal(id.len, 0);
    assert_true(a.full);
    kt_arena_done(&a);
}

static void an_id_may_have_any_length(void **state)
{
    (void)state;
    char name[700], want[3 * sizeof name];
    struct kt_arena a = kt_arena_new(1 << 20);
    struct kt_str fixed[] = { KT_STR("Prod") };
    for (size_t n = 1; n < sizeof name; n++) {
        name[n - 1] = n % 7 == 0 ? '%' : (char)('A' + n % 26);
        struct kt_buf all = { 0 };
        kt_buf_addz(&all, "az-kv://prod/");
        for (size_t i = 0; i < n; i++)
            kt_buf_addz(&all, name[i] == '%' ? "%25" : (char[]){ (char)(name[i] | 0x20), '\0' });
        kt_str_copyz(want, sizeof want, kt_buf_str(&all));
        struct kt_str id = kt_secret_id(&a, "az-kv", fixed, 1, kt_str_from(name, n), false);
        assert_true(kt_str_is(id, want));
        kt_buf_done(&all);
        kt_arena_reset(&a);
    }
    kt_arena_done(&a);
}

static void production_is_read_from_segments(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int want;
    } rows[] = {
        { "aws-sm://1/eu/prod/db", 1 },
        { "aws-sm://1/eu/pay-prd.db", 1 },
        { "aws-sm://1/eu/LIVE_KEY", 1 },
        { "aws-sm://1/eu/production", 1 },
        { "aws-sm://1/eu/dev/db", 0 },
        { "doppler://acme/pay/stg/DB", -1 },
        { "doppler://acme/pay/prd/DB", 1 },
        { "aws-sm://1/eu/product", -1 },
        { "vault://x/team%2Fprod/kv/a", 1 },
        { "vault://x/-/kv/ci", 0 },
        { "vault://x/-/kv/dev/prod", 1 },
        { "vault://x/-/kv/latest", -1 },
        { "", -1 },
        { "prod", 1 },
        { "vault://x/-/kv/a%20sandbox", 0 },
        { "vault://x/-/kv/a%", -1 },
        { "live://x/y", -1 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++)
        if (kt_secret_production(kt_str_of(rows[i].id)) != rows[i].want)
            fail_msg("%s", rows[i].id);
}

static void scheme_and_store_are_prefixes(void **state)
{
    (void)state;
    struct kt_str id = KT_STR("vault://prod/-/secret/pay");
    assert_true(kt_str_is(kt_secret_scheme(id), "vault"));
    assert_true(kt_str_is(kt_secret_store(id), "vault://prod"));
    assert_true(kt_str_is(kt_secret_store(KT_STR("op://A")), "op://A"));
    assert_int_equal(kt_secret_scheme(KT_STR("pay/db")).len, 0);
    assert_int_equal(kt_secret_store(KT_STR("a:b://c")).len, 0);
    assert_int_equal(kt_secret_scheme(KT_STR("://c")).len, 0);
}

static void a_set_has_what_is_below_it(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *set;
        bool below;
    } rows[] = {
        { "vault://c/-/secret/prod/db", "vault://c/-/secret/prod/*", true },
        { "vault://c/-/secret/product", "vault://c/-/secret/prod/*", false },
        { "vault://c/-/secret/prod/db", "vault://c/-/secret/prod/db", false },
        { "k8s://prod/pay/db", "k8s://prod/pay/*", true },
        { "k8s://prod/pay/db", "k8s://prod/*/*", true },
        { "k8s://prod2/pay/db", "k8s://prod/*/*", false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++)
        if (kt_secret_is_below(kt_str_of(rows[i].secret), kt_str_of(rows[i].set)) != rows[i].below)
            fail_msg("%s %s", rows[i].secret, rows[i].set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_follow_the_grammar),
        cmocka_unit_test(each_byte_is_written_or_escaped),
        cmocka_unit_test(an_id_that_does_not_fit_is_empty),
        cmocka_unit_test(an_id_may_have_any_length),
        cmocka_unit_test(production_is_read_from_segments),
        cmocka_unit_test(scheme_and_store_are_prefixes),
        cmocka_unit_test(a_set_has_what_is_below_it),
    };
    return cmocka_run_group_tests_name("event_secret_id", tests, NULL, NULL);
}
