/*
 * aws_creds: the keys with which requests are signed, in botocore's order: environment, credentials
 * file, web identity, container, instance metadata (version 2).
 *
 * Pure but for reading files: it says what to ask and is told the answer; whoever owns it asks.
 */
#pragma once
#include "core/base/aws.h"
#include "core/sys/http.h"

struct aws_creds_options {
    const char *(*env)(void *self, const char *name); /* NULL or "" = not set */
    void *env_self;
    const char *file, *profile; /* configured; NULL = what the environment says */
    const char *region;         /* of the token service */
};
struct aws_creds;
struct aws_creds *aws_creds_new(
    const struct aws_creds_options *o); /* options are kept by pointer */
void aws_creds_free(struct aws_creds *c);
/* true: keys that are good for some minutes more, or, while new ones cannot be had, until they
 * expire. They live until the next call. */
bool aws_creds_keys(struct aws_creds *c, kt_time_ns now, struct kt_aws_keys *ret);
/* Is it time to ask for keys? Yes while there are none, and in the last ten minutes of those there
 * are. */
bool aws_creds_due(const struct aws_creds *c, kt_time_ns now);
/* The next request; its texts live until the next call. KT_E_CONFIG: there is nobody to ask; err
 * says what to set. KT_E_AGAIN: a file had them, nothing is to be asked. */
KT_MUST_USE enum kt_status aws_creds_request(struct aws_creds *c, kt_time_ns now,
                                             struct kt_http_request *ret, struct kt_error *err);
/* The answer to it. KT_E_INPUT: it gave none; err says why and how to mend it. */
KT_MUST_USE enum kt_status aws_creds_answer(struct aws_creds *c, int status, struct kt_str body,
                                            kt_time_ns now, struct kt_error *err);
/* The keys were refused, and are looked for anew. true: they are those that were refused before, so
 * nobody has given others since. */
bool aws_creds_refused(struct aws_creds *c);
