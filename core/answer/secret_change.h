/*
 * secret_change: what a record says happened to the value of a secret (SOURCES §11, "How rotation
 * looks in logs"). One table for every question about rotation: only a new value that is current
 * makes an old one worthless, and what merely may be one is told apart.
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"

enum kt_secret_change {
    KT_CHANGE_NONE,     /* nothing that matters for the value */
    KT_CHANGE_VALUE,    /* a new value is current */
    KT_CHANGE_CREATED,  /* the same, and it is the first */
    KT_CHANGE_PENDING,  /* a new value is there, and the old one still current (AWSPENDING) */
    KT_CHANGE_MOVED,    /* the version that the record names became current */
    KT_CHANGE_STARTED,  /* of a rotation; until its end the old value is current */
    KT_CHANGE_ENDED,    /* well */
    KT_CHANGE_FAILED,   /* of a rotation: it failed, was given up or cancelled */
    KT_CHANGE_UNPROVEN, /* changed: of what was told it may have been a tag, or the value */
    KT_CHANGE_DELETED,  /* restorable or not: what was read may still be valid where it is used */
    KT_CHANGE_RESTORED, /* as it was */
};
/* Of an access; KT_CHANGE_NONE for one that did not succeed, but for the end of a rotation, which
 * is told as a failure. Needs action, outcome, operation, secret, stage, via, secret_native. */
enum kt_secret_change kt_secret_change_of(const struct kt_event *ev);
/* The actions of which kt_secret_change_of may say more than NONE, as a query has them. */
#define KT_SECRET_CHANGES "action:write,rotate,delete,destroy,restore"

/* Under which id a secret is read: Vault reads a static role as static-creds/x and rotates it as
 * rotate-role/x. Appends that id; the same one for all others. */
void kt_secret_read_as(struct kt_str secret, struct kt_buf *out);
/* The other id under which changes of a secret stand; false: there is none. */
bool kt_secret_changed_as(struct kt_str secret, struct kt_buf *out);

/* Does "last changed" of the store's inventory date the value, and not also its description? */
bool kt_secret_dates_value(struct kt_str secret);
