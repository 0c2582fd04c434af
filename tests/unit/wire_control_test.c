/* wire_control: both ends of the socket, the server turned by a second thread. */
#include "core/event/line.h"
#include "core/wire/control_client.h"
#include "core/wire/control_server.h"
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

struct world {
    char folder[64], path[80];
    struct kt_control *control;
    pthread_t thread;
    atomic_bool stop;
    struct kt_buf imported; /* "origin|arrival|line\n" */
};

static enum kt_status request(void *self, bool guest, struct kt_str text, struct kt_buf *answer,
                              struct kt_error *err)
{
    (void)self;
    if (guest)
        kt_buf_addz(answer, "{\"guest\":true}\n");
    if (kt_str_is(text, "{\"do\":\"fail\"}"))
        return kt_fail(err, KT_E_INPUT, "it cannot \"be\"");
    if (kt_str_is(text, "{\"do\":\"much\"}"))
        for (unsigned i = 0; i < 40000; i++)
            kt_buf_addz(answer, "{\"row\":\"0123456789012345678901234567890123456789\"}\n");
    else
        kt_buf_add(answer, text);
    return KT_OK;
}

static enum kt_status import(void *self, struct kt_str origin, const struct kt_control_line *lines,
                             uint32_t n, struct kt_buf *answer, struct kt_error *err)
{
    struct world *w = self;
    (void)err;
    for (uint32_t i = 0; i < n; i++)
        kt_buf_addf(&w->imported, KT_STR_FMT "|%lld|" KT_STR_FMT "\n", KT_STR_ARG(origin),
                    (long long)lines[i].arrival, KT_STR_ARG(lines[i].line));
    kt_buf_addf(answer, "{\"n\":%u}", n);
    return KT_OK;
}

static void *serve(void *self)
{
    struct world *w = self;
    while (!atomic_load(&w->stop)) {
        int fds[20];
        struct pollfd p[20];
        unsigned n = kt_control_fds(w->control, fds, 20);
        for (unsigned i = 0; i < n; i++)
            p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
        (void)poll(p, n, 5);
        kt_control_turn(w->control);
    }
    return NULL;
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct kt_control_handler h = { .request = request, .import = import, .self = w };
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-control-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    (void)snprintf(w->path, sizeof w->path, "%s/sock", w->folder);
    *state = w;
    if (kt_control_open(w->path, NULL, &h, &w->control, NULL) != KT_OK)
        return -1;
    return pthread_create(&w->thread, NULL, serve, w);
}

static int close_world(void **state)
{
    struct world *w = *state;
    atomic_store(&w->stop, true);
    (void)pthread_join(w->thread, NULL);
    kt_control_close(w->control);
    kt_buf_done(&w->imported);
    int rc = rmdir(w->folder); /* fails unless the socket's file is gone */
    free(w);
    return rc;
}

static void answers_come_back_whole(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    assert_int_equal(kt_control_ask(w->path, KT_STR("{\"do\":\"x\"}"), &answer, NULL), KT_OK);
    assert_true(kt_str_is(kt_buf_str(&answer), "{\"do\":\"x\"}\n"));
    kt_buf_reset(&answer);
    assert_int_equal(kt_control_ask(w->path, KT_STR("{\"do\":\"fail\"}"), &answer, NULL), KT_OK);
    assert_true(kt_str_is(kt_buf_str(&answer), "{\"error\":\"it cannot \\\"be\\\"\"}\n"));
}

static void long_answers_do_not_block_the_loop(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    assert_int_equal(kt_control_ask(w->path, KT_STR("{\"do\":\"much\"}"), &answer, NULL), KT_OK);
    assert_int_equal(answer.len, 40000u * 51u);
}

static void import_hands_over_exact_lines(void **state)
{
    struct world *w = *state;
    struct kt_control_client *c = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf ask = { 0 }, answer = { 0 };
    const struct kt_str line = KT_STR("{\"v\":1,\"a\":\"q\\\"\\\\ \x01 \xc3\xa9\"}");
    assert_int_equal(kt_control_connect(w->path, &c, NULL), KT_OK);
    kt_buf_addz(&ask,
                "{\"do\":\"import\",\"origin\":\"feed\",\"lines\":[{\"arrival\":12,\"line\":");
    kt_json_quote(&ask, line);
    kt_buf_addz(&ask, "},{\"arrival\":0,\"line\":\"{}\"}]}");
    assert_int_equal(kt_control_call(c, kt_buf_str(&ask), &answer, NULL), KT_OK);
    assert_true(kt_str_is(kt_buf_str(&answer), "{\"n\":2}\n"));
    kt_buf_reset(&ask);
    kt_buf_addf(&ask, "feed|12|" KT_STR_FMT "\nfeed|0|{}\n", KT_STR_ARG(line));
    assert_true(kt_str_eq(kt_buf_str(&w->imported), kt_buf_str(&ask)));
    kt_buf_reset(&answer); /* the connection lives on */
    assert_int_equal(kt_control_call(c, KT_STR("{}"), &answer, NULL), KT_OK);
    kt_control_client_free(c);
}

