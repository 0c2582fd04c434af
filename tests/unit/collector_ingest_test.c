/* collector_ingest: the conversation with agents over a real store in a temporary folder. */
#include "core/event/line.h"
#include "core/sys/fs.h"
#include "tests/support/ingest_world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

/* ---- promises ---- */

static void acks_come_only_after_the_commit(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_batch_of(w, &w->one, 2, "prod", 2);
    assert_int_equal(w->n_replies, 0);
    assert_true(kt_ingest_waiting(w->ingest));
    ingest_commit(w);
    assert_int_equal(w->n_replies, 1); /* one ack for the group */
    assert_int_equal(w->reply[0].type, KT_MSG_ACK);
    assert_int_equal(w->reply[0].seq, 2);
    assert_true(w->reply[0].credit > 0);
    assert_false(kt_ingest_waiting(w->ingest));
    assert_int_equal(ingest_stored(w), 2);
}

static void a_welcome_waits_for_what_it_promises(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_hello(w, 2, &w->one);
    assert_int_equal(w->n_replies, 0);
    ingest_commit(w);
    assert_int_equal(w->n_replies, 2);
    assert_int_equal(w->reply[1].type, KT_MSG_WELCOME);
    assert_int_equal(w->reply[1].last_seq, 1);
    assert_int_equal(w->to[1], 2);
}

static void resent_batches_are_acked_and_stored_once(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_commit(w);
    w->n_replies = 0;
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    assert_int_equal(w->n_replies, 1);
    assert_int_equal(w->reply[0].type, KT_MSG_ACK);
    ingest_close(w); /* and over a restart */
    ingest_open(w);
    w->n_replies = 0;
    ingest_hello(w, INGEST_PEER, &w->one);
    assert_int_equal(w->reply[0].last_seq, 1);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    assert_int_equal(w->reply[1].type, KT_MSG_ACK);
    assert_int_equal(ingest_stored(w), 0);
    assert_int_equal(kt_ingest_counts(w->ingest).resent, 1);
}

static void a_fork_is_refused_and_alarmed_once_a_window(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_commit(w);
    for (unsigned i = 0; i < 3; i++) {
        ingest_batch_of(w, &w->one, 1, "prod", 9);
        (void)ingest_refused(w, KT_REFUSE_FORK);
    }
    assert_int_equal(w->n_alarms, 1);
    assert_string_equal(w->alarm[0], "batch.forked");
    w->clock.mono += 11 * KT_NS_MIN;
    ingest_batch_of(w, &w->one, 1, "prod", 9);
    assert_int_equal(w->n_alarms, 2);
    assert_int_equal(ingest_stored(w), 1);
}

static void a_gap_names_the_expected_number(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_batch_of(w, &w->one, 3, "prod", 3);
    assert_int_equal(ingest_refused(w, KT_REFUSE_GAP).expected, 2);
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 1);
}

static void the_newest_hello_of_an_incarnation_wins(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_hello(w, 2, &w->one);
    w->n_replies = 0;
    ingest_batch_of(w, &w->one, 1, "prod", 1); /* from the older peer */
    (void)ingest_refused(w, KT_REFUSE_HELLO);
    assert_int_equal(ingest_stored(w), 0);
}

/* ---- one key, two agents ---- */

static void ping(struct ingest_world *w, uint64_t peer, kt_time_ns after)
{
    w->clock.mono += after;
    ingest_say(w, peer, &w->one,
               &(struct kt_msg){ .type = KT_MSG_PING, .version = KT_WIRE_VERSION, .seq = 1 });
    w->n_replies = 0;
}

static void two_agents_with_one_key_are_told(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    w->clock.mono += KT_NS_MIN;
    w->incarnation[0] ^= 1; /* a copied key, a spool of its own */
    ingest_hello(w, 2, &w->one);
    for (unsigned i = 0; i < 11; i++) {
        ping(w, INGEST_PEER, 5 * KT_NS_S);
        ping(w, 2, 5 * KT_NS_S);
    }
    assert_int_equal(w->n_alarms, 0);
    ping(w, INGEST_PEER, 15 * KT_NS_S);
    assert_int_equal(w->n_alarms, 1);
    assert_string_equal(w->alarm[0], "agent.twice");
    ping(w, INGEST_PEER, KT_NS_MIN);
    assert_int_equal(w->n_alarms, 1); /* once a window */
}

