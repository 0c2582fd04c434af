/* http: against a small server of our own on the loopback. It plays one script a connection, in
 * order, and keeps what it was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/limits.h"
#include "core/sys/clock.h"
#include "core/sys/http.h"
#include "core/sys/http_int.h"

enum { LONG_MS = 10000, SCRIPTS_MAX = 4, HEARD_MAX = 4096 };

struct server {
    int fd;
    unsigned port, n, served;
    struct kt_str script[SCRIPTS_MAX];
    char heard[HEARD_MAX]; /* of the last connection */
    pthread_t thread;
    bool running;
};
static struct server s;
static struct kt_http *http;
static struct kt_http_answer got;
static char got_body[KT_HTTP_REPLY_MAX + 1];
static struct kt_error err;

/* Reads head and body of one request. */
static void hear(int fd)
{
    size_t n = 0;
    const char *end = NULL, *length = NULL;

    memset(s.heard, 0, sizeof s.heard);
    for (;;) {
        ssize_t more = recv(fd, s.heard + n, sizeof s.heard - 1 - n, 0);
        if (more <= 0)
            return;
        n += (size_t)more;
        end = strstr(s.heard, "\r\n\r\n");
        length = strstr(s.heard, "Content-Length: ");
        if (end != NULL &&
            (length == NULL || n >= (size_t)(end + 4 - s.heard) + strtoul(length + 16, NULL, 10)))
            return;
    }
}

static void *serve(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = accept(s.fd, NULL, NULL);
        if (fd < 0)
            return NULL; /* shut down: the test is over */
        hear(fd);
        const struct kt_str script = s.script[s.served < s.n ? s.served : s.n - 1];
        s.served++;
        for (size_t done = 0; done < script.len;) {
            ssize_t put = send(fd, script.at + done, script.len - done, MSG_NOSIGNAL);
            if (put <= 0)
                break;
            done += (size_t)put;
        }
        (void)close(fd);
    }
}

static void server_start(const struct kt_str *scripts, unsigned n)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;

    memcpy(s.script, scripts, n * sizeof *scripts);
    s.n = n;
    s.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s.fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s.fd, 16), 0);
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&a, &len), 0);
    s.port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s.thread, NULL, serve, NULL), 0);
    s.running = true;
}

static void server_stop(void)
{
    if (!s.running)
        return;
    (void)shutdown(s.fd, SHUT_RDWR);
    (void)pthread_join(s.thread, NULL);
    (void)close(s.fd);
    s.running = false;
}

static int setup(void **state)
{
    (void)state;
    s = (struct server){ 0 };
    http = kt_http_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_http_free(http);
    server_stop();
    return 0;
}

static void keep(void *self, struct kt_http_answer *a)
{
    unsigned *n = self;
    got = *a;
    memcpy(got_body, a->body.at != NULL ? a->body.at : "", a->body.len);
    got_body[a->body.len] = '\0';
    (*n)++;
}

static void finish(unsigned expected)
{
    unsigned n = 0;
    kt_time_ns deadline = kt_clock_real.mono(NULL) + LONG_MS * KT_NS_MS;
    while (n < expected) {
        assert_true(kt_clock_real.mono(NULL) < deadline);
        kt_http_run(http, 100, -1, keep, &n);
    }
    assert_int_equal(kt_http_pending(http), 0);
}

static void post_to(const char *scheme_host, const char *path)
{
    static const struct kt_str headers[] = { KT_STR_INIT("Content-Type: application/json") };
    char url[128];
    (void)snprintf(url, sizeof url, "%s:%u%s", scheme_host, s.port, path);
    const struct kt_http_request r = { .url = kt_str_of(url),
                                       .body = KT_STR("{\"a\":1}"),
                                       .headers = headers,
                                       .n_headers = 1,
                                       .allow_private = true,
                                       .tag = 42 };
    assert_int_equal(kt_http_start(http, &r, &err), KT_OK);
    assert_int_equal(kt_http_pending(http), 1);
    finish(1);
}

