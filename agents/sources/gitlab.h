/* gitlab, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/source.h"
#include "core/event/keep.h"

/* What an audit event is about. */
enum gl_thing {
    GL_NOTHING,  /* not about secrets */
    GL_VARIABLE, /* a CI/CD variable */
    GL_SECRET,   /* of GitLab's own secrets manager */
    GL_ACCESS,   /* a token, a key, a setting: no secret of a store */
    GL_LOGIN,
};
/* By the type of the event: "ci_group_variable_updated". */
enum gl_thing kt_gl_thing_of_type(struct kt_str type, enum kt_action *ret_verb,
                                  enum kt_outcome *ret_outcome);
/* Of events without a type, by the class of what was changed and how the message begins. */
enum gl_thing kt_gl_thing_of_class(struct kt_str target_type, struct kt_str message,
                                   enum kt_action *ret_verb);
extern const struct kt_keep kt_gl_keep_root[];
extern const char *const kt_gl_known_keys[];
