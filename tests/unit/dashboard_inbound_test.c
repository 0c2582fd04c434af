/* dashboards/server/inbound: who answered where an alert was told: signatures by published and by
 * hand-made vectors, other keys, replays, cut bodies, links. The clock is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "dashboards/server/inbound.h"

#define ALERT  "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD"
#define OTHER  "0NJ1RZ8VZ2G4K0YQ5T7W9XABCE"
#define SECRET "correct horse battery staple"
#define NOW    (INT64_C(1601664322) * KT_NS_S) /* 2020-10-02T18:45:22Z */

/* By the definition of RFC 2104, from SHA-256 alone: what the code under test calls is not asked.
 */
static void naive_hmac(const char *key, const char *text, char ret[65])
{
    uint8_t block[64] = { 0 }, inner[64], outer[64], sum[32];
    memcpy(block, key, strlen(key));
    for (unsigned i = 0; i < 64; i++) {
        inner[i] = block[i] ^ 0x36;
        outer[i] = block[i] ^ 0x5c;
    }
    const struct kt_str first[] = { kt_str_from(inner, 64), kt_str_of(text) };
    kt_sha256_of(first, 2, sum);
    const struct kt_str second[] = { kt_str_from(outer, 64), kt_str_from(sum, 32) };
    uint8_t mac[32];
    kt_sha256_of(second, 2, mac);
    for (unsigned i = 0; i < 32; i++)
        (void)snprintf(ret + 2 * (size_t)i, 3, "%02x", mac[i]);
}

/* ---- signatures ---- */

static void published_vectors_fit(void **state)
{
    /* RFC 4231, test case 2; the example of Slack's "Verifying requests from Slack". */
    static const struct kt_str words = KT_STR_INIT("what do ya want for nothing?");
    static const struct kt_str slack[] = {
        KT_STR_INIT("v0:1531420618:"),
        KT_STR_INIT(
            "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="
            "G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2F"
            "webhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F"
            "T1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015."
            "47445629121.803a0bc887a14d10d2c447fce8b6703c"),
    };
    (void)state;
    assert_true(kt_inbound_signed(
        KT_STR("Jefe"), "v1",
        KT_STR("v1=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"), &words, 1));
    assert_true(kt_inbound_signed(
        KT_STR("8f742231b10e8888abcd99yyyzzz85a5"), "v0",
        KT_STR("v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"), slack, 2));
}

static void only_the_right_bytes_under_the_right_secret_fit(void **state)
{
#define GOOD "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
    static const struct {
        const char *list;
        bool fits;
    } cases[] = {
        { "v1=" GOOD, true },
        { "v1=" ZERO ",v1=" GOOD, true },
        { " v1=" ZERO " , v1=" GOOD " ", true },
        { "v1=" ZERO, false },
        { "v0=" GOOD, false },
        { "v11=" GOOD, false },
        { GOOD, false },
        { "v1=" GOOD "00", false },
        { "v1=5bdc", false },
        { "v1=", false },
        { "v1", false },
        { "", false },
        { ",,,,", false },
        { "v1=zzdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", false },
        { ",,,,,,,,,,,,,,,,v1=" GOOD, false }, /* beyond what is looked at */
    };
    const struct kt_str words = KT_STR("what do ya want for nothing?");
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        if (kt_inbound_signed(KT_STR("Jefe"), "v1", kt_str_of(cases[i].list), &words, 1) !=
            cases[i].fits)
            fail_msg("'%s'", cases[i].list);
    assert_false(kt_inbound_signed(KT_STR("jefe"), "v1", KT_STR("v1=" GOOD), &words, 1));
    const struct kt_str cut = kt_str_sub(words, 0, words.len - 1);
    assert_false(kt_inbound_signed(KT_STR("Jefe"), "v1", KT_STR("v1=" GOOD), &cut, 1));
}

static void without_a_secret_nothing_fits(void **state)
{
    char mac[65], field[80];
    const struct kt_str body = KT_STR("{}");
    (void)state;
    naive_hmac("", "{}", mac);
    (void)snprintf(field, sizeof field, "v1=%s", mac);
    assert_false(kt_inbound_signed(KT_STR(""), "v1", kt_str_of(field), &body, 1));
}

