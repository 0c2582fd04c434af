/* The engine against a stub of the collector: lost messages, kills, power cuts, refusals, a full
 * spool. */
#include "agents/agent.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/event/line.h"
#include "core/sys/rng.h"
#include "core/wire/batch.h"
#include "tests/support/vault_lines.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__ /* each is slow then */
#define LIVES 60u
#else
#define LIVES 500u
#endif

#define LOG      "/log/audit.log"
#define START    (INT64_C(1795377600) * KT_NS_S)
#define QUEUE    512u
#define SESSIONS 8u
#define IDS_MAX  8192u

struct queue {
    char *at[QUEUE];
    size_t len[QUEUE];
    unsigned n;
};
struct session {
    uint8_t incarnation[16];
    uint64_t seq;
};
struct stub { /* the collector */
    struct session session[SESSIONS];
    unsigned n_sessions;
    struct kt_map *ids; /* access events, by event id */
    uint8_t digest[IDS_MAX][16];
    uint64_t lines, duplicates, conflicts, reports, restored, quarantined, batches, refused,
        unknown;
    uint32_t credit, most_in_flight;
    uint64_t refuse_seq; /* refuses this line once */
    uint32_t refuse_index;
    enum kt_refuse refuse_reason;
    bool deaf; /* takes no batch */
};
struct world {
    struct kt_fs_memory *mem;
    struct kt_fs disk;
    struct kt_fs_faulty faulty;
    struct kt_clock_memory time;
    struct kt_rng_seeded seeded;
    struct kt_rng rng;
    struct kt_agent_conf conf;
    struct kt_conf_source source;
    uint8_t seed[32], public_key[32];
    struct kt_agent *agent;
    struct queue up, down, asked, said; /* the latter two beside the connection */
    enum kt_pair_side side, whom;
    bool dead[KT_PAIR_SIDES];
    struct kt_buf heard;
    unsigned lose; /* per cent of messages */
    struct stub c, standby;
    struct kt_zip *zip;
    struct kt_arena arena;
    uint64_t written;
    struct kt_error err;
};

/* ---- the wire ---- */

static void queue_add(struct world *w, struct queue *q, struct kt_str body)
{
    if (kt_rng_below(&w->rng, 100) < w->lose || q->n == QUEUE)
        return;
    q->len[q->n] = body.len;
    q->at[q->n++] = kt_str_dup(body);
}

static bool queue_take(struct queue *q, struct kt_buf *out)
{
    if (q->n == 0)
        return false;
    kt_buf_reset(out);
    kt_buf_add_bytes(out, q->at[0], q->len[0]);
    kt_free(q->at[0]);
    q->n--;
    memmove(q->at, q->at + 1, q->n * sizeof q->at[0]);
    memmove(q->len, q->len + 1, q->n * sizeof q->len[0]);
    return true;
}

static void queue_clear(struct queue *q)
{
    for (unsigned i = 0; i < q->n; i++)
        kt_free(q->at[i]);
    q->n = 0;
}

static enum kt_status wire_send(void *self, struct kt_str body, struct kt_error *err)
{
    struct world *w = self;
    (void)err;
    queue_add(w, &w->up, body);
    return KT_OK;
}

static enum kt_status wire_recv(void *self, struct kt_str *ret_body, struct kt_error *err)
{
    struct world *w = self;
    if (!queue_take(&w->down, &w->heard))
        return kt_fail(err, KT_E_AGAIN, "nothing");
    *ret_body = kt_buf_str(&w->heard);
    return KT_OK;
}

static enum kt_status wire_reopen(void *self, enum kt_pair_side to, struct kt_error *err)
{
    struct world *w = self;
    (void)err;
    queue_clear(&w->up);
    queue_clear(&w->down);
    w->side = to;
    return KT_OK;
}

static void wire_hush(void *self)
{
    struct world *w = self;
    queue_clear(&w->asked);
    queue_clear(&w->said);
}

static enum kt_status wire_ask(void *self, enum kt_pair_side whom, struct kt_str body,
                               struct kt_error *err)
{
    struct world *w = self;
    (void)err;
    wire_hush(w);
    w->whom = whom;
    queue_add(w, &w->asked, body);
    return KT_OK;
}

static enum kt_status wire_answer(void *self, struct kt_str *ret_body, struct kt_error *err)
{
    struct world *w = self;
    if (!queue_take(&w->said, &w->heard))
        return kt_fail(err, KT_E_AGAIN, "nothing");
    *ret_body = kt_buf_str(&w->heard);
    return KT_OK;
}

