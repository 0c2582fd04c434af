/*
 * vault_hash: see the header.
 *
 * Owns:  nothing.
 * Calls: core/base (hash, enc), core/event/json. No I/O.
 */
#include "core/answer/vault_hash.h"

#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/json.h"
#include "core/event/line.h"

#define MARK         "hmac-sha256:"
#define ACCESSOR_MAX 256u

const char *kt_vault_hash(struct kt_str salt, struct kt_str value, char *ret)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t mac[32];
    size_t n = sizeof MARK - 1;
    kt_hmac_sha256(salt, &value, 1, mac);
    memcpy(ret, MARK, n);
    for (size_t i = 0; i < sizeof mac; i++) {
        ret[n++] = hex[mac[i] >> 4];
        ret[n++] = hex[mac[i] & 15];
    }
    ret[n] = '\0';
    return ret;
}

bool kt_vault_is_hash(struct kt_str s)
{
    uint8_t mac[32];
    return s.len == KT_VAULT_HASH_TEXT - 1 && kt_str_starts(s, KT_STR(MARK)) &&
           kt_hex_decode(kt_str_from_index(s, sizeof MARK - 1), mac, sizeof mac);
}

void kt_vault_ask_hash(const char *member, struct kt_str value, struct kt_buf *out)
{
    kt_buf_addf(out, "{\"%s\":", member);
    kt_json_quote(out, value);
    kt_buf_byte(out, '}');
}

enum kt_status kt_vault_take_hash(struct kt_str body, char *ret, struct kt_error *err)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    unsigned repaired;
    enum kt_status st = kt_json_parse(json, body, &root, &repaired, NULL);
    struct kt_str hash = st == KT_OK ? kt_json_str_at(root, "data.hash") : KT_STR_NONE;
    if (st == KT_OK && hash.len == 0)
        hash = kt_json_str_at(root, "hash");
    st = kt_vault_is_hash(hash)
             ? KT_OK
             : kt_fail(err, KT_E_INPUT, "the answer holds no hmac-sha256 hash: is this a Vault?");
    if (st == KT_OK)
        kt_str_copyz(ret, KT_VAULT_HASH_TEXT, hash);
    kt_json_free(json);
    return st;
}

enum kt_status kt_vault_take_accessor(struct kt_str body, struct kt_buf *ret, struct kt_error *err)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    unsigned repaired;
    enum kt_status st = kt_json_parse(json, body, &root, &repaired, NULL);
    struct kt_str accessor = st == KT_OK ? kt_json_str_at(root, "data.accessor") : KT_STR_NONE;
    if (accessor.len == 0 || accessor.len > ACCESSOR_MAX)
        st = kt_fail(err, KT_E_INPUT, "this token has no accessor: a batch token");
    else
        kt_buf_add(ret, accessor);
    kt_json_free(json);
    return st;
}
