/* agent_af_unix: the client of auditd's plugin: where it connects, and that whoever writes to it
 * never waits. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agents/inputs/af_unix_int.h"
#include "agents/pipeline.h"
#include "core/base/hash.h"

static void configuration_says_where_the_socket_is(void **state)
{
    static const struct {
        const char *text, *path;
        bool active;
    } all[] = {
        { "active = yes\nargs = 0640 /var/run/audispd_events\n", "/var/run/audispd_events", true },
        { "# active = yes\nactive=no\nargs=0640 /x\n", "/x", false },
        { "active = YES\r\nargs = 0600 /run/audit/audispd_events string 512\r\n",
          "/run/audit/audispd_events", true },
        { "path = /sbin/audisp-af_unix\nactive = yes\n", "", true },
        { "args = 0640\n", "", false },
        { "args\n=\n\n= =\n", "", false },
        { "", "", false },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++) {
        struct kt_af_unix_conf c;
        kt_af_unix_conf(kt_str_of(all[i].text), &c);
        assert_int_equal(c.active, all[i].active);
        assert_true(kt_str_is(c.path, all[i].path));
    }
}

struct daemon {
    char dir[64], path[96];
    int fd, client;
};

static void daemon_start(struct daemon *d)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    (void)snprintf(d->dir, sizeof d->dir, "/tmp/keytrail-test-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    (void)snprintf(d->path, sizeof d->path, "%s/events", d->dir);
    memcpy(a.sun_path, d->path, strlen(d->path) + 1);
    d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    d->client = -1;
    assert_int_equal(bind(d->fd, (const struct sockaddr *)(const void *)&a, sizeof a), 0);
    assert_int_equal(listen(d->fd, 1), 0);
}

static void daemon_accept(struct daemon *d)
{
    struct pollfd p = { .fd = d->fd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, 10000), 1);
    d->client = accept(d->fd, NULL, NULL);
    assert_true(d->client >= 0);
}

static void daemon_end(struct daemon *d)
{
    (void)close(d->client);
    (void)close(d->fd);
    (void)unlink(d->path);
    (void)rmdir(d->dir);
}

/* Writes as auditd does: waiting. Fails when that takes longer than somebody who reads would let
 * it. */
static void daemon_write(struct daemon *d, const char *text)
{
    for (size_t n = strlen(text); n > 0;) {
        struct pollfd p = { .fd = d->client, .events = POLLOUT };
        assert_int_equal(poll(&p, 1, 5000), 1);
        ssize_t written = send(d->client, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (written > 0) {
            text += written;
            n -= (size_t)written;
        }
    }
}

/* So many bytes of lines that are `length` long. */
static struct kt_hear_status wait_until_read(struct kt_hear *h, uint64_t bytes, uint64_t length)
{
    struct kt_hear_status s;
    for (unsigned i = 0; i < 1000; i++) {
        kt_hear_status(h, &s);
        if (s.waiting + s.shed * length >= bytes)
            break;
        (void)poll(NULL, 0, 10);
    }
    return s;
}

static void nobody_takes_and_the_daemon_does_not_wait(void **state)
{
    struct daemon d;
    struct kt_error err = { 0 };
    struct kt_hear *h = NULL;
    struct kt_buf got = { 0 }, part = { 0 };
    char line[1000];
    (void)state;
    daemon_start(&d);
    const struct kt_hear_options o = { .path = d.path, .room = 1u << 20 };
    assert_int_equal(kt_hear_open(&o, &h, &err), KT_OK);
    daemon_accept(&d);
    memset(line, 'x', sizeof line);
    line[sizeof line - 2] = '\n';
    line[sizeof line - 1] = '\0';
    for (unsigned i = 0; i < 4000; i++)
        daemon_write(&d, line);
    struct kt_hear_status s = wait_until_read(h, 4000u * 999, 999);
    assert_true(s.connected && s.shed > 0 && s.waiting <= 1u << 20);
    assert_int_equal(s.shed, 4000u - s.waiting / 999);
    bool cut = true;
    while (kt_hear_take(h, 1000, &part, &cut)) { /* lines are missing behind all that was taken */
        assert_int_equal(part.len, 1000);
        assert_false(cut);
        kt_buf_add(&got, kt_buf_str(&part));
    }
    assert_true(cut);
    kt_buf_add(&got, kt_buf_str(&part));
    assert_int_equal(got.len, s.waiting);
    assert_int_equal(got.len % 999, 0);
    for (size_t at = 998; at < got.len; at += 999)
        assert_int_equal(got.at[at], '\n');
    kt_buf_done(&got);
    kt_buf_done(&part);
    kt_hear_free(h);
    daemon_end(&d);
}

static enum kt_status count_serials(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    (void)err;
    kt_buf_add(self, l->event->native_id);
    kt_buf_byte(self, ' ');
    return KT_OK;
}

static void feed_line(struct kt_pipeline *p, uint64_t *pos, const char *type, unsigned serial,
                      const char *rest)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    struct kt_error err = { 0 };
    kt_buf_addf(&line, "type=%s msg=audit(1772435645.123:%u): %s\n", type, serial, rest);
    assert_int_equal(kt_pipeline_feed(p, kt_buf_str(&line), *pos, KT_STR("socket"),
                                      (kt_time_ns)1772435646 * KT_NS_S, &err),
                     KT_OK);
    *pos += line.len;
}

