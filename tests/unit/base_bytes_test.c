/* base/enc, hash, zip, log: known answers, and refusal of what is not exactly right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/zip.h"

static void check_hex(const uint8_t *at, size_t n, const char *want)
{
    char hex[129];
    kt_hex(hex, at, n);
    assert_string_equal(hex, want);
}

static void digests_match_published_vectors(void **state)
{
    (void)state;
    uint8_t d[64];
    const struct kt_str abc[] = { KT_STR("a"), KT_STR_NONE, KT_STR("bc") };
    kt_sha256_of(abc, 3, d);
    check_hex(d, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    kt_sha256_of(NULL, 0, d);
    check_hex(d, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct kt_sha256 *h = kt_sha256_new();
    for (int round = 0; round < 2; round++) {
        kt_sha256_start(h);
        kt_sha256_add(h, "ab", 2);
        kt_sha256_add(h, "c", 1);
        kt_sha256_end(h, d);
        check_hex(d, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
    kt_sha256_free(h);
    kt_blake2b(abc, 3, d, 64);
    check_hex(d, 64,
              "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
              "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    const struct kt_str msg = KT_STR("what do ya want for nothing?"); /* RFC 4231 case 2 */
    kt_hmac_sha256(KT_STR("Jefe"), &msg, 1, d);
    check_hex(d, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void signatures_match_rfc_8032(void **state)
{
    (void)state;
    uint8_t seed[32], public_key[32], sig[64], again[64];
    assert_true(kt_hex_decode(
        KT_STR("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"), seed, 32));
    kt_sign_public(seed, public_key);
    check_hex(public_key, 32, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    kt_sign(seed, KT_STR("\x72"), sig);
    check_hex(sig, 64,
              "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
              "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    assert_true(kt_sign_ok(public_key, KT_STR("\x72"), sig));
    assert_false(kt_sign_ok(public_key, KT_STR("\x73"), sig));
    struct kt_signer signer;
    kt_signer_init(&signer, seed);
    kt_signer_sign(&signer, KT_STR("\x72"), again);
    assert_memory_equal(sig, again, 64);
    sig[0] ^= 1;
    assert_false(kt_sign_ok(public_key, KT_STR("\x72"), sig));
}

static void hash64_depends_on_seed_and_every_byte(void **state)
{
    (void)state;
    uint64_t h = kt_hash64(KT_STR("key"), 1);
    assert_true(h == kt_hash64(KT_STR("key"), 1));
    assert_true(h != kt_hash64(KT_STR("key"), 2));
    assert_true(h != kt_hash64(KT_STR("kez"), 1));
    assert_true(kt_hash64(KT_STR_NONE, 1) == kt_hash64(KT_STR(""), 1));
    uint8_t a[16] = { 0 }, b[16] = { 0 };
    kt_random(a, sizeof a);
    assert_false(kt_equal_secret(a, b, sizeof a));
    kt_wipe(a, sizeof a);
    assert_true(kt_equal_secret(a, b, sizeof a));
}

static void base64_is_exact(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *plain, *url;
    } good[] = {
        { "", "", "" },
        { "f", "Zg==", "Zg" },
        { "fo", "Zm8=", "Zm8" },
        { "foo", "Zm9v", "Zm9v" },
        { "\xfb\xff", "+/8=", "-_8" },
    };
    static const char *const bad[] = { "Zg=",    "Zg",   "Zh==",     "Z===", "Zm 9v",
                                       "Zm9v\n", "====", "Zg==Zg==", "-_8=" };
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(good); i++) {
        kt_buf_reset(&b);
        kt_base64_add(&b, kt_str_of(good[i].bytes));
        assert_string_equal(kt_buf_z(&b), good[i].plain);
        kt_buf_reset(&b);
        kt_base64url_add(&b, kt_str_of(good[i].bytes));
        assert_string_equal(kt_buf_z(&b), good[i].url);
        kt_buf_reset(&b);
        assert_true(kt_base64_decode(kt_str_of(good[i].plain), &b));
        assert_true(kt_str_is(kt_buf_str(&b), good[i].bytes));
        kt_buf_reset(&b);
        assert_true(kt_base64url_decode(kt_str_of(good[i].url), &b));
        assert_true(kt_str_is(kt_buf_str(&b), good[i].bytes));
    }
    kt_buf_reset(&b);
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        if (kt_base64_decode(kt_str_of(bad[i]), &b) || b.len != 0)
            fail_msg("'%s'", bad[i]);
    assert_false(kt_base64url_decode(KT_STR("Zg=="), &b));
    assert_false(kt_base64url_decode(KT_STR("Zh"), &b));
}

static void words_for_a_shell_stay_one_word(void **state)
{
    static const char *const cases[][2] = {
        { "", "''" },
        { "a-b/c.d:e@f", "a-b/c.d:e@f" },
        { "a b", "'a b'" },
        { "x;reboot", "'x;reboot'" },
        { "it's", "'it'\\''s'" },
        { "$(id)`id`", "'$(id)`id`'" },
        { "~root", "'~root'" },
        { "a\nb", "'a\nb'" },
    };
    struct kt_buf b = { 0 };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        kt_buf_reset(&b);
        kt_shell_quote(kt_str_of(cases[i][0]), &b);
        assert_string_equal(kt_buf_z(&b), cases[i][1]);
    }
    kt_buf_done(&b);
}

