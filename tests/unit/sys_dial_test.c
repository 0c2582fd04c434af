/* Connections out that carry no HTTP, against sockets on loopback: what arrives, what is noticed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/buf.h"
#include "core/sys/clock.h"
#include "core/sys/dial.h"

struct receiver {
    int listener, peer;
    char url[64];
};

static struct receiver receiver(int type)
{
    struct receiver r = { .peer = -1 };
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    r.listener = socket(AF_INET, type, 0);
    assert_int_equal(bind(r.listener, (struct sockaddr *)&a, n), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(r.listener, 4), 0);
    assert_int_equal(getsockname(r.listener, (struct sockaddr *)&a, &n), 0);
    (void)snprintf(r.url, sizeof r.url, "%s://127.0.0.1:%u", type == SOCK_STREAM ? "tcp" : "udp",
                   (unsigned)ntohs(a.sin_port));
    return r;
}

static void take_peer(struct receiver *r)
{
    if (r->peer >= 0)
        (void)close(r->peer);
    r->peer = accept(r->listener, NULL, NULL);
    assert_true(r->peer >= 0);
}

static void receiver_done(struct receiver *r)
{
    if (r->peer >= 0)
        (void)close(r->peer);
    if (r->listener >= 0)
        (void)close(r->listener);
}

static struct kt_dial *dial(const char *url, int wake_fd)
{
    struct kt_dial *d = NULL;
    struct kt_error err = { 0 };
    const struct kt_dial_options o = { .url = kt_str_of(url),
                                       .allow_private = true,
                                       .wake_fd = wake_fd };
    if (kt_dial_new(&o, &d, &err) != KT_OK)
        fail_msg("%s", err.text);
    return d;
}

static void expect(int fd, const char *want)
{
    char got[256];
    struct pollfd p = { .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, 5000), 1);
    ssize_t n = recv(fd, got, sizeof got, 0);
    assert_true(n >= 0);
    assert_true(kt_str_is(kt_str_from(got, (size_t)n), want));
}

static void bytes_arrive_and_a_closed_connection_is_made_anew(void **state)
{
    (void)state;
    struct receiver r = receiver(SOCK_STREAM);
    struct kt_dial *d = dial(r.url, -1);
    struct kt_error err = { 0 };
    assert_false(kt_dial_is_datagram(d));
    assert_int_equal(kt_dial_send(d, KT_STR("one"), KT_NS_S, &err), KT_OK);
    take_peer(&r);
    expect(r.peer, "one");
    assert_int_equal(kt_dial_send(d, KT_STR("two"), KT_NS_S, &err), KT_OK);
    expect(r.peer, "two");
    (void)close(r.peer);
    r.peer = -1;
    assert_int_equal(kt_dial_send(d, KT_STR("three"), KT_NS_S, &err), KT_OK);
    take_peer(&r);
    expect(r.peer, "three");
    (void)send(r.peer, "noise", 5, 0); /* nobody asked for it */
    assert_int_equal(kt_dial_send(d, KT_STR("four"), KT_NS_S, &err), KT_OK);
    expect(r.peer, "four");
    kt_dial_free(d);
    receiver_done(&r);
}

static void nobody_there_is_an_error_in_words(void **state)
{
    (void)state;
    struct receiver r = receiver(SOCK_STREAM);
    struct kt_dial *d = dial(r.url, -1);
    struct kt_error err = { 0 };
    (void)close(r.listener);
    r.listener = -1;
    assert_int_equal(kt_dial_send(d, KT_STR("x"), KT_NS_S, &err), KT_E_IO);
    assert_true(kt_str_has(kt_str_of(err.text), KT_STR("Couldn't connect")));
    kt_dial_free(d);
    receiver_done(&r);
}

/* Who does not read is given up after the limit, and the connection with it. */
static void a_receiver_that_does_not_read_is_given_up(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf much = { 0 };
    struct receiver r = receiver(SOCK_STREAM);
    struct kt_dial *d = dial(r.url, -1);
    struct kt_error err = { 0 };
    memset(kt_buf_reserve(&much, 64u << 20), 'x', 64u << 20);
    much.len = 64u << 20;
    kt_time_ns from = kt_clock_real.mono(NULL);
    assert_int_equal(kt_dial_send(d, kt_buf_str(&much), 200 * KT_NS_MS, &err), KT_E_AGAIN);
    assert_true(kt_clock_real.mono(NULL) - from < 3 * KT_NS_S);
    assert_string_equal(err.text, "not taken in time");
    kt_dial_free(d);
    receiver_done(&r);
}

