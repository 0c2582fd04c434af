/*
 * silent_source: a log that stopped, an agent that is not heard, records that are lost for sure
 * (DETECTION §4.12).
 *
 * Owns:  by source instance: how many events are usual at each hour of the week, its longest
 *        pauses, what its agent counted; by agent: when it was heard; the collector's own absences.
 * Calls: detector.h and core only. No clock, no I/O.
 * Holds: nobody is silent while nobody listens: time in which the collector or the agent was away
 *        counts in no pause. A source without heartbeats (an import) is never judged.
 */
#include "detectors/silent_source_int.h"

#include <string.h>

#include "core/base/hash.h"
#include "core/event/line.h"

#define DAYS_LEAST   5u   /* with pauses on record, before they are a yardstick */
#define TICK_MIN     10u  /* ticks come every 5 minutes; a longer hole: the collector was away */
#define AWAY_MIN     10u  /* heartbeats come every minute; a longer hole: the agent was away */
#define MISSED_LEAST 20.0 /* events that were to be expected, in … */
#define MISSED_HOURS 4u   /* … so many hours that usually have some, and … */
#define MISSED_TIMES 3.0  /* … so many times what was missed before */
#define UNREAD_MIN   30u  /* the agent speaks of others, but not of this source any more */
#define BACK_NS      (5 * KT_NS_MIN)
#define STAYS_MIN    (3 * DAY_MIN - 10) /* an incident spans 3 days; then it has been told */
#define EPISODE_MIN  360u               /* evidence joins an incident for so long */
#define SEED         UINT64_C(0x73696c656e636531)

static bool is_source(const void *state)
{
    const struct kt_silent_source *x = state;
    return memchr(x->instance, '\0', sizeof x->instance) != NULL &&
           memchr(x->type, '\0', sizeof x->type) != NULL && kt_ring_is_sound(&x->ring);
}

static bool is_agent(const void *state)
{
    const struct kt_silent_agent *a = state;
    return a->state <= QUIET && memchr(a->name, '\0', sizeof a->name) != NULL;
}

static const struct kt_table_decl tables[] = {
    [T_SOURCE] = { "silent_source", KT_KEY_INSTANCE, sizeof(struct kt_silent_source), 1, 1000,
                   KT_EVICT_LRU, is_source },
    [T_AGENT] = { "silent_agent", KT_KEY_INSTANCE, sizeof(struct kt_silent_agent), 2, 1000,
                  KT_EVICT_LRU, is_agent },
    [T_CLOCK] = { "silent_clock", KT_KEY_KIND, sizeof(struct kt_silent_clock), 2, 1, KT_EVICT_LRU,
                  NULL },
};

#define TIME_OPTION(field, value, help)                                                            \
    {                                                                                              \
#field, KT_OPT_DURATION, value, offsetof(struct kt_silent_options, field), help,           \
            .reloadable = true                                                                     \
    }
#define UINT_OPTION(field, value, help)                                                            \
    {                                                                                              \
#field, KT_OPT_UINT, value, offsetof(struct kt_silent_options, field), help,               \
            .reloadable = true                                                                     \
    }
static const struct kt_option options[] = {
    TIME_OPTION(heartbeat, "20m", "An agent that is not heard for so long is told."),
    TIME_OPTION(least, "15m", "A shorter pause of a source says nothing, however busy it is."),
    TIME_OPTION(learn, "7d", "Sources and agents that are known for less are not judged."),
    UINT_OPTION(quiet, "700", "Points (hundredths): a source is quiet though its agent is there."),
    UINT_OPTION(
        busy, "500",
        "Points: a source is quiet in hours in which it never was, though longer pauses are "
        "usual at other hours."),
    UINT_OPTION(away, "500", "Points: an agent is not heard."),
    UINT_OPTION(unread, "500", "Points: an agent no longer reads a source."),
    UINT_OPTION(emptied, "700", "Points: a log was emptied, with no copy beside it."),
    UINT_OPTION(lost, "500", "Points: records are lost for sure."),
    UINT_OPTION(clock, "460", "Points: the clock of an agent was set back by more than 5 minutes."),
    UINT_OPTION(unanswered, "20",
                "Requests of a Vault without a response in 10 minutes, and more than 1 % of all."),
    { "standby", KT_OPT_BOOL, "false", offsetof(struct kt_silent_options, standby),
      "This collector is a stand-by: an agent that goes back to its first is not missed here.",
      .reloadable = true },
    KT_OPTIONS_END,
};

