/* cli_report_proof: what a package says about who stands behind a log. Lines in the store that look
 * like cosignatures count for nothing without the key of who is said to have made them (THREATS P1,
 * T8): whoever owns the host writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/report_proof.h"
#include "core/base/alloc.h"
#include "core/store/proof.h"
#include "tests/support/store_make.h"

#define EVENTS 200u

struct world {
    char folder[64], path[96];
    struct make *make;
    uint8_t log_id[16];
    struct kt_note_key witness, agent; /* as their owners have them */
    struct kt_buf outside;             /* a checkpoint that was kept elsewhere */
};

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static struct kt_note_key key_of(const char *name, uint8_t seed_byte, uint8_t seed[32])
{
    struct kt_note_key key = { .type = KT_NOTE_COSIGNATURE };
    kt_str_copyz(key.name, sizeof key.name, kt_str_of(name));
    memset(seed, seed_byte, 32);
    kt_sign_public(seed, key.public_key);
    return key;
}

static void head_of(struct world *w, uint64_t size, struct kt_head *ret)
{
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    must(kt_reader_open(w->path, &r, &err), &err);
    struct kt_proofs *p = kt_proofs_new(r);
    must(kt_proofs_grow(p, &err), &err);
    must(kt_proofs_head(p, size == 0 ? kt_proofs_size(p) : size, ret, &err), &err);
    kt_proofs_free(p);
    kt_reader_close(r);
}

/* Signed by the log, and by both cosigners, or by whoever only bears their names. */
static void note(struct world *w, uint64_t size, bool forged, struct kt_buf *out)
{
    static const char *const names[] = { "audit.example/w1", "web-1" };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, origin = { 0 };
    uint8_t seed[32];
    struct kt_head head;
    head_of(w, size, &head);
    kt_note_origin(w->log_id, &origin);
    kt_checkpoint_text(w->log_id, &head, &text);
    kt_buf_add(out, kt_buf_str(&text));
    kt_buf_byte(out, '\n');
    memset(seed, 1, sizeof seed);
    kt_note_sign(kt_buf_str(&text), kt_buf_z(&origin), seed, out);
    for (uint8_t i = 0; i < 2; i++) {
        memset(seed, forged ? 9 : 2 + i, sizeof seed);
        kt_note_cosign(kt_buf_str(&text), names[i], seed, MAKE_T0, out);
    }
}

static void put(struct world *w, const char *name, struct kt_str value)
{
    struct kt_error err = { 0 };
    struct kt_store *s = NULL;
    const struct kt_store_options o = { .path = w->path, .seal_here = true };
    must(kt_store_open(&o, &s, &err), &err);
    must(kt_store_begin(s, &err), &err);
    must(kt_store_put(s, name, value, &err), &err);
    must(kt_store_commit(s, &err), &err);
    kt_store_close(s);
}

static void put_note(struct world *w, bool forged)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf own = { 0 };
    note(w, 0, forged, &own);
    put(w, "checkpoint", kt_buf_str(&own));
}

static int setup(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    struct kt_error err = { 0 };
    struct kt_store_result got;
    struct kt_store *s = NULL;
    uint8_t seed[32];
    make_folder(w->folder, w->path);
    w->make = make_new();
    w->witness = key_of("audit.example/w1", 2, seed);
    w->agent = key_of("web-1", 3, seed);
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 50, .seal_here = true
    };
    must(kt_store_open(&o, &s, &err), &err);
    for (uint64_t i = 0; i < EVENTS; i++)
        make_numbered(w->make, i);
    const struct kt_store_batch b = make_batch(w->make, "web-1", 1, MAKE_T0 + KT_NS_MIN);
    must(kt_store_begin(s, &err), &err);
    make_claims(s, &b);
    must(kt_store_append(s, &b, &got, &err), &err);
    must(kt_store_commit(s, &err), &err);
    kt_store_log_id(s, w->log_id);
    kt_store_close(s);
    note(w, EVENTS / 2, false, &w->outside);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kt_buf_done(&w->outside);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

struct brought {
    bool agent, witness, outside;
};

