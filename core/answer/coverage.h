/*
 * coverage: what of a window the log can speak about: day × source instance, the gaps with their
 * causes, whether they were filled later, and what a source can never show.
 *
 * Made from report and quarantine lines, the collector's own records (ticks, starts, refused
 * batches, restores, new logs) and the times of accesses. Every answer that crosses a gap says so.
 */
#pragma once
#include "core/answer/ask.h"

/* clang-format off */
#define KT_GAP_CAUSES(X)                                                                           \
    X(AGENT, "agent down")         /* no report came, and none was made */                         \
    X(COLLECTOR, "collector down") /* nobody took anything in */                                   \
    X(SOURCE, "source quiet")      /* the agent was there and its source said nothing unusually long */ \
    X(INPUT, "input failed")       /* the agent was there and could not read its source */         \
    X(SEQUENCE, "sequence gap")    /* records that an agent or a source numbered are missing */    \
    X(DIGEST, "digest missing")    /* a source's own proof of completeness is missing or differs */ \
    X(LOST, "records lost")        /* refused, quarantined for good, or overwritten in the source */ \
    X(LATE, "late")                /* it came, but so late that who asked before did not see it */  \
    X(LOG, "log renewed")          /* the store was restored: what came between is not in this log */
enum kt_gap_cause {
#define X(n, w) KT_GAP_##n,
    KT_GAP_CAUSES(X)
#undef X
    KT_GAP_COUNT
};
/* clang-format on */
const char *kt_gap_cause_word(enum kt_gap_cause cause);

struct kt_coverage_gap {
    struct kt_str instance; /* of the source; empty: of all of them */
    kt_time_ns from, until; /* event time */
    enum kt_gap_cause cause;
    bool filled;          /* came later: nothing is missing any more */
    kt_time_ns filled_at; /* arrival of what filled it */
    uint64_t events;    /* that came later, or (not filled) are known to be missing; 0: not known */
    struct kt_str text; /* one clause for people: "agent web-1 said nothing" */
};
struct kt_coverage_day { /* of one instance, a whole UTC day; share: as far as the window has it */
    uint64_t events, quarantined, reports;
    kt_time_ns lag_max; /* arrival minus event time; 0: nothing came later than is usual */
    uint8_t share;      /* percent of the day that is covered; of days before the first record 0 */
    bool expected;      /* between its first and last record, or an agent reports it */
};
struct kt_coverage_source {
    struct kt_str source, instance, agent; /* agent empty: imported */
    kt_time_ns first, last;                /* event time of accesses in the store */
    const struct kt_coverage_day *day;     /* kt_coverage.days of them */
    const struct kt_str *blind;            /* sentences: what it cannot see now, or never tells */
    unsigned n_blind;
};
#define KT_COVERAGE_GAPS 20000u
struct kt_coverage {         /* all of it lives until kt_coverage_free */
    kt_time_ns since, until; /* of what; whole: the window that was asked for */
    int64_t first_day;       /* since the epoch */
    uint32_t days;
    struct kt_coverage_source *source;
    unsigned n_sources;
    struct kt_coverage_gap *gap; /* by time */
    unsigned n_gaps;
    /* The collector itself, whether or not anything was sent to it: of what time before this
     * nothing is known of it (0: it never wrote of itself), and when it was not there, to the
     * minute. */
    kt_time_ns collector_from;
    struct kt_span *down;
    unsigned n_down;
    unsigned more; /* gaps beyond KT_COVERAGE_GAPS, which are left out */
    double share;  /* of all that was expected, 0 to 1; below 0: nothing was, so it is not known */
};
/*
 * Over the ask's window; where that is open, from the first record to now; at most the newest 1,100
 * days. To the minute. A store in which no agent ever spoke has no gaps but silences of its sources
 * between their first and last record. KT_E_LIMIT: given up, or too many sources for so many days.
 */
KT_MUST_USE enum kt_status kt_coverage_load(struct kt_ask *a, struct kt_coverage **ret,
                                            struct kt_error *err);
void kt_coverage_free(struct kt_coverage *c);
/* "30 min", "5 h 20 min", "12 days": as gaps are told. Returns buf. */
const char *kt_coverage_span(kt_time_ns d, char buf[KT_TIME_TEXT_MAX]);
/* Is something missing for good as far as the log knows? What merely came late is not. */
bool kt_coverage_is_open(const struct kt_coverage_gap *g);
/* How many are, those beyond KT_COVERAGE_GAPS among them. */
uint64_t kt_coverage_open(const struct kt_coverage *c);
/* Of an open one: is its whole time missing, so that `share` is without it? Of records that were
 * numbered or proven only some are missing. */
bool kt_coverage_takes_time(const struct kt_coverage_gap *g);
/* The sentence that stands below every answer: "coverage 100 %", "coverage 97 %: vault-prod has a
 * gap of 30 min that was filled later (keytrail coverage --gaps)". instance: only of that one, or
 * empty. */
void kt_coverage_say(const struct kt_coverage *c, struct kt_str instance, struct kt_buf *out);
