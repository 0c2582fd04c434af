/* store_write: what the writer keeps, gives back, and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/store/db.h"
#include "core/store/schema.h"
#include "tests/support/store_make.h"

struct world {
    char folder[64], path[96];
    struct make *make;
    struct kt_store *store;
    uint64_t batch_seq;
};

static int set_up(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    w->make = make_new();
    make_folder(w->folder, w->path);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    kt_store_close(w->store);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

static void open_store(struct world *w, size_t recent)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = { .path = w->path, .create = true, .dedupe_recent = recent };
    if (kt_store_open(&o, &w->store, &err) != KT_OK)
        fail_msg("%s", err.text);
}

static void reopen(struct world *w, size_t recent)
{
    kt_store_close(w->store);
    w->store = NULL;
    open_store(w, recent);
}

/* Appends what is in w->make in a transaction of its own. */
static struct kt_store_result append(struct world *w, const struct kt_store_batch *b)
{
    struct kt_error err = { 0 };
    struct kt_store_result r = { 0 };
    if (kt_store_begin(w->store, &err) != KT_OK ||
        kt_store_append(w->store, b, &r, &err) != KT_OK || kt_store_commit(w->store, &err) != KT_OK)
        fail_msg("%s", err.text);
    return r;
}

static struct kt_store_result append_numbers(struct world *w, uint64_t from, uint32_t n)
{
    make_reset(w->make);
    for (uint32_t i = 0; i < n; i++)
        make_numbered(w->make, from + i);
    struct kt_store_batch b = make_batch(w->make, "agent-a", ++w->batch_seq, MAKE_T0 + KT_NS_S);
    return append(w, &b);
}

static struct kt_store_result append_one(struct world *w, const char *id, const char *actor,
                                         kt_time_ns time)
{
    make_reset(w->make);
    make_access(w->make, id, actor, time);
    struct kt_store_batch b = make_batch(w->make, "agent-a", ++w->batch_seq, MAKE_T0 + KT_NS_S);
    return append(w, &b);
}

/* ---- duplicates ---- */

static void same_record_is_stored_once(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    assert_int_equal(append_numbers(w, 0, 100).stored, 100);
    struct kt_store_result r = append_numbers(w, 50, 100);
    assert_int_equal(r.stored, 50);
    assert_int_equal(r.duplicates, 50);
    assert_int_equal(r.first_seq, 101);
    assert_int_equal(r.fate[49], KT_FATE_DUPLICATE);
    assert_int_equal(r.seq[49], 0);
    assert_int_equal(r.fate[50], KT_FATE_STORED);
    assert_int_equal(r.seq[50], 101);
    assert_int_equal(kt_store_last_seq(w->store), 150);
}

static void same_record_is_stored_once_after_a_restart(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    append_numbers(w, 0, 300);
    reopen(w, 0);
    assert_int_equal(append_numbers(w, 0, 300).duplicates, 300);
    assert_int_equal(kt_store_last_seq(w->store), 300);
}

/* With room for 64 ids nearly every answer comes from the file. */
static void same_record_is_stored_once_beyond_memory(void **state)
{
    struct world *w = *state;
    open_store(w, 64);
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(append_numbers(w, i * 50, 50).stored, 50);
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(append_numbers(w, (39 - i) * 50, 50).duplicates, 50);
    assert_int_equal(kt_store_last_seq(w->store), 2000);
}

static void same_record_twice_in_one_batch_is_stored_once(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    make_reset(w->make);
    make_access(w->make, "one", "ana", MAKE_T0);
    make_access(w->make, "one", "ana", MAKE_T0);
    make_access(w->make, "one", "bea", MAKE_T0);
    make_access(w->make, "one", "bea", MAKE_T0);
    struct kt_store_batch b = make_batch(w->make, "agent-a", 1, MAKE_T0);
    struct kt_store_result r = append(w, &b);
    const uint8_t want[] = { KT_FATE_STORED, KT_FATE_DUPLICATE, KT_FATE_CONFLICT,
                             KT_FATE_DUPLICATE };
    assert_memory_equal(r.fate, want, sizeof want);
}

