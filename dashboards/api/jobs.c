/*
 * jobs: see the header.
 *
 * Owns:  the processes, and a file each in the folder.
 * Calls: core/sys (proc, fs).
 */
#include "dashboards/api/jobs.h"
#include "core/base/alloc.h"
#include "core/sys/fs.h"
#include "core/sys/proc.h"
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define SAID_MAX (256u << 10)
#define ARGS_MAX 16u
#define GRACE_MS 2000

struct job {
    int pid; /* 0: none runs */
    kt_time_ns began, ended;
    int code;
    char about[128];
};
struct kt_jobs {
    pthread_mutex_t lock;
    char *program, *folder;
    struct job job[KT_JOB_COUNT];
};

static void path_of(const struct kt_jobs *j, enum kt_job kind, char *ret, size_t n)
{
    static const char *const names[KT_JOB_COUNT] = { "verify", "report", "check" };
    (void)snprintf(ret, n, "%s/%s.out", j->folder, names[kind]);
}

enum kt_status kt_jobs_open(const char *program, const char *folder, struct kt_jobs **ret,
                            struct kt_error *err)
{
    if (kt_fs_real.mkdir(kt_fs_real.self, folder, 0700, err) != KT_OK)
        return kt_wrap(err, "the folder of the page's jobs");
    *ret = kt_alloc(sizeof **ret);
    (*ret)->program = kt_str_dup(kt_str_of(program));
    (*ret)->folder = kt_str_dup(kt_str_of(folder));
    (void)pthread_mutex_init(&(*ret)->lock, NULL);
    return KT_OK;
}

void kt_jobs_close(struct kt_jobs *j)
{
    if (j == NULL)
        return;
    for (unsigned i = 0; i < KT_JOB_COUNT; i++)
        if (j->job[i].pid != 0)
            kt_child_stop(j->job[i].pid, GRACE_MS);
    (void)pthread_mutex_destroy(&j->lock);
    kt_free(j->program);
    kt_free(j->folder);
    kt_free(j);
}

/* Under the lock. */
static void look(struct job *x, kt_time_ns now)
{
    if (x->pid == 0 || !kt_child_ended(x->pid, &x->code))
        return;
    x->pid = 0;
    x->ended = now;
}

enum kt_status kt_jobs_start(struct kt_jobs *j, enum kt_job kind, const char *const argv[],
                             const char *about, kt_time_ns now, struct kt_error *err)
{
    const char *args[ARGS_MAX + 2] = { j->program };
    struct job *x = &j->job[kind];
    char path[4200];
    for (unsigned i = 0; i < ARGS_MAX && argv[i] != NULL; i++)
        args[i + 1] = argv[i];
    path_of(j, kind, path, sizeof path);
    (void)pthread_mutex_lock(&j->lock);
    look(x, now);
    enum kt_status status = KT_OK;
    if (x->pid != 0)
        status = kt_fail(err, KT_E_LIMIT, "one is running already: %s", x->about);
    if (status == KT_OK) {
        (void)unlink(path); /* the log of the one before */
        status = kt_spawn(args, path, &x->pid, err);
    }
    if (status == KT_OK) {
        x->began = now;
        x->ended = 0;
        kt_str_copyz(x->about, sizeof x->about, kt_str_of(about));
    }
    (void)pthread_mutex_unlock(&j->lock);
    return status;
}

void kt_jobs_state(struct kt_jobs *j, enum kt_job kind, kt_time_ns now, struct kt_job_state *ret)
{
    struct job *x = &j->job[kind];
    char path[4200];
    *ret = (struct kt_job_state){ 0 };
    path_of(j, kind, path, sizeof path);
    (void)pthread_mutex_lock(&j->lock);
    look(x, now);
    ret->running = x->pid != 0;
    ret->started = x->began != 0;
    ret->began = x->began;
    ret->ended = x->ended;
    ret->code = x->code;
    kt_str_copyz(ret->about, sizeof ret->about, kt_str_of(x->about));
    if (ret->started && !ret->running && kt_fs_read_end(path, SAID_MAX, &ret->said, NULL) != KT_OK)
        kt_buf_reset(&ret->said);
    (void)pthread_mutex_unlock(&j->lock);
}

void kt_job_state_done(struct kt_job_state *s)
{
    kt_buf_done(&s->said);
}
