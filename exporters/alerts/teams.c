/*
 * teams: an alert as an Adaptive Card to a Workflows webhook of Microsoft Teams (EXPORTS §1.4;
 * schema of Adaptive Cards 1.4).
 *
 * Owns:  nothing.
 * Calls: render.h, jansson. No I/O, no clock.
 * Holds: event text is never markup: the characters of the Markdown that a TextBlock knows are
 *        escaped. A message stays under 20,000 bytes of the 28 KB that are taken: facts go first.
 */
#include <string.h>

#include "exporters/alerts/render.h"

#define MESSAGE_MAX  20000u
#define SENTENCE_MAX 1200u
#define FIELD_MAX    600u

struct options {
    struct kt_target_files files;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with the workflow's URL.", false, false },
    KT_OPTIONS_END,
};

/* For people, with a backslash before what Markdown would take for its own. */
static json_t *text(struct kt_arena *arena, struct kt_str raw, size_t max)
{
    static const char marks[] = "\\*_[]()~#>`|";
    struct kt_str s = kt_render_people(arena, raw, max);
    char *out = kt_arena_alloc(arena, s.len * 2 + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < s.len; i++) {
        for (const char *m = marks; *m != '\0'; m++) {
            if (s.at[i] == *m)
                out[n++] = '\\';
        }
        out[n++] = s.at[i];
    }
    return kt_render_json(arena, out == NULL ? KT_STR_NONE : kt_str_from(out, n));
}

static const char *colour(const struct kt_alert *a)
{
    static const char *const by[KT_SEV_COUNT] = { "default", "accent", "warning", "attention",
                                                  "attention" };
    return by[a->severity];
}

static void add_block(json_t *body, json_t *words)
{
    (void)json_array_append_new(
        body, json_pack("{s:s, s:b, s:o}", "type", "TextBlock", "wrap", 1, "text", words));
}

static void add_sentence(json_t *body, struct kt_arena *arena, struct kt_str s)
{
    if (s.len > 0)
        add_block(body, text(arena, s, SENTENCE_MAX));
}

static json_t *card(struct kt_arena *arena, const struct kt_target_turn *turn,
                    const struct kt_render_fact *facts, unsigned n_facts)
{
    const struct kt_alert *a = turn->alert;
    json_t *body = json_pack("[{s:s, s:s, s:s, s:s, s:b, s:o}]", "type", "TextBlock", "size",
                             "Large", "weight", "Bolder", "color", colour(a), "wrap", 1, "text",
                             text(arena, kt_render_head(arena, turn), SENTENCE_MAX));
    add_sentence(body, arena, a->title);
    add_sentence(body, arena, a->normal);
    add_sentence(body, arena, a->why);
    json_t *rows = json_array();
    for (unsigned i = 0; i < n_facts; i++)
        (void)json_array_append_new(rows, json_pack("{s:s, s:o}", "title", facts[i].label, "value",
                                                    text(arena, facts[i].value, FIELD_MAX)));
    if (n_facts > 0)
        (void)json_array_append_new(body,
                                    json_pack("{s:s, s:o}", "type", "FactSet", "facts", rows));
    else
        json_decref(rows);
    struct kt_str foot = kt_arena_fmt(arena, "%s · %llu events · keytrail", a->id,
                                      (unsigned long long)a->events_count);
    add_sentence(body, arena, foot);
    return body;
}

/* The second try after a refusal: the same words in blocks of text alone. */
static json_t *words_only(struct kt_arena *arena, const struct kt_target_turn *turn)
{
    const struct kt_alert *a = turn->alert;
    json_t *body = json_array();
    add_sentence(body, arena, kt_render_head(arena, turn));
    add_sentence(body, arena, a->title);
    add_sentence(body, arena, a->normal);
    add_sentence(body, arena, a->why);
    add_sentence(body, arena, kt_str_of(a->id));
    return body;
}

