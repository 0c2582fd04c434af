/*
 * impossible_travel: a person at work in two countries, sooner than anybody travels (DETECTION
 * §4.2).
 *
 * Owns:  by actor the last visits in order of event time, and the pairs of countries it goes
 * between; by network whom it moved. Calls: detector.h, countries, core. No clock, no I/O.
 */
#include "detectors/countries.h"
#include "detectors/detector.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"

#define DAY_MIN      1440u
#define LEAST_MIN    3u   /* 0.05 h: what clocks and logs may differ by */
#define FRESH_MIN    180u /* a network is new for so long */
#define OVERLAP_MIN  120u
#define BORDER_KM    200.0 /* places, not countries, that lie nearer are one region */
#define CITY_KM      100.0 /* of a database that tells a place without its accuracy */
#define RECENT_DAY   90u
#define VISITS       6u
#define TURNS        3u  /* there, back and there again: no trip does that within OVERLAP_MIN */
#define TURNS_EGRESS 5u  /* a tunnel that breaks down does it once or twice */
#define QUICK_MIN    15u /* or within so long between neighbours that have no places */
#define PAIRS        6u
#define MOVED        2u          /* others whom a network moved, that make it a way out */
#define TRUSTED      3u          /* days of use of a network (DETECTION §3.3) */
#define BACK_MIN     (30u * 60u) /* there and back: a trip of a day, or over a night */
#define AGAIN_DAYS   3u          /* of the calendar: from Friday to Monday */
#define STORE_SEED   UINT64_C(0x747261766c73746f)

struct options {
    double points, shared, carrier, overlap, cap, daily;
    uint64_t distance_km, speed_kmh, seen, egress;
};
#define NUMBER(field, type, value, help)                                                           \
    {                                                                                              \
#field, type, value, offsetof(struct options, field), help, .reloadable = true             \
    }
static const struct kt_option options[] = {
    NUMBER(points, KT_OPT_DOUBLE, "3.2", "Two countries faster than anybody travels."),
    NUMBER(shared, KT_OPT_DOUBLE, "1.6", "The same when a colleague uses the newer network there."),
    NUMBER(carrier, KT_OPT_DOUBLE, "1",
           "The same when one end is an operator that moved colleagues without a journey."),
    NUMBER(overlap, KT_OPT_DOUBLE, "1.5", "Added when the first place comes back within 2 hours."),
    NUMBER(cap, KT_OPT_DOUBLE, "4.2", "Most that it can reach: travel never pages alone."),
    NUMBER(daily, KT_OPT_DOUBLE, "4.7",
           "There and back on two days, three apart at most, to a network that was not trusted "
           "when that began and that no colleague uses."),
    NUMBER(distance_km, KT_OPT_UINT, "600", "Distance that says nothing, accuracy taken off."),
    NUMBER(speed_kmh, KT_OPT_UINT, "900", "Speed that says nothing."),
    NUMBER(seen, KT_OPT_UINT, "3",
           "Days on which the actor went between the two countries that make it "
           "a habit."),
    NUMBER(egress, KT_OPT_UINT, "3",
           "Colleagues on a hosting network that make it a shared way out."),
    KT_OPTIONS_END,
};

/* Bits of a way. LISTED: in `networks:`, and may be a way out; OFFICE: there, and said to be a
 * place; PHONE: all of it, and what roams comes out at home. */
enum { HOSTING = 1, LISTED = 2, PHONE = 4, OFFICE = 8 };
struct visit { /* one network, as long as no other came between and no pause of 2 hours */
    uint64_t network;
    uint32_t from_min, last_min;
    float lat, lon, radius_km;
    uint16_t country;
    uint8_t way, placed; /* placed: its coordinates are known, not its country alone */
    uint32_t stores;     /* bits, by hash of the instance */
};
struct pair {
    uint16_t low, high; /* countries */
    uint16_t days, last_day;
};
struct trail {
    struct visit visit[VISITS]; /* by from_min */
    struct pair pair[PAIRS];
    uint64_t other;               /* network of the other end of the last evidence: for its words */
    uint32_t back_min, back_days; /* there and back: when, and on how many days in turn, … */
    uint32_t said_min;            /* … when it was found enough to tell, … */
    uint32_t began_min;           /* … when the first of these days was counted, … */
    uint64_t unsettled;           /* … by which network that was not trusted then, … */
    uint16_t newer, pad[3];       /* … and of which country that is */
    uint32_t n, n_pairs;
};
static bool is_trail(const void *state)
{
    const struct trail *t = state;
    return t->n <= VISITS && t->n_pairs <= PAIRS;
}

