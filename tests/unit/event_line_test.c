/* line: what the writer makes, that the reader takes just that, and the way there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/line.h"

static struct kt_event full_event(void)
{
    struct kt_event ev = {
        .kind = KT_KIND_ACCESS,
        .action = KT_ACT_READ,
        .outcome = KT_OUT_SUCCESS,
        .actor_kind = KT_ACTOR_SERVICE,
        .ip_trust = KT_TRUST_EDGE,
        .flags = KT_FLAG(REPAIRED) | KT_FLAG(SHADOW),
        .decoder = 3,
        .part = 1,
        .count = 2,
        .mfa = -1,
        .time = 1772435645123456000,
        .observed = -5,
        .precision = 1000,
        .duration = 1455000,
        .has_ip = true,
        .secret_guess = true,
        .groups = { .at = { KT_STR_INIT("default"), KT_STR_INIT("") }, .n = 2 },
        .fields = { .at = { KT_STR_INIT("pass\"word") }, .n = 1 },
        .raw = KT_STR("{\"a\":[1,-2.5e7,{\"b\":\"\\u0001\\n\"}],\"c\":null}"),
    };
#define X(n) ev.n = KT_STR("<" #n ">\xc3\xa4");
    KT_EVENT_STRINGS(X)
#undef X
    assert_true(kt_ip_parse(KT_STR("203.0.113.40"), &ev.ip));
    return ev;
}

static void the_line_has_its_fields_in_order(void **state)
{
    (void)state;
    struct kt_event ev = { .kind = KT_KIND_ACCESS,
                           .source = KT_STR("vault"),
                           .time = 7,
                           .secret = KT_STR("vault://prod/-/kv/pay"),
                           .actor = KT_STR("a\x01\"\\\n\x7f") };
    struct kt_buf out = { 0 };
    assert_int_equal(kt_line_write(&ev, &out, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&out),
                        "{\"v\":1,\"kind\":\"access\",\"source\":\"vault\",\"time\":7,"
                        "\"action\":\"other\",\"outcome\":\"unknown\","
                        "\"actor\":\"a\\u0001\\\"\\\\\\n\x7f\","
                        "\"secret\":\"vault://prod/-/kv/pay\"}");
    ev = (struct kt_event){ .kind = KT_KIND_TICK, .time = 8 };
    kt_buf_reset(&out);
    assert_int_equal(kt_line_write(&ev, &out, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&out), "{\"v\":1,\"kind\":\"tick\",\"time\":8}");
    kt_buf_done(&out);
}

static void an_event_with_every_field_comes_back(void **state)
{
    (void)state;
    struct kt_event ev = full_event(), back;
    struct kt_buf out = { 0 }, again = { 0 };
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    assert_int_equal(kt_line_write(&ev, &out, NULL), KT_OK);
    assert_int_equal(kt_line_read(kt_buf_str(&out), &arena, &back, NULL), KT_OK);
#define X(n) assert_true(kt_str_eq(ev.n, back.n));
    KT_EVENT_STRINGS(X)
#undef X
    assert_int_equal(back.kind, ev.kind);
    assert_int_equal(back.action, ev.action);
    assert_int_equal(back.outcome, ev.outcome);
    assert_int_equal(back.actor_kind, ev.actor_kind);
    assert_int_equal(back.ip_trust, ev.ip_trust);
    assert_int_equal(back.flags, ev.flags);
    assert_int_equal(back.decoder, ev.decoder);
    assert_int_equal(back.part, ev.part);
    assert_int_equal(back.count, ev.count);
    assert_int_equal(back.mfa, ev.mfa);
    assert_int_equal(back.time, ev.time);
    assert_int_equal(back.observed, ev.observed);
    assert_int_equal(back.precision, ev.precision);
    assert_int_equal(back.duration, ev.duration);
    assert_true(back.has_ip && kt_ip_eq(back.ip, ev.ip));
    assert_true(back.secret_guess);
    assert_int_equal(back.groups.n, 2);
    assert_true(kt_str_is(back.fields.at[0], "pass\"word"));
    assert_true(kt_str_eq(back.raw, ev.raw));
    assert_int_equal(kt_line_write(&back, &again, NULL), KT_OK);
    assert_true(kt_str_eq(kt_buf_str(&out), kt_buf_str(&again)));
    kt_arena_done(&arena);
    kt_buf_done(&out);
    kt_buf_done(&again);
}

#define HEAD   "{\"v\":1,\"kind\":\"access\""
#define ACTION "\"action\":\"read\",\"outcome\":\"success\""
#define TICK   "{\"v\":1,\"kind\":\"tick\""

static void the_reader_refuses_what_the_writer_never_makes(void **state)
{
    (void)state;
    static const struct kt_str rows[] = {
        KT_STR_INIT(""),
        KT_STR_INIT("{}"),
        KT_STR_INIT("{\"v\":2,\"kind\":\"tick\"}"),
        KT_STR_INIT("{\"v\":1,\"kind\":\"tock\"}"),
        KT_STR_INIT("{\"v\":1, \"kind\":\"tick\"}"),
        KT_STR_INIT(TICK),
        KT_STR_INIT(TICK "} "),
        KT_STR_INIT(TICK "}\n"),
        KT_STR_INIT(TICK ",}"),
        KT_STR_INIT(HEAD "}"),
        KT_STR_INIT(HEAD ",\"action\":\"read\"}"),
        KT_STR_INIT(HEAD ",\"action\":\"reads\",\"outcome\":\"success\"}"),
        KT_STR_INIT(TICK ",\"action\":\"other\"}"),
        KT_STR_INIT(TICK ",\"outcome\":\"unknown\"}"),
        KT_STR_INIT(TICK ",\"actor_kind\":\"unknown\"}"),
        KT_STR_INIT(TICK ",\"ip_trust\":\"none\"}"),
        KT_STR_INIT(TICK ",\"source\":\"\"}"),
        KT_STR_INIT(TICK ",\"source\":\"a\",\"source\":\"a\"}"),
        KT_STR_INIT(TICK ",\"scope\":\"a\",\"instance\":\"a\"}"),
        KT_STR_INIT(TICK ",\"unknown\":\"a\"}"),
        KT_STR_INIT(TICK ",\"source\":\"a\n\"}"),
        KT_STR_INIT(TICK ",\"source\":\"\\/\"}"),
        KT_STR_INIT(TICK ",\"source\":\"\\u0041\"}"),
        KT_STR_INIT(TICK ",\"source\":\"\\u000a\"}"),
        KT_STR_INIT(TICK ",\"source\":\"\\u001F\"}"),
        KT_STR_INIT(TICK ",\"source\":\"\\u0000\"}"),
        KT_STR_INIT(TICK ",\"source\":\"\\ud800\"}"),
        KT_STR_INIT(TICK ",\"source\":\"\\"),
        KT_STR_INIT(TICK ",\"source\":\"\xff\"}"),
        KT_STR_INIT(TICK ",\"part\":0}"),
        KT_STR_INIT(TICK ",\"part\":01}"),
        KT_STR_INIT(TICK ",\"part\":-1}"),
        KT_STR_INIT(TICK ",\"part\":1.0}"),
        KT_STR_INIT(TICK ",\"part\":4294967296}"),
        KT_STR_INIT(TICK ",\"time\":9223372036854775808}"),
        KT_STR_INIT(TICK ",\"time\":-9223372036854775809}"),
        KT_STR_INIT(TICK ",\"time\":-0}"),
        KT_STR_INIT(TICK ",\"time\":+1}"),
        KT_STR_INIT(TICK ",\"mfa\":null}"),
        KT_STR_INIT(TICK ",\"secret_guess\":false}"),
        KT_STR_INIT(TICK ",\"groups\":[]}"),
        KT_STR_INIT(TICK ",\"groups\":[\"a\",]}"),
        KT_STR_INIT(TICK ",\"groups\":[\"a\"}"),
        KT_STR_INIT(TICK ",\"ip\":\"010.0.0.1\"}"),
        KT_STR_INIT(TICK ",\"ip\":\"::ffff:10.0.0.1\"}"),
        KT_STR_INIT(TICK ",\"ip\":\"2001:DB8::1\"}"),
        KT_STR_INIT(TICK ",\"ip\":\"\"}"),
        KT_STR_INIT(TICK ",\"ip\":\"10.0.0.1\",\"ip_raw\":\"10.0.0.1\"}"),
        KT_STR_INIT(TICK ",\"flags\":[]}"),
        KT_STR_INIT(TICK ",\"flags\":[\"bulk\",\"repaired\"]}"),
        KT_STR_INIT(TICK ",\"flags\":[\"bulk\",\"bulk\"]}"),
        KT_STR_INIT(TICK ",\"flags\":[\"what\"]}"),
        KT_STR_INIT(TICK ",\"raw\":[]}"),
        KT_STR_INIT(TICK ",\"raw\":{\"a\": 1}}"),
        KT_STR_INIT(TICK ",\"raw\":{\"a\":1,}}"),
        KT_STR_INIT(TICK ",\"raw\":{\"a\":01}}"),
        KT_STR_INIT(TICK ",\"raw\":{\"a\":\"\\ud800\"}}"),
        KT_STR_INIT(TICK ",\"raw\":{\"a\":tru}}"),
        KT_STR_INIT(TICK ",\"raw\":{\"a\":1}"),
    };
    struct kt_arena arena = kt_arena_new(4096);
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_event ev;
        struct kt_error err = { 0 };
        kt_arena_reset(&arena);
        if (kt_line_read(rows[i], &arena, &ev, &err) != KT_E_INPUT)
            fail_msg("row %zu: " KT_STR_FMT, i, KT_STR_ARG(rows[i]));
        assert_int_equal(err.code, KT_E_INPUT);
    }
    kt_arena_done(&arena);
}

static void the_reader_takes_the_edges(void **state)
{
    (void)state;
    static const struct kt_str rows[] = {
        KT_STR_INIT(TICK "}"),
        KT_STR_INIT(HEAD "," ACTION "}"),
        KT_STR_INIT(TICK ",\"time\":-9223372036854775808}"),
        KT_STR_INIT(TICK ",\"time\":9223372036854775807}"),
        KT_STR_INIT(TICK ",\"part\":4294967295}"),
        KT_STR_INIT(TICK ",\"mfa\":true}"),
        KT_STR_INIT(TICK ",\"groups\":[\"\"]}"),
        KT_STR_INIT(TICK ",\"ip\":\"2001:db8::1\"}"),
        KT_STR_INIT(TICK ",\"ip\":\"10.0.0.1\",\"ip_raw\":\"::ffff:10.0.0.1\"}"),
        KT_STR_INIT(TICK ",\"flags\":[\"repaired\",\"shadow\"]}"),
        KT_STR_INIT(TICK ",\"raw\":{}}"),
    };
    struct kt_arena arena = kt_arena_new(4096);
    struct kt_buf out = { 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_event ev;
        struct kt_error err = { 0 };
        kt_buf_reset(&out);
        if (kt_line_read(rows[i], &arena, &ev, &err) != KT_OK)
            fail_msg("row %zu: %s", i, err.text);
        assert_int_equal(kt_line_write(&ev, &out, NULL), KT_OK);
        assert_true(kt_str_eq(kt_buf_str(&out), rows[i]));
    }
    kt_buf_done(&out);
    kt_arena_done(&arena);
}

/* Writes ev with a tail behind it that must not be touched, reads it back, writes it again. */
static void there_and_back(struct kt_event *ev)
{
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_buf out = { 0 }, again = { 0 };
    struct kt_event back;
    struct kt_error err = { 0 };
    assert_int_equal(kt_line_write(ev, &out, NULL), KT_OK);
    if (kt_line_read(kt_buf_str(&out), &arena, &back, &err) != KT_OK)
        fail_msg("%s: %s", err.text, kt_buf_z(&out));
    assert_int_equal(kt_line_write(&back, &again, NULL), KT_OK);
    assert_true(kt_str_eq(kt_buf_str(&out), kt_buf_str(&again)));
    assert_int_equal(ev->flags, back.flags);
    kt_arena_done(&arena);
    kt_buf_done(&out);
    kt_buf_done(&again);
}

