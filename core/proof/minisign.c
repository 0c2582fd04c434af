/*
 * minisign: its three files, byte by byte.
 *
 * Owns:  nothing.
 * Calls: core/base (enc, hash).
 */
#include "core/proof/minisign.h"

#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"

#define UNTRUSTED    KT_STR("untrusted comment: ")
#define TRUSTED      KT_STR("trusted comment: ")
#define PUBLIC_BYTES 42u
#define SECRET_BYTES 158u
#define SECRET_HEAD  54u /* algorithms, and salt and limits that no password needs */
#define SIGNED_BYTES 74u

void kt_minisign_make(const uint8_t random[40], struct kt_minisign_secret *ret)
{
    memcpy(ret->open.id, random, 8);
    memcpy(ret->seed, random + 8, 32);
    kt_sign_public(ret->seed, ret->open.key);
}

/* As minisign prints an id: its bytes as a little-endian number. */
static void add_id(const uint8_t id[8], struct kt_buf *out)
{
    for (unsigned i = 8; i > 0; i--)
        kt_buf_addf(out, "%02X", id[i - 1]);
}

/* ---- keys ---- */

void kt_minisign_secret_write(const struct kt_minisign_secret *key, struct kt_buf *out)
{
    uint8_t bytes[SECRET_BYTES] = { 'E', 'd', 0, 0, 'B', '2' };
    memcpy(bytes + SECRET_HEAD, key->open.id, 8);
    memcpy(bytes + SECRET_HEAD + 8, key->seed, 32);
    memcpy(bytes + SECRET_HEAD + 40, key->open.key, 32);
    kt_buf_add(out, UNTRUSTED);
    kt_buf_addz(out, "minisign secret key without a password ");
    add_id(key->open.id, out);
    kt_buf_byte(out, '\n');
    kt_base64_add(out, kt_str_from(bytes, sizeof bytes));
    kt_buf_byte(out, '\n');
    kt_wipe(bytes, sizeof bytes);
}

void kt_minisign_public_text(const struct kt_minisign_public *key, struct kt_buf *out)
{
    uint8_t bytes[PUBLIC_BYTES] = { 'E', 'd' };
    memcpy(bytes + 2, key->id, 8);
    memcpy(bytes + 10, key->key, 32);
    kt_base64_add(out, kt_str_from(bytes, sizeof bytes));
}

void kt_minisign_public_write(const struct kt_minisign_public *key, struct kt_buf *out)
{
    kt_buf_add(out, UNTRUSTED);
    kt_buf_addz(out, "minisign public key ");
    add_id(key->id, out);
    kt_buf_byte(out, '\n');
    kt_minisign_public_text(key, out);
    kt_buf_byte(out, '\n');
}

/* The line behind a line of comment, which may be missing. */
static struct kt_str without_comment(struct kt_str text)
{
    struct kt_str line;
    text = kt_str_trim(text);
    if (kt_str_starts(text, UNTRUSTED))
        (void)kt_str_split(&text, '\n', &line);
    return kt_str_trim(text);
}

enum kt_status kt_minisign_secret_read(struct kt_str file, struct kt_minisign_secret *ret,
                                       struct kt_error *err)
{
    struct kt_buf bytes = { 0 };
    struct kt_minisign_secret key;
    uint8_t is[32] = { 0 };
    bool fits = file.len <= KT_MINISIGN_FILE_MAX &&
                kt_base64_decode(without_comment(file), &bytes) && bytes.len == SECRET_BYTES &&
                memcmp(bytes.at, "Ed", 2) == 0 && memcmp(bytes.at + 4, "B2", 2) == 0;
    bool open = fits && memcmp(bytes.at + 2, "\0\0", 2) == 0;
    if (open) {
        memcpy(key.open.id, bytes.at + SECRET_HEAD, 8);
        memcpy(key.seed, bytes.at + SECRET_HEAD + 8, 32);
        memcpy(key.open.key, bytes.at + SECRET_HEAD + 40, 32);
        kt_sign_public(key.seed, is);
    }
    if (bytes.at != NULL)
        kt_wipe(bytes.at, bytes.len);
    kt_buf_done(&bytes);
    if (!fits)
        return kt_fail(err, KT_E_CONFIG,
                       "no secret key of minisign: keytrail report keygen makes "
                       "one");
    if (!open)
        return kt_fail(err, KT_E_CONFIG,
                       "the key is behind a password: use one that minisign -GW "
                       "or keytrail report keygen made");
    if (memcmp(is, key.open.key, sizeof is) != 0)
        return kt_fail(err, KT_E_CONFIG, "the public half of the key does not fit its secret half");
    *ret = key;
    kt_wipe(&key, sizeof key);
    return KT_OK;
}

