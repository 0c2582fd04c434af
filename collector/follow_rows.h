/*
 * follow_rows: changed rows of the state, each once, on their way to the store. What changes again
 * before it is written takes the place of what it was, so that an entry is written once for a save
 * however often it left memory before. Shared: whoever holds a reference may look; only who holds
 * the only one may change it.
 */
#pragma once
#include "detectors/table.h"

struct kt_changed;
struct kt_changed *kt_changed_new(void);
struct kt_changed *kt_changed_share(struct kt_changed *r); /* one more reference */
void kt_changed_free(struct kt_changed *r);                /* drops one; NULL is nothing */
/* Changes as detectors/table.h says, in the order in which they came. */
void kt_changed_take(struct kt_changed *r, struct kt_str changes);
void kt_changed_give(struct kt_changed *to,
                     const struct kt_changed *later); /* the same, all of another */
/* What is known here of an entry. KT_CHANGED_PUT: its packed struct was added to ret. */
enum kt_changed_known { KT_CHANGED_NOTHING, KT_CHANGED_PUT, KT_CHANGED_REMOVED };
enum kt_changed_known kt_changed_find(const struct kt_changed *r, uint32_t table, struct kt_key key,
                                      struct kt_buf *ret);
uint32_t kt_changed_count(const struct kt_changed *r);
size_t kt_changed_bytes(const struct kt_changed *r); /* of memory, without room to grow */
/* Puts them in the order of the store's key: rows of one page of it are written together. */
void kt_changed_sort(struct kt_changed *r);
/* In that order; start with *at = 0. false: the end. ret borrows from r. */
bool kt_changed_next(const struct kt_changed *r, uint32_t *at, struct kt_table_row *ret);
