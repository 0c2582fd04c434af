/* time_scan: the pieces of a time that time.c and time_expr.c share. Each moves *s past what it
 * read, and says false, with *s anywhere, when it is not there. */
#pragma once
#include "core/base/time.h"

bool kt_scan_date(struct kt_str *s, int64_t *ret_days); /* 2026-11-22 */
/* 20:00:05.123; 20:00 unless need_seconds. */
bool kt_scan_clock(struct kt_str *s, bool need_seconds, kt_time_ns *ret_of_day,
                   kt_time_ns *ret_precision);
/* Z or +01:00; nothing left is fine and not present. */
bool kt_scan_zone(struct kt_str *s, bool *ret_present, int *ret_offset_s);
