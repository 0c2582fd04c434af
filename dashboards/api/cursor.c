/*
 * cursor: see the header.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include "dashboards/api/cursor.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include <assert.h>

#define VERSION  2u
#define MARK     16u
#define TEXT_MAX 80u /* 57 bytes are 76 characters */

/* No part can run into the next: the first has one length, the others say theirs. */
static void mark_of(const struct kt_api *a, struct kt_str body, struct kt_str query,
                    uint8_t ret[32])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf with = { 0 };
    struct kt_str user = kt_str_of(a->user);
    assert(a->secret != NULL);
    kt_buf_u64(&with, (uint64_t)(int64_t)a->ask->zone_offset_s);
    kt_buf_u64(&with, user.len);
    kt_buf_add(&with, user);
    kt_buf_u64(&with, query.len);
    kt_buf_add(&with, query);
    const struct kt_str parts[] = { body, kt_buf_str(&with) };
    kt_hmac_sha256(kt_str_from((const char *)a->secret, KT_API_SECRET), parts, KT_ARRAY_LEN(parts),
                   ret);
}

void kt_api_cursor_write(const struct kt_api *a, const struct kt_api_cursor *c, struct kt_str query,
                         struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    uint8_t mark[32];
    kt_buf_u8(&raw, VERSION);
    kt_buf_u64(&raw, (uint64_t)c->since);
    kt_buf_u64(&raw, (uint64_t)c->until);
    kt_buf_u64(&raw, c->until_seq);
    kt_buf_u64(&raw, (uint64_t)c->time);
    kt_buf_u64(&raw, c->seq);
    mark_of(a, kt_buf_str(&raw), query, mark);
    kt_buf_add_bytes(&raw, mark, MARK);
    kt_base64url_add(out, kt_buf_str(&raw));
}

static bool take(struct kt_str raw, struct kt_api_cursor *c)
{
    struct kt_rd in = kt_rd_of(raw);
    bool known = kt_rd_u8(&in) == VERSION;
    c->since = (kt_time_ns)kt_rd_u64(&in);
    c->until = (kt_time_ns)kt_rd_u64(&in);
    c->until_seq = kt_rd_u64(&in);
    c->time = (kt_time_ns)kt_rd_u64(&in);
    c->seq = kt_rd_u64(&in);
    return known && !in.bad && in.left == MARK && c->since >= 0 && c->until >= 0 &&
           (c->until == 0 || c->since < c->until) && c->until_seq > 0 && c->seq > 0 &&
           c->seq <= c->until_seq && c->time > 0 && c->time < INT64_MAX;
}

enum kt_status kt_api_cursor_read(const struct kt_api *a, struct kt_str text, struct kt_str query,
                                  struct kt_api_cursor *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_api_cursor c;
    uint8_t mark[32];
    if (text.len > TEXT_MAX || !kt_base64url_decode(text, &raw) || !take(kt_buf_str(&raw), &c))
        return kt_fail(err, KT_E_INPUT, "cursor takes what the page before has as next");
    size_t body = raw.len - MARK;
    mark_of(a, kt_str_sub(kt_buf_str(&raw), 0, body), query, mark);
    if (!kt_equal_secret(mark, raw.at + body, MARK))
        return kt_fail(
            err, KT_E_INPUT,
            "the cursor is of another question, or of before the page was started: begin "
            "anew, without it");
    *ret = c;
    return KT_OK;
}
