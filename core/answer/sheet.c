/*
 * sheet: the form of a sheet: rows, digest, CSV, and reading it back.
 *
 * Owns:  the texts of a sheet, in one arena.
 * Calls: core/base (csv, csv_read, hash). No clock, no I/O.
 */
#include "core/answer/sheet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/csv.h"
#include "core/base/csv_read.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

#define MARK    "keytrail-review"
#define VERSION "1"

static const char *const heads[KT_REVIEW_COUNT][KT_SHEET_CELLS_MAX + 1] = {
    [KT_REVIEW_ACCESS] = { "secret", "owner", "actor", "kind", "team", "reads", "first", "last" },
    [KT_REVIEW_LEAVERS] = { "person", "left", "accesses_after", "secrets_after", "last_access" },
    [KT_REVIEW_DORMANT] = { "actor", "kind", "team", "accesses", "last_access", "days_silent" },
};

const char *const *kt_sheet_heads(enum kt_review_kind kind)
{
    return heads[kind];
}

static unsigned asked(enum kt_review_kind kind)
{
    unsigned n = 0;
    while (heads[kind][n] != NULL)
        n++;
    return n;
}

struct kt_sheet *kt_sheet_new(size_t bytes)
{
    struct kt_sheet *s = kt_alloc(sizeof *s);
    *s = (struct kt_sheet){ .text = kt_arena_new(bytes) };
    return s;
}

void kt_sheet_free(struct kt_sheet *s)
{
    if (s == NULL)
        return;
    kt_arena_done(&s->text);
    kt_free(s->row);
    kt_free(s);
}

enum kt_status kt_sheet_add(struct kt_sheet *s, const struct kt_str *cells, struct kt_error *err)
{
    if (s->n == KT_REVIEW_ROWS_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u rows: review a part at a time",
                       KT_REVIEW_ROWS_MAX);
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 64 : 2 * s->cap;
        s->row = kt_realloc_array(s->row, s->cap, sizeof *s->row);
    }
    struct kt_sheet_row *row = &s->row[s->n++];
    *row = (struct kt_sheet_row){ 0 };
    for (unsigned i = 0; i < asked(s->kind); i++)
        row->cell[i] = kt_arena_str(&s->text, cells[i]);
    return s->text.full
               ? kt_fail(err, KT_E_LIMIT, "the sheet is too large: review a part at a time")
               : KT_OK;
}

/* ---- digest ---- */

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

void kt_sheet_digest(const struct kt_sheet *s, uint8_t ret[32])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    uint8_t(*rows)[32] = kt_alloc_array(s->n + 1, sizeof *rows);
    unsigned n = asked(s->kind);
    for (uint32_t i = 0; i < s->n; i++) {
        kt_buf_reset(&text);
        for (unsigned k = 0; k < n; k++) {
            kt_buf_add(&text, s->row[i].cell[k]);
            kt_buf_byte(&text, 0x1f);
        }
        const struct kt_str part = kt_buf_str(&text);
        kt_sha256_of(&part, 1, rows[i]);
    }
    qsort(rows, s->n, sizeof *rows, by_hash);
    kt_buf_reset(&text);
    kt_buf_addf(&text, MARK "-" VERSION "\n%s\n%s\n%" PRId64 "\n%" PRId64 "\n%" PRIu64 "\n%s\n",
                kt_review_word(s->kind), s->scope, s->since, s->until, s->head, s->log);
    const struct kt_str parts[] = { kt_buf_str(&text), kt_str_from(rows, 32u * (size_t)s->n) };
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), ret);
    kt_free(rows);
}

/* ---- writing ---- */

static void cell(struct kt_buf *out, bool first, struct kt_str text)
{
    if (!first)
        kt_buf_byte(out, ',');
    kt_csv_add(out, text, true);
}

void kt_sheet_csv(const struct kt_sheet *s, struct kt_buf *out)
{
    char since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    kt_buf_addf(out, MARK "," VERSION ",%s", kt_review_word(s->kind));
    cell(out, false, kt_str_of(s->scope));
    kt_buf_addf(out, ",%s,%s,%" PRIu64 ",%s,%u,", kt_time_format(s->since, since),
                kt_time_format(s->until, until), s->head, s->log, s->n);
    kt_hex_add(out, s->digest, sizeof s->digest);
    kt_buf_addz(out, "\r\n");
    for (unsigned i = 0; i < asked(s->kind); i++)
        cell(out, i == 0, kt_str_of(heads[s->kind][i]));
    kt_buf_addz(out, ",decision,note\r\n");
    for (uint32_t i = 0; i < s->n; i++) {
        static const char *const words[] = { "", "keep", "remove" };
        for (unsigned k = 0; k < asked(s->kind); k++)
            cell(out, k == 0, s->row[i].cell[k]);
        cell(out, false, kt_str_of(words[s->row[i].decision]));
        cell(out, false, s->row[i].note);
        kt_buf_addz(out, "\r\n");
    }
}

