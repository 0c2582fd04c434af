/*
 * wanders: see the header.
 *
 * Owns:  nothing; its struct lies in a table of new_secrets.
 * Calls: detector.h, secret_habit and known_secrets only. No clock, no I/O.
 */
#include "detectors/wanders.h"

#define DAY_MIN  1440u
#define WEEK_MIN (7u * DAY_MIN)
#define OLD_MIN  (35u * DAY_MIN) /* what a month brings has come once */
#define KEEP_MIN (16u * DAY_MIN) /* as long as days are looked back on */
#define LEAST    3u
#define POINTS   460
#define STEADY   4.5 /* surprise of so many new ones on a day */
#define ALPHA    0.3 /* new secrets of a machine, as new_secrets has them */
#define BETA     2.0
#define RMAX     1.2

bool kt_wanders_are_sound(const void *state)
{
    const struct kt_wanders *w = state;
    return w->n <= KT_WANDERS_MAX && w->n_paths <= KT_WANDERS_PATHS;
}

static const struct kt_known_secret *secret_of(const struct kt_scene *s)
{
    return kt_table_peek(s->tables[KT_NEW_SECRET], (struct kt_key){ s->secret.a, 0 });
}

/* ---- its paths ---- */
static int find_path(const struct kt_wanders *w, uint64_t path)
{
    for (unsigned i = 0; i < w->n_paths; i++) {
        if (w->path[i].hash == path)
            return (int)i;
    }
    return -1;
}

static void note_path(const struct kt_scene *s, struct kt_wanders *w)
{
    uint64_t path = kt_known_name(s)->parent;
    int i = find_path(w, path);
    if (i < 0 && w->n_paths == KT_WANDERS_PATHS)
        return;
    if (i < 0) {
        i = (int)w->n_paths++;
        w->path[i].hash = path;
        w->path[i].first_min = s->minute;
        w->path[i].n = 0;
    }
    w->path[i].n++;
}

/* Did it read below that path a month ago? What it took there since makes it nobody's. */
static bool is_own_path(const struct kt_scene *s, const struct kt_wanders *w,
                        const struct kt_habit *h, uint64_t path)
{
    int at = find_path(w, path);
    uint32_t noted = at >= 0 ? w->path[at].n : 0;
    if (at >= 0 && w->path[at].first_min + OLD_MIN <= s->minute)
        return true;
    if (w->since_min <= s->actor->first_min + DAY_MIN)
        return false;
    for (unsigned i = 0; i < KT_HABIT_PREFIXES; i++) { /* what it read before paths were noted */
        if (h->prefix[i].hash == path && h->prefix[i].n > 0)
            return h->prefix[i].secrets > noted;
    }
    return false;
}

/* ---- one secret ---- */
/* What is announced, or made below its own path and then taken up, is a release. What is made
 * elsewhere, anybody's, excuses nothing. */
static bool is_release(const struct kt_scene *s, const struct kt_wanders *w,
                       const struct kt_habit *h)
{
    const struct kt_known_secret *x = secret_of(s);
    bool made = x != NULL && x->born_min != 0 && s->minute < x->born_min + WEEK_MIN;
    return s->deploy || s->expected || (made && is_own_path(s, w, h, kt_known_name(s)->parent));
}

/* A rotation hands nothing over. */
static bool is_handed_over(const struct kt_scene *s)
{
    const struct kt_known_secret *x = secret_of(s);
    return x != NULL && x->began_min != 0 && s->minute < x->began_min + WEEK_MIN;
}

/* Others have read it for a week, and no three take it up at once. */
static bool is_of_others(const struct kt_scene *s)
{
    const struct kt_known_secret *x = secret_of(s);
    bool old = false;
    for (unsigned i = 0; x != NULL && i < KT_ARRAY_LEN(x->last); i++)
        old = old || (x->last[i].actor != 0 && x->last[i].actor != s->actor->number &&
                      x->last[i].minute + WEEK_MIN <= s->minute);
    return old && !kt_known_rollout(s, s->secret.a, s->minute);
}

static void note(const struct kt_scene *s, struct kt_wanders *w, bool others)
{
    unsigned live = 0;
    for (unsigned i = 0; i < w->n; i++) {
        if (w->at[i].minute + KEEP_MIN > s->minute && w->at[i].secret != s->secret.a)
            w->at[live++] = w->at[i];
    }
    for (unsigned i = 0; live == KT_WANDERS_MAX && i + 1 < live; i++)
        w->at[i] = w->at[i + 1];
    w->n = live < KT_WANDERS_MAX ? live : live - 1;
    w->at[w->n].secret = s->secret.a;
    w->at[w->n].path = kt_known_name(s)->parent;
    w->at[w->n].others = others;
    w->at[w->n].handed = is_handed_over(s);
    w->at[w->n++].minute = s->minute;
}

