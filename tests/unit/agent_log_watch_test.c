/* What an agent believes of a log: honest histories with restarts and power cuts never alarm, every
 * dishonest one does; against a tree written down naively. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agents/log_watch.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/sys/rng.h"
#include "tests/support/shown_log.h"

#ifdef __SANITIZE_ADDRESS__ /* each is slow then */
#define HISTORIES 200u
#else
#define HISTORIES 1000u
#endif
#define NOW (INT64_C(1795377600) * KT_NS_S)

/* ---- a collector and an agent ---- */

struct world {
    struct kt_rng_seeded seeded;
    struct kt_rng rng;
    struct kt_fs_memory *mem;
    struct kt_fs_faulty faulty;
    struct kt_log_watch *watch;
    struct shown_log log;
    uint8_t collector[32];
    struct kt_note_key configured;
    bool configure;
    struct kt_error err;
    bool grown;
};

static bool try_to_open(struct world *w)
{
    kt_log_watch_free(w->watch);
    w->watch = NULL;
    const struct kt_log_watch_options o = {
        .fs = kt_fs_faulty(&w->faulty),
        .dir = "/spool",
        .n = 1,
        .peer = { { w->collector, w->configure ? &w->configured : NULL } },
        .now = NOW,
    };
    return kt_log_watch_open(&o, &w->watch, &w->err) == KT_OK;
}

static void reopen(struct world *w)
{
    if (!try_to_open(w))
        fail_msg("open: %s", w->err.text);
}

static void begin(struct world *w, uint64_t seed)
{
    *w = (struct world){ 0 };
    w->seeded.state = seed;
    w->rng = kt_rng_seeded(&w->seeded);
    w->mem = kt_fs_memory_new();
    w->faulty = (struct kt_fs_faulty){ .inner = kt_fs_memory(w->mem), .fail_errno = ENOSPC };
    assert_int_equal(w->faulty.inner.mkdir(w->faulty.inner.self, "/spool", 0700, NULL), KT_OK);
    assert_int_equal(w->faulty.inner.sync_dir(w->faulty.inner.self, "/", NULL), KT_OK);
    shown_log_begin(&w->log, &w->rng);
    w->rng.fill(w->rng.self, w->collector, 32);
    reopen(w);
}

static void end(struct world *w)
{
    kt_log_watch_free(w->watch);
    kt_fs_memory_free(w->mem);
    shown_log_done(&w->log);
}

static void grow(struct world *w, uint64_t n)
{
    shown_log_grow(&w->log, &w->rng, n);
}

static struct kt_log_message show(struct world *w, uint64_t from)
{
    shown_log_sign(&w->log, from);
    return (struct kt_log_message){ .from = from,
                                    .keys = kt_buf_str(&w->log.keys),
                                    .proof = kt_buf_str(&w->log.proof),
                                    .note = kt_buf_str(&w->log.note) };
}

static enum kt_log_verdict judge(struct world *w, const struct kt_log_message *m)
{
    enum kt_log_verdict v = KT_WATCH_NOTHING;
    w->err = (struct kt_error){ 0 };
    (void)!kt_log_watch_judge(w->watch, 0, m, NOW, &v, &w->grown, &w->err);
    return v;
}

static uint64_t kept(const struct world *w)
{
    return kt_log_watch_at(w->watch, 0)->kept.head.size;
}

static enum kt_log_verdict shown(struct world *w)
{
    struct kt_log_message m = show(w, kept(w));
    return judge(w, &m);
}

static enum kt_log_fault fault_of(const struct world *w)
{
    return kt_log_watch_at(w->watch, 0)->fault;
}

static uint64_t chance(void *self)
{
    struct world *w = self;
    return kt_rng_u64(&w->rng);
}

/* ---- honest histories ---- */

/* Records, checkpoints from the size before or from ours, restarts, power cuts, a full disk, a
 * changed key; the collector is restarted, too, and then shows what it showed before. */
