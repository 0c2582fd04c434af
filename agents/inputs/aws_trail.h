/*
 * aws_trail: the names of what a trail writes into its bucket. Pure.
 *
 * [prefix/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/
 *     ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_RANDOM.json.gz
 * [prefix/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail-Digest/REGION/YYYY/MM/DD/
 *     ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_YYYYMMDDTHHMMSSZ.json.gz
 * [S: CloudTrail User Guide, "Finding your CloudTrail log files", "Digest file structure"]
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

enum aws_trail_kind {
    AWS_TRAIL_LOG,    /* records; any other key too: buckets hold what they are told to hold */
    AWS_TRAIL_DIGEST, /* says which log files there are */
    AWS_TRAIL_INSIGHT,
};
enum aws_trail_kind aws_trail_kind(struct kt_str key);
bool aws_trail_is_account(struct kt_str s);      /* 12 digits */
bool aws_trail_is_organization(struct kt_str s); /* o-… */
/* Appends "YYYY/MM/DD/" of a day (since 1970-01-01). */
void aws_trail_day(int64_t day, struct kt_buf *out);
/* Appends "ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmm": sorts before every log file that was delivered
 * in that minute or later, of this account and region. */
void aws_trail_since(struct kt_str account, struct kt_str region, kt_time_ns t, struct kt_buf *out);
