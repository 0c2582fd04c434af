/*
 * store_coverage: the sums that `keytrail coverage` begins from, made as a collector makes them by
 * the clock, for whoever has the store to himself.
 *
 * Owns:  a transaction of each slice.
 * Calls: core/answer/tally_kept, core/store.
 */
#include "cli/store_cmd.h"
#include "core/answer/tally_kept.h"
#include "core/store/write.h"

/* Nobody waits for a turn here. */
static const struct kt_tally_slice slice = { .records = UINT64_C(256) * 4096,
                                             .room = { .bytes = (size_t)64 << 20 } };

static enum kt_status put(void *self, const char *name, struct kt_str value, struct kt_error *err)
{
    return kt_store_put(self, name, value, err);
}

enum kt_status kt_store_coverage(struct kt_store *s, struct kt_error *err)
{
    struct kt_error why = { 0 };
    struct kt_reader *r = NULL;
    bool more = true;
    while (more) {
        more = false;
        if (kt_store_begin(s, err) != KT_OK)
            return err->code;
        enum kt_status status = kt_reader_open(kt_store_file(s), &r, &why);
        if (status == KT_OK)
            status = kt_tally_keep(r, &slice, put, s, &more, &why);
        kt_reader_close(r);
        r = NULL;
        if (status != KT_OK) { /* questions walk over the records then */
            kt_store_rollback(s);
            return KT_OK;
        }
        if (kt_store_commit(s, err) != KT_OK)
            return err->code;
    }
    return KT_OK;
}
