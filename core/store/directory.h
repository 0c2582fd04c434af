/* directory: the rows of table segment in memory, about 120 bytes each. Private to core/store. */
#pragma once
#include "core/store/segment.h"

struct kt_directory {
    struct kt_segment *at; /* by first_seq; days are owned */
    uint32_t n, cap;
    uint32_t damaged;    /* rows that were left out */
    struct kt_error why; /* what is wrong with the first of them */
};
void kt_directory_done(struct kt_directory *d);
/* Adds what the file has behind the last one. A row that makes no sense is left out and counted:
 * readers show the rest, a writer does not begin. */
KT_MUST_USE enum kt_status kt_directory_load(struct kt_directory *d, sqlite3 *db,
                                             struct kt_error *err);
/* Reads all of it again. */
KT_MUST_USE enum kt_status kt_directory_reload(struct kt_directory *d, sqlite3 *db,
                                               struct kt_error *err);
void kt_directory_add(struct kt_directory *d, const struct kt_segment *seg);
/* In place of n of them, from number `from` on, comes one. */
void kt_directory_replace(struct kt_directory *d, uint32_t from, uint32_t n,
                          const struct kt_segment *seg);
/* Sealed segments that stand in [from, from + n), merged or not. */
uint64_t kt_directory_pieces(const struct kt_directory *d, uint32_t from, uint32_t n);
void kt_directory_drop(struct kt_directory *d, uint64_t first_seq);
/* Number of the first segment whose last record is seq or later; n when there is none. */
uint32_t kt_directory_from(const struct kt_directory *d, uint64_t seq);
