/*
 * agent_report: what the agent says about itself: heartbeat lines, lost lines, its status.
 *
 * Owns:  the form of those records.
 * Calls: core/event (the line), inputs (their numbers). No I/O.
 */
#include "agents/agent_int.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include <stdio.h>
#include <string.h>

#define REPORT_EVERY   KT_NS_MIN
#define NO_READS_AFTER KT_NS_HOUR /* of running: then it is told that no read has come */

static void key(struct kt_buf *b, const char *name)
{
    if (b->len > 0 && b->at[b->len - 1] != '{' && b->at[b->len - 1] != '[')
        kt_buf_byte(b, ',');
    kt_json_quote(b, kt_str_of(name));
    kt_buf_byte(b, ':');
}

static void number(struct kt_buf *b, const char *name, uint64_t v)
{
    key(b, name);
    kt_buf_u64_dec(b, v);
}

static void text(struct kt_buf *b, const char *name, struct kt_str v)
{
    key(b, name);
    kt_json_quote(b, v);
}

/* ---- numbers of one source ---- */

static void add_counts(struct kt_buf *b, const struct kt_pipeline_counts *c)
{
    const struct {
        const char *name;
        uint64_t v;
    } all[] = {
        { "records", c->records },
        { "events", c->events },
        { "folded", c->folded },
        { "skipped", c->skipped },
        { "quarantined", c->quarantined },
        { "redactions", c->redactions },
        { "repaired", c->repaired },
        { "torn", c->torn },
        { "blank", c->blank },
        { "unknown_fields", c->unknown_fields },
    };

    kt_buf_byte(b, '{');
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++)
        number(b, all[i].name, all[i].v);
    key(b, "skip");
    kt_buf_byte(b, '{');
    for (size_t i = 0; i < KT_ARRAY_LEN(c->skip) && c->skip[i].reason != NULL; i++)
        number(b, c->skip[i].reason, c->skip[i].n);
    kt_buf_addz(b, "}}");
}

static void add_sentence(struct kt_buf *b, const char *sentence)
{
    if (b->at[b->len - 1] != '[')
        kt_buf_byte(b, ',');
    kt_json_quote(b, kt_str_of(sentence));
}

/* What it cannot see now, as sentences: the input's problem, findings, settings that may hide
 * reads. */
static void add_blind(struct kt_buf *b, const struct instance *in, const struct kt_input_status *st)
{
    const struct kt_source *source = in->opened.file.source;
    bool long_enough = in->agent->mono - in->agent->started >= NO_READS_AFTER;

    kt_buf_byte(b, '[');
    if (st->problem[0] != '\0')
        add_sentence(b, st->problem);
    for (unsigned i = 0; i < in->n_findings; i++)
        add_sentence(b, in->findings[i].sentence);
    if (source->no_reads != NULL && in->reads == 0 && long_enough)
        add_sentence(b, source->no_reads);
    kt_buf_byte(b, ']');
}

/* The findings by code, with how often each was made: whoever reads two reports knows what is new.
 */
static void add_findings(struct kt_buf *b, const struct instance *in)
{
    kt_buf_byte(b, '[');
    for (unsigned i = 0; i < in->n_findings; i++) {
        kt_buf_addz(b, i > 0 ? ",{" : "{");
        text(b, "code", kt_str_of(in->findings[i].code));
        number(b, "said", in->findings[i].said);
        text(b, "text", kt_str_of(in->findings[i].sentence));
        kt_buf_byte(b, '}');
    }
    kt_buf_byte(b, ']');
}

/* What its service never tells. */
static void add_limits(struct kt_buf *b, const struct kt_source *source)
{
    kt_buf_byte(b, '[');
    for (const char *const *s = source->limits; s != NULL && *s != NULL; s++)
        add_sentence(b, *s);
    kt_buf_byte(b, ']');
}

static void add_source(struct kt_buf *b, struct instance *in)
{
    struct kt_input_status st = { 0 };
    struct kt_pipeline_counts c = { 0 };

    in->opened.type->status(in->opened.input, &st);
    in->opened.type->counts(in->opened.input, &c);
    text(b, "position", kt_str_of(st.position));
    number(b, "lag", st.lag_bytes);
    number(b, "bytes", st.bytes);
    number(b, "files", st.files);
    number(b, "rotations", st.rotations);
    number(b, "truncations", st.truncations);
    number(b, "gone", st.gone);
    number(b, "broken", st.broken);
    number(b, "emptied", st.emptied);
    number(b, "lost", st.lost);
    number(b, "newest", in->newest > 0 ? (uint64_t)in->newest : 0);
    key(b, "counts");
    add_counts(b, &c);
    key(b, "blind");
    add_blind(b, in, &st);
    key(b, "limits");
    add_limits(b, in->opened.file.source);
    key(b, "findings");
    add_findings(b, in);
    if (st.problem[0] != '\0' && strcmp(st.problem, in->warned) != 0)
        kt_log(KT_LOG_WARN, "input: %s instance='%s'", st.problem, in->conf->id);
    kt_str_copyz(in->warned, sizeof in->warned, kt_str_of(st.problem));
}

