/* line: whatever strings an event carries, the line is one that the reader takes. */
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/event/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_arena arena = kt_arena_new(2 * KT_LINE_MAX);
    struct kt_str rest = kt_str_from(data, size);
    struct kt_event ev = { .kind = KT_KIND_ACCESS }, back;
    struct kt_buf out = { 0 }, again = { 0 };
#define X(name) (void)kt_str_split(&rest, '\n', &ev.name);
    KT_EVENT_STRINGS(X)
#undef X
    while (ev.groups.n < KT_LIST_MAX && kt_str_split(&rest, '\r', &ev.groups.at[ev.groups.n]))
        ev.groups.n++;
    ev.raw = rest.len > 0 ? rest : ev.message;
    ev.has_ip = kt_ip_parse(ev.ip_raw, &ev.ip);
    if (kt_line_write(&ev, &out, NULL) == KT_OK) {
        if (kt_line_read(kt_buf_str(&out), &arena, &back, NULL) != KT_OK ||
            kt_line_write(&back, &again, NULL) != KT_OK ||
            !kt_str_eq(kt_buf_str(&out), kt_buf_str(&again)))
            abort();
    }
    kt_buf_done(&out);
    kt_buf_done(&again);
    kt_arena_done(&arena);
    return 0;
}
