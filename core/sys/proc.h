/* proc: signals as a descriptor, sd_notify, hardening, children. */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

struct kt_signals { /* flags set by a read of fd */
    int fd;
    bool stop, reload;
};
/* Blocks SIGTERM, SIGINT, SIGHUP in this thread and ignores SIGPIPE; fd becomes readable on one. */
KT_MUST_USE enum kt_status kt_signals_open(struct kt_signals *ret, struct kt_error *err);
void kt_signals_poll(struct kt_signals *s);
void kt_signals_done(struct kt_signals *s);
/* READY=1, STOPPING=1, RELOADING=1, WATCHDOG=1, STATUS=…; nothing when NOTIFY_SOCKET is not set. */
void kt_sd_notify(const char *state);
/* WatchdogSec= of our unit, ns (sd_watchdog_enabled(3)); 0: none, or it is meant for another
 * process. */
int64_t kt_sd_watchdog(void);
/* umask 077, no core dumps, no new privileges (THREATS K2, S1); as many descriptors as the hard
 * limit allows, up to 65,536. */
void kt_harden(void);
/* Starts argv (execv), stdout and stderr to log_path (NULL: inherited); the child dies with its
 * parent. */
KT_MUST_USE enum kt_status kt_spawn(const char *const argv[], const char *log_path, int *ret_pid,
                                    struct kt_error *err);
/* The same with a socket of ours: the child has it as descriptor 3, and nothing else of what is
 * open here but stdout and stderr. */
#define KT_SPAWN_FD 3
KT_MUST_USE enum kt_status kt_spawn_with(const char *const argv[], const char *log_path, int fd,
                                         int *ret_pid, struct kt_error *err);
bool kt_child_running(int pid); /* reaps */
/* The same; *ret_code, when it has ended: its exit status, 128 + the signal that killed it, as a
 * shell has it, or -1: it is not known. */
bool kt_child_ended(int pid, int *ret_code);
void kt_child_stop(int pid, int grace_ms); /* SIGTERM, wait, SIGKILL */
/* What this process uses, out of /proc/self; false: not to be had here. */
struct kt_proc_figures {
    double cpu_s; /* user and system */
    uint64_t resident_bytes, open_fds, max_fds;
    double started_s; /* since the epoch */
};
bool kt_proc_figures(struct kt_proc_figures *ret);
/* The running program's own path (/proc/self/exe). */
KT_MUST_USE enum kt_status kt_self_path(char *ret, size_t n, struct kt_error *err);
/* Offset of local time from UTC at t, seconds. */
int kt_local_offset_s(int64_t t_ns);
