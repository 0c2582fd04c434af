/*
 * filled: see the header.
 *
 * Owns:  nothing; its lists lie in a table of volume_spike.
 * Calls: detector.h only. No clock, no I/O.
 */
#include "detectors/filled.h"

#define HOUR_MIN 60u

bool kt_filled_is_sound(const void *state)
{
    return kt_distinct_is_sound(state);
}

void kt_filled_note(struct kt_scene *s, struct kt_table *t, const struct kt_distinct *seen)
{
    uint64_t item = s->secret.a;
    if (!kt_kind_is_person(s->actor->kind) || !kt_str_starts(s->ev->secret, KT_STR("op://")))
        return;
    if (!kt_event_is_fill(s->ev)) {
        struct kt_distinct *d = kt_table_get(t, s->who);
        uint32_t minute, from = s->minute >= HOUR_MIN ? s->minute - HOUR_MIN + 1 : 0;
        if (d != NULL)
            (void)kt_distinct_take(d, item, from, HOUR_MIN, &minute);
        return;
    }
    struct kt_distinct *d = kt_table_put(t, s->who, NULL);
    bool exact = seen->over <= s->minute;
    if (kt_distinct_has(d, item, s->minute, HOUR_MIN) ||
        (exact && !kt_distinct_has(seen, item, s->minute, HOUR_MIN)))
        (void)kt_distinct_add(d, item, s->minute, HOUR_MIN);
}

const struct kt_distinct *kt_filled_of(const struct kt_scene *s, const struct kt_table *t)
{
    return kt_kind_is_person(s->actor->kind) ? kt_table_peek(t, s->who) : NULL;
}
