/*
 * follow: detection beside ingest. A thread of its own takes committed batches as the writer hands
 * them over, reads all else, and whatever it is behind with, through a read-only cursor from the
 * log, feeds the detectors and hands alerts and changes of their state to the writer, so that an
 * ack never waits for a detector. What of the state is not in memory it reads back from the store.
 */
#pragma once
#include "collector/detect.h"
#include "collector/follow_rows.h"
#include "collector/handed.h"
#include "core/sys/clock.h"

struct kt_follow;
struct kt_follow_options {
    const struct kt_conf *conf;
    const char *store_path;
    struct kt_str head; /* of the state in the store; empty: none; one of another version, or one
                           that the rows do not fit, means: replay from the start */
    struct kt_str settings;       /* that go with it */
    uint64_t alerted;             /* alerts of records up to this seq are in the store already */
    size_t memory;                /* of the state, bytes; 0 = KT_DETECT_STATE_MAX */
    const struct kt_clock *clock; /* spaces what is saved; NULL: the real one */
    struct kt_way *way;           /* lent: batches that need not be read from the log; NULL: none */
};
KT_MUST_USE enum kt_status kt_follow_open(const struct kt_follow_options *o, struct kt_follow **ret,
                                          struct kt_error *err);
/* Ends the thread with a last snapshot; take what waits, then free. */
void kt_follow_stop(struct kt_follow *f);
void kt_follow_free(struct kt_follow *f);
/* Something was committed; newest: the last record's seq, 0: whoever says it does not know. */
void kt_follow_wake(struct kt_follow *f, uint64_t newest);
int kt_follow_fd(const struct kt_follow *f);
uint64_t kt_follow_position(struct kt_follow *f); /* seq up to which the log has been scored */
/* What the detectors have cost in this life, as of the newest slice of the log. */
void kt_follow_meter(struct kt_follow *f, struct kt_detect_meter *ret);

/* Everything since the last take, to be written in one transaction. */
struct kt_follow_news {
    uint64_t position;
    struct kt_follow_alert {
        char *json; /* kt_alert_write's */
        bool is_new, historic;
    } * alerts;
    unsigned n_alerts;
    uint64_t changes; /* of the state, by their number; 0: none. They want kt_follow_saved */
    struct kt_buf head;
    struct kt_buf settings;  /* empty: those that are there stay */
    struct kt_changed *rows; /* sorted; NULL: none */
    bool clear;              /* the rows that are there go first */
    struct kt_buf status;    /* empty: no new one */
    bool failed;             /* some of the log cannot be read: error says why */
    char error[400];
};
/* false: nothing new. The news are the caller's, kt_follow_news_done frees them. */
bool kt_follow_take(struct kt_follow *f, struct kt_follow_news *ret);
void kt_follow_news_done(struct kt_follow_news *n);
/* News with these changes, and all before them, are committed. */
void kt_follow_saved(struct kt_follow *f, uint64_t changes);