/* ---- the stub ---- */

static struct stub *spoken_to(struct world *w)
{
    return w->side == KT_PAIR_STANDBY ? &w->standby : &w->c;
}

static struct session *session_of(struct stub *c, const uint8_t incarnation[16])
{
    for (unsigned i = 0; i < c->n_sessions; i++)
        if (memcmp(c->session[i].incarnation, incarnation, 16) == 0)
            return &c->session[i];
    assert_true(c->n_sessions < SESSIONS);
    struct session *s = &c->session[c->n_sessions++];
    *s = (struct session){ .seq = 0 };
    memcpy(s->incarnation, incarnation, 16);
    return s;
}

static void answer(struct world *w, struct kt_msg *m, const struct kt_msg *to)
{
    struct kt_buf out = { 0 };
    m->version = KT_WIRE_VERSION;
    memcpy(m->incarnation, to->incarnation, 16);
    kt_msg_write(m, &out);
    queue_add(w, &w->down, kt_buf_str(&out));
    kt_buf_done(&out);
}

static void refuse(struct world *w, const struct kt_msg *m, enum kt_refuse why, uint32_t index,
                   uint64_t expected)
{
    spoken_to(w)->refused++;
    answer(w,
           &(struct kt_msg){ .type = KT_MSG_REFUSE,
                             .seq = m->seq,
                             .reason = why,
                             .index = index,
                             .expected = expected },
           m);
}

static void store_line(struct world *w, struct kt_str line)
{
    struct stub *c = spoken_to(w);
    struct kt_event ev = { 0 };
    uint8_t id[16], digest[16];
    bool fresh = false;

    kt_arena_reset(&w->arena);
    if (kt_line_read(line, &w->arena, &ev, &w->err) != KT_OK)
        fail_msg("a line that is not canonical: %s", w->err.text);
    c->lines++;
    c->reports += ev.kind == KT_KIND_REPORT;
    c->quarantined += ev.kind == KT_KIND_QUARANTINE;
    c->restored += ev.kind == KT_KIND_REPORT && kt_str_is(ev.operation, "store.restored");
    if (ev.kind != KT_KIND_ACCESS)
        return;
    c->unknown += ev.outcome == KT_OUT_UNKNOWN;
    kt_event_id(&ev, id);
    kt_event_access_digest(&ev, digest);
    uint32_t i = kt_map_put(c->ids, kt_str_from(id, sizeof id), &fresh);
    assert_true(i < IDS_MAX);
    c->duplicates += !fresh;
    if (fresh)
        memcpy(c->digest[i], digest, sizeof digest);
    c->conflicts += memcmp(c->digest[i], digest, sizeof digest) != 0;
}

static void take_batch(struct world *w, const struct kt_msg *m)
{
    struct stub *c = spoken_to(w);
    struct session *s = session_of(c, m->incarnation);
    static uint8_t hashes[KT_BATCH_EVENTS_MAX][32];
    struct kt_buf lines = { 0 };
    enum kt_refuse why;
    struct kt_str line;

    uint32_t ahead = m->seq > s->seq ? (uint32_t)(m->seq - s->seq) : 0;
    c->most_in_flight = ahead > c->most_in_flight ? ahead : c->most_in_flight;
    if (c->deaf) {
        refuse(w, m, c->refuse_reason, KT_REFUSE_ALL, 0);
        return;
    }
    if (m->seq > s->seq + 1) {
        refuse(w, m, KT_REFUSE_GAP, KT_REFUSE_ALL, s->seq + 1);
        return;
    }
    if (m->seq == s->seq + 1 && c->refuse_seq == m->seq) {
        c->refuse_seq = 0;
        refuse(w, m, c->refuse_reason, c->refuse_index, 0);
        return;
    }
    if (m->seq == s->seq + 1) {
        assert_true(m->count > 0);
        if (kt_batch_open(m, w->public_key, w->zip, &lines, hashes, &why, &w->err) != KT_OK)
            fail_msg("batch %llu: %s", (unsigned long long)m->seq, w->err.text);
        for (struct kt_str rest = kt_buf_str(&lines);
             rest.len > 0 && kt_str_split(&rest, '\n', &line);)
            store_line(w, line);
        c->batches++;
        s->seq = m->seq;
    }
    kt_buf_done(&lines);
    answer(w, &(struct kt_msg){ .type = KT_MSG_ACK, .seq = s->seq, .credit = c->credit }, m);
}

