/*
 * sigma_parse: one YAML document to one rule, or the place and the reason why not.
 * Source: sigma-specification, specification/sigma-rules-specification.md.
 *
 * Owns:  the tables of keys.
 * Calls: core/config (trees), sigma_value, sigma_condition, sigma_correlate. No I/O.
 * Holds: no rule is taken in part: what is not understood refuses it.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "detectors/sigma.h"

#define SELECTIONS_MAX 100u
#define TITLE_MAX      256u

const char *const kt_sigma_level_words[KT_SIGMA_LEVEL_COUNT] = {
#define X(n, w) [KT_SIGMA_##n] = w,
    KT_SIGMA_LEVELS(X)
#undef X
};

/* ---- keys of a rule ---- */

static const char *const about[] = { /* for people; change nothing here */
                                     "author",     "date",
                                     "modified",   "related",
                                     "reference",  "references",
                                     "fields",     "license",
                                     "scope",      "regression_tests_path",
                                     "simulation", NULL
};
static const char *const known[] = { "title",       "id",       "name",      "description",
                                     "status",      "taxonomy", "logsource", "detection",
                                     "correlation", "generate", "level",     "falsepositives",
                                     "tags",        NULL };
static const struct {
    const char *name, *why;
} refused[] = {
    { "action", "collections are Sigma 1: write each rule whole" },
    { "filter", "filters of Sigma are not supported: write the exception into the rule" },
    { "timeframe", "it belongs to Sigma 1: write a correlation with a timespan" },
};

static bool listed(const char *const *names, struct kt_str key, struct kt_near *near)
{
    for (; *names != NULL; names++) {
        if (kt_str_is(key, *names))
            return true;
        kt_near_try(near, *names);
    }
    return false;
}

static enum kt_status check_keys(const struct kt_sigma_rule *r, const struct kt_node *root,
                                 struct kt_error *err)
{
    for (const struct kt_node *n = root->first; n != NULL; n = n->next) {
        struct kt_near near = kt_near_of(n->key);
        for (size_t i = 0; i < KT_ARRAY_LEN(refused); i++) {
            if (kt_str_is(n->key, refused[i].name))
                return kt_key_fail(r->yaml, n, err, "key '%s' is not supported: %s",
                                   refused[i].name, refused[i].why);
        }
        if (listed(about, n->key, &near) || listed(known, n->key, &near))
            continue;
        return kt_key_fail(r->yaml, n, err, "unknown key '" KT_STR_FMT "'%s%s%s",
                           KT_STR_ARG(kt_str_sub(n->key, 0, 60)),
                           near.name != NULL ? ", did you mean '" : "",
                           near.name != NULL ? near.name : "", near.name != NULL ? "'?" : "");
    }
    return KT_OK;
}

/* ---- what it says of itself ---- */

static enum kt_status take_text(const struct kt_sigma_rule *r, const char *key, size_t max,
                                struct kt_str *ret, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(kt_yaml_root(r->yaml), key);
    if (n == NULL || kt_node_is_null(n))
        return KT_OK;
    if (kt_node_expect(r->yaml, n, KT_NODE_SCALAR, err) != KT_OK)
        return KT_E_CONFIG;
    if (max > 0 && n->scalar.len > max)
        return kt_node_fail(r->yaml, n, err, "'%s' is longer than %zu bytes", key, max);
    *ret = kt_str_trim(n->scalar);
    return KT_OK;
}

static bool is_uuid(struct kt_str s)
{
    if (s.len != 36)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.at[i] != '-'
                 : kt_str_find_byte(KT_STR("0123456789abcdefABCDEF"), s.at[i], 0) < 0)
            return false;
    }
    return true;
}

