/*
 * new_secrets: more secrets that an actor never read before than it ever takes up (DETECTION §4.4).
 * Sees a burst and one an hour alike, since the time between reads does not matter.
 *
 * Owns:  by actor: the list of the last 24 h; the tables of secret_habit, known_secrets,
 *        secret_reach, new_ground, moved_secrets and wanders.
 * Calls: detector.h, secret_habit, secret_reach, known_secrets, moved_secrets, new_days, wanders,
 *        told_windows and core only. No clock, no I/O.
 */
#include "detectors/known_secrets.h"
#include "detectors/moved_secrets.h"
#include "detectors/new_days.h"
#include "detectors/new_ground.h"
#include "detectors/secret_habit.h"
#include "detectors/secret_reach.h"
#include "detectors/told_windows.h"
#include "detectors/wanders.h"

#include <math.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/secret_id.h"

#define DAY_MIN        1440u
#define OWN_WORK_MIN   60u
#define RMAX           1.2
#define STORE_DISCOUNT 0.3
#define LIST_MAX       KT_ROLLOUTS_LIST
#define WHOLE          KT_HABIT_WHOLE
#define DEPLOY         1u  /* in a window of deploys: a rollout */
#define EXPECTED       2u  /* part of announced work: summed by itself */
#define ELSEWHERE      4u  /* in a network that was new to a person that day */
#define ASKED          8u  /* described to a person at home, who did not read it */
#define FILLED         16u /* an app typed it in, and nobody saw it */
#define SET            32u /* all that lies in one place, at once */
#define NO_WEEK        (DEPLOY | EXPECTED | ASKED)
#define WORKDAY_MIN    480.0
#define VISIT_MIN      60.0 /* the shortest that is judged */
#define VISIT_MOST     4.0  /* it leans: below the threshold */
#define ASKED_MOST     4.2  /* of a person at home that was only asked about: evidence, no alert */
#define COLLEAGUES     3u   /* who use a network: it is no thief's */

enum { ASIDE_DAY, ASIDE_NEW, ASIDE_STORE, ASIDE_FOLDER, ASIDE_TEAM };

struct options {
    uint64_t floor_24h, floor_7d, floor_young, floor_elsewhere, peers, floor_strange, floor_away,
        floor_wide, floor_days, floor_sets;
    double wide, client, least_24h, least_7d, probe, own_prefix, fresh, folder, fill, moved;
};
struct taken { /* one novelty of the last 24 h */
    uint64_t secret, store;
    uint32_t minute;
    uint16_t weight;
    uint8_t read;  /* its value, not only asked for */
    uint8_t aside; /* bits: DEPLOY, EXPECTED, ELSEWHERE, ASKED, FILLED, SET */
};
struct list {
    struct taken at[LIST_MAX];
    uint32_t n, pad;
};

static bool is_list(const void *state)
{
    return ((const struct list *)state)->n <= LIST_MAX;
}

