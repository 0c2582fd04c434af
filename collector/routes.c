/*
 * routes: from routes, an alert and the rows that it has to the steps that come next.
 *
 * Owns:  the queries and zones of the configuration's routes, compiled.
 * Calls: quiet, exporters/alerts/match, core/config. No clock, no store.
 * Holds: what a plan says depends on its arguments alone, so it says the same after any restart.
 *        Steps are merged by target: however many routes name it, it is told once.
 */
#include "collector/routes.h"
#include "collector/quiet.h"
#include "core/base/alloc.h"
#include "exporters/alerts/match.h"
#include <stdio.h>
#include <string.h>

#define QUIET_TURNS 128u /* more than a week of hours has pieces */
#define WEEK_AND    (9 * KT_NS_DAY)
#define SOME_DAY    (INT64_C(1767225600) * KT_NS_S) /* 2026-01-01 */
#define PATIENCE    (30 * KT_NS_DAY)

struct route {
    struct kt_query *match; /* NULL: every alert */
    struct kt_quiet quiet[KT_QUIETS_MAX];
    struct kt_query *except[KT_QUIETS_MAX]; /* NULL: nothing */
};
struct kt_routes {
    const struct kt_conf *conf;
    struct route *route;
    unsigned n;
};

/* ---- compiling ---- */

static enum kt_status compile(const struct kt_conf *conf, const struct kt_node *map,
                              const char *key, const char *text, struct kt_query **ret,
                              struct kt_error *err)
{
    struct kt_error why = { 0 };
    if (text == NULL || kt_alert_query_parse(kt_str_of(text), ret, &why) == KT_OK)
        return KT_OK;
    return kt_node_fail(conf->yaml, kt_node_get(map, key), err, "'%s': %s", key, why.text);
}

static enum kt_status compile_quiet(const struct kt_conf *conf, const struct kt_conf_quiet *from,
                                    struct kt_quiet *ret, struct kt_query **except,
                                    struct kt_error *err)
{
    struct kt_error why = { 0 };
    if (kt_quiet_of(from, ret, &why) == KT_OK)
        return compile(conf, from->node, "except", from->except, except, err);
    const struct kt_node *zone = kt_node_get(from->node, "zone");
    return kt_node_fail(conf->yaml, zone != NULL ? zone : from->node, err, "'zone': %s", why.text);
}

static enum kt_status compile_route(struct kt_routes *r, unsigned i, struct kt_error *err)
{
    const struct kt_conf_route *from = &r->conf->routes[i];
    struct route *to = &r->route[i];
    enum kt_status st = compile(r->conf, from->node, "match", from->match, &to->match, err);
    for (unsigned k = 0; st == KT_OK && k < from->n_quiet; k++)
        st = compile_quiet(r->conf, &from->quiet[k], &to->quiet[k], &to->except[k], err);
    if (st != KT_OK || kt_routes_quiet_until(r, i, NULL, SOME_DAY) < SOME_DAY + WEEK_AND)
        return st;
    return kt_node_fail(r->conf->yaml, kt_node_get(from->node, "quiet"), err,
                        "'quiet': these hours fill the week, so nothing would ever be told");
}

enum kt_status kt_routes_new(const struct kt_conf *conf, struct kt_routes **ret,
                             struct kt_error *err)
{
    struct kt_routes *r = kt_alloc(sizeof *r);
    *r = (struct kt_routes){ conf, kt_alloc_array(conf->n_routes, sizeof *r->route),
                             conf->n_routes };
    for (unsigned i = 0; i < r->n; i++) {
        enum kt_status st = compile_route(r, i, err);
        if (st != KT_OK) {
            kt_routes_free(r);
            return st;
        }
    }
    *ret = r;
    return KT_OK;
}

void kt_routes_free(struct kt_routes *r)
{
    if (r == NULL)
        return;
    for (unsigned i = 0; i < r->n; i++) {
        kt_query_free(r->route[i].match);
        for (unsigned k = 0; k < KT_QUIETS_MAX; k++)
            kt_query_free(r->route[i].except[k]);
    }
    kt_free(r->route);
    kt_free(r);
}

