/*
 * restore: a backup becomes a store again (core/store/backup.h).
 *
 * Owns:  the new file until it has its name, and the writer's lock of the store.
 * Calls: sqlite3's copy of whole files; core/store (db, reader).
 * Holds: the store's name leads to the old file or to the whole new one, never to a part; no WAL of
 *        another file is ever beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store/backup.h"
#include "core/store/backup_int.h"
#include "core/store/chain.h"
#include "core/store/reader.h"
#include "core/store/store.h"

#define BUILDING ".restoring" /* behind the store's name, while it is copied */

struct restore {
    const struct kt_restore_options *o;
    struct kt_reader *from;
    int from_lock, to_lock;
    struct kt_buf folder, building;
    bool moved; /* something of an old store */
    struct kt_restore_result result;
};
static const char *const companions[] = { "-wal", "-shm", "-journal", "" };

static void done(struct restore *r)
{
    kt_reader_close(r->from);
    if (r->from_lock >= 0)
        (void)close(r->from_lock);
    if (r->to_lock >= 0)
        (void)close(r->to_lock);
    kt_buf_done(&r->folder);
    kt_buf_done(&r->building);
}

static bool exists(const char *path, const char *suffix)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    struct stat st;
    kt_buf_addf(&name, "%s%s", path, suffix);
    return lstat(kt_buf_z(&name), &st) == 0;
}

/* ---- what is there ---- */

static enum kt_status check_target(struct restore *r, struct kt_error *err)
{
    if (kt_store_lock(r->o->to, &r->to_lock, err) != KT_OK)
        return kt_wrap(err, "restore");
    for (unsigned number = 1; number <= KT_CHAIN_MAX && !r->o->force; number++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
        const char *file = kt_chain_name(r->o->to, number, &name);
        for (size_t i = KT_ARRAY_LEN(companions); i-- > 0;)
            if (exists(file, companions[i]))
                return kt_fail(err, KT_E_DENIED,
                               "'%s%s' exists: --force moves the old store aside, and removes "
                               "nothing",
                               file, companions[i]);
    }
    return KT_OK;
}

/* Read-only media take no lock, and no backup. */
static enum kt_status lock_backup(struct restore *r, struct kt_error *err)
{
    struct kt_error why = { 0 };
    enum kt_status status = kt_store_lock(r->o->from, &r->from_lock, &why);
    bool fixed = why.sys_errno == EROFS || why.sys_errno == EACCES || why.sys_errno == EPERM;
    if (status == KT_OK || (status == KT_E_IO && fixed))
        return KT_OK;
    if (err != NULL)
        *err = why;
    return status;
}

/* ---- the copy ---- */

static enum kt_status copy_pages(struct restore *r, sqlite3 *to, struct kt_error *err)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", r->from->db, "main");
    if (b == NULL)
        return kt_db_fail(to, err, "copy");
    (void)sqlite3_backup_step(b, -1);
    return sqlite3_backup_finish(b) == SQLITE_OK ? KT_OK : kt_db_fail(to, err, "copy");
}

/* Root restores for whoever the folder belongs to, and with that user's rights from here on: the
 * collector must be able to open the file, and whoever can change names in the folder must not be
 * able to lead root to another file. */
static enum kt_status become_owner(const struct restore *r, struct kt_error *err)
{
    struct stat st;
    if (stat(r->folder.at, &st) != 0 && errno == ENOENT)
        return kt_fail(err, KT_E_INPUT,
                       "the folder '%s' is not there: make it, whoever owns it owns the store",
                       r->folder.at);
    if (stat(r->folder.at, &st) != 0)
        return kt_fail_errno(err, "look at the folder '%s'", r->folder.at);
    if (geteuid() != 0 || st.st_uid == 0)
        return KT_OK;
    if (setgroups(0, NULL) != 0 || setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0)
        return kt_fail_errno(err, "act as the owner of '%s'", r->folder.at);
    return KT_OK;
}

static enum kt_status build(struct restore *r, struct kt_error *err)
{
    const char *path = kt_buf_z(&r->building);
    sqlite3 *to = NULL;
    if (unlink(path) != 0 && errno != ENOENT)
        return kt_fail_errno(err, "remove what a restore before left at '%s'", path);
    if (kt_db_make(path, err) != KT_OK)
        return kt_wrap(err, "restore");
    enum kt_status status = kt_db_open(path, NULL, KT_DB_WRITE, &to, err);
    if (status == KT_OK)
        status = kt_db_write_behind(to, err);
    if (status == KT_OK)
        status = copy_pages(r, to, err);
    (void)sqlite3_close(to);
    if (status != KT_OK)
        return kt_wrap(err, "restore");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kt_fail_errno(err, "open '%s'", path);
    if (fsync(fd) != 0)
        status = kt_fail_errno(err, "sync '%s'", path);
    (void)close(fd);
    return status;
}

