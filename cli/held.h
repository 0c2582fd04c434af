/*
 * held: what whoever verifies holds: keys and checkpoints, from options (`verify`, `prove`).
 */
#pragma once
#include "cli/cli.h"
#include "core/answer/anchors.h"

struct kt_held {
    struct kt_flag_many keys, witnesses, checkpoints;
};
/* clang-format off */
#define KT_HELD_FLAGS(h)                                                                           \
    { "--checkpoint", 0, KT_FLAG_MANY, "FILE",                                                     \
      "checkpoints that you kept elsewhere, one note or more", &(h).checkpoints, NULL },           \
    { "--key", 0, KT_FLAG_MANY, "KEY",                                                             \
      "the log's public key, <name>+<id>+<base64>, or a file of such lines", &(h).keys, NULL },    \
    { "--witness", 0, KT_FLAG_MANY, "KEY",                                                         \
      "the same of somebody who cosigns, as you got it from them", &(h).witnesses, NULL }
/* clang-format on */
/* Takes all of them in. Errors name the option and the file. */
KT_MUST_USE enum kt_status kt_held_take(const struct kt_held *h, struct kt_anchors *a,
                                        struct kt_error *err);
