/* walk: links between folders, which a disk in memory does not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/inputs/walk.h"

static void one_more(void *self, const char *path, const struct kt_stat *st)
{
    unsigned *n = self;
    (void)path;
    (void)st;
    ++*n;
}

static unsigned found(const char *pattern)
{
    unsigned n = 0;
    struct kt_error err = { 0 };
    const struct kt_walk w = { &kt_fs_real, one_more, NULL, &n };

    assert_int_equal(kt_walk(&w, pattern, &err), KT_OK);
    return n;
}

/* Three links to the folder they lie in are 3^32 paths: the first of them took all names that are
 * looked at, and what lay behind was never read. */
static void walk_enters_no_folder_in_itself(void **state)
{
    char dir[] = "/tmp/kt_walk_XXXXXX", pattern[64];
    static const char *const links[] = { "a", "b", "sub/up" };

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(mkdir("sub", 0700), 0);
    assert_int_equal(symlink(".", "a"), 0);
    assert_int_equal(symlink(dir, "b"), 0);
    assert_int_equal(symlink("..", "sub/up"), 0);
    assert_int_equal(close(open("sub/x.log", O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(close(open("z.log", O_CREAT | O_WRONLY, 0600)), 0);
    (void)snprintf(pattern, sizeof pattern, "%s/**", dir);
    assert_int_equal(found(pattern), 2);
    /* Whoever writes a link into the pattern's way means it. */
    (void)snprintf(pattern, sizeof pattern, "%s/a/*.log", dir);
    assert_int_equal(found(pattern), 1);
    assert_int_equal(found("*/z.log"), 2);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(unlink(links[i]), 0);
    assert_true(unlink("sub/x.log") == 0 && unlink("z.log") == 0 && rmdir("sub") == 0);
    assert_true(chdir("/") == 0 && rmdir(dir) == 0);
}

static char first[128]; /* path that was given out */

static void keep_first(void *self, const char *path, const struct kt_stat *st)
{
    if (first[0] == '\0')
        (void)snprintf(first, sizeof first, "%s", path);
    one_more(self, path, st);
}

/* Eight folders with links to each other are 8! ways and more, which took all names. */
static void walk_enters_a_folder_once(void **state)
{
    char dir[] = "/tmp/kt_walk_XXXXXX", pattern[64], name[64], to[64];
    unsigned n = 0;
    struct kt_error err = { 0 };
    const struct kt_walk w = { &kt_fs_real, keep_first, NULL, &n };

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof name, "f%u", i);
        assert_int_equal(mkdir(name, 0700), 0);
        (void)snprintf(name, sizeof name, "f%u/x.log", i);
        assert_int_equal(close(open(name, O_CREAT | O_WRONLY, 0600)), 0);
        for (unsigned k = 0; k < 8; k++) {
            (void)snprintf(name, sizeof name, "f%u/a%u", i, k);
            (void)snprintf(to, sizeof to, "../f%u", k);
            assert_int_equal(symlink(to, name), 0);
        }
    }
    (void)snprintf(pattern, sizeof pattern, "%s/**/*.log", dir);
    assert_int_equal(kt_walk(&w, pattern, &err), KT_OK);
    assert_int_equal(n, 8);
    (void)snprintf(name, sizeof name, "%s/f0/x.log", dir);
    assert_string_equal(first, name); /* not by f0/a1, which comes first in its folder */
    /* A way that the pattern names makes a difference. */
    (void)snprintf(pattern, sizeof pattern, "%s/*/a1/**", dir);
    assert_true(found(pattern) > 0);
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned k = 0; k < 8; k++) {
            (void)snprintf(name, sizeof name, "f%u/a%u", i, k);
            assert_int_equal(unlink(name), 0);
        }
        (void)snprintf(name, sizeof name, "f%u/x.log", i);
        assert_int_equal(unlink(name), 0);
        (void)snprintf(name, sizeof name, "f%u", i);
        assert_int_equal(rmdir(name), 0);
    }
    assert_true(chdir("/") == 0 && rmdir(dir) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk_enters_no_folder_in_itself),
        cmocka_unit_test(walk_enters_a_folder_once),
    };
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
