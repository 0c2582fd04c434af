/* doppler, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/poll.h"
#include "agents/source.h"
#include "core/event/keep.h"

/* Verb of a type by its words: "enclave.project.config.secrets.update". */
enum kt_action kt_dp_verb_of_type(struct kt_str type);
/* Verb by how a text begins, for records of the API, which have no type; *ret_words is that
 * beginning, empty when the tables do not have it. */
enum kt_action kt_dp_verb_of_text(struct kt_str text, struct kt_str *ret_words);

extern const struct kt_keep kt_dp_keep_root[];
extern const struct kt_keep kt_dp_keep_secret[];
extern const char *const kt_dp_known_keys[];
extern const struct kt_poll kt_doppler_poll;

/* One record, taken apart once. */
struct dp_record {
    const struct kt_decode_in *in;
    struct kt_jval root, metadata, diff; /* diff: what changed */
    struct kt_str type, project, config;
    struct kt_str workplace; /* its name, or the label of the configuration */
    bool guess;              /* nobody named the workplace */
};

/* ---- doppler_secrets.c ---- */
/* doppler://workplace/project/config/NAME; without a name all of the config, without a config all
 * of the project, without a project no id. */
void kt_dp_set_id(const struct dp_record *r, struct kt_str project, struct kt_str config,
                  struct kt_str name, struct kt_event *ev);
/* "a/b", or the one that is not empty. */
struct kt_str kt_dp_join(struct kt_arena *a, struct kt_str list, struct kt_str part);
/* Give out the events of a read, of a change. */
void kt_dp_read(const struct dp_record *r, struct kt_event *ev, struct kt_emit *to);
void kt_dp_change(const struct dp_record *r, struct kt_event *ev, struct kt_emit *to);
