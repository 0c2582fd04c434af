/*
 * net: ZeroMQ with CURVE, a server (ROUTER) and a client (DEALER). The only includer of zmq.h.
 *
 * Owns:  one ZeroMQ context for each server and client. Calls: core/base.
 * Holds: nothing gets in without a handshake that the allow-list said yes to. The ZAP handler is
 *        bound before the ROUTER and runs on the server's own thread, inside open, recv and wait:
 *        it cannot die alone, and while nobody calls these, handshakes wait and then time out.
 *        NULL and PLAIN have no code path.
 */
#include "core/sys/net.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <zmq.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/sys/clock.h"

enum {
    MESSAGE_MAX = KT_BATCH_PACKED_MAX + 4096,
    ANSWER_MAX = 64 << 10, /* a client hears only short messages */
    HANDSHAKE_MS = 5000,
    HEARTBEAT_MS = 10000,
    HEARTBEAT_LOST_MS = 30000,
    RECONNECT_MS = 500,
    RECONNECT_MAX_MS = 30000,
    SERVER_QUEUE_IN = 16, /* messages of one peer; TCP holds back the rest */
    SERVER_QUEUE_OUT = 64,
    PROBE_MS = 5000,
    DROPS_AT_ONCE = 64, /* then others get their turn */
    FDS_MAX = 30,
    FILES_MIN = 128, /* agent and collector need some 60 with nothing to do */
    USER_ID_MAX = 256,
    BACKLOG = 1024, /* ZeroMQ's 100 let a crowd of strangers delay an agent's connect by seconds */
    ZAP_ENFORCE_DOMAIN = 93, /* zmq.h names it only to builds with drafts; the library knows it */
};
static const char zap_domain[] = "keytrail";

/* ---- shared ---- */

static enum kt_status fail_zmq(struct kt_error *err, const char *what)
{
    int why = zmq_errno();
    enum kt_status st = kt_fail(err, KT_E_IO, "%s: %s", what, zmq_strerror(why));
    if (err != NULL)
        err->sys_errno = why;
    return st;
}

struct setting {
    int option, value;
};

static const struct setting common[] = {
    { ZMQ_IPV6, 1 },
    { ZMQ_LINGER, 0 },
    { ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS },
    { ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS },
    { ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_LOST_MS },
    { ZMQ_HEARTBEAT_TTL, HEARTBEAT_LOST_MS },
};

static enum kt_status set_all(void *socket, const struct setting *s, size_t n, struct kt_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (zmq_setsockopt(socket, s[i].option, &s[i].value, sizeof s[i].value) != 0)
            return fail_zmq(err, "socket option");
    return KT_OK;
}

static enum kt_status set_bytes(void *socket, int option, const void *at, size_t n,
                                struct kt_error *err)
{
    return zmq_setsockopt(socket, option, at, n) == 0 ? KT_OK : fail_zmq(err, "socket option");
}

static enum kt_status check_endpoint(const char *endpoint, struct kt_error *err)
{
    if (strncmp(endpoint, "tcp://", 6) == 0)
        return KT_OK;
    return kt_fail(err, KT_E_CONFIG, "'%s': only tcp:// carries events", endpoint);
}

/* The library ends the process when it gets no descriptor: better said before. */
static enum kt_status check_files(struct kt_error *err)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= FILES_MIN)
        return KT_OK;
    return kt_fail(err, KT_E_LIMIT,
                   "only %llu files may be open, %d are the least: LimitNOFILE=65536 in the unit, "
                   "or ulimit -n",
                   (unsigned long long)files.rlim_cur, FILES_MIN);
}

static void close_socket(void **socket)
{
    if (*socket != NULL)
        (void)zmq_close(*socket);
    *socket = NULL;
}

static void close_context(void **context)
{
    if (*context != NULL)
        while (zmq_ctx_term(*context) != 0 && zmq_errno() == EINTR)
            continue;
    *context = NULL;
}

