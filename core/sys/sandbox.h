/* sandbox: a process that needs files and what it has open gives up everything else. */
#pragma once
#include <stdbool.h>

#include "core/base/err.h"

/* From now on, for this thread and what it starts: no new sockets, no programs, no other processes'
 * memory, no namespaces, no modules (seccomp: what is not on a short list of calls is EPERM). No
 * new privileges, for good. KT_E_IO: the kernel has no seccomp; nothing was given up. */
KT_MUST_USE enum kt_status kt_sandbox_files_only(struct kt_error *err);
/* From now on this thread, and what it starts, changes no file but below these folders: nothing is
 * written, made, renamed or removed elsewhere (Landlock); what is open stays as it is. A folder
 * that is not there, or NULL, allows nothing. KT_E_AGAIN: there is no Landlock; nothing was
 * given up. */
struct kt_sandbox_folder {
    const char *path;
    bool sockets; /* made and removed, nothing else */
};
KT_MUST_USE enum kt_status kt_sandbox_write_below(const struct kt_sandbox_folder *folder,
                                                  unsigned n, struct kt_error *err);