static const struct kt_table_decl tables[] = {
    [KT_NEW_HABIT] = { "new_habit", KT_KEY_ACTOR, sizeof(struct kt_habit), 4, KT_ACTORS_MAX,
                       KT_EVICT_LRU, NULL },
    [KT_NEW_LIST] = { "new_list", KT_KEY_ACTOR, sizeof(struct list), 4, 8000, KT_EVICT_LRU,
                      is_list },
    [KT_NEW_STORE] = { "new_store", KT_KEY_PAIR, sizeof(struct kt_habit_store), 2, KT_ACTORS_MAX,
                       KT_EVICT_LRU, NULL },
    [KT_NEW_PAIR] = { "new_pair", KT_KEY_PAIR, sizeof(struct kt_known_pair), 3, 240000,
                      KT_EVICT_LRU, NULL },
    [KT_NEW_BLOOM] = { "new_bloom", KT_KEY_ACTOR, sizeof(struct kt_known_bloom), 1, 4000,
                       KT_EVICT_LRU, NULL },
    [KT_NEW_SECRET] = { "new_secret", KT_KEY_SECRET, sizeof(struct kt_known_secret), 4, 40000,
                        KT_EVICT_LRU, NULL },
    [KT_NEW_FOLDER] = { "new_folder", KT_KEY_PAIR, sizeof(struct kt_known_folder), 2, 40000,
                        KT_EVICT_LRU, NULL },
    [KT_NEW_USERS] = { "new_folder_users", KT_KEY_SECRET, sizeof(struct kt_known_users), 2, 16000,
                       KT_EVICT_LRU, NULL },
    [KT_NEW_REACH] = { "new_reach", KT_KEY_ACTOR, sizeof(struct kt_reach), 4, KT_ACTORS_MAX,
                       KT_EVICT_LRU, NULL },
    [KT_NEW_TEAMS] = { "new_teams", KT_KEY_SECRET, sizeof(struct kt_reach_teams), 2, 40000,
                       KT_EVICT_LRU, NULL },
    [KT_NEW_GROUND] = { "new_ground", KT_KEY_SECRET, sizeof(struct kt_ground), 1, 40000,
                        KT_EVICT_LRU, NULL },
    [KT_NEW_GROUND_USE] = { "new_ground_use", KT_KEY_ACTOR, sizeof(struct kt_ground_use), 1, 8000,
                            KT_EVICT_LRU, NULL },
    [KT_NEW_WANDERS] = { "new_wanders", KT_KEY_ACTOR, sizeof(struct kt_wanders), 2, 4000,
                         KT_EVICT_LRU, kt_wanders_are_sound },
    [KT_NEW_MOVED] = { "new_moved", KT_KEY_PAIR, sizeof(struct kt_moved), 1, 60000, KT_EVICT_LRU,
                       NULL },
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
    NUMBER(floor_elsewhere, KT_OPT_UINT, "3",
           "New secrets that a person read in a network it took up within a day, below which they "
           "say nothing beside it."),
    NUMBER(least_24h, KT_OPT_DOUBLE, "2.2", "Surprise of 24 hours below which it is dropped."),
    NUMBER(least_7d, KT_OPT_DOUBLE, "3", "The same for 7 days."),
    NUMBER(probe, KT_OPT_DOUBLE, "0.3",
           "What a listed, described or refused secret counts beside one that was read."),
    NUMBER(
        own_prefix, KT_OPT_DOUBLE, "0.3",
        "What a secret under the path that nearly all of a service's or job's are under counts, if "
        "it is its own: not one that many share."),
    NUMBER(folder, KT_OPT_DOUBLE, "0.3",
           "What a person's further secret counts in a folder that it has read in and colleagues "
           "work in."),
    NUMBER(
        floor_strange, KT_OPT_UINT, "6",
        "Secrets that only other teams read, taken up in 14 days, up to which they say nothing."),
    NUMBER(floor_away, KT_OPT_UINT, "3",
           "The same for those of one day, at an address that nobody of the firm had."),
    NUMBER(client, KT_OPT_DOUBLE, "0.7",
           "Points more there for a client that is new to the person."),
    NUMBER(floor_wide, KT_OPT_UINT, "20",
           "Different secrets in 7 days from which on the week may be called wide."),
    NUMBER(wide, KT_OPT_DOUBLE, "0.7",
           "Points beside secrets of other teams in a week half as wide again as any before."),
    NUMBER(floor_days, KT_OPT_UINT, "5",
           "Days in 14 on which a machine took up new secrets below which they say nothing."),
    NUMBER(floor_sets, KT_OPT_UINT, "3",
           "New sets (a namespace, a vault) that a person takes as a whole in 24 hours which "
           "count as floor_24h, if they are fewer."),
    NUMBER(peers, KT_OPT_UINT, "2", "So many colleagues make it a folder that people work in."),
    NUMBER(
        moved, KT_OPT_DOUBLE, "0.1",
        "What a machine's secret counts that is one of its own at another path, and nobody's yet."),
    NUMBER(fill, KT_OPT_DOUBLE, "0.3",
           "What an item of 1Password counts that its app only filled in, in a network that the "
           "person knows."),
    NUMBER(fresh, KT_OPT_DOUBLE, "0.3", "What a secret that was made in the last 24 hours counts."),
    KT_OPTIONS_END,
};

static const struct kt_gamma priors[KT_ACTOR_COUNT] = {
    [KT_ACTOR_UNKNOWN] = { 2, 1.2 },   [KT_ACTOR_HUMAN] = { 2, 1.2 },
    [KT_ACTOR_SERVICE] = { 0.3, 2 },   [KT_ACTOR_CI] = { 2, 2 },
    [KT_ACTOR_AI_AGENT] = { 2, 1.5 },  [KT_ACTOR_ROOT] = { 2, 1.2 },
    [KT_ACTOR_ANONYMOUS] = { 2, 1.2 },
};

/* Days between the one that is judged and those that are its yardstick (a week; a day for actors
 * younger than 30 days). */
static uint32_t guard(const struct kt_scene *s)
{
    return s->minute < s->actor->first_min + 30 * DAY_MIN ? 1 : 7;
}

static struct kt_key store_key(const struct kt_scene *s, uint64_t store)
{
    return (struct kt_key){ s->actor->number, store };
}

/* ---- what one novelty counts ---- */
/* By what it had read a day ago: whoever takes a path is not its owner by that. */
static bool is_own(const struct kt_scene *s, const struct kt_habit *h, const struct list *l)
{
    uint32_t secrets, today = 0;
    if (!kt_known_is_machine(s) || !kt_habit_is_usual(h, kt_known_name(s)->parent, &secrets))
        return false;
    for (unsigned i = 0; l != NULL && i < l->n; i++)
        today += l->at[i].read && l->at[i].minute + DAY_MIN > s->minute;
    return kt_known_own_path(s, secrets > today ? secrets - today : 0);
}

