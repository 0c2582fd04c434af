/* listen, inside: what its files share. Nobody else includes this. */
#pragma once
#include <pthread.h>

#include "agents/inputs/listen.h"

#define READ_BYTES (256u << 10)

struct piece {
    struct piece *next;
    struct kt_listen_piece at;
};
struct kt_listen {
    int fd;
    bool datagrams; /* fd is read itself */
    char *path;     /* of a unix socket: removed at the end */
    struct kt_cidr *allow;
    unsigned n_allow, connections;
    size_t room;
    pthread_t thread;
    bool threaded;
    int wake, ready;                 /* eventfds: for the thread, for the taker */
    int conn[KT_LISTEN_CONNECTIONS]; /* -1 = free; the thread's alone */
    char bytes[READ_BYTES];          /* the same */

    pthread_mutex_t lock; /* guards all below */
    struct piece *first, **last;
    struct piece *newest[KT_LISTEN_CONNECTIONS]; /* of each, while it waits and may grow */
    bool used[KT_LISTEN_CONNECTIONS];            /* until its end was taken */
    bool quit;
    struct kt_listen_counts counts;
};

/* Makes l->fd of o->address: bound, and listening where it is no socket for datagrams. */
KT_MUST_USE enum kt_status kt_listen_bind(struct kt_listen *l, const struct kt_listen_options *o,
                                          struct kt_error *err);
