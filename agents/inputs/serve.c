/*
 * serve: an HTTP or HTTPS listener on threads of its own.
 *
 * Owns:  the daemon, the requests under way. Calls: core/base, zlib's streams through
 * core/base/zip. Holds: a request is counted twice, by the daemon and by the row that is taken
 * from, and freed by whoever lets go last. Who may not write is told so before a body is kept, but
 * for an HMAC, which is over the body. Secrets are compared in constant time.
 */
#include "agents/inputs/serve.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "core/sys/clock.h"

#define THREADS_MAX   64u       /* connections at once */
#define PER_ADDRESS   32u       /* of them, from one address */
#define BODY_NS       KT_NS_MIN /* a body is here by then */
#define TIMESTAMP_MAX 64u       /* of a header that stands before the key of an HMAC */
#define KEY_MAX       4096u     /* of that key */
#define TIMEOUT_S     10u       /* of a silent connection */

struct kt_served {
    struct kt_served *next; /* in the row */
    struct MHD_Connection *connection;
    struct kt_buf body;
    struct kt_gunzip *gunzip; /* while the body comes */
    unsigned status;          /* 0 = not answered yet */
    unsigned refs;
    kt_time_ns began, came;
    size_t received, held; /* held: of s->gathering */
    bool suspended, complete, late, too_large, broken;
};
struct kt_serve {
    struct MHD_Daemon *daemon;
    char *cert, *key, *path, *token, *token_header, *hmac_key, *hmac_header, *hmac_timestamp_header;
    struct kt_cidr *allow;
    unsigned n_allow;
    size_t body_max, room;
    kt_time_ns patience;
    int ready;
    pthread_t watch; /* answers those who have waited too long */
    bool watching;

    pthread_mutex_t lock; /* guards all below, and the requests */
    pthread_cond_t changed;
    struct kt_served *first, **last; /* to be taken */
    struct kt_served *hung[THREADS_MAX];
    struct kt_serve_counts counts;
    size_t gathering; /* bytes of bodies that are not whole yet */
    bool quit;
};

/* ---- requests ---- */

/* With the lock. */
static void drop(struct kt_served *r)
{
    if (--r->refs > 0)
        return;
    kt_gunzip_free(r->gunzip);
    kt_buf_done(&r->body);
    kt_free(r);
}

/* With the lock: what the client is told; the first word counts. */
static void decide(struct kt_serve *s, struct kt_served *r, unsigned status)
{
    if (r->status != 0)
        return;
    r->status = status;
    if (!r->suspended)
        return;
    r->suspended = false;
    for (size_t i = 0; i < THREADS_MAX; i++)
        if (s->hung[i] == r)
            s->hung[i] = NULL;
    MHD_resume_connection(r->connection);
}

/* With the lock: the first of the row, out of it; NULL: it is empty. */
static struct kt_served *unlink_first(struct kt_serve *s)
{
    struct kt_served *r = s->first;
    if (r == NULL)
        return NULL;
    s->first = r->next;
    s->last = s->first == NULL ? &s->first : s->last;
    s->counts.waiting -= r->body.len;
    return r;
}

bool kt_serve_take(struct kt_serve *s, struct kt_served **ret, struct kt_str *ret_body)
{
    uint64_t n;
    struct kt_served *r;
    (void)pthread_mutex_lock(&s->lock);
    while ((r = unlink_first(s)) != NULL && r->status != 0)
        drop(r); /* it was told 503 and comes again */
    if (r != NULL)
        s->counts.taken++;
    else
        (void)!read(s->ready, &n, sizeof n);
    (void)pthread_mutex_unlock(&s->lock);
    if (r == NULL)
        return false;
    *ret = r;
    *ret_body = kt_buf_str(&r->body);
    return true;
}

