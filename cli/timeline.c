/*
 * timeline: what happened around somebody or something, as sentences for people, as rows for
 * programs.
 *
 * Owns:  what was taken of the words on the command line.
 * Calls: core/answer/timeline, cli/asking; stdout, stderr.
 */
#include "cli/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/query/query.h"
#include "core/sys/clock.h"
#include "exporters/alerts/alert.h"

#define SPAN        KT_NS_DAY
#define TTY_MOMENTS 50u
#define FOLDS       40u /* records that are looked at for each moment shown */
#define RECORDS_MAX 100000u
#define AROUND      (30 * KT_NS_MIN)
#define HURRY       KT_NS_S

/* ---- what is meant ---- */

static bool is_query(struct kt_str s)
{
    struct kt_query *q = NULL;
    bool fields = false;
    for (size_t i = 1; i < s.len && !fields; i++)
        fields = s.at[i] == ':' && s.at[i - 1] >= 'a' && s.at[i - 1] <= 'z' &&
                 (i + 1 == s.len || s.at[i + 1] != '/');
    if (s.len == 0 || (!fields && kt_str_find_byte(s, ' ', 0) < 0 && s.at[0] != '-' &&
                       s.at[0] != '(' && s.at[0] != '"'))
        return s.len == 0;
    bool parses = kt_query_parse_at(s, KT_NS_DAY, 0, &q, NULL) == KT_OK;
    kt_query_free(q);
    return parses || fields;
}

static bool is_session(struct kt_str s)
{
    static const char *const starts[] = { "AKIA", "ASIA", "AROA", "hmac-sha256:" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(starts); i++)
        if (kt_str_starts(s, kt_str_of(starts[i])))
            return true;
    return false;
}

/* The alert of that id: its actor, else its address, and its time where none was asked for. */
static enum kt_status take_alert(struct kt_timeline_view *v, struct kt_str id, bool *ret_found,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert_found found;
    struct kt_alert alert;
    *ret_found = false;
    if (id.len < 8 || kt_reader_alert_find(v->asking.ask.reader, id, &json, &found, NULL) != KT_OK)
        return KT_OK;
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    enum kt_status status = kt_alert_read(kt_buf_str(&json), &arena, &alert, err);
    if (status == KT_OK) {
        *ret_found = true;
        if (alert.actor.len > 0)
            kt_ask_term(&v->query, "actor", alert.actor);
        else if (alert.ip.len > 0)
            kt_ask_term(&v->query, "ip", alert.ip);
        kt_buf_addf(&v->words, "alert %s: " KT_STR_FMT, alert.id,
                    KT_STR_ARG(kt_buf_str(&v->query)));
        if (v->asking.window.since == NULL && v->asking.window.until == NULL &&
            v->asking.window.on == NULL && v->asking.window.around == NULL) {
            v->asking.ask.since = alert.first - AROUND;
            v->asking.ask.until = alert.last + AROUND;
        }
    }
    kt_arena_done(&arena);
    return status;
}

static enum kt_status stop_at_one(void *self, const struct kt_view *view, struct kt_error *err)
{
    bool *found = self;
    *found = *found || view->picks > 0;
    return *found ? kt_fail(err, KT_E_AGAIN, "found") : KT_OK;
}

/* Does the field have that value in the time that is asked for? */
static bool is_there(struct kt_timeline_view *v, const char *field, struct kt_str value)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    bool found = false;
    kt_ask_term(&query, field, value);
    return kt_ask_columns(&v->asking.ask, kt_buf_str(&query), 0, stop_at_one, &found, NULL) ==
               KT_OK &&
           found;
}

/* By its form; a name without one is whatever the log knows it as. */
static enum kt_status take_name(struct kt_timeline_view *v, struct kt_str name,
                                struct kt_error *err)
{
    struct kt_cidr net;
    bool alert;
    if (take_alert(v, name, &alert, err) != KT_OK || alert)
        return err->code;
    const char *field = "actor";
    if (kt_cidr_parse(name, &net, NULL) == KT_OK)
        field = "ip";
    else if (is_session(name))
        field = "credential";
    else if (kt_str_has(name, KT_STR("://")))
        field = "secret";
    else if (!is_there(v, "actor", name) && is_there(v, "secret", name))
        field = "secret";
    if (strcmp(field, "credential") == 0) { /* of a role, or of one session of it */
        struct kt_buf session = { 0 };
        kt_ask_term(&v->query, "credential", name);
        kt_ask_term(&session, "session", name);
        kt_buf_addz(&v->query, " OR ");
        kt_buf_add(&v->query, kt_buf_str(&session));
        kt_buf_done(&session);
    } else if (strcmp(field, "ip") == 0) {
        kt_buf_addf(&v->query, "ip:" KT_STR_FMT, KT_STR_ARG(name));
    } else {
        kt_ask_term(&v->query, field, name);
    }
    kt_buf_addz(&v->words, kt_buf_z(&v->query));
    return KT_OK;
}

static enum kt_status take_words(struct kt_timeline_view *v, struct kt_str text,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    if (is_query(text)) {
        kt_buf_add(&v->query, text);
        return KT_OK;
    }
    if (take_name(v, text, err) != KT_OK)
        return err->code;
    kt_tty_add(&safe, kt_buf_str(&v->words));
    if (!v->asking.quiet)
        fprintf(stderr, "taken as %s\n", kt_buf_z(&safe));
    return KT_OK;
}

