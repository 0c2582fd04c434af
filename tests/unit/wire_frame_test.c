/* frame and batch: what is written is read, what is not ours is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/wire/batch.h"

/* ---- frames ---- */

static struct kt_msg sample(enum kt_msg_type type)
{
    struct kt_msg m = {
        .type = type,
        .agent = KT_STR("web-1"),
        .program = KT_STR("keytrail-agent 0.1.0"),
        .last_seq = 7,
        .credit = 32,
        .seq = UINT64_C(0x0102030405060708),
        .count = 2,
        .raw_bytes = 4,
        .packed = KT_STR("packed"),
        .reason = KT_REFUSE_GAP,
        .index = KT_REFUSE_ALL,
        .expected = 9,
        .text = KT_STR("batches are missing"),
        .size = UINT64_C(0x1112131415161718),
        .from = 12,
        .keys = KT_STR("keytrail/22+00000000+AQ=="),
        .proof = KT_STR("0123456789abcdef0123456789abcdef"),
        .note = KT_STR("keytrail/22\n"),
        .line = KT_STR("\xe2\x80\x94 web-1 AAAA\n"),
    };
    memset(m.incarnation, 0x11, sizeof m.incarnation);
    memset(m.log_id, 0x22, sizeof m.log_id);
    memset(m.digest, 0x33, sizeof m.digest);
    memset(m.signature, 0x44, sizeof m.signature);
    memset(m.root, 0x55, sizeof m.root);
    return m;
}

static void every_message_reads_back(void **state)
{
    (void)state;
    for (int type = KT_MSG_HELLO; type <= KT_MSG_COSIGN; type++) {
        struct kt_buf a = { 0 }, b = { 0 };
        struct kt_error err = { 0 };
        struct kt_msg m = sample((enum kt_msg_type)type), got = { 0 };

        kt_msg_write(&m, &a);
        assert_int_equal(kt_msg_read(kt_buf_str(&a), &got, &err), KT_OK);
        assert_int_equal(got.version, type <= KT_MSG_PONG ? KT_WIRE_VERSION : KT_WIRE_VERSION_LOG);
        kt_msg_write(&got, &b);
        assert_true(kt_str_eq(kt_buf_str(&a), kt_buf_str(&b)));
        kt_buf_done(&a);
        kt_buf_done(&b);
    }
}

static void a_cut_or_longer_message_is_refused(void **state)
{
    (void)state;
    for (int type = KT_MSG_HELLO; type <= KT_MSG_COSIGN; type++) {
        struct kt_buf b = { 0 };
        struct kt_error err = { 0 };
        struct kt_msg m = sample((enum kt_msg_type)type), got = { 0 };

        kt_msg_write(&m, &b);
        for (size_t n = 0; n < b.len; n++)
            assert_int_equal(kt_msg_read(kt_str_from(b.at, n), &got, &err), KT_E_INPUT);
        kt_buf_byte(&b, '\0');
        assert_int_equal(kt_msg_read(kt_buf_str(&b), &got, &err), KT_E_INPUT);
        assert_int_equal(got.type, 0);
        kt_buf_done(&b);
    }
}

static void the_bytes_are_those_of_the_page(void **state)
{
    (void)state;
    struct kt_buf b = { 0 };
    struct kt_msg m = sample(KT_MSG_PING);

    kt_msg_write(&m, &b);
    assert_int_equal(b.len, 12);
    assert_memory_equal(b.at, "KT\x01\x06\x08\x07\x06\x05\x04\x03\x02\x01", 12);
    kt_buf_done(&b);
}

static void another_version_is_named(void **state)
{
    (void)state;
    struct kt_msg got = { 0 };
    struct kt_error err = { 0 };

    assert_int_equal(kt_msg_read(KT_STR("KT\x09\x01later fields"), &got, &err), KT_E_INPUT);
    assert_int_equal(got.version, 9);
    assert_int_equal(kt_msg_read(KT_STR("KT\x01\x08"), &got, &err), KT_E_INPUT);
    assert_int_equal(kt_msg_read(KT_STR("PK\x03\x04"), &got, &err), KT_E_INPUT);
}

/* What a program of version 1 sends and reads has not changed by a byte. */
static void a_type_travels_in_the_version_that_brought_it(void **state)
{
    (void)state;
    for (int type = KT_MSG_HELLO; type <= KT_MSG_COSIGN; type++) {
        struct kt_buf b = { 0 };
        struct kt_msg m = sample((enum kt_msg_type)type), got = { 0 };
        char own = type <= KT_MSG_PONG ? 1 : 2;

        kt_msg_write(&m, &b);
        assert_int_equal(b.at[2], own);
        for (char version = 0; version < 4; version++) {
            b.at[2] = version;
            got = (struct kt_msg){ 0 };
            assert_int_equal(kt_msg_read(kt_buf_str(&b), &got, NULL),
                             version == own ? KT_OK : KT_E_INPUT);
            assert_int_equal(got.version, version);
        }
        kt_buf_done(&b);
    }
}

