/*
 * dormant: an actor that was away for a long time succeeds again (DETECTION §4.11,
 * docs/decisions/0011).
 *
 * Owns:  by actor: its newest event, its longest absence, the one it just came back from; by source
 *        instance: when it was silent, which is nobody's absence; the people who were told of last.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/detector.h"

#include <math.h>

#include "core/base/limits.h"

#define DAY_MIN       1440u
#define RETURN_MIN    (7u * DAY_MIN) /* refused first, in later: still the same return */
#define SILENCE_MIN   (3u * DAY_MIN) /* longer than a week-end */
#define SILENCES      4u
#define LEFT_MIN      (2u * DAY_MIN) /* who took turns left about then */
#define RETURNS       16u
#define RARE_MOST     (90u * DAY_MIN) /* how rarely it comes excuses no longer absence */
#define POPULATION    3u /* actors without whom a silence says nothing about the source */
#define INSTANCE_SEED UINT64_C(0x646f726d616e7431)

enum { T_ACTOR, T_INSTANCE, T_RETURNS };

struct options {
    kt_time_ns idle;
    uint64_t active;
    double factor, points, turn, rare;
};
struct absence {                       /* one actor */
    uint32_t newest_min;               /* event of any outcome, but failed logins */
    uint32_t longest;                  /* minutes of the longest absence that counts as its habit */
    uint32_t left_min, back_min, idle; /* the return that no success has followed yet; 0 = none */
    uint32_t owed, owed_min; /* an absence that ended in a strange network, and when; 0 = none */
};
struct returns { /* of people who were told of, newest last */
    uint32_t n, pad;
    struct {
        uint32_t actor, left_min, back_min, pad;
    } at[RETURNS];
};
struct instance {
    uint32_t newest_min, actors, silences, pad;
    uint32_t actor[POPULATION];
    struct {
        uint32_t from_min, until_min;
    } silence[SILENCES];
};

static bool is_instance(const void *state)
{
    return ((const struct instance *)state)->actors <= POPULATION;
}

static const struct kt_table_decl tables[] = {
    [T_ACTOR] = { "dormant", KT_KEY_ACTOR, sizeof(struct absence), 2, KT_ACTORS_MAX, KT_EVICT_LRU,
                  NULL },
    [T_INSTANCE] = { "dormant_instance", KT_KEY_INSTANCE, sizeof(struct instance), 1, 500,
                     KT_EVICT_LRU, is_instance },
    [T_RETURNS] = { "dormant_returns", KT_KEY_KIND, sizeof(struct returns), 1, 1, KT_EVICT_LRU,
                    NULL },
};

static const struct kt_option options[] = {
    { "idle", KT_OPT_DURATION, "30d", offsetof(struct options, idle),
      "Time without any event after which a success is evidence.", .reloadable = true },
    { "active", KT_OPT_UINT, "3", offsetof(struct options, active),
      "Active days that an actor must have had before.", .reloadable = true },
    { "factor", KT_OPT_DOUBLE, "2", offsetof(struct options, factor),
      "An actor's longest former absence times this excuses as long a one: what comes once a "
      "quarter is quiet.",
      .reloadable = true },
    { "points", KT_OPT_DOUBLE, "4.6", offsetof(struct options, points), "Points of the evidence.",
      .reloadable = true },
    { "turn", KT_OPT_DOUBLE, "3", offsetof(struct options, turn),
      "Points instead of a person in a known network who left and came back with another that was "
      "told of.",
      .reloadable = true },
    { "rare", KT_OPT_DOUBLE, "2.5", offsetof(struct options, rare),
      "Surprise of a person's absence of up to 90 days, by how often it came before, below which a "
      "return to a known network is nothing: who comes rarely stays away long.",
      .reloadable = true },
    KT_OPTIONS_END,
};

