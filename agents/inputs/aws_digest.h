/*
 * aws_digest: what a digest file of a trail says, and whether CloudTrail signed it. Pure.
 * [S: CloudTrail User Guide, "Digest file structure", "Custom implementations of log file
 * integrity validation"; CloudTrail API Reference, "ListPublicKeys"]
 *
 * .../AWSLogs/[o-ORG/]ACCOUNT/CloudTrail-Digest/REGION/YYYY/MM/DD/
 *     ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_YYYYMMDDTHHMMSSZ[_backfill].json.gz
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"
#include "core/event/json.h"

struct aws_digest { /* texts live until the parser reads again */
    struct kt_str account, end_text, bucket, object, fingerprint;
    kt_time_ns start, end;
    bool starting; /* it names none before it: validation, or logging, began here */
    struct kt_str previous_bucket, previous_object, previous_hash, previous_signature; /* hex */
    struct kt_jval files;
};
struct aws_digest_file {
    struct kt_str bucket, object;
    uint8_t sha256[32]; /* of the uncompressed body */
};
/* KT_E_INPUT: it is no digest file, or its algorithms are others; err says what. */
KT_MUST_USE enum kt_status aws_digest_read(struct kt_json *json, struct kt_str text,
                                           struct aws_digest *ret, struct kt_error *err);
/* Its log files one after the other; first *it = kt_json_iter(d->files). false: no more; or, with
 * *ret_bad, one that cannot be read. */
bool aws_digest_next(struct kt_json_iter *it, struct aws_digest_file *ret, bool *ret_bad);
/* Does `signature` (hex) fit the digest that was fetched from bucket and key, whose uncompressed
 * bytes have this hash? public_key: DER. */
bool aws_digest_is_signed(const struct aws_digest *d, struct kt_str bucket, struct kt_str key,
                          const uint8_t sha256[32], struct kt_str signature,
                          struct kt_str public_key);

/* What its key says: "ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION", with "_backfill" where it
 * is of such a chain: the same for all digests of one chain; and the region, which is the folder's
 * too. false: it is no such key. The chain is appended to `out`; the region lives in `key`. */
bool aws_digest_chain(struct kt_str key, struct kt_buf *out, struct kt_str *ret_region);

bool aws_digest_is_backfill(struct kt_str chain); /* such chains are not written to every hour */
/* When the time of a digest ended, as its key says; 0: it is no such key. */
kt_time_ns aws_digest_time(struct kt_str key);

struct aws_public_key {
    struct kt_str fingerprint, value; /* value: base64 */
};
/* The answer of ListPublicKeys: each key, then *ret_token (empty: no more pages). */
KT_MUST_USE enum kt_status aws_digest_keys(struct kt_json *json, struct kt_str text,
                                           void (*each)(void *self, const struct aws_public_key *k),
                                           void *self, struct kt_str *ret_token,
                                           struct kt_error *err);
