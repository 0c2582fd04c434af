/*
 * keys: key files of agents and collectors, and the token that names an agent's public halves.
 *
 * Owns:  nothing; secrets pass through buffers that are wiped.
 * Calls: core/base, core/sys/fs.
 */
#include <errno.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/config/tree.h"
#include "core/sys/fs.h"

#define KEY_FILE_MAX 4096u
#define MADE_BY      "keytrail-agent keygen writes an agent's, keytrail init a collector's"
#define TOKEN_HEAD   "kta1_"

static void wipe_buf(struct kt_buf *b)
{
    kt_wipe(b->at, b->cap);
    kt_buf_done(b);
}

/* base64url of exactly 32 bytes. */
static bool decode_32(struct kt_str s, uint8_t ret[32])
{
    KT_CLEANUP(wipe_buf) struct kt_buf bytes = { 0 };
    if (!kt_base64url_decode(s, &bytes) || bytes.len != 32)
        return false;
    memcpy(ret, bytes.at, 32);
    return true;
}

static enum kt_status read_line(const char *path, struct kt_str line, struct kt_key_file *k,
                                unsigned *seen, struct kt_error *err)
{
    static const struct kt_str curve = KT_STR_INIT("curve "), signing = KT_STR_INIT("signing ");
    line = kt_str_trim(line);
    if (line.len == 0 || line.at[0] == '#')
        return KT_OK;
    if (kt_str_starts(line, curve) && (*seen & 1) == 0 &&
        kt_z85_decode(kt_str_trim(kt_str_from_index(line, curve.len)), k->curve_secret)) {
        *seen |= 1;
        return KT_OK;
    }
    if (kt_str_starts(line, signing) && (*seen & 2) == 0 &&
        decode_32(kt_str_trim(kt_str_from_index(line, signing.len)), k->signing_seed)) {
        *seen |= 2;
        return KT_OK;
    }
    /* The line is a secret: it is not repeated. */
    return kt_fail(err, KT_E_CONFIG,
                   "'%s': a key file has two lines, 'curve' with 40 characters of Z85 and "
                   "'signing' with 43 of base64url; " MADE_BY,
                   path);
}

enum kt_status kt_key_file_read(const char *path, struct kt_key_file *ret, struct kt_error *err)
{
    KT_CLEANUP(wipe_buf) struct kt_buf text = { 0 };
    enum kt_status st = kt_fs_read_secret(path, KEY_FILE_MAX, &text, err);
    if (st == KT_E_AGAIN)
        return kt_fail(err, KT_E_CONFIG, "there is no key file '%s': " MADE_BY, path);
    if (st != KT_OK)
        return kt_wrap(err, "key file");
    struct kt_key_file k = { 0 };
    struct kt_str rest = kt_buf_str(&text), line;
    unsigned seen = 0;
    while (st == KT_OK && kt_str_split(&rest, '\n', &line))
        st = read_line(path, line, &k, &seen, err);
    if (st == KT_OK && seen != 3)
        st = kt_fail(err, KT_E_CONFIG, "'%s' has no '%s' line", path,
                     (seen & 1) == 0 ? "curve" : "signing");
    if (st == KT_OK)
        *ret = k;
    kt_wipe(&k, sizeof k);
    return st;
}

static enum kt_status write_new(const char *path, struct kt_str text, struct kt_error *err)
{
    const struct kt_fs *fs = &kt_fs_real;
    struct kt_file *f = NULL;
    struct kt_error why = { 0 };
    if (fs->open(fs->self, path, KT_OPEN_NEW, &f, &why) != KT_OK)
        return why.sys_errno == EEXIST
                   ? kt_fail(err, KT_E_CONFIG, "'%s' is there already: no key is overwritten", path)
                   : kt_fail(err, why.code, "%s", why.text);
    enum kt_status st = fs->append(f, text, err);
    if (st == KT_OK)
        st = fs->sync(f, err);
    fs->close(f);
    if (st != KT_OK)
        (void)!fs->unlink(fs->self, path, NULL);
    return st;
}

static enum kt_status sync_folder_of(const char *path, struct kt_error *err)
{
    ptrdiff_t slash = kt_str_rfind_byte(kt_str_of(path), '/');
    KT_CLEANUP(kt_buf_done) struct kt_buf folder = { 0 };
    kt_buf_add(&folder, slash < 0 ? KT_STR(".") : kt_str_from(path, (size_t)slash + 1));
    return kt_fs_real.sync_dir(kt_fs_real.self, kt_buf_z(&folder), err);
}

enum kt_status kt_key_write_new(const char *path, struct kt_str text, struct kt_error *err)
{
    enum kt_status st = write_new(path, text, err);
    return st == KT_OK ? sync_folder_of(path, err) : st;
}

enum kt_status kt_key_file_write(const char *path, const struct kt_key_file *k,
                                 struct kt_error *err)
{
    KT_CLEANUP(wipe_buf) struct kt_buf text = { 0 };
    (void)kt_buf_reserve(&text, KEY_FILE_MAX); /* once: growing would leave copies behind */
    char curve[KT_Z85_KEY];
    kt_buf_addf(&text, "curve %s\nsigning ", kt_z85_encode(k->curve_secret, curve));
    kt_base64url_add(&text, kt_str_from(k->signing_seed, sizeof k->signing_seed));
    kt_buf_byte(&text, '\n');
    kt_wipe(curve, sizeof curve);
    if (kt_key_write_new(path, kt_buf_str(&text), err) != KT_OK)
        return kt_wrap(err, "key file");
    return KT_OK;
}

void kt_token_format(const uint8_t curve[32], const uint8_t signing[32], struct kt_buf *out)
{
    uint8_t both[64];
    memcpy(both, curve, 32);
    memcpy(both + 32, signing, 32);
    kt_buf_addz(out, TOKEN_HEAD);
    kt_base64url_add(out, kt_str_from(both, sizeof both));
}

bool kt_token_parse(struct kt_str token, uint8_t ret_curve[32], uint8_t ret_signing[32])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    token = kt_str_trim(token);
    if (token.len > 200 || !kt_str_starts(token, KT_STR(TOKEN_HEAD)) ||
        !kt_base64url_decode(kt_str_from_index(token, sizeof TOKEN_HEAD - 1), &bytes) ||
        bytes.len != 64)
        return false;
    memcpy(ret_curve, bytes.at, 32);
    memcpy(ret_signing, bytes.at + 32, 32);
    return true;
}
