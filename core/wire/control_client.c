/*
 * control_client: the asking end of the control socket.
 *
 * Owns:  one connection.
 * Calls: core/base, core/event/json. Blocks, at most two minutes at a time.
 */
#include "core/wire/control_client.h"
#include "core/base/alloc.h"
#include "core/event/json.h"
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

static void set_patience(int fd, unsigned seconds)
{
    const struct timeval patience = { .tv_sec = (time_t)seconds };
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

enum kt_status kt_control_connect(const char *path, struct kt_control_client **ret,
                                  struct kt_error *err)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (kt_str_of(path).len >= sizeof at.sun_path)
        return kt_fail(err, KT_E_CONFIG, "control socket '%s': the path is too long", path);
    kt_str_copyz(at.sun_path, sizeof at.sun_path, kt_str_of(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return kt_fail_errno(err, "control socket");
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        enum kt_status st = kt_fail_errno(err, "no collector answers at '%s'", path);
        (void)close(fd);
        return st;
    }
    set_patience(fd, PATIENCE_S);
    *ret = kt_alloc(sizeof **ret);
    (*ret)->fd = fd;
    return KT_OK;
}

static enum kt_status send_all(int fd, struct kt_str s, struct kt_error *err)
{
    while (s.len > 0) {
        ssize_t n = send(fd, s.at, s.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kt_fail_errno(err, "ask the collector");
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

enum kt_status kt_control_call(struct kt_control_client *c, struct kt_str request_line,
                               struct kt_buf *answer, struct kt_error *err)
{
    size_t from = answer->len;
    if (kt_str_find_byte(request_line, '\n', 0) >= 0 || request_line.len >= KT_CONTROL_REQUEST_MAX)
        return kt_fail(err, KT_E_INPUT, "a request is one line of at most %u bytes",
                       KT_CONTROL_REQUEST_MAX);
    if (send_all(c->fd, request_line, err) != KT_OK || send_all(c->fd, KT_STR("\n"), err) != KT_OK)
        return KT_E_IO;
    while (!whole(answer, from)) {
        ssize_t n = recv(c->fd, kt_buf_reserve(answer, READ_STEP), READ_STEP, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            answer->len = from;
            return n < 0 ? kt_fail_errno(err, "the collector's answer")
                         : kt_fail(err, KT_E_IO, "the collector hung up");
        }
        answer->len += (size_t)n;
    }
    answer->len--;
    return KT_OK;
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
    enum kt_status st = kt_control_connect(path, &c, err);
    if (st == KT_OK) {
        set_patience(c->fd, patience_s);
        st = kt_control_call(c, request, answer, err);
    }
    kt_control_client_free(c);
    return st;
}

enum kt_status kt_control_ask(const char *path, struct kt_str request, struct kt_buf *answer,
                              struct kt_error *err)
{
    return kt_control_ask_within(path, request, PATIENCE_S, answer, err);
}

enum kt_status kt_control_order(const char *path, struct kt_str request, struct kt_buf *answer,
                                struct kt_error *err)
{
    struct kt_jval root;
    struct kt_str line, rest;
    unsigned repaired;
    if (kt_control_ask(path, request, answer, err) != KT_OK)
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
