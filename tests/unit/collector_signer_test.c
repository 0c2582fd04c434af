/* signer: everything that it must refuse is refused, whatever came before; what it signed last
 * survives it; and the process: its answers, its lock, its sandbox, its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/signer.h"
#include "core/base/hash.h"
#include "core/store/tree.h"
#include "core/sys/fs.h"
#include "core/sys/rng.h"
#include "tests/support/merkle.h"

static const uint8_t log_a[16] = { 0xa }, log_b[16] = { 0xb }, log_c[16] = { 0xc };

struct disk { /* the state as kept, and whether it may be */
    struct kt_buf state;
    bool full;
    unsigned writes;
    struct kt_log_keys keys;
};

static enum kt_status keep(void *self, struct kt_str state, struct kt_error *err)
{
    struct disk *d = self;
    if (d->full)
        return kt_fail(err, KT_E_IO, "No space left on device");
    d->writes++;
    kt_buf_reset(&d->state);
    kt_buf_add(&d->state, state);
    return KT_OK;
}

static enum kt_status read_keys(void *self, struct kt_log_keys *ret, struct kt_error *err)
{
    struct disk *d = self;
    if (d->keys.n == 0)
        return kt_fail(err, KT_E_CONFIG, "there are no keys");
    *ret = d->keys;
    return KT_OK;
}

static void begin(struct kt_signing *s, struct disk *d)
{
    *s = (struct kt_signing){ .keep = keep, .read_keys = read_keys, .self = d };
    d->keys = s->keys = (struct kt_log_keys){ .n = 1, .seed = { { 7 } } };
}

/* It dies, and the next one reads what it kept. */
static void again(struct kt_signing *s, struct disk *d)
{
    struct kt_log_keys keys = s->keys;
    kt_signing_done(s);
    *s = (struct kt_signing){ .keys = keys, .keep = keep, .read_keys = read_keys, .self = d };
    if (d->state.len > 0)
        assert_int_equal(kt_signing_read(kt_buf_str(&d->state), s, NULL), KT_OK);
}

static enum kt_sign_verdict order(struct kt_signing *s, const struct kt_sign_order *o,
                                  struct kt_sign_answer *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 }, answer = { 0 };
    struct kt_sign_answer a;
    kt_sign_order_write(o, &bytes);
    kt_signing_take(s, kt_buf_str(&bytes), &a);
    kt_sign_answer_write(&a, &answer);
    kt_sign_answer_done(&a);
    assert_true(answer.len <= KT_SIGN_MESSAGE);
    assert_true(kt_sign_answer_read(kt_buf_str(&answer), &a));
    enum kt_sign_verdict v = a.verdict;
    assert_true(v == KT_SIGN_DONE || a.why[0] != '\0');
    if (ret != NULL)
        *ret = a;
    else
        kt_sign_answer_done(&a);
    return v;
}

/* A tree of `size` leaves of that world, proved from `from`. */
static struct kt_sign_order head_order(const struct test_tree *t, const uint8_t log[16],
                                       uint64_t from, uint64_t size)
{
    struct kt_sign_order o = { .what = KT_SIGN_HEAD, .head = test_tree_head(t, size) };
    memcpy(o.log_id, log, 16);
    if (from > 0 && from < size)
        test_tree_extends(t, from, size, &o.path);
    return o;
}

static void a_growing_log_is_signed_and_the_note_verifies(void **state)
{
    (void)state;
    struct kt_signing s;
    struct disk d = { 0 };
    struct test_tree *t = test_tree_new(100, 1);
    begin(&s, &d);
    uint64_t last = 0;
    static const uint64_t sizes[] = { 1, 2, 3, 64, 64, 65, 99, 100 };
    for (size_t i = 0; i < KT_ARRAY_LEN(sizes); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
        struct kt_sign_order o = head_order(t, log_a, last, sizes[i]);
        struct kt_sign_answer a;
        struct kt_checkpoint c;
        struct kt_note_key key = { .type = KT_NOTE_LOG };
        unsigned writes = d.writes;
        assert_int_equal(order(&s, &o, &a), KT_SIGN_DONE);
        assert_int_equal(d.writes - writes, sizes[i] != last); /* a heartbeat writes nothing */
        kt_checkpoint_text(log_a, &o.head, &note);
        kt_buf_byte(&note, '\n');
        kt_buf_add(&note, kt_buf_str(&a.text));
        assert_int_equal(kt_checkpoint_read(kt_buf_str(&note), &c, NULL), KT_OK);
        kt_str_copyz(key.name, sizeof key.name, c.origin);
        memcpy(key.public_key, a.public_key[0], 32);
        assert_true(kt_checkpoint_signed(&c, &key, NULL));
        assert_int_equal(a.head.size, sizes[i]);
        kt_sign_answer_done(&a);
        last = sizes[i];
        again(&s, &d);
    }
    kt_signing_done(&s);
    kt_buf_done(&d.state);
    test_tree_free(t);
}

