/* line: what the reader takes, the writer writes again byte by byte; what line_plain takes the
 * strict reader takes too, and makes the same event of; so does the collector's, over an event that
 * was used. */
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/event/line.h"
#include "tests/support/line_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct line_pair pair;
    bool plain, strict;
    if (pair.arena.cap == 0)
        line_pair_open(&pair);
    if (!line_pair_agrees(&pair, kt_str_from(data, size), &plain, &strict))
        abort();
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_str line = kt_str_from(data, size);
    struct kt_event ev;
    struct kt_buf out = { 0 };
    if (kt_line_read(line, &arena, &ev, NULL) == KT_OK) {
        uint32_t flags = ev.flags;
        if (kt_line_write(&ev, &out, NULL) != KT_OK || !kt_str_eq(line, kt_buf_str(&out)) ||
            ev.flags != flags)
            abort();
    }
    kt_buf_done(&out);
    kt_arena_done(&arena);
    return 0;
}
