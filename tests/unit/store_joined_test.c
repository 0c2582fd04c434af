/*
 * store_joined: the sums of several stretches as one, of sums that are written by hand, and when
 * they are made. Answers with them are in store_totals_test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/store/store.h"
#include "core/store/together_int.h"
#include "tests/support/segments.h"
#include "tests/support/totals_parts.h"

#define SPAN 100u /* numbers of each stretch */

static const struct kt_totals_run stretch[] = { { 1, SPAN, 1, false },
                                                { SPAN + 1, 2 * SPAN, 1, false } };
static const struct kt_totals_run whole = { 1, 2 * SPAN, 1, true };

struct deed {
    const char *actor, *secret;
    uint32_t n;
    kt_time_ns first, last;
    uint32_t segment;
};

/* Deeds are reads, each from the address of 16 times the first letter of the secret. */
static void put(struct kt_totals_making *m, const struct deed *d)
{
    const struct kt_totals_way way = { .action = KT_ACT_READ,
                                       .outcome = KT_OUT_SUCCESS,
                                       .operation = KT_STR("get") };
    char ip[16];
    memset(ip, d->secret[0], sizeof ip);
    uint32_t actor = kt_totals_put_actor(m, KT_STR("vault"), KT_STR("vault-prod"),
                                         kt_str_of(d->actor), false),
             secret = kt_totals_put(m, m->secrets, kt_str_of(d->secret)),
             thing = kt_totals_put_thing(m, secret, kt_totals_put_way(m, &way)),
             address = kt_totals_put(m, m->addresses, kt_str_from(ip, sizeof ip));
    struct kt_totals_actor *a = &m->actor[actor].is;
    a->head = a->earliest = a->accesses == 0 ? d->first : a->earliest;
    a->last = d->last > a->last ? d->last : a->last;
    a->accesses += d->n;
    a->reads += d->n;
    kt_totals_set_segment(&m->actor[actor], d->segment);
    kt_totals_put_entry(&m->table[KT_TOTALS_DEEDS], actor,
                        &(struct kt_totals_entry){ thing, d->n, d->first, d->last });
    kt_totals_put_entry(&m->table[KT_TOTALS_PLACES], actor,
                        &(struct kt_totals_entry){ address, d->n, d->first, d->last });
}

static void keep(struct totals_file *f, const struct kt_totals_making *m,
                 const struct kt_totals_run *run)
{
    struct kt_totals_blobs b = { 0 };
    kt_totals_write(m, run, &b);
    for (uint32_t i = 0; i < b.n; i++)
        totals_file_put(f, b.at[i].name, kt_buf_str(&b.at[i].bytes));
    kt_totals_blobs_done(&b);
}

static void load(struct kt_totals *s, const struct totals_file *f, const struct kt_totals_run *run)
{
    kt_totals_begin(s, run, f->file.db);
    assert_true(kt_totals_load(s, KT_TOTALS_WITH_ACTORS));
    for (uint32_t i = 0; i < s->n_actors; i++)
        s->actor[i].wanted = true;
    assert_true(kt_totals_load(s, KT_TOTALS_WITH_SECRETS | KT_TOTALS_WITH_ADDRESSES |
                                      KT_TOTALS_WITH_DEEDS | KT_TOTALS_WITH_PLACES));
}

/* Stretches of three segments each with these deeds, and the two joined. */
static void keep_both(struct totals_file *f, const struct deed *deed, const uint32_t n[2])
{
    struct kt_totals_making *joined = kt_totals_making_new();
    struct kt_totals s = { 0 };
    totals_file_open(f, whole.first_seq, whole.last_seq);
    for (unsigned i = 0; i < 2; deed += n[i++]) {
        struct kt_totals_making *m = kt_totals_making_new();
        for (uint32_t k = 0; k < n[i]; k++)
            put(m, &deed[k]);
        keep(f, m, &stretch[i]);
        kt_totals_making_free(m);
        load(&s, f, &stretch[i]);
        assert_true(kt_totals_join(joined, &s, 3));
    }
    keep(f, joined, &whole);
    kt_totals_making_free(joined);
    kt_totals_done(&s);
}

