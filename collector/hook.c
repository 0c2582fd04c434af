/*
 * hook: signs bodies of generic webhooks.
 *
 * Owns:  nothing.
 * Calls: core/base (enc, hash).
 */
#include "collector/hook.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum kt_status kt_hook_key_read(struct kt_str text, struct kt_hook_key *ret, struct kt_error *err)
{
    const struct kt_str prefix = KT_STR("whsec_");
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    if (!kt_str_starts(text, prefix) ||
        !kt_base64_decode(kt_str_from_index(text, prefix.len), &raw) || raw.len < 24 ||
        raw.len > sizeof ret->at) {
        kt_wipe(raw.at, raw.len);
        return kt_fail(err, KT_E_CONFIG,
                       "a signing secret is whsec_ and the base64 of 24 to 64 random bytes");
    }
    memcpy(ret->at, raw.at, raw.len);
    ret->len = raw.len;
    kt_wipe(raw.at, raw.len);
    return KT_OK;
}

void kt_hook_sign(const struct kt_hook_key *keys, unsigned n, struct kt_str id, int64_t timestamp_s,
                  struct kt_str body, struct kt_buf *out)
{
    char when[24];
    int len = snprintf(when, sizeof when, "%" PRId64, timestamp_s);
    const struct kt_str parts[] = { id, KT_STR("."), kt_str_from(when, (size_t)len), KT_STR("."),
                                    body };
    const char *between = "";
    for (unsigned i = 0; i < n; i++) {
        uint8_t mac[32];
        if (keys[i].len == 0)
            continue;
        kt_hmac_sha256(kt_str_from(keys[i].at, keys[i].len), parts, KT_ARRAY_LEN(parts), mac);
        kt_buf_addf(out, "%sv1,", between);
        kt_base64_add(out, kt_str_from(mac, sizeof mac));
        between = " ";
    }
}
