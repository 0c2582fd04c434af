/*
 * hash: every digest, signature and random byte of the program.
 *
 * Owns:  nothing but the streaming states it hands out.
 * Calls: alloc, libcrypto (SHA-256), libsodium (all else).
 * Holds: secrets on our stack are wiped before a return.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/base/hash.h"

#include <assert.h>
#include <openssl/sha.h>
#include <sodium.h>

#include "core/base/alloc.h"

/* The one-shot SHA256_* calls are deprecated in OpenSSL 3 and used all the same: their state lies
 * on the stack, which makes kt_sha256_of free of allocation and of per-thread contexts, and on the
 * 100-byte leaves of the tree they are a quarter faster than EVP with a prefetched digest. */
struct kt_sha256 {
    SHA256_CTX ctx;
};

void kt_hash_init(void)
{
    int r = sodium_init();
    assert(r >= 0);
    (void)r;
}

struct kt_sha256 *kt_sha256_new(void)
{
    struct kt_sha256 *h = kt_alloc(sizeof *h);
    kt_sha256_start(h);
    return h;
}

void kt_sha256_free(struct kt_sha256 *h)
{
    kt_free(h);
}

void kt_sha256_start(struct kt_sha256 *h)
{
    (void)SHA256_Init(&h->ctx);
}

void kt_sha256_add(struct kt_sha256 *h, const void *at, size_t n)
{
    if (n > 0)
        (void)SHA256_Update(&h->ctx, at, n);
}

void kt_sha256_end(struct kt_sha256 *h, uint8_t ret[32])
{
    (void)SHA256_Final(ret, &h->ctx);
}

void kt_sha256_of(const struct kt_str *parts, size_t n, uint8_t ret[32])
{
    struct kt_sha256 h;
    kt_sha256_start(&h);
    for (size_t i = 0; i < n; i++)
        kt_sha256_add(&h, parts[i].at, parts[i].len);
    kt_sha256_end(&h, ret);
}

static const unsigned char *bytes_of(struct kt_str s)
{
    return (const unsigned char *)(s.at != NULL ? s.at : "");
}

void kt_blake2b(const struct kt_str *parts, size_t n, uint8_t *ret, size_t out_len)
{
    assert(out_len >= 16 && out_len <= 64);
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, out_len);
    for (size_t i = 0; i < n; i++)
        (void)crypto_generichash_update(&state, bytes_of(parts[i]), parts[i].len);
    (void)crypto_generichash_final(&state, ret, out_len);
}

void kt_hmac_sha256(struct kt_str key, const struct kt_str *parts, size_t n, uint8_t ret[32])
{
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, bytes_of(key), key.len);
    for (size_t i = 0; i < n; i++)
        (void)crypto_auth_hmacsha256_update(&state, bytes_of(parts[i]), parts[i].len);
    (void)crypto_auth_hmacsha256_final(&state, ret);
    kt_wipe(&state, sizeof state);
}

uint64_t kt_hash64(struct kt_str s, uint64_t seed)
{
    union {
        uint64_t word[2];
        unsigned char bytes[crypto_shorthash_KEYBYTES];
    } key = { .word = { seed, ~seed } };
    union {
        uint64_t word;
        unsigned char bytes[crypto_shorthash_BYTES];
    } out;
    (void)crypto_shorthash(out.bytes, bytes_of(s), s.len, key.bytes);
    return out.word;
}

bool kt_equal_secret(const void *a, const void *b, size_t n)
{
    return n == 0 || sodium_memcmp(a, b, n) == 0;
}

void kt_wipe(void *at, size_t n)
{
    if (n > 0)
        sodium_memzero(at, n);
}

/* ---- Ed25519 ---- */

void kt_sign_public(const uint8_t seed[32], uint8_t ret_public[32])
{
    uint8_t expanded[64];
    (void)crypto_sign_ed25519_seed_keypair(ret_public, expanded, seed);
    kt_wipe(expanded, sizeof expanded);
}

void kt_sign(const uint8_t seed[32], struct kt_str msg, uint8_t ret_sig[64])
{
    struct kt_signer s;
    kt_signer_init(&s, seed);
    kt_signer_sign(&s, msg, ret_sig);
    kt_wipe(&s, sizeof s);
}

bool kt_sign_ok(const uint8_t public_key[32], struct kt_str msg, const uint8_t sig[64])
{
    return crypto_sign_ed25519_verify_detached(sig, bytes_of(msg), msg.len, public_key) == 0;
}

void kt_signer_init(struct kt_signer *s, const uint8_t seed[32])
{
    uint8_t public_key[32];
    (void)crypto_sign_ed25519_seed_keypair(public_key, s->expanded, seed);
}

void kt_signer_sign(const struct kt_signer *s, struct kt_str msg, uint8_t ret_sig[64])
{
    (void)crypto_sign_ed25519_detached(ret_sig, NULL, bytes_of(msg), msg.len, s->expanded);
}

/* ---- passwords ---- */

_Static_assert(KT_PASSWORD_HASH == crypto_pwhash_STRBYTES, "libsodium's own size");

bool kt_password_hash(struct kt_str password, char ret[KT_PASSWORD_HASH])
{
    return crypto_pwhash_str_alg(ret, password.at, password.len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                 crypto_pwhash_MEMLIMIT_INTERACTIVE,
                                 crypto_pwhash_ALG_ARGON2ID13) == 0;
}

bool kt_password_ok(const char hash[KT_PASSWORD_HASH], struct kt_str password)
{
    return crypto_pwhash_str_verify(hash, password.at, password.len) == 0;
}

bool kt_password_hash_ok(const char *z)
{
    return strlen(z) < KT_PASSWORD_HASH &&
           strncmp(z, crypto_pwhash_argon2id_STRPREFIX,
                   sizeof crypto_pwhash_argon2id_STRPREFIX - 1) == 0 &&
           crypto_pwhash_str_needs_rehash(z, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                          crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0;
}

void kt_random(void *at, size_t n)
{
    if (n > 0)
        randombytes_buf(at, n);
}
