/* view: alerts as people left them: the document with its life, its status, and what keeps it
 * quiet. For `alerts list`, `alerts show`, `sql` and the page. */
#pragma once
#include "core/query/silences.h"
#include "exporters/alerts/match.h"

struct kt_alert_view { /* of one store at one moment; zeroed: of its beginning */
    struct kt_lives lives;
    struct kt_silences silences;
    struct kt_query **query; /* of each silence; NULL: it is no query about alerts */
    unsigned n_query;
    uint64_t next; /* the first record that was not looked at yet; 0: none was */
};
void kt_alert_view_done(struct kt_alert_view *v);
/* Takes in what came since, of the same store (kt_reader_replaced); of a zeroed one all of it. On
 * failure it is empty. */
KT_MUST_USE enum kt_status kt_alert_view_follow(struct kt_alert_view *v, struct kt_reader *r,
                                                struct kt_error *err);
KT_MUST_USE enum kt_status kt_alert_view_load(struct kt_reader *r, struct kt_alert_view *ret,
                                              struct kt_error *err);
/* Gives a its life. v NULL: nobody did anything, as in a replay. */
void kt_alert_view_live(const struct kt_alert_view *v, struct kt_alert *a);
/* open, acknowledged, closed: by people, by a merge, or because the cause of an alert about
 * keytrail itself is over. a has its life. */
enum kt_life_status kt_alert_status(const struct kt_alert *a);
/* The silence that keeps it quiet now, or NULL. */
const struct kt_silence *kt_alert_view_silence(const struct kt_alert_view *v,
                                               const struct kt_alert *a, kt_time_ns now);
/* "silenced by alice until 2026-11-22 22:00 UTC: a drill (silence-1)". Without why no ": a drill":
 * it is of all that the silence covers, and may name a canary beside an alert of something else. */
void kt_alert_silence_say(const struct kt_silence *s, bool why, struct kt_buf *out);
/*
 * Each alert of the store with its life, newest first, until each() returns another status than
 * KT_OK; KT_E_AGAIN ends the walk without a fault. a and its strings live until each() returns.
 * Documents that cannot be read are passed over; *ret_unreadable (may be NULL) says how many.
 */
KT_MUST_USE enum kt_status kt_alert_view_each(
    struct kt_reader *r, const struct kt_alert_view *v,
    enum kt_status (*each)(void *self, const struct kt_alert *a, struct kt_error *err), void *self,
    uint32_t *ret_unreadable, struct kt_error *err);
/*
 * The same walk for whoever looks at few of many: what can be told of an alert without reading its
 * document, which costs the most. Then kt_alert_view_read where it matters.
 */
struct kt_alert_glance {
    struct kt_str id, json;     /* until each() returns */
    kt_time_ns raised;          /* 0: the document has to be read */
    bool plain;                 /* nothing keeps it quiet or ended it but people: status says all */
    enum kt_life_status status; /* where plain */
    struct kt_alert_glancing *in;
};
KT_MUST_USE enum kt_status kt_alert_view_glance(
    struct kt_reader *r, const struct kt_alert_view *v,
    enum kt_status (*each)(void *self, const struct kt_alert_glance *g, struct kt_error *err),
    void *self, struct kt_error *err);
/* The document with its life, until the next one is read. False: it cannot be read. */
bool kt_alert_view_read(const struct kt_alert_glance *g, struct kt_alert *ret);