/* items has room for n more behind the first `own`. A signal ends the wait like an event. */
static enum kt_status poll_all(zmq_pollitem_t *items, unsigned own, const int *fds, unsigned n,
                               int timeout_ms, struct kt_error *err)
{
    assert(n <= FDS_MAX);
    for (unsigned i = 0; i < n; i++)
        items[own + i] = (zmq_pollitem_t){ .fd = fds[i], .events = ZMQ_POLLIN };
    if (zmq_poll(items, (int)(own + n), timeout_ms) < 0 && zmq_errno() != EINTR)
        return fail_zmq(err, "wait for messages");
    return KT_OK;
}

/* Receives one frame into msg, which is open afterwards only when KT_OK. */
static enum kt_status receive(void *socket, zmq_msg_t *msg, struct kt_error *err)
{
    (void)zmq_msg_init(msg);
    int rc;
    do
        rc = zmq_msg_recv(msg, socket, ZMQ_DONTWAIT);
    while (rc < 0 && zmq_errno() == EINTR);
    if (rc >= 0)
        return KT_OK;
    int why = zmq_errno();
    (void)zmq_msg_close(msg);
    if (why == EAGAIN)
        return kt_fail(err, KT_E_AGAIN, "no message");
    errno = why;
    return fail_zmq(err, "receive");
}

static void drop_rest(void *socket, zmq_msg_t *last)
{
    zmq_msg_t part;
    bool more = zmq_msg_more(last) != 0;

    while (more && receive(socket, &part, NULL) == KT_OK) {
        more = zmq_msg_more(&part) != 0;
        (void)zmq_msg_close(&part);
    }
}

static enum kt_status send_frame(void *socket, const void *at, size_t n, int flags,
                                 struct kt_error *err)
{
    int rc;
    do
        rc = zmq_send(socket, at, n, flags | ZMQ_DONTWAIT);
    while (rc < 0 && zmq_errno() == EINTR);
    if (rc >= 0)
        return KT_OK;
    if (zmq_errno() == EAGAIN || zmq_errno() == EHOSTUNREACH)
        return kt_fail(err, KT_E_AGAIN, "the peer is gone or its queue is full");
    return fail_zmq(err, "send");
}

/* Takes over msg (heap). user_id and body are borrowed from it. */
static void fill_message(struct kt_net_msg *ret, zmq_msg_t *msg, const char *user_id)
{
    ret->user_id = kt_str_of(user_id);
    ret->body = kt_str_from(zmq_msg_data(msg), zmq_msg_size(msg));
    ret->hold = msg;
}

void kt_net_msg_done(struct kt_net_msg *m)
{
    if (m == NULL || m->hold == NULL)
        return;
    (void)zmq_msg_close(m->hold);
    kt_free(m->hold);
    *m = (struct kt_net_msg){ 0 };
}

/* ---- keys ---- */

const char *kt_net_version(char buf[KT_NET_VERSION_MAX])
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    (void)snprintf(buf, KT_NET_VERSION_MAX, "%d.%d.%d", major, minor, patch);
    return buf;
}

void kt_net_keys_make(struct kt_net_keys *ret)
{
    char public_text[KT_Z85_KEY], secret_text[KT_Z85_KEY];

    int rc = zmq_curve_keypair(public_text, secret_text);
    assert(rc == 0); /* fails only in a libzmq without CURVE */
    bool ok = kt_z85_decode(kt_str_of(public_text), ret->public_key) &&
              kt_z85_decode(kt_str_of(secret_text), ret->secret_key);
    assert(ok);
    kt_wipe(secret_text, sizeof secret_text);
}

void kt_net_keys_from_secret(const uint8_t secret[32], struct kt_net_keys *ret)
{
    char public_text[KT_Z85_KEY], secret_text[KT_Z85_KEY];

    int rc = zmq_curve_public(public_text, kt_z85_encode(secret, secret_text));
    assert(rc == 0);
    bool ok = kt_z85_decode(kt_str_of(public_text), ret->public_key);
    assert(ok);
    memmove(ret->secret_key, secret, 32);
    kt_wipe(secret_text, sizeof secret_text);
}