static void each_refusal_has_its_name_and_changes_nothing(void **state)
{
    (void)state;
    struct kt_signing s;
    struct disk d = { 0 };
    struct test_tree *t = test_tree_new(100, 1), *other = test_tree_new(100, 2);
    begin(&s, &d);
    struct kt_sign_order first = head_order(t, log_a, 0, 50);
    assert_int_equal(order(&s, &first, NULL), KT_SIGN_DONE);
    unsigned writes = d.writes;

    struct kt_sign_order o = head_order(t, log_a, 49, 49);
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_SMALLER);
    o.head.size = 0;
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_SMALLER);
    o = head_order(other, log_a, 50, 50);
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_OTHER_ROOT);
    o = head_order(t, log_a, 0, 60); /* without a proof */
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_NO_PROOF);
    o = head_order(t, log_a, 49, 60); /* from another size */
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_NO_PROOF);
    o = head_order(other, log_a, 50, 60); /* of another history */
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_NO_PROOF);
    o = head_order(t, log_b, 50, 60);
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_OTHER_LOG);

    struct kt_sign_order renew = { .what = KT_SIGN_NEW_LOG };
    memcpy(renew.log_id, log_b, 16);
    memcpy(renew.before_id, log_c, 16); /* not the one that is signed */
    assert_int_equal(order(&s, &renew, NULL), KT_SIGN_OTHER_LOG);
    memcpy(renew.log_id, log_a, 16);
    memcpy(renew.before_id, log_a, 16); /* no new id */
    assert_int_equal(order(&s, &renew, NULL), KT_SIGN_OLD_LOG);
    assert_int_equal(d.writes, writes);

    o = head_order(t, log_a, 50, 60); /* and it goes on */
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_DONE);
    kt_signing_done(&s);
    kt_buf_done(&d.state);
    test_tree_free(t);
    test_tree_free(other);
}

static void a_new_log_by_order_alone_and_never_back(void **state)
{
    (void)state;
    struct kt_signing s;
    struct disk d = { 0 };
    struct test_tree *t = test_tree_new(100, 1);
    begin(&s, &d);
    struct kt_sign_order o = head_order(t, log_a, 0, 90);
    struct kt_sign_order renew = { .what = KT_SIGN_NEW_LOG };
    memcpy(renew.log_id, log_b, 16);
    memcpy(renew.before_id, log_a, 16);
    assert_int_equal(order(&s, &renew, NULL), KT_SIGN_OTHER_LOG); /* nothing was signed */
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_DONE);
    d.full = true;
    assert_int_equal(order(&s, &renew, NULL), KT_SIGN_NOT_KEPT);
    d.full = false;
    assert_int_equal(order(&s, &renew, NULL), KT_SIGN_DONE);
    again(&s, &d);
    o = head_order(t, log_b, 0, 40); /* restored: smaller, and its first head */
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_DONE);
    again(&s, &d);
    o = head_order(t, log_a, 90, 95);
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_OLD_LOG);
    memcpy(renew.log_id, log_a, 16);
    memcpy(renew.before_id, log_b, 16);
    assert_int_equal(order(&s, &renew, NULL), KT_SIGN_OLD_LOG);
    o = head_order(t, log_b, 40, 95);
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_DONE);
    kt_signing_done(&s);
    kt_buf_done(&d.state);
    test_tree_free(t);
}

static void nothing_is_signed_that_is_not_kept(void **state)
{
    (void)state;
    struct kt_signing s;
    struct disk d = { .full = true };
    struct test_tree *t = test_tree_new(100, 1);
    struct kt_sign_answer a;
    begin(&s, &d);
    struct kt_sign_order o = head_order(t, log_a, 0, 10);
    assert_int_equal(order(&s, &o, &a), KT_SIGN_NOT_KEPT);
    assert_int_equal(a.text.len, 0);
    assert_false(a.known);
    assert_non_null(strstr(a.why, "No space left"));
    kt_sign_answer_done(&a);
    d.full = false;
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_DONE);
    kt_signing_done(&s);
    kt_buf_done(&d.state);
    test_tree_free(t);
}

