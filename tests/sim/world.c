/*
 * world: see world.h. What must hold at the end: every record written to a log is stored exactly
 * once, no request lost its answer, the store verifies with every signature, each planted attack is
 * alerted once, and detection that is stopped and restored agrees with a straight run.
 *
 * Owns:  the hosts, the network's queues, the collector, the clock.
 * Calls: agents, collector, core; the real file system only for the store and the allow-list below
 * dir.
 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/agent.h"
#include "cli/demo/records.h"
#include "cli/log_order.h"
#include "collector/detect.h"
#include "collector/ingest.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "core/sys/net.h"

#define START           (INT64_C(1767225600) * KT_NS_S) /* 2026-01-01 */
#define STEPS_MAX       60000u
#define QUEUE_MAX       512u
#define ATTACK_FAILURES 14u
#define LOG             "/log/audit.log"

struct message {
    kt_time_ns due;
    struct kt_buf body;
};
struct queue {
    struct message at[QUEUE_MAX];
    unsigned n;
};

struct host {
    struct world *w;
    unsigned number;
    char name[24], instance[24], user_id[160];
    struct kt_fs_memory *disk;
    struct kt_fs fs;           /* the disk itself: Vault writes here */
    struct kt_fs_faulty fault; /* what the agent sees */
    struct kt_agent *agent;
    struct kt_conf_source source;
    struct kt_agent_conf conf;
    uint8_t curve[32], seed[32];
    struct queue out, in; /* to and from the collector */
    struct kt_buf heard;
    unsigned written, rotations;
    kt_time_ns born;    /* when the log came to be */
    bool seen;          /* the agent has looked since then; it looks every second */
    struct kt_buf held; /* the second half of a pair that is not written yet */
};

struct world {
    uint64_t seed;
    const char *dir;
    char db[4096], agents_dir[4096];
    struct kt_rng_seeded state;
    struct kt_rng rng;
    struct kt_clock_memory time;
    struct host host[KT_SIM_AGENTS];
    struct kt_store *store;
    struct kt_auth *auth;
    struct kt_ingest *ingest;
    bool healed;
    struct kt_map *ids; /* native ids that were written */
    struct kt_sim_result *r;
};

static uint64_t below(struct world *w, uint64_t n)
{
    return kt_rng_below(&w->rng, n);
}

static bool chance(struct world *w, unsigned percent)
{
    return below(w, 100) < percent;
}

/* ---- network ---- */

static void queue_drop(struct queue *q, unsigned i)
{
    kt_buf_done(&q->at[i].body);
    memmove(&q->at[i], &q->at[i + 1], (q->n - i - 1) * sizeof q->at[0]);
    q->n--;
}

static void queue_clear(struct queue *q)
{
    while (q->n > 0)
        queue_drop(q, q->n - 1);
}

static void post(struct world *w, struct queue *q, struct kt_str body)
{
    unsigned copies = 1;
    if (!w->healed && chance(w, 4)) {
        copies = 0;
        w->r->lost++;
    } else if (!w->healed && chance(w, 3)) {
        copies = 2;
        w->r->doubled++;
    }
    for (; copies > 0 && q->n < QUEUE_MAX; copies--) {
        struct message *m = &q->at[q->n++];
        *m = (struct message){ .due = w->time.mono +
                                      (kt_time_ns)below(w, w->healed ? 5 : 400) * KT_NS_MS };
        kt_buf_add(&m->body, body);
    }
}

/* A random message that is due: reordering is part of the network. */
static bool take(struct world *w, struct queue *q, struct kt_buf *ret)
{
    unsigned start = q->n > 0 ? (unsigned)below(w, w->healed ? 1 : q->n) : 0;
    for (unsigned k = 0; k < q->n; k++) {
        unsigned i = (start + k) % q->n;
        if (q->at[i].due > w->time.mono)
            continue;
        kt_buf_reset(ret);
        kt_buf_add(ret, kt_buf_str(&q->at[i].body));
        queue_drop(q, i);
        return true;
    }
    return false;
}

static enum kt_status wire_send(void *self, struct kt_str body, struct kt_error *err)
{
    struct host *h = self;
    if (h->out.n >= QUEUE_MAX / 2)
        return kt_fail(err, KT_E_AGAIN, "queue full");
    post(h->w, &h->out, body);
    return KT_OK;
}

