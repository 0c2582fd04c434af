/*
 * who: `keytrail who SECRET`: who read a secret, how often, since when, from where, and what of
 * that is new.
 *
 * Calls: core/answer (profile, alerted, inventory), cli/asking, cli/page; stdout, stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/page.h"
#include "core/answer/alerted.h"
#include "core/answer/inventory.h"
#include "core/event/line.h"

#define LIMIT_TTY 50u
#define SNAPSHOTS (30 * KT_NS_DAY) /* the newest of a store is looked for in these */

struct who {
    struct kt_asking a;
    uint64_t limit;
    struct kt_profile_ask what;
    struct kt_profile *p;
    struct kt_alerted *alerts;
    struct kt_inventory *listed;
};

static const struct kt_column columns[] = {
    { "actor", "ACTOR", 44, false },        { "kind", NULL, 0, false },
    { "reads", "READS", 0, true },          { "failed", "FAILED", 0, true },
    { "addresses", "IPS", 0, true },        { "countries", "COUNTRIES", 24, false },
    { "first", "FIRST SEEN", 0, false },    { "last", "LAST READ", 0, false },
    { "usual_per_day", "USUAL", 0, false }, { "new", "", 0, false },
    { "new_addresses", NULL, 0, false },    { "new_countries", NULL, 0, false },
    { "alerts", NULL, 0, false },
};

static struct kt_cell raw(struct kt_buf *b)
{
    return (struct kt_cell){ .type = KT_CELL_RAW, .str = kt_buf_str(b) };
}

static const struct kt_alerted_one *alert_of(const struct who *w, struct kt_str actor,
                                             uint32_t from)
{
    for (uint32_t i = from; i < w->alerts->n; i++)
        if (w->alerts->at[i].open && kt_str_eq_nocase(w->alerts->at[i].actor, actor))
            return &w->alerts->at[i];
    return NULL;
}

static void add_news(struct kt_buf *out, const char *text)
{
    kt_buf_addf(out, "%s%s", out->len == 0 ? "! " : " · ", text);
}

/* "! first time · 2 new addresses · alert 01JABCDEFG": what is new of this reader of this secret.
 */
static void say_news(const struct who *w, const struct kt_profile_entry *e, struct kt_buf *out)
{
    char text[64];
    const struct kt_alerted_one *alert = alert_of(w, e->value, 0);
    if (e->is_new)
        add_news(out, "first time");
    if (!e->is_new && e->new_countries > 0)
        add_news(out, e->new_countries > 1 ? "new countries" : "new country");
    if (!e->is_new && e->new_addresses > 0) {
        (void)snprintf(text, sizeof text, "%" PRIu32 " new address%s", e->new_addresses,
                       e->new_addresses > 1 ? "es" : "");
        add_news(out, text);
    }
    if (alert != NULL) {
        (void)snprintf(text, sizeof text, "alert %.10s", alert->id);
        add_news(out, text);
    }
}

/* "DE FR!" as ["DE","FR"], or only those that are new. */
static void list_countries(struct kt_str all, bool only_new, struct kt_buf *out)
{
    struct kt_str one;
    const char *between = "";
    kt_buf_byte(out, '[');
    while (all.len > 0 && kt_str_split(&all, ' ', &one)) {
        bool is_new = kt_str_ends(one, KT_STR("!"));
        if (only_new && !is_new)
            continue;
        one.len -= is_new;
        kt_buf_addz(out, between);
        kt_json_quote(out, one);
        between = ",";
    }
    kt_buf_byte(out, ']');
}

static void list_alerts(const struct who *w, struct kt_str actor, struct kt_buf *out)
{
    const char *between = "";
    kt_buf_byte(out, '[');
    for (const struct kt_alerted_one *x = alert_of(w, actor, 0); x != NULL;
         x = alert_of(w, actor, (uint32_t)(x - w->alerts->at) + 1)) {
        kt_buf_addf(out, "%s\"%s\"", between, x->id);
        between = ",";
    }
    kt_buf_byte(out, ']');
}