static void broken_imports_are_refused(void **state)
{
    static const char *const bad[] = {
        "{\"do\":\"import\",\"origin\":\"feed\",\"lines\":[]}",
        "{\"do\":\"import\",\"origin\":\"feed\",\"lines\":[{\"arrival\":1,\"line\":\"x\"}]",
        "{\"do\":\"import\",\"origin\":\"feed\",\"lines\":[{\"arrival\":x,\"line\":\"x\"}]}",
        "{\"do\":\"import\",\"origin\":\"feed\",\"lines\":[{\"arrival\":1,\"line\":\"\\q\"}]}",
        "{\"do\":\"import\",\"origin\":\"feed\",\"lines\":[{\"arrival\":1,\"line\":\"\\",
        "{\"do\":\"import\",}",
    };
    struct world *w = *state;
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
        assert_int_equal(kt_control_ask(w->path, kt_str_of(bad[i]), &answer, NULL), KT_OK);
        assert_true(kt_str_starts(kt_buf_str(&answer), KT_STR("{\"error\":")));
    }
    assert_int_equal(w->imported.len, 0);
}

static void socket_is_private_and_has_one_owner(void **state)
{
    struct world *w = *state;
    struct kt_control_handler h = { .request = request, .import = import, .self = w };
    struct kt_control *second = NULL;
    struct stat st;
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(kt_control_open(w->path, NULL, &h, &second, NULL), KT_E_DENIED);
}

/* Asks as another user, in a process of its own; returns its exit code: 0 answered as a guest, 1
 * answered as the host, 2 not heard, 3 an error. */
