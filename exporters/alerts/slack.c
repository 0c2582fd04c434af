/*
 * slack: an alert as a Block Kit message to an incoming webhook (EXPORTS §1.1).
 *
 * Owns:  nothing.
 * Calls: slack_blocks.h. No I/O, no clock.
 * Holds: a webhook answers only "ok", so each message stands alone; threads need a bot (slack_bot).
 */
#include "exporters/alerts/slack_blocks.h"

struct options {
    struct kt_target_files files;
    struct kt_slack_look look;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with the incoming webhook's URL.", false, false },
    { "colour", KT_OPT_BOOL, "false", offsetof(struct options, look.colour),
      "Wrap the message in a legacy attachment with a severity bar.", false, false },
    { "button", KT_OPT_BOOL, "false", offsetof(struct options, look.button),
      "Add a button that acknowledges, for an app whose Interactivity leads to dashboard.answers.",
      false, false },
    KT_OPTIONS_END,
};

static enum kt_status render(const void *opt, const struct kt_target_secrets *secrets,
                             const struct kt_target_turn *turn, struct kt_arena *arena,
                             struct kt_target_request *ret, struct kt_error *err)
{
    const struct options *o = opt;
    json_auto_t *root = kt_slack_message(turn, &o->look, arena);
    if (root == NULL)
        return kt_fail(err, KT_E_LIMIT, "slack: the alert does not fit");
    kt_render_dump(root, &ret->body);
    ret->url = secrets->url;
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/json");
    return KT_OK;
}

/* Slack's own words, of which some come below a 200 that posted nothing. Anything else below a 200
 * is a relay's own answer, and its status counts. */
static const struct {
    const char *word;
    enum kt_verdict verdict;
    bool plain;
} words[] = {
    { "rollup_error", KT_RETRY, false },
    { "ratelimited", KT_RETRY, false },
    { "rate_limited", KT_RETRY, false },
    { "internal_error", KT_RETRY, false },
    { "fatal_error", KT_RETRY, false },
    { "service_unavailable", KT_RETRY, false },
    { "no_service", KT_RETRY, false }, /* the app is switched off: somebody may switch it on */
    { "no_active_hooks", KT_RETRY, false },
    { "invalid_payload", KT_REFUSED, true },
    { "invalid_blocks", KT_REFUSED, true },
    { "invalid_blocks_format", KT_REFUSED, true },
    { "invalid_attachments", KT_REFUSED, true },
    { "too_many_attachments", KT_REFUSED, true },
    { "msg_too_long", KT_REFUSED, true },
    { "no_text", KT_REFUSED, true },
    { "missing_text_or_fallback_or_attachments", KT_REFUSED, true },
    { "user_not_found", KT_REFUSED, false },
    { "channel_not_found", KT_REFUSED, false },
    { "action_prohibited", KT_REFUSED, false },
    { "posting_to_general_channel_denied", KT_REFUSED, false },
    { "invalid_token", KT_REFUSED, false },
    { "no_team", KT_REFUSED, false },
    { "team_disabled", KT_REFUSED, false },
    { "channel_is_archived", KT_DISABLED, false },
};

static void judge(const struct kt_target_reply *reply, struct kt_target_ruling *ret)
{
    struct kt_str body = kt_str_trim(reply->body);
    bool good = reply->status == 200;
    ret->verdict = kt_render_judge(reply->status);
    ret->plain = reply->status == 400;
    for (size_t i = 0; reply->status == 200 && i < KT_ARRAY_LEN(words); i++)
        if (kt_str_is(body, words[i].word)) {
            good = false;
            ret->verdict = words[i].verdict;
            ret->plain = words[i].plain;
        }
    kt_render_word(good ? KT_STR("ok") : kt_str_sub(reply->body, 0, 60), reply->status, ret->word);
}

const struct kt_target kt_target_slack = {
    .name = "slack",
    .summary = "Slack incoming webhook",
    .options = options,
    .options_size = sizeof(struct options),
    .per_second = 1,
    .for_people = true,
    .render = render,
    .judge = judge,
};