static void bad_bytes_are_mended_and_marked(void **state)
{
    (void)state;
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .actor = KT_STR("a\xff\0b") };
    struct kt_buf out = { 0 };
    assert_int_equal(kt_line_write(&ev, &out, NULL), KT_OK);
    assert_true(kt_str_has(kt_buf_str(&out), KT_STR("a\xef\xbf\xbd\xef\xbf\xbd"
                                                    "b\"")));
    assert_true(ev.flags & KT_FLAG(REPAIRED));
    assert_true(kt_str_has(kt_buf_str(&out), KT_STR("\"flags\":[\"repaired\"]")));
    there_and_back(&ev);
    kt_buf_done(&out);
}

static void a_long_string_is_cut_on_a_code_point(void **state)
{
    (void)state;
    struct kt_buf text = { 0 };
    kt_buf_byte(&text, 'x');
    while (text.len < KT_STRING_MAX + 10)
        kt_buf_addz(&text, "\xc3\xa4");
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .message = kt_buf_str(&text) }, back;
    struct kt_buf out = { 0 };
    struct kt_arena arena = kt_arena_new(64);
    there_and_back(&ev);
    assert_true(ev.flags & KT_FLAG(REPAIRED));
    assert_int_equal(kt_line_write(&ev, &out, NULL), KT_OK);
    assert_int_equal(kt_line_read(kt_buf_str(&out), &arena, &back, NULL), KT_OK);
    assert_int_equal(back.message.len, KT_STRING_MAX - 1);
    kt_arena_done(&arena);
    kt_buf_done(&out);
    kt_buf_done(&text);
}

