/* source_mapping: a mapping file, a line "===", and a record of any bytes; both JSON bodies give
 * the same lines. */
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/config/config.h"
#include "tests/support/source_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct kt_source *source, struct kt_str record)
{
    struct kt_buf a = { 0 }, b = { 0 };
    struct source_run r = {
        .source = "mapping", .described = source, .body = KT_JSON_SIMDJSON, .as_record = true
    };
    source_run(&r, record, &a);
    r.body = KT_JSON_JANSSON;
    source_run(&r, record, &b);
    if (!kt_str_eq(kt_buf_str(&a), kt_buf_str(&b)))
        abort();
    kt_buf_done(&a);
    kt_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kt_str mark = KT_STR_INIT("\n===\n");
    struct kt_str text = kt_str_from(data, size);
    struct kt_error err = { 0 };
    struct kt_yaml *y = NULL;
    const struct kt_source *source = NULL;
    ptrdiff_t at = kt_str_find(text, mark, 0);
    kt_hash_init();
    if (at < 0)
        return 0;
    if (kt_yaml_parse(kt_str_sub(text, 0, (size_t)at), "fuzz.yaml", &y, &err) != KT_OK)
        return 0;
    if (kt_source_find(KT_STR("mapping"))->describe(y, &source, &err) == KT_OK)
        run(source, kt_str_from_index(text, (size_t)at + mark.len));
    kt_yaml_free(y);
    return 0;
}
