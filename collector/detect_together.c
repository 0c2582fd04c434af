/*
 * detect_together: several people who are odd at the same time over the same secrets, and those of
 * a team who take up what nobody had read in before, are one alert (docs/decisions/0114, 0109); so
 * is a cause that its detector saw in the third of several (0111).
 *
 * Owns:  nothing.
 * Calls: detect_reads, detect_total, detect_incident (merge), what detectors know of an actor's
 *        secrets.
 */
#include <string.h>

#include "collector/detect_state.h"

#define WITHIN_NS  (2 * KT_NS_HOUR)
#define GROUND_NS  (6 * KT_NS_HOUR)      /* the same of a new ground: an afternoon */
#define ACTIVE_MIN (3u * 24u * 60u)      /* DETECTION §5, mass event: who counts, and … */
#define SHARE(n)   (((n)*3u + 9u) / 10u) /* … how many of them are a cause that they share */
#define PEOPLE     3u                    /* a thief has one session */
#define IN_COMMON  3u                    /* secrets: one that all need is no work in common */
#define ELSE_MOST  250                   /* points: a new line at home, no more */
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

/* ---- a team on new ground ---- */
/* What they may have in common. */
enum like { LIKE_SECRETS, LIKE_DOMAIN, LIKE_TEAM, LIKES };

static struct kt_str domain_of(const struct kt_actor *a)
{
    struct kt_str name = kt_str_of(a->name);
    size_t at = name.len;
    while (at > 0 && name.at[at - 1] != '@')
        at--;
    return at > 0 ? kt_str_from_index(name, at) : KT_STR_NONE;
}

static bool are_colleagues(const struct kt_actor *a, const struct kt_actor *b, enum like like)
{
    if (a == NULL || b == NULL || !kt_kind_is_person(a->kind) || !kt_kind_is_person(b->kind))
        return false;
    if (like == LIKE_TEAM)
        return a->team != 0 && a->team == b->team;
    struct kt_str domain = domain_of(a);
    return domain.len > 0 && kt_str_eq(domain, domain_of(b));
}

/* That most of a team take it up is known when the afternoon is over: a third is enough, as of a
 * change that everybody shows. */
static unsigned least_of(const struct kt_detect *d, const struct kt_scene *s, enum like like)
{
    uint32_t at = 0, n = 0;
    struct kt_key key;
    const struct kt_actor *a;
    while (like != LIKE_SECRETS && (a = kt_table_look(d->actors, &at, &key)) != NULL)
        n += a->last_min + ACTIVE_MIN >= s->minute && are_colleagues(s->actor, a, like);
    return SHARE(n) > PEOPLE ? SHARE(n) : PEOPLE;
}

unsigned kt_detect_most_of_team(const struct kt_detect *d, const struct kt_scene *s)
{
    return least_of(d, s, LIKE_TEAM);
}

static uint64_t ground_of(const struct kt_detect *d, const struct incident *in, kt_time_ns t)
{
    uint64_t ground = in->ground;
    for (unsigned i = 0; in->together != KT_TOGETHER && ground == 0 && i < d->n_detectors; i++) {
        if (kt_detectors[i]->ground != NULL)
            ground =
                kt_detectors[i]->ground(d->detector[i].table, in->key, (uint32_t)(t / KT_NS_MIN));
    }
    return ground;
}

/* ---- joining ---- */
static bool is_near(const struct incident *in, kt_time_ns t, kt_time_ns within)
{
    return t <= in->last + within && t >= in->first - within;
}

struct mine { /* the incident that is about to be told */
    const struct incident *in;
    const struct kt_actor *actor;
    struct set secrets;
    uint64_t ground;
};

/* Of a team on its ground others are part by that alone: it holds secrets of all of them. */
static bool is_like(const struct kt_detect *d, const struct mine *m, const struct incident *o,
                    kt_time_ns t, enum like like)
{
    if (like != LIKE_SECRETS)
        return m->ground != 0 && is_near(o, t, GROUND_NS) && ground_of(d, o, t) == m->ground &&
               are_colleagues(m->actor, kt_table_peek(d->actors, o->key), like);
    if (!is_near(o, t, WITHIN_NS) || o->ground != 0)
        return false;
    const struct set others = secrets_of(d, o, t);
    return same_secrets(&m->secrets, &others);
}

static bool is_alert(const struct kt_detect *d, const struct incident *in)
{
    int weighted, total = kt_detect_total(in, d->shared.learning, &weighted);
    return total >= KT_ALERT_RAISE && weighted >= KT_ALERT_RAISE;
}

unsigned kt_detect_keep_oldest(uint64_t kept[OTHERS_MAX], unsigned n, uint64_t serial)
{
    if (n == OTHERS_MAX && kept[n - 1] < serial)
        return n;
    unsigned i = n < OTHERS_MAX ? n++ : n - 1;
    for (; i > 0 && kept[i - 1] > serial; i--)
        kept[i] = kept[i - 1];
    kept[i] = serial;
    return n;
}

/* The oldest of those that were told and are like it, by age; *ret_people are in them all. */
static unsigned others_of(struct kt_detect *d, const struct mine *m, kt_time_ns t, enum like like,
                          uint64_t ret[OTHERS_MAX], unsigned *ret_people)
{
    uint32_t at = 0;
    unsigned n = 0;
    struct kt_key key;
    const struct incident *o;
    *ret_people = m->in->members_n;
    while ((o = kt_table_look(d->incidents, &at, &key)) != NULL) {
        if (o->serial == m->in->serial || o->severity < KT_SEV_MEDIUM || o->closed ||
            !is_of_work(d, o) || !is_like(d, m, o, t, like))
            continue;
        *ret_people += o->members_n;
        n = kt_detect_keep_oldest(ret, n, o->serial);
    }
    return n;
}

