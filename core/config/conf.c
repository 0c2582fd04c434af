/*
 * conf: keytrail.yaml, the collector's configuration.
 *
 * Owns:  the configuration it hands out; every string in it lives in its tree.
 * Calls: core/base, yaml, options.
 * Holds: what a later release uses is read and checked like the rest, and listed in not_used_yet.
 */
#include "core/config/conf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"

#define SYSTEM_FOLDER   "/etc/keytrail/"
#define RETENTION_MIN   (365 * KT_NS_DAY)
#define DEPLOY_MAX      (7 * KT_NS_DAY)
#define SOCKET_PATH_MAX 107u /* sockaddr_un */
#define LATER_MAX       32u

/* ---- tables ---- */

#define AT(field) offsetof(struct kt_conf, field)
const struct kt_option kt_conf_top_table[] = {
    { "deployment", KT_OPT_STRING, "keytrail", AT(deployment), "name shown in alerts and reports",
      false, false },
    { "identities_file", KT_OPT_PATH, "", AT(identities_file),
      "aliases, kind, team and time zone of actors", false, false },
    { "production", KT_OPT_LIST, "", AT(production), "globs of secrets that matter most", false,
      false },
    { "not_production", KT_OPT_LIST, "", AT(not_production), "globs of secrets that do not", false,
      false },
    { "break_glass", KT_OPT_LIST, "", AT(break_glass),
      "globs of secrets, roles and actors that are kept for emergencies", false, false },
    { "rules", KT_OPT_LIST, "", AT(rules), "Sigma rules: files, or folders of *.yml", false,
      false },
    KT_OPTIONS_END,
};
const struct kt_option kt_conf_store_table[] = {
    { "path", KT_OPT_PATH, "", AT(store_path), "the database", false, false },
    { "retention", KT_OPT_DURATION, "400d", AT(retention),
      "how long lines are kept: a 12-month period and the weeks of fieldwork", false, false },
    { "allow_short_retention", KT_OPT_BOOL, "false", AT(allow_short_retention),
      "true lets retention be under 365d", false, false },
    KT_OPTIONS_END,
};
const struct kt_option kt_conf_collector_table[] = {
    { "listen", KT_OPT_STRING, "tcp://127.0.0.1:7420", AT(listen), "where agents connect", false,
      false },
    { "key_file", KT_OPT_SECRET_FILE, "keys/collector.key", AT(key_file),
      "the collector's keys, 0600", false, false },
    { "log_key_file", KT_OPT_SECRET_FILE, "keys/log.key", AT(log_key_file),
      "the key that signs checkpoints, 0600; opened by the signer alone", false, false },
    { "signer_dir", KT_OPT_PATH, "", AT(signer_dir),
      "what the signer has signed last: a folder of its own, in no backup of the store", false,
      false },
    { "agents_dir", KT_OPT_PATH, "agents.d", AT(agents_dir), "one file for each allowed agent",
      false, false },
    { "control", KT_OPT_PATH, "", AT(control), "Unix socket of the commands", false, false },
    KT_OPTIONS_END,
};
const struct kt_option kt_conf_geoip_table[] = {
    { "databases", KT_OPT_LIST, "auto", AT(geoip), "auto, or .mmdb files", false, false },
    KT_OPTIONS_END,
};
const struct kt_option kt_conf_holidays_table[] = {
    { "zone", KT_OPT_STRING, "UTC", AT(holidays_zone), "time zone of the days", false, false },
    { "days", KT_OPT_LIST, "", AT(holidays), "days like 2026-12-25", false, false },
    KT_OPTIONS_END,
};
#undef AT

#define AT(field) offsetof(struct network_options, field)
struct network_options {
    const char *name;
    struct kt_strings cidr, actors;
    bool place;
};
const struct kt_option kt_conf_network_table[] = {
    { "name", KT_OPT_STRING, NULL, AT(name), "shown in alerts", false, false },
    { "cidr", KT_OPT_LIST, NULL, AT(cidr), "networks like 198.51.100.0/24", false, false },
    { "actors", KT_OPT_LIST, "", AT(actors), "globs; empty = everybody", false, false },
    { "place", KT_OPT_BOOL, "false", AT(place),
      "true: an office, whoever comes from there is there; false: it may be a way out, as of a VPN",
      false, false },
    KT_OPTIONS_END,
};
#undef AT

