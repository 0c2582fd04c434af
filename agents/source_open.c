/*
 * source_open: a source of the configuration, with the input that reads it.
 *
 * Owns:  both.
 * Calls: inputs, source_file.
 */
#include "agents/source_open.h"

enum kt_status kt_source_open(const struct kt_conf_source *conf, const struct kt_input_env *env,
                              struct kt_source_opened *o, struct kt_error *err)
{
    struct kt_input_env with = *env;
    o->conf = *conf;
    o->type = kt_input_find(kt_str_of(conf->input));
    if (kt_source_file_open(conf->type, conf->mapping, &o->file, err) != KT_OK ||
        kt_source_file_options(&o->file, env->yaml, conf->node, &o->conf.node, err) != KT_OK)
        return err->code;
    if (o->type == NULL)
        return kt_fail(err, KT_E_CONFIG, "there is no input '%s': keytrail-agent source list",
                       conf->input);
    with.source = o->file.source;
    with.conf = &o->conf;
    return o->type->open(&with, &o->input, err);
}

struct kt_pipeline_options kt_source_pipeline(const struct kt_source_opened *o)
{
    return (struct kt_pipeline_options){
        .source = o->file.source,
        .instance = kt_str_of(o->conf.id),
        .cluster = kt_str_of(o->conf.cluster),
        .body = KT_JSON_SIMDJSON,
        .settings = o->file.settings,
    };
}

void kt_source_close(struct kt_source_opened *o)
{
    if (o->input != NULL)
        o->type->close(o->input);
    o->input = NULL;
    kt_source_file_done(&o->file);
}
