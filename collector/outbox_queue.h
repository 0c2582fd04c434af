/*
 * outbox_queue: the rows that one target has to get. The worst goes first, then the oldest; rows of
 * one alert keep their order. For targets that people read, what is too much for them becomes one
 * message a detector and minute (H6). Part of the outbox, its thread only; time comes in.
 */
#pragma once
#include "collector/outbox_bundle.h"
#include "core/base/arena.h"
#include "core/store/write.h"
#include "exporters/alerts/target.h"

struct kt_item { /* a message on its way: one row, or a bundle of many */
    struct kt_outbox_row row;
    struct kt_buf json;
    struct kt_bundle *bundle;    /* NULL: one row; row is the first of the bundle's */
    const struct kt_item *after; /* this one has to end before; NULL: none */
    kt_time_ns due;              /* mono */
    uint64_t key;                /* of the bundle that it would join */
    bool flying, plain;
    /* It is through, as the writer's change number `change`: until that is in the store no other
     * row of its alert may go, or a kill would send this one once more behind the other. */
    bool ended;
    uint64_t change;
    bool early;                 /* sent ahead of its turn, as a circuit's probe */
    bool alone;                 /* never in a bundle: critical, or the first of its kind */
    char chosen[KT_HANDLE_MAX]; /* the handle that its render chose */
    bool unheld;                /* it was the first of a bundle, whose room is given back already */
};

#define KT_QUEUE_KINDS 64u
struct kt_queue {
    bool bundles;
    struct kt_item **items;
    unsigned n;
    struct kt_queue_kind { /* kinds of alerts that came alone lately */
        uint64_t kind;
        kt_time_ns at; /* mono */
    } kinds[KT_QUEUE_KINDS];
    unsigned next_kind;
    /* By severity: rows that went into bundles since the caller looked last. A bundle holds no
     * alert's text, so these rows need no room any more. */
    unsigned bundled[KT_SEV_COUNT];
};

void kt_queue_done(struct kt_queue *q);
/* Takes the item over; one that joins a bundle is freed. arena: scratch. */
void kt_queue_add(struct kt_queue *q, struct kt_item *it, kt_time_ns mono, struct kt_arena *arena);
/* Puts all but the worst few of those that wait into bundles, where the target wants that; of a
 * kind and minute that has one already, all that are not worse than it. */
void kt_queue_condense(struct kt_queue *q, kt_time_ns mono, kt_time_ns wall,
                       struct kt_arena *arena);
/* What goes next at `mono`, NULL when nothing may. any: whether it is due or not. It stays in the
 * queue. A bundle gets its words here and takes nothing more. */
struct kt_item *kt_queue_next(struct kt_queue *q, kt_time_ns mono, bool any);
/* When the next one is due; KT_TIME_NEVER when none is. Those that fly do not count. */
#define KT_TIME_NEVER INT64_MAX
kt_time_ns kt_queue_due(const struct kt_queue *q);
/* The item that flies with this row number; it is there. */
struct kt_item *kt_queue_flying(const struct kt_queue *q, int64_t row);
/* Everything that waits is due now. */
void kt_queue_hurry(struct kt_queue *q, kt_time_ns mono);
/* What the target calls its message of this alert from now on. */
void kt_queue_set_handle(struct kt_queue *q, const char *alert, struct kt_str handle);
/* It has ended, as change number `change`; it counts no more, what waits for it still does. */
void kt_queue_end(struct kt_queue *q, struct kt_item *it, uint64_t change);
/* Changes up to `written` are in the store: what waited for items that ended so may go. */
void kt_queue_written(struct kt_queue *q, uint64_t written);
/* When the oldest row was made (wall); 0: none waits. */
kt_time_ns kt_queue_oldest(const struct kt_queue *q);
void kt_item_free(struct kt_item *it);
