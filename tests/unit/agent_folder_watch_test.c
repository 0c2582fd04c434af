/* agent_folder_watch: being told that a folder changes, by a real kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agents/inputs/watch.h"

#define FILES 6000u

static void name_of(const char *folder, unsigned i, char ret[96])
{
    (void)snprintf(ret, 96, "%s/%04u.log", folder, i);
}

static bool is_readable(const struct kt_watch *w)
{
    struct pollfd p = { .fd = kt_watch_fd(w), .events = POLLIN };
    return poll(&p, 1, 0) > 0;
}

/* A turn ends, however much is written into the folder; the rest is told in the next. */
static void very_much_is_taken_in_parts(void **state)
{
    (void)state;
    char folder[] = "/tmp/keytrail-watch-XXXXXX", path[96];
    bool bytes, names;
    unsigned turns = 0;
    assert_non_null(mkdtemp(folder));
    struct kt_watch *w = kt_watch_new(&kt_fs_real);
    assert_non_null(w);
    name_of(folder, 0, path);
    kt_watch_folder_of(w, path);
    for (unsigned i = 0; i < FILES; i++) {
        name_of(folder, i, path);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
    }
    for (; is_readable(w) && turns < 100; turns++) {
        kt_watch_take(w, &bytes, &names);
        assert_true(names);
    }
    assert_in_range(turns, 2, 99);
    kt_watch_take(w, &bytes, &names);
    assert_false(bytes || names);
    kt_watch_free(w);
    for (unsigned i = 0; i < FILES; i++) {
        name_of(folder, i, path);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(very_much_is_taken_in_parts) };
    return cmocka_run_group_tests_name("agent_folder_watch", tests, NULL, NULL);
}
