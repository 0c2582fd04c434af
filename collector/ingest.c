/*
 * ingest: the conversation with agents, and the transaction that its promises wait for.
 *
 * Owns:  sessions (agent, incarnation -> peer, mark), quotas, the open transaction, held-back acks.
 * Calls: intake, auth, ingest_alarm, ingest_twice, core (wire, store, clock). No sockets.
 * Holds: an ack or a welcome is sent after the commit of what it promises; a refused batch leaves
 *        nothing behind; one agent cannot use up the memory of another.
 */
#include "collector/ingest.h"
#include "collector/ingest_alarm.h"
#include "collector/ingest_twice.h"
#include "collector/intake.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/wire/batch.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SESSIONS      4u              /* spools of one agent at a time; its oldest goes first */
#define DIGESTS       KT_INFLIGHT_MAX /* newest batches of a session whose content is known */
#define CLAIMS_MAX    1024u           /* source instances that one agent may take */
#define GROUP_BATCHES 64u
#define GROUP_BYTES   (8u << 20)
#define TICK_EVERY    (5 * KT_NS_MIN)
#define EARLY_NS      (10 * KT_NS_MIN) /* by which clocks may differ */
#define UNPACKED_KEEP (2u << 20)
/* A look-up of one unit takes the writer about 40 us; charged at four times that, one agent gets at
 * most a quarter of its time, after an advance of 2,000 segments. */
#define LOOKUP_TIME    (160 * KT_NS_US)
#define LOOKUP_ADVANCE (20 * KT_NS_S)

struct session {
    bool used;
    uint8_t incarnation[16];
    uint64_t peer, seq, heard; /* seq: newest batch stored, committed or not */
    uint8_t digest[DIGESTS][32];
    uint64_t digest_from; /* digests of [digest_from, seq] are known */
    uint32_t reply;       /* held-back ack, index + 1 */
};
struct agent {
    struct session session[SESSIONS];
    struct kt_ingest_quiet quiet;
    struct kt_ingest_twice twice;
    int64_t day;
    uint64_t bytes_today;
    kt_time_ns lookups_until; /* when its look-ups are paid for, by the monotonic clock */
    uint32_t claims;
};
struct reply { /* waits for the commit */
    uint64_t peer;
    struct kt_msg msg;
    struct session *session;
};
struct kt_ingest {
    struct kt_ingest_options o;
    struct kt_intake *intake;
    struct kt_enrich *enrich;
    struct kt_zip *zip;
    struct kt_buf unpacked, out;
    uint8_t hashes[KT_BATCH_EVENTS_MAX][32];
    struct kt_map *names; /* agent name -> number */
    struct agent **agents;
    struct kt_map *instances; /* "type/instance" -> number */
    uint32_t *owner;          /* number -> number of the agent's name */
    struct reply reply[GROUP_BATCHES * 2];
    uint32_t n_replies, batches;
    struct kt_handed *stored, **last_stored; /* not committed yet, in order */
    uint64_t turn;
    kt_time_ns now, last_arrival, last_tick;
    bool open, disk_full;
    struct kt_ingest_alarms alarms;
    uint8_t log_id[16];
    struct kt_ingest_counts counts;
};

struct kt_ingest *kt_ingest_new(const struct kt_ingest_options *o)
{
    struct kt_ingest *in = kt_alloc(sizeof *in);
    in->o = *o;
    in->last_stored = &in->stored;
    in->alarms.o = &in->o;
    in->enrich = kt_enrich_new(o->geo);
    /* Without the list of known addresses some get a second fact: no reason not to start. */
    if (o->store_path != NULL && kt_enrich_load(in->enrich, o->store_path, NULL) != KT_OK) {
        kt_enrich_free(in->enrich);
        in->enrich = kt_enrich_new(o->geo);
    }
    in->intake = kt_intake_new(&(struct kt_intake_options){ .store = o->store,
                                                            .enrich = in->enrich,
                                                            .committed = o->committed,
                                                            .self = o->self,
                                                            .parsed = o->way != NULL });
    in->zip = kt_zip_new();
    in->names = kt_map_new(0);
    in->instances = kt_map_new(0);
    in->last_arrival = kt_store_last_arrival(o->store);
    kt_store_log_id(o->store, in->log_id);
    return in;
}

