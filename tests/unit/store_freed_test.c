/* store_freed: of what retention has deleted nothing is left to read in the file, be it in pages
 * that sealing freed before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

#include "core/base/zip.h"
#include "core/sys/fs.h"
#include "tests/support/segments.h"

#define PAGE     8192u
#define FRAME    "\x28\xb5\x2f\xfd"
#define FILE_MAX (64u << 20)
#define TEXT_MAX (4u << 20)

/* Does a zstd frame begin here that ends within the page and is lines? Where it ends is tried. */
static bool is_frame_of_lines(struct kt_zip *zip, struct kt_str page, struct kt_buf *text)
{
    if (!kt_str_starts(page, KT_STR(FRAME)))
        return false;
    for (size_t len = sizeof FRAME; len <= page.len; len++) {
        kt_buf_reset(text);
        if (kt_zip_unpack(zip, kt_str_from(page.at, len), TEXT_MAX, TEXT_MAX, text, NULL) == KT_OK)
            return kt_str_has(kt_buf_str(text), KT_STR("\"actor\":"));
    }
    return false;
}

static unsigned frames_of_lines(const char *path)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf file = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    struct kt_zip *zip = kt_zip_new();
    unsigned n = 0;
    segments_must(kt_fs_read_all(path, FILE_MAX, &file, &err), &err);
    for (size_t i = 0; i < file.len; i++)
        n += is_frame_of_lines(zip, kt_str_from(file.at + i, PAGE - i % PAGE), &text);
    kt_zip_free(zip);
    return n;
}

static void nothing_of_what_retention_took_is_readable(void **state)
{
    struct segments *w = *state;
    struct kt_error err = { 0 };
    struct kt_old old;
    while (kt_store_old(w->store, 1, &old, &err) == KT_OK) {
        segments_must(kt_store_begin(w->store, &err), &err);
        segments_must(kt_store_remove(w->store, old.first_seq, KT_STR("old"), 1, &err), &err);
        segments_must(kt_store_commit(w->store, &err), &err);
    }
    segments_close_store(w);
    assert_int_equal(frames_of_lines(w->path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_of_what_retention_took_is_readable, segments_set_up,
                                        segments_tear_down),
    };
    return cmocka_run_group_tests_name("store_freed", tests, NULL, NULL);
}
