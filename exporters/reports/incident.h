/*
 * incident: the report of one incident: what it was about, where each step stands, what was
 * exposed, who wrote what. One account, written as Markdown and as HTML, the same sentences and
 * numbers in both.
 */
#pragma once
#include "core/answer/incident.h"

struct kt_incident_report {
    const struct kt_incident_state *state;
    const char *title;   /* of the deployment; NULL: none */
    const char *program; /* "keytrail 0.1.0" */
    kt_time_ns written;
    uint64_t records; /* of the log it was made from */
    /* The closing, which the log has not recorded yet; by NULL: it is not being closed. */
    const char *by, *reason;
    bool forced;
};
/* Same input, same bytes. Times are UTC. */
void kt_incident_report_write(const struct kt_incident_report *r, struct kt_buf *markdown,
                              struct kt_buf *html);
