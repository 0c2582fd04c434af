/*
 * answers: their HTTP.
 *
 * Owns:  the daemon, its thread and connections, the secrets.
 * Calls: libmicrohttpd, answers_ack.
 * Holds: one request a connection, and that within half a minute.
 */
#include "dashboards/server/answers.h"

#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/sys/fs.h"
#include "dashboards/server/answers_ack.h"
#include "dashboards/server/request.h"

#define CONNECTIONS 256u
#define PER_ADDRESS 16u /* where strangers reach us; behind a proxy all have its address */
#define LIFE        (30 * KT_NS_S) /* of a connection: it is for one request */
#define SILENCE_S   15u
#define HEAD_BYTES  (32u << 10)
#define DRAIN_MAX   (1u << 20) /* of a body that is refused, read before the connection ends */
#define PEM_MAX     (256u << 10)
#define SECRET_MAX  4096u

struct kt_web_answers {
    const struct kt_clock *clock;
    struct MHD_Daemon *daemon;
    struct kt_buf cert, key;
    struct kt_acks acks;  /* of the daemon's thread */
    pthread_mutex_t lock; /* of what follows */
    struct place {
        int fd; /* -1: free */
        kt_time_ns since;
    } place[CONNECTIONS];
    kt_time_ns looked;
};
struct request {
    struct kt_buf target, body;
    struct kt_str query;
    const struct kt_ack_route *route; /* NULL: refused */
    unsigned refused, drained;
    bool judged;
};
static struct kt_str field(struct MHD_Connection *c, const char *name)
{
    return name == NULL ? KT_STR_NONE
                        : kt_str_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, name));
}

static kt_time_ns mono(const struct kt_web_answers *a)
{
    return a->clock->mono(a->clock->self);
}

/* ---- what is said ---- */

static const struct {
    const char *name, *value;
} always[] = {
    { "X-Content-Type-Options", "nosniff" },
    { "Referrer-Policy", "no-referrer" },
    { "X-Frame-Options", "DENY" },
    { "Cache-Control", "no-store" },
    { "X-Robots-Tag", "noindex" },
    { "Content-Security-Policy",
      "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'" },
    { "Connection", "close" },
};

