/*
 * source_file: finds a source by its type and reads the file that describes its records, if it
 * takes one.
 *
 * Owns:  the file's tree, in which a described source lives.
 * Calls: core/config, sources.
 */
#include "agents/source_file.h"

#include "core/base/alloc.h"
#include "core/config/config.h"

#define OPTIONS_MAX 32u

static enum kt_status unknown(const char *type, struct kt_error *err)
{
    struct kt_near near = kt_near_of(kt_str_of(type));
    for (unsigned i = 0; kt_sources[i] != NULL; i++)
        kt_near_try(&near, kt_sources[i]->name);
    if (near.name != NULL)
        return kt_fail(err, KT_E_CONFIG, "there is no type '%s', did you mean '%s'?", type,
                       near.name);
    return kt_fail(err, KT_E_CONFIG, "there is no type '%s'; keytrail-agent source list shows all",
                   type);
}

enum kt_status kt_source_file_open(const char *type, const char *file, struct kt_source_file *ret,
                                   struct kt_error *err)
{
    struct kt_source_file f = { .source = kt_source_find(kt_str_of(type)) };
    if (f.source == NULL)
        return unknown(type, err);
    if (f.source->describe == NULL && file != NULL)
        return kt_fail(err, KT_E_CONFIG, "type '%s' knows its records, it takes no mapping", type);
    if (f.source->describe != NULL && file == NULL)
        return kt_fail(err, KT_E_CONFIG,
                       "type '%s' needs 'mapping', a file that names the fields of its records",
                       type);
    if (file != NULL) {
        if (kt_yaml_load(file, &f.yaml, err) != KT_OK)
            return kt_wrap(err, "mapping");
        if (f.source->describe(f.yaml, &f.source, err) != KT_OK) {
            kt_yaml_free(f.yaml);
            return KT_E_CONFIG;
        }
    }
    *ret = f;
    return KT_OK;
}

enum kt_status kt_source_file_options(struct kt_source_file *f, const struct kt_yaml *y,
                                      const struct kt_node *node, const struct kt_node **ret_rest,
                                      struct kt_error *err)
{
    const struct kt_option *table = f->source->options;
    const char *names[OPTIONS_MAX + 1] = { NULL };
    *ret_rest = node;
    if (table == NULL)
        return KT_OK;
    for (unsigned i = 0; i < OPTIONS_MAX && table[i].name != NULL; i++)
        names[i] = table[i].name;
    kt_free(f->settings);
    f->settings = kt_alloc(f->source->options_size);
    if (y == NULL || node == NULL)
        kt_options_defaults(table, f->settings);
    else if (kt_options_fill(y, kt_node_only(y, node, names), table, f->settings, err) != KT_OK)
        return KT_E_CONFIG;
    if (f->source->check != NULL && f->source->check(f->settings, err) != KT_OK)
        return y != NULL && node != NULL
                   ? kt_wrap(err, "%s:%u:%u", kt_yaml_name(y), node->line, node->column)
                   : KT_E_CONFIG;
    if (y != NULL && node != NULL)
        *ret_rest = kt_node_without(y, node, names);
    return KT_OK;
}

void kt_source_file_done(struct kt_source_file *f)
{
    kt_free(f->settings);
    kt_yaml_free(f->yaml);
    *f = (struct kt_source_file){ 0 };
}
