/*
 * new_secrets: more secrets that an actor never read before than it ever takes up (DETECTION §4.4).
 * Sees a burst and one an hour alike, since the time between reads does not matter.
 *
 * Owns:  by actor: what it took up by day, its rate, the list of the last 24 h; by actor and store
 *        its rate there; pairs of actor and secret; by secret: who took it up lately.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/detector.h"

#include <math.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/event/secret_id.h"

#define DAY_MIN        1440u
#define ROLLOUT_MIN    120u
#define OWN_WORK_MIN   60u
#define OVER_MIN       (6u * 60u) /* evidence that comes later is another incident's */
#define TAINT_MIN      (30u * DAY_MIN)
#define FORGET_MIN     (365u * DAY_MIN)
#define HALF_LIFE      30.0 /* active days */
#define RMAX           1.2
#define STORE_DISCOUNT 0.3
#define DAYS           16u /* a week and its guard */
#define LIST_MAX       128u
#define PAIRS_MAX      1024u /* of one actor; behind them a filter */
#define BLOOM_BYTES    4096u
#define BLOOM_PROBES   5u
#define PREFIXES       4u
#define WHOLE          100u /* weights are hundredths of a secret */
#define DEPLOY         1u   /* in a window of deploys: a rollout */
#define EXPECTED       2u   /* part of announced work: summed by itself */

enum { T_ACTOR, T_LIST, T_STORE, T_PAIR, T_BLOOM, T_SECRET };
enum { ASIDE_DAY, ASIDE_NEW, ASIDE_STORE };

struct options {
    uint64_t floor_24h, floor_7d, floor_young;
    double least_24h, least_7d, probe, own_prefix, fresh;
};
struct prefix {
    uint64_t hash;
    uint32_t n, pad;
};
struct habit {        /* one actor */
    float k, d;       /* novelties and active days that are behind the guard, decayed */
    uint32_t done;    /* day behind the guard that was counted last, + 1 */
    uint32_t matured; /* active days counted so far */
    uint32_t put;     /* day that was put aside last, + 1 */
    uint32_t seen_n, pairs, pad;
    uint32_t day_of[DAYS];            /* which day a slot stands for, + 1 */
    uint16_t learned[DAYS];           /* weights of what no incident held back */
    uint16_t raw[DAYS];               /* of all */
    uint8_t active[DAYS], busy[DAYS]; /* learned, and as it happened */
    struct prefix prefix[PREFIXES];
};
struct store { /* one actor in one store */
    float k;
    uint32_t matured; /* the actor's, when k stood so */
    uint32_t done;
    uint32_t day_of[DAYS];
    uint16_t learned[DAYS];
};
struct taken { /* one novelty of the last 24 h */
    uint64_t secret, store;
    uint32_t minute;
    uint16_t weight;
    uint8_t read;  /* its value, not only asked for */
    uint8_t aside; /* bits: DEPLOY, EXPECTED */
};
struct list {
    struct taken at[LIST_MAX];
    uint32_t n, pad;
};
struct pair {
    uint32_t first_min, last_min, wrote_min, read; /* read: its value, not only its name */
};
struct bloom {
    uint8_t bits[BLOOM_BYTES];
};
struct newcomer { /* who read it for the first time */
    uint32_t actor, minute, kind, pad;
};
struct secret {
    uint32_t born_min; /* written before anybody read it; 0 = not seen */
    uint32_t n;
    struct newcomer last[4];
};

static const struct kt_table_decl tables[] = {
    [T_ACTOR] = { "new_habit", KT_KEY_ACTOR, sizeof(struct habit), 1, 12000, KT_EVICT_LRU },
    [T_LIST] = { "new_list", KT_KEY_ACTOR, sizeof(struct list), 2, 800, KT_EVICT_LRU },
    [T_STORE] = { "new_store", KT_KEY_PAIR, sizeof(struct store), 1, 12000, KT_EVICT_LRU },
    [T_PAIR] = { "new_pair", KT_KEY_PAIR, sizeof(struct pair), 1, 120000, KT_EVICT_LRU },
    [T_BLOOM] = { "new_bloom", KT_KEY_ACTOR, sizeof(struct bloom), 1, 500, KT_EVICT_LRU },
    [T_SECRET] = { "new_secret", KT_KEY_SECRET, sizeof(struct secret), 1, 15000, KT_EVICT_LRU },
};

