/*
 * counts: counters by source instance, by agent, by alert; how long commits take.
 *
 * Owns:  a slot for each name, up to a maximum; names beyond it share one.
 * Calls: core/base, core/event (json: the heartbeats of agents).
 * Holds: names come from what was stored, never from what was refused; what is told has at most
 *        KT_COUNTS_SOURCES and KT_COUNTS_AGENTS names, the rest is summed up as one more.
 */
#include "collector/counts.h"

#include <inttypes.h>

#include "core/base/alloc.h"
#include "core/base/fetch.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/store/write.h"

#define AHEAD       4u /* lines asked for before they are needed */
#define REASONS     (KT_REFUSE_VERSION + 1)
#define ALERT_NAMES 64u
#define FUTURE      (10 * KT_NS_MIN) /* clocks differ by as much; a later event is no newest one */

struct source {
    uint64_t received, stored, duplicates, refused[REASONS];
    uint64_t gaps;                 /* sums of what its agents counted */
    uint64_t said_gaps, said_lost; /* by the newest heartbeat; an agent counts since its start */
    kt_time_ns last_event, last_contact;
    bool silent;
    struct kt_histogram lag;
};
struct agent {
    uint64_t queue; /* events in its spool */
    uint64_t lost;  /* records that its sources lost, and lines that were refused for good */
    kt_time_ns last_contact;
};
struct kt_counts {
    struct kt_map *source_names, *agent_names, *alert_names;
    struct source *sources; /* by number of the name; the last slot is KT_COUNTS_OTHERS */
    struct agent *agents;
    uint64_t refused[REASONS]; /* of sources that nobody knows */
    uint64_t alerts[ALERT_NAMES + 1][KT_SEV_COUNT];
    struct kt_histogram commit;
    struct kt_json *json;
};

struct kt_counts *kt_counts_new(void)
{
    struct kt_counts *m = kt_alloc(sizeof *m);
    m->source_names = kt_map_new(0);
    m->agent_names = kt_map_new(0);
    m->alert_names = kt_map_new(0);
    m->json = kt_json_new(KT_JSON_SIMDJSON);
    return m;
}

void kt_counts_free(struct kt_counts *m)
{
    if (m == NULL)
        return;
    kt_map_free(m->source_names);
    kt_map_free(m->agent_names);
    kt_map_free(m->alert_names);
    kt_json_free(m->json);
    kt_free(m->sources);
    kt_free(m->agents);
    kt_free(m);
}

/* The number of a name; those beyond `most` have that of KT_COUNTS_OTHERS. */
static uint32_t number_of(struct kt_map *names, struct kt_str name, uint32_t most, bool *ret_new)
{
    uint32_t n = kt_map_get(names, name);
    *ret_new = false;
    if (n != KT_MAP_NONE)
        return n;
    if (kt_map_count(names) >= most)
        name = KT_STR(KT_COUNTS_OTHERS);
    return kt_map_put(names, name, ret_new);
}

static uint32_t source_of(struct kt_counts *m, struct kt_str instance)
{
    bool fresh;
    uint32_t n = number_of(m->source_names, instance, KT_COUNTS_NAMES, &fresh);
    if (fresh) {
        m->sources = kt_realloc_array(m->sources, n + 1, sizeof *m->sources);
        m->sources[n] = (struct source){ 0 };
    }
    return n;
}

static uint32_t agent_of(struct kt_counts *m, struct kt_str name)
{
    bool fresh;
    uint32_t n = number_of(m->agent_names, name, KT_COUNTS_NAMES, &fresh);
    if (fresh) {
        m->agents = kt_realloc_array(m->agents, n + 1, sizeof *m->agents);
        m->agents[n] = (struct agent){ 0 };
    }
    return n;
}

/* ---- what was stored ---- */

static uint64_t number_at(struct kt_jval v, const char *name)
{
    int64_t n = 0;
    return kt_json_i64(kt_json_at(v, name), &n) && n > 0 ? (uint64_t)n : 0;
}

/* What a count grew by since it was said last. One that fell began anew, with its agent: all of it
 * is new. */
static uint64_t grown(uint64_t *last, uint64_t said)
{
    uint64_t by = said < *last ? said : said - *last;
    *last = said;
    return by;
}

/* A heartbeat: what waits in the spool, what is missing for good. Of sources that share a slot
 * nobody knows whose count grew: none of theirs is added. */
static void take_heartbeat(struct kt_counts *m, uint32_t source, struct agent *a,
                           const struct kt_event *ev)
{
    struct source *s = &m->sources[source];
    struct kt_jval root, item;
    struct kt_str name;
    unsigned repaired;
    uint64_t gaps = 0;
    if (ev->operation.len > 0 || kt_json_parse(m->json, ev->raw, &root, &repaired, NULL) != KT_OK)
        return;
    a->queue = number_at(root, "queue");
    if (source >= KT_COUNTS_NAMES)
        return;
    a->lost += grown(&s->said_lost, number_at(root, "lost"));
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "findings"));
    while (kt_json_next(&it, &name, &item))
        if (kt_str_ends(kt_json_str_at(item, "code"), KT_STR(".gap")))
            gaps += number_at(item, "said");
    s->gaps += grown(&s->said_gaps, gaps);
}

