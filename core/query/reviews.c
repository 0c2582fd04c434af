/*
 * reviews: collecting the records of signed reviews.
 *
 * Owns:  copies of them.
 * Calls: core/base, core/event (json, review), core/store/read.
 */
#include "core/query/reviews.h"

#include "core/base/alloc.h"

static void add(struct kt_reviews *l, const struct kt_review *r)
{
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 16 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
    }
    l->at[l->n++] = *r;
}

void kt_reviews_done(struct kt_reviews *l)
{
    kt_free(l->at);
    *l = (struct kt_reviews){ 0 };
}

enum kt_status kt_reviews_load(struct kt_reader *r, struct kt_reviews *ret, struct kt_error *err)
{
    struct kt_reviews l = { 0 };
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_DECISION,
                                  .damage = &l.damage };
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return kt_wrap(err, "reviews");
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status st;
    while ((st = kt_cursor_next(c, &rec, err)) == KT_OK) {
        struct kt_review review;
        struct kt_jval root;
        unsigned repaired;
        if (!kt_str_is(rec.ev.operation, KT_REVIEW_OPERATION) ||
            kt_json_parse(json, rec.ev.raw, &root, &repaired, NULL) != KT_OK ||
            kt_review_read(root, &review, NULL) != KT_OK)
            continue;
        review.at = rec.arrival;
        add(&l, &review);
    }
    kt_json_free(json);
    kt_cursor_free(c);
    if (st != KT_E_AGAIN) {
        kt_reviews_done(&l);
        return kt_wrap(err, "reviews");
    }
    if (err != NULL)
        *err = (struct kt_error){ 0 }; /* the end of the walk is no fault */
    *ret = l;
    return KT_OK;
}

const struct kt_review *kt_reviews_last(const struct kt_reviews *l, enum kt_review_kind kind,
                                        kt_time_ns at)
{
    for (unsigned i = l->n; i > 0; i--)
        if (l->at[i - 1].kind == kind && (at == 0 || l->at[i - 1].at < at))
            return &l->at[i - 1];
    return NULL;
}
