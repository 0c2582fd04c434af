/*
 * signature_rows: operations of the sources that are told the first time (DETECTION §4.9).
 */
#pragma once
#include "core/event/event.h"

enum kt_sign {
    KT_SIGN_STOPPED,
    KT_SIGN_CLEAR,
    KT_SIGN_ROOT,
    KT_SIGN_CANARY,
    KT_SIGN_OPENED,
    KT_SIGN_DESTROY,
    KT_SIGN_UNSEAL,
    KT_SIGN_WATCH,
    KT_SIGN_ANONYMOUS,
    KT_SIGN_WHOLE,
    KT_SIGN_ISSUED,
    KT_SIGN_EXPOSED,
    KT_SIGN_EMERGENCY,
    KT_SIGN_GONE,
    KT_SIGN_NODE,
    KT_SIGN_LEFT,
    KT_SIGN_EXPORTED,
    KT_SIGN_COUNT
};
/* Globs over the operation, letters of any case, over what it was done to, and bytes that the
 * original must hold; `what` follows a name: "ana stopped a trail". */
struct kt_sign_row {
    enum kt_sign sign;
    const char *source, *operation, *native, *holds, *what;
};
/* The row of an event that succeeded, or whose outcome is not known; NULL when there is none. */
const struct kt_sign_row *kt_sign_row_of(const struct kt_event *ev);
/* Some people's daily work: worth a word the first time only. */
bool kt_sign_is_daily(enum kt_sign sign);
/* Only where the secret is known to be production. */
bool kt_sign_of_production(const struct kt_sign_row *row);
