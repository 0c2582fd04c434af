/*
 * sigma_correlate: what a correlation asks for: how many events, or which rules together, of one
 * group within a time. Source: sigma-specification,
 * specification/sigma-correlation-rules-specification.md.
 *
 * Owns:  the tables of types and conditions.
 * Calls: core/config (trees). No I/O.
 * Holds: the rules it names are looked up when the set is closed (sigma_set.c).
 */
#include <string.h>

#include "detectors/sigma.h"

#define SPAN_MAX (30 * KT_NS_DAY)

static const char *const types[KT_SIGMA_TYPES] = {
    [KT_SIGMA_EVENT_COUNT] = "event_count",
    [KT_SIGMA_VALUE_COUNT] = "value_count",
    [KT_SIGMA_TEMPORAL] = "temporal",
    [KT_SIGMA_TEMPORAL_ORDERED] = "temporal_ordered",
};

static enum kt_status take_keys(const struct kt_sigma_rule *r, const struct kt_node *map,
                                struct kt_error *err)
{
    static const char *const keys[] = { "type",      "rules",   "group-by", "timespan",
                                        "condition", "aliases", "generate" };
    for (const struct kt_node *n = map->first; n != NULL; n = n->next) {
        struct kt_near near = kt_near_of(n->key);
        bool known = false;
        for (size_t i = 0; i < KT_ARRAY_LEN(keys); i++) {
            known = known || kt_str_is(n->key, keys[i]);
            kt_near_try(&near, keys[i]);
        }
        if (!known)
            return kt_key_fail(r->yaml, n, err, "a correlation has no key '" KT_STR_FMT "'%s%s%s",
                               KT_STR_ARG(kt_str_sub(n->key, 0, 60)),
                               near.name != NULL ? ", did you mean '" : "",
                               near.name != NULL ? near.name : "", near.name != NULL ? "'?" : "");
    }
    return KT_OK;
}

static enum kt_status take_type(const struct kt_sigma_rule *r, const struct kt_node *map,
                                struct kt_sigma_correlation *c, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(map, "type");
    if (n == NULL)
        return kt_key_fail(r->yaml, map, err, "'type' is missing");
    for (unsigned i = 0; n->type == KT_NODE_SCALAR && i < KT_SIGMA_TYPES; i++) {
        if (kt_str_is(n->scalar, types[i])) {
            c->type = (enum kt_sigma_type)i;
            return KT_OK;
        }
    }
    return kt_node_fail(r->yaml, n, err,
                        "'type' is not one of event_count, value_count, temporal, "
                        "temporal_ordered");
}

/* A list of words, or one word. */
static enum kt_status take_list(const struct kt_sigma_rule *r, const struct kt_node *n,
                                struct kt_str *ret, unsigned max, unsigned *ret_n,
                                struct kt_error *err)
{
    bool list = n->type == KT_NODE_LIST;
    *ret_n = 0;
    for (const struct kt_node *e = list ? n->first : n; e != NULL; e = list ? e->next : NULL) {
        if (kt_node_expect(r->yaml, e, KT_NODE_SCALAR, err) != KT_OK)
            return KT_E_CONFIG;
        if (*ret_n == max)
            return kt_node_fail(r->yaml, e, err, "more than %u entries in '" KT_STR_FMT "'", max,
                                KT_STR_ARG(n->key));
        ret[(*ret_n)++] = e->scalar;
    }
    return KT_OK;
}

/* "5m": seconds, minutes, hours or days. */
static enum kt_status take_span(const struct kt_sigma_rule *r, const struct kt_node *map,
                                struct kt_sigma_correlation *c, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(map, "timespan");
    struct kt_error why = { 0 };
    if (n == NULL)
        return kt_key_fail(r->yaml, map, err, "'timespan' is missing");
    bool unit = n->type == KT_NODE_SCALAR && n->scalar.len > 1 &&
                kt_str_find_byte(KT_STR("smhd"), n->scalar.at[n->scalar.len - 1], 0) >= 0;
    if (!unit || kt_duration_parse(n->scalar, &c->span, &why) != KT_OK || c->span <= 0)
        return kt_node_fail(r->yaml, n, err, "'timespan' is a number and s, m, h or d: 5m");
    if (c->span > SPAN_MAX)
        return kt_node_fail(r->yaml, n, err, "'timespan' is at most 30d");
    return KT_OK;
}

static enum kt_status take_bound(const struct kt_sigma_rule *r, const struct kt_node *n,
                                 struct kt_sigma_correlation *c, struct kt_error *err)
{
    static const char *const backwards[] = { "lt", "lte", "neq", "eq" };
    for (size_t i = 0; i < KT_ARRAY_LEN(backwards); i++) {
        if (kt_str_is(n->key, backwards[i]))
            return kt_key_fail(r->yaml, n, err,
                               "condition '%s' is not supported: while events come in, a count "
                               "only grows: write gte or gt",
                               backwards[i]);
    }
    bool gt = kt_str_is(n->key, "gt");
    if (!gt && !kt_str_is(n->key, "gte"))
        return kt_key_fail(r->yaml, n, err, "a condition has no key '" KT_STR_FMT "'",
                           KT_STR_ARG(kt_str_sub(n->key, 0, 60)));
    if (c->at_least != 0)
        return kt_key_fail(r->yaml, n, err, "a condition has one bound");
    uint64_t v = 0;
    if (n->type != KT_NODE_SCALAR || !kt_str_u64(n->scalar, &v) || v + gt < 1 ||
        v + gt > KT_RULE_WINDOW_MAX)
        return kt_node_fail(r->yaml, n, err, "a count is 1 to %u", KT_RULE_WINDOW_MAX);
    c->at_least = v + gt;
    return KT_OK;
}

