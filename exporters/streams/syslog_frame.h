/*
 * syslog_frame: a message of RFC 5424 in a frame of RFC 5425/6587, as `syslog` and `cef` write it.
 * Pure.
 */
#pragma once
#include "exporters/streams/said.h"

#define KT_SYSLOG_MAX                                                                              \
    8192u /* bytes of a message that every receiver should take (RFC 5424, 6.1)                    \
           */

struct kt_syslog_options { /* which both types have: KT_SYSLOG_OPTIONS in their tables */
    struct kt_stream_files files;
    const char *facility, *alert_facility, *hostname, *framing;
};
#define KT_SYSLOG_OPTIONS(options, at)                                                             \
    { "url_file",                                                                                  \
      KT_OPT_SECRET_FILE,                                                                          \
      NULL,                                                                                        \
      offsetof(options, at.files.url_file),                                                        \
      "File (0600) with the receiver: tls://host:6514, or tcp:// or udp:// to a loopback "         \
      "address.",                                                                                  \
      false,                                                                                       \
      false },                                                                                     \
        { "facility",                                                                              \
          KT_OPT_STRING,                                                                           \
          "audit",                                                                                 \
          offsetof(options, at.facility),                                                          \
          "Of events: audit (13), auth, authpriv, daemon, user, local0 to local7.",                \
          false,                                                                                   \
          false },                                                                                 \
        { "alert_facility", KT_OPT_STRING, "auth", offsetof(options, at.alert_facility),           \
          "Of alerts.",     false,         false },                                                \
        { "hostname",                                                                              \
          KT_OPT_STRING,                                                                           \
          "",                                                                                      \
          offsetof(options, at.hostname),                                                          \
          "HOSTNAME; empty: the deployment's name.",                                               \
          false,                                                                                   \
          false },                                                                                 \
    {                                                                                              \
        "framing", KT_OPT_STRING, "octet", offsetof(options, at.framing),                          \
            "octet (a length before each message), or lf for receivers on plain tcp that want "    \
            "lines.",                                                                              \
            false, false                                                                           \
    }

/* KT_E_CONFIG names the option that cannot be. */
KT_MUST_USE enum kt_status kt_syslog_check(const struct kt_syslog_options *o, struct kt_error *err);
/* Appends the beginning of a message up to the blank before its structured data. Returns where it
 * begins, for kt_syslog_room and kt_syslog_finish. */
size_t kt_syslog_begin(const struct kt_syslog_options *o, const struct kt_stream_item *item,
                       const char *msgid, struct kt_buf *body);
/* Bytes that the message may still have. */
size_t kt_syslog_room(size_t begin, const struct kt_buf *body);
/* Appends a blank and the text, cut to what fits, with a byte order mark where it is not ASCII. */
void kt_syslog_text(size_t begin, struct kt_str text, struct kt_buf *body);
/* Frames what was written since begin. */
void kt_syslog_finish(const struct kt_syslog_options *o, size_t begin, struct kt_buf *body);
