/*
 * detect_change: what several show on one day because somebody decided it: the hours of a team that
 * moved, the first runs of jobs, a program that one name ran on several hosts (docs/decisions/0141
 * to 0143).
 *
 * Owns:  nothing.
 * Calls: detect_together (colleagues), detect_total, detect_incident (merge), detect_decide (what
 *        was judged), core/config/identities (teams).
 * Holds: hours and first runs are never added up over several: who is part of the alert of another
 *        keeps an incident of his own, which is asked again at each event.
 */
#include <string.h>

#include "collector/detect_state.h"

#define WITHIN_NS  (6 * KT_NS_HOUR)
#define SPAN_NS    (6 * KT_NS_HOUR) /* of an alert that others are part of: it tells of no more */
#define AGAIN_NS   (14 * KT_NS_DAY) /* then it is told anew, as of a network */
#define SHIFT_NS   (3 * KT_NS_HOUR) /* from one member to the next */
#define ELSE_MOST  250              /* points beside what all show: a story of one's own */
#define FIRST_MIN  120u             /* a first run, from the machine's first event on */
#define TEAM_LEAST 3u               /* people of one team who are in one network */
#define ROOM_LEAST 5u               /* people who are in one network, and of no team */
#define DESK_DAYS  3u               /* of an address range, and since somebody is inside */
#define DESK_MIN   (3u * 24 * 60)   /* and of a client, to be somebody's own */
#define READ_MOST  1024u            /* secrets: of more the marks say too little */

/* ---- what it is made of ---- */
#define FAMILY(f) (1u << KT_FAMILY_##f)
#define SIZE      (FAMILY(VOLUME) | FAMILY(NEW_SECRETS))
#define NO_CHANGE (KT_FIND_CRITICAL | KT_FIND_SUCCESS)

/* Of one actor or of such a change. */
static bool is_plain(const struct incident *in, enum together as)
{
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        if (in->part[i].set && in->part[i].flags & NO_CHANGE)
            return false;
    }
    return (in->together == KT_ALONE || in->together == as) && in->key_kind == KT_KEY_ACTOR &&
           !in->critical && !in->environment && in->suppressed_by[0] == '\0';
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

/* ---- at whose desk ---- */
/* Where, and with what, the actor was days ago already. A record without an address is from no
 * desk. */
static bool at_desk(const struct kt_scene *s)
{
    const struct kt_places *p = s->places;
    bool here = p != NULL && s->where.usable && s->where.inside && p->inside_seen &&
                p->inside_day + DESK_DAYS <= s->minute / (24 * 60);
    bool own = s->client == 0;
    for (unsigned i = 0; p != NULL && i < p->n_net; i++)
        here = here || (p->net[i].net == s->where.net && p->net[i].days >= DESK_DAYS);
    for (unsigned i = 0; p != NULL && i < p->n_client; i++)
        own = own || (p->client[i] == s->client && p->client_min[i] + DESK_MIN <= s->minute);
    return here && own;
}

void kt_detect_note_desk(const struct kt_scene *s, struct incident *in)
{
    bool failed = s->ev->action == KT_ACT_LOGIN && !s->taught; /* anybody may name the victim */
    if (in->key_kind == KT_KEY_ACTOR && !failed && !at_desk(s))
        in->strange = 1;
}

/* ---- what it is ---- */
/* Is it the hour, at one's own desk, and nothing else worth a word? */
static bool is_of_hours(const struct kt_detect *d, const struct incident *in)
{
    return kt_kind_is_person(in->actor_kind) && is_plain(in, KT_SHIFT) && !in->strange &&
           points_in(d, in, FAMILY(TIME), false) > 0 &&
           points_in(d, in, FAMILY(TIME), true) <= ELSE_MOST;
}

/* A machine inside that began two hours before the incident, of which only much can be said, and
 * that it is new. */
static bool is_first_run(const struct kt_detect *d, const struct incident *in)
{
    struct kt_ip ip;
    const struct kt_actor *a = kt_table_peek(d->actors, in->key);
    bool machine = in->actor_kind == KT_ACTOR_SERVICE || in->actor_kind == KT_ACTOR_CI;
    return machine && a != NULL && in->first < (kt_time_ns)(a->first_min + FIRST_MIN) * KT_NS_MIN &&
           is_plain(in, KT_FIRST_RUNS) && points_in(d, in, SIZE, true) == 0 &&
           kt_ip_parse(kt_str_of(in->ip), &ip) && kt_detect_is_inside(ip);
}

/* A program that somebody took up on a host, and nothing else. */
static bool is_of_program(const struct kt_detect *d, const struct incident *in)
{
    return kt_kind_is_person(in->actor_kind) && in->cause != 0 && in->cause != CAUSES_MIXED &&
           is_plain(in, KT_HOSTS) && !kt_detect_is_judged(d, in) &&
           points_in(d, in, FAMILY(PROCESS), false) > 0 &&
           points_in(d, in, FAMILY(PROCESS), true) == 0;
}

