/*
 * collector_outbox: delivery against a small HTTP server on loopback that plays good and bad
 * targets. The outbox's clock runs a thousand times faster than ours, so the retry ladder's minutes
 * pass in milliseconds.
 */
#include "collector/courier.h"
#include "collector/outbox.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"
#include "exporters/alerts/alert.h"
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
#define SEEN   64
#define WAIT_S 30

enum play {
    PLAY_OK,
    PLAY_500,
    PLAY_429,
    PLAY_400,
    PLAY_410,
    PLAY_CUT,
    PLAY_HANG,
    PLAY_404,
    PLAY_BOT,
    PLAY_LOST
};

struct seen {
    char id[64], timestamp[32], signature[128], body[4096];
};
struct world {
    char folder[64], config[2048];
    struct kt_conf *conf;
    struct kt_outbox *outbox;
    int listener, held[SEEN];
    atomic_uint n_held;
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock;
    enum play script[SEEN]; /* the last one goes on */
    unsigned n_script, at;
    struct seen seen[SEEN];
    unsigned n_seen;
    kt_time_ns zero;
};

/* ---- a fast clock ---- */

static kt_time_ns real_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (kt_time_ns)t.tv_sec * KT_NS_S + t.tv_nsec;
}

static kt_time_ns fast_mono(void *self)
{
    return KT_NS_DAY + (real_now() - ((struct world *)self)->zero) * SPEED;
}

static kt_time_ns fast_wall(void *self)
{
    return INT64_C(1795377600) * KT_NS_S + fast_mono(self);
}

/* ---- the target ---- */

static void header_of(const char *request, const char *name, char *ret, size_t n)
{
    const char *at = strcasestr(request, name);
    size_t i = 0;
    if (at == NULL)
        return;
    at += strlen(name) + 2;
    while (i + 1 < n && at[i] != '\r' && at[i] != '\0') {
        ret[i] = at[i];
        i++;
    }
    ret[i] = '\0';
}

static void record(struct world *w, const char *request, const char *body)
{
    struct seen *s = &w->seen[w->n_seen < SEEN ? w->n_seen++ : SEEN - 1];
    header_of(request, "webhook-id", s->id, sizeof s->id);
    header_of(request, "webhook-timestamp", s->timestamp, sizeof s->timestamp);
    header_of(request, "webhook-signature", s->signature, sizeof s->signature);
    kt_str_copyz(s->body, sizeof s->body, kt_str_of(body));
}

static const char *answer_to(enum play p)
{
    static const char *const answers[] = {
        [PLAY_OK] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        [PLAY_500] = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        [PLAY_429] = "HTTP/1.1 429 Slow\r\nRetry-After: 60\r\nContent-Length: 0\r\n"
                     "Connection: close\r\n\r\n",
        [PLAY_400] = "HTTP/1.1 400 Bad\r\nContent-Length: 14\r\nConnection: close\r\n\r\n"
                     "invalid_blocks",
        [PLAY_410] = "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        [PLAY_404] = "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        [PLAY_BOT] = "HTTP/1.1 200 OK\r\nContent-Length: 38\r\nConnection: close\r\n\r\n"
                     "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"17.2\"}",
        [PLAY_LOST] = "HTTP/1.1 200 OK\r\nContent-Length: 40\r\nConnection: close\r\n\r\n"
                      "{\"ok\":false,\"error\":\"message_not_found\"}",
        [PLAY_CUT] = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhal",
    };
    return answers[p];
}

static bool read_request(int fd, char *request, size_t n, char **ret_body)
{
    size_t have = 0;
    while (have + 1 < n) {
        ssize_t got = recv(fd, request + have, n - 1 - have, 0);
        if (got <= 0)
            return false;
        have += (size_t)got;
        request[have] = '\0';
        char *end = strstr(request, "\r\n\r\n"), length[24] = "0";
        header_of(request, "Content-Length", length, sizeof length);
        if (end != NULL && have >= (size_t)(end + 4 - request) + strtoul(length, NULL, 10)) {
            *ret_body = end + 4;
            return true;
        }
    }
    return false;
}