/* ---- PagerDuty ---- */

#define EVENT(type, at, agent, key)                                                                \
    "{\"event\":{\"id\":\"01BWLNMVCKTFUSM0DVPEQ2YNM8\",\"event_type\":\"" type                     \
    "\",\"resource_type\":\"incident\",\"occurred_at\":\"" at "\",\"agent\":" agent                \
    ",\"client\":null,\"data\":{\"id\":\"PGR0VU2\",\"type\":\"incident\",\"number\":2,"            \
    "\"status\":\"acknowledged\",\"incident_key\":\"" key "\",\"title\":\"<b>x</b>\"}}}"
#define PERSON "{\"id\":\"PLH1HKV\",\"summary\":\"Tenex Engineer\",\"type\":\"user_reference\"}"
#define ROBOT  "{\"id\":\"PXPGF42\",\"summary\":\"x\",\"type\":\"inbound_integration_reference\"}"
#define THEN   "2020-10-02T18:45:20.169Z"

static enum kt_status pagerduty(const char *body, kt_time_ns now, struct kt_inbound *ret)
{
    struct kt_error err = { 0 };
    char mac[65], field[80];
    naive_hmac(SECRET, body, mac);
    (void)snprintf(field, sizeof field, "v1=%s", mac);
    return kt_inbound_pagerduty(KT_STR(SECRET), kt_str_of(field), kt_str_of(body), now, ret, &err);
}

static void a_persons_answer_at_pagerduty_is_taken(void **state)
{
    struct kt_inbound in;
    (void)state;
    assert_int_equal(pagerduty(EVENT("incident.acknowledged", THEN, PERSON, ALERT), NOW, &in),
                     KT_OK);
    assert_string_equal(in.alert, ALERT);
    assert_string_equal(in.answer.by, "Tenex Engineer");
    assert_string_equal(in.answer.entry, "01BWLNMVCKTFUSM0DVPEQ2YNM8");
    assert_false(in.answer.resolved);
    assert_int_equal(in.answer.at, NOW - 2 * KT_NS_S + 169 * KT_NS_MS);
    assert_int_equal(pagerduty(EVENT("incident.resolved", THEN, PERSON, ALERT), NOW, &in), KT_OK);
    assert_true(in.answer.resolved);
    assert_int_equal(
        pagerduty(EVENT("incident.acknowledged", "2020-10-02T19:45:20Z", PERSON, ALERT), NOW, &in),
        KT_OK);
    assert_int_equal(in.answer.at, NOW); /* nobody answers in the future */
}

static void what_pagerduty_says_besides_is_nothing_to_do(void **state)
{
    static const char *const bodies[] = {
        EVENT("incident.triggered", THEN, PERSON, ALERT),
        EVENT("pagey.ping", THEN, "null", ""),
        EVENT("incident.acknowledged", THEN, ROBOT, ALERT), /* our own echo */
        EVENT("incident.acknowledged", THEN, "null", ALERT),
        EVENT("incident.acknowledged", THEN, PERSON, "d3640fbd41094207a1c11e58e46b1662"),
        EVENT("incident.acknowledged", THEN, PERSON, "../../etc"),
        EVENT("incident.acknowledged", THEN, PERSON, ""),
        EVENT("incident.acknowledged", THEN, "{\"type\":\"user_reference\"}", ALERT),
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(bodies); i++) {
        struct kt_inbound in;
        if (pagerduty(bodies[i], NOW, &in) != KT_OK || in.alert[0] != '\0')
            fail_msg("%s", bodies[i]);
    }
}

static void what_is_no_event_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"event\":[]}",
        "{\"event\":{\"id\":7,\"event_type\":\"incident.acknowledged\"}}",
        "{\"event\":{\"event_type\":\"incident.acknowledged\"}}",
        EVENT("incident.acknowledged", "yesterday", PERSON, ALERT),
        EVENT("incident.acknowledged", "2020-09-29T18:45:21Z", PERSON, ALERT), /* three days */
        EVENT("incident.acknowledged", THEN, PERSON, ALERT) "x",
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(bodies); i++) {
        struct kt_inbound in;
        if (pagerduty(bodies[i], NOW, &in) != KT_E_INPUT || in.alert[0] != '\0')
            fail_msg("%s", bodies[i]);
    }
}

