/*
 * grant_then_read: somebody is given access, by itself or by another, and reads what it never read
 * (DETECTION §4.10, docs/decisions/0011).
 *
 * Owns:  by source instance and name: the newest grant to it and the secrets it took up since; by
 *        actor: on how many days it gives access.
 * Calls: recovered, detector.h and core only. No clock, no I/O.
 * Holds: what is new is new_secrets' word, which runs before.
 */
#include "detectors/detector.h"

#include <math.h>

#include "core/base/hash.h"
#include "core/event/secret_id.h"
#include "detectors/recovered.h"

#define OPEN_MIN  60u
#define TAKES     24u /* more than any floor */
#define RMAX      1.2
#define ALPHA     0.1 /* days with a grant, of somebody of whom nothing is known */
#define BETA      5.0 /* … in so many active days */
#define HALF_LIFE 60.0
#define NAME_SEED UINT64_C(0x6772616e74656531)
#define WHOLE     100u /* weights are hundredths of a secret */

enum { T_GRANT, T_GIVER };
enum {
    TO_SOMEBODY,
    TO_ITSELF,
    TO_WHOM
}; /* whom a giver's days count: all grants, those to itself */

struct options {
    uint64_t floor_self, floor_other, floor_young;
    double rare, itself, least, other, cap, share;
};
struct take {
    uint32_t minute, store;
    uint16_t weight, after; /* after: within an hour of a grant that covers it */
};
struct grant {             /* one name in one source instance */
    struct kt_gamma usual; /* new secrets of the store on an active day, at the newest take */
    uint32_t given_min;    /* the newest grant; 0 = only what was taken up is known */
    uint32_t store;        /* it gave access to; 0 = to something of the instance */
    uint32_t takes, newest_min;
    uint8_t by_ci, by_itself, to_itself, pad[5]; /* to_itself: it says so, not only who gave it */
    struct take take[TAKES];                     /* the newest ones */
    char by[64], what[64];
};

struct giver { /* one actor */
    struct {
        float days;      /* active days on which it gave access, decayed */
        uint32_t active; /* its active days when that stood so */
        uint32_t newest_day;
    } to[TO_WHOM];
};

static bool is_grant(const void *state)
{
    const struct grant *g = state;
    return memchr(g->by, '\0', sizeof g->by) != NULL &&
           memchr(g->what, '\0', sizeof g->what) != NULL;
}

static const struct kt_table_decl tables[] = {
    [T_GRANT] = { "grant", KT_KEY_PAIR, sizeof(struct grant), 2, 2000, KT_EVICT_LRU, is_grant },
    [KT_RECOVERED_ACCOUNTS] = { "grant_recovered", KT_KEY_PAIR, sizeof(struct kt_recovered), 2,
                                2000, KT_EVICT_LRU, kt_recovered_is_sound },
    [KT_RECOVERED_GIVERS] = { "grant_recoverer", KT_KEY_ACTOR, sizeof(uint32_t), 1, 2000,
                              KT_EVICT_LRU, NULL },
    [KT_RECOVERED_SINCE] = { "grant_recovering", KT_KEY_KIND, sizeof(uint32_t), 1, 1, KT_EVICT_LRU,
                             NULL },
    [T_GIVER] = { "grant_giver", KT_KEY_ACTOR, sizeof(struct giver), 2, 20000, KT_EVICT_LRU, NULL },
};

#define NUMBER(field, type, value, help)                                                           \
    {                                                                                              \
#field, type, value, offsetof(struct options, field), help, .reloadable = true             \
    }
static const struct kt_option options[] = {
    NUMBER(floor_self, KT_OPT_UINT, "2",
           "New secrets within an hour of a grant that make evidence against who gave it."),
    NUMBER(
        floor_other, KT_OPT_UINT, "5",
        "The same for who was given access by another, and for CI jobs: to read something new is "
        "what access is given for."),
    NUMBER(floor_young, KT_OPT_UINT, "20", "The same for actors of whom little is known yet."),
    NUMBER(rare, KT_OPT_DOUBLE, "3.4",
           "Most that the grant itself counts: for who hardly ever gives access."),
    NUMBER(itself, KT_OPT_DOUBLE, "0.5",
           "Added where the log names the reader as who was given access, so that it is no chance "
           "that the two fall together."),
    NUMBER(least, KT_OPT_DOUBLE, "2.2",
           "Surprise of grant and new secrets below which it is dropped."),
    NUMBER(other, KT_OPT_DOUBLE, "1",
           "Points of new secrets after a grant by another, beside what new_secrets says."),
    NUMBER(cap, KT_OPT_DOUBLE, "6", "Most that it can reach."),
    NUMBER(share, KT_OPT_DOUBLE, "0.125", "Part of an active day that an hour is."),
    KT_OPTIONS_END,
};

