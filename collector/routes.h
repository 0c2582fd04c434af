/*
 * routes: which targets are told of an alert, when, and why (docs/routing.md). Pure: what has been
 * told already comes in as rows of the outbox, the time as an argument.
 */
#pragma once
#include "core/base/limits.h"
#include "core/config/config.h"
#include "core/store/write.h"
#include "exporters/alerts/alert.h"

#define KT_ROUTE_DEFAULT (-1) /* no route took it: every target */

struct kt_routes;
/* conf is borrowed. KT_E_CONFIG says where a query or a time zone is wrong, and which quiet hours
 * never end. */
KT_MUST_USE enum kt_status kt_routes_new(const struct kt_conf *conf, struct kt_routes **ret,
                                         struct kt_error *err);
void kt_routes_free(struct kt_routes *r);

/* An alert as routing sees it. */
struct kt_page {
    const struct kt_alert *alert;
    bool answered;    /* acknowledged or closed: nothing more is due */
    kt_time_ns since; /* when it was opened again: repeats and escalations count from there; 0 */
    const struct kt_outbox_row *rows; /* all rows of the alert */
    unsigned n_rows;
    const char *except;        /* a target that is not told; NULL: none */
    const char *const *broken; /* targets with an open circuit */
    unsigned n_broken;
};
enum kt_notice_kind { KT_NOTICE_TRIGGER, KT_NOTICE_REPEAT, KT_NOTICE_ESCALATE, KT_NOTICE_FALLBACK };
struct kt_notice {
    const char *target; /* lives with the configuration */
    char action[24];    /* of its row: trigger, repeat:3, escalate:1, trigger:fallback */
    enum kt_notice_kind kind;
    int route;     /* its index, or KT_ROUTE_DEFAULT */
    kt_time_ns at; /* due; in the past never */
    bool quiet;    /* put off to the end of quiet hours */
};
struct kt_plan {
    bool takes[KT_ROUTES_MAX]; /* which routes the alert takes */
    bool by_default;           /* none that leaves somebody to tell */
    bool watched;              /* has a fallback that was not told yet */
    struct kt_notice *notice;  /* what is due now (at == now) and next, of each target */
    unsigned n;
};
/* The caller's: kt_plan_done. Notices of one time are in no order. */
void kt_routes_plan(const struct kt_routes *r, const struct kt_page *page, kt_time_ns now,
                    struct kt_plan *ret);
void kt_plan_done(struct kt_plan *p);

/* Does the row call somebody to its alert: a trigger, a repeat or an escalation (held and skipped
 * ones tell nobody)? Who has one that is no dead letter was told of the alert. */
bool kt_routes_calls(const struct kt_outbox_row *row);
/* Why route i does not take the alert, for people; false: it does. */
bool kt_routes_refusal(const struct kt_routes *r, unsigned i, const struct kt_alert *a,
                       struct kt_buf *ret_why);
/* When quiet hours of route i that hold this alert end, or t itself. a NULL: nothing is excepted.
 */
kt_time_ns kt_routes_quiet_until(const struct kt_routes *r, unsigned i, const struct kt_alert *a,
                                 kt_time_ns t);
/* Severities from medium on of which some alerts may come to no route, as words: "medium, high";
 * none: adds nothing. */
void kt_routes_gaps(const struct kt_routes *r, struct kt_buf *ret);
