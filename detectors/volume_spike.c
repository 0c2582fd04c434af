/*
 * volume_spike: far more reads, or far more different secrets, than an actor ever read in an hour
 * (DETECTION §4.3).
 *
 * Owns:  by actor: windows, distinct secrets, records, rate, hours of the week, sketch, refusals,
 *        items filled in, secrets left out of judging; by pair: what an actor wrote itself; by
 *        secret: its readers; by kind: peers' prior and growth.
 * Calls: all_read, deletions, detector.h, filled, hot_secret, hour_secrets, refusals, told_burst
 *        and core only. No clock, no I/O.
 */
#include "detectors/all_read.h"
#include "detectors/deletions.h"
#include "detectors/filled.h"
#include "detectors/hot_secret.h"
#include "detectors/hour_secrets.h"
#include "detectors/refusals.h"
#include "detectors/told_burst.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"

#define RATE_HOURS    (30.0 * 24)
#define SERVICE_HOURS (14.0 * 24)
#define BULK_MAX      1000u
#define PEERS_MAX     4096u
#define WEEK_MIN      (8u * 1440) /* in which each job of a week has had its first run */
#define OWN_DAYS      3u          /* counted days that say what a machine does */
enum { STAT_HOUR, STAT_FIVE, STAT_DISTINCT };
enum {
    T_ACTOR,
    T_RATE,
    T_SKETCH,
    T_WEEK,
    T_OWN,
    T_SECRET,
    T_KIND,
    T_WORK,
    T_TOLD,
    T_DELETED,
    T_REFUSED,
    T_FILLED,
    T_ALL
};

struct options {
    uint64_t floor_5m, floor_1h, floor_distinct, floor_distinct_young, first_5m, first_1h,
        floor_deleted;
    double young_cap, first_cap, restart_cap, secret_cap;
};
struct windows { /* what is read now; of announced work there is a second one */
    struct kt_ring ring;
    struct kt_distinct seen;
};
struct volume {
    struct windows now;
    struct kt_maxima best;
};
struct told {              /* of an actor whose many secrets were told */
    struct windows others; /* reads of secrets that were not among them */
    struct kt_told burst;
};
struct rate {             /* of an actor: small, since all of them are walked over each hour */
    struct kt_decay rate; /* reads an hour, clock hours */
    uint32_t today, reads_today; /* UTC day */
    uint32_t kind, pad;
};
struct week { /* reads by hour of the week, halved every 28 days */
    uint32_t first_day, halved_day, total;
    uint16_t bin[168];
};
struct own {
    uint32_t wrote_min, born_min; /* born: wrote it before anybody had read it; 0 = no */
};
struct peers {
    struct kt_gamma prior;
    double growth;
    uint32_t set, pad;
};

static bool are_windows(const void *state)
{
    const struct windows *w = state;
    return kt_ring_is_sound(&w->ring) && kt_distinct_is_sound(&w->seen);
}

static bool is_told(const void *state)
{
    return are_windows(&((const struct told *)state)->others);
}

static bool is_volume(const void *state)
{
    const struct volume *v = state;
    return are_windows(&v->now) && kt_maxima_is_sound(&v->best);
}

static bool is_rate(const void *state)
{
    return ((const struct rate *)state)->kind < KT_ACTOR_COUNT;
}

static bool is_hot(const void *state)
{
    const struct kt_hot *h = state;
    return h->n_today <= KT_HOT_READERS && h->n_ever <= KT_ARRAY_LEN(h->ever) &&
           kt_ring_is_sound(&h->ring);
}

