/*
 * af_unix_hear: the client of a daemon that writes records to whoever connects, on a thread of its
 * own.
 *
 * Owns:  the connection, the bytes that wait to be taken.
 * Calls: core/base, core/sys (small files). POSIX sockets.
 * Holds: what can be read is read at once, whoever takes it: the daemon writes and waits, and all
 *        of auditing waits with it. What does not fit is dropped by whole lines and counted.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agents/inputs/af_unix_int.h"
#include "core/base/alloc.h"
#include "core/sys/fs.h"

#define READ_BYTES     (64u << 10)
#define CONF_BYTES     (64u << 10)
#define LINE_MAX_BYTES (1u << 20)
#define BACK_OFF_MIN   200
#define BACK_OFF_MAX   10000

static const char *const usual[] = { "/etc/audit/plugins.d/af_unix.conf",
                                     "/etc/audisp/plugins.d/af_unix.conf" };

struct kt_hear {
    char *path, *conf; /* as configured, or NULL */
    size_t room;
    pthread_t thread;
    bool threaded;
    int wake, ready;     /* eventfds: for the thread, for the taker */
    int fd;              /* the connection, -1: none; the thread's alone, as are these: */
    char at[108];        /* what it is connected to */
    struct kt_buf begun; /* a line whose end has not come */
    bool passing;        /* the rest of a line that is too long */
    char bytes[READ_BYTES];

    pthread_mutex_t lock; /* guards all below */
    bool quit;
    struct kt_buf waiting;
    bool cut; /* lines behind `waiting` were dropped: nothing more is added until it is taken */
    struct kt_hear_status status;
};

/* ---- what is waiting ---- */

static uint64_t count_lines(struct kt_str lines)
{
    uint64_t n = 0;
    for (size_t i = 0; i < lines.len; i++)
        n += lines.at[i] == '\n';
    return n;
}

/* Makes whole lines wait to be taken, if there is room. */
static void push(struct kt_hear *h, struct kt_str lines)
{
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&h->lock);
    h->cut = h->cut || h->waiting.len + lines.len > h->room;
    if (!h->cut)
        kt_buf_add(&h->waiting, lines);
    else
        h->status.shed += count_lines(lines);
    (void)pthread_mutex_unlock(&h->lock);
    (void)!write(h->ready, &one, sizeof one);
}

static void drop_begun(struct kt_hear *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->status.torn += h->begun.len > 0;
    (void)pthread_mutex_unlock(&h->lock);
    kt_buf_reset(&h->begun);
}

/* A line is handed on whole or not at all: half of one reads like another. */
static void put_together(struct kt_hear *h, struct kt_str bytes)
{
    ptrdiff_t last = kt_str_rfind_byte(bytes, '\n');
    if (last >= 0 && !h->passing) {
        kt_buf_add(&h->begun, kt_str_sub(bytes, 0, (size_t)last + 1));
        push(h, kt_buf_str(&h->begun));
        kt_buf_reset(&h->begun);
    } else if (last >= 0) { /* behind the end of the line that was too long */
        size_t from = (size_t)kt_str_find_byte(bytes, '\n', 0) + 1;
        push(h, kt_str_sub(bytes, from, (size_t)last + 1 - from));
    }
    h->passing = h->passing && last < 0;
    if (!h->passing)
        kt_buf_add(&h->begun, kt_str_from_index(bytes, (size_t)(last + 1)));
    if (h->begun.len > LINE_MAX_BYTES) {
        drop_begun(h);
        h->passing = true;
    }
}

bool kt_hear_take(struct kt_hear *h, size_t max, struct kt_buf *ret, bool *ret_cut)
{
    uint64_t n;
    kt_buf_reset(ret);
    (void)pthread_mutex_lock(&h->lock);
    (void)!read(h->ready, &n, sizeof n);
    kt_buf_move(&h->waiting, max, ret);
    bool more = h->waiting.len > 0;
    *ret_cut = h->cut && !more;
    h->cut = h->cut && more;
    (void)pthread_mutex_unlock(&h->lock);
    return more;
}

/* ---- connecting ---- */

/* Not connected, for this reason; none: it is. */
static void say(struct kt_hear *h, const char *path, const char *problem)
{
    (void)pthread_mutex_lock(&h->lock);
    h->status.connected = problem[0] == '\0';
    h->status.connections += h->status.connected;
    kt_str_copyz(h->status.path, sizeof h->status.path, kt_str_of(path));
    kt_str_copyz(h->status.problem, sizeof h->status.problem, kt_str_of(problem));
    (void)pthread_mutex_unlock(&h->lock);
}

/* Where to connect, as the file says now: it may be mended while we run. */
static bool find_path(struct kt_hear *h, struct sockaddr_un *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    struct kt_af_unix_conf conf = { .active = true, .path = kt_str_of(h->path) };
    const char *file = h->conf;
    char problem[200];
    for (size_t i = 0; h->path == NULL && file == NULL && i < KT_ARRAY_LEN(usual); i++)
        file = access(usual[i], F_OK) == 0 ? usual[i] : NULL;
    if (h->path == NULL && file == NULL) {
        say(h, "",
            "no plugins.d/af_unix.conf is there: install auditd's plugin "
            "(audispd-plugins), or name the socket with 'path'");
        return false;
    }
    if (h->path == NULL) {
        if (kt_fs_read_all(file, CONF_BYTES, &text, &err) != KT_OK) {
            say(h, "", err.text);
            return false;
        }
        kt_af_unix_conf(kt_buf_str(&text), &conf);
    }
    if (!conf.active || conf.path.len == 0 || conf.path.len >= sizeof ret->sun_path) {
        (void)snprintf(problem, sizeof problem,
                       conf.active
                           ? "%.100s names no socket in 'args': write 'args = 0640 "
                             "/run/audit/audispd_events'"
                           : "the plugin is off: set 'active = yes' in %.100s and restart auditd",
                       file != NULL ? file : h->path);
        say(h, "", problem);
        return false;
    }
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(ret->sun_path, conf.path.at, conf.path.len);
    return true;
}