/* ---- the source ---- */
static const struct instance *note_instance(struct kt_scene *s)
{
    struct kt_key key = { kt_recall_hash(s->recall, s->ev->instance, INSTANCE_SEED) | 1, 0 };
    struct instance *in = kt_table_put(s->tables[T_INSTANCE], key, NULL);
    bool known = in->actors == POPULATION;
    if (known && s->minute > in->newest_min + SILENCE_MIN) {
        unsigned i = in->silences++ % SILENCES;
        in->silence[i].from_min = in->newest_min;
        in->silence[i].until_min = s->minute;
    }
    in->newest_min = s->minute > in->newest_min ? s->minute : in->newest_min;
    for (unsigned i = 0; i < in->actors && !known; i++)
        known = in->actor[i] == s->actor->number;
    if (!known)
        in->actor[in->actors++] = s->actor->number;
    return in;
}

/* Minutes between the two in which the source told of nobody. */
static uint32_t silent(const struct instance *in, uint32_t from, uint32_t until)
{
    uint32_t sum = 0;
    for (unsigned i = 0; in->silences > 0 && i < SILENCES; i++) {
        uint32_t a = in->silence[i].from_min, b = in->silence[i].until_min;
        a = a > from ? a : from;
        b = b < until ? b : until;
        sum += b > a ? b - a : 0;
    }
    return sum;
}

/* ---- the actor ---- */
static double limit(const struct options *o, const struct absence *a)
{
    return fmax((double)(o->idle / KT_NS_MIN), o->factor * a->longest);
}

static bool known_place(const struct kt_scene *s)
{
    if (!s->where.usable)
        return true;
    if (s->where.inside)
        return s->places->inside_seen;
    const struct kt_place *p = kt_place_of(s->places, s->where.network);
    return p != NULL && !kt_place_tainted(p, s->minute);
}

enum { N_IDLE, N_LEFT, N_SILENT, N_LONGEST, N_LIMIT, N_KNOWN };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], where[120], left[KT_TIME_TEXT_MAX], gap[96] = "";
    kt_say_name(s->ev->actor, 80, who);
    if (!s->where.usable)
        KT_SAY(where, "an address that is not known");
    else if (s->where.inside)
        KT_SAY(where, "a private address");
    else
        kt_say_network(&s->where, where, sizeof where);
    kt_time_format((kt_time_ns)f->number[N_LEFT] * KT_NS_MIN, left);
    if (f->number[N_SILENT] >= DAY_MIN)
        KT_SAY(gap, " %.0f days on which its source was silent are not counted.",
               floor(f->number[N_SILENT] / DAY_MIN));
    double days = floor(f->number[N_IDLE] / DAY_MIN);
    KT_SAY(f->title, "%s is back after %.0f days without an event, from %s.", who, days, where);
    KT_SAY(f->normal,
           "It had been active on %u days, last on %.10s, and never longer away than %.0f days.%s "
           "It %s.",
           s->actor->active_days, left, floor(f->number[N_LONGEST] / DAY_MIN), gap,
           f->number[N_KNOWN] > 0 ? "used this network before" : "never used this network");
    KT_SAY(f->part, "back after %.0f days, from %s", days, where);
    KT_SAY(f->quiet, "Any event of it in the %.0f days before. A leave that ends looks like this.",
           floor(f->number[N_LIMIT] / DAY_MIN));
}

/* Crews who take turns, a summer in which the firm is closed: people who left on about one day and
 * are back within one are one cause, and the first of them says it. Not so from a strange network:
 * whoever has a list of unused accounts wakes several on one day, too. */
static bool takes_turns(struct kt_scene *s, const struct absence *a)
{
    if (!kt_kind_is_person(s->actor->kind) || !known_place(s))
        return false;
    struct returns *r = kt_table_put(s->tables[T_RETURNS], (struct kt_key){ 1, 0 }, NULL);
    for (unsigned i = 0; i < RETURNS; i++) {
        uint32_t left = r->at[i].left_min, back = r->at[i].back_min;
        if (r->at[i].actor != 0 && r->at[i].actor != s->actor->number &&
            back + DAY_MIN > a->back_min && left <= a->left_min + LEFT_MIN &&
            a->left_min <= left + LEFT_MIN)
            return true;
    }
    unsigned slot = r->n++ % RETURNS;
    r->at[slot].actor = s->actor->number;
    r->at[slot].left_min = a->left_min;
    r->at[slot].back_min = a->back_min;
    return false;
}

/* Surprise of no active day in so long, of somebody who had n of them in the days before: the
 * predictive tail of a rate (§3.2) at nought. */
