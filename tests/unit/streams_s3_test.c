/* s3_archive: what the three requests are, that they are signed as AWS signs, and when an object
 * that is there already is the one that was to be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/aws.h"
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "core/config/config.h"
#include "exporters/streams/stream.h"

#define LINES "{\"v\":1}\n{\"v\":1,\"x\":2}\n"
#define NAME                                                                                       \
    "/keytrail/v1/log%3D00000000000000000000000000/date%3D2026-11-22/"                             \
    "part-000000000007-000000000019-dddddddddddddddd"

struct fixture {
    const struct kt_stream_type *type;
    void *options;
    struct kt_arena arena, keep;
    struct kt_stream_secrets secrets;
    struct kt_stream_batch batch;
    struct kt_stream_request request;
    struct kt_buf body;
};

static void pack(int level, struct kt_buf *out)
{
    struct kt_zip *z = kt_zip_new();
    kt_zip_pack(z, KT_STR(LINES), level, out);
    kt_zip_free(z);
}

static int set_up(void **state)
{
    struct fixture *f = kt_alloc(sizeof *f);
    f->type = kt_stream_type_find(KT_STR("s3_archive"));
    f->options = kt_alloc(f->type->options_size);
    f->arena = kt_arena_new(64u << 10);
    f->keep = kt_arena_new(64u << 10);
    kt_options_defaults(f->type->options, f->options);
    f->secrets.url = KT_STR("https://bucket.s3.eu-central-1.amazonaws.com");
    f->secrets.key = KT_STR("[default]\naws_access_key_id = AKIDEXAMPLE\n"
                            "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG\n"
                            "aws_session_token = tok+en/=\n");
    pack(3, &f->body);
    f->batch = (struct kt_stream_batch){ .stream = "archive",
                                         .deployment = "main",
                                         .log = "00000000000000000000000000",
                                         .first_seq = 7,
                                         .last_seq = 19,
                                         .n = 2,
                                         .stored = 1795377601 * KT_NS_S,
                                         .now = 1795464000 * KT_NS_S,
                                         .body = kt_buf_str(&f->body) };
    memset(f->batch.digest, 'd', sizeof f->batch.digest - 1);
    kt_sha256_of(&f->batch.body, 1, f->batch.body_sha256);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    kt_buf_done(&f->request.body);
    kt_buf_done(&f->body);
    kt_arena_done(&f->arena);
    kt_arena_done(&f->keep);
    kt_free(f->options);
    kt_free(f);
    return 0;
}

static void option(struct fixture *f, const char *name, const char *value)
{
    assert_int_equal(kt_options_set(f->type->options, f->options, &f->keep, kt_str_of(name),
                                    kt_str_of(value), NULL),
                     KT_OK);
}

static void ask(struct fixture *f, unsigned stage, const char *note)
{
    struct kt_error err = { 0 };
    kt_arena_reset(&f->arena);
    kt_buf_done(&f->request.body);
    f->request = (struct kt_stream_request){ .method = KT_HTTP_POST };
    if (f->type->request(f->options, &f->secrets, &f->batch, stage, note, &f->arena, &f->request,
                         &err) != KT_OK)
        fail_msg("%s", err.text);
}

static struct kt_str header(const struct fixture *f, const char *name)
{
    for (unsigned i = 0; i < f->request.n_headers; i++) {
        struct kt_str rest = f->request.headers[i], key;
        if (kt_str_split(&rest, ':', &key) && kt_str_is(key, name))
            return kt_str_trim(rest);
    }
    return KT_STR_NONE;
}

/* The request, signed once more from what is sent. */
static void expect_signed(struct fixture *f, const char *method, struct kt_str body)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    static const char *const made[] = { "x-amz-date", "x-amz-content-sha256",
                                        "x-amz-security-token", "Authorization", "Content-Type" };
    const struct kt_aws_keys keys = { KT_STR("AKIDEXAMPLE"), KT_STR("wJalrXUtnFEMI/K7MDENG"),
                                      KT_STR("tok+en/=") };
    struct kt_aws_pair given[KT_AWS_HEADERS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < f->request.n_headers; i++) {
        struct kt_str value = f->request.headers[i], name;
        bool ours = false;
        assert_true(kt_str_split(&value, ':', &name));
        for (size_t k = 0; k < KT_ARRAY_LEN(made); k++)
            ours = ours || kt_str_is(name, made[k]);
        if (!ours)
            given[n++] = (struct kt_aws_pair){ name, kt_str_trim(value) };
    }
    const struct kt_str url = f->request.url;
    const struct kt_aws_request r = { .method = method,
                                      .host = KT_STR("bucket.s3.eu-central-1.amazonaws.com"),
                                      .path = kt_str_from_index(
                                          url, (size_t)kt_str_find(url, KT_STR(".com/"), 0) + 4),
                                      .header = given,
                                      .n_header = n,
                                      .body = body,
                                      .region = "eu-central-1",
                                      .service = "s3",
                                      .now = f->batch.now };
    kt_aws_sign(&keys, &r, &out);
    struct kt_str rest = kt_buf_str(&out), line;
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line)) {
        bool sent = false;
        for (unsigned i = 0; i < f->request.n_headers; i++)
            sent = sent || kt_str_eq(f->request.headers[i], line);
        if (!sent)
            fail_msg("not sent: " KT_STR_FMT, KT_STR_ARG(line));
    }
}

