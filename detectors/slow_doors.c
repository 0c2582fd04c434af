/*
 * slow_doors: see the header.
 *
 * Owns:  nothing; its struct lies in a table of failed_attempts.
 * Calls: detector.h and baseline only. No clock, no I/O.
 */
#include "detectors/slow_doors.h"

#include <math.h>

#define HOUR_MIN 60u
#define DAY_MIN  1440u
#define WEEK_MIN (7u * DAY_MIN)
#define SPREAD   4u /* hours of a day, days of a week */
#define LEAST    3.0

bool kt_slow_doors_are_sound(const void *state)
{
    return ((const struct kt_slow_doors *)state)->n <= KT_SLOW_DOORS_MAX;
}

/* Refused the value of a secret that it never had. */
static bool is_door(const struct kt_scene *s)
{
    static const bool actions[KT_ACT_COUNT] = {
        [KT_ACT_READ] = true, [KT_ACT_EXPORT] = true, [KT_ACT_ISSUE] = true
    };
    return s->ev->outcome == KT_OUT_DENIED && actions[s->ev->action] && s->ev->secret.len > 0 &&
           !s->novelty.known && !s->young;
}

/* Returns whether it is a new one; what is older than a week goes. */
static bool note(const struct kt_scene *s, struct kt_slow_doors *d)
{
    unsigned live = 0, oldest = 0;
    bool known = false;
    for (unsigned i = 0; i < d->n; i++) {
        if (d->minute[i] + WEEK_MIN <= s->minute)
            continue;
        known = known || d->secret[i] == s->secret.a;
        d->secret[live] = d->secret[i];
        d->minute[live++] = d->minute[i];
    }
    d->n = live;
    if (known)
        return false;
    for (unsigned i = 0; i < d->n; i++)
        oldest = d->minute[i] < d->minute[oldest] ? i : oldest;
    unsigned at = d->n < KT_SLOW_DOORS_MAX ? d->n++ : oldest;
    d->secret[at] = s->secret.a;
    d->minute[at] = s->minute;
    return true;
}

struct span {
    unsigned doors, parts; /* in so many different parts of it */
    uint32_t first_min;
};

/* Of those younger than `width`, in parts of `part` minutes. */
static struct span span_of(const struct kt_slow_doors *d, uint32_t minute, uint32_t width,
                           uint32_t part)
{
    struct span r = { .first_min = minute };
    for (unsigned i = 0; i < d->n; i++) {
        bool first = true;
        if (d->minute[i] + width <= minute || d->minute[i] > minute)
            continue;
        for (unsigned k = 0; k < i; k++)
            first = first && (d->minute[k] + width <= minute || d->minute[k] > minute ||
                              d->minute[k] / part != d->minute[i] / part);
        r.doors++;
        r.parts += first;
        r.first_min = d->minute[i] < r.first_min ? d->minute[i] : r.first_min;
    }
    return r;
}

enum { N_DOORS, N_PARTS, N_USUAL, N_LEAST, N_WEEK, N_MINUTES };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    const double *v = f->number;
    char who[160], within[KT_TIME_TEXT_MAX];
    bool week = v[N_WEEK] > 0;
    kt_say_name(s->ev->actor, 80, who);
    (void)kt_duration_format((kt_time_ns)v[N_MINUTES] * KT_NS_MIN, within);
    KT_SAY(f->title,
           "%s was refused %.0f secrets that it never read within %s, in %.0f different %s.", who,
           v[N_DOORS], within, v[N_PARTS], week ? "days" : "hours");
    KT_SAY(f->normal,
           "Usual for it: %.1f refusals a day. What is set up wrongly is refused at once, and what "
           "lost its rights asks for what it did read.",
           v[N_USUAL]);
    KT_SAY(f->part, "%.0f secrets refused that it never read in %s", v[N_DOORS],
           week ? "7 days" : "24 h");
    KT_SAY(f->quiet, "Permission for what it asks, or fewer than %.0f of them in %s.", v[N_LEAST],
           week ? "7 days" : "24 hours");
}

/* Returns whether it is told. `counted` of the doors are in what is usual already: they are no
 * yardstick of their own. */
static bool tell(struct kt_scene *s, const struct kt_slow_limits *o, const struct span *n,
                 unsigned counted, bool week)
{
    unsigned least = week ? o->week : o->day;
    struct kt_gamma usual = { fmax(o->usual.a - counted, o->least_a), o->usual.b };
    if (least == 0 || n->doors < least || n->parts < SPREAD ||
        kt_rate_surprise(n->doors, week ? 7 * 24 : 24, usual, o->rmax) < LEAST)
        return false;
    struct kt_finding *f = kt_find(s, KT_FAMILY_FAILURES, 460, 0, words);
    if (f == NULL)
        return false;
    f->number[N_DOORS] = n->doors;
    f->number[N_PARTS] = n->parts;
    f->number[N_USUAL] = usual.a / usual.b * 24;
    f->number[N_LEAST] = least;
    f->number[N_WEEK] = week;
    f->number[N_MINUTES] = s->minute - n->first_min;
    f->since_min = week ? 0 : n->first_min; /* a week is more than an incident may hold back */
    return true;
}

void kt_slow_doors_refused(struct kt_scene *s, struct kt_table *t, const struct kt_slow_limits *o)
{
    if (!is_door(s))
        return;
    struct kt_slow_doors *d = kt_table_put(t, s->who, NULL);
    if (!note(s, d))
        return;
    struct span day = span_of(d, s->minute, DAY_MIN, HOUR_MIN),
                week = span_of(d, s->minute, WEEK_MIN, DAY_MIN);
    unsigned counted = week.doors - day.doors;
    if (tell(s, o, &day, counted, false) || tell(s, o, &week, counted, true))
        kt_table_remove(t, s->who); /* told: the next ones count anew */
}

void kt_slow_doors_opened(const struct kt_scene *s, struct kt_table *t)
{
    struct kt_slow_doors *d = s->read ? kt_table_get(t, s->who) : NULL;
    for (unsigned i = 0; d != NULL && i < d->n; i++) {
        if (d->secret[i] != s->secret.a)
            continue;
        d->n--;
        d->secret[i] = d->secret[d->n];
        d->minute[i] = d->minute[d->n];
        return;
    }
}
