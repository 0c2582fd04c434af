/* checkpoint: over a real store and a signer in this process: what is published is signed, durable
 * and follows from what was published before; what comes back is checked; nothing is lost by
 * restarts, refusals and full disks; older ones are thinned as promised. */
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
#include "tests/support/store_make.h"

#define BATCH 50u

struct world {
    char folder[64], path[96];
    struct make *make;
    struct kt_store *store;
    uint64_t batches;
    struct kt_clock_memory clock;
    /* the signer, and its disk */
    struct kt_signing signing;
    struct kt_log_keys key_file;
    bool disk_full, gone;
    struct kt_making making;
};

static void must(enum kt_status st, const struct kt_error *err)
{
    if (st != KT_OK)
        fail_msg("%s", err->text);
}

static enum kt_status keep(void *self, struct kt_str state, struct kt_error *err)
{
    const struct world *w = self;
    struct kt_signing back = { 0 };
    if (w->disk_full)
        return kt_fail(err, KT_E_IO, "No space left on device");
    must(kt_signing_read(state, &back, err), err);
    kt_signing_done(&back);
    return KT_OK;
}

static enum kt_status ask(void *self, const struct kt_sign_order *o, struct kt_sign_answer *ret,
                          struct kt_error *err)
{
    struct world *w = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    if (w->gone)
        return kt_fail(err, KT_E_IO, "the signer has ended");
    kt_sign_order_write(o, &bytes);
    kt_signing_take(&w->signing, kt_buf_str(&bytes), ret);
    return KT_OK;
}

static void open_store(struct world *w)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 100, .seal_here = true
    };
    must(kt_store_open(&o, &w->store, &err), &err);
}

static void begin_making(struct world *w)
{
    w->making = (struct kt_making){
        .store_path = w->path, .clock = kt_clock_memory(&w->clock), .ask = ask, .ask_self = w
    };
    kt_store_log_id(w->store, w->making.log_id);
}

