/*
 * search: events that match a query, or how many.
 *
 * Owns:  the newest matches of a limited search.
 * Calls: core/query, core/store/read.h; stdout, stderr.
 */
#include "cli/search.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/answer/record_rows.h"
#include "core/query/newest.h"
#include "core/query/settings.h"
#include "core/sys/clock.h"
#include "core/sys/proc.h"

#define SEARCH_TTY_LIMIT 50u
#define SEARCH_LIMIT_MAX 1000000u
#define TIMEOUT          "5m"
#define PATIENCE_MS      600u

static const struct kt_fact *fact_of(const struct kt_search *s, const struct kt_record *r)
{
    return r->ev.has_ip ? kt_facts_at(s->facts, r->ev.ip, r->seq) : NULL;
}

bool kt_search_goes_on(struct kt_search *s, enum kt_status status, const struct kt_error *err)
{
    if (status != KT_E_CORRUPT)
        return false;
    fprintf(stderr, "keytrail search: %s\n", err->text);
    s->damaged = true;
    return true;
}

static bool too_late(void *self)
{
    const struct kt_search *s = self;
    return kt_clock_real.mono(kt_clock_real.self) > s->deadline;
}

/* ---- what is asked ---- */

/* The options' window, else the query's own, else the last 24 h: an answer must say what it covers.
 */
static enum kt_status choose_window(struct kt_search *s, struct kt_error *err)
{
    kt_time_ns since, until;
    char from[KT_TIME_TEXT_MAX];
    if (kt_window_resolve(&s->window, s->reader, s->now, s->zone_offset_s, &since, &until, err) !=
        KT_OK)
        return err->code;
    s->scan.since = since;
    s->scan.until = until;
    kt_query_plan(s->query, &s->scan);
    s->until = s->scan.until;
    if (s->scan.since != 0 || s->scan.until != 0 || s->window.since != NULL)
        return KT_OK;
    s->scan.since = s->now - KT_NS_DAY;
    if (!s->quiet)
        fprintf(stderr, "window: %s UTC to now; --since and --until choose another\n",
                kt_time_format_short(s->scan.since, from));
    return KT_OK;
}

struct page { /* what was shown before: everything from this record on */
    kt_time_ns time;
    uint64_t seq;
};

/* "1795377600123456789.42", as `more:` prints it. */
static enum kt_status take_page(struct kt_search *s, struct page *ret, struct kt_error *err)
{
    struct kt_str rest = kt_str_of(s->page), time;
    *ret = (struct page){ INT64_MAX, UINT64_MAX };
    if (s->page == NULL)
        return KT_OK;
    if (!kt_str_split(&rest, '.', &time) || !kt_str_i64(time, &ret->time) ||
        !kt_str_u64(rest, &ret->seq) || ret->time <= 0 || ret->time == INT64_MAX)
        return kt_fail(err, KT_E_INPUT, "--page takes what the page before printed behind 'more:'");
    if (s->scan.until == 0 || s->scan.until > ret->time)
        s->scan.until = ret->time + 1;
    return KT_OK;
}

/* ---- explaining ---- */

static void say_part(void *self, struct kt_str part, const char *use)
{
    unsigned *said = self;
    fprintf(stderr, "%-7s " KT_STR_FMT ": %s\n", *said == 0 ? "plan" : "", KT_STR_ARG(part), use);
    ++*said;
}

static void explain(const struct kt_search *s)
{
    const struct kt_scan_cost *c = &s->cost;
    char since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    unsigned said = 0;
    kt_query_describe(s->query, say_part, &said);
    if (said == 0)
        fprintf(stderr, "plan    everything\n");
    fprintf(stderr, "window  %s to %s\n",
            s->scan.since == 0 ? "the beginning" : kt_time_format_short(s->scan.since, since),
            s->scan.until == 0 ? "now" : kt_time_format_short(s->scan.until, until));
    fprintf(stderr,
            "opened  %u of %u segments (%u outside the window, %u by filters), %u batches of the "
            "tail, %" PRIu64 " lines; %.1f MiB unpacked\n",
            c->opened, c->segments, c->skipped_time, c->skipped_filter, c->batches, c->lines,
            (double)c->bytes / (1 << 20));
}

/* ---- records ---- */

static bool wanted(const struct kt_search *s, const struct page *page, const struct kt_record *r,
                   const struct kt_fact *fact)
{
    kt_time_ns time = kt_record_time(r);
    return (kt_query_names_kind(s->query) || r->ev.kind == KT_KIND_ACCESS) &&
           (time < page->time || (time == page->time && r->seq < page->seq)) &&
           kt_query_matches(s->query, r, fact);
}

