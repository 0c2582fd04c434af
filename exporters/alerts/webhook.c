/*
 * webhook: an alert as the body of a Standard Webhooks 1.0.0 message (EXPORTS §1.6). The outbox
 * adds webhook-id, webhook-timestamp and webhook-signature.
 *
 * Owns:  nothing.
 * Calls: render.h, jansson. No I/O, no clock.
 * Holds: strings are exact (JSON escapes only); the body stays within 20 KiB by leaving out lists
 *        and then cutting sentences, never by dropping the alert.
 */
#include "exporters/alerts/render.h"

#define BODY_MAX 20480u

struct options {
    struct kt_target_files files;
    struct kt_strings types;
    bool acknowledge_link;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with the endpoint's URL.", false, false },
    { "secret_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.key_file),
      "File (0600) with the signing keys, whsec_… or whsk_…, one a line; of its own for each "
      "endpoint.",
      false, false },
    { "previous_secret_file", KT_OPT_SECRET_FILE, "",
      offsetof(struct options, files.key_previous_file),
      "File (0600) with the keys before, which sign too while receivers change over.", false,
      false },
    { "types", KT_OPT_LIST, "", offsetof(struct options, types),
      "Only these types are sent, such as alert.opened or alert.*; none: all.", false, false },
    { "acknowledge_link", KT_OPT_BOOL, "false", offsetof(struct options, acknowledge_link),
      "The link that acknowledges, in data: whoever reads what the receiver keeps may use it.",
      false, false },
    KT_OPTIONS_END,
};

static const char *const types[KT_SEND_COUNT] = {
    [KT_SEND_TRIGGER] = "alert.opened",           [KT_SEND_UPDATE] = "alert.updated",
    [KT_SEND_REPEAT] = "alert.repeated",          [KT_SEND_ESCALATE] = "alert.escalated",
    [KT_SEND_ACKNOWLEDGE] = "alert.acknowledged", [KT_SEND_RESOLVE] = "alert.resolved",
    [KT_SEND_REMARK] = "alert.updated",           [KT_SEND_RESEND] = "alert.opened",
    [KT_SEND_CHANGE] = "change.recorded",         [KT_SEND_TEST] = "test.ping",
};

/* Alerts that have types of their own: receivers route them elsewhere. */
static const struct {
    const char *detector, *code; /* code: of an alert about keytrail itself; NULL: any */
    enum kt_send send;
    const char *type;
} own_types[] = {
    { "silent_source", NULL, KT_SEND_TRIGGER, "source.silent" },
    { "silent_source", NULL, KT_SEND_RESOLVE, "source.recovered" },
    { "self", "integrity.failed", KT_SEND_TRIGGER, "integrity.failed" },
};

static const char *type_of(const struct kt_target_turn *turn)
{
    const struct kt_alert *a = turn->alert;
    for (size_t i = 0; i < KT_ARRAY_LEN(own_types); i++) {
        bool code = own_types[i].code == NULL ||
                    (a->n_parts > 0 && kt_str_is(a->parts[0].text, own_types[i].code));
        if (turn->send == own_types[i].send && code &&
            kt_str_is(kt_str_of(a->detector), own_types[i].detector))
            return own_types[i].type;
    }
    return types[turn->send];
}

/* "alert.*" is every type that begins with "alert.". */
static bool covers(const char *filter, const char *type)
{
    struct kt_str f = kt_str_of(filter), t = kt_str_of(type);
    if (kt_str_ends(f, KT_STR(".*")))
        return kt_str_starts(t, kt_str_sub(f, 0, f.len - 1));
    return kt_str_eq(f, t);
}

static bool is_wanted(const struct options *o, const char *type)
{
    bool wanted = o->types.n == 0 || covers("test.*", type);
    for (unsigned i = 0; i < o->types.n && !wanted; i++)
        wanted = covers(o->types.at[i], type);
    return wanted;
}

