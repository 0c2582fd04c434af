/*
 * line: the canonical JSON line. Serialised once, at the agent; spooled, sent, hashed, stored,
 * exported, never rebuilt.
 *
 * {"v":1,"kind":"access","source":…,"instance":…,…}: fixed key order, no white space, UTF-8, absent
 * fields left out, times as integers (ns), no newline inside. docs/line.md has the grammar. The
 * reader accepts exactly what the writer makes: for any bytes b, read(b) = OK implies
 * write(read(b)) == b.
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"

/* Appends the line without its newline. Strings are cut at KT_STRING_MAX (the event is then marked
 * repaired); invalid UTF-8 becomes U+FFFD. KT_E_LIMIT (out unchanged) when the line would exceed
 * KT_LINE_MAX even without raw; a too long raw alone is left out and the event marked incomplete.
 * May set ev->flags. */
KT_MUST_USE enum kt_status kt_line_write(struct kt_event *ev, struct kt_buf *out,
                                         struct kt_error *err);
/* Strings without escapes borrow from line; unescaped ones go to arena. KT_E_INPUT names the byte.
 */
KT_MUST_USE enum kt_status kt_line_read(struct kt_str line, struct kt_arena *arena,
                                        struct kt_event *ret, struct kt_error *err);
/* The same without a copy of the event: after a failure *ret is of no use. */
KT_MUST_USE enum kt_status kt_line_read_over(struct kt_str line, struct kt_arena *arena,
                                             struct kt_event *ret, struct kt_error *err);
/* The credential of a stored line, without the rest of it; empty: it has none. False: it is
 * escaped, or the line is none: read it. */
bool kt_line_credential(struct kt_str line, struct kt_str *ret);
/* Appends s as a JSON string with quotes: the one escaping of canonical lines (short escapes,
 * \u00xx for other C0, DEL and above as they are). */
void kt_json_quote(struct kt_buf *out, struct kt_str s);