static enum kt_status wire_recv(void *self, struct kt_str *ret, struct kt_error *err)
{
    struct host *h = self;
    if (!take(h->w, &h->in, &h->heard))
        return kt_fail(err, KT_E_AGAIN, "nothing");
    *ret = kt_buf_str(&h->heard);
    return KT_OK;
}

static enum kt_status wire_reopen(void *self, enum kt_pair_side to, struct kt_error *err)
{
    struct host *h = self;
    (void)to;
    (void)err;
    queue_clear(&h->in);
    queue_clear(&h->out);
    return KT_OK;
}

/* ---- hosts ---- */

static enum kt_status agent_start(struct host *h, struct kt_error *err)
{
    struct kt_agent_options o = {
        .conf = &h->conf,
        .clock = kt_clock_memory(&h->w->time),
        .rng = h->w->rng,
        .fs = kt_fs_faulty(&h->fault),
        .wire = { .send = wire_send, .recv = wire_recv, .reopen = wire_reopen, .self = h },
        .signing_seed = h->seed,
        .program = "keytrail-agent sim"
    };
    return kt_agent_new(&o, &h->agent, err);
}

/* The next write fails, so that leaving writes nothing: what a kill does. */
static void agent_kill(struct host *h)
{
    h->fault.fail_at = h->fault.calls + 1;
    h->fault.fail_errno = 5;
    kt_agent_free(h->agent);
    h->agent = NULL;
    h->fault.fail_at = 0;
    queue_clear(&h->in);
    queue_clear(&h->out);
}

static uint64_t crash_rng(void *self)
{
    struct world *w = self;
    return kt_rng_u64(&w->rng);
}

static enum kt_status host_open(struct world *w, unsigned i, struct kt_error *err)
{
    struct host *h = &w->host[i];
    struct kt_net_keys keys;
    h->w = w;
    h->number = i;
    snprintf(h->name, sizeof h->name, "host-%u", i);
    snprintf(h->instance, sizeof h->instance, "vault-%u", i);
    h->disk = kt_fs_memory_new();
    h->fs = kt_fs_memory(h->disk);
    h->fault.inner = h->fs;
    w->rng.fill(w->rng.self, h->curve, 32);
    w->rng.fill(w->rng.self, h->seed, 32);
    kt_net_keys_from_secret(h->curve, &keys);
    h->source = (struct kt_conf_source){
        .id = h->instance, .type = "vault", .input = "tail", .path = LOG, .cluster = h->instance
    };
    h->conf = (struct kt_agent_conf){ .path = "agent.yaml",
                                      .agent = h->name,
                                      .endpoint = "sim",
                                      .spool_path = "/spool",
                                      .spool_max = 64u << 20,
                                      .sources = &h->source,
                                      .n_sources = 1 };
    struct kt_agent_entry e = { .name = h->name, .n_keys = 1 };
    memcpy(e.curve[0], keys.public_key, 32);
    kt_sign_public(h->seed, e.signing[0]);
    struct kt_buf text = { 0 };
    char path[4200];
    kt_agent_entry_print(&e, &text);
    snprintf(path, sizeof path, "%s/%s.yaml", w->agents_dir, h->name);
    enum kt_status st = kt_fs_write_atomic(path, kt_buf_str(&text), 0600, err);
    kt_buf_done(&text);
    if (st != KT_OK || h->fs.mkdir(h->fs.self, "/log", 0700, err) != KT_OK ||
        h->fs.mkdir(h->fs.self, "/spool", 0700, err) != KT_OK ||
        h->fs.sync_dir(h->fs.self, "/", err) != KT_OK)
        return err->code;
    return agent_start(h, err);
}

static void host_close(struct host *h)
{
    if (h->agent != NULL)
        agent_kill(h);
    queue_clear(&h->in);
    queue_clear(&h->out);
    kt_buf_done(&h->heard);
    kt_buf_done(&h->held);
    kt_fs_memory_free(h->disk);
}

