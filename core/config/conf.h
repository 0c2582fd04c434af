/* conf: the sections of keytrail.yaml, for reading (conf.c) and printing (conf_print.c). */
#pragma once
#include "core/config/tree.h"

/* A top key: a table that fills struct kt_conf, or a function for lists and maps of maps. Both: the
 * function reads the table and what stands beside it, also where the key is not given. */
struct kt_conf_section {
    const char *name;
    const struct kt_option *table;
    KT_MUST_USE enum kt_status (*load)(struct kt_conf *c, const struct kt_node *n,
                                       struct kt_error *err);
    bool later; /* read, not used yet */
};
extern const struct kt_conf_section kt_conf_sections[]; /* ended by a NULL name */
extern const struct kt_option kt_conf_top_table[], kt_conf_store_table[], kt_conf_collector_table[],
    kt_conf_geoip_table[], kt_conf_network_table[], kt_conf_canary_table[],
    kt_conf_maintenance_table[], kt_conf_deploy_table[], kt_conf_holidays_table[],
    kt_conf_target_table[], kt_conf_links_table[], kt_conf_route_table[],
    kt_conf_escalation_table[], kt_conf_quiet_table[], kt_conf_stream_table[], kt_conf_copy_table[];
/* Reads identities_file: from the disk, or out of c->files when it is a recorded configuration. */
KT_MUST_USE enum kt_status kt_conf_identities(struct kt_conf *c, bool recorded,
                                              struct kt_error *err);
/* Reads the files of rules: they join c->files. */
KT_MUST_USE enum kt_status kt_conf_rules(struct kt_conf *c, struct kt_error *err);
/* Reads alerts.routes; targets are read before. */
KT_MUST_USE enum kt_status kt_conf_routes(struct kt_conf *c, struct kt_error *err);
/* The top key `streams`. */
KT_MUST_USE enum kt_status kt_conf_streams(struct kt_conf *c, const struct kt_node *n,
                                           struct kt_error *err);
/* The top key `checkpoints`. */
KT_MUST_USE enum kt_status kt_conf_checkpoints(struct kt_conf *c, const struct kt_node *n,
                                               struct kt_error *err);
/* `dashboard` and what is below it, read with or without a node; does it fit together? */
extern const struct kt_option kt_conf_dashboard_table[], kt_conf_answers_table[];
KT_MUST_USE enum kt_status kt_conf_dashboard(struct kt_conf *c, const struct kt_node *n,
                                             struct kt_error *err);
KT_MUST_USE enum kt_status kt_conf_dashboard_check(const struct kt_conf *c, struct kt_error *err);
/* The same of `rollup`. */
extern const struct kt_option kt_conf_rollup_table[];
KT_MUST_USE enum kt_status kt_conf_rollup_check(const struct kt_conf *c, struct kt_error *err);
/* The error of a value: at its place in the file, or without one when it came from elsewhere. */
KT_MUST_USE enum kt_status kt_conf_refuse(const struct kt_conf *c, const char *section,
                                          const char *key, const char *why, struct kt_error *err);
/* Keys that would put a secret into the configuration, whatever the table of a type says. */
KT_MUST_USE enum kt_status kt_conf_refuse_inline(struct kt_conf *c, const struct kt_node *map,
                                                 struct kt_error *err);