/* THREATS N7: an id is no way to suppress an event. */
static void other_access_under_a_known_id_is_kept_and_flagged(void **state)
{
    struct world *w = *state;
    for (size_t recent = 0; recent <= 2; recent += 2) {
        open_store(w, recent);
        char id[8];
        (void)snprintf(id, sizeof id, "id-%zu", recent);
        assert_int_equal(append_one(w, id, "ana", MAKE_T0).conflicts, 0);
        append_numbers(w, 1000 * (recent + 1), 10); /* out of a memory of 2 ids */
        append_numbers(w, 1000 * (recent + 1) + 10, 10);
        struct kt_store_result r = append_one(w, id, "mallory", MAKE_T0);
        assert_int_equal(r.stored, 1);
        assert_int_equal(r.conflicts, 1);
        assert_int_equal(append_one(w, id, "mallory", MAKE_T0).duplicates, 1);
        assert_int_equal(append_one(w, id, "ana", MAKE_T0).duplicates, 1);
        kt_store_close(w->store);
        w->store = NULL;
    }
}

static void records_without_a_native_id_are_never_duplicates(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    assert_int_equal(append_one(w, "", "ana", MAKE_T0).stored, 1);
    assert_int_equal(append_one(w, "", "ana", MAKE_T0).stored, 1);
}

static void records_without_a_time_are_recognised(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    assert_int_equal(append_one(w, "timeless", "ana", 0).stored, 1);
    reopen(w, 0);
    assert_int_equal(append_one(w, "timeless", "ana", 0).duplicates, 1);
}

static void undone_records_are_no_duplicates(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    append_numbers(w, 0, 10);
    make_reset(w->make);
    for (uint32_t i = 0; i < 20; i++)
        make_numbered(w->make, i);
    struct kt_store_batch b = make_batch(w->make, "agent-a", 2, MAKE_T0 + KT_NS_S);
    struct kt_store_result r;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_append(w->store, &b, &r, NULL), KT_OK);
    assert_int_equal(r.stored, 10);
    assert_int_equal(kt_store_last_seq(w->store), 20);
    kt_store_rollback(w->store);
    assert_int_equal(kt_store_last_seq(w->store), 10);
    r = append(w, &b);
    assert_int_equal(r.stored, 10);
    assert_int_equal(r.duplicates, 10);
}

/* ---- marks, names, alerts ---- */

static void mark_follows_the_newest_batch(void **state)
{
    struct world *w = *state;
    struct kt_mark mark;
    open_store(w, 0);
    uint8_t other[16] = { 9 };
    append_numbers(w, 0, 5);
    append_numbers(w, 0, 5); /* nothing but duplicates moves it as well */
    reopen(w, 0);
    assert_int_equal(kt_store_mark(w->store, KT_STR("agent-a"), w->make->incarnation, &mark, NULL),
                     KT_OK);
    assert_int_equal(mark.seq, 2);
    assert_memory_equal(mark.digest, w->make->digest, 32);
    assert_int_equal(kt_store_mark(w->store, KT_STR("agent-a"), other, &mark, NULL), KT_OK);
    assert_int_equal(mark.seq, 0);
}

static void first_claim_of_an_instance_wins(void **state)
{
    struct world *w = *state;
    struct kt_buf agent = { 0 };
    open_store(w, 0);
    assert_int_equal(kt_store_owner(w->store, KT_STR("vault/a"), &agent, NULL), KT_OK);
    assert_int_equal(agent.len, 0);
    assert_int_equal(kt_store_claim(w->store, KT_STR("vault/a"), KT_STR("one"), NULL), KT_OK);
    assert_int_equal(kt_store_claim(w->store, KT_STR("vault/a"), KT_STR("two"), NULL), KT_OK);
    assert_int_equal(kt_store_owner(w->store, KT_STR("vault/a"), &agent, NULL), KT_OK);
    assert_true(kt_str_is(kt_buf_str(&agent), "one"));
    kt_buf_done(&agent);
}

static enum kt_status join(void *self, const char *name, struct kt_str value, struct kt_error *err)
{
    (void)err;
    kt_buf_addf(self, "%s=" KT_STR_FMT " ", name, KT_STR_ARG(value));
    return KT_OK;
}

static void blobs_are_kept_by_name_and_walked_by_prefix(void **state)
{
    struct world *w = *state;
    struct kt_buf got = { 0 };
    open_store(w, 0);
    const char *const names[] = { "b/2", "a", "b/1", "c", "b/3" };
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        assert_int_equal(kt_store_put(w->store, names[i], kt_str_of(names[i]), NULL), KT_OK);
    assert_int_equal(kt_store_put(w->store, "b/3", KT_STR_NONE, NULL), KT_OK);
    assert_int_equal(kt_store_put(w->store, "b/1", KT_STR("new"), NULL), KT_OK);
    assert_int_equal(kt_store_each(w->store, "b/", join, &got, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&got), "b/1=new b/2=b/2 ");
    assert_int_equal(kt_store_get(w->store, "b/3", &got, NULL), KT_E_AGAIN);
    kt_buf_done(&got);
}

