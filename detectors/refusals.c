/*
 * refusals: see the header.
 *
 * Owns:  nothing; its struct lies in a table of volume_spike.
 * Calls: detector.h only. No clock, no I/O.
 */
#include "detectors/refusals.h"

#define DAY_MIN 1440u

bool kt_refusals_are_sound(const void *state)
{
    return kt_distinct_is_sound(&((const struct kt_refusals *)state)->missing);
}

void kt_refusals_note(struct kt_scene *s, struct kt_table *t, uint64_t many)
{
    bool missing = s->ev->outcome == KT_OUT_NOT_FOUND && s->secret.a != 0;
    bool denied = s->ev->outcome == KT_OUT_DENIED && s->ev->action != KT_ACT_LOGIN;
    bool nobody = s->who.a == 0 && s->who.b == 0;
    if ((!missing && !denied) || nobody)
        return;
    struct kt_refusals *r = kt_table_put(t, s->who, NULL);
    bool guesses = missing && (!kt_distinct_add(&r->missing, s->secret.a, s->minute, 60) ||
                               kt_distinct_count(&r->missing, s->minute, 60) >= many);
    if ((denied || guesses) && r->newest_min < s->minute)
        r->newest_min = s->minute;
}

bool kt_refused_today(const struct kt_scene *s, const struct kt_table *t)
{
    const struct kt_refusals *r = kt_table_peek(t, s->who);
    return r != NULL && r->newest_min != 0 && s->minute < r->newest_min + DAY_MIN;
}
