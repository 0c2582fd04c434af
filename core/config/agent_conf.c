/*
 * agent_conf: agent.yaml.
 *
 * Owns:  the configuration it hands out; every string in it lives in its tree.
 * Calls: core/base, yaml, options.
 * Holds: the keys of a source entry that are not listed here stay in its node, for the option table
 *        of its input.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/config/tree.h"

#define STANDBY_AFTER_MIN (30 * KT_NS_S) /* a connection is given up after as much silence */

#define AT(field) offsetof(struct kt_agent_conf, field)
static const struct kt_option top_table[] = {
    { "agent", KT_OPT_STRING, NULL, AT(agent), "name of this agent in the collector's allow-list",
      false, false },
    { "key_file", KT_OPT_SECRET_FILE, "keys/agent.key", AT(key_file),
      "the agent's keys, 0600; keytrail-agent keygen writes one", false, false },
    KT_OPTIONS_END,
};
static const char *const top_sections[] = { "collector", "spool", "alarm", "sources", NULL };

struct collector_options {
    const char *endpoint, *public_key, *log_key;
};
#define LOG_KEY_HELP                                                                                    \
    "key of its log (keytrail/…+…+…), as the collector prints it; without it the first one that " \
    "is shown is remembered"
static const struct kt_option collector_table[] = {
    { "endpoint", KT_OPT_STRING, NULL, offsetof(struct collector_options, endpoint),
      "tcp://host:port of the collector", false, false },
    { "public_key", KT_OPT_STRING, NULL, offsetof(struct collector_options, public_key),
      "its CURVE public key, 40 characters of Z85", false, false },
    { "log_key", KT_OPT_STRING, "", offsetof(struct collector_options, log_key), LOG_KEY_HELP,
      false, false },
    KT_OPTIONS_END,
};
static const char *const collector_sections[] = { "standby", NULL };

struct standby_options {
    const char *endpoint, *public_key, *log_key;
    kt_time_ns after;
};
static const struct kt_option standby_table[] = {
    { "endpoint", KT_OPT_STRING, NULL, offsetof(struct standby_options, endpoint),
      "tcp://host:port of the collector to speak to while the first does not answer", false,
      false },
    { "public_key", KT_OPT_STRING, NULL, offsetof(struct standby_options, public_key),
      "its own CURVE public key", false, false },
    { "log_key", KT_OPT_STRING, "", offsetof(struct standby_options, log_key),
      "key of its own log, likewise", false, false },
    { "after", KT_OPT_DURATION, "5m", offsetof(struct standby_options, after),
      "silence of the first, at least 30s", false, false },
    KT_OPTIONS_END,
};
static const struct kt_option alarm_table[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, AT(alarm.url_file),
      "file with the URL that is told when a collector's log contradicts itself, or is not shown "
      "any more",
      false, false },
    { "allow_private", KT_OPT_BOOL, "false", AT(alarm.allow_private),
      "permits https to private addresses and http to this host", false, false },
    { "ca_file", KT_OPT_PATH, "", AT(alarm.ca_file),
      "certificates to trust instead of the system's", false, false },
    { "proxy", KT_OPT_STRING, "", AT(alarm.proxy), "http://host:port", false, false },
    KT_OPTIONS_END,
};
static const struct kt_option spool_table[] = {
    { "path", KT_OPT_PATH, "", AT(spool_path), "folder of lines that are not acknowledged yet",
      false, false },
    { "max", KT_OPT_SIZE, "4GiB", AT(spool_max), "its size at most; then reading stops", false,
      false },
    KT_OPTIONS_END,
};
#undef AT

#define AT(field) offsetof(struct kt_conf_source, field)
static const struct kt_option source_table[] = {
    { "id", KT_OPT_STRING, NULL, AT(id), "name of the instance", false, false },
    { "type", KT_OPT_STRING, NULL, AT(type), "source: vault, cloudtrail …", false, false },
    { "input", KT_OPT_STRING, "tail", AT(input), "how bytes arrive", false, false },
    { "path", KT_OPT_PATH, "", AT(path), "file, folder or glob", false, false },
    { "cluster", KT_OPT_STRING, "", AT(cluster), "label in secret ids; default: the id", false,
      false },
    { "mapping", KT_OPT_PATH, "", AT(mapping), "file that names the fields of its records", false,
      false },
    { "exclude", KT_OPT_LIST, "", AT(exclude), "globs of files to leave out", false, false },
    KT_OPTIONS_END,
};
#undef AT
static const char *const source_keys[] = { "id",      "type",    "input",   "path",
                                           "cluster", "mapping", "exclude", NULL };

