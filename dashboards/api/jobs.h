/*
 * jobs: what takes longer than a call: verifying the whole log, making and checking evidence. Each
 * runs as a process of the program itself (`keytrail verify`, `keytrail report`), one of a kind at
 * a time, so that it can be slow, stopped, or die without the page.
 *
 * For several threads at once. What is known of the last one of each kind is lost with the process;
 * the packages themselves lie in the folder.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/time.h"

enum kt_job { KT_JOB_VERIFY, KT_JOB_REPORT, KT_JOB_CHECK, KT_JOB_COUNT };
struct kt_jobs;
/* program: of keytrail itself. folder: for what they print (0700, made when it is not there). */
KT_MUST_USE enum kt_status kt_jobs_open(const char *program, const char *folder,
                                        struct kt_jobs **ret, struct kt_error *err);
void kt_jobs_close(struct kt_jobs *j); /* stops what runs */

struct kt_job_state {      /* a copy */
    bool running, started; /* started: at some time since the page runs */
    kt_time_ns began, ended;
    int code;        /* when it has ended: 0, what it ended with, 128 + a signal, -1: not known */
    char about[128]; /* as it was started with */
    struct kt_buf said; /* of what it printed the last 256 KiB, when it is over */
};
void kt_job_state_done(struct kt_job_state *s);
/* argv behind the program's name, NULL-ended. KT_E_LIMIT: one of the kind is running. */
KT_MUST_USE enum kt_status kt_jobs_start(struct kt_jobs *j, enum kt_job kind,
                                         const char *const argv[], const char *about,
                                         kt_time_ns now, struct kt_error *err);
void kt_jobs_state(struct kt_jobs *j, enum kt_job kind, kt_time_ns now, struct kt_job_state *ret);