static const struct kt_totals_entry *entry_of(const struct kt_totals *s, uint32_t actor,
                                              const char *secret)
{
    const struct kt_totals_actor *a = &s->actor[actor];
    for (uint32_t i = 0; i < a->n[KT_TOTALS_DEEDS]; i++) {
        const struct kt_totals_entry *e = &a->entry[KT_TOTALS_DEEDS][i];
        if (kt_str_is(s->secret[s->thing[e->of].secret].id, secret))
            return e;
    }
    fail_msg("no %s", secret);
    return NULL;
}

static void assert_entry(const struct kt_totals_entry *e, uint32_t n, kt_time_ns first,
                         kt_time_ns last)
{
    assert_int_equal(e->n, n);
    assert_int_equal(e->first, first);
    assert_int_equal(e->last, last);
}

static void counts_are_added_and_times_are_the_earliest_and_the_latest(void **state)
{
    static const struct deed deeds[] = {
        { "anna", "b", 2, 100, 110, 0 }, { "bob", "a", 1, 120, 120, 2 },
        { "cleo", "c", 1, 90, 90, 0 },   { "anna", "b", 3, 95, 300, 1 },
        { "anna", "a", 1, 310, 310, 2 },
    };
    struct totals_file f;
    struct kt_totals s = { 0 };
    (void)state;
    keep_both(&f, deeds, (const uint32_t[]){ 2, 3 });
    load(&s, &f, &whole);
    assert_int_equal(s.n_actors, 3); /* in the order of their first records */
    assert_true(kt_str_is(s.actor[0].actor, "anna") && kt_str_is(s.actor[2].actor, "cleo"));
    assert_int_equal(s.n_secrets, 3);
    assert_true(kt_str_is(s.secret[0].id, "a") && s.secret[0].read);
    const struct kt_totals_actor *anna = &s.actor[0];
    assert_int_equal(anna->accesses, 6);
    assert_int_equal(anna->head, 100);
    assert_int_equal(anna->earliest, 95);
    assert_int_equal(anna->last, 310);
    assert_int_equal((uint8_t)anna->segments.at[0], 1u << 0 | 1u << 4 | 1u << 5);
    assert_int_equal(anna->n[KT_TOTALS_DEEDS], 2);
    assert_entry(entry_of(&s, 0, "b"), 5, 95, 300);
    assert_entry(entry_of(&s, 0, "a"), 1, 310, 310);
    assert_entry(entry_of(&s, 1, "a"), 1, 120, 120);
    assert_int_equal(s.n_addresses, 3);
    assert_int_equal(anna->n[KT_TOTALS_PLACES], 2);
    assert_int_equal(kt_totals_address(&s, anna->entry[KT_TOTALS_PLACES][0].of).at[15], 'b');
    assert_entry(&anna->entry[KT_TOTALS_PLACES][0], 5, 95, 300);
    kt_totals_done(&s);
    totals_file_close(&f);
}

static void a_stretch_with_nothing_in_it_is_joined(void **state)
{
    static const struct deed deeds[] = { { "anna", "b", 2, 100, 110, 2 } };
    struct totals_file f;
    struct kt_totals s = { 0 };
    (void)state;
    keep_both(&f, deeds, (const uint32_t[]){ 0, 1 });
    load(&s, &f, &whole);
    assert_int_equal(s.n_actors, 1);
    assert_int_equal((uint8_t)s.actor[0].segments.at[0], 1u << 5);
    assert_entry(entry_of(&s, 0, "b"), 2, 100, 110);
    kt_totals_done(&s);
    totals_file_close(&f);
}