/* A list of words, or one, as "a; b" of at most max bytes; "Unknown" says nothing. */
static enum kt_status take_words(const struct kt_sigma_rule *r, const char *key,
                                 const char *between, size_t max, struct kt_str *ret,
                                 struct kt_error *err)
{
    static const char *const nothing[] = { "unknown", "none", "unlikely" };
    const struct kt_node *n = kt_node_get(kt_yaml_root(r->yaml), key);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    if (n == NULL || kt_node_is_null(n))
        return KT_OK;
    bool list = n->type == KT_NODE_LIST;
    for (const struct kt_node *e = list ? n->first : n; e != NULL; e = list ? e->next : NULL) {
        if (kt_node_expect(r->yaml, e, KT_NODE_SCALAR, err) != KT_OK)
            return KT_E_CONFIG;
        bool empty = e->scalar.len == 0;
        for (size_t i = 0; i < KT_ARRAY_LEN(nothing); i++)
            empty = empty || kt_str_eq_nocase(e->scalar, kt_str_of(nothing[i]));
        if (empty || b.len + e->scalar.len + 2 > max)
            continue;
        kt_buf_addz(&b, b.len > 0 ? between : "");
        kt_buf_add(&b, kt_str_trim(e->scalar));
    }
    *ret = kt_str_from(kt_yaml_keepz(r->yaml, kt_buf_str(&b)), b.len);
    return KT_OK;
}

static enum kt_status take_level(struct kt_sigma_rule *r, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(kt_yaml_root(r->yaml), "level");
    struct kt_str word = KT_STR_NONE;
    if (take_text(r, "level", 0, &word, err) != KT_OK)
        return KT_E_CONFIG;
    r->level = KT_SIGMA_INFORMATIONAL;
    if (word.len == 0)
        return KT_OK;
    for (unsigned i = 0; i < KT_SIGMA_LEVEL_COUNT; i++) {
        if (kt_str_is(word, kt_sigma_level_words[i])) {
            r->level = (enum kt_sigma_level)i;
            return KT_OK;
        }
    }
    return kt_node_fail(r->yaml, n, err, "'level' is informational, low, medium, high or critical");
}

static enum kt_status take_status(const struct kt_sigma_rule *r, struct kt_error *err)
{
    const struct kt_node *root = kt_yaml_root(r->yaml);
    struct kt_str status = KT_STR_NONE, taxonomy = KT_STR_NONE;
    if (take_text(r, "status", 0, &status, err) != KT_OK ||
        take_text(r, "taxonomy", 0, &taxonomy, err) != KT_OK)
        return KT_E_CONFIG;
    if (kt_str_is(status, "unsupported") || kt_str_is(status, "deprecated"))
        return kt_node_fail(r->yaml, kt_node_get(root, "status"), err,
                            "its author marked it as " KT_STR_FMT, KT_STR_ARG(status));
    if (taxonomy.len > 0 && !kt_str_is(taxonomy, "sigma"))
        return kt_node_fail(r->yaml, kt_node_get(root, "taxonomy"), err,
                            "only the taxonomy 'sigma' is known");
    return KT_OK;
}

static enum kt_status take_head(struct kt_sigma_rule *r, struct kt_error *err)
{
    const struct kt_node *root = kt_yaml_root(r->yaml);
    if (take_text(r, "title", TITLE_MAX, &r->title, err) != KT_OK ||
        take_text(r, "id", 0, &r->id, err) != KT_OK ||
        take_text(r, "name", TITLE_MAX, &r->name, err) != KT_OK ||
        take_text(r, "description", 0, &r->description, err) != KT_OK ||
        take_words(r, "falsepositives", "; ", 200, &r->benign, err) != KT_OK ||
        take_words(r, "tags", ", ", 100, &r->tags, err) != KT_OK || take_level(r, err) != KT_OK)
        return KT_E_CONFIG;
    if (r->title.len == 0)
        return kt_node_fail(r->yaml, root, err, "'title' is missing");
    if (r->id.len > 0 && !is_uuid(r->id))
        return kt_node_fail(r->yaml, kt_node_get(root, "id"), err, "'id' is no UUID");
    return take_status(r, err);
}