void kt_serve_answer(struct kt_serve *s, struct kt_served *r, unsigned status)
{
    (void)pthread_mutex_lock(&s->lock);
    decide(s, r, status);
    drop(r);
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- who may ---- */

static bool same(struct kt_str a, struct kt_str b)
{
    return a.len == b.len && kt_equal_secret(a.at, b.at, a.len);
}

static bool token_is_right(const struct kt_serve *s, struct MHD_Connection *c)
{
    struct kt_str given =
        kt_str_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, s->token_header));
    struct kt_str want = kt_str_of(s->token);
    if (same(given, want))
        return true;
    return kt_str_starts(given, KT_STR("Bearer ")) && same(kt_str_from_index(given, 7), want);
}

static struct kt_str header(const struct kt_served *r, const char *name)
{
    return kt_str_of(MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name));
}

/* The key, behind the value of a header where one is named. */
static bool hmac_of(const struct kt_serve *s, const struct kt_served *r, uint8_t ret[32])
{
    char key[TIMESTAMP_MAX + KEY_MAX];
    struct kt_str before = KT_STR_NONE, own = kt_str_of(s->hmac_key);
    const struct kt_str body = kt_buf_str(&r->body);
    if (s->hmac_timestamp_header != NULL)
        before = header(r, s->hmac_timestamp_header);
    if (before.len > TIMESTAMP_MAX || own.len > KEY_MAX)
        return false;
    if (before.len > 0)
        memcpy(key, before.at, before.len);
    memcpy(key + before.len, own.at, own.len);
    kt_hmac_sha256(kt_str_from(key, before.len + own.len), &body, 1, ret);
    kt_wipe(key, sizeof key);
    return true;
}

static bool hmac_is_right(const struct kt_serve *s, const struct kt_served *r)
{
    struct kt_str given = header(r, s->hmac_header);
    uint8_t want[32], got[32];
    if (kt_str_starts(given, KT_STR("sha256=")))
        given = kt_str_from_index(given, 7);
    if (!hmac_of(s, r, want))
        return false;
    return kt_hex_decode(given, got, sizeof got) && kt_equal_secret(got, want, sizeof got);
}