/* The verdict's word; ret_text: all of it. */
static const char *judge(struct world *w, const struct brought *b, bool hash_all,
                         struct kt_buf *ret_text)
{
    struct kt_error err = { 0 };
    struct kt_report_evidence *e = NULL;
    struct kt_anchors a = { 0 };
    if (b->agent)
        must(kt_anchors_key(&a, &w->agent, KT_KEEPER_AGENT, &err), &err);
    if (b->witness)
        must(kt_anchors_key(&a, &w->witness, KT_KEEPER_WITNESS, &err), &err);
    if (b->outside)
        must(kt_anchors_add(&a, "/home/dana/kept.txt", kt_buf_str(&w->outside), &err), &err);
    const struct kt_report_proof_wish wish = { .store = w->path,
                                               .since = MAKE_T0 - KT_NS_DAY,
                                               .until = MAKE_T0 + KT_NS_DAY,
                                               .hash_all = hash_all,
                                               .now = MAKE_T0 + KT_NS_DAY,
                                               .anchors = &a };
    must(kt_report_evidence_load(&wish, &e, &err), &err);
    const struct kt_report_proof *p = kt_report_evidence_proof(e);
    const char *word = p->word;
    kt_buf_reset(ret_text);
    kt_buf_add(ret_text, p->verdict);
    kt_buf_byte(ret_text, '\n');
    kt_buf_add(ret_text, p->text);
    for (unsigned i = 0; i < p->n_checkpoints; i++)
        kt_buf_add(ret_text, p->checkpoint[i].by);
    assert_int_equal(hash_all, p->verified_at != 0);
    if (!p->failed)
        assert_int_equal(hash_all, kt_str_starts(p->verdict, KT_STR("verified")));
    kt_report_evidence_free(e);
    kt_anchors_done(&a);
    return word;
}

static bool says(const struct kt_buf *text, const char *what)
{
    return kt_str_has(kt_buf_str(text), kt_str_of(what));
}

static void forged_lines_are_nobodys_word(void **state)
{
    static const struct brought table[] = {
        { 0 }, { .agent = true }, { .witness = true }, { .agent = true, .witness = true }
    };
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    put_note(w, true);
    for (size_t i = 0; i < 2 * KT_ARRAY_LEN(table); i++) {
        assert_string_equal(judge(w, &table[i / 2], i % 2 == 1, &text), "unanchored");
        assert_true(says(&text, "UNANCHORED"));
        assert_false(says(&text, "witnessed to") || says(&text, "cosigned"));
        assert_false(says(&text, "web-1") || says(&text, "audit.example"));
    }
}

static void who_signed_counts_by_a_key_that_was_brought(void **state)
{
    static const struct {
        struct brought brought;
        const char *word;
    } table[] = {
        { { 0 }, "unanchored" },
        { { .agent = true }, "cosigned" },
        { { .witness = true }, "witnessed" },
        { { .agent = true, .witness = true }, "witnessed" },
        { { .outside = true }, "witnessed" },
    };
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    put_note(w, false);
    for (size_t i = 0; i < 2 * KT_ARRAY_LEN(table); i++) {
        assert_string_equal(judge(w, &table[i / 2].brought, i % 2 == 1, &text), table[i / 2].word);
        assert_false(says(&text, "dana"));
        if (table[i / 2].brought.outside)
            assert_true(says(&text, "kept.txt: fits") &&
                        says(&text, "100 records of the period are not witnessed"));
    }
}

/* The same verdict by lines and by the tree alone. */
static void a_log_that_is_not_what_was_signed(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, other = { 0 };
    const struct brought all = { .agent = true, .witness = true, .outside = true };
    struct kt_head head;
    put_note(w, false);
    for (unsigned i = 0; i < 2; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf signed_text = { 0 };
        uint8_t seed[32];
        kt_buf_reset(&w->outside);
        head_of(w, EVENTS / 2, &head);
        head.size += i == 0 ? 0 : EVENTS;
        head.root[0] ^= i == 0;
        kt_checkpoint_text(w->log_id, &head, &signed_text);
        kt_buf_add(&w->outside, kt_buf_str(&signed_text));
        kt_buf_byte(&w->outside, '\n');
        (void)key_of("audit.example/w1", 2, seed);
        kt_note_cosign(kt_buf_str(&signed_text), w->witness.name, seed, MAKE_T0, &w->outside);
        for (unsigned hashed = 0; hashed < 2; hashed++) {
            assert_string_equal(judge(w, &all, hashed == 1, &text), "diverged");
            assert_true(kt_str_starts(kt_buf_str(&text), KT_STR("diverged\n")));
            assert_true(says(&text, "kept.txt: DIVERGED"));
        }
    }
    kt_buf_addz(&other, "not a note at all");
    kt_buf_reset(&w->outside);
    note(w, EVENTS / 2, false, &w->outside);
    put(w, "checkpoint/7", kt_buf_str(&other));
    assert_string_equal(judge(w, &all, false, &text), "tampered");
    assert_true(says(&text, "'checkpoint/7' is no checkpoint"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forged_lines_are_nobodys_word, setup, teardown),
        cmocka_unit_test_setup_teardown(who_signed_counts_by_a_key_that_was_brought, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_log_that_is_not_what_was_signed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
