/*
 * collector_storm: ten thousand alerts at once, from the store's rows to a small HTTP server on
 * loopback and back. The outbox's clock is ours, and jumps ahead when the test says so.
 */
#include "collector/deliver.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/store/read.h"
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

#define STORM  10000u
#define SEEN   512u
#define WAIT_S 60

struct world {
    char folder[64], db[96];
    struct kt_conf *conf;
    struct kt_store *store;
    struct kt_outbox *outbox;
    struct kt_deliver *deliver;
    int listener;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint n_seen;
    struct seen {
        kt_time_ns at; /* of the outbox's clock */
        char body[1024];
    } seen[SEEN];
    atomic_llong jumped;      /* ns */
    kt_time_ns zero, slowest; /* slowest: one call of the writer */
    unsigned waiting, sent, grouped, dead;
};

static kt_time_ns real_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (kt_time_ns)t.tv_sec * KT_NS_S + t.tv_nsec;
}

static kt_time_ns jumping_mono(void *self)
{
    struct world *w = self;
    return KT_NS_DAY + real_now() - w->zero + atomic_load(&w->jumped);
}

static kt_time_ns jumping_wall(void *self)
{
    return INT64_C(1795377600) * KT_NS_S + jumping_mono(self);
}

/* ---- the target: takes everything ---- */

static void *serve(void *self)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    struct world *w = self;
    static char request[65536];
    while (!atomic_load(&w->stop)) {
        struct pollfd p = { .fd = w->listener, .events = POLLIN };
        if (poll(&p, 1, 20) <= 0)
            continue;
        int fd = accept(w->listener, NULL, NULL);
        size_t have = 0;
        const char *body = NULL;
        while (body == NULL && have + 1 < sizeof request) {
            ssize_t got = recv(fd, request + have, sizeof request - 1 - have, 0);
            if (got <= 0)
                break;
            have += (size_t)got;
            request[have] = '\0';
            const char *end = strstr(request, "\r\n\r\n"), *n = strcasestr(request, "length: ");
            if (end != NULL && n != NULL &&
                have >= (size_t)(end + 4 - request) + strtoul(n + 8, NULL, 10))
                body = end + 4;
        }
        unsigned i = atomic_load(&w->n_seen);
        if (body != NULL && i < SEEN) {
            w->seen[i].at = jumping_mono(w);
            kt_str_copyz(w->seen[i].body, sizeof w->seen[i].body, kt_str_of(body));
            atomic_store(&w->n_seen, i + 1);
            (void)send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL);
        }
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
    static struct kt_rng_seeded seed = { 1 };
    struct world *w = calloc(1, sizeof *w);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    char text[512], path[128];
    *state = w;
    w->zero = real_now();
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-storm-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    w->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(w->listener, (const struct sockaddr *)&at, len) != 0 || listen(w->listener, 64) != 0 ||
        getsockname(w->listener, (struct sockaddr *)&at, &len) != 0)
        return -1;
    (void)snprintf(text, sizeof text, "http://127.0.0.1:%u/hook", ntohs(at.sin_port));
    write_file(w, "url", text);
    (void)snprintf(text, sizeof text,
                   "alerts:\n  targets:\n"
                   "    chat: { type: slack, url_file: %s/url, allow_private: true }\n",
                   w->folder);
    write_file(w, "keytrail.yaml", text);
    (void)snprintf(path, sizeof path, "%s/keytrail.yaml", w->folder);
    (void)snprintf(w->db, sizeof w->db, "%s/store.db", w->folder);
    struct kt_store_options so = { .path = w->db, .create = true, .dedupe_recent = 64 };
    struct kt_outbox_options oo = { .clock = { jumping_wall, jumping_mono, w },
                                    .rng = kt_rng_seeded(&seed) };
    if (kt_conf_load(path, &w->conf, NULL) != KT_OK || kt_store_open(&so, &w->store, NULL) != KT_OK)
        return -1;
    oo.conf = w->conf;
    if (kt_outbox_open(&oo, &w->outbox, NULL) != KT_OK)
        return -1;
    w->deliver = kt_deliver_new(w->store, w->outbox);
    return pthread_create(&w->thread, NULL, serve, w);
}

static void remove_one(void *arg, const char *path)
{
    (void)arg;
    (void)unlink(path);
}

static int close_world(void **state)
{
    struct world *w = *state;
    char pattern[80];
    kt_outbox_close(w->outbox);
    atomic_store(&w->stop, true);
    (void)pthread_join(w->thread, NULL);
    (void)close(w->listener);
    kt_deliver_free(w->deliver);
    kt_store_close(w->store);
    kt_conf_free(w->conf);
    (void)snprintf(pattern, sizeof pattern, "%s/*", w->folder);
    if (kt_fs_glob(pattern, remove_one, NULL, NULL) != KT_OK)
        return -1;
    int rc = rmdir(w->folder);
    free(w);
    return rc;
}

static void raise_many(struct world *w, unsigned from, unsigned n, enum kt_severity severity,
                       const char *title)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    kt_time_ns now = jumping_wall(w);
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    for (unsigned i = from; i < from + n; i++) {
        struct kt_alert a = { .severity = severity,
                              .detector = "failed_attempts",
                              .state = "open",
                              .time = now,
                              .first = now,
                              .last = now,
                              .raised = now,
                              .title = kt_str_of(title) };
        struct kt_outbox_row row = {
            .target = "chat", .action = "trigger", .state = "wait", .created = now, .next_try = now
        };
        (void)snprintf(a.id, sizeof a.id, "%026u", i);
        memcpy(row.alert, a.id, sizeof a.id);
        kt_buf_reset(&json);
        kt_alert_write(&a, &json);
        assert_int_equal(
            kt_store_alert_put(w->store, a.id, now, now, (int)severity, kt_buf_str(&json), NULL),
            KT_OK);
        assert_int_equal(kt_store_outbox_add(w->store, &row, kt_buf_str(&json), NULL), KT_OK);
    }
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void on_dead(void *self, const struct kt_outbox_row *row)
{
    (void)row;
    ((struct world *)self)->dead++;
}

