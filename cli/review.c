/*
 * review: `keytrail review`: the sheet of an access review, its signature in the log, and which
 * reviews are done and due.
 *
 * Owns:  nothing.
 * Calls: core/answer/sheet.h (sheet), core/query/reviews.h (list), kt_cli_ask (sign: the one
 *        writer), core/sys/fs.h; stdout, stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/answer/sheet.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/query/reviews.h"
#include "core/sys/fs.h"

#define SPAN (90 * KT_NS_DAY)

struct review {
    struct kt_asking asking;
    const char *server, *file, *silent, *every, *by, *reason;
    char log[33];
};

static enum kt_status read_file(const char *path, size_t max, struct kt_buf *ret,
                                struct kt_error *err)
{
    enum kt_status st = kt_fs_read_all(path, max, ret, err);
    if (st == KT_E_AGAIN)
        return kt_fail(err, KT_E_INPUT, "there is no file '%s'", path);
    return st == KT_OK ? KT_OK : kt_wrap(err, "'%s'", path);
}

/* ---- sheets ---- */

static enum kt_status open_store(struct review *r, struct kt_error *err)
{
    struct kt_store_stats stats;
    if (kt_asking_open(&r->asking, 0, err) != KT_OK ||
        kt_reader_stats(r->asking.ask.reader, &stats, err) != KT_OK)
        return err->code;
    kt_hex(r->log, stats.log_id, sizeof stats.log_id);
    return KT_OK;
}

static enum kt_status choose_window(const struct review *r, struct kt_ask *a, struct kt_error *err)
{
    kt_time_ns span = SPAN;
    if (r->silent != NULL && kt_duration_parse(kt_str_of(r->silent), &span, err) != KT_OK)
        return kt_wrap(err, "--silent");
    if (a->until == 0)
        a->until =
            (a->now + KT_NS_S - 1) / KT_NS_S * KT_NS_S; /* what this very second brought is in it */
    if (a->since == 0 || r->silent != NULL)
        a->since = a->until - span;
    return KT_OK;
}

