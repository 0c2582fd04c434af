/*
 * daemon_tally: the sums that `keytrail coverage` begins from, kept up with the log (core/answer/
 * tally_kept.h). A slice at a time, when a minute has passed and there is enough for one.
 *
 * Owns:  nothing; a reader while a slice is taken in.
 * Calls: core/answer, ingest (the transaction).
 */
#include "collector/daemon.h"
#include "core/answer/tally_kept.h"
#include "core/base/log.h"

/* Beside the block that is at hand (8 MB, twice): below 32 MB and 50 ms of the main loop, whatever
 * names and times a source makes up. */
static const struct kt_tally_slice slice = { .records = UINT64_C(64) * 4096,
                                             .room = { .bytes = (size_t)5 << 20, .blocks = 16 } };

static enum kt_status put(void *self, const char *name, struct kt_str value, struct kt_error *err)
{
    struct kt_daemon *d = self;
    if (kt_ingest_begin(d->ingest, err) != KT_OK)
        return err->code;
    return kt_store_put(d->store, name, value, err);
}

enum kt_status kt_daemon_tally(struct kt_daemon *d, bool *ret_more, struct kt_error *err)
{
    struct kt_reader *r = NULL;
    struct kt_error why = { 0 };
    *ret_more = false;
    enum kt_status status = kt_reader_open(d->conf->store_path, &r, &why);
    if (status == KT_OK)
        status = kt_tally_keep(r, &slice, put, d, ret_more, &why);
    kt_reader_close(r);
    if (status == KT_E_IO) { /* the store could not write */
        *err = why;
        return status;
    }
    if (status != KT_OK && status != KT_E_AGAIN) /* questions walk over the records then */
        kt_log(KT_LOG_WARN, "collector: sums of coverage are not kept: %s", why.text);
    return KT_OK;
}