/* `networks:` names offices and ways out alike, where no entry says `place`. Into a way out people
 * came, or from it, from another country sooner than they travel; into an office where no tunnel
 * ends nobody ever did. Any other operator moves people by itself: from one country to another
 * without leaving it. */
struct moved {
    uint64_t who[MOVED + 1]; /* one of them may be the actor that is judged */
    uint32_t day[MOVED + 1], n;
};
static bool is_moved(const void *state)
{
    return ((const struct moved *)state)->n <= MOVED + 1;
}

static const struct kt_table_decl tables[] = {
    { "travel", KT_KEY_ACTOR, sizeof(struct trail), 7, KT_ACTORS_MAX, KT_EVICT_LRU, is_trail },
    { "travel_ways", KT_KEY_NETWORK, sizeof(struct moved), 2, 1024, KT_EVICT_LRU, is_moved },
};

/* ---- places ---- */
static bool locate(const struct kt_where *w, struct visit *ret)
{
    struct kt_spot spot = { w->lat, w->lon, w->radius_km > 0 ? w->radius_km : CITY_KM };
    if (w->country == 0 || (!w->placed && !kt_country_place(w->country, &spot)))
        return false;
    ret->placed = w->placed;
    ret->lat = (float)spot.lat;
    ret->lon = (float)spot.lon;
    ret->radius_km = (float)spot.radius_km;
    return true;
}

static struct kt_spot spot_of(const struct visit *v)
{
    return (struct kt_spot){ (double)v->lat, (double)v->lon, (double)v->radius_km };
}

static double way_km(const struct visit *a, const struct visit *b)
{
    struct kt_spot from = spot_of(a), to = spot_of(b);
    return kt_spot_way_km(&from, &to);
}

static double distance_km(const struct visit *a, const struct visit *b)
{
    struct kt_spot from = spot_of(a), to = spot_of(b);
    return kt_spot_distance_km(&from, &to);
}

static bool is_own(const struct visit *v) /* of `networks:` */
{
    return (v->way & (LISTED | OFFICE)) != 0;
}

static bool same_visit(const struct visit *v, const struct visit *now)
{
    return v->network == now->network && v->country == now->country &&
           now->from_min <= v->last_min + OVERLAP_MIN && now->from_min + OVERLAP_MIN >= v->from_min;
}

/* ---- colleagues and habits ---- */
/* Other people that used the network in that country in 90 days; country 0: in any. The firm's own
 * machines at a provider say nothing of a person there. */
static unsigned colleagues(const struct kt_scene *s, uint64_t network, uint16_t country)
{
    const struct kt_value *v =
        kt_table_peek(s->shared->values, (struct kt_key){ KT_DIM_NETWORK, network });
    unsigned n = 0, today = s->minute / DAY_MIN;
    for (unsigned i = 0; v != NULL && i < v->n; i++)
        n += v->user[i].actor != s->actor->number && v->user[i].last_day + RECENT_DAY >= today &&
             !v->user[i].tainted && kt_kind_is_person(v->user[i].kind) &&
             (country == 0 || v->user[i].country == country);
    for (unsigned kind = 0; v != NULL && kind < KT_ACTOR_COUNT; kind++)
        n += kt_kind_is_person((uint8_t)kind) ? kt_value_beyond(s, v, kind) : 0;
    return n;
}

/* Moved it two others in 90 days? */
static bool is_way_out(const struct kt_scene *s, uint64_t network)
{
    const struct moved *m = kt_table_peek(s->tables[1], (struct kt_key){ KT_DIM_NETWORK, network });
    unsigned n = 0, today = s->minute / DAY_MIN;
    for (unsigned i = 0; m != NULL && i < m->n; i++)
        n += m->who[i] != s->who.a && m->day[i] + RECENT_DAY >= today;
    return n >= MOVED;
}

static void note_moved(struct kt_scene *s, uint64_t network, uint32_t day)
{
    struct moved *m = kt_table_put(s->tables[1], (struct kt_key){ KT_DIM_NETWORK, network }, NULL);
    unsigned at = 0;
    for (unsigned i = 1; i < m->n; i++)
        at = m->day[i] < m->day[at] ? i : at;
    at = m->n <= MOVED ? m->n : at;
    for (unsigned i = 0; i < m->n; i++)
        at = m->who[i] == s->who.a ? i : at;
    m->n += at == m->n;
    m->who[at] = s->who.a;
    m->day[at] = day;
}