static enum MHD_Result may_connect(void *self, const struct sockaddr *from, socklen_t size)
{
    struct kt_serve *s = self;
    char text[INET6_ADDRSTRLEN];
    struct kt_ip ip;
    const void *at =
        from->sa_family == AF_INET
            ? (const void *)&((const struct sockaddr_in *)(const void *)from)->sin_addr
            : (const void *)&((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
    (void)size;
    if (inet_ntop(from->sa_family, at, text, sizeof text) == NULL ||
        !kt_ip_parse(kt_str_of(text), &ip))
        return MHD_NO;
    bool good = s->n_allow == 0 || kt_ip_class(ip) == KT_IP_LOOPBACK;
    for (unsigned i = 0; i < s->n_allow && !good; i++)
        good = kt_cidr_has(s->allow[i], ip);
    if (good)
        return MHD_YES;
    (void)pthread_mutex_lock(&s->lock);
    s->counts.denied++;
    (void)pthread_mutex_unlock(&s->lock);
    return MHD_NO;
}

static struct kt_str encoding(struct MHD_Connection *c)
{
    return kt_str_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Encoding"));
}

static bool is_gzip(struct kt_str how)
{
    return kt_str_eq_nocase(how, KT_STR("gzip")) || kt_str_eq_nocase(how, KT_STR("x-gzip"));
}

/* 0: what the head says is fine. */
static unsigned judge_head(struct kt_serve *s, struct MHD_Connection *c, const char *url,
                           const char *method)
{
    if (s->path != NULL && strcmp(url, s->path) != 0)
        return 404;
    if (strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0)
        return 405;
    if (s->token != NULL && !token_is_right(s, c))
        return 401;
    struct kt_str how = encoding(c);
    if (how.len > 0 && !is_gzip(how) && !kt_str_eq_nocase(how, KT_STR("identity")))
        return 415;
    return 0;
}

/* ---- the body ---- */

static enum kt_status take_piece(void *self, struct kt_str piece, struct kt_error *err)
{
    struct kt_served *r = self;
    if (r->too_large)
        return kt_fail(err, KT_E_LIMIT, "too large");
    kt_buf_add(&r->body, piece);
    return KT_OK;
}

/* A body may be packed; its limit is what it unpacks to. */
static void gather(struct kt_serve *s, struct kt_served *r, struct kt_str bytes)
{
    while (bytes.len > 0 && !r->too_large && !r->broken) {
        struct kt_str part = kt_str_sub(bytes, 0, 4096); /* it may grow a thousandfold */
        bytes = kt_str_from_index(bytes, part.len);
        if (r->gunzip == NULL)
            kt_buf_add(&r->body, part);
        else
            r->broken = kt_gunzip_feed(r->gunzip, part, take_piece, r, NULL) != KT_OK;
        r->too_large = r->body.len > s->body_max;
    }
}

static struct kt_served *begin(struct MHD_Connection *c)
{
    struct kt_served *r = kt_alloc(sizeof *r);
    r->connection = c;
    r->refs = 1;
    r->began = kt_clock_real.mono(NULL);
    if (is_gzip(encoding(c)))
        r->gunzip = kt_gunzip_new();
    return r;
}

/* With the lock: the body waits to be taken, the connection for its answer. */
static unsigned hang(struct kt_serve *s, struct kt_served *r)
{
    size_t place = 0;
    const uint64_t one = 1;
    while (place < THREADS_MAX && s->hung[place] != NULL)
        place++;
    if (s->quit || place == THREADS_MAX || s->counts.waiting + r->body.len > s->room) {
        s->counts.shed++;
        return 503;
    }
    s->hung[place] = r;
    r->came = kt_clock_real.mono(NULL);
    r->refs++;
    r->next = NULL;
    *s->last = r;
    s->last = &r->next;
    s->counts.waiting += r->body.len;
    r->suspended = true;
    MHD_suspend_connection(r->connection);
    (void)!write(s->ready, &one, sizeof one);
    return 0;
}

/* The whole body is here. 0: it waits. */
static unsigned judge_body(struct kt_serve *s, struct kt_served *r)
{
    unsigned status = r->too_large ? 413 : r->broken ? 400 : 0;
    if (status == 0 && r->gunzip != NULL && kt_gunzip_end(r->gunzip, NULL) != KT_OK)
        status = 400;
    if (status == 0 && s->hmac_key != NULL && !hmac_is_right(s, r))
        status = 401;
    kt_gunzip_free(r->gunzip);
    r->gunzip = NULL;
    (void)pthread_mutex_lock(&s->lock);
    s->gathering -= r->held;
    r->held = 0;
    s->counts.denied += status == 401;
    s->counts.too_large += status == 413;
    if (status == 0)
        status = hang(s, r);
    (void)pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- the daemon's calls ---- */

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status)
{
    static const char empty[] = "";
    struct MHD_Response *m =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t)empty, MHD_RESPMEM_PERSISTENT);
    if (m == NULL)
        return MHD_NO;
    if (status == 503)
        (void)MHD_add_response_header(m, "Retry-After", "2");
    enum MHD_Result rc = MHD_queue_response(c, status, m);
    MHD_destroy_response(m);
    return rc;
}

/* Counts what is gathered of the body; false: nothing more fits. */
static bool has_room(struct kt_serve *s, struct kt_served *r)
{
    (void)pthread_mutex_lock(&s->lock);
    s->gathering += r->body.len - r->held;
    r->held = r->body.len;
    bool room = s->gathering + s->counts.waiting <= s->room;
    s->counts.shed += !room;
    (void)pthread_mutex_unlock(&s->lock);
    return room;
}

