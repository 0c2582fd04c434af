/* store_backup: a backup follows its store, is whole after any failure, and follows no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/store/backup.h"
#include "core/store/db.h"
#include "core/sys/fs.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/store_make.h"

#define EVENTS 6u

struct world {
    char folder[64], path[96], to[96], other[112];
    struct make *make;
    struct kt_store *s;
    uint64_t batches;
    unsigned problems;
};

/* ---- the store ---- */

static void open_store(struct world *w)
{
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 12, .seal_here = true
    };
    struct kt_error err = { 0 };
    if (kt_store_open(&o, &w->s, &err) != KT_OK)
        fail_msg("%s", err.text);
}

/* Nothing stays, so that another log may begin. */
static void remove_store(const char *path)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char name[128];
    for (unsigned i = 0; i < KT_ARRAY_LEN(ends); i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

static void close_store(struct world *w)
{
    kt_store_close(w->s);
    w->s = NULL;
}

/* n batches, a control record and a blob, one transaction each. */
static void add(struct world *w, unsigned n)
{
    struct kt_event ev = { .kind = KT_KIND_TICK, .time = MAKE_T0, .raw = KT_STR("{}") };
    uint64_t seq;
    for (unsigned i = 0; i < n; i++) {
        struct kt_store_result r;
        uint64_t b = ++w->batches;
        make_reset(w->make);
        for (uint64_t k = 0; k < EVENTS; k++)
            make_numbered(w->make, b * EVENTS + k);
        struct kt_store_batch batch =
            make_batch(w->make, "agent-a", b, MAKE_T0 + (kt_time_ns)b * KT_NS_S);
        assert_int_equal(kt_store_begin(w->s, NULL), KT_OK);
        make_claims(w->s, &batch);
        assert_int_equal(kt_store_append(w->s, &batch, &r, NULL), KT_OK);
        assert_int_equal(kt_store_control(w->s, &ev, MAKE_T0, MAKE_T0, &seq, NULL), KT_OK);
        assert_int_equal(kt_store_put(w->s, "position", KT_STR("somewhere"), NULL), KT_OK);
        assert_int_equal(kt_store_commit(w->s, NULL), KT_OK);
    }
}

static void retire(struct world *w)
{
    struct kt_old old;
    assert_int_equal(kt_store_old(w->s, 1, &old, NULL), KT_OK);
    assert_int_equal(kt_store_begin(w->s, NULL), KT_OK);
    assert_int_equal(kt_store_remove(w->s, old.first_seq, KT_STR("too old"), MAKE_T0, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->s, NULL), KT_OK);
}

/* ---- the backup ---- */

static void problem(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    struct world *w = self;
    w->problems++;
    print_error("%s\n", sentence);
}

static enum kt_status backup(struct world *w, bool quick, const char *vfs,
                             struct kt_backup_result *ret, struct kt_error *err)
{
    const struct kt_backup_options o = {
        .from = w->path, .to = w->to, .quick = quick, .vfs = vfs, .problem = problem, .self = w
    };
    return kt_backup_run(&o, ret, err);
}

static struct kt_backup_result good_backup(struct world *w, bool quick)
{
    struct kt_backup_result r = { 0 };
    struct kt_error err = { 0 };
    if (backup(w, quick, NULL, &r, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_true(r.verify.ok);
    assert_int_equal(r.records, kt_store_last_seq(w->s));
    return r;
}

/* Opens, verifies and counts; 0 when there is no store. */
static uint64_t records_of(struct world *w, const char *path)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    struct kt_verify_result v;
    struct kt_store_stats stats;
    enum kt_status status = kt_reader_open(path, &r, &err);
    if (status == KT_E_AGAIN)
        return 0;
    if (status != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(
        kt_reader_verify(r, &(struct kt_verify_options){ .problem = problem, .self = w }, &v, &err),
        KT_OK);
    assert_true(v.ok);
    assert_int_equal(kt_reader_stats(r, &stats, &err), KT_OK);
    kt_reader_close(r);
    return stats.records;
}

static void refused(struct world *w, const char *because)
{
    struct kt_backup_result r;
    struct kt_error err = { 0 };
    uint64_t before = records_of(w, w->to);
    assert_int_equal(backup(w, false, NULL, &r, &err), KT_E_CORRUPT);
    if (strstr(err.text, because) == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(records_of(w, w->to), before);
}

static int set_up(void **state)
{
    static struct world w;
    w = (struct world){ .make = make_new() };
    make_folder(w.folder, w.path);
    (void)snprintf(w.to, sizeof w.to, "%s/backup.db", w.folder);
    (void)snprintf(w.other, sizeof w.other, "%s/other.db", w.folder);
    open_store(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    close_store(w);
    make_folder_drop(w->folder);
    make_free(w->make);
    return 0;
}

/* ---- tests ---- */

static void second_backup_copies_only_new_segments(void **state)
{
    struct world *w = *state;
    add(w, 20);
    struct kt_backup_result r = good_backup(w, false);
    assert_true(r.first && r.segments == 10 && r.copied == 10);
    add(w, 4);
    r = good_backup(w, false);
    assert_true(!r.first && r.segments == 12 && r.copied == 2 && r.before == 140);
    r = good_backup(w, true);
    assert_true(r.copied == 0 && r.before == r.records);
    add(w, 5);
    r = good_backup(w, true);
    assert_true(r.copied == 2 && r.verify.records < r.records);
    assert_int_equal(records_of(w, w->to), 29 * (EVENTS + 1));
}

static void backup_of_an_empty_store_follows_it(void **state)
{
    struct world *w = *state;
    (void)good_backup(w, false);
    add(w, 1);
    (void)good_backup(w, true);
    assert_int_equal(records_of(w, w->to), EVENTS + 1);
}

static void backup_has_rights_for_its_readers_and_nothing_beside_it(void **state)
{
    struct world *w = *state;
    struct stat st;
    struct kt_db_head head;
    add(w, 3);
    (void)good_backup(w, false);
    assert_int_equal(stat(w->to, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(records_of(w, w->to), 3 * (EVENTS + 1));
    assert_int_equal(kt_db_probe(w->to, &head, NULL), KT_OK);
    assert_false(head.has_wal || head.has_shm || head.has_journal);
    assert_true(head.rollback && head.cookie == KT_DB_CLEAN);
}

static void removed_segments_leave_the_backup(void **state)
{
    struct world *w = *state;
    add(w, 20);
    (void)good_backup(w, false);
    retire(w);
    retire(w);
    add(w, 2);
    struct kt_backup_result r = good_backup(w, false);
    assert_true(r.dropped == 2 && r.copied == 1 && r.segments == 9);
    retire(w);
    r = good_backup(w, true);
    assert_true(r.dropped == 1);
    assert_int_equal(records_of(w, w->to), r.records);
}

static void another_logs_backup_is_refused(void **state)
{
    struct world *w = *state;
    add(w, 3);
    (void)good_backup(w, false);
    close_store(w);
    remove_store(w->path);
    open_store(w);
    w->batches = 0;
    add(w, 5);
    refused(w, "another log");
}

/* Restored to an earlier state, then written on: shorter at first, longer later, never the same. */
static void forked_store_is_refused(void **state)
{
    struct world *w = *state;
    struct kt_restore_result r;
    const char *early = w->other, *late = w->to;
    const struct kt_restore_options o = { .from = early, .to = w->path, .force = true };
    add(w, 7);
    (void)good_backup(w, false);
    assert_int_equal(rename(late, early), 0);
    add(w, 6);
    (void)good_backup(w, false);
    close_store(w);
    assert_int_equal(kt_restore_run(&o, &r, NULL), KT_OK);
    open_store(w);
    w->batches = 100;
    add(w, 2);
    refused(w, "restored from an older backup");
    add(w, 10);
    refused(w, "no earlier state");
    assert_int_equal(rename(early, late), 0);
    (void)good_backup(w, false);
}

static void changed_leaf_is_refused(void **state)
{
    struct world *w = *state;
    sqlite3 *db = NULL;
    add(w, 9);
    (void)good_backup(w, false);
    close_store(w);
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE control SET leaf = randomblob(32) WHERE seq = 7",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    open_store(w);
    refused(w, "the roots differ");
}

/* Of a segment that the backup has not yet. */
static void a_run_that_would_not_be_whole_is_undone(void **state)
{
    struct world *w = *state;
    sqlite3 *db = NULL;
    add(w, 9);
    (void)good_backup(w, false);
    add(w, 9);
    close_store(w);
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE part SET data = randomblob(length(data)) WHERE id ="
                                  " (SELECT max(id) FROM part WHERE id % 256 = 81)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    open_store(w);
    refused(w, "stays as it was");
}

static void second_backup_at_once_is_refused(void **state)
{
    struct world *w = *state;
    struct kt_backup_result r;
    struct kt_error err = { 0 };
    struct kt_store *holder = NULL;
    const struct kt_store_options o = { .path = w->to, .create = true };
    add(w, 1);
    assert_int_equal(kt_store_open(&o, &holder, NULL), KT_OK);
    assert_int_equal(backup(w, false, NULL, &r, &err), KT_E_DENIED);
    kt_store_close(holder);
    assert_int_equal(backup(w, false, NULL, &r, &err), KT_E_CORRUPT); /* a collector's store */
    memcpy(w->to, w->path, sizeof w->to);
    assert_int_equal(backup(w, false, NULL, &r, &err), KT_E_INPUT);
}

static void restored_store_goes_on(void **state)
{
    struct world *w = *state;
    struct kt_restore_result r;
    struct kt_restore_options o = { .from = w->to, .to = w->path, .problem = problem, .self = w };
    add(w, 5);
    (void)good_backup(w, false);
    add(w, 5);
    assert_int_equal(kt_restore_run(&o, &r, NULL), KT_E_DENIED); /* it is being written */
    close_store(w);
    assert_int_equal(kt_restore_run(&o, &r, NULL), KT_E_DENIED); /* it exists */
    o.force = true;
    assert_int_equal(kt_restore_run(&o, &r, NULL), KT_OK);
    assert_true(r.verify.ok && r.aside[0] != '\0');
    assert_int_equal(records_of(w, w->path), 5 * (EVENTS + 1));
    assert_int_equal(records_of(w, r.aside), 10 * (EVENTS + 1));
    open_store(w);
    w->batches = 5;
    add(w, 5);
    close_store(w);
    assert_int_equal(records_of(w, w->path), 10 * (EVENTS + 1));
    open_store(w);
    (void)good_backup(w, false);
}

/* A log that went on in a second file: its backup is the way back, and all of it moves aside. */
static void damaged_log_is_replaced_by_its_backup(void **state)
{
    struct world *w = *state;
    struct kt_restore_result r;
    struct kt_restore_options o = { .from = w->to, .to = w->path, .problem = problem, .self = w };
    struct kt_reader *old = NULL;
    struct kt_store_stats stats;
    char second[112];
    (void)snprintf(second, sizeof second, "%s.2", w->path);
    add(w, 5);
    (void)good_backup(w, false);
    add(w, 1);
    assert_int_equal(kt_store_succeed(w->s, "a test", NULL), KT_OK);
    close_store(w);
    open_store(w);
    add(w, 1);
    assert_int_equal(access(second, F_OK), 0);
    refused(w, "goes on in");
    close_store(w);
    assert_int_equal(kt_restore_run(&o, &r, NULL), KT_E_DENIED);
    o.force = true;
    assert_int_equal(kt_restore_run(&o, &r, NULL), KT_OK);
    assert_int_equal(records_of(w, w->path), 5 * (EVENTS + 1));
    assert_int_not_equal(access(second, F_OK), 0);
    assert_int_equal(kt_reader_open(r.aside, &old, NULL), KT_OK);
    assert_int_equal(kt_reader_stats(old, &stats, NULL), KT_OK);
    assert_true(stats.damaged_files == 1 && stats.records == 7 * (EVENTS + 1));
    kt_reader_close(old);
    open_store(w);
    (void)good_backup(w, false);
}

static void damaged_backup_is_not_restored(void **state)
{
    struct world *w = *state;
    struct kt_restore_result r;
    const struct kt_restore_options o = { .from = w->to, .to = w->other };
    sqlite3 *db = NULL;
    add(w, 5);
    (void)good_backup(w, false);
    assert_int_equal(sqlite3_open(w->to, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE meta SET events = events + 1", NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    assert_int_equal(kt_restore_run(&o, &r, NULL), KT_OK);
    assert_false(r.verify.ok);
    assert_int_not_equal(access(w->other, F_OK), 0);
}

/* ---- faults ---- */

/* Makes the backup what it was before the fault; none: it is no more. */
static void put_back(const struct world *w, struct kt_str had)
{
    if (had.len == 0) {
        (void)unlink(w->to);
        return;
    }
    FILE *f = fopen(w->to, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(had.at, 1, had.len, f), had.len);
    assert_int_equal(fclose(f), 0);
}

/* A log, and in *ret_had the backup that it had when it was half as long; had 0: none. */
static void begin_log(struct world *w, unsigned had, struct kt_buf *ret_had)
{
    close_store(w);
    remove_store(w->path);
    put_back(w, KT_STR_NONE);
    open_store(w);
    w->batches = 0;
    add(w, had);
    if (had > 0) {
        (void)good_backup(w, false);
        assert_int_equal(kt_fs_read_all(w->to, 64u << 20, ret_had, NULL), KT_OK);
    }
    add(w, 10 - had);
    if (had > 0)
        retire(w);
}

/* Before the fault: five batches in the backup, or none; after it: those, or all ten. */
static void fail_everywhere(struct world *w, enum fault_kind kind, bool power_cut, unsigned had)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf before = { 0 };
    bool fired = true;
    unsigned long n;
    begin_log(w, had, &before);
    const uint64_t whole = kt_store_last_seq(w->s);
    for (n = 1; fired; n++) {
        struct kt_backup_result r;
        struct kt_error err = { 0 };
        put_back(w, kt_buf_str(&before));
        /* syncs are few: each fails in a quick backup and in one that verifies */
        fault_vfs_arm(kind, kind == FAULT_SYNC ? (n + 1) / 2 : n);
        (void)(backup(w, n % 2 == 0, FAULT_VFS, &r, &err) == KT_OK);
        fired = fault_vfs_fired();
        if (power_cut)
            fault_vfs_power_cut(n);
        fault_vfs_arm(kind, 0);
        uint64_t left = records_of(w, w->to);
        if (left != had * (EVENTS + 1) && left != whole)
            fail_msg("%llu records after fault %lu", (unsigned long long)left, n);
        (void)good_backup(w, false);
        assert_int_equal(records_of(w, w->to), whole);
        assert_true(n < 5000);
    }
    print_message("%lu faults\n", n - 2);
}

static void killed_backup_is_as_it_was(void **state)
{
    fail_everywhere(*state, FAULT_CRASH, false, 0);
    fail_everywhere(*state, FAULT_CRASH, false, 5);
}

static void backup_survives_a_power_cut(void **state)
{
    fail_everywhere(*state, FAULT_CRASH, true, 0);
    fail_everywhere(*state, FAULT_CRASH, true, 5);
}

static void backup_survives_failed_writes_and_a_full_disk(void **state)
{
    fail_everywhere(*state, FAULT_WRITE, false, 5);
    fail_everywhere(*state, FAULT_SYNC, true, 5);
    fail_everywhere(*state, FAULT_FULL, false, 5);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(second_backup_copies_only_new_segments),
        T(backup_of_an_empty_store_follows_it),
        T(backup_has_rights_for_its_readers_and_nothing_beside_it),
        T(removed_segments_leave_the_backup),
        T(another_logs_backup_is_refused),
        T(forked_store_is_refused),
        T(changed_leaf_is_refused),
        T(a_run_that_would_not_be_whole_is_undone),
        T(second_backup_at_once_is_refused),
        T(restored_store_goes_on),
        T(damaged_log_is_replaced_by_its_backup),
        T(damaged_backup_is_not_restored),
        T(killed_backup_is_as_it_was),
        T(backup_survives_a_power_cut),
        T(backup_survives_failed_writes_and_a_full_disk),
    };
    return cmocka_run_group_tests_name("store_backup", tests, NULL, NULL);
}