/* How long the network has been the actor's; a tainted one is as new as it was. */
static uint32_t first_use(const struct kt_scene *s, const struct visit *v)
{
    const struct kt_place *p = kt_place_of(s->places, v->network);
    return p == NULL || kt_place_tainted(p, s->minute) ? UINT32_MAX : p->first_min;
}

static struct pair *pair_of(struct trail *t, uint16_t a, uint16_t b)
{
    uint16_t low = a < b ? a : b, high = a < b ? b : a;
    for (unsigned i = 0; i < t->n_pairs; i++) {
        if (t->pair[i].low == low && t->pair[i].high == high)
            return &t->pair[i];
    }
    return NULL;
}

/* ---- judging ---- */
struct hop { /* between the event and a visit before or behind it */
    const struct visit *other;
    double km;
    uint32_t minutes;
    bool overlap;
    unsigned turns; /* changes between the two countries, at one store, up to the event */
    unsigned quick; /* of them within QUICK_MIN */
};

/* Between two uses of another place that lie within 2 hours? */
static bool is_overlap(const struct trail *t, unsigned at, const struct visit *now)
{
    const struct visit *before = at > 0 ? &t->visit[at - 1] : NULL;
    const struct visit *behind = at < t->n ? &t->visit[at] : NULL;
    if (before == NULL || before->country == now->country)
        return false;
    if (now->from_min < before->last_min)
        return true; /* no pause of a visit is longer */
    if (behind != NULL && behind->country == before->country)
        return behind->from_min - before->last_min <= OVERLAP_MIN;
    const struct visit *first = at > 1 ? &t->visit[at - 2] : NULL;
    return first != NULL && first->country == now->country &&
           now->from_min <= first->last_min + OVERLAP_MIN;
}

/* Two ways out of one machine (a tunnel for some destinations) never meet at one store. */
static unsigned turns_of(const struct trail *t, unsigned at, const struct visit *now,
                         uint32_t within)
{
    const struct visit *later = now;
    unsigned n = 0;
    for (unsigned i = at; i > 0; i--) {
        const struct visit *v = &t->visit[i - 1];
        if (v->last_min + within < now->from_min)
            break;
        n += v->country != later->country && (v->stores & later->stores) != 0;
        later = v;
    }
    return n;
}

static uint32_t apart(const struct visit *v, uint32_t minute)
{
    uint32_t to_last = minute > v->last_min ? minute - v->last_min : v->last_min - minute;
    uint32_t to_first = minute > v->from_min ? minute - v->from_min : v->from_min - minute;
    uint32_t end = to_last < to_first ? to_last : to_first;
    bool inside = minute > v->from_min && minute < v->last_min; /* half a pause at most */
    return inside && end > OVERLAP_MIN / 2 ? OVERLAP_MIN / 2 : end;
}

/* The faster of the two ways that end here. */
static struct hop hop_of(const struct trail *t, unsigned at, const struct visit *now)
{
    struct hop best = { 0 };
    for (unsigned i = at > 0 ? at - 1 : 0; i < t->n && i <= at; i++) {
        struct hop h = { .other = &t->visit[i] };
        if (h.other->country == now->country)
            continue;
        h.km = distance_km(h.other, now);
        h.minutes = apart(h.other, now->from_min);
        uint32_t m = h.minutes > LEAST_MIN ? h.minutes : LEAST_MIN;
        uint32_t of_best = best.minutes > LEAST_MIN ? best.minutes : LEAST_MIN;
        if (best.other == NULL || h.km / m > best.km / of_best)
            best = h;
    }
    best.overlap = best.other != NULL && is_overlap(t, at, now);
    best.turns = best.overlap ? turns_of(t, at, now, OVERLAP_MIN) : 0;
    best.quick = best.overlap ? turns_of(t, at, now, QUICK_MIN) : 0;
    return best;
}

static double speed(const struct hop *h)
{
    return h->km * 60.0 / (h->minutes > LEAST_MIN ? h->minutes : LEAST_MIN);
}

/* There and back so often that nobody went? A phone at a border changes its network every now and
 * then: with places it stands still, without them it takes more, or both ends at work at once. */
