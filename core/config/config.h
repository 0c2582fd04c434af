/*
 * config: YAML (libfyaml, the only includer) -> tree with line marks -> option tables -> structs.
 * Unknown key = KT_E_CONFIG with "file:line:column: unknown key 'x', did you mean 'y'?". YAML
 * subset: no anchors, aliases, tags, merges; <= 1 MiB; depth <= 16.
 */
#pragma once
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/ip.h"
#include "core/config/identities.h"
#include "core/config/option.h"

/* ---- tree ---- */
enum kt_node_type { KT_NODE_SCALAR, KT_NODE_LIST, KT_NODE_MAP };
struct kt_node {
    enum kt_node_type type;
    unsigned line, column; /* 1-based, of the value */
    struct kt_str key;     /* in a map */
    unsigned key_line, key_column;
    struct kt_str scalar;         /* NUL-ended too */
    bool quoted;                  /* "…" or '…': stays a string */
    struct kt_node *first, *next; /* children */
};
struct kt_yaml;
KT_MUST_USE enum kt_status kt_yaml_load(const char *path, struct kt_yaml **ret,
                                        struct kt_error *err);
KT_MUST_USE enum kt_status kt_yaml_parse(struct kt_str text, const char *name, struct kt_yaml **ret,
                                         struct kt_error *err);
/* The same for a text that is no configuration; 0: as for one. */
struct kt_yaml_bounds {
    size_t bytes;
    unsigned members; /* of one map or list */
    unsigned above;   /* lines of the file above the text: its errors count them */
};
KT_MUST_USE enum kt_status kt_yaml_parse_within(const struct kt_yaml_bounds *bounds,
                                                struct kt_str text, const char *name,
                                                struct kt_yaml **ret, struct kt_error *err);
void kt_yaml_free(struct kt_yaml *y);
const struct kt_node *kt_yaml_root(const struct kt_yaml *y);
const char *kt_yaml_name(const struct kt_yaml *y);
const struct kt_node *kt_node_get(const struct kt_node *map, const char *key);
unsigned kt_node_count(const struct kt_node *n);
bool kt_node_is_null(const struct kt_node *n); /* "key:" without a value, ~ or null */
KT_MUST_USE enum kt_status kt_node_expect(const struct kt_yaml *y, const struct kt_node *n,
                                          enum kt_node_type type, struct kt_error *err);
/* "file:line:column: …" (KT_E_CONFIG) of a value, or of its key. */
KT_MUST_USE enum kt_status kt_node_fail(const struct kt_yaml *y, const struct kt_node *n,
                                        struct kt_error *err, const char *fmt, ...) KT_PRINTF(4, 5);
KT_MUST_USE enum kt_status kt_key_fail(const struct kt_yaml *y, const struct kt_node *n,
                                       struct kt_error *err, const char *fmt, ...) KT_PRINTF(4, 5);
/* A copy of map (children are shared) without the keys of the NULL-ended list; null gives an empty
 * map. */
const struct kt_node *kt_node_without(const struct kt_yaml *y, const struct kt_node *map,
                                      const char *const *keys);
/* The same with only the keys of the list. */
const struct kt_node *kt_node_only(const struct kt_yaml *y, const struct kt_node *map,
                                   const char *const *keys);
/* n zeroed bytes that live as long as y; never NULL. */
void *kt_yaml_keep(const struct kt_yaml *y, size_t n);
const char *kt_yaml_keepz(const struct kt_yaml *y, struct kt_str s);
/* drop(p) when y is freed: for what was made of its text and is more than bytes. */
void kt_yaml_own(const struct kt_yaml *y, void *p, void (*drop)(void *p));
/* Fills out from map by the table: the default, or what the file gives. Strings live in y. Paths
 * are absolute or relative to the file's folder afterwards; ${CREDENTIALS_DIRECTORY} is expanded.
 * An absent string or path whose default is "" is NULL. map may be NULL: defaults. Unknown keys,
 * wrong types and missing required keys are KT_E_CONFIG with their place. */
KT_MUST_USE enum kt_status kt_options_fill(const struct kt_yaml *y, const struct kt_node *map,
                                           const struct kt_option *table, void *out,
                                           struct kt_error *err);
/* The same without keeping anything: would it load? */
KT_MUST_USE enum kt_status kt_options_check(const struct kt_yaml *y, const struct kt_node *map,
                                            const struct kt_option *table, struct kt_error *err);
/* The same, passing over the keys of `beside` (NULL-ended), which others read. */
KT_MUST_USE enum kt_status kt_options_fill_beside(const struct kt_yaml *y,
                                                  const struct kt_node *map,
                                                  const struct kt_option *table,
                                                  const char *const *beside, void *out,
                                                  struct kt_error *err);
