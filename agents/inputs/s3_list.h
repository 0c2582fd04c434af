/*
 * s3_list: what the answer to ListObjectsV2 says. Pure. [S: S3 API Reference, "ListObjectsV2"]
 *
 * Takes the XML that S3 and its likes write: elements, attributes that are passed over, text with
 * character references; no comments, CDATA or DOCTYPE, at most 16 elements deep.
 */
#pragma once
#include "core/base/buf.h"

struct s3_listed {
    struct kt_str key, etag; /* decoded; etag without quotes, empty when there is none */
    uint64_t size;
};
struct s3_list_to { /* what is called while it is read; texts live during the call */
    void (*object)(void *self, const struct s3_listed *o);
    void (*prefix)(void *self, struct kt_str prefix); /* of CommonPrefixes */
    void *self;
};
/* *ret_more: another page is to be asked for with what was appended to `token`. KT_E_INPUT: it is
 * no such list, or cut; what was called for before is true all the same. KT_E_LIMIT: it is deeper,
 * or a key longer, than may be. */
KT_MUST_USE enum kt_status s3_list_read(struct kt_str xml, const struct s3_list_to *to,
                                        struct kt_buf *token, bool *ret_more, struct kt_error *err);
