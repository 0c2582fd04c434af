/* merkle: published vectors; every proof of every tree up to 130 leaves against the definitions of
 * RFC 6962 §2.1, and random ones of trees up to 2^54; whatever is changed in one is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/proof/merkle.h"
#include "core/sys/rng.h"
#include "tests/support/merkle.h"

#define SMALL 130u

static struct test_tree *tree;

static void plant(unsigned leaves)
{
    test_tree_free(tree);
    tree = test_tree_new(leaves, 1);
}

static struct kt_head head_of(uint64_t size)
{
    return test_tree_head(tree, size);
}

/* ---- the vectors of Certificate Transparency's reference implementation ---- */

static const struct {
    const char *hex;
    const char *root; /* of the tree that ends with it */
} published[] = {
    { "", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
    { "00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
    { "10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
    { "2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
    { "3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
    { "40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
    { "5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
    { "606162636465666768696a6b6c6d6e6f",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
};
static const struct {
    bool inclusion;
    uint64_t a, b; /* index and size, or older and newer size */
    const char *hash[3];
} published_paths[] = {
    { true,
      0,
      8,
      { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
    { true,
      5,
      8,
      { "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
    { true, 2, 3, { "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" } },
    { true,
      1,
      5,
      { "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
    { false, 1, 1, { NULL } },
    { false,
      1,
      8,
      { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
    { false,
      6,
      8,
      { "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
    { false,
      2,
      5,
      { "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
};

static void published_trees_and_proofs_verify(void **state)
{
    (void)state;
    uint8_t leaves[8][32];
    for (unsigned i = 0; i < 8; i++) {
        uint8_t text[17] = { 0 };
        size_t n = strlen(published[i].hex) / 2;
        assert_true(kt_hex_decode(kt_str_of(published[i].hex), text + 1, n));
        struct kt_str part = kt_str_from(text, n + 1);
        kt_sha256_of(&part, 1, leaves[i]);
    }
    test_tree_free(tree);
    tree = test_tree_of(leaves, 8);
    struct kt_head heads[9];
    for (unsigned i = 0; i <= 8; i++) {
        char hex[65];
        heads[i] = head_of(i);
        kt_hex(hex, heads[i].root, 32);
        assert_string_equal(
            hex, i > 0 ? published[i - 1].root
                       : "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(published_paths); i++) {
        struct kt_path p = { 0 };
        uint64_t a = published_paths[i].a, b = published_paths[i].b;
        while (p.n < 3 && published_paths[i].hash[p.n] != NULL) {
            assert_true(kt_hex_decode(kt_str_of(published_paths[i].hash[p.n]), p.hash[p.n], 32));
            p.n++;
        }
        assert_true(published_paths[i].inclusion ? kt_merkle_includes(&heads[b], a, leaves[a], &p)
                                                 : kt_merkle_extends(&heads[a], &heads[b], &p));
    }
}

/* ---- every small tree ---- */

/* Nobody but the whole and unchanged path verifies. */
static void only_as_it_is(struct kt_path *p, bool (*check)(void *self, const struct kt_path *p),
                          void *self)
{
    assert_true(check(self, p));
    for (unsigned i = 0; i < p->n; i++) {
        p->hash[i][i % 32] ^= 0x10;
        assert_false(check(self, p));
        p->hash[i][i % 32] ^= 0x10;
    }
    if (p->n > 0) {
        p->n--;
        assert_false(check(self, p));
        p->n++;
    }
    memset(p->hash[p->n], 0x5a, 32);
    p->n++;
    assert_false(check(self, p));
    p->n--;
}

struct question {
    struct kt_head older, newer;
    uint64_t index;
};

static bool included(void *self, const struct kt_path *p)
{
    const struct question *q = self;
    return kt_merkle_includes(&q->newer, q->index, test_tree_leaf(tree, q->index), p);
}

static bool extended(void *self, const struct kt_path *p)
{
    const struct question *q = self;
    return kt_merkle_extends(&q->older, &q->newer, p);
}

static void every_inclusion_up_to_130_leaves(void **state)
{
    (void)state;
    plant(SMALL + 1);
    for (uint64_t size = 1; size <= SMALL; size++) {
        struct question q = { .newer = head_of(size) };
        for (q.index = 0; q.index < size; q.index++) {
            struct kt_path p = { 0 };
            test_tree_includes(tree, q.index, size, &p);
            only_as_it_is(&p, included, &q);
            for (uint64_t other = 0; other <= size; other++)
                assert_true(
                    other == q.index ||
                    !kt_merkle_includes(&q.newer, other, test_tree_leaf(tree, q.index), &p));
        }
        struct kt_path none = { 0 };
        assert_false(kt_merkle_includes(&q.newer, size, test_tree_leaf(tree, size), &none));
    }
}

static void every_consistency_up_to_130_leaves(void **state)
{
    (void)state;
    static struct kt_head heads[SMALL + 1];
    plant(SMALL);
    for (uint64_t size = 0; size <= SMALL; size++)
        heads[size] = head_of(size);
    for (uint64_t newer = 1; newer <= SMALL; newer++)
        for (uint64_t older = 1; older <= newer; older++) {
            struct question q = { .older = heads[older], .newer = heads[newer] };
            struct kt_path p = { 0 };
            test_tree_extends(tree, older, newer, &p);
            only_as_it_is(&p, extended, &q);
            q.older.root[3] ^= 1;
            assert_false(extended(&q, &p));
            q.older.root[3] ^= 1;
            q.newer.root[31] ^= 1;
            assert_false(extended(&q, &p));
            q.newer.root[31] ^= 1;
            /* roots of other sizes under these sizes, and the two the wrong way round */
            q.older = heads[older - 1];
            q.older.size = older;
            assert_false(extended(&q, &p));
            assert_true(older == newer || !kt_merkle_extends(&heads[newer], &heads[older], &p));
        }
}

static void an_empty_tree_is_the_beginning_of_every_tree(void **state)
{
    (void)state;
    plant(9);
    struct kt_head empty = head_of(0), nine = head_of(9);
    struct kt_path none = { 0 }, one = { .n = 1 };
    assert_true(kt_merkle_extends(&empty, &nine, &none));
    assert_false(kt_merkle_extends(&empty, &nine, &one));
    assert_true(kt_merkle_extends(&empty, &empty, &none));
}

static void random_trees_of_thousands(void **state)
{
    (void)state;
    struct kt_rng_seeded seed = { .state = 42 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    plant(8192);
    for (unsigned round = 0; round < 60; round++) {
        uint64_t size = 2 + kt_rng_below(&rng, 8191);
        struct question q = { .newer = head_of(size), .index = kt_rng_below(&rng, size) };
        struct kt_path p = { 0 }, c = { 0 };
        q.older = head_of(1 + q.index);
        test_tree_includes(tree, q.index, size, &p);
        only_as_it_is(&p, included, &q);
        test_tree_extends(tree, q.older.size, size, &c);
        only_as_it_is(&c, extended, &q);
    }
}

/* ---- trees as large as a log may become: all leaves alike but one, so that a subtree's hash is
 * known by its size ---- */

static uint64_t split_of(uint64_t n) /* the largest power of two below n */
{
    uint64_t k = 1;
    while (2 * k < n)
        k *= 2;
    return k;
}

static uint8_t full[64][32]; /* [k]: 2^k leaves */

static void alike(uint64_t n, uint8_t ret[32])
{
    uint8_t right[32];
    uint64_t k = n > 1 ? split_of(n) : 1;
    if (n == k * 2 || n == 1) {
        memcpy(ret, full[n == 1 ? 0 : __builtin_ctzll(n)], 32);
        return;
    }
    alike(n - k, right);
    kt_merkle_node(full[__builtin_ctzll(k)], right, ret);
}

static void huge_path(uint64_t m, uint64_t n, const uint8_t leaf[32], struct kt_path *p,
                      uint8_t ret_root[32])
{
    uint8_t below[32];
    if (n == 1) {
        memcpy(ret_root, leaf, 32);
        return;
    }
    uint64_t k = split_of(n);
    huge_path(m < k ? m : m - k, m < k ? k : n - k, leaf, p, below);
    alike(m < k ? n - k : k, p->hash[p->n]);
    if (m < k)
        kt_merkle_node(below, p->hash[p->n], ret_root);
    else
        kt_merkle_node(p->hash[p->n], below, ret_root);
    p->n++;
}

static void huge_subproof(uint64_t m, uint64_t n, bool whole, struct kt_path *p)
{
    if (m == n) {
        if (!whole)
            alike(n, p->hash[p->n++]);
        return;
    }
    uint64_t k = split_of(n);
    huge_subproof(m <= k ? m : m - k, m <= k ? k : n - k, m <= k && whole, p);
    alike(m <= k ? n - k : k, p->hash[p->n++]);
}

static void random_trees_of_up_to_2_to_54(void **state)
{
    (void)state;
    struct kt_rng_seeded seed = { .state = 7 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    memset(full[0], 0xaa, 32);
    uint8_t leaf[32];
    memset(leaf, 0xbb, 32);
    for (unsigned i = 1; i < 64; i++)
        kt_merkle_node(full[i - 1], full[i - 1], full[i]);
    for (unsigned round = 0; round < 5000; round++) {
        uint64_t size = 1 + kt_rng_below(&rng, UINT64_C(1) << (1 + kt_rng_below(&rng, 54)));
        uint64_t index = kt_rng_below(&rng, size);
        struct kt_path p = { 0 }, c = { 0 };
        struct kt_head newer = { .size = size }, older = { .size = index + 1 };
        huge_path(index, size, leaf, &p, newer.root);
        assert_true(p.n <= KT_PATH_MAX);
        assert_true(kt_merkle_includes(&newer, index, leaf, &p));
        assert_true(size == 1 || !kt_merkle_includes(&newer, index ^ 1, leaf, &p));
        alike(size, newer.root);
        alike(older.size, older.root);
        huge_subproof(older.size, size, true, &c);
        assert_true(c.n <= KT_PATH_MAX);
        assert_true(kt_merkle_extends(&older, &newer, &c));
        older.root[9] ^= 4;
        assert_false(kt_merkle_extends(&older, &newer, &c));
    }
}

static void a_path_is_its_hashes(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    struct kt_path p = { .n = 3 }, got;
    plant(3);
    for (unsigned i = 0; i < 3; i++)
        memcpy(p.hash[i], test_tree_leaf(tree, i), 32);
    kt_path_pack(&p, &b);
    assert_int_equal(b.len, 96);
    assert_true(kt_path_read(kt_buf_str(&b), &got));
    assert_int_equal(got.n, 3);
    assert_memory_equal(got.hash, p.hash, 96);
    assert_false(kt_path_read(kt_str_from(b.at, 95), &got));
    assert_true(kt_path_read(KT_STR_NONE, &got));
    assert_int_equal(got.n, 0);
    kt_buf_reset(&b);
    memset(kt_buf_reserve(&b, 129 * 32), 0, 129 * 32);
    b.len = 129 * 32;
    assert_false(kt_path_read(kt_buf_str(&b), &got));
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_trees_and_proofs_verify),
        cmocka_unit_test(every_inclusion_up_to_130_leaves),
        cmocka_unit_test(every_consistency_up_to_130_leaves),
        cmocka_unit_test(an_empty_tree_is_the_beginning_of_every_tree),
        cmocka_unit_test(random_trees_of_thousands),
        cmocka_unit_test(random_trees_of_up_to_2_to_54),
        cmocka_unit_test(a_path_is_its_hashes),
    };
    int failed = cmocka_run_group_tests_name("proof_merkle", tests, NULL, NULL);
    test_tree_free(tree);
    return failed;
}
