/*
 * collector_answers: people's answers at PagerDuty, asked from a small HTTP server on loopback. The
 * clock runs a thousand times faster than ours.
 */
#include "collector/answers.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define SPEED  1000
#define WAIT_S 20
#define SEEN   64
#define ID_A   "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD"
#define ID_B   "3NJ1RZ8VZ2G4K0YQ5T7W9XABCE"

struct page { /* what is answered to a path that holds `of` */
    const char *of;
    int status;
    const char *body;
};
struct world {
    char folder[64];
    struct kt_conf *conf;
    struct kt_answers *answers;
    int listener;
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock;
    const struct page *pages;
    unsigned n_pages;
    char seen[SEEN][256]; /* request lines */
    char token[64];
    unsigned n_seen;
    kt_time_ns zero;
};

static kt_time_ns real_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (kt_time_ns)t.tv_sec * KT_NS_S + t.tv_nsec;
}

static kt_time_ns fast(void *self)
{
    return INT64_C(1795377600) * KT_NS_S + (real_now() - ((struct world *)self)->zero) * SPEED;
}

/* ---- the server ---- */

static void answer(struct world *w, int fd, const char *request)
{
    static const struct page none = { "", 404, "{\"error\":{\"message\":\"Not Found\"}}" };
    const struct page *p = &none;
    const char *end = strstr(request, "\r\n"), *token = strstr(request, "Token token=");
    char head[128], line[256];
    (void)snprintf(line, sizeof line, "%.*s", end == NULL ? 0 : (int)(end - request), request);
    if (w->n_seen < SEEN)
        memcpy(w->seen[w->n_seen++], line, sizeof line);
    if (token != NULL)
        (void)snprintf(w->token, sizeof w->token, "%.*s", (int)strcspn(token, "\r"), token);
    for (unsigned i = 0; i < w->n_pages && p == &none; i++)
        if (strstr(line, w->pages[i].of) != NULL)
            p = &w->pages[i];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", p->status,
                     strlen(p->body));
    (void)send(fd, head, (size_t)n, MSG_NOSIGNAL);
    (void)send(fd, p->body, strlen(p->body), MSG_NOSIGNAL);
}

static void *serve(void *self)
{
    struct world *w = self;
    static char request[8192];
    while (!atomic_load(&w->stop)) {
        struct pollfd p = { .fd = w->listener, .events = POLLIN };
        size_t have = 0;
        if (poll(&p, 1, 20) <= 0)
            continue;
        int fd = accept(w->listener, NULL, NULL);
        const struct timeval patience = { .tv_sec = 2 };
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        while (have + 1 < sizeof request) {
            ssize_t got = recv(fd, request + have, sizeof request - 1 - have, 0);
            have += got > 0 ? (size_t)got : 0;
            request[have] = '\0';
            if (got <= 0 || strstr(request, "\r\n\r\n") != NULL)
                break;
        }
        (void)pthread_mutex_lock(&w->lock);
        answer(w, fd, request);
        (void)pthread_mutex_unlock(&w->lock);
        (void)close(fd);
    }
    return NULL;
}

static void plays(struct world *w, const struct page *pages, unsigned n)
{
    (void)pthread_mutex_lock(&w->lock);
    w->pages = pages;
    w->n_pages = n;
    (void)pthread_mutex_unlock(&w->lock);
}

/* ---- the world ---- */

static void write_file(struct world *w, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    assert_int_equal(kt_fs_write_atomic(path, kt_str_of(text), 0600, NULL), KT_OK);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    char text[1024], path[128];
    struct kt_error err = { 0 };
    *state = w;
    w->zero = real_now();
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-answers-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    w->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(w->listener, (const struct sockaddr *)&at, len) != 0 || listen(w->listener, 16) != 0 ||
        getsockname(w->listener, (struct sockaddr *)&at, &len) != 0)
        return -1;
    write_file(w, "key", "0123456789abcdef0123456789abcdef");
    write_file(w, "token", "s3cret\n");
    (void)snprintf(text, sizeof text,
                   "alerts:\n  targets:\n    other: { type: pagerduty, routing_key_file: %s/key }\n"
                   "    pd: { type: pagerduty, routing_key_file: %s/key, api_token_file: %s/token, "
                   "api: \"http://127.0.0.1:%u\", allow_private: true }\n",
                   w->folder, w->folder, w->folder, ntohs(at.sin_port));
    write_file(w, "keytrail.yaml", text);
    (void)snprintf(path, sizeof path, "%s/keytrail.yaml", w->folder);
    const struct kt_clock clock = { fast, fast, w };
    if (kt_conf_load(path, &w->conf, &err) != KT_OK ||
        kt_answers_open(w->conf, clock, &w->answers, &err) != KT_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return pthread_create(&w->thread, NULL, serve, w);
}

