/*
 * deeds: accesses summed up: who had how many, what was done with which secret, from which
 * addresses; of the rows of a view, or of what is kept of a stretch (core/store/totals.h). Whoever
 * sums up accesses looks at each of these once instead of at each access.
 */
#pragma once
#include "core/answer/ask.h"
#include "core/base/pairs.h"

struct kt_times { /* of so many accesses: one has that of its arrival where it has none */
    uint64_t n;
    kt_time_ns first, last;
};
struct kt_deeds_who {
    struct kt_str actor, source, instance; /* as written */
    struct kt_times times;
};
struct kt_deed {
    uint32_t who;
    struct kt_str secret, operation;
    enum kt_action action;
    enum kt_outcome outcome;
    bool shadow;           /* kt_event_is_shadow */
    struct kt_times times; /* all within kt_deeds.apart, or none of them */
};
struct kt_deeds_place {
    struct kt_ip ip;
    struct kt_times times;
};
struct kt_deeds {         /* zeroed but for `apart`: empty. Texts are those of what was summed up */
    struct kt_span apart; /* [since, until): of accesses in it and of others there are two deeds */
    struct kt_deeds_who *who;
    struct kt_deed *deed;
    struct kt_deeds_place *place;
    uint32_t n_who, n_deeds, n_places;
    uint32_t cap_who, cap_deeds, cap_places;
    struct kt_pairs whose, done;
    struct kt_buf codes;
};
void kt_deeds_done(struct kt_deeds *d);
#define KT_DEEDS_COLUMNS                                                                           \
    (KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_OUTCOME) | KT_COLUMN(KT_COL_INSTANCE) |                  \
     KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_OPERATION))
/* In place of what there was. Of a view each list is in the order of first records. */
void kt_deeds_of_view(struct kt_deeds *d, const struct kt_view *view);
#define KT_DEEDS_TOTALS                                                                            \
    (KT_TOTALS_WITH_SECRETS | KT_TOTALS_WITH_ADDRESSES | KT_TOTALS_WITH_DEEDS |                    \
     KT_TOTALS_WITH_PLACES)
/* Those of the actors that are wanted; in no order that means anything. False: sums cannot say it:
 * the stretch is to be walked over. */
bool kt_deeds_of_sums(struct kt_deeds *d, const struct kt_totals *sums);
