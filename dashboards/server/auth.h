/*
 * auth: who asks: users, sessions and what a request must carry to change anything (THREATS W1-W5).
 * No HTTP here: the server hands over what a request said, with the time.
 *
 * Not for several threads: the server's one thread calls (but kt_web_login_check).
 */
#pragma once
#include "core/base/hash.h"
#include "core/base/ip.h"
#include "core/config/config.h"
#include "core/sys/rng.h"
#include "dashboards/api/api.h"
#include "dashboards/server/users.h"

#define KT_WEB_TOKEN_TEXT   33 /* 128 bits in hex, and NUL */
#define KT_WEB_PASSWORD_MAX 1024u
#define KT_WEB_CHECKS       2u /* of passwords, at a time: each takes 64 MiB */

struct kt_web_auth;
struct kt_web_auth_options {
    const char *users_file;        /* NULL: no users with passwords; one-time links alone */
    bool proxy;                    /* a trusted proxy says in a header who the user is */
    const struct kt_cidr *proxies; /* from where it is believed; the Unix socket always is. Lent */
    unsigned n_proxies;
    const struct kt_rng *rng;
    bool tls; /* origins are https, and cookies of this host alone */
};
/* KT_E_CONFIG: the users file is not there, open to others, or has a line that is refused. */
KT_MUST_USE enum kt_status kt_web_auth_open(const struct kt_web_auth_options *o, kt_time_ns now,
                                            struct kt_web_auth **ret, struct kt_error *err);
void kt_web_auth_close(struct kt_web_auth *a);

struct kt_web_request { /* what of a request is about who asks; empty: not sent */
    bool change;        /* POST */
    bool by_itself;     /* nothing says that a person asked (X-Person of the page, a change): no use
                           of the session, whoever is in front of an open page */
    bool unix_socket;
    struct kt_ip peer;           /* of the socket; the other end may be a proxy */
    struct kt_str forwarded_for; /* X-Forwarded-For */
    struct kt_str cookie;        /* the header; several: joined by "; " */
    struct kt_str csrf;          /* X-CSRF-Token */
    struct kt_str origin, site;  /* Origin, Sec-Fetch-Site */
    struct kt_str host;          /* Host, already on the allow-list */
    struct kt_str proxy_user;    /* value of the proxy's header */
};
/* The address a request comes from: of the socket, or, where that is a trusted proxy, what its
 * X-Forwarded-For says last (what stands before was written by whoever asks). Behind a proxy that
 * says none, and on a Unix socket: `::`. */
struct kt_ip kt_web_peer(const struct kt_web_auth *a, const struct kt_web_request *r);

struct kt_web_who {
    char user[KT_WEB_NAME_MAX + 1];
    enum kt_role role;
    char scope[KT_WEB_SCOPE_MAX + 1]; /* a query that everything they see must fit; "": all */
    char csrf[KT_WEB_TOKEN_TEXT];
    bool session; /* false: by the proxy's word, per request */
    uint64_t id;  /* of the session, never of another: for what is kept by session (note.h) */
};
/* KT_E_DENIED: nobody, or not so (401 without a session, 403 with one: *ret_known). A change needs
 * the session's CSRF token and the page's own origin. */
KT_MUST_USE enum kt_status kt_web_who(struct kt_web_auth *a, const struct kt_web_request *r,
                                      kt_time_ns now, struct kt_web_who *ret, bool *ret_known,
                                      struct kt_error *err);

/* Is that still who asks, with the same role and scope: neither logged out, nor over, nor changed
 * in the users file? */
bool kt_web_still(struct kt_web_auth *a, const struct kt_web_who *who, kt_time_ns now);

/* Log in, by a one-time token or by name and password. The password check takes a tenth of a
 * second: it runs on a worker (kt_web_login_check), which is why login is three steps. After a
 * _begin that was KT_OK _end or _drop is always called. */
struct kt_web_login {
    struct kt_str token;                    /* or */
    struct kt_str user;                     /* and */
    char password[KT_WEB_PASSWORD_MAX + 1]; /* wiped by all three */
    kt_time_ns wait;                        /* answer of _begin on KT_E_LIMIT: until the next try */
    /* between the steps: */
    bool passed;
    bool secure; /* the browser came by https */
    struct kt_ip peer;
    char hash[KT_PASSWORD_HASH]; /* one user's, or a stand-in's */
};
/* KT_E_DENIED: not from the page's own origin. KT_E_LIMIT: too many tries (429, Retry-After). */
KT_MUST_USE enum kt_status kt_web_login_begin(struct kt_web_auth *a, struct kt_web_login *l,
                                              const struct kt_web_request *r, kt_time_ns now,
                                              struct kt_error *err);
void kt_web_login_check(struct kt_web_login *l); /* any thread */
/* Adds the Set-Cookie value. KT_E_DENIED says no more than that. */
KT_MUST_USE enum kt_status kt_web_login_end(struct kt_web_auth *a, struct kt_web_login *l,
                                            kt_time_ns now, struct kt_buf *ret_cookie,
                                            struct kt_web_who *ret, struct kt_error *err);
/* Instead of _end, when nobody waits for the answer, or there is no room for the check: a one-time
 * token is as good as before. */
void kt_web_login_drop(struct kt_web_auth *a, struct kt_web_login *l);
/* Ends the session (its request was judged by kt_web_who); adds the Set-Cookie value that removes
 * it. */
void kt_web_auth_logout(struct kt_web_auth *a, const struct kt_web_request *r,
                        struct kt_buf *ret_cookie);

/* A one-time token for a link, valid ten minutes; asked for over the page's own control socket,
 * which only the page's user and root can reach. role NULL: the user's own of the users file, or
 * responder. KT_E_INPUT: no such name or role. */
KT_MUST_USE enum kt_status kt_web_auth_link(struct kt_web_auth *a, struct kt_str user,
                                            const enum kt_role *role, kt_time_ns now,
                                            struct kt_buf *ret_token, struct kt_error *err);
/* Each second: ends old sessions and tokens, reads a changed users file. */
void kt_web_auth_turn(struct kt_web_auth *a, kt_time_ns now);
