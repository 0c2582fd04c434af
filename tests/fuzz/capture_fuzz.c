/* Fuzz target: files of Event Hubs Capture, as whoever writes to the storage can make them: the
 * same bodies and the same end, whatever the pieces are. */
#include <assert.h>

#include "agents/inputs/unpack.h"
#include "core/base/buf.h"

#define OUT_MAX (1u << 20)

static enum kt_status on_piece(void *self, struct kt_str piece, struct kt_error *err)
{
    struct kt_buf *out = self;
    if (out->len + piece.len > OUT_MAX)
        return kt_fail(err, KT_E_LIMIT, "enough");
    kt_buf_add(out, piece);
    return KT_OK;
}

static enum kt_status unpack(struct kt_str in, size_t step, struct kt_buf *out)
{
    struct kt_error err;
    struct unpack *u = unpack_new();
    enum kt_status st = KT_OK;
    for (size_t at = 0; at < in.len && st == KT_OK; at += step)
        st = unpack_feed(u, kt_str_sub(in, at, step), on_piece, out, &err);
    if (st == KT_OK)
        st = unpack_end(u, &err);
    unpack_free(u);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf one = { 0 }, other = { 0 };
    const struct kt_str in = kt_str_from((const char *)data, size);
    const enum kt_status st = unpack(in, size + 1, &one);
    if (st != KT_E_LIMIT) {
        assert(unpack(in, 7, &other) == st);
        assert(kt_str_eq(kt_buf_str(&one), kt_buf_str(&other)));
    }
    return 0;
}
