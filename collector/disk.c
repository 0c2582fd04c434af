/*
 * disk: watches the room that is left for the store.
 *
 * Owns:  the ballast file beside the store.
 * Calls: statvfs, fallocate.
 */
#include "collector/disk.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BALLAST_MAX (8u << 20)
#define GROUP       (2u << 20) /* of the store, between two looks at the disk */

static const struct {
    double below;
    enum kt_disk_level level;
} thresholds[] = { { 0.05, KT_DISK_REFUSE }, { 0.10, KT_DISK_ALERT }, { 0.20, KT_DISK_WARN } };

bool kt_disk_statvfs(void *self, const char *path, uint64_t *ret_free, uint64_t *ret_all)
{
    struct statvfs v;
    (void)self;
    if (statvfs(path, &v) != 0 || v.f_blocks == 0)
        return false;
    *ret_free = (uint64_t)v.f_bavail * v.f_frsize;
    *ret_all = (uint64_t)v.f_blocks * v.f_frsize;
    return true;
}

static uint64_t ballast_of(uint64_t all)
{
    uint64_t part = all / 20;
    return part < BALLAST_MAX ? part : BALLAST_MAX;
}

static uint64_t size_of(const struct kt_disk *d, const char *suffix)
{
    char path[sizeof d->path + 16];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s%s", d->path, suffix);
    return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static void lay_ballast(struct kt_disk *d, uint64_t bytes)
{
    char path[sizeof d->path + 16];
    (void)snprintf(path, sizeof path, "%s.ballast", d->path);
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    d->ballast = posix_fallocate(fd, 0, (off_t)bytes) == 0;
    (void)close(fd);
}

static void drop_ballast(struct kt_disk *d)
{
    char path[sizeof d->path + 16];
    (void)snprintf(path, sizeof path, "%s.ballast", d->path);
    (void)unlink(path);
    d->ballast = false;
}

void kt_disk_init(struct kt_disk *d, const char *store_path)
{
    *d = (struct kt_disk){ .measure = kt_disk_statvfs, .free_share = 1 };
    kt_str_copyz(d->path, sizeof d->path, kt_str_of(store_path));
    d->ballast = size_of(d, ".ballast") > 0;
}

/* The room behind what the ballast needs. */
static uint64_t usable(const struct kt_disk *d, uint64_t room, uint64_t all)
{
    uint64_t owed = d->ballast ? 0 : ballast_of(all);
    return room > owed ? room - owed : 0;
}

bool kt_disk_check(struct kt_disk *d)
{
    uint64_t room = 0, all = 0;
    if (!d->measure(d->self, d->path, &room, &all))
        return false;
    enum kt_disk_level level = KT_DISK_FINE, before = d->level;
    room = usable(d, room, all);
    d->free_share = (double)room / (double)all;
    for (size_t i = 0; i < KT_ARRAY_LEN(thresholds) && level == KT_DISK_FINE; i++)
        if (d->free_share < thresholds[i].below)
            level = thresholds[i].level;
    if (room < size_of(d, "-wal") + (before == KT_DISK_REFUSE ? 2 * GROUP : GROUP))
        level = KT_DISK_REFUSE;
    d->level = level;
    if (level == KT_DISK_REFUSE && d->ballast)
        drop_ballast(d);
    else if (level == KT_DISK_FINE && !d->ballast)
        lay_ballast(d, ballast_of(all));
    return level != before;
}
