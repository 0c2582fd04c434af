/*
 * names: everything there is about one actor, secret, address or session: the page behind each
 * value.
 *
 * Owns:  nothing.
 * Calls: core/answer (profile, beside, alerted, peers, rotate_hint), exporters/alerts/view.
 */
#include "dashboards/api/names.h"

#include <string.h>

#include "core/answer/alerted.h"
#include "core/answer/beside.h"
#include "core/answer/peers.h"
#include "core/answer/rotate_hint.h"
#include "core/base/limits.h"
#include "dashboards/api/alerts.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/kept.h"
#include "dashboards/api/scoped.h"
#include "dashboards/api/shared.h"

#define WINDOW    (7 * KT_NS_DAY)
#define ALERTS    50u
#define PEERS_FOR (KT_NS_MIN)
#define TOLD      50u
/* Of what is before the usual span, to tell what is new: some 0.1 s. */
#define SEGMENTS_MAX 400u
#define VALUE_MAX    1500u /* a query with it has room */
#define LINES_MAX    2000u /* opened for sessions and credentials */

struct page {
    struct kt_api *api;
    struct kt_profile_ask what;
    struct kt_profile *p;
    struct kt_alerted *alerts;
    struct kt_beside beside;
    struct kt_within within;
};

/* ---- facts ---- */

static void add_fact(void *self, const char *name, struct kt_str text, kt_time_ns time)
{
    struct kt_buf *o = self;
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "name", kt_str_of(name));
    kt_api_text(o, "text", text);
    kt_api_time(o, "time", time);
    kt_api_close(o, '}');
}

static void add_identity(struct kt_buf *o, const struct kt_identity *who, bool aliases)
{
    if (who == NULL) {
        kt_api_raw(o, "identity", KT_STR_NONE);
        return;
    }
    kt_api_open(o, "identity", '{');
    kt_api_text(o, "name", kt_str_of(who->name));
    kt_api_text(o, "kind",
                who->kind < 0 ? KT_STR_NONE
                              : kt_str_of(kt_actor_kind_word((enum kt_actor_kind)who->kind)));
    kt_api_text(o, "team", kt_str_of(who->team));
    kt_api_text(o, "manager", kt_str_of(who->manager));
    kt_api_text(o, "time_zone", kt_str_of(who->time_zone));
    kt_api_text(o, "left", kt_str_of(who->left_day));
    kt_api_open(o, "aliases", '[');
    for (unsigned i = 0; aliases && i < who->n_alias; i++) {
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "actor", kt_str_of(who->alias[i].actor));
        kt_api_text(o, "source", kt_str_of(who->alias[i].source));
        kt_api_text(o, "instance", kt_str_of(who->alias[i].instance));
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
    kt_api_close(o, '}');
}

/* ---- its peers ---- */

static uint64_t own(const struct page *g, enum kt_peers_of of)
{
    const struct kt_profile *p = g->p;
    uint64_t read = 0;
    for (uint32_t i = 0; i < p->n[KT_PROFILE_SECRETS]; i++)
        read += p->list[KT_PROFILE_SECRETS][i].reads > 0;
    const uint64_t numbers[KT_PEERS_COUNT] = { [KT_PEERS_EVENTS] = p->events,
                                               [KT_PEERS_READS] = p->reads,
                                               [KT_PEERS_FAILED] = p->failed,
                                               [KT_PEERS_SECRETS] = read };
    return numbers[of];
}

static void write_peers(const struct kt_peers *p, enum kt_actor_kind kind, struct kt_str team,
                        struct kt_buf *o)
{
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "kind", kt_str_of(kt_actor_kind_word(kind)));
    kt_api_text(o, "team", team);
    kt_api_u64(o, "n", p->n);
    for (unsigned of = 0; of < KT_PEERS_COUNT; of++)
        kt_api_real(o, kt_peers_word((enum kt_peers_of)of), p->median[of]);
    kt_api_close(o, '}');
}

/* Every actor of the window is counted for it, so it is shared by all who ask about one of the
 * kind: its window begins and ends with whole hours. */
