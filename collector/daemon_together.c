/*
 * daemon_together: what the thread of collector/together.h made goes into the store.
 *
 * Owns:  nothing.
 * Calls: collector/together, ingest, daemon_turn (a transaction of its own).
 * Holds: the daemon ends by it only where the transaction itself is lost.
 */
#include "collector/daemon.h"
#include "core/base/log.h"

enum kt_status kt_daemon_together(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_together_made *made = kt_togethers_take(d->togethers);
    if (made == NULL)
        return KT_OK;
    struct kt_error why = { 0 };
    bool added;
    enum kt_status status = kt_daemon_commit(d, err); /* what agents wait for goes first */
    if (status == KT_OK)
        status = kt_ingest_begin(d->ingest, err);
    if (status == KT_OK && kt_together_put(d->store, made, &added, &why) != KT_OK) {
        if (kt_store_writes(d->store)) /* questions walk over the segments then */
            kt_log(KT_LOG_WARN, "collector: pairs are not kept: %s", why.text);
        else
            status = kt_fail(err, why.code, "%s", why.text);
    }
    kt_together_made_free(made);
    return status != KT_OK ? status : kt_daemon_commit(d, err);
}
