/*
 * found: see the header.
 *
 * Owns:  copies of the records that are kept.
 * Calls: core/answer/ask, core/query/newest. No clock, no output.
 */
#include "core/answer/found.h"

struct walk {
    struct kt_ask *a;
    const struct kt_found_options *o;
    struct kt_newest *to;
};

static bool is_behind(const struct kt_found_options *o, const struct kt_record *r)
{
    kt_time_ns time = kt_record_time(r);
    return o->page_time == 0 || time < o->page_time ||
           (time == o->page_time && r->seq < o->page_seq);
}

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct walk *w = self;
    (void)fact;
    if (!is_behind(w->o, r))
        return KT_OK;
    enum kt_status status = kt_newest_add(w->to, r, err);
    kt_time_ns since = kt_newest_since(w->to);
    if (since > w->a->since)
        w->a->since = since; /* the walk leaves out what is older */
    return status;
}

enum kt_status kt_found_load(struct kt_ask *a, const struct kt_found_options *o,
                             struct kt_newest **ret, struct kt_error *err)
{
    struct walk w = { .a = a, .o = o, .to = kt_newest_new(o->limit + 1) };
    kt_time_ns since = a->since, until = a->until;
    if (o->page_time != 0 && (until == 0 || until > o->page_time))
        a->until = o->page_time + 1;
    a->newest_first = true;
    enum kt_status status = kt_ask_records(a, o->query, take, &w, err);
    a->newest_first = false;
    a->since = since;
    a->until = until;
    if (status != KT_OK) {
        kt_newest_free(w.to);
        return status;
    }
    kt_newest_sort(w.to);
    *ret = w.to;
    return KT_OK;
}