/* A filter that lets nothing through is a slip of the pen. */
static enum kt_status check(const void *opt, struct kt_error *err)
{
    const struct options *o = opt;
    for (unsigned i = 0; i < o->types.n; i++) {
        bool known = false;
        for (size_t k = 0; k < KT_SEND_COUNT; k++)
            known = known || covers(o->types.at[i], types[k]);
        for (size_t k = 0; k < KT_ARRAY_LEN(own_types); k++)
            known = known || covers(o->types.at[i], own_types[k].type);
        if (!known)
            return kt_fail(err, KT_E_CONFIG,
                           "types: there is no type '%s'; keytrail sends alert.*, source.*, "
                           "integrity.failed, change.recorded, test.ping",
                           o->types.at[i]);
    }
    return KT_OK;
}

static void set(json_t *to, const char *key, json_t *value)
{
    (void)json_object_set_new(to, key, value);
}

/* How much of the alert goes in; each step is tried until the body fits. */
struct cut {
    unsigned events, secrets;
    size_t text;
};
static const struct cut cuts[] = {
    { KT_ALERT_EVENTS_MAX, 8, BODY_MAX }, { 4, 8, 2000 }, { 0, 2, 500 }, { 0, 0, 200 }
};

static struct kt_str shorter(struct kt_arena *arena, struct kt_str s, size_t max)
{
    if (s.len <= max)
        return s;
    return kt_arena_cat(arena, kt_utf8_cut(s, max - 3), KT_STR("…"));
}

static json_t *list(struct kt_arena *arena, const struct kt_str *at, unsigned n, unsigned max,
                    size_t text)
{
    json_t *l = json_array();
    for (unsigned i = 0; i < n && i < max; i++)
        (void)json_array_append_new(l, kt_render_json(arena, shorter(arena, at[i], text)));
    return l;
}

static json_t *parts(struct kt_arena *arena, const struct kt_alert *a, size_t text)
{
    json_t *l = json_array();
    for (unsigned i = 0; i < a->n_parts; i++)
        (void)json_array_append_new(
            l, json_pack("{s:s, s:f, s:o}", "detector", a->parts[i].detector, "points",
                         a->parts[i].points / 100.0, "text",
                         kt_render_json(arena, shorter(arena, a->parts[i].text, text))));
    return l;
}

