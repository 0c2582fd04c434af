/* tar: one file out of an archive in memory. Source: POSIX.1-2017, pax, "ustar Interchange
 * Format". */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

/*
 * The content of the first regular file whose name ends in `suffix`; a view of the archive. Other
 * members (folders, links, pax headers) are passed over. KT_E_INPUT: there is none, or a header is
 * damaged, or the archive ends in the middle.
 */
KT_MUST_USE enum kt_status kt_tar_find(struct kt_str archive, struct kt_str suffix,
                                       struct kt_str *ret, struct kt_error *err);
