/* bearer: an access token of OAuth 2.0 as it is kept between requests: it lasts for a while, and is
 * asked for anew before it ends (RFC 6749 §5.1). */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"
#include "core/event/json.h"

struct bearer { /* zeroed: there is none */
    struct kt_buf header;
    kt_time_ns expires;
};
void bearer_done(struct bearer *b);
void bearer_forget(struct bearer *b); /* wiped */
/* *ret: "Authorization: Bearer …", until the next call; false while there is no token that is still
 * good. */
bool bearer_header(const struct bearer *b, kt_time_ns now, struct kt_str *ret);
/* Is it time to ask for a token? Yes while there is none, and in the last five minutes of the one
 * there is. */
bool bearer_due(const struct bearer *b, kt_time_ns now);
/* Takes access_token and expires_in (a number, or as text) of an answer; false: it holds none. */
bool bearer_take(struct bearer *b, struct kt_jval answer, kt_time_ns now);