static const struct kt_table_decl tables[] = {
    [T_ACTOR] = { "volume", KT_KEY_ACTOR, sizeof(struct volume), 8, KT_ACTORS_MAX, KT_EVICT_LRU,
                  is_volume },
    [T_RATE] = { "volume_rate", KT_KEY_ACTOR, sizeof(struct rate), 2, KT_ACTORS_MAX, KT_EVICT_LRU,
                 is_rate },
    [T_SKETCH] = { "volume_sketch", KT_KEY_ACTOR, sizeof(struct kt_hll), 1, 4000, KT_EVICT_LRU,
                   NULL },
    [T_WEEK] = { "volume_week", KT_KEY_ACTOR, sizeof(struct week), 2, KT_ACTORS_MAX, KT_EVICT_LRU,
                 NULL },
    [T_OWN] = { "volume_own", KT_KEY_PAIR, sizeof(struct own), 2, 20000, KT_EVICT_LRU, NULL },
    [T_SECRET] = { "volume_secret", KT_KEY_SECRET, sizeof(struct kt_hot), 4, 40000, KT_EVICT_LRU,
                   is_hot },
    [T_WORK] = { "volume_work", KT_KEY_ACTOR, sizeof(struct windows), 1, 4000, KT_EVICT_LRU,
                 are_windows },
    [T_TOLD] = { "volume_told", KT_KEY_ACTOR, sizeof(struct told), 4, 2000, KT_EVICT_LRU, is_told },
    [T_DELETED] = { "volume_deleted", KT_KEY_ACTOR, sizeof(struct kt_deletions), 2, 4000,
                    KT_EVICT_LRU, kt_deletions_are_sound },
    [T_REFUSED] = { "volume_refused", KT_KEY_ACTOR, sizeof(struct kt_refusals), 1, 4000,
                    KT_EVICT_LRU, kt_refusals_are_sound },
    [T_FILLED] = { "volume_filled", KT_KEY_ACTOR, sizeof(struct kt_distinct), 1, 4000, KT_EVICT_LRU,
                   kt_filled_is_sound },
    [T_ALL] = { "volume_all", KT_KEY_ACTOR, sizeof(struct kt_distinct), 1, 4000, KT_EVICT_LRU,
                kt_all_read_is_sound },
    [T_KIND] = { "volume_kind", KT_KEY_KIND, sizeof(struct peers), 1, KT_ACTOR_COUNT,
                 KT_EVICT_REFUSE, NULL },
};

#define UINT_OPTION(field, value, help)                                                            \
    {                                                                                              \
#field, KT_OPT_UINT, value, offsetof(struct options, field), help, .reloadable = true      \
    }
static const struct kt_option options[] = {
    UINT_OPTION(floor_5m, "20", "Reads in 5 minutes below which the rate is never evidence."),
    UINT_OPTION(floor_1h, "40", "Reads in an hour below which the rate is never evidence."),
    UINT_OPTION(floor_distinct, "12",
                "Different secrets in an hour below which they are never evidence."),
    UINT_OPTION(floor_deleted, "10", "Different secrets deleted in an hour that are evidence."),
    UINT_OPTION(floor_distinct_young, "40",
                "The same while the actor or the installation is learning."),
    UINT_OPTION(first_5m, "20", "Different secrets in 5 minutes that page even on the first day."),
    UINT_OPTION(first_1h, "40", "Different secrets in an hour that page even on the first day."),
    { "young_cap", KT_OPT_DOUBLE, "4.2", offsetof(struct options, young_cap),
      "Most that the mere rate of a young actor, judged by its peers, can reach.",
      .reloadable = true },
    { "first_cap", KT_OPT_DOUBLE, "4.2", offsetof(struct options, first_cap),
      "Most that first_5m and first_1h give a machine inside in the first week of the log: it was "
      "at work before.",
      .reloadable = true },
    { "restart_cap", KT_OPT_DOUBLE, "4.2", offsetof(struct options, restart_cap),
      "Most that the mere rate of a machine can reach while it reads no more different secrets "
      "than "
      "on its busiest days: a deploy, a restart, scaling out.",
      .reloadable = true },
    { "secret_cap", KT_OPT_DOUBLE, "4", offsetof(struct options, secret_cap),
      "Most that the statistics of a single secret can reach.", .reloadable = true },
    KT_OPTIONS_END,
};

static const struct {
    struct kt_gamma prior;
    double rmax;
} rows[KT_ACTOR_COUNT] = {
    [KT_ACTOR_UNKNOWN] = { { 0.5, 0.5 }, 2 },    [KT_ACTOR_HUMAN] = { { 0.5, 0.5 }, 2 },
    [KT_ACTOR_SERVICE] = { { 0.5, 0.05 }, 1 },   [KT_ACTOR_CI] = { { 0.3, 0.03 }, 0.5 },
    [KT_ACTOR_AI_AGENT] = { { 0.5, 0.1 }, 0.5 }, [KT_ACTOR_ROOT] = { { 0.5, 0.5 }, 2 },
    [KT_ACTOR_ANONYMOUS] = { { 0.5, 0.5 }, 2 },
};

static double half_life(uint32_t kind)
{
    return kind == KT_ACTOR_SERVICE ? SERVICE_HOURS : RATE_HOURS;
}

static struct kt_key kind_key(uint32_t kind)
{
    return (struct kt_key){ kind + 1u, 0 };
}

