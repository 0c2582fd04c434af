/*
 * control_server: the answering end of a unix socket.
 *
 * Owns:  the listening socket and its file, up to 16 connections with one request each.
 * Calls: core/base, core/event (JSON strings), the handler. Never blocks.
 * Holds: only our own user, root and the guest are heard (THREATS N1, S1), and guests never take
 * the last connections; a connection's memory is bounded by KT_CONTROL_REQUEST_MAX.
 */
#include "core/wire/control_server.h"
#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/wire/control_client.h"
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS   16u
#define KEEP      (64u << 10)
#define SEND_BUF  (1 << 20)
#define READ_STEP (256u << 10)
#define A_TURN    1u /* requests of a connection of the guest: ingest goes on between them */

struct client {
    int fd; /* -1 = free */
    bool guest;
    bool more; /* a whole request is in `in`, for the next turn */
    struct kt_buf in, out;
    size_t sent;
};
struct kt_control {
    int fd;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    uid_t guest;
    struct kt_control_handler h;
    struct client client[CLIENTS];
    struct kt_control_line *lines;
    struct kt_buf text; /* unescaped lines of an import */
};

/* ---- socket ---- */

static enum kt_status address(const char *path, struct sockaddr_un *ret, struct kt_error *err)
{
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof ret->sun_path)
        return kt_fail(err, KT_E_CONFIG, "control socket '%s': the path is too long", path);
    kt_str_copyz(ret->sun_path, sizeof ret->sun_path, kt_str_of(path));
    return KT_OK;
}

/* A socket file that nobody listens on is left over from a crash. */
static enum kt_status clear_stale(const struct sockaddr_un *at, struct kt_error *err)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0)
        return KT_OK;
    if (!S_ISSOCK(st.st_mode))
        return kt_fail(err, KT_E_CONFIG, "control socket '%s': another file is in its place",
                       at->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (alive)
        return kt_fail(err, KT_E_DENIED, "control socket '%s': another collector listens there",
                       at->sun_path);
    return unlink(at->sun_path) == 0 ? KT_OK : kt_fail_errno(err, "unlink '%s'", at->sun_path);
}

static enum kt_status uid_of(const char *user, uid_t *ret, struct kt_error *err)
{
    const struct passwd *p = user != NULL ? getpwnam(user) : NULL;
    if (user != NULL && p == NULL)
        return kt_fail(err, KT_E_CONFIG, "control socket: this host has no user '%s'", user);
    *ret = p != NULL ? p->pw_uid : 0; /* root is heard anyway */
    return KT_OK;
}

enum kt_status kt_control_open(const char *path, const char *guest,
                               const struct kt_control_handler *h, struct kt_control **ret,
                               struct kt_error *err)
{
    struct sockaddr_un at;
    uid_t uid = 0;
    enum kt_status st = address(path, &at, err);
    if (st == KT_OK)
        st = uid_of(guest, &uid, err);
    if (st == KT_OK)
        st = clear_stale(&at, err);
    if (st != KT_OK)
        return st;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return kt_fail_errno(err, "control socket");
    mode_t before = umask(guest != NULL ? 0111 : 0177); /* so from its first moment on */
    int rc = bind(fd, (const struct sockaddr *)&at, sizeof at);
    (void)umask(before);
    if (rc != 0 || listen(fd, (int)CLIENTS) != 0) {
        st = kt_fail_errno(err, "control socket '%s'", path);
        (void)close(fd);
        return st;
    }
    struct kt_control *c = kt_alloc(sizeof *c);
    c->fd = fd;
    c->guest = uid;
    c->h = *h;
    kt_str_copyz(c->path, sizeof c->path, kt_str_of(path));
    for (unsigned i = 0; i < CLIENTS; i++)
        c->client[i].fd = -1;
    c->lines = kt_alloc_array(KT_CONTROL_LINES_MAX, sizeof *c->lines);
    *ret = c;
    return KT_OK;
}

static void hang_up(struct client *cl)
{
    if (cl->fd >= 0)
        (void)close(cl->fd);
    kt_buf_done(&cl->in);
    kt_buf_done(&cl->out);
    *cl = (struct client){ .fd = -1 };
}

