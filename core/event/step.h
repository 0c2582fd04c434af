/*
 * step: what people do about an alert, as records of kind `decision` of the log (docs/alerts.md).
 * The operation names the step, raw holds it:
 *
 *   ack      {"id":…,"by":…,"where":…,"reason":…,"severity":…}
 *   assign   {"id":…,"to":…,"by":…,"where":…}
 *   verdict  {"id":…,"reason":…,"verdict":"true|false|expected","by":…,"where":…,"severity":…}
 *   reopen   {"id":…,"reason":…,"by":…,"where":…}
 *   note     {"id":…,"reason":…,"by":…,"where":…}
 *
 * Absent members are empty. A verdict closes the alert, and detection learns from it (it reads the
 * same record: core/event/decision.h). What is acknowledged, until it is opened again, detection
 * closes into no other alert of the same cause; the other steps are nothing to it.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/enc.h"
#include "core/base/err.h"
#include "core/base/time.h"
#include "core/event/json.h"

#define KT_STEP_RULE "keytrail" /* by: a step that a rule took, no person */

enum kt_step_what {
    KT_STEP_ACK,
    KT_STEP_ASSIGN,
    KT_STEP_CLOSE,
    KT_STEP_REOPEN,
    KT_STEP_NOTE,
    KT_STEP_COUNT
};
struct kt_step {
    enum kt_step_what what;
    int verdict;            /* enum kt_finding_verdict; of KT_STEP_CLOSE */
    kt_time_ns at;          /* arrival of the record; no member of it */
    char alert[KT_ID_TEXT]; /* id, 26 characters; in a request: its start */
    char by[80], to[80];    /* by whom; assigned to whom */
    char where[64];         /* "cli on ops-1", "pagerduty" */
    char severity[12];      /* of the alert at that time; empty: not recorded */
    char reason[1000];      /* why; the text of a note; of a close at most 199 bytes */
};
const char *kt_step_word(enum kt_step_what what); /* the operation */
int kt_step_of(struct kt_str operation);          /* -1: no step */
/* raw of the record. */
void kt_step_write(const struct kt_step *s, struct kt_buf *out);
/* Takes a step from a record's raw or from a request; `id` may be absent here. KT_E_INPUT says in a
 * sentence what is missing, too long, or has no meaning for that step. */
KT_MUST_USE enum kt_status kt_step_read(enum kt_step_what what, struct kt_jval root,
                                        struct kt_step *ret, struct kt_error *err);
/* One line for people: "acknowledged by alice (cli on ops-1): on it". */
void kt_step_say(const struct kt_step *s, struct kt_buf *out);
