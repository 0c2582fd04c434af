/* tar: files one behind the other in the ustar format (POSIX.1-2017, pax, "ustar Interchange
 * Format"): a block of 512 bytes a file, then its bytes, filled up to a whole block. */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

/* A regular file, 0644, of nobody, at time 0: the same package gives the same bytes. KT_E_LIMIT:
 * the name is longer than 100 bytes and cannot be parted, or the size has more than 33 bits. */
KT_MUST_USE enum kt_status kt_tar_head(struct kt_buf *out, struct kt_str name, uint64_t size,
                                       struct kt_error *err);
void kt_tar_pad(struct kt_buf *out, uint64_t size); /* behind the file's bytes */
void kt_tar_end(struct kt_buf *out);
