/*
 * auth: the allow-list of agents (THREATS N3, N4, N10).
 *
 * Owns:  the entries of agents_dir, a map from CURVE key and one from name to entry.
 * Calls: core/config (entries), core/base, core/sys/fs (file names).
 * Holds: a reload either replaces the whole list or leaves the old one in force.
 */
#include "collector/auth.h"
#include "core/base/alloc.h"
#include "core/base/buf.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/sys/fs.h"
#include <stdio.h>
#include <string.h>

#define FINGERPRINT 16 /* hex digits of a key's BLAKE2b in a user id */

struct list {
    struct kt_agent_entry *at;
    unsigned n;
    struct kt_map *names; /* name -> index */
    struct kt_map *keys;  /* CURVE key -> number */
    uint32_t *key_entry;  /* number -> index */
    struct kt_map *users; /* user id -> number, same numbers as keys */
    uint8_t digest[32];
};
struct kt_auth {
    char *dir;
    struct list list;
};

static void list_done(struct list *l)
{
    for (unsigned i = 0; i < l->n; i++)
        kt_agent_entry_done(&l->at[i]);
    kt_free(l->at);
    kt_free(l->key_entry);
    kt_map_free(l->names);
    kt_map_free(l->keys);
    kt_map_free(l->users);
    *l = (struct list){ 0 };
}

static void user_id_of(const char *name, const uint8_t curve[32], char *ret, size_t n)
{
    struct kt_str part = kt_str_from(curve, 32);
    uint8_t sum[32];
    char hex[FINGERPRINT + 1];
    kt_blake2b(&part, 1, sum, sizeof sum);
    kt_hex(hex, sum, FINGERPRINT / 2);
    (void)snprintf(ret, n, "%s/%s", name, hex);
}

struct names {
    char **at;
    unsigned n;
};

static void collect(void *arg, const char *name)
{
    struct names *to = arg;
    if (name[0] == '.' || !kt_str_ends(kt_str_of(name), KT_STR(".yaml")) || to->n > KT_AGENTS_MAX)
        return;
    to->at = kt_realloc_array(to->at, to->n + 1, sizeof *to->at);
    to->at[to->n++] = kt_strdup(name);
}

static void names_done(struct names *f)
{
    for (unsigned i = 0; i < f->n; i++)
        kt_free(f->at[i]);
    kt_free(f->at);
}

/* Puts the loaded entry i into the maps. Two entries never share a name or a key. */
static enum kt_status index_entry(struct list *l, unsigned i, struct kt_error *err)
{
    const struct kt_agent_entry *e = &l->at[i];
    bool fresh = false;
    (void)kt_map_put(l->names, kt_str_of(e->name), &fresh);
    if (!fresh)
        return kt_fail(err, KT_E_CONFIG, "two entries are named '%s'", e->name);
    for (unsigned k = 0; k < e->n_keys; k++) {
        char user[KT_NAME_MAX + FINGERPRINT + 2];
        uint32_t number = kt_map_put(l->keys, kt_str_from(e->curve[k], 32), &fresh);
        if (!fresh)
            return kt_fail(err, KT_E_CONFIG, "'%s' and '%s' have the same key", e->name,
                           l->at[l->key_entry[number]].name);
        l->key_entry = kt_realloc_array(l->key_entry, number + 1, sizeof *l->key_entry);
        l->key_entry[number] = i;
        user_id_of(e->name, e->curve[k], user, sizeof user);
        (void)kt_map_put(l->users, kt_str_of(user), &fresh);
        if (!fresh)
            return kt_fail(err, KT_E_CONFIG, "'%s': two keys with one fingerprint", e->name);
    }
    return KT_OK;
}

static void sum_list(struct list *l)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    for (unsigned i = 0; i < l->n; i++)
        kt_agent_entry_print(&l->at[i], &text);
    struct kt_str part = kt_buf_str(&text);
    kt_sha256_of(&part, 1, l->digest);
}

