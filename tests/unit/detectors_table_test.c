/* table: bounded state by any key, the same after save and load. */
#include "detectors/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "detectors/table_int.h"

struct address_state { /* large enough to leave memory */
    uint32_t tries, last;
    uint64_t more[5];
};
struct pair_state {
    uint64_t wrote;
    uint8_t more[37];
};
/* two unlike tables: one by address that forgets, one by pair that refuses */
static const struct kt_table_decl by_address = {
    "address", KT_KEY_ADDRESS, sizeof(struct address_state), 1, 100, KT_EVICT_LRU, NULL
};
static const struct kt_table_decl by_pair = { "pair", KT_KEY_PAIR, sizeof(struct pair_state),
                                              3,      50,          KT_EVICT_REFUSE,
                                              NULL };

static void table_keeps_what_was_touched_last(void **state)
{
    (void)state;
    struct kt_table *t = kt_table_new(&by_address, 7);
    for (uint64_t i = 0; i < 1000; i++) {
        bool fresh;
        struct address_state *s = kt_table_put(t, (struct kt_key){ i, ~i }, &fresh);
        assert_true(fresh);
        assert_int_equal(s->tries, 0); /* zeroed, though the place was used */
        s->tries = (uint32_t)i;
        assert_non_null(
            kt_table_get(t, (struct kt_key){ 0, ~UINT64_C(0) })); /* 0 is always in use */
    }
    assert_int_equal(kt_table_count(t), 100);
    assert_int_equal(kt_table_evicted(t), 900);
    assert_null(kt_table_peek(t, (struct kt_key){ 500, ~UINT64_C(500) }));
    assert_non_null(kt_table_peek(t, (struct kt_key){ 999, ~UINT64_C(999) }));
    uint32_t at = 0, last = 0;
    const struct address_state *s;
    for (unsigned n = 0; (s = kt_table_next(t, &at, NULL)) != NULL; n++) {
        assert_true(n == 0 || s->tries > last); /* in order of creation */
        last = s->tries;
    }
    kt_table_free(t);
}

static void refusing_table_gives_nothing_when_full(void **state)
{
    (void)state;
    struct kt_table *t = kt_table_new(&by_pair, 7);
    for (uint64_t i = 0; i < 50; i++)
        assert_non_null(kt_table_put(t, (struct kt_key){ i, 1 }, NULL));
    assert_null(kt_table_put(t, (struct kt_key){ 50, 1 }, NULL));
    kt_table_remove(t, (struct kt_key){ 7, 1 });
    assert_null(kt_table_get(t, (struct kt_key){ 7, 1 }));
    assert_non_null(kt_table_put(t, (struct kt_key){ 50, 1 }, NULL));
    kt_table_free(t);
}

static void loaded_table_goes_on_like_the_saved_one(void **state)
{
    (void)state;
    struct kt_table *a = kt_table_new(&by_address, 7), *b = kt_table_new(&by_address, 99);
    for (uint64_t i = 0; i < 150; i++) {
        struct address_state *s = kt_table_put(a, (struct kt_key){ i * 37 % 101, 5 }, NULL);
        s->last = (uint32_t)i;
    }
    struct kt_buf x = { 0 }, y = { 0 };
    kt_table_save(a, &x);
    struct kt_rd in = kt_rd_of(kt_buf_str(&x));
    assert_true(kt_table_load(b, &in));
    for (uint64_t i = 0; i < 150; i++) { /* the same evictions, whatever the seed of the hash */
        (void)kt_table_put(a, (struct kt_key){ i * 11 % 140, 5 }, NULL);
        (void)kt_table_put(b, (struct kt_key){ i * 11 % 140, 5 }, NULL);
    }
    kt_buf_reset(&x);
    kt_table_save(a, &x);
    kt_table_save(b, &y);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.at, y.at, x.len);
    struct kt_table *c = kt_table_new(&by_pair, 7), *d = kt_table_new(&by_address, 7);
    in = kt_rd_of(kt_buf_str(&x));
    assert_false(kt_table_load(c, &in)); /* another declaration */
    in = kt_rd_of(kt_str_from(x.at, x.len - 1));
    assert_false(kt_table_load(d, &in));
    kt_table_free(a);
    kt_table_free(b);
    kt_table_free(c);
    kt_table_free(d);
    kt_buf_done(&x);
    kt_buf_done(&y);
}

/* ---- a backing: rows by key, as they were given ---- */
#define ROWS 4000u
struct kept {
    struct kt_key key[ROWS];
    uint64_t born[ROWS], used[ROWS];
    struct kt_buf state[ROWS]; /* empty: gone */
    unsigned n, loads;
};

