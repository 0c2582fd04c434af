/* Any bytes as a zstd frame and as gzip, fed whole and in pieces: the same content or none. */
#include <assert.h>

#include "core/base/zip.h"

static enum kt_status collect(void *self, struct kt_str piece, struct kt_error *err)
{
    struct kt_buf *b = self;
    if (b->len + piece.len > 1u << 20)
        return kt_fail(err, KT_E_LIMIT, "enough");
    kt_buf_add(b, piece);
    return KT_OK;
}

static enum kt_status gunzip(struct kt_str s, size_t step, struct kt_buf *out)
{
    struct kt_gunzip *g = kt_gunzip_new();
    enum kt_status st = KT_OK;
    for (size_t at = 0; st == KT_OK && at < s.len; at += step)
        st = kt_gunzip_feed(g, kt_str_sub(s, at, step), collect, out, NULL);
    if (st == KT_OK)
        st = kt_gunzip_end(g, NULL);
    kt_gunzip_free(g);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_zip *zip;
    if (zip == NULL)
        zip = kt_zip_new();
    struct kt_str s = kt_str_from(data, size);
    struct kt_buf whole = { 0 }, pieces = { 0 };
    if (kt_zip_unpack(zip, s, 1u << 16, 100, &whole, NULL) == KT_OK)
        assert(whole.len <= 1u << 16);
    kt_buf_reset(&whole);
    enum kt_status st = gunzip(s, size > 0 ? size : 1, &whole);
    size_t step = size > 0 ? 1 + data[0] % 7 : 1;
    assert(gunzip(s, step, &pieces) == st);
    if (st == KT_OK)
        assert(kt_str_eq(kt_buf_str(&whole), kt_buf_str(&pieces)));
    kt_buf_done(&whole);
    kt_buf_done(&pieces);
    return 0;
}