static unsigned weight_of(const struct kt_scene *s, const struct options *o,
                          const struct kt_habit *h, const struct kt_known_pair *p,
                          const struct list *l, uint64_t from)
{
    if ((s->ev->flags & KT_FLAG(BULK)) != 0)
        return 0; /* its members are records of their own */
    if (s->along)
        return 0;
    if (p != NULL && p->wrote_min != 0 && s->minute >= p->wrote_min &&
        s->minute < p->wrote_min + OWN_WORK_MIN)
        return 0; /* one learns nothing from what one wrote */
    double w = s->read ? 1 : o->probe;
    if (is_own(s, h, l))
        w = fmin(w, o->own_prefix);
    if (from != 0)
        w = fmin(w, o->moved);
    if (kt_known_fresh(s))
        w = fmin(w, o->fresh);
    return (unsigned)lround(w * WHOLE);
}

/* ---- judging ---- */
struct sums {
    unsigned all, here;     /* hundredths, in 24 h: over all stores, in the one of this event */
    unsigned asked[2];      /* of them, what a person at home only asked about */
    unsigned n[2], read[2]; /* as many secrets, and how many of them were read; the same */
    unsigned sets[2];       /* how many of them were whole sets; the same */
    uint32_t oldest;
    /* of all, those in a network that was new that day, without rollouts */
    unsigned elsewhere, elsewhere_n[2];
    uint32_t elsewhere_oldest;
};
struct tally { /* of all stores, or of one */
    unsigned weight, n, read, asked, sets;
};

/* What counts less than a secret (it works there with colleagues, it was made today) is no floor.
 */
static bool counts_as_set(const struct taken *t)
{
    return t->aside & SET && t->weight >= WHOLE;
}

static void tally_add(struct tally *to, const struct taken *t)
{
    bool counts = t->weight > 0;
    to->weight += t->weight;
    to->n += counts;
    to->read += counts & t->read;
    to->asked += t->aside & ASKED ? t->weight : 0;
    to->sets += counts_as_set(t);
}

/* Walks only when one is old enough to go. */
static void forget_old(struct list *l, uint32_t minute, struct kt_rollouts_of *beside)
{
    unsigned live = 0;
    uint32_t oldest = minute;
    if (beside->oldest_min + DAY_MIN > minute)
        return;
    for (unsigned i = 0; i < l->n; i++) {
        if (l->at[i].minute + DAY_MIN <= minute)
            continue;
        oldest = l->at[i].minute < oldest ? l->at[i].minute : oldest;
        beside->answer[live] = beside->answer[i];
        l->at[live++] = l->at[i];
    }
    l->n = live;
    beside->oldest_min = oldest;
}

/* Did colleagues take it up as well? The answer is kept beside the list. */
static bool is_rollout(const struct kt_scene *s, const struct taken *t, uint8_t *answer)
{
    if (t->aside & DEPLOY)
        return true;
    if (*answer == KT_ROLLOUT_UNASKED)
        *answer = kt_known_rollout(s, t->secret, t->minute) ? KT_ROLLOUT_YES : KT_ROLLOUT_NO;
    return *answer == KT_ROLLOUT_YES;
}

/* What colleagues took up as well counts once: it is taken off, but for the largest of it. */
struct off { /* of all stores, of the one of the event */
    unsigned weight, asked, sets, most, most_asked, most_sets;
};

static void off_add(struct off off[2], const struct taken *t, uint64_t store)
{
    unsigned asked = t->aside & ASKED ? t->weight : 0;
    for (struct off *to = off; to < off + (t->store == store ? 2 : 1); to++) {
        to->weight += t->weight;
        to->asked += asked;
        to->sets += counts_as_set(t);
        to->most_asked = t->weight > to->most ? asked : to->most_asked;
        to->most_sets = t->weight > to->most ? counts_as_set(t) : to->most_sets;
        to->most = t->weight > to->most ? t->weight : to->most;
    }
}

/* Each of the n_of that nobody was asked about asks for its secret: not below `least`, where a sum
 * says nothing, and what is taken off only lowers it. */
static void take_off(const struct kt_scene *s, const struct list *l, const uint8_t *of,
                     unsigned n_of, uint64_t store, uint64_t least, uint8_t *answer,
                     struct off off[2], struct sums *r)
{
    const struct sums n = *r;
    for (unsigned i = 0;; i++) {
        r->all = n.all - off[0].weight + off[0].most;
        r->here = n.here - off[1].weight + off[1].most;
        for (unsigned k = 0; k < 2; k++) {
            r->asked[k] = n.asked[k] - off[k].asked + off[k].most_asked;
            r->sets[k] = n.sets[k] - off[k].sets + off[k].most_sets;
        }
        if (i == n_of || (r->all < least && r->here < least))
            return;
        if (is_rollout(s, &l->at[of[i]], &answer[of[i]]))
            off_add(off, &l->at[of[i]], store);
    }
}

