/*
 * deliver: keeps store and outbox thread in step.
 *
 * Owns:  the numbers of the rows that wait in the store, by target and severity, and of those that
 *        the outbox has; the blobs "thread/<target>/<alert>"; the end of "answers/…".
 * Calls: core/store/write, outbox.
 * Holds: a row is with the outbox at most once; it counts as there until its end is written. No
 *        row goes before an older one of its alert and target.
 */
#include "collector/deliver.h"
#include "core/base/alloc.h"
#include <stdio.h>
#include <string.h>

#define LINE_MAX  65536u /* rows that are known by number; more wait until these are gone */
#define GIVE_MAX  128u
#define WRITE_MAX 256u

/* ---- a set of row numbers, which are above 0: open addressing, half full at most ---- */

struct rows {
    int64_t *at;
    size_t cap, n;
};

static size_t slot_of(const struct rows *s, int64_t row)
{
    size_t i = (size_t)((uint64_t)row * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (s->cap - 1);
    while (s->at[i] != 0 && s->at[i] != row)
        i = (i + 1) & (s->cap - 1);
    return i;
}

static bool has(const struct rows *s, int64_t row)
{
    return s->cap > 0 && s->at[slot_of(s, row)] == row;
}

static void put(struct rows *s, int64_t row)
{
    if (2 * (s->n + 1) > s->cap) {
        struct rows more = { .cap = s->cap == 0 ? 64 : 2 * s->cap };
        more.at = kt_alloc_array(more.cap, sizeof *more.at);
        for (size_t i = 0; i < s->cap; i++)
            if (s->at[i] != 0)
                more.at[slot_of(&more, s->at[i])] = s->at[i];
        more.n = s->n;
        kt_free(s->at);
        *s = more;
    }
    size_t i = slot_of(s, row);
    s->n += s->at[i] == 0;
    s->at[i] = row;
}

/* What stands behind the hole in one run is put again, so that looking never stops too early. */
static void drop(struct rows *s, int64_t row)
{
    if (!has(s, row))
        return;
    size_t i = slot_of(s, row);
    s->at[i] = 0;
    s->n--;
    for (i = (i + 1) & (s->cap - 1); s->at[i] != 0; i = (i + 1) & (s->cap - 1)) {
        int64_t moved = s->at[i];
        s->at[i] = 0;
        s->at[slot_of(s, moved)] = moved;
    }
}

/* ---- what waits in the store ---- */

struct line { /* first in, first out */
    struct waits {
        int64_t row;
        kt_time_ns created;
    } * at;
    unsigned n, from, cap;
    bool more; /* the store has more of this kind than are known here */
};
struct target {
    char name[64];
    struct line lines[KT_SEV_COUNT];
};
struct kt_deliver {
    struct kt_store *store;
    struct kt_outbox *outbox;
    struct target *targets; /* that rows name, configured or not */
    unsigned n_targets;
    struct rows listed, out;
    bool indexed, held;
    struct kt_outbox_row next; /* taken from the outbox, not written yet */
    unsigned given;            /* in this call */
    uint64_t written;          /* changes, since the last commit */
};

struct kt_deliver *kt_deliver_new(struct kt_store *store, struct kt_outbox *outbox)
{
    struct kt_deliver *d = kt_alloc(sizeof *d);
    d->store = store;
    d->outbox = outbox;
    return d;
}

void kt_deliver_free(struct kt_deliver *d)
{
    if (d == NULL)
        return;
    for (unsigned i = 0; i < d->n_targets; i++)
        for (int s = 0; s < KT_SEV_COUNT; s++)
            kt_free(d->targets[i].lines[s].at);
    kt_free(d->targets);
    kt_free(d->listed.at);
    kt_free(d->out.at);
    kt_free(d);
}

static struct target *target_of(struct kt_deliver *d, const char *name)
{
    for (unsigned i = 0; i < d->n_targets; i++)
        if (strcmp(d->targets[i].name, name) == 0)
            return &d->targets[i];
    d->targets = kt_realloc_array(d->targets, d->n_targets + 1, sizeof *d->targets);
    struct target *t = &d->targets[d->n_targets++];
    *t = (struct target){ 0 };
    kt_str_copyz(t->name, sizeof t->name, kt_str_of(name));
    return t;
}

static void push(struct line *l, const struct waits *w)
{
    if (l->n == l->cap && l->from > 0) {
        memmove(l->at, l->at + l->from, (l->n - l->from) * sizeof *l->at);
        l->n -= l->from;
        l->from = 0;
    }
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
    }
    l->at[l->n++] = *w;
}

