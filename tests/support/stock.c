/* stock: see the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "tests/support/stock.h"

#define BATCH 50u

static const char identities[] = "identities:\n"
                                 "  - name: alice@example.com\n"
                                 "    kind: human\n"
                                 "    aliases:\n"
                                 "      - alice\n"
                                 "      - { actor: \"role/alice\", source: cloudtrail }\n"
                                 "  - name: deploy\n"
                                 "    kind: ci\n"
                                 "    aliases:\n"
                                 "      - { actor: \"deploy-*\", instance: vault-b }\n";

static const char *const actors[] = { "alice",         "role/alice", "bob@example.com",
                                      "deploy-1",      "deploy-2",   "Ζωή",
                                      "王伟",          "عمر",        "=cmd|' /C calc'!A0",
                                      "svc,\"quoted\"" };
static const char *const secrets[] = { "vault://c/-/secret/prod/db",
                                       "vault://c/-/secret/prod/stripe",
                                       "aws-sm://111122223333/eu-central-1/app/key",
                                       "aws-sm://111122223333/eu-central-1/Ключ",
                                       "aws-kms://111122223333/eu-central-1/key-1",
                                       "vault://c/-/secret/team/*" };
static const char *const places[][2] = { { "vault", "vault-a" },
                                         { "vault", "vault-b" },
                                         { "cloudtrail", "aws-main" } };
static const char *const addresses[] = { "203.0.113.7",  "198.51.100.20", "2001:db8:7::9",
                                         "10.0.0.4",     "203.0.113.8",   "2001:db8:8::1",
                                         "198.51.100.9", "192.0.2.77" };
static const char *const codes[] = { "", "AccessDenied", "permission denied", "404" };

static unsigned draw(struct stock *w, size_t n)
{
    return (unsigned)kt_rng_below(&w->rng, n);
}

#define ONE_OF(w, list) list[draw(w, KT_ARRAY_LEN(list))]

static void random_event(struct stock *w, uint32_t n, struct kt_event *ev, char id[32])
{
    const char *const *place = ONE_OF(w, places);
    (void)snprintf(id, 32, "e-%u", n);
    kt_event_clear(ev);
    ev->kind = draw(w, 30) == 0 ? KT_KIND_EXPOSURE : KT_KIND_ACCESS;
    ev->source = kt_str_of(place[0]);
    ev->instance = kt_str_of(place[1]);
    ev->scope = KT_STR("s");
    ev->native_id = kt_str_from(id, strlen(id));
    ev->action = (enum kt_action)draw(w, KT_ACT_COUNT);
    if (draw(w, 2) == 0)
        ev->action = KT_ACT_READ;
    ev->outcome = draw(w, 4) > 0 ? KT_OUT_SUCCESS : (enum kt_outcome)draw(w, KT_OUT_COUNT);
    ev->actor_kind = (enum kt_actor_kind)draw(w, KT_ACTOR_COUNT);
    if (draw(w, 20) > 0)
        ev->actor = kt_str_of(ONE_OF(w, actors));
    if (draw(w, 10) > 0)
        ev->secret = kt_str_of(ONE_OF(w, secrets));
    if (draw(w, 10) > 0)
        ev->has_ip = kt_ip_parse(kt_str_of(ONE_OF(w, addresses)), &ev->ip);
    if (ev->has_ip)
        ev->ip_trust = KT_TRUST_EDGE;
    ev->code = kt_str_of(ONE_OF(w, codes));
    ev->operation = KT_STR("op");
    ev->time = STOCK_T0 + (kt_time_ns)kt_rng_below(&w->rng, STOCK_NS / KT_NS_S) * KT_NS_S;
    if (draw(w, 8) == 0) { /* a burst: one actor within one hour of a day */
        ev->actor = KT_STR("bob@example.com");
        ev->outcome = KT_OUT_DENIED;
        ev->time = STOCK_T0 + (50 + (kt_time_ns)draw(w, 3)) * KT_NS_DAY +
                   (kt_time_ns)draw(w, 3600) * KT_NS_S;
    }
    ev->observed = ev->time;
    if (draw(w, 40) == 0) {
        ev->time = 0;
        ev->flags = KT_FLAG(INCOMPLETE);
    }
}

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

/* Imports in no order of time, as a backfill has them; arrivals are those of the events. */
static void add_batch(struct stock *w, struct make *m, uint32_t first, uint32_t n)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    struct kt_event ev;
    char id[32];
    make_reset(m);
    for (uint32_t i = 0; i < n; i++) {
        random_event(w, first + i, &ev, id);
        must(kt_line_write(&ev, &m->lines, &err), &err);
        kt_buf_byte(&m->lines, '\n');
    }
    m->n = n;
    const struct kt_store_batch b =
        make_import(m, STOCK_T0 + (kt_time_ns)first * (STOCK_NS / 2000));
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_append(w->store, &b, &r, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
    must(kt_store_housekeep(w->store, true, &err), &err);
}

struct stock *stock_new(uint64_t seed, uint32_t events)
{
    struct kt_error err = { 0 };
    struct stock *w = kt_alloc(sizeof *w);
    *w = (struct stock){ .state = { .state = seed } };
    w->rng = kt_rng_seeded(&w->state);
    w->arena = kt_arena_new(32u << 20);
    w->ids = kt_identities_new();
    must(kt_identities_parse(w->ids, kt_str_of(identities), "identities.yaml", &err), &err);
    make_folder(w->folder, w->path);
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 60, .seal_here = true
    };
    must(kt_store_open(&o, &w->store, &err), &err);
    struct make *m = make_new();
    for (uint32_t first = 0; first < events; first += BATCH)
        add_batch(w, m, first, events - first < BATCH ? events - first : BATCH);
    make_free(m);
    return w;
}

void stock_free(struct stock *w)
{
    kt_store_close(w->store);
    kt_identities_free(w->ids);
    kt_arena_done(&w->arena);
    make_folder_drop(w->folder);
    kt_free(w);
}

void stock_control(struct stock *w, enum kt_kind kind, const char *operation, const char *raw,
                   kt_time_ns at)
{
    struct kt_error err = { 0 };
    uint64_t seq;
    char id[64];
    (void)snprintf(id, sizeof id, "%s-%llu", operation,
                   (unsigned long long)kt_rng_below(&w->rng, 1u << 30));
    struct kt_event ev = { .kind = kind,
                           .source = KT_STR("keytrail"),
                           .native_id = kt_str_of(id),
                           .operation = kt_str_of(operation),
                           .time = at,
                           .observed = at,
                           .raw = kt_str_of(raw) };
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_control(w->store, &ev, at, at, &seq, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}