/* A traveller takes part in a rollout too: what colleagues took up as well does not count. */
static void sum_elsewhere(const struct kt_scene *s, const struct list *l, const uint8_t *away,
                          unsigned n, uint8_t *answer, struct sums *r)
{
    for (unsigned i = 0; i < n; i++) {
        const struct taken *t = &l->at[away[i]];
        if (is_rollout(s, t, &answer[away[i]]))
            continue;
        r->elsewhere += t->weight;
        r->elsewhere_n[0]++;
        r->elsewhere_n[1] += t->read;
        r->elsewhere_oldest = t->minute < r->elsewhere_oldest ? t->minute : r->elsewhere_oldest;
    }
}

/* all and here are exact where they reach `least`, and else below it. */
static struct sums sum_list(const struct kt_scene *s, const struct kt_told_windows *told,
                            struct list *l, uint64_t store, uint64_t least)
{
    struct sums r = { .oldest = s->minute, .elsewhere_oldest = s->minute };
    struct kt_rollouts *kept = &s->recall->kept.rollouts;
    struct kt_rollouts_of *beside = kt_rollouts_of(kept, s->actor->number, s->actor->kind);
    const uint8_t mine = s->expected ? EXPECTED : 0;
    struct tally all = { 0 }, here = { 0 };
    struct off off[2] = { { 0 } };
    uint8_t of[LIST_MAX];   /* those that may be rollouts: nobody was asked */
    uint8_t away[LIST_MAX]; /* those in a network that was new that day */
    unsigned n = 0, n_away = 0;
    forget_old(l, s->minute, beside);
    /* In locals: an answer is a byte, and a byte that is written may be any of them. */
    const unsigned listed = l->n, n_told = told->n;
    const uint64_t asked = beside->asked;
    for (unsigned i = 0; i < listed; i++) {
        const struct taken t = l->at[i];
        if (!kt_rollouts_stand(kept, asked, t.secret))
            beside->answer[i] = KT_ROLLOUT_UNASKED;
        if ((t.aside & EXPECTED) != mine ||
            (n_told > 0 && kt_told_before(told, t.minute, t.minute)))
            continue;
        if (t.aside & DEPLOY || beside->answer[i] == KT_ROLLOUT_YES)
            off_add(off, &t, store);
        else if (beside->answer[i] == KT_ROLLOUT_UNASKED)
            of[n++] = (uint8_t)i;
        tally_add(&all, &t);
        if (t.store == store)
            tally_add(&here, &t);
        r.oldest = t.minute < r.oldest ? t.minute : r.oldest;
        if (t.aside & ELSEWHERE && t.weight > 0)
            away[n_away++] = (uint8_t)i;
    }
    r.all = all.weight;
    r.here = here.weight;
    r.asked[0] = all.asked;
    r.asked[1] = here.asked;
    r.n[0] = all.n;
    r.n[1] = here.n;
    r.read[0] = all.read;
    r.read[1] = here.read;
    r.sets[0] = all.sets;
    r.sets[1] = here.sets;
    beside->asked = kept->changes;
    take_off(s, l, of, n, store, least, beside->answer, off, &r);
    sum_elsewhere(s, l, away, n_away, beside->answer, &r);
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

/* A day's new secrets come in clusters, which RMAX stands for; one day's are not the next one's. */
static double surprise(const struct kt_scene *s, double n, double days, double k, double d)
{
    uint8_t kind = s->actor->kind;
    struct kt_gamma g = { priors[kind].a + k, priors[kind].b + d };
    return kt_recall_rate_surprise(s->recall, n, days, g, RMAX * fmax(days, 1));
}

enum { N_X, N_READ, N_MINUTES, N_USUAL, N_ACTIVE, N_OF, N_SETS };
#define WEEK_MIN (7 * DAY_MIN)
/* Of which secrets N_X is: of all stores, of the event's, of those read in a new network. */
enum of { OF_ALL, OF_STORE, OF_VISIT };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    const double *v = f->number;
    char who[160], x[32], active[32], window[KT_TIME_TEXT_MAX], name[160], store[170] = "";
    char pace[48] = "", got[60] = "", sets[60] = "";
    kt_say_name(s->ev->actor, 80, who);
    kt_say_count(v[N_X], x);
    (void)kt_duration_format((kt_time_ns)fmax(v[N_MINUTES], 1) * KT_NS_MIN, window);
    if ((int)v[N_OF] == OF_STORE)
        KT_SAY(store, " of %s", kt_say_name(kt_secret_store(s->ev->secret), 80, name));
    if ((int)v[N_OF] == OF_VISIT)
        KT_SAY(pace, " from a network that is new to it");
    else if (v[N_X] >= 2 && v[N_MINUTES] / (v[N_X] - 1) >= 5)
        KT_SAY(pace, ", one about every %.0f min", v[N_MINUTES] / (v[N_X] - 1));
    bool all = v[N_READ] >= v[N_X], week = v[N_MINUTES] >= WEEK_MIN;
    if (!all)
        KT_SAY(got, "; it read %s of them",
               v[N_READ] > 0 ? kt_say_count(v[N_READ], active) : "none");
    if (v[N_SETS] > 0)
        KT_SAY(sets, "; %s of them whole sets", kt_say_count(v[N_SETS], active));
    KT_SAY(f->title, "%s %s %s secrets%s it had never read%s, within %s%s%s.", who,
           all ? "read" : "asked about", x, store, store[0] != '\0' ? "" : pace, window, got, sets);
    if (v[N_ACTIVE] < 1)
        KT_SAY(f->normal,
               "No day of it is counted yet; of its kind %.1f new secret%s a day is usual.",
               v[N_USUAL], v[N_USUAL] == 1 ? "" : "s");
    else
        KT_SAY(f->normal,
               "Usual: %.1f new secret%s a day, counted over %s active day%s up to %s before.",
               v[N_USUAL], v[N_USUAL] == 1 ? "" : "s", kt_say_count(v[N_ACTIVE], active),
               v[N_ACTIVE] == 1 ? "" : "s", guard(s) == 7 ? "a week" : "the day");
    const char *span = (int)v[N_OF] == OF_VISIT ? "the new network" : week ? "7 days" : "24 h";
    KT_SAY(f->part, "%s new secrets in %s against %.1f a day", x, span, v[N_USUAL]);
    KT_SAY(f->quiet,
           "Fewer than %.0f new secrets in %s, or colleagues who took the same ones up "
           "within 2 hours.",
           v[N_X], week ? "7 days" : "24 hours");
}

