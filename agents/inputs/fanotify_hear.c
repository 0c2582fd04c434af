/*
 * fanotify_hear: takes what the kernel tells about files on a thread of its own, since who did it
 * must be asked before that process is gone.
 *
 * Owns:  the thread, the marks, the records that are held and those that wait to be taken.
 * Calls: core/base, core/event (JSON strings), core/sys (clock); fanotify, /proc/self/fd.
 * Holds: every descriptor that the kernel hands over is closed. What one process does with one file
 *        within HOLD_NS is one record: only when it closes the file is it known whether it could
 *        write. All room is bounded; what does not fit is counted.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/inputs/fanotify_int.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/str.h"
#include "core/event/line.h"
#include "core/sys/clock.h"

#define HELD_MAX     256u
#define HOLD_NS      (200 * KT_NS_MS)
#define ROOM         (8u << 20)
#define LOOK_EVERY   (30 * KT_NS_S)
#define LOOK_APART   (100 * KT_NS_MS) /* a folder in which names change all the time */
#define PATH_LENGTH  4096u
#define OVERFLOW_GAP KT_NS_S
#define NICE         (-15) /* of the thread alone */

#define OPENED  (FAN_OPEN | FAN_OPEN_EXEC)
#define WRITTEN (FAN_MODIFY | FAN_CLOSE_WRITE)

/* What one process did with one file. */
struct held {
    pid_t pid;
    dev_t dev;
    ino_t ino;
    bool folder;
    uint64_t mask;
    kt_time_ns at, since; /* wall and mono of the first of it */
    struct kt_buf path, who;
};
struct kt_fan {
    struct kt_fan_marks *marks; /* the thread's alone, once it runs; so are these: */
    struct held held[HELD_MAX]; /* oldest first */
    unsigned n_held;
    kt_time_ns looked, overflowed;
    uint64_t sequence;
    pid_t own;

    pthread_t thread;
    bool threaded;
    int wake, ready; /* eventfds: for the thread, for the taker */

    pthread_mutex_t lock; /* guards all below */
    bool quit;
    struct kt_buf lines;
    struct kt_fan_counts counts;
};

static kt_time_ns mono(void)
{
    return kt_clock_real.mono(kt_clock_real.self);
}

/* ---- records ---- */

static void push(struct kt_fan *f, const struct kt_buf *line)
{
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&f->lock);
    if (f->lines.len + line->len > ROOM) {
        f->counts.shed++;
    } else {
        kt_buf_add(&f->lines, kt_buf_str(line));
        f->counts.records++;
    }
    (void)pthread_mutex_unlock(&f->lock);
    (void)!write(f->ready, &one, sizeof one);
}

/* Numbers of processes and files come again; time and a number of ours do not. */
static void head(struct kt_fan *f, kt_time_ns at, struct kt_buf *out)
{
    char text[KT_TIME_TEXT_MAX];
    kt_buf_addf(out, "{\"id\":\"%lld.%llu\",\"time\":\"%s\",\"mask\":[", (long long)at,
                (unsigned long long)f->sequence++, kt_time_format(at, text));
}

static void mask_words(uint64_t mask, struct kt_buf *out)
{
    static const struct {
        uint64_t bit;
        const char *word;
    } bits[] = {
        { FAN_OPEN, "open" },
        { FAN_OPEN_EXEC, "open_exec" },
        { FAN_MODIFY, "modify" },
        { FAN_CLOSE_WRITE, "close_write" },
        { FAN_CLOSE_NOWRITE, "close_nowrite" },
    };
    bool any = false;
    for (size_t i = 0; i < KT_ARRAY_LEN(bits); i++)
        if ((mask & bits[i].bit) != 0) {
            kt_buf_addf(out, "%s\"%s\"", any ? "," : "", bits[i].word);
            any = true;
        }
}

/* A name is bytes; JSON is text. */
static void add_path(struct kt_str path, struct kt_buf *out)
{
    if (kt_utf8_valid(path)) {
        kt_buf_addz(out, ",\"path\":");
        kt_json_quote(out, path);
    } else {
        kt_buf_addz(out, ",\"path_hex\":\"");
        kt_hex_add(out, path.at, path.len);
        kt_buf_byte(out, '"');
    }
}

static void give(struct kt_fan *f, struct held *h)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    head(f, h->at, &line);
    mask_words(h->mask, &line);
    kt_buf_addf(&line, "],\"folder\":%s,\"pid\":\"%d\"", h->folder ? "true" : "false", (int)h->pid);
    add_path(kt_buf_str(&h->path), &line);
    kt_buf_add(&line, kt_buf_str(&h->who));
    kt_buf_addz(&line, "}\n");
    push(f, &line);
    kt_buf_done(&h->path);
    kt_buf_done(&h->who);
    f->n_held--;
    memmove(h, h + 1, (size_t)(f->held + f->n_held - h) * sizeof *h);
}

