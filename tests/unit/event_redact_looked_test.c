/* redact_looked: what the look at a record says of its event, the look at the event finds, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/json.h"
#include "core/event/keep.h"
#include "core/event/redact.h"
#include "core/event/redact_shapes.h"

#define A16  "ABCDEFGHIJKLMNOP"
#define A20  "aB3dE6gH9jK2mN5pQ8sT"
#define A40  A20 A20
#define KEPT 1024u /* bytes of a string in raw */

static struct kt_arena arena;

static const struct kt_keep below[] = { KT_KEEP("x"), KT_KEEP("token"), KT_KEEP_END };
static const struct kt_keep table[] = {
    KT_KEEP("a"),   KT_KEEP("accessKeyId"),   KT_KEEP("password"),
    KT_KEEP("l"),   KT_KEEP_IN("in", below),  KT_KEEP_NAMED("of", below),
    KT_KEEP("arn"), KT_KEEP_IN("key", below), KT_KEEP_END,
};

struct record {
    struct kt_json *json;
    struct kt_jval root;
    struct kt_buf raw;
    struct kt_event ev;
    struct kt_str text; /* empty: not clean, or not plain */
};

static void start(struct record *r, struct kt_str json)
{
    *r = (struct record){ .json = kt_json_new(KT_JSON_SIMDJSON) };
    assert_int_equal(kt_json_parse(r->json, json, &r->root, NULL, NULL), KT_OK);
    r->ev = (struct kt_event){ .kind = KT_KIND_ACCESS };
    r->text = kt_json_plain_text(r->json);
    if (r->text.len > 0 && !kt_redact_record_clean(r->text))
        r->text = KT_STR_NONE;
}

static void stop(struct record *r)
{
    kt_json_free(r->json);
    kt_buf_done(&r->raw);
}

/* What is sure is so. Returns whether it was. */
static bool look(struct record *r)
{
    const struct kt_str records[] = { KT_STR_NONE, r->text };
    const bool sure = kt_redact_event_clean(&r->ev, records, KT_ARRAY_LEN(records));
    struct kt_event ev = r->ev;
    if (sure && (kt_redact_event(&ev, &arena, NULL) || ev.flags != 0))
        fail_msg(KT_STR_FMT "\n" KT_STR_FMT, KT_STR_ARG(r->text), KT_STR_ARG(r->ev.raw));
    return sure;
}

static struct kt_str at(const struct record *r, const char *path)
{
    return kt_json_str(kt_json_path(r->root, path));
}

/* An event of the record's strings needs no look; what is put together gets one. */
static void strings_of_a_clean_record_are_clean(void **state)
{
    (void)state;
    struct record r;
    start(&r, KT_STR("{\"a\":\"one\",\"accessKeyId\":\"ASIA" A16 "\",\"in\":{\"x\":\"two\"}}"));
    assert_true(r.text.len > 0);
    r.ev.message = at(&r, "a");
    r.ev.credential = at(&r, "accessKeyId");
    r.ev.actor = KT_STR("one@two");
    r.ev.groups = (struct kt_list){ .n = 1, .at = { at(&r, "in.x") } };
    kt_kept_whole(r.root, table, &r.raw, NULL, &r.ev);
    assert_true(look(&r));
    r.ev.actor = KT_STR("hvs." A40);
    assert_false(look(&r));
    r.ev.actor = KT_STR(A40); /* looks random */
    assert_false(look(&r));
    r.ev.actor = KT_STR("one\ntwo");
    assert_false(look(&r));
    r.ev.actor = at(&r, "accessKeyId"); /* where no key id may stand */
    assert_false(look(&r));
    r.ev.actor = KT_STR_NONE;
    r.ev.groups.at[0] = KT_STR("ghp_" A40);
    assert_false(look(&r));
    r.ev.groups =
        (struct kt_list){ .n = 3, .at = { KT_STR("credential"), KT_STR(":"), KT_STR("AKIA" A16) } };
    assert_false(look(&r)); /* behind each other they read like a member's name and its key id */
    r.ev.groups.n = 0;
    assert_true(look(&r));
    r.ev.raw = KT_STR("{\"a\":1}"); /* nobody knows where it comes from */
    assert_false(look(&r));
    stop(&r);
}