static void two_agents_with_one_spool_are_told(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    w->clock.mono += KT_NS_S;
    ingest_hello(w, 2, &w->one);
    for (unsigned i = 0; i < 13; i++) {
        ping(w, INGEST_PEER, 5 * KT_NS_S);
        ingest_hello(w, INGEST_PEER, &w->one); /* each takes the conversation from the other */
        ping(w, 2, 5 * KT_NS_S);
        ingest_hello(w, 2, &w->one);
    }
    assert_int_equal(w->n_alarms, 1);
    assert_string_equal(w->alarm[0], "agent.twice");
}

/* The thief comes for a moment at a time, each time over a connection of its own. */
static void short_visits_with_an_agents_key_are_told(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    for (uint64_t visit = 2; visit < 20; visit++) {
        w->clock.mono += KT_NS_S;
        ingest_hello(w, visit, &w->one);
        for (unsigned i = 0; i < 3; i++)
            ping(w, INGEST_PEER, 10 * KT_NS_S);
    }
    assert_int_equal(w->n_alarms, 1);
}

/* It greets often, so that the agent is forgotten. */
static void many_greetings_hide_no_second_agent(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ping(w, INGEST_PEER, 10 * KT_NS_S);
    for (uint64_t peer = 2; peer < 20; peer++) {
        w->clock.mono += KT_NS_MS;
        ingest_hello(w, peer, &w->one);
    }
    for (unsigned i = 0; i < 20; i++) {
        ping(w, INGEST_PEER, 5 * KT_NS_S);
        ping(w, 19, 5 * KT_NS_S);
    }
    assert_int_equal(w->n_alarms, 1);
}

static void one_agent_that_comes_again_is_no_second(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    for (uint64_t peer = 2; peer < 40; peer++) { /* restarts, lost connections */
        ping(w, peer - 1, 10 * KT_NS_S);
        ingest_hello(w, peer, &w->one);
        ping(w, peer - 1, 5 * KT_NS_S); /* was under way */
        ping(w, peer, 30 * KT_NS_S);
    }
    /* The collector stood for two minutes; what had waited is read at once. */
    ingest_hello(w, 41, &w->one);
    ping(w, 39, 2 * KT_NS_MIN);
    for (unsigned i = 0; i < 32; i++)
        ping(w, 39, KT_NS_MS);
    ping(w, 41, 10 * KT_NS_S);
    /* An agent that speaks to the stand-by asks the first one each minute, and does not greet. */
    for (uint64_t peer = 50; peer < 60; peer++) {
        ping(w, peer, KT_NS_MIN);
        ping(w, 41, KT_NS_S);
    }
    assert_int_equal(w->n_alarms, 0);
}

/* ---- who ---- */

static void a_revoked_key_is_refused_from_the_next_message_on(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_commit(w);
    w->n_replies = 0;
    struct kt_agent_entry e = ingest_entry("vault-1", &w->one);
    e.revoked = true;
    ingest_write_entry(w, &e);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    ingest_batch_of(w, &w->one, 2, "prod", 2);
    struct kt_msg m = ingest_refused(w, KT_REFUSE_REVOKED);
    assert_memory_equal(m.incarnation, w->incarnation, 16); /* else the agent would not hear it */
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 1);
    assert_string_equal(w->alarm[0], "agent.revoked");
}

static void an_instance_of_another_agent_is_refused(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_commit(w);
    ingest_hello(w, 5, &w->two);
    w->n_replies = 0;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    ingest_add_line(&lines, ingest_event("stage", 2));
    ingest_add_line(&lines, ingest_event("prod", 3));
    ingest_batch(w, 5, &w->two, 1, kt_buf_str(&lines), NULL);
    assert_int_equal(ingest_refused(w, KT_REFUSE_SOURCE).index, 1);
    assert_string_equal(w->alarm[0], "identity.violation");
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 1);
    assert_int_equal(kt_ingest_counts(w->ingest).violations, 1);
}

