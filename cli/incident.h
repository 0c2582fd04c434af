/* incident: what the files of `keytrail incident` share. */
#pragma once
#include "cli/asking.h"
#include "core/answer/incident.h"
#include "exporters/alerts/alert.h"

struct kt_incident_cli {
    struct kt_asking asking;
    const char *server, *by, *reason, *as, *out;
    bool all, force, undo, no_list;
    char **args; /* behind the verb */
    int n_args;
    struct kt_incidents incidents; /* after kt_incident_cli_open */
};
/* Opens the store and loads the incidents. */
KT_MUST_USE enum kt_status kt_incident_cli_open(struct kt_incident_cli *c, struct kt_error *err);
/* The one that args[0] names; KT_E_INPUT: there is none. */
KT_MUST_USE enum kt_status kt_incident_cli_named(const struct kt_incident_cli *c,
                                                 const struct kt_incident **ret,
                                                 struct kt_error *err);
/* Sends an act to the collector: its form is checked there. ret_id holds 24. */
KT_MUST_USE enum kt_status kt_incident_cli_send(const struct kt_incident_cli *c,
                                                const struct kt_incident_act *a, char *ret_id,
                                                struct kt_error *err);
/* Who gives the order, and from where. */
void kt_incident_cli_author(const struct kt_incident_cli *c, struct kt_incident_act *a);

/* Where it stands, with the alerts of its exposure. */
struct kt_incident_standing {
    struct kt_arena arena; /* of the alerts' texts */
    struct kt_incident_alert *alert;
    unsigned n, cap;
    struct kt_incident_state *state;
};
KT_MUST_USE enum kt_status kt_incident_stand(struct kt_incident_cli *c, const struct kt_incident *i,
                                             struct kt_incident_standing *ret,
                                             struct kt_error *err);
void kt_incident_standing_done(struct kt_incident_standing *s);

struct kt_incident_report;
void kt_incident_report_of(const struct kt_incident_cli *c, const struct kt_incident_state *s,
                           struct kt_incident_report *ret);

/* The exposed values as they are known now, sent as the list of an incident, in parts. Says how
 * many on stdout. */
KT_MUST_USE enum kt_status kt_incident_fix_list(struct kt_incident_cli *c, const char *id,
                                                enum kt_incident_about about, const char *subject,
                                                const char *as, kt_time_ns since, kt_time_ns until,
                                                struct kt_error *err);

/* Each is one verb; what they fail with is told by kt_asking_end. */
KT_MUST_USE enum kt_status kt_incident_open_it(struct kt_incident_cli *c, struct kt_error *err);
KT_MUST_USE enum kt_status kt_incident_show_it(struct kt_incident_cli *c, struct kt_error *err);
KT_MUST_USE enum kt_status kt_incident_list_all(struct kt_incident_cli *c, struct kt_error *err);
KT_MUST_USE enum kt_status kt_incident_close_it(struct kt_incident_cli *c, struct kt_error *err);
