/* daemon: what the parts of the running collector share. Included by collector/daemon_*.c and
 * collector.c only. */
#pragma once
#include "collector/alerts.h"
#include "collector/answers.h"
#include "collector/checkpoint.h"
#include "collector/deliver.h"
#include "collector/disk.h"
#include "collector/follow.h"
#include "collector/ingest.h"
#include "collector/keep.h"
#include "collector/outside.h"
#include "collector/rollup.h"
#include "collector/showing.h"
#include "collector/streams.h"
#include "collector/together.h"
#include "collector/watchdog.h"
#include "core/event/json.h"
#include "core/sys/net.h"
#include "core/sys/proc.h"
#include "core/wire/control_server.h"

#define KT_NOTES_MAX 64u

struct kt_note { /* something about ourselves that waits to be written down */
    const char *code;
    char about[128];
    char sentence[240];
    char except[64]; /* target that is not told */
};
struct kt_daemon {
    struct kt_conf *conf; /* borrowed */
    struct kt_conf *next; /* a changed configuration, in force from the next life on */
    struct kt_auth *auth;
    struct kt_geo *geo;
    bool geo_left_out; /* a table that was broken at the start is not among them */
    struct kt_store *store;
    struct kt_counts *counts;
    struct kt_ingest *ingest;
    struct kt_way *way; /* from ingest to follow */
    struct kt_net_server *server;
    struct kt_outbox *outbox;
    struct kt_deliver *deliver;
    struct kt_streams *streams;
    struct kt_triage *triage;
    struct kt_routes *routes;
    struct kt_pager *pager;
    struct kt_answers *answers; /* NULL: no target is asked */
    struct kt_alerts *alerts;
    struct kt_follow *follow;
    struct kt_keep *keep;
    struct kt_checkpoints *checkpoints;
    struct kt_showing *showing;
    struct kt_outside *outside; /* NULL: no copies of checkpoints go out */
    struct kt_rollups *rollups; /* NULL: no roll-up file is made */
    struct kt_togethers *togethers;
    struct kt_control *control;
    struct kt_signals signals;
    struct kt_disk disk;
    struct kt_note notes[KT_NOTES_MAX];
    unsigned n_notes;
    struct {
        char key[160];
        kt_time_ns until;
    } quiet[KT_NOTES_MAX]; /* notes told lately */
    unsigned next_quiet;
    uint64_t checkpoint_tries; /* of which people were told */
    char unsigned_why[200];    /* why the newest checkpoint was not made, as logged */
    kt_time_ns next_tally, next_together;
    struct kt_watchdog watchdog;
    kt_time_ns started, next_minute, next_disk, next_watch, next_geo;
    bool keep_more;   /* old segments wait to be taken out */
    uint64_t changes; /* of the detectors' state, that the next commit carries; 0: none */
    bool notified;    /* rows were added: hand them over after the commit */
    bool for_page;    /* the request at hand is the page's, which is a user of its own */
    uint8_t keys_by[32], keys[32]; /* kt_daemon_keys of the files as this life has read them */
    struct kt_error fatal;         /* the store failed: leave without another ack (D1) */
};

/* ---- daemon_notes.c: what the collector says about itself, in log lines, records and alerts ----
 */
/* Queues a note; the same code about the same thing is kept quiet for a while. */
void kt_daemon_note(struct kt_daemon *d, const char *code, struct kt_str about,
                    const char *sentence, const char *except);
/* That is over: when it comes again it is told at once. */
void kt_daemon_unsay(struct kt_daemon *d, const char *code, struct kt_str about);
/* The cause of an alert about ourselves is over; opens the transaction when there is one. */
KT_MUST_USE enum kt_status kt_daemon_over(struct kt_daemon *d, const char *code,
                                          struct kt_str about, struct kt_error *err);
/* The same of whatever it was about: a file may be gone, or have another name by now. */
KT_MUST_USE enum kt_status kt_daemon_over_all(struct kt_daemon *d, const char *code,
                                              struct kt_error *err);
