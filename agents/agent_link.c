/*
 * agent_link: the conversation with the collector: greeting, batches within credit, acks, refusals.
 *
 * Owns:  what is done about each answer.
 * Calls: core/wire, the spool. The wire comes in as an argument.
 * Holds: nothing leaves the spool without an ack; a refused line is replaced by a quarantine line,
 *        so that every batch keeps its number and its count.
 */
#include "agents/agent_int.h"
#include "core/base/log.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define HEAR_MAX   256u /* messages of one turn */
#define RETRY_MS   10   /* ZeroMQ's queue is full */
#define LOG_EVERY  KT_NS_MIN
#define LATER_LINK 5u /* attempts that give the link a pause of 8 to 16 s */

/* ---- trouble ---- */

/* Logs at most once a minute and keeps the text for status. */
static void trouble(struct kt_agent *a, const char *what, const struct kt_msg *m)
{
    (void)snprintf(a->trouble, sizeof a->trouble, "%s: %s (" KT_STR_FMT ")", what,
                   kt_refuse_word(m->reason), KT_STR_ARG(kt_str_sub(m->text, 0, 100)));
    if (a->refused.logged != 0 && a->mono - a->refused.logged < LOG_EVERY)
        return;
    a->refused.logged = a->mono;
    kt_log(KT_LOG_WARN, "agent: %s seq=%llu", a->trouble, (unsigned long long)m->seq);
}

/* Keeps the data and greets again after a pause. */
static void pause_link(struct kt_agent *a)
{
    a->link.state = KT_LINK_BACKOFF;
    a->link.next = 0;
    a->link.attempts = a->link.attempts < LATER_LINK ? LATER_LINK : a->link.attempts;
}

static void greet_again(struct kt_agent *a)
{
    a->link.state = KT_LINK_HELLO;
    a->link.next = 0;
    a->greeted = false;
}

static void resend_from(struct kt_agent *a, uint64_t seq)
{
    if (a->link.sent >= seq)
        a->link.sent = seq - 1;
}

/* ---- lost batches ---- */

static enum kt_status fill_hole(struct kt_agent *a, uint64_t seq, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };

    kt_log(KT_LOG_ERROR,
           "agent: batch %llu was damaged on disk and is lost; a quarantine line takes its place, "
           "the bytes are in corrupt/",
           (unsigned long long)seq);
    agent_lost_line(a, seq, KT_REFUSE_ALL, "spool.corrupt", &line);
    kt_buf_byte(&line, '\n');
    return kt_spool_fill(a->spool, seq, kt_buf_str(&line), 1, err);
}

enum kt_status agent_fill_holes(struct kt_agent *a, struct kt_error *err)
{
    for (uint64_t seq; (seq = kt_spool_hole(a->spool)) != 0;)
        if (fill_hole(a, seq, err) != KT_OK)
            return kt_wrap(err, "agent");
    return KT_OK;
}

/* ---- what the collector says ---- */

static enum kt_status renew(struct kt_agent *a, const char *why, struct kt_error *err)
{
    kt_log(KT_LOG_WARN,
           "agent: the collector's mark does not fit (%s): sending what waits under a "
           "new incarnation",
           why);
    greet_again(a);
    return kt_spool_renew(a->spool, err);
}

static enum kt_status welcomed(struct kt_agent *a, const struct kt_msg *m, struct kt_error *err)
{
    if (!a->greeted)
        kt_log(KT_LOG_INFO, "agent: the collector welcomes us last=%llu waiting=%llu",
               (unsigned long long)m->last_seq,
               (unsigned long long)(kt_spool_last(a->spool) - kt_spool_acked(a->spool)));
    agent_standby_welcomed(a, m->log_id);
    agent_watch_welcomed(a);
    a->greeted = true;
    a->trouble[0] = '\0';
    if (m->last_seq > kt_spool_last(a->spool))
        return renew(a, "it knows batches that this spool does not have", err);
    if (m->last_seq >= kt_spool_acked(a->spool)) {
        kt_spool_ack(a->spool, m->last_seq);
        return KT_OK;
    }
    uint64_t acknowledged = kt_spool_acked(a->spool);
    kt_log(KT_LOG_WARN,
           "agent: the collector went back from batch %llu to batch %llu: sending again",
           (unsigned long long)acknowledged, (unsigned long long)m->last_seq);
    agent_restored(a, acknowledged, m->last_seq);
    if (kt_spool_rewind(a->spool, m->last_seq) > m->last_seq)
        return renew(a, "it lost more than this spool keeps", err);
    return KT_OK;
}