/* Share of this hour in the actor's week; 1 while nothing is known. */
static double week_factor(const struct week *w, uint32_t minute)
{
    if (w == NULL)
        return 1;
    double total = w->total;
    unsigned hour = minute / 60 % 24, day = minute / 1440 % 7, here = 0;
    if (minute / 1440 >= w->first_day + 21)
        return (w->bin[day * 24 + hour] + 4.0) / (total / 168 + 4.0);
    for (unsigned d = 0; d < 7; d++)
        here += w->bin[d * 24 + hour];
    return (here + 4.0) / (total / 24 + 4.0);
}

/* Expected reads an hour, and the size of the posterior. */
static struct kt_gamma posterior(struct kt_table *const *t, const struct rate *r, uint32_t minute)
{
    const struct peers *p = kt_table_peek(t[T_KIND], kind_key(r->kind));
    struct kt_gamma g = p != NULL && p->set ? p->prior : rows[r->kind].prior;
    double a, b;
    kt_rate_at(&r->rate, (int64_t)minute / 60 - 24, half_life(r->kind), &a, &b);
    return (struct kt_gamma){ g.a + a, g.b + b };
}

struct counts { /* what is in the windows now */
    unsigned five, hour, distinct, distinct_five;
    unsigned reads; /* of this access */
    bool beside;    /* what was told is left out */
};

static enum kt_hour_of which_now(const struct kt_scene *s)
{
    return s->expected ? KT_HOUR_WORK : KT_HOUR_NOW;
}

static unsigned distinct_in(const struct kt_scene *s, const struct windows *v, enum kt_hour_of of,
                            unsigned minutes)
{
    return kt_hour_count(s, s->tables[T_SKETCH], &v->seen, of, minutes);
}

static void note_secret(struct kt_scene *s, struct windows *v, enum kt_hour_of of, uint64_t hash)
{
    kt_hour_note(s, s->tables[T_SKETCH], &v->seen, of, hash);
}

/* Spreads the hash over all bits, for members of a set that have no name of their own. */
static uint64_t member_hash(uint64_t hash, unsigned i)
{
    uint64_t z = hash + (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 27);
}

static struct windows *windows_of(struct kt_scene *s, struct volume *v)
{
    return s->expected ? kt_table_put(s->tables[T_WORK], s->who, NULL) : &v->now;
}

static uint64_t secret_hash(const struct kt_scene *s, unsigned i)
{
    return i == 0 ? s->secret.a : member_hash(s->secret.a, i);
}

static unsigned members(const struct kt_scene *s)
{
    unsigned n = s->ev->count > 1 ? s->ev->count : 1;
    return n > BULK_MAX ? BULK_MAX : n;
}

static struct counts counts_in(const struct kt_scene *s, const struct windows *w,
                               enum kt_hour_of of)
{
    return (struct counts){ .five = kt_ring_fives(&w->ring, s->t, 1),
                            .hour = kt_ring_fives(&w->ring, s->t, 12),
                            .distinct = distinct_in(s, w, of, 60),
                            .distinct_five = distinct_in(s, w, of, 5) };
}

/* What an app typed into a site nobody saw, so it is no different secret of a burst; it is a read
 * of the rate all the same, and a name of the record, so that what is seen is judged as ever
 * (docs/decisions/0135). */
static void leave_out_filled(const struct kt_scene *s, struct counts *c)
{
    const struct kt_distinct *d = kt_filled_of(s, s->tables[T_FILLED]);
    if (d == NULL || s->expected)
        return;
    unsigned hour = kt_distinct_count(d, s->minute, 60), five = kt_distinct_count(d, s->minute, 5);
    c->distinct -= hour < c->distinct ? hour : c->distinct;
    c->distinct_five -= five < c->distinct_five ? five : c->distinct_five;
}

/* ---- bursts that were told ---- */
/* An incident holds back what it names, so a job that takes the same secrets each time would never
 * get a record, and would be news for ever: of what was told only other secrets are counted, and
 * of people those that were written since the last such burst: a program fetches what is rotated.
 * Returns whether what is left out makes no record either: a clock excuses no other hour. */
