/*
 * daemon_together: what the thread of collector/together.h made goes into the store.
 *
 * Owns:  nothing.
 * Calls: collector/together, ingest, daemon_turn (a transaction of its own).
 * Holds: the daemon ends by it only where the transaction itself is lost.
 */
#include "collector/daemon.h"
#include "core/base/log.h"

static enum kt_status put(struct kt_daemon *d, const struct kt_togethers_made *made,
                          struct kt_error *err)
{
    bool added;
    return made->merged != NULL ? kt_merge_put(d->store, made->merged, &added, err)
                                : kt_together_put(d->store, made->pairs, &added, err);
}

enum kt_status kt_daemon_together(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_togethers_made made;
    struct kt_error why = { 0 };
    if (!kt_togethers_take(d->togethers, &made))
        return KT_OK;
    enum kt_status status = kt_daemon_commit(d, err); /* what agents wait for goes first */
    if (status == KT_OK)
        status = kt_ingest_begin(d->ingest, err);
    if (status == KT_OK && put(d, &made, &why) != KT_OK) {
        if (kt_store_writes(d->store)) /* questions walk over the segments then */
            kt_log(KT_LOG_WARN, "collector: segments are not merged, pairs not kept: %s", why.text);
        else
            status = kt_fail(err, why.code, "%s", why.text);
    }
    kt_merge_made_free(made.merged);
    kt_together_made_free(made.pairs);
    return status != KT_OK ? status : kt_daemon_commit(d, err);
}
