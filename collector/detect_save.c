/*
 * detect_save: the state of the detectors as bytes: whole, or what changed, for a store that holds
 * what is not in memory.
 *
 * Owns:  the form of a snapshot and of a head.
 * Calls: detectors/table, core/base. No clock, no I/O: rows come and go through the caller.
 * Holds: what is written and what is in memory never changes what comes out of a record.
 */
#include <string.h>

#include "collector/detect_state.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

#define STATE_VERSION 11u

/* ---- the head ---- */
static void layout(const struct kt_detect *d, uint8_t ret[32])
{
    /* entries are of the tables' sizes, which stand below */
    const uint32_t sizes[] = { STATE_VERSION, sizeof(struct core) };
    struct kt_buf b = { 0 };
    const struct kt_table *table;
    kt_buf_add_bytes(&b, sizes, sizeof sizes);
    for (unsigned i = 0, id; (table = kt_detect_table(d, i, &id)) != NULL; i++) {
        const struct kt_table_decl *t = kt_table_declared(table);
        kt_buf_addf(&b, " %u %s %d %u %u %u %d", id, t->name, (int)t->key, t->bytes, t->version,
                    t->max, (int)t->evict);
    }
    const struct kt_str part = kt_buf_str(&b);
    kt_sha256_of(&part, 1, ret);
    kt_buf_done(&b);
}

static void add_head(const struct kt_detect *d, struct kt_buf *out)
{
    uint8_t shape[32];
    layout(d, shape);
    kt_buf_addz(out, "KTDS");
    kt_buf_add_bytes(out, shape, sizeof shape);
    kt_buf_add_bytes(out, &d->core, sizeof d->core);
}

/* *in is behind the shape then. */
static enum kt_status open_head(const struct kt_detect *d, struct kt_rd *in, struct kt_error *err)
{
    uint8_t shape[32];
    layout(d, shape);
    struct kt_str magic = kt_rd_bytes(in, 4), theirs = kt_rd_bytes(in, sizeof shape);
    if (in->bad || !kt_str_is(magic, "KTDS"))
        return kt_fail(err, KT_E_CORRUPT, "this is no state of the detectors");
    if (memcmp(theirs.at, shape, sizeof shape) != 0)
        return kt_fail(err, KT_E_AGAIN, "state of another version: rebuild it by replay");
    return KT_OK;
}

static bool load_core(struct kt_detect *d, struct kt_rd *in)
{
    struct kt_str core = kt_rd_bytes(in, sizeof d->core);
    if (in->bad)
        return false;
    memcpy(&d->core, core.at, sizeof d->core);
    return true;
}

static enum kt_status damaged(struct kt_detect *d, struct kt_error *err)
{
    kt_detect_empty(d);
    return kt_fail(err, KT_E_CORRUPT, "state of the detectors is damaged");
}

/* ---- whole ---- */
void kt_detect_snapshot(const struct kt_detect *d, struct kt_buf *out)
{
    add_head(d, out);
    kt_detect_config_save(d, out);
    const struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++)
        kt_table_save(t, out);
}

static bool load_tables(struct kt_detect *d, struct kt_rd *in)
{
    struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++) {
        if (!kt_table_load(t, in))
            return false;
    }
    return in->left == 0 && !in->bad;
}

enum kt_status kt_detect_restore(struct kt_detect *d, struct kt_str snapshot, struct kt_error *err)
{
    struct kt_rd in = kt_rd_of(snapshot);
    enum kt_status st = open_head(d, &in, err);
    if (st != KT_OK)
        return st;
    kt_detect_empty(d);
    d->settings_changed = true;
    if (!load_core(d, &in) || !kt_detect_config_load(d, &in) || !load_tables(d, &in))
        return damaged(d, err);
    kt_detect_refresh(d);
    return KT_OK;
}

void kt_detect_digest(const struct kt_detect *d, uint8_t ret[32])
{
    struct kt_buf b = { 0 };
    kt_detect_snapshot(d, &b);
    const struct kt_str all = kt_buf_str(&b);
    kt_sha256_of(&all, 1, ret);
    kt_buf_done(&b);
}

