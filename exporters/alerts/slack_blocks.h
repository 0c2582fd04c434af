/* slack_blocks: the message that both of Slack's targets send. */
#pragma once
#include "exporters/alerts/render.h"

/* {"text", "blocks" …} of at most 10,000 bytes, facts left out from the end; with turn->plain words
 * alone. New reference; NULL: it does not fit the arena. */
struct kt_slack_look {
    bool colour; /* in an attachment with a bar */
    bool button; /* the app takes buttons: one acknowledges, in the place of a link */
};
json_t *kt_slack_message(const struct kt_target_turn *turn, const struct kt_slack_look *look,
                         struct kt_arena *arena);