static void collector_turn(struct world *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf body = { 0 };
    struct stub *c = spoken_to(w);
    struct kt_msg m;

    while (!w->dead[w->whom] && queue_take(&w->asked, &body)) {
        assert_int_equal(kt_msg_read(kt_buf_str(&body), &m, &w->err), KT_OK);
        m.type = KT_MSG_PONG;
        kt_buf_reset(&body);
        kt_msg_write(&m, &body);
        queue_add(w, &w->said, kt_buf_str(&body));
    }
    if (w->dead[w->side])
        queue_clear(&w->up);
    while (queue_take(&w->up, &body)) {
        assert_int_equal(kt_msg_read(kt_buf_str(&body), &m, &w->err), KT_OK);
        if (m.type == KT_MSG_HELLO)
            answer(w,
                   &(struct kt_msg){ .type = KT_MSG_WELCOME,
                                     .last_seq = session_of(c, m.incarnation)->seq,
                                     .credit = c->credit },
                   &m);
        else if (m.type == KT_MSG_BATCH)
            take_batch(w, &m);
        else if (m.type == KT_MSG_PING)
            answer(w, &(struct kt_msg){ .type = KT_MSG_PONG, .seq = m.seq }, &m);
    }
}

/* ---- the world ---- */

static void start(struct world *w)
{
    w->faulty = (struct kt_fs_faulty){ .inner = w->disk, .fail_errno = EIO };
    const struct kt_agent_options o = { .conf = &w->conf,
                                        .clock = kt_clock_memory(&w->time),
                                        .rng = w->rng,
                                        .fs = kt_fs_faulty(&w->faulty),
                                        .wire = { wire_send, wire_recv, wire_reopen, wire_ask,
                                                  wire_answer, wire_hush, w },
                                        .signing_seed = w->seed,
                                        .program = "keytrail-agent test" };
    if (kt_agent_new(&o, &w->agent, &w->err) != KT_OK)
        fail_msg("start: %s", w->err.text);
}

/* Ends the agent without its last words: from now on its disk takes nothing. */
static void kill_agent(struct world *w)
{
    w->faulty.fail_at = w->faulty.calls + 1;
    kt_agent_free(w->agent);
    w->agent = NULL;
    queue_clear(&w->up);
    queue_clear(&w->down);
    wire_hush(w);
}

static uint64_t chance(void *self)
{
    struct world *w = self;
    return kt_rng_u64(&w->rng);
}

static struct world *world_new(uint64_t seed)
{
    struct world *w = kt_alloc(sizeof *w);

    w->mem = kt_fs_memory_new();
    w->disk = kt_fs_memory(w->mem);
    assert_int_equal(w->disk.mkdir(w->disk.self, "/log", 0755, &w->err), KT_OK);
    assert_int_equal(w->disk.sync_dir(w->disk.self, "/", &w->err), KT_OK);
    w->time = (struct kt_clock_memory){ START, KT_NS_S };
    w->seeded.state = seed;
    w->rng = kt_rng_seeded(&w->seeded);
    w->source =
        (struct kt_conf_source){ .id = "v1", .type = "vault", .input = "tail", .path = LOG };
    w->conf = (struct kt_agent_conf){ .agent = "host-1",
                                      .endpoint = "tcp://127.0.0.1:1",
                                      .spool_path = "/spool",
                                      .spool_max = 64u << 20,
                                      .sources = &w->source,
                                      .n_sources = 1 };
    memset(w->seed, 7, sizeof w->seed);
    kt_sign_public(w->seed, w->public_key);
    w->c.ids = kt_map_new(1);
    w->standby.ids = kt_map_new(1);
    w->c.credit = w->standby.credit = 32;
    w->zip = kt_zip_new();
    w->arena = kt_arena_new(1u << 20);
    start(w);
    return w;
}

static void world_free(struct world *w)
{
    if (w->agent != NULL)
        kill_agent(w);
    queue_clear(&w->up);
    queue_clear(&w->down);
    kt_buf_done(&w->heard);
    kt_map_free(w->c.ids);
    kt_map_free(w->standby.ids);
    kt_zip_free(w->zip);
    kt_arena_done(&w->arena);
    kt_fs_memory_free(w->mem);
    kt_free(w);
}

/* Vault's write: on its disk at once. */
static void append(struct world *w, struct kt_str text)
{
    struct kt_file *f = NULL;

    assert_int_equal(w->disk.open(w->disk.self, LOG, KT_OPEN_APPEND, &f, &w->err), KT_OK);
    assert_int_equal(w->disk.append(f, text, &w->err), KT_OK);
    assert_int_equal(w->disk.sync(f, &w->err), KT_OK);
    w->disk.close(f);
    assert_int_equal(w->disk.sync_dir(w->disk.self, "/log", &w->err), KT_OK);
}

