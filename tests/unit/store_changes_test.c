/* store_changes: whatever is changed in a store of segments is named (DESIGN §6, §10). KT_MUTATIONS
 * sets how many random changes of the file are tried, KT_SEED the seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/sys/rng.h"
#include "tests/support/segments.h"

#define Z64 "0000000000000000000000000000000000000000000000000000000000000000"
#define S1  "(SELECT min(first_seq) FROM segment)"
static void changed_segments_are_named(void **state)
{
    struct segments *w = *state;
    static const struct {
        const char *sql, *says;
    } table[] = {
        { "UPDATE segment SET min_time = min_time - 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET max_time = max_time + 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET untimed = 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET conflicts = 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET min_stored = 0 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET max_arrival = max_arrival + 1 WHERE first_seq = " S1,
          "times or counts" },
        { "UPDATE segment SET bytes = bytes + 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET packed = packed + 1 WHERE first_seq = " S1, "are recorded" },
        { "UPDATE segment SET days = zeroblob(4) WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET count = count - 1 WHERE first_seq = " S1, "records " },
        { "UPDATE segment SET last_seq = last_seq + 1 WHERE first_seq = " S1, "records " },
        { "UPDATE segment SET last_seq = last_seq - 1 WHERE first_seq = " S1,
          "impossible numbers" },
        { "DELETE FROM segment WHERE first_seq = " S1, "are missing" },
        { "DELETE FROM segment WHERE first_seq = (SELECT max(first_seq) FROM segment)",
          "are missing" },
        { "DELETE FROM part WHERE id = " S1 " * 256 + 128", "part 128 of the segment is missing" },
        { "DELETE FROM part WHERE id = " S1 " * 256 + 64", "part 64 of the segment is missing" },
        { "DELETE FROM part WHERE id = " S1 " * 256 + 80", "part 80 of the segment is missing" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id = " S1 " * 256 + 66",
          "a filter (part 66) is not" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id = " S1 " * 256 + 72",
          "a filter (part 72) is not" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id = " S1 " * 256 + 81",
          "the tree nodes" },
        { "UPDATE part SET data = zeroblob(9) WHERE id = " S1 " * 256 + 7", "a column (part 7)" },
        { "UPDATE part SET data = (SELECT data FROM part WHERE id = " S1 " * 256 + 1)"
          " WHERE id = " S1 " * 256 + 2",
          "a column (part 2) is not" },
        { "UPDATE part SET data = (SELECT p.data FROM part p WHERE p.id = 256 *"
          " (SELECT max(first_seq) FROM segment) + 128) WHERE id = " S1 " * 256 + 128",
          "records " },
        { "INSERT INTO part VALUES (" S1 " * 256 + 200, x'00')", "parts of segments" },
        { "UPDATE meta SET removed_segments = removed_segments + 1", "removed" },
        { "UPDATE meta SET removed_events = 0", "removed" },
        { "INSERT INTO segment SELECT -5,-5,1,0,0,1,1,1,1,1,1,1,max_stored + 1,days FROM segment"
          " WHERE first_seq = " S1,
          "rows of segments" },
        { "UPDATE meta SET tree = x'0100000000000080" Z64 Z64 "'", "" },
    };
    struct kt_verify_result v;
    segments_remove_first(w);
    segments_close_store(w);
    if (!segments_verifies(w, w->path, &v))
        fail_msg("untouched: %s", w->said);
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        segments_copy_file(w);
        segments_change(w, table[i].sql);
        if (segments_verifies(w, w->copy, &v) || strstr(w->said, table[i].says) == NULL)
            fail_msg("%s:\nsays '%s'", table[i].sql, w->said);
    }
}

struct beside_verify { /* retention at work while a verification runs */
    struct segments *w;
    unsigned calls, at; /* it removes at the at-th batch … */
    uint64_t from_seq;  /* … the first segment from here on */
};

static unsigned key_and_removal(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max)
{
    struct beside_verify *b = self;
    (void)agent;
    (void)max;
    if (b->calls++ == b->at) {
        struct kt_error err = { 0 };
        struct kt_old old;
        segments_must(kt_store_old(b->w->store, b->from_seq, &old, &err), &err);
        segments_must(kt_store_begin(b->w->store, &err), &err);
        segments_must(kt_store_remove(b->w->store, old.first_seq, KT_STR("too old"), YEAR_T0, &err),
                      &err);
        segments_must(kt_store_commit(b->w->store, &err), &err);
    }
    memcpy(ret[0], b->w->make->public_key, 32);
    return 1;
}

