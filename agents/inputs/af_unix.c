/*
 * af_unix: records of a daemon that listens on a unix socket for one client: auditd's plugin of
 * that name.
 *
 * Owns:  the thread that hears it (af_unix_hear.c) and one pipeline.
 * Calls: core, its other files. Time comes in with each step.
 * Holds: the daemon never waits for us. There is no position: what it writes while nobody is
 *        connected is gone, so this is for being early, beside the tail of the log.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agents/input.h"
#include "agents/inputs/af_unix_int.h"
#include "agents/inputs/counts.h"
#include "core/base/alloc.h"

#define SAID_NS (10 * KT_NS_MIN)

struct options {
    const char *conf;
    uint64_t room;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "plugin_conf", KT_OPT_PATH, "", AT(conf),
      "af_unix.conf of the daemon, where it says the socket's path; default: the usual places",
      false, false },
    { "room", KT_OPT_SIZE, "16MiB", AT(room), "bytes that may wait for the spool", false, false },
    KT_OPTIONS_END,
};
#undef AT

struct kt_input {
    struct kt_pipeline *pipeline;
    struct kt_hear *hear;
    struct kt_buf taken;
    uint64_t offset, shed;
    kt_time_ns shed_at;
};

static void close_af_unix(struct kt_input *in)
{
    kt_hear_free(in->hear);
    kt_pipeline_free(in->pipeline);
    kt_buf_done(&in->taken);
    kt_free(in);
}

static enum kt_status open_af_unix(const struct kt_input_env *env, struct kt_input **ret,
                                   struct kt_error *err)
{
    struct options o = { .room = 16u << 20 };
    struct kt_hear *hear = NULL;
    if (env->yaml != NULL && env->conf->node != NULL &&
        kt_options_fill(env->yaml, env->conf->node, options, &o, err) != KT_OK)
        return kt_wrap(err, "af_unix");
    if (o.room < 1u << 20)
        return kt_fail(err, KT_E_CONFIG, "af_unix: room must be at least 1MiB");
    const struct kt_hear_options ho = { env->conf->path, o.conf, (size_t)o.room };
    if (kt_hear_open(&ho, &hear, err) != KT_OK)
        return kt_wrap(err, "af_unix");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->hear = hear;
    in->pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    *ret = in;
    return KT_OK;
}

/* ---- reading ---- */

static void look_at_shed(struct kt_input *in, uint64_t shed, kt_time_ns now)
{
    if (shed != in->shed)
        in->shed_at = now;
    in->shed = shed;
    if (in->shed_at != 0 && now - in->shed_at > SAID_NS)
        in->shed_at = 0;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_hear_status s;
    *ret_more = false;
    kt_hear_status(in->hear, &s);
    look_at_shed(in, s.shed, now);
    if (budget == 0)
        return KT_OK;
    bool cut;
    *ret_more = kt_hear_take(in->hear, budget, &in->taken, &cut);
    struct kt_str lines = kt_buf_str(&in->taken);
    if (lines.len > 0 &&
        kt_pipeline_feed(in->pipeline, lines, in->offset, KT_STR("af_unix"), now, err) != KT_OK)
        return kt_wrap(err, "af_unix");
    in->offset += lines.len;
    if (cut)
        kt_pipeline_cut(in->pipeline);
    if (kt_pipeline_expire(in->pipeline, now, false, err) != KT_OK)
        return kt_wrap(err, "af_unix");
    return KT_OK;
}

/* An event of which lines are still to come is none: half of one reads like another. */
static enum kt_status stop(struct kt_input *in, kt_time_ns now, struct kt_error *err)
{
    bool more;
    kt_hear_stop(in->hear);
    return step(in, now, SIZE_MAX, &more, err);
}

static int fd(struct kt_input *in)
{
    return kt_hear_fd(in->hear);
}

/* ---- saying it ---- */

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    struct kt_hear_status s;
    kt_hear_status(in->hear, &s);
    ret->bytes = in->offset;
    ret->lag_bytes = s.waiting;
    ret->files = s.connected;
    ret->broken = s.shed + s.torn;
    ret->lost = s.shed;
    (void)snprintf(ret->position, sizeof ret->position, "%s%s", s.path[0] != '\0' ? s.path : "-",
                   s.connected ? ": connected" : ": not connected");
    if (in->shed_at != 0)
        (void)snprintf(ret->problem, sizeof ret->problem,
                       "%llu lines were dropped because nothing more fits: records are missing "
                       "here; keep the tail of audit.log beside it",
                       (unsigned long long)s.shed);
    else if (!s.connected)
        kt_str_copyz(ret->problem, sizeof ret->problem, kt_str_of(s.problem));
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_af_unix = {
    .name = "af_unix",
    .summary = "Records of auditd's af_unix plugin, as its client",
    .options = options,
    .open = open_af_unix,
    .step = step,
    .fd = fd,
    .status = status,
    .counts = counts,
    .stop = stop,
    .close = close_af_unix,
};
