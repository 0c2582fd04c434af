/*
 * pagerduty: an alert as an event of PagerDuty's Events API v2 (EXPORTS §1.2).
 *
 * Owns:  nothing.
 * Calls: render.h, core/event/secret_id.h, jansson. No I/O, no clock.
 * Holds: dedup_key is the alert's id, so that a resend never opens a second incident; it is the
 *        handle too, by which its answers are asked for.
 */
#include "core/event/secret_id.h"
#include "exporters/alerts/pagerduty_answers.h"
#include "exporters/alerts/render.h"

#define EVENTS_US   "https://events.pagerduty.com/v2/enqueue"
#define EVENTS_EU   "https://events.eu.pagerduty.com/v2/enqueue"
#define SUMMARY_MAX 1024u
#define DETAIL_MAX  4096u /* 14 of them stay far below the 512 KB of a body */

struct options {
    struct kt_target_files files;
    const char *region, *api;
};

static const struct kt_option options[] = {
    { "routing_key_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.key_file),
      "File (0600) with the 32-character integration key.", false, false },
    { "region", KT_OPT_STRING, "us", offsetof(struct options, region),
      "Service region of the account: us or eu.", false, false },
    { "url_file", KT_OPT_SECRET_FILE, "", offsetof(struct options, files.url_file),
      "File (0600) with another endpoint, such as a local relay's.", false, false },
    { "api_token_file", KT_OPT_SECRET_FILE, "", offsetof(struct options, files.answers_file),
      "File (0600) with a read-only REST API key: who acknowledged there has acknowledged here.",
      false, false },
    { "api", KT_OPT_STRING, "", offsetof(struct options, api),
      "Another base URL of the REST API than the region's.", false, false },
    KT_OPTIONS_END,
};

static const char *const event_action[KT_SEND_COUNT] = {
    [KT_SEND_TRIGGER] = "trigger", [KT_SEND_UPDATE] = "trigger",
    [KT_SEND_REPEAT] = "trigger",  [KT_SEND_ESCALATE] = "trigger",
    [KT_SEND_RESEND] = "trigger",  [KT_SEND_ACKNOWLEDGE] = "acknowledge",
    [KT_SEND_RESOLVE] = "resolve", [KT_SEND_TEST] = "trigger",
};

static json_t *details(struct kt_arena *arena, const struct kt_alert *a)
{
    struct kt_render_fact facts[KT_RENDER_FACTS_MAX];
    unsigned n = kt_render_facts(a, arena, facts);
    const struct {
        const char *label;
        struct kt_str s;
    } first[] = { { "Normal", a->normal }, { "Why it matters", a->why } };
    json_t *d = json_object();
    for (size_t i = 0; i < KT_ARRAY_LEN(first); i++)
        if (first[i].s.len > 0)
            (void)json_object_set_new(
                d, first[i].label,
                kt_render_json(arena, kt_render_people(arena, first[i].s, DETAIL_MAX)));
    for (unsigned i = 0; i < n; i++)
        (void)json_object_set_new(
            d, facts[i].label,
            kt_render_json(arena, kt_render_people(arena, facts[i].value, DETAIL_MAX)));
    return d;
}

static json_t *payload(struct kt_arena *arena, const struct kt_target_turn *turn)
{
    const struct kt_alert *a = turn->alert;
    struct kt_str test = a->test ? KT_STR("[TEST] ") : KT_STR_NONE;
    struct kt_str source = a->instance.len > 0 ? a->instance : a->source;
    if (source.len == 0)
        source = KT_STR("keytrail");
    struct kt_str summary =
        kt_render_people(arena, kt_arena_cat(arena, test, a->title), SUMMARY_MAX);
    json_t *p =
        json_pack("{s:o, s:o, s:s, s:o, s:s}", "summary", kt_render_json(arena, summary), "source",
                  kt_render_json(arena, kt_render_people(arena, source, 255)), "severity",
                  kt_severity_words[a->severity].pagerduty, "timestamp",
                  kt_render_json(arena, kt_render_time(arena, a->time)), "class", a->detector);
    struct kt_str store = kt_secret_store(a->n_secrets > 0 ? a->secrets[0] : a->secret);
    if (store.len > 0)
        (void)json_object_set_new(p, "component",
                                  kt_render_json(arena, kt_render_people(arena, store, 255)));
    (void)json_object_set_new(p, "group", json_string(turn->deployment));
    (void)json_object_set_new(p, "custom_details", details(arena, a));
    return p;
}

/* The endpoint of events, or the one of changes beside it. */
static enum kt_status endpoint(const struct options *o, const struct kt_target_secrets *secrets,
                               bool change, struct kt_arena *arena, struct kt_str *ret,
                               struct kt_error *err)
{
    const struct kt_str last = KT_STR("/enqueue");
    struct kt_str url = secrets->url;
    if (url.len == 0)
        url = kt_str_is(kt_str_of(o->region), "eu") ? KT_STR(EVENTS_EU) : KT_STR(EVENTS_US);
    *ret = url;
    if (!change)
        return KT_OK;
    if (!kt_str_ends(url, last))
        return kt_fail(err, KT_E_CONFIG,
                       "the URL must end in /v2/enqueue for changes to go beside it");
    *ret = kt_arena_cat(arena, kt_str_sub(url, 0, url.len - last.len), KT_STR("/change/enqueue"));
    return KT_OK;
}

