/*
 * collector_stream_http: the way by HTTP against a small server on loopback that plays good and bad
 * targets, with a type that asks for an acknowledgement; and what PostgreSQL's URL may not be.
 */
#include "collector/stream_carry.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/pg.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define SEEN 8

/* ---- a type that wants to be asked ---- */

static enum kt_status acked_request(const void *options, const struct kt_stream_secrets *secrets,
                                    const struct kt_stream_batch *batch, unsigned stage,
                                    const char *note, struct kt_arena *arena,
                                    struct kt_stream_request *ret, struct kt_error *err)
{
    (void)options;
    (void)batch;
    (void)err;
    ret->url = kt_arena_cat(arena, secrets->url, stage == 0 ? KT_STR("/in") : KT_STR("/ack"));
    ret->headers[ret->n_headers++] =
        kt_arena_cat(arena, KT_STR("Authorization: Test "),
                     secrets->key.len > 0 ? secrets->key : KT_STR("s3cret"));
    if (stage == 1) {
        ret->own_body = true;
        kt_buf_addz(&ret->body, note);
    }
    return KT_OK;
}

static void acked_judge(const void *options, const struct kt_stream_batch *batch, unsigned stage,
                        int status, struct kt_str body, const struct kt_http_answer *answer,
                        struct kt_stream_judgement *ret)
{
    (void)options;
    (void)batch;
    (void)answer;
    kt_stream_judge_status(status, ret);
    if (ret->verdict != KT_STREAM_TAKEN)
        return;
    if (stage == 0) {
        kt_str_copyz(ret->note, sizeof ret->note, body);
        ret->verdict = KT_STREAM_NEXT;
    } else if (!kt_str_is(body, "yes")) {
        ret->verdict = KT_STREAM_AGAIN;
        ret->wait_ms = 10;
    }
}

static const struct kt_stream_type acked = {
    .name = "acked",
    .sink = KT_STREAM_SINK_HTTP,
    .pack = KT_STREAM_GZIP,
    .request = acked_request,
    .judge = acked_judge,
};

/* ---- the server ---- */

struct world {
    const char *script[SEEN]; /* answers, whole */
    unsigned n_script, at, n_seen;
    char seen[SEEN][4096];
    int listener;
    pthread_t thread;
    atomic_bool stop;
    char url[64];
    struct kt_conf *conf;
    struct kt_stream_setup setup;
    struct kt_carrier carrier;
    uint8_t fate[4];
    struct kt_stream_batch batch;
    struct kt_stream_sending sending;
};

static void read_request(int fd, char *to, size_t n)
{
    size_t have = 0;
    while (have + 1 < n) {
        ssize_t got = recv(fd, to + have, n - 1 - have, 0);
        if (got <= 0)
            return;
        have += (size_t)got;
        to[have] = '\0';
        const char *end = strstr(to, "\r\n\r\n"), *length = strcasestr(to, "Content-Length: ");
        if (end != NULL &&
            have >= (size_t)(end + 4 - to) + (length != NULL ? strtoul(length + 16, NULL, 10) : 0))
            return;
    }
}

