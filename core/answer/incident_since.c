/*
 * incident_since: was anything read since the list of exposed values was fixed, that it does not
 * have?
 *
 * Owns:  nothing.
 * Calls: core/answer (ask, credential), core/base/map. No clock, no output.
 */
#include "core/answer/credential.h"
#include "core/answer/incident_int.h"
#include "core/base/map.h"

#define LATE (25 * KT_NS_HOUR) /* records come so late (DESIGN §11) */
#define RACE (10 * KT_NS_MIN)  /* a list is made before its record */

struct since {
    const struct kt_incident *i;
    struct kt_map *listed; /* numbers are those of i->exposed */
    uint64_t reads;
};

static enum kt_status see(void *self, const struct kt_record *r, const struct kt_fact *fact,
                          struct kt_error *err)
{
    struct since *s = self;
    kt_time_ns t = r->ev.time != 0 ? r->ev.time : r->arrival;
    (void)fact;
    (void)err;
    if (r->arrival <= s->i->listed.at - RACE)
        return KT_OK;
    uint32_t n = kt_map_get(s->listed, r->ev.secret);
    bool set = kt_str_ends(r->ev.secret, KT_STR("/*"));
    s->reads += set ? r->arrival > s->i->listed.at : n == KT_MAP_NONE || t > s->i->exposed[n].last;
    return KT_OK;
}

enum kt_status kt_incident_reads_since(struct kt_ask *a, const struct kt_incident *i,
                                       struct kt_str actor, uint64_t *ret, struct kt_error *err)
{
    struct kt_credential c = { 0 };
    struct since s = { .i = i };
    bool alert = i->about == KT_ABOUT_ALERT;
    *ret = 0;
    if (i->listed.at == 0 || i->about == KT_ABOUT_SECRET || (alert && actor.len == 0))
        return KT_OK;
    a->since = i->listed.at - LATE;
    a->until = i->until != 0 ? i->until : i->closed.at;
    enum kt_status st = kt_credential_find(a, alert ? actor : kt_str_of(i->subject),
                                           alert              ? "actor"
                                           : i->as[0] != '\0' ? i->as
                                                              : NULL,
                                           &c, err);
    if (st == KT_OK) {
        s.listed = kt_map_new((uint64_t)a->now);
        for (unsigned k = 0; k < i->n_exposed; k++)
            (void)kt_map_put(s.listed, kt_str_of(i->exposed[k].secret), NULL);
        kt_buf_addz(&c.query, " action:read,export,issue,use outcome:success secret:*");
        st = kt_ask_records(a, kt_buf_str(&c.query), see, &s, err);
        kt_map_free(s.listed);
    }
    kt_credential_done(&c);
    *ret = s.reads;
    return st;
}
