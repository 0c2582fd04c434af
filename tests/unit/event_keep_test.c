/* keep: what is kept of a record, and which raw needs no second reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/event/keep.h"
#include "core/event/line.h"

static const struct kt_keep below[] = { KT_KEEP("b"), KT_DROP("value"), KT_KEEP_END };
static const struct kt_keep table[] = { KT_KEEP("a"), KT_KEEP_IN("o", below), KT_KEEP_END };

struct fixture {
    struct kt_json *json;
    struct kt_jval root;
    struct kt_buf raw;
    uint64_t unknown;
    struct kt_event ev;
};

static void start(struct fixture *f, const char *record)
{
    *f = (struct fixture){ .json = kt_json_new(KT_JSON_SIMDJSON) };
    assert_int_equal(kt_json_parse(f->json, kt_str_of(record), &f->root, NULL, NULL), KT_OK);
}

static void stop(struct fixture *f)
{
    kt_json_free(f->json);
    kt_buf_done(&f->raw);
}

static void says(const struct fixture *f, const char *raw, bool sound)
{
    if (!kt_str_is(f->ev.raw, raw))
        fail_msg(KT_STR_FMT, KT_STR_ARG(f->ev.raw));
    assert_int_equal(f->ev.raw_sound.len, sound ? f->ev.raw.len : 0);
    assert_ptr_equal(f->ev.raw_sound.at, sound ? f->ev.raw.at : NULL);
}

/* Strings of a record with and without escapes come out in the one escaping of lines. */
static void a_record_is_copied_by_its_table(void **state)
{
    (void)state;
    static const struct {
        const char *record, *raw;
    } rows[] = {
        { "{\"a\":\"x\",\"z\":1,\"o\":{\"b\":2.50,\"value\":\"s3\"}}",
          "{\"a\":\"x\",\"o\":{\"b\":2.50}}" },
        { "{ \"a\" : \"x/\xc3\xa4\x7f\" }", "{\"a\":\"x/\xc3\xa4\x7f\"}" },
        { "{\"a\":\"x\\/\\u00e4\\u0022\\u000a\"}", "{\"a\":\"x/\xc3\xa4\\\"\\n\"}" },
        { "{\"o\":{\"value\":1},\"a\":[\"p\",{},\"q\"]}", "{\"a\":[\"p\",\"q\"]}" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct fixture f;
        start(&f, rows[i].record);
        kt_kept_whole(f.root, table, &f.raw, &f.unknown, &f.ev);
        says(&f, rows[i].raw, true);
        stop(&f);
    }
}

static void a_raw_is_put_together(void **state)
{
    (void)state;
    struct fixture f;
    struct kt_kept k;
    start(&f, "{\"a\":\"x\",\"o\":{\"c\":1}}");
    kt_kept_open(&k, &f.raw);
    kt_kept_member(&k, KT_STR("none"), kt_json_at(f.root, "o"), below, &f.unknown);
    kt_kept_text(&k, KT_STR("type"), KT_STR("re\"quest"));
    kt_kept_member(&k, KT_STR("all"), f.root, table, &f.unknown);
    kt_kept_close(&k, &f.ev);
    says(&f, "{\"type\":\"re\\\"quest\",\"all\":{\"a\":\"x\"}}", true);
    assert_int_equal(f.unknown, 2);
    stop(&f);
}

/* Whoever writes beside keep is found out, and the line leaves out what is no object then. */
static void a_stranger_in_the_buffer_is_read_again(void **state)
{
    (void)state;
    for (unsigned when = 0; when < 3; when++) {
        struct fixture f;
        struct kt_kept k;
        struct kt_buf line = { 0 };
        start(&f, "{\"a\":\"x\"}");
        if (when == 0)
            kt_buf_addz(&f.raw, "{");
        kt_kept_open(&k, &f.raw);
        if (when == 1)
            kt_buf_addz(&f.raw, "\"b\"");
        kt_kept_text(&k, KT_STR("type"), KT_STR("request"));
        if (when == 2)
            f.raw.len--;
        kt_kept_close(&k, &f.ev);
        assert_int_equal(f.ev.raw_sound.len, 0);
        assert_int_equal(kt_line_write(&f.ev, &line, NULL), KT_OK);
        assert_true(f.ev.flags & KT_FLAG(INCOMPLETE));
        assert_int_equal(f.ev.raw.len, 0);
        kt_buf_done(&line);
        stop(&f);
    }
}

static void a_raw_beside_another_is_not_sound(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, "{\"a\":1}");
    kt_buf_addz(&f.raw, "x");
    kt_kept_whole(f.root, table, &f.raw, NULL, &f.ev);
    says(&f, "x{\"a\":1}", false);
    kt_buf_reset(&f.raw);
    kt_kept_whole(kt_json_at(f.root, "a"), table, &f.raw, NULL, &f.ev);
    says(&f, "", false);
    stop(&f);
}

/* Whoever exchanges raw for another, or takes a piece of it, and says nothing. */
static void another_raw_is_read_again(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        struct fixture f;
        struct kt_buf line = { 0 };
        start(&f, "{\"a\":\"x\"}");
        kt_kept_whole(f.root, table, &f.raw, NULL, &f.ev);
        says(&f, "{\"a\":\"x\"}", true);
        if (how == 1)
            f.ev.raw = KT_STR("{\"a\":\"\n\"}");
        if (how == 2)
            f.ev.raw.len--;
        assert_int_equal(kt_line_write(&f.ev, &line, NULL), KT_OK);
        assert_int_equal(f.ev.raw.len > 0, how == 0);
        assert_int_equal((f.ev.flags & KT_FLAG(INCOMPLETE)) != 0, how > 0);
        kt_buf_done(&line);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_copied_by_its_table),
        cmocka_unit_test(a_raw_is_put_together),
        cmocka_unit_test(a_stranger_in_the_buffer_is_read_again),
        cmocka_unit_test(a_raw_beside_another_is_not_sound),
        cmocka_unit_test(another_raw_is_read_again),
    };
    return cmocka_run_group_tests_name("event_keep", tests, NULL, NULL);
}
