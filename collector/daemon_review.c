/*
 * daemon_review: the control socket's request to sign an access review.
 *
 * Owns:  nothing.
 * Calls: core/event/review (form), daemon_notes (the record).
 * Holds: the record is on the disk before anybody is told. Whether the sheet says what the log says
 *        was checked by whoever asks, and can be checked again: the record has its digest.
 */
#include "collector/daemon.h"
#include "core/base/log.h"
#include "core/event/review.h"
#include <inttypes.h>
#include <stdio.h>

enum kt_status kt_daemon_review_sign(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                     struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_review r;
    char sentence[240], by[KT_LOG_VALUE];
    uint64_t last = kt_store_last_seq(d->store);
    if (kt_review_read(args, &r, err) != KT_OK)
        return KT_E_INPUT;
    if (r.head > last)
        return kt_fail(err, KT_E_INPUT,
                       "the sheet was made from %" PRIu64 " records, this log has %" PRIu64, r.head,
                       last);
    /* Its record will have that number, unless others are written first; no other record can have
     * it as a name. */
    (void)snprintf(r.id, sizeof r.id, "review-%" PRIu64, last + 1);
    (void)snprintf(sentence, sizeof sentence,
                   "review of %s signed: %" PRIu64 " rows, %" PRIu64 " to remove",
                   kt_review_word(r.kind), r.rows, r.remove);
    kt_review_write(&r, &raw);
    enum kt_status st = kt_daemon_record(d, KT_KIND_DECISION, KT_REVIEW_OPERATION,
                                         kt_str_of(sentence), kt_buf_str(&raw), err);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    if (st != KT_OK)
        return st;
    kt_log(KT_LOG_INFO, "collector: %s id='%s' by='%s'", KT_REVIEW_OPERATION, r.id,
           kt_log_value(r.by, by));
    kt_buf_addf(out, "{\"id\":\"%s\"}\n", r.id);
    return KT_OK;
}