static void no_longer_than(struct world *w, kt_time_ns began)
{
    kt_time_ns took = real_now() - began;
    if (took > w->slowest)
        w->slowest = took;
}

/* One turn of the writer, as the collector's. */
static void turn(struct world *w)
{
    struct pollfd p = { .fd = kt_outbox_fd(w->outbox), .events = POLLIN };
    (void)poll(&p, 1, kt_deliver_behind(w->deliver) ? 0 : 20);
    kt_time_ns began = real_now();
    if (kt_deliver_changed(w->deliver)) {
        assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
        assert_int_equal(kt_deliver_take_back(w->deliver, on_dead, w, NULL), KT_OK);
        assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
        kt_deliver_committed(w->deliver);
    }
    if (kt_deliver_behind(w->deliver))
        assert_int_equal(kt_deliver_hand_over(w->deliver, NULL), KT_OK);
    no_longer_than(w, began);
}

static enum kt_status count(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct world *w = self;
    (void)err;
    w->waiting += strcmp(row->state, "wait") == 0;
    w->sent += strcmp(row->state, "sent") == 0;
    w->grouped += strstr(row->last_error, "in a group of ") != NULL;
    return KT_OK;
}

static void count_rows(struct world *w)
{
    struct kt_reader *r = NULL;
    assert_int_equal(kt_reader_open(w->db, &r, NULL), KT_OK);
    w->waiting = w->sent = w->grouped = 0;
    assert_int_equal(kt_reader_outbox(r, count, w, NULL), KT_OK);
    kt_reader_close(r);
}

/* The number of the message with this text; that of all when there is none. */
static unsigned place_of(struct world *w, const char *text)
{
    unsigned n = atomic_load(&w->n_seen), i = 0;
    while (i < n && strstr(w->seen[i].body, text) == NULL)
        i++;
    return i;
}

static bool seen(struct world *w, const char *text)
{
    return place_of(w, text) < atomic_load(&w->n_seen);
}

static void people_get_few_messages_and_the_worst_first(void **state)
{
    struct world *w = *state;
    raise_many(w, 1, STORM, KT_SEV_HIGH, "guessed at a password");
    assert_int_equal(kt_deliver_hand_over(w->deliver, NULL), KT_OK);
    for (unsigned i = 0; i < 10; i++)
        turn(w);
    raise_many(w, STORM + 1, 1, KT_SEV_CRITICAL, "the house is on fire");
    kt_time_ns until = real_now() + WAIT_S * KT_NS_S;
    unsigned before = atomic_load(&w->n_seen);
    assert_int_equal(kt_deliver_hand_over(w->deliver, NULL), KT_OK);
    while (!seen(w, "house is on fire") && real_now() < until)
        turn(w);
    unsigned in_front = place_of(w, "house is on fire") - before;
    for (unsigned calm = 0; calm < 10 && real_now() < until;) { /* until the outbox has them all */
        turn(w);
        calm = kt_deliver_behind(w->deliver) ? 0 : calm + 1;
    }
    atomic_fetch_add(&w->jumped, KT_NS_MIN + 2 * KT_NS_S);
    do {
        for (unsigned i = 0; i < 10; i++)
            turn(w);
        atomic_fetch_add(&w->jumped, 2 * KT_NS_S);
        count_rows(w);
    } while (w->sent < STORM + 1 && real_now() < until);
    print_message("%u messages, %u of %u rows in groups, slowest call of the writer %.1f ms, "
                  "%u before the critical one\n",
                  atomic_load(&w->n_seen), w->grouped, STORM, (double)w->slowest / 1e6, in_front);
    assert_true(in_front <= 6);           /* what flew, and one that had begun */
    assert_int_equal(w->sent, STORM + 1); /* nothing is lost, nothing still waits */
    assert_int_equal(w->waiting, 0);
    assert_int_equal(w->dead, 0);
    assert_true(w->grouped > STORM * 9 / 10);
    assert_true(atomic_load(&w->n_seen) < 100);
    assert_true(seen(w, "alerts of failed attempts in one minute"));
    /* one a second after a burst of five */
    kt_time_ns first = w->seen[0].at, last = w->seen[atomic_load(&w->n_seen) - 1].at;
    assert_true(atomic_load(&w->n_seen) <= 6 + (unsigned)((last - first) / KT_NS_S));
}

static void each_severity_has_its_own_room(void **state)
{
    struct world *w = *state;
    raise_many(w, 1, 2000, KT_SEV_CRITICAL, "many");
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(kt_deliver_hand_over(w->deliver, NULL), KT_OK);
        assert_true(kt_outbox_room(w->outbox, "chat", KT_SEV_HIGH) == KT_OUTBOX_ROOM);
    }
    KT_CLEANUP(kt_buf_done) struct kt_buf status = { 0 };
    kt_outbox_status(w->outbox, &status);
    assert_true(kt_str_has(kt_buf_str(&status), KT_STR("\"waiting\":")));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(people_get_few_messages_and_the_worst_first), /* H6 */
        T(each_severity_has_its_own_room),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_storm", tests, NULL, NULL);
}
