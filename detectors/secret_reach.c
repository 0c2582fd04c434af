/*
 * secret_reach: how many different secrets a person reads in a week, and how many of other teams in
 * a fortnight (docs/decisions/0105).
 *
 * Owns:  by person: on which day it read each secret last, as a count a day; secrets of others that
 *        it took up and did not come back to; its widest weeks. By secret: whose people read it.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/secret_reach.h"

#include <math.h>

#include "core/base/hash.h"

#define DAY_MIN      1440u
#define OVER_MIN     (6u * 60u) /* evidence that comes later is another incident's */
#define NAMED_MIN    60u        /* an alert names what is read within an hour of its evidence */
#define WEEK         7u
#define FORTNIGHT    14u
#define WEEKS_MIN    2u /* of which the widest week is the yardstick, at the least */
#define HOME_READS   20u
#define RECORD_BASE  2.5 /* §4.3: own record */
#define RECORD_STEEP 6.0
#define RECORD_MOST  6.0
#define AWAY_MOST    4.2 /* with its own client it leans: a new line at home is no theft */
#define TOLD_FROM    4.5 /* an alert by itself (§5) */
#define TEAM_SEED    UINT64_C(0x7465616d72656164)

/* By what people are one team: the file of identities, a role, or the path that they work at. */
enum { BY_NOTHING, BY_IDENTITY, BY_ROLE, BY_PATH };

static uint16_t add16(uint16_t a, int b)
{
    int sum = a + b;
    return (uint16_t)(sum < 0 ? 0 : sum > UINT16_MAX ? UINT16_MAX : sum);
}

/* ---- whose people ---- */
/* The path that at least two fifths of its reads are below; 0: it has none. */
static uint64_t home_of(const struct kt_habit *h)
{
    unsigned best = 0;
    for (unsigned i = 1; i < KT_HABIT_PREFIXES; i++)
        best = h->prefix[i].n > h->prefix[best].n ? i : best;
    bool home = h->seen_n >= HOME_READS && h->prefix[best].n * 5u >= h->seen_n * 2u;
    return home ? h->prefix[best].hash : 0;
}

/* What it has in common with its team; how it is known stands in the two lowest bits. 0: nothing
 * says whose colleague it is. */
static uint32_t team_of(const struct kt_scene *s, const struct kt_habit *h)
{
    bool named = s->identity != NULL && s->identity->team != NULL;
    uint64_t hash = 0;
    unsigned by = BY_NOTHING;
    if (s->team.len > 0) {
        hash = kt_hash64(s->team, TEAM_SEED);
        by = named ? BY_IDENTITY : BY_ROLE;
    } else if ((hash = home_of(h)) != 0) {
        by = BY_PATH;
    }
    return by == BY_NOTHING ? 0 : (uint32_t)(hash >> 32 & ~UINT64_C(3)) | by;
}

static const struct kt_reach_teams *teams_of(const struct kt_scene *s, uint64_t what)
{
    return kt_table_peek(s->tables[KT_NEW_TEAMS], (struct kt_key){ what, 0 });
}

/* Is that noted already, or is it everybody's? */
static bool is_noted(const struct kt_scene *s, const struct kt_reach_teams *x, uint32_t team)
{
    for (unsigned i = 0; x != NULL && i < x->n && i < KT_REACH_TEAMS; i++) {
        if (x->team[i] == team)
            return x->only[i] == 0 || x->only[i] == s->actor->number;
    }
    return x != NULL && x->n > KT_REACH_TEAMS;
}

/* A role is what somebody asked for, not who it is: on call it has another, and colleagues all the
 * same. */
static void note_own(struct kt_reach *r, uint32_t team)
{
    for (unsigned i = 0; i < KT_REACH_OWN; i++) {
        if ((team & 3u) != BY_ROLE || r->own[i] == team)
            return;
    }
    r->own[r->own_n++ % KT_REACH_OWN] = team;
}

static bool is_own(const struct kt_reach *r, uint32_t own, uint32_t team)
{
    bool is = own == team;
    for (unsigned i = 0; i < KT_REACH_OWN; i++)
        is = is || r->own[i] == team;
    return is;
}

