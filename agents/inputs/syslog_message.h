/*
 * syslog_message: what one syslog message says, and where a message ends in a stream. Pure.
 *
 * Formats: RFC 5424; RFC 3164 as it is found (with or without host, with the time of RFC 3339 that
 * rsyslog and Go write); RFC 6587 (octet counting, or one message a line).
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/limits.h"

/* All parts borrow from the message; empty: not said (RFC 5424's "-"). */
struct kt_syslog {
    bool head;         /* it has one; else all of it is `text` */
    unsigned priority; /* facility * 8 + severity, 0 to 191 */
    struct kt_str time, host, app, procid, msgid;
    struct kt_str data; /* RFC 5424's structured data, as written: [id name="value"]… */
    struct kt_str text; /* MSG, without byte order mark and without newlines at its end */
};
/* Never fails: what has no head is text. */
struct kt_syslog kt_syslog_parse(struct kt_str message);
/* Appends the message as one JSON object: pri, time, hostname, appname, procid, msgid, msg, and sd
 * ({"id": {"name": "value"}}). Parts that are not said are left out. */
void kt_syslog_object(const struct kt_syslog *m, struct kt_buf *out);

/* ---- messages in a stream ---- */

/* A longer message is given cut here, which is more than a record may have, and the rest of it is
 * passed by. */
#define KT_SYSLOG_MAX (KT_RECORD_MAX + (16u << 10))

typedef enum kt_status kt_syslog_fn(void *self, struct kt_str message, struct kt_error *err);
struct kt_syslog_frames { /* zeroed = at the start of a stream */
    struct kt_buf rest;   /* the beginning of a message; at most KT_SYSLOG_MAX and one feed */
    size_t looked;        /* no newline before it */
    uint64_t skip;        /* bytes of a counted message that are passed by */
    bool skip_line;       /* up to the next newline */
};
/* Gives each message that is whole. The first status but KT_OK ends it: the stream is of no use
 * then. */
KT_MUST_USE enum kt_status kt_syslog_frames_feed(struct kt_syslog_frames *f, struct kt_str bytes,
                                                 kt_syslog_fn *each, void *self,
                                                 struct kt_error *err);
/* The stream has ended: gives what is left, which may be half a message, and makes f ready again.
 */
KT_MUST_USE enum kt_status kt_syslog_frames_end(struct kt_syslog_frames *f, kt_syslog_fn *each,
                                                void *self, struct kt_error *err);
void kt_syslog_frames_done(struct kt_syslog_frames *f);
