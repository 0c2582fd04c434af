/*
 * new_days: a machine that took up new secrets on many of its days, a few on each (DETECTION §2.4).
 *
 * Owns:  nothing; the habit is new_secrets'.
 * Calls: detector.h, secret_habit and known_secrets only. No clock, no I/O.
 */
#include "detectors/new_days.h"

#include <math.h>

#include "detectors/known_secrets.h"

#define DAYS_MOST  6.0
#define FORTNIGHT  14u
#define DAYS_ALPHA 0.1 /* days with new secrets, of a machine, among its active ones */
#define DAYS_BETA  2.0

enum { N_DAYS, N_OF_DAYS, N_DAYS_USUAL };

static void words_of_days(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160];
    kt_say_name(s->ev->actor, 80, who);
    KT_SAY(f->title, "%s took up secrets it had never read on %.0f of %.0f days.", who,
           f->number[N_DAYS], f->number[N_OF_DAYS]);
    KT_SAY(f->normal,
           "Usual: %.2f such days among its active ones. A release brings its secrets "
           "at once; who takes a few each day wants not to be seen.",
           f->number[N_DAYS_USUAL]);
    KT_SAY(f->part, "new secrets on %.0f of %.0f days", f->number[N_DAYS], f->number[N_OF_DAYS]);
    KT_SAY(f->quiet, "Fewer than %.0f such days in 14.", f->number[N_DAYS]);
}

void kt_new_days_tell(struct kt_scene *s, const struct kt_habit *h, uint32_t told_min,
                      const struct kt_new_days_limits *o)
{
    double n = 0, days = 0;
    uint32_t today = kt_actor_day(s->actor, s->minute);
    if (!kt_known_is_machine(s) || s->young || s->shared->learning)
        return;
    for (unsigned i = 0; i < KT_HABIT_DAYS; i++) {
        uint32_t day = h->day_of[i] - 1, begins;
        if (h->day_of[i] == 0 || day > today || day + FORTNIGHT <= today)
            continue;
        begins = kt_actor_day_begins(s->actor, day);
        days += h->busy[i];
        n += h->raw[i] >= KT_HABIT_WHOLE && begins >= told_min;
    }
    struct kt_gamma usual = { DAYS_ALPHA + (double)h->novel_days, DAYS_BETA + (double)h->d };
    double points = n < (double)o->floor ? 0 : kt_rate_surprise(n, days, usual, days);
    struct kt_finding *f = points < o->least
                               ? NULL
                               : kt_find(s, KT_FAMILY_NEW_SECRETS,
                                         kt_points(fmin(points, DAYS_MOST)), 0, words_of_days);
    if (f == NULL)
        return;
    f->number[N_DAYS] = n;
    f->number[N_OF_DAYS] = days;
    f->number[N_DAYS_USUAL] = usual.a / usual.b;
}
