/* hook: the signatures of Standard Webhooks 1.0.0 (EXPORTS §1.6): v1 is HMAC-SHA256 with a secret
 * that both sides have, v1a Ed25519 with a key whose public half the receiver has. Pure. */
#pragma once
#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/base/time.h"

#define KT_HOOK_KEYS_MAX 8u

struct kt_hook_key {
    uint8_t at[64]; /* of a secret; of an Ed25519 key its seed of 32 bytes */
    size_t len;
    bool asymmetric; /* v1a */
};
struct kt_hook_keys {
    struct kt_hook_key at[KT_HOOK_KEYS_MAX];
    unsigned n;
};
/* Adds the keys of a key file, one a line: "whsec_" and base64 of 24-64 random bytes, or "whsk_"
 * and base64 of an Ed25519 seed (32 bytes, or 64 with the public key behind it). KT_E_CONFIG: a
 * line is neither, there is none, or ret is full; ret is as it was then. */
KT_MUST_USE enum kt_status kt_hook_keys_read(struct kt_str text, struct kt_hook_keys *ret,
                                             struct kt_error *err);
/* Appends one "v1,<base64>" or "v1a,<base64>" a key, separated by blanks. id holds no dot. */
void kt_hook_sign(const struct kt_hook_keys *keys, struct kt_str id, int64_t timestamp_s,
                  struct kt_str body, struct kt_buf *out);
/* A key of its own for each endpoint, out of 32 random bytes: appends "whsec_…" or "whsk_…". */
void kt_hook_key_print(const struct kt_hook_key *key, struct kt_buf *out);
/* "whpk_…": what the receiver of v1a signatures is given. */
void kt_hook_public_print(const struct kt_hook_key *key, struct kt_buf *out);
