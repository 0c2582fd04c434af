/* checkpoint: the writer's side over a real store and a signer in this process: what is published
 * is durable; wishes are answered and what comes back is checked; nothing is lost by restarts;
 * older ones are thinned as promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/checkpoint_int.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/rng.h"
#include "tests/support/signed_log.h"

static void must(enum kt_status st, const struct kt_error *err)
{
    if (st != KT_OK)
        fail_msg("%s", err->text);
}

/* ---- the writer's side, with the thread's part done by hand ---- */

struct mail { /* of the fake maker below */
    struct kt_made made;
    bool fresh;
    struct kt_asked asked[64];
    unsigned n;
    uint64_t published;
};
static struct signed_log *now_world;
static bool hold_answers; /* the thread is slow */

struct kt_maker {
    struct mail m;
};
enum kt_status kt_maker_start(const struct kt_making *making, uint64_t published,
                              struct kt_maker **ret, struct kt_error *err)
{
    (void)making;
    (void)err;
    *ret = kt_alloc(sizeof **ret);
    (*ret)->m.published = published;
    return KT_OK;
}
void kt_maker_stop(struct kt_maker *m)
{
    if (m != NULL)
        kt_made_done(&m->m.made);
    kt_free(m);
}
int kt_maker_fd(const struct kt_maker *m)
{
    (void)m;
    return -1;
}
bool kt_maker_take(struct kt_maker *m, struct kt_made *ret)
{
    if (!m->m.fresh)
        return false;
    *ret = m->m.made;
    m->m.made = (struct kt_made){ 0 };
    m->m.fresh = false;
    return true;
}
void kt_maker_published(struct kt_maker *m, uint64_t size)
{
    m->m.published = size;
}
bool kt_maker_ask(struct kt_maker *m, uint64_t from, uint64_t to)
{
    if (m->m.n == 2) /* little room: the others must wait for theirs */
        return false;
    struct kt_asked *a = &m->m.asked[m->m.n++];
    struct kt_error err = { 0 };
    *a = (struct kt_asked){ .from = from, .to = to };
    a->st = kt_making_proof(&now_world->making, from, to, &a->path, &err);
    (void)snprintf(a->why, sizeof a->why, "%.150s", err.text);
    return true;
}
bool kt_maker_answer(struct kt_maker *m, struct kt_asked *ret)
{
    if (m->m.n == 0 || hold_answers)
        return false;
    *ret = m->m.asked[--m->m.n];
    return true;
}
void kt_maker_hurry(struct kt_maker *m)
{
    (void)m;
}
enum kt_status kt_maker_order(struct kt_maker *m, const struct kt_sign_order *o,
                              struct kt_sign_answer *ret, struct kt_error *err)
{
    (void)m;
    return now_world->making.ask(now_world, o, ret, err);
}

static struct kt_checkpoints *open_checkpoints(struct signed_log *w)
{
    static struct kt_conf conf;
    struct kt_checkpoints *c = NULL;
    struct kt_error err = { 0 };
    conf.store_path = w->path;
    now_world = w;
    const struct kt_checkpoints_options o = { .conf = &conf,
                                              .store = w->store,
                                              .clock = kt_clock_memory(&w->clock) };
    must(kt_checkpoints_open(&o, &c, &err), &err);
    return c;
}

/* The thread's turn, then the writer's. commit false: the transaction is undone, as by a crash. */
static void turn(struct signed_log *w, struct kt_checkpoints *c, bool make, bool commit)
{
    struct kt_error err = { 0 };
    if (make && !c->maker->m.fresh) {
        kt_making_head(&w->making, c->maker->m.published, &c->maker->m.made);
        c->maker->m.fresh = true;
    }
    if (!kt_checkpoints_turn(c))
        return;
    must(kt_store_begin(w->store, &err), &err);
    must(kt_checkpoints_put(c, &err), &err);
    if (!commit) {
        kt_store_rollback(w->store);
        return;
    }
    must(kt_store_commit(w->store, &err), &err);
    kt_checkpoints_committed(c);
}

