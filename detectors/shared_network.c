/*
 * shared_network: one network, many identities that never used it: accounts that were stolen
 * together, or a network that people share (DETECTION §4.13).
 *
 * Owns:  by /24 or /48: who was new to it in 24 h, and on how many days it was shared.
 * Calls: detector.h and core only. No clock, no I/O.
 * Holds: names that only fail are a spray (failed_attempts); here at least two got in.
 */
#include "detectors/detector.h"

#include <string.h>

#define DAY_MIN     1440u
#define MEMBERS_MAX 16u
#define COUNTED_MAX 9u
#define SHARERS     3u
#define HOUSEHOLD   4u /* users of a network that only belongs to some */
#define AGAIN_MIN   (14u * DAY_MIN)

struct options {
    uint64_t least, base, each, friendly, shared_days;
};
struct member {
    uint64_t who;
    uint32_t actor; /* its number; 0 = a name that never succeeded */
    uint32_t minute;
    uint8_t kind, first_on_asn, success, pad[5];
};
struct network {
    struct member member[MEMBERS_MAX];
    uint64_t sharer[SHARERS]; /* who succeeded from it today */
    uint32_t n, day, sharers, shared_days;
};

static const struct kt_table_decl tables[] = {
    { "shared_network", KT_KEY_NETWORK, sizeof(struct network), 1, 4000, KT_EVICT_LRU },
};

#define UINT_OPTION(field, value, help)                                                            \
    {                                                                                              \
#field, KT_OPT_UINT, value, offsetof(struct options, field), help, .reloadable = true      \
    }
static const struct kt_option options[] = {
    UINT_OPTION(least, "4", "Identities new to one network in 24 h below which they say nothing."),
    UINT_OPTION(base, "320", "Points (hundredths) of such a network …"),
    UINT_OPTION(each, "50", "… and of each identity, 9 at most."),
    UINT_OPTION(friendly, "30",
                "Points of each instead, when all are people who got in, from no hosting network."),
    UINT_OPTION(shared_days, "5", "Days with 3 users after which a network is known to be shared."),
    KT_OPTIONS_END,
};

static struct kt_key net_key(const struct kt_scene *s)
{
    return (struct kt_key){ KT_DIM_NET, s->where.net };
}

/* ---- shared egress is learned ---- */
static bool is_held(const struct kt_actor *a, uint32_t minute)
{
    for (unsigned i = 0; i < KT_HELD_MAX; i++) {
        if (a->held[i].until_min != 0 && minute >= a->held[i].from_min &&
            minute <= a->held[i].until_min)
            return true;
    }
    return false;
}

static void note_sharer(const struct kt_scene *s, struct network *x)
{
    if (x->day != s->minute / DAY_MIN) {
        x->day = s->minute / DAY_MIN;
        x->sharers = 0;
    }
    if (x->sharers == SHARERS || is_held(s->actor, s->minute))
        return;
    for (unsigned i = 0; i < x->sharers; i++) {
        if (x->sharer[i] == s->who.a)
            return;
    }
    x->sharer[x->sharers++] = s->who.a;
    x->shared_days += x->sharers == SHARERS;
}

/* ---- who is new ---- */
static bool is_live(const struct member *m, uint32_t minute)
{
    return m->minute + DAY_MIN > minute;
}

/* One person has several names: at home they meet in a network that nobody else uses. Machines that
 * share one may be taken together, and count. */
static bool is_of_one_person(const struct kt_scene *s, const struct network *x)
{
    if (s->actor == NULL || !kt_kind_is_person(s->actor->kind))
        return false;
    for (unsigned i = 0; i < s->places->n_net; i++) {
        struct kt_key key = { KT_DIM_NET, s->places->net[i].net };
        const struct kt_value *v = kt_table_peek(s->shared->values, key);
        if (v == NULL || key.b == s->where.net || v->n + v->beyond > HOUSEHOLD)
            continue;
        for (unsigned k = 0; k < v->n * x->n; k++) {
            const struct member *m = &x->member[k % x->n];
            if (m->actor != 0 && m->actor == v->user[k / x->n].actor && m->who != s->who.a &&
                is_live(m, s->minute))
                return true;
        }
    }
    return false;
}

static struct member *member_of(struct network *x, uint64_t who)
{
    for (unsigned i = 0; i < x->n; i++) {
        if (x->member[i].who == who)
            return &x->member[i];
    }
    return NULL;
}

/* Takes up one that is new here, in the place of the one that came first. */
static void add_member(const struct kt_scene *s, struct network *x, bool success)
{
    struct member *m = member_of(x, s->who.a), *oldest = &x->member[0];
    for (unsigned i = 0; m == NULL && i < x->n; i++)
        oldest = x->member[i].minute < oldest->minute ? &x->member[i] : oldest;
    if (m == NULL)
        m = x->n < MEMBERS_MAX ? &x->member[x->n++] : oldest;
    bool before = m->who == s->who.a && is_live(m, s->minute) && m->success;
    *m = (struct member){ .who = s->who.a,
                          .actor = s->actor != NULL ? s->actor->number : 0,
                          .minute = s->minute,
                          .kind = s->actor != NULL ? s->actor->kind : KT_ACTOR_ANONYMOUS,
                          .first_on_asn = kt_place_of(s->places, s->where.network) == NULL &&
                                          !kt_operator_known(s, 0),
                          .success = success || before };
}

