/* exporters/reports/doc: what a report writes: CSV that a strict reader of RFC 4180 takes, with the
 * cells that were given; a page that no text breaks out of; the same bytes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hash.h"
#include "exporters/reports/doc.h"

/* ---- files in memory ---- */

#define FILES 16
struct files {
    struct kt_buf bytes[FILES];
    char name[FILES][64];
    unsigned n, fail_at, calls;
    bool open;
};

static enum kt_status file_open(void *self, const char *file, struct kt_error *err)
{
    struct files *f = self;
    assert_false(f->open);
    assert_true(f->n < FILES);
    if (++f->calls == f->fail_at)
        return kt_fail(err, KT_E_IO, "disk full");
    kt_str_copyz(f->name[f->n], sizeof f->name[0], kt_str_of(file));
    f->open = true;
    return KT_OK;
}

static enum kt_status file_add(void *self, struct kt_str bytes, struct kt_error *err)
{
    struct files *f = self;
    assert_true(f->open);
    if (++f->calls == f->fail_at)
        return kt_fail(err, KT_E_IO, "disk full");
    kt_buf_add(&f->bytes[f->n], bytes);
    return KT_OK;
}

static enum kt_status file_close(void *self, uint64_t *ret_bytes, uint8_t ret_sha256[32],
                                 struct kt_error *err)
{
    struct files *f = self;
    struct kt_str all = kt_buf_str(&f->bytes[f->n]);
    assert_true(f->open);
    if (++f->calls == f->fail_at)
        return kt_fail(err, KT_E_IO, "disk full");
    f->open = false;
    f->n++;
    *ret_bytes = all.len;
    kt_sha256_of(&all, 1, ret_sha256);
    return KT_OK;
}

static void files_done(struct files *f)
{
    for (unsigned i = 0; i < FILES; i++)
        kt_buf_done(&f->bytes[i]);
}

static struct kt_str file_named(const struct files *f, const char *name)
{
    for (unsigned i = 0; i < f->n; i++)
        if (strcmp(f->name[i], name) == 0)
            return kt_buf_str(&f->bytes[i]);
    fail_msg("no file %s", name);
    return KT_STR_NONE;
}

static struct kt_doc *start(struct files *f)
{
    static const struct kt_doc_head head = {
        .title = "Access to <secrets>",
        .organisation = "Ümlaut & \"Söhne\" \xd7\x90\xd7\x91",
        .framework = "SOC 2",
        .package = "01J\"}x",
        .key = "RW<b>",
        .program = "keytrail 0.1.0",
        .since = INT64_C(1759276800) * KT_NS_S,
        .until = INT64_C(1790812800) * KT_NS_S,
    };
    const struct kt_doc_out out = { file_open, file_add, file_close, f };
    return kt_doc_new(&head, &out);
}

/* ---- a strict reader of RFC 4180: a field a call; fails on what the standard does not allow ----
 */

static struct kt_str rest;
static bool line_over;

static void csv_field(struct kt_buf *ret)
{
    kt_buf_reset(ret);
    bool quoted = rest.len > 0 && rest.at[0] == '"';
    size_t i = quoted ? 1 : 0;
    for (;; i++) {
        assert_true(i < rest.len); /* every line ends in CRLF */
        if (quoted && rest.at[i] == '"' && i + 1 < rest.len && rest.at[i + 1] == '"') {
            i++;
        } else if (quoted && rest.at[i] == '"') {
            i++;
            break;
        } else if (!quoted && (rest.at[i] == ',' || rest.at[i] == '\r')) {
            break;
        } else if (!quoted) {
            assert_true(rest.at[i] != '"' && rest.at[i] != '\n');
        }
        kt_buf_byte(ret, rest.at[i]);
    }
    assert_true(i < rest.len);
    line_over = rest.at[i] == '\r';
    if (line_over)
        assert_true(i + 1 < rest.len && rest.at[i + 1] == '\n');
    else
        assert_int_equal(rest.at[i], ',');
    rest = kt_str_from_index(rest, i + (line_over ? 2 : 1));
}