#define AT(field) offsetof(struct kt_conf_canary, field)
const struct kt_option kt_conf_canary_table[] = {
    { "secret", KT_OPT_STRING, NULL, AT(secret), "a secret that nobody has business with", false,
      false },
    { "allow", KT_OPT_LIST, "", AT(allow), "actors that may touch it", false, false },
    KT_OPTIONS_END,
};
#undef AT

#define AT(field) offsetof(struct maintenance_options, field)
struct maintenance_options {
    struct kt_conf_maintenance m;
    const char *from, *until; /* read again with their marks */
};
const struct kt_option kt_conf_maintenance_table[] = {
    { "source", KT_OPT_STRING, NULL, AT(m.source), "instance", false, false },
    { "from", KT_OPT_STRING, NULL, AT(from), "time like 2026-11-28T22:00Z", false, false },
    { "until", KT_OPT_STRING, NULL, AT(until), "time", false, false },
    { "reason", KT_OPT_STRING, "", AT(m.reason), "ticket", false, false },
    { "by", KT_OPT_STRING, "", AT(m.by), "who announced it", false, false },
    KT_OPTIONS_END,
};
#undef AT

#define AT(field) offsetof(struct deploy_options, field)
struct deploy_options {
    struct kt_conf_deploy d;
    const char *from, *until; /* read again with their marks */
};
const struct kt_option kt_conf_deploy_table[] = {
    { "source", KT_OPT_STRING, "", AT(d.source), "glob of the instance or type", false, false },
    { "actor", KT_OPT_STRING, "", AT(d.actor), "glob of the services", false, false },
    { "secret", KT_OPT_STRING, "", AT(d.secret), "glob of what they read", false, false },
    { "from", KT_OPT_STRING, NULL, AT(from), "time like 2026-11-28T22:00Z", false, false },
    { "until", KT_OPT_STRING, NULL, AT(until), "time, at most 7 days later", false, false },
    { "reason", KT_OPT_STRING, "", AT(d.reason), "ticket", false, false },
    { "by", KT_OPT_STRING, "", AT(d.by), "who announced it", false, false },
    KT_OPTIONS_END,
};
#undef AT

#define AT(field) offsetof(struct kt_conf_target, field)
const struct kt_option kt_conf_target_table[] = {
    { "type", KT_OPT_STRING, NULL, AT(type), "slack, pagerduty, webhook …", false, false },
    { "allow_private", KT_OPT_BOOL, "false", AT(allow_private),
      "true allows loopback and private addresses and http://", false, false },
    { "ca_file", KT_OPT_PATH, "", AT(ca_file), "certificates to trust instead of the system's",
      false, false },
    { "proxy", KT_OPT_STRING, "", AT(proxy), "http://host:port", false, false },
    { "changes", KT_OPT_BOOL, "false", AT(changes),
      "true tells it of changed settings, new sources and upgrades, too", false, false },
    KT_OPTIONS_END,
};
#undef AT
static const char *const target_keys[] = { "type",  "allow_private", "ca_file",
                                           "proxy", "changes",       NULL };

/* ---- what is accepted and not used yet ---- */

static void note_later(struct kt_conf *c, const char *section, const struct kt_node *key)
{
    char text[KT_KEY_MAX + 64];
    (void)snprintf(text, sizeof text, "%s%s" KT_STR_FMT " (line %u)", section,
                   section[0] != '\0' ? "." : "", KT_STR_ARG(key->key), key->key_line);
    assert(c->not_used_yet.n < LATER_MAX);
    c->not_used_yet.at[c->not_used_yet.n++] = kt_yaml_keepz(c->yaml, kt_str_of(text));
}

static void note_table(struct kt_conf *c, const char *section, const struct kt_option *table,
                       const struct kt_node *map)
{
    for (const struct kt_option *o = table; o->name != NULL; o++) {
        const struct kt_node *n = o->later ? kt_node_get(map, o->name) : NULL;
        if (n != NULL)
            note_later(c, section, n);
    }
}

/* ---- sections that are lists or maps of maps ---- */

