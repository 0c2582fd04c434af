/*
 * rotations: what became of the rotations of all secrets: overdue, failed, half-done, done.
 *
 * Owns:  copies of names; the changes of the window; a row for each secret.
 * Calls: core/answer (ask, inventory, secret_fold), core/base. No clock, no output.
 */
#include <stdlib.h>

#include "core/answer/inventory.h"
#include "core/answer/rotation.h"
#include "core/answer/secret_fold.h"
#include "core/base/alloc.h"
#include "core/base/map.h"

#define HALF_DONE KT_NS_DAY /* SOURCES §11: a start without an end after that */

#define CHANGES_MAX 1000000u

struct change {
    uint32_t secret; /* number in ids */
    struct kt_state_change is;
};
struct run {
    struct kt_rotations is; /* first: what is handed out */
    struct kt_ask *ask;
    struct kt_map *ids, *names;
    struct change *change;
    size_t n_changes, cap_changes;
    unsigned cap_rows;
};

/* Names come again and again: one copy each. */
static struct kt_str keep(struct run *r, struct kt_str s)
{
    return s.len == 0 ? KT_STR_NONE : kt_map_key(r->names, kt_map_put(r->names, s, NULL));
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
    if (r->n_changes == CHANGES_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u changes of secrets: give a shorter window",
                       CHANGES_MAX);
    if (r->n_changes == r->cap_changes) {
        r->cap_changes = r->cap_changes == 0 ? 256 : 2 * r->cap_changes;
        r->change = kt_realloc_array(r->change, r->cap_changes, sizeof *r->change);
    }
    kt_secret_read_as(ev->secret, &id);
    r->change[r->n_changes++] =
        (struct change){ kt_map_put(r->ids, kt_buf_str(&id), NULL),
                         { .change = change,
                           .time = ev->time != 0 ? ev->time : rec->arrival,
                           .version = keep(r, ev->version),
                           .by = keep(r, kt_ask_actor(r->ask, ev->actor, ev->source, ev->instance)),
                           .operation = keep(r, ev->operation),
                           .seq = rec->seq } };
    return KT_OK;
}

static int by_secret(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->secret != y->secret)
        return x->secret < y->secret ? -1 : 1;
    if (x->is.time != y->is.time)
        return x->is.time < y->is.time ? -1 : 1;
    return x->is.seq < y->is.seq ? -1 : 1;
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

static void mark_row(struct kt_rotation_row *row, enum kt_rotation_fate fate,
                     const struct kt_fold_value *m)
{
    row->fate = fate;
    row->at = m->at;
    row->by = m->by;
    row->what = m->operation;
}

/* The newest rotation in the window. What a store says of one that the log has is a little later.
 */
static void mark_done(const struct run *r, const struct kt_secret_fold *s, kt_time_ns listed,
                      struct kt_rotation_row *row)
{
    bool inside =
        listed != 0 && listed >= r->ask->since && (r->ask->until == 0 || listed < r->ask->until);
    if (inside && listed > s->rotated.at + KT_NS_MIN) {
        row->done = listed;
        return;
    }
    row->done = s->rotated.at;
    row->done_seq = s->rotated.seq;
    row->done_by = s->rotated.by;
}

/* What is wrong comes before what is done; false: there is nothing to tell. */
static bool judge(struct run *r, const struct kt_secret_fold *s, const struct kt_inventory_item *it,
                  struct kt_rotation_row *row)
{
    kt_time_ns listed = it == NULL ? 0 : kt_inventory_rotation(it).at;
    row->rotated = s->rotated.at > listed ? s->rotated.at : listed;
    row->due = it == NULL || it->gone ? 0 : kt_inventory_due(it);
    row->owner = it == NULL ? KT_STR_NONE : keep(r, it->owner);
    row->rotations = s->rotations;
    mark_done(r, s, listed, row);
    if (s->failed.at > row->rotated)
        mark_row(row, KT_FATE_OF_FAILED, &s->failed);
    else if (s->started.at > row->rotated)
        mark_row(row,
                 r->ask->now - s->started.at >= HALF_DONE ? KT_FATE_OF_HALF : KT_FATE_OF_RUNNING,
                 &s->started);
    else if (s->waiting.at > row->rotated)
        mark_row(row,
                 r->ask->now - s->waiting.at >= HALF_DONE ? KT_FATE_OF_HALF : KT_FATE_OF_RUNNING,
                 &s->waiting);
    else if (row->due != 0 && row->due < r->ask->now)
        mark_row(row, KT_FATE_OF_OVERDUE, &(struct kt_fold_value){ .at = row->due });
    else if (row->done != 0)
        mark_row(row, KT_FATE_OF_ROTATED,
                 row->done_seq != 0 ? &s->rotated : &(struct kt_fold_value){ .at = row->done });
    else
        return false;
    return true;
}

static void put_row(struct run *r, struct kt_str id, const struct kt_inventory_item *it,
                    const struct kt_secret_fold *f)
{
    struct kt_rotation_row row = { .secret = keep(r, id) };
    if (judge(r, f, it, &row))
        add_row(r, &row);
}

static void judge_all(struct run *r, const struct kt_inventory *v)
{
    static const struct kt_secret_fold nothing;
    if (r->n_changes > 0)
        qsort(r->change, r->n_changes, sizeof *r->change, by_secret);
    for (size_t from = 0, until = 0; from < r->n_changes; from = until) {
        struct kt_str id = kt_map_key(r->ids, r->change[from].secret);
        struct kt_secret_fold f = { 0 };
        while (until < r->n_changes && r->change[until].secret == r->change[from].secret)
            kt_secret_fold_take(&f, &r->change[until++].is);
        put_row(r, id, kt_inventory_find(v, id), &f);
    }
    for (uint32_t i = 0; i < v->n; i++)
        if (kt_map_get(r->ids, v->item[i].secret) == KT_MAP_NONE)
            put_row(r, v->item[i].secret, &v->item[i], &nothing);
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
    r->ask->since = 0; /* snapshots are of one moment, whenever that was before the end */
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
    kt_free(r->change);
    kt_map_free(r->ids);
    kt_map_free(r->names);
    kt_free(r);
}
