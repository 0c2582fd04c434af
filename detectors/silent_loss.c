/*
 * silent_loss: records that are lost for sure: emptied logs, counters, batches, clocks that jump,
 * requests without responses.
 *
 * Owns:  when each kind of loss of a source is told, and its sentence.
 * Calls: detector.h and core only. No clock, no I/O.
 * Holds: what an agent met before it was known is no news; what goes on is told less and less.
 */
#include "detectors/silent_source_int.h"

/* After a day, two, four, eight, sixteen: who loses records every day is told of it, not daily. */
static bool due(struct kt_silent_told *t, uint32_t minute)
{
    if (t->n > 0 && minute > t->last_min + PAUSE_DAYS * DAY_MIN)
        t->n = 0;
    if (t->n > 0 && minute < t->last_min + (DAY_MIN << kt_silent_earlier(t->n - 1, 4)))
        return false;
    t->last_min = minute;
    t->n++;
    return true;
}

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
    enum kt_silent_loss loss = (enum kt_silent_loss)f->number[N_LOSS];
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
        KT_SAY(f->normal, "%s: it jumped back by %s.", texts[loss].help,
               kt_silent_say_span(which, back));
    else if (said.len > 0)
        KT_SAY(f->normal, "%s: " KT_STR_FMT ".", texts[loss].help,
               KT_STR_ARG(kt_utf8_cut(said, 250)));
    else
        KT_SAY(f->normal, "%s.", texts[loss].help);
    KT_SAY(f->part, "%s", f->title);
    KT_SAY(f->quiet, "A maintenance window for %s (maintenance: in keytrail.yaml).", more);
}

void kt_silent_lose(struct kt_scene *s, const struct kt_silent_options *o,
                    struct kt_silent_source *x, enum kt_silent_loss loss, unsigned which)
{
    const uint64_t points[LOSSES] = { [L_BATCH] = o->lost,
                                      [L_EMPTIED] = o->emptied,
                                      [L_DROPPED] = o->lost,
                                      [L_FINDING] = o->lost,
                                      [L_CLOCK] = o->clock };
    if (kt_silent_in_window(s->shared->conf, x->instance, s->t) || !due(&x->told[loss], s->minute))
        return;
    struct kt_key key = kt_silent_agent_key(s->agent);
    key = kt_silent_episode(key, kt_table_peek(s->tables[T_AGENT], key));
    struct kt_finding *f = kt_silent_tell(s, key, points[loss], KT_FIND_LEARNING, x, words_of_loss);
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

void kt_silent_counters(struct kt_scene *s, const struct kt_silent_options *o,
                        struct kt_silent_source *x)
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
        kt_silent_lose(s, o, x, L_EMPTIED, 0);
    if (dropped && !emptied)
        kt_silent_lose(s, o, x, L_DROPPED, 0);
    if (found)
        kt_silent_lose(s, o, x, L_FINDING, newest);
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

void kt_silent_answers(struct kt_scene *s, const struct kt_silent_options *o,
                       struct kt_silent_source *x)
{
    if (x->ten != s->minute / 10) {
        x->ten = s->minute / 10;
        x->answers = x->alone = 0;
    }
    x->answers++;
    x->alone += s->ev->outcome == KT_OUT_UNKNOWN && s->ev->duration == 0;
    if (x->alone < o->unanswered || x->alone * UINT64_C(100) <= x->answers ||
        kt_silent_in_window(s->shared->conf, x->instance, s->t) ||
        !due(&x->told[L_UNANSWERED], s->minute))
        return;
    struct kt_key key = kt_silent_episode(x->agent, kt_table_peek(s->tables[T_AGENT], x->agent));
    key = x->agent.a != 0 ? key : kt_silent_key(s, s->ev->instance, s->ev->source);
    struct kt_finding *f =
        kt_silent_tell(s, key, o->lost, KT_FIND_LEARNING, x, words_of_unanswered);
    if (f == NULL)
        return;
    f->number[N_ALONE] = x->alone;
    f->number[N_ALL] = x->answers;
}