static void an_exchange_of_keys_is_vouched_for_by_the_old_one(void **state)
{
    (void)state;
    struct kt_signing s;
    struct disk d = { 0 };
    struct test_tree *t = test_tree_new(10, 1);
    struct kt_sign_answer a;
    struct kt_sign_order keys = { .what = KT_SIGN_KEYS };
    begin(&s, &d);
    struct kt_sign_order o = head_order(t, log_a, 0, 10);
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_DONE);

    d.keys = (struct kt_log_keys){ .n = 1, .seed = { { 9 } } }; /* the old one is gone */
    assert_int_equal(order(&s, &keys, NULL), KT_SIGN_BAD_KEYS);
    d.keys.n = 0;
    assert_int_equal(order(&s, &keys, NULL), KT_SIGN_BAD_KEYS);
    d.keys = (struct kt_log_keys){ .n = 2, .seed = { { 7 }, { 9 } } };
    assert_int_equal(order(&s, &keys, &a), KT_SIGN_DONE);
    assert_int_equal(a.n_keys, 2);
    assert_true(kt_str_starts(kt_buf_str(&a.text), KT_STR("keytrail log key\nkeytrail/0a")));
    /* signed by the old key over the two lines */
    struct kt_note_key old = { .type = KT_NOTE_LOG }, fresh;
    KT_CLEANUP(kt_buf_done) struct kt_buf origin = { 0 };
    struct kt_str rest = kt_buf_str(&a.text), first, vkey = KT_STR_NONE;
    assert_true(kt_str_split(&rest, '\n', &first) && kt_str_split(&rest, '\n', &vkey));
    assert_int_equal(kt_note_key_read(vkey, &fresh, NULL), KT_OK);
    assert_memory_equal(fresh.public_key, a.public_key[1], 32);
    kt_note_origin(log_a, &origin);
    kt_str_copyz(old.name, sizeof old.name, kt_buf_str(&origin));
    memcpy(old.public_key, a.public_key[0], 32);
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    kt_note_sign(kt_str_from(a.text.at, (size_t)(rest.at - a.text.at)), old.name, s.keys.seed[0],
                 &line);
    assert_true(kt_str_has(kt_buf_str(&a.text), kt_buf_str(&line)));
    struct kt_checkpoint vouch; /* which is what agents read */
    struct kt_str notes = kt_buf_str(&a.text);
    assert_true(kt_vouch_next(&notes, &fresh, &vouch));
    assert_true(kt_checkpoint_signed(&vouch, &old, NULL));
    assert_memory_equal(fresh.public_key, a.public_key[1], 32);
    assert_false(kt_vouch_next(&notes, &fresh, &vouch));
    kt_sign_answer_done(&a);

    assert_int_equal(order(&s, &o, &a), KT_SIGN_DONE); /* both sign for a while */
    struct kt_str lines = kt_buf_str(&a.text), one;
    unsigned n = 0;
    while (kt_str_split(&lines, '\n', &one))
        n += one.len > 0;
    assert_int_equal(n, 2);
    kt_sign_answer_done(&a);
    d.keys = (struct kt_log_keys){ .n = 1, .seed = { { 9 } } };
    assert_int_equal(order(&s, &keys, &a), KT_SIGN_DONE);
    assert_int_equal(a.n_keys, 1);
    assert_int_equal(a.text.len, 0);
    kt_sign_answer_done(&a);
    kt_signing_done(&s);
    kt_buf_done(&d.state);
    test_tree_free(t);
}

/* Whatever is ordered in whatever order, with kills in between: two heads that were signed of one
 * log are always one the beginning of the other. */
