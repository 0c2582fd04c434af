/* Digests of a trail: what they say, and whether they are signed. The key was made for this test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agents/inputs/aws_digest.h"
#include "agents/inputs/s3_digests.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/rsa.h"

/* One key in both forms, one of 1,024 bits, one of another kind. */
static const char pkcs1[] =
    "MIIBCgKCAQEAomvm9YSO9E8Txq46dww7vOEIXL+56rbj2eoCR/pDCj4OHxS6FhXId9u50pCDV19TfkLK"
    "RHmHRPmHC90xR7Dgemt0TrjPnbqAEOOVGDT/I7JeGu9BNDlWWw4+wE1shS5arLLe3Ci++fI2VgsVLsfl"
    "euKEtu8QQpzpjsWHzQkT3Dmj/gClL7ohmhQc/kFki0RUmO/wym14KePIczwvgY4quNKBpBuxnb1M/D/R"
    "PDXPaB8VcVwKco7MZpikvFb/AYN0Zl9UZIeJrn9N1VU9IHJRFhDGrYz5hpQq2gdAow6jV3AAxwcHwQwx"
    "EV9sj/wP4vyPGlaPk8FXHPzLasTzcFQxvwIDAQAB";
static const char spki[] =
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAomvm9YSO9E8Txq46dww7vOEIXL+56rbj2eoC"
    "R/pDCj4OHxS6FhXId9u50pCDV19TfkLKRHmHRPmHC90xR7Dgemt0TrjPnbqAEOOVGDT/I7JeGu9BNDlW"
    "Ww4+wE1shS5arLLe3Ci++fI2VgsVLsfleuKEtu8QQpzpjsWHzQkT3Dmj/gClL7ohmhQc/kFki0RUmO/w"
    "ym14KePIczwvgY4quNKBpBuxnb1M/D/RPDXPaB8VcVwKco7MZpikvFb/AYN0Zl9UZIeJrn9N1VU9IHJR"
    "FhDGrYz5hpQq2gdAow6jV3AAxwcHwQwxEV9sj/wP4vyPGlaPk8FXHPzLasTzcFQxvwIDAQAB";
static const char small[] =
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCyCSRGTwJlItRkxohDdq7JpO2uHoFN85pcPg92tela"
    "XaMAsuDvP574YSStjMTxZJ/dt03UQ/h2DQP3UoVSrRgy7TkwVPTFzLf62n/xA9cwPClMy6Y85te/xuHc"
    "rim/1A5FZo18f9lNQ9E4FSyVVMHATBqCRBD8SUagasQQSXhDYwIDAQAB";
static const char elliptic[] =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZLFy3GnMiIXKodO/4r5mehLXPAsCBYGm10AqXXu4NZDS"
    "VUQtPbQRQZt+Of9JqpeQlc/tqZ6kv9uz2FGb/zlCKQ==";
static const char signature[] =
    "92b7a28d6d0a45985e5df5ccc3715b178b1639a1c2fb5e88541be79a8eb1ff6896b4731834d0631a"
    "6b33a4b5556b74b41c17ecf10116477a07dc3a697e9d4e5e6c60a16d90fff1917a03fc59f7f505ad"
    "edd2c5e0f09a44bfcd9d76a7537f5430f39291d56155b5a581f7564cadb16690f384e44b996f6e2d"
    "19d06844facaad5e912f42ebf5b88987a69ff3841b0254ce316091b6349a909ad5c751685d3e7775"
    "fbef19c724242a530cb0ccf4f45bb3512f60f06ff19b3e1e50f585b2f08220f1953fbf674d0d62b2"
    "a81b9e897912f66b3a7b06f1567b54e5a6ffb505e264b85ecc932004f1b6e550f75b39e3ef387354"
    "e215d79d071688017dc07324b5a47a05";
static const char key[] =
    "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/11/29/111122223333_CloudTr"
    "ail-Digest_eu-west-1_my_trail_us-east-1_20261129T040000Z.json.gz";