/* ---- who is alike ---- */
/* What the file says: an event's role is what a thief chooses. */
static struct kt_str team_of(const struct kt_detect *d, const struct incident *in)
{
    const struct kt_identity *who =
        kt_identities_find(d->shared.conf->identities, kt_str_of(in->actor), kt_str_of(in->source),
                           kt_str_of(in->instance));
    return who != NULL && who->team != NULL ? kt_str_of(who->team) : KT_STR_NONE;
}

static bool same_net(const struct incident *a, const struct incident *b)
{
    struct kt_ip x, y;
    return kt_ip_parse(kt_str_of(a->ip), &x) && kt_ip_parse(kt_str_of(b->ip), &y) &&
           kt_cidr_has(kt_ip_network(x, 24, 48), y);
}

/* Are most of the secrets of one also of the other's? By marks, which all are in: a list has the
 * newest ones only. */
static bool reads_the_same(const struct incident *in, const struct incident *of)
{
    unsigned own = 0, common = 0;
    for (unsigned i = 0; i < INCIDENT_MARKS; i++) {
        own += (unsigned)__builtin_popcountll(in->mark[i] & ~of->mark[i]);
        common += (unsigned)__builtin_popcountll(in->mark[i] & of->mark[i]);
    }
    return own < common && in->secrets_n <= READ_MOST && of->secrets_n <= READ_MOST;
}

enum like { LIKE_TEAM_AND_ROOM, LIKE_TEAM, LIKE_ROOM, LIKE_RUN, LIKES };

static bool is_like(const struct kt_detect *d, const struct incident *in, const struct incident *o,
                    enum like like)
{
    if (like == LIKE_RUN)
        return is_first_run(d, o) && same_net(in, o) &&
               strcmp(in->user_agent, o->user_agent) == 0 && reads_the_same(in, o);
    struct kt_str team = team_of(d, in), other = team_of(d, o);
    bool same = team.len > 0 && kt_str_eq(team, other), none = team.len == 0 && other.len == 0;
    return is_of_hours(d, o) && (like == LIKE_ROOM ? none : same) &&
           (like == LIKE_TEAM || same_net(in, o));
}

/* So many are a decision, and not what one of them did. Two machines that are new are enough: the
 * alert of the first is there. */
static unsigned least_of(const struct kt_detect *d, const struct kt_scene *s, enum like like)
{
    static const unsigned least[LIKES] = {
        [LIKE_TEAM_AND_ROOM] = TEAM_LEAST, [LIKE_ROOM] = ROOM_LEAST, [LIKE_RUN] = 2
    };
    return like == LIKE_TEAM ? kt_detect_most_of_team(d, s) : least[like];
}

/* ---- whose alert it is part of ---- */
/* When it ended, for others: one that goes on for a day says of no hour that it is a shift's. */
static kt_time_ns end_of(const struct incident *o)
{
    return o->last < o->first + SPAN_NS ? o->last : o->first + SPAN_NS;
}

static bool is_near(const struct incident *o, kt_time_ns t)
{
    return t >= o->first - WITHIN_NS && t <= end_of(o) + WITHIN_NS;
}

/* On another day, at the time of the day that somebody was told of? */
static bool is_next(const struct incident *o, kt_time_ns t)
{
    kt_time_ns after = (t - o->first + SHIFT_NS) % KT_NS_DAY;
    return t > o->last && t < o->last + AGAIN_NS && after <= end_of(o) - o->first + 2 * SHIFT_NS;
}

int kt_detect_gravity(const struct kt_detect *d, const struct incident *in)
{
    int weighted;
    (void)kt_detect_total(in, d->shared.learning, &weighted);
    return kt_detect_severity(weighted, in->critical);
}

/* May another be told as part of it? What was found to be true soothes nobody, and who is graver is
 * told alone; a first run, of the same secrets, makes the alert graver that nobody judged. */
static bool takes(const struct kt_detect *d, const struct incident *o, const struct incident *in,
                  enum together as)
{
    const struct withheld *judged = kt_detect_judged(d, o, o->key);
    bool graver = kt_detect_gravity(d, in) > o->severity;
    return o->serial != in->serial && o->severity >= KT_SEV_MEDIUM &&
           (!graver || (as == KT_FIRST_RUNS && judged == NULL)) &&
           (judged == NULL || kt_detect_dismissed(judged));
}

static struct incident *get(struct kt_detect *d, uint64_t serial)
{
    return kt_table_get(d->incidents, (struct kt_key){ serial, 0 });
}

/* One that others are part of already. */
static const struct incident *formed_of(const struct kt_detect *d, const struct incident *in,
                                        kt_time_ns t, enum together as, enum like first,
                                        enum like last)
{
    uint32_t at = 0;
    struct kt_key key;
    const struct incident *o;
    while ((o = kt_table_look(d->incidents, &at, &key)) != NULL) {
        bool when = is_near(o, t) || (as == KT_SHIFT && is_next(o, in->first));
        for (enum like like = first; o->together == as && when && like <= last; like++) {
            if (takes(d, o, in, as) && is_like(d, in, o, like))
                return o;
        }
    }
    return NULL;
}