static void connect_now(struct kt_hear *h)
{
    struct sockaddr_un a;
    char problem[200];
    if (!find_path(h, &a))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&a, sizeof a) == 0) {
        kt_str_copyz(h->at, sizeof h->at, kt_str_of(a.sun_path));
        say(h, h->at, "");
        h->fd = fd;
        return;
    }
    (void)snprintf(problem, sizeof problem, "not connected to %.100s: %s%s", a.sun_path,
                   strerror(errno),
                   errno == EACCES   ? ": give the agent's user the group of the socket"
                   : errno == EAGAIN ? ": another client has it"
                   : errno == ENOENT || errno == ECONNREFUSED ? ": is auditd running?"
                                                              : "");
    say(h, a.sun_path, problem);
    if (fd >= 0)
        (void)close(fd);
}

/* ---- the thread ---- */

static void read_now(struct kt_hear *h)
{
    ssize_t n = read(h->fd, h->bytes, sizeof h->bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        put_together(h, kt_str_from(h->bytes, (size_t)n));
        return;
    }
    (void)close(h->fd);
    h->fd = -1;
    h->passing = false;
    drop_begun(h);
    say(h, h->at, "the daemon closed the connection: is auditd running?");
}

static bool wants_to_quit(struct kt_hear *h)
{
    (void)pthread_mutex_lock(&h->lock);
    bool quit = h->quit;
    (void)pthread_mutex_unlock(&h->lock);
    return quit;
}

static void *work(void *self)
{
    struct kt_hear *h = self;
    int back_off = BACK_OFF_MIN;
    bool last = false; /* what came before we were told to quit is still read */
    while (!last) {
        last = wants_to_quit(h);
        if (h->fd < 0 && !last)
            connect_now(h);
        struct pollfd polls[] = { { .fd = h->wake, .events = POLLIN },
                                  { .fd = h->fd, .events = POLLIN } };
        int n = poll(polls, KT_ARRAY_LEN(polls), h->fd >= 0 ? -1 : back_off);
        if (h->fd < 0)
            back_off = back_off * 2 < BACK_OFF_MAX ? back_off * 2 : BACK_OFF_MAX;
        if (n <= 0 || polls[1].revents == 0 || h->fd < 0)
            continue;
        back_off =
            BACK_OFF_MIN; /* it gave us something: a listener that only hangs up is no such */
        read_now(h);
        if (h->fd < 0)
            (void)poll(polls, 1, back_off);
    }
    if (h->fd >= 0)
        (void)close(h->fd);
    return NULL;
}

/* ---- life ---- */

static enum kt_status start(struct kt_hear *h, struct kt_error *err)
{
    sigset_t all, before;
    h->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    h->ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (h->wake < 0 || h->ready < 0)
        return kt_fail_errno(err, "eventfd");
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&h->thread, NULL, work, h);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = rc;
    h->threaded = rc == 0;
    return rc == 0 ? KT_OK : kt_fail_errno(err, "thread");
}

enum kt_status kt_hear_open(const struct kt_hear_options *o, struct kt_hear **ret,
                            struct kt_error *err)
{
    struct kt_hear *h = kt_alloc(sizeof *h);
    h->path = o->path != NULL ? kt_strdup(o->path) : NULL;
    h->conf = o->conf != NULL ? kt_strdup(o->conf) : NULL;
    h->room = o->room;
    h->fd = h->wake = h->ready = -1;
    (void)pthread_mutex_init(&h->lock, NULL);
    enum kt_status st = start(h, err);
    if (st != KT_OK) {
        kt_hear_free(h);
        return st;
    }
    *ret = h;
    return KT_OK;
}

void kt_hear_stop(struct kt_hear *h)
{
    const uint64_t one = 1;
    if (!h->threaded)
        return;
    (void)pthread_mutex_lock(&h->lock);
    h->quit = true;
    (void)pthread_mutex_unlock(&h->lock);
    (void)!write(h->wake, &one, sizeof one);
    (void)pthread_join(h->thread, NULL);
    h->threaded = false;
}

void kt_hear_free(struct kt_hear *h)
{
    if (h == NULL)
        return;
    kt_hear_stop(h);
    if (h->wake >= 0)
        (void)close(h->wake);
    if (h->ready >= 0)
        (void)close(h->ready);
    (void)pthread_mutex_destroy(&h->lock);
    kt_buf_done(&h->waiting);
    kt_buf_done(&h->begun);
    kt_free(h->path);
    kt_free(h->conf);
    kt_free(h);
}

int kt_hear_fd(const struct kt_hear *h)
{
    return h->ready;
}

void kt_hear_status(struct kt_hear *h, struct kt_hear_status *ret)
{
    (void)pthread_mutex_lock(&h->lock);
    *ret = h->status;
    ret->waiting = h->waiting.len;
    (void)pthread_mutex_unlock(&h->lock);
}
