/*
 * rsa: signatures with an RSA key, and of others.
 *
 * Owns:  nothing. Calls: libcrypto.
 * Holds: libcrypto never asks a terminal for a passphrase; it wipes its copy of the key itself.
 *        Nothing is left in its queue of errors.
 */
#include "core/base/rsa.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

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

/* ---- of others ---- */
/* All of the bytes, or none. */
static EVP_PKEY *whole(EVP_PKEY *key, const unsigned char *at, const unsigned char *end)
{
    if (key != NULL && at == end)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *read_key(struct kt_str der)
{
    const unsigned char *begin = (const unsigned char *)der.at, *at = begin, *end = begin + der.len;
    if (der.len == 0 || der.len > KT_RSA_KEY_MAX)
        return NULL;
    EVP_PKEY *key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)der.len);
    key = whole(key, at, end);
    if (key == NULL) {
        at = begin;
        key = d2i_PUBKEY(NULL, &at, (long)der.len);
        key = whole(key, at, end);
    }
    if (key == NULL ||
        (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= BITS_MIN))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

bool kt_rsa_is_key(struct kt_str der)
{
    EVP_PKEY *key = read_key(der);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return key != NULL;
}

bool kt_rsa_sha256_ok(struct kt_str der, struct kt_str message, struct kt_str signature)
{
    EVP_PKEY *key = read_key(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    bool ok = key != NULL && ctx != NULL && signature.len <= KT_RSA_SIGNATURE_MAX &&
              EVP_DigestVerifyInit(ctx, &how, EVP_sha256(), NULL, key) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PADDING) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)signature.at, signature.len,
                               (const unsigned char *)message.at, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok;
}