#define NUMBER(field, type, value, help)                                                           \
    {                                                                                              \
#field, type, value, offsetof(struct options, field), help, .reloadable = true             \
    }
static const struct kt_option options[] = {
    NUMBER(floor_24h, KT_OPT_UINT, "5", "New secrets in 24 hours below which they say nothing."),
    NUMBER(floor_7d, KT_OPT_UINT, "10", "The same for 7 days."),
    NUMBER(floor_young, KT_OPT_UINT, "40",
           "New secrets in 24 hours that a young actor may take up: everything is new to it."),
    NUMBER(least_24h, KT_OPT_DOUBLE, "2.2", "Surprise of 24 hours below which it is dropped."),
    NUMBER(least_7d, KT_OPT_DOUBLE, "3", "The same for 7 days."),
    NUMBER(probe, KT_OPT_DOUBLE, "0.3",
           "What a listed, described or refused secret counts beside one that was read."),
    NUMBER(
        own_prefix, KT_OPT_DOUBLE, "0.3",
        "What a secret under the path that nearly all of a service's or job's are under counts."),
    NUMBER(fresh, KT_OPT_DOUBLE, "0.3", "What a secret that was made in the last 24 hours counts."),
    KT_OPTIONS_END,
};

static const struct kt_gamma priors[KT_ACTOR_COUNT] = {
    [KT_ACTOR_UNKNOWN] = { 2, 1.2 },   [KT_ACTOR_HUMAN] = { 2, 1.2 },
    [KT_ACTOR_SERVICE] = { 0.3, 2 },   [KT_ACTOR_CI] = { 2, 2 },
    [KT_ACTOR_AI_AGENT] = { 2, 1.5 },  [KT_ACTOR_ROOT] = { 2, 1.2 },
    [KT_ACTOR_ANONYMOUS] = { 2, 1.2 },
};

/* ---- what is known of an actor ---- */
static unsigned slot_of(uint32_t *day_of, uint32_t day, bool *ret_new)
{
    unsigned i = day % DAYS;
    *ret_new = day_of[i] != day + 1;
    day_of[i] = day + 1;
    return i;
}

static unsigned habit_slot(struct habit *h, uint32_t day)
{
    bool fresh;
    unsigned i = slot_of(h->day_of, day, &fresh);
    if (fresh) {
        h->learned[i] = h->raw[i] = 0;
        h->active[i] = h->busy[i] = 0;
    }
    return i;
}

/* Days between the one that is judged and those that are its yardstick (a week; a day for actors
 * younger than 30 days). */
static uint32_t guard(const struct kt_scene *s)
{
    return s->minute < s->actor->first_min + 30 * DAY_MIN ? 1 : 7;
}

static uint16_t add16(uint16_t a, unsigned b)
{
    return a + b > UINT16_MAX ? UINT16_MAX : (uint16_t)(a + b);
}

/* Days that left the guard become part of the habit, oldest first. */
static void mature(struct habit *h, uint32_t first_day, uint32_t today, uint32_t behind)
{
    if (today < behind + 1)
        return;
    uint32_t until = today - behind; /* exclusive */
    uint32_t from = h->done > 0 ? h->done : until > DAYS ? until - DAYS : 0;
    from = until > DAYS && from < until - DAYS ? until - DAYS : from;
    for (uint32_t day = from; day < until; day++) {
        unsigned i = day % DAYS;
        if (h->day_of[i] != day + 1 || !h->active[i])
            continue;
        double g = exp2(-1.0 / HALF_LIFE);
        h->d = (float)((double)h->d * g + 1);
        h->k = (float)((double)h->k * g + (day != first_day ? h->learned[i] / (double)WHOLE : 0));
        h->matured++;
    }
    h->done = until > h->done ? until : h->done;
}

static void mature_store(struct store *t, const struct habit *h, uint32_t first_day, uint32_t until)
{
    t->k = (float)((double)t->k * exp2(-(double)(h->matured - t->matured) / HALF_LIFE));
    t->matured = h->matured;
    for (unsigned i = 0; i < DAYS; i++) {
        uint32_t day = t->day_of[i];
        if (day == 0 || day - 1 >= until)
            continue;
        if (day - 1 != first_day)
            t->k += (float)(t->learned[i] / (double)WHOLE);
        t->day_of[i] = 0;
    }
}

