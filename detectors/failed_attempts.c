/*
 * failed_attempts: denials and failed logins in bursts, sprayed over names, or followed by success
 * (DETECTION §4.6).
 *
 * Owns:  by actor: denials met in 24 h and their rate; by identity that never succeeded, by address
 *        and by network: windows of failed credentials, with the names that failed there.
 * Calls: exposed_key, inside_guesses, inside_spray, looks_around, scattered, second_factor,
 *        slow_doors, detector.h and core only. No clock, no I/O.
 * Holds: names that only ever failed live in tables of their own, so a flood of them evicts nobody.
 */
#include "detectors/detector.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "detectors/exposed_key.h"
#include "detectors/inside_guesses.h"
#include "detectors/inside_spray.h"
#include "detectors/looks_around.h"
#include "detectors/scattered.h"
#include "detectors/second_factor.h"
#include "detectors/slow_doors.h"

#define FACTS_MAX   32
#define NAMES_MAX   16
#define RATE_HOURS  (30.0 * 24)
#define DAY_MIN     1440u
#define TRIP        420 /* with the network that is new they add up to this (§4.1: people travel) */
#define TYPOS_MOST  160
#define SPRAY_LEAST 4.6 /* whoever asks for fewer names wants to hear of them */
enum {
    T_ACTOR,
    T_IDENTITY,
    T_ADDRESS,
    T_NETWORK,
    T_SETS,
    T_EXPOSED,
    T_DOORS,
    T_GUESSES,
    T_SCATTERED,
    T_SECOND,
    T_SLOW,
    T_INSIDE
};
enum { WEIGHT_DENIED = 100, WEIGHT_MISSING = 30 };

struct options {
    uint64_t floor, breadth, sets, exposed, spray_names, spray_tries, guess, typos, second_factors,
        guess_within_min, values, blind, scattered, slow_day, slow_week, inside_names;
    double success, prior_count, prior_hours, rmax;
};
struct tries { /* failed credentials */
    struct kt_ring ring;
    uint32_t last_min;
    uint32_t foreign;  /* by names that did not know the place */
    uint32_t other;    /* of these: not the name's own client, or from a rented server */
    uint32_t in_place; /* of these: the newest, all in one network */
    uint64_t place;    /* that network */
};
struct denials { /* of an actor that has succeeded before */
    struct tries tries;
    struct tries away;     /* of them from networks it does not know: a success at home ends none */
    struct kt_ring second; /* of those: the password was right, the second factor was not */
    struct kt_decay rate;  /* distinct denials and failed logins an hour */
    struct {
        uint64_t hash;
        uint32_t first_min, last_min;
    } fact[FACTS_MAX];
    uint8_t weight[FACTS_MAX];
    uint32_t n;
};
struct names { /* who failed from a network without knowing it */
    struct tries tries;
    uint64_t hash[NAMES_MAX];
    uint32_t minute[NAMES_MAX];
    uint32_t n, dropped;             /* names beyond the list, since the oldest of it */
    uint32_t login_min, refused_min; /* the newest login that failed, the newest other refusal */
};

static bool are_denials(const void *state)
{
    const struct denials *d = state;
    return d->n <= FACTS_MAX && kt_ring_is_sound(&d->tries.ring) &&
           kt_ring_is_sound(&d->away.ring) && kt_ring_is_sound(&d->second);
}

static bool are_tries(const void *state)
{
    return kt_ring_is_sound(&((const struct tries *)state)->ring);
}

static bool are_names(const void *state)
{
    const struct names *n = state;
    return n->n <= NAMES_MAX && kt_ring_is_sound(&n->tries.ring);
}

