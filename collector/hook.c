/*
 * hook: signs bodies of generic webhooks.
 *
 * Owns:  nothing.
 * Calls: core/base (enc, hash).
 */
#include "collector/hook.h"
#include "core/base/enc.h"
#include <inttypes.h>
#include <string.h>

#define SECRET "whsec_"
#define SEED   "whsk_"
#define PUBLIC "whpk_"

static bool read_bytes(struct kt_str text, struct kt_hook_key *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    bool fine = kt_base64_decode(text, &raw) && raw.len <= sizeof ret->at;
    if (fine) {
        memcpy(ret->at, raw.at, raw.len);
        ret->len = raw.len;
    }
    kt_wipe(raw.at, raw.len);
    return fine;
}

/* A seed alone, or as other libraries keep it: with the public key behind. */
static bool seed_is_whole(struct kt_hook_key *key)
{
    uint8_t public_key[32];
    if (key->len != 32 && key->len != 64)
        return false;
    kt_sign_public(key->at, public_key);
    bool fine = key->len == 32 || memcmp(key->at + 32, public_key, sizeof public_key) == 0;
    key->len = 32;
    return fine;
}

static bool read_key(struct kt_str line, struct kt_hook_key *ret)
{
    ret->asymmetric = kt_str_starts(line, KT_STR(SEED));
    if (ret->asymmetric)
        return read_bytes(kt_str_from_index(line, sizeof SEED - 1), ret) && seed_is_whole(ret);
    return kt_str_starts(line, KT_STR(SECRET)) &&
           read_bytes(kt_str_from_index(line, sizeof SECRET - 1), ret) && ret->len >= 24;
}

enum kt_status kt_hook_keys_read(struct kt_str text, struct kt_hook_keys *ret, struct kt_error *err)
{
    struct kt_hook_keys keys = *ret;
    struct kt_str line;
    bool fine = true;
    while (fine && text.len > 0 && kt_str_split(&text, '\n', &line)) {
        line = kt_str_trim(line);
        if (line.len == 0)
            continue;
        fine = keys.n < KT_HOOK_KEYS_MAX && read_key(line, &keys.at[keys.n]);
        keys.n += fine;
    }
    fine = fine && keys.n > ret->n;
    if (fine)
        *ret = keys;
    kt_wipe(&keys, sizeof keys);
    if (fine)
        return KT_OK;
    return kt_fail(
        err, KT_E_CONFIG,
        "a signing key is a line of whsec_ and the base64 of 24 to 64 random bytes, or of "
        "whsk_ and the base64 of an Ed25519 seed (keytrail notify keygen makes both)");
}

static void add_hmac(const struct kt_hook_key *key, struct kt_str signed_bytes, struct kt_buf *out)
{
    uint8_t mac[32];
    kt_hmac_sha256(kt_str_from(key->at, key->len), &signed_bytes, 1, mac);
    kt_buf_addz(out, "v1,");
    kt_base64_add(out, kt_str_from(mac, sizeof mac));
}

static void add_ed25519(const struct kt_hook_key *key, struct kt_str signed_bytes,
                        struct kt_buf *out)
{
    uint8_t signature[64];
    kt_sign(key->at, signed_bytes, signature);
    kt_buf_addz(out, "v1a,");
    kt_base64_add(out, kt_str_from(signature, sizeof signature));
}

void kt_hook_sign(const struct kt_hook_keys *keys, struct kt_str id, int64_t timestamp_s,
                  struct kt_str body, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    kt_buf_addf(&bytes, KT_STR_FMT ".%" PRId64 ".", KT_STR_ARG(id), timestamp_s);
    kt_buf_add(&bytes, body);
    for (unsigned i = 0; i < keys->n; i++) {
        if (i > 0)
            kt_buf_byte(out, ' ');
        (keys->at[i].asymmetric ? add_ed25519 : add_hmac)(&keys->at[i], kt_buf_str(&bytes), out);
    }
}

void kt_hook_key_print(const struct kt_hook_key *key, struct kt_buf *out)
{
    kt_buf_addz(out, key->asymmetric ? SEED : SECRET);
    kt_base64_add(out, kt_str_from(key->at, key->len));
}

void kt_hook_public_print(const struct kt_hook_key *key, struct kt_buf *out)
{
    uint8_t public_key[32];
    kt_sign_public(key->at, public_key);
    kt_buf_addz(out, PUBLIC);
    kt_base64_add(out, kt_str_from(public_key, sizeof public_key));
}