/* ---- logsource ---- */

static const struct {
    const char *product, *category, *service;
    enum kt_sigma_log log;
} sources[] = {
    { "keytrail", "", "", KT_SIGMA_KEYTRAIL },
    { "aws", "", "cloudtrail", KT_SIGMA_CLOUDTRAIL },
    { "kubernetes", "", "audit", KT_SIGMA_KUBERNETES },
    { "kubernetes", "application", "audit", KT_SIGMA_KUBERNETES },
};

static struct kt_str member(const struct kt_node *map, const char *key)
{
    const struct kt_node *n = kt_node_get(map, key);
    return n != NULL && n->type == KT_NODE_SCALAR ? n->scalar : KT_STR_NONE;
}

static enum kt_status take_logsource(struct kt_sigma_rule *r, struct kt_error *err)
{
    static const char *const keys[] = { "product", "category", "service", "definition", NULL };
    const struct kt_node *root = kt_yaml_root(r->yaml), *n = kt_node_get(root, "logsource");
    if (n == NULL)
        return kt_node_fail(r->yaml, root, err, "'logsource' is missing");
    if (kt_node_expect(r->yaml, n, KT_NODE_MAP, err) != KT_OK)
        return KT_E_CONFIG;
    for (const struct kt_node *e = n->first; e != NULL; e = e->next) {
        struct kt_near near = kt_near_of(e->key);
        if (!listed(keys, e->key, &near))
            return kt_key_fail(r->yaml, e, err, "logsource has no key '" KT_STR_FMT "'",
                               KT_STR_ARG(kt_str_sub(e->key, 0, 60)));
    }
    struct kt_str product = member(n, "product"), category = member(n, "category"),
                  service = member(n, "service");
    for (size_t i = 0; i < KT_ARRAY_LEN(sources); i++) {
        if (!kt_str_is(product, sources[i].product) || !kt_str_is(category, sources[i].category) ||
            !kt_str_is(service, sources[i].service))
            continue;
        r->log = sources[i].log;
        return KT_OK;
    }
    return kt_key_fail(r->yaml, n, err,
                       "logsource is not one of: product keytrail; product aws, service "
                       "cloudtrail; product kubernetes, service audit");
}

/* ---- detection ---- */

struct builder {
    struct kt_sigma_rule *rule;
    struct kt_sigma_budget *budget;
    struct kt_sigma_node *node; /* of the selection at hand */
    uint32_t nodes, tests, tests_cap;
    struct kt_sigma_test *test; /* of the rule */
    struct kt_error *err;
};

static enum kt_status put_test(struct builder *b, const struct kt_node *key,
                               const struct kt_node *values)
{
    if (b->nodes == KT_RULE_NODES_MAX)
        return kt_node_fail(b->rule->yaml, values, b->err, "more than %u entries in a selection",
                            KT_RULE_NODES_MAX);
    if (b->tests == b->tests_cap) {
        b->tests_cap = b->tests_cap == 0 ? 16 : 2 * b->tests_cap;
        b->test = kt_realloc_array(b->test, b->tests_cap, sizeof *b->test);
    }
    b->node[b->nodes++] =
        (struct kt_sigma_node){ .op = KT_SIGMA_TEST, .size = 1, .test = b->tests };
    return kt_sigma_value_of(b->rule, key, values, b->budget, &b->test[b->tests++], b->err);
}

/* Opens an operator over what is put next; close it with its place. */
static uint32_t open_node(struct builder *b, enum kt_sigma_op op)
{
    b->node[b->nodes] = (struct kt_sigma_node){ .op = op };
    return b->nodes++;
}

/* Entries of a map hold together in any order: those that cost least to ask come first, so that the
 * original is parsed for the few events that pass them. */
