/*
 * signed_log: what tests of checkpoints share: a store in a temporary folder, a signer in this
 * process with its disk, and what makes checkpoints of both.
 */
#pragma once
#include "collector/checkpoint_int.h"
#include "tests/support/store_make.h"

#define SIGNED_LOG_BATCH 50u

struct signed_log {
    char folder[64], path[96];
    struct make *make;
    struct kt_store *store;
    uint64_t batches; /* that were appended, each of SIGNED_LOG_BATCH records */
    struct kt_clock_memory clock;
    /* the signer, and its disk */
    struct kt_signing signing;
    struct kt_log_keys key_file;
    bool disk_full, gone;
    struct kt_making making;
};

/* Set-up and tear-down of a test. */
int signed_log_open(void **state);
int signed_log_close(void **state);
/* Again, after the test closed the store and ended the making. */
void signed_log_open_store(struct signed_log *w);
void signed_log_begin(struct signed_log *w);
void signed_log_append(struct signed_log *w, unsigned batches);
/* The signer's first key, as a checkpoint names it. */
struct kt_note_key signed_log_key(const struct signed_log *w);
