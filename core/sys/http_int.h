/* http_int: what the files of core/sys that call libcurl share: http.c, http_url.c, mail.c, dial.c.
 */
#pragma once
#include <curl/curl.h>

#include "core/base/ip.h"
#include "core/sys/http.h"

struct kt_http_transfer {
    struct kt_http_transfer *next;
    CURL *easy;
    struct curl_slist *headers; /* of mail: the recipients */
    struct kt_buf body, kept;
    struct kt_buf message; /* of mail: what is sent, up to `sent` of it is */
    size_t sent;
    struct { /* of mail: what the peer says of single recipients */
        bool asked;
        unsigned n, refused;
        int later; /* the last 4xx */
    } rcpt;
    const char *keep_headers;
    uint64_t tag;
    size_t reply_max;
    kt_time_ns started;
    bool allow_private, metadata, plain, proxied, too_long, mail;
    char refused[64]; /* the address that was judged bad, and as what */
    char detail[CURL_ERROR_SIZE];
};

/* The address that a socket is about to be opened for; false: it is of another family. */
bool kt_http_socket_ip(const struct sockaddr *a, struct kt_ip *ret);
/* Where AWS hands out credentials: IMDS, ECS and EKS, over both protocols. */
bool kt_http_gives_credentials(struct kt_ip ip);

struct kt_http_rules {
    bool allow_private, metadata;
    bool mail, no_tls; /* smtp and smtps; without STARTTLS */
};
/* *ret_plain: nothing is encrypted. */
KT_MUST_USE enum kt_status kt_http_check(const char *url, const struct kt_http_rules *r,
                                         bool *ret_plain, struct kt_error *err);

/* mail.c: the options that are mail's own; the message is copied. */
CURLcode kt_mail_set_up(struct kt_http_transfer *t, const struct kt_mail *m, struct kt_str message);
/* What the peer said last; 0: it did not answer, or had not come to an end. */
int kt_mail_status(struct kt_http_transfer *t, CURLcode rc);
