/*
 * http: requests out, with the rules of THREATS H1 and H2 and no way round them; mail too (mail.c).
 *
 * Owns:  one curl multi handle and its running transfers. Calls: core/base, clock.
 * Holds: the address is judged on the socket itself, after resolution. No connection is used twice:
 *        one that a target with allow_private made must not serve another target. The path and
 *        the query of a URL (a webhook's secret) are in no error text.
 */
#include "core/sys/http_int.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/sys/clock.h"

enum { CONNECT_MS = 5000, TOTAL_MS = 15000, MAIL_MS = 30000, HEADERS_MAX = 16384 };
#define RETRY_AFTER_MAX (1 * KT_NS_HOUR)

struct kt_http {
    CURLM *multi;
    struct kt_http_transfer *first;
    unsigned pending;
};

bool kt_http_socket_ip(const struct sockaddr *a, struct kt_ip *ret)
{
    char text[INET6_ADDRSTRLEN];
    const void *at;

    if (a->sa_family == AF_INET)
        at = &((const struct sockaddr_in *)(const void *)a)->sin_addr;
    else if (a->sa_family == AF_INET6)
        at = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    else
        return false;
    return inet_ntop(a->sa_family, at, text, sizeof text) != NULL &&
           kt_ip_parse(kt_str_of(text), ret); /* also brings mapped IPv4 to one form */
}

static curl_socket_t open_socket(void *self, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct kt_http_transfer *t = self;
    struct kt_ip ip;
    char text[KT_IP_TEXT_MAX];

    (void)purpose;
    if (!kt_http_socket_ip(&a->addr, &ip))
        return CURL_SOCKET_BAD;
    const char *bad = t->proxied ? kt_http_judge_ip(ip, true, false)
                      : t->metadata && kt_http_gives_credentials(ip)
                          ? NULL
                          : kt_http_judge_ip(ip, t->allow_private, t->plain);
    if (bad != NULL) {
        struct kt_buf why = { 0 };
        kt_buf_addf(&why, "%s (%s)", kt_ip_format(ip, text), bad);
        kt_str_copyz(t->refused, sizeof t->refused, kt_buf_str(&why));
        kt_buf_done(&why);
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- one transfer ---- */

/* Counted after decompression. One byte too many ends the transfer; what came is kept. */
static size_t take_body(char *at, size_t size, size_t n, void *self)
{
    struct kt_http_transfer *t = self;
    size_t got = size * n; /* size is 1, says curl */
    size_t room = t->reply_max - t->body.len;

    if (got <= room) {
        kt_buf_add_bytes(&t->body, at, got);
        return got;
    }
    kt_buf_add_bytes(&t->body, at, room);
    t->too_long = true;
    return 0;
}

/* Header lines of the answer, one a call, with their ends. */
static size_t take_header(char *at, size_t one, size_t n, void *self)
{
    struct kt_http_transfer *t = self;
    size_t got = one * n;
    struct kt_str value = kt_str_from(at, got), name;
    if (!kt_str_starts_nocase(value, kt_str_of(t->keep_headers)) ||
        !kt_str_split(&value, ':', &name) || t->kept.len + got + 2 > HEADERS_MAX)
        return got;
    for (size_t i = 0; i < name.len; i++)
        kt_buf_byte(&t->kept,
                    (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] + 32 : name.at[i]));
    kt_buf_addz(&t->kept, ": ");
    kt_buf_add(&t->kept, kt_str_trim(value));
    kt_buf_byte(&t->kept, '\n');
    return got;
}

static void transfer_free(struct kt_http_transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    kt_buf_done(&t->body);
    kt_buf_done(&t->kept);
    kt_buf_done(&t->message);
    kt_free(t);
}

static void add_header(struct kt_http_transfer *t, const char *line)
{
    struct curl_slist *more = curl_slist_append(t->headers, line);
    assert(more != NULL);
    t->headers = more;
}

static CURLcode set_numbers(CURL *e, const struct kt_http_request *r)
{
    long total = r->total > 0 ? (long)(r->total / KT_NS_MS) : r->mail != NULL ? MAIL_MS : TOTAL_MS;
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        { CURLOPT_FOLLOWLOCATION, 0 },
        { CURLOPT_NETRC, CURL_NETRC_IGNORED },
        { CURLOPT_CONNECTTIMEOUT_MS, r->mail != NULL ? total : CONNECT_MS }, /* with the login */
        { CURLOPT_TIMEOUT_MS, total },
        { CURLOPT_NOSIGNAL, 1 },
        { CURLOPT_SSL_VERIFYPEER, 1 },
        { CURLOPT_SSL_VERIFYHOST, 2 },
        { CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
        { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
        { CURLOPT_FRESH_CONNECT, 1 },
        { CURLOPT_FORBID_REUSE, 1 },
        { r->method == KT_HTTP_GET || r->mail != NULL ? CURLOPT_HTTPGET : CURLOPT_POST, 1 },
        { CURLOPT_HTTPPROXYTUNNEL, 1 },
        { CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
        { CURLOPT_PROXY_SSL_VERIFYPEER, 1 },
        { CURLOPT_PROXY_SSL_VERIFYHOST, 2 },
    };
    CURLcode rc = CURLE_OK;

    for (size_t i = 0; i < KT_ARRAY_LEN(numbers) && rc == CURLE_OK; i++)
        rc = curl_easy_setopt(e, numbers[i].option, numbers[i].value);
    return rc;
}

static CURLcode set_texts(CURL *e, const char *url, const struct kt_http_transfer *t,
                          const struct kt_http_request *r)
{
    const struct {
        CURLoption option;
        const char *value;
    } texts[] = {
        { CURLOPT_URL, url },
        { CURLOPT_PROTOCOLS_STR, t->plain ? "http" : "https" },
        { CURLOPT_PROXY, t->proxied ? r->proxy : "" }, /* never what the environment says */
        { CURLOPT_NOPROXY, "" },
        { CURLOPT_ACCEPT_ENCODING, r->raw ? NULL : "" },
        { CURLOPT_CUSTOMREQUEST, r->method == KT_HTTP_PUT ? "PUT" : NULL },
        { CURLOPT_USERAGENT, "keytrail/" KT_VERSION },
        { CURLOPT_CAINFO, r->ca_file },
        { CURLOPT_PROXY_CAINFO, r->ca_file },
    };
    CURLcode rc = CURLE_OK;

    for (size_t i = 0; i < KT_ARRAY_LEN(texts) && rc == CURLE_OK; i++)
        if (texts[i].value != NULL)
            rc = curl_easy_setopt(e, texts[i].option, texts[i].value);
    return rc;
}

static CURLcode set_up(struct kt_http_transfer *t, const char *url, const struct kt_http_request *r)
{
    CURL *e = t->easy;
    CURLcode rc;

    if ((rc = set_numbers(e, r)) != CURLE_OK || (rc = set_texts(e, url, t, r)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_WRITEDATA, t)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->detail)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_PRIVATE, t)) != CURLE_OK)
        return rc;
    if (r->mail != NULL)
        return kt_mail_set_up(t, r->mail, r->body);
    if ((rc = curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers)) != CURLE_OK ||
        (t->keep_headers != NULL &&
         ((rc = curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header)) != CURLE_OK ||
          (rc = curl_easy_setopt(e, CURLOPT_HEADERDATA, t)) != CURLE_OK)) ||
        r->method == KT_HTTP_GET)
        return rc;
    rc = curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    if (rc != CURLE_OK)
        return rc;
    return curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, r->body.len > 0 ? r->body.at : "");
}

