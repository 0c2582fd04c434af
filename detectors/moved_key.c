/*
 * moved_key: one credential of a machine in a network where only the actor's others are used.
 *
 * Owns:  nothing beyond the two tables it is lent.
 * Calls: baseline, hosting_asns, detector.h and core only. No clock, no I/O.
 * Holds: a network that is new to the actor as well is told by unexpected_ip, not here.
 */
#include "detectors/moved_key.h"

#include "core/base/hash.h"
#include "detectors/hosting_asns.h"

#define DAY_MIN     1440u
#define INSIDE      1u
#define CREDENTIAL  UINT64_C(0x6d6f7665646b6579)
#define HALF_LIFE   60.0 /* days: of novelties (DETECTION §3.1) */
#define SUSPECT_MIN (90u * DAY_MIN)
#define TURN_MIN    60u  /* so soon nothing moves: it is in two places */
#define FRESH_MIN   30u  /* how far last_min may lag: a row is not saved at each look */
#define STEADY      0.01 /* another network a day of credentials: they stay where they are */

enum { ASIDE_DAY, ASIDE_MOVE };
enum { N_DAYS, N_LAM, N_TURN };

bool kt_moved_key_is_sound(const void *state)
{
    return ((const struct kt_moved_key *)state)->n <= KT_MOVED_NETS;
}

static struct kt_key key_of(const struct kt_scene *s)
{
    return (struct kt_key){ kt_hash64(s->ev->credential, CREDENTIAL), s->who.a };
}

static int slot_of(const struct kt_moved_key *k, uint64_t net)
{
    for (unsigned i = 0; k != NULL && i < k->n; i++) {
        if (k->at[i].net == net)
            return (int)i;
    }
    return -1;
}

/* ---- words ---- */
static void words(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], key[160], where[120], days[32], often[32], ip[KT_IP_TEXT_MAX];
    bool turn = f->number[N_TURN] > 0;
    kt_say_name(s->ev->actor, 80, who);
    kt_say_name(s->ev->credential, 24, key);
    if (s->where.inside)
        KT_SAY(where, "a private address");
    else
        kt_say_network(&s->where, where, sizeof where);
    KT_SAY(f->title,
           turn ? "%s used its credential %s from a network new to it and from %s in turn."
                : "%s used its credential %s from %s, where only its other ones had been.",
           who, key, where);
    KT_SAY(f->normal,
           "This actor's credentials took up another network about once in %s days of use, by %s "
           "such days, each credential's counted apart (one of %.0f days ago counts half, the last "
           "24 hours do not).",
           kt_say_count(1 / f->number[N_LAM], often), kt_say_count(f->number[N_DAYS], days),
           HALF_LIFE);
    KT_SAY(f->part,
           turn ? "credential %s in two networks in turn" : "new network for credential %s", key);
    KT_SAY(f->quiet, "%s in networks: (keytrail.yaml), for this actor or everybody.",
           turn ? "The network new to it" : kt_cidr_format(kt_ip_network(s->ev->ip, 24, 48), ip));
}

/* ---- judging ---- */
static void habit_of(const struct kt_scene *s, double *ret_moves, double *ret_days)
{
    const struct kt_decay *h = kt_table_peek(s->tables[KT_MOVED_HABIT], s->who);
    *ret_moves = *ret_days = 0;
    if (h == NULL)
        return;
    struct kt_decay now = *h;
    kt_decay_add(&now, s->minute / DAY_MIN, 0, 0, HALF_LIFE);
    *ret_moves = (double)now.a;
    *ret_days = (double)now.b;
}

/* In turn: what was new to the credential is the other network, which was asked for when it came.
 */
static int tell(struct kt_scene *s, const struct kt_moved_options *o, int points, bool turn,
                unsigned flags)
{
    double moves, days;
    habit_of(s, &moves, &days);
    double lam =
        kt_novelty_rate(turn ? o->run_alpha : o->alpha, turn ? o->run_beta : o->beta, moves, days);
    if (days < (double)o->least_days || (!turn && kt_network_expected(s)))
        return 0;
    points = points > 0 ? points : kt_points(kt_novelty_self(lam));
    points += turn ? kt_points(o->in_turn) : 0;
    struct kt_finding *f = kt_find(s, KT_FAMILY_NETWORK, points, flags, words);
    if (f == NULL)
        return 0;
    f->number[N_DAYS] = days;
    f->number[N_LAM] = lam;
    f->number[N_TURN] = turn;
    return points;
}

/* Machines and runs each get a credential of their own that ends with them: it does not go from one
 * to the next. One that lives longer goes along when its machine is replaced. */
static bool is_of_one_run(const struct kt_moved_key *k, uint32_t minute)
{
    for (unsigned i = 0; i < k->n; i++) {
        if (k->at[i].first_min + DAY_MIN <= minute)
            return false;
    }
    return true;
}

static bool is_within_turn(uint32_t a, uint32_t b)
{
    return (a > b ? a - b : b - a) < TURN_MIN;
}