/* The defaults alone; a list's default is "" or one word. A default that does not parse aborts. */
void kt_options_defaults(const struct kt_option *table, void *out);
/* One option by text, for --set detector.option=value. */
KT_MUST_USE enum kt_status kt_options_set(const struct kt_option *table, void *out,
                                          struct kt_arena *keep, struct kt_str name,
                                          struct kt_str value, struct kt_error *err);
/* "  key: value   # help" lines of effective values; secret files as their path. */
void kt_options_print(const struct kt_option *table, const void *values, unsigned indent,
                      bool with_help, struct kt_buf *out);

/* ---- tables, for the manual: what each part of the two files is read by ---- */
struct kt_conf_table {
    const char *where; /* "store", "alerts.routes[]", "streams.NAME"; "": the file itself */
    const char *about; /* a sentence, or NULL */
    const struct kt_option *table;
};
extern const struct kt_conf_table kt_conf_tables[]; /* each up to one without a where */
extern const struct kt_conf_table kt_agent_conf_tables[];

/* ---- samples, for init: commented files that load as they stand ---- */
void kt_conf_sample_collector(const char *dir, struct kt_buf *out);
void kt_conf_sample_identities(const char *dir, struct kt_buf *out);
void kt_conf_sample_agent(const char *dir, const char *agent, const char *endpoint,
                          const char *public_key, struct kt_buf *out); /* public_key: Z85 */

