/* table_rows: rows of the detectors' state and packed structs are bytes of a file: read whole or
 * refused, and what is packed again is the same. */
#include <assert.h>
#include <string.h>

#include "detectors/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_rd in = kt_rd_of(kt_str_from((const char *)data, size));
    struct kt_buf again = { 0 };
    struct kt_table_row r;
    unsigned char state[300];
    while (kt_table_row_read(&in, &r)) {
        uint32_t bytes = 1 + (uint32_t)(r.key.a % sizeof state);
        if (r.op != KT_ROW_PUT || !kt_table_unpack(r.state, state, bytes))
            continue;
        unsigned char same[sizeof state];
        kt_buf_reset(&again);
        kt_table_pack(state, bytes, &again);
        bool whole = kt_table_unpack(kt_buf_str(&again), same, bytes);
        assert(whole && memcmp(state, same, bytes) == 0);
        assert(again.len <= r.state.len);
    }
    kt_buf_done(&again);
    return 0;
}