void kt_ingest_take_geo(struct kt_ingest *in, const struct kt_geo *geo)
{
    in->o.geo = geo;
    kt_enrich_take(in->enrich, geo);
}

void kt_ingest_free(struct kt_ingest *in)
{
    if (in == NULL)
        return;
    if (in->open)
        kt_store_rollback(in->o.store);
    for (uint32_t i = 0; i < kt_map_count(in->names); i++)
        kt_free(in->agents[i]);
    for (struct kt_handed *b = in->stored, *next; b != NULL; b = next) {
        next = b->next;
        kt_handed_free(b);
    }
    kt_free(in->agents);
    kt_free(in->owner);
    kt_map_free(in->names);
    kt_map_free(in->instances);
    kt_intake_free(in->intake);
    kt_enrich_free(in->enrich);
    kt_zip_free(in->zip);
    kt_buf_done(&in->unpacked);
    kt_buf_done(&in->out);
    kt_free(in);
}

/* ---- the transaction ---- */

static kt_time_ns live_arrival(struct kt_ingest *in)
{
    in->now = in->o.clock.wall(in->o.clock.self);
    if (in->now > in->last_arrival)
        in->last_arrival = in->now;
    return in->last_arrival;
}

enum kt_status kt_ingest_begin(struct kt_ingest *in, struct kt_error *err)
{
    if (!in->open && kt_store_begin(in->o.store, err) != KT_OK)
        return kt_wrap(err, "ingest");
    in->open = true;
    return KT_OK;
}

void kt_ingest_undo(struct kt_ingest *in)
{
    assert(in->batches == 0 && in->n_replies == 0);
    kt_store_rollback(in->o.store);
    in->open = false;
}

enum kt_status kt_ingest_control(struct kt_ingest *in, struct kt_event *ev, struct kt_error *err)
{
    kt_time_ns arrival = live_arrival(in);
    enum kt_status st = kt_ingest_begin(in, err);
    if (st != KT_OK)
        return st;
    return kt_intake_control(in->intake, ev, arrival, in->now, err);
}

static void send(struct kt_ingest *in, uint64_t peer, const struct kt_msg *m)
{
    kt_buf_reset(&in->out);
    kt_msg_write(m, &in->out);
    in->o.reply(in->o.self, peer, kt_buf_str(&in->out));
}

/* Answers that promise something wait while a transaction is open. */
static void promise(struct kt_ingest *in, struct session *s, const struct kt_msg *m)
{
    if (!in->open) {
        send(in, s->peer, m);
        return;
    }
    if (m->type == KT_MSG_ACK && s->reply != 0) {
        struct reply *r = &in->reply[s->reply - 1];
        if (r->peer == s->peer && r->msg.type == KT_MSG_ACK) {
            if (m->seq > r->msg.seq)
                r->msg.seq = m->seq;
            return;
        }
    }
    if (in->n_replies == KT_ARRAY_LEN(in->reply))
        return; /* a flood of greetings: they ask again */
    in->reply[in->n_replies++] = (struct reply){ s->peer, *m, s };
    s->reply = in->n_replies;
}

static void give_stored(struct kt_ingest *in)
{
    for (struct kt_handed *b = in->stored, *next; b != NULL; b = next) {
        next = b->next;
        kt_way_give(in->o.way, b);
    }
    in->stored = NULL;
    in->last_stored = &in->stored;
}

enum kt_status kt_ingest_commit(struct kt_ingest *in, struct kt_error *err)
{
    if (!in->open)
        return KT_OK;
    kt_time_ns began = in->o.clock.mono(in->o.clock.self);
    enum kt_status st = kt_store_commit(in->o.store, err);
    if (st != KT_OK)
        return kt_wrap(err, "commit");
    if (in->o.counts != NULL)
        kt_counts_commit(in->o.counts, in->o.clock.mono(in->o.clock.self) - began);
    in->open = false;
    in->counts.commits++;
    in->batches = 0;
    give_stored(in);
    for (uint32_t i = 0; i < in->n_replies; i++) {
        struct reply *r = &in->reply[i];
        if (r->session->reply == i + 1)
            r->session->reply = 0;
        send(in, r->peer, &r->msg);
    }
    in->n_replies = 0;
    in->counts.facts = kt_intake_facts(in->intake);
    kt_intake_committed(in->intake);
    return KT_OK;
}

