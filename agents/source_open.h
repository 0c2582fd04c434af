/* source_open: a source of the configuration, with the input that reads it: opened in one way, by
 * the agent and by whoever only looks. */
#pragma once
#include "agents/input.h"
#include "agents/source_file.h"

struct kt_source_opened {
    struct kt_source_file file; /* the source and its settings */
    struct kt_conf_source conf; /* as the input has it: without the source's own keys */
    const struct kt_input_type *type;
    struct kt_input *input; /* NULL: it could not be opened */
};
/* env: without source and conf, which are filled in; its pipeline() may be called before this
 * returns, when all but `input` is there. The input keeps pointers into *o: it must not move.
 * KT_E_CONFIG: there is no such type or input, or a key is wrong. kt_source_close() after a failure
 * too. */
KT_MUST_USE enum kt_status kt_source_open(const struct kt_conf_source *conf,
                                          const struct kt_input_env *env,
                                          struct kt_source_opened *o, struct kt_error *err);
/* Options of a pipeline for it; memory, line, finding and self are the caller's. */
struct kt_pipeline_options kt_source_pipeline(const struct kt_source_opened *o);
void kt_source_close(struct kt_source_opened *o);
