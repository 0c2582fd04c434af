/* buf: a growable byte buffer, and little-endian writing and bounded reading for our own formats.
 */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

struct kt_buf {
    char *at;
    size_t len, cap;
};

void kt_buf_done(struct kt_buf *b);           /* frees; zeroed afterwards */
void kt_buf_reset(struct kt_buf *b);          /* len = 0, keeps memory */
void kt_buf_grow(struct kt_buf *b, size_t n); /* kt_buf_reserve where there is no room yet */
/* Makes room for n more bytes and returns where they go (len unchanged). */
static inline char *kt_buf_reserve(struct kt_buf *b, size_t n)
{
    if (b->at == NULL || n > b->cap - b->len)
        kt_buf_grow(b, n);
    return b->at + b->len;
}
static inline void kt_buf_add_bytes(struct kt_buf *b, const void *at, size_t n)
{
    if (n == 0)
        return;
    memcpy(kt_buf_reserve(b, n), at, n);
    b->len += n;
}
static inline void kt_buf_add(struct kt_buf *b, struct kt_str s)
{
    kt_buf_add_bytes(b, s.at, s.len);
}
static inline void kt_buf_addz(struct kt_buf *b, const char *z)
{
    kt_buf_add(b, kt_str_of(z));
}
static inline void kt_buf_byte(struct kt_buf *b, char c)
{
    *kt_buf_reserve(b, 1) = c;
    b->len++;
}
/* Takes up to n bytes off the front of one and adds them to the other. */
void kt_buf_move(struct kt_buf *from, size_t n, struct kt_buf *to);
void kt_buf_addf(struct kt_buf *b, const char *fmt, ...) KT_PRINTF(2, 3);
void kt_buf_u64_dec(struct kt_buf *b, uint64_t v); /* decimal, fast */
void kt_buf_i64_dec(struct kt_buf *b, int64_t v);
struct kt_str kt_buf_str(const struct kt_buf *b);
const char *kt_buf_z(struct kt_buf *b); /* NUL-ends behind len without counting it */
void kt_buf_u8(struct kt_buf *b, uint8_t v);
void kt_buf_u16(struct kt_buf *b, uint16_t v);
void kt_buf_u32(struct kt_buf *b, uint32_t v);
void kt_buf_u64(struct kt_buf *b, uint64_t v);
/* LEB128: seven bits a byte, low ones first; zigzag: 0, -1, 1, -2 … as 0, 1, 2, 3 … */
void kt_buf_varint(struct kt_buf *b, uint64_t v);
void kt_buf_zigzag(struct kt_buf *b, int64_t v);
void kt_buf_str16(struct kt_buf *b, struct kt_str s); /* u16 length, bytes; asserts len <= 65535 */
void kt_buf_str32(struct kt_buf *b, struct kt_str s);

/* Reads never go past the end: a short input sets bad and gives zeroes. */
struct kt_rd {
    const unsigned char *at;
    size_t left;
    bool bad;
};
struct kt_rd kt_rd_of(struct kt_str s);
uint8_t kt_rd_u8(struct kt_rd *r);
uint16_t kt_rd_u16(struct kt_rd *r);
uint32_t kt_rd_u32(struct kt_rd *r);
uint64_t kt_rd_u64(struct kt_rd *r);
uint64_t kt_rd_varint_long(struct kt_rd *r);         /* kt_rd_varint of any length */
static inline uint64_t kt_rd_varint(struct kt_rd *r) /* more than 64 bits: bad */
{
    if (r->left == 0 || *r->at >= 0x80 || r->bad)
        return kt_rd_varint_long(r);
    r->left--;
    return *r->at++;
}
int64_t kt_rd_zigzag(struct kt_rd *r);
struct kt_str kt_rd_bytes(struct kt_rd *r, size_t n); /* borrowed from the input */
struct kt_str kt_rd_str16(struct kt_rd *r);
struct kt_str kt_rd_str32(struct kt_rd *r);
