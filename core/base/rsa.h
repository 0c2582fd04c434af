/* rsa: signatures with an RSA key, as OAuth's JWTs need them (RS256). */
#pragma once
#include "core/base/buf.h"

/* Appends RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2) over msg, as long as the key's modulus.
 * pem: a private key in PKCS#8 or PKCS#1, without a passphrase, of 2,048 to 8,192 bits. Another one
 * is KT_E_CONFIG; no error text holds anything of it. */
KT_MUST_USE enum kt_status kt_rsa_sign(struct kt_str pem, struct kt_str msg, struct kt_buf *out,
                                       struct kt_error *err);
