/*
 * conf_streams: the top key `streams` of keytrail.yaml: where every event goes besides the store.
 *
 * Owns:  nothing: every string lives in the configuration's tree.
 * Calls: yaml, options.
 */
#include "core/config/conf.h"

#include <string.h>

#include "core/base/limits.h"

#define AT(field) offsetof(struct kt_conf_stream, field)
const struct kt_option kt_conf_stream_table[] = {
    { "type", KT_OPT_STRING, NULL, AT(type), "files, clickhouse, postgresql …", false, false },
    { "match", KT_OPT_STRING, "", AT(match),
      "a query: what is streamed; every access event when it is not given", false, false },
    { "alerts", KT_OPT_BOOL, "true", AT(alerts), "false leaves out alerts", false, false },
    { "since", KT_OPT_STRING, "now", AT(since_text),
      "now, a time like 2026-01-01, or beginning: where a new stream starts", false, false },
    { "allow_private", KT_OPT_BOOL, "false", AT(allow_private),
      "true allows loopback and private addresses, and http:// to loopback", false, false },
    { "ca_file", KT_OPT_PATH, "", AT(ca_file), "certificates to trust instead of the system's",
      false, false },
    { "proxy", KT_OPT_STRING, "", AT(proxy), "http://host:port", false, false },
    KT_OPTIONS_END,
};
#undef AT
static const char *const stream_keys[] = { "type",          "match",   "alerts", "since",
                                           "allow_private", "ca_file", "proxy",  NULL };

static enum kt_status load_since(struct kt_conf *c, const struct kt_node *map,
                                 struct kt_conf_stream *s, struct kt_error *err)
{
    s->since = KT_STREAM_SINCE_NOW;
    if (strcmp(s->since_text, "beginning") == 0)
        s->since = KT_STREAM_SINCE_BEGINNING;
    else if (strcmp(s->since_text, "now") != 0)
        return kt_conf_time(c->yaml, map, "since", false, &s->since, err);
    return KT_OK;
}

static enum kt_status load_stream(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    struct kt_conf_stream *s = &c->streams[c->n_streams++];
    if (kt_node_expect(c->yaml, n, KT_NODE_MAP, err) != KT_OK ||
        kt_conf_refuse_inline(c, n, err) != KT_OK)
        return KT_E_CONFIG;
    if (!kt_conf_name_ok(n->key))
        return kt_key_fail(c->yaml, n, err,
                           "a stream's name is 1 to %u of A-Z a-z 0-9 . _ -: its position is kept "
                           "under it",
                           KT_NAME_MAX);
    s->name = kt_yaml_keepz(c->yaml, n->key);
    s->node = kt_node_without(c->yaml, n, stream_keys);
    const struct kt_node *own = kt_node_only(c->yaml, n, stream_keys);
    if (kt_options_fill(c->yaml, own, kt_conf_stream_table, s, err) != KT_OK)
        return KT_E_CONFIG;
    return load_since(c, own, s, err);
}

enum kt_status kt_conf_streams(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    if (kt_node_is_null(n))
        return KT_OK;
    if (kt_node_expect(c->yaml, n, KT_NODE_MAP, err) != KT_OK)
        return KT_E_CONFIG;
    if (kt_node_count(n) > KT_STREAMS_MAX)
        return kt_node_fail(c->yaml, n, err, "more than %u streams", KT_STREAMS_MAX);
    c->streams = kt_yaml_keep(c->yaml, kt_node_count(n) * sizeof *c->streams);
    for (const struct kt_node *e = n->first; e != NULL; e = e->next)
        if (load_stream(c, e, err) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}
