/*
 * alert_evidence: the records that an alert names, as rows.
 *
 * Owns:  nothing.
 * Calls: core/answer/evidence, dashboards/api (record rows).
 */
#include "core/answer/evidence.h"
#include "dashboards/api/alert_int.h"

_Static_assert(KT_ALERT_EVENTS_MAX == KT_EVIDENCE_MAX, "an alert names as many as are looked for");

static enum kt_status take(void *self, unsigned i, const struct kt_record *r,
                           const struct kt_fact *fact, struct kt_error *err)
{
    struct kt_api *a = self;
    (void)i;
    (void)err;
    kt_api_add_record(&a->out, NULL, a->ask, r, fact);
    return KT_OK;
}

enum kt_status kt_api_alert_evidence(struct kt_api *a, const struct kt_alert *alert,
                                     struct kt_error *err)
{
    struct kt_evidence what = { .actor = alert->actor,
                                .ip = alert->ip,
                                .instance = alert->instance,
                                .n = alert->n_events,
                                .first = alert->first,
                                .last = alert->last };
    unsigned found = 0;
    for (unsigned i = 0; i < alert->n_events; i++)
        what.id[i] = alert->events[i];
    kt_api_open(&a->out, "evidence", '[');
    enum kt_status status = kt_evidence_find(a->ask, &what, false, take, a, &found, err);
    kt_api_close(&a->out, ']');
    kt_api_u64(&a->out, "evidence_missing", alert->n_events - found);
    a->ask->since = alert->first; /* the answer's window */
    a->ask->until = alert->last + 1;
    return status;
}
