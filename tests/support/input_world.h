/* input_world: an input that reads Vault's records from a disk in memory, and how often it has
 * given out each of them, over restarts. */
#ifndef KT_TESTS_SUPPORT_INPUT_WORLD_H
#define KT_TESTS_SUPPORT_INPUT_WORLD_H

#include "agents/input.h"
#include "core/base/map.h"

#define INPUT_IDS   8192u
#define INPUT_START (INT64_C(1795377600) * KT_NS_S)

struct input_world {
    struct kt_fs_memory *mem;
    struct kt_fs fs;
    struct kt_conf_source conf;
    struct kt_input_env env;
    struct kt_input *in;
    const struct kt_input_type *type;
    size_t at_once;     /* bytes of a step */
    struct kt_map *ids; /* native ids given out */
    uint32_t times[INPUT_IDS];
    uint64_t events, unknown;
    struct kt_map *keys; /* saved positions */
    char *values[512];
    kt_time_ns now;
    struct kt_error err;
};

/* An input of that type, opened at a path of a disk that has the folders var, in and in/day1. */
struct input_world *input_world_new(const char *type, const char *path, size_t at_once);
void input_world_free(struct input_world *w);
void input_world_start(struct input_world *w);
void input_world_restart(struct input_world *w);
/* Reads until nothing is left. */
void input_world_step(struct input_world *w);
/* Keeps the positions as the spool would. */
void input_world_keep(struct input_world *w);
/* Looks and reads for so many seconds, then keeps the positions. */
void input_world_run(struct input_world *w, unsigned seconds);
void input_world_append(struct input_world *w, const char *path, struct kt_str text);
/* Requests and responses [from, to) in pairs. */
void input_world_pairs(struct kt_buf *b, uint64_t from, uint64_t to);
/* Every id of [from, to) was given out so many times. */
void input_world_check(struct input_world *w, uint64_t from, uint64_t to, uint32_t times);
struct kt_input_status input_world_status(struct input_world *w);

#endif
