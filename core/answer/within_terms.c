/*
 * within_terms: see the header.
 *
 * Owns:  a query for each term.
 * Calls: core/query, core/config/identities.
 * Holds: each name is judged by itself, as a record that has it and nothing else: terms are joined
 *        by AND, so a record that fits the scope fits each of them.
 */
#include "core/answer/within_terms.h"

#include "core/base/alloc.h"

enum field { ACTOR, SECRET, IP, INSTANCE, SOURCE, FIELDS };
static const char *const words[FIELDS] = { "actor:", "secret:", "ip:", "instance:", "source:" };

struct kt_within_term {
    enum field field;
    struct kt_query *query;
};
struct read {
    const struct kt_ask *a;
    struct kt_within_terms *to;
    enum kt_status status;
    struct kt_error *err;
};

/* A part that is no single term on one of the fields says nothing here. */
static void take_part(void *self, struct kt_str part, const char *use)
{
    struct read *r = self;
    struct kt_within_terms *t = r->to;
    struct kt_str term = kt_str_starts(part, KT_STR("-")) ? kt_str_from_index(part, 1) : part;
    (void)use;
    for (unsigned f = 0; f < FIELDS && r->status == KT_OK; f++) {
        struct kt_query *q = NULL;
        if (!kt_str_starts(term, kt_str_of(words[f])))
            continue;
        r->status = kt_query_parse_as(part, r->a->now, r->a->zone_offset_s, r->a->ids, &q, r->err);
        if (r->status != KT_OK)
            return;
        t->at = kt_realloc_array(t->at, t->n + 1, sizeof *t->at);
        t->at[t->n++] = (struct kt_within_term){ (enum field)f, q };
    }
}

/* As it is written: what stands for an actor is not part of its text. */
enum kt_status kt_within_terms_read(const struct kt_ask *a, struct kt_within_terms *ret,
                                    struct kt_error *err)
{
    struct kt_query *q = NULL;
    struct kt_scan scan = { 0 };
    struct read r = { .a = a, .to = ret, .err = err };
    *ret = (struct kt_within_terms){ .ids = a->ids };
    if (kt_query_parse_at(a->scope, a->now, a->zone_offset_s, &q, err) != KT_OK)
        return err == NULL ? KT_E_INPUT : err->code;
    kt_query_plan(q, &scan);
    kt_query_describe(q, take_part, &r);
    kt_query_free(q);
    return r.status;
}

void kt_within_terms_done(struct kt_within_terms *t)
{
    for (unsigned i = 0; i < t->n; i++)
        kt_query_free(t->at[i].query);
    kt_free(t->at);
    *t = (struct kt_within_terms){ 0 };
}

static bool fits(const struct kt_query *q, const struct kt_event *ev)
{
    return kt_query_matches(q, &(struct kt_record){ .ev = *ev, .arrival = 1 }, NULL);
}

/* By one of the names that sources may have written for it. */
static bool may_actor(const struct kt_within_terms *t, const struct kt_query *q,
                      const struct kt_within_names *n)
{
    const struct kt_identity *who = t->ids == NULL ? NULL : kt_identities_named(t->ids, n->actor);
    struct kt_event ev = {
        .kind = KT_KIND_ACCESS, .actor = n->actor, .source = n->source, .instance = n->instance
    };
    bool may = fits(q, &ev);
    for (unsigned i = 0; who != NULL && i < who->n_alias && !may; i++) {
        const struct kt_identity_alias *alias = &who->alias[i];
        ev.actor = kt_str_of(alias->actor);
        may = alias->glob || alias->source != NULL || alias->instance != NULL || fits(q, &ev);
    }
    return may;
}

static bool may_secrets(const struct kt_query *q, const struct kt_within_names *n)
{
    bool may = true;
    for (unsigned i = 0; i < n->n_secrets && may; i++)
        may = n->secret[i].len == 0 ||
              fits(q, &(struct kt_event){ .kind = KT_KIND_ACCESS, .secret = n->secret[i] });
    return may;
}

bool kt_within_may(const struct kt_within_terms *t, const struct kt_within_names *n)
{
    bool may = true;
    for (unsigned i = 0; i < t->n && may; i++) {
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .instance = n->instance,
                               .source = n->source };
        const struct kt_query *q = t->at[i].query;
        switch (t->at[i].field) {
        case ACTOR:
            may = n->actor.len == 0 || may_actor(t, q, n);
            break;
        case SECRET:
            may = may_secrets(q, n);
            break;
        case IP:
            ev.has_ip = kt_ip_parse(n->ip, &ev.ip);
            may = !ev.has_ip || fits(q, &ev);
            break;
        case INSTANCE:
            may = n->instance.len == 0 || fits(q, &ev);
            break;
        case SOURCE:
        case FIELDS:
            may = n->source.len == 0 || fits(q, &ev);
            break;
        }
    }
    return may;
}