static bool is_in_turn(const struct visit *now, const struct hop *h)
{
    bool placed = now->placed && h->other->placed;
    if (placed)
        return way_km(h->other, now) >= BORDER_KM && h->turns >= TURNS;
    return h->turns >= (h->km > 0 || h->quick >= TURNS ? TURNS : TURNS_EGRESS);
}

static bool is_fast(const struct options *o, const struct hop *h)
{
    return h->km > (double)o->distance_km && speed(h) > (double)o->speed_kmh;
}

/* An operator of satellites: the same people come up with it in one country and, sooner than they
 * travel, in another. An operator that has customers in many countries moves none of them. Nothing
 * is excused in a country where nobody of the firm was with it. */
static bool is_carrier(const struct kt_scene *s, const struct visit *v)
{
    return !is_own(v) && is_way_out(s, v->network) && colleagues(s, v->network, v->country) > 0;
}

/* It moves people without moving them. A network of `networks:` explains that somebody is in it,
 * and one way between it and elsewhere; not that somebody who sits in an office is abroad too. */
static bool is_egress(const struct kt_scene *s, const struct options *o, const struct visit *v,
                      const struct visit *newer, const struct hop *h)
{
    if ((v->way & LISTED) != 0)
        return v == newer || !h->overlap || (v->way & HOSTING) != 0 || is_way_out(s, v->network);
    return (v->way & HOSTING) != 0 && colleagues(s, v->network, 0) >= o->egress;
}

static double judge(const struct kt_scene *s, const struct options *o, struct trail *t,
                    const struct visit *now, const struct hop *h, unsigned *ret_users)
{
    if (is_own(now) && is_own(h->other) && ((now->way | h->other->way) & LISTED) != 0)
        return 0; /* from one of the firm's networks to another; in two offices nobody is */
    if (!is_fast(o, h) && !is_in_turn(now, h))
        return 0;
    const struct pair *p = pair_of(t, now->country, h->other->country);
    if (p != NULL && p->days >= o->seen)
        return 0;
    uint32_t here = first_use(s, now), there = first_use(s, h->other);
    const struct visit *newer = here >= there ? now : h->other;
    uint32_t first = here >= there ? here : there;
    if (first != UINT32_MAX && s->minute >= first + FRESH_MIN)
        return 0;
    bool egress = is_egress(s, o, now, newer, h) || is_egress(s, o, h->other, newer, h);
    if (egress && h->turns < TURNS_EGRESS)
        return 0;
    *ret_users = colleagues(s, newer->network, newer->country);
    if (h->turns < TURNS_EGRESS && (is_carrier(s, now) || is_carrier(s, h->other)))
        return fmin(o->carrier, o->cap);
    double points = *ret_users > 0 ? o->shared : o->points;
    return fmin(points + (h->overlap ? o->overlap : 0), o->cap);
}

/* ---- words ---- */
enum { N_KM, N_MINUTES, N_TURNS, N_OVERLAP, N_USERS, N_DAYS };

static void say_other(const struct kt_scene *s, uint64_t network, char *dst, size_t n)
{
    const struct kt_value *v =
        kt_table_peek(s->shared->values, (struct kt_key){ KT_DIM_NETWORK, network });
    kt_say(dst, n, "%s", v != NULL && v->label[0] != '\0' ? v->label : "another network");
}

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    const double *v = f->number;
    const struct trail *t = kt_table_peek(s->tables[0], s->who);
    char who[160], here[120], there[120], km[32], pace[32], fast[96], time[KT_TIME_TEXT_MAX],
        ip[KT_IP_TEXT_MAX], users[32];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_network(&s->where, here, sizeof here);
    say_other(s, t->other, there, sizeof there);
    (void)kt_duration_format((kt_time_ns)v[N_MINUTES] * KT_NS_MIN, time);
    if (v[N_USERS] > KT_USERS_EXACT)
        KT_SAY(users, "More than %u", KT_USERS_EXACT);
    else
        KT_SAY(users, "%.0f", v[N_USERS]);
    if (v[N_TURNS] >= TURNS)
        KT_SAY(f->title, "%s used %s and %s in turn, %.0f changes within 2 hours.", who, here,
               there, v[N_TURNS]);
    else
        KT_SAY(f->title, "%s used %s within %s of %s, at least %s km away%s.", who, here, time,
               there, kt_say_count(v[N_KM], km), v[N_OVERLAP] > 0 ? ", and both in turn" : "");
    KT_SAY(fast, "%s km at %s km/h", kt_say_count(v[N_KM], km),
           kt_say_count(v[N_KM] * 60.0 / fmax(v[N_MINUTES], LEAST_MIN), pace));
    KT_SAY(f->normal,
           "%s; places are known to the country or the city, their accuracy is taken off. On %.0f "
           "days before it went between the two countries. %s colleagues used the newer network "
           "there in 90 days.",
           v[N_TURNS] >= TURNS ? "Nobody goes there and back so often" : fast, v[N_DAYS], users);
    KT_SAY(f->part, "two countries within %s", time);
    KT_SAY(f->quiet,
           "%s in networks: (keytrail.yaml), if it is the way out of an office, a VPN or "
           "mobile phones.",
           kt_network_expected(s) ? there : kt_cidr_format(kt_ip_network(s->ev->ip, 24, 48), ip));
}

