/* report_verify: what the files of `keytrail report verify` share. */
#pragma once
#include "core/event/json.h"
#include "core/proof/note.h"

#define KT_BUNDLE_KEYS 16u
#define KT_BUNDLE_JSON (8u << 20) /* bytes that kt_json_parse takes */

struct kt_bundle { /* a package that is checked */
    const char *folder;
    unsigned faults;
    bool diverged;
    struct kt_buf manifest_text; /* manifest.json as it is */
    struct kt_json *json;        /* holds its values */
    struct kt_jval manifest;
    uint64_t last;      /* record that the period ends with */
    struct kt_buf said; /* the verdict when it was made: first line of integrity/verify.txt */
};
struct kt_bundle_keys { /* what the checker holds, none of it from the package */
    struct kt_note_key log[KT_BUNDLE_KEYS], witness[KT_BUNDLE_KEYS];
    unsigned n_log, n_witness;
};
struct kt_bundle_outside { /* a file of checkpoints that was kept outside: one or more */
    const char *path;
    struct kt_buf text;
};
/* Prints "FAULT <where>: <what>" with nothing in it that steers a terminal. */
void kt_bundle_fault(struct kt_bundle *b, const char *where, const char *fmt, ...) KT_PRINTF(3, 4);
/* A file of the package; a fault when it cannot be read, or has more than `max` bytes. */
bool kt_bundle_read(struct kt_bundle *b, const char *path, size_t max, struct kt_buf *ret);
/* Checkpoints, proofs and the outside checkpoints. Returns the size up to which somebody outside
 * vouches for the log; 0: nobody. Prints what could not be compared, and what was not counted. */
uint64_t kt_bundle_log(struct kt_bundle *b, const struct kt_bundle_keys *keys,
                       const struct kt_bundle_outside *outside, unsigned n_outside);