static void live_honestly(struct world *w)
{
    uint64_t pushed = 0; /* size that the collector believes the agent has */
    for (unsigned i = 0; i < 20; i++) {
        struct kt_log_message m;
        switch (kt_rng_below(&w->rng, 8)) {
        case 0:
            kt_fs_memory_crash(w->mem, chance, w);
            reopen(w);
            break;
        case 1:
            reopen(w);
            break;
        case 2:
            w->faulty.fail_at = w->faulty.calls + 1 + kt_rng_below(&w->rng, 5);
            break;
        case 3:
            w->log.second = true;
            break;
        case 4:
            /* not before the agent has seen both */
            w->log.retired = w->log.retired || kt_log_watch_at(w->watch, 0)->n_keys == 2;
            break;
        default:
            grow(w, kt_rng_below(&w->rng, 12));
        }
        m = show(w, pushed);
        pushed = w->log.tree.n;
        enum kt_log_verdict v = judge(w, &m);
        w->faulty.fail_at = 0;
        if (v == KT_WATCH_ASK)
            v = shown(w);
        assert_int_not_equal(v, KT_WATCH_AGAINST);
        assert_int_equal(fault_of(w), KT_WATCH_FINE);
        if (v == KT_WATCH_KEPT)
            assert_int_equal(kept(w), w->log.tree.n);
    }
}

static void honest_histories_never_alarm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        struct world w;
        begin(&w, seed);
        live_honestly(&w);
        end(&w);
    }
}

/* ---- dishonest ones ---- */

static void remove_some(struct world *w)
{
    w->log.tree.n -= 1 + kt_rng_below(&w->rng, w->log.tree.n - 1);
}

static void change_one(struct world *w)
{
    w->log.tree.leaf[kt_rng_below(&w->rng, kept(w))][3] ^= 1;
}

static void take_one_out(struct world *w)
{
    uint64_t at = kt_rng_below(&w->rng, kept(w));
    memmove(w->log.tree.leaf[at], w->log.tree.leaf[at + 1], (w->log.tree.n - at - 1) * 32);
    w->log.tree.n--;
    grow(w, 1 + kt_rng_below(&w->rng, 3));
}

static void swap_two(struct world *w)
{
    uint8_t was[32];
    uint64_t at = kt_rng_below(&w->rng, kept(w) - 1);
    memcpy(was, w->log.tree.leaf[at], 32);
    memcpy(w->log.tree.leaf[at], w->log.tree.leaf[at + 1], 32);
    memcpy(w->log.tree.leaf[at + 1], was, 32);
    grow(w, kt_rng_below(&w->rng, 3));
}

static void rewrite_all(struct world *w)
{
    uint64_t n = w->log.tree.n;
    w->log.tree.n = 0;
    grow(w, n + kt_rng_below(&w->rng, 50));
}

static void another_log(struct world *w)
{
    w->log.log_id[5] ^= 1;
    grow(w, 5);
}

static void another_key(struct world *w)
{
    w->log.seed[0] ^= 1;
    grow(w, 5);
}

/* The cut tail grows again, past what was shown. */
static void roll_back_and_go_on(struct world *w)
{
    uint64_t n = w->log.tree.n;
    remove_some(w);
    grow(w, n - w->log.tree.n + 1 + kt_rng_below(&w->rng, 40));
}

static const struct {
    void (*evil)(struct world *w);
    enum kt_log_fault a, b; /* what it may be found as */
} attacks[] = {
    { remove_some, KT_WATCH_SMALLER, KT_WATCH_SMALLER },
    { change_one, KT_WATCH_FORKED, KT_WATCH_FORKED },
    { take_one_out, KT_WATCH_FORKED, KT_WATCH_UNPROVEN },
    { swap_two, KT_WATCH_FORKED, KT_WATCH_UNPROVEN },
    { rewrite_all, KT_WATCH_FORKED, KT_WATCH_UNPROVEN },
    { roll_back_and_go_on, KT_WATCH_UNPROVEN, KT_WATCH_UNPROVEN },
    { another_log, KT_WATCH_OTHER, KT_WATCH_OTHER },
    { another_key, KT_WATCH_KEY, KT_WATCH_KEY },
};

