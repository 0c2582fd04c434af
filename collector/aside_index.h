/*
 * aside_index: at which places of an actor's list of numbers that wait (detect_aside) one may lie.
 * No state: it is made from a list when it is asked about it, and bounded whatever lists there are.
 */
#pragma once
#include "detectors/table.h"

struct kt_aside_index;
struct kt_aside_places { /* of one list */
    struct kt_key owner;
    uint32_t n; /* numbers from the first on that are in it */
    uint32_t size;
    struct {
        uint32_t hash, place; /* place + 1; 0: nothing here */
    } * at;                   /* size of them, a power of two, at most half of them taken */
};

struct kt_aside_index *kt_aside_index_new(void);
void kt_aside_index_free(struct kt_aside_index *x);
/* Forgets all lists. */
void kt_aside_index_empty(struct kt_aside_index *x);
/* Forgets this one: its numbers lie elsewhere from now on. */
void kt_aside_index_drop(struct kt_aside_index *x, struct kt_key owner);
/* The list of an owner as far as it is known: n is 0 when another took its place. Borrowed until
 * the next call. */
struct kt_aside_places *kt_aside_places(struct kt_aside_index *x, struct kt_key owner);
/* Number n of the list has that hash; n goes up. */
void kt_aside_places_add(struct kt_aside_index *x, struct kt_aside_places *l, uint32_t hash);
/* Number n of the list is not there; n goes up. */
void kt_aside_places_skip(struct kt_aside_places *l);
/* The next place of such a hash, from *at (0 first) on; false: there is none. Numbers that differ
 * may share a hash. */
bool kt_aside_places_next(const struct kt_aside_places *l, uint32_t hash, uint32_t *at,
                          uint32_t *ret_place);