/* ---- who is given access ---- */
static struct kt_key key_of(const struct kt_event *ev, struct kt_str name)
{
    return (struct kt_key){ kt_hash64(ev->instance, NAME_SEED) | 1, kt_hash64(name, NAME_SEED) };
}

static uint32_t store_of(const struct kt_event *ev)
{
    if (ev->secret.len == 0)
        return 0;
    return (uint32_t)kt_hash64(kt_secret_store(ev->secret), NAME_SEED) | 1;
}

/* "ana" of "ana@vault-prod"; empty for what has no "@". */
static struct kt_str short_name(struct kt_str name)
{
    ptrdiff_t at = kt_str_find_byte(name, '@', 0);
    return kt_str_sub(name, 0, at < 0 ? 0 : (size_t)at);
}

/* What a grant may call the actor of the scene beside its own name; returns how many. */
static unsigned other_names(const struct kt_scene *s, struct kt_str ret[3])
{
    const struct kt_str all[] = { short_name(s->ev->actor), s->written, short_name(s->written) };
    unsigned n = 0;
    for (unsigned i = 0; i < KT_ARRAY_LEN(all); i++) {
        bool known = all[i].len == 0;
        for (unsigned k = 0; k < n; k++)
            known = known || kt_str_eq(ret[k], all[i]);
        if (!known)
            ret[n++] = all[i];
    }
    return n;
}

/* Google: "member":"user:ana@acme.example" of the first change. */
static struct kt_str member_of(const struct kt_event *ev)
{
    const struct kt_str mark = KT_STR("\"member\":\"");
    ptrdiff_t at = kt_str_find(ev->raw, mark, 0);
    if (at < 0)
        return KT_STR_NONE;
    struct kt_str rest = kt_str_from_index(ev->raw, (size_t)at + mark.len), name, kind;
    (void)kt_str_split(&rest, '"', &name);
    (void)kt_str_split(&name, ':', &kind);
    return name;
}

/* Vault: the name in auth/userpass/users/NAME, identity/entity/name/NAME, auth/…/role/NAME. */
static struct kt_str named_in_path(const struct kt_event *ev)
{
    static const char *const before[] = { "users", "user", "name", "role", "roles" };
    struct kt_str rest = ev->secret_native, part;
    while (kt_str_split(&rest, '/', &part)) {
        for (unsigned i = 0; i < KT_ARRAY_LEN(before); i++) {
            if (kt_str_is(part, before[i])) {
                (void)kt_str_split(&rest, '/', &part);
                return part;
            }
        }
    }
    return KT_STR_NONE;
}

static const struct {
    const char *source;
    struct kt_str (*beneficiary)(const struct kt_event *ev);
} readers[] = { { "gcp", member_of }, { "vault", named_in_path } };

static struct kt_str beneficiary(const struct kt_event *ev)
{
    for (unsigned i = 0; i < KT_ARRAY_LEN(readers); i++) {
        if (kt_str_is(ev->source, readers[i].source))
            return readers[i].beneficiary(ev);
    }
    return KT_STR_NONE;
}

/* ---- what was taken up ---- */
static double faded(const struct giver *v, unsigned whom, const struct kt_actor *a)
{
    if (v == NULL)
        return 0;
    return (double)v->to[whom].days *
           exp2(-(double)(a->active_days - v->to[whom].active) / HALF_LIFE);
}

/* Was it taken up in the hour after a grant of that minute and store? */
static bool covers(uint32_t given_min, uint32_t store, const struct take *t)
{
    return given_min != 0 && (store == 0 || store == t->store) && t->minute >= given_min &&
           t->minute < given_min + OPEN_MIN;
}

