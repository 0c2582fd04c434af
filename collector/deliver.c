/*
 * deliver: keeps store and outbox thread in step.
 *
 * Owns:  the numbers of the rows that the outbox has; the blobs "thread/<target>/<alert>".
 * Calls: core/store/write, outbox.
 * Holds: a row is with the outbox at most once; it counts as there until its end is written.
 */
#include "collector/deliver.h"
#include "core/base/alloc.h"
#include <stdio.h>
#include <string.h>

struct kt_deliver {
    struct kt_store *store;
    struct kt_outbox *outbox;
    int64_t *out; /* sorted row numbers */
    unsigned n, room;
    bool behind, held;
    struct kt_outbox_row next; /* taken from the outbox, not written yet */
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
    kt_free(d->out);
    kt_free(d);
}

/* Where row is, or belongs. */
static unsigned place(const struct kt_deliver *d, int64_t row)
{
    unsigned lo = 0, hi = d->n;
    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        if (d->out[mid] < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The blob of what a target calls its message of an alert; kept from the first delivery until the
 * alert is resolved there. */
static const char *thread_name(const struct kt_outbox_row *row, char ret[128])
{
    (void)snprintf(ret, 128, KT_THREAD_BLOBS "%s/%s", row->target, row->alert);
    return ret;
}

static enum kt_status read_handle(struct kt_deliver *d, struct kt_outbox_row *row,
                                  struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    char name[128];
    enum kt_status st = kt_store_get(d->store, thread_name(row, name), &value, err);
    kt_str_copyz(row->handle, sizeof row->handle, kt_buf_str(&value));
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* A message that is through: its handle stays, or ends with the alert. */
static enum kt_status keep_handle(struct kt_deliver *d, const struct kt_outbox_row *row,
                                  struct kt_error *err)
{
    char name[128];
    if (row->handle[0] == '\0' || strcmp(row->state, "sent") != 0)
        return KT_OK;
    bool over = kt_send_of(kt_str_of(row->action)) == KT_SEND_RESOLVE;
    return kt_store_put(d->store, thread_name(row, name),
                        over ? KT_STR_NONE : kt_str_of(row->handle), err);
}

static enum kt_status give(void *self, const struct kt_outbox_row *stored, struct kt_str json,
                           struct kt_error *err)
{
    struct kt_deliver *d = self;
    struct kt_outbox_row copy = *stored, *row = &copy;
    unsigned at = place(d, row->row);
    if (at < d->n && d->out[at] == row->row)
        return KT_OK;
    if (kt_outbox_room(d->outbox) == 0) {
        d->behind = true;
        return KT_OK;
    }
    if (read_handle(d, row, err) != KT_OK)
        return err->code;
    d->out = kt_realloc_array(d->out, d->n + 1, sizeof *d->out);
    memmove(d->out + at + 1, d->out + at, (d->n - at) * sizeof *d->out);
    d->out[at] = row->row;
    d->n++;
    kt_outbox_give(d->outbox, row, json);
    return KT_OK;
}

enum kt_status kt_deliver_hand_over(struct kt_deliver *d, struct kt_error *err)
{
    d->behind = false;
    if (kt_store_outbox_waiting(d->store, give, d, err) != KT_OK)
        return kt_wrap(err, "waiting alerts");
    return KT_OK;
}

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
    while (kt_deliver_changed(d)) {
        if (kt_store_outbox_update(d->store, &d->next, err) != KT_OK ||
            keep_handle(d, &d->next, err) != KT_OK)
            return kt_wrap(err, "outbox row");
        d->held = false;
        if (strcmp(d->next.state, "wait") == 0)
            continue;
        unsigned at = place(d, d->next.row);
        if (at < d->n && d->out[at] == d->next.row) {
            memmove(d->out + at, d->out + at + 1, (d->n - at - 1) * sizeof *d->out);
            d->n--;
        }
        if (strcmp(d->next.state, "dead") == 0)
            dead(self, &d->next);
    }
    return KT_OK;
}

bool kt_deliver_behind(const struct kt_deliver *d)
{
    return d->behind;
}
