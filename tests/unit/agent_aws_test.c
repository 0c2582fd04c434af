/* What is asked of AWS: signatures against the published vectors, notices in all their forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agents/inputs/aws_client.h"
#include "agents/inputs/aws_creds.h"
#include "agents/inputs/aws_notice.h"
#include "core/base/alloc.h"
#include "core/base/aws.h"
#include "core/base/hash.h"

/* ---- signatures ---- */

static void expect_signature(const struct kt_aws_keys *k, const struct kt_aws_request *r,
                             const char *names, const char *want)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 }, end = { 0 };
    kt_aws_sign(k, r, &out);
    kt_buf_addf(&end, "SignedHeaders=%s, Signature=%s\n", names, want);
    if (!kt_str_ends(kt_buf_str(&out), kt_buf_str(&end)))
        fail_msg("got %s want %s", kt_buf_z(&out), kt_buf_z(&end));
}

/* AWS's own test suite for Signature Version 4, of 2015-08-30. */
static void the_published_suite_signs_alike(void **state)
{
    (void)state;
    const struct kt_aws_keys k = { KT_STR("AKIDEXAMPLE"),
                                   KT_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                                   KT_STR_NONE };
    const struct kt_aws_pair order[] = { { KT_STR("Param2"), KT_STR("value2") },
                                         { KT_STR("Param1"), KT_STR("value1") } };
    struct kt_aws_request r = { .method = "GET",
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
    const struct kt_aws_pair h[] = { { KT_STR("my-header1"), KT_STR("value1") } };
    r.header = h;
    r.n_header = 1;
    expect_signature(&k, &r, "host;my-header1;x-amz-date",
                     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c");
}

/* The examples of the S3 API Reference, "Signature Calculations for the Authorization Header". */
static void the_examples_of_s3_sign_alike(void **state)
{
    (void)state;
    const struct kt_aws_keys k = { KT_STR("AKIAIOSFODNN7EXAMPLE"),
                                   KT_STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                                   KT_STR_NONE };
    const struct kt_aws_pair range[] = { { KT_STR("range"), KT_STR("bytes=0-9") } };
    const struct kt_aws_pair list[] = { { KT_STR("prefix"), KT_STR("J") },
                                        { KT_STR("max-keys"), KT_STR("2") } };
    const struct kt_aws_pair lifecycle[] = { { KT_STR("lifecycle"), KT_STR_NONE } };
    struct kt_aws_request r = { .method = "GET",
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
    const struct kt_aws_pair q[] = { { KT_STR("a.b"), KT_STR("1") },
                                     { KT_STR("a"), KT_STR("z/y") },
                                     { KT_STR("a"), KT_STR("A b") },
                                     { KT_STR("a%"), KT_STR("") },
                                     { KT_STR("\xc3\xa4"), KT_STR("+") } };
    kt_aws_query(q, KT_ARRAY_LEN(q), &out);
    assert_string_equal(kt_buf_z(&out), "%C3%A4=%2B&a=A%20b&a=z%2Fy&a%25=&a.b=1");
}

static void elements_are_found_by_name(void **state)
{
    (void)state;
    const struct kt_str text = KT_STR("<E><Code>A</Code><Region>eu</Region><Code>B</Code><x></E>");
    assert_true(kt_str_is(kt_aws_xml(text, "Code"), "A") &&
                kt_str_is(kt_aws_xml(text, "Region"), "eu"));
    assert_true(kt_aws_xml(text, "x").len == 0 && kt_aws_xml(text, "y").len == 0);
    assert_true(kt_aws_xml(KT_STR_NONE, "x").len == 0);
}

/* ---- notices ---- */

static void add_object(void *self, const struct aws_object *o)
{
    kt_buf_addf(self, KT_STR_FMT "/" KT_STR_FMT "#" KT_STR_FMT ";", KT_STR_ARG(o->bucket),
                KT_STR_ARG(o->key), KT_STR_ARG(o->etag));
}

static void notices_are_read_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *body, *objects;
        enum aws_notice want;
    } cases[] = {
        { "{\"Records\":[{\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"b\"},"
          "\"object\":{\"key\":\"a+b%2Bc%C3%A4%zz%4\",\"eTag\":\"e1\"}}},"
          "{\"eventName\":\"s3:ObjectCreated:Copy\",\"s3\":{\"bucket\":{\"name\":\"b\"},"
          "\"object\":{\"key\":\"d\"}}},"
          "{\"eventName\":\"ObjectRemoved:Delete\",\"s3\":{\"bucket\":{\"name\":\"b\"},"
          "\"object\":{\"key\":\"x\"}}}]}",
          "b/a b+c\xc3\xa4%zz%4#e1;b/d#;", AWS_NOTICE_OBJECTS },
        { "{\"Type\":\"Notification\",\"Message\":\"{\\\"Records\\\":[{\\\"eventName\\\":"
          "\\\"ObjectCreated:Put\\\",\\\"s3\\\":{\\\"bucket\\\":{\\\"name\\\":\\\"b\\\"},"
          "\\\"object\\\":{\\\"key\\\":\\\"k\\\"}}}]}\"}",
          "b/k#;", AWS_NOTICE_OBJECTS },
        { "{\"Type\":\"Notification\",\"Message\":\"{\\\"s3Bucket\\\":\\\"b\\\","
          "\\\"s3ObjectKey\\\":"
          "[\\\"k+1\\\",\\\"k2\\\"]}\"}",
          "b/k+1#;b/k2#;", AWS_NOTICE_OBJECTS },
        { "{\"detail-type\":\"Object Created\",\"detail\":{\"bucket\":{\"name\":\"b\"},"
          "\"object\":{\"key\":\"k+1\",\"etag\":\"e\"}}}",
          "b/k+1#e;", AWS_NOTICE_OBJECTS },
        { "{\"Records\":[]}", "", AWS_NOTICE_OBJECTS },
        { "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\"}", "", AWS_NOTICE_TEST },
        { "{\"Type\":\"Notification\",\"Message\":\"{\\\"Event\\\":\\\"s3:TestEvent\\\"}\"}", "",
          AWS_NOTICE_TEST },
        { "{\"Type\":\"Notification\",\"Message\":\"CloudTrail validation message.\"}", "",
          AWS_NOTICE_TEST },
        { "{\"Type\":\"Notification\",\"Message\":\"hello\"}", "", AWS_NOTICE_UNKNOWN },
        { "{\"Type\":\"Notification\"}", "", AWS_NOTICE_UNKNOWN },
        { "{\"Records\":{}}", "", AWS_NOTICE_UNKNOWN },
        { "{\"detail-type\":\"Object Deleted\",\"detail\":{}}", "", AWS_NOTICE_UNKNOWN },
        { "[]", "", AWS_NOTICE_UNKNOWN },
        { "no json", "", AWS_NOTICE_UNKNOWN },
        { "", "", AWS_NOTICE_UNKNOWN },
    };
    struct aws_notices *n = aws_notices_new();
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf got = { 0 };
        assert_int_equal(aws_notice_read(n, kt_str_of(cases[i].body), add_object, &got),
                         cases[i].want);
        assert_string_equal(kt_buf_z(&got), cases[i].objects);
    }
    aws_notices_free(n);
}

