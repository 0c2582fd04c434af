/*
 * detect_actor: from where an actor acts, and what is known of it.
 *
 * Owns:  the engine's tables of actors, places, values, facts.
 * Calls: detect_aside, detectors (shared structs), core/base. No clock, no I/O.
 * Holds: only successes teach.
 */
#include <string.h>

#include "collector/detect_state.h"
#include "core/base/hash.h"

#define DAY_MIN    1440u
#define FORGET_MIN (180u * DAY_MIN)
#define TAG(n)     ((uint64_t)(n) << 60)
#define TEAM_SEED  UINT64_C(0x7465616d)

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

/* Its place in the order of use is that of the day: a look changes nothing that is to be saved. */
static const struct fact *fact_of(struct kt_detect *d, struct kt_key address, uint16_t day)
{
    struct kt_table *in = d->facts;
    const struct fact *known = kt_table_peek(in, address);
    if (known == NULL)
        known = kt_table_peek(in = d->strangers, address);
    if (known == NULL || known->day == day)
        return known;
    struct fact *f = kt_table_get(in, address);
    f->day = day;
    return f;
}

/* Somebody got in: it is no stranger's address any more. */
static void keep_fact(struct kt_detect *d, struct kt_key address)
{
    const struct fact *f = kt_table_peek(d->strangers, address);
    if (f == NULL)
        return;
    *(struct fact *)kt_table_put(d->facts, address, NULL) = *f;
    kt_table_remove(d->strangers, address);
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
    const struct fact *f = fact_of(d, w->address, (uint16_t)(s->minute / DAY_MIN));
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

/* Three people who took a network up within a day know something: it is no habit of each. */
bool kt_detect_shared_cause(const struct kt_detect *d, uint64_t network, uint32_t minute)
{
    const struct kt_value *v =
        kt_table_peek(d->shared.values, (struct kt_key){ KT_DIM_NETWORK, network });
    return v != NULL && v->shared_min != 0 && minute + DAY_MIN > v->shared_min &&
           minute < v->shared_min + 2 * DAY_MIN;
}

/* ---- actors ---- */
/* By hour and day of the newest event: 3 days, over a week-end, and 90 days. */
void kt_detect_count_until(struct kt_detect *d, uint32_t hour)
{
    struct seen *seen = &d->core.seen;
    uint32_t hours = hour - seen->hour, days = hour / 24 - seen->hour / 24;
    if (hour <= seen->hour)
        return;
    for (unsigned kind = 0; kind < KT_ACTOR_COUNT; kind++) {
        for (uint32_t i = 0; i < hours && i < SEEN_HOURS; i++)
            seen->by_hour[kind][(hour - i) % SEEN_HOURS] = 0;
        for (uint32_t i = 0; i < days && i < SEEN_DAYS; i++)
            seen->by_day[kind][(hour / 24 - i) % SEEN_DAYS] = 0;
    }
    seen->hour = hour;
}

void kt_detect_count(struct kt_detect *d, const struct kt_actor *a, int by)
{
    struct seen *seen = &d->core.seen;
    uint32_t hour = a->last_min / 60, day = hour / 24;
    kt_detect_count_until(d, hour);
    if (hour + SEEN_HOURS > seen->hour)
        seen->by_hour[a->kind][hour % SEEN_HOURS] += (uint32_t)by;
    if (day + SEEN_DAYS > seen->hour / 24)
        seen->by_day[a->kind][day % SEEN_DAYS] += (uint32_t)by;
}

static void drop_oldest_actor(struct kt_detect *d)
{
    struct kt_key key;
    if (!kt_table_full(d->actors) || !kt_table_oldest(d->actors, &key))
        return;
    struct kt_actor *old = kt_table_edit(d->actors, key);
    if (old != NULL) {
        kt_detect_aside_cut(d, key, &old->pending_n, 0);
        kt_detect_count(d, old, -1);
    }
    for (unsigned i = 0; i < d->n_detectors; i++) {
        for (unsigned k = 0; k < kt_detectors[i]->n_tables; k++) {
            if (kt_detectors[i]->tables[k].key == KT_KEY_ACTOR)
                kt_table_remove(d->detector[i].table[k], key);
        }
    }
    kt_table_remove(d->places, key);
    kt_table_remove(d->actors, key);
    d->core.forgotten++;
}

struct kt_actor *kt_detect_actor_new(struct kt_detect *d, struct kt_scene *s)
{
    drop_oldest_actor(d);
    struct kt_actor *a = kt_table_put(d->actors, s->who, NULL);
    a->number = ++d->core.actor_number;
    a->first_min = a->last_min = s->minute;
    a->pending_due = UINT32_MAX;
    kt_str_copyz(a->name, sizeof a->name, kt_utf8_cut(s->ev->actor, sizeof a->name - 1));
    kt_detect_count(d, a, 1);
    return a;
}

void kt_detect_hold(struct kt_actor *a, uint32_t from_min, uint32_t until_min, enum kt_held mark,
                    uint16_t families)
{
    for (unsigned i = 0; i < KT_HELD_MAX; i++) {
        bool same = a->held[i].mark == (uint16_t)mark && a->held[i].until_min != 0 &&
                    from_min <= a->held[i].until_min && until_min >= a->held[i].from_min;
        if (!same)
            continue;
        a->held[i].from_min = from_min < a->held[i].from_min ? from_min : a->held[i].from_min;
        a->held[i].until_min = until_min > a->held[i].until_min ? until_min : a->held[i].until_min;
        a->held[i].families |= families;
        return;
    }
    unsigned slot = a->held_n++ % KT_HELD_MAX;
    a->held[slot].mark = (uint16_t)mark;
    a->held[slot].families = families;
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
            kt_detect_shared_cause(d, place->network, place->first_min))
            continue;
        place->taint_min = until_min;
        kt_detect_mark_user(d, place->network, a->number, true);
    }
}