/* Do the actor's credentials stay where they are, and does this one live for a day at most? */
static bool is_steady_run(const struct kt_scene *s, const struct kt_moved_options *o,
                          const struct kt_moved_key *k, double *ret_lam)
{
    double moves, days;
    habit_of(s, &moves, &days);
    *ret_lam = kt_novelty_rate(o->run_alpha, o->run_beta, moves, days);
    return is_of_one_run(k, s->minute) && days >= (double)o->least_days && *ret_lam < STEADY;
}

/* Was it used there within the hour of the scene, and is that another operator's? */
static bool is_at_other(const struct kt_scene *s, const struct kt_moved_net *at)
{
    bool named = at->network >> 60 == KT_NETWORK_ASN >> 60 && s->where.asn != 0;
    return named && !kt_same_operator((uint32_t)at->network, s->where.asn) &&
           is_within_turn(at->last_min, s->minute);
}

bool kt_moved_key_elsewhere(const struct kt_scene *s, const struct kt_moved_options *o,
                            double *ret_lam)
{
    if (s->late || s->ev->credential.len == 0)
        return false;
    const struct kt_moved_key *k = kt_table_peek(s->tables[KT_MOVED_KEY], key_of(s));
    bool elsewhere = false;
    for (unsigned i = 0; k != NULL && i < k->n; i++)
        elsewhere = elsewhere || is_at_other(s, &k->at[i]);
    double lam = 0;
    if (!elsewhere || !is_steady_run(s, o, k, &lam))
        return false;
    *ret_lam = lam;
    return true;
}

/* The same where the logs bring the records the other way round: the network of another operator
 * that was new to the actor came first. */
static int came_before(const struct kt_scene *s, const struct kt_moved_options *o,
                       const struct kt_moved_key *k)
{
    double lam;
    for (unsigned i = 0; i < k->n; i++) {
        const struct kt_moved_net *at = &k->at[i];
        if (at->fresh == KT_MOVED_FRESH_NETWORK && !at->turned && is_at_other(s, at))
            return is_steady_run(s, o, k, &lam) ? (int)i : -1;
    }
    return -1;
}

/* Did the actor work there before today, by others of its credentials, and is that no suspicion? */
static bool is_actors_own(const struct kt_scene *s)
{
    const struct kt_place *p = s->where.inside ? NULL : kt_place_of(s->places, s->where.network);
    return p != NULL && !kt_place_tainted(p, s->minute) && p->first_min + DAY_MIN <= s->minute;
}

static bool is_user(const struct kt_value *v, uint32_t actor, unsigned kind)
{
    bool is = v != NULL && (v->beyond[kind] & kt_value_bit(actor)) != 0;
    for (unsigned i = 0; v != NULL && i < v->n; i++)
        is = is || v->user[i].actor == actor;
    return is;
}

/* Is the /24 a way out of the firm's: of several others, or of one that shares the scene's? A
 * single one that does not gets its addresses from the cloud's pool, and may have been in any of
 * them. */
static bool is_way_out(const struct kt_scene *s, uint64_t net)
{
    struct kt_key there = { KT_DIM_NET, net }, own = { KT_DIM_NET, s->where.net };
    const struct kt_value *v = kt_table_peek(s->shared->values, there);
    const struct kt_value *shared = kt_table_peek(s->shared->values, own);
    bool is = kt_value_users(s, KT_DIM_NET, net, KT_ACTOR_COUNT) > 1;
    for (unsigned i = 0; v != NULL && i < v->n; i++) {
        bool other = v->user[i].actor != s->actor->number && !v->user[i].tainted;
        is = is || (other && is_user(shared, v->user[i].actor, v->user[i].kind));
    }
    return is;
}

/* Machines of one operator get their addresses from it as it likes, and IPv6 beside IPv4. But what
 * one of them holds does not go to and fro within the hour between its own way out and one that
 * is none of the firm's. */
static bool is_copy_within(const struct kt_scene *s, const struct kt_moved_options *o,
                           const struct kt_moved_key *k, const struct kt_moved_net *to)
{
    double lam;
    return to->fresh != KT_MOVED_KNOWN && to->net >> 60 == s->where.net >> 60 &&
           is_within_turn(to->last_min, s->minute) && !is_way_out(s, to->net) &&
           is_steady_run(s, o, k, &lam);
}

/* The network that the credential took up within a day, after this one where it still is. */
static int moved_to(const struct kt_scene *s, const struct kt_moved_options *o,
                    const struct kt_moved_key *k, int here)
{
    for (unsigned i = 0; i < k->n; i++) {
        const struct kt_moved_net *to = &k->at[i];
        if (to->points > 0 && !to->turned && to->first_min > k->at[here].first_min &&
            to->first_min <= s->minute && to->first_min + DAY_MIN > s->minute &&
            (to->network != k->at[here].network || is_copy_within(s, o, k, to)))
            return (int)i;
    }
    return -1;
}

