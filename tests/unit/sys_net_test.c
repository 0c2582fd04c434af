/* net: who gets in, who does not, and that neither disturbs the other. Strangers without CURVE
 * speak raw ZMTP over a plain socket: our own code has no way to leave CURVE out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/clock.h"
#include "core/sys/net.h"

enum { LONG_MS = 10000, STEP_MS = 20, STRANGERS = 75 };

struct world {
    struct kt_net_keys server_keys, agent_keys;
    struct kt_net_server *server;
    struct kt_net_client *agent;
    unsigned asked;
    bool allow_all;
    kt_time_ns deadline;
    struct kt_error err;
};
static struct world w;

static bool allow(void *self, const uint8_t public_key[32], char *ret_user_id, size_t n)
{
    struct world *world = self;
    world->asked++;
    if (!world->allow_all && memcmp(public_key, world->agent_keys.public_key, 32) != 0)
        return false;
    (void)snprintf(ret_user_id, n, "web-1/ab12");
    return true;
}

static enum kt_status open_server(const char *endpoint)
{
    const struct kt_net_server_options o = {
        .endpoint = endpoint, .keys = &w.server_keys, .allow = allow, .self = &w
    };
    return kt_net_server_open(&o, &w.server, &w.err);
}

static struct kt_net_client *connect_as(const struct kt_net_keys *keys, const uint8_t *server_key)
{
    struct kt_net_client *c = NULL;
    const struct kt_net_client_options o = { .endpoint = kt_net_server_endpoint(w.server),
                                             .server_key = server_key,
                                             .keys = keys,
                                             .queue = 32 };
    assert_int_equal(kt_net_client_open(&o, &c, &w.err), KT_OK);
    return c;
}

static int setup(void **state)
{
    (void)state;
    w = (struct world){ .deadline = kt_clock_real.mono(NULL) + LONG_MS * KT_NS_MS };
    kt_net_keys_make(&w.server_keys);
    kt_net_keys_make(&w.agent_keys);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_net_client_free(w.agent);
    kt_net_server_free(w.server);
    return 0;
}

static void open_both(void)
{
    assert_int_equal(open_server("tcp://127.0.0.1:*"), KT_OK);
    w.agent = connect_as(&w.agent_keys, w.server_keys.public_key);
}

static void step(void)
{
    assert_true(kt_clock_real.mono(NULL) < w.deadline);
    assert_int_equal(kt_net_server_wait(w.server, NULL, 0, STEP_MS, &w.err), KT_OK);
}

/* The next message at the server, which must be this one. */
static struct kt_net_peer expect_message(const char *text)
{
    struct kt_net_msg m = { 0 };
    enum kt_status st;

    while ((st = kt_net_server_recv(w.server, &m, &w.err)) == KT_E_AGAIN)
        step();
    assert_int_equal(st, KT_OK);
    assert_true(kt_str_is(m.body, text));
    assert_true(kt_str_is(m.user_id, "web-1/ab12"));
    struct kt_net_peer from = m.from;
    kt_net_msg_done(&m);
    kt_net_msg_done(&m);
    return from;
}

static void expect_answer(const char *text)
{
    struct kt_net_msg m = { 0 };
    enum kt_status st;

    while ((st = kt_net_client_recv(w.agent, &m, &w.err)) == KT_E_AGAIN) {
        assert_true(kt_clock_real.mono(NULL) < w.deadline);
        assert_int_equal(kt_net_client_wait(w.agent, NULL, 0, STEP_MS, &w.err), KT_OK);
    }
    assert_int_equal(st, KT_OK);
    assert_true(kt_str_is(m.body, text));
    kt_net_msg_done(&m);
}

static void round_trip(void)
{
    assert_int_equal(kt_net_client_send(w.agent, KT_STR("batch"), &w.err), KT_OK);
    struct kt_net_peer from = expect_message("batch");
    assert_int_equal(kt_net_server_send(w.server, from, KT_STR("ack"), &w.err), KT_OK);
    expect_answer("ack");
}

