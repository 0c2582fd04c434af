/*
 * walk: segments and batches by number, those left out that cannot match. Private to core/store.
 *
 * Sealing moves records from the tail into a segment between two steps of a walk: it asks for the
 * next number, wherever that record now is, so none is missed and none comes twice.
 */
#pragma once
#include "core/store/chunk.h"

struct kt_reader;
struct kt_walk;
/* Narrows from_seq and until_seq to the records of this file as it is now, so that what is stored
 * from now on is not seen. r: one file; from > until when it has none of them. */
KT_MUST_USE enum kt_status kt_walk_bounds(struct kt_reader *r, struct kt_scan *scan,
                                          struct kt_error *err);
/* scan has been through kt_walk_bounds; its sieves are borrowed. */
KT_MUST_USE enum kt_status kt_walk_open(struct kt_reader *r, const struct kt_scan *scan,
                                        const struct kt_want *want, struct kt_walk **ret,
                                        struct kt_error *err);
void kt_walk_free(struct kt_walk *w);
/* The next chunk with picks; KT_E_AGAIN at the end. What is damaged is KT_E_CORRUPT once; the next
 * call goes on behind it. */
KT_MUST_USE enum kt_status kt_walk_next(struct kt_walk *w, const struct kt_chunk **ret,
                                        struct kt_error *err);
void kt_walk_since(struct kt_walk *w, kt_time_ns since);
void kt_walk_cost(const struct kt_walk *w, struct kt_scan_cost *ret); /* adds to it */
/* The line of row i of the chunk at hand; borrowed until the next chunk. */
KT_MUST_USE enum kt_status kt_walk_line(struct kt_walk *w, uint32_t i, struct kt_str *ret,
                                        struct kt_error *err);
