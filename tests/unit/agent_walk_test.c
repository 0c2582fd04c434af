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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk_enters_no_folder_in_itself),
    };
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
