/*
 * org: an invented organisation for tests of detection.
 *
 * Owns:  the events of a test, the engine under test and the alerts it raised.
 * Calls: collector/detect, core. No clock: time is the events' own.
 */
#include "tests/support/org.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"

static void on_alert(void *self, const struct kt_alert *a, bool is_new)
{
    struct org *o = self;
    if (o->n_alert == o->cap_alert) {
        o->cap_alert = o->cap_alert == 0 ? 16 : 2 * o->cap_alert;
        o->alert = kt_realloc_array(o->alert, o->cap_alert, sizeof *o->alert);
    }
    struct org_alert *to = &o->alert[o->n_alert++];
    memset(to, 0, sizeof *to);
    struct kt_buf b = { 0 };
    kt_alert_write(a, &b);
    kt_str_copyz(to->json, sizeof to->json, kt_buf_str(&b));
    kt_buf_done(&b);
    memcpy(to->id, a->id, sizeof to->id);
    kt_str_copyz(to->detector, sizeof to->detector, kt_str_of(a->detector));
    kt_str_copyz(to->state, sizeof to->state, kt_str_of(a->state));
    kt_str_copyz(to->actor, sizeof to->actor, a->actor);
    kt_str_copyz(to->title, sizeof to->title, a->title);
    kt_str_copyz(to->normal, sizeof to->normal, a->normal);
    kt_str_copyz(to->why, sizeof to->why, a->why);
    kt_str_copyz(to->merged_into, sizeof to->merged_into, a->merged_into);
    to->severity = (int)a->severity;
    to->score = a->score;
    to->is_new = is_new;
    to->raised = a->raised;
    to->first = a->first;
    kt_str_copyz(to->suppressed_by, sizeof to->suppressed_by, a->suppressed_by);
}

static struct kt_detect *engine(struct org *o)
{
    struct kt_detect *d = NULL;
    struct kt_error err = { 0 };
    const struct kt_detect_options opt = { .conf = o->conf, .alert = on_alert, .self = o };
    enum kt_status st = kt_detect_new(&opt, &d, &err);
    assert(st == KT_OK);
    (void)st;
    return d;
}

void org_start(struct org *o, uint64_t seed)
{
    kt_hash_init();
    *o = (struct org){ .seed = seed, .keep = kt_arena_new(64u << 20) };
    o->conf = kt_conf_defaults();
    o->d = engine(o);
}

void org_configure(struct org *o, const char *detector, const char *yaml)
{
    struct kt_error err = { 0 };
    enum kt_status st = kt_yaml_parse(kt_str_of(yaml), detector, &o->yaml, &err);
    assert(st == KT_OK);
    (void)st;
    o->configured = (struct kt_conf_detector){ .name = detector, .node = kt_yaml_root(o->yaml) };
    o->conf->detectors = &o->configured;
    o->conf->n_detectors = 1;
    kt_detect_free(o->d);
    o->d = engine(o);
}

void org_identities(struct org *o, struct kt_str text)
{
    struct kt_error err = { 0 };
    enum kt_status st = kt_identities_parse(o->conf->identities, text, "identities", &err);
    assert(st == KT_OK);
    (void)st;
}

void org_done(struct org *o)
{
    kt_detect_free(o->d);
    kt_yaml_free(o->yaml);
    kt_conf_free(o->conf);
    kt_free(o->ev);
    kt_free(o->alert);
    kt_arena_done(&o->keep);
}