enum kt_status kt_http_start(struct kt_http *h, const struct kt_http_request *r,
                             struct kt_error *err)
{
    KT_CLEANUP(kt_free_ptr) char *url = kt_str_dup(r->url);
    const struct kt_http_rules rules = { .allow_private = r->allow_private,
                                         .metadata = r->metadata,
                                         .mail = r->mail != NULL,
                                         .no_tls = r->mail != NULL && r->mail->no_tls };
    bool plain;
    enum kt_status st = kt_http_check(url, &rules, &plain, err);
    if (st != KT_OK)
        return st;

    struct kt_http_transfer *t = kt_alloc(sizeof *t);
    t->tag = r->tag;
    t->reply_max = r->reply_max > 0 ? r->reply_max : KT_HTTP_REPLY_MAX;
    t->allow_private = r->allow_private;
    t->metadata = r->metadata;
    t->keep_headers = r->keep_headers;
    t->plain = plain;
    t->mail = r->mail != NULL;
    t->proxied = r->proxy != NULL;
    t->started = kt_clock_real.mono(NULL);
    t->easy = curl_easy_init();
    assert(t->easy != NULL); /* memory */
    if (!t->mail)
        add_header(t, "Expect:"); /* no pause for 100-continue */
    for (unsigned i = 0; i < r->n_headers; i++) {
        KT_CLEANUP(kt_free_ptr) char *line = kt_str_dup(r->headers[i]);
        assert(strpbrk(line, "\r\n") == NULL); /* encoders refuse these */
        add_header(t, line);
    }
    CURLcode rc = set_up(t, url, r);
    if (rc != CURLE_OK || curl_multi_add_handle(h->multi, t->easy) != CURLM_OK) {
        transfer_free(t);
        return kt_fail(err, KT_E_CONFIG, "request: %s", curl_easy_strerror(rc));
    }
    t->next = h->first;
    h->first = t;
    h->pending++;
    return KT_OK;
}

/* ---- answers ---- */

/* curl's own words where they help and cannot hold more than the host's name. */
static const char *words_for(const struct kt_http_transfer *t, CURLcode rc)
{
    static const CURLcode telling[] = { CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
                                        CURLE_SSL_CONNECT_ERROR,    CURLE_PEER_FAILED_VERIFICATION,
                                        CURLE_SSL_CACERT_BADFILE,   CURLE_USE_SSL_FAILED };
    for (size_t i = 0; i < KT_ARRAY_LEN(telling); i++)
        if (telling[i] == rc && t->detail[0] != '\0')
            return t->detail;
    if (rc == CURLE_UNSUPPORTED_PROTOCOL) /* curl's for an answer that is none; URLs are checked */
        return "what answers there does not speak HTTP";
    return curl_easy_strerror(rc);
}