static void a_body_that_was_cut_is_denied(void **state)
{
    static const char body[] = EVENT("incident.acknowledged", THEN, PERSON, ALERT);
    char mac[65], field[80];
    struct kt_inbound in;
    struct kt_error err;
    (void)state;
    naive_hmac(SECRET, body, mac);
    (void)snprintf(field, sizeof field, "v1=%s", mac);
    for (size_t n = 0; n < sizeof body - 1; n++)
        assert_int_equal(kt_inbound_pagerduty(KT_STR(SECRET), kt_str_of(field),
                                              kt_str_from(body, n), NOW, &in, &err),
                         KT_E_DENIED);
    assert_int_equal(
        kt_inbound_pagerduty(KT_STR("another"), kt_str_of(field), kt_str_of(body), NOW, &in, &err),
        KT_E_DENIED);
}

static void a_long_name_is_cut_between_letters(void **state)
{
    char agent[800] = "{\"type\":\"user_reference\",\"summary\":\"", body[2048];
    struct kt_inbound in;
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        (void)strncat(agent, "\xE2\x82\xAC", 4);
    (void)strncat(agent, "\"}", 3);
    (void)snprintf(body, sizeof body, EVENT("incident.acknowledged", THEN, "%s", ALERT), agent);
    assert_int_equal(pagerduty(body, NOW, &in), KT_OK);
    assert_int_equal(strlen(in.answer.by), 78);
    assert_true(kt_utf8_valid(kt_str_of(in.answer.by)));
}

/* ---- Slack ---- */

static enum kt_status slack_of(const struct kt_strings *teams, const char *body,
                               kt_time_ns signed_at, kt_time_ns now, struct kt_inbound *ret)
{
    struct kt_error err = { 0 };
    char mac[65], field[80], time[32], text[4096];
    (void)snprintf(time, sizeof time, "%lld", (long long)(signed_at / KT_NS_S));
    (void)snprintf(text, sizeof text, "v0:%s:%s", time, body);
    naive_hmac(SECRET, text, mac);
    (void)snprintf(field, sizeof field, "v0=%s", mac);
    return kt_inbound_slack(KT_STR(SECRET), teams, kt_str_of(time), kt_str_of(field),
                            kt_str_of(body), now, ret, &err);
}

static enum kt_status slack(const char *body, kt_time_ns signed_at, kt_time_ns now,
                            struct kt_inbound *ret)
{
    return slack_of(NULL, body, signed_at, now, ret);
}

#define PRESS(user, action, value)                                                                 \
    "payload=%7B%22type%22%3A%22block_actions%22%2C%22user%22%3A%7B" user                          \
    "%7D%2C%22actions%22%3A%5B%7B%22action_id%22%3A%22open%22%7D%2C%7B%22action_id%22%3A%"         \
    "22" action "%22%2C%22value%22%3A%22" value "%22%7D%5D%7D"
#define ROADRUNNER "%22id%22%3A%22U2CERLKJA%22%2C%22username%22%3A%22road+runner%22"

static void our_button_at_slack_is_taken(void **state)
{
    struct kt_inbound in, again;
    (void)state;
    assert_int_equal(slack(PRESS(ROADRUNNER, "acknowledge", ALERT), NOW, NOW, &in), KT_OK);
    assert_string_equal(in.alert, ALERT);
    assert_string_equal(in.answer.by, "road runner (U2CERLKJA)");
    assert_int_equal(in.answer.at, NOW);
    assert_int_equal(strlen(in.answer.entry), 32);
    assert_false(in.has_seen); /* a button of somebody's own */
    assert_int_equal(slack(PRESS(ROADRUNNER, "acknowledge", ALERT ".medium.1"), NOW, NOW, &again),
                     KT_OK);
    assert_string_equal(again.alert, ALERT);
    assert_true(again.has_seen && again.seen.severity == KT_SEV_MEDIUM && again.seen.reopened == 1);
    assert_int_equal(slack(PRESS(ROADRUNNER, "acknowledge", OTHER), NOW, NOW, &again), KT_OK);
    assert_string_not_equal(in.answer.entry, again.answer.entry);
    assert_int_equal(
        slack(PRESS("%22id%22%3A%22U2CERLKJA%22", "acknowledge", ALERT), NOW, NOW, &in), KT_OK);
    assert_string_equal(in.answer.by, "U2CERLKJA");
}