static json_t *actions(struct kt_arena *arena, const struct kt_target_turn *turn)
{
    const struct {
        const char *label;
        struct kt_str url;
    } links[] = { { "Open alert", turn->alert_url },
                  { "Acknowledge", turn->ack_url },
                  { "Runbook", turn->runbook_url } };
    json_t *list = json_array();
    for (size_t i = 0; i < KT_ARRAY_LEN(links); i++)
        if (links[i].url.len > 0)
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "type", "Action.OpenUrl",
                                                        "title", links[i].label, "url",
                                                        kt_render_json(arena, links[i].url)));
    return list;
}

static json_t *message(struct kt_arena *arena, const struct kt_target_turn *turn, json_t *body)
{
    json_t *content =
        json_pack("{s:s, s:s, s:s, s:{s:s}, s:o}", "$schema",
                  "http://adaptivecards.io/schemas/adaptive-card.json", "type", "AdaptiveCard",
                  "version", "1.4", "msteams", "width", "Full", "body", body);
    json_t *buttons = actions(arena, turn);
    if (json_array_size(buttons) > 0)
        (void)json_object_set(content, "actions", buttons);
    json_decref(buttons);
    return json_pack("{s:s, s:[{s:s, s:n, s:o}]}", "type", "message", "attachments", "contentType",
                     "application/vnd.microsoft.card.adaptive", "contentUrl", "content", content);
}

static enum kt_status render(const void *opt, const struct kt_target_secrets *secrets,
                             const struct kt_target_turn *turn, struct kt_arena *arena,
                             struct kt_target_request *ret, struct kt_error *err)
{
    struct kt_render_fact facts[KT_RENDER_FACTS_MAX];
    unsigned n = kt_render_facts(turn->alert, arena, facts);

    (void)opt;
    ret->url = secrets->url;
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/json");
    for (;;) {
        json_auto_t *root = message(
            arena, turn, turn->plain ? words_only(arena, turn) : card(arena, turn, facts, n));
        if (root == NULL || arena->full)
            return kt_fail(err, KT_E_LIMIT, "teams: the alert does not fit");
        kt_buf_reset(&ret->body);
        kt_render_dump(root, &ret->body);
        if (ret->body.len <= MESSAGE_MAX || n == 0 || turn->plain)
            return KT_OK;
        n--;
    }
}

/* A workflow answers 202 before it posts: what goes wrong then stands in its run history only. */
static void judge(const struct kt_target_reply *reply, struct kt_target_ruling *ret)
{
    json_auto_t *root =
        json_loadb(reply->body.at != NULL ? reply->body.at : "", reply->body.len, 0, NULL);
    const json_t *why = json_object_get(json_object_get(root, "error"), "code");
    ret->plain = reply->status == 400 || reply->status == 413;
    kt_render_word(kt_str_of(json_string_value(why)), reply->status, ret->word);
    ret->verdict = kt_render_judge(reply->status);
}

/* Connectors of Office 365 were retired in spring 2026; their URLs still resolve. */
static const char *url_refused(struct kt_str url)
{
    static const char *const retired[] = { ".webhook.office.com", "outlook.office.com",
                                           "outlook.office365.com" };
    struct kt_str rest = url, host;
    (void)kt_str_split(&rest, '/', &host);
    (void)kt_str_split(&rest, '/', &host);
    (void)kt_str_split(&rest, '/', &host);
    rest = host;
    (void)kt_str_split(&rest, ':', &host);
    bool old = false;
    for (size_t i = 0; i < KT_ARRAY_LEN(retired); i++) {
        size_t n = strlen(retired[i]);
        old = old || (host.len >= n && kt_str_eq_nocase(kt_str_from_index(host, host.len - n),
                                                        kt_str_of(retired[i])));
    }
    return old ? "this is a connector's URL of Office 365, retired in 2026: make a workflow in "
                 "Teams "
                 "with the trigger 'When a Teams webhook request is received' and use its URL"
               : NULL;
}

const struct kt_target kt_target_teams = {
    .name = "teams",
    .summary = "Microsoft Teams, by a workflow",
    .options = options,
    .options_size = sizeof(struct options),
    .per_second = 4,
    .for_people = true,
    .url_refused = url_refused,
    .render = render,
    .judge = judge,
};
