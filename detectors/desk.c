/*
 * desk: see the header.
 *
 * Owns:  nothing; its struct lies in a table of unusual_time.
 * Calls: detector.h only. No clock, no I/O.
 */
#include "detectors/desk.h"

#define DESK_DAYS 3u

bool kt_at_desk(const struct kt_scene *s, const struct kt_desk *d)
{
    unsigned days = s->where.inside ? d->days : 0;
    for (unsigned i = 0; !s->where.inside && i < s->places->n_net; i++)
        days = s->places->net[i].net == s->where.net ? s->places->net[i].days : days;
    return s->where.usable && days >= DESK_DAYS;
}

void kt_desk_learn(struct kt_desk *d, uint32_t date)
{
    if (date + 1 <= d->date)
        return; /* counted, or older than what is */
    d->date = date + 1;
    d->days++;
}