/* Also when what is shown afterwards is the true log again: it has been shown in two forms. */
static void every_rewriting_is_a_contradiction_that_stays(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES / 3; seed++) {
        static struct world w;
        static struct naive_tree was;
        unsigned i = (unsigned)(seed % KT_ARRAY_LEN(attacks));
        char text[KT_WATCH_SAY_MAX];

        begin(&w, seed);
        grow(&w, 3 + kt_rng_below(&w.rng, 120));
        assert_int_equal(shown(&w), KT_WATCH_KEPT);
        grow(&w, kt_rng_below(&w.rng, 60));
        assert_int_equal(shown(&w), KT_WATCH_KEPT);
        uint64_t size = kept(&w);
        was = w.log.tree;
        attacks[i].evil(&w);
        assert_int_equal(shown(&w), KT_WATCH_AGAINST);
        assert_true(fault_of(&w) == attacks[i].a || fault_of(&w) == attacks[i].b);
        assert_int_equal(kept(&w), size);
        assert_true(kt_log_watch_holds(w.watch));
        assert_true(kt_watched_say(kt_log_watch_at(w.watch, 0), text)[0] != '\0');
        if (seed % 2 == 0)
            kt_fs_memory_crash(w.mem, chance, &w);
        reopen(&w);
        w.log.tree = was;
        assert_int_equal(shown(&w), KT_WATCH_NOTHING);
        assert_true(fault_of(&w) == attacks[i].a || fault_of(&w) == attacks[i].b);
        end(&w);
    }
}

/* Two agents are shown two trees: neither can see it alone, their heads together prove it. */
static void the_heads_of_two_agents_prove_a_fork(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES / 4; seed++) {
        static struct world a, b;
        struct kt_path path;
        begin(&a, seed);
        begin(&b, seed);
        grow(&a, 2 + kt_rng_below(&a.rng, 200));
        b.log.tree = a.log.tree;
        b.log.tree.leaf[kt_rng_below(&a.rng, a.log.tree.n)][0] ^= 1;
        grow(&b, kt_rng_below(&b.rng, 100));
        assert_int_equal(shown(&a), KT_WATCH_KEPT);
        assert_int_equal(shown(&b), KT_WATCH_KEPT);
        const struct kt_head *x = &kt_log_watch_at(a.watch, 0)->kept.head;
        const struct kt_head *y = &kt_log_watch_at(b.watch, 0)->kept.head;
        naive_proof(&b.log.tree, x->size, &path);
        assert_false(kt_merkle_extends(x, y, &path));
        end(&a);
        end(&b);
    }
}

/* ---- keys, first sight, what is no checkpoint ---- */

static void configure_its_key(struct world *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    kt_note_origin(w->log.log_id, &name);
    w->configured = (struct kt_note_key){ .type = KT_NOTE_LOG };
    kt_str_copyz(w->configured.name, sizeof w->configured.name, kt_buf_str(&name));
    kt_sign_public(w->log.seed, w->configured.public_key);
    w->configure = true;
    reopen(w);
}

static void a_configured_key_is_asked_for_from_the_first_checkpoint_on(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 1);
    configure_its_key(&w);
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    w.configured.public_key[0] ^= 1;
    reopen(&w); /* the operator wrote another one down */
    grow(&w, 1);
    assert_int_equal(shown(&w), KT_WATCH_AGAINST);
    assert_int_equal(fault_of(&w), KT_WATCH_KEY);
    end(&w);
}

/* Whoever has the collector, and not the log's key, can put a line below what was signed. */
static void a_line_that_is_put_below_a_note_makes_no_key_believed(void **state)
{
    (void)state;
    for (unsigned configured = 0; configured < 2; configured++) {
        struct world w;
        begin(&w, 20 + configured);
        if (configured)
            configure_its_key(&w);
        grow(&w, 9);
        assert_int_equal(shown(&w), KT_WATCH_KEPT);
        w.log.second = w.log.unvouched = true;
        grow(&w, 9);
        assert_int_equal(shown(&w), KT_WATCH_KEPT); /* it is the log's all the same */
        assert_int_equal(kt_log_watch_at(w.watch, 0)->n_keys, 1);
        w.log.retired = true;
        grow(&w, 9);
        assert_int_equal(shown(&w), KT_WATCH_AGAINST);
        assert_int_equal(fault_of(&w), KT_WATCH_KEY);
        end(&w);
    }
}