static void a_line_over_the_limit_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    struct kt_buf text = { 0 }, out = { 0 };
    for (unsigned i = 0; i < KT_STRING_MAX; i++)
        kt_buf_byte(&text, 'x');
    struct kt_str s = kt_buf_str(&text);
    struct kt_event ev = {
        .kind = KT_KIND_ACCESS, .actor = s, .secret = s, .message = s, .reason = s
    };
    kt_buf_addz(&out, "before");
    assert_int_equal(kt_line_write(&ev, &out, NULL), KT_E_LIMIT);
    assert_string_equal(kt_buf_z(&out), "before");
    kt_buf_done(&text);
    kt_buf_done(&out);
}

static void a_raw_that_does_not_fit_is_left_out_and_said(void **state)
{
    (void)state;
    struct kt_buf raw = { 0 };
    kt_buf_addz(&raw, "{\"a\":\"");
    while (raw.len < KT_LINE_MAX)
        kt_buf_byte(&raw, 'x');
    kt_buf_addz(&raw, "\"}");
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .raw = kt_buf_str(&raw) };
    there_and_back(&ev);
    assert_true(ev.flags & KT_FLAG(INCOMPLETE));
    assert_int_equal(ev.raw.len, 0);
    ev = (struct kt_event){ .kind = KT_KIND_ACCESS, .raw = KT_STR("{\"a\": 1}") };
    there_and_back(&ev);
    assert_true(ev.flags & KT_FLAG(INCOMPLETE));
    kt_buf_done(&raw);
}

