/* store_freed: of what retention has deleted nothing is left to read in the file, be it in pages
 * that sealing freed before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

#include <zstd.h>

#include "core/base/alloc.h"
#include "core/sys/fs.h"
#include "tests/support/segments.h"

#define PAGE     8192u
#define FRAME    "\x28\xb5\x2f\xfd"
#define FILE_MAX (64u << 20)
#define TEXT_MAX (4u << 20)

/* How many zstd frames that lie in one page unpack to lines. */
static unsigned frames_of_lines(const char *path)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf file = { 0 };
    struct kt_error err = { 0 };
    char *text = kt_alloc(TEXT_MAX);
    unsigned n = 0;
    segments_must(kt_fs_read_all(path, FILE_MAX, &file, &err), &err);
    for (size_t i = 0; i + 4 < file.len; i++) {
        size_t room = PAGE - i % PAGE;
        if (room < 4 || memcmp(file.at + i, FRAME, 4) != 0)
            continue;
        size_t frame = ZSTD_findFrameCompressedSize(file.at + i, room);
        size_t len =
            ZSTD_isError(frame) ? frame : ZSTD_decompress(text, TEXT_MAX, file.at + i, frame);
        n += !ZSTD_isError(len) && kt_str_has(kt_str_from(text, len), KT_STR("\"actor\":"));
    }
    kt_free(text);
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
