/*
 * secret_habit: how many new secrets an actor takes up on an active day, and below which path it
 * reads how many (DETECTION §4.4: baseline with a guard band).
 *
 * Owns:  nothing; its structs lie in tables of new_secrets.
 * Calls: detector.h only. No clock, no I/O.
 */
#include "detectors/secret_habit.h"

#include <math.h>

#define HALF_LIFE 30.0 /* active days */

static uint16_t add16(uint16_t a, unsigned b)
{
    return a + b > UINT16_MAX ? UINT16_MAX : (uint16_t)(a + b);
}

static unsigned slot_of(uint32_t *day_of, uint32_t day, bool *ret_new)
{
    unsigned i = day % KT_HABIT_DAYS;
    *ret_new = day_of[i] != day + 1;
    day_of[i] = day + 1;
    return i;
}

unsigned kt_habit_slot(struct kt_habit *h, uint32_t day)
{
    bool fresh;
    unsigned i = slot_of(h->day_of, day, &fresh);
    if (fresh) {
        h->learned[i] = h->raw[i] = 0;
        h->active[i] = h->busy[i] = 0;
    }
    return i;
}

void kt_habit_raw(struct kt_habit *h, struct kt_habit_store *t, uint32_t day, unsigned weight)
{
    bool fresh;
    unsigned i = kt_habit_slot(h, day);
    h->raw[i] = add16(h->raw[i], weight);
    i = slot_of(t->raw_of, day, &fresh);
    t->raw[i] = add16(fresh ? 0 : t->raw[i], weight);
}

void kt_habit_take_back(struct kt_habit *h, struct kt_habit_store *t, uint32_t day, unsigned weight)
{
    unsigned i = kt_habit_slot(h, day);
    h->raw[i] = (uint16_t)(h->raw[i] - (h->raw[i] < weight ? h->raw[i] : weight));
    if (t != NULL && t->raw_of[i] == day + 1)
        t->raw[i] = (uint16_t)(t->raw[i] - (t->raw[i] < weight ? t->raw[i] : weight));
}

unsigned kt_habit_of_store(const struct kt_habit_store *t, uint32_t day, bool learned)
{
    unsigned i = day % KT_HABIT_DAYS;
    if (learned)
        return t->day_of[i] == day + 1 ? t->learned[i] : 0;
    return t->raw_of[i] == day + 1 ? t->raw[i] : 0;
}

/* A verdict gave it back when its day was counted already, as active or not: it has faded since, as
 * if every day had been an active one. */
static float late_share(const struct kt_habit *h, uint32_t first_day, uint32_t day, unsigned weight)
{
    if (day == first_day)
        return 0;
    return (float)(weight / (double)KT_HABIT_WHOLE * exp2(-(double)(h->done - day) / HALF_LIFE));
}

/* Of the days with a whole new secret: the day is one more by this, or was one already. */
static float late_day(struct kt_habit *h, unsigned slot, uint32_t first_day, unsigned weight)
{
    uint32_t day = h->day_of[slot] - 1;
    bool before = h->learned[slot] >= KT_HABIT_WHOLE;
    h->learned[slot] = add16(h->learned[slot], weight);
    return before || h->learned[slot] < KT_HABIT_WHOLE
               ? 0
               : late_share(h, first_day, day, KT_HABIT_WHOLE);
}

void kt_habit_learn(struct kt_habit *h, uint32_t first_day, uint32_t day, unsigned weight)
{
    unsigned i = day % KT_HABIT_DAYS;
    if (day < h->done) {
        h->k += late_share(h, first_day, day, weight);
        if (h->day_of[i] == day + 1)
            h->novel_days += late_day(h, i, first_day, weight);
        return;
    }
    i = kt_habit_slot(h, day);
    h->learned[i] = add16(h->learned[i], weight);
}

void kt_habit_learn_store(struct kt_habit_store *t, const struct kt_habit *h, uint32_t first_day,
                          uint32_t day, unsigned weight)
{
    if (day < h->done) {
        kt_habit_mature_store(t, h, first_day);
        t->k += late_share(h, first_day, day, weight);
        if (t->day_of[day % KT_HABIT_DAYS] > day + 1)
            return; /* a later day has its place */
    }
    bool fresh;
    unsigned i = slot_of(t->day_of, day, &fresh);
    t->learned[i] = add16(fresh ? 0 : t->learned[i], weight);
}

void kt_habit_mature(struct kt_habit *h, uint32_t first_day, uint32_t today, uint32_t behind)
{
    if (today < behind + 1)
        return;
    uint32_t until = today - behind, days = KT_HABIT_DAYS; /* exclusive */
    uint32_t from = h->done > 0 ? h->done : until > days ? until - days : 0;
    from = until > days && from < until - days ? until - days : from;
    for (uint32_t day = from; day < until; day++) {
        unsigned i = day % days;
        if (h->day_of[i] != day + 1 || !h->active[i])
            continue;
        double g = exp2(-1.0 / HALF_LIFE);
        h->d = (float)((double)h->d * g + 1);
        h->k = (float)((double)h->k * g +
                       (day != first_day ? h->learned[i] / (double)KT_HABIT_WHOLE : 0));
        h->novel_days = (float)((double)h->novel_days * g +
                                (h->learned[i] >= KT_HABIT_WHOLE && day != first_day));
        h->matured++;
    }
    h->done = until > h->done ? until : h->done;
}

void kt_habit_mature_store(struct kt_habit_store *t, const struct kt_habit *h, uint32_t first_day)
{
    t->k = (float)((double)t->k * exp2(-(double)(h->matured - t->matured) / HALF_LIFE));
    t->matured = h->matured;
    for (unsigned i = 0; i < KT_HABIT_DAYS; i++) {
        uint32_t day = t->day_of[i] - 1;
        if (t->day_of[i] != 0 && day >= t->done && day < h->done && day != first_day)
            t->k += (float)(t->learned[i] / (double)KT_HABIT_WHOLE);
    }
    t->done = h->done;
}

void kt_habit_prefix(struct kt_habit *h, uint64_t hash, bool fresh)
{
    unsigned least = 0;
    h->seen_n++;
    for (unsigned i = 0; i < KT_HABIT_PREFIXES; i++) {
        if (h->prefix[i].hash == hash) {
            h->prefix[i].n++;
            h->prefix[i].secrets += fresh;
            return;
        }
        least = h->prefix[i].n < h->prefix[least].n ? i : least;
    }
    if (h->prefix[least].n > 0) { /* Misra-Gries: a rare one makes room by and by */
        h->prefix[least].n--;
        return;
    }
    h->prefix[least].hash = hash;
    h->prefix[least].n = 1;
    h->prefix[least].secrets = fresh;
}

bool kt_habit_is_usual(const struct kt_habit *h, uint64_t hash, uint32_t *ret_secrets)
{
    for (unsigned i = 0; i < KT_HABIT_PREFIXES; i++) {
        if (h->prefix[i].hash != hash)
            continue;
        *ret_secrets = h->prefix[i].secrets;
        return h->seen_n >= 10 && h->prefix[i].n * 5u >= h->seen_n * 4u;
    }
    return false;
}
