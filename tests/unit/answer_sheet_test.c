/* answer_sheet: sheets of reviews out of random stores against plain counting; what a reviewer and
 * a stranger may do to the file; the record of a signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/sheet.h"
#include "core/base/alloc.h"
#include "core/query/reviews.h"
#include "tests/support/stock.h"

#define EVENTS 800u

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

struct seen {
    struct kt_str actor, secret;
    kt_time_ns at;
    bool read;
};
static struct {
    struct stock *stock;
    struct kt_ask ask;
    struct seen at[EVENTS];
    uint32_t n;
} w;

static enum kt_status keep(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    (void)self;
    (void)fact;
    (void)err;
    w.at[w.n++] =
        (struct seen){ kt_arena_str(&w.stock->arena, kt_ask_actor(&w.ask, r->ev.actor, r->ev.source,
                                                                  r->ev.instance)),
                       kt_arena_str(&w.stock->arena, r->ev.secret),
                       r->ev.time > 0 ? r->ev.time : r->arrival,
                       r->ev.outcome == KT_OUT_SUCCESS && kt_event_is_read(&r->ev) };
    return KT_OK;
}

static int setup(void **state)
{
    struct kt_error err = { 0 };
    (void)state;
    kt_hash_init();
    w.stock = stock_new(11, EVENTS);
    must(kt_ask_open(&w.ask, w.stock->path, w.stock->ids, STOCK_T0, &err), &err);
    must(kt_ask_records(&w.ask, KT_STR_NONE, keep, NULL, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_ask_done(&w.ask);
    stock_free(w.stock);
    return 0;
}

static struct kt_sheet *make(enum kt_review_kind kind, const char *scope,
                             const struct kt_sheet_leaver *leaver, uint32_t n)
{
    struct kt_error err = { 0 };
    struct kt_sheet *s = NULL;
    const struct kt_sheet_wish wish = {
        .kind = kind, .scope = scope, .leaver = leaver, .n_leavers = n
    };
    w.ask.since = STOCK_T0 + 40 * KT_NS_DAY;
    w.ask.until = STOCK_T0 + 70 * KT_NS_DAY;
    must(kt_sheet_make(&w.ask, &wish, "log-1", &s, &err), &err);
    w.ask.since = w.ask.until = 0;
    return s;
}

static void access_is_counted(void **state)
{
    struct kt_sheet *s = make(KT_REVIEW_ACCESS, "prod/**", NULL, 0);
    uint64_t reads = 0, shown = 0;
    (void)state;
    for (uint32_t i = 0; i < w.n; i++)
        reads += w.at[i].read && w.at[i].actor.len > 0 && w.at[i].at >= s->since &&
                 w.at[i].at < s->until && kt_str_has(w.at[i].secret, KT_STR("/secret/prod/"));
    for (uint32_t i = 0; i < s->n; i++) {
        uint64_t n = 0, said = 0;
        for (uint32_t k = 0; k < w.n; k++)
            n += w.at[k].read && w.at[k].at >= s->since && w.at[k].at < s->until &&
                 kt_str_eq(w.at[k].actor, s->row[i].cell[2]) &&
                 kt_str_eq(w.at[k].secret, s->row[i].cell[0]);
        assert_true(kt_str_u64(s->row[i].cell[5], &said));
        assert_int_equal(said, n);
        shown += said;
    }
    assert_true(s->n > 3);
    assert_int_equal(shown, reads);
    kt_sheet_free(s);
}

static void dormant_came_before_and_not_since(void **state)
{
    struct kt_sheet *s = make(KT_REVIEW_DORMANT, "", NULL, 0);
    (void)state;
    for (uint32_t i = 0; i < w.n; i++) {
        bool later = false, listed = false;
        for (uint32_t k = 0; k < w.n; k++)
            later |= w.at[k].at >= s->since && w.at[k].at < s->until &&
                     kt_str_eq(w.at[k].actor, w.at[i].actor);
        for (uint32_t k = 0; k < s->n; k++)
            listed |= kt_str_eq(s->row[k].cell[0], w.at[i].actor);
        if (w.at[i].actor.len > 0 && w.at[i].at < s->since)
            assert_int_equal(listed, !later);
    }
    kt_sheet_free(s);
}

static void leavers_are_counted_by_all_their_names(void **state)
{
    const struct kt_sheet_leaver who[] = {
        { .name = KT_STR("alice@example.com"), .left = STOCK_T0 + 30 * KT_NS_DAY },
        { .name = KT_STR("nobody"), .left = STOCK_T0 + 10 * KT_NS_DAY },
    };
    struct kt_sheet *s = make(KT_REVIEW_LEAVERS, "", who, 2);
    uint64_t after = 0, said;
    (void)state;
    for (uint32_t i = 0; i < w.n; i++)
        after += kt_str_is(w.at[i].actor, "alice@example.com") && w.at[i].at >= who[0].left &&
                 w.at[i].at < STOCK_T0 + 70 * KT_NS_DAY;
    assert_true(after > 10);
    assert_true(kt_str_u64(s->row[0].cell[2], &said));
    assert_int_equal(said, after);
    assert_string_equal(kt_review_word(s->kind), "leavers");
    assert_true(kt_str_is(s->row[1].cell[2], "0"));
    kt_sheet_free(s);
}

static void leavers_are_found_by_each_alias(void **state)
{
    static const char *const names[] = { "alice", "role/alice", "ALICE@example.com" };
    const struct kt_sheet_leaver twice[] = { { KT_STR("alice"), STOCK_T0, 0 },
                                             { KT_STR("role/alice"), STOCK_T0, 0 } };
    const struct kt_sheet_wish wish = {
        .kind = KT_REVIEW_LEAVERS, .scope = "", .leaver = twice, .n_leavers = 2
    };
    const struct kt_sheet_leaver bare = { KT_STR("bob"), STOCK_T0 + 30 * KT_NS_DAY, 0 };
    struct kt_error err = { 0 };
    struct kt_sheet *s = NULL;
    uint64_t after = 0, said;
    (void)state;
    for (size_t k = 0; k < KT_ARRAY_LEN(names); k++) {
        const struct kt_sheet_leaver who = { kt_str_of(names[k]), STOCK_T0 + 30 * KT_NS_DAY, 0 };
        s = make(KT_REVIEW_LEAVERS, "", &who, 1);
        after = 0;
        for (uint32_t i = 0; i < w.n; i++)
            after += kt_str_is(w.at[i].actor, "alice@example.com") && w.at[i].at >= who.left &&
                     w.at[i].at < STOCK_T0 + 70 * KT_NS_DAY;
        assert_true(kt_str_u64(s->row[0].cell[2], &said));
        assert_int_equal(said, after);
        assert_true(after > 10);
        kt_sheet_free(s);
    }
    s = make(KT_REVIEW_LEAVERS, "", &bare, 1); /* nobody is called that: bob@example.com is meant */
    after = 0;
    for (uint32_t i = 0; i < w.n; i++)
        after += kt_str_is(w.at[i].actor, "bob@example.com") && w.at[i].at >= bare.left &&
                 w.at[i].at < STOCK_T0 + 70 * KT_NS_DAY;
    assert_true(kt_str_u64(s->row[0].cell[2], &said));
    assert_true(after > 10);
    assert_int_equal(said, after);
    kt_sheet_free(s);
    w.ask.since = STOCK_T0 + 40 * KT_NS_DAY;
    w.ask.until = STOCK_T0 + 70 * KT_NS_DAY;
    assert_int_equal(kt_sheet_make(&w.ask, &wish, "log-1", &s, &err), KT_E_INPUT);
    assert_string_equal(err.text, "review leavers: 'role/alice' is named twice");
    w.ask.since = w.ask.until = 0;
}

