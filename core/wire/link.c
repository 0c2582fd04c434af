/*
 * link: the agent's side of the conversation. What may happen in which state is one table; timers
 * and the window are plain arithmetic beside it.
 *
 * Owns:  nothing; struct kt_link is the engine's.
 * Calls: core/base, frame.h. No socket, no clock, no chance: the engine passes them in.
 * States: DOWN the connection must be made (again) · HELLO one has to be sent now · BACKOFF it is
 *        sent, or was refused; the next one goes at `next` · READY batches flow, and a greeting
 *        may be under way as a question.
 */
#include "core/wire/link.h"

#include <assert.h>

#include "core/base/limits.h"

#define BACKOFF_MIN_NS (1 * KT_NS_S) /* the wait is this half … whole */
#define BACKOFF_MAX_NS (30 * KT_NS_S)
#define QUIET_NS       (10 * KT_NS_S)
#define SILENCE_NS     (30 * KT_NS_S)
enum { ATTEMPTS_LATER = 5 /* "not now" waits as long as the 5th hello in vain: 8 … 16 s */ };

enum input {
    IN_OPENED,
    IN_HELLO_SENT,
    IN_TIMER,
    IN_SILENCE,
    IN_WELCOME,
    IN_ACK,
    IN_GAP,
    IN_ASKED, /* refused until HELLO is said */
    IN_LATER, /* refused for now: disk, quota, revoked, version */
    IN_OTHER, /* pong, a checkpoint, and refusals that the engine deals with */
    INPUTS
};

#define TO(state)                                                                                  \
    {                                                                                              \
        state, true                                                                                \
    }
static const struct {
    enum kt_link_state to;
    bool legal;
} moves[KT_LINK_STATES][INPUTS] = {
    [KT_LINK_DOWN] = { [IN_OPENED] = TO(KT_LINK_HELLO) },
    [KT_LINK_HELLO] = { [IN_OPENED] = TO(KT_LINK_HELLO),
                        [IN_HELLO_SENT] = TO(KT_LINK_BACKOFF),
                        [IN_SILENCE] = TO(KT_LINK_DOWN),
                        [IN_WELCOME] = TO(KT_LINK_READY),
                        [IN_ACK] = TO(KT_LINK_HELLO), /* of what went before a refusal */
                        [IN_GAP] = TO(KT_LINK_HELLO),
                        [IN_ASKED] = TO(KT_LINK_HELLO),
                        [IN_LATER] = TO(KT_LINK_BACKOFF),
                        [IN_OTHER] = TO(KT_LINK_HELLO) },
    [KT_LINK_READY] = { [IN_OPENED] = TO(KT_LINK_HELLO),
                        [IN_HELLO_SENT] = TO(KT_LINK_READY),
                        [IN_SILENCE] = TO(KT_LINK_DOWN),
                        [IN_WELCOME] = TO(KT_LINK_READY),
                        [IN_ACK] = TO(KT_LINK_READY),
                        [IN_GAP] = TO(KT_LINK_READY),
                        [IN_ASKED] = TO(KT_LINK_BACKOFF),
                        [IN_LATER] = TO(KT_LINK_BACKOFF),
                        [IN_OTHER] = TO(KT_LINK_READY) },
    [KT_LINK_BACKOFF] = { [IN_OPENED] = TO(KT_LINK_HELLO),
                          [IN_TIMER] = TO(KT_LINK_HELLO),
                          [IN_SILENCE] = TO(KT_LINK_DOWN),
                          [IN_WELCOME] = TO(KT_LINK_READY),
                          [IN_ACK] = TO(KT_LINK_BACKOFF),
                          [IN_GAP] = TO(KT_LINK_BACKOFF),
                          [IN_ASKED] = TO(KT_LINK_BACKOFF),
                          [IN_LATER] = TO(KT_LINK_BACKOFF),
                          [IN_OTHER] = TO(KT_LINK_BACKOFF) },
};

static bool is_legal(const struct kt_link *l, enum input in)
{
    return moves[l->state][in].legal;
}

static void move(struct kt_link *l, enum input in)
{
    assert(is_legal(l, in));
    enum kt_link_state from = l->state;
    l->state = moves[from][in].to;
    if (l->state != from)
        l->next = 0; /* not chosen yet: kt_link_next has the jitter */
}

