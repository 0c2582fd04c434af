/* kt_msg_read over any bytes: what it accepts, it writes back byte for byte. */
#include <assert.h>

#include "core/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_msg m = { 0 };
    struct kt_buf again = { 0 };
    struct kt_str in = kt_str_from(data, size);

    if (kt_msg_read(in, &m, NULL) != KT_OK)
        return 0;
    kt_msg_write(&m, &again);
    assert(kt_str_eq(kt_buf_str(&again), in));
    kt_buf_done(&again);
    return 0;
}
