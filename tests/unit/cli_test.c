/* cli: options of commands, and rows as people and programs read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agents/input.h"
#include "agents/source.h"
#include "cli/cli.h"
#include "cli/source_page.h"

static const struct kt_command cmd = { .name = "x", .args = "", .summary = "", .example = "" };

struct args {
    const char *since;
    uint64_t limit;
    bool quiet;
    struct kt_flag_many many;
};

static int parse(struct args *a, int argc, char **argv, int *ret_n, bool *ret_done)
{
    const struct kt_flag flags[] = {
        { "--since", 0, KT_FLAG_STRING, "TIME", "", &a->since, "--from" },
        { "--limit", 'n', KT_FLAG_UINT, "N", "", &a->limit, NULL },
        { "--quiet", 'q', KT_FLAG_BOOL, NULL, "", &a->quiet, NULL },
        { "--feed", 0, KT_FLAG_MANY, "PATH", "", &a->many, NULL },
        { 0 },
    };
    return kt_flags_parse(&cmd, flags, argc, argv, ret_n, ret_done);
}

#define WORDS 16
struct line {
    char store[WORDS][32];
    char *argv[WORDS];
    int argc;
};

static struct line *words(const char *const *at, int n)
{
    static struct line l;
    l.argc = n + 1;
    snprintf(l.store[0], sizeof l.store[0], "x");
    l.argv[0] = l.store[0];
    for (int i = 1; i <= n; i++) {
        snprintf(l.store[i], sizeof l.store[i], "%s", at[i - 1]);
        l.argv[i] = l.store[i];
    }
    return &l;
}

#define ARGV(...)                                                                                  \
    const char *const list[] = { __VA_ARGS__ };                                                    \
    struct line *line = words(list, (int)(sizeof list / sizeof list[0]));                          \
    char **argv = line->argv;                                                                      \
    int n;                                                                                         \
    bool done;                                                                                     \
    struct args a = { 0 };                                                                         \
    int code = parse(&a, line->argc, argv, &n, &done)

static void a_command_takes_just_its_words(void **state)
{
    static const struct kt_flag none[] = { { 0 } };
    const char *const list[] = { "one", "two", "--help" };
    int code;
    (void)state;
    for (int n = 0; n < 3; n++) {
        struct line *l = words(list, 1);
        assert_int_equal(kt_flags_just(&cmd, none, l->argc, l->argv, n, &code), n == 1);
        assert_int_equal(code, n == 1 ? KT_EXIT_OK : KT_EXIT_USAGE);
        l = words(list, 2);
        assert_int_equal(kt_flags_just(&cmd, none, l->argc, l->argv, n, &code), n == 2);
    }
    struct line *l = words(list, 3);
    assert_false(kt_flags_just(&cmd, none, l->argc, l->argv, 0, &code)); /* asked for help: over */
    assert_int_equal(code, KT_EXIT_OK);
}

/* Behind an option that takes a value it would be that value, and the command would run. */
static void help_stands_in_front_of_all_options(void **state)
{
    static const struct {
        const char *words[5], *want[5];
    } lines[] = {
        { { "help" }, { "--help" } },
        { { "help", "help" }, { "--help" } },
        { { "help", "search" }, { "search", "--help" } },
        { { "help", "search", "--db" }, { "search", "--help", "--db" } },
        { { "help", "alerts", "link", "-c", "f" }, { "alerts", "link", "--help", "-c", "f" } },
        { { "search", "help" }, { "search", "help" } },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(lines); i++) {
        int n = 0;
        while (n < 5 && lines[i].words[n] != NULL)
            n++;
        struct line *l = words(lines[i].words, n);
        kt_flags_help_first(l->argc, l->argv);
        for (int k = 0; k < 5 && lines[i].want[k] != NULL; k++)
            assert_string_equal(l->argv[k + 1], lines[i].want[k]);
    }
}

