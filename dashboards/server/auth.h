/*
 * auth: who asks: users, sessions and what a request must carry to change anything (THREATS W1-W5).
 * No HTTP here: the server hands over what a request said, with the time.
 *
 * Not for several threads: the server's one thread calls.
 */
#pragma once
#include "core/base/ip.h"
#include "core/config/config.h"
#include "core/sys/rng.h"
#include "dashboards/api/api.h"

#define KT_WEB_TOKEN_TEXT 33 /* 128 bits in hex, and NUL */

struct kt_web_auth;
struct kt_web_auth_options {
    const char *users_file;     /* NULL: no users with passwords; one-time links alone */
    struct kt_str proxy_header; /* name of the header that a trusted proxy says the user in; empty:
                                   none */
    const struct kt_cidr *proxies; /* from where it is believed; the Unix socket always is */
    unsigned n_proxies;
    const struct kt_rng *rng;
    bool tls; /* cookies are Secure */
};
KT_MUST_USE enum kt_status kt_web_auth_open(const struct kt_web_auth_options *o,
                                            struct kt_web_auth **ret, struct kt_error *err);
void kt_web_auth_close(struct kt_web_auth *a);

struct kt_web_request { /* what of a request is about who asks */
    bool change;        /* POST */
    bool unix_socket;
    struct kt_ip peer;
    struct kt_str cookie;       /* the header */
    struct kt_str csrf;         /* X-CSRF-Token */
    struct kt_str origin, site; /* Origin, Sec-Fetch-Site */
    struct kt_str host;         /* Host, already on the allow-list */
    struct kt_str proxy_user;   /* value of proxy_header */
};
struct kt_web_who {
    char user[80];
    enum kt_role role;
    const char *scope; /* a query that everything they see must fit; NULL: all. Lives until
                          kt_web_auth_turn */
    char csrf[KT_WEB_TOKEN_TEXT];
    bool session; /* false: by the proxy's word, per request */
};
/* KT_E_DENIED: nobody, or not so (401 without a session, 403 with one: *ret_known). */
KT_MUST_USE enum kt_status kt_web_who(struct kt_web_auth *a, const struct kt_web_request *r,
                                      kt_time_ns now, struct kt_web_who *ret, bool *ret_known,
                                      struct kt_error *err);
/* Log in, by a one-time token or by name and password; adds the Set-Cookie value. KT_E_DENIED says
 * no more than that; KT_E_LIMIT: too many tries, *ret_wait until the next. The password check takes
 * a tenth of a second: it runs on a worker (kt_web_auth_check), which is why login is three steps.
 */
struct kt_web_login {
    struct kt_str token;          /* or */
    struct kt_str user, password; /* wiped by kt_web_auth_check */
    struct kt_ip peer;
    kt_time_ns wait;         /* answer of _begin on KT_E_LIMIT */
    bool passed;             /* answer of _check */
    unsigned char hash[128]; /* of _begin, for _check: one user's, or a stand-in's */
};
KT_MUST_USE enum kt_status kt_web_login_begin(struct kt_web_auth *a, struct kt_web_login *l,
                                              kt_time_ns now, struct kt_error *err);
void kt_web_login_check(struct kt_web_login *l); /* any thread */
KT_MUST_USE enum kt_status kt_web_login_end(struct kt_web_auth *a, struct kt_web_login *l,
                                            kt_time_ns now, struct kt_buf *ret_cookie,
                                            struct kt_web_who *ret, struct kt_error *err);
/* Ends the session; adds the Set-Cookie value that removes it. */
void kt_web_auth_logout(struct kt_web_auth *a, const struct kt_web_request *r,
                        struct kt_buf *ret_cookie);
/* A one-time token for a link, valid ten minutes; asked for over the page's own control socket. */
KT_MUST_USE enum kt_status kt_web_auth_link(struct kt_web_auth *a, struct kt_str user,
                                            enum kt_role role, kt_time_ns now,
                                            struct kt_buf *ret_token, struct kt_error *err);
/* Each second: ends old sessions and tokens, reads a changed users file. */
void kt_web_auth_turn(struct kt_web_auth *a, kt_time_ns now);
