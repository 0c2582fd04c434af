/* store_verify: whatever is changed by hand in a store is named (DESIGN §10, THREATS T1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/store/db.h"
#include "tests/support/store_make.h"

struct world {
    char folder[64], path[96], copy[128];
    struct make *make;
    uint8_t root[32];
    struct kt_buf shown; /* everything a reader is shown of the untouched store */
    char said[4096];
    unsigned problems;
};

static void commit_batch(struct kt_store *s, const struct kt_store_batch *b)
{
    struct kt_store_result r;
    make_claims(s, b);
    assert_int_equal(kt_store_append(s, b, &r, NULL), KT_OK);
}

static void commit_control(struct kt_store *s, enum kt_kind kind)
{
    uint64_t seq;
    struct kt_event ev = { .kind = kind, .time = MAKE_T0, .raw = KT_STR("{\"by\":\"test\"}") };
    assert_int_equal(kt_store_control(s, &ev, MAKE_T0, MAKE_T0, &seq, NULL), KT_OK);
}

/*
 * 1 config · 2-31 batch 1 · 32-51 batch 2, ten lines left out as duplicates · 52 tick ·
 * 53-54 batch 3, the second one a conflict · 55-64 import with arrivals of its own · 65 tick
 */
static void fill(struct world *w, struct kt_store *s)
{
    struct make *m = w->make;
    struct kt_store_batch b;
    assert_int_equal(kt_store_begin(s, NULL), KT_OK);
    commit_control(s, KT_KIND_CONFIG);
    for (uint64_t batch = 1; batch <= 2; batch++) {
        make_reset(m);
        for (uint64_t i = 0; i < 30; i++)
            make_numbered(m, (batch - 1) * 20 + i);
        b = make_batch(m, "agent-a", batch, MAKE_T0 + KT_NS_S * (kt_time_ns)batch);
        commit_batch(s, &b);
    }
    commit_control(s, KT_KIND_TICK);
    make_reset(m);
    make_access(m, "same", "ana", MAKE_T0);
    make_access(m, "same", "mallory", MAKE_T0);
    b = make_batch(m, "agent-a", 3, MAKE_T0 + 3 * KT_NS_S);
    commit_batch(s, &b);
    make_reset(m);
    for (uint64_t i = 0; i < 10; i++)
        make_numbered(m, 1000000 * (i + 1));
    b = make_import(m, MAKE_T0);
    for (uint32_t i = 0; i < 10; i++)
        m->arrival[i] += i;
    commit_batch(s, &b);
    commit_control(s, KT_KIND_TICK);
    assert_int_equal(kt_store_commit(s, NULL), KT_OK);
    assert_int_equal(kt_store_last_seq(s), 65);
}

/* All that the doors of read.h show. False when one of them says the store is damaged. */
static bool show(const char *path, struct kt_buf *out)
{
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_store_stats st;
    enum kt_status status;
    kt_buf_reset(out);
    if (kt_reader_open(path, &r, NULL) != KT_OK)
        return false;
    bool good = kt_reader_stats(r, &st, NULL) == KT_OK;
    st.file_bytes = 0;
    kt_buf_add_bytes(out, &st, good ? sizeof st : 0);
    for (int way = 0; good && way < 6; way++) {
        const struct kt_scan scan = { .records = way != 4,
                                      .control = way != 2,
                                      .control_kind = way == 3 ? KT_KIND_TICK : 0,
                                      .since = way == 5 ? MAKE_T0 : 0,
                                      .newest_first = way == 1 };
        good = kt_cursor_open(r, &scan, &c, NULL) == KT_OK;
        struct kt_error err = { 0 };
        while (good && (status = kt_cursor_next(c, &rec, &err)) != KT_E_AGAIN) {
            good = status == KT_OK;
            if (good)
                kt_buf_addf(out, "%llu %lld %lld %d %d " KT_STR_FMT " " KT_STR_FMT "\n",
                            (unsigned long long)rec.seq, (long long)rec.arrival,
                            (long long)rec.stored, rec.origin, rec.conflict, KT_STR_ARG(rec.agent),
                            KT_STR_ARG(rec.line));
        }
        kt_cursor_free(c);
        c = NULL;
    }
    kt_reader_close(r);
    return good;
}

