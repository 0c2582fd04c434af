/* quiet: reading what must not be seen: passwords and tokens. */
#pragma once
#include "core/base/buf.h"

/* stdin up to max bytes, or up to the end of the line where somebody types it: after `prompt` on
 * stderr, without an echo. Line ends at the end are cut; more than max bytes are KT_E_LIMIT. The
 * caller wipes ret. */
KT_MUST_USE enum kt_status kt_read_quietly(const char *prompt, size_t max, struct kt_buf *ret,
                                           struct kt_error *err);
void kt_buf_wipe(struct kt_buf *b); /* and frees */
