/*
 * detect_change: what several show on one day because somebody decided it is one alert: the hours
 * of a team that moved, the first runs of jobs, a program that one name ran on several hosts
 * (docs/decisions/0141 to 0143).
 *
 * Owns:  nothing.
 * Calls: detect_together (colleagues), detect_total, detect_incident (merge), detect_decide (what
 *        was judged).
 */
#include <string.h>

#include "collector/detect_state.h"

#define WITHIN_NS  (6 * KT_NS_HOUR)
#define AGAIN_NS   (14 * KT_NS_DAY) /* then it is told anew, as of a network */
#define SHIFT_NS   (3 * KT_NS_HOUR) /* from one member to the next */
#define ELSE_MOST  250              /* points beside what all show: a story of one's own */
#define FIRST_MIN  120u             /* a first run, from the machine's first event on */
#define TEAM_LEAST 3u               /* people of one team who are in one network */
#define ROOM_LEAST 5u               /* people who are in one network */
#define OTHERS_MAX 8u

/* ---- what it is made of ---- */
#define FAMILY(f) (1u << KT_FAMILY_##f)
#define SIZE      (FAMILY(VOLUME) | FAMILY(NEW_SECRETS))
#define NO_CHANGE (KT_FIND_CRITICAL | KT_FIND_SUCCESS)

/* Of one actor or of such a change, and nobody judged it. */
static bool is_plain(const struct kt_detect *d, const struct incident *in, enum together as)
{
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        if (in->part[i].set && in->part[i].flags & NO_CHANGE)
            return false;
    }
    return (in->together == KT_ALONE || in->together == as) && in->key_kind == KT_KEY_ACTOR &&
           !in->critical && !in->environment && in->suppressed_by[0] == '\0' &&
           !kt_detect_is_judged(d, in);
}

/* Points of those families, or of all others. */
static int points_in(const struct kt_detect *d, const struct incident *in, unsigned families,
                     bool others)
{
    int points = 0;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        const struct part *p = &in->part[i];
        bool is_one = p->set && ((families >> p->family & 1) != 0) != others;
        points += is_one && kt_detect_counts(in, p, d->shared.learning) ? p->points : 0;
    }
    return points;
}

static const struct kt_actor *actor_of(const struct kt_detect *d, const struct incident *in)
{
    return kt_table_peek(d->actors, in->key);
}

/* Is it the hour, and nothing else worth a word? */
static bool is_of_hours(const struct kt_detect *d, const struct incident *in)
{
    return kt_kind_is_person(in->actor_kind) && is_plain(d, in, KT_SHIFT) &&
           points_in(d, in, FAMILY(TIME), false) > 0 &&
           points_in(d, in, FAMILY(TIME), true) <= ELSE_MOST;
}

static bool is_machine(uint8_t kind)
{
    return kind == KT_ACTOR_SERVICE || kind == KT_ACTOR_CI;
}

/* A machine inside that began two hours ago, of which only much can be said, and that it is new. */
static bool is_first_run(const struct kt_detect *d, const struct incident *in)
{
    struct kt_ip ip;
    const struct kt_actor *a = actor_of(d, in);
    bool begins = in->together == KT_FIRST_RUNS ||
                  (a != NULL && in->last < (kt_time_ns)(a->first_min + FIRST_MIN) * KT_NS_MIN);
    return is_machine(in->actor_kind) && begins && is_plain(d, in, KT_FIRST_RUNS) &&
           points_in(d, in, SIZE, true) == 0 && kt_ip_parse(kt_str_of(in->ip), &ip) &&
           kt_detect_is_inside(ip);
}

/* A program that somebody took up on a host, and nothing else. */
static bool is_of_program(const struct kt_detect *d, const struct incident *in)
{
    return kt_kind_is_person(in->actor_kind) && in->cause != 0 && in->cause != CAUSES_MIXED &&
           is_plain(d, in, KT_HOSTS) && points_in(d, in, FAMILY(PROCESS), false) > 0 &&
           points_in(d, in, FAMILY(PROCESS), true) == 0;
}

/* ---- who is alike ---- */
/* The user of "user@host", which is one account where hosts are set up alike. */
static struct kt_str user_of(const struct incident *in)
{
    struct kt_str name = kt_str_of(in->actor);
    ptrdiff_t at = kt_str_find_byte(name, '@', 0);
    return at < 0 ? KT_STR_NONE : kt_str_sub(name, 0, (size_t)at);
}

