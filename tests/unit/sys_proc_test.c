/* clock, rng and proc: small promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/sys/clock.h"
#include "core/sys/fs.h"
#include "core/sys/proc.h"
#include "core/sys/rng.h"

static void the_memory_clock_moves_only_by_hand(void **state)
{
    (void)state;
    struct kt_clock_memory m = { .wall = 5, .mono = 7 };
    struct kt_clock c = kt_clock_memory(&m);

    assert_int_equal(c.wall(c.self), 5);
    assert_int_equal(c.mono(c.self), 7);
    m.wall += KT_NS_S;
    assert_int_equal(c.wall(c.self), 5 + KT_NS_S);
    assert_true(kt_clock_real.wall(NULL) > 1700000000 * KT_NS_S);
    kt_time_ns before = kt_clock_real.mono(NULL);
    assert_true(kt_clock_real.mono(NULL) >= before);
}

static void the_same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    struct kt_rng_seeded a = { 0 }, b = { 0 };
    struct kt_rng ra = kt_rng_seeded(&a), rb = kt_rng_seeded(&b);
    unsigned char bytes[11];

    assert_true(kt_rng_u64(&ra) == UINT64_C(0xe220a8397b1dcdaf)); /* splitmix64 of seed 0 */
    assert_true(kt_rng_u64(&rb) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(kt_rng_u64(&ra) == kt_rng_u64(&rb));
    ra.fill(ra.self, bytes, sizeof bytes);
}

static void below_stays_below(void **state)
{
    (void)state;
    struct kt_rng_seeded s = { 42 };
    struct kt_rng r = kt_rng_seeded(&s);
    unsigned seen[3] = { 0 };

    assert_true(kt_rng_below(&r, 0) == 0);
    assert_true(kt_rng_below(&r, 1) == 0);
    for (unsigned i = 0; i < 3000; i++)
        seen[kt_rng_below(&r, 3)]++;
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(seen[i], 900, 1100);
    for (unsigned i = 0; i < 100; i++)
        assert_true(kt_rng_below(&r, UINT64_C(1) << 63 | 1) <= UINT64_C(1) << 63);
}

static void signals_arrive_on_the_descriptor(void **state)
{
    (void)state;
    struct kt_signals s = { 0 };
    struct kt_error err = { 0 };

    assert_int_equal(kt_signals_open(&s, &err), KT_OK);
    kt_signals_poll(&s);
    assert_false(s.stop || s.reload);
    assert_int_equal(raise(SIGHUP), 0);
    struct pollfd p = { .fd = s.fd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, 1000), 1);
    kt_signals_poll(&s);
    assert_true(s.reload && !s.stop);
    assert_int_equal(raise(SIGTERM), 0);
    kt_signals_poll(&s);
    assert_true(s.stop);
    kt_signals_done(&s);
    kt_signals_done(&s);
}

static void notify_writes_to_the_socket_named(void **state)
{
    (void)state;
    char got[32] = "";
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char name[64];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)snprintf(name, sizeof name, "@kt-notify-%d", (int)getpid());
    memcpy(a.sun_path, name, strlen(name));
    a.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (const struct sockaddr *)&a,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    kt_sd_notify("READY=1");
    assert_int_equal(recv(fd, got, sizeof got - 1, MSG_DONTWAIT), 7);
    assert_string_equal(got, "READY=1");
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    kt_sd_notify("READY=1"); /* nobody to tell: no effect */
    (void)close(fd);
}

