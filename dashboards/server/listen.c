/*
 * listen: the socket that the page listens on.
 *
 * Owns:  nothing.
 * Calls: core/base; POSIX sockets.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dashboards/server/server.h"

#define BACKLOG   512
#define UNIX_MODE 0660 /* a proxy of the same group may connect */

/* A socket that nobody listens on any more is what a crash left. */
static enum kt_status clear_stale(const struct sockaddr_un *at, struct kt_error *err)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0)
        return KT_OK;
    if (!S_ISSOCK(st.st_mode))
        return kt_fail(err, KT_E_CONFIG, "'%s' is there and is no socket", at->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive =
        fd >= 0 && (connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 || errno == EAGAIN);
    if (fd >= 0)
        (void)close(fd);
    if (alive)
        return kt_fail(err, KT_E_CONFIG, "'%s': somebody listens there already", at->sun_path);
    return unlink(at->sun_path) == 0 ? KT_OK : kt_fail_errno(err, "remove '%s'", at->sun_path);
}

static enum kt_status bind_unix(struct kt_str path, int *ret, struct kt_error *err)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (path.len >= sizeof at.sun_path)
        return kt_fail(err, KT_E_CONFIG, "longer than %zu bytes, which no socket takes",
                       sizeof at.sun_path - 1);
    kt_str_copyz(at.sun_path, sizeof at.sun_path, path);
    if (clear_stale(&at, err) != KT_OK)
        return err->code;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return kt_fail_errno(err, "socket");
    *ret = fd;
    mode_t before = umask((mode_t)(0777 & ~UNIX_MODE));
    int rc = bind(fd, (const struct sockaddr *)&at, sizeof at);
    (void)umask(before);
    return rc == 0 ? KT_OK : kt_fail_errno(err, "bind");
}

static enum kt_status bind_ip(struct kt_str address, int *ret, struct kt_error *err)
{
    struct kt_ip ip;
    uint16_t port;
    const int on = 1;
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    if (!kt_ip_port_parse(address, &ip, &port))
        return kt_fail(err, KT_E_CONFIG, "write tcp://address:port, the address in numbers");
    bool is_v4 = kt_ip_is_v4(ip);
    memcpy(&v6.sin6_addr, ip.at, 16);
    memcpy(&v4.sin_addr, ip.at + 12, 4);
    v6.sin6_port = v4.sin_port = htons(port);
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return kt_fail_errno(err, "socket");
    *ret = fd;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
             is_v4 ? sizeof v4 : sizeof v6) != 0)
        return kt_fail_errno(err, "bind");
    return KT_OK;
}

enum kt_status kt_web_listen(const char *address, int *ret_fd, struct kt_error *err)
{
    struct kt_str s = kt_str_of(address), tcp = KT_STR("tcp://"), path = KT_STR("unix:");
    enum kt_status status;
    int fd = -1;
    if (kt_str_starts(s, tcp))
        status = bind_ip(kt_str_from_index(s, tcp.len), &fd, err);
    else if (kt_str_starts(s, KT_STR("unix:/")))
        status = bind_unix(kt_str_from_index(s, path.len), &fd, err);
    else
        status = kt_fail(err, KT_E_CONFIG, "write tcp://address:port or unix:/path");
    if (status == KT_OK && listen(fd, BACKLOG) != 0)
        status = kt_fail_errno(err, "listen");
    if (status != KT_OK) {
        if (fd >= 0)
            (void)close(fd);
        return kt_wrap(err, "listen '%s'", address);
    }
    *ret_fd = fd;
    return KT_OK;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
};

static union address address_of(int fd)
{
    union address at = { .any = { .sa_family = AF_UNSPEC } };
    socklen_t size = sizeof at;
    (void)getsockname(fd, &at.any, &size);
    return at;
}

bool kt_web_is_unix(int fd)
{
    return address_of(fd).any.sa_family == AF_UNIX;
}

void kt_web_unlisten(int fd)
{
    const union address at = address_of(fd);
    if (at.any.sa_family == AF_UNIX)
        (void)unlink(at.path.sun_path);
    (void)close(fd);
}

void kt_web_address(int fd, bool tls, struct kt_buf *out)
{
    const union address at = address_of(fd);
    char text[KT_IP_TEXT_MAX];
    struct kt_ip ip = { .at = { [10] = 0xFF, [11] = 0xFF } };
    if (at.any.sa_family == AF_INET)
        memcpy(ip.at + 12, &at.v4.sin_addr, 4);
    else if (at.any.sa_family == AF_INET6)
        memcpy(ip.at, &at.v6.sin6_addr, 16);
    if (at.any.sa_family == AF_UNIX)
        kt_buf_addf(out, "unix:%s", at.path.sun_path);
    else
        kt_buf_addf(out, at.any.sa_family == AF_INET6 ? "http%s://[%s]:%u" : "http%s://%s:%u",
                    tls ? "s" : "", kt_ip_format(ip, text), ntohs(at.v4.sin_port));
}