#define OF(team)  "%22id%22%3A%22U1%22%2C%22username%22%3A%22alice%22" team
#define HOME(t)   "%2C%22team_id%22%3A%22" t "%22"
#define APP(t)    "%7D%2C%22team%22%3A%7B%22id%22%3A%22" t "%22"
#define BIDI      "a%E2%80%AEb%C2%85c%E2%80%8Bd%27+entry%3D%27x"
#define NAMED(n)  "%22id%22%3A%22U1%22%2C%22username%22%3A%22" n "%22" HOME("T1")
#define LONG_NAME "0123456789012345678901234567890123456789012345678901234567890123456789012345678"
static void who_pressed_and_where_is_told_by_ids(void **state)
{
    static const char *const ours[] = { "T1", "T2" };
    const struct kt_strings teams = { (const char **)(uintptr_t)ours, 2 }, none = { NULL, 0 };
    static const struct {
        const char *user, *by; /* NULL: of another workspace */
        const char *anybody;   /* without a list */
    } cases[] = {
        { OF(HOME("T1")), "alice (U1@T1)", "alice (U1@T1)" },
        { OF(APP("T2")), "alice (U1@T2)", "alice (U1@T2)" },
        { OF(HOME("T1") APP("T2")), "alice (U1@T1)", "alice (U1@T1)" },
        { OF(HOME("T9") APP("T2")), NULL, "alice (U1@T9)" }, /* a guest of a shared channel */
        { OF(HOME("T1") APP("T9")), NULL, "alice (U1@T1)" }, /* the app, put in elsewhere */
        { OF(HOME("T")), NULL, "alice (U1@T)" },
        { OF(""), NULL, "alice (U1)" },
        { OF(HOME("T1)")), NULL, "alice (U1)" }, /* no id */
        { NAMED(BIDI), "a b c d' entry='x (U1@T1)", "a b c d' entry='x (U1@T1)" },
        { NAMED("%E2%80%8B"), "U1@T1", "U1@T1" },
    };
    char body[2048];
    struct kt_inbound in;
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        (void)snprintf(body, sizeof body, "%s%s%s",
                       "payload=%7B%22type%22%3A%22block_actions%22%2C%22user%22%3A%7B",
                       cases[i].user,
                       "%7D%2C%22actions%22%3A%5B%7B%22action_id%22%3A%22acknowledge%22%2C"
                       "%22value%22%3A%22" ALERT "%22%7D%5D%7D");
        enum kt_status st = slack_of(&teams, body, NOW, NOW, &in);
        if (st != (cases[i].by != NULL ? KT_OK : KT_E_DENIED) ||
            (st == KT_OK ? strcmp(in.answer.by, cases[i].by) != 0 : in.alert[0] != '\0'))
            fail_msg("%zu: %s", i, in.answer.by);
        assert_int_equal(slack_of(&none, body, NOW, NOW, &in), KT_OK);
        assert_string_equal(in.answer.by, cases[i].anybody);
    }
    assert_int_equal(slack(PRESS(NAMED(LONG_NAME), "acknowledge", ALERT), NOW, NOW, &in), KT_OK);
    assert_int_equal(strlen(in.answer.by), 79);
    assert_string_equal(in.answer.by + 79 - 8, " (U1@T1)"); /* the name gives way */
}

