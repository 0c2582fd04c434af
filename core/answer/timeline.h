/*
 * timeline: what happened, in the order of event time, over all sources: accesses with what is
 * remarkable about them, alerts and what people did about them, and the gaps in between.
 *
 * Holds the newest records that match (a page), copies of their lines, 256 MiB at most. What is
 * "new" is told against KT_USUAL_DAYS before the page, for at most KT_TIMELINE_ACTORS actors.
 */
#pragma once
#include "core/answer/coverage.h"
#include "core/event/step.h"

#define KT_TIMELINE_ACTORS 8u

/* clang-format off */
#define KT_TIMELINE_NOTES(X)                                                                       \
    X(NEW_ACTOR, "first time seen")         /* nothing of it in the days before    */              \
    X(NEW_COUNTRY, "first time from there") /* the actor was never in that country */              \
    X(NEW_ADDRESS, "new address")           /* nor at that address, in a country it knows */       \
    X(NEW_SECRET, "new secret for it")                                                             \
    X(LATE, "arrived late")                                                                        \
    X(CONFLICT, "same id as another access")
enum kt_timeline_note {
#define X(n, w) KT_NOTE_##n,
    KT_TIMELINE_NOTES(X)
#undef X
    KT_NOTE_COUNT
};
/* clang-format on */
const char *kt_timeline_note_word(enum kt_timeline_note note);

enum kt_moment_kind { KT_MOMENT_ACCESS, KT_MOMENT_GAP, KT_MOMENT_ALERT, KT_MOMENT_STEP };
struct kt_moment {
    enum kt_moment_kind kind;
    kt_time_ns at;
    /* ACCESS (and other records, where the query names their kind) */
    size_t record;       /* for kt_timeline_record */
    uint32_t notes;      /* 1 << enum kt_timeline_note */
    uint32_t folded;     /* so many alike ones follow and are not shown … */
    uint32_t secrets;    /* … of so many secrets, … */
    kt_time_ns until;    /* … until then */
    kt_time_ns since;    /* the one before by the same actor; 0: none on this page */
    kt_time_ns late;     /* how much */
    const char *country; /* NEW_COUNTRY: the one before, or empty; lives as long as the answer */
    int alert;           /* it is evidence of this one of kt_timeline.alert; -1: none */
    /* the others: index into what kt_timeline holds */
    unsigned index;
};
struct kt_timeline_alert {
    struct kt_str id, severity, title, detector, actor;
    kt_time_ns raised, first, last;
    bool hidden; /* kt_within_hides: its title is its detector, no record and no reason is its */
};
struct kt_timeline {
    struct kt_moment *moment; /* rising */
    size_t n;
    struct kt_coverage *coverage; /* of what the page spans; NULL: it was not looked at in time */
    struct kt_timeline_alert *alert;
    unsigned n_alerts;
    struct kt_step *step;
    unsigned n_steps;
    kt_time_ns since, until; /* what the page spans */
    unsigned actors;         /* different ones on it */
    bool news;               /* what is new was looked for; else those notes are absent */
    bool more;               /* there are older ones: */
    kt_time_ns page_time;    /* ask again with these */
    uint64_t page_seq;
};
struct kt_timeline_options {
    struct kt_str query;  /* "" = all accesses */
    size_t records;       /* kept at most, the newest; 0: as many as fit */
    size_t moments;       /* shown at most, the newest; 0: all */
    bool all;             /* nothing is folded */
    kt_time_ns page_time; /* go on behind a page: only what is older; 0: from the end */
    uint64_t page_seq;
    /* Asked while what is new and what is missing is looked for: true leaves that out. */
    bool (*hurry)(void *self);
    void *hurry_self;
};
/* KT_E_INPUT: the query is wrong. */
KT_MUST_USE enum kt_status kt_timeline_load(struct kt_ask *a, const struct kt_timeline_options *o,
                                            struct kt_timeline **ret, struct kt_error *err);
void kt_timeline_free(struct kt_timeline *t);
/* The record of a moment, parsed anew, and the fact about its address (or NULL); lives until the
 * next call. */
KT_MUST_USE enum kt_status kt_timeline_record(struct kt_timeline *t, const struct kt_ask *a,
                                              const struct kt_moment *m, struct kt_record *ret,
                                              const struct kt_fact **ret_fact,
                                              struct kt_error *err);
