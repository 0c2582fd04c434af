/*
 * new_ground: paths in which nobody read before, and who takes up what lies in them
 * (docs/decisions/0109).
 *
 * Owns:  by path: when one of its secrets was read first; by person: what it took up in a day, and
 *        how much of it below one new path.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/new_ground.h"

#include "core/base/hash.h"
#include "core/event/secret_id.h"
#include "detectors/known_secrets.h"

#define DAY_MIN     1440u
#define LEVELS      12u /* deeper ones are the twelfth's */
#define GROUND_SEED UINT64_C(0x67726f756e64)

/* The next longer path above the secret, from the store on; *at begins as 0. Empty: the end. */
static struct kt_str next_path(struct kt_str secret, size_t *at)
{
    size_t from = *at == 0 ? kt_secret_store(secret).len : *at;
    ptrdiff_t slash = kt_str_find_byte(secret, '/', from);
    *at = slash < 0 ? secret.len : (size_t)slash + 1;
    return slash < 0 ? KT_STR_NONE : kt_str_sub(secret, 0, *at);
}

static struct kt_key key_of(struct kt_str path)
{
    return (struct kt_key){ kt_hash64(path, GROUND_SEED) | 1, 0 };
}

static void note_paths(struct kt_scene *s)
{
    size_t at = 0;
    struct kt_str path = next_path(s->ev->secret, &at);
    for (unsigned i = 0; i < LEVELS && path.len > 0; i++) {
        bool fresh;
        struct kt_ground *g = kt_table_put(s->tables[KT_NEW_GROUND], key_of(path), &fresh);
        if (fresh || s->minute < g->first_min)
            g->first_min = s->minute;
        path = next_path(s->ev->secret, &at);
    }
}

/* The shortest that is new: a store, before the folders in it. */
static uint64_t new_path(const struct kt_scene *s)
{
    size_t at = 0;
    struct kt_str path = next_path(s->ev->secret, &at);
    for (unsigned i = 0; i < LEVELS && path.len > 0; i++) {
        const struct kt_ground *g = kt_table_peek(s->tables[KT_NEW_GROUND], key_of(path));
        if (g != NULL && s->minute < g->first_min + DAY_MIN)
            return key_of(path).a;
        path = next_path(s->ev->secret, &at);
    }
    return 0;
}

void kt_ground_take_up(struct kt_scene *s, bool first)
{
    if (first)
        note_paths(s);
    if (!kt_kind_is_person(s->actor->kind))
        return;
    struct kt_ground_use *u = kt_table_put(s->tables[KT_NEW_GROUND_USE], s->who, NULL);
    uint64_t ground = new_path(s);
    if (u->all == 0 || s->minute >= u->since_min + DAY_MIN)
        *u = (struct kt_ground_use){ .since_min = s->minute };
    u->all++;
    if (ground != 0 && ground != u->ground) {
        u->ground = ground;
        u->in = 0;
    }
    u->in += ground != 0;
}

uint64_t kt_ground_of(struct kt_table *const *tables, struct kt_key who, uint32_t minute)
{
    const struct kt_ground_use *u = kt_table_peek(tables[KT_NEW_GROUND_USE], who);
    bool most = u != NULL && minute < u->since_min + DAY_MIN && u->in * 2 > u->all;
    return most ? u->ground : 0;
}

struct kt_str kt_ground_above(struct kt_str secret, uint64_t ground)
{
    size_t at = 0;
    struct kt_str path = next_path(secret, &at);
    for (unsigned i = 0; i < LEVELS && path.len > 0; i++) {
        if (key_of(path).a == ground)
            return path;
        path = next_path(secret, &at);
    }
    return KT_STR_NONE;
}