/* ---- server: the ZAP handler (RFC 27) ---- */

struct kt_net_server {
    void *context, *zap, *router;
    struct kt_net_server_options o;
    struct kt_net_counts counts;
    char endpoint[256];
};

enum zap_part { VERSION, REQUEST, DOMAIN, ADDRESS, IDENTITY, MECHANISM, KEY, ZAP_PARTS };

static struct kt_str part_str(zmq_msg_t *part)
{
    return kt_str_from(zmq_msg_data(part), zmq_msg_size(part));
}

/* Asks the allow-list; user_id is filled when the answer is yes. */
static bool judge(struct kt_net_server *s, zmq_msg_t *parts, char user_id[USER_ID_MAX])
{
    return kt_str_is(part_str(&parts[VERSION]), "1.0") &&
           kt_str_is(part_str(&parts[DOMAIN]), zap_domain) &&
           kt_str_is(part_str(&parts[MECHANISM]), "CURVE") && zmq_msg_size(&parts[KEY]) == 32 &&
           s->o.allow(s->o.self, zmq_msg_data(&parts[KEY]), user_id, USER_ID_MAX) &&
           user_id[0] != '\0';
}

static void answer(struct kt_net_server *s, zmq_msg_t *request, bool allowed, const char *user_id)
{
    const struct kt_str parts[] = {
        KT_STR("1.0"),
        part_str(request),
        kt_str_of(allowed ? "200" : "400"),
        kt_str_of(allowed ? "OK" : "key is not allowed"),
        kt_str_of(allowed ? user_id : ""),
        KT_STR(""), /* metadata */
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++) {
        int more = i + 1 < KT_ARRAY_LEN(parts) ? ZMQ_SNDMORE : 0;
        /* A failure leaves the peer without an answer: its handshake times out. */
        if (send_frame(s->zap, parts[i].at, parts[i].len, more, NULL) != KT_OK)
            return;
    }
}

/* Answers every request that waits. ZeroMQ itself is the only one who can ask. */
static void serve_zap(struct kt_net_server *s)
{
    zmq_msg_t parts[ZAP_PARTS];

    while (receive(s->zap, &parts[0], NULL) == KT_OK) {
        unsigned n = 1;
        while (n < ZAP_PARTS && zmq_msg_more(&parts[n - 1]) != 0 &&
               receive(s->zap, &parts[n], NULL) == KT_OK)
            n++;
        drop_rest(s->zap, &parts[n - 1]);
        char user_id[USER_ID_MAX] = "";
        bool allowed = n == ZAP_PARTS && judge(s, parts, user_id);
        if (allowed)
            s->counts.accepted++;
        else
            s->counts.refused++;
        if (n > REQUEST)
            answer(s, &parts[REQUEST], allowed, user_id);
        for (unsigned i = 0; i < n; i++)
            (void)zmq_msg_close(&parts[i]);
    }
}

/* ---- server: opening ---- */

static enum kt_status read_back(void *router, struct kt_error *err)
{
    char domain[32] = "";
    int enforced = 0, mechanism = -1;
    size_t domain_len = sizeof domain, n = sizeof enforced, m = sizeof mechanism;

    if (zmq_getsockopt(router, ZMQ_ZAP_DOMAIN, domain, &domain_len) != 0 ||
        zmq_getsockopt(router, ZAP_ENFORCE_DOMAIN, &enforced, &n) != 0 ||
        zmq_getsockopt(router, ZMQ_MECHANISM, &mechanism, &m) != 0)
        return fail_zmq(err, "read socket options back");
    if (strcmp(domain, zap_domain) != 0 || enforced != 1 || mechanism != ZMQ_CURVE)
        return kt_fail(err, KT_E_DENIED, "ZeroMQ did not take the settings of authentication");
    return KT_OK;
}

