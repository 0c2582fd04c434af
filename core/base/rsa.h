/* rsa: RSA PKCS#1 v1.5 over SHA-256 (RFC 8017 §8.2, RS256) by libcrypto: our own signatures, as
 * OAuth's JWTs need them, and those of others. */
#pragma once
#include "core/base/buf.h"

/* Appends RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2) over msg, as long as the key's modulus.
 * pem: a private key in PKCS#8 or PKCS#1, without a passphrase, of 2,048 to 8,192 bits. Another one
 * is KT_E_CONFIG; no error text holds anything of it. */
KT_MUST_USE enum kt_status kt_rsa_sign(struct kt_str pem, struct kt_str msg, struct kt_buf *out,
                                       struct kt_error *err);

#define KT_RSA_KEY_MAX       4096u /* bytes of a key in DER */
#define KT_RSA_SIGNATURE_MAX 1024u /* bytes: keys of 8,192 bits */
/* key: DER, either PKCS#1 (RSAPublicKey) or X.509 (SubjectPublicKeyInfo); keys of less than 2,048
 * bits are refused. false: the signature is not one of the key over message, or it is no such key.
 * kt_rsa_is_key: it can be used for that. */
bool kt_rsa_sha256_ok(struct kt_str key, struct kt_str message, struct kt_str signature);
bool kt_rsa_is_key(struct kt_str key);
