/* github, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/source.h"
#include "core/event/keep.h"

/* False: not about secrets. *ret_store: whose secret it is ("actions", "codespaces", …), empty when
 * the action is about a key, a token or a setting. */
bool kt_gh_verb_of(struct kt_str action, enum kt_action *ret_verb, struct kt_str *ret_store);
extern const char *const kt_gh_needles[];
extern const struct kt_keep kt_gh_keep_root[];
extern const char *const kt_gh_known_keys[];