/* ---- what to do now ---- */

static int wait_ms(kt_time_ns until, kt_time_ns now)
{
    return until > now ? (int)((until - now + KT_NS_MS - 1) / KT_NS_MS) : 0;
}

static kt_time_ns earlier(kt_time_ns a, kt_time_ns b)
{
    return a < b ? a : b;
}

/* Half of the doubled pause is fixed, half is chance: agents do not come back all at once. */
static kt_time_ns backoff(uint32_t attempts, uint64_t jitter)
{
    kt_time_ns pause = BACKOFF_MIN_NS;
    for (uint32_t i = 1; i < attempts && pause < BACKOFF_MAX_NS; i++)
        pause *= 2;
    pause = earlier(pause, BACKOFF_MAX_NS);
    return pause / 2 + (kt_time_ns)(jitter % (uint64_t)(pause / 2 + 1));
}

static enum kt_link_do next_backoff(struct kt_link *l, kt_time_ns mono, uint64_t jitter,
                                    int *ret_wait_ms)
{
    if (l->next == 0)
        l->next = mono + backoff(l->attempts, jitter);
    if (mono < l->next) {
        *ret_wait_ms = wait_ms(earlier(l->next, l->heard + SILENCE_NS), mono);
        return KT_LINK_WAIT;
    }
    move(l, IN_TIMER);
    return KT_LINK_SEND_HELLO;
}

static uint32_t window(const struct kt_link *l)
{
    return l->credit < KT_INFLIGHT_MAX ? l->credit : KT_INFLIGHT_MAX;
}

/* Where a batch waits for its ack a ping is no question: whoever came in the collector's place
 * answers it, and knows nothing of a batch that went down with the one before. A greeting is
 * answered with the number of the newest batch. The link stays READY: a collector that is merely
 * slow has taken the batches, and its ack comes. */
static enum kt_link_do ask(const struct kt_link *l)
{
    return l->sent > l->acked ? KT_LINK_SEND_HELLO : KT_LINK_SEND_PING;
}

static enum kt_link_do next_ready(struct kt_link *l, uint64_t newest, kt_time_ns mono,
                                  int *ret_wait_ms)
{
    if (l->sent < newest && l->sent - l->acked < window(l))
        return KT_LINK_SEND_BATCH;
    kt_time_ns ping = l->heard + QUIET_NS;
    if (ping < l->next)
        ping = l->next; /* one is under way */
    if (mono >= ping)
        return ask(l);
    *ret_wait_ms = wait_ms(earlier(ping, l->heard + SILENCE_NS), mono);
    return KT_LINK_WAIT;
}

enum kt_link_do kt_link_next(struct kt_link *l, uint64_t newest, kt_time_ns mono, uint64_t jitter,
                             int *ret_wait_ms)
{
    *ret_wait_ms = 0;
    if (l->state != KT_LINK_DOWN && mono - l->heard >= SILENCE_NS)
        move(l, IN_SILENCE);
    switch (l->state) {
    case KT_LINK_HELLO:
        return KT_LINK_SEND_HELLO;
    case KT_LINK_BACKOFF:
        return next_backoff(l, mono, jitter, ret_wait_ms);
    case KT_LINK_READY:
        return next_ready(l, newest, mono, ret_wait_ms);
    case KT_LINK_DOWN:
    case KT_LINK_STATES:
        break;
    }
    assert(l->state == KT_LINK_DOWN);
    return KT_LINK_REOPEN;
}

/* The answer to the oldest greeting comes first, so it is measured by what went before that one. */
static void asked(struct kt_link *l, kt_time_ns mono)
{
    if (l->asked == 0)
        l->asked = l->sent;
    l->next = mono + QUIET_NS;
}

void kt_link_sent(struct kt_link *l, enum kt_link_do what, kt_time_ns mono)
{
    switch (what) {
    case KT_LINK_WAIT:
        break;
    case KT_LINK_SEND_HELLO:
        if (l->state == KT_LINK_READY)
            asked(l, mono);
        else
            l->attempts++;
        move(l, IN_HELLO_SENT);
        break;
    case KT_LINK_SEND_BATCH:
        assert(l->state == KT_LINK_READY);
        l->sent++;
        break;
    case KT_LINK_SEND_PING:
        l->next = mono + QUIET_NS;
        break;
    case KT_LINK_REOPEN:
        l->heard = mono; /* the silence counts from here */
        move(l, IN_OPENED);
        break;
    }
}

