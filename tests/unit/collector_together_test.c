/* collector_together: what cannot be written of what is made beside the log is no reason to leave
 * the log's file, and a full disk is one to wait (daemon_together.c). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "collector/daemon.h"
#include "core/query/holds.h"
#include "core/store/store.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/segments.h"

static void no_reply(void *self, uint64_t peer, struct kt_str body)
{
    (void)self;
    (void)peer;
    (void)body;
}

static void no_alarm(void *self, const char *code, struct kt_str agent, const char *sentence)
{
    (void)self;
    (void)code;
    (void)agent;
    (void)sentence;
}

/* The first two segments as one. */
static struct kt_togethers_made make(struct segments *w)
{
    struct kt_merge_how how = { .pieces = 2, .days = 400 };
    struct kt_togethers_made made = { 0 };
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    segments_must(kt_merge_make(r, &how, &made.merged, &err), &err);
    kt_reader_close(r);
    return made;
}

static struct kt_ingest *ingest_of(struct segments *w)
{
    const struct kt_ingest_options o = { .store = w->store,
                                         .clock = kt_clock_real,
                                         .store_path = w->path,
                                         .reply = no_reply,
                                         .alarm = no_alarm };
    return kt_ingest_new(&o);
}

static void goes_on(struct segments *w, struct kt_ingest *in)
{
    struct kt_error err = { 0 };
    struct kt_event tick = { .kind = KT_KIND_TICK, .source = KT_STR("keytrail"), .time = YEAR_T0 };
    assert_false(kt_ingest_waiting(in));
    segments_must(kt_ingest_control(in, &tick, &err), &err);
    segments_must(kt_ingest_commit(in, &err), &err);
    assert_true(kt_store_writes(w->store));
}

static void what_cannot_be_merged_for_a_damaged_page_is_left(void **state)
{
    struct segments *w = *state;
    struct kt_error err = { 0 };
    struct kt_togethers_made made = make(w);
    segments_close_store(w);
    segments_hurt(w, 1000, 120 * 256); /* parts of the first two */
    segments_open_store(w);
    struct kt_daemon d = { .store = w->store, .ingest = ingest_of(w) };
    segments_must(kt_daemon_together_write(&d, &made, &err), &err);
    goes_on(w, d.ingest);
    kt_ingest_free(d.ingest);
    kt_merge_made_free(made.merged);
}

static void a_full_disk_is_said_to_be_one(void **state)
{
    struct segments *w = *state;
    struct kt_error err = { 0 };
    struct kt_togethers_made made = make(w);
    segments_close_store(w);
    fault_vfs_arm(FAULT_FULL, 0);
    const struct kt_store_options o = { .path = w->path, .vfs = FAULT_VFS, .seal_here = true };
    segments_must(kt_store_open(&o, &w->store, &err), &err);
    struct kt_daemon d = { .store = w->store, .ingest = ingest_of(w) };
    /* else it is written by the commit, of which nothing is lost on the way */
    segments_must(kt_db_exec(w->store->db, "PRAGMA cache_size=1; PRAGMA cache_spill=1", &err),
                  &err);
    fault_vfs_arm(FAULT_FULL, 1);
    enum kt_status status = kt_daemon_together_write(&d, &made, &err);
    assert_int_equal(status, KT_E_IO);
    assert_int_equal(err.sys_errno, ENOSPC);
    fault_vfs_arm(FAULT_FULL, 0);
    kt_ingest_free(d.ingest);
    segments_close_store(w);
    kt_merge_made_free(made.merged);
}

/* Of every record of the log. */
static void hold(struct segments *w, bool add)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    char query[] = "", reason[] = "a lawsuit", by[] = "ana";
    struct kt_hold h = { .id = "h-1", .query = query, .reason = reason, .by = by };
    struct kt_error err = { 0 };
    uint64_t seq;
    kt_hold_write(&h, add, &raw);
    struct kt_event ev = { .kind = KT_KIND_HOLD,
                           .source = KT_STR("keytrail"),
                           .operation = add ? KT_STR("add") : KT_STR("rm"),
                           .time = YEAR_T0,
                           .raw = kt_buf_str(&raw) };
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_store_control(w->store, &ev, YEAR_T0, YEAR_T0, &seq, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
}

static bool makes_one(struct kt_reader *r, struct kt_merge_how *how)
{
    struct kt_merge_made *made = NULL;
    struct kt_error err = { 0 };
    enum kt_status status = kt_togethers_merge(r, how, &made, &err);
    if (status != KT_E_AGAIN)
        segments_must(status, &err);
    kt_merge_made_free(made);
    return status == KT_OK;
}

static void what_was_held_is_looked_at_when_the_hold_is_lifted(void **state)
{
    struct segments *w = *state;
    struct kt_merge_how how = { .pieces = 2, .days = 400 };
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    hold(w, true);
    assert_false(makes_one(r, &how));
    assert_true(how.from_seq > 1); /* all of it was passed over */
    assert_false(makes_one(r, &how));
    hold(w, false);
    assert_true(makes_one(r, &how));
    uint64_t from = how.from_seq;
    assert_true(makes_one(r, &how)); /* and goes on */
    assert_true(how.from_seq > from);
    kt_reader_close(r);
}

/* Removed under a running collector: no reader is open, and none is asked for pairs. */
static void of_a_store_that_is_gone_nothing_is_made(void **state)
{
    struct kt_merge_how merge = { 0 };
    const struct kt_together_how pairs = { 0 };
    struct kt_togethers_made made = { 0 };
    struct kt_error err = { 0 };
    (void)state;
    assert_int_equal(kt_togethers_make("/nowhere/keytrail.db", &merge, &pairs, &made, &err),
                     KT_E_IO);
    assert_true(made.merged == NULL && made.pairs == NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, segments_set_up, segments_tear_down)
    const struct CMUnitTest tests[] = {
        T(what_cannot_be_merged_for_a_damaged_page_is_left),
        T(a_full_disk_is_said_to_be_one),
        T(what_was_held_is_looked_at_when_the_hold_is_lifted),
        cmocka_unit_test(of_a_store_that_is_gone_nothing_is_made),
    };
    return cmocka_run_group_tests_name("collector_together", tests, NULL, NULL);
}
