/*
 * notify_letters: what waits to be delivered, what was given up, and putting that back.
 *
 * Owns:  the rows that one command lists.
 * Calls: core/store/read (queue, dead, from the file), kt_cli_ask (retry: the one writer); stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/notify.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/store/read.h"
#include "exporters/alerts/alert.h"

#define ALERT_ID 26u

struct letters {
    const char *state, *target; /* target: NULL = any */
    struct kt_outbox_row *rows;
    unsigned n;
};

static enum kt_status take(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct letters *l = self;
    (void)err;
    if (strcmp(row->state, l->state) != 0 ||
        (l->target != NULL && strcmp(row->target, l->target) != 0))
        return KT_OK;
    if ((l->n & (l->n - 1)) == 0) /* full at each power of two */
        l->rows = kt_realloc_array(l->rows, l->n == 0 ? 1 : 2 * (size_t)l->n, sizeof *l->rows);
    l->rows[l->n++] = *row;
    return KT_OK;
}

/* As they go out: the worst first, then the oldest. */
static int by_turn(const void *a, const void *b)
{
    const struct kt_outbox_row *x = a, *y = b;
    if (x->severity != y->severity)
        return y->severity - x->severity;
    return x->row < y->row ? -1 : x->row > y->row;
}

static const struct kt_column columns[] = {
    { "row", "ROW", 0, true },
    { "since", "SINCE (UTC)", 0, false },
    { "severity", "SEVERITY", 0, false },
    { "alert", "ALERT", 0, false },
    { "target", "TARGET", 20, false },
    { "action", "ACTION", 0, false },
    { "attempts", "TRIES", 0, true },
    { "next_try", NULL, 0, false },
    { "code", "CODE", 0, true },
    { "word", "WORD", 60, false },
};

static const char *severity_of(const struct kt_outbox_row *row)
{
    return row->severity >= 0 && row->severity < KT_SEV_COUNT
               ? kt_severity_words[row->severity].word
               : "info";
}

static void print(const struct kt_notify_flags *f, const struct letters *l)
{
    struct kt_rows *rows = kt_rows_new(f->how, columns, KT_ARRAY_LEN(columns), true);
    unsigned n = f->limit != 0 && f->limit < l->n ? (unsigned)f->limit : l->n;
    for (unsigned i = 0; i < n; i++) {
        const struct kt_outbox_row *r = &l->rows[i];
        struct kt_str rest = kt_str_of(r->action), verb = rest;
        if (kt_rows_for_people(rows))
            (void)kt_str_split(&rest, ':', &verb);
        const struct kt_cell cells[] = {
            kt_cell_int(r->row),
            kt_cell_time(r->created),
            kt_cell_str(kt_str_of(severity_of(r))),
            kt_cell_str(kt_str_of(r->alert)),
            kt_cell_str(kt_str_of(r->target)),
            kt_cell_str(verb),
            kt_cell_int(r->attempts),
            kt_cell_time(r->next_try),
            kt_cell_int(r->last_code),
            kt_cell_str(kt_str_of(r->last_error)),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
    if (f->how != KT_OUT_TABLE)
        return;
    if (n < l->n)
        fprintf(stderr, "%u of %u are shown (--limit)\n", n, l->n);
    if (l->n == 0)
        fprintf(stderr, strcmp(l->state, "dead") == 0 ? "no dead letters\n" : "nothing waits\n");
    else if (strcmp(l->state, "dead") == 0)
        fprintf(stderr, "next: keytrail notify retry ROW | --target NAME | --all\n");
}

static int list(const struct kt_notify_flags *f, const char *state)
{
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct letters l = { .state = state, .target = f->target };
    char path[4096];
    enum kt_status st = kt_cli_store_path(f->db, f->config, path, sizeof path, &err);
    if (st == KT_OK)
        st = kt_reader_open(path, &r, &err);
    if (st == KT_OK)
        st = kt_reader_outbox(r, take, &l, &err);
    if (st == KT_OK && l.n > 0 && strcmp(state, "wait") == 0)
        qsort(l.rows, l.n, sizeof *l.rows, by_turn);
    if (st == KT_OK)
        print(f, &l);
    kt_free(l.rows);
    kt_reader_close(r);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("notify", &err);
}

int kt_notify_queue(const struct kt_notify_flags *f)
{
    return list(f, "wait");
}

int kt_notify_dead(const struct kt_notify_flags *f)
{
    return list(f, "dead");
}

/* ---- retry ---- */

/* Which letters: a row's number or an alert's id, a target, or all. */
static enum kt_status write_request(const struct kt_notify_flags *f, const char *which,
                                    struct kt_buf *out, struct kt_error *err)
{
    struct kt_str id = kt_str_of(which);
    uint64_t row = 0;
    int said = (which != NULL) + (f->target != NULL) + f->all;
    if (said != 1)
        return kt_fail(err, KT_E_CONFIG, "say one of: ROW or ALERT, --target NAME, --all");
    kt_buf_addz(out, "{\"do\":\"notify.retry\",\"by\":");
    kt_json_quote(out, kt_str_of(kt_cli_who(f->by)));
    if (f->all) {
        kt_buf_addz(out, ",\"all\":true}");
        return KT_OK;
    }
    if (which != NULL && id.len != ALERT_ID) {
        if (!kt_str_u64(id, &row) || row == 0 || row > INT64_MAX)
            return kt_fail(err, KT_E_CONFIG,
                           "'%s' is no row of `notify dead`, nor an alert's id of %u characters",
                           which, ALERT_ID);
        kt_buf_addf(out, ",\"row\":%" PRIu64 "}", row);
        return KT_OK;
    }
    kt_buf_addz(out, which != NULL ? ",\"alert\":" : ",\"target\":");
    kt_json_quote(out, kt_str_of(which != NULL ? which : f->target));
    kt_buf_byte(out, '}');
    return KT_OK;
}

static void show_answer(const struct kt_notify_flags *f, struct kt_str answer)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    int64_t rows = 0;
    if (f->how != KT_OUT_TABLE || kt_json_parse(json, answer, &root, &repaired, NULL) != KT_OK ||
        !kt_json_i64(kt_json_at(root, "rows"), &rows)) {
        printf(KT_STR_FMT "\n", KT_STR_ARG(kt_str_trim(answer)));
    } else if (rows == 0) {
        printf("no dead letters; what waits for the target is tried now\n");
    } else {
        printf("%lld put back; what comes of it: keytrail notify queue\n", (long long)rows);
        if (kt_json_bool(kt_json_at(root, "more"), false))
            printf("there are more: say it again\n");
    }
    kt_json_free(json);
}

int kt_notify_retry(const struct kt_notify_flags *f, const char *which)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    struct kt_error err = { 0 };
    enum kt_status st = write_request(f, which, &request, &err);
    if (st == KT_OK)
        st = kt_cli_ask(f->server, f->config, kt_buf_str(&request), &answer, &err);
    if (st != KT_OK)
        return kt_cli_fail("notify", &err);
    show_answer(f, kt_buf_str(&answer));
    return KT_EXIT_OK;
}
