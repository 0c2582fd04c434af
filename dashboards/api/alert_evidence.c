/*
 * alert_evidence: the records that an alert names, found again by their native ids among what its
 * actor, its network or its source did in its time.
 *
 * Owns:  nothing.
 * Calls: core/answer/ask, dashboards/api (record rows).
 */
#include <string.h>

#include "core/answer/profile.h"
#include "dashboards/api/alert_int.h"

#define CUT 95u /* bytes of a native id that an alert keeps (collector/detect_state.h) */

struct walk {
    struct kt_api *api;
    const struct kt_alert *alert;
    bool found[KT_ALERT_EVENTS_MAX];
    unsigned n_found;
};

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct walk *w = self;
    struct kt_str id = kt_utf8_cut(r->ev.native_id, CUT);
    (void)err;
    for (unsigned i = 0; i < w->alert->n_events; i++) {
        if (w->found[i] || !kt_str_eq(w->alert->events[i], id))
            continue;
        w->found[i] = true;
        w->n_found++;
        kt_api_add_record(&w->api->out, NULL, w->api->ask, r, fact);
        break;
    }
    return w->n_found == w->alert->n_events ? KT_E_AGAIN : KT_OK;
}

/* The query of the i-th place to look; false: the alert has no such. */
static bool place(const struct walk *w, unsigned i, struct kt_buf *query)
{
    const struct kt_alert *a = w->alert;
    struct kt_profile_ask actor = { .kind = KT_PROFILE_ACTOR, .value = a->actor, .exact = true };
    char net[KT_IP_TEXT_MAX];
    struct kt_ip ip;
    kt_buf_reset(query);
    if (i == 0)
        return a->actor.len > 0 && kt_profile_query(w->api->ask, &actor, query, NULL) == KT_OK;
    if (i == 1 && kt_ip_parse(a->ip, &ip)) {
        kt_buf_addf(query, "ip:%s", kt_cidr_format(kt_ip_network(ip, 24, 48), net));
        return true;
    }
    if (i == 2 && a->instance.len > 0)
        kt_ask_term(query, "instance", a->instance);
    return query->len > 0;
}

enum kt_status kt_api_alert_evidence(struct kt_api *a, const struct kt_alert *alert,
                                     struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct walk w = { .api = a, .alert = alert };
    enum kt_status status = KT_OK;
    a->ask->since = alert->first;
    a->ask->until = alert->last + 1;
    kt_api_open(&a->out, "evidence", '[');
    for (unsigned i = 0; i < 3 && status == KT_OK && w.n_found < alert->n_events; i++)
        if (place(&w, i, &query))
            status = kt_ask_records(a->ask, kt_buf_str(&query), take, &w, err);
    kt_api_close(&a->out, ']');
    kt_api_u64(&a->out, "evidence_missing", alert->n_events - w.n_found);
    return status;
}