static void *play(void *self)
{
    struct world *w = self;
    static char request[65536];
    while (!atomic_load(&w->stop)) {
        struct pollfd p = { .fd = w->listener, .events = POLLIN };
        if (poll(&p, 1, 20) <= 0)
            continue;
        int fd = accept(w->listener, NULL, NULL);
        const struct timeval patience = { .tv_sec = 2 };
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        char *body = NULL;
        (void)pthread_mutex_lock(&w->lock);
        if (read_request(fd, request, sizeof request, &body)) {
            enum play does = w->script[w->at];
            w->at += w->at + 1 < w->n_script;
            record(w, request, body);
            if (does == PLAY_HANG && w->n_held < SEEN) {
                w->held[w->n_held++] = fd;
                fd = -1;
            } else {
                const char *a = answer_to(does);
                (void)send(fd, a, strlen(a), MSG_NOSIGNAL);
            }
        }
        (void)pthread_mutex_unlock(&w->lock);
        if (fd >= 0)
            (void)close(fd);
    }
    return NULL;
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
    char url[64], path[128];
    *state = w;
    w->zero = real_now();
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-outbox-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    w->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(w->listener, (const struct sockaddr *)&at, len) != 0 || listen(w->listener, 16) != 0 ||
        getsockname(w->listener, (struct sockaddr *)&at, &len) != 0)
        return -1;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/hook", ntohs(at.sin_port));
    write_file(w, "url", url);
    write_file(w, "secret", "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=");
    (void)snprintf(w->config, sizeof w->config,
                   "alerts:\n  targets:\n"
                   "    hook: { type: webhook, url_file: %s/url, secret_file: %s/secret, "
                   "allow_private: true }\n"
                   "    chat: { type: slack, url_file: %s/url, allow_private: true }\n"
                   "    bot: { type: slack_bot, url_file: %s/url, token_file: %s/secret, "
                   "channel: C1, allow_private: true }\n",
                   w->folder, w->folder, w->folder, w->folder, w->folder);
    write_file(w, "keytrail.yaml", w->config);
    (void)snprintf(path, sizeof path, "%s/keytrail.yaml", w->folder);
    struct kt_error err = { 0 };
    if (kt_conf_load(path, &w->conf, &err) != KT_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return pthread_create(&w->thread, NULL, play, w);
}

static void open_outbox(struct world *w)
{
    static struct kt_rng_seeded seed = { 1 };
    struct kt_outbox_options o = { .conf = w->conf,
                                   .clock = { fast_wall, fast_mono, w },
                                   .rng = kt_rng_seeded(&seed) };
    struct kt_error err = { 0 };
    if (kt_outbox_open(&o, &w->outbox, &err) != KT_OK)
        fail_msg("%s", err.text);
}

static int close_world(void **state)
{
    static const char *const files[] = { "url", "secret", "keytrail.yaml" };
    struct world *w = *state;
    kt_outbox_close(w->outbox);
    atomic_store(&w->stop, true);
    (void)pthread_join(w->thread, NULL);
    for (unsigned i = 0; i < w->n_held; i++)
        (void)close(w->held[i]);
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

static void plays(struct world *w, const enum play *script, unsigned n)
{
    (void)pthread_mutex_lock(&w->lock);
    memcpy(w->script, script, n * sizeof *script);
    w->n_script = n;
    w->at = 0;
    (void)pthread_mutex_unlock(&w->lock);
}
#define PLAYS(w, ...)                                                                              \
    plays(w, (const enum play[]){ __VA_ARGS__ },                                                   \
          (unsigned)KT_ARRAY_LEN(((const enum play[]){ __VA_ARGS__ })))

static void give(struct world *w, int64_t row, const char *target, const char *alert,
                 const char *action)
{
    struct kt_outbox_row r = {
        .row = row, .state = "wait", .created = fast_wall(w), .severity = KT_SEV_HIGH
    };
    struct kt_alert a = { .severity = KT_SEV_HIGH,
                          .detector = "unexpected_ip",
                          .state = "open",
                          .time = INT64_C(1795377600) * KT_NS_S,
                          .title = KT_STR("ana read 41 secrets") };
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    r.next_try = r.created;
    kt_str_copyz(a.id, sizeof a.id, kt_str_of(alert));
    kt_str_copyz(r.alert, sizeof r.alert, kt_str_of(alert));
    kt_str_copyz(r.target, sizeof r.target, kt_str_of(target));
    kt_str_copyz(r.action, sizeof r.action, kt_str_of(action));
    kt_alert_write(&a, &json);
    kt_outbox_give(w->outbox, &r, kt_buf_str(&json));
}

/* As the writer, which puts it into the store at once. */
static bool take(struct world *w, struct kt_outbox_row *ret)
{
    bool have = kt_outbox_take(w->outbox, ret);
    if (have)
        kt_outbox_written(w->outbox, 1);
    return have;
}

/* Waits for the next change of row `row` to a state. */
static struct kt_outbox_row wait_for(struct world *w, int64_t row, const char *state)
{
    kt_time_ns until = real_now() + WAIT_S * KT_NS_S;
    while (real_now() < until) {
        struct kt_outbox_row r;
        struct pollfd p = { .fd = kt_outbox_fd(w->outbox), .events = POLLIN };
        (void)poll(&p, 1, 100);
        while (take(w, &r))
            if (r.row == row && strcmp(r.state, state) == 0)
                return r;
    }
    fail_msg("row %lld never came to '%s'", (long long)row, state);
    return (struct kt_outbox_row){ 0 };
}

#define ID_A "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD"
#define ID_B "3NJ1RZ8VZ2G4K0YQ5T7W9XABCE"

/* ---- tests ---- */

static void delivers_signed_and_says_so(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_OK);
    open_outbox(w);
    give(w, 7, "hook", ID_A, "trigger");
    struct kt_outbox_row r = wait_for(w, 7, "sent");
    assert_int_equal(r.last_code, 200);
    assert_int_equal(r.attempts, 1);
    assert_true(r.sent_at > 0);
    assert_int_equal(w->n_seen, 1);
    assert_string_equal(w->seen[0].id, ID_A "-7");
    assert_true(strncmp(w->seen[0].signature, "v1,", 3) == 0);
    assert_non_null(strstr(w->seen[0].body, "\"type\":\"alert.opened\""));
}

