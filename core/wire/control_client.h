/*
 * control_client: whoever asks the collector over its control socket (docs/control.md): commands,
 * and the page. A request is one JSON line; an answer is JSON lines and then an empty one.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

#define KT_CONTROL_REQUEST_MAX (16u << 20)
#define KT_CONTROL_LOOK_S      10u /* patience of whoever asks how it is: a hang is an answer */

/* Sends one request and reads the whole answer. KT_E_IO when nobody listens. */
KT_MUST_USE enum kt_status kt_control_ask(const char *path, struct kt_str request,
                                          struct kt_buf *answer, struct kt_error *err);
/* The same for whoever cannot wait two minutes: so many seconds for all of it, from
 * connect on. */
KT_MUST_USE enum kt_status kt_control_ask_within(const char *path, struct kt_str request,
                                                 unsigned patience_s, struct kt_buf *answer,
                                                 struct kt_error *err);
/* The same of a request that the collector may refuse: {"error":"…"} is KT_E_INPUT with its
 * sentence. */
KT_MUST_USE enum kt_status kt_control_order(const char *path, struct kt_str request,
                                            struct kt_buf *answer, struct kt_error *err);
KT_MUST_USE enum kt_status kt_control_order_within(const char *path, struct kt_str request,
                                                   unsigned patience_s, struct kt_buf *answer,
                                                   struct kt_error *err);
struct kt_control_client;
KT_MUST_USE enum kt_status kt_control_connect(const char *path, struct kt_control_client **ret,
                                              struct kt_error *err);
KT_MUST_USE enum kt_status kt_control_call(struct kt_control_client *c, struct kt_str request_line,
                                           struct kt_buf *answer, struct kt_error *err);
void kt_control_client_free(struct kt_control_client *c);