/* A quarantined record that names a batch stands for a line that the agent gave up. */
static bool is_lost_line(struct kt_counts *m, const struct kt_event *ev)
{
    struct kt_jval root;
    unsigned repaired;
    return kt_json_parse(m->json, ev->raw, &root, &repaired, NULL) == KT_OK &&
           kt_json_type(kt_json_at(root, "batch")) == KT_JSON_NUMBER;
}

static void take_event(struct source *s, const struct kt_event *ev, uint8_t fate, kt_time_ns stored,
                       bool live)
{
    s->received++;
    s->stored += fate != KT_FATE_DUPLICATE;
    s->duplicates += fate == KT_FATE_DUPLICATE;
    if (ev->time > s->last_event && ev->time <= stored + FUTURE)
        s->last_event = ev->time;
    if (live && fate != KT_FATE_DUPLICATE && ev->kind == KT_KIND_ACCESS && ev->time > 0)
        kt_histogram_add(&s->lag, &kt_buckets_lag, stored - ev->time);
}

void kt_counts_lines(struct kt_counts *m, const struct kt_counts_lines *l)
{
    bool live = l->agent.len > 0;
    uint32_t agent = live ? agent_of(m, l->agent) : KT_MAP_NONE, at = KT_MAP_NONE;
    for (uint32_t i = 0; i < l->n; i++) {
        const struct kt_event *ev = &l->events[i];
        if (i + AHEAD < l->n) /* of a batch's lines the first are in no near cache any more */
            kt_fetch(l->events[i + AHEAD].instance);
        if (ev->instance.len == 0)
            continue;
        if (at == KT_MAP_NONE || !kt_str_eq(ev->instance, l->events[i - 1].instance)) {
            at = source_of(m, ev->instance);
            if (live)
                m->sources[at].last_contact = l->stored;
        }
        struct source *s = &m->sources[at];
        if (kt_kind_of_source(ev->kind))
            take_event(s, ev, l->fate[i], l->stored, live);
        else if (!live || l->fate[i] == KT_FATE_DUPLICATE)
            continue; /* sent again: it may be older than what was heard since */
        else if (ev->kind == KT_KIND_REPORT)
            take_heartbeat(m, at, &m->agents[agent], ev);
        else if (ev->kind == KT_KIND_QUARANTINE)
            m->agents[agent].lost += is_lost_line(m, ev);
    }
    if (live)
        m->agents[agent].last_contact = l->stored;
}

void kt_counts_refused(struct kt_counts *m, struct kt_str instance, enum kt_refuse reason,
                       uint32_t lines)
{
    uint32_t n = instance.len > 0 ? kt_map_get(m->source_names, instance) : KT_MAP_NONE;
    if ((unsigned)reason >= REASONS)
        return;
    *(n != KT_MAP_NONE ? &m->sources[n].refused[reason] : &m->refused[reason]) += lines;
    if (n != KT_MAP_NONE)
        m->sources[n].received += lines;
}

void kt_counts_commit(struct kt_counts *m, kt_time_ns took)
{
    kt_histogram_add(&m->commit, &kt_buckets_commit, took);
}

void kt_counts_before(struct kt_counts *m, struct kt_str instance, kt_time_ns contact,
                      kt_time_ns event)
{
    uint32_t n = source_of(m, instance); /* may move the slots */
    struct source *s = &m->sources[n];
    s->last_contact = contact > s->last_contact ? contact : s->last_contact;
    s->last_event = event > s->last_event ? event : s->last_event;
}

void kt_counts_alert(struct kt_counts *m, struct kt_str detector, enum kt_severity severity)
{
    bool fresh;
    m->alerts[number_of(m->alert_names, detector, ALERT_NAMES, &fresh)][severity]++;
}

void kt_counts_detection(struct kt_counts *m, struct kt_str status)
{
    struct kt_jval root, item;
    struct kt_str name;
    unsigned repaired;
    if (kt_json_parse(m->json, status, &root, &repaired, NULL) != KT_OK)
        return;
    for (uint32_t i = 0; i < kt_map_count(m->source_names); i++)
        m->sources[i].silent = false;
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "silent"));
    while (kt_json_next(&it, &name, &item)) {
        struct kt_str instance = kt_json_str(item);
        uint32_t n = instance.len > 0 ? source_of(m, instance) : KT_MAP_NONE;
        if (n != KT_MAP_NONE) /* one that was silent before this life, too */
            m->sources[n].silent = true;
    }
}

/* ---- what is told ---- */

/* Sources that share a line: sums, and the worst of what is no sum. */
static void join(struct source *to, const struct source *s)
{
    to->received += s->received;
    to->stored += s->stored;
    to->duplicates += s->duplicates;
    to->gaps += s->gaps;
    to->silent = to->silent || s->silent;
    for (unsigned r = 0; r < REASONS; r++)
        to->refused[r] += s->refused[r];
    if (s->last_event != 0 && (to->last_event == 0 || s->last_event < to->last_event))
        to->last_event = s->last_event;
    if (s->last_contact != 0 && (to->last_contact == 0 || s->last_contact < to->last_contact))
        to->last_contact = s->last_contact;
    kt_histogram_join(&to->lag, &s->lag);
}

