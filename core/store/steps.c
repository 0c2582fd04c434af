/*
 * steps: see the header.
 *
 * Owns:  the counts of one walk, in one thread.
 * Calls: core/base.
 */
#include "core/store/steps.h"

#include "core/base/alloc.h"

#define REMEMBERED 64u /* times, of which older ones count half */
#define ORDER_A    16u /* answers after which the order is looked at again */

void kt_steps_done(struct kt_steps *s)
{
    kt_free(s->step);
    kt_free(s->order);
    *s = (struct kt_steps){ 0 };
}

/* Fetching a small part and looking through all rows are two each, a key is looked up in a larger
 * part; 0: there is nothing to ask. A key leaves few rows to whoever is asked next. */
static uint32_t cost_of(const struct kt_sieve *sieve, enum kt_step_of of)
{
    if (of == KT_STEP_FILTER)
        return sieve->n_keys > 0 ? 2 : 0;
    return sieve->column == KT_COL_NONE   ? 0
           : sieve->column < KT_COL_SMALL ? 4
           : sieve->seek != KT_SEEK_NO    ? 3
                                          : 12;
}

/* What a no costs: the less, the sooner. A step that was not asked yet has said no once in twice.
 */
static uint64_t price(const struct kt_step *step)
{
    return (uint64_t)step->cost * 1000 * (step->asked + 2) / (step->no + 1);
}

static void sort(struct kt_steps *s)
{
    for (unsigned i = 1; i < s->n; i++) {
        uint16_t one = s->order[i];
        unsigned at = i;
        for (; at > 0 && price(&s->step[s->order[at - 1]]) > price(&s->step[one]); at--)
            s->order[at] = s->order[at - 1];
        s->order[at] = one;
    }
}

/* Are the steps those of the scan? Its sieves may be others than those of the segment before. */
static bool are_of(const struct kt_steps *s, const struct kt_scan *scan)
{
    if (s->step == NULL || s->sieves != scan->n_sieves)
        return false;
    for (unsigned i = 0; i < s->sieves; i++)
        for (unsigned of = 0; of < KT_STEPS; of++)
            if (s->step[i * KT_STEPS + of].cost != cost_of(&scan->sieve[i], of))
                return false;
    return true;
}

void kt_steps_for(struct kt_steps *s, const struct kt_scan *scan)
{
    if (are_of(s, scan))
        return;
    kt_steps_done(s);
    s->sieves = scan->n_sieves;
    s->step = kt_alloc_array(s->sieves * KT_STEPS + 1, sizeof *s->step);
    s->order = kt_alloc_array(s->sieves * KT_STEPS + 1, sizeof *s->order);
    for (unsigned of = 0; of < KT_STEPS; of++)
        for (unsigned i = 0; i < s->sieves; i++) {
            unsigned number = i * KT_STEPS + of;
            s->step[number].cost = cost_of(&scan->sieve[i], of);
            s->order[s->n] = (uint16_t)number;
            s->n += s->step[number].cost > 0;
        }
    sort(s);
}

void kt_steps_tell(struct kt_steps *s, unsigned sieve, enum kt_step_of of, bool no)
{
    struct kt_step *step = &s->step[sieve * KT_STEPS + of];
    if (step->asked >= REMEMBERED) {
        step->asked /= 2;
        step->no /= 2;
    }
    step->asked++;
    step->no += no;
    s->told++;
}

void kt_steps_order(struct kt_steps *s)
{
    if (s->told < ORDER_A)
        return;
    s->told = 0;
    sort(s);
}
