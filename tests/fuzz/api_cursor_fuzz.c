/* api_cursor: any text is a cursor or is refused; what is written reads back, and not with a bit of
 * it changed, of another question, or by another user. */
#include <assert.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "dashboards/api/cursor.h"

static void write_and_read(struct kt_api *a, struct kt_str data, struct kt_str query)
{
    struct kt_rd in = kt_rd_of(data);
    const struct kt_api_cursor c = { .since = (kt_time_ns)kt_rd_u32(&in),
                                     .until = 0,
                                     .until_seq = UINT64_MAX,
                                     .time = (kt_time_ns)kt_rd_u32(&in) + 1,
                                     .seq = (uint64_t)kt_rd_u32(&in) + 1 };
    struct kt_api_cursor got;
    struct kt_error err = { 0 };
    struct kt_buf out = { 0 };
    kt_api_cursor_write(a, &c, query, &out);
    assert(kt_api_cursor_read(a, kt_buf_str(&out), query, &got, &err) == KT_OK);
    assert(got.since == c.since && got.until == c.until && got.until_seq == c.until_seq &&
           got.time == c.time && got.seq == c.seq);
    assert(kt_api_cursor_read(a, kt_buf_str(&out), KT_STR("x"), &got, &err) == KT_E_INPUT);
    a->user = "bob";
    assert(kt_api_cursor_read(a, kt_buf_str(&out), query, &got, &err) == KT_E_INPUT);
    a->user = "alice";
    size_t at = kt_rd_u32(&in) % out.len;
    out.at[at] = out.at[at] == 'A' ? 'B' : 'A';
    assert(kt_api_cursor_read(a, kt_buf_str(&out), query, &got, &err) == KT_E_INPUT);
    kt_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[KT_API_SECRET] = { 7 };
    struct kt_ask ask = { 0 };
    struct kt_api a = { .ask = &ask, .user = "alice", .secret = secret };
    struct kt_api_cursor c;
    struct kt_error err = { 0 };
    struct kt_str text = kt_str_from((const char *)data, size), query = KT_STR("outcome:denied");
    kt_hash_init();
    write_and_read(&a, text, query);
    if (kt_api_cursor_read(&a, text, query, &c, &err) != KT_OK) {
        assert(err.code == KT_E_INPUT && err.text[0] != '\0');
        return 0;
    }
    assert(c.time > 0 && c.seq > 0 && c.seq <= c.until_seq && c.since >= 0 && c.until >= 0);
    return 0;
}
