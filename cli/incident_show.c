/*
 * incident_show: `incident show` and `incident list`: where incidents stand, what is open, and the
 * next command.
 *
 * Owns:  nothing.
 * Calls: core/answer/incident, exporters/alerts/view, exporters/reports/incident; stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/incident.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "exporters/alerts/view.h"
#include "exporters/reports/incident.h"

#define ALERTS_BYTES (8u << 20)
#define ACTS_SHOWN   12u

/* ---- the alerts of the exposure ---- */

struct gather {
    struct kt_incident_standing *to;
    struct kt_alert_view *view;
    const struct kt_incident *i;
    kt_time_ns since, until;
};

static enum kt_status see_alert(void *self, const char *id, struct kt_str json,
                                struct kt_error *err)
{
    struct gather *g = self;
    struct kt_incident_standing *to = g->to;
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert a = { 0 };
    (void)id;
    if (kt_alert_read(json, &arena, &a, err) != KT_OK)
        return err->code;
    bool own = strcmp(a.id, g->i->subject) == 0;
    bool overlaps = a.first < g->until && a.last >= g->since && a.severity >= KT_SEV_MEDIUM;
    if (!own && (!overlaps || a.merged_into.len > 0 || kt_alert_is_over(&a)))
        return KT_OK;
    kt_alert_view_live(g->view, &a);
    if (to->n == to->cap) {
        to->cap = to->cap == 0 ? 32 : 2 * to->cap;
        to->alert = kt_realloc_array(to->alert, to->cap, sizeof *to->alert);
    }
    to->alert[to->n++] = (struct kt_incident_alert){
        .id = kt_arena_str(&to->arena, kt_str_of(a.id)),
        .title = kt_arena_str(&to->arena, a.title),
        .actor = kt_arena_str(&to->arena, a.actor),
        .first = a.first,
        .last = a.last,
        .judged = kt_alert_status(&a) == KT_LIFE_CLOSED && a.life.verdict.len > 0,
        .verdict = kt_arena_str(&to->arena, a.life.verdict),
    };
    return to->arena.full ? kt_fail(err, KT_E_LIMIT, "too many alerts in the exposure") : KT_OK;
}

enum kt_status kt_incident_stand(struct kt_incident_cli *c, const struct kt_incident *i,
                                 struct kt_incident_standing *ret, struct kt_error *err)
{
    struct kt_alert_view view = { 0 };
    struct kt_reader *reader = c->asking.ask.reader;
    struct gather g = { .to = ret, .view = &view, .i = i };
    *ret = (struct kt_incident_standing){ .arena = kt_arena_new(ALERTS_BYTES) };
    kt_incident_window(i, c->asking.ask.now, &g.since, &g.until);
    enum kt_status st = kt_alert_view_load(reader, &view, err);
    if (st == KT_OK)
        st = kt_reader_alerts(reader, see_alert, &g, err);
    kt_alert_view_done(&view);
    if (st == KT_OK)
        st = kt_incident_judge(&c->asking.ask, i, ret->alert, ret->n, &ret->state, err);
    return st;
}

void kt_incident_standing_done(struct kt_incident_standing *s)
{
    kt_incident_state_free(s->state);
    kt_free(s->alert);
    kt_arena_done(&s->arena);
}

/* ---- show ---- */

static void line(const char *head, struct kt_str text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    kt_tty_add(&safe, text);
    printf("%-14s %s\n", head, kt_buf_z(&safe));
}

