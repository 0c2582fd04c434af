/*
 * mapping_file: a mapping file -> the source of one instance (agents/sources/mapping.md is its
 * grammar).
 *
 * Owns:  nothing; everything lives in the file's tree.
 * Calls: core/base, core/config. The tree comes in; no file is opened here.
 */
#include "agents/sources/mapping.h"

#define VALUES_MAX     16u
#define KNOWN_KEYS_MAX 64u

/* The keys whose value is a text, a number or a list of texts; the rest has readers of its own. */
struct keys {
    const char *name, *time_format, *ip_trust;
    struct kt_strings string[MAP_STRING_COUNT];
    struct kt_strings actor, actor_kind, outcome, time, ip, count, mfa, groups, fields, secret;
    struct kt_strings skip, keep, records_in, record_in;
    kt_time_ns lateness;
};

#define AT(field) offsetof(struct keys, field)
static const struct kt_option table[] = {
    { "name", KT_OPT_STRING, NULL, AT(name), "what it is: actors are NAME@this", false, false },
    { "records_in", KT_OPT_LIST, "", AT(records_in), "members that hold a list of records", false,
      false },
    { "record_in", KT_OPT_LIST, "", AT(record_in),
      "members that hold one record, as an object or as text", false, false },
    { "time", KT_OPT_LIST, NULL, AT(time), "when", false, false },
    { "time_format", KT_OPT_STRING, "rfc3339", AT(time_format), "rfc3339, epoch_s or epoch_ms",
      false, false },
    { "lateness", KT_OPT_DURATION, "10m", AT(lateness), "how late records may come", false, false },
    { "actor", KT_OPT_LIST, "", AT(actor), "who: an e-mail, or a name", false, false },
    { "actor_kind", KT_OPT_LIST, "", AT(actor_kind), "what actor_kinds is about", false, false },
    { "outcome", KT_OPT_LIST, "", AT(outcome), "what outcomes is about", false, false },
    { "secret", KT_OPT_LIST, "", AT(secret), "secret id: scheme://{account}/{name}", false, false },
    { "ip", KT_OPT_LIST, "", AT(ip), "address of the client, with or without port", false, false },
    { "ip_trust", KT_OPT_STRING, "client_claimed", AT(ip_trust),
      "edge when the service saw the address itself", false, false },
    { "count", KT_OPT_LIST, "", AT(count), "how many secrets a set means", false, false },
    { "mfa", KT_OPT_LIST, "", AT(mfa), "true or false: second factor", false, false },
    { "groups", KT_OPT_LIST, "", AT(groups), "lists of groups or policies", false, false },
    { "fields", KT_OPT_LIST, "", AT(fields), "lists of names inside the secret", false, false },
    { "skip", KT_OPT_LIST, "", AT(skip), "conditions: records that are no events", false, false },
    { "keep", KT_OPT_LIST, "", AT(keep), "more fields that may be stored", false, false },
#define X(n, help) { #n, KT_OPT_LIST, "", AT(string[MAP_##n]), help, false, false },
    MAP_STRINGS(X)
#undef X
        KT_OPTIONS_END,
};
#undef AT
static const char *const sections[] = { "actions", "outcomes", "actor_kinds",
                                        "names",   "extract",  NULL };

struct reader {
    const struct kt_yaml *y;
    const struct kt_node *root;
    struct mapping *m;
    struct kt_error *err;
};

/* Where in the file the i-th text of a key stands. */
static const struct kt_node *place(const struct reader *r, const char *key, unsigned i)
{
    const struct kt_node *n = kt_node_get(r->root, key);
    if (n == NULL)
        return r->root;
    if (n->type != KT_NODE_LIST)
        return n;
    for (n = n->first; i > 0 && n->next != NULL; i--)
        n = n->next;
    return n;
}

static enum kt_status value(const struct reader *r, const char *key, struct kt_strings texts,
                            struct map_value *ret)
{
    if (texts.n > VALUES_MAX)
        return kt_node_fail(r->y, place(r, key, VALUES_MAX), r->err, "'%s': more than %u values",
                            key, VALUES_MAX);
    struct map_value v = { .at = kt_yaml_keep(r->y, texts.n * sizeof *v.at) };
    for (; v.n < texts.n; v.n++)
        if (kt_map_text(r->y, place(r, key, v.n), kt_str_of(texts.at[v.n]), &v.at[v.n], r->err) !=
            KT_OK)
            return KT_E_CONFIG;
    *ret = v;
    return KT_OK;
}