/* Vault's own write: on its disk before it answers. */
static enum kt_status log_append(struct host *h, struct kt_str data, struct kt_error *err)
{
    struct kt_file *f = NULL;
    if (h->fs.open(h->fs.self, LOG, KT_OPEN_APPEND, &f, err) != KT_OK)
        return err->code;
    enum kt_status st = h->fs.append(f, data, err);
    if (st == KT_OK)
        st = h->fs.sync(f, err);
    h->fs.close(f);
    return st == KT_OK ? h->fs.sync_dir(h->fs.self, "/log", err) : st;
}

static enum kt_status write_pair(struct host *h, const struct kt_demo_vault *v,
                                 struct kt_error *err)
{
    struct kt_buf pair = { 0 };
    kt_demo_vault_pair(v, &h->w->rng, &pair);
    struct kt_str rest = kt_buf_str(&pair), first;
    (void)kt_str_split(&rest, '\n', &first);
    ptrdiff_t at = kt_str_find(first, KT_STR("\"request\":{\"id\":\""), 0);
    bool fresh;
    (void)kt_map_put(h->w->ids, kt_str_sub(first, (size_t)at + 17, 36), &fresh);
    h->w->r->written++;
    struct kt_str head = kt_str_from(pair.at, first.len + 1);
    enum kt_status st = KT_OK;
    if (h->held.len >
        0) { /* the second half of the pair before comes after this first half: pairs interleave */
        st = log_append(h, head, err);
        if (st == KT_OK)
            st = log_append(h, kt_buf_str(&h->held), err);
        kt_buf_reset(&h->held);
        kt_buf_add(&h->held, rest);
    } else if (chance(h->w, 20)) {
        st = log_append(h, head, err);
        kt_buf_add(&h->held, rest);
    } else {
        st = log_append(h, kt_buf_str(&pair), err);
    }
    kt_buf_done(&pair);
    return st;
}

/* One ordinary access, or, twice on the first host, a guessed password. */
static enum kt_status host_write(struct host *h, struct kt_error *err)
{
    static const char *const people[] = { "ada", "bob", "cleo", "dirk", "eve" };
    unsigned who = (unsigned)below(h->w, KT_ARRAY_LEN(people));
    char secret[64], address[32], victim[24];
    bool attack = h->number == 0 && h->written % (KT_SIM_RECORDS / KT_SIM_ATTACKS) ==
                                        KT_SIM_RECORDS / KT_SIM_ATTACKS / 2;
    snprintf(secret, sizeof secret, "team/prod/s%u", (unsigned)below(h->w, 6));
    snprintf(address, sizeof address, "91.240.%u.%u", h->number + 1, who + 1);
    h->written++;
    h->born = h->born != 0 ? h->born : h->w->time.mono;
    struct kt_demo_vault v = { .time = h->w->time.wall,
                               .who = people[who],
                               .secret = secret,
                               .address = address,
                               .entity = 10 * h->number + who };
    enum kt_status st = write_pair(h, &v, err);
    snprintf(victim, sizeof victim, "victim%u", h->written);
    snprintf(address, sizeof address, "185.220.%u.%u", 1 + h->written % 200, 7u);
    for (unsigned k = 0; attack && st == KT_OK && k <= ATTACK_FAILURES; k++) {
        h->w->time.wall += 300 * KT_NS_MS;
        h->w->time.mono += 300 * KT_NS_MS;
        struct kt_demo_vault try = { .time = h->w->time.wall,
                                     .who = victim,
                                     .login = true,
                                     .fails = k < ATTACK_FAILURES,
                                     .secret = "",
                                     .address = address,
                                     .entity = 1000 + h->written };
        st = write_pair(h, &try, err);
    }
    return st;
}

static enum kt_status host_flush(struct host *h, struct kt_error *err)
{
    if (h->held.len == 0)
        return KT_OK;
    enum kt_status st = log_append(h, kt_buf_str(&h->held), err);
    kt_buf_reset(&h->held);
    return st;
}

static enum kt_status host_rotate(struct host *h, struct kt_error *err)
{
    struct kt_stat st;
    char to[64];
    if (!h->seen) /* what was rotated away before the first look is history: `import` reads it */
        return KT_OK;
    if (h->fs.stat(h->fs.self, LOG, &st, err) != KT_OK)
        return KT_OK;
    snprintf(to, sizeof to, "/log/audit.log-%u", ++h->rotations);
    if (h->fs.rename(h->fs.self, LOG, to, err) != KT_OK)
        return err->code;
    return h->fs.sync_dir(h->fs.self, "/log", err);
}

