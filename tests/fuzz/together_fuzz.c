/*
 * together: any bytes as a bucket of kept pairs, and as the list of stretches: read within their
 * bounds or refused; a list that is read is written as it was. Input: u64 hash, then the bytes,
 * before which as a bucket their sum is put.
 */
#include <stdlib.h>

#include "core/store/together_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_rd rd = kt_rd_of(kt_str_from(data, size));
    uint64_t hash = kt_rd_u64(&rd);
    struct kt_str bytes = kt_rd_bytes(&rd, rd.left);
    uint8_t set[KT_TOGETHER_SEGMENTS / 8] = { 0 };
    struct kt_stretches s;
    struct kt_buf out = { 0 };
    (void)kt_bucket_find(bytes, hash, set);
    kt_buf_u32(&out, kt_bucket_sum(bytes));
    kt_buf_add(&out, bytes);
    (void)kt_bucket_find(kt_buf_str(&out), hash, set);
    kt_buf_reset(&out);
    if (!kt_stretches_read(&s, bytes) || s.other) {
        kt_buf_done(&out);
        return 0;
    }
    kt_stretches_write(&s, &out);
    if (!kt_str_eq(kt_buf_str(&out), bytes))
        abort();
    kt_buf_done(&out);
    kt_stretches_done(&s);
    return 0;
}
