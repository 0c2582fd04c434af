/*
 * second_factor: see the header.
 *
 * Owns:  nothing; its struct lies in a table of failed_attempts.
 * Calls: detector.h only. No clock, no I/O.
 */
#include "detectors/second_factor.h"

#define DAY_MIN   1440u
#define LEAST_MIN 20u /* a phone whose clock drifts is tried three times within minutes */

enum { N_TRIES, N_LEAST, N_MINUTES };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], where[120], within[KT_TIME_TEXT_MAX];
    (void)kt_duration_format((kt_time_ns)f->number[N_MINUTES] * KT_NS_MIN, within);
    kt_say_name(s->ev->actor, 80, who);
    kt_say_network(&s->where, where, sizeof where);
    KT_SAY(f->title, "Somebody knows the password of %s: %.0f refused second factors, from %s.",
           who, f->number[N_TRIES], where);
    KT_SAY(f->normal,
           "They came within %s, no two of them a day apart, from where neither the account nor "
           "anybody else ever worked, and none got in. Each time the password was right.",
           within);
    KT_SAY(f->part, "%.0f refused second factors from a new network", f->number[N_TRIES]);
    KT_SAY(f->quiet, "Fewer than %.0f, within less than %u minutes, or a success from there.",
           f->number[N_LEAST], LEAST_MIN);
}

/* Of an account that has a network of its own: a newcomer has none. */
static bool is_nobodys(const struct kt_scene *s)
{
    return s->places->n_place + s->places->inside_seen > 0 && !s->shared->learning &&
           kt_value_users(s, KT_DIM_NET, s->where.net, KT_ACTOR_COUNT) == 0;
}

void kt_second_refused(struct kt_scene *s, struct kt_table *t, bool strange, unsigned least)
{
    if (!strange || least == 0 || !kt_str_is(s->ev->code, "mfa_failed") || !is_nobodys(s))
        return;
    struct kt_second_factor *r = kt_table_put(t, s->who, NULL);
    if (r->n > 0 && s->minute + DAY_MIN <= r->first_min)
        return; /* of a row that ended before this one began, and comes late */
    if (r->last_min + DAY_MIN <= s->minute)
        *r = (struct kt_second_factor){ .first_min = s->minute };
    r->n++;
    r->first_min = s->minute < r->first_min ? s->minute : r->first_min;
    r->last_min = s->minute > r->last_min ? s->minute : r->last_min;
    if (r->n < least || r->last_min - r->first_min < LEAST_MIN)
        return;
    struct kt_finding *f = kt_find(s, KT_FAMILY_FAILURES, 460, 0, words);
    if (f == NULL)
        return;
    f->number[N_TRIES] = r->n;
    f->number[N_LEAST] = least;
    f->number[N_MINUTES] = r->last_min - r->first_min;
    bool day = r->first_min + DAY_MIN > s->minute;
    f->since_min = day ? r->first_min : 0; /* more than an incident may hold back */
    kt_table_remove(t, s->who);            /* told: the next ones count anew */
}

void kt_second_got_in(struct kt_scene *s, struct kt_table *t)
{
    kt_table_remove(t, s->who);
}