static void evidence(struct kt_scene *s, struct trail *t, const struct visit *now,
                     const struct hop *h, double points, unsigned users)
{
    struct kt_finding *f = kt_find(s, KT_FAMILY_TRAVEL, kt_points(points), 0, words);
    if (f == NULL)
        return;
    const struct pair *p = pair_of(t, now->country, h->other->country);
    t->other = h->other->network;
    f->number[N_KM] = h->km;
    f->number[N_MINUTES] = h->minutes > 0 ? h->minutes : 1;
    f->number[N_TURNS] = h->turns;
    f->number[N_OVERLAP] = h->overlap;
    f->number[N_USERS] = users;
    f->number[N_DAYS] = p != NULL ? p->days : 0;
}

/* ---- there and back, day after day ---- */
enum { N_APART, N_HOURS, N_TIMES };

static void words_of_daily(const struct kt_scene *s, struct kt_finding *f)
{
    const struct trail *t = kt_table_peek(s->tables[0], s->who);
    char who[160], here[120], there[120], km[32], ip[KT_IP_TEXT_MAX];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_network(&s->where, here, sizeof here);
    say_other(s, t->other, there, sizeof there);
    KT_SAY(f->title, "%s used %s and %s in turn on %.0f days, at least %s km apart.", who, here,
           there, f->number[N_TIMES], kt_say_count(f->number[N_APART], km));
    KT_SAY(f->normal,
           "This time it was back within %.1f hours. A trip goes there and back once. When that "
           "began it had used the newer of the two on fewer than %u days, and no colleague used "
           "that one there in 90 days. A day in another network of that country counts, too.",
           f->number[N_HOURS], TRUSTED);
    KT_SAY(f->part, "two countries in turn on %.0f days", f->number[N_TIMES]);
    KT_SAY(f->quiet,
           "%s in networks: (keytrail.yaml), if it is the way out of an office, a VPN or "
           "mobile phones.",
           kt_cidr_format(kt_ip_network(s->ev->ip, 24, 48), ip));
}

/* The visit elsewhere between this one and one of the same country before it; what the firm's own
 * ways out and phones show is left out. */
static const struct visit *between(const struct trail *t, unsigned at, const struct visit *now,
                                   uint32_t *ret_minutes)
{
    const struct visit *other = NULL;
    for (unsigned i = at; i > 0; i--) {
        const struct visit *v = &t->visit[i - 1];
        if ((v->way & ~OFFICE) != 0)
            continue;
        if (v->country == now->country && other != NULL)
            *ret_minutes = now->from_min - v->last_min;
        if (v->country == now->country)
            return other != NULL && *ret_minutes <= BACK_MIN ? other : NULL;
        other = other == NULL ? v : other;
    }
    return NULL;
}

/* Not trusted when the first of these days was counted: to use it further makes it no more so. Of
 * another network of that country the third day of use is no earlier than two after its first. */
static bool was_unsettled(const struct kt_scene *s, const struct trail *t, const struct kt_place *p)
{
    return p->network == t->unsettled || kt_actor_day(s->actor, p->first_min) + TRUSTED - 1 >=
                                             kt_actor_day(s->actor, t->began_min);
}

/* Neither trusted, nor told of, nor anybody else's. */
static bool is_unsettled(const struct kt_scene *s, const struct trail *t, const struct visit *v,
                         bool counted)
{
    const struct kt_place *p = kt_place_of(s->places, v->network);
    bool trusted = p != NULL && p->days >= TRUSTED && !(counted && was_unsettled(s, t, p));
    return !trusted && (p == NULL || !kt_place_tainted(p, s->minute)) &&
           colleagues(s, v->network, v->country) == 0;
}

