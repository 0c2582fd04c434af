/*
 * elasticsearch: events and alerts as ECS documents into a data stream of Elasticsearch or
 * OpenSearch, by the bulk API. [S: elastic.co, "Bulk index or delete documents"; EXPORTS §2.5]
 *
 * Owns:  nothing.
 * Calls: ecs, doc, core/event (json: the answer). No I/O, no clock.
 * Holds: a document's _id is the item's id, so that a second sending finds it there (409) and is
 *        taken; one document that is refused costs only itself.
 */
#include "core/event/json.h"
#include "exporters/alerts/render.h"
#include "exporters/streams/doc.h"
#include "exporters/streams/ecs.h"
#include <stdio.h>

/* No reasons: they repeat values of the document. */
#define ANSWER "filter_path=errors,items.create.status,items.create.error.type"

struct options {
    struct kt_stream_files files;
    const char *index, *auth;
    bool original;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with the cluster's URL, such as https://es.example:9200.", false, false },
    { "api_key_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.key_file),
      "File (0600) with the API key as base64 (or what `auth` says).", false, false },
    { "auth", KT_OPT_STRING, "ApiKey", offsetof(struct options, auth),
      "ApiKey, Basic (base64 of user:password; OpenSearch) or Bearer.", false, false },
    { "index", KT_OPT_STRING, "keytrail-events", offsetof(struct options, index),
      "The data stream; deploy/elastic has its template.", false, false },
    { "original", KT_OPT_BOOL, "false", offsetof(struct options, original),
      "true sends the canonical line too, as event.original.", false, false },
    KT_OPTIONS_END,
};

static enum kt_status add(const void *opt, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    const struct options *o = opt;
    (void)state;
    size_t action = kt_doc_open(body, NULL, '{');
    size_t create = kt_doc_open(body, "create", '{');
    kt_doc_z(body, "_id", item->id);
    kt_doc_close(body, create);
    kt_doc_close(body, action);
    kt_buf_byte(body, '\n');
    kt_ecs_write(item, o->original, arena, body);
    kt_buf_byte(body, '\n');
    return arena->full ? kt_fail(err, KT_E_LIMIT, "elasticsearch: the item does not fit") : KT_OK;
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
    ret->url =
        kt_arena_fmt(arena, KT_STR_FMT "/%s/_bulk?" ANSWER, KT_STR_ARG(secrets->url), o->index);
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/x-ndjson");
    ret->headers[ret->n_headers++] =
        kt_arena_fmt(arena, "Authorization: %s " KT_STR_FMT, o->auth, KT_STR_ARG(secrets->key));
    return arena->full ? kt_fail(err, KT_E_LIMIT, "elasticsearch: the key is too long") : KT_OK;
}

/* ---- the answer ---- */

static const struct {
    int from, until; /* status of one item, inclusive */
    enum kt_stream_verdict verdict;
} fates[] = {
    { 200, 299, KT_STREAM_TAKEN },  { 409, 409, KT_STREAM_TAKEN }, /* it is there already */
    { 401, 401, KT_STREAM_DENIED }, { 403, 404, KT_STREAM_DENIED }, { 408, 408, KT_STREAM_RETRY },
    { 429, 429, KT_STREAM_RETRY },  { 500, 599, KT_STREAM_RETRY },  { 400, 499, KT_STREAM_REFUSED },
};

static enum kt_stream_verdict verdict_of(int64_t status)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(fates); i++)
        if (status >= fates[i].from && status <= fates[i].until)
            return fates[i].verdict;
    return KT_STREAM_RETRY;
}

/* The first trouble's word stays: "429 es_rejected_execution_exception". */
static void say(struct kt_stream_judgement *ret, int64_t status, struct kt_str type)
{
    char word[64] = "";
    if (ret->word[0] != '\0')
        return;
    kt_render_word(type, (int)status, word);
    (void)snprintf(ret->word, sizeof ret->word, "%d %s", (int)status, word);
}