/* What a source's records may be late, in minutes (DESIGN §11); others are polled: 10. */
static const struct {
    const char *type;
    uint32_t minutes;
} lateness[] = { { "vault", 1 },      { "auditd", 1 }, { "fanotify", 1 },
                 { "kubernetes", 2 }, { "azure", 15 }, { "cloudtrail", 20 } };

static uint32_t late_by(const struct kt_silent_source *x)
{
    for (unsigned i = 0; i < KT_ARRAY_LEN(lateness); i++) {
        if (strcmp(lateness[i].type, x->type) == 0)
            return lateness[i].minutes;
    }
    return 10;
}

struct kt_key kt_silent_key(const struct kt_scene *s, struct kt_str name, struct kt_str type)
{
    return (struct kt_key){ kt_recall_hash(s->recall, name, SEED) | 1,
                            kt_recall_hash(s->recall, type, SEED) };
}

struct kt_key kt_silent_agent_key(struct kt_str name)
{
    return (struct kt_key){ kt_hash64(name, ~SEED) | 1, 1 };
}

static struct kt_silent_clock *clock_of(struct kt_scene *s)
{
    return kt_table_put(s->tables[T_CLOCK], (struct kt_key){ 1, 0 }, NULL);
}

/* ---- telling ---- */
struct kt_finding *kt_silent_tell(struct kt_scene *s, struct kt_key agent, uint64_t points,
                                  unsigned flags, const struct kt_silent_source *x,
                                  void (*words)(const struct kt_scene *s, struct kt_finding *f))
{
    int p = points < 1000 ? (int)points : 1000;
    struct kt_finding *f = kt_find(s, KT_FAMILY_SILENCE, p, flags, words);
    if (f == NULL)
        return NULL;
    f->key_kind = KT_KEY_INSTANCE; /* all sources of one agent are one incident */
    f->key = agent;
    if (x != NULL) {
        f->instance = kt_str_of(x->instance);
        f->source = kt_str_of(x->type);
    }
    return f;
}

/* An incident of an agent is one episode: what stops hours later is another. */
struct kt_key kt_silent_episode(struct kt_key agent, const struct kt_silent_agent *a)
{
    return (struct kt_key){ agent.a, a != NULL ? a->episode : 0 };
}

/* ---- events ---- */
static struct kt_silent_source *source_of(struct kt_scene *s)
{
    bool fresh;
    struct kt_silent_source *x =
        kt_table_put(s->tables[T_SOURCE], kt_silent_key(s, s->ev->instance, s->ev->source), &fresh);
    if (!fresh)
        return x;
    kt_str_copyz(x->instance, sizeof x->instance,
                 kt_utf8_cut(s->ev->instance, sizeof x->instance - 1));
    kt_str_copyz(x->type, sizeof x->type, kt_utf8_cut(s->ev->source, sizeof x->type - 1));
    return x;
}

/* From when on a pause of the source may be counted. */
static uint32_t pause_begins(struct kt_scene *s, const struct kt_silent_source *x)
{
    const struct kt_silent_agent *a = kt_table_peek(s->tables[T_AGENT], x->agent);
    uint32_t from =
        kt_silent_later(kt_silent_later(x->newest_min, x->free_min), clock_of(s)->resumed_min);
    return a != NULL ? kt_silent_later(from, a->up_min) : from;
}

static void end_silence(struct kt_silent_source *x, uint32_t minute)
{
    unsigned i = x->held_n++ % HELD_MAX;
    x->held[i].from_min = x->silent_min;
    x->held[i].until_min = minute;
    x->silent_min = x->told_min = 0;
}

static void on_event(struct kt_scene *s, const void *opt)
{
    if (s->late || s->ev->instance.len == 0)
        return;
    struct kt_silent_source *x = source_of(s);
    if (x->first_min == 0) {
        x->first_min = x->newest_min = s->minute;
        x->hour = s->minute / 60 + 1; /* the first one is cut */
        x->scope = kt_hash64(s->ev->scope, SEED);
    }
    kt_silent_roll(s, x, s->minute);
    if (s->minute > x->newest_min || x->silent_min != 0) {
        uint32_t from = pause_begins(s, x);
        uint32_t pause = s->minute > from ? s->minute - from : 0;
        double missed = pause > 0 ? kt_silent_missing(s, x, from, s->minute).events : 0;
        kt_silent_note_pause(&x->pauses, s->minute, pause, x->silent_min != 0);
        kt_silent_note_pause(&x->missed, s->minute, (uint32_t)missed, x->silent_min != 0);
        x->newest_min = kt_silent_later(x->newest_min, s->minute);
        if (x->silent_min != 0)
            end_silence(x, s->minute);
    }
    kt_ring_add(&x->ring, s->t, 1);
    x->arrived_min = kt_silent_minutes(s->arrival);
    if (strcmp(x->type, "vault") == 0)
        kt_silent_answers(s, opt, x);
}

