/*
 * syslog: events and alerts as RFC 5424 messages with structured data and a sentence.
 *
 * Owns:  the names and order of the parameters.
 * Calls: syslog_frame, said, exporters/alerts/render (visible escapes). No I/O, no clock.
 * Holds: a message stays within 8 KiB: values are cut to their maximum, then the sentence to what
 *        is left. No control character, no bidi control, no zero-width character goes out.
 */
#include "exporters/alerts/render.h"
#include "exporters/streams/syslog_frame.h"

struct options {
    struct kt_syslog_options syslog;
    uint64_t enterprise;
};

static const struct kt_option options[] = {
    KT_SYSLOG_OPTIONS(struct options, syslog),
    { "enterprise", KT_OPT_UINT, "32473", offsetof(struct options, enterprise),
      "Your private enterprise number in the name of the structured data (32473 is RFC 5612's "
      "example).",
      false, false },
    KT_OPTIONS_END,
};

/* A value shown, cut, and escaped as RFC 5424, 6.3.3 wants it. All maxima together, doubled by
 * escapes, stay below KT_SYSLOG_MAX. */
static void add_param(const char *name, struct kt_str value, size_t max, struct kt_arena *arena,
                      struct kt_buf *body)
{
    struct kt_str shown = kt_render_people(arena, value, max);
    if (shown.len == 0)
        return;
    kt_buf_byte(body, ' ');
    kt_buf_addz(body, name);
    kt_buf_addz(body, "=\"");
    for (size_t i = 0; i < shown.len; i++) {
        if (shown.at[i] == '"' || shown.at[i] == '\\' || shown.at[i] == ']')
            kt_buf_byte(body, '\\');
        kt_buf_byte(body, shown.at[i]);
    }
    kt_buf_byte(body, '"');
}

static void event_params(const struct kt_stream_item *item, struct kt_arena *arena,
                         struct kt_buf *body)
{
    const struct kt_event *ev = item->event;
    char ip[KT_IP_TEXT_MAX] = "";
    if (ev->has_ip)
        (void)kt_ip_format(ev->ip, ip);
    const struct {
        const char *name;
        struct kt_str s;
        size_t max;
    } params[] = {
        { "src", ev->instance.len > 0 ? ev->instance : ev->source, 64 },
        { "actor", ev->actor.len > 0 ? ev->actor : ev->actor_native, 256 },
        { "ip", ev->has_ip ? kt_str_of(ip) : ev->ip_raw, 64 },
        { "country", item->fact != NULL ? item->fact->country : KT_STR_NONE, 8 },
        { "secret", ev->secret.len > 0 ? ev->secret : ev->secret_native, 1024 },
        { "version", ev->version, 64 },
        { "outcome", kt_str_of(kt_stream_is_access(item) ? kt_outcome_word(ev->outcome) : NULL),
          16 },
        { "code", ev->code, 64 },
        { "operation", ev->operation, 128 },
        { "kind", kt_str_of(kt_kind_word(ev->kind)), 16 },
        { "actor_kind",
          kt_str_of(kt_stream_is_access(item) ? kt_actor_kind_word(ev->actor_kind) : NULL), 16 },
        { "session", ev->session, 128 },
        { "credential", ev->credential, 128 },
        { "role", ev->role, 128 },
        { "user_agent", ev->user_agent, 256 },
        { "ticket", ev->ticket, 64 },
        { "request_id", ev->request_id, 128 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(params); i++)
        add_param(params[i].name, params[i].s, params[i].max, arena, body);
}

static void alert_params(const struct kt_stream_item *item, struct kt_arena *arena,
                         struct kt_buf *body)
{
    const struct kt_alert *a = item->alert;
    const struct {
        const char *name;
        struct kt_str s;
        size_t max;
    } params[] = {
        { "alert", kt_str_of(item->about), 32 },
        { "status", kt_stream_status(a), 16 },
        { "severity", kt_str_of(kt_severity_words[a->severity].word), 16 },
        { "detector", kt_str_of(a->detector), 64 },
        { "src", a->instance.len > 0 ? a->instance : a->source, 64 },
        { "actor", a->actor, 256 },
        { "ip", a->ip, 64 },
        { "country", a->country, 8 },
        { "secret", a->secret, 1024 },
        { "acknowledged_by", a->life.acknowledged_by, 128 },
        { "assignee", a->life.assignee, 128 },
        { "closed_by", a->life.closed_by, 128 },
        { "verdict", a->life.verdict, 16 },
        { "note", a->life.note, 256 },
        { "suppressed_by", a->suppressed_by, 256 },
        { "merged_into", a->merged_into, 32 },
        { "command", a->command, 256 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(params); i++)
        add_param(params[i].name, params[i].s, params[i].max, arena, body);
}

static enum kt_status add(const void *opt, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    const struct options *o = opt;
    bool alert = item->what == KT_STREAM_ALERT;
    (void)state;
    size_t begin = kt_syslog_begin(&o->syslog, item, alert ? "ALERT" : kt_stream_name(item), body);
    kt_buf_addz(body, "[keytrail@");
    kt_buf_u64_dec(body, o->enterprise);
    add_param("id", kt_str_of(item->id), 32, arena, body);
    if (alert)
        alert_params(item, arena, body);
    else
        event_params(item, arena, body);
    kt_buf_byte(body, ']');
    kt_syslog_text(begin, kt_render_people(arena, kt_stream_sentence(item, arena), KT_SYSLOG_MAX),
                   body);
    kt_syslog_finish(&o->syslog, begin, body);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "syslog: the item does not fit") : KT_OK;
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    return kt_syslog_check(&((const struct options *)opt)->syslog, err);
}

const struct kt_stream_type kt_stream_type_syslog = {
    .name = "syslog",
    .summary = "RFC 5424 messages over TLS",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_SYSLOG,
    .limits = { .items = 1000, .bytes = 1u << 20, .wait_ms = 200 },
    .add = add,
    .check = check,
};
