/* agents/inputs/syslog_message and _frames: heads of every form that is found, and where messages
 * end in streams that come in any pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "agents/inputs/syslog_message.h"
#include "core/base/alloc.h"

/* ---- one message ---- */

static const struct {
    const char *message, *time, *host, *app, *procid, *msgid, *text;
} heads[] = {
    /* Vault's device on the host's own socket (Go's time.Stamp) */
    { "<86>Nov 29 01:00:00 vault[77]: {\"a\": 1}\n", "Nov 29 01:00:00", "", "vault", "77", "",
      "{\"a\": 1}" },
    /* glibc's syslog(), a day of one digit, no pid */
    { "<13>Nov  9 01:00:00 cron: hello", "Nov  9 01:00:00", "", "cron", "", "", "hello" },
    /* rsyslog's RSYSLOG_TraditionalForwardFormat and RSYSLOG_ForwardFormat */
    { "<86>Nov 29 01:00:00 web1 vault[77]: {}", "Nov 29 01:00:00", "web1", "vault", "77", "",
      "{}" },
    { "<86>2026-11-29T01:00:00.123456+01:00 web1 vault[77]: {}", "2026-11-29T01:00:00.123456+01:00",
      "web1", "vault", "77", "", "{}" },
    { "<86>Nov 29 01:00:00 10.0.0.1 {\"a\":1}", "Nov 29 01:00:00", "10.0.0.1", "", "", "",
      "{\"a\":1}" },
    { "<86>Nov 29 01:00:00 {\"a\":\"b: c\"}", "Nov 29 01:00:00", "", "", "", "",
      "{\"a\":\"b: c\"}" },
    { "<14>no time: here", "", "", "", "", "", "no time: here" },
    { "<14>tag: no time", "", "", "tag", "", "", "no time" },
    /* RFC 5424 §6.5 and its limits */
    { "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xEF\xBB\xBF'su root' "
      "failed",
      "2003-10-11T22:14:15.003Z", "mymachine.example.com", "su", "", "ID47", "'su root' failed" },
    { "<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [e@32473 iut=\"3\" s=\"a]\\\"b\"][p@1 "
      "c=\"h\"] "
      "text",
      "2003-10-11T22:14:15.003Z", "h", "evntslog", "", "ID47", "text" },
    { "<165>1 2003-10-11T22:14:15.003Z h app 1 ID47 [e@32473 iut=\"3\"]",
      "2003-10-11T22:14:15.003Z", "h", "app", "1", "ID47", "" },
    { "<0>1 - - - - - -", "", "", "", "", "", "" },
    { "<14>1 - h a - - [never ends text", "", "h", "a", "", "", "[never ends text" },
    { "<14>1 - h", "", "h", "", "", "", "" },
    { "<14>", "", "", "", "", "", "" },
};

static void check(struct kt_str got, const char *want, const char *of)
{
    if (!kt_str_is(got, want))
        fail_msg("'%s': want '%s', got '" KT_STR_FMT "'", of, want, KT_STR_ARG(got));
}

static void heads_of_every_form_are_taken_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(heads); i++) {
        struct kt_syslog m = kt_syslog_parse(kt_str_of(heads[i].message));
        assert_true(m.head);
        check(m.time, heads[i].time, heads[i].message);
        check(m.host, heads[i].host, heads[i].message);
        check(m.app, heads[i].app, heads[i].message);
        check(m.procid, heads[i].procid, heads[i].message);
        check(m.msgid, heads[i].msgid, heads[i].message);
        check(m.text, heads[i].text, heads[i].message);
    }
}

static void what_has_no_head_is_text(void **state)
{
    static const char *const all[] = { "{\"a\":1}", "<abc>x", "<192>x", "<>x", "<1234>x", "<", "" };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++) {
        struct kt_syslog m = kt_syslog_parse(kt_str_of(all[i]));
        assert_false(m.head);
        check(m.text, all[i], all[i]);
    }
}

static void a_message_becomes_an_object(void **state)
{
    static const struct {
        const char *message, *object;
    } all[] = {
        { "<86>1 2026-03-02T07:14:05.123Z - conjur req-1 fetch [auth@43868 "
          "user=\"acme:user:al\\\"\\]ice\"]"
          "[client@43868 ip=\"203.0.113.40\"][action@43868 result=\"success\" operation=\"fetch\"] "
          "al "
          "fetched",
          "{\"pri\":86,\"time\":\"2026-03-02T07:14:05.123Z\",\"appname\":\"conjur\",\"procid\":"
          "\"req-1\","
          "\"msgid\":\"fetch\",\"msg\":\"al "
          "fetched\",\"sd\":{\"auth@43868\":{\"user\":\"acme:user:al\\\"]"
          "ice\"},\"client@43868\":{\"ip\":\"203.0.113.40\"},\"action@43868\":{\"result\":"
          "\"success\","
          "\"operation\":\"fetch\"}}}" },
        { "<13>Nov 29 01:00:00 cron: a\nb",
          "{\"pri\":13,\"time\":\"Nov 29 01:00:00\",\"appname\":\"cron\",\"msg\":\"a\\nb\"}" },
        { "<0>1 - - - - - [a][b c=\"\\n\\\\\"]",
          "{\"pri\":0,\"sd\":{\"a\":{},\"b\":{\"c\":\"\\\\n\\\\\"}}}" },
        { "<0>1 - - - - - [a b=c d=\"e\"]", "{\"pri\":0,\"sd\":{\"a\":{\"d\":\"e\"}}}" },
        { "text", "{\"msg\":\"text\"}" },
        { "", "{}" },
    };
    struct kt_buf out = { 0 };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++) {
        struct kt_syslog m = kt_syslog_parse(kt_str_of(all[i].message));
        kt_buf_reset(&out);
        kt_syslog_object(&m, &out);
        check(kt_buf_str(&out), all[i].object, all[i].message);
    }
    kt_buf_done(&out);
}

