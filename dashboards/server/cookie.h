/*
 * cookie: the session's cookie (RFC 6265), as it is set and as it comes back. Pure.
 */
#pragma once
#include "core/base/buf.h"

/* The session id of a Cookie header ("a=b; c=d"; several joined by "; "). *ret_secure: it came in
 * the cookie of those who log in by https, `__Host-kt_session`, which nobody else can set, a
 * neighbour on the same domain least of all: that one goes first, and with tls it is the only one.
 * false: there is none, or one name twice: a neighbour's cookie may have been put beside ours. */
bool kt_web_cookie_read(struct kt_str header, bool tls, bool *ret_secure, uint8_t ret_id[16]);
/* Adds the value of Set-Cookie. id: in hex; "": the cookie is to go. */
void kt_web_cookie_write(bool secure, const char *id, struct kt_buf *ret);