static const struct kt_table_decl tables[] = {
    [T_ACTOR] = { "failed_actor", KT_KEY_ACTOR, sizeof(struct denials), 5, KT_ACTORS_MAX,
                  KT_EVICT_LRU, are_denials },
    [T_IDENTITY] = { "failed_identity", KT_KEY_IDENTITY, sizeof(struct tries), 5, 20000,
                     KT_EVICT_LRU, are_tries },
    [T_ADDRESS] = { "failed_address", KT_KEY_ADDRESS, sizeof(struct tries), 5, 20000, KT_EVICT_LRU,
                    are_tries },
    [T_NETWORK] = { "failed_network", KT_KEY_NETWORK, sizeof(struct names), 6, 10000, KT_EVICT_LRU,
                    are_names },
    [T_SETS] = { "failed_sets", KT_KEY_IDENTITY, sizeof(struct kt_looks), 1, 2000, KT_EVICT_LRU,
                 kt_looks_is_sound },
    [T_EXPOSED] = { "failed_exposed", KT_KEY_IDENTITY, sizeof(struct kt_exposed), 2, 10000,
                    KT_EVICT_LRU, kt_exposed_is_sound },
    [T_DOORS] = { "failed_doors", KT_KEY_ADDRESS, sizeof(uint32_t), 2, 20000, KT_EVICT_LRU, NULL },
    [T_GUESSES] = { "failed_guesses", KT_KEY_ADDRESS, sizeof(struct kt_guesses), 3, 2000,
                    KT_EVICT_LRU, kt_guesses_are_sound },
    [T_SCATTERED] = { "failed_scattered", KT_KEY_KIND, sizeof(struct kt_scattered), 2,
                      KT_SCATTERED_SIDES, KT_EVICT_REFUSE, kt_scattered_is_sound },
    [T_SECOND] = { "failed_second", KT_KEY_ACTOR, sizeof(struct kt_second_factor), 1, 2000,
                   KT_EVICT_LRU, NULL },
    [T_SLOW] = { "failed_slow", KT_KEY_ACTOR, sizeof(struct kt_slow_doors), 1, 4000, KT_EVICT_LRU,
                 kt_slow_doors_are_sound },
    [T_INSIDE] = { "failed_inside", KT_KEY_ADDRESS, sizeof(struct kt_inside_spray), 1, 10000,
                   KT_EVICT_LRU, kt_inside_spray_is_sound },
};

#define UINT_OPTION(field, value, help)                                                            \
    {                                                                                              \
#field, KT_OPT_UINT, value, offsetof(struct options, field), help, .reloadable = true      \
    }
#define DOUBLE_OPTION(field, value, help)                                                          \
    {                                                                                              \
#field, KT_OPT_DOUBLE, value, offsetof(struct options, field), help, .reloadable = true    \
    }
static const struct kt_option options[] = {
    UINT_OPTION(floor, "12",
                "Different denials and failed logins of one actor in an hour below which a burst "
                "is no evidence."),
    UINT_OPTION(breadth, "8",
                "Different denials in an hour by an actor that had fewer than 3 a day."),
    UINT_OPTION(sets, "5",
                "Folders, namespaces or regions that a machine without a history asks to see as a "
                "whole and is refused, within an hour; 16 at most. 0 = none."),
    UINT_OPTION(exposed, "3",
                "Networks of different operators, all new to an actor, that refuse it within 24 h "
                "though its credential is right; 8 at most. 0 = none."),
    UINT_OPTION(spray_names, "3",
                "Names that fail from one public network in 24 h without knowing it."),
    UINT_OPTION(spray_tries, "15",
                "Failed logins in an hour from one public network by names that do not know it."),
    UINT_OPTION(guess, "8", "Failed logins before a success that make it a guess."),
    UINT_OPTION(typos, "9",
                "Failed logins of a person on its own client, all in the new network where it gets "
                "in, of no hosting operator, that are typos of a trip, whatever guess says. "
                "0 = none."),
    UINT_OPTION(second_factors, "3",
                "Refused second factors from a new network before a success that say that the "
                "password is known to somebody else."),
    UINT_OPTION(guess_within_min, "30", "Minutes between the last failure and that success."),
    UINT_OPTION(values, "12",
                "Different credentials in an hour that a mount refuses to a private address which "
                "it did not let in for 90 days; 32 at most. 0 = none."),
    UINT_OPTION(blind, "40",
                "Failed logins in an hour by such an address and unknown names, where the log does "
                "not tell credentials apart and none of its network got in. 0 = none."),
    UINT_OPTION(scattered, "8",
                "Names in 6 hours that fail from as many networks which nobody uses and do not get "
                "in from there; 64 at most. 0 = none."),
    UINT_OPTION(slow_day, "8",
                "Secrets that an actor never read and is refused in 24 hours, in four different "
                "ones of them. 0 = none."),
    UINT_OPTION(slow_week, "16", "The same in 7 days, on four of them; 32 at most. 0 = none."),
    UINT_OPTION(inside_names, "8",
                "People in 24 hours who fail at one private address, get in elsewhere and not from "
                "there; 16 at most. 0 = none."),
    DOUBLE_OPTION(success, "2", "Added when a guess succeeds."),
    DOUBLE_OPTION(prior_count, "0.5",
                  "Failures that an actor without history is expected to have …"),
    DOUBLE_OPTION(prior_hours, "24", "… in this many hours."),
    DOUBLE_OPTION(rmax, "0.35",
                  "Confidence cap of the failure rate: small means bursty by nature."),
    KT_OPTIONS_END,
};

