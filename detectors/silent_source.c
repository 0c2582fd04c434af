/*
 * silent_source: a log that stopped, an agent that is not heard, records that are lost for sure
 * (DETECTION §4.12).
 *
 * Owns:  by source instance: how many events are usual at each hour of the week, its longest
 * pauses, what its agent counted; by agent: when it was heard; the collector's own absences. Calls:
 * detector.h and core only. No clock, no I/O. Holds: nobody is silent while nobody listens: time in
 * which the collector or the agent was away counts in no pause. A source without heartbeats (an
 * import) is never judged.
 */
#include "detectors/detector.h"

#include <math.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/event/line.h"

#define DAY_MIN      1440u
#define WEEK_HOURS   168u
#define PAUSE_DAYS   28u
#define DAYS_LEAST   5u   /* with pauses on record, before they are a yardstick */
#define TICK_MIN     10u  /* ticks come every 5 minutes; a longer hole: the collector was away */
#define AWAY_MIN     10u  /* heartbeats come every minute; a longer hole: the agent was away */
#define MISSED_LEAST 20.0 /* events that were to be expected, in … */
#define MISSED_HOURS 4u   /* … so many hours that usually have some, and … */
#define MISSED_TIMES 3.0  /* … so many times what was missed before */
#define UNREAD_MIN   30u  /* the agent speaks of others, but not of this source any more */
#define BACK_NS      (5 * KT_NS_MIN)
#define BEFORE_NS    (10 * KT_NS_MIN)   /* maintenance: people begin early … */
#define AFTER_NS     (15 * KT_NS_MIN)   /* … and end late */
#define STAYS_MIN    (3 * DAY_MIN - 10) /* an incident spans 3 days; then it has been told */
#define EPISODE_MIN  360u               /* evidence joins an incident for so long */
#define STRETCH_MIN  (14 * DAY_MIN)
#define HELD_MAX     4u
#define WEIGHT       0.4 /* of the newest week */
#define SEED         UINT64_C(0x73696c656e636531)

enum { T_SOURCE, T_AGENT, T_CLOCK };
enum loss { L_BATCH, L_EMPTIED, L_DROPPED, L_FINDING, L_UNANSWERED, L_CLOCK, LOSSES };
enum state { FINE, AWAY, UNREAD, QUIET };

struct options {
    kt_time_ns heartbeat, least, learn;
    uint64_t quiet, busy, away, unread, emptied, lost, clock, unanswered;
};
struct pauses { /* the longest of each of 28 days */
    uint16_t day[PAUSE_DAYS], usual[PAUSE_DAYS], told[PAUSE_DAYS];
};
struct told { /* when, and how often in a row */
    uint32_t last_min, n;
};
struct source {
    char instance[64], type[24];
    uint64_t scope; /* hash: instances of one cluster share it */
    struct kt_key agent;
    struct kt_ring ring;
    struct pauses pauses;   /* in minutes */
    struct pauses missed;   /* in events that were to be expected in them */
    float rate[WEEK_HOURS]; /* events in an hour of the week */
    uint32_t known[(WEEK_HOURS + 31) / 32];
    uint32_t first_min, newest_min; /* event time */
    uint32_t arrived_min;           /* when the newest event came */
    uint32_t reported_min;          /* the agent's own time of its newest report about it */
    uint32_t free_min;              /* end of a maintenance window: pauses begin no earlier */
    uint32_t hour;                  /* the next to be counted */
    uint32_t spoke_min;             /* when that report came */
    uint32_t silent_min, told_min;  /* since when it is quiet or not read, and when that was told */
    struct {
        uint32_t from_min, until_min;
    } held[HELD_MAX]; /* told silences: their hours are not counted */
    uint32_t held_n;
    uint32_t heard; /* the agent's counters below are known */
    uint64_t lag, emptied, lost, said;
    uint32_t ten, answers, alone; /* of the ten minutes in work */
    struct told told[LOSSES];
};
struct agent {
    char name[64];
    struct pauses pauses;
    kt_time_ns reported; /* its own time of its newest report */
    uint32_t first_min, heard_min, up_min, free_min;
    uint32_t state;
    uint32_t untold, told_min; /* news wait for room to be told; when news were told last */
    uint32_t episode;          /* when its incident began */
    uint32_t crowd;            /* told together with others */
    struct told told[LOSSES];
    /* counted anew at each tick */
    uint32_t sources, excused, unread, quiet, fresh;
    struct kt_key worst;
    uint32_t worst_gap, worst_record, worst_points;
    uint32_t worst_missed; /* most events that a pause missed before; 0 = the minutes decided */
    double worst_expected, worst_weight;
};
struct clock {
    uint32_t last_min, resumed_min, crowd_min, pad;
};

static bool is_source(const void *state)
{
    const struct source *x = state;
    return memchr(x->instance, '\0', sizeof x->instance) != NULL &&
           memchr(x->type, '\0', sizeof x->type) != NULL && kt_ring_is_sound(&x->ring);
}