static void texts_beyond_their_maximum_are_cut_or_refused(void **state)
{
    (void)state;
    struct kt_buf b = { 0 };
    struct kt_msg m = sample(KT_MSG_REFUSE), got = { 0 };
    struct kt_error err = { 0 };
    char text[2000];

    memset(text, 'x', sizeof text);
    m.text = kt_str_from(text, sizeof text);
    kt_msg_write(&m, &b);
    assert_int_equal(kt_msg_read(kt_buf_str(&b), &got, &err), KT_OK);
    assert_int_equal(got.text.len, 512);

    /* The same with 513 bytes of text, and with a reason that does not exist. */
    char *length = b.at + 4 + 16 + 8 + 2 + 4 + 8;
    length[0] = 1;
    kt_buf_byte(&b, 'x');
    assert_int_equal(kt_msg_read(kt_buf_str(&b), &got, &err), KT_E_INPUT);
    length[0] = 0;
    b.len--;
    assert_int_equal(kt_msg_read(kt_buf_str(&b), &got, &err), KT_OK);
    b.at[4 + 16 + 8] = 99;
    assert_int_equal(kt_msg_read(kt_buf_str(&b), &got, &err), KT_E_INPUT);
    kt_buf_done(&b);
}

static void every_refusal_has_a_word(void **state)
{
    (void)state;
    for (int r = KT_REFUSE_REVOKED; r <= KT_REFUSE_VERSION; r++)
        assert_string_not_equal(kt_refuse_word((enum kt_refuse)r), "unknown");
    assert_string_equal(kt_refuse_word(KT_REFUSE_VERSION + 1), "unknown");
}

/* ---- batches ---- */

struct fixture {
    struct kt_zip *zip;
    struct kt_signer signer;
    uint8_t public_key[32];
    struct kt_buf scratch, out;
    uint8_t hashes[KT_BATCH_EVENTS_MAX][32];
    struct kt_error err;
    enum kt_refuse reason;
    struct kt_msg m;
};
static struct fixture f;

static int setup(void **state)
{
    (void)state;
    static const uint8_t seed[32] = { 1, 2, 3 };
    f = (struct fixture){ .m = sample(KT_MSG_BATCH) };
    kt_hash_init();
    f.zip = kt_zip_new();
    kt_signer_init(&f.signer, seed);
    kt_sign_public(seed, f.public_key);
    kt_batch_seal(&f.m, KT_STR("{\"a\":1}\n{\"b\":2}\n{}\n"), &f.signer, f.zip, &f.scratch);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_zip_free(f.zip);
    kt_buf_done(&f.scratch);
    kt_buf_done(&f.out);
    return 0;
}

static enum kt_status open_it(void)
{
    f.reason = (enum kt_refuse)0;
    return kt_batch_open(&f.m, f.public_key, f.zip, &f.out, f.hashes, &f.reason, &f.err);
}

static void resign(void)
{
    struct kt_buf text = { 0 };
    kt_batch_signed_text(f.m.incarnation, f.m.seq, f.m.count, f.m.digest, &text);
    assert_int_equal(text.len, 77);
    kt_signer_sign(&f.signer, kt_buf_str(&text), f.m.signature);
    kt_buf_done(&text);
}

static void a_sealed_batch_opens(void **state)
{
    (void)state;
    uint8_t hash[32];

    assert_int_equal(f.m.count, 3);
    assert_int_equal(f.m.raw_bytes, 19);
    assert_int_equal(open_it(), KT_OK);
    assert_true(kt_str_is(kt_buf_str(&f.out), "{\"a\":1}\n{\"b\":2}\n{}\n"));
    kt_line_hash(KT_STR("{\"b\":2}"), hash);
    assert_memory_equal(hash, f.hashes[1], 32);
}

static void any_change_breaks_the_signature(void **state)
{
    (void)state;
    uint8_t *const places[] = { f.m.incarnation, f.m.digest, f.m.signature, (uint8_t *)&f.m.seq,
                                (uint8_t *)&f.m.count };
    for (size_t i = 0; i < KT_ARRAY_LEN(places); i++) {
        *places[i] ^= 1;
        assert_int_equal(open_it(), KT_E_INPUT);
        assert_int_equal(f.reason, KT_REFUSE_SIGNATURE);
        *places[i] ^= 1;
    }
    f.public_key[0] ^= 1;
    assert_int_equal(open_it(), KT_E_INPUT);
    assert_int_equal(f.out.len, 0);
}