/* ---- keys ---- */

struct setting {
    const char *name, *value;
};

static const char *env_of(void *self, const char *name)
{
    for (const struct setting *s = self; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s->value;
    return NULL;
}

static struct aws_creds *creds_with(struct setting *env)
{
    const struct aws_creds_options o = { .env = env_of, .env_self = env, .region = "eu-west-1" };
    return aws_creds_new(&o);
}

#define T0 (INT64_C(1790000000) * KT_NS_S) /* 2026-09-21T14:13:20Z */

static void the_environment_comes_first(void **state)
{
    (void)state;
    struct setting env[] = { { "AWS_ACCESS_KEY_ID", "AKIDX" },
                             { "AWS_SECRET_ACCESS_KEY", "s" },
                             { "AWS_SESSION_TOKEN", "t" },
                             { "AWS_PROFILE", "p" },
                             { NULL, NULL } };
    struct kt_http_request r;
    struct kt_aws_keys k;
    struct kt_error err;
    struct aws_creds *c = creds_with(env);
    assert_false(aws_creds_keys(c, T0, &k));
    assert_true(aws_creds_due(c, T0));
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_E_AGAIN);
    assert_true(aws_creds_keys(c, T0, &k));
    assert_true(kt_str_is(k.id, "AKIDX") && kt_str_is(k.secret, "s") && kt_str_is(k.session, "t"));
    assert_false(aws_creds_due(c, T0 + 1000 * KT_NS_DAY));
    aws_creds_free(c);
    env[1].value = "";
    c = creds_with(env);
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "AWS_SECRET_ACCESS_KEY"));
    aws_creds_free(c);
}

static void keys_that_are_refused_again_are_known(void **state)
{
    (void)state;
    struct setting env[] = { { "AWS_ACCESS_KEY_ID", "AKIDX" },
                             { "AWS_SECRET_ACCESS_KEY", "s" },
                             { NULL, NULL } };
    struct kt_http_request r;
    struct kt_aws_keys k;
    struct kt_error err;
    struct aws_creds *c = creds_with(env);
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_E_AGAIN);
    assert_false(aws_creds_refused(c));
    assert_false(aws_creds_keys(c, T0, &k));
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_E_AGAIN);
    assert_true(aws_creds_refused(c));
    env[0].value = "AKIDY";
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_E_AGAIN);
    assert_false(aws_creds_refused(c));
    aws_creds_free(c);
}

