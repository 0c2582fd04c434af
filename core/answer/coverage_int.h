/*
 * coverage_int: what the parts of coverage share while an answer is made. Private to core/answer.
 *
 * Times are minutes since the epoch: that is how fine the tally is.
 */
#pragma once
#include "core/answer/coverage.h"
#include "core/answer/tally.h"

#define KT_SURVEY_AWAY    10 /* minutes without a report, or without a sign of the collector */
#define KT_SURVEY_LEAST   15 /* a shorter silence of a source is no gap, however busy it is */
#define KT_SURVEY_HISTORY 28 /* days before the window that say what is usual */

struct kt_survey_span {
    int64_t from, until;
};
struct kt_survey_spans {
    struct kt_survey_span *at;
    unsigned n, cap;
};
void kt_survey_add_span(struct kt_survey_spans *s, int64_t from, int64_t until);
/* Minutes of [from, until) that are in one of the spans, which are rising and apart. */
int64_t kt_survey_covered(const struct kt_survey_spans *s, int64_t from, int64_t until);

struct kt_survey_pause { /* of a source that was listened to */
    int64_t from, until;
    double expected; /* accesses that its hours of the week usually have */
};
struct kt_survey_source {
    struct kt_survey_spans away; /* no report came from or about it */
    double rate[168];            /* accesses in an hour of the week; Thursday 00 UTC first */
    struct kt_survey_pause *pause;
    unsigned n_pauses, cap_pauses;
    double usual; /* what its larger usual pauses miss */
    double least; /* what a pause misses at least that chance does not explain */
    bool retired; /* its agent goes on without it */
};
struct kt_survey_renewal { /* of the log, after a restore: KT_RENEWED_OPERATION */
    kt_time_ns at;
    int64_t signed_size, size; /* records that were signed before, and that it went on with */
};
struct kt_survey {
    struct kt_ask *a;
    struct kt_coverage *c; /* being made; owns all texts */
    struct kt_tally *t;
    struct kt_survey_source *at; /* t->n of them */
    int64_t since, until;        /* the window */
    int64_t end;                 /* what can be judged: until, or the last sign of life */
    struct kt_survey_spans down; /* of the collector */
    int64_t signs_first;         /* of the collector; 0: no collector ever wrote to this log */
    struct kt_survey_renewal *renewal; /* the newest first */
    unsigned n_renewals, cap_renewals;
    unsigned cap_gaps;
};

/* One more gap, where it touches the window. source: index in t->at, or -1: all of them. text: a
 * format. NULL: it does not touch the window. Valid until the next call. */
struct kt_coverage_gap *kt_survey_gap(struct kt_survey *v, int source, int64_t from, int64_t until,
                                      enum kt_gap_cause cause, const char *text, ...)
    KT_PRINTF(6, 7);
/* A copy that lives as long as the answer. */
struct kt_str kt_survey_keep(struct kt_survey *v, struct kt_str s);

/* ticks, starts and stops: when nobody took anything in; and when the log was renewed. */
KT_MUST_USE enum kt_status kt_survey_collector(struct kt_survey *v, struct kt_error *err);
/* The store was restored, as was found at that time: the collector's absence that ended within
 * `after` before it has this cause; without one, that minute. NULL: it does not touch the window.
 */
struct kt_coverage_gap *kt_survey_restored(struct kt_survey *v, kt_time_ns at, kt_time_ns after);
/* What the log's renewals say, after all else: they are the last word on their gaps. */
void kt_survey_renewals(struct kt_survey *v);
/* Can the tally say nothing of what is usual, but there is a silence that asks for it? */
bool kt_survey_wants_history(const struct kt_survey *v);
/* By the tally alone: agents that were away, sources that were quiet, records that came late. */
void kt_survey_judge(struct kt_survey *v);
/* A part of it: what came late. */
void kt_survey_late(struct kt_survey *v, unsigned source);
/* When the last late record of the span came, in minutes; 0: none was late. */
int64_t kt_survey_arrived(const struct kt_survey *v, unsigned source, int64_t from, int64_t until);
void kt_survey_fill(struct kt_coverage_gap *g, int64_t at, uint64_t events);
/* How many accesses are usual in [from, until). */
double kt_survey_expected(const struct kt_survey_source *s, int64_t from, int64_t until);
/* Is there a silence in [from, until) that is unusual for the source? */
bool kt_survey_is_missing(const struct kt_survey *v, unsigned source, int64_t from, int64_t until);
/* By lines of reports and quarantine: names, blind spots, inputs that failed, records that are lost
 * for sure, digests, restores. */
KT_MUST_USE enum kt_status kt_survey_reports(struct kt_survey *v, struct kt_error *err);

/* ---- what agents said at certain times ---- */

struct kt_survey_counts { /* as an agent counts them, since it started */
    uint64_t gaps, lost;  /* numbers that are missing; records that are gone, in whatever way */
};
struct kt_survey_reading {
    unsigned source;
    kt_time_ns wanted; /* no later than this, nor much older; 0: of no source any more */
    kt_time_ns at;     /* of the report; 0: none */
    struct kt_survey_counts counts;
    bool fails;            /* its input has a problem: it cannot read */
    struct kt_str problem; /* which; kept by the answer */
};
#define KT_SURVEY_FRESH (5 * KT_NS_MIN) /* a reading is no older than this */
/* Fills `at` and what comes behind it of n readings, in one walk. */
KT_MUST_USE enum kt_status kt_survey_read(struct kt_survey *v, struct kt_survey_reading *r,
                                          unsigned n, struct kt_error *err);
/* Index of a record's source in v->t->at, or -1. */
int kt_survey_source(const struct kt_survey *v, const struct kt_record *r);
