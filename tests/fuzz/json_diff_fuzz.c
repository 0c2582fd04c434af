/* json: for any bytes both bodies accept or both refuse, mend the same and give the same values;
 * what json_plain takes simdjson takes too, and makes the same tree of. */
#include <stdlib.h>

#include "core/event/json.h"
#include "tests/support/json_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_json *j[2];
    static struct kt_buf out[2];
    static struct json_pair pair;
    enum kt_status status[2];
    unsigned repaired[2] = { 0, 0 };
    bool taken;
    if (pair.simdjson == NULL)
        json_pair_open(&pair);
    if (!json_pair_agrees(&pair, kt_str_from(data, size), &taken))
        abort();
    for (unsigned b = 0; b < 2; b++) {
        struct kt_jval root;
        if (j[b] == NULL)
            j[b] = kt_json_new(b == 0 ? KT_JSON_SIMDJSON : KT_JSON_JANSSON);
        kt_buf_reset(&out[b]);
        status[b] = kt_json_parse(j[b], kt_str_from(data, size), &root, &repaired[b], NULL);
        if (status[b] == KT_OK)
            kt_json_write(root, &out[b]);
    }
    if (status[0] != status[1] || repaired[0] != repaired[1] ||
        !kt_str_eq(kt_buf_str(&out[0]), kt_buf_str(&out[1])))
        abort();
    if (status[0] == KT_OK) { /* what was written is a document that gives itself */
        static struct kt_buf again;
        struct kt_jval root;
        kt_buf_reset(&again);
        if (kt_json_parse(j[0], kt_buf_str(&out[0]), &root, &repaired[0], NULL) != KT_OK)
            abort();
        kt_json_write(root, &again);
        if (!kt_str_eq(kt_buf_str(&again), kt_buf_str(&out[1])))
            abort();
    }
    return 0;
}
