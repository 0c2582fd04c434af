/*
 * enc: texts for bytes. Decoders take exactly what the encoder of the same name gives.
 *
 * Owns:  nothing.
 * Calls: buf, str.
 * Holds: one value has one text (ids and hex may come in either case): no blanks, no stray bits.
 */
#include "core/base/enc.h"

#include <string.h>

/* Place of c in alphabet, or -1. */
static int place(const char *alphabet, size_t n, char c)
{
    const char *hit = memchr(alphabet, c, n);
    return hit != NULL ? (int)(hit - alphabet) : -1;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* ---- hex ---- */

static const char hex_digits[] = "0123456789abcdef";

static void hex_to(char *dst, const unsigned char *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = hex_digits[at[i] >> 4];
        dst[2 * i + 1] = hex_digits[at[i] & 15];
    }
}

void kt_hex_add(struct kt_buf *b, const void *at, size_t n)
{
    hex_to(kt_buf_reserve(b, 2 * n), at, n);
    b->len += 2 * n;
}

void kt_hex(char *dst, const void *at, size_t n)
{
    hex_to(dst, at, n);
    dst[2 * n] = '\0';
}

bool kt_hex_decode(struct kt_str s, void *ret, size_t n)
{
    unsigned char *to = ret;
    if (s.len != 2 * n)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (place(hex_digits, 16, lower(s.at[i])) < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)(place(hex_digits, 16, lower(s.at[2 * i])) << 4 |
                                place(hex_digits, 16, lower(s.at[2 * i + 1])));
    return true;
}

/* ---- base64 ---- */

static const char plain64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode64(struct kt_buf *b, struct kt_str s, const char *alphabet, bool padded)
{
    char *to = kt_buf_reserve(b, (s.len + 2) / 3 * 4), *start = to;
    const unsigned char *at = (const unsigned char *)s.at;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i < 3 ? s.len - i : 3;
        uint32_t v = (uint32_t)at[i] << 16 | (n > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
                     (n > 2 ? (uint32_t)at[i + 2] : 0);
        for (size_t k = 0; k <= n; k++)
            *to++ = alphabet[v >> (18 - 6 * k) & 63];
        for (size_t k = n; padded && k < 3; k++)
            *to++ = '=';
    }
    b->len += (size_t)(to - start);
}

/* s without padding; appends to b, or leaves it as it was. */
static bool decode64(struct kt_str s, const char *alphabet, struct kt_buf *b)
{
    if (s.len % 4 == 1)
        return false;
    char *to = kt_buf_reserve(b, s.len / 4 * 3 + 2);
    size_t n = 0;
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < s.len; i++) {
        int digit = place(alphabet, 64, s.at[i]);
        if (digit < 0)
            return false;
        v = (v << 6 | (uint32_t)digit) & 0xFFFFFF;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            to[n++] = (char)(unsigned char)(v >> bits);
        }
    }
    if ((v & ((1u << bits) - 1)) != 0)
        return false; /* stray bits: a second text for the same bytes */
    b->len += n;
    return true;
}

void kt_base64_add(struct kt_buf *b, struct kt_str s)
{
    encode64(b, s, plain64, true);
}

bool kt_base64_decode(struct kt_str s, struct kt_buf *ret)
{
    if (s.len % 4 != 0)
        return false;
    for (unsigned pad = 0; pad < 2 && kt_str_ends(s, KT_STR("=")); pad++)
        s.len--;
    return decode64(s, plain64, ret);
}

void kt_base64url_add(struct kt_buf *b, struct kt_str s)
{
    encode64(b, s, url64, false);
}

bool kt_base64url_decode(struct kt_str s, struct kt_buf *ret)
{
    return decode64(s, url64, ret);
}

/* ---- ids: 128 bits behind two zero bits, five bits a character ---- */

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const char *kt_id_format(const uint8_t id[16], char buf[KT_ID_TEXT])
{
    unsigned v = 0, bits = 2; /* the two zero bits in front */
    size_t n = 0;
    for (size_t i = 0; i < 16; i++) {
        v = (v << 8 | id[i]) & 0xFFFF;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            buf[n++] = crockford[v >> bits & 31];
        }
    }
    buf[n] = '\0';
    return buf;
}

bool kt_id_parse(struct kt_str s, uint8_t ret[16])
{
    if (s.len != KT_ID_TEXT - 1)
        return false;
    uint8_t id[17]; /* the first byte takes the two bits in front */
    unsigned v = 0, bits = 6;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i] >= 'a' && s.at[i] <= 'z' ? (char)(s.at[i] - ('a' - 'A')) : s.at[i];
        int digit = place(crockford, 32, c);
        if (digit < 0)
            return false;
        v = (v << 5 | (unsigned)digit) & 0xFFFF;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            id[n++] = (uint8_t)(v >> bits);
        }
    }
    if (id[0] != 0)
        return false; /* over 128 bits */
    memcpy(ret, id + 1, 16);
    return true;
}

/* ---- Z85 ---- */

static const char z85[] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

const char *kt_z85_encode(const uint8_t key[32], char buf[KT_Z85_KEY])
{
    for (size_t i = 0; i < 8; i++) {
        const uint8_t *k = key + 4 * i;
        uint32_t v = (uint32_t)k[0] << 24 | (uint32_t)k[1] << 16 | (uint32_t)k[2] << 8 | k[3];
        for (size_t d = 5; d > 0; d--, v /= 85)
            buf[5 * i + d - 1] = z85[v % 85];
    }
    buf[KT_Z85_KEY - 1] = '\0';
    return buf;
}

bool kt_z85_decode(struct kt_str s, uint8_t ret[32])
{
    if (s.len != KT_Z85_KEY - 1)
        return false;
    uint8_t key[32];
    for (size_t i = 0; i < 8; i++) {
        uint64_t v = 0;
        for (size_t d = 0; d < 5; d++) {
            int digit = place(z85, 85, s.at[5 * i + d]);
            if (digit < 0)
                return false;
            v = v * 85 + (uint64_t)digit;
        }
        if (v > UINT32_MAX)
            return false;
        for (size_t k = 0; k < 4; k++)
            key[4 * i + k] = (uint8_t)(v >> (24 - 8 * k));
    }
    memcpy(ret, key, sizeof key);
    return true;
}

/* ---- words for a shell ---- */

void kt_shell_quote(struct kt_str word, struct kt_buf *out)
{
    bool plain = word.len > 0;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        plain = plain && (letter || (strchr("_@%+=:,./-", c) != NULL && c != '\0'));
    }
    if (plain) {
        kt_buf_add(out, word);
        return;
    }
    kt_buf_byte(out, '\'');
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] == '\'')
            kt_buf_addz(out, "'\\''");
        else
            kt_buf_byte(out, word.at[i]);
    }
    kt_buf_byte(out, '\'');
}
