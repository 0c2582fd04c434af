/* redact: which text is a secret, what stays, and that redacting twice is redacting once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/event/redact.h"
#include "core/event/redact_heads.h"
#include "core/event/redact_shapes.h"

#define A16  "ABCDEFGHIJKLMNOP"
#define A20  "aB3dE6gH9jK2mN5pQ8sT"
#define A24  A20 "uV1w"
#define A40  A20 A20
#define JWT  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
#define HMAC "hmac-sha256:0123456789abcdef"

static struct kt_arena arena;

static void tokens_are_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "key AKIA" A16 " used", "key [redacted:aws_key_id:20] used" },
        { "ASIA" A16, "[redacted:aws_key_id:20]" },
        { "hvs." A24, "[redacted:vault_token:28]" },
        { "x=1,hvb." A24 "!", "x=1,[redacted:vault_token:28]!" },
        { "token s." A24, "token [redacted:vault_token:26]" },
        { "ghp_" A40, "[redacted:github_token:44]" },
        { "gho_" A40, "[redacted:github_token:44]" },
        { "ghs_" A40, "[redacted:github_token:44]" },
        { "ghu_" A40, "[redacted:github_token:44]" },
        { "ghr_" A40, "[redacted:github_token:44]" },
        { "github_pat_" A20 "_" A20, "[redacted:github_token:52]" },
        { "xoxa-12345-67890-abc", "[redacted:slack_token:20]" },
        { "xoxb-12345-67890-abc", "[redacted:slack_token:20]" },
        { "xoxp-12345-67890-abc", "[redacted:slack_token:20]" },
        { "xoxr-12345-67890-abc", "[redacted:slack_token:20]" },
        { "xoxs-12345-67890-abc", "[redacted:slack_token:20]" },
        { "dp.st.prd." A40, "[redacted:doppler_token:50]" },
        { "dp.pt." A40, "[redacted:doppler_token:46]" },
        { "dp.ct." A40, "[redacted:doppler_token:46]" },
        { "dp.sa." A40, "[redacted:doppler_token:46]" },
        { "hvr." A24, "[redacted:vault_token:28]" },
        { "ops_" A40, "[redacted:1password_token:44]" },
        { "ops_eyJ" A40, "[redacted:1password_token:47]" },
        { "glpat-" A20, "[redacted:gitlab_token:26]" },
        { "sk_live_" A24, "[redacted:stripe_key:32]" },
        { "rk_live_" A24, "[redacted:stripe_key:32]" },
        { "a " JWT " b", "a [redacted:jwt:49] b" },
        { "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest",
          "[redacted:pem:66]\nrest" },
        { "-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted:pem:32]" },
        { "postgres://app:hunter2@db/x", "postgres://app:[redacted:url_password:7]@db/x" },
        { "https://u:p@ss@h", "https://u:[redacted:url_password:4]@h" },
        { "aws-sm://1/postgres:%2F%2Fapp:hunter2@db%2Fx/a",
          "aws-sm://1/postgres:%2F%2Fapp:[redacted:url_password:7]@db%2Fx/a" },
        { "Authorization: Basic dXNlcjpwYXNz\nHost: x",
          "Authorization: [redacted:http_auth:18]\nHost: x" },
        { "cookie: a=b; c=d", "cookie: [redacted:http_cookie:8]" },
        { "X-Vault-Token: abcdef", "X-Vault-Token: [redacted:token:6]" },
        { "X-Custom-Token: abcdef", "X-Custom-Token: [redacted:token:6]" },
        { "sent Bearer abc123def456", "sent Bearer [redacted:http_auth:12]" },
        { "sent basic dXNlcjpwYXNz", "sent basic [redacted:http_auth:12]" },
        { "psql password=hunter2 host=x", "psql password=[redacted:password:7] host=x" },
        { "DB_PASSWORD='hunter 2'", "DB_PASSWORD='[redacted:password:8]'" },
        { "?token=abc&x=1", "?token=[redacted:token:3]&x=1" },
        { "client_secret = abc", "client_secret = [redacted:secret:3]" },
        { "{\"password\": \"x\",\"user\":\"y\"}",
          "{\"password\": \"[redacted:password:1]\",\"user\":\"y\"}" },
        { "{\\\"api_key\\\":\\\"x\\\"}", "{\\\"api_key\\\":\\\"[redacted:api_key:1]\\\"}" },
        { "password=hunter2[redacted:password:1]", "password=[redacted:password:28]" },
        { "password=[redacted:password:1]x", "password=[redacted:password:22]" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_str got = KT_STR_NONE;
        struct kt_redact_hits hits = { .n = 0 };
        kt_arena_reset(&arena);
        bool changed = kt_redact_str(kt_str_of(rows[i].in), &arena, &got, &hits, "message");
        if (!changed || !kt_str_is(got, rows[i].out))
            fail_msg("%s -> " KT_STR_FMT, rows[i].in, KT_STR_ARG(got));
        assert_true(hits.n >= 1);
        if (kt_redact_str(got, &arena, &got, &hits, "message"))
            fail_msg("not a fixed point: " KT_STR_FMT, KT_STR_ARG(got));
    }
}

static void names_and_hashes_stay(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "AKIAEXAMPLE",
        "ASIAEXAMPLE and xAKIA" A16,
        "arn:aws:sts::111122223333:assumed-role/ci-deploy/run-812",
        "aws-sm://111122223333/eu-central-1/pay/db-password",
        "vault://prod/team%2Fa/kv/token",
        "password=" HMAC,
        "password=",
        "password=***",
        "token_type=service",
        "password=[redacted:password:7]",
        "Authorization: [redacted:http_auth:12]",
        "https://h:8200/v1/x",
        "https://user@h/x",
        "https://u:@h/x",
        "ops_team_rotates_the_database_password",
        "basic authentication failed",
        "bearer token expired",
        "its.abcdefghijklmnopqrstuvwxyzabcd",
        "invalid password: must be longer",
        "secret: pay/db",
        "-----BEGIN CERTIFICATE-----\nMIIE",
        "aws-cli/2.15 Python/3.11 Linux/6.1 exe/x86_64.debian.12 prompt/off",
        "hvs.short",
        "eyJub3Rhand0",
        "eyJhbGciOi.short",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_str got;
        if (kt_redact_str(kt_str_of(rows[i]), &arena, &got, NULL, "message"))
            fail_msg("%s -> " KT_STR_FMT, rows[i], KT_STR_ARG(got));
    }
}

static void raw_stays_valid_and_loses_values(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "{\"password\":\"hunter2\",\"user\":\"ana\"}",
          "{\"password\":\"[redacted:password:7]\",\"user\":\"ana\"}" },
        { "{\"h\":{\"Cookie\":[\"a=b\",\"c\"],\"x\":[\"a\"]}}",
          "{\"h\":{\"Cookie\":[\"[redacted:http_cookie:3]\",\"[redacted:http_cookie:1]\"],"
          "\"x\":[\"a\"]}}" },
        { "{\"m\":\"line\\nAKIA" A16 "\\\"\"}", "{\"m\":\"line\\n[redacted:aws_key_id:20]\\\"\"}" },
        { "{\"ghp_" A40 "\":1}", "{\"[redacted:github_token:44]\":1}" },
        { "{\"a\":[{\"token\":\"x\"},\"hvs." A24 "\"]}",
          "{\"a\":[{\"token\":\"[redacted:token:1]\"},\"[redacted:vault_token:28]\"]}" },
        { "{\"client_token\":\"root\"}", "{\"client_token\":\"[redacted:token:4]\"}" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_event ev = { .kind = KT_KIND_ACCESS, .raw = kt_str_of(rows[i].in) };
        struct kt_redact_hits hits;
        kt_arena_reset(&arena);
        assert_false(kt_redact_clean(&ev));
        assert_true(kt_redact_event(&ev, &arena, &hits));
        if (!kt_str_is(ev.raw, rows[i].out))
            fail_msg("%s -> " KT_STR_FMT, rows[i].in, KT_STR_ARG(ev.raw));
        assert_true(kt_redact_clean(&ev));
        assert_string_equal(hits.at[0].field, "raw");
        assert_true(ev.flags & KT_FLAG(REDACTED));
    }
}

static void metadata_in_raw_stays(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{}",
        "{\"token_type\":\"service\",\"client_token\":\"" HMAC "\",\"accessor\":\"" HMAC "\"}",
        "{\"secretId\":\"pay/db\",\"secret\":\"pay/db\",\"clientRequestToken\":\"0b1c-22\"}",
        "{\"password\":\"\",\"passwd\":null,\"token\":12,\"pwd\":[]}",
        "{\"accessKeyId\":\"AKIA" A16 "\",\"fields\":[\"password\",\"user\"]}",
        "{\"secretString\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"}",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_event ev = { .kind = KT_KIND_ACCESS, .raw = kt_str_of(rows[i]) };
        if (!kt_redact_clean(&ev) || kt_redact_event(&ev, &arena, NULL))
            fail_msg("%s -> " KT_STR_FMT, rows[i], KT_STR_ARG(ev.raw));
    }
}

static void a_credential_keeps_its_key_id_only(void **state)
{
    (void)state;
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .credential = KT_STR("AKIA" A16) };
    assert_true(kt_redact_clean(&ev));
    assert_false(kt_redact_event(&ev, &arena, NULL));
    ev.message = ev.credential;
    assert_false(kt_redact_clean(&ev));
    ev = (struct kt_event){ .kind = KT_KIND_ACCESS, .credential = KT_STR("hvs." A24) };
    struct kt_redact_hits hits;
    assert_true(kt_redact_event(&ev, &arena, &hits));
    assert_string_equal(hits.at[0].field, "credential");
    assert_int_equal(hits.at[0].len, 28);
}

static void lists_are_swept(void **state)
{
    (void)state;
    struct kt_event ev = { .kind = KT_KIND_ACCESS };
    ev.groups = (struct kt_list){ .at = { KT_STR("ok"), KT_STR("ghp_" A40) }, .n = 2 };
    assert_false(kt_redact_clean(&ev));
    assert_true(kt_redact_event(&ev, &arena, NULL));
    assert_true(kt_str_is(ev.groups.at[1], "[redacted:github_token:44]"));
    assert_true(kt_redact_clean(&ev));
}

static void random_text_is_only_marked(void **state)
{
    (void)state;
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .message = KT_STR("id " A40 " seen") };
    struct kt_redact_hits hits;
    assert_false(kt_redact_event(&ev, &arena, &hits));
    assert_true(hits.entropy);
    assert_int_equal(ev.flags, KT_FLAG(ENTROPY));
    assert_true(kt_redact_clean(&ev));
    ev = (struct kt_event){ .kind = KT_KIND_ACCESS,
                            .message = KT_STR("0123456789abcdef0123456789abcdef0123456789abcdef") };
    assert_false(kt_redact_event(&ev, &arena, &hits));
    assert_false(hits.entropy);
}

static void a_full_arena_leaves_no_secret(void **state)
{
    (void)state;
    struct kt_arena small = kt_arena_new(8);
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .message = KT_STR("ghp_" A40) };
    assert_true(kt_redact_event(&ev, &small, NULL));
    assert_int_equal(ev.message.len, 0);
    assert_true(small.full);
    kt_arena_done(&small);
}

/* What an agent does, and what the collector then asks. */
static void clean_behind_the_line(struct kt_event *ev)
{
    struct kt_buf line = { 0 };
    struct kt_arena reading = kt_arena_new(2 * KT_LINE_MAX);
    struct kt_event back;
    (void)kt_redact_event(ev, &arena, NULL);
    assert_true(kt_redact_clean(ev));
    assert_false(kt_redact_event(ev, &arena, NULL));
    assert_int_equal(kt_line_write(ev, &line, NULL), KT_OK);
    assert_int_equal(kt_line_read(kt_buf_str(&line), &reading, &back, NULL), KT_OK);
    if (!kt_redact_clean(&back))
        fail_msg("%s", kt_buf_z(&line));
    kt_arena_done(&reading);
    kt_buf_done(&line);
}

