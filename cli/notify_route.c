/*
 * notify_route: `notify route`: the table of routes; and which of them an alert takes, which not
 * and why, who was told of it, and who is told next, and when. Asks configuration and store alone.
 *
 * Owns:  nothing.
 * Calls: collector/routes (the plan is the collector's own), exporters/alerts/view (lives,
 * silences), stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/notify.h"
#include "collector/routes.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/sys/clock.h"
#include "exporters/alerts/view.h"

#define FORESEEN (7 * KT_NS_DAY)
#define ROUNDS   256u

enum { ROUTE, MATCH, TARGET, ACTION, AT, STATE, WHY, N_COLUMNS };
static const struct kt_column all_columns[N_COLUMNS] = {
    [ROUTE] = { "route", "ROUTE", 0, false }, [MATCH] = { "match", "MATCH", 50, false },
    [TARGET] = { "target", "TO", 40, false }, [ACTION] = { "action", "ACTION", 0, false },
    [AT] = { "at", "WHEN (UTC)", 0, false },  [STATE] = { "state", "STATE", 0, false },
    [WHY] = { "why", "WHY", 100, false },
};

struct explained {
    const struct kt_notify_route_flags *f;
    struct kt_conf *conf;
    struct kt_routes *routes;
    struct kt_alert_view view;
    struct kt_arena arena;
    struct kt_alert alert;
    struct kt_outbox_row *rows; /* those of the store, then those that are foreseen */
    unsigned n_rows, n_stored;
    kt_time_ns now;
    struct kt_rows *out;
};

static void explained_done(struct explained *e)
{
    kt_alert_view_done(&e->view);
    kt_routes_free(e->routes);
    kt_conf_free(e->conf);
    kt_arena_done(&e->arena);
    kt_free(e->rows);
}

/* ---- rows ---- */

static bool for_people(const struct explained *e)
{
    return e->f->how == KT_OUT_TABLE || e->f->how == KT_OUT_MD;
}

/* People get tables of their own with the columns that say something; programs one of all. */
static void begin(struct explained *e, unsigned columns)
{
    static struct kt_column shown[N_COLUMNS];
    if (!for_people(e) && e->out != NULL)
        return;
    for (unsigned i = 0; i < N_COLUMNS; i++) {
        shown[i] = all_columns[i];
        if (for_people(e) && (columns >> i & 1) == 0)
            shown[i].title = NULL;
    }
    e->out = kt_rows_new(e->f->how, shown, N_COLUMNS, true);
}

static void end(struct explained *e, bool last)
{
    if (!for_people(e) && !last)
        return;
    kt_rows_end(e->out);
    e->out = NULL;
}

static void route_name(const struct explained *e, int route, struct kt_buf *out)
{
    if (route == KT_ROUTE_DEFAULT)
        kt_buf_addz(out, "default");
    else
        kt_buf_addf(out, "%d (line %u)", route + 1, e->conf->routes[route].node->line);
}

static void add_list(struct kt_buf *out, const char *before, const struct kt_strings *list)
{
    kt_buf_addz(out, list->n > 0 ? before : "");
    for (unsigned i = 0; i < list->n; i++)
        kt_buf_addf(out, "%s%s", i > 0 ? ", " : "", list->at[i]);
}

static void add_duration(struct kt_buf *out, const char *before, kt_time_ns d)
{
    char text[KT_TIME_TEXT_MAX];
    kt_buf_addf(out, "%s%s", before, kt_duration_format(d, text));
}

