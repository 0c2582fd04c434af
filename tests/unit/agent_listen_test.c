/* agents/inputs/listen: what waits costs its bytes, and nothing is lost when it stops. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agents/inputs/listen.h"

#define WRITES 2000u

struct world {
    char dir[64], path[96], address[112];
    struct kt_listen *listen;
    int client[2];
};

static void world_start(struct world *w)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct kt_error err = { 0 };
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/keytrail-test-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->path, sizeof w->path, "%s/s", w->dir);
    (void)snprintf(w->address, sizeof w->address, "unix://%s", w->path);
    const struct kt_listen_options o = {
        .address = w->address, .mode = 0600, .room = 1u << 20, .connections = 4
    };
    assert_int_equal(kt_listen_open(&o, &w->listen, &err), KT_OK);
    memcpy(a.sun_path, w->path, strlen(w->path) + 1);
    for (size_t i = 0; i < KT_ARRAY_LEN(w->client); i++) {
        w->client[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(w->client[i], (const struct sockaddr *)(const void *)&a, sizeof a),
                         0);
    }
}

static void world_end(struct world *w)
{
    kt_listen_free(w->listen);
    for (size_t i = 0; i < KT_ARRAY_LEN(w->client); i++)
        (void)close(w->client[i]);
    (void)rmdir(w->dir);
}

static void wait_for_bytes(struct world *w, uint64_t n)
{
    for (unsigned i = 0; i < 10000 && kt_listen_counts(w->listen).waiting < n; i++)
        (void)poll(NULL, 0, 1);
    assert_int_equal(kt_listen_counts(w->listen).waiting, n);
}

static void two_that_write_in_turn_are_two_pieces(void **state)
{
    struct world w = { .dir = "" };
    struct kt_listen_piece p;
    unsigned pieces = 0;
    size_t bytes[2] = { 0 };
    (void)state;
    world_start(&w);
    for (unsigned i = 0; i < WRITES; i++) {
        assert_int_equal(write(w.client[i % 2], &"ab"[i % 2], 1), 1);
        wait_for_bytes(&w, i + 1);
    }
    while (kt_listen_take(w.listen, &p)) {
        assert_true(p.connection < 2 && !p.ended);
        bytes[p.connection] += p.bytes.len;
        for (size_t i = 0; i < p.bytes.len; i++)
            assert_int_equal(p.bytes.at[i], p.bytes.at[0]);
        kt_buf_done(&p.bytes);
        pieces++;
    }
    assert_int_equal(pieces, 2);
    assert_int_equal(bytes[0], WRITES / 2);
    assert_int_equal(bytes[1], WRITES / 2);
    world_end(&w);
}

static void what_came_before_a_stop_can_be_taken(void **state)
{
    struct world w = { .dir = "" };
    struct kt_listen_piece p;
    unsigned ended = 0;
    size_t bytes = 0;
    (void)state;
    world_start(&w);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(write(w.client[i], "x", 1), 1);
    wait_for_bytes(&w, 2); /* both are accepted */
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(write(w.client[i], "last\n", 5), 5);
    kt_listen_stop(w.listen);
    while (kt_listen_take(w.listen, &p)) {
        bytes += p.bytes.len;
        ended += p.ended;
        kt_buf_done(&p.bytes);
    }
    assert_int_equal(bytes, 12);
    assert_int_equal(ended, 2);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_write_in_turn_are_two_pieces),
        cmocka_unit_test(what_came_before_a_stop_can_be_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
