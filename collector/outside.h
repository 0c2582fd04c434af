/*
 * outside: copies of signed checkpoints outside this host: a file, a webhook, S3 with object lock,
 * a witness (C2SP tlog-witness). What nobody here can take back is what binds whoever owns the
 * host.
 *
 * A thread of its own sends; everything here is called by the writer's thread and waits for
 * nothing. Only the newest checkpoint is ever sent: it contains the ones before.
 */
#pragma once
#include "collector/checkpoint.h"
#include "core/sys/rng.h"

struct kt_outside;
struct kt_outside_options {
    const struct kt_conf *conf;         /* borrowed */
    struct kt_checkpoints *checkpoints; /* borrowed */
    struct kt_clock clock;
    struct kt_rng rng;
    uint8_t log_id[16];
    /* Something people should know: "copy.failed" for 15 minutes, "copy.refused", and
     * "integrity.contradiction": a witness has seen more of this log than there is. */
    void (*tell)(void *self, const char *code, const char *copy, const char *sentence);
    void *self;
};
/* Keys and options only, no file is read: what `config check` asks. */
KT_MUST_USE enum kt_status kt_outside_check(const struct kt_conf *conf, struct kt_error *err);
/* Reads the key files, starts the thread. KT_E_CONFIG names the copy. No copies: *ret NULL, which
 * all below take. */
KT_MUST_USE enum kt_status kt_outside_open(const struct kt_outside_options *o,
                                           struct kt_outside **ret, struct kt_error *err);
/* The contents of one copy's key files, judged as at the start; the caller wipes them. KT_E_CONFIG
 * names the copy. */
KT_MUST_USE enum kt_status kt_outside_keys(const struct kt_conf_copy *conf, struct kt_buf *url,
                                           struct kt_buf *key, struct kt_error *err);
void kt_outside_close(struct kt_outside *o);
int kt_outside_fd(const struct kt_outside *o); /* readable: turn; -1 */
/* Hands the newest checkpoint and proofs to the thread, and what witnesses signed to the
 * checkpoints; tells. */
void kt_outside_turn(struct kt_outside *o);
/* A JSON array: name, type, what was taken last and when, the last failure. */
void kt_outside_status(struct kt_outside *o, struct kt_buf *out);