/* ---- the file ---- */

static char *filled(const struct kt_sheet *s, const char *decision)
{
    struct kt_buf csv = { 0 }, out = { 0 };
    kt_sheet_csv(s, &csv);
    struct kt_str rest = kt_buf_str(&csv), line;
    for (unsigned n = 0; kt_str_split(&rest, '\n', &line) && line.len > 0; n++) {
        struct kt_str text = kt_str_trim(line);
        bool row = n >= 2;
        kt_buf_add(&out, kt_str_sub(text, 0, text.len - (row ? 1 : 0)));
        kt_buf_addf(&out, "%s\r\n", row ? decision : "");
    }
    char *text = kt_str_dup(kt_buf_str(&out));
    kt_buf_done(&csv);
    kt_buf_done(&out);
    return text;
}

static enum kt_status read_back(const char *text, struct kt_sheet **ret, struct kt_error *err)
{
    *err = (struct kt_error){ 0 };
    return kt_sheet_read(kt_str_of(text), ret, err);
}

static void filled_sheets_are_read(void **state)
{
    struct kt_error err;
    struct kt_sheet *s = make(KT_REVIEW_ACCESS, "", NULL, 0), *back = NULL;
    char *text = filled(s, "Keep,\"fine, says \"\"Bob\"\"\"");
    uint64_t keeps, removes;
    (void)state;
    must(read_back(text, &back, &err), &err);
    assert_int_equal(back->n, s->n);
    assert_memory_equal(back->digest, s->digest, 32);
    assert_int_equal(back->head, s->head);
    kt_sheet_counts(back, &keeps, &removes);
    assert_int_equal(keeps, s->n);
    assert_int_equal(removes, 0);
    assert_true(kt_str_is(back->row[0].note, "fine, says \"Bob\""));
    kt_sheet_free(back);
    kt_free(text);
    kt_sheet_free(s);
}

