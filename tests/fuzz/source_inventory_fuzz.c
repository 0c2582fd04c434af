/* source_inventory: one record of any bytes; both JSON bodies give the same lines. */
#include <stdlib.h>

#include "core/base/hash.h"
#include "tests/support/source_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_buf a = { 0 }, b = { 0 };
    struct source_run r = { .source = "inventory", .body = KT_JSON_SIMDJSON, .as_record = true };
    kt_hash_init();
    source_run(&r, kt_str_from(data, size), &a);
    r.body = KT_JSON_JANSSON;
    source_run(&r, kt_str_from(data, size), &b);
    if (!kt_str_eq(kt_buf_str(&a), kt_buf_str(&b)))
        abort();
    kt_buf_done(&a);
    kt_buf_done(&b);
    return 0;
}
