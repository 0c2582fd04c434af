/*
 * fanotify: the kernel tells who opens and writes files, where no audit daemon runs.
 *
 * Owns:  the thread that hears it (fanotify_hear.c) and one pipeline.
 * Calls: core, its other files. Time comes in with each step.
 * Holds: nothing can be asked for again: what happens while this does not run is not seen, and what
 *        was heard and not yet in the spool is gone after a crash.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agents/input.h"
#include "agents/inputs/counts.h"
#include "agents/inputs/fanotify_int.h"
#include "agents/inputs/usual.h"
#include "core/base/alloc.h"

#define PATHS_MAX 256u
#define SAID_NS   KT_NS_HOUR

struct options {
    struct kt_strings paths;
};
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "paths", KT_OPT_LIST, "", offsetof(struct options, paths),
      "files, folders and globs; default: the usual places of secrets on a host", false, false },
    KT_OPTIONS_END,
};

struct kt_input {
    struct kt_pipeline *pipeline;
    char **paths;
    unsigned n_paths;
    struct kt_fan *fan;
    struct kt_buf taken;
    uint64_t offset;
    uint64_t lost; /* overflows and records without room, so far */
    kt_time_ns lost_at;
};

static void close_fanotify(struct kt_input *in)
{
    if (in == NULL)
        return;
    kt_fan_free(in->fan);
    kt_pipeline_free(in->pipeline);
    for (unsigned i = 0; i < in->n_paths; i++)
        kt_free(in->paths[i]);
    kt_free(in->paths);
    kt_buf_done(&in->taken);
    kt_free(in);
}

/* Those that were named, or the usual ones. */
static void keep_paths(struct kt_input *in, const struct kt_strings *named)
{
    in->paths = kt_alloc_array(PATHS_MAX, sizeof *in->paths);
    for (unsigned i = 0; i < named->n && in->n_paths < PATHS_MAX; i++)
        in->paths[in->n_paths++] = kt_strdup(named->at[i]);
    for (const char *const *p = kt_usual_places; named->n == 0 && *p != NULL; p++)
        in->paths[in->n_paths++] = kt_strdup(*p);
}

static enum kt_status open_fanotify(const struct kt_input_env *env, struct kt_input **ret,
                                    struct kt_error *err)
{
    struct options o = { 0 };
    if (env->yaml != NULL && env->conf->node != NULL &&
        kt_options_fill(env->yaml, env->conf->node, options, &o, err) != KT_OK)
        return kt_wrap(err, "fanotify");
    if (env->conf->path != NULL && env->conf->path[0] != '\0')
        return kt_fail(err, KT_E_CONFIG, "fanotify: write 'paths: [ … ]', not 'path'");
    if (o.paths.n > PATHS_MAX)
        return kt_fail(err, KT_E_CONFIG, "fanotify: paths: at most %u; name folders", PATHS_MAX);
    struct kt_input *in = kt_alloc(sizeof *in);
    keep_paths(in, &o.paths);
    if (kt_fan_open((const char *const *)in->paths, in->n_paths, &in->fan, err) != KT_OK) {
        close_fanotify(in);
        return kt_wrap(err, "fanotify");
    }
    in->pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    *ret = in;
    return KT_OK;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_fan_counts c;
    *ret_more = false;
    kt_fan_count(in->fan, &c);
    if (c.overflows + c.shed != in->lost)
        in->lost_at = now;
    in->lost = c.overflows + c.shed;
    if (in->lost_at != 0 && now - in->lost_at > SAID_NS)
        in->lost_at = 0;
    if (budget == 0)
        return KT_OK;
    *ret_more = kt_fan_take(in->fan, budget, &in->taken);
    if (in->taken.len > 0 && kt_pipeline_feed(in->pipeline, kt_buf_str(&in->taken), in->offset,
                                              KT_STR("fanotify"), now, err) != KT_OK)
        return kt_wrap(err, "fanotify");
    in->offset += in->taken.len;
    return KT_OK;
}

static enum kt_status stop(struct kt_input *in, kt_time_ns now, struct kt_error *err)
{
    bool more;
    kt_fan_stop(in->fan);
    return step(in, now, SIZE_MAX, &more, err);
}

static int fd(struct kt_input *in)
{
    return kt_fan_fd(in->fan);
}

/* ---- saying it ---- */

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    struct kt_fan_counts c;
    kt_fan_count(in->fan, &c);
    ret->bytes = in->offset;
    ret->lag_bytes = c.waiting;
    ret->files = c.marks;
    ret->lost = ret->broken = c.overflows + c.shed;
    (void)snprintf(ret->position, sizeof ret->position,
                   "%u files and folders watched, %llu events heard", c.marks,
                   (unsigned long long)c.events);
    if (in->lost_at != 0)
        (void)snprintf(ret->problem, sizeof ret->problem,
                       "the kernel or this agent had no room for all events (%llu times so far): "
                       "accesses are missing; name fewer folders in 'paths'",
                       (unsigned long long)in->lost);
    else if (c.problem[0] != '\0')
        kt_str_copyz(ret->problem, sizeof ret->problem, kt_str_of(c.problem));
    else if (c.marks == 0)
        kt_str_copyz(ret->problem, sizeof ret->problem,
                     KT_STR("nothing is watched: none of 'paths' is there"));
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_fanotify = {
    .name = "fanotify",
    .summary = "Files that the kernel tells about, where no audit daemon runs",
    .options = options,
    .open = open_fanotify,
    .step = step,
    .fd = fd,
    .status = status,
    .counts = counts,
    .stop = stop,
    .close = close_fanotify,
};