static void a_record_that_is_not_clean_says_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"a\":\"hvs." A40 "\"}",
        "{\"a\":\"AKIA" A16 "\"}",
        "{\"a\":\"one\\u0041\"}", /* not plain */
        "{\"a\":\"\xff\"}",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct record r;
        start(&r, kt_str_of(rows[i]));
        assert_int_equal(r.text.len, 0);
        kt_kept_whole(r.root, table, &r.raw, NULL, &r.ev);
        assert_false(look(&r));
        stop(&r);
    }
}

/* A part of a string may be a token, or a secret, where the whole is none. */
static void a_part_of_a_string_is_looked_at(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        size_t from, len;
    } rows[] = {
        { "{\"a\":\"xAKIA" A16 "\"}", 1, 20 },
        { "{\"a\":\"its.abcdefghijklmnopqrstuvwxyzabcd\"}", 2, 32 },
        { "{\"a\":\"password=[redacted:password:7]\"}", 0, 18 },
        { "{\"a\":\"password=hmac-sha256:0123\"}", 0, 20 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct record r;
        start(&r, kt_str_of(rows[i].record));
        assert_true(r.text.len > 0);
        r.ev.message = at(&r, "a");
        assert_true(look(&r));
        r.ev.message = kt_str_sub(r.ev.message, rows[i].from, rows[i].len);
        assert_false(look(&r));
        stop(&r);
    }
}

static void what_raw_has_of_its_own_is_looked_at(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        bool sure;
    } rows[] = {
        { "{\"a\":\"one\",\"password\":\"***\",\"l\":[\"a\",1,true],\"of\":\"x\"}", true },
        { "{\"password\":\"one\"}", false },
        { "{\"in\":{\"token\":[\"one\"]}}", false },
        { "{\"in\":{\"token\":7}}", true },
        { "{\"accessKeyId\":\"AKIA" A16 "\"}", true },
        { "{\"l\":[\"" A40 "\"]}", false },
        { "{\"key\":{\"x\":\"" A40 "\"}}", false },
        { "{\"of\":[\"x\",{\"x\":\"y\"}]}", true },
        { "{\"of\":[\"" A40 "\",{\"x\":\"y\"}]}", false },
        { "{\"nobody\":\"" A40 "\"}", true }, /* is not kept */
        { "{\"a\":\"\xc3\xa4\",\"arn\":\"arn:aws:iam::1:role/x\"}", true },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct record r;
        start(&r, kt_str_of(rows[i].record));
        assert_true(r.text.len > 0);
        kt_kept_whole(r.root, table, &r.raw, NULL, &r.ev);
        if (look(&r) != rows[i].sure)
            fail_msg("%s", rows[i].record);
        stop(&r);
    }
}

/* A kept text is the decoder's own; a string that is cut may end amid a value that said nothing. */
static void texts_and_cuts_are_its_own(void **state)
{
    (void)state;
    struct record r;
    struct kt_kept k;
    struct kt_buf json = { 0 };
    for (unsigned bad = 0; bad < 2; bad++) {
        start(&r, KT_STR("{\"a\":\"one\"}"));
        kt_kept_open(&k, &r.raw);
        kt_kept_text(&k, KT_STR("type"), bad ? KT_STR("glpat-" A20) : KT_STR("two"));
        kt_kept_member(&k, KT_STR("all"), r.root, table, NULL);
        kt_kept_close(&k, &r.ev);
        assert_int_equal(look(&r), !bad);
        stop(&r);
    }
    static const struct {
        const char *from, *to;
    } cuts[] = { { "{\"a\":\"", "\"}" }, { "{\"of\":[\"", "\",{\"x\":\"y\"}]}" } };
    for (size_t i = 0; i < KT_ARRAY_LEN(cuts); i++) {
        kt_buf_reset(&json);
        kt_buf_addf(&json, "%s%1005spassword=[redacted:password:7]%s", cuts[i].from, "",
                    cuts[i].to);
        start(&r, kt_buf_str(&json));
        assert_true(r.text.len > 0);
        kt_kept_whole(r.root, table, &r.raw, NULL, &r.ev);
        assert_false(look(&r));
        stop(&r);
    }
    kt_buf_done(&json);
}

