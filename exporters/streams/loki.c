/*
 * loki: events and alerts as log lines of Grafana Loki. [S: grafana.com/docs/loki, "Loki HTTP API",
 * POST /loki/api/v1/push; EXPORTS §2.7]
 *
 * Owns:  nothing.
 * Calls: doc, said. No I/O, no clock.
 * Holds: few labels, never an actor, an address or a secret; these are structured metadata. The
 *        same line at the same time in the same stream is one to Loki, so a second sending is
 *        harmless.
 */
#include "exporters/streams/doc.h"
#include "exporters/streams/said.h"

/* Loki takes entries up to an hour behind the newest of their stream; what is sent later than half
 * of it goes into a stream of its own: what came late, and what is sent again after a rewind. */
#define LATE         (30 * KT_NS_MIN)
#define METADATA_MAX 1024u

struct options {
    struct kt_stream_files files;
    const char *tenant, *auth;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with Loki's URL, such as https://loki.example.", false, false },
    { "token_file", KT_OPT_SECRET_FILE, "", offsetof(struct options, files.key_file),
      "File (0600) with the credential that `auth` says; none: no such header.", false, false },
    { "auth", KT_OPT_STRING, "Bearer", offsetof(struct options, auth),
      "Bearer, or Basic (base64 of user:token; Grafana Cloud).", false, false },
    { "tenant", KT_OPT_STRING, "", offsetof(struct options, tenant),
      "X-Scope-OrgID, where Loki has several tenants.", false, false },
    KT_OPTIONS_END,
};

enum kind { KIND_EVENT, KIND_BACKFILL, KIND_ALERT };
static const char *const kinds[] = { "event", "backfill", "alert" };

/* What the stream that is being written is labelled with. */
struct state {
    bool open;
    enum kind kind;
    char source[128];
};

static void close_stream(struct state *s, struct kt_buf *body)
{
    if (s->open)
        kt_buf_addz(body, "]}");
    s->open = false;
}

static void open_stream(struct state *s, struct kt_str source, enum kind kind,
                        const char *deployment, struct kt_buf *body)
{
    close_stream(s, body);
    kt_str_copyz(s->source, sizeof s->source, source);
    s->kind = kind;
    s->open = true;
    (void)kt_doc_open(body, NULL, '{');
    size_t labels = kt_doc_open(body, "stream", '{');
    kt_doc_z(body, "app", "keytrail");
    kt_doc_z(body, "deployment", deployment);
    kt_doc_z(body, "source", s->source);
    kt_doc_z(body, "kind", kinds[kind]);
    kt_doc_close(body, labels);
    (void)kt_doc_open(body, "values", '[');
}

static void add_metadata(struct kt_buf *out, const char *key, struct kt_str s)
{
    kt_doc_str(out, key, kt_utf8_cut(s, METADATA_MAX));
}

static void event_metadata(const struct kt_stream_item *item, struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    char ip[KT_IP_TEXT_MAX];
    if (kt_stream_is_access(item))
        kt_doc_z(out, "outcome", kt_outcome_word(ev->outcome));
    add_metadata(out, "actor", ev->actor);
    add_metadata(out, "secret", ev->secret);
    if (ev->has_ip)
        kt_doc_z(out, "ip", kt_ip_format(ev->ip, ip));
    if (item->fact != NULL)
        add_metadata(out, "country", item->fact->country);
}

static void alert_metadata(const struct kt_alert *a, struct kt_buf *out)
{
    kt_doc_z(out, "severity", kt_severity_words[a->severity].word);
    kt_doc_z(out, "detector", a->detector);
    kt_doc_str(out, "status", kt_stream_status(a));
    add_metadata(out, "actor", a->actor);
    add_metadata(out, "ip", a->ip);
}

static void begin(const void *opt, void *state, struct kt_buf *body)
{
    (void)opt;
    (void)state;
    kt_buf_addz(body, "{\"streams\":[");
}

static enum kt_status add(const void *opt, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    struct state *s = state;
    bool alert = item->what == KT_STREAM_ALERT;
    kt_time_ns time = kt_stream_time(item);
    struct kt_str source = alert ? item->alert->instance : item->event->instance;
    struct kt_str stamp = kt_arena_fmt(arena, "%lld", (long long)time);
    enum kind kind = item->now - time > LATE ? KIND_BACKFILL : alert ? KIND_ALERT : KIND_EVENT;
    (void)opt;
    if (arena->full) /* before the state says what the body has to hold */
        return kt_fail(err, KT_E_LIMIT, "loki: the item does not fit");
    source = kt_utf8_cut(source.len > 0 ? source : KT_STR("keytrail"), sizeof s->source - 1);
    if (!s->open || s->kind != kind || !kt_str_is(source, s->source))
        open_stream(s, source, kind, item->deployment, body);
    size_t entry = kt_doc_open(body, NULL, '[');
    kt_doc_str(body, NULL, stamp);
    kt_doc_str(body, NULL, item->line);
    size_t metadata = kt_doc_open(body, NULL, '{');
    kt_doc_z(body, "event_id", item->id);
    kt_doc_z(body, "event_name", kt_stream_name(item));
    if (alert)
        alert_metadata(item->alert, body);
    else
        event_metadata(item, body);
    kt_doc_close(body, metadata);
    kt_doc_close(body, entry);
    return KT_OK;
}

static void end(const void *opt, void *state, struct kt_buf *body)
{
    (void)opt;
    close_stream(state, body);
    kt_buf_addz(body, "]}");
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
    ret->url = kt_arena_cat(arena, secrets->url, KT_STR("/loki/api/v1/push"));
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/json");
    if (secrets->key.len > 0)
        ret->headers[ret->n_headers++] =
            kt_arena_fmt(arena, "Authorization: %s " KT_STR_FMT, o->auth, KT_STR_ARG(secrets->key));
    if (o->tenant != NULL)
        ret->headers[ret->n_headers++] = kt_arena_fmt(arena, "X-Scope-OrgID: %s", o->tenant);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "loki: the token is too long") : KT_OK;
}

static void judge(const void *opt, const struct kt_stream_batch *batch, unsigned stage, int status,
                  struct kt_str body, const struct kt_http_answer *headers,
                  struct kt_stream_judgement *ret)
{
    (void)opt;
    (void)batch;
    (void)stage;
    (void)headers;
    kt_stream_judge_status(status, ret);
    /* The text names the entries, with their lines: only its cause is told. */
    if (status == 400 && kt_str_has(body, KT_STR("too far behind")))
        kt_str_copyz(ret->word, sizeof ret->word, KT_STR("400 entry too far behind"));
    else if (status == 400 && kt_str_has(body, KT_STR("too old")))
        kt_str_copyz(ret->word, sizeof ret->word, KT_STR("400 timestamp too old"));
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    const struct options *o = opt;
    if (!kt_str_is(kt_str_of(o->auth), "Bearer") && !kt_str_is(kt_str_of(o->auth), "Basic"))
        return kt_fail(err, KT_E_CONFIG, "auth: Bearer or Basic, not '%s'", o->auth);
    return KT_OK;
}

const struct kt_stream_type kt_stream_type_loki = {
    .name = "loki",
    .summary = "Grafana Loki",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_HTTP,
    .limits = { .items = 1000, .bytes = 1u << 20, .wait_ms = 1000 },
    .pack = KT_STREAM_GZIP,
    .state_size = sizeof(struct state),
    .begin = begin,
    .add = add,
    .end = end,
    .request = request,
    .judge = judge,
    .check = check,
};
