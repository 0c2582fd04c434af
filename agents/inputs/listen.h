/*
 * listen: accepts connections and reads them on a thread of its own, so that whoever writes never
 * waits for a disk or a network of ours. Room is bounded: when it is full the connection that wants
 * more is closed (its writer gets an error at once), it is never just not read.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/ip.h"

struct kt_listen_options {
    const char *address;         /* unix:///run/x.sock or tcp://127.0.0.1:9090 */
    unsigned mode;               /* of a unix socket */
    const struct kt_cidr *allow; /* peers over TCP; none: this host alone. Copied */
    unsigned n_allow;
    size_t room;          /* bytes that may wait to be taken */
    unsigned connections; /* at once, at most KT_LISTEN_CONNECTIONS */
};
#define KT_LISTEN_CONNECTIONS 64u

struct kt_listen;
/* KT_E_CONFIG: the address is none, or not this host's alone with nobody allowed; KT_E_IO. */
KT_MUST_USE enum kt_status kt_listen_open(const struct kt_listen_options *o, struct kt_listen **ret,
                                          struct kt_error *err);
void kt_listen_free(struct kt_listen *l);    /* closes all; what was not taken is gone */
int kt_listen_fd(const struct kt_listen *l); /* readable when there is something to take */

/* What one connection wrote, in order. Numbers of connections (places, 0 …) are used again after
 * the end was taken. */
struct kt_listen_piece {
    unsigned connection;
    bool ended;          /* and closed; bytes may be empty then */
    struct kt_buf bytes; /* the taker's to free */
};
bool kt_listen_take(struct kt_listen *l, struct kt_listen_piece *ret);

struct kt_listen_counts {
    uint64_t accepted, refused, shed; /* refused: not allowed, or too many; shed: room was full */
    uint64_t waiting;                 /* bytes */
    unsigned open;
};
struct kt_listen_counts kt_listen_counts(struct kt_listen *l);