static bool is_agent(const void *state)
{
    const struct agent *a = state;
    return a->state <= QUIET && memchr(a->name, '\0', sizeof a->name) != NULL;
}

static const struct kt_table_decl tables[] = {
    [T_SOURCE] = { "silent_source", KT_KEY_INSTANCE, sizeof(struct source), 1, 1000, KT_EVICT_LRU,
                   is_source },
    [T_AGENT] = { "silent_agent", KT_KEY_INSTANCE, sizeof(struct agent), 1, 1000, KT_EVICT_LRU,
                  is_agent },
    [T_CLOCK] = { "silent_clock", KT_KEY_KIND, sizeof(struct clock), 1, 1, KT_EVICT_LRU, NULL },
};

#define TIME_OPTION(field, value, help)                                                            \
    {                                                                                              \
#field, KT_OPT_DURATION, value, offsetof(struct options, field), help, .reloadable = true  \
    }
#define UINT_OPTION(field, value, help)                                                            \
    {                                                                                              \
#field, KT_OPT_UINT, value, offsetof(struct options, field), help, .reloadable = true      \
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
    KT_OPTIONS_END,
};

/* What a source's records may be late, in minutes (DESIGN §11); others are polled: 10. */
static const struct {
    const char *type;
    uint32_t minutes;
} lateness[] = { { "vault", 1 },      { "auditd", 1 }, { "fanotify", 1 },
                 { "kubernetes", 2 }, { "azure", 15 }, { "cloudtrail", 20 } };

static uint32_t late_by(const struct source *x)
{
    for (unsigned i = 0; i < KT_ARRAY_LEN(lateness); i++) {
        if (strcmp(lateness[i].type, x->type) == 0)
            return lateness[i].minutes;
    }
    return 10;
}

static uint32_t later(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t earlier(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t minutes(kt_time_ns t)
{
    return (uint32_t)(t / KT_NS_MIN);
}

static struct kt_key key_of(const struct kt_scene *s, struct kt_str name, struct kt_str type)
{
    return (struct kt_key){ kt_recall_hash(s->recall, name, SEED) | 1,
                            kt_recall_hash(s->recall, type, SEED) };
}

static struct kt_key agent_key(struct kt_str name)
{
    return (struct kt_key){ kt_hash64(name, ~SEED) | 1, 1 };
}

static struct clock *clock_of(struct kt_scene *s)
{
    return kt_table_put(s->tables[T_CLOCK], (struct kt_key){ 1, 0 }, NULL);
}

/* ---- pauses ---- */
static void note_pause(struct pauses *p, uint32_t minute, uint32_t pause, bool told)
{
    uint16_t day = (uint16_t)(minute / DAY_MIN), v = (uint16_t)earlier(pause, UINT16_MAX);
    unsigned i = day % PAUSE_DAYS;
    if (p->day[i] != day) {
        p->day[i] = day;
        p->usual[i] = p->told[i] = 0;
    }
    uint16_t *slot = told ? &p->told[i] : &p->usual[i];
    *slot = *slot < v ? v : *slot;
}

/* The longest usual pause of the 28 days before today. One that was told counts from the third day
 * on: what people let happen three times in a month is no news. */
static uint32_t longest_pause(const struct pauses *p, uint32_t minute, unsigned *ret_days)
{
    uint32_t today = minute / DAY_MIN, usual = 0, top[3] = { 0 };
    *ret_days = 0;
    for (unsigned i = 0; i < PAUSE_DAYS; i++) {
        if (p->day[i] == 0 || p->day[i] >= today || p->day[i] + PAUSE_DAYS < today)
            continue;
        (*ret_days)++;
        usual = later(usual, p->usual[i]);
        uint32_t v = p->told[i];
        for (unsigned k = 0; k < 3; k++) {
            uint32_t larger = later(top[k], v);
            v = earlier(top[k], v);
            top[k] = larger;
        }
    }
    return later(usual, top[2]);
}

/* ---- maintenance ---- */
static bool in_window(const struct kt_conf *conf, const char *name, kt_time_ns t)
{
    for (unsigned i = 0; i < conf->n_maintenance; i++) {
        const struct kt_conf_maintenance *m = &conf->maintenance[i];
        if (strcmp(m->source, name) == 0 && t >= m->from - BEFORE_NS && t <= m->until + AFTER_NS)
            return true;
    }
    return false;
}

static bool hour_in_window(const struct kt_conf *conf, const char *name, uint32_t hour)
{
    kt_time_ns from = hour * KT_NS_HOUR;
    for (unsigned i = 0; i < conf->n_maintenance; i++) {
        const struct kt_conf_maintenance *m = &conf->maintenance[i];
        if (strcmp(m->source, name) == 0 && from <= m->until + AFTER_NS &&
            from + KT_NS_HOUR >= m->from - BEFORE_NS)
            return true;
    }
    return false;
}

/* ---- how many events are usual ---- */
static bool hour_known(const struct source *x, unsigned i)
{
    return (x->known[i / 32] >> i % 32 & 1) != 0;
}

static double rate_of(const struct source *x, uint32_t hour)
{
    unsigned n = 0, at = hour % WEEK_HOURS;
    double sum = 0;
    if (hour_known(x, at))
        return (double)x->rate[at];
    for (unsigned i = at % 24; i < WEEK_HOURS; i += 24) { /* the first week: as on other days */
        if (!hour_known(x, i))
            continue;
        sum += (double)x->rate[i];
        n++;
    }
    return n > 0 ? sum / n : 0;
}

struct missing {
    double events;
    unsigned hours; /* in which at least one was to be expected */
};

static bool is_holiday(const struct kt_conf *conf, uint32_t hour)
{
    char day[KT_TIME_TEXT_MAX];
    if (conf->holidays.n == 0)
        return false;
    (void)kt_time_format_short(hour * KT_NS_HOUR, day);
    for (unsigned i = 0; i < conf->holidays.n; i++) {
        if (strncmp(day, conf->holidays.at[i], 10) == 0)
            return true;
    }
    return false;
}

/* In [from, until), by hours of the week that were counted, and not on holidays. */
static struct missing missing(const struct kt_scene *s, const struct source *x, uint32_t from,
                              uint32_t until)
{
    struct missing m = { 0 };
    if (until <= from)
        return m;
    from = until - from > STRETCH_MIN ? until - STRETCH_MIN : from;
    for (uint32_t hour = from / 60; hour * 60 < until; hour++) {
        if (!hour_known(x, hour % WEEK_HOURS) || is_holiday(s->shared->conf, hour))
            continue;
        double rate = rate_of(x, hour);
        m.events += rate * (double)(earlier(until, hour * 60 + 60) - later(from, hour * 60)) / 60;
        m.hours += rate >= 1;
    }
    return m;
}

/* In [from, until), by hours of the week, and by hours of other days where those are not known. */
static double expected(const struct source *x, uint32_t from, uint32_t until)
{
    double sum = 0;
    if (until <= from)
        return 0;
    from = until - from > STRETCH_MIN ? until - STRETCH_MIN : from;
    for (uint32_t hour = from / 60; hour * 60 < until; hour++)
        sum += rate_of(x, hour) *
               (double)(earlier(until, hour * 60 + 60) - later(from, hour * 60)) / 60;
    return sum;
}

static unsigned count_in_hour(const struct kt_ring *r, int64_t hour)
{
    int64_t newest = r->newest / 12;
    return hour <= newest && newest - hour < 25 ? r->hour[hour % 25] : 0;
}

static bool held(const struct source *x, uint32_t hour)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (x->held[i].until_min != 0 && x->held[i].from_min < hour * 60 + 60 &&
            x->held[i].until_min >= hour * 60)
            return true;
    }
    return x->silent_min != 0 && hour * 60 + 60 > x->silent_min;
}