/* An array for the elements of n, which is a list of maps; no list gives an empty one. */
static enum kt_status list_of_maps(struct kt_conf *c, const struct kt_node *n, size_t size,
                                   void **ret, struct kt_error *err)
{
    if (!kt_node_is_null(n) && kt_node_expect(c->yaml, n, KT_NODE_LIST, err) != KT_OK)
        return KT_E_CONFIG;
    for (const struct kt_node *e = n->first; e != NULL; e = e->next)
        if (kt_node_expect(c->yaml, e, KT_NODE_MAP, err) != KT_OK)
            return KT_E_CONFIG;
    *ret = kt_yaml_keep(c->yaml, kt_node_count(n) * size);
    return KT_OK;
}

static enum kt_status load_network(struct kt_conf *c, const struct kt_node *n,
                                   struct kt_conf_network *ret, struct kt_error *err)
{
    struct network_options o = { 0 };
    if (kt_options_fill(c->yaml, n, kt_conf_network_table, &o, err) != KT_OK)
        return KT_E_CONFIG;
    const struct kt_node *cidr = kt_node_get(n, "cidr");
    ret->name = o.name;
    ret->actors = o.actors;
    ret->place = o.place;
    ret->cidr = kt_yaml_keep(c->yaml, o.cidr.n * sizeof *ret->cidr);
    const struct kt_node *at = cidr->type == KT_NODE_LIST ? cidr->first : cidr;
    for (unsigned i = 0; i < o.cidr.n; i++, at = at->next) {
        struct kt_error why = { 0 };
        if (kt_cidr_parse(kt_str_of(o.cidr.at[i]), &ret->cidr[i], &why) != KT_OK)
            return kt_node_fail(c->yaml, at, err, "'cidr': %s", why.text);
    }
    ret->n_cidr = o.cidr.n;
    return KT_OK;
}

