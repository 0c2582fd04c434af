/*
 * detect_together: several people who are odd at the same time over the same secrets are one alert
 * (docs/decisions/0114).
 *
 * Owns:  nothing.
 * Calls: detect_total, detect_incident (merge), what detectors know of an actor's secrets.
 */
#include <string.h>

#include "collector/detect_state.h"

#define WITHIN_NS  (2 * KT_NS_HOUR)
#define PEOPLE     3u  /* a thief has one session */
#define IN_COMMON  3u  /* secrets: one that all need is no work in common */
#define ELSE_MOST  250 /* points: a new line at home, no more */
#define OTHERS_MAX 8u

#define SET_MAX (INCIDENT_HASHES + KT_DISTINCT_MAX)
struct set {
    uint64_t hash[SET_MAX];
    unsigned n;
};

static bool has(const struct set *x, uint64_t hash)
{
    for (unsigned i = 0; i < x->n; i++) {
        if (x->hash[i] == hash)
            return true;
    }
    return false;
}

static void add(struct set *x, uint64_t hash)
{
    if (!has(x, hash))
        x->hash[x->n++] = hash;
}

/* What was read in the incident, and by its actor shortly before: what makes it evidence is counted
 * before there is any. */
static struct set secrets_of(const struct kt_detect *d, const struct incident *in, kt_time_ns t)
{
    struct set x = { .n = 0 };
    unsigned n = in->secrets_n < INCIDENT_HASHES ? (unsigned)in->secrets_n : INCIDENT_HASHES;
    for (unsigned i = 0; i < n; i++)
        add(&x, in->hash[i]);
    for (unsigned i = 0; i < d->n_detectors; i++) {
        const struct kt_distinct *seen =
            kt_detectors[i]->touched == NULL
                ? NULL
                : kt_detectors[i]->touched(d->detector[i].table, in->key);
        for (unsigned k = 0; seen != NULL && k < seen->n; k++) {
            if (seen->minute[k] * KT_NS_MIN + WITHIN_NS >= t)
                add(&x, seen->hash[k]);
        }
    }
    return x;
}

/* Are most secrets of the one with fewer also the other's? */
static bool same_secrets(const struct set *a, const struct set *b)
{
    unsigned common = 0;
    for (unsigned i = 0; i < a->n; i++)
        common += has(b, a->hash[i]);
    return common >= IN_COMMON && common * 2 > (a->n < b->n ? a->n : b->n);
}

/* Is it a person's, and of how much, of what and when alone? A rented server or a signature is not
 * explained by what colleagues do. */
static bool is_of_work(const struct incident *in)
{
    int other = 0;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        const struct part *p = &in->part[i];
        bool work = p->family == KT_FAMILY_VOLUME || p->family == KT_FAMILY_NEW_SECRETS ||
                    p->family == KT_FAMILY_TIME;
        if (p->set && p->flags & (KT_FIND_CRITICAL | KT_FIND_SUCCESS))
            return false;
        other += p->set && !work ? p->points : 0;
    }
    return in->key_kind == KT_KEY_ACTOR && kt_kind_is_person(in->actor_kind) && !in->critical &&
           !in->environment && in->suppressed_by[0] == '\0' && other <= ELSE_MOST;
}

static bool is_alert(const struct kt_detect *d, const struct incident *in)
{
    int weighted, total = kt_detect_total(in, d->shared.learning, &weighted);
    return total >= KT_ALERT_RAISE && weighted >= KT_ALERT_RAISE;
}

/* The oldest of those that were told and are like it, by age; *ret_people are in them all. */
static unsigned others_of(struct kt_detect *d, const struct incident *in, kt_time_ns t,
                          uint64_t ret[OTHERS_MAX], unsigned *ret_people)
{
    uint32_t at = 0;
    unsigned n = 0;
    struct kt_key key;
    const struct incident *o;
    const struct set own = secrets_of(d, in, t);
    *ret_people = in->members_n;
    while ((o = kt_table_look(d->incidents, &at, &key)) != NULL) {
        if (o->serial == in->serial || o->severity < KT_SEV_MEDIUM || o->closed ||
            t > o->last + WITHIN_NS || t < o->first - WITHIN_NS || !is_of_work(o))
            continue;
        const struct set others = secrets_of(d, o, t);
        if (!same_secrets(&own, &others))
            continue;
        *ret_people += o->members_n;
        unsigned i = n < OTHERS_MAX ? n++ : OTHERS_MAX - 1;
        if (i == OTHERS_MAX - 1 && ret[i] != 0 && ret[i] < o->serial)
            continue;
        for (; i > 0 && ret[i - 1] > o->serial; i--)
            ret[i] = ret[i - 1];
        ret[i] = o->serial;
    }
    return n;
}

/* They are the same secrets: those of both would be counted twice. */
static void join(struct kt_detect *d, struct kt_scene *s, struct incident *old,
                 struct incident *young)
{
    const struct incident most = young->secrets_n > old->secrets_n ? *young : *old;
    kt_detect_merge(d, s, old, young);
    old->secrets_n = most.secrets_n;
    old->production_n = most.production_n;
    old->other_n = most.other_n;
    old->unknown_n = most.unknown_n;
    memcpy(old->hash, most.hash, sizeof old->hash);
}

struct incident *kt_detect_together(struct kt_detect *d, struct kt_scene *s, struct incident *in)
{
    if (in->severity >= 0 || !is_of_work(in) || !is_alert(d, in))
        return in;
    uint64_t other[OTHERS_MAX] = { 0 };
    unsigned people, n = others_of(d, in, s->t, other, &people);
    if (n == 0 || people < PEOPLE)
        return in;
    uint64_t young = in->serial;
    for (unsigned i = n; i > 0; i--) { /* the newest first: in, then those after the oldest */
        struct incident *old = kt_table_get(d->incidents, (struct kt_key){ other[0], 0 });
        join(d, s, old, kt_table_get(d->incidents, (struct kt_key){ young, 0 }));
        young = other[i - 1];
    }
    struct incident *all = kt_table_get(d->incidents, (struct kt_key){ other[0], 0 });
    all->together = 1;
    return all;
}
