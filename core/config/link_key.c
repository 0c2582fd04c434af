/*
 * link_key: the key that links of messages are signed with (docs/alerts.md): its file, and its
 * public half as text.
 *
 * Owns:  nothing; secrets pass through buffers that are wiped.
 * Calls: core/base, core/sys/fs.
 */
#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/config/tree.h"
#include "core/sys/fs.h"

#define FILE_MAX    1024u
#define PUBLIC_HEAD "ktl1_"

static const char comment[] =
    "# signs the links in messages that acknowledge an alert: whoever has it can acknowledge all\n";

static void wipe_buf(struct kt_buf *b)
{
    kt_wipe(b->at, b->cap);
    kt_buf_done(b);
}

static bool decode_32(struct kt_str s, uint8_t ret[32])
{
    KT_CLEANUP(wipe_buf) struct kt_buf bytes = { 0 };
    if (!kt_base64url_decode(s, &bytes) || bytes.len != 32)
        return false;
    memcpy(ret, bytes.at, 32);
    return true;
}

/* One line and nothing else but comments. */
static bool take(struct kt_str text, uint8_t ret[32])
{
    static const struct kt_str head = KT_STR_INIT("link ");
    struct kt_str line;
    unsigned n = 0;
    bool fine = true;
    while (fine && kt_str_split(&text, '\n', &line)) {
        line = kt_str_trim(line);
        if (line.len == 0 || line.at[0] == '#')
            continue;
        fine = n++ == 0 && kt_str_starts(line, head) &&
               decode_32(kt_str_trim(kt_str_from_index(line, head.len)), ret);
    }
    return fine && n == 1;
}

enum kt_status kt_link_key_read(const char *path, uint8_t ret_seed[32], struct kt_error *err)
{
    KT_CLEANUP(wipe_buf) struct kt_buf text = { 0 };
    uint8_t seed[32];
    enum kt_status st = kt_fs_read_secret(path, FILE_MAX, &text, err);
    if (st == KT_E_AGAIN)
        return kt_fail(err, KT_E_CONFIG,
                       "there is no '%s': keytrail alerts link --keygen writes one", path);
    if (st != KT_OK)
        return kt_wrap(err, "acknowledge_key_file");
    bool fine = take(kt_buf_str(&text), seed);
    if (fine)
        memcpy(ret_seed, seed, sizeof seed);
    kt_wipe(seed, sizeof seed);
    /* The line is a secret: it is not repeated. */
    return fine ? KT_OK
                : kt_fail(err, KT_E_CONFIG,
                          "'%s': the key of links is one line, 'link' and 43 characters of "
                          "base64url; keytrail alerts link --keygen writes one",
                          path);
}

enum kt_status kt_link_key_write(const char *path, const uint8_t seed[32], struct kt_error *err)
{
    KT_CLEANUP(wipe_buf) struct kt_buf text = { 0 };
    (void)kt_buf_reserve(&text, FILE_MAX); /* once: growing would leave copies behind */
    kt_buf_addf(&text, "%slink ", comment);
    kt_base64url_add(&text, kt_str_from(seed, 32));
    kt_buf_byte(&text, '\n');
    enum kt_status st = kt_key_write_new(path, kt_buf_str(&text), err);
    return st == KT_OK ? st : kt_wrap(err, "acknowledge_key_file");
}

void kt_link_public_format(const uint8_t public_key[32], struct kt_buf *out)
{
    kt_buf_addz(out, PUBLIC_HEAD);
    kt_base64url_add(out, kt_str_from(public_key, 32));
}

bool kt_link_public_parse(struct kt_str s, uint8_t ret[32])
{
    return kt_str_starts(s, KT_STR(PUBLIC_HEAD)) &&
           decode_32(kt_str_from_index(s, sizeof PUBLIC_HEAD - 1), ret);
}
