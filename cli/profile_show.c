/*
 * profile_show: a page for people: what is new and which alerts there are first, then the lists,
 * then the hours.
 *
 * Calls: cli/profile, cli/page, core/answer; stdout.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/profile.h"

#define NEWS_MAX 5u /* values that the line of a list's news names */

/* ---- facts ---- */

struct facts_to {
    const struct kt_profile_page *g;
    const char *before; /* name of the last one: several of one name stand below each other */
};

/* "last_rotated" as "last rotated  2026-03-01 (inventory)" */
static void show_fact(void *self, const char *name, struct kt_str text, kt_time_ns time)
{
    struct facts_to *to = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    char when[KT_TIME_TEXT_MAX], words[32];
    bool again = to->before != NULL && strcmp(to->before, name) == 0;
    if (time != 0)
        kt_buf_addf(&said, "%s", kt_asking_when(&to->g->a, time, when));
    if (text.len > 0)
        kt_buf_addf(&said, time != 0 ? " (" KT_STR_FMT ")" : KT_STR_FMT, KT_STR_ARG(text));
    (void)snprintf(words, sizeof words, "%s", again ? "" : name);
    for (char *c = words; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    kt_page_fact(&to->g->a, words, kt_buf_str(&said));
    to->before = name;
}

static void show_seen(const struct kt_profile_page *g)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    const struct kt_profile *p = g->p;
    char first[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX];
    if (p->first == 0) {
        kt_page_fact(&g->a, "seen", KT_STR("never, as far as the log goes"));
        return;
    }
    kt_buf_addf(&said, "first %s", kt_asking_when(&g->a, p->first, first));
    if (p->last != 0)
        kt_buf_addf(&said, ", last %s", kt_asking_when(&g->a, p->last, last));
    kt_page_fact(&g->a, "seen", kt_buf_str(&said));
    kt_buf_reset(&said);
    kt_buf_addf(&said, "%" PRIu64 " events: %" PRIu64 " reads, %" PRIu64 " failed", p->events,
                p->reads, p->failed);
    if (p->usual_days > 0) {
        kt_buf_addz(&said, "; usual ");
        kt_page_rate(p->usual, p->usual_days, &said);
        if (p->usual == 0)
            kt_page_none("none", p->usual_days, &said);
    } else if (p->since != 0) {
        kt_buf_addz(&said, "; the log has nothing before it");
    }
    kt_page_fact(&g->a, "window", kt_buf_str(&said));
}

static const char *const list_words[KT_PROFILE_LIST_COUNT][2] = {
    [KT_PROFILE_ACTORS] = { "actor", "actors" },
    [KT_PROFILE_SECRETS] = { "secret", "secrets" },
    [KT_PROFILE_ADDRESSES] = { "address", "addresses" },
    [KT_PROFILE_NETWORKS] = { "network", "networks" },
    [KT_PROFILE_COUNTRIES] = { "country", "countries" },
    [KT_PROFILE_ASNS] = { "provider", "providers" },
    [KT_PROFILE_INSTANCES] = { "source", "sources" },
    [KT_PROFILE_AGENTS] = { "client", "clients" },
    [KT_PROFILE_SESSIONS] = { "session", "sessions" },
    [KT_PROFILE_CREDENTIALS] = { "credential", "credentials" },
};

/* "! 2 new secrets: a, b": nothing before the window has them. */
static void show_news(const struct kt_profile_page *g)
{
    bool all_new = g->p->first >= g->p->since; /* of a newcomer everything is new */
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT && g->p->since != 0 && !all_new; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 }, names = { 0 };
        uint32_t n = 0;
        for (uint32_t k = 0; k < g->p->n[i]; k++) {
            const struct kt_profile_entry *e = &g->p->list[i][k];
            if (e->is_new && n++ < NEWS_MAX)
                kt_buf_addf(&names, "%s" KT_STR_FMT, n > 1 ? ", " : "", KT_STR_ARG(e->value));
        }
        if (n == 0)
            continue;
        kt_buf_addf(&said, "%u %s: " KT_STR_FMT "%s", n, list_words[i][n > 1],
                    KT_STR_ARG(kt_buf_str(&names)), n > NEWS_MAX ? ", …" : "");
        kt_page_fact(&g->a, "! new", kt_buf_str(&said));
    }
    if (g->p->since != 0 && g->p->first != 0 && all_new)
        kt_page_fact(&g->a, "! new", KT_STR("nothing is older than this window"));
}

