/*
 * alert_register: the alerts that were raised in a period, with what became of each: who was told
 * and when, who acknowledged, who closed it as what. Out of the alerts' documents, the steps of the
 * log (core/event/step.h) and the rows of the outbox.
 */
#pragma once
#include "core/answer/ask.h"
#include "core/base/enc.h"
#include "core/base/map.h"
#include "core/event/decision.h"
#include "exporters/alerts/alert.h"

enum kt_registered_status {
    KT_REGISTERED_OPEN,
    KT_REGISTERED_ACKNOWLEDGED,
    KT_REGISTERED_CLOSED, /* by a person, with a verdict */
    KT_REGISTERED_ENDED,  /* merged into another, or its cause is over: nobody closed it */
    KT_REGISTERED_COUNT
};
const char *kt_registered_word(enum kt_registered_status status);

struct kt_registered { /* texts live until kt_alert_register_free */
    char id[KT_ID_TEXT];
    kt_time_ns raised;
    enum kt_severity severity;
    struct kt_str detector, title, actor;
    bool test;
    enum kt_registered_status status;
    /* The first delivery that was taken, and how many targets took one; targets: "slack-sec,
     * pagerduty". */
    kt_time_ns delivered;
    struct kt_str targets;
    unsigned dead; /* deliveries that no target took */
    /* The first acknowledgement (a close is one) and the close that is in force. */
    kt_time_ns acked, closed;
    struct kt_str acked_by, closed_by, reason;
    int verdict;            /* enum kt_finding_verdict; -1: none */
    struct kt_str incident; /* the alert that took it over; empty */
    unsigned notes, reopens;
};
struct kt_alert_sums {
    uint64_t raised, tests; /* tests are in no other figure */
    uint64_t acknowledged, closed, ended, open;
    uint64_t verdict[KT_FOUND_COUNT];
    uint64_t by_severity[KT_SEV_COUNT];
    uint64_t undelivered; /* high and critical that no target took */
    /* Median and 95th percentile (nearest rank: the ⌈p·n⌉-th smallest) over those that have it;
     * -1: none has. */
    kt_time_ns ack_median, ack_p95, close_median, close_p95;
};
struct kt_alert_register {
    struct kt_registered *at; /* by raised, then by id */
    uint32_t n, cap;
    struct kt_alert_sums sums, before; /* before: of the period before, of the same length */
    struct kt_damage damage;
    struct kt_map *texts;
};
#define KT_ALERT_REGISTER_MAX 1000000u
/* Of the ask's window. KT_E_LIMIT: more than KT_ALERT_REGISTER_MAX alerts in both periods. */
KT_MUST_USE enum kt_status kt_alert_register_load(struct kt_ask *a, struct kt_alert_register **ret,
                                                  struct kt_error *err);
void kt_alert_register_free(struct kt_alert_register *r);
/* The smallest value that at least `percent` of n sorted ones are at most. n > 0. */
int64_t kt_nearest_rank(const int64_t *sorted, uint32_t n, unsigned percent);
