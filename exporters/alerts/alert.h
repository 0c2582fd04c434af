/* alert: what a person gets told; the one document that store, replay, commands and targets share.
 */
#pragma once
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/time.h"
#include "exporters/alerts/life.h"
#include "exporters/alerts/target.h"

#define KT_ALERT_EVENTS_MAX 20
#define KT_ALERT_PARTS_MAX  16
#define KT_ALERT_RAISE      450 /* hundredths: the total that makes an alert (DETECTION §5) */

struct kt_alert_part { /* contribution of one detector */
    const char *detector;
    int points;         /* hundredths */
    struct kt_str text; /* its sentence */
};
struct kt_alert {
    char id[27]; /* incident id: never changes (DETECTION §5) */
    enum kt_severity severity;
    int score;                /* hundredths: the weighted total */
    const char *detector;     /* the one with the largest contribution; static name */
    const char *state;        /* open, updated, closed */
    kt_time_ns time;          /* event time of the first evidence */
    kt_time_ns first, last;   /* event times of the evidence */
    kt_time_ns raised;        /* arrival stamp of the event that made it an alert */
    struct kt_str title;      /* one sentence: what */
    struct kt_str normal;     /* one sentence: what is normal, with numbers */
    struct kt_str why;        /* one sentence: why it matters: which secrets, production? */
    struct kt_str considered; /* what was looked at and found normal */
    struct kt_str quiet;      /* what would have kept it quiet */
    struct kt_str command;    /* shows the events */
    struct kt_str actor, actor_kind, ip, country, network, secret, instance, source;
    /* The actor's names in the log, where they are others: "a, b". */
    struct kt_str actor_written;
    struct kt_str user_agent, geo_build;
    struct kt_alert_part parts[KT_ALERT_PARTS_MAX];
    unsigned n_parts;
    struct kt_str events[KT_ALERT_EVENTS_MAX]; /* native ids: first, last, most surprising */
    unsigned n_events;
    uint64_t events_count;
    struct kt_str secrets[8];
    unsigned n_secrets;
    uint64_t secrets_count;
    struct kt_str suppressed_by; /* what keeps it quiet, by whom, until when; severity info then */
    struct kt_str merged_into;   /* id of the incident that took it over, empty */
    bool test, group; /* group: a message for many, no alert of the store (outbox_bundle) */
    /* Handed to targets with it. Not in the rows of the store, which are derived from what the log
     * holds of accesses: what people did is in the log by itself. */
    struct kt_alert_life life;
};
/* The explanation: title, normal, why, contributions ("network 3.4 + new secrets 2.6 = 6.0"), in
 * plain words, several sentences. */
void kt_alert_explain(const struct kt_alert *a, struct kt_buf *out);
/* Appends what its score is made of: "failed_attempts 10.0 + production 0.5 = 10.5". */
void kt_alert_add_score(const struct kt_alert *a, struct kt_buf *out);
/* Its contributions, each detector once, in the order of its parts; texts are left out. Returns how
 * many. */
unsigned kt_alert_by_detector(const struct kt_alert *a,
                              struct kt_alert_part ret[KT_ALERT_PARTS_MAX]);
/* Is it about keytrail itself? Nothing was weighed then, and its actor is an agent, a target, a
 * file. */
bool kt_alert_is_own(const struct kt_alert *a);
/* A configured link (alerts.links) to this alert: form with {id} and {detector} replaced. */
struct kt_str kt_alert_link(struct kt_arena *arena, const char *form, const struct kt_alert *a);
/* Did it end without a person: another one took it over, or it is about keytrail itself and its
 * cause is over? That no more evidence comes is no end (docs/alerts.md). */
bool kt_alert_is_over(const struct kt_alert *a);
/* One JSON object, fixed key order (also what replay and `alerts -o ndjson` print). */
void kt_alert_write(const struct kt_alert *a, struct kt_buf *out);
/* Reads it back; strings live in arena. */
KT_MUST_USE enum kt_status kt_alert_read(struct kt_str json, struct kt_arena *arena,
                                         struct kt_alert *ret, struct kt_error *err);
/* The same by a parser that is there already: for whoever reads many. */
KT_MUST_USE enum kt_status kt_alert_read_by(struct kt_json *by, struct kt_str json,
                                            struct kt_arena *arena, struct kt_alert *ret,
                                            struct kt_error *err);
