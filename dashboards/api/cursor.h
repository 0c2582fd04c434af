/*
 * cursor: where a list of records goes on, as an opaque text that the page hands back: what was
 * asked, so that the next page is of the same question and the same state of the log, and the last
 * record of this page.
 *
 * base64url of: u8 version, i64 since, i64 until, u64 newest record that counts, i64 time and u64
 * number of the last record, then the first 16 bytes of HMAC-SHA-256 (RFC 2104), with the secret of
 * the process, over these bytes, the user, the zone and the query; little endian, no padding. So
 * nobody can name a window that was not asked for: what is noted of a question holds for its pages.
 */
#pragma once
#include "dashboards/api/api.h"

struct kt_api_cursor {
    kt_time_ns since, until; /* event time, 0 = open */
    uint64_t until_seq;      /* above 0 */
    kt_time_ns time;         /* of the last record that was shown; above 0 */
    uint64_t seq;
};
/* Of a's secret, user and zone. */
void kt_api_cursor_write(const struct kt_api *a, const struct kt_api_cursor *c, struct kt_str query,
                         struct kt_buf *out);
/* KT_E_INPUT: it is none, of another question or user, or of another process. */
KT_MUST_USE enum kt_status kt_api_cursor_read(const struct kt_api *a, struct kt_str text,
                                              struct kt_str query, struct kt_api_cursor *ret,
                                              struct kt_error *err);