static void add_row_for_programs(const struct who *w, struct kt_rows *rows,
                                 const struct kt_profile_entry *e)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf rate = { 0 }, all = { 0 }, fresh = { 0 }, alerts = { 0 };
    if (w->p->usual_days > 0)
        kt_buf_addf(&rate, "%.3f", (double)e->usual / w->p->usual_days);
    list_countries(e->countries, false, &all);
    list_countries(e->countries, true, &fresh);
    list_alerts(w, e->value, &alerts);
    const struct kt_cell cells[] = {
        kt_cell_str(e->value),
        kt_cell_str(kt_str_of(kt_actor_kind_word(e->kind))),
        kt_cell_int((int64_t)e->reads),
        kt_cell_int((int64_t)e->failed),
        kt_cell_int(e->addresses),
        raw(&all),
        kt_cell_time(e->first),
        kt_cell_time(e->last),
        rate.len > 0 ? raw(&rate) : (struct kt_cell){ .type = KT_CELL_NULL },
        { .type = KT_CELL_BOOL, .i = e->is_new },
        kt_cell_int(e->new_addresses),
        raw(&fresh),
        raw(&alerts),
    };
    kt_rows_add(rows, cells);
}

static void add_row(const struct who *w, struct kt_rows *rows, const struct kt_profile_entry *e)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf first = { 0 }, usual = { 0 }, news = { 0 };
    char when[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX];
    kt_buf_addf(&first, "%.10s%s", kt_asking_when(&w->a, e->first, when), e->is_new ? " !" : "");
    kt_page_rate(e->usual, w->p->usual_days, &usual);
    if (usual.len == 0 && w->p->usual_days > 0 && !e->is_new)
        kt_page_none("not", w->p->usual_days, &usual);
    else if (usual.len == 0)
        kt_buf_addz(&usual, w->p->usual_days > 0 ? "never before" : "no older records");
    say_news(w, e, &news);
    const struct kt_cell cells[KT_ARRAY_LEN(columns)] = {
        kt_cell_str(e->value),
        kt_cell_str(KT_STR_NONE),
        kt_cell_int((int64_t)e->reads),
        kt_cell_int((int64_t)e->failed),
        kt_cell_int(e->addresses),
        kt_cell_str(e->countries),
        kt_cell_str(kt_buf_str(&first)),
        kt_cell_str(kt_str_of(kt_asking_when(&w->a, e->last, last))),
        kt_cell_str(kt_buf_str(&usual)),
        kt_cell_str(kt_buf_str(&news)),
    };
    kt_rows_add(rows, cells);
}

/* ---- around the rows ---- */

/* "(vault-prod, owner payments)": what is known of the secret beside the log. */
static void say_head(const struct who *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf notes = { 0 };
    const struct kt_profile *p = w->p;
    struct kt_str subject = w->what.value;
    const struct kt_inventory_item *item = NULL;
    bool one = p->n[KT_PROFILE_SECRETS] == 1;
    if (one)
        subject = p->list[KT_PROFILE_SECRETS][0].value;
    for (uint32_t i = 0; i < p->n[KT_PROFILE_INSTANCES] && i < 3; i++)
        kt_buf_addf(&notes, "%s" KT_STR_FMT, i > 0 ? ", " : "",
                    KT_STR_ARG(p->list[KT_PROFILE_INSTANCES][i].value));
    if (w->listed != NULL)
        item = w->listed->n == 1 ? &w->listed->item[0] : kt_inventory_find(w->listed, subject);
    if (item != NULL && item->owner.len > 0)
        kt_buf_addf(&notes, "%sowner " KT_STR_FMT, notes.len > 0 ? ", " : "",
                    KT_STR_ARG(item->owner));
    if (item != NULL && item->gone)
        kt_buf_addf(&notes, "%snot in its store any more", notes.len > 0 ? ", " : "");
    kt_page_head(&w->a, "SECRET", subject, kt_buf_str(&notes));
    for (uint32_t i = 0; !one && i < p->n[KT_PROFILE_SECRETS] && i < 10; i++)
        kt_page_fact(&w->a, i == 0 ? "these" : "", p->list[KT_PROFILE_SECRETS][i].value);
    if (p->n[KT_PROFILE_SECRETS] > 10)
        kt_page_fact(&w->a, "", KT_STR("and more"));
}

/* What a responder looks at next: a new reader, else one with an alert or news, else the first. */
static const struct kt_profile_entry *oddest(const struct who *w, uint32_t n)
{
    const struct kt_profile_entry *best = NULL;
    int most = -1;
    for (uint32_t i = 0; i < n; i++) {
        const struct kt_profile_entry *e = &w->p->list[KT_PROFILE_ACTORS][i];
        int odd = 4 * (alert_of(w, e->value, 0) != NULL) + 2 * e->is_new + (e->new_countries > 0);
        if (odd > most)
            best = e;
        most = odd > most ? odd : most;
    }
    return best;
}

