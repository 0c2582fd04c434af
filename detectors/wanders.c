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
#define LEAST    3u
#define POINTS   460
#define STEADY   4.5 /* surprise of so many new ones on a day */
#define ALPHA    0.3 /* new secrets of a machine, as new_secrets has them */
#define BETA     2.0
#define RMAX     1.2

bool kt_wanders_are_sound(const void *state)
{
    return ((const struct kt_wanders *)state)->n <= KT_WANDERS_MAX;
}

static const struct kt_known_secret *secret_of(const struct kt_scene *s)
{
    return kt_table_peek(s->tables[KT_NEW_SECRET], (struct kt_key){ s->secret.a, 0 });
}

/* What is made, and then taken up, is a release. */
static bool is_release(const struct kt_scene *s)
{
    const struct kt_known_secret *x = secret_of(s);
    return s->deploy || s->expected ||
           (x != NULL && x->born_min != 0 && s->minute < x->born_min + WEEK_MIN);
}

static bool is_written(const struct kt_scene *s)
{
    const struct kt_known_secret *x = secret_of(s);
    return x != NULL && x->wrote_min != 0 && s->minute < x->wrote_min + WEEK_MIN;
}

/* Others have read it for a week, it counts whole, and no three take it up at once. */
static bool is_of_others(const struct kt_scene *s)
{
    const struct kt_known_secret *x = secret_of(s);
    bool old = false;
    for (unsigned i = 0; x != NULL && i < KT_ARRAY_LEN(x->last); i++)
        old = old || (x->last[i].actor != 0 && x->last[i].actor != s->actor->number &&
                      x->last[i].minute + WEEK_MIN <= s->minute);
    return s->read && s->novelty.weight >= KT_HABIT_WHOLE && old &&
           !kt_known_rollout(s, s->secret.a, s->minute);
}

static void note(const struct kt_scene *s, struct kt_wanders *w)
{
    unsigned live = 0;
    for (unsigned i = 0; i < w->n; i++) {
        if (w->at[i].minute + DAY_MIN > s->minute && w->at[i].secret != s->secret.a)
            w->at[live++] = w->at[i];
    }
    for (unsigned i = 0; live == KT_WANDERS_MAX && i + 1 < live; i++)
        w->at[i] = w->at[i + 1];
    w->n = live < KT_WANDERS_MAX ? live : live - 1;
    w->at[w->n].secret = s->secret.a;
    w->at[w->n].path = kt_known_name(s)->parent;
    w->at[w->n].written = is_written(s);
    w->at[w->n++].minute = s->minute;
}

/* Had it read below that path before? */
static bool is_own_path(const struct kt_wanders *w, const struct kt_habit *h, uint64_t path)
{
    unsigned now = 0;
    for (unsigned i = 0; i < w->n; i++)
        now += w->at[i].path == path;
    for (unsigned i = 0; i < KT_HABIT_PREFIXES; i++) {
        if (h->prefix[i].hash == path && h->prefix[i].n > 0)
            return h->prefix[i].secrets > now;
    }
    return false;
}

/* Nothing else was new to it in the fortnight before. */
static bool is_steady(const struct kt_scene *s, const struct kt_habit *h, unsigned n)
{
    uint32_t today = kt_actor_day(s->actor, s->minute);
    for (unsigned i = 0; i < KT_HABIT_DAYS; i++) {
        uint32_t day = h->day_of[i] - 1;
        if (h->day_of[i] != 0 && day + 1 < today && h->raw[i] >= KT_HABIT_WHOLE)
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
           "Others have read them for a week and it never read below their paths; few were written "
           "in the week before. Usual: %.2f new secrets a day, counted over %.0f active days up to "
           "a week before.",
           f->number[N_USUAL], f->number[N_DAYS]);
    KT_SAY(f->part, "%.0f secrets of others, beside %.0f of its own", f->number[N_NEW],
           f->number[N_KNOWN]);
    KT_SAY(f->quiet, "A release that is announced (keytrail expect add --deploy), or secrets that "
                     "are written for it.");
}

void kt_wanders_tell(struct kt_scene *s, const struct kt_habit *h)
{
    if (!kt_known_is_machine(s) || s->young || s->shared->learning ||
        s->minute < s->actor->first_min + OLD_MIN || !(is_release(s) || is_of_others(s)))
        return;
    struct kt_wanders *w = kt_table_put(s->tables[KT_NEW_WANDERS], s->who, NULL);
    if (is_release(s)) {
        w->release_min = s->minute;
        return;
    }
    note(s, w);
    uint32_t first = s->minute, strange = 0, written = 0, known = h->pairs + 1 - w->n;
    for (unsigned i = 0; i < w->n; i++) {
        written += w->at[i].written;
        strange += !is_own_path(w, h, w->at[i].path);
        first = w->at[i].minute < first ? w->at[i].minute : first;
    }
    bool released = w->release_min != 0 && s->minute < w->release_min + WEEK_MIN;
    if (strange < LEAST || strange < w->n || strange * 2 < known || written * 2 >= w->n ||
        released || !is_steady(s, h, strange))
        return;
    struct kt_finding *f = kt_find(s, KT_FAMILY_NEW_SECRETS, POINTS, 0, words);
    if (f == NULL)
        return;
    f->number[N_NEW] = strange;
    f->number[N_KNOWN] = known;
    f->number[N_DAYS] = h->matured;
    f->number[N_USUAL] = (ALPHA + (double)h->k) / (BETA + (double)h->d);
    f->since_min = first;
}
