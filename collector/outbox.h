/*
 * outbox: delivery. A thread of its own without a store handle: the writer hands it waiting rows
 * and takes state changes back. Owns connections, retries, backoff, Retry-After, rate limits,
 * signing, circuit breaker (EXPORTS §0).
 */
#pragma once
#include "core/config/config.h"
#include "core/store/write.h"
#include "core/sys/clock.h"
#include "core/sys/rng.h"
#include "exporters/alerts/target.h"

struct kt_outbox;
struct kt_outbox_options {
    const struct kt_conf *conf; /* targets and their key files; read at start */
    struct kt_clock clock;
    struct kt_rng rng;
};
/* KT_E_CONFIG names the target and what is wrong (unknown type, missing key file, http without
 * allow_private …). */
KT_MUST_USE enum kt_status kt_outbox_open(const struct kt_outbox_options *o, struct kt_outbox **ret,
                                          struct kt_error *err);
void kt_outbox_close(
    struct kt_outbox *o); /* stops the thread; what was not delivered stays in the store */
/* Writer side: hand over a row (copied). */
void kt_outbox_give(struct kt_outbox *o, const struct kt_outbox_row *row, struct kt_str alert_json);
/* Writer side: takes changed rows back, one a call; false when none waits. fd becomes readable when
 * one does. */
bool kt_outbox_take(struct kt_outbox *o, struct kt_outbox_row *ret);
int kt_outbox_fd(const struct kt_outbox *o);
/* How many more rows it takes now; the others wait in the store. */
unsigned kt_outbox_room(struct kt_outbox *o);
/* Targets whose circuit has been open for longer than `longer`, or that a 410 has disabled; names
 * live as long as the configuration. */
unsigned kt_outbox_broken(struct kt_outbox *o, kt_time_ns longer, const char **names, unsigned max);
/* Per target: state of its circuit, waiting, last code, last success. JSON object. */
void kt_outbox_status(struct kt_outbox *o, struct kt_buf *out);
/* `notify test TARGET`: one marked test alert, right now, in the caller's thread. */
struct kt_outbox_test {
    int status;
    kt_time_ns took;
    enum kt_verdict verdict;
    char word[200];
};
KT_MUST_USE enum kt_status kt_outbox_test(const struct kt_outbox_options *o, const char *target,
                                          struct kt_outbox_test *ret, struct kt_error *err);