bool kt_ingest_waiting(const struct kt_ingest *in)
{
    return in->open;
}

bool kt_ingest_full(const struct kt_ingest *in)
{
    return in->batches >= GROUP_BATCHES || in->n_replies >= GROUP_BATCHES ||
           kt_intake_bytes(in->intake) >= GROUP_BYTES;
}

enum kt_status kt_ingest_tick(struct kt_ingest *in, struct kt_error *err)
{
    kt_time_ns now = in->o.clock.wall(in->o.clock.self);
    /* A clock that was set back must not silence the ticks. */
    if (in->last_tick != 0 && now >= in->last_tick && now - in->last_tick < TICK_EVERY)
        return KT_OK;
    struct kt_event ev = {
        .kind = KT_KIND_TICK, .source = KT_STR("keytrail"), .time = now, .observed = now
    };
    in->last_tick = now;
    return kt_ingest_control(in, &ev, err);
}

/* ---- agents and their sessions ---- */

static uint32_t agent_number(struct kt_ingest *in, struct kt_str name)
{
    bool fresh = false;
    uint32_t number = kt_map_put(in->names, name, &fresh);
    if (fresh) {
        in->agents = kt_realloc_array(in->agents, number + 1, sizeof(struct agent *));
        in->agents[number] = kt_alloc(sizeof(struct agent));
    }
    return number;
}

static void raise_alarm(struct kt_ingest *in, struct agent *a, struct kt_str name,
                        enum kt_alarm_code code, const char *sentence)
{
    kt_ingest_alarm(&in->alarms, &a->quiet, name, code, sentence);
}

static struct session *session_of(struct agent *a, const uint8_t incarnation[16])
{
    for (unsigned i = 0; i < SESSIONS; i++)
        if (a->session[i].used && memcmp(a->session[i].incarnation, incarnation, 16) == 0)
            return &a->session[i];
    return NULL;
}

/* The slot for a new incarnation: free, or the one heard longest ago that no held-back answer
 * points to. NULL when all have one. */
static struct session *session_slot(struct agent *a)
{
    struct session *best = NULL;
    for (unsigned i = 0; i < SESSIONS; i++) {
        struct session *s = &a->session[i];
        if (!s->used)
            return s;
        if (s->reply == 0 && (best == NULL || s->heard < best->heard))
            best = s;
    }
    return best;
}

struct talk { /* one message being worked off */
    const struct kt_agent_entry *entry;
    struct kt_str name;
    struct agent *agent;
    uint32_t number;
    uint64_t peer;
    const struct kt_msg *m;
};

/* A part of the conversation is no refusal: the batch comes again, as it is. */
static bool counts_as_refused(enum kt_refuse reason)
{
    return reason != KT_REFUSE_GAP && reason != KT_REFUSE_HELLO && reason != KT_REFUSE_VERSION;
}

static void refuse(struct kt_ingest *in, const struct talk *t, enum kt_refuse reason,
                   uint32_t index, uint64_t expected, const char *text)
{
    struct kt_msg r = { .type = KT_MSG_REFUSE,
                        .version = KT_WIRE_VERSION,
                        .seq = t->m != NULL ? t->m->seq : 0,
                        .reason = reason,
                        .index = index,
                        .expected = expected,
                        .text = kt_str_of(text) };
    if (t->m != NULL)
        memcpy(r.incarnation, t->m->incarnation, sizeof r.incarnation);
    if (t->m != NULL && t->m->type == KT_MSG_BATCH) {
        in->counts.refused_batches++;
        if (index != KT_REFUSE_ALL)
            in->counts.refused_lines++;
        else if (in->o.counts != NULL && counts_as_refused(reason))
            kt_counts_refused(in->o.counts, KT_STR_NONE, reason, t->m->count);
    }
    send(in, t->peer, &r);
}