static void a_raw_that_just_fits_is_kept(void **state)
{
    (void)state;
    struct kt_event ev = { .kind = KT_KIND_TICK };
    struct kt_buf out = { 0 }, raw = { 0 };
    assert_int_equal(kt_line_write(&ev, &out, NULL), KT_OK);
    size_t room = KT_LINE_MAX - out.len - strlen(",\"raw\":");
    kt_buf_addz(&raw, "{\"a\":\"");
    while (raw.len < room - 2)
        kt_buf_byte(&raw, 'x');
    kt_buf_addz(&raw, "\"}");
    ev.raw = kt_buf_str(&raw);
    there_and_back(&ev);
    assert_int_equal(ev.raw.len, room);
    kt_buf_done(&out);
    kt_buf_done(&raw);
}

static void unescaped_text_beyond_the_arena_is_over_the_limit(void **state)
{
    (void)state;
    struct kt_event ev = { .kind = KT_KIND_TICK, .reason = KT_STR("12345678901234567890\n") };
    struct kt_event back = { .part = 77 };
    struct kt_buf out = { 0 };
    struct kt_arena arena = kt_arena_new(8);
    assert_int_equal(kt_line_write(&ev, &out, NULL), KT_OK);
    assert_int_equal(kt_line_read(kt_buf_str(&out), &arena, &back, NULL), KT_E_LIMIT);
    assert_int_equal(back.part, 77);
    kt_arena_done(&arena);
    kt_buf_done(&out);
}