static void an_instance_off_the_agents_list_is_refused(void **state)
{
    struct ingest_world *w = *state;
    const char *sources[] = { "vault/prod" };
    struct kt_agent_entry e = ingest_entry("vault-1", &w->one);
    e.sources.at = sources;
    e.sources.n = 1;
    ingest_write_entry(w, &e);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "other", 1);
    (void)ingest_refused(w, KT_REFUSE_SOURCE);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 1);
}

static void either_key_signs_while_one_is_replaced(void **state)
{
    struct ingest_world *w = *state;
    struct kt_agent_entry e = ingest_entry("vault-1", &w->one);
    struct ingest_keys fresh;
    ingest_make_keys(&fresh, "vault-1", 9);
    e.n_keys = 2;
    memcpy(e.curve[1], fresh.curve, 32);
    memcpy(e.signing[1], fresh.signing, 32);
    ingest_write_entry(w, &e);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    ingest_greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    ingest_add_line(&lines, ingest_event("prod", 1));
    ingest_batch(w, INGEST_PEER, &w->one, 1, kt_buf_str(&lines), fresh.seed);
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 1);
}

static void a_broken_reload_keeps_the_old_list(void **state)
{
    struct ingest_world *w = *state;
    char path[200];
    uint8_t before[32], after[32];
    kt_auth_digest(w->auth, before);
    (void)snprintf(path, sizeof path, "%s/zz.yaml", w->agents);
    assert_int_equal(kt_fs_write_atomic(path, KT_STR("nonsense: [\n"), 0600, NULL), KT_OK);
    assert_int_not_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    kt_auth_digest(w->auth, after);
    assert_memory_equal(before, after, 32);
    ingest_greeted(w);
}

/* ---- what ---- */

static void a_broken_signature_stores_nothing(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    ingest_add_line(&lines, ingest_event("prod", 1));
    ingest_batch(w, INGEST_PEER, &w->one, 1, kt_buf_str(&lines), w->two.seed);
    (void)ingest_refused(w, KT_REFUSE_SIGNATURE);
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 0);
    assert_string_equal(w->alarm[0], "batch.signature");
}

static void a_bomb_is_refused_by_its_size(void **state)
{
    struct ingest_world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf zeroes = { 0 }, packed = { 0 };
    ingest_greeted(w);
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
    ingest_say(w, INGEST_PEER, &w->one, &m);
    (void)ingest_refused(w, KT_REFUSE_SIZE);
    m.count = KT_BATCH_EVENTS_MAX + 1;
    ingest_say(w, INGEST_PEER, &w->one, &m);
    (void)ingest_refused(w, KT_REFUSE_SIZE);
    assert_false(kt_ingest_waiting(w->ingest));
}

static void a_bad_line_refuses_its_batch_by_index(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    ingest_add_line(&lines, ingest_event("prod", 1));
    kt_buf_addz(&lines, "{\"v\":1, \"kind\":\"access\"}\n"); /* a blank is not canonical */
    ingest_batch(w, INGEST_PEER, &w->one, 1, kt_buf_str(&lines), NULL);
    assert_int_equal(ingest_refused(w, KT_REFUSE_LINE).index, 1);
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 0);
    kt_buf_reset(&lines); /* rewritten without that line, the same number is taken */
    ingest_add_line(&lines, ingest_event("prod", 1));
    ingest_batch(w, INGEST_PEER, &w->one, 1, kt_buf_str(&lines), NULL);
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 1);
}

static void a_secret_in_a_line_is_refused_and_alarmed(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_event ev = ingest_event("prod", 1);
    ev.user_agent = KT_STR("curl hvs.CAESIJ1mO4uVq8nWb0aXc3dEfGhIjKlMnOpQrStUvWxYz012345");
    ingest_add_line(&lines, ev);
    ingest_batch(w, INGEST_PEER, &w->one, 1, kt_buf_str(&lines), NULL);
    assert_int_equal(ingest_refused(w, KT_REFUSE_REDACTION).index, 0);
    assert_string_equal(w->alarm[0], "secret.in_line");
    assert_int_equal(ingest_stored(w), 0);
}