static int close_world(void **state)
{
    static const char *const files[] = { "key", "token", "keytrail.yaml" };
    struct world *w = *state;
    kt_answers_close(w->answers);
    atomic_store(&w->stop, true);
    (void)pthread_join(w->thread, NULL);
    (void)close(w->listener);
    kt_conf_free(w->conf);
    for (size_t i = 0; i < KT_ARRAY_LEN(files); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", w->folder, files[i]);
        (void)unlink(path);
    }
    int rc = rmdir(w->folder);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
    return rc;
}

static void watch(struct world *w, const char *alert, const char *mark)
{
    struct kt_answer_watch one = { 0 };
    kt_str_copyz(one.alert, sizeof one.alert, kt_str_of(alert));
    kt_str_copyz(one.mark, sizeof one.mark, kt_str_of(mark));
    kt_answers_watch(w->answers, 0, &one, 1);
}

static struct kt_answered take(struct world *w)
{
    kt_time_ns until = real_now() + WAIT_S * KT_NS_S;
    struct kt_answered a = { 0 };
    while (real_now() < until) {
        struct pollfd p = { .fd = kt_answers_fd(w->answers), .events = POLLIN };
        (void)poll(&p, 1, 100);
        if (kt_answers_take(w->answers, &a))
            return a;
    }
    fail_msg("no answer came");
    return a;
}

static void wait_requests(struct world *w, unsigned n)
{
    kt_time_ns until = real_now() + WAIT_S * KT_NS_S;
    unsigned have = 0;
    while (have < n && real_now() < until) {
        (void)poll(NULL, 0, 10);
        (void)pthread_mutex_lock(&w->lock);
        have = w->n_seen;
        (void)pthread_mutex_unlock(&w->lock);
    }
    assert_true(have >= n);
}

/* ---- tests ---- */

#define ENTRY(id, type, at, kind, who)                                                             \
    "{\"id\":\"" id "\",\"type\":\"" type "\",\"created_at\":\"" at                                \
    "\",\"agent\":{\"type\":\"" kind "\",\"summary\":\"" who "\"}}"
#define INCIDENT "{\"incidents\":[{\"id\":\"PINC1\"}]}"

static void what_a_person_did_comes_once_and_in_order(void **state)
{
    static const struct page pages[] = {
        { "incident_key=" ID_A, 200, INCIDENT },
        { "/incidents/PINC1/log_entries", 200,
          "{\"log_entries\":["
          /* newest first, as they come */
          ENTRY("R3", "resolve_log_entry", "2026-11-22T20:09:00Z", "user_reference", "Bo") "," ENTRY(
              "R9", "annotate_log_entry", "2026-11-22T20:08:00Z", "user_reference",
              "Bo") "," ENTRY("R8", "acknowledge_log_entry", "2026-11-22T20:07:00Z",
                              "inbound_integration_reference",
                              "Events API V2") "," ENTRY("R7", "resolve_log_entry",
                                                         "2026-11-22T20:06:00Z",
                                                         "service_reference",
                                                         "Vault") "," ENTRY("R2",
                                                                            "acknowledge_log_entry",
                                                                            "2026-11-22T20:05:11Z",
                                                                            "user_reference",
                                                                            "Ana \\u0041lm") "," ENTRY("R1",
                                                                                                       "trigger_log_entry",
                                                                                                       "2026-11-22T20:00:00Z",
                                                                                                       "service_reference",
                                                                                                       "x") "],\"more\":false}" },
    };
    struct world *w = *state;
    plays(w, pages, KT_ARRAY_LEN(pages));
    assert_int_equal(kt_answers_targets(w->answers), 1);
    assert_string_equal(kt_answers_target(w->answers, 0), "pd");
    watch(w, ID_A, "");
    struct kt_answered a = take(w);
    assert_string_equal(a.alert, ID_A);
    assert_string_equal(a.target, "pd");
    assert_string_equal(a.answer.entry, "R2");
    assert_string_equal(a.answer.by, "Ana Alm");
    assert_false(a.answer.resolved);
    a = take(w);
    assert_string_equal(a.answer.entry, "R3");
    assert_true(a.answer.resolved);
    wait_requests(w, 5);
    assert_false(kt_answers_take(w->answers, &a));
    assert_string_equal(w->token, "Token token=s3cret");
}

static void what_was_stored_does_not_come_again(void **state)
{
    static const struct page pages[] = {
        { "incident_key=", 200, INCIDENT },
        { "/log_entries", 200,
          "{\"log_entries\":[" ENTRY(
              "R3", "acknowledge_log_entry", "2026-11-22T20:05:11Z", "user_reference",
              "Bo") "," ENTRY("R2", "acknowledge_log_entry", "2026-11-22T20:05:11Z",
                              "user_reference", "Ana") "," ENTRY("R1", "acknowledge_log_entry",
                                                                 "2026-11-22T20:04:00Z",
                                                                 "user_reference", "Ana") "]}" },
    };
    struct world *w = *state;
    plays(w, pages, KT_ARRAY_LEN(pages));
    watch(w, ID_A, "1795377911000000000 R2"); /* of the same second, another entry is new */
    struct kt_answered a = take(w);
    assert_string_equal(a.answer.entry, "R3");
    assert_string_equal(a.mark, "1795377911000000000 R2 R3");
    wait_requests(w, 4);
    assert_false(kt_answers_take(w->answers, &a));
}

