#include "tests/support/agent_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "tests/support/vault_lines.h"

#define START (INT64_C(1795377600) * KT_NS_S)

/* ---- the wire ---- */

static void queue_add(struct agent_world *w, struct agent_queue *q, struct kt_str body)
{
    if (kt_rng_below(&w->rng, 100) < w->lose || q->n == QUEUE)
        return;
    q->len[q->n] = body.len;
    q->at[q->n++] = kt_str_dup(body);
}

static bool queue_take(struct agent_queue *q, struct kt_buf *out)
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

static void queue_clear(struct agent_queue *q)
{
    for (unsigned i = 0; i < q->n; i++)
        kt_free(q->at[i]);
    q->n = 0;
}

static enum kt_status wire_send(void *self, struct kt_str body, struct kt_error *err)
{
    struct agent_world *w = self;
    (void)err;
    queue_add(w, &w->up, body);
    return KT_OK;
}

static enum kt_status wire_recv(void *self, struct kt_str *ret_body, struct kt_error *err)
{
    struct agent_world *w = self;
    if (!queue_take(&w->down, &w->heard))
        return kt_fail(err, KT_E_AGAIN, "nothing");
    *ret_body = kt_buf_str(&w->heard);
    return KT_OK;
}

static enum kt_status wire_reopen(void *self, enum kt_pair_side to, struct kt_error *err)
{
    struct agent_world *w = self;
    (void)err;
    queue_clear(&w->up);
    queue_clear(&w->down);
    w->side = to;
    return KT_OK;
}

static void wire_hush(void *self)
{
    struct agent_world *w = self;
    queue_clear(&w->asked);
    queue_clear(&w->said);
}

static enum kt_status wire_ask(void *self, enum kt_pair_side whom, struct kt_str body,
                               struct kt_error *err)
{
    struct agent_world *w = self;
    (void)err;
    wire_hush(w);
    w->whom = whom;
    queue_add(w, &w->asked, body);
    return KT_OK;
}

static enum kt_status wire_answer(void *self, struct kt_str *ret_body, struct kt_error *err)
{
    struct agent_world *w = self;
    if (!queue_take(&w->said, &w->heard))
        return kt_fail(err, KT_E_AGAIN, "nothing");
    *ret_body = kt_buf_str(&w->heard);
    return KT_OK;
}

/* ---- the stub ---- */

static struct agent_stub *spoken_to(struct agent_world *w)
{
    return w->side == KT_PAIR_STANDBY ? &w->standby : &w->c;
}

static struct agent_stub_session *session_of(struct agent_stub *c, const uint8_t incarnation[16])
{
    for (unsigned i = 0; i < c->n_sessions; i++)
        if (memcmp(c->session[i].incarnation, incarnation, 16) == 0)
            return &c->session[i];
    assert_true(c->n_sessions < SESSIONS);
    struct agent_stub_session *s = &c->session[c->n_sessions++];
    *s = (struct agent_stub_session){ .seq = 0 };
    memcpy(s->incarnation, incarnation, 16);
    return s;
}

static void answer(struct agent_world *w, struct kt_msg *m, const struct kt_msg *to)
{
    struct kt_buf out = { 0 };
    m->version = KT_WIRE_VERSION;
    memcpy(m->incarnation, to->incarnation, 16);
    kt_msg_write(m, &out);
    queue_add(w, &w->down, kt_buf_str(&out));
    kt_buf_done(&out);
}

static void refuse(struct agent_world *w, const struct kt_msg *m, enum kt_refuse why,
                   uint32_t index, uint64_t expected)
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

static void store_line(struct agent_world *w, struct kt_str line)
{
    struct agent_stub *c = spoken_to(w);
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

static void take_batch(struct agent_world *w, const struct kt_msg *m)
{
    struct agent_stub *c = spoken_to(w);
    struct agent_stub_session *s = session_of(c, m->incarnation);
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

void agent_world_collect(struct agent_world *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf body = { 0 };
    struct agent_stub *c = spoken_to(w);
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

void agent_world_start(struct agent_world *w)
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
void agent_world_kill(struct agent_world *w)
{
    w->faulty.fail_at = w->faulty.calls + 1;
    kt_agent_free(w->agent);
    w->agent = NULL;
    queue_clear(&w->up);
    queue_clear(&w->down);
    wire_hush(w);
}

uint64_t agent_world_chance(void *self)
{
    struct agent_world *w = self;
    return kt_rng_u64(&w->rng);
}

struct agent_world *agent_world_new(uint64_t seed)
{
    struct agent_world *w = kt_alloc(sizeof *w);

    w->mem = kt_fs_memory_new();
    w->disk = kt_fs_memory(w->mem);
    assert_int_equal(w->disk.mkdir(w->disk.self, "/log", 0755, &w->err), KT_OK);
    assert_int_equal(w->disk.sync_dir(w->disk.self, "/", &w->err), KT_OK);
    w->time = (struct kt_clock_memory){ START, KT_NS_S };
    w->seeded.state = seed;
    w->rng = kt_rng_seeded(&w->seeded);
    w->source =
        (struct kt_conf_source){ .id = "v1", .type = "vault", .input = "tail", .path = AGENT_LOG };
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
    agent_world_start(w);
    return w;
}

void agent_world_free(struct agent_world *w)
{
    if (w->agent != NULL)
        agent_world_kill(w);
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
void agent_world_append(struct agent_world *w, struct kt_str text)
{
    struct kt_file *f = NULL;

    assert_int_equal(w->disk.open(w->disk.self, AGENT_LOG, KT_OPEN_APPEND, &f, &w->err), KT_OK);
    assert_int_equal(w->disk.append(f, text, &w->err), KT_OK);
    assert_int_equal(w->disk.sync(f, &w->err), KT_OK);
    w->disk.close(f);
    assert_int_equal(w->disk.sync_dir(w->disk.self, "/log", &w->err), KT_OK);
}

void agent_world_write(struct agent_world *w, uint64_t n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    for (; n > 0; n--, w->written++) {
        vault_request(&b, w->written);
        vault_response(&b, w->written);
    }
    agent_world_append(w, kt_buf_str(&b));
}

void agent_world_pass(struct agent_world *w, kt_time_ns t)
{
    w->time.wall += t;
    w->time.mono += t;
}

int agent_world_turn(struct agent_world *w)
{
    int wait_ms = 0;
    if (kt_agent_turn(w->agent, &wait_ms, &w->err) != KT_OK)
        fail_msg("turn: %s", w->err.text);
    return wait_ms;
}

/* Turns of agent and collector for about so many seconds. */
void agent_world_run(struct agent_world *w, unsigned seconds)
{
    for (kt_time_ns until = w->time.mono + seconds * KT_NS_S; w->time.mono < until;) {
        int wait_ms = agent_world_turn(w);
        agent_world_collect(w);
        agent_world_pass(w, (wait_ms > 0 ? wait_ms : 1) * KT_NS_MS);
    }
}

struct kt_str agent_world_status(struct agent_world *w, struct kt_buf *out)
{
    kt_buf_reset(out);
    kt_agent_status(w->agent, out);
    return kt_buf_str(out);
}