/* What the look at a whole line calls clean, the look at each string leaves alone. */
static void line_look_misses_nothing(struct kt_event ev)
{
    struct kt_buf line = { 0 };
    struct kt_event written = ev;
    const bool raw = ev.raw.len > 0;
    if (kt_line_write(&written, &line, NULL) == KT_OK && (written.raw.len > 0) == raw &&
        kt_redact_line_clean(kt_buf_str(&line), ev.raw.len, true) &&
        (kt_redact_event(&ev, &arena, NULL) || (ev.flags & KT_FLAG(ENTROPY)) != 0))
        fail_msg("%s", kt_buf_z(&line));
    kt_buf_done(&line);
}

static bool record_has(struct kt_str json, struct kt_buf *out)
{
    struct kt_json *parser = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    bool found = kt_json_parse(parser, json, &root, &repaired, NULL) == KT_OK &&
                 kt_redact_record(json, root, out);
    kt_json_free(parser);
    return found;
}

/* An escape makes the quick look give way to the walk: both must agree. json: an object. */
static void quick_look_misses_nothing(struct kt_str json)
{
    struct kt_buf out = { 0 }, walked = { 0 }, longer = { 0 };
    bool found = record_has(json, &out);
    kt_buf_addz(&longer, "{\"\\\\\":0,");
    kt_buf_add(&longer, kt_str_from_index(json, 1));
    if (record_has(kt_buf_str(&longer), &walked) != found)
        fail_msg(KT_STR_FMT, KT_STR_ARG(json));
    if (found && record_has(kt_buf_str(&out), &walked))
        fail_msg("twice: " KT_STR_FMT, KT_STR_ARG(json));
    kt_buf_done(&out);
    kt_buf_done(&walked);
    kt_buf_done(&longer);
}