static int set_up(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    struct kt_store *s = NULL;
    w->make = make_new();
    make_folder(w->folder, w->path);
    (void)snprintf(w->copy, sizeof w->copy, "%s/copy.db", w->folder);
    const struct kt_store_options o = { .path = w->path, .create = true };
    assert_int_equal(kt_store_open(&o, &s, NULL), KT_OK);
    fill(w, s);
    kt_store_close(s);
    assert_true(show(w->path, &w->shown));
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    make_free(w->make);
    kt_buf_done(&w->shown);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

static unsigned signing_key(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max)
{
    struct world *w = self;
    assert_true(max >= 2);
    if (!kt_str_is(agent, "agent-a"))
        return 0;
    memset(ret[0], 1, 32); /* an older key */
    memcpy(ret[1], w->make->public_key, 32);
    return 2;
}

static void note(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    struct world *w = self;
    size_t len = strlen(w->said);
    (void)snprintf(w->said + len, sizeof w->said - len, "%s\n", sentence);
}

static bool verify(struct world *w, const char *path, struct kt_verify_result *ret)
{
    struct kt_reader *r = NULL;
    w->said[0] = '\0';
    if (kt_reader_open(path, &r, NULL) != KT_OK)
        return false;
    struct kt_error err = { 0 };
    enum kt_status status = kt_reader_verify(
        r, &(struct kt_verify_options){ .problem = note, .signing_key = signing_key, .self = w },
        ret, &err);
    kt_reader_close(r);
    return status == KT_OK;
}

static void untouched_store_verifies(void **state)
{
    struct world *w = *state;
    struct kt_verify_result v;
    assert_true(verify(w, w->path, &v));
    assert_string_equal(w->said, "");
    assert_true(v.ok);
    assert_int_equal(v.records, 65);
    assert_int_equal(v.batches, 4);
    assert_int_equal(v.signed_batches, 3);
}

static void copy_store(struct world *w)
{
    FILE *in = fopen(w->path, "rb"), *out = fopen(w->copy, "wb");
    assert_true(in != NULL && out != NULL);
    for (int c; (c = fgetc(in)) != EOF;)
        (void)fputc(c, out);
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* Runs SQL on a copy as any sqlite3 shell could, and leaves no -wal behind. */
static void tamper(struct world *w, const char *text)
{
    sqlite3 *db = NULL;
    char *why = NULL;
    copy_store(w);
    assert_int_equal(sqlite3_open(w->copy, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", text, why);
    (void)sqlite3_close(db);
}

static void changed_rows_are_named(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *sql, *says;
    } table[] = {
        { "UPDATE batch SET arrival = arrival + 1 WHERE first_seq = 2", "records 2-31: a line or" },
        { "UPDATE batch SET stored = 0 WHERE first_seq = 2", "records 2-31: a line or" },
        { "UPDATE batch SET origin = 1 WHERE first_seq = 2", "records 2-31: a line or" },
        { "UPDATE batch SET agent = 'agent-b' WHERE first_seq = 2", "records 2-31: a line or" },
        { "UPDATE batch SET leaves = zeroblob(32) WHERE first_seq = 2", "records 2-31: a line or" },
        { "UPDATE batch SET arrivals = NULL WHERE first_seq = 55", "records 55-64: a line or" },
        { "UPDATE batch SET arrivals = x'02' WHERE first_seq = 2", "records 2-31: the arrival" },
        { "UPDATE batch SET arrivals = CAST(arrivals || x'02' AS BLOB) WHERE first_seq = 55",
          "records 55-64: there are too many arrival" },
        { "UPDATE batch SET count = 29 WHERE first_seq = 2", "records 2-30: the number of lines" },
        { "UPDATE batch SET count = 31 WHERE first_seq = 2", "records 2-32: the number of lines" },
        { "UPDATE batch SET count = 0 WHERE first_seq = 2", "record 2 has impossible counts" },
        { "UPDATE batch SET min_time = min_time - 1 WHERE first_seq = 2",
          "the times or sizes recorded" },
        { "UPDATE batch SET max_time = max_time + 1 WHERE first_seq = 2",
          "the times or sizes recorded" },
        { "UPDATE batch SET digest = zeroblob(32) WHERE first_seq = 2",
          "records 2-31: the lines are not those that agent 'agent-a' signed" },
        { "UPDATE batch SET digest = NULL, signature = NULL WHERE first_seq = 2",
          "signature of agent 'agent-a' is gone" },
        { "UPDATE batch SET digest = NULL, signature = NULL, incarnation = NULL"
          " WHERE first_seq = 53",
          "records 53-54: the digest or the signature" },
        { "UPDATE batch SET signature = zeroblob(64) WHERE first_seq = 2",
          "records 2-31: no key of agent 'agent-a' made this signature" },
        { "UPDATE batch SET signature = NULL WHERE first_seq = 2", "is gone" },
        { "UPDATE batch SET batch_seq = 9 WHERE first_seq = 2", "no key of agent" },
        { "UPDATE batch SET incarnation = zeroblob(16) WHERE first_seq = 2", "no key of agent" },
        { "UPDATE batch SET dropped = NULL WHERE first_seq = 32",
          "records 32-51: the lines are not those" },
        { "UPDATE batch SET dropped = zeroblob(36) WHERE first_seq = 2",
          "records 2-31: the lines are not those" },
        { "UPDATE batch SET dropped = x'00' WHERE first_seq = 2", "impossible length" },
        { "UPDATE batch SET conflicts = NULL WHERE first_seq = 53", "records 53-54: a line or" },
        { "UPDATE batch SET conflicts = x'00000000' WHERE first_seq = 2", "number of conflicts" },
        { "UPDATE batch SET conflicts = x'00000000' WHERE first_seq = 53",
          "records 53-54: a line or" },
        { "UPDATE batch SET conflicts = x'ff000000' WHERE first_seq = 2", "points nowhere" },
        { "UPDATE batch SET lines = zeroblob(9) WHERE first_seq = 2", "lines do not unpack" },
        { "UPDATE batch SET lines = (SELECT lines FROM batch WHERE first_seq = 55)"
          " WHERE first_seq = 2",
          "records 2-31: the number of lines" },
        { "UPDATE batch SET nodes = zeroblob(length(nodes)) WHERE first_seq = 2",
          "records 2-31: the tree nodes" },
        { "UPDATE batch SET bytes = bytes + 1 WHERE first_seq = 2", "the times or sizes recorded" },
        { "INSERT INTO part VALUES (512, x'00')", "there are 1 parts of segments" },
        { "UPDATE meta SET removed_events = 1", "number of removed events" },
        { "DELETE FROM batch WHERE first_seq = 2", "records 2-31 are missing" },
        { "DELETE FROM batch WHERE first_seq = 53", "records 53-54 are missing" },
        { "DELETE FROM control WHERE seq = 1", "records 1-1 are missing" },
        { "DELETE FROM control WHERE seq = 65", "records 65-65 are missing" },
        { "DELETE FROM batch; DELETE FROM control", "records 1-65 are missing" },
        { "UPDATE batch SET first_seq = 1000 WHERE first_seq = 2;"
          "UPDATE batch SET first_seq = 2 WHERE first_seq = 32;"
          "UPDATE batch SET first_seq = 22 WHERE first_seq = 1000",
          "records 2-21: a line or" },
        { "UPDATE batch SET first_seq = 3 WHERE first_seq = 2", "records 2-2 are missing" },
        { "UPDATE control SET seq = 66 WHERE seq = 65", "records 65-65 are missing" },
        { "UPDATE control SET arrival = arrival + 1 WHERE seq = 52", "record 52: the control" },
        { "UPDATE control SET stored = stored + 1 WHERE seq = 52", "record 52: the control" },
        { "UPDATE control SET kind = 0 WHERE seq = 52", "record 52: it is listed as another kind" },
        { "UPDATE control SET line = CAST(replace(CAST(line AS TEXT), 'test', 'tess') AS BLOB)"
          " WHERE seq = 1",
          "record 1: the control" },
        { "UPDATE control SET leaf = zeroblob(32) WHERE seq = 52", "record 52: the control" },
        { "INSERT INTO control SELECT 2, kind, arrival, stored, leaf, line FROM control"
          " WHERE seq = 1",
          "there are 4 control records, 3 were" },
        { "INSERT INTO control SELECT 66, kind, arrival, stored, leaf, line FROM control"
          " WHERE seq = 65",
          "there are 4 control records, 3 were" },
        { "INSERT INTO control SELECT -3, kind, arrival, stored, leaf, line FROM control"
          " WHERE seq = 65",
          "there are 4 control records, 3 were" },
        { "UPDATE meta SET tree ="
          " CAST(substr(tree, 1, 20) || zeroblob(length(tree) - 20) AS BLOB)",
          "do not give the recorded root" },
        { "UPDATE meta SET events = events + 1", "number of events" },
        { "UPDATE meta SET control = control + 1", "number of control records" },
        { "UPDATE meta SET batches = batches + 1", "number of batches" },
        { "UPDATE meta SET first_time = 1", "first event time" },
        { "UPDATE meta SET last_time = 1", "last event time" },
        { "UPDATE meta SET first_arrival = 1", "first arrival" },
        { "UPDATE meta SET newest_arrival = 1", "last arrival" },
        { "DELETE FROM mark", "the mark of agent 'agent-a' (batch 0)" },
        { "UPDATE mark SET seq = 2", "does not fit its batch 3" },
        { "UPDATE mark SET digest = zeroblob(32)", "does not fit its batch 3" },
        { "UPDATE owner SET agent = 'mallory' WHERE instance = 'vault/vault-prod'",
          "'vault/vault-prod' belongs to 'mallory'" },
        { "DELETE FROM owner WHERE instance = 'vault/vault-test'",
          "'vault/vault-test' belongs to nobody" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        struct kt_verify_result v;
        tamper(w, table[i].sql);
        if (!verify(w, w->copy, &v))
            fail_msg("%s: cannot be verified", table[i].sql);
        if (v.ok || v.problems == 0 || strstr(w->said, table[i].says) == NULL)
            fail_msg("%s:\nsays '%s'", table[i].sql, w->said);
    }
}

/* One byte of one line, in a frame that unpacks as before. */
/* Alerts are rows that change; their records in the log say what they must be. */
static void raise_alerts(struct world *w)
{
    struct kt_store *s = NULL;
    const struct kt_store_options o = { .path = w->path };
    uint8_t log_id[16];
    char id[KT_ID_TEXT], raw[80];
    uint64_t seq;
    assert_int_equal(kt_store_open(&o, &s, NULL), KT_OK);
    kt_store_log_id(s, log_id);
    (void)snprintf(raw, sizeof raw, "{\"log\":\"%s\"}", kt_id_format(log_id, id));
    struct kt_event start = { .kind = KT_KIND_AUDIT,
                              .source = KT_STR("keytrail"),
                              .instance = KT_STR("test"),
                              .native_id = KT_STR("start-1"),
                              .operation = KT_STR("start"),
                              .time = MAKE_T0,
                              .observed = MAKE_T0,
                              .raw = kt_str_of(raw) };
    assert_int_equal(kt_store_begin(s, NULL), KT_OK);
    assert_int_equal(kt_store_control(s, &start, MAKE_T0, MAKE_T0, &seq, NULL), KT_OK);
    assert_int_equal(kt_store_alert_put(s, "A1", MAKE_T0, MAKE_T0, 3, KT_STR("{\"n\":1}"), NULL),
                     KT_OK);
    assert_int_equal(kt_store_alert_put(s, "A2", MAKE_T0, MAKE_T0, 4, KT_STR("{\"n\":2}"), NULL),
                     KT_OK);
    assert_int_equal(
        kt_store_alert_put(s, "A1", MAKE_T0, MAKE_T0 + 9, 4, KT_STR("{\"n\":3}"), NULL), KT_OK);
    assert_int_equal(kt_store_commit(s, NULL), KT_OK);
    kt_store_close(s);
}

static void changed_alerts_are_named(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *sql, *says;
    } table[] = {
        { "UPDATE alert SET json = '{\"n\":1}' WHERE id = 'A1'", "alert A1: it is not what" },
        { "UPDATE alert SET severity = 1 WHERE id = 'A2'", "alert A2: it is not what" },
        { "UPDATE alert SET opened = opened + 1 WHERE id = 'A2'", "alert A2: it is not what" },
        { "UPDATE alert SET updated = 0 WHERE id = 'A2'", "alert A2: it is not what" },
        { "DELETE FROM alert WHERE id = 'A2'", "alert A2: it is missing" },
        { "UPDATE alert SET id = 'A3' WHERE id = 'A2'", "alert A3: the log does not know it" },
        { "INSERT INTO alert VALUES ('A9', 1, 1, 1, '{}')", "alert A9: the log does not know it" },
        { "UPDATE meta SET log_id = zeroblob(16)", "started on another log" },
    };
    struct kt_verify_result v;
    raise_alerts(w);
    assert_true(verify(w, w->path, &v));
    assert_true(v.ok);
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        tamper(w, table[i].sql);
        assert_true(verify(w, w->copy, &v));
        if (v.ok || strstr(w->said, table[i].says) == NULL)
            fail_msg("%s:\nsays '%s'", table[i].sql, w->said);
    }
}

static void changed_line_is_named(void **state)
{
    struct world *w = *state;
    static const struct {
        int64_t first_seq;
        const char *from, *to, *says;
    } table[] = {
        { 2, "person-1@", "person-2@", "records 2-31: a line or" },
        { 55, "client/1.", "client/2.", "records 55-64: a line or" },
        { 55, "\"v\":1", "\"v\":2", "record 55: the line is not canonical" },
        { 2, "}\n", "}\r", "number of lines" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        copy_store(w);
        sqlite3 *db = NULL;
        sqlite3_stmt *get, *put;
        KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, packed = { 0 };
        assert_int_equal(sqlite3_open(w->copy, &db), SQLITE_OK);
        (void)sqlite3_prepare_v2(db, "SELECT lines FROM batch WHERE first_seq = ?1", -1, &get,
                                 NULL);
        (void)sqlite3_bind_int64(get, 1, table[i].first_seq);
        assert_int_equal(sqlite3_step(get), SQLITE_ROW);
        struct kt_str frame =
            kt_str_from(sqlite3_column_blob(get, 0), (size_t)sqlite3_column_bytes(get, 0));
        assert_int_equal(kt_zip_unpack(w->make->zip, frame, 1 << 20, 1000, &text, NULL), KT_OK);
        (void)sqlite3_finalize(get);
        ptrdiff_t at = kt_str_find(kt_buf_str(&text), kt_str_of(table[i].from), 0);
        assert_true(at >= 0);
        memcpy(text.at + at, table[i].to, strlen(table[i].to));
        kt_zip_pack(w->make->zip, kt_buf_str(&text), 3, &packed);
        (void)sqlite3_prepare_v2(db, "UPDATE batch SET lines = ?2 WHERE first_seq = ?1", -1, &put,
                                 NULL);
        (void)sqlite3_bind_int64(put, 1, table[i].first_seq);
        (void)sqlite3_bind_blob(put, 2, packed.at, (int)packed.len, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(put), SQLITE_DONE);
        (void)sqlite3_finalize(put);
        (void)sqlite3_close(db);
        struct kt_verify_result v;
        assert_true(verify(w, w->copy, &v));
        if (v.ok || strstr(w->said, table[i].says) == NULL)
            fail_msg("%s -> %s: says '%s'", table[i].from, table[i].to, w->said);
    }
}

/* Whoever may write the file may mend every derived column, but not the root that left the host. */
static void rewritten_history_has_another_root(void **state)
{
    struct world *w = *state;
    struct kt_verify_result before, after;
    assert_true(verify(w, w->path, &before));
    tamper(w, "UPDATE batch SET stored = stored + 1 WHERE first_seq = 55");
    assert_true(verify(w, w->copy, &after));
    assert_memory_not_equal(before.root, after.root, 32);
}

/* DESIGN §10: every change to what a reader would be shown is named by verify. */
static void flipped_bits_are_named_or_change_nothing_shown(void **state)
{
    struct world *w = *state;
    uint64_t random = 99;
    unsigned named = 0;
    struct kt_buf now = { 0 };
    FILE *f = fopen(w->path, "rb");
    (void)fseek(f, 0, SEEK_END);
    uint64_t size = (uint64_t)ftell(f);
    (void)fclose(f);
    for (unsigned round = 0; round < 400; round++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        long at = (long)((random >> 16) % size);
        copy_store(w);
        f = fopen(w->copy, "r+b");
        (void)fseek(f, at, SEEK_SET);
        int byte = fgetc(f);
        (void)fseek(f, at, SEEK_SET);
        (void)fputc(byte ^ (1 << (random >> 8 & 7)), f);
        (void)fclose(f);
        struct kt_verify_result v = { .ok = false };
        bool verified = verify(w, w->copy, &v) && v.ok;
        named += !verified;
        if (!verified)
            continue;
        bool good = show(w->copy, &now);
        if (!good || !kt_str_eq(kt_buf_str(&now), kt_buf_str(&w->shown)))
            fail_msg("bit of byte %ld changes what is shown, and verify says nothing", at);
    }
    assert_true(named > 20);
    kt_buf_done(&now);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(untouched_store_verifies),           T(changed_rows_are_named),
        T(changed_alerts_are_named),           T(changed_line_is_named),
        T(rewritten_history_has_another_root), T(flipped_bits_are_named_or_change_nothing_shown),
    };
    return cmocka_run_group_tests_name("store_verify", tests, NULL, NULL);
}
