/*
 * pseudonym: see the header.
 *
 * Owns:  a copy of the key.
 * Calls: core/base. No I/O.
 */
#include "core/answer/pseudonym.h"

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

#define HASH_BYTES                                                                                 \
    8u /* shown, of 32: two of a million names are alike once in 36 million reports */

struct kt_pseudonyms {
    char key[KT_PSEUDONYM_KEY_MAX];
    size_t len;
};

enum kt_status kt_pseudonyms_new(struct kt_str key, struct kt_pseudonyms **ret,
                                 struct kt_error *err)
{
    key = kt_str_trim(key);
    if (key.len < KT_PSEUDONYM_KEY_MIN || key.len > KT_PSEUDONYM_KEY_MAX)
        return kt_fail(err, KT_E_INPUT, "a key for pseudonyms has %u to %u bytes, this has %zu",
                       KT_PSEUDONYM_KEY_MIN, KT_PSEUDONYM_KEY_MAX, key.len);
    struct kt_pseudonyms *p = kt_alloc(sizeof *p);
    memcpy(p->key, key.at, key.len);
    p->len = key.len;
    *ret = p;
    return KT_OK;
}

void kt_pseudonyms_free(struct kt_pseudonyms *p)
{
    if (p == NULL)
        return;
    kt_wipe(p, sizeof *p);
    kt_free(p);
}

/* The kind goes into the hash: an actor that is called as an address is has another pseudonym. */
static void add(const struct kt_pseudonyms *p, const char *kind, struct kt_str name,
                struct kt_buf *out)
{
    uint8_t hash[32];
    const struct kt_str parts[] = { kt_str_of(kind), KT_STR("\n"), name };
    kt_hmac_sha256(kt_str_from(p->key, p->len), parts, KT_ARRAY_LEN(parts), hash);
    kt_buf_addf(out, "%s-", kind);
    kt_hex_add(out, hash, HASH_BYTES);
}

void kt_pseudonym_actor(const struct kt_pseudonyms *p, struct kt_str actor, struct kt_buf *out)
{
    if (p == NULL)
        kt_buf_add(out, actor);
    else if (actor.len > 0)
        add(p, "actor", actor, out);
}

void kt_pseudonym_ip(const struct kt_pseudonyms *p, struct kt_ip ip, struct kt_buf *out)
{
    char text[KT_IP_TEXT_MAX];
    if (p == NULL)
        kt_buf_addz(out, kt_ip_format(ip, text));
    else
        add(p, "addr", kt_str_from(ip.at, sizeof ip.at), out);
}

void kt_pseudonym_secret(const struct kt_pseudonyms *p, struct kt_str secret, struct kt_buf *out)
{
    ptrdiff_t scheme = kt_str_find(secret, KT_STR("://"), 0);
    if (p == NULL || secret.len == 0) {
        kt_buf_add(out, secret);
        return;
    }
    if (scheme > 0)
        kt_buf_add(out, kt_str_sub(secret, 0, (size_t)scheme + 3));
    add(p, "secret", secret, out);
}

void kt_pseudonym_text(const struct kt_pseudonyms *p, struct kt_str text, struct kt_buf *out)
{
    if (p == NULL)
        kt_buf_add(out, text);
    else if (text.len > 0)
        kt_buf_addz(out, "(left out: it may hold names)");
}
