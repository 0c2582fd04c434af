/*
 * leaver: a person who left: what was still done with what was theirs, and what they took with
 * them.
 */
#pragma once
#include "core/answer/blast.h"

struct kt_leaver_access { /* after they left */
    uint64_t seq;
    kt_time_ns time;
    enum kt_action action;
    enum kt_outcome outcome;
    uint8_t id[16]; /* of the event */
    struct kt_str actor, operation, target, credential, instance;
    struct kt_str ip; /* as text; empty: none */
    bool by_key;      /* under another name, with a credential that was theirs */
};
#define KT_LEAVER_SPAN         (90 * KT_NS_DAY) /* before leaving, of what they took */
#define KT_LEAVER_KEYS_MAX     8u               /* credentials that are followed: the most used */
#define KT_LEAVER_ACCESSES_MAX 10000u
struct kt_leaver { /* all of it lives until kt_leaver_free */
    kt_time_ns left;
    const struct kt_leaver_access *access; /* in the order of time */
    uint32_t n_accesses;
    uint64_t more;                 /* that did not fit; those by a key alone fit rather */
    uint64_t succeeded;            /* of all of them, listed or not */
    const struct kt_blast *before; /* of the KT_LEAVER_SPAN; its secrets are those read after they
                                      left, too: the open ones were not rotated since the last read.
                                      Its unkeyed and hops_left were not followed */
    struct kt_counted_list key;    /* credentials and sessions in use after they left */
    uint32_t keys_left;            /* credentials that were not followed: too many */
};
/* of: the person, as kt_credential_find gives them. Accesses are those from `left` to the end of
 * the ask's window, without shadows. */
KT_MUST_USE enum kt_status kt_leaver_load(struct kt_ask *a, const struct kt_credential *of,
                                          kt_time_ns left, const struct kt_blast_options *options,
                                          struct kt_leaver **ret, struct kt_error *err);
void kt_leaver_free(struct kt_leaver *l);