/* What is between strings of two records is in neither of them. */
static void strings_of_two_records_are_looked_at(void **state)
{
    (void)state;
    struct record r, other;
    struct kt_kept k;
    start(&r, KT_STR("{\"a\":\"one\"}"));
    start(&other, KT_STR("{\"a\":\"two\"}"));
    kt_kept_open(&k, &r.raw);
    kt_kept_member(&k, KT_STR("request"), other.root, table, NULL);
    kt_kept_member(&k, KT_STR("response"), r.root, table, NULL);
    kt_kept_close(&k, &r.ev);
    assert_false(look(&r));
    stop(&r);
    stop(&other);
}

static void names_that_say_secret_are_known_as_such(void **state)
{
    (void)state;
    static const struct kt_keep rows[] = {
        KT_KEEP("password"),      KT_KEEP("DB_PASSWD"),     KT_KEEP("passphrase"),
        KT_KEEP("pwd"),           KT_KEEP("PWD"),           KT_KEEP("secretValue"),
        KT_KEEP("secretString"),  KT_KEEP("secretBinary"),  KT_KEEP("client-secret"),
        KT_KEEP("apiSecret"),     KT_KEEP("secretKey"),     KT_KEEP("secretAccessKey"),
        KT_KEEP("private_key"),   KT_KEEP("api_key"),       KT_KEEP("token"),
        KT_KEEP("to_ken"),        KT_KEEP("X-Some-Token"),  KT_KEEP("idToken"),
        KT_KEEP("apiToken"),      KT_KEEP("accessToken"),   KT_KEEP("client_token"),
        KT_KEEP("refreshToken"),  KT_KEEP("authorization"), KT_KEEP("authoriza_tion"),
        KT_KEEP("authoriza-ion"), KT_KEEP("Cookie"),        KT_KEEP("Set-Cookie"),
        KT_KEEP("co_o_kie"),      KT_KEEP("pass_word"),     KT_KEEP("authorizat-ion"),
    };
    static const struct kt_keep others[] = {
        KT_KEEP("a"),   KT_KEEP("id"),     KT_KEEP("arn"),
        KT_KEEP("key"), KT_KEEP("region"), KT_KEEP("eventVersion"),
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++)
        if (rows[i].tells_nothing && kt_redact_member(rows[i].name) != NULL)
            fail_msg(KT_STR_FMT, KT_STR_ARG(rows[i].name));
    for (size_t i = 0; i < KT_ARRAY_LEN(others); i++)
        assert_int_equal(others[i].tells_nothing, i != 3);
    assert_false(rows[0].tells_nothing);
}

