/*
 * otlp: events and alerts as log records of OpenTelemetry, OTLP/HTTP with JSON. [S:
 * opentelemetry.io/docs/specs/otlp, 1.x; EXPORTS §2.8]
 *
 * Owns:  nothing.
 * Calls: doc, said, core/event (json: the answer). No I/O, no clock.
 * Holds: 64-bit integers are decimal strings; what the receiver rejects of a batch that it took is
 *        counted and never sent again, as the protocol says.
 */
#include "core/event/json.h"
#include "exporters/alerts/render.h"
#include "exporters/streams/doc.h"
#include "exporters/streams/said.h"
#include "exporters/streams/token.h"
#include <inttypes.h>
#include <stdio.h>

struct options {
    struct kt_stream_files files;
    const char *header;
    bool original;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with the receiver's URL, such as https://otel.example:4318.", false, false },
    { "token_file", KT_OPT_SECRET_FILE, "", offsetof(struct options, files.key_file),
      "File (0600) with the token that goes into the header; none: no such header.", false, false },
    { "header", KT_OPT_STRING, "Authorization: Bearer", offsetof(struct options, header),
      "The header that carries the token, up to the token.", false, false },
    { "original", KT_OPT_BOOL, "false", offsetof(struct options, original),
      "true sends the canonical line too, as attribute log.record.original.", false, false },
    KT_OPTIONS_END,
};

/* ---- values ---- */

/* {"key":…,"value":{"stringValue":…}}; nothing of an empty string. */
static void add_text(struct kt_buf *out, const char *key, struct kt_str s)
{
    if (s.len == 0)
        return;
    size_t one = kt_doc_open(out, NULL, '{');
    kt_doc_z(out, "key", key);
    size_t value = kt_doc_open(out, "value", '{');
    kt_doc_str(out, "stringValue", s);
    kt_doc_close(out, value);
    kt_doc_close(out, one);
}

static void add_number(struct kt_buf *out, const char *key, int64_t v)
{
    char text[24];
    size_t one = kt_doc_open(out, NULL, '{');
    kt_doc_z(out, "key", key);
    size_t value = kt_doc_open(out, "value", '{');
    (void)snprintf(text, sizeof text, "%" PRId64, v);
    kt_doc_z(out, "intValue", text);
    kt_doc_close(out, value);
    kt_doc_close(out, one);
}

/* fixed64: nothing before 1970 can be said, and 0 is "not known". */
static void add_nanoseconds(struct kt_buf *out, const char *key, kt_time_ns t)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, t > 0 ? t : 0);
    kt_doc_z(out, key, text);
}

/* ---- records ---- */

static void event_attributes(const struct kt_stream_item *item, struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    char ip[KT_IP_TEXT_MAX];
    const struct {
        const char *key;
        struct kt_str s;
    } texts[] = {
        { "user.name", ev->actor.len > 0 ? ev->actor : ev->actor_native },
        { "user.id", ev->actor_native },
        { "user.full_name", ev->actor_name },
        { "user_agent.original", ev->user_agent },
        { "session.id", ev->session },
        { "cloud.region", ev->region },
        { "host.name", ev->host },
        { "keytrail.secret.id", ev->secret },
        { "keytrail.secret.native", ev->secret_native },
        { "keytrail.secret.version", ev->version },
        { "keytrail.source", ev->source },
        { "keytrail.instance", ev->instance },
        { "keytrail.operation", ev->operation },
        { "keytrail.code", ev->code },
        { "keytrail.message", ev->message },
        { "keytrail.credential", ev->credential },
        { "keytrail.via", ev->via },
        { "keytrail.role", ev->role },
        { "keytrail.reason", ev->reason },
        { "keytrail.ticket", ev->ticket },
        { "keytrail.request_id", ev->request_id },
        { "keytrail.native_id", ev->native_id },
    };
    add_text(out, "keytrail.kind", kt_str_of(kt_kind_word(ev->kind)));
    if (kt_stream_is_access(item)) {
        add_text(out, "keytrail.verb", kt_str_of(kt_action_word(ev->action)));
        add_text(out, "keytrail.outcome", kt_str_of(kt_outcome_word(ev->outcome)));
        add_text(out, "keytrail.actor_kind", kt_str_of(kt_actor_kind_word(ev->actor_kind)));
    }
    if (ev->has_ip)
        add_text(out, "client.address", kt_str_of(kt_ip_format(ev->ip, ip)));
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        add_text(out, texts[i].key, texts[i].s);
    if (item->fact != NULL) {
        add_text(out, "keytrail.country", item->fact->country);
        if (item->fact->asn != 0)
            add_number(out, "keytrail.asn", item->fact->asn);
    }
}