/* Did people of few other teams read it so far, and nobody of its own, nor with a role it ever had?
 * Where no person did, its folder says whose it is: theirs who were there before this fortnight.
 * Its own reads make it at home there when they began before it, too: who comes daily to take is no
 * colleague on the second day. Teams that are known by something else cannot be compared. */
static bool is_strange(const struct kt_scene *s, const struct kt_reach *r, uint32_t team)
{
    const struct kt_reach_teams *x = teams_of(s, s->secret.a);
    uint64_t folder = x == NULL ? kt_known_name(s)->folder : 0;
    x = folder != 0 ? teams_of(s, folder) : x;
    unsigned others = 0;
    if (team == 0 || x == NULL || x->n > KT_REACH_TEAMS)
        return false;
    for (unsigned i = 0; i < x->n; i++) {
        bool lately = folder != 0 && x->since_min[i] + FORTNIGHT * DAY_MIN > s->minute;
        bool own = is_own(r, team, x->team[i]);
        if ((x->team[i] & 3u) != (team & 3u) ||
            (own && (x->only[i] != s->actor->number || !lately)))
            return false;
        others += !own && !lately;
    }
    return others > 0;
}

/* Numbers of one hour and key become one: each team has its own. */
static uint64_t aside_key(uint64_t key, uint32_t team)
{
    return key ^ team * UINT64_C(0x9e3779b97f4a7c15);
}

static void put_team_aside(struct kt_scene *s, uint32_t team, uint8_t aside)
{
    const uint64_t of[] = { s->secret.a, kt_known_name(s)->folder };
    for (unsigned i = 0; i < KT_ARRAY_LEN(of); i++) {
        /* A touch: what is in use does not make room. */
        const struct kt_reach_teams *x =
            of[i] != 0 ? kt_table_get(s->tables[KT_NEW_TEAMS], (struct kt_key){ of[i], 0 }) : NULL;
        if (team != 0 && of[i] != 0 && !is_noted(s, x, team))
            kt_put_aside(s, aside, aside_key(of[i], team), (s->minute / 60 + 1) * 60,
                         (uint16_t[4]){ 1, (uint16_t)(team >> 16), (uint16_t)team, 0 });
    }
}

void kt_reach_learn(struct kt_scene *s, const struct kt_pending *p)
{
    uint32_t team = (uint32_t)p->v[1] << 16 | p->v[2];
    struct kt_key secret = { aside_key(p->key, team), 0 };
    struct kt_reach_teams *x = kt_table_put(s->tables[KT_NEW_TEAMS], secret, NULL);
    if (is_noted(s, x, team))
        return;
    for (unsigned i = 0; i < x->n && i < KT_REACH_TEAMS; i++) {
        if (x->team[i] == team) {
            x->only[i] = 0;
            return;
        }
    }
    if (x->n < KT_REACH_TEAMS) {
        x->team[x->n] = team;
        x->only[x->n] = s->actor->number;
        x->since_min[x->n] = p->time_min;
    }
    x->n++;
}

/* ---- days ---- */
static int slot_of(const struct kt_reach *r, uint32_t day)
{
    unsigned i = day % KT_REACH_DAYS;
    return r->day_of[i] == day + 1 ? (int)i : -1;
}

static unsigned slot_for(struct kt_reach *r, uint32_t day)
{
    unsigned i = day % KT_REACH_DAYS;
    if (r->day_of[i] != day + 1) {
        r->day_of[i] = day + 1;
        r->latest[i] = r->strange[i] = 0;
    }
    return i;
}

static void note_strange(const struct kt_scene *s, struct kt_reach *r, unsigned slot)
{
    uint16_t at = (uint16_t)(s->minute - kt_actor_day_begins(s->actor, r->day_of[slot] - 1));
    bool first = r->strange[slot] == 0;
    r->strange_from[slot] = first || at < r->strange_from[slot] ? at : r->strange_from[slot];
    r->strange_to[slot] = first || at > r->strange_to[slot] ? at : r->strange_to[slot];
    r->strange[slot] = add16(r->strange[slot], 1);
}