enum kt_status kt_minisign_public_read(struct kt_str text, struct kt_minisign_public *ret,
                                       struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    if (text.len > KT_MINISIGN_FILE_MAX || !kt_base64_decode(without_comment(text), &bytes) ||
        bytes.len != PUBLIC_BYTES || memcmp(bytes.at, "Ed", 2) != 0)
        return kt_fail(err, KT_E_INPUT,
                       "no public key of minisign: it is 56 characters that begin with RW");
    memcpy(ret->id, bytes.at + 2, 8);
    memcpy(ret->key, bytes.at + 10, 32);
    return KT_OK;
}

/* ---- signatures ---- */

static void prehash(struct kt_str content, uint8_t ret[64])
{
    kt_blake2b(&content, 1, ret, 64);
}

static void add_bound(const uint8_t signature[64], struct kt_str comment, struct kt_buf *out)
{
    kt_buf_add_bytes(out, signature, 64);
    kt_buf_add(out, comment);
}

void kt_minisign_sign(const struct kt_minisign_secret *key, struct kt_str content,
                      struct kt_str comment, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bound = { 0 };
    uint8_t hash[64], bytes[SIGNED_BYTES] = { 'E', 'D' }, global[64];
    prehash(content, hash);
    memcpy(bytes + 2, key->open.id, 8);
    kt_sign(key->seed, kt_str_from(hash, sizeof hash), bytes + 10);
    add_bound(bytes + 10, comment, &bound);
    kt_sign(key->seed, kt_buf_str(&bound), global);
    kt_buf_add(out, UNTRUSTED);
    kt_buf_addz(out, "signature of keytrail; compare the key with the one you hold\n");
    kt_base64_add(out, kt_str_from(bytes, sizeof bytes));
    kt_buf_byte(out, '\n');
    kt_buf_add(out, TRUSTED);
    kt_buf_add(out, comment);
    kt_buf_byte(out, '\n');
    kt_base64_add(out, kt_str_from(global, sizeof global));
    kt_buf_byte(out, '\n');
}

struct signed_file {
    struct kt_buf sig, global; /* decoded */
    struct kt_str comment;
};

static void signed_file_done(struct signed_file *s)
{
    kt_buf_done(&s->sig);
    kt_buf_done(&s->global);
}

/* A line without its line end; one CR before LF is part of that. */
static bool line_of(struct kt_str *rest, struct kt_str *ret)
{
    if (!kt_str_split(rest, '\n', ret))
        return false;
    if (kt_str_ends(*ret, KT_STR("\r")))
        ret->len--;
    return true;
}

static bool read_signature(struct kt_str text, struct signed_file *ret)
{
    struct kt_str line[4];
    for (unsigned i = 0; i < KT_ARRAY_LEN(line); i++)
        if (!line_of(&text, &line[i]))
            return false;
    if (text.len > 0 || !kt_str_starts(line[0], UNTRUSTED) || !kt_str_starts(line[2], TRUSTED))
        return false;
    ret->comment = kt_str_from_index(line[2], TRUSTED.len);
    return kt_base64_decode(line[1], &ret->sig) && ret->sig.len == SIGNED_BYTES &&
           kt_base64_decode(line[3], &ret->global) && ret->global.len == 64 &&
           ret->sig.at[0] == 'E' && (ret->sig.at[1] == 'D' || ret->sig.at[1] == 'd');
}

enum kt_status kt_minisign_check(const struct kt_minisign_public *key, struct kt_str content,
                                 struct kt_str signature, struct kt_error *err)
{
    KT_CLEANUP(signed_file_done) struct signed_file s = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf bound = { 0 };
    uint8_t hash[64], sig[64], global[64];
    if (signature.len > KT_MINISIGN_FILE_MAX || !read_signature(signature, &s))
        return kt_fail(err, KT_E_INPUT, "no signature of minisign");
    if (memcmp(s.sig.at + 2, key->id, 8) != 0)
        return kt_fail(err, KT_E_INPUT, "signed with another key than the one that was given");
    memcpy(sig, s.sig.at + 10, 64);
    memcpy(global, s.global.at, 64);
    prehash(content, hash);
    if (!kt_sign_ok(key->key, s.sig.at[1] == 'D' ? kt_str_from(hash, sizeof hash) : content, sig))
        return kt_fail(err, KT_E_INPUT, "the signature does not fit what it stands for");
    add_bound(sig, s.comment, &bound);
    if (!kt_sign_ok(key->key, kt_buf_str(&bound), global))
        return kt_fail(err, KT_E_INPUT, "the trusted comment of the signature was changed");
    return KT_OK;
}