const struct kt_conf_table kt_agent_conf_tables[] = {
    { "", NULL, top_table },
    { "collector", NULL, collector_table },
    { "collector.standby", NULL, standby_table },
    { "spool", NULL, spool_table },
    { "alarm", NULL, alarm_table },
    { "sources[]", NULL, source_table },
    { NULL, NULL, NULL },
};

const struct kt_option *kt_conf_source_options(void)
{
    return source_table;
}

static enum kt_status check_endpoint(struct kt_agent_conf *c, const struct kt_node *n,
                                     const char *endpoint, struct kt_error *err)
{
    if (!kt_str_starts(kt_str_of(endpoint), KT_STR("tcp://")))
        return kt_node_fail(c->yaml, kt_node_get(n, "endpoint"), err,
                            "'endpoint': write tcp://host:port");
    return KT_OK;
}

static enum kt_status load_key(struct kt_agent_conf *c, const struct kt_node *n, const char *key,
                               uint8_t ret[32], struct kt_error *err)
{
    if (!kt_z85_decode(kt_str_of(key), ret))
        return kt_node_fail(c->yaml, kt_node_get(n, "public_key"), err,
                            "'public_key': a key has 40 characters of Z85; the collector prints "
                            "its own");
    return KT_OK;
}

static enum kt_status load_standby(struct kt_agent_conf *c, const struct kt_node *n,
                                   struct kt_error *err)
{
    struct standby_options o = { 0 };
    if (n == NULL || kt_node_is_null(n))
        return KT_OK;
    if (kt_options_fill(c->yaml, n, standby_table, &o, err) != KT_OK ||
        check_endpoint(c, n, o.endpoint, err) != KT_OK ||
        load_key(c, n, o.public_key, c->standby_key, err) != KT_OK)
        return KT_E_CONFIG;
    /* What an agent remembers of a collector, it remembers by its key. */
    if (memcmp(c->standby_key, c->server_key, sizeof c->standby_key) == 0)
        return kt_node_fail(c->yaml, kt_node_get(n, "public_key"), err,
                            "'public_key': the stand-by has a key of its own");
    if (strcmp(o.endpoint, c->endpoint) == 0)
        return kt_node_fail(c->yaml, kt_node_get(n, "endpoint"), err,
                            "'endpoint': the stand-by has an address of its own");
    if (o.after < STANDBY_AFTER_MIN)
        return kt_node_fail(c->yaml, kt_node_get(n, "after"), err, "'after': 30s at least");
    c->standby = o.endpoint;
    c->standby_log_key = o.log_key;
    c->standby_after = o.after;
    return KT_OK;
}

static enum kt_status load_collector(struct kt_agent_conf *c, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(kt_yaml_root(c->yaml), "collector");
    struct collector_options o = { 0 };
    if (n == NULL)
        return kt_fail(err, KT_E_CONFIG, "%s: 'collector' with endpoint and public_key is missing",
                       c->path);
    if (kt_options_fill_beside(c->yaml, n, collector_table, collector_sections, &o, err) != KT_OK ||
        check_endpoint(c, n, o.endpoint, err) != KT_OK)
        return KT_E_CONFIG;
    struct kt_str key = kt_str_of(o.public_key);
    if (kt_str_starts(key, KT_STR("<")) && kt_str_ends(key, KT_STR(">")))
        c->placeholder = kt_node_get(n, "public_key")->key_line;
    else if (load_key(c, n, o.public_key, c->server_key, err) != KT_OK)
        return KT_E_CONFIG;
    c->endpoint = o.endpoint;
    c->log_key = o.log_key;
    return load_standby(c, kt_node_get(n, "standby"), err);
}

static enum kt_status load_alarm(struct kt_agent_conf *c, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(kt_yaml_root(c->yaml), "alarm");
    if (n == NULL || kt_node_is_null(n))
        return KT_OK;
    return kt_options_fill(c->yaml, n, alarm_table, c, err);
}

static enum kt_status load_spool(struct kt_agent_conf *c, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(kt_yaml_root(c->yaml), "spool");
    if (kt_options_fill(c->yaml, n, spool_table, c, err) != KT_OK)
        return KT_E_CONFIG;
    if (c->spool_path != NULL)
        return KT_OK;
    bool system = kt_str_starts(kt_str_of(c->path), KT_STR("/etc/keytrail/"));
    return kt_yaml_path(c->yaml, system ? KT_STR("/var/lib/keytrail-agent") : KT_STR("spool"),
                        &c->spool_path, err);
}