static const char digest[] =
    "{\"awsAccountId\":\"111122223333\",\"digestStartTime\":\"2026-11-29T03:00:00Z\",\"digestE"
    "ndTime\":\"2026-11-29T04:00:00Z\",\"digestS3Bucket\":\"b\",\"digestS3Object\":\"AWSLogs/11"
    "1122223333/CloudTrail-Digest/eu-west-1/2026/11/29/111122223333_CloudTrail-Digest"
    "_eu-west-1_my_trail_us-east-1_20261129T040000Z.json.gz\",\"digestPublicKeyFingerpr"
    "int\":\"0f\",\"digestSignatureAlgorithm\":\"SHA256withRSA\",\"newestEventTime\":null,\"old"
    "estEventTime\":null,\"previousDigestS3Bucket\":\"b\",\"previousDigestS3Object\":\"AWSLog"
    "s/111122223333/CloudTrail-Digest/eu-west-1/2026/11/29/111122223333_CloudTrail-Di"
    "gest_eu-west-1_my_trail_us-east-1_20261129T030000Z.json.gz\",\"previousDigestHashV"
    "alue\":\"1111111111111111111111111111111111111111111111111111111111111111\",\"previo"
    "usDigestHashAlgorithm\":\"SHA-256\",\"previousDigestSignature\":\"2222222222222222\",\"l"
    "ogFiles\":[{\"s3Bucket\":\"b\",\"s3Object\":\"k1\",\"hashValue\":\"3333333333333333333333333"
    "333333333333333333333333333333333333333\",\"hashAlgorithm\":\"SHA-256\"},{\"s3Bucket\":"
    "\"b\",\"s3Object\":\"k2\",\"hashValue\":\"44444444444444444444444444444444444444444444444"
    "44444444444444444\",\"hashAlgorithm\":\"SHA-256\"}]}";

static struct kt_json *json;
static struct kt_error err;

static int setup(void **state)
{
    (void)state;
    json = kt_json_new(KT_JSON_SIMDJSON);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_json_free(json);
    return 0;
}

static struct kt_str der(const char *base64, struct kt_buf *out)
{
    kt_buf_reset(out);
    assert_true(kt_base64_decode(kt_str_of(base64), out));
    return kt_buf_str(out);
}

static void a_digest_is_read(void **state)
{
    (void)state;
    struct aws_digest d;
    struct aws_digest_file f;
    bool bad = false;
    assert_int_equal(aws_digest_read(json, kt_str_of(digest), &d, NULL), KT_OK);
    assert_true(kt_str_is(d.account, "111122223333") && kt_str_is(d.object, key));
    assert_true(d.end - d.start == KT_NS_HOUR && !d.starting);
    struct kt_json_iter it = kt_json_iter(d.files);
    assert_true(aws_digest_next(&it, &f, &bad) && kt_str_is(f.object, "k1"));
    assert_int_equal(f.sha256[31], 0x33);
    assert_true(aws_digest_next(&it, &f, &bad) && kt_str_is(f.object, "k2"));
    assert_false(aws_digest_next(&it, &f, &bad) || bad);
}

/* digest with `from` replaced, all of the same length. */
static enum kt_status read_with(const char *from, const char *to, struct aws_digest *d)
{
    char text[sizeof digest];
    memcpy(text, digest, sizeof digest);
    char *at = strstr(text, from);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    return aws_digest_read(json, kt_str_of(text), d, &err);
}

static void what_is_no_digest_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        { "SHA256withRSA", "SHA512withRSA" },
        { "\"previousDigestHashValue\"", "\"previousDigestHashValuf\"" },
        { "2026-11-29T03", "2026-13-29T03" },
        { "\"SHA-256\"", "\"SHA-512\"" },
        { "\"logFiles\"", "\"logFilet\"" },
        { "2222222222222222", "222222222222222x" },
    };
    struct aws_digest d;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        if (read_with(cases[i].from, cases[i].to, &d) != KT_E_INPUT)
            fail_msg("%s", cases[i].to);
    assert_int_equal(aws_digest_read(json, KT_STR("[]"), &d, &err), KT_E_INPUT);
    assert_int_equal(aws_digest_read(json, KT_STR("{"), &d, &err), KT_E_INPUT);
}