static void post_against(struct kt_str script)
{
    server_start(&script, 1);
    post_to("http://127.0.0.1", "/hook/invented-secret?key=invented");
}

static void a_post_arrives_and_its_answer_comes_back(void **state)
{
    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    post_against(KT_STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    (void)unsetenv("http_proxy");
    (void)unsetenv("ALL_PROXY");
    assert_int_equal(got.status, 200);
    assert_int_equal(got.tag, 42);
    assert_string_equal(got_body, "ok");
    assert_string_equal(got.error, "");
    assert_true(got.took > 0 && got.retry_after == 0);
    assert_ptr_equal(strstr(s.heard, "POST /hook/invented-secret?key=invented HTTP/1.1\r\n"),
                     s.heard);
    assert_non_null(strstr(s.heard, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(s.heard, "\r\nUser-Agent: keytrail/"));
    assert_non_null(strstr(s.heard, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(s.heard, "Expect:"));
}

static void retry_after_is_read_in_both_forms_and_capped(void **state)
{
    (void)state;
    post_against(KT_STR("HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"));
    assert_int_equal(got.status, 429);
    assert_int_equal(got.retry_after, 7 * KT_NS_S);
    server_stop();

    s = (struct server){ 0 };
    post_against(KT_STR("HTTP/1.1 503 Later\r\nRetry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n"
                        "Content-Length: 0\r\n\r\n"));
    assert_int_equal(got.status, 503);
    assert_int_equal(got.retry_after, KT_NS_HOUR);
}

static void keep_headers(void *self, struct kt_http_answer *a)
{
    const struct {
        const char *name, *want;
    } all[] = { { "x-amz-meta-signature", "0aF1" },
                { "x-amz-bucket-region", "eu-west-1" },
                { "x-amz-meta-empty", "" },
                { "content-length", "" },
                { "x-amz-meta", "" } };
    unsigned *n = self;
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++)
        assert_true(kt_str_is(kt_http_header(a, all[i].name), all[i].want));
    assert_true(a->headers.len < 17000);
    (*n)++;
}

static void headers_that_are_asked_for_are_kept(void **state)
{
    (void)state;
    static char script[24000];
    unsigned n = 0;
    size_t len = (size_t)snprintf(script, sizeof script,
                                  "HTTP/1.1 200 OK\r\nX-Amz-Meta-Signature:  0aF1 \r\n"
                                  "x-amz-bucket-region: eu-west-1\r\nx-amz-meta-empty:\r\n");
    for (unsigned i = 0; i < 20; i++) /* more of them than are kept */
        len += (size_t)snprintf(script + len, sizeof script - len, "x-amz-n: %01000u\r\n", i);
    (void)snprintf(script + len, sizeof script - len, "Content-Length: 2\r\n\r\nok");
    const struct kt_str text = kt_str_of(script);
    char url[64];
    server_start(&text, 1);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", s.port);
    const struct kt_http_request r = { .url = kt_str_of(url),
                                       .method = KT_HTTP_GET,
                                       .keep_headers = "x-amz-",
                                       .allow_private = true };
    assert_int_equal(kt_http_start(http, &r, &err), KT_OK);
    kt_time_ns deadline = kt_clock_real.mono(NULL) + LONG_MS * KT_NS_MS;
    while (n == 0 && kt_clock_real.mono(NULL) < deadline)
        kt_http_run(http, 100, -1, keep_headers, &n);
    assert_int_equal(n, 1);
}

/* The proxy is asked for a tunnel to the host, and is shown neither path nor headers. */
static void a_named_proxy_is_asked_for_a_tunnel(void **state)
{
    (void)state;
    static const struct kt_str headers[] = { KT_STR_INIT("Authorization: invented") };
    const struct kt_str script = KT_STR("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    char proxy[64];
    server_start(&script, 1);
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", s.port);
    const struct kt_http_request r = { .url = KT_STR("https://hooks.example.com/invented-secret"),
                                       .body = KT_STR("{}"),
                                       .headers = headers,
                                       .n_headers = 1,
                                       .proxy = proxy };
    assert_int_equal(kt_http_check_proxy(kt_str_of(proxy), &err), KT_OK);
    assert_int_equal(kt_http_start(http, &r, &err), KT_OK);
    finish(1);
    assert_int_equal(got.status, 0);
    assert_string_not_equal(got.error, "");
    assert_ptr_equal(strstr(s.heard, "CONNECT hooks.example.com:443 HTTP/1.1\r\n"), s.heard);
    assert_null(strstr(s.heard, "invented"));
}

static void proxies_outside_the_rules_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "proxy.example:3128",          "socks5://proxy.example:1080",
        "http://proxy.example",        "http://u:invented@proxy.example:1",
        "http://proxy.example:1/path", ""
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++) {
        assert_int_equal(kt_http_check_proxy(kt_str_of(bad[i]), &err), KT_E_CONFIG);
        assert_null(strstr(err.text, "invented"));
    }
    assert_int_equal(kt_http_check_proxy(KT_STR("https://proxy.example:3128"), &err), KT_OK);
}

static void a_server_error_is_an_answer(void **state)
{
    (void)state;
    post_against(KT_STR("HTTP/1.1 500 Broken\r\nContent-Length: 4\r\n\r\noops"));
    assert_int_equal(got.status, 500);
    assert_string_equal(got_body, "oops");
}

/* "Unsupported protocol" sent people to their URL. */
static void what_speaks_no_http_is_said_to(void **state)
{
    (void)state;
    post_against(KT_STR("SSH-2.0-OpenSSH_9.2p1\r\n"));
    assert_int_equal(got.status, 0);
    assert_non_null(strstr(got.error, "does not speak HTTP"));
}

static void a_redirect_is_not_followed(void **state)
{
    (void)state;
    const struct kt_str scripts[] = {
        KT_STR("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
        KT_STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    };
    server_start(scripts, 2);
    post_to("http://127.0.0.1", "/");
    assert_int_equal(got.status, 302);
    assert_int_equal(s.served, 1);
}

static void a_cut_reply_is_no_answer_and_names_no_path(void **state)
{
    (void)state;
    static const struct kt_str cut[] = {
        KT_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        KT_STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        KT_STR_INIT(""),
        KT_STR_INIT("no http at all\r\n\r\n"),
    };
    server_start(cut, KT_ARRAY_LEN(cut));
    for (size_t i = 0; i < KT_ARRAY_LEN(cut); i++) {
        post_to("http://localhost", "/hook/invented-secret?key=invented");
        assert_int_equal(got.status, 0);
        assert_string_not_equal(got.error, "");
        assert_null(strstr(got.error, "hook"));
        assert_null(strstr(got.error, "invented"));
    }
}

static void a_long_reply_is_cut_and_its_status_counts(void **state)
{
    (void)state;
    struct kt_buf long_reply = { 0 };

    kt_buf_addz(&long_reply, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
    for (unsigned i = 0; i < 200000; i++)
        kt_buf_byte(&long_reply, 'x');
    post_against(kt_buf_str(&long_reply));
    assert_int_equal(got.status, 200);
    assert_int_equal(strlen(got_body), KT_HTTP_REPLY_MAX);
    assert_non_null(strstr(got.error, "longer than"));
    server_stop(); /* it may still be sending */
    kt_buf_done(&long_reply);
}

/* 100,000 times '0', gzip. */
static const char bomb[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\x4a"
    "\xeb\x9f\xce\x1a\x1e\x40\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\xaf\x06\x85\xc2\x4d\xc5\xa0\x86\x01\x00";

static void the_reply_is_counted_after_decompression(void **state)
{
    (void)state;
    struct kt_buf b = { 0 };

    kt_buf_addf(&b, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                sizeof bomb - 1);
    kt_buf_add_bytes(&b, bomb, sizeof bomb - 1);
    post_against(kt_buf_str(&b));
    assert_int_equal(got.status, 200);
    assert_int_equal(strlen(got_body), KT_HTTP_REPLY_MAX);
    assert_non_null(strstr(s.heard, "\r\nAccept-Encoding: "));
    server_stop(); /* it may still be sending */
    kt_buf_done(&b);
}

/* Where an address comes from the environment of a container, a token goes with it. */
static void credentials_are_asked_of_nobody_else_in_the_clear(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool allowed;
    } rows[] = {
        { "http://169.254.170.2/v2/x", true },  { "http://169.254.170.23/v1/x", true },
        { "http://169.254.169.254/x", true },   { "http://[fd00:ec2::23]/v1/x", true },
        { "http://[fd00:ec2::254]/x", true },   { "http://127.0.0.1:1/x", true },
        { "https://keys.example.com/x", true }, { "http://203.0.113.40/x", false },
        { "http://10.0.0.4/x", false },         { "http://169.254.1.1/x", false },
        { "http://keys.example.com/x", false }, { "http://[fd00:ec2::25]/x", false },
        { "ftp://169.254.170.2/v2/x", false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        const struct kt_http_rules rules = { .allow_private = true, .metadata = true };
        bool plain;
        if ((kt_http_check(rows[i].url, &rules, &plain, &err) == KT_OK) != rows[i].allowed)
            fail_msg("%s", rows[i].url);
    }
}

static void a_name_is_judged_by_its_address(void **state)
{
    (void)state;
    const struct kt_http_request r = { .url = KT_STR("https://localhost:1/hook/invented-secret") };

    assert_int_equal(kt_http_start(http, &r, &err), KT_OK);
    finish(1);
    assert_int_equal(got.status, 0);
    assert_non_null(strstr(got.error, "address refused"));
    assert_non_null(strstr(got.error, "loopback"));
    assert_null(strstr(got.error, "hook"));
}

static void a_wake_descriptor_ends_the_wait(void **state)
{
    (void)state;
    int ends[2];
    unsigned n = 0;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    kt_time_ns start = kt_clock_real.mono(NULL);
    kt_http_run(http, LONG_MS, ends[0], keep, &n);
    assert_true(kt_clock_real.mono(NULL) - start < LONG_MS * KT_NS_MS / 2);
    kt_http_run(http, 0, -1, keep, &n);
    assert_int_equal(n, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void free_ends_what_is_under_way(void **state)
{
    (void)state;
    const struct kt_http_request r = { .url = KT_STR("https://localhost:1/") };
    assert_int_equal(kt_http_start(http, &r, &err), KT_OK);
    assert_int_equal(kt_http_pending(http), 1);
}

static void urls_outside_the_rules_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool plain_ok, private_ok; /* without and with allow_private */
    } urls[] = {
        { "https://hooks.example.com/a?b", true, true },
        { "https://203.0.113.7/", true, true },
        { "https://[2001:db8::7]:8443/", true, true },
        { "https://10.0.0.1/", false, true },
        { "https://100.64.0.1/", false, true },
        { "https://127.0.0.1/", false, true },
        { "https://0x7f.1/", false, true },
        { "https://2130706433/", false, true },
        { "https://[::1]/", false, true },
        { "https://[::ffff:10.0.0.1]/", false, true },
        { "https://[64:ff9b::0a00:0001]/", false, true },
        { "https://[64:ff9b::cb00:7107]/", true, true },
        { "https://[fd00:1::1]/", false, true },
        { "http://127.0.0.1/", false, true },
        { "http://[::1]:80/", false, true },
        { "http://localhost:1/", false, true },
        { "http://10.0.0.1/", false, false },
        { "http://hooks.example.com/", false, false },
        { "https://169.254.169.254/", false, false },
        { "https://[fd00:ec2::254]/", false, false },
        { "https://[fe80::1]/", false, false },
        { "https://[64:ff9b::a9fe:a9fe]/", false, false },
        { "https://[2002:0a00:0001::]/", false, false },
        { "https://224.0.0.1/", false, false },
        { "https://0.0.0.0/", false, false },
        { "https://user:invented@hooks.example.com/", false, false },
        { "https://user@hooks.example.com/", false, false },
        { "ftp://hooks.example.com/", false, false },
        { "file:///etc/passwd", false, false },
        { "gopher://127.0.0.1/", false, false },
        { "hooks.example.com/a", false, false },
        { "https://", false, false },
        { "https://a b/", false, false },
        { "", false, false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(urls); i++)
        for (int private = 0; private < 2; private ++) {
            enum kt_status st = kt_http_check_url(kt_str_of(urls[i].url), private, &err);
            bool ok = private ? urls[i].private_ok : urls[i].plain_ok;
            if (st != (ok ? KT_OK : KT_E_CONFIG))
                fail_msg("%s, allow_private %d: %d", urls[i].url, private, st);
            if (!ok)
                assert_null(strstr(err.text, "invented"));
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void mail_goes_out_encrypted_or_to_this_host(void **state)
{
    static const struct {
        const char *url;
        bool allow_private, no_tls, fine;
    } urls[] = {
        { "smtps://smtp.example.com:465", false, false, true },
        { "smtp://smtp.example.com:587", false, false, true }, /* STARTTLS is required */
        { "smtp://smtp.example.com:25", true, true, false },
        { "smtp://127.0.0.1:25", true, true, true },
        { "smtp://127.0.0.1:25", false, true, false },
        { "smtp://127.0.0.1:25", false, false, false },
        { "smtp://localhost:25", true, true, true },
        { "smtp://10.1.2.3:25", true, true, false },
        { "smtp://10.1.2.3:587", true, false, true },
        { "smtps://127.0.0.1:465", true, true, false }, /* both at once is a mistake */
        { "smtps://user:word@smtp.example.com", false, false, false },
        { "smtps://169.254.169.254", true, false, false },
        { "https://smtp.example.com", false, false, false },
        { "ftp://smtp.example.com", true, true, false },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(urls); i++) {
        bool fine = kt_mail_check_url(kt_str_of(urls[i].url), urls[i].allow_private, urls[i].no_tls,
                                      &err) == KT_OK;
        if (fine != urls[i].fine)
            fail_msg("%s: %s", urls[i].url, err.text);
        assert_int_equal(kt_http_check_url(kt_str_of(urls[i].url), true, NULL) == KT_OK,
                         strncmp(urls[i].url, "https:", 6) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_post_arrives_and_its_answer_comes_back),
        TEST(retry_after_is_read_in_both_forms_and_capped),
        TEST(headers_that_are_asked_for_are_kept),
        TEST(a_named_proxy_is_asked_for_a_tunnel),
        TEST(proxies_outside_the_rules_are_refused),
        TEST(a_server_error_is_an_answer),
        TEST(what_speaks_no_http_is_said_to),
        TEST(a_redirect_is_not_followed),
        TEST(a_cut_reply_is_no_answer_and_names_no_path),
        TEST(a_long_reply_is_cut_and_its_status_counts),
        TEST(the_reply_is_counted_after_decompression),
        TEST(credentials_are_asked_of_nobody_else_in_the_clear),
        TEST(a_name_is_judged_by_its_address),
        TEST(a_wake_descriptor_ends_the_wait),
        TEST(free_ends_what_is_under_way),
        TEST(urls_outside_the_rules_are_refused),
        TEST(mail_goes_out_encrypted_or_to_this_host),
    };
    return cmocka_run_group_tests_name("sys_http", tests, NULL, NULL);
}