static uint64_t rnd(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void random_text_with_tokens_is_clean_behind_the_line(void **state)
{
    (void)state;
    static const struct kt_str pieces[] = {
        KT_STR_INIT("AKIA" A16),   KT_STR_INIT("hvs." A24),
        KT_STR_INIT("s." A24),     KT_STR_INIT(JWT),
        KT_STR_INIT("password="),  KT_STR_INIT("[redacted:x:1]"),
        KT_STR_INIT("[redacted:"), KT_STR_INIT("://u:p@"),
        KT_STR_INIT("Cookie: "),   KT_STR_INIT("Bearer "),
        KT_STR_INIT("\"token\":"), KT_STR_INIT("\""),
        KT_STR_INIT("\\"),         KT_STR_INIT(" "),
        KT_STR_INIT("\n"),         KT_STR_INIT("hmac-sha256:"),
        KT_STR_INIT("="),          KT_STR_INIT(":"),
        KT_STR_INIT("@"),          KT_STR_INIT("ghp_"),
        KT_STR_INIT(A20),          KT_STR_INIT("-----BEGIN EC PRIVATE KEY-----"),
        KT_STR_INIT("-----END "),  KT_STR_INIT("\xff"),
        KT_STR_INIT("\0"),         KT_STR_INIT("***"),
        KT_STR_INIT("eyJ"),        KT_STR_INIT("."),
    };
    uint64_t x = 88172645463325252u;
    struct kt_buf text = { 0 }, raw = { 0 };
    for (unsigned round = 0; round < 3000; round++) {
        kt_buf_reset(&text);
        kt_buf_reset(&raw);
        kt_arena_reset(&arena);
        for (size_t n = rnd(&x) % 12; n > 0; n--)
            kt_buf_add(&text, pieces[rnd(&x) % KT_ARRAY_LEN(pieces)]);
        kt_buf_addz(&raw, "{");
        kt_json_quote(&raw, kt_buf_str(&text));
        kt_buf_addz(&raw, rnd(&x) % 2 ? ":{\"Token\":[" : ":{\"a\":[");
        kt_json_quote(&raw, kt_buf_str(&text));
        kt_buf_addz(&raw, "]}}");
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .message = kt_buf_str(&text),
                               .credential = kt_buf_str(&text),
                               .raw = kt_buf_str(&raw) };
        quick_look_misses_nothing(kt_buf_str(&raw));
        line_look_misses_nothing(ev);
        clean_behind_the_line(&ev);
    }
    kt_buf_done(&text);
    kt_buf_done(&raw);
}