static bool leave_out_told(struct kt_scene *s, const struct options *o, const struct kt_hot *hot,
                           struct counts *c)
{
    unsigned others = 0;
    struct told *told = s->expected ? NULL : kt_table_get(s->tables[T_TOLD], s->who);
    enum kt_told_by by = told != NULL ? kt_told_by(s, &told->burst) : KT_TOLD_NEWS;
    if (by == KT_TOLD_NEWS)
        return false;
    kt_told_again(s, &told->burst, by, c->distinct >= o->floor_distinct);
    bool renewed = kt_kind_is_person(s->actor->kind) && hot->wrote_min > told->burst.before_min;
    for (unsigned i = 0; i < members(s); i++) {
        if (!renewed && kt_told_has(&told->burst, secret_hash(s, i)))
            continue;
        if (!kt_event_is_fill(s->ev))
            note_secret(s, &told->others, KT_HOUR_OTHERS, secret_hash(s, i));
        kt_ring_add(&told->others.ring, s->t, 1);
        others++;
    }
    *c = counts_in(s, &told->others, KT_HOUR_OTHERS);
    c->reads = others;
    c->beside = true;
    return by == KT_TOLD_CLOCK;
}

static void note_told(struct kt_scene *s, const struct volume *v)
{
    if (s->expected)
        return;
    bool fresh;
    struct told *told = kt_table_put(s->tables[T_TOLD], s->who, &fresh);
    kt_told_begin(s, &told->burst, fresh);
    for (unsigned i = 0; i < v->now.seen.n; i++) {
        if (v->now.seen.minute[i] + 60 > s->minute)
            kt_told_add(&told->burst, v->now.seen.hash[i]);
    }
    for (unsigned i = 0; i < members(s); i++)
        kt_told_add(&told->burst, secret_hash(s, i));
}

enum { ASIDE_READ, ASIDE_DELETED };
static struct counts count_in(struct kt_scene *s, struct volume *v, struct rate *r, bool rollout)
{
    unsigned n = members(s);
    struct windows *now = windows_of(s, v);
    kt_ring_add(&now->ring, s->t, n);
    if (!s->expected && !rollout)
        kt_filled_note(s, s->tables[T_FILLED], &now->seen);
    for (unsigned i = 0; i < n && !rollout; i++)
        note_secret(s, now, which_now(s), secret_hash(s, i));
    uint32_t day = s->minute / 1440;
    if (r->today < day) {
        r->today = day;
        r->reads_today = 0;
    }
    r->reads_today += r->today == day ? n : 0;
    struct counts c = counts_in(s, now, which_now(s));
    c.reads = n;
    return c;
}

static uint16_t capped(unsigned n)
{
    return (uint16_t)(n > UINT16_MAX ? UINT16_MAX : n);
}

static void put_reads_aside(struct kt_scene *s, const struct counts *c)
{
    uint16_t aside[4] = { capped(c->reads), capped(c->hour), capped(c->five), capped(c->distinct) };
    if (c->reads > 0)
        kt_put_aside(s, ASIDE_READ, s->minute / 60, (s->minute / 60 + 1) * 60, aside);
}

struct surprise {
    double s;
    unsigned x, minutes, best, stat;
    unsigned floor; /* of a first history: what it was at least; 0 = judged by its record */
};

static void take_larger(struct surprise *best, struct surprise one)
{
    if (one.s > best->s)
        *best = one;
}

/* Reading what it reads every day, only oftener, takes nothing new away (docs/decisions/0006). */
static bool is_wider(const struct volume *v, const struct counts *c)
{
    return kt_record_surprise(c->distinct, kt_maxima_record(&v->best, STAT_DISTINCT)) > 0;
}

/* Rate: the tail of the fitted distribution, and at most what the own record allows. */
static void judge_rate(const struct kt_scene *s, const struct options *o, const struct volume *v,
                       const struct rate *r, const struct counts *c, double growth,
                       struct surprise *best)
{
    const struct {
        unsigned x, stat, minutes;
        uint64_t floor;
    } windows[] = { { c->five, STAT_FIVE, 5, o->floor_5m },
                    { c->hour, STAT_HOUR, 60, o->floor_1h } };
    for (unsigned i = 0; i < 2; i++) {
        double x = floor(windows[i].x / growth);
        if (x < (double)windows[i].floor)
            continue;
        double cap = kt_record_surprise((unsigned)x, kt_maxima_record(&v->best, windows[i].stat));
        if (s->young || s->shared->learning)
            cap = fmin(cap, o->young_cap);
        if (cap > best->s && !kt_kind_is_person(s->actor->kind) && !is_wider(v, c))
            cap = fmin(cap, o->restart_cap);
        if (cap <= best->s)
            continue; /* whatever the tail says */
        struct kt_gamma g = posterior(s->tables, r, s->minute);
        double f = week_factor(kt_table_peek(s->tables[T_WEEK], s->who), s->minute);
        double p = kt_recall_rate_surprise(s->recall, x, f * windows[i].minutes / 60.0, g,
                                           rows[r->kind].rmax);
        take_larger(best, (struct surprise){ fmin(p, cap), windows[i].x, windows[i].minutes,
                                             kt_maxima_best(&v->best, windows[i].stat),
                                             windows[i].stat, 0 });
    }
}

