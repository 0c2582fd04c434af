/*
 * hot_secret: the readers of one secret (DETECTION §4.3, "per secret").
 *
 * Owns:  nothing; its struct lies in a table of volume_spike.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/hot_secret.h"

#include <math.h>

#define DAY_MIN     1440u
#define RATE_HOURS  (30.0 * 24)
#define USER_DAYS   30.0
#define ROLLOUT_MIN 120u
#define WORTH       3.0
#define LEAST       5u /* readers in an hour or a day, below which there is no crowd */

static void rolls(struct kt_hot *h, uint32_t minute)
{
    uint32_t hour = minute / 60, day = minute / DAY_MIN;
    if (hour > h->hour) {
        kt_rate_add(&h->rate, (int64_t)h->hour + 1, h->hour_reads, RATE_HOURS);
        h->hour = hour;
        h->hour_reads = 0;
    }
    if (day > h->day) {
        kt_rate_add(&h->users, (int64_t)h->day + 1, h->n_today, USER_DAYS);
        h->day = day;
        h->n_today = 0;
    }
}

/* Three services that read a secret within 2 h: a rollout, nobody's spree. */
static bool note_service(struct kt_hot *h, const struct kt_scene *s)
{
    unsigned n = 0, slot = 0;
    bool known = false;
    for (unsigned i = 0; i < 3; i++) {
        if (h->service[i].actor == s->actor->number) {
            known = true;
            slot = i;
        } else if (!known && h->service[i].minute < h->service[slot].minute) {
            slot = i;
        }
    }
    if (s->actor->kind == KT_ACTOR_SERVICE)
        h->service[slot] = (struct kt_hot_reader){ s->actor->number, s->minute };
    for (unsigned i = 0; i < 3; i++)
        n += h->service[i].minute != 0 && h->service[i].minute + ROLLOUT_MIN > s->minute;
    return n >= 3;
}

/* Counts the read, unless this reader was counted within the hour. */
static void note_reader(struct kt_hot *h, const struct kt_scene *s)
{
    struct kt_hot_reader *r = NULL;
    for (unsigned i = 0; i < h->n_today && r == NULL; i++)
        r = h->today[i].actor == s->actor->number ? &h->today[i] : NULL;
    if (r != NULL && s->minute < r->minute + 60)
        return;
    if (r == NULL && h->n_today < KT_HOT_READERS)
        r = &h->today[h->n_today++];
    if (r != NULL)
        *r = (struct kt_hot_reader){ s->actor->number, s->minute };
    kt_ring_add(&h->ring, s->t, 1);
    h->hour_reads++;
}

static bool note_ever(struct kt_hot *h, uint32_t actor)
{
    for (unsigned i = 0; i < h->n_ever; i++) {
        if (h->ever[i] == actor)
            return false;
    }
    if (h->n_ever < KT_ARRAY_LEN(h->ever))
        h->ever[h->n_ever++] = actor;
    return true;
}

/* What a count says beside what is usual; 0 below what is worth saying. */
static double crowd(unsigned n, struct kt_gamma usual)
{
    if (n < LEAST || kt_rate_surprise_most(n, 1, usual, 1) < WORTH)
        return 0;
    double p = kt_rate_surprise(n, 1, usual, 1);
    return p < WORTH ? 0 : p;
}

static double judge(const struct kt_scene *s, const struct kt_hot *h)
{
    if (s->shared->learning || s->minute < h->first_min + 14 * DAY_MIN)
        return 0;
    const struct kt_gamma prior = { 0.5, 1 };
    double a, b, best = 0;
    unsigned reads = kt_ring_fives(&h->ring, s->t, 12);
    if (reads >= LEAST) {
        kt_rate_at(&h->rate, h->hour, RATE_HOURS, &a, &b);
        best = crowd(reads, (struct kt_gamma){ prior.a + a, 24 * prior.b + b });
    }
    if (h->n_today >= LEAST) {
        kt_rate_at(&h->users, h->day, USER_DAYS, &a, &b);
        best = fmax(best, crowd(h->n_today, (struct kt_gamma){ prior.a + a, prior.b + b }));
    }
    return best;
}

double kt_hot_read(struct kt_scene *s, struct kt_hot *h, bool fresh, double cap, bool *ret_rollout)
{
    if (fresh) {
        *h = (struct kt_hot){ .first_min = s->minute,
                              .hour = s->minute / 60,
                              .day = s->minute / DAY_MIN };
        kt_rate_add(&h->rate, h->hour, 0, RATE_HOURS);
        kt_rate_add(&h->users, h->day, 0, USER_DAYS);
    }
    rolls(h, s->minute);
    note_reader(h, s);
    unsigned ever = h->n_ever;
    bool new_reader = note_ever(h, s->actor->number);
    double p = judge(s, h);
    p = fmin(p > 0 && new_reader && ever <= 3 ? p + 1 : p, cap);
    *ret_rollout = note_service(h, s);
    return *ret_rollout ? 0 : p;
}
