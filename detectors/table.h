/*
 * table: keyed state of a detector, bounded, evicted least recently used first, saved as bytes.
 * Entries are zeroed fixed structs; their addresses hold until they are evicted.
 */
#pragma once
#include "core/base/buf.h"

struct kt_key { /* whatever the kind needs: an address, a hash, two numbers */
    uint64_t a, b;
};
bool kt_key_eq(struct kt_key x, struct kt_key y);

enum kt_key_kind {
    KT_KEY_ACTOR,    /* hash of the actor's name, or its number */
    KT_KEY_IDENTITY, /* hash of a name that never succeeded */
    KT_KEY_CREDENTIAL,
    KT_KEY_SECRET,   /* hash of the secret's id */
    KT_KEY_ADDRESS,  /* the 16 bytes */
    KT_KEY_NETWORK,  /* dimension and value: /24, /48, ASN, country */
    KT_KEY_HOST_EXE, /* host, exe */
    KT_KEY_INSTANCE,
    KT_KEY_PAIR, /* actor's number, hash of the other */
    KT_KEY_KIND, /* kind of actor: one entry each */
};
enum kt_evict {
    KT_EVICT_LRU,    /* the least recently touched entry makes room */
    KT_EVICT_REFUSE, /* full is full: kt_table_put gives NULL */
};
struct kt_table_decl {
    const char *name;
    enum kt_key_kind key;
    uint32_t bytes;
    uint16_t version; /* of the struct: another one means rebuild by replay */
    uint32_t max;
    enum kt_evict evict;
};

struct kt_table;
struct kt_table *kt_table_new(const struct kt_table_decl *decl, uint64_t seed);
void kt_table_free(struct kt_table *t);
/* NULL when absent. A found entry counts as touched. */
void *kt_table_get(struct kt_table *t, struct kt_key key);
/* Reading without a touch: for those who only look. */
const void *kt_table_peek(const struct kt_table *t, struct kt_key key);
/* The entry of key, zeroed when new. NULL only under KT_EVICT_REFUSE. */
void *kt_table_put(struct kt_table *t, struct kt_key key, bool *ret_new);
void kt_table_remove(struct kt_table *t, struct kt_key key);
/* The least recently touched key; false when the table is empty. */
bool kt_table_oldest(const struct kt_table *t, struct kt_key *ret);
bool kt_table_full(const struct kt_table *t);
uint32_t kt_table_count(const struct kt_table *t);
uint64_t kt_table_evicted(const struct kt_table *t); /* how often the maximum was hit */
size_t kt_table_bytes(const struct kt_table *t);
/* Entries in order of their creation (never hash order). NULL at the end; start with *at = 0.
 * Nothing may be added or removed meanwhile. */
void *kt_table_next(struct kt_table *t, uint32_t *at, struct kt_key *ret_key);
/* Everything, least recently touched first; load into an empty table of the same declaration. */
void kt_table_save(const struct kt_table *t, struct kt_buf *out);
bool kt_table_load(struct kt_table *t, struct kt_rd *in);
