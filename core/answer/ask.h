/*
 * ask: what every question of a responder or an auditor is asked of: a store, a window of time, who
 * is who, what is known of addresses; and the two walks that answers are made of.
 *
 * The answers themselves are one file each beside this one. They return data; what prints, draws or
 * serves it is above (cli, reports, the page). Nothing here prints or asks a clock.
 */
#pragma once
#include "core/query/query.h"

/* What a window is compared with: the days before it. Four whole weeks, so that each day of the
 * week counts alike, and as many as detection remembers of an actor's busiest days. */
#define KT_USUAL_DAYS 28
#define KT_USUAL_SPAN (KT_USUAL_DAYS * KT_NS_DAY)
/* What kt_event_is_read says, as a question. */
#define KT_ASK_READS                                                                               \
    "secret:* (action:read,export,issue OR (action:use -secret:aws-kms://**,az-kv://*/keys/** "    \
    "-(source:cloudtrail secret:aws-sm://** -ip:*)))"
/* What kt_event_is_shadow leaves, as a question. */
#define KT_ASK_NO_SHADOWS "-(action:use source:cloudtrail secret:aws-sm://** -ip:*)"

struct kt_within;
struct kt_ask {
    struct kt_reader *reader;
    const struct kt_identities *ids; /* NULL: nobody has an alias */
    struct kt_facts *facts;          /* of addresses */
    kt_time_ns since, until;         /* event time [since, until); 0 = open */
    kt_time_ns now;
    uint64_t from_seq;   /* the oldest record that counts; 0: all */
    uint64_t until_seq;  /* the newest record that counts; 0: all. So that several walks over a log
                            that grows speak of the same records */
    struct kt_str scope; /* a query that every record must fit before a question sees it; empty:
                            all. What else is not of records alone (gaps) is left out then */
    bool no_canaries;    /* what names the canaries is nothing that a question sees: records of the
                            collector's settings and of what people decided, and what alerts that may
                            be about one are about (kt_within_hides) */
    const struct kt_within *told; /* with a scope: the alerts that answers may tell of (within.h);
                                     NULL: none. Without one they tell of all */
    int zone_offset_s; /* of relative times in queries, and of hours and days in answers */
    bool recount;      /* trust no sums that are kept (tally_kept.h): derive all from the records */
    bool earliest;     /* as in struct kt_scan */
    bool newest_first; /* kt_ask_records: instead of oldest first */
    bool as_written;   /* actor: in queries means what is written, no aliases: whoever judges the
                          actors of rows, since columns alone cannot say an alias for some sources */
    /* Asked as in struct kt_scan: true ends a walk with KT_E_LIMIT. */
    bool (*give_up)(void *self);
    void *give_up_self;
    struct kt_damage damage;  /* what had to be left out; an answer with places > 0 says so */
    struct kt_scan_cost cost; /* of all walks, summed */
};
/* Opens the store and its facts. ids is borrowed; the window may be set afterwards. Errors as
 * kt_reader_open. kt_ask_done accepts a zeroed one. */
KT_MUST_USE enum kt_status kt_ask_open(struct kt_ask *a, const char *path,
                                       const struct kt_identities *ids, kt_time_ns now,
                                       struct kt_error *err);
/* The log has grown: takes in what came since of what is held of it (facts; where a file ended and
 * another began). Cheap when nothing came. For whoever keeps it open between questions. */
KT_MUST_USE enum kt_status kt_ask_follow(struct kt_ask *a, struct kt_error *err);
void kt_ask_done(struct kt_ask *a);

/* When the log began for whoever asks: the time of its oldest record, or its first arrival where
 * that is earlier; of a scope the time of the oldest record that fits. 0: there is none. Of a scope
 * it is looked for from the log's beginning on, in slices that grow, over columns. */
KT_MUST_USE enum kt_status kt_ask_first(struct kt_ask *a, kt_time_ns *ret, struct kt_error *err);

/* The canonical name of an actor, as aliases have it; without one, as its source wrote it. Lives as
 * long as ids and actor. */
struct kt_str kt_ask_actor(const struct kt_ask *a, struct kt_str actor, struct kt_str source,
                           struct kt_str instance);

