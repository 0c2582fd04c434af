/*
 * within: see the header.
 *
 * Owns:  the list of ids.
 * Calls: core/answer (ask, evidence), core/event/json, core/query, core/store/read. No clock.
 */
#include "core/answer/within.h"

#include "core/answer/evidence.h"
#include "core/base/alloc.h"
#include "core/event/json.h"

#define SECRETS_MAX 8u /* that an alert names */

struct load {
    struct kt_within out;
    struct kt_ask all; /* the same without the scope: what does not fit must be met */
    struct kt_query *scope;
    struct kt_json *json;
    uint32_t looked, cap;
};
struct claim { /* what one alert says of its records, and what of that was found in them */
    struct load *l;
    struct kt_evidence what;
    struct kt_str secret[SECRETS_MAX];
    unsigned n_secrets;
    bool actor, ip, instance, has_secret[SECRETS_MAX];
    bool outside; /* some record does not fit the scope */
};

void kt_within_done(struct kt_within *w)
{
    kt_free(w->id);
    *w = (struct kt_within){ 0 };
}

bool kt_within_tells(const struct kt_ask *a, struct kt_str id)
{
    bool has = a->scope.len == 0;
    for (uint32_t i = 0; a->told != NULL && i < a->told->n && !has; i++)
        has = kt_str_is(id, a->told->id[i]);
    return has;
}

/* ---- what it says ---- */

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
    c->what.actor = kt_json_str_at(root, "actor");
    c->what.ip = kt_json_str_at(root, "ip");
    c->what.instance = kt_json_str_at(root, "instance");
    return !kt_json_bool(kt_json_at(root, "test"), false) &&
           kt_json_str_at(root, "merged_into").len == 0 &&
           kt_json_i64(kt_json_at(root, "first"), &c->what.first) &&
           kt_json_i64(kt_json_at(root, "last"), &c->what.last) &&
           take_list(root, "events", "events_count", c->what.id, KT_EVIDENCE_MAX, &c->what.n) &&
           take_list(root, "secrets", "secrets_count", c->secret, SECRETS_MAX, &c->n_secrets) &&
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
    for (unsigned k = 0; k < c->n_secrets; k++)
        c->has_secret[k] = c->has_secret[k] || kt_str_eq(c->secret[k], e->secret);
    return KT_OK;
}

static bool is_proven(const struct claim *c, unsigned found)
{
    bool is = !c->outside && found == c->what.n && (c->actor || c->what.actor.len == 0) &&
              (c->ip || c->what.ip.len == 0) && (c->instance || c->what.instance.len == 0);
    for (unsigned k = 0; k < c->n_secrets; k++)
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
    if (l->looked++ == KT_WITHIN_MAX)
        return KT_E_AGAIN;
    if (kt_json_parse(l->json, json, &root, &repaired, NULL) != KT_OK || !read_claim(root, &c))
        return KT_OK;
    enum kt_status status = kt_evidence_find(&l->all, &c.what, true, take_record, &c, &found, err);
    if (status != KT_OK)
        return status;
    if (!is_proven(&c, found))
        return KT_OK;
    if (l->out.n == l->cap) {
        l->cap = l->cap == 0 ? 16 : 2 * l->cap;
        l->out.id = kt_realloc_array(l->out.id, l->cap, sizeof *l->out.id);
    }
    kt_str_copyz(l->out.id[l->out.n++], sizeof *l->out.id, kt_str_of(id));
    return KT_OK;
}

enum kt_status kt_within_load(struct kt_ask *a, struct kt_within *ret, struct kt_error *err)
{
    struct load l = { .all = *a, .json = kt_json_new(KT_JSON_SIMDJSON) };
    l.all.scope = KT_STR_NONE;
    l.all.until_seq = 0;
    enum kt_status status = kt_ask_query(a, KT_STR_NONE, &l.scope, err);
    if (status == KT_OK)
        status = kt_reader_alerts(a->reader, take_alert, &l, err);
    if (status == KT_E_AGAIN)
        status = KT_OK;
    kt_query_free(l.scope);
    kt_json_free(l.json);
    if (status != KT_OK) {
        kt_within_done(&l.out);
        return status;
    }
    if (err != NULL)
        *err = (struct kt_error){ 0 };
    *ret = l.out;
    return KT_OK;
}
