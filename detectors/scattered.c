/*
 * scattered: more names astray than this installation ever has.
 *
 * Owns:  nothing beyond the table it is lent.
 * Calls: baseline, detector.h and core only. No clock, no I/O.
 * Holds: an outage fails everybody, mostly at home: the same count of those at home tells it apart.
 */
#include "detectors/scattered.h"

#include <math.h>

#define DAY_MIN    1440u
#define LEARN_MIN  (14u * DAY_MIN)
#define WINDOW_MIN (6u * 60)
#define RATE_HOURS (30.0 * 24)
#define RMAX       2.0 /* as for people's calls (DETECTION §4.3) */
#define LEAST      3.0 /* rarer than once in 1,000 such stretches */
#define MANY       2.2 /* below it nothing is evidence (§5) */

static const struct kt_gamma prior = { 2, 24 }; /* two a day, until a day was seen */

enum { N_NAMES, N_USUAL, N_HOME, N_LEAST };

bool kt_scattered_is_sound(const void *state)
{
    return ((const struct kt_scattered *)state)->n <= KT_SCATTERED_MAX;
}

/* ---- the list ---- */
static void drop(struct kt_scattered *c, unsigned i)
{
    c->n--;
    c->at[i] = c->at[c->n];
}

/* The days before become usual. */
static void begin_day(struct kt_scattered *c, uint32_t day)
{
    kt_rate_add(&c->usual, ((int64_t)c->day + 1) * 24, c->today, RATE_HOURS);
    c->day = day;
    c->today = 0;
}

/* false: it comes too late to be one of these hours. */
static bool forget(struct kt_scattered *c, uint32_t minute)
{
    uint32_t newest = minute;
    for (unsigned i = 0; i < c->n; i++)
        newest = c->at[i].minute > newest ? c->at[i].minute : newest;
    for (unsigned i = 0; i < c->n;) {
        if (c->at[i].minute + WINDOW_MIN <= newest)
            drop(c, i);
        else
            i++;
    }
    return minute + WINDOW_MIN > newest;
}

/* Where the name is; c->n: nowhere. */
static unsigned find(const struct kt_scattered *c, uint64_t who)
{
    unsigned i = 0;
    while (i < c->n && c->at[i].who != who)
        i++;
    return i;
}

static unsigned new_slot(struct kt_scattered *c)
{
    unsigned oldest = 0;
    for (unsigned i = 1; i < c->n; i++)
        oldest = c->at[i].minute < c->at[oldest].minute ? i : oldest;
    return c->n < KT_SCATTERED_MAX ? c->n++ : oldest;
}

static bool note(const struct kt_scene *s, struct kt_scattered *c)
{
    if (!forget(c, s->minute))
        return false;
    if (s->minute / DAY_MIN > c->day)
        begin_day(c, s->minute / DAY_MIN);
    unsigned i = find(c, s->who.a);
    bool known = i < c->n;
    i = known ? i : new_slot(c);
    if (!known)
        c->at[i].counted = c->told_day != c->day + 1 ? c->day + 1 : 0;
    c->today += !known && c->at[i].counted != 0;
    c->at[i].who = s->who.a;
    c->at[i].net = s->where.net;
    c->at[i].network = s->where.network;
    c->at[i].minute = known && c->at[i].minute > s->minute ? c->at[i].minute : s->minute;
    return true;
}

static struct kt_scattered *side(struct kt_scene *s, struct kt_table *table, uint64_t which)
{
    bool fresh;
    struct kt_scattered *c = kt_table_put(table, (struct kt_key){ which, 0 }, &fresh);
    if (fresh) { /* nobody until now, since the installation has learned */
        uint32_t since = s->shared->first_min + LEARN_MIN;
        c->day = s->minute / DAY_MIN;
        kt_rate_add(&c->usual, (since < s->minute ? since : s->minute) / 60, 0, RATE_HOURS);
    }
    return c;
}

/* ---- judging ---- */
/* As many names as networks: several from one are a spray of that network, or an office. */
static unsigned places(const struct kt_scattered *c, uint32_t *ret_since)
{
    unsigned n = 0;
    *ret_since = UINT32_MAX;
    for (unsigned i = 0; i < c->n; i++) {
        bool again = false;
        for (unsigned k = 0; k < i && !again; k++)
            again = c->at[k].net == c->at[i].net;
        n += !again;
        *ret_since = c->at[i].minute < *ret_since ? c->at[i].minute : *ret_since;
    }
    return n;
}