/* ---- lines ---- */

/* Writes ev and gives it to the batch buffer. */
static void give(struct kt_agent *a, struct kt_event *ev)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };

    if (kt_line_write(ev, &line, NULL) == KT_OK && agent_line(a, kt_buf_str(&line)) == KT_OK)
        return;
    kt_log(KT_LOG_WARN, "agent: a report did not fit into a line");
}

static void report(struct kt_agent *a, struct instance *in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, id = { 0 };
    struct kt_event ev = { .kind = KT_KIND_REPORT, .time = a->now, .observed = a->now };

    kt_buf_byte(&raw, '{');
    text(&raw, "agent", kt_str_of(a->o.conf->agent));
    text(&raw, "program", kt_str_of(a->o.program));
    number(&raw, "spool", kt_spool_bytes(a->spool));
    number(&raw, "queue", kt_spool_lines(a->spool));
    if (a->o.conf->standby != NULL)
        text(&raw, "collector", kt_str_of(agent_collector_name(a)));
    add_source(&raw, in);
    kt_buf_byte(&raw, '}');
    kt_buf_addf(&id, "%s/%s/%lld/%llu", a->o.conf->agent, in->conf->id, (long long)a->now,
                (unsigned long long)in->reports++);
    ev.source = kt_str_of(in->opened.file.source->name);
    ev.instance = ev.scope = kt_str_of(in->conf->id);
    ev.decoder = in->opened.file.source->version;
    ev.native_id = kt_buf_str(&id);
    ev.raw = kt_buf_str(&raw);
    give(a, &ev);
}

void agent_report_due(struct kt_agent *a)
{
    if (a->full)
        return; /* no room; the status file says so */
    for (unsigned i = 0; i < a->n_sources; i++) {
        struct instance *in = &a->sources[i];
        if (in->reported != 0 && a->mono - in->reported < REPORT_EVERY)
            continue;
        in->reported = a->mono != 0 ? a->mono : 1;
        report(a, in);
    }
}

int agent_report_wait_ms(const struct kt_agent *a)
{
    kt_time_ns wait = REPORT_EVERY;

    for (unsigned i = 0; i < a->n_sources; i++) {
        kt_time_ns left = a->sources[i].reported + REPORT_EVERY - a->mono;
        wait = left < wait ? left : wait;
    }
    return wait > 0 ? (int)(wait / KT_NS_MS) + 1 : 0;
}

void agent_input_report(struct kt_agent *a, const struct instance *in,
                        const struct kt_input_report *r)
{
    struct kt_event ev = { .kind = KT_KIND_REPORT,
                           .source = kt_str_of(in->opened.file.source->name),
                           .instance = kt_str_of(in->conf->id),
                           .decoder = in->opened.file.source->version,
                           .scope = r->scope,
                           .native_id = r->native_id,
                           .operation = r->operation,
                           .message = r->message,
                           .time = r->time,
                           .observed = a->now,
                           .raw = r->raw };
    give(a, &ev);
}

void agent_say(struct kt_agent *a, const char *operation, struct kt_str message, struct kt_str id,
               struct kt_str raw, kt_time_ns at)
{
    const struct instance *in = a->n_sources > 0 ? &a->sources[0] : NULL;
    struct kt_event ev = { .kind = KT_KIND_REPORT,
                           .time = at,
                           .observed = a->now,
                           .operation = kt_str_of(operation),
                           .message = message,
                           .native_id = id,
                           .raw = raw };

    ev.source = kt_str_of(in != NULL ? in->opened.file.source->name : "keytrail");
    ev.instance = ev.scope = kt_str_of(in != NULL ? in->conf->id : a->o.conf->agent);
    ev.decoder = in != NULL ? in->opened.file.source->version : 1;
    give(a, &ev);
}

void agent_restored(struct kt_agent *a, uint64_t acknowledged, uint64_t has)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, id = { 0 };

    kt_hex_add(&id, kt_spool_incarnation(a->spool), 16);
    kt_buf_addf(&id, "/restored/%llu/%lld", (unsigned long long)has, (long long)a->now);
    kt_buf_byte(&raw, '{');
    text(&raw, "agent", kt_str_of(a->o.conf->agent));
    number(&raw, "acknowledged", acknowledged);
    number(&raw, "has", has);
    kt_buf_byte(&raw, '}');
    agent_say(a, "store.restored", KT_STR("the collector has less than it acknowledged"),
              kt_buf_str(&id), kt_buf_str(&raw), a->now);
}