/* What more than one of them has read is in common, shortly before there was evidence as well. */
static void note_common(struct incident *all, const struct set *sets, unsigned n)
{
    for (unsigned i = 0; i < kt_detect_listed(all); i++) {
        unsigned readers = 0;
        for (unsigned k = 0; k < n; k++)
            readers += has(&sets[k], all->hash[i]);
        all->by[i] = readers > 1 ? 0 : all->by[i];
    }
}

/* All become the oldest of the n others. ground: the new one that they take up, or 0. */
static struct incident *join(struct kt_detect *d, struct kt_scene *s, const struct mine *m,
                             const uint64_t other[OTHERS_MAX], unsigned n, uint64_t ground)
{
    struct set sets[OTHERS_MAX + 1] = { m->secrets };
    for (unsigned i = 0; i < n; i++)
        sets[i + 1] =
            secrets_of(d, kt_table_get(d->incidents, (struct kt_key){ other[i], 0 }), s->t);
    const struct kt_key oldest = { other[0], 0 };
    struct incident *all = kt_table_get(d->incidents, oldest);
    if (all->together != KT_TOGETHER && ground == 0)
        memset(all->by, 1, sizeof all->by); /* what it has so far is its one member's */
    all->together = KT_TOGETHER;
    all->ground = ground != 0 ? ground : all->ground;
    uint64_t young = m->in->serial;
    for (unsigned i = n; i > 0; i--) { /* the newest first: in, then those after the oldest */
        kt_detect_merge(d, s, kt_table_get(d->incidents, oldest),
                        kt_table_get(d->incidents, (struct kt_key){ young, 0 }));
        young = other[i - 1];
    }
    all = kt_table_get(d->incidents, oldest);
    note_common(all, sets, n + 1);
    return all;
}

struct incident *kt_detect_together(struct kt_detect *d, struct kt_scene *s, struct incident *in)
{
    if (in->severity >= 0 || !is_of_work(d, in) || !is_alert(d, in))
        return in;
    const struct mine m = { in, s->actor, secrets_of(d, in, s->t), ground_of(d, in, s->t) };
    uint64_t other[OTHERS_MAX];
    unsigned n = 0, people, like = LIKE_SECRETS;
    for (; like < LIKES; like++) {
        memset(other, 0, sizeof other);
        n = others_of(d, &m, s->t, like, other, &people);
        if (n > 0 && people >= PEOPLE && people >= least_of(d, s, like))
            break;
    }
    return like == LIKES ? in : join(d, s, &m, other, n, like != LIKE_SECRETS ? m.ground : 0);
}

/* ---- one cause ---- */
/* Is there nothing else in it? What is odd about one of them in another way, another program that
 * he ran, stays a story of its own; so does what somebody judged, who saw this one alone. */
static bool is_only(const struct kt_detect *d, const struct incident *in,
                    const struct kt_finding *f)
{
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        if (in->part[i].set && in->part[i].flags & NO_WORK)
            return false;
    }
    bool apart = in->together != KT_ALONE && in->together != KT_ONE_CAUSE &&
                 in->together != KT_HOSTS; /* the first hosts of a rollout */
    return f->cause != 0 && in->cause == f->cause && !apart && !in->critical &&
           in->suppressed_by[0] == '\0' && !kt_detect_is_judged(d, in);
}

/* What is said of all is the newest of them. */
static void say_of_all(struct kt_detect *d, struct incident *in, const struct kt_finding *f,
                       const struct part *said)
{
    struct part *slot = kt_detect_slot(in, f, d->shared.learning);
    if (slot != NULL)
        *slot = *said;
}

/* What somebody has in hand stays, else what somebody was told of, else the older. */
static unsigned hands_on(const struct incident *in)
{
    return in->acked ? 2 : in->severity >= 0;
}

void kt_detect_gather(struct kt_detect *d, struct kt_scene *s, const struct kt_finding *f)
{
    struct incident *all = kt_detect_incident(d, f->key_kind, f->key, s->t);
    if (f->n_gathers == 0 || all == NULL)
        return;
    const struct part said = *kt_detect_main_part(all, d->shared.learning);
    for (unsigned i = 0; i < f->n_gathers; i++) {
        all = kt_detect_incident(d, f->key_kind, f->key, s->t);
        struct incident *one = kt_detect_incident(d, KT_KEY_ACTOR, f->gathers[i], s->t);
        if (all == NULL || one == NULL || one->serial == all->serial || !is_only(d, all, f) ||
            one->key_kind != KT_KEY_ACTOR || !is_only(d, one, f))
            continue;
        unsigned of_all = hands_on(all), of_one = hands_on(one);
        bool keep = of_all != of_one ? of_one > of_all : one->serial < all->serial;
        struct incident *kept = keep ? one : all;
        kept->together = KT_ONE_CAUSE;
        kt_detect_merge(d, s, kept, keep ? all : one);
        say_of_all(d, kept, f, &said);
    }
}

enum together kt_detect_part_of(const struct incident *in, const struct kt_scene *s)
{
    if (in->together == KT_ONE_CAUSE)
        return KT_ALONE; /* what is found of one by himself is another story than what all showed */
    if (in->together == KT_HOSTS)
        return kt_detect_still_hosts(in, s) ? KT_TOGETHER : KT_ALONE;
    if (in->together != KT_TOGETHER)
        return KT_TOGETHER;
    unsigned own = kt_detect_brought(in, kt_detect_reader_of(in, s->actor->number));
    unsigned common = in->ground == 0 ? kt_detect_brought(in, 0) : 0; /* there each has his own */
    if (own > AHEAD_MOST && own > common)
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