/* It reads on a later day what it had: it works with it. */
static void come_back(const struct kt_scene *s, struct kt_reach *r, struct kt_known_pair *p,
                      uint32_t today)
{
    uint32_t first = kt_actor_day(s->actor, p->first_min),
             last = kt_actor_day(s->actor, p->read_min);
    int slot = slot_of(r, last);
    if (slot >= 0)
        r->latest[slot] = add16(r->latest[slot], -1);
    if (!(p->read & KT_KNOWN_STRANGE) || first >= today)
        return;
    p->read &= ~KT_KNOWN_STRANGE;
    slot = slot_of(r, first);
    if (slot >= 0)
        r->strange[slot] = add16(r->strange[slot], -1);
}

/* Does an incident of the actor that nobody dismissed reach into these days? */
static bool held(const struct kt_scene *s, uint32_t from_min, uint32_t until_min)
{
    for (unsigned i = 0; i < KT_HELD_MAX; i++) {
        uint32_t from = s->actor->held[i].from_min, until = s->actor->held[i].until_min;
        uint16_t mark = s->actor->held[i].mark;
        if (until != 0 && mark != KT_HELD_EXPECTED && mark != KT_HELD_DISMISSED &&
            from <= until_min && until >= from_min)
            return true;
    }
    return false;
}

/* Did an alert about how much it read, which is over, name all of other teams that it took up on
 * that day? */
static bool is_named(const struct kt_scene *s, const struct kt_reach *r, unsigned slot)
{
    const unsigned reads = 1u << KT_FAMILY_VOLUME | 1u << KT_FAMILY_NEW_SECRETS;
    uint32_t begins = kt_actor_day_begins(s->actor, r->day_of[slot] - 1);
    for (unsigned i = 0; i < KT_HELD_MAX; i++) {
        uint32_t from = s->actor->held[i].from_min, until = s->actor->held[i].until_min;
        if (until != 0 && s->actor->held[i].mark != KT_HELD_EXPECTED &&
            s->actor->held[i].families & reads && until + OVER_MIN < s->minute &&
            from <= begins + r->strange_from[slot] &&
            begins + r->strange_to[slot] <= until + NAMED_MIN)
            return true;
    }
    return false;
}

struct sums {
    unsigned secrets, strange;
};

/* again: with what an alert named already. */
static struct sums sum_days(const struct kt_scene *s, const struct kt_reach *r, uint32_t today,
                            bool again)
{
    struct sums n = { 0, 0 };
    for (unsigned i = 0; i < KT_REACH_DAYS; i++) {
        uint32_t day = r->day_of[i] - 1; /* of an empty slot the last there is */
        if (day > today || day + FORTNIGHT <= today)
            continue;
        n.strange += again || !is_named(s, r, i) ? r->strange[i] : 0;
        n.secrets += day + WEEK > today ? r->latest[i] : 0;
    }
    return n;
}

static void note_most(struct kt_reach *r, uint32_t today, struct sums n)
{
    unsigned i = today / WEEK % KT_REACH_WEEKS;
    if (r->most[i].week != today / WEEK + 1) {
        r->most[i].week = today / WEEK + 1;
        r->most[i].secrets = r->most[i].strange = 0;
    }
    r->most[i].secrets = n.secrets > r->most[i].secrets ? (uint16_t)n.secrets : r->most[i].secrets;
    r->most[i].strange = n.strange > r->most[i].strange ? (uint16_t)n.strange : r->most[i].strange;
}

/* Is it the first day of the person at an address of a network that it uses, which nobody else of
 * the firm had? A network that is new says so itself, and what is read there: a trip is no theft.
 */
static bool is_away(const struct kt_scene *s, uint32_t today)
{
    const struct kt_places *p = s->places;
    const struct kt_place *network = kt_place_of(p, s->where.network);
    if (!s->where.usable || s->where.inside || network == NULL || network->days == 0 ||
        kt_place_tainted(network, s->minute) || kt_network_expected(s) ||
        kt_value_users(s, KT_DIM_NET, s->where.net, KT_ACTOR_COUNT) > 0)
        return false;
    for (unsigned i = 0; i < p->n_net; i++) {
        if (p->net[i].net == s->where.net)
            return p->net[i].days <= 1 && kt_actor_day(s->actor, p->net[i].last_min) == today;
    }
    return true;
}

