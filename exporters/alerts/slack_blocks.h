/* slack_blocks: the message that both of Slack's targets send. */
#pragma once
#include "exporters/alerts/render.h"

/* {"text", "blocks" …} of at most 10,000 bytes, facts left out from the end; with turn->plain words
 * alone; colour: in an attachment with a bar. New reference; NULL: it does not fit the arena. */
json_t *kt_slack_message(const struct kt_target_turn *turn, bool colour, struct kt_arena *arena);