static int setup(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    make_folder(w->folder, w->path);
    w->make = make_new();
    w->clock.wall = MAKE_T0;
    w->signing =
        (struct kt_signing){ .keys = { .n = 1, .seed = { { 7 } } }, .keep = keep, .self = w };
    open_store(w);
    begin_making(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kt_making_done(&w->making);
    kt_signing_done(&w->signing);
    kt_store_close(w->store);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

static void append(struct world *w, unsigned batches)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    for (unsigned i = 0; i < batches; i++) {
        make_reset(w->make);
        for (uint64_t k = 0; k < BATCH; k++)
            make_numbered(w->make, w->batches * BATCH + k);
        const struct kt_store_batch b = make_batch(
            w->make, "agent-a", w->batches + 1, MAKE_T0 + (kt_time_ns)(w->batches + 1) * KT_NS_MIN);
        w->batches++;
        must(kt_store_begin(w->store, &err), &err);
        must(kt_store_append(w->store, &b, &r, &err), &err);
        must(kt_store_commit(w->store, &err), &err);
    }
}

static struct kt_note_key log_key(const struct world *w)
{
    struct kt_note_key k = { .type = KT_NOTE_LOG };
    KT_CLEANUP(kt_buf_done) struct kt_buf origin = { 0 };
    kt_note_origin(w->making.log_id, &origin);
    kt_str_copyz(k.name, sizeof k.name, kt_buf_str(&origin));
    kt_sign_public(w->signing.keys.seed[0], k.public_key);
    return k;
}

/* ---- making ---- */

/* What whoever holds `before` checks of a new one. */
static void check_made(const struct world *w, const struct kt_made *m, const struct kt_head *before)
{
    struct kt_checkpoint c;
    struct kt_path path;
    struct kt_note_key key = log_key(w);
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
    struct world *w = *state;
    struct kt_made m;
    kt_making_head(&w->making, 0, &m);
    assert_int_equal(m.what, KT_MADE_NOTHING);
    kt_made_done(&m);
}

static void each_checkpoint_follows_from_the_one_before(void **state)
{
    struct world *w = *state;
    struct kt_rng_seeded seed = { .state = 11 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    struct kt_head last = { 0 };
    for (unsigned i = 0; i < 30; i++) {
        struct kt_made m;
        append(w, (unsigned)kt_rng_below(&rng, 5));
        if (w->batches == 0)
            continue;
        if (kt_rng_below(&rng, 4) == 0) { /* a restart */
            kt_making_done(&w->making);
            begin_making(w);
        }
        kt_making_head(&w->making, last.size, &m);
        check_made(w, &m, last.size > 0 ? &last : NULL);
        assert_int_equal(m.head.size, w->batches * BATCH);
        last = m.head;
        kt_made_done(&m);
    }
}

/* The signer has signed more than was published: the crash was in between. */
static void a_signature_that_was_never_published_does_no_harm(void **state)
{
    struct world *w = *state;
    struct kt_made a, lost, b;
    append(w, 3);
    kt_making_head(&w->making, 0, &a);
    append(w, 4);
    kt_making_head(&w->making, a.head.size, &lost);
    kt_made_done(&lost);
    append(w, 1);
    kt_making_head(&w->making, a.head.size, &b);
    check_made(w, &b, &a.head);
    kt_made_done(&a);
    kt_made_done(&b);
}

static void a_smaller_store_is_refused_and_said_so(void **state)
{
    struct world *w = *state;
    struct kt_made m;
    append(w, 5);
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
    struct world *w = *state;
    struct kt_made m;
    append(w, 1);
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

/* ---- the writer's side, with the thread's part done by hand ---- */

struct mail { /* of the fake maker below */
    struct kt_made made;
    bool fresh;
    struct kt_asked asked[64];
    unsigned n;
    uint64_t published;
};
static struct world *now_world;
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
    return ask(now_world, o, ret, err);
}

static struct kt_checkpoints *open_checkpoints(struct world *w)
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
static void turn(struct world *w, struct kt_checkpoints *c, bool make, bool commit)
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
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_checkpoint_news n;
    KT_CLEANUP(kt_buf_done) struct kt_buf blob = { 0 };
    append(w, 2);
    turn(w, c, true, false);
    assert_false(kt_checkpoints_newest(c, &n));
    kt_checkpoints_close(c); /* the crash */
    c = open_checkpoints(w);
    assert_false(kt_checkpoints_newest(c, &n));
    turn(w, c, true, true);
    assert_true(kt_checkpoints_newest(c, &n));
    assert_int_equal(n.head.size, 2 * BATCH);
    assert_int_equal(kt_store_get(w->store, KT_CHECKPOINT_BLOB, &blob, NULL), KT_OK);
    assert_true(kt_str_eq(kt_buf_str(&blob), n.note));
    kt_checkpoints_close(c);
    c = open_checkpoints(w); /* and the next life has it at once */
    assert_true(kt_checkpoints_newest(c, &n));
    assert_true(kt_str_eq(kt_buf_str(&blob), n.note));
    assert_int_equal(c->maker->m.published, 2 * BATCH);
    kt_checkpoints_close(c);
}

static void a_quiet_log_is_published_again(void **state)
{
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_checkpoint_news a, b;
    append(w, 1);
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
    assert_int_equal(b.head.size, BATCH);
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
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct answered a = { 0 };
    struct kt_head heads[21] = { 0 };
    wish(c, &a, 0, 5);
    turn(w, c, false, true);
    assert_int_equal(a.none, 1); /* nothing is signed yet */
    for (unsigned i = 1; i <= 20; i++) {
        append(w, 1);
        turn(w, c, true, true);
        heads[i] = c->newest.head;
    }
    a = (struct answered){ 0 };
    for (unsigned i = 0; i <= 20; i++)
        wish(c, &a, heads[i].size, 100 + i);
    wish(c, &a, 51 * BATCH, 7);
    wish(c, &a, heads[3].size, 100 + 3); /* again: it replaces the first */
    kt_checkpoints_forget(c, 100 + 4);
    for (unsigned i = 0; i < 60 && a.n < 21; i++) {
        unsigned before = a.n;
        turn(w, c, false, true);
        if (a.n == before || a.path.n == 0)
            continue;
        assert_true(kt_merkle_extends(&heads[a.from / BATCH], &a.head, &a.path));
    }
    assert_int_equal(a.n, 21); /* 21 sizes and one too large, less one forgotten */
    assert_int_equal(a.none, 1);
    kt_checkpoints_close(c);
}

static void a_wish_is_answered_for_the_newest_one_then(void **state)
{
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct answered a = { 0 };
    append(w, 1);
    turn(w, c, true, true);
    struct kt_head first = c->newest.head;
    append(w, 3);
    turn(w, c, true, true);
    wish(c, &a, first.size, 1);
    hold_answers = true;
    turn(w, c, false, true); /* asked */
    append(w, 3);
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
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct answered a = { 0 };
    append(w, 1);
    turn(w, c, true, true);
    struct kt_head first = c->newest.head;
    append(w, 2);
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

static enum kt_status cosign(struct world *w, struct kt_checkpoints *c, const struct kt_head *head,
                             const char *name, uint8_t seed_byte, bool witness,
                             struct kt_error *err)
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
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_error err = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf blob = { 0 };
    append(w, 1);
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
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_error err = { 0 };
    append(w, 1);
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
    const struct world *w = self;
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
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_note_key old = log_key(w);
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
    struct kt_error err = { 0 };
    w->signing.read_keys = read_keys;
    append(w, 1);
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
    append(w, 1);
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
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_error err = { 0 };
    struct history h = { 0 };
    const unsigned days = 4, an_hour = 2;
    kt_time_ns start = MAKE_T0 / KT_NS_DAY * KT_NS_DAY; /* midnight */
    w->clock.wall = start;
    for (unsigned i = 0; i < days * 24 * an_hour; i++) {
        append(w, 1);
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
        uint64_t number = h.size[i] / BATCH - 1;         /* of the checkpoint, from 0 */
        assert_int_equal(number % an_hour, an_hour - 1); /* the last one of an hour */
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

static bool has_word_of(const struct world *w, uint64_t size, const char *name)
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
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_error err = { 0 };
    struct kt_head head = { 0 };
    struct history h = { 0 };
    w->clock.wall = MAKE_T0 / KT_NS_DAY * KT_NS_DAY;
    for (unsigned i = 0; i < 180; i++) {
        append(w, 1);
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
        assert_int_equal((h.size[i] / BATCH - 1) % 60, 54);
        assert_true(has_word_of(w, h.size[i], "witness"));
    }
    kt_checkpoints_close(c);
}

/* The clock jumps to and fro: what is kept stays bounded, and the newest day has its hours. */
static void jumps_of_the_clock_lose_nothing_that_matters(void **state)
{
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_rng_seeded seed = { .state = 5 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    for (unsigned i = 0; i < 80; i++) {
        struct kt_checkpoint_news n;
        append(w, 1);
        w->clock.wall += (kt_time_ns)kt_rng_below(&rng, 48) * KT_NS_HOUR -
                         (kt_time_ns)kt_rng_below(&rng, 40) * KT_NS_HOUR;
        turn(w, c, true, true);
        assert_true(kt_checkpoints_newest(c, &n));
        assert_int_equal(n.head.size, w->batches * BATCH);
        assert_true(c->keeping.n <= KT_KEPT_MAX);
    }
    kt_checkpoints_close(c);
}

static void lateness_is_told_by_the_steady_clock(void **state)
{
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_checkpoints_trouble t;
    append(w, 1);
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

/* The file is given up, and the log goes on in the next one: the same log, the same tree. broken:
 * its segments cannot be read any more; the head that was signed last is the next file's base. */
static void succeed(struct world *w, bool broken)
{
    struct kt_error err = { 0 };
    struct kt_made a, b;
    append(w, 5);
    kt_making_head(&w->making, 0, &a);
    check_made(w, &a, NULL);
    must(kt_store_succeed(w->store, "page 7 is broken", &err), &err);
    kt_making_done(&w->making);
    kt_store_close(w->store);
    if (broken)
        assert_int_equal(truncate(w->path, 16384), 0);
    open_store(w);
    begin_making(w);
    append(w, 3);
    kt_making_head(&w->making, a.head.size, &b);
    check_made(w, &b, &a.head);
    assert_int_equal(b.head.size, 8 * BATCH);
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

/* After `store new-log` the old note is not published under the new id. */
static void a_renewed_log_begins_anew(void **state)
{
    struct world *w = *state;
    struct kt_checkpoints *c = open_checkpoints(w);
    struct kt_checkpoint_news n;
    struct kt_error err = { 0 };
    uint8_t before[16], id[16] = { 0xee };
    append(w, 4);
    turn(w, c, true, true);
    w->signing.head.size += BATCH; /* more was signed than the store has */
    append(w, 0);
    turn(w, c, true, true);
    struct kt_checkpoints_trouble t;
    kt_checkpoints_trouble(c, &t);
    assert_true(t.refused);
    struct kt_head last;
    must(kt_checkpoints_last(c, before, &last, &err), &err);
    assert_int_equal(last.size, 5 * BATCH);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_renew(w->store, id, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
    must(kt_checkpoints_new_log(c, before, id, &err), &err);
    kt_checkpoints_close(c);
    kt_making_done(&w->making);
    kt_store_close(w->store);
    open_store(w);
    begin_making(w);
    assert_memory_equal(w->making.log_id, id, 16);
    c = open_checkpoints(w);
    assert_false(kt_checkpoints_newest(c, &n));
    append(w, 1);
    turn(w, c, true, true);
    assert_true(kt_checkpoints_newest(c, &n));
    assert_true(kt_str_starts(n.note, KT_STR("keytrail/ee00")));
    assert_int_equal(n.from, 0);
    kt_checkpoints_close(c);
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        WORLD(an_empty_log_is_not_signed),
        WORLD(each_checkpoint_follows_from_the_one_before),
        WORLD(a_signature_that_was_never_published_does_no_harm),
        WORLD(a_smaller_store_is_refused_and_said_so),
        WORLD(a_full_disk_of_the_signer_is_no_refusal),
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
        WORLD(a_log_goes_on_in_the_next_file),
        WORLD(a_log_goes_on_behind_a_lost_file),
        WORLD(a_renewed_log_begins_anew),
    };
    return cmocka_run_group_tests_name("collector_checkpoint", tests, NULL, NULL);
}
