/* decision: the first byte chooses the decision, the rest is a request or a record of any bytes.
 * What is taken keeps within its bounds, and is written to what is read again as the same. */
#include <assert.h>
#include <string.h>

#include "core/event/decision.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_json *json;
    struct kt_decision d, again;
    struct kt_jval root;
    struct kt_buf out = { 0 }, said = { 0 };
    unsigned repaired;
    if (json == NULL)
        json = kt_json_new(KT_JSON_SIMDJSON);
    if (size == 0)
        return 0;
    enum kt_decision_what what = (enum kt_decision_what)(data[0] % KT_DECIDE_COUNT);
    if (kt_json_parse(json, kt_str_from(data + 1, size - 1), &root, &repaired, NULL) != KT_OK ||
        kt_decision_read(what, root, &d, NULL) != KT_OK)
        return 0;
    assert(d.until - d.from <= KT_EXPECT_LAST_MAX);
    assert(memchr(d.reason, '\0', sizeof d.reason) != NULL);
    kt_decision_say(&d, &said);
    kt_decision_write(&d, &out);
    enum kt_status st = kt_json_parse(json, kt_buf_str(&out), &root, &repaired, NULL);
    assert(st == KT_OK);
    st = kt_decision_read(what, root, &again, NULL);
    assert(st == KT_OK && memcmp(&d, &again, sizeof d) == 0);
    kt_buf_done(&out);
    kt_buf_done(&said);
    return 0;
}
