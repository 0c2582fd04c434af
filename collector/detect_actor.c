/*
 * detect_actor: from where an actor acts, what is known of it, and what waits 24 h to be counted.
 *
 * Owns:  the engine's tables of actors, places, values, facts, and the pool of numbers put aside.
 * Calls: detectors (shared structs, on_learn), core/base. No clock, no I/O.
 * Holds: only successes teach; what an incident holds back is never counted (DETECTION §2).
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "collector/detect_state.h"
#include "core/base/alloc.h"

#define NONE         UINT32_MAX
#define POOL_MAX     150000u /* 4.6 MiB; with every table full the state is about 90 MiB */
#define DAY_MIN      1440u
#define NOVELTY_DAYS 60.0
#define FORGET_MIN   (180u * DAY_MIN)
#define RIPE_MAX     64u
#define TAG(n)       ((uint64_t)(n) << 60)
enum { ASIDE_HOUR, ASIDE_PLACE };

/* ---- where ---- */
static uint64_t leading(struct kt_ip ip, unsigned from, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | ip.at[from + i];
    return v;
}

bool kt_detect_is_inside(struct kt_ip ip)
{
    static const bool inside[KT_IP_TUNNEL + 1] = {
        [KT_IP_PRIVATE] = true,    [KT_IP_CGNAT] = true,    [KT_IP_LOOPBACK] = true,
        [KT_IP_LINK_LOCAL] = true, [KT_IP_RESERVED] = true, [KT_IP_MULTICAST] = true
    };
    return inside[kt_ip_class(ip)];
}

void kt_detect_where(struct kt_detect *d, struct kt_scene *s)
{
    const struct kt_event *ev = s->ev;
    s->where =
        (struct kt_where){ .usable = ev->has_ip && ev->ip_trust == KT_TRUST_EDGE, .org = "" };
    if (!s->where.usable)
        return;
    struct kt_where *w = &s->where;
    bool v4 = kt_ip_is_v4(ev->ip);
    memcpy(&w->address, ev->ip.at, sizeof w->address);
    w->inside = kt_detect_is_inside(ev->ip);
    w->net = v4 ? TAG(1) | leading(ev->ip, 12, 3) : TAG(2) | leading(ev->ip, 0, 6);
    w->network = v4 ? TAG(3) | leading(ev->ip, 12, 2) : TAG(4) | leading(ev->ip, 0, 4);
    const struct fact *f = kt_table_get(d->facts, w->address);
    if (f == NULL)
        return;
    w->asn = f->asn;
    w->network = f->asn != 0 ? KT_NETWORK_ASN | f->asn : w->network;
    w->country = f->country;
    w->hosting = f->hosting != 0;
    w->build = f->build;
    w->placed = f->placed != 0;
    w->lat = f->lat_e2 / 100.0;
    w->lon = f->lon_e2 / 100.0;
    w->radius_km = f->radius_km;
    w->org = f->org;
}

/* Product and system of a user agent, without versions: what stays when a laptop is updated. */
uint32_t kt_detect_client(struct kt_str ua)
{
    static const char *const browsers[] = { "Edg/", "OPR/", "Firefox/", "Chrome/", "Safari/" };
    static const char *const systems[] = { "Windows", "Android", "iPhone", "iPad",  "Mac OS",
                                           "macOS",   "darwin",  "Darwin", "Linux", "linux" };
    if (ua.len == 0)
        return 0;
    ua = kt_str_sub(ua, 0, 400);
    size_t end = 0;
    while (end < ua.len && ua.at[end] != '/' && ua.at[end] != ' ' && ua.at[end] != '(')
        end++;
    struct kt_str product = kt_str_sub(ua, 0, end);
    for (size_t i = 0; kt_str_is(product, "Mozilla") && i < KT_ARRAY_LEN(browsers); i++) {
        if (kt_str_has(ua, kt_str_of(browsers[i])))
            product = kt_str_of(browsers[i]);
    }
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < product.len; i++)
        h = (h ^ (unsigned char)product.at[i]) * 16777619u;
    for (size_t i = 0; i < KT_ARRAY_LEN(systems); i++) {
        if (kt_str_has(ua, kt_str_of(systems[i])))
            return (h ^ (uint32_t)(i + 1)) * 16777619u | 1u;
    }
    return h | 1u;
}

