/* collector_state: what is in memory, what is in rows and how often it is written changes nothing
 * of what is found; floods push nobody out. */
#include "collector/detect_state.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "tests/support/held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAYS 24u
#define LAST (ORG_START + DAYS * KT_NS_DAY + 9 * KT_NS_HOUR)

static void read_of(struct org *o, kt_time_ns t, const char *actor, enum kt_actor_kind kind,
                    const char *secret, const char *ip)
{
    org_add(o, (struct org_event){ .t = t,
                                   .actor = actor,
                                   .kind = kind,
                                   .secret = secret,
                                   .ip = ip,
                                   .user_agent = "Go-http-client/1.1" });
}

static void try_login(struct org *o, kt_time_ns t, const char *who, const char *ip, bool ok)
{
    org_add(o, (struct org_event){ .t = t,
                                   .actor = who,
                                   .kind = ok ? KT_ACTOR_HUMAN : KT_ACTOR_ANONYMOUS,
                                   .action = KT_ACT_LOGIN,
                                   .outcome = ok ? KT_OUT_SUCCESS : KT_OUT_DENIED,
                                   .ip = ip });
}

/* Twenty-four days of a company with agents that speak, and four things that must page. */
static void world(struct org *o)
{
    org_company(o, 9, 7, DAYS + 2);
    org_ticks(o, ORG_START, LAST + 2 * KT_NS_DAY);
    org_heartbeats(o, "host-1", "vault", "vault-prod", ORG_START, LAST + KT_NS_DAY);
    org_fact(o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    org_fact(o, "185.220.4.4", "NL", 9009, "M247", true);
    for (unsigned i = 0; i < 70; i++)
        read_of(o, LAST + i * KT_NS_S, "svc1", KT_ACTOR_SERVICE,
                org_text(o, "vault://main/-/secret/prod/other/%u", i), "65.108.3.3");
    for (unsigned i = 0; i < 12; i++)
        try_login(o, LAST + KT_NS_HOUR + i * KT_NS_MIN, org_text(o, "person%u@acme.example", i % 5),
                  "185.220.4.4", i == 11);
    for (unsigned i = 0; i < 90; i++)
        read_of(o, LAST + 20 * KT_NS_HOUR + i * KT_NS_S, "svc2", KT_ACTOR_SERVICE,
                org_text(o, "vault://main/-/secret/prod/other/%u", i), "10.2.0.9");
    org_run(o);
}

static void is_the_same(struct org *a, struct org *b)
{
    uint8_t x[32], y[32];
    assert_int_equal(a->n_alert, b->n_alert);
    for (uint32_t i = 0; i < a->n_alert; i++)
        assert_string_equal(a->alert[i].json, b->alert[i].json);
    kt_detect_digest(a->d, x);
    kt_detect_digest(b->d, y);
    assert_memory_equal(x, y, sizeof x);
}

static void memory_restarts_and_writing_change_nothing(void **state)
{
    (void)state;
    static const struct {
        uint64_t save_every, restart_every;
        size_t memory;
    } runs[] = {
        { 0, 1000, SIZE_MAX }, /* restart at every thousandth record */
        { 1, 0, 0 },           /* nothing stays in memory from one record to the next */
        { 97, 1000, 0 },
        { 350, 4001, 300u << 10 },
    };
    struct org plain;
    org_start(&plain, 77);
    world(&plain);
    assert_true(org_alerts(&plain, 0, KT_SEV_MEDIUM) >= 3);
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct org o;
        struct held *h = held_new();
        org_start(&o, 77);
        held_memory(h, runs[i].memory);
        held_org(h, &o, runs[i].save_every);
        o.restart_every = runs[i].restart_every;
        world(&o);
        is_the_same(&plain, &o);
        assert_int_equal(kt_detect_damaged(o.d), 0);
        print_message("saved every %u, restart every %u, %zu KiB: %llu of %llu records' entries "
                      "were read back, %u rows\n",
                      (unsigned)runs[i].save_every, (unsigned)runs[i].restart_every,
                      runs[i].memory >> 10, (unsigned long long)held_loads(h),
                      (unsigned long long)o.seq, held_rows(h));
        org_done(&o);
        held_free(h);
    }
    org_done(&plain);
}

/* A day on which sixty take up the same few hundred secrets: long lists, sketches, rollouts. */
static void crowd(struct org *o)
{
    uint32_t draw = 1;
    for (unsigned i = 0; i < 9000; i++) {
        draw = draw * 1664525u + 1013904223u;
        unsigned who = (draw >> 16) % (i % 2 == 0 ? 60 : 6);
        unsigned secret = (draw >> 8) % (i < 4000 ? 180 : 420);
        read_of(o, ORG_START + (kt_time_ns)i * KT_NS_S + (i > 7000 ? 22 * KT_NS_HOUR : 0),
                org_text(o, "svc%u", who), who % 3 == 0 ? KT_ACTOR_HUMAN : KT_ACTOR_SERVICE,
                org_text(o, "vault://main/-/secret/team%u/prod/%u", secret % 40, secret),
                org_text(o, "80.10.%u.%u", who % 7, 1 + secret % 200));
    }
    org_run(o);
}

