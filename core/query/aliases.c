/*
 * aliases: `actor:` with a canonical name finds what its aliases fit (DESIGN §4: applied when
 * asking, never written into columns).
 *
 * Owns:  nothing; what it adds lies in the query.
 * Calls: core/config/identities, core/query.
 * Holds: an alias that is meant for some sources only is asked for together with them.
 */
#include <string.h>

#include "core/query/terms.h"

static enum kt_status add_value(struct kt_query *q, struct kt_term *t, const char *text,
                                struct kt_error *err)
{
    struct kt_value *v = NULL;
    if (kt_query_new_value(q, t, &v, err) != KT_OK)
        return err->code;
    *v = (struct kt_value){ .text = kt_arena_str(&q->arena, kt_str_of(text)),
                            .glob = strchr(text, '*') != NULL };
    return KT_OK;
}

/* A term of one value under node, which is an AND. */
static enum kt_status add_term(struct kt_query *q, unsigned node, const char *field,
                               const char *value, struct kt_error *err)
{
    struct kt_term *t = NULL;
    unsigned child = 0;
    if (value == NULL)
        return KT_OK;
    if (kt_query_new_term(q, &t, err) != KT_OK || add_value(q, t, value, err) != KT_OK ||
        kt_query_new_node(q, KT_NODE_TERM, &child, err) != KT_OK)
        return err->code;
    t->field = kt_field_of(kt_str_of(field));
    q->node[child].term = (unsigned)(t - q->term);
    q->node[child].text = kt_arena_fmt(&q->arena, "%s:%s", field, value);
    kt_query_adopt(q, node, child);
    return KT_OK;
}

static bool is_limited(const struct kt_identity_alias *a)
{
    return a->source != NULL || a->instance != NULL;
}

/* Aliases for everywhere are further values of the term. */
static enum kt_status add_plain(struct kt_query *q, struct kt_term *t,
                                const struct kt_identity *who, struct kt_error *err)
{
    for (unsigned i = 0; i < who->n_alias; i++)
        if (!is_limited(&who->alias[i]) && add_value(q, t, who->alias[i].actor, err) != KT_OK)
            return err->code;
    return KT_OK;
}

static bool same_word(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_limits(const struct kt_identity_alias *a, const struct kt_identity_alias *b)
{
    return same_word(a->source, b->source) && same_word(a->instance, b->instance);
}

static bool is_first_of_its_limits(const struct kt_identity *who, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (same_limits(&who->alias[k], &who->alias[i]))
            return false;
    return true;
}

/* The names from number i on that are meant for the same sources: values of one term. */
static enum kt_status add_actors(struct kt_query *q, unsigned node, const struct kt_identity *who,
                                 unsigned i, struct kt_error *err)
{
    if (add_term(q, node, "actor", who->alias[i].actor, err) != KT_OK)
        return err->code;
    struct kt_term *t = &q->term[q->n_terms - 1];
    for (unsigned k = i + 1; k < who->n_alias; k++)
        if (same_limits(&who->alias[k], &who->alias[i]) &&
            add_value(q, t, who->alias[k].actor, err) != KT_OK)
            return err->code;
    return KT_OK;
}

static enum kt_status add_limited(struct kt_query *q, unsigned either,
                                  const struct kt_identity *who, struct kt_error *err)
{
    for (unsigned i = 0; i < who->n_alias; i++) {
        const struct kt_identity_alias *a = &who->alias[i];
        unsigned all = 0;
        if (!is_limited(a) || !is_first_of_its_limits(who, i))
            continue;
        if (kt_query_new_node(q, KT_NODE_AND, &all, err) != KT_OK ||
            add_actors(q, all, who, i, err) != KT_OK ||
            add_term(q, all, "source", a->source, err) != KT_OK ||
            add_term(q, all, "instance", a->instance, err) != KT_OK)
            return err->code;
        kt_query_adopt(q, either, all);
    }
    return KT_OK;
}

/* Whom value number i of the term names; NULL: nobody, or a pattern. */
static const struct kt_identity *named(const struct kt_query *q, const struct kt_identities *ids,
                                       const struct kt_term *t, unsigned i)
{
    const struct kt_value *v = &q->values[t->value + i];
    return v->any || v->glob ? NULL : kt_identities_named(ids, v->text);
}

static unsigned limited_of(const struct kt_identity *who)
{
    unsigned n = 0;
    for (unsigned i = 0; i < who->n_alias; i++)
        n += is_limited(&who->alias[i]);
    return n;
}

enum kt_status kt_query_expand(struct kt_query *q, const struct kt_identities *ids, unsigned *node,
                               struct kt_error *err)
{
    struct kt_term *t = &q->term[q->node[*node].term];
    unsigned written = t->n, limited = 0, either = 0;
    if (t->field == NULL || strcmp(t->field->name, "actor") != 0)
        return KT_OK;
    for (unsigned i = 0; i < written; i++) {
        const struct kt_identity *who = named(q, ids, t, i);
        if (who != NULL && add_plain(q, t, who, err) != KT_OK)
            return err->code;
        limited += who != NULL ? limited_of(who) : 0;
    }
    if (t->n > written)
        q->node[*node].text =
            kt_arena_fmt(&q->arena, KT_STR_FMT " (and %u alias%s)", KT_STR_ARG(q->node[*node].text),
                         t->n - written, t->n - written == 1 ? "" : "es");
    if (limited == 0)
        return KT_OK;
    if (kt_query_new_node(q, KT_NODE_OR, &either, err) != KT_OK)
        return err->code;
    kt_query_adopt(q, either, *node);
    for (unsigned i = 0; i < written; i++) {
        const struct kt_identity *who = named(q, ids, t, i);
        if (who != NULL && add_limited(q, either, who, err) != KT_OK)
            return err->code;
    }
    *node = either;
    return KT_OK;
}
