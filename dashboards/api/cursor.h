/*
 * cursor: where a list of records goes on, as an opaque text that the page hands back: what was
 * asked, so that the next page is of the same question and the same state of the log, and the last
 * record of this page.
 *
 * base64url of: u8 version, i64 since, i64 until, u64 newest record that counts, i64 time and u64
 * number of the last record, u64 hash of query and zone; little endian, no padding.
 */
#pragma once
#include "core/answer/ask.h"

struct kt_api_cursor {
    kt_time_ns since, until; /* event time, 0 = open */
    uint64_t until_seq;      /* above 0 */
    kt_time_ns time;         /* of the last record that was shown; above 0 */
    uint64_t seq;
};
void kt_api_cursor_write(const struct kt_api_cursor *c, struct kt_str query, int zone_offset_s,
                         struct kt_buf *out);
/* KT_E_INPUT: it is none, or of another question. */
KT_MUST_USE enum kt_status kt_api_cursor_read(struct kt_str text, struct kt_str query,
                                              int zone_offset_s, struct kt_api_cursor *ret,
                                              struct kt_error *err);