static void one_look_at_a_line_shows_whether_it_is_clean(void **state)
{
    (void)state;
    static const struct {
        const char *message, *credential, *raw;
        bool clean;
    } rows[] = {
        { "ops_team at https://h:8200/v1/x", "ASIA" A16, "{\"accessKeyId\":\"ASIA" A16 "\"}",
          true },
        { "", "", "{\"accessKeyId\":\"x ASIA" A16 "\"}", false },
        { "", "", "{\"accessKeyId\":[\"ASIA" A16 "\"]}", false },
        { "ASIA" A16, "", "{\"a\":1}", false },
        { "s." A24, "", "{\"a\":1}", false },
        { "", "", "{\"token\":\"x\"}", false },
        { "", "", "{\"x.a-token\":\"x\"}", false },
        { "", "", "{\"token\":[\"x\"]}", false },
        { "", "", "{\"to_ken\":\"hmac-sha256:0\",\"pwd\":\"***\",\"Secret\":\"x\"}", true },
        { "'password': 'x'", "", "{\"a\":1}", false },
        { "a\nb", "", "{\"a\":1}", false }, /* not sure */
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_buf line = { 0 };
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .message = kt_str_of(rows[i].message),
                               .credential = kt_str_of(rows[i].credential),
                               .raw = kt_str_of(rows[i].raw) };
        assert_int_equal(kt_line_write(&ev, &line, NULL), KT_OK);
        if (kt_redact_line_clean(kt_buf_str(&line), ev.raw.len, true) != rows[i].clean)
            fail_msg("%s", kt_buf_z(&line));
        line_look_misses_nothing(ev);
        kt_buf_done(&line);
    }
}

