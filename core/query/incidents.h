/*
 * incidents: a fold over the acts of the log (core/event/incident.h): each incident as people left
 * it. What the log itself shows of its steps (rotations, fetches, verdicts) is asked when somebody
 * looks: core/answer/incident.h.
 */
#pragma once
#include "core/event/incident.h"
#include "core/store/read.h"

struct kt_incident_mark { /* an act that is in force; at 0: none is */
    kt_time_ns at;
    char *by, *where, *reason; /* owned; NULL where at is 0 */
};
struct kt_incident_exposed { /* of the fixed list; owned by the incident */
    char *secret;
    char *version[KT_INCIDENT_VERSIONS_MAX];
    unsigned n_versions;
    uint64_t reads, issued;
    kt_time_ns first, last, pending;
};
struct kt_incident_said { /* in the order of the log */
    kt_time_ns at;
    enum kt_incident_what what;
    char *text; /* kt_incident_say */
};
struct kt_incident {
    char id[24];
    enum kt_incident_about about;
    char *subject, *as;
    kt_time_ns since, until; /* the exposure */
    struct kt_incident_mark opened, closed;
    bool forced;
    uint32_t open_at_close; /* bits of steps */
    char markdown[65], html[65];
    struct kt_incident_mark step[KT_RUNBOOK_COUNT]; /* ticked by hand */
    struct kt_incident_mark listed;                 /* the list, when it is whole; at 0: not yet */
    struct kt_incident_exposed *exposed;
    unsigned n_exposed, cap_exposed;
    uint32_t parts; /* of the list so far */
    struct kt_incident_said *said;
    unsigned n_said, cap_said;
};
struct kt_incidents {
    struct kt_incident **at; /* in order of opening; each stays where it is */
    unsigned n, cap;
    struct kt_damage damage; /* some acts could not be read */
};
void kt_incidents_done(struct kt_incidents *l);
/* Takes one act; false: it changes nothing (no such incident, it is closed, a part out of order). A
 * closed incident takes notes alone. */
bool kt_incidents_take(struct kt_incidents *l, const struct kt_incident_act *a);
KT_MUST_USE enum kt_status kt_incidents_load(struct kt_reader *r, struct kt_incidents *ret,
                                             struct kt_error *err);
/* By its whole name, or by its number ("1"); NULL: there is none. */
const struct kt_incident *kt_incidents_named(const struct kt_incidents *l, struct kt_str name);