static int ask_as(const struct world *w, const char *user, const char *text)
{
    const struct passwd *p = getpwnam(user);
    assert_non_null(p);
    pid_t child = fork();
    if (child == 0) {
        KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
        if (setgid(p->pw_gid) != 0 || setuid(p->pw_uid) != 0)
            _exit(9);
        if (kt_control_ask(w->path, kt_str_of(text), &answer, NULL) != KT_OK)
            _exit(2);
        if (kt_str_starts(kt_buf_str(&answer), KT_STR("{\"error\"")))
            _exit(3);
        _exit(kt_str_starts(kt_buf_str(&answer), KT_STR("{\"guest\":true}")) ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void another_user_is_heard_as_a_guest_if_it_is_the_one(void **state)
{
    char folder[] = "/tmp/keytrail-control-XXXXXX";
    struct world w = { .path = "" };
    struct kt_control_handler h = { .request = request, .import = import, .self = &w };
    struct stat st;
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    (void)snprintf(w.path, sizeof w.path, "%s/sock", folder);
    assert_int_equal(kt_control_open(w.path, "no-such-user", &h, &w.control, NULL), KT_E_CONFIG);
    assert_int_equal(kt_control_open(w.path, "nobody", &h, &w.control, NULL), KT_OK);
    assert_int_equal(stat(w.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
    assert_int_equal(pthread_create(&w.thread, NULL, serve, &w), 0);
    assert_int_equal(ask_as(&w, "nobody", "{\"do\":\"x\"}"), 0);
    assert_int_equal(ask_as(&w, "root", "{\"do\":\"x\"}"), 1);
    assert_int_equal(ask_as(&w, "daemon", "{\"do\":\"x\"}"), 2);
    /* an import of a guest is a request like others, which the handler judges */
    assert_int_equal(ask_as(&w, "nobody",
                            "{\"do\":\"import\",\"origin\":\"feed\",\"lines\":[{\"arrival\":1,"
                            "\"line\":\"x\"}]}"),
                     0);
    assert_int_equal(w.imported.len, 0);
    atomic_store(&w.stop, true);
    (void)pthread_join(w.thread, NULL);
    kt_control_close(w.control);
    assert_int_equal(rmdir(folder), 0);
}

static enum kt_status count(void *self, bool guest, struct kt_str text, struct kt_buf *answer,
                            struct kt_error *err)
{
    (void)guest;
    (void)text;
    (void)err;
    ++*(unsigned *)self;
    kt_buf_addz(answer, "{}\n");
    return KT_OK;
}

/* However many it sends at once: what the host does besides goes on between them. */
static void a_guest_gets_one_request_a_turn(void **state)
{
    char folder[] = "/tmp/keytrail-control-XXXXXX";
    unsigned asked = 0, before = 0;
    struct kt_control_handler h = { .request = count, .self = &asked };
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct kt_control *c = NULL;
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/sock", folder);
    assert_int_equal(kt_control_open(at.sun_path, "nobody", &h, &c, NULL), KT_OK);
    const struct passwd *p = getpwnam("nobody");
    assert_non_null(p);
    pid_t child = fork();
    if (child == 0) {
        char answers[60];
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        bool fine = setgid(p->pw_gid) == 0 && setuid(p->pw_uid) == 0 &&
                    connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
                    send(fd, "{}\n{}\n{}\n{}\n{}\n", 15, MSG_NOSIGNAL) == 15 &&
                    recv(fd, answers, 20, MSG_WAITALL) == 20;
        _exit(fine ? 0 : 1);
    }
    for (unsigned i = 0; i < 2000 && asked < 5; i++) {
        kt_control_turn(c);
        assert_in_range(asked - before, 0, 1);
        assert_true(asked == 0 || asked == 5 || kt_control_pending(c));
        before = asked;
        (void)usleep(1000);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(asked, 5);
    kt_control_close(c);
    assert_int_equal(rmdir(folder), 0);
}

static void a_left_over_socket_is_taken_over(void **state)
{
    char folder[] = "/tmp/keytrail-control-XXXXXX";
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct kt_control_handler h = { .request = request, .import = import };
    struct kt_control *c = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    (void)close(fd); /* as after a crash: the file stays, nobody listens */
    assert_int_equal(kt_control_open(at.sun_path, NULL, &h, &c, NULL), KT_OK);
    kt_control_close(c);
    assert_int_equal(rmdir(folder), 0);
}

static void nobody_listening_is_an_io_error(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    (void)state;
    assert_int_equal(kt_control_ask("/tmp/keytrail-no-such-socket", KT_STR("{}"), &answer, NULL),
                     KT_E_IO);
}

/* One that listens and takes nobody: its backlog is full, or nothing is read. */
static void a_hung_collector_holds_nobody_longer_than_asked(void **state)
{
    char folder[] = "/tmp/keytrail-hung-XXXXXX";
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    int asks[4];
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 0), 0);
    time_t began = time(NULL);
    assert_int_equal(kt_control_ask_within(at.sun_path, KT_STR("{}"), 1, &answer, NULL), KT_E_IO);
    for (unsigned i = 0; i < KT_ARRAY_LEN(asks); i++) {
        asks[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(asks[i], (const struct sockaddr *)&at, sizeof at);
    }
    assert_int_equal(kt_control_order_within(at.sun_path, KT_STR("{}"), 1, &answer, NULL), KT_E_IO);
    assert_true(time(NULL) - began <= 4);
    for (unsigned i = 0; i < KT_ARRAY_LEN(asks); i++)
        (void)close(asks[i]);
    (void)close(fd);
    (void)unlink(at.sun_path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hung_collector_holds_nobody_longer_than_asked),
        cmocka_unit_test_setup_teardown(answers_come_back_whole, open_world, close_world),
        cmocka_unit_test_setup_teardown(long_answers_do_not_block_the_loop, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(import_hands_over_exact_lines, open_world, close_world),
        cmocka_unit_test_setup_teardown(broken_imports_are_refused, open_world, close_world),
        cmocka_unit_test_setup_teardown(socket_is_private_and_has_one_owner, open_world,
                                        close_world),                        /* N1 */
        cmocka_unit_test(another_user_is_heard_as_a_guest_if_it_is_the_one), /* S1 */
        cmocka_unit_test(a_guest_gets_one_request_a_turn),
        cmocka_unit_test(a_left_over_socket_is_taken_over),
        cmocka_unit_test(nobody_listening_is_an_io_error),
    };
    return cmocka_run_group_tests_name("collector_control", tests, NULL, NULL);
}
