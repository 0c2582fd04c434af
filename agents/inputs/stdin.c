/*
 * stdin: records that a program pipes into the agent.
 *
 * Owns:  a pipeline, and standard input while it runs. Time comes in with each step.
 * Calls: core. POSIX read, poll.
 * Holds: read() is asked only when poll() says that it will not wait, so that the descriptor keeps
 *        its flags: others may share it. While the spool is full nothing is read, and whoever
 * writes waits, as at any pipe. There is no position: what was read and not yet in the spool is
 * gone after a crash.
 */
#include "agents/input.h"
#include "agents/inputs/counts.h"
#include "core/base/alloc.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define READ_BYTES (64u << 10)
#define PLACE      KT_STR("stdin")

struct kt_input {
    struct kt_pipeline *pipeline;
    uint64_t bytes;
    bool ended;
    int sys_errno; /* that ended it; 0: the writer did */
    char piece[READ_BYTES];
};

static const struct kt_option options[] = { KT_OPTIONS_END }; /* any key beside is a mistake */

static atomic_flag taken = ATOMIC_FLAG_INIT; /* there is one standard input */

static enum kt_status open_stdin(const struct kt_input_env *env, struct kt_input **ret,
                                 struct kt_error *err)
{
    if (env->yaml != NULL && env->conf->node != NULL &&
        kt_options_fill(env->yaml, env->conf->node, options, NULL, err) != KT_OK)
        return kt_wrap(err, "stdin");
    if (fcntl(STDIN_FILENO, F_GETFD) < 0)
        return kt_fail(err, KT_E_CONFIG,
                       "stdin: standard input is closed: start the agent at the end of a pipe");
    if (atomic_flag_test_and_set(&taken))
        return kt_fail(err, KT_E_CONFIG, "stdin: another source of this agent reads it already");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    *ret = in;
    return KT_OK;
}

static void close_stdin(struct kt_input *in)
{
    kt_pipeline_free(in->pipeline);
    kt_free(in);
    atomic_flag_clear(&taken);
}

/* Bytes that are there, 0: none yet. Sets `ended` once nothing more will come. */
static size_t read_some(struct kt_input *in)
{
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    if (poll(&p, 1, 0) <= 0)
        return 0;
    ssize_t n = read(STDIN_FILENO, in->piece, sizeof in->piece);
    if (n > 0)
        return (size_t)n;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    in->ended = true;
    in->sys_errno = n < 0 ? errno : 0;
    return 0;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    enum kt_status st = KT_OK;
    size_t taken_now = 0, n = 1;
    *ret_more = false;
    if (budget == 0)
        return KT_OK;
    while (st == KT_OK && !in->ended && n > 0 && taken_now < budget) {
        n = read_some(in);
        if (n > 0)
            st = kt_pipeline_feed(in->pipeline, kt_str_from(in->piece, n), in->bytes, PLACE, now,
                                  err);
        else if (in->ended)
            st = kt_pipeline_end(in->pipeline, now, err);
        in->bytes += n;
        taken_now += n;
    }
    if (st == KT_OK)
        st = kt_pipeline_expire(in->pipeline, now, false, err);
    *ret_more = taken_now >= budget;
    return st == KT_OK ? KT_OK : kt_wrap(err, "stdin");
}

/* The end of a stream is readable for ever. */
static int fd(struct kt_input *in)
{
    return in->ended ? -1 : STDIN_FILENO;
}

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    char why[80];
    ret->bytes = in->bytes;
    ret->files = 1;
    (void)snprintf(ret->position, sizeof ret->position, "stdin: %llu bytes%s",
                   (unsigned long long)in->bytes, in->ended ? ", ended" : "");
    if (!in->ended)
        return;
    kt_str_copyz(why, sizeof why, KT_STR_NONE);
    if (in->sys_errno != 0)
        (void)snprintf(why, sizeof why, " (error %d)", in->sys_errno);
    (void)snprintf(ret->problem, sizeof ret->problem,
                   "the stream has ended after %llu bytes%s, nothing more is read: start the "
                   "agent again behind its writer",
                   (unsigned long long)in->bytes, why);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_stdin = {
    .name = "stdin",
    .summary = "Records that a program pipes into the agent",
    .options = options,
    .open = open_stdin,
    .step = step,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_stdin,
};
