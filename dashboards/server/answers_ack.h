/* answers_ack: what comes of one answer that came in: HTTP-free, behind answers.h. */
#pragma once
#include "core/sys/clock.h"
#include "dashboards/server/inbound.h"

enum kt_ack_way { KT_ACK_PAGERDUTY, KT_ACK_SLACK, KT_ACK_LINK, KT_ACK_WAYS };
struct kt_acks { /* one thread, but for heard */
    const char *control;
    const struct kt_clock *clock;
    struct kt_buf secret[KT_ACK_WAYS]; /* of links the public keys; empty: that way is not there */
    const struct kt_strings *slack_teams; /* kt_inbound_slack */
    struct kt_inbound_heard *heard;
    kt_time_ns minute; /* mono, of the refusals that were logged */
    unsigned refused;
};
struct kt_ack_given {
    struct kt_str query, body, signature, timestamp; /* of the URL; the fields of this route */
};
struct kt_ack_said {
    unsigned status;
    bool page;          /* HTML for a person; else a line of text */
    struct kt_buf body; /* the caller's */
};
struct kt_ack_route {
    struct kt_str path;
    const char *method;
    enum kt_ack_way way;
    enum kt_status (*judge)(const struct kt_acks *a, const struct kt_ack_given *given,
                            kt_time_ns now, struct kt_inbound *ret, struct kt_error *err);
    const char *where;
    const char *signature, *timestamp; /* header fields; NULL: none */
    const char *told_by;               /* JSON: the types of targets that told of the alert */
    bool acts;                         /* it is an answer */
    bool page;                         /* a person reads what we say */
    unsigned refused; /* status when it is for good: a sender that tries again hears 200 */
};
/* The route; NULL: *ret_no is 404, also for a way without a secret, or 405. */
const struct kt_ack_route *kt_ack_route(const struct kt_acks *a, struct kt_str path,
                                        struct kt_str method, unsigned *ret_no);
/* Judges it, asks the collector where it acts (up to some seconds), and says what to answer. */
void kt_ack_take(struct kt_acks *a, const struct kt_ack_route *route,
                 const struct kt_ack_given *given, struct kt_ack_said *ret);
