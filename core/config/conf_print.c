/*
 * conf_print: effective values of keytrail.yaml as YAML.
 *
 * Owns:  nothing.
 * Calls: conf's tables, options, yaml.
 * Holds: no secret is printed, because none is ever read: only paths of secret files are here.
 */
#include "core/config/conf.h"

#include <string.h>

/* geoip.databases is a list that may be the word auto: its field holds only the list. */
static void print_geoip(const struct kt_conf *c, bool with_help, struct kt_buf *out)
{
    kt_buf_addz(out, "  databases: ");
    if (c->geoip_auto)
        kt_buf_addz(out, "auto");
    else
        kt_yaml_list_add(out, c->geoip);
    kt_buf_addz(out, with_help ? "   # auto, or .mmdb files\n" : "\n");
}

static void print_list(const struct kt_node *n, struct kt_buf *out)
{
    for (const struct kt_node *e = n->first; e != NULL; e = e->next) {
        kt_buf_addz(out, "  - ");
        kt_node_print(e, out);
        kt_buf_byte(out, '\n');
    }
}

/* Maps and lists by name: what is below alerts, streams and checkpoints. */
static void print_named(const struct kt_node *n, struct kt_buf *out)
{
    for (const struct kt_node *e = n->first; e != NULL; e = e->next) {
        kt_buf_addf(out, "  " KT_STR_FMT ":\n", KT_STR_ARG(e->key));
        if (e->type == KT_NODE_LIST)
            print_list(e, out);
        else if (e->type == KT_NODE_MAP)
            kt_node_print_members(e, 4, out);
    }
}

/* What stands below dashboard beside its table. */
static void print_answers(const struct kt_conf *c, const struct kt_node *dashboard, bool defaults,
                          struct kt_buf *out)
{
    const struct kt_node *n = kt_node_get(dashboard, "answers");
    if (c->dashboard.answers.listen == NULL && !defaults)
        return;
    kt_buf_addz(out, "  answers:\n");
    kt_options_print_given(kt_conf_answers_table, c, defaults ? NULL : n, 4, defaults, out);
}

static void print_section(const struct kt_conf *c, const struct kt_conf_section *s, bool defaults,
                          struct kt_buf *out)
{
    const struct kt_node *n = kt_node_get(kt_yaml_root(c->yaml), s->name);
    bool given = n != NULL && n->first != NULL;
    if (!given && (!defaults || s->table == NULL))
        return;
    kt_buf_addf(out, "%s:\n", s->name);
    if (kt_str_is(kt_str_of(s->name), "geoip"))
        print_geoip(c, defaults, out);
    else if (s->table != NULL)
        kt_options_print_given(s->table, c, defaults ? NULL : n, 2, defaults, out);
    else if (kt_str_is(kt_str_of(s->name), "alerts") || kt_str_is(kt_str_of(s->name), "streams") ||
             kt_str_is(kt_str_of(s->name), "checkpoints"))
        print_named(n, out);
    else if (n->type == KT_NODE_LIST)
        print_list(n, out);
    else
        kt_node_print_members(n, 2, out);
    if (s->table == kt_conf_dashboard_table)
        print_answers(c, n, defaults, out);
}

void kt_conf_print_without(const struct kt_conf *c, bool defaults, const char *without,
                           struct kt_buf *out)
{
    const struct kt_node *root = kt_yaml_root(c->yaml);
    kt_options_print_given(kt_conf_top_table, c, defaults ? NULL : root, 0, defaults, out);
    for (const struct kt_conf_section *s = kt_conf_sections; s->name != NULL; s++)
        if (without == NULL || strcmp(s->name, without) != 0)
            print_section(c, s, defaults, out);
}

void kt_conf_print(const struct kt_conf *c, bool defaults, struct kt_buf *out)
{
    kt_conf_print_without(c, defaults, NULL, out);
}

void kt_conf_print_key(const struct kt_conf *c, const char *key, struct kt_buf *out)
{
    struct kt_option one[] = { KT_OPTIONS_END, KT_OPTIONS_END };
    for (const struct kt_option *o = kt_conf_top_table; o->name != NULL; o++) {
        if (!kt_str_is(kt_str_of(o->name), key))
            continue;
        one[0] = *o;
        kt_options_print_given(one, c, NULL, 0, false, out);
    }
    for (const struct kt_conf_section *s = kt_conf_sections; s->name != NULL; s++) {
        if (kt_str_is(kt_str_of(s->name), key))
            print_section(c, s, true, out);
    }
}
