/*
 * daemon_together: what the thread of collector/together.h made goes into the store.
 *
 * Owns:  nothing.
 * Calls: collector/together, ingest, daemon_turn (a transaction of its own).
 * Holds: the daemon ends by it only where the disk fails; nothing is written where it is nearly
 *        full: what agents send needs the room.
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

/* What is made is no reason to leave a file: where a page of it is damaged, which may be one of old
 * lines that nobody looks at, segments stay as they are and questions walk over them. */
static bool can_do_without(const struct kt_daemon *d, const struct kt_error *why)
{
    return why->code == KT_E_CORRUPT || kt_store_writes(d->store);
}

enum kt_status kt_daemon_together_write(struct kt_daemon *d, const struct kt_togethers_made *made,
                                        struct kt_error *err)
{
    struct kt_error why = { 0 };
    if (kt_ingest_begin(d->ingest, err) != KT_OK)
        return err->code;
    if (put(d, made, &why) == KT_OK)
        return KT_OK;
    if (!can_do_without(d, &why)) {
        *err = why; /* with the system's own number: a full disk is waited for */
        return err->code;
    }
    kt_ingest_undo(d->ingest);
    kt_log(KT_LOG_WARN, "collector: segments are not merged, pairs not kept: %s", why.text);
    return KT_OK;
}

enum kt_status kt_daemon_together(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_togethers_made made;
    if (d->disk.level >= KT_DISK_ALERT || !kt_togethers_take(d->togethers, &made))
        return KT_OK;
    enum kt_status status = kt_daemon_commit(d, err); /* what agents wait for goes first */
    if (status == KT_OK)
        status = kt_daemon_together_write(d, &made, err);
    kt_merge_made_free(made.merged);
    kt_together_made_free(made.pairs);
    return status == KT_OK ? kt_daemon_commit(d, err) : status;
}