static void the_object_is_written_once_and_locked(void **state)
{
    struct fixture *f = *state;
    option(f, "region", "eu-central-1");
    ask(f, 0, "");
    assert_int_equal(f->request.method, KT_HTTP_PUT);
    assert_false(f->request.own_body);
    assert_true(kt_str_is(f->request.url,
                          "https://bucket.s3.eu-central-1.amazonaws.com" NAME ".ndjson.zst"));
    assert_true(kt_str_is(header(f, "if-none-match"), "*"));
    assert_true(kt_str_is(header(f, "x-amz-object-lock-mode"), "COMPLIANCE"));
    assert_true(kt_str_is(header(f, "x-amz-object-lock-retain-until-date"),
                          "2027-12-28T20:00:00Z")); /* 400 days after now */
    assert_true(kt_str_is(header(f, "x-amz-server-side-encryption"), "aws:kms"));
    assert_int_equal(header(f, "x-amz-checksum-sha256").len, 44);
    expect_signed(f, "PUT", f->batch.body);
    option(f, "lock_mode", "none");
    option(f, "encryption", "none");
    ask(f, 0, "");
    assert_int_equal(header(f, "x-amz-object-lock-mode").len, 0);
    assert_int_equal(header(f, "x-amz-server-side-encryption").len, 0);
    assert_int_equal(header(f, "x-amz-checksum-sha256").len, 44);
}

static void a_test_is_locked_for_two_minutes(void **state)
{
    struct fixture *f = *state;
    option(f, "region", "eu-central-1");
    f->batch.now = INT64_C(1795377600) * KT_NS_S;
    f->batch.test = true;
    ask(f, 0, "");
    assert_true(kt_str_is(header(f, "x-amz-object-lock-mode"), "COMPLIANCE"));
    assert_true(
        kt_str_is(header(f, "x-amz-object-lock-retain-until-date"), "2026-11-22T20:02:00Z"));
}

static void the_manifest_says_what_is_inside(void **state)
{
    struct fixture *f = *state;
    option(f, "region", "eu-central-1");
    ask(f, 1, "written");
    assert_int_equal(f->request.method, KT_HTTP_PUT);
    assert_true(f->request.own_body);
    assert_true(kt_str_is(f->request.url,
                          "https://bucket.s3.eu-central-1.amazonaws.com" NAME ".manifest.json"));
    struct kt_str m = kt_buf_str(&f->request.body);
    assert_true(kt_str_has(m, KT_STR("\"object\":\"keytrail/v1/log=00000000000000000000000000/"
                                     "date=2026-11-22/part-000000000007-000000000019-"
                                     "dddddddddddddddd.ndjson.zst\"")));
    assert_true(kt_str_has(m, KT_STR("\"rows\":2,")));
    assert_true(kt_str_has(m, KT_STR("\"first_seq\":7,\"last_seq\":19,")));
    expect_signed(f, "PUT", m);
    ask(f, 2, "there");
    assert_true(kt_str_ends(f->request.url, KT_STR(".manifest.json")));
}

static void a_bucket_may_be_a_path(void **state)
{
    struct fixture *f = *state;
    f->secrets.url = KT_STR("https://minio.example:9000/my-bucket");
    ask(f, 0, "");
    assert_true(
        kt_str_is(f->request.url, "https://minio.example:9000/my-bucket" NAME ".ndjson.zst"));
}

static enum kt_stream_verdict judged(struct fixture *f, struct kt_str body)
{
    uint8_t fate[2] = { 0 };
    const struct kt_http_answer none = { 0 };
    struct kt_stream_judgement j = { .fate = fate };
    kt_str_copyz(j.note, sizeof j.note, KT_STR("there"));
    f->type->judge(f->options, &f->batch, 1, 200, body, &none, &j);
    return j.verdict;
}

static void what_is_there_already_is_compared_by_content(void **state)
{
    struct fixture *f = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf other = { 0 };
    option(f, "region", "eu-central-1");
    ask(f, 1, "there");
    assert_int_equal(f->request.method, KT_HTTP_GET);
    assert_true(f->request.own_body && f->request.body.len == 0);
    assert_int_equal(header(f, "if-none-match").len, 0);
    expect_signed(f, "GET", KT_STR_NONE);
    assert_int_equal(judged(f, f->batch.body), KT_STREAM_NEXT);
    struct kt_zip *z = kt_zip_new();
    kt_zip_pack(z, KT_STR(LINES), 19, &other); /* the same lines, packed otherwise */
    assert_int_equal(judged(f, kt_buf_str(&other)), KT_STREAM_NEXT);
    kt_buf_reset(&other);
    kt_zip_pack(z, KT_STR("{\"v\":1}\n"), 3, &other);
    assert_int_equal(judged(f, kt_buf_str(&other)), KT_STREAM_DENIED);
    kt_zip_free(z);
}

static void credentials_that_are_none_are_said(void **state)
{
    struct fixture *f = *state;
    struct kt_error err = { 0 };
    f->secrets.key = KT_STR("AKIDEXAMPLE wJalrXUtnFEMI");
    assert_int_equal(
        f->type->request(f->options, &f->secrets, &f->batch, 0, "", &f->arena, &f->request, &err),
        KT_E_CONFIG);
    assert_false(kt_str_has(kt_str_of(err.text), KT_STR("wJalr")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(the_object_is_written_once_and_locked),
        T(a_test_is_locked_for_two_minutes),
        T(the_manifest_says_what_is_inside),
        T(a_bucket_may_be_a_path),
        T(what_is_there_already_is_compared_by_content),
        T(credentials_that_are_none_are_said),
#undef T
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
