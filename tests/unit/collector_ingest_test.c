/* collector_ingest: the conversation with agents over a real store in a temporary folder. */
#include "collector/ingest.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/sys/fs.h"
#include "core/wire/batch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define NOW   (INT64_C(1795377600) * KT_NS_S)
#define KEPT  64
#define ALICE 1

struct keys {
    uint8_t curve[32], seed[32], signing[32];
    char user[96];
};
struct world {
    char folder[64], store_path[96], agents[96];
    struct kt_store *store;
    uint32_t segment_events; /* 0: as many as ever */
    struct kt_auth *auth;
    struct kt_ingest *ingest;
    struct kt_clock_memory clock;
    struct kt_msg reply[KEPT]; /* text and the like are not kept */
    uint64_t to[KEPT];
    unsigned n_replies;
    char alarm[KEPT][32];
    unsigned n_alarms;
    uint64_t fed[KEPT];
    enum kt_kind fed_kind[KEPT];
    kt_time_ns fed_arrival[KEPT];
    unsigned n_fed;
    struct kt_zip *zip;
    struct keys one, two; /* vault-1 and vault-2 */
    uint8_t incarnation[16];
};

/* ---- the world ---- */

static void on_reply(void *self, uint64_t peer, struct kt_str body)
{
    struct world *w = self;
    assert_true(w->n_replies < KEPT);
    assert_int_equal(kt_msg_read(body, &w->reply[w->n_replies], NULL), KT_OK);
    w->to[w->n_replies++] = peer;
}

static void on_alarm(void *self, const char *code, struct kt_str agent, const char *sentence)
{
    struct world *w = self;
    assert_true(agent.len > 0 && sentence[0] != '\0' && w->n_alarms < KEPT);
    kt_str_copyz(w->alarm[w->n_alarms++], sizeof w->alarm[0], kt_str_of(code));
}

static void on_committed(void *self, const struct kt_record *r, uint32_t n)
{
    struct world *w = self;
    for (uint32_t i = 0; i < n && w->n_fed < KEPT; i++) {
        w->fed[w->n_fed] = r[i].seq;
        w->fed_arrival[w->n_fed] = r[i].arrival;
        w->fed_kind[w->n_fed++] = r[i].ev.kind;
    }
}

static void make_keys(struct keys *k, const char *name, uint8_t salt)
{
    struct kt_str part = { 0 };
    uint8_t sum[32];
    char hex[17];
    memset(k->curve, salt, sizeof k->curve);
    memset(k->seed, salt + 100, sizeof k->seed);
    kt_sign_public(k->seed, k->signing);
    part = kt_str_from(k->curve, 32);
    kt_blake2b(&part, 1, sum, sizeof sum);
    kt_hex(hex, sum, 8);
    (void)snprintf(k->user, sizeof k->user, "%s/%s", name, hex);
}

static void write_entry(struct world *w, const struct kt_agent_entry *e)
{
    char path[200];
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_agent_entry_print(e, &text);
    (void)snprintf(path, sizeof path, "%s/%s.yaml", w->agents, e->name);
    assert_int_equal(kt_fs_write_atomic(path, kt_buf_str(&text), 0600, NULL), KT_OK);
}

static struct kt_agent_entry entry(const char *name, const struct keys *k)
{
    struct kt_agent_entry e = { .name = name, .n_keys = 1 };
    memcpy(e.curve[0], k->curve, 32);
    memcpy(e.signing[0], k->signing, 32);
    return e;
}

static void open_ingest(struct world *w)
{
    struct kt_store_options so = { .path = w->store_path,
                                   .create = true,
                                   .dedupe_recent = 4096,
                                   .segment_events = w->segment_events,
                                   .seal_here = true };
    assert_int_equal(kt_store_open(&so, &w->store, NULL), KT_OK);
    struct kt_ingest_options io = { .store = w->store,
                                    .auth = w->auth,
                                    .clock = kt_clock_memory(&w->clock),
                                    .store_path = w->store_path,
                                    .reply = on_reply,
                                    .alarm = on_alarm,
                                    .committed = on_committed,
                                    .self = w };
    w->ingest = kt_ingest_new(&io);
}