static bool find_peers(struct kt_api *a, enum kt_actor_kind kind, struct kt_str team,
                       struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    struct kt_ask ask = *a->ask; /* what cannot be compared is no fault of the page */
    struct kt_peers peers = { 0 };
    ask.until = (ask.until != 0 ? ask.until : a->now) / KT_NS_HOUR * KT_NS_HOUR;
    ask.since = ask.since / KT_NS_HOUR * KT_NS_HOUR;
    if (ask.until <= ask.since)
        return false;
    kt_api_key(a, "peers", &key);
    kt_buf_addf(&key, "%d %lld %lld ", (int)kind, (long long)ask.since, (long long)ask.until);
    kt_buf_add(&key, team);
    if (kt_api_kept_get(a->kept, kt_buf_str(&key), a->now, PEERS_FOR, ask.give_up, ask.give_up_self,
                        out))
        return true;
    if (kt_peers_load(&ask, kind, team, &peers, NULL) != KT_OK) {
        kt_api_kept_drop(a->kept, kt_buf_str(&key));
        return false;
    }
    write_peers(&peers, kind, team, out);
    kt_api_kept_put(a->kept, kt_buf_str(&key), a->now, kt_buf_str(out));
    return true;
}

static void add_peers(struct page *g)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf of_kind = { 0 };
    struct kt_buf *o = &g->api->out;
    const struct kt_identity *who = g->beside.who;
    struct kt_str team = who != NULL ? kt_str_of(who->team) : KT_STR_NONE;
    if (g->p->n[KT_PROFILE_ACTORS] != 1 || g->p->events == 0 ||
        !find_peers(g->api, g->p->list[KT_PROFILE_ACTORS][0].kind, team, &of_kind)) {
        kt_api_raw(o, "peers", KT_STR_NONE);
        return;
    }
    kt_api_open(o, "peers", '{');
    kt_api_open(o, "own", '{');
    for (unsigned of = 0; of < KT_PEERS_COUNT; of++)
        kt_api_u64(o, kt_peers_word((enum kt_peers_of)of), own(g, (enum kt_peers_of)of));
    kt_api_close(o, '}');
    kt_api_raw(o, "median", kt_buf_str(&of_kind));
    kt_api_close(o, '}');
}

/* ---- a secret ---- */

static void add_state(struct kt_buf *o, const struct kt_inventory_item *it)
{
    struct kt_inventory_age age = kt_inventory_age(it), turned = kt_inventory_rotation(it);
    kt_api_open(o, "state", '{');
    kt_api_flag(o, "listed", it->listed);
    kt_api_text(o, "owner", it->owner);
    kt_api_text(o, "version", it->version);
    kt_api_time(o, "created", it->created);
    kt_api_time(o, "last_rotated", turned.at);
    kt_api_text(o, "rotated_from", kt_str_of(turned.from));
    kt_api_time(o, "age_since", age.at);
    kt_api_text(o, "age_of", kt_str_of(age.since));
    kt_api_time(o, "next_due", kt_inventory_due(it));
    kt_api_time(o, "expires", it->expires);
    kt_api_time(o, "deleted", it->deleted);
    kt_api_flag(o, "gone", it->gone);
    kt_api_time(o, "snapshot", it->snapshot);
    kt_api_close(o, '}');
}

/* How it gets a new value, and who has to be told: its owner, and whoever reads it. */
static void add_rotate(struct kt_buf *o, const struct page *g, struct kt_str secret,
                       const struct kt_inventory_item *it)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf hint = { 0 };
    unsigned told = 0, more = 0;
    kt_rotate_hint(secret, &hint);
    kt_api_open(o, "rotate", '{');
    kt_api_text(o, "hint", kt_buf_str(&hint));
    kt_api_text(o, "owner", it != NULL ? it->owner : KT_STR_NONE);
    kt_api_open(o, "tell", '[');
    for (uint32_t i = 0; i < g->p->n[KT_PROFILE_ACTORS]; i++) {
        const struct kt_profile_entry *e = &g->p->list[KT_PROFILE_ACTORS][i];
        if (e->reads + e->usual_reads == 0)
            continue; /* was denied, or writes it */
        if (told == TOLD) {
            more++;
            continue;
        }
        told++;
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "actor", e->value);
        kt_api_text(o, "kind", kt_str_of(kt_actor_kind_word(e->kind)));
        kt_api_u64(o, "events", e->reads + e->usual_reads);
        kt_api_time(o, "last", e->last_read);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
    kt_api_u64(o, "more", more);
    kt_api_close(o, '}');
}