/* ---- keytrail.yaml ---- */
struct kt_conf_network {
    const char *name;
    struct kt_cidr *cidr;
    unsigned n_cidr;
    struct kt_strings actors; /* globs; empty = everybody */
    bool place;               /* who comes from there is there: an office, and no way out */
};
struct kt_conf_canary {
    const char *secret;
    struct kt_strings allow;
};
struct kt_conf_maintenance {
    const char *source, *reason, *by; /* source names an instance */
    kt_time_ns from, until;
};
struct kt_conf_deploy { /* globs; empty = any, but not all of them */
    const char *source, *actor, *secret, *reason, *by;
    kt_time_ns from, until;
};
struct kt_conf_target {
    const char *name, *type;
    const struct kt_node *node; /* its own keys alone (not type, allow_private, ca_file, proxy): the
                                   exporter's table reads them by kt_options_fill */
    bool allow_private, changes; /* changes: is told of settings, sources and versions too */
    const char *ca_file, *proxy;
};
struct kt_conf_escalation {
    kt_time_ns after; /* of those in `to` being told */
    struct kt_strings to;
};
struct kt_conf_quiet {
    uint16_t from_min, until_min; /* minutes of the local day; until <= from: of the day after */
    uint8_t days;                 /* on which they begin; bit 0 = Monday */
    const char *zone;             /* "Europe/Berlin" */
    const char *except;           /* query over an alert; NULL: nothing is excepted */
    const struct kt_node *node;
};
struct kt_conf_route {
    const char *match;                   /* query over an alert; NULL: every alert */
    struct kt_strings to;                /* names of targets, at least one */
    struct kt_strings fallback;          /* of targets */
    kt_time_ns repeat;                   /* 0: never */
    bool go_on;                          /* later routes are asked as well */
    struct kt_conf_escalation *escalate; /* by `after` */
    unsigned n_escalate;
    struct kt_conf_quiet *quiet;
    unsigned n_quiet;
    const struct kt_node *node;
};
#define KT_STREAM_SINCE_NOW       INT64_MAX
#define KT_STREAM_SINCE_BEGINNING INT64_MIN
struct kt_conf_stream {
    const char *name, *type, *match;
    const struct kt_node *node; /* the type's own keys alone */
    bool alerts, allow_private;
    kt_time_ns since;       /* of the first event; or one of the two above */
    const char *since_text; /* as written */
    const char *ca_file, *proxy;
};
enum kt_copy_type { KT_COPY_FILE, KT_COPY_WEBHOOK, KT_COPY_S3, KT_COPY_WITNESS };
struct kt_conf_copy { /* of checkpoints, outside: `checkpoints` in keytrail.yaml; texts may be NULL
                       */
    const char *name, *type_name;
    enum kt_copy_type type;
    kt_time_ns every, retain;
    const char *path, *url_file, *secret_file, *credentials_file;
    const char *region, *prefix, *lock_mode; /* s3 */
    const char *vkey;                        /* of a witness */
    const char *ca_file, *proxy;
    bool allow_private;
};
struct kt_conf_detector {
    const char *name;
    const struct kt_node *node; /* its options; an empty map when the file gives none */
};
struct kt_conf_answers { /* `dashboard.answers`: where senders' answers come in; NULL: not given */
    const char *listen;  /* tcp://address:port or unix:/path; NULL: nobody is listened to */
    const char *cert_file, *tls_key_file; /* PEM; both or none */
    const char *pagerduty_secret_file, *slack_secret_file;
    struct kt_strings slack_teams; /* ids of workspaces (T…) that may press; none: any */
    struct kt_strings link_keys;   /* public halves of the keys that links are signed with */
};
struct kt_conf_dashboard {   /* the page: `dashboard` in keytrail.yaml */
    const char *listen;      /* tcp://address:port or unix:/path */
    struct kt_strings hosts; /* names it is reached by, besides those of this host's loopback */
    const char *cert_file, *tls_key_file;         /* PEM; both or none */
    const char *users_file, *proxy_header;        /* or NULL */
    struct kt_strings proxies;                    /* networks; the Unix socket always counts */
    const char *reports_dir, *metrics_token_file; /* or NULL */
    const char *control;                          /* the page's own socket; NULL: none */
    const char *user; /* it runs as, and the collector hears as such; NULL: as the collector */
    struct kt_conf_answers answers;
};
struct kt_conf_rollup { /* `rollup` in keytrail.yaml */
    const char *path;   /* NULL: none is made */
    kt_time_ns every;
    bool secret_names;
};
enum kt_conf_file_of { KT_FILE_IDENTITIES, KT_FILE_RULES, KT_FILE_OF_END };
struct kt_conf_file { /* a file that the configuration names, by its path */
    enum kt_conf_file_of of;
    const char *name;
    struct kt_str text;
};
struct kt_conf {
    const char *path; /* of the file */
    const char *deployment;
    const char *store_path;
    kt_time_ns retention;
    bool allow_short_retention;                           /* under 365 days */
    const char *listen, *key_file, *agents_dir, *control; /* collector.* */
    const char *log_key_file, *signer_dir;
    struct kt_strings geoip; /* empty = auto */
    bool geoip_auto;
    struct kt_conf_network *networks;
    unsigned n_networks;
    const char *identities_file;
    struct kt_identities *identities; /* of the file; of nobody without one */
    struct kt_strings production, not_production;
    struct kt_strings break_glass; /* globs of secrets, roles, actors kept for emergencies */
    struct kt_strings rules;       /* files and folders of *.yml, *.yaml, as written */
    struct kt_conf_canary *canaries;
    unsigned n_canaries;
    struct kt_conf_maintenance *maintenance;
    unsigned n_maintenance;
    struct kt_conf_deploy *deploys;
    unsigned n_deploys;
    const char *holidays_zone;
    struct kt_strings holidays;
    struct kt_conf_detector *detectors;
    unsigned n_detectors;
    const char *link_alert, *link_runbook; /* alerts.links: URLs with {id}, {detector}; or NULL */
    const char *link_ack, *link_ack_key_file; /* https://… of the answers' listener, and the key
                                                 that its links are signed with; or NULL */
    struct kt_conf_target *targets;
    unsigned n_targets;
    struct kt_conf_route *routes; /* in their order; none of a recorded configuration */
    unsigned n_routes;
    struct kt_conf_stream *streams;
    unsigned n_streams;
    struct kt_conf_copy *copies;
    unsigned n_copies;
    struct kt_conf_dashboard dashboard;
    struct kt_conf_rollup rollup;
    struct kt_conf_file *files; /* what belongs to it besides its own text */
    unsigned n_files;
    struct kt_strings not_used_yet; /* "section.key (line 31)" */
    uint8_t digest[32];             /* SHA-256 of the text, for the config record; with files of
                                       their digests, too */
    struct kt_yaml *yaml;           /* owner of every string */
};
/* Relative paths are taken from the file's folder. Checks what can be checked without opening other
 * files but identities_file and rules, which are read here. KEYTRAIL_SECTION__KEY of the
 * environment (KEYTRAIL_STORE__PATH) overrides single values of store, collector and geoip. Outside
 * /etc/keytrail the database and the control socket default to the file's folder. */
KT_MUST_USE enum kt_status kt_conf_load(const char *path, struct kt_conf **ret,
                                        struct kt_error *err);
/* A configuration from its text and its files, as records of the log hold them: nothing is read
 * from disk or the environment. name stands in errors. */
KT_MUST_USE enum kt_status kt_conf_parse(struct kt_str text, const char *name,
                                         const struct kt_conf_file *files, unsigned n_files,
                                         struct kt_conf **ret, struct kt_error *err);
/* Defaults only: what holds where nothing is configured. */
struct kt_conf *kt_conf_defaults(void);
void kt_conf_free(struct kt_conf *c);
/* Effective values as YAML, without secrets; defaults = also those not in the file. */
void kt_conf_print(const struct kt_conf *c, bool defaults, struct kt_buf *out);
/* The same without one top key and what is below; NULL: all. */
void kt_conf_print_without(const struct kt_conf *c, bool defaults, const char *without,
                           struct kt_buf *out);