static enum MHD_Result reply(struct MHD_Connection *c, struct kt_ack_said *said)
{
    struct MHD_Response *m =
        MHD_create_response_from_buffer_with_free_callback(said->body.len, said->body.at, kt_free);
    if (m == NULL) {
        kt_buf_done(&said->body);
        return MHD_NO;
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(always); i++)
        (void)MHD_add_response_header(m, always[i].name, always[i].value);
    (void)MHD_add_response_header(
        m, "Content-Type", said->page ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
    if (said->status == 503)
        (void)MHD_add_response_header(m, "Retry-After", "5");
    enum MHD_Result rc = MHD_queue_response(c, said->status, m);
    MHD_destroy_response(m);
    return rc;
}

static enum MHD_Result refuse(struct MHD_Connection *c, const struct request *r)
{
    static const struct {
        unsigned status;
        const char *sentence;
    } sentences[] = { { 400, "No such target.\n" },
                      { 404, "Nothing is here.\n" },
                      { 405, "Another method.\n" },
                      { 413, "A body has at most 64 KiB.\n" },
                      { 503, "Too many connections.\n" } };
    struct kt_ack_said said = { .status = r->refused };
    for (size_t i = 0; i < KT_ARRAY_LEN(sentences); i++)
        if (sentences[i].status == r->refused)
            kt_buf_addz(&said.body, sentences[i].sentence);
    return reply(c, &said);
}

static enum MHD_Result answer(struct kt_web_answers *a, struct MHD_Connection *c,
                              const struct request *r)
{
    struct kt_ack_said said = { 0 };
    const struct kt_ack_given given = { .query = r->query,
                                        .body = kt_buf_str(&r->body),
                                        .signature = field(c, r->route->signature),
                                        .timestamp = field(c, r->route->timestamp) };
    kt_ack_take(&a->acks, r->route, &given, &said);
    return reply(c, &said);
}

/* ---- a request ---- */

static void *first_line(void *self, const char *target, struct MHD_Connection *c)
{
    struct request *r = kt_alloc(sizeof *r);
    (void)self;
    (void)c;
    kt_buf_addz(&r->target, target);
    return r;
}

static void completed(void *self, struct MHD_Connection *c, void **of_request,
                      enum MHD_RequestTerminationCode why)
{
    struct request *r = *of_request;
    (void)self;
    (void)c;
    (void)why;
    *of_request = NULL;
    if (r == NULL)
        return;
    kt_buf_done(&r->target);
    kt_buf_done(&r->body);
    kt_free(r);
}

/* Targets are decoded by request.c, within its bounds. */
static size_t leave_as_is(void *self, struct MHD_Connection *c, char *s)
{
    (void)self;
    (void)c;
    return strlen(s);
}

static unsigned judge_head(const struct kt_web_answers *a, struct MHD_Connection *c,
                           struct request *r, const char *method)
{
    struct kt_str path;
    uint64_t length = 0;
    unsigned no;
    if (MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context == NULL)
        return 503;
    if (kt_web_target(kt_buf_str(&r->target), &path, &r->query, NULL) != KT_OK)
        return 400;
    r->route = kt_ack_route(&a->acks, path, kt_str_of(method), &no);
    if (r->route == NULL)
        return no;
    struct kt_str given = field(c, "Content-Length");
    if (given.len > 0 && (!kt_str_u64(given, &length) || length > KT_INBOUND_BODY_MAX))
        return 413;
    return 0;
}

/* Called with the head, with each piece of the body, and at its end. */
static enum MHD_Result handle(void *self, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *piece,
                              size_t *size, void **of_request)
{
    struct kt_web_answers *a = self;
    struct request *r = *of_request;
    (void)url;
    (void)version;
    if (!r->judged) {
        r->judged = true;
        r->refused = judge_head(a, c, r, method);
        return r->refused != 0 ? refuse(c, r) : MHD_YES;
    }
    if (*size > 0) {
        if (r->refused == 0 && r->body.len + *size <= KT_INBOUND_BODY_MAX)
            kt_buf_add_bytes(&r->body, piece, *size);
        else
            r->refused = 413;
        r->drained += (unsigned)*size;
        *size = 0;
        return r->drained <= DRAIN_MAX ? MHD_YES : MHD_NO;
    }
    if (r->refused != 0)
        return refuse(c, r);
    return answer(a, c, r);
}

/* ---- connections ---- */

static void connected(void *self, struct MHD_Connection *c, void **of_place,
                      enum MHD_ConnectionNotificationCode what)
{
    struct kt_web_answers *a = self;
    struct place *p = *of_place;
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    (void)pthread_mutex_lock(&a->lock);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED && p != NULL)
        p->fd = -1;
    for (unsigned i = 0; what == MHD_CONNECTION_NOTIFY_STARTED && i < CONNECTIONS; i++) {
        if (a->place[i].fd >= 0)
            continue;
        a->place[i] = (struct place){ fd->connect_fd, mono(a) };
        *of_place = &a->place[i];
        break;
    }
    (void)pthread_mutex_unlock(&a->lock);
}

void kt_web_answers_turn(struct kt_web_answers *a)
{
    if (a == NULL || mono(a) - a->looked < KT_NS_S)
        return;
    a->looked = mono(a);
    (void)pthread_mutex_lock(&a->lock);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (a->place[i].fd >= 0 && a->looked - a->place[i].since > LIFE)
            (void)shutdown(a->place[i].fd, SHUT_RDWR); /* the daemon sees its end */
    (void)pthread_mutex_unlock(&a->lock);
}

/* ---- life ---- */

static enum kt_status read_secret(const char *file, struct kt_buf *to, struct kt_error *err)
{
    if (file == NULL)
        return KT_OK;
    if (kt_fs_read_secret(file, SECRET_MAX, to, err) != KT_OK)
        return kt_wrap(err, "dashboard.answers");
    if (to->len < 16)
        return kt_fail(err, KT_E_CONFIG, "dashboard.answers: '%s' holds fewer than 16 bytes", file);
    return KT_OK;
}

