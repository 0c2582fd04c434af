/* What lists of a bucket say, and the names of what a trail writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agents/inputs/aws_trail.h"
#include "agents/inputs/files_done.h"
#include "agents/inputs/s3_int.h"
#include "agents/inputs/s3_list.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

#define HEAD "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://x/\">"
#define TAIL "</ListBucketResult>\n"

static void add_object(void *self, const struct s3_listed *o)
{
    kt_buf_addf(self, KT_STR_FMT "#" KT_STR_FMT "#%llu;", KT_STR_ARG(o->key), KT_STR_ARG(o->etag),
                (unsigned long long)o->size);
}

static void add_prefix(void *self, struct kt_str prefix)
{
    kt_buf_addf(self, KT_STR_FMT "|", KT_STR_ARG(prefix));
}

static enum kt_status list(const char *xml, struct kt_buf *out, struct kt_buf *token, bool *more)
{
    const struct s3_list_to to = { add_object, add_prefix, out };
    struct kt_error err = { 0 };
    kt_buf_reset(out);
    *more = false;
    return s3_list_read(kt_str_of(xml), &to, token, more, &err);
}

static void lists_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *want, *token;
        enum kt_status st;
    } cases[] = {
        { HEAD
          "<EncodingType>url</EncodingType><Contents><Key>a+b%2Bc%C3%A4&amp;</Key>"
          "<ETag>&quot;e1&quot;</ETag><Size>7</Size><Owner><ID>Key</ID></Owner></Contents>" TAIL,
          "a b+c\xc3\xa4&#e1#7;", "", KT_OK },
        { HEAD "<Contents><Key>a+b%2B&#228;&#x1F511;</Key><Size>x</Size></Contents>"
               "<Contents><Key></Key></Contents><Contents/>" TAIL,
          "a+b%2B\xc3\xa4\xf0\x9f\x94\x91##0;", "", KT_OK },
        { HEAD "<IsTruncated>true</IsTruncated><NextContinuationToken>a=&lt;"
               "</NextContinuationToken><Contents><Size>3</Size><Key>k</Key></Contents>" TAIL,
          "k##3;", "a=<", KT_OK },
        { HEAD "<Prefix>no</Prefix><CommonPrefixes><Prefix>p/1/</Prefix></CommonPrefixes>"
               "<CommonPrefixes><Prefix>p/2/</Prefix></CommonPrefixes>" TAIL,
          "p/1/|p/2/|", "", KT_OK },
        { "\xEF\xBB\xBF" HEAD " \n " TAIL, "", "", KT_OK },
        { HEAD "<IsTruncated>true</IsTruncated>" TAIL, "", "", KT_E_INPUT },
        { HEAD "<Contents><Key>k</Key></Contents>", "k##0;", "", KT_E_INPUT },
        { HEAD "<Contents><Key>k</Contents></Key>" TAIL, "", "", KT_E_INPUT },
        { HEAD "<Contents><Key>&bad;</Key></Contents>" TAIL, "", "", KT_E_INPUT },
        { HEAD "<Contents><Key>&#xD800;</Key></Contents>" TAIL, "", "", KT_E_INPUT },
        { HEAD "<!-- x -->" TAIL, "", "", KT_E_INPUT },
        { HEAD TAIL HEAD TAIL, "", "", KT_E_INPUT },
        { HEAD TAIL "text", "", "", KT_E_INPUT },
        { "<!DOCTYPE x>" HEAD TAIL, "", "", KT_E_INPUT },
        { "<Error><Code>AccessDenied</Code></Error>", "", "", KT_E_INPUT },
        { "<html><body>please log in</body></html>", "", "", KT_E_INPUT },
        { "", "", "", KT_E_INPUT },
        { HEAD "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", "", "", KT_E_LIMIT },
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 }, token = { 0 };
    bool more;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        enum kt_status st = list(cases[i].xml, &out, &token, &more);
        if (st != cases[i].st || strcmp(kt_buf_z(&out), cases[i].want) != 0 ||
            (st == KT_OK && (more != (cases[i].token[0] != '\0') ||
                             strcmp(kt_buf_z(&token), cases[i].token) != 0)))
            fail_msg("case %zu: %d '%s' '%s'", i, st, kt_buf_z(&out), kt_buf_z(&token));
    }
}

static void names_of_a_trail_are_told_apart(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    kt_time_ns t;
    assert_int_equal(aws_trail_kind(KT_STR("p/AWSLogs/1/CloudTrail/eu/2026/x.json.gz")),
                     AWS_TRAIL_LOG);
    assert_int_equal(aws_trail_kind(KT_STR("AWSLogs/1/CloudTrail-Digest/eu/x.json.gz")),
                     AWS_TRAIL_DIGEST);
    assert_int_equal(aws_trail_kind(KT_STR("AWSLogs/1/CloudTrail-Insight/eu/x.json.gz")),
                     AWS_TRAIL_INSIGHT);
    assert_true(aws_trail_is_account(KT_STR("111122223333")));
    assert_false(aws_trail_is_account(KT_STR("11112222333")));
    assert_false(aws_trail_is_account(KT_STR("o-1122223333")));
    assert_true(aws_trail_is_organization(KT_STR("o-abc123")));
    assert_false(aws_trail_is_organization(KT_STR("o-")));
    assert_int_equal(kt_time_parse(KT_STR("2026-01-02T03:04:59Z"), &t, NULL), KT_OK);
    aws_trail_day(t / KT_NS_DAY, &out);
    aws_trail_since(KT_STR("111122223333"), KT_STR("eu-west-1"), t, &out);
    assert_string_equal(kt_buf_z(&out),
                        "2026/01/02/111122223333_CloudTrail_eu-west-1_20260102T0304");
}

static void prints_of_other_parts_differ(void **state)
{
    (void)state;
    const struct kt_str a[] = { KT_STR("ab"), KT_STR("c") }, b[] = { KT_STR("a"), KT_STR("bc") };
    struct files_print x = files_print_of(a, 2), y = files_print_of(b, 2);
    struct files_print again = files_print_of(a, 2);
    assert_memory_equal(x.at, again.at, sizeof x.at);
    assert_memory_not_equal(x.at, y.at, sizeof x.at);
}

/* A round of three days in which the first object of the first day is refused: passed over? */
static bool refused_in_a_round(struct kt_input *in, bool others)
{
    struct root *r = s3_roots_due(in);
    assert_non_null(r);
    bool over = s3_roots_refused(in);
    for (r->read = others; r->round_at != 0;)
        s3_roots_day_end(in, true);
    in->aws.now = r->due > r->full_at + FULL_EVERY ? r->due : r->full_at + FULL_EVERY;
    return over;
}

static void what_cannot_be_read_holds_up_its_place_for_a_day(void **state)
{
    (void)state;
    struct kt_input *in = kt_alloc(sizeof *in);
    unsigned rounds = 0;
    in->o.every = KT_NS_MIN;
    in->aws.now = 1000 * KT_NS_DAY + KT_NS_HOUR;
    in->tried = s3_tried_new();
    in->root = kt_alloc_array(1, sizeof *in->root);
    in->root[0] = (struct root){ .day = 998 };
    in->n_roots = 1;
    for (int i = 0; i < 100; i++) /* a right is missing: nothing is read */
        assert_false(refused_in_a_round(in, false));
    assert_int_equal(in->root[0].day, 998);
    while (!refused_in_a_round(in, true))
        rounds++;
    assert_int_equal(rounds, GIVE_UP);
    assert_true(in->root[0].day >= 1000 && in->root[0].changed);
    s3_tried_free(in->tried);
    s3_roots_free(in);
    kt_free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(names_of_a_trail_are_told_apart),
        cmocka_unit_test(prints_of_other_parts_differ),
        cmocka_unit_test(what_cannot_be_read_holds_up_its_place_for_a_day),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
