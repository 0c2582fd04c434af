/* status_log: the newest checkpoint, for people. */
#pragma once
#include "core/answer/log_head.h"
#include "core/event/json.h"

/* live: `checkpoint` of a running collector's answer, or an absent value. */
void kt_status_log_print(const struct kt_log_head *l, uint64_t records, struct kt_jval live,
                         kt_time_ns now);
