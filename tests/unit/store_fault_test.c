/*
 * store_fault: whatever write or read fails, and wherever the power goes, while batches come,
 * segments are sealed and merged and old ones removed: what was committed is there exactly once, an
 * agent that sends again completes it, and the store verifies (DESIGN §10). Every such call fails
 * once; KT_FAULT_SEEDS sets how many power cuts are tried beyond that (0), at syncs and at any
 * call, each at a place and with a loss of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/map.h"
#include "core/store/merge.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/store_make.h"

#define BATCHES 14u
#define EVENTS  6u

struct world {
    char folder[64], path[96];
    struct make *make;
    uint64_t acked; /* batches whose commit returned KT_OK */
};

static enum kt_status open_store(struct world *w, struct kt_store **ret, struct kt_error *err)
{
    const struct kt_store_options o = {
        .path = w->path,
        .create = true,
        .vfs = FAULT_VFS,
        .dedupe_recent = 64,
        .segment_events = 9, /* a batch or two */
        .seal_here = true,
    };
    return kt_store_open(&o, ret, err);
}

/* Batch n overlaps the one before by two events. */
static enum kt_status store_batch(struct world *w, struct kt_store *s, uint64_t n,
                                  struct kt_error *err)
{
    struct kt_store_result r;
    make_reset(w->make);
    for (uint64_t i = 0; i < EVENTS; i++)
        make_numbered(w->make, n * (EVENTS - 2) + i);
    struct kt_store_batch b = make_batch(w->make, "agent-a", n, MAKE_T0 + (kt_time_ns)n * KT_NS_S);
    enum kt_status st = kt_store_claim(s, KT_STR("vault/vault-prod"), b.agent, err);
    return st == KT_OK ? kt_store_append(s, &b, &r, err) : st;
}

/* What is in the store after batches 1 to n. */
static uint64_t events_of(uint64_t n)
{
    return n == 0 ? 0 : n * (EVENTS - 2) + 2;
}

/* Batches (from, to] and a control record in one transaction. */
static enum kt_status group(struct world *w, struct kt_store *s, uint64_t from, uint64_t to,
                            struct kt_error *err)
{
    enum kt_status status = kt_store_begin(s, err);
    for (uint64_t n = from + 1; n <= to && status == KT_OK; n++)
        status = store_batch(w, s, n, err);
    struct kt_event ev = { .kind = KT_KIND_TICK, .time = MAKE_T0, .raw = KT_STR("{}") };
    uint64_t seq;
    if (status == KT_OK)
        status = kt_store_control(s, &ev, MAKE_T0, MAKE_T0, &seq, err);
    if (status == KT_OK)
        status = kt_store_put(s, "position", KT_STR("somewhere"), err);
    if (status == KT_OK)
        status = kt_store_commit(s, err);
    if (status == KT_OK)
        w->acked = to;
    else
        kt_store_rollback(s);
    return status;
}