static enum kt_status check(void *opt, struct kt_error *err)
{
    const struct options *o = opt;
    if (o->exposed > KT_EXPOSED_PLACES)
        return kt_fail(err, KT_E_CONFIG, "exposed: %u at most", KT_EXPOSED_PLACES);
    if (o->sets > KT_LOOKS_MAX)
        return kt_fail(err, KT_E_CONFIG, "sets: %u at most", KT_LOOKS_MAX);
    if (o->values > KT_GUESSES_MAX)
        return kt_fail(err, KT_E_CONFIG, "values: %u at most", KT_GUESSES_MAX);
    if (o->slow_day > KT_SLOW_DOORS_MAX || o->slow_week > KT_SLOW_DOORS_MAX)
        return kt_fail(err, KT_E_CONFIG, "slow_day, slow_week: %u at most", KT_SLOW_DOORS_MAX);
    if (o->inside_names > KT_INSIDE_NAMES)
        return kt_fail(err, KT_E_CONFIG, "inside_names: %u at most", KT_INSIDE_NAMES);
    if (o->scattered > KT_SCATTERED_MAX)
        return kt_fail(err, KT_E_CONFIG, "scattered: %u at most", KT_SCATTERED_MAX);
    return KT_OK;
}

enum class { CLASS_NONE, CLASS_CREDENTIAL, CLASS_DENIED, CLASS_MISSING };

static enum class class_of(const struct kt_scene *s) {
    const struct kt_event *ev = s->ev; switch (ev->outcome){
        case KT_OUT_DENIED : return ev->action == KT_ACT_LOGIN || s->actor == NULL
            ? CLASS_CREDENTIAL
            : CLASS_DENIED;
        case KT_OUT_NOT_FOUND : return s->actor == NULL ? CLASS_NONE : CLASS_MISSING;
        case KT_OUT_FAILURE : /* throttling and faults of the service say nothing about the caller
                               */
                    return ev->action == KT_ACT_LOGIN
            ? CLASS_CREDENTIAL
            : CLASS_NONE;
        case KT_OUT_UNKNOWN : case KT_OUT_SUCCESS : case KT_OUT_COUNT : break;
    }
return CLASS_NONE;
}

/* A login that a limit stopped before anybody looked at what it brought (vault). */
static bool is_throttled(const struct kt_event *ev)
{
    return ev->outcome == KT_OUT_FAILURE && (kt_str_is(ev->code, "rate limit quota exceeded") ||
                                             kt_str_is(ev->code, "lease count quota exceeded") ||
                                             kt_str_is(ev->code, "upstream rate limited"));
}

static bool outside(const struct kt_scene *s)
{
    return s->where.usable && !s->where.inside && !kt_network_expected(s);
}

static struct kt_key net_key(const struct kt_scene *s)
{
    return (struct kt_key){ KT_DIM_NET, s->where.net };
}

static bool is_own_client(const struct kt_scene *s)
{
    return kt_client_known(s->places, s->client);
}

static void note_try(struct kt_scene *s, struct tries *t, bool foreign)
{
    if (t->last_min + DAY_MIN < s->minute)
        t->foreign = t->other = t->in_place = 0;
    kt_ring_add(&t->ring, s->t, 1);
    t->last_min = s->minute > t->last_min ? s->minute : t->last_min;
    if (!foreign)
        return;
    t->foreign++;
    t->other += s->where.hosting || !is_own_client(s);
    t->in_place = t->place == s->where.network ? t->in_place + 1 : 1;
    t->place = s->where.network;
}

/* ---- spray ---- */
static void note_name(struct kt_scene *s, struct names *n)
{
    unsigned slot = n->n, oldest = 0;
    for (unsigned i = 0; i < n->n; i++) {
        if (n->hash[i] == s->who.a) {
            n->minute[i] = s->minute > n->minute[i] ? s->minute : n->minute[i];
            return;
        }
        oldest = n->minute[i] < n->minute[oldest] ? i : oldest;
    }
    if (n->n < NAMES_MAX)
        n->n++;
    else {
        slot = oldest;
        bool alive = n->minute[slot] + DAY_MIN > s->minute;
        n->dropped = alive ? n->dropped + 1 : 0;
    }
    n->hash[slot] = s->who.a;
    n->minute[slot] = s->minute;
}

static unsigned names_in_day(const struct names *n, uint32_t minute)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n->n; i++)
        count += n->minute[i] + DAY_MIN > minute;
    return count < NAMES_MAX ? count : count + n->dropped;
}

