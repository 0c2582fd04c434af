/*
 * sigma_value: one entry of a selection, "field|modifier: values", to a test.
 * Source: sigma-specification, specification/sigma-appendix-modifiers.md.
 *
 * Owns:  the tables of modifiers.
 * Calls: core, sigma_fields. No clock, no I/O.
 * Holds: a modifier that changes what is meant and is not done here refuses the rule.
 */
#include <string.h>

#include "detectors/sigma.h"

#define ANY_BYTES KT_SIGMA_ANY_BYTES
#define ONE_CHAR  KT_SIGMA_ONE_CHAR
#define MODIFIERS 6

enum modifier_kind { HOW, ALL, CASED, LETTERS, LINES, DOTS };
static const struct modifier {
    const char *name;
    enum modifier_kind kind;
    enum kt_sigma_how how;
} modifiers[] = {
    { "contains", HOW, KT_SIGMA_CONTAINS }, { "startswith", HOW, KT_SIGMA_STARTS },
    { "endswith", HOW, KT_SIGMA_ENDS },     { "re", HOW, KT_SIGMA_REGEX },
    { "cidr", HOW, KT_SIGMA_CIDR },         { "gt", HOW, KT_SIGMA_GT },
    { "gte", HOW, KT_SIGMA_GTE },           { "lt", HOW, KT_SIGMA_LT },
    { "lte", HOW, KT_SIGMA_LTE },           { "exists", HOW, KT_SIGMA_EXISTS },
    { "fieldref", HOW, KT_SIGMA_FIELD },    { "all", ALL, KT_SIGMA_EQUALS },
    { "cased", CASED, KT_SIGMA_EQUALS },    { "i", LETTERS, KT_SIGMA_EQUALS },
    { "m", LINES, KT_SIGMA_EQUALS },        { "s", DOTS, KT_SIGMA_EQUALS },
};
/* Known to Sigma, and why not here. */
static const struct {
    const char *name, *why;
} refused[] = {
    { "base64", "values in base64 are not searched in records of secrets" },
    { "base64offset", "values in base64 are not searched in records of secrets" },
    { "wide", "records are UTF-8" },
    { "utf16", "records are UTF-8" },
    { "utf16le", "records are UTF-8" },
    { "utf16be", "records are UTF-8" },
    { "windash", "it is about command lines of Windows" },
    { "expand", "placeholders have no values here: write the values out" },
    { "neq", "write it as a selection of its own and 'not' in the condition" },
    { "minute", "parts of a time cannot be asked: unusual_time knows each actor's hours" },
    { "hour", "parts of a time cannot be asked: unusual_time knows each actor's hours" },
    { "day", "parts of a time cannot be asked: unusual_time knows each actor's hours" },
    { "week", "parts of a time cannot be asked: unusual_time knows each actor's hours" },
    { "month", "parts of a time cannot be asked: unusual_time knows each actor's hours" },
    { "year", "parts of a time cannot be asked: unusual_time knows each actor's hours" },
};

struct asked { /* what the modifiers of a key ask for */
    enum kt_sigma_how how, with;
    bool has_how, all, cased;
    unsigned regex;
};

static const struct modifier *modifier_of(struct kt_str word, struct kt_near *near)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(modifiers); i++) {
        if (kt_str_is(word, modifiers[i].name))
            return &modifiers[i];
        kt_near_try(near, modifiers[i].name);
    }
    return NULL;
}

