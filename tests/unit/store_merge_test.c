/* store_merge: merged segments are what the sealed ones were, for everybody who asks; what must
 * stay apart does (core/store/merge.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/base/alloc.h"
#include "core/store/backup.h"
#include "core/store/merge.h"
#include "core/store/together.h"
#include "tests/support/segments.h"

/* One number out of the file. */
static int64_t number(const struct segments *w, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open_v2(w->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    return n;
}

#define SEGMENTS "SELECT count(*) FROM segment"
#define MERGED   "SELECT count(*) FROM segment WHERE packed >= 1 << 48"
#define LINES    "SELECT sum(id * length(data)) FROM part WHERE id % 256 >= 128"

/* All but the number of segments. */
static struct kt_str shown_of(struct segments *w, struct kt_buf *to)
{
    struct kt_str head, rest;
    assert_true(segments_show(w->path, to));
    rest = kt_buf_str(to);
    (void)kt_str_split(&rest, '\n', &head);
    return rest;
}

static void is_whole(struct segments *w)
{
    struct kt_verify_result v;
    if (!segments_verifies(w, w->path, &v))
        fail_msg("%s", w->said);
}

static void merged_records_are_shown_as_sealed_ones(void **state)
{
    struct segments *w = *state;
    struct kt_buf before = { 0 }, after = { 0 };
    struct kt_str shown = shown_of(w, &before);
    int64_t segments = number(w, SEGMENTS), lines = number(w, LINES);
    assert_int_equal(segments_merge(w, 3), 6);
    assert_int_equal(number(w, SEGMENTS), segments - 4);
    assert_int_equal(number(w, LINES), lines); /* they stay where they were */
    assert_true(kt_str_eq(shown, shown_of(w, &after)));
    is_whole(w);
    assert_int_equal(segments_merge(w, 3), 0); /* what is merged is not merged again */
    kt_store_close(w->store);
    segments_open_store(w);
    assert_true(kt_str_eq(shown, shown_of(w, &after)));
    kt_buf_done(&before);
    kt_buf_done(&after);
}

static void duplicates_are_found_in_merged_segments(void **state)
{
    struct segments *w = *state;
    struct year *y = year_new(BATCH * BATCHES, 3);
    struct kt_store_result r;
    for (int again = 0; again < 3; again++) {
        for (uint64_t n = 0; n < BATCHES; n++) {
            const struct kt_store_batch b = segments_year_batch(w, y, n, true);
            segments_append(w, &b, &r);
            if (r.stored != 0 || r.duplicates != BATCH)
                fail_msg("batch %llu: %u stored", (unsigned long long)n, r.stored);
        }
        if (again == 0) { /* what is remembered is of before */
            assert_int_equal(segments_merge(w, 2), 2);
            continue;
        }
        kt_store_close(w->store);
        segments_open_store(w); /* nothing is remembered */
    }
    year_free(y);
}

/* ---- what stays apart ---- */

static bool holds(void *self, const struct kt_merge_run *run)
{
    const uint64_t *seq = self;
    return run->first_seq <= *seq && *seq <= run->last_seq;
}

static void what_is_held_stays_apart(void **state)
{
    struct segments *w = *state;
    uint64_t seq = 200, merged;
    struct kt_merge_how how = { .pieces = 3, .days = 400, .held = holds, .held_self = &seq };
    struct kt_error err = { 0 };
    segments_must(kt_merge_complete(w->store, &how, NULL, NULL, &merged, &err), &err);
    assert_true(merged >= 4);
    assert_int_equal(number(w, "SELECT packed >= 1 << 48 FROM segment WHERE first_seq <= 200"
                               " ORDER BY first_seq DESC LIMIT 1"),
                     0);
    is_whole(w);
}

static void what_retention_left_a_gap_between_stays_apart(void **state)
{
    struct segments *w = *state;
    struct kt_error err = { 0 };
    struct kt_old old;
    segments_must(kt_store_old(w->store, 100, &old, &err), &err);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_store_remove(w->store, old.first_seq, KT_STR("too old"), YEAR_T0, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
    assert_true(segments_merge(w, 2) > 0);
    char sql[160];
    (void)snprintf(sql, sizeof sql, SEGMENTS " WHERE first_seq < %llu AND last_seq > %llu",
                   (unsigned long long)old.first_seq, (unsigned long long)old.last_seq);
    assert_int_equal(number(w, sql), 0);
    is_whole(w);
}

static void months_and_days_bound_what_is_merged(void **state)
{
    struct segments *w = *state;
    struct year *y = year_new(BATCH * 300, 5);
    struct kt_store_result r;
    segments_start_over(w);
    segments_open_store(w);
    segments_start(w);
    for (uint64_t n = 0; n < 90; n++) { /* a batch each three hours, beyond the month's end */
        struct kt_store_batch b = segments_year_batch(w, y, 3 * n, true);
        segments_append(w, &b, &r);
    }
    struct kt_merge_how how = { .pieces = 16 }; /* of events of six weeks each, stored in one day */
    struct kt_error err = { 0 };
    uint64_t merged;
    segments_must(kt_merge_complete(w->store, &how, NULL, NULL, &merged, &err), &err);
    assert_int_equal(merged, 0);
    assert_true(segments_merge(w, 16) > 8);
    assert_true(number(w, MERGED) >= 3);
    assert_int_equal(number(w, SEGMENTS " WHERE max_stored - min_stored > 3 * 86400000000000"), 0);
    assert_int_equal(number(w,
                            SEGMENTS " WHERE strftime('%m', min_stored / 1000000000, 'unixepoch')"
                                     " <> strftime('%m', max_stored / 1000000000, 'unixepoch')"),
                     0);
    is_whole(w);
    year_free(y);
}

/* Of one who sends nothing else: four segments fit, of which each has 1.8 MB of texts. */
static void long_texts_bound_what_is_merged(void **state)
{
    struct segments *w = *state;
    enum { LONG = 30000, EACH = 20, TIMES = 39 };
    struct kt_store_result r;
    char id[32], agent[LONG];
    segments_start_over(w);
    segments_open_store(w);
    segments_start(w);
    for (unsigned n = 0; n < TIMES; n++) {
        make_reset(w->make);
        for (unsigned i = 0; i < EACH; i++) {
            (void)snprintf(id, sizeof id, "%u-%u", n, i);
            memset(agent, 'a', sizeof agent);
            memcpy(agent, id, strlen(id));
            struct kt_event ev = { .kind = KT_KIND_ACCESS,
                                   .time = YEAR_T0,
                                   .observed = YEAR_T0,
                                   .source = KT_STR("vault"),
                                   .native_id = kt_str_of(id),
                                   .actor = KT_STR("ana"),
                                   .secret = KT_STR("s"),
                                   .user_agent = kt_str_from(agent, sizeof agent) };
            make_event(w->make, &ev);
        }
        const struct kt_store_batch b = make_batch(w->make, "agent-a", n + 1, YEAR_T0);
        segments_append(w, &b, &r);
        assert_int_equal(r.stored, EACH);
    }
    assert_int_equal(segments_merge(w, 8), 8);
    assert_int_equal(number(w, "SELECT max(packed >> 48) FROM segment"), 4);
    assert_int_equal(number(w, "SELECT sum(packed >> 48) FROM segment"), 8);
    is_whole(w);
}

/* ---- retention, verification, backups ---- */

static uint64_t records(struct kt_reader *r)
{
    const struct kt_scan scan = { .records = true, .control = true, .detail = KT_DETAIL_HEAD };
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    uint64_t n = 0;
    segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
    while (kt_cursor_next(c, &rec, &err) == KT_OK)
        n++;
    kt_cursor_free(c);
    return n;
}

static void retention_takes_a_merged_segment(void **state)
{
    struct segments *w = *state;
    struct kt_store_stats st;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    segments_remove_first(w);
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    segments_must(kt_reader_stats(r, &st, &err), &err);
    assert_int_equal(st.removed_segments, 3);
    assert_true(st.removed_events > 100);
    assert_int_equal(records(r), st.events + st.control); /* a walk's: cli/side.c */
    assert_int_equal(number(w, "SELECT count(*) FROM part WHERE id / 256 <"
                               " (SELECT min(first_seq) FROM segment)"),
                     0);
    kt_reader_close(r);
    is_whole(w);
}

static void a_rolled_back_merge_was_none(void **state)
{
    struct segments *w = *state;
    struct kt_merge_how how = { .pieces = 2, .days = 400 };
    struct kt_merge_made *made = NULL;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    bool added;
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    segments_must(kt_merge_make(r, &how, &made, &err), &err);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_merge_put(w->store, made, &added, &err), &err);
    assert_true(added);
    kt_store_rollback(w->store);
    assert_int_equal(number(w, MERGED), 0);
    for (int twice = 0; twice < 2; twice++) { /* the second is not as the store is any more */
        segments_must(kt_store_begin(w->store, &err), &err);
        segments_must(kt_merge_put(w->store, made, &added, &err), &err);
        segments_must(kt_store_commit(w->store, &err), &err);
        assert_int_equal(added, twice == 0);
    }
    assert_int_equal(number(w, MERGED), 1);
    kt_merge_made_free(made);
    kt_reader_close(r);
    is_whole(w);
}

static struct kt_merge_made *make_three(struct segments *w, struct kt_merge_how *how)
{
    struct kt_merge_made *made = NULL;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    how->pieces = 3;
    how->days = 400;
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    segments_must(kt_merge_make(r, how, &made, &err), &err);
    kt_reader_close(r);
    return made;
}

static bool put(struct segments *w, const struct kt_merge_made *made)
{
    struct kt_error err = { 0 };
    bool added;
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_merge_put(w->store, made, &added, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
    return added;
}

/* Events of one minute, so that what is remembered of it serves them all. */
static struct kt_store_batch one_minute(struct segments *w, unsigned n)
{
    make_reset(w->make);
    for (unsigned i = 0; i < BATCH; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "%u-%u", n, i);
        make_access(w->make, id, "ana", YEAR_T0 + (kt_time_ns)(n * BATCH + i) * KT_NS_MS);
    }
    return make_import(w->make, YEAR_T0);
}

static void what_was_known_of_a_rolled_back_merge_is_forgotten(void **state)
{
    struct segments *w = *state;
    struct kt_merge_how how = { 0 };
    struct kt_store_result r;
    struct kt_error err = { 0 };
    bool added;
    segments_start_over(w);
    segments_open_store(w);
    for (unsigned n = 0; n < BATCHES; n++) {
        const struct kt_store_batch b = one_minute(w, n);
        segments_append(w, &b, &r);
    }
    segments_close_store(w);
    segments_open_store(w); /* what is sealed is not remembered one by one */
    struct kt_merge_made *made = make_three(w, &how);
    struct kt_store_batch b = one_minute(w, BATCHES / 2);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_merge_put(w->store, made, &added, &err), &err);
    make_claims(w->store, &b);
    segments_must(kt_store_append(w->store, &b, &r, &err), &err);
    assert_int_equal(r.stored, 0);
    kt_store_rollback(w->store);
    b = one_minute(w, BATCHES / 2 - 2);
    segments_append(w, &b, &r);
    assert_int_equal(r.stored, 0);
    kt_merge_made_free(made);
}

