/* keep: copies a record by allow-list, so that what nobody listed is never stored (THREATS R1). */
#pragma once
#include "core/base/buf.h"
#include "core/event/json.h"

/* One member of an object. Kept members that are neither scalars nor lists of scalars need `below`,
 * else they are left out. */
struct kt_keep {
    struct kt_str name;
    const struct kt_keep *below; /* members of this object, or of each object of this list */
    bool drop;                   /* known, and never kept */
};
#define KT_KEEP(n)                                                                                 \
    {                                                                                              \
        KT_STR_INIT(n), NULL, false                                                                \
    }
#define KT_KEEP_IN(n, t)                                                                           \
    {                                                                                              \
        KT_STR_INIT(n), t, false                                                                   \
    }
#define KT_DROP(n)                                                                                 \
    {                                                                                              \
        KT_STR_INIT(n), NULL, true                                                                 \
    }
#define KT_KEEP_END                                                                                \
    {                                                                                              \
        { NULL, 0 }, NULL, false                                                                   \
    }

/* Appends what of v is kept as compact JSON; strings are cut at 1 KiB. Members in no table are
 * counted in *unknown (when not NULL). Nothing is appended when v is no object. */
void kt_keep_write(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown);
/* The same as a member of an object that is being written: `,"name":{…}`; nothing when absent or
 * empty. */
void kt_keep_member(struct kt_str name, struct kt_jval v, const struct kt_keep *table,
                    struct kt_buf *out, uint64_t *unknown);