/* A word of the new key about itself, of the old one about another, and of another log's. */
static void who_vouches_has_to_be_believed(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        struct world w;
        uint8_t seed[32];
        begin(&w, 30 + how);
        grow(&w, 9);
        assert_int_equal(shown(&w), KT_WATCH_KEPT);
        memcpy(seed, how == 0 ? w.log.seed : w.log.seed2, 32);
        if (how == 0)
            memcpy(w.log.seed, w.log.seed2, 32);
        else if (how == 1)
            w.log.seed2[0] ^= 1;
        else
            w.log.log_id[0] ^= 1;
        w.log.second = true;
        shown_log_sign(&w.log, kept(&w));
        ptrdiff_t at = kt_str_find(kt_buf_str(&w.log.keys), KT_STR(KT_VOUCH_HEAD), 0);
        KT_CLEANUP(kt_buf_done) struct kt_buf vouch = { 0 };
        kt_buf_add(&vouch, kt_str_from_index(kt_buf_str(&w.log.keys), (size_t)at));
        memcpy(how == 0 ? w.log.seed : w.log.seed2, seed, 32);
        if (how == 2)
            w.log.log_id[0] ^= 1;
        w.log.unvouched = true;
        grow(&w, 1);
        struct kt_log_message m = show(&w, kept(&w));
        kt_buf_add(&w.log.keys, kt_buf_str(&vouch));
        m.keys = kt_buf_str(&w.log.keys);
        assert_int_equal(judge(&w, &m), KT_WATCH_KEPT);
        assert_int_equal(kt_log_watch_at(w.watch, 0)->n_keys, 1);
        end(&w);
    }
}

/* Whoever has written a key down writes the next one down: nothing that is shown does. */
static void beside_a_configured_key_no_other_is_believed(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 24);
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    w.log.second = true;
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    assert_int_equal(kt_log_watch_at(w.watch, 0)->n_keys, 2);
    configure_its_key(&w);
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    assert_int_equal(kt_log_watch_at(w.watch, 0)->n_keys, 1);
    w.log.retired = true;
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_AGAINST);
    assert_int_equal(fault_of(&w), KT_WATCH_KEY);
    end(&w);
}

static void a_new_key_is_believed_when_a_known_one_vouches_for_it(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 2);
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    w.log.second = true;
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    w.log.retired = true;
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    reopen(&w);
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    w.log.retired = w.log.second = false; /* the old one comes back alone */
    grow(&w, 9);
    assert_int_equal(shown(&w), KT_WATCH_AGAINST);
    assert_int_equal(fault_of(&w), KT_WATCH_KEY);
    end(&w);
}

static void what_nobody_signed_is_no_checkpoint(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 3);
    grow(&w, 9);
    struct kt_log_message m = show(&w, 0);
    m.keys = KT_STR_NONE;
    assert_int_equal(judge(&w, &m), KT_WATCH_NOTHING);
    assert_int_equal(w.err.code, KT_E_INPUT);
    m.note = KT_STR("keytrail/00\n1\n");
    assert_int_equal(judge(&w, &m), KT_WATCH_NOTHING);
    assert_int_equal(w.err.code, KT_E_INPUT);
    assert_int_equal(kept(&w), 0);
    end(&w);
}

/* A smaller proof, a longer one, one with a bit changed: none leads anywhere. */
static void a_proof_that_is_changed_is_a_contradiction(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 200; seed++) {
        struct world w;
        begin(&w, seed);
        grow(&w, 2 + kt_rng_below(&w.rng, 40));
        assert_int_equal(shown(&w), KT_WATCH_KEPT);
        grow(&w, 1 + kt_rng_below(&w.rng, 40));
        struct kt_log_message m = show(&w, kept(&w));
        uint64_t at = kt_rng_below(&w.rng, w.log.proof.len);
        w.log.proof.at[at] = (char)(w.log.proof.at[at] ^ (1 << kt_rng_below(&w.rng, 8)));
        if (seed % 3 == 1)
            m.proof.len -= 32;
        assert_int_equal(judge(&w, &m), KT_WATCH_AGAINST);
        assert_int_equal(fault_of(&w), KT_WATCH_UNPROVEN);
        end(&w);
    }
}