static void slack_is_believed_for_five_minutes(void **state)
{
    static const struct {
        kt_time_ns after;
        enum kt_status status;
    } cases[] = {
        { 5 * KT_NS_MIN, KT_OK },   { 5 * KT_NS_MIN + 1, KT_E_DENIED },
        { -5 * KT_NS_MIN, KT_OK },  { -5 * KT_NS_MIN - 1, KT_E_DENIED },
        { KT_NS_DAY, KT_E_DENIED },
    };
    struct kt_inbound in;
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        assert_int_equal(
            slack(PRESS(ROADRUNNER, "acknowledge", ALERT), NOW, NOW + cases[i].after, &in),
            cases[i].status);
}

static void other_buttons_are_nothing_to_do_and_other_forms_are_refused(void **state)
{
    static const struct {
        const char *body;
        enum kt_status status;
    } cases[] = {
        { PRESS(ROADRUNNER, "runbook", ALERT), KT_OK },
        { "payload=%7B%22type%22%3A%22view_submission%22%7D", KT_OK },
        { PRESS(ROADRUNNER, "acknowledge", "x"), KT_E_INPUT },
        { PRESS(ROADRUNNER, "acknowledge", ALERT ".dire.0"), KT_E_INPUT },
        { PRESS("", "acknowledge", ALERT), KT_E_INPUT },
        { PRESS("%22username%22%3A%22alice%22", "acknowledge", ALERT), KT_E_INPUT },
        { "payload=%7B", KT_E_INPUT },
        { "payload=[]", KT_E_INPUT },
        { "payload=%", KT_E_INPUT },
        { "payload={}&payload={}", KT_E_INPUT },
        { "other={}", KT_E_INPUT },
        { "{}", KT_E_INPUT },
        { "", KT_E_INPUT },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_inbound in;
        if (slack(cases[i].body, NOW, NOW, &in) != cases[i].status || in.alert[0] != '\0')
            fail_msg("%s", cases[i].body);
    }
}

static void a_time_of_slacks_that_is_none_is_refused(void **state)
{
    static const char *const times[] = { "", "x", "-1", "99999999999999999999",
                                         "9223372036854775807" };
    struct kt_inbound in;
    struct kt_error err;
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(times); i++) {
        char mac[65], field[80], text[128];
        (void)snprintf(text, sizeof text, "v0:%s:x=", times[i]);
        naive_hmac(SECRET, text, mac);
        (void)snprintf(field, sizeof field, "v0=%s", mac);
        assert_int_equal(kt_inbound_slack(KT_STR(SECRET), NULL, kt_str_of(times[i]),
                                          kt_str_of(field), KT_STR("x="), NOW, &in, &err),
                         KT_E_INPUT);
    }
}

/* ---- the link ---- */

/* Signed by OpenSSL through Python's cryptography, with the seeds 00…1f and 20…3f: what the code
 * under test calls is not asked. */
#define SEEN  ALERT ".high.2"
#define TO    "slack%2Fsec+ops"
#define UNTIL "1601750722" /* NOW and a day */
#define SIG   "TQ1c4u8xRsT3bsz75UVynH60_M8ccoN8QYYxnV3AKF9cCx_-9vAI0XBpbIIlkIr1I_TD4oIf-QvTaB5gHbJGAA"
#define SIG_NEXT                                                                                   \
    "GWPL70TXKmooKdK9vD_XN9j5K4L0_lVVkZdrwHXt1147Ft3z-f4dwb6zQ2LrtfUBtQMefXbA400PwuA_GlgbDw"
#define QUERY(sig) "seen=" SEEN "&to=" TO "&until=" UNTIL "&sig=" sig
static const uint8_t keys[2][32] = {
    { 0x03, 0xa1, 0x07, 0xbf, 0xf3, 0xce, 0x10, 0xbe, 0x1d, 0x70, 0xdd,
      0x18, 0xe7, 0x4b, 0xc0, 0x99, 0x67, 0xe4, 0xd6, 0x30, 0x9b, 0xa5,
      0x0d, 0x5f, 0x1d, 0xdc, 0x86, 0x64, 0x12, 0x55, 0x31, 0xb8 },
    { 0x29, 0xac, 0xba, 0xe1, 0x41, 0xbc, 0xca, 0xf0, 0xb2, 0x2e, 0x1a,
      0x94, 0xd3, 0x4d, 0x0b, 0xc7, 0x36, 0x1e, 0x52, 0x6d, 0x0b, 0xfe,
      0x12, 0xc8, 0x97, 0x94, 0xbc, 0x93, 0x22, 0x96, 0x6d, 0xd7 },
};

