/*
 * timeline: what happened in order: accesses with what is remarkable, alerts, steps and gaps.
 *
 * Owns:  nothing.
 * Calls: core/answer/timeline, dashboards/api.
 */
#include "core/answer/timeline_say.h"
#include "core/store/tree.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/cursor.h"
#include "dashboards/api/scoped.h"
#include <stdio.h>

#define SPAN        KT_NS_DAY
#define LIMIT       500u
#define LIMIT_MAX   2000u
#define FOLDS       40u /* records that are looked at for each moment shown */
#define RECORDS_MAX 100000u

static const char *const words[] = { [KT_MOMENT_ACCESS] = "access",
                                     [KT_MOMENT_GAP] = "gap",
                                     [KT_MOMENT_ALERT] = "alert",
                                     [KT_MOMENT_STEP] = "step" };

static enum kt_status add_access(struct kt_api *a, struct kt_timeline *t, const struct kt_moment *m,
                                 struct kt_error *err)
{
    struct kt_buf *o = &a->out;
    struct kt_record r;
    const struct kt_fact *fact;
    if (kt_timeline_record(t, a->ask, m, &r, &fact, err) != KT_OK)
        return err->code;
    kt_api_add_record(o, "record", a->ask, &r, fact);
    kt_api_open(o, "notes", '[');
    for (unsigned n = 0; n < KT_NOTE_COUNT; n++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
        if (kt_timeline_note_say(m, (enum kt_timeline_note)n, &note))
            kt_api_text(o, NULL, kt_buf_str(&note));
    }
    kt_api_close(o, ']');
    kt_api_u64(o, "folded", m->folded);
    kt_api_u64(o, "secrets", m->secrets);
    kt_api_time(o, "until", m->folded > 0 ? m->until : 0);
    kt_api_text(o, "alert", m->alert >= 0 ? t->alert[m->alert].id : KT_STR_NONE);
    return KT_OK;
}

static void add_other(struct kt_api *a, struct kt_timeline *t, const struct kt_moment *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_buf *o = &a->out;
    kt_timeline_other_say(t, m, a->ask->zone_offset_s, &text);
    kt_api_text(o, "alert",
                m->kind == KT_MOMENT_ALERT  ? t->alert[m->index].id
                : m->kind == KT_MOMENT_STEP ? kt_str_of(t->step[m->index].alert)
                                            : KT_STR_NONE);
    kt_api_time(o, "until", m->kind == KT_MOMENT_GAP ? t->coverage->gap[m->index].until : 0);
    kt_api_text(o, "text", kt_buf_str(&text));
}

static enum kt_status add_moments(struct kt_api *a, struct kt_timeline *t, struct kt_error *err)
{
    struct kt_buf *o = &a->out;
    kt_api_open(o, "moments", '[');
    for (size_t i = 0; i < t->n; i++) {
        const struct kt_moment *m = &t->moment[i];
        kt_api_open(o, NULL, '{');
        kt_api_time(o, "at", m->at);
        kt_api_text(o, "type", kt_str_of(words[m->kind]));
        if (m->kind != KT_MOMENT_ACCESS)
            add_other(a, t, m);
        else if (add_access(a, t, m, err) != KT_OK)
            return err->code;
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
    return KT_OK;
}

static void add_end(struct kt_api *a, const struct kt_timeline *t, struct kt_str q, uint64_t limit)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf next = { 0 }, command = { 0 };
    char more[32];
    const struct kt_api_cursor c = { .since = a->ask->since,
                                     .until = a->ask->until,
                                     .until_seq = KT_SEQ_MAX,
                                     .time = t->page_time,
                                     .seq = t->page_seq };
    if (t->more && t->page_time != 0)
        kt_api_cursor_write(a, &c, q, &next);
    (void)snprintf(more, sizeof more, " --limit %u", (unsigned)limit);
    kt_api_command(a, "timeline", more, q, &command);
    kt_api_flag(&a->out, "older", t->more);
    kt_api_text(&a->out, "next", kt_buf_str(&next));
    kt_api_flag(&a->out, "news", t->news || t->actors == 0);
    kt_api_text(&a->out, "command", kt_buf_str(&command));
    kt_api_covers(a, KT_STR_NONE);
}

enum kt_status kt_api_timeline(struct kt_api *a, struct kt_error *err)
{
    struct kt_str q, cursor = kt_api_get(a, "cursor");
    struct kt_api_cursor c = { 0 };
    KT_CLEANUP(kt_within_done) struct kt_within within = { 0 };
    struct kt_timeline *t = NULL;
    uint64_t limit;
    if (kt_api_number(a, "limit", 1, LIMIT_MAX, LIMIT, &limit, err) != KT_OK ||
        kt_api_question(a, SPAN, &q, err) != KT_OK)
        return err->code;
    if (cursor.len > 0) {
        if (kt_api_cursor_read(a, cursor, q, &c, err) != KT_OK)
            return err->code;
        a->ask->since = c.since;
        a->ask->until = c.until;
    }
    const struct kt_timeline_options o = { .query = q,
                                           .records = limit < RECORDS_MAX / FOLDS ? limit * FOLDS
                                                                                  : RECORDS_MAX,
                                           .moments = limit,
                                           .page_time = c.time,
                                           .page_seq = c.seq };
    if (kt_api_within(a, &within, err) != KT_OK || kt_timeline_load(a->ask, &o, &t, err) != KT_OK)
        return err->code;
    kt_api_open(&a->out, NULL, '{');
    enum kt_status status = add_moments(a, t, err);
    if (status == KT_OK)
        add_end(a, t, q, limit);
    kt_api_close(&a->out, '}');
    kt_timeline_free(t);
    return status;
}
