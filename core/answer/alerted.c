/*
 * alerted: see the header. A document is judged as a record with its actor, address and secrets
 * would be, by the query that finds the records.
 *
 * Owns:  copies of what is said of each alert.
 * Calls: core/query (lives), core/event/json, core/answer.
 */
#include "core/answer/alerted.h"

#include <stdlib.h>

#include "core/answer/within.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/event/decision.h"
#include "core/event/json.h"
#include "core/query/lives.h"

struct load {
    struct kt_alerted out; /* first: kt_alerted_free gets at the rest */
    const struct kt_ask *ask;
    const struct kt_profile_ask *what;
    const struct kt_profile *p;
    struct kt_map *users; /* of a secret or a session, in the window */
    struct kt_query *query;
    struct kt_json *json;
    struct kt_lives lives;
    struct kt_map *texts;
    uint32_t cap;
};

static struct kt_str kept(struct load *v, struct kt_str text)
{
    return text.len == 0 ? KT_STR_NONE : kt_map_key(v->texts, kt_map_put(v->texts, text, NULL));
}

static bool fits(const struct load *v, const struct kt_event *ev)
{
    const struct kt_record r = { .ev = *ev, .arrival = 1 };
    return kt_query_matches(v->query, &r, NULL);
}

/* Did its actor use it, with evidence in the window? */
static bool is_users(const struct load *v, struct kt_str actor, kt_time_ns first, kt_time_ns last)
{
    bool session = v->what->kind == KT_PROFILE_SESSION;
    kt_time_ns since = session ? v->p->first : v->p->since;
    kt_time_ns until = session ? v->p->last + 1 : v->p->until;
    return kt_map_get(v->users, actor) != KT_MAP_NONE && last >= since &&
           (until == 0 || first < until);
}

static bool is_about(const struct load *v, struct kt_jval root, kt_time_ns first, kt_time_ns last)
{
    struct kt_event ev = { .kind = KT_KIND_ACCESS };
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "secrets"));
    struct kt_str name;
    struct kt_jval item;
    ev.actor = kt_json_str_at(root, "actor");
    ev.has_ip = kt_ip_parse(kt_json_str_at(root, "ip"), &ev.ip);
    ev.secret = kt_json_str_at(root, "secret");
    bool about = is_users(v, ev.actor, first, last) || (v->query != NULL && fits(v, &ev));
    while (!about && v->query != NULL && kt_json_next(&it, &name, &item)) {
        ev.secret = kt_json_str(item);
        about = fits(v, &ev);
    }
    return about;
}

static void take_life(struct load *v, struct kt_alerted_one *one)
{
    const struct kt_life *l = kt_lives_of(&v->lives, kt_str_of(one->id));
    enum kt_life_status status = l == NULL ? KT_LIFE_OPEN : l->status;
    one->open = status != KT_LIFE_CLOSED;
    one->status = kt_str_of(kt_life_word(status));
    if (status == KT_LIFE_CLOSED)
        one->verdict =
            kt_str_of(kt_finding_verdict_word((enum kt_finding_verdict)l->closed.verdict));
}

static enum kt_status take(void *self, const char *id, struct kt_str json, struct kt_error *err)
{
    struct load *v = self;
    struct kt_jval root;
    unsigned repaired;
    (void)err;
    if (v->out.n == KT_ALERTED_MAX)
        return KT_E_AGAIN;
    if (!kt_within_tells(v->ask, kt_str_of(id), json) ||
        kt_json_parse(v->json, json, &root, &repaired, NULL) != KT_OK ||
        kt_json_bool(kt_json_at(root, "test"), false) ||
        (v->what->kind == KT_PROFILE_SECRET && kt_within_hides(v->ask, root)) ||
        kt_json_str_at(root, "merged_into").len > 0)
        return KT_OK;
    struct kt_alerted_one one = { .severity = kt_json_str_at(root, "severity") };
    if (!kt_json_i64(kt_json_at(root, "first"), &one.first) ||
        !kt_json_i64(kt_json_at(root, "last"), &one.last) ||
        !kt_json_i64(kt_json_at(root, "raised"), &one.raised) ||
        !is_about(v, root, one.first, one.last))
        return KT_OK;
    kt_str_copyz(one.id, sizeof one.id, kt_str_of(id));
    one.severity = kept(v, one.severity);
    one.detector = kept(v, kt_json_str_at(root, "detector"));
    one.title = kept(v, kt_json_str_at(root, "title"));
    one.actor = kept(v, kt_json_str_at(root, "actor"));
    take_life(v, &one);
    if (v->out.n == v->cap) {
        v->cap = v->cap == 0 ? 16 : 2 * v->cap;
        v->out.at = kt_realloc_array(v->out.at, v->cap, sizeof *v->out.at);
    }
    v->out.at[v->out.n++] = one;
    v->out.open += one.open;
    return KT_OK;
}

static int open_first(const void *pa, const void *pb)
{
    const struct kt_alerted_one *a = pa, *b = pb;
    if (a->open != b->open)
        return a->open ? -1 : 1;
    if (a->raised != b->raised)
        return a->raised > b->raised ? -1 : 1;
    return kt_str_cmp(kt_str_of(a->id), kt_str_of(b->id));
}

/* The query without what an alert does not say: actions, sessions. */
static enum kt_status parse(struct load *v, struct kt_ask *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_profile_ask what = *v->what;
    what.reads_only = false;
    if (what.kind == KT_PROFILE_SESSION)
        return KT_OK;
    if (kt_profile_query(a, &what, &text, err) != KT_OK)
        return KT_E_INPUT;
    return kt_query_parse_as(kt_buf_str(&text), a->now, a->zone_offset_s, a->ids, &v->query, err);
}

static void note_users(struct load *v)
{
    bool counts = v->what->kind == KT_PROFILE_SECRET || v->what->kind == KT_PROFILE_SESSION;
    for (uint32_t i = 0; counts && i < v->p->n[KT_PROFILE_ACTORS]; i++)
        if (v->p->list[KT_PROFILE_ACTORS][i].events > 0)
            (void)kt_map_put(v->users, v->p->list[KT_PROFILE_ACTORS][i].value, NULL);
}

enum kt_status kt_alerted_load(struct kt_ask *a, const struct kt_profile_ask *what,
                               const struct kt_profile *p, struct kt_alerted **ret,
                               struct kt_error *err)
{
    struct load *v = kt_alloc(sizeof *v);
    *v = (struct load){ .ask = a,
                        .what = what,
                        .p = p,
                        .json = kt_json_new(KT_JSON_SIMDJSON),
                        .users = kt_map_new((uint64_t)a->now),
                        .texts = kt_map_new((uint64_t)a->now) };
    note_users(v);
    enum kt_status status = parse(v, a, err);
    if (status == KT_OK)
        status = kt_lives_load(a->reader, &v->lives, err);
    if (status == KT_OK)
        status = kt_reader_alerts(a->reader, take, v, err);
    if (status != KT_OK && status != KT_E_AGAIN) {
        kt_alerted_free(&v->out);
        return status;
    }
    if (err != NULL)
        *err = (struct kt_error){ 0 };
    if (v->out.n > 1)
        qsort(v->out.at, v->out.n, sizeof *v->out.at, open_first);
    *ret = &v->out;
    return KT_OK;
}

void kt_alerted_free(struct kt_alerted *l)
{
    struct load *v = (struct load *)l;
    if (v == NULL)
        return;
    kt_query_free(v->query);
    kt_json_free(v->json);
    kt_lives_done(&v->lives);
    kt_map_free(v->users);
    kt_map_free(v->texts);
    kt_free(v->out.at);
    kt_free(v);
}
