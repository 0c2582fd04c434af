/* sandbox: a process that needs files and what it has open gives up everything else. */
#pragma once
#include "core/base/err.h"

/* From now on, for this thread and what it starts: no new sockets, no programs, no other processes'
 * memory, no namespaces, no modules (seccomp: what is not on a short list of calls is EPERM). No
 * new privileges, for good. KT_E_IO: the kernel has no seccomp; nothing was given up. */
KT_MUST_USE enum kt_status kt_sandbox_files_only(struct kt_error *err);
