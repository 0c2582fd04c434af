/*
 * stream_run: what a stream does next.
 *
 * Owns:  the batch that is on its way, the stream's state, its carrier.
 * Calls: stream_batch, stream_carry, stream_state. Time, chance and the writer come in.
 * Holds: a batch's bounds are stored before its first byte goes out, and the position moves only
 *        over what the target has taken: a crash anywhere sends the same batch, under the same
 *        name, once more, and never leaves one out.
 */
#include "collector/stream_run.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IDLE          (5 * KT_NS_S)
#define SAVE_EVERY    (2 * KT_NS_S) /* of a position that moved over what nobody wanted */
#define FAILURES_OPEN 5u
#define PROBE_EVERY   KT_NS_MIN
#define QUICK         (10 * KT_NS_S) /* of a try: the next batch may be twice as large again */
#define TOO_SLOW_MAX  3u   /* tries of a batch that were not done in time, before it is halved */
#define DEAD_IN_A_ROW 100u /* then it is the target that is wrong, not the items */

static const kt_time_ns ladder[] = { 1 * KT_NS_S, 5 * KT_NS_S, 15 * KT_NS_S, 30 * KT_NS_S };

enum phase {
    READ,      /* nothing is on its way */
    ANNOUNCED, /* a batch waits until its bounds are stored */
    SEND,      /* they are: try, now or when it is due */
};
struct kt_stream_run {
    struct kt_stream_run_options o;
    struct kt_stream_log log;
    struct kt_stream_made made;
    struct kt_stream_state state;
    struct kt_buf dead;
    enum phase phase;
    uint64_t ticket, published; /* of the announcement; the newest of all */
    unsigned items;             /* at most in a batch: less than the type's after a refusal */
    kt_time_ns due, noticed, saved_at; /* mono; noticed: when there was first something to read */
    uint64_t saved;                    /* position that was published */
    unsigned dead_in_a_row, too_slow;
    kt_time_ns took; /* the last try */
    bool dirty, dead_dirty, slowed;
    kt_time_ns
        unread_until; /* mono: the log could not be read, and is tried again then; 0 = fine */
};

static kt_time_ns mono(const struct kt_stream_run *r)
{
    return r->o.clock.mono(r->o.clock.self);
}

static kt_time_ns wall(const struct kt_stream_run *r)
{
    return r->o.clock.wall(r->o.clock.self);
}

static const char *name_of(const struct kt_stream_run *r)
{
    return r->o.setup->stream->name;
}

static unsigned most(const struct kt_stream_run *r)
{
    return r->o.setup->encoder->limits.items;
}

struct kt_stream_run *kt_stream_run_new(const struct kt_stream_run_options *o)
{
    struct kt_stream_run *r = kt_alloc(sizeof *r);
    r->o = *o;
    r->log.path = o->store_path;
    kt_stream_made_init(&r->made, o->setup);
    (void)kt_stream_state_read(o->state, &r->state);
    r->dirty = r->state.off; /* it is back */
    r->state.off = false;
    kt_buf_add(&r->dead, o->dead);
    r->items = most(r);
    r->saved = r->state.position;
    return r;
}

void kt_stream_run_free(struct kt_stream_run *r)
{
    if (r == NULL)
        return;
    r->o.carrier.close(r->o.carrier.self);
    kt_stream_made_done(&r->made);
    kt_stream_log_done(&r->log);
    kt_buf_done(&r->dead);
    kt_free(r);
}

const struct kt_stream_state *kt_stream_run_state(const struct kt_stream_run *r)
{
    return &r->state;
}

/* ---- what is kept ---- */

static uint64_t publish(struct kt_stream_run *r)
{
    uint64_t ticket = r->o.publish(r->o.self, &r->state, r->dead_dirty ? &r->dead : NULL);
    r->dirty = r->dead_dirty = false;
    r->saved = r->state.position;
    r->saved_at = mono(r);
    r->published = ticket;
    return ticket;
}

static void bury(void *self, const struct kt_stream_entry *e, const char *why)
{
    struct kt_stream_run *r = self;
    struct kt_stream_dead d = { .time = wall(r), .seq = e->seq };
    memcpy(d.id, e->id, sizeof d.id);
    kt_str_copyz(d.reason, sizeof d.reason, kt_utf8_cut(kt_str_of(why), sizeof d.reason - 1));
    if (!kt_stream_dead_add(&r->dead, &d))
        return; /* said before a crash */
    r->state.dead++;
    r->dead_in_a_row++;
    r->dirty = r->dead_dirty = true;
    kt_log(KT_LOG_WARN, "stream: dead letter stream='%s' seq=%" PRIu64 " id=%s reason='%s'",
           name_of(r), e->seq, e->id, d.reason);
}

