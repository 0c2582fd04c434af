/* What stores answer when they are listed: dates in every form, ids as accesses have them, and what
 * is never looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agents/input.h"
#include "agents/inputs/inventory_store.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

static struct kt_arena arena;
static struct kt_json *json;

static struct kt_jval parsed(const char *text)
{
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(json, kt_str_of(text), &root, &repaired, NULL) != KT_OK)
        fail_msg("no JSON: %s", text);
    return root;
}

static void dates_come_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *json, *want;
    } cases[] = {
        { "[1.7E9]", "2023-11-14T22:13:20.000000000Z" },
        { "[1700000000]", "2023-11-14T22:13:20.000000000Z" },
        { "[1.700000000937E9]", "2023-11-14T22:13:20.000000000Z" },
        { "[\"2023-11-14T22:13:20Z\"]", "2023-11-14T22:13:20Z" },
        { "[\"soon\"]", "" },
        { "[0]", "" },
        { "[-1]", "" },
        { "[1e300]", "" },
        { "[99999999999999999999]", "" },
        { "[null]", "" },
        { "[true]", "" },
        { "[{}]", "" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_json_iter it = kt_json_iter(parsed(cases[i].json));
        struct kt_str name;
        struct kt_jval v;
        assert_true(kt_json_next(&it, &name, &v));
        struct kt_str got = inv_date(&arena, v);
        if (!kt_str_is(got, cases[i].want))
            fail_msg("%s: " KT_STR_FMT, cases[i].json, KT_STR_ARG(got));
    }
}

/* ---- a store and one answer ---- */

struct heard {
    struct inv_out out; /* first: it is what the store has in hand */
    struct kt_buf text; /* "secret ID;", "secret ID expires WHEN;", "task TASK;" */
};

static void on_secret(struct inv_out *o, const struct inv_secret *s)
{
    struct heard *h = (struct heard *)o;
    kt_buf_addf(&h->text, "secret " KT_STR_FMT "%s", KT_STR_ARG(s->id), s->guess ? "?" : "");
    if (s->expires.len > 0)
        kt_buf_addf(&h->text, " expires " KT_STR_FMT, KT_STR_ARG(s->expires));
    if (s->deleted.len > 0)
        kt_buf_addf(&h->text, " deleted " KT_STR_FMT, KT_STR_ARG(s->deleted));
    kt_buf_byte(&h->text, ';');
}

static void on_task(struct inv_out *o, struct kt_str task)
{
    struct heard *h = (struct heard *)o;
    kt_buf_addz(&h->text, "task ");
    kt_buf_add(&h->text, task);
    kt_buf_byte(&h->text, ';');
}

static const struct inv_store *store_of(const char *name)
{
    size_t i = 0;
    while (inv_stores[i] != NULL && strcmp(inv_stores[i]->name, name) != 0)
        i++;
    assert_non_null(inv_stores[i]);
    return inv_stores[i];
}

struct answer {
    const char *store, *task;
    int status;
    const char *body, *want;
    bool bad; /* there is something wrong with it */
};

static void expect(const struct answer *a)
{
    static const struct kt_strings none = { NULL, 0 };
    struct heard h = { .out = { on_secret, on_task } };
    const struct inv_in in = { .task = kt_str_of(a->task),
                               .url = KT_STR("https://store.example"),
                               .cluster = KT_STR("prod"),
                               .region = KT_STR("eu-central-1"),
                               .within = &none,
                               .now = 1790000000 * KT_NS_S, /* 2026-09-21T14:13:20Z */
                               .arena = &arena };
    kt_arena_reset(&arena);
    const char *problem = store_of(a->store)->hear(&in, a->status, parsed(a->body), &h.out);
    if ((problem != NULL) != a->bad || strcmp(kt_buf_z(&h.text), a->want) != 0)
        fail_msg("%s %s: %s (%s)", a->store, a->body, h.text.at,
                 problem != NULL ? problem : "fine");
    kt_buf_done(&h.text);
}