/* ---- heartbeats ---- */
static struct kt_silent_agent *heard(struct kt_scene *s, const struct kt_silent_options *o)
{
    bool fresh;
    struct kt_silent_agent *a =
        kt_table_put(s->tables[T_AGENT], kt_silent_agent_key(s->agent), &fresh);
    if (fresh) {
        kt_str_copyz(a->name, sizeof a->name, kt_utf8_cut(s->agent, sizeof a->name - 1));
        a->first_min = a->up_min = a->heard_min = s->minute;
    }
    uint32_t from =
        kt_silent_later(kt_silent_later(a->heard_min, a->free_min), clock_of(s)->resumed_min);
    uint32_t pause = s->minute > from ? s->minute - from : 0;
    pause = o->standby && a->standby != 0 ? 0 : pause; /* it was with its first, which heard it */
    a->standby = s->report->standby;
    kt_silent_note_pause(&a->pauses, s->minute, pause > AWAY_MIN ? pause : 0, a->state == AWAY);
    if (s->minute > a->heard_min + AWAY_MIN)
        a->up_min = s->minute;
    a->heard_min = s->minute;
    a->crowd = 0;
    return a;
}

static void on_report(struct kt_scene *s, const void *opt)
{
    const struct kt_silent_options *o = opt;
    if (s->agent.len == 0 || s->ev->instance.len == 0)
        return;
    struct kt_silent_source *x = source_of(s);
    if (s->report->lost_batch) {
        kt_silent_lose(s, o, x, L_BATCH, 0);
        return;
    }
    struct kt_silent_agent *a = heard(s, o);
    kt_time_ns t = s->ev->time < s->t ? s->ev->time : s->t;
    if (a->reported != 0 && t < a->reported - BACK_NS)
        kt_silent_lose(s, o, x, L_CLOCK, kt_silent_minutes(a->reported - t));
    a->reported = t;
    x->agent = kt_silent_agent_key(s->agent);
    x->reported_min = kt_silent_minutes(t);
    x->spoke_min = s->minute;
    x->lag = s->report->lag;
    kt_silent_counters(s, o, x);
}

/* ---- ticks ---- */
/* Other instances of the cluster took over what is missing here. */
static bool failed_over(struct kt_scene *s, const struct kt_silent_source *x, uint32_t until,
                        uint32_t gap)
{
    unsigned hours = kt_silent_earlier((gap + 59) / 60, 24);
    uint32_t at = 0, from = until - hours * 60;
    double usual = 0, here = kt_silent_expected(x, from, until), found = 0;
    const struct kt_silent_source *y;
    while ((y = kt_table_look(s->tables[T_SOURCE], &at, NULL)) != NULL) {
        if (y == x || y->scope != x->scope || strcmp(y->type, x->type) != 0 || y->first_min == 0)
            continue;
        usual += kt_silent_expected(y, from, until);
        found += kt_ring_hours(&y->ring, (kt_time_ns)until * KT_NS_MIN, hours);
    }
    /* at their usual rate they explain nothing */
    return found >= 0.7 * (usual + here) && found >= usual + 0.5 * here;
}

struct silence {
    uint32_t gap, record, missed, points;
    double expected;
};

/* Week-ends and nights make long pauses usual; so a pause is also measured by the events that were
 * to be expected in it (docs/decisions/0013). Four hours, so that a job that moved is none. */
static bool is_unusual(const struct kt_scene *s, const struct kt_silent_source *x, uint32_t until,
                       struct silence *ret)
{
    unsigned days;
    struct kt_silent_gap m = kt_silent_missing(s, x, until - ret->gap, until);
    ret->missed = kt_silent_longest_pause(&x->missed, s->minute, &days);
    bool unusual = m.events >= MISSED_LEAST && m.hours >= MISSED_HOURS &&
                   m.events > MISSED_TIMES * (double)kt_silent_later(ret->missed, 1);
    if (unusual)
        ret->expected = m.events;
    return unusual;
}

