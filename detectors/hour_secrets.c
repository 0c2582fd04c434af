/*
 * hour_secrets: different secrets that an actor touched in an hour (DETECTION §3.4).
 *
 * Owns:  nothing; lists and sketches lie in tables of volume_spike. Calls: detector.h and core
 * only. No clock, no I/O.
 */
#include "detectors/hour_secrets.h"

#include <string.h>

static struct kt_key sketch_key(const struct kt_scene *s, enum kt_hour_of of)
{
    return (struct kt_key){ s->who.a, of == KT_HOUR_NOW ? s->who.b : s->who.b ^ ~(of - 1ull) };
}

static struct kt_hll_view *view_of(const struct kt_scene *s, enum kt_hour_of of)
{
    return kt_recall_sketch(s->recall, (uint64_t)s->actor->number * KT_HOUR_KINDS + of);
}

unsigned kt_hour_count(const struct kt_scene *s, const struct kt_table *sketches,
                       const struct kt_distinct *seen, enum kt_hour_of of, unsigned minutes)
{
    if (seen->over <= s->minute)
        return kt_distinct_count(seen, s->minute, minutes);
    const struct kt_hll *h = kt_table_peek(sketches, sketch_key(s, of));
    if (h == NULL)
        return KT_DISTINCT_MAX;
    return kt_hll_view_count(view_of(s, of), h, s->minute, minutes / 5);
}

void kt_hour_note(struct kt_scene *s, struct kt_table *sketches, struct kt_distinct *seen,
                  enum kt_hour_of of, uint64_t hash)
{
    bool exact = seen->over <= s->minute && kt_distinct_add(seen, hash, s->minute, 60);
    if (exact)
        return;
    bool fresh = seen->over <= s->minute;
    bool anew;
    struct kt_hll *h = kt_table_put(sketches, sketch_key(s, of), &anew);
    struct kt_hll_view *view = view_of(s, of);
    if (anew)
        view->last = 0;
    for (unsigned i = 0; fresh && i < seen->n; i++)
        kt_hll_view_add(view, h, seen->hash[i], seen->minute[i]);
    kt_hll_view_add(view, h, hash, s->minute);
    if (fresh) /* the list is in the sketch now; it starts again when the sketch has aged */
        memset(seen, 0, sizeof *seen);
    seen->over = s->minute + 60;
}