/* ---- reading ---- */

static enum kt_status place(struct kt_stream_run *r, const struct kt_stream_news *news,
                            struct kt_error *err)
{
    kt_time_ns since = r->state.rewind ? r->state.rewind_to : r->o.setup->stream->since;
    uint64_t at = 0;
    if (since == KT_STREAM_SINCE_NOW)
        at = news->last_seq;
    else if (since != KT_STREAM_SINCE_BEGINNING &&
             kt_stream_place(&r->log, since, &at, err) != KT_OK)
        return err->code;
    r->state.placed = true;
    r->state.rewind = false;
    r->state.position = at;
    r->state.pending.n = 0;
    r->phase = READ;
    r->items = most(r);
    (void)publish(r);
    kt_log(KT_LOG_INFO, "stream: starts stream='%s' behind seq=%" PRIu64, name_of(r), at);
    return KT_OK;
}

/* The entries that are still to be sent, as a body; bounds and name follow. */
static void encode(struct kt_stream_run *r)
{
    struct kt_stream_made *m = &r->made;
    m->now = wall(r);
    kt_stream_encode(r->o.setup, &r->log, m, r->items, bury, r);
    r->state.pending.n = m->batch.n;
    r->state.pending.first = m->batch.first_seq;
    r->state.pending.last = m->batch.last_seq;
    memcpy(r->state.pending.digest, m->batch.digest, sizeof r->state.pending.digest);
}

static void announce(struct kt_stream_run *r)
{
    r->ticket = publish(r);
    r->phase = ANNOUNCED;
    r->due = 0;
}

/* Nothing of what was read is wanted, or nothing of it can be sent. */
static kt_time_ns pass_over(struct kt_stream_run *r)
{
    bool moved = r->made.through > r->state.position;
    r->state.position = r->made.through;
    r->dirty = r->dirty || moved;
    if (r->made.cut)
        return 0;
    r->noticed = 0;
    if (r->dirty && mono(r) - r->saved_at >= SAVE_EVERY)
        (void)publish(r);
    return r->dirty ? SAVE_EVERY : IDLE;
}

static kt_time_ns read_on(struct kt_stream_run *r, const struct kt_stream_news *news,
                          struct kt_error *err)
{
    uint64_t pending = r->state.pending.n > 0 ? r->state.pending.last : 0;
    char digest[sizeof r->state.pending.digest];
    const struct kt_stream_range range = {
        .from = r->state.position, .until = pending, .last = news->last_seq, .items = r->items
    };
    memcpy(digest, r->state.pending.digest, sizeof digest);
    if (kt_stream_collect(&r->log, r->o.setup, &range, &r->made, err) != KT_OK)
        return -1;
    encode(r);
    if (r->made.batch.n == 0)
        return pass_over(r);
    r->noticed = 0;
    if (pending != 0 && strcmp(digest, r->made.batch.digest) == 0) {
        r->phase = SEND; /* its bounds are stored: this is that batch */
        r->due = 0;
        return 0;
    }
    announce(r);
    return 0;
}

/* A batch that would not be full waits for more, once. */
static kt_time_ns wait_for_more(struct kt_stream_run *r, const struct kt_stream_news *news)
{
    kt_time_ns now = mono(r), wait = (kt_time_ns)r->o.setup->encoder->limits.wait_ms * KT_NS_MS;
    if (r->noticed == 0)
        r->noticed = now;
    if (r->state.pending.n > 0 || r->made.cut || news->last_seq - r->state.position >= r->items)
        return 0;
    return r->noticed + wait > now ? r->noticed + wait - now : 0;
}

static kt_time_ns do_read(struct kt_stream_run *r, const struct kt_stream_news *news,
                          struct kt_error *err)
{
    if (news->last_seq <= r->state.position) {
        r->noticed = 0;
        r->made.cut = false;
        if (r->dirty)
            (void)publish(r);
        /* A file gets its name for good only when its last batch is known to be in it: after a
         * crash that batch would be written again, into another. */
        if (news->written >= r->published &&
            r->o.carrier.idle(r->o.carrier.self, wall(r), r->state.carry))
            (void)publish(r);
        return IDLE;
    }
    kt_time_ns wait = wait_for_more(r, news);
    if (wait > 0)
        return wait;
    return read_on(r, news, err);
}

/* ---- sending ---- */

