/*
 * ingest: messages of agents -> checked batches -> one transaction -> acks. No sockets: bodies in,
 * answers out, so that the simulator runs it whole.
 */
#pragma once
#include "collector/auth.h"
#include "collector/counts.h"
#include "collector/handed.h"
#include "core/store/read.h"
#include "core/sys/clock.h"
#include "core/sys/geo.h"
#include "core/wire/frame.h"

struct kt_ingest;
struct kt_ingest_options {
    struct kt_store *store;
    struct kt_auth *auth;
    struct kt_clock clock;
    const struct kt_geo *geo; /* may be NULL */
    /* The store's file: addresses with a fact in it get no second one. NULL: all are new. */
    const char *store_path;
    /* Answers; kept back until the commit where they promise something. peer: whatever
     * kt_ingest_message was given. */
    void (*reply)(void *self, uint64_t peer, struct kt_str body);
    /* Every record of the committed transaction, in seq order, after the commit, in one or more
     * calls: detection may be fed from here. NULL: nothing is kept for it. */
    void (*committed)(void *self, const struct kt_record *records, uint32_t n);
    /* identity.violation, secret in a line, quota …: self-alerts, at most once a window per (agent,
     * code). */
    void (*alarm)(void *self, const char *code, struct kt_str agent, const char *sentence);
    /* A source instance ("vault/vault-prod") has sent for the first time. May be NULL. */
    void (*claimed)(void *self, struct kt_str instance);
    /* SINCE or COSIGN of a welcomed connection (collector/showing.h). NULL: the log is not shown,
     * and SINCE is refused as a collector of the version before does. */
    void (*about_log)(void *self, uint64_t peer, const struct kt_agent_entry *e,
                      const struct kt_msg *m);
    struct kt_counts *counts; /* counts what comes; NULL: nobody does */
    struct kt_way *way;       /* gets committed batches of agents; NULL: nobody wants them */
    void *self;
};
struct kt_ingest *kt_ingest_new(const struct kt_ingest_options *o);
void kt_ingest_free(struct kt_ingest *in);
/* Other tables of addresses than those it began with; lent as they were. */
void kt_ingest_take_geo(struct kt_ingest *in, const struct kt_geo *geo);
/* One message from an authenticated peer. user_id as the socket says it. Only KT_E_IO and
 * KT_E_CORRUPT come back (the store): exit then. */
KT_MUST_USE enum kt_status kt_ingest_message(struct kt_ingest *in, uint64_t peer,
                                             struct kt_str user_id, struct kt_str body,
                                             struct kt_error *err);
/* Lines of an import or feed through the same door (facts, dedupe). stored/duplicate per line in
 * *ret (NULL: not asked). */
struct kt_ingest_line {
    struct kt_str line;
    kt_time_ns arrival; /* 0 = now */
};
KT_MUST_USE enum kt_status kt_ingest_lines(struct kt_ingest *in, enum kt_origin origin,
                                           const struct kt_ingest_line *lines, uint32_t n,
                                           struct kt_store_result *ret, struct kt_error *err);
/* Commits what waits and sends the acks. Cheap when nothing waits. */
KT_MUST_USE enum kt_status kt_ingest_commit(struct kt_ingest *in, struct kt_error *err);
/* Appends a tick when 5 min have passed since the last one (wall clock). */
KT_MUST_USE enum kt_status kt_ingest_tick(struct kt_ingest *in, struct kt_error *err);
bool kt_ingest_waiting(const struct kt_ingest *in); /* something is not committed */
bool kt_ingest_full(const struct kt_ingest *in);    /* commit before the next message */
/* A control record of the collector itself (config, audit …) with the arrival of now, and the open
 * transaction for whoever writes beside it (alerts, snapshots). Both wait for kt_ingest_commit. */
KT_MUST_USE enum kt_status kt_ingest_control(struct kt_ingest *in, struct kt_event *ev,
                                             struct kt_error *err);
KT_MUST_USE enum kt_status kt_ingest_begin(struct kt_ingest *in, struct kt_error *err);
/* Rolls back what was begun for something else than messages and records: there are none in it. */
void kt_ingest_undo(struct kt_ingest *in);
struct kt_ingest_counts {
    uint64_t batches, events, duplicates, conflicts, resent, refused_batches, refused_lines,
        revoked, violations, facts;
    uint64_t commits;
    uint64_t early; /* lines of imports that came in the future by their own word: they come now */
};
struct kt_ingest_counts kt_ingest_counts(const struct kt_ingest *in);
/* Refuse new batches with KT_REFUSE_DISK (thresholds D5). */
void kt_ingest_disk_full(struct kt_ingest *in, bool full);