/* ---- streams ---- */

struct seen {
    struct kt_buf all; /* each with '|' behind it */
    unsigned n, refuse_after;
};

static enum kt_status on_message(void *self, struct kt_str message, struct kt_error *err)
{
    struct seen *s = self;
    if (s->refuse_after > 0 && s->n == s->refuse_after)
        return kt_fail(err, KT_E_IO, "no more");
    s->n++;
    kt_buf_add(&s->all, kt_str_sub(message, 0, 40));
    kt_buf_byte(&s->all, '|');
    return KT_OK;
}

static void run(struct kt_str bytes, size_t piece, struct seen *s)
{
    struct kt_syslog_frames f = { .looked = 0 };
    *s = (struct seen){ .n = 0 };
    for (size_t at = 0; at < bytes.len; at += piece) {
        assert_int_equal(
            kt_syslog_frames_feed(&f, kt_str_sub(bytes, at, piece), on_message, s, NULL), KT_OK);
        assert_true(f.rest.len <= KT_SYSLOG_MAX + piece);
    }
    assert_int_equal(kt_syslog_frames_end(&f, on_message, s, NULL), KT_OK);
}

static void messages_end_where_they_say(void **state)
{
    static const struct {
        const char *bytes, *messages;
    } all[] = {
        { "<1>a\n<2>bc\r\n", "<1>a|<2>bc\r|" },
        { "4 <1>a6 <2>b\nc", "<1>a|<2>b\nc|" },
        { "4 <1>a\n<2>line\n5 <3>bc", "<1>a|<2>line|<3>bc|" }, /* each says for itself */
        { "\n\r\n<1>a\n\n", "<1>a|" },
        { "<1>half", "<1>half|" },
        { "10 <1>half", "<1>half|" },
        { "12", "" },
        { "0 x\n12x <1>\n12345678 y\n", "0 x|12x <1>|12345678 y|" }, /* no counts */
        { "{\"json\":1}\n", "{\"json\":1}|" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++)
        for (size_t piece = 1; piece < 60; piece += 3) {
            struct seen s;
            run(kt_str_of(all[i].bytes), piece, &s);
            check(kt_buf_str(&s.all), all[i].messages, all[i].bytes);
            kt_buf_done(&s.all);
        }
}

static void a_message_that_is_too_long_is_cut_and_costs_itself(void **state)
{
    struct kt_buf b = { 0 };
    (void)state;
    for (unsigned counted = 0; counted < 2; counted++) {
        kt_buf_reset(&b);
        kt_buf_addz(&b, "<1>before\n");
        if (counted)
            kt_buf_addz(&b, "3000003 ");
        kt_buf_addz(&b, "<2>");
        for (unsigned i = 0; i < 3000000; i++)
            kt_buf_byte(&b, 'x');
        kt_buf_addz(&b, counted ? "<3>after\n" : "\n<3>after\n");
        static const size_t pieces[] = { 1000, 65536, 4000000 };
        for (size_t i = 0; i < KT_ARRAY_LEN(pieces); i++) {
            struct seen s;
            run(kt_buf_str(&b), pieces[i], &s);
            check(kt_buf_str(&s.all),
                  "<1>before|<2>xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|<3>after|", "long");
            kt_buf_done(&s.all);
        }
    }
    kt_buf_done(&b);
}

static void a_refusal_ends_the_feed(void **state)
{
    struct kt_syslog_frames f = { .looked = 0 };
    struct seen s = { .refuse_after = 1 };
    struct kt_error err = { 0 };
    (void)state;
    assert_int_equal(kt_syslog_frames_feed(&f, KT_STR("<1>a\n<1>b\n"), on_message, &s, &err),
                     KT_E_IO);
    kt_syslog_frames_done(&f);
    kt_buf_done(&s.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_of_every_form_are_taken_off),
        cmocka_unit_test(what_has_no_head_is_text),
        cmocka_unit_test(a_message_becomes_an_object),
        cmocka_unit_test(messages_end_where_they_say),
        cmocka_unit_test(a_message_that_is_too_long_is_cut_and_costs_itself),
        cmocka_unit_test(a_refusal_ends_the_feed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
