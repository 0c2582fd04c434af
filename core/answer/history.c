/*
 * history: see the header. The rows that count are collected as (time, number of the thing), put in
 * the order of time, and counted.
 *
 * Owns:  the rows while it counts.
 * Calls: core/answer (ask, profile), core/base/map. No clock, no output.
 */
#include "core/answer/history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/answer/profile_int.h"
#include "core/base/alloc.h"

#define NOT_YET UINT32_MAX

struct row {
    kt_time_ns time;
    uint32_t thing; /* of those that are counted once; 0: each row counts */
};
struct load {
    struct kt_ask *ask;
    const struct kt_history_ask *what;
    const struct kt_identity *only; /* an actor with aliases for some sources: rows are judged */
    kt_time_ns from;                /* of the first step */
    struct kt_map *things;
    uint32_t *number, cap; /* of the codes of one chunk's column */
    struct row *row;
    uint32_t n, room;
    struct kt_history out;
};

static bool is_distinct(const struct load *l)
{
    return l->what->of == KT_HISTORY_SECRETS || l->what->of == KT_HISTORY_NEW_SECRETS ||
           l->what->of == KT_HISTORY_NETWORKS;
}

/* The column of the things that are counted once. */
static enum kt_col column_of(const struct load *l)
{
    return l->what->of == KT_HISTORY_NETWORKS ? KT_COL_IP : KT_COL_SECRET;
}

/* ---- collecting ---- */

static bool counts(const struct load *l, const struct kt_columns *c, uint32_t row)
{
    const enum kt_outcome outcome = c->small[KT_COL_OUTCOME][row];
    bool failed =
        outcome == KT_OUT_DENIED || outcome == KT_OUT_FAILURE || outcome == KT_OUT_NOT_FOUND;
    switch (l->what->of) {
    case KT_HISTORY_EVENTS:
        return true;
    case KT_HISTORY_FAILED:
        return failed;
    case KT_HISTORY_NETWORKS:
        return !failed;
    case KT_HISTORY_READS:
    case KT_HISTORY_SECRETS:
    case KT_HISTORY_NEW_SECRETS:
        break;
    }
    return !failed && kt_column_is_read(c, row);
}

static bool is_other(const struct load *l, const struct kt_columns *c, uint32_t row)
{
    if (l->only == NULL)
        return false;
    struct kt_str name =
        kt_ask_actor(l->ask, kt_column_str(c, KT_COL_ACTOR, row),
                     kt_column_str(c, KT_COL_SOURCE, row), kt_column_str(c, KT_COL_INSTANCE, row));
    return !kt_str_is(name, l->only->name);
}

static uint32_t put_thing(struct load *l, struct kt_str value)
{
    struct kt_ip ip;
    char net[KT_IP_TEXT_MAX];
    if (l->what->of == KT_HISTORY_NETWORKS && value.len == sizeof ip.at) {
        memcpy(ip.at, value.at, sizeof ip.at);
        value = kt_str_of(kt_cidr_format(kt_ip_network(ip, 24, 48), net));
    }
    return kt_map_put(l->things, value, NULL) + 1;
}

/* 0: the row has none, or each row counts. */
static uint32_t thing_of(struct load *l, const struct kt_columns *c, uint32_t row)
{
    if (!is_distinct(l))
        return 0;
    const struct kt_text_column *t = &c->text[column_of(l) - KT_COL_SMALL];
    uint32_t code = t->code[row];
    if (code > 0 && l->number[code] == NOT_YET)
        l->number[code] = put_thing(l, t->dict[code - 1]);
    return code == 0 ? 0 : l->number[code];
}

static void begin_chunk(struct load *l, const struct kt_columns *c)
{
    if (!is_distinct(l))
        return;
    uint32_t codes = c->text[column_of(l) - KT_COL_SMALL].n_dict + 1;
    if (codes > l->cap) {
        l->cap = codes;
        l->number = kt_realloc_array(l->number, codes, sizeof *l->number);
    }
    for (uint32_t i = 0; i < codes; i++)
        l->number[i] = NOT_YET;
}

static enum kt_status take(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct load *l = self;
    const struct kt_columns *c = view->columns;
    begin_chunk(l, c);
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t row = view->pick[i];
        if (!counts(l, c, row) || is_other(l, c, row))
            continue;
        uint32_t thing = thing_of(l, c, row);
        if (is_distinct(l) && thing == 0)
            continue;
        if (l->n == KT_HISTORY_ROWS_MAX)
            return kt_fail(err, KT_E_LIMIT, "more than %u records: ask for less time",
                           KT_HISTORY_ROWS_MAX);
        if (l->n == l->room) {
            l->room = l->room == 0 ? 1024 : 2 * l->room;
            l->row = kt_realloc_array(l->row, l->room, sizeof *l->row);
        }
        l->row[l->n++] = (struct row){ view->time[row], thing };
    }
    return KT_OK;
}

/* ---- counting ---- */

static int by_time(const void *pa, const void *pb)
{
    const struct row *a = pa, *b = pb;
    return a->time < b->time ? -1 : a->time > b->time;
}

