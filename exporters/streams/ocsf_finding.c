/*
 * ocsf_finding: one state of an alert as a Detection Finding (2004).
 *
 * Owns:  the table from an alert's state to the finding's.
 * Calls: doc, said, attack. No I/O, no clock.
 * Holds: `finding_info.uid` is the alert's id on every state, `metadata.uid` the state's own.
 */
#include "core/base/alloc.h"
#include "exporters/streams/attack.h"
#include "exporters/streams/ocsf_int.h"

struct phase {
    struct kt_ocsf_activity activity;
    int status;
    const char *caption;
};

/* A person's word counts before the engine's; false and expected alerts were reviewed and found
 * benign, which is what `suppressed` means there. */
static struct phase phase_of(const struct kt_alert *a)
{
    static const struct phase opened = { { 1, "Create" }, 1, "New" },
                              updated = { { 2, "Update" }, 1, "New" },
                              acknowledged = { { 2, "Update" }, 2, "In Progress" },
                              silenced = { { 2, "Update" }, 3, "Suppressed" },
                              benign = { { 3, "Close" }, 3, "Suppressed" },
                              merged = { { 3, "Close" }, 5, "Archived" },
                              resolved = { { 3, "Close" }, 4, "Resolved" };
    struct kt_str state = kt_str_of(a->state), status = a->life.status;
    if (a->merged_into.len > 0)
        return merged;
    if (kt_str_is(status, "closed"))
        return kt_str_is(a->life.verdict, "true") ? resolved : benign;
    if (kt_str_is(state, "closed"))
        return resolved;
    if (a->suppressed_by.len > 0)
        return silenced;
    if (kt_str_is(status, "acknowledged"))
        return acknowledged;
    return status.len > 0 || kt_str_is(state, "updated") ? updated : opened;
}

/* The attributes of the profile `incident`, and the newest note. */
static bool is_incident(const struct kt_alert *a)
{
    return a->life.assignee.len > 0 || a->life.verdict.len > 0;
}

static void add_incident(const struct kt_alert *a, struct kt_buf *out)
{
    static const struct {
        const char *verdict, *caption;
        int id;
    } verdicts[] = { { "true", "True Positive", 2 },
                     { "false", "False Positive", 1 },
                     { "expected", "Benign", 5 } };
    size_t assignee = kt_doc_open(out, "assignee", '{');
    kt_doc_str(out, "name", a->life.assignee);
    kt_doc_close(out, assignee);
    for (size_t i = 0; i < KT_ARRAY_LEN(verdicts); i++) {
        if (!kt_str_is(a->life.verdict, verdicts[i].verdict))
            continue;
        kt_doc_i64(out, "verdict_id", verdicts[i].id);
        kt_doc_z(out, "verdict", verdicts[i].caption);
    }
    kt_doc_str(out, "comment", a->life.note);
}

static void add_name(const char *key, const struct kt_attack_name *n, struct kt_buf *out)
{
    if (n == NULL)
        return;
    size_t mark = kt_doc_open(out, key, '{');
    kt_doc_z(out, "uid", n->id);
    kt_doc_z(out, "name", n->name);
    kt_doc_close(out, mark);
}

static void add_attacks(const struct kt_alert *a, struct kt_buf *out)
{
    const struct kt_attack *seen[KT_ALERT_PARTS_MAX + 1] = { NULL };
    unsigned n = 0;
    size_t list = kt_doc_open(out, "attacks", '[');
    for (unsigned i = 0; i <= a->n_parts; i++) {
        const struct kt_attack *t = kt_attack_of(i == 0 ? a->detector : a->parts[i - 1].detector);
        bool again = t->technique == NULL;
        for (unsigned k = 0; k < n && !again; k++)
            again = seen[k]->technique == t->technique && seen[k]->sub == t->sub;
        if (again)
            continue;
        seen[n++] = t;
        size_t one = kt_doc_open(out, NULL, '{');
        kt_doc_z(out, "version", KT_ATTACK_VERSION);
        add_name("tactic", t->tactic, out);
        add_name("technique", t->technique, out);
        add_name("sub_technique", t->sub, out);
        kt_doc_close(out, one);
    }
    kt_doc_close(out, list);
}

static void add_analytic(const struct kt_alert *a, struct kt_buf *out)
{
    size_t analytic = kt_doc_open(out, "analytic", '{');
    kt_doc_i64(out, "type_id", kt_attack_of(a->detector)->analytic);
    kt_doc_z(out, "uid", a->detector);
    kt_doc_z(out, "name", a->detector);
    kt_doc_z(out, "version", KT_VERSION);
    kt_doc_close(out, analytic);
}

static void add_milliseconds(struct kt_buf *out, const char *key, kt_time_ns t)
{
    if (t != 0)
        kt_doc_i64(out, key, kt_doc_floor(t, KT_NS_MS));
}

static void add_info(const struct kt_stream_item *item, struct kt_arena *arena, struct kt_buf *out)
{
    const struct kt_alert *a = item->alert;
    KT_CLEANUP(kt_buf_done) struct kt_buf words = { 0 };
    kt_alert_explain(a, &words);
    size_t info = kt_doc_open(out, "finding_info", '{');
    kt_doc_z(out, "uid", a->id);
    kt_doc_str(out, "title", kt_stream_sentence(item, arena));
    kt_doc_str(out, "desc", kt_buf_str(&words));
    size_t list = kt_doc_open(out, "types", '[');
    kt_doc_z(out, NULL, a->detector);
    kt_doc_close(out, list);
    add_milliseconds(out, "created_time", a->raised);
    add_milliseconds(out, "first_seen_time", a->first);
    add_milliseconds(out, "last_seen_time", a->last);
    add_milliseconds(out, "modified_time", item->stored);
    add_analytic(a, out);
    list = kt_doc_open(out, "related_events", '[');
    for (unsigned i = 0; i < a->n_events; i++) {
        size_t one = kt_doc_open(out, NULL, '{');
        kt_doc_str(out, "uid", a->events[i]);
        kt_doc_close(out, one);
    }
    kt_doc_close(out, list);
    add_attacks(a, out);
    kt_doc_close(out, info);
}

