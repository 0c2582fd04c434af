/*
 * held: what whoever verifies holds: keys and checkpoints from options (`verify`, `prove`,
 * `report`), and agents' keys from this host's allow-list.
 */
#pragma once
#include "cli/cli.h"
#include "collector/auth.h"
#include "core/answer/anchors.h"

struct kt_held {
    struct kt_flag_many keys, witnesses, checkpoints;
};
#define KT_HELD_KEY     "--key"     /* of the log, where no other key is meant … */
#define KT_HELD_LOG_KEY "--log-key" /* … and where --key is that of a package */
/* clang-format off */
#define KT_HELD_FLAGS(h, key_option)                                                               \
    { "--checkpoint", 0, KT_FLAG_MANY, "FILE",                                                     \
      "checkpoints that you kept elsewhere, one note or more", &(h).checkpoints, NULL },           \
    { key_option, 0, KT_FLAG_MANY, "KEY",                                                          \
      "the log's public key, <name>+<id>+<base64>, or a file of such lines", &(h).keys, NULL },    \
    { "--witness", 0, KT_FLAG_MANY, "KEY",                                                         \
      "the same of somebody who cosigns, as you got it from them", &(h).witnesses, NULL }
/* clang-format on */
/* Takes all of them in; with them, between keys and checkpoints, those of the agents on an
 * allow-list (NULL: none), who cosign under their names with the keys that they sign batches with.
 * Errors name the option and the file. */
KT_MUST_USE enum kt_status kt_held_take(const struct kt_held *h, const char *key_option,
                                        const struct kt_auth *agents, struct kt_anchors *a,
                                        struct kt_error *err);
/* As kt_verify_options.signing_key; agents NULL: none. */
unsigned kt_held_signing_key(const struct kt_auth *agents, struct kt_str name, uint8_t (*ret)[32],
                             unsigned max);
