/* api_cursor: any text is a cursor or is refused, and a cursor that is one says the same when it is
 * written again. */
#include <assert.h>

#include "core/base/hash.h"
#include "dashboards/api/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_api_cursor c;
    struct kt_error err = { 0 };
    struct kt_buf out = { 0 };
    struct kt_str text = kt_str_from(data, size), query = KT_STR("outcome:denied");
    kt_hash_init();
    if (kt_api_cursor_read(text, query, 0, &c, &err) != KT_OK) {
        assert(err.code == KT_E_INPUT && err.text[0] != '\0');
        return 0;
    }
    assert(c.time > 0 && c.seq > 0 && c.seq <= c.until_seq && c.since >= 0 && c.until >= 0);
    kt_api_cursor_write(&c, query, 0, &out);
    assert(kt_str_eq(kt_buf_str(&out), text));
    kt_buf_done(&out);
    return 0;
}
