/*
 * doc: JSON of an encoder, member by member, at the end of a buffer. Commas and absent values are
 * its business: an empty string, an empty object and an empty list are not written at all. Keys are
 * names of the target's schema: plain ASCII, written as they are; NULL in a list.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

/* "key":{ or "key":[ ; the mark goes to kt_doc_close, which takes back what stayed empty. */
size_t kt_doc_open(struct kt_buf *out, const char *key, char bracket);
void kt_doc_close(struct kt_buf *out, size_t mark);
void kt_doc_str(struct kt_buf *out, const char *key, struct kt_str s);
void kt_doc_i64(struct kt_buf *out, const char *key, int64_t v);
void kt_doc_u64(struct kt_buf *out, const char *key, uint64_t v);
void kt_doc_bool(struct kt_buf *out, const char *key, bool v);
/* A whole JSON value that is known to be one: a line, a document. */
void kt_doc_json(struct kt_buf *out, const char *key, struct kt_str json);
/* RFC 3339 with milliseconds, floored: "2026-11-22T20:00:00.123Z". */
void kt_doc_time(struct kt_buf *out, const char *key, kt_time_ns t);
static inline void kt_doc_z(struct kt_buf *out, const char *key, const char *z)
{
    kt_doc_str(out, key, kt_str_of(z));
}
/* t in whole units of so many ns, floored also before 1970. */
static inline int64_t kt_doc_floor(kt_time_ns t, kt_time_ns unit)
{
    return t / unit - (t % unit < 0);
}
