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
/* So many more of the changes that were taken are in the store: only then the next row of an alert
 * goes, so that a kill repeats no message behind a later one. */
void kt_outbox_written(struct kt_outbox *o, uint64_t changes);
int kt_outbox_fd(const struct kt_outbox *o);
/* How many more rows of this target and severity it takes now; the others wait in the store. Each
 * has its own room: a target that is away takes nobody else's, and nothing stands before a critical
 * row but critical ones. Rows of a target that is not configured are taken, and given up. */
#define KT_OUTBOX_ROOM 256u
unsigned kt_outbox_room(struct kt_outbox *o, const char *target, int severity);
/* So many rows of this target wait in the store for room, the oldest made at `oldest`: for the
 * figures, and so that the fd calls when there is room. */
void kt_outbox_held_back(struct kt_outbox *o, const char *target, uint64_t rows, kt_time_ns oldest);
/* A person wants this target tried now, whatever a 410 or its circuit says. false: no such target.
 */
bool kt_outbox_revive(struct kt_outbox *o, const char *target);
/* Targets whose circuit has been open for longer than `longer`, or that a 410 has disabled; names
 * live as long as the configuration. */
unsigned kt_outbox_broken(struct kt_outbox *o, kt_time_ns longer, const char **names, unsigned max);
/* Has it taken something since `since` (wall), and does it still? A target that is not configured
 * has no trouble. */
bool kt_outbox_works(struct kt_outbox *o, const char *target, kt_time_ns since);
/* A JSON object, a member a target: circuit (closed, open, disabled), waiting (the store's rows
 * too), oldest_age_s, sent, dead and retries in this life, failures in a row, last_code,
 * last_success (ns), last_error. */
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