static void write_pairs(struct world *w, uint64_t n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    for (; n > 0; n--, w->written++) {
        vault_request(&b, w->written);
        vault_response(&b, w->written);
    }
    append(w, kt_buf_str(&b));
}

static void pass(struct world *w, kt_time_ns t)
{
    w->time.wall += t;
    w->time.mono += t;
}

static int turn(struct world *w)
{
    int wait_ms = 0;
    if (kt_agent_turn(w->agent, &wait_ms, &w->err) != KT_OK)
        fail_msg("turn: %s", w->err.text);
    return wait_ms;
}

/* Turns of agent and collector for about so many seconds. */
static void run(struct world *w, unsigned seconds)
{
    for (kt_time_ns until = w->time.mono + seconds * KT_NS_S; w->time.mono < until;) {
        int wait_ms = turn(w);
        collector_turn(w);
        pass(w, (wait_ms > 0 ? wait_ms : 1) * KT_NS_MS);
    }
}

static struct kt_str status(struct world *w, struct kt_buf *out)
{
    kt_buf_reset(out);
    kt_agent_status(w->agent, out);
    return kt_buf_str(out);
}

/* ---- tests ---- */

static void agent_delivers_each_event_once(void **state)
{
    struct world *w = world_new(1);

    (void)state;
    write_pairs(w, 1000);
    run(w, 3);
    write_pairs(w, 500);
    run(w, 3);
    assert_int_equal(kt_map_count(w->c.ids), 1500);
    assert_int_equal(w->c.duplicates, 0);
    assert_int_equal(w->c.unknown, 0);
    world_free(w);
}

static void agent_reports_at_start_and_every_minute(void **state)
{
    struct world *w = world_new(2);

    (void)state;
    run(w, 5);
    assert_int_equal(w->c.reports, 1);
    run(w, 180);
    assert_in_range(w->c.reports, 3, 4);
    world_free(w);
}

static void agent_says_that_no_read_has_come(void **state)
{
    struct world *w = world_new(21);
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    const struct kt_str hidden = KT_STR("no read of a secret has come"),
                        limit = KT_STR("do not pass the API server");

    (void)state;
    kill_agent(w);
    w->source.type = "kubernetes";
    start(w);
    run(w, 5);
    assert_true(kt_str_has(status(w, &text), limit));
    assert_false(kt_str_has(status(w, &text), hidden)); /* nobody can know yet */
    run(w, 3601);
    assert_true(kt_str_has(status(w, &text), hidden));
    append(
        w,
        KT_STR("{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\","
               "\"auditID\":\"a\",\"stage\":\"ResponseComplete\",\"verb\":\"get\",\"user\":"
               "{\"username\":\"dana\"},\"objectRef\":{\"resource\":\"secrets\",\"namespace\":"
               "\"pay\",\"name\":\"db\",\"apiVersion\":\"v1\"},\"responseStatus\":{\"code\":200},"
               "\"requestReceivedTimestamp\":\"2026-03-01T00:00:00.000000Z\",\"stageTimestamp\":"
               "\"2026-03-01T00:00:00.000000Z\"}\n"));
    run(w, 5);
    assert_false(kt_str_has(status(w, &text), hidden));
    world_free(w);
}

static void agent_keeps_within_its_credit(void **state)
{
    struct world *w = world_new(3);

    (void)state;
    w->c.credit = 3;
    run(w, 2);
    for (unsigned i = 0; i < 20; i++) {
        write_pairs(w, 300);
        pass(w, 60 * KT_NS_MS);
        (void)turn(w); /* the collector is slow */
        (void)turn(w);
    }
    collector_turn(w);
    assert_in_range(w->c.most_in_flight, 1, 3);
    run(w, 20);
    assert_int_equal(kt_map_count(w->c.ids), 6000);
    assert_in_range(w->c.most_in_flight, 1, 3);
    world_free(w);
}

