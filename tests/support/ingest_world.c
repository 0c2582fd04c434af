/* ingest_world: see the header. */
#include "tests/support/ingest_world.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/sys/fs.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

static void on_reply(void *self, uint64_t peer, struct kt_str body)
{
    struct ingest_world *w = self;
    assert_true(w->n_replies < INGEST_KEPT);
    assert_int_equal(kt_msg_read(body, &w->reply[w->n_replies], NULL), KT_OK);
    w->to[w->n_replies++] = peer;
}

static void on_alarm(void *self, const char *code, struct kt_str agent, const char *sentence)
{
    struct ingest_world *w = self;
    assert_true(agent.len > 0 && sentence[0] != '\0' && w->n_alarms < INGEST_KEPT);
    kt_str_copyz(w->alarm[w->n_alarms++], sizeof w->alarm[0], kt_str_of(code));
}

static void on_committed(void *self, const struct kt_record *r, uint32_t n)
{
    struct ingest_world *w = self;
    for (uint32_t i = 0; i < n && w->n_fed < INGEST_KEPT; i++) {
        w->fed[w->n_fed] = r[i].seq;
        w->fed_arrival[w->n_fed] = r[i].arrival;
        w->fed_kind[w->n_fed++] = r[i].ev.kind;
    }
}

void ingest_make_keys(struct ingest_keys *k, const char *name, uint8_t salt)
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

void ingest_write_entry(struct ingest_world *w, const struct kt_agent_entry *e)
{
    char path[200];
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_agent_entry_print(e, &text);
    (void)snprintf(path, sizeof path, "%s/%s.yaml", w->agents, e->name);
    assert_int_equal(kt_fs_write_atomic(path, kt_buf_str(&text), 0600, NULL), KT_OK);
}

struct kt_agent_entry ingest_entry(const char *name, const struct ingest_keys *k)
{
    struct kt_agent_entry e = { .name = name, .n_keys = 1 };
    memcpy(e.curve[0], k->curve, 32);
    memcpy(e.signing[0], k->signing, 32);
    return e;
}

void ingest_open(struct ingest_world *w)
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
                                    .way = w->way,
                                    .self = w };
    w->ingest = kt_ingest_new(&io);
}

void ingest_close(struct ingest_world *w)
{
    kt_ingest_free(w->ingest);
    kt_store_close(w->store);
}

int ingest_world_open(void **state)
{
    struct ingest_world *w = calloc(1, sizeof *w);
    *state = w;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-ingest-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    (void)snprintf(w->store_path, sizeof w->store_path, "%s/store.db", w->folder);
    (void)snprintf(w->agents, sizeof w->agents, "%s/agents.d", w->folder);
    w->clock = (struct kt_clock_memory){ .wall = INGEST_NOW, .mono = KT_NS_HOUR };
    w->zip = kt_zip_new();
    w->way = kt_way_new(8u << 20);
    memset(w->incarnation, 7, sizeof w->incarnation);
    if (kt_fs_real.mkdir(kt_fs_real.self, w->agents, 0700, NULL) != KT_OK)
        return -1;
    ingest_make_keys(&w->one, "vault-1", 1);
    ingest_make_keys(&w->two, "vault-2", 2);
    struct kt_agent_entry e = ingest_entry("vault-1", &w->one);
    ingest_write_entry(w, &e);
    e = ingest_entry("vault-2", &w->two);
    ingest_write_entry(w, &e);
    if (kt_auth_open(w->agents, &w->auth, NULL) != KT_OK)
        return -1;
    ingest_open(w);
    return 0;
}

static void remove_one(void *arg, const char *path)
{
    (void)arg;
    (void)unlink(path);
}

int ingest_world_close(void **state)
{
    struct ingest_world *w = *state;
    char pattern[128];
    ingest_close(w);
    kt_auth_free(w->auth);
    kt_zip_free(w->zip);
    kt_way_free(w->way);
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

struct kt_event ingest_event(const char *instance, unsigned n)
{
    static char ids[INGEST_KEPT * 4][16];
    (void)snprintf(ids[n], sizeof ids[n], "req-%u", n);
    struct kt_event ev = { .kind = KT_KIND_ACCESS,
                           .action = KT_ACT_READ,
                           .outcome = KT_OUT_SUCCESS,
                           .time = INGEST_NOW + n,
                           .observed = INGEST_NOW + n,
                           .source = KT_STR("vault"),
                           .instance = kt_str_of(instance),
                           .scope = kt_str_of(instance),
                           .native_id = kt_str_of(ids[n]),
                           .actor = KT_STR("alice"),
                           .secret = KT_STR("vault://prod/kv/db") };
    return ev;
}

void ingest_add_line(struct kt_buf *lines, struct kt_event ev)
{
    assert_int_equal(kt_line_write(&ev, lines, NULL), KT_OK);
    kt_buf_byte(lines, '\n');
}

void ingest_say(struct ingest_world *w, uint64_t peer, const struct ingest_keys *k,
                const struct kt_msg *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf body = { 0 };
    kt_msg_write(m, &body);
    assert_int_equal(
        kt_ingest_message(w->ingest, peer, kt_str_of(k->user), kt_buf_str(&body), NULL), KT_OK);
}

void ingest_hello(struct ingest_world *w, uint64_t peer, const struct ingest_keys *k)
{
    struct kt_msg m = { .type = KT_MSG_HELLO,
                        .version = KT_WIRE_VERSION,
                        .agent = KT_STR("whatever it says"),
                        .program = KT_STR("test") };
    memcpy(m.incarnation, w->incarnation, 16);
    ingest_say(w, peer, k, &m);
}

void ingest_batch(struct ingest_world *w, uint64_t peer, const struct ingest_keys *k, uint64_t seq,
                  struct kt_str lines, const uint8_t *seed)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf scratch = { 0 };
    struct kt_msg m = { .type = KT_MSG_BATCH, .version = KT_WIRE_VERSION, .seq = seq };
    struct kt_signer signer;
    kt_signer_init(&signer, seed != NULL ? seed : k->seed);
    memcpy(m.incarnation, w->incarnation, 16);
    kt_batch_seal(&m, lines, &signer, w->zip, &scratch);
    ingest_say(w, peer, k, &m);
}

void ingest_batch_of(struct ingest_world *w, const struct ingest_keys *k, uint64_t seq,
                     const char *instance, unsigned n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    ingest_add_line(&lines, ingest_event(instance, n));
    ingest_batch(w, INGEST_PEER, k, seq, kt_buf_str(&lines), NULL);
}

void ingest_commit(struct ingest_world *w)
{
    assert_int_equal(kt_ingest_commit(w->ingest, NULL), KT_OK);
}

struct kt_msg ingest_refused(struct ingest_world *w, enum kt_refuse reason)
{
    assert_true(w->n_replies > 0);
    struct kt_msg m = w->reply[--w->n_replies];
    assert_int_equal(m.type, KT_MSG_REFUSE);
    assert_int_equal(m.reason, reason);
    return m;
}

uint64_t ingest_stored(struct ingest_world *w)
{
    return kt_ingest_counts(w->ingest).events;
}

void ingest_greeted(struct ingest_world *w)
{
    ingest_hello(w, INGEST_PEER, &w->one);
    assert_int_equal(w->n_replies, 1);
    assert_int_equal(w->reply[0].type, KT_MSG_WELCOME);
    w->n_replies = 0;
}