static void a_known_key_gets_in_with_its_user_id(void **state)
{
    (void)state;
    open_both();
    assert_int_equal(w.asked, 1); /* the throw-away key */
    assert_int_equal(kt_net_server_counts(w.server).refused, 0);
    round_trip();
    struct kt_net_counts c = kt_net_server_counts(w.server);
    assert_int_equal(c.accepted, 1);
    assert_int_equal(c.messages, 1);
    assert_int_equal(c.bytes_in, 5);
    assert_int_equal(c.bytes_out, 3);
}

static void listens_on_every_address_and_proves_itself_there(void **state)
{
    (void)state;
    assert_int_equal(open_server("tcp://*:*"), KT_OK);
    assert_int_equal(w.asked, 1);
}

static void a_list_that_lets_everyone_in_stops_the_start(void **state)
{
    (void)state;
    w.allow_all = true;
    assert_int_equal(open_server("tcp://127.0.0.1:*"), KT_E_DENIED);
    assert_null(w.server);
}

static void only_tcp_is_taken(void **state)
{
    (void)state;
    assert_int_equal(open_server("ipc:///tmp/kt.sock"), KT_E_CONFIG);
    assert_int_equal(open_server("inproc://x"), KT_E_CONFIG);
    assert_int_equal(open_server("tcp://300.0.0.1:x"), KT_E_IO);
    assert_null(w.server);
}

/* ZeroMQ would abort. */
static void too_few_files_are_said(void **state)
{
    (void)state;
    struct rlimit were, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &were), 0);
    few = (struct rlimit){ 127, were.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    enum kt_status st = open_server("tcp://127.0.0.1:*");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &were), 0);
    assert_int_equal(st, KT_E_LIMIT);
    assert_non_null(strstr(w.err.text, "only 127 files may be open"));
    assert_null(w.server);
}

static void a_peer_that_is_gone_is_said(void **state)
{
    (void)state;
    struct kt_net_peer nobody = { .id = { 0, 1, 2, 3, 4 }, .len = 5 };

    open_both();
    assert_int_equal(kt_net_server_send(w.server, nobody, KT_STR("x"), &w.err), KT_E_AGAIN);
    round_trip();
}