/* Not the first time, when it may be on its way or out of reach for a moment. */
static void a_proof_that_is_not_to_be_had_is_a_contradiction_in_the_end(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 6);
    grow(&w, 20);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    grow(&w, 20);
    struct kt_log_message m = show(&w, 0);
    assert_int_equal(judge(&w, &m), KT_WATCH_ASK);
    m = show(&w, 30); /* of somebody else's size: it may ask */
    m.awaited = true;
    assert_int_equal(judge(&w, &m), KT_WATCH_ASK);
    m = show(&w, 0);
    m.awaited = true;
    assert_int_equal(judge(&w, &m), KT_WATCH_AGAINST);
    assert_int_equal(fault_of(&w), KT_WATCH_NO_PROOF);
    assert_int_equal(kept(&w), 20);
    reopen(&w);
    assert_int_equal(fault_of(&w), KT_WATCH_NO_PROOF);
    end(&w);
}

/* ---- accepting, and the file ---- */

static void order_of(const struct world *w, struct kt_log_order *o, kt_time_ns at)
{
    const struct kt_watched *e = kt_log_watch_at(w->watch, 0);
    *o = (struct kt_log_order){ .shown = e->against };
    memcpy(o->collector, w->collector, 32);
    o->shown.note = kt_strdup(e->against.note);
    o->shown.keys = kt_strdup(e->against.keys);
    o->accepted.at = at;
    kt_str_copyz(o->accepted.by, sizeof o->accepted.by, KT_STR("ana"));
    kt_str_copyz(o->accepted.reason, sizeof o->accepted.reason, KT_STR("restored from \"tape\"\n"));
}

static void what_is_accepted_is_what_later_ones_are_compared_with(void **state)
{
    (void)state;
    struct world w;
    struct kt_log_order o, read;
    struct kt_buf text = { 0 };
    unsigned peer = 9;

    begin(&w, 4);
    grow(&w, 100);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    w.log.tree.n = 40;
    assert_int_equal(shown(&w), KT_WATCH_AGAINST);
    w.log.log_id[0] ^= 1; /* the operator begins a new log, as one has to */
    w.log.second = w.log.unvouched = true;
    assert_int_equal(shown(&w), KT_WATCH_NOTHING);
    order_of(&w, &o, 77);
    kt_log_order_write(&o, &text);
    assert_int_equal(kt_log_order_read(kt_buf_str(&text), &read, &w.err), KT_OK);
    assert_string_equal(read.accepted.reason, o.accepted.reason);
    assert_string_equal(read.shown.note, o.shown.note);
    assert_int_equal(kt_log_watch_accept(w.watch, &read, &peer, &w.err), KT_OK);
    assert_int_equal(peer, 0);
    assert_int_equal(read.accepted.old_head.size, 100);
    assert_int_equal(kept(&w), 40);
    assert_int_equal(kt_log_watch_at(w.watch, 0)->n_keys, 1); /* and of no key beside its own */
    assert_false(kt_log_watch_holds(w.watch));
    assert_int_equal(kt_log_watch_accept(w.watch, &read, &peer, &w.err), KT_E_AGAIN);
    reopen(&w);
    assert_int_equal(kt_log_watch_accept(w.watch, &read, &peer, &w.err), KT_E_AGAIN);
    assert_string_equal(kt_log_watch_at(w.watch, 0)->accepted.by, "ana");
    read.accepted.at = 78;
    assert_int_equal(kt_log_watch_accept(w.watch, &read, &peer, &w.err), KT_E_INPUT);
    grow(&w, 7);
    assert_int_equal(shown(&w), KT_WATCH_KEPT);
    assert_int_equal(fault_of(&w), KT_WATCH_FINE);
    kt_log_order_done(&o);
    kt_log_order_done(&read);
    kt_buf_done(&text);
    end(&w);
}