/* With the first n keys of the table. */
static enum kt_status follow(unsigned n, const char *query, const char *form, kt_time_ns now,
                             struct kt_inbound *ret)
{
    struct kt_error err = { 0 };
    return kt_inbound_link(kt_str_from(keys, n * sizeof keys[0]), kt_str_of(query), kt_str_of(form),
                           now, ret, &err);
}

static void a_link_is_what_was_signed_and_for_a_day(void **state)
{
    struct kt_inbound in;
    (void)state;
    assert_int_equal(follow(1, QUERY(SIG), "", NOW, &in), KT_OK);
    assert_string_equal(in.alert, ALERT);
    assert_true(in.has_seen && in.seen.severity == KT_SEV_HIGH && in.seen.reopened == 2);
    assert_string_equal(in.link_to, "slack/sec ops");
    assert_string_equal(in.answer.by, "link of slack/sec ops");
    assert_int_equal(in.answer.at, NOW);
    assert_int_equal(in.until, NOW + KT_NS_DAY);
    assert_int_equal(follow(1, QUERY(SIG), "", NOW + KT_NS_DAY - 1, &in), KT_OK);
    assert_int_equal(follow(1, QUERY(SIG), "", NOW + KT_NS_DAY, &in), KT_E_DENIED);
    assert_string_equal(in.alert, "");
}

static void while_keys_are_exchanged_both_are_believed(void **state)
{
    struct kt_inbound in, next;
    (void)state;
    assert_int_equal(follow(1, QUERY(SIG_NEXT), "", NOW, &in), KT_E_DENIED);
    assert_int_equal(follow(2, QUERY(SIG_NEXT), "", NOW, &next), KT_OK);
    assert_int_equal(follow(2, QUERY(SIG), "", NOW, &in), KT_OK);
    assert_string_equal(in.answer.entry, next.answer.entry); /* one link, whoever signed it */
    assert_int_equal(follow(0, QUERY(SIG), "", NOW, &in), KT_E_DENIED);
}

static void what_our_side_writes_our_side_reads(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf link = { 0 };
    struct kt_inbound in;
    uint8_t seed[32];
    struct kt_alert a = { .severity = KT_SEV_HIGH, .life = { .reopened = 2 } };
    (void)state;
    for (unsigned i = 0; i < 32; i++)
        seed[i] = (uint8_t)i;
    kt_str_copyz(a.id, sizeof a.id, KT_STR(ALERT));
    kt_ack_link_write("https://a.example/x/", seed, &a, "slack/sec ops", NOW, &link);
    assert_string_equal(kt_buf_z(&link), "https://a.example/x/ack?seen=" SEEN
                                         "&to=slack%2Fsec%20ops&until=" UNTIL "&sig=" SIG);
    assert_int_equal(follow(1, strchr(kt_buf_z(&link), '?') + 1, "", NOW, &in), KT_OK);
}

static void a_link_that_was_changed_is_refused(void **state)
{
    static const char query[] = QUERY(SIG);
    struct kt_inbound in;
    char text[512];
    (void)state;
    for (size_t i = 0; i < sizeof query - 1; i++) { /* each byte changed, and cut there */
        (void)snprintf(text, sizeof text, "%s", query);
        text[i] = text[i] == '1' ? '2' : '1';
        if (follow(1, text, "", NOW, &in) == KT_OK)
            fail_msg("%s", text);
        text[i] = '\0';
        assert_int_not_equal(follow(1, text, "", NOW, &in), KT_OK);
    }
    assert_int_equal(follow(1, QUERY(SIG) "&seen=" OTHER ".high.2", "", NOW, &in), KT_E_INPUT);
    assert_int_equal(follow(1, QUERY(SIG) "&by=root", "", NOW, &in), KT_E_INPUT);
}

