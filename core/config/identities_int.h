/* identities_int: the set itself, for reading (identities_read.c) and asking (identities.c). */
#pragma once
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/config/identities.h"
#include "core/config/tree.h"
#include "core/event/event.h"

#define KT_IDS_ZONES 600u /* there are about 420 */

struct kt_ids_block; /* of strings */
struct kt_ids_zone {
    const char *name, *rule;
    struct kt_zone zone;
};
struct kt_identities {
    struct kt_map *names;  /* folded canonical names: number = index of the identity */
    struct kt_map *actors; /* folded aliases */
    uint32_t *first;       /* by number in actors: the first alias of that text */
    uint32_t *next;        /* by alias: the next of the same text */
    struct kt_identity *identity;
    struct kt_identity_alias *alias; /* those of one identity stand together */
    uint32_t *glob;                  /* aliases with `*`, in the order of the file */
    struct kt_shift *shift;
    struct kt_ids_zone *zone;        /* room for KT_IDS_ZONES: they never move */
    struct kt_strings production[2]; /* and those that are not */
    struct kt_ids_block *block;
    uint32_t n_identity, n_alias, n_glob, n_shift, n_zone;
    uint32_t room_first;
    uint8_t digest[32];
};
/* NUL-ended copies that live as long as ids. */
const char *kt_ids_keep(struct kt_identities *ids, struct kt_str s);
const char *kt_ids_keep_folded(struct kt_identities *ids, struct kt_str s);
/* Enters an alias under its text; NULL, or who claims the same. */
const struct kt_identity *kt_ids_claim(struct kt_identities *ids, uint32_t alias);
