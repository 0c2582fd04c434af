/*
 * buf: a byte buffer that doubles, and the little-endian fields of our own formats.
 *
 * Owns:  the memory of a kt_buf until kt_buf_done.
 * Calls: alloc.
 * Holds: readers never touch a byte behind their end; after the first short read all give zeroes.
 */
#include "core/base/buf.h"

#include <assert.h>
#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"

#define BUF_FIRST 256u

void kt_buf_done(struct kt_buf *b)
{
    if (b == NULL)
        return;
    kt_free(b->at);
    *b = (struct kt_buf){ 0 };
}

void kt_buf_reset(struct kt_buf *b)
{
    b->len = 0;
}

void kt_buf_grow(struct kt_buf *b, size_t n)
{
    size_t need, cap = b->cap > 0 ? b->cap : BUF_FIRST;
    if (__builtin_add_overflow(b->len, n, &need))
        need = SIZE_MAX; /* the allocation below ends the process */
    while (cap < need)
        cap = cap <= SIZE_MAX / 2 ? cap * 2 : need;
    b->at = kt_realloc_array(b->at, cap, 1);
    b->cap = cap;
}

void kt_buf_move(struct kt_buf *from, size_t n, struct kt_buf *to)
{
    n = n < from->len ? n : from->len;
    if (n == 0)
        return;
    kt_buf_add_bytes(to, from->at, n);
    from->len -= n;
    memmove(from->at, from->at + n, from->len);
}