/* They have names of their own, beside those of the first stretch, and are no stretch's. */
static void joined_parts_are_not_those_of_the_first_stretch(void **state)
{
    static const struct deed deeds[] = { { "anna", "b", 2, 100, 110, 0 },
                                         { "anna", "b", 2, 200, 210, 0 } };
    const struct kt_totals_run longer = { 1, 2 * SPAN + 1, 1, true };
    struct totals_file f;
    struct kt_totals s = { 0 };
    (void)state;
    keep_both(&f, deeds, (const uint32_t[]){ 1, 1 });
    load(&s, &f, &stretch[0]);
    assert_entry(entry_of(&s, 0, "b"), 2, 100, 110);
    kt_totals_begin(&s, &longer, f.file.db);
    assert_false(kt_totals_load(&s, KT_TOTALS_WITH_ACTORS));
    kt_totals_done(&s);
    totals_file_close(&f);
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
    struct kt_totals_making *m = kt_totals_making_new();
    struct kt_totals_actor anna = { .actor = KT_STR("anna"), .accesses = 1 };
    struct kt_totals s = { .actor = &anna, .n_actors = 1 };
    (void)state;
    s.used[KT_TOTALS_DEEDS] = s.used[KT_TOTALS_PLACES] = KT_TOTALS_JOINED_MAX / 2 + 1;
    assert_false(kt_totals_join(m, &s, 1));
    s.used[KT_TOTALS_PLACES] = 0;
    s.used[KT_TOTALS_DEEDS] = KT_TOTALS_ENTRIES_MAX + 1;
    assert_false(kt_totals_join(m, &s, 1));
    assert_int_equal(kt_map_count(m->actors), 0);
    s.used[KT_TOTALS_DEEDS] = 0;
    s.ids.len = KT_TOTALS_TEXT_MAX + 1;
    assert_false(kt_totals_join(m, &s, 1));
    s.ids.len = s.text[KT_TOTALS_SECRETS].len = KT_TOTALS_TEXT_MAX; /* as they are written, too */
    s.n_addresses = 1;
    assert_false(kt_totals_join(m, &s, 1)); /* an address has sixteen */
    s.n_addresses = 0;
    assert_int_equal(kt_map_count(m->actors), 0);
    assert_true(kt_totals_join(m, &s, 1));
    assert_int_equal(kt_map_count(m->actors), 1);
    kt_totals_making_free(m);
}

/* An actor in the last segment that a sum may have, in whoever's file: of a stretch it is no sum,
 * and joined it is one, which has no room for another. */
static void nobody_is_in_segments_that_there_are_not(void **state)
{
    static const struct deed deeds[] = { { "anna", "b", 1, 5, 5, KT_TOTALS_SEGMENTS - 1 } };
    struct kt_totals_making *m = kt_totals_making_new(), *joined = kt_totals_making_new();
    struct totals_file f;
    struct kt_totals s = { 0 };
    (void)state;
    totals_file_open(&f, whole.first_seq, whole.last_seq);
    put(m, deeds);
    keep(&f, m, &stretch[0]);
    keep(&f, m, &whole);
    kt_totals_begin(&s, &stretch[0], f.file.db);
    assert_false(kt_totals_load(&s, KT_TOTALS_WITH_ACTORS));
    load(&s, &f, &whole);
    assert_false(kt_totals_join(joined, &s, KT_TOTALS_SEGMENTS - 1));
    assert_int_equal(kt_map_count(joined->actors), 0);
    assert_true(kt_totals_join(joined, &s, KT_TOTALS_SEGMENTS));
    assert_false(kt_totals_join(joined, &s, KT_TOTALS_SEGMENTS));
    assert_false(kt_totals_join(joined, &s, UINT32_MAX));
    assert_int_equal(joined->segments, KT_TOTALS_SEGMENTS);
    kt_totals_making_free(m);
    kt_totals_making_free(joined);
    kt_totals_done(&s);
    totals_file_close(&f);
}

/* ---- of a store ---- */

typedef enum kt_status make_next(struct kt_reader *r, const struct kt_together_how *how,
                                 struct kt_together_made **ret, struct kt_error *err);