/* A line that the collector will never take: noted in quarantine/, replaced, sent again. */
static enum kt_status line_refused(struct kt_agent *a, const struct kt_msg *m, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    struct kt_spool_refusal r = { .seq = m->seq,
                                  .index = m->index,
                                  .reason = kt_refuse_word(m->reason),
                                  .keep = m->reason != KT_REFUSE_REDACTION };

    if (m->seq > a->link.sent || m->seq <= kt_spool_acked(a->spool))
        return KT_OK; /* an echo */
    a->refused.n = a->refused.seq == m->seq ? a->refused.n + 1 : 1;
    a->refused.seq = m->seq;
    if (a->refused.n > KT_BATCH_EVENTS_MAX + 16) {
        /* even what stands for lost lines is refused: somebody must look */
        trouble(a, "the collector takes no line of this batch", m);
        pause_link(a);
        return KT_OK;
    }
    if (a->refused.n > KT_BATCH_EVENTS_MAX)
        r.index = KT_REFUSE_ALL;
    trouble(a, "the collector refused a line", m);
    agent_lost_line(a, m->seq, m->index, r.reason, &line);
    r.instead = kt_buf_str(&line);
    a->counts.refused_lines++;
    enum kt_status st = kt_spool_refuse(a->spool, &r, err);
    if (st == KT_E_CORRUPT)
        st = fill_hole(a, m->seq, err);
    if (st == KT_E_AGAIN) { /* the disk is full: the batch is refused again later */
        pause_link(a);
        return KT_OK;
    }
    resend_from(a, m->seq);
    return st;
}

static enum kt_status refused(struct kt_agent *a, const struct kt_msg *m, struct kt_error *err)
{
    a->counts.refused_batches++;
    switch (m->reason) {
    case KT_REFUSE_LINE:
    case KT_REFUSE_REDACTION:
    case KT_REFUSE_SIZE:
        return line_refused(a, m, err);
    case KT_REFUSE_FORK:
        trouble(a, "the collector has another batch under this number", m);
        return renew(a, "fork", err);
    case KT_REFUSE_SOURCE:
    case KT_REFUSE_SIGNATURE:
    case KT_REFUSE_DIGEST:
        trouble(a, "the collector refuses our batches", m);
        pause_link(a);
        return KT_OK;
    case KT_REFUSE_REVOKED:
    case KT_REFUSE_QUOTA:
    case KT_REFUSE_DISK:
    case KT_REFUSE_VERSION:
        trouble(a, "the collector does not take batches now", m); /* the link pauses by itself */
        return KT_OK;
    case KT_REFUSE_GAP:
    case KT_REFUSE_HELLO:
        return KT_OK;
    }
    return KT_OK;
}

static enum kt_status heard(struct kt_agent *a, const struct kt_msg *m, struct kt_error *err)
{
    bool ours = memcmp(m->incarnation, kt_spool_incarnation(a->spool), 16) == 0;
    struct kt_error why = { 0 };
    uint64_t ack = 0;

    if (m->type == KT_MSG_REFUSE && m->reason == KT_REFUSE_VERSION && agent_watch_refused(a))
        return KT_OK; /* of SINCE; an older collector does not even know whose it was */
    if (m->type != KT_MSG_PONG && !ours)
        return KT_OK; /* an answer to the numbers we had before */
    if (kt_link_heard(&a->link, m, a->mono, &ack, &why) != KT_OK) {
        kt_log(KT_LOG_DEBUG, "agent: %s", why.text);
        return KT_OK;
    }
    if (m->type == KT_MSG_WELCOME)
        return welcomed(a, m, err);
    if (m->type == KT_MSG_REFUSE)
        return refused(a, m, err);
    if (m->type == KT_MSG_CHECKPOINT)
        agent_watch_heard(a, m);
    if (ack > kt_spool_acked(a->spool)) {
        a->counts.acked += ack - kt_spool_acked(a->spool);
        kt_spool_ack(a->spool, ack);
    }
    return KT_OK;
}

enum kt_status agent_hear(struct kt_agent *a, struct kt_error *err)
{
    for (unsigned i = 0; i < HEAR_MAX; i++) {
        struct kt_str body;
        struct kt_msg m;
        struct kt_error why = { 0 };
        enum kt_status st = a->o.wire.recv(a->o.wire.self, &body, &why);
        if (st != KT_OK) /* nothing there; a broken socket shows as silence */
            return KT_OK;
        if (kt_msg_read(body, &m, &why) != KT_OK) {
            kt_log(KT_LOG_WARN, "agent: a message that is none: %s", why.text);
            continue;
        }
        kt_pair_heard(&a->pair, a->mono);
        if (heard(a, &m, err) != KT_OK)
            return kt_wrap(err, "agent");
    }
    return KT_OK;
}

/* ---- what we say ---- */

