/*
 * group: counts records by the values of some fields, over columns where they say all, else over
 * lines. Both give the same.
 *
 *   by month, source, action, outcome        how many
 *   by actor, day; distinct secret           how many different secrets
 */
#pragma once
#include "core/query/query.h"

#define KT_GROUP_KEYS_MAX 3u /* beside the time */

enum kt_group_time { KT_GROUP_NO_TIME, KT_GROUP_HOUR, KT_GROUP_DAY, KT_GROUP_MONTH }; /* UTC */
struct kt_group_spec {
    enum kt_group_time time;
    enum kt_col key[KT_GROUP_KEYS_MAX];
    unsigned keys;
    enum kt_col distinct; /* KT_COL_NONE: records are counted */
    size_t memory_max;    /* bytes; 0 = 512 MiB. KT_E_LIMIT beyond */
};
/* "month,source,action": names of time units and of fields that have a column. */
KT_MUST_USE enum kt_status kt_group_parse(struct kt_str by, struct kt_group_spec *ret,
                                          struct kt_error *err);
/* The column of a field of that name, or KT_COL_NONE. */
enum kt_col kt_group_column(struct kt_str name);

struct kt_group {                         /* one combination */
    kt_time_ns time;                      /* its hour, day or month begins then; 0 without one */
    struct kt_str key[KT_GROUP_KEYS_MAX]; /* as people write it; empty: absent */
    uint64_t count;
};
struct kt_groups;
/* scan has been through kt_query_plan(q); q may be NULL: everything of the scan. ret_cost may be
 * NULL. */
KT_MUST_USE enum kt_status kt_group_run(struct kt_reader *r, const struct kt_scan *scan,
                                        const struct kt_query *q, const struct kt_facts *facts,
                                        const struct kt_group_spec *spec, struct kt_groups **ret,
                                        struct kt_scan_cost *ret_cost, struct kt_error *err);
void kt_groups_free(struct kt_groups *g);
/* The `top` with the highest counts, most first; 0: all, time by time, in each most first. Owned by
 * g. */
const struct kt_group *kt_groups_list(struct kt_groups *g, uint64_t top, size_t *ret_n);