static void note_away(const struct kt_scene *s, struct kt_reach *r, uint32_t today, bool strange)
{
    if (!is_away(s, today))
        return;
    if (r->away_day != today + 1) {
        r->away_day = today + 1;
        r->away = 0;
    }
    r->away += strange;
    if (s->client != 0 && !kt_client_known(s->places, s->client))
        r->client_day = today + 1;
}

/* The sum may have been weighed down, where nothing of production was read: nobody was told then.
 */
static void settle(const struct kt_scene *s, struct kt_reach *r)
{
    if (kt_told_of(s->actor, r->said_min, KT_FAMILY_NEW_SECRETS)) {
        r->told_min = r->said_min;
        r->told = r->said;
    }
    r->said_min = 0;
}

bool kt_reach_read(struct kt_scene *s, const struct kt_habit *h, struct kt_known_pair *p,
                   bool fresh, uint8_t aside)
{
    bool before = p != NULL && p->read != 0;
    uint32_t today = kt_actor_day(s->actor, s->minute), team = team_of(s, h);
    put_team_aside(s, team, aside); /* with another role it is another one's */
    if (before && kt_actor_day(s->actor, p->read_min) >= today)
        return false;
    struct kt_reach *r = kt_table_put(s->tables[KT_NEW_REACH], s->who, NULL);
    settle(s, r);
    note_own(r, team);
    bool strange = fresh && is_strange(s, r, team),
         behind = p == NULL && h->pairs >= KT_KNOWN_PAIRS;
    unsigned slot = slot_for(r, today);
    r->latest[slot] = add16(r->latest[slot], !behind); /* nobody knows when it read it last */
    if (strange)
        note_strange(s, r, slot);
    if (before)
        come_back(s, r, p, today);
    note_away(s, r, today, strange);
    note_most(r, today, sum_days(s, r, today, true));
    return strange;
}

void kt_reach_mark(const struct kt_scene *s)
{
    struct kt_known_pair *p = kt_known_pair(s);
    if (p != NULL)
        p->read |= KT_KNOWN_STRANGE;
}

/* ---- judging ---- */
struct judged {
    unsigned secrets, widest;   /* in 7 days; in the widest week before, 0 = too little is known */
    unsigned strange, farthest; /* that only other teams read, in 14 days, and in those before */
    bool has_before;            /* the person was here in those before */
    unsigned away;              /* of them today, at an address that nobody of the firm had */
    bool client;                /* with a client that is new to the person */
};

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static struct judged judge(const struct kt_scene *s)
{
    const struct kt_reach *r = kt_table_peek(s->tables[KT_NEW_REACH], s->who);
    uint32_t today = kt_actor_day(s->actor, s->minute), this_week = today / WEEK + 1;
    struct sums n = sum_days(s, r, today, false);
    struct judged j = { .secrets = n.secrets,
                        .strange = n.strange,
                        .has_before = s->minute >= s->actor->first_min + 2 * FORTNIGHT * DAY_MIN,
                        .away = r->away_day == today + 1 ? r->away : 0,
                        .client = r->client_day == today + 1 };
    unsigned weeks = 0;
    for (unsigned i = 0; i < KT_REACH_WEEKS; i++) {
        uint32_t week = r->most[i].week;
        if (week == 0 || week + 2 > this_week)
            continue;
        uint32_t begins = kt_actor_day_begins(s->actor, (week - 1) * WEEK);
        if (held(s, begins - WEEK * DAY_MIN, begins + WEEK * DAY_MIN - 1))
            continue; /* what is being judged is no yardstick */
        weeks++;
        j.widest = larger(j.widest, r->most[i].secrets);
        j.farthest = week + 3 <= this_week ? larger(j.farthest, r->most[i].strange) : j.farthest;
    }
    j.widest = weeks >= WEEKS_MIN ? j.widest : 0;
    if (r->told_min != 0 && s->minute > r->told_min + OVER_MIN &&
        s->minute < r->told_min + FORTNIGHT * DAY_MIN)
        j.farthest = larger(j.farthest, r->told);
    return j;
}

