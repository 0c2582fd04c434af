/*
 * s3_digests_known: what is remembered between digests: chains, hashes of log files, public keys.
 *
 * Owns:  nothing; works on struct s3_digests. Calls: core, aws_digest.
 * Holds: each of them has a maximum; what was dropped is fetched again.
 */
#include "agents/inputs/s3_digests_int.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/rsa.h"
#include <string.h>

/* ---- hashes of log files ---- */

void digests_print(struct kt_str bucket, struct kt_str key, uint8_t ret[PRINT])
{
    const struct kt_str parts[] = { bucket, KT_STR("/"), key };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), ret, PRINT);
}

void s3_digests_remember(struct s3_digests *d, const struct s3_object *o)
{
    uint8_t print[PRINT];
    digests_print(kt_str_of(o->bucket), kt_str_of(o->key), print);
    struct kt_str key = kt_str_from(print, PRINT);
    if (kt_map_count(d->hashes) == HASHES_MAX && kt_map_get(d->hashes, key) == KT_MAP_NONE)
        kt_map_reset(d->hashes); /* those before are read again when a digest lists them */
    uint32_t n = kt_map_put(d->hashes, key, NULL);
    memcpy(d->hash[n].sha256, d->r->sha256, 32);
}

const uint8_t *digests_hash(struct s3_digests *d, struct kt_str bucket, struct kt_str key)
{
    uint8_t print[PRINT];
    digests_print(bucket, key, print);
    uint32_t n = kt_map_get(d->hashes, kt_str_from(print, PRINT));
    return n == KT_MAP_NONE ? NULL : d->hash[n].sha256;
}

/* ---- chains ---- */

/* "<hash> <print of the signature> <key>" */
void digests_load(void *self, struct kt_str key, struct kt_str value)
{
    struct s3_digests *d = self;
    struct kt_str hash, print;
    struct chain c = { 0 };
    if (!kt_str_starts(key, KT_STR("chain/")) || kt_map_count(d->chains) == CHAINS_MAX ||
        !kt_str_split(&value, ' ', &hash) || !kt_str_split(&value, ' ', &print) ||
        !kt_hex_decode(hash, c.hash, sizeof c.hash) ||
        !kt_hex_decode(print, c.signature, sizeof c.signature))
        return;
    c.last = kt_str_dup(value);
    c.until = aws_digest_time(value);
    uint32_t n = kt_map_put(d->chains, kt_str_from_index(key, 6), NULL);
    d->chain = kt_realloc_array(d->chain, n + 1, sizeof *d->chain);
    d->chain[n] = c;
}

void digests_sign_print(struct kt_str signature, uint8_t ret[PRINT])
{
    kt_blake2b(&signature, 1, ret, PRINT);
}

bool digests_is_previous(const struct s3_digests *d, const uint8_t hash[32],
                         const uint8_t signature[PRINT])
{
    uint8_t want[32], print[PRINT];
    digests_sign_print(d->digest.previous_signature, print);
    return kt_hex_decode(d->digest.previous_hash, want, sizeof want) &&
           memcmp(want, hash, sizeof want) == 0 && memcmp(print, signature, sizeof print) == 0;
}

const struct chain *digests_chain(const struct s3_digests *d)
{
    uint32_t n = kt_map_get(d->chains, kt_buf_str(&d->chain_name));
    return n != KT_MAP_NONE ? &d->chain[n] : NULL;
}

void digests_chain_on(struct s3_digests *d)
{
    struct kt_str key = kt_str_of(d->object->key), name = kt_buf_str(&d->chain_name);
    uint32_t n = kt_map_get(d->chains, name);
    if (n == KT_MAP_NONE && kt_map_count(d->chains) == CHAINS_MAX)
        return; /* the one before is then fetched each time */
    if (n == KT_MAP_NONE) {
        n = kt_map_put(d->chains, name, NULL);
        d->chain = kt_realloc_array(d->chain, n + 1, sizeof *d->chain);
        d->chain[n] = (struct chain){ 0 };
    }
    struct chain *c = &d->chain[n];
    if (c->last != NULL && kt_str_cmp(key, kt_str_of(c->last)) <= 0)
        return; /* an older one came later */
    kt_free(c->last);
    c->last = kt_str_dup(key);
    c->until = aws_digest_time(key);
    memcpy(c->hash, d->sha256, sizeof c->hash);
    digests_sign_print(kt_buf_str(&d->signature), c->signature);
    c->changed = true;
}

void s3_digests_positions(struct s3_digests *d, bool changed_only,
                          void (*each)(void *self, struct kt_str key, struct kt_str value),
                          void *self)
{
    for (uint32_t i = 0; d != NULL && i < kt_map_count(d->chains); i++) {
        struct chain *c = &d->chain[i];
        KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 }, value = { 0 };
        if (changed_only && !c->changed)
            continue;
        kt_buf_addz(&key, "chain/");
        kt_buf_add(&key, kt_map_key(d->chains, i));
        kt_hex_add(&value, c->hash, sizeof c->hash);
        kt_buf_byte(&value, ' ');
        kt_hex_add(&value, c->signature, sizeof c->signature);
        kt_buf_addf(&value, " %s", c->last);
        each(self, kt_buf_str(&key), kt_buf_str(&value));
        c->changed = false;
    }
}

/* ---- public keys ---- */

const struct public_key *digests_key(const struct s3_digests *d)
{
    for (unsigned i = 0; i < d->n_keys; i++)
        if (kt_str_is(d->digest.fingerprint, d->key[i].fingerprint) &&
            strcmp(d->key[i].region, d->region) == 0)
            return &d->key[i];
    return NULL;
}

struct aws_pace *digests_pace(struct s3_digests *d)
{
    struct kt_str region = kt_str_of(d->region);
    bool is_new;
    if (kt_map_count(d->regions) == REGIONS_MAX && kt_map_get(d->regions, region) == KT_MAP_NONE)
        kt_map_reset(d->regions);
    uint32_t n = kt_map_put(d->regions, region, &is_new);
    if (is_new)
        d->resting[n] = (struct aws_pace){ 0 };
    return &d->resting[n];
}

static void drop_key(struct public_key *k)
{
    kt_free(k->region);
    kt_free(k->fingerprint);
    kt_buf_done(&k->der);
}

void digests_take_key(void *self, const struct aws_public_key *k)
{
    struct s3_digests *d = self;
    struct kt_buf der = { 0 };
    if (!kt_base64_decode(k->value, &der) || !kt_rsa_is_key(kt_buf_str(&der))) {
        kt_buf_done(&der);
        return;
    }
    unsigned at = d->next_key++ % KEYS_MAX; /* the oldest makes room */
    if (d->n_keys < KEYS_MAX)
        d->n_keys++;
    else
        drop_key(&d->key[at]);
    d->key[at] = (struct public_key){ kt_strdup(d->region), kt_str_dup(k->fingerprint), der };
}

void digests_forget_all(struct s3_digests *d)
{
    for (unsigned i = 0; i < d->n_keys; i++)
        drop_key(&d->key[i]);
    for (uint32_t i = 0; i < kt_map_count(d->chains); i++)
        kt_free(d->chain[i].last);
    kt_free(d->chain);
    kt_free(d->hash);
    kt_map_free(d->chains);
    kt_map_free(d->hashes);
    kt_map_free(d->regions);
}
