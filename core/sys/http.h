/* http: requests out, and mail, by libcurl multi. THREATS H1, H2: https only,
 * verification always, no redirects, no proxy or netrc from the environment, the address judged on
 * the socket itself, connect 5 s, total 15 s, reply <= 64 KiB unless more is asked for. */
#pragma once
#include "core/base/buf.h"
#include "core/base/ip.h"
#include "core/base/time.h"

struct kt_http; /* one multi handle; one thread */
struct kt_http *kt_http_new(void);
void kt_http_free(struct kt_http *h);

/* Envelope of a message that goes out by SMTP; the request's body is the message (RFC 5322, CRLF),
 * its URL smtps://host:465 or smtp://host:587 (STARTTLS is required). */
struct kt_mail {
    const char *from; /* bare addresses */
    const char *const *to;
    unsigned n_to;
    struct kt_str user, password; /* empty: no AUTH */
    bool no_tls;                  /* smtp:// as it is: loopback and allow_private only */
};

enum kt_http_method { KT_HTTP_POST, KT_HTTP_GET, KT_HTTP_PUT };
struct kt_http_request {
    struct kt_str url;
    enum kt_http_method method;
    struct kt_str body;           /* of POST and PUT */
    const struct kt_str *headers; /* "Name: value" */
    unsigned n_headers;
    const char *ca_file; /* NULL = system */
    const char *proxy;   /* that the operator named; NULL = none */
    bool allow_private;  /* permits https to private addresses and http to loopback */
    bool metadata; /* permits plain http to the addresses at which clouds hand out credentials,
                      written in numbers */
    bool raw;      /* the bytes as they are stored: no Content-Encoding is undone */
    /* The beginning, in lower case, of the names of headers of the answer that are wanted; a static
     * text; NULL = none. */
    const char *keep_headers;
    size_t reply_max; /* bytes, after decompression; 0 = 64 KiB */
    kt_time_ns total; /* until the last byte; 0 = 15 s, of mail 30 s: servers hold off strangers */
    uint64_t tag;     /* comes back with the answer */
    /* NULL: a request by HTTP. Else status is the peer's last reply: 250, 4xx or 5xx; a 4xx of one
     * recipient is that of the whole, though others may have the message. Where single ones are
     * refused for good it is 250, and the answer's body says how many: "1_of_3_refused". */
    const struct kt_mail *mail;
};
struct kt_http_answer {
    uint64_t tag;
    int status;             /* 0: no answer; error says why */
    kt_time_ns retry_after; /* duration from now, 0 = not said; capped at 1 h */
    struct kt_buf body;
    struct kt_buf
        headers; /* the wanted ones, "name: value\n", names in lower case; at most 16 KiB */
    kt_time_ns took;
    bool too_slow;   /* it was connected, and the time was over before the answer */
    char error[200]; /* never holds the URL's path or query */
};
/* The value of the first kept header of this name (lower case); empty when there is none. */
struct kt_str kt_http_header(const struct kt_http_answer *a, const char *name);
void kt_http_answer_done(struct kt_http_answer *a); /* frees body and headers */
/* A proxy is http://host:port or https://host:port. Every request goes through a tunnel (CONNECT),
 * so it sees the host's name and nothing else. It resolves that name, so only addresses that stand
 * in a URL are judged then; its own address may be private, as proxies' are. */
KT_MUST_USE enum kt_status kt_http_check_proxy(struct kt_str proxy, struct kt_error *err);
/* Checks the URL against the rules; KT_E_CONFIG names the breach. */
KT_MUST_USE enum kt_status kt_http_check_url(struct kt_str url, bool allow_private,
                                             struct kt_error *err);
/* The rule for addresses alone, for others that go out: NULL, or what this one is that may not be
 * spoken to. allow_private opens our own networks and this host, never link-local (cloud metadata),
 * multicast, reserved or tunnelled addresses; plain: nothing is encrypted. */
const char *kt_http_judge_ip(struct kt_ip ip, bool allow_private, bool plain);
KT_MUST_USE enum kt_status kt_mail_check_url(struct kt_str url, bool allow_private, bool no_tls,
                                             struct kt_error *err);
KT_MUST_USE enum kt_status kt_http_start(struct kt_http *h, const struct kt_http_request *r,
                                         struct kt_error *err);
/* Works for up to timeout_ms or until wake_fd is readable (-1 = none); each finished request calls
 * done (body and headers freed after it). */
void kt_http_run(struct kt_http *h, int timeout_ms, int wake_fd,
                 void (*done)(void *self, struct kt_http_answer *a), void *self);
unsigned kt_http_pending(const struct kt_http *h);
