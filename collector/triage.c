/*
 * triage: steps of people about alerts.
 *
 * Owns:  the lives of alerts in memory, the silences (triage_silence.c).
 * Calls: routes (which rows call somebody), core/query (lives, silences), core/store/write,
 *        exporters/alerts (alert, match).
 * Holds: a step that changes nothing writes nothing; what memory says of lives is the fold over the
 *        records of the log, so a restart comes to the same.
 */
#include "collector/routes.h"
#include "collector/triage_state.h"

#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/decision.h"
#include "core/event/line.h"

#define TARGETS_MAX   64u
#define VERSION_BYTES 5u /* what an action has room for */

static enum kt_status load(struct kt_triage *t, struct kt_error *err)
{
    struct kt_reader *r = NULL;
    enum kt_status st = kt_reader_open(t->o.store_path, &r, err);
    if (st == KT_OK)
        st = kt_lives_load(r, &t->lives, err);
    if (st == KT_OK)
        st = kt_triage_load_silences(t, r, err);
    kt_reader_close(r);
    return st;
}

enum kt_status kt_triage_open(const struct kt_triage_options *o, struct kt_triage **ret,
                              struct kt_error *err)
{
    struct kt_triage *t = kt_alloc(sizeof *t);
    t->o = *o;
    t->held = kt_map_new(0);
    enum kt_status st = load(t, err);
    if (st != KT_OK) {
        kt_triage_free(t);
        return kt_wrap(err, "lives of alerts");
    }
    *ret = t;
    return KT_OK;
}

void kt_triage_free(struct kt_triage *t)
{
    if (t == NULL)
        return;
    kt_triage_free_silences(t);
    kt_lives_done(&t->lives);
    kt_free(t);
}

const struct kt_life *kt_triage_life(const struct kt_triage *t, const char *alert)
{
    return kt_lives_of(&t->lives, kt_str_of(alert));
}

/* ---- who was told ---- */

struct told {
    char name[TARGETS_MAX][64];
    unsigned n;
    kt_time_ns newest, called;
};

static enum kt_status note_row(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct told *told = self;
    (void)err;
    told->newest = row->created > told->newest ? row->created : told->newest;
    if (!kt_routes_calls(row))
        return KT_OK;
    told->called = row->created > told->called ? row->created : told->called;
    if (strcmp(row->state, "dead") == 0)
        return KT_OK;
    for (unsigned i = 0; i < told->n; i++)
        if (strcmp(told->name[i], row->target) == 0)
            return KT_OK;
    if (told->n < TARGETS_MAX)
        kt_str_copyz(told->name[told->n++], sizeof told->name[0], kt_str_of(row->target));
    return KT_OK;
}

enum kt_status kt_triage_told(struct kt_triage *t, const char *alert, struct kt_triage_told *ret,
                              struct kt_error *err)
{
    struct told told = { 0 };
    enum kt_status st = kt_store_outbox_of(t->o.store, alert, note_row, &told, err);
    *ret = (struct kt_triage_told){ told.n, told.newest, told.called };
    return st;
}

/* "update:5d41402abc": the same version is the same row, whatever times it has. */
static void name_version(enum kt_send send, struct kt_str json, struct kt_buf *ret)
{
    uint8_t version[16];
    kt_blake2b(&json, 1, version, sizeof version);
    kt_buf_addf(ret, "%s:", kt_send_word(send));
    kt_hex_add(ret, version, VERSION_BYTES);
}

/* By a person, or without one. */
static bool has_ended(const struct kt_triage *t, const struct kt_alert *a)
{
    const struct kt_life *l = kt_triage_life(t, a->id);
    return kt_alert_is_over(a) || (l != NULL && l->status == KT_LIFE_CLOSED);
}

enum kt_status kt_triage_ended(struct kt_triage *t, const char *alert, bool *ret,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert_found found;
    struct kt_alert a;
    enum kt_status st = kt_store_alert_find(t->o.store, kt_str_of(alert), &json, &found, err);
    if (st == KT_OK)
        st = kt_alert_read(kt_buf_str(&json), &arena, &a, err);
    if (st != KT_OK && st != KT_E_INPUT)
        return st;
    *ret = st == KT_OK && has_ended(t, &a);
    return KT_OK;
}

