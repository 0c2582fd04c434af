/* backup_int: shared by backup.c and restore.c. */
#pragma once
#include "core/base/buf.h"

/* KT_E_LIMIT when the file system of path has less room. */
KT_MUST_USE enum kt_status kt_backup_room(const char *path, uint64_t need, struct kt_error *err);
/* The folder that path lies in, NUL-ended. */
void kt_backup_folder(const char *path, struct kt_buf *ret);