static enum kt_status hello(struct kt_ingest *in, struct talk *t, struct kt_error *err)
{
    const struct kt_msg *m = t->m;
    struct session *s = session_of(t->agent, m->incarnation);
    if (s == NULL) {
        struct kt_mark mark = { 0 };
        if (kt_store_mark(in->o.store, t->name, m->incarnation, &mark, err) != KT_OK)
            return kt_wrap(err, "mark of '" KT_STR_FMT "'", KT_STR_ARG(t->name));
        s = session_slot(t->agent);
        if (s == NULL)
            return KT_OK; /* it says hello again */
        *s = (struct session){ .used = true, .seq = mark.seq, .digest_from = mark.seq };
        memcpy(s->incarnation, m->incarnation, 16);
        memcpy(s->digest[mark.seq % DIGESTS], mark.digest, 32);
    }
    s->peer = t->peer; /* the newest hello of an incarnation wins */
    s->heard = ++in->turn;
    struct kt_msg w = { .type = KT_MSG_WELCOME,
                        .version = KT_WIRE_VERSION,
                        .last_seq = s->seq,
                        .credit = KT_INFLIGHT_MAX };
    memcpy(w.incarnation, s->incarnation, 16);
    memcpy(w.log_id, in->log_id, 16);
    promise(in, s, &w);
    return KT_OK;
}

static void acknowledge(struct kt_ingest *in, struct session *s, uint64_t seq)
{
    struct kt_msg a = {
        .type = KT_MSG_ACK, .version = KT_WIRE_VERSION, .seq = seq, .credit = KT_INFLIGHT_MAX
    };
    memcpy(a.incarnation, s->incarnation, 16);
    memcpy(a.log_id, in->log_id, 16);
    promise(in, s, &a);
}

/* ---- a batch ---- */

/* N6: false when the batch is answered already: it was here, came out of turn or is a fork. */
static bool next_in_turn(struct kt_ingest *in, const struct talk *t, struct session *s)
{
    const struct kt_msg *m = t->m;
    if (m->seq == s->seq + 1)
        return true;
    if (m->seq > s->seq) {
        refuse(in, t, KT_REFUSE_GAP, KT_REFUSE_ALL, s->seq + 1, "batches are missing");
        return false;
    }
    bool known = s->seq != 0 && m->seq >= s->digest_from && s->seq - m->seq < DIGESTS;
    if (known && memcmp(s->digest[m->seq % DIGESTS], m->digest, 32) != 0) {
        refuse(in, t, KT_REFUSE_FORK, KT_REFUSE_ALL, s->seq + 1,
               "another batch was stored under this number");
        raise_alarm(
            in, t->agent, t->name, KT_ALARM_FORK,
            "sent a batch with the number of a stored one and other content; the stored one "
            "stays");
        return false;
    }
    in->counts.resent++;
    acknowledge(in, s, m->seq);
    return false;
}

static bool within_quota(struct kt_ingest *in, const struct talk *t)
{
    int64_t day = in->o.clock.wall(in->o.clock.self) / KT_NS_DAY;
    struct agent *a = t->agent;
    if (a->day != day) {
        a->day = day;
        a->bytes_today = 0;
    }
    if (t->entry->quota == 0 || a->bytes_today + t->m->raw_bytes <= t->entry->quota)
        return true;
    refuse(in, t, KT_REFUSE_QUOTA, KT_REFUSE_ALL, 0, "the agent's daily quota is used up");
    raise_alarm(in, a, t->name, KT_ALARM_QUOTA, "has used up its daily quota; its batches wait");
    return false;
}

/* Records with old times make the store read segments: so that one agent cannot keep the writer
 * busy for all others, its look-ups are paid for at a steady rate, from a generous advance (a leaky
 * bucket; ITU-T I.371's virtual scheduling). */
static bool within_lookups(struct kt_ingest *in, const struct talk *t)
{
    kt_time_ns now = in->o.clock.mono(in->o.clock.self);
    if (t->agent->lookups_until - now <= LOOKUP_ADVANCE)
        return true;
    refuse(in, t, KT_REFUSE_QUOTA, KT_REFUSE_ALL, 0,
           "the agent's old records take too many look-ups; they wait");
    raise_alarm(in, t->agent, t->name, KT_ALARM_QUOTA,
                "sends old records in an order that makes the store search all its past; its "
                "batches wait");
    return false;
}

