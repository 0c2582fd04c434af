/* store_row: the columns of a batch's row are hostile bytes: read whole or refused by number. */
#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_zip *zip;
    static sqlite3_stmt *st;
    if (zip == NULL) {
        sqlite3 *db = NULL;
        zip = kt_zip_new();
        int rc = sqlite3_open(":memory:", &db);
        assert(rc == SQLITE_OK);
        enum kt_status ready = kt_db_prepare(db,
                                             "SELECT ?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,"
                                             "?14,?15,?16,?17,?18,?19",
                                             &st, NULL);
        assert(ready == KT_OK);
    }
    struct kt_rd rd = kt_rd_of(kt_str_from(data, size));
    struct kt_buf packed = { 0 };
    bool pack = kt_rd_u8(&rd) & 1; /* else the bytes are the frame itself */
    for (int i = 1; i <= 11; i++)
        kt_db_i64(st, i, (int64_t)(int16_t)kt_rd_u16(&rd));
    kt_db_text(st, 4, KT_STR("agent"));
    kt_db_blob_or_null(st, 5, KT_STR("0123456789abcdef"));
    for (int i = 13; i <= 18; i++)
        kt_db_blob_or_null(st, i, kt_rd_bytes(&rd, kt_rd_u8(&rd)));
    kt_db_blob(st, 12, KT_STR("0123456789abcdef0123456789abcdef"));
    struct kt_str rest = kt_str_from(rd.at, rd.left);
    if (pack)
        kt_zip_pack(zip, rest, 1, &packed);
    kt_db_blob(st, 19, pack ? kt_buf_str(&packed) : rest);
    enum kt_status stepped = kt_db_step(st, NULL);
    assert(stepped == KT_OK);

    struct kt_row row;
    struct kt_error err = { 0 };
    if (kt_row_read(st, &row, &err) == KT_OK) {
        struct kt_lines lines = { 0 };
        kt_time_ns *arrival = kt_alloc_array(row.count, sizeof *arrival);
        bool *conflict = kt_alloc_array(row.count, sizeof *conflict);
        if (kt_row_lines(&row, zip, &lines, &err) == KT_OK)
            assert(lines.n == row.count);
        (void)kt_row_arrivals(&row, arrival, &err);
        (void)kt_row_conflicts(&row, conflict, &err);
        struct kt_cover cover;
        (void)kt_row_nodes(&row, &cover, &err);
        kt_lines_done(&lines);
        kt_free(arrival);
        kt_free(conflict);
    }
    (void)sqlite3_reset(st);
    kt_buf_done(&packed);
    return 0;
}
