/*
 * slack_bot: an alert as a message of a Slack bot, one thread an alert (EXPORTS §1.1; methods
 * chat.postMessage and chat.update of Slack's Web API).
 *
 * Owns:  nothing.
 * Calls: slack_blocks.h, jansson. No I/O, no clock.
 * Holds: the handle is "<channel> <ts>" of the alert's first message. The Web API answers 200 to
 *        everything: what counts is "ok" and the word in "error".
 */
#include <stdio.h>

#include "exporters/alerts/slack_blocks.h"

struct options {
    struct kt_target_files files;
    const char *channel;
    struct kt_slack_look look;
};

static const struct kt_option options[] = {
    { "token_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.key_file),
      "File (0600) with the bot's token, xoxb-….", false, false },
    { "channel", KT_OPT_STRING, NULL, offsetof(struct options, channel),
      "Id (C…) of the channel that the bot is a member of.", false, false },
    { "colour", KT_OPT_BOOL, "false", offsetof(struct options, look.colour),
      "Wrap the message in a legacy attachment with a severity bar.", false, false },
    { "button", KT_OPT_BOOL, "false", offsetof(struct options, look.button),
      "Add a button that acknowledges, for an app whose Interactivity leads to dashboard.answers.",
      false, false },
    { "url_file", KT_OPT_SECRET_FILE, "", offsetof(struct options, files.url_file),
      "File (0600) with another base URL of the API, such as a relay's, ending in /.", false,
      false },
    KT_OPTIONS_END,
};

#define API "https://slack.com/api/"

/* How a turn shows in a thread that is there: the parent is rewritten, or a reply is posted. */
static const struct {
    bool update, broadcast; /* broadcast: the reply shows in the channel too */
} ways[KT_SEND_COUNT] = {
    [KT_SEND_ACKNOWLEDGE] = { .update = true }, [KT_SEND_RESOLVE] = { .update = true },
    [KT_SEND_REPEAT] = { .broadcast = true },   [KT_SEND_ESCALATE] = { .broadcast = true },
    [KT_SEND_TRIGGER] = { .broadcast = true },
};

static void set(json_t *to, const char *key, json_t *value)
{
    (void)json_object_set_new(to, key, value);
}

static enum kt_status render(const void *opt, const struct kt_target_secrets *secrets,
                             const struct kt_target_turn *turn, struct kt_arena *arena,
                             struct kt_target_request *ret, struct kt_error *err)
{
    const struct options *o = opt;
    struct kt_str ts = turn->handle, channel = KT_STR_NONE;
    bool threaded = kt_str_split(&ts, ' ', &channel) && ts.len > 0;
    bool update = threaded && ways[turn->send].update;
    json_auto_t *root = kt_slack_message(turn, &o->look, arena);
    if (root == NULL)
        return kt_fail(err, KT_E_LIMIT, "slack_bot: the alert does not fit");
    set(root, "channel", threaded ? kt_render_json(arena, channel) : json_string(o->channel));
    if (threaded)
        set(root, update ? "ts" : "thread_ts", kt_render_json(arena, ts));
    if (threaded && !update && ways[turn->send].broadcast)
        set(root, "reply_broadcast", json_true());
    kt_render_dump(root, &ret->body);
    ret->url = kt_arena_cat(arena, secrets->url.len > 0 ? secrets->url : KT_STR(API),
                            update ? KT_STR("chat.update") : KT_STR("chat.postMessage"));
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/json; charset=utf-8");
    ret->headers[ret->n_headers++] =
        kt_arena_cat(arena, KT_STR("Authorization: Bearer "), secrets->key);
    return KT_OK;
}

/* Error words that are not simply a refusal. */
static const struct {
    const char *word;
    enum kt_verdict verdict;
    bool plain, forget;
} words[] = {
    { "ratelimited", KT_RETRY, false, false },
    { "rate_limited", KT_RETRY, false, false },
    { "internal_error", KT_RETRY, false, false },
    { "fatal_error", KT_RETRY, false, false },
    { "service_unavailable", KT_RETRY, false, false },
    { "request_timeout", KT_RETRY, false, false },
    { "team_added_to_org", KT_RETRY, false, false }, /* says Slack: for some minutes */
    { "invalid_blocks", KT_REFUSED, true, false },
    { "invalid_blocks_format", KT_REFUSED, true, false },
    { "msg_blocks_too_long", KT_REFUSED, true, false },
    { "msg_too_long", KT_REFUSED, true, false },
    { "invalid_attachments", KT_REFUSED, true, false },
    { "attachment_payload_limit_exceeded", KT_REFUSED, true, false },
    { "message_not_found", KT_RETRY, false, true }, /* somebody deleted it */
    { "thread_not_found", KT_RETRY, false, true },
    { "cant_update_message", KT_RETRY, false, true },
    { "edit_window_closed", KT_RETRY, false, true },
    { "is_archived", KT_DISABLED, false, false },
    { "account_inactive", KT_DISABLED, false, false },
    { "token_revoked", KT_DISABLED, false, false },
};

static void judge_error(struct kt_str error, struct kt_target_ruling *ret)
{
    ret->verdict = KT_REFUSED;
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
        if (kt_str_is(error, words[i].word)) {
            ret->verdict = words[i].verdict;
            ret->plain = words[i].plain;
            ret->forget = words[i].forget;
        }
}

static void judge(const struct kt_target_reply *reply, struct kt_target_ruling *ret)
{
    json_auto_t *root =
        json_loadb(reply->body.at != NULL ? reply->body.at : "", reply->body.len, 0, NULL);
    const char *error = json_string_value(json_object_get(root, "error"));
    const char *channel = json_string_value(json_object_get(root, "channel"));
    const char *ts = json_string_value(json_object_get(root, "ts"));

    ret->verdict = kt_render_judge(reply->status);
    if (ret->verdict != KT_DELIVERED) {
        kt_render_word(kt_str_of(error), reply->status, ret->word);
    } else if (json_is_true(json_object_get(root, "ok"))) {
        kt_render_word(KT_STR("ok"), reply->status, ret->word);
        if (channel != NULL && ts != NULL)
            (void)snprintf(ret->handle, sizeof ret->handle, "%.60s %.60s", channel, ts);
    } else if (error != NULL) {
        kt_render_word(kt_str_of(error), reply->status, ret->word);
        judge_error(kt_str_of(error), ret);
    } else { /* whoever answered was not Slack */
        kt_render_word(KT_STR("no_ok"), reply->status, ret->word);
        ret->verdict = KT_RETRY;
    }
}

const struct kt_target kt_target_slack_bot = {
    .name = "slack_bot",
    .summary = "Slack, by a bot: one thread an alert",
    .options = options,
    .options_size = sizeof(struct options),
    .url_default = API,
    .per_second = 1,
    .for_people = true,
    .render = render,
    .judge = judge,
};
