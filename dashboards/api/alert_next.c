/*
 * alert_next: what to do now: the steps that the leading detector's page gives for 3 a.m., and the
 * commands that show more, ready to paste.
 *
 * Owns:  the table of commands.
 * Calls: detectors (pages), core/base/enc (words for a shell).
 */
#include <string.h>

#include "core/base/enc.h"
#include "core/base/log.h"
#include "dashboards/api/alert_int.h"
#include "detectors/detector.h"

#define SECTION "## At 3 a.m."

static void add_step(struct kt_buf *o, struct kt_str text, struct kt_str command)
{
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "text", text);
    kt_api_text(o, "command", command);
    kt_api_close(o, '}');
}

/* ---- the page's steps ---- */

/* "1. Look at **this**", its lines joined, without the signs of Markdown. */
static void add_words(struct kt_buf *out, struct kt_str line)
{
    line = kt_str_trim(line);
    if (out->len > 0 && line.len > 0)
        kt_buf_byte(out, ' ');
    for (size_t i = 0; i < line.len; i++)
        if (line.at[i] != '*' && line.at[i] != '`')
            kt_buf_byte(out, line.at[i]);
}

static bool is_numbered(struct kt_str *line)
{
    struct kt_str number, rest = *line;
    uint64_t n;
    if (!kt_str_split(&rest, '.', &number) || !kt_str_u64(number, &n))
        return false;
    *line = rest;
    return true;
}

static void flush(struct kt_buf *o, struct kt_buf *step)
{
    if (step->len > 0)
        add_step(o, kt_buf_str(step), KT_STR_NONE);
    kt_buf_reset(step);
}

static void add_page(struct kt_buf *o, struct kt_str page)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf step = { 0 };
    struct kt_str line;
    bool inside = false, item = false;
    while (page.len > 0) {
        (void)kt_str_split(&page, '\n', &line);
        if (kt_str_starts(line, KT_STR("## "))) {
            inside = kt_str_is(line, SECTION);
            item = false;
        }
        bool begins = inside && is_numbered(&line);
        if (begins || line.len == 0)
            flush(o, &step);
        item = begins || (item && line.len > 0);
        if (item)
            add_words(&step, line);
    }
    flush(o, &step);
}

/* ---- commands ---- */

static void add_word(struct kt_buf *out, struct kt_str word)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf quoted = { 0 };
    kt_shell_quote(word, &quoted);
    kt_tty_add(out, kt_buf_str(&quoted)); /* what a terminal would obey is not pasted either */
}

/* keytrail VERB WORD --since … --until …: an hour around its evidence. */
static void add_command(struct kt_buf *o, const struct kt_alert *a, const char *text,
                        const char *verb, struct kt_str word, bool window)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf command = { 0 };
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    if (word.len == 0)
        return;
    kt_time_format(a->first - KT_NS_HOUR, from);
    kt_time_format(a->last + KT_NS_HOUR, until);
    kt_buf_addf(&command, "keytrail %s ", verb);
    add_word(&command, word);
    if (window)
        kt_buf_addf(&command, " --since %.19sZ --until %.19sZ", from, until);
    add_step(o, kt_str_of(text), kt_buf_str(&command));
}

static void add_accesses(struct kt_buf *o, const struct kt_alert *a)
{
    struct kt_str secret = a->n_secrets > 0 ? a->secrets[0] : a->secret;
    add_command(o, a, "What happened around it, with what is missing", "timeline", a->actor, true);
    add_command(o, a, "What it read, and what of that must be rotated", "blast", a->actor, false);
    add_command(o, a, "Who else came from there", "ip", a->ip, false);
    add_command(o, a, "Who else reads this secret", "who", secret, false);
}

void kt_api_alert_next(struct kt_buf *o, const struct kt_alert *a)
{
    kt_api_open(o, "next", '[');
    for (unsigned i = 0; kt_detectors[i] != NULL; i++)
        if (strcmp(kt_detectors[i]->name, a->detector) == 0)
            add_page(o, kt_str_of(kt_detector_page(i)));
    bool own = kt_alert_is_own(a);
    if (a->command.len > 0)
        add_step(o, own ? KT_STR("What there is to see") : KT_STR("All of its records"),
                 a->command);
    if (!own)
        add_accesses(o, a);
    add_command(o, a, "The alert for the record: its life and who was told", "alerts show",
                kt_str_of(a->id), false);
    kt_api_close(o, ']');
}