static bool same_user(const struct incident *a, const struct incident *b)
{
    struct kt_str user = user_of(a);
    return user.len > 0 && kt_str_eq(user, user_of(b)) && a->cause == b->cause;
}

static bool same_net(const struct incident *a, const struct incident *b)
{
    struct kt_ip x, y;
    return kt_ip_parse(kt_str_of(a->ip), &x) && kt_ip_parse(kt_str_of(b->ip), &y) &&
           kt_cidr_has(kt_ip_network(x, 24, 48), y);
}

/* Are most of the secrets of the one with fewer also the other's? */
static bool same_secrets(const struct incident *a, const struct incident *b)
{
    unsigned common = 0, n = kt_detect_listed(a), m = kt_detect_listed(b);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < m; k++)
            common += a->hash[i] == b->hash[k];
    }
    return common * 2 > (n < m ? n : m);
}

enum like { LIKE_TEAM_AND_ROOM, LIKE_TEAM, LIKE_ROOM, LIKE_RUN, LIKE_PROGRAM, LIKES };

static bool is_like(const struct kt_detect *d, const struct incident *a, const struct incident *b,
                    enum like like)
{
    const struct kt_actor *x = actor_of(d, a), *y = actor_of(d, b);
    if (like == LIKE_PROGRAM)
        return is_of_program(d, b) && same_user(a, b);
    if (like == LIKE_RUN)
        return is_first_run(d, b) && same_net(a, b) && strcmp(a->user_agent, b->user_agent) == 0 &&
               same_secrets(a, b);
    return is_of_hours(d, b) && (like == LIKE_ROOM || kt_detect_same_team(x, y)) &&
           (like == LIKE_TEAM || same_net(a, b));
}

/* So many are a decision, and not what one of them did. Two machines that are new, or two hosts,
 * are told as one: nothing is hidden by it. */
static unsigned least_of(const struct kt_detect *d, const struct kt_scene *s, enum like like)
{
    static const unsigned least[LIKES] = { [LIKE_TEAM_AND_ROOM] = TEAM_LEAST,
                                           [LIKE_ROOM] = ROOM_LEAST,
                                           [LIKE_RUN] = 2,
                                           [LIKE_PROGRAM] = 2 };
    return like == LIKE_TEAM ? kt_detect_most_of_team(d, s) : least[like];
}

/* ---- becoming one ---- */
/* The oldest of those that somebody was told of, by age; *ret_actors are in them all. */
static unsigned others_of(const struct kt_detect *d, const struct incident *in, kt_time_ns t,
                          enum like like, uint64_t ret[OTHERS_MAX], unsigned *ret_actors)
{
    uint32_t at = 0;
    unsigned n = 0;
    struct kt_key key;
    const struct incident *o;
    *ret_actors = in->members_n;
    while ((o = kt_table_look(d->incidents, &at, &key)) != NULL) {
        if (o->serial == in->serial || o->severity < KT_SEV_MEDIUM || o->closed ||
            t > o->last + WITHIN_NS || t < o->first - WITHIN_NS || !is_like(d, in, o, like))
            continue;
        *ret_actors += o->members_n;
        unsigned i = n < OTHERS_MAX ? n++ : OTHERS_MAX - 1;
        if (i == OTHERS_MAX - 1 && ret[i] != 0 && ret[i] < o->serial)
            continue;
        for (; i > 0 && ret[i - 1] > o->serial; i--)
            ret[i] = ret[i - 1];
        ret[i] = o->serial;
    }
    return n;
}

/* What little each has beside what all show is no sum of all. */
static void leave_the_rest(struct incident *in)
{
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        if (in->part[i].set && in->part[i].family != KT_FAMILY_TIME)
            memset(&in->part[i], 0, sizeof in->part[i]);
    }
}

static struct incident *get(struct kt_detect *d, uint64_t serial)
{
    return kt_table_get(d->incidents, (struct kt_key){ serial, 0 });
}

/* What somebody has in hand stays, else the oldest. */
static void put_first(struct kt_detect *d, uint64_t other[OTHERS_MAX], unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t serial = other[i];
        if (!get(d, serial)->acked)
            continue;
        other[i] = other[0];
        other[0] = serial;
        return;
    }
}

