/*
 * record: one record, as a row of answers and with all that is kept of it.
 *
 * Owns:  nothing.
 * Calls: core/answer, core/event, core/store/tree.
 */
#include "core/answer/tally.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/store/tree.h"
#include "core/wire/batch.h"
#include "dashboards/api/calls.h"
#include <inttypes.h>
#include <stdio.h>

#define WORD(n, w) w,
static const char *const flag_words[] = { KT_FLAGS(WORD) };
#undef WORD

static void add_who(struct kt_buf *o, const struct kt_ask *ask, const struct kt_event *e)
{
    struct kt_str name = kt_ask_actor(ask, e->actor, e->source, e->instance);
    kt_api_some(o, "actor", name);
    if (!kt_str_eq(name, e->actor))
        kt_api_some(o, "actor_written", e->actor);
    if (e->actor.len > 0)
        kt_api_text(o, "actor_kind", kt_str_of(kt_actor_kind_word(e->actor_kind)));
}

static void add_where(struct kt_buf *o, const struct kt_event *e, const struct kt_fact *fact)
{
    char ip[KT_IP_TEXT_MAX];
    kt_api_some(o, "ip", e->has_ip ? kt_str_of(kt_ip_format(e->ip, ip)) : e->ip_raw);
    if (fact == NULL)
        return;
    kt_api_some(o, "country", fact->country);
    if (fact->asn != 0)
        kt_api_u64(o, "asn", fact->asn);
    kt_api_some(o, "org", fact->org);
}

static void add_marks(struct kt_buf *o, const struct kt_record *r)
{
    const struct kt_event *e = &r->ev;
    kt_time_ns usual = KT_TALLY_LATE + kt_tally_allowance(e->source) * KT_NS_MIN;
    kt_api_open(o, "tags", '[');
    for (unsigned i = 0; i < KT_FLAG_COUNT; i++)
        if ((e->flags >> i & 1) != 0)
            kt_api_text(o, NULL, kt_str_of(flag_words[i]));
    kt_api_close(o, ']');
    kt_api_flag(o, "late",
                r->origin == KT_ORIGIN_LIVE && e->time > 0 && r->arrival - e->time > usual);
    kt_api_flag(o, "conflict", r->conflict);
}

void kt_api_add_record(struct kt_buf *o, const char *key, const struct kt_ask *ask,
                       const struct kt_record *r, const struct kt_fact *fact)
{
    const struct kt_event *e = &r->ev;
    uint8_t id[16];
    char id_text[KT_ID_TEXT];
    kt_event_id(e, id);
    kt_api_open(o, key, '{');
    kt_api_u64(o, "seq", r->seq);
    kt_api_text(o, "id", kt_str_of(kt_id_format(id, id_text)));
    kt_api_time(o, "time", e->time);
    kt_api_time(o, "arrival", r->arrival);
    kt_api_text(o, "kind", kt_str_of(kt_kind_word(e->kind)));
    kt_api_some(o, "source", e->source);
    kt_api_some(o, "instance", e->instance);
    kt_api_some(o, "agent", r->agent);
    add_who(o, ask, e);
    kt_api_text(o, "action", kt_str_of(kt_action_word(e->action)));
    kt_api_text(o, "outcome", kt_str_of(kt_outcome_word(e->outcome)));
    kt_api_some(o, "operation", e->operation);
    kt_api_some(o, "secret", e->secret);
    kt_api_some(o, "version", e->version);
    add_where(o, e, fact);
    kt_api_some(o, "user_agent", e->user_agent);
    kt_api_some(o, "session", e->session);
    kt_api_some(o, "credential", e->credential);
    kt_api_some(o, "code", e->code);
    kt_api_some(o, "message", e->message);
    add_marks(o, r);
    kt_api_close(o, '}');
}

/* ---- the call ---- */

struct found {
    struct kt_api *a;
    bool any;
};

static void add_leaf(struct kt_buf *o, const struct kt_record *r)
{
    uint8_t line[32], leaf[32];
    char hex[65];
    kt_line_hash(r->line, line);
    const struct kt_leaf l = { .seq = r->seq,
                               .arrival = r->arrival,
                               .stored = r->stored,
                               .origin = (uint8_t)r->origin,
                               .conflict = r->conflict,
                               .agent = r->agent,
                               .line_hash = line };
    kt_leaf_hash(&l, leaf);
    kt_hex(hex, leaf, sizeof leaf);
    kt_api_text(o, "leaf", kt_str_of(hex));
}

/* A stored line is JSON by the strict reader, its raw by the writer: both go in as they are. */
static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct found *f = self;
    struct kt_buf *o = &f->a->out;
    char command[64];
    f->any = true;
    kt_api_open(o, NULL, '{');
    kt_api_add_record(o, "record", f->a->ask, r, fact);
    kt_api_text(o, "line", r->line);
    kt_api_raw(o, "fields", r->line);
    kt_api_raw(o, "original", r->ev.raw);
    add_leaf(o, r);
    (void)snprintf(command, sizeof command, "keytrail prove %" PRIu64, r->seq);
    kt_api_text(o, "command", kt_str_of(command));
    kt_api_close(o, '}');
    return kt_fail(err, KT_E_AGAIN, "found");
}

enum kt_status kt_api_record(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct found f = { .a = a };
    uint64_t seq;
    if (kt_api_number(a, "seq", 1, KT_SEQ_MAX, 0, &seq, err) != KT_OK)
        return err->code;
    if (seq == 0)
        return kt_fail(err, KT_E_INPUT, "seq, the number of the record, is missing");
    a->ask->since = a->ask->until = 0;
    kt_buf_addf(&query, "kind:* seq:%" PRIu64, seq);
    enum kt_status status = kt_ask_records(a->ask, kt_buf_str(&query), take, &f, err);
    if (status == KT_OK && !f.any)
        return kt_fail(err, KT_E_AGAIN,
                       "no record has the number %" PRIu64 ", or retention took it", seq);
    return status;
}
