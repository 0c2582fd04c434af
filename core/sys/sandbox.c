/*
 * sandbox: see the header.
 *
 * Owns:  the list of calls that a process of files and one socket pair needs.
 * Calls: prctl, seccomp.
 */
#include "core/sys/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* Old forms of some calls are missing on newer machines. */
static const uint16_t allowed[] = {
    SYS_read,         SYS_write,         SYS_readv,
    SYS_writev,       SYS_close,         SYS_fstat,
    SYS_newfstatat,   SYS_statx,         SYS_lseek,
    SYS_openat,       SYS_renameat,      SYS_renameat2,
    SYS_unlinkat,     SYS_fsync,         SYS_fdatasync,
    SYS_ftruncate,    SYS_fchmod,        SYS_fchown,
    SYS_flock,        SYS_fcntl,         SYS_recvfrom,
    SYS_recvmsg,      SYS_sendto,        SYS_sendmsg,
    SYS_ppoll,        SYS_mmap,          SYS_munmap,
    SYS_mremap,       SYS_mprotect,      SYS_madvise,
    SYS_brk,          SYS_mlock,         SYS_munlock,
    SYS_getrandom,    SYS_clock_gettime, SYS_clock_nanosleep,
    SYS_nanosleep,    SYS_getpid,        SYS_getppid,
    SYS_gettid,       SYS_getuid,        SYS_geteuid,
    SYS_getgid,       SYS_getegid,       SYS_futex,
    SYS_sched_yield,  SYS_rt_sigaction,  SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_sigaltstack,   SYS_restart_syscall,
    SYS_tgkill, /* abort() */
    SYS_exit,         SYS_exit_group,
#ifdef SYS_open
    SYS_open,
#endif
#ifdef SYS_stat
    SYS_stat,
#endif
#ifdef SYS_rename
    SYS_rename,
#endif
#ifdef SYS_unlink
    SYS_unlink,
#endif
#ifdef SYS_poll
    SYS_poll,
#endif
};

#define CALLS (sizeof allowed / sizeof allowed[0])
#define HEAD  4u
#define LOAD(field)                                                                                \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))

enum kt_status kt_sandbox_files_only(struct kt_error *err)
{
#ifdef ARCH
    struct sock_filter code[HEAD + CALLS + 2] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
    };
    struct sock_fprog program = { .len = HEAD + CALLS + 2, .filter = code };
    _Static_assert(CALLS < 200, "a jump of the filter has eight bits");
    for (size_t i = 0; i < CALLS; i++) /* to the last instruction, which allows */
        code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i],
                                                      (uint8_t)(CALLS - i), 0);
    code[HEAD + CALLS] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM & 0xffff));
    code[HEAD + CALLS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return kt_fail_errno(err, "seccomp");
    return KT_OK;
#else
    errno = ENOSYS;
    return kt_fail_errno(err, "seccomp on this machine");
#endif
}