static void forget_name(struct names *n, uint64_t hash)
{
    for (unsigned i = 0; i < n->n; i++) {
        if (n->hash[i] != hash)
            continue;
        n->n--;
        n->hash[i] = n->hash[n->n];
        n->minute[i] = n->minute[n->n];
        return;
    }
}

enum { N_NAMES, N_HOUR };

static void words_of_spray(const struct kt_scene *s, struct kt_finding *f)
{
    const struct names *n = kt_table_peek(s->tables[T_NETWORK], net_key(s));
    unsigned count = (unsigned)f->number[N_NAMES];
    char where[120], ip[KT_IP_TEXT_MAX];
    kt_say_network(&s->where, where, sizeof where);
    kt_cidr_format(kt_ip_network(s->ev->ip, 24, 48), ip);
    /* who is known to the store and refused everything has not tried to log in */
    bool logins = n->login_min + DAY_MIN > s->minute, others = n->refused_min + DAY_MIN > s->minute;
    const char *did = logins && others ? "failed to log in or got nothing but refusals"
                      : logins         ? "failed to log in"
                                       : "got nothing but refusals";
    KT_SAY(f->title, "%u name%s %s from %s, %s.", count, count == 1 ? "" : "s", did, ip, where);
    KT_SAY(f->normal,
           "None of them has worked from there before. %u failures in the last hour, %u in 24 h.",
           (unsigned)f->number[N_HOUR], kt_ring_hours(&n->tries.ring, s->t, 24));
    KT_SAY(f->part, "%u name%s failing from %s", count, count == 1 ? "" : "s", ip);
    KT_SAY(f->quiet, "%s in networks: (keytrail.yaml), or successful logins of these names.", ip);
}

static void tell_spray(struct kt_scene *s, unsigned count, unsigned hour, double p)
{
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_FAILURES, kt_points(p), KT_FIND_LEARNING, words_of_spray);
    if (f == NULL)
        return;
    f->key_kind = KT_KEY_NETWORK;
    f->key = net_key(s);
    f->number[N_NAMES] = count;
    f->number[N_HOUR] = hour;
}

static void spray(struct kt_scene *s, const struct options *o)
{
    bool knows = kt_net_known(s->places, s->where.net);
    bool nameless = s->who.a == 0 && s->who.b == 0;
    if (nameless)
        knows = kt_value_users(s, KT_DIM_NET, s->where.net, KT_ACTOR_COUNT) > 0;
    if (knows)
        return;
    struct names *n = kt_table_put(s->tables[T_NETWORK], net_key(s), NULL);
    note_try(s, &n->tries, true);
    uint32_t *newest = s->ev->action == KT_ACT_LOGIN ? &n->login_min : &n->refused_min;
    *newest = s->minute > *newest ? s->minute : *newest;
    if (!nameless)
        note_name(s, n);
    unsigned count = names_in_day(n, s->minute), hour = kt_ring_fives(&n->tries.ring, s->t, 12);
    double p = count >= o->spray_names ? fmin(8, fmax(SPRAY_LEAST, 3.2 + 0.5 * count)) : 0;
    /* tries at one known name are that actor's burst, not a second incident */
    bool own = count <= 1 && s->actor != NULL && !s->young;
    if (hour >= o->spray_tries && !own)
        p = fmax(p, 4.6);
    if (p > 0)
        tell_spray(s, count, hour, p);
}

/* ---- bursts of an actor ---- */
static unsigned fact_count(const struct denials *d, uint32_t minute, bool denied_only)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < d->n; i++) {
        bool inside = d->fact[i].first_min <= minute && d->fact[i].first_min + 60 > minute;
        if (inside && (!denied_only || d->weight[i] == WEIGHT_DENIED))
            sum += d->weight[i];
    }
    return sum / 100;
}

/* One fact once: what was met in the last 24 h is not new. Returns whether it is. */
static bool note_fact(struct kt_scene *s, struct denials *d, uint64_t hash, uint8_t weight)
{
    unsigned slot = d->n, stale = 0;
    for (unsigned i = 0; i < d->n; i++) {
        if (d->fact[i].hash == hash) {
            bool known = d->fact[i].last_min + DAY_MIN > s->minute;
            if (!known)
                d->fact[i].first_min = s->minute;
            if (d->fact[i].last_min < s->minute)
                d->fact[i].last_min = s->minute;
            return !known;
        }
        stale = d->fact[i].last_min < d->fact[stale].last_min ? i : stale;
    }
    if (d->n < FACTS_MAX)
        d->n++;
    else
        slot = stale;
    d->fact[slot].hash = hash;
    d->fact[slot].first_min = d->fact[slot].last_min = s->minute;
    d->weight[slot] = weight;
    return true;
}