static void show_alerts(const struct kt_profile_page *g)
{
    char when[KT_TIME_TEXT_MAX];
    for (uint32_t i = 0; i < g->alerts->n && (g->top == 0 || i < g->top); i++) {
        const struct kt_alerted_one *x = &g->alerts->at[i];
        KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
        kt_buf_addf(&said, "%.10s %s  " KT_STR_FMT "  " KT_STR_FMT "%s" KT_STR_FMT "  " KT_STR_FMT,
                    x->id, kt_asking_when(&g->a, x->first, when), KT_STR_ARG(x->severity),
                    KT_STR_ARG(x->status), x->verdict.len > 0 ? " as " : "", KT_STR_ARG(x->verdict),
                    KT_STR_ARG(x->title));
        kt_page_fact(&g->a, x->open ? "! alert" : "alert", kt_buf_str(&said));
    }
    if (g->top > 0 && g->alerts->n > g->top)
        kt_page_fact(&g->a, "", KT_STR("more: keytrail alerts list --all"));
}

/* ---- lists ---- */

static const struct section {
    enum kt_profile_list list;
    const char *title, *more;
} sections[] = {
    { KT_PROFILE_ACTORS, "ACTOR", "KIND" },          { KT_PROFILE_SECRETS, "SECRET", NULL },
    { KT_PROFILE_NETWORKS, "NETWORK", "COUNTRY" },   { KT_PROFILE_ADDRESSES, "ADDRESS", "COUNTRY" },
    { KT_PROFILE_ASNS, "PROVIDER", "ORGANISATION" }, { KT_PROFILE_INSTANCES, "SOURCE", "TYPE" },
    { KT_PROFILE_AGENTS, "CLIENT", NULL },           { KT_PROFILE_SESSIONS, "SESSION", NULL },
    { KT_PROFILE_CREDENTIALS, "CREDENTIAL", NULL },
};
enum { VALUE, MORE, EVENTS, READS, FAILED, USUAL, SINCE, LAST, N_COLUMNS };

/* Of the one value that was asked for a list of itself says nothing. */
static bool is_itself(const struct kt_profile_page *g, enum kt_profile_list list)
{
    static const enum kt_profile_list of[KT_PROFILE_KINDS] = {
        [KT_PROFILE_ACTOR] = KT_PROFILE_ACTORS,
        [KT_PROFILE_SECRET] = KT_PROFILE_SECRETS,
        [KT_PROFILE_IP] = KT_PROFILE_ADDRESSES,
        [KT_PROFILE_SESSION] = KT_PROFILE_SESSIONS,
    };
    return of[g->what.kind] == list && g->p->n[list] <= 1;
}

/* A date where the whole log was asked, else the day by which the value was there. */
static void say_since(const struct kt_profile_page *g, const struct kt_profile_entry *e,
                      struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX];
    if (e->first != 0)
        kt_buf_addf(out, "%s%.10s%s", e->dated ? "" : "by ", kt_asking_when(&g->a, e->first, when),
                    e->is_new ? " !" : "");
}