static void *serve(void *self)
{
    struct world *w = self;
    while (!atomic_load(&w->stop)) {
        struct pollfd p = { .fd = w->listener, .events = POLLIN };
        if (poll(&p, 1, 10) <= 0)
            continue;
        int fd = accept(w->listener, NULL, NULL);
        const struct timeval patience = { .tv_sec = 2 };
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (w->n_seen < SEEN)
            read_request(fd, w->seen[w->n_seen++], sizeof w->seen[0]);
        const char *answer = w->script[w->at < w->n_script ? w->at++ : w->n_script - 1];
        if (strcmp(answer, "endless") == 0) {
            static char more[65536];
            const char *head = "HTTP/1.1 400 No\r\n\r\n";
            (void)send(fd, head, strlen(head), MSG_NOSIGNAL);
            for (unsigned i = 0; i < 1000 && send(fd, more, sizeof more, MSG_NOSIGNAL) > 0; i++)
                ;
        } else {
            (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        }
        (void)close(fd);
    }
    return NULL;
}

static void open_world(struct world *w, const struct kt_stream_type *type, int wake_fd)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    struct kt_error err = { 0 };
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->listener, (const struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(w->listener, 8), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u", ntohs(at.sin_port));
    assert_int_equal(
        kt_conf_parse(
            KT_STR("streams: { s: { type: clickhouse, url_file: x, allow_private: true } }\n"),
            "test.yaml", NULL, 0, &w->conf, &err),
        KT_OK);
    w->setup = (struct kt_stream_setup){ .conf = w->conf,
                                         .stream = &w->conf->streams[0],
                                         .type = type,
                                         .encoder = type,
                                         .secrets = { .url = kt_str_of(w->url) } };
    const struct kt_carrier_options o = {
        .setup = &w->setup, .clock = kt_clock_real, .fs = kt_fs_real, .wake_fd = wake_fd
    };
    assert_int_equal(kt_carrier_open(&o, &w->carrier, &err), KT_OK);
    w->batch = (struct kt_stream_batch){ .stream = "s", .n = 4, .body = KT_STR("the body") };
    w->sending = (struct kt_stream_sending){ .batch = &w->batch, .fate = w->fate };
    assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
}

static void close_world(struct world *w)
{
    atomic_store(&w->stop, true);
    (void)pthread_join(w->thread, NULL);
    w->carrier.close(w->carrier.self);
    kt_conf_free(w->conf);
    (void)close(w->listener);
}

#define ANSWER(status, headers, body)                                                              \
    "HTTP/1.1 " status " X\r\n" headers "Connection: close\r\n\r\n" body

/* ---- tests ---- */

static void asks_until_it_is_acknowledged(void **unused)
{
    struct world w = { .script = { ANSWER("200", "", "ack-7"), ANSWER("200", "", "no"),
                                   ANSWER("200", "", "no"), ANSWER("200", "", "yes") },
                       .n_script = 4 };
    (void)unused;
    open_world(&w, &acked, -1);
    w.carrier.send(w.carrier.self, &w.sending);
    close_world(&w);
    assert_int_equal(w.sending.verdict, KT_STREAM_TAKEN);
    assert_int_equal(w.n_seen, 4);
    assert_non_null(strstr(w.seen[0], "POST /in "));
    assert_non_null(strstr(w.seen[0], "Content-Encoding: gzip"));
    assert_non_null(strstr(w.seen[0], "\r\n\r\nthe body"));
    assert_non_null(strstr(w.seen[3], "POST /ack "));
    assert_null(strstr(w.seen[3], "Content-Encoding"));
    assert_non_null(strstr(w.seen[3], "\r\n\r\nack-7"));
}

/* EXPORTS §5: what a target may do instead of its work. */
static void judges_what_targets_do(void **unused)
{
    static const struct {
        const char *answer;
        enum kt_stream_verdict verdict;
        kt_time_ns at_least, at_most; /* retry_after */
    } plays[] = {
        { ANSWER("400", "", "no"), KT_STREAM_REFUSED, 0, 0 },
        { ANSWER("401", "", "no"), KT_STREAM_DENIED, 0, 0 },
        { ANSWER("404", "", "no"), KT_STREAM_DENIED, 0, 0 },
        { ANSWER("408", "", "no"), KT_STREAM_RETRY, 0, 0 },
        { ANSWER("410", "", "no"), KT_STREAM_DENIED, 0, 0 },
        { ANSWER("413", "", "no"), KT_STREAM_TOO_LARGE, 0, 0 },
        { ANSWER("429", "", "no"), KT_STREAM_RETRY, 0, 0 },
        { ANSWER("429", "Retry-After: 7\r\n", "no"), KT_STREAM_RETRY, 7 * KT_NS_S, 7 * KT_NS_S },
        { ANSWER("503", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n", ""), KT_STREAM_RETRY,
          KT_NS_HOUR, KT_NS_HOUR },
        { ANSWER("503", "Retry-After: 99999999999999999999\r\n", ""), KT_STREAM_RETRY, 0,
          KT_NS_HOUR },
        { ANSWER("500", "Retry-After: 7\r\n", ""), KT_STREAM_RETRY, 0, 0 },
        { ANSWER("302", "Location: http://127.0.0.1:1/\r\n", ""), KT_STREAM_DENIED, 0, 0 },
        { "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhal", KT_STREAM_RETRY, 0, 0 },
        { "no HTTP at all\r\n\r\n", KT_STREAM_RETRY, 0, 0 },
        { "", KT_STREAM_RETRY, 0, 0 },
        { "endless", KT_STREAM_REFUSED, 0, 0 },
    };
    (void)unused;
    for (size_t i = 0; i < KT_ARRAY_LEN(plays); i++) {
        struct world w = { .script = { plays[i].answer }, .n_script = 1 };
        open_world(&w, &acked, -1);
        w.carrier.send(w.carrier.self, &w.sending);
        close_world(&w);
        if (w.sending.verdict != plays[i].verdict || w.sending.retry_after < plays[i].at_least ||
            w.sending.retry_after > plays[i].at_most)
            fail_msg("play %zu: verdict %d, retry after %lld, '%s'", i, w.sending.verdict,
                     (long long)w.sending.retry_after, w.sending.word);
        assert_true(w.sending.word[0] != '\0');
        assert_null(strstr(w.sending.word, "s3cret"));
    }
}

static void gives_up_at_once_when_told_to_stop(void **unused)
{
    struct world w = { .script = { ANSWER("200", "", "ack-7"), ANSWER("200", "", "no") },
                       .n_script = 2 };
    int fd = eventfd(1, EFD_CLOEXEC);
    (void)unused;
    open_world(&w, &acked, fd);
    w.carrier.send(w.carrier.self, &w.sending);
    close_world(&w);
    assert_int_equal(w.sending.verdict, KT_STREAM_RETRY);
    (void)close(fd);
}

static void write_key(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

/* Credentials that end are replaced in their file: each try behind a denial reads it. */
static void after_a_denial_the_keys_are_read_again(void **unused)
{
    struct world w = { .script = { ANSWER("401", "", "no") }, .n_script = 1 };
    char folder[] = "/tmp/keytrail-keys-XXXXXX", url[64], key[64];
    (void)unused;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(url, sizeof url, "%s/url", folder);
    (void)snprintf(key, sizeof key, "%s/key", folder);
    struct kt_stream_files files = { url, key };
    open_world(&w, &acked, -1);
    w.setup.options = &files;
    write_key(url, w.url);
    write_key(key, "second\n");
    w.carrier.send(w.carrier.self, &w.sending);
    w.carrier.send(w.carrier.self, &w.sending);
    write_key(key, "third\n");
    w.carrier.send(w.carrier.self, &w.sending);
    assert_int_equal(unlink(key), 0); /* being replaced just now */
    w.carrier.send(w.carrier.self, &w.sending);
    w.setup.options = NULL;
    close_world(&w);
    kt_stream_setup_done(&w.setup);
    assert_int_equal(unlink(url), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(w.n_seen, 4);
    assert_non_null(strstr(w.seen[0], "Authorization: Test s3cret\r\n"));
    assert_non_null(strstr(w.seen[1], "Authorization: Test second\r\n"));
    assert_non_null(strstr(w.seen[2], "Authorization: Test third\r\n"));
    assert_non_null(strstr(w.seen[3], "Authorization: Test third\r\n"));
}

static void private_addresses_need_leave(void **unused)
{
    struct world w = { .script = { ANSWER("200", "", "yes") }, .n_script = 1 };
    (void)unused;
    open_world(&w, &acked, -1);
    w.conf->streams[0].allow_private = false;
    w.carrier.send(w.carrier.self, &w.sending);
    close_world(&w);
    assert_int_equal(w.sending.verdict, KT_STREAM_DENIED);
    assert_int_equal(w.n_seen, 0);
}

static void postgres_urls_say_all_and_no_more(void **unused)
{
    static const struct {
        const char *uri, *says;
        bool allow_private;
    } bad[] = {
        { "host=db user=x", "write postgresql://", false },
        { "postgresql://db/audit", "a user", false },
        { "postgresql://u:p@db1,db2/audit", "one host", false },
        { "postgresql://u:p@db/audit?sslmode=disable", "'sslmode' does not belong", true },
        { "postgresql://u:p@db/audit?options=-c%20x", "'options' does not belong", false },
        { "postgresql://u:p%zz@db/audit", "percent-encode", false },
        { "postgresql://u@%2Ftmp/audit", "allow_private", false },
    };
    (void)unused;
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++) {
        struct kt_pg *pg = NULL;
        struct kt_error err = { 0 };
        const struct kt_pg_options o = { .uri = kt_str_of(bad[i].uri),
                                         .allow_private = bad[i].allow_private,
                                         .wake_fd = -1 };
        assert_int_equal(kt_pg_new(&o, &pg, &err), KT_E_CONFIG);
        if (strstr(err.text, bad[i].says) == NULL)
            fail_msg("'%s': %s", bad[i].uri, err.text);
    }
}

/* Loopback without leave, and leave without TLS where it is not loopback. */
static void postgres_addresses_are_judged(void **unused)
{
    struct kt_pg *pg = NULL;
    struct kt_pg_answer answer;
    struct kt_error err = { 0 };
    const struct kt_pg_options o = { .uri = KT_STR("postgresql://u:s3cret@127.0.0.1:1/audit"),
                                     .wake_fd = -1 };
    (void)unused;
    assert_int_equal(kt_pg_new(&o, &pg, &err), KT_OK);
    assert_int_equal(kt_pg_copy(pg, "", "", KT_STR_NONE, "", KT_NS_S, &answer, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "allow_private is not set"));
    assert_null(strstr(err.text, "s3cret"));
    kt_pg_free(pg);
}

static void postgres_takes_nothing_from_the_environment(void **unused)
{
    static const char *const names[] = { "PGHOST", "PGSSLMINPROTOCOLVERSION", "PGTZ", "PGOPTIONS" };
    struct kt_pg *pg = NULL;
    struct kt_error err = { 0 };
    const struct kt_pg_options o = { .uri = KT_STR("postgresql://u:p@db/audit"), .wake_fd = -1 };
    (void)unused;
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        assert_int_equal(setenv(names[i], "x", 1), 0);
    assert_int_equal(setenv("PAGER", "x", 1), 0);
    assert_int_equal(kt_pg_new(&o, &pg, &err), KT_OK);
    kt_pg_free(pg);
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        assert_null(getenv(names[i]));
    assert_non_null(getenv("PAGER"));
}

/* A server that has no TLS: answers 'N' to the question for it. What comes behind is returned. */
static void *refuse_tls(void *self)
{
    int fd = accept(*(int *)self, NULL, NULL);
    char text[512];
    ssize_t got = fd < 0 ? -1 : read(fd, text, 8);
    if (got == 8 && write(fd, "N", 1) == 1)
        got = read(fd, text, sizeof text);
    if (fd >= 0)
        (void)close(fd);
    return (void *)(intptr_t)got;
}

static intptr_t heard_without_tls(const char *host)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;
    char uri[80];
    struct kt_pg *pg = NULL;
    struct kt_pg_answer answer;
    struct kt_error err = { 0 };
    void *heard = NULL;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, refuse_tls, &fd), 0);
    (void)snprintf(uri, sizeof uri, "postgresql://u:p@%s:%u/audit", host, ntohs(a.sin_port));
    const struct kt_pg_options o = { .uri = kt_str_of(uri), .allow_private = true, .wake_fd = -1 };
    assert_int_equal(kt_pg_new(&o, &pg, &err), KT_OK);
    assert_int_equal(kt_pg_copy(pg, "", "", KT_STR_NONE, "", KT_NS_S, &answer, &err), KT_E_IO);
    kt_pg_free(pg);
    assert_int_equal(pthread_join(thread, &heard), 0);
    (void)close(fd);
    return (intptr_t)heard;
}

/* A name that resolves to loopback is no loopback address: its answer may be forged. The resolver
 * takes "127.1" for 127.0.0.1, and needs no server for it. */
static void postgres_without_tls_only_where_the_uri_says_so(void **unused)
{
    (void)unused;
    assert_true(heard_without_tls("127.0.0.1") > 0);
    assert_int_equal(heard_without_tls("127.1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_until_it_is_acknowledged),
        cmocka_unit_test(judges_what_targets_do),
        cmocka_unit_test(gives_up_at_once_when_told_to_stop),
        cmocka_unit_test(after_a_denial_the_keys_are_read_again),
        cmocka_unit_test(private_addresses_need_leave),
        cmocka_unit_test(postgres_urls_say_all_and_no_more),
        cmocka_unit_test(postgres_addresses_are_judged),
        cmocka_unit_test(postgres_takes_nothing_from_the_environment),
        cmocka_unit_test(postgres_without_tls_only_where_the_uri_says_so),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_stream_http", tests, NULL, NULL);
}