struct judged {
    double s, x, k, sets;
    enum of of;
};

/* New secrets in 24 hours below which they say nothing. */
static uint64_t floor_of(const struct kt_scene *s, const struct options *o)
{
    return s->young || s->shared->learning ? o->floor_young : o->floor_24h;
}

/* The least that may say something: below it no sum is asked for. */
static uint64_t least_of(const struct kt_scene *s, const struct options *o)
{
    uint64_t floor = floor_of(s, o);
    bool sets = floor == o->floor_24h && kt_kind_is_person(s->actor->kind);
    return sets && o->floor_sets < floor ? o->floor_sets : floor;
}

/* Surprise of what a day brought, in hundredths; `asked` of it was only asked about. */
static double judge_asked(const struct kt_scene *s, unsigned weight, unsigned asked, uint64_t floor,
                          double k, double d)
{
    unsigned all = weight / WHOLE, read = (weight > asked ? weight - asked : 0) / WHOLE;
    double points = all < floor ? 0 : surprise(s, all, 1, k, d);
    return all == read
               ? points
               : fmax(fmin(points, ASKED_MOST), read < floor ? 0 : surprise(s, read, 1, k, d));
}

/* Of a day: the larger of all stores and of this one. */
static struct judged judge_day(const struct kt_scene *s, const struct options *o,
                               const struct kt_habit *h, const struct kt_habit_store *t,
                               const struct sums *n)
{
    double all = n->all / WHOLE, here = n->here / WHOLE; /* rounded down */
    uint64_t floor = floor_of(s, o);
    unsigned weight[2] = { n->all, n->here };
    for (unsigned i = 0; i < 2; i++) {
        if (n->sets[i] >= o->floor_sets && least_of(s, o) < floor && weight[i] < floor * WHOLE)
            weight[i] = (unsigned)floor * WHOLE;
    }
    struct judged j = { .x = all, .k = (double)h->k };
    j.s = judge_asked(s, weight[0], n->asked[0], floor, (double)h->k, (double)h->d);
    double one =
        judge_asked(s, weight[1], n->asked[1], floor, (double)t->k, (double)h->d) - STORE_DISCOUNT;
    if (one > j.s)
        j = (struct judged){ .s = one, .x = here, .k = (double)t->k, .of = OF_STORE };
    j.s = j.s >= o->least_24h ? j.s : 0;
    j.sets = n->sets[j.of];
    return j;
}

