/*
 * alertmanager: an alert as one of Prometheus' Alertmanager, which routes it on (EXPORTS §1.8; API
 * v2: POST /api/v2/alerts).
 *
 * Owns:  nothing.
 * Calls: render.h, jansson. No I/O, no clock.
 * Holds: labels are the identity there. The handle is what of them may change, "<severity>
 *        <detector> <source>", as last sent: when one has, the alert of before is ended in the same
 *        request. Alertmanager forgets what is not sent again, so open alerts are (forgets).
 */
#include <string.h>

#include "exporters/alerts/render.h"

#define PATH         "/api/v2/alerts"
#define SENTENCE_MAX 4096u
#define LABEL_MAX    100u
#define LASTS        KT_NS_HOUR /* an upgrade of the collector must not look like the end */
#define TEST_LASTS   KT_NS_MIN

struct options {
    struct kt_target_files files;
    bool acknowledge_link;
};

static const struct kt_option options[] = {
    { "server", KT_OPT_STRING, NULL, offsetof(struct options, files.server),
      "https://alertmanager.example.com:9093, with the path before /api/v2 if it has one.", false,
      false },
    { "token_file", KT_OPT_SECRET_FILE, "", offsetof(struct options, files.key_file),
      "File (0600) with a bearer token, for a proxy before it.", false, false },
    { "acknowledge_link", KT_OPT_BOOL, "false", offsetof(struct options, acknowledge_link),
      "The link that acknowledges, as an annotation: whoever sees Alertmanager may use it.", false,
      false },
    KT_OPTIONS_END,
};

/* "unexpected_ip" -> "KeytrailUnexpectedIp" */
static struct kt_str alert_name(struct kt_arena *arena, struct kt_str detector)
{
    char *out = kt_arena_alloc(arena, detector.len + 1);
    size_t n = 0;
    bool up = true;
    for (size_t i = 0; out != NULL && i < detector.len; i++) {
        char c = detector.at[i];
        if (c != '_')
            out[n++] = (char)(up && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        up = c == '_';
    }
    return kt_arena_cat(arena, KT_STR("Keytrail"), kt_str_from(out, n));
}

struct identity {
    struct kt_str severity, detector, source;
};

static struct identity identity_of(struct kt_arena *arena, const struct kt_alert *a)
{
    struct kt_str source = a->instance.len > 0 ? a->instance : a->source;
    return (struct identity){ kt_str_of(kt_severity_words[a->severity].word),
                              kt_str_of(a->detector), kt_render_people(arena, source, LABEL_MAX) };
}

static struct kt_str handle_of(struct kt_arena *arena, const struct identity *id)
{
    return kt_arena_fmt(arena, KT_STR_FMT " " KT_STR_FMT " " KT_STR_FMT, KT_STR_ARG(id->severity),
                        KT_STR_ARG(id->detector), KT_STR_ARG(id->source));
}

static struct identity identity_from(struct kt_str handle)
{
    struct identity id = { .source = handle };
    (void)kt_str_split(&id.source, ' ', &id.severity);
    (void)kt_str_split(&id.source, ' ', &id.detector);
    return id;
}

static json_t *labels(struct kt_arena *arena, const struct kt_target_turn *turn,
                      const struct identity *id)
{
    json_t *l = json_pack("{s:o, s:o, s:o, s:s, s:s}", "alertname",
                          kt_render_json(arena, alert_name(arena, id->detector)), "severity",
                          kt_render_json(arena, id->severity), "detector",
                          kt_render_json(arena, id->detector), "alert_id", turn->alert->id,
                          "deployment", turn->deployment);
    if (id->source.len > 0) /* a label without a value is none */
        (void)json_object_set_new(l, "source", kt_render_json(arena, id->source));
    return l;
}

/* The link is a credential, and what stands here is seen by whoever reads Alertmanager: only where
 * the target asks for it. */
static json_t *annotations(struct kt_arena *arena, const struct kt_target_turn *turn, bool link)
{
    const struct kt_alert *a = turn->alert;
    KT_CLEANUP(kt_buf_done) struct kt_buf words = { 0 };
    kt_alert_explain(a, &words);
    const struct {
        const char *name;
        struct kt_str value;
    } all[] = {
        { "summary", a->title },
        { "description", kt_buf_str(&words) },
        { "actor", a->actor },
        { "status", kt_alert_life_say(&a->life, arena) },
        { "next", a->command },
        { "runbook_url", turn->runbook_url },
        { "acknowledge_url", link ? turn->ack_url : KT_STR_NONE },
    };
    json_t *list = json_object();
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++)
        if (all[i].value.len > 0)
            (void)json_object_set_new(
                list, all[i].name,
                kt_render_json(arena, kt_render_people(arena, all[i].value, SENTENCE_MAX)));
    return list;
}