/* What is kept beside the state (detectors/recall.h, collector/aside_index.h) is gone after a
 * restart, and no state. */
static void what_is_kept_beside_the_state_changes_nothing(void **state)
{
    (void)state;
    static const uint64_t restarts[] = { 13, 500 };
    struct org plain;
    org_start(&plain, 3);
    crowd(&plain);
    assert_true(plain.n_alert >= 1);
    for (size_t i = 0; i < sizeof restarts / sizeof restarts[0]; i++) {
        struct org o;
        struct held *h = held_new();
        org_start(&o, 3);
        held_org(h, &o, restarts[i]);
        o.restart_every = restarts[i];
        crowd(&o);
        is_the_same(&plain, &o);
        org_done(&o);
        held_free(h);
    }
    org_done(&plain);
}

/* An engine that goes on from what is in h. */
static struct kt_detect *resumed(struct held *h, const struct org *o)
{
    struct kt_detect *d = NULL;
    struct kt_error err = { 0 };
    const struct kt_detect_options opt = { .conf = o->conf, .backing = held_backing(h) };
    assert_int_equal(kt_detect_new(&opt, &d, &err), KT_OK);
    assert_int_equal(held_resume(h, d, &err), KT_OK);
    return d;
}

/* What was saved before the last record is the state before it: a killed process reads on from
 * there and finds the same, with alerts that it told already under the same ids. */
static void a_kill_between_two_saves_finds_the_same(void **state)
{
    (void)state;
    struct org o, plain;
    struct held *h = held_new();
    org_start(&plain, 5);
    world(&plain);
    org_start(&o, 5);
    held_memory(h, 200u << 10);
    held_org(h, &o, 333);
    world(&o);
    struct kt_detect *d = resumed(h, &o);
    assert_int_equal(kt_detect_position(d), o.seq - o.seq % 333);
    kt_detect_free(d);
    is_the_same(&plain, &o);
    org_done(&o);
    org_done(&plain);
    held_free(h);
}

static void damaged_rows_cost_themselves(void **state)
{
    (void)state;
    struct org o;
    struct held *h = held_new();
    org_start(&o, 3);
    held_memory(h, 0);
    held_org(h, &o, 100);
    org_company(&o, 4, 4, 6);
    org_run(&o);
    held_save(h, o.d);
    uint32_t rows = held_rows(h);
    struct kt_detect *d = resumed(h, &o);
    held_lose(h, 0); /* an entry that the engine believes in */
    held_spoil(h, 5);
    uint8_t digest[32];
    assert_int_equal(kt_detect_damaged(d), 0);
    kt_detect_digest(d, digest);
    assert_int_equal(kt_detect_damaged(d), 2);
    kt_detect_free(d);
    d = resumed(h, &o); /* the head promised one more */
    assert_int_equal(kt_detect_position(d), o.seq);
    assert_int_equal(kt_detect_damaged(d), 1);
    kt_detect_free(d);
    /* and whatever is lost, it goes on with the rest */
    for (uint32_t i = 7; i < rows; i += 3)
        held_spoil(h, i);
    for (unsigned i = 0; i < 40; i++)
        read_of(&o, ORG_START + 7 * KT_NS_DAY + i * KT_NS_MIN, i % 2 ? "svc1" : "svc2",
                KT_ACTOR_SERVICE, org_text(&o, "vault://main/-/secret/prod/%u", i), "10.2.0.9");
    org_company(&o, 4, 4, 3);
    org_run(&o);
    assert_true(kt_detect_damaged(o.d) > 40);
    org_done(&o);
    held_free(h);
}

static uint64_t random_of(uint64_t *z)
{
    *z += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = (*z ^ *z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 29;
}

/* Other bytes in some of the entries, as the hand of somebody who may write the file would put them
 * there, as long as the table takes them. */
static unsigned scribble(struct kt_detect *d, uint64_t *z)
{
    struct kt_table *t;
    unsigned n = 0;
    for (unsigned i = 0, id; (t = kt_detect_table(d, i, &id)) != NULL; i++) {
        const struct kt_table_decl *decl = kt_table_declared(t);
        unsigned char *was = kt_alloc(decl->bytes), *state;
        uint32_t at = 0;
        while ((state = kt_table_next(t, &at, NULL)) != NULL) {
            memcpy(was, state, decl->bytes);
            for (uint32_t word = 0; word + 4 <= decl->bytes; word += 4) {
                uint32_t x = random_of(z) % 3 == 0 ? UINT32_MAX : (uint32_t)random_of(z) % 70000;
                if (random_of(z) % (1 + decl->bytes / 16) != 0)
                    continue;
                memcpy(state + word, &x, sizeof x);
                if (decl->sound != NULL && !decl->sound(state))
                    memcpy(state, was, decl->bytes);
                else
                    memcpy(was, state, decl->bytes);
                n++;
            }
        }
        kt_free(was);
    }
    return n;
}

static void what_strangers_wrote_points_nowhere(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct org o;
        uint64_t z = seed;
        org_start(&o, seed);
        world(&o);
        assert_true(scribble(o.d, &z) > 1000);
        kt_time_ns t = LAST + 2 * KT_NS_DAY;
        for (unsigned i = 0; i < 400; i++)
            read_of(&o, t + i * 20 * KT_NS_MIN, org_text(&o, "svc%u", i % 7), KT_ACTOR_SERVICE,
                    org_text(&o, "vault://main/-/secret/prod/%u", i % 90),
                    i % 3 ? "65.108.3.3" : "10.2.0.9");
        for (unsigned i = 0; i < 60; i++)
            try_login(&o, t + i * KT_NS_HOUR, org_text(&o, "person%u@acme.example", i % 9),
                      "185.220.4.4", i % 4 == 0);
        org_run(&o);
        org_done(&o);
    }
}

