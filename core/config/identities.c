/*
 * identities: the compiled set: names in a map, aliases with `*` in a list.
 *
 * Owns:  every string of the set, which is a copy: the tree of the file is gone after loading.
 * Calls: core/base, core/event (words), core/config.
 * Holds: a name belongs to one identity; two aliases that could both fit one actor of one source by
 *        the same text belong to one identity.
 */
#include "core/config/identities_int.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"

#define BLOCK (64u << 10)
#define NONE  UINT32_MAX

struct kt_ids_block {
    struct kt_ids_block *next;
    size_t used;
    char mem[BLOCK];
};

/* ---- life ---- */
struct kt_identities *kt_identities_new(void)
{
    struct kt_identities *ids = kt_alloc(sizeof *ids);
    ids->names = kt_map_new(0);
    ids->actors = kt_map_new(0);
    return ids;
}

void kt_identities_free(struct kt_identities *ids)
{
    if (ids == NULL)
        return;
    for (struct kt_ids_block *b = ids->block, *next; b != NULL; b = next) {
        next = b->next;
        kt_free(b);
    }
    kt_map_free(ids->names);
    kt_map_free(ids->actors);
    kt_free(ids->first);
    kt_free(ids->identity);
    kt_free(ids->alias);
    kt_free(ids->next);
    kt_free(ids->glob);
    kt_free(ids->shift);
    kt_free(ids->zone);
    kt_free(ids->production[0].at);
    kt_free(ids->production[1].at);
    kt_free(ids);
}

const char *kt_ids_keep(struct kt_identities *ids, struct kt_str s)
{
    assert(s.len < BLOCK);
    if (ids->block == NULL || BLOCK - ids->block->used <= s.len) {
        struct kt_ids_block *b = kt_alloc(sizeof *b);
        b->next = ids->block;
        ids->block = b;
    }
    char *z = ids->block->mem + ids->block->used;
    kt_str_copyz(z, s.len + 1, s);
    ids->block->used += s.len + 1;
    return z;
}

/* ---- upper and lower case ---- */
/* ASCII lower case into buf; empty when it is too long for any alias. */
static struct kt_str folded(struct kt_str s, char buf[KT_IDENTITY_ALIAS_MAX])
{
    if (s.len > KT_IDENTITY_ALIAS_MAX)
        return KT_STR_NONE;
    for (size_t i = 0; i < s.len; i++)
        buf[i] = s.at[i] >= 'A' && s.at[i] <= 'Z' ? (char)(s.at[i] - 'A' + 'a') : s.at[i];
    return kt_str_from(buf, s.len);
}

const char *kt_ids_keep_folded(struct kt_identities *ids, struct kt_str s)
{
    char buf[KT_IDENTITY_ALIAS_MAX];
    return kt_ids_keep(ids, folded(s, buf));
}

/* ---- questions ---- */
static bool limit_fits(const char *glob, struct kt_str s)
{
    return glob == NULL || kt_str_glob(kt_str_of(glob), s);
}

static bool fits_where(const struct kt_identity_alias *a, struct kt_str source,
                       struct kt_str instance)
{
    return limit_fits(a->source, source) && limit_fits(a->instance, instance);
}

const struct kt_identity *kt_identities_find(const struct kt_identities *ids, struct kt_str actor,
                                             struct kt_str source, struct kt_str instance)
{
    char buf[KT_IDENTITY_ALIAS_MAX];
    if (ids->n_identity == 0)
        return NULL;
    struct kt_str low = folded(actor, buf);
    if (low.len == 0)
        return NULL;
    uint32_t number = kt_map_get(ids->actors, low);
    for (uint32_t i = number == KT_MAP_NONE ? NONE : ids->first[number]; i != NONE;
         i = ids->next[i])
        if (fits_where(&ids->alias[i], source, instance))
            return &ids->identity[ids->alias[i].identity];
    for (unsigned i = 0; i < ids->n_glob; i++) {
        const struct kt_identity_alias *a = &ids->alias[ids->glob[i]];
        if (fits_where(a, source, instance) && kt_str_glob(kt_str_of(a->actor), low))
            return &ids->identity[a->identity];
    }
    return NULL;
}

const struct kt_identity *kt_identities_named(const struct kt_identities *ids, struct kt_str name)
{
    char buf[KT_IDENTITY_ALIAS_MAX];
    uint32_t number = kt_map_get(ids->names, folded(name, buf));
    return number == KT_MAP_NONE ? NULL : &ids->identity[number];
}

unsigned kt_identities_count(const struct kt_identities *ids)
{
    return ids->n_identity;
}

const struct kt_identity *kt_identities_at(const struct kt_identities *ids, unsigned i)
{
    assert(i < ids->n_identity);
    return &ids->identity[i];
}

unsigned kt_identities_number(const struct kt_identities *ids, const struct kt_identity *who)
{
    return (unsigned)(who - ids->identity);
}

bool kt_identities_have_globs(const struct kt_identities *ids)
{
    return ids->n_glob > 0;
}

bool kt_identity_on_call(const struct kt_identity *who, kt_time_ns t)
{
    for (unsigned i = 0; i < who->n_shift; i++)
        if (t >= who->shift[i].from && t < who->shift[i].until)
            return true;
    return false;
}