static uint64_t fact_hash(const struct kt_scene *s)
{
    uint64_t h = s->secret.a ^ (s->secret.b << 1);
    for (size_t i = 0; i < s->ev->operation.len && i < 64; i++)
        h = (h ^ (unsigned char)s->ev->operation.at[i]) * UINT64_C(0x100000001b3);
    return h == 0 ? 1 : h;
}

enum { N_FAILURES, N_PER_DAY, N_BREADTH, N_LIMIT };

static void words_of_burst(const struct kt_scene *s, struct kt_finding *f)
{
    unsigned x = (unsigned)f->number[N_FAILURES];
    double per_day = f->number[N_PER_DAY];
    char who[160];
    kt_say_name(s->ev->actor, 80, who);
    KT_SAY(f->title,
           f->number[N_BREADTH] > 0
               ? "%s was denied %u different things within 1 hour."
               : "%s met %u different denials and failed logins within 1 hour.",
           who, x);
    KT_SAY(f->normal, "Usual for it: %.1f a day.", per_day);
    KT_SAY(f->part, "%u different failures within 1 hour against %.1f a day", x, per_day);
    KT_SAY(f->quiet, "Permission for what it asks, or fewer than %u different denials an hour.",
           (unsigned)f->number[N_LIMIT]);
}

static void tell_burst(struct kt_scene *s, const struct options *o, unsigned x, double p,
                       double per_day, bool breadth)
{
    struct kt_finding *f = kt_find(s, KT_FAMILY_FAILURES, kt_points(p), 0, words_of_burst);
    if (f == NULL)
        return;
    f->number[N_FAILURES] = x;
    f->number[N_PER_DAY] = per_day;
    f->number[N_BREADTH] = breadth;
    f->number[N_LIMIT] = (double)(breadth ? o->breadth : o->floor);
}

/* Its denials and failed logins an hour, up to a day before. */
static struct kt_gamma usual_of(const struct kt_scene *s, const struct options *o,
                                const struct denials *d)
{
    double a, b;
    kt_rate_at(&d->rate, (int64_t)s->minute / 60 - 24, RATE_HOURS, &a, &b);
    return (struct kt_gamma){ o->prior_count + a, o->prior_hours + b };
}

static void burst(struct kt_scene *s, const struct options *o, struct denials *d)
{
    struct kt_gamma g = usual_of(s, o, d);
    unsigned denied = fact_count(d, s->minute, true);
    unsigned x = fact_count(d, s->minute, false) + kt_ring_fives(&d->tries.ring, s->t, 12);
    double per_day = g.a / g.b * 24;
    double p = x >= o->floor ? kt_rate_surprise(x, 1, g, o->rmax) : 0;
    if (p < 3)
        p = 0;
    if (s->young) /* its rights are being set up */
        p = fmin(p, 4.2);
    bool breadth = denied >= o->breadth && per_day < 3 && !s->young && p < 4.6;
    if (breadth || p > 0)
        tell_burst(s, o, breadth ? denied : x, breadth ? 4.6 : p, per_day, breadth);
}

static struct denials *denials_of(struct kt_scene *s)
{
    bool fresh;
    struct denials *d = kt_table_put(s->tables[T_ACTOR], s->who, &fresh);
    if (!fresh)
        return d;
    /* exposure since the actor is known: it had no failure until now */
    kt_rate_add(&d->rate, s->actor->first_min / 60, 0, RATE_HOURS);
    const struct tries *before = kt_table_peek(s->tables[T_IDENTITY], s->who);
    if (before != NULL)
        d->tries = d->away = *before; /* who never got in knew no place */
    kt_table_remove(s->tables[T_IDENTITY], s->who);
    return d;
}

/* A network that it does not know, or not but for an incident. */
static bool is_foreign(const struct kt_scene *s)
{
    const struct kt_place *place = kt_place_of(s->places, s->where.network);
    return outside(s) && (place == NULL || kt_place_tainted(place, s->minute));
}

static void note_login(struct kt_scene *s, const struct options *o, struct denials *d)
{
    bool foreign = !kt_net_known(s->places, s->where.net);
    note_try(s, &d->tries, foreign);
    kt_second_refused(s, s->tables[T_SECOND], is_foreign(s), (unsigned)o->second_factors);
    if (!foreign)
        return;
    note_try(s, &d->away, true);
    if (kt_str_is(s->ev->code, "mfa_failed"))
        kt_ring_add(&d->second, s->t, 1);
}