static void random_orders_never_fork_a_log(void **state)
{
    (void)state;
    struct kt_rng_seeded seed = { .state = 3 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    struct test_tree *worlds[3] = { test_tree_new(64, 1), test_tree_new(64, 2),
                                    test_tree_branch(64, 1, 30, 5) };
    for (unsigned world = 0; world < 40; world++) {
        struct kt_signing s;
        struct disk d = { 0 };
        struct {
            uint8_t log[16];
            struct kt_head head;
        } done[512];
        unsigned n = 0;
        begin(&s, &d);
        for (unsigned i = 0; i < 400; i++) {
            const uint8_t *logs[] = { log_a, log_b, log_c };
            struct kt_sign_order o;
            const struct test_tree *t =
                worlds[kt_rng_below(&rng, 8) < 6 ? 0 : 1 + kt_rng_below(&rng, 2)];
            uint64_t size = kt_rng_below(&rng, 65);
            uint64_t from = kt_rng_below(&rng, 4) > 0 ? s.head.size : kt_rng_below(&rng, 65);
            o = head_order(t, logs[kt_rng_below(&rng, 10) < 8 ? 0 : kt_rng_below(&rng, 3)], from,
                           size);
            if (kt_rng_below(&rng, 40) == 0) {
                o.what = KT_SIGN_NEW_LOG;
                memcpy(o.before_id, logs[kt_rng_below(&rng, 3)], 16);
            }
            d.full = kt_rng_below(&rng, 10) == 0;
            if (order(&s, &o, NULL) == KT_SIGN_DONE && o.what == KT_SIGN_HEAD) {
                memcpy(done[n].log, o.log_id, 16);
                done[n++].head = o.head;
            }
            if (kt_rng_below(&rng, 10) == 0)
                again(&s, &d);
        }
        for (unsigned a = 0; a < n; a++)
            for (unsigned b = 0; b < n; b++) {
                if (memcmp(done[a].log, done[b].log, 16) != 0 || a >= b)
                    continue;
                assert_true(done[a].head.size <= done[b].head.size);
                bool one_world = false;
                for (unsigned w = 0; w < 3; w++) {
                    struct kt_head x = test_tree_head(worlds[w], done[a].head.size),
                                   y = test_tree_head(worlds[w], done[b].head.size);
                    one_world = one_world || (memcmp(x.root, done[a].head.root, 32) == 0 &&
                                              memcmp(y.root, done[b].head.root, 32) == 0);
                }
                assert_true(one_world);
            }
        kt_signing_done(&s);
        kt_buf_done(&d.state);
    }
    for (unsigned w = 0; w < 3; w++)
        test_tree_free(worlds[w]);
}

static void a_damaged_state_is_no_state(void **state)
{
    (void)state;
    struct kt_signing s, got = { 0 };
    struct disk d = { 0 };
    struct test_tree *t = test_tree_new(10, 1);
    begin(&s, &d);
    struct kt_sign_order o = head_order(t, log_a, 0, 10);
    assert_int_equal(order(&s, &o, NULL), KT_SIGN_DONE);
    for (size_t cut = 0; cut < d.state.len; cut++)
        assert_int_equal(kt_signing_read(kt_str_from(d.state.at, cut), &got, NULL), KT_E_CORRUPT);
    kt_buf_addz(&d.state, "end\n");
    assert_int_equal(kt_signing_read(kt_buf_str(&d.state), &got, NULL), KT_E_CORRUPT);
    kt_signing_done(&s);
    kt_buf_done(&d.state);
    test_tree_free(t);
}

static void what_is_no_order_is_told_so(void **state)
{
    (void)state;
    struct kt_signing s;
    struct disk d = { 0 };
    static const char *const bad[] = { "", "\x01",
                                       "\x09"
                                       "0123456789abcdef",
                                       "\x01"
                                       "0123456789abcdef+" };
    begin(&s, &d);
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++) {
        struct kt_sign_answer a;
        kt_signing_take(&s, kt_str_of(bad[i]), &a);
        assert_int_equal(a.verdict, KT_SIGN_NONSENSE);
        kt_sign_answer_done(&a);
    }
    assert_int_equal(d.writes, 0);
    kt_signing_done(&s);
}

/* ---- the process ---- */

static char dir[64], key_file[96], folder[96];

