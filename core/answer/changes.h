/*
 * changes: what was done to the collector and its log in a period: the records of the collector
 * itself (audit, config, decision, key, hold, tombstone), each with who did it and why, sorted by
 * what an auditor asks for. Changes of alerts' rows (operation alert) are left out: alerts have a
 * register of their own.
 */
#pragma once
#include "core/answer/ask.h"

/* clang-format off */
#define KT_CHANGES(X)                                                                              \
    X(CONFIG, "configuration")     /* settings, retention, lists of agents, versions */            \
    X(DETECTION, "detection")      /* detectors' settings and rules; expectations, break-glass */  \
    X(SOURCE, "source")            /* sources and agents that came, went, broke */                 \
    X(ALERT, "alert")              /* steps of people: acknowledged, closed …, silences */         \
    X(REVIEW, "review")            /* access reviews that were signed */                           \
    X(KEY, "key")                  /* keys of agents and of the log */                             \
    X(EXPORT, "export")            /* backups, streams, reports: the log left the house */         \
    X(VIEW, "view")                /* logins to the page, and what was looked at on it */          \
    X(RETENTION, "retention")      /* removals and holds */                                        \
    X(RUN, "run")                  /* starts and stops */                                          \
    X(FAULT, "fault")              /* what failed: integrity, disk, clock, detection, delivery */  \
    X(OTHER, "other")
enum kt_change_what {
#define X(n, w) KT_CHANGE_##n,
    KT_CHANGES(X)
#undef X
    KT_CHANGE_COUNT
};
/* clang-format on */
const char *kt_change_word(enum kt_change_what what);
enum kt_change_what kt_change_of(enum kt_kind kind, struct kt_str operation);

struct kt_change {
    kt_time_ns at; /* arrival */
    uint64_t seq;
    enum kt_kind kind;
    enum kt_change_what what;
    /* operation; who, about what, why: as the record has them, empty where it does not say;
     * digest: of a configuration or a document. */
    struct kt_str operation, by, about, text, digest;
};
#define KT_CHANGES_MAX 1000000u
struct kt_changes {       /* all of it lives until kt_changes_free */
    struct kt_change *at; /* in the order of the log */
    uint32_t n, cap;
    uint32_t of[KT_CHANGE_COUNT];
    struct kt_buf text;
};
/* Of the ask's window, by arrival. A configuration in several parts is one change, the same again
 * after a restart none. KT_E_LIMIT: more than KT_CHANGES_MAX. */
KT_MUST_USE enum kt_status kt_changes_load(struct kt_ask *a, struct kt_changes **ret,
                                           struct kt_error *err);
void kt_changes_free(struct kt_changes *c);
