/*
 * identity_judge: how sure it is that two related names are one person.
 *
 * Owns:  the points of each reason.
 * Calls: cli/identity_gather, core/base.
 * Holds: without a word about the names nothing adds up: two people who share a desk, a laptop or
 *        an address are never compared.
 */
#include <math.h>
#include <stdint.h>

#include "cli/identity_gather.h"

#define NONE UINT32_MAX

/* The hours that both have: at a common address, or only at others. */
static void compare_hours(const struct kt_suggest *s, const struct person *a,
                          const struct person *b, struct pair *p, double *ret_weight)
{
    struct kt_map *places = kt_map_new(0);
    uint32_t i = 0, k = 0;
    p->address_users = NONE;
    while (i < a->n_seen && k < b->n_seen) {
        uint32_t hour = a->seen[i].hour;
        if (hour != b->seen[k].hour) {
            *(hour < b->seen[k].hour ? &i : &k) += 1;
            continue;
        }
        uint32_t from = k, least = NONE;
        for (; i < a->n_seen && a->seen[i].hour == hour; i++)
            for (k = from; k < b->n_seen && b->seen[k].hour == hour; k++) {
                uint32_t at = a->seen[i].address;
                if (at != b->seen[k].address)
                    continue;
                least = s->users[at] < least ? s->users[at] : least;
                (void)kt_map_put(places, kt_str_from(&at, sizeof at), NULL);
            }
        while (k < b->n_seen && b->seen[k].hour == hour)
            k++;
        p->together_hours += least != NONE;
        p->apart_hours += least == NONE;
        *ret_weight += least != NONE ? 1.0 / (least > 1 ? least - 1 : 1) : 0;
        p->address_users = least < p->address_users ? least : p->address_users;
    }
    p->together_addresses = kt_map_count(places);
    kt_map_free(places);
}

static bool one_client(const struct person *a, const struct person *b)
{
    for (uint32_t i = 0; i < a->n_client && i < CLIENTS_MAX; i++)
        for (uint32_t k = 0; k < b->n_client && k < CLIENTS_MAX; k++)
            if (a->client[i] == b->client[k])
                return true;
    return false;
}

/* Points of the strongest word about the names, a little for each further one. */
static int points_of(unsigned reasons)
{
    static const struct {
        unsigned reason;
        int points;
    } table[] = { { KT_REASON_ID, 70 },
                  { KT_REASON_MAIL, 60 },
                  { KT_REASON_LOCAL, 35 },
                  { KT_REASON_DISPLAY, 30 },
                  { KT_REASON_INITIAL, 15 } };
    int points = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++)
        if (reasons & table[i].reason)
            points = points == 0 ? table[i].points : points + 5;
    return points + (reasons & KT_REASON_ONLY ? 20 : 0);
}

/* An hour at an address that only the two have weighs most; one of a whole office hardly. */
void kt_judge_pair(const struct kt_suggest *s, struct pair *p)
{
    const struct person *a = &s->person[p->a], *b = &s->person[p->b];
    double weight = 0;
    compare_hours(s, a, b, p, &weight);
    p->score = points_of(p->reasons) + (int)lround(40 * (1 - exp2(-weight / 3)));
    if (p->together_hours > 0)
        p->reasons |= KT_REASON_TOGETHER;
    if (one_client(a, b)) {
        p->reasons |= KT_REASON_CLIENT;
        p->score += 5;
    }
    if (p->apart_hours >= 3) {
        p->reasons |= KT_REASON_APART;
        p->score -= (int)lround(30.0 * p->apart_hours / (p->apart_hours + p->together_hours));
    }
    p->score = p->score > 99 ? 99 : p->score;
}
