/*
 * listen: accepts connections and reads them on a thread of its own.
 *
 * Owns:  the listening socket, its connections, a row of pieces that wait to be taken: of each
 *        connection in order, of two not.
 * Calls: core/base, listen_bind. POSIX sockets.
 * Holds: the thread does nothing but accept, read and append; it never waits for whoever takes.
 */
#include "agents/inputs/listen_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/alloc.h"

#define DATAGRAMS     1024u /* of one turn: more than the kernel keeps for a socket as a rule */
#define DATAGRAM_HEAD 16u   /* room for its length */

/* ---- what is waiting ---- */

static void push(struct kt_listen *l, unsigned connection, const char *at, size_t n, bool ended)
{
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&l->lock);
    /* many small writes are one piece, whoever writes between them: each costs its bytes alone */
    struct piece *p = l->newest[connection];
    if (p == NULL || p->at.bytes.len + n > READ_BYTES) {
        p = kt_alloc(sizeof *p);
        p->at.connection = connection;
        *l->last = p;
        l->last = &p->next;
    }
    p->at.ended = ended;
    l->newest[connection] = ended ? NULL : p;
    kt_buf_add_bytes(&p->at.bytes, at, n);
    l->counts.waiting += n;
    l->counts.open -= ended;
    (void)pthread_mutex_unlock(&l->lock);
    (void)!write(l->ready, &one, sizeof one);
}

bool kt_listen_take(struct kt_listen *l, struct kt_listen_piece *ret)
{
    uint64_t n;
    (void)pthread_mutex_lock(&l->lock);
    struct piece *p = l->first;
    if (p != NULL) {
        l->first = p->next;
        l->last = l->first == NULL ? &l->first : l->last;
        if (l->newest[p->at.connection] == p)
            l->newest[p->at.connection] = NULL;
        l->counts.waiting -= p->at.bytes.len;
        l->used[p->at.connection] = l->used[p->at.connection] && !p->at.ended;
    } else {
        (void)!read(l->ready, &n, sizeof n);
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (p == NULL)
        return false;
    *ret = p->at;
    kt_free(p);
    return true;
}

/* ---- the thread ---- */

static bool is_allowed(const struct kt_listen *l, const struct sockaddr_storage *from)
{
    char text[INET6_ADDRSTRLEN];
    struct kt_ip ip;
    const void *at = NULL;
    if (from->ss_family == AF_UNIX)
        return true; /* the mode of the socket says who may */
    if (from->ss_family == AF_INET)
        at = &((const struct sockaddr_in *)(const void *)from)->sin_addr;
    else if (from->ss_family == AF_INET6)
        at = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
    if (at == NULL || inet_ntop(from->ss_family, at, text, sizeof text) == NULL ||
        !kt_ip_parse(kt_str_of(text), &ip))
        return false;
    if (kt_ip_class(ip) == KT_IP_LOOPBACK)
        return true;
    for (unsigned i = 0; i < l->n_allow; i++)
        if (kt_cidr_has(l->allow[i], ip))
            return true;
    return false;
}

/* A place for a connection; false: all are taken, or the ends of some wait to be taken. */
static bool free_place(struct kt_listen *l, unsigned *ret)
{
    bool found = false;
    (void)pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < l->connections && !found; i++)
        if (!l->used[i] && l->conn[i] < 0) {
            *ret = i;
            l->used[i] = found = true;
        }
    l->counts.accepted += found;
    l->counts.refused += !found;
    l->counts.open += found;
    (void)pthread_mutex_unlock(&l->lock);
    return found;
}

static void accept_one(struct kt_listen *l)
{
    struct sockaddr_storage from = { 0 };
    socklen_t size = sizeof from;
    unsigned place;
    int fd = accept4(l->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        (void)poll(NULL, 0, 20); /* it stays in the queue: not as fast as can be */
    if (fd < 0)
        return;
    if (!is_allowed(l, &from)) {
        (void)pthread_mutex_lock(&l->lock);
        l->counts.refused++;
        (void)pthread_mutex_unlock(&l->lock);
        (void)close(fd);
        return;
    }
    if (!free_place(l, &place)) {
        (void)close(fd);
        return;
    }
    l->conn[place] = fd;
}

static void end(struct kt_listen *l, unsigned i)
{
    (void)close(l->conn[i]);
    l->conn[i] = -1;
    push(l, i, NULL, 0, true);
}

static bool has_room(struct kt_listen *l, size_t n)
{
    (void)pthread_mutex_lock(&l->lock);
    bool room = l->counts.waiting + n <= l->room;
    l->counts.shed += !room;
    (void)pthread_mutex_unlock(&l->lock);
    return room;
}

static void read_one(struct kt_listen *l, unsigned i)
{
    ssize_t n = read(l->conn[i], l->bytes, sizeof l->bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || !has_room(l, (size_t)n))
        end(l, i);
    else
        push(l, i, l->bytes, (size_t)n, false);
}

/* How many the kernel dropped so far; it says so with the next one that it keeps. */
static void note_lost(struct kt_listen *l, struct msghdr *m)
{
    uint32_t lost;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
            continue;
        memcpy(&lost, CMSG_DATA(c), sizeof lost);
        (void)pthread_mutex_lock(&l->lock);
        l->counts.lost = lost;
        (void)pthread_mutex_unlock(&l->lock);
    }
}

static void count_datagram(struct kt_listen *l, bool allowed)
{
    (void)pthread_mutex_lock(&l->lock);
    l->counts.accepted += allowed;
    l->counts.refused += !allowed;
    (void)pthread_mutex_unlock(&l->lock);
}

