/* totals_parts: parts of a stretch's sums as bytes, and a file in memory that has some. */
#pragma once
#include "core/store/reader.h"
#include "core/store/totals_int.h"

/* Appends the part that has `plain` in its frame, and `rest` behind it. */
void totals_pack(struct kt_str plain, struct kt_str rest, uint64_t first_seq, uint64_t last_seq,
                 int level, struct kt_buf *ret);
/* The same of a part there is: as another libzstd would write it. To the last byte of what is in
 * the frame `change` is added. */
void totals_pack_again(struct kt_str part, uint64_t first_seq, uint64_t last_seq, uint8_t change,
                       struct kt_buf *ret);

struct totals_file {
    struct kt_reader file; /* of blobs alone, and its directory, which is the caller's */
    struct kt_totals_run run;
};
void totals_file_open(struct totals_file *f, uint64_t first_seq, uint64_t last_seq);
void totals_file_close(struct totals_file *f);
void totals_file_put(struct totals_file *f, const char *name, struct kt_str bytes);
void totals_file_clear(struct totals_file *f);