static void add_secret(struct kt_buf *o, const struct page *g)
{
    const struct kt_inventory *v = g->beside.inventory;
    const struct kt_inventory_item *it = v != NULL && v->n > 0 ? &v->item[0] : NULL;
    if (it != NULL)
        add_state(o, it);
    else
        kt_api_raw(o, "state", KT_STR_NONE);
    if (g->p->n[KT_PROFILE_SECRETS] == 1)
        add_rotate(o, g, g->p->list[KT_PROFILE_SECRETS][0].value, it);
    else
        kt_api_raw(o, "rotate", KT_STR_NONE); /* of a pattern it is a list of its own */
}

static void add_about(struct page *g)
{
    struct kt_buf *o = &g->api->out;
    kt_api_open(o, "facts", '[');
    kt_beside_facts(&g->beside, add_fact, o);
    kt_api_close(o, ']');
    if (g->what.kind == KT_PROFILE_SECRET)
        add_secret(o, g);
    if (g->what.kind == KT_PROFILE_ACTOR) {
        add_identity(o, g->beside.who, !kt_api_scoped(g->api)); /* they name sources */
        add_peers(g);
    }
    if (g->what.kind != KT_PROFILE_IP)
        return;
    if (g->p->around != NULL)
        kt_api_entries(o, "near", g->p->around, KT_PROFILE_ADDRESSES);
    else
        kt_api_raw(o, "near", KT_STR_NONE);
}

/* ---- alerts, what to ask next ---- */

static enum kt_status add_alerts(struct page *g, struct kt_error *err)
{
    struct kt_alert_view *view = g->api->view;
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_buf *o = &g->api->out;
    kt_api_open(o, "alerts", '[');
    if (g->alerts->n > 0 && kt_alert_view_follow(view, g->api->ask->reader, err) != KT_OK)
        return err->code;
    for (uint32_t i = 0; i < g->alerts->n && i < ALERTS; i++) {
        struct kt_alert a;
        struct kt_alert_found found;
        kt_arena_reset(&arena);
        if (kt_reader_alert_find(g->api->ask->reader, kt_str_of(g->alerts->at[i].id), &json, &found,
                                 NULL) != KT_OK ||
            !kt_within_tells(g->api->ask, kt_str_of(g->alerts->at[i].id), kt_buf_str(&json)) ||
            kt_alert_read(kt_buf_str(&json), &arena, &a, NULL) != KT_OK)
            continue;
        kt_alert_view_live(view, &a);
        kt_api_narrow(g->api, &a);
        kt_api_alert_row(o, NULL, &a, view, g->api->now, kt_role_knows_canaries(g->api->role));
    }
    kt_api_close(o, ']');
    kt_api_u64(o, "alerts_open", g->alerts->open);
    kt_api_u64(o, "alerts_total", g->alerts->n);
    return KT_OK;
}

static void add_next(const struct page *g)
{
    struct kt_buf *o = &g->api->out;
    const char *verb;
    struct kt_str value;
    kt_api_open(o, "next", '[');
    for (unsigned i = 0; kt_profile_next(g->p, &g->what, i, &verb, &value); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf command = { 0 };
        kt_api_command(g->api, verb, "", value, &command);
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "text", kt_str_of(verb));
        kt_api_text(o, "value", value);
        kt_api_text(o, "command", kt_buf_str(&command));
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
}

/* ---- the calls ---- */