static void show_head(const struct kt_incident_cli *c, const struct kt_incident_state *s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    const struct kt_incident *i = s->of;
    char at[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    unsigned open = (unsigned)__builtin_popcount(s->open);
    printf("%s  %s", i->id, i->closed.at != 0 ? i->forced ? "closed by force" : "closed" : "open");
    if (i->closed.at == 0)
        printf(", %u of %u steps open", open, (unsigned)KT_RUNBOOK_COUNT);
    printf("  (times in %s)\n", kt_asking_zone(&c->asking));
    kt_buf_addf(&text, "the %s %s", kt_incident_about_word(i->about), i->subject);
    line("about", kt_buf_str(&text));
    kt_buf_reset(&text);
    kt_buf_addf(&text, "%s by %s: %s", kt_asking_when(&c->asking, i->opened.at, at), i->opened.by,
                i->opened.reason);
    line("opened", kt_buf_str(&text));
    kt_buf_reset(&text);
    kt_buf_addf(&text, "%s to %s", kt_asking_when(&c->asking, s->since, at),
                i->until == 0 && i->closed.at == 0 ? "now"
                                                   : kt_asking_when(&c->asking, s->until, until));
    line("exposure", kt_buf_str(&text));
    if (i->closed.at == 0)
        return;
    kt_buf_reset(&text);
    kt_buf_addf(&text, "%s by %s: %s", kt_asking_when(&c->asking, i->closed.at, at), i->closed.by,
                i->closed.reason);
    line("closed", kt_buf_str(&text));
    kt_buf_reset(&text);
    for (unsigned k = 0; k < KT_RUNBOOK_COUNT; k++)
        if ((i->open_at_close & 1u << k) != 0)
            kt_buf_addf(&text, "%s%s", text.len > 0 ? ", " : "",
                        kt_runbook_word((enum kt_runbook)k));
    if (text.len > 0)
        line("left open", kt_buf_str(&text));
}

static void show_steps(const struct kt_incident_state *s)
{
    static const char *const marks[] = {
        [KT_TICK_OPEN] = "[ ]", [KT_TICK_HAND] = "[x] by hand", [KT_TICK_LOG] = "[x] by the log"
    };
    printf("\n");
    for (unsigned k = 0; k < KT_RUNBOOK_COUNT; k++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
        kt_tty_add(&safe, s->step[k].text);
        printf("%-14s  %-8s  %s\n", marks[s->step[k].tick], kt_runbook_word((enum kt_runbook)k),
               kt_buf_z(&safe));
    }
}

static void show_values(const struct kt_incident_state *s)
{
    unsigned shown = 0;
    for (unsigned k = 0; k < s->n_values; k++) {
        const struct kt_incident_value *v = &s->value[k];
        KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
        if (!kt_exposure_is_open(v->exposure))
            continue;
        if (shown++ == 20)
            break;
        kt_tty_add(&safe, kt_str_of(v->of->secret));
        printf("%s%-18s %s\n", shown == 1 ? "\nstill exposed\n" : "", kt_exposure_word(v->exposure),
               kt_buf_z(&safe));
    }
    if (s->exposed > 20)
        printf("and %u more: -o csv\n", s->exposed - 20);
}

/* The newest acts, oldest first. */
static void show_acts(const struct kt_incident_cli *c, const struct kt_incident *i)
{
    unsigned from = i->n_said > ACTS_SHOWN ? i->n_said - ACTS_SHOWN : 0;
    printf("\n");
    if (from > 0)
        printf("%u earlier acts: -o md\n", from);
    for (unsigned k = from; k < i->n_said; k++) {
        char at[KT_TIME_TEXT_MAX];
        line(kt_asking_when(&c->asking, i->said[k].at, at), kt_str_of(i->said[k].text));
    }
}

/* The first open step that has a command, in the order of the runbook. */
static void show_next(const struct kt_incident_state *s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    const struct kt_incident *i = s->of;
    if (i->closed.at != 0)
        return;
    uint32_t must = s->open & ~(1u << KT_RUNBOOK_DOCUMENT);
    if (must == 0) {
        printf("\nnext: keytrail incident close %s --reason TEXT --out DIR\n", i->id);
        return;
    }
    unsigned k = (unsigned)__builtin_ctz(must);
    kt_tty_add(&safe, s->step[k].next);
    printf("\nnext: %s: %s\n", kt_runbook_word((enum kt_runbook)k),
           kt_runbook_task((enum kt_runbook)k));
    if (safe.len > 0)
        printf("      %s\n", kt_buf_z(&safe));
    printf("      keytrail incident done %s %s --reason TEXT   (by hand)\n", i->id,
           kt_runbook_word((enum kt_runbook)k));
}

static const struct kt_column step_columns[] = {
    { "incident", "INCIDENT", 0, false }, { "step", "STEP", 0, false },
    { "state", "STATE", 0, false },       { "known", "WHAT IS KNOWN", 0, false },
    { "next", "NEXT", 0, false },
};

static void print_steps(const struct kt_incident_cli *c, const struct kt_incident_state *s)
{
    static const char *const states[] = {
        [KT_TICK_OPEN] = "open", [KT_TICK_HAND] = "by hand", [KT_TICK_LOG] = "by the log"
    };
    struct kt_rows *rows =
        kt_rows_new(c->asking.how, step_columns, KT_ARRAY_LEN(step_columns), !c->asking.no_header);
    for (unsigned k = 0; k < KT_RUNBOOK_COUNT; k++) {
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(s->of->id)),
            kt_cell_str(kt_str_of(kt_runbook_word((enum kt_runbook)k))),
            kt_cell_str(kt_str_of(states[s->step[k].tick])),
            kt_cell_str(s->step[k].text),
            kt_cell_str(s->step[k].next),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
}

enum kt_status kt_incident_show_it(struct kt_incident_cli *c, struct kt_error *err)
{
    const struct kt_incident *i;
    struct kt_incident_standing s = { 0 };
    if (kt_incident_cli_open(c, err) != KT_OK || kt_incident_cli_named(c, &i, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_incident_stand(c, i, &s, err);
    if (st == KT_OK && c->asking.how == KT_OUT_MD) {
        KT_CLEANUP(kt_buf_done) struct kt_buf md = { 0 }, html = { 0 };
        struct kt_incident_report r;
        kt_incident_report_of(c, s.state, &r);
        r.by = i->closed.at != 0 ? i->closed.by : NULL;
        r.reason = i->closed.reason;
        r.forced = i->forced;
        kt_incident_report_write(&r, &md, &html);
        printf("%s", kt_buf_z(&md));
    } else if (st == KT_OK && c->asking.how != KT_OUT_TABLE) {
        print_steps(c, s.state);
    } else if (st == KT_OK) {
        show_head(c, s.state);
        show_steps(s.state);
        show_values(s.state);
        show_acts(c, i);
        show_next(s.state);
    }
    kt_incident_standing_done(&s);
    return st;
}

/* ---- list ---- */

static const struct kt_column columns[] = {
    { "incident", "INCIDENT", 0, false },   { "state", "STATE", 0, false },
    { "opened", "OPENED (UTC)", 0, false }, { "by", "BY", 24, false },
    { "about", "ABOUT", 0, false },         { "subject", "SUBJECT", 50, false },
    { "reason", "REASON", 50, false },      { "exposed", "SECRETS", 0, true },
    { "closed", "CLOSED (UTC)", 0, false }, { "closed_by", NULL, 0, false },
    { "markdown", NULL, 0, false },         { "html", NULL, 0, false },
};

enum kt_status kt_incident_list_all(struct kt_incident_cli *c, struct kt_error *err)
{
    unsigned shown = 0;
    if (kt_incident_cli_open(c, err) != KT_OK)
        return err->code;
    struct kt_rows *rows =
        kt_rows_new(c->asking.how, columns, KT_ARRAY_LEN(columns), !c->asking.no_header);
    for (unsigned k = c->incidents.n; k-- > 0;) {
        const struct kt_incident *i = c->incidents.at[k];
        if (i->closed.at != 0 && !c->all)
            continue;
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(i->id)),
            kt_cell_str(kt_str_of(i->closed.at == 0 ? "open"
                                  : i->forced       ? "forced"
                                                    : "closed")),
            kt_cell_time(i->opened.at),
            kt_cell_str(kt_str_of(i->opened.by)),
            kt_cell_str(kt_str_of(kt_incident_about_word(i->about))),
            kt_cell_str(kt_str_of(i->subject)),
            kt_cell_str(kt_str_of(i->opened.reason)),
            kt_cell_int(i->n_exposed),
            kt_cell_time(i->closed.at),
            kt_cell_str(kt_str_of(i->closed.at != 0 ? i->closed.by : "")),
            kt_cell_str(kt_str_of(i->markdown)),
            kt_cell_str(kt_str_of(i->html)),
        };
        kt_rows_add(rows, cells);
        shown++;
    }
    kt_rows_end(rows);
    if (shown == 0 && c->asking.how == KT_OUT_TABLE && !c->asking.quiet)
        fprintf(stderr, "no incident is open%s\n", c->all ? "" : " (--all shows closed ones)");
    if (c->incidents.damage.places > 0)
        c->asking.ask.damage = c->incidents.damage;
    return KT_OK;
}