static enum kt_status take_how(const struct kt_sigma_rule *r, const struct kt_node *key,
                               enum kt_sigma_how how, struct asked *a, struct kt_error *err)
{
    bool text = how == KT_SIGMA_CONTAINS || how == KT_SIGMA_STARTS || how == KT_SIGMA_ENDS;
    bool had_text = a->has_how && (a->how == KT_SIGMA_CONTAINS || a->how == KT_SIGMA_STARTS ||
                                   a->how == KT_SIGMA_ENDS);
    if (!a->has_how) {
        a->how = how;
    } else if (had_text && how == KT_SIGMA_FIELD) { /* field|startswith|fieldref in either order */
        a->with = a->how;
        a->how = how;
    } else if (text && a->how == KT_SIGMA_FIELD) {
        a->with = how;
    } else {
        return kt_key_fail(r->yaml, key, err, "'" KT_STR_FMT "': two ways to compare at once",
                           KT_STR_ARG(key->key));
    }
    a->has_how = true;
    return KT_OK;
}

static enum kt_status take_modifier(const struct kt_sigma_rule *r, const struct kt_node *key,
                                    struct kt_str word, struct asked *a, struct kt_error *err)
{
    struct kt_near near = kt_near_of(word);
    const struct modifier *m = modifier_of(word, &near);
    for (size_t i = 0; m == NULL && i < KT_ARRAY_LEN(refused); i++) {
        if (kt_str_is(word, refused[i].name))
            return kt_key_fail(r->yaml, key, err, "modifier '%s' is not supported: %s",
                               refused[i].name, refused[i].why);
    }
    if (m == NULL)
        return kt_key_fail(r->yaml, key, err, "unknown modifier '" KT_STR_FMT "'%s%s%s",
                           KT_STR_ARG(kt_str_sub(word, 0, 40)),
                           near.name != NULL ? ", did you mean '" : "",
                           near.name != NULL ? near.name : "", near.name != NULL ? "'?" : "");
    switch (m->kind) {
    case HOW:
        return take_how(r, key, m->how, a, err);
    case ALL:
        a->all = true;
        return KT_OK;
    case CASED:
        a->cased = true;
        return KT_OK;
    case LETTERS:
    case LINES:
    case DOTS:
        break;
    }
    if (a->how != KT_SIGMA_REGEX)
        return kt_key_fail(r->yaml, key, err, "modifier '%s' stands behind 're' alone", m->name);
    a->regex |= m->kind == LETTERS ? KT_REGEX_ANY_CASE
                : m->kind == LINES ? KT_REGEX_LINES
                                   : KT_REGEX_DOT_LINES;
    return KT_OK;
}

/* ---- values to compare with ---- */

/* `*` and `?` become single bytes; a backslash takes their meaning away, and its own. */
static enum kt_status take_text(const struct kt_sigma_rule *r, const struct kt_node *n,
                                struct kt_sigma_value *ret, bool *ret_wild, struct kt_error *err)
{
    char *to = kt_yaml_keep(r->yaml, n->scalar.len + 3);
    size_t len = 0;
    *ret_wild = false;
    for (size_t i = 0; i < n->scalar.len; i++) {
        char c = n->scalar.at[i], next = i + 1 < n->scalar.len ? n->scalar.at[i + 1] : '\0';
        if (c == ANY_BYTES || c == ONE_CHAR)
            return kt_node_fail(r->yaml, n, err, "control characters cannot be asked for");
        if (c == '\\' && (next == '*' || next == '?' || next == '\\')) {
            to[len++] = next;
            i++;
        } else if (c == '*' || c == '?') {
            *ret_wild = true;
            to[len++] = c == '*' ? ANY_BYTES : ONE_CHAR;
        } else {
            to[len++] = c;
        }
    }
    ret->text = kt_str_from(to, len);
    return KT_OK;
}