/* Of seven days, all stores together and this one, as of a day. */
static struct judged judge_week(const struct kt_scene *s, const struct options *o,
                                const struct kt_told_windows *before, const struct kt_habit *h,
                                const struct kt_habit_store *t, uint32_t today)
{
    unsigned sum = 0, here = 0, days = 0;
    for (unsigned i = 0; i < KT_HABIT_DAYS; i++) {
        if (h->day_of[i] == 0 || h->day_of[i] - 1 + 7 <= today || h->day_of[i] - 1 > today)
            continue;
        uint32_t begins = kt_actor_day_begins(s->actor, h->day_of[i] - 1);
        if (begins + DAY_MIN <= before->days_min)
            continue;
        bool told = kt_told_before(before, begins, begins + DAY_MIN - 1); /* the rest was learned */
        sum += told ? h->learned[i] : h->raw[i];
        here += kt_habit_of_store(t, h->day_of[i] - 1, told);
        days += h->busy[i];
    }
    struct judged j = { .x = sum / WHOLE, .k = (double)h->k }, /* rounded down */
        one = { .x = here / WHOLE, .k = (double)t->k, .of = OF_STORE };
    double active = days > 0 ? days : 1, d = (double)h->d, least = (double)o->floor_7d;
    if (s->young || s->shared->learning || j.x < least)
        return j;
    j.s = surprise(s, j.x, active, j.k, d);
    one.s = one.x < least ? 0 : surprise(s, one.x, active, one.k, d) - STORE_DISCOUNT;
    j = one.s > j.s ? one : j;
    j.s = j.s >= o->least_7d ? j.s : 0;
    return j;
}

static void tell(struct kt_scene *s, const struct kt_habit *h, double surprise, double x,
                 double read, uint32_t oldest_min, const struct judged *usual)
{
    unsigned flags = usual->of == OF_VISIT ? KT_FIND_BESIDE : 0;
    struct kt_finding *f = kt_find(s, KT_FAMILY_NEW_SECRETS, kt_points(surprise), flags, words);
    if (f == NULL)
        return;
    double beta = priors[s->actor->kind].b, alpha = priors[s->actor->kind].a;
    f->number[N_X] = x;
    f->number[N_READ] = read;
    f->number[N_MINUTES] = s->minute - oldest_min;
    /* a week is more than an incident may hold back */
    f->since_min = s->minute - oldest_min <= DAY_MIN ? oldest_min : 0;
    f->number[N_USUAL] = (alpha + usual->k) / (beta + (double)h->d);
    f->number[N_ACTIVE] = h->matured;
    f->number[N_OF] = usual->of;
    f->number[N_SETS] = usual->sets;
}

/* Is it a person in a network that it took up within a day, and colleagues did not? Machines are
 * sent to new networks, and find new secrets there; of a conference somebody begins something. */
static bool is_elsewhere(const struct kt_scene *s)
{
    /* nobody takes a sparse one home, whatever operator people have there */
    bool sparse = kt_known_sparse(s);
    if (!kt_kind_is_person(s->actor->kind) || !s->where.usable || s->where.inside ||
        (s->young && !sparse) || s->shared->learning || kt_network_expected(s))
        return false;
    if (!sparse &&
        kt_value_users(s, KT_DIM_NETWORK, s->where.network, KT_ACTOR_COUNT) >= COLLEAGUES)
        return false;
    const struct kt_place *p = kt_place_of(s->places, s->where.network);
    return p == NULL || kt_place_tainted(p, s->minute) || p->first_min + DAY_MIN > s->minute;
}

/* A traveller goes on with the usual work; a thief takes what there is. So what is too few to say
 * anything by itself says something beside a new network. */
static struct judged judge_elsewhere(const struct kt_scene *s, const struct options *o,
                                     const struct kt_habit *h, const struct sums *n)
{
    struct judged j = { .x = n->elsewhere / WHOLE, .k = (double)h->k, .of = OF_VISIT };
    const struct kt_place *p = kt_place_of(s->places, s->where.network);
    double there = p != NULL && p->first_min < s->minute ? s->minute - p->first_min : 0;
    double days = fmin(fmax(there, VISIT_MIN) / WORKDAY_MIN, 1);
    if (is_elsewhere(s) && j.x >= (double)o->floor_elsewhere)
        j.s = fmin(surprise(s, j.x, days, (double)h->k, (double)h->d), VISIT_MOST);
    return j;
}

/* The actor's list, with nothing kept beside a new one. */
static struct list *list_put(struct kt_scene *s)
{
    bool fresh;
    struct list *l = kt_table_put(s->tables[KT_NEW_LIST], s->who, &fresh);
    if (fresh)
        kt_rollouts_begin(
            kt_rollouts_of(&s->recall->kept.rollouts, s->actor->number, s->actor->kind));
    return l;
}

/* When it is full the oldest makes room: the count stays at its highest. */
static void add_taken(struct kt_scene *s, struct list *l, struct taken t)
{
    struct kt_rollouts_of *beside =
        kt_rollouts_of(&s->recall->kept.rollouts, s->actor->number, s->actor->kind);
    uint8_t *answer = beside->answer;
    if (l->n == LIST_MAX) {
        memmove(&l->at[0], &l->at[1], (LIST_MAX - 1) * sizeof l->at[0]);
        memmove(&answer[0], &answer[1], LIST_MAX - 1);
        l->n--;
    }
    answer[l->n] = KT_ROLLOUT_UNASKED;
    beside->oldest_min = t.minute < beside->oldest_min ? t.minute : beside->oldest_min;
    l->at[l->n++] = t;
}

