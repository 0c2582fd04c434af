/*
 * showing: who is shown the log, and what they know of it.
 *
 * Owns:  the viewers: connections of agents that have said SINCE.
 * Calls: collector/checkpoint.h, core/wire (frames).
 * Holds: a viewer is never shown a smaller tree after a larger one but where the log itself is
 *        smaller: proofs that come late are sent only with the checkpoint that is newest then.
 */
#include "collector/showing.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"

#define VIEWERS_MAX KT_CHECKPOINT_WAITING
#define OF_ONE      4u             /* viewers of one agent: spools at a time, as ingest has them */
#define QUESTION    (5 * KT_NS_S)  /* that one costs an agent */
#define ADVANCE     (60 * KT_NS_S) /* of questions, for reconnects */

struct viewer {
    uint64_t peer; /* 0: free */
    uint32_t agent;
    uint8_t incarnation[16];
    uint64_t has;   /* size that was shown last, or that it said */
    uint64_t heard; /* turn of its last word */
    bool waits;     /* a proof is being made for it */
    bool may_sign;  /* it was shown one since it signed last */
};
struct agent {
    kt_time_ns paid_until; /* its questions, by the monotonic clock */
};
struct kt_showing {
    struct kt_showing_options o;
    struct viewer *viewer;
    uint32_t n, cap;
    struct kt_map *names;
    struct agent *agents;
    uint64_t turn, number; /* of the newest checkpoint that all were shown */
    struct kt_buf out, keys;
};

struct kt_showing *kt_showing_new(const struct kt_showing_options *o)
{
    struct kt_showing *s = kt_alloc(sizeof *s);
    s->o = *o;
    s->names = kt_map_new(0);
    return s;
}

void kt_showing_free(struct kt_showing *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->viewer[i].waits)
            kt_checkpoints_forget(s->o.checkpoints, s->viewer[i].peer);
    kt_map_free(s->names);
    kt_free(s->agents);
    kt_free(s->viewer);
    kt_buf_done(&s->out);
    kt_buf_done(&s->keys);
    kt_free(s);
}

/* ---- viewers ---- */

static uint32_t agent_of(struct kt_showing *s, const char *name)
{
    bool fresh = false;
    uint32_t i = kt_map_put(s->names, kt_str_of(name), &fresh);
    if (fresh) {
        s->agents = kt_realloc_array(s->agents, i + 1, sizeof *s->agents);
        s->agents[i] = (struct agent){ 0 };
    }
    return i;
}

static struct viewer *viewer_of(struct kt_showing *s, uint64_t peer)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->viewer[i].peer == peer)
            return &s->viewer[i];
    return NULL;
}

static void forget(struct kt_showing *s, struct viewer *v)
{
    if (v->waits)
        kt_checkpoints_forget(s->o.checkpoints, v->peer);
    *v = (struct viewer){ 0 };
}

static struct viewer *heard_longest_ago(struct kt_showing *s, uint32_t agent, bool any)
{
    struct viewer *best = NULL;
    for (uint32_t i = 0; i < s->n; i++) {
        struct viewer *v = &s->viewer[i];
        if (v->peer != 0 && (any || v->agent == agent) && (best == NULL || v->heard < best->heard))
            best = v;
    }
    return best;
}

static uint32_t count_of(const struct kt_showing *s, uint32_t agent)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        n += s->viewer[i].peer != 0 && s->viewer[i].agent == agent;
    return n;
}

/* Of an incarnation the newest connection counts; of one agent the newest few, of all the newest
 * VIEWERS_MAX: whoever is forgotten asks again. */
static struct viewer *admit(struct kt_showing *s, uint32_t agent, uint64_t peer,
                            const uint8_t incarnation[16])
{
    struct viewer *v = viewer_of(s, peer), *free_one = NULL;
    for (uint32_t i = 0; i < s->n && v == NULL; i++) {
        struct viewer *k = &s->viewer[i];
        if (k->peer != 0 && k->agent == agent && memcmp(k->incarnation, incarnation, 16) == 0)
            v = k;
        if (k->peer == 0)
            free_one = k;
    }
    if (v == NULL && count_of(s, agent) >= OF_ONE)
        v = heard_longest_ago(s, agent, false);
    if (v == NULL && free_one == NULL && s->n == VIEWERS_MAX)
        v = heard_longest_ago(s, agent, true);
    if (v != NULL)
        forget(s, v);
    if (v == NULL)
        v = free_one;
    if (v == NULL) {
        if (s->n == s->cap) {
            s->cap = s->cap == 0 ? 16 : 2 * s->cap;
            s->viewer = kt_realloc_array(s->viewer, s->cap, sizeof *s->viewer);
        }
        v = &s->viewer[s->n++];
    }
    *v = (struct viewer){ .peer = peer, .agent = agent };
    memcpy(v->incarnation, incarnation, 16);
    return v;
}

/* ---- showing ---- */

/* The newest checkpoint, the keys that it is signed with, and while they are exchanged what the old
 * one says of the new. */
static bool look(struct kt_showing *s, struct kt_checkpoint_news *ret)
{
    kt_buf_reset(&s->keys);
    kt_checkpoints_keys(s->o.checkpoints, &s->keys);
    kt_checkpoints_vouches(s->o.checkpoints, &s->keys);
    return kt_checkpoints_newest(s->o.checkpoints, ret);
}

