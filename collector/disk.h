/*
 * disk: room on the store's file system (THREATS D5): 20 % warn, 10 % alert, 5 % refuse; refuse
 * also where a small file system could not take what waits in the -wal file a second time. A
 * ballast file keeps room for the last alert. Nothing is ever deleted to make room but the ballast,
 * and the room that it needs counts as taken while it is not there.
 */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

enum kt_disk_level { KT_DISK_FINE, KT_DISK_WARN, KT_DISK_ALERT, KT_DISK_REFUSE };
struct kt_disk {
    char path[4096]; /* of the store */
    /* Bytes free for us and in all; the real body is kt_disk_statvfs. */
    bool (*measure)(void *self, const char *path, uint64_t *ret_free, uint64_t *ret_all);
    void *self;
    enum kt_disk_level level;
    double free_share;
    bool ballast;
};
bool kt_disk_statvfs(void *self, const char *path, uint64_t *ret_free, uint64_t *ret_all);
void kt_disk_init(struct kt_disk *d, const char *store_path);
/* Measures; true when the level has changed. Gives the ballast up at REFUSE, lays it down again
 * when all is fine. What cannot be measured stays as it was. */
bool kt_disk_check(struct kt_disk *d);
