/* What is asked of AWS: signatures against the published vectors, notices in all their forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agents/inputs/aws_sign.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

/* ---- signatures ---- */

static void expect_signature(const struct aws_keys *k, const struct aws_request *r,
                             const char *names, const char *want)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 }, end = { 0 };
    aws_sign(k, r, &out);
    kt_buf_addf(&end, "SignedHeaders=%s, Signature=%s\n", names, want);
    if (!kt_str_ends(kt_buf_str(&out), kt_buf_str(&end)))
        fail_msg("got %s want %s", kt_buf_z(&out), kt_buf_z(&end));
}

/* AWS's own test suite for Signature Version 4, of 2015-08-30. */
static void the_published_suite_signs_alike(void **state)
{
    (void)state;
    const struct aws_keys k = { KT_STR("AKIDEXAMPLE"),
                                KT_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), KT_STR_NONE };
    const struct aws_pair order[] = { { KT_STR("Param2"), KT_STR("value2") },
                                      { KT_STR("Param1"), KT_STR("value1") } };
    struct aws_request r = { .method = "GET",
                             .host = KT_STR("example.amazonaws.com"),
                             .path = KT_STR("/"),
                             .region = "us-east-1",
                             .service = "service" };
    assert_int_equal(kt_time_parse(KT_STR("2015-08-30T12:36:00Z"), &r.now, NULL), KT_OK);
    expect_signature(&k, &r, "host;x-amz-date",
                     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    r.query = order;
    r.n_query = 2;
    expect_signature(&k, &r, "host;x-amz-date",
                     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
    r.n_query = 0;
    r.method = "POST";
    expect_signature(&k, &r, "host;x-amz-date",
                     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    const struct aws_pair h[] = { { KT_STR("my-header1"), KT_STR("value1") } };
    r.header = h;
    r.n_header = 1;
    expect_signature(&k, &r, "host;my-header1;x-amz-date",
                     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c");
}

/* The examples of the S3 API Reference, "Signature Calculations for the Authorization Header". */
static void the_examples_of_s3_sign_alike(void **state)
{
    (void)state;
    const struct aws_keys k = { KT_STR("AKIAIOSFODNN7EXAMPLE"),
                                KT_STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), KT_STR_NONE };
    const struct aws_pair range[] = { { KT_STR("range"), KT_STR("bytes=0-9") } };
    const struct aws_pair list[] = { { KT_STR("prefix"), KT_STR("J") },
                                     { KT_STR("max-keys"), KT_STR("2") } };
    const struct aws_pair lifecycle[] = { { KT_STR("lifecycle"), KT_STR_NONE } };
    struct aws_request r = { .method = "GET",
                             .host = KT_STR("examplebucket.s3.amazonaws.com"),
                             .path = KT_STR("/test.txt"),
                             .header = range,
                             .n_header = 1,
                             .region = "us-east-1",
                             .service = "s3" };
    assert_int_equal(kt_time_parse(KT_STR("2013-05-24T00:00:00Z"), &r.now, NULL), KT_OK);
    expect_signature(&k, &r, "host;range;x-amz-content-sha256;x-amz-date",
                     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    r.path = KT_STR("/");
    r.n_header = 0;
    r.query = lifecycle;
    r.n_query = 1;
    expect_signature(&k, &r, "host;x-amz-content-sha256;x-amz-date",
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    r.query = list;
    r.n_query = 2;
    expect_signature(&k, &r, "host;x-amz-content-sha256;x-amz-date",
                     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void queries_are_sorted_by_encoded_name_then_value(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    const struct aws_pair q[] = { { KT_STR("a.b"), KT_STR("1") },
                                  { KT_STR("a"), KT_STR("z/y") },
                                  { KT_STR("a"), KT_STR("A b") },
                                  { KT_STR("a%"), KT_STR("") },
                                  { KT_STR("\xc3\xa4"), KT_STR("+") } };
    aws_query(q, KT_ARRAY_LEN(q), &out);
    assert_string_equal(kt_buf_z(&out), "%C3%A4=%2B&a=A%20b&a=z%2Fy&a%25=&a.b=1");
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
        cmocka_unit_test(the_published_suite_signs_alike),
        cmocka_unit_test(the_examples_of_s3_sign_alike),
        cmocka_unit_test(queries_are_sorted_by_encoded_name_then_value),
    };
    return cmocka_run_group_tests_name("agent/aws", tests, start, NULL);
}