/* ---- what changed ---- */
void kt_detect_changes(struct kt_detect *d, struct kt_buf *ret_head, struct kt_buf *ret_rows)
{
    struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++)
        kt_table_changes(t, ret_rows);
    add_head(d, ret_head);
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++)
        kt_table_head(t, ret_head);
}

void kt_detect_settings(struct kt_detect *d, struct kt_buf *ret)
{
    if (d->settings_changed)
        kt_detect_config_save(d, ret);
    d->settings_changed = false;
}

void kt_detect_saved(struct kt_detect *d)
{
    struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++)
        kt_table_saved(t);
}

/* ---- going on ---- */
struct resume {
    struct kt_table *table[UINT8_MAX + 1]; /* by their number */
    bool strange;
};

static void take_row(void *self, const struct kt_table_row *r)
{
    struct resume *to = self;
    if (r->table > UINT8_MAX || to->table[r->table] == NULL)
        to->strange = true;
    else
        kt_table_add(to->table[r->table], r->key, r->born, r->used);
}

static bool take_heads(struct kt_detect *d, struct kt_rd *in, struct resume *to)
{
    struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++) {
        to->table[id] = t;
        if (!kt_table_head_read(t, in))
            return false;
    }
    return in->left == 0;
}

static bool order_rows(struct kt_detect *d)
{
    bool good = true;
    struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++)
        good = kt_table_added(t) && good;
    return good;
}

static bool take_settings(struct kt_detect *d, struct kt_str settings)
{
    struct kt_rd in = kt_rd_of(settings);
    d->settings_changed = false;
    return kt_detect_config_load(d, &in) && in.left == 0;
}

enum kt_status kt_detect_resume(struct kt_detect *d, struct kt_str head, struct kt_str settings,
                                const struct kt_detect_rows *rows, struct kt_error *err)
{
    struct kt_rd in = kt_rd_of(head);
    struct resume to = { .strange = false };
    enum kt_status st = open_head(d, &in, err);
    if (st != KT_OK)
        return st;
    kt_detect_empty(d);
    if (!load_core(d, &in) || !take_heads(d, &in, &to) || !take_settings(d, settings))
        return damaged(d, err);
    st = rows->each(rows->self, take_row, &to, err);
    if (st != KT_OK) {
        kt_detect_empty(d);
        return kt_wrap(err, "state of the detectors");
    }
    if (!order_rows(d) || to.strange)
        return damaged(d, err);
    kt_detect_refresh(d);
    return KT_OK;
}

/* ---- memory ---- */
static size_t sum_of(const struct kt_detect *d, size_t (*figure)(const struct kt_table *t))
{
    size_t sum = 0;
    const struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++)
        sum += figure(t);
    return sum;
}

size_t kt_detect_bytes(const struct kt_detect *d)
{
    return sum_of(d, kt_table_bytes);
}

size_t kt_detect_held(const struct kt_detect *d)
{
    return sum_of(d, kt_table_held);
}

size_t kt_detect_dirty(const struct kt_detect *d)
{
    return sum_of(d, kt_table_dirty);
}

/* Each table gives its share: an eighth more than asked for, so that this is not done every time.
 */
void kt_detect_trim(struct kt_detect *d, size_t bytes)
{
    size_t has = kt_detect_bytes(d), held = kt_detect_held(d);
    struct kt_table *t;
    if (has <= bytes || held == 0)
        return;
    double share = ((double)(has - bytes) + (double)bytes / 8) / (double)held;
    share = share < 1 ? share : 1;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++)
        (void)kt_table_trim(t, (size_t)((double)kt_table_held(t) * share) + 1);
}

void kt_detect_count_errors(const struct kt_detect *d, struct kt_detect_meter *ret)
{
    for (unsigned i = 0; i < d->n_detectors; i++) {
        ret->at[i].errors = 0;
        for (unsigned k = 0; k < kt_detectors[i]->n_tables; k++)
            ret->at[i].errors += kt_table_lost(d->detector[i].table[k]);
    }
}

uint64_t kt_detect_damaged(const struct kt_detect *d)
{
    uint64_t sum = 0;
    const struct kt_table *t;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++)
        sum += kt_table_lost(t);
    return sum;
}
