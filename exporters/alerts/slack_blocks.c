/*
 * slack_blocks: the Block Kit message of an alert (EXPORTS §1.1).
 *
 * Owns:  nothing.
 * Calls: render.h, ack.h, jansson. No I/O, no clock.
 * Holds: event text is never markup: sentences are plain_text, values stand in backticks, & < > are
 *        escaped, nothing is linked or unfurled. At most 10,000 characters: facts go first, then
 *        the ends of sentences.
 */
#include "exporters/alerts/slack_blocks.h"

#include "exporters/alerts/ack.h"

#define MESSAGE_MAX  10000u
#define HEADER_MAX   150u
#define SENTENCE_MAX 1200u
#define SENTENCE_CUT 400u /* beside links of 1,000 characters each */
#define FIELD_MAX    300u
#define FIELDS_MAX   10u

/* & < > escaped after the visible escapes; a cut never leaves half an entity. */
static struct kt_str escaped(struct kt_arena *arena, struct kt_str raw, size_t max, bool ticks)
{
    struct kt_str s = kt_render_people(arena, raw, max);
    char *out = kt_arena_alloc(arena, s.len * 5 + 8);
    size_t n = 0;
    if (out == NULL)
        return KT_STR_NONE;
    for (size_t i = 0; i < s.len; i++) {
        const char *by = s.at[i] == '&'            ? "&amp;"
                         : s.at[i] == '<'          ? "&lt;"
                         : s.at[i] == '>'          ? "&gt;"
                         : ticks && s.at[i] == '`' ? "ˋ"
                                                   : NULL;
        if (by == NULL) {
            out[n++] = s.at[i];
            continue;
        }
        for (; *by != '\0' && n + 1 < s.len * 5 + 8; by++)
            out[n++] = *by;
        if (n > max) /* entities made it longer than a block may be */
            break;
    }
    return kt_str_from(out, n);
}

static json_t *plain(struct kt_arena *arena, struct kt_str s, size_t max)
{
    return json_pack("{s:s, s:o, s:b}", "type", "plain_text", "text",
                     kt_render_json(arena, escaped(arena, s, max, false)), "emoji", 0);
}

static json_t *field(struct kt_arena *arena, const struct kt_render_fact *f)
{
    struct kt_str v = escaped(arena, f->value, FIELD_MAX, true);
    struct kt_str text = kt_arena_fmt(arena, "*%s*\n`" KT_STR_FMT "`", f->label, KT_STR_ARG(v));
    return json_pack("{s:s, s:o, s:b}", "type", "mrkdwn", "text", kt_render_json(arena, text),
                     "verbatim", 1);
}

static void add_sentence(json_t *blocks, struct kt_arena *arena, struct kt_str s, size_t max)
{
    if (s.len > 0)
        (void)json_array_append_new(
            blocks, json_pack("{s:s, s:o}", "type", "section", "text", plain(arena, s, max)));
}

static void add_fields(json_t *blocks, struct kt_arena *arena, const struct kt_render_fact *facts,
                       unsigned n)
{
    json_t *fields = json_array();
    for (unsigned i = 0; i < n && i < FIELDS_MAX; i++)
        (void)json_array_append_new(fields, field(arena, &facts[i]));
    if (json_array_size(fields) == 0) {
        json_decref(fields);
        return;
    }
    (void)json_array_append_new(blocks,
                                json_pack("{s:s, s:o}", "type", "section", "fields", fields));
}

static json_t *button(const char *id, const char *label, const char *does, json_t *what)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:b}, s:o}", "type", "button", "action_id", id,
                     "text", "type", "plain_text", "text", label, "emoji", 0, does, what);
}

/* Its value is what Slack sends back when somebody presses it (dashboards/server/inbound). */
static json_t *ack_button(const struct kt_alert *a)
{
    char seen[KT_ACK_SEEN_TEXT];
    kt_ack_seen_write(a, seen);
    json_t *b = button(KT_ACK_ACTION, "Acknowledge", "value", json_string(seen));
    (void)json_object_set_new(b, "style", json_string("primary"));
    return b;
}

