/*
 * server: opening and closing it, and its turns.
 *
 * Owns:  the daemon and what hangs on it.
 * Calls: libmicrohttpd; the other files of the server.
 * Holds: one thread reads and writes, the one that calls kt_web_server_turn.
 */
#include "dashboards/server/server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/enc.h"
#include "core/sys/rng.h"
#include "dashboards/api/jobs.h"
#include "dashboards/api/kept.h"
#include "dashboards/server/events.h"
#include "dashboards/server/server_int.h"

#define WORKERS      4u
#define WAITING_MAX  64u
#define SHARE        40u         /* of workers and places, for one user */
#define DOWNLOADS    4u          /* one a user */
#define HEAD_BYTES   (32u << 10) /* of a connection's memory: its head must fit */
#define TIMEOUT_S    30u         /* of a connection on which nothing moves */
#define LAST_TURNS   20u         /* to say good-bye in */
#define LAST_TURN_US 5000u

kt_time_ns kt_web_mono(const struct kt_web_server *s)
{
    return s->o.clock->mono(s->o.clock->self);
}

kt_time_ns kt_web_wall(const struct kt_web_server *s)
{
    return s->o.clock->wall(s->o.clock->self);
}

/* Targets are decoded by request.c, within its bounds. */
static size_t leave_as_is(void *self, struct MHD_Connection *c, char *s)
{
    (void)self;
    (void)c;
    return strlen(s);
}

static void no_log(void *self, const char *format, va_list args)
{
    (void)self;
    (void)format;
    (void)args;
}

/* What is polled: the daemon's own set, and what other threads wake it with. */
static enum kt_status watch(struct kt_web_server *s, int daemon, struct kt_error *err)
{
    struct epoll_event in = { .events = EPOLLIN };
    s->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->woken < 0 || s->epoll < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, daemon, &in) != 0 ||
        epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->woken, &in) != 0)
        return kt_fail_errno(err, "dashboard");
    return KT_OK;
}

static void close_watch(struct kt_web_server *s)
{
    if (s->epoll >= 0)
        (void)close(s->epoll);
    if (s->woken >= 0)
        (void)close(s->woken);
}

/* The daemon does not tell its own set of a connection that another thread resumes: without the
 * second word an answer lies until something else happens. */
void kt_web_resume(struct kt_web_server *s, struct MHD_Connection *c)
{
    MHD_resume_connection(c);
    (void)eventfd_write(s->woken, 1);
}

static enum kt_status start(struct kt_web_server *s, struct kt_error *err)
{
    const struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)s->o.cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)s->o.key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0,
          (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
        { MHD_OPTION_END, 0, NULL },
    };
    int fd = fcntl(s->o.listen_fd, F_DUPFD_CLOEXEC, 0); /* the daemon closes its own */
    if (fd < 0)
        return kt_fail_errno(err, "dashboard");
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            (s->o.cert != NULL ? MHD_USE_TLS : 0),
        0, kt_web_may_connect, s, kt_web_handle, s, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION, kt_web_connected, s,
        MHD_OPTION_NOTIFY_COMPLETED, kt_web_completed, s, MHD_OPTION_URI_LOG_CALLBACK,
        kt_web_first_line, s, MHD_OPTION_UNESCAPE_CALLBACK, leave_as_is, NULL,
        MHD_OPTION_CONNECTION_LIMIT, KT_WEB_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEAD_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_STRICT_FOR_CLIENT,
        1, s->o.cert != NULL ? MHD_OPTION_ARRAY : MHD_OPTION_END, tls, MHD_OPTION_END);
    const union MHD_DaemonInfo *i =
        s->daemon != NULL ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (i == NULL)
        return kt_fail(err, KT_E_IO, "the page does not start: certificate and key do not fit");
    return watch(s, i->epoll_fd, err);
}

/* The log's id, which pages show; that the store can be read at all. */
static enum kt_status look_at_store(struct kt_web_server *s, struct kt_error *err)
{
    struct kt_reader *reader = NULL;
    struct kt_store_stats stats;
    if (kt_reader_open(s->o.store, &reader, err) != KT_OK)
        return err->code;
    enum kt_status status = kt_reader_stats(reader, &stats, err);
    if (status == KT_OK)
        kt_hex(s->log_id, stats.log_id, sizeof stats.log_id);
    kt_reader_close(reader);
    return status;
}

