/*
 * sigma_set: all rules together: their documents, their names, and which of them an event may
 * match.
 *
 * Owns:  the set: rules in the order of their files, the index.
 * Calls: core/config (trees), sigma_parse, sigma_index. No I/O.
 * Holds: a set that is closed is only read; several engines may share it.
 */
#include "detectors/sigma_set.h"

#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"

#define KEY_SEED UINT64_C(0x7369676d612d7275)

struct kt_sigma *kt_sigma_new(void)
{
    return kt_alloc(sizeof(struct kt_sigma));
}

void kt_sigma_free(struct kt_sigma *set)
{
    if (set == NULL)
        return;
    for (unsigned i = 0; i < set->n; i++) {
        kt_yaml_free(set->rule[i]->yaml);
        kt_free(set->rule[i]);
    }
    for (unsigned i = 0; i < set->n_files; i++)
        kt_free(set->file[i]);
    kt_free(set->file);
    kt_free(set->rule);
    kt_free(set->correlation);
    kt_sigma_index_done(&set->index);
    kt_free(set);
}

unsigned kt_sigma_count(const struct kt_sigma *set)
{
    return set->n;
}

const struct kt_sigma_rule *kt_sigma_rule(const struct kt_sigma *set, unsigned i)
{
    return set->rule[i];
}

const struct kt_sigma_rule *kt_sigma_refused(const struct kt_sigma *set)
{
    for (unsigned i = 0; i < set->n; i++)
        if (set->rule[i]->refused)
            return set->rule[i];
    return NULL;
}

unsigned kt_sigma_correlations(const struct kt_sigma *set, const uint32_t **ret)
{
    *ret = set->correlation;
    return set->n_correlations;
}

static void refuse(struct kt_sigma_rule *r, const struct kt_error *err)
{
    r->refused = true;
    kt_str_copyz(r->why, sizeof r->why, kt_str_of(err->text));
}

/* ---- documents ---- */

/* The length of the text up to the next line that begins a document. Such a line begins with three
 * dashes wherever it stands, in the middle of a block of text too. */
static size_t document_len(struct kt_str text)
{
    for (size_t at = 0; at < text.len;) {
        struct kt_str line = kt_str_from_index(text, at);
        ptrdiff_t end = kt_str_find_byte(line, '\n', 0);
        size_t n = end < 0 ? line.len : (size_t)end + 1;
        bool mark = kt_str_starts(line, KT_STR("---")) &&
                    (line.len == 3 || kt_str_find_byte(KT_STR(" \t\r\n"), line.at[3], 0) >= 0);
        if (mark && at > 0)
            return at;
        at += n;
    }
    return text.len;
}

static unsigned lines_of(struct kt_str text)
{
    unsigned n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.at[i] == '\n';
    return n;
}

static struct kt_sigma_rule *add_rule(struct kt_sigma *set, const char *file, unsigned line)
{
    if (set->n == set->cap) {
        set->cap = set->cap == 0 ? 64 : 2 * set->cap;
        set->rule = kt_realloc_array(set->rule, set->cap, sizeof(struct kt_sigma_rule *));
    }
    struct kt_sigma_rule *r = kt_alloc(sizeof *r);
    r->file = file;
    r->line = line;
    set->rule[set->n++] = r;
    return r;
}

static void add_document(struct kt_sigma *set, const char *file, struct kt_str text, size_t from,
                         unsigned above)
{
    struct kt_yaml *y = NULL;
    struct kt_error err = { 0 };
    enum kt_status st =
        kt_yaml_parse_within(&(struct kt_yaml_bounds){ .above = above }, text, file, &y, &err);
    const struct kt_node *root = st == KT_OK ? kt_yaml_root(y) : NULL;
    if (root != NULL && root->type == KT_NODE_MAP && root->first == NULL) {
        kt_yaml_free(y); /* nothing but comments */
        return;
    }
    struct kt_sigma_rule *r = add_rule(set, file, above + 1);
    r->from = from;
    r->len = text.len;
    r->yaml = y;
    if (st == KT_OK)
        st = kt_sigma_parse(r, &set->budget, &err);
    if (st != KT_OK)
        refuse(r, &err);
    else if (r->correlation != NULL)
        r->correlation->key = kt_hash64(text, KEY_SEED);
}