static void show(struct who *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf count = { 0 }, next = { 0 };
    const struct kt_profile *p = w->p;
    bool people = kt_page_for_people(&w->a);
    uint32_t n = 0, shown;
    while (n < p->n[KT_PROFILE_ACTORS] && p->list[KT_PROFILE_ACTORS][n].events > 0)
        n++; /* those that only read before the window stand behind */
    shown = w->limit > 0 && w->limit < n ? (uint32_t)w->limit : n;
    if (people)
        say_head(w);
    struct kt_rows *rows = kt_rows_new(w->a.how, columns, KT_ARRAY_LEN(columns), !w->a.no_header);
    for (uint32_t i = 0; i < shown; i++)
        if (people)
            add_row(w, rows, &p->list[KT_PROFILE_ACTORS][i]);
        else
            add_row_for_programs(w, rows, &p->list[KT_PROFILE_ACTORS][i]);
    kt_rows_end(rows);
    const struct kt_profile_entry *odd = oddest(w, n);
    kt_buf_addf(&count, "%u actor%s", n, n == 1 ? "" : "s");
    if (shown < n)
        kt_buf_addf(&count, ", %u shown (-n 0: all)", shown);
    if (odd != NULL)
        kt_page_command(&w->a, "timeline", odd->value, true, &next);
    else if (p->first == 0 && (w->listed == NULL || w->listed->n == 0))
        kt_page_near(&w->a, "secret", w->what.value, &next);
    else
        kt_page_command(&w->a, "secret", w->what.value, false, &next);
    kt_page_foot(&w->a, kt_profile_instance(w->p), kt_buf_str(&count), kt_buf_str(&next));
}

/* The inventory is that of now, whatever the window; snapshots are made once a day. */
static enum kt_status load_listed(struct who *w, struct kt_error *err)
{
    kt_time_ns since = w->a.ask.since, until = w->a.ask.until;
    w->a.ask.since = w->a.ask.now - SNAPSHOTS;
    w->a.ask.until = 0;
    enum kt_status status =
        kt_inventory_load(&w->a.ask, w->what.value, KT_INVENTORY_LISTED, &w->listed, err);
    w->a.ask.since = since;
    w->a.ask.until = until;
    return status;
}

static enum kt_status answer(struct who *w, struct kt_error *err)
{
    if (kt_asking_open(&w->a, KT_NS_DAY, err) != KT_OK ||
        kt_profile_load(&w->a.ask, &w->what, &w->p, err) != KT_OK ||
        kt_alerted_load(&w->a.ask, &w->what, w->p, &w->alerts, err) != KT_OK)
        return err->code;
    if (kt_page_for_people(&w->a) && load_listed(w, err) != KT_OK)
        return err->code;
    show(w);
    return KT_OK;
}

int kt_cmd_who(int argc, char **argv)
{
    static const struct kt_command cmd = { "who",
                                           "SECRET [options]",
                                           "who read a secret, since when, and is it usual",
                                           "keytrail who prod/db/main --since 7d",
                                           NULL,
                                           NULL };
    struct who w = { .limit = UINT64_MAX,
                     .what = {
                         .kind = KT_PROFILE_SECRET, .usual = KT_USUAL_SPAN, .reads_only = true } };
    const struct kt_flag flags[] = {
        KT_ASKING_FLAGS(w.a),
        { "--limit", 'n', KT_FLAG_UINT, "N", "the N with most reads (50 on a terminal, else all)",
          &w.limit, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    n = kt_window_take_slack(&w.a.window, argv, n);
    if (n != 1) {
        fprintf(stderr, "keytrail who: one secret: its id, the end of it, or a pattern\n");
        return KT_EXIT_USAGE;
    }
    w.what.value = kt_str_of(argv[1]);
    if (w.limit == UINT64_MAX)
        w.limit = isatty(STDOUT_FILENO) ? LIMIT_TTY : 0;
    (void)!answer(&w, &err);
    kt_inventory_free(w.listed);
    kt_alerted_free(w.alerts);
    kt_profile_free(w.p);
    return kt_asking_end(&w.a, "who", &err);
}
