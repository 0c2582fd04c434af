/*
 * control_client: the asking end of the control socket.
 *
 * Owns:  one connection.
 * Calls: core/base, core/event/json, the clock.
 * Holds: whoever hangs at the other end, before or after it took the connection, holds nobody
 *        longer than asked for: one deadline over all of an exchange.
 */
#include "core/wire/control_client.h"
#include "core/base/alloc.h"
#include "core/event/json.h"
#include "core/sys/clock.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 120
#define READ_STEP  65536u

struct kt_control_client {
    int fd;
};

static kt_time_ns mono(void)
{
    return kt_clock_real.mono(kt_clock_real.self);
}

static kt_time_ns after(unsigned seconds)
{
    return mono() + (kt_time_ns)seconds * KT_NS_S;
}

/* What is left until then, as `option` of the socket, since the kernel counts for each call anew;
 * connect() waits as long as a send. false, with errno: nothing is left. */
static bool set_patience(int fd, int option, kt_time_ns until)
{
    kt_time_ns us = (until - mono()) / 1000;
    const struct timeval left = { .tv_sec = (time_t)(us / 1000000),
                                  .tv_usec = (suseconds_t)(us % 1000000) };
    errno = EAGAIN;
    return us > 0 && setsockopt(fd, SOL_SOCKET, option, &left, sizeof left) == 0;
}

static enum kt_status fail(struct kt_error *err, const char *what)
{
    if (errno == EAGAIN)
        errno = ETIMEDOUT;
    return kt_fail_errno(err, "%s", what);
}

static enum kt_status open_until(const char *path, kt_time_ns until, struct kt_control_client **ret,
                                 struct kt_error *err)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (kt_str_of(path).len >= sizeof at.sun_path)
        return kt_fail(err, KT_E_CONFIG, "control socket '%s': the path is too long", path);
    kt_str_copyz(at.sun_path, sizeof at.sun_path, kt_str_of(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return kt_fail_errno(err, "control socket");
    if (!set_patience(fd, SO_SNDTIMEO, until) ||
        connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        if (errno == EAGAIN)
            errno = ETIMEDOUT;
        enum kt_status st = kt_fail_errno(
            err, "no collector answers at '%s' (keytrail collector -c FILE runs one)", path);
        (void)close(fd);
        return st;
    }
    *ret = kt_alloc(sizeof **ret);
    (*ret)->fd = fd;
    return KT_OK;
}

enum kt_status kt_control_connect(const char *path, struct kt_control_client **ret,
                                  struct kt_error *err)
{
    return open_until(path, after(PATIENCE_S), ret, err);
}

static enum kt_status send_all(int fd, struct kt_str s, kt_time_ns until, struct kt_error *err)
{
    while (s.len > 0) {
        ssize_t n = set_patience(fd, SO_SNDTIMEO, until) ? send(fd, s.at, s.len, MSG_NOSIGNAL) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(err, "ask the collector");
        s = kt_str_from_index(s, (size_t)n);
    }
    return KT_OK;
}

/* An answer ends with an empty line. */
static bool whole(const struct kt_buf *b, size_t from)
{
    struct kt_str s = kt_str_from_index(kt_buf_str(b), from);
    return kt_str_is(s, "\n") || kt_str_ends(s, KT_STR("\n\n"));
}

static enum kt_status call_until(struct kt_control_client *c, struct kt_str request_line,
                                 kt_time_ns until, struct kt_buf *answer, struct kt_error *err)
{
    size_t from = answer->len;
    if (kt_str_find_byte(request_line, '\n', 0) >= 0 || request_line.len >= KT_CONTROL_REQUEST_MAX)
        return kt_fail(err, KT_E_INPUT, "a request is one line of at most %u bytes",
                       KT_CONTROL_REQUEST_MAX);
    if (send_all(c->fd, request_line, until, err) != KT_OK ||
        send_all(c->fd, KT_STR("\n"), until, err) != KT_OK)
        return KT_E_IO;
    while (!whole(answer, from)) {
        char *to = kt_buf_reserve(answer, READ_STEP);
        ssize_t n = set_patience(c->fd, SO_RCVTIMEO, until) ? recv(c->fd, to, READ_STEP, 0) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            answer->len = from;
            return n < 0 ? fail(err, "the collector's answer")
                         : kt_fail(err, KT_E_IO, "the collector hung up");
        }
        answer->len += (size_t)n;
    }
    answer->len--;
    return KT_OK;
}

enum kt_status kt_control_call(struct kt_control_client *c, struct kt_str request_line,
                               struct kt_buf *answer, struct kt_error *err)
{
    return call_until(c, request_line, after(PATIENCE_S), answer, err);
}

void kt_control_client_free(struct kt_control_client *c)
{
    if (c == NULL)
        return;
    (void)close(c->fd);
    kt_free(c);
}

enum kt_status kt_control_ask_within(const char *path, struct kt_str request, unsigned patience_s,
                                     struct kt_buf *answer, struct kt_error *err)
{
    struct kt_control_client *c = NULL;
    kt_time_ns until = after(patience_s);
    enum kt_status st = open_until(path, until, &c, err);
    if (st == KT_OK)
        st = call_until(c, request, until, answer, err);
    kt_control_client_free(c);
    return st;
}

enum kt_status kt_control_ask(const char *path, struct kt_str request, struct kt_buf *answer,
                              struct kt_error *err)
{
    return kt_control_ask_within(path, request, PATIENCE_S, answer, err);
}

enum kt_status kt_control_order_within(const char *path, struct kt_str request, unsigned patience_s,
                                       struct kt_buf *answer, struct kt_error *err)
{
    struct kt_jval root;
    struct kt_str line, rest;
    unsigned repaired;
    if (kt_control_ask_within(path, request, patience_s, answer, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status st = KT_OK;
    rest = kt_buf_str(answer);
    (void)kt_str_split(&rest, '\n', &line);
    if (kt_json_parse(json, line, &root, &repaired, NULL) == KT_OK &&
        kt_json_str_at(root, "error").len > 0)
        st = kt_fail(err, KT_E_INPUT, KT_STR_FMT, KT_STR_ARG(kt_json_str_at(root, "error")));
    kt_json_free(json);
    return st;
}

enum kt_status kt_control_order(const char *path, struct kt_str request, struct kt_buf *answer,
                                struct kt_error *err)
{
    return kt_control_order_within(path, request, PATIENCE_S, answer, err);
}
