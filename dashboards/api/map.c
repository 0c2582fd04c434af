/*
 * map: where accesses came from.
 *
 * Owns:  nothing.
 * Calls: core/answer/places.
 */
#include "core/answer/places.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/map_json.h"
#include "dashboards/api/shared.h"

#define SPAN KT_NS_DAY

void kt_api_places(struct kt_buf *o, const struct kt_places *p)
{
    kt_api_open(o, "countries", '[');
    for (uint32_t i = 0; i < p->n; i++) {
        const struct kt_place *x = &p->at[i];
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "country", kt_str_of(x->country));
        kt_api_u64(o, "events", x->events);
        kt_api_u64(o, "failed", x->failed);
        kt_api_u64(o, "actors", x->actors);
        kt_api_u64(o, "secrets", x->secrets);
        kt_api_u64(o, "addresses", x->addresses);
        kt_api_time(o, "last", x->last);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
    kt_api_open(o, "unlocated", '{');
    kt_api_u64(o, "private", p->nowhere[KT_NOWHERE_PRIVATE]);
    kt_api_u64(o, "unknown", p->nowhere[KT_NOWHERE_UNKNOWN]);
    kt_api_u64(o, "none", p->nowhere[KT_NOWHERE_NONE]);
    kt_api_close(o, '}');
}

static enum kt_status make_map(struct kt_api *a, struct kt_error *err)
{
    struct kt_places p;
    struct kt_str q;
    if (kt_api_question(a, SPAN, &q, err) != KT_OK || kt_places_load(a->ask, q, &p, err) != KT_OK)
        return err->code;
    kt_api_open(&a->out, NULL, '{');
    kt_api_u64(&a->out, "events", p.events);
    kt_api_places(&a->out, &p);
    kt_api_covers(a, KT_STR_NONE);
    kt_api_close(&a->out, '}');
    kt_places_done(&p);
    return KT_OK;
}

enum kt_status kt_api_map(struct kt_api *a, struct kt_error *err)
{
    return kt_api_shared(a, "map", KT_API_SHARED_COUNTS, make_map, err);
}