/* Stars at the ends alone are a way to compare; contains and the like with others become a glob. */
static void settle(const struct kt_sigma_rule *r, struct kt_sigma_value *v, bool wild)
{
    if (!wild)
        return;
    char *to = kt_yaml_keep(r->yaml, v->text.len + 3);
    size_t n = 0;
    if (v->how == KT_SIGMA_CONTAINS || v->how == KT_SIGMA_ENDS)
        to[n++] = ANY_BYTES;
    memcpy(to + n, v->text.at, v->text.len);
    n += v->text.len;
    if (v->how == KT_SIGMA_CONTAINS || v->how == KT_SIGMA_STARTS)
        to[n++] = ANY_BYTES;
    bool first = to[0] == ANY_BYTES, last = n > 1 && to[n - 1] == ANY_BYTES;
    size_t inner = n - first - last;
    bool plain = inner > 0 && memchr(to + first, ANY_BYTES, inner) == NULL &&
                 memchr(to + first, ONE_CHAR, inner) == NULL;
    v->how = !plain          ? KT_SIGMA_GLOB
             : first && last ? KT_SIGMA_CONTAINS
             : first         ? KT_SIGMA_ENDS
                             : KT_SIGMA_STARTS;
    v->text = plain ? kt_str_from(to + first, inner) : kt_str_from(to, n);
}

static enum kt_status take_regex(const struct kt_sigma_rule *r, const struct kt_node *n,
                                 unsigned flags, struct kt_sigma_budget *b,
                                 struct kt_sigma_value *ret, struct kt_error *err)
{
    struct kt_error why = { 0 };
    if (b->regexes == KT_RULES_REGEX_MAX)
        return kt_node_fail(r->yaml, n, err, "more than %u expressions in all rules",
                            KT_RULES_REGEX_MAX);
    if (kt_regex_new(n->scalar, flags, &ret->regex, &why) != KT_OK)
        return kt_node_fail(r->yaml, n, err, "expression: %s", why.text);
    kt_yaml_own(r->yaml, ret->regex, (void (*)(void *))kt_regex_free);
    b->regexes++;
    return KT_OK;
}

static enum kt_status take_other(struct kt_sigma_rule *r, const struct kt_node *n,
                                 struct kt_sigma_value *ret, struct kt_error *err)
{
    struct kt_error why = { 0 };
    if (ret->how == KT_SIGMA_CIDR) {
        if (kt_cidr_parse(n->scalar, &ret->net, &why) == KT_OK)
            return KT_OK;
        return kt_node_fail(r->yaml, n, err, "%s", why.text);
    }
    if (ret->how == KT_SIGMA_FIELD) {
        if (kt_sigma_field_find(r->log, n->scalar, r->yaml, &ret->field, &why) == KT_OK)
            return KT_OK;
        return kt_node_fail(r->yaml, n, err, "%s", why.text);
    }
    if (ret->how == KT_SIGMA_EXISTS) {
        ret->number = kt_str_is(n->scalar, "true") || kt_str_is(n->scalar, "yes");
        if (ret->number == 0 && !kt_str_is(n->scalar, "false") && !kt_str_is(n->scalar, "no"))
            return kt_node_fail(r->yaml, n, err, "'exists' takes true or false");
        return KT_OK;
    }
    if (!kt_str_i64(n->scalar, &ret->number))
        return kt_node_fail(r->yaml, n, err, "not a whole number: '" KT_STR_FMT "'",
                            KT_STR_ARG(kt_str_sub(n->scalar, 0, 40)));
    return KT_OK;
}

