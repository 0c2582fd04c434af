/*
 * listen: accepts connections and reads them on a thread of its own.
 *
 * Owns:  the listening socket, its connections, a row of pieces that wait to be taken.
 * Calls: core/base. POSIX sockets.
 * Holds: the thread does nothing but accept, read and append; it never waits for whoever takes.
 */
#include "agents/inputs/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/alloc.h"

#define READ_BYTES (256u << 10)
#define BACKLOG    128

struct piece {
    struct piece *next;
    struct kt_listen_piece at;
};
struct kt_listen {
    int fd;
    char *path; /* of a unix socket: removed at the end */
    struct kt_cidr *allow;
    unsigned n_allow, connections;
    size_t room;
    pthread_t thread;
    bool threaded;
    int wake, ready;                 /* eventfds: for the thread, for the taker */
    int conn[KT_LISTEN_CONNECTIONS]; /* -1 = free; the thread's alone */
    char bytes[READ_BYTES];          /* the same */

    pthread_mutex_t lock;                 /* guards all below */
    struct piece *first, **last, *newest; /* newest: may still grow */
    bool used[KT_LISTEN_CONNECTIONS];     /* until its end was taken */
    bool quit;
    struct kt_listen_counts counts;
};

/* ---- what is waiting ---- */

static void push(struct kt_listen *l, unsigned connection, const char *at, size_t n, bool ended)
{
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&l->lock);
    struct piece *p = l->newest; /* many small writes are one piece, so that each costs its bytes */
    if (p == NULL || p->at.connection != connection || p->at.bytes.len + n > READ_BYTES) {
        p = kt_alloc(sizeof *p);
        p->at.connection = connection;
        *l->last = p;
        l->last = &p->next;
        l->newest = p;
    }
    p->at.ended = ended;
    l->newest = ended ? NULL : p;
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
        l->newest = l->newest == p ? NULL : l->newest;
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
    while (!wants_to_quit(l)) {
        polls[0] = (struct pollfd){ .fd = l->wake, .events = POLLIN };
        polls[1] = (struct pollfd){ .fd = l->fd, .events = POLLIN };
        for (unsigned i = 0; i < l->connections; i++) /* poll passes over -1 */
            polls[2 + i] = (struct pollfd){ .fd = l->conn[i], .events = POLLIN };
        if (poll(polls, l->connections + 2, -1) < 0)
            continue;
        for (unsigned i = 0; i < l->connections; i++)
            if (l->conn[i] >= 0 && polls[2 + i].revents != 0)
                read_one(l, i);
        if (polls[1].revents != 0)
            accept_one(l);
    }
    for (unsigned i = 0; i < l->connections; i++)
        if (l->conn[i] >= 0)
            (void)close(l->conn[i]);
    return NULL;
}

/* ---- addresses ---- */

/* A socket that nobody listens on any more is what a crash left. */
static enum kt_status clear_path(const char *path, const struct sockaddr_un *a,
                                 struct kt_error *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? KT_OK : kt_fail_errno(err, "'%s'", path);
    if (!S_ISSOCK(st.st_mode))
        return kt_fail(err, KT_E_CONFIG, "'%s' is there and is no socket", path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive =
        probe >= 0 && (connect(probe, (const struct sockaddr *)(const void *)a, sizeof *a) == 0 ||
                       errno == EAGAIN);
    if (probe >= 0)
        (void)close(probe);
    if (alive)
        return kt_fail(err, KT_E_CONFIG, "'%s': somebody listens there already", path);
    return unlink(path) == 0 ? KT_OK : kt_fail_errno(err, "remove '%s'", path);
}

static enum kt_status listen_unix(struct kt_listen *l, struct kt_str path, unsigned mode,
                                  struct kt_error *err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (path.len == 0 || path.len >= sizeof a.sun_path || path.at[0] != '/')
        return kt_fail(err, KT_E_CONFIG, "write unix:///path, of at most %zu bytes",
                       sizeof a.sun_path - 1);
    kt_str_copyz(a.sun_path, sizeof a.sun_path, path);
    if (clear_path(a.sun_path, &a, err) != KT_OK)
        return kt_wrap(err, "listen");
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return kt_fail_errno(err, "socket");
    /* The mode is set before anybody can connect: there is no listen yet. */
    if (bind(l->fd, (const struct sockaddr *)(const void *)&a, sizeof a) != 0)
        return kt_fail_errno(err, "bind '%s'", a.sun_path);
    l->path = kt_strdup(a.sun_path);
    if (chmod(a.sun_path, (mode_t)mode) != 0 || listen(l->fd, BACKLOG) != 0)
        return kt_fail_errno(err, "listen on '%s'", a.sun_path);
    return KT_OK;
}

static enum kt_status listen_tcp(struct kt_listen *l, struct kt_str s, struct kt_error *err)
{
    struct kt_ip ip;
    uint16_t port;
    const int on = 1;
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    if (!kt_ip_port_parse(s, &ip, &port))
        return kt_fail(err, KT_E_CONFIG, "write tcp://address:port, the address in numbers");
    if (kt_ip_class(ip) != KT_IP_LOOPBACK && l->n_allow == 0)
        return kt_fail(err, KT_E_CONFIG,
                       "an address that others reach needs 'allow': who may write to it");
    bool is_v4 = kt_ip_is_v4(ip);
    memcpy(&v6.sin6_addr, ip.at, 16);
    memcpy(&v4.sin_addr, ip.at + 12, 4);
    v6.sin6_port = v4.sin_port = htons(port);
    l->fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return kt_fail_errno(err, "socket");
    (void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(l->fd, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
             is_v4 ? sizeof v4 : sizeof v6) != 0 ||
        listen(l->fd, BACKLOG) != 0)
        return kt_fail_errno(err, "listen on tcp://" KT_STR_FMT, KT_STR_ARG(s));
    return KT_OK;
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
    struct kt_str address = kt_str_of(o->address);
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
    enum kt_status st = kt_str_starts(address, KT_STR("unix://"))
                            ? listen_unix(l, kt_str_from_index(address, 7), o->mode, err)
                        : kt_str_starts(address, KT_STR("tcp://"))
                            ? listen_tcp(l, kt_str_from_index(address, 6), err)
                            : kt_fail(err, KT_E_CONFIG, "write unix:///path or tcp://address:port");
    if (st == KT_OK)
        st = start(l, err);
    if (st != KT_OK) {
        kt_listen_free(l);
        return kt_wrap(err, "listen '%s'", o->address);
    }
    *ret = l;
    return KT_OK;
}

void kt_listen_free(struct kt_listen *l)
{
    const uint64_t one = 1;
    struct kt_listen_piece p;
    if (l == NULL)
        return;
    if (l->threaded) {
        (void)pthread_mutex_lock(&l->lock);
        l->quit = true;
        (void)pthread_mutex_unlock(&l->lock);
        (void)!write(l->wake, &one, sizeof one);
        (void)pthread_join(l->thread, NULL);
    }
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