void kt_control_close(struct kt_control *c)
{
    if (c == NULL)
        return;
    for (unsigned i = 0; i < CLIENTS; i++)
        hang_up(&c->client[i]);
    (void)close(c->fd);
    (void)unlink(c->path);
    kt_free(c->lines);
    kt_buf_done(&c->text);
    kt_free(c);
}

unsigned kt_control_fds(const struct kt_control *c, int *fds, unsigned max)
{
    unsigned n = 0;
    if (n < max)
        fds[n++] = c->fd;
    for (unsigned i = 0; i < CLIENTS && n < max; i++)
        if (c->client[i].fd >= 0)
            fds[n++] = c->client[i].fd;
    return n;
}

/* ---- lines of an import ---- */

/* Takes word off the front of *s. */
static bool skip(struct kt_str *s, struct kt_str word)
{
    if (!kt_str_starts(*s, word))
        return false;
    *s = kt_str_from_index(*s, word.len);
    return true;
}

static bool take_number(struct kt_str *s, int64_t *ret)
{
    size_t n = 0;
    while (n < s->len && ((s->at[n] >= '0' && s->at[n] <= '9') || s->at[n] == '-'))
        n++;
    bool ok = kt_str_i64(kt_str_sub(*s, 0, n), ret);
    *s = kt_str_from_index(*s, n);
    return ok;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One escape of kt_json_quote after its backslash; -1 when it is none. */
static int take_escape(struct kt_str *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = s->len > 0 ? s->at[0] : '\0';
    if (c == 'u' && s->len >= 5 && s->at[1] == '0' && s->at[2] == '0') {
        int v = hex(s->at[3]) * 16 + hex(s->at[4]);
        bool ok = hex(s->at[3]) >= 0 && hex(s->at[4]) >= 0 && v < 0x80;
        *s = kt_str_from_index(*s, 5);
        return ok ? v : -1;
    }
    const char *at = c != '\0' ? strchr(from, c) : NULL;
    *s = kt_str_from_index(*s, 1);
    return at != NULL ? to[at - from] : -1;
}

/* The string at the front of *s; text has room already, so that earlier strings stay in place. */
static bool take_string(struct kt_str *s, struct kt_buf *text, struct kt_str *ret)
{
    size_t from = text->len;
    if (!skip(s, KT_STR("\"")))
        return false;
    while (s->len > 0 && s->at[0] != '"') {
        char c = s->at[0];
        *s = kt_str_from_index(*s, 1);
        int v = c == '\\' ? take_escape(s) : (unsigned char)c;
        if (v < 0)
            return false;
        kt_buf_byte(text, (char)v);
    }
    *ret = kt_str_from(text->at + from, text->len - from);
    return skip(s, KT_STR("\""));
}

static bool take_lines(struct kt_control *c, struct kt_str s, struct kt_str *ret_origin,
                       uint32_t *ret_n)
{
    uint32_t n = 0;
    kt_buf_reset(&c->text);
    (void)kt_buf_reserve(&c->text, s.len);
    if (!skip(&s, KT_STR("{\"do\":\"import\",\"origin\":")) ||
        !take_string(&s, &c->text, ret_origin) || !skip(&s, KT_STR(",\"lines\":[")))
        return false;
    do {
        if (n == KT_CONTROL_LINES_MAX || !skip(&s, KT_STR("{\"arrival\":")) ||
            !take_number(&s, &c->lines[n].arrival) || !skip(&s, KT_STR(",\"line\":")) ||
            !take_string(&s, &c->text, &c->lines[n].line) || !skip(&s, KT_STR("}")))
            return false;
        n++;
    } while (skip(&s, KT_STR(",")));
    *ret_n = n;
    return kt_str_is(s, "]}");
}

/* ---- requests ---- */

static void answer(struct kt_control *c, struct client *cl, struct kt_str request)
{
    struct kt_error err = { 0 };
    enum kt_status st;
    size_t from = cl->out.len;
    if (c->h.import != NULL && !cl->guest &&
        kt_str_starts(request, KT_STR("{\"do\":\"import\","))) {
        struct kt_str origin = KT_STR_NONE;
        uint32_t n = 0;
        if (take_lines(c, request, &origin, &n))
            st = c->h.import(c->h.self, origin, c->lines, n, &cl->out, &err);
        else
            st = kt_fail(&err, KT_E_INPUT, "an import is not what docs/control.md says");
        if (c->text.cap > KEEP)
            kt_buf_done(&c->text);
    } else {
        st = c->h.request(c->h.self, cl->guest, request, &cl->out, &err);
    }
    if (st != KT_OK) {
        cl->out.len = from;
        kt_buf_addz(&cl->out, "{\"error\":");
        kt_json_quote(&cl->out, kt_str_of(err.text));
        kt_buf_byte(&cl->out, '}');
    }
    if (cl->out.len > from && cl->out.at[cl->out.len - 1] != '\n')
        kt_buf_byte(&cl->out, '\n');
    kt_buf_byte(&cl->out, '\n');
}

/* Answers whole lines that have come, one after the other, at most *left of them. */
static void work_off(struct kt_control *c, struct client *cl, unsigned *left)
{
    struct kt_str rest = kt_buf_str(&cl->in);
    size_t used = 0;
    for (;;) {
        ptrdiff_t end = kt_str_find_byte(rest, '\n', 0);
        cl->more = end >= 0;
        if (end < 0 || *left == 0)
            break;
        --*left;
        answer(c, cl, kt_str_sub(rest, 0, (size_t)end));
        rest = kt_str_from_index(rest, (size_t)end + 1);
        used += (size_t)end + 1;
    }
    if (rest.len > 0 && used > 0)
        memmove(cl->in.at, rest.at, rest.len);
    cl->in.len = rest.len;
    if (cl->in.len == 0 && cl->in.cap > KEEP)
        kt_buf_done(&cl->in);
}

static bool flush(struct client *cl)
{
    while (cl->sent < cl->out.len) {
        ssize_t n = send(cl->fd, cl->out.at + cl->sent, cl->out.len - cl->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        cl->sent += (size_t)n;
    }
    kt_buf_reset(&cl->out);
    cl->sent = 0;
    return true;
}

/* false: the connection is over. */
static bool serve(struct kt_control *c, struct client *cl)
{
    unsigned left = cl->guest ? A_TURN : UINT_MAX;
    for (;;) {
        if (!flush(cl))
            return false;
        if (cl->out.len > 0)
            return true; /* who does not read its answers gets no more of them */
        if (left == 0)
            return true;
        if (cl->more) {
            work_off(c, cl, &left);
            continue;
        }
        ssize_t n = recv(cl->fd, kt_buf_reserve(&cl->in, READ_STEP), READ_STEP, 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0)
            return false;
        cl->in.len += (size_t)n;
        work_off(c, cl, &left);
        if (cl->more)
            return flush(cl);
        if (cl->in.len > (cl->guest ? KT_CONTROL_GUEST_MAX : KT_CONTROL_REQUEST_MAX))
            return false;
    }
}

/* A free place for a connection of uid; NULL: it is not heard, or not now. */
static struct client *place_for(struct kt_control *c, uid_t uid, bool *ret_guest)
{
    struct client *place = NULL;
    unsigned guests = 0;
    *ret_guest = uid != geteuid() && uid != 0;
    if (*ret_guest && uid != c->guest)
        return NULL;
    for (unsigned i = 0; i < CLIENTS; i++) {
        bool free_one = c->client[i].fd < 0;
        guests += !free_one && c->client[i].guest;
        place = free_one ? &c->client[i] : place;
    }
    return *ret_guest && guests >= KT_CONTROL_GUESTS ? NULL : place;
}

/* At most a queue's length a turn: whoever connects and connects does not hold us up. */
static void welcome(struct kt_control *c)
{
    int fd;
    for (unsigned i = 0;
         i < CLIENTS && (fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0; i++) {
        struct ucred who = { 0 };
        socklen_t len = sizeof who;
        const int room = SEND_BUF;
        bool guest = false;
        struct client *place = NULL;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
            place = place_for(c, who.uid, &guest);
        if (place == NULL) {
            (void)close(fd);
            continue;
        }
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        place->fd = fd;
        place->guest = guest;
    }
}

bool kt_control_pending(const struct kt_control *c)
{
    bool pending = false;
    for (unsigned i = 0; i < CLIENTS; i++)
        pending = pending || c->client[i].out.len > 0 || c->client[i].more;
    return pending;
}

void kt_control_turn(struct kt_control *c)
{
    welcome(c);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (c->client[i].fd >= 0 && !serve(c, &c->client[i]))
            hang_up(&c->client[i]);
}