/* Any three bytes, at every place of a block and across its ends. */
static void many_bytes_at_a_time_find_what_one_does(void **state)
{
    (void)state;
    char text[3 * KT_REDACT_BLOCK];
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        static const char last[] = "_.-AJ=: x";
        for (size_t i = 0; i + 2 < sizeof text; i += 3) {
            text[i] = (char)(pair >> 8);
            text[i + 1] = (char)pair;
            text[i + 2] = last[(i / 3 + pair) % (sizeof last - 1)];
        }
        struct kt_str s = kt_str_from(text, sizeof text - pair % 70);
        struct kt_redact_heads wide, plain;
        kt_redact_heads_from(&wide, s, pair % 5, pair % 2 == 0);
        kt_redact_heads_from(&plain, s, pair % 5, pair % 2 == 0);
        plain.plain = true;
        for (size_t at = 0; at < s.len;) {
            at = kt_redact_heads_next(&wide);
            assert_int_equal(at, kt_redact_heads_next(&plain));
        }
    }
}

/* A run of codes at every place of a block, of every length about the least, with and without
 * capitals: those before and behind it do not count. */
static void only_a_run_itself_looks_random(void **state)
{
    (void)state;
    static const char code[] = "aB3cD5eF7gH9iJ1kL2mN4oP6qR8sT0uV-wX_yZ";
    char text[3 * KT_REDACT_BLOCK];
    for (size_t at = 1; at < 70; at++) {
        for (size_t n = 30; n < sizeof code; n++) {
            for (unsigned small = 0; small < 2; small++) {
                memset(text, ' ', sizeof text);
                memset(text, 'Q', at - 1);
                memset(text + at + n + 1, 'Z', 20);
                for (size_t i = 0; i < n; i++)
                    text[at + i] = (char)(small && code[i] >= 'A' && code[i] <= 'Z' ? code[i] | 0x20
                                                                                    : code[i]);
                bool random = n >= KT_REDACT_RUN && !small;
                for (size_t end = at + n; end < sizeof text; end += 31)
                    assert_int_equal(kt_redact_random(kt_str_from(text, end)), random);
            }
        }
    }
}

static void a_record_loses_its_tokens_and_keeps_its_names(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: nothing to take out */
    } rows[] = {
        { "{\"path\":\"kv/app\",\"password\":\"x\"}", NULL },
        { "{\"accessKeyId\":\"AKIA" A16 "\",\"x\":\"AKIA" A16 "\"}", NULL },
        { "{ \"repo\" : \"postgres://app:pw@db/x\" }",
          "{ \"repo\" : \"postgres://app:[redacted:url_password:2]@db/x\" }" },
        { "{\"repo\":\"postgres:\\/\\/app:pw@db\\/x\"}",
          "{\"repo\":\"postgres://app:[redacted:url_password:2]@db/x\"}" },
        { "{\"item\":[\"hvs." A24 "\",{\"glpat-" A20 "\":1}]}",
          "{\"item\":[\"[redacted:vault_token:28]\",{\"[redacted:gitlab_token:26]\":1}]}" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_buf out = { 0 };
        bool found = record_has(kt_str_of(rows[i].in), &out);
        assert_int_equal(found, rows[i].out != NULL);
        if (found)
            assert_string_equal(kt_buf_z(&out), rows[i].out);
        kt_buf_done(&out);
    }
}

