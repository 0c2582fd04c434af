/*
 * s3_object: the request that writes one object of S3 once, locked, or reads it. Pure. [S: Amazon
 * S3 API Reference, PutObject, "Conditional writes", "S3 Object Lock"]
 */
#pragma once
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/time.h"

struct kt_s3_object {
    struct kt_str url;         /* of the bucket, without a '/' at its end */
    struct kt_str credentials; /* lines: aws_access_key_id = …, aws_secret_access_key = … */
    const char *region;
    struct kt_str name; /* not encoded */
    bool read;          /* else it is written, where none is */
    struct kt_str body;
    const char *lock_mode; /* COMPLIANCE, GOVERNANCE, none */
    kt_time_ns locked_until;
    const char *encryption, *kms_key; /* "none": left to the bucket; kms_key NULL: the account's */
    kt_time_ns now;
};
/* URL and headers "Name: value", at most max, in arena. KT_E_CONFIG: the credentials lack a line.
 */
KT_MUST_USE enum kt_status kt_s3_request(const struct kt_s3_object *o, struct kt_arena *arena,
                                         struct kt_str *ret_url, struct kt_str *ret_headers,
                                         unsigned max, unsigned *ret_n, struct kt_error *err);