/* What processes print lies beside the packages, under a name that no list shows. */
static enum kt_status open_jobs(struct kt_web_server *s, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf folder = { 0 };
    if (s->o.reports == NULL)
        return KT_OK;
    kt_buf_addf(&folder, "%s/.jobs", s->o.reports);
    return kt_jobs_open(s->o.program, kt_buf_z(&folder), &s->jobs, err);
}

enum kt_status kt_web_server_open(const struct kt_web_options *o, struct kt_web_server **ret,
                                  struct kt_error *err)
{
    struct kt_web_server *s = kt_alloc(sizeof *s);
    s->o = *o;
    s->epoll = s->woken = -1;
    s->is_unix = kt_web_is_unix(o->listen_fd);
    for (unsigned i = 0; i < KT_WEB_CONNECTIONS; i++)
        s->conn[i].fd = -1;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_mutex_init(&s->figures_lock, NULL);
    kt_rng_real.fill(kt_rng_real.self, s->secret, sizeof s->secret);
    s->kept = kt_api_kept_new();
    s->notes = kt_page_notes_new(o->control);
    s->figures = kt_metrics_store_new();
    enum kt_status status = look_at_store(s, err);
    if (status == KT_OK)
        status = open_jobs(s, err);
    if (status == KT_OK)
        status = kt_assets_open(o->assets, &s->assets, err);
    if (status == KT_OK)
        status = kt_events_open(s, &s->events, err);
    if (status == KT_OK)
        status = kt_web_pool_open(&s->calls, s, WORKERS, WAITING_MAX, SHARE, err);
    if (status == KT_OK)
        status = kt_web_pool_open(&s->downloads, s, DOWNLOADS, 0, 1, err);
    if (status == KT_OK)
        status = start(s, err);
    if (status != KT_OK) {
        kt_web_server_free(s);
        return status;
    }
    *ret = s;
    return KT_OK;
}

void kt_web_server_free(struct kt_web_server *s)
{
    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->lock);
    __atomic_store_n(&s->quit, true, __ATOMIC_RELAXED);
    (void)pthread_mutex_unlock(&s->lock);
    kt_web_pool_stop(&s->calls);
    kt_web_pool_stop(&s->downloads);
    for (unsigned i = 0; i < KT_WEB_SAID; i++)
        kt_buf_done(&s->said[i].text);
    kt_events_stop(s->events);
    if (s->daemon != NULL) {
        int fd = MHD_quiesce_daemon(s->daemon);
        if (fd >= 0)
            (void)close(fd);
        for (unsigned i = 0; i < LAST_TURNS && s->n_conn > 0; i++) {
            (void)MHD_run(s->daemon);
            (void)usleep(LAST_TURN_US);
        }
        MHD_stop_daemon(s->daemon);
    }
    close_watch(s);
    kt_events_free(s->events);
    kt_assets_free(s->assets);
    kt_jobs_close(s->jobs);
    kt_api_kept_free(s->kept);
    kt_page_notes_free(s->notes);
    kt_metrics_store_free(s->figures);
    (void)pthread_mutex_destroy(&s->figures_lock);
    (void)pthread_mutex_destroy(&s->lock);
    kt_free(s);
}

int kt_web_server_fd(const struct kt_web_server *s)
{
    return s->epoll;
}

int kt_web_server_wait_ms(struct kt_web_server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;
    return MHD_get_timeout(s->daemon, &ms) == MHD_YES && ms < 1000 ? (int)ms : 1000;
}

void kt_web_server_turn(struct kt_web_server *s)
{
    kt_time_ns now = kt_web_mono(s);
    eventfd_t times;
    (void)eventfd_read(s->woken, &times); /* before it runs: what comes after wakes it again */
    (void)MHD_run(s->daemon);
    if (now < s->next_second)
        return;
    s->next_second = now + KT_NS_S;
    kt_web_conn_cut(s);
    kt_web_auth_turn(s->o.auth, kt_web_wall(s));
    kt_events_still(s->events);
}