void agent_lost_line(struct kt_agent *a, uint64_t seq, uint32_t index, const char *reason,
                     struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, id = { 0 };
    struct kt_event ev = { .kind = KT_KIND_QUARANTINE, .time = a->now, .observed = a->now };
    const struct instance *in = a->n_sources > 0 ? &a->sources[0] : NULL;

    kt_hex_add(&id, kt_spool_incarnation(a->spool), 16);
    kt_buf_addf(&id, "/%llu", (unsigned long long)seq);
    kt_buf_byte(&raw, '{');
    text(&raw, "reason", kt_str_of(reason));
    text(&raw, "agent", kt_str_of(a->o.conf->agent));
    number(&raw, "batch", seq);
    if (index != KT_REFUSE_ALL) {
        number(&raw, "line", index);
        kt_buf_addf(&id, "/%u", index);
    }
    kt_buf_byte(&raw, '}');
    ev.source = kt_str_of(in != NULL ? in->opened.file.source->name : "keytrail");
    ev.instance = ev.scope = kt_str_of(in != NULL ? in->conf->id : a->o.conf->agent);
    ev.decoder = in != NULL ? in->opened.file.source->version : 1;
    ev.native_id = kt_buf_str(&id);
    ev.raw = kt_buf_str(&raw);
    if (kt_line_write(&ev, out, NULL) != KT_OK)
        kt_buf_addz(out, "{}"); /* refused in its turn, and then dropped with the batch */
}

/* ---- status ---- */

static const char *link_word(enum kt_link_state s)
{
    static const char *const words[KT_LINK_STATES] = { [KT_LINK_DOWN] = "down",
                                                       [KT_LINK_HELLO] = "greeting",
                                                       [KT_LINK_READY] = "connected",
                                                       [KT_LINK_BACKOFF] = "waiting" };
    return words[s];
}

void kt_agent_status(struct kt_agent *a, struct kt_buf *out)
{
    struct kt_spool_counts sc = kt_spool_counts(a->spool);

    kt_buf_byte(out, '{');
    text(out, "agent", kt_str_of(a->o.conf->agent));
    text(out, "program", kt_str_of(a->o.program));
    number(out, "time", (uint64_t)a->now);
    number(out, "up_s", (uint64_t)((a->mono - a->started) / KT_NS_S));
    key(out, "link");
    kt_buf_byte(out, '{');
    text(out, "state", kt_str_of(link_word(a->link.state)));
    text(out, "endpoint", kt_str_of(agent_collector_endpoint(a, a->pair.side)));
    if (a->o.conf->standby != NULL) {
        text(out, "collector", kt_str_of(agent_collector_name(a)));
        number(out, "since", (uint64_t)a->since);
        text(out, "why",
             a->pair.side == KT_PAIR_STANDBY ? KT_STR("the first collector was silent, and is")
                                             : KT_STR("the first collector answers, or was not "
                                                      "silent for long enough"));
    }
    number(out, "sent", a->counts.sent);
    number(out, "acked", a->counts.acked);
    number(out, "refused_batches", a->counts.refused_batches);
    number(out, "refused_lines", a->counts.refused_lines);
    number(out, "opened", a->counts.reconnects);
    text(out, "problem", kt_str_of(a->trouble));
    kt_buf_byte(out, '}');
    key(out, "spool");
    kt_buf_byte(out, '{');
    number(out, "last", kt_spool_last(a->spool));
    number(out, "acked", kt_spool_acked(a->spool));
    number(out, "waiting_bytes", kt_spool_bytes(a->spool));
    number(out, "disk_bytes", kt_spool_disk(a->spool));
    number(out, "max_bytes", a->o.conf->spool_max);
    number(out, "full", a->full);
    number(out, "corrupt", sc.corrupt);
    number(out, "torn", sc.torn);
    number(out, "lines", a->counts.lines);
    kt_buf_byte(out, '}');
    key(out, "logs");
    agent_watch_status(a, out);
    key(out, "sources");
    kt_buf_byte(out, '[');
    for (unsigned i = 0; i < a->n_sources; i++) {
        struct instance *in = &a->sources[i];
        kt_buf_addz(out, i > 0 ? ",{" : "{");
        text(out, "id", kt_str_of(in->conf->id));
        text(out, "type", kt_str_of(in->opened.file.source->name));
        text(out, "input", kt_str_of(in->opened.type->name));
        add_source(out, in);
        number(out, "events_before", in->events_before);
        number(out, "newest_before", (uint64_t)in->newest_before);
        kt_buf_byte(out, '}');
    }
    kt_buf_addz(out, "]}\n");
}