static void close_ingest(struct world *w)
{
    kt_ingest_free(w->ingest);
    kt_store_close(w->store);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-ingest-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    (void)snprintf(w->store_path, sizeof w->store_path, "%s/store.db", w->folder);
    (void)snprintf(w->agents, sizeof w->agents, "%s/agents.d", w->folder);
    w->clock = (struct kt_clock_memory){ .wall = NOW, .mono = KT_NS_HOUR };
    w->zip = kt_zip_new();
    memset(w->incarnation, 7, sizeof w->incarnation);
    if (kt_fs_real.mkdir(kt_fs_real.self, w->agents, 0700, NULL) != KT_OK)
        return -1;
    make_keys(&w->one, "vault-1", 1);
    make_keys(&w->two, "vault-2", 2);
    struct kt_agent_entry e = entry("vault-1", &w->one);
    write_entry(w, &e);
    e = entry("vault-2", &w->two);
    write_entry(w, &e);
    if (kt_auth_open(w->agents, &w->auth, NULL) != KT_OK)
        return -1;
    open_ingest(w);
    return 0;
}

static void remove_one(void *arg, const char *path)
{
    (void)arg;
    (void)unlink(path);
}

static int close_world(void **state)
{
    struct world *w = *state;
    char pattern[128];
    close_ingest(w);
    kt_auth_free(w->auth);
    kt_zip_free(w->zip);
    (void)snprintf(pattern, sizeof pattern, "%s/*", w->agents);
    if (kt_fs_glob(pattern, remove_one, NULL, NULL) != KT_OK)
        return -1;
    (void)rmdir(w->agents);
    (void)snprintf(pattern, sizeof pattern, "%s/*", w->folder);
    if (kt_fs_glob(pattern, remove_one, NULL, NULL) != KT_OK)
        return -1;
    int rc = rmdir(w->folder);
    free(w);
    return rc;
}

/* ---- what an agent says ---- */

static struct kt_event event(const char *instance, unsigned n)
{
    static char ids[KEPT * 4][16];
    (void)snprintf(ids[n], sizeof ids[n], "req-%u", n);
    struct kt_event ev = { .kind = KT_KIND_ACCESS,
                           .action = KT_ACT_READ,
                           .outcome = KT_OUT_SUCCESS,
                           .time = NOW + n,
                           .observed = NOW + n,
                           .source = KT_STR("vault"),
                           .instance = kt_str_of(instance),
                           .scope = kt_str_of(instance),
                           .native_id = kt_str_of(ids[n]),
                           .actor = KT_STR("alice"),
                           .secret = KT_STR("vault://prod/kv/db") };
    return ev;
}

static void add_line(struct kt_buf *lines, struct kt_event ev)
{
    assert_int_equal(kt_line_write(&ev, lines, NULL), KT_OK);
    kt_buf_byte(lines, '\n');
}

static void say(struct world *w, uint64_t peer, const struct keys *k, const struct kt_msg *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf body = { 0 };
    kt_msg_write(m, &body);
    assert_int_equal(
        kt_ingest_message(w->ingest, peer, kt_str_of(k->user), kt_buf_str(&body), NULL), KT_OK);
}

static void hello(struct world *w, uint64_t peer, const struct keys *k)
{
    struct kt_msg m = { .type = KT_MSG_HELLO,
                        .version = KT_WIRE_VERSION,
                        .agent = KT_STR("whatever it says"),
                        .program = KT_STR("test") };
    memcpy(m.incarnation, w->incarnation, 16);
    say(w, peer, k, &m);
}