static bool is_quiet(struct kt_scene *s, const struct kt_silent_options *o,
                     const struct kt_silent_source *x, struct silence *ret)
{
    static const struct {
        double expected;
        uint32_t times;
    } rules[] = { { 12, 2 }, { 6, 3 }, { 4, 6 } };
    /* An agent that catches up speaks of an earlier time: what it has read until then counts. */
    uint32_t until = kt_silent_earlier(s->minute, x->reported_min), from = pause_begins(s, x);
    uint32_t idle = s->minute - kt_silent_earlier(s->minute, kt_silent_later(x->arrived_min, from));
    unsigned days;
    until -= late_by(x);
    ret->gap = kt_silent_earlier(until > from ? until - from : 0, idle);
    ret->record = kt_silent_longest_pause(&x->pauses, s->minute, &days);
    if (x->first_min == 0 || ret->gap < kt_silent_minutes(o->least))
        return false;
    ret->expected = kt_silent_expected(x, until - ret->gap, until);
    if (s->minute < x->first_min + kt_silent_minutes(o->learn) || days < DAYS_LEAST)
        return false;
    ret->points = 0;
    for (unsigned i = 0; i < KT_ARRAY_LEN(rules); i++) {
        if (ret->expected >= rules[i].expected &&
            ret->gap > rules[i].times * kt_silent_later(ret->record, 1))
            ret->points = (uint32_t)o->quiet;
    }
    if (ret->points == 0 && is_unusual(s, x, until, ret))
        ret->points = (uint32_t)o->busy;
    return ret->points > 0 && !failed_over(s, x, until, ret->gap);
}

static bool agent_there(struct kt_scene *s, const struct kt_silent_agent *a)
{
    return s->minute <= kt_silent_later(a->heard_min, clock_of(s)->resumed_min) + AWAY_MIN;
}

static void look_at_source(struct kt_scene *s, const struct kt_silent_options *o,
                           struct kt_silent_source *x, struct kt_silent_agent *a)
{
    struct silence q = { 0 };
    a->sources++;
    if (kt_silent_in_window(s->shared->conf, x->instance, s->t)) {
        x->free_min = s->minute;
        a->excused++;
        return;
    }
    if (!agent_there(s, a) || clock_of(s)->resumed_min == s->minute)
        return;
    uint32_t since =
        kt_silent_later(kt_silent_later(x->spoke_min, a->up_min), clock_of(s)->resumed_min);
    bool unread = s->minute > since + UNREAD_MIN && x->lag == 0 && x->first_min != 0 &&
                  s->minute >= x->first_min + kt_silent_minutes(o->learn);
    bool quiet = !unread && is_quiet(s, o, x, &q);
    /* what was told lasts until an event comes, whatever the yardstick does meanwhile */
    bool lasts = !unread && !quiet && x->silent_min != 0 && q.gap >= kt_silent_minutes(o->least);
    q.points = lasts ? (uint32_t)o->busy : q.points;
    quiet = quiet || lasts;
    if (!unread && !quiet)
        return;
    if (x->silent_min != 0 && s->minute > x->told_min + STAYS_MIN)
        return; /* told long enough: it must not hide what stops next */
    if (x->silent_min == 0) {
        x->silent_min = unread ? since : s->minute - q.gap;
        x->told_min = s->minute;
        a->fresh++;
    }
    a->unread += unread;
    a->quiet += quiet;
    double weight = unread ? 0 : 1 + q.expected;
    if (weight <= a->worst_weight)
        return;
    a->worst_weight = weight;
    a->worst = kt_silent_key(s, kt_str_of(x->instance), kt_str_of(x->type));
    a->worst_expected = q.expected;
    a->worst_gap = unread ? s->minute - since : q.gap;
    a->worst_record = unread ? 0 : q.record;
    a->worst_points = unread ? 0 : q.points;
    a->worst_missed = unread || q.points != o->busy ? 0 : kt_silent_later(q.missed, 1);
}

static const struct kt_silent_source *any_source(struct kt_scene *s, struct kt_key agent)
{
    uint32_t at = 0;
    const struct kt_silent_source *x;
    while ((x = kt_table_look(s->tables[T_SOURCE], &at, NULL)) != NULL) {
        if (kt_key_eq(x->agent, agent))
            return x;
    }
    return NULL;
}