static kt_time_ns jittered(struct kt_stream_run *r, kt_time_ns d)
{
    kt_time_ns spread = d / 5;
    return d - spread + (kt_time_ns)kt_rng_below(&r->o.rng, (uint64_t)(2 * spread) + 1);
}

static void failed(struct kt_stream_run *r, const struct kt_stream_sending *s)
{
    struct kt_stream_state *st = &r->state;
    size_t rung = st->failures++;
    bool open = s->verdict == KT_STREAM_DENIED || st->failures >= FAILURES_OPEN;
    kt_time_ns wait =
        jittered(r, open || rung >= KT_ARRAY_LEN(ladder) ? PROBE_EVERY : ladder[rung]);
    if (s->retry_after > wait)
        wait = s->retry_after;
    if (st->failing_since == 0)
        st->failing_since = wall(r);
    if (st->failures == 1 || strcmp(st->last_error, s->word) != 0)
        kt_log(KT_LOG_WARN, "stream: %s stream='%s' status=%d reason='%s'",
               s->verdict == KT_STREAM_DENIED ? "denied" : "not taken", name_of(r), s->status,
               s->word);
    kt_str_copyz(st->last_error, sizeof st->last_error, kt_str_of(s->word));
    r->due = mono(r) + wait;
    (void)publish(r); /* the bounds stay announced */
}

static void taken(struct kt_stream_run *r, const struct kt_stream_sending *s, unsigned n)
{
    struct kt_stream_state *st = &r->state;
    if (st->failures > 0)
        kt_log(KT_LOG_INFO, "stream: taken again stream='%s' failures=%u", name_of(r),
               st->failures);
    st->delivered += n;
    st->batches++;
    st->last_success = wall(r);
    st->failures = 0;
    st->failing_since = 0;
    st->last_error[0] = '\0';
    memcpy(st->carry, s->carry, sizeof st->carry);
    r->dead_in_a_row = 0;
    r->dirty = true;
}

/* An item of the last record had no room in the body: it goes out before the position moves. */
static bool announce_rest(struct kt_stream_run *r)
{
    const struct kt_stream_made *m = &r->made;
    if (m->n == 0 || m->entries[m->n - 1].fate != KT_STREAM_FATE_RETRY)
        return false;
    encode(r);
    if (m->batch.n == 0)
        return false;
    announce(r);
    return true;
}

/* The batch is done with: the next one is announced together with its end. */
static void confirm(struct kt_stream_run *r)
{
    if (announce_rest(r))
        return;
    r->state.position = r->made.through;
    r->state.pending.n = 0;
    r->dirty = true;
    r->phase = READ;
    r->too_slow = 0;
    if (r->items < most(r) && r->took < QUICK)
        r->items = r->items > most(r) / 2 ? most(r) : 2 * r->items;
}

/* Takes what the target said of single items; the number that is still to be sent. */
static unsigned settle(struct kt_stream_run *r, const struct kt_stream_sending *s, unsigned *ret_ok)
{
    struct kt_stream_made *m = &r->made;
    unsigned left = 0;
    *ret_ok = 0;
    for (unsigned i = 0; i < m->batch.n; i++) {
        struct kt_stream_entry *e = &m->entries[m->live[i]];
        e->fate = s->fate[i];
        if (e->fate == KT_STREAM_FATE_REFUSED)
            bury(r, e, s->word);
        left += e->fate == KT_STREAM_FATE_RETRY;
        *ret_ok += e->fate == KT_STREAM_FATE_TAKEN;
    }
    return left;
}

/* A line that is too slow for the batch: half of it, announced anew, when it is due. */
static void halve_slow(struct kt_stream_run *r)
{
    if (++r->too_slow < TOO_SLOW_MAX || r->made.batch.n < 2)
        return;
    kt_time_ns due = r->due;
    r->too_slow = 0;
    r->items = r->made.batch.n / 2;
    encode(r);
    announce(r);
    r->due = due;
}

/* Half of it, announced anew; of one item there is no half. When a hundred in a row were given up,
 * it is rather the target that is wrong: from then on one a minute is, so that nobody can stop a
 * stream with such items, nor a broken target turn the whole log into dead letters. */
static void halve(struct kt_stream_run *r, const struct kt_stream_sending *s)
{
    struct kt_stream_made *m = &r->made;
    if (m->batch.n > 1) {
        r->items = m->batch.n / 2;
        encode(r);
        announce(r);
        return;
    }
    if (r->dead_in_a_row >= DEAD_IN_A_ROW && !r->slowed) {
        struct kt_stream_sending all = *s;
        all.verdict = KT_STREAM_DENIED;
        r->slowed = true;
        failed(r, &all);
        return;
    }
    r->slowed = false;
    m->entries[m->live[0]].fate = KT_STREAM_FATE_REFUSED;
    bury(r, &m->entries[m->live[0]], s->word);
    confirm(r);
}

