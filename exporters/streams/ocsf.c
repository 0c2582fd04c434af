/*
 * ocsf: events and alerts in the Open Cybersecurity Schema Framework, as NDJSON by HTTP POST.
 *
 * Owns:  the head that every class shares; the request.
 * Calls: ocsf_event.c, ocsf_finding.c, doc, stream. No I/O, no clock.
 * Holds: one object a line; required attributes are always there.
 */
#include "exporters/streams/ocsf_int.h"
#include "exporters/streams/token.h"

struct options {
    struct kt_stream_files files;
    const char *header;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with the endpoint's URL.", false, false },
    { "token_file", KT_OPT_SECRET_FILE, "", offsetof(struct options, files.key_file),
      "File (0600) with the token that goes into the header; none: no such header.", false, false },
    { "header", KT_OPT_STRING, "Authorization: Bearer", offsetof(struct options, header),
      "The header that carries the token, up to the token.", false, false },
    KT_OPTIONS_END,
};

static const struct {
    int category, class;
    const char *category_name, *class_name;
} classes[OCSF_CLASSES] = {
    [OCSF_BASE] = { 0, 0, "Uncategorized", "Base Event" },
    [OCSF_EVENT_LOG] = { 1, 1008, "System Activity", "Event Log Activity" },
    [OCSF_FINDING] = { 2, 2004, "Findings", "Detection Finding" },
    [OCSF_AUTHENTICATION] = { 3, 3002, "Identity & Access Management", "Authentication" },
    [OCSF_USER_ACCESS] = { 3, 3005, "Identity & Access Management", "User Access Management" },
    [OCSF_API] = { 6, 6003, "Application Activity", "API Activity" },
};

/* ---- what all classes share ---- */

size_t kt_ocsf_begin(struct kt_buf *out, enum kt_ocsf_class class, struct kt_ocsf_activity a)
{
    size_t event = kt_doc_open(out, NULL, '{');
    kt_doc_i64(out, "activity_id", a.id);
    kt_doc_z(out, "activity_name", a.name);
    kt_doc_i64(out, "category_uid", classes[class].category);
    kt_doc_z(out, "category_name", classes[class].category_name);
    kt_doc_i64(out, "class_uid", classes[class].class);
    kt_doc_z(out, "class_name", classes[class].class_name);
    kt_doc_i64(out, "type_uid", classes[class].class * 100 + a.id);
    return event;
}

void kt_ocsf_severity(struct kt_buf *out, int id)
{
    static const char *const captions[] = { "Unknown", "Informational", "Low",
                                            "Medium",  "High",          "Critical" };
    kt_doc_i64(out, "severity_id", id);
    kt_doc_z(out, "severity", captions[id]);
}

static void add_product(struct kt_buf *out)
{
    size_t product = kt_doc_open(out, "product", '{');
    kt_doc_z(out, "name", "keytrail");
    kt_doc_z(out, "vendor_name", "keytrail");
    kt_doc_z(out, "version", KT_VERSION);
    kt_doc_close(out, product);
}

void kt_ocsf_head(struct kt_buf *out, const struct kt_stream_item *item, const char *profile)
{
    const struct kt_event *ev = item->event;
    kt_time_ns time = kt_stream_time(item);
    kt_doc_i64(out, "time", kt_doc_floor(time, KT_NS_MS));
    size_t metadata = kt_doc_open(out, "metadata", '{');
    kt_doc_z(out, "version", OCSF_VERSION);
    add_product(out);
    size_t profiles = kt_doc_open(out, "profiles", '[');
    kt_doc_z(out, NULL, profile);
    kt_doc_close(out, profiles);
    kt_doc_z(out, "uid", item->id);
    kt_doc_u64(out, "sequence", item->seq);
    kt_doc_time(out, "original_time", time);
    kt_doc_i64(out, "logged_time", kt_doc_floor(item->arrival, KT_NS_MS));
    if (ev != NULL) {
        kt_doc_str(out, "log_name", ev->instance);
        kt_doc_str(out, "log_provider", ev->source);
        kt_doc_str(out, "correlation_uid", ev->amends.len > 0 ? ev->amends : ev->shared_id);
    }
    kt_doc_close(out, metadata);
}

void kt_ocsf_observable(struct kt_buf *out, const char *name, int type_id, struct kt_str value)
{
    if (value.len == 0)
        return;
    size_t one = kt_doc_open(out, NULL, '{');
    kt_doc_z(out, "name", name);
    kt_doc_i64(out, "type_id", type_id);
    kt_doc_str(out, "value", value);
    kt_doc_close(out, one);
}

/* ---- the type ---- */

static enum kt_status add(const void *opt, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    (void)opt;
    (void)state;
    if (item->what == KT_STREAM_ALERT)
        kt_ocsf_finding(item, arena, body);
    else
        kt_ocsf_event(item, arena, body);
    kt_buf_byte(body, '\n');
    return arena->full ? kt_fail(err, KT_E_LIMIT, "ocsf: the item does not fit") : KT_OK;
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
    ret->url = secrets->url;
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/x-ndjson");
    kt_stream_add_token(o->header, secrets->key, arena, ret);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "ocsf: the token is too long") : KT_OK;
}

static void judge(const void *opt, const struct kt_stream_batch *batch, unsigned stage, int status,
                  struct kt_str body, const struct kt_http_answer *headers,
                  struct kt_stream_judgement *ret)
{
    (void)opt;
    (void)batch;
    (void)stage;
    (void)body;
    (void)headers;
    kt_stream_judge_status(status, ret);
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    const struct options *o = opt;
    return kt_stream_check_header(o->header, err);
}

const struct kt_stream_type kt_stream_type_ocsf = {
    .name = "ocsf",
    .summary = "Open Cybersecurity Schema Framework 1.8.0, NDJSON over HTTPS",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_HTTP,
    .lines = true,
    .limits = { .items = 1000, .bytes = 1u << 20, .wait_ms = 1000 },
    .pack = KT_STREAM_GZIP,
    .add = add,
    .request = request,
    .judge = judge,
    .check = check,
};