static void give_due(struct kt_fan *f, kt_time_ns now)
{
    while (f->n_held > 0 && now - f->held[0].since >= HOLD_NS)
        give(f, f->held);
}

static void overflow(struct kt_fan *f)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    kt_time_ns now = mono();
    (void)pthread_mutex_lock(&f->lock);
    f->counts.overflows++;
    (void)pthread_mutex_unlock(&f->lock);
    if (f->overflowed != 0 && now - f->overflowed < OVERFLOW_GAP)
        return;
    f->overflowed = now;
    head(f, kt_clock_real.wall(kt_clock_real.self), &line);
    kt_buf_addz(&line, "\"overflow\"]}\n");
    push(f, &line);
}

/* ---- events ---- */

/* Under the name that it has now, where that leads to it in our view of the file system; else, as
 * for a container, under the name that it was marked by, or the one that it had. */
static void name_of(const struct kt_fan *f, int fd, const struct stat *st, struct kt_buf *out)
{
    char self[64], now[PATH_LENGTH];
    const struct kt_str gone = KT_STR(" (deleted)"); /* of a file that has lost this name */
    struct stat there;
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(self, now, sizeof now - 1);
    struct kt_str name = kt_str_from(now, n > 0 ? (size_t)n : 0);
    now[name.len] = '\0';
    bool ours = name.len > 0 && stat(now, &there) == 0 && there.st_dev == st->st_dev &&
                there.st_ino == st->st_ino;
    const char *marked = ours ? NULL : kt_fan_marks_path(f->marks, st->st_dev, st->st_ino);
    if (!ours && kt_str_ends(name, gone))
        name.len -= gone.len;
    kt_buf_add(out, marked != NULL ? kt_str_of(marked) : name);
}

static struct held *find(struct kt_fan *f, pid_t pid, const struct stat *st)
{
    for (unsigned i = 0; i < f->n_held; i++)
        if (f->held[i].pid == pid && f->held[i].ino == st->st_ino && f->held[i].dev == st->st_dev)
            return &f->held[i];
    return NULL;
}

/* Numbers are used again: is this opening by another program than h, or of another file? */
static bool is_another(const struct kt_fan *f, const struct held *h,
                       const struct fanotify_event_metadata *e, const struct stat *st)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf program = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    if (kt_fan_program(e->pid, &program) &&
        !kt_str_starts(kt_buf_str(&h->who), kt_buf_str(&program)))
        return true;
    name_of(f, e->fd, st, &path);
    return !kt_str_eq(kt_buf_str(&path), kt_buf_str(&h->path));
}

/* Holds the first of what a process does with a file. */
static void hold(struct kt_fan *f, const struct fanotify_event_metadata *e, const struct stat *st)
{
    if (f->n_held == HELD_MAX)
        give(f, f->held);
    struct held *h = &f->held[f->n_held++];
    *h = (struct held){ .pid = e->pid, .dev = st->st_dev, .ino = st->st_ino, .mask = e->mask };
    h->folder = S_ISDIR(st->st_mode);
    h->at = kt_clock_real.wall(kt_clock_real.self);
    h->since = mono();
    kt_fan_who(e->pid, &h->who);
    name_of(f, e->fd, st, &h->path);
}

static void hear(struct kt_fan *f, const struct fanotify_event_metadata *e)
{
    struct stat st;
    if ((e->mask & FAN_Q_OVERFLOW) != 0) {
        overflow(f);
        return;
    }
    if (e->fd < 0 || e->pid == f->own || fstat(e->fd, &st) != 0)
        return;
    struct held *h = find(f, e->pid, &st);
    if (h != NULL && (e->mask & OPENED) != 0 && is_another(f, h, e, &st)) {
        give(f, h);
        h = NULL;
    }
    if (h != NULL)
        h->mask |= e->mask;
    else if ((e->mask & (OPENED | WRITTEN)) != 0) /* what is only closed was told when opened */
        hold(f, e, &st);
}

static void read_events(struct kt_fan *f)
{
    _Alignas(struct fanotify_event_metadata) char room[16384];
    ssize_t n = read(kt_fan_marks_events(f->marks), room, sizeof room);
    struct fanotify_event_metadata e;
    uint64_t events = 0;
    for (size_t at = 0; n > 0 && at + sizeof e <= (size_t)n; at += e.event_len) {
        memcpy(&e, room + at, sizeof e);
        if (e.event_len < sizeof e)
            break;
        if (e.vers == FANOTIFY_METADATA_VERSION)
            hear(f, &e);
        if (e.fd >= 0)
            (void)close(e.fd);
        events++;
    }
    (void)pthread_mutex_lock(&f->lock);
    f->counts.events += events;
    (void)pthread_mutex_unlock(&f->lock);
}

/* ---- the thread ---- */