/* Counts the hours that ended a day ago: what an incident of today holds is known by then. Called
 * with an event: whether a pause counts is known when it is over. */
static void roll(const struct kt_scene *s, struct source *x, uint32_t minute)
{
    uint32_t until = minute / 60 - 23; /* exclusive */
    x->hour = later(x->hour, until > 4 * WEEK_HOURS ? until - 4 * WEEK_HOURS : 0);
    for (; x->hour < until; x->hour++) {
        unsigned at = x->hour % WEEK_HOURS;
        if (held(x, x->hour) || hour_in_window(s->shared->conf, x->instance, x->hour))
            continue;
        double v = count_in_hour(&x->ring, x->hour);
        x->rate[at] =
            (float)(hour_known(x, at) ? (1 - WEIGHT) * (double)x->rate[at] + WEIGHT * v : v);
        x->known[at / 32] |= 1u << at % 32;
    }
}

/* ---- telling ---- */
static struct kt_finding *tell(struct kt_scene *s, struct kt_key agent, uint64_t points,
                               unsigned flags, const struct source *x,
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
static struct kt_key episode_key(struct kt_key agent, const struct agent *a)
{
    return (struct kt_key){ agent.a, a != NULL ? a->episode : 0 };
}

/* After a day, two, four, eight, sixteen: who loses records every day is told of it, not daily. */
static bool due(struct told *t, uint32_t minute)
{
    if (t->n > 0 && minute > t->last_min + PAUSE_DAYS * DAY_MIN)
        t->n = 0;
    if (t->n > 0 && minute < t->last_min + (DAY_MIN << earlier(t->n - 1, 4)))
        return false;
    t->last_min = minute;
    t->n++;
    return true;
}

static const char *say_minute(uint32_t minute, char buf[KT_TIME_TEXT_MAX])
{
    (void)kt_time_format_short((kt_time_ns)minute * KT_NS_MIN, buf);
    buf[16] = '\0'; /* without the seconds */
    return buf;
}

static const char *say_span(uint32_t span, char buf[KT_TIME_TEXT_MAX])
{
    if (span < 120)
        kt_say(buf, KT_TIME_TEXT_MAX, "%u minute%s", span, span == 1 ? "" : "s");
    else if (span < 2 * DAY_MIN)
        kt_say(buf, KT_TIME_TEXT_MAX, "%u h %u min", span / 60, span % 60);
    else
        kt_say(buf, KT_TIME_TEXT_MAX, "%u days", span / DAY_MIN);
    return buf;
}

static const char *say_others(unsigned n, char buf[32])
{
    buf[0] = '\0';
    if (n > 1)
        kt_say(buf, 32, " and %u other source%s", n - 1, n > 2 ? "s" : "");
    return buf;
}

/* ---- records that are lost for sure ---- */
enum { N_LOSS, N_WHICH, N_ALONE, N_ALL };

static void words_of_loss(const struct kt_scene *s, struct kt_finding *f)
{
    static const struct {
        const char *before, *between, *after, *help;
        bool source;
    } texts[LOSSES] = {
        [L_BATCH] = { "Agent ", " lost records on their way to the collector", "",
                      "A batch of its spool could not be sent", false },
        [L_EMPTIED] = { "A log that agent ", " reads (", ") was emptied, with no copy beside it",
                        "Rotation leaves a copy; whoever empties a log wants it gone", true },
        [L_DROPPED] = { "Records were lost before agent ", " could keep them (", ")",
                        "Its counter of lost records grew", true },
        [L_FINDING] = { "Agent ", " found that records are missing in ", "",
                        "The source counts its records, and some never came", true },
        [L_CLOCK] = { "The clock of agent ", " was set back", "",
                      "Events of that time seem older than they are", false },
    };
    enum loss loss = (enum loss)f->number[N_LOSS];
    unsigned which = (unsigned)f->number[N_WHICH];
    char name[160], more[160], back[KT_TIME_TEXT_MAX];
    struct kt_str said = s->report->problem;
    if (loss == L_FINDING)
        said = s->report->finding[which].text;
    else if (loss == L_BATCH)
        said = s->report->reason;
    kt_say_name(s->agent, 60, name);
    kt_say_name(s->ev->instance, 60, more);
    KT_SAY(f->title, "%s%s%s%s%s.", texts[loss].before, name, texts[loss].between,
           texts[loss].source ? more : "", texts[loss].after);
    if (loss == L_CLOCK)
        KT_SAY(f->normal, "%s: it jumped back by %s.", texts[loss].help, say_span(which, back));
    else if (said.len > 0)
        KT_SAY(f->normal, "%s: " KT_STR_FMT ".", texts[loss].help,
               KT_STR_ARG(kt_utf8_cut(said, 250)));
    else
        KT_SAY(f->normal, "%s.", texts[loss].help);
    KT_SAY(f->part, "%s", f->title);
    KT_SAY(f->quiet, "A maintenance window for %s (maintenance: in keytrail.yaml).", more);
}

static void lose(struct kt_scene *s, const struct options *o, struct source *x, enum loss loss,
                 unsigned which)
{
    const uint64_t points[LOSSES] = { [L_BATCH] = o->lost,
                                      [L_EMPTIED] = o->emptied,
                                      [L_DROPPED] = o->lost,
                                      [L_FINDING] = o->lost,
                                      [L_CLOCK] = o->clock };
    if (in_window(s->shared->conf, x->instance, s->t) || !due(&x->told[loss], s->minute))
        return;
    struct kt_key key = agent_key(s->agent);
    key = episode_key(key, kt_table_peek(s->tables[T_AGENT], key));
    struct kt_finding *f = tell(s, key, points[loss], KT_FIND_LEARNING, x, words_of_loss);
    if (f == NULL)
        return;
    f->number[N_LOSS] = loss;
    f->number[N_WHICH] = which;
}

/* A counter that is smaller than before began anew with the agent. */
static bool grew(uint64_t *was, uint64_t now)
{
    bool more = now > *was;
    *was = now;
    return more;
}

/* Findings that say that records are missing; the others are settings. */
static bool is_loss(struct kt_str code)
{
    static const char *const codes[] = { "auditd.gap", "auditd.lost", "fanotify.lost" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(codes); i++) {
        if (kt_str_is(code, codes[i]))
            return true;
    }
    return false;
}

static void counters(struct kt_scene *s, const struct options *o, struct source *x)
{
    const struct kt_report *r = s->report;
    uint64_t said = 0;
    unsigned newest = 0;
    for (unsigned i = 0; i < r->n_findings; i++) {
        if (!is_loss(r->finding[i].code))
            continue;
        said += r->finding[i].said;
        newest = i;
    }
    bool known = x->heard != 0;
    x->heard = 1;
    bool emptied = grew(&x->emptied, r->emptied), dropped = grew(&x->lost, r->lost),
         found = grew(&x->said, said);
    if (!known)
        return; /* what the agent met before it was known is not news */
    if (emptied)
        lose(s, o, x, L_EMPTIED, 0);
    if (dropped && !emptied)
        lose(s, o, x, L_DROPPED, 0);
    if (found)
        lose(s, o, x, L_FINDING, newest);
}

static void words_of_unanswered(const struct kt_scene *s, struct kt_finding *f)
{
    char name[160], alone[32], all[32];
    kt_say_name(s->ev->instance, 60, name);
    kt_say_count(f->number[N_ALONE], alone);
    kt_say_count(f->number[N_ALL], all);
    KT_SAY(f->title, "%s logged %s requests without their responses within 10 minutes.", name,
           alone);
    KT_SAY(f->normal,
           "%s requests came in that time; a request without a response is rare: a "
           "crash, or an audit log of which lines are missing.",
           all);
    KT_SAY(f->part, "%s of %s requests of %s without a response", alone, all, name);
    KT_SAY(f->quiet, "At most 1 %% of the requests without a response.");
}

static void answers(struct kt_scene *s, const struct options *o, struct source *x)
{
    if (x->ten != s->minute / 10) {
        x->ten = s->minute / 10;
        x->answers = x->alone = 0;
    }
    x->answers++;
    x->alone += s->ev->outcome == KT_OUT_UNKNOWN && s->ev->duration == 0;
    if (x->alone < o->unanswered || x->alone * UINT64_C(100) <= x->answers ||
        in_window(s->shared->conf, x->instance, s->t) || !due(&x->told[L_UNANSWERED], s->minute))
        return;
    struct kt_key key = episode_key(x->agent, kt_table_peek(s->tables[T_AGENT], x->agent));
    key = x->agent.a != 0 ? key : key_of(s, s->ev->instance, s->ev->source);
    struct kt_finding *f = tell(s, key, o->lost, KT_FIND_LEARNING, x, words_of_unanswered);
    if (f == NULL)
        return;
    f->number[N_ALONE] = x->alone;
    f->number[N_ALL] = x->answers;
}

/* ---- events ---- */
static struct source *source_of(struct kt_scene *s)
{
    bool fresh;
    struct source *x =
        kt_table_put(s->tables[T_SOURCE], key_of(s, s->ev->instance, s->ev->source), &fresh);
    if (!fresh)
        return x;
    kt_str_copyz(x->instance, sizeof x->instance,
                 kt_utf8_cut(s->ev->instance, sizeof x->instance - 1));
    kt_str_copyz(x->type, sizeof x->type, kt_utf8_cut(s->ev->source, sizeof x->type - 1));
    return x;
}

/* From when on a pause of the source may be counted. */
static uint32_t pause_begins(struct kt_scene *s, const struct source *x)
{
    const struct agent *a = kt_table_peek(s->tables[T_AGENT], x->agent);
    uint32_t from = later(later(x->newest_min, x->free_min), clock_of(s)->resumed_min);
    return a != NULL ? later(from, a->up_min) : from;
}

static void end_silence(struct source *x, uint32_t minute)
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
    struct source *x = source_of(s);
    if (x->first_min == 0) {
        x->first_min = x->newest_min = s->minute;
        x->hour = s->minute / 60 + 1; /* the first one is cut */
        x->scope = kt_hash64(s->ev->scope, SEED);
    }
    roll(s, x, s->minute);
    if (s->minute > x->newest_min || x->silent_min != 0) {
        uint32_t from = pause_begins(s, x);
        uint32_t pause = s->minute > from ? s->minute - from : 0;
        double missed = pause > 0 ? missing(s, x, from, s->minute).events : 0;
        note_pause(&x->pauses, s->minute, pause, x->silent_min != 0);
        note_pause(&x->missed, s->minute, (uint32_t)missed, x->silent_min != 0);
        x->newest_min = later(x->newest_min, s->minute);
        if (x->silent_min != 0)
            end_silence(x, s->minute);
    }
    kt_ring_add(&x->ring, s->t, 1);
    x->arrived_min = minutes(s->arrival);
    if (strcmp(x->type, "vault") == 0)
        answers(s, opt, x);
}

