/*
 * totals_parts: see the header.
 *
 * Owns:  the database of a struct totals_file.
 * Calls: core/base, core/store (together: sums of bytes).
 */
#include "tests/support/totals_parts.h"

#include <stdlib.h>

#include "core/base/zip.h"
#include "core/store/together_int.h"

static void must(bool good)
{
    if (!good)
        abort();
}

void totals_pack(struct kt_str plain, struct kt_str rest, uint64_t first_seq, uint64_t last_seq,
                 int level, struct kt_buf *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf frame = { 0 }, body = { 0 };
    struct kt_zip *zip = kt_zip_new();
    kt_zip_pack(zip, plain, level, &frame);
    kt_buf_u64(&body, first_seq);
    kt_buf_u64(&body, last_seq);
    kt_buf_u32(&body, (uint32_t)frame.len);
    kt_buf_add(&body, kt_buf_str(&frame));
    kt_buf_add(&body, rest);
    kt_buf_u32(ret, kt_bucket_sum(kt_buf_str(&body)));
    kt_buf_add(ret, kt_buf_str(&body));
    kt_zip_free(zip);
}

void totals_pack_again(struct kt_str part, uint64_t first_seq, uint64_t last_seq, uint8_t change,
                       struct kt_buf *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 };
    struct kt_str inner, frame, rest;
    struct kt_zip *zip = kt_zip_new();
    must(kt_totals_open(part, first_seq, last_seq, &inner));
    must(kt_totals_split(inner, &frame, &rest));
    must(kt_zip_unpack(zip, frame, SIZE_MAX, SIZE_MAX, &plain, NULL) == KT_OK);
    plain.at[plain.len - 1] = (char)(plain.at[plain.len - 1] + change);
    totals_pack(kt_buf_str(&plain), rest, first_seq, last_seq, 9, ret);
    kt_zip_free(zip);
}

void totals_file_open(struct totals_file *f, uint64_t first_seq, uint64_t last_seq)
{
    *f = (struct totals_file){ 0 };
    must(sqlite3_open(":memory:", &f->file.db) == SQLITE_OK);
    must(kt_db_exec(f->file.db, "CREATE TABLE blob (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
                    NULL) == KT_OK);
    f->file.number = 1;
    f->run = (struct kt_totals_run){ first_seq, last_seq, 1, false };
}

void totals_file_close(struct totals_file *f)
{
    (void)sqlite3_close(f->file.db);
}

void totals_file_put(struct totals_file *f, const char *name, struct kt_str bytes)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    must(kt_db_prepare(f->file.db, "INSERT INTO blob VALUES (?1, ?2)", &st, NULL) == KT_OK);
    kt_db_text(st, 1, kt_str_of(name));
    kt_db_blob(st, 2, bytes);
    must(kt_db_run(st, NULL) == KT_OK);
}

void totals_file_clear(struct totals_file *f)
{
    must(kt_db_exec(f->file.db, "DELETE FROM blob", NULL) == KT_OK);
}