static void batch(struct world *w, uint64_t peer, const struct keys *k, uint64_t seq,
                  struct kt_str lines, const uint8_t *seed)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf scratch = { 0 };
    struct kt_msg m = { .type = KT_MSG_BATCH, .version = KT_WIRE_VERSION, .seq = seq };
    struct kt_signer signer;
    kt_signer_init(&signer, seed != NULL ? seed : k->seed);
    memcpy(m.incarnation, w->incarnation, 16);
    kt_batch_seal(&m, lines, &signer, w->zip, &scratch);
    say(w, peer, k, &m);
}

static void batch_of(struct world *w, const struct keys *k, uint64_t seq, const char *instance,
                     unsigned n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    add_line(&lines, event(instance, n));
    batch(w, ALICE, k, seq, kt_buf_str(&lines), NULL);
}

static void commit(struct world *w)
{
    assert_int_equal(kt_ingest_commit(w->ingest, NULL), KT_OK);
}

/* The newest reply is a refusal for this reason; it is forgotten. */
static struct kt_msg refused(struct world *w, enum kt_refuse reason)
{
    assert_true(w->n_replies > 0);
    struct kt_msg m = w->reply[--w->n_replies];
    assert_int_equal(m.type, KT_MSG_REFUSE);
    assert_int_equal(m.reason, reason);
    return m;
}

static uint64_t stored(struct world *w)
{
    return kt_ingest_counts(w->ingest).events;
}

static void greeted(struct world *w)
{
    hello(w, ALICE, &w->one);
    assert_int_equal(w->n_replies, 1);
    assert_int_equal(w->reply[0].type, KT_MSG_WELCOME);
    w->n_replies = 0;
}

/* ---- promises ---- */

static void acks_come_only_after_the_commit(void **state)
{
    struct world *w = *state;
    greeted(w);
    batch_of(w, &w->one, 1, "prod", 1);
    batch_of(w, &w->one, 2, "prod", 2);
    assert_int_equal(w->n_replies, 0);
    assert_true(kt_ingest_waiting(w->ingest));
    commit(w);
    assert_int_equal(w->n_replies, 1); /* one ack for the group */
    assert_int_equal(w->reply[0].type, KT_MSG_ACK);
    assert_int_equal(w->reply[0].seq, 2);
    assert_true(w->reply[0].credit > 0);
    assert_false(kt_ingest_waiting(w->ingest));
    assert_int_equal(stored(w), 2);
}

static void a_welcome_waits_for_what_it_promises(void **state)
{
    struct world *w = *state;
    greeted(w);
    batch_of(w, &w->one, 1, "prod", 1);
    hello(w, 2, &w->one);
    assert_int_equal(w->n_replies, 0);
    commit(w);
    assert_int_equal(w->n_replies, 2);
    assert_int_equal(w->reply[1].type, KT_MSG_WELCOME);
    assert_int_equal(w->reply[1].last_seq, 1);
    assert_int_equal(w->to[1], 2);
}

static void resent_batches_are_acked_and_stored_once(void **state)
{
    struct world *w = *state;
    greeted(w);
    batch_of(w, &w->one, 1, "prod", 1);
    commit(w);
    w->n_replies = 0;
    batch_of(w, &w->one, 1, "prod", 1);
    assert_int_equal(w->n_replies, 1);
    assert_int_equal(w->reply[0].type, KT_MSG_ACK);
    close_ingest(w); /* and over a restart */
    open_ingest(w);
    w->n_replies = 0;
    hello(w, ALICE, &w->one);
    assert_int_equal(w->reply[0].last_seq, 1);
    batch_of(w, &w->one, 1, "prod", 1);
    assert_int_equal(w->reply[1].type, KT_MSG_ACK);
    assert_int_equal(stored(w), 0);
    assert_int_equal(kt_ingest_counts(w->ingest).resent, 1);
}

static void a_fork_is_refused_and_alarmed_once_a_window(void **state)
{
    struct world *w = *state;
    greeted(w);
    batch_of(w, &w->one, 1, "prod", 1);
    commit(w);
    for (unsigned i = 0; i < 3; i++) {
        batch_of(w, &w->one, 1, "prod", 9);
        (void)refused(w, KT_REFUSE_FORK);
    }
    assert_int_equal(w->n_alarms, 1);
    assert_string_equal(w->alarm[0], "batch.forked");
    w->clock.mono += 11 * KT_NS_MIN;
    batch_of(w, &w->one, 1, "prod", 9);
    assert_int_equal(w->n_alarms, 2);
    assert_int_equal(stored(w), 1);
}

