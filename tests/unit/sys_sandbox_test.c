/* sandbox: what is given up is gone, in a child that tries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/sys/sandbox.h"

static char dir[64];

static int make_file(const char *folder)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s/new", dir, folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0 ? 0 : errno;
}

static int make_socket(const char *folder)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/%s/sock", dir, folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 ? 0 : errno;
    (void)close(fd);
    return rc == 0 && unlink(at.sun_path) != 0 ? errno : rc;
}

/* 0: all is as it should be; else which line is not. 77: no Landlock here. */
static int try_all(void)
{
    char own[96], sockets[96], path[128], to[128];
    struct kt_error err = { 0 };
    (void)snprintf(own, sizeof own, "%s/own", dir);
    (void)snprintf(sockets, sizeof sockets, "%s/sockets", dir);
    const struct kt_sandbox_folder folders[] = {
        { own, false }, { sockets, true }, { "/nonexistent/folder", false }, { NULL, false }
    };
    enum kt_status status = kt_sandbox_write_below(folders, KT_ARRAY_LEN(folders), &err);
    if (status == KT_E_AGAIN)
        return 77;
    (void)snprintf(path, sizeof path, "%s/store/db", dir);
    (void)snprintf(to, sizeof to, "%s/own/db", dir);
    int fd = open(path, O_RDONLY);
    char byte;
    const bool checks[] = { status == KT_OK,
                            fd >= 0 && read(fd, &byte, 1) == 1,
                            open(path, O_RDWR) < 0 && errno == EACCES,
                            open(path, O_WRONLY | O_TRUNC) < 0 && errno == EACCES,
                            truncate(path, 0) != 0 && errno == EACCES,
                            unlink(path) != 0 && errno == EACCES,
                            rename(path, to) != 0,
                            make_file("store") == EACCES,
                            make_file("own") == 0,
                            make_file("sockets") == EACCES,
                            make_socket("sockets") == 0,
                            make_socket("store") == EACCES,
                            make_socket("own") == 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(checks); i++)
        if (!checks[i])
            return (int)i + 1;
    return 0;
}

static void files_are_only_changed_below_the_folders(void **state)
{
    static const char *const folders[] = { "own", "sockets", "store" };
    char path[128];
    int code;
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/keytrail-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < KT_ARRAY_LEN(folders); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    (void)snprintf(path, sizeof path, "%s/store/db", dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    (void)close(fd);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(try_all());
    assert_int_equal(waitpid(pid, &code, 0), pid);
    assert_true(WIFEXITED(code));
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/own/new", dir);
    (void)unlink(path);
    for (size_t i = 0; i < KT_ARRAY_LEN(folders); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
        (void)rmdir(path);
    }
    (void)rmdir(dir);
    if (WEXITSTATUS(code) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(code), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_only_changed_below_the_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
