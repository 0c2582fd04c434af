/*
 * within: see the header.
 *
 * Owns:  the verdicts.
 * Calls: core/answer (ask, evidence), core/base/hash, core/event/json, core/query,
 *        core/store/read. No clock.
 */
#include "core/answer/within.h"

#include <stdlib.h>
#include <string.h>

#include "core/answer/evidence.h"
#include "core/answer/within_terms.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

struct load {
    struct kt_within out;
    const struct kt_within *before;
    struct kt_ask all; /* the same without the scope: what does not fit must be met */
    struct kt_query *scope;
    struct kt_within_terms terms;
    struct kt_json *json;
    uint32_t looked, cap;
};
struct claim { /* what one alert says of its records, and what of that was found in them */
    struct load *l;
    struct kt_evidence what;
    struct kt_within_names names;
    bool actor, ip, instance, source, has_secret[KT_WITHIN_SECRETS];
    bool outside; /* some record does not fit the scope */
};

void kt_within_done(struct kt_within *w)
{
    if (w->of != NULL && w->of->told == w)
        w->of->told = NULL;
    kt_free(w->at);
    *w = (struct kt_within){ 0 };
}

/* ---- verdicts ---- */

static int by_id(const void *a, const void *b)
{
    const struct kt_within_verdict *x = a, *y = b;
    return strcmp(x->id, y->id);
}

static void hash_of(struct kt_str document, struct kt_within_verdict *ret)
{
    kt_blake2b(&document, 1, ret->document, sizeof ret->document);
}

/* Of this very document; NULL: it was not judged. */
static const struct kt_within_verdict *find(const struct kt_within *w, struct kt_str id,
                                            struct kt_str document)
{
    struct kt_within_verdict key = { 0 };
    if (w == NULL || w->n == 0 || id.len >= sizeof key.id)
        return NULL;
    kt_str_copyz(key.id, sizeof key.id, id);
    const struct kt_within_verdict *v = bsearch(&key, w->at, w->n, sizeof *w->at, by_id);
    if (v == NULL)
        return NULL;
    hash_of(document, &key);
    return memcmp(v->document, key.document, sizeof key.document) == 0 ? v : NULL;
}

bool kt_within_tells(const struct kt_ask *a, struct kt_str id, struct kt_str document)
{
    if (a->scope.len == 0)
        return true;
    const struct kt_within_verdict *v = find(a->told, id, document);
    return v != NULL && v->in;
}

bool kt_within_hides(const struct kt_ask *a, struct kt_jval root)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "parts"));
    struct kt_str key;
    struct kt_jval part;
    bool is = false;
    if (!a->no_canaries && a->scope.len == 0)
        return false;
    while (!is && kt_json_next(&it, &key, &part))
        is = kt_str_is(kt_json_str_at(part, "detector"), KT_CANARIES_BY);
    return is;
}

static void add(struct load *l, const struct kt_within_verdict *v)
{
    if (l->out.n == l->cap) {
        l->cap = l->cap == 0 ? 16 : 2 * l->cap;
        l->out.at = kt_realloc_array(l->out.at, l->cap, sizeof *l->out.at);
    }
    l->out.at[l->out.n++] = *v;
}

/* Not all at once are judged again: when, is as their documents have it. */
static void add_new(struct load *l, struct kt_str id, struct kt_str document, bool in)
{
    struct kt_within_verdict v = { .in = in };
    kt_str_copyz(v.id, sizeof v.id, id);
    hash_of(document, &v);
    v.until = l->all.now + KT_WITHIN_FOR / 2 + KT_WITHIN_FOR / 2 / 256 * v.document[0];
    add(l, &v);
    l->out.proven++;
}

/* ---- what an alert says ---- */

/* The texts of a list; false: more than there is room for, or than the document counts. */
static bool take_list(struct kt_jval root, const char *name, const char *count, struct kt_str *to,
                      unsigned room, unsigned *ret_n)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, name));
    struct kt_str key;
    struct kt_jval item;
    int64_t counted = -1;
    *ret_n = 0;
    while (kt_json_next(&it, &key, &item)) {
        if (*ret_n == room)
            return false;
        to[(*ret_n)++] = kt_json_str(item);
    }
    return kt_json_i64(kt_json_at(root, count), &counted) && counted == (int64_t)*ret_n;
}

/* What another alert took over is told there, of more records. */
static bool read_claim(struct kt_jval root, struct claim *c)
{
    struct kt_within_names *n = &c->names;
    n->actor = c->what.actor = kt_json_str_at(root, "actor");
    n->ip = c->what.ip = kt_json_str_at(root, "ip");
    n->instance = c->what.instance = kt_json_str_at(root, "instance");
    n->source = kt_json_str_at(root, "source");
    return !kt_json_bool(kt_json_at(root, "test"), false) &&
           kt_json_str_at(root, "merged_into").len == 0 &&
           kt_json_i64(kt_json_at(root, "first"), &c->what.first) &&
           kt_json_i64(kt_json_at(root, "last"), &c->what.last) &&
           take_list(root, "events", "events_count", c->what.id, KT_EVIDENCE_MAX, &c->what.n) &&
           take_list(root, "secrets", "secrets_count", n->secret, KT_WITHIN_SECRETS,
                     &n->n_secrets) &&
           c->what.n > 0;
}