static unsigned cost_of(const struct kt_sigma_test *t)
{
    unsigned from = t->field.from == KT_SIGMA_ORIGINAL   ? 2
                    : t->field.from == KT_SIGMA_ANYWHERE ? 3
                                                         : 0;
    return 2 * from + (t->value[0].how != KT_SIGMA_EQUALS);
}

static void put_cheap_first(struct builder *b, uint32_t from)
{
    for (uint32_t i = from + 1; i < b->nodes; i++) {
        struct kt_sigma_node node = b->node[i];
        unsigned cost = cost_of(&b->test[node.test]);
        uint32_t at = i;
        for (; at > from && cost_of(&b->test[b->node[at - 1].test]) > cost; at--)
            b->node[at] = b->node[at - 1];
        b->node[at] = node;
    }
}

static enum kt_status put_map(struct builder *b, const struct kt_node *map)
{
    if (map->first == NULL)
        return kt_node_fail(b->rule->yaml, map, b->err, "an empty selection matches nothing");
    if (b->nodes + 1 >= KT_RULE_NODES_MAX)
        return kt_node_fail(b->rule->yaml, map, b->err, "more than %u entries in a selection",
                            KT_RULE_NODES_MAX);
    uint32_t at = open_node(b, KT_SIGMA_ALL);
    for (const struct kt_node *e = map->first; e != NULL; e = e->next)
        if (put_test(b, e, e) != KT_OK)
            return KT_E_CONFIG;
    put_cheap_first(b, at + 1);
    b->node[at].size = b->nodes - at;
    return KT_OK;
}

static enum kt_status put_list(struct builder *b, const struct kt_node *list)
{
    if (list->first == NULL)
        return kt_node_fail(b->rule->yaml, list, b->err, "an empty list matches nothing");
    uint32_t at = open_node(b, KT_SIGMA_ANY);
    for (const struct kt_node *e = list->first; e != NULL; e = e->next) {
        enum kt_status st = e->type == KT_NODE_MAP ? put_map(b, e) : put_test(b, NULL, e);
        if (st != KT_OK)
            return st;
    }
    b->node[at].size = b->nodes - at;
    return KT_OK;
}

static enum kt_status put_selection(struct builder *b, const struct kt_node *n,
                                    struct kt_sigma_selection *ret)
{
    bool keyword = n->type == KT_NODE_SCALAR;
    if (keyword && kt_node_is_null(n))
        return kt_node_fail(b->rule->yaml, n, b->err, "an empty selection matches nothing");
    b->nodes = 0;
    enum kt_status st = keyword                   ? put_test(b, NULL, n)
                        : n->type == KT_NODE_LIST ? put_list(b, n)
                                                  : put_map(b, n);
    if (st != KT_OK)
        return st;
    struct kt_sigma_node *kept = kt_yaml_keep(b->rule->yaml, b->nodes * sizeof *kept);
    memcpy(kept, b->node, b->nodes * sizeof *kept);
    *ret = (struct kt_sigma_selection){ n->key, kept, b->nodes };
    return KT_OK;
}

/* A list of conditions is as good as one with 'or' between them. */
static enum kt_status condition_text(const struct kt_sigma_rule *r, const struct kt_node *n,
                                     struct kt_buf *out, struct kt_error *err)
{
    if (n->type == KT_NODE_SCALAR) {
        kt_buf_add(out, n->scalar);
        return KT_OK;
    }
    for (const struct kt_node *e = n->first; e != NULL; e = e->next) {
        if (kt_node_expect(r->yaml, e, KT_NODE_SCALAR, err) != KT_OK)
            return KT_E_CONFIG;
        kt_buf_addf(out, "%s(" KT_STR_FMT ")", out->len > 0 ? " or " : "", KT_STR_ARG(e->scalar));
    }
    return KT_OK;
}

