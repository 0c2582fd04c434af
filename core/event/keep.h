/* keep: copies a record by allow-list, so that what nobody listed is never stored (THREATS R1). */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"
#include "core/event/json.h"

/* One member of an object. Without `below` a scalar or a list of scalars is kept, with it an object
 * or a list of objects; anything else in its place is left out. */
struct kt_keep {
    struct kt_str name;
    const struct kt_keep *below; /* members of this object, or of each object of this list */
    bool drop;                   /* known, and never kept */
    bool named;                  /* a scalar may stand for the object: its name */
};
#define KT_KEEP(n)                                                                                 \
    {                                                                                              \
        KT_STR_INIT(n), NULL, false, false                                                         \
    }
#define KT_KEEP_IN(n, t)                                                                           \
    {                                                                                              \
        KT_STR_INIT(n), t, false, false                                                            \
    }
#define KT_KEEP_NAMED(n, t)                                                                        \
    {                                                                                              \
        KT_STR_INIT(n), t, false, true                                                             \
    }
#define KT_DROP(n)                                                                                 \
    {                                                                                              \
        KT_STR_INIT(n), NULL, true, false                                                          \
    }
#define KT_KEEP_END                                                                                \
    {                                                                                              \
        { NULL, 0 }, NULL, false, false                                                            \
    }

/* Appends what of v is kept as compact JSON; strings are cut at 1 KiB. Members in no table are
 * counted in *unknown (when not NULL). Nothing is appended when v is no object. */
void kt_keep_write(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown);
/* The same as a member of an object that is being written: `,"name":{…}`; nothing when absent or
 * empty. */
void kt_keep_member(struct kt_str name, struct kt_jval v, const struct kt_keep *table,
                    struct kt_buf *out, uint64_t *unknown);

/* The raw of an event. What these alone write into an empty buffer is one compact JSON object by
 * how they write it, which kt_line_write then need not read again; when something else wrote into
 * it too, or ev->raw is another by then, ev->raw_sound is not it, and it is read. */
struct kt_kept {
    struct kt_buf *out; /* borrowed; must not move while the event is used */
    size_t end;         /* of what was written here */
    bool alone;
};
void kt_kept_open(struct kt_kept *k, struct kt_buf *out);
/* Members: a string, or what a table keeps of an object (nothing when that is empty). Names are
 * literals that need no escaping. */
void kt_kept_text(struct kt_kept *k, struct kt_str name, struct kt_str text);
void kt_kept_member(struct kt_kept *k, struct kt_str name, struct kt_jval v,
                    const struct kt_keep *table, uint64_t *unknown);
void kt_kept_close(struct kt_kept *k, struct kt_event *ev);
/* All of it is what a table, whose names need no escaping, keeps of v. */
void kt_kept_whole(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown, struct kt_event *ev);