static void a_hold_that_came_meanwhile_keeps_segments_apart(void **state)
{
    struct segments *w = *state;
    uint64_t none = 0, seq;
    struct kt_merge_how how = { .held = holds, .held_self = &none };
    struct kt_error err = { 0 };
    struct kt_event hold = { .kind = KT_KIND_HOLD, .source = KT_STR("keytrail"), .time = YEAR_T0 };
    struct kt_merge_made *made = make_three(w, &how);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_store_control(w->store, &hold, YEAR_T0, YEAR_T0, &seq, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
    assert_false(put(w, made));
    kt_merge_made_free(made);
    how = (struct kt_merge_how){ .held = holds, .held_self = &none, .holds_seq = seq };
    made = make_three(w, &how);
    assert_true(put(w, made));
    kt_merge_made_free(made);
}

static void a_stretch_that_came_meanwhile_is_not_crossed(void **state)
{
    struct segments *w = *state;
    struct kt_merge_how how = { 0 };
    const struct kt_together_how two = { .segments = 2 };
    struct kt_merge_made *made = make_three(w, &how);
    struct kt_together_made *pairs = NULL;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    bool added;
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    segments_must(kt_together_make(r, &two, &pairs, &err), &err);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_together_put(w->store, pairs, &added, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
    assert_true(added);
    assert_false(put(w, made));
    kt_together_made_free(pairs);
    kt_merge_made_free(made);
    kt_reader_close(r);
    is_whole(w);
}

/* Of lines: nobody asks for them, but they stand beside what a merge takes out. */
static void a_damaged_page_is_no_end_of_merging(void **state)
{
    struct segments *w = *state;
    enum { MANY = 4100, TIMES = 6 };
    const struct kt_store_options o = { .path = w->path, .create = true, .seal_here = true };
    struct kt_merge_how how = { .pieces = 3 };
    struct kt_store_result r;
    struct kt_error err = { 0 };
    uint64_t merged;
    segments_start_over(w);
    segments_must(kt_store_open(&o, &w->store, &err), &err);
    for (unsigned n = 0; n < TIMES; n++) {
        make_reset(w->make);
        for (unsigned i = 0; i < MANY; i++)
            make_numbered(w->make, n * MANY + i);
        const struct kt_store_batch b = make_batch(w->make, "agent-a", n + 1, YEAR_T0);
        segments_append(w, &b, &r);
    }
    segments_close_store(w);
    segments_hurt(w, (1 + MANY) * 256 + 128, (1 + MANY) * 256 + 255);
    segments_must(kt_store_open(&o, &w->store, &err), &err);
    segments_must(kt_merge_complete(w->store, &how, NULL, NULL, &merged, &err), &err);
    assert_true(merged >= 3);
    assert_true(kt_store_writes(w->store));
    make_reset(w->make);
    make_numbered(w->make, TIMES * MANY);
    const struct kt_store_batch b = make_batch(w->make, "agent-a", TIMES + 1, YEAR_T0);
    segments_append(w, &b, &r);
    assert_int_equal(r.stored, 1);
}

#define S1 "(SELECT min(first_seq) FROM segment)"
static void changed_merged_segments_are_named(void **state)
{
    struct segments *w = *state;
    static const struct {
        const char *sql, *says;
    } table[] = {
        { "UPDATE segment SET min_time = min_time - 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET conflicts = 1 WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET packed = packed + 1 WHERE first_seq = " S1, "are recorded" },
        { "UPDATE segment SET packed = packed + (1 << 48) WHERE first_seq = " S1, "of pieces is" },
        { "UPDATE segment SET packed = packed & ((1 << 48) - 1) WHERE first_seq = " S1,
          "records " },
        { "UPDATE segment SET days = zeroblob(4) WHERE first_seq = " S1, "times or counts" },
        { "UPDATE segment SET last_seq = last_seq - 1 WHERE first_seq = " S1, "records " },
        { "DELETE FROM segment WHERE first_seq = " S1, "are missing" },
        { "DELETE FROM part WHERE id = " S1 " * 256 + 84", "part 84 of the segment is missing" },
        { "DELETE FROM part WHERE id = " S1 " * 256 + 65", "part 65 of the segment is missing" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id = " S1 " * 256 + 84",
          "the list of pieces is damaged" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id = " S1 " * 256 + 66",
          "a filter (part 66) is not" },
        { "UPDATE part SET data = zeroblob(9) WHERE id = " S1 " * 256 + 7", "a column (part 7)" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id % 256 = 72",
          "a filter (part 72)" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id % 256 = 68",
          "a filter (part 68)" },
        { "UPDATE part SET data = zeroblob(length(data)) WHERE id % 256 = 81", "the tree nodes" },
        { "INSERT INTO part VALUES (" S1 " * 256 + 70, x'00')", "parts of segments" },
    };
    struct kt_verify_result v;
    segments_close_store(w);
    is_whole(w);
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        segments_copy_file(w);
        segments_change(w, table[i].sql);
        if (segments_verifies(w, w->copy, &v) || strstr(w->said, table[i].says) == NULL)
            fail_msg("%s:\nsays '%s'", table[i].sql, w->said);
    }
}

struct beside { /* merging at work while a verification runs */
    struct segments *w;
    unsigned calls, at; /* at the at-th batch that an agent signed */
};

static unsigned key_and_merge(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max)
{
    struct beside *b = self;
    (void)agent;
    (void)max;
    if (b->calls++ == b->at)
        assert_true(segments_merge(b->w, 3) > 0);
    memcpy(ret[0], b->w->make->public_key, 32);
    return 1;
}

static void merging_beside_a_verification_is_no_damage(void **state)
{
    struct segments *w = *state;
    static const unsigned at[] = { 0, 3, 7, 13, 18 };
    for (size_t i = 0; i < KT_ARRAY_LEN(at); i++) {
        struct beside b = { .w = w, .at = at[i] };
        struct kt_reader *r = NULL;
        struct kt_verify_result v;
        struct kt_error err = { 0 };
        segments_start_over(w);
        segments_open_store(w);
        segments_fill(w);
        segments_must(kt_reader_open(w->path, &r, &err), &err);
        segments_must(kt_reader_verify(
                          r,
                          &(struct kt_verify_options){ .signing_key = key_and_merge, .self = &b },
                          &v, &err),
                      &err);
        assert_true(b.calls > b.at);
        if (v.problems != 0)
            fail_msg("merged at batch %u: %u problems", at[i], (unsigned)v.problems);
        segments_must(kt_reader_verify(r, &(struct kt_verify_options){ 0 }, &v, &err), &err);
        assert_true(v.ok);
        kt_reader_close(r);
    }
}

static struct kt_backup_result back_up(struct segments *w, bool quick)
{
    const struct kt_backup_options o = { .from = w->path, .to = w->copy, .quick = quick };
    struct kt_backup_result r = { 0 };
    struct kt_error err = { 0 };
    segments_must(kt_backup_run(&o, &r, &err), &err);
    assert_true(r.verify.ok);
    return r;
}

static void a_backup_follows_what_is_merged(void **state)
{
    struct segments *w = *state;
    struct kt_buf have = { 0 }, want = { 0 };
    struct year *y = year_new(BATCH * 60, 21);
    struct kt_store_result r;
    struct kt_backup_result first = back_up(w, false);
    assert_int_equal(segments_merge(w, 3), 6);
    struct kt_backup_result second = back_up(w, true);
    assert_true(second.bytes < first.bytes / 2); /* lines are not copied again */
    for (uint64_t n = 30; n < 48; n++) {
        struct kt_store_batch b = segments_year_batch(w, y, n, true);
        segments_append(w, &b, &r);
    }
    assert_true(segments_merge(w, 4) >= 8); /* of what the backup has, and of what it has not */
    (void)back_up(w, true);
    (void)back_up(w, false);
    assert_true(segments_show(w->path, &want) && segments_show(w->copy, &have));
    assert_true(kt_str_eq(kt_buf_str(&have), kt_buf_str(&want)));
    segments_remove_first(w);
    (void)back_up(w, false);
    assert_true(segments_show(w->path, &want) && segments_show(w->copy, &have));
    assert_true(kt_str_eq(kt_buf_str(&have), kt_buf_str(&want)));
    kt_buf_done(&have);
    kt_buf_done(&want);
    year_free(y);
}

/* ---- who reads meanwhile ---- */

static void a_cursor_goes_on_where_segments_are_merged(void **state)
{
    struct segments *w = *state;
    struct year *y = year_new(BATCH * 80, 11);
    struct kt_store_result res;
    for (int down = 0; down < 2; down++) {
        const struct kt_scan scan = { .records = true, .control = true, .newest_first = down == 1 };
        struct kt_reader *r = NULL;
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        struct kt_error err = { 0 };
        segments_must(kt_reader_open(w->path, &r, &err), &err);
        segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
        uint64_t last = kt_store_last_seq(w->store), due = down ? last : 1, n = 0;
        enum kt_status status;
        while ((status = kt_cursor_next(c, &rec, &err)) == KT_OK) {
            assert_int_equal(rec.seq, due);
            due = down ? due - 1 : due + 1;
            if (n++ % 20 == 10 && n < 500) { /* its plan and what was the tail are merged */
                const struct kt_store_batch b =
                    segments_year_batch(w, y, (uint64_t)(30 * down) + n / 20, true);
                segments_append(w, &b, &res);
                (void)segments_merge(w, 3);
            }
        }
        assert_int_equal(status, KT_E_AGAIN);
        assert_int_equal(due, down ? 0 : last + 1);
        kt_cursor_free(c);
        kt_reader_close(r);
    }
    assert_true(number(w, MERGED) > 3);
    year_free(y);
}

/* More lines than are in memory at a time. */
static void a_merged_segment_is_shown_some_lines_at_a_time(void **state)
{
    struct segments *w = *state;
    enum { MANY = 4096, TIMES = 5 };
    struct year *y = year_new(MANY * TIMES, 3);
    struct kt_store_result r;
    struct kt_error err = { 0 };
    segments_start_over(w);
    const struct kt_store_options o = { .path = w->path, .create = true, .seal_here = true };
    segments_must(kt_store_open(&o, &w->store, &err), &err);
    for (uint64_t n = 0; n < TIMES; n++) {
        make_reset(w->make);
        for (uint64_t i = 0; i < MANY; i++) {
            year_line(y, n * MANY + i, &w->make->lines);
            kt_buf_byte(&w->make->lines, '\n');
        }
        w->make->n = MANY;
        const struct kt_store_batch b = make_import(w->make, YEAR_T0);
        segments_append(w, &b, &r);
        assert_int_equal(r.stored, MANY);
    }
    assert_int_equal(segments_merge(w, 4), 4);
    assert_true(number(w, "SELECT max(bytes) FROM segment") > 16 << 20);
    for (int down = 0; down < 2; down++) {
        const struct kt_scan scan = {
            .records = true, .newest_first = down == 1, .from_seq = 7, .until_seq = MANY * TIMES - 5
        };
        struct kt_reader *reader = NULL;
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        uint64_t due = down ? MANY * TIMES - 5 : 7, n = 0;
        segments_must(kt_reader_open(w->path, &reader, &err), &err);
        segments_must(kt_cursor_open(reader, &scan, &c, &err), &err);
        while (kt_cursor_next(c, &rec, &err) == KT_OK) {
            kt_buf_reset(&w->shown);
            year_line(y, rec.seq - 1, &w->shown);
            assert_int_equal(rec.seq, due);
            assert_true(kt_str_eq(rec.line, kt_buf_str(&w->shown)));
            due = down ? due - 1 : due + 1;
            n++;
        }
        assert_int_equal(n, MANY * TIMES - 11);
        kt_cursor_free(c);
        kt_reader_close(reader);
    }
    year_free(y);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, segments_set_up, segments_tear_down)
#define M(name) cmocka_unit_test_setup_teardown(name, segments_set_up_merged, segments_tear_down)
    const struct CMUnitTest tests[] = {
        T(merged_records_are_shown_as_sealed_ones),
        M(duplicates_are_found_in_merged_segments),
        T(what_is_held_stays_apart),
        T(what_retention_left_a_gap_between_stays_apart),
        T(months_and_days_bound_what_is_merged),
        T(long_texts_bound_what_is_merged),
        M(retention_takes_a_merged_segment),
        T(a_rolled_back_merge_was_none),
        T(what_was_known_of_a_rolled_back_merge_is_forgotten),
        T(a_hold_that_came_meanwhile_keeps_segments_apart),
        T(a_stretch_that_came_meanwhile_is_not_crossed),
        T(a_damaged_page_is_no_end_of_merging),
        M(changed_merged_segments_are_named),
        T(merging_beside_a_verification_is_no_damage),
        T(a_backup_follows_what_is_merged),
        T(a_cursor_goes_on_where_segments_are_merged),
        T(a_merged_segment_is_shown_some_lines_at_a_time),
    };
    return cmocka_run_group_tests_name("store_merge", tests, NULL, NULL);
}
