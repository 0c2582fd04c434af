/*
 * told_burst: what a burst had that was told is no news for a while.
 *
 * Owns:  nothing; its struct lies in a table of volume_spike.
 * Calls: schedule, detector.h and core only. No clock, no I/O.
 */
#include "detectors/told_burst.h"

#include <string.h>

#include "detectors/schedule.h"

#define TOLD_FULL      (KT_TOLD_BITS / 4)
#define TOLD_MIN       (14u * 1440)  /* without such a burst, and it is news again */
#define TOLD_MOST_MIN  (60u * 1440)  /* long enough for a record of its own, at any pace */
#define CLOCK_MIN      (100u * 1440) /* the same of a job that keeps its hour: a quarter */
#define CLOCK_MOST_MIN (400u * 1440)
#define INSIDE         UINT64_C(1) /* in place of a network: private addresses have none */

bool kt_told_has(const struct kt_told *told, uint64_t hash)
{
    unsigned a = hash % KT_TOLD_BITS, b = (hash >> 32) % KT_TOLD_BITS;
    return (told->bits[a / 64] >> a % 64 & 1) != 0 && (told->bits[b / 64] >> b % 64 & 1) != 0;
}

void kt_told_add(struct kt_told *told, uint64_t hash)
{
    const uint64_t at[] = { hash % KT_TOLD_BITS, (hash >> 32) % KT_TOLD_BITS };
    for (unsigned i = 0; i < 2; i++) {
        uint64_t bit = UINT64_C(1) << at[i] % 64, *word = &told->bits[at[i] / 64];
        told->set += (*word & bit) == 0;
        *word |= bit;
    }
}

static uint64_t place_of(const struct kt_scene *s)
{
    return !s->where.usable ? 0 : s->where.inside ? INSIDE : s->where.network;
}

static uint32_t newest(const struct kt_told *told)
{
    return told->clock_min > told->seen_min ? told->clock_min : told->seen_min;
}

/* A job has a clock: once a month, once a quarter, at the hour at which it was told, from where and
 * with what it was told. Not two days in a row. */
static bool has_clock(const struct kt_scene *s, const struct kt_told *told)
{
    bool machine = s->actor->kind == KT_ACTOR_SERVICE || s->actor->kind == KT_ACTOR_CI;
    bool same = told->network == place_of(s) && told->client == s->client;
    uint32_t since = s->minute > newest(told) ? s->minute - newest(told) : 0;
    return machine && same && kt_schedule_keeps(s->minute - told->burst_min) &&
           kt_schedule_is_apart(since);
}

/* Are such bursts news again, whatever the clock says? */
static bool is_stale(const struct kt_scene *s, const struct kt_told *told)
{
    return s->minute > told->seen_min + TOLD_MIN || s->minute > told->since_min + TOLD_MOST_MIN;
}

static bool is_over(const struct kt_scene *s, const struct kt_told *told)
{
    if (!has_clock(s, told))
        return is_stale(s, told);
    return s->minute > newest(told) + CLOCK_MIN || s->minute > told->since_min + CLOCK_MOST_MIN;
}

/* Somebody found out that the burst was a theft: it never becomes usual. */
static bool was_theft(const struct kt_scene *s, const struct kt_told *told)
{
    for (unsigned i = 0; i < KT_HELD_MAX; i++) {
        if (s->actor->held[i].mark == KT_HELD_TRUE && s->actor->held[i].until_min != 0 &&
            s->actor->held[i].from_min <= told->burst_min + 60 &&
            s->actor->held[i].until_min >= told->burst_min)
            return true;
    }
    return false;
}

/* A list that is full would take others for its own. */
enum kt_told_by kt_told_by(const struct kt_scene *s, const struct kt_told *told)
{
    if (s->minute < told->burst_min + 60 || is_over(s, told) || told->set > TOLD_FULL ||
        was_theft(s, told))
        return KT_TOLD_NEWS;
    return is_stale(s, told) ? KT_TOLD_CLOCK : KT_TOLD_LATELY;
}

void kt_told_begin(const struct kt_scene *s, struct kt_told *told, bool fresh)
{
    if (fresh || is_over(s, told)) {
        memset(told->bits, 0, sizeof told->bits);
        told->set = 0;
        told->since_min = s->minute;
    }
    if (fresh || s->minute >= told->burst_min + 60) {
        told->burst_min = s->minute;
        told->network = place_of(s);
        told->client = s->client;
    }
    told->seen_min = s->minute;
}

void kt_told_again(const struct kt_scene *s, struct kt_told *told, enum kt_told_by by, bool many)
{
    if (s->minute >= told->seen_min + 60)
        told->before_min = told->seen_min;
    /* A run by the clock is no reason to expect the same at other hours. */
    if (many)
        *(by == KT_TOLD_CLOCK ? &told->clock_min : &told->seen_min) = s->minute;
}
