/*
 * zip: zstd frames of batches; gzip or plain bytes of files and feeds.
 *
 * Owns:  the contexts it hands out.
 * Calls: buf, alloc, libzstd, zlib.
 * Holds: a stranger's frame gets memory only after its declared size passed the bounds.
 */
#include "core/base/zip.h"

#include <assert.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "core/base/alloc.h"

#define WINDOW_LOG_MAX 23 /* 8 MiB */

struct kt_zip {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
};

struct kt_zip *kt_zip_new(void)
{
    struct kt_zip *z = kt_alloc(sizeof *z);
    z->pack = ZSTD_createCCtx();
    z->unpack = ZSTD_createDCtx();
    assert(z->pack != NULL && z->unpack != NULL);
    size_t r = ZSTD_DCtx_setParameter(z->unpack, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    assert(!ZSTD_isError(r));
    (void)r;
    return z;
}

void kt_zip_free(struct kt_zip *z)
{
    if (z == NULL)
        return;
    (void)ZSTD_freeCCtx(z->pack);
    (void)ZSTD_freeDCtx(z->unpack);
    kt_free(z);
}

void kt_zip_pack(struct kt_zip *z, struct kt_str s, int level, struct kt_buf *out)
{
    size_t bound = ZSTD_compressBound(s.len);
    size_t n = ZSTD_compressCCtx(z->pack, kt_buf_reserve(out, bound), bound, s.at, s.len, level);
    assert(!ZSTD_isError(n)); /* only memory could fail it */
    out->len += n;
}

void kt_zip_pack_lines(struct kt_zip *z, struct kt_str lines, int table_bits, struct kt_buf *out)
{
    size_t bound = ZSTD_compressBound(lines.len);
    size_t r = ZSTD_CCtx_setParameter(z->pack, ZSTD_c_compressionLevel, 1);
    assert(!ZSTD_isError(r));
    r = ZSTD_CCtx_setParameter(z->pack, ZSTD_c_hashLog, table_bits);
    assert(!ZSTD_isError(r));
    size_t n = ZSTD_compress2(z->pack, kt_buf_reserve(out, bound), bound, lines.at, lines.len);
    assert(!ZSTD_isError(n)); /* only memory could fail it */
    (void)r;
    out->len += n;
}

/* The streaming call, not the one-shot one: only it obeys the window limit. */
static enum kt_status unpack_frame(struct kt_zip *z, struct kt_str frame, size_t size,
                                   struct kt_buf *out, struct kt_error *err)
{
    ZSTD_inBuffer in = { frame.at, frame.len, 0 };
    ZSTD_outBuffer to = { kt_buf_reserve(out, size), size, 0 };
    (void)ZSTD_DCtx_reset(z->unpack, ZSTD_reset_session_only);
    size_t left = ZSTD_decompressStream(z->unpack, &to, &in);
    if (ZSTD_isError(left)) {
        bool window = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
        return kt_fail(err, window ? KT_E_LIMIT : KT_E_INPUT, "zstd: %s", ZSTD_getErrorName(left));
    }
    if (left != 0 || to.pos != size || in.pos != frame.len)
        return kt_fail(err, KT_E_INPUT, "zstd: the frame is not whole");
    out->len += size;
    return KT_OK;
}

enum kt_status kt_zip_unpack(struct kt_zip *z, struct kt_str frame, size_t raw_max,
                             size_t ratio_max, struct kt_buf *out, struct kt_error *err)
{
    unsigned long long size = ZSTD_getFrameContentSize(frame.at, frame.len);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
        return kt_fail(err, KT_E_INPUT, "zstd: no frame with a content size");
    size_t by_ratio;
    if (__builtin_mul_overflow(frame.len, ratio_max, &by_ratio))
        by_ratio = SIZE_MAX;
    if (size > raw_max || size > by_ratio)
        return kt_fail(err, KT_E_LIMIT, "zstd: %zu bytes claim to hold %llu", frame.len, size);
    size_t whole = ZSTD_findFrameCompressedSize(frame.at, frame.len);
    if (ZSTD_isError(whole))
        return kt_fail(err, KT_E_INPUT, "zstd: %s", ZSTD_getErrorName(whole));
    if (whole != frame.len)
        return kt_fail(err, KT_E_INPUT, "zstd: bytes behind the frame");
    return unpack_frame(z, frame, (size_t)size, out, err);
}

/* ---- gzip ---- */

#define PIECE      (64u << 10)
#define GZIP_FIRST 0x1Fu
#define GZIP_NEXT  0x8Bu

enum gunzip_state {
    GZ_START,   /* nothing seen */
    GZ_SNIFF,   /* the first byte was gzip's, the second is to come */
    GZ_PLAIN,   /* passed through */
    GZ_MEMBER,  /* inside a member */
    GZ_BETWEEN, /* a member ended: another one or the end */
};

struct kt_gunzip {
    enum gunzip_state state;
    z_stream z;
    unsigned char piece[PIECE];
};

typedef enum kt_status (*out_fn)(void *self, struct kt_str piece, struct kt_error *err);

static struct kt_gunzip *inflate_new(int window)
{
    struct kt_gunzip *g = kt_alloc(sizeof *g);
    int r = inflateInit2(&g->z, window);
    assert(r == Z_OK);
    (void)r;
    return g;
}

struct kt_gunzip *kt_gunzip_new(void)
{
    return inflate_new(16 + MAX_WBITS);
}

struct kt_gunzip *kt_inflate_new(void)
{
    struct kt_gunzip *g = inflate_new(-MAX_WBITS);
    g->state = GZ_BETWEEN;
    return g;
}

void kt_gunzip_free(struct kt_gunzip *g)
{
    if (g == NULL)
        return;
    (void)inflateEnd(&g->z);
    kt_free(g);
}

static enum kt_status pass(struct kt_str in, out_fn out, void *self, struct kt_error *err)
{
    for (size_t at = 0; at < in.len; at += PIECE) {
        enum kt_status st = out(self, kt_str_sub(in, at, PIECE), err);
        if (st != KT_OK)
            return st;
    }
    return KT_OK;
}

/* Feeds bytes of members; zlib's counter is an unsigned int, so the caller cuts the input. */
static enum kt_status inflate_some(struct kt_gunzip *g, struct kt_str in, out_fn out, void *self,
                                   struct kt_error *err)
{
    g->z.next_in = (const Bytef *)in.at;
    g->z.avail_in = (uInt)in.len;
    for (;;) {
        if (g->state == GZ_BETWEEN) {
            if (g->z.avail_in == 0)
                return KT_OK;
            (void)inflateReset(&g->z);
            g->state = GZ_MEMBER;
        }
        g->z.next_out = g->piece;
        g->z.avail_out = PIECE;
        int r = inflate(&g->z, Z_NO_FLUSH);
        size_t n = PIECE - g->z.avail_out;
        enum kt_status st = n > 0 ? out(self, kt_str_from(g->piece, n), err) : KT_OK;
        if (st != KT_OK)
            return st;
        if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
            return kt_fail(err, KT_E_INPUT, "gzip: %s", g->z.msg != NULL ? g->z.msg : "broken");
        if (r == Z_STREAM_END)
            g->state = GZ_BETWEEN;
        else if (g->z.avail_in == 0 && n < PIECE)
            return KT_OK;
    }
}

static enum kt_status inflate_all(struct kt_gunzip *g, struct kt_str in, out_fn out, void *self,
                                  struct kt_error *err)
{
    for (size_t at = 0; at < in.len; at += 1u << 30) {
        enum kt_status st = inflate_some(g, kt_str_sub(in, at, 1u << 30), out, self, err);
        if (st != KT_OK)
            return st;
    }
    return KT_OK;
}

/* Decides by the first two bytes; gives the held first byte to whom it belongs. */
static enum kt_status sniff(struct kt_gunzip *g, struct kt_str *in, out_fn out, void *self,
                            struct kt_error *err)
{
    static const char first = (char)GZIP_FIRST;
    if (g->state == GZ_START) {
        bool maybe = (unsigned char)in->at[0] == GZIP_FIRST;
        g->state = maybe ? GZ_SNIFF : GZ_PLAIN;
        if (maybe)
            *in = kt_str_from_index(*in, 1);
    }
    if (g->state != GZ_SNIFF || in->len == 0)
        return KT_OK;
    struct kt_str held = { &first, 1 };
    bool gzip = (unsigned char)in->at[0] == GZIP_NEXT;
    g->state = gzip ? GZ_MEMBER : GZ_PLAIN;
    return gzip ? inflate_all(g, held, out, self, err) : out(self, held, err);
}

enum kt_status kt_gunzip_feed(struct kt_gunzip *g, struct kt_str in, out_fn out, void *self,
                              struct kt_error *err)
{
    if (in.len == 0)
        return KT_OK;
    enum kt_status st = sniff(g, &in, out, self, err);
    if (st != KT_OK || in.len == 0)
        return st;
    return g->state == GZ_PLAIN ? pass(in, out, self, err) : inflate_all(g, in, out, self, err);
}

enum kt_status kt_gunzip_end(struct kt_gunzip *g, struct kt_error *err)
{
    if (g->state == GZ_MEMBER || g->state == GZ_SNIFF)
        return kt_fail(err, KT_E_INPUT, "gzip: the stream ends inside a member");
    return KT_OK;
}

void kt_gzip(struct kt_str s, struct kt_buf *out)
{
    z_stream z = { 0 };
    int rc =
        deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
    assert(rc == Z_OK && s.len <= UINT32_MAX);
    size_t room = deflateBound(&z, (uLong)s.len);
    z.next_in = (z_const Bytef *)(uintptr_t)s.at;
    z.avail_in = (uInt)s.len;
    z.next_out = (Bytef *)kt_buf_reserve(out, room);
    z.avail_out = (uInt)room;
    rc = deflate(&z, Z_FINISH);
    assert(rc == Z_STREAM_END);
    out->len += room - z.avail_out;
    deflateEnd(&z);
}