static void tries_again_with_the_same_id(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_500, PLAY_CUT, PLAY_404, PLAY_OK);
    open_outbox(w);
    give(w, 1, "hook", ID_A, "trigger");
    struct kt_outbox_row r = wait_for(w, 1, "sent");
    assert_int_equal(r.attempts, 4);
    assert_int_equal(w->n_seen, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(w->seen[i].id, ID_A "-1");
    assert_string_not_equal(w->seen[0].timestamp, w->seen[3].timestamp);
}

static void waits_as_long_as_it_is_told(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_429, PLAY_OK);
    open_outbox(w);
    give(w, 1, "hook", ID_A, "trigger");
    struct kt_outbox_row first = wait_for(w, 1, "wait");
    assert_int_equal(first.last_code, 429);
    assert_true(first.next_try - first.created >= 59 * KT_NS_S);
    struct kt_outbox_row r = wait_for(w, 1, "sent");
    assert_true(r.sent_at - r.created >= 59 * KT_NS_S);
}

static void what_follows_goes_into_the_thread_of_the_first(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_BOT);
    open_outbox(w);
    give(w, 1, "bot", ID_A, "trigger");
    give(w, 2, "bot", ID_A, "update:5");
    give(w, 3, "bot", ID_B, "trigger");
    give(w, 4, "bot", ID_A, "resolve");
    struct kt_outbox_row r = wait_for(w, 4, "sent");
    assert_string_equal(r.handle, "C1 17.2");
    unsigned threads = 0, parents = 0;
    for (unsigned i = 0; i < w->n_seen; i++) {
        threads += strstr(w->seen[i].body, "\"thread_ts\":\"17.2\"") != NULL;
        parents += strstr(w->seen[i].body, "\"ts\":\"17.2\"") != NULL;
    }
    assert_int_equal(w->n_seen, 4);
    assert_int_equal(threads, 1);
    assert_int_equal(parents, 1);
}

static void a_deleted_thread_begins_anew(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_BOT, PLAY_LOST, PLAY_BOT);
    open_outbox(w);
    give(w, 1, "bot", ID_A, "trigger");
    give(w, 2, "bot", ID_A, "acknowledge");
    struct kt_outbox_row r = wait_for(w, 2, "sent");
    assert_string_equal(r.handle, "C1 17.2");
    assert_int_equal(w->n_seen, 3);
    assert_non_null(strstr(w->seen[1].body, "\"ts\":\"17.2\""));
    assert_null(strstr(w->seen[2].body, "\"ts\":"));
}

static void a_refused_rich_body_is_sent_once_as_text(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_400, PLAY_OK);
    open_outbox(w);
    give(w, 1, "chat", ID_A, "trigger");
    (void)wait_for(w, 1, "sent");
    assert_non_null(strstr(w->seen[0].body, "\"blocks\""));
    assert_null(strstr(w->seen[1].body, "\"blocks\""));
    assert_non_null(strstr(w->seen[1].body, "ana read 41 secrets"));
}

