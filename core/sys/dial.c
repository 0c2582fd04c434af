/*
 * dial: connections out that carry no HTTP. libcurl makes them (CURLOPT_CONNECT_ONLY), so that TLS,
 * its verification and the judgement of addresses are those of every other way out.
 *
 * Owns:  one curl handle with its connection, or one UDP socket. Calls: core/base, clock, http (the
 *        rule for addresses).
 * Holds: whatever fails ends the connection; the next call makes a new one.
 */
#include "core/sys/dial.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/buf.h"
#include "core/base/ip.h"
#include "core/sys/clock.h"
#include "core/sys/http_int.h"

enum { CONNECT_MS = 5000, HOST_MAX = 256, DRAIN_MS = 1, BURST = 32 << 10 };

enum way { WAY_TLS, WAY_TCP, WAY_UDP };
static const struct {
    const char *scheme;
    const char *curl_scheme; /* what curl shall speak below: with or without TLS */
    unsigned port;
} ways[] = {
    [WAY_TLS] = { "tls://", "https://", 6514 },
    [WAY_TCP] = { "tcp://", "http://", 514 },
    [WAY_UDP] = { "udp://", "http://", 514 },
};

struct kt_dial {
    enum way way;
    char *url; /* as curl is to see it: scheme, host and port */
    char *ca_file;
    struct kt_ip ip; /* UDP */
    uint16_t port;
    bool allow_private;
    int wake_fd;
    CURL *easy;   /* connected, or NULL */
    int udp;      /* socket, or -1 */
    size_t burst; /* bytes of datagrams since the last rest */
    char refused[128];
    char detail[CURL_ERROR_SIZE];
};

static kt_time_ns now(void)
{
    return kt_clock_real.mono(kt_clock_real.self);
}

static bool woken(const struct kt_dial *d)
{
    struct pollfd fd = { .fd = d->wake_fd, .events = POLLIN };
    return d->wake_fd >= 0 && poll(&fd, 1, 0) > 0;
}

/* ---- where to ---- */

static const char *judge(const struct kt_dial *d, struct kt_ip ip)
{
    if (d->way != WAY_TLS && kt_ip_class(ip) != KT_IP_LOOPBACK)
        return "not loopback, and without TLS";
    return kt_http_judge_ip(ip, d->allow_private, false);
}

/* Only where the setting would help. */
static const char *hint(const struct kt_dial *d, struct kt_ip ip)
{
    bool own = d->way == WAY_TLS || kt_ip_class(ip) == KT_IP_LOOPBACK;
    return own && !d->allow_private && kt_http_judge_ip(ip, true, false) == NULL
               ? "; allow_private is not set"
               : "";
}

