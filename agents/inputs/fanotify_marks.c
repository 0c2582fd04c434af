/*
 * fanotify_marks: which files and folders the kernel is asked to tell about.
 *
 * Owns:  the fanotify and the inotify descriptor, the list of what is marked.
 * Calls: core/base, core/sys (glob); fanotify, inotify, folders.
 * Holds: a mark is on the file, not on its name. So the folders of all names are watched, and the
 *        whole configuration is gone through again when something in them is made or moved. No
 *        permission events: nobody ever waits for us.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/inputs/fanotify_int.h"
#include "core/base/alloc.h"
#include "core/base/str.h"
#include "core/sys/fs.h"

#define DEPTH_MAX 16u
#define TOLD      (FAN_OPEN | FAN_OPEN_EXEC | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_CLOSE_NOWRITE)
#define NAMES                                                                                      \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |         \
     IN_ONLYDIR)

struct marked {
    dev_t dev;
    ino_t ino;
    char *path;
};
struct kt_fan_marks {
    int fan, names;
    const char *const *paths;
    unsigned n_paths;
    struct marked *at;
    unsigned n, cap;
    char problem[200];
};

/* ---- one file or folder ---- */

static void problem(struct kt_fan_marks *m, const char *path)
{
    if (m->problem[0] != '\0')
        return;
    if (errno == ENOSPC)
        (void)snprintf(m->problem, sizeof m->problem,
                       "not all is watched: the kernel allows no more marks; name fewer folders or "
                       "raise fs.fanotify.max_user_marks");
    else
        (void)snprintf(m->problem, sizeof m->problem, "'%.100s' is not watched: %s", path,
                       strerror(errno));
}

static void remember(struct kt_fan_marks *m, const struct stat *st, const char *path)
{
    if (m->n == m->cap) {
        m->cap = m->cap == 0 ? 64 : 2 * m->cap;
        m->at = kt_realloc_array(m->at, m->cap, sizeof *m->at);
    }
    m->at[m->n++] = (struct marked){ st->st_dev, st->st_ino, kt_strdup(path) };
}

static bool is_known(const struct kt_fan_marks *m, const struct stat *st)
{
    return kt_fan_marks_path(m, st->st_dev, st->st_ino) != NULL;
}

/* False: nothing more fits. */
static bool mark(struct kt_fan_marks *m, const char *path, const struct stat *st)
{
    uint64_t told = TOLD | (S_ISDIR(st->st_mode) ? FAN_EVENT_ON_CHILD | FAN_ONDIR : 0);
    if (m->n >= KT_FAN_MARKS_MAX) {
        (void)snprintf(m->problem, sizeof m->problem,
                       "not all is watched: more than %u files and folders; name fewer folders",
                       KT_FAN_MARKS_MAX);
        return false;
    }
    if (fanotify_mark(m->fan, FAN_MARK_ADD, told, AT_FDCWD, path) == 0)
        remember(m, st, path);
    else if (errno != ENOENT)
        problem(m, path);
    return true;
}

/* A folder that is not there is none to watch; the look from time to time finds it. */
static void watch_names(struct kt_fan_marks *m, const char *folder)
{
    if (inotify_add_watch(m->names, folder, NAMES) < 0 && errno == ENOSPC)
        (void)snprintf(m->problem, sizeof m->problem,
                       "files that are replaced are found late: raise fs.inotify.max_user_watches");
}

static void watch_folder_of(struct kt_fan_marks *m, const char *path)
{
    ptrdiff_t slash = kt_str_rfind_byte(kt_str_of(path), '/');
    KT_CLEANUP(kt_free_ptr)
    char *folder = slash > 0 ? kt_str_dup(kt_str_from(path, (size_t)slash)) : kt_strdup("/");
    watch_names(m, folder);
}

/* ---- trees ---- */

static void mark_tree(struct kt_fan_marks *m, const char *folder, const struct stat *top,
                      unsigned depth);

static void mark_below(struct kt_fan_marks *m, DIR *d, const char *folder, const struct stat *top,
                       unsigned depth)
{
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
            continue;
        KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
        kt_buf_addf(&path, "%s/%s", folder, e->d_name);
        if (lstat(kt_buf_z(&path), &st) == 0 && S_ISDIR(st.st_mode) && st.st_dev == top->st_dev)
            mark_tree(m, kt_buf_z(&path), &st, depth + 1);
    }
}

/* A mark on a folder tells of the files in it; folders below need their own. */
static void mark_tree(struct kt_fan_marks *m, const char *folder, const struct stat *top,
                      unsigned depth)
{
    if (depth > DEPTH_MAX || is_known(m, top) || !mark(m, folder, top))
        return;
    watch_names(m, folder);
    DIR *d = opendir(folder);
    if (d == NULL) {
        problem(m, folder);
        return;
    }
    mark_below(m, d, folder, top, depth);
    (void)closedir(d);
}

static void mark_one(void *self, const char *path)
{
    struct kt_fan_marks *m = self;
    struct stat st;
    char *whole = realpath(path, NULL);
    watch_folder_of(m, path);
    if (whole == NULL)
        return;
    if (strcmp(whole, path) != 0) /* a link: what it leads to may be replaced too */
        watch_folder_of(m, whole);
    if (stat(whole, &st) == 0 && !is_known(m, &st)) {
        if (S_ISDIR(st.st_mode))
            mark_tree(m, whole, &st, 0);
        else if (S_ISREG(st.st_mode))
            (void)mark(m, whole, &st);
    }
    free(whole); /* of the C library */
}