static bool read_datagram(struct kt_listen *l)
{
    struct sockaddr_storage from = { 0 };
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint32_t))];
    struct iovec to = { l->bytes + DATAGRAM_HEAD, sizeof l->bytes - DATAGRAM_HEAD };
    struct msghdr m = { .msg_name = &from,
                        .msg_namelen = sizeof from,
                        .msg_iov = &to,
                        .msg_iovlen = 1,
                        .msg_control = control,
                        .msg_controllen = sizeof control };
    ssize_t n = recvmsg(l->fd, &m, 0);
    if (n < 0)
        return errno == EINTR;
    note_lost(l, &m);
    bool allowed = l->path != NULL || is_allowed(l, &from); /* who writes to a path has no name */
    count_datagram(l, allowed);
    if (!allowed || n == 0 || !has_room(l, (size_t)n + DATAGRAM_HEAD))
        return true;
    char head[DATAGRAM_HEAD + 1];
    int digits = snprintf(head, sizeof head, "%zd ", n);
    char *at = l->bytes + DATAGRAM_HEAD - digits;
    memcpy(at, head, (size_t)digits);
    push(l, 0, at, (size_t)n + (size_t)digits, false);
    return true;
}

static void read_datagrams(struct kt_listen *l)
{
    for (unsigned i = 0; i < DATAGRAMS && read_datagram(l); i++)
        continue;
}

static bool wants_to_quit(struct kt_listen *l)
{
    (void)pthread_mutex_lock(&l->lock);
    bool quit = l->quit;
    (void)pthread_mutex_unlock(&l->lock);
    return quit;
}

static void *work(void *self)
{
    struct kt_listen *l = self;
    struct pollfd polls[KT_LISTEN_CONNECTIONS + 2];
    bool last = false; /* what came before we were told to quit is still read */
    while (!last) {
        last = wants_to_quit(l);
        polls[0] = (struct pollfd){ .fd = l->wake, .events = POLLIN };
        polls[1] = (struct pollfd){ .fd = l->fd, .events = POLLIN };
        for (unsigned i = 0; i < l->connections; i++) /* poll passes over -1 */
            polls[2 + i] = (struct pollfd){ .fd = l->conn[i], .events = POLLIN };
        if (poll(polls, l->connections + 2, -1) < 0)
            continue;
        for (unsigned i = 0; i < l->connections; i++)
            if (l->conn[i] >= 0 && polls[2 + i].revents != 0)
                read_one(l, i);
        if (polls[1].revents != 0 && l->datagrams)
            read_datagrams(l);
        else if (polls[1].revents != 0)
            accept_one(l);
    }
    for (unsigned i = 0; i < l->connections; i++)
        if (l->conn[i] >= 0)
            end(l, i);
    return NULL;
}

/* ---- life ---- */

static enum kt_status start(struct kt_listen *l, struct kt_error *err)
{
    sigset_t all, before;
    l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->wake < 0 || l->ready < 0)
        return kt_fail_errno(err, "eventfd");
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&l->thread, NULL, work, l);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = rc;
    l->threaded = rc == 0;
    return rc == 0 ? KT_OK : kt_fail_errno(err, "thread");
}

enum kt_status kt_listen_open(const struct kt_listen_options *o, struct kt_listen **ret,
                              struct kt_error *err)
{
    struct kt_listen *l = kt_alloc(sizeof *l);
    l->fd = l->wake = l->ready = -1;
    l->last = &l->first;
    l->room = o->room;
    l->connections =
        o->connections < KT_LISTEN_CONNECTIONS ? o->connections : KT_LISTEN_CONNECTIONS;
    for (unsigned i = 0; i < KT_LISTEN_CONNECTIONS; i++)
        l->conn[i] = -1;
    l->n_allow = o->n_allow;
    l->allow = kt_alloc_array(o->n_allow + 1, sizeof *l->allow);
    for (unsigned i = 0; i < o->n_allow; i++)
        l->allow[i] = o->allow[i];
    (void)pthread_mutex_init(&l->lock, NULL);
    enum kt_status st = kt_listen_bind(l, o, err);
    if (st == KT_OK)
        st = start(l, err);
    if (st != KT_OK) {
        kt_listen_free(l);
        return kt_wrap(err, "listen '%s'", o->address);
    }
    *ret = l;
    return KT_OK;
}

void kt_listen_stop(struct kt_listen *l)
{
    const uint64_t one = 1;
    if (!l->threaded)
        return;
    (void)pthread_mutex_lock(&l->lock);
    l->quit = true;
    (void)pthread_mutex_unlock(&l->lock);
    (void)!write(l->wake, &one, sizeof one);
    (void)pthread_join(l->thread, NULL);
    l->threaded = false;
}

void kt_listen_free(struct kt_listen *l)
{
    struct kt_listen_piece p;
    if (l == NULL)
        return;
    kt_listen_stop(l);
    while (kt_listen_take(l, &p))
        kt_buf_done(&p.bytes);
    if (l->path != NULL)
        (void)unlink(l->path);
    const int fds[] = { l->fd, l->wake, l->ready };
    for (size_t i = 0; i < KT_ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    (void)pthread_mutex_destroy(&l->lock);
    kt_free(l->path);
    kt_free(l->allow);
    kt_free(l);
}

int kt_listen_fd(const struct kt_listen *l)
{
    return l->ready;
}

struct kt_listen_counts kt_listen_counts(struct kt_listen *l)
{
    (void)pthread_mutex_lock(&l->lock);
    struct kt_listen_counts c = l->counts;
    (void)pthread_mutex_unlock(&l->lock);
    return c;
}