static void agent_replaces_a_refused_line(void **state)
{
    static const enum kt_refuse reasons[] = { KT_REFUSE_LINE, KT_REFUSE_REDACTION, KT_REFUSE_SIZE };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(reasons); i++) {
        struct world *w = world_new(4 + i);
        struct kt_stat st;
        run(w, 2); /* the first report is batch 1 */
        w->c.refuse_seq = 2;
        w->c.refuse_index = i == 2 ? KT_REFUSE_ALL : 4;
        w->c.refuse_reason = reasons[i];
        write_pairs(w, 20);
        run(w, 2);
        write_pairs(w, 20);
        run(w, 5);
        assert_int_equal(w->c.quarantined, 1);
        assert_int_equal(kt_map_count(w->c.ids), i == 2 ? 20 : 39);
        assert_int_equal(
            w->disk.stat(w->disk.self, "/spool/quarantine/refused.ndjson", &st, &w->err), KT_OK);
        assert_true((st.size > 400) == (reasons[i] != KT_REFUSE_REDACTION));
        world_free(w);
    }
}

static void agent_keeps_what_is_refused_for_now(void **state)
{
    static const enum kt_refuse reasons[] = { KT_REFUSE_REVOKED, KT_REFUSE_SOURCE,
                                              KT_REFUSE_SIGNATURE, KT_REFUSE_DISK,
                                              KT_REFUSE_QUOTA };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(reasons); i++) {
        struct world *w = world_new(10 + i);
        KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
        w->c.deaf = true;
        w->c.refuse_reason = reasons[i];
        write_pairs(w, 50);
        run(w, 120);
        assert_in_range(w->c.refused, 3, 400); /* with pauses between */
        assert_true(kt_str_has(status(w, &text), kt_str_of(kt_refuse_word(reasons[i]))));
        w->c.deaf = false;
        run(w, 60);
        assert_int_equal(kt_map_count(w->c.ids), 50);
        assert_int_equal(w->c.quarantined, 0);
        assert_true(kt_str_has(status(w, &text), KT_STR("\"problem\":\"\"")));
        world_free(w);
    }
}

static void agent_sends_again_to_a_restored_collector(void **state)
{
    struct world *w = world_new(20);

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        write_pairs(w, 10);
        run(w, 1);
    }
    uint64_t last = w->c.session[0].seq;
    assert_true(last > 5);
    w->c.session[0].seq = 3; /* restored from a backup */
    kt_map_reset(w->c.ids);
    kill_agent(w);
    start(w);
    write_pairs(w, 10);
    run(w, 10);
    assert_true(w->c.session[0].seq > last);
    assert_int_equal(w->c.restored, 1);
    assert_in_range(kt_map_count(w->c.ids), 80, 110); /* all but what the first three batches had */
    assert_int_equal(w->c.n_sessions, 1);
    world_free(w);
}

static void agent_renews_its_numbers_when_its_spool_is_older_than_the_collector(void **state)
{
    struct world *w = world_new(21);

    (void)state;
    write_pairs(w, 10);
    run(w, 2);
    w->c.session[0].seq += 5; /* this host came back from a snapshot */
    kill_agent(w);
    start(w);
    write_pairs(w, 30);
    run(w, 10);
    assert_int_equal(kt_map_count(w->c.ids), 40);
    assert_int_equal(w->c.n_sessions, 2);
    world_free(w);
}

static void agent_stops_reading_when_the_spool_is_full_and_goes_on(void **state)
{
    struct world *w = world_new(22);
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };

    (void)state;
    kill_agent(w);
    w->conf.spool_max = 64u << 10;
    start(w);
    w->c.deaf = true;
    w->c.refuse_reason = KT_REFUSE_DISK;
    for (unsigned i = 0; i < 60; i++) {
        write_pairs(w, 100);
        run(w, 1);
    }
    assert_true(kt_str_has(status(w, &text), KT_STR("\"full\":1")));
    w->c.deaf = false;
    run(w, 120);
    assert_int_equal(kt_map_count(w->c.ids), 6000);
    assert_int_equal(w->c.duplicates, 0);
    assert_true(kt_str_has(status(w, &text), KT_STR("\"full\":0")));
    world_free(w);
}

/* Turns one bit in the middle of the first segment; the agent is not running. */
static void damage_spool(struct world *w)
{
    struct kt_file *f = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    size_t n = 1;

    assert_int_equal(
        w->disk.open(w->disk.self, "/spool/00000001.spool", KT_OPEN_APPEND, &f, &w->err), KT_OK);
    while (n > 0) {
        assert_int_equal(
            w->disk.read_at(f, all.len, kt_buf_reserve(&all, 65536), 65536, &n, &w->err), KT_OK);
        all.len += n;
    }
    all.at[all.len / 2] ^= 1;
    assert_int_equal(w->disk.truncate(f, 0, &w->err), KT_OK);
    assert_int_equal(w->disk.append(f, kt_buf_str(&all), &w->err), KT_OK);
    assert_int_equal(w->disk.sync(f, &w->err), KT_OK);
    w->disk.close(f);
}