/* ---- names ---- */

static enum kt_status sync_folder(const struct restore *r, struct kt_error *err)
{
    int fd = open(r->folder.at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum kt_status status = KT_OK;
    if (fd < 0 || fsync(fd) != 0)
        status = kt_fail_errno(err, "sync the folder '%s'", r->folder.at);
    if (fd >= 0)
        (void)close(fd);
    return status;
}

/* The main file last: one that is left without its -wal by a kill is refused by every reader. */
static enum kt_status move_file(struct restore *r, const char *from, const char *to,
                                struct kt_error *err)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(companions); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf old = { 0 }, new = { 0 };
        if (!exists(from, companions[i]))
            continue;
        kt_buf_addf(&old, "%s%s", from, companions[i]);
        kt_buf_addf(&new, "%s%s", to, companions[i]);
        if (exists(kt_buf_z(&new), ""))
            return kt_fail(err, KT_E_DENIED, "'%s' exists: try again in a second", new.at);
        if (rename(kt_buf_z(&old), new.at) != 0)
            return kt_fail_errno(err, "rename '%s' to '%s'", old.at, new.at);
        r->moved = true;
    }
    return KT_OK;
}

/* Every file of the old log, under names that make a log of their own. */
static enum kt_status move_aside(struct restore *r, struct kt_error *err)
{
    struct kt_civil c = kt_time_civil(r->o->now);
    KT_CLEANUP(kt_buf_done) struct kt_buf aside = { 0 };
    kt_buf_addf(&aside, "%s.replaced-%04d%02d%02dT%02d%02d%02dZ", r->o->to, c.year, c.month, c.day,
                c.hour, c.minute, c.second);
    for (unsigned number = 1; number <= KT_CHAIN_MAX; number++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf from = { 0 }, to = { 0 };
        if (move_file(r, kt_chain_name(r->o->to, number, &from),
                      kt_chain_name(kt_buf_z(&aside), number, &to), err) != KT_OK)
            return kt_wrap(err, "move the old store aside");
    }
    if (!r->moved)
        return KT_OK;
    kt_str_copyz(r->result.aside, sizeof r->result.aside, kt_buf_str(&aside));
    return sync_folder(r, err);
}

static enum kt_status install(struct restore *r, struct kt_error *err)
{
    if (r->o->force && move_aside(r, err) != KT_OK)
        return kt_wrap(err, "restore");
    if (rename(r->building.at, r->o->to) != 0)
        return kt_fail_errno(err, "rename '%s' to '%s'", r->building.at, r->o->to);
    return sync_folder(r, err);
}

/* ---- the whole ---- */

static enum kt_status run(struct restore *r, struct kt_error *err)
{
    kt_backup_folder(r->o->to, &r->folder);
    kt_buf_addf(&r->building, "%s" BUILDING, r->o->to);
    enum kt_status opened = kt_reader_open(r->o->from, &r->from, err);
    if (opened == KT_E_AGAIN)
        return kt_fail(err, KT_E_INPUT, "there is no backup '%s'", r->o->from);
    if (opened != KT_OK)
        return opened;
    if (r->from->number > 1)
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' goes on in '%s', since it was found damaged: a backup is one file",
                       r->o->from, r->from->path);
    const struct kt_verify_options verify = { .problem = r->o->problem, .self = r->o->self };
    if (lock_backup(r, err) != KT_OK || become_owner(r, err) != KT_OK ||
        check_target(r, err) != KT_OK || kt_reader_stats(r->from, &r->result.stats, err) != KT_OK ||
        kt_reader_verify(r->from, &verify, &r->result.verify, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    r->result.bytes = r->result.stats.file_bytes;
    if (!r->result.verify.ok)
        return KT_OK;
    if (kt_backup_room(r->o->to, r->result.bytes, err) != KT_OK || build(r, err) != KT_OK ||
        install(r, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    return KT_OK;
}

enum kt_status kt_restore_run(const struct kt_restore_options *o, struct kt_restore_result *ret,
                              struct kt_error *err)
{
    KT_CLEANUP(done) struct restore r = { .o = o, .from_lock = -1, .to_lock = -1 };
    struct kt_error why = { 0 };
    enum kt_status status = run(&r, &why);
    if (status == KT_OK)
        *ret = r.result;
    else if (err != NULL)
        *err = why;
    return status;
}