static void set_texts(json_t *d, struct kt_arena *arena, const struct kt_alert *a, size_t max)
{
    const struct {
        const char *key;
        struct kt_str s;
    } texts[] = {
        { "title", a->title },
        { "normal", a->normal },
        { "why", a->why },
        { "considered", a->considered },
        { "quiet", a->quiet },
        { "command", a->command },
        { "actor", a->actor },
        { "actor_written", a->actor_written },
        { "actor_kind", a->actor_kind },
        { "ip", a->ip },
        { "country", a->country },
        { "network", a->network },
        { "secret", a->secret },
        { "instance", a->instance },
        { "source", a->source },
        { "user_agent", a->user_agent },
        { "merged_into", a->merged_into },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        if (texts[i].s.len > 0)
            set(d, texts[i].key, kt_render_json(arena, shorter(arena, texts[i].s, max)));
}

static void set_life(json_t *d, struct kt_arena *arena, const struct kt_alert *a, size_t max)
{
    const struct kt_alert_life *l = &a->life;
    const struct {
        const char *key;
        struct kt_str s;
    } texts[] = {
        { "status", l->status },
        { "acknowledged_by", l->acknowledged_by },
        { "assignee", l->assignee },
        { "closed_by", l->closed_by },
        { "verdict", l->verdict },
        { "reopened_by", l->reopened_by },
        { "note", l->note },
        { "note_by", l->note_by },
        { "reopened_for", l->reopened_for },
        { "acknowledged_where", l->acknowledged_where },
    };
    const struct {
        const char *key;
        kt_time_ns t;
    } times[] = { { "acknowledged_at", l->acknowledged_at },
                  { "closed_at", l->closed_at },
                  { "reopened_at", l->reopened_at } };
    if (l->status.len == 0)
        return;
    json_t *o = json_object();
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        if (texts[i].s.len > 0)
            set(o, texts[i].key, kt_render_json(arena, shorter(arena, texts[i].s, max)));
    for (size_t i = 0; i < KT_ARRAY_LEN(times); i++)
        if (times[i].t != 0)
            set(o, times[i].key, kt_render_json(arena, kt_render_time(arena, times[i].t)));
    set(d, "life", o);
}

static json_t *data(const struct options *o, struct kt_arena *arena,
                    const struct kt_target_turn *turn, const struct cut *c)
{
    const struct kt_alert *a = turn->alert;
    json_t *d = json_pack("{s:s, s:s, s:f, s:s, s:s}", "id", a->id, "severity",
                          kt_severity_words[a->severity].word, "score", a->score / 100.0,
                          "detector", a->detector, "state", a->state != NULL ? a->state : "open");
    if (a->test)
        set(d, "test", json_true());
    set_texts(d, arena, a, c->text);
    const struct {
        const char *key;
        kt_time_ns t;
    } times[] = { { "first", a->first }, { "last", a->last }, { "raised", a->raised } };
    for (size_t i = 0; i < KT_ARRAY_LEN(times); i++)
        if (times[i].t != 0)
            set(d, times[i].key, kt_render_json(arena, kt_render_time(arena, times[i].t)));
    set_life(d, arena, a, c->text);
    if (o->acknowledge_link && turn->ack_url.len > 0) /* a credential: SIEMs keep it for all */
        set(d, "acknowledge_url", kt_render_json(arena, turn->ack_url));
    set(d, "contributions", parts(arena, a, c->text));
    set(d, "secrets", list(arena, a->secrets, a->n_secrets, c->secrets, c->text));
    set(d, "secrets_count", json_integer((json_int_t)a->secrets_count));
    set(d, "events", list(arena, a->events, a->n_events, c->events, c->text));
    set(d, "events_count", json_integer((json_int_t)a->events_count));
    return d;
}

static enum kt_status render(const void *opt, const struct kt_target_secrets *secrets,
                             const struct kt_target_turn *turn, struct kt_arena *arena,
                             struct kt_target_request *ret, struct kt_error *err)
{
    const struct kt_alert *a = turn->alert;
    const char *type = type_of(turn);
    if (!is_wanted(opt, type)) {
        ret->skip = "of a type that this target does not want";
        return KT_OK;
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(cuts); i++) {
        struct kt_str when = kt_render_time(arena, a->raised != 0 ? a->raised : a->time);
        json_auto_t *root =
            json_pack("{s:s, s:o, s:o}", "type", type, "timestamp", kt_render_json(arena, when),
                      "data", data(opt, arena, turn, &cuts[i]));
        kt_buf_reset(&ret->body);
        kt_render_dump(root, &ret->body);
        if (ret->body.len <= BODY_MAX)
            break;
    }
    if (arena->full || ret->body.len > BODY_MAX)
        return kt_fail(err, KT_E_LIMIT, "webhook: the alert does not fit");
    ret->url = secrets->url;
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/json");
    return KT_OK;
}

/* Only the status counts, and a 3xx or 4xx may be a deploy in progress: everything but 410 is tried
 * again. */
static void judge(const struct kt_target_reply *reply, struct kt_target_ruling *ret)
{
    kt_render_word(KT_STR_NONE, reply->status, ret->word);
    ret->verdict = kt_render_judge(reply->status);
    if (ret->verdict == KT_REFUSED)
        ret->verdict = KT_RETRY;
}

const struct kt_target kt_target_webhook = {
    .name = "webhook",
    .summary = "Any HTTPS endpoint, Standard Webhooks 1.0.0",
    .options = options,
    .options_size = sizeof(struct options),
    .check = check,
    .sign_standard = true,
    .per_second = 10,
    .render = render,
    .judge = judge,
};
