/*
 * onepassword_poll: the 1Password Events API, version 2 (SOURCES §3): a cursor for each of three
 * streams, answers with has_more.
 *
 * A place is "TIME" (begin there) or "TIME CURSOR"; TIME is that of the newest record seen, so that
 * an expired cursor is replaced by a day of overlap, of which the collector drops what it has.
 */
#include "agents/sources/onepassword.h"
#include "core/base/enc.h"
#include "core/event/line.h"

#define OVERLAP KT_NS_DAY /* apps report late */
#define LIMIT   "1000"

static const char *const streams[] = { "itemusages", "signinattempts", "auditevents", NULL };

/* ---- what the token says of itself (a JWT; it is ours, so its signature is not looked at) ---- */

static struct kt_jval claims(const struct kt_poll_in *in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_str rest = in->token, part;
    struct kt_jval root = { 0 };
    unsigned repaired;
    if (!kt_str_split(&rest, '.', &part) || !kt_str_split(&rest, '.', &part) ||
        !kt_base64url_decode(part, &text) ||
        kt_json_parse(in->json, kt_buf_str(&text), &root, &repaired, NULL) != KT_OK)
        return (struct kt_jval){ 0 };
    return root;
}

static struct kt_str first_of(struct kt_jval v)
{
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_str name;
    struct kt_jval item;
    if (kt_json_type(v) != KT_JSON_ARRAY)
        return kt_json_str(v);
    return kt_json_next(&it, &name, &item) ? kt_json_str(item) : KT_STR_NONE;
}

static struct kt_str base_url(const struct kt_poll_in *in, struct kt_jval token)
{
    struct kt_str host = first_of(kt_json_get(token, KT_STR("aud")));
    if (in->url.len > 0)
        return kt_str_ends(in->url, KT_STR("/")) ? kt_str_sub(in->url, 0, in->url.len - 1)
                                                 : in->url;
    /* an old token names a service instead of a host */
    if (!kt_str_has(host, KT_STR(".")) || kt_str_starts(host, KT_STR("com.")))
        host = KT_STR("events.1password.com");
    return kt_arena_cat(in->arena, KT_STR("https://"), host);
}

static bool has_feature(struct kt_jval token, struct kt_str stream)
{
    struct kt_jval features = kt_json_get(token, KT_STR("1password.com/fts")), item;
    struct kt_json_iter it = kt_json_iter(features);
    struct kt_str name;
    if (kt_json_type(features) != KT_JSON_ARRAY)
        return true; /* it does not say */
    while (kt_json_next(&it, &name, &item))
        if (kt_str_eq(kt_json_str(item), stream))
            return true;
    return false;
}

/* ---- asking ---- */

static void split_place(struct kt_str place, struct kt_str *ret_time, struct kt_str *ret_cursor)
{
    *ret_cursor = place;
    if (!kt_str_split(ret_cursor, ' ', ret_time))
        *ret_time = KT_STR_NONE;
}

static struct kt_str body_of(const struct kt_poll_in *in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    struct kt_str time, cursor;
    char text[KT_TIME_TEXT_MAX];
    split_place(in->place, &time, &cursor);
    if (cursor.len > 0) {
        kt_buf_addz(&b, "{\"cursor\":");
        kt_json_quote(&b, cursor);
    } else {
        kt_buf_addz(&b, "{\"limit\":" LIMIT ",\"start_time\":");
        kt_json_quote(&b, time.len > 0 ? time : kt_str_of(kt_time_format(in->since, text)));
    }
    kt_buf_byte(&b, '}');
    return kt_arena_str(in->arena, kt_buf_str(&b));
}

static enum kt_status request(const struct kt_poll_in *in, struct kt_poll_request *ret,
                              struct kt_error *err)
{
    struct kt_jval token = claims(in);
    if (!has_feature(token, in->stream))
        return kt_fail(err, KT_E_AGAIN,
                       "the token does not cover these events: issue one that does");
    *ret = (struct kt_poll_request){
        .url = kt_arena_cat3(in->arena, base_url(in, token), KT_STR("/api/v2/"), in->stream),
        .body = body_of(in),
        .header = { kt_arena_cat(in->arena, KT_STR("Authorization: Bearer "), in->token),
                    KT_STR("Content-Type: application/json") },
    };
    return KT_OK;
}

/* ---- the answer ---- */

/* The later one of `time` and those of the records. */
static struct kt_str newest(struct kt_jval items, struct kt_str time)
{
    struct kt_json_iter it = kt_json_iter(items);
    struct kt_jval item;
    struct kt_str name;
    kt_time_ns most = 0, t;
    if (kt_time_parse(time, &most, NULL) != KT_OK)
        most = 0;
    while (kt_json_next(&it, &name, &item)) {
        struct kt_str text = kt_json_str_at(item, "timestamp");
        if (kt_time_parse(text, &t, NULL) == KT_OK && t > most) {
            most = t;
            time = text;
        }
    }
    return time;
}

/* Where to begin when a cursor is no good: a while before the newest record. */
static void without_cursor(const struct kt_poll_in *in, struct kt_str time,
                           struct kt_poll_verdict *ret)
{
    char text[KT_TIME_TEXT_MAX];
    kt_time_ns t = 0;
    ret->problem = "the service does not take the cursor any more: it is asked for the day before "
                   "the newest record, and on from there";
    if (kt_time_parse(time, &t, NULL) != KT_OK || t < OVERLAP)
        ret->begin_anew = true;
    else
        ret->place = kt_arena_str(in->arena, kt_str_of(kt_time_format(t - OVERLAP, text)));
}

static void judge(const struct kt_poll_in *in, const struct kt_poll_answer *a,
                  struct kt_poll_verdict *ret)
{
    struct kt_str time, cursor, next = kt_json_str_at(a->root, "cursor");
    struct kt_jval items = kt_json_at(a->root, "items");
    split_place(in->place, &time, &cursor);
    if (a->status == 400 && cursor.len > 0) {
        without_cursor(in, time, ret);
        return;
    }
    if (a->status != 200 || next.len == 0 || kt_json_type(items) != KT_JSON_ARRAY) {
        ret->problem = "the answer is not one of the Events API: check the url";
        return;
    }
    char text[KT_TIME_TEXT_MAX];
    struct kt_str seen = newest(items, time);
    if (seen.len == 0) /* nothing yet: what comes later is asked for from here on */
        seen = kt_str_of(kt_time_format(in->since, text));
    ret->records = true;
    ret->more = kt_json_bool(kt_json_at(a->root, "has_more"), false);
    if (ret->more && kt_circle_closes(in->circle, next)) { /* asked at once it would go on so */
        ret->more = false;
        ret->problem = "its pages lead nowhere: it says that more is to come, at a cursor that "
                       "was asked; it is asked again in the next round";
    }
    ret->place = kt_arena_cat3(in->arena, seen, KT_STR(" "), next);
}

const struct kt_poll kt_onepassword_poll = {
    .streams = streams,
    .every = KT_NS_MIN,
    .reach = 120 * KT_NS_DAY,
    .denied = "the token is refused (401, 403): it was revoked, has expired, or lacks this "
              "event type; issue a new one in Integrations, Events Reporting",
    .request = request,
    .judge = judge,
};
