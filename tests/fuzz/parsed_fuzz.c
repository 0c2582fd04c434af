/* parsed: of every line of a batch that the strict reader takes it gives the event that the reader
 * makes, and its id, in any order, when the batch was read long ago. */
#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/event/line_fields.h"
#include "core/event/parsed.h"
#include "tests/support/line_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The lines that a collector would take, each with its newline. */
static uint32_t taken(struct kt_str rest, struct kt_arena *arena, struct kt_buf *ret_lines)
{
    uint32_t n = 0;
    struct kt_event ev;
    for (struct kt_str line; n < KT_BATCH_EVENTS_MAX && kt_str_split(&rest, '\n', &line);) {
        kt_arena_reset(arena);
        if (kt_line_read(line, arena, &ev, NULL) != KT_OK)
            continue;
        kt_buf_add(ret_lines, line);
        kt_buf_byte(ret_lines, '\n');
        n++;
    }
    return n;
}

static struct kt_parsed *made(struct kt_buf *lines, uint32_t n, struct kt_arena *arena)
{
    struct kt_str rest = kt_buf_str(lines), line;
    struct kt_parsed *p = kt_parsed_new(rest, n);
    struct kt_event ev;
    for (uint32_t i = 0; i < n; i++) {
        kt_arena_reset(arena); /* what was escaped of the line before is gone */
        if (!kt_str_split(&rest, '\n', &line) || kt_line_read(line, arena, &ev, NULL) != KT_OK)
            abort();
        kt_parsed_add(p, line, &ev);
    }
    kt_parsed_close(p, lines);
    return p;
}

static void check(const struct kt_parsed *p, uint32_t i, struct kt_arena *of_parsed,
                  struct kt_arena *of_line)
{
    struct kt_event got, want;
    uint8_t id[KT_EVENT_ID];
    kt_arena_reset(of_parsed);
    kt_arena_reset(of_line);
    if (kt_line_strict_read(kt_parsed_line(p, i), of_line, &want, NULL) != KT_OK ||
        kt_parsed_event(p, i, of_parsed, &got, NULL) != KT_OK ||
        !line_pair_same(&got, &want, false))
        abort();
    kt_event_id(&want, id);
    if (memcmp(kt_parsed_id(p, i), id, sizeof id) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_arena a, b;
    if (a.cap == 0) {
        a = kt_arena_new(KT_LINE_MAX);
        b = kt_arena_new(KT_LINE_MAX);
    }
    struct kt_buf lines = { 0 };
    uint32_t n = taken(kt_str_from(data, size), &a, &lines);
    if (n > 0) {
        struct kt_parsed *p = made(&lines, n, &a);
        if (lines.len > 0) /* it has a copy of its own */
            memset(lines.at, 'x', lines.len);
        for (uint32_t i = n; i-- > 0;)
            check(p, i, &a, &b);
        kt_parsed_free(p);
    }
    kt_buf_done(&lines);
    return 0;
}