static enum kt_status put_condition(struct kt_sigma_rule *r, const struct kt_node *n,
                                    const struct kt_sigma_selection *selection, unsigned count,
                                    struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error why = { 0 };
    if (n->type == KT_NODE_MAP)
        return kt_node_expect(r->yaml, n, KT_NODE_SCALAR, err);
    if (condition_text(r, n, &text, err) != KT_OK)
        return KT_E_CONFIG;
    if (kt_sigma_condition(r->yaml, kt_buf_str(&text), selection, count, &r->program, &why) !=
        KT_OK)
        return kt_node_fail(r->yaml, n, err, "%s", why.text);
    return KT_OK;
}

static enum kt_status put_selections(struct builder *b, const struct kt_node *map,
                                     const struct kt_node *condition)
{
    struct kt_sigma_selection selection[SELECTIONS_MAX];
    const struct kt_sigma_rule *r = b->rule;
    unsigned n = 0;
    for (const struct kt_node *e = map->first; e != NULL; e = e->next) {
        if (e == condition)
            continue;
        if (kt_str_is(e->key, "timeframe"))
            return kt_key_fail(r->yaml, e, b->err, "key 'timeframe' is not supported: %s",
                               refused[2].why);
        if (n == SELECTIONS_MAX)
            return kt_key_fail(r->yaml, e, b->err, "more than %u selections", SELECTIONS_MAX);
        if (put_selection(b, e, &selection[n++]) != KT_OK)
            return KT_E_CONFIG;
    }
    return put_condition(b->rule, condition, selection, n, b->err);
}

enum kt_status kt_sigma_detection(struct kt_sigma_rule *r, const struct kt_node *n,
                                  struct kt_sigma_budget *budget, struct kt_error *err)
{
    if (kt_node_expect(r->yaml, n, KT_NODE_MAP, err) != KT_OK)
        return KT_E_CONFIG;
    const struct kt_node *condition = kt_node_get(n, "condition");
    if (condition == NULL)
        return kt_key_fail(r->yaml, n, err, "'condition' is missing");
    struct builder b = { .rule = r, .budget = budget, .err = err };
    b.node = kt_alloc_array(KT_RULE_NODES_MAX + 1, sizeof *b.node);
    enum kt_status st = put_selections(&b, n, condition);
    if (st == KT_OK) {
        struct kt_sigma_test *kept = kt_yaml_keep(r->yaml, (b.tests + 1) * sizeof *kept);
        if (b.tests > 0)
            memcpy(kept, b.test, b.tests * sizeof *kept);
        r->test = kept;
    }
    kt_free(b.node);
    kt_free(b.test);
    return st;
}

/* ---- the whole ---- */

enum kt_status kt_sigma_parse(struct kt_sigma_rule *r, struct kt_sigma_budget *b,
                              struct kt_error *err)
{
    const struct kt_node *root = kt_yaml_root(r->yaml);
    if (kt_node_expect(r->yaml, root, KT_NODE_MAP, err) != KT_OK || take_head(r, err) != KT_OK ||
        check_keys(r, root, err) != KT_OK)
        return KT_E_CONFIG;
    const struct kt_node *detection = kt_node_get(root, "detection"),
                         *correlation = kt_node_get(root, "correlation");
    if (detection != NULL && correlation != NULL)
        return kt_key_fail(r->yaml, correlation, err,
                           "a rule has a detection or a correlation, not both");
    if (correlation != NULL)
        return kt_sigma_correlation(r, correlation, err);
    const struct kt_node *generate = kt_node_get(root, "generate");
    if (generate != NULL)
        return kt_key_fail(r->yaml, generate, err, "'generate' belongs to a correlation");
    if (detection == NULL)
        return kt_node_fail(r->yaml, root, err, "'detection' is missing");
    if (take_logsource(r, err) != KT_OK || kt_sigma_detection(r, detection, b, err) != KT_OK)
        return KT_E_CONFIG;
    kt_sigma_judge_kept(r);
    return KT_OK;
}