static void expect_line(const char *const *want, unsigned n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf field = { 0 };
    for (unsigned i = 0; i < n; i++) {
        csv_field(&field);
        assert_string_equal(kt_buf_z(&field), want[i]);
        assert_true(line_over == (i + 1 == n));
    }
}

/* ---- tests ---- */

static const struct {
    const char *in, *csv, *html;
} hostile[] = {
    { "=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")",
      "=HYPERLINK(&quot;http://<wbr>x&quot;)" },
    { "+1", "'+1", "+1" },
    { "-1+cmd", "'-1+cmd", "-1+cmd" },
    { "@SUM(A1)", "'@SUM(A1)", "@<wbr>SUM(A1)" },
    { "\t=1", "'\\x09=1", "\\x09=1" },
    { "\r=1\x1b[2J", "'\\x0d=1\\x1b[2J", "\\x0d=1\\x1b[2J" },
    { "a,b \"c\"", "a,b \"c\"", "a,b &quot;c&quot;" },
    { "two\r\nlines", "two\\x0d\\x0alines", "two\\x0d\\x0alines" },
    { "</td><script>alert(1)</script>", "</td><script>alert(1)</script>",
      "&lt;/<wbr>td&gt;&lt;script&gt;alert(1)&lt;/<wbr>script&gt;" },
    { "Ελένη", "Ελένη", "Ελένη" },
    { "Наталья", "Наталья", "Наталья" },
    { "秘密/数据库", "秘密/数据库", "秘密/<wbr>数据库" },
    { "prod/قاعدة/5", "prod/قاعدة/5", "prod/<wbr><bdi>قاعدة</bdi>/<wbr>5" },
    { "محمد علي 7", "محمد علي 7", "<bdi>محمد علي</bdi> 7" },
    { "a\xe2\x80\xae"
      "b",
      "a\\u202eb", "a\\u202eb" },
    { "bad\xff", "bad\\xff", "bad\\xff" },
    { "&amp;", "&amp;", "&amp;amp;" },
};

static void hostile_cells_stay_what_they_are(void **state)
{
    (void)state;
    static const struct kt_doc_column columns[] = { { "name", "Name", KT_DOC_TEXT },
                                                    { "n", "N", KT_DOC_COUNT } };
    static const struct kt_doc_table table = { .file = "csv/hostile.csv",
                                               .title = "Hostile",
                                               .columns = columns,
                                               .n = 2,
                                               .shown = 100,
                                               .query = "actor:\"<b>\"" };
    struct files f = { 0 };
    struct kt_error err = { 0 };
    struct kt_doc *d = start(&f);
    kt_doc_section(d, 2, "Two <i>");
    kt_doc_table(d, &table);
    for (unsigned i = 0; i < KT_ARRAY_LEN(hostile); i++) {
        const struct kt_doc_cell cells[] = { kt_doc_text(kt_str_of(hostile[i].in)),
                                             kt_doc_number(i) };
        kt_doc_row(d, cells);
    }
    assert_int_equal(kt_doc_table_end(d), KT_ARRAY_LEN(hostile));
    assert_int_equal(kt_doc_end(d, &err), KT_OK);
    rest = file_named(&f, "csv/hostile.csv");
    struct kt_str page = file_named(&f, "report.html");
    expect_line((const char *const[]){ "name", "n" }, 2);
    for (unsigned i = 0; i < KT_ARRAY_LEN(hostile); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf cell = { 0 };
        char n[8];
        (void)snprintf(n, sizeof n, "%u", i);
        expect_line((const char *const[]){ hostile[i].csv, n }, 2);
        kt_buf_addf(&cell, "<tr><td>%s</td><td class=\"n\">%u</td></tr>", hostile[i].html, i);
        assert_true(kt_str_has(page, kt_buf_str(&cell)));
    }
    assert_int_equal(rest.len, 0);
    assert_true(kt_str_has(page, KT_STR("<h1>Access to &lt;secrets&gt;</h1>")));
    assert_true(kt_str_has(page, KT_STR("package 01J--x\"")));
    assert_true(kt_str_has(page, KT_STR("actor:&quot;&lt;b&gt;&quot;")));
    assert_false(kt_str_has(page, KT_STR("<script")) || kt_str_has(page, KT_STR("Two <i>")));
    kt_doc_free(d);
    files_done(&f);
}

