/*
 * silent_usual: which pauses of a source or an agent are usual, and how many events.
 *
 * Owns:  the arithmetic over 28 days of pauses and 168 hours of the week.
 * Calls: detector.h and core only. No clock, no I/O.
 * Holds: maintenance, holidays and told silences teach nothing.
 */
#include "detectors/silent_source_int.h"

#include <string.h>

#define BEFORE_NS   (10 * KT_NS_MIN) /* maintenance: people begin early … */
#define AFTER_NS    (15 * KT_NS_MIN) /* … and end late */
#define STRETCH_MIN (14 * DAY_MIN)
#define WEIGHT      0.4 /* of the newest week */

/* ---- pauses ---- */
void kt_silent_note_pause(struct kt_silent_pauses *p, uint32_t minute, uint32_t pause, bool told)
{
    uint16_t day = (uint16_t)(minute / DAY_MIN), v = (uint16_t)kt_silent_earlier(pause, UINT16_MAX);
    unsigned i = day % PAUSE_DAYS;
    if (p->day[i] != day) {
        p->day[i] = day;
        p->usual[i] = p->told[i] = 0;
    }
    uint16_t *slot = told ? &p->told[i] : &p->usual[i];
    *slot = *slot < v ? v : *slot;
}

/* The longest usual pause of the 28 days before today. One that was told counts from the third day
 * on: what people let happen three times in a month is no news. */
uint32_t kt_silent_longest_pause(const struct kt_silent_pauses *p, uint32_t minute,
                                 unsigned *ret_days)
{
    uint32_t today = minute / DAY_MIN, usual = 0, top[3] = { 0 };
    *ret_days = 0;
    for (unsigned i = 0; i < PAUSE_DAYS; i++) {
        if (p->day[i] == 0 || p->day[i] >= today || p->day[i] + PAUSE_DAYS < today)
            continue;
        (*ret_days)++;
        usual = kt_silent_later(usual, p->usual[i]);
        uint32_t v = p->told[i];
        for (unsigned k = 0; k < 3 && v > top[2]; k++) { /* mostly none was told */
            uint32_t larger = kt_silent_later(top[k], v);
            v = kt_silent_earlier(top[k], v);
            top[k] = larger;
        }
    }
    return kt_silent_later(usual, top[2]);
}

/* ---- maintenance ---- */
bool kt_silent_in_window(const struct kt_conf *conf, const char *name, kt_time_ns t)
{
    for (unsigned i = 0; i < conf->n_maintenance; i++) {
        const struct kt_conf_maintenance *m = &conf->maintenance[i];
        if (strcmp(m->source, name) == 0 && t >= m->from - BEFORE_NS && t <= m->until + AFTER_NS)
            return true;
    }
    return false;
}

static bool hour_in_window(const struct kt_conf *conf, const char *name, uint32_t hour)
{
    kt_time_ns from = hour * KT_NS_HOUR;
    for (unsigned i = 0; i < conf->n_maintenance; i++) {
        const struct kt_conf_maintenance *m = &conf->maintenance[i];
        if (strcmp(m->source, name) == 0 && from <= m->until + AFTER_NS &&
            from + KT_NS_HOUR >= m->from - BEFORE_NS)
            return true;
    }
    return false;
}

/* ---- how many events are usual ---- */
static bool hour_known(const struct kt_silent_source *x, unsigned i)
{
    return (x->known[i / 32] >> i % 32 & 1) != 0;
}

static double rate_of(const struct kt_silent_source *x, uint32_t hour)
{
    unsigned n = 0, at = hour % WEEK_HOURS;
    double sum = 0;
    if (hour_known(x, at))
        return (double)x->rate[at];
    for (unsigned i = at % 24; i < WEEK_HOURS; i += 24) { /* the first week: as on other days */
        if (!hour_known(x, i))
            continue;
        sum += (double)x->rate[i];
        n++;
    }
    return n > 0 ? sum / n : 0;
}

static bool is_holiday(const struct kt_conf *conf, uint32_t hour)
{
    char day[KT_TIME_TEXT_MAX];
    if (conf->holidays.n == 0)
        return false;
    (void)kt_time_format_short(hour * KT_NS_HOUR, day);
    for (unsigned i = 0; i < conf->holidays.n; i++) {
        if (strncmp(day, conf->holidays.at[i], 10) == 0)
            return true;
    }
    return false;
}

/* In [from, until), by hours of the week that were counted, and not on holidays. */
struct kt_silent_gap kt_silent_missing(const struct kt_scene *s, const struct kt_silent_source *x,
                                       uint32_t from, uint32_t until)
{
    struct kt_silent_gap m = { 0 };
    if (until <= from)
        return m;
    from = until - from > STRETCH_MIN ? until - STRETCH_MIN : from;
    for (uint32_t hour = from / 60; hour * 60 < until; hour++) {
        if (!hour_known(x, hour % WEEK_HOURS) || is_holiday(s->shared->conf, hour))
            continue;
        double rate = rate_of(x, hour);
        m.events +=
            rate *
            (double)(kt_silent_earlier(until, hour * 60 + 60) - kt_silent_later(from, hour * 60)) /
            60;
        m.hours += rate >= 1;
    }
    return m;
}

/* In [from, until), by hours of the week, and by hours of other days where those are not known. */
double kt_silent_expected(const struct kt_silent_source *x, uint32_t from, uint32_t until)
{
    double sum = 0;
    if (until <= from)
        return 0;
    from = until - from > STRETCH_MIN ? until - STRETCH_MIN : from;
    for (uint32_t hour = from / 60; hour * 60 < until; hour++)
        sum +=
            rate_of(x, hour) *
            (double)(kt_silent_earlier(until, hour * 60 + 60) - kt_silent_later(from, hour * 60)) /
            60;
    return sum;
}

static unsigned count_in_hour(const struct kt_ring *r, int64_t hour)
{
    int64_t newest = r->newest / 12;
    return hour <= newest && newest - hour < 25 ? r->hour[hour % 25] : 0;
}

static bool held(const struct kt_silent_source *x, uint32_t hour)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (x->held[i].until_min != 0 && x->held[i].from_min < hour * 60 + 60 &&
            x->held[i].until_min >= hour * 60)
            return true;
    }
    return x->silent_min != 0 && hour * 60 + 60 > x->silent_min;
}

/* Counts the hours that ended a day ago: what an incident of today holds is known by then. Called
 * with an event: whether a pause counts is known when it is over. */
void kt_silent_roll(const struct kt_scene *s, struct kt_silent_source *x, uint32_t minute)
{
    uint32_t until = minute / 60 - 23; /* exclusive */
    x->hour = kt_silent_later(x->hour, until > 4 * WEEK_HOURS ? until - 4 * WEEK_HOURS : 0);
    for (; x->hour < until; x->hour++) {
        unsigned at = x->hour % WEEK_HOURS;
        if (held(x, x->hour) || hour_in_window(s->shared->conf, x->instance, x->hour))
            continue;
        double v = count_in_hour(&x->ring, x->hour);
        x->rate[at] =
            (float)(hour_known(x, at) ? (1 - WEIGHT) * (double)x->rate[at] + WEIGHT * v : v);
        x->known[at / 32] |= 1u << at % 32;
    }
}