static void agent_says_what_a_damaged_spool_lost(void **state)
{
    struct world *w = world_new(23);

    (void)state;
    w->c.deaf = true;
    w->c.refuse_reason = KT_REFUSE_DISK;
    for (unsigned i = 0; i < 5; i++) {
        write_pairs(w, 20);
        run(w, 1);
    }
    kill_agent(w);
    damage_spool(w);
    w->c.deaf = false;
    start(w);
    run(w, 40);
    assert_int_equal(w->c.quarantined, 1);
    assert_int_equal(kt_map_count(w->c.ids), 80);
    world_free(w);
}

/* The damage is in what was acknowledged, and a restored collector is to get it again. */
static void agent_gets_past_damage_in_what_it_sends_again(void **state)
{
    struct world *w = world_new(24);

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        write_pairs(w, 10);
        run(w, 1);
    }
    kill_agent(w);
    damage_spool(w);
    w->c.session[0].seq = 1;
    start(w);
    write_pairs(w, 10);
    run(w, 10);
    assert_int_equal(w->c.restored, 1);
    assert_int_equal(w->c.quarantined, 1);
    assert_int_equal(kt_map_count(w->c.ids), 110);
    world_free(w);
}

/* Fails each writing call of the disk once: the agent ends or goes on; after a restart all is
 * there. */
static void agent_survives_each_failing_call(void **state)
{
    (void)state;
    for (unsigned long n = 1, fired = 1; fired && n < 2000; n++) {
        struct world *w = world_new(n);
        int wait_ms;
        bool alive = true;
        w->faulty.fail_at = w->faulty.calls + n;
        w->faulty.short_write = n % 2 == 0;
        w->faulty.fail_errno = n % 3 == 0 ? ENOSPC : EIO;
        write_pairs(w, 300);
        for (unsigned i = 0; i < 80 && alive; i++) {
            alive = kt_agent_turn(w->agent, &wait_ms, &w->err) == KT_OK;
            collector_turn(w);
            pass(w, 60 * KT_NS_MS);
            if (i == 20)
                write_pairs(w, 300);
        }
        w->written = w->written < 600 ? w->written : 600;
        fired = w->faulty.fired;
        kill_agent(w);
        start(w);
        run(w, 20);
        assert_int_equal(kt_map_count(w->c.ids), w->written);
        assert_int_equal(w->c.conflicts, 0);
        world_free(w);
    }
}

/* ---- two collectors ---- */

/* The agent is started anew, with a stand-by in its configuration. */
static void add_standby(struct world *w)
{
    kill_agent(w);
    w->conf.standby = "tcp://127.0.0.1:2";
    memset(w->conf.server_key, 1, sizeof w->conf.server_key);
    memset(w->conf.standby_key, 2, sizeof w->conf.standby_key);
    w->conf.standby_after = 5 * KT_NS_MIN;
    start(w);
}

static void speaks_to(struct world *w, const char *name)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, want = { 0 };

    kt_buf_addf(&want, "\"collector\":\"%s\"", name);
    if (!kt_str_has(status(w, &text), kt_buf_str(&want)))
        fail_msg("not with the %s: %s", name, kt_buf_z(&text));
}

static void has(const struct stub *c, uint64_t events, uint64_t duplicates, uint64_t restored)
{
    assert_int_equal(kt_map_count(c->ids), events);
    assert_int_equal(c->duplicates, duplicates);
    assert_int_equal(c->restored, restored);
    assert_int_equal(c->conflicts, 0);
}

static void agent_turns_to_the_standby_and_back_and_both_have_each_event_once(void **state)
{
    struct world *w = world_new(31);

    (void)state;
    add_standby(w);
    for (uint64_t round = 0; round < 3; round++) {
        write_pairs(w, 100);
        run(w, 5);
        speaks_to(w, "first");
        has(&w->c, 300 * round + 100, 0, 0);
        w->dead[KT_PAIR_FIRST] = true;
        write_pairs(w, 100);
        run(w, 290);
        speaks_to(w, "first");
        run(w, 20);
        speaks_to(w, "standby");
        has(&w->standby, 300 * round + 200, 0, 0); /* what the first alone had, too */
        write_pairs(w, 100);
        run(w, 300);
        speaks_to(w, "standby");
        has(&w->standby, 300 * round + 300, 0, 0);
        w->dead[KT_PAIR_FIRST] = false;
        run(w, 62);
        speaks_to(w, "first");
        has(&w->c, 300 * round + 300, 0, 0);
    }
    assert_int_equal(w->c.n_sessions, 1);
    assert_int_equal(w->standby.n_sessions, 1);
    world_free(w);
}

