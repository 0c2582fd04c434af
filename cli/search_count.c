/*
 * search_count: `search --by`: how many records, or how many different values, by fields and time.
 *
 * Owns:  nothing.
 * Calls: core/query; stdout.
 */
#include <stdio.h>

#include "cli/search.h"
#include "core/query/group.h"

#define COLUMNS_MAX (KT_GROUP_KEYS_MAX + 2)

/* Heads are the names as asked for; "IP" for ip. */
struct heads {
    char name[COLUMNS_MAX][24], title[COLUMNS_MAX][24];
    struct kt_column column[COLUMNS_MAX];
    unsigned n;
};

static void add_head(struct heads *h, struct kt_str name, bool right)
{
    unsigned i = h->n++;
    kt_str_copyz(h->name[i], sizeof h->name[i], name);
    kt_str_copyz(h->title[i], sizeof h->title[i], name);
    for (char *c = h->title[i]; *c != 0; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c == '_' ? ' ' : *c;
    h->column[i] = (struct kt_column){ h->name[i], h->title[i], right ? 0 : 80, right };
}

static const char *when(enum kt_group_time how, kt_time_ns t, char text[KT_TIME_TEXT_MAX])
{
    static const unsigned length[] = {
        [KT_GROUP_HOUR] = 13, [KT_GROUP_DAY] = 10, [KT_GROUP_MONTH] = 7
    };
    (void)kt_time_format(t, text);
    text[length[how]] = 0;
    return text;
}

static void print(struct kt_search *s, const struct kt_group_spec *spec, struct kt_groups *groups)
{
    static const char *const units[] = { "", "hour", "day", "month" };
    struct heads heads = { .n = 0 };
    struct kt_str rest = kt_str_of(s->by), name;
    if (spec->time != KT_GROUP_NO_TIME)
        add_head(&heads, kt_str_of(units[spec->time]), false);
    while (kt_str_split(&rest, ',', &name))
        if (!kt_str_is(name, units[spec->time]))
            add_head(&heads, name, false);
    add_head(&heads, s->distinct == NULL ? KT_STR("count") : KT_STR("different"), true);
    size_t n;
    const struct kt_group *group = kt_groups_list(groups, s->top, &n);
    struct kt_rows *rows = kt_rows_new(s->how, heads.column, heads.n, !s->no_header);
    for (size_t i = 0; i < n; i++) {
        struct kt_cell cell[COLUMNS_MAX];
        char text[KT_TIME_TEXT_MAX];
        unsigned at = 0;
        if (spec->time != KT_GROUP_NO_TIME)
            cell[at++] = kt_cell_str(kt_str_of(when(spec->time, group[i].time, text)));
        for (unsigned k = 0; k < spec->keys; k++)
            cell[at++] = kt_cell_str(group[i].key[k]);
        cell[at] = kt_cell_int((int64_t)group[i].count);
        kt_rows_add(rows, cell);
    }
    kt_rows_end(rows);
    s->found = n > 0;
}

enum kt_status kt_search_count(struct kt_search *s, struct kt_error *err)
{
    struct kt_group_spec spec;
    struct kt_groups *groups = NULL;
    if (kt_group_parse(kt_str_of(s->by), &spec, err) != KT_OK)
        return kt_wrap(err, "--by");
    if (s->distinct != NULL) {
        spec.distinct = kt_group_column(kt_str_of(s->distinct));
        if (spec.distinct == KT_COL_NONE)
            return kt_fail(err, KT_E_INPUT,
                           "--distinct: '%s' cannot be counted: a field as --by takes it",
                           s->distinct);
    }
    struct kt_damage damage = { 0 };
    s->scan.damage = &damage;
    if (kt_group_run(s->reader, &s->scan, s->query, s->facts, &spec, &groups, &s->cost, err) !=
        KT_OK)
        return err->code;
    print(s, &spec, groups);
    kt_groups_free(groups);
    if (damage.places > 0)
        (void)kt_search_goes_on(s, KT_E_CORRUPT, &damage.first);
    return KT_OK;
}
