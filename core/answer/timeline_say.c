/*
 * timeline_say: see the header.
 *
 * Owns:  nothing.
 * Calls: core/answer, core/event/step.
 */
#include "core/answer/timeline_say.h"

#include <string.h>

bool kt_timeline_note_say(const struct kt_moment *m, enum kt_timeline_note n, struct kt_buf *out)
{
    char span[KT_TIME_TEXT_MAX];
    if ((m->notes >> n & 1) == 0 || (n == KT_NOTE_NEW_SECRET && m->folded > 0))
        return false;
    if (n == KT_NOTE_NEW_COUNTRY && m->country[0] != '\0' && m->since != 0)
        kt_buf_addf(out, "first time from there, %s after %s",
                    kt_coverage_span(m->at - m->since, span), m->country);
    else if (n == KT_NOTE_LATE)
        kt_buf_addf(out, "arrived %s late", kt_coverage_span(m->late, span));
    else
        kt_buf_addz(out, kt_timeline_note_word(n));
    return true;
}

static char *when(kt_time_ns t, int zone_offset_s, char buf[KT_TIME_TEXT_MAX])
{
    (void)kt_time_format_short(t + zone_offset_s * KT_NS_S, buf);
    buf[16] = '\0'; /* to the minute */
    return buf;
}

static void say_gap(const struct kt_coverage_gap *g, int zone_offset_s, struct kt_buf *out)
{
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX], filled[KT_TIME_TEXT_MAX];
    (void)when(g->from, zone_offset_s, from);
    (void)when(g->until, zone_offset_s, until);
    (void)when(g->filled_at, zone_offset_s, filled);
    bool same = memcmp(from, until, 10) == 0;
    kt_buf_addf(out, "%s ",
                g->cause == KT_GAP_LATE ? "late: events of"
                : g->filled             ? "no events came from"
                                        : "no events from");
    kt_buf_add(out, g->instance.len > 0 ? g->instance : KT_STR("any source"));
    kt_buf_addf(out, " %s–%s (%s; %s", from + (same ? 11 : 5), until + (same ? 11 : 5),
                kt_gap_cause_word(g->cause), g->filled ? "backfilled " : "not backfilled");
    if (g->filled)
        kt_buf_addz(out, filled + (memcmp(from, filled, 10) == 0 ? 11 : 0));
    kt_buf_byte(out, ')');
}

void kt_timeline_other_say(const struct kt_timeline *t, const struct kt_moment *m,
                           int zone_offset_s, struct kt_buf *out)
{
    if (m->kind == KT_MOMENT_GAP) {
        say_gap(&t->coverage->gap[m->index], zone_offset_s, out);
    } else if (m->kind == KT_MOMENT_ALERT) {
        const struct kt_timeline_alert *a = &t->alert[m->index];
        kt_buf_addf(out, "ALERT " KT_STR_FMT " %.8s: " KT_STR_FMT, KT_STR_ARG(a->severity),
                    a->id.at, KT_STR_ARG(a->title));
    } else if (m->kind == KT_MOMENT_STEP) {
        kt_buf_addf(out, "alert %.8s ", t->step[m->index].alert);
        kt_step_say(&t->step[m->index], out);
    }
}
