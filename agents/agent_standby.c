/*
 * agent_standby: the agent's two collectors: which one is spoken to, and what each has.
 *
 * Owns:  the position in the spool that remembers it over restarts.
 * Calls: core/wire (pair), the spool. The wire comes in as an argument.
 * Holds: each collector knows the spool under numbers of its own, and its mark counts for it alone:
 *        whoever is turned to gets all that it has not, as far as the spool keeps it.
 */
#include "agents/agent_int.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include <string.h>

#define POSITION     KT_STR("\tcollectors") /* no instance has an empty name */
#define FORM         1u
#define MEMORY_BYTES (1u + 1u + 8u + KT_PAIR_SIDES * (32u + 16u + 16u + 8u + 8u))

static const char *const names[KT_PAIR_SIDES] = {
    [KT_PAIR_FIRST] = "first", [KT_PAIR_STANDBY] = "standby"
};

const char *agent_collector_name(const struct kt_agent *a)
{
    return names[a->pair.side];
}

const char *agent_collector_endpoint(const struct kt_agent *a, enum kt_pair_side side)
{
    return side == KT_PAIR_STANDBY ? a->o.conf->standby : a->o.conf->endpoint;
}

static const uint8_t *key_of(const struct kt_agent *a, enum kt_pair_side side)
{
    return side == KT_PAIR_STANDBY ? a->o.conf->standby_key : a->o.conf->server_key;
}

static enum kt_pair_side other_of(enum kt_pair_side side)
{
    return side == KT_PAIR_FIRST ? KT_PAIR_STANDBY : KT_PAIR_FIRST;
}

/* ---- what is remembered ---- */

struct memory {
    enum kt_pair_side side;
    kt_time_ns since;
    struct peer peers[KT_PAIR_SIDES];
};

static void memory_write(const struct memory *m, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    kt_buf_byte(&b, (char)FORM);
    kt_buf_byte(&b, (char)m->side);
    kt_buf_u64(&b, (uint64_t)m->since);
    for (unsigned i = 0; i < KT_PAIR_SIDES; i++) {
        const struct peer *p = &m->peers[i];
        kt_buf_add_bytes(&b, p->key, sizeof p->key);
        kt_buf_add_bytes(&b, p->log_id, sizeof p->log_id);
        kt_buf_add_bytes(&b, p->view.incarnation, sizeof p->view.incarnation);
        kt_buf_u64(&b, p->view.delta);
        kt_buf_u64(&b, p->view.acked);
    }
    kt_hex_add(out, b.at, b.len);
}

/* False: there is none, or it has a form that is not known here. */
static bool memory_read(struct kt_str text, struct memory *ret)
{
    uint8_t raw[MEMORY_BYTES];

    if (!kt_hex_decode(text, raw, sizeof raw))
        return false;
    struct kt_rd r = kt_rd_of(kt_str_from((const char *)raw, sizeof raw));
    uint8_t form = kt_rd_u8(&r), side = kt_rd_u8(&r);
    if (form != FORM || side >= KT_PAIR_SIDES)
        return false;
    *ret = (struct memory){ .side = side, .since = (kt_time_ns)kt_rd_u64(&r) };
    for (unsigned i = 0; i < KT_PAIR_SIDES; i++) {
        struct peer *p = &ret->peers[i];
        memcpy(p->key, kt_rd_bytes(&r, sizeof p->key).at, sizeof p->key);
        memcpy(p->log_id, kt_rd_bytes(&r, sizeof p->log_id).at, sizeof p->log_id);
        memcpy(p->view.incarnation, kt_rd_bytes(&r, 16).at, sizeof p->view.incarnation);
        p->view.delta = kt_rd_u64(&r);
        p->view.acked = kt_rd_u64(&r);
    }
    return !r.bad;
}

/* The text of what holds when `side` is spoken to. */
static void remember(const struct kt_agent *a, enum kt_pair_side side, kt_time_ns since,
                     struct kt_buf *out)
{
    struct memory m = { .side = side, .since = since };

    for (unsigned i = 0; i < KT_PAIR_SIDES; i++) {
        m.peers[i] = a->peers[i];
        memcpy(m.peers[i].key, key_of(a, i), sizeof m.peers[i].key);
    }
    memory_write(&m, out);
}

/* The numbers of the one that is spoken to are the spool's. */
static void note_view(struct kt_agent *a)
{
    a->peers[a->pair.side].view = kt_spool_view(a->spool);
}

/* ---- turning ---- */

static void begin(struct kt_agent *a, enum kt_pair_side side)
{
    kt_pair_begin(&a->pair, side, a->mono);
    a->link = (struct kt_link){ 0 };
    a->refused = (struct refusals){ 0 };
    a->greeted = false;
    a->trouble[0] = '\0';
}

/* Everything that the other one is sent from now on has its own numbers. KT_E_AGAIN: the disk is
 * full, nothing was changed. */
static enum kt_status turn_to(struct kt_agent *a, enum kt_pair_side side, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    bool fresh = false;

    remember(a, side, a->now, &text);
    const struct kt_spool_position pos = { POSITION, kt_buf_str(&text) };
    const struct kt_spool_view *to = &a->peers[side].view;
    enum kt_status st = kt_spool_turn(a->spool, to, &pos, 1, &fresh, err);
    if (st != KT_OK)
        return st;
    if (fresh && to->acked > 0)
        kt_log(KT_LOG_WARN,
               "agent: the spool does not keep all that the %s collector has missed: "
               "what is older is in the other one's log only",
               names[side]);
    a->since = a->now;
    begin(a, side);
    return KT_OK;
}