/* What somebody has in hand goes before, else the older. */
static bool goes_before(const struct incident *a, const struct incident *b)
{
    return a->acked != b->acked ? a->acked : a->serial < b->serial;
}

/* One that somebody was told of, and nobody judged, so that the two are of one change. */
static bool forms(const struct kt_detect *d, const struct incident *in, kt_time_ns t,
                  const struct incident *o, enum together as, enum like like)
{
    return o->together == KT_ALONE && !o->closed && is_near(o, t) && takes(d, o, in, as) &&
           !kt_detect_is_judged(d, o) && !kt_key_eq(o->key, in->key) && is_like(d, in, o, like);
}

/* The first of those, which names the others from then on; NULL: they are not enough. */
static struct incident *form(struct kt_detect *d, const struct kt_scene *s,
                             const struct incident *in, enum together as, enum like like)
{
    uint32_t at = 0;
    unsigned n = 1;
    struct kt_key key;
    const struct incident *o, *first = NULL;
    while ((o = kt_table_look(d->incidents, &at, &key)) != NULL) {
        if (!forms(d, in, s->t, o, as, like))
            continue;
        n++;
        first = first == NULL || goes_before(o, first) ? o : first;
    }
    if (first == NULL || n < least_of(d, s, like))
        return NULL;
    struct incident *all = get(d, first->serial);
    for (at = 0; (o = kt_table_look(d->incidents, &at, &key)) != NULL;) {
        if (forms(d, in, s->t, o, as, like) && o->members_n > 0)
            kt_detect_member(all, o->member_key[0], o->members[0]);
    }
    all->together = (uint8_t)as;
    return all;
}

struct incident *kt_detect_change_of(struct kt_detect *d, const struct kt_scene *s,
                                     const struct incident *in)
{
    enum together as = is_of_hours(d, in)    ? KT_SHIFT
                       : is_first_run(d, in) ? KT_FIRST_RUNS
                                             : KT_ALONE;
    if (as == KT_ALONE || in->together != KT_ALONE)
        return NULL;
    enum like first = as == KT_SHIFT ? LIKE_TEAM_AND_ROOM : LIKE_RUN,
              last = as == KT_SHIFT ? LIKE_ROOM : LIKE_RUN;
    const struct incident *formed = formed_of(d, in, s->t, as, first, last);
    struct incident *all = formed == NULL ? NULL : get(d, formed->serial);
    for (enum like like = first; all == NULL && like <= last; like++)
        all = form(d, s, in, as, like);
    return all;
}

/* ---- one name on several hosts ---- */
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

/* The oldest of those that somebody was told of, by age. */
static unsigned others_of(const struct kt_detect *d, const struct incident *in, kt_time_ns t,
                          uint64_t ret[OTHERS_MAX])
{
    uint32_t at = 0;
    unsigned n = 0;
    struct kt_key key;
    const struct incident *o;
    while ((o = kt_table_look(d->incidents, &at, &key)) != NULL) {
        if (o->serial == in->serial || o->severity < KT_SEV_MEDIUM || o->closed ||
            t > o->last + WITHIN_NS || t < o->first - WITHIN_NS || !is_of_program(d, o) ||
            !same_user(in, o))
            continue;
        n = kt_detect_keep_oldest(ret, n, o->serial);
    }
    return n;
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

struct incident *kt_detect_change(struct kt_detect *d, struct kt_scene *s, struct incident *in)
{
    int weighted, total = kt_detect_total(in, d->shared.learning, &weighted);
    if (in->severity >= 0 || total < KT_ALERT_RAISE || weighted < KT_ALERT_RAISE ||
        !is_of_program(d, in))
        return in;
    uint64_t other[OTHERS_MAX] = { 0 }, young = in->serial;
    unsigned n = others_of(d, in, s->t, other);
    if (n == 0)
        return in;
    put_first(d, other, n);
    for (unsigned i = n; i > 0; i--) { /* the newest first */
        kt_detect_merge(d, s, get(d, other[0]), get(d, young));
        young = other[i - 1];
    }
    struct incident *all = get(d, other[0]);
    all->together = KT_HOSTS;
    return all;
}

bool kt_detect_still_hosts(const struct incident *in, const struct kt_scene *s)
{
    for (unsigned i = 0; i < s->n_found; i++) {
        const struct kt_finding *f = &s->found[i];
        if (f->key_kind != KT_KEY_ACTOR || !kt_key_eq(f->key, s->who))
            continue;
        bool other = f->family != KT_FAMILY_PROCESS && f->points > 0;
        if (other || f->flags & NO_CHANGE || f->cause != in->cause)
            return false;
    }
    return true;
}
