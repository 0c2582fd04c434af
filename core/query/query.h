/*
 * query: the one query language (DESIGN §8, INTERFACE §1).
 *
 *   field:value   field:a,b (either)   -term, NOT term   a b, a AND b   a OR b   ( … )   * and **
 * in a value   CIDR on ip   > >= < <= on numbers and times   since: until:   "free text" or a bare
 *   word over the line
 *
 * Fields are the keys of `search` output. An unknown field is KT_E_INPUT with the nearest name.
 * docs/query.md has the whole of it.
 */
#pragma once
#include "core/config/identities.h"
#include "core/store/read.h"

struct kt_query;
KT_MUST_USE enum kt_status kt_query_parse(struct kt_str text, struct kt_query **ret,
                                          struct kt_error *err);
/* The same where relative times (since:7d, time:>yesterday) have a meaning; kt_query_parse refuses
 * them. zone_offset_s as in kt_time_expr. */
KT_MUST_USE enum kt_status kt_query_parse_at(struct kt_str text, kt_time_ns now, int zone_offset_s,
                                             struct kt_query **ret, struct kt_error *err);
/* The same, where `actor:` with the whole canonical name of an identity means all of its aliases,
 * each in the sources it is meant for. */
KT_MUST_USE enum kt_status kt_query_parse_as(struct kt_str text, kt_time_ns now, int zone_offset_s,
                                             const struct kt_identities *ids, struct kt_query **ret,
                                             struct kt_error *err);
/* The same, where *ret_fault (may be NULL) says on failure which bytes of the text are wrong:
 * within it; of a text that ends too early none at its end. */
struct kt_query_fault {
    size_t at, len;
};
KT_MUST_USE enum kt_status kt_query_parse_told(struct kt_str text, kt_time_ns now,
                                               int zone_offset_s, const struct kt_identities *ids,
                                               struct kt_query **ret,
                                               struct kt_query_fault *ret_fault,
                                               struct kt_error *err);
/* The same of what somebody may see: it must be of the kinds, and fit the scope and the text, each
 * by itself: the text cannot widen the scope. */
#define KT_QUERY_ACCESSES "kind:access" /* other kinds speak of more than one team */
/* Settings name the canaries, and so may what people write about alerts. */
#define KT_QUERY_NO_CANARIES "-(kind:config operation:config) -kind:decision"
struct kt_query_scope {
    const char *kinds; /* a query too: one of those above */
    struct kt_str text;
    const struct kt_identities *ids; /* of its own `actor:`; NULL: names mean themselves */
};
KT_MUST_USE enum kt_status kt_query_parse_within(const struct kt_query_scope *scope,
                                                 struct kt_str text, kt_time_ns now,
                                                 int zone_offset_s, const struct kt_identities *ids,
                                                 struct kt_query **ret, struct kt_error *err);
void kt_query_free(struct kt_query *q);
/* Facts about an address in force for a record (country, asn), for country: and asn: terms; may be
 * NULL. */
struct kt_fact {
    struct kt_str country, org;
    uint32_t asn;
    bool hosting;
};
bool kt_query_matches(const struct kt_query *q, const struct kt_record *r,
                      const struct kt_fact *fact);
/* Did the text name kind: itself? Otherwise `search` shows access records only. */
bool kt_query_names_kind(const struct kt_query *q);
/* What since: and until: in the text say, for struct kt_scan; 0 = open. Matching asks them too. */
void kt_query_window(const struct kt_query *q, kt_time_ns *ret_since, kt_time_ns *ret_until);

/*
 * Plans a scan: its sieves, needles and bounds, all of them conditions that a matching record meets
 * (and kind access, unless the query names a kind). They are lent by q: one plan at a time, for as
 * long as the cursor lives. Bounds that are set already are only narrowed.
 */
void kt_query_plan(struct kt_query *q, struct kt_scan *scan);
/* After a plan: do its column sieves and bounds say all there is to say? Then columns can be
 * counted without a look at the lines. */
bool kt_query_exact(const struct kt_query *q);
/* After a plan: each part of the query and what is done with it. */
void kt_query_describe(const struct kt_query *q,
                       void (*each)(void *self, struct kt_str part, const char *use), void *self);

/* Facts by address, from the store's fact records (line kind fact, raw
 * {"ip":…,"country":…,"asn":…,"org":…,"hosting":…,"class":…,"build":…}). */
struct kt_facts;
KT_MUST_USE enum kt_status kt_facts_load(struct kt_reader *r, struct kt_facts **ret,
                                         struct kt_error *err);
/* Takes in the facts behind the newest one that is known. */
KT_MUST_USE enum kt_status kt_facts_follow(struct kt_facts *f, struct kt_reader *r,
                                           struct kt_error *err);
struct kt_facts *kt_facts_new(void); /* of nothing yet */
/* Takes a record in, if it is a fact: for whoever walks the log anyway. In the order of their
 * numbers; one that is not after the last is passed over. */
void kt_facts_see(struct kt_facts *f, const struct kt_record *r);
void kt_facts_free(struct kt_facts *f);
/* In force for a record with that seq: the newest fact of the address stored before it, else the
 * oldest after it. NULL: none. */
const struct kt_fact *kt_facts_at(const struct kt_facts *f, struct kt_ip ip, uint64_t seq);