/* A spreadsheet sorts the rows, and writes more cells behind. */
static void rows_may_be_sorted(void **state)
{
    struct kt_error err;
    struct kt_sheet *s = make(KT_REVIEW_ACCESS, "prod/**", NULL, 0), *back = NULL;
    char *text = filled(s, "remove,,,");
    char *third = text;
    (void)state;
    for (int i = 0; i < 2; i++)
        third = strchr(third, '\n') + 1;
    char *fourth = strchr(third, '\n') + 1, *fifth = strchr(fourth, '\n') + 1;
    struct kt_buf moved = { 0 };
    kt_buf_add_bytes(&moved, text, (size_t)(third - text));
    kt_buf_add_bytes(&moved, fourth, (size_t)(fifth - fourth));
    kt_buf_add_bytes(&moved, third, (size_t)(fourth - third));
    kt_buf_addz(&moved, fifth);
    must(read_back(kt_buf_z(&moved), &back, &err), &err);
    assert_int_equal(back->row[0].decision, KT_SHEET_REMOVE);
    kt_sheet_free(back);
    kt_buf_done(&moved);
    kt_free(text);
    kt_sheet_free(s);
}

/* Each byte of what was asked, changed, is found; so is each line that is gone or there twice. */
static void changes_are_found(void **state)
{
    struct kt_error err;
    struct kt_sheet *s = make(KT_REVIEW_ACCESS, "prod/**", NULL, 0), *back = NULL;
    char *text = filled(s, "keep,");
    size_t len = strlen(text);
    (void)state;
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        if (was == '\r')
            continue; /* what stands before it is a note, which says what it likes */
        text[i] = was == '7' ? '8' : '7';
        if (read_back(text, &back, &err) == KT_OK) {
            uint64_t keeps, removes;
            kt_sheet_counts(back, &keeps, &removes);
            fail_msg("byte %zu ('%c' to '%c') was not found", i, was, text[i]);
        }
        assert_true(err.text[0] != '\0');
        text[i] = was;
    }
    char *line = strchr(strchr(text, '\n') + 1, '\n') + 1, *next = strchr(line, '\n') + 1;
    struct kt_buf other = { 0 };
    kt_buf_add_bytes(&other, text, (size_t)(line - text));
    kt_buf_addz(&other, next);
    assert_int_equal(read_back(kt_buf_z(&other), &back, &err), KT_E_INPUT);
    kt_buf_reset(&other);
    kt_buf_addz(&other, text);
    kt_buf_add_bytes(&other, line, (size_t)(next - line));
    assert_int_equal(read_back(kt_buf_z(&other), &back, &err), KT_E_INPUT);
    kt_buf_done(&other);
    kt_free(text);
    kt_sheet_free(s);
}

static void what_is_missing_is_said(void **state)
{
    struct kt_error err;
    struct kt_sheet *s = make(KT_REVIEW_ACCESS, "prod/**", NULL, 0), *back = NULL;
    char *open = filled(s, ","), *other = filled(s, "maybe,");
    (void)state;
    assert_int_equal(read_back(open, &back, &err), KT_E_INPUT);
    assert_string_equal(err.text, "line 3: the decision is missing: keep or remove");
    assert_int_equal(read_back(other, &back, &err), KT_E_INPUT);
    assert_string_equal(err.text, "line 3: the decision is neither keep nor remove: 'maybe'");
    assert_int_equal(read_back("", &back, &err), KT_E_INPUT);
    assert_string_equal(err.text, "the file is empty");
    assert_int_equal(read_back("a,b\n", &back, &err), KT_E_INPUT);
    kt_free(open);
    kt_free(other);
    kt_sheet_free(s);
}