enum kt_status kt_triage_tell(struct kt_triage *t, const struct kt_alert *a, enum kt_send send,
                              kt_time_ns now, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 }, action = { 0 };
    struct told told = { 0 };
    struct kt_alert with = *a;
    if (kt_store_outbox_of(t->o.store, a->id, note_row, &told, err) != KT_OK)
        return kt_wrap(err, "who was told of %s", a->id);
    kt_alert_life_of(kt_triage_life(t, a->id), &with.life);
    kt_alert_write(&with, &json);
    if (send == KT_SEND_UPDATE && has_ended(t, a)) /* what opens alerts would open it again */
        send = KT_SEND_REMARK;
    name_version(send, kt_buf_str(&json), &action);
    for (unsigned i = 0; i < told.n; i++) {
        struct kt_outbox_row row = { .created = now, .next_try = now };
        kt_str_copyz(row.alert, sizeof row.alert, kt_str_of(a->id));
        kt_str_copyz(row.target, sizeof row.target, kt_str_of(told.name[i]));
        kt_str_copyz(row.action, sizeof row.action, kt_buf_str(&action));
        kt_str_copyz(row.state, sizeof row.state, KT_STR("wait"));
        if (kt_store_outbox_add(t->o.store, &row, kt_buf_str(&json), err) != KT_OK)
            return kt_wrap(err, "outbox row for '%s'", row.target);
    }
    return KT_OK;
}

/* ---- steps ---- */

static enum kt_status write_step(struct kt_triage *t, const struct kt_alert *a, struct kt_step *s,
                                 kt_time_ns now, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, sentence = { 0 };
    if (s->what == KT_STEP_ACK || s->what == KT_STEP_CLOSE)
        kt_str_copyz(s->severity, sizeof s->severity,
                     kt_str_of(kt_severity_words[a->severity].word));
    kt_str_copyz(s->alert, sizeof s->alert, kt_str_of(a->id));
    s->at = now;
    kt_step_write(s, &raw);
    kt_step_say(s, &sentence);
    if (t->o.record(t->o.self, kt_step_word(s->what), kt_buf_str(&sentence), kt_buf_str(&raw),
                    err) != KT_OK)
        return kt_wrap(err, "alert %s", a->id);
    (void)kt_lives_add(&t->lives, s);
    return KT_OK;
}

static enum kt_status tell_step(struct kt_triage *t, const struct kt_alert *a,
                                enum kt_step_what what, kt_time_ns now, struct kt_error *err)
{
    static const enum kt_send sends[KT_STEP_COUNT] = { [KT_STEP_ACK] = KT_SEND_ACKNOWLEDGE,
                                                       [KT_STEP_ASSIGN] = KT_SEND_UPDATE,
                                                       [KT_STEP_CLOSE] = KT_SEND_RESOLVE,
                                                       [KT_STEP_REOPEN] = KT_SEND_TRIGGER,
                                                       [KT_STEP_NOTE] = KT_SEND_UPDATE };
    return kt_triage_tell(t, a, sends[what], now, err);
}

static bool is_ended(const struct kt_alert *a)
{
    return a->merged_into.len > 0;
}

/* What a step means where the alert is; KT_E_AGAIN: it is so already. */
static enum kt_status may(const struct kt_life *l, const struct kt_alert *a,
                          const struct kt_step *s, struct kt_error *err)
{
    enum kt_life_status at = l == NULL ? KT_LIFE_OPEN : l->status;
    if (s->what == KT_STEP_NOTE)
        return KT_OK;
    if (is_ended(a))
        return kt_fail(err, KT_E_INPUT,
                       "alert %s is part of " KT_STR_FMT ", which took it over: act on that one",
                       a->id, KT_STR_ARG(a->merged_into));
    switch (s->what) {
    case KT_STEP_ACK:
        return at == KT_LIFE_OPEN ? KT_OK : KT_E_AGAIN;
    case KT_STEP_CLOSE:
        return at != KT_LIFE_CLOSED || l->closed.verdict != s->verdict ? KT_OK : KT_E_AGAIN;
    case KT_STEP_REOPEN:
        return at != KT_LIFE_OPEN ? KT_OK : KT_E_AGAIN;
    case KT_STEP_ASSIGN:
        if (at == KT_LIFE_CLOSED)
            return kt_fail(err, KT_E_INPUT, "alert %s is closed: reopen it first", a->id);
        return l == NULL || l->assigned.at == 0 || strcmp(l->assigned.text, s->to) != 0
                   ? KT_OK
                   : KT_E_AGAIN;
    case KT_STEP_NOTE:
    case KT_STEP_COUNT:
        break;
    }
    return KT_OK;
}

enum kt_status kt_triage_step(struct kt_triage *t, const struct kt_step *step, kt_time_ns now,
                              struct kt_triage_done *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_step s = *step;
    struct kt_alert a;
    struct kt_alert_found found;
    if (kt_store_alert_find(t->o.store, kt_str_of(step->alert), &json, &found, err) != KT_OK ||
        kt_alert_read(kt_buf_str(&json), &arena, &a, err) != KT_OK)
        return err->code;
    struct kt_triage_done done = { .own = kt_alert_is_own(&a), .last = a.last };
    memcpy(done.alert, a.id, sizeof done.alert);
    enum kt_status st = may(kt_triage_life(t, a.id), &a, &s, err);
    done.changed = st == KT_OK;
    if (st == KT_OK)
        st = write_step(t, &a, &s, now, err);
    if (st == KT_OK)
        st = tell_step(t, &a, s.what, now, err);
    else if (st == KT_E_AGAIN)
        st = KT_OK;
    done.life = kt_triage_life(t, a.id);
    if (st == KT_OK)
        *ret = done;
    return st;
}

