/*
 * listen: accepts connections and reads them on a thread of its own, so that whoever writes never
 * waits for a disk or a network of ours. Room is bounded: when it is full the connection that wants
 * more is closed (its writer gets an error at once), it is never just not read. Datagrams for which
 * there is no room are dropped and counted: their writers hear nothing either way.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/ip.h"
#include "core/config/config.h"

struct kt_listen_options {
    const char *address;         /* unix:///run/x.sock or tcp://127.0.0.1:9090 */
    bool datagrams;              /* unix-dgram:///run/x.sock and udp://127.0.0.1:514 too */
    unsigned mode;               /* of a unix socket */
    const struct kt_cidr *allow; /* peers over TCP and UDP; none: this host alone. Copied */
    unsigned n_allow;
    size_t room;          /* bytes that may wait to be taken */
    unsigned connections; /* at once, at most KT_LISTEN_CONNECTIONS */
};
#define KT_LISTEN_CONNECTIONS 64u

/* Addresses and networks as a configuration writes them; at most KT_LISTEN_ALLOW. */
#define KT_LISTEN_ALLOW 64u
KT_MUST_USE enum kt_status kt_listen_allow(const struct kt_strings *names,
                                           struct kt_cidr ret[KT_LISTEN_ALLOW],
                                           struct kt_error *err);

struct kt_listen;
/* KT_E_CONFIG: the address is none, or not this host's alone with nobody allowed; KT_E_IO. */
KT_MUST_USE enum kt_status kt_listen_open(const struct kt_listen_options *o, struct kt_listen **ret,
                                          struct kt_error *err);
/* Reads once more what can be read and ends all connections; what waits can still be taken. */
void kt_listen_stop(struct kt_listen *l);
void kt_listen_free(struct kt_listen *l);    /* closes all; what was not taken is gone */
int kt_listen_fd(const struct kt_listen *l); /* readable when there is something to take */

/* What one connection wrote, in order. Numbers of connections (places, 0 …) are used again after
 * the end was taken. */
struct kt_listen_piece {
    unsigned connection;
    bool ended; /* and closed; bytes may be empty then */
    /* Of datagrams (all are connection 0, which never ends): each as its length in decimal, a blank
     * and its bytes, as RFC 6587 counts octets, so that one piece holds many. */
    struct kt_buf bytes; /* the taker's to free */
};
bool kt_listen_take(struct kt_listen *l, struct kt_listen_piece *ret);

struct kt_listen_counts {
    /* Connections, or datagrams. Refused: not allowed, or too many; shed: room was full. */
    uint64_t accepted, refused, shed;
    uint64_t lost;    /* datagrams that the kernel dropped, as far as it says */
    uint64_t waiting; /* bytes */
    unsigned open;
};
struct kt_listen_counts kt_listen_counts(struct kt_listen *l);