static void retention_beside_a_verification_is_no_damage(void **state)
{
    struct segments *w = *state;
    const struct {
        unsigned at;
        uint64_t from_seq;
    } removals[] = { { 14, 1 }, { 0, 3 * BATCH + 1 } }; /* after it was read, and before */
    for (size_t i = 0; i < KT_ARRAY_LEN(removals); i++) {
        struct beside_verify b = { w, 0, removals[i].at, removals[i].from_seq };
        struct kt_reader *r = NULL;
        struct kt_verify_result v;
        struct kt_error err = { 0 };
        w->said[0] = '\0';
        segments_start_over(w);
        segments_open_store(w);
        segments_fill(w);
        segments_must(kt_reader_open(w->path, &r, &err), &err);
        segments_must(kt_reader_verify(r, &(struct kt_verify_options){ 0 }, &v, &err), &err);
        assert_true(v.ok);
        /* the key is asked for each batch that an agent signed */
        segments_must(kt_reader_verify(
                          r,
                          &(struct kt_verify_options){ .signing_key = key_and_removal, .self = &b },
                          &v, &err),
                      &err);
        assert_true(b.calls > b.at);
        assert_int_equal(v.problems, 0);
        assert_true(v.removed > 0);
        kt_reader_close(r);
    }
}

/* Numbers with many holes: what stays of the segment does not fit into one record. */
static void a_segment_with_several_tombstones_is_one(void **state)
{
    struct segments *w = *state;
    enum { RUNS = 1300 };
    struct kt_error err = { 0 };
    struct kt_store_result got;
    struct kt_verify_result v;
    struct kt_old old;
    segments_start_over(w);
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = RUNS, .seal_here = true
    };
    segments_must(kt_store_open(&o, &w->store, &err), &err);
    segments_start(w);
    for (uint64_t n = 0; n < RUNS; n++) {
        make_reset(w->make);
        make_numbered(w->make, n);
        const struct kt_store_batch b = make_import(w->make, YEAR_T0);
        segments_append(w, &b, &got);
        segments_control(w);
    }
    segments_must(kt_store_old(w->store, 1, &old, &err), &err);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_store_remove(w->store, old.first_seq, KT_STR("too old"), YEAR_T0, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
    segments_close_store(w);
    if (!segments_verifies(w, w->path, &v))
        fail_msg("%s", w->said);
    assert_int_equal(v.removed, RUNS);
}

/* ---- random changes ---- */

static long file_size(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (long)st.st_size;
}

static void flip_bit(struct segments *w, const struct kt_rng *rng)
{
    FILE *f = fopen(w->copy, "r+b");
    long at = (long)kt_rng_below(rng, (uint64_t)file_size(w->copy));
    (void)fseek(f, at, SEEK_SET);
    int byte = fgetc(f);
    (void)fseek(f, at, SEEK_SET);
    (void)fputc(byte ^ (1 << kt_rng_below(rng, 8)), f);
    (void)fclose(f);
}

static void truncate_file(struct segments *w, const struct kt_rng *rng)
{
    long size = (long)kt_rng_below(rng, (uint64_t)file_size(w->copy));
    assert_int_equal(truncate(w->copy, kt_rng_below(rng, 2) ? size : size / 8192 * 8192), 0);
}

static void swap_pages(struct segments *w, const struct kt_rng *rng)
{
    char page[2][8192];
    uint64_t pages = (uint64_t)file_size(w->copy) / 8192, at[2];
    FILE *f = fopen(w->copy, "r+b");
    for (int i = 0; i < 2; i++) {
        at[i] = kt_rng_below(rng, pages);
        (void)fseek(f, (long)at[i] * 8192, SEEK_SET);
        assert_int_equal(fread(page[i], 8192, 1, f), 1);
    }
    for (int i = 0; i < 2; i++) {
        (void)fseek(f, (long)at[i] * 8192, SEEK_SET);
        assert_int_equal(fwrite(page[1 - i], 8192, 1, f), 1);
    }
    (void)fclose(f);
}