static enum kt_status take_condition(const struct kt_sigma_rule *r, const struct kt_node *map,
                                     struct kt_sigma_correlation *c, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(map, "condition");
    bool counts = c->type == KT_SIGMA_EVENT_COUNT || c->type == KT_SIGMA_VALUE_COUNT;
    if (n == NULL)
        return counts ? kt_key_fail(r->yaml, map, err, "'condition' is missing") : KT_OK;
    if (kt_node_expect(r->yaml, n, KT_NODE_MAP, err) != KT_OK)
        return KT_E_CONFIG;
    for (const struct kt_node *e = n->first; e != NULL; e = e->next) {
        bool field = kt_str_is(e->key, "field");
        if (field && kt_node_expect(r->yaml, e, KT_NODE_SCALAR, err) != KT_OK)
            return KT_E_CONFIG;
        if (field)
            c->counted = e->scalar;
        else if (take_bound(r, e, c, err) != KT_OK)
            return KT_E_CONFIG;
    }
    if (c->at_least == 0)
        return kt_key_fail(r->yaml, n, err, "the condition has no 'gte' or 'gt'");
    if (!counts && c->at_least > c->n_rules)
        return kt_key_fail(r->yaml, n, err, "'%s' counts its rules, and there are %u",
                           types[c->type], c->n_rules);
    if (c->type == KT_SIGMA_TEMPORAL_ORDERED && c->at_least < c->n_rules)
        return kt_key_fail(r->yaml, n, err, "'temporal_ordered' means all of its rules");
    if ((c->counted.len > 0) != (c->type == KT_SIGMA_VALUE_COUNT))
        return kt_key_fail(r->yaml, n, err, "'field' belongs to value_count, which needs it");
    return KT_OK;
}

/* aliases: {name: {rule: field, …}} */
static enum kt_status take_aliases(const struct kt_sigma_rule *r, const struct kt_node *map,
                                   struct kt_sigma_correlation *c, struct kt_error *err)
{
    c->aliases = kt_node_get(map, "aliases");
    if (c->aliases == NULL)
        return KT_OK;
    if (kt_node_expect(r->yaml, c->aliases, KT_NODE_MAP, err) != KT_OK)
        return KT_E_CONFIG;
    for (const struct kt_node *a = c->aliases->first; a != NULL; a = a->next) {
        if (kt_node_expect(r->yaml, a, KT_NODE_MAP, err) != KT_OK)
            return KT_E_CONFIG;
        for (const struct kt_node *f = a->first; f != NULL; f = f->next)
            if (kt_node_expect(r->yaml, f, KT_NODE_SCALAR, err) != KT_OK)
                return KT_E_CONFIG;
    }
    return KT_OK;
}

enum kt_status kt_sigma_correlation(struct kt_sigma_rule *r, const struct kt_node *n,
                                    struct kt_error *err)
{
    if (kt_node_expect(r->yaml, n, KT_NODE_MAP, err) != KT_OK || take_keys(r, n, err) != KT_OK)
        return KT_E_CONFIG;
    struct kt_sigma_correlation *c = r->correlation = kt_yaml_keep(r->yaml, sizeof *c);
    const struct kt_node *rules = kt_node_get(n, "rules"), *by = kt_node_get(n, "group-by"),
                         *generate = kt_node_get(n, "generate");
    if (generate == NULL) /* beside the correlation, or inside it */
        generate = kt_node_get(kt_yaml_root(r->yaml), "generate");
    if (rules == NULL)
        return kt_key_fail(r->yaml, n, err, "'rules' is missing");
    if (take_type(r, n, c, err) != KT_OK ||
        take_list(r, rules, c->ref, KT_SIGMA_TOGETHER, &c->n_rules, err) != KT_OK ||
        (by != NULL && take_list(r, by, c->group, KT_SIGMA_GROUPS, &c->n_groups, err) != KT_OK) ||
        take_span(r, n, c, err) != KT_OK || take_condition(r, n, c, err) != KT_OK ||
        take_aliases(r, n, c, err) != KT_OK)
        return KT_E_CONFIG;
    bool together = c->type == KT_SIGMA_TEMPORAL || c->type == KT_SIGMA_TEMPORAL_ORDERED;
    if (c->n_rules < (together ? 2u : 1u))
        return kt_key_fail(r->yaml, rules, err, "'%s' needs %s", types[c->type],
                           together ? "two rules" : "a rule");
    if (generate != NULL) {
        c->generate = kt_str_is(generate->scalar, "true");
        if (!c->generate && !kt_str_is(generate->scalar, "false"))
            return kt_node_fail(r->yaml, generate, err, "'generate' takes true or false");
    }
    return KT_OK;
}