/* "again each 30 minutes; b after 1 hour; quiet 22:00-07:00 Europe/Berlin; else c" */
static void add_terms(const struct kt_conf_route *r, struct kt_buf *out)
{
    if (r->repeat > 0)
        add_duration(out, "again each ", r->repeat);
    for (unsigned i = 0; i < r->n_escalate; i++) {
        kt_buf_addz(out, out->len > 0 ? "; " : "");
        add_list(out, "", &r->escalate[i].to);
        add_duration(out, " after ", r->escalate[i].after);
    }
    for (unsigned i = 0; i < r->n_quiet; i++) {
        const struct kt_conf_quiet *q = &r->quiet[i];
        kt_buf_addf(out, "%squiet %02u:%02u-%02u:%02u %s", out->len > 0 ? "; " : "",
                    q->from_min / 60u, q->from_min % 60u, q->until_min / 60u, q->until_min % 60u,
                    q->zone);
        if (q->except != NULL)
            kt_buf_addf(out, " but for %s", q->except);
    }
    add_list(out, out->len > 0 ? "; else " : "else ", &r->fallback);
    if (r->go_on)
        kt_buf_addz(out, out->len > 0 ? "; later routes too" : "later routes too");
}

/* asked: was the route asked about the alert; taken: did it take it. */
static void add_route(struct explained *e, unsigned i, const char *state, struct kt_str why)
{
    const struct kt_conf_route *r = &e->conf->routes[i];
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 }, to = { 0 }, terms = { 0 };
    route_name(e, (int)i, &name);
    add_list(&to, "", &r->to);
    if (why.len == 0)
        add_terms(r, &terms);
    const struct kt_cell cells[N_COLUMNS] = {
        [ROUTE] = kt_cell_str(kt_buf_str(&name)),
        [MATCH] = kt_cell_str(r->match == NULL ? KT_STR("every alert") : kt_str_of(r->match)),
        [TARGET] = kt_cell_str(kt_buf_str(&to)),
        [STATE] = kt_cell_str(kt_str_of(state)),
        [WHY] = kt_cell_str(why.len > 0 ? why : kt_buf_str(&terms)),
    };
    kt_rows_add(e->out, cells);
}

static int list_routes(struct explained *e)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf gaps = { 0 };
    begin(e, 1u << ROUTE | 1u << MATCH | 1u << TARGET | 1u << WHY);
    for (unsigned i = 0; i < e->conf->n_routes; i++)
        add_route(e, i, "", KT_STR_NONE);
    end(e, true);
    kt_routes_gaps(e->routes, &gaps);
    if (e->conf->n_routes == 0)
        fprintf(stderr, "no routes: every target is told of each alert from medium on\n");
    else if (gaps.len > 0)
        fprintf(stderr, "what no route takes goes to every target (%s may)\n", kt_buf_z(&gaps));
    return KT_EXIT_OK;
}

/* ---- one alert ---- */

static void explain_routes(struct explained *e)
{
    bool asked = true;
    begin(e, 1u << ROUTE | 1u << MATCH | 1u << TARGET | 1u << STATE | 1u << WHY);
    for (unsigned i = 0; i < e->conf->n_routes; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf why = { 0 };
        if (!asked) {
            add_route(e, i, "not asked", KT_STR("an earlier route took it"));
            continue;
        }
        bool refused = kt_routes_refusal(e->routes, i, &e->alert, &why);
        add_route(e, i, refused ? "passed by" : "takes it", kt_buf_str(&why));
        asked = refused || e->conf->routes[i].go_on;
    }
    end(e, false);
}

static void add_notice(struct explained *e, const struct kt_outbox_row *row, const char *state,
                       int route, bool known, struct kt_str why)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    if (known)
        route_name(e, route, &name);
    const struct kt_cell cells[N_COLUMNS] = {
        [ROUTE] = kt_cell_str(kt_buf_str(&name)),
        [TARGET] = kt_cell_str(kt_str_of(row->target)),
        [ACTION] = kt_cell_str(kt_str_of(row->action)),
        [AT] = kt_cell_time(row->created),
        [STATE] = kt_cell_str(kt_str_of(state)),
        [WHY] = kt_cell_str(why),
    };
    kt_rows_add(e->out, cells);
}

static bool was_foreseen(const struct explained *e, const struct kt_notice *n)
{
    for (unsigned i = e->n_stored; i < e->n_rows; i++) {
        bool repeat = strncmp(e->rows[i].action, "repeat:", 7) == 0;
        if (n->kind == KT_NOTICE_REPEAT && repeat && strcmp(e->rows[i].target, n->target) == 0)
            return true; /* one repeat of each target says how it goes on */
    }
    return false;
}

