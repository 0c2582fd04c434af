/*
 * doppler_poll: the activity log of the Doppler API (SOURCES §4): pages, newest first.
 *
 * A round begins at page 1 and goes on until it meets the newest record of the round before. What
 * is written meanwhile moves records to later pages: they come twice, none is missed. A place is
 * "KNOWN" between two rounds and "KNOWN PAGE NEWEST" in one; KNOWN is "-" in the first.
 */
#include "agents/sources/doppler.h"

#define PER_PAGE 100
#define PAGE_MAX 100000u
#define NOTHING  KT_STR("-")

static const char *const streams[] = { "logs", NULL };

struct place {
    struct kt_str known, newest; /* newest: of this round, empty on page 1 */
    unsigned page;
};

static struct place place_of(struct kt_str text)
{
    struct place p = { .known = NOTHING, .page = 1 };
    struct kt_str rest = text, page;
    int64_t n = 0;
    if (rest.len == 0 || !kt_str_split(&rest, ' ', &p.known))
        return p;
    if (!kt_str_split(&rest, ' ', &page) || !kt_str_i64(page, &n) || n < 1 || n > PAGE_MAX)
        return p;
    p.page = (unsigned)n;
    p.newest = rest;
    return p;
}

static enum kt_status request(const struct kt_poll_in *in, struct kt_poll_request *ret,
                              struct kt_error *err)
{
    struct place p = place_of(in->place);
    (void)err;
    *ret = (struct kt_poll_request){
        .get = true,
        .url = kt_arena_fmt(in->arena, KT_STR_FMT "/v3/logs?page=%u&per_page=%d",
                            KT_STR_ARG(in->url), p.page, PER_PAGE),
        .header = { kt_arena_cat(in->arena, KT_STR("Authorization: Bearer "), in->token),
                    KT_STR("Accept: application/json") },
    };
    return KT_OK;
}

struct page {
    struct kt_str first; /* id of its newest record */
    bool known, old;     /* it has the record looked for; one older than what is wanted */
    unsigned records;
};

static struct page read_page(const struct kt_poll_in *in, struct kt_jval logs, struct kt_str known)
{
    struct page ret = { 0 };
    struct kt_json_iter it = kt_json_iter(logs);
    struct kt_jval item;
    struct kt_str name;
    while (kt_json_next(&it, &name, &item)) {
        struct kt_str id = kt_json_str_at(item, "id");
        kt_time_ns t;
        ret.first = ret.records++ == 0 ? id : ret.first;
        ret.known = ret.known || kt_str_eq(id, known);
        if (kt_time_parse(kt_json_str_at(item, "created_at"), &t, NULL) == KT_OK)
            ret.old = ret.old || t < in->since;
    }
    return ret;
}

static void judge(const struct kt_poll_in *in, const struct kt_poll_answer *a,
                  struct kt_poll_verdict *ret)
{
    struct kt_jval logs = kt_json_at(a->root, "logs");
    if (a->status != 200 || kt_json_type(logs) != KT_JSON_ARRAY) {
        ret->problem = "the answer is not one of the activity log: check the url";
        return;
    }
    struct place p = place_of(in->place);
    struct page page = read_page(in, logs, p.known);
    struct kt_str newest = p.newest.len > 0 ? p.newest : page.first;
    ret->records = true;
    ret->more = page.records > 0 && !page.known && !page.old && p.page < PAGE_MAX;
    if (newest.len == 0 || kt_str_has(newest, KT_STR(" "))) {
        ret->more = false; /* an empty log, or ids that are none: asked the same way next time */
        return;
    }
    ret->place = !ret->more ? newest
                            : kt_arena_fmt(in->arena, KT_STR_FMT " %u " KT_STR_FMT,
                                           KT_STR_ARG(p.known), p.page + 1, KT_STR_ARG(newest));
}

const struct kt_poll kt_doppler_poll = {
    .streams = streams,
    .url = "https://api.doppler.com",
    .every = KT_NS_MIN,
    .reach = 365 * KT_NS_DAY,
    .denied = "the token is refused (401, 403): it must be one of a service account or a person "
              "that may read the activity log; a service token of one config cannot",
    .request = request,
    .judge = judge,
};
