/*
 * incident: where an incident stands: each step of its runbook, ticked by hand (what people wrote
 * down: core/query/incidents.h) or by what the log shows now, and what is still missing.
 *
 *   confirm   the alert it is about was closed as true; else by hand
 *   blast     the list of exposed values is fixed in the log, whole, and nothing was read with the
 *             credential, or by the alert's actor, that it does not have
 *   rotate    no value of the list is still good (core/answer/secret_state.h)
 *   deploy    whoever read a rotated secret three times or more in 30 days fetched the new value
 *             since, and not the old one again (core/answer/rotation.h)
 *   revoke    of a credential: it revoked itself, it was refused as none (not what it asked for)
 *             and not let in since, or nobody was let in with it for KT_INCIDENT_QUIET after the
 *             incident was opened and the log is whole since; else by hand
 *   audit     the log begins before the exposure and has no open gap in it, and each alert in it,
 *             of medium or more, has a verdict
 *   tell      by hand
 *   document  by hand, or by the report that closing wrote
 */
#pragma once
#include "core/answer/ask.h"
#include "core/answer/secret_state.h"
#include "core/query/incidents.h"

#define KT_INCIDENT_QUIET   KT_NS_DAY
#define KT_INCIDENT_REGULAR 3u /* reads in KT_READERS_SPAN that make a regular reader */

enum kt_tick { KT_TICK_OPEN, KT_TICK_HAND, KT_TICK_LOG };
struct kt_incident_check { /* of one step */
    enum kt_tick tick;
    struct kt_str text; /* what is known, or what is missing: a clause for people */
    struct kt_str next; /* the command to go on with; empty: none */
};
struct kt_incident_value { /* of one exposed secret */
    const struct kt_incident_exposed *of;
    enum kt_exposure exposure;
    kt_time_ns at; /* of what the exposure says; 0: none */
    struct kt_str by, current;
    unsigned regular, waiting; /* regular readers; those not seen to have moved */
    struct kt_str first;       /* the busiest of those that wait */
};
struct kt_incident_alert { /* handed in: alerts of the exposure */
    struct kt_str id, title, actor;
    kt_time_ns first, last;
    bool judged;           /* closed with a verdict */
    struct kt_str verdict; /* true, false, expected; empty: none */
};
struct kt_incident_state { /* all of it lives until kt_incident_state_free */
    const struct kt_incident *of;
    struct kt_incident_check step[KT_RUNBOOK_COUNT];
    uint32_t open;                         /* bits of steps that nothing ticks */
    struct kt_incident_value *value;       /* as the list has them */
    unsigned n_values, exposed;            /* exposed: still good */
    const struct kt_incident_alert *alert; /* as they were handed in */
    unsigned n_alerts;
    struct kt_str coverage;  /* the sentence of the exposure's window */
    kt_time_ns since, until; /* of the exposure; until now where it goes on */
};
/* The ask's window is no bound here. alerts: those that overlap the exposure, of medium or more,
 * and the one that it is about, whatever its severity; borrowed. */
KT_MUST_USE enum kt_status kt_incident_judge(struct kt_ask *a, const struct kt_incident *i,
                                             const struct kt_incident_alert *alerts,
                                             unsigned n_alerts, struct kt_incident_state **ret,
                                             struct kt_error *err);
void kt_incident_state_free(struct kt_incident_state *s);
/* What a list keeps of a secret that was read: all by which it is judged later. Views into st. */
struct kt_incident_secret kt_incident_secret_of(const struct kt_secret_state *st);
/* The exposure's window: what was said when it was opened; where that is open, from the first read
 * of the list (else the opening) to the closing, else to now. */
void kt_incident_window(const struct kt_incident *i, kt_time_ns now, kt_time_ns *ret_since,
                        kt_time_ns *ret_until);