static void flags_take_long_short_equals_and_alias(void **state)
{
    (void)state;
    ARGV("word", "--since=7d", "-n", "5", "-q", "--from", "2h", "--feed", "a", "--feed", "b");
    assert_int_equal(code, 0);
    assert_false(done);
    assert_int_equal(n, 1);
    assert_string_equal(argv[1], "word");
    assert_string_equal(a.since, "2h");
    assert_int_equal(a.limit, 5);
    assert_true(a.quiet);
    assert_int_equal(a.many.n, 2);
}

static void an_option_in_the_place_of_a_value_is_a_value_forgotten(void **state)
{
    (void)state;
    static const char *const behind[] = { "--help", "--quiet", "--limit=3", "--from" };
    for (size_t i = 0; i < KT_ARRAY_LEN(behind); i++) {
        ARGV("--since", behind[i], "7d");
        assert_int_equal(code, KT_EXIT_USAGE);
        assert_true(done);
        assert_null(a.since);
    }
    ARGV("--since", "-7d", "--feed", "--not-one-of-them", "--from=--help");
    assert_int_equal(code, 0);
    assert_string_equal(a.since, "--help");
    assert_string_equal(a.many.at[0], "--not-one-of-them");
}

static void flags_leave_negated_terms_and_everything_after_dashes(void **state)
{
    (void)state;
    ARGV("-country:DE", "--", "--since");
    assert_int_equal(code, 0);
    assert_int_equal(n, 2);
    assert_string_equal(argv[1], "-country:DE");
    assert_string_equal(argv[2], "--since");
}

static void flags_refuse_what_they_do_not_know(void **state)
{
    (void)state;
    ARGV("--sinse", "7d");
    assert_int_equal(code, KT_EXIT_USAGE);
    assert_true(done);
    (void)argv;
}

static void flags_refuse_a_number_that_is_none(void **state)
{
    (void)state;
    ARGV("-n", "five");
    assert_int_equal(code, KT_EXIT_USAGE);
    assert_true(done);
    (void)argv;
}

/* What a function prints on stdout. */
static char *printed(enum kt_output how, const struct kt_cell (*cells)[3], size_t n)
{
    static const struct kt_column columns[] = { { "name", "NAME", 6, false },
                                                { "n", "N", 0, true },
                                                { "when", NULL, 0, false } };
    static char buf[4096];
    fflush(stdout);
    FILE *f = tmpfile();
    int keep = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(f), STDOUT_FILENO) >= 0);
    struct kt_rows *rows = kt_rows_new(how, columns, 3, true);
    for (size_t i = 0; i < n; i++)
        kt_rows_add(rows, cells[i]);
    kt_rows_end(rows);
    fflush(stdout);
    assert_true(dup2(keep, STDOUT_FILENO) >= 0);
    close(keep);
    rewind(f);
    buf[fread(buf, 1, sizeof buf - 1, f)] = 0;
    fclose(f);
    return buf;
}

static struct kt_cell text(const char *s)
{
    return kt_cell_str(kt_str_of(s));
}

static void rows_align_a_table_and_escape_control_bytes(void **state)
{
    (void)state;
    const struct kt_cell cells[][3] = { { text("a"), kt_cell_int(5), kt_cell_time(0) },
                                        { text("longer-name"), kt_cell_int(1200), kt_cell_time(0) },
                                        { text("\x1b[1m"), kt_cell_int(1), kt_cell_time(0) } };
    char *out = printed(KT_OUT_TABLE, cells, 3);
    assert_non_null(strstr(out, "NAME       N\n"));
    assert_non_null(strstr(out, "a          5\n"));
    assert_non_null(strstr(out, "longe…  1200\n"));
    assert_null(strchr(out, '\x1b'));
}

static void rows_print_json_with_nulls_and_whole_times(void **state)
{
    (void)state;
    const struct kt_cell cells[][3] = { { text(""), kt_cell_int(-1),
                                          kt_cell_time(1795377600123000000) } };
    assert_string_equal(printed(KT_OUT_NDJSON, cells, 1),
                        "{\"name\":null,\"n\":-1,\"when\":\"2026-11-22T20:00:00.123000000Z\"}\n");
}