static void charge_lookups(struct kt_ingest *in, struct agent *a, uint32_t lookups)
{
    kt_time_ns now = in->o.clock.mono(in->o.clock.self);
    if (a->lookups_until < now)
        a->lookups_until = now;
    a->lookups_until += (kt_time_ns)lookups * LOOKUP_TIME;
}

static bool sizes_fit(struct kt_ingest *in, const struct talk *t)
{
    const struct kt_msg *m = t->m;
    if (m->count > 0 && m->count <= KT_BATCH_EVENTS_MAX && m->packed.len <= KT_BATCH_PACKED_MAX &&
        m->raw_bytes <= KT_BATCH_RAW_MAX)
        return true;
    refuse(in, t, KT_REFUSE_SIZE, KT_REFUSE_ALL, 0, "no batch has this size");
    raise_alarm(in, t->agent, t->name, KT_ALARM_LINE, "sent a batch beyond the size limits");
    return false;
}

/* Unpacks and checks with either of the agent's keys (N10). */
static bool opened(struct kt_ingest *in, const struct talk *t)
{
    struct kt_error err = { 0 };
    enum kt_refuse reason = KT_REFUSE_SIGNATURE;
    for (unsigned k = 0; k < t->entry->n_keys; k++) {
        kt_buf_reset(&in->unpacked);
        if (kt_batch_open(t->m, t->entry->signing[k], in->zip, &in->unpacked, in->hashes, &reason,
                          &err) == KT_OK)
            return true;
        if (reason != KT_REFUSE_SIGNATURE)
            break;
    }
    refuse(in, t, reason, KT_REFUSE_ALL, 0, err.text);
    if (reason == KT_REFUSE_SIGNATURE)
        raise_alarm(in, t->agent, t->name, KT_ALARM_SIGNATURE,
                    "sent a batch without a valid signature");
    else
        raise_alarm(in, t->agent, t->name, KT_ALARM_LINE, "sent a batch that is not what it says");
    return false;
}

/* The number of the agent that owns an instance; claims it for t when nobody does. */
static enum kt_status owner_of(struct kt_ingest *in, const struct talk *t, struct kt_str instance,
                               uint32_t *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    enum kt_status st = kt_store_owner(in->o.store, instance, &name, err);
    if (st != KT_OK)
        return st;
    *ret = t->number;
    if (name.len > 0) {
        *ret = agent_number(in, kt_buf_str(&name));
        return KT_OK;
    }
    if (t->agent->claims >= CLAIMS_MAX) {
        *ret = KT_MAP_NONE;
        return KT_OK;
    }
    st = kt_ingest_begin(in, err);
    if (st == KT_OK)
        st = kt_store_claim(in->o.store, instance, t->name, err);
    if (st == KT_OK)
        t->agent->claims++;
    if (st == KT_OK && in->o.claimed != NULL)
        in->o.claimed(in->o.self, instance);
    return st;
}

struct ask {
    struct kt_ingest *in;
    const struct talk *t;
    enum kt_status st; /* the store's own trouble */
    struct kt_error err;
};

/* N5: listed for this agent, or unlisted and not another agent's. */
static bool may_send(void *self, const struct kt_event *ev)
{
    struct ask *a = self;
    struct kt_ingest *in = a->in;
    if (ev->instance.len == 0)
        return true; /* the agent's report about itself */
    if (!kt_auth_may(a->t->entry, ev->source, ev->instance))
        return false;
    char key[2 * KT_NAME_MAX + 2];
    int n = snprintf(key, sizeof key, KT_STR_FMT "/" KT_STR_FMT, KT_STR_ARG(ev->source),
                     KT_STR_ARG(ev->instance));
    struct kt_str name = kt_str_from(key, (size_t)n);
    uint32_t number = kt_map_get(in->instances, name);
    if (number != KT_MAP_NONE)
        return in->owner[number] == a->t->number;
    uint32_t owner = KT_MAP_NONE;
    a->st = owner_of(in, a->t, name, &owner, &a->err);
    if (a->st != KT_OK || owner == KT_MAP_NONE)
        return false;
    number = kt_map_put(in->instances, name, NULL);
    in->owner = kt_realloc_array(in->owner, number + 1, sizeof *in->owner);
    in->owner[number] = owner;
    return owner == a->t->number;
}

