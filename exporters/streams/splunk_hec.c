/*
 * splunk_hec: events and alerts to the HTTP Event Collector of Splunk. [S: docs.splunk.com, "HTTP
 * Event Collector REST API endpoints", "HTTP Event Collector indexer acknowledgment"; EXPORTS §2.6]
 *
 * Owns:  nothing.
 * Calls: doc, said, core/event (json: the answers). No I/O, no clock.
 * Holds: with `ack` the batch is taken only when the indexers have it; Splunk keeps what it is
 *        sent twice, so every event carries its id.
 */
#include "core/base/hash.h"
#include "core/event/json.h"
#include "exporters/alerts/render.h"
#include "exporters/streams/doc.h"
#include "exporters/streams/said.h"
#include <stdio.h>

enum { STAGE_SEND, STAGE_ACK };
#define ASK_MS  1000u
#define ASK_MAX 300u /* then the indexers that knew of it are gone: it is sent again */

struct options {
    struct kt_stream_files files;
    const char *index;
    bool ack;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with the collector's URL, such as https://splunk.example:8088.", false, false },
    { "token_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.key_file),
      "File (0600) with the token.", false, false },
    { "index", KT_OPT_STRING, "", offsetof(struct options, index),
      "The index; empty: the token's own.", false, false },
    { "ack", KT_OPT_BOOL, "false", offsetof(struct options, ack),
      "true waits until the indexers have each batch; the token must allow it.", false, false },
    KT_OPTIONS_END,
};

/* ---- body ---- */

/* Seconds with three digits, floored. */
static void add_time(struct kt_buf *out, kt_time_ns t)
{
    char text[40];
    int64_t ms = kt_doc_floor(t, KT_NS_MS);
    uint64_t size = ms < 0 ? (uint64_t)-ms : (uint64_t)ms;
    (void)snprintf(text, sizeof text, "%s%llu.%03u", ms < 0 ? "-" : "",
                   (unsigned long long)(size / 1000), (unsigned)(size % 1000));
    kt_doc_json(out, "time", kt_str_of(text));
}

static struct kt_str host_of(const struct kt_stream_item *item)
{
    const struct kt_event *ev = item->event;
    if (ev != NULL && ev->host.len > 0)
        return ev->host;
    if (ev != NULL && ev->instance.len > 0)
        return ev->instance;
    return kt_str_of(item->deployment);
}

/* Indexed fields: flat strings, for what the event itself does not say. */
static void add_fields(const struct kt_stream_item *item, struct kt_arena *arena,
                       struct kt_buf *out)
{
    const struct kt_fact *fact = item->fact;
    size_t fields = kt_doc_open(out, "fields", '{');
    kt_doc_z(out, "event_id", item->id);
    kt_doc_z(out, "event_name", kt_stream_name(item));
    kt_doc_z(out, "deployment", item->deployment);
    if (fact != NULL) {
        kt_doc_str(out, "country", fact->country);
        if (fact->asn != 0)
            kt_doc_str(out, "asn", kt_arena_fmt(arena, "%u", fact->asn));
    }
    kt_doc_close(out, fields);
}

static enum kt_status add(const void *opt, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    const struct options *o = opt;
    (void)state;
    size_t one = kt_doc_open(body, NULL, '{');
    add_time(body, kt_stream_time(item));
    kt_doc_str(body, "host", host_of(item));
    kt_doc_z(body, "source", "keytrail");
    kt_doc_z(body, "sourcetype",
             item->what == KT_STREAM_ALERT ? "keytrail:alert" : "keytrail:event");
    kt_doc_z(body, "index", o->index);
    kt_doc_json(body, "event", item->line);
    add_fields(item, arena, body);
    kt_doc_close(body, one);
    kt_buf_byte(body, '\n'); /* one after another: no list, no commas */
    return arena->full ? kt_fail(err, KT_E_LIMIT, "splunk_hec: the item does not fit") : KT_OK;
}

/* ---- requests ---- */

/* The same for a stream for ever: a UUID (RFC 9562, version 8) over its log and name. */
static struct kt_str channel_of(const struct kt_stream_batch *b, struct kt_arena *arena)
{
    const struct kt_str parts[] = { kt_str_of(b->log), kt_str_of(b->stream) };
    uint8_t id[16];
    char hex[33];
    kt_blake2b(parts, 2, id, sizeof id);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x80);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    kt_hex(hex, id, sizeof id);
    return kt_arena_fmt(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                        hex + 20);
}

/* The note of a stage: the acknowledgement's number, '/', how often it was asked for. */
static uint64_t note_part(const char *note, unsigned index)
{
    struct kt_str rest = kt_str_of(note), part = KT_STR_NONE;
    uint64_t v = 0;
    for (unsigned i = 0; i <= index; i++)
        (void)kt_str_split(&rest, '/', &part);
    return kt_str_u64(part, &v) ? v : 0;
}

static enum kt_status request(const void *opt, const struct kt_stream_secrets *secrets,
                              const struct kt_stream_batch *batch, unsigned stage, const char *note,
                              struct kt_arena *arena, struct kt_stream_request *ret,
                              struct kt_error *err)
{
    const struct options *o = opt;
    ret->url = kt_arena_fmt(arena, KT_STR_FMT "/services/collector/%s", KT_STR_ARG(secrets->url),
                            stage == STAGE_SEND ? "event" : "ack");
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/json");
    ret->headers[ret->n_headers++] =
        kt_arena_fmt(arena, "Authorization: Splunk " KT_STR_FMT, KT_STR_ARG(secrets->key));
    if (o->ack)
        ret->headers[ret->n_headers++] =
            kt_arena_cat(arena, KT_STR("X-Splunk-Request-Channel: "), channel_of(batch, arena));
    if (stage == STAGE_ACK) {
        ret->own_body = true;
        kt_buf_addz(&ret->body, "{\"acks\":[");
        kt_buf_u64_dec(&ret->body, note_part(note, 0));
        kt_buf_addz(&ret->body, "]}");
    }
    return arena->full ? kt_fail(err, KT_E_LIMIT, "splunk_hec: the token is too long") : KT_OK;
}