static void a_log_file_in_another_form_is_said(void **state)
{
    (void)state;
    struct aws_digest d;
    struct aws_digest_file f;
    bool bad = false;
    assert_int_equal(read_with("\"s3Object\":\"k2\"", "\"s3Objekt\":\"k2\"", &d), KT_OK);
    struct kt_json_iter it = kt_json_iter(d.files);
    assert_true(aws_digest_next(&it, &f, &bad) && !bad);
    assert_false(aws_digest_next(&it, &f, &bad));
    assert_true(bad);
}

static void signatures_are_judged_with_keys_in_both_forms(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf k = { 0 };
    const struct kt_str text = kt_str_of(digest), name = kt_str_of(key), bucket = KT_STR("b");
    const struct kt_str sig = kt_str_of(signature);
    struct aws_digest d;
    uint8_t hash[32];
    kt_sha256_of(&text, 1, hash);
    assert_int_equal(aws_digest_read(json, text, &d, NULL), KT_OK);
    assert_true(aws_digest_is_signed(&d, bucket, name, hash, sig, der(pkcs1, &k)));
    assert_true(aws_digest_is_signed(&d, bucket, name, hash, sig, der(spki, &k)));
    assert_false(aws_digest_is_signed(&d, KT_STR("c"), name, hash, sig, der(spki, &k)));
    assert_false(aws_digest_is_signed(&d, bucket, KT_STR("k"), hash, sig, der(spki, &k)));
    assert_false(aws_digest_is_signed(&d, bucket, name, hash, KT_STR("00"), der(spki, &k)));
    assert_false(aws_digest_is_signed(&d, bucket, name, hash, KT_STR_NONE, der(spki, &k)));
    assert_false(aws_digest_is_signed(&d, bucket, name, hash, sig, der(small, &k)));
    d.starting = true; /* "null" is signed then */
    assert_false(aws_digest_is_signed(&d, bucket, name, hash, sig, der(spki, &k)));
    d.starting = false;
    hash[0] ^= 1;
    assert_false(aws_digest_is_signed(&d, bucket, name, hash, sig, der(spki, &k)));
}

static void only_rsa_keys_that_are_long_enough_are_keys(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf k = { 0 };
    assert_true(kt_rsa_is_key(der(pkcs1, &k)) && kt_rsa_is_key(der(spki, &k)));
    assert_false(kt_rsa_is_key(der(small, &k)) || kt_rsa_is_key(der(elliptic, &k)));
    der(pkcs1, &k);
    assert_false(kt_rsa_is_key(kt_str_sub(kt_buf_str(&k), 0, k.len - 1)));
    kt_buf_byte(&k, 'x');
    assert_false(kt_rsa_is_key(kt_buf_str(&k)) || kt_rsa_is_key(KT_STR_NONE));
}