static void agent_stays_with_the_first_while_neither_answers(void **state)
{
    struct world *w = world_new(32);

    (void)state;
    add_standby(w);
    w->dead[KT_PAIR_FIRST] = w->dead[KT_PAIR_STANDBY] = true;
    write_pairs(w, 10);
    run(w, 1000);
    speaks_to(w, "first");
    w->dead[KT_PAIR_FIRST] = false;
    run(w, 60);
    has(&w->c, 10, 0, 0);
    has(&w->standby, 0, 0, 0);
    world_free(w);
}

static void agent_that_waits_for_room_at_the_first_does_not_leave_it(void **state)
{
    struct world *w = world_new(33);

    (void)state;
    add_standby(w);
    w->c.deaf = true;
    w->c.refuse_reason = KT_REFUSE_DISK;
    write_pairs(w, 10);
    run(w, 1000);
    speaks_to(w, "first");
    has(&w->standby, 0, 0, 0);
    world_free(w);
}

static void agent_remembers_the_standby_over_a_kill(void **state)
{
    struct world *w = world_new(34);

    (void)state;
    add_standby(w);
    write_pairs(w, 100);
    run(w, 5);
    w->dead[KT_PAIR_FIRST] = true;
    run(w, 310);
    write_pairs(w, 50);
    run(w, 5);
    kill_agent(w);
    kt_fs_memory_crash(w->mem, chance, w);
    start(w);
    speaks_to(w, "standby");
    write_pairs(w, 50);
    run(w, 5);
    assert_int_equal(kt_map_count(w->standby.ids), 200);
    w->dead[KT_PAIR_FIRST] = false;
    run(w, 62);
    speaks_to(w, "first");
    assert_int_equal(kt_map_count(w->c.ids), 200);
    assert_int_equal(w->c.restored + w->standby.restored, 0);
    world_free(w);
}

static void agent_goes_back_when_the_standby_is_taken_out_of_its_file(void **state)
{
    struct world *w = world_new(35);

    (void)state;
    add_standby(w);
    write_pairs(w, 100);
    run(w, 5);
    w->dead[KT_PAIR_FIRST] = true;
    run(w, 310);
    w->dead[KT_PAIR_FIRST] = false;
    kill_agent(w);
    w->conf.standby = NULL;
    memset(w->conf.standby_key, 0, sizeof w->conf.standby_key);
    start(w);
    write_pairs(w, 100);
    run(w, 10);
    has(&w->c, 200, 0, 0);
    kill_agent(w);
    start(w);
    run(w, 10);
    has(&w->c, 200, 0, 0);
    world_free(w);
}

static void agent_tells_of_a_first_that_was_restored_while_it_was_away(void **state)
{
    struct world *w = world_new(36);

    (void)state;
    add_standby(w);
    for (unsigned i = 0; i < 10; i++) {
        write_pairs(w, 10);
        run(w, 2);
    }
    w->dead[KT_PAIR_FIRST] = true;
    run(w, 310);
    w->c.session[0].seq -= 3;
    w->dead[KT_PAIR_FIRST] = false;
    run(w, 62);
    speaks_to(w, "first");
    assert_int_equal(w->c.restored, 1);
    assert_int_equal(kt_map_count(w->c.ids), 100);
    world_free(w);
}

/* Kills of the agent and of both collectors, power cuts and lost messages from one seed. */
static void one_life_of_three(uint64_t seed)
{
    struct world *w = world_new(seed);

    add_standby(w);
    w->lose = (unsigned)kt_rng_below(&w->rng, 20);
    for (unsigned i = 0; i < 60; i++) {
        switch (kt_rng_below(&w->rng, 8)) {
        case 0:
            kill_agent(w);
            start(w);
            break;
        case 1:
            kill_agent(w);
            kt_fs_memory_crash(w->mem, chance, w);
            start(w);
            break;
        case 2:
        case 3:
            w->dead[KT_PAIR_FIRST] = !w->dead[KT_PAIR_FIRST];
            break;
        case 4:
            w->dead[KT_PAIR_STANDBY] = !w->dead[KT_PAIR_STANDBY];
            break;
        default:
            write_pairs(w, kt_rng_below(&w->rng, 10));
        }
        run(w, (unsigned)kt_rng_below(&w->rng, 200));
    }
    w->lose = 0;
    w->dead[KT_PAIR_FIRST] = w->dead[KT_PAIR_STANDBY] = false;
    run(w, 180);
    speaks_to(w, "first");
    has(&w->c, w->written, w->c.duplicates, 0);
    w->dead[KT_PAIR_FIRST] = true;
    run(w, 400);
    speaks_to(w, "standby");
    has(&w->standby, w->written, w->standby.duplicates, 0);
    world_free(w);
}