static void a_gap_names_the_expected_number(void **state)
{
    struct world *w = *state;
    greeted(w);
    batch_of(w, &w->one, 1, "prod", 1);
    batch_of(w, &w->one, 3, "prod", 3);
    assert_int_equal(refused(w, KT_REFUSE_GAP).expected, 2);
    commit(w);
    assert_int_equal(stored(w), 1);
}

static void the_newest_hello_of_an_incarnation_wins(void **state)
{
    struct world *w = *state;
    greeted(w);
    hello(w, 2, &w->one);
    w->n_replies = 0;
    batch_of(w, &w->one, 1, "prod", 1); /* from the older peer */
    (void)refused(w, KT_REFUSE_HELLO);
    assert_int_equal(stored(w), 0);
}

/* ---- who ---- */

static void a_revoked_key_is_refused_from_the_next_message_on(void **state)
{
    struct world *w = *state;
    greeted(w);
    batch_of(w, &w->one, 1, "prod", 1);
    commit(w);
    w->n_replies = 0;
    struct kt_agent_entry e = entry("vault-1", &w->one);
    e.revoked = true;
    write_entry(w, &e);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    batch_of(w, &w->one, 2, "prod", 2);
    struct kt_msg m = refused(w, KT_REFUSE_REVOKED);
    assert_memory_equal(m.incarnation, w->incarnation, 16); /* else the agent would not hear it */
    commit(w);
    assert_int_equal(stored(w), 1);
    assert_string_equal(w->alarm[0], "agent.revoked");
}

static void an_instance_of_another_agent_is_refused(void **state)
{
    struct world *w = *state;
    greeted(w);
    batch_of(w, &w->one, 1, "prod", 1);
    commit(w);
    hello(w, 5, &w->two);
    w->n_replies = 0;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    add_line(&lines, event("stage", 2));
    add_line(&lines, event("prod", 3));
    batch(w, 5, &w->two, 1, kt_buf_str(&lines), NULL);
    assert_int_equal(refused(w, KT_REFUSE_SOURCE).index, 1);
    assert_string_equal(w->alarm[0], "identity.violation");
    commit(w);
    assert_int_equal(stored(w), 1);
    assert_int_equal(kt_ingest_counts(w->ingest).violations, 1);
}

static void an_instance_off_the_agents_list_is_refused(void **state)
{
    struct world *w = *state;
    const char *sources[] = { "vault/prod" };
    struct kt_agent_entry e = entry("vault-1", &w->one);
    e.sources.at = sources;
    e.sources.n = 1;
    write_entry(w, &e);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    greeted(w);
    batch_of(w, &w->one, 1, "other", 1);
    (void)refused(w, KT_REFUSE_SOURCE);
    batch_of(w, &w->one, 1, "prod", 1);
    commit(w);
    assert_int_equal(stored(w), 1);
}

static void either_key_signs_while_one_is_replaced(void **state)
{
    struct world *w = *state;
    struct kt_agent_entry e = entry("vault-1", &w->one);
    struct keys fresh;
    make_keys(&fresh, "vault-1", 9);
    e.n_keys = 2;
    memcpy(e.curve[1], fresh.curve, 32);
    memcpy(e.signing[1], fresh.signing, 32);
    write_entry(w, &e);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    add_line(&lines, event("prod", 1));
    batch(w, ALICE, &w->one, 1, kt_buf_str(&lines), fresh.seed);
    commit(w);
    assert_int_equal(stored(w), 1);
}

