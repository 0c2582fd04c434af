/*
 * Filters of grams: what they rule out is not there, whatever the bytes; segments with and without
 * them give the same answers and verify, and a change of one is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/store/db.h"
#include "core/store/grams.h"
#include "tests/support/segments.h"

static uint32_t draw(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

static void fill(char *at, size_t n, const char *letters, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++)
        at[i] = letters == NULL ? (char)draw(seed, 256)
                                : letters[draw(seed, (uint32_t)strlen(letters))];
}

static struct kt_grams_block filter_of(struct kt_str text, struct kt_buf *out)
{
    static struct kt_grams grams;
    struct kt_grams_block b = { 0 };
    kt_buf_reset(out);
    kt_grams_pack(&grams, text, out);
    struct kt_rd rd = kt_rd_of(kt_buf_str(out));
    assert_true(kt_grams_next(&rd, &b));
    assert_int_equal(rd.left, 0);
    return b;
}

static void what_is_there_is_never_ruled_out(void **state)
{
    (void)state;
    static const char *const letters[] = { NULL, "0123456789abcdef-", "ai", "xyz", "aei159\n" };
    static const size_t sizes[] = { 1, 3, 4, 5, 63, 68, 69, 200, 4000, 90000 };
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    uint64_t seed = 7;
    for (unsigned l = 0; l < KT_ARRAY_LEN(letters); l++)
        for (unsigned s = 0; s < KT_ARRAY_LEN(sizes); s++) {
            char *own = kt_alloc_array(sizes[s], 1); /* sanitizers see its end */
            struct kt_str text = { own, sizes[s] };
            fill(own, sizes[s], letters[l], &seed);
            struct kt_grams_block b = filter_of(text, &out);
            assert_true(out.len <= 5 + 8 + sizes[s] / KT_GRAMS_TEXT_A_BYTE);
            for (unsigned i = 0; i < 300; i++) {
                uint32_t from = draw(&seed, (uint32_t)text.len);
                struct kt_str part = kt_str_sub(
                    text, from,
                    1 + draw(&seed, (uint32_t)(text.len - from < 40 ? text.len - from : 40)));
                assert_true(kt_grams_may(&b, &part, 1));
            }
            kt_free(own);
        }
}

static void most_of_what_is_not_there_is_ruled_out(void **state)
{
    (void)state;
    enum { LINES = 256, LINE = 1200 };
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    static char block[LINES * LINE];
    uint64_t seed = 3;
    unsigned ruled_out = 0;
    for (unsigned i = 0; i < LINES; i++) { /* alike, but for ids of ten times ten digits */
        char *line = block + (size_t)i * LINE;
        (void)memset(line, 'x', LINE);
        for (unsigned k = 0; k < 10; k++)
            fill(line + (size_t)k * 100, 10, "0123456789abcdef", &seed);
        line[LINE - 1] = '\n';
    }
    struct kt_grams_block b = filter_of(kt_str_from(block, sizeof block), &out);
    for (unsigned i = 0; i < 1000; i++) {
        char id[36];
        fill(id, sizeof id, "0123456789abcdef", &seed);
        struct kt_str needle = kt_str_from(id, sizeof id);
        assert_false(kt_str_has(kt_str_from(block, sizeof block), needle));
        ruled_out += !kt_grams_may(&b, &needle, 1);
    }
    assert_true(ruled_out > 950);
}

static void damaged_filters_are_refused_or_read_within_their_bytes(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    const struct kt_str needle = KT_STR("arn:aws:iam::418273645019:role/reader");
    struct kt_grams_block b = filter_of(KT_STR("a text of one line that is indexed\n"), &out);
    struct kt_rd none = kt_rd_of(KT_STR_NONE);
    assert_false(kt_grams_next(&none, &b));
    for (size_t i = 0; i < out.len; i++) {
        struct kt_rd cut = kt_rd_of(kt_str_from(out.at, i));
        assert_false(kt_grams_next(&cut, &b));
    }
    for (unsigned i = 0; i < 5 * 256; i++) { /* each value of each byte of its head */
        char own = out.at[i / 256];
        out.at[i / 256] = (char)(i % 256);
        struct kt_rd rd = kt_rd_of(kt_buf_str(&out));
        if (kt_grams_next(&rd, &b)) {
            assert_true(b.log2_slots >= 6 && b.log2_slots <= 16);
            (void)kt_grams_may(&b, &needle, 1);
        }
        out.at[i / 256] = own;
    }
}

/* ---- in segments ---- */

/* One segment of three blocks, and a tail. */
static void fill_store(struct segments *w)
{
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 575, .seal_here = true
    };
    struct kt_error err = { 0 };
    kt_store_close(KT_TAKE(w->store));
    make_folder_drop(w->folder);
    make_folder(w->folder, w->path);
    (void)snprintf(w->copy, sizeof w->copy, "%s.copy", w->path);
    segments_must(kt_store_open(&o, &w->store, &err), &err);
    segments_fill(w);
    segments_close_store(w);
    segments_copy_file(w);
}

/* Segments of before had no such filters. */
static void drop_filters(struct segments *w)
{
    segments_change(w, "UPDATE segment SET packed = packed - (SELECT length(data) FROM part WHERE "
                       "id = first_seq * 256 + 83)");
    segments_change(w, "DELETE FROM part WHERE id % 256 = 83");
}

struct found {
    uint64_t n, sum; /* of the numbers of records */
    struct kt_scan_cost cost;
};

