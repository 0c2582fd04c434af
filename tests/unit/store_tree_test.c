/* store_tree: the RFC 6962 tree against the published vectors of certificate transparency. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/enc.h"
#include "core/store/tree.h"

/* The eight leaves and the roots of sizes 0-8 that certificate-transparency tests use. */
static const struct {
    const char *leaf, *root; /* leaf data added last; root after it */
} vectors[] = {
    { NULL, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
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

static void add_data(struct kt_tree *t, const char *hex)
{
    uint8_t data[1 + 16] = { 0 }, leaf[32];
    size_t n = strlen(hex) / 2;
    assert_true(kt_hex_decode(kt_str_of(hex), data + 1, n));
    struct kt_str part = kt_str_from(data, n + 1);
    kt_sha256_of(&part, 1, leaf);
    kt_tree_add(t, leaf);
}

static void roots_match_the_published_vectors(void **state)
{
    (void)state;
    struct kt_tree t = { 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(vectors); i++) {
        if (vectors[i].leaf != NULL)
            add_data(&t, vectors[i].leaf);
        uint8_t root[32];
        char hex[65];
        kt_tree_root(&t, root);
        kt_hex(hex, root, 32);
        assert_int_equal(t.size, i);
        assert_string_equal(hex, vectors[i].root);
    }
}

static void packed_tree_grows_as_the_original(void **state)
{
    (void)state;
    struct kt_tree a = { 0 };
    for (unsigned n = 0; n < 70; n++) {
        struct kt_buf packed = { 0 };
        struct kt_tree b;
        kt_tree_pack(&a, &packed);
        assert_int_equal(kt_tree_unpack(kt_buf_str(&packed), &b, NULL), KT_OK);
        kt_buf_done(&packed);
        uint8_t root_a[32], root_b[32];
        add_data(&a, "aa");
        add_data(&b, "aa");
        kt_tree_root(&a, root_a);
        kt_tree_root(&b, root_b);
        assert_memory_equal(root_a, root_b, 32);
    }
}

static void cut_or_padded_frontier_is_corrupt(void **state)
{
    (void)state;
    struct kt_tree t = { 0 }, back;
    for (unsigned n = 0; n < 5; n++)
        add_data(&t, "01");
    struct kt_buf packed = { 0 };
    kt_tree_pack(&t, &packed);
    struct kt_error err = { 0 };
    for (size_t len = 0; len < packed.len; len++)
        assert_int_equal(kt_tree_unpack(kt_str_from(packed.at, len), &back, &err), KT_E_CORRUPT);
    kt_buf_u8(&packed, 0);
    assert_int_equal(kt_tree_unpack(kt_buf_str(&packed), &back, &err), KT_E_CORRUPT);
    kt_buf_done(&packed);
}

/* THREATS T1: whatever stands beside the line is under the leaf. */
static void leaf_covers_every_part(void **state)
{
    (void)state;
    uint8_t line[2][32] = { { 1 }, { 2 } }, base[32], other[32];
    const struct kt_leaf leaf = {
        .seq = 1, .arrival = 2, .stored = 3, .origin = 1, .agent = KT_STR("a"), .line_hash = line[0]
    };
    kt_leaf_hash(&leaf, base);
    struct kt_leaf changed[7];
    for (size_t i = 0; i < KT_ARRAY_LEN(changed); i++)
        changed[i] = leaf;
    changed[0].seq = 2;
    changed[1].arrival = 1;
    changed[2].stored = -3;
    changed[3].origin = 0;
    changed[4].agent = KT_STR("b");
    changed[5].line_hash = line[1];
    changed[6].conflict = true;
    for (size_t i = 0; i < KT_ARRAY_LEN(changed); i++) {
        kt_leaf_hash(&changed[i], other);
        assert_memory_not_equal(base, other, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_match_the_published_vectors),
        cmocka_unit_test(packed_tree_grows_as_the_original),
        cmocka_unit_test(cut_or_padded_frontier_is_corrupt),
        cmocka_unit_test(leaf_covers_every_part),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("store_tree", tests, NULL, NULL);
}
