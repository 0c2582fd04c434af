/*
 * detect_together: several people who are odd at the same time over the same secrets are one alert
 * (docs/decisions/0114).
 *
 * Owns:  nothing.
 * Calls: detect_reads, detect_total, detect_incident (merge), what detectors know of an actor's
 *        secrets.
 */
#include "collector/detect_state.h"

#define WITHIN_NS  (2 * KT_NS_HOUR)
#define PEOPLE     3u  /* a thief has one session */
#define IN_COMMON  3u  /* secrets: one that all need is no work in common */
#define ELSE_MOST  250 /* points: a new line at home, no more */
#define OTHERS_MAX 8u
#define AHEAD_MOST 10u /* secrets that colleagues have not come to yet: one of them is quicker */

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

/* What was read in the incident, of several people by more than one, and by its actor shortly
 * before: what makes it evidence is counted before there is any. Not by one who left. */
static struct set secrets_of(const struct kt_detect *d, const struct incident *in, kt_time_ns t)
{
    struct set x = { .n = 0 };
    for (unsigned i = 0; i < kt_detect_listed(in); i++) {
        if (in->by[i] == 0)
            add(&x, in->hash[i]);
    }
    for (unsigned i = 0; i < d->n_detectors && kt_detect_is_newest(d, in); i++) {
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

static bool is_work(unsigned family)
{
    return family == KT_FAMILY_VOLUME || family == KT_FAMILY_NEW_SECRETS ||
           family == KT_FAMILY_TIME;
}

#define NO_WORK (KT_FIND_CRITICAL | KT_FIND_SUCCESS)

/* Is it a person's, and of how much, of what and when alone? A rented server or a signature is not
 * explained by what colleagues do. */
static bool is_of_work(const struct kt_detect *d, const struct incident *in)
{
    int other = 0;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        const struct part *p = &in->part[i];
        if (p->set && p->flags & NO_WORK)
            return false;
        bool counts = p->set && kt_detect_counts(in, p, d->shared.learning);
        other += counts && !is_work(p->family) ? p->points : 0;
    }
    return in->together != KT_APART && in->key_kind == KT_KEY_ACTOR &&
           kt_kind_is_person(in->actor_kind) && !in->critical && !in->environment &&
           in->suppressed_by[0] == '\0' && other <= ELSE_MOST;
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
            t > o->last + WITHIN_NS || t < o->first - WITHIN_NS || !is_of_work(d, o))
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

struct incident *kt_detect_together(struct kt_detect *d, struct kt_scene *s, struct incident *in)
{
    if (in->severity >= 0 || !is_of_work(d, in) || !is_alert(d, in))
        return in;
    uint64_t other[OTHERS_MAX] = { 0 };
    unsigned people, n = others_of(d, in, s->t, other, &people);
    if (n == 0 || people < PEOPLE)
        return in;
    uint64_t young = in->serial;
    for (unsigned i = n; i > 0; i--) { /* the newest first: in, then those after the oldest */
        struct incident *old = kt_table_get(d->incidents, (struct kt_key){ other[0], 0 });
        kt_detect_merge(d, s, old, kt_table_get(d->incidents, (struct kt_key){ young, 0 }));
        young = other[i - 1];
    }
    struct incident *all = kt_table_get(d->incidents, (struct kt_key){ other[0], 0 });
    all->together = KT_TOGETHER;
    return all;
}

enum together kt_detect_part_of(const struct incident *in, const struct kt_scene *s)
{
    if (in->together != KT_TOGETHER)
        return KT_TOGETHER;
    unsigned own = kt_detect_brought(in, kt_detect_place_of(in, s->actor->number));
    if (own > AHEAD_MOST && own > kt_detect_brought(in, 0))
        return KT_APART;
    int other = 0;
    for (unsigned i = 0; i < s->n_found; i++) {
        const struct kt_finding *f = &s->found[i];
        if (f->key_kind != KT_KEY_ACTOR || !kt_key_eq(f->key, s->who))
            continue;
        if (f->flags & NO_WORK)
            return KT_ALONE;
        other += is_work(f->family) ? 0 : f->points;
    }
    return other > ELSE_MOST ? KT_ALONE : KT_TOGETHER;
}