void kt_sigma_add(struct kt_sigma *set, const char *name, struct kt_str text)
{
    unsigned above = 0;
    set->file = kt_realloc_array(set->file, set->n_files + 1, sizeof(char *));
    const char *file = set->file[set->n_files++] = kt_strdup(name);
    for (size_t from = 0; from < text.len;) {
        struct kt_str rest = kt_str_from_index(text, from);
        struct kt_str one = kt_str_sub(rest, 0, document_len(rest));
        if (set->n >= KT_RULES_MAX) {
            struct kt_sigma_rule *r = add_rule(set, file, above + 1);
            struct kt_error err = { 0 };
            enum kt_status st = kt_fail(&err, KT_E_LIMIT, "%s:%u: more than %u rules", file,
                                        above + 1, KT_RULES_MAX);
            (void)st;
            refuse(r, &err);
            return;
        }
        add_document(set, file, one, from, above);
        above += lines_of(one);
        from += one.len;
    }
}

/* ---- names ---- */

static struct kt_sigma_rule *named(const struct kt_sigma *set, struct kt_str ref, uint32_t *ret)
{
    for (unsigned i = 0; i < set->n; i++) {
        struct kt_sigma_rule *r = set->rule[i];
        bool is = (r->name.len > 0 && kt_str_eq(r->name, ref)) ||
                  (r->id.len > 0 && kt_str_eq_nocase(r->id, ref));
        if (!is || r->refused)
            continue;
        *ret = i;
        return r;
    }
    return NULL;
}

static void refuse_twice(struct kt_sigma *set)
{
    for (unsigned i = 0; i < set->n; i++) {
        for (unsigned k = 0; k < i && !set->rule[i]->refused; k++) {
            struct kt_sigma_rule *a = set->rule[k], *b = set->rule[i];
            bool id = b->id.len > 0 && kt_str_eq_nocase(a->id, b->id);
            bool name = b->name.len > 0 && kt_str_eq(a->name, b->name);
            if (a->refused || (!id && !name))
                continue;
            b->refused = true;
            KT_SAY(b->why, "%s:%u: the rule in %s, line %u, has the same %s", b->file, b->line,
                   a->file, a->line, id ? "id" : "name");
        }
    }
}

/* The field that stands for `name` in a rule: an alias says which, or it is the field itself. */
static enum kt_status field_of(const struct kt_sigma_rule *c, const struct kt_sigma_rule *of,
                               struct kt_str ref, struct kt_str name, struct kt_sigma_field *ret,
                               struct kt_error *err)
{
    char key[KT_KEY_MAX + 1];
    kt_str_copyz(key, sizeof key, name);
    const struct kt_node *alias = kt_node_get(c->correlation->aliases, key);
    kt_str_copyz(key, sizeof key, ref);
    const struct kt_node *mine = kt_node_get(alias, key);
    if (alias != NULL && mine == NULL)
        return kt_fail(err, KT_E_INPUT,
                       "alias '" KT_STR_FMT "' says nothing of rule '" KT_STR_FMT "'",
                       KT_STR_ARG(name), KT_STR_ARG(ref));
    return kt_sigma_field_find(of->log, mine != NULL ? mine->scalar : name, c->yaml, ret, err);
}

static bool is_actor(const struct kt_sigma_field *f)
{
    static const struct kt_str heads[] = { KT_STR_INIT("actor"), KT_STR_INIT("userIdentity."),
                                           KT_STR_INIT("user.") };
    for (size_t i = 0; i < KT_ARRAY_LEN(heads); i++)
        if (kt_str_starts(kt_str_of(f->name), heads[i]))
            return true;
    return false;
}