/* Small generator with a fixed seed: the same events every run. */
static uint64_t next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static struct kt_str random_text(uint64_t *x, char *at)
{
    size_t n = next(x) % 4 == 0 ? next(x) % 60 : 0;
    for (size_t i = 0; i < n; i++)
        at[i] = (char)(next(x) % 3 == 0 ? next(x) : 'a' + next(x) % 26);
    return kt_str_from(at, n);
}

static void random_events_come_back(void **state)
{
    (void)state;
    static char text[40][64];
    uint64_t x = 88172645463325252u;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned n = 0;
        struct kt_event ev = { .kind = (enum kt_kind)(next(&x) % KT_KIND_COUNT),
                               .action = (enum kt_action)(next(&x) % KT_ACT_COUNT),
                               .outcome = (enum kt_outcome)(next(&x) % KT_OUT_COUNT),
                               .actor_kind = (enum kt_actor_kind)(next(&x) % KT_ACTOR_COUNT),
                               .ip_trust = (enum kt_ip_trust)(next(&x) % KT_TRUST_COUNT),
                               .flags = (uint32_t)next(&x) & ((1u << KT_FLAG_COUNT) - 1),
                               .mfa = (int)(next(&x) % 3) - 1,
                               .part = (uint32_t)(next(&x) % 3),
                               .time = (int64_t)next(&x),
                               .has_ip = next(&x) % 2 == 0 };
        memcpy(ev.ip.at, &x, sizeof x);
#define X(name) ev.name = random_text(&x, text[n++]);
        KT_EVENT_STRINGS(X)
#undef X
        ev.groups.n = (unsigned)(next(&x) % 3);
        for (unsigned i = 0; i < ev.groups.n; i++)
            ev.groups.at[i] = random_text(&x, text[n++]);
        there_and_back(&ev);
    }
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_has_its_fields_in_order),
        cmocka_unit_test(an_event_with_every_field_comes_back),
        cmocka_unit_test(the_reader_refuses_what_the_writer_never_makes),
        cmocka_unit_test(the_reader_takes_the_edges),
        cmocka_unit_test(bad_bytes_are_mended_and_marked),
        cmocka_unit_test(a_long_string_is_cut_on_a_code_point),
        cmocka_unit_test(a_line_over_the_limit_leaves_the_buffer_as_it_was),
        cmocka_unit_test(a_raw_that_does_not_fit_is_left_out_and_said),
        cmocka_unit_test(a_raw_that_just_fits_is_kept),
        cmocka_unit_test(unescaped_text_beyond_the_arena_is_over_the_limit),
        cmocka_unit_test(random_events_come_back),
    };
    return cmocka_run_group_tests_name("event_line", tests, NULL, NULL);
}