/* ---- reading ---- */

/* A cell of the last record; spreadsheets leave empty ones at the end out, or add some. */
static struct kt_str at(const struct kt_csv *c, unsigned i)
{
    return i < c->n ? kt_csv_unguard(c->cell[i]) : KT_STR_NONE;
}

static bool is_longer(const struct kt_csv *c, unsigned n)
{
    for (unsigned i = n; i < c->n; i++)
        if (kt_str_trim(c->cell[i]).len > 0)
            return true;
    return false;
}

static enum kt_status no_sheet(const struct kt_csv *c, const char *what, struct kt_error *err)
{
    return kt_fail(err, KT_E_INPUT,
                   "line %u: this is no sheet of a review as keytrail wrote it: %s", c->line, what);
}

static enum kt_status read_head(struct kt_csv *c, struct kt_sheet *s, uint64_t *ret_rows,
                                struct kt_error *err)
{
    enum kt_status st = kt_csv_next(c, err);
    if (st == KT_E_AGAIN)
        return kt_fail(err, KT_E_INPUT, "the file is empty");
    if (st != KT_OK)
        return st;
    int kind = kt_review_kind_of(at(c, 2));
    if (!kt_str_is(at(c, 0), MARK) || !kt_str_is(at(c, 1), VERSION) || kind < 0 || is_longer(c, 10))
        return no_sheet(c, "the first line does not begin with " MARK "," VERSION ",<kind>", err);
    s->kind = (enum kt_review_kind)kind;
    if (at(c, 3).len >= sizeof s->scope || at(c, 7).len >= sizeof s->log)
        return no_sheet(c, "its scope or its log is too long", err);
    kt_str_copyz(s->scope, sizeof s->scope, at(c, 3));
    kt_str_copyz(s->log, sizeof s->log, at(c, 7));
    if (kt_time_parse(at(c, 4), &s->since, NULL) != KT_OK ||
        kt_time_parse(at(c, 5), &s->until, NULL) != KT_OK || !kt_str_u64(at(c, 6), &s->head) ||
        s->head > INT64_MAX || !kt_str_u64(at(c, 8), ret_rows) || *ret_rows > KT_REVIEW_ROWS_MAX ||
        !kt_hex_decode(at(c, 9), s->digest, sizeof s->digest))
        return no_sheet(c, "times, numbers or digest of the first line cannot be read", err);
    st = kt_csv_next(c, err);
    if (st == KT_E_AGAIN)
        return no_sheet(c, "it ends after the first line", err);
    if (st != KT_OK)
        return st;
    unsigned n = asked(s->kind);
    for (unsigned i = 0; i < n + 2; i++)
        if (!kt_str_is(at(c, i), i < n ? heads[s->kind][i] : i == n ? "decision" : "note"))
            return no_sheet(c, "the heads are others", err);
    return is_longer(c, n + 2) ? no_sheet(c, "a column was added", err) : KT_OK;
}

static enum kt_status read_row(const struct kt_csv *c, struct kt_sheet *s, struct kt_error *err)
{
    struct kt_str cells[KT_SHEET_CELLS_MAX];
    unsigned n = asked(s->kind);
    if (is_longer(c, n + 2))
        return kt_fail(err, KT_E_INPUT, "line %u: more cells than heads", c->line);
    for (unsigned i = 0; i < n; i++)
        cells[i] = at(c, i);
    enum kt_status st = kt_sheet_add(s, cells, err);
    if (st != KT_OK)
        return st;
    struct kt_sheet_row *row = &s->row[s->n - 1];
    struct kt_str decision = kt_str_trim(at(c, n));
    row->line = c->line;
    row->note = kt_arena_str(&s->text, at(c, n + 1));
    row->decision = kt_str_eq_nocase(decision, KT_STR("keep"))     ? KT_SHEET_KEEP
                    : kt_str_eq_nocase(decision, KT_STR("remove")) ? KT_SHEET_REMOVE
                                                                   : KT_SHEET_OPEN;
    if (row->decision == KT_SHEET_OPEN && decision.len > 0)
        return kt_fail(err, KT_E_INPUT,
                       "line %u: the decision is neither keep nor remove: '" KT_STR_FMT "'",
                       c->line, KT_STR_ARG(kt_utf8_cut(decision, 40)));
    return KT_OK;
}

/* What a reviewer must do, or must not have done. */
static enum kt_status check(const struct kt_sheet *s, uint64_t rows, struct kt_error *err)
{
    uint8_t digest[32];
    if (s->n != rows)
        return kt_fail(err, KT_E_INPUT, "the sheet had %" PRIu64 " rows, this file has %u", rows,
                       s->n);
    kt_sheet_digest(s, digest);
    if (memcmp(digest, s->digest, sizeof digest) != 0)
        return kt_fail(err, KT_E_INPUT,
                       "something beside decisions and notes was changed in the sheet (a "
                       "spreadsheet may have written numbers or times in its own way)");
    for (uint32_t i = 0; i < s->n; i++)
        if (s->row[i].decision == KT_SHEET_OPEN)
            return kt_fail(err, KT_E_INPUT, "line %u: the decision is missing: keep or remove",
                           s->row[i].line);
    return KT_OK;
}

