/* store_proof: proofs out of a store, over tail, segments, control records, what retention took and
 * a damaged file; checked as a stranger does, and against the tree computed from all leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/store/proof.h"
#include "core/wire/batch.h"
#include "tests/support/store_make.h"

#define BATCH 97u

struct world {
    char folder[64], path[96];
    struct make *make;
    struct kt_store *store;
    struct kt_reader *reader;
    struct kt_proofs *proofs;
    uint64_t events, batches, seed;
    uint8_t (*leaf)[32]; /* all there ever were */
    uint64_t n, cap;
};

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static uint64_t chance(struct world *w, uint64_t below)
{
    w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->seed >> 33) % below;
}

static void open_store(struct world *w, uint32_t segment_events)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = segment_events, .seal_here = true
    };
    must(kt_store_open(&o, &w->store, &err), &err);
}

static int setup(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    make_folder(w->folder, w->path);
    w->make = make_new();
    w->seed = 7;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kt_proofs_free(w->proofs);
    kt_reader_close(w->reader);
    kt_store_close(w->store);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w->leaf);
    kt_free(w);
    return 0;
}

static void append(struct world *w, uint32_t n)
{
    struct kt_error err = { 0 };
    struct kt_store_result got;
    make_reset(w->make);
    for (uint32_t i = 0; i < n; i++)
        make_numbered(w->make, w->events++);
    w->batches++;
    const struct kt_store_batch b =
        make_batch(w->make, "agent-a", w->batches, MAKE_T0 + (kt_time_ns)w->batches * KT_NS_MIN);
    must(kt_store_begin(w->store, &err), &err);
    make_claims(w->store, &b);
    must(kt_store_append(w->store, &b, &got, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
    assert_int_equal(got.stored, n);
}

static void tick(struct world *w)
{
    struct kt_error err = { 0 };
    struct kt_event ev = { .kind = KT_KIND_TICK, .source = KT_STR("keytrail"), .time = MAKE_T0 };
    uint64_t seq;
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_control(w->store, &ev, MAKE_T0, MAKE_T0, &seq, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

static void remove_first(struct world *w)
{
    struct kt_error err = { 0 };
    struct kt_old old;
    must(kt_store_old(w->store, 1, &old, &err), &err);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_remove(w->store, old.first_seq, KT_STR("too old"), MAKE_T0, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

/* ---- the oracle: every leaf, and the tree as RFC 9162 §2.1.1 defines it ---- */

static void take_leaves(struct world *w)
{
    struct kt_error err = { 0 };
    struct kt_cursor *c = NULL;
    struct kt_record r;
    enum kt_status status;
    const struct kt_scan scan = { .from_seq = w->n + 1, .records = true, .control = true };
    must(kt_cursor_open(w->reader, &scan, &c, &err), &err);
    while ((status = kt_cursor_next(c, &r, &err)) == KT_OK) {
        uint8_t line[32];
        assert_int_equal(r.seq, w->n + 1);
        kt_line_hash(r.line, line);
        const struct kt_leaf l = { r.seq,      r.arrival, r.stored, (uint8_t)r.origin,
                                   r.conflict, r.agent,   line };
        if (w->n == w->cap) {
            w->cap = w->cap == 0 ? 1024 : 2 * w->cap;
            w->leaf = kt_realloc_array(w->leaf, w->cap, sizeof *w->leaf);
        }
        kt_leaf_hash(&l, w->leaf[w->n++]);
    }
    assert_int_equal(status, KT_E_AGAIN);
    kt_cursor_free(c);
}

static void naive_root(struct world *w, uint64_t first, uint64_t n, uint8_t ret[32])
{
    uint8_t left[32], right[32];
    uint64_t k = 1;
    if (n == 0) {
        kt_sha256_of(NULL, 0, ret);
        return;
    }
    if (n == 1) {
        memcpy(ret, w->leaf[first], 32);
        return;
    }
    while (2 * k < n)
        k *= 2;
    naive_root(w, first, k, left);
    naive_root(w, first + k, n - k, right);
    kt_merkle_node(left, right, ret);
}

static struct kt_head naive_head(struct world *w, uint64_t size)
{
    struct kt_head head = { .size = size };
    naive_root(w, 0, size, head.root);
    return head;
}

/* ---- checks ---- */

static void look(struct world *w)
{
    struct kt_error err = { 0 };
    if (w->reader == NULL) {
        must(kt_reader_open(w->path, &w->reader, &err), &err);
        w->proofs = kt_proofs_new(w->reader);
    }
    must(kt_proofs_grow(w->proofs, &err), &err);
    take_leaves(w);
    assert_int_equal(kt_proofs_size(w->proofs), w->n);
}

static void check_head(struct world *w, uint64_t size)
{
    struct kt_error err = { 0 };
    struct kt_head is, want = naive_head(w, size);
    must(kt_proofs_head(w->proofs, size, &is, &err), &err);
    assert_memory_equal(is.root, want.root, 32);
}

static void check_extends(struct world *w, uint64_t older, uint64_t newer)
{
    struct kt_error err = { 0 };
    struct kt_path path;
    struct kt_head a = naive_head(w, older), b = naive_head(w, newer);
    must(kt_proofs_extends(w->proofs, older, newer, &path, &err), &err);
    assert_true(kt_merkle_extends(&a, &b, &path));
    if (older < newer && older > 0) {
        b.root[older % 32] ^= 1;
        assert_false(kt_merkle_extends(&a, &b, &path));
    }
}

static void check_includes(struct world *w, uint64_t index, uint64_t size)
{
    struct kt_error err = { 0 };
    struct kt_path path;
    struct kt_head head = naive_head(w, size);
    uint8_t leaf[32];
    must(kt_proofs_includes(w->proofs, index, size, &path, &err), &err);
    must(kt_proofs_leaf(w->proofs, index, leaf, &err), &err);
    assert_memory_equal(leaf, w->leaf[index], 32);
    assert_true(kt_merkle_includes(&head, index, leaf, &path));
    leaf[0] ^= 1;
    assert_false(kt_merkle_includes(&head, index, leaf, &path));
}

static void check_some(struct world *w, unsigned times, uint64_t from)
{
    for (unsigned i = 0; i < times; i++) {
        uint64_t newer = from + chance(w, w->n - from + 1), older = chance(w, newer + 1);
        older = older < from ? from : older;
        check_head(w, newer);
        check_extends(w, older, newer);
        if (newer > from)
            check_includes(w, from + chance(w, newer - from), newer);
    }
}

static void grow_a_little(struct world *w)
{
    append(w, 1 + (uint32_t)chance(w, BATCH));
    if (chance(w, 3) == 0)
        tick(w);
}

static void test_every_size_of_a_small_log(void **state)
{
    struct world *w = *state;
    open_store(w, 16);
    while (w->events < 70) {
        append(w, 1 + (uint32_t)chance(w, 9));
        if (chance(w, 2) == 0)
            tick(w);
        look(w);
        for (uint64_t newer = 0; newer <= w->n; newer++) {
            check_head(w, newer);
            for (uint64_t older = 0; older <= newer; older++)
                check_extends(w, older, newer);
            for (uint64_t i = 0; i < newer; i++)
                check_includes(w, i, newer);
        }
    }
}

static void test_a_log_that_grows_and_is_sealed(void **state)
{
    struct world *w = *state;
    open_store(w, 300);
    while (w->events < 12000) {
        for (unsigned i = 0; i < 12; i++)
            grow_a_little(w);
        look(w);
        check_extends(w, w->n - chance(w, w->n), w->n);
    }
    check_some(w, 40, 0);
}

/* What a tombstone keeps is enough for every size behind what was removed, and for those at the
 * borders of its nodes; in between nobody can prove anything any more, and that is what is said. */
static void test_what_retention_took(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    open_store(w, 300);
    while (w->events < 9000)
        grow_a_little(w);
    look(w);
    for (unsigned i = 0; i < 5; i++) {
        remove_first(w);
        grow_a_little(w);
        look(w);
    }
    struct kt_store_stats st;
    must(kt_reader_stats(w->reader, &st, &err), &err);
    uint64_t gone = 0; /* the first leaf that is still there, from which on all is */
    struct kt_cursor *c = NULL;
    struct kt_record r;
    const struct kt_scan scan = { .records = true };
    must(kt_cursor_open(w->reader, &scan, &c, &err), &err);
    must(kt_cursor_next(c, &r, &err), &err);
    gone = r.seq - 1;
    kt_cursor_free(c);
    assert_true(gone > 1000);
    check_some(w, 30, gone);

    kt_proofs_free(w->proofs); /* the same for whoever looks for the first time */
    w->proofs = kt_proofs_new(w->reader);
    look(w);
    check_some(w, 30, gone);
    struct kt_path path;
    unsigned refused = 0;
    for (uint64_t i = 1; i < gone; i++) {
        enum kt_status status = kt_proofs_includes(w->proofs, i, w->n, &path, &err);
        assert_true(status == KT_OK || status == KT_E_AGAIN);
        refused += status == KT_E_AGAIN;
    }
    assert_true(refused > gone / 2);
}

/* A damaged file is left behind: what of it can be read still has proofs; when nothing can, the log
 * goes on from what the next file says of it. */
static void test_a_successor(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    open_store(w, 300);
    while (w->events < 5000)
        grow_a_little(w);
    look(w);
    uint64_t before = w->n;
    must(kt_store_succeed(w->store, "page 7 is broken", &err), &err);
    kt_store_close(w->store);
    open_store(w, 300);
    while (w->events < 6500)
        grow_a_little(w);
    look(w);
    check_some(w, 30, 0);

    kt_proofs_free(w->proofs);
    kt_reader_close(w->reader);
    assert_int_equal(unlink(w->path), 0);
    must(kt_reader_open(w->path, &w->reader, &err), &err);
    w->proofs = kt_proofs_new(w->reader);
    must(kt_proofs_grow(w->proofs, &err), &err);
    assert_int_equal(kt_proofs_size(w->proofs), w->n);
    check_head(w, w->n);
    check_extends(w, before, w->n);
    check_includes(w, w->n - 1, w->n);
    struct kt_path path;
    assert_int_equal(kt_proofs_includes(w->proofs, 5, w->n, &path, &err), KT_E_AGAIN);
}

/* Whoever holds a checkpoint of any size is told the root of just that size. */
static void test_heads_of_a_verification(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    struct kt_verify_result v;
    struct kt_verify_head head[120] = { 0 };
    unsigned roots = 0, removed = 0;
    open_store(w, 300);
    while (w->events < 2000)
        grow_a_little(w);
    look(w);
    remove_first(w);
    remove_first(w);
    for (unsigned i = 0; i < KT_ARRAY_LEN(head); i++)
        head[i].size = i * (w->n + 5) / (KT_ARRAY_LEN(head) - 1);
    must(kt_reader_verify(
             w->reader, &(struct kt_verify_options){ .heads = head, .n_heads = KT_ARRAY_LEN(head) },
             &v, &err),
         &err);
    assert_true(v.ok && v.size >= w->n);
    for (unsigned i = 0; i < KT_ARRAY_LEN(head); i++) {
        struct kt_head want = naive_head(w, head[i].size <= w->n ? head[i].size : 0);
        assert_int_equal(head[i].at == KT_VERIFY_AHEAD, head[i].size > v.size);
        if (head[i].at == KT_VERIFY_ROOT && head[i].size <= w->n) {
            assert_memory_equal(head[i].root, want.root, 32);
            roots++;
        }
        removed += head[i].at == KT_VERIFY_REMOVED;
    }
    assert_true(roots > KT_ARRAY_LEN(head) / 2 && removed > 5);
}

static void test_what_there_is_not(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    struct kt_head head;
    struct kt_path path;
    open_store(w, 300);
    grow_a_little(w);
    look(w);
    assert_int_equal(kt_proofs_head(w->proofs, w->n + 1, &head, &err), KT_E_INPUT);
    assert_int_equal(kt_proofs_extends(w->proofs, 2, 1, &path, &err), KT_E_INPUT);
    assert_int_equal(kt_proofs_extends(w->proofs, 1, w->n + 1, &path, &err), KT_E_INPUT);
    assert_int_equal(kt_proofs_includes(w->proofs, w->n, w->n, &path, &err), KT_E_INPUT);
    check_head(w, 0);
    check_extends(w, 0, w->n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_size_of_a_small_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_log_that_grows_and_is_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_retention_took, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_successor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heads_of_a_verification, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_there_is_not, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
