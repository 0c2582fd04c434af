/*
 * ask: opening what is asked, and the two walks.
 *
 * Owns:  the reader and the facts of a struct kt_ask.
 * Calls: core/query, core/store/read.h, core/config/identities.h. No clock, no output.
 */
#include "core/answer/ask.h"

#include <string.h>

enum kt_status kt_ask_open(struct kt_ask *a, const char *path, const struct kt_identities *ids,
                           kt_time_ns now, struct kt_error *err)
{
    *a = (struct kt_ask){ .ids = ids, .now = now };
    if (kt_reader_open(path, &a->reader, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    enum kt_status status = kt_facts_load(a->reader, &a->facts, err);
    if (status != KT_OK)
        kt_ask_done(a);
    return status;
}

enum kt_status kt_ask_follow(struct kt_ask *a, struct kt_error *err)
{
    return kt_facts_follow(a->facts, a->reader, err);
}

void kt_ask_done(struct kt_ask *a)
{
    kt_facts_free(a->facts);
    kt_reader_close(a->reader);
    a->facts = NULL;
    a->reader = NULL;
}

struct kt_str kt_ask_actor(const struct kt_ask *a, struct kt_str actor, struct kt_str source,
                           struct kt_str instance)
{
    const struct kt_identity *who =
        a->ids == NULL ? NULL : kt_identities_find(a->ids, actor, source, instance);
    return who == NULL ? actor : kt_str_of(who->name);
}

bool kt_ask_limited(const struct kt_ask *a)
{
    for (unsigned i = 0; a->ids != NULL && i < kt_identities_count(a->ids); i++) {
        const struct kt_identity *who = kt_identities_at(a->ids, i);
        for (unsigned k = 0; k < who->n_alias; k++)
            if (who->alias[k].source != NULL || who->alias[k].instance != NULL)
                return true;
    }
    return false;
}

static void quote(struct kt_buf *query, struct kt_str value)
{
    kt_buf_byte(query, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '"' || value.at[i] == '\\')
            kt_buf_byte(query, '\\');
        kt_buf_byte(query, value.at[i]);
    }
    kt_buf_byte(query, '"');
}

void kt_ask_term(struct kt_buf *query, const char *field, struct kt_str value)
{
    kt_buf_addf(query, "%s%s:", query->len > 0 ? " " : "", field);
    quote(query, value);
}

void kt_ask_value(struct kt_buf *query, struct kt_str value)
{
    kt_buf_byte(query, ',');
    quote(query, value);
}

void kt_ask_text(struct kt_buf *query, struct kt_str text)
{
    kt_buf_addz(query, query->len > 0 ? " " : "");
    quote(query, text);
}

enum kt_status kt_ask_pattern(struct kt_buf *query, const char *field, struct kt_str value,
                              struct kt_error *err)
{
    if (kt_str_find_byte(value, '*', 0) < 0) {
        kt_ask_term(query, field, value);
        return KT_OK;
    }
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.at[i] <= ' ' || strchr("\"()", value.at[i]) != NULL)
            return kt_fail(err, KT_E_INPUT,
                           "'" KT_STR_FMT "': a pattern has no blanks, quotes or parentheses; "
                           "put a * in their place",
                           KT_STR_ARG(value));
    kt_buf_addf(query, "%s%s:" KT_STR_FMT, query->len > 0 ? " " : "", field, KT_STR_ARG(value));
    return KT_OK;
}

/* ---- walks ---- */

enum kt_status kt_ask_query(const struct kt_ask *a, struct kt_str text, struct kt_query **ret,
                            struct kt_error *err)
{
    const struct kt_identities *ids = a->as_written ? NULL : a->ids;
    const struct kt_query_scope scope = { a->scope.len > 0 ? KT_QUERY_ACCESSES
                                                           : KT_QUERY_NO_CANARIES,
                                          a->scope, a->ids };
    struct kt_query *q = NULL;
    if (a->scope.len == 0) {
        if (kt_query_parse_as(text, a->now, a->zone_offset_s, ids, &q, err) != KT_OK)
            return err == NULL ? KT_E_INPUT : err->code;
        if (!a->no_canaries || !kt_query_names_kind(q)) { /* else they are accesses */
            *ret = q;
            return KT_OK;
        }
        kt_query_free(q);
    }
    return kt_query_parse_within(&scope, text, a->now, a->zone_offset_s, ids, ret, err);
}