/* ---- pairs: what the actor has read before ---- */
static struct kt_key secret_key(uint64_t hash)
{
    return (struct kt_key){ hash, 0 };
}

static struct kt_key pair_key(const struct kt_scene *s, uint64_t with)
{
    return (struct kt_key){ s->actor->number, with };
}

static bool bloom_has(const struct bloom *b, uint64_t hash)
{
    for (unsigned i = 0; b != NULL && i < BLOOM_PROBES; i++, hash = hash >> 15 | hash << 49) {
        unsigned bit = hash % (BLOOM_BYTES * 8);
        if ((b->bits[bit / 8] >> bit % 8 & 1) == 0)
            return false;
    }
    return b != NULL;
}

static void bloom_add(struct bloom *b, uint64_t hash)
{
    for (unsigned i = 0; i < BLOOM_PROBES; i++, hash = hash >> 15 | hash << 49) {
        unsigned bit = hash % (BLOOM_BYTES * 8);
        b->bits[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
}

/* Was it first read in an incident that nobody judged harmless? */
static bool tainted(const struct kt_actor *a, const struct pair *p, uint32_t minute)
{
    return kt_first_in_incident(a, p->first_min, minute, TAINT_MIN);
}

static bool known(const struct kt_scene *s, const struct pair *p, bool read)
{
    if (p == NULL)
        return bloom_has(kt_table_peek(s->tables[T_BLOOM], s->who), s->secret.a);
    if ((read && !p->read) || s->minute > p->last_min + FORGET_MIN)
        return false;
    return !tainted(s->actor, p, s->minute);
}

static void remember(struct kt_scene *s, struct habit *h, struct pair *p, bool read)
{
    if (p == NULL && h->pairs >= PAIRS_MAX) {
        bloom_add(kt_table_put(s->tables[T_BLOOM], s->who, NULL), s->secret.a);
        return;
    }
    bool fresh = p == NULL;
    if (fresh) {
        p = kt_table_put(s->tables[T_PAIR], pair_key(s, s->secret.a), NULL);
        p->first_min = s->minute;
        h->pairs++;
    }
    if (read && !p->read) {
        p->read = 1;
        p->first_min = s->minute;
    }
    p->first_min = s->minute < p->first_min ? s->minute : p->first_min;
    p->last_min = s->minute > p->last_min ? s->minute : p->last_min;
}

/* ---- what one novelty counts ---- */
static uint64_t parent_hash(struct kt_str secret)
{
    size_t end = secret.len;
    while (end > 0 && secret.at[end - 1] != '/')
        end--;
    return kt_hash64(kt_str_sub(secret, 0, end), UINT64_C(0x6e657773)) | 1;
}

static void note_prefix(struct habit *h, uint64_t hash)
{
    struct prefix *least = &h->prefix[0];
    h->seen_n++;
    for (unsigned i = 0; i < PREFIXES; i++) {
        if (h->prefix[i].hash == hash) {
            h->prefix[i].n++;
            return;
        }
        least = h->prefix[i].n < least->n ? &h->prefix[i] : least;
    }
    if (least->n > 0) /* Misra-Gries: a rare one makes room by and by */
        least->n--;
    else
        *least = (struct prefix){ .hash = hash, .n = 1 };
}

static bool is_own_prefix(const struct habit *h, uint64_t hash)
{
    for (unsigned i = 0; i < PREFIXES; i++) {
        if (h->prefix[i].hash == hash)
            return h->seen_n >= 10 && h->prefix[i].n * 5u >= h->seen_n * 4u;
    }
    return false;
}

static bool is_fresh(const struct secret *x, uint32_t minute)
{
    return x != NULL && x->born_min != 0 && minute < x->born_min + DAY_MIN;
}

static unsigned weight_of(const struct kt_scene *s, const struct options *o, const struct habit *h,
                          const struct pair *p, bool read)
{
    if ((s->ev->flags & KT_FLAG(BULK)) != 0)
        return 0; /* its members are records of their own */
    if (p != NULL && p->wrote_min != 0 && s->minute >= p->wrote_min &&
        s->minute < p->wrote_min + OWN_WORK_MIN)
        return 0; /* one learns nothing from what one wrote */
    double w = read ? 1 : o->probe;
    bool machine = s->actor->kind == KT_ACTOR_SERVICE || s->actor->kind == KT_ACTOR_CI;
    if (machine && is_own_prefix(h, parent_hash(s->ev->secret)))
        w = fmin(w, o->own_prefix);
    if (is_fresh(kt_table_peek(s->tables[T_SECRET], secret_key(s->secret.a)), s->minute))
        w = fmin(w, o->fresh);
    return (unsigned)lround(w * WHOLE);
}

static void note_newcomer(struct kt_scene *s)
{
    struct secret *x = kt_table_put(s->tables[T_SECRET], secret_key(s->secret.a), NULL);
    for (unsigned i = 0; i < KT_ARRAY_LEN(x->last); i++) {
        if (x->last[i].actor == s->actor->number)
            return;
    }
    x->last[x->n++ % KT_ARRAY_LEN(x->last)] =
        (struct newcomer){ .actor = s->actor->number, .minute = s->minute, .kind = s->actor->kind };
}

/* Three of the kind took it up within 2 h of this actor, or a deploy was announced: a rollout. */
static bool is_rollout(const struct kt_scene *s, const struct taken *t)
{
    const struct secret *x = kt_table_peek(s->tables[T_SECRET], secret_key(t->secret));
    unsigned n = t->aside & DEPLOY ? 3 : 0;
    for (unsigned i = 0; x != NULL && i < KT_ARRAY_LEN(x->last); i++) {
        uint32_t m = x->last[i].minute;
        n += x->last[i].actor != 0 && x->last[i].kind == s->actor->kind &&
             m + ROLLOUT_MIN >= t->minute && m <= t->minute + ROLLOUT_MIN;
    }
    return n >= 3;
}

/* ---- judging ---- */
/* Was it part of an incident that is over? Somebody was told then, and is not told again. */
static bool told_before(const struct kt_scene *s, uint32_t from_min, uint32_t until_min)
{
    for (unsigned i = 0; i < KT_HELD_MAX; i++) {
        uint32_t from = s->actor->held[i].from_min, until = s->actor->held[i].until_min;
        if (s->actor->held[i].mark != KT_HELD_EXPECTED && until != 0 && from_min <= until &&
            until_min >= from && until + OVER_MIN < s->minute)
            return true;
    }
    return false;
}

struct sums {
    unsigned all, here;     /* hundredths, in 24 h: over all stores, in the one of this event */
    unsigned n[2], read[2]; /* as many secrets, and how many of them were read; the same */
    uint32_t oldest;
};

static struct sums sum_list(const struct kt_scene *s, struct list *l, uint64_t store)
{
    struct sums r = { .oldest = s->minute };
    unsigned live = 0, rollout = 0, rollout_here = 0;
    for (unsigned i = 0; i < l->n; i++) {
        if (l->at[i].minute + DAY_MIN > s->minute)
            l->at[live++] = l->at[i];
    }
    l->n = live;
    for (unsigned i = 0; i < l->n; i++) {
        const struct taken *t = &l->at[i];
        bool here = t->store == store;
        if (told_before(s, t->minute, t->minute) ||
            (t->aside & EXPECTED) != (s->expected ? EXPECTED : 0))
            continue;
        r.oldest = t->minute < r.oldest ? t->minute : r.oldest;
        if (t->weight > 0) {
            r.n[0]++;
            r.read[0] += t->read;
            r.n[1] += here;
            r.read[1] += here && t->read;
        }
        if (is_rollout(s, t)) { /* all of it counts once */
            rollout = t->weight > rollout ? t->weight : rollout;
            rollout_here = here && t->weight > rollout_here ? t->weight : rollout_here;
            continue;
        }
        r.all += t->weight;
        r.here += here ? t->weight : 0;
    }
    r.all += rollout;
    r.here += rollout_here;
    return r;
}

static bool in_list(const struct list *l, uint64_t secret, uint32_t minute)
{
    for (unsigned i = 0; l != NULL && i < l->n; i++) {
        if (l->at[i].secret == secret && l->at[i].minute + DAY_MIN > minute)
            return true;
    }
    return false;
}

static double surprise(uint8_t kind, double n, double days, double k, double d)
{
    struct kt_gamma g = { priors[kind].a + k, priors[kind].b + d };
    return kt_rate_surprise(n, days, g, RMAX);
}

enum { N_X, N_READ, N_MINUTES, N_USUAL, N_ACTIVE, N_HERE };
#define WEEK_MIN (7 * DAY_MIN)

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    const double *v = f->number;
    char who[160], x[32], active[32], window[KT_TIME_TEXT_MAX], name[160], store[170] = "";
    char pace[48] = "";
    kt_say_name(s->ev->actor, 80, who);
    kt_say_count(v[N_X], x);
    (void)kt_duration_format((kt_time_ns)fmax(v[N_MINUTES], 1) * KT_NS_MIN, window);
    if (v[N_HERE] > 0)
        KT_SAY(store, " of %s", kt_say_name(kt_secret_store(s->ev->secret), 80, name));
    if (v[N_X] >= 2 && v[N_MINUTES] / (v[N_X] - 1) >= 5)
        KT_SAY(pace, ", one about every %.0f min", v[N_MINUTES] / (v[N_X] - 1));
    bool all = v[N_READ] >= v[N_X], week = v[N_MINUTES] >= WEEK_MIN;
    char got[60] = "";
    if (!all)
        KT_SAY(got, "; it got %s of them",
               v[N_READ] > 0 ? kt_say_count(v[N_READ], active) : "none");
    KT_SAY(f->title, "%s %s %s secrets%s it had never read%s, within %s%s.", who,
           all ? "read" : "asked for", x, store, v[N_HERE] > 0 ? "" : pace, window, got);
    KT_SAY(f->normal,
           "Usual: %.1f new secret%s a day, counted over %s active day%s up to %s before.",
           v[N_USUAL], v[N_USUAL] == 1 ? "" : "s", kt_say_count(v[N_ACTIVE], active),
           v[N_ACTIVE] == 1 ? "" : "s", guard(s) == 7 ? "a week" : "the day");
    KT_SAY(f->part, "%s new secrets in %s against %.1f a day", x, week ? "7 days" : "24 h",
           v[N_USUAL]);
    KT_SAY(f->quiet,
           "Fewer than %.0f new secrets in %s, or colleagues who took the same ones up "
           "within 2 hours.",
           v[N_X], week ? "7 days" : "24 hours");
}

struct judged {
    double s, x, k;
    bool here;
};

/* Of a day: the larger of all stores and of this one. */
static struct judged judge_day(const struct kt_scene *s, const struct options *o,
                               const struct habit *h, const struct store *t, const struct sums *n)
{
    uint8_t kind = s->actor->kind;
    double all = n->all / WHOLE, here = n->here / WHOLE; /* rounded down */
    uint64_t floor = s->young || s->shared->learning ? o->floor_young : o->floor_24h;
    struct judged j = { .x = all, .k = (double)h->k };
    if (all >= (double)floor)
        j.s = surprise(kind, all, 1, (double)h->k, (double)h->d);
    double one = here >= (double)floor
                     ? surprise(kind, here, 1, (double)t->k, (double)h->d) - STORE_DISCOUNT
                     : 0;
    if (one > j.s)
        j = (struct judged){ one, here, (double)t->k, true };
    j.s = j.s >= o->least_24h ? j.s : 0;
    return j;
}

static double judge_week(const struct kt_scene *s, const struct options *o, const struct habit *h,
                         uint32_t today, double *ret_x, double *ret_days)
{
    unsigned sum = 0, days = 0;
    for (unsigned i = 0; i < DAYS; i++) {
        if (h->day_of[i] == 0 || h->day_of[i] - 1 + 7 <= today || h->day_of[i] - 1 > today)
            continue;
        uint32_t begins = kt_actor_day_begins(s->actor, h->day_of[i] - 1);
        bool told = told_before(s, begins, begins + DAY_MIN - 1); /* what is left was learned */
        sum += told ? h->learned[i] : h->raw[i];
        days += h->busy[i];
    }
    *ret_x = sum / WHOLE;
    *ret_days = days > 0 ? days : 1;
    if (s->young || s->shared->learning || *ret_x < (double)o->floor_7d)
        return 0;
    double r = surprise(s->actor->kind, *ret_x, *ret_days, (double)h->k, (double)h->d);
    return r >= o->least_7d ? r : 0;
}

static void tell(struct kt_scene *s, const struct habit *h, double surprise, double x, double read,
                 double minutes, const struct judged *usual)
{
    struct kt_finding *f = kt_find(s, KT_FAMILY_NEW_SECRETS, kt_points(surprise), 0, words);
    if (f == NULL)
        return;
    double beta = priors[s->actor->kind].b, alpha = priors[s->actor->kind].a;
    f->number[N_X] = x;
    f->number[N_READ] = read;
    f->number[N_MINUTES] = minutes;
    f->number[N_USUAL] = (alpha + usual->k) / (beta + (double)h->d);
    f->number[N_ACTIVE] = h->matured;
    f->number[N_HERE] = usual->here;
}

static void take_up(struct kt_scene *s, const struct options *o, struct habit *h, unsigned weight,
                    bool read)
{
    uint32_t today = kt_actor_day(s->actor, s->minute);
    uint64_t store = kt_hash64(kt_secret_store(s->ev->secret), UINT64_C(0x73746f72)) | 1;
    uint8_t aside = (uint8_t)((s->deploy ? DEPLOY : 0) | (s->expected ? EXPECTED : 0));
    struct list *l = kt_table_put(s->tables[T_LIST], s->who, NULL);
    struct store *t = kt_table_put(s->tables[T_STORE], pair_key(s, store), NULL);
    mature_store(t, h, s->actor->first_day, h->done);
    s->novelty.weight = weight;
    s->novelty.usual = (struct kt_gamma){ priors[s->actor->kind].a + (double)t->k,
                                          priors[s->actor->kind].b + (double)h->d };
    if (read)
        note_newcomer(s);
    if (l->n == LIST_MAX) { /* the oldest makes room: the count stays at its highest */
        memmove(&l->at[0], &l->at[1], (LIST_MAX - 1) * sizeof l->at[0]);
        l->n--;
    }
    l->at[l->n++] = (struct taken){ .secret = s->secret.a,
                                    .store = store,
                                    .minute = s->minute,
                                    .weight = (uint16_t)weight,
                                    .read = read,
                                    .aside = aside };
    unsigned i = habit_slot(h, today);
    h->raw[i] = add16(h->raw[i], aside != 0 ? 0 : weight);
    uint32_t hour_end = (s->minute / 60 + 1) * 60;
    uint16_t v[4] = { (uint16_t)weight, 0, 0, 0 };
    kt_put_aside(s, ASIDE_NEW, today, hour_end, v);
    kt_put_aside(s, ASIDE_STORE, store, hour_end, v);
    struct sums n = sum_list(s, l, store);
    struct judged day = judge_day(s, o, h, t, &n);
    double x, days, week = judge_week(s, o, h, today, &x, &days);
    if (day.s >= week)
        tell(s, h, day.s, n.n[day.here], n.read[day.here], s->minute - n.oldest, &day);
    else
        tell(s, h, week, x, x, WEEK_MIN, &(struct judged){ .k = (double)h->k });
}

/* ---- the door ---- */
/* A log without order may tell the read before the write that it followed. */
static void take_back(struct kt_scene *s, struct habit *h)
{
    struct list *l = kt_table_get(s->tables[T_LIST], s->who);
    for (unsigned i = 0; l != NULL && i < l->n; i++) {
        struct taken *t = &l->at[i];
        if (t->secret != s->secret.a || t->minute < s->minute ||
            t->minute >= s->minute + OWN_WORK_MIN)
            continue;
        unsigned slot = habit_slot(h, kt_actor_day(s->actor, t->minute));
        unsigned counted = t->aside != 0 ? 0 : t->weight;
        h->raw[slot] = (uint16_t)(h->raw[slot] - (h->raw[slot] < counted ? h->raw[slot] : counted));
        t->weight = 0;
    }
}

static void note_write(struct kt_scene *s, struct habit *h)
{
    bool fresh;
    struct secret *x = kt_table_put(s->tables[T_SECRET], secret_key(s->secret.a), &fresh);
    if (fresh)
        x->born_min = s->minute;
    struct pair *p = kt_table_get(s->tables[T_PAIR], pair_key(s, s->secret.a));
    take_back(s, h);
    if (p == NULL && h->pairs >= PAIRS_MAX)
        return;
    if (p == NULL) {
        p = kt_table_put(s->tables[T_PAIR], pair_key(s, s->secret.a), NULL);
        p->first_min = s->minute;
        h->pairs++;
    }
    p->wrote_min = p->last_min = s->minute;
}

static void day_begins(struct kt_scene *s, struct habit *h)
{
    uint32_t today = kt_actor_day(s->actor, s->minute);
    mature(h, s->actor->first_day, today, guard(s));
    h->busy[habit_slot(h, today)] = 1;
    if (h->put == today + 1)
        return;
    h->put = today + 1;
    kt_put_aside(s, ASIDE_DAY, today, (s->minute / 60 + 1) * 60, (uint16_t[4]){ 1, 0, 0, 0 });
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    bool failed_login = s->ev->action == KT_ACT_LOGIN && !s->taught;
    if (s->actor == NULL || failed_login)
        return;
    struct habit *h = kt_table_put(s->tables[T_ACTOR], s->who, NULL);
    if (!s->late)
        day_begins(s, h);
    bool writes = s->ev->action == KT_ACT_WRITE || s->ev->action == KT_ACT_ROTATE;
    if (s->taught && writes && s->ev->secret.len > 0)
        note_write(s, h);
    bool probe = !s->read && kt_event_is_probe(s->ev);
    if (!s->read && !probe)
        return;
    struct pair *p = kt_table_get(s->tables[T_PAIR], pair_key(s, s->secret.a));
    const struct list *l = kt_table_peek(s->tables[T_LIST], s->who);
    bool fresh = !known(s, p, s->read) && !in_list(l, s->secret.a, s->minute);
    unsigned weight = fresh ? weight_of(s, o, h, p, s->read) : 0;
    if (s->read)
        note_prefix(h, parent_hash(s->ev->secret));
    if (weight > 0 && !s->late)
        take_up(s, o, h, weight, s->read);
    if (s->taught && (s->read || probe))
        remember(s, h, p, s->read);
}

/* A verdict gave it back when its day was counted already, as active or not: it has faded since, as
 * if every day had been an active one. */
static float late_share(const struct kt_scene *s, const struct habit *h, const struct kt_pending *p,
                        uint32_t day)
{
    if (day == s->actor->first_day)
        return 0;
    return (float)(p->v[0] / (double)WHOLE * exp2(-(double)(h->done - day) / HALF_LIFE));
}

static void on_learn(struct kt_scene *s, const void *opt, const struct kt_pending *p)
{
    (void)opt;
    struct habit *h = kt_table_put(s->tables[T_ACTOR], s->who, NULL);
    uint32_t day = kt_actor_day(s->actor, p->time_min - 60);
    if (p->what == ASIDE_STORE) {
        struct store *t = kt_table_put(s->tables[T_STORE], pair_key(s, p->key), NULL);
        bool fresh;
        if (day < h->done) {
            t->k += late_share(s, h, p, day);
            return;
        }
        unsigned i = slot_of(t->day_of, day, &fresh);
        t->learned[i] = add16(fresh ? 0 : t->learned[i], p->v[0]);
        return;
    }
    if (day < h->done) {
        if (p->what == ASIDE_NEW)
            h->k += late_share(s, h, p, day);
        return;
    }
    unsigned i = habit_slot(h, day);
    if (p->what == ASIDE_DAY)
        h->active[i] = 1;
    else
        h->learned[i] = add16(h->learned[i], p->v[0]);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    const struct list *l = kt_table_peek(s->tables[T_LIST], s->who);
    if (s->actor == NULL || !s->read)
        return;
    unsigned n = 0;
    for (unsigned i = 0; l != NULL && i < l->n; i++)
        n += l->at[i].minute + DAY_MIN > s->minute;
    kt_buf_addf(out, "new secrets (%u in 24 h)", n);
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(READ) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_new_secrets = {
    .name = "new_secrets",
    .summary = "Far more secrets that an actor never read before than it ever takes up",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .on_learn = on_learn,
    .considered = considered,
};
