/*
 * holds: what may not be removed, whatever its age (THREATS T6). They are records of kind hold, so
 * the log says who held what, when and why:
 *
 *   operation add, raw {"id":…,"since":ns,"until":ns,"query":…,"reason":…,"by":…}
 *   operation rm,  raw {"id":…,"reason":…,"by":…}
 */
#pragma once
#include "core/query/query.h"
#include "core/store/merge.h"

struct kt_hold {
    char id[32];
    kt_time_ns since, until; /* event times [since, until); 0 = open */
    char *query;             /* "" = every record of that time */
    char *reason, *by;
    kt_time_ns added, removed; /* removed 0: in force */
};
struct kt_holds {
    struct kt_hold *at; /* in the order in which they were added, removed ones too */
    unsigned n, cap;
    uint64_t newest_seq;     /* of the records that add or remove one; 0: there are none */
    struct kt_damage damage; /* some could not be read: they may be any */
};
void kt_holds_done(struct kt_holds *h);
KT_MUST_USE enum kt_status kt_holds_load(struct kt_reader *r, struct kt_holds *ret,
                                         struct kt_error *err);
/* The hold that has the id and is in force, or NULL. */
const struct kt_hold *kt_holds_named(const struct kt_holds *h, struct kt_str id);
/* raw of the record that adds or removes h. */
void kt_hold_write(const struct kt_hold *h, bool add, struct kt_buf *out);

/* Is one of the records [first_seq, last_seq], whose events lie in [min_time, max_time], under a
 * hold in force? *ret names it, or is NULL. A hold whose query cannot be read holds everything. */
struct kt_hold_span {
    uint64_t first_seq, last_seq;
    kt_time_ns min_time, max_time;
    bool untimed; /* some event has no time: its arrival counts then */
};
KT_MUST_USE enum kt_status kt_holds_cover(const struct kt_holds *h, struct kt_reader *r,
                                          const struct kt_hold_span *span,
                                          const struct kt_hold **ret, struct kt_error *err);
/* Of struct kt_merge_how, self is a struct kt_holds: is the run in the time of a hold in force,
 * whatever that asks for, or is not every hold known? What is merged is held as a whole, so it
 * stays apart then. */
bool kt_holds_near(void *self, const struct kt_merge_run *run);
