/* records: audit records in the original formats of Vault and CloudTrail, with invented values. */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"
#include "core/sys/rng.h"

struct kt_demo_vault {
    kt_time_ns time;
    const char *who;    /* "dana"; pods: "checkout" */
    bool pod;           /* Kubernetes auth, else userpass */
    bool login;         /* auth/userpass/login/WHO, else a KV v2 read */
    bool fails;         /* a login with a wrong password */
    const char *secret; /* "payments/prod/db-main" */
    const char *address;
    unsigned entity; /* number of the actor: stable ids */
};
/* Two lines, each with its newline: the request and the response. */
void kt_demo_vault_pair(const struct kt_demo_vault *v, const struct kt_rng *rng,
                        struct kt_buf *out);

struct kt_demo_cloudtrail {
    kt_time_ns time;
    const char *role, *session; /* assumed role and its session name */
    const char *secret;         /* "prod/payments/db-main" */
    const char *address, *user_agent;
    unsigned entity;
    bool denied;
};
/* One record, no newline: GetSecretValue. */
void kt_demo_cloudtrail_record(const struct kt_demo_cloudtrail *c, const struct kt_rng *rng,
                               struct kt_buf *out);