static void by_actor(struct kt_scene *s, const struct options *o, enum class class)
{
    struct denials *d = denials_of(s);
    bool counts = true;
    if (class == CLASS_CREDENTIAL)
        note_login(s, o, d);
    else
        counts =
            note_fact(s, d, fact_hash(s), class == CLASS_DENIED ? WEIGHT_DENIED : WEIGHT_MISSING);
    if (!counts)
        return;
    if (class != CLASS_MISSING) {
        const uint16_t one[4] = { 1, 0, 0, 0 };
        kt_put_aside(s, 0, s->minute / 60, (s->minute / 60 + 1) * 60, one);
    }
    burst(s, o, d);
    kt_slow_doors_refused(s, s->tables[T_SLOW],
                          &(struct kt_slow_limits){ (unsigned)o->slow_day, (unsigned)o->slow_week,
                                                    usual_of(s, o, d), o->prior_count, o->rmax });
}

/* ---- guess then success ---- */
static bool recent(const struct kt_scene *s, const struct options *o, const struct tries *t)
{
    return t != NULL && t->last_min != 0 && s->minute <= t->last_min + o->guess_within_min &&
           s->minute + 5 >= t->last_min;
}

enum { N_TRIES, N_LEAST, N_WITHIN, N_STRANGE, N_KNOWS, N_TYPOS };

static void words_of_tries(const struct kt_scene *s, struct kt_finding *f)
{
    unsigned n = (unsigned)f->number[N_TRIES];
    char who[160];
    kt_say_name(s->ev->actor, 80, who);
    KT_SAY(f->title, "%s met %u failed logins.", who, n);
    KT_SAY(f->part, "%u failed logins before the success", n);
    KT_SAY(f->quiet, "Fewer than %u failed logins.", (unsigned)f->number[N_LEAST]);
}

/* The failures before the success weigh by themselves: nobody mistypes that often from a strange
 * place. */
static void tell_tries(struct kt_scene *s, unsigned n, const struct options *o)
{
    struct kt_gamma g = { o->prior_count, o->prior_hours };
    double p = n >= o->floor ? kt_rate_surprise(n, 1, g, o->rmax) : 0;
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_FAILURES, kt_points(p), KT_FIND_LEARNING, words_of_tries);
    if (f == NULL)
        return;
    f->number[N_TRIES] = n;
    f->number[N_LEAST] = (double)o->floor;
}

static void words_of_second(const struct kt_scene *s, struct kt_finding *f)
{
    unsigned n = (unsigned)f->number[N_TRIES];
    char who[160], where[120];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_network(&s->where, where, sizeof where);
    KT_SAY(f->title, "%s got in after %u refused second factors, from %s.", who, n, where);
    KT_SAY(f->normal, "It never worked from this network before. Each time the password was right: "
                      "whoever this is knows it.");
    KT_SAY(f->part, "success after %u refused second factors from a new network", n);
    KT_SAY(f->quiet, "Fewer than %u refused second factors, or a network that it knows.",
           (unsigned)f->number[N_LEAST]);
}

/* One or two are mistyped in any hotel. Returns whether it is told. */
static bool tell_second(struct kt_scene *s, const struct denials *d, const struct options *o)
{
    unsigned n = d != NULL && recent(s, o, &d->away) ? kt_ring_hours(&d->second, s->t, 24) : 0;
    if (n == 0 || n < o->second_factors)
        return false;
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_FAILURES, 460, KT_FIND_LEARNING | KT_FIND_SUCCESS, words_of_second);
    if (f == NULL)
        return true;
    f->number[N_TRIES] = n;
    f->number[N_LEAST] = (double)o->second_factors;
    return true;
}

static void words_of_guess(const struct kt_scene *s, struct kt_finding *f)
{
    unsigned n = (unsigned)f->number[N_TRIES];
    bool strange = f->number[N_STRANGE] > 0, knows = f->number[N_KNOWS] > 0;
    char who[160], where[120];
    kt_say_name(s->ev->actor, 80, who);
    if (s->where.usable && !s->where.inside)
        kt_say_network(&s->where, where, sizeof where);
    else
        KT_SAY(where, "a private address");
    KT_SAY(f->title, "%s got in after %u failed logins, from %s.", who, n, where);
    KT_SAY(f->normal, !strange ? "It knows this network."
                      : knows  ? "It never worked from this network before the failures."
                               : "It was never seen before the failures.");
    KT_SAY(f->part, "success after %u failed logins%s", n, strange ? " from a new network" : "");
    KT_SAY(f->quiet,
           "Fewer than %u failures, or more than %u minutes between them and the success.",
           (unsigned)f->number[N_LEAST], (unsigned)f->number[N_WITHIN]);
}