/* Is some alias meant for some sources only? Then the same name can be two actors, and a row's
 * source says which. */
bool kt_ask_limited(const struct kt_ask *a);

/* Parses a query of this ask: relative times, aliases, and within its scope. Every walk over
 * records begins here. */
KT_MUST_USE enum kt_status kt_ask_query(const struct kt_ask *a, struct kt_str text,
                                        struct kt_query **ret, struct kt_error *err);

/*
 * Walks over the records of the window that match a query ("" = all accesses), oldest first. each()
 * is asked until it returns another status than KT_OK; KT_E_AGAIN ends the walk without a fault.
 * Damaged places are counted in a->damage and left behind.
 */
/* By columns, without lines: the query must be one that columns say all of (kt_query_exact), else
 * KT_E_INPUT. columns: KT_COLUMN()s. */
KT_MUST_USE enum kt_status kt_ask_columns(struct kt_ask *a, struct kt_str query, uint32_t columns,
                                          enum kt_status (*each)(void *self,
                                                                 const struct kt_view *view,
                                                                 struct kt_error *err),
                                          void *self, struct kt_error *err);
/* The same for whoever can count with the sums that are kept of a stretch of segments
 * (core/store/totals.h) instead: of one of which all lies in the window `take` is asked, in the
 * order of the log; what it refuses (false) and all else comes to each. Within a scope all does.
 * Sums are of all accesses, whatever the query asks for: take counts those alone that fit it,
 * which sums must be able to say. whom: the query is about actors, their sources and instances and
 * nothing else; those that fit it are `wanted` when take is asked, and where none is it is not. A
 * query about anything else is then walked over. */
struct kt_totals;
struct kt_ask_totals {
    unsigned with; /* KT_TOTALS_WITH_; deeds and places: of whom, or of everybody's own accesses */
    bool whom;
    bool (*take)(void *self, struct kt_totals *s);
};
KT_MUST_USE enum kt_status kt_ask_summed(
    struct kt_ask *a, const struct kt_ask_totals *sums, struct kt_str query, uint32_t columns,
    enum kt_status (*each)(void *self, const struct kt_view *view, struct kt_error *err),
    void *self, struct kt_error *err);
/* Do columns say all of the query? KT_E_INPUT: it is wrong. */
KT_MUST_USE enum kt_status kt_ask_exact(struct kt_ask *a, struct kt_str query, bool *ret,
                                        struct kt_error *err);
/* By lines. fact: of the record's address then, or NULL. Where the query names a kind, control
 * records come too. each() may move a->since up: whoever keeps the newest few tells as they come.
 */
KT_MUST_USE enum kt_status kt_ask_records(struct kt_ask *a, struct kt_str query,
                                          enum kt_status (*each)(void *self,
                                                                 const struct kt_record *r,
                                                                 const struct kt_fact *fact,
                                                                 struct kt_error *err),
                                          void *self, struct kt_error *err);
/* The same where columns say all of the query, else KT_E_INPUT: the line is there and was not read,
 * of the event kind and time alone. */
KT_MUST_USE enum kt_status kt_ask_lines(struct kt_ask *a, struct kt_str query,
                                        enum kt_status (*each)(void *self,
                                                               const struct kt_record *r,
                                                               const struct kt_fact *fact,
                                                               struct kt_error *err),
                                        void *self, struct kt_error *err);
/* Adds ` field:"value"` to a query, its quotes and backslashes as docs/query.md wants them. */
void kt_ask_term(struct kt_buf *query, const char *field, struct kt_str value);
/* Adds `,"value"`: one more value of the term that was added last. */
void kt_ask_value(struct kt_buf *query, struct kt_str value);
/* Adds ` "text"`: lines without it need not be parsed. */
void kt_ask_text(struct kt_buf *query, struct kt_str text);
/* The same, but where a `*` is in the value it is a glob. KT_E_INPUT: a glob with blanks, quotes or
 * parentheses, which no query can say. */
KT_MUST_USE enum kt_status kt_ask_pattern(struct kt_buf *query, const char *field,
                                          struct kt_str value, struct kt_error *err);
void kt_scan_cost_add(struct kt_scan_cost *to, const struct kt_scan_cost *c);
