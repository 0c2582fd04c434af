/*
 * rotations: what became of the rotations of all secrets: overdue, failed, half-done, done.
 *
 * Owns:  copies of names; a row for each secret.
 * Calls: core/answer (ask, inventory, secret_change), core/base. No clock, no output.
 */
#include <stdlib.h>
#include <string.h>

#include "core/answer/inventory.h"
#include "core/answer/rotation.h"
#include "core/answer/secret_change.h"
#include "core/base/alloc.h"
#include "core/base/map.h"

#define HALF_DONE KT_NS_DAY /* SOURCES §11: a start without an end after that */

struct mark { /* the newest event of a kind */
    kt_time_ns at;
    struct kt_str by, what;
};
struct secret {
    struct mark started, failed, value, pending;
    uint64_t rotations;
};
struct run {
    struct kt_rotations is; /* first: what is handed out */
    struct kt_ask *ask;
    struct kt_map *ids, *names;
    struct secret *secret;
    unsigned cap, cap_rows;
};

/* Names come again and again: one copy each. */
static struct kt_str keep(struct run *r, struct kt_str s)
{
    return s.len == 0 ? KT_STR_NONE : kt_map_key(r->names, kt_map_put(r->names, s, NULL));
}

static struct secret *secret_of(struct run *r, struct kt_str id)
{
    uint32_t n = kt_map_put(r->ids, id, NULL);
    if (n >= r->cap) {
        unsigned cap = r->cap == 0 ? 256 : 2 * r->cap;
        r->secret = kt_realloc_array(r->secret, cap, sizeof *r->secret);
        memset(r->secret + r->cap, 0, (cap - r->cap) * sizeof *r->secret);
        r->cap = cap;
    }
    return &r->secret[n];
}

static enum kt_status see(void *self, const struct kt_record *rec, const struct kt_fact *fact,
                          struct kt_error *err)
{
    struct run *r = self;
    const struct kt_event *ev = &rec->ev;
    KT_CLEANUP(kt_buf_done) struct kt_buf id = { 0 };
    enum kt_secret_change change = kt_secret_change_of(ev);
    (void)fact;
    if (change == KT_CHANGE_NONE || kt_str_ends(ev->secret, KT_STR("/*")))
        return KT_OK;
    if (kt_map_count(r->ids) >= KT_INVENTORY_SECRETS_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u secrets: give a narrower pattern",
                       KT_INVENTORY_SECRETS_MAX);
    kt_secret_read_as(ev->secret, &id);
    struct secret *s = secret_of(r, kt_buf_str(&id));
    struct mark *const marks[] = {
        [KT_CHANGE_VALUE] = &s->value,   [KT_CHANGE_MOVED] = &s->value,
        [KT_CHANGE_ENDED] = &s->value,   [KT_CHANGE_STARTED] = &s->started,
        [KT_CHANGE_FAILED] = &s->failed, [KT_CHANGE_PENDING] = &s->pending,
        [KT_CHANGE_RESTORED] = NULL
    };
    struct mark *m = change < KT_ARRAY_LEN(marks) ? marks[change] : NULL;
    kt_time_ns t = ev->time != 0 ? ev->time : rec->arrival;
    if (m == NULL)
        return KT_OK;
    /* The steps of one rotation are one. */
    if (m == &s->value)
        s->rotations += s->value.at == 0 || s->started.at == 0 || s->value.at < s->started.at;
    if (t >= m->at)
        *m = (struct mark){ t, keep(r, kt_ask_actor(r->ask, ev->actor, ev->source, ev->instance)),
                            keep(r, ev->operation) };
    return KT_OK;
}

/* ---- rows ---- */

static void add_row(struct run *r, const struct kt_rotation_row *row)
{
    if (r->is.n == r->cap_rows) {
        r->cap_rows = r->cap_rows == 0 ? 64 : 2 * r->cap_rows;
        r->is.row = kt_realloc_array(r->is.row, r->cap_rows, sizeof *r->is.row);
    }
    r->is.row[r->is.n++] = *row;
    r->is.count[row->fate]++;
}

static void mark_row(struct kt_rotation_row *row, enum kt_rotation_fate fate, const struct mark *m)
{
    row->fate = fate;
    row->at = m->at;
    row->by = m->by;
    row->what = m->what;
}

