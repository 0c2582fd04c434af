/*
 * rsa: signatures with an RSA key.
 *
 * Owns:  nothing. Calls: libcrypto.
 * Holds: libcrypto never asks a terminal for a passphrase; it wipes its copy of the key itself.
 */
#include "core/base/rsa.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

enum { BITS_MIN = 2048, BITS_MAX = 8192 };

static void free_bio(BIO **b)
{
    BIO_free(*b);
}

static void free_key(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static void free_digest(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

static int no_passphrase(char *buf, int size, int writing, void *self)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)self;
    return -1;
}

static bool sign(EVP_PKEY *key, struct kt_str msg, struct kt_buf *out)
{
    KT_CLEANUP(free_digest) EVP_MD_CTX *c = EVP_MD_CTX_new();
    size_t n = (size_t)EVP_PKEY_get_size(key);
    const unsigned char *at = (const unsigned char *)(msg.at != NULL ? msg.at : "");
    if (c == NULL || EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(c, (unsigned char *)kt_buf_reserve(out, n), &n, at, msg.len) != 1)
        return false;
    out->len += n;
    return true;
}

enum kt_status kt_rsa_sign(struct kt_str pem, struct kt_str msg, struct kt_buf *out,
                           struct kt_error *err)
{
    KT_CLEANUP(free_bio)
    BIO *bio = pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.at, (int)pem.len) : NULL;
    KT_CLEANUP(free_key)
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    bool fits = key != NULL && EVP_PKEY_is_a(key, "RSA") == 1 &&
                EVP_PKEY_get_bits(key) >= BITS_MIN && EVP_PKEY_get_bits(key) <= BITS_MAX;
    bool done = fits && sign(key, msg, out);
    ERR_clear_error(); /* the queue of this thread may hold words about the key */
    if (!fits)
        return kt_fail(err, KT_E_CONFIG,
                       "it is no RSA private key of %d to %d bits in PEM form without a passphrase",
                       BITS_MIN, BITS_MAX);
    return done ? KT_OK : kt_fail(err, KT_E_CONFIG, "nothing can be signed with this RSA key");
}