/* Sixty thousand addresses and names that fail leave what is known of those who work there. */
static void floods_push_nobody_out(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 13);
    org_fact(&o, "80.10.20.30", "FR", 3215, "Orange", false);
    for (unsigned i = 0; i < 20; i++)
        read_of(&o, ORG_START + i * KT_NS_DAY, "svc1", KT_ACTOR_SERVICE,
                "vault://main/-/secret/prod/a", "80.10.20.30");
    for (unsigned i = 0; i < 60000; i++)
        try_login(&o, ORG_START + 20 * KT_NS_DAY + i * KT_NS_S / 2, org_text(&o, "guess%u", i),
                  org_text(&o, "45.%u.%u.7", i >> 8, i & 255), false);
    org_run(&o);
    uint32_t since = o.n_alert;
    /* its network is known as it was: nothing is new about it */
    read_of(&o, ORG_START + 21 * KT_NS_DAY, "svc1", KT_ACTOR_SERVICE,
            "vault://main/-/secret/prod/a", "80.10.20.30");
    org_run(&o);
    assert_int_equal(org_alerts(&o, since, KT_SEV_INFO), 0);
    struct kt_buf b = { 0 };
    kt_detect_status(o.d, &b);
    assert_true(kt_str_has(kt_buf_str(&b), KT_STR("\"actors\":1,")));
    assert_true(kt_str_has(kt_buf_str(&b), KT_STR("\"forgotten_actors\":0,")));
    kt_buf_done(&b);
    org_done(&o);
}

/* ---- no allocation on the path of a known actor ---- */
#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
static unsigned long allocations;

void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}

static void known_actors_need_no_allocation(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 21);
    org_fact(&o, "18.192.4.4", "DE", 16509, "Amazon", true);
    for (unsigned i = 0; i < 4000; i++)
        read_of(&o, ORG_START + i * KT_NS_MIN, i % 2 ? "svc1" : "svc2", KT_ACTOR_SERVICE,
                org_text(&o, "vault://main/-/secret/prod/%u", i % 5), "18.192.4.4");
    org_run(&o);
    /* the same two, the same secrets and place, in the hour that has begun */
    kt_time_ns t = ORG_START + 4000 * KT_NS_MIN + 21 * KT_NS_MIN;
    struct kt_record r = { .arrival = t, .stored = t, .origin = KT_ORIGIN_LIVE };
    r.ev = (struct kt_event){ .kind = KT_KIND_ACCESS,
                              .action = KT_ACT_READ,
                              .outcome = KT_OUT_SUCCESS,
                              .source = KT_STR("vault"),
                              .instance = KT_STR("vault-prod"),
                              .native_id = KT_STR("e-1"),
                              .actor = KT_STR("svc1"),
                              .actor_kind = KT_ACTOR_SERVICE,
                              .secret = KT_STR("vault://main/-/secret/prod/1"),
                              .user_agent = KT_STR("Go-http-client/1.1"),
                              .has_ip = true,
                              .ip_trust = KT_TRUST_EDGE };
    assert_true(kt_ip_parse(KT_STR("18.192.4.4"), &r.ev.ip));
    unsigned long before = 0;
    for (unsigned i = 0; i < 400; i++) {
        r.seq = ++o.seq;
        r.ev.time = t + i * KT_NS_MS;
        before = i == 200 ? allocations : before;
        kt_detect_record(o.d, &r);
    }
    assert_int_equal(allocations - before, 0);
    org_done(&o);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_restarts_and_writing_change_nothing),
        cmocka_unit_test(what_is_kept_beside_the_state_changes_nothing),
        cmocka_unit_test(a_kill_between_two_saves_finds_the_same),
        cmocka_unit_test(damaged_rows_cost_themselves),
        cmocka_unit_test(what_strangers_wrote_points_nowhere),
        cmocka_unit_test(floods_push_nobody_out),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(known_actors_need_no_allocation),
#endif
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_state", tests, NULL, NULL);
}
