/*
 * proc: what a daemon asks of its process: signals as a descriptor, systemd's notify socket,
 * hardening, children.
 *
 * Owns:  the signal descriptor. Calls: core/base, clock.
 */
#include "core/sys/proc.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/sys/clock.h"

enum {
    CHILD_POLL_MS = 10,
    FILES_MAX = 65536, /* a crowd of strangers' connections must not use them up */
};

/* ---- signals ---- */

enum kt_status kt_signals_open(struct kt_signals *ret, struct kt_error *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return kt_fail_errno(err, "block signals");
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return kt_fail_errno(err, "signalfd");
    *ret = (struct kt_signals){ .fd = fd };
    return KT_OK;
}

void kt_signals_poll(struct kt_signals *s)
{
    struct signalfd_siginfo info;

    while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            s->reload = true;
        else
            s->stop = true;
    }
}

void kt_signals_done(struct kt_signals *s)
{
    if (s == NULL)
        return;
    if (s->fd > 0)
        (void)close(s->fd);
    *s = (struct kt_signals){ .fd = -1 };
}

/* ---- systemd ---- */

void kt_sd_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@') /* abstract name */
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Best effort by design: without it systemd restarts us, which is the right answer as well. */
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                  (const struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
    (void)close(fd);
}

int64_t kt_sd_watchdog(void)
{
    const char *pid = getenv("WATCHDOG_PID"), *usec = getenv("WATCHDOG_USEC");
    uint64_t n = 0;

    if (usec == NULL || !kt_str_u64(kt_str_of(usec), &n) || n > INT64_MAX / KT_NS_US)
        return 0;
    uint64_t whose = 0;
    if (pid != NULL && (!kt_str_u64(kt_str_of(pid), &whose) || whose != (uint64_t)getpid()))
        return 0;
    return (int64_t)n * KT_NS_US;
}

void kt_harden(void)
{
    const struct rlimit none = { 0, 0 };
    struct rlimit files;

    (void)umask(077);
    (void)setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_MAX) {
        files.rlim_cur = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* ---- children ---- */

/* Leaves stdin to stderr, `fd` as KT_SPAWN_FD and behind it the pipe that tells why exec failed. */
static bool keep_only(int fd, int *why)
{
    int moved = fcntl(*why, F_DUPFD_CLOEXEC, KT_SPAWN_FD + 1);
    int kept = moved < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, moved + 1);
    if (kept < 0 || dup2(moved, KT_SPAWN_FD + 1) < 0 || dup2(kept, KT_SPAWN_FD) < 0 ||
        close_range(KT_SPAWN_FD + 2, ~0u, 0) != 0 ||
        fcntl(KT_SPAWN_FD + 1, F_SETFD, FD_CLOEXEC) != 0)
        return false;
    *why = KT_SPAWN_FD + 1;
    return true;
}

/* Between fork and exec: only async-signal-safe calls. Returns only when exec failed. */
static void run_child(const char *const argv[], const char *log_path, int fd, int *why,
                      pid_t parent)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0)
        return;
    if (getppid() != parent) /* it died before prctl: no signal will come */
        _exit(0);
    int in = open("/dev/null", O_RDONLY);
    if (in < 0 || dup2(in, STDIN_FILENO) < 0)
        return;
    if (log_path != NULL) {
        int out = open(log_path, O_WRONLY | O_APPEND | O_CREAT, 0600);
        if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
            return;
        if (out > STDERR_FILENO)
            (void)close(out);
    }
    if (in > STDERR_FILENO)
        (void)close(in);
    if (fd >= 0 && !keep_only(fd, why))
        return;
    /* execv takes `char *const[]` but changes neither the pointers nor the text. */
    union {
        const char *const *in;
        char *const *out;
    } args = { .in = argv };
    (void)execv(argv[0], args.out);
}

enum kt_status kt_spawn(const char *const argv[], const char *log_path, int *ret_pid,
                        struct kt_error *err)
{
    return kt_spawn_with(argv, log_path, -1, ret_pid, err);
}