static curl_socket_t open_socket(void *self, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct kt_dial *d = self;
    struct kt_ip ip;
    char text[KT_IP_TEXT_MAX];
    (void)purpose;
    if (!kt_http_socket_ip(&a->addr, &ip))
        return CURL_SOCKET_BAD;
    const char *bad = judge(d, ip);
    if (bad != NULL) {
        KT_CLEANUP(kt_buf_done) struct kt_buf why = { 0 };
        kt_buf_addf(&why, "%s (%s)%s", kt_ip_format(ip, text), bad, hint(d, ip));
        kt_str_copyz(d->refused, sizeof d->refused, kt_buf_str(&why));
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void url_free(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void text_free(char **text)
{
    curl_free(*text);
}

/* Host and port alone: what else a URL may have makes no sense here. */
static enum kt_status take_host(struct kt_dial *d, CURLU *u, struct kt_error *err)
{
    static const CURLUPart others[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
                                        CURLUPART_FRAGMENT };
    KT_CLEANUP(text_free) char *host = NULL;
    KT_CLEANUP(text_free) char *port = NULL;
    KT_CLEANUP(text_free) char *path = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf url = { 0 };
    uint64_t number = ways[d->way].port;
    if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || strlen(host) >= HOST_MAX)
        return kt_fail(err, KT_E_CONFIG, "URL: it needs a host");
    for (size_t i = 0; i < KT_ARRAY_LEN(others); i++) {
        KT_CLEANUP(text_free) char *other = NULL;
        if (curl_url_get(u, others[i], &other, 0) == CURLUE_OK)
            return kt_fail(err, KT_E_CONFIG, "URL: it has a host and a port, nothing else");
    }
    if (curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") != 0)
        return kt_fail(err, KT_E_CONFIG, "URL: it has a host and a port, no path");
    if (curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK &&
        !kt_str_u64(kt_str_of(port), &number))
        return kt_fail(err, KT_E_CONFIG, "URL: '%s' is no port", port);
    struct kt_str bare = kt_str_of(host);
    if (bare.len > 2 && bare.at[0] == '[')
        bare = kt_str_sub(bare, 1, bare.len - 2);
    bool numeric = kt_ip_parse(bare, &d->ip);
    if (numeric && judge(d, d->ip) != NULL)
        return kt_fail(err, KT_E_CONFIG, "URL: address %s is %s%s", host, judge(d, d->ip),
                       hint(d, d->ip));
    if (d->way == WAY_UDP && !numeric)
        return kt_fail(err, KT_E_CONFIG, "URL: udp goes to a loopback address in numbers");
    d->port = (uint16_t)number;
    kt_buf_addf(&url, "%s%s:%u", ways[d->way].curl_scheme, host, (unsigned)d->port);
    d->url = kt_str_dup(kt_buf_str(&url));
    return KT_OK;
}

static enum kt_status take_url(struct kt_dial *d, struct kt_str url, struct kt_error *err)
{
    KT_CLEANUP(url_free) CURLU *u = curl_url();
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    size_t way = 0;
    assert(u != NULL);
    while (way < KT_ARRAY_LEN(ways) && !kt_str_starts(url, kt_str_of(ways[way].scheme)))
        way++;
    if (way == KT_ARRAY_LEN(ways))
        return kt_fail(err, KT_E_CONFIG,
                       "URL: write tls://host:6514, or tcp:// or udp:// and a loopback address");
    d->way = (enum way)way;
    kt_buf_addz(&text, "dial://"); /* a scheme without a port of its own */
    kt_buf_add(&text, kt_str_from_index(url, strlen(ways[way].scheme)));
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, kt_buf_z(&text), CURLU_NON_SUPPORT_SCHEME);
    if (rc != CURLUE_OK)
        return kt_fail(err, KT_E_CONFIG, "URL: %s", curl_url_strerror(rc));
    return take_host(d, u, err);
}

/* ---- connecting ---- */

static void hang_up(struct kt_dial *d)
{
    curl_easy_cleanup(d->easy);
    d->easy = NULL;
    if (d->udp >= 0)
        (void)close(d->udp);
    d->udp = -1;
}

static int on_progress(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t e)
{
    (void)a;
    (void)b;
    (void)c;
    (void)e;
    return woken(self) ? 1 : 0;
}

static CURLcode set_up(struct kt_dial *d)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        { CURLOPT_CONNECT_ONLY, 1 },   { CURLOPT_SSL_ENABLE_ALPN, 0 },
        { CURLOPT_NETRC, 0 },          { CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS },
        { CURLOPT_NOSIGNAL, 1 },       { CURLOPT_SSL_VERIFYPEER, 1 },
        { CURLOPT_SSL_VERIFYHOST, 2 }, { CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
        { CURLOPT_NOPROGRESS, 0 },     { CURLOPT_TCP_KEEPALIVE, 1 },
    };
    CURLcode rc = CURLE_OK;
    for (size_t i = 0; i < KT_ARRAY_LEN(numbers) && rc == CURLE_OK; i++)
        rc = curl_easy_setopt(d->easy, numbers[i].option, numbers[i].value);
    if (rc != CURLE_OK || (rc = curl_easy_setopt(d->easy, CURLOPT_URL, d->url)) != CURLE_OK ||
        (rc = curl_easy_setopt(d->easy, CURLOPT_PROXY, "")) != CURLE_OK ||
        (d->ca_file != NULL &&
         (rc = curl_easy_setopt(d->easy, CURLOPT_CAINFO, d->ca_file)) != CURLE_OK) ||
        (rc = curl_easy_setopt(d->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket)) != CURLE_OK ||
        (rc = curl_easy_setopt(d->easy, CURLOPT_OPENSOCKETDATA, d)) != CURLE_OK ||
        (rc = curl_easy_setopt(d->easy, CURLOPT_XFERINFOFUNCTION, on_progress)) != CURLE_OK ||
        (rc = curl_easy_setopt(d->easy, CURLOPT_XFERINFODATA, d)) != CURLE_OK)
        return rc;
    return curl_easy_setopt(d->easy, CURLOPT_ERRORBUFFER, d->detail);
}

static enum kt_status connect_stream(struct kt_dial *d, struct kt_error *err)
{
    d->detail[0] = d->refused[0] = '\0';
    d->easy = curl_easy_init();
    assert(d->easy != NULL); /* memory */
    CURLcode rc = set_up(d);
    if (rc == CURLE_OK)
        rc = curl_easy_perform(d->easy);
    if (rc == CURLE_OK)
        return KT_OK;
    hang_up(d);
    if (rc == CURLE_ABORTED_BY_CALLBACK)
        return kt_fail(err, KT_E_AGAIN, "told to stop");
    if (d->refused[0] != '\0')
        return kt_fail(err, KT_E_CONFIG, "address refused: %s", d->refused);
    return kt_fail(err, KT_E_IO, "%s", d->detail[0] != '\0' ? d->detail : curl_easy_strerror(rc));
}

static enum kt_status connect_datagrams(struct kt_dial *d, struct kt_error *err)
{
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(d->port) };
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(d->port) };
    bool v4 = kt_ip_is_v4(d->ip);
    memcpy(&six.sin6_addr, d->ip.at, sizeof six.sin6_addr);
    memcpy(&four.sin_addr, d->ip.at + 12, sizeof four.sin_addr);
    d->udp = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (d->udp < 0)
        return kt_fail_errno(err, "socket");
    if (connect(d->udp, v4 ? (const struct sockaddr *)&four : (const struct sockaddr *)&six,
                v4 ? sizeof four : sizeof six) == 0)
        return KT_OK;
    enum kt_status st = kt_fail_errno(err, "connect");
    hang_up(d);
    return st;
}

