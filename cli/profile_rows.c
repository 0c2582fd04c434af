/*
 * profile_rows: a page for programs: one row a value; `part` says of which list.
 *
 * Calls: cli/profile, core/answer; stdout.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/profile.h"

static const struct kt_column columns[] = {
    { "part", "PART", 0, false },
    { "value", "VALUE", 0, false },
    { "more", "MORE", 0, false },
    { "kind", "KIND", 0, false },
    { "events", "EVENTS", 0, true },
    { "reads", "READS", 0, true },
    { "failed", "FAILED", 0, true },
    { "usual", "USUAL", 0, true },
    { "usual_per_day", "PER DAY", 0, true },
    { "first", "FIRST", 0, false },
    { "last", "LAST", 0, false },
    { "new", "NEW", 0, false },
};
enum { N_COLUMNS = KT_ARRAY_LEN(columns) };

struct row {
    const char *part;
    struct kt_str value, more, kind;
    bool counted, compared, judged; /* which of the numbers mean something */
    uint64_t events, reads, failed, usual;
    kt_time_ns first, last;
    bool is_new;
};

struct facts_to {
    struct kt_rows *rows;
    const struct kt_profile *p;
};

static struct kt_cell number(bool there, uint64_t n)
{
    return there ? kt_cell_int((int64_t)n) : (struct kt_cell){ .type = KT_CELL_NULL };
}

static void add(struct kt_rows *rows, const struct kt_profile *p, const struct row *r)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf rate = { 0 };
    if (r->compared && p->usual_days > 0)
        kt_buf_addf(&rate, "%.3f", (double)r->usual / p->usual_days);
    const struct kt_cell cells[N_COLUMNS] = {
        kt_cell_str(kt_str_of(r->part)),
        kt_cell_str(r->value),
        kt_cell_str(r->more),
        kt_cell_str(r->kind),
        number(r->counted, r->events),
        number(r->counted, r->reads),
        number(r->counted, r->failed),
        number(r->compared, r->usual),
        rate.len > 0 ? (struct kt_cell){ .type = KT_CELL_RAW, .str = kt_buf_str(&rate) }
                     : (struct kt_cell){ .type = KT_CELL_NULL },
        kt_cell_time(r->first),
        kt_cell_time(r->last),
        r->judged ? (struct kt_cell){ .type = KT_CELL_BOOL, .i = r->is_new }
                  : (struct kt_cell){ .type = KT_CELL_NULL },
    };
    kt_rows_add(rows, cells);
}

static void add_fact(void *self, const char *name, struct kt_str text, kt_time_ns time)
{
    struct facts_to *to = self;
    add(to->rows, to->p,
        &(struct row){ .part = "fact", .value = kt_str_of(name), .more = text, .first = time });
}

static void add_actions(struct kt_rows *rows, const struct kt_profile *p)
{
    for (unsigned a = 0; a < KT_ACT_COUNT; a++)
        for (unsigned o = 0; o < KT_OUT_COUNT; o++)
            if (p->count[a][o] + p->usual_count[a][o] > 0)
                add(rows, p,
                    &(struct row){ .part = "action",
                                   .value = kt_str_of(kt_action_word((enum kt_action)a)),
                                   .more = kt_str_of(kt_outcome_word((enum kt_outcome)o)),
                                   .counted = true,
                                   .compared = true,
                                   .events = p->count[a][o],
                                   .usual = p->usual_count[a][o] });
}

static void add_hours(struct kt_rows *rows, const struct kt_profile *p)
{
    static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
    for (unsigned d = 0; d < 7; d++)
        for (unsigned h = 0; h < 24; h++) {
            char hour[8];
            (void)snprintf(hour, sizeof hour, "%02u", h);
            if (p->heat[d][h] > 0)
                add(rows, p,
                    &(struct row){ .part = "hour",
                                   .value = kt_str_of(days[d]),
                                   .more = kt_str_of(hour),
                                   .counted = true,
                                   .events = p->heat[d][h] });
        }
}

static void add_list(struct kt_rows *rows, const struct kt_profile_page *g,
                     const struct kt_profile *p, enum kt_profile_list list, const char *part)
{
    uint32_t n = p->n[list];
    if (g->top > 0 && g->top < n)
        n = (uint32_t)g->top;
    for (uint32_t i = 0; i < n; i++) {
        const struct kt_profile_entry *e = &p->list[list][i];
        bool lines = list == KT_PROFILE_SESSIONS || list == KT_PROFILE_CREDENTIALS;
        add(rows, p,
            &(struct row){ .part = part,
                           .value = e->value,
                           .more = e->more,
                           .kind = list == KT_PROFILE_ACTORS
                                       ? kt_str_of(kt_actor_kind_word(e->kind))
                                       : KT_STR_NONE,
                           .counted = true,
                           .compared = !lines,
                           .judged = !lines && p == g->p,
                           .events = e->events,
                           .reads = e->reads,
                           .failed = e->failed,
                           .usual = e->usual,
                           .first = e->dated ? e->first : 0,
                           .last = e->last,
                           .is_new = e->is_new });
    }
}

static void add_alerts(struct kt_rows *rows, const struct kt_profile_page *g)
{
    for (uint32_t i = 0; i < g->alerts->n; i++) {
        const struct kt_alerted_one *x = &g->alerts->at[i];
        add(rows, g->p,
            &(struct row){ .part = "alert",
                           .value = kt_str_of(x->id),
                           .more = x->title,
                           .kind = x->status,
                           .first = x->first,
                           .last = x->last });
    }
}

void kt_profile_rows(const struct kt_profile_page *g)
{
    const struct kt_profile *p = g->p;
    struct kt_rows *rows = kt_rows_new(g->a.how, columns, N_COLUMNS, !g->a.no_header);
    add(rows, p,
        &(struct row){ .part = "all",
                       .value = g->what.value,
                       .counted = true,
                       .compared = true,
                       .events = p->events,
                       .reads = p->reads,
                       .failed = p->failed,
                       .usual = p->usual,
                       .first = p->first,
                       .last = p->last });
    kt_beside_facts(&g->beside, add_fact, &(struct facts_to){ rows, p });
    add_actions(rows, p);
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        add_list(rows, g, p, i, kt_profile_list_word(i));
    if (p->around != NULL)
        add_list(rows, g, p->around, KT_PROFILE_ADDRESSES, "near");
    add_hours(rows, p);
    add_alerts(rows, g);
    kt_rows_end(rows);
}