static void what_aws_says_is_wrong_is_one_table(void **state)
{
    static const struct {
        const char *code;
        enum aws_wrong wrong;
        const char *help;
    } cases[] = {
        { "InvalidAccessKeyId", AWS_WRONG_KEYS, "no such access key" },
        { "InvalidClientTokenId", AWS_WRONG_KEYS, "no such access key" },
        { "UnrecognizedClientException", AWS_WRONG_KEYS, "no such access key" },
        { "ExpiredTokenException", AWS_WRONG_KEYS, "expired" },
        { "InvalidToken", AWS_WRONG_KEYS, "session token" },
        { "SignatureDoesNotMatch", AWS_WRONG_SIGN, "secret key is wrong, or the clock" },
        { "InvalidSignatureException", AWS_WRONG_SIGN, "secret key is wrong, or the clock" },
        { "RequestTimeTooSkewed", AWS_WRONG_SIGN, "clock" },
        { "RequestExpired", AWS_WRONG_SIGN, "clock" },
        { "KmsAccessDenied", AWS_WRONG_RIGHT, "kms:Decrypt" },
        { "AccessDenied", AWS_WRONG_RIGHT, NULL },
        { "AccessDeniedException", AWS_WRONG_RIGHT, NULL },
        { "UnauthorizedOperation", AWS_WRONG_RIGHT, NULL },
        { "ThrottlingException", AWS_WRONG_BUSY, "too often" },
        { "TooManyRequestsException", AWS_WRONG_BUSY, "too often" },
        { "InvalidNextTokenException", AWS_WRONG_OTHER, NULL },
        { "ExpiredNextTokenException", AWS_WRONG_OTHER, NULL },
        { "InvalidTokenException", AWS_WRONG_OTHER, NULL }, /* of a page */
        { "NoSuchKey", AWS_WRONG_OTHER, NULL },
        { "", AWS_WRONG_OTHER, NULL },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        const char *help;
        assert_int_equal(aws_client_wrong(kt_str_of(cases[i].code), &help), cases[i].wrong);
        assert_int_equal(help != NULL, cases[i].help != NULL);
        assert_true(help == NULL || strstr(help, cases[i].help) != NULL);
    }
}

static void the_instance_is_asked_in_three_steps(void **state)
{
    (void)state;
    struct setting env[] = { { NULL, NULL } };
    struct kt_http_request r;
    struct kt_aws_keys k;
    struct kt_error err;
    struct aws_creds *c = creds_with(env);
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_OK);
    assert_int_equal(r.method, KT_HTTP_PUT);
    assert_true(r.metadata && !r.allow_private);
    assert_true(kt_str_is(r.url, "http://169.254.169.254/latest/api/token"));
    assert_int_equal(aws_creds_answer(c, 200, KT_STR("tok\r\nen"), T0, &err), KT_E_INPUT);
    assert_int_equal(aws_creds_answer(c, 200, KT_STR("token1\n"), T0, &err), KT_OK);
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_OK);
    assert_int_equal(r.method, KT_HTTP_GET);
    assert_true(kt_str_is(r.headers[0], "x-aws-ec2-metadata-token: token1"));
    assert_int_equal(aws_creds_answer(c, 200, KT_STR("my role\nother"), T0, &err), KT_OK);
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_OK);
    assert_true(kt_str_ends(r.url, KT_STR("/security-credentials/my%20role")));
    const struct kt_str good =
        KT_STR("{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA1\",\"SecretAccessKey\":\"s\","
               "\"Token\":\"t\",\"Expiration\":\"2026-09-21T15:13:20Z\"}");
    assert_int_equal(aws_creds_answer(c, 200, good, T0, &err), KT_OK);
    assert_true(aws_creds_keys(c, T0, &k) && kt_str_is(k.session, "t"));
    assert_false(aws_creds_due(c, T0 + 49 * KT_NS_MIN));
    assert_true(aws_creds_due(c, T0 + 51 * KT_NS_MIN));
    /* what cannot be had anew is used until it expires */
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_OK);
    assert_int_equal(aws_creds_answer(c, 404, KT_STR_NONE, T0, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "role"));
    assert_true(aws_creds_keys(c, T0 + 59 * KT_NS_MIN, &k));
    assert_false(aws_creds_keys(c, T0 + 60 * KT_NS_MIN, &k));
    aws_creds_free(c);
}