static void nothing_is_published_before_it_is_durable(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_checkpoint_news n;
    KT_CLEANUP(kt_buf_done) struct kt_buf blob = { 0 };
    signed_log_append(w, 2);
    turn(w, c, true, false);
    assert_false(kt_checkpoints_newest(c, &n));
    kt_checkpoints_close(c); /* the crash */
    c = open_checkpoints(w);
    assert_false(kt_checkpoints_newest(c, &n));
    turn(w, c, true, true);
    assert_true(kt_checkpoints_newest(c, &n));
    assert_int_equal(n.head.size, 2 * SIGNED_LOG_BATCH);
    assert_int_equal(kt_store_get(w->store, KT_CHECKPOINT_BLOB, &blob, NULL), KT_OK);
    assert_true(kt_str_eq(kt_buf_str(&blob), n.note));
    kt_checkpoints_close(c);
    c = open_checkpoints(w); /* and the next life has it at once */
    assert_true(kt_checkpoints_newest(c, &n));
    assert_true(kt_str_eq(kt_buf_str(&blob), n.note));
    assert_int_equal(c->maker->m.published, 2 * SIGNED_LOG_BATCH);
    kt_checkpoints_close(c);
}

static void a_quiet_log_is_published_again(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_checkpoint_news a, b;
    signed_log_append(w, 1);
    turn(w, c, true, true);
    assert_true(kt_checkpoints_newest(c, &a));
    uint64_t number = a.number;
    turn(w, c, false, true);
    assert_true(kt_checkpoints_newest(c, &b));
    assert_int_equal(b.number, number);
    turn(w, c, true, true);
    assert_true(kt_checkpoints_newest(c, &b));
    assert_int_equal(b.number, number + 1);
    assert_int_equal(b.proof.len, 0);
    assert_int_equal(b.head.size, SIGNED_LOG_BATCH);
    kt_checkpoints_close(c);
}

/* ---- wishes ---- */

struct answered {
    unsigned n, none;
    uint64_t tag;
    struct kt_head head;
    struct kt_path path;
    uint64_t from;
    char why[160];
};

static void on_answer(void *self, uint64_t tag, const struct kt_checkpoint_news *news,
                      const char *why)
{
    struct answered *a = self;
    a->n++;
    a->tag = tag;
    a->none += news == NULL;
    (void)snprintf(a->why, sizeof a->why, "%.150s", why != NULL ? why : "");
    if (news == NULL)
        return;
    a->head = news->head;
    a->from = news->from;
    assert_true(kt_path_read(news->proof, &a->path));
}

static void wish(struct kt_checkpoints *c, struct answered *a, uint64_t from, uint64_t tag)
{
    struct kt_error err = { 0 };
    const struct kt_checkpoint_wish w = {
        .from = from, .tag = tag, .answer = on_answer, .self = a
    };
    must(kt_checkpoints_wish(c, &w, &err), &err);
}

static void whoever_was_away_gets_a_proof_from_what_he_has(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct answered a = { 0 };
    struct kt_head heads[21] = { 0 };
    wish(c, &a, 0, 5);
    turn(w, c, false, true);
    assert_int_equal(a.none, 1); /* nothing is signed yet */
    for (unsigned i = 1; i <= 20; i++) {
        signed_log_append(w, 1);
        turn(w, c, true, true);
        heads[i] = c->newest.head;
    }
    a = (struct answered){ 0 };
    for (unsigned i = 0; i <= 20; i++)
        wish(c, &a, heads[i].size, 100 + i);
    wish(c, &a, 51 * SIGNED_LOG_BATCH, 7);
    wish(c, &a, heads[3].size, 100 + 3); /* again: it replaces the first */
    kt_checkpoints_forget(c, 100 + 4);
    for (unsigned i = 0; i < 60 && a.n < 21; i++) {
        unsigned before = a.n;
        turn(w, c, false, true);
        if (a.n == before || a.path.n == 0)
            continue;
        assert_true(kt_merkle_extends(&heads[a.from / SIGNED_LOG_BATCH], &a.head, &a.path));
    }
    assert_int_equal(a.n, 21); /* 21 sizes and one too large, less one forgotten */
    assert_int_equal(a.none, 1);
    kt_checkpoints_close(c);
}

