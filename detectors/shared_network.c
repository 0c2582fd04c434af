/*
 * shared_network: one network, many identities that never used it: accounts that were stolen
 * together, or a network that people share (DETECTION §4.13).
 *
 * Owns:  by /24 or /48: who was new to it in 24 h, and on how many days it was shared.
 * Calls: crowd, detector.h and core only. No clock, no I/O.
 * Holds: names that only fail are a spray (failed_attempts); here at least two got in.
 */
#include "detectors/crowd.h"
#include "detectors/detector.h"

#include <string.h>

#define DAY_MIN     1440u
#define COUNTED_MAX 9u
#define HOUSEHOLD   4u /* users of a network that only belongs to some */
#define AGAIN_MIN   (14u * DAY_MIN)
#define JOIN_MIN    (6u * 60u) /* evidence that comes later is another incident's */

struct options {
    uint64_t least, base, each, friendly, elsewhere, tunnel, client, shared_days;
};
static bool is_network(const void *state)
{
    const struct kt_crowd_net *x = state;
    return x->n <= KT_CROWD_MEMBERS && x->sharers <= KT_CROWD_SHARERS;
}

static const struct kt_table_decl tables[] = {
    { "shared_network", KT_KEY_NETWORK, sizeof(struct kt_crowd_net), 2, 20000, KT_EVICT_LRU,
      is_network },
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
    UINT_OPTION(
        elsewhere, "2",
        "… unless so many did not come there: at least one was at its place of work in "
        "another country sooner than anybody travels, others too or left the firm's way out"),
    UINT_OPTION(tunnel, "3", "… or so many left the firm's way out, by which they always come"),
    UINT_OPTION(client, "3", "… or so many came with one client that was new for each of them."),
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
        if (a->held[i].until_min != 0 && a->held[i].mark != KT_HELD_DISMISSED &&
            minute >= a->held[i].from_min && minute <= a->held[i].until_min)
            return true;
    }
    return false;
}

static void note_sharer(const struct kt_scene *s, struct kt_crowd_net *x)
{
    if (x->day != s->minute / DAY_MIN) {
        x->day = s->minute / DAY_MIN;
        x->sharers = 0;
    }
    if (x->sharers == KT_CROWD_SHARERS || is_held(s->actor, s->minute))
        return;
    for (unsigned i = 0; i < x->sharers; i++) {
        if (x->sharer[i] == s->who.a)
            return;
    }
    x->sharer[x->sharers++] = s->who.a;
    x->shared_days += x->sharers == KT_CROWD_SHARERS;
}

/* ---- who is new ---- */
static bool is_live(const struct kt_crowd_member *m, uint32_t minute)
{
    return m->minute + DAY_MIN > minute;
}

/* One person has several names: at home they meet in a network that nobody else uses. Machines that
 * share one may be taken together, and count. */
static bool is_of_one_person(const struct kt_scene *s, const struct kt_crowd_net *x)
{
    if (s->actor == NULL || !kt_kind_is_person(s->actor->kind))
        return false;
    for (unsigned i = 0; i < s->places->n_net; i++) {
        struct kt_key key = { KT_DIM_NET, s->places->net[i].net };
        const struct kt_value *v = kt_table_peek(s->shared->values, key);
        if (v == NULL || key.b == s->where.net || v->n > HOUSEHOLD)
            continue;
        for (unsigned k = 0; k < v->n * x->n; k++) {
            const struct kt_crowd_member *m = &x->member[k % x->n];
            if (m->actor != 0 && m->actor == v->user[k / x->n].actor && m->who != s->who.a &&
                is_live(m, s->minute))
                return true;
        }
    }
    return false;
}

static struct kt_crowd_member *member_of(struct kt_crowd_net *x, uint64_t who)
{
    for (unsigned i = 0; i < x->n; i++) {
        if (x->member[i].who == who)
            return &x->member[i];
    }
    return NULL;
}

/* ---- who comes ---- */
static struct kt_crowd crowd_of(const struct kt_scene *s, const struct options *o)
{
    return (struct kt_crowd){ .nets = s->tables[0], .shared_days = o->shared_days };
}

