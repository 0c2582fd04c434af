/* fs: the same behaviour on the real and the memory body, what a crash leaves, planned faults, and
 * the checks on secret files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/fs.h"
#include "core/sys/rng.h"

struct world {
    struct kt_fs fs;
    struct kt_fs_memory *memory; /* NULL: the real one */
    char dir[64];
    char path[96];
    struct kt_error err;
};

static const char *at(struct world *w, const char *name)
{
    (void)snprintf(w->path, sizeof w->path, "%s/%s", w->dir, name);
    return w->path;
}

static struct world *world_new(bool memory)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/kt_fs_XXXXXX");
    if (memory) {
        w->memory = kt_fs_memory_new();
        w->fs = kt_fs_memory(w->memory);
        (void)snprintf(w->dir, sizeof w->dir, "/spool");
        assert_int_equal(w->fs.mkdir(w->fs.self, "/spool", 0700, &w->err), KT_OK);
        assert_int_equal(w->fs.sync_dir(w->fs.self, "/", &w->err), KT_OK);
    } else {
        w->fs = kt_fs_real;
        assert_non_null(mkdtemp(w->dir));
    }
    return w;
}

static void remove_entry(void *arg, const char *name)
{
    struct world *w = arg;
    if (unlink(at(w, name)) != 0)
        (void)rmdir(w->path);
}

static void world_free(struct world *w)
{
    if (w->memory == NULL) {
        assert_int_equal(kt_fs_real.list(NULL, w->dir, remove_entry, w, &w->err), KT_OK);
        assert_int_equal(rmdir(w->dir), 0);
    }
    kt_fs_memory_free(w->memory);
    free(w);
}

static int setup_real(void **state)
{
    *state = world_new(false);
    return 0;
}