static void print_rows(const struct kt_sheet *s, enum kt_output how, bool header)
{
    struct kt_column columns[KT_SHEET_CELLS_MAX + 1];
    char titles[KT_SHEET_CELLS_MAX][24];
    const char *const *heads = kt_sheet_heads(s->kind);
    unsigned n = 0;
    for (; heads[n] != NULL; n++) {
        kt_str_copyz(titles[n], sizeof titles[n], kt_str_of(heads[n]));
        for (char *c = titles[n]; *c != '\0'; c++)
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c == '_' ? ' ' : *c;
        columns[n] = (struct kt_column){ heads[n], titles[n], 60, false };
    }
    columns[n] = (struct kt_column){ "decision", "DECISION", 0, false };
    struct kt_rows *rows = kt_rows_new(how, columns, n + 1, header);
    for (uint32_t i = 0; i < s->n; i++) {
        struct kt_cell cells[KT_SHEET_CELLS_MAX + 1];
        for (unsigned k = 0; k < n; k++)
            cells[k] = kt_cell_str(s->row[i].cell[k]);
        cells[n] = (struct kt_cell){ .type = KT_CELL_NULL };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
}

static void print_sheet(const struct review *r, const struct kt_sheet *s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf csv = { 0 };
    if (r->asking.how != KT_OUT_CSV) {
        print_rows(s, r->asking.how, !r->asking.no_header);
    } else {
        kt_sheet_csv(s, &csv);
        (void)!fwrite(csv.at, 1, csv.len, stdout);
    }
    if (r->asking.quiet)
        return;
    fprintf(stderr, "%u rows to decide on", s->n);
    if (r->asking.how == KT_OUT_CSV)
        fprintf(stderr, "; fill in 'decision' with keep or remove, then: keytrail review sign FILE "
                        "--reason WHY\n");
    else
        fprintf(stderr, "; to fill in and sign: -o csv > sheet.csv\n");
}

static enum kt_status read_leavers(struct review *r, struct kt_arena *names,
                                   struct kt_sheet_leaver **ret, uint32_t *ret_n,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (read_file(r->file, KT_SHEET_BYTES_MAX, &text, err) != KT_OK)
        return err->code;
    *names = kt_arena_new(17 * text.len + 4096);
    if (kt_sheet_leavers(&r->asking.ask, kt_buf_str(&text), names, ret, ret_n, err) != KT_OK)
        return kt_wrap(err, "'%s'", r->file);
    return KT_OK;
}

static enum kt_status make_sheet(struct review *r, enum kt_review_kind kind, const char *scope,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena names = { 0 };
    struct kt_sheet_leaver *leavers = NULL;
    struct kt_sheet_wish wish = { .kind = kind, .scope = scope };
    struct kt_sheet *s = NULL;
    if (kind == KT_REVIEW_LEAVERS && r->file == NULL)
        return kt_fail(err, KT_E_INPUT, "who left? --file FILE, a CSV file of name,date");
    enum kt_status st = open_store(r, err);
    if (st == KT_OK && kind == KT_REVIEW_LEAVERS)
        st = read_leavers(r, &names, &leavers, &wish.n_leavers, err);
    wish.leaver = leavers;
    if (st == KT_OK)
        st = choose_window(r, &r->asking.ask, err);
    if (st == KT_OK)
        st = kt_sheet_make(&r->asking.ask, &wish, r->log, &s, err);
    if (st == KT_OK)
        print_sheet(r, s);
    kt_sheet_free(s);
    kt_free(leavers);
    return st;
}

/* ---- sign ---- */

/* Makes the sheet once more, out of the same records, and compares. */
static enum kt_status compare(struct review *r, const struct kt_sheet *s, struct kt_error *err)
{
    struct kt_ask *a = &r->asking.ask;
    struct kt_sheet *again = NULL;
    struct kt_sheet_leaver *leavers = kt_alloc_array(s->n + 1, sizeof *leavers);
    struct kt_sheet_wish wish = { .kind = s->kind, .scope = s->scope, .leaver = leavers };
    for (uint32_t i = 0; s->kind == KT_REVIEW_LEAVERS && i < s->n; i++) {
        leavers[i].name = s->row[i].cell[0];
        if (kt_time_parse(s->row[i].cell[1], &leavers[wish.n_leavers++].left, NULL) != KT_OK)
            leavers[i].left = 0;
    }
    enum kt_status st = open_store(r, err);
    if (st == KT_OK && strcmp(s->log, r->log) != 0)
        st = kt_fail(err, KT_E_INPUT, "the sheet was made from another log (%s)", s->log);
    a->since = s->since;
    a->until = s->until;
    a->until_seq = s->head;
    if (st == KT_OK)
        st = kt_sheet_make(a, &wish, r->log, &again, err);
    if (st == KT_OK && memcmp(again->digest, s->digest, sizeof s->digest) != 0)
        st = kt_fail(
            err, KT_E_INPUT,
            "the sheet does not say what the log says now (that would be %u rows); identities "
            "may have changed, or retention took records: make it anew",
            again->n);
    kt_sheet_free(again);
    kt_free(leavers);
    return st;
}

static void fill(const struct review *r, const struct kt_sheet *s, struct kt_str file,
                 struct kt_review *ret)
{
    char host[40] = "";
    *ret = (struct kt_review){
        .kind = s->kind, .since = s->since, .until = s->until, .head = s->head, .rows = s->n
    };
    kt_sheet_counts(s, &ret->keep, &ret->remove);
    memcpy(ret->digest, s->digest, sizeof ret->digest);
    kt_sha256_of(&file, 1, ret->sheet);
    kt_str_copyz(ret->scope, sizeof ret->scope, kt_str_of(s->scope));
    kt_str_copyz(ret->by, sizeof ret->by, kt_str_of(kt_cli_who(r->by)));
    kt_str_copyz(ret->reason, sizeof ret->reason, kt_str_of(r->reason));
    if (gethostname(host, sizeof host - 1) == 0)
        (void)snprintf(ret->where, sizeof ret->where, "cli on %s", host);
}

static enum kt_status sign(struct review *r, const char *path, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done)
    struct kt_buf file = { 0 }, request = { 0 }, raw = { 0 };
    struct kt_sheet *s = NULL;
    struct kt_review review;
    if (r->reason == NULL || r->reason[0] == '\0')
        return kt_fail(err, KT_E_INPUT,
                       "a signature needs --reason (\"quarterly review, 2026 Q3\")");
    if (strlen(r->reason) >= sizeof review.reason)
        return kt_fail(err, KT_E_INPUT, "--reason has at most %zu bytes", sizeof review.reason - 1);
    if (read_file(path, KT_SHEET_BYTES_MAX, &file, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_sheet_read(kt_buf_str(&file), &s, err);
    if (st == KT_OK)
        st = compare(r, s, err);
    if (st != KT_OK) {
        kt_sheet_free(s);
        return kt_wrap(err, "'%s'", path);
    }
    fill(r, s, kt_buf_str(&file), &review);
    kt_sheet_free(s);
    kt_review_write(&review, &raw);
    kt_buf_addz(&request, "{\"do\":\"review.sign\",");
    kt_buf_add(&request, kt_str_from_index(kt_buf_str(&raw), 1));
    char id[KT_CLI_ID_TEXT];
    st = kt_cli_ask_id(r->server, r->asking.config, kt_buf_str(&request), r->asking.how, id, err);
    if (st == KT_OK && id[0] != '\0')
        printf("%s: signed, %" PRIu64 " rows: %" PRIu64 " to keep, %" PRIu64 " to remove\n", id,
               review.rows, review.keep, review.remove);
    return st;
}

/* ---- list ---- */

static const struct kt_column columns[] = {
    { "id", "REVIEW", 0, false },       { "kind", "OF", 0, false },
    { "scope", "SCOPE", 40, false },    { "signed", "SIGNED (UTC)", 0, false },
    { "by", "BY", 24, false },          { "rows", "ROWS", 0, true },
    { "keep", "KEEP", 0, true },        { "remove", "REMOVE", 0, true },
    { "reason", "REASON", 40, false },  { "due", "NEXT DUE (UTC)", 0, false },
    { "overdue", "OVERDUE", 0, false }, { "digest", NULL, 0, false },
    { "sheet", NULL, 0, false },
};

/* Only the newest of a kind says when the next is due. */
static void list_row(struct kt_rows *rows, const struct kt_review *v, bool newest, kt_time_ns due,
                     kt_time_ns now)
{
    char digest[65], sheet[65];
    kt_hex(digest, v->digest, 32);
    kt_hex(sheet, v->sheet, 32);
    const struct kt_cell null = { .type = KT_CELL_NULL };
    const struct kt_cell cells[] = {
        kt_cell_str(kt_str_of(v->id)),
        kt_cell_str(kt_str_of(kt_review_word(v->kind))),
        kt_cell_str(kt_str_of(v->scope[0] == '\0' ? "all" : v->scope)),
        kt_cell_time(v->at),
        kt_cell_str(kt_str_of(v->by)),
        kt_cell_int((int64_t)v->rows),
        kt_cell_int((int64_t)v->keep),
        kt_cell_int((int64_t)v->remove),
        kt_cell_str(kt_str_of(v->reason)),
        newest ? kt_cell_time(due) : null,
        newest ? (struct kt_cell){ .type = KT_CELL_BOOL, .i = due < now } : null,
        kt_cell_str(kt_str_of(digest)),
        kt_cell_str(kt_str_of(sheet)),
    };
    kt_rows_add(rows, cells);
}

static enum kt_status list(struct review *r, struct kt_error *err)
{
    struct kt_reviews all = { 0 };
    kt_time_ns every = KT_REVIEW_EVERY;
    if (r->every != NULL && kt_duration_parse(kt_str_of(r->every), &every, err) != KT_OK)
        return kt_wrap(err, "--every");
    if (open_store(r, err) != KT_OK || kt_reviews_load(r->asking.ask.reader, &all, err) != KT_OK)
        return err->code;
    struct kt_rows *rows =
        kt_rows_new(r->asking.how, columns, KT_ARRAY_LEN(columns), !r->asking.no_header);
    for (unsigned i = 0; i < all.n; i++)
        list_row(rows, &all.at[i], kt_reviews_last(&all, all.at[i].kind, 0) == &all.at[i],
                 all.at[i].at + every, r->asking.ask.now);
    kt_rows_end(rows);
    for (int k = 0; k < KT_REVIEW_COUNT && !r->asking.quiet; k++)
        if (kt_reviews_last(&all, (enum kt_review_kind)k, 0) == NULL)
            fprintf(stderr, "overdue: no review of %s was ever signed (keytrail review %s)\n",
                    kt_review_word((enum kt_review_kind)k), kt_review_word((enum kt_review_kind)k));
    kt_reviews_done(&all);
    return KT_OK;
}

static enum kt_status run(struct review *r, const char *what, const char *arg, struct kt_error *err)
{
    int kind = kt_review_kind_of(kt_str_of(what));
    if (kind >= 0)
        return make_sheet(r, (enum kt_review_kind)kind, arg != NULL ? arg : "", err);
    if (strcmp(what, "list") == 0 && arg == NULL)
        return list(r, err);
    if (strcmp(what, "sign") == 0 && arg != NULL)
        return sign(r, arg, err);
    return kt_fail(err, KT_E_INPUT, "review access, leavers, dormant, sign FILE or list");
}

int kt_cmd_review(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "access", "[SECRET]", "a sheet of who may read what", NULL, NULL },
        { "dormant", "[ACTOR]", "a sheet of actors without an access for long", NULL, NULL },
        { "leavers", "--file FILE", "a sheet of what those who left still can", NULL, NULL },
        { "sign", "FILE --reason WHY", "puts the decisions of a sheet into the log", NULL, NULL },
        { "list", "", "what was signed, and what is due", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        "review",
        "VERB [options]",
        "access reviews: a sheet to decide on, its signature in the log, what is due",
        "keytrail review access 'prod/**' -o csv > sheet.csv",
        NULL,
        verbs
    };
    struct review r = { .server = NULL };
    const struct kt_flag flags[] = {
        KT_ASKING_FLAGS(r.asking),
        { "--file", 0, KT_FLAG_STRING, "FILE", "leavers: who left, a CSV file of name,date",
          &r.file, NULL },
        { "--silent", 0, KT_FLAG_STRING, "TIME", "dormant: without an access for so long (90d)",
          &r.silent, NULL },
        { "--every", 0, KT_FLAG_STRING, "TIME", "list: one is due so long after the last (90d)",
          &r.every, NULL },
        { "--reason", 0, KT_FLAG_STRING, "WHY", "sign: what the review was done for", &r.reason,
          NULL },
        { "--by", 0, KT_FLAG_STRING, "NAME", "sign: who signs (the user)", &r.by, NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "sign: the collector's control socket",
          &r.server, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    int n = 0;
    bool done = false;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n == 0 || n > 2) {
        return kt_flags_usage(&cmd);
    }
    (void)!run(&r, argv[1], n == 2 ? argv[2] : NULL, &err);
    return kt_asking_end(&r.asking, "review", &err);
}