static void ids_and_keys_read_back(void **state)
{
    (void)state;
    uint8_t id[16], back[16], key[32];
    char text[KT_ID_TEXT], z[KT_Z85_KEY];
    memset(id, 0xFF, sizeof id);
    assert_string_equal(kt_id_format(id, text), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    assert_true(kt_hex_decode(KT_STR("0123456789ABCDEF0123456789abcdef"), id, 16));
    assert_string_equal(kt_id_format(id, text), "014D2PF2DBSQQG28T5CY4TQKFF");
    assert_true(kt_id_parse(KT_STR("014d2pf2dbsqqg28t5cy4tqkff"), back));
    assert_memory_equal(id, back, 16);
    static const char *const bad[] = { "814D2PF2DBSQQG28T5CY4TQKFF", "014D2PF2DBSQQG28T5CY4TQKF",
                                       "014D2PF2DBSQQG28T5CY4TQKFFF", "014D2PF2DBSQQG28T5CY4TQKFU",
                                       "" };
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        assert_false(kt_id_parse(kt_str_of(bad[i]), back));

    /* the test key of ZeroMQ RFC 26 */
    assert_true(kt_hex_decode(
        KT_STR("bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc518"), key, 32));
    assert_string_equal(kt_z85_encode(key, z), "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID");
    uint8_t round[32];
    assert_true(kt_z85_decode(kt_str_of(z), round));
    assert_memory_equal(key, round, 32);
    assert_false(kt_z85_decode(KT_STR("#####@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{h"), round));
    assert_false(kt_z85_decode(KT_STR("short"), round));
    z[3] = ' ';
    assert_false(kt_z85_decode(kt_str_of(z), round));
    assert_false(kt_hex_decode(KT_STR("0g"), round, 1));
    assert_false(kt_hex_decode(KT_STR("012"), round, 1));
}

static void frames_are_measured_before_memory_is_given(void **state)
{
    (void)state;
    struct kt_zip *z = kt_zip_new();
    struct kt_buf raw = { 0 }, packed = { 0 }, out = { 0 };
    for (int i = 0; i < 5000; i++)
        kt_buf_addf(&raw, "line %d\n", i % 97);
    kt_zip_pack(z, kt_buf_str(&raw), 1, &packed);
    assert_true(packed.len < raw.len / 5);
    kt_buf_addz(&out, "head");
    struct kt_error err = { 0 };
    assert_int_equal(kt_zip_unpack(z, kt_buf_str(&packed), 1u << 20, 1000, &out, &err), KT_OK);
    assert_true(kt_str_eq(kt_str_from_index(kt_buf_str(&out), 4), kt_buf_str(&raw)));
    size_t len = out.len;
    assert_int_equal(kt_zip_unpack(z, kt_buf_str(&packed), 1000, 1000, &out, &err), KT_E_LIMIT);
    assert_int_equal(kt_zip_unpack(z, kt_buf_str(&packed), 1u << 20, 2, &out, &err), KT_E_LIMIT);
    for (size_t cut = 0; cut < packed.len; cut++)
        assert_int_equal(
            kt_zip_unpack(z, kt_str_from(packed.at, cut), 1u << 20, SIZE_MAX, &out, &err),
            KT_E_INPUT);
    kt_buf_byte(&packed, 'x');
    assert_int_equal(kt_zip_unpack(z, kt_buf_str(&packed), 1u << 20, 1000, &out, &err), KT_E_INPUT);
    assert_int_equal(kt_zip_unpack(z, KT_STR("not zstd at all"), 1000, 1000, &out, &err),
                     KT_E_INPUT);
    assert_int_equal(out.len, len);
    kt_buf_reset(&packed);
    kt_zip_pack(z, KT_STR(""), 1, &packed);
    assert_int_equal(kt_zip_unpack(z, kt_buf_str(&packed), 1000, 1000, &out, &err), KT_OK);
    kt_buf_done(&raw);
    kt_buf_done(&packed);
    kt_buf_done(&out);
    kt_zip_free(z);
}

static void lines_are_packed_without_changing_what_levels_mean(void **state)
{
    (void)state;
    struct kt_zip *z = kt_zip_new();
    struct kt_buf raw = { 0 }, before = { 0 }, lines = { 0 }, after = { 0 }, out = { 0 };
    for (unsigned i = 0; i < 5000; i++)
        kt_buf_addf(&raw, "{\"id\":\"%08x\",\"actor\":\"team-%u\"}\n", i * 2654435761u, i % 97);
    kt_zip_pack(z, kt_buf_str(&raw), 3, &before);
    for (int bits = 12; bits <= 13; bits++) {
        kt_buf_reset(&lines);
        kt_buf_reset(&out);
        kt_zip_pack_lines(z, kt_buf_str(&raw), bits, &lines);
        assert_int_equal(kt_zip_unpack(z, kt_buf_str(&lines), raw.len, 1000, &out, NULL), KT_OK);
        assert_true(kt_str_eq(kt_buf_str(&out), kt_buf_str(&raw)));
    }
    kt_zip_pack(z, kt_buf_str(&raw), 3, &after);
    assert_true(kt_str_eq(kt_buf_str(&after), kt_buf_str(&before)));
    assert_false(kt_str_eq(kt_buf_str(&lines), kt_buf_str(&before)));
    kt_buf_done(&raw);
    kt_buf_done(&before);
    kt_buf_done(&lines);
    kt_buf_done(&after);
    kt_buf_done(&out);
    kt_zip_free(z);
}

static enum kt_status collect(void *self, struct kt_str piece, struct kt_error *err)
{
    (void)err;
    assert_true(piece.len > 0 && piece.len <= 64u << 10);
    kt_buf_add(self, piece);
    return KT_OK;
}

static enum kt_status refuse(void *self, struct kt_str piece, struct kt_error *err)
{
    (void)self;
    (void)piece;
    return kt_fail(err, KT_E_AGAIN, "full");
}

/* "hello " and "world\n", each a gzip member. */
static const char two_members[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\x00\x00\xf6\xf9\x81\xed"
    "\x06\x00\x00\x00"
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\xcf\x2f\xca\x49\xe1\x02\x00\xa8\x61\x38\xdd"
    "\x06\x00\x00\x00";

static void gzip_members_are_one_stream_at_any_cut(void **state)
{
    (void)state;
    struct kt_str all = kt_str_from(two_members, sizeof two_members - 1);
    for (size_t step = 1; step <= all.len; step++) {
        struct kt_gunzip *g = kt_gunzip_new();
        struct kt_buf out = { 0 };
        struct kt_error err = { 0 };
        for (size_t at = 0; at < all.len; at += step)
            if (kt_gunzip_feed(g, kt_str_sub(all, at, step), collect, &out, &err) != KT_OK)
                fail_msg("step %zu: %s", step, err.text);
        assert_int_equal(kt_gunzip_end(g, &err), KT_OK);
        assert_true(kt_str_is(kt_buf_str(&out), "hello world\n"));
        kt_buf_done(&out);
        kt_gunzip_free(g);
    }
}

/* What could be inflated is evidence: a sum that does not fit at the end takes none of it away. */
static void gzip_gives_out_what_came_before_the_break(void **state)
{
    (void)state;
    char broken[sizeof two_members];
    memcpy(broken, two_members, sizeof broken);
    broken[sizeof broken - 9] ^= 0x55; /* the sum of the second member */
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_error err = { 0 };
    struct kt_gunzip *g = kt_gunzip_new();
    assert_int_equal(kt_gunzip_feed(g, kt_str_from(broken, sizeof broken - 1), collect, &out, &err),
                     KT_E_INPUT);
    assert_true(kt_str_is(kt_buf_str(&out), "hello world\n"));
    kt_gunzip_free(g);
}

static void gzip_refuses_cut_and_broken_streams(void **state)
{
    (void)state;
    char broken[sizeof two_members];
    memcpy(broken, two_members, sizeof broken);
    broken[12] ^= 0x55;
    struct kt_buf out = { 0 };
    struct kt_error err = { 0 };
    struct kt_gunzip *g = kt_gunzip_new();
    assert_int_equal(kt_gunzip_feed(g, kt_str_from(broken, sizeof broken - 1), collect, &out, &err),
                     KT_E_INPUT);
    kt_gunzip_free(g);
    for (size_t cut = 1; cut < 20; cut++) {
        g = kt_gunzip_new();
        assert_int_equal(kt_gunzip_feed(g, kt_str_from(two_members, cut), collect, &out, &err),
                         KT_OK);
        assert_int_equal(kt_gunzip_end(g, &err), KT_E_INPUT);
        kt_gunzip_free(g);
    }
    g = kt_gunzip_new();
    assert_int_equal(
        kt_gunzip_feed(g, kt_str_from(two_members, sizeof two_members - 1), refuse, NULL, &err),
        KT_E_AGAIN);
    kt_gunzip_free(g);
    kt_buf_done(&out);
}

static void plain_bytes_pass_through(void **state)
{
    (void)state;
    size_t n = 150000;
    char *text = kt_alloc(n);
    memset(text, '{', n);
    static const struct kt_str starts[] = { KT_STR_INIT("{"), KT_STR_INIT("\x1f{"),
                                            KT_STR_INIT("\x1f\x1f") };
    for (size_t i = 0; i < KT_ARRAY_LEN(starts); i++) {
        memcpy(text, starts[i].at, starts[i].len);
        struct kt_gunzip *g = kt_gunzip_new();
        struct kt_buf out = { 0 };
        struct kt_error err = { 0 };
        assert_int_equal(kt_gunzip_feed(g, kt_str_from(text, 1), collect, &out, &err), KT_OK);
        assert_int_equal(kt_gunzip_feed(g, kt_str_from(text + 1, n - 1), collect, &out, &err),
                         KT_OK);
        assert_int_equal(kt_gunzip_end(g, &err), KT_OK);
        assert_true(kt_str_eq(kt_buf_str(&out), kt_str_from(text, n)));
        kt_buf_done(&out);
        kt_gunzip_free(g);
    }
    kt_free(text);
}

static void terminals_see_no_control_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        { "plain käse ☃", "plain käse ☃" },
        { "a\x1b[31mb\n", "a\\x1b[31mb\\x0a" },
        { "\x7f", "\\x7f" },
        { "\xc2\x9b"
          "31m",
          "\\u009b31m" },
        { "x\xe2\x80\xaey", "x\\u202ey" }, /* right-to-left override */
        { "x\xe2\x80\x8by", "x\\u200by" }, /* zero width space */
        { "\xff\xc3", "\\xff\\xc3" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
        kt_tty_add(&b, kt_str_of(cases[i].text));
        assert_string_equal(kt_buf_z(&b), cases[i].shown);
    }
}

static void names_and_values_of_lines_bring_nothing_along(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    char value[KT_LOG_VALUE], long_one[2 * KT_LOG_VALUE];
    (void)state;
    kt_name_add(&b, KT_STR("a\r\nb\xC2\x85\xE2\x80\xAE\xE2\x80\x8B\xFF\xE2\x82\xAC'"));
    assert_string_equal(kt_buf_z(&b), "a  b    \xE2\x82\xAC'");
    assert_string_equal(kt_log_value("O'Brien\\ n=1", value), "O\\'Brien\\\\ n=1");
    memset(long_one, '\'', sizeof long_one);
    long_one[sizeof long_one - 1] = '\0';
    assert_true(strlen(kt_log_value(long_one, value)) % 2 == 0); /* no half escape at its end */
}

/* Every length, at every distance from the end, and cut short anywhere. */
static void numbers_of_any_length_read_back(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits++)
        for (unsigned behind = 0; behind < 12; behind++) {
            KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
            uint64_t v = bits == 0 ? 0 : UINT64_MAX >> (64 - bits);
            v &= ~(v >> 2); /* not all ones */
            kt_buf_varint(&b, v);
            size_t len = b.len;
            assert_int_equal(len, bits == 0 ? 1 : (bits + 6) / 7);
            kt_buf_zigzag(&b, (int64_t)(v ^ 0x5555));
            for (unsigned i = 0; i < behind; i++)
                kt_buf_byte(&b, (char)(0x71 + 13 * i));
            struct kt_rd r = kt_rd_of(kt_buf_str(&b));
            assert_true(kt_rd_varint(&r) == v && r.left == b.len - len);
            assert_true(kt_rd_zigzag(&r) == (int64_t)(v ^ 0x5555) && !r.bad && r.left == behind);
            r = kt_rd_of(kt_str_from(b.at, len - 1));
            assert_true(kt_rd_varint(&r) == 0 && r.bad);
            assert_true(kt_rd_varint(&r) == 0 && r.bad); /* and stays so */
        }
}

