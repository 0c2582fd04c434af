/* rotate_hint: how a secret of each kind of store gets a new value. */
#pragma once
#include "core/base/buf.h"

/* Adds the command of its vendor, or where it is done. Words of strangers are quoted for a shell.
 */
void kt_rotate_hint(struct kt_str secret, struct kt_buf *out);