/* ---- judging ---- */
/* Had it nothing new below its own paths in the fortnight before? What lies elsewhere does not
 * count: whoever takes one there, and waits, is no service of which something new is usual. */
static bool is_steady(const struct kt_scene *s, const struct kt_wanders *w,
                      const struct kt_habit *h, unsigned n)
{
    uint32_t today = kt_actor_day(s->actor, s->minute);
    for (unsigned i = 0; i < KT_HABIT_DAYS; i++) {
        uint32_t day = h->day_of[i] - 1;
        unsigned strange = 0;
        if (h->day_of[i] == 0 || day + 1 >= today || day + KT_HABIT_DAYS <= today)
            continue;
        for (unsigned k = 0; k < w->n; k++)
            strange += kt_actor_day(s->actor, w->at[k].minute) == day &&
                       !is_own_path(s, w, h, w->at[k].path);
        if (h->raw[i] >= (strange + 1) * KT_HABIT_WHOLE)
            return false;
    }
    struct kt_gamma usual = { ALPHA + (double)h->k, BETA + (double)h->d };
    return kt_rate_surprise(n, 1, usual, RMAX) >= STEADY;
}

enum { N_NEW, N_KNOWN, N_DAYS, N_USUAL };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160];
    kt_say_name(s->ev->actor, 80, who);
    KT_SAY(f->title, "%s read %.0f secrets of others within 24 hours, beside the %.0f it knows.",
           who, f->number[N_NEW], f->number[N_KNOWN]);
    KT_SAY(f->normal,
           "Others have read them for a week, and a month ago it read nothing below their paths; "
           "few were handed over in the week before. Usual: %.2f new secrets a day, counted over "
           "%.0f active days up to a week before.",
           f->number[N_USUAL], f->number[N_DAYS]);
    KT_SAY(f->part, "%.0f secrets of others, beside %.0f of its own", f->number[N_NEW],
           f->number[N_KNOWN]);
    KT_SAY(f->quiet, "A release that is announced (keytrail expect add --deploy), or secrets that "
                     "are written for it.");
}

struct day { /* secrets of others in 24 hours */
    unsigned n, strange, handed;
    uint32_t first;
};

static struct day day_of(const struct kt_scene *s, const struct kt_wanders *w,
                         const struct kt_habit *h)
{
    struct day d = { .first = s->minute };
    for (unsigned i = 0; i < w->n; i++) {
        if (!w->at[i].others || w->at[i].minute + DAY_MIN <= s->minute)
            continue;
        d.n++;
        d.handed += w->at[i].handed;
        d.strange += !is_own_path(s, w, h, w->at[i].path);
        d.first = w->at[i].minute < d.first ? w->at[i].minute : d.first;
    }
    return d;
}

static unsigned count_others(const struct kt_wanders *w)
{
    unsigned n = 0;
    for (unsigned i = 0; i < w->n; i++)
        n += w->at[i].others;
    return n;
}

static bool is_wandering(const struct kt_scene *s, const struct kt_wanders *w,
                         const struct kt_habit *h, const struct day *d, unsigned known)
{
    bool released = w->release_min != 0 && s->minute < w->release_min + WEEK_MIN;
    return !released && d->strange >= LEAST && d->strange * 2 > d->n && d->strange * 2 >= known &&
           d->handed * 2 < d->n && is_steady(s, w, h, d->strange);
}

void kt_wanders_tell(struct kt_scene *s, const struct kt_habit *h)
{
    if (!kt_known_is_machine(s) || !s->read)
        return;
    bool fresh;
    struct kt_wanders *w = kt_table_put(s->tables[KT_NEW_WANDERS], s->who, &fresh);
    w->since_min = fresh ? s->minute : w->since_min;
    note_path(s, w);
    if (s->young || s->shared->learning || s->minute < s->actor->first_min + OLD_MIN)
        return;
    if (is_release(s, w, h)) {
        w->release_min = s->minute;
        return;
    }
    if (s->novelty.weight < KT_HABIT_WHOLE)
        return;
    bool others = is_of_others(s);
    note(s, w, others);
    struct day d = day_of(s, w, h);
    unsigned known = h->pairs + 1 - count_others(w);
    if (!others || !is_wandering(s, w, h, &d, known))
        return;
    struct kt_finding *f = kt_find(s, KT_FAMILY_NEW_SECRETS, POINTS, 0, words);
    if (f == NULL)
        return;
    f->number[N_NEW] = d.strange;
    f->number[N_KNOWN] = known;
    f->number[N_DAYS] = h->matured;
    f->number[N_USUAL] = (ALPHA + (double)h->k) / (BETA + (double)h->d);
    f->since_min = d.first;
}
