/* alerts: what the engine raised -> rows in the store, and the outbox rows that routes want. */
#pragma once
#include "collector/pager.h"
#include "collector/triage.h"
#include "core/config/config.h"

struct kt_alerts;
struct kt_self_code;
/* Everything is borrowed. */
struct kt_alerts *kt_alerts_new(struct kt_store *store, const struct kt_conf *conf,
                                struct kt_triage *triage, struct kt_pager *pager);
void kt_alerts_free(struct kt_alerts *a);
/* Inside a transaction. historic: keep the row, notify nobody (import of history, first start). One
 * that a silence covers is kept and told when that ends; one that somebody has acknowledged or
 * closed is told again when it is graver than it was then. */
KT_MUST_USE enum kt_status kt_alerts_raise(struct kt_alerts *a, const struct kt_alert *alert,
                                           bool historic, kt_time_ns now, struct kt_error *err);
/* Something changed that is no alert: told to the targets that ask for changes, inside a
 * transaction. No alert row; the outbox rows are all there is beside the record of the log. */
KT_MUST_USE enum kt_status kt_alerts_change(struct kt_alerts *a, const char *code,
                                            struct kt_str about, const char *sentence,
                                            kt_time_ns now, struct kt_error *err);
/* ---- alerts_self.c: alerts about keytrail itself (identity.violation, delivery.dead …) ---- */
struct kt_alerts_self {
    const struct kt_self_code *code; /* collector/self_codes.h */
    struct kt_str about;             /* an agent's, target's or file's name */
    const char *sentence;            /* what the subject did: "sent records of …" */
    const char *except;              /* target that is not told; NULL: nobody is spared */
};
/* Inside a transaction. What comes again within an hour, or before it is over, is counted in the
 * alert that is there, and said once an hour; after a person has closed that one it is a new one.
 */
KT_MUST_USE enum kt_status kt_alerts_self(struct kt_alerts *a, const struct kt_alerts_self *s,
                                          kt_time_ns now, struct kt_error *err);
uint64_t kt_alerts_self_opened(const struct kt_alerts *a); /* new ones, in this life */
/* Is one open whose cause is not known to be over? */
bool kt_alerts_self_open(const struct kt_alerts *a, const char *code, struct kt_str about);
/* Its cause is over. Inside a transaction. It is resolved when that has held for an hour. */
KT_MUST_USE enum kt_status kt_alerts_self_over(struct kt_alerts *a, const char *code,
                                               struct kt_str about, kt_time_ns now,
                                               struct kt_error *err);
/* The same of all subjects of a code: the causes are over whatever they were called. */
bool kt_alerts_self_any(const struct kt_alerts *a, const char *code);
KT_MUST_USE enum kt_status kt_alerts_self_over_all(struct kt_alerts *a, const char *code,
                                                   kt_time_ns now, struct kt_error *err);
/* Is the hour of one over? Once a minute will do. */
bool kt_alerts_self_due(const struct kt_alerts *a, kt_time_ns now);
/* Inside a transaction: resolves those. */
KT_MUST_USE enum kt_status kt_alerts_self_turn(struct kt_alerts *a, kt_time_ns now,
                                               struct kt_error *err);

/* Is there something to say since a silence has ended? */
bool kt_alerts_due(const struct kt_alerts *a, kt_time_ns now);
/* Inside a transaction: says it, for some alerts at a time. *ret_any: rows were written. */
KT_MUST_USE enum kt_status kt_alerts_turn(struct kt_alerts *a, kt_time_ns now, bool *ret_any,
                                          struct kt_error *err);
