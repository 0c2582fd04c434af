/* answer_leaver: somebody who is active everywhere and left: what goes on with their keys under
 * another name, beyond what the list holds, and after a rotation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/answer/leaver.h"
#include "core/event/line.h"
#include "tests/support/accesses.h"

#define LEFT    (ACCESSES_NOW - 10 * KT_NS_DAY)
#define ACCOUNT "111122223333"
#define AL      "al@" ACCOUNT
#define DB      "aws-sm://" ACCOUNT "/eu-central-1/db"
#define KEY     "AKIASTOLEN0000000001"

static void act(struct accesses *w, kt_time_ns at, const char *actor, const char *credential,
                enum kt_outcome outcome)
{
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = actor,
                                      .secret = DB,
                                      .operation = "GetSecretValue",
                                      .credential = credential,
                                      .action = KT_ACT_READ,
                                      .outcome = outcome });
    if (w->make->n >= 60)
        accesses_flush(w);
}

static struct kt_leaver *leaver(struct kt_ask *a)
{
    struct kt_error err = { 0 };
    struct kt_credential of = { 0 };
    struct kt_leaver *l = NULL;
    static const struct kt_blast_options options;
    accesses_must(kt_credential_find(a, KT_STR(AL), NULL, &of, &err), &err);
    accesses_must(kt_leaver_load(a, &of, LEFT, &options, &l, &err), &err);
    kt_credential_done(&of);
    return l;
}

static uint32_t by_key(const struct kt_leaver *l)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n_accesses; i++)
        n += l->access[i].by_key;
    return n;
}

static void open_session(struct accesses *w, kt_time_ns at)
{
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = AL,
                                      .operation = "AssumeRole",
                                      .native = "arn:aws:iam::" ACCOUNT ":role/ops",
                                      .credential = KEY,
                                      .raw = "{\"requestParameters\":{\"roleSessionName\":"
                                             "\"pivot\"}}",
                                      .action = KT_ACT_ISSUE,
                                      .outcome = KT_OUT_SUCCESS });
}

/* More parts of the store than lines are read of. */
static void keys_of_the_active_are_followed(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    open_session(w, LEFT - 20 * KT_NS_DAY);
    for (unsigned i = 0; i < 4800; i++)
        act(w, LEFT - (4801 - i) * KT_NS_MIN, AL, KEY, KT_OUT_SUCCESS);
    act(w, LEFT + KT_NS_HOUR, "someone@else", KEY, KT_OUT_SUCCESS);
    accesses_add(w, &(struct access){ .at = LEFT + 2 * KT_NS_HOUR,
                                      .actor = "ops@" ACCOUNT,
                                      .role = "ops",
                                      .session = "pivot",
                                      .secret = DB,
                                      .action = KT_ACT_READ,
                                      .outcome = KT_OUT_SUCCESS });
    accesses_ask(w, &a);
    struct kt_leaver *l = leaver(&a);
    assert_false(l->before->lines);
    assert_int_equal(l->before->unkeyed, 0);
    assert_int_equal(l->keys_left, 0);
    assert_int_equal(l->n_accesses, 2);
    assert_int_equal(by_key(l), 2);
    assert_int_equal(l->key.n, 2);
    kt_leaver_free(l);
    kt_ask_done(&a);
}

static void keys_beyond_the_most_used_are_told(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    for (unsigned i = 0; i < KT_LEAVER_KEYS_MAX + 3; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "AKIANUMBER%010u", i);
        act(w, LEFT - KT_NS_DAY, AL, key, KT_OUT_SUCCESS);
    }
    accesses_ask(w, &a);
    struct kt_leaver *l = leaver(&a);
    assert_int_equal(l->keys_left, 3);
    kt_leaver_free(l);
    kt_ask_done(&a);
}

static void a_full_list_is_counted_to_the_end(void **state)
{
    struct accesses *w = *state;
    const unsigned own = KT_LEAVER_ACCESSES_MAX + 200, others = 30;
    struct kt_ask a;
    act(w, LEFT - KT_NS_DAY, AL, KEY, KT_OUT_SUCCESS);
    for (unsigned i = 0; i < own; i++)
        act(w, LEFT + (1 + i) * KT_NS_S, AL, "", i % 10 == 0 ? KT_OUT_DENIED : KT_OUT_SUCCESS);
    for (unsigned i = 0; i < others; i++)
        act(w, LEFT + KT_NS_DAY + i * KT_NS_S, "someone@else", KEY, KT_OUT_SUCCESS);
    accesses_ask(w, &a);
    struct kt_leaver *l = leaver(&a);
    assert_int_equal(l->n_accesses, KT_LEAVER_ACCESSES_MAX);
    assert_int_equal(l->n_accesses + l->more, own + others);
    assert_int_equal(l->succeeded, own - own / 10 + others);
    assert_int_equal(by_key(l), others);
    kt_leaver_free(l);
    kt_ask_done(&a);
}

