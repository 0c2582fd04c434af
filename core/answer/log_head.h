/* log_head: the newest checkpoint as the collector keeps it: what is signed, since when, and who
 * has cosigned it. */
#pragma once
#include "core/proof/note.h" /* the blobs they lie in */
#include "core/store/read.h"

struct kt_log_head {
    struct kt_buf note; /* empty: none */
    kt_time_ns at;
    struct kt_buf keys; /* public ones in force, a line of hex each */
};
KT_MUST_USE enum kt_status kt_log_head_read(struct kt_reader *r, struct kt_log_head *ret,
                                            struct kt_error *err);
void kt_log_head_done(struct kt_log_head *l);
/* The value of a JSON member: {"size","at","note","cosigners"}, or null. */
void kt_log_head_json(const struct kt_log_head *l, struct kt_buf *out);