static double surprise(const struct kt_actor *actor, const struct absence *a)
{
    double before = a->left_min > actor->first_min ? a->left_min - actor->first_min : 0;
    return actor->active_days * log10(1 + a->idle / fmax(before, DAY_MIN));
}

/* Who comes rarely stays away long, and is back where it always was: where no address is told
 * nobody knows. A job that is rare has a clock. */
static bool comes_rarely(const struct kt_scene *s, const struct options *o, const struct absence *a)
{
    return kt_kind_is_person(s->actor->kind) && s->where.usable && known_place(s) &&
           a->idle <= RARE_MOST && surprise(s->actor, a) < o->rare;
}

static void tell(struct kt_scene *s, const struct options *o, const struct absence *a)
{
    double points = takes_turns(s, a) ? fmin(o->turn, o->points) : o->points;
    struct kt_finding *f = kt_find(s, KT_FAMILY_DORMANT, kt_points(points), 0, words);
    if (f == NULL)
        return;
    f->number[N_IDLE] = a->idle;
    f->number[N_LEFT] = a->left_min;
    f->number[N_SILENT] = a->back_min - a->left_min - a->idle;
    f->number[N_LONGEST] = a->longest;
    f->number[N_LIMIT] = limit(o, a);
    f->number[N_KNOWN] = known_place(s);
}

static void came_back(struct kt_scene *s, const struct options *o, struct absence *a)
{
    bool judged = s->actor->kind != KT_ACTOR_CI && s->actor->active_days >= o->active &&
                  s->minute < a->back_min + RETURN_MIN && !s->shared->learning;
    bool excused = judged && comes_rarely(s, o, a);
    if (judged && !excused)
        tell(s, o, a);
    /* Who comes back from where it always worked has such absences; a thief makes none usual. What
     * was excused is no measure: the next would be twice as long. */
    bool usual = known_place(s) || !judged;
    if (usual && !excused) {
        a->longest = a->idle > a->longest ? a->idle : a->longest;
    } else if (!usual) {
        a->owed = a->idle;
        a->owed_min = s->minute;
    }
    a->left_min = a->back_min = a->idle = 0;
}

/* Back by way of a hotel or a ship, and at a known place within the week: it was the person. */
static void settle(const struct kt_scene *s, struct absence *a)
{
    bool soon = s->minute < a->owed_min + RETURN_MIN;
    if (soon && !(s->taught && known_place(s)))
        return;
    if (soon)
        a->longest = a->owed > a->longest ? a->owed : a->longest;
    a->owed = a->owed_min = 0;
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    bool failed_login = s->ev->action == KT_ACT_LOGIN && !s->taught;
    if (s->actor == NULL || failed_login || s->ev->actor_kind == KT_ACTOR_ANONYMOUS)
        return; /* a name that somebody typed is no sign of life */
    struct absence *a = kt_table_put(s->tables[T_ACTOR], s->who, NULL);
    if (s->late) {
        a->newest_min = s->minute > a->newest_min ? s->minute : a->newest_min;
        return;
    }
    const struct instance *in = note_instance(s);
    uint32_t left = a->newest_min;
    if (left != 0 && s->minute > left) {
        uint32_t idle = s->minute - left - silent(in, left, s->minute);
        if (idle > limit(o, a)) {
            a->left_min = left;
            a->back_min = s->minute;
            a->idle = idle;
        } else if (a->back_min == 0) {
            a->longest = idle > a->longest ? idle : a->longest;
        }
    }
    a->newest_min = s->minute > left ? s->minute : left;
    if (s->taught && a->back_min != 0)
        came_back(s, o, a);
    if (a->owed != 0)
        settle(s, a);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    (void)opt;
    const struct absence *a = kt_table_peek(s->tables[T_ACTOR], s->who);
    if (s->actor != NULL && a != NULL && a->longest >= DAY_MIN)
        kt_buf_addf(out, "absence (never longer away than %u days)", a->longest / DAY_MIN);
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(ACTOR) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_dormant = {
    .name = "dormant",
    .summary = "An actor that was away for a long time succeeds again",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .considered = considered,
};