/* ---- what was heard ---- */

static const enum input refusals[] = {
    [KT_REFUSE_REVOKED] = IN_LATER, [KT_REFUSE_SOURCE] = IN_OTHER,    [KT_REFUSE_GAP] = IN_GAP,
    [KT_REFUSE_FORK] = IN_OTHER,    [KT_REFUSE_SIGNATURE] = IN_OTHER, [KT_REFUSE_DIGEST] = IN_OTHER,
    [KT_REFUSE_LINE] = IN_OTHER,    [KT_REFUSE_REDACTION] = IN_OTHER, [KT_REFUSE_SIZE] = IN_OTHER,
    [KT_REFUSE_QUOTA] = IN_LATER,   [KT_REFUSE_DISK] = IN_LATER,      [KT_REFUSE_HELLO] = IN_ASKED,
    [KT_REFUSE_VERSION] = IN_LATER,
};

/* INPUTS: nothing that a collector sends. */
static enum input input_of(const struct kt_msg *m)
{
    switch (m->type) {
    case KT_MSG_WELCOME:
        return IN_WELCOME;
    case KT_MSG_ACK:
        return IN_ACK;
    case KT_MSG_REFUSE:
        return refusals[m->reason];
    case KT_MSG_PONG:
    case KT_MSG_CHECKPOINT:
        return IN_OTHER;
    case KT_MSG_HELLO:
    case KT_MSG_BATCH:
    case KT_MSG_PING:
    case KT_MSG_SINCE:
    case KT_MSG_COSIGN:
        break;
    }
    return INPUTS;
}

/* The collector's number rules: a higher one acknowledges what we were not told, a lower one means
 * that it was restored from a backup and gets the rest again. An answer that comes while batches
 * flow says nothing of those that went behind the greeting: they stay sent, unless one of before it
 * is missing. */
static void welcomed(struct kt_link *l, const struct kt_msg *m, bool ready, uint64_t *ret_ack)
{
    bool has_them = m->last_seq >= l->acked && m->last_seq >= l->asked && m->last_seq <= l->sent;
    if (m->last_seq > l->acked)
        *ret_ack = m->last_seq;
    l->acked = m->last_seq;
    if (!ready || !has_them)
        l->sent = m->last_seq;
    l->asked = 0;
    l->credit = m->credit;
    l->attempts = 0;
}

static void acknowledged(struct kt_link *l, const struct kt_msg *m, uint64_t *ret_ack)
{
    l->credit = m->credit;
    if (m->seq <= l->acked)
        return;
    l->acked = m->seq;
    *ret_ack = m->seq;
}

/* Goes back to the number expected, once: a refusal of a batch that counts as not sent is an echo
 * of the same gap. */
static void go_back(struct kt_link *l, const struct kt_msg *m)
{
    if (m->seq > l->sent || m->expected > l->sent)
        return;
    l->sent = m->expected - 1;
    if (l->acked > l->sent)
        l->acked = l->sent;
}

enum kt_status kt_link_heard(struct kt_link *l, const struct kt_msg *m, kt_time_ns mono,
                             uint64_t *ret_ack, struct kt_error *err)
{
    enum input in = input_of(m);

    *ret_ack = 0;
    if (in == INPUTS || !is_legal(l, in))
        return kt_fail(err, KT_E_INPUT, "link: message type %d does not fit the state", m->type);
    if (in == IN_ACK && m->seq > l->sent)
        return kt_fail(err, KT_E_INPUT, "link: batch %llu is acknowledged but was not sent",
                       (unsigned long long)m->seq);
    if (in == IN_GAP && m->expected == 0)
        return kt_fail(err, KT_E_INPUT, "link: a gap without the number expected");
    bool ready = l->state == KT_LINK_READY;
    l->heard = mono;
    move(l, in);
    if (in == IN_WELCOME)
        welcomed(l, m, ready, ret_ack);
    else if (in == IN_ACK)
        acknowledged(l, m, ret_ack);
    else if (in == IN_GAP && ready)
        go_back(l, m);
    else if (in == IN_LATER && l->attempts < ATTEMPTS_LATER)
        l->attempts = ATTEMPTS_LATER;
    return KT_OK;
}
