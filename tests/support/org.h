/*
 * org: an invented organisation for tests of detection: its people, services and jobs at work for
 * some weeks, from a seed, and what a test adds to that. Records are built by hand and fed to an
 * engine in (arrival, seq) order.
 */
#pragma once
#include "collector/detect.h"

#define ORG_START (INT64_C(1788220800) * KT_NS_S) /* Tuesday 2026-09-01 00:00 UTC */

struct org_event {
    kt_time_ns t;
    const char *actor, *secret, *ip, *user_agent, *operation, *instance, *source, *native;
    enum kt_actor_kind kind;
    enum kt_action action;
    enum kt_outcome outcome;
    kt_time_ns arrival; /* 0 = t + 2 s */
    uint32_t count, flags;
    enum kt_kind record; /* ACCESS unless said */
    const char *code, *credential, *raw, *role, *agent, *scope, *host, *via;
    bool unanswered; /* outcome unknown, which is success when not said */
    bool forged;     /* a decision that an agent sent */
};
struct org_alert { /* as told, copied */
    char id[27], detector[32], state[12], actor[128], json[8192];
    char title[256], normal[420], why[400], merged_into[32], suppressed_by[400];
    int severity, score;
    bool is_new;
    kt_time_ns raised, first;
};
struct org {
    uint64_t seed, seq;
    struct kt_arena keep;
    struct org_event *ev;
    uint32_t n, cap;
    struct { /* facts, told before the first event */
        const char *ip, *country, *org;
        unsigned asn;
        bool hosting, placed;
        int lat_e2, lon_e2;
        unsigned radius_km;
    } fact[256];
    unsigned n_fact, told_fact;
    struct org_alert *alert;
    uint32_t n_alert, cap_alert;
    struct kt_detect *d;
    struct kt_conf *conf;
    struct kt_yaml *yaml; /* options of one detector */
    struct kt_conf_detector configured;
    uint64_t fed;
    uint64_t restart_every; /* snapshot into a new engine after so many records; 0 = never */
};
void org_start(struct org *o, uint64_t seed);
void org_done(struct org *o);
/* Options of one detector, "{a: 1, b: [x]}"; before the first event. */
void org_configure(struct org *o, const char *detector, const char *yaml);
/* A file of identities, or of its text; before the first event. */
void org_identities(struct org *o, struct kt_str text);
uint64_t org_random(struct org *o);
unsigned org_below(struct org *o, unsigned n);
/* Text that lives as long as the organisation. */
const char *org_text(struct org *o, const char *fmt, ...) KT_PRINTF(2, 3);
void org_fact(struct org *o, const char *ip, const char *country, unsigned asn, const char *name,
              bool hosting);
/* Of the last fact: what a database of cities adds, hundredths of a degree. */
void org_place(struct org *o, int lat_e2, int lon_e2, unsigned radius_km);
void org_add(struct org *o, struct org_event e);
/* Sorts what was added by arrival and feeds it. May be called again for what comes later. */
void org_run(struct org *o);

/* Work from day `from` for `days`: per_day reads of `secrets` secrets named prefix0, prefix1 …;
 * people on weekdays from 7 to 16 UTC, services at all hours, jobs in bursts of a pipeline. */
struct org_worker {
    const char *name, *ip, *prefix, *user_agent;
    enum kt_actor_kind kind;
    unsigned from, days, per_day, secrets;
};
void org_work(struct org *o, struct org_worker w);
/* A company of `people` people and `services` services with offices and homes, for `days` days. */
void org_company(struct org *o, unsigned people, unsigned services, unsigned days);

/* The collector's ticks, and an agent's heartbeats about one source: every 5 minutes of
 * [from, until). */
void org_ticks(struct org *o, kt_time_ns from, kt_time_ns until);
/* A decision (core/event/decision.h) that the collector wrote. */
void org_decide(struct org *o, kt_time_ns at, const char *operation, const char *raw);
void org_heartbeats(struct org *o, const char *agent, const char *source, const char *instance,
                    kt_time_ns from, kt_time_ns until);
/* What was added from number `since` on comes all at once, at `at`. */
void org_arrive(struct org *o, uint32_t since, kt_time_ns at);
/* Takes out what was added and not run yet: the heartbeats of an agent, or, without one, the
 * accesses of an instance. */
void org_hush(struct org *o, const char *agent, const char *instance, kt_time_ns from,
              kt_time_ns until);

/* New alerts of at least this severity since alert number `since`. */
unsigned org_alerts(const struct org *o, uint32_t since, int severity);
const struct org_alert *org_alert_of(const struct org *o, uint32_t since, const char *actor);
