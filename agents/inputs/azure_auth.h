/*
 * azure_auth: the access token with which Azure is asked: of an application by its secret, of a
 * workload by a token that its platform gives it (AKS), else of the instance by its metadata
 * service (Microsoft identity platform, client credentials flow; Azure Instance Metadata Service).
 *
 * Pure but for reading files: it says what to ask and is told the answer; whoever owns it asks.
 */
#pragma once
#include "core/base/time.h"
#include "core/sys/http.h"

struct azure_auth_options {
    const char *(*env)(void *self, const char *name); /* NULL or "" = not set */
    void *env_self;
    const char *tenant, *client_id; /* of the application; NULL = what the environment says */
    const char *secret_file;        /* mode 0600; NULL: no application */
    const char *resource;           /* "https://vault.azure.net"; static */
    bool allow_private;             /* of whoever asks: a token service of tests */
};
struct azure_auth;
struct azure_auth *azure_auth_new(const struct azure_auth_options *o); /* options are copied */
void azure_auth_free(struct azure_auth *a);
/* As bearer_header and bearer_due. */
bool azure_auth_header(struct azure_auth *a, kt_time_ns now, struct kt_str *ret);
bool azure_auth_due(const struct azure_auth *a, kt_time_ns now);
/* The next request; its texts live until the next call. KT_E_CONFIG: err says what is missing. */
KT_MUST_USE enum kt_status azure_auth_request(struct azure_auth *a, struct kt_http_request *ret,
                                              struct kt_error *err);
/* The answer to it. KT_E_INPUT: it gave none; err says why and how to mend it. */
KT_MUST_USE enum kt_status azure_auth_answer(struct azure_auth *a, int status, struct kt_str body,
                                             kt_time_ns now, struct kt_error *err);
void azure_auth_forget(struct azure_auth *a); /* it was refused */