static enum kt_status answer(struct page *g, struct kt_error *err)
{
    static const char *const words[] = {
        [KT_PROFILE_ACTOR] = "actor",
        [KT_PROFILE_IP] = "ip",
        [KT_PROFILE_SECRET] = "secret",
        [KT_PROFILE_SESSION] = "session",
    };
    struct kt_buf *o = &g->api->out;
    struct kt_str title = g->what.value;
    if (g->what.kind == KT_PROFILE_SECRET && g->p->n[KT_PROFILE_SECRETS] == 1)
        title = g->p->list[KT_PROFILE_SECRETS][0].value;
    if (g->beside.who != NULL)
        title = kt_str_of(g->beside.who->name);
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "kind", kt_str_of(words[g->what.kind]));
    kt_api_text(o, "value", g->what.value);
    kt_api_text(o, "title", title);
    add_about(g);
    kt_api_profile(g->api, &g->what, g->p);
    if (add_alerts(g, err) != KT_OK)
        return err->code;
    add_next(g);
    kt_api_covers(g->api, kt_profile_instance(g->p));
    kt_api_close(o, '}');
    return KT_OK;
}

static enum kt_status make(struct kt_api *a, enum kt_profile_kind kind, kt_time_ns window,
                           struct kt_error *err)
{
    struct page g = { .api = a,
                      .what = { .kind = kind,
                                .value = kt_api_get(a, "value"),
                                .usual = KT_USUAL_SPAN,
                                .quick = true,
                                .before_max = SEGMENTS_MAX,
                                .sessions = kind == KT_PROFILE_ACTOR,
                                .around = true,
                                .exact = !kt_str_is(kt_api_get(a, "pattern"), "true"),
                                .lines = LINES_MAX } };
    enum kt_status status = kt_api_window(a, window, err);
    if (status == KT_OK)
        status = kt_profile_load(a->ask, &g.what, &g.p, err);
    if (status == KT_OK)
        status = kt_beside_load(a->ask, a->conf, &g.what, g.p, &g.beside, err);
    if (status == KT_OK)
        status = kt_api_within(a, &g.within, err);
    if (status == KT_OK)
        status = kt_alerted_load(a->ask, &g.what, g.p, &g.alerts, err);
    if (status == KT_OK)
        status = answer(&g, err);
    kt_beside_done(&g.beside);
    kt_alerted_free(g.alerts);
    kt_within_done(&g.within);
    kt_profile_free(g.p);
    return status;
}

static enum kt_status check(const struct kt_api *a, struct kt_error *err)
{
    struct kt_str value = kt_api_get(a, "value");
    if (value.len == 0)
        return kt_fail(err, KT_E_INPUT, "value is missing: which one?");
    if (value.len > VALUE_MAX)
        return kt_fail(err, KT_E_INPUT, "value is longer than %u bytes: ask search for its start",
                       VALUE_MAX);
    return KT_OK;
}

static enum kt_status make_actor(struct kt_api *a, struct kt_error *err)
{
    return make(a, KT_PROFILE_ACTOR, WINDOW, err);
}

static enum kt_status make_secret(struct kt_api *a, struct kt_error *err)
{
    return make(a, KT_PROFILE_SECRET, WINDOW, err);
}

static enum kt_status make_ip(struct kt_api *a, struct kt_error *err)
{
    return make(a, KT_PROFILE_IP, WINDOW, err);
}

/* Of the whole log, unless a window is asked for: a session is short, and may be old. */
static enum kt_status make_session(struct kt_api *a, struct kt_error *err)
{
    return make(a, KT_PROFILE_SESSION, 0, err);
}

/* Several who work on one incident open the same pages. */
static enum kt_status call(struct kt_api *a, const char *name, kt_api_call *make_it,
                           struct kt_error *err)
{
    return check(a, err) != KT_OK ? err->code
                                  : kt_api_shared(a, name, KT_API_SHARED_PAGE, make_it, err);
}

enum kt_status kt_api_actor(struct kt_api *a, struct kt_error *err)
{
    return call(a, "actor", make_actor, err);
}

enum kt_status kt_api_secret(struct kt_api *a, struct kt_error *err)
{
    return call(a, "secret", make_secret, err);
}

enum kt_status kt_api_ip(struct kt_api *a, struct kt_error *err)
{
    return call(a, "ip", make_ip, err);
}

enum kt_status kt_api_session(struct kt_api *a, struct kt_error *err)
{
    return call(a, "session", make_session, err);
}