static void cells_have_one_form_for_people_and_one_for_programs(void **state)
{
    (void)state;
    static const struct kt_doc_column columns[] = {
        { "count", "Count", KT_DOC_COUNT }, { "time", "Time", KT_DOC_TIME },
        { "day", "Day", KT_DOC_DAY },       { "span", "Span", KT_DOC_SPAN },
        { "share", "Share", KT_DOC_SHARE }, { "hidden", NULL, KT_DOC_TEXT },
    };
    static const struct kt_doc_table table = {
        .file = "csv/a.csv", .title = "A", .columns = columns, .n = 6, .shown = 1
    };
    const kt_time_ns t = INT64_C(1795377605) * KT_NS_S + 250 * KT_NS_MS;
    const struct kt_doc_cell cells[] = { kt_doc_number(-1234567), kt_doc_number(t),
                                         kt_doc_number(t),        kt_doc_number(90 * KT_NS_S / 4),
                                         kt_doc_number(999999),   kt_doc_text(KT_STR("only")) };
    const struct kt_doc_cell none[] = { kt_doc_none(), kt_doc_none(), kt_doc_none(),
                                        kt_doc_none(), kt_doc_none(), kt_doc_text(KT_STR("")) };
    struct files f = { 0 };
    struct kt_error err = { 0 };
    struct kt_doc *d = start(&f);
    kt_doc_section(d, 2, "Two");
    kt_doc_table(d, &table);
    kt_doc_row(d, cells);
    kt_doc_row(d, none);
    kt_doc_alarm(d, "told between rows");
    (void)kt_doc_table_end(d);
    assert_int_equal(kt_doc_end(d, &err), KT_OK);
    struct kt_str csv = file_named(&f, "csv/a.csv"), page = file_named(&f, "report.html");
    assert_true(kt_str_is(csv, "count,time,day,span,share,hidden\r\n"
                               "-1234567,2026-11-22T20:00:05.250000000Z,2026-11-22,22.5,0.999999,"
                               "only\r\n,,,,,\r\n"));
    assert_true(
        kt_str_has(page, KT_STR("-1,234,567</td><td class=\"t\">2026-11-22 20:00:05</td><td "
                                "class=\"t\">2026-11-22</td>")));
    assert_true(kt_str_has(page, KT_STR("99.9 %</td></tr>\n</tbody>")));
    assert_true(kt_str_has(page, KT_STR("2 rows, the first 1 shown")));
    assert_false(kt_str_has(page, KT_STR("only</td>")));
    assert_true(kt_str_find(page, KT_STR("told between rows</p>"), 0) >
                kt_str_find(page, KT_STR("csv/a.csv"), 0));
    kt_doc_free(d);
    files_done(&f);
}

struct listing {
    struct kt_buf names;
    const struct files *files;
    unsigned n;
};

static void list_file(void *self, const char *file, uint64_t bytes, int64_t rows,
                      const uint8_t sha256[32], const char *query)
{
    struct listing *l = self;
    struct kt_str all = file_named(l->files, file);
    uint8_t is[32];
    (void)rows;
    (void)query;
    kt_sha256_of(&all, 1, is);
    assert_int_equal(all.len, bytes);
    assert_memory_equal(is, sha256, 32);
    kt_buf_addf(&l->names, "%s ", file);
    l->n++;
}

