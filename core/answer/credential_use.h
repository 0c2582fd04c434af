/*
 * credential_use: who used a credential (an access key id, an accessor or the hash of one): for
 * each actor, source instance and address how often, how much of it were reads, of how many
 * secrets, from when to when.
 *
 * Lines are read, of the segments whose filter may hold the credential alone. No clock.
 */
#pragma once
#include "core/answer/ask.h"

struct kt_credential_user {
    struct kt_str actor; /* as aliases have it */
    struct kt_str source, instance, country;
    bool has_ip;
    struct kt_ip ip;
    uint64_t events, reads, refused; /* reads: with success */
    uint64_t secrets;                /* different ones, read with success */
    kt_time_ns first, last;          /* event time */
};
struct kt_credential_use {           /* all of it lives until kt_credential_use_free */
    struct kt_credential_user *user; /* newest last use first */
    unsigned n;
    uint64_t events, reads, secrets;
    kt_time_ns first, last;   /* 0: never seen */
    kt_time_ns last_success;  /* newest access that was let in; 0: none */
    kt_time_ns dead;          /* newest refusal of the credential itself, not of what it asked for:
                                 it is none any more; 0: none */
    kt_time_ns ended;         /* newest time it revoked itself with success; 0: never */
    struct kt_str last_actor; /* of last_success */
};
#define KT_CREDENTIAL_USERS_MAX   10000u
#define KT_CREDENTIAL_SECRETS_MAX 1000000u
/* In the ask's window. `credential` is compared as it is; KT_E_INPUT when it is empty, KT_E_LIMIT
 * beyond the maxima. Of revocations the log shows those that the credential made itself
 * (auth/token/revoke-self): what others revoke is hashed or not kept in the records of its source.
 */
KT_MUST_USE enum kt_status kt_credential_use_load(struct kt_ask *a, struct kt_str credential,
                                                  struct kt_credential_use **ret,
                                                  struct kt_error *err);
void kt_credential_use_free(struct kt_credential_use *u);