/* ---- judging ---- */
struct crowd {
    unsigned n, first, in, people, of_kind; /* of_kind: of this actor's kind, within an hour */
};

static struct crowd count(const struct kt_scene *s, const struct network *x)
{
    struct crowd c = { 0 };
    for (unsigned i = 0; i < x->n; i++) {
        const struct member *m = &x->member[i];
        if (!is_live(m, s->minute))
            continue;
        c.n++;
        c.first += m->first_on_asn;
        c.in += m->success;
        c.people += kt_kind_is_person(m->kind);
        c.of_kind += s->actor != NULL && m->kind == s->actor->kind && m->minute + 60 >= s->minute;
    }
    return c;
}

/* A third of a kind that moves within an hour is a change of the environment; the engine tells it
 * from what unexpected_ip found. */
static bool is_mass(const struct kt_scene *s, const struct crowd *c)
{
    unsigned active = s->actor != NULL ? s->shared->active[s->actor->kind] : 0;
    return c->of_kind >= 3 && c->of_kind * 10 >= active * 3;
}

enum { N_ALL, N_FIRST, N_IN, N_PEOPLE };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    const double *v = f->number;
    char where[120], net[KT_IP_TEXT_MAX];
    kt_say_network(&s->where, where, sizeof where);
    kt_cidr_format(kt_ip_network(s->ev->ip, 24, 48), net);
    KT_SAY(f->title, "%.0f identities used %s (%s) for the first time within 24 hours.", v[N_ALL],
           net, where);
    KT_SAY(f->normal,
           "None of them knows this network; %.0f never used any network of %s. %.0f got in, %.0f "
           "are people.",
           v[N_FIRST], s->where.asn != 0 ? "its operator" : "its /16", v[N_IN], v[N_PEOPLE]);
    KT_SAY(f->part, "%.0f newcomers in %s within 24 hours", v[N_ALL], net);
    KT_SAY(f->quiet, "%s in networks: (keytrail.yaml), if they share it by right.", net);
}

/* The incident of the (ASN, country), where there is one: it is the same fact. False: it was told
 * within 14 days. */
static bool absorbed(const struct kt_scene *s, struct kt_key *key)
{
    struct kt_key of = { KT_DIM_NETWORK, s->where.network };
    const struct kt_value *v = kt_table_peek(s->shared->values, of);
    if (v == NULL || v->shared_min == 0 || v->shared_last == 0 ||
        s->minute >= v->shared_last + AGAIN_MIN)
        return true;
    *key = (struct kt_key){ KT_DIM_NETWORK, s->where.network ^ (uint64_t)s->where.country << 40 };
    return s->minute < v->shared_min + DAY_MIN;
}

static void judge(struct kt_scene *s, const struct options *o, const struct network *x)
{
    struct crowd c = count(s, x);
    if (c.n < o->least || c.first * 2 < c.n || c.in < 2 || is_mass(s, &c))
        return;
    /* one who mistypes in a hotel is no thief */
    bool friendly = c.in + 1 >= c.n && c.people >= c.in && !s->where.hosting;
    uint64_t n = c.n < COUNTED_MAX ? c.n : COUNTED_MAX;
    uint64_t points = friendly ? o->friendly * n : o->base + o->each * n;
    struct kt_key key = net_key(s);
    if (!absorbed(s, &key))
        return;
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_NETWORK, points < 1000 ? (int)points : 1000, 0, words);
    if (f == NULL)
        return;
    f->key_kind = KT_KEY_NETWORK;
    f->key = key;
    f->number[N_ALL] = c.n;
    f->number[N_FIRST] = c.first;
    f->number[N_IN] = c.in;
    f->number[N_PEOPLE] = c.people;
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    bool success = s->ev->outcome == KT_OUT_SUCCESS || s->ev->outcome == KT_OUT_UNKNOWN;
    bool failure = s->ev->outcome == KT_OUT_DENIED ||
                   (s->ev->outcome == KT_OUT_FAILURE && s->ev->action == KT_ACT_LOGIN);
    if (s->late || !s->where.usable || s->where.inside || s->who.a == 0 || (!success && !failure))
        return;
    bool known = kt_net_known(s->places, s->where.net);
    struct network *x = known ? kt_table_get(s->tables[0], net_key(s))
                              : kt_table_put(s->tables[0], net_key(s), NULL);
    if (x != NULL && s->taught && s->actor != NULL)
        note_sharer(s, x);
    /* whoever knows nothing yet is new everywhere */
    bool young = s->actor != NULL && s->young;
    if (known || young || s->shared->learning || x->shared_days >= o->shared_days ||
        kt_network_expected(s))
        return;
    const struct member *m = member_of(x, s->who.a);
    if (m != NULL && is_live(m, s->minute) && (m->success || !success))
        return; /* counted */
    if (m == NULL && is_of_one_person(s, x))
        return;
    add_member(s, x, success);
    judge(s, o, x);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    const struct options *o = opt;
    const struct network *x = s->where.usable ? kt_table_peek(s->tables[0], net_key(s)) : NULL;
    if (x == NULL || s->where.inside)
        return;
    if (x->shared_days >= o->shared_days)
        kt_buf_addf(out, "shared network (%u days with 3 users)", x->shared_days);
    else
        kt_buf_addf(out, "shared network (%u newcomers in 24 h)", count(s, x).n);
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(ADDRESS) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_shared_network = {
    .name = "shared_network",
    .summary = "Many identities in a network that none of them knows",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .considered = considered,
};