static void control_records_are_the_collectors_alone(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_event ev = ingest_event("prod", 1);
    ev.kind = KT_KIND_FACT;
    ingest_add_line(&lines, ev);
    ingest_batch(w, INGEST_PEER, &w->one, 1, kt_buf_str(&lines), NULL);
    assert_int_equal(ingest_refused(w, KT_REFUSE_LINE).index, 0);
}

static void quota_and_a_full_disk_refuse_what_comes_next(void **state)
{
    struct ingest_world *w = *state;
    struct kt_agent_entry e = ingest_entry("vault-1", &w->one);
    e.quota = 1000;
    ingest_write_entry(w, &e);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    ingest_greeted(w);
    kt_ingest_disk_full(w->ingest, true);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    (void)ingest_refused(w, KT_REFUSE_DISK);
    kt_ingest_disk_full(w->ingest, false);
    uint64_t seq = 1;
    while (w->n_replies == 0 && seq < 20) {
        ingest_batch_of(w, &w->one, seq, "prod", (unsigned)seq);
        seq++;
    }
    (void)ingest_refused(w, KT_REFUSE_QUOTA);
    ingest_commit(w);
    w->n_replies = 0;
    w->clock.wall += KT_NS_DAY; /* the next day is a new one */
    ingest_batch_of(w, &w->one, seq - 1, "prod", (unsigned)seq);
    ingest_commit(w);
    assert_int_equal(w->n_replies, 1);
    assert_int_equal(w->reply[0].type, KT_MSG_ACK);
}

/* Old records in an order that makes the store read a segment for each: it waits, others do not. */
static void old_lookups_have_a_budget_for_each_agent(void **state)
{
    enum { SEGMENTS = 100 }; /* more than the store keeps in memory */
    struct ingest_world *w = *state;
    ingest_close(w);
    w->segment_events = 1;
    ingest_open(w);
    struct kt_agent_entry two = ingest_entry("vault-2", &w->two);
    ingest_write_entry(w, &two);
    assert_int_equal(kt_auth_reload(w->auth, NULL), KT_OK);
    ingest_greeted(w);
    for (unsigned n = 0; n < SEGMENTS; n++) {
        ingest_batch_of(w, &w->one, n + 1, "prod", n);
        ingest_commit(w);
        w->n_replies = 0;
    }
    ingest_close(w); /* what is sealed is not in memory from now on */
    ingest_open(w);
    ingest_hello(w, INGEST_PEER, &w->one);
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    for (unsigned n = 0; n < SEGMENTS; n++)
        ingest_add_line(&all, ingest_event("prod", n));
    unsigned batches = 0;
    for (w->n_replies = 0; w->n_replies == 0 && batches < 200; batches++) {
        ingest_batch(w, INGEST_PEER, &w->one, SEGMENTS + 1 + batches, kt_buf_str(&all), NULL);
        if (w->n_replies == 0)
            ingest_commit(w);
        w->n_replies -= w->n_replies > 0 && w->reply[w->n_replies - 1].type == KT_MSG_ACK;
    }
    (void)ingest_refused(w, KT_REFUSE_QUOTA);
    assert_in_range(batches, 15, 25); /* about 2,000 segments */
    ingest_hello(w, 2, &w->two);
    w->n_replies = 0;
    KT_CLEANUP(kt_buf_done) struct kt_buf other = { 0 };
    ingest_add_line(&other, ingest_event("elsewhere", 1));
    ingest_batch(w, 2, &w->two, 1, kt_buf_str(&other), NULL);
    ingest_commit(w);
    assert_int_equal(w->reply[w->n_replies - 1].type, KT_MSG_ACK);
    w->clock.mono += 30 * KT_NS_S;
    w->clock.wall += 30 * KT_NS_S;
    w->n_replies = 0;
    ingest_batch(w, INGEST_PEER, &w->one, SEGMENTS + batches, kt_buf_str(&all), NULL);
    ingest_commit(w);
    assert_int_equal(w->reply[w->n_replies - 1].type, KT_MSG_ACK);
}

