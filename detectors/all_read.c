/*
 * all_read: see the header.
 *
 * Owns:  nothing; its lists lie in a table of volume_spike.
 * Calls: hour_secrets, detector.h only. No clock, no I/O.
 */
#include "detectors/all_read.h"

#include "detectors/hour_secrets.h"

#define HOUR_MIN 60u

bool kt_all_read_is_sound(const void *state)
{
    return kt_distinct_is_sound(state);
}

unsigned kt_all_read(struct kt_scene *s, struct kt_table *t, struct kt_table *sketches,
                     unsigned judged)
{
    if (!s->young || s->expected || s->deploy || kt_kind_is_person(s->actor->kind))
        return judged;
    struct kt_distinct *d = kt_table_put(t, s->who, NULL);
    kt_hour_note(s, sketches, d, KT_HOUR_ALL, s->secret.a);
    unsigned all = kt_hour_count(s, sketches, d, KT_HOUR_ALL, HOUR_MIN);
    return all > judged ? all : judged;
}