static void write_all(struct files *f, struct kt_doc **ret, enum kt_status want)
{
    static const struct kt_doc_column columns[] = { { "x", "X", KT_DOC_TEXT } };
    static const struct kt_doc_table tables[] = {
        { .file = "csv/b.csv", .title = "B", .columns = columns, .n = 1, .shown = 5 },
        { .file = "csv/a.csv", .title = "A", .columns = columns, .n = 1, .empty = "Nobody." },
    };
    const struct kt_doc_cell cell = kt_doc_text(KT_STR("one"));
    const struct kt_doc_bar bars[] = { { KT_STR("\xd7\x90"), 5, 1 }, { KT_STR("b"), 0, 0 } };
    const uint8_t share[] = { 255, 100, 40, 0, 0, 100 };
    const struct kt_str rows[] = { KT_STR("vault-prod") };
    struct kt_error err = { 0 };
    struct kt_doc *d = start(f);
    kt_doc_section(d, 1, "Cover");
    kt_doc_figure(d, "Events", "1,024", "900");
    kt_doc_figure(d, "Secrets", "7", NULL);
    for (unsigned i = 0; i < 12; i++)
        kt_doc_alarm(d, "on the cover %u", i);
    kt_doc_section(d, 3, "Three");
    kt_doc_alarm(d, "in %s", "three");
    kt_doc_table(d, &tables[0]);
    kt_doc_row(d, &cell);
    (void)kt_doc_table_end(d);
    kt_doc_bars(d, "Bars", "read|denied", bars, 2);
    kt_doc_calendar(d, "Days", rows, 1, 20000, 6, share);
    kt_doc_section(d, 9, "Nine");
    kt_doc_table(d, &tables[1]);
    (void)kt_doc_table_end(d);
    assert_int_equal(kt_doc_alarms(d), 13);
    assert_int_equal(kt_doc_end(d, &err), want);
    *ret = d;
}

static unsigned times(struct kt_str page, struct kt_str what)
{
    unsigned n = 0;
    for (ptrdiff_t at = 0; (at = kt_str_find(page, what, (size_t)at)) >= 0; at++)
        n++;
    return n;
}

static void the_same_words_give_the_same_bytes(void **state)
{
    (void)state;
    struct files one = { 0 }, two = { 0 };
    struct kt_doc *d, *e;
    write_all(&one, &d, KT_OK);
    write_all(&two, &e, KT_OK);
    assert_int_equal(one.n, two.n);
    for (unsigned i = 0; i < one.n; i++)
        assert_true(kt_str_eq(kt_buf_str(&one.bytes[i]), kt_buf_str(&two.bytes[i])));
    struct listing l = { .files = &one };
    kt_doc_files(d, list_file, &l);
    assert_string_equal(kt_buf_z(&l.names), "csv/a.csv csv/b.csv report.html ");
    struct kt_str page = file_named(&one, "report.html");
    assert_true(kt_str_has(page, KT_STR("13 open points")) &&
                kt_str_has(page, KT_STR("and 3 more, behind this page")) &&
                kt_str_has(page, KT_STR("3 more of 13 open points")));
    assert_int_equal(times(page, KT_STR("<li>in three")), 1); /* listed once, wherever */
    assert_int_equal(times(page, KT_STR("<li>")), 13 + 3);    /* and three sections */
    assert_true(kt_str_has(page, KT_STR("in three (<a href=\"#a13\">section 3</a>)")));
    assert_true(kt_str_has(page, KT_STR("2024-10-06 40 %; 2024-10-07 to 2024-10-08 0 %")));
    assert_true(kt_str_has(page, KT_STR("<td class=\"n\">5</td><td class=\"n\">2</td>")));
    assert_true(kt_str_has(page, KT_STR("Nobody.")));
    kt_buf_done(&l.names);
    kt_doc_free(d);
    kt_doc_free(e);
    files_done(&one);
    files_done(&two);
}

/* Every call of the files fails once: the fault is told, nothing else happens. */
static void a_fault_of_the_files_is_told_at_the_end(void **state)
{
    (void)state;
    for (unsigned at = 1;; at++) {
        struct files f = { .fail_at = at };
        struct kt_doc *d;
        bool reached;
        struct files whole = { 0 };
        write_all(&whole, &d, KT_OK);
        kt_doc_free(d);
        reached = at <= whole.calls;
        files_done(&whole);
        write_all(&f, &d, reached ? KT_E_IO : KT_OK);
        kt_doc_free(d);
        files_done(&f);
        if (!reached)
            break;
    }
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_cells_stay_what_they_are),
        cmocka_unit_test(cells_have_one_form_for_people_and_one_for_programs),
        cmocka_unit_test(the_same_words_give_the_same_bytes),
        cmocka_unit_test(a_fault_of_the_files_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