static void refuse_line(struct kt_ingest *in, const struct talk *t, const struct kt_intake_fault *f)
{
    refuse(in, t, f->reason, f->index, 0, f->text);
    if (in->o.counts != NULL)
        kt_counts_refused(in->o.counts, f->instance, f->reason, 1);
    if (f->reason == KT_REFUSE_SOURCE) {
        in->counts.violations++;
        raise_alarm(in, t->agent, t->name, KT_ALARM_IDENTITY,
                    "sent records of a source instance that is not its own; nothing was stored");
    } else if (f->reason == KT_REFUSE_REDACTION) {
        raise_alarm(in, t->agent, t->name, KT_ALARM_SECRET,
                    "sent a record that holds what looks like a secret value; it was refused");
    } else {
        raise_alarm(in, t->agent, t->name, KT_ALARM_LINE, "sent a record that is not canonical");
    }
}

/* agent: empty for imports and feeds. */
static void count_lines(struct kt_ingest *in, struct kt_str agent, const struct kt_store_result *r)
{
    struct kt_counts_lines l = { .fate = r->fate, .stored = in->now, .agent = agent };
    l.events = kt_intake_events(in->intake, &l.n);
    if (in->o.counts != NULL)
        kt_counts_lines(in->o.counts, &l);
}

/* A batch of which each line is new goes on to detection once it is committed. */
static void keep_stored(struct kt_ingest *in, const struct talk *t, kt_time_ns arrival,
                        struct kt_parsed *parsed, const struct kt_store_result *r)
{
    if (parsed == NULL || r->stored != t->m->count || r->conflicts > 0)
        return;
    struct kt_handed *b = kt_alloc(sizeof *b);
    b->first_seq = r->first_seq;
    b->arrival = arrival;
    b->stored = r->stored_at;
    kt_str_copyz(b->agent, sizeof b->agent, t->name);
    b->parsed = kt_parsed_share(parsed);
    *in->last_stored = b;
    in->last_stored = &b->next;
}

static void free_parsed(struct kt_parsed **p)
{
    kt_parsed_free(*p);
}

static enum kt_status store_batch(struct kt_ingest *in, const struct talk *t, struct session *s,
                                  struct kt_error *err)
{
    const struct kt_msg *m = t->m;
    enum kt_status st = kt_ingest_begin(in, err);
    if (st != KT_OK)
        return st;
    kt_time_ns arrival = live_arrival(in);
    KT_CLEANUP(free_parsed) struct kt_parsed *parsed = kt_intake_parsed(in->intake, &in->unpacked);
    struct kt_store_batch b = { .agent = t->name,
                                .incarnation = m->incarnation,
                                .batch_seq = m->seq,
                                .digest = m->digest,
                                .signature = m->signature,
                                .origin = KT_ORIGIN_LIVE,
                                .stored = in->now,
                                .packed = m->packed,
                                .parsed = parsed,
                                .hashes = (const uint8_t(*)[32])in->hashes };
    struct kt_store_result r = { 0 };
    st = kt_intake_store(in->intake, &b, arrival, NULL, &r, err);
    if (st != KT_OK)
        return kt_wrap(err, "batch %" PRIu64 " of '" KT_STR_FMT "'", m->seq, KT_STR_ARG(t->name));
    in->counts.batches++;
    in->counts.events += r.stored;
    in->counts.duplicates += r.duplicates;
    in->counts.conflicts += r.conflicts;
    count_lines(in, t->name, &r);
    keep_stored(in, t, arrival, parsed, &r);
    in->batches++;
    t->agent->bytes_today += m->raw_bytes;
    charge_lookups(in, t->agent, r.lookups);
    s->seq = m->seq;
    if (s->seq - s->digest_from >= DIGESTS || s->digest_from == 0)
        s->digest_from = s->seq >= DIGESTS ? s->seq - DIGESTS + 1 : 1;
    memcpy(s->digest[s->seq % DIGESTS], m->digest, 32);
    acknowledge(in, s, m->seq);
    /* Here, since what was read lies in memory that is parsed's now. */
    kt_ingest_notice(&in->alarms, &t->agent->quiet, in->intake, t->name);
    return KT_OK;
}

