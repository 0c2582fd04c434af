/*
 * gcp_auth: the access token with which Google Cloud is asked: of a service account by its key file
 * (a JWT of RFC 7523, signed with RS256), else of the instance by its metadata service.
 *
 * Pure but for reading files: it says what to ask and is told the answer; whoever owns it asks.
 */
#pragma once
#include "core/base/time.h"
#include "core/sys/http.h"

struct gcp_auth_options {
    const char *(*env)(void *self, const char *name); /* NULL or "" = not set */
    void *env_self;
    const char *file;   /* the service account's key, mode 0600; NULL = what the environment says */
    const char *scope;  /* static */
    bool allow_private; /* of whoever asks: a token service of tests */
};
struct gcp_auth;
struct gcp_auth *gcp_auth_new(const struct gcp_auth_options *o); /* options are copied */
void gcp_auth_free(struct gcp_auth *a);
/* *ret: "Authorization: Bearer …", until the next call; false while there is no token that is still
 * good. */
bool gcp_auth_header(struct gcp_auth *a, kt_time_ns now, struct kt_str *ret);
/* Is it time to ask for a token? Yes while there is none, and in the last five minutes of the one
 * there is. */
bool gcp_auth_due(const struct gcp_auth *a, kt_time_ns now);
/* The next request; its texts live until the next call. KT_E_CONFIG: the key file cannot be used;
 * err says what is wrong with it. */
KT_MUST_USE enum kt_status gcp_auth_request(struct gcp_auth *a, kt_time_ns now,
                                            struct kt_http_request *ret, struct kt_error *err);
/* The answer to it. KT_E_INPUT: it gave none; err says why and how to mend it. */
KT_MUST_USE enum kt_status gcp_auth_answer(struct gcp_auth *a, int status, struct kt_str body,
                                           kt_time_ns now, struct kt_error *err);
void gcp_auth_forget(struct gcp_auth *a); /* it was refused */

/* What a JWT says (RFC 7519, RFC 7523 §3). */
struct gcp_claims {
    struct kt_str issuer, scope, audience;
    kt_time_ns issued, expires; /* written in whole seconds */
};
/* Appends the signed JWT, three parts of base64url. pem: see kt_rsa_sign; key_id: empty = none. */
KT_MUST_USE enum kt_status gcp_jwt(const struct gcp_claims *c, struct kt_str key_id,
                                   struct kt_str pem, struct kt_buf *out, struct kt_error *err);