static void edit_rows(struct segments *w, const struct kt_rng *rng)
{
    static const char *const edits[] = {
        "UPDATE part SET data = CAST(substr(data, 1, length(data) / 2) || x'%02x' ||"
        " substr(data, length(data) / 2 + 2) AS BLOB) WHERE id = (SELECT id FROM part"
        " LIMIT 1 OFFSET %u)",
        "UPDATE part SET data = CAST(substr(data, 1, %u) AS BLOB) WHERE id ="
        " (SELECT id FROM part LIMIT 1 OFFSET %u)",
        "UPDATE part SET data = (SELECT data FROM part LIMIT 1 OFFSET %u %% 100) WHERE id ="
        " (SELECT id FROM part LIMIT 1 OFFSET %u)",
        "DELETE FROM part WHERE %u >= 0 AND id = (SELECT id FROM part LIMIT 1 OFFSET %u)",
        "UPDATE segment SET min_time = min_time + %u WHERE first_seq ="
        " (SELECT first_seq FROM segment LIMIT 1 OFFSET %u %% 7)",
        "UPDATE segment SET last_seq = last_seq - %u %% 3 WHERE first_seq ="
        " (SELECT first_seq FROM segment LIMIT 1 OFFSET %u %% 7)",
        "DELETE FROM segment WHERE %u >= 0 AND first_seq ="
        " (SELECT first_seq FROM segment LIMIT 1 OFFSET %u %% 7)",
        "UPDATE control SET line = CAST(replace(CAST(line AS TEXT), ':', '%u') AS BLOB) WHERE seq ="
        " (SELECT seq FROM control LIMIT 1 OFFSET %u %% 5)",
        "DELETE FROM control WHERE %u >= 0 AND seq ="
        " (SELECT seq FROM control LIMIT 1 OFFSET %u %% 5)",
        "UPDATE batch SET arrival = arrival + %u WHERE first_seq ="
        " (SELECT first_seq FROM batch LIMIT 1 OFFSET %u %% 4)",
        "DELETE FROM batch WHERE %u >= 0 AND first_seq ="
        " (SELECT first_seq FROM batch LIMIT 1 OFFSET %u %% 4)",
        "UPDATE meta SET events = events + %u, control = control - %u",
    };
    char sql[400];
    unsigned a = (unsigned)kt_rng_below(rng, 256), b = (unsigned)kt_rng_below(rng, 200);
    unsigned which = (unsigned)kt_rng_below(rng, KT_ARRAY_LEN(edits));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* all of them take two numbers */
    (void)snprintf(sql, sizeof sql, edits[which], a, b);
#pragma GCC diagnostic pop
    segments_change(w, sql);
}

static void random_changes_are_named_or_show_nothing(void **state)
{
    struct segments *w = *state;
    static void (*const ways[])(struct segments *, const struct kt_rng *) = {
        flip_bit, flip_bit, flip_bit, edit_rows, edit_rows, edit_rows, swap_pages, truncate_file
    };
    const char *times = getenv("KT_MUTATIONS"), *seed = getenv("KT_SEED");
    unsigned rounds = times == NULL ? 300 : (unsigned)strtoul(times, NULL, 10), named = 0;
    struct kt_rng_seeded from = { .state = seed == NULL ? 7 : strtoull(seed, NULL, 10) };
    const struct kt_rng rng = kt_rng_seeded(&from);
    struct kt_buf now = { 0 };
    struct kt_verify_result v;
    segments_remove_first(w);
    segments_close_store(w);
    assert_true(segments_verifies(w, w->path, &v));
    assert_true(segments_show(w->path, &w->shown));
    for (unsigned i = 0; i < rounds; i++) {
        unsigned way = (unsigned)kt_rng_below(&rng, KT_ARRAY_LEN(ways));
        segments_copy_file(w);
        ways[way](w, &rng);
        if (!segments_verifies(w, w->copy, &v)) {
            named++;
            continue;
        }
        if (!segments_show(w->copy, &now) || !kt_str_eq(kt_buf_str(&now), kt_buf_str(&w->shown)))
            fail_msg("change %u (way %u) changes what readers show; verify says nothing", i, way);
    }
    print_message("%u changes: %u named, %u touched nothing that is referenced\n", rounds, named,
                  rounds - named);
    assert_true(named > rounds / 2);
    kt_buf_done(&now);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, segments_set_up, segments_tear_down)
    const struct CMUnitTest tests[] = {
        T(changed_segments_are_named),
        T(retention_beside_a_verification_is_no_damage),
        T(a_segment_with_several_tombstones_is_one),
        T(random_changes_are_named_or_show_nothing),
        cmocka_unit_test_setup_teardown(random_changes_are_named_or_show_nothing,
                                        segments_set_up_merged, segments_tear_down),
    };
    return cmocka_run_group_tests_name("store_changes", tests, NULL, NULL);
}
