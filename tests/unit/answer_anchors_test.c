/* answer_anchors: logs that were rewritten with everything in hand but the checkpoint that somebody
 * holds elsewhere (THREATS P1, T7, T8). Each attack makes a whole new store, so that nothing in it
 * contradicts itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/answer/anchors.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/store/proof.h"
#include "tests/support/store_make.h"

#define EVENTS 400u
#define BATCH  40u

struct world {
    char folder[64], path[96];
    struct make *make;
    struct kt_store *store;
    uint8_t log_id[16], log_seed[32], witness_seed[32], other_seed[32];
    struct kt_note_key log_key, witness_key;
    struct kt_buf outside;       /* a checkpoint of three quarters of the honest log */
    struct kt_note_key kept_key; /* kept beside it: the log's key under the name of then */
};

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static int setup(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    make_folder(w->folder, w->path);
    w->make = make_new();
    memset(w->log_seed, 1, 32);
    memset(w->witness_seed, 2, 32);
    memset(w->other_seed, 3, 32);
    w->witness_key.type = KT_NOTE_COSIGNATURE;
    (void)snprintf(w->witness_key.name, sizeof w->witness_key.name, "audit.example/w1");
    kt_sign_public(w->witness_seed, w->witness_key.public_key);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kt_store_close(w->store);
    kt_buf_done(&w->outside);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

/* ---- logs ---- */

static void open_store(struct world *w)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 100, .seal_here = true
    };
    must(kt_store_open(&o, &w->store, &err), &err);
}

struct attack {
    const char *name;
    uint64_t leave_out, swap, back_date; /* number of the event; 0: none */
    uint64_t stop_at;                    /* events; 0: all of them */
    uint64_t extra;                      /* an event more behind that one */
};

