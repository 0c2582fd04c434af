/*
 * lives: folding the steps of the log into the life of each alert.
 *
 * Owns:  copies of them.
 * Calls: core/base, core/event (json, step), core/store/read.
 * Holds: the fold is a function of the steps alone, in the order of the log.
 */
#include "core/query/lives.h"

#include <string.h>

#include "core/base/alloc.h"

static const char *const words[KT_LIFE_COUNT] = {
    [KT_LIFE_OPEN] = "open", [KT_LIFE_ACKNOWLEDGED] = "acknowledged", [KT_LIFE_CLOSED] = "closed"
};

const char *kt_life_word(enum kt_life_status status)
{
    return words[status];
}

int kt_life_of_word(struct kt_str word)
{
    for (int i = 0; i < KT_LIFE_COUNT; i++)
        if (kt_str_is(word, words[i]))
            return i;
    return -1;
}

static bool moves(const struct kt_life *l, const struct kt_step *s)
{
    switch (s->what) {
    case KT_STEP_ACK:
        return l->status == KT_LIFE_OPEN;
    case KT_STEP_CLOSE:
        return l->status != KT_LIFE_CLOSED || l->closed.verdict != s->verdict;
    case KT_STEP_REOPEN:
        return l->status != KT_LIFE_OPEN;
    case KT_STEP_ASSIGN:
        return l->assigned.at == 0 || strcmp(l->assigned.text, s->to) != 0;
    case KT_STEP_NOTE:
    case KT_STEP_COUNT:
        break;
    }
    return true;
}

static void unset(struct kt_life_mark *m)
{
    kt_free(m->by);
    kt_free(m->where);
    kt_free(m->text);
    *m = (struct kt_life_mark){ 0 };
}

static void set(struct kt_life_mark *m, const struct kt_step *s)
{
    unset(m);
    *m = (struct kt_life_mark){ .at = s->at,
                                .verdict = s->verdict,
                                .by = kt_strdup(s->by),
                                .where = kt_strdup(s->where),
                                .text = kt_strdup(s->what == KT_STEP_ASSIGN ? s->to : s->reason) };
    memcpy(m->severity, s->severity, sizeof m->severity);
}

bool kt_life_take(struct kt_life *l, const struct kt_step *s)
{
    static const enum kt_life_status after[] = { [KT_STEP_ACK] = KT_LIFE_ACKNOWLEDGED,
                                                 [KT_STEP_CLOSE] = KT_LIFE_CLOSED,
                                                 [KT_STEP_REOPEN] = KT_LIFE_OPEN };
    struct kt_life_mark *const mark[KT_STEP_COUNT] = { [KT_STEP_ACK] = &l->acked,
                                                       [KT_STEP_ASSIGN] = &l->assigned,
                                                       [KT_STEP_CLOSE] = &l->closed,
                                                       [KT_STEP_REOPEN] = &l->reopened };
    if (!moves(l, s))
        return false;
    l->steps++;
    l->notes += s->what == KT_STEP_NOTE;
    l->reopens += s->what == KT_STEP_REOPEN;
    if (mark[s->what] != NULL)
        set(mark[s->what], s);
    if (s->what == KT_STEP_ACK || s->what == KT_STEP_CLOSE || s->what == KT_STEP_REOPEN)
        l->status = after[s->what];
    if (s->what == KT_STEP_REOPEN) {
        unset(&l->acked);
        unset(&l->closed);
    }
    if (s->what != KT_STEP_ACK && s->what != KT_STEP_ASSIGN && s->reason[0] != '\0')
        set(&l->said, s);
    return true;
}

void kt_life_done(struct kt_life *l)
{
    unset(&l->acked);
    unset(&l->assigned);
    unset(&l->closed);
    unset(&l->reopened);
    unset(&l->said);
}

void kt_lives_done(struct kt_lives *l)
{
    for (uint32_t i = 0; l->ids != NULL && i < kt_map_count(l->ids); i++) {
        kt_life_done(l->at[i]);
        kt_free(l->at[i]);
    }
    kt_map_free(l->ids);
    kt_free(l->at);
    *l = (struct kt_lives){ 0 };
}

struct kt_life *kt_lives_add(struct kt_lives *l, const struct kt_step *s)
{
    bool fresh;
    if (l->ids == NULL)
        l->ids = kt_map_new(0);
    uint32_t i = kt_map_put(l->ids, kt_str_of(s->alert), &fresh);
    if (i >= l->cap) {
        l->cap = l->cap == 0 ? 64 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof(struct kt_life *));
    }
    if (fresh)
        l->at[i] = kt_alloc(sizeof *l->at[i]);
    (void)kt_life_take(l->at[i], s);
    return l->at[i];
}

const struct kt_life *kt_lives_of(const struct kt_lives *l, struct kt_str alert)
{
    uint32_t i = l->ids == NULL ? KT_MAP_NONE : kt_map_get(l->ids, alert);
    return i == KT_MAP_NONE ? NULL : l->at[i];
}

enum kt_status kt_lives_steps(struct kt_reader *r, struct kt_str alert,
                              void (*each)(void *self, const struct kt_step *s), void *self,
                              struct kt_damage *ret_damage, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_DECISION,
                                  .damage = ret_damage };
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return kt_wrap(err, "steps of alerts");
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_record rec;
    enum kt_status status;
    while ((status = kt_cursor_next(c, &rec, err)) == KT_OK) {
        struct kt_step s;
        struct kt_jval root;
        unsigned repaired;
        int what = kt_step_of(rec.ev.operation);
        if (what < 0 || kt_json_parse(json, rec.ev.raw, &root, &repaired, NULL) != KT_OK ||
            kt_step_read((enum kt_step_what)what, root, &s, NULL) != KT_OK ||
            (alert.len > 0 && !kt_str_is(alert, s.alert)))
            continue;
        s.at = rec.arrival;
        each(self, &s);
    }
    kt_json_free(json);
    kt_cursor_free(c);
    return status == KT_E_AGAIN ? KT_OK : kt_wrap(err, "steps of alerts");
}

static void add_one(void *self, const struct kt_step *s)
{
    (void)kt_lives_add(self, s);
}

enum kt_status kt_lives_load(struct kt_reader *r, struct kt_lives *ret, struct kt_error *err)
{
    struct kt_lives l = { 0 };
    enum kt_status st = kt_lives_steps(r, KT_STR_NONE, add_one, &l, &l.damage, err);
    if (st != KT_OK) {
        kt_lives_done(&l);
        return st;
    }
    *ret = l;
    return KT_OK;
}