static void a_name_is_noted_as_what_somebody_said(void **state)
{
    static const struct {
        const char *form, *by; /* NULL: refused */
    } cases[] = {
        { "name=", "link of slack/sec ops" },
        { "name=+++", "link of slack/sec ops" },
        { "name=alice+b", "link of slack/sec ops (claims to be alice b)" },
        { "name=a%0D%0Ab%1B%7F", "link of slack/sec ops (claims to be a  b  )" },
        { "name=%E2%80%8B%C2%85", "link of slack/sec ops" },
        { "name=a%E2%80%AEb", "link of slack/sec ops (claims to be a b)" },
        { "name=%E2%82%AC", "link of slack/sec ops (claims to be \xE2\x82\xAC)" },
        { "name=a&name=b", NULL },
        { "name=a&by=root", NULL },
        { "by=root", NULL },
        { "name=%FF", NULL },
        { "name=%00", NULL },
        { "{}", NULL },
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf form = { 0 };
    struct kt_inbound in;
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        enum kt_status st = follow(1, QUERY(SIG), cases[i].form, NOW, &in);
        if ((st == KT_OK) != (cases[i].by != NULL) ||
            (st == KT_OK ? strcmp(in.answer.by, cases[i].by) != 0 : in.alert[0] != '\0'))
            fail_msg("%s: %s", cases[i].form, in.answer.by);
    }
    kt_buf_addz(&form, "name=");
    for (unsigned i = 0; i < 100; i++)
        kt_buf_addz(&form, "%E2%82%AC");
    assert_int_equal(follow(1, QUERY(SIG), kt_buf_z(&form), NOW, &in), KT_OK);
    assert_int_equal(strlen(in.claims_name), 60);
    assert_true(strlen(in.answer.by) < 80 && kt_utf8_valid(kt_str_of(in.answer.by)));
}

/* ---- what was seen ---- */

static void what_a_message_told_is_read_back(void **state)
{
    static const char *const wrong[] = {
        "",
        ALERT,
        ALERT ".",
        ALERT ".high",
        ALERT ".high.",
        ALERT ".HIGH.0",
        ALERT ".high.-1",
        ALERT ".high.0.0",
        ALERT ".dire.0",
        ALERT ".high.x",
        "x.high.0",
        ALERT " high 0",
        ALERT ".high.9223372036854775808",
    };
    struct kt_ack_seen seen;
    char text[KT_ACK_SEEN_TEXT];
    (void)state;
    for (int i = 0; i < KT_SEV_COUNT; i++) {
        struct kt_alert a = { .severity = (enum kt_severity)i, .life = { .reopened = INT64_MAX } };
        kt_str_copyz(a.id, sizeof a.id, KT_STR(ALERT));
        kt_ack_seen_write(&a, text);
        assert_true(kt_ack_seen_read(kt_str_of(text), &seen));
        assert_string_equal(seen.alert, ALERT);
        assert_true((int)seen.severity == i && seen.reopened == INT64_MAX);
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(wrong); i++)
        if (kt_ack_seen_read(kt_str_of(wrong[i]), &seen))
            fail_msg("%s", wrong[i]);
}

static void who_is_asked_for(void **state)
{
    static const struct {
        const char *status;
        enum kt_send send;
        bool asks;
    } cases[] = {
        { "", KT_SEND_TRIGGER, true },
        { "open", KT_SEND_TRIGGER, true },
        { "", KT_SEND_UPDATE, true },
        { "", KT_SEND_REPEAT, true },
        { "", KT_SEND_ESCALATE, true },
        { "", KT_SEND_RESEND, true },
        { "acknowledged", KT_SEND_UPDATE, false },
        { "acknowledged", KT_SEND_RESEND, false },
        { "closed", KT_SEND_UPDATE, false },
        { "acknowledged", KT_SEND_ACKNOWLEDGE, false },
        { "", KT_SEND_ACKNOWLEDGE, false },
        { "", KT_SEND_RESOLVE, false },
        { "", KT_SEND_REMARK, false },
        { "", KT_SEND_CHANGE, false },
        { "", KT_SEND_TEST, false },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_alert a = { .life = { .status = kt_str_of(cases[i].status) } };
        if (kt_ack_asks(&a, cases[i].send) != cases[i].asks)
            fail_msg("%s of '%s'", kt_send_word(cases[i].send), cases[i].status);
        a.group = true;
        assert_false(kt_ack_asks(&a, cases[i].send));
        a = (struct kt_alert){ .test = true };
        assert_false(kt_ack_asks(&a, cases[i].send));
        a = (struct kt_alert){ .merged_into = KT_STR(OTHER) };
        assert_false(kt_ack_asks(&a, cases[i].send));
    }
}

