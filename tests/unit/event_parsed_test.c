/* parsed: each event of a batch is given again as the line's reader made it, whoever asks, and for
 * as long as somebody has the batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/event/parsed.h"

#define ACCESS(rest)                                                                               \
    "{\"v\":1,\"kind\":\"access\",\"source\":\"vault\",\"instance\":\"prod\",\"action\":\"read\"," \
    "\"outcome\":\"success\"" rest "}\n"

static const char text[] =
    ACCESS(",\"actor\":\"ana\",\"groups\":[\"default\",\"\",\"pay\"],\"fields\":[\"password\"],"
           "\"ip\":\"91.11.8.78\",\"raw\":{\"a\":[1,2]}")
        ACCESS(",\"actor\":\"a\\\"b\",\"fields\":[\"one\"]") /* a text that is not in the line */
    ACCESS(",\"groups\":[\"x\\\\y\",\"z\"]") ACCESS("")
        ACCESS(",\"mfa\":true,\"groups\":[\"last\"],\"flags\":[\"bulk\"]");
#define LINES 5u

/* The batch is made as the collector does, and what was read is gone afterwards. */
static struct kt_parsed *made(struct kt_buf *lines)
{
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_str rest = kt_buf_str(lines), line;
    struct kt_parsed *p = kt_parsed_new(rest, LINES);
    for (unsigned i = 0; i < LINES; i++) {
        struct kt_event ev;
        assert_true(kt_str_split(&rest, '\n', &line));
        assert_int_equal(kt_line_read(line, &arena, &ev, NULL), KT_OK);
        kt_parsed_add(p, line, &ev);
        kt_arena_reset(&arena);
    }
    kt_parsed_close(p, lines);
    kt_arena_done(&arena);
    return p;
}

static void is_what_was_read(const struct kt_parsed *p)
{
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_str rest = kt_str_of(text), line;
    assert_int_equal(kt_parsed_count(p), LINES);
    for (unsigned i = 0; i < LINES; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf again = { 0 };
        struct kt_event ev;
        uint8_t id[KT_EVENT_ID];
        assert_true(kt_str_split(&rest, '\n', &line));
        assert_true(kt_str_eq(kt_parsed_line(p, i), line));
        kt_arena_reset(&arena);
        assert_int_equal(kt_parsed_event(p, i, &arena, &ev, NULL), KT_OK);
        assert_int_equal(kt_line_write(&ev, &again, NULL), KT_OK); /* has all that was read */
        assert_true(kt_str_eq(kt_buf_str(&again), line));
        kt_event_id(&ev, id);
        assert_memory_equal(kt_parsed_id(p, i), id, sizeof id);
    }
    kt_arena_done(&arena);
}

static void events_are_those_of_the_lines(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    kt_buf_add(&lines, kt_str_of(text));
    struct kt_parsed *p = made(&lines);
    assert_null(lines.at);
    is_what_was_read(p);
    struct kt_parsed *share = kt_parsed_share(p);
    kt_parsed_free(p);
    is_what_was_read(share);
    kt_parsed_free(share);
}

static void memory_of_a_large_batch_is_not_kept_for_a_small_one(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    (void)kt_buf_reserve(&lines, 1u << 20);
    kt_buf_add(&lines, kt_str_of(text));
    struct kt_parsed *p = made(&lines);
    assert_non_null(lines.at);
    assert_true(kt_parsed_bytes(p) < 8192);
    memset(lines.at, 'x', lines.len);
    is_what_was_read(p);
    kt_parsed_free(p);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_those_of_the_lines),
        cmocka_unit_test(memory_of_a_large_batch_is_not_kept_for_a_small_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