/* ---- what is found ---- */

static enum kt_status take_record(void *self, unsigned i, const struct kt_record *r,
                                  const struct kt_fact *fact, struct kt_error *err)
{
    struct claim *c = self;
    const struct kt_event *e = &r->ev;
    char ip[KT_IP_TEXT_MAX];
    (void)i;
    if (!kt_query_matches(c->l->scope, r, fact)) {
        c->outside = true;
        return kt_fail(err, KT_E_AGAIN, "enough is known");
    }
    struct kt_str actor = kt_ask_actor(&c->l->all, e->actor, e->source, e->instance);
    struct kt_str address = e->has_ip ? kt_str_of(kt_ip_format(e->ip, ip)) : KT_STR_NONE;
    c->actor = c->actor || kt_str_eq(c->what.actor, actor);
    c->ip = c->ip || kt_str_eq(c->what.ip, address);
    c->instance = c->instance || kt_str_eq(c->what.instance, e->instance);
    c->source = c->source || kt_str_eq(c->names.source, e->source);
    for (unsigned k = 0; k < c->names.n_secrets; k++)
        c->has_secret[k] = c->has_secret[k] || kt_str_eq(c->names.secret[k], e->secret);
    return KT_OK;
}

static bool is_proven(const struct claim *c, unsigned found)
{
    bool is = !c->outside && found == c->what.n && (c->actor || c->what.actor.len == 0) &&
              (c->ip || c->what.ip.len == 0) && (c->instance || c->what.instance.len == 0) &&
              (c->source || c->names.source.len == 0);
    for (unsigned k = 0; k < c->names.n_secrets; k++)
        is = is && c->has_secret[k];
    return is;
}

static enum kt_status take_alert(void *self, const char *id, struct kt_str json,
                                 struct kt_error *err)
{
    struct load *l = self;
    struct claim c = { .l = l };
    struct kt_jval root;
    unsigned repaired, found = 0;
    if (l->all.give_up != NULL && l->all.give_up(l->all.give_up_self))
        return kt_fail(err, KT_E_LIMIT, "the alerts took too long to read: ask again");
    if (kt_json_parse(l->json, json, &root, &repaired, NULL) != KT_OK || !read_claim(root, &c) ||
        !kt_within_may(&l->terms, &c.names))
        return KT_OK;
    if (l->looked++ == KT_WITHIN_MAX)
        return KT_E_AGAIN;
    const struct kt_within_verdict *known = find(l->before, kt_str_of(id), json);
    if (known != NULL && known->until > l->all.now && known->until - l->all.now <= KT_WITHIN_FOR) {
        add(l, known);
        return KT_OK;
    }
    enum kt_status status = kt_evidence_find(&l->all, &c.what, true, take_record, &c, &found, err);
    if (status == KT_OK)
        add_new(l, kt_str_of(id), json, is_proven(&c, found));
    return status;
}

/* ---- all of them ---- */

/* Of a walk that ended early: what was known of those behind it. */
static void keep_rest(struct load *l)
{
    uint32_t n = l->out.n;
    for (uint32_t i = 0; i < l->before->n && l->out.n < 2 * KT_WITHIN_MAX; i++) {
        const struct kt_within_verdict *v = &l->before->at[i];
        if (n == 0 || bsearch(v, l->out.at, n, sizeof *v, by_id) == NULL)
            add(l, v);
    }
}

static void sort(struct kt_within *w)
{
    if (w->n > 1)
        qsort(w->at, w->n, sizeof *w->at, by_id);
}

enum kt_status kt_within_load(struct kt_ask *a, const struct kt_within *before,
                              struct kt_within *ret, struct kt_error *err)
{
    struct load l = { .before = before, .all = *a, .json = kt_json_new(KT_JSON_SIMDJSON) };
    l.all.scope = KT_STR_NONE;
    l.all.until_seq = 0;
    enum kt_status status = kt_ask_query(a, KT_STR_NONE, &l.scope, err);
    if (status == KT_OK)
        status = kt_within_terms_read(a, &l.terms, err);
    if (status == KT_OK)
        status = kt_reader_alerts(a->reader, take_alert, &l, err);
    if (status == KT_E_AGAIN)
        status = KT_OK;
    sort(&l.out);
    if (status != KT_OK) {
        keep_rest(&l);
        sort(&l.out);
    } else if (err != NULL) {
        *err = (struct kt_error){ 0 };
    }
    kt_query_free(l.scope);
    kt_within_terms_done(&l.terms);
    kt_json_free(l.json);
    *ret = l.out;
    return status;
}
