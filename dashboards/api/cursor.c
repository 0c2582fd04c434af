/*
 * cursor: see the header.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include "dashboards/api/cursor.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

#define VERSION  1u
#define TEXT_MAX 80u /* 49 bytes are 66 characters */

/* No key: a cursor gives nothing that its question would not, it is told apart from others. */
static uint64_t mark_of(struct kt_str query, int zone_offset_s)
{
    return kt_hash64(query, (uint64_t)(int64_t)zone_offset_s);
}

void kt_api_cursor_write(const struct kt_api_cursor *c, struct kt_str query, int zone_offset_s,
                         struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    kt_buf_u8(&raw, VERSION);
    kt_buf_u64(&raw, (uint64_t)c->since);
    kt_buf_u64(&raw, (uint64_t)c->until);
    kt_buf_u64(&raw, c->until_seq);
    kt_buf_u64(&raw, (uint64_t)c->time);
    kt_buf_u64(&raw, c->seq);
    kt_buf_u64(&raw, mark_of(query, zone_offset_s));
    kt_base64url_add(out, kt_buf_str(&raw));
}

static bool take(struct kt_str raw, struct kt_api_cursor *c, uint64_t *ret_mark)
{
    struct kt_rd in = kt_rd_of(raw);
    bool known = kt_rd_u8(&in) == VERSION;
    c->since = (kt_time_ns)kt_rd_u64(&in);
    c->until = (kt_time_ns)kt_rd_u64(&in);
    c->until_seq = kt_rd_u64(&in);
    c->time = (kt_time_ns)kt_rd_u64(&in);
    c->seq = kt_rd_u64(&in);
    *ret_mark = kt_rd_u64(&in);
    return known && !in.bad && in.left == 0 && c->since >= 0 && c->until >= 0 &&
           (c->until == 0 || c->since < c->until) && c->until_seq > 0 && c->seq > 0 &&
           c->seq <= c->until_seq && c->time > 0 && c->time < INT64_MAX;
}

enum kt_status kt_api_cursor_read(struct kt_str text, struct kt_str query, int zone_offset_s,
                                  struct kt_api_cursor *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_api_cursor c;
    uint64_t mark;
    if (text.len > TEXT_MAX || !kt_base64url_decode(text, &raw) ||
        !take(kt_buf_str(&raw), &c, &mark))
        return kt_fail(err, KT_E_INPUT, "cursor takes what the page before has as next");
    if (mark != mark_of(query, zone_offset_s))
        return kt_fail(err, KT_E_INPUT, "the cursor is of another question: ask without it");
    *ret = c;
    return KT_OK;
}
