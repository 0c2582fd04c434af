/*
 * moments: see the header.
 *
 * Owns:  the moments and their words.
 * Calls: core/query (lives, silences), core/store/read (the outbox), exporters/alerts/view.
 */
#include "exporters/alerts/moments.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"

static struct kt_alert_moment *add(struct kt_alert_moments *l, enum kt_alert_moment_kind kind,
                                   kt_time_ns at, const char *what)
{
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 16 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
    }
    struct kt_alert_moment *m = &l->at[l->n];
    *m = (struct kt_alert_moment){ .kind = kind, .at = at, .order = l->n++, .what = what };
    return m;
}

void kt_alert_moments_done(struct kt_alert_moments *l)
{
    for (unsigned i = 0; i < l->n; i++)
        kt_buf_done(&l->at[i].text);
    kt_free(l->at);
    *l = (struct kt_alert_moments){ 0 };
}

static void add_step(void *self, const struct kt_step *s)
{
    static const char *const did[KT_STEP_COUNT] = { [KT_STEP_ACK] = "acknowledged",
                                                    [KT_STEP_ASSIGN] = "assigned",
                                                    [KT_STEP_CLOSE] = "closed",
                                                    [KT_STEP_REOPEN] = "reopened",
                                                    [KT_STEP_NOTE] = "note" };
    struct kt_alert_moment *m = add(self, KT_MOMENT_STEP, s->at, did[s->what]);
    memcpy(m->by, s->by, sizeof m->by);
    memcpy(m->where, s->where, sizeof m->where);
    kt_step_say(s, &m->text);
}

static const char *word_of(const char *state)
{
    static const struct {
        const char *state, *word;
    } words[] = { { "sent", "sent" },
                  { "dead", "dead letter" },
                  { KT_OUTBOX_HELD, "held back" },
                  { KT_OUTBOX_SKIPPED, "skipped" } };
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
        if (strcmp(state, words[i].state) == 0)
            return words[i].word;
    return "waiting";
}

static enum kt_status add_row(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    (void)err;
    bool sent = strcmp(row->state, "sent") == 0;
    struct kt_alert_moment *m =
        add(self, KT_MOMENT_MESSAGE, sent ? row->sent_at : row->created, word_of(row->state));
    struct kt_str action = kt_str_of(row->action), verb;
    (void)kt_str_split(&action, ':', &verb);
    m->row = *row;
    kt_buf_addf(&m->text, "%s " KT_STR_FMT " to %s", m->what, KT_STR_ARG(verb), row->target);
    if (row->attempts > 0)
        kt_buf_addf(&m->text, " (%d)", row->last_code);
    if (row->attempts > 1)
        kt_buf_addf(&m->text, " after %u tries", row->attempts);
    if (row->last_error[0] != '\0')
        kt_buf_addf(&m->text, ": %s", row->last_error);
    if (strcmp(row->state, KT_OUTBOX_HELD) == 0) {
        char until[KT_TIME_TEXT_MAX];
        kt_buf_addf(&m->text, " until quiet hours end, %.16s UTC",
                    kt_time_format_short(row->next_try, until));
    }
    return KT_OK;
}

static void add_silences(struct kt_alert_moments *l, const struct kt_alert_view *v,
                         const struct kt_alert *a, kt_time_ns until, bool whys)
{
    for (unsigned i = 0; i < v->silences.n; i++) {
        const struct kt_silence *s = &v->silences.at[i];
        if (v->query[i] == NULL || !kt_silence_was_open(s, a->raised, until) ||
            !kt_alert_covered(v->query[i], a))
            continue;
        struct kt_alert_moment *m =
            add(l, KT_MOMENT_SILENCE, s->from > a->raised ? s->from : a->raised, "silenced");
        memcpy(m->by, s->by, sizeof m->by);
        kt_alert_silence_say(s, whys, &m->text);
    }
}

static void add_document(struct kt_alert_moments *l, const struct kt_alert *a)
{
    struct kt_alert_moment *m = add(l, KT_MOMENT_ALERT, a->raised, "opened");
    kt_buf_addf(&m->text, "opened by %s", a->detector);
    if (a->suppressed_by.len > 0)
        kt_buf_addf(&m->text, ", kept quiet: " KT_STR_FMT, KT_STR_ARG(a->suppressed_by));
    if (a->merged_into.len == 0)
        return;
    m = add(l, KT_MOMENT_ALERT, a->last, "merged");
    kt_buf_addf(&m->text, "taken over by " KT_STR_FMT, KT_STR_ARG(a->merged_into));
}

static int by_time(const void *x, const void *y)
{
    const struct kt_alert_moment *a = x, *b = y;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

enum kt_status kt_alert_moments_load(struct kt_reader *r, const struct kt_alert_view *v,
                                     const struct kt_alert *a, kt_time_ns now, bool whys,
                                     struct kt_alert_moments *ret, struct kt_error *err)
{
    struct kt_alert_moments l = { 0 };
    add_document(&l, a);
    add_silences(&l, v, a, a->life.closed_at != 0 ? a->life.closed_at : now, whys);
    enum kt_status st = kt_lives_steps(r, kt_str_of(a->id), add_step, &l, &l.damage, err);
    if (st == KT_OK)
        st = kt_reader_outbox_of(r, a->id, add_row, &l, err);
    if (st != KT_OK) {
        kt_alert_moments_done(&l);
        return st;
    }
    qsort(l.at, l.n, sizeof *l.at, by_time);
    *ret = l;
    return KT_OK;
}