static void a_wish_is_answered_for_the_newest_one_then(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct answered a = { 0 };
    signed_log_append(w, 1);
    turn(w, c, true, true);
    struct kt_head first = c->newest.head;
    signed_log_append(w, 3);
    turn(w, c, true, true);
    wish(c, &a, first.size, 1);
    hold_answers = true;
    turn(w, c, false, true); /* asked */
    signed_log_append(w, 3);
    turn(w, c, true, true); /* and a newer one comes */
    hold_answers = false;
    for (unsigned i = 0; i < 5 && a.n == 0; i++)
        turn(w, c, false, true);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.head.size, c->newest.head.size);
    assert_true(kt_merkle_extends(&first, &a.head, &a.path));
    kt_checkpoints_close(c);
}

static void one_proof_is_for_all_who_have_the_same(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct answered a = { 0 };
    signed_log_append(w, 1);
    turn(w, c, true, true);
    struct kt_head first = c->newest.head;
    signed_log_append(w, 2);
    turn(w, c, true, true);
    for (unsigned i = 0; i < 500; i++)
        wish(c, &a, first.size, 1 + i);
    hold_answers = true;
    turn(w, c, false, true);
    assert_int_equal(c->maker->m.n, 1);
    kt_checkpoints_forget(c, 1); /* the one whose wish it was */
    hold_answers = false;
    turn(w, c, false, true);
    assert_int_equal(a.n, 499);
    assert_int_equal(a.none, 0);
    assert_true(kt_merkle_extends(&first, &a.head, &a.path));
    assert_int_equal(c->n_wishes, 0);
    kt_checkpoints_close(c);
}

/* ---- cosignatures ---- */

static enum kt_status cosign(struct signed_log *w, struct kt_checkpoints *c,
                             const struct kt_head *head, const char *name, uint8_t seed_byte,
                             bool witness, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, line = { 0 };
    uint8_t seed[32] = { seed_byte };
    struct kt_note_key key = { .type = KT_NOTE_COSIGNATURE };
    kt_str_copyz(key.name, sizeof key.name, kt_str_of(name));
    kt_sign_public(seed, key.public_key);
    kt_checkpoint_text(w->making.log_id, head, &text);
    kt_note_cosign(kt_buf_str(&text), name, seed, w->clock.wall, &line);
    const struct kt_cosignature s = {
        .head = *head, .line = kt_buf_str(&line), .key = &key, .n_keys = 1, .witness = witness
    };
    return kt_checkpoints_cosign(c, &s, err);
}

static unsigned signatures(const struct kt_checkpoints *c)
{
    struct kt_checkpoint cp;
    assert_int_equal(kt_checkpoint_read(kt_buf_str(&c->newest.note), &cp, NULL), KT_OK);
    return cp.n;
}

static void cosignatures_are_checked_and_kept(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_error err = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf blob = { 0 };
    signed_log_append(w, 1);
    turn(w, c, true, true);
    struct kt_head head = c->newest.head, forked = head, old = head;
    assert_int_equal(cosign(w, c, &head, "web-1", 21, false, &err), KT_OK);
    assert_int_equal(cosign(w, c, &head, "web-1", 21, false, &err), KT_OK); /* said already */
    assert_int_equal(cosign(w, c, &head, "web-2", 22, false, &err), KT_OK);
    assert_int_equal(signatures(c), 3);
    forked.root[0] ^= 1;
    assert_int_equal(cosign(w, c, &forked, "web-3", 23, false, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "another tree"));
    old.size = 7;
    assert_int_equal(cosign(w, c, &old, "web-3", 23, false, &err), KT_E_AGAIN);

    /* a line by another key than it may be by; two lines; nothing */
    struct kt_note_key stranger = { .name = "web-3", .type = KT_NOTE_COSIGNATURE };
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    uint8_t seed[32] = { 40 };
    kt_note_cosign(kt_str_from(c->newest.note.at, 5), "web-3", seed, w->clock.wall, &line);
    struct kt_cosignature s = {
        .head = head, .line = kt_buf_str(&line), .key = &stranger, .n_keys = 1
    };
    assert_int_equal(kt_checkpoints_cosign(c, &s, &err), KT_E_INPUT);
    s.line = KT_STR("");
    assert_int_equal(kt_checkpoints_cosign(c, &s, &err), KT_E_INPUT);
    s.line = KT_STR("\xe2\x80\x94 a AAAAAAAA\n\xe2\x80\x94 b AAAAAAAA");
    assert_int_equal(kt_checkpoints_cosign(c, &s, &err), KT_E_INPUT);
    assert_int_equal(signatures(c), 3);

    w->clock.wall += 11 * KT_NS_MIN; /* a newer word replaces the old one */
    assert_int_equal(cosign(w, c, &head, "web-1", 21, false, &err), KT_OK);
    assert_int_equal(signatures(c), 3);

    w->clock.mono += 2 * KT_NS_S;
    turn(w, c, false, true);
    assert_int_equal(kt_store_get(w->store, KT_CHECKPOINT_BLOB, &blob, NULL), KT_OK);
    assert_true(kt_str_eq(kt_buf_str(&blob), kt_buf_str(&c->newest.note)));
    kt_checkpoints_close(c);
}