static int severity_of(const char *word)
{
    int i = KT_SEV_COUNT;
    while (i-- > 0 && strcmp(kt_severity_words[i].word, word) != 0)
        ;
    return i;
}

enum kt_status kt_triage_graver(struct kt_triage *t, const struct kt_alert *a, kt_time_ns now,
                                bool *ret_reopened, struct kt_error *err)
{
    const struct kt_life *l = kt_triage_life(t, a->id);
    *ret_reopened = false;
    if (l == NULL || l->status == KT_LIFE_OPEN)
        return KT_OK;
    const struct kt_life_mark *then = l->status == KT_LIFE_CLOSED ? &l->closed : &l->acked;
    if ((int)a->severity <= severity_of(then->severity))
        return KT_OK;
    struct kt_step s = { .what = KT_STEP_REOPEN, .by = KT_STEP_RULE };
    (void)snprintf(s.reason, sizeof s.reason, "it got worse: %s when %s by %s, now %s",
                   then->severity[0] != '\0' ? then->severity : "of another severity",
                   l->status == KT_LIFE_CLOSED ? "closed" : "acknowledged", then->by,
                   kt_severity_words[a->severity].word);
    *ret_reopened = true;
    return write_step(t, a, &s, now, err);
}

/* ---- answers that come late ---- */

enum kt_status kt_triage_saw(struct kt_triage *t, const char *alert,
                             const struct kt_triage_saw *saw, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert_found found;
    struct kt_alert now;
    if (kt_store_alert_find(t->o.store, kt_str_of(alert), &json, &found, err) != KT_OK ||
        kt_alert_read(kt_buf_str(&json), &arena, &now, err) != KT_OK)
        return err->code;
    if ((int)now.severity > severity_of(saw->severity))
        return kt_fail(err, KT_E_INPUT,
                       "alert %s has become graver since that message: it was %s then and is %s "
                       "now; look at it as it is now",
                       now.id, saw->severity, kt_severity_words[now.severity].word);
    const struct kt_life *l = kt_triage_life(t, now.id);
    if (l != NULL && (int64_t)l->reopens > saw->reopened)
        return kt_fail(err, KT_E_INPUT, "alert %s was opened again after that message", now.id);
    return KT_OK;
}

struct reading { /* what somebody may have read */
    const struct kt_alert *now;
    bool (*can_be)(void *self, const char *target); /* NULL: any */
    void *self;
    struct kt_arena arena;
    unsigned n;
};

static enum kt_status read_one(void *self, const char *target, struct kt_str json,
                               struct kt_error *err)
{
    struct reading *r = self;
    struct kt_alert then;
    if (r->can_be != NULL && !r->can_be(r->self, target))
        return KT_OK;
    r->n++;
    kt_arena_reset(&r->arena);
    if (kt_alert_read(json, &r->arena, &then, NULL) != KT_OK)
        return kt_fail(err, KT_E_INPUT, "what was told of alert %s cannot be read", r->now->id);
    if (r->now->severity <= then.severity)
        return KT_OK;
    return kt_fail(err, KT_E_INPUT, "alert %s was %s there then and is %s now", r->now->id,
                   kt_severity_words[then.severity].word, kt_severity_words[r->now->severity].word);
}

enum kt_status kt_triage_answered(struct kt_triage *t, const char *alert, kt_time_ns at,
                                  bool (*can_be)(void *self, const char *target), void *self,
                                  struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert_found found;
    struct kt_alert now;
    if (kt_store_alert_find(t->o.store, kt_str_of(alert), &json, &found, err) != KT_OK ||
        kt_alert_read(kt_buf_str(&json), &arena, &now, err) != KT_OK)
        return err->code;
    const struct kt_life *l = kt_triage_life(t, now.id);
    if (l != NULL && at <= l->reopened.at)
        return kt_fail(err, KT_E_INPUT, "alert %s was opened again after that", now.id);
    struct reading r = {
        .now = &now, .can_be = can_be, .self = self, .arena = kt_arena_new(KT_LINE_MAX)
    };
    enum kt_status st = kt_store_outbox_said(t->o.store, now.id, at, read_one, &r, err);
    if (st == KT_OK && r.n == 0) { /* he read nothing of ours: was there anything else to know? */
        r.can_be = NULL;
        st = kt_store_outbox_written(t->o.store, now.id, read_one, &r, err);
        if (st == KT_OK && r.n == 0)
            st = kt_fail(err, KT_E_INPUT, "nobody was told of alert %s: look at it first", now.id);
    }
    kt_arena_done(&r.arena);
    return st;
}
