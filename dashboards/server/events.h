/*
 * events: what is live, told to everybody who listens (GET live, docs/api.md): a poller reads the
 * store and the collector's state every 2 s; changes have numbers and the last 256 are kept.
 */
#pragma once
#include "dashboards/server/server_int.h"

#define KT_EVENTS_KEPT 256u
#define KT_EVENTS_MAX  200u /* who listen at once */

struct kt_events;
KT_MUST_USE enum kt_status kt_events_open(struct kt_web_server *s, struct kt_events **ret,
                                          struct kt_error *err);
void kt_events_stop(struct kt_events *e); /* ends the poller and all streams */
void kt_events_free(struct kt_events *e);
/* Each second, on the server's thread: ends the streams of those who are not let in any more. */
void kt_events_still(struct kt_events *e);
/* Did the collector answer when it was asked last? */
bool kt_events_collector(struct kt_events *e);
/* Answers a request with the stream, from Last-Event-ID on. */
enum MHD_Result kt_events_answer(struct kt_events *e, struct kt_web_req *r);

/* ---- which alerts are new, or other than they were; one thread at a time ---- */
struct kt_alert_watch;
struct kt_alert_watch *kt_alert_watch_new(void);
void kt_alert_watch_free(struct kt_alert_watch *w);
/* Calls each() with the row (docs/api.md) of every alert that is new or other than at the last
 * look; not at the first. Alerts are only walked over when there are other control records than
 * then, and, where they are so many that it takes its time, less often. */
KT_MUST_USE enum kt_status kt_alert_watch_look(struct kt_alert_watch *w, struct kt_reader *r,
                                               uint64_t control, kt_time_ns now,
                                               const struct kt_clock *clock,
                                               void (*each)(void *self, struct kt_str row),
                                               void *self, struct kt_error *err);
/* Adds {"critical":n,…} of those that are open. */
void kt_alert_watch_open(const struct kt_alert_watch *w, struct kt_buf *out);

/* ---- the ring, for the poller and tests; no lock of its own ---- */
struct kt_events_ring {
    uint64_t life;                      /* of this process: ids of another one are not ours */
    uint64_t next;                      /* number of the next change, from 1 */
    struct kt_buf text[KT_EVENTS_KEPT]; /* of change n at n % KT_EVENTS_KEPT */
};
void kt_events_ring_add(struct kt_events_ring *g, const char *event, struct kt_str json);
void kt_events_ring_done(struct kt_events_ring *g);
/* Adds what was missed since an id ("<life>-<number>"; empty: nothing was) and gives the number
 * that comes next. What is not kept any more is said with `event: again`. */
uint64_t kt_events_ring_since(const struct kt_events_ring *g, struct kt_str id, struct kt_buf *out);
/* Adds changes from *at on, and moves it. false: the first of them is not kept any more. */
bool kt_events_ring_from(const struct kt_events_ring *g, uint64_t *at, struct kt_buf *out);