static void a_twice_refused_body_is_a_dead_letter(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_400);
    open_outbox(w);
    give(w, 1, "chat", ID_A, "trigger");
    struct kt_outbox_row r = wait_for(w, 1, "dead");
    assert_int_equal(r.last_code, 400);
    assert_string_equal(r.last_error, "invalid_blocks");
    assert_int_equal(w->n_seen, 2);
}

static void gone_disables_the_target_and_keeps_the_rest(void **state)
{
    struct world *w = *state;
    const char *names[4];
    PLAYS(w, PLAY_410);
    open_outbox(w);
    give(w, 1, "hook", ID_A, "trigger");
    (void)wait_for(w, 1, "dead");
    give(w, 2, "hook", ID_B, "trigger");
    assert_int_equal(kt_outbox_broken(w->outbox, KT_NS_HOUR, names, 4), 1);
    assert_string_equal(names[0], "hook");
    KT_CLEANUP(kt_buf_done) struct kt_buf status = { 0 };
    kt_outbox_status(w->outbox, &status);
    assert_true(kt_str_has(kt_buf_str(&status), KT_STR("\"circuit\":\"disabled\",\"waiting\":1,")));
    assert_int_equal(w->n_seen, 1);
}

static void one_alerts_rows_keep_their_order(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_500, PLAY_500, PLAY_OK);
    open_outbox(w);
    give(w, 1, "hook", ID_A, "trigger");
    give(w, 2, "hook", ID_A, "update:1795377600123");
    give(w, 3, "hook", ID_A, "resolve");
    (void)wait_for(w, 3, "sent");
    const char *last = "";
    for (unsigned i = 0; i < w->n_seen; i++) {
        assert_true(strcmp(w->seen[i].id, last) >= 0);
        last = w->seen[i].id;
    }
    assert_non_null(strstr(w->seen[w->n_seen - 1].body, "alert.resolved"));
    assert_non_null(strstr(w->seen[w->n_seen - 2].body, "alert.updated"));
}

static void an_open_circuit_probes_and_then_catches_up(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_500, PLAY_500, PLAY_500, PLAY_500, PLAY_500, PLAY_500, PLAY_500, PLAY_OK);
    open_outbox(w);
    char id[] = ID_A;
    for (int i = 1; i <= 6; i++) {
        id[25] = (char)('0' + i);
        give(w, i, "hook", id, "trigger");
    }
    unsigned sent = 0;
    kt_time_ns until = real_now() + WAIT_S * KT_NS_S;
    while (sent < 6 && real_now() < until) {
        struct kt_outbox_row r;
        struct pollfd p = { .fd = kt_outbox_fd(w->outbox), .events = POLLIN };
        (void)poll(&p, 1, 100);
        while (take(w, &r))
            sent += strcmp(r.state, "sent") == 0;
    }
    assert_int_equal(sent, 6);
    assert_int_equal(kt_outbox_room(w->outbox, "hook", KT_SEV_HIGH), KT_OUTBOX_ROOM);
}

static void a_hanging_target_holds_nobody_up(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_HANG, PLAY_OK);
    open_outbox(w);
    give(w, 1, "hook", ID_A, "trigger");
    kt_time_ns until = real_now() + 5 * KT_NS_S;
    while (w->n_held == 0 && real_now() < until)
        (void)poll(NULL, 0, 5);
    give(w, 2, "chat", ID_A, "trigger");
    (void)wait_for(w, 2, "sent");
}

static void what_was_not_delivered_comes_again_with_the_same_id(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_HANG, PLAY_OK);
    open_outbox(w);
    give(w, 5, "hook", ID_A, "trigger");
    kt_time_ns until = real_now() + 5 * KT_NS_S;
    while (w->n_held == 0 && real_now() < until)
        (void)poll(NULL, 0, 5);
    kt_outbox_close(w->outbox); /* as a kill does: the row still waits in the store */
    w->outbox = NULL;
    open_outbox(w);
    give(w, 5, "hook", ID_A, "trigger");
    (void)wait_for(w, 5, "sent");
    assert_string_equal(w->seen[0].id, w->seen[1].id);
}