static enum kt_status read_files(struct kt_web_answers *a, const struct kt_conf_answers *conf,
                                 struct kt_error *err)
{
    struct kt_buf *secret = a->acks.secret;
    uint8_t key[32];
    if (conf->cert_file != NULL &&
        (kt_fs_read_all(conf->cert_file, PEM_MAX, &a->cert, err) != KT_OK ||
         kt_fs_read_secret(conf->tls_key_file, PEM_MAX, &a->key, err) != KT_OK))
        return kt_wrap(err, "dashboard.answers");
    for (unsigned i = 0; i < conf->link_keys.n; i++) /* whoever loaded it looked at them */
        if (kt_link_public_parse(kt_str_of(conf->link_keys.at[i]), key))
            kt_buf_add_bytes(&secret[KT_ACK_LINK], key, sizeof key);
    return read_secret(conf->pagerduty_secret_file, &secret[KT_ACK_PAGERDUTY], err) == KT_OK
               ? read_secret(conf->slack_secret_file, &secret[KT_ACK_SLACK], err)
               : err->code;
}

static void no_log(void *self, const char *format, va_list args)
{
    (void)self;
    (void)format;
    (void)args;
}

static enum kt_status start(struct kt_web_answers *a, int listen_fd, struct kt_error *err)
{
    bool tls = a->cert.len > 0;
    const struct MHD_OptionItem of_tls[] = {
        { MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)PER_ADDRESS, NULL },
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)kt_buf_z(&a->cert) },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)kt_buf_z(&a->key) },
        { MHD_OPTION_HTTPS_PRIORITIES, 0,
          (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
        { MHD_OPTION_END, 0, NULL },
    };
    sigset_t all, before;
    int fd = dup(listen_fd); /* the daemon closes its own */
    if (fd < 0)
        return kt_fail_errno(err, "dashboard.answers");
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    a->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, handle, a, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION, connected, a,
        MHD_OPTION_NOTIFY_COMPLETED, completed, a, MHD_OPTION_URI_LOG_CALLBACK, first_line, a,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_as_is, NULL, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        SILENCE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1, tls ? MHD_OPTION_ARRAY : MHD_OPTION_END, of_tls,
        MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (a->daemon != NULL)
        return KT_OK;
    (void)close(fd);
    return kt_fail(err, KT_E_IO, "dashboard.answers: certificate and key do not fit");
}

enum kt_status kt_web_answers_open(const struct kt_conf_answers *conf, int listen_fd,
                                   const char *control, struct kt_inbound_heard *heard,
                                   const struct kt_clock *clock, struct kt_web_answers **ret,
                                   struct kt_error *err)
{
    struct kt_web_answers *a = kt_alloc(sizeof *a);
    a->clock = clock;
    a->acks = (struct kt_acks){
        .control = control, .clock = clock, .slack_teams = &conf->slack_teams, .heard = heard
    };
    (void)pthread_mutex_init(&a->lock, NULL);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        a->place[i].fd = -1;
    if (read_files(a, conf, err) != KT_OK || start(a, listen_fd, err) != KT_OK) {
        kt_web_answers_close(a);
        return err->code;
    }
    kt_log(KT_LOG_INFO, "dashboard: answers are taken at='%s' from=%s%s%s",
           conf->listen != NULL ? conf->listen : "",
           a->acks.secret[KT_ACK_PAGERDUTY].len > 0 ? " pagerduty" : "",
           a->acks.secret[KT_ACK_SLACK].len > 0 ? " slack" : "",
           a->acks.secret[KT_ACK_LINK].len > 0 ? " links" : "");
    *ret = a;
    return KT_OK;
}

static void forget(struct kt_buf *secret)
{
    if (secret->at != NULL)
        kt_wipe(secret->at, secret->cap);
    kt_buf_done(secret);
}

void kt_web_answers_close(struct kt_web_answers *a)
{
    if (a == NULL)
        return;
    if (a->daemon != NULL) {
        int fd = MHD_quiesce_daemon(a->daemon); /* else it would shut down what is the caller's */
        MHD_stop_daemon(a->daemon);
        if (fd >= 0)
            (void)close(fd);
    }
    for (unsigned i = 0; i < KT_ACK_WAYS; i++)
        forget(&a->acks.secret[i]);
    forget(&a->key);
    kt_buf_done(&a->cert);
    (void)pthread_mutex_destroy(&a->lock);
    kt_free(a);
}
