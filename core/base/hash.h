/* hash: SHA-256 (libcrypto), BLAKE2b, HMAC, Ed25519 and Argon2id (libsodium). The only includers of
 * those headers. */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

struct kt_sha256; /* streaming state, opaque */
struct kt_sha256 *kt_sha256_new(void);
void kt_sha256_free(struct kt_sha256 *h);
void kt_sha256_start(struct kt_sha256 *h);
void kt_sha256_add(struct kt_sha256 *h, const void *at, size_t n);
void kt_sha256_end(struct kt_sha256 *h, uint8_t ret[32]);
/* One shot over up to a few parts; thread-safe, no allocation. */
void kt_sha256_of(const struct kt_str *parts, size_t n, uint8_t ret[32]);
/* BLAKE2b with out_len 16-64 over the parts. */
void kt_blake2b(const struct kt_str *parts, size_t n, uint8_t *ret, size_t out_len);
void kt_hmac_sha256(struct kt_str key, const struct kt_str *parts, size_t n, uint8_t ret[32]);
/* Keyed 64-bit hash for tables (SipHash-2-4). */
uint64_t kt_hash64(struct kt_str s, uint64_t seed);
bool kt_equal_secret(const void *a, const void *b, size_t n); /* constant time */
void kt_wipe(void *at, size_t n);

/* Ed25519: seed 32 bytes -> public 32; signature 64. */
void kt_sign_public(const uint8_t seed[32], uint8_t ret_public[32]);
void kt_sign(const uint8_t seed[32], struct kt_str msg, uint8_t ret_sig[64]);
bool kt_sign_ok(const uint8_t public_key[32], struct kt_str msg, const uint8_t sig[64]);
/* A signer with the expanded key, for many signatures. */
struct kt_signer {
    uint8_t expanded[64];
};
void kt_signer_init(struct kt_signer *s, const uint8_t seed[32]);
void kt_signer_sign(const struct kt_signer *s, struct kt_str msg, uint8_t ret_sig[64]);
/* Passwords: Argon2id (RFC 9106) with libsodium's interactive limits, 2 passes over 64 MiB, as a
 * NUL-ended PHC string "$argon2id$v=19$m=65536,t=2,p=1$salt$hash". About a tenth
 * of a second of one core. */
#define KT_PASSWORD_HASH 128
bool kt_password_hash(struct kt_str password, char ret[KT_PASSWORD_HASH]); /* false: no memory */
bool kt_password_ok(const char hash[KT_PASSWORD_HASH], struct kt_str password);
/* Is it such a string, and of these limits? */
bool kt_password_hash_ok(const char *z);
/* System randomness. Only core/sys/rng and key generation call it. */
void kt_random(void *at, size_t n);
/* Must run once before anything else here. */
void kt_hash_init(void);