/* Slow enough for an aeroplane, and no trip for all that: an account that two people use, far from
 * each other, is in both places each day. Who has a line at home and a telephone there is one
 * person of the two: it is counted, and told, by country. */
static void daily(struct kt_scene *s, const struct options *o, struct trail *t, unsigned at,
                  const struct visit *now)
{
    uint32_t minutes = 0;
    bool out = (now->way & ~OFFICE) != 0;
    const struct visit *other = out ? NULL : between(t, at, now, &minutes);
    if (other == NULL || distance_km(other, now) <= (double)o->distance_km)
        return;
    const struct pair *p = pair_of(t, now->country, other->country);
    const struct visit *newer = first_use(s, now) >= first_use(s, other) ? now : other;
    uint32_t today_is = kt_actor_day(s->actor, s->minute),
             back = kt_actor_day(s->actor, t->back_min);
    bool same = t->back_min != 0 && t->newer == newer->country && today_is <= back + AGAIN_DAYS;
    bool today = same && back == today_is;
    if ((p != NULL && p->days >= o->seen) || is_own(newer) || !is_unsettled(s, t, newer, same))
        return;
    bool told = same && kt_told_of(s->actor, t->said_min, KT_FAMILY_TRAVEL);
    t->back_days = same ? t->back_days + !today : 1;
    t->said_min = same ? t->said_min : 0;
    t->began_min = same ? t->began_min : s->minute;
    t->unsettled = same ? t->unsettled : newer->network;
    t->newer = newer->country;
    t->back_min = s->minute;
    struct kt_finding *f =
        t->back_days > 1 && !told
            ? kt_find(s, KT_FAMILY_TRAVEL, kt_points(o->daily), KT_FIND_ACCOUNT, words_of_daily)
            : NULL;
    if (f == NULL)
        return;
    t->other = other->network;
    t->said_min = s->minute;
    f->since_min = other->from_min;
    f->number[N_APART] = distance_km(other, now);
    f->number[N_HOURS] = minutes / 60.0;
    f->number[N_TIMES] = t->back_days;
}

/* ---- the trail ---- */
static void insert(struct trail *t, unsigned at, const struct visit *v)
{
    if (t->n == VISITS && at == 0)
        return; /* older than all that is held */
    if (t->n == VISITS) {
        memmove(&t->visit[0], &t->visit[1], (VISITS - 1) * sizeof t->visit[0]);
        t->n--;
        at--;
    }
    memmove(&t->visit[at + 1], &t->visit[at], (t->n - at) * sizeof t->visit[0]);
    t->visit[at] = *v;
    t->n++;
}

/* A late event may sit inside of a visit elsewhere: that falls into two. */
static void note_visit(struct trail *t, unsigned at, const struct visit *now)
{
    struct visit *before = at > 0 ? &t->visit[at - 1] : NULL;
    struct visit *behind = at < t->n ? &t->visit[at] : NULL;
    if (before != NULL && same_visit(before, now)) {
        before->last_min = now->last_min > before->last_min ? now->last_min : before->last_min;
        before->stores |= now->stores;
        before->way &= now->way | (uint8_t)~PHONE;
        return;
    }
    bool inside = before != NULL && now->from_min < before->last_min;
    if (!inside && behind != NULL && same_visit(behind, now)) {
        behind->from_min = now->from_min;
        behind->stores |= now->stores;
        behind->way &= now->way | (uint8_t)~PHONE;
        return;
    }
    if (!inside) {
        insert(t, at, now);
        return;
    }
    struct visit rest = *before;
    rest.from_min = rest.last_min;
    before->last_min = before->from_min;
    insert(t, at, &rest);
    for (at = 0; at < t->n && t->visit[at].from_min <= now->from_min;)
        at++;
    insert(t, at, now);
}