static void two_collectors_have_each_event_once_in_many_lives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LIVES / 10; seed++)
        one_life_of_three(seed);
}

/* ---- many lives ---- */

/* Writes, rotations, kills, power cuts and lost messages from one seed. */
static void one_life(uint64_t seed)
{
    struct world *w = world_new(seed);
    KT_CLEANUP(kt_buf_done) struct kt_buf held = { 0 }, b = { 0 };
    unsigned rotated = 0;

    append(w, KT_STR_NONE);
    run(w, 2);
    w->lose = (unsigned)kt_rng_below(&w->rng, 20);
    for (unsigned i = 0; i < 150; i++) {
        switch (kt_rng_below(&w->rng, 12)) {
        case 0:
            kill_agent(w);
            start(w);
            break;
        case 1:
            kill_agent(w);
            kt_fs_memory_crash(w->mem, chance, w);
            start(w);
            break;
        case 2:
            kt_buf_reset(&b);
            kt_buf_addf(&b, LOG ".%u", ++rotated);
            assert_int_equal(w->disk.rename(w->disk.self, LOG, kt_buf_z(&b), &w->err), KT_OK);
            append(w, KT_STR_NONE);
            break;
        case 3:
        case 4: /* requests whose responses come later, among others */
            kt_buf_reset(&b);
            vault_request(&b, w->written);
            append(w, kt_buf_str(&b));
            append(w, kt_buf_str(&held));
            kt_buf_reset(&held);
            vault_response(&held, w->written++);
            break;
        case 5:
            write_pairs(w, kt_rng_below(&w->rng, 30));
            break;
        case 6:
        case 7:
            collector_turn(w);
            break;
        default:
            (void)turn(w);
        }
        pass(w, (kt_time_ns)kt_rng_below(&w->rng, 100) * KT_NS_MS);
    }
    append(w, kt_buf_str(&held));
    w->lose = 0;
    run(w, 60 + 5 * rotated);
    if (kt_map_count(w->c.ids) != w->written || w->c.conflicts > 0 || w->c.unknown > 0)
        fail_msg("seed %llu: %llu written, %u stored, %llu conflicts, %llu without an answer",
                 (unsigned long long)seed, (unsigned long long)w->written, kt_map_count(w->c.ids),
                 (unsigned long long)w->c.conflicts, (unsigned long long)w->c.unknown);
    world_free(w);
}

static void agent_loses_and_doubles_nothing_in_many_lives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LIVES; seed++)
        one_life(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agent_delivers_each_event_once),
        cmocka_unit_test(agent_reports_at_start_and_every_minute),
        cmocka_unit_test(agent_says_that_no_read_has_come),
        cmocka_unit_test(agent_keeps_within_its_credit),
        cmocka_unit_test(agent_replaces_a_refused_line),
        cmocka_unit_test(agent_keeps_what_is_refused_for_now),
        cmocka_unit_test(agent_sends_again_to_a_restored_collector),
        cmocka_unit_test(agent_renews_its_numbers_when_its_spool_is_older_than_the_collector),
        cmocka_unit_test(agent_stops_reading_when_the_spool_is_full_and_goes_on),
        cmocka_unit_test(agent_says_what_a_damaged_spool_lost),
        cmocka_unit_test(agent_gets_past_damage_in_what_it_sends_again),
        cmocka_unit_test(agent_survives_each_failing_call),
        cmocka_unit_test(agent_turns_to_the_standby_and_back_and_both_have_each_event_once),
        cmocka_unit_test(agent_stays_with_the_first_while_neither_answers),
        cmocka_unit_test(agent_that_waits_for_room_at_the_first_does_not_leave_it),
        cmocka_unit_test(agent_remembers_the_standby_over_a_kill),
        cmocka_unit_test(agent_goes_back_when_the_standby_is_taken_out_of_its_file),
        cmocka_unit_test(agent_tells_of_a_first_that_was_restored_while_it_was_away),
        cmocka_unit_test(two_collectors_have_each_event_once_in_many_lives),
        cmocka_unit_test(agent_loses_and_doubles_nothing_in_many_lives),
    };

    kt_hash_init();
    kt_log_level_set(KT_LOG_ERROR);
    return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