static enum kt_status open_router(struct kt_net_server *s, struct kt_error *err)
{
    static const struct setting settings[] = {
        { ZMQ_CURVE_SERVER, 1 },         { ZAP_ENFORCE_DOMAIN, 1 },
        { ZMQ_ROUTER_MANDATORY, 1 },     { ZMQ_ROUTER_HANDOVER, 0 },
        { ZMQ_RCVHWM, SERVER_QUEUE_IN }, { ZMQ_SNDHWM, SERVER_QUEUE_OUT },
        { ZMQ_BACKLOG, BACKLOG },
    };
    const int64_t max = MESSAGE_MAX;
    void *r = s->router = zmq_socket(s->context, ZMQ_ROUTER);
    enum kt_status st;

    if (r == NULL)
        return fail_zmq(err, "socket");
    if ((st = set_all(r, common, KT_ARRAY_LEN(common), err)) != KT_OK ||
        (st = set_bytes(r, ZMQ_ZAP_DOMAIN, zap_domain, strlen(zap_domain), err)) != KT_OK ||
        (st = set_all(r, settings, KT_ARRAY_LEN(settings), err)) != KT_OK ||
        (st = set_bytes(r, ZMQ_CURVE_SECRETKEY, s->o.keys->secret_key, 32, err)) != KT_OK ||
        (st = set_bytes(r, ZMQ_MAXMSGSIZE, &max, sizeof max, err)) != KT_OK ||
        (st = read_back(r, err)) != KT_OK)
        return st;
    if (zmq_bind(r, s->o.endpoint) != 0)
        return fail_zmq(err, s->o.endpoint);
    char bound[sizeof s->endpoint];
    size_t n = sizeof bound;
    if (zmq_getsockopt(r, ZMQ_LAST_ENDPOINT, bound, &n) != 0)
        return fail_zmq(err, "endpoint");
    /* With IPv6 on, ZeroMQ names an IPv4 address in its mapped form: people read the plain one. */
    const struct kt_str mapped = KT_STR("tcp://[::ffff:"), whole = kt_str_of(bound);
    ptrdiff_t end = kt_str_find_byte(whole, ']', 0);
    if (!kt_str_starts(whole, mapped) || end < 0)
        kt_str_copyz(s->endpoint, sizeof s->endpoint, whole);
    else
        (void)snprintf(s->endpoint, sizeof s->endpoint, "tcp://%.*s%s",
                       (int)((size_t)end - mapped.len), bound + mapped.len, bound + end + 1);
    return KT_OK;
}

/* Where this host reaches its own wildcard address. */
static void probe_endpoint(const char *bound, struct kt_buf *out)
{
    static const struct {
        struct kt_str any, self;
    } wild[] = {
        { KT_STR_INIT("tcp://0.0.0.0:"), KT_STR_INIT("tcp://127.0.0.1:") },
        { KT_STR_INIT("tcp://[::]:"), KT_STR_INIT("tcp://[::1]:") },
    };
    struct kt_str rest = kt_str_of(bound);

    for (size_t i = 0; i < KT_ARRAY_LEN(wild); i++)
        if (kt_str_starts(rest, wild[i].any)) {
            kt_buf_add(out, wild[i].self);
            rest = kt_str_from_index(rest, wild[i].any.len);
        }
    kt_buf_add(out, rest);
}

/* A stranger: its own context, a key that nobody has, and an ear on its handshake. */
struct probe {
    void *context, *socket, *monitor;
};

static void probe_done(struct probe *p)
{
    close_socket(&p->monitor);
    close_socket(&p->socket);
    close_context(&p->context);
}