static void show(struct kt_showing *s, struct viewer *v, const struct kt_checkpoint_news *n,
                 uint64_t from, struct kt_str proof)
{
    struct kt_msg m = { .type = KT_MSG_CHECKPOINT,
                        .from = from,
                        .proof = proof,
                        .note = n->note,
                        .keys = kt_buf_str(&s->keys) };

    memcpy(m.incarnation, v->incarnation, sizeof m.incarnation);
    memcpy(m.log_id, s->o.log_id, sizeof m.log_id);
    v->has = n->head.size;
    v->may_sign = true;
    if (m.keys.len > KT_WIRE_KEYS_MAX || m.note.len > KT_WIRE_NOTE_MAX) {
        kt_log(KT_LOG_ERROR, "collector: a checkpoint is too long for agents bytes=%zu",
               m.note.len);
        return;
    }
    kt_buf_reset(&s->out);
    kt_msg_write(&m, &s->out);
    s->o.reply(s->o.self, v->peer, kt_buf_str(&s->out));
}

/* Without a proof: of the first checkpoint that an agent sees, and where there is none to be had.
 * The agent judges. */
static void proven(void *self, uint64_t tag, const struct kt_checkpoint_news *news, const char *why)
{
    struct kt_showing *s = self;
    struct kt_checkpoint_news newest;
    struct viewer *v = viewer_of(s, tag);

    if (v == NULL)
        return;
    v->waits = false;
    if (news != NULL) {
        show(s, v, news, news->from, news->proof);
    } else if (look(s, &newest)) {
        kt_log(KT_LOG_WARN, "collector: no proof for agent='" KT_STR_FMT "' size=%llu: %s",
               KT_STR_ARG(kt_map_key(s->names, v->agent)), (unsigned long long)v->has,
               why != NULL ? why : "");
        show(s, v, &newest, 0, KT_STR_NONE);
    }
}

static void show_newest(struct kt_showing *s, struct viewer *v, const struct kt_checkpoint_news *n)
{
    struct kt_error err = { 0 };

    if (v->waits)
        return; /* it gets what is newest then */
    if (v->has == 0 || v->has == n->head.size || v->has > n->head.size) {
        show(s, v, n, v->has == n->head.size ? v->has : 0, KT_STR_NONE);
        return;
    }
    if (v->has == n->from) {
        show(s, v, n, n->from, n->proof);
        return;
    }
    const struct kt_checkpoint_wish w = {
        .from = v->has, .tag = v->peer, .answer = proven, .self = s
    };
    v->waits = true;
    if (kt_checkpoints_wish(s->o.checkpoints, &w, &err) == KT_OK)
        return;
    v->waits = false; /* it asks again */
    kt_log(KT_LOG_DEBUG, "collector: %s", err.text);
}

void kt_showing_turn(struct kt_showing *s)
{
    struct kt_checkpoint_news n;

    if (!kt_checkpoints_newest(s->o.checkpoints, &n) || n.number == s->number || !look(s, &n))
        return;
    s->number = n.number;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->viewer[i].peer != 0)
            show_newest(s, &s->viewer[i], &n);
}

/* ---- what agents say ---- */

/* Questions are paid for at a steady rate, from an advance (a leaky bucket). */
static bool may_ask(struct kt_showing *s, struct agent *a)
{
    kt_time_ns now = s->o.clock.mono(s->o.clock.self);
    if (a->paid_until - now > ADVANCE)
        return false;
    a->paid_until = (a->paid_until < now ? now : a->paid_until) + QUESTION;
    return true;
}

static void since(struct kt_showing *s, uint64_t peer, uint32_t agent, const struct kt_msg *m)
{
    struct kt_checkpoint_news n;
    bool ours = memcmp(m->log_id, s->o.log_id, sizeof m->log_id) == 0;

    if (!may_ask(s, &s->agents[agent]))
        return;
    struct viewer *v = admit(s, agent, peer, m->incarnation);
    v->has = ours ? m->size : 0;
    v->heard = ++s->turn;
    if (look(s, &n))
        show_newest(s, v, &n);
}

static void cosign(struct kt_showing *s, uint64_t peer, const struct kt_agent_entry *e,
                   const struct kt_msg *m)
{
    struct kt_note_key keys[KT_ARRAY_LEN(e->signing)];
    struct kt_cosignature c = { .head = { .size = m->size }, .line = m->line, .key = keys };
    struct viewer *v = viewer_of(s, peer);
    struct kt_error err = { 0 };

    /* One for each that was shown; an earlier log's comes too late. */
    if (v == NULL || !v->may_sign || memcmp(m->log_id, s->o.log_id, 16) != 0)
        return;
    v->may_sign = false;
    v->heard = ++s->turn;
    for (unsigned i = 0; i < e->n_keys && i < KT_ARRAY_LEN(keys); i++) {
        keys[i] = (struct kt_note_key){ .type = KT_NOTE_COSIGNATURE };
        kt_str_copyz(keys[i].name, sizeof keys[i].name, kt_str_of(e->name));
        memcpy(keys[i].public_key, e->signing[i], 32);
        c.n_keys++;
    }
    memcpy(c.head.root, m->root, sizeof c.head.root);
    if (kt_checkpoints_cosign(s->o.checkpoints, &c, &err) == KT_E_INPUT)
        s->o.alarm(s->o.self, kt_str_of(e->name), err.text);
}

void kt_showing_heard(struct kt_showing *s, uint64_t peer, const struct kt_agent_entry *e,
                      const struct kt_msg *m)
{
    if (peer == 0)
        return;
    if (m->type == KT_MSG_SINCE)
        since(s, peer, agent_of(s, e->name), m);
    else if (m->type == KT_MSG_COSIGN)
        cosign(s, peer, e, m);
}