static json_t *one(const struct options *o, struct kt_arena *arena,
                   const struct kt_target_turn *turn, const struct identity *id, kt_time_ns ends)
{
    kt_time_ns starts = turn->alert->time < ends ? turn->alert->time : ends;
    json_t *j = json_pack("{s:o, s:o, s:o, s:o}", "labels", labels(arena, turn, id), "annotations",
                          annotations(arena, turn, o->acknowledge_link), "startsAt",
                          kt_render_json(arena, kt_render_time(arena, starts)), "endsAt",
                          kt_render_json(arena, kt_render_time(arena, ends)));
    if (turn->alert_url.len > 0)
        (void)json_object_set_new(j, "generatorURL", kt_render_json(arena, turn->alert_url));
    return j;
}

static const char *const skips[KT_SEND_COUNT] = {
    [KT_SEND_ACKNOWLEDGE] = "Alertmanager knows no acknowledgement",
    [KT_SEND_CHANGE] = "Alertmanager takes alerts alone",
};

static enum kt_status render(const void *opt, const struct kt_target_secrets *secrets,
                             const struct kt_target_turn *turn, struct kt_arena *arena,
                             struct kt_target_request *ret, struct kt_error *err)
{
    const struct options *o = opt;
    struct identity now = identity_of(arena, turn->alert), before = identity_from(turn->handle);
    struct kt_str handle = handle_of(arena, &now), base = kt_str_of(o->files.server);
    bool ended = turn->send == KT_SEND_RESOLVE || turn->send == KT_SEND_REMARK;
    kt_time_ns ends = ended                        ? turn->now
                      : turn->send == KT_SEND_TEST ? turn->now + TEST_LASTS
                                                   : turn->now + LASTS;
    if ((ret->skip = skips[turn->send]) != NULL)
        return KT_OK;
    json_auto_t *root = json_array();
    if (turn->handle.len > 0 && !kt_str_eq(turn->handle, handle))
        (void)json_array_append_new(root, one(o, arena, turn, &before, turn->now));
    (void)json_array_append_new(root, one(o, arena, turn, &now, ends));
    if (arena->full)
        return kt_fail(err, KT_E_LIMIT, "alertmanager: the alert does not fit");
    kt_render_dump(root, &ret->body);
    while (kt_str_ends(base, KT_STR("/")))
        base.len--;
    ret->url = kt_arena_cat(arena, base, KT_STR(PATH));
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/json");
    if (secrets->key.len > 0)
        ret->headers[ret->n_headers++] =
            kt_arena_cat(arena, KT_STR("Authorization: Bearer "), secrets->key);
    ret->handle = handle;
    return KT_OK;
}

static void judge(const struct kt_target_reply *reply, struct kt_target_ruling *ret)
{
    kt_render_word(reply->status == 200 ? KT_STR("ok") : kt_str_sub(reply->body, 0, 60),
                   reply->status, ret->word);
    ret->verdict = kt_render_judge(reply->status);
}

const struct kt_target kt_target_alertmanager = {
    .name = "alertmanager",
    .summary = "Prometheus Alertmanager, which routes alerts on",
    .options = options,
    .options_size = sizeof(struct options),
    .per_second = 20,
    .forgets = true,
    .render = render,
    .judge = judge,
};
