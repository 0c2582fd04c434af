/*
 * histogram: counts of what matches: a step of time at a time, and by the values of fields; and
 * whether a query is one.
 *
 * Owns:  nothing.
 * Calls: core/answer/series, core/answer/facets, dashboards/api.
 */
#include "core/answer/facets.h"
#include "core/answer/series.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/shared.h"

#define SPAN    KT_NS_DAY
#define BUCKETS 120u
#define TOP     10u
#define TOP_MAX 1000u
#define SHOWN   KT_FACET_OPERATION /* those before it, where no field is named */

void kt_api_add_series(struct kt_buf *o, const char *key, const struct kt_series *s)
{
    static const enum kt_outcome order[] = { KT_OUT_SUCCESS, KT_OUT_DENIED, KT_OUT_FAILURE,
                                             KT_OUT_NOT_FOUND, KT_OUT_UNKNOWN };
    kt_api_open(o, key, '{');
    kt_api_time(o, "from", s->from);
    kt_api_time(o, "step", s->step);
    for (size_t i = 0; i < KT_ARRAY_LEN(order); i++) {
        kt_api_open(o, kt_outcome_word(order[i]), '[');
        for (uint32_t k = 0; k < s->n; k++)
            kt_api_u64(o, NULL, s->count[order[i]][k]);
        kt_api_close(o, ']');
    }
    kt_api_close(o, '}');
}

static enum kt_status make_series(struct kt_api *a, struct kt_error *err)
{
    struct kt_series s = { 0 };
    struct kt_str q;
    uint64_t buckets;
    if (kt_api_number(a, "buckets", 2, KT_SERIES_STEPS_MAX, BUCKETS, &buckets, err) != KT_OK ||
        kt_api_question(a, SPAN, &q, err) != KT_OK ||
        kt_series_load(a->ask, q, (uint32_t)buckets, &s, err) != KT_OK)
        return err->code;
    kt_api_open(&a->out, NULL, '{');
    kt_api_add_series(&a->out, "series", &s);
    kt_api_u64(&a->out, "total", s.total);
    kt_api_covers(a, KT_STR_NONE);
    kt_api_close(&a->out, '}');
    kt_series_done(&s);
    return KT_OK;
}

enum kt_status kt_api_histogram(struct kt_api *a, struct kt_error *err)
{
    return kt_api_shared(a, "histogram", KT_API_SHARED_COUNTS, make_series, err);
}

/* ---- facets ---- */

struct wanted { /* in the order asked for, each once */
    enum kt_facet at[KT_FACET_COUNT];
    unsigned n;
    uint32_t which;
};

static enum kt_status take_fields(const struct kt_api *a, struct wanted *w, struct kt_error *err)
{
    for (unsigned i = 0; i < a->n_params; i++) {
        enum kt_facet f;
        if (!kt_str_is(a->param[i].name, "field"))
            continue;
        if (!kt_facet_of(a->param[i].value, &f))
            return kt_fail(err, KT_E_INPUT,
                           "field takes actor, secret, ip, country, asn, source, instance, action, "
                           "outcome, user_agent, actor_kind, operation, code or host");
        if ((w->which >> f & 1) == 0)
            w->at[w->n++] = f;
        w->which |= 1u << f;
    }
    for (unsigned i = 0; w->which == 0 && i < SHOWN; i++)
        w->at[w->n++] = (enum kt_facet)i;
    w->which = w->which == 0 ? (1u << SHOWN) - 1 : w->which;
    return KT_OK;
}

static void add_facet(struct kt_buf *o, const struct kt_facets *f, enum kt_facet which,
                      uint64_t top)
{
    uint32_t n = f->n[which] < top ? f->n[which] : (uint32_t)top;
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "field", kt_str_of(kt_facet_word(which)));
    kt_api_open(o, "values", '[');
    for (uint32_t i = 0; i < n; i++) {
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "value", f->list[which][i].value);
        kt_api_u64(o, "count", f->list[which][i].count);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
    kt_api_u64(o, "more", f->n[which] - n);
    kt_api_close(o, '}');
}

static enum kt_status make_facets(struct kt_api *a, struct kt_error *err)
{
    struct wanted w = { .n = 0 };
    struct kt_facets *f = NULL;
    struct kt_str q;
    uint64_t top;
    if (take_fields(a, &w, err) != KT_OK ||
        kt_api_number(a, "top", 1, TOP_MAX, TOP, &top, err) != KT_OK ||
        kt_api_question(a, SPAN, &q, err) != KT_OK ||
        kt_facets_load(a->ask, q, w.which, &f, err) != KT_OK)
        return err->code;
    kt_api_open(&a->out, NULL, '{');
    kt_api_open(&a->out, "facets", '[');
    for (unsigned i = 0; i < w.n; i++)
        add_facet(&a->out, f, w.at[i], top);
    kt_api_close(&a->out, ']');
    kt_api_u64(&a->out, "total", f->total);
    kt_api_covers(a, KT_STR_NONE);
    kt_api_close(&a->out, '}');
    kt_facets_free(f);
    return KT_OK;
}

enum kt_status kt_api_facets(struct kt_api *a, struct kt_error *err)
{
    return kt_api_shared(a, "facets", KT_API_SHARED_COUNTS, make_facets, err);
}

/* ---- check ---- */

enum kt_status kt_api_check(struct kt_api *a, struct kt_error *err)
{
    struct kt_str q;
    if (kt_api_question(a, SPAN, &q, err) != KT_OK)
        return err->code;
    kt_api_open(&a->out, NULL, '{');
    kt_api_flag(&a->out, "ok", true);
    kt_api_close(&a->out, '}');
    return KT_OK;
}