static enum kt_status list(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct kt_deliver *d = self;
    (void)err;
    if (has(&d->out, row->row) || has(&d->listed, row->row))
        return KT_OK;
    int severity = row->severity < 0 || row->severity >= KT_SEV_COUNT ? 0 : row->severity;
    struct line *l = &target_of(d, row->target)->lines[severity];
    if (l->n - l->from >= LINE_MAX) {
        l->more = true;
        return KT_OK;
    }
    push(l, &(struct waits){ row->row, row->created });
    put(&d->listed, row->row);
    return KT_OK;
}

static enum kt_status index_from(struct kt_deliver *d, int64_t from, struct kt_error *err)
{
    if (kt_store_outbox_waiting(d->store, from, list, d, err) != KT_OK)
        return kt_wrap(err, "waiting alerts");
    return KT_OK;
}

/* ---- out ---- */

static const char *blob_of(const char *kind, const struct kt_outbox_row *row, char ret[128])
{
    (void)snprintf(ret, 128, "%s%s/%s", kind, row->target, row->alert);
    return ret;
}

static enum kt_status read_handle(struct kt_deliver *d, struct kt_outbox_row *row,
                                  struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    char name[128];
    enum kt_status st = kt_store_get(d->store, blob_of(KT_THREAD_BLOBS, row, name), &value, err);
    kt_str_copyz(row->handle, sizeof row->handle, kt_buf_str(&value));
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* Said when its alert has ended: nothing is open there afterwards. */
static bool is_of_the_end(const struct kt_outbox_row *row)
{
    enum kt_send send = kt_send_of(kt_str_of(row->action));
    return send == KT_SEND_RESOLVE || send == KT_SEND_REMARK;
}

/* A message that is through: its handle stays, or ends with the alert. */
static enum kt_status keep_handle(struct kt_deliver *d, const struct kt_outbox_row *row,
                                  struct kt_error *err)
{
    char name[128];
    if (row->handle[0] == '\0' || strcmp(row->state, "sent") != 0)
        return KT_OK;
    bool over = is_of_the_end(row);
    enum kt_status st = kt_store_put(d->store, blob_of(KT_THREAD_BLOBS, row, name),
                                     over ? KT_STR_NONE : kt_str_of(row->handle), err);
    if (st == KT_OK && over)
        st = kt_store_put(d->store, blob_of(KT_ANSWER_BLOBS, row, name), KT_STR_NONE, err);
    return st;
}

static enum kt_status give(void *self, const struct kt_outbox_row *stored, struct kt_str json,
                           struct kt_error *err)
{
    struct kt_deliver *d = self;
    struct kt_outbox_row row = *stored;
    if (has(&d->out, row.row))
        return KT_OK;
    if (read_handle(d, &row, err) != KT_OK)
        return err->code;
    put(&d->out, row.row);
    drop(&d->listed, row.row);
    d->given++;
    kt_outbox_give(d->outbox, &row, json);
    return KT_OK;
}

/* One line as far as there is room: each row after the older ones of its alert, which may be in
 * another line and find no room: they are few. */
static enum kt_status give_line(struct kt_deliver *d, const char *target, struct line *l,
                                int severity, struct kt_error *err)
{
    while (l->from < l->n && d->given < GIVE_MAX &&
           kt_outbox_room(d->outbox, target, severity) > 0) {
        int64_t row = l->at[l->from++].row;
        drop(&d->listed, row);
        if (kt_store_outbox_up_to(d->store, row, give, d, err) != KT_OK)
            return kt_wrap(err, "waiting alerts");
    }
    return KT_OK;
}

/* For the figures: how many wait here, since when. */
static void say_held_back(struct kt_deliver *d, const struct target *t)
{
    uint64_t n = 0;
    kt_time_ns oldest = 0;
    for (int s = 0; s < KT_SEV_COUNT; s++) {
        const struct line *l = &t->lines[s];
        n += l->n - l->from;
        if (l->from < l->n && (oldest == 0 || l->at[l->from].created < oldest))
            oldest = l->at[l->from].created;
    }
    kt_outbox_held_back(d->outbox, t->name, n, oldest);
}

enum kt_status kt_deliver_hand_over(struct kt_deliver *d, struct kt_error *err)
{
    int64_t added = kt_store_outbox_added(d->store);
    bool more = false;
    enum kt_status st = KT_OK;
    if (!d->indexed || added != 0)
        st = index_from(d, d->indexed ? added : 0, err);
    d->indexed = true;
    d->given = 0;
    for (int s = KT_SEV_COUNT - 1; s >= 0; s--)
        for (unsigned i = 0; i < d->n_targets && st == KT_OK; i++) {
            struct line *l = &d->targets[i].lines[s];
            st = give_line(d, d->targets[i].name, l, s, err);
            more = more || (l->more && l->from == l->n);
        }
    if (more && st == KT_OK) { /* what did not fit into the lines has its turn */
        for (unsigned i = 0; i < d->n_targets; i++)
            for (int s = 0; s < KT_SEV_COUNT; s++)
                d->targets[i].lines[s].more = false;
        st = index_from(d, 0, err);
    }
    for (unsigned i = 0; i < d->n_targets; i++)
        say_held_back(d, &d->targets[i]);
    return st;
}

bool kt_deliver_behind(const struct kt_deliver *d)
{
    for (unsigned i = 0; i < d->n_targets; i++)
        for (int s = 0; s < KT_SEV_COUNT; s++) {
            const struct line *l = &d->targets[i].lines[s];
            if (l->from < l->n && kt_outbox_room(d->outbox, d->targets[i].name, s) > 0)
                return true;
        }
    return false;
}

/* ---- back ---- */

bool kt_deliver_changed(struct kt_deliver *d)
{
    if (!d->held)
        d->held = kt_outbox_take(d->outbox, &d->next);
    return d->held;
}

enum kt_status kt_deliver_take_back(struct kt_deliver *d,
                                    void (*dead)(void *self, const struct kt_outbox_row *row),
                                    void *self, struct kt_error *err)
{
    for (unsigned n = 0; n < WRITE_MAX && kt_deliver_changed(d); n++) {
        if (kt_store_outbox_update(d->store, &d->next, err) != KT_OK ||
            keep_handle(d, &d->next, err) != KT_OK)
            return kt_wrap(err, "outbox row");
        d->held = false;
        d->written++;
        if (strcmp(d->next.state, "wait") == 0)
            continue;
        drop(&d->out, d->next.row);
        if (strcmp(d->next.state, "dead") == 0)
            dead(self, &d->next);
    }
    return KT_OK;
}

void kt_deliver_committed(struct kt_deliver *d)
{
    if (d->written > 0)
        kt_outbox_written(d->outbox, d->written);
    d->written = 0;
}

enum kt_status kt_deliver_retry(struct kt_deliver *d, const struct kt_outbox_row *dead, bool ended,
                                kt_time_ns now, struct kt_error *err)
{
    struct kt_outbox_row row = *dead;
    bool skipped = ended && !is_of_the_end(&row);
    kt_str_copyz(row.state, sizeof row.state, KT_STR("wait"));
    row.attempts = 0;
    row.next_try = now;
    if (skipped) {
        kt_str_copyz(row.state, sizeof row.state, KT_STR(KT_OUTBOX_SKIPPED));
        kt_str_copyz(row.last_error, sizeof row.last_error, KT_STR("the alert has ended"));
    }
    enum kt_status st = kt_store_outbox_update(d->store, &row, err);
    return st == KT_OK && !skipped ? list(d, &row, err) : st;
}

/* ---- at the start ---- */

struct tidying {
    struct kt_store *store;
    const struct kt_conf *conf;
};

static bool is_configured(const struct kt_conf *conf, struct kt_str target)
{
    for (unsigned i = 0; i < conf->n_targets; i++)
        if (kt_str_is(target, conf->targets[i].name))
            return true;
    return false;
}

static enum kt_status tidy(void *self, const char *name, struct kt_str value, struct kt_error *err)
{
    const struct tidying *t = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf thread = { 0 }, handle = { 0 };
    struct kt_str rest = kt_str_of(name), kind, target;
    (void)value;
    (void)kt_str_split(&rest, '/', &kind);
    (void)kt_str_split(&rest, '/', &target);
    kt_buf_addf(&thread, KT_THREAD_BLOBS KT_STR_FMT "/" KT_STR_FMT, KT_STR_ARG(target),
                KT_STR_ARG(rest));
    enum kt_status st = kt_store_get(t->store, kt_buf_z(&thread), &handle, err);
    if (st == KT_E_AGAIN || (st == KT_OK && !is_configured(t->conf, target)))
        st = kt_store_put(t->store, name, KT_STR_NONE, err);
    return st;
}

enum kt_status kt_deliver_tidy(struct kt_store *store, const struct kt_conf *conf,
                               struct kt_error *err)
{
    struct tidying t = { store, conf };
    if (kt_store_each(store, KT_THREAD_BLOBS, tidy, &t, err) != KT_OK ||
        kt_store_each(store, KT_ANSWER_BLOBS, tidy, &t, err) != KT_OK)
        return kt_wrap(err, "threads at targets");
    return KT_OK;
}