static void fill_error(struct kt_http_answer *a, const struct kt_http_transfer *t, CURLcode rc)
{
    struct kt_buf text = { 0 };

    if (t->too_long)
        kt_buf_addf(&text, "the reply is longer than %zu bytes and was cut", t->reply_max);
    else if (rc == CURLE_COULDNT_CONNECT && t->refused[0] != '\0')
        kt_buf_addf(&text, "address refused: %s%s", t->refused,
                    t->allow_private ? "" : "; allow_private is not set");
    else if (rc != CURLE_OK)
        kt_buf_addz(&text, words_for(t, rc));
    kt_str_copyz(a->error, sizeof a->error, kt_utf8_cut(kt_buf_str(&text), sizeof a->error - 1));
    kt_buf_done(&text);
}

/* A reply that we cut ourselves is an answer: its status came. */
static void fill_answer(struct kt_http_answer *a, struct kt_http_transfer *t, CURLcode rc)
{
    long status = 0;
    curl_off_t seconds = 0, connected = 0;

    (void)curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    if (rc == CURLE_OK || t->too_long) {
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &seconds);
    }
    if (t->mail)
        status = kt_mail_status(t, rc);
    *a = (struct kt_http_answer){
        .tag = t->tag,
        .status = (int)status,
        .retry_after = seconds <= 0                           ? 0
                       : seconds >= RETRY_AFTER_MAX / KT_NS_S ? RETRY_AFTER_MAX
                                                              : seconds * KT_NS_S,
        .body = t->body,
        .headers = t->kept,
        .took = kt_clock_real.mono(NULL) - t->started,
        .too_slow = rc == CURLE_OPERATION_TIMEDOUT && connected > 0,
    };
    t->body = t->kept = (struct kt_buf){ 0 };
    fill_error(a, t, rc);
}

struct kt_str kt_http_header(const struct kt_http_answer *a, const char *name)
{
    struct kt_str rest = kt_buf_str(&a->headers), line, key;
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line))
        if (kt_str_split(&line, ':', &key) && kt_str_is(key, name))
            return kt_str_trim(line);
    return KT_STR_NONE;
}

void kt_http_answer_done(struct kt_http_answer *a)
{
    kt_buf_done(&a->body);
    kt_buf_done(&a->headers);
}

static void unlink_transfer(struct kt_http *h, struct kt_http_transfer *t)
{
    struct kt_http_transfer **at = &h->first;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    h->pending--;
    (void)curl_multi_remove_handle(h->multi, t->easy);
}

/* Hands out what is finished; true when something was. done() may start requests. */
static bool finish(struct kt_http *h, void (*done)(void *self, struct kt_http_answer *a),
                   void *self)
{
    bool any = false;
    int left;
    const CURLMsg *m;

    while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
        struct kt_http_transfer *t = NULL;
        CURLcode rc = m->data.result; /* m is gone after the removal */
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        struct kt_http_answer a;
        fill_answer(&a, t, rc);
        unlink_transfer(h, t);
        transfer_free(t);
        done(self, &a);
        kt_http_answer_done(&a);
        any = true;
    }
    return any;
}

void kt_http_run(struct kt_http *h, int timeout_ms, int wake_fd,
                 void (*done)(void *self, struct kt_http_answer *a), void *self)
{
    kt_time_ns deadline = kt_clock_real.mono(NULL) + timeout_ms * KT_NS_MS;

    for (;;) {
        int running;
        (void)curl_multi_perform(h->multi, &running);
        if (finish(h, done, self))
            return;
        kt_time_ns left = deadline - kt_clock_real.mono(NULL);
        if (left <= 0)
            return;
        struct curl_waitfd wake = { .fd = wake_fd, .events = CURL_WAIT_POLLIN };
        (void)curl_multi_poll(h->multi, &wake, wake_fd >= 0 ? 1 : 0,
                              (int)((left + KT_NS_MS - 1) / KT_NS_MS), NULL);
        if (wake_fd >= 0 && wake.revents != 0) {
            (void)curl_multi_perform(h->multi, &running);
            (void)finish(h, done, self);
            return;
        }
    }
}

unsigned kt_http_pending(const struct kt_http *h)
{
    return h->pending;
}

/* ---- life ---- */

struct kt_http *kt_http_new(void)
{
    struct kt_http *h = kt_alloc(sizeof *h);
    CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT); /* counted by curl */
    assert(rc == CURLE_OK);
    h->multi = curl_multi_init();
    assert(h->multi != NULL);
    return h;
}

void kt_http_free(struct kt_http *h)
{
    if (h == NULL)
        return;
    while (h->first != NULL) {
        struct kt_http_transfer *t = h->first;
        unlink_transfer(h, t);
        transfer_free(t);
    }
    (void)curl_multi_cleanup(h->multi);
    curl_global_cleanup();
    kt_free(h);
}
