/*
 * accesses: a store that a test fills with accesses one by one, and asks. Failures end the test
 * (cmocka).
 */
#pragma once
#include "core/answer/ask.h"
#include "tests/support/store_make.h"

#define ACCESSES_NOW (MAKE_T0 + 60 * KT_NS_DAY)
#define ACCESSES_KV  "vault://prod/-/secret/prod/db"

struct accesses {
    char folder[64], path[96];
    struct kt_store *store;
    struct make *make;
    uint32_t ids;
};
/* One access; others of its fields than these are the same for all. */
struct access {
    kt_time_ns at;
    const char *actor, *secret, *operation, *version, *stage, *credential, *native, *code;
    const char *session, *role, *raw, *ip;
    enum kt_action action;
    enum kt_outcome outcome;
};

void accesses_must(enum kt_status status, const struct kt_error *err);
/* Of cmocka: *state is a struct accesses with an empty store; one at a time. */
int accesses_set_up(void **state);
int accesses_tear_down(void **state);
/* AWS's by the scheme of the secret, else Vault's. Stored with the next flush. */
void accesses_add(struct accesses *w, const struct access *a);
void accesses_flush(struct accesses *w);
/* Of ACCESSES_KV, with success; written by "ops". */
void accesses_read(struct accesses *w, kt_time_ns at, const char *actor, const char *version);
void accesses_write(struct accesses *w, kt_time_ns at, const char *version);
void accesses_ask(struct accesses *w, struct kt_ask *a); /* flushes, and opens the store */