static enum kt_status plan(struct kt_ask *a, struct kt_str text, struct kt_query **ret,
                           struct kt_scan *scan, struct kt_error *err)
{
    if (kt_ask_query(a, text, ret, err) != KT_OK)
        return kt_wrap(err, "query");
    *scan = (struct kt_scan){ .since = a->since,
                              .until = a->until,
                              .from_seq = a->from_seq,
                              .until_seq = a->until_seq,
                              .earliest = a->earliest,
                              .records = true,
                              .control = kt_query_names_kind(*ret),
                              .give_up = a->give_up,
                              .give_up_self = a->give_up_self,
                              .damage = &a->damage };
    kt_query_plan(*ret, scan);
    return KT_OK;
}

/* The end of a walk, and damage that was counted, are no faults: err says nothing of them. */
static enum kt_status ended(enum kt_status status, struct kt_error *err)
{
    if (status == KT_E_AGAIN)
        status = KT_OK;
    if (status == KT_OK && err != NULL)
        *err = (struct kt_error){ 0 };
    return status;
}

enum kt_status kt_ask_exact(struct kt_ask *a, struct kt_str query, bool *ret, struct kt_error *err)
{
    struct kt_query *q = NULL;
    struct kt_scan scan;
    enum kt_status status = plan(a, query, &q, &scan, err);
    if (status == KT_OK)
        *ret = kt_query_exact(q);
    kt_query_free(q);
    return status;
}

void kt_scan_cost_add(struct kt_scan_cost *to, const struct kt_scan_cost *c)
{
    to->segments += c->segments;
    to->skipped_time += c->skipped_time;
    to->skipped_filter += c->skipped_filter;
    to->opened += c->opened;
    to->batches += c->batches;
    to->lines += c->lines;
    to->bytes += c->bytes;
}

static enum kt_status must_be_exact(const struct kt_ask *a, struct kt_str query,
                                    const struct kt_query *q, struct kt_error *err)
{
    return kt_query_exact(q)
               ? KT_OK
               : kt_fail(err, KT_E_INPUT, "'" KT_STR_FMT "' cannot be counted without the lines%s",
                         KT_STR_ARG(query), a->scope.len > 0 ? ", or your scope cannot" : "");
}

enum kt_status kt_ask_columns(struct kt_ask *a, struct kt_str query, uint32_t columns,
                              enum kt_status (*each)(void *self, const struct kt_view *view,
                                                     struct kt_error *err),
                              void *self, struct kt_error *err)
{
    struct kt_query *q = NULL;
    struct kt_columns_scan *c = NULL;
    struct kt_scan scan;
    struct kt_scan_cost cost = { 0 };
    struct kt_view view;
    enum kt_status status = plan(a, query, &q, &scan, err);
    if (status == KT_OK)
        status = must_be_exact(a, query, q, err);
    if (status == KT_OK)
        status = kt_columns_open(a->reader, &scan, columns, true, &c, err);
    while (status == KT_OK) {
        status = kt_columns_next(c, &view, err);
        if (kt_scan_passes(&scan, status, err))
            status = KT_OK;
        else if (status == KT_OK)
            status = each(self, &view, err);
    }
    if (c != NULL)
        kt_columns_cost(c, &cost);
    kt_scan_cost_add(&a->cost, &cost);
    kt_columns_scan_free(c);
    kt_query_free(q);
    return ended(status, err);
}

/* Is it one that was asked for? Of a row its columns have said so. */
static bool is_asked_for(const struct kt_ask *a, const struct kt_query *q, enum kt_detail detail,
                         const struct kt_record *r, const struct kt_fact **ret_fact)
{
    *ret_fact = NULL;
    if (detail == KT_DETAIL_ROW)
        return true;
    if (!kt_query_names_kind(q) && r->ev.kind != KT_KIND_ACCESS)
        return false;
    *ret_fact = r->ev.has_ip ? kt_facts_at(a->facts, r->ev.ip, r->seq) : NULL;
    return kt_query_matches(q, r, *ret_fact);
}

