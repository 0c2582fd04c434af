/* store_halfway: a reader that may not write the index of the write-ahead log meets its head half
 * written, and nobody holds the writer's lock any more: SQLite takes that for a crash. */
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/store/db.h"
#include "core/sys/clock.h"

#define ROUNDS 20u /* the reader waits 0.15 s; a busy machine may make one of them too late */

/* This process never opens the file: SQLite would share what it has with those that it forks. */
struct place {
    char dir[64], path[96], shm[112];
    pid_t writer;
};

static void done(struct place *p)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    char name[128];
    assert_int_equal(kill(p->writer, SIGKILL), 0);
    assert_int_equal(waitpid(p->writer, NULL, 0), p->writer);
    for (size_t i = 0; i < KT_ARRAY_LEN(suffixes); i++) {
        (void)snprintf(name, sizeof name, "%s%s", p->path, suffixes[i]);
        (void)unlink(name);
    }
    (void)rmdir(p->dir);
}

static void write_it(const struct place *p, int ready)
{
    char wal[112];
    sqlite3 *db = NULL;
    (void)snprintf(wal, sizeof wal, "%s-wal", p->path);
    if (kt_db_make(p->path, NULL) == KT_OK &&
        kt_db_open(p->path, NULL, KT_DB_WRITE, &db, NULL) == KT_OK &&
        kt_db_write_ahead(db, NULL) == KT_OK &&
        kt_db_exec(db, "CREATE TABLE t(x)", NULL) == KT_OK && chmod(p->path, 0644) == 0 &&
        chmod(p->shm, 0644) == 0 && chmod(wal, 0644) == 0)
        (void)!write(ready, "y", 1);
    (void)close(ready);
    for (;;)
        (void)pause();
}

static void make(struct place *p)
{
    int ready[2];
    char yes = 'n';
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/kt-halfway-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    assert_int_equal(chmod(p->dir, 0755), 0);
    (void)snprintf(p->path, sizeof p->path, "%s/x.db", p->dir);
    (void)snprintf(p->shm, sizeof p->shm, "%s-shm", p->path);
    assert_int_equal(pipe(ready), 0);
    p->writer = fork();
    if (p->writer == 0)
        write_it(p, ready[1]);
    (void)close(ready[1]);
    (void)!read(ready[0], &yes, 1);
    (void)close(ready[0]);
    assert_int_equal(yes, 'y');
}

/* As somebody who may only read: 0 when the table was read. */
static int read_it(const struct place *p, const struct passwd *who)
{
    struct kt_error err = { 0 };
    sqlite3 *db = NULL;
    if (setgid(who->pw_gid) != 0 || setuid(who->pw_uid) != 0)
        return 2;
    int rc = kt_db_open(p->path, NULL, KT_DB_READ, &db, &err) == KT_OK &&
                     kt_db_exec(db, "SELECT count(*) FROM t", &err) == KT_OK
                 ? 0
                 : 1;
    (void)sqlite3_close(db);
    return rc;
}

/* The head's two copies differ for a while (its second one is at byte 48). true: it was read. */
static bool one_round(const struct place *p, const struct passwd *who, unsigned ms)
{
    int status = -1, fd = open(p->shm, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    uint8_t *head = mmap(NULL, 96, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(head, MAP_FAILED);
    head[48 + 20] ^= 0xff;
    pid_t child = fork();
    if (child == 0)
        _exit(read_it(p, who));
    if (ms > 0)
        (void)usleep(ms * 1000);
    if (ms > 0)
        head[48 + 20] ^= 0xff;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (ms == 0)
        head[48 + 20] ^= 0xff;
    (void)munmap(head, 96);
    (void)close(fd);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

static void a_head_that_is_soon_whole_is_asked_again(void **state)
{
    struct place p;
    const struct passwd *who = getpwnam("nobody");
    unsigned read = 0;
    (void)state;
    if (geteuid() != 0 || who == NULL)
        skip(); /* only root can become somebody who may not write */
    make(&p);
    for (unsigned i = 0; i < ROUNDS && read == 0; i++)
        read += one_round(&p, who, 20);
    assert_int_equal(read, 1);
    done(&p);
}

static void a_head_that_stays_torn_is_refused(void **state)
{
    struct place p;
    const struct passwd *who = getpwnam("nobody");
    (void)state;
    if (geteuid() != 0 || who == NULL)
        skip();
    make(&p);
    assert_false(one_round(&p, who, 0));
    assert_true(one_round(&p, who, 1)); /* and nothing was broken by it */
    done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_that_is_soon_whole_is_asked_again),
        cmocka_unit_test(a_head_that_stays_torn_is_refused),
    };
    return cmocka_run_group_tests_name("store_halfway", tests, NULL, NULL);
}