static void judge_item(struct kt_jval item, uint8_t *fate, struct kt_stream_judgement *ret)
{
    struct kt_jval create = kt_json_at(item, "create");
    int64_t status = 0;
    (void)kt_json_i64(kt_json_at(create, "status"), &status);
    enum kt_stream_verdict v = verdict_of(status);
    if (v != KT_STREAM_TAKEN)
        say(ret, status, kt_json_str_at(kt_json_at(create, "error"), "type"));
    if (v == KT_STREAM_DENIED)
        ret->verdict = KT_STREAM_DENIED; /* no right to the stream, or none of that name */
    *fate = v == KT_STREAM_TAKEN     ? KT_STREAM_FATE_TAKEN
            : v == KT_STREAM_REFUSED ? KT_STREAM_FATE_REFUSED
                                     : KT_STREAM_FATE_RETRY;
}

static void json_free(struct kt_json **j)
{
    kt_json_free(*j);
}

/* An answer that was cut has more to say than is read: fewer items answer shorter. */
static void judge_answer(const struct kt_stream_batch *batch, struct kt_str body,
                         struct kt_stream_judgement *ret)
{
    KT_CLEANUP(json_free) struct kt_json *j = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root, item;
    struct kt_str name;
    unsigned repaired, n = 0;
    ret->verdict = batch->n > 1 ? KT_STREAM_TOO_LARGE : KT_STREAM_RETRY;
    if (kt_json_parse(j, body, &root, &repaired, NULL) != KT_OK) {
        (void)snprintf(ret->word, sizeof ret->word, "the answer is no JSON");
        return;
    }
    ret->verdict = KT_STREAM_TAKEN;
    struct kt_jval errors = kt_json_at(root, "errors");
    if (kt_json_type(errors) == KT_JSON_BOOL && !kt_json_bool(errors, true))
        return;
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "items"));
    while (n < batch->n && kt_json_next(&it, &name, &item))
        judge_item(item, &ret->fate[n++], ret);
    if (n < batch->n)
        say(ret, 200, KT_STR("items are missing in the answer"));
    while (n < batch->n)
        ret->fate[n++] = KT_STREAM_FATE_RETRY;
}

static void judge(const void *opt, const struct kt_stream_batch *batch, unsigned stage, int status,
                  struct kt_str body, const struct kt_http_answer *headers,
                  struct kt_stream_judgement *ret)
{
    (void)opt;
    (void)stage;
    (void)headers;
    kt_stream_judge_status(status, ret);
    if (ret->verdict != KT_STREAM_TAKEN)
        return;
    ret->word[0] = '\0';
    judge_answer(batch, body, ret);
}

static bool is_index(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return s.len > 0 && s.at[0] != '-' && s.at[0] != '_' && s.at[0] != '.';
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    static const char *const schemes[] = { "ApiKey", "Basic", "Bearer" };
    const struct options *o = opt;
    bool known = false;
    for (size_t i = 0; i < KT_ARRAY_LEN(schemes); i++)
        known = known || kt_str_is(kt_str_of(o->auth), schemes[i]);
    if (!known)
        return kt_fail(err, KT_E_CONFIG, "auth: ApiKey, Basic or Bearer, not '%s'", o->auth);
    if (!is_index(kt_str_of(o->index)))
        return kt_fail(err, KT_E_CONFIG,
                       "index: small letters, digits, '-', '_' and '.', and a letter or digit "
                       "first");
    return KT_OK;
}

const struct kt_stream_type kt_stream_type_elasticsearch = {
    .name = "elasticsearch",
    .summary = "Elasticsearch or OpenSearch, ECS 9.4 documents by _bulk",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_HTTP,
    .limits = { .items = 1000, .bytes = 1u << 20, .wait_ms = 1000 },
    .pack = KT_STREAM_GZIP,
    .add = add,
    .request = request,
    .judge = judge,
    .check = check,
};
