/* query_place: at every byte of any text something can be said about what somebody types there, and
 * a value that is offered reads back as one value. */
#include <assert.h>

#include "core/query/place.h"

static void writes_back(struct kt_str value)
{
    struct kt_buf text = { 0 }, typed = { 0 };
    struct kt_query *q = NULL;
    struct kt_query_place p;
    kt_buf_addz(&text, "actor:");
    kt_query_write_value(value, false, &text);
    if (text.len < 4000) {
        assert(kt_query_parse(kt_buf_str(&text), &q, NULL) == KT_OK);
        kt_query_free(q);
    }
    kt_query_place(kt_buf_str(&text), text.len, &p, &typed);
    assert(p.kind == KT_PLACE_VALUE && p.from == 6 && p.to == text.len);
    assert(kt_str_eq(kt_buf_str(&typed), value));
    kt_buf_done(&text);
    kt_buf_done(&typed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_buf typed = { 0 };
    struct kt_str text = kt_str_from(data, size);
    size_t step = 1 + size / 256;
    for (size_t at = 0; at <= size; at += step) {
        struct kt_query_place p;
        kt_buf_reset(&typed);
        kt_query_place(text, at, &p, &typed);
        assert(p.from <= at && at <= p.to && p.to <= size);
        assert((p.kind == KT_PLACE_VALUE) == (p.field != NULL));
        assert(typed.len <= at - p.from);
    }
    kt_buf_done(&typed);
    writes_back(text);
    return 0;
}