static void containers_and_their_tokens_are_asked(void **state)
{
    (void)state;
    struct setting env[] = { { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x" },
                             { "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc" },
                             { NULL, NULL } };
    struct kt_http_request r;
    struct kt_aws_keys k;
    struct kt_error err;
    struct aws_creds *c = creds_with(env);
    env[1].value = "abc\r\nx: y";
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_E_CONFIG);
    env[1].value = "Basic abc";
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_OK);
    assert_true(kt_str_is(r.url, "http://169.254.170.2/v2/credentials/x") && r.metadata);
    assert_true(kt_str_is(r.headers[0], "Authorization: Basic abc"));
    static const char *const bad[] = {
        "", "[]", "{\"AccessKeyId\":\"a\"}", "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\\n\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}"
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        assert_int_equal(aws_creds_answer(c, 200, kt_str_of(bad[i]), T0, &err), KT_E_INPUT);
    assert_false(aws_creds_keys(c, T0, &k));
    aws_creds_free(c);
}

static void write_token(const char *path, const char *token)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(token, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void a_web_identity_is_exchanged_for_keys(void **state)
{
    (void)state;
    char path[] = "/tmp/keytrail-token-XXXXXX";
    const int fd = mkstemp(path);
    struct setting env[] = { { "AWS_WEB_IDENTITY_TOKEN_FILE", path },
                             { "AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/x y" },
                             { "AWS_ROLE_SESSION_NAME", "me" },
                             { NULL, NULL } };
    struct kt_http_request r;
    struct kt_aws_keys k;
    struct kt_error err;
    assert_true(fd >= 0 && close(fd) == 0);
    struct aws_creds *c = creds_with(env);
    write_token(path, "one+/=\n");
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_OK);
    assert_true(kt_str_is(r.url, "https://sts.eu-west-1.amazonaws.com/"));
    assert_true(r.method == KT_HTTP_POST && !r.metadata && !r.allow_private && r.n_headers == 1);
    assert_true(kt_str_is(r.body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn="
                                  "arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fx%20y"
                                  "&RoleSessionName=me&WebIdentityToken=one%2B%2F%3D"));
    assert_int_equal(aws_creds_answer(c, 403, KT_STR_NONE, T0, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "trust policy"));
    write_token(path, "two"); /* it is rotated */
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_OK);
    assert_true(kt_str_ends(r.body, KT_STR("WebIdentityToken=two")));
    assert_int_equal(aws_creds_answer(c, 200, KT_STR("<Credentials/>"), T0, &err), KT_E_INPUT);
    const struct kt_str good = KT_STR("<a><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s"
                                      "</SecretAccessKey><SessionToken>t</SessionToken>"
                                      "<Expiration>2026-09-21T15:13:20Z</Expiration></a>");
    assert_int_equal(aws_creds_answer(c, 200, good, T0, &err), KT_OK);
    assert_true(aws_creds_keys(c, T0, &k) && kt_str_is(k.id, "ASIA1") && kt_str_is(k.session, "t"));
    assert_true(aws_creds_due(c, T0 + 51 * KT_NS_MIN));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_E_CONFIG);
    env[1].value = "";
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "AWS_ROLE_ARN"));
    aws_creds_free(c);
}

/* EKS Pod Identity; over plain http the request's rules let it go nowhere else but to this host and
 * the addresses that clouds have for it. */
static void a_container_may_name_the_whole_address(void **state)
{
    (void)state;
    struct setting env[] = { { "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1" },
                             { "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent/token" },
                             { "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc" },
                             { NULL, NULL } };
    struct kt_http_request r;
    struct kt_error err;
    struct aws_creds *c = creds_with(env);
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_E_CONFIG); /* the file wins */
    env[1].value = "";
    assert_int_equal(aws_creds_request(c, T0, &r, &err), KT_OK);
    assert_true(kt_str_is(r.url, "http://169.254.170.23/v1") && r.metadata);
    aws_creds_free(c);
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
        cmocka_unit_test(elements_are_found_by_name),
        cmocka_unit_test(notices_are_read_in_every_form),
        cmocka_unit_test(the_environment_comes_first),
        cmocka_unit_test(keys_that_are_refused_again_are_known),
        cmocka_unit_test(what_aws_says_is_wrong_is_one_table),
        cmocka_unit_test(the_instance_is_asked_in_three_steps),
        cmocka_unit_test(containers_and_their_tokens_are_asked),
        cmocka_unit_test(a_web_identity_is_exchanged_for_keys),
        cmocka_unit_test(a_container_may_name_the_whole_address),
    };
    return cmocka_run_group_tests_name("agent/aws", tests, start, NULL);
}