struct sender {
    struct kt_store *store;
    struct kt_buf seen;
};

static enum kt_status see_row(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct sender *s = self;
    (void)err;
    kt_buf_addf(&s->seen, "%lld:%s:%d ", (long long)row->row, row->target, row->severity);
    return KT_OK;
}

/* Changes every row it is given, as the outbox does. */
static enum kt_status send_row(void *self, const struct kt_outbox_row *row, struct kt_str json,
                               struct kt_error *err)
{
    struct sender *s = self;
    kt_buf_addf(&s->seen, "%s:" KT_STR_FMT " ", row->action, KT_STR_ARG(json));
    struct kt_outbox_row done = *row;
    (void)snprintf(done.state, sizeof done.state, "sent");
    done.attempts++;
    return kt_store_outbox_update(s->store, &done, err);
}

static void outbox_knows_what_waits_and_what_was_added(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    struct sender s = { .store = w->store };
    const char *const targets[] = { "slack", "mail", "slack", "pager" };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_alert_put(w->store, "A1", MAKE_T0, MAKE_T0, 4, KT_STR("{}"), NULL),
                     KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_outbox_added(w->store), 0);
    for (size_t i = 0; i < KT_ARRAY_LEN(targets); i++) {
        struct kt_outbox_row row = { .action = "trigger", .state = "wait", .created = MAKE_T0 };
        (void)snprintf(row.alert, sizeof row.alert, "A%zu", i);
        (void)snprintf(row.target, sizeof row.target, "%s", targets[i]);
        assert_int_equal(kt_store_outbox_add(w->store, &row, KT_STR("{}"), NULL), KT_OK);
        assert_int_equal(row.row, (int64_t)i + 1);
        assert_int_equal(kt_store_outbox_add(w->store, &row, KT_STR("{}"), NULL), KT_OK);
        assert_int_equal(row.row, (int64_t)i + 1); /* the same key is the same row */
    }
    assert_int_equal(kt_store_outbox_added(w->store), 1);
    assert_int_equal(kt_store_outbox_added(w->store), 0);
    assert_int_equal(kt_store_outbox_waiting(w->store, 0, see_row, &s, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&s.seen), "1:slack:0 2:mail:4 3:slack:0 4:pager:0 ");
    kt_buf_reset(&s.seen);
    struct kt_outbox_row old = { .row = 2, .state = "sent" }, again = { .alert = "A1" };
    assert_int_equal(kt_store_outbox_update(w->store, &old, NULL), KT_OK);
    assert_int_equal(kt_store_outbox_waiting(w->store, 2, see_row, &s, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&s.seen), "3:slack:0 4:pager:0 ");
    (void)snprintf(again.target, sizeof again.target, "mail");
    (void)snprintf(again.action, sizeof again.action, "trigger");
    (void)snprintf(again.state, sizeof again.state, "wait");
    assert_int_equal(kt_store_outbox_add(w->store, &again, KT_STR("{}"), NULL), KT_OK);
    assert_int_equal(kt_store_outbox_added(w->store), 2); /* an old row that waits again */
    kt_buf_done(&s.seen);
}

