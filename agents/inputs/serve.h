/*
 * serve: an HTTP or HTTPS listener on threads of its own: requests are judged and gathered there,
 * taken by whoever asks, and answered when that one says so. The only includer of microhttpd.h.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/ip.h"
#include "core/base/time.h"

struct kt_serve_options {
    struct kt_ip ip;
    uint16_t port;           /* 0: any; kt_serve_port tells */
    struct kt_str cert, key; /* PEM; empty = plain HTTP. Copied, as all of these */
    struct kt_str path;      /* of the URL; empty = any */
    /* One of these must be right: the value of a header, or an HMAC-SHA256 of the body in it (hex,
     * with or without "sha256="). Neither: anybody may post. */
    struct kt_str token, token_header; /* header: default Authorization; "Bearer " before is fine */
    struct kt_str hmac_key, hmac_header;
    struct kt_str
        hmac_timestamp_header;   /* its value stands before the key (GitGuardian); or none */
    const struct kt_cidr *allow; /* peers; none: all */
    unsigned n_allow;
    size_t body_max;     /* bytes of one body, after decompression */
    size_t room;         /* of all that wait */
    kt_time_ns patience; /* unanswered so long: 503 */
};

struct kt_serve;
KT_MUST_USE enum kt_status kt_serve_open(const struct kt_serve_options *o, struct kt_serve **ret,
                                         struct kt_error *err);
void kt_serve_free(struct kt_serve *s);    /* what waits is answered 503 */
int kt_serve_fd(const struct kt_serve *s); /* readable when a body waits */
uint16_t kt_serve_port(const struct kt_serve *s);

/* The oldest body that was not taken; false: none. It borrows until kt_serve_answer, which must be
 * called once for each. */
struct kt_served;
bool kt_serve_take(struct kt_serve *s, struct kt_served **ret, struct kt_str *ret_body);
void kt_serve_answer(struct kt_serve *s, struct kt_served *r, unsigned status);

struct kt_serve_counts {
    uint64_t taken, denied, too_large, shed, late; /* late: 503 before the answer was there */
    uint64_t waiting;                              /* bytes */
};
struct kt_serve_counts kt_serve_counts(struct kt_serve *s);
