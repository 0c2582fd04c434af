/*
 * firm_log: how a world is told: late by the source's habit, in files without order, held up while
 * an agent is down, twice now and then, by clocks that are wrong; with ticks, heartbeats and what
 * is known of addresses. Records are kept once, as the store keeps them.
 *
 * Owns:  lateness, the order of the log.
 * Calls: collector/detect, firm.h.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "tests/sim/firm.h"

enum { STREAM_LATE = 400, STREAM_DOWN, STREAM_CLOCK };
#define TICK     (5 * KT_NS_MIN)
#define FILE     (5 * KT_NS_MIN)
#define SEEN_MAX (1u << 17)

/* ---- lateness ---- */
static kt_time_ns next_file(kt_time_ns t)
{
    return (t / FILE + 1) * FILE;
}

static kt_time_ns arrives(struct firm *f, unsigned source, kt_time_ns t)
{
    double wait = firm_wait(f, 1);
    if (source == FIRM_AWS) /* files of five minutes, without order, four minutes late on average */
        return next_file(t + (kt_time_ns)(fmin(60 + 200 * wait, 1200) * 1e9)) +
               (kt_time_ns)firm_below(f, 20000) * KT_NS_MS;
    if (source == FIRM_OP) /* asked every five minutes */
        return next_file(t) + (kt_time_ns)firm_below(f, 3000) * KT_NS_MS;
    double mean = source == FIRM_VAULT ? 0.7 : source == FIRM_K8S ? 4 : 2;
    return t + (kt_time_ns)((0.3 + fmin(mean * wait, 60)) * 1e9);
}

/* Each agent is down now and then, for minutes or hours; what it kept comes afterwards. */
static void downtimes(struct firm *f, unsigned source)
{
    firm_stream(f, STREAM_DOWN, source, 0);
    unsigned n = firm_count(f, f->days / 60.0);
    f->n_down[source] = n < FIRM_DOWN_MAX ? n : FIRM_DOWN_MAX;
    for (unsigned i = 0; i < f->n_down[source]; i++) {
        struct firm_down *d = &f->down[source][i];
        d->from = firm_at(f, NULL, firm_below(f, f->days), firm_real(f) * 24);
        d->until = d->from + (kt_time_ns)firm_between(f, 15, 300) * KT_NS_MIN;
    }
}

static bool is_down(const struct firm *f, unsigned source, kt_time_ns now, kt_time_ns after)
{
    for (unsigned i = 0; i < f->n_down[source]; i++) {
        const struct firm_down *d = &f->down[source][i];
        if (now >= d->from && now < d->until + after)
            return true;
    }
    return false;
}

bool firm_was_down(const struct firm *f, unsigned source, kt_time_ns now)
{
    return is_down(f, source, now, KT_NS_HOUR);
}

/* Seconds by which the clock of a host is wrong; for three days one of them far more. */
static kt_time_ns skew(const struct firm *f, unsigned source, kt_time_ns t)
{
    if (source < FIRM_HOST)
        return 0;
    int seconds = (int)((f->seed * 31 + source * 57) % 181) - 90;
    kt_time_ns bad = f->start + (kt_time_ns)(f->days / 2) * KT_NS_DAY;
    bool far = source == FIRM_HOST + 2 && t >= bad && t < bad + 3 * KT_NS_DAY;
    return (kt_time_ns)(far ? 14 * 60 : seconds) * KT_NS_S;
}

static bool unheard(const struct firm *f, const struct firm_event *e)
{
    kt_time_ns night = f->start + (kt_time_ns)f->maintenance.from * KT_NS_DAY;
    if (e->source == FIRM_VAULT && e->t >= night + KT_NS_HOUR && e->t < night + 4 * KT_NS_HOUR)
        return e->attack == 0;
    for (unsigned i = 0; e->attack == 0 && i < f->n_attack; i++) {
        const struct firm_attack *a = &f->attack[i];
        if (a->class == FIRM_CLASS_SILENT && a->source == e->source && e->t >= a->first &&
            e->t < a->last)
            return true;
    }
    return false;
}