static void a_row_comes_with_the_older_ones_of_its_alert(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    struct sender s = { .store = w->store };
    const struct {
        const char *alert, *target, *action;
    } rows[] = {
        { "A", "slack", "trigger" }, { "A", "mail", "trigger" },   { "B", "slack", "trigger" },
        { "A", "slack", "update" },  { "A", "slack", "update:2" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_outbox_row row = { .state = "wait", .created = MAKE_T0 };
        (void)snprintf(row.alert, sizeof row.alert, "%s", rows[i].alert);
        (void)snprintf(row.target, sizeof row.target, "%s", rows[i].target);
        (void)snprintf(row.action, sizeof row.action, "%s", rows[i].action);
        char json[8];
        (void)snprintf(json, sizeof json, "{%zu}", i);
        assert_int_equal(kt_store_outbox_add(w->store, &row, kt_str_of(json), NULL), KT_OK);
    }
    assert_int_equal(kt_store_outbox_up_to(w->store, 4, send_row, &s, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&s.seen), "trigger:{0} update:{3} ");
    kt_buf_reset(&s.seen);
    assert_int_equal(kt_store_outbox_up_to(w->store, 4, send_row, &s, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&s.seen), ""); /* they wait no more */
    kt_buf_done(&s.seen);
    const struct kt_outbox_row nobody = { .row = 99, .state = "sent" };
    struct kt_error err;
    assert_int_equal(kt_store_outbox_update(w->store, &nobody, &err), KT_E_INPUT);
}

/* ---- opening ---- */

static void second_writer_is_told_who_has_it(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    struct kt_error err = { 0 };
    struct kt_store *second = NULL;
    const struct kt_store_options o = { .path = w->path };
    assert_int_equal(kt_store_open(&o, &second, &err), KT_E_DENIED);
    char pid[32];
    (void)snprintf(pid, sizeof pid, "(pid %ld)", (long)getpid());
    assert_non_null(strstr(err.text, pid));
    assert_non_null(strstr(err.text, "store_write_test"));
}

static void missing_store_is_made_only_when_asked(void **state)
{
    struct world *w = *state;
    struct kt_error err;
    struct kt_reader *r = NULL;
    const struct kt_store_options o = { .path = w->path };
    assert_int_equal(kt_store_open(&o, &w->store, &err), KT_E_AGAIN);
    assert_int_equal(kt_reader_open(w->path, &r, &err), KT_E_AGAIN);
    assert_int_equal(access(w->path, F_OK), -1);
}

/* What is committed into a file that nobody finds again may be acknowledged to nobody. */
static void a_file_that_is_gone_takes_no_commit(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    char file[120], away[130];
    static const char *const parts[] = { "", "-wal" };
    open_store(w, 100);
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(file, sizeof file, "%s%s", w->path, parts[i]);
        (void)snprintf(away, sizeof away, "%s.away", file);
        assert_int_equal(kt_store_begin(w->store, &err), KT_OK);
        assert_int_equal(kt_store_put(w->store, "a", KT_STR("1"), &err), KT_OK);
        assert_int_equal(rename(file, away), 0);
        assert_int_equal(kt_store_commit(w->store, &err), KT_E_IO);
        FILE *other = fopen(file, "w"); /* as a reader makes it that finds none */
        assert_non_null(other);
        (void)fclose(other);
        assert_int_equal(kt_store_commit(w->store, &err), KT_E_IO);
        assert_non_null(strstr(err.text, "put both back"));
        assert_int_equal(rename(away, file), 0);
        assert_int_equal(kt_store_commit(w->store, &err), KT_OK);
    }
}

/* A supervisor starts the collector again within seconds. */
static void a_start_makes_no_store_where_one_was(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    struct kt_store *other = NULL;
    const struct kt_store_options o = { .path = w->path, .create = true };
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    char away[130];
    open_store(w, 100);
    assert_int_equal(kt_store_begin(w->store, &err), KT_OK);
    assert_int_equal(kt_store_put(w->store, "a", KT_STR("1"), &err), KT_OK);
    assert_int_equal(kt_store_commit(w->store, &err), KT_OK);
    (void)snprintf(away, sizeof away, "%s.away", w->path);
    assert_int_equal(rename(w->path, away), 0);
    kt_store_close(w->store);
    w->store = NULL;
    for (unsigned i = 0; i < 2; i++) { /* and again */
        assert_int_equal(kt_store_open(&o, &other, &err), KT_E_CORRUPT);
        assert_non_null(strstr(err.text, "no new log is begun"));
        assert_int_equal(access(w->path, F_OK), -1);
    }
    assert_int_equal(rename(away, w->path), 0);
    open_store(w, 100);
    assert_int_equal(kt_store_get(w->store, "a", &value, &err), KT_OK);
}