static void a_row_without_its_target_is_a_dead_letter(void **state)
{
    struct world *w = *state;
    PLAYS(w, PLAY_OK);
    open_outbox(w);
    give(w, 1, "nobody", ID_A, "trigger");
    (void)wait_for(w, 1, "dead");
}

static void a_test_alert_is_judged_at_once(void **state)
{
    struct world *w = *state;
    struct kt_outbox_options o = { .conf = w->conf, .clock = kt_clock_real, .rng = kt_rng_real };
    struct kt_outbox_test t = { 0 };
    struct kt_error err = { 0 };
    PLAYS(w, PLAY_OK, PLAY_404);
    assert_int_equal(kt_outbox_test(&o, "chat", &t, &err), KT_OK);
    assert_int_equal(t.verdict, KT_DELIVERED);
    assert_int_equal(t.status, 200);
    assert_int_equal(kt_outbox_test(&o, "chat", &t, &err), KT_OK);
    assert_int_equal(t.verdict, KT_REFUSED);
    assert_int_equal(kt_outbox_test(&o, "none", &t, &err), KT_E_CONFIG);
}

static void a_missing_key_file_is_named(void **state)
{
    struct world *w = *state;
    char path[128];
    struct kt_outbox_options o = { .conf = w->conf, .clock = kt_clock_real, .rng = kt_rng_real };
    struct kt_outbox *none = NULL;
    struct kt_error err = { 0 };
    (void)snprintf(path, sizeof path, "%s/secret", w->folder);
    (void)unlink(path);
    assert_int_equal(kt_outbox_open(&o, &none, &err), KT_E_CONFIG);
    assert_true(kt_str_has(kt_str_of(err.text), KT_STR("target 'hook'")));
    assert_true(kt_str_has(kt_str_of(err.text), kt_str_of(path)));
}

static void a_url_that_cannot_work_is_refused(void **state)
{
    static const char *const retired[] = {
        "https://acme.webhook.office.com/webhookb2/x@y/IncomingWebhook/z",
        "https://ACME.Webhook.Office.COM:443/webhookb2/x",
        "https://outlook.office.com/webhook/webhookb2",
    };
    struct world *w = *state;
    char text[512], path[128];
    struct kt_conf *conf;
    struct kt_courier c;
    struct kt_error err = { 0 };
    (void)snprintf(text, sizeof text,
                   "alerts:\n  targets:\n    t: { type: teams, url_file: %s/url }\n", w->folder);
    write_file(w, "keytrail.yaml", text);
    (void)snprintf(path, sizeof path, "%s/keytrail.yaml", w->folder);
    assert_int_equal(kt_conf_load(path, &conf, &err), KT_OK);
    for (size_t i = 0; i < KT_ARRAY_LEN(retired); i++) {
        write_file(w, "url", retired[i]);
        assert_int_equal(kt_courier_open(conf, &conf->targets[0], &c, &err), KT_E_CONFIG);
        assert_non_null(strstr(err.text, "target 't'"));
        assert_non_null(strstr(err.text, "retired in 2026"));
        assert_null(strstr(err.text, "webhookb2")); /* it is a secret, even so */
    }
    write_file(w, "url", "https://prod-01.logic.azure.com/w?to=x.webhook.office.com");
    assert_int_equal(kt_courier_open(conf, &conf->targets[0], &c, &err), KT_OK);
    kt_courier_done(&c);
    kt_conf_free(conf);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(delivers_signed_and_says_so),  /* H3 */
        T(tries_again_with_the_same_id), /* H3 */
        T(waits_as_long_as_it_is_told),  /* H2 */
        T(what_follows_goes_into_the_thread_of_the_first),
        T(a_deleted_thread_begins_anew),
        T(a_refused_rich_body_is_sent_once_as_text),
        T(a_twice_refused_body_is_a_dead_letter),
        T(gone_disables_the_target_and_keeps_the_rest),
        T(one_alerts_rows_keep_their_order),
        T(an_open_circuit_probes_and_then_catches_up),          /* H2 */
        T(a_hanging_target_holds_nobody_up),                    /* H2 */
        T(what_was_not_delivered_comes_again_with_the_same_id), /* A6, H3 */
        T(a_row_without_its_target_is_a_dead_letter),
        T(a_test_alert_is_judged_at_once),
        T(a_missing_key_file_is_named), /* H5, K1 */
        T(a_url_that_cannot_work_is_refused),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_outbox", tests, NULL, NULL);
}
