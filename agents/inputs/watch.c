/*
 * watch: inotify on folders.
 *
 * Owns:  one inotify descriptor.
 * Calls: core/base, inotify.
 */
#include "agents/inputs/watch.h"
#include "core/base/alloc.h"
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define WATCHED                                                                                    \
    (IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |            \
     IN_DELETE_SELF | IN_ATTRIB)
#define BYTES (IN_MODIFY | IN_CLOSE_WRITE)
#define READS 16u /* in one turn: who writes without end into the folder keeps nobody from it */

struct kt_watch {
    int fd;
};

struct kt_watch *kt_watch_new(const struct kt_fs *fs)
{
    if (fs->open != kt_fs_real.open)
        return NULL;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct kt_watch *w = kt_alloc(sizeof *w);
    w->fd = fd;
    return w;
}

void kt_watch_free(struct kt_watch *w)
{
    if (w == NULL)
        return;
    (void)close(w->fd);
    kt_free(w);
}

void kt_watch_folder_of(struct kt_watch *w, const char *path)
{
    if (w == NULL)
        return;
    struct kt_str p = kt_str_of(path);
    ptrdiff_t slash = kt_str_rfind_byte(p, '/');
    KT_CLEANUP(kt_free_ptr)
    char *dir = kt_str_dup(slash > 0    ? kt_str_sub(p, 0, (size_t)slash)
                           : slash == 0 ? KT_STR("/")
                                        : KT_STR("."));
    (void)inotify_add_watch(w->fd, dir, WATCHED); /* failing only means asking by time */
}

int kt_watch_fd(const struct kt_watch *w)
{
    return w != NULL ? w->fd : -1;
}

void kt_watch_take(struct kt_watch *w, bool *ret_bytes, bool *ret_names)
{
    _Alignas(struct inotify_event) char room[8192];

    *ret_bytes = *ret_names = false;
    ssize_t n;
    for (unsigned i = 0; w != NULL && i < READS && (n = read(w->fd, room, sizeof room)) > 0; i++) {
        for (char *at = room; at < room + n;) {
            struct inotify_event ev;
            memcpy(&ev, at, sizeof ev);
            *ret_bytes = *ret_bytes || (ev.mask & BYTES) != 0;
            *ret_names = *ret_names || (ev.mask & ~(uint32_t)BYTES) != 0;
            at += sizeof ev + ev.len;
        }
    }
}
