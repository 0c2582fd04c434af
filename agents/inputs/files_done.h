/*
 * files_done: which objects were worked off, as positions of bounded size: sets of up to 64 prints
 * ("done/<n>" -> 64 x 16 characters). Only the newest set is written again when an object is added;
 * a set whose objects are all gone from the folder for a day is dropped.
 */
#pragma once
#include "agents/input.h"

#define FILES_DONE_MAX 262144u /* objects of one input */
#define FILES_PRINT    12u

struct files_print { /* of what tells an object from all others */
    uint8_t at[FILES_PRINT];
};
struct files_done;
struct files_done *files_done_new(void);
void files_done_free(struct files_done *d);
struct files_print files_print(const char *path, const struct kt_stat *st);
/* Of any parts; two lists with the same bytes in other parts are told apart. */
struct files_print files_print_of(const struct kt_str *parts, size_t n);
/* A position of the last run. */
void files_done_load(struct files_done *d, struct kt_str key, struct kt_str value, kt_time_ns now);
/* Was it worked off? Notes that it still exists. */
bool files_done_has(struct files_done *d, const struct files_print *p, kt_time_ns now);
/* False: the set is full. */
bool files_done_add(struct files_done *d, const struct files_print *p, kt_time_ns now);
/* Marks sets that nobody has seen since `before` as to be dropped. */
void files_done_prune(struct files_done *d, kt_time_ns before);
uint32_t files_done_count(const struct files_done *d);
void files_done_positions(struct files_done *d, bool changed_only,
                          void (*each)(void *self, struct kt_str key, struct kt_str value),
                          void *self);