static enum kt_status probe_open(struct probe *p, const struct kt_net_server *s,
                                 struct kt_error *err)
{
    static const char ear[] = "inproc://probe";
    static const struct setting once = { ZMQ_RECONNECT_IVL, -1 };
    struct kt_net_keys stranger;
    KT_CLEANUP(kt_buf_done) struct kt_buf endpoint = { 0 };
    enum kt_status st;

    kt_net_keys_make(&stranger);
    probe_endpoint(s->endpoint, &endpoint);
    p->context = zmq_ctx_new();
    if (p->context == NULL || (p->socket = zmq_socket(p->context, ZMQ_DEALER)) == NULL ||
        (p->monitor = zmq_socket(p->context, ZMQ_PAIR)) == NULL)
        return fail_zmq(err, "probe");
    if ((st = set_all(p->socket, common, KT_ARRAY_LEN(common), err)) != KT_OK ||
        (st = set_all(p->socket, &once, 1, err)) != KT_OK ||
        (st = set_bytes(p->socket, ZMQ_CURVE_SERVERKEY, s->o.keys->public_key, 32, err)) != KT_OK ||
        (st = set_bytes(p->socket, ZMQ_CURVE_PUBLICKEY, stranger.public_key, 32, err)) != KT_OK ||
        (st = set_bytes(p->socket, ZMQ_CURVE_SECRETKEY, stranger.secret_key, 32, err)) != KT_OK)
        return st;
    if (zmq_socket_monitor(p->socket, ear,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) != 0 ||
        zmq_connect(p->monitor, ear) != 0 || zmq_connect(p->socket, kt_buf_z(&endpoint)) != 0)
        return fail_zmq(err, "probe");
    return KT_OK;
}

/* What became of the stranger's handshake, 0: nothing yet. */
static unsigned probe_event(struct probe *p)
{
    zmq_msg_t msg;
    uint16_t event = 0;

    if (receive(p->monitor, &msg, NULL) != KT_OK)
        return 0;
    if (zmq_msg_size(&msg) >= sizeof event)
        memcpy(&event, zmq_msg_data(&msg), sizeof event);
    drop_rest(p->monitor, &msg);
    (void)zmq_msg_close(&msg);
    return event;
}

/* N2: a key that nobody has must be refused, by our handler and with its word. */
static enum kt_status prove_refusal(struct kt_net_server *s, struct kt_error *err)
{
    KT_CLEANUP(probe_done) struct probe p = { 0 };
    enum kt_status st = probe_open(&p, s, err);
    if (st != KT_OK)
        return st;

    unsigned event = 0;
    kt_time_ns deadline = kt_clock_real.mono(NULL) + PROBE_MS * KT_NS_MS;
    while (event == 0) {
        kt_time_ns left = deadline - kt_clock_real.mono(NULL);
        if (left <= 0)
            return kt_fail(err, KT_E_DENIED, "no answer to a throw-away key within %d ms",
                           PROBE_MS);
        zmq_pollitem_t items[2 + FDS_MAX] = {
            { .socket = s->zap, .events = ZMQ_POLLIN },
            { .socket = p.monitor, .events = ZMQ_POLLIN },
        };
        if ((st = poll_all(items, 2, NULL, 0, (int)(left / KT_NS_MS) + 1, err)) != KT_OK)
            return st;
        serve_zap(s);
        event = probe_event(&p);
    }
    if (event != ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || s->counts.refused == 0)
        return kt_fail(err, KT_E_DENIED, "a throw-away key was not refused by the allow-list");
    s->counts =
        (struct kt_net_counts){ .accepted = s->counts.accepted, .refused = s->counts.refused - 1 };
    return KT_OK;
}

enum kt_status kt_net_server_open(const struct kt_net_server_options *o, struct kt_net_server **ret,
                                  struct kt_error *err)
{
    enum kt_status st = check_endpoint(o->endpoint, err);
    if (st == KT_OK)
        st = check_files(err);
    if (st != KT_OK)
        return st;

