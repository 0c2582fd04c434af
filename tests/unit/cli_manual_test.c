/* cli/manual: text and our Markdown as man(7), and that the manual misses no section of the
 * configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/manual/markdown.h"
#include "core/config/conf.h"

static void has(const struct kt_buf *b, const char *part)
{
    if (kt_str_find(kt_buf_str(b), kt_str_of(part), 0) < 0)
        fail_msg("no %s in:\n%s", part, b->at);
}

static void hasnt(const struct kt_buf *b, const char *part)
{
    if (kt_str_find(kt_buf_str(b), kt_str_of(part), 0) >= 0)
        fail_msg("%s in:\n%s", part, b->at);
}

static void what_roff_would_take_for_more_is_text(void **state)
{
    (void)state;
    struct kt_roff r = { .fresh = true };
    kt_roff_paragraph(&r, KT_STR(".SH no macro \\fB 'x' ^ ~ \" --since"));
    kt_roff_block(&r, KT_STR("'\\\" t\n.TS\n\\n(x\n"));
    assert_string_equal(kt_buf_z(&r.out),
                        "\\&.SH no macro \\efB \\(aqx\\(aq \\(ha \\(ti \\(dq \\-\\-since\n"
                        ".PP\n.RS 4\n.EX\n\\&\\(aq\\e\\(dq t\n\\&.TS\n\\en(x\n.EE\n.RE\n");
    kt_buf_done(&r.out);
}

static void lines_end_before_column_80(void **state)
{
    (void)state;
    struct kt_roff r = { .fresh = true };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    for (int i = 0; i < 400; i++)
        kt_buf_addf(&text, "%s ", i % 7 == 0 ? "±30m" : i % 5 == 0 ? ".x" : "some-word");
    kt_roff_paragraph(&r, kt_buf_str(&text));
    struct kt_str rest = kt_buf_str(&r.out), line;
    while (kt_str_split(&rest, '\n', &line)) {
        assert_true(line.len < 80);
        assert_false(line.len > 0 && line.at[0] == '.');
    }
    kt_buf_done(&r.out);
}

static void marks_become_fonts_and_lone_stars_stay(void **state)
{
    (void)state;
    struct kt_roff r = { .fresh = true };
    kt_roff_paragraph(&r, KT_STR("`a,b` `actor:a*` and **strong** *word* a * b 2*3 [page](x.md) "
                                 "[site](https://a.example/b) a\\|b `x"));
    assert_string_equal(kt_buf_z(&r.out),
                        "\\fBa,\\:b\\fP \\fBactor:a*\\fP and \\fBstrong\\fP \\fIword\\fP a * b "
                        "2*3 page site\n<https://a.example/b> a|b \\(gax\n");
    kt_buf_done(&r.out);
}

static void a_page_becomes_sections_lists_tables_and_blocks(void **state)
{
    (void)state;
    struct kt_roff r = { 0 };
    struct kt_error err = { 0 };
    static const char page[] = "# Title\n\nFirst\nparagraph.\n\n## Some fields\n\n| form | fits |\n"
                               "|---|---|\n| `a|b` | either \\| both | more |\n\n- one\n  goes "
                               "on\n- two\n\n    indented\n\n```\nfenced | x\n## no head\n```\n### "
                               "Below\nend";
    assert_int_equal(kt_markdown_add(&r, kt_str_of(page), "DESCRIPTION", &err), KT_OK);
    has(&r.out, ".SH DESCRIPTION\nFirst paragraph.\n.SH SOME FIELDS\n");
    has(&r.out, ".TP\n\\fBa|b\\fP\neither | both; more\n");
    has(&r.out, ".IP \\(bu 2\none goes on\n.IP \\(bu 2\ntwo\n");
    has(&r.out, ".EX\nindented\n.EE");
    has(&r.out, ".EX\nfenced | x\n## no head\n.EE");
    has(&r.out, ".SS Below\nend\n");
    hasnt(&r.out, "Title");
    hasnt(&r.out, "form");
    kt_buf_done(&r.out);
}

static void what_it_does_not_know_is_refused_with_its_line(void **state)
{
    (void)state;
    static const char *const pages[] = { "# x\n\n1. one\n", "# x\n\n![a](b.png)\n",
                                         "# x\n\n<div>\n", "# x\n\n> said\n" };
    for (size_t i = 0; i < KT_ARRAY_LEN(pages); i++) {
        struct kt_roff r = { 0 };
        struct kt_error err = { 0 };
        assert_int_equal(kt_markdown_add(&r, kt_str_of(pages[i]), "X", &err), KT_E_INPUT);
        assert_non_null(strstr(err.text, "line 3"));
        kt_buf_done(&r.out);
    }
}

/* A section that reads from a file and is not in the manual would be known to nobody. */
static void every_section_of_the_configuration_is_in_the_manual(void **state)
{
    (void)state;
    for (const struct kt_conf_section *s = kt_conf_sections; s->name != NULL; s++) {
        bool found = false;
        size_t n = strlen(s->name);
        for (const struct kt_conf_table *t = kt_conf_tables; t->where != NULL; t++)
            found = found || (strncmp(t->where, s->name, n) == 0 &&
                              (s->table == NULL || s->table == t->table));
        if (!found)
            fail_msg("core/config/conf_tables.c misses %s", s->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_roff_would_take_for_more_is_text),
        cmocka_unit_test(lines_end_before_column_80),
        cmocka_unit_test(marks_become_fonts_and_lone_stars_stay),
        cmocka_unit_test(a_page_becomes_sections_lists_tables_and_blocks),
        cmocka_unit_test(what_it_does_not_know_is_refused_with_its_line),
        cmocka_unit_test(every_section_of_the_configuration_is_in_the_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