static void rows_disarm_formulas_and_quote_csv(void **state)
{
    (void)state;
    const struct kt_cell cells[][3] = { { text("=cmd"), kt_cell_int(1), kt_cell_time(0) },
                                        { text("a\"b,c"), kt_cell_int(-2), kt_cell_time(0) } };
    assert_string_equal(printed(KT_OUT_CSV, cells, 2),
                        "name,n,when\r\n\"'=cmd\",1,\r\n\"a\"\"b,c\",-2,\r\n");
    const struct kt_cell foul[][3] = { { text("\x1b]0;x\a"), kt_cell_int(-2), kt_cell_time(0) } };
    assert_string_equal(printed(KT_OUT_CSV, foul, 1), "name,n,when\r\n\\x1b]0;x\\x07,-2,\r\n");
    const struct kt_cell tab[][3] = { { text("\t=1\x1b[2J"), kt_cell_int(1), kt_cell_time(0) } };
    assert_string_equal(printed(KT_OUT_CSV, tab, 1), "name,n,when\r\n'\\x09=1\\x1b[2J,1,\r\n");
}

static void sections_and_blocks_are_found_in_a_page(void **state)
{
    (void)state;
    static const char page[] =
        "# x: what it is\n\nText.\n## One\n\na\n\n```yaml\nk: 1\n```\nafter\n"
        "## Two\nb\n";
    struct kt_str rest = KT_STR_NONE;
    assert_true(kt_str_is(kt_page_title(page), "what it is"));
    struct kt_str one = kt_page_section(page, "One");
    assert_true(kt_str_is(kt_page_yaml(one, &rest), "k: 1\n") && kt_str_is(rest, "after"));
    assert_true(kt_str_is(kt_page_section(page, "Two"), "b"));
    assert_int_equal(kt_page_section(page, "Three").len, 0);
    assert_int_equal(kt_page_yaml(KT_STR("```yaml\nopen"), NULL).len, 0);
    assert_int_equal(kt_page_section("", "One").len, 0);
}

/* `source add` and `source doctor` take from them what they say. */
static void every_page_has_its_parts(void **state)
{
    (void)state;
    for (size_t i = 0; kt_sources[i] != NULL; i++) {
        const char *page = kt_source_page(kt_str_of(kt_sources[i]->name));
        if (kt_page_title(page).len == 0 || kt_page_section(page, "Permissions").len == 0 ||
            kt_page_yaml(kt_page_section(page, "Configuration"), NULL).len == 0)
            fail_msg("agents/sources/%s.md", kt_sources[i]->name);
    }
    for (size_t i = 0; kt_inputs[i] != NULL; i++)
        if (kt_page_yaml(kt_str_of(kt_input_page(kt_inputs[i])), NULL).len == 0)
            fail_msg("agents/inputs/%s.md", kt_inputs[i]->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_take_long_short_equals_and_alias),
        cmocka_unit_test(a_command_takes_just_its_words),
        cmocka_unit_test(help_stands_in_front_of_all_options),
        cmocka_unit_test(an_option_in_the_place_of_a_value_is_a_value_forgotten),
        cmocka_unit_test(flags_leave_negated_terms_and_everything_after_dashes),
        cmocka_unit_test(flags_refuse_what_they_do_not_know),
        cmocka_unit_test(flags_refuse_a_number_that_is_none),
        cmocka_unit_test(rows_align_a_table_and_escape_control_bytes),
        cmocka_unit_test(rows_print_json_with_nulls_and_whole_times),
        cmocka_unit_test(rows_disarm_formulas_and_quote_csv),
        cmocka_unit_test(sections_and_blocks_are_found_in_a_page),
        cmocka_unit_test(every_page_has_its_parts),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
