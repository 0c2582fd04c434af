/*
 * pager: what time does to alerts: repeats, escalations, the end of quiet hours, a second way when
 * the first is dead (docs/routing.md). Each word to a target is a row of the outbox with a stable
 * action, written by the caller's transaction: after a kill the rows say what has been told.
 */
#pragma once
#include "collector/routes.h"
#include "core/query/lives.h"

struct kt_pager;
struct kt_pager_options {
    struct kt_store *store;
    const struct kt_routes *routes;
    /* What people did about an alert (NULL: nothing), valid until the next step. */
    const struct kt_life *(*life)(void *self, const char *id);
    /* Does a silence keep it quiet now? Both may be NULL: nobody does anything. */
    bool (*silenced)(void *self, const struct kt_alert *a, kt_time_ns now);
    void *self;
};
/* All that waits in the store is looked at again by the first ticks. */
struct kt_pager *kt_pager_new(const struct kt_pager_options *o);
void kt_pager_free(struct kt_pager *p);

/* Inside a transaction, after the alert's row was written: writes what is due now to those that
 * have not been told. */
KT_MUST_USE enum kt_status kt_pager_raised(struct kt_pager *p, const char *id, kt_time_ns now,
                                           struct kt_error *err);
/* Somebody acknowledged, closed or opened it again: `life` says so from now on. */
void kt_pager_answered(struct kt_pager *p, const char *id);
/* A row of this alert became a dead letter. */
void kt_pager_dead(struct kt_pager *p, const char *id);
/* Targets whose circuit is open; the names live as long as the configuration. */
void kt_pager_broken(struct kt_pager *p, const char *const *names, unsigned n);

bool kt_pager_due(const struct kt_pager *p, kt_time_ns now);
/* Inside a transaction: writes what is due, for some hundred alerts at most: kt_pager_due says
 * whether to call again. *ret_rows: how many rows were written. */
KT_MUST_USE enum kt_status kt_pager_tick(struct kt_pager *p, kt_time_ns now, unsigned *ret_rows,
                                         struct kt_error *err);
unsigned kt_pager_waiting(const struct kt_pager *p); /* alerts that something is still due for */
