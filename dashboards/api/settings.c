/*
 * settings: the configuration as it is in force, the detectors and what they are told, the ways out
 * and how they stand. Names of files, never what is in them.
 *
 * Owns:  nothing.
 * Calls: core/config, detectors (their tables), the collector.
 */
#include "core/base/alloc.h"
#include "core/event/json.h"
#include "dashboards/api/calls.h"
#include "detectors/detector.h"
#include <string.h>

static const struct kt_node *node_of(const struct kt_conf *conf, const char *name)
{
    for (unsigned i = 0; conf != NULL && i < conf->n_detectors; i++)
        if (strcmp(conf->detectors[i].name, name) == 0)
            return conf->detectors[i].node;
    return NULL;
}

/* As they stand in the configuration, as YAML lines; `plain`: only what it says. */
static void add_options(struct kt_api *a, const struct kt_detector *det)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    KT_CLEANUP(kt_free_ptr) void *values = kt_alloc(det->options_size);
    const struct kt_node *node = node_of(a->conf, det->name);
    struct kt_error err = { 0 };
    if (node == NULL)
        kt_options_defaults(det->options, values);
    else if (kt_options_fill(a->conf->yaml, node, det->options, values, &err) != KT_OK)
        return;
    kt_options_print(det->options, values, 0, false, &text);
    kt_api_text(&a->out, "options", kt_buf_str(&text));
    kt_api_flag(&a->out, "set", node != NULL);
}

static void add_detectors(struct kt_api *a)
{
    kt_api_open(&a->out, "detectors", '[');
    for (unsigned i = 0; kt_detectors[i] != NULL; i++) {
        kt_api_open(&a->out, NULL, '{');
        kt_api_text(&a->out, "name", kt_str_of(kt_detectors[i]->name));
        kt_api_text(&a->out, "summary", kt_str_of(kt_detectors[i]->summary));
        add_options(a, kt_detectors[i]);
        kt_api_close(&a->out, '}');
    }
    kt_api_close(&a->out, ']');
}

/* Which secrets are canaries, and who may touch them, is what an intruder would ask first. */
static void add_conf(struct kt_api *a, const char *key, bool defaults)
{
    bool all = a->role >= KT_ROLE_ADMIN;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (a->conf != NULL)
        kt_conf_print_without(a->conf, defaults, all ? NULL : "canaries", &text);
    if (!all && text.len > 0)
        kt_buf_addz(&text, "# canaries: are for admins to see\n");
    kt_api_text(&a->out, key, kt_buf_str(&text));
}

/* A blob that holds JSON of the collector's own making, or null. */
static enum kt_status add_blob(struct kt_api *a, const char *key, const char *name,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    enum kt_status status = kt_reader_get(a->ask->reader, name, &text, err);
    if (status != KT_OK && status != KT_E_AGAIN)
        return status;
    kt_api_raw(&a->out, key, kt_str_trim(kt_buf_str(&text)));
    return KT_OK;
}

enum kt_status kt_api_settings(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf live = { 0 };
    struct kt_error away = { 0 };
    bool there =
        kt_api_collector(a, KT_STR("{\"do\":\"status\"}"), KT_API_LOOK_S, &live, &away) == KT_OK;
    kt_api_open(&a->out, NULL, '{');
    add_conf(a, "written", false);
    add_conf(a, "effective", true);
    add_detectors(a);
    if (add_blob(a, "detection", "status/detect", err) != KT_OK)
        return err->code;
    kt_api_raw(&a->out, "collector", there ? kt_str_trim(kt_buf_str(&live)) : KT_STR_NONE);
    kt_api_text(&a->out, "collector_away", there ? KT_STR_NONE : kt_str_of(away.text));
    kt_api_close(&a->out, '}');
    return KT_OK;
}

enum kt_status kt_api_status(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf live = { 0 };
    struct kt_error away = { 0 };
    struct kt_store_stats s;
    if (kt_reader_stats(a->ask->reader, &s, err) != KT_OK)
        return err->code;
    bool there =
        kt_api_collector(a, KT_STR("{\"do\":\"status\"}"), KT_API_LOOK_S, &live, &away) == KT_OK;
    kt_api_open(&a->out, NULL, '{');
    kt_api_open(&a->out, "store", '{');
    kt_api_u64(&a->out, "records", s.records);
    kt_api_u64(&a->out, "events", s.events);
    kt_api_u64(&a->out, "duplicates", s.duplicates);
    kt_api_u64(&a->out, "conflicts", s.conflicts);
    kt_api_u64(&a->out, "file_bytes", s.file_bytes);
    kt_api_time(&a->out, "first", s.first_time);
    kt_api_time(&a->out, "last", s.last_time);
    kt_api_close(&a->out, '}');
    kt_api_raw(&a->out, "collector", there ? kt_str_trim(kt_buf_str(&live)) : KT_STR_NONE);
    kt_api_text(&a->out, "collector_away", there ? KT_STR_NONE : kt_str_of(away.text));
    kt_api_close(&a->out, '}');
    return KT_OK;
}