/* An instance named twice would share one position. */
static enum kt_status check_id(const struct kt_agent_conf *c, const struct kt_node *entry,
                               const struct kt_conf_source *s, struct kt_error *err)
{
    const struct kt_node *id = kt_node_get(entry, "id");
    if (!kt_conf_name_ok(kt_str_of(s->id)))
        return kt_node_fail(c->yaml, id, err, "'id': up to %u of A-Z a-z 0-9 . _ -", KT_NAME_MAX);
    for (unsigned i = 0; i < c->n_sources; i++)
        if (strcmp(c->sources[i].id, s->id) == 0)
            return kt_node_fail(c->yaml, id, err, "'%s' is the id of another source", s->id);
    return KT_OK;
}

static enum kt_status load_sources(struct kt_agent_conf *c, struct kt_error *err)
{
    const struct kt_node *list = kt_node_get(kt_yaml_root(c->yaml), "sources");
    if (list == NULL || kt_node_is_null(list))
        return KT_OK;
    if (kt_node_expect(c->yaml, list, KT_NODE_LIST, err) != KT_OK)
        return KT_E_CONFIG;
    c->sources = kt_yaml_keep(c->yaml, kt_node_count(list) * sizeof *c->sources);
    for (const struct kt_node *n = list->first; n != NULL; n = n->next) {
        struct kt_conf_source s = { 0 };
        if (kt_node_expect(c->yaml, n, KT_NODE_MAP, err) != KT_OK)
            return KT_E_CONFIG;
        /* the rest of the keys is for the table of its input */
        if (kt_options_fill(c->yaml, kt_node_only(c->yaml, n, source_keys), source_table, &s,
                            err) != KT_OK ||
            check_id(c, n, &s, err) != KT_OK)
            return KT_E_CONFIG;
        s.cluster = s.cluster != NULL ? s.cluster : s.id;
        s.node = kt_node_without(c->yaml, n, source_keys);
        c->sources[c->n_sources++] = s;
    }
    return KT_OK;
}

enum kt_status kt_agent_conf_load(const char *path, struct kt_agent_conf **ret,
                                  struct kt_error *err)
{
    struct kt_yaml *y = NULL;
    enum kt_status st = kt_yaml_load(path, &y, err);
    if (st != KT_OK)
        return st;
    struct kt_agent_conf *c = kt_alloc(sizeof *c);
    c->yaml = y;
    c->path = kt_yaml_name(y);
    st = kt_options_fill_beside(y, kt_yaml_root(y), top_table, top_sections, c, err);
    if (st == KT_OK && !kt_conf_name_ok(kt_str_of(c->agent)))
        st = kt_node_fail(y, kt_node_get(kt_yaml_root(y), "agent"), err,
                          "'agent': up to %u of A-Z a-z 0-9 . _ -", KT_NAME_MAX);
    if (st == KT_OK)
        st = load_collector(c, err);
    if (st == KT_OK)
        st = load_spool(c, err);
    if (st == KT_OK)
        st = load_alarm(c, err);
    if (st == KT_OK)
        st = load_sources(c, err);
    if (st != KT_OK) {
        kt_agent_conf_free(c);
        return st;
    }
    *ret = c;
    return KT_OK;
}

void kt_agent_conf_free(struct kt_agent_conf *c)
{
    if (c == NULL)
        return;
    kt_yaml_free(c->yaml);
    kt_free(c);
}

void kt_agent_conf_print(const struct kt_agent_conf *c, struct kt_buf *out)
{
    char key[KT_Z85_KEY];
    kt_options_print(top_table, c, 0, false, out);
    kt_buf_addz(out, "collector:\n  endpoint: ");
    kt_yaml_scalar_add(out, kt_str_of(c->endpoint));
    kt_buf_addf(out, "\n  public_key: \"%s\"\n", kt_z85_encode(c->server_key, key));
    if (c->log_key != NULL) {
        kt_buf_addz(out, "  log_key: ");
        kt_yaml_scalar_add(out, kt_str_of(c->log_key));
        kt_buf_byte(out, '\n');
    }
    if (c->standby != NULL) {
        const struct standby_options o = { c->standby, kt_z85_encode(c->standby_key, key),
                                           c->standby_log_key, c->standby_after };
        kt_buf_addz(out, "  standby:\n");
        kt_options_print(standby_table, &o, 4, false, out);
    }
    kt_buf_addz(out, "spool:\n");
    kt_options_print(spool_table, c, 2, false, out);
    if (c->alarm.url_file != NULL) {
        kt_buf_addz(out, "alarm:\n");
        kt_options_print(alarm_table, c, 2, false, out);
    }
    kt_buf_addz(out, c->n_sources > 0 ? "sources:\n" : "sources: []\n");
    for (unsigned i = 0; i < c->n_sources; i++) {
        size_t start = out->len;
        kt_options_print(source_table, &c->sources[i], 4, false, out);
        out->at[start + 2] = '-';
        kt_node_print_members(c->sources[i].node, 4, out);
    }
}
