/*
 * exported_items: see the header.
 *
 * Owns:  nothing; the structs lie in a table of signatures.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/exported_items.h"

#define HOUR_MIN 60u

bool kt_is_item_export(const struct kt_scene *s)
{
    struct kt_str secret = s->ev->secret;
    return s->read && !s->late && s->ev->action == KT_ACT_EXPORT && s->actor != NULL &&
           secret.len > 0 && !kt_str_ends(secret, KT_STR("*"));
}

/* Where the item stands, else where the oldest does. */
static unsigned slot_of(const struct kt_exported *e, uint64_t item)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < KT_EXPORTED_LEAST; i++) {
        if (e->item[i] == item)
            return i;
        if (e->minute[i] < e->minute[oldest])
            oldest = i;
    }
    return oldest;
}

bool kt_exported_note(struct kt_scene *s, struct kt_exported *e, struct kt_export_run *ret)
{
    uint64_t item = s->secret.a | 1;
    unsigned at = slot_of(e, item);
    if (s->minute < e->minute[at]) /* it came out of order, and is none of the newest */
        return false;
    e->item[at] = item;
    e->minute[at] = s->minute;
    uint32_t first = e->minute[0], newest = e->minute[0];
    for (unsigned i = 1; i < KT_EXPORTED_LEAST; i++) {
        first = e->minute[i] < first ? e->minute[i] : first;
        newest = e->minute[i] > newest ? e->minute[i] : newest;
    }
    if (first == 0 || newest - first >= HOUR_MIN)
        return false;
    *ret = (struct kt_export_run){ .since_min = first,
                                   .minutes = newest > first ? newest - first : 1,
                                   .last_min = e->last_min };
    e->last_min = newest;
    return true;
}