static enum kt_status take_batch(struct kt_ingest *in, struct talk *t, struct kt_error *err)
{
    struct session *s = session_of(t->agent, t->m->incarnation);
    if (s == NULL || s->peer != t->peer) {
        refuse(in, t, KT_REFUSE_HELLO, KT_REFUSE_ALL, 0, "say hello first");
        return KT_OK;
    }
    s->heard = ++in->turn;
    if (!sizes_fit(in, t) || !next_in_turn(in, t, s))
        return KT_OK;
    if (in->disk_full) {
        refuse(in, t, KT_REFUSE_DISK, KT_REFUSE_ALL, 0, "the collector's disk is nearly full");
        return KT_OK;
    }
    if (!within_quota(in, t) || !within_lookups(in, t) || !opened(in, t))
        return KT_OK;
    struct ask ask = { .in = in, .t = t };
    struct kt_intake_fault f = { 0 };
    if (!kt_intake_read(in->intake, kt_buf_str(&in->unpacked), t->m->count, may_send, &ask, &f)) {
        if (ask.st != KT_OK) {
            if (err != NULL)
                *err = ask.err;
            return ask.st;
        }
        refuse_line(in, t, &f);
        return KT_OK;
    }
    return store_batch(in, t, s, err);
}

static enum kt_status batch(struct kt_ingest *in, struct talk *t, struct kt_error *err)
{
    enum kt_status st = take_batch(in, t, err);
    if (in->unpacked.cap > UNPACKED_KEEP) /* of a refused one as well */
        kt_buf_done(&in->unpacked);
    return st;
}

static void about_log(struct kt_ingest *in, const struct talk *t)
{
    const struct session *s = session_of(t->agent, t->m->incarnation);
    if (s == NULL || s->peer != t->peer)
        refuse(in, t, KT_REFUSE_HELLO, KT_REFUSE_ALL, 0, "say hello first");
    else if (in->o.about_log != NULL)
        in->o.about_log(in->o.self, t->peer, t->entry, t->m);
    else if (t->m->type == KT_MSG_SINCE)
        refuse(in, t, KT_REFUSE_VERSION, KT_REFUSE_ALL, 0, "this collector does not show its log");
}

enum kt_status kt_ingest_message(struct kt_ingest *in, uint64_t peer, struct kt_str user_id,
                                 struct kt_str body, struct kt_error *err)
{
    struct kt_str rest = user_id;
    struct talk t = { .peer = peer };
    if (!kt_str_split(&rest, '/', &t.name) || t.name.len == 0 || t.name.len > KT_NAME_MAX)
        return KT_OK; /* N4: no identity, no answer */
    t.number = agent_number(in, t.name);
    t.agent = in->agents[t.number];
    t.entry = kt_auth_entry(in->o.auth, user_id, in->o.clock.wall(in->o.clock.self));
    struct kt_msg m = { 0 };
    enum kt_status st = kt_msg_read(body, &m, NULL);
    if (st == KT_OK)
        t.m = &m;
    if (t.entry == NULL) { /* of the message only the numbers that its answer repeats are used */
        in->counts.revoked++;
        refuse(in, &t, KT_REFUSE_REVOKED, KT_REFUSE_ALL, 0, "this key is not allowed (any more)");
        raise_alarm(in, t.agent, t.name, KT_ALARM_REVOKED,
                    "goes on sending with a key that is not allowed");
        return KT_OK;
    }
    if (st != KT_OK) {
        if (m.version != 0)
            refuse(in, &t, KT_REFUSE_VERSION, KT_REFUSE_ALL, 0, "unknown version of the wire");
        raise_alarm(in, t.agent, t.name, KT_ALARM_WIRE, "sent a message that cannot be read");
        return KT_OK;
    }
    if (kt_ingest_twice(&t.agent->twice, peer, m.type == KT_MSG_HELLO,
                        in->o.clock.mono(in->o.clock.self)))
        raise_alarm(in, t.agent, t.name, KT_ALARM_TWICE,
                    "speaks on two connections at once: its machine was copied with its key, or "
                    "somebody else has that key");
    if (m.type == KT_MSG_HELLO)
        return hello(in, &t, err);
    if (m.type == KT_MSG_BATCH)
        return batch(in, &t, err);
    if (m.type == KT_MSG_SINCE || m.type == KT_MSG_COSIGN)
        about_log(in, &t);
    if (m.type == KT_MSG_PING)
        send(in, peer,
             &(struct kt_msg){ .type = KT_MSG_PONG, .version = KT_WIRE_VERSION, .seq = m.seq });
    return KT_OK; /* what only a collector sends says nothing here */
}