/* One top key of it with what is below; nothing when it is neither given nor has defaults. */
void kt_conf_print_key(const struct kt_conf *c, const char *key, struct kt_buf *out);

/* ---- agent.yaml ---- */
struct kt_conf_source {
    const char *id, *type, *input, *path, *cluster, *mapping;
    struct kt_strings exclude;
    const struct kt_node *node; /* the other keys alone: whoever opens the input fills its table
                                   from them by kt_options_fill (no table: an empty one) */
};
struct kt_agent_conf {
    const char *path, *agent, *endpoint;
    uint8_t server_key[32];
    const char *standby; /* its endpoint; NULL = none */
    uint8_t standby_key[32];
    /* The collectors' logs (docs/proof.md): text of a vkey; NULL: the first one that is shown */
    const char *log_key, *standby_log_key;
    struct {
        const char *url_file, *ca_file, *proxy; /* url_file NULL: no webhook of its own */
        bool allow_private;
    } alarm;
    kt_time_ns standby_after; /* silence of the first that makes the agent turn to it */
    unsigned placeholder; /* line of a public key that is still "<…>": checked, but nothing runs */
    const char *key_file, *spool_path;
    uint64_t spool_max;
    struct kt_conf_source *sources;
    unsigned n_sources;
    struct kt_yaml *yaml;
};
KT_MUST_USE enum kt_status kt_agent_conf_load(const char *path, struct kt_agent_conf **ret,
                                              struct kt_error *err);
void kt_agent_conf_free(struct kt_agent_conf *c);
const struct kt_option *kt_conf_source_options(void); /* the keys that every source entry has */
void kt_agent_conf_print(const struct kt_agent_conf *c, struct kt_buf *out);

/* ---- agents.d/NAME.yaml ---- */
struct kt_agent_entry {
    const char *name;
    uint8_t curve[2][32], signing[2][32]; /* two may overlap while rotating (N10) */
    unsigned n_keys;
    struct kt_strings
        sources;    /* "vault/vault-prod"; empty = any instance that no other agent owns */
    uint64_t quota; /* bytes a day, 0 = none */
    kt_time_ns not_before, not_after; /* 0 = open */
    bool revoked;
    struct kt_yaml *yaml;
};
KT_MUST_USE enum kt_status kt_agent_entry_load(const char *path, struct kt_agent_entry *ret,
                                               struct kt_error *err);
void kt_agent_entry_done(struct kt_agent_entry *e);
/* The YAML text of an entry. */
void kt_agent_entry_print(const struct kt_agent_entry *e, struct kt_buf *out);

/* ---- key files ---- two lines "curve <z85>" and "signing <base64url>", 0600 */
struct kt_key_file {
    uint8_t curve_secret[32], signing_seed[32];
};
KT_MUST_USE enum kt_status kt_key_file_read(const char *path, struct kt_key_file *ret,
                                            struct kt_error *err);
KT_MUST_USE enum kt_status kt_key_file_write(const char *path, const struct kt_key_file *k,
                                             struct kt_error *err); /* must not exist */
/* The log's key file, 0600: a line "log <base64url of the seed>"; while the key is exchanged two,
 * the older one first. */
#define KT_LOG_SEEDS 2u
struct kt_log_keys {
    unsigned n;
    uint8_t seed[KT_LOG_SEEDS][32];
};
/* KT_E_AGAIN: there is no such file. */
KT_MUST_USE enum kt_status kt_log_keys_read(const char *path, struct kt_log_keys *ret,
                                            struct kt_error *err);
/* replace: over the file that is there; else it must not exist. */
KT_MUST_USE enum kt_status kt_log_keys_write(const char *path, const struct kt_log_keys *k,
                                             bool replace, struct kt_error *err);
/* The file of the key that links of messages are signed with, 0600: one line "link <base64url of
 * the seed>". KT_E_CONFIG: there is none, or it is no such file. */
KT_MUST_USE enum kt_status kt_link_key_read(const char *path, uint8_t ret_seed[32],
                                            struct kt_error *err);
KT_MUST_USE enum kt_status kt_link_key_write(const char *path, const uint8_t seed[32],
                                             struct kt_error *err); /* must not exist */
/* Its public half, which is no secret: ktl1_ and 43 characters of base64url. */
#define KT_LINK_KEYS 4u /* of dashboard.answers.link_keys: one, two while they are exchanged */
void kt_link_public_format(const uint8_t public_key[32], struct kt_buf *out);
bool kt_link_public_parse(struct kt_str s, uint8_t ret[32]);
/* kta1_ + base64url of CURVE public key and Ed25519 public key (64 bytes). */
void kt_token_format(const uint8_t curve[32], const uint8_t signing[32], struct kt_buf *out);
bool kt_token_parse(struct kt_str token, uint8_t ret_curve[32], uint8_t ret_signing[32]);