struct kt_strings kt_identities_production(const struct kt_identities *ids, bool not_production)
{
    return ids->production[not_production];
}

const uint8_t *kt_identities_digest(const struct kt_identities *ids)
{
    return ids->digest;
}

/* ---- compiling ---- */
/* Could both globs fit one word? Certainly not when both are plain and differ. */
static bool limits_meet(const char *a, const char *b)
{
    if (a == NULL || b == NULL || strchr(a, '*') != NULL || strchr(b, '*') != NULL)
        return true;
    return strcmp(a, b) == 0;
}

static uint32_t rival(const struct kt_identities *ids, uint32_t number, uint32_t alias)
{
    const struct kt_identity_alias *a = &ids->alias[alias];
    for (uint32_t i = ids->first[number]; i != NONE; i = ids->next[i]) {
        const struct kt_identity_alias *b = &ids->alias[i];
        if (b->identity != a->identity && limits_meet(a->source, b->source) &&
            limits_meet(a->instance, b->instance))
            return b->identity;
    }
    return NONE;
}

const struct kt_identity *kt_ids_claim(struct kt_identities *ids, uint32_t alias)
{
    const struct kt_identity_alias *a = &ids->alias[alias];
    bool fresh;
    uint32_t number = kt_map_put(ids->actors, kt_str_of(a->actor), &fresh);
    if (number >= ids->room_first) {
        ids->room_first = ids->room_first == 0 ? 256 : 2 * ids->room_first;
        ids->first = kt_realloc_array(ids->first, ids->room_first, sizeof *ids->first);
    }
    if (fresh)
        ids->first[number] = NONE;
    uint32_t other = rival(ids, number, alias);
    if (other != NONE)
        return &ids->identity[other];
    uint32_t *end = &ids->first[number]; /* in the order of the file */
    while (*end != NONE)
        end = &ids->next[*end];
    *end = alias;
    ids->next[alias] = NONE;
    return NULL;
}

/* ---- printing ---- */
static void add_key(struct kt_buf *out, const char *key, const char *value)
{
    if (value == NULL)
        return;
    kt_buf_addf(out, ", %s: ", key);
    kt_yaml_scalar_add(out, kt_str_of(value));
}

static void add_aliases(const struct kt_identity *who, struct kt_buf *out)
{
    kt_buf_addz(out, ", aliases: [");
    for (unsigned i = 0; i < who->n_alias; i++) {
        const struct kt_identity_alias *a = &who->alias[i];
        bool limited = a->source != NULL || a->instance != NULL;
        kt_buf_addz(out, i > 0 ? ", " : "");
        kt_buf_addz(out, limited ? "{ actor: " : "");
        kt_yaml_scalar_add(out, kt_str_of(a->actor));
        add_key(out, "source", a->source);
        add_key(out, "instance", a->instance);
        kt_buf_addz(out, limited ? " }" : "");
    }
    kt_buf_byte(out, ']');
}

static void add_shifts(const struct kt_identity *who, struct kt_buf *out)
{
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    kt_buf_addz(out, ", on_call: [");
    for (unsigned i = 0; i < who->n_shift; i++)
        kt_buf_addf(out, "%s{ from: \"%s\", until: \"%s\" }", i > 0 ? ", " : "",
                    kt_time_format(who->shift[i].from, from),
                    kt_time_format(who->shift[i].until, until));
    kt_buf_byte(out, ']');
}

static void add_identity(const struct kt_identity *who, struct kt_buf *out)
{
    kt_buf_addz(out, "  - { name: ");
    kt_yaml_scalar_add(out, kt_str_of(who->name));
    if (who->kind >= 0)
        add_key(out, "kind", kt_actor_kind_word((enum kt_actor_kind)who->kind));
    add_key(out, "team", who->team);
    add_key(out, "time_zone", who->time_zone);
    add_key(out, "manager", who->manager);
    add_key(out, "left", who->left_day);
    if (who->n_alias > 0)
        add_aliases(who, out);
    if (who->n_shift > 0)
        add_shifts(who, out);
    add_key(out, "on_call", who->on_call_note);
    kt_buf_addz(out, " }\n");
}

static void add_globs(const char *key, struct kt_strings globs, struct kt_buf *out)
{
    if (globs.n == 0)
        return;
    kt_buf_addf(out, "%s: ", key);
    kt_yaml_list_add(out, globs);
    kt_buf_byte(out, '\n');
}

void kt_identities_print(const struct kt_identities *ids, struct kt_buf *out)
{
    if (ids->n_zone > 0)
        kt_buf_addz(out, "time_zones:\n");
    for (unsigned i = 0; i < ids->n_zone; i++) {
        kt_buf_addz(out, "  ");
        kt_yaml_scalar_add(out, kt_str_of(ids->zone[i].name));
        kt_buf_addz(out, ": ");
        kt_yaml_scalar_add(out, kt_str_of(ids->zone[i].rule));
        kt_buf_byte(out, '\n');
    }
    add_globs("production", ids->production[0], out);
    add_globs("not_production", ids->production[1], out);
    if (ids->n_identity > 0)
        kt_buf_addz(out, "identities:\n");
    for (unsigned i = 0; i < ids->n_identity; i++)
        add_identity(&ids->identity[i], out);
}