static void a_broken_reload_keeps_the_old_list(void **state)
{
    struct world *w = *state;
    char path[200];
    uint8_t before[32], after[32];
    kt_auth_digest(w->auth, before);
    (void)snprintf(path, sizeof path, "%s/zz.yaml", w->agents);
    assert_int_equal(kt_fs_write_atomic(path, KT_STR("nonsense: [\n"), 0600, NULL), KT_OK);
    assert_int_not_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    kt_auth_digest(w->auth, after);
    assert_memory_equal(before, after, 32);
    greeted(w);
}

/* ---- what ---- */

static void a_broken_signature_stores_nothing(void **state)
{
    struct world *w = *state;
    greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    add_line(&lines, event("prod", 1));
    batch(w, ALICE, &w->one, 1, kt_buf_str(&lines), w->two.seed);
    (void)refused(w, KT_REFUSE_SIGNATURE);
    commit(w);
    assert_int_equal(stored(w), 0);
    assert_string_equal(w->alarm[0], "batch.signature");
}

static void a_bomb_is_refused_by_its_size(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf zeroes = { 0 }, packed = { 0 };
    greeted(w);
    memset(kt_buf_reserve(&zeroes, 8u << 20), '\n', 8u << 20);
    zeroes.len = 8u << 20;
    kt_zip_pack(w->zip, kt_buf_str(&zeroes), 1, &packed);
    struct kt_msg m = { .type = KT_MSG_BATCH,
                        .version = KT_WIRE_VERSION,
                        .seq = 1,
                        .count = 1,
                        .raw_bytes = 8u << 20,
                        .packed = kt_buf_str(&packed) };
    memcpy(m.incarnation, w->incarnation, 16);
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_batch_signed_text(m.incarnation, m.seq, m.count, m.digest, &text);
    kt_sign(w->one.seed, kt_buf_str(&text), m.signature);
    say(w, ALICE, &w->one, &m);
    (void)refused(w, KT_REFUSE_SIZE);
    m.count = KT_BATCH_EVENTS_MAX + 1;
    say(w, ALICE, &w->one, &m);
    (void)refused(w, KT_REFUSE_SIZE);
    assert_false(kt_ingest_waiting(w->ingest));
}

static void a_bad_line_refuses_its_batch_by_index(void **state)
{
    struct world *w = *state;
    greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    add_line(&lines, event("prod", 1));
    kt_buf_addz(&lines, "{\"v\":1, \"kind\":\"access\"}\n"); /* a blank is not canonical */
    batch(w, ALICE, &w->one, 1, kt_buf_str(&lines), NULL);
    assert_int_equal(refused(w, KT_REFUSE_LINE).index, 1);
    commit(w);
    assert_int_equal(stored(w), 0);
    kt_buf_reset(&lines); /* rewritten without that line, the same number is taken */
    add_line(&lines, event("prod", 1));
    batch(w, ALICE, &w->one, 1, kt_buf_str(&lines), NULL);
    commit(w);
    assert_int_equal(stored(w), 1);
}

static void a_secret_in_a_line_is_refused_and_alarmed(void **state)
{
    struct world *w = *state;
    greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_event ev = event("prod", 1);
    ev.user_agent = KT_STR("curl hvs.CAESIJ1mO4uVq8nWb0aXc3dEfGhIjKlMnOpQrStUvWxYz012345");
    add_line(&lines, ev);
    batch(w, ALICE, &w->one, 1, kt_buf_str(&lines), NULL);
    assert_int_equal(refused(w, KT_REFUSE_REDACTION).index, 0);
    assert_string_equal(w->alarm[0], "secret.in_line");
    assert_int_equal(stored(w), 0);
}

static void control_records_are_the_collectors_alone(void **state)
{
    struct world *w = *state;
    greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_event ev = event("prod", 1);
    ev.kind = KT_KIND_FACT;
    add_line(&lines, ev);
    batch(w, ALICE, &w->one, 1, kt_buf_str(&lines), NULL);
    assert_int_equal(refused(w, KT_REFUSE_LINE).index, 0);
}

