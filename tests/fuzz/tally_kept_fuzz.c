/* tally_kept: any bytes as a block of sums; what is read and written comes back the same. */
#include <stdlib.h>

#include "core/answer/tally_kept.h"

#define BLOCK 640

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_and_write(struct kt_str bytes, struct kt_buf *out)
{
    struct kt_tally *t = kt_tally_new(BLOCK * KT_TALLY_BLOCK, KT_TALLY_BLOCK);
    bool read = kt_tally_block_read(t, BLOCK, 0, bytes);
    if (read)
        kt_tally_block_write(t, BLOCK, out);
    kt_tally_free(t);
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_buf once = { 0 }, twice = { 0 };
    if (read_and_write(kt_str_from(data, size), &once) &&
        (!read_and_write(kt_buf_str(&once), &twice) ||
         !kt_str_eq(kt_buf_str(&once), kt_buf_str(&twice))))
        abort();
    kt_buf_done(&once);
    kt_buf_done(&twice);
    return 0;
}