    struct kt_net_server *s = kt_alloc(sizeof *s);
    s->o = *o;
    s->context = zmq_ctx_new();
    if (s->context == NULL || (s->zap = zmq_socket(s->context, ZMQ_REP)) == NULL ||
        set_all(s->zap, &(struct setting){ ZMQ_LINGER, 0 }, 1, NULL) != KT_OK ||
        zmq_bind(s->zap, "inproc://zeromq.zap.01") != 0)
        st = fail_zmq(err, "authentication handler");
    if (st == KT_OK && (st = open_router(s, err)) == KT_OK)
        st = prove_refusal(s, err);
    if (st != KT_OK) {
        kt_net_server_free(s);
        return kt_wrap(err, "listen");
    }
    *ret = s;
    return KT_OK;
}

void kt_net_server_free(struct kt_net_server *s)
{
    if (s == NULL)
        return;
    close_socket(&s->router);
    close_socket(&s->zap);
    close_context(&s->context);
    kt_free(s);
}

const char *kt_net_server_endpoint(const struct kt_net_server *s)
{
    return s->endpoint;
}

struct kt_net_counts kt_net_server_counts(const struct kt_net_server *s)
{
    return s->counts;
}

/* ---- server: messages ---- */

/* ZeroMQ's own routing ids: a zero and four bytes. Others are of a peer that set one itself. */
static bool read_peer(zmq_msg_t *id, struct kt_net_peer *ret)
{
    const uint8_t *at = zmq_msg_data(id);
    size_t n = zmq_msg_size(id);

    if (n != 5 || at[0] != 0)
        return false;
    *ret = (struct kt_net_peer){ .len = (uint8_t)n };
    memcpy(ret->id, at, n);
    return true;
}

/* The routing id frame is read; takes the body. False: dropped, it has no identity or not the form
 * that agents send. */
static bool take_body(struct kt_net_server *s, zmq_msg_t *id, struct kt_net_msg *ret)
{
    struct kt_net_peer from;
    zmq_msg_t *body = kt_alloc(sizeof *body);

    if (zmq_msg_more(id) == 0 || receive(s->router, body, NULL) != KT_OK) {
        kt_free(body);
        return false;
    }
    const char *user_id = zmq_msg_gets(body, "User-Id");
    if (zmq_msg_more(body) != 0 || user_id == NULL || user_id[0] == '\0' || !read_peer(id, &from)) {
        drop_rest(s->router, body);
        (void)zmq_msg_close(body);
        kt_free(body);
        return false;
    }
    fill_message(ret, body, user_id);
    ret->from = from;
    return true;
}

enum kt_status kt_net_server_recv(struct kt_net_server *s, struct kt_net_msg *ret,
                                  struct kt_error *err)
{
    serve_zap(s);
    for (unsigned drops = 0; drops < DROPS_AT_ONCE; drops++) {
        zmq_msg_t id;
        enum kt_status st = receive(s->router, &id, err);
        if (st != KT_OK)
            return st;
        bool taken = take_body(s, &id, ret);
        (void)zmq_msg_close(&id);
        if (taken) {
            s->counts.messages++;
            s->counts.bytes_in += ret->body.len;
            return KT_OK;
        }
    }
    return kt_fail(err, KT_E_AGAIN, "nothing but messages without identity");
}

enum kt_status kt_net_server_send(struct kt_net_server *s, struct kt_net_peer to,
                                  struct kt_str body, struct kt_error *err)
{
    enum kt_status st = send_frame(s->router, to.id, to.len, ZMQ_SNDMORE, err);
    if (st == KT_OK)
        st = send_frame(s->router, body.at, body.len, 0, err);
    if (st == KT_OK)
        s->counts.bytes_out += body.len;
    return st;
}

enum kt_status kt_net_server_wait(struct kt_net_server *s, const int *fds, unsigned n,
                                  int timeout_ms, struct kt_error *err)
{
    zmq_pollitem_t items[2 + FDS_MAX] = {
        { .socket = s->router, .events = ZMQ_POLLIN },
        { .socket = s->zap, .events = ZMQ_POLLIN },
    };
    enum kt_status st = poll_all(items, 2, fds, n, timeout_ms, err);
    serve_zap(s);
    return st;
}