/* ---- answers ---- */

static const struct {
    int64_t code;
    enum kt_stream_verdict verdict;
    const char *word;
} codes[] = {
    { 0, KT_STREAM_TAKEN, "" },
    { 1, KT_STREAM_DENIED, "the token is disabled" },
    { 2, KT_STREAM_DENIED, "the token is missing" },
    { 3, KT_STREAM_DENIED, "the authorization is not valid" },
    { 4, KT_STREAM_DENIED, "the token is not known" },
    { 5, KT_STREAM_REFUSED, "no data" },
    { 6, KT_STREAM_REFUSED, "invalid data format" },
    { 7, KT_STREAM_DENIED, "the index is not allowed to this token" },
    { 8, KT_STREAM_RETRY, "internal error" },
    { 9, KT_STREAM_RETRY, "the server is busy" },
    { 10, KT_STREAM_DENIED, "the channel is missing: set ack" },
    { 11, KT_STREAM_DENIED, "the channel is not valid" },
    { 12, KT_STREAM_REFUSED, "an event is missing" },
    { 13, KT_STREAM_REFUSED, "an event is blank" },
    { 14, KT_STREAM_DENIED, "this token has no acknowledgements: allow them, or leave ack out" },
    { 15, KT_STREAM_REFUSED, "an indexed field is not taken" },
    { 16, KT_STREAM_DENIED, "the token was taken for one in the query" },
    { 18, KT_STREAM_RETRY, "the queues are full" },
};

static void say(struct kt_stream_judgement *ret, enum kt_stream_verdict v, const char *word)
{
    ret->verdict = v;
    kt_str_copyz(ret->word, sizeof ret->word, kt_str_of(word));
}

static void judge_code(int64_t code, struct kt_stream_judgement *ret)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(codes); i++)
        if (codes[i].code == code)
            say(ret, codes[i].verdict, codes[i].word);
}

static void judge_send(const struct options *o, int status, struct kt_jval root,
                       struct kt_stream_judgement *ret)
{
    int64_t code = 0, ack = 0;
    kt_stream_judge_status(status, ret);
    bool said = kt_json_i64(kt_json_at(root, "code"), &code);
    if (said && (code != 0 || ret->verdict == KT_STREAM_TAKEN))
        judge_code(code, ret);
    if (ret->verdict != KT_STREAM_TAKEN)
        return;
    ret->word[0] = '\0';
    if (!said) {
        say(ret, KT_STREAM_RETRY, "the answer is none of Splunk's");
        return;
    }
    if (!o->ack)
        return;
    if (!kt_json_i64(kt_json_at(root, "ackId"), &ack) || ack < 0) {
        say(ret, KT_STREAM_DENIED,
            "the answer has no ackId: allow acknowledgements, or leave ack "
            "out");
        return;
    }
    ret->verdict = KT_STREAM_NEXT;
    (void)snprintf(ret->note, sizeof ret->note, "%lld/0", (long long)ack);
}

static void judge_ack(int status, struct kt_jval root, struct kt_stream_judgement *ret)
{
    uint64_t id = note_part(ret->note, 0), asked = note_part(ret->note, 1) + 1;
    char name[24];
    kt_stream_judge_status(status, ret);
    if (ret->verdict != KT_STREAM_TAKEN)
        return;
    ret->word[0] = '\0';
    (void)snprintf(name, sizeof name, "%llu", (unsigned long long)id);
    if (kt_json_bool(kt_json_get(kt_json_at(root, "acks"), kt_str_of(name)), false))
        return;
    if (asked >= ASK_MAX) {
        say(ret, KT_STREAM_RETRY, "no acknowledgement in five minutes");
        return;
    }
    ret->verdict = KT_STREAM_AGAIN;
    ret->wait_ms = ASK_MS;
    (void)snprintf(ret->note, sizeof ret->note, "%llu/%llu", (unsigned long long)id,
                   (unsigned long long)asked);
}

static void json_free(struct kt_json **j)
{
    kt_json_free(*j);
}

static void judge(const void *opt, const struct kt_stream_batch *batch, unsigned stage, int status,
                  struct kt_str body, const struct kt_http_answer *headers,
                  struct kt_stream_judgement *ret)
{
    KT_CLEANUP(json_free) struct kt_json *j = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root = { NULL };
    unsigned repaired;
    (void)batch;
    (void)headers;
    if (kt_json_parse(j, body, &root, &repaired, NULL) != KT_OK)
        root = (struct kt_jval){ NULL };
    if (stage == STAGE_SEND)
        judge_send(opt, status, root, ret);
    else
        judge_ack(status, root, ret);
}

const struct kt_stream_type kt_stream_type_splunk_hec = {
    .name = "splunk_hec",
    .summary = "Splunk HTTP Event Collector, with acknowledgements",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_HTTP,
    .lines = true,
    .limits = { .items = 1000, .bytes = 1u << 20, .wait_ms = 1000 },
    .pack = KT_STREAM_GZIP,
    .add = add,
    .request = request,
    .judge = judge,
};