/* Takes up one that is new here, in the place of the one that came first. */
static void add_member(const struct kt_scene *s, const struct options *o, struct kt_crowd_net *x,
                       bool success)
{
    struct kt_crowd c = crowd_of(s, o);
    struct kt_crowd_member *m = member_of(x, s->who.a), *oldest = &x->member[0];
    for (unsigned i = 0; m == NULL && i < x->n; i++)
        oldest = x->member[i].minute < oldest->minute ? &x->member[i] : oldest;
    if (m == NULL)
        m = x->n < KT_CROWD_MEMBERS ? &x->member[x->n++] : oldest;
    bool before = m->who == s->who.a && is_live(m, s->minute) && m->success;
    bool new_client =
        s->actor != NULL && s->places->n_client > 0 && !kt_client_known(s->places, s->client);
    *m = (struct kt_crowd_member){ .who = s->who.a,
                                   .actor = s->actor != NULL ? s->actor->number : 0,
                                   .minute = s->minute,
                                   .client = success && new_client ? s->client : 0,
                                   .kind = s->actor != NULL ? s->actor->kind : KT_ACTOR_ANONYMOUS,
                                   .first_on_asn =
                                       kt_place_of(s->places, s->where.network) == NULL &&
                                       !kt_operator_known(s, 0),
                                   .success = success || before,
                                   .signs = success ? kt_crowd_signs(s, &c) : 0 };
}

/* ---- judging ---- */
struct crowd {
    unsigned n, first, in, people, of_kind; /* of_kind: of this actor's kind, within an hour */
    unsigned elsewhere, strays;             /* strays: with a sign that they did not come */
    unsigned client;                        /* with one new client, the most common */
};

static unsigned with_client(const struct kt_scene *s, const struct kt_crowd_net *x, uint32_t client)
{
    unsigned n = 0;
    for (unsigned i = 0; client != 0 && i < x->n; i++)
        n += x->member[i].client == client && is_live(&x->member[i], s->minute);
    return n;
}