/* ---- which routes, and whether they may speak ---- */

/* What is below medium is evidence, not yet a message: it goes where it is asked for by name. */
static bool takes(const struct kt_routes *r, unsigned i, const struct kt_alert *a)
{
    const struct kt_query *q = r->route[i].match;
    if (a->severity < KT_SEV_MEDIUM && (q == NULL || !kt_alert_named(q, a)))
        return false;
    return q == NULL || kt_alert_matches(q, a);
}

bool kt_routes_refusal(const struct kt_routes *r, unsigned i, const struct kt_alert *a,
                       struct kt_buf *ret_why)
{
    const struct kt_query *q = r->route[i].match;
    if (takes(r, i, a))
        return false;
    kt_buf_addz(ret_why, "not ");
    if (q == NULL || !kt_alert_unfit(q, a, ret_why)) {
        const char *word = kt_severity_words[a->severity].word;
        kt_buf_addf(ret_why, "asked for severity:%s, which is told only where it is", word);
    }
    return true;
}

kt_time_ns kt_routes_quiet_until(const struct kt_routes *r, unsigned i, const struct kt_alert *a,
                                 kt_time_ns t)
{
    const struct route *route = &r->route[i];
    unsigned n = r->conf->routes[i].n_quiet, still = 0;
    for (unsigned turn = 0; n > 0 && still < n && turn < QUIET_TURNS; turn++) {
        const struct kt_query *except = route->except[turn % n];
        bool held = a == NULL || except == NULL || !kt_alert_matches(except, a);
        kt_time_ns end = held ? kt_quiet_until(&route->quiet[turn % n], t) : t;
        still = end == t ? still + 1 : 1; /* n in a row say that t is free */
        t = end;
    }
    return t;
}

/* ---- what rows say ---- */

struct told {               /* of one target */
    bool yes, dead;         /* dead: the newest word to it is a dead letter */
    kt_time_ns first, last; /* last: of repeats, too */
    unsigned repeats;
};

bool kt_routes_calls(const struct kt_outbox_row *row)
{
    enum kt_send send = kt_send_of(kt_str_of(row->action));
    return kt_outbox_speaks(row) &&
           (send == KT_SEND_TRIGGER || send == KT_SEND_REPEAT || send == KT_SEND_ESCALATE);
}

static struct told told_of(const struct kt_outbox_row *rows, unsigned n, const char *target)
{
    struct told t = { .first = INT64_MAX, .last = INT64_MIN };
    for (unsigned i = 0; i < n; i++) {
        const struct kt_outbox_row *row = &rows[i];
        if (strcmp(row->target, target) != 0 || !kt_routes_calls(row))
            continue;
        bool repeat = kt_send_of(kt_str_of(row->action)) == KT_SEND_REPEAT;
        t.yes = true;
        t.repeats += repeat;
        if (!repeat && row->created < t.first)
            t.first = row->created;
        if (row->created >= t.last) {
            t.last = row->created;
            t.dead = strcmp(row->state, "dead") == 0;
        }
    }
    return t;
}

/* ---- planning ---- */

struct planning {
    const struct kt_routes *r;
    const struct kt_page *page;
    kt_time_ns now;
    struct kt_plan *plan;
};

static bool is_spared(const struct planning *p, const char *target)
{
    return p->page->except != NULL && strcmp(p->page->except, target) == 0;
}

static struct told told(const struct planning *p, const char *target)
{
    return told_of(p->page->rows, p->page->n_rows, target);
}