static void tell_guess(struct kt_scene *s, unsigned n, bool strange, bool knows,
                       const struct options *o)
{
    unsigned flags = KT_FIND_ADDS | KT_FIND_SUCCESS;
    flags |= strange ? KT_FIND_CRITICAL | KT_FIND_LEARNING : 0u;
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_FAILURES, kt_points(o->success), flags, words_of_guess);
    if (f == NULL)
        return;
    f->number[N_TRIES] = n;
    f->number[N_LEAST] = (double)o->guess;
    f->number[N_WITHIN] = (double)o->guess_within_min;
    f->number[N_STRANGE] = strange;
    f->number[N_KNOWS] = knows;
}

static void words_of_typos(const struct kt_scene *s, struct kt_finding *f)
{
    unsigned n = (unsigned)f->number[N_TRIES];
    char who[160], where[120];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_network(&s->where, where, sizeof where);
    KT_SAY(f->title, "%s got in after %u failed logins on its own client, from %s.", who, n, where);
    KT_SAY(f->normal, "It never worked from this network before. On a trip, up to %u are typos.",
           (unsigned)f->number[N_TYPOS]);
    KT_SAY(f->part, "success after %u failed logins on its own client (capped: people travel)", n);
    KT_SAY(f->quiet, "Fewer than %u failed logins, or a network that it knows.",
           (unsigned)f->number[N_LEAST]);
}

/* Typos and a new network are one trip, and no alert; with anything else they are more than that.
 * What the log has as its client is what somebody sent. */
static void tell_typos(struct kt_scene *s, unsigned n, const struct options *o)
{
    int left = TRIP;
    for (unsigned i = 0; i < s->n_found; i++)
        left -= s->found[i].family == KT_FAMILY_NETWORK ? s->found[i].points : 0;
    struct kt_finding *f = kt_find(s, KT_FAMILY_FAILURES, left < TYPOS_MOST ? left : TYPOS_MOST,
                                   KT_FIND_LEARNING, words_of_typos);
    if (f == NULL)
        return;
    f->number[N_TRIES] = n;
    f->number[N_LEAST] = (double)o->guess;
    f->number[N_TYPOS] = (double)o->typos;
}

/* Failures that came before this success: of the name itself, or at an address it does not know. */
static unsigned tries_before(const struct kt_scene *s, const struct options *o,
                             const struct tries *mine, const struct denials *d, bool foreign)
{
    const struct tries *here =
        foreign ? kt_table_peek(s->tables[T_ADDRESS], s->where.address) : NULL;
    unsigned n = recent(s, o, mine) ? kt_ring_hours(&mine->ring, s->t, foreign ? 24 : 1) : 0;
    unsigned away =
        foreign && d != NULL && recent(s, o, &d->away) ? kt_ring_hours(&d->away.ring, s->t, 24) : 0;
    n = n > away ? n : away;
    unsigned at_place = recent(s, o, here) ? here->foreign : 0;
    return n > at_place ? n : at_place;
}

/* A traveller brings its own device, and mistypes as at home; a server that somebody rented is no
 * trip. */
static bool is_own_device(const struct kt_scene *s)
{
    return kt_kind_is_person(s->actor->kind) && !s->where.hosting && is_own_client(s);
}

/* Told once; the next failures start anew. Its owner at work says nothing of who tries elsewhere.
 */
static void start_anew(const struct kt_scene *s, const struct options *o, struct denials *d,
                       bool foreign)
{
    if (recent(s, o, &d->tries))
        memset(&d->tries, 0, sizeof d->tries);
    if (!foreign || !recent(s, o, &d->away))
        return;
    memset(&d->away, 0, sizeof d->away);
    memset(&d->second, 0, sizeof d->second);
}

/* With another client, or from a rented server, guesses are guesses, whatever the success comes
 * with. And who mistypes does so where he gets in, not in one network after the other. */
static bool are_typos(const struct kt_scene *s, const struct options *o, const struct denials *d,
                      unsigned n)
{
    const struct tries *here = kt_table_peek(s->tables[T_ADDRESS], s->where.address);
    const struct tries *away = d != NULL && recent(s, o, &d->away) ? &d->away : NULL;
    bool elsewhere = away != NULL && away->foreign > 0 &&
                     (away->place != s->where.network || away->in_place < away->foreign);
    bool guessed = elsewhere || (away != NULL && away->other >= o->guess) ||
                   (recent(s, o, here) && here->other >= o->guess);
    return n <= o->typos && is_own_device(s) && !guessed;
}