static void note_take(struct grant *g, const struct kt_scene *s)
{
    struct take t = { s->minute, store_of(s->ev), (uint16_t)s->novelty.weight, 0 };
    t.after = covers(g->given_min, g->store, &t);
    g->take[g->takes++ % TAKES] = t;
    g->newest_min = s->minute > g->newest_min ? s->minute : g->newest_min;
    g->usual = s->novelty.usual;
}

/* Hundredths of new secrets after a grant, in the hour that ends with the newest one. */
static unsigned taken(const struct grant *g)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < TAKES; i++)
        sum += g->take[i].after && g->take[i].minute + OPEN_MIN > g->newest_min ? g->take[i].weight
                                                                                : 0;
    return sum;
}

enum { N_NEW, N_SELF, N_GIVEN, N_USUAL, N_GIVES, N_TO_ITSELF };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    bool self = f->number[N_SELF] > 0;
    const struct grant *g = kt_table_peek(s->tables[T_GRANT], key_of(s->ev, s->ev->actor));
    struct kt_str name[3];
    unsigned n_names = self ? 0 : other_names(s, name);
    for (unsigned i = 0; i < n_names; i++) {
        const struct grant *h = kt_table_peek(s->tables[T_GRANT], key_of(s->ev, name[i]));
        g = h != NULL && (g == NULL || h->given_min > g->given_min) ? h : g;
    }
    char who[160], at[KT_TIME_TEXT_MAX];
    kt_say_name(s->ev->actor, 80, who);
    kt_time_format((kt_time_ns)f->number[N_GIVEN] * KT_NS_MIN, at);
    if (self)
        KT_SAY(f->title, "%s %s, then read %.0f secrets it had never read.", who,
               f->number[N_TO_ITSELF] > 0 ? "gave itself access" : "changed who has access",
               f->number[N_NEW]);
    else
        KT_SAY(f->title, "%s was given access by %s, then read %.0f secrets it had never read.",
               who, g->by, f->number[N_NEW]);
    KT_SAY(
        f->normal,
        "The access was given at %.10s %.5s UTC (%s). Usual: %.1f new secrets of this store on an "
        "active day; it gives %saccess on %.0f of 100 active days.",
        at, at + 11, g->what, f->number[N_USUAL], f->number[N_TO_ITSELF] > 0 ? "itself " : "",
        100 * f->number[N_GIVES]);
    KT_SAY(f->part, "%.0f new secrets within an hour of a grant%s%s", f->number[N_NEW],
           self ? "" : " by ", self ? "" : g->by);
    KT_SAY(f->quiet,
           "Fewer than %.0f new secrets in the hour after it. Secrets that were made on "
           "the same day count a third.",
           f->number[N_NEW]);
}

/* Surprise of a grant in just the hour before: little for who gives access every day, and much for
 * who opens a door for itself, be it an administrator that opens them for others all day. */
static double rarity(const struct kt_scene *s, const struct options *o, const struct grant *g)
{
    double days = faded(kt_table_peek(s->tables[T_GIVER], s->who), g->to_itself, s->actor);
    double rate = kt_novelty_rate(ALPHA, BETA, days, (double)s->actor->days);
    return fmin(o->rare, -log10(o->share * fmin(rate, 1)));
}

/* New secrets come in clumps: a day's at once. So they are judged as a day's, and the grant by the
 * chance that it lies in just this hour. */
static double points(const struct kt_scene *s, const struct options *o, const struct grant *g,
                     double n)
{
    if (!g->by_itself || g->by_ci)
        return o->other;
    double p =
        rarity(s, o, g) + (g->to_itself ? o->itself : 0) + kt_rate_surprise(n, 1, g->usual, RMAX);
    return p < o->least ? 0 : fmin(o->cap, p);
}

static void judge(struct kt_scene *s, const struct options *o, const struct grant *g)
{
    if (g->given_min == 0 || g->takes == 0 || s->shared->learning)
        return;
    double n = taken(g) / WHOLE; /* rounded down */
    uint64_t floor = g->by_itself && !g->by_ci ? o->floor_self : o->floor_other;
    floor = s->young && floor < o->floor_young ? o->floor_young : floor;
    /* what a pipeline makes and lets in at once is a release */
    bool made = g->by_ci && s->actor->first_min + 1 >= g->given_min;
    if (n < (double)floor || made)
        return;
    struct kt_finding *f = kt_find(s, KT_FAMILY_SEQUENCE, kt_points(points(s, o, g, n)), 0, words);
    if (f == NULL)
        return;
    double days = faded(kt_table_peek(s->tables[T_GIVER], s->who), g->to_itself, s->actor);
    f->number[N_NEW] = n;
    f->number[N_SELF] = g->by_itself;
    f->number[N_GIVEN] = g->given_min;
    f->number[N_USUAL] = g->usual.a / g->usual.b;
    f->number[N_GIVES] = days / fmax((double)s->actor->days, 1);
    f->number[N_TO_ITSELF] = g->to_itself;
}