/* ---- collector ---- */

static void reply(void *self, uint64_t peer, struct kt_str body)
{
    struct world *w = self;
    post(w, &w->host[peer].in, body);
}

static void alarm_ignored(void *self, const char *code, struct kt_str agent, const char *sentence)
{
    struct world *w = self;
    (void)agent;
    if (w->r->problem[0] == 0 && strcmp(code, "identity.violation") == 0)
        snprintf(w->r->problem, sizeof w->r->problem, "alarm %s: %s", code, sentence);
}

static enum kt_status collector_start(struct world *w, struct kt_error *err)
{
    struct kt_store_options so = { .path = w->db, .create = true };
    if (kt_store_open(&so, &w->store, err) != KT_OK)
        return err->code;
    struct kt_ingest_options io = { .store = w->store,
                                    .auth = w->auth,
                                    .clock = kt_clock_memory(&w->time),
                                    .store_path = w->db,
                                    .reply = reply,
                                    .alarm = alarm_ignored,
                                    .self = w };
    w->ingest = kt_ingest_new(&io);
    return KT_OK;
}

static void collector_kill(struct world *w)
{
    kt_ingest_free(w->ingest);
    w->ingest = NULL;
    if (w->store != NULL) {
        kt_store_rollback(w->store);
        kt_store_close(w->store);
    }
    w->store = NULL;
}

static enum kt_status collector_turn(struct world *w, struct kt_error *err)
{
    struct kt_buf body = { 0 };
    enum kt_status st = KT_OK;
    for (unsigned i = 0; i < KT_SIM_AGENTS && st == KT_OK; i++) {
        struct host *h = &w->host[i];
        for (unsigned k = 0; k < 8 && st == KT_OK && take(w, &h->out, &body); k++)
            st = kt_ingest_message(w->ingest, i, kt_str_of(h->user_id), kt_buf_str(&body), err);
    }
    kt_buf_done(&body);
    if (st == KT_OK && (w->healed || !chance(w, 30)))
        st = kt_ingest_commit(w->ingest, err);
    if (st == KT_OK)
        st = kt_ingest_tick(w->ingest, err);
    return st;
}

/* ---- what happens ---- */

static enum kt_status disaster(struct world *w, struct kt_error *err)
{
    struct host *h = &w->host[below(w, KT_SIM_AGENTS)];
    switch (below(w, 4)) {
    case 0:
        collector_kill(w);
        w->r->kills_collector++;
        return collector_start(w, err);
    case 1:
        agent_kill(h);
        w->r->power_cuts++;
        kt_fs_memory_crash(h->disk, crash_rng, w);
        return agent_start(h, err);
    case 2:
        return host_rotate(h, err);
    default:
        agent_kill(h);
        w->r->kills_agent++;
        return agent_start(h, err);
    }
}

static enum kt_status step(struct world *w, struct kt_error *err)
{
    kt_time_ns passed = (kt_time_ns)(1 + below(w, w->healed ? 40 : 120)) * KT_NS_MS;
    w->time.wall += passed;
    w->time.mono += passed;
    w->r->steps++;
    struct host *h = &w->host[below(w, KT_SIM_AGENTS)];
    int wait_ms;
    uint64_t what = below(w, 100);
    if (what < 35 && h->written < KT_SIM_RECORDS)
        return host_write(h, err);
    if (what < 70) {
        enum kt_status st = kt_agent_turn(h->agent, &wait_ms, err);
        h->seen = h->seen || (h->born != 0 && w->time.mono - h->born > KT_NS_S);
        return st;
    }
    if (what < 98 || w->healed)
        return collector_turn(w, err);
    return disaster(w, err);
}

static bool all_written(const struct world *w)
{
    for (unsigned i = 0; i < KT_SIM_AGENTS; i++) {
        if (w->host[i].written < KT_SIM_RECORDS)
            return false;
    }
    return true;
}

/* ---- what must hold ---- */

struct count {
    struct world *w;
    struct kt_map *seen;
    uint64_t n, twice, unknown;
};