static void a_crowd_of_agents_leaves_room_for_witnesses(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_error err = { 0 };
    signed_log_append(w, 1);
    turn(w, c, true, true);
    struct kt_head head = c->newest.head;
    for (unsigned i = 0; i < 60; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "web-%u", i);
        assert_int_equal(cosign(w, c, &head, name, (uint8_t)(100 + i), false, &err),
                         i < 48 ? KT_OK : KT_E_AGAIN);
    }
    for (unsigned i = 0; i < 16; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "witness-%u", i);
        assert_int_equal(cosign(w, c, &head, name, (uint8_t)(i + 1), true, &err),
                         i < 15 ? KT_OK : KT_E_AGAIN);
    }
    assert_int_equal(signatures(c), KT_NOTE_SIGNATURES);
    assert_true(c->newest.note.len <= KT_NOTE_MAX);
    kt_checkpoints_close(c);
}

/* ---- keys ---- */

static enum kt_status read_keys(void *self, struct kt_log_keys *ret, struct kt_error *err)
{
    const struct signed_log *w = self;
    (void)err;
    *ret = w->key_file;
    return KT_OK;
}

static bool is_vouched(const struct kt_checkpoints *c, const struct kt_note_key *by)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_note_key k;
    struct kt_checkpoint note;
    kt_checkpoints_vouches(c, &text);
    struct kt_str rest = kt_buf_str(&text);
    return kt_vouch_next(&rest, &k, &note) && kt_checkpoint_signed(&note, by, NULL);
}