static void judge_distinct(const struct kt_scene *s, const struct options *o,
                           const struct volume *v, const struct counts *c, double growth,
                           struct surprise *best)
{
    bool learning = s->young || s->shared->learning;
    double x = floor(c->distinct / growth);
    if (x < (double)(learning ? o->floor_distinct_young : o->floor_distinct))
        return;
    double p = kt_record_surprise((unsigned)x, kt_maxima_record(&v->best, STAT_DISTINCT));
    unsigned minutes = c->distinct_five >= c->distinct ? 5 : 60;
    take_larger(best,
                (struct surprise){ p, c->distinct, minutes, kt_maxima_best(&v->best, STAT_DISTINCT),
                                   STAT_DISTINCT, 0 });
}

enum { N_X, N_MINUTES, N_BEST, N_STAT, N_FLOOR, N_BESIDE };

static const char *const stat_words[] = { "reads", "reads", "different secrets" };

static const char *window_words(bool five)
{
    return five ? "5 minutes" : "1 hour";
}

static void say_usual(const struct kt_scene *s, const struct volume *v, struct kt_finding *f)
{
    unsigned stat = (unsigned)f->number[N_STAT], best = (unsigned)f->number[N_BEST];
    uint32_t days = s->actor != NULL ? (s->minute - s->actor->first_min) / 1440 : 0;
    char count[32];
    if (v->best.n == 0 && days < 2)
        KT_SAY(f->normal, "It has no counted history yet: it is known for less than two days.");
    else if (v->best.n == 0)
        KT_SAY(f->normal,
               "It is known for %u days, and none of its reads is counted yet: the newest day's "
               "never are, those of an alert once somebody has judged it.",
               days);
    else
        KT_SAY(f->normal, "Its busiest %s in %u active day%s had %s.",
               stat == STAT_FIVE ? "5 minutes" : "hour", v->best.n, v->best.n == 1 ? "" : "s",
               kt_say_count(best, count));
}

static void say_quiet(const struct volume *v, struct kt_finding *f)
{
    unsigned stat = (unsigned)f->number[N_STAT];
    if (f->number[N_FLOOR] > 0)
        KT_SAY(f->quiet,
               "Fewer than %.0f %s within %s; after ten days, five of them active, its own record "
               "counts.",
               f->number[N_FLOOR], stat_words[stat], window_words(f->number[N_MINUTES] <= 5));
    else
        KT_SAY(f->quiet, "At most %u %s within %s, or an earlier day as busy as this.",
               2 * kt_maxima_record(&v->best, stat), stat_words[stat],
               window_words(stat == STAT_FIVE));
}

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    const struct volume *v = kt_table_peek(s->tables[T_ACTOR], s->who);
    unsigned stat = (unsigned)f->number[N_STAT], best = (unsigned)f->number[N_BEST];
    const char *window = window_words(f->number[N_MINUTES] <= 5);
    const char *beside = f->number[N_BESIDE] > 0 ? ", beside those already told" : "";
    char who[160], x[32];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_count(f->number[N_X], x);
    if (stat == STAT_DISTINCT)
        KT_SAY(f->title, "%s read %s different secrets within %s%s.", who, x, window, beside);
    else
        KT_SAY(f->title, "%s read secrets %s times within %s%s.", who, x, window, beside);
    say_usual(s, v, f);
    KT_SAY(f->part, "%s %s within %s against %u before", x, stat_words[stat], window, best);
    say_quiet(v, f);
}

static void tell(struct kt_scene *s, const struct surprise *b, bool beside, unsigned flags)
{
    struct kt_finding *f = kt_find(s, KT_FAMILY_VOLUME, kt_points(b->s), flags, words);
    if (f == NULL)
        return;
    f->number[N_X] = b->x;
    f->number[N_MINUTES] = b->minutes;
    f->number[N_BEST] = b->best;
    f->number[N_STAT] = b->stat;
    f->number[N_FLOOR] = b->floor;
    f->number[N_BESIDE] = beside;
}

