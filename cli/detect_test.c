/*
 * detect_test: runs cases of detection against the detectors as they are, with a configuration of
 * one's own if given.
 *
 * Owns:  nothing.
 * Calls: cli/fixture/case, core/config, core/sys/fs; stdout.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "cli/detect_cmd.h"
#include "cli/fixture/case.h"
#include "core/base/alloc.h"
#include "core/sys/fs.h"

static const struct kt_column columns[] = {
    { "result", "RESULT", 0, false },
    { "case", "CASE", 0, false },
    { "why", "WHY", 0, false },
};

struct tests {
    const char *config;
    struct kt_rows *rows;
    unsigned n, failed;
    enum kt_status broken; /* a file or the configuration cannot be read */
    struct kt_error err;
};

static void add_result(struct tests *t, const char *path, enum kt_status st, struct kt_str why)
{
    const struct kt_cell cells[] = { kt_cell_str(kt_str_of(st == KT_OK ? "ok" : "not ok")),
                                     kt_cell_str(kt_str_of(path)), kt_cell_str(why) };
    kt_rows_add(t->rows, cells);
    t->n++;
    t->failed += st != KT_OK;
}

static void run_case(void *self, const char *path)
{
    struct tests *t = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, told = { 0 }, why = { 0 };
    struct kt_conf *conf = NULL;
    if (t->broken == KT_OK)
        t->broken = kt_fs_read_all(path, KT_CASE_MAX, &text, &t->err);
    if (t->broken == KT_OK && t->config != NULL)
        t->broken = kt_conf_load(t->config, &conf, &t->err);
    if (t->broken != KT_OK)
        return;
    struct kt_error err = { 0 };
    enum kt_status st = kt_case_run(kt_buf_str(&text), path, kt_fs_read_all, conf, &told, &err);
    if (st != KT_OK)
        kt_buf_addf(&why, "%s; told: %s", err.text, told.len > 0 ? kt_buf_z(&told) : "nothing");
    add_result(t, path, st, kt_str_trim(kt_buf_str(&why)));
}

/* A file, or a folder with cases, or with folders of cases. */
static void run_path(struct tests *t, const char *path)
{
    static const char *const below[] = { "*.case", "*/*.case" };
    struct stat st;
    char pattern[4096];
    if (stat(path, &st) != 0) {
        t->broken = kt_fail_errno(&t->err, "'%s'", path);
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        run_case(t, path);
        return;
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(below) && t->broken == KT_OK; i++) {
        (void)snprintf(pattern, sizeof pattern, "%s/%s", path, below[i]);
        t->broken = kt_fs_glob(pattern, run_case, t, &t->err);
    }
}

int kt_detect_test(const char *config, char **paths, int n, enum kt_output how)
{
    struct tests t = { .config = config };
    t.rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    for (int i = 0; i < n && t.broken == KT_OK; i++)
        run_path(&t, paths[i]);
    kt_rows_end(t.rows);
    if (t.broken != KT_OK)
        return kt_cli_fail("detect test", &t.err);
    fprintf(stderr, "%u cases, %u of them not ok\n", t.n, t.failed);
    return t.n > 0 && t.failed == 0 ? KT_EXIT_OK : KT_EXIT_NO;
}