static struct kt_outbox_row *new_row(struct explained *e)
{
    e->rows = kt_realloc_array(e->rows, e->n_rows + 1, sizeof *e->rows);
    e->rows[e->n_rows] = (struct kt_outbox_row){ 0 };
    return &e->rows[e->n_rows++];
}

/* The next word that the collector would say if nobody answered; false: there is none. */
static bool foresee(struct explained *e, struct kt_page *page, kt_time_ns *now)
{
    struct kt_plan plan = { 0 };
    const struct kt_notice *next = NULL;
    page->rows = e->rows;
    page->n_rows = e->n_rows;
    kt_routes_plan(e->routes, page, *now, &plan);
    for (unsigned i = 0; i < plan.n; i++)
        if (!was_foreseen(e, &plan.notice[i]) && (next == NULL || plan.notice[i].at < next->at))
            next = &plan.notice[i];
    bool any = next != NULL && next->at < e->now + FORESEEN;
    if (any) {
        struct kt_outbox_row *row = new_row(e);
        KT_CLEANUP(kt_buf_done) struct kt_buf why = { 0 };
        row->created = next->at;
        kt_str_copyz(row->target, sizeof row->target, kt_str_of(next->target));
        kt_str_copyz(row->action, sizeof row->action, kt_str_of(next->action));
        kt_str_copyz(row->state, sizeof row->state, KT_STR("sent"));
        if (next->quiet)
            kt_buf_addz(&why, "when quiet hours end");
        if (next->kind == KT_NOTICE_REPEAT)
            add_duration(&why, why.len > 0 ? ", then each " : "then each ",
                         e->conf->routes[next->route].repeat);
        const char *state = next->at <= e->now                ? "now"
                            : next->kind == KT_NOTICE_TRIGGER ? "held back"
                                                              : "if nobody answers";
        add_notice(e, row, state, next->route, true, kt_buf_str(&why));
        *now = next->at > *now ? next->at : *now;
    }
    kt_plan_done(&plan);
    return any;
}

static void explain_notices(struct explained *e)
{
    const struct kt_life *life = kt_lives_of(&e->view.lives, kt_str_of(e->alert.id));
    const struct kt_silence *silence = kt_alert_view_silence(&e->view, &e->alert, e->now);
    struct kt_page page = { .alert = &e->alert,
                            .answered = kt_alert_status(&e->alert) != KT_LIFE_OPEN,
                            .since = life != NULL ? life->reopened.at : 0 };
    char except[64];
    kt_time_ns now = e->now;
    begin(e, 1u << ROUTE | 1u << TARGET | 1u << ACTION | 1u << AT | 1u << STATE | 1u << WHY);
    for (unsigned i = 0; i < e->n_stored; i++)
        add_notice(e, &e->rows[i], e->rows[i].state, 0, false, kt_str_of(e->rows[i].last_error));
    if (kt_alert_is_own(&e->alert) && e->alert.instance.len > 0) {
        kt_str_copyz(except, sizeof except, e->alert.instance);
        page.except = except;
    }
    for (unsigned i = 0; silence == NULL && i < ROUNDS && foresee(e, &page, &now); i++)
        ;
    end(e, true);
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    if (silence != NULL)
        kt_alert_silence_say(silence, true, &said);
    if (page.answered)
        fprintf(stderr, "%s: nothing more is due\n", kt_life_word(kt_alert_status(&e->alert)));
    else if (silence != NULL)
        fprintf(stderr, "%s: nothing is told before\n", kt_buf_z(&said));
    else if (e->n_rows == 0)
        fprintf(stderr, "nobody is told: below medium only a route that names the severity is\n");
}

static enum kt_status keep_row(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct explained *e = self;
    (void)err;
    *new_row(e) = *row;
    e->n_stored = e->n_rows;
    return KT_OK;
}