/* ---- what was taken ---- */

static struct kt_inbound numbered(unsigned n, kt_time_ns until)
{
    struct kt_inbound in = { .alert = ALERT, .until = until };
    (void)snprintf(in.answer.entry, sizeof in.answer.entry, "%u", n);
    return in;
}

static void what_was_kept_is_known_until_it_counts_no_more(void **state)
{
    struct kt_inbound_heard *h = kt_inbound_heard_new();
    const struct kt_inbound a = numbered(1, NOW + 10), b = numbered(2, NOW + 20);
    (void)state;
    assert_false(kt_inbound_was_heard(h, "link", &a, NOW));
    kt_inbound_keep(h, "link", &a, NOW);
    kt_inbound_keep(h, "link", &b, NOW);
    assert_true(kt_inbound_was_heard(h, "link", &a, NOW + 9));
    assert_false(kt_inbound_was_heard(h, "link", &a, NOW + 10));
    assert_true(kt_inbound_was_heard(h, "link", &b, NOW + 19));
    assert_false(kt_inbound_was_heard(h, "slack", &b, NOW)); /* ids of others */
    kt_inbound_heard_free(h);
}

static void memory_is_bounded_and_forgets_what_ends_first(void **state)
{
    struct kt_inbound_heard *h = kt_inbound_heard_new();
    (void)state;
    for (unsigned i = 0; i < KT_INBOUND_HEARD + 2; i++) {
        const struct kt_inbound in = numbered(i, NOW + 1000 + (kt_time_ns)i);
        kt_inbound_keep(h, "link", &in, NOW);
        kt_inbound_keep(h, "link", &in, NOW); /* twice is once */
    }
    for (unsigned i = 0; i < KT_INBOUND_HEARD + 2; i++) {
        const struct kt_inbound in = numbered(i, 0);
        assert_int_equal(kt_inbound_was_heard(h, "link", &in, NOW), i >= 2);
    }
    kt_inbound_heard_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_fit),
        cmocka_unit_test(only_the_right_bytes_under_the_right_secret_fit),
        cmocka_unit_test(without_a_secret_nothing_fits),
        cmocka_unit_test(a_persons_answer_at_pagerduty_is_taken),
        cmocka_unit_test(what_pagerduty_says_besides_is_nothing_to_do),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(a_body_that_was_cut_is_denied),
        cmocka_unit_test(a_long_name_is_cut_between_letters),
        cmocka_unit_test(our_button_at_slack_is_taken),
        cmocka_unit_test(who_pressed_and_where_is_told_by_ids),
        cmocka_unit_test(slack_is_believed_for_five_minutes),
        cmocka_unit_test(other_buttons_are_nothing_to_do_and_other_forms_are_refused),
        cmocka_unit_test(a_time_of_slacks_that_is_none_is_refused),
        cmocka_unit_test(a_link_is_what_was_signed_and_for_a_day),
        cmocka_unit_test(while_keys_are_exchanged_both_are_believed),
        cmocka_unit_test(what_our_side_writes_our_side_reads),
        cmocka_unit_test(a_name_is_noted_as_what_somebody_said),
        cmocka_unit_test(what_a_message_told_is_read_back),
        cmocka_unit_test(who_is_asked_for),
        cmocka_unit_test(a_link_that_was_changed_is_refused),
        cmocka_unit_test(what_was_kept_is_known_until_it_counts_no_more),
        cmocka_unit_test(memory_is_bounded_and_forgets_what_ends_first),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
