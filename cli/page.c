/*
 * page: see the header.
 *
 * Owns:  nothing.
 * Calls: cli/asking, core/base; stdout.
 */
#include "cli/page.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/base/log.h"

bool kt_page_for_people(const struct kt_asking *a)
{
    return a->how == KT_OUT_TABLE || a->how == KT_OUT_MD;
}

/* What Markdown would take for its own signs stands in a code span. */
static void print_data(const struct kt_asking *a, struct kt_str text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    bool md = a->how == KT_OUT_MD;
    kt_tty_add(&safe, text);
    for (size_t i = 0; md && i < safe.len; i++)
        if (safe.at[i] == '`')
            safe.at[i] = '\'';
    printf(md ? "`%s`" : "%s", kt_buf_z(&safe));
}

static void say_window(const struct kt_asking *a)
{
    char span[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    kt_time_ns end = a->ask.until != 0 ? a->ask.until : a->ask.now;
    if (a->ask.since == 0)
        printf("all of the log to %s %s", kt_asking_when(a, end, until), kt_asking_zone(a));
    else
        printf("%s to %s %s", kt_duration_format(end - a->ask.since, span),
               kt_asking_when(a, end, until), kt_asking_zone(a));
}

void kt_page_head(const struct kt_asking *a, const char *word, struct kt_str subject,
                  struct kt_str notes)
{
    printf(a->how == KT_OUT_MD ? "## %s " : "%s ", word);
    print_data(a, subject);
    if (notes.len > 0) {
        KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
        kt_tty_add(&safe, notes);
        printf(" (%s)", kt_buf_z(&safe));
    }
    printf(a->how == KT_OUT_MD ? "\n\n" : "    ");
    say_window(a);
    printf(a->how == KT_OUT_MD ? "\n\n" : "\n");
}

void kt_page_fact(const struct kt_asking *a, const char *name, struct kt_str text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    if (text.len == 0)
        return;
    kt_tty_add(&safe, text);
    if (a->how == KT_OUT_MD)
        printf("- %s: %s\n", name, kt_buf_z(&safe));
    else
        printf("%-12s %s\n", name, kt_buf_z(&safe));
}

void kt_page_heading(const struct kt_asking *a, const char *title)
{
    printf(a->how == KT_OUT_MD ? "\n### %s\n\n" : "\n", title);
}

void kt_page_foot(struct kt_asking *a, struct kt_str instance, struct kt_str count,
                  struct kt_str next)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf covered = { 0 };
    struct kt_str one;
    bool md = a->how == KT_OUT_MD, first = true;
    if (!kt_page_for_people(a))
        return;
    kt_asking_coverage(a, instance, &covered);
    printf(md ? "\n" KT_STR_FMT " · %s" : KT_STR_FMT " · %s", KT_STR_ARG(count),
           kt_buf_z(&covered));
    for (; next.len > 0 && kt_str_split(&next, '\n', &one); first = false) {
        printf("%s", first ? " · next: " : md ? " or " : "\n  or: ");
        printf(md ? "`" KT_STR_FMT "`" : KT_STR_FMT, KT_STR_ARG(one));
    }
    printf("\n");
}

static void add_option(const char *option, const char *value, struct kt_buf *out)
{
    if (value == NULL)
        return;
    kt_buf_addf(out, " %s ", option);
    kt_shell_quote(kt_str_of(value), out);
}

void kt_page_command(const struct kt_asking *a, const char *verb, struct kt_str argument,
                     bool window, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf quoted = { 0 };
    kt_shell_quote(argument, &quoted);
    kt_buf_addf(out, "keytrail %s ", verb);
    kt_tty_add(out, kt_buf_str(&quoted)); /* what a terminal would obey is not pasted either */
    add_option("--db", a->db, out);
    add_option("-c", a->config, out);
    if (!window)
        return;
    add_option("--since", a->window.since, out);
    add_option("--until", a->window.until, out);
    add_option("--on", a->window.on, out);
    add_option("--month", a->window.month, out);
    add_option("--quarter", a->window.quarter, out);
    add_option("--around", a->window.around, out);
    if (a->window.slack != NULL)
        kt_buf_addf(out, " ±%s", a->window.slack);
}

void kt_page_near(const struct kt_asking *a, const char *field, struct kt_str value,
                  struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct kt_str name = kt_str_from_index(value, (size_t)(kt_str_rfind_byte(value, '/') + 1));
    size_t n;
    for (n = 0; n < name.len && name.at[n] != '@'; n++)
        if (!isalnum((unsigned char)name.at[n]) && strchr("._-+", name.at[n]) == NULL)
            return;
    if (n == 0)
        return;
    kt_buf_addf(&query, "%s:*" KT_STR_FMT "*", field, KT_STR_ARG(kt_str_sub(name, 0, n)));
    kt_page_command(a, "search", kt_buf_str(&query), false, out);
    kt_buf_addf(out, " --since 400d --by %s", field);
}

void kt_page_none(const char *word, double days, struct kt_buf *out)
{
    if (days < 1)
        kt_buf_addf(out, "%s in the %.0f minutes that the log has before it", word, days * 1440);
    else
        kt_buf_addf(out, "%s in %.0f day%s", word, days, days < 1.5 ? "" : "s");
}

void kt_page_rate(uint64_t n, double days, struct kt_buf *out)
{
    double rate = days > 0 ? (double)n / days : 0;
    if (n == 0 || days <= 0)
        return;
    if (rate >= 9.95)
        kt_buf_addf(out, "%.0f/day", rate);
    else if (rate >= 0.095)
        kt_buf_addf(out, "%.1f/day", rate);
    else
        kt_buf_addf(out, "%" PRIu64 " in %.0f days", n, days);
}