static enum kt_status take_value(struct kt_sigma_rule *r, const struct kt_node *n,
                                 const struct asked *a, struct kt_sigma_budget *b,
                                 struct kt_sigma_value *ret, struct kt_error *err)
{
    *ret = (struct kt_sigma_value){ .how = a->how, .with = a->with, .cased = a->cased };
    bool wild = false;
    if (n->type != KT_NODE_SCALAR)
        return kt_node_fail(r->yaml, n, err, "a list of values holds values, no lists or maps");
    if (n->scalar.len > KT_RULE_VALUE_MAX)
        return kt_node_fail(r->yaml, n, err, "a value has at most %u bytes", KT_RULE_VALUE_MAX);
    if (++b->values > KT_RULES_VALUES)
        return kt_node_fail(r->yaml, n, err, "more than %u values in all rules", KT_RULES_VALUES);
    bool nothing = kt_node_is_null(n) || n->scalar.len == 0;
    if (nothing && a->how != KT_SIGMA_EQUALS)
        return kt_node_fail(r->yaml, n, err, "an empty value only goes without modifiers");
    if (nothing) {
        ret->how = KT_SIGMA_EMPTY;
        return KT_OK;
    }
    switch (a->how) {
    case KT_SIGMA_EQUALS:
    case KT_SIGMA_CONTAINS:
    case KT_SIGMA_STARTS:
    case KT_SIGMA_ENDS:
    case KT_SIGMA_GLOB:
    case KT_SIGMA_EMPTY:
        if (take_text(r, n, ret, &wild, err) != KT_OK)
            return KT_E_CONFIG;
        settle(r, ret, wild);
        return KT_OK;
    case KT_SIGMA_REGEX:
        return take_regex(r, n, a->regex, b, ret, err);
    case KT_SIGMA_CIDR:
    case KT_SIGMA_GT:
    case KT_SIGMA_GTE:
    case KT_SIGMA_LT:
    case KT_SIGMA_LTE:
    case KT_SIGMA_EXISTS:
    case KT_SIGMA_FIELD:
        break;
    }
    return take_other(r, n, ret, err);
}

static enum kt_status take_key(struct kt_sigma_rule *r, const struct kt_node *key, struct asked *a,
                               struct kt_sigma_field *ret, struct kt_error *err)
{
    struct kt_str rest = key != NULL ? key->key : KT_STR_NONE, name = KT_STR_NONE, word;
    bool modified = kt_str_find_byte(rest, '|', 0) >= 0;
    struct kt_error why = { 0 };
    unsigned n = 0;
    *a = (struct asked){ .how = KT_SIGMA_EQUALS, .with = KT_SIGMA_EQUALS };
    *ret = (struct kt_sigma_field){ "keywords", KT_SIGMA_ANYWHERE, 0, NULL };
    (void)kt_str_split(&rest, '|', &name);
    if (name.len > 0 && kt_sigma_field_find(r->log, name, r->yaml, ret, &why) != KT_OK)
        return kt_key_fail(r->yaml, key, err, "%s", why.text);
    while (modified && kt_str_split(&rest, '|', &word)) {
        if (++n > MODIFIERS)
            return kt_key_fail(r->yaml, key, err, "more than %u modifiers", MODIFIERS);
        if (take_modifier(r, key, word, a, err) != KT_OK)
            return KT_E_CONFIG;
    }
    if (ret->from == KT_SIGMA_ANYWHERE && a->has_how)
        return kt_key_fail(r->yaml, key, err, "keywords take no modifier but 'all' and 'cased'");
    if (ret->from == KT_SIGMA_ANYWHERE)
        a->how = KT_SIGMA_CONTAINS;
    return KT_OK;
}

enum kt_status kt_sigma_value_of(struct kt_sigma_rule *r, const struct kt_node *key,
                                 const struct kt_node *values, struct kt_sigma_budget *b,
                                 struct kt_sigma_test *ret, struct kt_error *err)
{
    struct asked a;
    if (take_key(r, key, &a, &ret->field, err) != KT_OK)
        return KT_E_CONFIG;
    bool list = values->type == KT_NODE_LIST;
    ret->all = a.all;
    ret->n = list ? kt_node_count(values) : 1;
    if (ret->n == 0)
        return kt_node_fail(r->yaml, values, err, "an empty list matches nothing");
    struct kt_sigma_value *v = kt_yaml_keep(r->yaml, ret->n * sizeof *v);
    ret->value = v;
    for (const struct kt_node *n = list ? values->first : values; n != NULL; n = n->next) {
        if (take_value(r, n, &a, b, v++, err) != KT_OK)
            return KT_E_CONFIG;
        if (!list)
            break;
    }
    return KT_OK;
}