/* ---- by secret ---- */
static void words_of_secret(const struct kt_scene *s, struct kt_finding *f)
{
    const struct kt_hot *h = kt_table_peek(s->tables[T_SECRET], s->secret);
    char secret[160];
    kt_say_name(s->ev->secret, 120, secret);
    KT_SAY(f->title, "%s has unusually many readers.", secret);
    KT_SAY(f->normal, "%u readers within 1 hour and %u today; usual for it are far fewer.",
           kt_ring_fives(&h->ring, s->t, 12), h->n_today);
    KT_SAY(f->part, "%s has unusually many readers", secret);
    KT_SAY(f->quiet, "Fewer than 5 readers an hour and 5 a day.");
}

/* ---- the event ---- */
static void note_own_work(struct kt_scene *s)
{
    struct kt_key pair = { s->actor->number, s->secret.a };
    bool fresh;
    struct own *own = kt_table_put(s->tables[T_OWN], pair, &fresh);
    struct kt_hot *hot = kt_table_get(s->tables[T_SECRET], s->secret);
    own->wrote_min = s->minute;
    own->born_min = fresh && hot == NULL ? s->minute : own->born_min;
    /* CloudTrail has no order: the read after this write may have come before it */
    struct volume *v = kt_table_get(s->tables[T_ACTOR], s->who);
    uint32_t read_min;
    if (v == NULL ||
        !kt_distinct_take(&windows_of(s, v)->seen, s->secret.a, s->minute, 60, &read_min))
        return;
    kt_ring_take(&windows_of(s, v)->ring, (kt_time_ns)read_min * KT_NS_MIN, 1);
}

static bool own_work(const struct kt_scene *s)
{
    struct kt_key pair = { s->actor->number, s->secret.a };
    const struct own *w = kt_table_peek(s->tables[T_OWN], pair);
    return w != NULL && s->minute >= w->wrote_min && s->minute - w->wrote_min < 60;
}

/* Every writer's reads find a new value. */
static void note_written(const struct kt_scene *s)
{
    struct kt_hot *hot = kt_table_get(s->tables[T_SECRET], s->secret);
    if (hot != NULL && hot->wrote_min < s->minute)
        hot->wrote_min = s->minute;
}

/* What it made within the hour and takes away again. Overwriting what others made excuses nothing.
 */
static bool made_it(const struct kt_scene *s)
{
    struct kt_key pair = { s->actor->number, s->secret.a };
    const struct own *w = kt_table_peek(s->tables[T_OWN], pair);
    return w != NULL && w->born_min != 0 && s->minute >= w->born_min &&
           s->minute - w->born_min < 60;
}

static void judge_deleted(struct kt_scene *s, const struct options *o)
{
    if (made_it(s) || kt_production(s->shared->conf, s->ev->secret) == 0)
        return;
    struct kt_deletions *d = kt_table_put(s->tables[T_DELETED], s->who, NULL);
    kt_deletions_judge(s, d, s->tables[T_SKETCH], o->floor_deleted, ASIDE_DELETED);
}

static struct rate *rate_of(struct kt_scene *s)
{
    bool fresh;
    struct rate *r = kt_table_put(s->tables[T_RATE], s->who, &fresh);
    if (fresh) /* exposure starts with the first read */
        kt_rate_add(&r->rate, s->minute / 60, 0, half_life(s->actor->kind));
    r->kind = s->actor->kind;
    return r;
}

/* A log that begins finds its machines at work: that it knows nothing of one says nothing of it.
 * What is known of one is its own record, and not excused. Whoever takes one over looks around and
 * is refused, or takes others than it took. */
static bool was_there(const struct kt_scene *s, const struct volume *v, const struct counts *c)
{
    return s->actor->kind == KT_ACTOR_SERVICE && s->where.inside &&
           !kt_refused_today(s, s->tables[T_REFUSED]) && !c->beside && v->best.n < OWN_DAYS &&
           s->minute < s->shared->first_min + WEEK_MIN;
}

static void judge(struct kt_scene *s, const struct options *o, struct volume *v,
                  const struct rate *r, const struct counts *c)
{
    const struct peers *p = kt_table_peek(s->tables[T_KIND], kind_key(r->kind));
    double growth = p != NULL && p->set ? p->growth : 1;
    struct surprise best = { 0 }, wide = { 0 };
    judge_rate(s, o, v, r, c, growth, &best);
    judge_distinct(s, o, v, c, growth, &wide);
    take_larger(&best, wide);
    unsigned flags = 0;
    bool many = c->distinct_five >= o->first_5m || c->distinct >= o->first_1h;
    if ((s->young || s->shared->learning) && many && s->actor->kind != KT_ACTOR_CI) {
        bool five = c->distinct_five >= o->first_5m;
        double points = was_there(s, v, c) ? o->first_cap : fmax(best.s, 4.6);
        struct surprise first = { points,        five ? c->distinct_five : c->distinct,
                                  five ? 5 : 60, kt_maxima_best(&v->best, STAT_DISTINCT),
                                  STAT_DISTINCT, (unsigned)(five ? o->first_5m : o->first_1h) };
        /* A learning installation knows no record of anybody, but a known actor has its own. */
        if (s->young || first.x > 2 * kt_maxima_record(&v->best, STAT_DISTINCT)) {
            best = first;
            flags = KT_FIND_LEARNING;
        }
    }
    if (best.s < 2.2)
        return;
    tell(s, &best, c->beside, flags);
    if (best.stat == STAT_DISTINCT || wide.s >= 2.2)
        note_told(s, v);
}

