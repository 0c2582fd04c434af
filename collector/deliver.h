/* deliver: the store's outbox rows and the outbox thread: rows out, changes back. */
#pragma once
#include "collector/outbox.h"

/* Blobs of the store: "thread/<target>/<alert>" is what the target calls its message. */
#define KT_THREAD_BLOBS "thread/"

struct kt_deliver;
struct kt_deliver *kt_deliver_new(struct kt_store *store, struct kt_outbox *outbox);
void kt_deliver_free(struct kt_deliver *d);
/* Outside a transaction: hands over waiting rows that the outbox does not have, as far as it has
 * room. Call it at the start and after a commit that added rows. */
KT_MUST_USE enum kt_status kt_deliver_hand_over(struct kt_deliver *d, struct kt_error *err);
bool kt_deliver_changed(struct kt_deliver *d); /* kt_deliver_take_back has work */
/* Inside a transaction: writes what the outbox changed. dead: called for each row given up. */
KT_MUST_USE enum kt_status kt_deliver_take_back(struct kt_deliver *d,
                                                void (*dead)(void *self,
                                                             const struct kt_outbox_row *row),
                                                void *self, struct kt_error *err);
bool kt_deliver_behind(const struct kt_deliver *d); /* rows wait in the store for room */
