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

/* A single word other than `ok`, such as no_service or invalid_token: how Slack says what is wrong.
 * Anything else below a 200 is a relay's own answer, and its status counts. */
static bool is_trouble(struct kt_str body)
{
    for (size_t i = 0; i < body.len; i++)
        if ((body.at[i] < 'a' || body.at[i] > 'z') && body.at[i] != '_')
            return false;
    return body.len > 0 && body.len < 40 && !kt_str_is(body, "ok");
}

static void judge(const struct kt_target_reply *reply, struct kt_target_ruling *ret)
{
    bool good = reply->status == 200 && !is_trouble(kt_str_trim(reply->body));
    ret->plain = reply->status == 400;
    kt_render_word(good ? KT_STR("ok") : kt_str_sub(reply->body, 0, 60), reply->status, ret->word);
    ret->verdict = reply->status == 200 && !good ? KT_RETRY : kt_render_judge(reply->status);
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