static struct crowd count(const struct kt_scene *s, const struct kt_crowd_net *x)
{
    struct crowd c = { 0 };
    for (unsigned i = 0; i < x->n; i++) {
        const struct kt_crowd_member *m = &x->member[i];
        if (!is_live(m, s->minute))
            continue;
        c.n++;
        c.first += m->first_on_asn;
        c.in += m->success;
        c.people += kt_kind_is_person(m->kind);
        c.of_kind += s->actor != NULL && m->kind == s->actor->kind && m->minute + 60 >= s->minute;
        c.elsewhere += (m->signs & KT_CROWD_ELSEWHERE) != 0;
        c.strays += m->signs != 0;
        unsigned same = with_client(s, x, m->client);
        c.client = same > c.client ? same : c.client;
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

/* Is there a sign that they are no group which came together? */
static bool did_not_come(const struct options *o, const struct crowd *c)
{
    return (c->elsewhere > 0 && c->strays >= o->elsewhere) || c->strays >= o->tunnel;
}

static void say_sign(const struct options *o, const struct crowd *c, char *dst, size_t n)
{
    char left[120] = "", here[120] = "";
    if (c->strays > c->elsewhere)
        KT_SAY(left, " %u always come by the firm's way out, and did not.",
               c->strays - c->elsewhere);
    if (c->elsewhere > 0)
        KT_SAY(here,
               " %u were at their places of work in another country, sooner than anybody travels.",
               c->elsewhere);
    dst[0] = '\0';
    if (did_not_come(o, c))
        kt_say(dst, n, "%s%s", here, left);
    else if (c->client >= o->client)
        kt_say(dst, n, " %u came with one client that none of them had used.", c->client);
}

static void say(const struct kt_scene *s, const struct options *o, const struct kt_crowd_net *x,
                const struct crowd *c, struct kt_finding *f)
{
    const struct kt_value *v =
        kt_table_peek(s->shared->values, (struct kt_key){ KT_DIM_NETWORK, x->network });
    char where[120], sign[240], net[KT_IP_TEXT_MAX];
    if (s->where.network == x->network || v == NULL)
        kt_say_network(&s->where, where, sizeof where);
    else
        KT_SAY(where, "%s", v->label); /* found at the home of one of them */
    kt_cidr_format(kt_ip_network(x->ip, 24, 48), net);
    KT_SAY(f->title, "%u identities used %s (%s) for the first time within 24 hours.", c->n, net,
           where);
    say_sign(o, c, sign, sizeof sign);
    KT_SAY(f->normal,
           "None of them knows this network; %u never used any network of %s. %u got in, %u are "
           "people.%s",
           c->first, x->asn != 0 ? "its operator" : "its /16", c->in, c->people, sign);
    KT_SAY(f->part, "%u newcomers in %s within 24 hours", c->n, net);
    KT_SAY(f->quiet, "%s in networks: (keytrail.yaml), if they share it by right.", net);
}

/* The incident of the (ASN, country), where there is one: it is the same fact. False: it was told
 * within 14 days. A crowd with a sign that it did not come there is another fact, once the day of
 * that one is over: what explains an operator explains no accounts in two places. */
static bool absorbed(const struct kt_scene *s, const struct kt_crowd_net *x, bool signs,
                     struct kt_key *key)
{
    struct kt_key of = { KT_DIM_NETWORK, x->network };
    const struct kt_value *v = kt_table_peek(s->shared->values, of);
    if (v == NULL || v->shared_min == 0 || v->shared_last == 0 ||
        s->minute >= v->shared_last + AGAIN_MIN)
        return true;
    bool over = s->minute >= v->shared_min + DAY_MIN;
    if (over && signs && !x->hosting)
        return true;
    *key = (struct kt_key){ KT_DIM_NETWORK, x->network ^ (uint64_t)x->country << 40 };
    return !over;
}

static void judge(struct kt_scene *s, const struct options *o, const struct kt_crowd_net *x,
                  uint64_t net)
{
    struct crowd c = count(s, x);
    if (c.n < o->least || c.first * 2 < c.n || c.in < 2 || is_mass(s, &c))
        return;
    /* one who mistypes in a hotel is no thief */
    bool friendly = c.in + 1 >= c.n && c.people >= c.in && !x->hosting && !did_not_come(o, &c) &&
                    c.client < o->client;
    uint64_t n = c.n < COUNTED_MAX ? c.n : COUNTED_MAX;
    uint64_t points = friendly ? o->friendly * n : o->base + o->each * n;
    struct kt_key key = { KT_DIM_NET, net };
    if (!absorbed(s, x, did_not_come(o, &c), &key))
        return;
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_NETWORK, points < 1000 ? (int)points : 1000, 0, NULL);
    if (f == NULL)
        return;
    f->key_kind = KT_KEY_NETWORK;
    f->key = key;
    say(s, o, x, &c, f);
}

/* One that was new in a network is at its place of work: does that belong together? */
static void at_work(struct kt_scene *s, const struct options *o)
{
    struct kt_crowd c = crowd_of(s, o);
    for (unsigned i = 0; i < s->places->n_net; i++) {
        uint64_t net = s->places->net[i].net;
        if (net == s->where.net ||
            kt_crowd_apart(s->places->net[i].last_min, s->minute) >= JOIN_MIN)
            continue;
        struct kt_crowd_net *x = kt_table_get(s->tables[0], (struct kt_key){ KT_DIM_NET, net });
        struct kt_crowd_member *m = x != NULL ? member_of(x, s->who.a) : NULL;
        if (m == NULL || m->signs & KT_CROWD_ELSEWHERE || !is_live(m, s->minute) ||
            !kt_crowd_too_far(s, &c, m->minute, x->country))
            continue;
        m->signs |= KT_CROWD_ELSEWHERE;
        judge(s, o, x, net);
    }
}

/* The network's entry with what is known of it; NULL: nobody new, and none is held. */
static struct kt_crowd_net *network_of(const struct kt_scene *s, bool known)
{
    struct kt_crowd_net *x = known ? kt_table_get(s->tables[0], net_key(s))
                                   : kt_table_put(s->tables[0], net_key(s), NULL);
    if (x == NULL)
        return NULL;
    x->ip = s->ev->ip;
    x->network = s->where.network;
    x->asn = s->where.asn;
    x->country = s->where.country;
    x->hosting = s->where.hosting;
    if (s->taught && s->actor != NULL) {
        note_sharer(s, x);
        kt_crowd_note_hop(s, x);
    }
    return x;
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
    struct kt_crowd_net *x = network_of(s, known);
    /* whoever knows nothing yet is new everywhere */
    bool young = s->actor != NULL && s->young;
    if (young || s->shared->learning)
        return;
    if (known && x != NULL && s->taught && kt_kind_is_person(s->actor->kind))
        at_work(s, o);
    if (known || x->shared_days >= o->shared_days || kt_network_expected(s))
        return;
    const struct kt_crowd_member *m = member_of(x, s->who.a);
    if (m != NULL && is_live(m, s->minute) && (m->success || !success))
        return; /* counted */
    if (m == NULL && is_of_one_person(s, x))
        return;
    add_member(s, o, x, success);
    judge(s, o, x, s->where.net);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    const struct options *o = opt;
    const struct kt_crowd_net *x = s->where.usable ? kt_table_peek(s->tables[0], net_key(s)) : NULL;
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
