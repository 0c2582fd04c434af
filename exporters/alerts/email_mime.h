/* email_mime: the encoders of a message: headers of RFC 5322 and 2047, bodies of RFC 2045. */
#pragma once
#include "exporters/alerts/render.h"

/* "Name: value" CRLF. A value that is not all printable ASCII becomes encoded words (B of RFC
 * 2047), cut between code points; long ones are folded. The value holds no control character. */
void kt_mime_header(struct kt_buf *out, const char *name, struct kt_str value);
/* "Date: Sun, 22 Nov 2026 20:00:07 +0000" CRLF. */
void kt_mime_date(struct kt_buf *out, kt_time_ns t);
/* A text as base64, each of its LF as CRLF (RFC 2046 §4.1.1), in lines of 76 characters. */
void kt_mime_text(struct kt_buf *out, struct kt_str text);