static void add_buttons(json_t *blocks, const struct kt_slack_look *look, struct kt_arena *arena,
                        const struct kt_target_turn *turn)
{
    bool press = look->button && turn->asks;
    const struct {
        const char *id, *label;
        struct kt_str url;
    } links[] = { { "open", "Open alert", turn->alert_url },
                  { "acknowledge_link", "Acknowledge", press ? KT_STR_NONE : turn->ack_url },
                  { "runbook", "Runbook", turn->runbook_url } };
    json_t *elements = json_array();
    if (press)
        (void)json_array_append_new(elements, ack_button(turn->alert));
    for (size_t i = 0; i < KT_ARRAY_LEN(links); i++)
        if (links[i].url.len > 0)
            (void)json_array_append_new(elements, button(links[i].id, links[i].label, "url",
                                                         kt_render_json(arena, links[i].url)));
    if (json_array_size(elements) > 0)
        (void)json_array_append_new(
            blocks, json_pack("{s:s, s:O}", "type", "actions", "elements", elements));
    json_decref(elements);
}

struct size { /* how much goes in; less of it until it fits */
    unsigned facts;
    size_t sentence;
};

static json_t *message(const struct kt_slack_look *look, struct kt_arena *arena,
                       const struct kt_target_turn *turn, const struct kt_render_fact *facts,
                       struct size size)
{
    const struct kt_alert *a = turn->alert;
    struct kt_str headline = kt_render_head(arena, turn);
    struct kt_str foot = kt_arena_fmt(arena, "%s · %llu events · keytrail", a->id,
                                      (unsigned long long)a->events_count);
    struct kt_str text = kt_arena_fmt(arena, "[" KT_STR_FMT "] " KT_STR_FMT, KT_STR_ARG(headline),
                                      KT_STR_ARG(kt_render_people(arena, a->title, 240)));
    json_t *blocks = json_array();
    (void)json_array_append_new(blocks, json_pack("{s:s, s:o}", "type", "header", "text",
                                                  plain(arena, headline, HEADER_MAX)));
    add_sentence(blocks, arena, a->title, size.sentence);
    add_sentence(blocks, arena, a->normal, size.sentence);
    add_sentence(blocks, arena, a->why, size.sentence);
    add_fields(blocks, arena, facts, size.facts);
    add_buttons(blocks, look, arena, turn);
    (void)json_array_append_new(blocks, json_pack("{s:s, s:[o]}", "type", "context", "elements",
                                                  plain(arena, foot, HEADER_MAX)));
    json_t *root = json_pack("{s:o, s:b, s:b, s:b}", "text",
                             kt_render_json(arena, escaped(arena, text, SENTENCE_MAX, true)),
                             "mrkdwn", 0, "unfurl_links", 0, "unfurl_media", 0);
    if (look->colour)
        (void)json_object_set_new(root, "attachments",
                                  json_pack("[{s:s, s:o}]", "color",
                                            kt_severity_words[a->severity].slack_colour, "blocks",
                                            blocks));
    else
        (void)json_object_set_new(root, "blocks", blocks);
    return root;
}

/* The second try after a refused block: the same words, nothing that can be malformed. */
static json_t *text_only(struct kt_arena *arena, const struct kt_target_turn *turn)
{
    const struct kt_alert *a = turn->alert;
    struct kt_str s = kt_arena_fmt(
        arena, "[" KT_STR_FMT "] " KT_STR_FMT " — " KT_STR_FMT " — " KT_STR_FMT " (%s)",
        KT_STR_ARG(kt_render_head(arena, turn)), KT_STR_ARG(a->title), KT_STR_ARG(a->normal),
        KT_STR_ARG(a->why), a->id);
    return json_pack("{s:o, s:b}", "text",
                     kt_render_json(arena, escaped(arena, s, SENTENCE_MAX * 3, true)), "mrkdwn", 0);
}

json_t *kt_slack_message(const struct kt_target_turn *turn, const struct kt_slack_look *look,
                         struct kt_arena *arena)
{
    struct kt_render_fact facts[KT_RENDER_FACTS_MAX];
    struct size size = { kt_render_facts(turn->alert, arena, facts), SENTENCE_MAX };
    for (;;) {
        json_t *root =
            turn->plain ? text_only(arena, turn) : message(look, arena, turn, facts, size);
        bool fits = root != NULL && json_dumpb(root, NULL, 0, JSON_COMPACT) <= MESSAGE_MAX;
        bool least = size.facts == 0 && size.sentence == SENTENCE_CUT;
        if (fits && !arena->full)
            return root;
        json_decref(root);
        if (arena->full || root == NULL || turn->plain || least)
            return NULL;
        if (size.facts > 0)
            size.facts--;
        else
            size.sentence = SENTENCE_CUT;
    }
}