static void the_watchdogs_patience_is_read(void **state)
{
    static const struct {
        const char *usec, *pid; /* pid: "own", another, or NULL */
        int64_t ns;
    } rows[] = { { "30000000", NULL, INT64_C(30000000000) },
                 { "30000000", "own", INT64_C(30000000000) },
                 { "30000000", "1", 0 },
                 { NULL, NULL, 0 },
                 { "", NULL, 0 },
                 { "99999999999999999999", NULL, 0 },
                 { "soon", NULL, 0 } };
    char own[16];
    (void)state;
    (void)snprintf(own, sizeof own, "%d", (int)getpid());
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)unsetenv("WATCHDOG_USEC");
        (void)unsetenv("WATCHDOG_PID");
        if (rows[i].usec != NULL)
            (void)setenv("WATCHDOG_USEC", rows[i].usec, 1);
        if (rows[i].pid != NULL)
            (void)setenv("WATCHDOG_PID", strcmp(rows[i].pid, "own") == 0 ? own : rows[i].pid, 1);
        assert_int_equal(kt_sd_watchdog(), rows[i].ns);
    }
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

/* Held against what the system says in other ways. */
static void it_knows_what_it_uses(void **state)
{
    struct kt_proc_figures a, b;
    struct rlimit files;
    (void)state;
    assert_true(kt_proc_figures(&a));
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(kt_proc_figures(&b));
    (void)close(fd);
    assert_int_equal(b.open_fds, a.open_fds + 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(a.max_fds, files.rlim_cur);
    assert_true(a.resident_bytes > (1u << 20) && a.resident_bytes % 4096 == 0);
    assert_true(b.cpu_s >= a.cpu_s && a.cpu_s < 3600);
    double age = (double)time(NULL) - a.started_s;
    assert_true(age > -2 && age < 600);
}

static void a_child_writes_its_log_and_ends(void **state)
{
    (void)state;
    char dir[] = "/tmp/kt_proc_XXXXXX";
    char path[64];
    struct kt_error err = { 0 };
    struct kt_buf log = { 0 };
    int pid = 0;

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/log", dir);
    const char *const argv[] = { "/bin/sh", "-c", "echo out; echo err >&2", NULL };
    assert_int_equal(kt_spawn(argv, path, &pid, &err), KT_OK);
    while (kt_child_running(pid))
        (void)poll(NULL, 0, 1);
    assert_int_equal(kt_fs_read_all(path, 100, &log, &err), KT_OK);
    assert_string_equal(kt_buf_z(&log), "out\nerr\n");
    kt_buf_done(&log);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void a_deaf_child_is_killed(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    int pid = 0;

    const char *const argv[] = { "/bin/sh", "-c", "trap '' TERM; while :; do sleep 5; done", NULL };
    assert_int_equal(kt_spawn(argv, "/dev/null", &pid, &err), KT_OK);
    assert_true(kt_child_running(pid));
    kt_child_stop(pid, 30);
    assert_false(kt_child_running(pid));
}

static void a_missing_program_is_said_at_once(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    int pid = 0;
    const char *const argv[] = { "/nonexistent/program", NULL };

    assert_int_equal(kt_spawn(argv, NULL, &pid, &err), KT_E_IO);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_int_equal(pid, 0);
}

static void knows_its_own_path(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    char path[512];

    assert_int_equal(kt_self_path(path, sizeof path, &err), KT_OK);
    assert_non_null(strstr(path, "sys_proc_test"));
    assert_int_equal(kt_self_path(path, 4, &err), KT_E_LIMIT);
}

static void local_offset_follows_the_zone(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "KTT-2", 1), 0);
    assert_int_equal(kt_local_offset_s(0), 7200);
    assert_int_equal(setenv("TZ", "UTC0", 1), 0);
    assert_int_equal(kt_local_offset_s(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_memory_clock_moves_only_by_hand),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(below_stays_below),
        cmocka_unit_test(signals_arrive_on_the_descriptor),
        cmocka_unit_test(notify_writes_to_the_socket_named),
        cmocka_unit_test(the_watchdogs_patience_is_read),
        cmocka_unit_test(it_knows_what_it_uses),
        cmocka_unit_test(a_child_writes_its_log_and_ends),
        cmocka_unit_test(a_deaf_child_is_killed),
        cmocka_unit_test(a_missing_program_is_said_at_once),
        cmocka_unit_test(knows_its_own_path),
        cmocka_unit_test(local_offset_follows_the_zone),
    };
    return cmocka_run_group_tests_name("sys_proc", tests, NULL, NULL);
}