/* ---- facts, feeding, imports ---- */

/* D6: whoever has an ack of more than there is says so; one alarm is enough. */
static void a_restored_store_is_noticed_once(void **state)
{
    struct ingest_world *w = *state;
    ingest_hello(w, INGEST_PEER, &w->one);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
        struct kt_event ev = ingest_event("prod", (unsigned)seq);
        ingest_add_line(&lines, ev);
        ev.kind = KT_KIND_REPORT;
        ev.operation = KT_STR("store.restored");
        ev.raw = KT_STR("{\"agent\":\"vault-1\",\"acknowledged\":9,\"has\":4}");
        ingest_add_line(&lines, ev);
        ingest_batch(w, INGEST_PEER, &w->one, seq, kt_buf_str(&lines), NULL);
        w->clock.mono += KT_NS_DAY;
    }
    ingest_commit(w);
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
    struct ingest_world *w = *state;
    ingest_hello(w, INGEST_PEER, &w->one);
    for (unsigned i = 0; i < KT_ARRAY_LEN(cases); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
        struct kt_event ev = ingest_event("prod", i + 1);
        ev.kind = KT_KIND_REPORT;
        ev.operation = kt_str_of(cases[i].operation);
        ev.message = KT_STR("a sentence");
        ingest_add_line(&lines, ev);
        unsigned before = w->n_alarms;
        ingest_batch(w, INGEST_PEER, &w->one, i + 1, kt_buf_str(&lines), NULL);
        if (w->n_alarms != before + cases[i].alarm)
            fail_msg("%s: %u alarms", cases[i].operation, w->n_alarms - before);
        if (cases[i].alarm)
            assert_string_equal(w->alarm[before], cases[i].operation);
    }
    ingest_commit(w);
}

static void a_new_address_gets_its_fact_before_the_event(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_event ev = ingest_event("prod", 1);
    ev.has_ip = kt_ip_parse(KT_STR("203.0.113.7"), &ev.ip);
    ev.ip_trust = KT_TRUST_EDGE;
    ingest_add_line(&lines, ev);
    ev.native_id = KT_STR("req-again");
    ingest_add_line(&lines, ev);
    ingest_batch(w, INGEST_PEER, &w->one, 1, kt_buf_str(&lines), NULL);
    ingest_commit(w);
    assert_int_equal(w->n_fed, 3);
    assert_int_equal(w->fed_kind[0], KT_KIND_FACT);
    assert_int_equal(w->fed_kind[1], KT_KIND_ACCESS);
    assert_true(w->fed[0] < w->fed[1] && w->fed[1] < w->fed[2]);
    ingest_close(w); /* known after a restart, too */
    ingest_open(w);
    ingest_hello(w, INGEST_PEER, &w->one);
    w->n_fed = 0;
    kt_buf_reset(&lines);
    ev.native_id = KT_STR("req-later");
    ingest_add_line(&lines, ev);
    ingest_batch(w, INGEST_PEER, &w->one, 2, kt_buf_str(&lines), NULL);
    ingest_commit(w);
    assert_int_equal(w->n_fed, 1);
}

static void ticks_come_every_five_minutes(void **state)
{
    struct ingest_world *w = *state;
    for (unsigned minute = 0; minute <= 10; minute++) {
        assert_int_equal(kt_ingest_tick(w->ingest, NULL), KT_OK);
        ingest_commit(w);
        w->clock.wall += KT_NS_MIN;
    }
    assert_int_equal(w->n_fed, 3);
    w->clock.wall -= KT_NS_HOUR; /* set back: it goes on ticking */
    assert_int_equal(kt_ingest_tick(w->ingest, NULL), KT_OK);
    ingest_commit(w);
    assert_int_equal(w->n_fed, 4);
}