/* The event that was told is the first there: its place was not known when the window began. */
static void taint_first(struct kt_detect *d, const struct kt_scene *s, struct kt_place *place)
{
    if (!kt_first_in_incident(s->actor, s->minute, s->minute, 1) ||
        kt_detect_shared_cause(d, place->network, s->minute))
        return;
    place->taint_min = s->minute;
    kt_detect_mark_user(d, place->network, s->actor->number, true);
}

/* Those who came first were taken for thieves before the third showed what it was: the network of a
 * shared cause keeps no mark. */
void kt_detect_clear(struct kt_detect *d, struct kt_scene *s)
{
    struct kt_places *p = s->places;
    for (unsigned i = 0; p != NULL && i < p->n_place; i++) {
        struct kt_place *place = &p->place[i];
        if (place->taint_min != 0 && place->network == s->where.network &&
            kt_detect_shared_cause(d, place->network, place->first_min))
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
        v->beyond[s->actor->kind] |= kt_value_bit(s->actor->number);
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

/* Returns whether that is to be saved: it is the first look on a day. */
static bool note_net(struct kt_places *p, uint64_t net, uint32_t minute, uint16_t day)
{
    unsigned slot = p->n_net, oldest = 0;
    for (unsigned i = 0; i < p->n_net; i++) {
        if (p->net[i].net == net) {
            bool new_day = p->net[i].last_min / DAY_MIN != minute / DAY_MIN;
            bool counts = day > p->net[i].last_day && p->net[i].days < UINT16_MAX;
            p->net[i].last_min = minute > p->net[i].last_min ? minute : p->net[i].last_min;
            p->net[i].days = (uint16_t)(p->net[i].days + counts);
            p->net[i].last_day = day > p->net[i].last_day ? day : p->net[i].last_day;
            return new_day || counts;
        }
        oldest = p->net[i].last_min < p->net[oldest].last_min ? i : oldest;
    }
    if (p->n_net < KT_NETS)
        p->n_net++;
    else
        slot = oldest;
    p->net[slot].net = net;
    p->net[slot].last_min = minute;
    p->net[slot].days = 1;
    p->net[slot].last_day = day;
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

static void note_client(struct kt_places *p, uint32_t client, uint32_t minute)
{
    if (client == 0 || kt_client_known(p, client))
        return;
    p->client_min[p->client_at % KT_CLIENTS] = minute;
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
        kt_detect_put_aside(d, s, &aside);
    }
    bool new_net_day =
        note_net(p, s->where.net, s->minute, (uint16_t)kt_actor_day(s->actor, s->minute));
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
    if (fresh)
        taint_first(d, s, place);
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
        kt_detect_put_aside(d, s, &hour);
    }
    for (unsigned i = 0; i < s->n_put_aside; i++)
        kt_detect_put_aside(d, s, &s->put_aside[i]);
    uint32_t due = (s->minute / 60 + 1) * 60 + DAY_MIN;
    a->pending_due = due < a->pending_due ? due : a->pending_due;
    if (s->minute / 60 > a->last_min / 60) {
        kt_detect_count(d, a, -1);
        a->last_min = s->minute;
        kt_detect_count(d, a, 1);
    }
    a->last_min = s->minute > a->last_min ? s->minute : a->last_min;
    a->first_min = s->minute < a->first_min ? s->minute : a->first_min;
    if (!s->taught)
        return;
    if (s->team.len > 0)
        a->team = (uint32_t)kt_hash64(s->team, TEAM_SEED) | 1;
    struct kt_places *p = s->places;
    note_client(p, s->client, s->minute);
    if (!s->where.usable)
        return;
    keep_fact(d, s->where.address);
    if (!s->where.inside) {
        seen_public(d, s, p);
        return;
    }
    if (!p->inside_seen)
        p->inside_day = (uint16_t)(s->minute / DAY_MIN);
    p->inside_seen = 1;
}