/* Called with the head, with each piece of the body, at its end, and after a wait. */
static enum MHD_Result handle(void *self, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *piece,
                              size_t *size, void **of_request)
{
    struct kt_serve *s = self;
    struct kt_served *r = *of_request;
    (void)version;
    if (r == NULL) {
        unsigned status = judge_head(s, c, url, method);
        if (status == 401) {
            (void)pthread_mutex_lock(&s->lock);
            s->counts.denied++;
            (void)pthread_mutex_unlock(&s->lock);
        }
        if (status != 0)
            return reply(c, status);
        *of_request = begin(c);
        return MHD_YES;
    }
    if (*size > 0) {
        gather(s, r, kt_str_from(piece, *size));
        r->received += *size;
        *size = 0;
        bool slow = kt_clock_real.mono(NULL) - r->began > BODY_NS;
        bool endless = r->received / 2 > s->body_max;
        /* In the middle of a body no answer can be given: the connection ends. */
        return !slow && !endless && has_room(s, r) ? MHD_YES : MHD_NO;
    }
    (void)pthread_mutex_lock(&s->lock);
    bool complete = r->complete;
    unsigned status = r->status;
    r->complete = true;
    (void)pthread_mutex_unlock(&s->lock);
    if (!complete) {
        status = judge_body(s, r);
        if (status == 0)
            return MHD_YES; /* suspended */
    }
    return reply(c, status);
}

static void completed(void *self, struct MHD_Connection *c, void **of_request,
                      enum MHD_RequestTerminationCode why)
{
    struct kt_serve *s = self;
    struct kt_served *r = *of_request;
    (void)c;
    (void)why;
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->gathering -= r->held;
    r->held = 0;
    r->suspended = false;
    for (size_t i = 0; i < THREADS_MAX; i++)
        if (s->hung[i] == r)
            s->hung[i] = NULL;
    drop(r);
    (void)pthread_mutex_unlock(&s->lock);
    *of_request = NULL;
}

/* ---- those who have waited too long ---- */

/* With the lock: it was told to come again, and its body makes room. */
static void leave_row(struct kt_serve *s, struct kt_served *gone)
{
    for (struct kt_served **at = &s->first; *at != NULL; at = &(*at)->next) {
        if (*at != gone)
            continue;
        *at = gone->next;
        if (s->last == &gone->next)
            s->last = at;
        s->counts.waiting -= gone->body.len;
        drop(gone);
        return;
    }
}