static enum kt_status count_stored(struct world *w, struct count *c, struct kt_error *err)
{
    struct kt_reader *reader = NULL;
    struct kt_cursor *cursor = NULL;
    struct kt_scan scan = { .records = true };
    c->seen = kt_map_new(1);
    enum kt_status st = kt_reader_open(w->db, &reader, err);
    if (st == KT_OK)
        st = kt_cursor_open(reader, &scan, &cursor, err);
    struct kt_record r;
    while (st == KT_OK && (st = kt_cursor_next(cursor, &r, err)) == KT_OK) {
        if (r.ev.kind != KT_KIND_ACCESS)
            continue;
        bool fresh;
        (void)kt_map_put(c->seen, r.ev.native_id, &fresh);
        c->n++;
        c->twice += !fresh;
        c->unknown += r.ev.outcome == KT_OUT_UNKNOWN;
    }
    kt_cursor_free(cursor);
    kt_reader_close(reader);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status settle(struct world *w, struct kt_error *err)
{
    w->healed = true;
    for (unsigned i = 0; i < KT_SIM_AGENTS; i++) {
        if (host_flush(&w->host[i], err) != KT_OK)
            return err->code;
    }
    for (unsigned k = 0; k < STEPS_MAX; k++) {
        if (step(w, err) != KT_OK)
            return err->code;
        if (k % 500 != 499)
            continue;
        struct count c = { .w = w };
        enum kt_status st = count_stored(w, &c, err);
        w->r->settled = st == KT_OK && kt_map_count(c.seen) == kt_map_count(w->ids);
        kt_map_free(c.seen);
        if (st != KT_OK || w->r->settled)
            return st;
    }
    return KT_OK;
}

static void problem(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    struct world *w = self;
    if (w->r->problem[0] == 0)
        snprintf(w->r->problem, sizeof w->r->problem, "verify: %s", sentence);
}

static unsigned signing_key(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max)
{
    struct world *w = self;
    const struct kt_agent_entry *e = kt_auth_named(w->auth, agent);
    if (e == NULL || max == 0)
        return 0;
    memcpy(ret[0], e->signing[0], 32);
    return 1;
}

struct detection {
    struct world *w;
    struct kt_detect *d;
    struct kt_detect_options o;
    bool restarts;
    uint64_t alerts;
    struct kt_map *ids;
};

static void on_alert(void *self, const struct kt_alert *a, bool is_new)
{
    struct detection *t = self;
    bool fresh;
    (void)is_new;
    if (a->severity >= KT_SEV_MEDIUM)
        (void)kt_map_put(t->ids, kt_str_of(a->id), &fresh);
}

static enum kt_status on_record(void *self, const struct kt_record *r, const void *prepared,
                                struct kt_error *err)
{
    struct detection *t = self;
    (void)prepared;
    kt_detect_record(t->d, r);
    if (!t->restarts || !chance(t->w, 1))
        return KT_OK;
    struct kt_buf snapshot = { 0 };
    kt_detect_snapshot(t->d, &snapshot);
    kt_detect_free(t->d);
    t->d = NULL;
    enum kt_status st = kt_detect_new(&t->o, &t->d, err);
    if (st == KT_OK)
        st = kt_detect_restore(t->d, kt_buf_str(&snapshot), err);
    kt_buf_done(&snapshot);
    return st;
}

static enum kt_status detect(struct world *w, bool restarts, uint8_t digest[32],
                             uint64_t *ret_alerts, struct kt_error *err)
{
    struct kt_conf *conf = kt_conf_defaults();
    struct kt_reader *reader = NULL;
    struct detection t = { .w = w, .restarts = restarts, .ids = kt_map_new(2) };
    struct kt_damage damage = { 0 };
    const struct kt_log_each to = { .each = on_record, .self = &t };
    t.o = (struct kt_detect_options){ .conf = conf, .alert = on_alert, .self = &t };
    enum kt_status st = kt_detect_new(&t.o, &t.d, err);
    if (st == KT_OK)
        st = kt_reader_open(w->db, &reader, err);
    if (st == KT_OK)
        st = kt_log_in_order(reader, &damage, &to, err);
    if (st == KT_OK && damage.places > 0)
        st = kt_fail(err, KT_E_CORRUPT, "%s", damage.first.text);
    if (st == KT_OK)
        kt_detect_digest(t.d, digest);
    *ret_alerts = kt_map_count(t.ids);
    kt_map_free(t.ids);
    kt_reader_close(reader);
    kt_detect_free(t.d);
    kt_conf_free(conf);
    return st;
}

static void complain(struct world *w, const char *what, uint64_t n)
{
    if (w->r->problem[0] == 0)
        snprintf(w->r->problem, sizeof w->r->problem, "%s (%llu)", what, (unsigned long long)n);
}

static enum kt_status judge(struct world *w, struct kt_error *err)
{
    struct count c = { .w = w };
    struct kt_reader *reader = NULL;
    struct kt_verify_result v = { 0 };
    if (count_stored(w, &c, err) != KT_OK)
        return err->code;
    w->r->stored = c.n;
    uint64_t missing = kt_map_count(w->ids) - kt_map_count(c.seen);
    kt_map_free(c.seen);
    if (missing > 0)
        complain(w, "records were lost", missing);
    if (c.twice > 0)
        complain(w, "records are stored twice", c.twice);
    if (c.unknown > 0)
        complain(w, "requests lost their answer", c.unknown);
    if (kt_reader_open(w->db, &reader, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_reader_verify(
        reader,
        &(struct kt_verify_options){ .problem = problem, .signing_key = signing_key, .self = w },
        &v, err);
    kt_reader_close(reader);
    if (st != KT_OK)
        return st;
    if (!v.ok || v.signed_batches == 0)
        complain(w, "the store does not verify", v.problems);
    uint8_t straight[32], restarted[32];
    uint64_t again;
    if (detect(w, false, straight, &w->r->alerts, err) != KT_OK ||
        detect(w, true, restarted, &again, err) != KT_OK)
        return err->code;
    if (w->r->alerts != KT_SIM_ATTACKS)
        complain(w, "alerts for the planted attacks", w->r->alerts);
    if (again != w->r->alerts || memcmp(straight, restarted, 32) != 0)
        complain(w, "detection that was restored differs", again);
    return KT_OK;
}

static enum kt_status live(struct world *w, struct kt_error *err)
{
    while (!all_written(w) && w->r->steps < STEPS_MAX) {
        if (step(w, err) != KT_OK)
            return err->code;
    }
    if (settle(w, err) != KT_OK)
        return err->code;
    collector_kill(w);
    return judge(w, err);
}

static enum kt_status build(struct world *w, struct kt_error *err)
{
    snprintf(w->db, sizeof w->db, "%s/sim.db", w->dir);
    snprintf(w->agents_dir, sizeof w->agents_dir, "%s/agents.d", w->dir);
    (void)mkdir(w->agents_dir, 0700);
    for (unsigned i = 0; i < KT_SIM_AGENTS; i++) {
        if (host_open(w, i, err) != KT_OK)
            return err->code;
    }
    if (kt_auth_open(w->agents_dir, &w->auth, err) != KT_OK)
        return err->code;
    for (unsigned i = 0; i < KT_SIM_AGENTS; i++) {
        struct kt_net_keys keys;
        kt_net_keys_from_secret(w->host[i].curve, &keys);
        if (!kt_auth_allow(w->auth, keys.public_key, w->time.wall, w->host[i].user_id,
                           sizeof w->host[i].user_id))
            return kt_fail(err, KT_E_DENIED, "host %u is not on the allow-list", i);
    }
    return collector_start(w, err);
}

enum kt_status kt_sim_run(uint64_t seed, const char *dir, struct kt_sim_result *ret,
                          struct kt_error *err)
{
    struct world *w = kt_alloc(sizeof *w);
    w->seed = seed;
    w->dir = dir;
    w->state.state = seed;
    w->rng = kt_rng_seeded(&w->state);
    w->time = (struct kt_clock_memory){ .wall = START, .mono = KT_NS_HOUR };
    w->ids = kt_map_new(0);
    w->r = ret;
    enum kt_status st = build(w, err);
    if (st == KT_OK)
        st = live(w, err);
    collector_kill(w);
    for (unsigned i = 0; i < KT_SIM_AGENTS; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%s/host-%u.yaml", w->agents_dir, i);
        (void)unlink(path);
        host_close(&w->host[i]);
    }
    (void)rmdir(w->agents_dir);
    kt_auth_free(w->auth);
    kt_map_free(w->ids);
    kt_free(w);
    return st;
}