static json_t *links(struct kt_arena *arena, const struct kt_target_turn *turn)
{
    const struct {
        const char *label;
        struct kt_str url;
    } all[] = { { "Open alert", turn->alert_url },
                { "Acknowledge", turn->ack_url },
                { "Runbook", turn->runbook_url } };
    json_t *list = json_array();
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++)
        if (all[i].url.len > 0)
            (void)json_array_append_new(list, json_pack("{s:o, s:s}", "href",
                                                        kt_render_json(arena, all[i].url), "text",
                                                        all[i].label));
    return list;
}

/* A change event: no incident, nobody is paged. */
static json_t *change(struct kt_arena *arena, const struct kt_target_secrets *secrets,
                      const struct kt_target_turn *turn)
{
    const struct kt_alert *a = turn->alert;
    struct kt_str summary = kt_render_people(arena, a->title, SUMMARY_MAX);
    return json_pack("{s:o, s:{s:o, s:s, s:o, s:o}}", "routing_key",
                     kt_render_json(arena, secrets->key), "payload", "summary",
                     kt_render_json(arena, summary), "source", turn->deployment, "timestamp",
                     kt_render_json(arena, kt_render_time(arena, a->time)), "custom_details",
                     details(arena, a));
}

static json_t *event(struct kt_arena *arena, const struct kt_target_secrets *secrets,
                     const struct kt_target_turn *turn)
{
    const char *does = event_action[turn->send];
    json_t *root = json_pack("{s:o, s:s, s:s}", "routing_key", kt_render_json(arena, secrets->key),
                             "event_action", does, "dedup_key", turn->alert->id);
    if (!kt_str_is(kt_str_of(does), "trigger"))
        return root;
    json_t *pages = links(arena, turn);
    (void)json_object_set_new(root, "payload", payload(arena, turn));
    (void)json_object_set_new(root, "client", json_string("keytrail"));
    if (turn->alert_url.len > 0)
        (void)json_object_set_new(root, "client_url", kt_render_json(arena, turn->alert_url));
    if (json_array_size(pages) > 0)
        (void)json_object_set(root, "links", pages);
    json_decref(pages);
    return root;
}

static enum kt_status render(const void *opt, const struct kt_target_secrets *secrets,
                             const struct kt_target_turn *turn, struct kt_arena *arena,
                             struct kt_target_request *ret, struct kt_error *err)
{
    bool is_change = turn->send == KT_SEND_CHANGE;
    if (turn->send == KT_SEND_REMARK) {
        ret->skip = "the incident is resolved: only a trigger could say more";
        return KT_OK;
    }
    if (is_change && kt_str_starts(secrets->key, KT_STR("R"))) {
        ret->skip = "the key of a ruleset (R…) takes no change events";
        return KT_OK;
    }
    if (endpoint(opt, secrets, is_change, arena, &ret->url, err) != KT_OK)
        return err->code;
    json_auto_t *root = is_change ? change(arena, secrets, turn) : event(arena, secrets, turn);
    if (root == NULL || arena->full)
        return kt_fail(err, KT_E_LIMIT, "pagerduty: the alert does not fit");
    kt_render_dump(root, &ret->body);
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/json");
    if (!is_change)
        ret->handle = kt_str_of(turn->alert->id);
    return KT_OK;
}

static void judge(const struct kt_target_reply *reply, struct kt_target_ruling *ret)
{
    json_auto_t *root =
        json_loadb(reply->body.at != NULL ? reply->body.at : "", reply->body.len, 0, NULL);
    const json_t *why = json_array_get(json_object_get(root, "errors"), 0);
    if (why == NULL)
        why = json_object_get(root, "status");
    kt_render_word(kt_str_of(json_string_value(why)), reply->status, ret->word);
    ret->verdict = kt_render_judge(reply->status);
}

static enum kt_status ask(const void *opt, struct kt_str token, const struct kt_answer_place *place,
                          struct kt_arena *arena, struct kt_target_request *ret,
                          struct kt_error *err)
{
    const struct options *o = opt;
    const char *region = kt_str_is(kt_str_of(o->region), "eu") ? "https://api.eu.pagerduty.com"
                                                               : "https://api.pagerduty.com";
    return kt_pagerduty_ask(o->api != NULL ? o->api : region, token, place, arena, ret, err);
}

static const struct kt_target_answers answers = { .ask = ask, .hear = kt_pagerduty_hear };

const struct kt_target kt_target_pagerduty = {
    .name = "pagerduty",
    .summary = "PagerDuty Events API v2",
    .options = options,
    .options_size = sizeof(struct options),
    .url_default = EVENTS_US,
    .per_second = 2,
    .answers = &answers,
    .render = render,
    .judge = judge,
};