/* ---- sending ---- */

static int socket_of(const struct kt_dial *d)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    (void)curl_easy_getinfo(d->easy, CURLINFO_ACTIVESOCKET, &fd);
    return fd;
}

/* A receiver says nothing: what it sends is dropped, its end is noticed. */
static bool stands(struct kt_dial *d)
{
    char drop[4096];
    size_t n = 0;
    CURLcode rc;
    while ((rc = curl_easy_recv(d->easy, drop, sizeof drop, &n)) == CURLE_OK && n > 0)
        ;
    return rc == CURLE_AGAIN;
}

/* Bytes that the other kernel has not confirmed yet; -1: the connection is gone. */
static int waiting(const struct kt_dial *d)
{
    int left = 0, fd = socket_of(d);
    return fd < 0 || ioctl(fd, SIOCOUTQ, &left) != 0 ? -1 : left;
}

static enum kt_status give_up(struct kt_dial *d, struct kt_error *err)
{
    bool stop = woken(d);
    hang_up(d);
    return kt_fail(err, KT_E_AGAIN, "%s", stop ? "told to stop" : "not taken in time");
}

/* Until the socket can do something, something wakes us, or a moment is over. */
static void rest(const struct kt_dial *d, short events, int ms)
{
    struct pollfd fds[] = { { .fd = events != 0 ? socket_of(d) : -1, .events = events },
                            { .fd = d->wake_fd, .events = POLLIN } };
    (void)poll(fds, 2, ms);
}

static enum kt_status write_all(struct kt_dial *d, struct kt_str data, kt_time_ns until,
                                struct kt_error *err)
{
    while (data.len > 0) {
        size_t n = 0;
        CURLcode rc = curl_easy_send(d->easy, data.at, data.len, &n);
        if (rc == CURLE_OK) {
            data = kt_str_from_index(data, n);
            continue;
        }
        if (rc != CURLE_AGAIN) {
            hang_up(d);
            return kt_fail(err, KT_E_IO, "the connection broke: %s", curl_easy_strerror(rc));
        }
        if (woken(d) || now() > until)
            return give_up(d, err);
        rest(d, POLLOUT, 100);
    }
    return KT_OK;
}

static enum kt_status drain(struct kt_dial *d, kt_time_ns until, struct kt_error *err)
{
    int left;
    while ((left = waiting(d)) > 0) {
        if (woken(d) || now() > until)
            return give_up(d, err);
        rest(d, 0, DRAIN_MS);
    }
    if (left == 0 && stands(d))
        return KT_OK;
    hang_up(d);
    return kt_fail(err, KT_E_IO, "the receiver closed the connection");
}

static enum kt_status send_datagram(struct kt_dial *d, struct kt_str data, struct kt_error *err)
{
    enum kt_status st = d->udp >= 0 ? KT_OK : connect_datagrams(d, err);
    if (st != KT_OK)
        return st;
    if (send(d->udp, data.at, data.len, MSG_NOSIGNAL) == (ssize_t)data.len) {
        d->burst += data.len;
        if (d->burst > BURST) { /* what a receiver's buffer has no room for is dropped */
            (void)poll(NULL, 0, DRAIN_MS);
            d->burst = 0;
        }
        return KT_OK;
    }
    st = kt_fail_errno(err, "send");
    hang_up(d);
    return st;
}

enum kt_status kt_dial_send(struct kt_dial *d, struct kt_str data, kt_time_ns limit,
                            struct kt_error *err)
{
    kt_time_ns until = now() + limit;
    if (d->way == WAY_UDP)
        return send_datagram(d, data, err);
    if (d->easy != NULL && !stands(d))
        hang_up(d);
    enum kt_status st = d->easy != NULL ? KT_OK : connect_stream(d, err);
    if (st == KT_OK)
        st = write_all(d, data, until, err);
    if (st == KT_OK)
        st = drain(d, until, err);
    return st;
}

/* ---- life ---- */

enum kt_status kt_dial_new(const struct kt_dial_options *o, struct kt_dial **ret,
                           struct kt_error *err)
{
    struct kt_dial *d = kt_alloc(sizeof *d);
    CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT); /* counted by curl */
    assert(rc == CURLE_OK);
    d->udp = -1;
    d->wake_fd = o->wake_fd;
    d->allow_private = o->allow_private;
    if (o->ca_file != NULL && o->ca_file[0] != '\0')
        d->ca_file = kt_str_dup(kt_str_of(o->ca_file));
    enum kt_status st = take_url(d, o->url, err);
    if (st != KT_OK) {
        kt_dial_free(d);
        return st;
    }
    *ret = d;
    return KT_OK;
}

void kt_dial_free(struct kt_dial *d)
{
    if (d == NULL)
        return;
    hang_up(d);
    kt_free(d->url);
    kt_free(d->ca_file);
    kt_free(d);
    curl_global_cleanup();
}

bool kt_dial_is_datagram(const struct kt_dial *d)
{
    return d->way == WAY_UDP;
}