enum kt_status kt_sheet_read(struct kt_str csv, struct kt_sheet **ret, struct kt_error *err)
{
    struct kt_csv c;
    uint64_t rows = 0;
    if (csv.len > KT_SHEET_BYTES_MAX)
        return kt_fail(err, KT_E_LIMIT, "the file is larger than %u MiB", KT_SHEET_BYTES_MAX >> 20);
    /* Each cell is aligned to 16 bytes in the arena. */
    struct kt_sheet *s = kt_sheet_new(17 * csv.len + 4096);
    kt_csv_open(&c, csv);
    enum kt_status st = read_head(&c, s, &rows, err);
    while (st == KT_OK && (st = kt_csv_next(&c, err)) == KT_OK)
        st = read_row(&c, s, err);
    kt_csv_done(&c);
    if (st == KT_E_AGAIN)
        st = check(s, rows, err);
    if (st != KT_OK) {
        kt_sheet_free(s);
        return st;
    }
    *ret = s;
    return KT_OK;
}

void kt_sheet_counts(const struct kt_sheet *s, uint64_t *ret_keep, uint64_t *ret_remove)
{
    *ret_keep = *ret_remove = 0;
    for (uint32_t i = 0; i < s->n; i++)
        ++*(s->row[i].decision == KT_SHEET_KEEP ? ret_keep : ret_remove);
}

/* ---- who left ---- */

/* Out of a file that is read on another day, too: nothing relative. */
static bool day_or_time(const struct kt_ask *a, struct kt_str text, kt_time_ns *ret)
{
    return text.len >= 10 && text.at[4] == '-' && text.at[7] == '-' &&
           kt_time_expr(text, a->now, a->zone_offset_s, true, ret, NULL) == KT_OK;
}

static bool is_leavers_head(const struct kt_ask *a, const struct kt_csv *c)
{
    struct kt_str date = kt_str_trim(at(c, 1));
    kt_time_ns t;
    for (size_t i = 0; i < date.len; i++)
        if (date.at[i] >= '0' && date.at[i] <= '9')
            return false;
    return c->line == 1 && date.len > 0 &&
           kt_time_expr(date, a->now, a->zone_offset_s, true, &t, NULL) != KT_OK;
}

static enum kt_status read_leaver(const struct kt_ask *a, const struct kt_csv *c,
                                  struct kt_arena *arena, struct kt_sheet_leaver *ret,
                                  struct kt_error *err)
{
    struct kt_str name = kt_str_trim(at(c, 0));
    if (is_longer(c, 2) || name.len == 0 || name.len > 500)
        return kt_fail(err, KT_E_INPUT, "line %u: not a name and a date", c->line);
    if (!day_or_time(a, kt_str_trim(at(c, 1)), &ret->left))
        return kt_fail(err, KT_E_INPUT, "line %u: no date (2026-03-31)", c->line);
    ret->line = c->line;
    ret->name = kt_arena_str(arena, name);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "line %u: too many names", c->line) : KT_OK;
}

enum kt_status kt_sheet_leavers(const struct kt_ask *a, struct kt_str csv, struct kt_arena *arena,
                                struct kt_sheet_leaver **ret, uint32_t *ret_n, struct kt_error *err)
{
    struct kt_sheet_leaver *list = NULL;
    struct kt_csv c;
    uint32_t n = 0, cap = 0;
    enum kt_status st;
    kt_csv_open(&c, csv);
    while ((st = kt_csv_next(&c, err)) == KT_OK) {
        if (is_leavers_head(a, &c))
            continue;
        if (n == KT_REVIEW_ROWS_MAX)
            st =
                kt_fail(err, KT_E_LIMIT, "line %u: more than %u names", c.line, KT_REVIEW_ROWS_MAX);
        if (n == cap) {
            cap = cap == 0 ? 64 : 2 * cap;
            list = kt_realloc_array(list, cap, sizeof *list);
        }
        if (st == KT_OK)
            st = read_leaver(a, &c, arena, &list[n], err);
        if (st != KT_OK)
            break;
        n++;
    }
    kt_csv_done(&c);
    if (st == KT_E_AGAIN && n == 0)
        st = kt_fail(err, KT_E_INPUT, "there is no name in it");
    if (st != KT_E_AGAIN) {
        kt_free(list);
        return kt_wrap(err, "those who left");
    }
    *ret = list;
    *ret_n = n;
    return KT_OK;
}