/* Of one target and action there is one notice: the earliest. */
static void add(struct planning *p, struct kt_notice notice, kt_time_ns due)
{
    struct kt_plan *plan = p->plan;
    due = due > p->now ? due : p->now;
    notice.at = notice.route < 0 || notice.kind == KT_NOTICE_FALLBACK
                    ? due
                    : kt_routes_quiet_until(p->r, (unsigned)notice.route, p->page->alert, due);
    notice.quiet = notice.at != due;
    for (unsigned i = 0; i < plan->n; i++) {
        struct kt_notice *s = &plan->notice[i];
        if (strcmp(s->target, notice.target) != 0 || strcmp(s->action, notice.action) != 0)
            continue;
        if (notice.at < s->at)
            *s = notice;
        return;
    }
    plan->notice = kt_realloc_array(plan->notice, plan->n + 1, sizeof *plan->notice);
    plan->notice[plan->n++] = notice;
}

static void add_trigger(struct planning *p, int route, const char *target)
{
    struct kt_notice notice = { .target = target, .kind = KT_NOTICE_TRIGGER, .route = route };
    if (is_spared(p, target) || told(p, target).yes)
        return;
    (void)snprintf(notice.action, sizeof notice.action, "trigger");
    add(p, notice, p->now);
}

static void add_repeat(struct planning *p, unsigned route, const char *target)
{
    struct kt_notice notice = { .target = target, .kind = KT_NOTICE_REPEAT, .route = (int)route };
    const struct told t = told(p, target);
    kt_time_ns every = p->r->conf->routes[route].repeat;
    if (every == 0 || !t.yes || is_spared(p, target))
        return;
    (void)snprintf(notice.action, sizeof notice.action, "repeat:%u", t.repeats + 1);
    add(p, notice, (t.last > p->page->since ? t.last : p->page->since) + every);
}

/* escalate:2, and escalate:2.2 when the alert was opened again after it. false: it was told. */
static bool escalation_name(const struct planning *p, const char *target, unsigned level,
                            char action[24])
{
    unsigned round = 1;
    char name[24];
    (void)snprintf(name, sizeof name, "escalate:%u", level);
    size_t len = strlen(name);
    for (unsigned i = 0; i < p->page->n_rows; i++) {
        const struct kt_outbox_row *row = &p->page->rows[i];
        bool is_it = strncmp(row->action, name, len) == 0 &&
                     (row->action[len] == '\0' || row->action[len] == '.');
        if (!is_it || strcmp(row->target, target) != 0)
            continue;
        if (row->created >= p->page->since)
            return false;
        round++;
    }
    (void)snprintf(action, 24, round == 1 ? "escalate:%u" : "escalate:%u.%u", level, round);
    return true;
}

static void add_escalations(struct planning *p, unsigned route)
{
    const struct kt_conf_route *c = &p->r->conf->routes[route];
    kt_time_ns since = INT64_MAX; /* those of `to` were told */
    for (unsigned i = 0; i < c->to.n; i++) {
        const struct told t = told(p, c->to.at[i]);
        if (t.yes && t.first < since)
            since = t.first;
    }
    if (since == INT64_MAX)
        return;
    since = since > p->page->since ? since : p->page->since;
    for (unsigned level = 0; level < c->n_escalate; level++) {
        const struct kt_conf_escalation *e = &c->escalate[level];
        for (unsigned i = 0; i < e->to.n; i++) {
            struct kt_notice notice = { .target = e->to.at[i],
                                        .kind = KT_NOTICE_ESCALATE,
                                        .route = (int)route };
            add_repeat(p, route, notice.target);
            if (!is_spared(p, notice.target) &&
                escalation_name(p, notice.target, level + 1, notice.action))
                add(p, notice, since + e->after);
        }
    }
}

/* Will what was said to it reach nobody, as far as is known? */
static bool is_down(const struct planning *p, const char *target)
{
    const struct told t = told(p, target);
    if (is_spared(p, target) || (t.yes && t.dead))
        return true;
    for (unsigned i = 0; t.yes && i < p->page->n_broken; i++)
        if (strcmp(p->page->broken[i], target) == 0)
            return true;
    return false;
}

