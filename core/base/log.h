/* log: lines for grep and for people on stderr. Libraries never call it; daemons' loops and
 * commands do. */
#pragma once
#include "core/base/buf.h"

enum kt_log_level { KT_LOG_ERROR, KT_LOG_WARN, KT_LOG_INFO, KT_LOG_DEBUG };
void kt_log_level_set(enum kt_log_level max);
/* "spool: segment sealed path='…' records=812": one call, one line. Control bytes in the text are
 * escaped. */
void kt_log(enum kt_log_level level, const char *fmt, ...) KT_PRINTF(2, 3);
/* Appends s with C0, C1, DEL, bidi controls and zero-width as visible escapes (THREATS O2). */
void kt_tty_add(struct kt_buf *b, struct kt_str s);
