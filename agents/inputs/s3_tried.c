/*
 * s3_tried: how often things were refused.
 *
 * Owns:  the counts. Calls: core/base.
 */
#include "agents/inputs/s3_tried.h"
#include "core/base/alloc.h"
#include "core/base/map.h"

#define TRIED_MAX 1024u

struct s3_tried {
    struct kt_map *prints; /* print -> number */
    unsigned times[TRIED_MAX];
};

struct s3_tried *s3_tried_new(void)
{
    struct s3_tried *t = kt_alloc(sizeof *t);
    t->prints = kt_map_new(0);
    return t;
}

void s3_tried_free(struct s3_tried *t)
{
    if (t != NULL)
        kt_map_free(t->prints);
    kt_free(t);
}

unsigned s3_tried_again(struct s3_tried *t, struct kt_str print)
{
    bool is_new;
    if (kt_map_count(t->prints) == TRIED_MAX && kt_map_get(t->prints, print) == KT_MAP_NONE)
        kt_map_reset(t->prints);
    uint32_t n = kt_map_put(t->prints, print, &is_new);
    t->times[n] = is_new ? 1 : t->times[n] + 1;
    return t->times[n];
}