uint64_t org_random(struct org *o)
{
    uint64_t z = (o->seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

unsigned org_below(struct org *o, unsigned n)
{
    return (unsigned)(org_random(o) % n);
}

const char *org_text(struct org *o, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *z = kt_arena_alloc(&o->keep, strlen(text) + 1);
    assert(z != NULL);
    memcpy(z, text, strlen(text) + 1);
    return z;
}

void org_fact(struct org *o, const char *ip, const char *country, unsigned asn, const char *name,
              bool hosting)
{
    assert(o->n_fact < KT_ARRAY_LEN(o->fact));
    o->fact[o->n_fact].ip = ip;
    o->fact[o->n_fact].country = country;
    o->fact[o->n_fact].org = name;
    o->fact[o->n_fact].asn = asn;
    o->fact[o->n_fact++].hosting = hosting;
}

void org_place(struct org *o, int lat_e2, int lon_e2, unsigned radius_km)
{
    assert(o->n_fact > 0);
    o->fact[o->n_fact - 1].placed = true;
    o->fact[o->n_fact - 1].lat_e2 = lat_e2;
    o->fact[o->n_fact - 1].lon_e2 = lon_e2;
    o->fact[o->n_fact - 1].radius_km = radius_km;
}

void org_add(struct org *o, struct org_event e)
{
    if (o->n == o->cap) {
        o->cap = o->cap == 0 ? 1024 : 2 * o->cap;
        o->ev = kt_realloc_array(o->ev, o->cap, sizeof *o->ev);
    }
    if (e.arrival == 0)
        e.arrival = e.t + 2 * KT_NS_S;
    if (e.outcome == KT_OUT_UNKNOWN)
        e.outcome = KT_OUT_SUCCESS;
    if (e.action == KT_ACT_OTHER)
        e.action = KT_ACT_READ;
    o->ev[o->n++] = e;
}

static int by_arrival(const void *x, const void *y)
{
    const struct org_event *p = x, *q = y;
    if (p->arrival != q->arrival)
        return p->arrival < q->arrival ? -1 : 1;
    return (p->t > q->t) - (p->t < q->t);
}

static void feed(struct org *o, struct kt_record *r)
{
    r->seq = ++o->seq;
    kt_detect_record(o->d, r);
    if (o->restart_every == 0 || ++o->fed % o->restart_every != 0)
        return;
    struct kt_buf b = { 0 };
    struct kt_error err = { 0 };
    kt_detect_snapshot(o->d, &b);
    kt_detect_free(o->d);
    o->d = engine(o);
    enum kt_status st = kt_detect_restore(o->d, kt_buf_str(&b), &err);
    assert(st == KT_OK);
    (void)st;
    kt_buf_done(&b);
}

static void feed_fact(struct org *o, unsigned i, kt_time_ns arrival)
{
    const char *place = o->fact[i].placed
                            ? org_text(o, ",\"lat_e2\":%d,\"lon_e2\":%d,\"radius_km\":%u",
                                       o->fact[i].lat_e2, o->fact[i].lon_e2, o->fact[i].radius_km)
                            : "";
    const char *raw = org_text(o,
                               "{\"ip\":\"%s\",\"country\":\"%s\",\"asn\":%u,\"org\":\"%s\","
                               "\"hosting\":%s%s,\"build\":1795377600}",
                               o->fact[i].ip, o->fact[i].country, o->fact[i].asn, o->fact[i].org,
                               o->fact[i].hosting ? "true" : "false", place);
    struct kt_record r = { .arrival = arrival, .origin = KT_ORIGIN_CONTROL };
    r.ev.kind = KT_KIND_FACT;
    r.ev.raw = kt_str_of(raw);
    feed(o, &r);
}

static void feed_event(struct org *o, const struct org_event *e)
{
    bool control = (e->record == KT_KIND_TICK || e->record == KT_KIND_DECISION) && !e->forged;
    struct kt_record r = { .arrival = e->arrival,
                           .stored = e->arrival,
                           .origin = control ? KT_ORIGIN_CONTROL : KT_ORIGIN_LIVE,
                           .agent = kt_str_of(e->agent) };
    char native[40];
    (void)snprintf(native, sizeof native, "e-%llu", (unsigned long long)o->seq + 1);
    r.ev = (struct kt_event){ .kind = e->record,
                              .action = e->action,
                              .code = kt_str_of(e->code),
                              .credential = kt_str_of(e->credential),
                              .raw = kt_str_of(e->raw),
                              .role = kt_str_of(e->role),
                              .outcome = e->unanswered ? KT_OUT_UNKNOWN : e->outcome,
                              .host = kt_str_of(e->host),
                              .via = kt_str_of(e->via),
                              .actor_kind = e->kind,
                              .time = e->t,
                              .observed = e->t,
                              .count = e->count,
                              .flags = e->flags,
                              .source = kt_str_of(e->source ? e->source : "vault"),
                              .secret_native = kt_str_of(e->native),
                              .instance = kt_str_of(e->instance ? e->instance : "vault-prod"),
                              .scope = kt_str_of(e->scope ? e->scope : "vault-prod"),
                              .native_id = kt_str_of(native),
                              .operation = kt_str_of(e->operation ? e->operation : "read"),
                              .actor = kt_str_of(e->actor),
                              .secret = kt_str_of(e->secret),
                              .ip_raw = kt_str_of(e->ip),
                              .user_agent = kt_str_of(e->user_agent) };
    if (e->ip != NULL && kt_ip_parse(kt_str_of(e->ip), &r.ev.ip)) {
        r.ev.has_ip = true;
        r.ev.ip_trust = KT_TRUST_EDGE;
    }
    if (e->record == KT_KIND_TICK)
        r.ev.native_id = r.ev.instance = r.ev.scope = KT_STR_NONE;
    feed(o, &r);
}

void org_run(struct org *o)
{
    qsort(o->ev, o->n, sizeof *o->ev, by_arrival);
    kt_time_ns first = o->n > 0 ? o->ev[0].arrival : ORG_START;
    for (; o->told_fact < o->n_fact; o->told_fact++)
        feed_fact(o, o->told_fact, first);
    for (uint32_t i = 0; i < o->n; i++)
        feed_event(o, &o->ev[i]);
    o->n = 0;
}

/* ---- work ---- */
static kt_time_ns moment(struct org *o, const struct org_worker *w, unsigned day)
{
    kt_time_ns t = ORG_START + (kt_time_ns)day * KT_NS_DAY;
    unsigned second =
        w->kind == KT_ACTOR_HUMAN ? 7 * 3600 + org_below(o, 9 * 3600) : org_below(o, 86400);
    return t + (kt_time_ns)second * KT_NS_S + (kt_time_ns)org_below(o, 1000000) * 1000;
}

void org_work(struct org *o, struct org_worker w)
{
    for (unsigned day = w.from; day < w.from + w.days; day++) {
        unsigned weekday = (day + 1) % 7; /* day 0 is a Tuesday */
        if (w.kind == KT_ACTOR_HUMAN && weekday >= 5)
            continue;
        unsigned n = w.per_day / 2 + org_below(o, w.per_day + 1);
        for (unsigned i = 0; i < n; i++)
            org_add(o, (struct org_event){
                           .t = moment(o, &w, day),
                           .actor = w.name,
                           .kind = w.kind,
                           .ip = w.ip,
                           .user_agent = w.user_agent,
                           .secret = org_text(o, "%s%u", w.prefix, org_below(o, w.secrets)) });
    }
}

void org_company(struct org *o, unsigned people, unsigned services, unsigned days)
{
    org_fact(o, "198.51.100.7", "DE", 3320, "Deutsche Telekom", false);
    org_fact(o, "18.192.4.4", "DE", 16509, "Amazon", true);
    for (unsigned i = 0; i < people; i++) {
        const char *home = org_text(o, "91.10.%u.%u", i, 10 + i);
        org_fact(o, home, "DE", i % 2 ? 3320 : 3209, i % 2 ? "Deutsche Telekom" : "Vodafone",
                 false);
        struct org_worker w = { .name = org_text(o, "person%u@acme.example", i),
                                .kind = KT_ACTOR_HUMAN,
                                .ip = "198.51.100.7",
                                .user_agent = "Vault/1.15 (darwin arm64)",
                                .prefix = org_text(o, "vault://main/-/secret/team%u/", i % 4),
                                .days = days,
                                .per_day = 6,
                                .secrets = 9 };
        org_work(o, w);
        w.ip = home;
        w.per_day = 2;
        org_work(o, w);
    }
    for (unsigned i = 0; i < services; i++)
        org_work(o,
                 (struct org_worker){ .name = org_text(o, "svc%u", i),
                                      .kind = KT_ACTOR_SERVICE,
                                      .ip = i % 2 ? "18.192.4.4" : "10.2.0.9",
                                      .user_agent = "Go-http-client/1.1",
                                      .prefix = org_text(o, "vault://main/-/secret/prod/svc%u/", i),
                                      .days = days,
                                      .per_day = 40,
                                      .secrets = 4 });
}

void org_ticks(struct org *o, kt_time_ns from, kt_time_ns until)
{
    for (kt_time_ns t = from; t < until; t += 5 * KT_NS_MIN)
        org_add(o, (struct org_event){
                       .t = t, .arrival = t, .record = KT_KIND_TICK, .source = "keytrail" });
}

void org_decide(struct org *o, kt_time_ns at, const char *operation, const char *raw)
{
    org_add(o, (struct org_event){ .t = at,
                                   .arrival = at,
                                   .record = KT_KIND_DECISION,
                                   .source = "keytrail",
                                   .operation = operation,
                                   .raw = raw });
}

void org_heartbeats(struct org *o, const char *agent, const char *source, const char *instance,
                    kt_time_ns from, kt_time_ns until)
{
    for (kt_time_ns t = from; t < until; t += 5 * KT_NS_MIN)
        org_add(o, (struct org_event){ .t = t,
                                       .record = KT_KIND_REPORT,
                                       .agent = agent,
                                       .source = source,
                                       .instance = instance,
                                       .raw = "{\"lag\":0,\"emptied\":0,\"lost\":0}" });
}

void org_arrive(struct org *o, uint32_t since, kt_time_ns at)
{
    for (uint32_t i = since; i < o->n; i++)
        o->ev[i].arrival = at;
}

void org_hush(struct org *o, const char *agent, const char *instance, kt_time_ns from,
              kt_time_ns until)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        const struct org_event *e = &o->ev[i];
        const char *name = e->instance != NULL ? e->instance : "vault-prod";
        bool meant = agent != NULL ? e->agent != NULL && strcmp(agent, e->agent) == 0
                                   : e->record == KT_KIND_ACCESS && strcmp(instance, name) == 0;
        if (!meant || e->t < from || e->t >= until)
            o->ev[n++] = *e;
    }
    o->n = n;
}

unsigned org_alerts(const struct org *o, uint32_t since, int severity)
{
    unsigned n = 0;
    for (uint32_t i = since; i < o->n_alert; i++)
        n += o->alert[i].is_new && o->alert[i].severity >= severity;
    return n;
}

const struct org_alert *org_alert_of(const struct org *o, uint32_t since, const char *actor)
{
    for (uint32_t i = since; i < o->n_alert; i++) {
        if (o->alert[i].is_new && strcmp(o->alert[i].actor, actor) == 0)
            return &o->alert[i];
    }
    return NULL;
}