static unsigned place_of(const struct kept *k, struct kt_key key)
{
    unsigned i = 0;
    while (i < k->n && !kt_key_eq(k->key[i], key))
        i++;
    return i;
}

static bool load(void *self, uint32_t table, struct kt_key key, struct kt_buf *ret)
{
    struct kept *k = self;
    unsigned i = place_of(k, key);
    assert_int_equal(table, 7);
    k->loads++;
    if (i == k->n || k->state[i].len == 0)
        return false;
    kt_buf_add(ret, kt_buf_str(&k->state[i]));
    return true;
}

static void keep(struct kept *k, struct kt_table *t)
{
    struct kt_buf rows = { 0 };
    struct kt_table_row r;
    kt_table_changes(t, &rows);
    struct kt_rd in = kt_rd_of(kt_buf_str(&rows));
    while (kt_table_row_read(&in, &r)) {
        unsigned i = place_of(k, r.key);
        assert_true(i < ROWS && r.table == 7);
        k->n += i == k->n;
        k->key[i] = r.key;
        if (r.op == KT_ROW_PUT && k->state[i].len == 0)
            k->born[i] = r.born;
        kt_buf_reset(&k->state[i]);
        kt_buf_add(&k->state[i], r.state);
        k->used[i] = r.used != 0 ? r.used : k->used[i];
    }
    assert_false(in.bad);
    kt_table_saved(t);
    kt_buf_done(&rows);
}

static struct kt_table *from_rows(const struct kt_table_decl *decl, struct kept *k,
                                  const struct kt_table *was, const struct kt_backing *b)
{
    struct kt_table *t = kt_table_new(decl, 5);
    struct kt_buf head = { 0 };
    kt_table_head(was, &head);
    struct kt_rd in = kt_rd_of(kt_buf_str(&head));
    kt_table_back(t, 7, b);
    assert_true(kt_table_head_read(t, &in));
    for (unsigned i = k->n; i-- > 0;) { /* in no order that means anything */
        if (k->state[i].len > 0)
            kt_table_add(t, k->key[i], k->born[i], k->used[i]);
    }
    assert_true(kt_table_added(t));
    kt_buf_done(&head);
    return t;
}

static void are_equal(const struct kt_table *a, const struct kt_table *b)
{
    struct kt_buf x = { 0 }, y = { 0 };
    kt_table_save(a, &x);
    kt_table_save(b, &y);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.at, y.at, x.len);
    kt_buf_done(&x);
    kt_buf_done(&y);
}

