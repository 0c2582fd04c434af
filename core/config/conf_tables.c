/*
 * conf_tables: where in keytrail.yaml each table reads; for the manual.
 *
 * Owns:  the list.
 * Calls: nothing.
 */
#include "core/config/conf.h"

const struct kt_conf_table kt_conf_tables[] = {
    { "", NULL, kt_conf_top_table },
    { "store", NULL, kt_conf_store_table },
    { "collector", NULL, kt_conf_collector_table },
    { "geoip", NULL, kt_conf_geoip_table },
    { "networks[]", "Places that are expected.", kt_conf_network_table },
    { "canaries[]", "Secrets that nobody has business with.", kt_conf_canary_table },
    { "maintenance[]", "Announced work on a source: its silence is no alarm.",
      kt_conf_maintenance_table },
    { "deploys[]", "An announced deploy: what is new to these services counts as one rollout.",
      kt_conf_deploy_table },
    { "holidays", NULL, kt_conf_holidays_table },
    { "detectors.NAME", "The options of each detector stand below.", NULL },
    { "alerts.routes[]", "Who is told of an alert; without routes every target is, from medium on.",
      kt_conf_route_table },
    { "alerts.routes[].escalate[]", NULL, kt_conf_escalation_table },
    { "alerts.routes[].quiet[]", NULL, kt_conf_quiet_table },
    { "alerts.targets.NAME", "Beside these, the options of its type.", kt_conf_target_table },
    { "alerts.links", NULL, kt_conf_links_table },
    { "streams.NAME", "Beside these, the options of its type.", kt_conf_stream_table },
    { "dashboard", NULL, kt_conf_dashboard_table },
    { "dashboard.answers", "Where what people do at PagerDuty and Slack comes in, and by a link.",
      kt_conf_answers_table },
    { "rollup", "A file of hourly sums for Grafana.", kt_conf_rollup_table },
    { "checkpoints.NAME", "Where copies of checkpoints go.", kt_conf_copy_table },
    { NULL, NULL, NULL },
};
