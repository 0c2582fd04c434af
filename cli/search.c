/*
 * search: events that match a query.
 *
 * Owns:  the newest matches of a limited search.
 * Calls: core/query, core/store/read.h; stdout, stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/query/query.h"
#include "core/sys/clock.h"
#include "core/sys/proc.h"

#define SEARCH_TTY_LIMIT 50u
#define SEARCH_LIMIT_MAX 1000000u

static const struct kt_column columns[] = {
    { "seq", NULL, 0, true },
    { "id", NULL, 0, false },
    { "time", "TIME (UTC)", 0, false },
    { "arrival", NULL, 0, false },
    { "stored", NULL, 0, false },
    { "kind", NULL, 0, false },
    { "source", NULL, 0, false },
    { "instance", "SOURCE", 20, false },
    { "native_id", NULL, 0, false },
    { "action", "ACTION", 0, false },
    { "operation", NULL, 0, false },
    { "outcome", "OUTCOME", 0, false },
    { "code", NULL, 0, false },
    { "message", NULL, 0, false },
    { "actor", "ACTOR", 36, false },
    { "actor_native", NULL, 0, false },
    { "actor_kind", NULL, 0, false },
    { "session", NULL, 0, false },
    { "credential", NULL, 0, false },
    { "via", NULL, 0, false },
    { "role", NULL, 0, false },
    { "secret", "SECRET", 60, false },
    { "secret_native", NULL, 0, false },
    { "version", NULL, 0, false },
    { "ip", "ADDRESS", 40, false },
    { "ip_raw", NULL, 0, false },
    { "ip_trust", NULL, 0, false },
    { "country", "CC", 0, false },
    { "asn", "ASN", 0, true },
    { "org", NULL, 0, false },
    { "user_agent", NULL, 0, false },
    { "region", NULL, 0, false },
    { "host", NULL, 0, false },
    { "request_id", NULL, 0, false },
    { "reason", NULL, 0, false },
    { "agent", NULL, 0, false },
    { "conflict", NULL, 0, false },
    { "original", NULL, 0, false },
};
enum { N_COLUMNS = KT_ARRAY_LEN(columns) };

static void print_record(struct kt_rows *rows, const struct kt_record *r,
                         const struct kt_fact *fact)
{
    const struct kt_event *e = &r->ev;
    uint8_t id[16];
    char id_text[KT_ID_TEXT], ip_text[KT_IP_TEXT_MAX];
    kt_event_id(e, id);
    struct kt_str ip = e->has_ip ? kt_str_of(kt_ip_format(e->ip, ip_text)) : KT_STR_NONE;
    struct kt_cell null = { .type = KT_CELL_NULL };
    struct kt_cell cells[N_COLUMNS] = {
        kt_cell_int((int64_t)r->seq),
        kt_cell_str(kt_str_of(kt_id_format(id, id_text))),
        kt_cell_time(e->time),
        kt_cell_time(r->arrival),
        kt_cell_time(r->stored),
        kt_cell_str(kt_str_of(kt_kind_word(e->kind))),
        kt_cell_str(e->source),
        kt_cell_str(e->instance),
        kt_cell_str(e->native_id),
        kt_cell_str(kt_str_of(kt_action_word(e->action))),
        kt_cell_str(e->operation),
        kt_cell_str(kt_str_of(kt_outcome_word(e->outcome))),
        kt_cell_str(e->code),
        kt_cell_str(e->message),
        kt_cell_str(e->actor),
        kt_cell_str(e->actor_native),
        kt_cell_str(kt_str_of(kt_actor_kind_word(e->actor_kind))),
        kt_cell_str(e->session),
        kt_cell_str(e->credential),
        kt_cell_str(e->via),
        kt_cell_str(e->role),
        kt_cell_str(e->secret),
        kt_cell_str(e->secret_native),
        kt_cell_str(e->version),
        kt_cell_str(ip),
        kt_cell_str(e->ip_raw.len > 0 ? e->ip_raw : ip),
        kt_cell_str(kt_str_of(kt_ip_trust_word(e->ip_trust))),
        fact != NULL ? kt_cell_str(fact->country) : null,
        fact != NULL && fact->asn != 0 ? kt_cell_int(fact->asn) : null,
        fact != NULL ? kt_cell_str(fact->org) : null,
        kt_cell_str(e->user_agent),
        kt_cell_str(e->region),
        kt_cell_str(e->host),
        kt_cell_str(e->request_id),
        kt_cell_str(e->reason),
        kt_cell_str(r->agent),
        { .type = KT_CELL_BOOL, .i = r->conflict },
        e->raw.len > 0 ? (struct kt_cell){ .type = KT_CELL_RAW, .str = e->raw } : null,
    };
    kt_rows_add(rows, cells);
}

/* ---- the newest n, by event time ---- */