/* ---- start ---- */

static bool is_key(const struct peer *p, const uint8_t key[32])
{
    return memcmp(p->key, key, sizeof p->key) == 0;
}

/* The views of the collectors that are configured now, by their keys. */
static void recall(struct kt_agent *a, const struct memory *m)
{
    for (unsigned i = 0; i < KT_PAIR_SIDES; i++)
        for (unsigned k = 0; k < KT_PAIR_SIDES; k++)
            if (is_key(&m->peers[k], key_of(a, i)))
                a->peers[i] = m->peers[k];
}

enum kt_status agent_standby_open(struct kt_agent *a, struct kt_error *err)
{
    struct memory m = { 0 };
    enum kt_pair_side side = KT_PAIR_FIRST;

    a->since = a->now;
    begin(a, side);
    if (!memory_read(kt_spool_position(a->spool, POSITION), &m))
        return KT_OK;
    recall(a, &m);
    const struct peer *spoken = &m.peers[m.side], *other = &m.peers[other_of(m.side)];
    if (a->o.conf->standby != NULL && is_key(spoken, a->o.conf->standby_key))
        side = KT_PAIR_STANDBY;
    if (is_key(spoken, key_of(a, side)))
        a->since = m.since;
    begin(a, side);
    /* The configuration names another first than the one that was spoken to: if that is known, its
     * numbers are; a new key takes the numbers over and says by its mark what it has. */
    if (side == KT_PAIR_STANDBY || is_key(spoken, a->o.conf->server_key) ||
        !is_key(other, a->o.conf->server_key))
        return KT_OK;
    return turn_to(a, side, err);
}

/* ---- the log that is spoken to ---- */

void agent_standby_welcomed(struct kt_agent *a, const uint8_t log_id[16])
{
    static const uint8_t none[16];
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct peer *p = &a->peers[a->pair.side];
    struct kt_error err = { 0 };
    uint64_t seq;

    if (memcmp(p->log_id, log_id, sizeof p->log_id) == 0)
        return;
    if (memcmp(p->log_id, none, sizeof none) != 0)
        kt_log(KT_LOG_WARN, "agent: this is another log than before");
    memcpy(p->log_id, log_id, sizeof p->log_id);
    if (a->o.conf->standby == NULL)
        return;
    note_view(a);
    remember(a, a->pair.side, a->since, &text);
    const struct kt_spool_position pos = { POSITION, kt_buf_str(&text) };
    if (kt_spool_append(a->spool, KT_STR_NONE, 0, &pos, 1, &seq, &err) != KT_OK)
        kt_log(KT_LOG_DEBUG, "agent: the log is not remembered: %s", err.text);
}

/* ---- the question ---- */

static void ask(struct kt_agent *a)
{
    enum kt_pair_side other = other_of(a->pair.side);
    const struct kt_msg m = { .type = KT_MSG_PING,
                              .version = KT_WIRE_VERSION,
                              .seq = a->pair.asked };
    struct kt_error why = { 0 };

    kt_buf_reset(&a->body);
    kt_msg_write(&m, &a->body);
    if (a->o.wire.ask(a->o.wire.self, other, kt_buf_str(&a->body), &why) != KT_OK)
        kt_log(KT_LOG_DEBUG, "agent: the %s collector is not asked: %s", names[other], why.text);
}

static bool other_answered(struct kt_agent *a)
{
    struct kt_str body;
    struct kt_msg m;
    bool yes = false;

    while (a->o.wire.answer(a->o.wire.self, &body, NULL) == KT_OK)
        yes = yes || (kt_msg_read(body, &m, NULL) == KT_OK && kt_pair_answered(&a->pair, &m));
    return yes;
}

static enum kt_status turn_to_other(struct kt_agent *a, struct kt_error *err)
{
    enum kt_pair_side side = other_of(a->pair.side);
    const char *what = side == KT_PAIR_STANDBY
                           ? "the first collector is silent: the stand-by is spoken to"
                           : "the first collector answers again and is spoken to";
    struct kt_error why = { 0 };

    note_view(a);
    enum kt_status st = turn_to(a, side, &why);
    if (st == KT_E_AGAIN) { /* asked again in a minute */
        kt_log(KT_LOG_WARN, "agent: the %s collector answers and cannot be turned to: %s",
               names[side], why.text);
        return KT_OK;
    }
    if (st != KT_OK)
        return kt_fail(err, st, "agent: %s", why.text);
    kt_log(KT_LOG_WARN, "agent: %s endpoint='%s'", what, agent_collector_endpoint(a, side));
    return KT_OK;
}

enum kt_status agent_standby_turn(struct kt_agent *a, int *ret_wait_ms, struct kt_error *err)
{
    int wait_ms = 0;

    if (a->o.conf->standby == NULL)
        return KT_OK;
    if (other_answered(a) && turn_to_other(a, err) != KT_OK)
        return err->code;
    if (kt_pair_next(&a->pair, a->o.conf->standby_after, a->mono, &wait_ms) == KT_PAIR_ASK)
        ask(a);
    else if (!a->pair.open)
        a->o.wire.hush(a->o.wire.self);
    if (wait_ms < *ret_wait_ms)
        *ret_wait_ms = wait_ms;
    return KT_OK;
}