/* A log of 20 records, which nobody has signed, in the place of one of 30. */
static void damage(struct world *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };

    grow(w, 30);
    assert_int_equal(shown(w), KT_WATCH_KEPT);
    kt_watched_write(kt_log_watch_at(w->watch, 0), 1, &text);
    ptrdiff_t at = kt_str_find(kt_buf_str(&text), KT_STR("\\n30\\n"), 0);
    assert_true(at > 0);
    text.at[at + 2] = '2';
    assert_int_equal(kt_log_file_write(&w->faulty.inner, "/spool", "/spool/" KT_WATCH_FILE,
                                       kt_buf_str(&text), &w->err),
                     KT_OK);
}

static void damage_is_a_fault_of_its_own(void **state)
{
    (void)state;
    struct world w;

    begin(&w, 5);
    damage(&w);
    reopen(&w);
    assert_int_equal(fault_of(&w), KT_WATCH_LOST);
    reopen(&w);
    assert_int_equal(fault_of(&w), KT_WATCH_LOST);
    assert_int_equal(shown(&w), KT_WATCH_NOTHING);
    struct kt_log_order o;
    unsigned peer;
    order_of(&w, &o, 5);
    assert_int_equal(kt_log_watch_accept(w.watch, &o, &peer, &w.err), KT_OK);
    assert_int_equal(kept(&w), 30);
    kt_log_order_done(&o);
    end(&w);
}

/* What nobody signed cannot be accepted either. */
static void an_order_without_a_signature_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct kt_log_order o;
    unsigned peer;
    begin(&w, 8);
    damage(&w);
    reopen(&w);
    (void)shown(&w);
    order_of(&w, &o, 5);
    o.shown.keys[0] = '\0';
    assert_int_equal(kt_log_watch_accept(w.watch, &o, &peer, &w.err), KT_E_INPUT);
    assert_int_equal(fault_of(&w), KT_WATCH_LOST);
    kt_log_order_done(&o);
    end(&w);
}

/* Whichever of its calls the disk refuses, and when the power goes then: the next start finds the
 * damage, and not the place of an agent that has seen nothing. */
static void damage_is_not_forgotten_when_the_disk_is_full(void **state)
{
    (void)state;
    bool refused = true; /* there was an n-th call */
    unsigned n = 1;
    for (; refused; n++) {
        struct world w;
        begin(&w, 50 + n);
        damage(&w);
        w.faulty.fail_at = w.faulty.calls + n;
        (void)try_to_open(&w);
        refused = w.faulty.fired;
        w.faulty.fail_at = 0;
        if (n % 2 == 0)
            kt_fs_memory_crash(w.mem, chance, &w);
        reopen(&w);
        assert_int_equal(fault_of(&w), KT_WATCH_LOST);
        end(&w);
    }
    assert_true(n > 5);
}

static int setup(void **state)
{
    (void)state;
    kt_hash_init();
    kt_log_level_set(KT_LOG_ERROR);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_histories_never_alarm),
        cmocka_unit_test(every_rewriting_is_a_contradiction_that_stays),
        cmocka_unit_test(the_heads_of_two_agents_prove_a_fork),
        cmocka_unit_test(a_configured_key_is_asked_for_from_the_first_checkpoint_on),
        cmocka_unit_test(a_new_key_is_believed_when_a_known_one_vouches_for_it),
        cmocka_unit_test(a_line_that_is_put_below_a_note_makes_no_key_believed),
        cmocka_unit_test(who_vouches_has_to_be_believed),
        cmocka_unit_test(beside_a_configured_key_no_other_is_believed),
        cmocka_unit_test(what_nobody_signed_is_no_checkpoint),
        cmocka_unit_test(a_proof_that_is_changed_is_a_contradiction),
        cmocka_unit_test(a_proof_that_is_not_to_be_had_is_a_contradiction_in_the_end),
        cmocka_unit_test(what_is_accepted_is_what_later_ones_are_compared_with),
        cmocka_unit_test(damage_is_a_fault_of_its_own),
        cmocka_unit_test(an_order_without_a_signature_is_refused),
        cmocka_unit_test(damage_is_not_forgotten_when_the_disk_is_full),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