static void answers_give_ids_as_accesses_have_them(void **state)
{
    (void)state;
    static const struct answer answers[] = {
        { "aws_sm", "", 200,
          "{\"SecretList\":[{\"ARN\":\"arn:aws:secretsmanager:eu-central-1:111122223333:secret:a/"
          "b-AbCdEf\",\"Name\":\"a/b\"},{\"Name\":\"no-arn\"},{}],\"NextToken\":\"n\"}",
          "secret aws-sm://111122223333/eu-central-1/a/b;secret "
          "aws-sm://-/eu-central-1/no-arn?;task n;",
          false },
        { "aws_ssm", "", 200, "{\"Parameters\":[{\"Name\":\"/a/b\"}]}",
          "secret aws-ssm://-/eu-central-1/a/b?;", false },
        { "aws_sm", "", 200, "{\"message\":\"x\"}", "", true },
        { "vault", "L\tkv/prod\tpay", 200, "{\"data\":{\"keys\":[\"a\",\"b/\",7,\"\",\"x\\ty\"]}}",
          "task M\tkv/prod\tpay/a;task L\tkv/prod\tpay/b;", false },
        { "vault", "M\tkv/prod\tpay/a", 200, "{\"data\":{\"current_version\":1}}",
          "secret vault://prod/-/kv%2Fprod/pay/a;", false },
        { "vault", "S\tdatabase\tapp", 200, "{\"data\":{}}",
          "secret vault://prod/-/database/static-creds/app;", false },
        { "vault", "M\tkv\ta", 200,
          "{\"data\":{\"current_version\":1,\"versions\":{\"1\":{\"deletion_time\":"
          "\"2026-09-22T00:00:00Z\",\"destroyed\":false}}}}",
          "secret vault://prod/-/kv/a expires 2026-09-22T00:00:00Z;", false },
        { "vault", "M\tkv\ta", 200,
          "{\"data\":{\"current_version\":1,\"versions\":{\"1\":{\"deletion_time\":"
          "\"2026-09-20T00:00:00Z\",\"destroyed\":true}}}}",
          "secret vault://prod/-/kv/a deleted 2026-09-20T00:00:00Z;", false },
        { "vault", "M\tkv\ta", 200,
          "{\"data\":{\"current_version\":1,\"versions\":{\"1\":{\"deletion_time\":\"\","
          "\"destroyed\":true}}}}",
          "secret vault://prod/-/kv/a deleted 2026-09-21T14:13:20.000000000Z;", false },
        { "vault", "V\tkv/prod\t", 200,
          "{\"data\":{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}", "task L\tkv/prod\t;",
          false },
        { "vault", "V\tkv\t", 200, "{\"data\":{\"type\":\"kv\",\"options\":{\"version\":\"1\"}}}",
          "", true },
        { "vault", "V\tkv\t", 200, "{\"data\":{\"type\":\"kv\",\"options\":null}}", "", true },
        { "vault", "L\tsecret\tgone", 404, "{\"errors\":[]}", "", false },
        { "vault", "L\tsecret\t", 404, "{\"errors\":[\"no handler for route\"]}", "", true },
        { "kubernetes", "\t", 200,
          "{\"kind\":\"PartialObjectMetadataList\",\"items\":[{\"metadata\":{\"name\":\"s\","
          "\"namespace\":\"pay\"}},{\"metadata\":{}}],\"metadata\":{\"continue\":\"c\"}}",
          "secret k8s://prod/pay/s;task \tc;", false },
        { "onepassword", "v", 200, "[{\"id\":\"i\",\"vault\":{\"id\":\"v\"}}]",
          "secret op://-/V/I?;", false },
        { "gcp", "acme\t", 200,
          "{\"secrets\":[{\"name\":\"projects/1/secrets/a\"},{\"name\":\"projects/acme/secrets/"
          "b\"},"
          "{\"name\":\"x\"}]}",
          "secret gcp-sm://1/global/a;secret gcp-sm://acme/global/b?;", false },
        { "github", "repos/acme/pay/actions\t1", 200, "{\"secrets\":[{\"name\":\"A\"}]}",
          "secret github://acme/pay/actions/A;", false },
        { "github", "repos/acme/pay/environments\t1", 200,
          "{\"environments\":[{\"name\":\"prod/eu\"},{}]}",
          "task repos/acme/pay/environments\t1\tprod/eu;", false },
        { "github", "repos/acme/pay/environments\t1\tprod/eu", 200,
          "{\"secrets\":[{\"name\":\"A\"}]}", "secret github://acme/pay/actions/prod/eu/A;",
          false },
        { "github", "orgs/acme/actions\t1", 404, "{}", "", true },
        { "azure", "/secrets?api-version=7.4", 200,
          "{\"value\":[{\"id\":\"https://Acme.vault.azure.net/secrets/Db\"},{\"kid\":"
          "\"https://acme.vault.azure.net/keys/k\"},{\"id\":\"x\"}],\"nextLink\":"
          "\"https://store.example/secrets?$skiptoken=x\"}",
          "secret az-kv://acme.vault.azure.net/secrets/db;secret "
          "az-kv://acme.vault.azure.net/keys/k;task /secrets?$skiptoken=x;",
          false },
        { "azure", "", 200,
          "{\"value\":[],\"nextLink\":\"https://Store.example:443/secrets?$skiptoken=x\"}",
          "task /secrets?$skiptoken=x;", false },
        { "azure", "", 200, "{\"value\":[],\"nextLink\":\"https://store.example:444/secrets\"}", "",
          true },
        { "azure", "", 200, "{\"value\":[],\"nextLink\":\"http://store.example/secrets\"}", "",
          true },
        { "azure", "", 200, "{\"value\":[],\"nextLink\":\"https://store.example:443@evil.test/s\"}",
          "", true },
        { "azure", "", 200,
          "{\"value\":[],\"nextLink\":\"https://store.example.evil.test/secrets\"}", "", true },
        { "doppler", "N\tpay\tprd", 200, "{\"names\":[\"A\",7]}",
          "secret doppler://prod/pay/prd/A;", false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(answers); i++)
        expect(&answers[i]);
}

/* An API server, or something before it, that does not know the form sends every value. */
static void whole_secrets_are_not_looked_at(void **state)
{
    (void)state;
    const struct answer a = { "kubernetes",
                              "\t",
                              200,
                              "{\"kind\":\"SecretList\",\"items\":[{\"metadata\":{\"name\":\"s\","
                              "\"namespace\":\"pay\"},\"data\":{\"password\":\"aW52ZW50ZWQ=\"}}]}",
                              "",
                              true };
    expect(&a);
}

/* The sentence that names the right stands in a status of 200 bytes. */
static void what_is_needed_is_said_whole(void **state)
{
    (void)state;
    struct kt_input_status status;
    for (size_t i = 0; inv_stores[i] != NULL; i++)
        assert_true(strlen(inv_stores[i]->name) + 2 + strlen(inv_stores[i]->denied) <
                    sizeof status.problem);
}

static void a_limit_is_no_missing_right(void **state)
{
    (void)state;
    static const struct {
        int status;
        kt_time_ns retry_after;
        const char *headers;
        bool later;
        kt_time_ns wait;
    } cases[] = {
        { 200, 0, "x-ratelimit-remaining: 0\n", false, 0 },
        { 403, 0, "", false, 0 },
        { 403, 0, "x-ratelimit-remaining: 7\nx-ratelimit-reset: 1790000100\n", false, 0 },
        { 403, 60 * KT_NS_S, "x-ratelimit-remaining: 7\n", true, 60 * KT_NS_S },
        { 403, 0, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1790000100\n", true,
          101 * KT_NS_S },
        { 403, 0, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1780000000\n", true, 0 },
        { 403, 0, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 9223372036854775807\n", true, 0 },
        { 429, 0, "", true, 0 },
        { 503, 0, "", true, 0 },
        { 0, 0, "", true, 0 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_http_answer a = { .status = cases[i].status,
                                    .retry_after = cases[i].retry_after };
        kt_buf_addz(&a.headers, cases[i].headers);
        assert_int_equal(kt_fetch_is_later(&a, 1790000000 * KT_NS_S), cases[i].later);
        assert_int_equal(a.retry_after, cases[i].wait);
        kt_http_answer_done(&a);
    }
}

static int start(void **state)
{
    (void)state;
    kt_hash_init();
    arena = kt_arena_new(1u << 20);
    json = kt_json_new(KT_JSON_SIMDJSON);
    return 0;
}

static int end(void **state)
{
    (void)state;
    kt_arena_done(&arena);
    kt_json_free(json);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_come_in_every_form),
        cmocka_unit_test(answers_give_ids_as_accesses_have_them),
        cmocka_unit_test(whole_secrets_are_not_looked_at),
        cmocka_unit_test(what_is_needed_is_said_whole),
        cmocka_unit_test(a_limit_is_no_missing_right),
    };
    return cmocka_run_group_tests_name("agent/inventory", tests, start, end);
}
