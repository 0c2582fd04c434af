/* watch: being told by the kernel that a folder changes (inotify), so that nothing has to ask. */
#pragma once
#include "core/sys/fs.h"

struct kt_watch;
/* NULL where fs is not the real one or the kernel has none left: then ask by time. */
struct kt_watch *kt_watch_new(const struct kt_fs *fs);
void kt_watch_free(struct kt_watch *w);
/* Watches the folder of path; again and again is fine. */
void kt_watch_folder_of(struct kt_watch *w, const char *path);
int kt_watch_fd(const struct kt_watch *w); /* -1 when w is NULL */
/* What came since the last call: bytes in some file, names in some folder. Never blocks; of very
 * much it takes a part, and the descriptor stays readable. */
void kt_watch_take(struct kt_watch *w, bool *ret_bytes, bool *ret_names);