static void add_user(const struct kt_alert *a, struct kt_buf *out)
{
    size_t actor = kt_doc_open(out, "actor", '{');
    size_t user = kt_doc_open(out, "user", '{');
    kt_doc_str(out, "name", a->actor);
    kt_doc_close(out, user);
    kt_doc_close(out, actor);
}

static void add_resources(const struct kt_alert *a, const char *key, struct kt_buf *out)
{
    size_t list = kt_doc_open(out, key, '[');
    for (unsigned i = 0; i < a->n_secrets || (i == 0 && a->secret.len > 0); i++) {
        struct kt_str s = a->n_secrets > 0 ? a->secrets[i] : a->secret;
        if (s.len == 0)
            continue;
        size_t one = kt_doc_open(out, NULL, '{');
        kt_doc_str(out, "uid", s);
        kt_doc_str(out, "name", kt_stream_last_part(s));
        kt_doc_z(out, "type", "secret");
        kt_doc_close(out, one);
    }
    kt_doc_close(out, list);
}

static void add_evidences(const struct kt_alert *a, struct kt_buf *out)
{
    size_t list = kt_doc_open(out, "evidences", '[');
    size_t one = kt_doc_open(out, NULL, '{');
    add_user(a, out);
    size_t from = kt_doc_open(out, "src_endpoint", '{');
    kt_doc_str(out, "ip", a->ip);
    if (a->ip.len > 0) {
        size_t place = kt_doc_open(out, "location", '{');
        kt_doc_str(out, "country", a->country);
        kt_doc_close(out, place);
    }
    kt_doc_close(out, from);
    kt_doc_close(out, one);
    kt_doc_close(out, list);
}

static void add_observables(const struct kt_alert *a, struct kt_buf *out)
{
    size_t list = kt_doc_open(out, "observables", '[');
    kt_ocsf_observable(out, "evidences.src_endpoint.ip", 2, a->ip);
    kt_ocsf_observable(out, "evidences.actor.user.name", 4, a->actor);
    for (unsigned i = 0; i < a->n_secrets; i++)
        kt_ocsf_observable(out, "resources.uid", 10, a->secrets[i]);
    kt_doc_close(out, list);
}

static void add_unmapped(const struct kt_alert *a, struct kt_buf *out)
{
    const struct {
        const char *key;
        struct kt_str s;
    } rest[] = {
        { "normal", a->normal },
        { "why", a->why },
        { "quiet", a->quiet },
        { "command", a->command },
        { "instance", a->instance },
        { "source", a->source },
        { "network", a->network },
        { "user_agent", a->user_agent },
        { "merged_into", a->merged_into },
        { "suppressed_by", a->suppressed_by },
        { "acknowledged_by", a->life.acknowledged_by },
        { "acknowledged_where", a->life.acknowledged_where },
        { "closed_by", a->life.closed_by },
        { "closed_where", a->life.closed_where },
        { "reopened_by", a->life.reopened_by },
        { "reopened_for", a->life.reopened_for },
        { "note_by", a->life.note_by },
    };
    size_t unmapped = kt_doc_open(out, "unmapped", '{');
    kt_doc_z(out, "state", a->state);
    for (size_t i = 0; i < KT_ARRAY_LEN(rest); i++)
        kt_doc_str(out, rest[i].key, rest[i].s);
    add_milliseconds(out, "acknowledged_time", a->life.acknowledged_at);
    add_milliseconds(out, "closed_time", a->life.closed_at);
    add_milliseconds(out, "reopened_time", a->life.reopened_at);
    kt_doc_u64(out, "events_count", a->events_count);
    kt_doc_u64(out, "secrets_count", a->secrets_count);
    if (a->test)
        kt_doc_bool(out, "test", true);
    kt_doc_close(out, unmapped);
}

void kt_ocsf_finding(const struct kt_stream_item *item, struct kt_arena *arena, struct kt_buf *out)
{
    static const int confidence[KT_SEV_COUNT] = { 1, 1, 2, 3, 3 };
    const struct kt_alert *a = item->alert;
    struct phase p = phase_of(a);
    size_t event = kt_ocsf_begin(out, OCSF_FINDING, p.activity);
    kt_ocsf_severity(out, kt_severity_words[a->severity].ocsf);
    kt_ocsf_head(out, item, is_incident(a) ? "incident" : NULL);
    kt_doc_i64(out, "status_id", p.status);
    kt_doc_z(out, "status", p.caption);
    kt_doc_str(out, "message", kt_stream_sentence(item, arena));
    kt_doc_bool(out, "is_alert", p.activity.id != 3 && !a->test);
    kt_doc_i64(out, "confidence_id", confidence[a->severity]);
    kt_doc_i64(out, "risk_score", kt_severity_words[a->severity].ecs);
    add_incident(a, out);
    add_info(item, arena, out);
    add_evidences(a, out);
    add_resources(a, "resources", out);
    add_observables(a, out);
    add_unmapped(a, out);
    kt_doc_close(out, event);
}