/* ---- heartbeats ---- */
static struct agent *heard(struct kt_scene *s)
{
    bool fresh;
    struct agent *a = kt_table_put(s->tables[T_AGENT], agent_key(s->agent), &fresh);
    if (fresh) {
        kt_str_copyz(a->name, sizeof a->name, kt_utf8_cut(s->agent, sizeof a->name - 1));
        a->first_min = a->up_min = a->heard_min = s->minute;
    }
    uint32_t from = later(later(a->heard_min, a->free_min), clock_of(s)->resumed_min);
    uint32_t pause = s->minute > from ? s->minute - from : 0;
    note_pause(&a->pauses, s->minute, pause > AWAY_MIN ? pause : 0, a->state == AWAY);
    if (s->minute > a->heard_min + AWAY_MIN)
        a->up_min = s->minute;
    a->heard_min = s->minute;
    a->crowd = 0;
    return a;
}

static void on_report(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    if (s->agent.len == 0 || s->ev->instance.len == 0)
        return;
    struct source *x = source_of(s);
    if (s->report->lost_batch) {
        lose(s, o, x, L_BATCH, 0);
        return;
    }
    struct agent *a = heard(s);
    kt_time_ns t = s->ev->time < s->t ? s->ev->time : s->t;
    if (a->reported != 0 && t < a->reported - BACK_NS)
        lose(s, o, x, L_CLOCK, minutes(a->reported - t));
    a->reported = t;
    x->agent = agent_key(s->agent);
    x->reported_min = minutes(t);
    x->spoke_min = s->minute;
    x->lag = s->report->lag;
    counters(s, o, x);
}

