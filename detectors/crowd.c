/*
 * crowd: what says of one who is new in a network that it did not come there.
 *
 * Owns:  nothing.
 * Calls: detector.h, countries and core only. No clock, no I/O.
 */
#include "detectors/crowd.h"

#include "detectors/countries.h"

#define DAY_MIN     1440u
#define SETTLED_MIN (7u * DAY_MIN) /* a place of work is older */
#define REACH_MAX   DAY_MIN        /* no journey takes longer */
#define AIRLINER    900.0          /* km/h */
#define DOORS_MIN   60u            /* to leave, cross a border, arrive and sit down to work */
#define HOP_MIN     10u            /* sooner nobody comes from one network to another: a tunnel */
#define ALWAYS      0.9            /* of the active days */

uint32_t kt_crowd_apart(uint32_t minute, uint32_t other)
{
    return minute > other ? minute - other : other - minute;
}

/* ---- tunnels ---- */
void kt_crowd_note_hop(const struct kt_scene *s, struct kt_crowd_net *x)
{
    uint32_t day = s->minute / DAY_MIN;
    for (unsigned i = 0; i < s->places->n_net; i++) {
        if (s->places->net[i].net == s->where.net ||
            kt_crowd_apart(s->places->net[i].last_min, s->minute) > HOP_MIN)
            continue;
        if (x->hop_day == day && x->hopper != 0 && x->hopper != s->actor->number) {
            x->hop_days = (uint16_t)(x->hop_days < UINT16_MAX ? x->hop_days + 1 : UINT16_MAX);
            x->hopper = 0; /* counted */
        } else if (x->hop_day != day) {
            x->hopper = s->actor->number;
        }
        x->hop_day = day;
        return;
    }
}

/* On how many days at least did the actor come by the networks of a hosting operator that
 * colleagues share? Its days with the operator but for those in other networks of it (a desktop of
 * its own in the same cloud), or those in one that is shared. */
static uint32_t tunnel_days(const struct kt_scene *s, const struct kt_crowd *c,
                            const struct kt_place *p)
{
    uint32_t most = 0, others = 0;
    bool shared = false;
    for (unsigned i = 0; i < s->places->n_net; i++) {
        const struct kt_crowd_net *x =
            kt_table_peek(c->nets, (struct kt_key){ KT_DIM_NET, s->places->net[i].net });
        uint32_t days = s->places->net[i].days;
        if (x == NULL || x->network != p->network)
            continue;
        bool tunnel = x->hosting && x->shared_days >= c->shared_days;
        shared = shared || tunnel;
        most = tunnel && days > most ? days : most;
        others += tunnel ? 0 : days;
    }
    uint32_t rest = p->days > others ? p->days - others : 0;
    most = most < p->days ? most : p->days;
    return !shared ? 0 : rest > most ? rest : most;
}

/* Does the firm's way out carry nearly all that the actor does, and not this? A hosting network
 * that colleagues share: a VPN, a gateway, desktops in a cloud. Whoever sits in a hotel comes by it
 * as well. In another hosting network it may be the next way out.
 *
 * A firm may go from one to the next, or have two. A day on which the actor came by both counts
 * once: days on which both were in use are taken for such days. */
static bool has_left_tunnel(const struct kt_scene *s, const struct kt_crowd *c)
{
    uint32_t days = 0, first = 0, last = 0; /* last: of the days in which the others were used */
    for (unsigned i = 0; !s->where.hosting && i < s->places->n_place; i++) {
        const struct kt_place *p = &s->places->place[i];
        uint32_t n = kt_place_tainted(p, s->minute) ? 0 : tunnel_days(s, c, p);
        if (n == 0)
            continue;
        uint32_t from = kt_actor_day(s->actor, p->first_min);
        uint32_t until = kt_actor_day(s->actor, p->last_min);
        uint32_t begin = from > first ? from : first, end = until < last ? until : last;
        uint32_t both = days > 0 && end >= begin ? end - begin + 1 : 0;
        uint32_t sum = days + n > both ? days + n - both : 0;
        first = days > 0 && first < from ? first : from;
        last = days > 0 && last > until ? last : until;
        days = days > n ? days : n;
        days = sum > days ? sum : days;
    }
    return days > 0 && days >= ALWAYS * s->actor->active_days;
}

/* ---- places of work ---- */
/* Least minutes between work in one country and work in another; 0: they may be one region. */
static uint32_t journey_min(uint16_t a, uint16_t b)
{
    struct kt_spot from, to;
    if (a == b || !kt_country_place(a, &from) || !kt_country_place(b, &to))
        return 0;
    double fly = kt_spot_distance_km(&from, &to) * 60.0 / AIRLINER;
    return fly < REACH_MAX - DOORS_MIN ? DOORS_MIN + (uint32_t)fly : REACH_MAX;
}

/* Is the /24 older than a week for the actor, or shared? Those of phones change by the day. */
static bool is_settled(const struct kt_scene *s, const struct kt_crowd *c,
                       const struct kt_crowd_net *x, uint64_t net)
{
    const struct kt_value *v = kt_table_peek(s->shared->values, (struct kt_key){ KT_DIM_NET, net });
    for (unsigned i = 0; v != NULL && i < v->n; i++) {
        if (v->user[i].actor == s->actor->number)
            return v->user[i].first_min + SETTLED_MIN <= s->minute;
    }
    return x->shared_days >= c->shared_days;
}

/* The country where the actor is when it uses the network: a place of work of its own that people
 * do not reach from anywhere. 0: it is none. */
static uint16_t place_of_work(const struct kt_scene *s, const struct kt_crowd *c, uint64_t net)
{
    const struct kt_crowd_net *x = kt_table_peek(c->nets, (struct kt_key){ KT_DIM_NET, net });
    if (x == NULL || x->hosting || x->hop_days >= c->shared_days)
        return 0;
    const struct kt_place *p = kt_place_of(s->places, x->network);
    bool known = p != NULL && !kt_place_tainted(p, s->minute) && is_settled(s, c, x, net);
    return known ? x->country : 0;
}

/* Was it at work in another country, too shortly before (or, by a record that is late, after)? */
static bool is_elsewhere(const struct kt_scene *s, const struct kt_crowd *c)
{
    for (unsigned i = 0; i < s->places->n_net; i++) {
        uint32_t min = kt_crowd_apart(s->places->net[i].last_min, s->minute);
        if (min < REACH_MAX &&
            min < journey_min(place_of_work(s, c, s->places->net[i].net), s->where.country))
            return true;
    }
    return false;
}

bool kt_crowd_too_far(const struct kt_scene *s, const struct kt_crowd *c, uint32_t minute,
                      uint16_t country)
{
    uint16_t here = place_of_work(s, c, s->where.net);
    return kt_crowd_apart(minute, s->minute) < journey_min(here, country);
}

uint8_t kt_crowd_signs(const struct kt_scene *s, const struct kt_crowd *c)
{
    if (s->actor == NULL)
        return 0;
    bool left = kt_kind_is_person(s->actor->kind) && has_left_tunnel(s, c);
    return (uint8_t)((is_elsewhere(s, c) ? KT_CROWD_ELSEWHERE : 0) |
                     (left ? KT_CROWD_NO_TUNNEL : 0));
}