static void alert_attributes(const struct kt_alert *a, struct kt_buf *out)
{
    const struct {
        const char *key;
        struct kt_str s;
    } texts[] = {
        { "user.name", a->actor },
        { "client.address", a->ip },
        { "user_agent.original", a->user_agent },
        { "keytrail.alert.detector", kt_str_of(a->detector) },
        { "keytrail.alert.state", kt_str_of(a->state) },
        { "keytrail.alert.status", kt_stream_status(a) },
        { "keytrail.alert.acknowledged_by", a->life.acknowledged_by },
        { "keytrail.alert.assignee", a->life.assignee },
        { "keytrail.alert.closed_by", a->life.closed_by },
        { "keytrail.alert.verdict", a->life.verdict },
        { "keytrail.alert.note", a->life.note },
        { "keytrail.alert.normal", a->normal },
        { "keytrail.alert.why", a->why },
        { "keytrail.alert.suppressed_by", a->suppressed_by },
        { "keytrail.alert.merged_into", a->merged_into },
        { "keytrail.secret.id", a->secret },
        { "keytrail.source", a->source },
        { "keytrail.instance", a->instance },
        { "keytrail.country", a->country },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        add_text(out, texts[i].key, texts[i].s);
    add_number(out, "keytrail.alert.events", (int64_t)a->events_count);
    add_number(out, "keytrail.alert.secrets", (int64_t)a->secrets_count);
}

static void add_severity(const struct kt_stream_item *item, struct kt_buf *out)
{
    static const char *const texts[KT_SEV_COUNT] = { "INFO", "INFO2", "WARN", "ERROR", "FATAL" };
    enum kt_severity s = item->what == KT_STREAM_ALERT ? item->alert->severity : KT_SEV_INFO;
    kt_doc_i64(out, "severityNumber", kt_severity_words[s].otlp);
    kt_doc_z(out, "severityText", texts[s]);
}

static enum kt_status add(const void *opt, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    const struct options *o = opt;
    (void)state;
    size_t record = kt_doc_open(body, NULL, '{');
    add_nanoseconds(body, "timeUnixNano", kt_stream_time(item));
    add_nanoseconds(body, "observedTimeUnixNano", item->stored);
    add_severity(item, body);
    kt_doc_z(body, "eventName", kt_stream_name(item));
    size_t text = kt_doc_open(body, "body", '{');
    kt_doc_str(body, "stringValue", kt_stream_sentence(item, arena));
    kt_doc_close(body, text);
    size_t attributes = kt_doc_open(body, "attributes", '[');
    add_text(body, "event.name", kt_str_of(kt_stream_name(item))); /* for receivers before 2025 */
    add_text(body, "log.record.uid", kt_str_of(item->id));
    add_text(body, "keytrail.id", kt_str_of(item->about));
    add_text(body, "keytrail.deployment", kt_str_of(item->deployment));
    add_number(body, "keytrail.seq", (int64_t)item->seq);
    if (item->what == KT_STREAM_ALERT)
        alert_attributes(item->alert, body);
    else
        event_attributes(item, body);
    if (o->original)
        add_text(body, "log.record.original", item->line);
    kt_doc_close(body, attributes);
    kt_doc_close(body, record);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "otlp: the item does not fit") : KT_OK;
}

static void begin(const void *opt, void *state, struct kt_buf *body)
{
    (void)opt;
    (void)state;
    kt_buf_addz(body, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[");
    add_text(body, "service.name", KT_STR("keytrail"));
    add_text(body, "service.version", KT_STR(KT_VERSION));
    kt_buf_addz(body,
                "]},\"scopeLogs\":[{\"scope\":{\"name\":\"keytrail\",\"version\":\"" KT_VERSION
                "\"},\"logRecords\":[");
}

static void end(const void *opt, void *state, struct kt_buf *body)
{
    (void)opt;
    (void)state;
    kt_buf_addz(body, "]}]}]}");
}

static enum kt_status request(const void *opt, const struct kt_stream_secrets *secrets,
                              const struct kt_stream_batch *batch, unsigned stage, const char *note,
                              struct kt_arena *arena, struct kt_stream_request *ret,
                              struct kt_error *err)
{
    const struct options *o = opt;
    (void)batch;
    (void)stage;
    (void)note;
    ret->url = kt_arena_cat(arena, secrets->url, KT_STR("/v1/logs"));
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/json");
    kt_stream_add_token(o->header, secrets->key, arena, ret);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "otlp: the token is too long") : KT_OK;
}

/* ---- the answer ---- */

static void json_free(struct kt_json **j)
{
    kt_json_free(*j);
}

/* A count, as JSON's mapping of protobuf has it (a string) or as some write it (a number). */
static uint64_t rejected(struct kt_str body)
{
    KT_CLEANUP(json_free) struct kt_json *j = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    uint64_t n = 0;
    if (kt_json_parse(j, body, &root, &repaired, NULL) != KT_OK ||
        !kt_str_u64(kt_json_text(kt_json_at(root, "partialSuccess.rejectedLogRecords")), &n))
        return 0;
    return n;
}

/* Retried are 429, 502, 503 and 504 alone; a refusal of the whole batch is halved, so that only
 * what is at fault is lost. What a person has to mend (key, URL) is kept. */
static void judge(const void *opt, const struct kt_stream_batch *batch, unsigned stage, int status,
                  struct kt_str body, const struct kt_http_answer *headers,
                  struct kt_stream_judgement *ret)
{
    (void)opt;
    (void)stage;
    (void)headers;
    kt_stream_judge_status(status, ret);
    if (ret->verdict == KT_STREAM_RETRY && status != 429 && (status < 502 || status > 504))
        ret->verdict = KT_STREAM_REFUSED;
    if (ret->verdict != KT_STREAM_TAKEN)
        return;
    uint64_t n = rejected(body);
    ret->word[0] = '\0';
    if (n > 0)
        (void)snprintf(ret->word, sizeof ret->word, "the receiver rejected %" PRIu64 " of %u", n,
                       batch->n);
    if (n >= batch->n) /* then it is known which: all */
        memset(ret->fate, KT_STREAM_FATE_REFUSED, batch->n);
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    const struct options *o = opt;
    return kt_stream_check_header(o->header, err);
}

const struct kt_stream_type kt_stream_type_otlp = {
    .name = "otlp",
    .summary = "OpenTelemetry logs, OTLP/HTTP with JSON",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_HTTP,
    .limits = { .items = 1000, .bytes = 1u << 20, .wait_ms = 1000 },
    .pack = KT_STREAM_GZIP,
    .begin = begin,
    .add = add,
    .end = end,
    .request = request,
    .judge = judge,
    .check = check,
};