static void quota_and_a_full_disk_refuse_what_comes_next(void **state)
{
    struct world *w = *state;
    struct kt_agent_entry e = entry("vault-1", &w->one);
    e.quota = 1000;
    write_entry(w, &e);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    greeted(w);
    kt_ingest_disk_full(w->ingest, true);
    batch_of(w, &w->one, 1, "prod", 1);
    (void)refused(w, KT_REFUSE_DISK);
    kt_ingest_disk_full(w->ingest, false);
    uint64_t seq = 1;
    while (w->n_replies == 0 && seq < 20) {
        batch_of(w, &w->one, seq, "prod", (unsigned)seq);
        seq++;
    }
    (void)refused(w, KT_REFUSE_QUOTA);
    commit(w);
    w->n_replies = 0;
    w->clock.wall += KT_NS_DAY; /* the next day is a new one */
    batch_of(w, &w->one, seq - 1, "prod", (unsigned)seq);
    commit(w);
    assert_int_equal(w->n_replies, 1);
    assert_int_equal(w->reply[0].type, KT_MSG_ACK);
}

/* Old records in an order that makes the store read a segment for each: it waits, others do not. */
static void old_lookups_have_a_budget_for_each_agent(void **state)
{
    enum { SEGMENTS = 100 }; /* more than the store keeps in memory */
    struct world *w = *state;
    close_ingest(w);
    w->segment_events = 1;
    open_ingest(w);
    struct kt_agent_entry two = entry("vault-2", &w->two);
    write_entry(w, &two);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    greeted(w);
    for (unsigned n = 0; n < SEGMENTS; n++) {
        batch_of(w, &w->one, n + 1, "prod", n);
        commit(w);
        w->n_replies = 0;
    }
    close_ingest(w); /* what is sealed is not in memory from now on */
    open_ingest(w);
    hello(w, ALICE, &w->one);
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    for (unsigned n = 0; n < SEGMENTS; n++)
        add_line(&all, event("prod", n));
    unsigned batches = 0;
    for (w->n_replies = 0; w->n_replies == 0 && batches < 200; batches++) {
        batch(w, ALICE, &w->one, SEGMENTS + 1 + batches, kt_buf_str(&all), NULL);
        if (w->n_replies == 0)
            commit(w);
        w->n_replies -= w->n_replies > 0 && w->reply[w->n_replies - 1].type == KT_MSG_ACK;
    }
    (void)refused(w, KT_REFUSE_QUOTA);
    assert_in_range(batches, 15, 25); /* about 2,000 segments */
    hello(w, 2, &w->two);
    w->n_replies = 0;
    KT_CLEANUP(kt_buf_done) struct kt_buf other = { 0 };
    add_line(&other, event("elsewhere", 1));
    batch(w, 2, &w->two, 1, kt_buf_str(&other), NULL);
    commit(w);
    assert_int_equal(w->reply[w->n_replies - 1].type, KT_MSG_ACK);
    w->clock.mono += 30 * KT_NS_S;
    w->clock.wall += 30 * KT_NS_S;
    w->n_replies = 0;
    batch(w, ALICE, &w->one, SEGMENTS + batches, kt_buf_str(&all), NULL);
    commit(w);
    assert_int_equal(w->reply[w->n_replies - 1].type, KT_MSG_ACK);
}

/* ---- facts, feeding, imports ---- */

/* D6: whoever has an ack of more than there is says so; one alarm is enough. */
static void a_restored_store_is_noticed_once(void **state)
{
    struct world *w = *state;
    hello(w, ALICE, &w->one);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
        struct kt_event ev = event("prod", (unsigned)seq);
        add_line(&lines, ev);
        ev.kind = KT_KIND_REPORT;
        ev.operation = KT_STR("store.restored");
        ev.raw = KT_STR("{\"agent\":\"vault-1\",\"acknowledged\":9,\"has\":4}");
        add_line(&lines, ev);
        batch(w, ALICE, &w->one, seq, kt_buf_str(&lines), NULL);
        w->clock.mono += KT_NS_DAY;
    }
    commit(w);
    assert_int_equal(w->n_alarms, 1);
    assert_string_equal(w->alarm[0], "store.restored");
}

