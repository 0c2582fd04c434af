/* status_log: the newest checkpoint: what is signed, since when, and who has cosigned it. */
#pragma once
#include "core/event/json.h"
#include "core/store/read.h"

struct kt_status_log {
    struct kt_buf note;
    kt_time_ns at;
    struct kt_buf keys; /* public ones in force, a line of hex each */
};
KT_MUST_USE enum kt_status kt_status_log_read(struct kt_reader *r, struct kt_status_log *ret,
                                              struct kt_error *err);
void kt_status_log_done(struct kt_status_log *l);
/* Lines for people. live: `checkpoint` of a running collector's answer, or an absent value. */
void kt_status_log_print(const struct kt_status_log *l, uint64_t records, struct kt_jval live,
                         kt_time_ns now);
/* The value of a JSON member: an object, or null. */
void kt_status_log_json(const struct kt_status_log *l, struct kt_buf *out);
