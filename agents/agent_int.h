/* agent_int: the engine's state, shared by its files only. */
#pragma once
#include "agents/agent.h"
#include "agents/log_watch.h"
#include "agents/source_open.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/wire/batch.h"

#define FINDINGS_MAX 16u

struct finding { /* what a source said about itself, newest text of each code */
    const char *code;
    char sentence[200];
    uint64_t said; /* how often since the start */
};
struct instance { /* one configured source */
    struct kt_agent *agent;
    const struct kt_conf_source *conf;
    struct kt_source_opened opened;
    struct kt_source_memory *memory; /* the same for all that read one source of one cluster */
    bool owns_memory;
    kt_time_ns reported; /* mono of the last report line; 0 = none */
    kt_time_ns newest;   /* event time of the newest event given out since the start */
    uint64_t events;     /* given out since the start */
    uint64_t events_before, events_kept; /* before the start; of `events`: those that are noted */
    kt_time_ns newest_before;
    uint64_t reads; /* reads and uses of secrets, given out since the start */
    struct finding findings[FINDINGS_MAX];
    unsigned n_findings;
    uint64_t reports;
    uint64_t files;   /* that the input has found so far */
    char warned[200]; /* problem logged last */
};
struct cut { /* one closed batch of the line buffer */
    size_t end;
    uint32_t count;
};
struct position { /* waits for its lines to be appended */
    char *key, *value;
};
struct refusals { /* of the batch that the collector refused last */
    uint64_t seq;
    uint32_t n;
    kt_time_ns logged; /* mono */
};

struct peer { /* one collector */
    uint8_t key[32], log_id[16];
    struct kt_spool_view view; /* of the one that is spoken to: the spool has it */
};

struct log_state {  /* of one collector's log, in this life; times are mono unless it says so */
    bool ask, sign; /* waits to be said */
    bool refused;   /* it shows none */
    bool stale;
    bool unproven;                 /* it has answered without a proof since the tree grew */
    kt_time_ns asked, shown, said; /* 0: never */
    kt_time_ns quiet;              /* connected without a larger tree, in all */
    kt_time_ns stale_at;           /* wall */
    struct kt_head signed_head;    /* to this connection */
};

struct kt_agent {
    struct kt_agent_options o;
    struct kt_spool *spool;
    struct kt_signer signer;
    struct instance *sources;
    unsigned n_sources, turn;

    struct kt_buf lines;  /* given out, not yet in the spool */
    struct kt_buf hashes; /* of each of them, 32 bytes: made while a line is in the nearest cache */
    struct cut *cuts;     /* closed batches in it, oldest first */
    size_t n_cuts, cap_cuts, open_start;
    uint32_t open_count;
    kt_time_ns batch_since; /* mono of the first line of the open batch */
    kt_time_ns open_since;  /* mono of the oldest line that is not synced; 0 = none */
    struct position *positions;
    unsigned n_positions, cap_positions;
    bool found;              /* a file nobody has a position of: it gets one this turn */
    kt_time_ns positions_at; /* mono of the last look for positions without lines */
    bool behind, full, unsynced;
    kt_time_ns full_logged;

    struct kt_link link;
    struct kt_pair pair;
    struct peer peers[KT_PAIR_SIDES];
    kt_time_ns since;                          /* wall time: this one is spoken to */
    struct kt_note_key log_key[KT_PAIR_SIDES]; /* as configured */
    struct kt_log_watch *watch;
    struct log_state log[KT_PAIR_SIDES];
    unsigned n_logs;
    kt_time_ns watch_turned, order_looked; /* mono */
    kt_time_ns order_at;                   /* of the order that was carried out in this life */
    bool order_unread;                     /* that the last look failed was said */
    struct refusals refused;
    struct kt_buf frame, body;
    bool greeted;
    char trouble[200]; /* what the collector refused last; empty = fine */
    struct {
        uint64_t lines, batches, sent, acked, refused_batches, refused_lines, reconnects;
    } counts;
    kt_time_ns now, mono, started; /* of this turn */
};

/* agent.c */
KT_MUST_USE enum kt_status agent_line(struct kt_agent *a, struct kt_str line);

/* agent_link.c: hears and sends; *ret_wait_ms until it has something to do. */
KT_MUST_USE enum kt_status agent_hear(struct kt_agent *a, struct kt_error *err);
KT_MUST_USE enum kt_status agent_talk(struct kt_agent *a, int *ret_wait_ms, struct kt_error *err);
/* With the spool's incarnation. KT_E_AGAIN: the queue is full. */
KT_MUST_USE enum kt_status agent_send(struct kt_agent *a, struct kt_msg *m);
/* Fills holes of a damaged spool with lines that say so. */
KT_MUST_USE enum kt_status agent_fill_holes(struct kt_agent *a, struct kt_error *err);

/* agent_standby.c: the two collectors. */
KT_MUST_USE enum kt_status agent_standby_open(struct kt_agent *a, struct kt_error *err);
/* Asks the other one when it is time, and turns to it when it answers. *ret_wait_ms gets less. */
KT_MUST_USE enum kt_status agent_standby_turn(struct kt_agent *a, int *ret_wait_ms,
                                              struct kt_error *err);
/* The log of the one that is spoken to: told when it is another than before, and remembered. */
void agent_standby_welcomed(struct kt_agent *a, const uint8_t log_id[16]);
const char *agent_collector_name(const struct kt_agent *a); /* first, standby */
const char *agent_collector_endpoint(const struct kt_agent *a, enum kt_pair_side side);

/* agent_watch.c: the collector's log, as it is shown. */
KT_MUST_USE enum kt_status agent_watch_open(struct kt_agent *a, struct kt_error *err);
void agent_watch_welcomed(struct kt_agent *a);
void agent_watch_heard(struct kt_agent *a, const struct kt_msg *m);
bool agent_watch_refused(struct kt_agent *a); /* false: it was not meant */
void agent_watch_turn(struct kt_agent *a);
KT_MUST_USE enum kt_status agent_watch_talk(struct kt_agent *a);
void agent_watch_status(const struct kt_agent *a, struct kt_buf *out);

/* agent_before.c: what was given out before this start. */
void agent_before_open(struct instance *in);
/* The position that is true once all lines given so far are in the spool; false: it was told. */
bool agent_before_changed(struct instance *in, struct kt_buf *key, struct kt_buf *value);

/* agent_report.c: heartbeat lines, and the engine's own records about lost lines. */
void agent_report_due(struct kt_agent *a);
int agent_report_wait_ms(const struct kt_agent *a);
/* A line in the words of an input. */
void agent_input_report(struct kt_agent *a, const struct instance *in,
                        const struct kt_input_report *r);
/* A report of the agent itself, in the name of its first source; the same id and time make it the
 * same line. */
void agent_say(struct kt_agent *a, const char *operation, struct kt_str message, struct kt_str id,
               struct kt_str raw, kt_time_ns at);
/* A line that says that the collector has less than it acknowledged: it runs on an older copy of
 * its store (THREATS D6). */
void agent_restored(struct kt_agent *a, uint64_t acknowledged, uint64_t has);
/* A quarantine line in the name of the first source; deterministic for (incarnation, seq, index).
 */
void agent_lost_line(struct kt_agent *a, uint64_t seq, uint32_t index, const char *reason,
                     struct kt_buf *out);
