/* agent: the engine. Inputs -> pipelines -> spool -> wire, and the acks back. */
#pragma once
#include "agents/input.h"
#include "agents/spool/spool.h"
#include "core/sys/net.h"
#include "core/wire/link.h"
#include "core/wire/pair.h"

/* Both ends of the wire as one struct, so that the simulator can stand in for ZeroMQ. */
struct kt_wire {
    enum kt_status (*send)(void *self, struct kt_str body, struct kt_error *err);
    /* Borrowed until the next call. KT_E_AGAIN: nothing. */
    enum kt_status (*recv)(void *self, struct kt_str *ret_body, struct kt_error *err);
    /* Drop the connection and start anew, to this collector. */
    enum kt_status (*reopen)(void *self, enum kt_pair_side to, struct kt_error *err);
    /* With a stand-by only: one message to the other collector, beside the connection, in place of
     * the one before; and what it says to that, as recv does. hush ends it. */
    enum kt_status (*ask)(void *self, enum kt_pair_side whom, struct kt_str body,
                          struct kt_error *err);
    enum kt_status (*answer)(void *self, struct kt_str *ret_body, struct kt_error *err);
    void (*hush)(void *self);
    void *self;
};
/* How the agent tells people by itself what it finds about the collector's log: one JSON object
 * and a newline, borrowed for the call. tell NULL: only its log, its status and the log itself. */
struct kt_agent_alarm {
    void (*tell)(void *self, struct kt_str json);
    void *self;
};
struct kt_agent_options {
    const struct kt_agent_conf *conf;
    struct kt_clock clock;
    struct kt_rng rng;
    struct kt_fs fs;
    struct kt_wire wire;
    struct kt_agent_alarm alarm;
    const uint8_t *signing_seed; /* 32 */
    const char *program;         /* "keytrail-agent 0.1.0" */
};
struct kt_agent;
/* The keys of logs, which the file only names: for a configuration that is to take another's place.
 */
KT_MUST_USE enum kt_status kt_agent_check_log_keys(const struct kt_agent_conf *conf,
                                                   struct kt_error *err);
KT_MUST_USE enum kt_status kt_agent_new(const struct kt_agent_options *o, struct kt_agent **ret,
                                        struct kt_error *err);
void kt_agent_free(struct kt_agent *a); /* flushes and syncs the spool first */
/* One turn: read inputs, close batches, sync, talk. *ret_wait_ms: how long nothing will happen by
 * itself. Errors are fatal (disk). */
KT_MUST_USE enum kt_status kt_agent_turn(struct kt_agent *a, int *ret_wait_ms,
                                         struct kt_error *err);
/* Descriptors to wait on besides the wire. */
unsigned kt_agent_fds(struct kt_agent *a, int *fds, unsigned max);
/* One JSON object: spool, link, inputs, counters. For `keytrail-agent status` and reports. */
void kt_agent_status(struct kt_agent *a, struct kt_buf *out);
/* The daemon: keys, ZeroMQ, signals, sd_notify, status file in the spool folder; returns an exit
 * code. */
int kt_agent_main(const char *config_path);
