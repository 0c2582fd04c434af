/*
 * deletions: secrets that vanish by the dozen, even where each can be had back.
 *
 * Owns:  nothing; its struct lies in a table of volume_spike. Calls: hour_secrets, detector.h and
 * core only. No clock, no I/O.
 */
#include "detectors/deletions.h"

#include <math.h>

#define RECORD_MIN  4u   /* of who deleted less until now */
#define WHOLE_MAX   100u /* secrets that "all of a place" stands for, at most */
#define PLACE_STEPS UINT64_C(0x9e3779b97f4a7c15)

bool kt_deletions_are_sound(const void *state)
{
    const struct kt_deletions *d = state;
    return kt_distinct_is_sound(&d->seen) && kt_maxima_is_sound(&d->best);
}

enum { N_DELETED, N_RECORD };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], x[32];
    bool whole = kt_str_ends(s->ev->secret, KT_STR("/*"));
    kt_say_name(s->ev->actor, 80, who);
    kt_say_count(f->number[N_DELETED], x);
    if (whole)
        KT_SAY(f->title, "%s deleted all secrets of a place at once.", who);
    else
        KT_SAY(f->title, "%s deleted %s different secrets within 1 hour.", who, x);
    KT_SAY(f->normal,
           "On its busiest day of 28 before it deleted %.0f in an hour. %sWhat is "
           "deleted can mostly be restored for some days, not for ever.",
           f->number[N_RECORD],
           whole
               ? "How many there were the log does not say: they count as the least that is told. "
               : "");
    KT_SAY(f->part, "%s secrets deleted in 1 h against %.0f", x, f->number[N_RECORD]);
    KT_SAY(f->quiet, "An earlier day on which it deleted as many, or secrets of test and staging.");
}

/* A namespace takes what is in it along; the cluster's own controller does that for whoever deletes
 * one, with environments that come and go many times a day. */
static bool is_consequence(const struct kt_scene *s)
{
    return kt_str_starts(s->ev->actor, KT_STR("kube-system/namespace-controller@"));
}

void kt_deletions_judge(struct kt_scene *s, struct kt_deletions *d, struct kt_table *sketches,
                        uint64_t least, uint8_t aside)
{
    bool whole = kt_str_ends(s->ev->secret, KT_STR("/*")) && !is_consequence(s);
    uint64_t stands = !whole ? 1 : least < WHOLE_MAX ? least : WHOLE_MAX;
    for (uint64_t i = 0; i < stands; i++)
        kt_hour_note(s, sketches, &d->seen, KT_HOUR_DELETED, s->secret.a + i * PLACE_STEPS);
    unsigned n = kt_hour_count(s, sketches, &d->seen, KT_HOUR_DELETED, 60);
    uint16_t v[4] = { 1, (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX), 0, 0 };
    kt_put_aside(s, aside, s->minute / 60, (s->minute / 60 + 1) * 60, v);
    unsigned best = kt_maxima_best(&d->best, 0), record = best > RECORD_MIN ? best : RECORD_MIN;
    if (s->young || s->shared->learning || n < least || n < 2 * record)
        return;
    double points = fmin(6, 2.5 + 6 * log10((double)n / record));
    struct kt_finding *f = kt_find(s, KT_FAMILY_VOLUME, kt_points(points), 0, words);
    if (f == NULL)
        return;
    f->number[N_DELETED] = n;
    f->number[N_RECORD] = best;
}

void kt_deletions_learn(const struct kt_scene *s, struct kt_deletions *d,
                        const struct kt_pending *p)
{
    kt_maxima_add(&d->best, kt_actor_day(s->actor, p->time_min - 60), p->v + 1);
}
