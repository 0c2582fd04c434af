/*
 * evidence: see the header.
 *
 * Owns:  nothing.
 * Calls: core/answer (ask, profile). No clock, no output.
 */
#include "core/answer/evidence.h"

#include "core/answer/profile.h"

struct walk {
    const struct kt_evidence *what;
    bool every, ended;
    bool met[KT_EVIDENCE_MAX];
    unsigned n_met;
    enum kt_status (*each)(void *self, unsigned i, const struct kt_record *r,
                           const struct kt_fact *fact, struct kt_error *err);
    void *self;
};

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct walk *w = self;
    struct kt_str id = kt_utf8_cut(r->ev.native_id, KT_EVIDENCE_CUT);
    enum kt_status status = KT_OK;
    for (unsigned i = 0; i < w->what->n && status == KT_OK; i++) {
        if ((w->met[i] && !w->every) || !kt_str_eq(w->what->id[i], id))
            continue;
        w->n_met += !w->met[i];
        w->met[i] = true;
        status = w->each(w->self, i, r, fact, err);
        break;
    }
    w->ended = status == KT_E_AGAIN || (!w->every && w->n_met == w->what->n);
    return w->ended ? KT_E_AGAIN : status;
}

/* The query of the i-th place to look; false: the alert has no such. */
static bool place(const struct kt_ask *a, const struct kt_evidence *e, unsigned i,
                  struct kt_buf *query)
{
    struct kt_profile_ask actor = { .kind = KT_PROFILE_ACTOR, .value = e->actor, .exact = true };
    char net[KT_IP_TEXT_MAX];
    struct kt_ip ip;
    kt_buf_reset(query);
    if (i == 0)
        return e->actor.len > 0 && kt_profile_query(a, &actor, query, NULL) == KT_OK;
    if (i == 1 && kt_ip_parse(e->ip, &ip)) {
        kt_buf_addf(query, "ip:%s", kt_cidr_format(kt_ip_network(ip, 24, 48), net));
        return true;
    }
    if (i == 2 && e->instance.len > 0)
        kt_ask_term(query, "instance", e->instance);
    return query->len > 0;
}

enum kt_status kt_evidence_find(struct kt_ask *a, const struct kt_evidence *what, bool every,
                                enum kt_status (*each)(void *self, unsigned i,
                                                       const struct kt_record *r,
                                                       const struct kt_fact *fact,
                                                       struct kt_error *err),
                                void *self, unsigned *ret_found, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct walk w = { .what = what, .every = every, .each = each, .self = self };
    kt_time_ns since = a->since, until = a->until;
    enum kt_status status = KT_OK;
    a->since = what->first;
    a->until = what->last + 1;
    for (unsigned i = 0; i < 3 && status == KT_OK && !w.ended && w.n_met < what->n; i++)
        if (place(a, what, i, &query))
            status = kt_ask_records(a, kt_buf_str(&query), take, &w, err);
    a->since = since;
    a->until = until;
    if (status == KT_OK)
        *ret_found = w.n_met;
    return status;
}
