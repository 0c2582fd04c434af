/*
 * silent_words: the sentences of an agent that is not heard and of a source that is quiet.
 *
 * Owns:  words. Calls: detector.h and core only.
 */
#include "detectors/silent_source_int.h"

const char *kt_silent_say_minute(uint32_t minute, char buf[KT_TIME_TEXT_MAX])
{
    (void)kt_time_format_short((kt_time_ns)minute * KT_NS_MIN, buf);
    buf[16] = '\0'; /* without the seconds */
    return buf;
}

const char *kt_silent_say_span(uint32_t span, char buf[KT_TIME_TEXT_MAX])
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

static void say_quiet(const struct kt_scene *s, struct kt_finding *f,
                      const struct kt_silent_agent *a)
{
    const struct kt_silent_source *x = kt_table_peek(s->tables[T_SOURCE], a->worst);
    char who[160], agent[160], other[32], since[KT_TIME_TEXT_MAX], gap[KT_TIME_TEXT_MAX],
        longest[KT_TIME_TEXT_MAX], n[32], lag[32], before[100];
    kt_say_name(kt_str_of(x->instance), 60, who);
    kt_say_name(kt_str_of(a->name), 60, agent);
    say_others(a->quiet, other);
    kt_silent_say_minute(x->newest_min, since);
    kt_silent_say_span(a->worst_gap, gap);
    KT_SAY(f->title, "%s%s is quiet since %s UTC; agent %s is there and reads it.", who, other,
           since, agent);
    kt_say_count(a->worst_expected, n);
    if (a->worst_missed > 0)
        KT_SAY(before, "In 28 days no pause missed more than %s",
               kt_say_count(a->worst_missed, lag));
    else
        KT_SAY(before, "Its longest pause in 28 days was %s",
               kt_silent_say_span(kt_silent_later(a->worst_record, 1), longest));
    KT_SAY(f->normal,
           "In %s without maintenance about %s events are usual (by hour of the week, newer weeks "
           "count more). %s. %s bytes wait to be read.",
           gap, n, before, kt_say_count((double)x->lag, lag));
    KT_SAY(f->part, "%s quiet for %s, about %s events missing", who, gap, n);
    KT_SAY(f->quiet, "Events, or a maintenance window for %s (maintenance: in keytrail.yaml).",
           who);
}

static void say_unread(const struct kt_scene *s, struct kt_finding *f,
                       const struct kt_silent_agent *a)
{
    const struct kt_silent_source *x = kt_table_peek(s->tables[T_SOURCE], a->worst);
    char who[160], agent[160], other[32], since[KT_TIME_TEXT_MAX];
    kt_say_name(kt_str_of(x->instance), 60, who);
    kt_say_name(kt_str_of(a->name), 60, agent);
    say_others(a->unread, other);
    kt_silent_say_minute(s->minute - a->worst_gap, since);
    KT_SAY(f->title, "Agent %s no longer reads %s%s.", agent, who, other);
    KT_SAY(f->normal, "It last spoke of it at %s UTC, and goes on to speak of its other sources.",
           since);
    KT_SAY(f->part, "%s no longer read", who);
    KT_SAY(f->quiet, "The source in agent.yaml, there or at another agent.");
}

static void say_away(const struct kt_scene *s, struct kt_finding *f,
                     const struct kt_silent_agent *a)
{
    char who[160], agent[160], other[32], since[KT_TIME_TEXT_MAX], gap[KT_TIME_TEXT_MAX],
        longest[KT_TIME_TEXT_MAX];
    unsigned days;
    uint32_t record = kt_silent_longest_pause(&a->pauses, s->minute, &days);
    kt_say_name(f->instance, 60, who);
    kt_say_name(kt_str_of(a->name), 60, agent);
    say_others(a->sources, other);
    kt_silent_say_span(s->minute - a->heard_min, gap);
    KT_SAY(f->title, "Agent %s has not been heard since %s UTC.", agent,
           kt_silent_say_minute(a->heard_min, since));
    KT_SAY(f->normal,
           "It speaks every minute; its longest pause in 28 days was %s. It reads %s%s: what is "
           "done there comes to light only when it is back.",
           record > 0 ? kt_silent_say_span(record, longest) : "under 10 minutes", who, other);
    KT_SAY(f->part, "agent %s not heard for %s", agent, gap);
    KT_SAY(f->quiet, "A maintenance window for %s, or for all that it reads.", agent);
}

void kt_silent_words_of_state(const struct kt_scene *s, struct kt_finding *f)
{
    static void (*const say[])(const struct kt_scene *s, struct kt_finding *f,
                               const struct kt_silent_agent *a) = {
        [AWAY] = say_away, [UNREAD] = say_unread, [QUIET] = say_quiet
    };
    const struct kt_silent_agent *a =
        kt_table_peek(s->tables[T_AGENT], (struct kt_key){ f->key.a, 1 });
    say[a->state](s, f, a);
}

void kt_silent_words_of_crowd(const struct kt_scene *s, struct kt_finding *f)
{
    char since[KT_TIME_TEXT_MAX];
    unsigned away = (unsigned)f->number[KT_SILENT_N_AWAY],
             all = (unsigned)f->number[KT_SILENT_N_AGENTS];
    (void)s;
    KT_SAY(f->title, "%u of %u agents have not been heard since %s UTC.", away, all,
           kt_silent_say_minute((uint32_t)f->number[KT_SILENT_N_SINCE], since));
    KT_SAY(f->normal, "Each speaks every minute. So many at once are the network between, or this "
                      "collector's door: look there before looking at hosts.");
    KT_SAY(f->part, "%u of %u agents not heard", away, all);
    KT_SAY(f->quiet, "Their return: agents keep what they read and send it then.");
}