/* One step of a life: touch, look, change by a walk, remove. */
static void live(struct kt_table *t, uint64_t i)
{
    uint64_t z = (i * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    struct kt_key key = { z % 150, 9 };
    struct pair_state *s;
    uint32_t at = 0;
    if (z % 11 == 0)
        kt_table_remove(t, key);
    else if (z % 7 == 0)
        (void)kt_table_peek(t, key);
    else if (z % 13 == 0 && (s = kt_table_edit(t, key)) != NULL)
        s->wrote += 3;
    else if (z % 501 == 0)
        while ((s = kt_table_next(t, &at, NULL)) != NULL)
            s->more[5]++;
    else if ((s = kt_table_put(t, key, NULL)) != NULL)
        s->wrote = i;
}

static void what_is_in_memory_changes_nothing(void **state)
{
    (void)state;
    static const struct kt_table_decl decls[] = {
        { "few", KT_KEY_PAIR, sizeof(struct pair_state), 1, 60, KT_EVICT_LRU, NULL },
        { "all", KT_KEY_PAIR, sizeof(struct pair_state), 1, 1000, KT_EVICT_LRU, NULL },
        { "no more", KT_KEY_PAIR, sizeof(struct pair_state), 1, 60, KT_EVICT_REFUSE, NULL },
    };
    for (unsigned d = 0; d < 3; d++) {
        struct kept *k = kt_alloc(sizeof *k);
        const struct kt_backing backing = { load, k };
        struct kt_table *plain = kt_table_new(&decls[d], 1), *t = kt_table_new(&decls[d], 2);
        kt_table_back(t, 7, &backing);
        for (uint64_t i = 0; i < 6000; i++) {
            live(plain, i);
            live(t, i);
            if (i % 17 == 0) {
                keep(k, t);
                (void)kt_table_trim(t, i % 3 == 0 ? SIZE_MAX : 200);
            }
            if (i % 340 == 0) {
                struct kt_table *next = from_rows(&decls[d], k, t, &backing);
                kt_table_free(t);
                t = next;
            }
        }
        are_equal(plain, t);
        assert_true(k->loads > 500);
        assert_int_equal(kt_table_lost(t), 0);
        kt_table_free(plain);
        kt_table_free(t);
        for (unsigned i = 0; i < ROWS; i++)
            kt_buf_done(&k->state[i]);
        kt_free(k);
    }
}

static void only_what_is_written_leaves_memory(void **state)
{
    (void)state;
    struct kept *k = kt_alloc(sizeof *k);
    const struct kt_backing backing = { load, k };
    struct kt_buf rows = { 0 };
    struct kt_table *t = kt_table_new(&by_address, 3);
    kt_table_back(t, 7, &backing);
    for (uint64_t i = 0; i < 50; i++)
        (void)kt_table_put(t, (struct kt_key){ i, 0 }, NULL);
    assert_int_equal(kt_table_trim(t, SIZE_MAX), 0);
    kt_table_changes(t, &rows);
    assert_int_equal(kt_table_trim(t, SIZE_MAX), 0); /* given is not written */
    kt_table_saved(t);
    (void)kt_table_get(t, (struct kt_key){ 7, 0 }); /* and this one changes since */
    assert_int_equal(kt_table_held(t), 50 * sizeof(struct address_state));
    assert_int_equal(kt_table_trim(t, SIZE_MAX), 49 * sizeof(struct address_state));
    assert_int_equal(kt_table_count(t), 50);
    assert_non_null(kt_table_get(t, (struct kt_key){ 7, 0 }));
    assert_int_equal(k->loads, 0);
    assert_int_equal(kt_table_lost(t), 0);
    assert_null(kt_table_get(t, (struct kt_key){ 8, 0 })); /* whose row nobody kept */
    assert_int_equal(kt_table_lost(t), 1);
    assert_int_equal(kt_table_count(t), 49);
    assert_null(kt_table_get(t, (struct kt_key){ 99, 0 })); /* never seen: nobody is asked */
    assert_int_equal(k->loads, 1);
    kt_buf_done(&rows);
    kt_table_free(t);
    kt_free(k);
}

static bool even(const void *state)
{
    return ((const struct address_state *)state)->tries % 2 == 0;
}

/* Each damaged row costs its own entry: flipped, cut, of another key, and one that is whole but
 * holds a number that no entry may hold. */
static void a_damaged_row_costs_its_entry(void **state)
{
    (void)state;
    static const struct kt_table_decl decl = {
        "even", KT_KEY_ADDRESS, sizeof(struct address_state), 1, 100, KT_EVICT_LRU, even
    };
    struct kept *k = kt_alloc(sizeof *k);
    const struct kt_backing backing = { load, k };
    struct kt_table *t = kt_table_new(&decl, 3);
    struct address_state *s;
    uint32_t at = 0;
    struct kt_key key;
    kt_table_back(t, 7, &backing);
    for (uint32_t i = 0; i < 10; i++) {
        s = kt_table_put(t, (struct kt_key){ i, 0 }, NULL);
        s->tries = i == 4 ? 1 : 2 * i;
    }
    keep(k, t);
    (void)kt_table_trim(t, SIZE_MAX);
    k->state[1].at[2] ^= 4;
    k->state[2].len--;
    kt_buf_reset(&k->state[3]);
    kt_buf_add(&k->state[3], kt_buf_str(&k->state[5]));
    assert_null(kt_table_get(t, (struct kt_key){ 1, 0 }));
    assert_null(kt_table_peek(t, (struct kt_key){ 2, 0 }));
    assert_null(kt_table_edit(t, (struct kt_key){ 3, 0 }));
    uint64_t sum = 0; /* a walk finds the last of them, and goes on behind it */
    while ((s = kt_table_next(t, &at, &key)) != NULL)
        sum += s->tries == 2 * key.a ? key.a : 1000;
    assert_int_equal(sum, 0 + 5 + 6 + 7 + 8 + 9);
    assert_int_equal(kt_table_lost(t), 4);
    assert_int_equal(kt_table_count(t), 6);
    s = kt_table_put(t, (struct kt_key){ 1, 0 }, NULL);
    assert_int_equal(s->tries, 0);
    keep(k, t);
    struct kt_table *next = from_rows(&decl, k, t, &backing);
    assert_int_equal(kt_table_lost(next), 0); /* what is lost is no row any more */
    assert_int_equal(kt_table_count(next), 7);
    kt_table_free(next);
    kt_table_free(t);
    for (unsigned i = 0; i < ROWS; i++)
        kt_buf_done(&k->state[i]);
    kt_free(k);
}

/* Where the key takes as much, nothing is won by letting the struct go. */
static void small_structs_stay(void **state)
{
    (void)state;
    static const struct kt_table_decl decl = { "small", KT_KEY_SECRET, 40,  1,
                                               100,     KT_EVICT_LRU,  NULL };
    struct kept *k = kt_alloc(sizeof *k);
    const struct kt_backing backing = { load, k };
    struct kt_table *t = kt_table_new(&decl, 3);
    kt_table_back(t, 7, &backing);
    for (uint64_t i = 0; i < 50; i++)
        (void)kt_table_put(t, (struct kt_key){ i, 0 }, NULL);
    keep(k, t);
    assert_int_equal(kt_table_trim(t, SIZE_MAX), 0);
    assert_int_equal(kt_table_held(t), 0);
    assert_true(kt_table_bytes(t) > 50 * 80);
    kt_table_free(t);
    for (unsigned i = 0; i < ROWS; i++)
        kt_buf_done(&k->state[i]);
    kt_free(k);
}

static void packing_leaves_out_zeroes_and_takes_nothing_else(void **state)
{
    (void)state;
    unsigned char from[61], to[61];
    for (unsigned bytes = 1; bytes <= sizeof from; bytes++) {
        struct kt_buf b = { 0 };
        for (unsigned i = 0; i < bytes; i++)
            from[i] = i % 16 < 8 || i % 5 == 0 ? 0 : (unsigned char)(i + bytes);
        kt_table_pack(from, bytes, &b);
        assert_true(kt_table_unpack(kt_buf_str(&b), to, bytes));
        assert_memory_equal(from, to, bytes);
        assert_false(kt_table_unpack(kt_str_from(b.at, b.len - 1), to, bytes));
        kt_buf_byte(&b, 0);
        assert_false(kt_table_unpack(kt_buf_str(&b), to, bytes));
        kt_buf_done(&b);
    }
}

/* The longest chain of a table with these keys: of 4,096 at most 4,096 places. */
static unsigned longest_chain(struct kt_key (*key)(unsigned i))
{
    static const struct kt_table_decl many = { "many", KT_KEY_ADDRESS,  8,   1,
                                               8192,   KT_EVICT_REFUSE, NULL };
    struct kt_table *t = kt_table_new(&many, 7);
    static unsigned after[4096]; /* slots that come behind one in its chain */
    unsigned longest = 0;
    for (unsigned i = 0; i < KT_ARRAY_LEN(after); i++)
        assert_non_null(kt_table_put(t, key(i), NULL));
    for (unsigned i = 0; i < KT_ARRAY_LEN(after); i++) { /* a chain leads to older slots */
        uint32_t chain = kt_slot(t, i)->chain;
        assert_true(chain == KT_NONE || chain < i);
        after[i] = chain == KT_NONE ? 1 : after[chain] + 1;
        longest = after[i] > longest ? after[i] : longest;
    }
    kt_table_free(t);
    return longest;
}

static struct kt_key mapped(unsigned a, unsigned b, unsigned c, unsigned d)
{
    const uint8_t ip[16] = { [10] = 0xff,       [11] = 0xff,       [12] = (uint8_t)a,
                             [13] = (uint8_t)b, [14] = (uint8_t)c, [15] = (uint8_t)d };
    struct kt_key key;
    memcpy(&key, ip, sizeof key);
    return key;
}

static struct kt_key in_a_network(unsigned i)
{
    return mapped(91, 34, i / 256, i % 256);
}

static struct kt_key of_networks(unsigned i)
{
    return mapped(i / 256, i % 256, 7, 1);
}

static struct kt_key second_half(unsigned i)
{
    return (struct kt_key){ 5, (uint64_t)i << 52 };
}

static struct kt_key first_half(unsigned i)
{
    return (struct kt_key){ (uint64_t)i << 52, 5 };
}

static struct kt_key numbers(unsigned i)
{
    return (struct kt_key){ i / 64, i % 64 };
}

static void keys_that_look_alike_share_no_chain(void **state)
{
    (void)state;
    struct kt_key (*const keys[])(unsigned) = { in_a_network, of_networks, second_half, first_half,
                                                numbers };
    for (unsigned i = 0; i < KT_ARRAY_LEN(keys); i++)
        assert_true(longest_chain(keys[i]) <= 12); /* of random ones 6 or 7 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_keeps_what_was_touched_last),
        cmocka_unit_test(refusing_table_gives_nothing_when_full),
        cmocka_unit_test(loaded_table_goes_on_like_the_saved_one),
        cmocka_unit_test(what_is_in_memory_changes_nothing),
        cmocka_unit_test(only_what_is_written_leaves_memory),
        cmocka_unit_test(a_damaged_row_costs_its_entry),
        cmocka_unit_test(small_structs_stay),
        cmocka_unit_test(keys_that_look_alike_share_no_chain),
        cmocka_unit_test(packing_leaves_out_zeroes_and_takes_nothing_else),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
