/* agents/pipeline_fold: second halves that overtake their first ones, in a feed that is sorted by
 * seconds, or of datagrams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agents/pipeline.h"
#include "core/base/hash.h"

#define NOW INT64_C(1772440000000000000)

struct world {
    struct kt_pipeline *p;
    struct kt_buf lines; /* one a row */
    unsigned n;
};

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct world *w = self;
    (void)err;
    kt_buf_add(&w->lines, l->line);
    kt_buf_byte(&w->lines, '\n');
    w->n++;
    return KT_OK;
}

static void on_finding(void *self, const char *code, const char *sentence)
{
    (void)self;
    (void)code;
    (void)sentence;
}

static void start(struct world *w, const char *source)
{
    *w = (struct world){ .n = 0 };
    const struct kt_pipeline_options o = { .source = kt_source_find(kt_str_of(source)),
                                           .instance = KT_STR("test-1"),
                                           .cluster = KT_STR("prod"),
                                           .line = on_line,
                                           .finding = on_finding,
                                           .self = w };
    w->p = kt_pipeline_new(&o);
}

static void feed(struct world *w, const struct kt_buf *b)
{
    struct kt_error err = { 0 };
    assert_int_equal(kt_pipeline_feed(w->p, kt_buf_str(b), 0, KT_STR("file"), NOW, &err), KT_OK);
}

static void stop(struct world *w)
{
    kt_pipeline_free(w->p);
    kt_buf_done(&w->lines);
}

/* The stream ends, and what waits is given out. */
static void end(struct world *w)
{
    struct kt_error err = { 0 };
    assert_int_equal(kt_pipeline_end(w->p, NOW, &err), KT_OK);
    assert_int_equal(kt_pipeline_expire(w->p, NOW, true, &err), KT_OK);
}

static bool gave(const struct world *w, const char *text)
{
    return kt_str_has(kt_buf_str(&w->lines), kt_str_of(text));
}

/* The records that were skipped, all for this reason: it is right whether the half was overtaken or
 * came again. */
static void skipped_as_told(const struct world *w, unsigned n)
{
    const struct kt_pipeline_counts *c = kt_pipeline_counts(w->p);
    assert_int_equal(c->skipped, n);
    assert_string_equal(c->skip[0].reason, "a first half of an access that was told");
    assert_int_equal(c->skip[0].n, n);
}

static void vault_half(struct kt_buf *b, unsigned i, bool response)
{
    kt_buf_addf(b,
                "{\"time\":\"2026-03-02T07:14:0%d.5Z\",\"type\":\"%s\",\"auth\":{\"display_name\":"
                "\"userpass-al\",\"metadata\":{\"username\":\"al\"}},\"request\":{\"id\":"
                "\"%08u-0000-4000-8000-000000000000\",\"operation\":\"read\",\"mount_point\":"
                "\"kv/\",\"mount_type\":\"kv\",\"path\":\"kv/data/s%u\"}",
                response ? 6 : 5, response ? "response" : "request", i, i);
    if (response)
        kt_buf_addz(b, ",\"response\":{\"data\":{\"data\":{},\"metadata\":{\"version\":1}}}");
    kt_buf_addz(b, "}\n");
}

static void an_answer_that_overtakes_its_question_is_one_access(void **state)
{
    struct world w;
    struct kt_buf b = { 0 };
    (void)state;
    start(&w, "vault");
    for (unsigned i = 1; i <= 3; i++) {
        vault_half(&b, i, true);
        vault_half(&b, i, false);
    }
    vault_half(&b, 4, false);
    vault_half(&b, 4, true);
    feed(&w, &b);
    end(&w);
    assert_int_equal(w.n, 4);
    skipped_as_told(&w, 3);
    assert_int_equal(kt_pipeline_counts(w.p)->folded, 1);
    stop(&w);
    kt_buf_done(&b);
}