static void live_arrival_never_goes_back(void **state)
{
    struct ingest_world *w = *state;
    ingest_greeted(w);
    ingest_batch_of(w, &w->one, 1, "prod", 1);
    ingest_commit(w);
    w->clock.wall -= KT_NS_HOUR;
    ingest_batch_of(w, &w->one, 2, "prod", 2);
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 2);
    assert_int_equal(kt_store_last_arrival(w->store), INGEST_NOW);
}

static void imported_lines_keep_their_arrival_and_dedupe(void **state)
{
    struct ingest_world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf a = { 0 }, b = { 0 };
    struct kt_event one = ingest_event("prod", 1), two = ingest_event("prod", 2);
    assert_int_equal(kt_line_write(&one, &a, NULL), KT_OK);
    assert_int_equal(kt_line_write(&two, &b, NULL), KT_OK);
    const struct kt_ingest_line lines[] = { { kt_buf_str(&a), INGEST_NOW - KT_NS_DAY },
                                            { kt_buf_str(&b), INGEST_NOW - KT_NS_HOUR },
                                            { kt_buf_str(&a), 0 } };
    struct kt_store_result r;
    assert_int_equal(kt_ingest_lines(w->ingest, KT_ORIGIN_FEED, lines, 3, &r, NULL), KT_OK);
    assert_int_equal(r.fate[0], KT_FATE_STORED);
    assert_int_equal(r.fate[2], KT_FATE_DUPLICATE);
    ingest_commit(w);
    assert_int_equal(ingest_stored(w), 2);
    const struct kt_ingest_line bad = { KT_STR("{}"), 0 };
    struct kt_error err = { 0 };
    assert_int_equal(kt_ingest_lines(w->ingest, KT_ORIGIN_IMPORT, &bad, 1, NULL, &err), KT_E_INPUT);
    assert_true(kt_str_has(kt_str_of(err.text), KT_STR("line 1")));
}

/* By the clock of whoever wrote it: detection would know no newer time from then on. */
static void an_import_from_the_future_comes_now(void **state)
{
    struct ingest_world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf a = { 0 };
    struct kt_event one = ingest_event("prod", 1);
    assert_int_equal(kt_line_write(&one, &a, NULL), KT_OK);
    const struct kt_ingest_line line = { kt_buf_str(&a), INGEST_NOW + 80 * 365 * KT_NS_DAY };
    assert_int_equal(kt_ingest_lines(w->ingest, KT_ORIGIN_IMPORT, &line, 1, NULL, NULL), KT_OK);
    ingest_commit(w);
    assert_int_equal(w->fed_arrival[w->n_fed - 1], INGEST_NOW);
    assert_int_equal(kt_ingest_counts(w->ingest).early, 1);
}

static void garbage_is_dropped_and_counted(void **state)
{
    struct ingest_world *w = *state;
    assert_int_equal(
        kt_ingest_message(w->ingest, 1, kt_str_of(w->one.user), KT_STR("GET / HTTP"), NULL), KT_OK);
    assert_int_equal(kt_ingest_message(w->ingest, 1, KT_STR_NONE, KT_STR("x"), NULL), KT_OK);
    assert_int_equal(w->n_replies, 0);
    assert_string_equal(w->alarm[0], "wire.broken");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, ingest_world_open, ingest_world_close)
    const struct CMUnitTest tests[] = {
        T(acks_come_only_after_the_commit), /* D1 */
        T(a_welcome_waits_for_what_it_promises),
        T(resent_batches_are_acked_and_stored_once),    /* N6 */
        T(a_fork_is_refused_and_alarmed_once_a_window), /* N6 */
        T(a_gap_names_the_expected_number),             /* N6 */
        T(the_newest_hello_of_an_incarnation_wins),     /* N4 */
        T(two_agents_with_one_key_are_told),
        T(two_agents_with_one_spool_are_told),
        T(short_visits_with_an_agents_key_are_told),
        T(many_greetings_hide_no_second_agent),
        T(one_agent_that_comes_again_is_no_second),
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