/* Makes as many as there are, of two each, and at most so many. */
static void keep_next(struct segments *w, make_next *make, unsigned most)
{
    const struct kt_together_how how = { .segments = 2, .joined = 2 };
    struct kt_together_made *made = NULL;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    bool added;
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    for (; most > 0 && make(r, &how, &made, &err) == KT_OK; most--) {
        segments_must(kt_store_begin(w->store, &err), &err);
        segments_must(kt_together_put(w->store, made, &added, &err), &err);
        segments_must(kt_store_commit(w->store, &err), &err);
        kt_together_made_free(made);
    }
    kt_reader_close(r);
}

static uint64_t joined_of(struct segments *w)
{
    struct kt_together_state state;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    keep_next(w, kt_joined_make_next, 9);
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    segments_must(kt_together_state(r, &state, &err), &err);
    kt_reader_close(r);
    return state.joined;
}

/* Bytes of what the first stretch has of its actors, in another order and back. */
#define TURNED "substr(value, 2) || substr(value, 1, 1)"
#define BACK   "substr(value, -1) || substr(value, 1, length(value) - 1)"
static void turn(struct segments *w, const char *how)
{
    char sql[256];
    struct kt_error err = { 0 };
    (void)snprintf(sql, sizeof sql,
                   "UPDATE blob SET value = CAST(%s AS BLOB) WHERE name = (SELECT min(name)"
                   " FROM blob WHERE name GLOB 'together/0*/actors')",
                   how);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_db_exec(w->store->db, sql, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
}

static void sums_that_cannot_be_read_are_tried_again(void **state)
{
    struct segments *w = *state;
    keep_next(w, kt_stretch_make_next, 3);
    turn(w, TURNED);
    assert_int_equal(joined_of(w), 0);
    turn(w, BACK);
    assert_int_equal(joined_of(w), 2);
}

static void they_are_not_tried_each_turn(void **state)
{
    struct segments *w = *state;
    struct kt_together_rests rests = { 0 };
    const struct kt_together_how how = { .segments = 2, .joined = 2, .rests = &rests };
    struct kt_together_made *made = NULL;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    keep_next(w, kt_stretch_make_next, 3);
    turn(w, TURNED);
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    for (uint32_t turns = 1; turns <= KT_TOGETHER_REST_MAX; turns *= 2) {
        assert_int_equal(kt_joined_make_next(r, &how, &made, &err), KT_E_AGAIN);
        assert_int_equal(rests.joined.left, turns);
        rests.joined.left = 0;
    }
    assert_int_equal(kt_joined_make_next(r, &how, &made, &err), KT_E_AGAIN);
    assert_int_equal(rests.joined.left, KT_TOGETHER_REST_MAX);
    turn(w, BACK);
    rests.joined.left = 1;
    assert_int_equal(kt_joined_make_next(r, &how, &made, &err), KT_E_AGAIN);
    assert_int_equal(kt_joined_make_next(r, &how, &made, &err), KT_OK);
    assert_int_equal(rests.joined.turns, 0);
    kt_together_made_free(made);
    kt_reader_close(r);
}

static void others_do_not_wait_for_them_for_ever(void **state)
{
    struct segments *w = *state;
    keep_next(w, kt_stretch_make_next, 3);
    turn(w, TURNED);
    assert_int_equal(joined_of(w), 0);
    keep_next(w, kt_stretch_make_next, 1); /* as many again as are joined wait now */
    assert_int_equal(joined_of(w), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_added_and_times_are_the_earliest_and_the_latest),
        cmocka_unit_test(a_stretch_with_nothing_in_it_is_joined),
        cmocka_unit_test(joined_parts_are_not_those_of_the_first_stretch),
        cmocka_unit_test(what_does_not_fit_is_left_out_whole),
        cmocka_unit_test(nobody_is_in_segments_that_there_are_not),
        cmocka_unit_test_setup_teardown(sums_that_cannot_be_read_are_tried_again, segments_set_up,
                                        segments_tear_down),
        cmocka_unit_test_setup_teardown(they_are_not_tried_each_turn, segments_set_up,
                                        segments_tear_down),
        cmocka_unit_test_setup_teardown(others_do_not_wait_for_them_for_ever, segments_set_up,
                                        segments_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