/* What the old key said of the new one is there for agents until the exchange is finished. */
static void an_exchange_is_vouched_for_until_it_is_finished(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_note_key old = signed_log_key(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
    struct kt_error err = { 0 };
    w->signing.read_keys = read_keys;
    signed_log_append(w, 1);
    turn(w, c, true, true);
    assert_false(is_vouched(c, &old));
    w->key_file = (struct kt_log_keys){ .n = 2, .seed = { { 7 }, { 9 } } };
    must(kt_checkpoints_new_keys(c, &note, &err), &err);
    assert_true(is_vouched(c, &old));
    must(kt_checkpoints_new_keys(c, &note, &err), &err); /* once more is the same */
    assert_true(is_vouched(c, &old));
    must(kt_store_begin(w->store, &err), &err); /* as the daemon does with its record */
    must(kt_store_put(w->store, KT_LOG_VOUCHES_BLOB, kt_buf_str(&note), &err), &err);
    must(kt_store_commit(w->store, &err), &err);
    kt_checkpoints_close(c);
    c = open_checkpoints(w);
    signed_log_append(w, 1);
    turn(w, c, true, true);
    assert_true(is_vouched(c, &old));
    w->key_file = (struct kt_log_keys){ .n = 1, .seed = { { 9 } } };
    must(kt_checkpoints_new_keys(c, &note, &err), &err);
    assert_false(is_vouched(c, &old));
    kt_checkpoints_close(c);
}

/* ---- history ---- */

struct history {
    unsigned n;
    uint64_t size[512];
};

static enum kt_status count_one(void *self, const char *name, struct kt_str value,
                                struct kt_error *err)
{
    struct history *h = self;
    struct kt_checkpoint c;
    uint64_t size = strtoull(name + strlen(KT_CHECKPOINT_HISTORY), NULL, 10);
    must(kt_checkpoint_read(value, &c, err), err);
    assert_int_equal(c.head.size, size);
    h->size[h->n++] = size;
    return KT_OK;
}

/* A checkpoint each half hour for four days, one of which a witness cosigned. */
static void older_ones_are_thinned_as_promised(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_error err = { 0 };
    struct history h = { 0 };
    const unsigned days = 4, an_hour = 2;
    kt_time_ns start = MAKE_T0 / KT_NS_DAY * KT_NS_DAY; /* midnight */
    w->clock.wall = start;
    for (unsigned i = 0; i < days * 24 * an_hour; i++) {
        signed_log_append(w, 1);
        turn(w, c, true, true);
        if (i == 6 * an_hour - 1) { /* the last of an hour of the first day */
            struct kt_head head = c->newest.head;
            must(cosign(w, c, &head, "witness", 9, true, &err), &err);
        }
        w->clock.mono += 30 * KT_NS_MIN;
        w->clock.wall += 30 * KT_NS_MIN;
        turn(w, c, false, true);
        if (i % 100 == 50) { /* restarts change nothing */
            kt_checkpoints_close(c);
            c = open_checkpoints(w);
        }
    }
    must(kt_store_each(w->store, KT_CHECKPOINT_HISTORY, count_one, &h, &err), &err);
    unsigned daily = 0, hourly = 0, witnessed = 0;
    for (unsigned i = 0; i < h.n; i++) {
        uint64_t number = h.size[i] / SIGNED_LOG_BATCH - 1; /* of the checkpoint, from 0 */
        assert_int_equal(number % an_hour, an_hour - 1);    /* the last one of an hour */
        if (number >= (days - 1) * 24 * an_hour)
            hourly++;
        else if (number % (24 * an_hour) == 24 * an_hour - 1)
            daily++;
        else if (number == 6 * an_hour - 1)
            witnessed++;
        else
            assert_true(number >= (days - 1) * 24 * an_hour - an_hour); /* a day and an hour old */
    }
    assert_int_equal(daily, days - 1);
    assert_int_equal(hourly, 23);
    assert_int_equal(witnessed, 1);
    kt_checkpoints_close(c);
}

static bool has_word_of(const struct signed_log *w, uint64_t size, const char *name)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
    char blob[64];
    (void)snprintf(blob, sizeof blob, KT_CHECKPOINT_HISTORY "%llu", (unsigned long long)size);
    return kt_store_get(w->store, blob, &note, NULL) == KT_OK &&
           kt_str_has(kt_buf_str(&note), kt_str_of(name));
}

/* A checkpoint each minute, of which a witness cosigns each tenth, some of them a minute late, as
 * with the default `every`: its newest word is in the store whatever comes behind it, and in each
 * hour its last one. */
static void the_word_of_a_witness_is_kept(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_error err = { 0 };
    struct kt_head head = { 0 };
    struct history h = { 0 };
    w->clock.wall = MAKE_T0 / KT_NS_DAY * KT_NS_DAY;
    for (unsigned i = 0; i < 180; i++) {
        signed_log_append(w, 1);
        turn(w, c, true, true);
        if (i % 10 == 4)
            head = c->newest.head;
        if (i % 10 == (i / 10 % 2 == 0 ? 4 : 5))
            must(cosign(w, c, &head, "witness", 9, true, &err), &err);
        w->clock.mono += KT_NS_MIN;
        turn(w, c, false, true);
        if (i >= 5)
            assert_true(i % 10 == 4 || has_word_of(w, head.size, "witness"));
        w->clock.wall += KT_NS_MIN;
        if (i % 10 == 4 || i % 10 == 7) { /* restarts change nothing, but for who is late */
            bool was = c->newest.witnessed;
            if (i / 10 % 2 == 0 || i % 10 == 7) {
                kt_checkpoints_close(c);
                c = open_checkpoints(w);
            }
            assert_int_equal(c->newest.witnessed, was);
        }
    }
    must(kt_store_each(w->store, KT_CHECKPOINT_HISTORY, count_one, &h, &err), &err);
    assert_int_equal(h.n, 3);
    for (unsigned i = 0; i < h.n; i++) {
        assert_int_equal((h.size[i] / SIGNED_LOG_BATCH - 1) % 60, 54);
        assert_true(has_word_of(w, h.size[i], "witness"));
    }
    kt_checkpoints_close(c);
}