/* A question that waits makes the next run read all of it again. */
static void it_is_one_access_after_a_restart_too(void **state)
{
    struct world before, after;
    struct kt_buf b = { 0 };
    (void)state;
    vault_half(&b, 9, false);
    vault_half(&b, 4, true);
    vault_half(&b, 4, false);
    start(&before, "vault");
    feed(&before, &b);
    assert_int_equal(before.n, 1);
    assert_int_equal(kt_pipeline_low_water(before.p), 0);
    start(&after, "vault");
    kt_pipeline_known_until(after.p, b.len);
    feed(&after, &b);
    end(&after);
    assert_int_equal(after.n, 1);
    assert_true(gave(&after, "kv/data/s9") && !gave(&after, "kv/data/s4"));
    assert_int_equal(kt_pipeline_counts(after.p)->skipped, 2);
    stop(&before);
    stop(&after);
    kt_buf_done(&b);
}

/* At-least-once delivery of single lines: the question comes again when its access was told. */
static void a_question_that_comes_again_is_no_second_access(void **state)
{
    struct world w;
    struct kt_buf b = { 0 };
    (void)state;
    start(&w, "vault");
    vault_half(&b, 1, false);
    vault_half(&b, 1, true);
    vault_half(&b, 2, false);
    vault_half(&b, 1, false);
    feed(&w, &b);
    end(&w);
    assert_int_equal(w.n, 2);
    skipped_as_told(&w, 1);
    assert_true(gave(&w, "kv/data/s2"));
    stop(&w);
    kt_buf_done(&b);
}

/* By chance their hashes would push each other out long before there are as many as are remembered.
 */
static void many_questions_that_come_again_are_no_second_accesses(void **state)
{
    struct world w;
    struct kt_buf b = { 0 };
    (void)state;
    start(&w, "vault");
    for (unsigned i = 1; i <= 400; i++) {
        vault_half(&b, i, false);
        vault_half(&b, i, true);
    }
    for (unsigned i = 1; i <= 400; i++)
        vault_half(&b, i, false);
    feed(&w, &b);
    end(&w);
    assert_int_equal(w.n, 400);
    skipped_as_told(&w, 400);
    stop(&w);
    kt_buf_done(&b);
}

#define GCP(auth, half)                                                                            \
    "{\"protoPayload\":{\"@type\":\"type.googleapis.com/google.cloud.audit.AuditLog\"," auth       \
    "\"serviceName\":\"iam.googleapis.com\",\"methodName\":"                                       \
    "\"google.iam.admin.v1.CreateServiceAccountKey\",\"resourceName\":"                            \
    "\"projects/p/serviceAccounts/ci@p.iam.gserviceaccount.com\"},\"insertId\":\"" half "\","      \
    "\"timestamp\":\"2026-03-02T07:14:05Z\",\"logName\":"                                          \
    "\"projects/p/logs/"                                                                           \
    "cloudaudit.googleapis.com%2Factivity\",\"operation\":{\"id\":\"o-1\",\"" half "\":true}}\n"

/* Google Cloud's last entry need not say who it was: then the first one is told as well. */
static void a_first_half_is_told_where_its_second_may_leave_something_out(void **state)
{
    struct world w;
    struct kt_buf b = { 0 };
    (void)state;
    kt_buf_addz(&b, GCP("", "last"));
    kt_buf_addz(&b, GCP("\"authenticationInfo\":{\"principalEmail\":\"al@example.com\"},"
                        "\"requestMetadata\":{\"callerIp\":\"203.0.113.40\"},",
                        "first"));
    start(&w, "gcp");
    feed(&w, &b);
    assert_int_equal(w.n, 1);
    assert_false(gave(&w, "al@example.com"));
    end(&w);
    assert_int_equal(w.n, 2);
    assert_true(gave(&w, "al@example.com") && gave(&w, "203.0.113.40"));
    stop(&w);
    kt_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_overtakes_its_question_is_one_access),
        cmocka_unit_test(it_is_one_access_after_a_restart_too),
        cmocka_unit_test(a_question_that_comes_again_is_no_second_access),
        cmocka_unit_test(many_questions_that_come_again_are_no_second_accesses),
        cmocka_unit_test(a_first_half_is_told_where_its_second_may_leave_something_out),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("agents_fold", tests, NULL, NULL);
}