static enum kt_status walk_records(struct kt_ask *a, struct kt_str query, enum kt_detail detail,
                                   enum kt_status (*each)(void *self, const struct kt_record *r,
                                                          const struct kt_fact *fact,
                                                          struct kt_error *err),
                                   void *self, struct kt_error *err)
{
    struct kt_query *q = NULL;
    struct kt_cursor *c = NULL;
    struct kt_scan scan;
    struct kt_scan_cost cost = { 0 };
    struct kt_record r = { 0 };
    const struct kt_fact *fact;
    enum kt_status status = plan(a, query, &q, &scan, err);
    scan.newest_first = a->newest_first;
    scan.detail = detail;
    scan.control = scan.control && detail == KT_DETAIL_EVENT;
    if (status == KT_OK && detail == KT_DETAIL_ROW)
        status = must_be_exact(a, query, q, err);
    if (status == KT_OK)
        status = kt_cursor_open(a->reader, &scan, &c, err);
    while (status == KT_OK) {
        status = kt_cursor_next(c, &r, err);
        if (kt_scan_passes(&scan, status, err)) {
            status = KT_OK;
            continue;
        }
        if (status == KT_OK && is_asked_for(a, q, detail, &r, &fact))
            status = each(self, &r, fact, err);
        if (a->since > scan.since)
            kt_cursor_since(c, a->since);
    }
    if (c != NULL)
        kt_cursor_cost(c, &cost);
    kt_scan_cost_add(&a->cost, &cost);
    kt_cursor_free(c);
    kt_query_free(q);
    return ended(status, err);
}

enum kt_status kt_ask_records(struct kt_ask *a, struct kt_str query,
                              enum kt_status (*each)(void *self, const struct kt_record *r,
                                                     const struct kt_fact *fact,
                                                     struct kt_error *err),
                              void *self, struct kt_error *err)
{
    return walk_records(a, query, KT_DETAIL_EVENT, each, self, err);
}

enum kt_status kt_ask_lines(struct kt_ask *a, struct kt_str query,
                            enum kt_status (*each)(void *self, const struct kt_record *r,
                                                   const struct kt_fact *fact,
                                                   struct kt_error *err),
                            void *self, struct kt_error *err)
{
    return walk_records(a, query, KT_DETAIL_ROW, each, self, err);
}

/* ---- where it begins ---- */

#define SLICE_FIRST KT_NS_DAY
#define GROWTH      4

static enum kt_status take_oldest(void *self, const struct kt_view *view, struct kt_error *err)
{
    kt_time_ns *oldest = self;
    (void)err;
    for (uint32_t k = 0; k < view->picks; k++) {
        kt_time_ns t = view->time[view->pick[k]];
        *oldest = *oldest == 0 || t < *oldest ? t : *oldest;
    }
    return KT_OK;
}

/* A slice is walked to its end: records of one time may stand anywhere in the log. */
static enum kt_status find_oldest(const struct kt_ask *a, kt_time_ns from, kt_time_ns *ret,
                                  struct kt_error *err)
{
    struct kt_ask beside = *a; /* what it had to leave out, whoever asks meets by itself */
    kt_time_ns oldest = 0, length = SLICE_FIRST;
    enum kt_status status = KT_OK;
    for (; status == KT_OK && oldest == 0 && from != 0; length *= GROWTH) {
        beside.since = from;
        beside.until = from < a->now ? from + length : 0; /* what is not yet may be anywhere */
        status = kt_ask_columns(&beside, KT_STR_NONE, 0, take_oldest, &oldest, err);
        from = beside.until;
    }
    *ret = oldest;
    return status;
}

enum kt_status kt_ask_first(struct kt_ask *a, kt_time_ns *ret, struct kt_error *err)
{
    struct kt_store_stats stats;
    if (kt_reader_stats(a->reader, &stats, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    kt_time_ns first = stats.first_time;
    if (first == 0 || (stats.first_arrival != 0 && stats.first_arrival < first))
        first = stats.first_arrival; /* a record without a time stands at its arrival */
    if (a->scope.len > 0)
        return find_oldest(a, first, ret, err);
    *ret = first;
    return KT_OK;
}