/* The clock jumps to and fro: what is kept stays bounded, and the newest day has its hours. */
static void jumps_of_the_clock_lose_nothing_that_matters(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_rng_seeded seed = { .state = 5 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    for (unsigned i = 0; i < 80; i++) {
        struct kt_checkpoint_news n;
        signed_log_append(w, 1);
        w->clock.wall += (kt_time_ns)kt_rng_below(&rng, 48) * KT_NS_HOUR -
                         (kt_time_ns)kt_rng_below(&rng, 40) * KT_NS_HOUR;
        turn(w, c, true, true);
        assert_true(kt_checkpoints_newest(c, &n));
        assert_int_equal(n.head.size, w->batches * SIGNED_LOG_BATCH);
        assert_true(c->keeping.n <= KT_KEPT_MAX);
    }
    kt_checkpoints_close(c);
}

static void lateness_is_told_by_the_steady_clock(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_checkpoints_trouble t;
    signed_log_append(w, 1);
    turn(w, c, true, true);
    w->gone = true;
    w->clock.wall += KT_NS_DAY; /* somebody sets the clock */
    turn(w, c, true, true);
    kt_checkpoints_trouble(c, &t);
    assert_false(t.late || t.refused || t.works);
    assert_string_equal(t.why, "the signer has ended");
    w->clock.mono += 16 * KT_NS_MIN;
    turn(w, c, true, true);
    kt_checkpoints_trouble(c, &t);
    assert_true(t.late);
    w->gone = false;
    turn(w, c, true, true);
    kt_checkpoints_trouble(c, &t);
    assert_true(t.works && !t.late);
    kt_checkpoints_close(c);
}

/* After `store new-log` the old note is not published under the new id. */
static void a_renewed_log_begins_anew(void **state)
{
    struct signed_log *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_checkpoint_news n;
    struct kt_error err = { 0 };
    uint8_t before[16], id[16] = { 0xee };
    signed_log_append(w, 4);
    turn(w, c, true, true);
    w->signing.head.size += SIGNED_LOG_BATCH; /* more was signed than the store has */
    signed_log_append(w, 0);
    turn(w, c, true, true);
    struct kt_checkpoints_trouble t;
    kt_checkpoints_trouble(c, &t);
    assert_true(t.refused);
    struct kt_head last;
    must(kt_checkpoints_last(c, before, &last, &err), &err);
    assert_int_equal(last.size, 5 * SIGNED_LOG_BATCH);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_renew(w->store, id, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
    must(kt_checkpoints_new_log(c, before, id, &err), &err);
    kt_checkpoints_close(c);
    kt_making_done(&w->making);
    kt_store_close(w->store);
    signed_log_open_store(w);
    signed_log_begin(w);
    assert_memory_equal(w->making.log_id, id, 16);
    c = open_checkpoints(w);
    assert_false(kt_checkpoints_newest(c, &n));
    signed_log_append(w, 1);
    turn(w, c, true, true);
    assert_true(kt_checkpoints_newest(c, &n));
    assert_true(kt_str_starts(n.note, KT_STR("keytrail/ee00")));
    assert_int_equal(n.from, 0);
    kt_checkpoints_close(c);
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, signed_log_open, signed_log_close)

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        WORLD(nothing_is_published_before_it_is_durable),
        WORLD(a_quiet_log_is_published_again),
        WORLD(whoever_was_away_gets_a_proof_from_what_he_has),
        WORLD(a_wish_is_answered_for_the_newest_one_then),
        WORLD(one_proof_is_for_all_who_have_the_same),
        WORLD(cosignatures_are_checked_and_kept),
        WORLD(a_crowd_of_agents_leaves_room_for_witnesses),
        WORLD(an_exchange_is_vouched_for_until_it_is_finished),
        WORLD(older_ones_are_thinned_as_promised),
        WORLD(the_word_of_a_witness_is_kept),
        WORLD(jumps_of_the_clock_lose_nothing_that_matters),
        WORLD(lateness_is_told_by_the_steady_clock),
        WORLD(a_renewed_log_begins_anew),
    };
    return cmocka_run_group_tests_name("collector_checkpoint", tests, NULL, NULL);
}
