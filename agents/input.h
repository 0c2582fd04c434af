/*
 * input: how bytes arrive. Written once for all sources; chosen in configuration. An input reads
 * and feeds a pipeline; the engine turns the pipeline's lines into spool batches and hands
 * positions back at start.
 */
#pragma once
#include "agents/pipeline.h"
#include "core/config/config.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"

struct kt_input; /* one configured instance */
struct kt_input_env {
    struct kt_fs fs;
    struct kt_str (*position)(void *self,
                              struct kt_str key); /* newest durable position, empty when none */
    void *self;
    const struct kt_source *source;
    const struct kt_conf_source *conf;
    /* For each stream (file) a pipeline of its own, made by the engine. */
    struct kt_pipeline *(*pipeline)(void *self);
};
struct kt_input_status { /* for reports and `keytrail-agent status` */
    uint64_t bytes, lag_bytes, files, rotations, truncations, gone;
    char position[200];
    char problem[200]; /* empty = fine; else a sentence with the fix */
};
struct kt_input_type {
    const char *name, *summary;
    const struct kt_option *options; /* extra keys of a source entry; NULL = none */
    KT_MUST_USE enum kt_status (*open)(const struct kt_input_env *env, struct kt_input **ret,
                                       struct kt_error *err);
    /* Reads at most about `budget` bytes and feeds them. *ret_more: more is waiting. KT_E_AGAIN:
     * the spool is full, nothing was lost. */
    KT_MUST_USE enum kt_status (*step)(struct kt_input *in, kt_time_ns now, size_t budget,
                                       bool *ret_more, struct kt_error *err);
    /* Calls each(key, value) for positions that are true once all lines given so far are in the
     * spool. changed_only: since the last call. */
    void (*positions)(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self);
    int (*fd)(struct kt_input *in); /* inotify or the like to wait on, -1 = poll by time */
    void (*status)(struct kt_input *in, struct kt_input_status *ret);
    void (*counts)(struct kt_input *in,
                   struct kt_pipeline_counts *ret); /* sums over its pipelines */
    void (*close)(struct kt_input *in);
};
extern const struct kt_input_type *const kt_inputs[]; /* registry, NULL-ended */
const struct kt_input_type *kt_input_find(struct kt_str name);