static void pages_are_turned(void **state)
{
    static const struct page pages[] = {
        { "incident_key=", 200, INCIDENT },
        { "offset=0", 200,
          "{\"log_entries\":[" ENTRY(
              "R2", "notify_log_entry", "2026-11-22T20:05:11Z", "user_reference",
              "Ana") "," ENTRY("R1", "notify_log_entry", "2026-11-22T20:05:11Z", "user_reference",
                               "Ana") "],\"more\":true}" },
        { "offset=2", 200,
          "{\"log_entries\":[" ENTRY("R0", "acknowledge_log_entry", "2026-11-22T20:05:00Z",
                                     "user_reference", "Ana") "],\"more\":false}" },
    };
    struct world *w = *state;
    plays(w, pages, KT_ARRAY_LEN(pages));
    watch(w, ID_A, "");
    struct kt_answered a = take(w);
    assert_string_equal(a.answer.entry, "R0");
}

/* An auto-resolve ends it as well as a person; its page need not be the last. */
static void behind_the_end_of_an_incident_the_newest_is_looked_up(void **state)
{
    static const struct page pages[] = {
        { "date_range=all&sort_by=created_at:desc&limit=1", 200, INCIDENT },
        { "offset=0", 200,
          "{\"log_entries\":[" ENTRY("R2", "resolve_log_entry", "2026-11-22T20:05:11Z",
                                     "service_reference", "Vault") "],\"more\":true}" },
        { "offset=1", 200,
          "{\"log_entries\":[" ENTRY("R1", "trigger_log_entry", "2026-11-22T20:05:00Z",
                                     "service_reference", "Vault") "],\"more\":false}" },
    };
    struct world *w = *state;
    plays(w, pages, KT_ARRAY_LEN(pages));
    watch(w, ID_A, "");
    wait_requests(w, 4);
    (void)pthread_mutex_lock(&w->lock);
    assert_non_null(strstr(w->seen[0], "incident_key=" ID_A));
    assert_non_null(strstr(w->seen[1], "offset=0"));
    assert_non_null(strstr(w->seen[2], "offset=1"));
    assert_non_null(strstr(w->seen[3], "incident_key=" ID_A));
    (void)pthread_mutex_unlock(&w->lock);
}

static void trouble_is_named_and_left_alone(void **state)
{
    static const struct page pages[] = {
        { "incident_key=", 401, "{\"error\":{\"message\":\"Unauthorized\",\"code\":2006}}" },
    };
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf status = { 0 };
    plays(w, pages, KT_ARRAY_LEN(pages));
    watch(w, ID_A, "");
    wait_requests(w, 1);
    (void)poll(NULL, 0, 300); /* five minutes there */
    assert_int_equal(w->n_seen, 1);
    kt_answers_status(w->answers, &status);
    assert_non_null(strstr(kt_buf_z(&status), "\"watched\":1"));
    assert_non_null(strstr(kt_buf_z(&status), "\"last_error\":\"Unauthorized\""));
    assert_null(strstr(kt_buf_z(&status), "s3cret"));
}

static void an_alert_that_is_unknown_there_holds_up_no_other(void **state)
{
    static const struct page pages[] = {
        { "incident_key=" ID_A, 200, "{\"incidents\":[]}" },
        { "incident_key=" ID_B, 200, INCIDENT },
        { "/log_entries", 200,
          "{\"log_entries\":[" ENTRY("R0", "acknowledge_log_entry", "2026-11-22T20:05:00Z",
                                     "user_reference", "Ana") "]}" },
    };
    struct world *w = *state;
    struct kt_answer_watch both[2] = { { .alert = ID_A }, { .alert = ID_B } };
    plays(w, pages, KT_ARRAY_LEN(pages));
    kt_answers_watch(w->answers, 0, both, 2);
    struct kt_answered a = take(w);
    assert_string_equal(a.alert, ID_B);
}

static void nothing_is_asked_without_a_token(void **state)
{
    struct world *w = *state;
    struct kt_answers *none = NULL;
    const struct kt_clock clock = { fast, fast, w };
    w->conf->n_targets = 1; /* `other` has none */
    assert_int_equal(kt_answers_open(w->conf, clock, &none, NULL), KT_OK);
    w->conf->n_targets = 2;
    assert_null(none);
    assert_int_equal(kt_answers_targets(none), 0);
    assert_false(kt_answers_take(none, NULL));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(what_a_person_did_comes_once_and_in_order),
        T(what_was_stored_does_not_come_again),
        T(pages_are_turned),
        T(behind_the_end_of_an_incident_the_newest_is_looked_up),
        T(trouble_is_named_and_left_alone),
        T(an_alert_that_is_unknown_there_holds_up_no_other),
        T(nothing_is_asked_without_a_token),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_answers", tests, NULL, NULL);
}