static void note_said(const struct kt_scene *s, unsigned strange)
{
    struct kt_reach *r = kt_table_edit(s->tables[KT_NEW_REACH], s->who);
    r->said_min = s->minute;
    r->said = strange;
}

/* ---- telling ---- */
enum { N_NOW, N_BEFORE, N_WEEK, N_WIDEST, N_ROLES };

static const char *others(const struct kt_finding *f)
{
    return f->number[N_ROLES] > 0 ? "with other roles" : "of other teams";
}

static void words_of_strange(const struct kt_scene *s, struct kt_finding *f)
{
    const double *v = f->number;
    char who[160], now[32], before[32], week[32], wide[80] = "";
    kt_say_name(s->ev->actor, 80, who);
    kt_say_count(v[N_NOW], now);
    if (v[N_WIDEST] > 0)
        KT_SAY(wide, " It read %s different secrets in 7 days; in its widest week before %.0f.",
               kt_say_count(v[N_WEEK], week), v[N_WIDEST]);
    KT_SAY(f->title, "%s took up %s secrets within 14 days that only people %s read.", who, now,
           others(f));
    KT_SAY(f->normal, "It read each on one day only. In 14 days before it had at most %s such.%s",
           kt_say_count(v[N_BEFORE], before), wide);
    KT_SAY(f->part, "%s secrets of people %s in 14 days against %s", now, others(f), before);
    KT_SAY(f->quiet, "A colleague of its own who read them before, or its coming back to them.");
}

static void words_of_away(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], now[32];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_count(f->number[N_NOW], now);
    KT_SAY(
        f->title,
        "%s took up %s secrets that only people %s read, from an address that is new to it and to "
        "everybody%s.",
        who, now, others(f), f->number[N_BEFORE] > 0 ? ", with a client that is new to it" : "");
    KT_SAY(f->normal, "Each may be harmless: people join other work, and lines change their "
                      "addresses. They come together when somebody else has the session.");
    KT_SAY(f->part, "%s secrets of people %s at a new address", now, others(f));
    KT_SAY(f->quiet, "A day on which it used the address before, or a colleague of its own who "
                     "read them.");
}

/* §4.3: the own record is the yardstick. */
static double above(double n, double record)
{
    return n > record ? fmin(RECORD_MOST, RECORD_BASE + RECORD_STEEP * log10(n / record)) : 0;
}

static bool at_home(const struct kt_scene *s)
{
    const struct kt_place *p = kt_place_of(s->places, s->where.network);
    return !s->where.usable || s->where.inside || (p != NULL && p->days > 0);
}

/* One more secret that only other teams read: how many are they, and is the whole week wide? */
void kt_reach_tell(struct kt_scene *s, const struct kt_habit *h, const struct kt_reach_limits *o)
{
    if (s->young || s->shared->learning)
        return;
    struct judged j = judge(s);
    /* In the first weeks of a person everything is new, its own team's is not yet told apart. */
    double points = j.has_before && j.strange > 2 * j.farthest
                        ? above(j.strange, fmax((double)o->strange, j.farthest))
                        : 0;
    double away = above(j.away, (double)o->away);
    away = j.client ? away + o->client_points : fmin(away, AWAY_MOST);
    bool wide = j.widest > 0 && h->pairs < KT_KNOWN_PAIRS && j.secrets >= o->wide &&
                j.secrets * 2 >= j.widest * 3;
    points += points > 0 && wide ? o->wide_points : 0;
    bool there = j.away > o->away && away > points;
    if (!there && points < TOLD_FROM && !at_home(s))
        return; /* a trip on which somebody reads for others: what is new there has its own sum */
    struct kt_finding *f = kt_find(s, KT_FAMILY_NEW_SECRETS, kt_points(there ? away : points), 0,
                                   there ? words_of_away : words_of_strange);
    if (f == NULL)
        return;
    f->number[N_NOW] = there ? j.away : j.strange;
    f->number[N_BEFORE] = there ? j.client : j.farthest;
    f->number[N_WEEK] = j.secrets;
    f->number[N_WIDEST] = wide ? j.widest : 0;
    f->number[N_ROLES] = (team_of(s, h) & 3u) == BY_ROLE;
    if (points >= TOLD_FROM)
        note_said(s, j.strange);
}
