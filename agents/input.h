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
/* What an input has found out about its source beside records: a line of kind `report`. */
struct kt_input_report {
    struct kt_str operation, message; /* "trail.verified", and a sentence */
    struct kt_str native_id, scope;   /* the same for the same fact: a second line is a duplicate */
    kt_time_ns time;                  /* of what it is about */
    struct kt_str raw;                /* the numbers, a JSON object */
};
struct kt_input_env {
    struct kt_fs fs;
    struct kt_str (*position)(void *self,
                              struct kt_str key); /* newest durable position, empty when none */
    void (*each_position)(void *self,             /* all of this input, as they were at the start */
                          void (*each)(void *to, struct kt_str key, struct kt_str value), void *to);
    void *self;
    const struct kt_source *source;
    const struct kt_conf_source *conf;
    const struct kt_yaml *yaml; /* owner of conf->node; NULL = no extra keys, defaults */
    /* For each stream (a file and the ones it is rotated into) a pipeline of its own. The engine
     * makes it, the input frees it. Its lines are always taken: the engine does not step an input
     * with a budget while the spool is full. */
    struct kt_pipeline *(*pipeline)(void *self);
    /* Somebody only looks: `kept` is never called, so nothing is acknowledged. What was received is
     * not kept from others, an empty queue is not waited for, and history of a day is enough. */
    bool probe;
    /* Gives out a line, as a pipeline does: it is in the spool before positions told after it. */
    void (*report)(void *self, const struct kt_input_report *r);
};
struct kt_input_status { /* for reports and `keytrail-agent status` */
    uint64_t bytes, lag_bytes, files, rotations, truncations, gone, broken;
    uint64_t emptied; /* of truncations: those that left no copy of what was there */
    uint64_t lost;    /* grows when records are lost for sure: dropped, or gone unread */
    char position[200];
    char problem[200]; /* empty = fine; else a sentence with the fix */
};
struct kt_input_type {
    const char *name, *summary;
    const struct kt_option *options; /* extra keys of a source entry; NULL = none */
    KT_MUST_USE enum kt_status (*open)(const struct kt_input_env *env, struct kt_input **ret,
                                       struct kt_error *err);
    /* Reads at most about `budget` bytes and feeds them. *ret_more: more is waiting. Budget 0:
     * looks after its files without reading, so that a rotation is not missed while the spool is
     * full. Errors are fatal; what is wrong with a file is a problem sentence. */
    KT_MUST_USE enum kt_status (*step)(struct kt_input *in, kt_time_ns now, size_t budget,
                                       bool *ret_more, struct kt_error *err);
    /* Calls each(key, value) for positions that are true once all lines given so far are in the
     * spool. changed_only: since the last call. NULL where whoever sends keeps the place. */
    void (*positions)(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self);
    /* Does somebody wait until what was given is kept? Then it is written down in this turn. NULL =
     * never. */
    bool (*waits)(struct kt_input *in);
    /* All lines given so far are in the spool, and synced. NULL = it does not matter. */
    void (*kept)(struct kt_input *in);
    /* It has something to do after so many ms, when nothing wakes it before. NULL = a second is
     * soon enough. */
    int (*wait_ms)(struct kt_input *in);
    int (*fd)(struct kt_input *in); /* inotify or the like to wait on, -1 = poll by time */
    void (*status)(struct kt_input *in, struct kt_input_status *ret);
    void (*counts)(struct kt_input *in,
                   struct kt_pipeline_counts *ret); /* sums over its pipelines */
    /* Hears no more, and feeds all that was heard: nobody can be asked for it again. It is in the
     * spool before `close`. NULL = what was not fed is read again, or sent again. */
    KT_MUST_USE enum kt_status (*stop)(struct kt_input *in, kt_time_ns now, struct kt_error *err);
    void (*close)(struct kt_input *in);
    bool listens; /* others come to it: open takes the address, and whoever writes meets no other */
};
extern const struct kt_input_type *const kt_inputs[]; /* registry, NULL-ended */
const struct kt_input_type *kt_input_find(struct kt_str name);
/* agents/inputs/NAME.md, as it was when this was built. */
const char *kt_input_page(const struct kt_input_type *type);
