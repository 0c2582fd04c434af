/*
 * inventory: each secret, how old its value is, when it is due, and who read it last: the newest
 * snapshots of the stores (lines of kind inventory, agents/sources/inventory.md) joined with the
 * accesses of the log.
 */
#pragma once
#include "core/answer/ask.h"

struct kt_inventory_item {
    struct kt_str secret;
    bool listed;            /* a snapshot has it; else all below it but what the log says is none */
    bool gone;              /* a newer complete snapshot of its instance does not have it */
    kt_time_ns snapshot;    /* the newest that has it */
    struct kt_str instance; /* whose snapshot */
    struct kt_str owner;    /* as its store says; empty: it does not */
    struct kt_str version;  /* the current one; the same */
    kt_time_ns created, changed, rotated, due, expires, deleted, accessed; /* the same; 0: none */
    kt_time_ns period;                                                     /* between rotations */
    kt_time_ns read, log_rotated, log_written; /* newest of the log; 0: none */
    struct kt_str reader;                      /* who read then, canonical */
};
struct kt_inventory_source {
    struct kt_str instance;
    kt_time_ns complete; /* its newest complete snapshot; 0: none is */
};
struct kt_inventory {                     /* all of it lives until kt_inventory_free */
    const struct kt_inventory_item *item; /* in the order in which the log names them */
    uint32_t n;
    const struct kt_inventory_source *source; /* those that have made snapshots */
    uint32_t n_sources;
};
#define KT_INVENTORY_SECRETS_MAX 1000000u
enum kt_inventory_parts {
    KT_INVENTORY_LISTED,  /* what stores say: snapshots alone */
    KT_INVENTORY_CHANGES, /* and what the log says of writes and rotations, not of reads: of a
                             secret that is read all the time much less has to be looked at */
    KT_INVENTORY_ALL,     /* and what the log says of reads, writes and rotations; secrets that only
                             the log knows are there too */
};
/* Secrets that fit the pattern, as secret: of a query has it ("" = all), over the ask's window,
 * which is usually open. KT_E_LIMIT: more than KT_INVENTORY_SECRETS_MAX. */
KT_MUST_USE enum kt_status kt_inventory_load(struct kt_ask *a, struct kt_str pattern,
                                             enum kt_inventory_parts parts,
                                             struct kt_inventory **ret, struct kt_error *err);
/* What stores say now, whatever the window: out of the last three days where every store that made
 * a snapshot made a whole one there, else out of the last forty. An older word is none of now. */
KT_MUST_USE enum kt_status kt_inventory_newest(struct kt_ask *a, struct kt_inventory **ret,
                                               struct kt_error *err);
void kt_inventory_free(struct kt_inventory *v);
/* NULL: it has none of that id. */
const struct kt_inventory_item *kt_inventory_find(const struct kt_inventory *v,
                                                  struct kt_str secret);

struct kt_inventory_age {
    kt_time_ns at;     /* 0: nobody says */
    const char *since; /* "rotated", "changed" or "created"; NULL: nobody says */
    const char *from;  /* "inventory" or "log" */
};
/* The last rotation: the newer of what store and log say. */
struct kt_inventory_age kt_inventory_rotation(const struct kt_inventory_item *it);
/* Of the value. A rotation has replaced it; a change need not have, it may have been one of a tag.
 */
struct kt_inventory_age kt_inventory_age(const struct kt_inventory_item *it);
kt_time_ns kt_inventory_changed(const struct kt_inventory_item *it);
/* The store's own date is none once there was a rotation after it was said: then a period after
 * what the age is counted from. 0: no date, no period. */
kt_time_ns kt_inventory_due(const struct kt_inventory_item *it);
/* ret_by is empty where the last access is the store's word, which gives no name. */
kt_time_ns kt_inventory_last_read(const struct kt_inventory_item *it, struct kt_str *ret_by);
/* Does the record end a rotation, after which the old value is none? What belongs to a rotation has
 * its action; after a start, a step, a refusal or a request the value may still be the old one. */
bool kt_inventory_ends_rotation(enum kt_action action, struct kt_str operation);
