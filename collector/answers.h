/*
 * answers: who acknowledged or resolved an alert at a target that can be asked (PagerDuty), polled
 * on a thread of its own. It has no store handle: the writer says what to ask about and takes
 * answers.
 */
#pragma once
#include "core/config/config.h"
#include "core/sys/clock.h"
#include "exporters/alerts/answer.h"

#define KT_ANSWERS_WATCHED 512u /* alerts at one target; of more, those that changed last */

struct kt_answers;
/* NULL in *ret when no target is to be asked. KT_E_CONFIG as kt_outbox_open. */
KT_MUST_USE enum kt_status kt_answers_open(const struct kt_conf *conf, struct kt_clock clock,
                                           struct kt_answers **ret, struct kt_error *err);
void kt_answers_close(struct kt_answers *a); /* stops the thread */

/* The mark of an alert: what of its answers was taken, as text: "<ns of the newest> <its entries>".
 */
#define KT_ANSWER_MARK 160
struct kt_answer_watch {
    char alert[27];
    char mark[KT_ANSWER_MARK]; /* as it was stored; "" = nothing yet */
};
unsigned kt_answers_targets(const struct kt_answers *a);
const char *kt_answers_target(const struct kt_answers *a, unsigned i); /* its configured name */
/* Which alerts are open at target i, KT_ANSWERS_WATCHED at most; replaces what was asked about
 * before. Copied. */
void kt_answers_watch(struct kt_answers *a, unsigned i, const struct kt_answer_watch *at,
                      unsigned n);

struct kt_answered {
    const char *target; /* name, as long as the configuration lives */
    char alert[27];
    struct kt_answer answer;
    char mark[KT_ANSWER_MARK]; /* to be stored with it: it does not come again then */
};
/* One a call, each alert's in their order; false: none waits. fd is readable when one does. */
bool kt_answers_take(struct kt_answers *a, struct kt_answered *ret);
int kt_answers_fd(const struct kt_answers *a);
/* {"<target>":{"watched":…,"last_success":…,"last_error":…}} */
void kt_answers_status(struct kt_answers *a, struct kt_buf *out);
