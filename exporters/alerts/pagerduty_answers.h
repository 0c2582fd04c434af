/* pagerduty_answers: PagerDuty's REST API, asked who answered; the pair behind kt_target_answers.
 */
#pragma once
#include "exporters/alerts/answer.h"

#define KT_PAGERDUTY_ENTRIES_MAX 1000u /* of an incident; what lies beyond is not asked for */

/* server: "https://api.pagerduty.com". */
KT_MUST_USE enum kt_status kt_pagerduty_ask(const char *server, struct kt_str token,
                                            const struct kt_answer_place *place,
                                            struct kt_arena *arena, struct kt_target_request *ret,
                                            struct kt_error *err);
enum kt_verdict kt_pagerduty_hear(const struct kt_target_reply *reply,
                                  struct kt_answer_place *place, struct kt_answer *ret,
                                  unsigned *ret_n, bool *ret_more, char word[64]);
