/*
 * incident_since: was anything read since the list of exposed values was fixed, that it does not
 * have?
 *
 * Owns:  nothing.
 * Calls: core/answer (blast, credential), core/base/map. No clock, no output.
 * Holds: asked as the list was made, so that both follow the same sessions and take the same for a
 *        read.
 */
#include "core/answer/blast.h"
#include "core/answer/incident_int.h"
#include "core/base/map.h"

static bool has_version(const struct kt_incident_exposed *e, struct kt_str version)
{
    for (unsigned k = 0; k < e->n_versions; k++)
        if (kt_str_is(version, e->version[k]))
            return true;
    return false;
}

/* Reads that the list does not have; at least one where it would say something else. */
static uint64_t missing(const struct kt_secret_state *now, const struct kt_incident_exposed *e)
{
    bool other = now->last > e->last || now->last_pending > e->pending;
    /* no versions are listed where those of some reads are not known */
    for (unsigned k = 0; k < now->n_versions && e->n_versions > 0; k++)
        other = other || !has_version(e, now->version[k]);
    return now->reads > e->reads ? now->reads - e->reads : other;
}

static uint64_t compare(const struct kt_blast *b, const struct kt_incident *i, uint64_t seed)
{
    struct kt_map *listed = kt_map_new(seed); /* numbers are those of i->exposed */
    uint64_t reads = 0;
    for (unsigned k = 0; k < i->n_exposed; k++)
        (void)kt_map_put(listed, kt_str_of(i->exposed[k].secret), NULL);
    for (uint32_t k = 0; k < b->n_secrets; k++) {
        const struct kt_secret_state *now = b->secret[k].state;
        uint32_t n = kt_map_get(listed, now->secret);
        reads += n == KT_MAP_NONE ? now->reads : missing(now, &i->exposed[n]);
    }
    kt_map_free(listed);
    return reads;
}

enum kt_status kt_incident_reads_since(struct kt_ask *a, const struct kt_incident *i,
                                       struct kt_str actor, uint64_t *ret, struct kt_error *err)
{
    static const struct kt_blast_options options;
    struct kt_credential c = { 0 };
    struct kt_blast *b = NULL;
    bool alert = i->about == KT_ABOUT_ALERT;
    *ret = 0;
    if (i->listed.at == 0 || i->about == KT_ABOUT_SECRET || (alert && actor.len == 0))
        return KT_OK;
    a->since = i->since;
    a->until = i->until != 0 ? i->until : i->closed.at;
    enum kt_status st = kt_credential_find(a, alert ? actor : kt_str_of(i->subject),
                                           alert              ? "actor"
                                           : i->as[0] != '\0' ? i->as
                                                              : NULL,
                                           &c, err);
    if (st == KT_OK)
        st = kt_blast_load(a, &c, &options, &b, err);
    if (st == KT_OK)
        *ret = compare(b, i, (uint64_t)a->now);
    kt_blast_free(b);
    kt_credential_done(&c);
    return st;
}
