/* collector_making: over a real store and a signer in this process: each checkpoint is signed and
 * follows from what was published before, over restarts, refusals, full disks and new files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/sys/rng.h"
#include "tests/support/signed_log.h"

static void must(enum kt_status st, const struct kt_error *err)
{
    if (st != KT_OK)
        fail_msg("%s", err->text);
}

/* What whoever holds `before` checks of a new one. */
static void check_made(const struct signed_log *w, const struct kt_made *m,
                       const struct kt_head *before)
{
    struct kt_checkpoint c;
    struct kt_path path;
    struct kt_note_key key = signed_log_key(w);
    assert_int_equal(m->what, KT_MADE_SIGNED);
    assert_int_equal(kt_checkpoint_read(kt_buf_str(&m->note), &c, NULL), KT_OK);
    assert_true(kt_checkpoint_signed(&c, &key, NULL));
    assert_int_equal(c.head.size, m->head.size);
    if (before == NULL)
        return;
    assert_int_equal(m->from, before->size);
    assert_true(kt_path_read(kt_buf_str(&m->proof), &path));
    assert_true(kt_merkle_extends(before, &c.head, &path));
}

static void an_empty_log_is_not_signed(void **state)
{
    struct signed_log *w = *state;
    struct kt_made m;
    kt_making_head(&w->making, 0, &m);
    assert_int_equal(m.what, KT_MADE_NOTHING);
    kt_made_done(&m);
}

static void each_checkpoint_follows_from_the_one_before(void **state)
{
    struct signed_log *w = *state;
    struct kt_rng_seeded seed = { .state = 11 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    struct kt_head last = { 0 };
    for (unsigned i = 0; i < 30; i++) {
        struct kt_made m;
        signed_log_append(w, (unsigned)kt_rng_below(&rng, 5));
        if (w->batches == 0)
            continue;
        if (kt_rng_below(&rng, 4) == 0) { /* a restart */
            kt_making_done(&w->making);
            signed_log_begin(w);
        }
        kt_making_head(&w->making, last.size, &m);
        check_made(w, &m, last.size > 0 ? &last : NULL);
        assert_int_equal(m.head.size, w->batches * SIGNED_LOG_BATCH);
        last = m.head;
        kt_made_done(&m);
    }
}

/* The signer has signed more than was published: the crash was in between. */
static void a_signature_that_was_never_published_does_no_harm(void **state)
{
    struct signed_log *w = *state;
    struct kt_made a, lost, b;
    signed_log_append(w, 3);
    kt_making_head(&w->making, 0, &a);
    signed_log_append(w, 4);
    kt_making_head(&w->making, a.head.size, &lost);
    kt_made_done(&lost);
    signed_log_append(w, 1);
    kt_making_head(&w->making, a.head.size, &b);
    check_made(w, &b, &a.head);
    kt_made_done(&a);
    kt_made_done(&b);
}

static void a_smaller_store_is_refused_and_said_so(void **state)
{
    struct signed_log *w = *state;
    struct kt_made m;
    signed_log_append(w, 5);
    kt_making_head(&w->making, 0, &m);
    kt_made_done(&m);
    w->signing.head.size += 7; /* as if it had been larger */
    kt_making_head(&w->making, 0, &m);
    assert_int_equal(m.what, KT_MADE_REFUSED);
    assert_non_null(strstr(m.why, "250 records, 257 were signed"));
    assert_int_equal(m.last.size, 257);
    kt_made_done(&m);
}

static void a_full_disk_of_the_signer_is_no_refusal(void **state)
{
    struct signed_log *w = *state;
    struct kt_made m;
    signed_log_append(w, 1);
    w->disk_full = true;
    kt_making_head(&w->making, 0, &m);
    assert_int_equal(m.what, KT_MADE_FAILED);
    assert_non_null(strstr(m.why, "No space left"));
    kt_made_done(&m);
    w->disk_full = false;
    kt_making_head(&w->making, 0, &m);
    check_made(w, &m, NULL);
    kt_made_done(&m);
}

/* The file is given up, and the log goes on in the next one: the same log, the same tree. broken:
 * its segments cannot be read any more; the head that was signed last is the next file's base. */
static void succeed(struct signed_log *w, bool broken)
{
    struct kt_error err = { 0 };
    struct kt_made a, b;
    signed_log_append(w, 5);
    kt_making_head(&w->making, 0, &a);
    check_made(w, &a, NULL);
    must(kt_store_succeed(w->store, "page 7 is broken", &err), &err);
    kt_making_done(&w->making);
    kt_store_close(w->store);
    if (broken)
        assert_int_equal(truncate(w->path, 16384), 0);
    signed_log_open_store(w);
    signed_log_begin(w);
    signed_log_append(w, 3);
    kt_making_head(&w->making, a.head.size, &b);
    check_made(w, &b, &a.head);
    assert_int_equal(b.head.size, 8 * SIGNED_LOG_BATCH);
    kt_made_done(&a);
    kt_made_done(&b);
}

static void a_log_goes_on_in_the_next_file(void **state)
{
    succeed(*state, false);
}

static void a_log_goes_on_behind_a_lost_file(void **state)
{
    succeed(*state, true);
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, signed_log_open, signed_log_close)

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        WORLD(an_empty_log_is_not_signed),
        WORLD(each_checkpoint_follows_from_the_one_before),
        WORLD(a_signature_that_was_never_published_does_no_harm),
        WORLD(a_smaller_store_is_refused_and_said_so),
        WORLD(a_full_disk_of_the_signer_is_no_refusal),
        WORLD(a_log_goes_on_in_the_next_file),
        WORLD(a_log_goes_on_behind_a_lost_file),
    };
    return cmocka_run_group_tests_name("collector_making", tests, NULL, NULL);
}