static void success(struct kt_scene *s, const struct options *o)
{
    struct denials *d = kt_table_get(s->tables[T_ACTOR], s->who);
    const struct tries *mine = d != NULL ? &d->tries : kt_table_peek(s->tables[T_IDENTITY], s->who);
    bool foreign = is_foreign(s);
    bool knows = s->places->n_place + s->places->inside_seen > 0;
    unsigned n = tries_before(s, o, mine, d, foreign);
    /* somebody without any known network is new, not strange, until the tries are too many */
    bool strange = foreign && (knows || n >= o->floor);
    bool typos = strange && are_typos(s, o, d, n), told = n >= o->guess && !typos;
    if (told && strange)
        tell_tries(s, n, o);
    if (told)
        tell_guess(s, n, strange, knows, o);
    if (typos && n >= o->guess)
        tell_typos(s, n, o);
    told = (strange && tell_second(s, d, o)) || told;
    if (foreign)
        kt_second_got_in(s, s->tables[T_SECOND]);
    if (d != NULL)
        start_anew(s, o, d, foreign);
    kt_table_remove(s->tables[T_IDENTITY], s->who);
    struct names *names = s->where.usable ? kt_table_get(s->tables[T_NETWORK], net_key(s)) : NULL;
    /* a colleague who mistyped leaves the list; one whose password was guessed does not */
    if (names != NULL && !told)
        forget_name(names, s->who.a);
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    if (s->late || is_throttled(s->ev))
        return;
    kt_inside_login(s, s->tables[T_DOORS], s->tables[T_GUESSES],
                    (struct kt_guess_limits){ (unsigned)o->values, (unsigned)o->blind });
    kt_inside_spray_login(s, s->tables[T_INSIDE], (unsigned)o->inside_names);
    if (s->ev->outcome == KT_OUT_SUCCESS && s->actor != NULL) {
        success(s, o);
        kt_slow_doors_opened(s, s->tables[T_SLOW]);
        if (s->where.usable)
            kt_scattered_success(s, s->tables[T_SCATTERED], (unsigned)o->guess_within_min);
        if (outside(s))
            kt_exposed_success(s, s->tables[T_EXPOSED]);
        return;
    }
    enum class class = class_of(s);
    if (class == CLASS_NONE)
        return;
    if (s->actor != NULL)
        by_actor(s, o, class);
    else if (s->who.a != 0 || s->who.b != 0)
        note_try(s, kt_table_put(s->tables[T_IDENTITY], s->who, NULL), true);
    if (o->sets > 0)
        kt_looks_around(s, s->tables[T_SETS], (unsigned)o->sets);
    if (o->exposed > 0 && class != CLASS_MISSING && outside(s))
        kt_exposed_refused(s, s->tables[T_EXPOSED], (unsigned)o->exposed);
    if (class == CLASS_CREDENTIAL && o->scattered > 0 && s->where.usable)
        kt_scattered_failed(s, s->tables[T_SCATTERED], outside(s), (unsigned)o->scattered);
    if (class != CLASS_CREDENTIAL || !outside(s))
        return;
    if (!kt_net_known(s->places, s->where.net))
        note_try(s, kt_table_put(s->tables[T_ADDRESS], s->where.address, NULL), true);
    spray(s, o);
}

static void on_learn(struct kt_scene *s, const void *opt, const struct kt_pending *p)
{
    (void)opt;
    struct denials *d = kt_table_get(s->tables[T_ACTOR], s->who);
    if (d != NULL)
        kt_rate_add(&d->rate, p->time_min / 60, p->v[0], RATE_HOURS);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    const struct denials *d = kt_table_peek(s->tables[T_ACTOR], s->who);
    if (d == NULL)
        kt_buf_addz(out, "failures (none on record)");
    else
        kt_buf_addf(out, "failures (%u different denials and %u failed logins in 1 h)",
                    fact_count(d, s->minute, false), kt_ring_fives(&d->tries.ring, s->t, 12));
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(REFUSED) },
    { "spray from an address", KT_NEED(REFUSED) | KT_NEED(ADDRESS) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_failed_attempts = {
    .name = "failed_attempts",
    .summary = "Denials and failed logins: bursts, sprays, guesses that succeed",
    .options = options,
    .options_size = sizeof(struct options),
    .check = check,
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .on_learn = on_learn,
    .considered = considered,
};