static void numbers_beyond_64_bits_are_bad(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", /* bit 64 */
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_rd r = kt_rd_of(kt_str_of(cases[i]));
        assert_true(kt_rd_varint(&r) == 0 && r.bad);
    }
    struct kt_rd r = kt_rd_of(KT_STR("\x81\x80\x80\x80\x80\x80\x80\x80\x01z"));
    assert_true(kt_rd_varint(&r) == (UINT64_C(1) << 56 | 1) && r.left == 1);
}

static int start(void **state)
{
    (void)state;
    kt_hash_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_match_published_vectors),
        cmocka_unit_test(signatures_match_rfc_8032),
        cmocka_unit_test(hash64_depends_on_seed_and_every_byte),
        cmocka_unit_test(base64_is_exact),
        cmocka_unit_test(words_for_a_shell_stay_one_word),
        cmocka_unit_test(ids_and_keys_read_back),
        cmocka_unit_test(lines_are_packed_without_changing_what_levels_mean),
        cmocka_unit_test(frames_are_measured_before_memory_is_given),
        cmocka_unit_test(gzip_members_are_one_stream_at_any_cut),
        cmocka_unit_test(gzip_gives_out_what_came_before_the_break),
        cmocka_unit_test(gzip_refuses_cut_and_broken_streams),
        cmocka_unit_test(plain_bytes_pass_through),
        cmocka_unit_test(names_and_values_of_lines_bring_nothing_along),
        cmocka_unit_test(numbers_of_any_length_read_back),
        cmocka_unit_test(numbers_beyond_64_bits_are_bad),
        cmocka_unit_test(terminals_see_no_control_bytes),
    };
    return cmocka_run_group_tests_name("base/bytes", tests, start, NULL);
}