/* ---- imports and feeds ---- */

/* What was read. What is parsed of it serves sealing alone: detection reads imports in the log. */
static enum kt_status store_lines(struct kt_ingest *in, struct kt_store_batch *b,
                                  kt_time_ns arrival, const kt_time_ns *arrivals,
                                  struct kt_store_result *ret, struct kt_error *err)
{
    KT_CLEANUP(free_parsed) struct kt_parsed *parsed = kt_intake_parsed(in->intake, &in->unpacked);
    enum kt_status st = kt_ingest_begin(in, err);
    b->stored = in->now;
    b->parsed = parsed;
    if (st == KT_OK)
        st = kt_intake_store(in->intake, b, arrival, arrivals, ret, err);
    if (st != KT_OK)
        return st;
    in->counts.events += ret->stored;
    in->counts.duplicates += ret->duplicates;
    in->counts.conflicts += ret->conflicts;
    count_lines(in, KT_STR_NONE, ret);
    return KT_OK;
}

enum kt_status kt_ingest_lines(struct kt_ingest *in, enum kt_origin origin,
                               const struct kt_ingest_line *lines, uint32_t n,
                               struct kt_store_result *ret, struct kt_error *err)
{
    if (n == 0 || n > KT_BATCH_EVENTS_MAX)
        return kt_fail(err, KT_E_LIMIT, "%" PRIu32 " lines at once", n);
    kt_time_ns arrivals[64],
        *at = n <= KT_ARRAY_LEN(arrivals) ? arrivals : kt_alloc_array(n, sizeof *at);
    kt_buf_reset(&in->unpacked);
    for (uint32_t i = 0; i < n; i++) {
        at[i] = lines[i].arrival;
        kt_buf_add(&in->unpacked, lines[i].line);
        kt_buf_byte(&in->unpacked, '\n');
    }
    struct kt_intake_fault f = { 0 };
    struct kt_store_result r = { 0 };
    struct kt_store_batch b = { .agent =
                                    origin == KT_ORIGIN_FEED ? KT_STR("feed") : KT_STR("import"),
                                .origin = origin };
    /* A time that is to come would be the newest that detection knows, for ever. */
    kt_time_ns now = live_arrival(in);
    for (uint32_t i = 0; i < n; i++) {
        bool early = at[i] > in->now + EARLY_NS;
        in->counts.early += early;
        at[i] = early ? now : at[i];
    }
    enum kt_status st;
    if (!kt_intake_read(in->intake, kt_buf_str(&in->unpacked), n, NULL, NULL, &f))
        st = kt_fail(err, KT_E_INPUT, "line %" PRIu32 ": %s: %s", f.index + 1,
                     kt_refuse_word(f.reason), f.text);
    else
        st = store_lines(in, &b, now, at, &r, err);
    if (at != arrivals)
        kt_free(at);
    if (st == KT_OK && ret != NULL)
        *ret = r;
    return st;
}

struct kt_ingest_counts kt_ingest_counts(const struct kt_ingest *in)
{
    return in->counts;
}

void kt_ingest_disk_full(struct kt_ingest *in, bool full)
{
    in->disk_full = full;
}
