/*
 * search: the newest records that match a query, page by page.
 *
 * Owns:  nothing.
 * Calls: core/answer/found, dashboards/api.
 */
#include "core/answer/found.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/cursor.h"

#define SPAN      KT_NS_DAY
#define LIMIT     100u
#define LIMIT_MAX 1000u

/* The window and the state of the log that the first page had hold for all. */
static enum kt_status take_cursor(struct kt_api *a, struct kt_str q, struct kt_api_cursor *c,
                                  struct kt_error *err)
{
    struct kt_store_stats stats;
    struct kt_str text = kt_api_get(a, "cursor");
    if (text.len > 0) {
        if (kt_api_cursor_read(a, text, q, c, err) != KT_OK)
            return err->code;
        a->ask->since = c->since;
        a->ask->until = c->until;
    } else {
        if (kt_reader_stats(a->ask->reader, &stats, err) != KT_OK)
            return err->code;
        *c = (struct kt_api_cursor){ a->ask->since, a->ask->until, stats.records, 0, 0 };
    }
    return KT_OK;
}

/* Oldest first are they kept, newest first shown. */
static enum kt_status add_rows(struct kt_api *a, struct kt_newest *w, size_t limit,
                               struct kt_api_cursor *c, struct kt_error *err)
{
    size_t n = kt_newest_count(w), first = n > limit ? n - limit : 0;
    struct kt_record r;
    kt_api_open(&a->out, "rows", '[');
    for (size_t i = n; i-- > first;) {
        if (kt_newest_get(w, i, &r, err) != KT_OK)
            return err->code;
        kt_api_add_record(&a->out, NULL, a->ask, &r,
                          r.ev.has_ip ? kt_facts_at(a->ask->facts, r.ev.ip, r.seq) : NULL);
        c->time = kt_record_time(&r);
        c->seq = r.seq;
    }
    kt_api_close(&a->out, ']');
    return KT_OK;
}

static enum kt_status answer(struct kt_api *a, struct kt_str q, size_t limit,
                             struct kt_api_cursor *c, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf next = { 0 }, command = { 0 };
    struct kt_newest *w = NULL;
    const struct kt_found_options o = {
        .query = q, .limit = limit, .page_time = c->time, .page_seq = c->seq
    };
    a->ask->until_seq = c->until_seq;
    enum kt_status status = kt_found_load(a->ask, &o, &w, err);
    a->ask->until_seq = 0; /* what is missing is told as it is known now */
    if (status != KT_OK)
        return status;
    bool more = kt_newest_count(w) > limit;
    kt_api_open(&a->out, NULL, '{');
    status = add_rows(a, w, limit, c, err);
    kt_newest_free(w);
    if (status != KT_OK)
        return status;
    if (more)
        kt_api_cursor_write(a, c, q, &next);
    kt_api_command(a, "search", "", q, &command);
    kt_api_text(&a->out, "next", kt_buf_str(&next));
    kt_api_text(&a->out, "command", kt_buf_str(&command));
    kt_api_covers(a, KT_STR_NONE);
    kt_api_close(&a->out, '}');
    return KT_OK;
}

enum kt_status kt_api_search(struct kt_api *a, struct kt_error *err)
{
    struct kt_str q;
    struct kt_api_cursor c;
    uint64_t limit;
    if (kt_api_number(a, "limit", 1, LIMIT_MAX, LIMIT, &limit, err) != KT_OK ||
        kt_api_question(a, SPAN, &q, err) != KT_OK || take_cursor(a, q, &c, err) != KT_OK)
        return err->code;
    return answer(a, q, limit, &c, err);
}