static double surprise(const struct kt_scattered *c, unsigned n, uint32_t minute, double *ret_usual)
{
    double a, b;
    kt_rate_at(&c->usual, minute / 60, RATE_HOURS, &a, &b);
    struct kt_gamma g = { prior.a + a, prior.b + b };
    *ret_usual = g.a / g.b * 24;
    return kt_rate_surprise(n, WINDOW_MIN / 60, g, RMAX);
}

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    (void)s;
    const char *more = f->number[N_NAMES] >= KT_SCATTERED_MAX ? "at least " : "";
    KT_SAY(f->title,
           "%s%.0f names failed to log in within 6 hours from as many networks that nobody uses.",
           more, f->number[N_NAMES]);
    KT_SAY(f->normal,
           "Usual: %.1f such names a day. Who mistypes on a trip gets in from there soon after; "
           "none of these did. Where they are known, %.0f names failed meanwhile.",
           f->number[N_USUAL], f->number[N_HOME]);
    KT_SAY(f->part, "%s%.0f names failing from as many new networks", more, f->number[N_NAMES]);
    KT_SAY(f->quiet,
           "Fewer than %.0f such names in 6 hours, or as many who fail where they are "
           "known.",
           f->number[N_LEAST]);
}

/* Many more than usual fail at home, too, and no fewer than away: then nobody can log in. */
static bool is_outage(const struct kt_scattered *home, unsigned n, uint32_t minute)
{
    double usual;
    return home->n >= n && surprise(home, home->n, minute, &usual) >= MANY;
}

static void judge(struct kt_scene *s, struct kt_table *table, struct kt_scattered *away,
                  unsigned least)
{
    uint32_t since;
    double usual;
    unsigned n = places(away, &since);
    if (n < least)
        return;
    double rare = surprise(away, n, s->minute, &usual);
    struct kt_scattered *home = side(s, table, KT_SCATTERED_HOME);
    (void)forget(home, s->minute);
    if (rare < LEAST || is_outage(home, n, s->minute))
        return;
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_FAILURES, kt_points(fmin(rare, 3.2 + 0.2 * n)), 0, words);
    if (f == NULL)
        return;
    away->told_day = away->day + 1;
    f->key_kind = KT_KEY_IDENTITY;
    f->key = (struct kt_key){ 0, 0 }; /* of all names */
    f->since_min = since;
    f->number[N_NAMES] = n;
    f->number[N_USUAL] = usual;
    f->number[N_HOME] = home->n;
    f->number[N_LEAST] = least;
}

/* At home where it got in before; astray where nobody did, with an operator that is new to it. A
 * new address of its own operator is neither. Who has hardly a history knows no place. */
static bool is_astray(const struct kt_scene *s)
{
    return kt_value_users(s, KT_DIM_NET, s->where.net, KT_ACTOR_COUNT) == 0 &&
           kt_place_of(s->places, s->where.network) == NULL && !kt_operator_known(s, 0);
}

void kt_scattered_failed(struct kt_scene *s, struct kt_table *table, bool strange, unsigned least)
{
    bool named = s->who.a != 0 || s->who.b != 0;
    if (!named || s->shared->learning || (s->actor != NULL && s->young))
        return;
    if (s->actor != NULL && (s->where.inside || kt_net_known(s->places, s->where.net))) {
        (void)note(s, side(s, table, KT_SCATTERED_HOME));
        return;
    }
    if (!strange || !is_astray(s))
        return;
    struct kt_scattered *away = side(s, table, KT_SCATTERED_AWAY);
    if (note(s, away))
        judge(s, table, away, least);
}

void kt_scattered_success(const struct kt_scene *s, struct kt_table *table, unsigned within_min)
{
    for (uint64_t which = 0; which < KT_SCATTERED_SIDES; which++) {
        struct kt_key key = { which, 0 };
        const struct kt_scattered *c = kt_table_peek(table, key);
        unsigned i = c != NULL ? find(c, s->who.a) : 0;
        if (c == NULL || i == c->n || c->at[i].network != s->where.network ||
            c->at[i].minute + within_min < s->minute)
            continue;
        struct kt_scattered *own = kt_table_edit(table, key);
        own->today -= own->at[i].counted == own->day + 1; /* yesterday's are usual already */
        drop(own, i);
    }
}