static void take_up(struct kt_scene *s, const struct options *o, struct kt_habit *h,
                    unsigned weight)
{
    uint32_t today = kt_actor_day(s->actor, s->minute);
    uint64_t store = kt_hash64(kt_secret_store(s->ev->secret), UINT64_C(0x73746f72)) | 1;
    uint8_t aside =
        (uint8_t)((s->deploy ? DEPLOY : 0) | (s->expected ? EXPECTED : 0) |
                  (is_elsewhere(s) ? ELSEWHERE : 0) | (kt_known_asked(s) ? ASKED : 0) |
                  (kt_event_is_fill(s->ev) ? FILLED : 0) | (kt_known_is_set(s) ? SET : 0));
    struct list *l = list_put(s);
    struct kt_habit_store *t = kt_table_put(s->tables[KT_NEW_STORE], store_key(s, store), NULL);
    kt_habit_mature_store(t, h, s->actor->first_day);
    s->novelty.usual = (struct kt_gamma){ priors[s->actor->kind].a + (double)t->k,
                                          priors[s->actor->kind].b + (double)h->d };
    if (s->read)
        kt_known_newcomer(s);
    add_taken(s, l,
              (struct taken){ .secret = s->secret.a,
                              .store = store,
                              .minute = s->minute,
                              .weight = (uint16_t)weight,
                              .read = s->read,
                              .aside = aside });
    kt_habit_raw(h, t, today, aside & NO_WEEK ? 0 : weight);
    struct kt_told_windows told = kt_told_windows(s);
    struct sums n = sum_list(s, &told, l, store, least_of(s, o) * WHOLE);
    /* A review that nobody is told of is no habit: what is asked about teaches what is quiet. */
    if (!(aside & ASKED) || n.asked[0] <= floor_of(s, o) * WHOLE) {
        uint32_t hour_end = (s->minute / 60 + 1) * 60;
        uint16_t v[4] = { (uint16_t)weight, 0, 0, 0 };
        kt_put_aside(s, ASIDE_NEW, today, hour_end, v);
        kt_put_aside(s, ASIDE_STORE, store, hour_end, v);
    }
    struct judged day = judge_day(s, o, h, t, &n);
    struct judged week = judge_week(s, o, &told, h, t, today);
    struct judged beside = judge_elsewhere(s, o, h, &n);
    if (day.s >= week.s)
        tell(s, h, day.s, n.n[day.of], n.read[day.of], n.oldest, &day);
    else
        tell(s, h, week.s, week.x, week.x, s->minute - WEEK_MIN, &week);
    kt_wanders_tell(s, h);
    kt_new_days_tell(s, h, told.days_min,
                     &(struct kt_new_days_limits){ o->floor_days, o->least_7d });
    if (beside.s > fmax(day.s, week.s))
        tell(s, h, beside.s, n.elsewhere_n[0], n.elsewhere_n[1], n.elsewhere_oldest, &beside);
}

/* ---- the door ---- */
static void take_back(struct kt_scene *s, struct kt_habit *h, struct taken *t)
{
    kt_habit_take_back(h, kt_table_get(s->tables[KT_NEW_STORE], store_key(s, t->store)),
                       kt_actor_day(s->actor, t->minute), t->aside & NO_WEEK ? 0 : t->weight);
    t->weight = 0;
}

/* A log without order may tell the read before the write that it followed. */
static void take_back_written(struct kt_scene *s, struct kt_habit *h)
{
    struct list *l = kt_table_get(s->tables[KT_NEW_LIST], s->who);
    for (unsigned i = 0; l != NULL && i < l->n; i++) {
        struct taken *t = &l->at[i];
        if (t->secret == s->secret.a && t->minute >= s->minute &&
            t->minute < s->minute + OWN_WORK_MIN)
            take_back(s, h, t);
    }
}

/* What was filled in within the day is seen now: it counts as what is seen, and once. */
static void take_back_filled(struct kt_scene *s, struct kt_habit *h)
{
    struct list *l = kt_table_get(s->tables[KT_NEW_LIST], s->who);
    for (unsigned i = 0; l != NULL && i < l->n; i++) {
        if (l->at[i].secret == s->secret.a && l->at[i].aside & FILLED)
            take_back(s, h, &l->at[i]);
    }
}

/* Of what a person takes up, who works there with colleagues, or lets an app type it in.
 *
 * Of 1Password a vault is what people are given access to, and a small firm has five: its share of
 * the store says nothing. Who takes items out of it, or comes from where he never was, is judged by
 * the share as before. */