/* ---- ticks ---- */
/* Other instances of the cluster took over what is missing here. */
static bool failed_over(struct kt_scene *s, const struct source *x, uint32_t until, uint32_t gap)
{
    unsigned hours = earlier((gap + 59) / 60, 24);
    uint32_t at = 0, from = until - hours * 60;
    double usual = 0, here = expected(x, from, until), found = 0;
    const struct source *y;
    while ((y = kt_table_look(s->tables[T_SOURCE], &at, NULL)) != NULL) {
        if (y == x || y->scope != x->scope || strcmp(y->type, x->type) != 0 || y->first_min == 0)
            continue;
        usual += expected(y, from, until);
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
static bool is_unusual(const struct kt_scene *s, const struct source *x, uint32_t until,
                       struct silence *ret)
{
    unsigned days;
    struct missing m = missing(s, x, until - ret->gap, until);
    ret->missed = longest_pause(&x->missed, s->minute, &days);
    bool unusual = m.events >= MISSED_LEAST && m.hours >= MISSED_HOURS &&
                   m.events > MISSED_TIMES * (double)later(ret->missed, 1);
    if (unusual)
        ret->expected = m.events;
    return unusual;
}

static bool is_quiet(struct kt_scene *s, const struct options *o, const struct source *x,
                     struct silence *ret)
{
    static const struct {
        double expected;
        uint32_t times;
    } rules[] = { { 12, 2 }, { 6, 3 }, { 4, 6 } };
    /* An agent that catches up speaks of an earlier time: what it has read until then counts. */
    uint32_t until = earlier(s->minute, x->reported_min), from = pause_begins(s, x);
    uint32_t idle = s->minute - earlier(s->minute, later(x->arrived_min, from));
    unsigned days;
    until -= late_by(x);
    ret->gap = earlier(until > from ? until - from : 0, idle);
    ret->record = longest_pause(&x->pauses, s->minute, &days);
    if (x->first_min == 0 || ret->gap < minutes(o->least))
        return false;
    ret->expected = expected(x, until - ret->gap, until);
    if (s->minute < x->first_min + minutes(o->learn) || days < DAYS_LEAST)
        return false;
    ret->points = 0;
    for (unsigned i = 0; i < KT_ARRAY_LEN(rules); i++) {
        if (ret->expected >= rules[i].expected && ret->gap > rules[i].times * later(ret->record, 1))
            ret->points = (uint32_t)o->quiet;
    }
    if (ret->points == 0 && is_unusual(s, x, until, ret))
        ret->points = (uint32_t)o->busy;
    return ret->points > 0 && !failed_over(s, x, until, ret->gap);
}

static bool agent_there(struct kt_scene *s, const struct agent *a)
{
    return s->minute <= later(a->heard_min, clock_of(s)->resumed_min) + AWAY_MIN;
}

static void look_at_source(struct kt_scene *s, const struct options *o, struct source *x,
                           struct agent *a)
{
    struct silence q = { 0 };
    a->sources++;
    if (in_window(s->shared->conf, x->instance, s->t)) {
        x->free_min = s->minute;
        a->excused++;
        return;
    }
    if (!agent_there(s, a) || clock_of(s)->resumed_min == s->minute)
        return;
    uint32_t since = later(later(x->spoke_min, a->up_min), clock_of(s)->resumed_min);
    bool unread = s->minute > since + UNREAD_MIN && x->lag == 0 && x->first_min != 0 &&
                  s->minute >= x->first_min + minutes(o->learn);
    bool quiet = !unread && is_quiet(s, o, x, &q);
    /* what was told lasts until an event comes, whatever the yardstick does meanwhile */
    bool lasts = !unread && !quiet && x->silent_min != 0 && q.gap >= minutes(o->least);
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
    a->worst = key_of(s, kt_str_of(x->instance), kt_str_of(x->type));
    a->worst_expected = q.expected;
    a->worst_gap = unread ? s->minute - since : q.gap;
    a->worst_record = unread ? 0 : q.record;
    a->worst_points = unread ? 0 : q.points;
    a->worst_missed = unread || q.points != o->busy ? 0 : later(q.missed, 1);
}

static void say_quiet(const struct kt_scene *s, struct kt_finding *f, const struct agent *a)
{
    const struct source *x = kt_table_peek(s->tables[T_SOURCE], a->worst);
    char who[160], agent[160], other[32], since[KT_TIME_TEXT_MAX], gap[KT_TIME_TEXT_MAX],
        longest[KT_TIME_TEXT_MAX], n[32], lag[32], before[100];
    kt_say_name(kt_str_of(x->instance), 60, who);
    kt_say_name(kt_str_of(a->name), 60, agent);
    say_others(a->quiet, other);
    say_minute(x->newest_min, since);
    say_span(a->worst_gap, gap);
    KT_SAY(f->title, "%s%s is quiet since %s UTC; agent %s is there and reads it.", who, other,
           since, agent);
    kt_say_count(a->worst_expected, n);
    if (a->worst_missed > 0)
        KT_SAY(before, "In 28 days no pause missed more than %s",
               kt_say_count(a->worst_missed, lag));
    else
        KT_SAY(before, "Its longest pause in 28 days was %s",
               say_span(later(a->worst_record, 1), longest));
    KT_SAY(f->normal,
           "In %s without maintenance about %s events are usual (by hour of the week, newer weeks "
           "count more). %s. %s bytes wait to be read.",
           gap, n, before, kt_say_count((double)x->lag, lag));
    KT_SAY(f->part, "%s quiet for %s, about %s events missing", who, gap, n);
    KT_SAY(f->quiet, "Events, or a maintenance window for %s (maintenance: in keytrail.yaml).",
           who);
}

static void say_unread(const struct kt_scene *s, struct kt_finding *f, const struct agent *a)
{
    const struct source *x = kt_table_peek(s->tables[T_SOURCE], a->worst);
    char who[160], agent[160], other[32], since[KT_TIME_TEXT_MAX];
    kt_say_name(kt_str_of(x->instance), 60, who);
    kt_say_name(kt_str_of(a->name), 60, agent);
    say_others(a->unread, other);
    say_minute(s->minute - a->worst_gap, since);
    KT_SAY(f->title, "Agent %s no longer reads %s%s.", agent, who, other);
    KT_SAY(f->normal, "It last spoke of it at %s UTC, and goes on to speak of its other sources.",
           since);
    KT_SAY(f->part, "%s no longer read", who);
    KT_SAY(f->quiet, "The source in agent.yaml, there or at another agent.");
}

static void say_away(const struct kt_scene *s, struct kt_finding *f, const struct agent *a)
{
    char who[160], agent[160], other[32], since[KT_TIME_TEXT_MAX], gap[KT_TIME_TEXT_MAX],
        longest[KT_TIME_TEXT_MAX];
    unsigned days;
    uint32_t record = longest_pause(&a->pauses, s->minute, &days);
    kt_say_name(f->instance, 60, who);
    kt_say_name(kt_str_of(a->name), 60, agent);
    say_others(a->sources, other);
    say_span(s->minute - a->heard_min, gap);
    KT_SAY(f->title, "Agent %s has not been heard since %s UTC.", agent,
           say_minute(a->heard_min, since));
    KT_SAY(f->normal,
           "It speaks every minute; its longest pause in 28 days was %s. It reads %s%s: what is "
           "done there comes to light only when it is back.",
           record > 0 ? say_span(record, longest) : "under 10 minutes", who, other);
    KT_SAY(f->part, "agent %s not heard for %s", agent, gap);
    KT_SAY(f->quiet, "A maintenance window for %s, or for all that it reads.", agent);
}

static void words_of_state(const struct kt_scene *s, struct kt_finding *f)
{
    static void (*const say[])(
        const struct kt_scene *s, struct kt_finding *f,
        const struct agent *a) = { [AWAY] = say_away, [UNREAD] = say_unread, [QUIET] = say_quiet };
    const struct agent *a = kt_table_peek(s->tables[T_AGENT], (struct kt_key){ f->key.a, 1 });
    say[a->state](s, f, a);
}

static const struct source *any_source(struct kt_scene *s, struct kt_key agent)
{
    uint32_t at = 0;
    const struct source *x;
    while ((x = kt_table_look(s->tables[T_SOURCE], &at, NULL)) != NULL) {
        if (kt_key_eq(x->agent, agent))
            return x;
    }
    return NULL;
}

/* News, and with the room that is left what lasts: its incident stays open. */
static void tell_state(struct kt_scene *s, const struct options *o, struct agent *a,
                       struct kt_key key, bool lasting)
{
    static const size_t at[] = { [AWAY] = offsetof(struct options, away),
                                 [UNREAD] = offsetof(struct options, unread),
                                 [QUIET] = offsetof(struct options, quiet) };
    if (a->state == FINE || a->crowd || lasting == (a->untold != 0) || a->told_min == s->minute ||
        (lasting && s->minute > a->episode + STAYS_MIN))
        return;
    if (!lasting && s->minute > a->told_min + EPISODE_MIN)
        a->episode = s->minute;
    const struct source *x =
        a->state == AWAY ? any_source(s, key) : kt_table_peek(s->tables[T_SOURCE], a->worst);
    uint64_t points = a->worst_points;
    if (a->state != QUIET)
        memcpy(&points, (const char *)o + at[a->state], sizeof points);
    unsigned flags = a->state == QUIET ? 0 : KT_FIND_LEARNING;
    /* work on one source says nothing of the others of its agent */
    bool one = a->state == AWAY ? a->sources == 1 : a->state == QUIET && a->quiet + a->unread == 1;
    flags |= one ? KT_FIND_OUTAGE : 0;
    if (tell(s, episode_key(key, a), points, flags, x, words_of_state) == NULL || lasting)
        return;
    a->untold = 0;
    a->told_min = s->minute;
}

static uint32_t away_for(struct kt_scene *s, const struct agent *a)
{
    uint32_t from = later(later(a->heard_min, a->free_min), clock_of(s)->resumed_min);
    return s->minute > from ? s->minute - from : 0;
}

static bool is_judged(const struct kt_scene *s, const struct options *o, const struct agent *a)
{
    return a->sources > a->excused && s->minute >= a->first_min + minutes(o->learn);
}

static enum state state_of(struct kt_scene *s, const struct options *o, struct agent *a)
{
    unsigned days;
    if (in_window(s->shared->conf, a->name, s->t) || (a->sources > 0 && a->sources == a->excused))
        a->free_min = s->minute;
    uint32_t limit = later(minutes(o->heartbeat), 2 * longest_pause(&a->pauses, s->minute, &days));
    if (is_judged(s, o, a) && away_for(s, a) >= limit)
        return AWAY;
    return a->quiet > 0 ? QUIET : a->unread > 0 ? UNREAD : FINE;
}

enum { N_AWAY, N_AGENTS, N_SINCE };

static void words_of_crowd(const struct kt_scene *s, struct kt_finding *f)
{
    char since[KT_TIME_TEXT_MAX];
    unsigned away = (unsigned)f->number[N_AWAY], all = (unsigned)f->number[N_AGENTS];
    (void)s;
    KT_SAY(f->title, "%u of %u agents have not been heard since %s UTC.", away, all,
           say_minute((uint32_t)f->number[N_SINCE], since));
    KT_SAY(f->normal, "Each speaks every minute. So many at once are the network between, or this "
                      "collector's door: look there before looking at hosts.");
    KT_SAY(f->part, "%u of %u agents not heard", away, all);
    KT_SAY(f->quiet, "Their return: agents keep what they read and send it then.");
}

/* Three and a third of all that are gone at once have one cause, and are one alert. */
static void look_at_crowd(struct kt_scene *s, const struct options *o)
{
    uint32_t at = 0, since = 0;
    unsigned away = 0, all = 0, over = 0;
    struct agent *a;
    while ((a = kt_table_next(s->tables[T_AGENT], &at, NULL)) != NULL) {
        if (!is_judged(s, o, a))
            continue;
        if (a->state == AWAY && !a->untold && !a->crowd)
            continue; /* told by itself, long ago perhaps */
        bool gone = away_for(s, a) >= AWAY_MIN;
        all++;
        away += gone;
        over += a->state == AWAY;
        since = gone ? later(since, a->heard_min) : since;
    }
    struct clock *c = clock_of(s);
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
    struct kt_finding *f =
        tell(s, (struct kt_key){ 2, 2 }, o->away, KT_FIND_LEARNING, NULL, words_of_crowd);
    if (f == NULL)
        return;
    f->number[N_AWAY] = away;
    f->number[N_AGENTS] = all;
    f->number[N_SINCE] = since;
}

static void on_tick(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    struct clock *c = clock_of(s);
    struct kt_key key;
    struct agent *a;
    struct source *x;
    uint32_t at = 0;
    if (s->minute > c->last_min + TICK_MIN)
        c->resumed_min = s->minute;
    c->last_min = s->minute;
    while ((a = kt_table_next(s->tables[T_AGENT], &at, NULL)) != NULL) {
        a->sources = a->excused = a->unread = a->quiet = a->fresh = 0;
        a->worst_weight = -1;
    }
    for (at = 0; (x = kt_table_next(s->tables[T_SOURCE], &at, NULL)) != NULL;) {
        if ((a = kt_table_get(s->tables[T_AGENT], x->agent)) != NULL)
            look_at_source(s, o, x, a);
    }
    for (at = 0; (a = kt_table_next(s->tables[T_AGENT], &at, NULL)) != NULL;) {
        enum state state = state_of(s, o, a);
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
    KT_SAY(text, "%s%s %s %s UTC", what, name, how, say_minute(since, when));
    kt_buf_addz(out, out->at[out->len - 1] == '[' ? "" : ",");
    kt_json_quote(out, kt_str_of(text));
}

static void status(struct kt_table *const *tables_of, struct kt_buf *out)
{
    uint32_t at = 0;
    const struct source *x;
    const struct agent *a;
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
    const struct source *x;
    while ((x = kt_table_look(tables_of[T_SOURCE], &at, NULL)) != NULL) {
        const struct agent *a = kt_table_peek(tables_of[T_AGENT], x->agent);
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
    .options_size = sizeof(struct options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .on_report = on_report,
    .on_tick = on_tick,
    .status = status,
    .silent = silent,
};
