/*
 * profile_write: a profile as the page has it.
 *
 * Owns:  the names and order of its keys.
 * Calls: core/answer/profile, dashboards/api (JSON).
 */
#include <math.h>

#include "dashboards/api/names.h"
#include "dashboards/api/scoped.h"

static const enum kt_outcome order[] = { KT_OUT_SUCCESS, KT_OUT_DENIED, KT_OUT_FAILURE,
                                         KT_OUT_NOT_FOUND, KT_OUT_UNKNOWN };

static double per_day(const struct kt_profile *p, uint64_t n)
{
    return p->usual_days > 0 ? (double)n / p->usual_days : NAN;
}

/* Of a span in which there was a log; else nothing is usual, and zero would say so. */
static void add_usual(struct kt_buf *o, const struct kt_profile *p, uint64_t n)
{
    if (p->usual_days > 0)
        kt_api_u64(o, "usual", n);
    else
        kt_api_raw(o, "usual", KT_STR_NONE);
}

void kt_api_entry(struct kt_buf *o, const struct kt_profile *p, enum kt_profile_list list,
                  const struct kt_profile_entry *e)
{
    bool actor = list == KT_PROFILE_ACTORS;
    bool lines = list == KT_PROFILE_SESSIONS || list == KT_PROFILE_CREDENTIALS;
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "value", e->value);
    kt_api_text(o, "more", e->more);
    if (actor)
        kt_api_text(o, "kind", kt_str_of(kt_actor_kind_word(e->kind)));
    kt_api_u64(o, "events", e->events);
    kt_api_u64(o, "reads", e->reads);
    kt_api_u64(o, "failed", e->failed);
    if (lines)
        kt_api_raw(o, "usual", KT_STR_NONE); /* lines of the window alone were read */
    else
        add_usual(o, p, e->usual);
    kt_api_real(o, "usual_per_day", lines ? NAN : per_day(p, e->usual));
    kt_api_time(o, "first", e->first);
    kt_api_flag(o, "dated", e->dated);
    kt_api_time(o, "last", e->last);
    if (e->maybe_new)
        kt_api_raw(o, "new", KT_STR_NONE);
    else
        kt_api_flag(o, "new", e->is_new);
    if (actor && p->kind == KT_PROFILE_SECRET) {
        kt_api_u64(o, "addresses", e->addresses);
        kt_api_text(o, "countries", e->countries);
    }
    kt_api_close(o, '}');
}

void kt_api_entries(struct kt_buf *o, const char *key, const struct kt_profile *p,
                    enum kt_profile_list list)
{
    kt_api_open(o, key, '[');
    for (uint32_t i = 0; i < p->n[list] && i < KT_API_ENTRIES_MAX; i++)
        kt_api_entry(o, p, list, &p->list[list][i]);
    kt_api_close(o, ']');
}

static void add_numbers(struct kt_buf *o, const struct kt_profile *p)
{
    kt_api_open(o, "numbers", '{');
    kt_api_u64(o, "events", p->events);
    kt_api_u64(o, "reads", p->reads);
    kt_api_u64(o, "failed", p->failed);
    add_usual(o, p, p->usual);
    kt_api_real(o, "usual_per_day", per_day(p, p->usual));
    kt_api_real(o, "usual_days", p->usual_days);
    kt_api_time(o, "first", p->first);
    kt_api_flag(o, "dated", !p->by);
    kt_api_time(o, "last", p->last);
    kt_api_close(o, '}');
}

static void add_counts(struct kt_buf *o, const struct kt_profile *p)
{
    kt_api_open(o, "counts", '[');
    for (unsigned a = 0; a < KT_ACT_COUNT; a++)
        for (size_t i = 0; i < KT_ARRAY_LEN(order); i++) {
            uint64_t now = p->count[a][order[i]], usual = p->usual_count[a][order[i]];
            if (now + usual == 0)
                continue;
            kt_api_open(o, NULL, '{');
            kt_api_text(o, "action", kt_str_of(kt_action_word((enum kt_action)a)));
            kt_api_text(o, "outcome", kt_str_of(kt_outcome_word(order[i])));
            kt_api_u64(o, "now", now);
            add_usual(o, p, usual);
            kt_api_close(o, '}');
        }
    kt_api_close(o, ']');
}

static void add_heat(struct kt_buf *o, const struct kt_profile *p)
{
    kt_api_open(o, "heat", '[');
    for (unsigned d = 0; d < 7; d++) {
        kt_api_open(o, NULL, '[');
        for (unsigned h = 0; h < 24; h++)
            kt_api_u64(o, NULL, p->heat[d][h]);
        kt_api_close(o, ']');
    }
    kt_api_close(o, ']');
}

static void add_series(struct kt_buf *o, const struct kt_profile *p)
{
    kt_api_open(o, "series", '{');
    kt_api_time(o, "from", p->day_from);
    kt_api_u64(o, "step", (uint64_t)p->day_step);
    for (size_t i = 0; i < KT_ARRAY_LEN(order); i++) {
        kt_api_open(o, kt_outcome_word(order[i]), '[');
        for (uint32_t d = 0; d < p->n_days; d++)
            kt_api_u64(o, NULL, p->day[d][order[i]]);
        kt_api_close(o, ']');
    }
    kt_api_close(o, '}');
}

/* Of a scope none where nothing is found, and an actor by its name alone: its aliases name more. */
static bool write_query(const struct kt_api *a, const struct kt_profile_ask *what,
                        const struct kt_profile *p, struct kt_buf *out)
{
    if (!kt_api_scoped(a) || what->kind != KT_PROFILE_ACTOR || !what->exact)
        return (!kt_api_scoped(a) || p->first != 0) &&
               kt_profile_query(a->ask, what, out, NULL) == KT_OK;
    kt_ask_term(out, "actor", kt_ask_actor(a->ask, what->value, KT_STR_NONE, KT_STR_NONE));
    return p->first != 0;
}

void kt_api_profile(struct kt_api *a, const struct kt_profile_ask *what, const struct kt_profile *p)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct kt_buf *o = &a->out;
    add_numbers(o, p);
    add_counts(o, p);
    add_heat(o, p);
    add_series(o, p);
    kt_api_open(o, "lists", '{');
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        kt_api_entries(o, kt_profile_list_word(i), p, i);
    kt_api_close(o, '}');
    kt_api_open(o, "more", '{');
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        kt_api_u64(o, kt_profile_list_word(i),
                   p->n[i] > KT_API_ENTRIES_MAX ? p->n[i] - KT_API_ENTRIES_MAX : 0);
    kt_api_close(o, '}');
    kt_api_flag(o, "cut", p->cut); /* sessions and credentials: of the newest records alone */
    if (write_query(a, what, p, &query))
        kt_api_text(o, "query", kt_buf_str(&query));
    else
        kt_api_text(o, "query", KT_STR_NONE);
}