static enum kt_status values(const struct reader *r, const struct keys *k)
{
    static const char *const names[] = {
#define X(n, help) #n,
        MAP_STRINGS(X)
#undef X
    };
    const struct {
        const char *key;
        struct kt_strings texts;
        struct map_value *to;
    } others[] = {
        { "actor", k->actor, &r->m->actor },
        { "actor_kind", k->actor_kind, &r->m->actor_kind },
        { "outcome", k->outcome, &r->m->outcome },
        { "time", k->time, &r->m->time },
        { "ip", k->ip, &r->m->ip },
        { "count", k->count, &r->m->count },
        { "mfa", k->mfa, &r->m->mfa },
    };
    for (unsigned i = 0; i < MAP_STRING_COUNT; i++)
        if (value(r, names[i], k->string[i], &r->m->string[i]) != KT_OK)
            return KT_E_CONFIG;
    for (unsigned i = 0; i < KT_ARRAY_LEN(others); i++)
        if (value(r, others[i].key, others[i].texts, others[i].to) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

static enum kt_status paths(const struct reader *r, const char *key, struct kt_strings list)
{
    for (unsigned i = 0; i < list.n; i++)
        if (kt_map_path_ok(r->y, place(r, key, i), kt_str_of(list.at[i]), r->err) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

static enum kt_status secrets(const struct reader *r, struct kt_strings texts)
{
    r->m->secret = kt_yaml_keep(r->y, texts.n * sizeof *r->m->secret);
    for (unsigned i = 0; i < texts.n; i++)
        if (kt_map_secret(r->y, place(r, "secret", i), kt_str_of(texts.at[i]), &r->m->secret[i],
                          r->err) != KT_OK)
            return KT_E_CONFIG;
    r->m->n_secret = texts.n;
    return KT_OK;
}

/* ---- words ---- */

/* Index of a word in one of the closed sets; an unknown one names the nearest. */
static enum kt_status word_of(const struct reader *r, const struct kt_node *at, struct kt_str word,
                              const char *const *set, int *ret)
{
    struct kt_near near = kt_near_of(word);
    for (int i = 0; set[i] != NULL; i++) {
        if (kt_str_is(word, set[i])) {
            *ret = i;
            return KT_OK;
        }
        kt_near_try(&near, set[i]);
    }
    word = kt_str_sub(word, 0, 60);
    if (near.name != NULL)
        return kt_node_fail(r->y, at, r->err, "unknown word '" KT_STR_FMT "', did you mean '%s'?",
                            KT_STR_ARG(word), near.name);
    return kt_node_fail(r->y, at, r->err, "unknown word '" KT_STR_FMT "'; there are %s, %s, %s …",
                        KT_STR_ARG(word), set[0], set[1], set[2]);
}

#define X(n, w) w,
static const char *const action_words[] = { KT_ACTIONS(X) NULL };
static const char *const outcome_words[] = { KT_OUTCOMES(X) NULL };
static const char *const kind_words[] = { KT_ACTOR_KINDS(X) NULL };
static const char *const trust_words[] = { KT_IP_TRUSTS(X) NULL };
#undef X
static const char *const time_words[] = { "rfc3339", "epoch_s", "epoch_ms", NULL };

static enum kt_status words(const struct reader *r, const struct keys *k)
{
    int time, trust;
    if (word_of(r, place(r, "time_format", 0), kt_str_of(k->time_format), time_words, &time) !=
            KT_OK ||
        word_of(r, place(r, "ip_trust", 0), kt_str_of(k->ip_trust), trust_words, &trust) != KT_OK)
        return KT_E_CONFIG;
    r->m->time_format = (enum map_time)time;
    r->m->ip_trust = (enum kt_ip_trust)trust;
    return KT_OK;
}

/* ---- rules ---- */

static unsigned texts_of(const struct kt_node *n)
{
    return n->type == KT_NODE_LIST ? kt_node_count(n) : 1;
}

static enum kt_status add_rules(const struct reader *r, const struct kt_node *texts, int word,
                                struct map_rules *to)
{
    const struct kt_node *n = texts->type == KT_NODE_LIST ? texts->first : texts;
    for (; n != NULL; n = texts->type == KT_NODE_LIST ? n->next : NULL) {
        if (kt_node_expect(r->y, n, KT_NODE_SCALAR, r->err) != KT_OK ||
            kt_map_rule(r->y, n, n->scalar, &to->at[to->n], r->err) != KT_OK)
            return KT_E_CONFIG;
        to->at[to->n++].word = word;
    }
    return KT_OK;
}

/* "read: [get-*, reveal-*]", in the order of the file; "otherwise: WORD" for the rest. */
static enum kt_status rules(const struct reader *r, const char *key, const char *const *set,
                            struct map_rules *ret)
{
    const struct kt_node *map = kt_node_get(r->root, key);
    unsigned n = 0;
    if (map == NULL)
        return KT_OK;
    if (kt_node_expect(r->y, map, KT_NODE_MAP, r->err) != KT_OK)
        return KT_E_CONFIG;
    for (const struct kt_node *c = map->first; c != NULL; c = c->next)
        n += texts_of(c);
    ret->at = kt_yaml_keep(r->y, n * sizeof *ret->at);
    for (const struct kt_node *c = map->first; c != NULL; c = c->next) {
        int word;
        if (kt_str_is(c->key, "otherwise")) {
            if (kt_node_expect(r->y, c, KT_NODE_SCALAR, r->err) != KT_OK ||
                word_of(r, c, c->scalar, set, &ret->otherwise) != KT_OK)
                return KT_E_CONFIG;
            continue;
        }
        if (word_of(r, c, c->key, set, &word) != KT_OK || add_rules(r, c, word, ret) != KT_OK)
            return KT_E_CONFIG;
    }
    return KT_OK;
}

static enum kt_status skips(const struct reader *r)
{
    const struct kt_node *n = kt_node_get(r->root, "skip");
    if (n == NULL)
        return KT_OK;
    r->m->skip.at = kt_yaml_keep(r->y, texts_of(n) * sizeof *r->m->skip.at);
    return add_rules(r, n, 1, &r->m->skip);
}

static enum kt_status all_rules(const struct reader *r)
{
    if (rules(r, "actions", action_words, &r->m->actions) != KT_OK ||
        rules(r, "outcomes", outcome_words, &r->m->outcomes) != KT_OK ||
        rules(r, "actor_kinds", kind_words, &r->m->actor_kinds) != KT_OK)
        return KT_E_CONFIG;
    return skips(r);
}

/* ---- names, patterns ---- */

static enum kt_status names(const struct reader *r)
{
    const struct kt_node *map = kt_node_get(r->root, "names");
    if (map == NULL)
        return KT_OK;
    if (kt_node_expect(r->y, map, KT_NODE_MAP, r->err) != KT_OK)
        return KT_E_CONFIG;
    r->m->names = kt_yaml_keep(r->y, kt_node_count(map) * sizeof *r->m->names);
    for (const struct kt_node *c = map->first; c != NULL; c = c->next) {
        if (kt_node_expect(r->y, c, KT_NODE_SCALAR, r->err) != KT_OK)
            return KT_E_CONFIG;
        r->m->names[r->m->n_names++] = (struct map_name){ c->key, c->scalar };
    }
    return KT_OK;
}

/* Fields of a pattern begin with '$', and a text stands between two of them. */
static enum kt_status check_pattern(const struct reader *r, const struct kt_node *at,
                                    const struct map_text *t, unsigned *fields)
{
    for (unsigned i = 0; i < t->n; i++) {
        if (!t->at[i].is_field)
            continue;
        if (++*fields > MAP_EXTRACT_MAX)
            return kt_node_fail(r->y, at, r->err, "more than %u fields in patterns",
                                MAP_EXTRACT_MAX);
        if (!kt_str_starts(t->at[i].text, KT_STR("$")))
            return kt_node_fail(r->y, at, r->err, "the fields of a pattern begin with $: {$name}");
        if (i + 1 < t->n && t->at[i + 1].is_field)
            return kt_node_fail(r->y, at, r->err, "between two fields of a pattern stands a text");
    }
    return t->n > 0 && t->at[t->n - 1].is_field
               ? KT_OK
               : kt_node_fail(r->y, at, r->err, "a pattern ends with a field: {$name}");
}

static enum kt_status patterns(const struct reader *r)
{
    const struct kt_node *map = kt_node_get(r->root, "extract");
    unsigned fields = 0;
    if (map == NULL)
        return KT_OK;
    if (kt_node_expect(r->y, map, KT_NODE_MAP, r->err) != KT_OK)
        return KT_E_CONFIG;
    r->m->extract = kt_yaml_keep(r->y, kt_node_count(map) * sizeof *r->m->extract);
    for (const struct kt_node *c = map->first; c != NULL; c = c->next) {
        struct map_extract *e = &r->m->extract[r->m->n_extract++];
        if (kt_node_expect(r->y, c, KT_NODE_SCALAR, r->err) != KT_OK ||
            kt_map_path_ok(r->y, c, c->key, r->err) != KT_OK ||
            kt_map_text(r->y, c, c->scalar, &e->pattern, r->err) != KT_OK ||
            check_pattern(r, c, &e->pattern, &fields) != KT_OK)
            return KT_E_CONFIG;
        e->path = c->key;
    }
    return KT_OK;
}

/* ---- the source ---- */

static const char *const *names_of(const struct kt_yaml *y, struct kt_strings list)
{
    const char **at = kt_yaml_keep(y, (list.n + 1) * sizeof *at);
    for (unsigned i = 0; i < list.n; i++)
        at[i] = list.at[i];
    return list.n > 0 ? at : NULL;
}

/* The member that the first path of a value ends in: what a broken record is searched for. */
static const char *last_name(const struct kt_yaml *y, const struct map_value *v)
{
    struct kt_str text;
    if (v->n == 0 || v->at[0].n == 0 || !v->at[0].at[0].is_field)
        return NULL;
    struct kt_str paths_of = v->at[0].at[0].text;
    (void)kt_str_split(&paths_of, '|', &text);
    text = kt_str_trim(text);
    return kt_yaml_keepz(y, kt_str_from_index(text, (size_t)(kt_str_rfind_byte(text, '.') + 1)));
}

static void add_keys(const struct kt_yaml *y, const struct kt_keep *k, const char **to, unsigned *n)
{
    for (; k->name.at != NULL; k++) {
        if (*n < KNOWN_KEYS_MAX)
            to[(*n)++] = kt_yaml_keepz(y, k->name);
        if (k->below != NULL)
            add_keys(y, k->below, to, n);
    }
}

static void finish(const struct reader *r, const struct keys *k)
{
    struct mapping *m = r->m;
    const char **known = kt_yaml_keep(r->y, (KNOWN_KEYS_MAX + 1) * sizeof *known);
    unsigned n = 0;
    kt_map_keep(r->y, m, k->keep);
    add_keys(r->y, m->keep, known, &n);
    m->source = kt_source_mapping;
    m->source.settings = m;
    m->source.wrap_arrays = names_of(r->y, k->records_in);
    m->source.wrap_members = names_of(r->y, k->record_in);
    m->source.salvage_id = last_name(r->y, &m->string[MAP_native_id]);
    m->source.salvage_action = last_name(r->y, &m->string[MAP_operation]);
    m->source.salvage_time = last_name(r->y, &m->time);
    m->source.known_keys = known;
    m->source.lateness = k->lateness;
}

enum kt_status kt_mapping_describe(const struct kt_yaml *y, const struct kt_source **ret,
                                   struct kt_error *err)
{
    struct keys k = { 0 };
    const struct reader r = { y, kt_yaml_root(y), kt_yaml_keep(y, sizeof *r.m), err };
    if (kt_options_fill_beside(y, r.root, table, sections, &k, err) != KT_OK)
        return KT_E_CONFIG;
    r.m->name = kt_str_of(k.name);
    r.m->groups = k.groups;
    r.m->fields = k.fields;
    if (k.string[MAP_operation].n == 0)
        return kt_node_fail(y, r.root, err, "'operation' is missing");
    if (values(&r, &k) != KT_OK || paths(&r, "groups", k.groups) != KT_OK ||
        paths(&r, "fields", k.fields) != KT_OK || paths(&r, "keep", k.keep) != KT_OK ||
        secrets(&r, k.secret) != KT_OK || words(&r, &k) != KT_OK || all_rules(&r) != KT_OK ||
        names(&r) != KT_OK || patterns(&r) != KT_OK)
        return KT_E_CONFIG;
    finish(&r, &k);
    *ret = &r.m->source;
    return KT_OK;
}