static void lists_of_leavers_are_read(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "name,date\nalice,2026-03-31\nbob,2026-03-31T12:00:00+02:00\n", NULL },
        { "alice,2026-03-31\nbob,2026-04-01\n", NULL },
        { "alice,2026-03-31\nbob,soon\n", "those who left: line 2: no date (2026-03-31)" },
        { "name,date\n", "those who left: there is no name in it" },
        { "alice,2026-03-31\n,2026-03-31\n", "those who left: line 2: not a name and a date" },
        { "a,2026-03-31,x\n", "those who left: line 1: not a name and a date" },
        /* somebody whose date is wrong is no head, and is not passed over */
        { "alice,2026-13-31\nbob,2026-04-01\n", "those who left: line 1: no date (2026-03-31)" },
        { "alice,31.3.2026\nbob,2026-04-01\n", "those who left: line 1: no date (2026-03-31)" },
        { "alice,yesterday\nbob,2026-04-01\n", "those who left: line 1: no date (2026-03-31)" },
        { "alice\nbob,2026-04-01\n", "those who left: line 1: no date (2026-03-31)" },
        { "alice,2026-03-31\nbob,7d\n", "those who left: line 2: no date (2026-03-31)" },
    };
    const struct kt_ask ask = { .now = STOCK_T0, .zone_offset_s = 3600 };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_arena arena = kt_arena_new(1u << 16);
        struct kt_sheet_leaver *list = NULL;
        struct kt_error err = { 0 };
        uint32_t n = 0;
        enum kt_status st =
            kt_sheet_leavers(&ask, kt_str_of(cases[i].text), &arena, &list, &n, &err);
        if (cases[i].said == NULL) {
            must(st, &err);
            assert_int_equal(n, 2);
            assert_true(kt_str_is(list[0].name, "alice"));
            /* a day means its end, where whoever asks is */
            assert_int_equal(list[0].left, INT64_C(1774998000) * KT_NS_S);
        } else {
            assert_string_equal(err.text, cases[i].said);
        }
        kt_free(list);
        kt_arena_done(&arena);
    }
}

/* ---- the record ---- */

static void signatures_come_back(void **state)
{
    struct kt_review r = { .kind = KT_REVIEW_DORMANT,
                           .since = 1,
                           .until = 2,
                           .head = 77,
                           .rows = 5,
                           .keep = 3,
                           .remove = 2,
                           .id = "review-78",
                           .by = "Ζωή",
                           .where = "cli on ops-1",
                           .reason = "Q3 \"2026\"",
                           .scope = "prod/**" };
    struct kt_buf raw = { 0 };
    struct kt_reviews all = { 0 };
    struct kt_reader *reader = NULL;
    struct kt_error err = { 0 };
    (void)state;
    memset(r.digest, 7, 32);
    kt_review_write(&r, &raw);
    stock_control(w.stock, KT_KIND_DECISION, KT_REVIEW_OPERATION, kt_buf_z(&raw), STOCK_T0 + 5);
    stock_control(w.stock, KT_KIND_DECISION, KT_REVIEW_OPERATION, "{\"kind\":\"access\"}",
                  STOCK_T0 + 6);
    stock_control(w.stock, KT_KIND_DECISION, "ack", "{}", STOCK_T0 + 7);
    must(kt_reader_open(w.stock->path, &reader, &err), &err);
    must(kt_reviews_load(reader, &all, &err), &err);
    kt_reader_close(reader);
    assert_int_equal(all.n, 1);
    r.at = STOCK_T0 + 5;
    assert_memory_equal(&all.at[0], &r, sizeof r);
    assert_ptr_equal(kt_reviews_last(&all, KT_REVIEW_DORMANT, 0), &all.at[0]);
    assert_null(kt_reviews_last(&all, KT_REVIEW_DORMANT, STOCK_T0 + 5));
    assert_null(kt_reviews_last(&all, KT_REVIEW_ACCESS, 0));
    kt_reviews_done(&all);
    kt_buf_done(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_is_counted),
        cmocka_unit_test(dormant_came_before_and_not_since),
        cmocka_unit_test(leavers_are_counted_by_all_their_names),
        cmocka_unit_test(leavers_are_found_by_each_alias),
        cmocka_unit_test(filled_sheets_are_read),
        cmocka_unit_test(rows_may_be_sorted),
        cmocka_unit_test(changes_are_found),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(lists_of_leavers_are_read),
        cmocka_unit_test(signatures_come_back),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