static unsigned weight_of_person(const struct kt_scene *s, const struct options *o, unsigned weight,
                                 uint64_t folder)
{
    bool elsewhere = is_elsewhere(s);
    bool vault = kt_str_starts(s->ev->secret, KT_STR("op://")) && s->ev->action != KT_ACT_EXPORT &&
                 !elsewhere;
    double w = weight;
    if (kt_known_workspace(s, folder, o->peers, vault))
        w = fmin(w, o->folder * WHOLE);
    if (kt_event_is_fill(s->ev) && !elsewhere)
        w = fmin(w, o->fill * WHOLE);
    return (unsigned)lround(w);
}

static void day_begins(struct kt_scene *s, struct kt_habit *h)
{
    uint32_t today = kt_actor_day(s->actor, s->minute);
    kt_habit_mature(h, s->actor->first_day, today, guard(s));
    h->busy[kt_habit_slot(h, today)] = 1;
    if (h->put == today + 1)
        return;
    h->put = today + 1;
    kt_put_aside(s, ASIDE_DAY, today, (s->minute / 60 + 1) * 60, (uint16_t[4]){ 1, 0, 0, 0 });
}

/* It read what only other teams had read, and remembers it. */
static void tell_strange(struct kt_scene *s, const struct options *o, const struct kt_habit *h)
{
    const struct kt_reach_limits limits = { .strange = o->floor_strange,
                                            .away = o->floor_away,
                                            .wide = o->floor_wide,
                                            .client_points = o->client,
                                            .wide_points = o->wide };
    kt_reach_mark(s);
    kt_reach_tell(s, h, &limits);
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    bool failed_login = s->ev->action == KT_ACT_LOGIN && !s->taught;
    if (s->actor == NULL || failed_login)
        return;
    struct kt_habit *h = kt_table_put(s->tables[KT_NEW_HABIT], s->who, NULL);
    if (!s->late)
        day_begins(s, h);
    bool writes = s->ev->action == KT_ACT_WRITE || s->ev->action == KT_ACT_ROTATE;
    if (s->taught && writes && s->ev->secret.len > 0) {
        take_back_written(s, h);
        kt_known_written(s, &h->pairs);
    }
    bool probe = !s->read && kt_event_is_probe(s->ev);
    if (!s->read && !probe)
        return;
    struct kt_known_pair *p = kt_known_pair(s);
    const struct list *l = kt_table_peek(s->tables[KT_NEW_LIST], s->who);
    bool known = kt_known(s, p), lately = in_list(l, s->secret.a, s->minute);
    bool unseen = kt_known_unseen(s, p), fresh = unseen || (!known && !lately);
    if (unseen)
        take_back_filled(s, h);
    uint64_t folder = kt_known_name(s)->folder;
    bool first = p != NULL ? !p->read : fresh;
    uint64_t from = fresh ? kt_moved_from(s) : 0; /* it is that one at another path */
    unsigned weight = fresh ? weight_of(s, o, h, p, l, from) : 0;
    s->novelty.weight = s->late || known || lately ? 0 : weight;
    s->novelty.known = known && !lately;
    if (weight > 0 && kt_kind_is_person(s->actor->kind))
        weight = weight_of_person(s, o, weight, folder);
    if (s->read)
        kt_habit_prefix(h, kt_known_name(s)->parent, first);
    if (weight > 0 && !s->late)
        take_up(s, o, h, weight);
    bool reaches = s->read && s->taught && !s->late && kt_kind_is_person(s->actor->kind) &&
                   (s->ev->flags & KT_FLAG(BULK)) == 0 && !s->along;
    bool strange = reaches && kt_reach_read(s, h, p, first, ASIDE_TEAM);
    if (s->taught)
        kt_known_remember(s, p, strange, &h->pairs);
    if (s->taught && first)
        kt_moved_note(s, from);
    if (strange)
        tell_strange(s, o, h);
    if (s->taught && s->read)
        kt_known_visit(s, folder, ASIDE_FOLDER);
}

static void on_learn(struct kt_scene *s, const void *opt, const struct kt_pending *p)
{
    (void)opt;
    struct kt_habit *h = kt_table_put(s->tables[KT_NEW_HABIT], s->who, NULL);
    uint32_t day = kt_actor_day(s->actor, p->time_min - 60), first = s->actor->first_day;
    if (p->what == ASIDE_FOLDER)
        kt_known_visited(s, p->key, p->time_min - 60);
    else if (p->what == ASIDE_TEAM)
        kt_reach_learn(s, p);
    else if (p->what == ASIDE_STORE)
        kt_habit_learn_store(kt_table_put(s->tables[KT_NEW_STORE], store_key(s, p->key), NULL), h,
                             first, day, p->v[0]);
    else if (p->what == ASIDE_NEW)
        kt_habit_learn(h, first, day, p->v[0]);
    else if (day >= h->done)
        h->active[kt_habit_slot(h, day)] = 1;
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    const struct list *l = kt_table_peek(s->tables[KT_NEW_LIST], s->who);
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
    .ground = kt_ground_of,
};