enum kt_status kt_spawn_with(const char *const argv[], const char *log_path, int fd, int *ret_pid,
                             struct kt_error *err)
{
    int why[2]; /* closed by exec; otherwise carries the errno of what failed */
    if (pipe2(why, O_CLOEXEC) != 0)
        return kt_fail_errno(err, "pipe");

    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        run_child(argv, log_path, fd, &why[1], parent);
        int failed = errno;
        (void)!write(why[1], &failed, sizeof failed);
        _exit(127);
    }
    int fork_errno = errno;
    (void)close(why[1]);
    int child_errno = 0;
    ssize_t got = 0;
    if (pid > 0)
        do
            got = read(why[0], &child_errno, sizeof child_errno);
        while (got < 0 && errno == EINTR);
    (void)close(why[0]);

    if (pid < 0 || got == (ssize_t)sizeof child_errno) {
        if (pid > 0)
            (void)waitpid(pid, NULL, 0);
        errno = pid < 0 ? fork_errno : child_errno;
        return kt_fail_errno(err, "start '%s'", argv[0]);
    }
    *ret_pid = (int)pid;
    return KT_OK;
}

bool kt_child_ended(int pid, int *ret_code)
{
    int status = 0;
    pid_t rc;

    assert(pid > 0); /* 0 and -1 would mean other people's children */
    do
        rc = waitpid((pid_t)pid, &status, WNOHANG);
    while (rc < 0 && errno == EINTR);
    *ret_code = rc < 0 ? -1 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return rc != 0;
}

bool kt_child_running(int pid)
{
    int code;
    return !kt_child_ended(pid, &code);
}

void kt_child_stop(int pid, int grace_ms)
{
    if (!kt_child_running(pid)) /* a reaped number may be another process by now */
        return;
    (void)kill((pid_t)pid, SIGTERM);
    kt_time_ns deadline = kt_clock_real.mono(NULL) + grace_ms * KT_NS_MS;
    while (kt_clock_real.mono(NULL) < deadline) {
        if (!kt_child_running(pid))
            return;
        (void)poll(NULL, 0, CHILD_POLL_MS);
    }
    if (!kt_child_running(pid))
        return;
    (void)kill((pid_t)pid, SIGKILL);
    while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

enum kt_status kt_self_path(char *ret, size_t n, struct kt_error *err)
{
    assert(n > 1);
    ssize_t got = readlink("/proc/self/exe", ret, n - 1);
    if (got < 0)
        return kt_fail_errno(err, "read /proc/self/exe");
    if ((size_t)got == n - 1)
        return kt_fail(err, KT_E_LIMIT, "the program's own path is longer than %zu bytes", n - 2);
    ret[got] = '\0';
    return KT_OK;
}

/* ---- what it uses ---- */

/* The number after `skip` blanks of a small file of /proc; false: there is none. */
static bool proc_number(const char *path, unsigned skip, uint64_t *ret)
{
    char text[1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *at = strrchr(text, ')'); /* of stat: a program's name may hold anything */
    at = at != NULL ? at : text;
    while (skip > 0 && (at = strchr(at, ' ')) != NULL) {
        at++;
        skip--;
    }
    char *end = NULL;
    *ret = at != NULL ? strtoull(at, &end, 10) : 0;
    return at != NULL && end != at;
}

static uint64_t count_fds(void)
{
    uint64_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        n += e->d_name[0] != '.';
    if (dir != NULL)
        (void)closedir(dir);
    return n > 0 ? n - 1 : 0; /* without that of the folder */
}

bool kt_proc_figures(struct kt_proc_figures *ret)
{
    struct rusage use;
    struct rlimit files;
    struct timespec boot;
    uint64_t pages, ticks;
    if (getrusage(RUSAGE_SELF, &use) != 0 || getrlimit(RLIMIT_NOFILE, &files) != 0 ||
        clock_gettime(CLOCK_BOOTTIME, &boot) != 0 || !proc_number("/proc/self/statm", 1, &pages) ||
        !proc_number("/proc/self/stat", 20, &ticks)) /* proc(5): field 22 */
        return false;
    double up = (double)boot.tv_sec - (double)ticks / (double)sysconf(_SC_CLK_TCK);
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    *ret = (struct kt_proc_figures){
        .cpu_s = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6,
        .resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE),
        .open_fds = count_fds(),
        .max_fds = files.rlim_cur,
        .started_s = (double)(now / KT_NS_S) - up,
    };
    return true;
}

int kt_local_offset_s(int64_t t_ns)
{
    time_t t = (time_t)(t_ns / KT_NS_S);
    tzset();
    struct tm local;
    return localtime_r(&t, &local) != NULL ? (int)local.tm_gmtoff : 0;
}
