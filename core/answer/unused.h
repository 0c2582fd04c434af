/*
 * unused: secrets that a store lists and that nobody read for long.
 */
#pragma once
#include "core/answer/inventory.h"

struct kt_unused { /* all of it lives until kt_unused_free */
    const struct kt_inventory *inventory;
    const struct kt_inventory_item *const *item; /* the oldest first; those that were made within
                                                    the span are none yet */
    uint32_t n, listed;                          /* listed: that are there now */
    kt_time_ns since, until;                     /* of the reads */
};
/* The span ends with the ask's window, or with the log. Reads of a whole set count for all in it.
 */
KT_MUST_USE enum kt_status kt_unused_load(struct kt_ask *a, kt_time_ns span, struct kt_unused **ret,
                                          struct kt_error *err);
void kt_unused_free(struct kt_unused *u);
