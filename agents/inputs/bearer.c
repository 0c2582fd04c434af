/*
 * bearer: an access token as it is kept between requests.
 *
 * Owns:  the token. Calls: core.
 */
#include "agents/inputs/bearer.h"

#include "core/base/hash.h"

#define EARLY     (5 * KT_NS_MIN)   /* before it ends */
#define LIFE_MAX  (24 * KT_NS_HOUR) /* longer ones are not believed */
#define TOKEN_MAX (16u << 10)

void bearer_forget(struct bearer *b)
{
    kt_wipe(b->header.at, b->header.cap);
    kt_buf_reset(&b->header);
    b->expires = 0;
}

void bearer_done(struct bearer *b)
{
    bearer_forget(b);
    kt_buf_done(&b->header);
}

/* A clock that was set back does not make an old token last. */
static bool is_good(const struct bearer *b, kt_time_ns now, kt_time_ns early)
{
    return b->header.len > 0 && now < b->expires - early && b->expires - now <= LIFE_MAX;
}

bool bearer_header(const struct bearer *b, kt_time_ns now, struct kt_str *ret)
{
    *ret = kt_buf_str(&b->header);
    return is_good(b, now, 0);
}

bool bearer_due(const struct bearer *b, kt_time_ns now)
{
    return !is_good(b, now, EARLY);
}

/* It goes into a header. */
static bool is_visible(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] > '~')
            return false;
    return s.len > 0 && s.len <= TOKEN_MAX;
}

bool bearer_take(struct bearer *b, struct kt_jval answer, kt_time_ns now)
{
    struct kt_str token = kt_json_str_at(answer, "access_token");
    int64_t seconds = 0;
    if (!is_visible(token) ||
        !kt_str_i64(kt_json_text(kt_json_get(answer, KT_STR("expires_in"))), &seconds) ||
        seconds <= 0 || seconds > LIFE_MAX / KT_NS_S)
        return false;
    bearer_forget(b);
    kt_buf_addz(&b->header, "Authorization: Bearer ");
    kt_buf_add(&b->header, token);
    b->expires = now + seconds * KT_NS_S;
    return true;
}