void kt_buf_addf(struct kt_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    (void)kt_buf_reserve(b, 64);
    size_t room = b->cap - b->len;
    int n = vsnprintf(b->at + b->len, room, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n >= room)
        n = vsnprintf(kt_buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    va_end(again);
    assert(n >= 0);
    b->len += (size_t)n;
}

#define DIGITS 20 /* of 64 bits, at most */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* The last eight digits of a number that has more, which 32 bits hold. */
static void put_8(char *to, uint32_t v)
{
    const uint32_t high = v / 10000, low = v % 10000;
    memcpy(to, pairs + high / 100 * 2, 2);
    memcpy(to + 2, pairs + high % 100 * 2, 2);
    memcpy(to + 4, pairs + low / 100 * 2, 2);
    memcpy(to + 6, pairs + low % 100 * 2, 2);
}

void kt_buf_u64_dec(struct kt_buf *b, uint64_t v)
{
    char text[2 * DIGITS] = ""; /* DIGITS from anywhere in it are copied without a call */
    size_t at = DIGITS;
    for (; v >= 100000000; v /= 100000000)
        put_8(text + (at -= 8), (uint32_t)(v % 100000000));
    uint32_t rest = (uint32_t)v;
    for (; rest >= 100; rest /= 100)
        memcpy(text + (at -= 2), pairs + rest % 100 * 2, 2);
    if (rest >= 10)
        memcpy(text + (at -= 2), pairs + rest * 2, 2);
    else
        text[--at] = (char)('0' + rest);
    memcpy(kt_buf_reserve(b, DIGITS), text + at, DIGITS);
    b->len += DIGITS - at;
}

void kt_buf_i64_dec(struct kt_buf *b, int64_t v)
{
    if (v < 0)
        kt_buf_byte(b, '-');
    kt_buf_u64_dec(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

struct kt_str kt_buf_str(const struct kt_buf *b)
{
    return (struct kt_str){ b->at != NULL ? b->at : "", b->len };
}

const char *kt_buf_z(struct kt_buf *b)
{
    *kt_buf_reserve(b, 1) = '\0';
    return b->at;
}

static void add_le(struct kt_buf *b, uint64_t v, size_t n)
{
    char *to = kt_buf_reserve(b, n);
    for (size_t i = 0; i < n; i++)
        to[i] = (char)(unsigned char)(v >> (8 * i));
    b->len += n;
}

void kt_buf_u8(struct kt_buf *b, uint8_t v)
{
    add_le(b, v, 1);
}

void kt_buf_u16(struct kt_buf *b, uint16_t v)
{
    add_le(b, v, 2);
}

void kt_buf_u32(struct kt_buf *b, uint32_t v)
{
    add_le(b, v, 4);
}

void kt_buf_u64(struct kt_buf *b, uint64_t v)
{
    add_le(b, v, 8);
}

void kt_buf_varint(struct kt_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        kt_buf_u8(b, (uint8_t)(v | 0x80));
    kt_buf_u8(b, (uint8_t)v);
}

void kt_buf_zigzag(struct kt_buf *b, int64_t v)
{
    kt_buf_varint(b, ((uint64_t)v << 1) ^ (0 - ((uint64_t)v >> 63)));
}

void kt_buf_str16(struct kt_buf *b, struct kt_str s)
{
    assert(s.len <= UINT16_MAX);
    kt_buf_u16(b, (uint16_t)s.len);
    kt_buf_add(b, s);
}

void kt_buf_str32(struct kt_buf *b, struct kt_str s)
{
    assert(s.len <= UINT32_MAX);
    kt_buf_u32(b, (uint32_t)s.len);
    kt_buf_add(b, s);
}

struct kt_rd kt_rd_of(struct kt_str s)
{
    return (struct kt_rd){ .at = (const unsigned char *)s.at, .left = s.len };
}

/* Written out, compilers make one load of it. */
static uint64_t load_u64(const unsigned char *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
           (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 |
           (uint64_t)at[7] << 56;
}

/* Seven bits of each of eight bytes, moved together: pairs, then pairs of pairs, then halves. */
static uint64_t squeeze(uint64_t word)
{
    word &= UINT64_C(0x7f7f7f7f7f7f7f7f);
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (word & UINT64_C(0x000000000fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}

uint64_t kt_rd_varint_long(struct kt_rd *r)
{
    uint64_t v = 0;
    size_t most = r->left < 10 ? r->left : 10;
    if (r->left >= 8 && !r->bad) { /* at once when it ends in the next eight bytes */
        uint64_t word = load_u64(r->at), ends = ~word & UINT64_C(0x8080808080808080);
        if (ends != 0) {
            size_t n = (size_t)__builtin_ctzll(ends) / 8 + 1;
            r->at += n;
            r->left -= n;
            return squeeze(word & (ends ^ (ends - 1)));
        }
    }
    for (size_t i = 0; i < most; i++) {
        uint8_t byte = r->at[i];
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            if (r->bad || (i == 9 && byte > 1))
                break;
            r->at += i + 1;
            r->left -= i + 1;
            return v;
        }
    }
    r->bad = true;
    return 0;
}

int64_t kt_rd_zigzag(struct kt_rd *r)
{
    uint64_t v = kt_rd_varint(r);
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

struct kt_str kt_rd_bytes(struct kt_rd *r, size_t n)
{
    if (r->bad || n > r->left) {
        r->bad = true;
        return KT_STR_NONE;
    }
    struct kt_str bytes = { (const char *)r->at, n };
    if (n > 0)
        r->at += n;
    r->left -= n;
    return bytes;
}

/* Inline: of a length that is known it is one load. */
static inline uint64_t read_le(struct kt_rd *r, size_t n)
{
    struct kt_str bytes = kt_rd_bytes(r, n);
    uint64_t v = 0;
    if (bytes.len == n)
        memcpy(&v, bytes.at, n);
    return le64toh(v);
}

uint8_t kt_rd_u8(struct kt_rd *r)
{
    return (uint8_t)read_le(r, 1);
}

uint16_t kt_rd_u16(struct kt_rd *r)
{
    return (uint16_t)read_le(r, 2);
}

uint32_t kt_rd_u32(struct kt_rd *r)
{
    return (uint32_t)read_le(r, 4);
}

uint64_t kt_rd_u64(struct kt_rd *r)
{
    return read_le(r, 8);
}

struct kt_str kt_rd_str16(struct kt_rd *r)
{
    return kt_rd_bytes(r, kt_rd_u16(r));
}

struct kt_str kt_rd_str32(struct kt_rd *r)
{
    return kt_rd_bytes(r, kt_rd_u32(r));
}
