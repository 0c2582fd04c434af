/*
 * conns: connections: how many, of whom, and for how long without a request.
 *
 * Owns:  the places of connections.
 * Calls: libmicrohttpd, sockets.
 * Holds: whoever says nothing, or says it slowly, costs others nothing (THREATS W5): a connection
 *        that waits is ended by time, and before that when others want its place.
 */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "dashboards/server/server_int.h"

#define PER_ADDRESS 64u /* of those that are not this host's: behind loopback may be a proxy */
#define LEAST       (64u << 10) /* bytes of an answer that the other end takes in LOOK_EACH */
#define LOOK_EACH   (30 * KT_NS_S)
#define SLOW        (10 * KT_NS_S) /* who takes longer for an answer may have to make room */
#define CROWDED     1000u          /* from here on, who waits longest goes when another comes */

static const kt_time_ns patience[] = {
    [KT_WEB_IDLE] = 30 * KT_NS_S,  [KT_WEB_HEAD] = 10 * KT_NS_S, [KT_WEB_BODY] = 20 * KT_NS_S,
    [KT_WEB_SEND] = 5 * KT_NS_MIN, [KT_WEB_BUSY] = INT64_MAX, /* calls have their deadline,
                                                                 downloads the daemon's time limit
                                                               */
    [KT_WEB_CUT] = INT64_MAX,
};

static bool address_of(const struct sockaddr *from, socklen_t size, struct kt_ip *ret)
{
    *ret = (struct kt_ip){ { 0 } };
    if (from == NULL || size < sizeof from->sa_family)
        return false;
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)from;
        ret->at[10] = ret->at[11] = 0xFF;
        memcpy(ret->at + 12, &a->sin_addr, 4);
        return true;
    }
    if (from->sa_family != AF_INET6)
        return false;
    const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)from;
    memcpy(ret->at, &a->sin6_addr, 16);
    return true;
}

static bool is_proxy(const struct kt_web_server *s, struct kt_ip ip)
{
    for (unsigned i = 0; i < s->o.n_proxies; i++)
        if (kt_cidr_has(s->o.proxies[i], ip))
            return true;
    return false;
}

/* Others than this host come with TLS or through a proxy (THREATS W1). */
enum MHD_Result kt_web_may_connect(void *self, const struct sockaddr *from, socklen_t size)
{
    const struct kt_web_server *s = self;
    struct kt_ip ip;
    unsigned n = 0;
    if (!address_of(from, size, &ip) || kt_ip_class(ip) == KT_IP_LOOPBACK)
        return MHD_YES;
    if (s->o.cert == NULL && !is_proxy(s, ip))
        return MHD_NO;
    for (unsigned i = 0; i < KT_WEB_CONNECTIONS; i++)
        n += s->conn[i].fd >= 0 && !s->conn[i].is_unix && kt_ip_eq(s->conn[i].ip, ip);
    return n < PER_ADDRESS ? MHD_YES : MHD_NO;
}

/* Its end is seen by the daemon, which closes it. */
static void cut(struct kt_web_conn *c)
{
    (void)shutdown(c->fd, SHUT_RDWR);
    c->phase = KT_WEB_CUT;
}

static void cut_oldest(struct kt_web_server *s)
{
    struct kt_web_conn *oldest = NULL;
    for (unsigned i = 0; i < KT_WEB_CONNECTIONS; i++) {
        struct kt_web_conn *c = &s->conn[i];
        bool may =
            c->phase < KT_WEB_SEND || (c->phase == KT_WEB_SEND && kt_web_mono(s) - c->since > SLOW);
        if (c->fd >= 0 && may && (oldest == NULL || c->since < oldest->since))
            oldest = c;
    }
    if (oldest != NULL)
        cut(oldest);
}

static struct kt_web_conn *place(struct kt_web_server *s)
{
    for (unsigned i = 0; i < KT_WEB_CONNECTIONS; i++)
        if (s->conn[i].fd < 0)
            return &s->conn[i];
    return NULL;
}

void kt_web_connected(void *self, struct MHD_Connection *c, void **of_conn,
                      enum MHD_ConnectionNotificationCode what)
{
    struct kt_web_server *s = self;
    struct kt_web_conn *conn = *of_conn;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (conn != NULL) {
            conn->fd = -1;
            s->n_conn--;
        }
        return;
    }
    if (s->n_conn >= CROWDED)
        cut_oldest(s);
    conn = place(s);
    if (conn == NULL)
        return; /* kt_web_first_line refuses what has none */
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *from =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    *conn = (struct kt_web_conn){ .fd = fd->connect_fd,
                                  .is_unix = s->is_unix,
                                  .since = kt_web_mono(s) };
    if (!s->is_unix)
        (void)address_of(from->client_addr, (socklen_t)sizeof(struct sockaddr_storage), &conn->ip);
    s->n_conn++;
    *of_conn = conn;
}

/* Bytes that the other end has acknowledged (tcp(7), Linux 4.1 and later); false: not of a Unix
 * socket, whose other end is a proxy of this host. */
static bool taken_of(const struct kt_web_conn *c, uint64_t *ret)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;
    if (c->is_unix || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return false;
    *ret = info.tcpi_bytes_acked;
    return true;
}

/* An answer that trickles away holds a connection and its memory. */
static bool trickles(struct kt_web_conn *c, kt_time_ns now)
{
    uint64_t taken;
    if (c->phase != KT_WEB_SEND || now - c->looked < LOOK_EACH || !taken_of(c, &taken))
        return false;
    bool slow = taken - c->taken < LEAST;
    c->taken = taken;
    c->looked = now;
    return slow;
}

void kt_web_conn_phase(struct kt_web_server *s, struct kt_web_conn *conn, enum kt_web_phase phase)
{
    if (conn == NULL || conn->phase == KT_WEB_CUT)
        return;
    conn->phase = phase;
    conn->since = conn->looked = kt_web_mono(s);
    if (phase == KT_WEB_SEND && !taken_of(conn, &conn->taken))
        conn->taken = 0;
}

void kt_web_conn_cut(struct kt_web_server *s)
{
    kt_time_ns now = kt_web_mono(s);
    for (unsigned i = 0; i < KT_WEB_CONNECTIONS; i++) {
        struct kt_web_conn *c = &s->conn[i];
        if (c->fd >= 0 && (now - c->since > patience[c->phase] || trickles(c, now)))
            cut(c);
    }
}