/* ---- client ---- */

struct kt_net_client {
    void *context, *dealer;
};

static enum kt_status open_dealer(struct kt_net_client *c, const struct kt_net_client_options *o,
                                  struct kt_error *err)
{
    const struct setting settings[] = {
        { ZMQ_RECONNECT_IVL, RECONNECT_MS },   { ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS },
        { ZMQ_CONNECT_TIMEOUT, HANDSHAKE_MS }, { ZMQ_SNDHWM, (int)o->queue },
        { ZMQ_RCVHWM, (int)o->queue },
    };
    const int64_t max = ANSWER_MAX;
    void *d = c->dealer = zmq_socket(c->context, ZMQ_DEALER);
    enum kt_status st;

    if (d == NULL)
        return fail_zmq(err, "socket");
    if ((st = set_all(d, common, KT_ARRAY_LEN(common), err)) != KT_OK ||
        (st = set_all(d, settings, KT_ARRAY_LEN(settings), err)) != KT_OK ||
        (st = set_bytes(d, ZMQ_MAXMSGSIZE, &max, sizeof max, err)) != KT_OK ||
        (st = set_bytes(d, ZMQ_CURVE_SERVERKEY, o->server_key, 32, err)) != KT_OK ||
        (st = set_bytes(d, ZMQ_CURVE_PUBLICKEY, o->keys->public_key, 32, err)) != KT_OK ||
        (st = set_bytes(d, ZMQ_CURVE_SECRETKEY, o->keys->secret_key, 32, err)) != KT_OK)
        return st;
    return zmq_connect(d, o->endpoint) == 0 ? KT_OK : fail_zmq(err, o->endpoint);
}

enum kt_status kt_net_client_open(const struct kt_net_client_options *o, struct kt_net_client **ret,
                                  struct kt_error *err)
{
    assert(o->queue > 0); /* 0 would mean without limit */
    enum kt_status st = check_endpoint(o->endpoint, err);
    if (st == KT_OK)
        st = check_files(err);
    if (st != KT_OK)
        return st;

    struct kt_net_client *c = kt_alloc(sizeof *c);
    c->context = zmq_ctx_new();
    st = c->context != NULL ? open_dealer(c, o, err) : fail_zmq(err, "context");
    if (st != KT_OK) {
        kt_net_client_free(c);
        return kt_wrap(err, "connect");
    }
    *ret = c;
    return KT_OK;
}

void kt_net_client_free(struct kt_net_client *c)
{
    if (c == NULL)
        return;
    close_socket(&c->dealer);
    close_context(&c->context);
    kt_free(c);
}

enum kt_status kt_net_client_send(struct kt_net_client *c, struct kt_str body, struct kt_error *err)
{
    return send_frame(c->dealer, body.at, body.len, 0, err);
}

enum kt_status kt_net_client_recv(struct kt_net_client *c, struct kt_net_msg *ret,
                                  struct kt_error *err)
{
    zmq_msg_t *body = kt_alloc(sizeof *body);
    enum kt_status st = receive(c->dealer, body, err);

    if (st != KT_OK) {
        kt_free(body);
        return st;
    }
    drop_rest(c->dealer, body); /* one frame a message: what follows is not of this wire */
    *ret = (struct kt_net_msg){ 0 };
    fill_message(ret, body, NULL);
    return KT_OK;
}

enum kt_status kt_net_client_wait(struct kt_net_client *c, const int *fds, unsigned n,
                                  int timeout_ms, struct kt_error *err)
{
    zmq_pollitem_t items[1 + FDS_MAX] = { { .socket = c->dealer, .events = ZMQ_POLLIN } };
    return poll_all(items, 1, fds, n, timeout_ms, err);
}