static int by_arrival(const void *x, const void *y)
{
    const struct firm_event *p = x, *q = y;
    if (p->arrival != q->arrival)
        return p->arrival < q->arrival ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

static void repeat(struct firm *f)
{
    firm_stream(f, STREAM_LATE, FIRM_SOURCES, 0);
    uint32_t n = f->n;
    for (uint32_t i = 0; i < n; i++) {
        if (!firm_chance(f, 0.01))
            continue;
        f->stamp = f->ev[i].attack;
        struct firm_event *e = firm_add(f, f->ev[i]);
        e->arrival += (kt_time_ns)firm_between(f, 1, 3600) * KT_NS_S;
    }
    f->stamp = 0;
}

void firm_deliver(struct firm *f)
{
    for (unsigned s = 0; s < FIRM_SOURCES; s++)
        downtimes(f, s);
    kt_time_ns end = f->start + (kt_time_ns)f->days * KT_NS_DAY;
    for (uint32_t i = 0; i < f->n; i++) {
        struct firm_event *e = &f->ev[i];
        firm_stream(f, STREAM_LATE, e->source, (unsigned)(e->t / KT_NS_MS));
        e->id = i;
        e->dropped = e->t < f->start || e->t >= end || unheard(f, e);
        e->arrival = arrives(f, e->source, e->t);
        for (unsigned k = 0; k < f->n_down[e->source]; k++) {
            const struct firm_down *d = &f->down[e->source][k];
            if (e->arrival >= d->from && e->arrival < d->until)
                e->arrival = d->until + (e->arrival - d->from) / 200;
        }
        e->t += skew(f, e->source, e->t);
        struct firm_attack *a = e->attack > 0 ? &f->attack[e->attack - 1] : NULL;
        if (a != NULL && (a->known == 0 || e->arrival < a->known))
            a->known = e->arrival;
    }
    repeat(f);
    qsort(f->ev, f->n, sizeof *f->ev, by_arrival);
}

/* ---- the configuration of the firm ---- */
void firm_configure(struct firm *f, struct kt_conf *conf)
{
    kt_time_ns night = f->start + (kt_time_ns)f->maintenance.from * KT_NS_DAY;
    f->canary =
        (struct kt_conf_canary){ .secret = "vault://main/-/secret/payments/prod/master-key" };
    f->window = (struct kt_conf_maintenance){ .source = firm_sources[FIRM_VAULT].instance,
                                              .reason = "upgrade",
                                              .by = "platform",
                                              .from = night + KT_NS_HOUR,
                                              .until = night + 4 * KT_NS_HOUR };
    conf->canaries = &f->canary;
    conf->n_canaries = 1;
    conf->maintenance = &f->window;
    conf->n_maintenance = 1;
}

/* ---- feeding ---- */
struct feed {
    struct firm *f;
    const struct firm_sink *sink;
    uint64_t seq;
    uint32_t told[SEEN_MAX]; /* addresses */
    uint8_t *kept;           /* bits: records */
    kt_time_ns newest[FIRM_SOURCES];
    struct firm_log log;
};

static void give(struct feed *to, struct kt_record *r)
{
    r->seq = ++to->seq;
    to->f->now = r->arrival;
    to->sink->take(to->sink->self, r);
}

static void format_ip(uint32_t ip, char text[16])
{
    (void)snprintf(text, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

/* What the collector looks up when it meets an address for the first time. */
static void give_fact(struct feed *to, uint32_t ip, kt_time_ns arrival)
{
    const struct firm_net *net = firm_net_of(ip);
    uint32_t slot = ip * 2654435761u >> 15;
    if (net == NULL || to->told[slot] == ip)
        return; /* another address in this slot: told once more, which does no harm */
    to->told[slot] = ip;
    char text[16], raw[200];
    format_ip(ip, text);
    bool known = !to->f->countries_only;
    (void)snprintf(raw, sizeof raw,
                   "{\"ip\":\"%s\",\"country\":\"%s\",\"asn\":%u,\"org\":\"%s\",\"hosting\":%s,"
                   "\"build\":1788000000}",
                   text, net->country, known ? net->asn : 0, known ? net->org : "",
                   known && net->hosting ? "true" : "false");
    struct kt_record r = { .arrival = arrival, .origin = KT_ORIGIN_CONTROL };
    r.ev.kind = KT_KIND_FACT;
    r.ev.raw = kt_str_of(raw);
    give(to, &r);
    to->log.facts++;
}

/* Is the agent of that source alive? Of the logs that are stopped, every second one goes with it.
 */
static bool heartbeat(const struct firm *f, unsigned source, kt_time_ns now)
{
    for (unsigned i = 0; i < f->n_attack; i++) {
        const struct firm_attack *a = &f->attack[i];
        if (a->class == FIRM_CLASS_SILENT && a->source == source && now >= a->first &&
            now < a->last && i % 2 == 1)
            return false;
    }
    return !is_down(f, source, now, 0);
}

static struct kt_str agent_of(unsigned source, char text[40])
{
    (void)snprintf(text, 40, "agent-%s", firm_sources[source].instance);
    return kt_str_of(text);
}

static void give_tick(struct feed *to, kt_time_ns now)
{
    struct kt_record r = { .arrival = now, .origin = KT_ORIGIN_CONTROL };
    r.ev.kind = KT_KIND_TICK;
    r.ev.source = KT_STR("keytrail");
    r.ev.time = r.ev.observed = now;
    give(to, &r);
    to->log.ticks++;
    for (unsigned s = 0; s < FIRM_SOURCES; s++) {
        char raw[200], id[80], agent[40];
        if (!heartbeat(to->f, s, now))
            continue;
        const struct firm_source *src = &firm_sources[s];
        (void)snprintf(raw, sizeof raw,
                       "{\"agent\":\"agent-%s\",\"spool\":0,\"lag\":0,\"truncations\":0,\"gone\":0,"
                       "\"broken\":0,\"newest\":%lld,\"blind\":[]}",
                       src->instance, (long long)to->newest[s]);
        (void)snprintf(id, sizeof id, "agent-%s/%lld", src->instance, (long long)now);
        struct kt_record h = { .arrival = now, .stored = now, .agent = agent_of(s, agent) };
        h.ev = (struct kt_event){ .kind = KT_KIND_REPORT,
                                  .time = now,
                                  .observed = now,
                                  .source = kt_str_of(src->source),
                                  .instance = kt_str_of(src->instance),
                                  .scope = kt_str_of(src->instance),
                                  .native_id = kt_str_of(id),
                                  .raw = kt_str_of(raw) };
        give(to, &h);
        to->log.reports++;
    }
}

static void give_event(struct feed *to, const struct firm_event *e)
{
    const struct firm_source *src = &firm_sources[e->source];
    char native[40], ip[16] = "", agent[40], credential[64];
    if (e->attack > 0)
        (void)snprintf(native, sizeof native, "a%u-%u", e->attack, e->id);
    else
        (void)snprintf(native, sizeof native, "e%u", e->id);
    struct kt_record r = { .arrival = e->arrival, .stored = e->arrival };
    r.agent = agent_of(e->source, agent);
    r.ev.kind = e->record;
    r.ev.action = e->action;
    r.ev.outcome = e->outcome;
    r.ev.actor_kind = e->kind;
    r.ev.time = e->t;
    r.ev.observed = e->arrival;
    r.ev.count = e->count;
    r.ev.source = kt_str_of(src->source);
    r.ev.instance = r.ev.scope = kt_str_of(src->instance);
    r.ev.host = kt_str_of(e->source >= FIRM_HOST ? src->instance : NULL);
    r.ev.native_id = kt_str_of(native);
    r.ev.operation = kt_str_of(e->operation);
    r.ev.actor = kt_str_of(e->actor);
    r.ev.credential = firm_credential(to->f, e, credential);
    r.ev.secret = kt_str_of(e->secret);
    r.ev.secret_native = kt_str_of(e->native);
    r.ev.user_agent = kt_str_of(e->agent);
    r.ev.raw = kt_str_of(e->raw);
    r.ev.code = kt_str_of(e->code);
    if (e->ip != 0 && e->source < FIRM_HOST) {
        format_ip(e->ip, ip);
        r.ev.ip_raw = kt_str_of(ip);
        r.ev.has_ip = kt_ip_parse(r.ev.ip_raw, &r.ev.ip);
        r.ev.ip_trust = KT_TRUST_EDGE;
        give_fact(to, e->ip, e->arrival);
    }
    to->newest[e->source] = e->t > to->newest[e->source] ? e->t : to->newest[e->source];
    give(to, &r);
    to->log.records++;
    to->log.late += e->arrival - e->t > KT_NS_HOUR;
}

struct firm_log firm_tell(struct firm *f, const struct firm_sink *sink)
{
    struct feed *to = kt_alloc(sizeof *to);
    to->f = f;
    to->sink = sink;
    to->kept = kt_alloc(f->n / 8 + 1);
    /* The world ends at midnight: what comes later would come from sources that have fallen silent.
     */
    kt_time_ns tick = f->start + TICK, end = f->start + (kt_time_ns)f->days * KT_NS_DAY;
    for (uint32_t i = 0; i < f->n && f->ev[i].arrival < end; i++) {
        const struct firm_event *e = &f->ev[i];
        if (e->dropped)
            continue;
        for (; tick <= e->arrival; tick += TICK)
            give_tick(to, tick);
        if (to->kept[e->id / 8] >> e->id % 8 & 1) {
            to->log.twice++;
            continue;
        }
        to->kept[e->id / 8] |= (uint8_t)(1u << e->id % 8);
        give_event(to, e);
        if (sink->watch != NULL)
            sink->watch(sink->self, e);
    }
    struct firm_log log = to->log;
    kt_free(to->kept);
    kt_free(to);
    return log;
}

struct judged {
    struct kt_detect *d;
    void (*watch)(void *self, const struct firm_event *e);
    void *self;
};

static void judge(void *self, struct kt_record *r)
{
    const struct judged *j = self;
    kt_detect_record(j->d, r);
}

static void watch_judged(void *self, const struct firm_event *e)
{
    const struct judged *j = self;
    j->watch(j->self, e);
}

struct firm_log firm_feed(struct firm *f, struct kt_detect *d,
                          void (*watch)(void *self, const struct firm_event *e), void *self)
{
    struct judged j = { d, watch, self };
    return firm_tell(f, &(struct firm_sink){ &j, judge, watch_judged });
}