static enum kt_status load(const char *dir, struct list *ret, struct kt_error *err)
{
    KT_CLEANUP(list_done)
    struct list l = { .names = kt_map_new(0), .keys = kt_map_new(0), .users = kt_map_new(0) };
    KT_CLEANUP(names_done) struct names files = { 0 };
    enum kt_status st = kt_fs_real.list(kt_fs_real.self, dir, collect, &files, err);
    if (st == KT_E_AGAIN)
        return kt_fail(err, KT_E_CONFIG,
                       "agents_dir '%s' is not there: make the folder (0700; empty, no agent may "
                       "send), or let agents_dir name the one there is",
                       dir);
    if (st != KT_OK)
        return kt_wrap(err, "agents_dir '%s'", dir);
    if (files.n > KT_AGENTS_MAX)
        return kt_fail(err, KT_E_LIMIT, "agents_dir '%s': more than %u entries", dir,
                       KT_AGENTS_MAX);
    l.at = kt_alloc_array(files.n + 1, sizeof *l.at);
    for (unsigned i = 0; i < files.n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
        kt_buf_addf(&path, "%s/%s", dir, files.at[i]);
        if (kt_agent_entry_load(kt_buf_z(&path), &l.at[i], err) != KT_OK)
            return kt_wrap(err, "allow-list");
        l.n = i + 1;
        if (index_entry(&l, i, err) != KT_OK)
            return kt_wrap(err, "allow-list: %s", kt_buf_z(&path));
    }
    sum_list(&l);
    *ret = l;
    l = (struct list){ 0 };
    return KT_OK;
}

enum kt_status kt_auth_open(const char *dir, struct kt_auth **ret, struct kt_error *err)
{
    struct list l = { 0 };
    enum kt_status st = load(dir, &l, err);
    if (st != KT_OK)
        return st;
    struct kt_auth *a = kt_alloc(sizeof *a);
    a->dir = kt_strdup(dir);
    a->list = l;
    *ret = a;
    return KT_OK;
}

enum kt_status kt_auth_reload(struct kt_auth *a, struct kt_error *err)
{
    struct list l = { 0 };
    enum kt_status st = load(a->dir, &l, err);
    if (st != KT_OK)
        return st;
    list_done(&a->list);
    a->list = l;
    return KT_OK;
}

void kt_auth_free(struct kt_auth *a)
{
    if (a == NULL)
        return;
    list_done(&a->list);
    kt_free(a->dir);
    kt_free(a);
}

void kt_auth_digest(const struct kt_auth *a, uint8_t ret[32])
{
    memcpy(ret, a->list.digest, 32);
}

static bool in_force(const struct kt_agent_entry *e, kt_time_ns now)
{
    return !e->revoked && (e->not_before == 0 || now >= e->not_before) &&
           (e->not_after == 0 || now < e->not_after);
}

bool kt_auth_allow(const struct kt_auth *a, const uint8_t curve[32], kt_time_ns now,
                   char *ret_user_id, size_t n)
{
    uint32_t number = kt_map_get(a->list.keys, kt_str_from(curve, 32));
    if (number == KT_MAP_NONE)
        return false;
    const struct kt_agent_entry *e = &a->list.at[a->list.key_entry[number]];
    if (!in_force(e, now))
        return false;
    user_id_of(e->name, curve, ret_user_id, n);
    return true;
}

const struct kt_agent_entry *kt_auth_entry(const struct kt_auth *a, struct kt_str user_id,
                                           kt_time_ns now)
{
    uint32_t number = kt_map_get(a->list.users, user_id);
    if (number == KT_MAP_NONE)
        return NULL;
    const struct kt_agent_entry *e = &a->list.at[a->list.key_entry[number]];
    return in_force(e, now) ? e : NULL;
}

const struct kt_agent_entry *kt_auth_named(const struct kt_auth *a, struct kt_str name)
{
    uint32_t i = kt_map_get(a->list.names, name);
    return i == KT_MAP_NONE ? NULL : &a->list.at[i];
}

unsigned kt_auth_count(const struct kt_auth *a)
{
    return a->list.n;
}

const struct kt_agent_entry *kt_auth_at(const struct kt_auth *a, unsigned i)
{
    return i < a->list.n ? &a->list.at[i] : NULL;
}

bool kt_auth_may(const struct kt_agent_entry *e, struct kt_str type, struct kt_str instance)
{
    if (e->sources.n == 0)
        return true;
    for (unsigned i = 0; i < e->sources.n; i++) {
        struct kt_str rest = kt_str_of(e->sources.at[i]), head;
        if (kt_str_split(&rest, '/', &head) && kt_str_eq(head, type) && kt_str_eq(rest, instance))
            return true;
    }
    return false;
}