static void add_refused(const uint64_t refused[REASONS], struct kt_buf *out)
{
    const char *between = "";
    kt_buf_addz(out, "\"rejected\":{");
    for (unsigned r = 0; r < REASONS; r++) {
        if (refused[r] == 0)
            continue;
        kt_buf_addf(out, "%s\"%s\":%" PRIu64, between, kt_refuse_word((enum kt_refuse)r),
                    refused[r]);
        between = ",";
    }
    kt_buf_byte(out, '}');
}

static void add_source(const struct source *s, struct kt_str name, struct kt_buf *out)
{
    kt_buf_addz(out, out->at[out->len - 1] == '[' ? "{\"source\":" : ",{\"source\":");
    kt_json_quote(out, name);
    kt_buf_addf(out,
                ",\"received\":%" PRIu64 ",\"stored\":%" PRIu64 ",\"duplicate\":%" PRIu64
                ",\"gaps\":%" PRIu64 ",\"silent\":%s,\"last_event\":%" PRId64
                ",\"last_contact\":%" PRId64 ",",
                s->received, s->stored, s->duplicates, s->gaps, s->silent ? "true" : "false",
                s->last_event, s->last_contact);
    add_refused(s->refused, out);
    kt_buf_addz(out, ",\"lag\":");
    kt_histogram_write(&s->lag, &kt_buckets_lag, out);
    kt_buf_byte(out, '}');
}

/* Refused, and of no source that is known: no other figure is. */
static void add_unknown(const uint64_t refused[REASONS], struct kt_buf *out)
{
    uint64_t received = 0;
    for (unsigned r = 0; r < REASONS; r++)
        received += refused[r];
    if (received == 0)
        return;
    kt_buf_addf(out, "%s{\"source\":\"" KT_COUNTS_UNKNOWN "\",\"received\":%" PRIu64 ",",
                out->at[out->len - 1] == '[' ? "" : ",", received);
    add_refused(refused, out);
    kt_buf_byte(out, '}');
}

static void add_sources(const struct kt_counts *m, struct kt_buf *out)
{
    struct source others = { 0 };
    uint32_t n = kt_map_count(m->source_names);
    kt_buf_addz(out, "\"sources\":[");
    for (uint32_t i = 0; i < n; i++) {
        if (i < KT_COUNTS_SOURCES)
            add_source(&m->sources[i], kt_map_key(m->source_names, i), out);
        else
            join(&others, &m->sources[i]);
    }
    if (n > KT_COUNTS_SOURCES)
        add_source(&others, KT_STR(KT_COUNTS_OTHERS), out);
    add_unknown(m->refused, out);
    kt_buf_byte(out, ']');
}

static void add_agent(struct kt_str name, uint64_t queue, uint64_t dropped, kt_time_ns contact,
                      struct kt_buf *out)
{
    kt_buf_addz(out, out->at[out->len - 1] == '[' ? "{\"agent\":" : ",{\"agent\":");
    kt_json_quote(out, name);
    kt_buf_addf(out, ",\"queue\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"last_contact\":%" PRId64 "}",
                queue, dropped, contact);
}

static void add_agents(const struct kt_counts *m, struct kt_buf *out)
{
    uint32_t n = kt_map_count(m->agent_names);
    uint64_t queue = 0, dropped = 0;
    kt_time_ns contact = 0;
    kt_buf_addz(out, ",\"agents\":[");
    for (uint32_t i = 0; i < n; i++) {
        const struct agent *a = &m->agents[i];
        if (i < KT_COUNTS_AGENTS) {
            add_agent(kt_map_key(m->agent_names, i), a->queue, a->lost, a->last_contact, out);
            continue;
        }
        queue += a->queue;
        dropped += a->lost;
        contact = contact == 0 || a->last_contact < contact ? a->last_contact : contact;
    }
    if (n > KT_COUNTS_AGENTS)
        add_agent(KT_STR(KT_COUNTS_OTHERS), queue, dropped, contact, out);
    kt_buf_byte(out, ']');
}

void kt_counts_write(const struct kt_counts *m, struct kt_buf *out)
{
    add_sources(m, out);
    add_agents(m, out);
    kt_buf_addz(out, ",\"commit\":");
    kt_histogram_write(&m->commit, &kt_buckets_commit, out);
    kt_buf_addz(out, ",\"alerts\":[");
    for (uint32_t i = 0; i < kt_map_count(m->alert_names); i++) {
        for (unsigned s = 0; s < KT_SEV_COUNT; s++) {
            if (m->alerts[i][s] == 0)
                continue;
            kt_buf_addz(out, out->at[out->len - 1] == '[' ? "{\"detector\":" : ",{\"detector\":");
            kt_json_quote(out, kt_map_key(m->alert_names, i));
            kt_buf_addf(out, ",\"severity\":\"%s\",\"n\":%" PRIu64 "}", kt_severity_words[s].word,
                        m->alerts[i][s]);
        }
    }
    kt_buf_byte(out, ']');
}