static enum kt_status send_msg(struct kt_agent *a, const struct kt_msg *m)
{
    kt_buf_reset(&a->body);
    kt_msg_write(m, &a->body);
    return a->o.wire.send(a->o.wire.self, kt_buf_str(&a->body), NULL);
}

enum kt_status agent_send(struct kt_agent *a, struct kt_msg *m)
{
    memcpy(m->incarnation, kt_spool_incarnation(a->spool), sizeof m->incarnation);
    return send_msg(a, m);
}

static struct kt_msg message(const struct kt_agent *a, enum kt_msg_type type)
{
    struct kt_msg m = { .type = type, .version = KT_WIRE_VERSION };
    memcpy(m.incarnation, kt_spool_incarnation(a->spool), sizeof m.incarnation);
    return m;
}

static enum kt_status send_hello(struct kt_agent *a)
{
    struct kt_msg m = message(a, KT_MSG_HELLO);

    m.agent = kt_str_of(a->o.conf->agent);
    m.program = kt_str_of(a->o.program);
    m.last_seq = kt_spool_last(a->spool);
    return send_msg(a, &m);
}

static enum kt_status send_batch(struct kt_agent *a, uint64_t seq, struct kt_error *err)
{
    struct kt_msg m = message(a, KT_MSG_BATCH);
    struct kt_spool_frame f;

    enum kt_status st = kt_spool_frame(a->spool, seq, &a->frame, &f, err);
    /* A hole in what was acknowledged shows only now that it is to be sent again. */
    if (st == KT_E_CORRUPT || (st == KT_E_AGAIN && kt_spool_hole(a->spool) == seq)) {
        if (fill_hole(a, seq, err) != KT_OK)
            return err->code == KT_E_AGAIN ? KT_E_AGAIN : kt_wrap(err, "agent");
        st = kt_spool_frame(a->spool, seq, &a->frame, &f, err);
    }
    if (st != KT_OK)
        return st;
    m.seq = seq;
    m.count = f.count;
    m.raw_bytes = f.raw_bytes;
    m.packed = f.packed;
    memcpy(m.digest, f.digest, sizeof m.digest);
    kt_buf_reset(&a->body);
    kt_batch_signed_text(m.incarnation, seq, f.count, f.digest, &a->body);
    kt_signer_sign(&a->signer, kt_buf_str(&a->body), m.signature);
    st = send_msg(a, &m);
    if (st == KT_OK)
        a->counts.sent++;
    return st == KT_OK ? KT_OK : KT_E_AGAIN;
}

static enum kt_status do_it(struct kt_agent *a, enum kt_link_do what, struct kt_error *err)
{
    struct kt_msg m;
    struct kt_error why = { 0 };

    switch (what) {
    case KT_LINK_REOPEN:
        a->counts.reconnects++;
        a->greeted = false;
        if (a->o.wire.reopen(a->o.wire.self, a->pair.side, &why) != KT_OK)
            kt_log(KT_LOG_WARN, "agent: cannot open the connection: %s", why.text);
        return KT_OK;
    case KT_LINK_SEND_HELLO:
        return send_hello(a);
    case KT_LINK_SEND_BATCH:
        return send_batch(a, a->link.sent + 1, err);
    case KT_LINK_SEND_PING:
        m = message(a, KT_MSG_PING);
        m.seq = a->link.sent;
        return send_msg(a, &m);
    case KT_LINK_WAIT:
        break;
    }
    return KT_OK;
}

enum kt_status agent_talk(struct kt_agent *a, int *ret_wait_ms, struct kt_error *err)
{
    /* A window of batches and a few words; then the inputs have their turn. */
    for (unsigned i = 0; i < KT_INFLIGHT_MAX + 4; i++) {
        enum kt_link_do what = kt_link_next(&a->link, kt_spool_last(a->spool), a->mono,
                                            kt_rng_u64(&a->o.rng), ret_wait_ms);
        if (what == KT_LINK_WAIT) {
            if (agent_watch_talk(a) != KT_OK)
                *ret_wait_ms = *ret_wait_ms < RETRY_MS ? *ret_wait_ms : RETRY_MS;
            return KT_OK;
        }
        enum kt_status st = do_it(a, what, err);
        if (st != KT_OK && (st == KT_E_IO || st == KT_E_CORRUPT) && what == KT_LINK_SEND_BATCH)
            return kt_wrap(err, "agent: batch %llu", (unsigned long long)(a->link.sent + 1));
        if (st != KT_OK) {
            *ret_wait_ms = RETRY_MS;
            return KT_OK;
        }
        kt_link_sent(&a->link, what, a->mono);
    }
    *ret_wait_ms = 0;
    return KT_OK;
}