static int make_folder(void **state)
{
    (void)state;
    struct kt_log_keys keys = { .n = 1, .seed = { { 5 } } };
    (void)snprintf(dir, sizeof dir, "/tmp/kt-signer-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(key_file, sizeof key_file, "%s/log.key", dir);
    (void)snprintf(folder, sizeof folder, "%s/signer", dir);
    return kt_log_keys_write(key_file, &keys, false, NULL) == KT_OK ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    char path[160];
    static const char *const names[] = { "signer/state", "signer/lock", "log.key" };
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    return rmdir(dir);
}

/* This program is the signer, too: see main. */
static struct kt_signer_child *started(void)
{
    const struct kt_signer_options o = { .key_file = key_file, .folder = folder };
    struct kt_signer_child *s = NULL;
    struct kt_error err = { 0 };
    if (kt_signer_start(&o, &s, &err) != KT_OK)
        fail_msg("%s", err.text);
    return s;
}

static enum kt_sign_verdict ask(struct kt_signer_child *s, const struct kt_sign_order *o)
{
    struct kt_sign_answer a = { 0 };
    struct kt_error err = { 0 };
    if (kt_signer_ask(s, o, &a, &err) != KT_OK)
        fail_msg("%s", err.text);
    kt_sign_answer_done(&a);
    return a.verdict;
}

static void the_process_remembers_through_its_own_death(void **state)
{
    (void)state;
    struct test_tree *t = test_tree_new(100, 1);
    struct kt_signer_child *s = started();
    struct kt_sign_order o = head_order(t, log_a, 0, 50);
    struct kt_sign_answer a;
    assert_int_equal(ask(s, &o), KT_SIGN_DONE);
    assert_int_equal(kill(kt_signer_pid(s), SIGTERM), 0); /* is for the collector */
    assert_int_equal(ask(s, &o), KT_SIGN_DONE);
    assert_int_equal(kill(kt_signer_pid(s), SIGKILL), 0);
    assert_int_equal(kt_signer_ask(s, &o, &a, NULL), KT_E_IO);
    kt_signer_stop(s);
    s = started();
    o = head_order(t, log_a, 0, 49);
    assert_int_equal(ask(s, &o), KT_SIGN_SMALLER);
    o = head_order(t, log_a, 50, 100);
    assert_int_equal(ask(s, &o), KT_SIGN_DONE);
    kt_signer_stop(s);
    test_tree_free(t);
}

static void one_signer_a_folder(void **state)
{
    (void)state;
    const struct kt_signer_options o = { .key_file = key_file, .folder = folder };
    struct kt_signer_child *s = started(), *second = NULL;
    struct kt_error err = { 0 };
    assert_int_equal(kt_signer_start(&o, &second, &err), KT_E_DENIED);
    assert_non_null(strstr(err.text, "another signer"));
    kt_signer_stop(s);
    s = started();
    kt_signer_stop(s);
}

static void it_does_not_start_without_a_sound_key_and_state(void **state)
{
    (void)state;
    const struct kt_signer_options o = { .key_file = key_file, .folder = folder };
    struct kt_signer_child *s = NULL;
    struct kt_error err = { 0 };
    char path[160];
    assert_int_equal(chmod(key_file, 0644), 0);
    assert_int_equal(kt_signer_start(&o, &s, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "chmod 600"));
    assert_int_equal(unlink(key_file), 0);
    assert_int_equal(kt_signer_start(&o, &s, &err), KT_E_AGAIN);
    assert_non_null(strstr(err.text, "keygen"));
    struct kt_log_keys keys = { .n = 1, .seed = { { 5 } } };
    assert_int_equal(kt_log_keys_write(key_file, &keys, false, NULL), KT_OK);
    kt_signer_stop(started());
    (void)snprintf(path, sizeof path, "%s/state", folder);
    assert_int_equal(kt_fs_write_atomic(path, KT_STR("keytrail signer 1\nsi"), 0600, NULL), KT_OK);
    assert_int_equal(kt_signer_start(&o, &s, &err), KT_E_CORRUPT);
    assert_non_null(strstr(err.text, "damaged"));
    assert_null(s);
}

/* What the kernel says of it. */
static void its_process_has_given_things_up(void **state)
{
    (void)state;
    struct kt_signer_child *s = started();
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/status", kt_signer_pid(s));
    if (kt_fs_read_all(path, 65536, &text, NULL) == KT_OK) {
        assert_true(kt_str_has(kt_buf_str(&text), KT_STR("\nSeccomp:\t2\n")));
        assert_true(kt_str_has(kt_buf_str(&text), KT_STR("\nNoNewPrivs:\t1\n")));
    }
    kt_signer_stop(s);
}

#define PROCESS(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)

int main(int argc, char **argv)
{
    kt_hash_init();
    if (argc == 4 && strcmp(argv[1], "signer") == 0)
        return kt_signer_main(argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_growing_log_is_signed_and_the_note_verifies),
        cmocka_unit_test(each_refusal_has_its_name_and_changes_nothing),
        cmocka_unit_test(a_new_log_by_order_alone_and_never_back),
        cmocka_unit_test(nothing_is_signed_that_is_not_kept),
        cmocka_unit_test(an_exchange_of_keys_is_vouched_for_by_the_old_one),
        cmocka_unit_test(random_orders_never_fork_a_log),
        cmocka_unit_test(a_damaged_state_is_no_state),
        cmocka_unit_test(what_is_no_order_is_told_so),
        PROCESS(the_process_remembers_through_its_own_death),
        PROCESS(one_signer_a_folder),
        PROCESS(it_does_not_start_without_a_sound_key_and_state),
        PROCESS(its_process_has_given_things_up),
    };
    return cmocka_run_group_tests_name("collector_signer", tests, NULL, NULL);
}