/* What a run holds says of the account that it is in other hands. */
static bool tell_turn(struct kt_scene *s, const struct kt_moved_options *o, struct kt_key key,
                      const struct kt_moved_key *k, int to)
{
    unsigned flags = is_of_one_run(k, s->minute) ? KT_FIND_ACCOUNT : 0;
    if (to < 0 || tell(s, o, k->at[to].points, true, flags) == 0)
        return false;
    struct kt_moved_key *m = kt_table_get(s->tables[KT_MOVED_KEY], key);
    m->at[to].turned = 1;
    return true;
}

/* Returns the points with which a new network is told. */
static int judge(struct kt_scene *s, const struct kt_moved_options *o, struct kt_key key,
                 const struct kt_moved_key *k, int here)
{
    if (here < 0 && is_actors_own(s) && tell_turn(s, o, key, k, came_before(s, o, k)))
        return 0;
    if (here < 0)
        return is_actors_own(s) ? tell(s, o, 0, false, 0) : 0;
    const struct kt_moved_net *at = &k->at[here];
    if (at->points > 0 && kt_first_in_incident(s->actor, at->first_min, s->minute, SUSPECT_MIN))
        (void)tell(s, o, at->points, false, KT_FIND_BESIDE);
    (void)tell_turn(s, o, key, k, moved_to(s, o, k, here));
    return 0;
}

/* ---- learning ---- */
static struct kt_moved_net *slot_for(struct kt_moved_key *k)
{
    if (k->n < KT_MOVED_NETS)
        return &k->at[k->n++];
    struct kt_moved_net *oldest = &k->at[0];
    for (unsigned i = 1; i < k->n; i++)
        oldest = k->at[i].last_min < oldest->last_min ? &k->at[i] : oldest;
    return oldest;
}

static void put_aside(struct kt_scene *s, uint8_t what)
{
    static const uint16_t once[4] = { 1, 0, 0, 0 };
    kt_put_aside(s, what, s->minute / 60, (s->minute / 60 + 1) * 60, once);
}

static enum kt_moved_fresh what_is_fresh(const struct kt_scene *s)
{
    if (s->where.inside || kt_net_known(s->places, s->where.net) || kt_network_expected(s))
        return KT_MOVED_KNOWN;
    bool known = kt_place_of(s->places, s->where.network) != NULL;
    return known || kt_operator_known(s, 0) ? KT_MOVED_FRESH_NET : KT_MOVED_FRESH_NETWORK;
}

static void note(struct kt_scene *s, struct kt_key key, uint64_t net, int points)
{
    struct kt_moved_key *k = kt_table_put(s->tables[KT_MOVED_KEY], key, NULL);
    int here = slot_of(k, net);
    struct kt_moved_net *at = here >= 0 ? &k->at[here] : NULL;
    if (at == NULL) {
        if (k->n > 0)
            put_aside(s, ASIDE_MOVE);
        at = slot_for(k);
        *at = (struct kt_moved_net){ .net = net,
                                     .network = net == INSIDE ? INSIDE : s->where.network,
                                     .first_min = s->minute,
                                     .points = (uint16_t)points,
                                     .fresh = (uint32_t)what_is_fresh(s) };
    }
    at->first_min = s->minute < at->first_min ? s->minute : at->first_min;
    at->last_min = s->minute > at->last_min ? s->minute : at->last_min;
    uint16_t day = (uint16_t)(s->minute / DAY_MIN);
    if (day > k->last_day)
        put_aside(s, ASIDE_DAY);
    k->last_day = day > k->last_day ? day : k->last_day;
}

void kt_moved_key_learn(struct kt_scene *s, const struct kt_pending *p)
{
    struct kt_decay *h = kt_table_put(s->tables[KT_MOVED_HABIT], s->who, NULL);
    uint32_t day = (p->time_min - 60) / DAY_MIN;
    kt_decay_add(h, day, p->what == ASIDE_MOVE ? p->v[0] : 0, p->what == ASIDE_DAY ? p->v[0] : 0,
                 HALF_LIFE);
}

void kt_moved_key(struct kt_scene *s, const struct kt_moved_options *o)
{
    /* nothing that stays inside goes where only others had been */
    if (s->late || s->ev->credential.len == 0 || (s->where.inside && !s->places->public_seen))
        return;
    uint64_t net = s->where.inside ? INSIDE : s->where.net;
    struct kt_key key = key_of(s);
    const struct kt_moved_key *k = kt_table_peek(s->tables[KT_MOVED_KEY], key);
    int here = slot_of(k, net), points = 0;
    if (k != NULL && o->judged)
        points = judge(s, o, key, k, here);
    bool counted = here >= 0 && k->last_day == s->minute / DAY_MIN &&
                   k->at[here].last_min + FRESH_MIN > s->minute &&
                   k->at[here].last_min / DAY_MIN == s->minute / DAY_MIN;
    if (s->taught && !counted)
        note(s, key, net, points);
}