/* News, and with the room that is left what lasts: its incident stays open. */
static void tell_state(struct kt_scene *s, const struct kt_silent_options *o,
                       struct kt_silent_agent *a, struct kt_key key, bool lasting)
{
    static const size_t at[] = { [AWAY] = offsetof(struct kt_silent_options, away),
                                 [UNREAD] = offsetof(struct kt_silent_options, unread),
                                 [QUIET] = offsetof(struct kt_silent_options, quiet) };
    if (a->state == FINE || a->crowd || lasting == (a->untold != 0) || a->told_min == s->minute ||
        (lasting && s->minute > a->episode + STAYS_MIN))
        return;
    if (!lasting && s->minute > a->told_min + EPISODE_MIN)
        a->episode = s->minute;
    const struct kt_silent_source *x =
        a->state == AWAY ? any_source(s, key) : kt_table_peek(s->tables[T_SOURCE], a->worst);
    uint64_t points = a->worst_points;
    if (a->state != QUIET)
        memcpy(&points, (const char *)o + at[a->state], sizeof points);
    unsigned flags = a->state == QUIET ? 0 : KT_FIND_LEARNING;
    /* work on one source says nothing of the others of its agent */
    bool one = a->state == AWAY ? a->sources == 1 : a->state == QUIET && a->quiet + a->unread == 1;
    flags |= one ? KT_FIND_OUTAGE : 0;
    if (kt_silent_tell(s, kt_silent_episode(key, a), points, flags, x, kt_silent_words_of_state) ==
            NULL ||
        lasting)
        return;
    a->untold = 0;
    a->told_min = s->minute;
}

static uint32_t away_for(struct kt_scene *s, const struct kt_silent_agent *a)
{
    uint32_t from =
        kt_silent_later(kt_silent_later(a->heard_min, a->free_min), clock_of(s)->resumed_min);
    return s->minute > from ? s->minute - from : 0;
}

/* An agent goes back to its first as soon as that answers, and then it is the first that hears
 * whether it is there. Not so when another that came with it was still here much later. Believed
 * only where the configuration says that this is a stand-by: an agent's word alone silences
 * nobody. */
static bool went_back(struct kt_scene *s, const struct kt_silent_options *o,
                      const struct kt_silent_agent *a)
{
    const struct kt_silent_clock *c = clock_of(s);
    return o->standby && a->standby != 0 &&
           (c->standby_min < a->heard_min + kt_silent_minutes(o->heartbeat) ||
            a->heard_min + TICK_MIN < c->standby_from);
}

static bool is_judged(struct kt_scene *s, const struct kt_silent_options *o,
                      const struct kt_silent_agent *a)
{
    return a->sources > a->excused && s->minute >= a->first_min + kt_silent_minutes(o->learn) &&
           !went_back(s, o, a);
}

static enum kt_silent_state state_of(struct kt_scene *s, const struct kt_silent_options *o,
                                     struct kt_silent_agent *a)
{
    unsigned days;
    if (kt_silent_in_window(s->shared->conf, a->name, s->t) ||
        (a->sources > 0 && a->sources == a->excused))
        a->free_min = s->minute;
    uint32_t limit = kt_silent_later(kt_silent_minutes(o->heartbeat),
                                     2 * kt_silent_longest_pause(&a->pauses, s->minute, &days));
    if (is_judged(s, o, a) && away_for(s, a) >= limit)
        return AWAY;
    return a->quiet > 0 ? QUIET : a->unread > 0 ? UNREAD : FINE;
}

/* Three and a third of all that are gone at once have one cause, and are one alert. */
static void look_at_crowd(struct kt_scene *s, const struct kt_silent_options *o)
{
    uint32_t at = 0, since = 0;
    unsigned away = 0, all = 0, over = 0;
    struct kt_silent_agent *a;
    while ((a = kt_table_next(s->tables[T_AGENT], &at, NULL)) != NULL) {
        if (!is_judged(s, o, a))
            continue;
        if (a->state == AWAY && !a->untold && !a->crowd)
            continue; /* told by itself, long ago perhaps */
        bool gone = away_for(s, a) >= AWAY_MIN;
        all++;
        away += gone;
        over += a->state == AWAY;
        since = gone ? kt_silent_later(since, a->heard_min) : since;
    }
    struct kt_silent_clock *c = clock_of(s);
    if (away < 3 || away * 10 < all * 3 || over == 0) {
        c->crowd_min = 0;
        return;
    }
    for (at = 0; (a = kt_table_next(s->tables[T_AGENT], &at, NULL)) != NULL;) {
        if (is_judged(s, o, a) && away_for(s, a) >= AWAY_MIN && (a->state != AWAY || a->untold)) {
            a->crowd = 1;
            a->untold = 0;
        }
    }
    c->crowd_min = c->crowd_min != 0 ? c->crowd_min : s->minute;
    if (s->minute > c->crowd_min + STAYS_MIN)
        return;
    struct kt_finding *f = kt_silent_tell(s, (struct kt_key){ 2, 2 }, o->away, KT_FIND_LEARNING,
                                          NULL, kt_silent_words_of_crowd);
    if (f == NULL)
        return;
    f->number[KT_SILENT_N_AWAY] = away;
    f->number[KT_SILENT_N_AGENTS] = all;
    f->number[KT_SILENT_N_SINCE] = since;
}