static void *watch(void *self)
{
    struct kt_serve *s = self;
    (void)pthread_mutex_lock(&s->lock);
    while (!s->quit) {
        kt_time_ns now = kt_clock_real.mono(NULL);
        for (size_t i = 0; i < THREADS_MAX; i++) {
            struct kt_served *r = s->hung[i];
            if (r == NULL || now - r->came < s->patience)
                continue;
            s->counts.late++;
            decide(s, r, 503);
            leave_row(s, r);
        }
        kt_time_ns until = kt_clock_real.mono(NULL) + 50 * KT_NS_MS;
        const struct timespec t = { (time_t)(until / KT_NS_S), (long)(until % KT_NS_S) };
        (void)pthread_cond_timedwait(&s->changed, &s->lock, &t);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- life ---- */

static char *copy(struct kt_str s)
{
    return s.len > 0 ? kt_str_dup(s) : NULL;
}

static enum kt_status start(struct kt_serve *s, const struct kt_serve_options *o,
                            struct kt_error *err)
{
    bool v4 = kt_ip_is_v4(o->ip);
    struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(o->port) };
    struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(o->port) };
    memcpy(&a4.sin_addr, o->ip.at + 12, 4);
    memcpy(&a6.sin6_addr, o->ip.at, 16);
    const struct sockaddr *at = v4 ? (const struct sockaddr *)&a4 : (const struct sockaddr *)&a6;
    const struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, s->cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, s->key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0,
          (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
        { MHD_OPTION_END, 0, NULL },
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     (v4 ? 0 : MHD_USE_IPv6) | (s->cert != NULL ? MHD_USE_TLS : 0);
    sigset_t all, before;
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    s->daemon = MHD_start_daemon(
        flags, o->port, may_connect, s, handle, s, MHD_OPTION_SOCK_ADDR, at,
        MHD_OPTION_NOTIFY_COMPLETED, completed, s, MHD_OPTION_CONNECTION_LIMIT, THREADS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_PER_IP_CONNECTION_LIMIT, PER_ADDRESS,
        s->cert != NULL ? MHD_OPTION_ARRAY : MHD_OPTION_END, tls, MHD_OPTION_END);
    s->watching = s->daemon != NULL && pthread_create(&s->watch, NULL, watch, s) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (s->daemon == NULL)
        return kt_fail(err, KT_E_IO,
                       "the listener does not start: the address is taken, or certificate and key "
                       "do not fit");
    return s->watching ? KT_OK : kt_fail(err, KT_E_IO, "no thread could be started");
}

enum kt_status kt_serve_open(const struct kt_serve_options *o, struct kt_serve **ret,
                             struct kt_error *err)
{
    struct kt_serve *s = kt_alloc(sizeof *s);
    s->cert = copy(o->cert);
    s->key = copy(o->key);
    s->path = copy(o->path);
    s->token = copy(o->token);
    s->token_header = copy(o->token_header.len > 0 ? o->token_header : KT_STR("Authorization"));
    s->hmac_key = copy(o->hmac_key);
    s->hmac_header = copy(o->hmac_header);
    s->hmac_timestamp_header = copy(o->hmac_timestamp_header);
    s->n_allow = o->n_allow;
    s->allow = kt_alloc_array(o->n_allow + 1, sizeof *s->allow);
    for (unsigned i = 0; i < o->n_allow; i++)
        s->allow[i] = o->allow[i];
    s->body_max = o->body_max;
    s->room = o->room;
    s->patience = o->patience;
    s->last = &s->first;
    s->ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    (void)pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t steady; /* a clock that is set does not change how long somebody waits */
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &steady);
    (void)pthread_condattr_destroy(&steady);
    if (start(s, o, err) != KT_OK) {
        kt_serve_free(s);
        return KT_E_IO;
    }
    *ret = s;
    return KT_OK;
}

static void forget(char **secret)
{
    if (*secret != NULL)
        kt_wipe(*secret, strlen(*secret));
    kt_free(*secret);
}

void kt_serve_free(struct kt_serve *s)
{
    struct kt_served *r;
    struct kt_str body;
    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->quit = true;
    for (size_t i = 0; i < THREADS_MAX; i++)
        if (s->hung[i] != NULL)
            decide(s, s->hung[i], 503);
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    if (s->watching)
        (void)pthread_join(s->watch, NULL);
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon);
    while (kt_serve_take(s, &r, &body))
        kt_serve_answer(s, r, 503);
    (void)close(s->ready);
    char **const secrets[] = { &s->cert, &s->key, &s->token, &s->hmac_key };
    for (size_t i = 0; i < KT_ARRAY_LEN(secrets); i++)
        forget(secrets[i]);
    kt_free(s->path);
    kt_free(s->token_header);
    kt_free(s->hmac_header);
    kt_free(s->hmac_timestamp_header);
    kt_free(s->allow);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->changed);
    kt_free(s);
}

int kt_serve_fd(const struct kt_serve *s)
{
    return s->ready;
}

uint16_t kt_serve_port(const struct kt_serve *s)
{
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return i != NULL ? i->port : 0;
}

struct kt_serve_counts kt_serve_counts(struct kt_serve *s)
{
    (void)pthread_mutex_lock(&s->lock);
    struct kt_serve_counts c = s->counts;
    (void)pthread_mutex_unlock(&s->lock);
    return c;
}
