/* page: the process of the page, from its options to its end (`keytrail dashboard`). */
#pragma once
#include "core/base/err.h"
#include "core/config/config.h"

struct kt_page_options {
    const char *config;          /* keytrail.yaml; or */
    const char *db;              /* a store alone: a backup, one of import */
    const char *listen, *assets; /* NULL: the configuration's; the embedded ones */
    int ready_fd;                /* -1, or where the address is written once it listens */
};
/* Runs until SIGTERM or SIGINT. Returns the exit code (INTERFACE §1). */
int kt_page_main(const struct kt_page_options *o);
/* KT_E_CONFIG: dashboard.user names a user for the page, and this process is root or the
 * collector's user instead. Without such a name (a demo, development) a line in the log says it. */
KT_MUST_USE enum kt_status kt_page_check_user(const struct kt_conf *conf, struct kt_error *err);
