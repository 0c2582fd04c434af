/* detectors_cases: runs tests/cases/detectors/<name>/<case>.case; docs/cases.md has the form. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/fixture/case.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"
#include "detectors/detector.h"

static void run_case(const char *path)
{
    struct kt_buf text = { 0 }, told = { 0 };
    struct kt_error err = { 0 };
    assert_int_equal(kt_fs_read_all(path, KT_CASE_MAX, &text, &err), KT_OK);
    enum kt_status st = kt_case_run(kt_buf_str(&text), path, kt_fs_read_all, NULL, &told, &err);
    if (st != KT_OK)
        fail_msg("%s\n%s", err.text, kt_buf_z(&told));
    kt_buf_done(&text);
    kt_buf_done(&told);
}

static void every_case_holds(void **state)
{
    glob_t found;
    char pattern[200];
    (void)snprintf(pattern, sizeof pattern, "tests/cases/detectors/%s/*.case", (char *)*state);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        run_case(found.gl_pathv[i]);
    globfree(&found);
}

/* One test a detector, so that none is without cases. */
int main(void)
{
    struct CMUnitTest tests[KT_DETECTORS_MAX];
    size_t n = kt_detectors_count();
    kt_hash_init();
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){ .name = kt_detectors[i]->name,
                                        .test_func = every_case_holds,
                                        .initial_state = (void *)(uintptr_t)kt_detectors[i]->name };
    return _cmocka_run_group_tests("detector cases", tests, n, NULL, NULL);
}