/* ---- what waits ---- */
uint32_t kt_detect_pool_take(struct kt_detect *d)
{
    struct core *c = &d->core;
    if (c->pool_free != NONE) {
        uint32_t i = c->pool_free;
        c->pool_free = d->pool[i].next;
        return i;
    }
    if (c->pool_used == POOL_MAX)
        return NONE;
    if (c->pool_used == d->pool_cap) {
        d->pool_cap = d->pool_cap == 0 ? 1024 : 2 * d->pool_cap;
        d->pool = kt_realloc_array(d->pool, d->pool_cap, sizeof *d->pool);
    }
    return c->pool_used++;
}

void kt_detect_pool_give(struct kt_detect *d, uint32_t i)
{
    memset(&d->pool[i], 0, sizeof d->pool[i]);
    d->pool[i].next = d->core.pool_free;
    d->core.pool_free = i;
    d->core.pool_held--;
}

static uint16_t add16(uint16_t a, uint16_t b)
{
    return a > UINT16_MAX - b ? UINT16_MAX : (uint16_t)(a + b);
}

static unsigned bit_of(const struct kt_pending *p)
{
    uint64_t h = p->key ^ (uint64_t)p->time_min << 20 ^ (uint64_t)p->detector << 8 ^ p->what;
    return (unsigned)(h * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static void mark(uint64_t bits[4], const struct kt_pending *p)
{
    bits[bit_of(p) / 64] |= UINT64_C(1) << bit_of(p) % 64;
}

static bool merge_aside(struct kt_detect *d, const struct kt_actor *a, const struct kt_pending *p)
{
    if ((a->pending_bits[bit_of(p) / 64] >> bit_of(p) % 64 & 1) == 0)
        return false;
    for (uint32_t i = a->pending_n == 0 ? NONE : a->pending_head; i != NONE; i = d->pool[i].next) {
        struct kt_pending *q = &d->pool[i];
        if (q->time_min != p->time_min || q->detector != p->detector || q->what != p->what ||
            q->key != p->key)
            continue;
        q->v[0] = add16(q->v[0], p->v[0]);
        for (unsigned k = 1; k < 4; k++)
            q->v[k] = q->v[k] < p->v[k] ? p->v[k] : q->v[k];
        return true;
    }
    return false;
}

static void put_aside(struct kt_detect *d, struct kt_actor *a, const struct kt_pending *p)
{
    if (merge_aside(d, a, p))
        return;
    uint32_t i = kt_detect_pool_take(d);
    if (i == NONE) {
        d->core.put_aside_lost++;
        return;
    }
    d->core.pool_held++;
    d->pool[i] = *p;
    /* newest first: the hour in work is found at once; kt_detect_apply takes the old ones in order
     */
    d->pool[i].next = a->pending_n == 0 ? NONE : a->pending_head;
    a->pending_head = i;
    a->pending_n++;
    mark(a->pending_bits, p);
}

static bool held_back(const struct kt_actor *a, const struct kt_pending *p)
{
    for (unsigned i = 0; i < KT_HELD_MAX; i++) {
        if (a->held[i].until_min != 0 && p->time_min > a->held[i].from_min &&
            p->time_min - 60 <= a->held[i].until_min)
            return true;
    }
    return false;
}

/* The hour opposite the circular mean of the hours: the quietest, where a person's day starts. */
static uint8_t quietest_hour(const struct kt_actor *a)
{
    double x = 0, y = 0;
    for (unsigned h = 0; h < 24; h++) {
        x += a->hours[h] * cos(2 * M_PI * (h + 0.5) / 24);
        y += a->hours[h] * sin(2 * M_PI * (h + 0.5) / 24);
    }
    double mean = atan2(y, x) / (2 * M_PI) * 24;
    int hour = (int)floor(mean + 12);
    return (uint8_t)(((hour % 24) + 24) % 24);
}

static void learn_hour(struct kt_actor *a, uint32_t hour)
{
    uint32_t day = kt_actor_day(a, hour * 60);
    a->hours[hour % 24] = add16(a->hours[hour % 24], 1);
    a->hours_known = add16(a->hours_known, 1);
    if (a->active_days == 0)
        a->first_day = day;
    if (a->active_days == 0 || day > a->last_day) {
        double g = exp2(-1.0 / NOVELTY_DAYS);
        a->days = (float)((double)a->days * g + 1);
        for (unsigned i = 0; i < KT_NOVELS; i++)
            a->novel[i] = (float)((double)a->novel[i] * g);
        a->active_days++;
        a->last_day = day;
    }
    bool fixed = a->origin != 0 && a->active_days % 30 != 0;
    if (kt_kind_is_person(a->kind) && a->hours_known >= 20 && !fixed)
        a->origin = quietest_hour(a);
}

/* Three people who took a network up within a day know something: it is no habit of each. */
static bool shared_cause(const struct kt_detect *d, uint64_t network, uint32_t minute)
{
    const struct kt_value *v =
        kt_table_peek(d->shared.values, (struct kt_key){ KT_DIM_NETWORK, network });
    return v != NULL && v->shared_min != 0 && minute + DAY_MIN > v->shared_min &&
           minute < v->shared_min + 2 * DAY_MIN;
}

static void learn_place(struct kt_detect *d, struct kt_scene *s, const struct kt_pending *p)
{
    struct kt_places *places = kt_table_get(d->places, s->who);
    struct kt_actor *a = s->actor;
    for (unsigned i = 0; places != NULL && i < places->n_place; i++) {
        struct kt_place *place = &places->place[i];
        if (place->network != p->key)
            continue;
        uint16_t day = (uint16_t)kt_actor_day(a, p->time_min - 60);
        if (place->days == 0 && a->active_days > 0 && day > a->first_day &&
            !shared_cause(d, place->network, place->first_min)) {
            a->novel[KT_NOVEL_NETWORK] += 1.0f;
            if (p->v[1] != 0)
                a->novel[KT_NOVEL_CLASS] += 1.0f;
        }
        if (place->days == 0 || place->last_day < day) {
            place->days = add16(place->days, 1);
            place->last_day = day;
        }
    }
}

void kt_detect_learn(struct kt_detect *d, struct kt_scene *s, const struct kt_pending *p)
{
    if (p->detector != ENGINE_DETECTOR) {
        const struct kt_detector *det = kt_detectors[p->detector];
        s->detector = p->detector;
        s->tables = d->detector[p->detector].table;
        if (det->on_learn != NULL)
            det->on_learn(s, d->tuning.options[p->detector], p);
    } else if (p->what == ASIDE_HOUR) {
        learn_hour(s->actor, (uint32_t)p->key);
    } else {
        learn_place(d, s, p);
    }
}

/* The ripe items that were put aside first, at most RIPE_MAX of them, the first one last, each with
 * what stands before it in the list, which is newest first. */
struct ripe {
    uint32_t at[RIPE_MAX], before[RIPE_MAX];
    uint32_t n;       /* all that are ripe: number k is in slot k % RIPE_MAX */
    uint32_t next;    /* the earliest moment at which another is */
    uint64_t bits[4]; /* of the others */
};

static struct ripe find_ripe(const struct kt_detect *d, const struct kt_actor *a, uint32_t minute)
{
    struct ripe r;
    r.n = 0;
    r.next = UINT32_MAX;
    memset(r.bits, 0, sizeof r.bits);
    uint32_t before = NONE;
    for (uint32_t i = a->pending_n == 0 ? NONE : a->pending_head; i != NONE; i = d->pool[i].next) {
        uint32_t due = d->pool[i].time_min + DAY_MIN;
        if (due > minute) {
            r.next = due < r.next ? due : r.next;
            mark(r.bits, &d->pool[i]);
        } else {
            r.at[r.n % RIPE_MAX] = i;
            r.before[r.n++ % RIPE_MAX] = before;
        }
        before = i;
    }
    return r;
}

static void unlink_aside(struct kt_detect *d, struct kt_actor *a, uint32_t before, uint32_t gone)
{
    *(before == NONE ? &a->pending_head : &d->pool[before].next) = d->pool[gone].next;
    a->pending_n--;
    kt_detect_pool_give(d, gone);
}

void kt_detect_apply(struct kt_detect *d, struct kt_scene *s)
{
    struct kt_actor *a = s->actor;
    struct ripe r;
    /* the earliest moment at which anything may be due; spares the walk for busy actors */
    if (a->pending_n == 0 || s->minute < a->pending_due)
        return;
    do {
        r = find_ripe(d, a, s->minute);
        for (uint32_t k = r.n; k-- > 0 && r.n - k <= RIPE_MAX;) {
            struct kt_pending p = d->pool[r.at[k % RIPE_MAX]];
            unlink_aside(d, a, r.before[k % RIPE_MAX], r.at[k % RIPE_MAX]);
            if (!held_back(a, &p))
                kt_detect_learn(d, s, &p);
            else
                kt_detect_put_by(d, a, s->who, &p);
        }
    } while (r.n > RIPE_MAX);
    a->pending_due = r.next;
    memcpy(a->pending_bits, r.bits, sizeof r.bits);
}

/* ---- actors ---- */
static void drop_oldest_actor(struct kt_detect *d)
{
    struct kt_key key;
    if (!kt_table_full(d->actors) || !kt_table_oldest(d->actors, &key))
        return;
    struct kt_actor *old = kt_table_get(d->actors, key);
    while (old->pending_n > 0)
        unlink_aside(d, old, NONE, old->pending_head);
    kt_table_remove(d->actors, key);
    kt_table_remove(d->places, key);
}

struct kt_actor *kt_detect_actor_new(struct kt_detect *d, struct kt_scene *s)
{
    drop_oldest_actor(d);
    struct kt_actor *a = kt_table_put(d->actors, s->who, NULL);
    a->number = ++d->core.actor_number;
    a->first_min = a->last_min = s->minute;
    a->pending_head = NONE;
    a->pending_due = UINT32_MAX;
    kt_str_copyz(a->name, sizeof a->name, kt_utf8_cut(s->ev->actor, sizeof a->name - 1));
    (void)kt_table_put(d->places, s->who, NULL);
    return a;
}

void kt_detect_hold(struct kt_actor *a, uint32_t from_min, uint32_t until_min, enum kt_held mark)
{
    for (unsigned i = 0; i < KT_HELD_MAX; i++) {
        bool same = a->held[i].mark == (uint32_t)mark && a->held[i].until_min != 0 &&
                    from_min <= a->held[i].until_min && until_min >= a->held[i].from_min;
        if (!same)
            continue;
        a->held[i].from_min = from_min < a->held[i].from_min ? from_min : a->held[i].from_min;
        a->held[i].until_min = until_min > a->held[i].until_min ? until_min : a->held[i].until_min;
        return;
    }
    unsigned slot = a->held_n++ % KT_HELD_MAX;
    a->held[slot].mark = (uint32_t)mark;
    a->held[slot].from_min = from_min;
    a->held[slot].until_min = until_min;
}

/* A use in an incident excuses no colleague. It stays a newcomer's: where three come within a day,
 * they are one fact, whatever each of them was taken for (DETECTION §5). */
void kt_detect_mark_user(struct kt_detect *d, uint64_t network, uint32_t actor, bool tainted)
{
    struct kt_value *v = kt_table_get(d->shared.values, (struct kt_key){ KT_DIM_NETWORK, network });
    for (unsigned i = 0; v != NULL && i < v->n; i++) {
        if (v->user[i].actor == actor)
            v->user[i].tainted = tainted;
    }
}

void kt_detect_taint(struct kt_detect *d, struct kt_key who, uint32_t from_min, uint32_t until_min)
{
    struct kt_places *p = kt_table_get(d->places, who);
    const struct kt_actor *a = kt_table_peek(d->actors, who);
    for (unsigned i = 0; p != NULL && a != NULL && i < p->n_place; i++) {
        struct kt_place *place = &p->place[i];
        if (place->taint_min != 0 || place->first_min < from_min || place->first_min > until_min ||
            shared_cause(d, place->network, place->first_min))
            continue;
        place->taint_min = until_min;
        kt_detect_mark_user(d, place->network, a->number, true);
    }
}

/* Those who came first were taken for thieves before the third showed what it was: the network of a
 * shared cause keeps no mark. */
void kt_detect_clear(struct kt_detect *d, struct kt_scene *s)
{
    struct kt_places *p = s->places;
    for (unsigned i = 0; p != NULL && i < p->n_place; i++) {
        struct kt_place *place = &p->place[i];
        if (place->taint_min != 0 && place->network == s->where.network &&
            shared_cause(d, place->network, place->first_min))
            place->taint_min = 0;
    }
}

/* ---- seen ---- */
static void note_user(struct kt_detect *d, const struct kt_scene *s, enum kt_dim dim,
                      uint64_t value)
{
    bool fresh;
    struct kt_value *v =
        kt_table_put(d->shared.values, (struct kt_key){ (uint64_t)dim, value }, &fresh);
    if (fresh && dim == KT_DIM_NETWORK)
        kt_say_network(&s->where, v->label, sizeof v->label);
    uint16_t day = (uint16_t)(s->minute / DAY_MIN);
    for (unsigned i = 0; i < v->n; i++) {
        if (v->user[i].actor == s->actor->number) {
            v->user[i].last_day = day > v->user[i].last_day ? day : v->user[i].last_day;
            v->user[i].tainted = 0;
            return;
        }
    }
    if (v->n == KT_USERS_EXACT) {
        v->beyond++;
        return;
    }
    v->user[v->n].actor = s->actor->number;
    v->user[v->n].first_min = s->minute;
    v->user[v->n].last_day = day;
    v->user[v->n].country = s->where.country;
    v->user[v->n++].kind = s->actor->kind;
}

static int network_points(const struct kt_scene *s)
{
    for (unsigned i = 0; i < s->n_found; i++) {
        if (s->found[i].network != 0 && !(s->found[i].flags & KT_FIND_BESIDE))
            return s->found[i].points;
    }
    return 0;
}

static struct kt_place *place_slot(struct kt_places *p, const struct kt_scene *s, bool *ret_new)
{
    struct kt_place *oldest = &p->place[0];
    for (unsigned i = 0; i < p->n_place; i++) {
        struct kt_place *q = &p->place[i];
        if (q->network == s->where.network) {
            *ret_new = q->last_min + FORGET_MIN < s->minute || network_points(s) > 0;
            return q;
        }
        oldest = q->last_min < oldest->last_min ? q : oldest;
    }
    *ret_new = true;
    return p->n_place < KT_PLACES ? &p->place[p->n_place++] : oldest;
}

static bool note_net(struct kt_places *p, uint64_t net, uint32_t minute)
{
    unsigned slot = p->n_net, oldest = 0;
    for (unsigned i = 0; i < p->n_net; i++) {
        if (p->net[i].net == net) {
            bool new_day = p->net[i].last_min / DAY_MIN != minute / DAY_MIN;
            p->net[i].last_min = minute > p->net[i].last_min ? minute : p->net[i].last_min;
            return new_day;
        }
        oldest = p->net[i].last_min < p->net[oldest].last_min ? i : oldest;
    }
    if (p->n_net < KT_NETS)
        p->n_net++;
    else
        slot = oldest;
    p->net[slot].net = net;
    p->net[slot].last_min = minute;
    return true;
}

static void note_country(struct kt_places *p, uint16_t code, uint32_t minute)
{
    uint16_t day = (uint16_t)(minute / DAY_MIN);
    unsigned slot = p->n_country, oldest = 0;
    for (unsigned i = 0; i < p->n_country; i++) {
        if (p->country[i].code == code) {
            p->country[i].last_day = day;
            return;
        }
        oldest = p->country[i].last_day < p->country[oldest].last_day ? i : oldest;
    }
    if (p->n_country < KT_ARRAY_LEN(p->country))
        p->n_country++;
    else
        slot = oldest;
    p->country[slot].code = code;
    p->country[slot].last_day = day;
}

static void note_client(struct kt_places *p, uint32_t client)
{
    if (client == 0 || kt_client_known(p, client))
        return;
    p->client[p->client_at++ % KT_CLIENTS] = client;
    if (p->n_client < KT_CLIENTS)
        p->n_client++;
}

static void seen_public(struct kt_detect *d, struct kt_scene *s, struct kt_places *p)
{
    bool fresh;
    struct kt_place *place = place_slot(p, s, &fresh);
    bool first_public = !p->public_seen && p->inside_seen;
    if (fresh)
        *place = (struct kt_place){ .network = s->where.network,
                                    .first_min = s->minute,
                                    .last_min = s->minute,
                                    .country = s->where.country,
                                    .surprise = (uint16_t)network_points(s) };
    bool new_day = place->last_min / DAY_MIN != s->minute / DAY_MIN;
    place->last_min = s->minute > place->last_min ? s->minute : place->last_min;
    place->first_min = s->minute < place->first_min ? s->minute : place->first_min;
    if (fresh || new_day) {
        struct kt_pending aside = { .key = s->where.network,
                                    .time_min = (s->minute / 60 + 1) * 60,
                                    .v = { 1, first_public, 0, 0 },
                                    .detector = ENGINE_DETECTOR,
                                    .what = ASIDE_PLACE };
        put_aside(d, s->actor, &aside);
    }
    bool new_net_day = note_net(p, s->where.net, s->minute);
    p->public_seen = 1;
    if (kt_place_tainted(place, s->minute))
        return; /* no use that would excuse a colleague */
    if (fresh || new_day)
        note_user(d, s, KT_DIM_NETWORK, s->where.network);
    if (new_net_day)
        note_user(d, s, KT_DIM_NET, s->where.net);
    if (s->where.country != 0 && (fresh || new_day || !kt_country_known(p, s->where.country)))
        note_user(d, s, KT_DIM_COUNTRY, s->where.country);
    if (s->where.country != 0)
        note_country(p, s->where.country, s->minute);
}

void kt_detect_seen(struct kt_detect *d, struct kt_scene *s)
{
    struct kt_actor *a = s->actor;
    bool failed_login = s->ev->action == KT_ACT_LOGIN && s->ev->outcome != KT_OUT_SUCCESS;
    if (!failed_login && !s->late) {
        struct kt_pending hour = { .key = s->minute / 60,
                                   .time_min = (s->minute / 60 + 1) * 60,
                                   .v = { 1, 0, 0, 0 },
                                   .detector = ENGINE_DETECTOR,
                                   .what = ASIDE_HOUR };
        put_aside(d, a, &hour);
    }
    for (unsigned i = 0; i < s->n_put_aside; i++)
        put_aside(d, a, &s->put_aside[i]);
    uint32_t due = (s->minute / 60 + 1) * 60 + DAY_MIN;
    a->pending_due = due < a->pending_due ? due : a->pending_due;
    a->last_min = s->minute > a->last_min ? s->minute : a->last_min;
    a->first_min = s->minute < a->first_min ? s->minute : a->first_min;
    if (!s->taught)
        return;
    struct kt_places *p = kt_table_get(d->places, s->who);
    assert(p != NULL);
    note_client(p, s->client);
    if (!s->where.usable)
        return;
    if (s->where.inside)
        p->inside_seen = 1;
    else
        seen_public(d, s, p);
}
