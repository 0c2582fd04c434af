/*
 * outbox_thread: what happens to a row: who may be sent to, what came back, when to try again.
 *
 * Owns:  the queues and, while a request flies, its item.
 * Calls: courier, outbox_queue, core/sys/http.
 * Holds: nothing is rendered or read under the lock: the writer never waits for a target.
 */
#include "collector/outbox_lane.h"
#include "core/base/alloc.h"
#include "core/sys/wake.h"
#include <stdio.h>
#include <string.h>

#define WAIT_IDLE (KT_NS_S)
#define WAIT_BUSY (100 * KT_NS_MS) /* a clock may be set; nothing is late by more than this */

/* Each row of a bundle ends as the bundle does, and says with how many others it went. */
static void tell_rows(struct kt_outbox *o, const struct kt_item *it)
{
    const struct kt_bundle *b = it->bundle;
    struct kt_outbox_row row = it->row;
    for (unsigned i = 0; i < b->n; i++) {
        row.row = b->rows[i].row;
        row.handle[0] = '\0'; /* of the message, not of this alert */
        row.attempts = b->rows[i].attempts + it->row.attempts;
        if (strcmp(row.state, "sent") == 0)
            (void)snprintf(row.last_error, sizeof row.last_error, "in a group of %u: %s", b->n,
                           it->row.alert);
        kt_outbox_tell(o, &row);
    }
}

static void end_item(struct kt_outbox *o, struct kt_lane *l, struct kt_item *it, const char *state)
{
    bool sent = strcmp(state, "sent") == 0;
    unsigned rows = it->bundle != NULL ? it->bundle->n : 1;
    kt_str_copyz(it->row.state, sizeof it->row.state, kt_str_of(state));
    it->row.next_try = 0;
    (void)pthread_mutex_lock(&o->lock);
    if (it->bundle != NULL)
        tell_rows(o, it);
    else
        kt_outbox_tell(o, &it->row);
    *(sent ? &l->sent : &l->dead) += rows;
    l->waiting -= rows;
    l->held[it->row.severity] -= it->bundle == NULL && !it->unheld;
    uint64_t change = o->told;
    (void)pthread_mutex_unlock(&o->lock);
    kt_queue_end(&l->queue, it, change);
}

static void still_waits(struct kt_outbox *o, struct kt_lane *l, const struct kt_item *it)
{
    (void)pthread_mutex_lock(&o->lock);
    l->retries++;
    kt_outbox_tell(o, &it->row);
    (void)pthread_mutex_unlock(&o->lock);
}

/* Failed this time: onto the next rung, or, past the last, to the dead letters. */
static void again(struct kt_outbox *o, struct kt_lane *l, struct kt_item *it,
                  const struct kt_http_answer *a)
{
    if (it->early) { /* a probe ahead of its turn costs no rung */
        still_waits(o, l, it);
        return;
    }
    it->row.attempts++;
    kt_time_ns wait = kt_courier_wait(&o->o.rng, it->row.attempts, a);
    if (wait == 0) {
        end_item(o, l, it, "dead");
        return;
    }
    it->due = kt_outbox_mono(o) + wait;
    it->row.next_try = kt_outbox_wall(o) + wait;
    still_waits(o, l, it);
}

/* What the target calls its message from now on: also for what already waits behind it. */
static void set_handle(struct kt_outbox *o, struct kt_lane *l, struct kt_item *it,
                       struct kt_str handle)
{
    kt_queue_set_handle(&l->queue, it->row.alert, handle);
    (void)pthread_mutex_lock(&o->lock);
    for (unsigned i = 0; i < o->n_given; i++) {
        struct kt_outbox_row *row = &o->given[i].item->row;
        if (o->given[i].lane == l && strcmp(row->alert, it->row.alert) == 0)
            kt_str_copyz(row->handle, sizeof row->handle, handle);
    }
    (void)pthread_mutex_unlock(&o->lock);
}

/* What a render chose counts; of what answers tell, the first message's. */
static void learn(struct kt_outbox *o, struct kt_lane *l, struct kt_item *it,
                  const struct kt_target_ruling *ruling)
{
    struct kt_str handle = kt_str_of(it->chosen);
    if (handle.len == 0 && it->row.handle[0] == '\0')
        handle = kt_str_of(ruling->handle);
    if (handle.len > 0 && !kt_str_is(handle, it->row.handle))
        set_handle(o, l, it, handle);
}

/* Which target's it is: its number stands above the row's. */
#define TAG_LANE 48

static void answered(void *self, struct kt_http_answer *a)
{
    struct kt_outbox *o = self;
    struct kt_lane *l = &o->lanes[a->tag >> TAG_LANE];
    struct kt_item *it =
        kt_queue_flying(&l->queue, (int64_t)(a->tag & ((UINT64_C(1) << TAG_LANE) - 1)));
    struct kt_target_ruling ruling;
    (void)pthread_mutex_lock(&o->lock);
    bool was_open = l->courier.open;
    enum kt_verdict v = kt_courier_answered(&l->courier, a, kt_outbox_mono(o), kt_outbox_wall(o),
                                            &ruling, it->row.last_error);
    (void)pthread_mutex_unlock(&o->lock);
    it->flying = false;
    it->row.last_code = a->status;
    if (ruling.plain && !it->plain) {
        it->plain = true;
        it->due = kt_outbox_mono(o);
    } else if (ruling.forget && it->row.handle[0] != '\0') {
        set_handle(o, l, it, KT_STR_NONE);
        it->due = kt_outbox_mono(o);
    } else if (v == KT_DELIVERED) {
        it->row.attempts++;
        it->row.sent_at = kt_outbox_wall(o);
        it->row.last_error[0] = '\0';
        learn(o, l, it, &ruling);
        end_item(o, l, it, "sent");
        if (was_open) /* what waited for the circuit has waited long enough */
            kt_queue_hurry(&l->queue, kt_outbox_mono(o));
    } else if (v == KT_RETRY) {
        again(o, l, it, a);
    } else {
        it->row.attempts++;
        end_item(o, l, it, "dead");
    }
}