/* What an input says about its evidence reaches people. */
static void reports_of_changed_evidence_raise_alarms(void **state)
{
    static const struct {
        const char *operation;
        bool alarm;
    } cases[] = { { "trail.verified", false }, { "trail.begins", false }, { "trail.changed", true },
                  { "trail.changed", false },  { "trail.missing", true }, { "trail.chain", true },
                  { "trail.signature", true }, { "trail.unread", true } };
    struct world *w = *state;
    hello(w, ALICE, &w->one);
    for (unsigned i = 0; i < KT_ARRAY_LEN(cases); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
        struct kt_event ev = event("prod", i + 1);
        ev.kind = KT_KIND_REPORT;
        ev.operation = kt_str_of(cases[i].operation);
        ev.message = KT_STR("a sentence");
        add_line(&lines, ev);
        unsigned before = w->n_alarms;
        batch(w, ALICE, &w->one, i + 1, kt_buf_str(&lines), NULL);
        if (w->n_alarms != before + cases[i].alarm)
            fail_msg("%s: %u alarms", cases[i].operation, w->n_alarms - before);
        if (cases[i].alarm)
            assert_string_equal(w->alarm[before], cases[i].operation);
    }
    commit(w);
}

static void a_new_address_gets_its_fact_before_the_event(void **state)
{
    struct world *w = *state;
    greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_event ev = event("prod", 1);
    ev.has_ip = kt_ip_parse(KT_STR("203.0.113.7"), &ev.ip);
    ev.ip_trust = KT_TRUST_EDGE;
    add_line(&lines, ev);
    ev.native_id = KT_STR("req-again");
    add_line(&lines, ev);
    batch(w, ALICE, &w->one, 1, kt_buf_str(&lines), NULL);
    commit(w);
    assert_int_equal(w->n_fed, 3);
    assert_int_equal(w->fed_kind[0], KT_KIND_FACT);
    assert_int_equal(w->fed_kind[1], KT_KIND_ACCESS);
    assert_true(w->fed[0] < w->fed[1] && w->fed[1] < w->fed[2]);
    close_ingest(w); /* known after a restart, too */
    open_ingest(w);
    hello(w, ALICE, &w->one);
    w->n_fed = 0;
    kt_buf_reset(&lines);
    ev.native_id = KT_STR("req-later");
    add_line(&lines, ev);
    batch(w, ALICE, &w->one, 2, kt_buf_str(&lines), NULL);
    commit(w);
    assert_int_equal(w->n_fed, 1);
}

static void ticks_come_every_five_minutes(void **state)
{
    struct world *w = *state;
    for (unsigned minute = 0; minute <= 10; minute++) {
        assert_int_equal(kt_ingest_tick(w->ingest, NULL), KT_OK);
        commit(w);
        w->clock.wall += KT_NS_MIN;
    }
    assert_int_equal(w->n_fed, 3);
    w->clock.wall -= KT_NS_HOUR; /* set back: it goes on ticking */
    assert_int_equal(kt_ingest_tick(w->ingest, NULL), KT_OK);
    commit(w);
    assert_int_equal(w->n_fed, 4);
}

static void live_arrival_never_goes_back(void **state)
{
    struct world *w = *state;
    greeted(w);
    batch_of(w, &w->one, 1, "prod", 1);
    commit(w);
    w->clock.wall -= KT_NS_HOUR;
    batch_of(w, &w->one, 2, "prod", 2);
    commit(w);
    assert_int_equal(stored(w), 2);
    assert_int_equal(kt_store_last_arrival(w->store), NOW);
}