static enum kt_status read_alert(struct explained *e, struct kt_error *err)
{
    char path[4096];
    struct kt_reader *r = NULL;
    struct kt_alert_found found;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    enum kt_status st = kt_cli_store_path(e->f->db, e->f->config, path, sizeof path, err);
    if (st == KT_OK)
        st = kt_reader_open(path, &r, err);
    if (st == KT_OK)
        st = kt_reader_alert_find(r, kt_str_of(e->f->explain), &json, &found, err);
    if (st == KT_OK)
        st = kt_alert_read(kt_buf_str(&json), &e->arena, &e->alert, err);
    if (st == KT_OK)
        st = kt_alert_view_load(r, &e->view, err);
    if (st == KT_OK)
        st = kt_reader_outbox_of(r, e->alert.id, keep_row, e, err);
    kt_reader_close(r);
    if (st == KT_OK)
        kt_alert_view_live(&e->view, &e->alert);
    return st;
}

/* An alert that is not there: what the flags say of it. */
static enum kt_status invent_alert(struct explained *e, struct kt_error *err)
{
    const struct kt_notify_route_flags *f = e->f;
    int severity = KT_SEV_COUNT;
    while (severity-- > 0 && strcmp(kt_severity_words[severity].word,
                                    f->severity != NULL ? f->severity : "high") != 0)
        ;
    if (severity < 0)
        return kt_fail(err, KT_E_INPUT, "'%s' is no severity: info, low, medium, high or critical",
                       f->severity);
    e->alert = (struct kt_alert){ .severity = (enum kt_severity)severity,
                                  .score = (int)f->score * 100,
                                  .detector = f->detector != NULL ? f->detector : "",
                                  .state = "open",
                                  .raised = e->now,
                                  .actor = kt_str_of(f->actor),
                                  .secret = kt_str_of(f->secret),
                                  .ip = kt_str_of(f->ip),
                                  .country = kt_str_of(f->country),
                                  .source = kt_str_of(f->source),
                                  .instance = kt_str_of(f->instance) };
    return KT_OK;
}

static void say_alert(const struct explained *e)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf title = { 0 };
    if (!for_people(e) || e->f->explain == NULL)
        return;
    kt_tty_add(&title, e->alert.title);
    printf("%s  %s  %s  %s\n\n", e->alert.id, kt_severity_words[e->alert.severity].word,
           kt_life_word(kt_alert_status(&e->alert)), kt_buf_z(&title));
}

static enum kt_status prepare(struct explained *e, struct kt_error *err)
{
    const char *config = e->f->config != NULL ? e->f->config : "/etc/keytrail/keytrail.yaml";
    e->now = kt_clock_real.wall(kt_clock_real.self);
    e->arena = kt_arena_new(KT_LINE_MAX);
    if (e->f->at != NULL &&
        kt_time_expr(kt_str_of(e->f->at), e->now, 0, false, &e->now, err) != KT_OK)
        return kt_wrap(err, "--at");
    enum kt_status st = kt_conf_load(config, &e->conf, err);
    return st == KT_OK ? kt_routes_new(e->conf, &e->routes, err) : st;
}

int kt_notify_route(const struct kt_notify_route_flags *f)
{
    KT_CLEANUP(explained_done) struct explained e = { .f = f };
    struct kt_error err = { 0 };
    bool about = f->severity != NULL || f->detector != NULL || f->actor != NULL ||
                 f->secret != NULL || f->ip != NULL || f->country != NULL || f->source != NULL ||
                 f->instance != NULL || f->score != 0;
    enum kt_status st = prepare(&e, &err);
    if (st == KT_OK && f->explain == NULL && !about)
        return list_routes(&e);
    if (st == KT_OK)
        st = f->explain != NULL ? read_alert(&e, &err) : invent_alert(&e, &err);
    if (st != KT_OK)
        return kt_cli_fail("notify route", &err);
    say_alert(&e);
    explain_routes(&e);
    if (for_people(&e) && e.conf->n_routes > 0)
        printf("\n");
    explain_notices(&e);
    return KT_EXIT_OK;
}