/* ---- the event ---- */
static struct grant *give(struct kt_scene *s, struct kt_str name, bool itself, bool named)
{
    struct grant *g = kt_table_put(s->tables[T_GRANT], key_of(s->ev, name), NULL);
    uint32_t store = store_of(s->ev);
    /* a log without order tells what was read before it tells why it could be */
    for (unsigned i = 0; i < TAKES; i++)
        g->take[i].after |= covers(s->minute, store, &g->take[i]);
    if (s->minute < g->given_min)
        return g;
    struct kt_str native = s->ev->secret_native;
    char what[160], by[160];
    g->given_min = s->minute;
    g->store = store;
    g->by_ci = s->actor->kind == KT_ACTOR_CI;
    g->by_itself = itself;
    g->to_itself = itself && named ? TO_ITSELF : TO_SOMEBODY;
    KT_SAY(g->by, "%s", kt_say_name(s->ev->actor, 60, by));
    KT_SAY(g->what, "%s", kt_say_name(native.len > 0 ? native : s->ev->operation, 60, what));
    return g;
}

/* Whoever the record names was given access; where it names nobody, whoever gave it may have. */
static void on_grant(struct kt_scene *s, const struct options *o)
{
    struct kt_str to = beneficiary(s->ev);
    struct kt_str name[3];
    unsigned n_names = other_names(s, name);
    bool named = to.len > 0, itself = kt_str_eq(to, s->ev->actor);
    for (unsigned i = 0; i < n_names; i++)
        itself = itself || kt_str_eq(to, name[i]);
    uint16_t days[4] = { 1, named && itself, 0, 0 };
    kt_put_aside(s, 0, kt_actor_day(s->actor, s->minute), (s->minute / 60 + 1) * 60, days);
    if (!named || itself)
        judge(s, o, give(s, s->ev->actor, true, named));
    else
        (void)give(s, to, false, true);
}

static void on_learn(struct kt_scene *s, const void *opt, const struct kt_pending *p)
{
    (void)opt;
    struct giver *v = kt_table_put(s->tables[T_GIVER], s->who, NULL);
    for (unsigned whom = 0; whom < TO_WHOM; whom++) {
        if (p->key <= v->to[whom].newest_day || p->v[whom] == 0)
            continue;
        v->to[whom].days = (float)(faded(v, whom, s->actor) + 1);
        v->to[whom].active = s->actor->active_days;
        v->to[whom].newest_day = (uint32_t)p->key;
    }
}

static void on_take(struct kt_scene *s, const struct options *o)
{
    struct grant *own = kt_table_put(s->tables[T_GRANT], key_of(s->ev, s->ev->actor), NULL);
    note_take(own, s);
    judge(s, o, own);
    struct kt_str name[3];
    unsigned n_names = other_names(s, name);
    for (unsigned i = 0; i < n_names; i++) {
        struct grant *given = kt_table_get(s->tables[T_GRANT], key_of(s->ev, name[i]));
        if (given == NULL)
            continue;
        note_take(given, s);
        judge(s, o, given);
    }
}

static void on_event(struct kt_scene *s, const void *opt)
{
    if (s->actor == NULL || s->late)
        return;
    kt_recovered_event(s);
    if (s->ev->action == KT_ACT_GRANT && s->taught)
        on_grant(s, opt);
    if (s->read && s->novelty.weight > 0)
        on_take(s, opt);
}

static void on_tick(struct kt_scene *s, const void *opt)
{
    (void)opt;
    kt_recovered_tick(s);
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(READ) | KT_NEED(GRANT) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_grant_then_read = {
    .name = "grant_then_read",
    .summary = "Access is given, and what it opens is read within the hour",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .on_learn = on_learn,
    .on_tick = on_tick,
};
