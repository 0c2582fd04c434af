/*
 * moved_secrets: see the header.
 *
 * Owns:  by machine and end of a path: its secret with that end.
 * Calls: detector.h, known_secrets and core only. No clock, no I/O.
 */
#include "detectors/moved_secrets.h"

#include "core/base/hash.h"
#include "core/event/secret_id.h"
#include "detectors/known_secrets.h"

#define DAY_MIN    1440u
#define IN_USE_MIN (90u * DAY_MIN)
#define TAINT_MIN  (30u * DAY_MIN)
#define ENDS       2u
#define END_SEED   UINT64_C(0x656e6473)

/* "v2", "V10": which edition of a path it is, not what lies there. */
static bool is_version(struct kt_str part)
{
    uint64_t n;
    return part.len > 1 && (part.at[0] == 'v' || part.at[0] == 'V') &&
           kt_str_u64(kt_str_from_index(part, 1), &n);
}

/* The path of the secret without what says in which place of the store it lies. The namespace of
 * Vault, and the place at Google, are in *hash; a region of AWS is not: replicas have the name of
 * their original, and so has what one template sets up in two regions (docs/decisions/0132). A
 * mount is part of the way, as a folder is. */
static struct kt_str path_of(struct kt_str secret, uint64_t *hash)
{
    struct kt_str store = kt_secret_store(secret), part = KT_STR_NONE;
    struct kt_str rest = kt_str_from_index(secret, store.len);
    bool vault = kt_str_starts(store, KT_STR("vault://"));
    bool gcp = kt_str_starts(store, KT_STR("gcp-")), aws = kt_str_starts(store, KT_STR("aws-"));
    *hash = kt_hash64(store, END_SEED);
    (void)kt_str_split(&rest, '/', &part); /* "" before the first slash */
    if ((vault || gcp || aws) && kt_str_split(&rest, '/', &part) && !aws)
        *hash = kt_hash64(part, *hash);
    if (vault)
        (void)kt_str_split(&rest, '/', &part);
    return rest;
}

/* The last part, the last two: end[0], end[1]. Returns how many there are: 2 at most. */
static unsigned ends_of(struct kt_str secret, uint64_t end[ENDS])
{
    uint64_t stage;
    struct kt_str rest = path_of(secret, &stage), part, above = KT_STR_NONE, name = KT_STR_NONE;
    unsigned n = 0;
    while (kt_str_split(&rest, '/', &part)) {
        if (kt_secret_is_environment(part)) {
            stage = kt_hash64(part, stage);
        } else if (part.len > 0 && !is_version(part)) {
            above = name;
            name = part;
            n++;
        }
    }
    end[0] = kt_hash64(name, stage) | 1;
    end[1] = kt_hash64(above, end[0]) | 1;
    return n < ENDS ? n : ENDS;
}

static struct kt_key end_key(const struct kt_scene *s, uint64_t end)
{
    return (struct kt_key){ s->actor->number, end };
}

/* As a new secret remembers it. */
static uint32_t short_of(uint64_t secret)
{
    return (uint32_t)(secret >> 32) | 1;
}

/* Does the machine work with that secret? What it wrote itself stands for nothing: it would write
 * what it wants to read elsewhere. */
static bool is_in_use(const struct kt_scene *s, uint64_t secret)
{
    const struct kt_known_pair *p =
        kt_table_peek(s->tables[KT_NEW_PAIR], (struct kt_key){ s->actor->number, secret });
    return p != NULL && p->read && p->wrote_min == 0 && s->minute >= p->first_min + DAY_MIN &&
           s->minute < p->read_min + IN_USE_MIN &&
           !kt_first_in_incident(s->actor, p->first_min, s->minute, TAINT_MIN);
}

uint64_t kt_moved_from(const struct kt_scene *s)
{
    uint64_t end[ENDS];
    if (!s->read || !kt_known_is_machine(s))
        return 0;
    const struct kt_known_secret *x =
        kt_table_peek(s->tables[KT_NEW_SECRET], (struct kt_key){ s->secret.a, 0 });
    unsigned n = ends_of(s->ev->secret, end);
    for (unsigned i = 0; i < n; i++) {
        const struct kt_moved *m = kt_table_peek(s->tables[KT_NEW_MOVED], end_key(s, end[i]));
        if (m == NULL || m->secret == s->secret.a || !is_in_use(s, m->secret))
            continue;
        if (x == NULL || x->n == 0 || x->moved_from == short_of(m->secret))
            return m->secret;
    }
    return 0;
}

void kt_moved_note(struct kt_scene *s, uint64_t from)
{
    uint64_t end[ENDS];
    unsigned n = s->read && kt_known_is_machine(s) ? ends_of(s->ev->secret, end) : 0;
    for (unsigned i = 0; i < n; i++) { /* the old one stands for no other */
        struct kt_moved *m = kt_table_get(s->tables[KT_NEW_MOVED], end_key(s, end[i]));
        if (m != NULL && from != 0 && m->secret == from)
            m->secret = s->secret.a;
    }
    if (n == 0)
        return;
    struct kt_moved *m = kt_table_put(s->tables[KT_NEW_MOVED], end_key(s, end[n - 1]), NULL);
    if (m->secret == 0)
        m->secret = s->secret.a;
    struct kt_known_secret *x =
        kt_table_get(s->tables[KT_NEW_SECRET], (struct kt_key){ s->secret.a, 0 });
    if (x != NULL && from != 0)
        x->moved_from = short_of(from);
}
