/*
 * answers: the listener for what people do about alerts elsewhere (dashboard.answers): a daemon of
 * its own beside the page's, with nothing of the page in it: no session, no cookie, no file, no
 * store. What is genuine (inbound.h) becomes an `ack` at the collector.
 */
#pragma once
#include "core/config/config.h"
#include "core/sys/clock.h"
#include "dashboards/server/inbound.h"

struct kt_web_answers; /* one thread of its own */
/* All is borrowed as long as it lives; listen_fd is kt_web_listen's and stays the caller's. Reads
 * the secrets' files; control: the collector's socket; heard outlives reloads. KT_E_CONFIG,
 * KT_E_IO: a file that cannot be read or that others can; certificate and key do not fit. */
KT_MUST_USE enum kt_status kt_web_answers_open(const struct kt_conf_answers *conf, int listen_fd,
                                               const char *control, struct kt_inbound_heard *heard,
                                               const struct kt_clock *clock,
                                               struct kt_web_answers **ret, struct kt_error *err);
void kt_web_answers_close(struct kt_web_answers *a); /* NULL is fine */
/* About once a second: ends connections that take too long. NULL is fine. */
void kt_web_answers_turn(struct kt_web_answers *a);