static void files_are_for_the_group_to_read(void **state)
{
    struct world *w = *state;
    mode_t before = umask(077);
    open_store(w, 0);
    append_numbers(w, 0, 3);
    (void)umask(before);
    const char *const suffix[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < KT_ARRAY_LEN(suffix); i++) {
        char name[128];
        struct stat st;
        (void)snprintf(name, sizeof name, "%s%s", w->path, suffix[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
    }
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", text, why);
    (void)sqlite3_close(db);
}

static void newer_schema_is_refused_by_name(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    kt_store_close(w->store);
    w->store = NULL;
    sql(w->path, "PRAGMA user_version=7; PRAGMA wal_checkpoint(TRUNCATE)");
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    const struct kt_store_options o = { .path = w->path };
    assert_int_equal(kt_store_open(&o, &w->store, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "schema 7"));
    assert_int_equal(kt_reader_open(w->path, &r, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "upgrade keytrail"));
}

static void changed_schema_is_refused(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    kt_store_close(w->store);
    w->store = NULL;
    sql(w->path, "CREATE TRIGGER hide AFTER INSERT ON control BEGIN"
                 " DELETE FROM control WHERE seq = new.seq; END");
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    const struct kt_store_options o = { .path = w->path };
    assert_int_equal(kt_store_open(&o, &w->store, &err), KT_E_CORRUPT);
    assert_int_equal(kt_reader_open(w->path, &r, &err), KT_E_CORRUPT);
}

static void other_files_are_not_opened(void **state)
{
    struct world *w = *state;
    struct kt_error err;
    struct kt_reader *r = NULL;
    const struct kt_store_options o = { .path = w->path, .create = true };
    FILE *f = fopen(w->path, "w");
    for (int i = 0; i < 1000; i++)
        (void)fputs("not a database ", f);
    (void)fclose(f);
    assert_int_equal(kt_store_open(&o, &w->store, &err), KT_E_CORRUPT);
    assert_int_equal(kt_reader_open(w->path, &r, &err), KT_E_CORRUPT);
    assert_int_equal(unlink(w->path), 0);
    sql(w->path, "CREATE TABLE theirs (x)");
    assert_int_equal(kt_store_open(&o, &w->store, &err), KT_E_CORRUPT);
    assert_int_equal(kt_reader_open(w->path, &r, &err), KT_E_CORRUPT);
}

static void arrival_that_goes_back_is_refused(void **state)
{
    struct world *w = *state;
    open_store(w, 0);
    append_numbers(w, 0, 3);
    assert_int_equal(kt_store_last_arrival(w->store), MAKE_T0 + KT_NS_S);
    make_reset(w->make);
    make_numbered(w->make, 9);
    struct kt_store_batch b = make_batch(w->make, "agent-a", 2, MAKE_T0);
    struct kt_store_result r;
    struct kt_error err;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_append(w->store, &b, &r, &err), KT_E_INPUT);
    kt_store_rollback(w->store);
    b = make_import(w->make, MAKE_T0 - KT_NS_DAY); /* history has its own times */
    assert_int_equal(append(w, &b).stored, 1);
}

/* The frame of migrations: each step leaves a backup mark, and runs once. */
static void migration_leaves_a_backup_mark(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    const struct kt_beginning from = { .log_id = { 1 } };
    const struct kt_migration steps[] = {
        { KT_DB_SCHEMA, "ALTER TABLE owner ADD COLUMN note TEXT", NULL },
        { KT_DB_SCHEMA + 1, "CREATE TABLE extra (x INTEGER) STRICT", NULL },
        { 0, NULL, NULL }
    };
    unsigned version = 0;
    struct kt_error err;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(kt_schema_make(db, &from, NULL), KT_OK);
    assert_int_equal(kt_schema_migrate(db, steps, KT_DB_SCHEMA + 2, NULL), KT_OK);
    assert_int_equal(kt_schema_version(db, &version, NULL), KT_OK);
    assert_int_equal(version, KT_DB_SCHEMA + 2);
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    assert_int_equal(kt_db_prepare(db,
                                   "SELECT count(*) FROM blob WHERE name LIKE 'backup-mark/_'"
                                   " AND length(value) = 8",
                                   &st, NULL),
                     KT_OK);
    assert_int_equal(kt_db_step(st, NULL), KT_OK);
    assert_int_equal(kt_db_col_i64(st, 0), 2);
    assert_int_equal(kt_schema_migrate(db, steps, KT_DB_SCHEMA + 3, &err), KT_E_CONFIG);
    kt_db_finalize(&st);
    (void)sqlite3_close(db);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(same_record_is_stored_once),
        T(same_record_is_stored_once_after_a_restart),
        T(same_record_is_stored_once_beyond_memory),
        T(same_record_twice_in_one_batch_is_stored_once),
        T(other_access_under_a_known_id_is_kept_and_flagged),
        T(records_without_a_native_id_are_never_duplicates),
        T(records_without_a_time_are_recognised),
        T(undone_records_are_no_duplicates),
        T(mark_follows_the_newest_batch),
        T(first_claim_of_an_instance_wins),
        T(blobs_are_kept_by_name_and_walked_by_prefix),
        T(outbox_knows_what_waits_and_what_was_added),
        T(a_row_comes_with_the_older_ones_of_its_alert),
        T(second_writer_is_told_who_has_it),
        T(missing_store_is_made_only_when_asked),
        T(a_file_that_is_gone_takes_no_commit),
        T(a_start_makes_no_store_where_one_was),
        T(files_are_for_the_group_to_read),
        T(newer_schema_is_refused_by_name),
        T(changed_schema_is_refused),
        T(other_files_are_not_opened),
        T(arrival_that_goes_back_is_refused),
        cmocka_unit_test(migration_leaves_a_backup_mark),
    };
    return cmocka_run_group_tests_name("store_write", tests, NULL, NULL);
}
