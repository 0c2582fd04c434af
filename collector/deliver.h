/* deliver: the store's outbox rows and the outbox thread: rows out, the worst first, and changes
 * back. */
#pragma once
#include "collector/outbox.h"

/* Blobs of the store, which end with the alert at its target: "thread/<target>/<alert>" is what the
 * target calls its message, "answers/<target>/<alert>" what of its answers was taken. */
#define KT_THREAD_BLOBS "thread/"
#define KT_ANSWER_BLOBS "answers/"
/* Inside a transaction, at the start: drops those of targets that are no longer configured, and of
 * answers that came after the end. */
KT_MUST_USE enum kt_status kt_deliver_tidy(struct kt_store *store, const struct kt_conf *conf,
                                           struct kt_error *err);

struct kt_deliver;
struct kt_deliver *kt_deliver_new(struct kt_store *store, struct kt_outbox *outbox);
void kt_deliver_free(struct kt_deliver *d);
/* Outside a transaction: hands over waiting rows that the outbox does not have, as far as it has
 * room, and at most a few hundred: kt_deliver_behind says whether to call again. Call it at the
 * start and after a commit that added rows. */
KT_MUST_USE enum kt_status kt_deliver_hand_over(struct kt_deliver *d, struct kt_error *err);
/* After each commit: what was written is in the store. */
void kt_deliver_committed(struct kt_deliver *d);
bool kt_deliver_changed(struct kt_deliver *d); /* kt_deliver_take_back has work */
/* Inside a transaction: writes what the outbox changed, at most a few hundred rows. dead: called
 * for each row given up. */
KT_MUST_USE enum kt_status kt_deliver_take_back(struct kt_deliver *d,
                                                void (*dead)(void *self,
                                                             const struct kt_outbox_row *row),
                                                void *self, struct kt_error *err);
/* Rows wait in the store, and the outbox has room for some. */
bool kt_deliver_behind(const struct kt_deliver *d);
/* Inside a transaction: a dead row waits again, as if it had never been tried. ended: so has its
 * alert; what would open it there is skipped. */
KT_MUST_USE enum kt_status kt_deliver_retry(struct kt_deliver *d, const struct kt_outbox_row *dead,
                                            bool ended, kt_time_ns now, struct kt_error *err);