static void start(struct kt_outbox *o, struct kt_lane *l, struct kt_item *it, kt_time_ns now)
{
    struct kt_error err = { 0 };
    struct kt_http_request r;
    uint64_t tag = (uint64_t)(l - o->lanes) << TAG_LANE | (uint64_t)it->row.row;
    kt_arena_reset(&o->arena);
    enum kt_status st = kt_courier_render(&l->courier, &it->row, kt_buf_str(&it->json), it->plain,
                                          kt_outbox_wall(o), &o->arena, &o->request, &err);
    if (st == KT_OK && o->request.skip != NULL) {
        kt_str_copyz(it->row.last_error, sizeof it->row.last_error, kt_str_of(o->request.skip));
        it->row.sent_at = kt_outbox_wall(o);
        end_item(o, l, it, "sent");
        return;
    }
    if (st == KT_OK) {
        kt_str_copyz(it->chosen, sizeof it->chosen, o->request.handle);
        kt_courier_request(&l->courier, &o->request, tag, &r);
        st = kt_http_start(o->http, &r, &err);
    }
    if (st != KT_OK) { /* the same bytes will fail the same way: a person has to look */
        kt_str_copyz(it->row.last_error, sizeof it->row.last_error, kt_str_of(err.text));
        end_item(o, l, it, "dead");
        return;
    }
    it->flying = true;
    it->early = it->due > now;
    (void)pthread_mutex_lock(&o->lock);
    kt_courier_started(&l->courier, now);
    (void)pthread_mutex_unlock(&o->lock);
}

/* Starts what this target may get; returns when it may get the next. */
static kt_time_ns start_due(struct kt_outbox *o, struct kt_lane *l, kt_time_ns now)
{
    for (;;) {
        kt_time_ns ready = kt_courier_ready_at(&l->courier, now);
        bool probe = l->courier.open;
        if (ready > now) {
            kt_time_ns due = kt_queue_due(&l->queue);
            return due == KT_TIME_NEVER || (!probe && due > ready) ? due : ready;
        }
        struct kt_item *it = kt_queue_next(&l->queue, now, probe);
        if (it == NULL)
            return kt_queue_due(&l->queue);
        start(o, l, it, now);
    }
}

/* Moves what was given into the queues; lets go what waited for the store. */
static void take_given(struct kt_outbox *o)
{
    (void)pthread_mutex_lock(&o->lock);
    uint64_t written = o->written;
    struct kt_given *given = KT_TAKE(o->given);
    unsigned n = o->n_given;
    o->n_given = 0;
    (void)pthread_mutex_unlock(&o->lock);
    for (unsigned i = 0; i < o->n_lanes; i++)
        kt_queue_written(&o->lanes[i].queue, written);
    for (unsigned i = 0; i < n; i++)
        kt_queue_add(&given[i].lane->queue, given[i].item, kt_outbox_mono(o), &o->arena);
    kt_free(given);
}

/* What a round has changed, for the writer and for `status`. */
static void publish(struct kt_outbox *o, struct kt_lane *l, kt_time_ns oldest)
{
    (void)pthread_mutex_lock(&o->lock);
    bool room = false;
    for (int s = 0; s < KT_SEV_COUNT; s++) {
        room = room || l->queue.bundled[s] > 0;
        l->held[s] -= l->queue.bundled[s];
        l->queue.bundled[s] = 0;
    }
    if (room && l->stored > 0) /* there is room for what the store holds back */
        kt_wake_raise(o->changed_fd);
    l->oldest = oldest;
    if (l->revive) {
        l->revive = false;
        kt_courier_revive(&l->courier);
        kt_queue_hurry(&l->queue, kt_outbox_mono(o));
    }
    (void)pthread_mutex_unlock(&o->lock);
}

static kt_time_ns round_of(struct kt_outbox *o)
{
    kt_time_ns next = KT_TIME_NEVER, now = kt_outbox_mono(o);
    take_given(o);
    for (unsigned i = 0; i < o->n_lanes; i++) {
        struct kt_lane *l = &o->lanes[i];
        kt_queue_condense(&l->queue, now, kt_outbox_wall(o), &o->arena);
        publish(o, l, kt_queue_oldest(&l->queue));
        kt_time_ns t = start_due(o, l, now);
        if (t < next)
            next = t;
    }
    if (next == KT_TIME_NEVER)
        return WAIT_IDLE;
    return next <= now ? 0 : next - now < WAIT_BUSY ? next - now : WAIT_BUSY;
}

void *kt_outbox_thread(void *self)
{
    struct kt_outbox *o = self;
    for (;;) {
        (void)pthread_mutex_lock(&o->lock);
        bool stop = o->stop;
        (void)pthread_mutex_unlock(&o->lock);
        if (stop)
            return NULL;
        kt_time_ns wait = round_of(o);
        kt_http_run(o->http, (int)((wait + KT_NS_MS - 1) / KT_NS_MS), o->wake_fd, answered, o);
        kt_wake_lower(o->wake_fd);
    }
}