static uint64_t rnd(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static const char *const pieces[] = {
    "AKIA" A16,
    "ASIA" A16,
    "hvs." A20,
    "s." A20 "uV1w",
    "eyJhbGciOi.eyJzdWIi.c2ln",
    "password=",
    "[redacted:x:1]",
    "[redacted:",
    "://u:p@",
    "Cookie: ",
    "Bearer ",
    "'token':",
    " ",
    "hmac-sha256:",
    "=",
    ":",
    "@",
    "ghp_",
    A20,
    A40,
    "-----BEGIN EC PRIVATE KEY-----",
    "-----END ",
    "***",
    "eyJ",
    ".",
    "x",
    "1",
    "]",
};
static const char *const paths[] = { "a", "accessKeyId", "password", "in.x", "in.token", "arn" };
#define TEXTS (KT_ARRAY_LEN(paths) + 5) /* the others are in lists */

/* Half of them are empty. */
static void random_text(char *text, size_t size, uint64_t *x)
{
    text[0] = '\0';
    for (size_t n = rnd(x) % 8 == 0 ? rnd(x) % 5 : rnd(x) % 2; n > 0; n--)
        strncat(text, pieces[rnd(x) % KT_ARRAY_LEN(pieces)], size - strlen(text) - 1);
}

/* Of three records one has lists, where scalars and objects are mixed, and of these one in four a
 * string that begins a little before the place where it is cut. They come first: all between two
 * members that say more than their strings is looked at anyway. */
static void random_record(struct kt_buf *json, uint64_t *x)
{
    char text[TEXTS][200];
    for (size_t i = 0; i < TEXTS; i++)
        random_text(text[i], sizeof text[i], x);
    kt_buf_reset(json);
    kt_buf_byte(json, '{');
    if (rnd(x) % 3 == 0) {
        const int before = rnd(x) % 4 == 0 ? (int)(KEPT - rnd(x) % 40) : 0;
        kt_buf_addf(json, "\"of\":[\"%*s%s\",{\"x\":\"%s\"},true,\"%s\"],\"l\":[\"%s\",1,\"%s\"],",
                    before, "", text[6], text[7], text[8], text[9], text[10]);
    }
    kt_buf_addf(json,
                "\"a\":\"%s\",\"accessKeyId\":\"%s\",\"password\":\"%s\",\"in\":{\"x\":\"%s\","
                "\"token\":\"%s\"},\"arn\":\"%s\"}",
                text[0], text[1], text[2], text[3], text[4], text[5]);
}

/* Strings of pieces of tokens in every place of a record, whole and cut in the event. */
static void random_records_hide_nothing(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    struct kt_buf json = { 0 };
    unsigned sure = 0, clean = 0;
    for (unsigned round = 0; round < 60000; round++) {
        struct kt_str s[KT_ARRAY_LEN(paths)];
        kt_arena_reset(&arena);
        random_record(&json, &x);
        struct record r;
        start(&r, kt_buf_str(&json));
        for (size_t i = 0; i < KT_ARRAY_LEN(paths); i++) {
            s[i] = at(&r, paths[i]);
            if (rnd(&x) % 4 == 0)
                s[i] = kt_str_sub(s[i], rnd(&x) % (s[i].len + 1), rnd(&x) % (s[i].len + 1));
        }
        r.ev.message = s[0];
        r.ev.credential = s[1];
        r.ev.actor = s[rnd(&x) % KT_ARRAY_LEN(paths)];
        r.ev.secret = s[3];
        r.ev.groups = (struct kt_list){ .n = 2, .at = { s[4], s[5] } };
        kt_kept_whole(r.root, table, &r.raw, NULL, &r.ev);
        sure += look(&r);
        clean += r.text.len > 0;
        stop(&r);
    }
    assert_true(sure > 3000 && clean > sure); /* else nothing was shown */
    kt_buf_done(&json);
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
        cmocka_unit_test(strings_of_a_clean_record_are_clean),
        cmocka_unit_test(a_record_that_is_not_clean_says_nothing),
        cmocka_unit_test(a_part_of_a_string_is_looked_at),
        cmocka_unit_test(what_raw_has_of_its_own_is_looked_at),
        cmocka_unit_test(texts_and_cuts_are_its_own),
        cmocka_unit_test(strings_of_two_records_are_looked_at),
        cmocka_unit_test(names_that_say_secret_are_known_as_such),
        cmocka_unit_test(random_records_hide_nothing),
    };
    return cmocka_run_group_tests_name("event_redact_looked", tests, set_up, tear_down);
}