/* Half an event reads like another one: neither the one whose end was dropped is given out, nor the
 * one whose beginning was. */
static void lines_around_a_cut_make_no_event(void **state)
{
    static const char syscall[] =
        "arch=c000003e syscall=257 success=yes exit=3 items=1 ppid=811 pid=812 auid=1000 uid=1000 "
        "gid=1000 euid=1000 tty=pts0 ses=5 comm=\"cat\" exe=\"/usr/bin/cat\" key=\"keytrail_env\"";
    static const char path[] =
        "item=0 name=\"/srv/.env\" inode=1 dev=08:01 mode=0100600 nametype=NORMAL";
    struct kt_buf got = { 0 };
    struct kt_error err = { 0 };
    uint64_t pos = 0;
    const struct kt_pipeline_options o = { .source = kt_source_find(KT_STR("auditd")),
                                           .instance = KT_STR("web1"),
                                           .body = KT_JSON_SIMDJSON,
                                           .line = count_serials,
                                           .self = &got };
    (void)state;
    struct kt_pipeline *p = kt_pipeline_new(&o);
    feed_line(p, &pos, "SYSCALL", 7, syscall);
    feed_line(p, &pos, "PATH", 7, path);
    kt_pipeline_cut(p);
    feed_line(p, &pos, "PATH", 9, path);
    feed_line(p, &pos, "SYSCALL", 10, syscall);
    feed_line(p, &pos, "EOE", 9, "");
    feed_line(p, &pos, "PATH", 10, path);
    feed_line(p, &pos, "EOE", 10, "");
    assert_int_equal(kt_pipeline_end(p, (kt_time_ns)1772435700 * KT_NS_S, &err), KT_OK);
    assert_int_equal(kt_pipeline_expire(p, (kt_time_ns)1772435700 * KT_NS_S, true, &err), KT_OK);
    assert_string_equal(kt_buf_z(&got), "1772435645.123:10 ");
    const struct kt_pipeline_counts *c = kt_pipeline_counts(p);
    assert_int_equal(c->records, c->yielded + c->folded + c->skipped + c->quarantined);
    kt_pipeline_free(p);
    kt_buf_done(&got);
}

static void half_a_line_is_none(void **state)
{
    struct daemon d;
    struct kt_error err = { 0 };
    struct kt_hear *h = NULL;
    struct kt_buf got = { 0 };
    (void)state;
    daemon_start(&d);
    const struct kt_hear_options o = { .path = d.path, .room = 1u << 20 };
    assert_int_equal(kt_hear_open(&o, &h, &err), KT_OK);
    daemon_accept(&d);
    daemon_write(&d, "one\ntw");
    (void)close(d.client);
    daemon_accept(&d); /* it comes back */
    daemon_write(&d, "three\n");
    struct kt_hear_status s = wait_until_read(h, 10, 0);
    bool cut;
    assert_false(kt_hear_take(h, SIZE_MAX, &got, &cut));
    assert_false(cut);
    assert_true(kt_str_is(kt_buf_str(&got), "one\nthree\n"));
    assert_int_equal(s.torn, 1);
    assert_int_equal(s.connections, 2);
    kt_buf_done(&got);
    kt_hear_free(h);
    daemon_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_says_where_the_socket_is),
        cmocka_unit_test(nobody_takes_and_the_daemon_does_not_wait),
        cmocka_unit_test(lines_around_a_cut_make_no_event),
        cmocka_unit_test(half_a_line_is_none),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