static void show_entry(const struct kt_profile_page *g, struct kt_rows *rows,
                       const struct section *s, const struct kt_profile_entry *e)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf usual = { 0 }, since = { 0 };
    char last[KT_TIME_TEXT_MAX];
    bool actor = s->list == KT_PROFILE_ACTORS;
    kt_page_rate(e->usual, g->p->usual_days, &usual);
    say_since(g, e, &since);
    const struct kt_cell cells[N_COLUMNS] = {
        [VALUE] = kt_cell_str(e->value),
        [MORE] = kt_cell_str(actor ? kt_str_of(kt_actor_kind_word(e->kind)) : e->more),
        [EVENTS] = kt_cell_int((int64_t)e->events),
        [READS] = kt_cell_int((int64_t)e->reads),
        [FAILED] = kt_cell_int((int64_t)e->failed),
        [USUAL] = kt_cell_str(kt_buf_str(&usual)),
        [SINCE] = kt_cell_str(kt_buf_str(&since)),
        [LAST] = kt_cell_str(kt_str_of(kt_asking_when(&g->a, e->last, last))),
    };
    kt_rows_add(rows, cells);
}

static void show_list(const struct kt_profile_page *g, const struct kt_profile *p,
                      const struct section *s)
{
    bool compared =
        g->p->usual_days > 0 && s->list != KT_PROFILE_SESSIONS && s->list != KT_PROFILE_CREDENTIALS;
    const struct kt_column columns[N_COLUMNS] = {
        [VALUE] = { "value", s->title, 70, false },
        [MORE] = { "more", s->more, 30, false },
        [EVENTS] = { "events", "EVENTS", 0, true },
        [READS] = { "reads", "READS", 0, true },
        [FAILED] = { "failed", "FAILED", 0, true },
        [USUAL] = { "usual", compared ? "USUAL" : NULL, 0, false },
        [SINCE] = { "first", compared || p->since == 0 ? "SINCE" : NULL, 0, false },
        [LAST] = { "last", "LAST", 0, false },
    };
    uint32_t n = p->n[s->list], shown = g->top > 0 && g->top < n ? (uint32_t)g->top : n;
    if (n == 0)
        return;
    kt_page_heading(&g->a, s->title);
    struct kt_rows *rows = kt_rows_new(g->a.how, columns, N_COLUMNS, !g->a.no_header);
    for (uint32_t i = 0; i < shown; i++)
        show_entry(g, rows, s, &p->list[s->list][i]);
    kt_rows_end(rows);
    if (shown < n)
        printf(g->a.how == KT_OUT_MD ? "\n… %u more %s (--all)\n" : "… %u more %s (--all)\n",
               n - shown, list_words[s->list][n - shown > 1]);
}

static void show_lists(const struct kt_profile_page *g)
{
    static const struct section near = { KT_PROFILE_ADDRESSES, "ALSO FROM AROUND IT", "COUNTRY" };
    for (size_t i = 0; i < KT_ARRAY_LEN(sections); i++)
        if (!is_itself(g, sections[i].list))
            show_list(g, g->p, &sections[i]);
    if (g->p->cut)
        printf("(sessions and credentials: of the newest %" PRIu64 " records)\n", g->p->lines);
    if (g->p->around != NULL && g->p->around->n[KT_PROFILE_ADDRESSES] > 1)
        show_list(g, g->p->around, &near);
}

/* ---- actions and hours ---- */

