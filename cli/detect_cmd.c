/*
 * detect: what the detectors are, and what each of them means: `detect list`, `detect explain`;
 * `detect lint`, `detect test` and `detect import` have files of their own.
 *
 * Owns:  nothing.
 * Calls: detectors (their tables and pages), core/config; stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/detect_cmd.h"
#include "cli/detect_import.h"
#include "core/base/alloc.h"
#include "core/event/line.h"
#include "detectors/detector.h"

static const struct kt_column columns[] = {
    { "name", "DETECTOR", 0, false },
    { "summary", "WHAT IT SEES", 0, false },
    { "options", "OPTIONS", 0, true },
};

static int list(enum kt_output how)
{
    struct kt_rows *rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    for (unsigned i = 0; kt_detectors[i] != NULL; i++) {
        int64_t n = 0;
        for (const struct kt_option *o = kt_detectors[i]->options; o->name != NULL; o++)
            n++;
        const struct kt_cell cells[] = { kt_cell_str(kt_str_of(kt_detectors[i]->name)),
                                         kt_cell_str(kt_str_of(kt_detectors[i]->summary)),
                                         kt_cell_int(n) };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
    return KT_EXIT_OK;
}

/* Its options as they stand in conf; NULL: by default. */
static enum kt_status options_in(const struct kt_conf *conf, const struct kt_detector *det,
                                 void *ret, struct kt_error *err)
{
    for (unsigned i = 0; conf != NULL && i < conf->n_detectors; i++) {
        if (strcmp(conf->detectors[i].name, det->name) == 0)
            return kt_options_fill(conf->yaml, conf->detectors[i].node, det->options, ret, err);
    }
    kt_options_defaults(det->options, ret);
    return KT_OK;
}

/* "  name: value" of one option: the value. */
static void add_value(const struct kt_option *option, const void *values, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    const struct kt_option one[] = { *option, KT_OPTIONS_END };
    kt_options_print(one, values, 0, false, &line);
    kt_json_quote(out, kt_str_trim(kt_str_from_index(kt_buf_str(&line), strlen(option->name) + 1)));
}

/* For programs: one row, with the page as it is and the options as a list. */
static void print_row(const struct kt_detector *det, const char *page, const void *values,
                      enum kt_output how)
{
    static const struct kt_column parts[] = { { "name", "DETECTOR", 0, false },
                                              { "summary", "WHAT IT SEES", 0, false },
                                              { "page", "PAGE", 0, false },
                                              { "options", "OPTIONS", 0, false } };
    KT_CLEANUP(kt_buf_done) struct kt_buf options = { 0 };
    void *defaults = kt_alloc(det->options_size);
    kt_options_defaults(det->options, defaults);
    for (const struct kt_option *o = det->options; o->name != NULL; o++) {
        kt_buf_addz(&options, o == det->options ? "[{\"name\":" : ",{\"name\":");
        kt_json_quote(&options, kt_str_of(o->name));
        kt_buf_addz(&options, ",\"value\":");
        add_value(o, values, &options);
        kt_buf_addz(&options, ",\"default\":");
        add_value(o, defaults, &options);
        kt_buf_addz(&options, ",\"help\":");
        kt_json_quote(&options, kt_str_of(o->help));
        kt_buf_byte(&options, '}');
    }
    kt_free(defaults);
    kt_buf_addz(&options, options.len == 0 ? "[]" : "]");
    struct kt_rows *rows = kt_rows_new(how, parts, KT_ARRAY_LEN(parts), true);
    const struct kt_cell cells[] = { kt_cell_str(kt_str_of(det->name)),
                                     kt_cell_str(kt_str_of(det->summary)),
                                     kt_cell_str(kt_str_of(page)),
                                     { .type = KT_CELL_RAW, .str = kt_buf_str(&options) } };
    kt_rows_add(rows, cells);
    kt_rows_end(rows);
}

/* For people: the page, which is Markdown, and what a configuration changes. */
static void print_page(const struct kt_detector *det, const char *page, const void *values,
                       const char *config)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    fputs(page, stdout);
    if (config == NULL)
        return;
    kt_options_print(det->options, values, 2, false, &out);
    printf("\n## In %s\n\n%s:\n%s", config, det->name, kt_buf_z(&out));
}

static int explain_one(unsigned i, const char *config, enum kt_output how)
{
    const struct kt_detector *det = kt_detectors[i];
    struct kt_conf *conf = NULL;
    struct kt_error err = { 0 };
    void *values = kt_alloc(det->options_size);
    enum kt_status st = config != NULL ? kt_conf_load(config, &conf, &err) : KT_OK;
    if (st == KT_OK)
        st = options_in(conf, det, values, &err);
    if (st == KT_OK && (how == KT_OUT_TABLE || how == KT_OUT_MD))
        print_page(det, kt_detector_page(i), values, config);
    else if (st == KT_OK)
        print_row(det, kt_detector_page(i), values, how);
    kt_free(values);
    kt_conf_free(conf);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("detect", &err);
}

static int explain(const char *name, const char *config, enum kt_output how)
{
    struct kt_near near = kt_near_of(kt_str_of(name));
    for (unsigned i = 0; kt_detectors[i] != NULL; i++) {
        kt_near_try(&near, kt_detectors[i]->name);
        if (strcmp(kt_detectors[i]->name, name) == 0)
            return explain_one(i, config, how);
    }
    fprintf(stderr, "keytrail detect: there is no detector '%s'%s%s%s\n", name,
            near.name != NULL ? ", did you mean '" : "", near.name != NULL ? near.name : "",
            near.name != NULL ? "'?" : "; keytrail detect list shows them");
    return KT_EXIT_USAGE;
}

int kt_cmd_detect(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "list", "", "every detector, with a sentence", NULL, NULL },
        { "explain", "DETECTOR", "its page, and its settings in a configuration", NULL, NULL },
        { "test", "FILE|DIR…", "runs cases of detection", NULL, NULL },
        { "lint", "", "detectors and rules that nothing connected can make fire", NULL, NULL },
        { "import", "FILE|DIR…", "checks Sigma rules, and takes the good ones", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = { "detect",
                                           "VERB [options]",
                                           "detectors: list, explain NAME, test, lint; import "
                                           "Sigma rules",
                                           "keytrail detect explain new_secrets",
                                           NULL,
                                           verbs };
    struct kt_detect_lint lint = { NULL, NULL };
    const char *output = "table", *into = NULL;
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "explain: the options as they stand in it; test: with its settings; lint: its canaries "
          "and rules",
          &lint.config, NULL },
        { "--db", 0, KT_FLAG_STRING, "FILE", "lint: the store", &lint.db, NULL },
        { "--into", 0, KT_FLAG_STRING, "DIR",
          "import: where accepted rules are written (default: they are only checked)", &into,
          NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &output, NULL },
        { 0 },
    };
    int n;
    bool done;
    enum kt_output how;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    bool known = kt_output_of(output, &how);
    if (known && n == 1 && strcmp(argv[1], "list") == 0)
        return list(how);
    if (known && n == 2 && strcmp(argv[1], "explain") == 0)
        return explain(argv[2], lint.config, how);
    if (known && n == 1 && strcmp(argv[1], "lint") == 0)
        return kt_detect_lint(&lint, how);
    if (known && n >= 2 && strcmp(argv[1], "test") == 0)
        return kt_detect_test(lint.config, argv + 2, n - 1, how);
    if (known && n >= 2 && strcmp(argv[1], "import") == 0)
        return kt_detect_import(argv + 2, n - 1, into, how);
    return kt_flags_usage(&cmd);
}