static uint32_t step_of(const struct load *l, kt_time_ns t)
{
    return (uint32_t)((t - l->from) / l->out.step);
}

/* Of each step: rows, or different things. */
static void by_step(struct load *l)
{
    uint32_t *seen = kt_alloc_array(kt_map_count(l->things) + 2, sizeof *seen); /* step + 1 */
    bool once = l->what->of == KT_HISTORY_NEW_SECRETS;
    for (uint32_t i = 0; i < l->n; i++) {
        const struct row *r = &l->row[i];
        bool drawn = r->time >= l->from;
        uint32_t mark = drawn ? step_of(l, r->time) + 1 : NOT_YET;
        bool known = r->thing != 0 && (once ? seen[r->thing] != 0 : seen[r->thing] == mark);
        if (r->thing != 0)
            seen[r->thing] = mark;
        if (drawn && !known)
            l->out.value[mark - 1]++;
    }
    kt_free(seen);
}

/* Of each day the fullest `span` that ends in it. */
static void by_busiest(struct load *l)
{
    uint32_t *within = kt_alloc_array(kt_map_count(l->things) + 2, sizeof *within);
    uint32_t first = 0, now = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        const struct row *r = &l->row[i];
        now += r->thing == 0 || within[r->thing]++ == 0;
        for (; l->row[first].time <= r->time - l->what->span; first++) {
            const struct row *gone = &l->row[first];
            now -= gone->thing == 0 || --within[gone->thing] == 0;
        }
        uint32_t *most = r->time >= l->from ? &l->out.value[step_of(l, r->time)] : &now;
        *most = now > *most ? now : *most;
    }
    kt_free(within);
}

static void by_clock(struct load *l)
{
    int64_t last = INT64_MIN;
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->row[i].time < l->from)
            continue;
        int64_t hour = (l->row[i].time + l->ask->zone_offset_s * KT_NS_S) / KT_NS_HOUR;
        l->out.value[hour % 24] += hour != last;
        last = hour;
    }
}

/* ---- asking ---- */

static enum kt_status make_query(struct load *l, struct kt_buf *out, struct kt_error *err)
{
    const struct kt_profile_ask ask = { .kind = l->what->kind,
                                        .value = l->what->value,
                                        .exact = true };
    if (l->what->kind == KT_PROFILE_ACTOR)
        return kt_profile_actor_term(l->ask, l->what->value, true, out, &l->only, err);
    return kt_profile_query(l->ask, &ask, out, err);
}

static enum kt_status set_steps(struct load *l, struct kt_error *err)
{
    const struct kt_history_ask *w = l->what;
    kt_time_ns zone = l->ask->zone_offset_s * KT_NS_S;
    l->out.step = w->how == KT_HISTORY_HOURS || w->how == KT_HISTORY_CLOCK ? KT_NS_HOUR : KT_NS_DAY;
    l->from = (w->from + zone) / l->out.step * l->out.step - zone;
    l->out.from = w->how == KT_HISTORY_CLOCK ? 0 : l->from;
    kt_time_ns n = (w->until - l->from + l->out.step - 1) / l->out.step;
    l->out.n = w->how == KT_HISTORY_CLOCK ? 24 : (uint32_t)n;
    if (w->from <= 0 || w->until <= w->from ||
        (w->how != KT_HISTORY_CLOCK && n > KT_HISTORY_VALUES_MAX))
        return kt_fail(err, KT_E_LIMIT, "a history has up to %u steps", KT_HISTORY_VALUES_MAX);
    return KT_OK;
}

static enum kt_status walk(struct load *l, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct kt_ask *a = l->ask;
    kt_time_ns since = a->since, until = a->until, early = l->from - l->what->before;
    const uint32_t columns = KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_OUTCOME) |
                             KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_INSTANCE);
    if (make_query(l, &query, err) != KT_OK)
        return err == NULL ? KT_E_INPUT : err->code;
    a->since = early > 0 ? early : 1;
    a->until = l->what->until;
    a->as_written = l->only != NULL;
    enum kt_status status = kt_ask_columns(a, kt_buf_str(&query), columns, take, l, err);
    a->as_written = false;
    a->since = since;
    a->until = until;
    return status;
}

enum kt_status kt_history_load(struct kt_ask *a, const struct kt_history_ask *what,
                               struct kt_history *ret, struct kt_error *err)
{
    assert(what->of != KT_HISTORY_NEW_SECRETS || what->how < KT_HISTORY_BUSIEST);
    struct load l = { .ask = a, .what = what, .things = kt_map_new((uint64_t)a->now) };
    enum kt_status status = set_steps(&l, err);
    if (status == KT_OK)
        status = walk(&l, err);
    if (status == KT_OK && l.n > 1)
        qsort(l.row, l.n, sizeof *l.row, by_time);
    if (status == KT_OK && what->how == KT_HISTORY_BUSIEST)
        by_busiest(&l);
    else if (status == KT_OK && what->how == KT_HISTORY_CLOCK)
        by_clock(&l);
    else if (status == KT_OK)
        by_step(&l);
    if (status == KT_OK)
        *ret = l.out;
    kt_map_free(l.things);
    kt_free(l.number);
    kt_free(l.row);
    return status;
}
