/*
 * table: keyed state of a detector, bounded, evicted least recently used first, saved as bytes.
 * Entries are zeroed fixed structs; their addresses hold until they are removed or the table is
 * trimmed.
 *
 * The keys of all entries, the order of use and that of creation are always in memory. The structs
 * may lie in a backing (a database): then they are brought in when they are asked for, so that what
 * is in memory changes no answer. One that is damaged there is gone, and counted: no other is
 * concerned. Whoever owns the backing writes kt_table_changes into it, says kt_table_saved, and may
 * kt_table_trim.
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
    uint32_t max;     /* entries, in memory or not; beyond it one is dropped for good */
    enum kt_evict evict;
    /* Do the numbers in a struct from a file stay inside of it? NULL: none of them points at
     * anything. */
    bool (*sound)(const void *state);
};

struct kt_table;
struct kt_table *kt_table_new(const struct kt_table_decl *decl, uint64_t seed);
void kt_table_free(struct kt_table *t);
const struct kt_table_decl *kt_table_declared(const struct kt_table *t);
/* NULL when absent. A found entry counts as touched. */
void *kt_table_get(struct kt_table *t, struct kt_key key);
/* Reading without a touch: for those who only look. */
const void *kt_table_peek(const struct kt_table *t, struct kt_key key);
/* Changing without a touch: for those who walk. NULL when absent. */
void *kt_table_edit(struct kt_table *t, struct kt_key key);
/* The entry of key, zeroed when new. NULL only under KT_EVICT_REFUSE. */
void *kt_table_put(struct kt_table *t, struct kt_key key, bool *ret_new);
void kt_table_remove(struct kt_table *t, struct kt_key key);
/* The least recently touched key; false when the table is empty. */
bool kt_table_oldest(const struct kt_table *t, struct kt_key *ret);
bool kt_table_full(const struct kt_table *t);
uint32_t kt_table_count(const struct kt_table *t);
uint64_t kt_table_evicted(const struct kt_table *t); /* how often the maximum was hit */
size_t kt_table_bytes(const struct kt_table *t);     /* of memory in use */
/* Entries in order of their creation (never hash order). NULL at the end; start with *at = 0.
 * Nothing may be added or removed meanwhile. kt_table_next is for those who change all that they
 * walk over, kt_table_each for those who read, or kt_table_edit some of it. What kt_table_look
 * gives stands until the next call, and stays out of memory if it was: for a walk over many. */
void *kt_table_next(struct kt_table *t, uint32_t *at, struct kt_key *ret_key);
const void *kt_table_each(struct kt_table *t, uint32_t *at, struct kt_key *ret_key);
const void *kt_table_look(struct kt_table *t, uint32_t *at, struct kt_key *ret_key);
/* Everything, least recently touched first; load into an empty table of the same declaration. The
 * bytes depend on keys, structs and both orders alone. */
void kt_table_save(const struct kt_table *t, struct kt_buf *out);
bool kt_table_load(struct kt_table *t, struct kt_rd *in);

/* ---- the backing ---- */
struct kt_backing {
    /* Adds the row's bytes of an entry that was written to ret. false: it is not there. */
    bool (*load)(void *self, uint32_t table, struct kt_key key, struct kt_buf *ret);
    void *self;
};
/* From now on entries may lie there, as those of table number `id`. Borrowed. */
void kt_table_back(struct kt_table *t, uint32_t id, const struct kt_backing *backing);

/* What changed since the last call, for the backing: each change behind the others in out.
 *   KT_ROW_REMOVE u8, table u8, key 16 bytes
 *   KT_ROW_PUT    u8, table u8, key 16 bytes, u64 born, u64 used, u32 length, bytes: the packed
 *                 struct and u32, of the hash of table, key and it
 * Numbers little endian; key.a and key.b each as it lies in memory here. born orders the entries of
 * a table by creation, used by use; 0: the number that the row has stays. Removals come first. */
enum kt_table_row_op { KT_ROW_REMOVE = 0, KT_ROW_PUT = 1 };
struct kt_table_row {
    enum kt_table_row_op op;
    uint32_t table;
    struct kt_key key;
    uint64_t born, used;
    struct kt_str state; /* packed, with its hash; borrowed from the bytes read */
};
void kt_table_changes(struct kt_table *t, struct kt_buf *out);
void kt_table_row_add(const struct kt_table_row *r, struct kt_buf *out);
/* A struct without its zeroes, of which most is made: a bit for each of its words of eight bytes
 * (the last may be shorter), lowest first, whole bytes of bits; then the words that are not zero.
 */
void kt_table_pack(const void *state, uint32_t bytes, struct kt_buf *out);
/* false: these are no bytes of such a struct; ret is undefined then. */
KT_MUST_USE bool kt_table_unpack(struct kt_str packed, void *ret, uint32_t bytes);
/* false: the end, or (in->bad) bytes that are no rows. */
bool kt_table_row_read(struct kt_rd *in, struct kt_table_row *ret);
/* All that kt_table_changes gave is in the backing: what has not changed since may leave memory. */
void kt_table_saved(struct kt_table *t);
/* Frees at least `want` bytes of structs that are in the backing as they are, the least recently
 * used first; less when there are not so many. Returns the bytes. */
size_t kt_table_trim(struct kt_table *t, size_t want);
/* About as many bytes of those that may leave as kt_table_changes would give now. */
size_t kt_table_dirty(const struct kt_table *t);
/* Bytes of structs in memory: what kt_table_trim could free if all were in the backing. */
size_t kt_table_held(const struct kt_table *t);

/* Scalars that go with the rows: read them back before rows are added. */
void kt_table_head(const struct kt_table *t, struct kt_buf *out);
bool kt_table_head_read(struct kt_table *t, struct kt_rd *in);
/* One row of the backing, in any order; after the last, kt_table_added puts them in order. false:
 * the rows are not those of the head. Rows that are missing count as lost. */
void kt_table_add(struct kt_table *t, struct kt_key key, uint64_t born, uint64_t used);
bool kt_table_added(struct kt_table *t);
/* Entries whose row was not in the backing, or not as it was written. */
uint64_t kt_table_lost(const struct kt_table *t);
