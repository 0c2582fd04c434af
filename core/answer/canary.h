/*
 * canary: secrets that nobody should read (`canaries:` of the configuration): who touched them, and
 * when one of those who may did, which shows that the log still sees it.
 */
#pragma once
#include "core/answer/ask.h"
#include "core/answer/counted.h"
#include "core/config/config.h"

struct kt_canary {
    const char *secret; /* a glob, as configured */
    struct kt_strings allow;
    uint64_t touches, failed; /* by those who may not; failed: of them */
    kt_time_ns first, last;
    struct kt_str by; /* canonical: the last of them */
    uint64_t tests;   /* touches by those who may */
    kt_time_ns last_test;
    struct kt_str tested_by;
    struct kt_counted_list actor; /* all who touched it */
};
struct kt_canaries {            /* all of it lives until kt_canaries_free, and as long as conf */
    const struct kt_canary *at; /* in the order of the configuration */
    unsigned n;
};
/* Over the ask's window. Every action counts, refused ones too: a canary is not to be touched. */
KT_MUST_USE enum kt_status kt_canaries_load(struct kt_ask *a, const struct kt_conf *conf,
                                            struct kt_canaries **ret, struct kt_error *err);
void kt_canaries_free(struct kt_canaries *c);