/* What is wrong comes before what is done; false: there is nothing to tell. */
static bool judge(struct run *r, const struct secret *s, const struct kt_inventory_item *it,
                  struct kt_rotation_row *row)
{
    kt_time_ns listed = it == NULL ? 0 : kt_inventory_rotation(it).at;
    row->rotated = s->value.at > listed ? s->value.at : listed;
    row->due = it == NULL || it->gone ? 0 : kt_inventory_due(it);
    row->owner = it == NULL ? KT_STR_NONE : keep(r, it->owner);
    row->rotations = s->rotations;
    if (s->failed.at > row->rotated && s->failed.at >= s->started.at)
        mark_row(row, KT_FATE_OF_FAILED, &s->failed);
    else if (s->started.at > row->rotated)
        mark_row(row,
                 r->ask->now - s->started.at >= HALF_DONE ? KT_FATE_OF_HALF : KT_FATE_OF_RUNNING,
                 &s->started);
    else if (s->pending.at > row->rotated)
        mark_row(row,
                 r->ask->now - s->pending.at >= HALF_DONE ? KT_FATE_OF_HALF : KT_FATE_OF_RUNNING,
                 &s->pending);
    else if (row->due != 0 && row->due < r->ask->now)
        mark_row(row, KT_FATE_OF_OVERDUE, &(struct mark){ .at = row->due });
    else if (s->value.at != 0)
        mark_row(row, KT_FATE_OF_ROTATED, &s->value);
    else if (listed != 0 && listed >= r->ask->since &&
             (r->ask->until == 0 || listed < r->ask->until))
        mark_row(row, KT_FATE_OF_ROTATED, &(struct mark){ .at = listed });
    else
        return false;
    return true;
}

static void judge_all(struct run *r, const struct kt_inventory *v)
{
    static const struct secret nothing;
    for (uint32_t i = 0; i < v->n; i++) {
        struct kt_rotation_row row = { .secret = keep(r, v->item[i].secret) };
        uint32_t n = kt_map_get(r->ids, v->item[i].secret);
        if (judge(r, n == KT_MAP_NONE ? &nothing : &r->secret[n], &v->item[i], &row))
            add_row(r, &row);
    }
    for (uint32_t i = 0; i < kt_map_count(r->ids); i++) {
        struct kt_rotation_row row = { .secret = keep(r, kt_map_key(r->ids, i)) };
        if (kt_inventory_find(v, row.secret) == NULL && judge(r, &r->secret[i], NULL, &row))
            add_row(r, &row);
    }
    for (uint32_t i = 0; i < v->n_sources; i++)
        r->is.snapshots += v->source[i].complete != 0;
}

static int by_fate(const void *a, const void *b)
{
    const struct kt_rotation_row *x = a, *y = b;
    if (x->fate != y->fate)
        return x->fate < y->fate ? -1 : 1;
    if (x->at != y->at) /* who waits longest first; of what is done the newest */
        return (x->at < y->at) != (x->fate == KT_FATE_OF_ROTATED) ? -1 : 1;
    return kt_str_cmp(x->secret, y->secret);
}

static enum kt_status load(struct run *r, struct kt_str pattern, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct kt_inventory *v = NULL;
    enum kt_status st = KT_OK;
    const kt_time_ns since = r->ask->since, until = r->ask->until;
    if (pattern.len > 0)
        st = kt_ask_pattern(&query, "secret", pattern, err);
    if (st == KT_OK) {
        kt_buf_addf(&query, "%s" KT_SECRET_CHANGES, query.len > 0 ? " " : "");
        st = kt_ask_records(r->ask, kt_buf_str(&query), see, r, err);
    }
    r->ask->since = r->ask->until = 0; /* snapshots are of one moment, whenever that was */
    if (st == KT_OK)
        st = kt_inventory_load(r->ask, pattern, KT_INVENTORY_LISTED, &v, err);
    r->ask->since = since;
    r->ask->until = until;
    if (st == KT_OK)
        judge_all(r, v);
    kt_inventory_free(v);
    return st;
}

enum kt_status kt_rotations_load(struct kt_ask *a, struct kt_str pattern, struct kt_rotations **ret,
                                 struct kt_error *err)
{
    struct run *r = kt_alloc(sizeof *r);
    *r = (struct run){ .ask = a,
                       .ids = kt_map_new((uint64_t)a->now),
                       .names = kt_map_new((uint64_t)a->now) };
    enum kt_status st = load(r, pattern, err);
    if (st != KT_OK) {
        kt_rotations_free(&r->is);
        return st;
    }
    if (r->is.n > 0)
        qsort(r->is.row, r->is.n, sizeof *r->is.row, by_fate);
    *ret = &r->is;
    return KT_OK;
}

void kt_rotations_free(struct kt_rotations *is)
{
    struct run *r = (struct run *)is; /* its first member */
    if (r == NULL)
        return;
    kt_free(r->is.row);
    kt_free(r->secret);
    kt_map_free(r->ids);
    kt_map_free(r->names);
    kt_free(r);
}