static void on_event(struct kt_scene *s, const void *opt)
{
    static const bool writes[KT_ACT_COUNT] = { [KT_ACT_WRITE] = true, [KT_ACT_ROTATE] = true };
    const struct options *o = opt;
    if (s->ev->flags & KT_FLAG(SHADOW))
        return;
    if (s->minute < s->shared->first_min + WEEK_MIN)
        kt_refusals_note(s, s->tables[T_REFUSED], o->floor_distinct);
    if (s->actor == NULL || s->late || s->secret.a == 0 || s->ev->flags & KT_FLAG(BULK))
        return;
    if (writes[s->ev->action] && s->ev->outcome == KT_OUT_SUCCESS) {
        note_own_work(s);
        note_written(s);
    }
    if (s->ev->action == KT_ACT_DELETE && s->taught)
        judge_deleted(s, o);
    if (!s->read || own_work(s) || s->along)
        return;
    bool rollout, fresh;
    struct kt_hot *hot = kt_table_put(s->tables[T_SECRET], s->secret, &fresh);
    double secret = kt_hot_read(s, hot, fresh, o->secret_cap, &rollout);
    struct volume *v = kt_table_put(s->tables[T_ACTOR], s->who, NULL);
    struct rate *r = rate_of(s);
    struct counts all = count_in(s, v, r, s->deploy || (rollout && s->young)), c = all;
    all.distinct = kt_all_read(s, s->tables[T_ALL], s->tables[T_SKETCH], all.distinct);
    leave_out_filled(s, &c);
    bool by_clock = leave_out_told(s, o, hot, &c);
    put_reads_aside(s, by_clock ? &c : &all);
    judge(s, o, v, r, &c);
    if (secret > 0 && !s->deploy)
        (void)kt_find(s, KT_FAMILY_VOLUME, kt_points(secret), 0, words_of_secret);
}

/* ---- 24 h later ---- */
static void learn_week(struct kt_scene *s, const struct rate *r, uint32_t minute, unsigned n)
{
    struct week *w = kt_table_get(s->tables[T_WEEK], s->who);
    if (w == NULL) {
        double a, b;
        kt_rate_at(&r->rate, minute / 60, half_life(r->kind), &a, &b);
        if (b < 24 || a / b * 168 <= 50)
            return;
        w = kt_table_put(s->tables[T_WEEK], s->who, NULL);
        w->first_day = w->halved_day = minute / 1440;
    }
    uint16_t *bin = &w->bin[minute / 1440 % 7 * 24 + minute / 60 % 24];
    bool full = *bin > UINT16_MAX - n;
    if (full || minute / 1440 >= w->halved_day + 28) {
        w->total = 0;
        for (unsigned i = 0; i < 168; i++)
            w->total += w->bin[i] /= 2;
        w->halved_day = minute / 1440;
    }
    unsigned room = (unsigned)(UINT16_MAX - *bin);
    n = n < room ? n : room;
    *bin = (uint16_t)(*bin + n);
    w->total += n;
}

static void on_learn(struct kt_scene *s, const void *opt, const struct kt_pending *p)
{
    (void)opt;
    struct kt_deletions *d = kt_table_get(s->tables[T_DELETED], s->who);
    if (p->what == ASIDE_DELETED && d != NULL)
        kt_deletions_learn(s, d, p);
    struct volume *v = kt_table_get(s->tables[T_ACTOR], s->who);
    struct rate *r = kt_table_get(s->tables[T_RATE], s->who);
    if (p->what != ASIDE_READ || v == NULL || r == NULL)
        return;
    uint32_t minute = p->time_min - 60;
    kt_rate_add(&r->rate, p->time_min / 60, p->v[0], half_life(r->kind));
    kt_maxima_add(&v->best, kt_actor_day(s->actor, minute), p->v + 1);
    learn_week(s, r, minute, p->v[0]);
}

