/*
 * steps: in which order the filters and columns of segments are asked. Private to core/store.
 *
 * A sieve is asked twice at most: by its filter, which is small and says no or perhaps, and by its
 * column, which says all. All must say yes, so the order changes no answer; whatever has said no
 * most often for what it costs comes first (the order for independent questions is that of cost by
 * chance of a no: Hellerstein and Stonebraker, "Predicate Migration", SIGMOD 1993). Of something
 * that is everywhere a filter says perhaps each time; of a column that is all accesses nothing is
 * ever dropped: such are asked last.
 */
#pragma once
#include "core/store/read.h"

enum kt_step_of { KT_STEP_FILTER, KT_STEP_COLUMN, KT_STEPS };
struct kt_steps { /* zeroed: of no scan */
    struct kt_step {
        uint32_t cost, asked, no; /* no: nothing was left of those that were asked */
    } * step;                     /* [sieve * KT_STEPS + enum kt_step_of] */
    uint16_t *order;              /* numbers of steps; n of them */
    unsigned n, sieves, told;
};
void kt_steps_done(struct kt_steps *s);
/* For a scan; what was learned of another one with sieves of the same sort may be kept. */
void kt_steps_for(struct kt_steps *s, const struct kt_scan *scan);
/* A step was asked, or would have said so. */
void kt_steps_tell(struct kt_steps *s, unsigned sieve, enum kt_step_of of, bool no);
/* Between two segments: the order for the next one. */
void kt_steps_order(struct kt_steps *s);