static void settled(struct kt_stream_run *r, const struct kt_stream_sending *s)
{
    unsigned ok, left = settle(r, s, &ok);
    if (ok > 0 || left == 0)
        taken(r, s, ok);
    if (left == 0) {
        confirm(r);
        return;
    }
    encode(r);
    failed(r, s);
}

/* Each of several items was refused: perhaps only because it was told of all at once. */
static bool refused_all(const struct kt_stream_run *r, const struct kt_stream_sending *s)
{
    unsigned n = r->made.batch.n, refused = 0;
    for (unsigned i = 0; i < n; i++)
        refused += s->fate[i] == KT_STREAM_FATE_REFUSED;
    return refused == n;
}

static void sent(struct kt_stream_run *r, const struct kt_stream_sending *s)
{
    r->state.last_code = s->status;
    switch (s->verdict) {
    case KT_STREAM_TAKEN:
        if (refused_all(r, s))
            halve(r, s);
        else
            settled(r, s);
        return;
    case KT_STREAM_REFUSED:
    case KT_STREAM_TOO_LARGE:
        halve(r, s);
        return;
    case KT_STREAM_RETRY:
    case KT_STREAM_DENIED:
    case KT_STREAM_NEXT:
    case KT_STREAM_AGAIN:
        failed(r, s);
        if (s->too_slow)
            halve_slow(r);
        return;
    }
}

static kt_time_ns do_send(struct kt_stream_run *r)
{
    struct kt_stream_made *m = &r->made;
    kt_time_ns now = mono(r);
    if (now < r->due)
        return r->due - now;
    KT_CLEANUP(kt_buf_done) struct kt_buf fate = { 0 };
    memset(kt_buf_reserve(&fate, m->batch.n), 0, m->batch.n);
    struct kt_stream_sending s = { .batch = &m->batch,
                                   .fate = (uint8_t *)fate.at,
                                   .verdict = KT_STREAM_RETRY };
    memcpy(s.carry, r->state.carry, sizeof s.carry);
    r->o.carrier.send(r->o.carrier.self, &s);
    r->took = mono(r) - now;
    sent(r, &s);
    return 0;
}

/* ---- the turn ---- */

/* The log cannot be read: a failure as any other, only without a batch. */
static kt_time_ns unreadable(struct kt_stream_run *r, const struct kt_error *err)
{
    struct kt_stream_sending none = { .verdict = KT_STREAM_RETRY };
    kt_time_ns due = r->due;
    kt_str_copyz(none.word, sizeof none.word,
                 kt_utf8_cut(kt_str_of(err->text), sizeof none.word - 1));
    failed(r, &none);
    r->unread_until = r->due;
    r->due = due; /* the target's own */
    return r->unread_until - mono(r);
}

static void readable(struct kt_stream_run *r)
{
    if (r->unread_until == 0)
        return;
    r->unread_until = 0;
    r->state.failures = 0;
    r->state.failing_since = 0;
    r->state.last_error[0] = '\0';
    (void)publish(r);
}

/* A place to start from, or the next of the log. */
static kt_time_ns look(struct kt_stream_run *r, const struct kt_stream_news *news)
{
    struct kt_error err = { 0 };
    kt_time_ns now = mono(r), wait = 0;
    if (now < r->unread_until)
        return r->unread_until - now;
    if (r->state.rewind || !r->state.placed)
        wait = place(r, news, &err) == KT_OK ? 0 : -1;
    else
        wait = do_read(r, news, &err);
    if (wait < 0)
        return unreadable(r, &err);
    readable(r);
    return wait;
}

kt_time_ns kt_stream_turn(struct kt_stream_run *r, struct kt_stream_news *news)
{
    if (news->rewind) { /* from here on the state keeps the wish until it is done */
        r->state.rewind = true;
        r->state.rewind_to = news->since;
        news->rewind = false;
        r->dirty = true;
    }
    if (news->stop) {
        if (r->dirty)
            (void)publish(r);
        return IDLE;
    }
    if (r->state.rewind || !r->state.placed)
        return look(r, news);
    switch (r->phase) {
    case READ:
        return look(r, news);
    case ANNOUNCED:
        if (news->written < r->ticket)
            return IDLE;
        r->phase = SEND;
        return 0;
    case SEND:
        return do_send(r);
    }
    return IDLE;
}