static void imported_lines_keep_their_arrival_and_dedupe(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf a = { 0 }, b = { 0 };
    struct kt_event one = event("prod", 1), two = event("prod", 2);
    assert_int_equal(kt_line_write(&one, &a, NULL), KT_OK);
    assert_int_equal(kt_line_write(&two, &b, NULL), KT_OK);
    const struct kt_ingest_line lines[] = { { kt_buf_str(&a), NOW - KT_NS_DAY },
                                            { kt_buf_str(&b), NOW - KT_NS_HOUR },
                                            { kt_buf_str(&a), 0 } };
    struct kt_store_result r;
    assert_int_equal(kt_ingest_lines(w->ingest, KT_ORIGIN_FEED, lines, 3, &r, NULL), KT_OK);
    assert_int_equal(r.fate[0], KT_FATE_STORED);
    assert_int_equal(r.fate[2], KT_FATE_DUPLICATE);
    commit(w);
    assert_int_equal(stored(w), 2);
    const struct kt_ingest_line bad = { KT_STR("{}"), 0 };
    struct kt_error err = { 0 };
    assert_int_equal(kt_ingest_lines(w->ingest, KT_ORIGIN_IMPORT, &bad, 1, NULL, &err), KT_E_INPUT);
    assert_true(kt_str_has(kt_str_of(err.text), KT_STR("line 1")));
}

/* By the clock of whoever wrote it: detection would know no newer time from then on. */
static void an_import_from_the_future_comes_now(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf a = { 0 };
    struct kt_event one = event("prod", 1);
    assert_int_equal(kt_line_write(&one, &a, NULL), KT_OK);
    const struct kt_ingest_line line = { kt_buf_str(&a), NOW + 80 * 365 * KT_NS_DAY };
    assert_int_equal(kt_ingest_lines(w->ingest, KT_ORIGIN_IMPORT, &line, 1, NULL, NULL), KT_OK);
    commit(w);
    assert_int_equal(w->fed_arrival[w->n_fed - 1], NOW);
    assert_int_equal(kt_ingest_counts(w->ingest).early, 1);
}

static void garbage_is_dropped_and_counted(void **state)
{
    struct world *w = *state;
    assert_int_equal(
        kt_ingest_message(w->ingest, 1, kt_str_of(w->one.user), KT_STR("GET / HTTP"), NULL), KT_OK);
    assert_int_equal(kt_ingest_message(w->ingest, 1, KT_STR_NONE, KT_STR("x"), NULL), KT_OK);
    assert_int_equal(w->n_replies, 0);
    assert_string_equal(w->alarm[0], "wire.broken");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(acks_come_only_after_the_commit), /* D1 */
        T(a_welcome_waits_for_what_it_promises),
        T(resent_batches_are_acked_and_stored_once),          /* N6 */
        T(a_fork_is_refused_and_alarmed_once_a_window),       /* N6 */
        T(a_gap_names_the_expected_number),                   /* N6 */
        T(the_newest_hello_of_an_incarnation_wins),           /* N4 */
        T(a_revoked_key_is_refused_from_the_next_message_on), /* N3 */
        T(an_instance_of_another_agent_is_refused),           /* N5 */
        T(an_instance_off_the_agents_list_is_refused),        /* N5 */
        T(either_key_signs_while_one_is_replaced),            /* N10 */
        T(a_broken_reload_keeps_the_old_list),                /* N3 */
        T(a_broken_signature_stores_nothing),                 /* N6 */
        T(a_bomb_is_refused_by_its_size),                     /* I1 */
        T(a_bad_line_refuses_its_batch_by_index),             /* I2 */
        T(a_secret_in_a_line_is_refused_and_alarmed),         /* R1 */
        T(control_records_are_the_collectors_alone),
        T(a_restored_store_is_noticed_once), /* D6 */
        T(reports_of_changed_evidence_raise_alarms),
        T(quota_and_a_full_disk_refuse_what_comes_next), /* N9, D5 */
        T(old_lookups_have_a_budget_for_each_agent),     /* N9 */
        T(a_new_address_gets_its_fact_before_the_event),
        T(ticks_come_every_five_minutes),
        T(live_arrival_never_goes_back),
        T(imported_lines_keep_their_arrival_and_dedupe),
        T(an_import_from_the_future_comes_now),
        T(garbage_is_dropped_and_counted),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_ingest", tests, NULL, NULL);
}
