/*
 * store_totals_parts: a stretch's sums as bytes: of sums that no small world has, one actor with
 * very many secrets; and bytes that nobody writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "tests/support/totals_parts.h"

#define FIRST 1u
#define LAST  4000000u
static const struct kt_totals_run run = { .first_seq = FIRST, .last_seq = LAST };

static void put_actor(struct kt_totals_making *m, struct kt_str actor, uint32_t accesses)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    kt_buf_u8(&key, 0);
    kt_buf_str32(&key, KT_STR("vault"));
    kt_buf_str32(&key, KT_STR("vault-prod"));
    kt_buf_add(&key, actor);
    uint32_t n = kt_map_put(m->actors, kt_buf_str(&key), NULL);
    m->actor = kt_realloc_array(m->actor, n + 1, sizeof *m->actor);
    m->actor[n] = (struct kt_totals_made_actor){ .is = { .accesses = accesses,
                                                         .reads = accesses,
                                                         .head = KT_NS_S,
                                                         .earliest = KT_NS_S,
                                                         .last = accesses * KT_NS_S },
                                                 .segments = { 1 } };
}

/* One actor reads n numbered secrets once each, one a second. */
static struct kt_totals_making *reads_of(uint32_t n)
{
    struct kt_totals_making *m = kt_totals_making_new();
    struct kt_totals_made_table *t = &m->table[KT_TOTALS_DEEDS];
    const char way[] = { KT_ACT_READ, KT_OUT_SUCCESS, 'r' };
    bool is_new;
    put_actor(m, KT_STR("backup"), n);
    (void)kt_map_put(m->ways, kt_str_from(way, sizeof way), NULL);
    m->thing = kt_alloc_array(n, sizeof *m->thing);
    t->entry = kt_alloc_array(n, sizeof *t->entry);
    for (uint32_t i = 0; i < n; i++) {
        char id[16];
        const kt_time_ns time = (i + 1) * KT_NS_S;
        (void)snprintf(id, sizeof id, "%07u", i);
        (void)kt_map_put(m->secrets, kt_str_of(id), NULL);
        m->thing[i] = (struct kt_totals_thing){ i, 0 };
        (void)kt_pairs_put(&m->things, i + 1, 0, &is_new);
        (void)kt_pairs_put(&t->pairs, 0, i, &is_new);
        t->entry[i] = (struct kt_totals_made){ 0, { i, 1, time, time } };
    }
    return m;
}

static const struct kt_buf *blob(const struct kt_totals_blobs *b, const char *name)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (strcmp(b->at[i].name, name) == 0)
            return &b->at[i].bytes;
    fail_msg("no %s", name);
    return NULL;
}

static struct kt_str inner_of(struct kt_str bytes)
{
    struct kt_str inner = KT_STR_NONE;
    assert_true(kt_totals_open(bytes, FIRST, LAST, &inner));
    return inner;
}

/* What is written is read, and the same to whom another libzstd packed it. */
static void look_at_reads_of(uint32_t n)
{
    struct kt_totals_making *m = reads_of(n);
    struct kt_totals_blobs b = { 0 };
    struct kt_totals s = { .run = &run };
    char name[KT_TOTALS_NAME];
    uint32_t actor = 0;
    kt_totals_write(m, &run, &b);
    for (uint32_t i = 0; i < b.n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf again = { 0 };
        const struct kt_str is = kt_buf_str(&b.at[i].bytes);
        if (strcmp(b.at[i].name, kt_totals_name(&run, KT_TOTALS_VALUES, name)) == 0)
            continue;
        totals_pack_again(is, FIRST, LAST, 0, &again);
        assert_true(kt_totals_same(is, kt_buf_str(&again), FIRST, LAST));
        assert_true(kt_totals_same(kt_buf_str(&again), is, FIRST, LAST));
    }
    const struct kt_buf *actors = blob(&b, kt_totals_name(&run, KT_TOTALS_ACTORS, name)),
                        *secrets = blob(&b, kt_totals_name(&run, KT_TOTALS_SECRETS, name)),
                        *deeds = blob(&b, kt_totals_block_name(&run, KT_TOTALS_DEEDS, 0, name));
    assert_true(kt_totals_read_actors(&s, inner_of(kt_buf_str(actors))));
    assert_true(kt_totals_read_secrets(&s, inner_of(kt_buf_str(secrets))));
    assert_int_equal(s.n_secrets, n);
    s.actor[0].wanted = true;
    assert_true(kt_totals_read_block(&s, KT_TOTALS_DEEDS, inner_of(kt_buf_str(deeds)), &actor));
    assert_int_equal(s.actor[0].n[KT_TOTALS_DEEDS], n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(s.entry[KT_TOTALS_DEEDS][i].of, i);
        assert_int_equal(s.entry[KT_TOTALS_DEEDS][i].n, 1);
        assert_int_equal(s.entry[KT_TOTALS_DEEDS][i].last, (i + 1) * KT_NS_S);
    }
    kt_totals_done(&s);
    kt_totals_blobs_done(&b);
    kt_totals_making_free(m);
}