static void rotate(struct accesses *w, kt_time_ns at)
{
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = "ops",
                                      .secret = DB,
                                      .operation = "PutSecretValue",
                                      .version = "v-2",
                                      .action = KT_ACT_WRITE,
                                      .outcome = KT_OUT_SUCCESS });
}

/* Read once more after that, it lies open again; so does what they read only then. */
static void a_rotation_before_the_last_read_is_none(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    act(w, LEFT - KT_NS_DAY, AL, KEY, KT_OUT_SUCCESS);
    rotate(w, LEFT + KT_NS_HOUR);
    accesses_ask(w, &a);
    struct kt_leaver *l = leaver(&a);
    assert_int_equal(l->before->open, 0);
    kt_leaver_free(l);
    kt_ask_done(&a);
    act(w, LEFT + KT_NS_DAY, "someone@else", KEY, KT_OUT_SUCCESS);
    accesses_add(w, &(struct access){ .at = LEFT + KT_NS_DAY,
                                      .actor = AL,
                                      .secret = ACCESSES_KV,
                                      .action = KT_ACT_READ,
                                      .outcome = KT_OUT_SUCCESS });
    accesses_ask(w, &a);
    l = leaver(&a);
    assert_int_equal(l->before->reads, 1);
    assert_int_equal(l->before->n_secrets, 2);
    assert_int_equal(l->before->open, 2);
    assert_int_equal(l->before->secret[0].state->exposure, KT_EXPOSURE_CURRENT);
    kt_leaver_free(l);
    kt_ask_done(&a);
}

struct told {
    struct kt_buf text;
    bool read; /* the lines, by whoever walks */
};

static enum kt_status tell(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct told *t = self;
    struct kt_str credential = r->ev.credential;
    (void)fact;
    (void)err;
    assert_true(t->read || kt_line_credential(r->line, &credential));
    kt_buf_addf(&t->text, "%llu %lld %u " KT_STR_FMT "\n", (unsigned long long)r->seq,
                (long long)r->ev.time, r->ev.kind, KT_STR_ARG(credential));
    return KT_OK;
}

/* In segments and behind them, of one of two, within a window. */
static void lines_of_rows_are_those_of_records(void **state)
{
    struct accesses *w = *state;
    struct told rows = { 0 }, records = { .read = true };
    struct kt_error err = { 0 };
    struct kt_ask a;
    for (unsigned i = 0; i < 700; i++)
        act(w, LEFT + i * KT_NS_MIN, i % 3 == 0 ? "someone@else" : AL, i % 5 == 0 ? "" : KEY,
            i % 7 == 0 ? KT_OUT_DENIED : KT_OUT_SUCCESS);
    accesses_ask(w, &a);
    a.since = LEFT + KT_NS_HOUR;
    a.until = LEFT + 695 * KT_NS_MIN;
    for (unsigned down = 0; down < 2; down++) {
        a.newest_first = down == 1;
        accesses_must(kt_ask_lines(&a, KT_STR("actor:" AL), tell, &rows, &err), &err);
        accesses_must(kt_ask_records(&a, KT_STR("actor:" AL), tell, &records, &err), &err);
    }
    assert_true(rows.text.len > 10000);
    assert_true(kt_str_eq(kt_buf_str(&rows.text), kt_buf_str(&records.text)));
    assert_int_equal(kt_ask_lines(&a, KT_STR("credential:" KEY), tell, &rows, &err), KT_E_INPUT);
    kt_buf_done(&rows.text);
    kt_buf_done(&records.text);
    kt_ask_done(&a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, accesses_set_up, accesses_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_of_the_active_are_followed),    TEST(keys_beyond_the_most_used_are_told),
        TEST(a_full_list_is_counted_to_the_end),  TEST(a_rotation_before_the_last_read_is_none),
        TEST(lines_of_rows_are_those_of_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
