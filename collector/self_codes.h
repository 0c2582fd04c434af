/*
 * self_codes: what keytrail alerts about itself for: how bad it is, what it means, what to do.
 * docs/self-alerts.md has the same for people, in this order; a test compares them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "core/base/time.h"
#include "exporters/alerts/target.h"

struct kt_self_code {
    const char *code; /* "identity.violation" */
    enum kt_severity severity;
    kt_time_ns quiet; /* the same of the same subject is not said again within it */
    bool change;      /* no alert: told to the targets that ask for changes */
    bool over;        /* the collector sees when its cause is over (kt_daemon_over) */
    const char *why;  /* what it means and what to do first; NULL of a change */
    const char *look; /* the command that shows more; NULL of a change */
};

extern const struct kt_self_code kt_self_codes[];
size_t kt_self_codes_count(void);
/* One of the table; NULL: there is none of that name. */
const struct kt_self_code *kt_self_code_of(const char *code);