/* ---- patterns ---- */

static bool is_pattern(const char *path)
{
    return strpbrk(path, "*?[") != NULL;
}

static void each_match(struct kt_fan_marks *m, const char *pattern,
                       void (*each)(void *self, const char *path))
{
    struct kt_error why = { 0 };
    if (kt_fs_glob(pattern, each, m, &why) != KT_OK)
        kt_str_copyz(m->problem, sizeof m->problem, kt_str_of(why.text));
}

static void watch_match(void *self, const char *path)
{
    watch_names(self, path);
}

/* The folders in which a name could come to match: of /srv/x/y there could be a new x, or a y. */
static void watch_pattern(struct kt_fan_marks *m, const char *pattern)
{
    struct kt_str whole = kt_str_of(pattern);
    size_t star = (size_t)(strpbrk(pattern, "*?[") - pattern);
    ptrdiff_t before = kt_str_rfind_byte(kt_str_sub(whole, 0, star), '/');
    for (ptrdiff_t at = before; at >= 0; at = kt_str_find_byte(whole, '/', (size_t)at + 1)) {
        KT_CLEANUP(kt_free_ptr)
        char *folder = at > 0 ? kt_str_dup(kt_str_sub(whole, 0, (size_t)at)) : kt_strdup("/");
        each_match(m, folder, watch_match);
    }
}

void kt_fan_marks_look(struct kt_fan_marks *m)
{
    for (unsigned i = 0; i < m->n; i++)
        kt_free(m->at[i].path);
    m->n = 0;
    m->problem[0] = '\0';
    for (unsigned i = 0; i < m->n_paths; i++) {
        if (!is_pattern(m->paths[i])) {
            mark_one(m, m->paths[i]);
            continue;
        }
        watch_pattern(m, m->paths[i]);
        each_match(m, m->paths[i], mark_one);
    }
}

bool kt_fan_marks_changed(struct kt_fan_marks *m)
{
    _Alignas(struct inotify_event) char room[8192];
    bool changed = false;
    while (read(m->names, room, sizeof room) > 0)
        changed = true;
    return changed;
}

/* ---- life ---- */

static enum kt_status check_paths(const char *const *paths, unsigned n, struct kt_error *err)
{
    for (unsigned i = 0; i < n; i++) {
        struct kt_str path = kt_str_of(paths[i]);
        if (path.len < 2 || path.at[0] != '/' || path.at[path.len - 1] == '/')
            return kt_fail(err, KT_E_CONFIG,
                           "paths: '%s': name a file or folder by its whole path, from / on, "
                           "without a '/' at the end",
                           paths[i]);
        if (kt_str_has(path, KT_STR("**")))
            return kt_fail(err, KT_E_CONFIG,
                           "paths: '%s': a folder is watched with all below it: leave out the '**'",
                           paths[i]);
    }
    return KT_OK;
}

enum kt_status kt_fan_marks_open(const char *const *paths, unsigned n, struct kt_fan_marks **ret,
                                 struct kt_error *err)
{
    if (check_paths(paths, n, err) != KT_OK)
        return err != NULL ? err->code : KT_E_CONFIG;
    struct kt_fan_marks *m = kt_alloc(sizeof *m);
    m->paths = paths;
    m->n_paths = n;
    m->names = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    m->fan = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK,
                           O_RDONLY | O_CLOEXEC | O_LARGEFILE);
    enum kt_status st = KT_OK;
    if (m->fan < 0 && errno == EPERM)
        st = kt_fail(err, KT_E_CONFIG,
                     "this needs CAP_SYS_ADMIN: run this source in an agent of its own, with the "
                     "unit keytrail-agent-fanotify.service, and not as a part of another");
    else if (m->fan < 0 || m->names < 0)
        st = kt_fail_errno(err, m->fan < 0 ? "fanotify" : "inotify");
    if (st != KT_OK) {
        kt_fan_marks_free(m);
        return st;
    }
    *ret = m;
    return KT_OK;
}

void kt_fan_marks_free(struct kt_fan_marks *m)
{
    if (m == NULL)
        return;
    if (m->fan >= 0)
        (void)close(m->fan);
    if (m->names >= 0)
        (void)close(m->names);
    for (unsigned i = 0; i < m->n; i++)
        kt_free(m->at[i].path);
    kt_free(m->at);
    kt_free(m);
}

int kt_fan_marks_events(const struct kt_fan_marks *m)
{
    return m->fan;
}

int kt_fan_marks_names(const struct kt_fan_marks *m)
{
    return m->names;
}

const char *kt_fan_marks_path(const struct kt_fan_marks *m, dev_t dev, ino_t ino)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->at[i].ino == ino && m->at[i].dev == dev)
            return m->at[i].path;
    return NULL;
}

unsigned kt_fan_marks_count(const struct kt_fan_marks *m)
{
    return m->n;
}

const char *kt_fan_marks_problem(const struct kt_fan_marks *m)
{
    return m->problem;
}