struct kept {
    kt_time_ns time;
    uint64_t seq;
    struct kt_record record;
    char *line;
    char *agent;
};

struct newest {
    struct kept *at; /* a heap, oldest on top */
    size_t n, max;
};

static bool older(const struct kept *a, const struct kept *b)
{
    return a->time != b->time ? a->time < b->time : a->seq < b->seq;
}

static void swap(struct kept *a, struct kept *b)
{
    struct kept t = *a;
    *a = *b;
    *b = t;
}

static void sink(struct newest *w, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < w->n; k++) {
            if (older(&w->at[k], &w->at[least]))
                least = k;
        }
        if (least == i)
            return;
        swap(&w->at[i], &w->at[least]);
        i = least;
    }
}

static void newest_add(struct newest *w, const struct kt_record *r)
{
    struct kept k = { .time = r->ev.time, .seq = r->seq, .record = *r };
    if (w->n == w->max) {
        if (older(&k, &w->at[0]))
            return;
        kt_free(w->at[0].line);
        kt_free(w->at[0].agent);
    }
    k.line = kt_str_dup(r->line);
    k.agent = kt_str_dup(r->agent);
    k.record.line = kt_str_from(k.line, r->line.len);
    k.record.agent = kt_str_from(k.agent, r->agent.len);
    if (w->n == w->max) {
        w->at[0] = k;
        sink(w, 0);
        return;
    }
    w->at = kt_realloc_array(w->at, w->n + 1, sizeof *w->at);
    size_t i = w->n++;
    w->at[i] = k;
    for (; i > 0 && older(&w->at[i], &w->at[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&w->at[i], &w->at[(i - 1) / 2]);
}

static int by_time(const void *a, const void *b)
{
    return older(a, b) ? -1 : older(b, a) ? 1 : 0;
}

/* ---- the command ---- */

struct search {
    const char *db, *config, *output, *since, *until;
    kt_time_ns now;
    uint64_t limit;
    bool no_header, quiet, exit_code, found;
    enum kt_output how;
    struct kt_query *query;
    struct kt_reader *reader;
    struct kt_facts *facts;
    struct kt_scan scan;
};

static const struct kt_fact *fact_of(const struct search *s, const struct kt_record *r)
{
    return r->ev.has_ip ? kt_facts_at(s->facts, r->ev.ip, r->seq) : NULL;
}

static int zone_offset_s(kt_time_ns now)
{
    return isatty(STDOUT_FILENO) ? kt_local_offset_s(now) : 0;
}

static enum kt_status parse(struct search *s, struct kt_str text, struct kt_error *err)
{
    return kt_query_parse_at(text, s->now, zone_offset_s(s->now), &s->query, err);
}

/* The options' window, else the query's own, else the last 24 h: an answer must say what it covers.
 */
static enum kt_status window(struct search *s, struct kt_error *err)
{
    int zone = zone_offset_s(s->now);
    kt_query_window(s->query, &s->scan.since, &s->scan.until);
    if (s->since != NULL &&
        kt_time_expr(kt_str_of(s->since), s->now, zone, false, &s->scan.since, err) != KT_OK)
        return kt_wrap(err, "--since");
    if (s->until != NULL &&
        kt_time_expr(kt_str_of(s->until), s->now, zone, true, &s->scan.until, err) != KT_OK)
        return kt_wrap(err, "--until");
    if (s->scan.since == 0 && s->scan.until == 0 && s->since == NULL) {
        s->scan.since = s->now - KT_NS_DAY;
        char from[KT_TIME_TEXT_MAX];
        if (!s->quiet)
            fprintf(stderr, "window: %s UTC to now; --since and --until choose another\n",
                    kt_time_format_short(s->scan.since, from));
    }
    return KT_OK;
}

static enum kt_status scan_all(struct search *s, struct kt_rows *rows, struct newest *newest,
                               struct kt_error *err)
{
    struct kt_cursor *cursor = NULL;
    if (kt_cursor_open(s->reader, &s->scan, &cursor, err) != KT_OK)
        return err->code;
    struct kt_record r;
    enum kt_status st;
    while ((st = kt_cursor_next(cursor, &r, err)) == KT_OK) {
        if ((s->scan.since != 0 && r.ev.time < s->scan.since) ||
            (s->scan.until != 0 && r.ev.time >= s->scan.until))
            continue;
        if (!kt_query_names_kind(s->query) && r.ev.kind != KT_KIND_ACCESS)
            continue;
        const struct kt_fact *fact = fact_of(s, &r);
        if (!kt_query_matches(s->query, &r, fact))
            continue;
        s->found = true;
        if (newest->max > 0)
            newest_add(newest, &r);
        else
            print_record(rows, &r, fact);
    }
    kt_cursor_free(cursor);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status print_newest(struct search *s, struct kt_rows *rows, struct newest *w,
                                   struct kt_error *err)
{
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    enum kt_status st = KT_OK;
    if (w->n > 0)
        qsort(w->at, w->n, sizeof *w->at, by_time);
    for (size_t i = 0; i < w->n; i++) {
        struct kept *k = &w->at[i];
        kt_arena_reset(&arena);
        if (st == KT_OK && kt_line_read(k->record.line, &arena, &k->record.ev, err) != KT_OK)
            st = err->code;
        if (st == KT_OK)
            print_record(rows, &k->record, fact_of(s, &k->record));
        kt_free(k->line);
        kt_free(k->agent);
    }
    kt_free(w->at);
    kt_arena_done(&arena);
    return st;
}

static enum kt_status run(struct search *s, struct kt_str text, struct kt_error *err)
{
    char path[4096];
    if (parse(s, text, err) != KT_OK || window(s, err) != KT_OK ||
        kt_cli_store_path(s->db, s->config, path, sizeof path, err) != KT_OK ||
        kt_reader_open(path, &s->reader, err) != KT_OK ||
        kt_facts_load(s->reader, &s->facts, err) != KT_OK)
        return err->code;
    s->scan.records = true;
    s->scan.control = kt_query_names_kind(s->query);
    struct newest newest = { .max = s->limit };
    struct kt_rows *rows = kt_rows_new(s->how, columns, N_COLUMNS, !s->no_header);
    enum kt_status st = scan_all(s, rows, &newest, err);
    if (print_newest(s, rows, &newest, st == KT_OK ? err : NULL) != KT_OK && st == KT_OK)
        st = err->code;
    kt_rows_end(rows);
    return st;
}

int kt_cmd_search(int argc, char **argv)
{
    static const struct kt_command cmd = { "search", "[QUERY] [options]",
                                           "events that match a query",
                                           "keytrail search 'actor:alice* action:read "
                                           "outcome:denied -country:DE' --since 7d -o ndjson",
                                           NULL };
    struct search s = { .limit = UINT64_MAX, .now = kt_clock_real.wall(kt_clock_real.self) };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store (or -c: the one of a configuration)", &s.db,
          NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that names the store", &s.config,
          NULL },
        { "--since", 0, KT_FLAG_STRING, "TIME", "event time from: 7d, today, 2026-11-22T20:00Z …",
          &s.since, "--from" },
        { "--until", 0, KT_FLAG_STRING, "TIME", "event time before", &s.until, "--to" },
        { "--limit", 'n', KT_FLAG_UINT, "N",
          "the newest N by event time (50 on a terminal, else all)", &s.limit, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", "table, json, ndjson, csv", &s.output, NULL },
        { "--no-header", 0, KT_FLAG_BOOL, NULL, "no head line", &s.no_header, NULL },
        { "--exit-code", 'e', KT_FLAG_BOOL, NULL, "exit 1 when nothing was found", &s.exit_code,
          NULL },
        { "--quiet", 'q', KT_FLAG_BOOL, NULL, "no talk on stderr", &s.quiet, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (!kt_output_of(s.output != NULL ? s.output : "table", &s.how)) {
        fprintf(stderr, "keytrail search: -o takes table, json, ndjson or csv\n");
        return KT_EXIT_USAGE;
    }
    if (s.limit == UINT64_MAX)
        s.limit = isatty(STDOUT_FILENO) ? SEARCH_TTY_LIMIT : 0;
    else if (s.limit > SEARCH_LIMIT_MAX)
        s.limit = 0;
    struct kt_buf text = { 0 };
    for (int i = 1; i <= n; i++)
        kt_buf_addf(&text, "%s%s", i > 1 ? " " : "", argv[i]);
    struct kt_error err = { 0 };
    if (run(&s, kt_buf_str(&text), &err) != KT_OK)
        code = kt_cli_fail("search", &err);
    else if (s.exit_code && !s.found)
        code = KT_EXIT_NO;
    kt_facts_free(s.facts);
    kt_reader_close(s.reader);
    kt_query_free(s.query);
    kt_buf_done(&text);
    return code;
}