/* All become the first of the n others. */
static struct incident *join(struct kt_detect *d, struct kt_scene *s, uint64_t young,
                             uint64_t other[OTHERS_MAX], unsigned n, enum together as)
{
    put_first(d, other, n);
    for (unsigned i = n; i > 0; i--) { /* the newest first */
        if (as == KT_SHIFT)
            leave_the_rest(get(d, young));
        kt_detect_merge(d, s, get(d, other[0]), get(d, young));
        young = other[i - 1];
    }
    struct incident *all = get(d, other[0]);
    all->together = (uint8_t)as;
    return all;
}

/* What it may be part of; KT_ALONE: of nothing. */
static enum together change_of(const struct kt_detect *d, const struct incident *in)
{
    return is_of_hours(d, in)     ? KT_SHIFT
           : is_first_run(d, in)  ? KT_FIRST_RUNS
           : is_of_program(d, in) ? KT_HOSTS
                                  : KT_ALONE;
}

struct incident *kt_detect_change(struct kt_detect *d, struct kt_scene *s, struct incident *in)
{
    int weighted, total = kt_detect_total(in, d->shared.learning, &weighted);
    if (in->severity >= 0 || total < KT_ALERT_RAISE || weighted < KT_ALERT_RAISE)
        return in;
    enum together as = change_of(d, in);
    unsigned first = as == KT_SHIFT        ? LIKE_TEAM_AND_ROOM
                     : as == KT_FIRST_RUNS ? LIKE_RUN
                     : as == KT_HOSTS      ? LIKE_PROGRAM
                                           : LIKES;
    unsigned last = as == KT_SHIFT ? LIKE_ROOM : first, people;
    for (unsigned like = first; like < LIKES && like <= last; like++) {
        uint64_t other[OTHERS_MAX] = { 0 };
        unsigned n = others_of(d, in, s->t, like, other, &people);
        if (n > 0 && people >= least_of(d, s, like))
            return join(d, s, in->serial, other, n, as);
    }
    return in;
}

/* ---- what comes later ---- */
bool kt_detect_still_change(const struct incident *in, const struct kt_scene *s)
{
    int other = 0;
    for (unsigned i = 0; i < s->n_found; i++) {
        const struct kt_finding *f = &s->found[i];
        if (f->key_kind != KT_KEY_ACTOR || !kt_key_eq(f->key, s->who))
            continue;
        unsigned same = in->together == KT_SHIFT   ? FAMILY(TIME)
                        : in->together == KT_HOSTS ? FAMILY(PROCESS)
                                                   : SIZE;
        other += (same >> f->family & 1) != 0 ? 0 : f->points;
        if (f->flags & NO_CHANGE || (in->together == KT_HOSTS && f->cause != in->cause))
            return false;
    }
    if (in->together == KT_SHIFT)
        return other <= ELSE_MOST;
    if (in->together == KT_HOSTS)
        return other == 0;
    return other == 0 && s->minute < s->actor->first_min + FIRST_MIN;
}

/* More of the same team, or of the same network where nobody says whose team they are. */
static bool is_more_of(const struct kt_detect *d, const struct incident *told,
                       const struct incident *in)
{
    const struct kt_actor *a = actor_of(d, in), *b = actor_of(d, told);
    bool teams = a == NULL || b == NULL || a->team != 0 || b->team != 0;
    return is_like(d, in, told, LIKE_TEAM) || (!teams && is_like(d, in, told, LIKE_ROOM));
}

/* At the time of the day that somebody was told of? */
static bool same_hours(const struct incident *told, kt_time_ns t)
{
    kt_time_ns after = (t - told->first + SHIFT_NS) % KT_NS_DAY;
    return after <= told->last - told->first + 2 * SHIFT_NS;
}

struct incident *kt_detect_shift_of(struct kt_detect *d, const struct incident *in)
{
    uint32_t at = 0;
    struct kt_key key;
    const struct incident *o;
    if (!is_of_hours(d, in) || in->together != KT_ALONE)
        return NULL;
    while ((o = kt_table_look(d->incidents, &at, &key)) != NULL) {
        if (o->together == KT_SHIFT && o->severity >= KT_SEV_MEDIUM && in->first > o->last &&
            in->first < o->last + AGAIN_NS && same_hours(o, in->first) && is_more_of(d, o, in))
            return kt_table_get(d->incidents, key);
    }
    return NULL;
}