static enum kt_status link_rule(struct kt_sigma *set, struct kt_sigma_rule *r, unsigned i,
                                struct kt_error *err)
{
    struct kt_sigma_correlation *c = r->correlation;
    const struct kt_sigma_rule *of = named(set, c->ref[i], &c->rule[i]);
    if (of == NULL)
        return kt_fail(err, KT_E_INPUT, "rule '" KT_STR_FMT "' is not here, or was refused",
                       KT_STR_ARG(kt_str_sub(c->ref[i], 0, 80)));
    if (of->correlation != NULL)
        return kt_fail(err, KT_E_INPUT,
                       "rule '" KT_STR_FMT "' is a correlation: those of others are not supported",
                       KT_STR_ARG(kt_str_sub(c->ref[i], 0, 80)));
    for (unsigned g = 0; g < c->n_groups; g++) {
        if (field_of(r, of, c->ref[i], c->group[g], &c->by[i][g], err) != KT_OK)
            return kt_wrap(err, "group-by");
        c->by_actor = c->by_actor || is_actor(&c->by[i][g]);
    }
    if (c->counted.len > 0 && field_of(r, of, c->ref[i], c->counted, &c->what[i], err) != KT_OK)
        return kt_wrap(err, "condition");
    return KT_OK;
}

static void link_correlation(struct kt_sigma *set, struct kt_sigma_rule *r)
{
    struct kt_sigma_correlation *c = r->correlation;
    struct kt_error err = { 0 };
    unsigned never = 0;
    for (unsigned i = 0; i < c->n_rules; i++) {
        if (link_rule(set, r, i, &err) != KT_OK) {
            r->refused = true;
            KT_SAY(r->why, "%s:%u: %s", r->file, r->line, err.text);
            return;
        }
        never += set->rule[c->rule[i]]->never[0] != '\0';
    }
    bool all = c->type == KT_SIGMA_TEMPORAL || c->type == KT_SIGMA_TEMPORAL_ORDERED;
    if (never == c->n_rules || (all && never > 0))
        KT_SAY(r->never, "never fires here: it needs rules that never do");
}

/* What only feeds correlations tells nothing on its own, unless one of them says so. */
static void note_silent(struct kt_sigma *set)
{
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned k = 0; k < set->n_correlations; k++) {
            const struct kt_sigma_correlation *c = set->rule[set->correlation[k]]->correlation;
            for (unsigned i = 0; i < c->n_rules; i++)
                if (round == 0 || c->generate)
                    set->rule[c->rule[i]]->silent = round == 0;
        }
    }
}

void kt_sigma_close(struct kt_sigma *set)
{
    refuse_twice(set);
    set->correlation = kt_alloc_array(set->n + 1, sizeof *set->correlation);
    for (unsigned i = 0; i < set->n; i++) {
        struct kt_sigma_rule *r = set->rule[i];
        if (r->correlation == NULL || r->refused)
            continue;
        link_correlation(set, r);
        if (!r->refused)
            set->correlation[set->n_correlations++] = i;
    }
    note_silent(set);
    kt_sigma_index_make(&set->index, set->rule, set->n);
}

struct kt_sigma *kt_sigma_of(const struct kt_conf *conf)
{
    struct kt_sigma *set = NULL;
    for (unsigned i = 0; i < conf->n_files; i++) {
        if (conf->files[i].of != KT_FILE_RULES)
            continue;
        set = set != NULL ? set : kt_sigma_new();
        kt_sigma_add(set, conf->files[i].name, conf->files[i].text);
    }
    if (set != NULL)
        kt_sigma_close(set);
    return set;
}

unsigned kt_sigma_match(const struct kt_sigma *set, struct kt_sigma_view *v, uint32_t *ret,
                        unsigned max)
{
    uint64_t may[KT_SIGMA_BITS];
    unsigned n = 0;
    kt_sigma_index_ask(&set->index, v, may);
    for (unsigned word = 0; word < KT_SIGMA_BITS; word++) {
        for (uint64_t bits = may[word]; bits != 0 && n < max; bits &= bits - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
            const struct kt_sigma_rule *r = set->rule[i];
            if (kt_sigma_eval(v, r->program.node, r->test) == KT_SIGMA_YES)
                ret[n++] = i;
        }
    }
    return n;
}