static int setup_memory(void **state)
{
    *state = world_new(true);
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static struct kt_file *open_ok(struct world *w, const char *name, enum kt_open how)
{
    struct kt_file *f = NULL;
    assert_int_equal(w->fs.open(w->fs.self, at(w, name), how, &f, &w->err), KT_OK);
    return f;
}

static void write_file(struct world *w, const char *name, const char *text, bool sync)
{
    struct kt_file *f = open_ok(w, name, KT_OPEN_APPEND);
    assert_int_equal(w->fs.append(f, kt_str_of(text), &w->err), KT_OK);
    if (sync)
        assert_int_equal(w->fs.sync(f, &w->err), KT_OK);
    w->fs.close(f);
}

static void expect_content(struct world *w, const char *name, const char *text)
{
    char got[64];
    size_t n = 0;
    struct kt_file *f = open_ok(w, name, KT_OPEN_READ);
    assert_int_equal(w->fs.read_at(f, 0, got, sizeof got, &n, &w->err), KT_OK);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(got, text, n);
    w->fs.close(f);
}

static void note_name(void *arg, const char *name)
{
    kt_buf_addf(arg, "%s,", name);
}

/* ---- both bodies ---- */

static void appends_and_reads_at_any_offset(void **state)
{
    struct world *w = *state;
    char got[8];
    size_t n = 9;

    struct kt_file *f = open_ok(w, "a", KT_OPEN_NEW);
    assert_int_equal(w->fs.append(f, KT_STR("hello "), &w->err), KT_OK);
    assert_int_equal(w->fs.append(f, KT_STR("world"), &w->err), KT_OK);
    assert_int_equal(w->fs.read_at(f, 4, got, 4, &n, &w->err), KT_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(got, "o wo", 4);
    assert_int_equal(w->fs.read_at(f, 9, got, sizeof got, &n, &w->err), KT_OK);
    assert_int_equal(n, 2);
    assert_int_equal(w->fs.read_at(f, 100, got, sizeof got, &n, &w->err), KT_OK);
    assert_int_equal(n, 0);

    struct kt_stat st;
    assert_int_equal(w->fs.truncate(f, 5, &w->err), KT_OK);
    assert_int_equal(w->fs.append(f, KT_STR("!"), &w->err), KT_OK);
    assert_int_equal(w->fs.fstat(f, &st, &w->err), KT_OK);
    assert_int_equal(st.size, 6);
    assert_int_equal(st.mode, 0600);
    w->fs.close(f);
    expect_content(w, "a", "hello!");
}

static void a_missing_path_is_again(void **state)
{
    struct world *w = *state;
    struct kt_file *f = NULL;
    struct kt_stat st;

    assert_int_equal(w->fs.open(w->fs.self, at(w, "no"), KT_OPEN_READ, &f, &w->err), KT_E_AGAIN);
    assert_int_equal(w->fs.open(w->fs.self, at(w, "no/no"), KT_OPEN_APPEND, &f, &w->err),
                     KT_E_AGAIN);
    assert_int_equal(w->fs.stat(w->fs.self, at(w, "no"), &st, &w->err), KT_E_AGAIN);
    assert_int_equal(w->fs.unlink(w->fs.self, at(w, "no"), &w->err), KT_E_AGAIN);
    assert_int_equal(w->fs.list(w->fs.self, at(w, "no"), note_name, NULL, &w->err), KT_E_AGAIN);
    assert_null(f);
}

static void new_refuses_an_existing_file(void **state)
{
    struct world *w = *state;
    struct kt_file *f = NULL;

    write_file(w, "a", "x", false);
    assert_int_equal(w->fs.open(w->fs.self, at(w, "a"), KT_OPEN_NEW, &f, &w->err), KT_E_IO);
    assert_int_equal(w->err.sys_errno, EEXIST);
}

static void lists_sorted_and_renames_over(void **state)
{
    struct world *w = *state;
    struct kt_buf names = { 0 };
    struct kt_stat st;

    write_file(w, "b", "1", false);
    write_file(w, "B", "2", false);
    write_file(w, "a", "3", false);
    assert_int_equal(w->fs.mkdir(w->fs.self, at(w, "dir"), 0700, &w->err), KT_OK);
    assert_int_equal(w->fs.mkdir(w->fs.self, at(w, "dir"), 0700, &w->err), KT_OK);
    assert_int_equal(w->fs.mkdir(w->fs.self, at(w, "a"), 0700, &w->err), KT_E_IO);
    assert_int_equal(w->fs.stat(w->fs.self, at(w, "dir"), &st, &w->err), KT_OK);
    assert_true(st.is_dir);
    assert_int_equal(w->fs.list(w->fs.self, w->dir, note_name, &names, &w->err), KT_OK);
    assert_string_equal(kt_buf_z(&names), "B,a,b,dir,");

    char from[96];
    (void)snprintf(from, sizeof from, "%s", at(w, "a"));
    assert_int_equal(w->fs.rename(w->fs.self, from, at(w, "b"), &w->err), KT_OK);
    kt_buf_reset(&names);
    assert_int_equal(w->fs.list(w->fs.self, w->dir, note_name, &names, &w->err), KT_OK);
    assert_string_equal(kt_buf_z(&names), "B,b,dir,");
    expect_content(w, "b", "3");
    kt_buf_done(&names);
}

static void an_open_file_outlives_its_name(void **state)
{
    struct world *w = *state;
    char got[4];
    size_t n = 0;

    write_file(w, "a", "xyz", false);
    struct kt_file *f = open_ok(w, "a", KT_OPEN_READ);
    assert_int_equal(w->fs.unlink(w->fs.self, at(w, "a"), &w->err), KT_OK);
    assert_int_equal(w->fs.read_at(f, 0, got, sizeof got, &n, &w->err), KT_OK);
    assert_int_equal(n, 3);
    w->fs.close(f);
}

/* ---- the power cut ---- */

struct fixed {
    uint64_t value;
};

static uint64_t fixed_rng(void *self)
{
    return ((struct fixed *)self)->value;
}

static void crash(struct world *w, uint64_t value)
{
    struct fixed f = { value };
    kt_fs_memory_crash(w->memory, fixed_rng, &f);
}

static void a_crash_cuts_unsynced_bytes(void **state)
{
    struct world *w = *state;

    write_file(w, "a", "synced", true);
    assert_int_equal(w->fs.sync_dir(w->fs.self, w->dir, &w->err), KT_OK);
    write_file(w, "a", "lost", false);
    crash(w, 2);
    expect_content(w, "a", "syncedlo");
    crash(w, 5); /* what survived one crash survives the next */
    expect_content(w, "a", "syncedlo");
}

static void a_crash_undoes_unsynced_names(void **state)
{
    struct world *w = *state;
    struct kt_buf names = { 0 };

    write_file(w, "a", "1", true);
    write_file(w, "b", "2", true);
    assert_int_equal(w->fs.sync_dir(w->fs.self, w->dir, &w->err), KT_OK);
    write_file(w, "c", "3", true);
    assert_int_equal(w->fs.unlink(w->fs.self, at(w, "a"), &w->err), KT_OK);
    assert_int_equal(w->fs.rename(w->fs.self, "/spool/b", at(w, "d"), &w->err), KT_OK);
    crash(w, 0);
    assert_int_equal(w->fs.list(w->fs.self, w->dir, note_name, &names, &w->err), KT_OK);
    assert_string_equal(kt_buf_z(&names), "a,b,");
    kt_buf_done(&names);
}

static void a_crash_loses_an_unsynced_folder_with_its_files(void **state)
{
    struct world *w = *state;
    struct kt_stat st;

    assert_int_equal(w->fs.mkdir(w->fs.self, "/spool/d", 0700, &w->err), KT_OK);
    write_file(w, "d/x", "1", true);
    assert_int_equal(w->fs.sync_dir(w->fs.self, "/spool/d", &w->err), KT_OK);
    crash(w, 0);
    assert_int_equal(w->fs.stat(w->fs.self, "/spool/d/x", &st, &w->err), KT_E_AGAIN);
}

static void files_open_at_a_crash_are_stale(void **state)
{
    struct world *w = *state;
    struct kt_file *f = open_ok(w, "a", KT_OPEN_APPEND);

    crash(w, 0);
    assert_int_equal(w->fs.append(f, KT_STR("x"), &w->err), KT_E_IO);
    assert_int_equal(w->fs.sync(f, &w->err), KT_E_IO);
    w->fs.close(f);
}

/* ---- planned faults ---- */

static enum kt_status store_safely(const struct kt_fs *fs, struct kt_error *err)
{
    struct kt_file *f = NULL;
    enum kt_status st = fs->open(fs->self, "/spool/new", KT_OPEN_APPEND, &f, err);
    if (st == KT_OK && (st = fs->append(f, KT_STR("record"), err)) == KT_OK)
        st = fs->sync(f, err);
    fs->close(f);
    if (st == KT_OK && (st = fs->rename(fs->self, "/spool/new", "/spool/a", err)) == KT_OK)
        st = fs->sync_dir(fs->self, "/spool", err);
    return st;
}

static void every_writing_call_can_fail_once(void **state)
{
    struct world *w = *state;
    unsigned long n = 0;

    for (;;) {
        struct kt_fs_faulty f = { .inner = w->fs, .fail_at = ++n, .fail_errno = ENOSPC };
        struct kt_fs fs = kt_fs_faulty(&f);
        enum kt_status st = store_safely(&fs, &w->err);
        if (!f.fired) {
            assert_int_equal(st, KT_OK);
            break;
        }
        assert_int_equal(st, KT_E_IO);
        assert_int_equal(w->err.sys_errno, ENOSPC);
    }
    assert_int_equal(n, 6);
}

static void a_short_write_leaves_half(void **state)
{
    struct world *w = *state;
    struct kt_fs_faulty f = { .inner = w->fs, .fail_at = 2, .short_write = true };
    struct kt_fs fs = kt_fs_faulty(&f);

    assert_int_equal(store_safely(&fs, &w->err), KT_E_IO);
    expect_content(w, "new", "rec");
}

/* ---- whole files ---- */

static void reads_whole_files_up_to_the_limit(void **state)
{
    struct world *w = *state;
    struct kt_buf got = { 0 };

    write_file(w, "a", "12345", false);
    assert_int_equal(kt_fs_read_all(at(w, "a"), 5, &got, &w->err), KT_OK);
    assert_string_equal(kt_buf_z(&got), "12345");
    assert_int_equal(kt_fs_read_all(at(w, "a"), 4, &got, &w->err), KT_E_LIMIT);
    assert_int_equal(got.len, 5);
    assert_int_equal(kt_fs_read_all(at(w, "no"), 4, &got, &w->err), KT_E_AGAIN);
    kt_buf_done(&got);
}

static void a_secret_must_be_private(void **state)
{
    struct world *w = *state;
    struct kt_buf got = { 0 };
    char link[96];

    write_file(w, "key", "invented\n", false);
    assert_int_equal(kt_fs_read_secret(at(w, "key"), 64, &got, &w->err), KT_OK);
    assert_string_equal(kt_buf_z(&got), "invented");

    assert_int_equal(chmod(at(w, "key"), 0640), 0);
    assert_int_equal(kt_fs_read_secret(w->path, 64, &got, &w->err), KT_E_CONFIG);
    assert_non_null(strstr(w->err.text, "chmod 600"));
    assert_int_equal(chmod(w->path, 0600), 0);

    assert_int_equal(chmod(w->dir, 0770), 0);
    assert_int_equal(kt_fs_read_secret(w->path, 64, &got, &w->err), KT_E_CONFIG);
    assert_non_null(strstr(w->err.text, "chmod go-w"));
    assert_int_equal(chmod(w->dir, 0700), 0);

    (void)snprintf(link, sizeof link, "%s/link", w->dir);
    assert_int_equal(symlink(w->path, link), 0);
    assert_int_equal(kt_fs_read_secret(link, 64, &got, &w->err), KT_E_CONFIG);
    assert_non_null(strstr(w->err.text, "symbolic link"));
    assert_int_equal(kt_fs_read_secret(w->dir, 64, &got, &w->err), KT_E_CONFIG);
    assert_string_equal(kt_buf_z(&got), "invented");
    kt_buf_done(&got);
}

static void writes_atomically_with_the_mode_asked(void **state)
{
    struct world *w = *state;
    struct kt_stat st;

    write_file(w, "a.tmp", "left behind", false);
    assert_int_equal(kt_fs_write_atomic(at(w, "a"), KT_STR("one"), 0640, &w->err), KT_OK);
    assert_int_equal(kt_fs_write_atomic(at(w, "a"), KT_STR("two"), 0640, &w->err), KT_OK);
    expect_content(w, "a", "two");
    assert_int_equal(w->fs.stat(NULL, at(w, "a"), &st, &w->err), KT_OK);
    assert_int_equal(st.mode, 0640);
    assert_int_equal(w->fs.stat(NULL, at(w, "a.tmp"), &st, &w->err), KT_E_AGAIN);
}

static void replaces_a_file_as_it_was(void **state)
{
    struct world *w = *state;
    struct stat before, after;
    char link[600];

    assert_int_equal(kt_fs_replace(at(w, "a"), KT_STR("one"), &w->err), KT_E_IO);
    write_file(w, "a", "one", false);
    assert_int_equal(chmod(at(w, "a"), 0604), 0);
    assert_true(geteuid() != 0 || chown(w->path, 65534, 65534) == 0);
    assert_int_equal(stat(w->path, &before), 0);
    (void)snprintf(link, sizeof link, "%s/link", w->dir);
    assert_int_equal(symlink(w->path, link), 0);
    assert_int_equal(kt_fs_replace(link, KT_STR("two"), &w->err), KT_OK);
    assert_true(lstat(link, &after) == 0 && S_ISLNK(after.st_mode));
    assert_int_equal(stat(link, &after), 0);
    assert_true(after.st_ino != before.st_ino && after.st_mode == before.st_mode &&
                after.st_uid == before.st_uid && after.st_gid == before.st_gid);
    expect_content(w, "a", "two");
}

static void writes_over_what_is_there(void **state)
{
    struct world *w = *state;
    char link[600];

    assert_int_equal(kt_fs_write_over(at(w, "a"), KT_STR("one"), &w->err), KT_E_AGAIN);
    write_file(w, "a", "something longer", false);
    assert_int_equal(kt_fs_write_over(at(w, "a"), KT_STR("one"), &w->err), KT_OK);
    expect_content(w, "a", "one");
    (void)snprintf(link, sizeof link, "%s/link", w->dir);
    assert_int_equal(symlink(w->path, link), 0);
    assert_int_equal(kt_fs_write_over(link, KT_STR("two"), &w->err), KT_E_IO);
}

static void a_disk_in_memory_has_an_end(void **state)
{
    struct kt_fs_memory *m = kt_fs_memory_new();
    struct kt_fs fs = kt_fs_memory(m);
    struct kt_error err = { 0 };
    struct kt_file *f = NULL, *g = NULL;
    struct kt_stat st;
    char bytes[5000] = { 0 };

    (void)state;
    kt_fs_memory_limit(m, 8192);
    assert_int_equal(fs.open(fs.self, "f", KT_OPEN_NEW, &f, &err), KT_OK);
    assert_int_equal(fs.append(f, kt_str_from(bytes, sizeof bytes), &err), KT_OK);
    assert_int_equal(fs.open(fs.self, "g", KT_OPEN_NEW, &g, &err), KT_OK);
    assert_int_equal(fs.append(g, KT_STR("x"), &err), KT_E_IO);
    assert_int_equal(err.sys_errno, ENOSPC);
    assert_int_equal(fs.append(f, kt_str_from(bytes, sizeof bytes), &err), KT_E_IO);
    assert_int_equal(fs.fstat(f, &st, &err), KT_OK);
    assert_int_equal(st.size, 8192);
    assert_int_equal(fs.unlink(fs.self, "f", &err), KT_OK);
    assert_int_equal(fs.append(g, KT_STR("x"), &err), KT_OK);
    fs.close(f);
    fs.close(g);
    kt_fs_memory_free(m);
}

static void note_last_part(void *arg, const char *path)
{
    note_name(arg, strrchr(path, '/') + 1);
}

static void globs_sorted_and_empty_is_fine(void **state)
{
    struct world *w = *state;
    struct kt_buf names = { 0 };

    write_file(w, "b.log", "", false);
    write_file(w, "a.log", "", false);
    write_file(w, "c.txt", "", false);
    assert_int_equal(kt_fs_glob(at(w, "*.log"), note_last_part, &names, &w->err), KT_OK);
    assert_int_equal(kt_fs_glob(at(w, "*.none"), note_last_part, &names, &w->err), KT_OK);
    assert_string_equal(kt_buf_z(&names), "a.log,b.log,");
    kt_buf_done(&names);
}

#define BOTH(name)                                                                                 \
    { #name "_real", name, setup_real, teardown, NULL },                                           \
    {                                                                                              \
#name "_memory", name, setup_memory, teardown, NULL                                        \
    }
#define REAL(name)   cmocka_unit_test_setup_teardown(name, setup_real, teardown)
#define MEMORY(name) cmocka_unit_test_setup_teardown(name, setup_memory, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(appends_and_reads_at_any_offset),
        BOTH(a_missing_path_is_again),
        BOTH(new_refuses_an_existing_file),
        BOTH(lists_sorted_and_renames_over),
        BOTH(an_open_file_outlives_its_name),
        MEMORY(a_crash_cuts_unsynced_bytes),
        MEMORY(a_crash_undoes_unsynced_names),
        MEMORY(a_crash_loses_an_unsynced_folder_with_its_files),
        MEMORY(files_open_at_a_crash_are_stale),
        MEMORY(every_writing_call_can_fail_once),
        MEMORY(a_short_write_leaves_half),
        cmocka_unit_test(a_disk_in_memory_has_an_end),
        REAL(reads_whole_files_up_to_the_limit),
        REAL(a_secret_must_be_private),
        REAL(writes_atomically_with_the_mode_asked),
        REAL(replaces_a_file_as_it_was),
        REAL(writes_over_what_is_there),
        REAL(globs_sorted_and_empty_is_fine),
    };
    return cmocka_run_group_tests_name("sys_fs", tests, NULL, NULL);
}