static void wait_wakes_on_a_descriptor(void **state)
{
    (void)state;
    int ends[2];

    open_both();
    round_trip();
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    kt_time_ns start = kt_clock_real.mono(NULL);
    assert_int_equal(kt_net_server_wait(w.server, &ends[0], 1, LONG_MS, &w.err), KT_OK);
    assert_int_equal(kt_net_client_wait(w.agent, &ends[0], 1, LONG_MS, &w.err), KT_OK);
    assert_true(kt_clock_real.mono(NULL) - start < LONG_MS * KT_NS_MS / 2);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void keys_follow_from_the_secret(void **state)
{
    (void)state;
    struct kt_net_keys again;
    kt_net_keys_from_secret(w.agent_keys.secret_key, &again);
    assert_memory_equal(&again, &w.agent_keys, sizeof again);
}

/* ---- strangers ---- */

/* ZMTP 3.0: greeting, then the mechanism's opening, then a message, all without waiting. */
static int raw_stranger(const char *mechanism, const void *opening, size_t n)
{
    unsigned char greeting[64] = { 0xff, [9] = 0x7f, [10] = 3 };
    static const unsigned char message[] = { 0x00, 4, 'e', 'v', 'i', 'l' };
    struct sockaddr_in to = { .sin_family = AF_INET };
    const char *port = strrchr(kt_net_server_endpoint(w.server), ':') + 1;

    memcpy(greeting + 12, mechanism, strlen(mechanism));
    to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    (void)send(fd, opening, n, MSG_NOSIGNAL);
    (void)send(fd, message, sizeof message, MSG_NOSIGNAL);
    return fd;
}

/* The server must hang up; nothing may come in meanwhile. */
static void expect_hang_up(int fd)
{
    struct kt_net_msg m = { 0 };
    char junk[256];
    ssize_t got;

    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    do {
        assert_int_equal(kt_net_server_recv(w.server, &m, &w.err), KT_E_AGAIN);
        assert_true(kt_clock_real.mono(NULL) < w.deadline);
        assert_int_equal(kt_net_server_wait(w.server, &fd, 1, STEP_MS, &w.err), KT_OK);
        got = recv(fd, junk, sizeof junk, 0);
    } while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
    (void)close(fd);
}

static void three_hundred_strangers_get_nothing_in(void **state)
{
    (void)state;
    static const unsigned char null_ready[] = "\x04\x1a\x05READY\x0bSocket-Type\0\0\0\6DEALER";
    static const unsigned char plain_hello[] = "\x04\x0a\x05HELLO\x01u\x01p";
    struct kt_net_client *stranger[2 * STRANGERS];
    struct kt_net_keys unknown, wrong;
    int fd[2 * STRANGERS];

    open_both();
    round_trip();
    kt_net_keys_make(&unknown);
    kt_net_keys_make(&wrong);
    for (unsigned i = 0; i < STRANGERS; i++) {
        stranger[2 * i] = connect_as(&unknown, w.server_keys.public_key);
        stranger[2 * i + 1] = connect_as(&w.agent_keys, wrong.public_key);
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(kt_net_client_send(stranger[2 * i + k], KT_STR("evil"), &w.err),
                             KT_OK);
        fd[2 * i] = raw_stranger("NULL", null_ready, sizeof null_ready - 1);
        fd[2 * i + 1] = raw_stranger("PLAIN", plain_hello, sizeof plain_hello - 1);
        if (i % 25 == 0)
            round_trip();
    }
    for (unsigned i = 0; i < 2 * STRANGERS; i++)
        expect_hang_up(fd[i]);
    while (kt_net_server_counts(w.server).refused < STRANGERS)
        step();
    round_trip();
    struct kt_net_counts c = kt_net_server_counts(w.server);
    assert_int_equal(c.accepted, 1);
    assert_int_equal(c.messages, 2 + STRANGERS / 25);
    for (unsigned i = 0; i < 2 * STRANGERS; i++)
        kt_net_client_free(stranger[i]);
}

static void a_client_with_the_wrong_server_key_sends_nothing(void **state)
{
    (void)state;
    struct kt_net_keys wrong;
    struct kt_net_msg m = { 0 };

    assert_int_equal(open_server("tcp://127.0.0.1:*"), KT_OK);
    kt_net_keys_make(&wrong);
    w.agent = connect_as(&w.agent_keys, wrong.public_key);
    assert_int_equal(kt_net_client_send(w.agent, KT_STR("x"), &w.err), KT_OK);
    for (unsigned i = 0; i < 10; i++) {
        step();
        assert_int_equal(kt_net_server_recv(w.server, &m, &w.err), KT_E_AGAIN);
    }
    assert_int_equal(kt_net_server_counts(w.server).accepted, 0);
}

static void a_message_over_the_limit_ends_the_connection(void **state)
{
    (void)state;
    struct kt_net_msg m = { 0 };
    size_t n = (4u << 20) + 8192;
    char *big = calloc(1, n);

    open_both();
    round_trip();
    assert_int_equal(kt_net_client_send(w.agent, kt_str_from(big, n), &w.err), KT_OK);
    while (kt_net_server_counts(w.server).accepted < 2) { /* it was cut off and came back */
        assert_int_equal(kt_net_server_recv(w.server, &m, &w.err), KT_E_AGAIN);
        step();
    }
    free(big);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_known_key_gets_in_with_its_user_id),
        TEST(listens_on_every_address_and_proves_itself_there),
        TEST(a_list_that_lets_everyone_in_stops_the_start),
        TEST(only_tcp_is_taken),
        TEST(too_few_files_are_said),
        TEST(a_peer_that_is_gone_is_said),
        TEST(wait_wakes_on_a_descriptor),
        TEST(keys_follow_from_the_secret),
        TEST(three_hundred_strangers_get_nothing_in),
        TEST(a_client_with_the_wrong_server_key_sends_nothing),
        TEST(a_message_over_the_limit_ends_the_connection),
    };
    return cmocka_run_group_tests_name("sys_net", tests, NULL, NULL);
}
