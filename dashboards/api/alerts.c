/*
 * alerts: the list of alerts by status, and the list of silences.
 *
 * Owns:  nothing.
 * Calls: exporters/alerts (view, match), core/answer/learning, core/query/silences,
 *        dashboards/api/scoped.
 *
 * All alerts are glanced at, for the counts: some 2 us each; with a query they are read, some 8.
 */
#include "dashboards/api/alerts.h"

#include <stdio.h>
#include <string.h>

#include "core/answer/learning.h"
#include "core/base/enc.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/scoped.h"

#define ROWS      100u
#define ROWS_MAX  1000u
#define BYTES_MAX (8u << 20) /* of a page: names of strangers may be long */
#define ALL       (-1)

struct list {
    struct kt_api *api;
    struct kt_within within;
    struct kt_query *query; /* NULL: any */
    int status;             /* or ALL */
    bool quiet;             /* those that expectations keep quiet too */
    uint64_t limit, shown, kept_quiet, count[KT_LIFE_COUNT];
    kt_time_ns after; /* the last row of the page before; 0: this is the first page */
    char after_id[KT_ID_TEXT];
    kt_time_ns last; /* the last row of this one */
    char last_id[KT_ID_TEXT];
    bool more;
    uint32_t unreadable;
};

/* "1795377600000000000-6DYE5B7Q…": raised and id of a row. */
static enum kt_status take_cursor(struct list *l, struct kt_error *err)
{
    struct kt_str text = kt_api_get(l->api, "cursor"), rest = text, raised;
    uint8_t id[16];
    uint64_t ns = 0;
    if (text.len == 0)
        return KT_OK;
    bool fine = kt_str_split(&rest, '-', &raised) && kt_str_u64(raised, &ns) && ns > 0 &&
                ns <= INT64_MAX && kt_id_parse(rest, id);
    if (!fine)
        return kt_fail(err, KT_E_INPUT, "cursor is none of this list's: begin without one");
    l->after = (kt_time_ns)ns;
    (void)kt_id_format(id, l->after_id);
    return KT_OK;
}

static bool is_behind(const struct list *l, kt_time_ns raised, struct kt_str id)
{
    return l->after == 0 || raised < l->after ||
           (raised == l->after && kt_str_cmp(id, kt_str_of(l->after_id)) < 0);
}

static bool has_room(const struct list *l)
{
    return l->shown < l->limit && l->api->out.len <= BYTES_MAX;
}

/* Counts, and takes the document only where a row is made of it. */
static enum kt_status take_plain(struct list *l, const struct kt_alert_glance *g)
{
    bool wanted = l->status == ALL || l->status == (int)g->status;
    struct kt_alert a;
    l->count[g->status]++;
    if (!wanted || !is_behind(l, g->raised, g->id))
        return KT_OK;
    if (!has_room(l)) {
        l->more = true;
    } else if (!kt_alert_view_read(g, &a)) {
        l->unreadable++;
    } else {
        kt_api_narrow(l->api, &a);
        kt_api_alert_row(&l->api->out, NULL, &a, l->api->view, l->api->now,
                         kt_role_knows_canaries(l->api->role));
        l->shown++;
        l->last = a.raised;
        memcpy(l->last_id, a.id, sizeof l->last_id);
    }
    return KT_OK;
}

static enum kt_status take(void *self, const struct kt_alert_glance *g, struct kt_error *err)
{
    struct list *l = self;
    const struct kt_ask *ask = l->api->ask;
    struct kt_alert_glance seen = *g;
    struct kt_alert a;
    if (ask->give_up != NULL && ask->give_up(ask->give_up_self))
        return kt_fail(err, KT_E_LIMIT, "the alerts took too long to read: ask again");
    if (!kt_within_tells(ask, g->id, g->json))
        return KT_OK;
    if (g->plain && l->query == NULL)
        return take_plain(l, g);
    if (!kt_alert_view_read(g, &a)) {
        l->unreadable++;
        return KT_OK;
    }
    bool quiet = a.suppressed_by.len > 0;
    seen.status = kt_alert_status(&a);
    seen.raised = a.raised;
    kt_api_narrow(l->api, &a); /* a query must not ask what is not shown */
    if (l->query != NULL && !kt_alert_matches(l->query, &a))
        return KT_OK;
    if (!quiet || l->quiet)
        return take_plain(l, &seen);
    l->kept_quiet += l->status == ALL || l->status == (int)seen.status;
    return KT_OK;
}

