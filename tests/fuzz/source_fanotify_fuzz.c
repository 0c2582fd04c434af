/* source_fanotify: any bytes as one record, and as lines in pieces; both JSON bodies give the same.
 */
#include <stdlib.h>

#include "core/base/hash.h"
#include "tests/support/source_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_buf a = { 0 }, b = { 0 }, c = { 0 };
    struct source_run r = { .source = "fanotify", .body = KT_JSON_SIMDJSON, .as_record = true };
    kt_hash_init();
    source_run(&r, kt_str_from(data, size), &a);
    r.body = KT_JSON_JANSSON;
    source_run(&r, kt_str_from(data, size), &b);
    if (!kt_str_eq(kt_buf_str(&a), kt_buf_str(&b)))
        abort();
    r.as_record = false;
    kt_buf_reset(&a);
    source_run(&r, kt_str_from(data, size), &a);
    r.piece = size / 7 + 1;
    r.refuse_every = 3;
    source_run(&r, kt_str_from(data, size), &c);
    if (!kt_str_eq(kt_buf_str(&a), kt_buf_str(&c)))
        abort();
    kt_buf_done(&a);
    kt_buf_done(&b);
    kt_buf_done(&c);
    return 0;
}
