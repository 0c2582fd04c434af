/*
 * prefix: the tree over the first n records of a store, from the hashes that are kept beside its
 * lines: few bytes a segment, no line is opened. Private to core/store.
 *
 * What it proves: the root over the kept hashes. That the lines give those hashes is for verify.
 */
#pragma once
#include "core/store/directory.h"
#include "core/store/tree.h"

struct kt_prefix {
    sqlite3 *db;
    const struct kt_directory *segments; /* of db */
    uint64_t n;
    /* An earlier state of db that ends at n: its batches stand for the part of a segment that came
     * before n, after a comparison of their leaves. NULL: n cuts no segment. */
    sqlite3 *earlier;
};
/* KT_E_CORRUPT says at which record the way to n ends. Call it inside a read transaction when db
 * is being written. */
KT_MUST_USE enum kt_status kt_prefix_tree(const struct kt_prefix *p, struct kt_tree *ret,
                                          struct kt_error *err);