static void write_batch(struct world *w, const struct attack *a, uint64_t n)
{
    struct kt_error err = { 0 };
    struct kt_store_result got;
    make_reset(w->make);
    for (uint64_t i = n * BATCH; i < (n + 1) * BATCH && (a->stop_at == 0 || i < a->stop_at); i++) {
        if (a->leave_out != 0 && i == a->leave_out)
            continue;
        if (a->swap != 0 && (i == a->swap || i == a->swap + 1))
            make_numbered(w->make, i == a->swap ? i + 1 : i - 1);
        else if (a->back_date != 0 && i == a->back_date)
            make_access(w->make, "dated", "mallory", MAKE_T0 - KT_NS_DAY);
        else
            make_numbered(w->make, i);
        if (a->extra != 0 && i == a->extra)
            make_access(w->make, "planted", "alice", MAKE_T0);
    }
    const struct kt_store_batch b =
        make_batch(w->make, "agent-a", n + 1, MAKE_T0 + (kt_time_ns)(n + 1) * KT_NS_MIN);
    if (w->make->n == 0)
        return;
    must(kt_store_begin(w->store, &err), &err);
    make_claims(w->store, &b);
    must(kt_store_append(w->store, &b, &got, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

static void write_log(struct world *w, const struct attack *a)
{
    for (uint64_t n = 0; n < EVENTS / BATCH; n++)
        write_batch(w, a, n);
}

/* ---- checkpoints ---- */

static void sign(struct world *w, const uint8_t log_id[16], uint64_t size, bool cosign,
                 struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, origin = { 0 };
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct kt_head head;
    must(kt_reader_open(w->path, &r, &err), &err);
    struct kt_proofs *p = kt_proofs_new(r);
    must(kt_proofs_grow(p, &err), &err);
    must(kt_proofs_head(p, size == 0 ? kt_proofs_size(p) : size, &head, &err), &err);
    kt_note_origin(log_id, &origin);
    kt_checkpoint_text(log_id, &head, &text);
    kt_buf_reset(out);
    kt_buf_add(out, kt_buf_str(&text));
    kt_buf_byte(out, '\n');
    kt_note_sign(kt_buf_str(&text), kt_buf_z(&origin), w->log_seed, out);
    if (cosign)
        kt_note_cosign(kt_buf_str(&text), w->witness_key.name, w->witness_seed, MAKE_T0, out);
    kt_proofs_free(p);
    kt_reader_close(r);
    w->log_key.type = KT_NOTE_LOG;
    kt_str_copyz(w->log_key.name, sizeof w->log_key.name, kt_buf_str(&origin));
    kt_sign_public(w->log_seed, w->log_key.public_key);
}

static void put_own(struct world *w, const uint8_t log_id[16], bool cosign)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
    struct kt_error err = { 0 };
    sign(w, log_id, 0, cosign, &note);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_put(w->store, "checkpoint", kt_buf_str(&note), &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

/* The honest log, with a checkpoint of its own, and one that is taken elsewhere. */
static void honest(struct world *w)
{
    open_store(w);
    write_log(w, &(struct attack){ 0 });
    kt_store_log_id(w->store, w->log_id);
    sign(w, w->log_id, EVENTS * 3 / 4, true, &w->outside);
    w->kept_key = w->log_key;
    put_own(w, w->log_id, true);
}

static void take_name(struct world *w)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "UPDATE meta SET log_id = ?1", -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(st, 1, w->log_id, 16, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
}

/* A new store in place of the old one, under the old name, its checkpoint signed by the log's own
 * key. */
static void rewrite(struct world *w, const struct attack *a)
{
    kt_store_close(w->store);
    make_folder_drop(w->folder);
    make_folder(w->folder, w->path);
    open_store(w);
    kt_store_close(w->store);
    take_name(w);
    open_store(w);
    write_log(w, a);
    put_own(w, w->log_id, false);
}

struct asked {
    struct kt_judged judged;
    struct kt_verify_result v;
    enum kt_anchor_state outside;
};

static struct asked ask(struct world *w, bool outside, bool witness)
{
    struct asked ret = { 0 };
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct kt_anchors a = { 0 };
    must(kt_reader_open(w->path, &r, &err), &err);
    must(kt_anchors_key(&a, &w->log_key, KT_KEEPER_LOG, &err), &err);
    if (witness)
        must(kt_anchors_key(&a, &w->witness_key, KT_KEEPER_WITNESS, &err), &err);
    if (outside) {
        must(kt_anchors_key(&a, &w->kept_key, KT_KEEPER_LOG, &err), &err);
        must(kt_anchors_add(&a, "kept.txt", kt_buf_str(&w->outside), &err), &err);
    }
    must(kt_anchors_load(&a, r, &err), &err);
    const struct kt_verify_options o = { .heads = kt_anchors_heads(&a), .n_heads = a.n };
    must(kt_reader_verify(r, &o, &ret.v, &err), &err);
    kt_anchors_judge(&a, &ret.v, &ret.judged);
    for (unsigned i = 0; i < a.n; i++)
        if (a.at[i].where != NULL)
            ret.outside = a.at[i].state;
    kt_anchors_done(&a);
    kt_reader_close(r);
    return ret;
}

static void an_honest_log(void **state)
{
    struct world *w = *state;
    honest(w);
    struct asked got = ask(w, false, false);
    assert_int_equal(got.judged.verdict, KT_VERDICT_UNANCHORED);
    assert_int_equal(got.judged.fit, 1);
    got = ask(w, false, true); /* whoever has the witness's key needs no file */
    assert_int_equal(got.judged.verdict, KT_VERDICT_WITNESSED);
    assert_int_equal(got.judged.tail, 0);
    got = ask(w, true, false);
    assert_int_equal(got.judged.verdict, KT_VERDICT_WITNESSED);
    assert_int_equal(got.judged.witnessed, EVENTS * 3 / 4);
    assert_int_equal(got.judged.tail, EVENTS / 4);
    assert_int_equal(got.outside, KT_ANCHOR_FITS);
}

static void logs_that_were_rewritten_with_the_key(void **state)
{
    struct world *w = *state;
    const struct attack table[] = {
        { .name = "an event removed", .leave_out = 17 },
        { .name = "the first event removed", .leave_out = 1 },
        { .name = "two events change places", .swap = 100 },
        { .name = "an event back-dated", .back_date = 55 },
        { .name = "an event planted", .extra = 3 },
        { .name = "the tail cut off", .stop_at = 200 },
        { .name = "all but one batch cut off", .stop_at = BATCH },
    };
    honest(w);
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        rewrite(w, &table[i]);
        struct asked got = ask(w, false, false);
        if (!got.v.ok || got.judged.verdict != KT_VERDICT_UNANCHORED)
            fail_msg("%s: the forger was not careful", table[i].name);
        got = ask(w, false, true);
        if (got.judged.verdict != KT_VERDICT_UNANCHORED)
            fail_msg("%s: called %s without a witness", table[i].name,
                     kt_verdict_word(got.judged.verdict));
        got = ask(w, true, false);
        if (got.judged.verdict != KT_VERDICT_DIVERGED)
            fail_msg("%s: called %s", table[i].name, kt_verdict_word(got.judged.verdict));
        assert_int_equal(got.outside, table[i].stop_at != 0 ? KT_ANCHOR_CUT : KT_ANCHOR_DIVERGED);
    }
}

/* What happened behind the checkpoint is nothing that it could tell. */
static void a_change_behind_the_checkpoint(void **state)
{
    struct world *w = *state;
    honest(w);
    rewrite(w, &(struct attack){ .leave_out = 350 });
    struct asked got = ask(w, true, false);
    assert_int_equal(got.judged.verdict, KT_VERDICT_WITNESSED);
    assert_int_equal(got.judged.witnessed, EVENTS * 3 / 4);
    assert_true(got.judged.tail > 0);
}

static void renewed(struct world *w, uint64_t size)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_error err = { 0 };
    uint64_t seq;
    kt_buf_addz(&raw, "{\"signed_log\":\"");
    kt_hex_add(&raw, w->log_id, 16);
    kt_buf_addf(&raw, "\",\"size\":%llu}", (unsigned long long)size);
    struct kt_event ev = { .kind = KT_KIND_AUDIT,
                           .source = KT_STR("keytrail"),
                           .operation = KT_STR("log.renewed"),
                           .time = MAKE_T0,
                           .raw = kt_buf_str(&raw) };
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_control(w->store, &ev, MAKE_T0, MAKE_T0, &seq, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

/* A new name is no way out: what was kept of the old log must still fit, what was lost is told, and
 * a name out of nowhere is another log. */
static void a_log_under_another_name(void **state)
{
    struct world *w = *state;
    uint8_t name[16] = { 5 }, old[16];
    honest(w);
    memcpy(old, w->log_id, 16);
    for (unsigned i = 0; i < 3; i++) {
        memcpy(w->log_id, name, 16);
        rewrite(w, &(struct attack){ .leave_out = 17 });
        memcpy(w->log_id, old, 16);
        if (i > 0)
            renewed(w, i == 1 ? EVENTS : EVENTS / 2);
        struct asked got = ask(w, true, false);
        assert_int_equal(got.outside, i == 0   ? KT_ANCHOR_FOREIGN
                                      : i == 1 ? KT_ANCHOR_DIVERGED
                                               : KT_ANCHOR_LOST);
        assert_int_equal(got.judged.verdict, KT_VERDICT_DIVERGED);
    }
}

static void a_note_that_others_signed(void **state)
{
    struct world *w = *state;
    uint8_t good[32];
    honest(w);
    memcpy(good, w->log_seed, 32);
    memcpy(w->log_seed, w->other_seed, 32);
    sign(w, w->log_id, EVENTS / 2, false, &w->outside);
    kt_sign_public(good, w->log_key.public_key);
    struct asked got = ask(w, true, false);
    assert_int_equal(got.outside, KT_ANCHOR_FORGED);
    assert_int_equal(got.judged.verdict, KT_VERDICT_DIVERGED); /* whoever brings one is told */
}

static void a_note_of_another_log(void **state)
{
    struct world *w = *state;
    uint8_t other[16] = { 9 };
    honest(w);
    struct kt_note_key key = w->log_key;
    sign(w, other, EVENTS / 2, true, &w->outside);
    w->log_key = key;
    struct asked got = ask(w, true, true);
    assert_int_equal(got.outside, KT_ANCHOR_FOREIGN);
    assert_int_equal(got.judged.verdict, KT_VERDICT_DIVERGED);
}

/* What stands in the place of a checkpoint and is none was written there by somebody else. */
static void no_checkpoint_where_one_is_kept(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    honest(w);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_put(w->store, "checkpoint/200", KT_STR("keytrail/…"), &err), &err);
    must(kt_store_commit(w->store, &err), &err);
    struct asked got = ask(w, true, true);
    assert_true(got.v.ok);
    assert_int_equal(got.judged.verdict, KT_VERDICT_TAMPERED);
    assert_int_equal(got.outside, KT_ANCHOR_FITS); /* the others are held against it all the same */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_honest_log, setup, teardown),
        cmocka_unit_test_setup_teardown(logs_that_were_rewritten_with_the_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_behind_the_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(a_note_that_others_signed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_under_another_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_note_of_another_log, setup, teardown),
        cmocka_unit_test_setup_teardown(no_checkpoint_where_one_is_kept, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
