/*
 * listen_bind: the addresses that can be listened on.
 *
 * Owns:  nothing.
 * Calls: core/base, core/config (lists). POSIX sockets.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agents/inputs/listen_int.h"
#include "core/base/alloc.h"

#define BACKLOG      128
#define KERNEL_BYTES (4 << 20)

/* A socket that nobody listens on any more is what a crash left. */
static enum kt_status clear_path(const char *path, const struct sockaddr_un *a, int type,
                                 struct kt_error *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? KT_OK : kt_fail_errno(err, "'%s'", path);
    if (!S_ISSOCK(st.st_mode))
        return kt_fail(err, KT_E_CONFIG, "'%s' is there and is no socket", path);
    int probe = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive =
        probe >= 0 && (connect(probe, (const struct sockaddr *)(const void *)a, sizeof *a) == 0 ||
                       errno == EAGAIN || errno == EPROTOTYPE);
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
    int type = l->datagrams ? SOCK_DGRAM : SOCK_STREAM;
    if (clear_path(a.sun_path, &a, type, err) != KT_OK)
        return kt_wrap(err, "listen");
    l->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return kt_fail_errno(err, "socket");
    /* The mode is set before anybody can connect: there is no listen yet, and a socket for
     * datagrams lets nobody else in either. */
    if (l->datagrams && fchmod(l->fd, (mode_t)mode) != 0)
        return kt_fail_errno(err, "mode of '%s'", a.sun_path);
    if (bind(l->fd, (const struct sockaddr *)(const void *)&a, sizeof a) != 0)
        return kt_fail_errno(err, "bind '%s'", a.sun_path);
    l->path = kt_strdup(a.sun_path);
    if (chmod(a.sun_path, (mode_t)mode) != 0 || (!l->datagrams && listen(l->fd, BACKLOG) != 0))
        return kt_fail_errno(err, "listen on '%s'", a.sun_path);
    return KT_OK;
}

static enum kt_status listen_ip(struct kt_listen *l, struct kt_str s, struct kt_error *err)
{
    struct kt_ip ip;
    uint16_t port;
    const int on = 1;
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    if (!kt_ip_port_parse(s, &ip, &port))
        return kt_fail(err, KT_E_CONFIG, "write %s://address:port, the address in numbers",
                       l->datagrams ? "udp" : "tcp");
    if (kt_ip_class(ip) != KT_IP_LOOPBACK && l->n_allow == 0)
        return kt_fail(err, KT_E_CONFIG,
                       "an address that others reach needs 'allow': who may write to it");
    bool is_v4 = kt_ip_is_v4(ip);
    memcpy(&v6.sin6_addr, ip.at, 16);
    memcpy(&v4.sin_addr, ip.at + 12, 4);
    v6.sin6_port = v4.sin_port = htons(port);
    l->fd = socket(is_v4 ? AF_INET : AF_INET6,
                   (l->datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return kt_fail_errno(err, "socket");
    /* With it two could bind one port of UDP, and share what comes. */
    if (!l->datagrams)
        (void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(l->fd, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
             is_v4 ? sizeof v4 : sizeof v6) != 0 ||
        (!l->datagrams && listen(l->fd, BACKLOG) != 0))
        return kt_fail_errno(err, "listen on " KT_STR_FMT, KT_STR_ARG(s));
    return KT_OK;
}

/* What waits in the kernel while this thread does not run. */
static void widen(struct kt_listen *l)
{
    const int bytes = KERNEL_BYTES, on = 1;
    (void)setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(l->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
}

enum kt_status kt_listen_bind(struct kt_listen *l, const struct kt_listen_options *o,
                              struct kt_error *err)
{
    static const struct {
        struct kt_str scheme;
        bool path, datagrams;
    } kinds[] = {
        { KT_STR_INIT("unix://"), true, false },
        { KT_STR_INIT("tcp://"), false, false },
        { KT_STR_INIT("unix-dgram://"), true, true },
        { KT_STR_INIT("udp://"), false, true },
    };
    struct kt_str address = kt_str_of(o->address);
    for (size_t i = 0; i < KT_ARRAY_LEN(kinds); i++) {
        if (!kt_str_starts(address, kinds[i].scheme) || (kinds[i].datagrams && !o->datagrams))
            continue;
        struct kt_str rest = kt_str_from_index(address, kinds[i].scheme.len);
        l->datagrams = kinds[i].datagrams;
        enum kt_status st =
            kinds[i].path ? listen_unix(l, rest, o->mode, err) : listen_ip(l, rest, err);
        if (st == KT_OK && l->datagrams)
            widen(l);
        return st;
    }
    return kt_fail(err, KT_E_CONFIG, "write unix:///path or tcp://address:port%s",
                   o->datagrams ? ", unix-dgram:///path or udp://address:port" : "");
}

enum kt_status kt_listen_allow(const struct kt_strings *names, struct kt_cidr ret[KT_LISTEN_ALLOW],
                               struct kt_error *err)
{
    if (names->n > KT_LISTEN_ALLOW)
        return kt_fail(err, KT_E_CONFIG, "allow: at most %u networks", KT_LISTEN_ALLOW);
    for (unsigned i = 0; i < names->n; i++)
        if (kt_cidr_parse(kt_str_of(names->at[i]), &ret[i], err) != KT_OK)
            return kt_wrap(err, "allow");
    return KT_OK;
}