static void lines_other_than_those_signed_are_refused(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{\"a\":1}\n{\"b\":3}\n{}\n",    /* another content */
        "{\"a\":1}\n{\"b\":2}\n\n{}\n",  /* one more */
        "{\"a\":1}\n{\"b\":2}     {}\n", /* one less */
        "{\"a\":1}\n{\"b\":2}\n{} ",     /* no newline at the end */
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(others); i++) {
        kt_buf_reset(&f.scratch);
        kt_zip_pack(f.zip, kt_str_of(others[i]), 1, &f.scratch);
        f.m.packed = kt_buf_str(&f.scratch);
        f.m.raw_bytes = (uint32_t)strlen(others[i]);
        assert_int_equal(open_it(), KT_E_INPUT);
        assert_int_equal(f.reason, KT_REFUSE_DIGEST);
    }
    f.m.raw_bytes = 100;
    assert_int_equal(open_it(), KT_E_INPUT);
    f.m.packed = KT_STR("no zstd frame");
    assert_int_equal(open_it(), KT_E_INPUT);
    assert_int_equal(f.reason, KT_REFUSE_DIGEST);
    assert_int_equal(f.out.len, 0);
}

static void a_bomb_is_refused_before_memory_is_given(void **state)
{
    (void)state;
    struct kt_buf raw = { 0 };

    memset(kt_buf_reserve(&raw, KT_BATCH_RAW_MAX), ' ', KT_BATCH_RAW_MAX);
    raw.len = KT_BATCH_RAW_MAX;
    kt_buf_reset(&f.scratch);
    kt_zip_pack(f.zip, kt_buf_str(&raw), 1, &f.scratch);
    f.m.packed = kt_buf_str(&f.scratch);
    f.m.raw_bytes = KT_BATCH_RAW_MAX;
    assert_int_equal(open_it(), KT_E_LIMIT);
    assert_int_equal(f.reason, KT_REFUSE_SIZE);
    assert_true(f.out.cap < KT_BATCH_RAW_MAX);

    f.m.raw_bytes = 10; /* a lie about the size is no way round */
    assert_int_equal(open_it(), KT_E_LIMIT);
    f.m.count = KT_BATCH_EVENTS_MAX + 1;
    resign();
    assert_int_equal(open_it(), KT_E_LIMIT);
    kt_buf_done(&raw);
}

static void alike_lines_may_pack_as_well_as_they_like(void **state)
{
    (void)state;
    struct kt_buf raw = { 0 };

    for (unsigned i = 0; i < 1000; i++) {
        memset(kt_buf_reserve(&raw, 1000), 'x', 1000);
        raw.len += 1000;
        kt_buf_byte(&raw, '\n');
    }
    kt_batch_seal(&f.m, kt_buf_str(&raw), &f.signer, f.zip, &f.scratch);
    assert_true(raw.len / f.m.packed.len > KT_BATCH_RATIO_MAX);
    assert_int_equal(open_it(), KT_OK);
    kt_buf_done(&raw);
}

static void a_line_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct kt_buf raw = { 0 };

    memset(kt_buf_reserve(&raw, KT_LINE_MAX + 1), 'x', KT_LINE_MAX + 1);
    raw.len = KT_LINE_MAX + 1;
    kt_buf_byte(&raw, '\n');
    kt_batch_seal(&f.m, kt_buf_str(&raw), &f.signer, f.zip, &f.scratch);
    assert_int_equal(open_it(), KT_E_LIMIT);
    assert_int_equal(f.reason, KT_REFUSE_SIZE);
    kt_buf_done(&raw);
}

#define BATCH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_reads_back),
        cmocka_unit_test(a_cut_or_longer_message_is_refused),
        cmocka_unit_test(the_bytes_are_those_of_the_page),
        cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(a_type_travels_in_the_version_that_brought_it),
        cmocka_unit_test(texts_beyond_their_maximum_are_cut_or_refused),
        cmocka_unit_test(every_refusal_has_a_word),
        BATCH(a_sealed_batch_opens),
        BATCH(any_change_breaks_the_signature),
        BATCH(lines_other_than_those_signed_are_refused),
        BATCH(a_bomb_is_refused_before_memory_is_given),
        BATCH(alike_lines_may_pack_as_well_as_they_like),
        BATCH(a_line_over_the_limit_is_refused),
    };
    return cmocka_run_group_tests_name("wire_frame", tests, NULL, NULL);
}