static void learn_pair(struct kt_scene *s, const struct kt_pending *p)
{
    struct trail *t = kt_table_put(s->tables[0], s->who, NULL);
    uint16_t low = (uint16_t)(p->key >> 16), high = (uint16_t)p->key;
    uint16_t day = (uint16_t)((p->time_min - 1) / DAY_MIN);
    struct pair *known = pair_of(t, low, high), *slot = &t->pair[0];
    if (known != NULL) {
        if (known->last_day != day && known->days < UINT16_MAX)
            known->days++;
        known->last_day = day;
        return;
    }
    for (unsigned i = 1; i < t->n_pairs; i++)
        slot = t->pair[i].last_day < slot->last_day ? &t->pair[i] : slot;
    if (t->n_pairs < PAIRS)
        slot = &t->pair[t->n_pairs++];
    *slot = (struct pair){ .low = low, .high = high, .days = 1, .last_day = day };
}

enum aside { ASIDE_PAIR, ASIDE_MOVED };
static void on_learn(struct kt_scene *s, const void *opt, const struct kt_pending *p)
{
    (void)opt;
    if (p->what == ASIDE_MOVED)
        note_moved(s, p->key, (p->time_min - 1) / DAY_MIN);
    else
        learn_pair(s, p);
}

static void put_aside(struct kt_scene *s, const struct options *o, const struct visit *now,
                      const struct hop *h)
{
    const uint16_t once[4] = { 1, 0, 0, 0 };
    uint32_t end = (s->minute / 60 + 1) * 60; /* no longer: an incident holds back its hours */
    uint16_t a = now->country, b = h->other->country;
    uint64_t key = a < b ? (uint64_t)a << 16 | b : (uint64_t)b << 16 | a;
    kt_put_aside(s, ASIDE_PAIR, key, end, once);
    const struct visit *way = (now->way & LISTED) != 0 ? now : h->other;
    bool one_listed = ((now->way ^ h->other->way) & LISTED) != 0;
    /* An address that the database has in the wrong country is one that nobody else was in. */
    bool within = !is_own(now) && !is_own(h->other) && now->network == h->other->network &&
                  colleagues(s, now->network, a) > 0 && colleagues(s, now->network, b) > 0;
    if ((one_listed || within) && is_fast(o, h))
        kt_put_aside(s, ASIDE_MOVED, way->network, end, once);
}

static bool is_phone(struct kt_str agent)
{
    static const char *const words[] = { "iPhone", "iPad", "iOS", "Android" };
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++) {
        if (kt_str_has(agent, kt_str_of(words[i])))
            return true;
    }
    return false;
}

/* What the configuration says of an office goes before what others think of its operator. */
static uint8_t way_of(const struct kt_scene *s)
{
    const struct kt_conf_network *listed = kt_network_listed(s);
    uint8_t phone = is_phone(s->ev->user_agent) ? PHONE : 0;
    if (listed != NULL && listed->place)
        return OFFICE | phone;
    return (s->where.hosting ? HOSTING : 0) | (listed != NULL ? LISTED : 0) | phone;
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    bool in = s->ev->outcome == KT_OUT_SUCCESS || s->ev->outcome == KT_OUT_UNKNOWN;
    struct visit now = { .network = s->where.network,
                         .from_min = s->minute,
                         .last_min = s->minute,
                         .country = s->where.country };
    if (s->actor == NULL || !kt_kind_is_person(s->actor->kind) || !in || s->late ||
        !s->where.usable || s->where.inside || !locate(&s->where, &now))
        return;
    now.way = way_of(s);
    now.stores = 1u << (kt_recall_hash(s->recall, s->ev->instance, STORE_SEED) & 31u);
    struct trail *t = kt_table_put(s->tables[0], s->who, NULL);
    unsigned at = t->n, users = 0;
    while (at > 0 && t->visit[at - 1].from_min > now.from_min)
        at--;
    struct hop h = hop_of(t, at, &now);
    double points = h.other != NULL && !s->young ? judge(s, o, t, &now, &h, &users) : 0;
    evidence(s, t, &now, &h, points, users);
    if (!s->young)
        daily(s, o, t, at, &now);
    if (!s->taught)
        return;
    if (h.other != NULL)
        put_aside(s, o, &now, &h);
    note_visit(t, at, &now);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    const struct trail *t = kt_table_peek(s->tables[0], s->who);
    if (t != NULL && s->where.usable && !s->where.inside)
        kt_buf_addz(out, "travel (possible)");
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(PERSON) | KT_NEED(ADDRESS) | KT_NEED(COUNTRY) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_impossible_travel = {
    .name = "impossible_travel",
    .summary = "A person in two countries, sooner than anybody travels",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .on_learn = on_learn,
    .considered = considered,
};