static void look(struct kt_fan *f, kt_time_ns now)
{
    kt_fan_marks_look(f->marks);
    f->looked = now;
    (void)pthread_mutex_lock(&f->lock);
    f->counts.marks = kt_fan_marks_count(f->marks);
    kt_str_copyz(f->counts.problem, sizeof f->counts.problem,
                 kt_str_of(kt_fan_marks_problem(f->marks)));
    (void)pthread_mutex_unlock(&f->lock);
}

static bool wants_to_quit(struct kt_fan *f)
{
    (void)pthread_mutex_lock(&f->lock);
    bool quit = f->quit;
    (void)pthread_mutex_unlock(&f->lock);
    return quit;
}

static int wait_ms(const struct kt_fan *f, kt_time_ns now, bool changed)
{
    kt_time_ns due = f->looked + (changed ? LOOK_APART : LOOK_EVERY);
    if (f->n_held > 0 && f->held[0].since + HOLD_NS < due)
        due = f->held[0].since + HOLD_NS;
    return due > now ? (int)((due - now) / KT_NS_MS) + 1 : 0;
}

static void *work(void *self)
{
    struct kt_fan *f = self;
    bool changed = false, last = false; /* last: what came before we were told to quit is heard */
    /* the processes that are asked about do not wait for us; without the right it is only later */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    while (!last) {
        last = wants_to_quit(f);
        struct pollfd polls[] = {
            { .fd = f->wake, .events = POLLIN },
            { .fd = kt_fan_marks_events(f->marks), .events = POLLIN },
            { .fd = changed ? -1 : kt_fan_marks_names(f->marks), .events = POLLIN },
        };
        if (poll(polls, KT_ARRAY_LEN(polls), wait_ms(f, mono(), changed)) < 0)
            continue;
        if (polls[1].revents != 0)
            read_events(f);
        kt_time_ns now = mono();
        changed = changed || polls[2].revents != 0;
        if (now - f->looked >= (changed ? LOOK_APART : LOOK_EVERY)) {
            (void)kt_fan_marks_changed(f->marks); /* before the look: what comes after it is new */
            look(f, now);
            changed = false;
        }
        give_due(f, now);
    }
    while (f->n_held > 0)
        give(f, f->held);
    return NULL;
}

/* ---- life ---- */

static enum kt_status start(struct kt_fan *f, struct kt_error *err)
{
    sigset_t all, before;
    f->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    f->ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (f->wake < 0 || f->ready < 0)
        return kt_fail_errno(err, "eventfd");
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&f->thread, NULL, work, f);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = rc;
    f->threaded = rc == 0;
    return rc == 0 ? KT_OK : kt_fail_errno(err, "thread");
}

enum kt_status kt_fan_open(const char *const *paths, unsigned n, struct kt_fan **ret,
                           struct kt_error *err)
{
    struct kt_fan_marks *marks = NULL;
    if (kt_fan_marks_open(paths, n, &marks, err) != KT_OK)
        return err != NULL ? err->code : KT_E_IO;
    struct kt_fan *f = kt_alloc(sizeof *f);
    f->marks = marks;
    f->own = getpid();
    f->wake = f->ready = -1;
    (void)pthread_mutex_init(&f->lock, NULL);
    look(f, mono()); /* what is there is watched before anybody is told that we run */
    enum kt_status st = start(f, err);
    if (st != KT_OK) {
        kt_fan_free(f);
        return st;
    }
    *ret = f;
    return KT_OK;
}

void kt_fan_stop(struct kt_fan *f)
{
    const uint64_t one = 1;
    if (!f->threaded)
        return;
    (void)pthread_mutex_lock(&f->lock);
    f->quit = true;
    (void)pthread_mutex_unlock(&f->lock);
    (void)!write(f->wake, &one, sizeof one);
    (void)pthread_join(f->thread, NULL);
    f->threaded = false;
}

void kt_fan_free(struct kt_fan *f)
{
    if (f == NULL)
        return;
    kt_fan_stop(f);
    if (f->wake >= 0)
        (void)close(f->wake);
    if (f->ready >= 0)
        (void)close(f->ready);
    (void)pthread_mutex_destroy(&f->lock);
    kt_fan_marks_free(f->marks);
    kt_buf_done(&f->lines);
    kt_free(f);
}

int kt_fan_fd(const struct kt_fan *f)
{
    return f->ready;
}

bool kt_fan_take(struct kt_fan *f, size_t max, struct kt_buf *ret)
{
    uint64_t n;
    kt_buf_reset(ret);
    (void)pthread_mutex_lock(&f->lock);
    (void)!read(f->ready, &n, sizeof n);
    kt_buf_move(&f->lines, max, ret);
    bool more = f->lines.len > 0;
    (void)pthread_mutex_unlock(&f->lock);
    return more;
}

void kt_fan_count(struct kt_fan *f, struct kt_fan_counts *ret)
{
    (void)pthread_mutex_lock(&f->lock);
    *ret = f->counts;
    ret->waiting = f->lines.len;
    (void)pthread_mutex_unlock(&f->lock);
}
