/*
 * server: the page's HTTP: one thread that reads requests and writes answers (the caller's: see
 * turn), workers that ask the store, a poller for what is live. What is asked is in
 * dashboards/api; who may ask is in auth.h.
 */
#pragma once
#include "core/config/config.h"
#include "core/sys/clock.h"
#include "dashboards/server/auth.h"

#define KT_WEB_CONNECTIONS 1100u

struct kt_web_options {         /* all of it is borrowed and lives as long as the server */
    const struct kt_conf *conf; /* the collector's; NULL: a store without one */
    const char *config;         /* its file; NULL with conf */
    const char *store;
    const char *control;           /* the collector's socket; NULL: nobody to ask */
    const char *program, *reports; /* as in struct kt_api */
    const char *assets;            /* folder of the page; NULL: the one inside this program */
    int listen_fd;                 /* kt_web_listen's; stays the caller's */
    const struct kt_strings *hosts;
    const char *cert, *key;        /* PEM; NULL: plain HTTP */
    const struct kt_cidr *proxies; /* without TLS, nobody but these and this host may connect */
    unsigned n_proxies;
    const char *proxy_header;    /* in which a proxy says who asks; NULL: none does */
    struct kt_str metrics_token; /* empty: /metrics is for loopback alone */
    struct kt_web_auth *auth;
    const struct kt_clock *clock;
};
struct kt_web_server;
/* KT_E_AGAIN, KT_E_CORRUPT, KT_E_CONFIG as kt_reader_open; KT_E_IO: certificate and key do not fit,
 * no thread. */
KT_MUST_USE enum kt_status kt_web_server_open(const struct kt_web_options *o,
                                              struct kt_web_server **ret, struct kt_error *err);
/* Answers what can be answered at once; calls under way are told to stop and are answered 503. */
void kt_web_server_free(struct kt_web_server *s);
/* Readable when turn has something to do; wait_ms: it has in so many milliseconds at the latest. */
int kt_web_server_fd(const struct kt_web_server *s);
int kt_web_server_wait_ms(struct kt_web_server *s);
/* Reads, answers, and once a second cuts connections that are too slow. Never blocks. */
void kt_web_server_turn(struct kt_web_server *s);

/* A listening socket for tcp://address:port (0: any) or unix:/path (mode 0660; a file that nobody
 * listens on is replaced). KT_E_CONFIG: no such form, or it is taken. */
KT_MUST_USE enum kt_status kt_web_listen(const char *address, int *ret_fd, struct kt_error *err);
bool kt_web_is_unix(int fd);
/* Closes it; the file of a Unix socket goes. */
void kt_web_unlisten(int fd);
/* "http://127.0.0.1:7430" of a socket, or "unix:/path". */
void kt_web_address(int fd, bool tls, struct kt_buf *out);