static void names_say_chain_and_region(void **state)
{
    (void)state;
    static const struct {
        const char *key, *chain;
    } cases[] = {
        { key, "111122223333_CloudTrail-Digest_eu-west-1_my_trail_us-east-1" },
        { "p/CloudTrail-Digest/eu/1_CloudTrail-Digest_eu_t_us_20261129T040000Z_backfill.json.gz",
          "1_CloudTrail-Digest_eu_t_us_backfill" },
        { "p/CloudTrail-Digest/us/1_CloudTrail-Digest_eu_t_us_20261129T040000Z.json.gz", NULL },
        { "1_CloudTrail_eu_20261129T0400Z_0123456789abcdef.json.gz", NULL },
        { "1_CloudTrail-Digest_20261129T040000Z.json.gz", NULL },
        { "_20261129T040000Z.json.gz", NULL },
        { "x.json.gz", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf chain = { 0 };
        struct kt_str region;
        bool ok = aws_digest_chain(kt_str_of(cases[i].key), &chain, &region);
        if (ok != (cases[i].chain != NULL) || (ok && strcmp(kt_buf_z(&chain), cases[i].chain) != 0))
            fail_msg("'%s': '%s'", cases[i].key, kt_buf_z(&chain));
    }
}

#define HASH                                                                                       \
    "1111111111111111111111111111111111111111111111111111111111111111 "                            \
    "22222222222222222222222222222222 "

static void give_chains(void *self, void (*each)(void *to, struct kt_str key, struct kt_str value),
                        void *to)
{
    if (self == NULL)
        return;
    each(to, KT_STR("chain/one"), kt_str_of(self));
    each(to, KT_STR("chain/two_backfill"), KT_STR(HASH "p_20261128T040000Z_backfill.json.gz"));
    each(to, KT_STR("chain/ended"), KT_STR(HASH "p_20261101T040000Z.json.gz"));
}

static void chains_that_are_silent_are_said(void **state)
{
    (void)state;
    char last[] = HASH "p_20261129T040000Z.json.gz";
    static const struct {
        bool chains;
        int began, now; /* hours after the 28th */
        const char *problem;
    } cases[] = {
        { true, 0, 30, "" },
        { true, 0, 31, "" },
        { true, 0, 32, "no digest since 2026-11-29 04:00:00 of one: is log file validation on?" },
        { true, 30, 32, "" }, /* it was not listened to */
        { true, 0, 28 + 7 * 24 + 1, "no digest was verified in three hours" },
        { false, 0, 3, "" },
        { false, 0, 4, "no digest was verified in three hours" },
    };
    kt_time_ns zero;
    assert_int_equal(kt_time_parse(KT_STR("2026-11-28T00:00:00Z"), &zero, NULL), KT_OK);
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        char is[200];
        struct aws_client c = { .began = zero + cases[i].began * KT_NS_HOUR,
                                .now = zero + cases[i].now * KT_NS_HOUR };
        struct s3_reader r = { .aws = &c };
        const struct kt_input_env env = { .each_position = give_chains,
                                          .self = cases[i].chains ? last : NULL };
        struct s3_digests *d = s3_digests_new(&env, &r, NULL);
        s3_digests_problem(d, is, sizeof is);
        s3_digests_free(d);
        if (strncmp(is, cases[i].problem, strlen(cases[i].problem)) != 0 ||
            (is[0] != '\0') != (cases[i].problem[0] != '\0'))
            fail_msg("case %zu: '%s'", i, is);
    }
}

static void add_key(void *self, const struct aws_public_key *k)
{
    kt_buf_addf(self, KT_STR_FMT "=" KT_STR_FMT ";", KT_STR_ARG(k->fingerprint),
                KT_STR_ARG(k->value));
}

static void lists_of_keys_are_read(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_str token;
    const struct kt_str text =
        KT_STR("{\"PublicKeyList\":[{\"Fingerprint\":\"f1\",\"Value\":\"AA==\"},"
               "{\"Fingerprint\":\"f2\"},7],\"NextToken\":\"t\"}");
    assert_int_equal(aws_digest_keys(json, text, add_key, &out, &token, NULL), KT_OK);
    assert_string_equal(kt_buf_z(&out), "f1=AA==;");
    assert_true(kt_str_is(token, "t"));
    assert_int_equal(aws_digest_keys(json, KT_STR("{}"), add_key, &out, &token, &err), KT_E_INPUT);
    assert_int_equal(aws_digest_keys(json, KT_STR("<"), add_key, &out, &token, &err), KT_E_INPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_digest_is_read),
        TEST(what_is_no_digest_is_refused),
        TEST(a_log_file_in_another_form_is_said),
        TEST(signatures_are_judged_with_keys_in_both_forms),
        TEST(only_rsa_keys_that_are_long_enough_are_keys),
        TEST(names_say_chain_and_region),
        TEST(chains_that_are_silent_are_said),
        TEST(lists_of_keys_are_read),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
