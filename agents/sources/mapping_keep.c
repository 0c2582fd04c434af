/*
 * mapping_keep: what of a record is kept: the members that the mapping names, and nothing else.
 *
 * Owns:  nothing; the tables live in the file's tree.
 * Calls: core/base, core/config.
 */
#include "agents/sources/mapping.h"

struct branch { /* a member's name, and the members below it */
    struct kt_str name;
    struct branch *below, *next;
};

static struct branch *branch_of(const struct kt_yaml *y, struct branch **list, struct kt_str name)
{
    while (*list != NULL && !kt_str_eq((*list)->name, name))
        list = &(*list)->next;
    if (*list == NULL) {
        *list = kt_yaml_keep(y, sizeof **list);
        (*list)->name = name;
    }
    return *list;
}

static bool is_index(struct kt_str s)
{
    uint64_t n;
    return kt_str_u64(s, &n);
}

/* As kt_map_find reads it: a member whose name has the dots, or the members one below the other. */
static void add_path(const struct kt_yaml *y, struct branch **to, struct kt_str path)
{
    for (;;) {
        ptrdiff_t dot = kt_str_find_byte(path, '.', 0);
        struct kt_str head = dot < 0 ? path : kt_str_sub(path, 0, (size_t)dot);
        if (!is_index(path))
            (void)branch_of(y, to, path);
        if (dot < 0)
            return;
        if (!is_index(head))
            to = &branch_of(y, to, head)->below;
        path = kt_str_from_index(path, (size_t)dot + 1);
    }
}

static void add_paths(const struct kt_yaml *y, struct branch **to, struct kt_str paths)
{
    struct kt_str one;
    while (kt_str_split(&paths, '|', &one)) {
        one = kt_str_trim(one);
        if (one.len > 0 && !kt_str_starts(one, KT_STR("$")))
            add_path(y, to, one);
    }
}

static void add_text(const struct kt_yaml *y, struct branch **to, const struct map_text *t)
{
    for (unsigned i = 0; i < t->n; i++)
        if (t->at[i].is_field)
            add_paths(y, to, t->at[i].text);
}

static void add_value(const struct kt_yaml *y, struct branch **to, const struct map_value *v)
{
    for (unsigned i = 0; i < v->n; i++)
        add_text(y, to, &v->at[i]);
}

static void add_rules(const struct kt_yaml *y, struct branch **to, const struct map_rules *rules)
{
    for (unsigned i = 0; i < rules->n; i++)
        for (unsigned k = 0; k < rules->at[i].n; k++)
            add_paths(y, to, rules->at[i].at[k].path);
}

static void add_list(const struct kt_yaml *y, struct branch **to, struct kt_strings list)
{
    for (unsigned i = 0; i < list.n; i++)
        add_paths(y, to, kt_str_of(list.at[i]));
}

static void add_secret(const struct kt_yaml *y, struct branch **to, const struct map_secret *s)
{
    for (unsigned i = 0; i < s->n_fixed; i++)
        add_text(y, to, &s->fixed[i]);
    for (unsigned i = 0; i < s->n_tail; i++)
        add_text(y, to, &s->tail[i]);
}

static const struct kt_keep *table_of(const struct kt_yaml *y, const struct branch *list)
{
    size_t n = 0;
    for (const struct branch *b = list; b != NULL; b = b->next)
        n++;
    struct kt_keep *table = kt_yaml_keep(y, (n + 1) * sizeof *table);
    n = 0;
    for (const struct branch *b = list; b != NULL; b = b->next)
        table[n++] = (struct kt_keep){ .name = b->name,
                                       .below = b->below != NULL ? table_of(y, b->below) : NULL };
    return table;
}

void kt_map_keep(const struct kt_yaml *y, struct mapping *m, struct kt_strings more)
{
    struct branch *root = NULL;
    const struct map_value *const values[] = { &m->actor, &m->actor_kind, &m->outcome, &m->time,
                                               &m->ip,    &m->count,      &m->mfa };
    const struct map_rules *const rules[] = { &m->actions, &m->outcomes, &m->actor_kinds,
                                              &m->skip };
    for (unsigned i = 0; i < MAP_STRING_COUNT; i++)
        add_value(y, &root, &m->string[i]);
    for (unsigned i = 0; i < KT_ARRAY_LEN(values); i++)
        add_value(y, &root, values[i]);
    for (unsigned i = 0; i < KT_ARRAY_LEN(rules); i++)
        add_rules(y, &root, rules[i]);
    for (unsigned i = 0; i < m->n_secret; i++)
        add_secret(y, &root, &m->secret[i]);
    for (unsigned i = 0; i < m->n_extract; i++)
        add_paths(y, &root, m->extract[i].path);
    add_list(y, &root, m->groups);
    add_list(y, &root, m->fields);
    add_list(y, &root, more);
    m->keep = table_of(y, root);
}