static void who_reads_each_of_many_secrets_once_is_read_back(void **state)
{
    (void)state;
    look_at_reads_of(100000);
}

static void as_many_secrets_as_a_stretch_may_have_are_read_back(void **state)
{
    (void)state;
    look_at_reads_of(KT_TOTALS_SECRETS_MAX);
}

/* ---- entries ---- */

/* Is a block of one actor taken whose entries are of things with these steps between them? One
 * access each, at one time. */
static bool takes_steps(const uint64_t *step, uint32_t n, uint32_t things)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 }, part = { 0 };
    struct kt_totals_actor one = { .wanted = true };
    struct kt_totals s = { .actor = &one, .n_actors = 1, .n_things = things };
    uint32_t actor = 0;
    kt_buf_varint(&plain, n);
    kt_buf_u8(&plain, 3);
    kt_buf_u8(&plain, 0);
    kt_buf_zigzag(&plain, KT_NS_S);
    for (uint32_t i = 0; i < n; i++)
        kt_buf_varint(&plain, step[i]);
    for (uint32_t i = 0; i < n; i++)
        kt_buf_varint(&plain, 1);
    totals_pack(kt_buf_str(&plain), KT_STR_NONE, FIRST, LAST, 1, &part);
    bool taken = kt_totals_read_block(&s, KT_TOTALS_DEEDS, inner_of(kt_buf_str(&part)), &actor);
    s.actor = NULL;
    kt_totals_done(&s);
    return taken;
}

static void entries_that_do_not_rise_are_refused(void **state)
{
    (void)state;
    assert_true(takes_steps((const uint64_t[]){ 0, 1, 2 }, 3, 4));
    assert_true(takes_steps((const uint64_t[]){ 3 }, 1, 4));
    assert_false(takes_steps((const uint64_t[]){ 4 }, 1, 4));
    assert_false(takes_steps((const uint64_t[]){ 0 }, 1, 0));
    assert_false(takes_steps((const uint64_t[]){ 1, 0 }, 2, 4));
    assert_false(takes_steps((const uint64_t[]){ 1, 3 }, 2, 4));
    assert_false(takes_steps((const uint64_t[]){ 2, UINT64_MAX }, 2, 4)); /* back to 1 */
}

/* Of two actors the second was seen without an address. */
static void who_has_no_entries_is_lent_none(void **state)
{
    struct kt_totals_making *m = reads_of(3);
    struct kt_totals_made_table *t = &m->table[KT_TOTALS_PLACES];
    struct kt_totals_blobs b = { 0 };
    struct kt_totals s = { 0 };
    struct totals_file f;
    bool is_new;
    (void)state;
    put_actor(m, KT_STR("other"), 1);
    (void)kt_map_put(m->addresses, KT_STR("0123456789abcdef"), NULL);
    (void)kt_pairs_put(&t->pairs, 0, 0, &is_new);
    t->entry = kt_alloc_array(1, sizeof *t->entry);
    t->entry[0] = (struct kt_totals_made){ 0, { 0, 3, KT_NS_S, 3 * KT_NS_S } };
    kt_totals_write(m, &run, &b);
    totals_file_open(&f, FIRST, LAST);
    for (uint32_t i = 0; i < b.n; i++)
        totals_file_put(&f, b.at[i].name, kt_buf_str(&b.at[i].bytes));
    kt_totals_begin(&s, &f.run, f.file.db);
    assert_true(kt_totals_load(&s, KT_TOTALS_WITH_ACTORS));
    assert_int_equal(s.n_actors, 2);
    s.actor[0].wanted = s.actor[1].wanted = true;
    assert_true(kt_totals_load(&s, KT_TOTALS_WITH_SECRETS | KT_TOTALS_WITH_ADDRESSES |
                                       KT_TOTALS_WITH_DEEDS | KT_TOTALS_WITH_PLACES));
    for (unsigned k = 0; k < KT_TOTALS_TABLES; k++) {
        assert_ptr_equal(s.actor[0].entry[k], s.entry[k]);
        assert_null(s.actor[1].entry[k]);
    }
    totals_file_close(&f);
    kt_totals_done(&s);
    kt_totals_blobs_done(&b);
    kt_totals_making_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_each_of_many_secrets_once_is_read_back),
        cmocka_unit_test(as_many_secrets_as_a_stretch_may_have_are_read_back),
        cmocka_unit_test(entries_that_do_not_rise_are_refused),
        cmocka_unit_test(who_has_no_entries_is_lent_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