/* What retention does: the oldest segment, once it is two batches old. */
static enum kt_status retire(struct world *w, struct kt_store *s, struct kt_error *err)
{
    struct kt_old old;
    enum kt_status status = kt_store_old(s, 1, &old, err);
    if (w->acked < 5 || old.first_seq > 1)
        return KT_OK;
    if (status == KT_OK)
        status = kt_store_begin(s, err);
    if (status == KT_OK)
        status = kt_store_remove(s, old.first_seq, KT_STR("too old"), MAKE_T0, err);
    if (status == KT_OK)
        status = kt_store_commit(s, err);
    if (status != KT_OK)
        kt_store_rollback(s);
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* What is sealed, three by three. */
static enum kt_status merge(const struct world *w, struct kt_store *s, struct kt_error *err)
{
    struct kt_merge_how how = { .pieces = 3 };
    uint64_t merged;
    if (w->acked < 6) /* retention takes the first one by itself */
        return KT_OK;
    return kt_merge_complete(s, &how, NULL, NULL, &merged, err);
}

/* A collector's life, with a restart in the middle; ends at the first error. */
static void run(struct world *w)
{
    struct kt_error err = { 0 };
    for (uint64_t half = 0; half < 2; half++) {
        struct kt_store *s = NULL;
        if (open_store(w, &s, &err) != KT_OK)
            return;
        enum kt_status status = KT_OK;
        for (uint64_t n = 0; n < 5 && w->acked < BATCHES && status == KT_OK; n++) {
            status = group(w, s, w->acked, w->acked + 1 + n % 2, &err);
            if (status == KT_OK)
                status = retire(w, s, &err);
            if (status == KT_OK)
                status = kt_store_housekeep(s, true, &err);
            if (status == KT_OK)
                status = merge(w, s, &err);
        }
        kt_store_close(s);
        if (status != KT_OK)
            return;
    }
}

static void problem(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    (void)self;
    print_error("%s\n", sentence);
}

static void check(struct world *w, uint64_t events)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    struct kt_verify_result v;
    struct kt_store_stats stats;
    if (kt_reader_open(w->path, &r, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(
        kt_reader_verify(r, &(struct kt_verify_options){ .problem = problem, .self = w }, &v, &err),
        KT_OK);
    assert_int_equal(v.problems, 0);
    assert_int_equal(kt_reader_stats(r, &stats, &err), KT_OK);
    assert_int_equal(stats.events + stats.removed_events, events);
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_map *seen = kt_map_new(1);
    const struct kt_scan scan = { .records = true };
    assert_int_equal(kt_cursor_open(r, &scan, &c, &err), KT_OK);
    while (kt_cursor_next(c, &rec, &err) == KT_OK) {
        bool is_new;
        (void)kt_map_put(seen, rec.ev.native_id, &is_new);
        assert_true(is_new);
    }
    assert_int_equal(kt_map_count(seen), stats.events);
    kt_map_free(seen);
    kt_cursor_free(c);
    kt_reader_close(r);
}

/* The next start: the agent asks for the mark and sends what comes after it. */
static void recover(struct world *w)
{
    struct kt_store *s = NULL;
    struct kt_error err = { 0 };
    struct kt_mark mark;
    if (open_store(w, &s, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(kt_store_mark(s, KT_STR("agent-a"), w->make->incarnation, &mark, &err), KT_OK);
    assert_true(mark.seq >= w->acked);
    check(w, events_of(mark.seq));
    w->acked = mark.seq;
    if (w->acked < BATCHES)
        assert_int_equal(group(w, s, w->acked, BATCHES, &err), KT_OK);
    kt_store_close(s);
    check(w, events_of(BATCHES));
}

/* One life that ends at its n-th writing call, then the next; false if the call never came. */
static bool fail_at(struct make *make, enum fault_kind kind, bool power_cut, unsigned long n,
                    unsigned seed)
{
    struct world w = { .make = make };
    make_folder(w.folder, w.path);
    fault_vfs_arm(kind, n);
    run(&w);
    const bool fired = fault_vfs_fired();
    if (power_cut) {
        char shm[128];
        (void)snprintf(shm, sizeof shm, "%s-shm", w.path);
        (void)unlink(shm);
        fault_vfs_power_cut(seed);
    }
    fault_vfs_arm(kind, 0);
    recover(&w);
    make_folder_drop(w.folder);
    return fired;
}

/* Every writing call in turn; returns how many there were. */
static unsigned long fail_everywhere(enum fault_kind kind, bool power_cut)
{
    struct make *make = make_new();
    unsigned long n = 1;
    while (fail_at(make, kind, power_cut, n, (unsigned)n + 1)) {
        n++;
        assert_true(n < 5000);
    }
    make_free(make);
    return n - 1;
}

static unsigned seeds(void)
{
    const char *s = getenv("KT_FAULT_SEEDS");
    return s == NULL ? 0 : (unsigned)strtoul(s, NULL, 10);
}

static void a_failed_write_loses_nothing_committed(void **state)
{
    (void)state;
    (void)fail_everywhere(FAULT_WRITE, false);
}

static void a_failed_read_loses_nothing_committed(void **state)
{
    (void)state;
    print_message("%lu reads\n", fail_everywhere(FAULT_READ, false));
}

/* By the golden ratio: every call has its turn, each time with another loss. */
static void cut_power_often(enum fault_kind kind, unsigned long calls)
{
    struct make *make = make_new();
    for (unsigned seed = 1; seed <= seeds(); seed++) {
        const uint64_t spread = seed * 0x9e3779b97f4a7c15u;
        if (!fail_at(make, kind, true, 1 + (spread >> 33) % calls, seed * 1000003u))
            fail_msg("seed %u: the fault did not come", seed);
    }
    print_message("%lu calls, %lu power cuts\n", calls, calls + seeds());
    make_free(make);
}

static void a_failed_sync_loses_nothing_committed(void **state)
{
    (void)state;
    (void)fail_everywhere(FAULT_SYNC, false);
    cut_power_often(FAULT_SYNC, fail_everywhere(FAULT_SYNC, true));
}

static void a_kill_loses_nothing_committed(void **state)
{
    (void)state;
    (void)fail_everywhere(FAULT_CRASH, false);
}

static void a_power_cut_loses_nothing_committed(void **state)
{
    (void)state;
    cut_power_often(FAULT_CRASH, fail_everywhere(FAULT_CRASH, true));
}

static void a_full_disk_loses_nothing_committed(void **state)
{
    (void)state;
    (void)fail_everywhere(FAULT_FULL, false);
}

/* DESIGN D5: room comes back, and the same process goes on unless a commit itself failed. */
static void a_full_disk_is_said_and_survived(void **state)
{
    (void)state;
    struct world w = { .make = make_new() };
    struct kt_store *s = NULL;
    struct kt_error err = { 0 };
    make_folder(w.folder, w.path);
    fault_vfs_arm(FAULT_FULL, 0);
    assert_int_equal(open_store(&w, &s, &err), KT_OK);
    assert_int_equal(group(&w, s, 0, 1, &err), KT_OK);
    fault_vfs_arm(FAULT_FULL, 1);
    assert_int_equal(group(&w, s, 1, 2, &err), KT_E_IO);
    assert_int_equal(err.sys_errno, 28 /* ENOSPC */);
    fault_vfs_arm(FAULT_FULL, 0);
    struct kt_error why = { 0 };
    if (group(&w, s, 1, 2, &why) != KT_OK) { /* it failed in the commit: start again (D1) */
        kt_store_close(s);
        assert_int_equal(open_store(&w, &s, &err), KT_OK);
        assert_int_equal(group(&w, s, 1, 2, &err), KT_OK);
    }
    kt_store_close(s);
    check(&w, events_of(2));
    make_folder_drop(w.folder);
    make_free(w.make);
}

/* A segment says what synced batches say: the writer, and the acks behind it, wait for no disk. */
static void sealing_waits_for_no_sync(void **state)
{
    (void)state;
    struct world w = { .make = make_new() };
    struct kt_store *s = NULL;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    struct kt_store_stats stats;
    make_folder(w.folder, w.path);
    fault_vfs_arm(FAULT_WRITE, 0);
    assert_int_equal(open_store(&w, &s, &err), KT_OK);
    assert_int_equal(group(&w, s, 0, 1, &err), KT_OK);
    unsigned long before = fault_vfs_syncs();
    for (uint64_t n = 1; n < 7; n++)
        assert_int_equal(group(&w, s, n, n + 1, &err), KT_OK);
    assert_int_equal(fault_vfs_syncs() - before, 6);
    assert_int_equal(kt_reader_open(w.path, &r, &err), KT_OK);
    assert_int_equal(kt_reader_stats(r, &stats, &err), KT_OK);
    assert_true(stats.segments >= 2);
    kt_reader_close(r);
    kt_store_close(s);
    make_folder_drop(w.folder);
    make_free(w.make);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_write_loses_nothing_committed),
        cmocka_unit_test(a_failed_read_loses_nothing_committed),
        cmocka_unit_test(a_failed_sync_loses_nothing_committed),
        cmocka_unit_test(a_kill_loses_nothing_committed),
        cmocka_unit_test(a_power_cut_loses_nothing_committed),
        cmocka_unit_test(a_full_disk_loses_nothing_committed),
        cmocka_unit_test(a_full_disk_is_said_and_survived),
        cmocka_unit_test(sealing_waits_for_no_sync),
    };
    return cmocka_run_group_tests_name("store_fault", tests, NULL, NULL);
}