/* newest NULL: rows are printed as they come. */
static enum kt_status scan_all(struct kt_search *s, const struct page *page, struct kt_rows *rows,
                               struct kt_newest *newest, struct kt_error *err)
{
    struct kt_cursor *cursor = NULL;
    struct kt_record r;
    s->scan.newest_first = newest != NULL;
    enum kt_status st = kt_cursor_open(s->reader, &s->scan, &cursor, err);
    while (st == KT_OK) {
        st = kt_cursor_next(cursor, &r, err);
        if (kt_search_goes_on(s, st, err)) {
            st = KT_OK;
            continue;
        }
        const struct kt_fact *fact = st == KT_OK ? fact_of(s, &r) : NULL;
        if (st != KT_OK || !wanted(s, page, &r, fact))
            continue;
        s->found = true;
        if (newest == NULL) {
            kt_record_rows_add(rows, &r, fact);
            continue;
        }
        st = kt_newest_add(newest, &r, err);
        kt_cursor_since(cursor, kt_newest_since(newest));
    }
    if (cursor != NULL)
        kt_cursor_cost(cursor, &s->cost);
    kt_cursor_free(cursor);
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* One more than asked for was kept: it tells whether there is a next page. */
static enum kt_status print_newest(struct kt_search *s, struct kt_rows *rows, struct kt_newest *w,
                                   struct kt_error *err)
{
    size_t n = kt_newest_count(w), first = n > s->limit ? n - s->limit : 0;
    struct kt_record r;
    enum kt_status st = KT_OK;
    kt_newest_sort(w);
    for (size_t i = first; i < n && st == KT_OK; i++) {
        st = kt_newest_get(w, i, &r, err);
        if (st == KT_OK && i == first && first > 0 && !s->quiet)
            fprintf(stderr, "more: --page %" PRId64 ".%" PRIu64 "\n", kt_record_time(&r), r.seq);
        if (st == KT_OK)
            kt_record_rows_add(rows, &r, fact_of(s, &r));
    }
    return st;
}

static enum kt_status show_records(struct kt_search *s, struct kt_error *err)
{
    struct page page;
    struct kt_error later = { 0 };
    if (take_page(s, &page, err) != KT_OK)
        return err->code;
    struct kt_newest *newest = s->limit > 0 ? kt_newest_new(s->limit + 1) : NULL;
    struct kt_rows *rows =
        kt_record_rows_new(s->how, kt_query_names_kind(s->query), !s->no_header, kt_cli_put, NULL);
    enum kt_status st = scan_all(s, &page, rows, newest, err);
    if (newest != NULL && print_newest(s, rows, newest, &later) != KT_OK && st == KT_OK) {
        *err = later;
        st = later.code;
    }
    kt_newest_free(newest);
    kt_rows_end(rows);
    return st;
}

static void say_coverage(const struct kt_search *s)
{
    const struct kt_ask a = { .reader = s->reader,
                              .facts = s->facts,
                              .since = s->scan.since,
                              .until = s->until,
                              .now = s->now };
    fflush(stdout);
    kt_asking_say_missing(&a, PATIENCE_MS);
}

/* Who is who, where the query asks for an actor: by -c, else as the log of the store has it. */
static enum kt_status parse(struct kt_search *s, struct kt_str text, struct kt_error *err)
{
    unsigned n;
    bool asks = kt_str_has(text, KT_STR("actor:"));
    if (asks && s->config != NULL && kt_conf_load(s->config, &s->conf, err) != KT_OK)
        return err->code;
    if (asks && s->config == NULL && kt_settings_newest(s->reader, &s->conf, &n, err) != KT_OK)
        return err->code;
    return kt_query_parse_as(text, s->now, s->zone_offset_s,
                             s->conf != NULL ? s->conf->identities : NULL, &s->query, err);
}

static enum kt_status run(struct kt_search *s, struct kt_str text, struct kt_error *err)
{
    char path[4096];
    kt_time_ns timeout;
    s->now = kt_clock_real.wall(kt_clock_real.self);
    s->zone_offset_s = isatty(STDOUT_FILENO) ? kt_local_offset_s(s->now) : 0;
    if (kt_duration_parse(kt_str_of(s->timeout), &timeout, err) != KT_OK)
        return kt_wrap(err, "--timeout");
    s->deadline = kt_clock_real.mono(kt_clock_real.self) + timeout;
    s->scan.give_up = too_late;
    s->scan.give_up_self = s;
    struct kt_query *checked =
        NULL; /* what is wrong with it is said before a store is looked for */
    enum kt_status right = kt_query_parse_at(text, s->now, s->zone_offset_s, &checked, err);
    kt_query_free(checked);
    if (right != KT_OK || kt_cli_store_path(s->db, s->config, path, sizeof path, err) != KT_OK ||
        kt_reader_open(path, &s->reader, err) != KT_OK || parse(s, text, err) != KT_OK ||
        kt_facts_load(s->reader, &s->facts, err) != KT_OK || choose_window(s, err) != KT_OK)
        return err->code;
    s->scan.records = true;
    s->scan.control = kt_query_names_kind(s->query);
    enum kt_status st = s->by != NULL ? kt_search_count(s, err) : show_records(s, err);
    if (s->explain)
        explain(s);
    if (st == KT_OK && !s->quiet)
        say_coverage(s);
    if (st == KT_E_LIMIT && too_late(s))
        return kt_fail(err, KT_E_LIMIT,
                       "no more after %s: what was found until then is not all (--timeout)",
                       s->timeout);
    return st;
}

static bool is_option(struct kt_str word, const struct kt_flag *flags)
{
    for (; flags->name != NULL; flags++)
        if (kt_str_is(word, flags->name) || (flags->alias != NULL && kt_str_is(word, flags->alias)))
            return true;
    return false;
}

/* An option within the shell's quotes is a part of the query, where its dashes deny each other. */
static struct kt_str option_within(struct kt_str query, const struct kt_flag *flags)
{
    bool quoted = false;
    for (size_t i = 0; i < query.len; i++) {
        char c = query.at[i];
        if (c == '"')
            quoted = !quoted;
        i += quoted && c == '\\';
        if (quoted || c != '-' || (i > 0 && query.at[i - 1] != ' '))
            continue;
        size_t end = i;
        while (end < query.len && strchr(" =:", query.at[end]) == NULL)
            end++;
        if (is_option(kt_str_sub(query, i, end - i), flags))
            return kt_str_sub(query, i, end - i);
    }
    return KT_STR_NONE;
}

static bool options_fit(struct kt_search *s)
{
    const char *wrong = NULL;
    if (!kt_output_of(s->output != NULL ? s->output : "table", &s->how))
        wrong = "-o takes " KT_OUTPUT_WORDS;
    else if (s->by == NULL && (s->distinct != NULL || s->top > 0))
        wrong = "--distinct and --top belong to --by";
    else if (s->by != NULL && s->page != NULL)
        wrong = "--page belongs to a list of records, not to --by";
    if (wrong != NULL)
        fprintf(stderr, "keytrail search: %s\n", wrong);
    return wrong == NULL;
}

static int finish(struct kt_search *s, int code)
{
    if (code == KT_EXIT_OK && s->damaged)
        code = KT_EXIT_STORE;
    else if (code == KT_EXIT_OK && s->exit_code && !s->found)
        code = KT_EXIT_NO;
    kt_facts_free(s->facts);
    kt_reader_close(s->reader);
    kt_query_free(s->query);
    kt_conf_free(s->conf);
    return code;
}

int kt_cmd_search(int argc, char **argv)
{
    static const struct kt_command cmd = { "search",
                                           "[QUERY] [options]",
                                           "events that match a query",
                                           "keytrail search 'actor:alice* (action:read OR "
                                           "action:list) -country:DE' --since 7d -o ndjson",
                                           NULL,
                                           NULL };
    struct kt_search s = { .limit = UINT64_MAX, .timeout = TIMEOUT };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store (or -c: the one of a configuration)", &s.db,
          NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that names the store", &s.config,
          NULL },
        KT_WINDOW_FLAGS(s.window),
        { "--limit", 'n', KT_FLAG_UINT, "N",
          "the newest N by event time (50 on a terminal, else all)", &s.limit, NULL },
        { "--page", 0, KT_FLAG_STRING, "MARK", "go on behind a page: what it printed after 'more:'",
          &s.page, NULL },
        { "--by", 0, KT_FLAG_STRING, "FIELDS",
          "count by hour, day or month and up to three fields: month,source,outcome", &s.by, NULL },
        { "--distinct", 0, KT_FLAG_STRING, "FIELD", "--by: count the field's different values",
          &s.distinct, NULL },
        { "--top", 0, KT_FLAG_UINT, "N", "--by: the N largest", &s.top, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &s.output, NULL },
        { "--explain", 0, KT_FLAG_BOOL, NULL, "say on stderr what was opened to find the answer",
          &s.explain, NULL },
        { "--timeout", 0, KT_FLAG_STRING, "TIME", "give up after (" TIMEOUT "); exit 7", &s.timeout,
          NULL },
        { "--no-header", 0, KT_FLAG_BOOL, NULL, "no head line", &s.no_header, NULL },
        { "--exit-code", 'e', KT_FLAG_BOOL, NULL, "exit 1 when nothing was found", &s.exit_code,
          NULL },
        { "--quiet", 'q', KT_FLAG_BOOL, NULL, "no talk on stderr", &s.quiet, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (!options_fit(&s))
        return KT_EXIT_USAGE;
    if (s.limit == UINT64_MAX)
        s.limit = isatty(STDOUT_FILENO) && s.by == NULL ? SEARCH_TTY_LIMIT : 0;
    else if (s.limit > SEARCH_LIMIT_MAX)
        s.limit = 0;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    n = kt_window_take_slack(&s.window, argv, n);
    for (int i = 1; i <= n; i++)
        kt_buf_addf(&text, "%s%s", i > 1 ? " " : "", argv[i]);
    struct kt_str option = option_within(kt_buf_str(&text), flags);
    if (option.len > 0) {
        fprintf(stderr,
                "keytrail search: " KT_STR_FMT " is an option and stands in the query: put it "
                "outside of the quotes, or in quotes of its own to look for this text "
                "('\"" KT_STR_FMT "\"')\n",
                KT_STR_ARG(option), KT_STR_ARG(option));
        return KT_EXIT_USAGE;
    }
    struct kt_error err = { 0 };
    if (run(&s, kt_buf_str(&text), &err) != KT_OK)
        code = kt_cli_fail("search", &err);
    return finish(&s, code);
}
