/*
 * daemon_together: what the thread of collector/together.h made goes into the store.
 *
 * Owns:  nothing.
 * Calls: collector/together, ingest (the transaction).
 */
#include "collector/daemon.h"

enum kt_status kt_daemon_together(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_together_made *made = kt_togethers_take(d->togethers);
    if (made == NULL)
        return KT_OK;
    bool added;
    enum kt_status status = kt_ingest_begin(d->ingest, err);
    if (status == KT_OK)
        status = kt_together_put(d->store, made, &added, err);
    kt_together_made_free(made);
    return status;
}