/* Writes queued notes: an audit record and an alert each. Opens the transaction when needed. */
KT_MUST_USE enum kt_status kt_daemon_write_notes(struct kt_daemon *d, struct kt_error *err);
/* One control record: kind audit or config; raw is a JSON object. */
KT_MUST_USE enum kt_status kt_daemon_record(struct kt_daemon *d, enum kt_kind kind,
                                            const char *code, struct kt_str sentence,
                                            struct kt_str raw, struct kt_error *err);
/* Looks whether version, retention, detectors or agents are other than when it looked last, and
 * notes what is. Opens the transaction when needed. */
KT_MUST_USE enum kt_status kt_daemon_note_changes(struct kt_daemon *d, struct kt_error *err);
/* The effective configuration and the allow-list, as config records. */
KT_MUST_USE enum kt_status kt_daemon_record_config(struct kt_daemon *d, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_record_agents(struct kt_daemon *d, struct kt_error *err);

/* ---- daemon_state.c: the detectors' state ---- */
#define KT_STATE_BLOB    "detect"          /* the head of it; its entries are in table `state` */
#define KT_SETTINGS_BLOB "detect/settings" /* that it was made with */
/* In the open transaction. */
KT_MUST_USE enum kt_status kt_daemon_write_state(struct kt_daemon *d,
                                                 const struct kt_follow_news *news,
                                                 struct kt_error *err);
/* ---- daemon_answers.c: what people did at targets ---- */
/* Tells the asking thread which alerts are open at each target that is asked. */
KT_MUST_USE enum kt_status kt_daemon_watch_answers(struct kt_daemon *d, struct kt_error *err);
/* Takes what came; leaves a transaction open when something did. */
KT_MUST_USE enum kt_status kt_daemon_take_answers(struct kt_daemon *d, struct kt_error *err);
/* The target of this name in the present configuration; NULL: it has another one now, or is gone.
 */
const struct kt_conf_target *kt_daemon_target(const struct kt_conf *conf, const char *name);

/* ---- daemon_keys.c ---- */
/* Reads the key files of targets, streams and copies, as at the start: KT_E_CONFIG says what could
 * not be used. ret: an HMAC over their contents by `key`, which is random and never leaves memory.
 */
KT_MUST_USE enum kt_status kt_daemon_keys(const struct kt_conf *conf, const uint8_t key[32],
                                          uint8_t ret[32], struct kt_error *err);

/* ---- daemon_open.c: the tables of addresses of a configuration ---- */
KT_MUST_USE enum kt_status kt_daemon_open_geo(const struct kt_conf *conf, struct kt_geo **ret,
                                              struct kt_error *err);

/* ---- daemon_requests.c: the control socket's requests ---- */
struct kt_control_handler kt_daemon_handler(struct kt_daemon *d);
/* SIGHUP and {"do":"reload"}: a broken list, file or table of addresses leaves the old one in
 * force. */
KT_MUST_USE enum kt_status kt_daemon_reload(struct kt_daemon *d, struct kt_error *err);

/* Opens the tables of addresses anew where one was written over; notes what keeps it from that. */
KT_MUST_USE enum kt_status kt_daemon_renew_geo(struct kt_daemon *d, struct kt_error *err);

/* ---- daemon_decide.c: requests about detection; args and answers: docs/control.md ---- */
KT_MUST_USE enum kt_status kt_daemon_expect_add(struct kt_daemon *d, struct kt_jval args,
                                                struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_expect_rm(struct kt_daemon *d, struct kt_jval args,
                                               struct kt_buf *out, struct kt_error *err);
/* An access review (daemon_review.c). */
KT_MUST_USE enum kt_status kt_daemon_review_sign(struct kt_daemon *d, struct kt_jval args,
                                                 struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_break_glass(struct kt_daemon *d, struct kt_jval args,
                                                 struct kt_buf *out, struct kt_error *err);

/* ---- daemon_triage.c: requests about alerts; the same ---- */
KT_MUST_USE enum kt_status kt_daemon_ack(struct kt_daemon *d, struct kt_jval args,
                                         struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_assign(struct kt_daemon *d, struct kt_jval args,
                                            struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_close(struct kt_daemon *d, struct kt_jval args,
                                           struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_reopen(struct kt_daemon *d, struct kt_jval args,
                                            struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_alert_note(struct kt_daemon *d, struct kt_jval args,
                                                struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_silence_add(struct kt_daemon *d, struct kt_jval args,
                                                 struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_silence_rm(struct kt_daemon *d, struct kt_jval args,
                                                struct kt_buf *out, struct kt_error *err);
/* Opens d->triage over the store; what it records is the collector's. */
KT_MUST_USE enum kt_status kt_daemon_open_triage(struct kt_daemon *d, struct kt_error *err);

/* ---- daemon_viewed.c: what is looked at on the page; the same ---- */
KT_MUST_USE enum kt_status kt_daemon_viewed(struct kt_daemon *d, struct kt_jval args,
                                            struct kt_buf *out, struct kt_error *err);

/* ---- daemon_incident.c: requests about incidents; the same ---- */
KT_MUST_USE enum kt_status kt_daemon_incident_open(struct kt_daemon *d, struct kt_jval args,
                                                   struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_incident_note(struct kt_daemon *d, struct kt_jval args,
                                                   struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_incident_step(struct kt_daemon *d, struct kt_jval args,
                                                   struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_incident_list(struct kt_daemon *d, struct kt_jval args,
                                                   struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_incident_close(struct kt_daemon *d, struct kt_jval args,
                                                    struct kt_buf *out, struct kt_error *err);

/* ---- daemon_streams.c: the writer's side of the streams ---- */
/* Opens a transaction when they want something kept. */
KT_MUST_USE enum kt_status kt_daemon_streams_put(struct kt_daemon *d, struct kt_error *err);
void kt_daemon_check_streams(struct kt_daemon *d); /* a note for each that fails for long */
KT_MUST_USE enum kt_status kt_daemon_stream_rewind(struct kt_daemon *d, struct kt_jval args,
                                                   struct kt_buf *out, struct kt_error *err);

/* ---- daemon_targets.c: what becomes of deliveries ---- */
/* Notes the targets that take nothing any more, and ends that alert when they do again. Opens the
 * transaction when needed. */
KT_MUST_USE enum kt_status kt_daemon_check_targets(struct kt_daemon *d, struct kt_error *err);
/* After the alert about a broken target was written, at `now`. */
KT_MUST_USE enum kt_status kt_daemon_target_broke(struct kt_daemon *d, const char *target,
                                                  kt_time_ns now, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_notify_retry(struct kt_daemon *d, struct kt_jval args,
                                                  struct kt_buf *out, struct kt_error *err);

/* ---- daemon_page.c: who is told again, and who else ---- */
/* KT_E_CONFIG: a route cannot be used. */
KT_MUST_USE enum kt_status kt_daemon_page_open(struct kt_daemon *d, struct kt_error *err);
/* Writes what is due; opens the transaction when needed. */
KT_MUST_USE enum kt_status kt_daemon_page(struct kt_daemon *d, struct kt_error *err);

/* ---- daemon_checkpoint.c: signed heads of the log ---- */
KT_MUST_USE enum kt_status kt_daemon_checkpoints_open(struct kt_daemon *d, struct kt_error *err);
/* Takes what was signed, opens the transaction when something is to be kept, tells what is wrong.
 */
KT_MUST_USE enum kt_status kt_daemon_checkpoints(struct kt_daemon *d, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_new_log(struct kt_daemon *d, struct kt_jval args,
                                             struct kt_buf *out, struct kt_error *err);
KT_MUST_USE enum kt_status kt_daemon_log_key(struct kt_daemon *d, struct kt_jval args,
                                             struct kt_buf *out, struct kt_error *err);

/* ---- daemon_open.c: the parts ---- */
/* Opens them all; after an error, too, they are closed by kt_daemon_free. */
KT_MUST_USE enum kt_status kt_daemon_open(struct kt_daemon *d, struct kt_error *err);
void kt_daemon_free(struct kt_daemon *d);
/* What a start leaves in the log: program, configuration, allow-list; committed. */
KT_MUST_USE enum kt_status kt_daemon_record_start(struct kt_daemon *d, struct kt_error *err);

/* ---- daemon_net.c: agents' messages in, answers out ---- */
KT_MUST_USE enum kt_status kt_daemon_net_open(struct kt_daemon *d, struct kt_error *err);
/* Messages until none waits, the group is full or its time is up, and their commit. *ret_any: there
 * were some. */
KT_MUST_USE enum kt_status kt_daemon_drain(struct kt_daemon *d, bool *ret_any,
                                           struct kt_error *err);
/* Shows the log to agents from now on; after the checkpoints are open. */
void kt_daemon_show(struct kt_daemon *d);
/* What agents say about the log (collector/showing.h). */
void kt_daemon_about_log(void *self, uint64_t peer, const struct kt_agent_entry *e,
                         const struct kt_msg *m);
/* Starts sending copies of checkpoints outside. */
KT_MUST_USE enum kt_status kt_daemon_outside_open(struct kt_daemon *d, struct kt_error *err);
/* An answer that a gone or full peer misses is asked for again after its next hello. */
void kt_daemon_reply(void *self, uint64_t peer, struct kt_str body);

/* ---- daemon_clock.c: what is looked at by the clock ---- */
/* Opens a transaction when something is to be written. */
KT_MUST_USE enum kt_status kt_daemon_by_the_clock(struct kt_daemon *d, struct kt_error *err);

/* ---- daemon_metrics.c: what the collector counts ---- */
/* Whom the store knows from the day before; a store that cannot be read is a line of the log. */
void kt_daemon_counts_before(struct kt_daemon *d);
KT_MUST_USE enum kt_status kt_daemon_metrics(struct kt_daemon *d, struct kt_jval args,
                                             struct kt_buf *out, struct kt_error *err);

/* ---- daemon_tally.c: sums for `keytrail coverage` ---- */
/* Takes the next slice of the log in; *ret_more: there is another. */
KT_MUST_USE enum kt_status kt_daemon_tally(struct kt_daemon *d, bool *ret_more,
                                           struct kt_error *err);

/* ---- daemon_together.c: merged segments and kept pairs ---- */
/* Writes what was made, if something was and the disk has room. Where it cannot be kept the log
 * says so; an error is that of the transaction, which is lost. */
KT_MUST_USE enum kt_status kt_daemon_together(struct kt_daemon *d, struct kt_error *err);
/* Into a transaction of its own, which is left open, or undone where the store does without. */
KT_MUST_USE enum kt_status kt_daemon_together_write(struct kt_daemon *d,
                                                    const struct kt_togethers_made *made,
                                                    struct kt_error *err);

/* ---- daemon_turn.c: a turn of the loop ---- */
/* The commit that everything waits for, and what follows it. */
KT_MUST_USE enum kt_status kt_daemon_commit(struct kt_daemon *d, struct kt_error *err);
/* Writes what detection found; opens the transaction when it did. */
KT_MUST_USE enum kt_status kt_daemon_take_news(struct kt_daemon *d, struct kt_error *err);
/* Waits, and does what there is to do. *busy: messages came, and more may wait. */
KT_MUST_USE enum kt_status kt_daemon_turn(struct kt_daemon *d, bool *busy, struct kt_error *err);

/* ---- collector.c ---- */
enum kt_ending {
    KT_ENDED,         /* told to stop, or by an error: the exit code says which */
    KT_ENDED_UNBORN,  /* it never began */
    KT_ENDED_FULL,    /* the store's file system is full */
    KT_ENDED_DAMAGED, /* the store's file is damaged: its successor is made */
    KT_ENDED_RELOAD   /* *ret_next is the configuration to go on with */
};
/* One life, from opening to closing; returns its exit code. conf is borrowed, *ret_next is the
 * caller's. ready_fd: gets the endpoint in a line, -1: nobody waits for it. */
int kt_daemon_live(struct kt_conf *conf, int ready_fd, enum kt_ending *ret_ending,
                   struct kt_conf **ret_next);