/* As the pipeline does it: parsed, looked at, parsed again. */
static void read_twice(struct kt_str json, struct kt_buf *out)
{
    struct kt_json *parser = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_buf once = { 0 };
    struct kt_jval root;
    unsigned repaired;
    bool found = record_has(json, &once);
    assert_int_equal(
        kt_json_parse(parser, found ? kt_buf_str(&once) : json, &root, &repaired, NULL), KT_OK);
    kt_buf_reset(out);
    kt_json_write(root, out);
    assert_false(record_has(kt_buf_str(out), &once)); /* nothing is left for a second time */
    kt_json_free(parser);
    kt_buf_done(&once);
}

static void a_name_that_is_cut_leaves_no_half_of_a_token(void **state)
{
    static const char *const before[] = { "", "\"\\\\\":0," };
    char key[400], json[480];
    struct kt_buf out = { 0 };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(before); i++)
        for (int at = 0; at < 260; at++) {
            (void)snprintf(key, sizeof key, "%.*s postgres://app:hunter2hunter2@db hvs." A24, at,
                           "..........................................................."
                           "..........................................................."
                           "..........................................................."
                           "..........................................................."
                           "...........................................................");
            (void)snprintf(json, sizeof json, "{%s\"%s\":0}", before[i], key);
            read_twice(kt_str_of(json), &out);
            assert_null(strstr(kt_buf_z(&out), "hun"));
            assert_null(strstr(kt_buf_z(&out), "hvs."));
        }
    kt_buf_done(&out);
}

static void hits_are_found_again_by_their_placeholders(void **state)
{
    (void)state;
    struct kt_redact_hits hits = { 0 };
    struct kt_event ev = { .kind = KT_KIND_ACCESS,
                           .message = KT_STR("a [redacted:jwt:49] and [redacted:, [redacted:x]"),
                           .raw = KT_STR("{\"a\":\"[redacted:vault_token:28]\"}") };
    kt_redact_hits_in(&ev, &hits);
    assert_int_equal(hits.total, 2);
    assert_true(kt_str_is(hits.at[0].shape, "jwt") && hits.at[0].len == 49);
    assert_string_equal(hits.at[0].field, "message");
    assert_true(kt_str_is(hits.at[1].shape, "vault_token") && hits.at[1].len == 28);
    assert_string_equal(hits.at[1].field, "raw");
}

static void a_cut_does_not_uncover_anything(void **state)
{
    (void)state;
    struct kt_buf text = { 0 };
    for (unsigned shift = 0; shift < 40; shift++) {
        kt_buf_reset(&text);
        kt_arena_reset(&arena);
        for (size_t i = 0; i < KT_STRING_MAX - 60 + shift; i++)
            kt_buf_byte(&text, ' ');
        kt_buf_addz(&text, "password=[redacted:password:7] password=hunter2\xff and more text");
        struct kt_event ev = { .kind = KT_KIND_ACCESS, .message = kt_buf_str(&text) };
        clean_behind_the_line(&ev);
    }
    kt_buf_done(&text);
}

static int set_up(void **state)
{
    (void)state;
    kt_hash_init();
    arena = kt_arena_new(8 * KT_LINE_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kt_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_replaced),
        cmocka_unit_test(names_and_hashes_stay),
        cmocka_unit_test(raw_stays_valid_and_loses_values),
        cmocka_unit_test(metadata_in_raw_stays),
        cmocka_unit_test(a_credential_keeps_its_key_id_only),
        cmocka_unit_test(lists_are_swept),
        cmocka_unit_test(random_text_is_only_marked),
        cmocka_unit_test(only_a_run_itself_looks_random),
        cmocka_unit_test(a_full_arena_leaves_no_secret),
        cmocka_unit_test(random_text_with_tokens_is_clean_behind_the_line),
        cmocka_unit_test(one_look_at_a_line_shows_whether_it_is_clean),
        cmocka_unit_test(many_bytes_at_a_time_find_what_one_does),
        cmocka_unit_test(a_record_loses_its_tokens_and_keeps_its_names),
        cmocka_unit_test(a_name_that_is_cut_leaves_no_half_of_a_token),
        cmocka_unit_test(hits_are_found_again_by_their_placeholders),
        cmocka_unit_test(a_cut_does_not_uncover_anything),
    };
    return cmocka_run_group_tests_name("event_redact", tests, set_up, tear_down);
}
