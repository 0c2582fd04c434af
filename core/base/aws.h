/*
 * aws: Signature Version 4 of AWS. Pure. [S: AWS General Reference, "Signature Version 4
 * signing process"; S3 API Reference, "Authenticating Requests"]
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

struct kt_aws_keys {
    struct kt_str id, secret, session; /* session: empty when there is none */
};
struct kt_aws_pair {
    struct kt_str name, value;
};
struct kt_aws_request {
    const char *method;
    struct kt_str host;              /* with its port when that is not the scheme's own */
    struct kt_str path;              /* as it is sent: encoded once, begins with '/' */
    const struct kt_aws_pair *query; /* as it is meant: not encoded; any order */
    unsigned n_query;
    const struct kt_aws_pair *header; /* more that are signed: lower-case names, no date, no host */
    unsigned n_header;
    struct kt_str body;
    const char *region, *service; /* "s3": the hash of the body is a header, the path is as sent */
    kt_time_ns now;
};
#define KT_AWS_HEADERS_MAX 8u
/* Appends "Name: value" lines to be sent, each ended by '\n': the given ones and x-amz-date,
 * x-amz-content-sha256 (s3), x-amz-security-token, Authorization. At most KT_AWS_HEADERS_MAX given.
 */
void kt_aws_sign(const struct kt_aws_keys *k, const struct kt_aws_request *r, struct kt_buf *out);
/* Percent-encodes all but unreserved characters; keep_slash: and '/'. */
void kt_aws_encode(struct kt_str s, bool keep_slash, struct kt_buf *out);
/* Appends s, decoded as forms are encoded: + is a blank, %XX a byte; what is no such thing stays.
 */
void kt_aws_decode(struct kt_str s, struct kt_buf *out);
/* The text of the first element of this name in an answer of AWS, which are flat and need no more
 * of XML; empty when there is none. */
struct kt_str kt_aws_xml(struct kt_str text, const char *tag);
/* The query in the order of its encoded names, as it has to be sent. */
void kt_aws_query(const struct kt_aws_pair *query, unsigned n, struct kt_buf *out);