static void a_wake_ends_the_wait(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf much = { 0 };
    struct receiver r = receiver(SOCK_STREAM);
    int wake = eventfd(1, 0);
    struct kt_dial *d = dial(r.url, wake);
    struct kt_error err = { 0 };
    memset(kt_buf_reserve(&much, 64u << 20), 'x', 64u << 20);
    much.len = 64u << 20;
    kt_time_ns from = kt_clock_real.mono(NULL);
    assert_int_equal(kt_dial_send(d, kt_buf_str(&much), 60 * KT_NS_S, &err), KT_E_AGAIN);
    assert_true(kt_clock_real.mono(NULL) - from < 3 * KT_NS_S);
    assert_string_equal(err.text, "told to stop");
    kt_dial_free(d);
    receiver_done(&r);
    (void)close(wake);
}

static void datagrams_arrive_one_by_one(void **state)
{
    (void)state;
    struct receiver r = receiver(SOCK_DGRAM);
    struct kt_dial *d = dial(r.url, -1);
    struct kt_error err = { 0 };
    assert_true(kt_dial_is_datagram(d));
    assert_int_equal(kt_dial_send(d, KT_STR("one"), KT_NS_S, &err), KT_OK);
    assert_int_equal(kt_dial_send(d, KT_STR("two"), KT_NS_S, &err), KT_OK);
    expect(r.listener, "one");
    expect(r.listener, "two");
    kt_dial_free(d);
    receiver_done(&r);
}

static void only_what_may_be_spoken_to_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool allow_private;
        const char *why; /* NULL: taken */
    } urls[] = {
        { "tls://syslog.example", false, NULL },
        { "tls://syslog.example:6514", false, NULL },
        { "tls://203.0.113.7:6514", false, NULL },
        { "tls://[2001:db8::1]:6514", false, NULL },
        { "tls://10.0.0.1:6514", true, NULL },
        { "tls://10.0.0.1:6514", false, "allow_private is not set" },
        { "tls://127.0.0.1:6514", false, "loopback" },
        { "tls://169.254.169.254:6514", true, "link" },
        { "tcp://127.0.0.1:514", true, NULL },
        { "tcp://[::1]:514", true, NULL },
        { "tcp://127.0.0.1:514", false, "loopback" },
        { "tcp://10.0.0.1:514", true, "not loopback, and without TLS" },
        { "udp://127.0.0.1", true, NULL },
        { "udp://localhost:514", true, "in numbers" },
        { "udp://203.0.113.7:514", false, "203.0.113.7 is not loopback, and without TLS" },
        { "https://syslog.example", false, "write tls://" },
        { "syslog.example:6514", false, "write tls://" },
        { "tls://", false, "URL" },
        { "tls://a.example/path", false, "no path" },
        { "tls://user@a.example", false, "nothing else" },
        { "tls://a.example?x=1", false, "nothing else" },
        { "tls://a.example:99999", false, "URL" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(urls); i++) {
        struct kt_dial *d = NULL;
        struct kt_error err = { 0 };
        const struct kt_dial_options o = { .url = kt_str_of(urls[i].url),
                                           .allow_private = urls[i].allow_private,
                                           .wake_fd = -1 };
        enum kt_status st = kt_dial_new(&o, &d, &err);
        if ((st == KT_OK) != (urls[i].why == NULL) ||
            (st != KT_OK && !kt_str_has(kt_str_of(err.text), kt_str_of(urls[i].why))))
            fail_msg("%s: %s", urls[i].url, err.text);
        kt_dial_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_and_a_closed_connection_is_made_anew),
        cmocka_unit_test(nobody_there_is_an_error_in_words),
        cmocka_unit_test(a_receiver_that_does_not_read_is_given_up),
        cmocka_unit_test(a_wake_ends_the_wait),
        cmocka_unit_test(datagrams_arrive_one_by_one),
        cmocka_unit_test(only_what_may_be_spoken_to_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