/* ---- hourly: what the peers do ---- */
static int by_value(const void *x, const void *y)
{
    int p = *(const int *)x, q = *(const int *)y;
    return (p > q) - (p < q);
}

static double median_growth(int *ratio, unsigned n) /* in thousandths, so that sorting is exact */
{
    if (n < 10)
        return 1;
    qsort(ratio, n, sizeof *ratio, by_value);
    return fmin(fmax(ratio[n / 2] / 1000.0, 1), 4);
}

struct crowd { /* the first actors of a kind with a week of their own */
    double a[PEERS_MAX], b[PEERS_MAX];
    int ratio[PEERS_MAX];
    unsigned n, n_ratio;
};

/* Reads that were to be expected in the hours of this day that are over, at a rate an hour; 0 when
 * it cannot be 5: the factor of an hour of the week is at most 168, and 1 of a week that is not
 * known. */
static double expected_today(const struct kt_scene *s, struct kt_key who, double rate)
{
    uint32_t midnight = s->minute / 1440 * 1440, hours = s->minute / 60 - midnight / 60;
    if (rate * hours * 168 < 5)
        return 0;
    const struct week *w = kt_table_peek(s->tables[T_WEEK], who);
    if (w == NULL && rate * hours < 4.9) /* added up one by one it may be larger by a last digit */
        return 0;
    double sum = 0;
    for (uint32_t hour = 0; hour < hours; hour++)
        sum += rate * week_factor(w, midnight + hour * 60);
    return sum;
}

static void join(struct crowd *c, const struct kt_scene *s, const struct rate *r, struct kt_key who)
{
    double x, e;
    kt_rate_at(&r->rate, (int64_t)s->minute / 60 - 24, half_life(r->kind), &x, &e);
    if (e < 7 * 24 || c->n == PEERS_MAX)
        return;
    c->a[c->n] = x;
    c->b[c->n++] = e;
    double expected = expected_today(s, who, x / e);
    unsigned reads = r->today == s->minute / 1440 ? r->reads_today : 0;
    if (expected >= 5)
        c->ratio[c->n_ratio++] = (int)fmin(reads / expected * 1000, 1e6);
}

/* Reads only, and in order of creation: what is summed depends on nothing else. */
static void on_hour(struct kt_scene *s, const void *opt)
{
    static _Thread_local struct crowd crowd[KT_ACTOR_COUNT];
    uint32_t at = 0;
    struct kt_key key;
    const struct rate *r;
    (void)opt;
    for (unsigned kind = 0; kind < KT_ACTOR_COUNT; kind++)
        crowd[kind].n = crowd[kind].n_ratio = 0;
    while ((r = kt_table_each(s->tables[T_RATE], &at, &key)) != NULL) {
        if (s->shared->active[r->kind] > 0)
            join(&crowd[r->kind], s, r, key);
    }
    for (uint32_t kind = 0; kind < KT_ACTOR_COUNT; kind++) {
        struct crowd *c = &crowd[kind];
        if (c->n == 0)
            continue;
        struct peers *p = kt_table_put(s->tables[T_KIND], kind_key(kind), NULL);
        p->prior = kt_prior_fit(c->a, c->b, c->n, rows[kind].prior);
        p->growth = median_growth(c->ratio, c->n_ratio);
        p->set = 1;
    }
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    const struct volume *v = kt_table_peek(s->tables[T_ACTOR], s->who);
    const struct windows *now = s->expected ? kt_table_peek(s->tables[T_WORK], s->who) : NULL;
    if (v == NULL || s->actor == NULL)
        return;
    now = now != NULL ? now : &v->now;
    kt_buf_addf(out, "volume (reads in 1 h: %u, different secrets: %u; its best hour: %u and %u)",
                kt_ring_fives(&now->ring, s->t, 12), distinct_in(s, now, which_now(s), 60),
                kt_maxima_best(&v->best, STAT_HOUR), kt_maxima_best(&v->best, STAT_DISTINCT));
}

static const struct kt_distinct *touched(struct kt_table *const *own, struct kt_key who)
{
    const struct volume *v = kt_table_peek(own[T_ACTOR], who);
    return v != NULL ? &v->now.seen : NULL;
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(READ) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_volume_spike = {
    .name = "volume_spike",
    .summary = "Far more reads or different secrets than ever before in an hour",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .on_learn = on_learn,
    .on_hour = on_hour,
    .considered = considered,
    .touched = touched,
};