static void show_actions(const struct kt_profile_page *g)
{
    const struct kt_column columns[] = {
        { "action", "ACTION", 0, false },
        { "success", "OK", 0, true },
        { "denied", "DENIED", 0, true },
        { "failure", "FAILED", 0, true },
        { "not_found", "NOT FOUND", 0, true },
        { "unknown", "UNKNOWN", 0, true },
        { "usual", g->p->usual_days > 0 ? "USUAL" : NULL, 0, false },
    };
    static const enum kt_outcome order[] = { KT_OUT_SUCCESS, KT_OUT_DENIED, KT_OUT_FAILURE,
                                             KT_OUT_NOT_FOUND, KT_OUT_UNKNOWN };
    const struct kt_profile *p = g->p;
    kt_page_heading(&g->a, "ACTION");
    struct kt_rows *rows = kt_rows_new(g->a.how, columns, KT_ARRAY_LEN(columns), !g->a.no_header);
    for (unsigned a = 0; a < KT_ACT_COUNT; a++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf rate = { 0 };
        struct kt_cell cells[KT_ARRAY_LEN(columns)];
        uint64_t all = 0, usual = 0;
        cells[0] = kt_cell_str(kt_str_of(kt_action_word((enum kt_action)a)));
        for (size_t o = 0; o < KT_ARRAY_LEN(order); o++) {
            cells[1 + o] = kt_cell_int((int64_t)p->count[a][order[o]]);
            all += p->count[a][order[o]];
            usual += p->usual_count[a][order[o]];
        }
        kt_page_rate(usual, p->usual_days, &rate);
        cells[KT_ARRAY_LEN(order) + 1] = kt_cell_str(kt_buf_str(&rate));
        if (all + usual > 0)
            kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
}

/* A block a cell, its height by the share of the busiest hour. */
static void show_hours(const struct kt_profile_page *g)
{
    static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
    static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    uint32_t most = 0;
    for (unsigned d = 0; d < 7; d++)
        for (unsigned h = 0; h < 24; h++)
            most = g->p->heat[d][h] > most ? g->p->heat[d][h] : most;
    if (most == 0)
        return;
    kt_page_heading(&g->a, "HOURS");
    printf(g->a.how == KT_OUT_MD ? "```\n" : "");
    printf("HOUR %-3s 0  3  6  9  12 15 18 21    busiest hour of the week: %" PRIu32 " events",
           kt_asking_zone(&g->a)[0] == 'U' ? "UTC" : "", most);
    if (g->p->usual_days > 0)
        printf(", these days and the %d before", KT_USUAL_DAYS);
    printf("\n");
    for (unsigned d = 0; d < 7; d++) {
        printf("%s      ", days[d]);
        for (unsigned h = 0; h < 24; h++) {
            uint32_t n = g->p->heat[d][h];
            printf("%s", n == 0 ? "·" : blocks[(uint64_t)(n - 1) * 8 / most]);
        }
        printf("\n");
    }
    printf(g->a.how == KT_OUT_MD ? "```\n" : "");
}

/* ---- the page ---- */

static void show_foot(struct kt_profile_page *g)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf count = { 0 }, next = { 0 };
    const struct kt_profile *p = g->p;
    const char *verb;
    struct kt_str value;
    kt_buf_addf(&count, "%" PRIu64 " event%s", p->events, p->events == 1 ? "" : "s");
    for (unsigned i = 0; kt_profile_next(p, &g->what, i, &verb, &value); i++) {
        kt_buf_addz(&next, next.len > 0 ? "\n" : "");
        kt_page_command(&g->a, verb, value, true, &next);
    }
    if (p->first == 0 && g->what.kind == KT_PROFILE_ACTOR) /* a name as people say it is none */
        kt_page_near(&g->a, "actor", g->what.value, &next);
    else if (p->first == 0 && g->what.kind == KT_PROFILE_SECRET)
        kt_page_near(&g->a, "secret", g->what.value, &next);
    kt_page_foot(&g->a, kt_profile_instance(p), kt_buf_str(&count), kt_buf_str(&next));
}

void kt_profile_show(struct kt_profile_page *g)
{
    static const char *const words[KT_PROFILE_KINDS] = { [KT_PROFILE_ACTOR] = "ACTOR",
                                                         [KT_PROFILE_IP] = "ADDRESS",
                                                         [KT_PROFILE_SECRET] = "SECRET",
                                                         [KT_PROFILE_SESSION] = "SESSION" };
    struct kt_str subject = g->what.value;
    if (g->what.kind == KT_PROFILE_SECRET && g->p->n[KT_PROFILE_SECRETS] == 1)
        subject = g->p->list[KT_PROFILE_SECRETS][0].value;
    if (g->beside.who != NULL)
        subject = kt_str_of(g->beside.who->name);
    kt_page_head(&g->a, words[g->what.kind], subject, KT_STR_NONE);
    kt_beside_facts(&g->beside, show_fact, &(struct facts_to){ .g = g });
    show_seen(g);
    show_news(g);
    show_alerts(g);
    if (g->p->first != 0) {
        show_actions(g);
        show_lists(g);
        show_hours(g);
    }
    printf("\n");
    show_foot(g);
}
