/*
 * exposure: what leak scanners found (lines of kind exposure), and what was done with it since.
 */
#pragma once
#include "core/answer/counted.h"
#include "core/answer/secret_state.h"

struct kt_exposed {
    kt_time_ns found;  /* the first finding of it: of the commit, else when it came */
    kt_time_ns newest; /* the newest */
    struct kt_str where, rule, state, credential, author, instance; /* state: of the newest */
    uint64_t findings;
    /* with its credential, after it was found, shadows apart; all 0 where no credential is known */
    uint64_t uses, reads, failed;
    uint64_t uses_before;
    kt_time_ns first_use, last_use;
    uint32_t secrets, open; /* read since; of them still exposed */
    uint32_t addresses;
    bool is_dead; /* the newest finding says that it does not work any more */
};
struct kt_exposures {            /* all of it lives until kt_exposures_free */
    const struct kt_exposed *at; /* in use first, then the newest */
    uint32_t n;
    uint64_t more;
    uint32_t not_followed; /* with a credential, whose use was not looked for: too many */
};
#define KT_EXPOSURES_MAX    10000u
#define KT_EXPOSURES_FOLLOW 64u /* the newest whose use is looked for */
/* pattern: of the place, the rule or the credential, a glob or the whole ("" = all). Over the ask's
 * window; what became of what was read is told up to now. */
KT_MUST_USE enum kt_status kt_exposures_load(struct kt_ask *a, struct kt_str pattern,
                                             struct kt_exposures **ret, struct kt_error *err);
void kt_exposures_free(struct kt_exposures *e);