static void add_fallback(struct planning *p, unsigned route)
{
    const struct kt_conf_route *c = &p->r->conf->routes[route];
    bool down = true;
    for (unsigned i = 0; i < c->to.n; i++)
        down = down && is_down(p, c->to.at[i]);
    for (unsigned i = 0; i < c->fallback.n; i++) {
        struct kt_notice notice = { .target = c->fallback.at[i],
                                    .kind = KT_NOTICE_FALLBACK,
                                    .route = (int)route };
        add_repeat(p, route, notice.target);
        if (is_spared(p, notice.target) || told(p, notice.target).yes)
            continue;
        p->plan->watched = true;
        (void)snprintf(notice.action, sizeof notice.action, "trigger:fallback");
        if (down)
            add(p, notice, p->now);
    }
}

/* The routes that take the alert; is there anybody to tell among their targets? */
static bool choose(struct planning *p)
{
    bool somebody = false;
    for (unsigned i = 0; i < p->r->n; i++) {
        const struct kt_conf_route *c = &p->r->conf->routes[i];
        p->plan->takes[i] = takes(p->r, i, p->page->alert);
        if (!p->plan->takes[i])
            continue;
        for (unsigned k = 0; k < c->to.n; k++)
            somebody = somebody || !is_spared(p, c->to.at[k]);
        for (unsigned k = 0; k < c->fallback.n; k++)
            somebody = somebody || !is_spared(p, c->fallback.at[k]);
        if (!c->go_on)
            break;
    }
    return somebody;
}

/* What nobody has answered for so long is answered by no further page; and routes that are new tell
 * nobody of what is long past. */
static bool is_past(const struct kt_page *page, kt_time_ns now)
{
    const struct kt_alert *a = page->alert;
    kt_time_ns news = a->last > a->raised ? a->last : a->raised;
    return now - (news > page->since ? news : page->since) > PATIENCE;
}

void kt_routes_plan(const struct kt_routes *r, const struct kt_page *page, kt_time_ns now,
                    struct kt_plan *ret)
{
    struct planning p = { r, page, now, ret };
    *ret = (struct kt_plan){ 0 };
    ret->by_default = !choose(&p) && page->alert->severity >= KT_SEV_MEDIUM;
    if (page->answered || is_past(page, now))
        return;
    for (unsigned i = 0; i < r->n; i++) {
        const struct kt_strings *to = &r->conf->routes[i].to;
        for (unsigned k = 0; ret->takes[i] && k < to->n; k++) {
            add_trigger(&p, (int)i, to->at[k]);
            add_repeat(&p, i, to->at[k]);
        }
        if (ret->takes[i]) {
            add_escalations(&p, i);
            add_fallback(&p, i);
        }
    }
    for (unsigned i = 0; ret->by_default && i < r->conf->n_targets; i++)
        add_trigger(&p, KT_ROUTE_DEFAULT, r->conf->targets[i].name);
}

void kt_plan_done(struct kt_plan *p)
{
    kt_free(p->notice);
    *p = (struct kt_plan){ 0 };
}

/* ---- what no route takes ---- */

/* A route that asks for nothing but severities. */
static bool is_plain(const char *match)
{
    return match == NULL || (kt_str_starts(kt_str_of(match), KT_STR("severity:")) &&
                             kt_str_find_byte(kt_str_of(match), ' ', 0) < 0);
}

void kt_routes_gaps(const struct kt_routes *r, struct kt_buf *ret)
{
    const char *between = "";
    for (int severity = KT_SEV_MEDIUM; r->n > 0 && severity < KT_SEV_COUNT; severity++) {
        const struct kt_alert a = { .severity = (enum kt_severity)severity, .detector = "" };
        bool taken = false;
        for (unsigned i = 0; i < r->n; i++)
            taken = taken || (is_plain(r->conf->routes[i].match) && takes(r, i, &a));
        if (taken)
            continue;
        kt_buf_addf(ret, "%s%s", between, kt_severity_words[severity].word);
        between = ", ";
    }
}