static void note_standby(struct kt_silent_clock *c, uint32_t heard_min)
{
    if (heard_min > c->standby_min + TICK_MIN)
        c->standby_from = heard_min;
    c->standby_min = kt_silent_later(c->standby_min, heard_min);
}

static void on_tick(struct kt_scene *s, const void *opt)
{
    const struct kt_silent_options *o = opt;
    struct kt_silent_clock *c = clock_of(s);
    struct kt_key key;
    struct kt_silent_agent *a;
    struct kt_silent_source *x;
    uint32_t at = 0;
    if (s->minute > c->last_min + TICK_MIN)
        c->resumed_min = s->minute;
    c->last_min = s->minute;
    while ((a = kt_table_next(s->tables[T_AGENT], &at, NULL)) != NULL) {
        a->sources = a->excused = a->unread = a->quiet = a->fresh = 0;
        a->worst_weight = -1;
        if (a->standby != 0)
            note_standby(c, a->heard_min);
    }
    for (at = 0; (x = kt_table_next(s->tables[T_SOURCE], &at, NULL)) != NULL;) {
        if ((a = kt_table_get(s->tables[T_AGENT], x->agent)) != NULL)
            look_at_source(s, o, x, a);
    }
    for (at = 0; (a = kt_table_next(s->tables[T_AGENT], &at, NULL)) != NULL;) {
        enum kt_silent_state state = state_of(s, o, a);
        a->untold =
            state != FINE && (a->untold || a->fresh > 0 || (state == AWAY && a->state != AWAY));
        a->state = state;
    }
    look_at_crowd(s, o);
    for (unsigned lasting = 0; lasting < 2; lasting++) {
        for (at = 0; (a = kt_table_next(s->tables[T_AGENT], &at, &key)) != NULL;)
            tell_state(s, o, a, key, lasting != 0);
    }
}

static void add_attention(struct kt_buf *out, const char *what, const char *name, const char *how,
                          uint32_t since)
{
    char text[240], when[KT_TIME_TEXT_MAX];
    KT_SAY(text, "%s%s %s %s UTC", what, name, how, kt_silent_say_minute(since, when));
    kt_buf_addz(out, out->at[out->len - 1] == '[' ? "" : ",");
    kt_json_quote(out, kt_str_of(text));
}

static void status(struct kt_table *const *tables_of, struct kt_buf *out)
{
    uint32_t at = 0;
    const struct kt_silent_source *x;
    const struct kt_silent_agent *a;
    while ((x = kt_table_look(tables_of[T_SOURCE], &at, NULL)) != NULL) {
        if (x->silent_min != 0)
            add_attention(out, "", x->instance, "is quiet since", x->newest_min);
    }
    for (at = 0; (a = kt_table_look(tables_of[T_AGENT], &at, NULL)) != NULL;) {
        if (a->state == AWAY)
            add_attention(out, "agent ", a->name, "is not heard since", a->heard_min);
    }
}

/* A source is silent too when nobody reads it. */
static void silent(struct kt_table *const *tables_of, struct kt_buf *out)
{
    uint32_t at = 0;
    const struct kt_silent_source *x;
    while ((x = kt_table_look(tables_of[T_SOURCE], &at, NULL)) != NULL) {
        const struct kt_silent_agent *a = kt_table_peek(tables_of[T_AGENT], x->agent);
        if (x->silent_min == 0 && (a == NULL || a->state != AWAY))
            continue;
        kt_buf_addz(out, out->at[out->len - 1] == '[' ? "" : ",");
        kt_json_quote(out, kt_str_of(x->instance));
    }
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(TICK) },
    { "an agent that is not heard", KT_NEED(TICK) | KT_NEED(HEARTBEAT) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_silent_source = {
    .name = "silent_source",
    .summary = "A log that stopped, an agent that is not heard, records that are lost for sure",
    .options = options,
    .options_size = sizeof(struct kt_silent_options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .on_report = on_report,
    .on_tick = on_tick,
    .status = status,
    .silent = silent,
};