/* ---- the command ---- */

static bool in_hurry(void *self)
{
    const struct kt_timeline_view *v = self;
    return kt_clock_real.mono(kt_clock_real.self) > v->hurry;
}

/* "1795377600123456789.42", as `more:` prints it. */
static enum kt_status take_page(const struct kt_timeline_view *v, struct kt_timeline_options *o,
                                struct kt_error *err)
{
    struct kt_str rest = kt_str_of(v->page), time;
    if (v->page == NULL)
        return KT_OK;
    if (!kt_str_split(&rest, '.', &time) || !kt_str_i64(time, &o->page_time) ||
        !kt_str_u64(rest, &o->page_seq) || o->page_time <= 0 || o->page_time == INT64_MAX)
        return kt_fail(err, KT_E_INPUT, "--page takes what the page before printed behind 'more:'");
    return KT_OK;
}

static void say_end(const struct kt_timeline_view *v)
{
    const struct kt_timeline *t = v->t;
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 }, safe = { 0 };
    if (v->asking.quiet)
        return;
    fflush(stdout);
    if (t->more && t->page_time != 0)
        fprintf(stderr, "more: --page %" PRId64 ".%" PRIu64 "\n", t->page_time, t->page_seq);
    if (!t->news && t->actors > 0)
        fprintf(stderr, "what is new was not looked for: %s\n",
                t->actors > KT_TIMELINE_ACTORS ? "too many actors on one page; ask for one"
                                               : "it would have taken too long");
    if (t->coverage == NULL) {
        fprintf(stderr, "coverage: so long a time is not looked at in passing: keytrail coverage "
                        "with the same window\n");
        return;
    }
    kt_coverage_say(t->coverage, KT_STR_NONE, &said);
    kt_tty_add(&safe, kt_buf_str(&said));
    fprintf(stderr, "%s\n", kt_buf_z(&safe));
}

static void say_window(const struct kt_timeline_view *v)
{
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    const struct kt_ask *a = &v->asking.ask;
    if (v->asking.quiet || a->since == 0)
        return;
    fprintf(stderr, "window: %s to %s, %s; --since and --until choose another\n",
            kt_asking_when(&v->asking, a->since, from),
            a->until == 0 ? "now" : kt_asking_when(&v->asking, a->until, until),
            kt_asking_zone(&v->asking));
}

static enum kt_status run(struct kt_timeline_view *v, struct kt_str text, struct kt_error *err)
{
    struct kt_timeline_options o = { .all = v->all, .moments = v->limit };
    bool quiet = v->asking.quiet;
    v->asking.quiet = true; /* the words may say another window */
    enum kt_status opened = kt_asking_open(&v->asking, SPAN, err);
    v->asking.quiet = quiet;
    if (opened != KT_OK || take_page(v, &o, err) != KT_OK || take_words(v, text, err) != KT_OK)
        return err->code;
    say_window(v);
    bool few = v->limit > 0 && v->limit < RECORDS_MAX / FOLDS;
    o.query = kt_buf_str(&v->query);
    o.records = few && !v->all ? v->limit * FOLDS : few ? v->limit : RECORDS_MAX;
    o.hurry = in_hurry;
    o.hurry_self = v;
    v->hurry = kt_clock_real.mono(kt_clock_real.self) + HURRY;
    if (kt_timeline_load(&v->asking.ask, &o, &v->t, err) != KT_OK)
        return err->code;
    bool people = v->asking.how == KT_OUT_TABLE;
    if ((people ? kt_timeline_sentences(v, err) : kt_timeline_rows(v, err)) != KT_OK)
        return err->code;
    say_end(v);
    return KT_OK;
}

int kt_cmd_timeline(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "timeline",
        "[ACTOR|QUERY] [options]",
        "what happened, in order: accesses, alerts, steps and gaps",
        "keytrail timeline alice@example.com --around 2026-11-22T20:00Z ±30m",
        NULL,
        NULL
    };
    struct kt_timeline_view v = { .asking = { .covered = true }, .limit = UINT64_MAX };
    const struct kt_flag flags[] = {
        KT_ASKING_FLAGS(v.asking),
        { "--limit", 'n', KT_FLAG_UINT, "N", "the newest N lines (50 on a terminal, else all)",
          &v.limit, NULL },
        { "--page", 0, KT_FLAG_STRING, "MARK", "go on behind a page: what it printed after 'more:'",
          &v.page, NULL },
        { "--all", 0, KT_FLAG_BOOL, NULL, "each record by itself: nothing is folded", &v.all,
          NULL },
        { 0 },
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    int n;
    bool parsed;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &parsed);
    if (parsed)
        return code;
    if (v.limit == UINT64_MAX)
        v.limit = isatty(STDOUT_FILENO) ? TTY_MOMENTS : 0;
    n = kt_window_take_slack(&v.asking.window, argv, n);
    for (int i = 1; i <= n; i++)
        kt_buf_addf(&text, "%s%s", i > 1 ? " " : "", argv[i]);
    (void)!run(&v, kt_buf_str(&text), &err);
    kt_timeline_free(v.t);
    kt_buf_done(&v.query);
    kt_buf_done(&v.words);
    return kt_asking_end(&v.asking, "timeline", &err);
}