static struct found find(const char *path, const struct kt_str *needle, unsigned needles)
{
    const struct kt_scan scan = { .records = true, .needle = needle, .n_needles = needles };
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    struct found f = { 0 };
    enum kt_status status;
    segments_must(kt_reader_open(path, &r, &err), &err);
    segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
    while ((status = kt_cursor_next(c, &rec, &err)) == KT_OK) {
        assert_true(kt_str_has_all(rec.line, needle, needles));
        f.n++;
        f.sum += rec.seq;
    }
    assert_int_equal(status, KT_E_AGAIN);
    kt_cursor_cost(c, &f.cost);
    kt_cursor_free(c);
    kt_reader_close(r);
    return f;
}

static struct found find_naively(const struct kt_buf *lines, const struct kt_str *needle,
                                 unsigned needles)
{
    struct kt_rd rd = kt_rd_of(kt_buf_str(lines));
    struct found f = { 0 };
    while (rd.left > 0) {
        uint64_t seq = kt_rd_u64(&rd);
        if (kt_str_has_all(kt_rd_str32(&rd), needle, needles)) {
            f.n++;
            f.sum += seq;
        }
    }
    return f;
}

static void take_lines(const char *path, struct kt_buf *out)
{
    const struct kt_scan scan = { .records = true };
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    segments_must(kt_reader_open(path, &r, &err), &err);
    segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
    while (kt_cursor_next(c, &rec, &err) == KT_OK) {
        kt_buf_u64(out, rec.seq);
        kt_buf_str32(out, rec.line);
    }
    kt_cursor_free(c);
    kt_reader_close(r);
}

/* A piece of a line, now and then with a byte changed. */
static struct kt_str draw_needle(const struct kt_buf *lines, uint64_t *seed, char to[64])
{
    size_t len = 1 + draw(seed, 63), from = draw(seed, (uint32_t)(lines->len - len));
    memcpy(to, lines->at + from, len);
    if (draw(seed, 3) == 0)
        to[draw(seed, (uint32_t)len)] = (char)('0' + draw(seed, 70));
    return kt_str_from(to, len);
}

static void texts_are_found_with_and_without_filters(void **state)
{
    struct segments *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    uint64_t seed = 11, fewer = 0;
    fill_store(w);
    take_lines(w->path, &lines);
    drop_filters(w);
    for (unsigned i = 0; i < 200; i++) {
        char text[2][64];
        struct kt_str needle[2] = { draw_needle(&lines, &seed, text[0]),
                                    draw_needle(&lines, &seed, text[1]) };
        unsigned n = 1 + i % 2;
        struct found want = find_naively(&lines, needle, n), with = find(w->path, needle, n),
                     without = find(w->copy, needle, n);
        assert_int_equal(with.n, want.n);
        assert_int_equal(with.sum, want.sum);
        assert_int_equal(without.n, want.n);
        assert_int_equal(without.sum, want.sum);
        assert_true(with.cost.bytes <= without.cost.bytes);
        fewer += with.cost.bytes < without.cost.bytes;
    }
    assert_true(fewer > 50);
    segments_open_store(w);
}

static void what_is_nowhere_opens_no_line(void **state)
{
    struct segments *w = *state;
    const struct kt_str needle = KT_STR("arn:aws:iam::000000000000:role/nobody-at-all");
    fill_store(w);
    struct found f = find(w->path, &needle, 1);
    assert_int_equal(f.n, 0);
    assert_int_equal(f.cost.opened, 0);
    assert_int_equal(f.cost.skipped_filter, 1);
    segments_open_store(w);
}

static void segments_of_before_verify_and_changes_are_named(void **state)
{
    struct segments *w = *state;
    struct kt_verify_result v;
    const struct kt_str needle = KT_STR("service-0");
    fill_store(w);
    uint64_t n = find(w->path, &needle, 1).n;
    assert_true(n > 0);
    drop_filters(w);
    assert_true(segments_verifies(w, w->copy, &v) && v.ok);
    assert_string_equal(w->said, "");
    segments_copy_file(w); /* one bit less */
    segments_change(w, "UPDATE part SET data = CAST(substr(data, 1, 40) || x'00' || substr(data, "
                       "42) AS BLOB) WHERE id % 256 = 83");
    assert_true(!segments_verifies(w, w->copy, &v) || !v.ok);
    assert_non_null(strstr(w->said, "a filter (part 83) is not what the lines give"));
    segments_copy_file(w); /* cut: it rules nothing out */
    segments_change(w, "UPDATE part SET data = CAST(substr(data, 1, 9) AS BLOB) "
                       "WHERE id % 256 = 83");
    assert_int_equal(find(w->copy, &needle, 1).n, n);
    segments_copy_file(w); /* gone, and nobody says so */
    segments_change(w, "DELETE FROM part WHERE id % 256 = 83");
    assert_int_equal(find(w->copy, &needle, 1).n, n);
    assert_true(!segments_verifies(w, w->copy, &v) || !v.ok);
    segments_open_store(w);
}

#define T(name) cmocka_unit_test_setup_teardown(name, segments_set_up, segments_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_never_ruled_out),
        cmocka_unit_test(most_of_what_is_not_there_is_ruled_out),
        cmocka_unit_test(damaged_filters_are_refused_or_read_within_their_bytes),
        T(texts_are_found_with_and_without_filters),
        T(what_is_nowhere_opens_no_line),
        T(segments_of_before_verify_and_changes_are_named),
    };
    return cmocka_run_group_tests_name("store_grams", tests, NULL, NULL);
}