static enum kt_status load_networks(struct kt_conf *c, const struct kt_node *n,
                                    struct kt_error *err)
{
    void *at = NULL;
    if (list_of_maps(c, n, sizeof *c->networks, &at, err) != KT_OK)
        return KT_E_CONFIG;
    c->networks = at;
    for (const struct kt_node *e = n->first; e != NULL; e = e->next)
        if (load_network(c, e, &c->networks[c->n_networks++], err) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

static enum kt_status load_canaries(struct kt_conf *c, const struct kt_node *n,
                                    struct kt_error *err)
{
    void *at = NULL;
    if (list_of_maps(c, n, sizeof *c->canaries, &at, err) != KT_OK)
        return KT_E_CONFIG;
    c->canaries = at;
    for (const struct kt_node *e = n->first; e != NULL; e = e->next)
        if (kt_options_fill(c->yaml, e, kt_conf_canary_table, &c->canaries[c->n_canaries++], err) !=
            KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

static enum kt_status load_maintenance(struct kt_conf *c, const struct kt_node *n,
                                       struct kt_error *err)
{
    void *at = NULL;
    if (list_of_maps(c, n, sizeof *c->maintenance, &at, err) != KT_OK)
        return KT_E_CONFIG;
    c->maintenance = at;
    for (const struct kt_node *e = n->first; e != NULL; e = e->next) {
        struct maintenance_options o = { 0 };
        if (kt_options_fill(c->yaml, e, kt_conf_maintenance_table, &o, err) != KT_OK ||
            kt_conf_time(c->yaml, e, "from", false, &o.m.from, err) != KT_OK ||
            kt_conf_time(c->yaml, e, "until", true, &o.m.until, err) != KT_OK)
            return KT_E_CONFIG;
        if (o.m.until <= o.m.from)
            return kt_node_fail(c->yaml, kt_node_get(e, "until"), err,
                                "'until' does not lie after 'from'");
        c->maintenance[c->n_maintenance++] = o.m;
    }
    return KT_OK;
}

static bool names(const char *glob)
{
    return glob != NULL && kt_glob_names(kt_str_of(glob), 3);
}

static enum kt_status load_deploys(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    void *at = NULL;
    if (list_of_maps(c, n, sizeof *c->deploys, &at, err) != KT_OK)
        return KT_E_CONFIG;
    c->deploys = at;
    for (const struct kt_node *e = n->first; e != NULL; e = e->next) {
        struct deploy_options o = { 0 };
        if (kt_options_fill(c->yaml, e, kt_conf_deploy_table, &o, err) != KT_OK ||
            kt_conf_time(c->yaml, e, "from", false, &o.d.from, err) != KT_OK ||
            kt_conf_time(c->yaml, e, "until", true, &o.d.until, err) != KT_OK)
            return KT_E_CONFIG;
        if (o.d.until <= o.d.from || o.d.until - o.d.from > DEPLOY_MAX)
            return kt_node_fail(c->yaml, kt_node_get(e, "until"), err,
                                "'until' lies after 'from', by 7 days at most");
        if (!names(o.d.source) && !names(o.d.actor) && !names(o.d.secret))
            return kt_node_fail(c->yaml, e, err,
                                "a deploy of everything would excuse everything: name a source, "
                                "an actor or a secret");
        c->deploys[c->n_deploys++] = o.d;
    }
    return KT_OK;
}

static enum kt_status load_detectors(struct kt_conf *c, const struct kt_node *n,
                                     struct kt_error *err)
{
    static const char *const nothing[] = { NULL };
    if (kt_node_is_null(n))
        return KT_OK;
    if (kt_node_expect(c->yaml, n, KT_NODE_MAP, err) != KT_OK)
        return KT_E_CONFIG;
    c->detectors = kt_yaml_keep(c->yaml, kt_node_count(n) * sizeof *c->detectors);
    for (const struct kt_node *e = n->first; e != NULL; e = e->next) {
        if (!kt_node_is_null(e) && kt_node_expect(c->yaml, e, KT_NODE_MAP, err) != KT_OK)
            return KT_E_CONFIG;
        c->detectors[c->n_detectors++] = (struct kt_conf_detector){
            .name = kt_yaml_keepz(c->yaml, e->key),
            .node = kt_node_without(c->yaml, e, nothing),
        };
    }
    return KT_OK;
}

/* Whatever the target's own table says, these never stand in a configuration. */
enum kt_status kt_conf_refuse_inline(struct kt_conf *c, const struct kt_node *map,
                                     struct kt_error *err)
{
    static const char *const secrets[] = { "url",      "secret",  "routing_key", "token",
                                           "password", "api_key", "key",         "webhook_url" };
    for (size_t i = 0; i < KT_ARRAY_LEN(secrets); i++) {
        const struct kt_node *n = kt_node_get(map, secrets[i]);
        if (n != NULL)
            return kt_key_fail(c->yaml, n, err,
                               "'%s' would put a secret here: write it to a file (0600) and name "
                               "that with '%s_file'",
                               secrets[i], secrets[i]);
    }
    return KT_OK;
}

static enum kt_status load_target(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    struct kt_conf_target *t = &c->targets[c->n_targets++];
    if (kt_node_expect(c->yaml, n, KT_NODE_MAP, err) != KT_OK ||
        kt_conf_refuse_inline(c, n, err) != KT_OK)
        return KT_E_CONFIG;
    t->name = kt_yaml_keepz(c->yaml, n->key);
    t->node = kt_node_without(c->yaml, n, target_keys);
    return kt_options_fill(c->yaml, kt_node_only(c->yaml, n, target_keys), kt_conf_target_table, t,
                           err);
}

const struct kt_option kt_conf_links_table[] = {
    { "alert", KT_OPT_STRING, "", offsetof(struct kt_conf, link_alert),
      "https://… of an alert's page, with {id}", false, false },
    { "runbook", KT_OPT_STRING, "", offsetof(struct kt_conf, link_runbook),
      "https://… of what to do, with {detector}", false, false },
    { "acknowledge", KT_OPT_STRING, "", offsetof(struct kt_conf, link_ack),
      "https://… under which dashboard.answers is reached: messages carry a link that acknowledges",
      false, false },
    { "acknowledge_key_file", KT_OPT_SECRET_FILE, "", offsetof(struct kt_conf, link_ack_key_file),
      "key (0600) that those links are signed with: keytrail alerts link --keygen", false, false },
    KT_OPTIONS_END,
};

static enum kt_status load_links(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    if (kt_options_fill(c->yaml, n, kt_conf_links_table, c, err) != KT_OK)
        return KT_E_CONFIG;
    const char *const links[] = { c->link_alert, c->link_runbook, c->link_ack };
    for (size_t i = 0; i < KT_ARRAY_LEN(links); i++) {
        struct kt_str s = kt_str_of(links[i]);
        bool fine = s.len <= 1000 && (s.len == 0 || kt_str_starts(s, KT_STR("https://")));
        for (size_t k = 0; k < s.len; k++)
            fine = fine && s.at[k] > ' ' && s.at[k] < 0x7F && strchr("<>|\"\\", s.at[k]) == NULL;
        if (!fine)
            return kt_key_fail(c->yaml, n, err,
                               "'%s' of alerts.links must begin with https:// and hold no blanks",
                               kt_conf_links_table[i].name);
    }
    if (c->link_ack != NULL && strpbrk(c->link_ack, "?#{") != NULL)
        return kt_key_fail(c->yaml, n, err,
                           "'acknowledge' of alerts.links is what a path is put behind: no ?, # or "
                           "{");
    if ((c->link_ack == NULL) != (c->link_ack_key_file == NULL))
        return kt_key_fail(c->yaml, n, err,
                           "'acknowledge' and 'acknowledge_key_file' of alerts.links go together");
    return KT_OK;
}

static enum kt_status load_alerts(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    static const struct kt_option none[] = { KT_OPTIONS_END };
    static const char *const keys[] = { "routes", "targets", "links", NULL };
    if (kt_options_fill_beside(c->yaml, n, none, keys, NULL, err) != KT_OK)
        return KT_E_CONFIG;
    const struct kt_node *routes = kt_node_get(n, "routes"), *targets = kt_node_get(n, "targets");
    void *unused = NULL;
    if (load_links(c, kt_node_get(n, "links"), err) != KT_OK)
        return KT_E_CONFIG;
    if (routes != NULL && list_of_maps(c, routes, 1, &unused, err) != KT_OK)
        return KT_E_CONFIG;
    if (targets == NULL || kt_node_is_null(targets))
        return KT_OK;
    if (kt_node_expect(c->yaml, targets, KT_NODE_MAP, err) != KT_OK)
        return KT_E_CONFIG;
    c->targets = kt_yaml_keep(c->yaml, kt_node_count(targets) * sizeof *c->targets);
    for (const struct kt_node *e = targets->first; e != NULL; e = e->next)
        if (load_target(c, e, err) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

/* ---- the whole ---- */

const struct kt_conf_section kt_conf_sections[] = {
    { "store", kt_conf_store_table, NULL, false },
    { "collector", kt_conf_collector_table, NULL, false },
    { "geoip", kt_conf_geoip_table, NULL, false },
    { "networks", NULL, load_networks, false },
    { "canaries", NULL, load_canaries, false },
    { "maintenance", NULL, load_maintenance, false },
    { "deploys", NULL, load_deploys, false },
    { "holidays", kt_conf_holidays_table, NULL, false },
    { "detectors", NULL, load_detectors, false },
    { "alerts", NULL, load_alerts, false },
    { "streams", NULL, kt_conf_streams, false },
    { "checkpoints", NULL, kt_conf_checkpoints, false },
    { "dashboard", kt_conf_dashboard_table, kt_conf_dashboard, false },
    { "rollup", kt_conf_rollup_table, NULL, false },
    { NULL, NULL, NULL, false },
};
static const char *const section_names[] = { "store",     "collector",   "geoip",   "networks",
                                             "canaries",  "maintenance", "deploys", "holidays",
                                             "detectors", "alerts",      "streams", "checkpoints",
                                             "dashboard", "rollup",      NULL };

static enum kt_status load_section(struct kt_conf *c, const struct kt_conf_section *s, bool env,
                                   struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(kt_yaml_root(c->yaml), s->name);
    if (n != NULL && s->later)
        note_later(c, "", n);
    if (s->load != NULL)
        return n != NULL || s->table != NULL ? s->load(c, n, err) : KT_OK;
    if (kt_options_fill(c->yaml, n, s->table, c, err) != KT_OK)
        return KT_E_CONFIG;
    return env ? kt_options_env(c->yaml, s->table, s->name, c, err) : KT_OK;
}

static enum kt_status load_geoip(struct kt_conf *c, struct kt_error *err)
{
    c->geoip_auto = c->geoip.n == 1 && strcmp(c->geoip.at[0], "auto") == 0;
    if (c->geoip_auto)
        c->geoip = (struct kt_strings){ NULL, 0 };
    for (unsigned i = 0; i < c->geoip.n; i++) {
        enum kt_status st = kt_yaml_path(c->yaml, kt_str_of(c->geoip.at[i]), &c->geoip.at[i], err);
        if (st != KT_OK)
            return kt_wrap(err, "%s: geoip.databases", c->path);
    }
    return KT_OK;
}

/* In the store's folder, under a name that does not begin with the store's: a restore by
 * `cp backup/keytrail.db*` must not take the signer's memory back as well. */
static const char *signer_beside(const struct kt_conf *c)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    struct kt_str store = kt_str_of(c->store_path);
    size_t name = (size_t)(kt_str_rfind_byte(store, '/') + 1);
    kt_buf_add(&b, kt_str_from(store.at, name));
    kt_buf_addz(&b, "signer.");
    kt_buf_add(&b, kt_str_from_index(store, name));
    return kt_yaml_keepz(c->yaml, kt_buf_str(&b));
}

/* Files of a configuration that is not the system's stay in its folder. */
static enum kt_status place_defaults(struct kt_conf *c, struct kt_error *err)
{
    bool system = kt_str_starts(kt_str_of(kt_yaml_name(c->yaml)), KT_STR(SYSTEM_FOLDER));
    if (c->store_path == NULL &&
        kt_yaml_path(c->yaml,
                     system ? KT_STR("/var/lib/keytrail/keytrail.db") : KT_STR("keytrail.db"),
                     &c->store_path, err) != KT_OK)
        return KT_E_CONFIG;
    if (c->signer_dir == NULL)
        c->signer_dir = signer_beside(c);
    if (system && c->dashboard.control == NULL)
        c->dashboard.control = "/run/keytrail-dashboard/control.sock";
    if (c->dashboard.control == NULL &&
        kt_yaml_path(c->yaml, KT_STR("dashboard.sock"), &c->dashboard.control, err) != KT_OK)
        return KT_E_CONFIG;
    if (c->control != NULL)
        return KT_OK;
    if (!system && kt_yaml_path(c->yaml, KT_STR("control.sock"), &c->control, err) != KT_OK)
        return KT_E_CONFIG;
    if (system || strlen(c->control) > SOCKET_PATH_MAX)
        c->control = "/run/keytrail/control.sock";
    return KT_OK;
}

enum kt_status kt_conf_refuse(const struct kt_conf *c, const char *section, const char *key,
                              const char *why, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(kt_node_get(kt_yaml_root(c->yaml), section), key);
    return n != NULL ? kt_node_fail(c->yaml, n, err, "'%s': %s", key, why)
                     : kt_fail(err, KT_E_CONFIG, "%s: %s.%s: %s", c->path, section, key, why);
}

/* A day that nobody can read would excuse nothing, and nobody would notice. */
static enum kt_status check_holidays(const struct kt_conf *c, struct kt_error *err)
{
    for (unsigned i = 0; i < c->holidays.n; i++) {
        char text[64];
        kt_time_ns t;
        (void)snprintf(text, sizeof text, "%.10sT00:00:00Z", c->holidays.at[i]);
        if (strlen(c->holidays.at[i]) == 10 && kt_time_parse(kt_str_of(text), &t, NULL) == KT_OK)
            continue;
        (void)snprintf(text, sizeof text, "'%.20s': write days like 2026-12-25", c->holidays.at[i]);
        return kt_conf_refuse(c, "holidays", "days", text, err);
    }
    return KT_OK;
}

static enum kt_status check(const struct kt_conf *c, struct kt_error *err)
{
    if (c->retention < RETENTION_MIN && !c->allow_short_retention)
        return kt_conf_refuse(
            c, "store", "retention",
            "auditors ask for a year: at least 365d, or set allow_short_retention: true", err);
    if (!kt_str_starts(kt_str_of(c->listen), KT_STR("tcp://")))
        return kt_conf_refuse(c, "collector", "listen", "write tcp://address:port", err);
    if (strlen(c->control) > SOCKET_PATH_MAX)
        return kt_conf_refuse(c, "collector", "control",
                              "longer than 107 bytes, which no socket takes", err);
    if (check_holidays(c, err) != KT_OK || kt_conf_dashboard_check(c, err) != KT_OK)
        return KT_E_CONFIG;
    return kt_conf_rollup_check(c, err);
}

static enum kt_status fill(struct kt_conf *c, bool env, struct kt_error *err)
{
    const struct kt_node *root = kt_yaml_root(c->yaml);
    if (kt_options_fill_beside(c->yaml, root, kt_conf_top_table, section_names, c, err) != KT_OK)
        return KT_E_CONFIG;
    note_table(c, "", kt_conf_top_table, root);
    for (const struct kt_conf_section *s = kt_conf_sections; s->name != NULL; s++)
        if (load_section(c, s, env, err) != KT_OK)
            return KT_E_CONFIG;
    if (place_defaults(c, err) != KT_OK || load_geoip(c, err) != KT_OK)
        return KT_E_CONFIG;
    return check(c, err) == KT_OK ? kt_conf_identities(c, !env, err) : KT_E_CONFIG;
}

static struct kt_conf *conf_of(struct kt_yaml *y)
{
    struct kt_conf *c = kt_alloc(sizeof *c);
    c->yaml = y;
    c->path = kt_yaml_name(y);
    c->not_used_yet.at = kt_yaml_keep(y, LATER_MAX * sizeof *c->not_used_yet.at);
    memcpy(c->digest, kt_yaml_digest(y), sizeof c->digest);
    c->identities = kt_identities_new();
    return c;
}

/* The log records it whole: what does not fit there is refused here, not when it is taken. */
static enum kt_status check_size(const struct kt_conf *c, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_conf_print(c, true, &text);
    size_t all = text.len;
    for (unsigned i = 0; i < c->n_files; i++) {
        all += c->files[i].text.len;
        if (strlen(c->files[i].name) > KT_KEY_MAX)
            return kt_fail(err, KT_E_CONFIG, "the path '%.80s…' is longer than %u bytes",
                           c->files[i].name, KT_KEY_MAX);
    }
    return all <= KT_SETTINGS_MAX
               ? KT_OK
               : kt_fail(err, KT_E_CONFIG, "%s and the files that it names are larger than %u MiB",
                         c->path, KT_SETTINGS_MAX >> 20);
}

enum kt_status kt_conf_load(const char *path, struct kt_conf **ret, struct kt_error *err)
{
    struct kt_yaml *y = NULL;
    enum kt_status st = kt_yaml_load(path, &y, err);
    if (st != KT_OK)
        return st;
    struct kt_conf *c = conf_of(y);
    st = fill(c, true, err);
    if (st == KT_OK)
        st = kt_conf_routes(c, err);
    if (st == KT_OK)
        st = kt_conf_rules(c, err);
    if (st == KT_OK)
        st = check_size(c, err);
    if (st != KT_OK) {
        kt_conf_free(c);
        return st;
    }
    *ret = c;
    return KT_OK;
}

static void keep_files(struct kt_conf *c, const struct kt_conf_file *files, unsigned n)
{
    c->files = kt_yaml_keep(c->yaml, n * sizeof *c->files);
    for (unsigned i = 0; i < n; i++) {
        const char *text = kt_yaml_keepz(c->yaml, files[i].text);
        c->files[i] =
            (struct kt_conf_file){ .of = files[i].of,
                                   .name = kt_yaml_keepz(c->yaml, kt_str_of(files[i].name)),
                                   .text = kt_str_from(text, files[i].text.len) };
    }
    c->n_files = n;
}

enum kt_status kt_conf_parse(struct kt_str text, const char *name, const struct kt_conf_file *files,
                             unsigned n_files, struct kt_conf **ret, struct kt_error *err)
{
    struct kt_yaml *y = NULL;
    enum kt_status st = kt_yaml_parse(text, name, &y, err);
    if (st != KT_OK)
        return st;
    struct kt_conf *c = conf_of(y);
    keep_files(c, files, n_files);
    st = fill(c, false, err);
    if (st != KT_OK) {
        kt_conf_free(c);
        return st;
    }
    *ret = c;
    return KT_OK;
}

struct kt_conf *kt_conf_defaults(void)
{
    struct kt_yaml *y = NULL;
    struct kt_error err = { 0 };
    enum kt_status st = kt_yaml_parse(KT_STR(""), SYSTEM_FOLDER "keytrail.yaml", &y, &err);
    assert(st == KT_OK);
    struct kt_conf *c = conf_of(y);
    st = fill(c, false, &err);
    assert(st == KT_OK);
    (void)st;
    c->path = NULL;
    return c;
}

void kt_conf_free(struct kt_conf *c)
{
    if (c == NULL)
        return;
    kt_identities_free(c->identities);
    kt_yaml_free(c->yaml);
    kt_free(c);
}