static enum kt_status take_status(struct list *l, struct kt_error *err)
{
    struct kt_str word = kt_api_get(l->api, "status");
    int status = word.len == 0 ? KT_LIFE_OPEN : kt_life_of_word(word);
    if (status < 0 && !kt_str_is(word, "all"))
        return kt_fail(err, KT_E_INPUT, "status is open, acknowledged, closed or all");
    l->status = status < 0 ? ALL : status;
    l->quiet = kt_str_is(kt_api_get(l->api, "quiet"), "true");
    return KT_OK;
}

static enum kt_status begin(struct list *l, struct kt_error *err)
{
    struct kt_str q = kt_str_trim(kt_api_get(l->api, "q"));
    if (kt_api_number(l->api, "limit", 1, ROWS_MAX, ROWS, &l->limit, err) != KT_OK ||
        take_status(l, err) != KT_OK || take_cursor(l, err) != KT_OK)
        return err->code;
    if (q.len > 0 && kt_alert_query_parse(q, &l->query, err) != KT_OK)
        return kt_wrap(err, "q");
    if (kt_api_within(l->api, &l->within, err) != KT_OK)
        return err->code;
    return kt_alert_view_follow(l->api->view, l->api->ask->reader, err);
}

static enum kt_status add_learning(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    struct kt_store_stats stats;
    bool over = true;
    enum kt_status status = kt_api_scoped(a) ? KT_OK : kt_reader_stats(a->ask->reader, &stats, err);
    if (status == KT_OK && !kt_api_scoped(a))
        status = kt_learning_say(a->ask->reader, &stats, &said, &over, err);
    if (status == KT_OK)
        kt_api_text(&a->out, "learning", over ? KT_STR_NONE : kt_buf_str(&said));
    return status;
}

static void end(struct list *l)
{
    struct kt_buf *o = &l->api->out;
    char next[64];
    kt_api_close(o, ']');
    (void)snprintf(next, sizeof next, "%lld-%s", (long long)l->last, l->last_id);
    kt_api_text(o, "next", l->more ? kt_str_of(next) : KT_STR_NONE);
    kt_api_open(o, "counts", '{');
    for (int i = 0; i < KT_LIFE_COUNT; i++)
        kt_api_u64(o, kt_life_word((enum kt_life_status)i), l->count[i]);
    kt_api_close(o, '}');
    kt_api_u64(o, "quiet", l->kept_quiet);
    /* Of all of the log: what is not theirs may be what is damaged. */
    uint64_t damage = l->api->view->lives.damage.places + l->unreadable;
    kt_api_u64(o, "damage", kt_api_scoped(l->api) ? 0 : damage);
}

enum kt_status kt_api_alerts(struct kt_api *a, struct kt_error *err)
{
    struct list l = { .api = a };
    enum kt_status status = begin(&l, err);
    if (status == KT_OK) {
        kt_api_open(&a->out, NULL, '{');
        kt_api_open(&a->out, "alerts", '[');
        status = kt_alert_view_glance(a->ask->reader, a->view, take, &l, err);
    }
    if (status == KT_OK) {
        end(&l);
        status = add_learning(a, err);
        kt_api_close(&a->out, '}');
    }
    kt_query_free(l.query);
    kt_within_done(&l.within);
    return status;
}

/* ---- silences ---- */

/* Whoever is not to know the canaries is told that somebody keeps something quiet: what is quiet
 * and why are words of people, which may name one. With an alert that they see stands that it is
 * quiet, and by whom, not why: the reason is of all that the silence covers. */
static void add_silence(struct kt_api *a, const struct kt_silence *s)
{
    struct kt_buf *o = &a->out;
    bool words = kt_role_knows_canaries(a->role);
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "id", kt_str_of(s->id));
    kt_api_text(o, "match", words ? kt_str_of(s->match) : KT_STR_NONE);
    kt_api_text(o, "reason", words ? kt_str_of(s->reason) : KT_STR_NONE);
    kt_api_text(o, "by", kt_str_of(s->by));
    kt_api_time(o, "from", s->from);
    kt_api_time(o, "until", s->until);
    kt_api_time(o, "removed", s->removed);
    kt_api_flag(o, "open", kt_silence_open(s, a->now));
    kt_api_close(o, '}');
}

enum kt_status kt_api_silences(struct kt_api *a, struct kt_error *err)
{
    struct kt_buf *o = &a->out;
    struct kt_silences all = { 0 };
    if (kt_silences_load(a->ask->reader, &all, err) != KT_OK)
        return err->code;
    kt_api_open(o, NULL, '{');
    kt_api_open(o, "silences", '[');
    for (unsigned i = all.n; i-- > 0;) /* the newest first */
        add_silence(a, &all.at[i]);
    kt_api_close(o, ']');
    kt_api_u64(o, "damage", all.damage.places);
    kt_api_close(o, '}');
    kt_silences_done(&all);
    return KT_OK;
}
