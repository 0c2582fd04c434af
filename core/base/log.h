/* log: lines for grep and for people on stderr. Libraries never call it; daemons' loops and
 * commands do. */
#pragma once
#include "core/base/buf.h"

enum kt_log_level { KT_LOG_ERROR, KT_LOG_WARN, KT_LOG_INFO, KT_LOG_DEBUG };
void kt_log_level_set(enum kt_log_level max);
/* "spool: segment sealed path='…' records=812": one call, one line. Control bytes in the text are
 * escaped. */
void kt_log(enum kt_log_level level, const char *fmt, ...) KT_PRINTF(2, 3);
/* What stands on the terminal's last line and has to go before a line of the log: this clears it,
 * once. Static; NULL: nothing stands there. */
void kt_log_clears(const char *with);
/* Appends s with C0, C1, DEL, bidi controls and zero-width as visible escapes (THREATS O2). */
void kt_tty_add(struct kt_buf *b, struct kt_str s);
/* Appends a name that somebody gave himself: a space for each of these characters, and for each
 * byte that is no UTF-8. Never longer than s. */
void kt_name_add(struct kt_buf *b, struct kt_str s);
/* s for name='%s' in a line: \ before ' and \, so that no value ends early and brings fields of
 * its own; cut to the room there is. Returns ret. */
#define KT_LOG_VALUE 512u
const char *kt_log_value(const char *s, char ret[KT_LOG_VALUE]);
