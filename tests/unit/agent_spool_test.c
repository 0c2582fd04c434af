/* The spool: order, durability, damage, and what a crash at any moment leaves. */
#include "agents/spool/spool.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__ /* each is slow then */
#define LIVES 100u
#else
#define LIVES 2000u
#endif

#define DIR "spool"

struct world {
    struct kt_fs_memory *mem;
    struct kt_fs fs;
    struct kt_rng_seeded seeded;
    struct kt_rng rng;
    struct kt_spool *s;
    struct kt_error err;
    uint64_t segment_bytes, keep_bytes, bytes_max;
};

static void open_spool(struct world *w)
{
    const struct kt_spool_options o = {
        .fs = w->fs,
        .rng = w->rng,
        .dir = DIR,
        .bytes_max = w->bytes_max,
        .segment_bytes = w->segment_bytes,
        .keep_bytes = w->keep_bytes,
    };
    if (kt_spool_open(&o, &w->s, &w->err) != KT_OK)
        fail_msg("open: %s", w->err.text);
}

static struct world *world_new(uint64_t seed)
{
    struct world *w = kt_alloc(sizeof *w);

    w->mem = kt_fs_memory_new();
    w->fs = kt_fs_memory(w->mem);
    w->seeded.state = seed;
    w->rng = kt_rng_seeded(&w->seeded);
    w->segment_bytes = 4096;
    w->keep_bytes = 8192;
    w->bytes_max = 1u << 20;
    return w;
}

static void world_free(struct world *w)
{
    kt_spool_close(w->s);
    kt_fs_memory_free(w->mem);
    kt_free(w);
}

static uint64_t chance(void *self)
{
    struct world *w = self;
    return kt_rng_u64(&w->rng);
}

static void crash(struct world *w)
{
    kt_spool_close(w->s);
    w->s = NULL;
    kt_fs_memory_crash(w->mem, chance, w);
    open_spool(w);
}

static void reopen(struct world *w)
{
    kt_spool_close(w->s);
    w->s = NULL;
    open_spool(w);
}

/* One batch of n lines "{<tag>.<i>}" with its tag as position of "in". */
static uint64_t put(struct world *w, uint64_t tag, uint32_t n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    char value[24];
    uint64_t seq = 0;

    for (uint32_t i = 0; i < n; i++)
        kt_buf_addf(&lines, "{\"n\":%llu,\"i\":%u,\"noise\":\"%llx\"}\n", (unsigned long long)tag,
                    i, (unsigned long long)kt_rng_u64(&w->rng));
    (void)snprintf(value, sizeof value, "%llu", (unsigned long long)tag);
    struct kt_spool_position pos = { KT_STR("in"), kt_str_of(value) };
    if (kt_spool_append(w->s, kt_buf_str(&lines), n, &pos, 1, &seq, &w->err) != KT_OK)
        fail_msg("append: %s", w->err.text);
    return seq;
}

static void sync_now(struct world *w)
{
    if (kt_spool_sync(w->s, &w->err) != KT_OK)
        fail_msg("sync: %s", w->err.text);
}

/* The tag in the first line of a batch; 0 when it is not there. */
static uint64_t tag_of(struct world *w, uint64_t seq, uint32_t *ret_count)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    uint32_t count = 0;
    struct kt_str first, rest;
    uint64_t tag = 0;

    enum kt_status st = kt_spool_read(w->s, seq, &out, &count, &w->err);
    if (st == KT_E_AGAIN)
        return 0;
    if (st != KT_OK)
        fail_msg("read %llu: %s", (unsigned long long)seq, w->err.text);
    if (ret_count != NULL)
        *ret_count = count;
    rest = kt_buf_str(&out);
    assert_true(kt_str_split(&rest, ',', &first));
    assert_true(kt_str_u64(kt_str_from_index(first, 5), &tag));
    return tag;
}

static uint64_t position(struct world *w)
{
    uint64_t v = 0;
    (void)kt_str_u64(kt_spool_position(w->s, KT_STR("in")), &v);
    return v;
}

static void spool_numbers_batches_without_a_gap(void **state)
{
    struct world *w = world_new(1);
    uint32_t count = 0;

    (void)state;
    open_spool(w);
    assert_int_equal(put(w, 11, 3), 1);
    assert_int_equal(put(w, 12, 2), 2);
    assert_int_equal(kt_spool_last(w->s), 0);
    assert_int_equal(tag_of(w, 1, NULL), 0); /* not synced, not there */
    sync_now(w);
    assert_int_equal(kt_spool_last(w->s), 2);
    assert_int_equal(tag_of(w, 1, &count), 11);
    assert_int_equal(count, 3);
    assert_int_equal(tag_of(w, 3, NULL), 0);
    world_free(w);
}

static void spool_keeps_unacked_records_after_crash(void **state)
{
    struct world *w = world_new(2);
    uint8_t incarnation[16];

    (void)state;
    w->segment_bytes = 1 << 16;
    open_spool(w);
    memcpy(incarnation, kt_spool_incarnation(w->s), 16);
    for (uint64_t i = 1; i <= 40; i++)
        assert_int_equal(put(w, i, 5), i);
    kt_spool_ack(w->s, 3); /* not synced: it does not count */
    assert_int_equal(kt_spool_acked(w->s), 0);
    sync_now(w);
    kt_spool_ack(w->s, 3);
    put(w, 41, 1);
    sync_now(w);
    crash(w);
    assert_int_equal(kt_spool_last(w->s), 41);
    assert_int_equal(kt_spool_acked(w->s), 3);
    assert_memory_equal(incarnation, kt_spool_incarnation(w->s), 16);
    for (uint64_t i = 4; i <= 41; i++)
        assert_int_equal(tag_of(w, i, NULL), i);
    assert_int_equal(position(w), 41);
    world_free(w);
}

static void spool_carries_positions_into_new_segments(void **state)
{
    struct world *w = world_new(3);
    struct kt_spool_position pos = { KT_STR("other"), KT_STR("7:8") };
    uint64_t seq = 0;

    (void)state;
    open_spool(w);
    assert_int_equal(kt_spool_append(w->s, KT_STR_NONE, 0, &pos, 1, &seq, &w->err), KT_OK);
    assert_int_equal(seq, 0);
    assert_int_equal(kt_spool_position(w->s, KT_STR("other")).len, 0); /* not durable yet */
    for (uint64_t i = 1; i <= 200; i++) {
        put(w, i, 5);
        sync_now(w);
        kt_spool_ack(w->s, i);
    }
    assert_true(kt_spool_disk(w->s) < 8192 + 3 * 4096);
    crash(w);
    assert_true(kt_str_is(kt_spool_position(w->s, KT_STR("other")), "7:8"));
    pos.value = KT_STR_NONE; /* forgotten */
    assert_int_equal(kt_spool_append(w->s, KT_STR_NONE, 0, &pos, 1, &seq, &w->err), KT_OK);
    sync_now(w);
    crash(w);
    assert_int_equal(kt_spool_position(w->s, KT_STR("other")).len, 0);
    world_free(w);
}

static void spool_says_again_when_full_and_goes_on_after_acks(void **state)
{
    struct world *w = world_new(4);
    uint64_t n = 0, seq = 0;
    char big[2000];

    (void)state;
    w->bytes_max = 64 << 10;
    open_spool(w);
    for (enum kt_status st = KT_OK; st == KT_OK;) {
        for (size_t i = 0; i < sizeof big; i++)
            big[i] = (char)(' ' + kt_rng_below(&w->rng, 90));
        big[sizeof big - 1] = '\n';
        st = kt_spool_append(w->s, kt_str_from(big, sizeof big), 1, NULL, 0, &seq, &w->err);
        n += st == KT_OK;
        assert_true(n < 1000);
        if (st != KT_OK)
            assert_int_equal(st, KT_E_AGAIN);
    }
    assert_true(n >= 20);
    sync_now(w);
    kt_spool_ack(w->s, n);
    assert_int_equal(kt_spool_bytes(w->s), 0);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(put(w, 9, 1), n + 1 + i);
    sync_now(w);
    assert_true(kt_spool_disk(w->s) <= w->bytes_max);
    assert_int_equal(tag_of(w, n + 10, NULL), 9);
    world_free(w);
}

static void spool_sends_kept_batches_again(void **state)
{
    struct world *w = world_new(5);

    (void)state;
    open_spool(w);
    for (uint64_t i = 1; i <= 20; i++)
        put(w, i, 2);
    sync_now(w);
    kt_spool_ack(w->s, 20);
    sync_now(w);
    assert_int_equal(kt_spool_rewind(w->s, 15), 15);
    for (uint64_t i = 16; i <= 20; i++)
        assert_int_equal(tag_of(w, i, NULL), i);
    for (uint64_t i = 21; i <= 300; i++)
        put(w, i, 2);
    sync_now(w);
    kt_spool_ack(w->s, 300);
    sync_now(w);
    uint64_t at = kt_spool_rewind(w->s, 0);
    assert_true(at > 0 && at < 300); /* as far as kept segments allow */
    assert_int_equal(tag_of(w, at + 1, NULL), at + 1);
    assert_int_equal(tag_of(w, at, NULL), 0);
    world_free(w);
}

static void spool_renews_its_numbers_for_a_collector_that_does_not_fit(void **state)
{
    struct world *w = world_new(6);
    uint8_t old[16];

    (void)state;
    open_spool(w);
    for (uint64_t i = 1; i <= 9; i++)
        put(w, i, 2);
    sync_now(w);
    kt_spool_ack(w->s, 6);
    memcpy(old, kt_spool_incarnation(w->s), 16);
    assert_int_equal(kt_spool_renew(w->s, &w->err), KT_OK);
    assert_memory_not_equal(old, kt_spool_incarnation(w->s), 16);
    assert_int_equal(kt_spool_acked(w->s), 0);
    assert_int_equal(kt_spool_last(w->s), 3);
    assert_int_equal(tag_of(w, 1, NULL), 7);
    memcpy(old, kt_spool_incarnation(w->s), 16);
    crash(w);
    assert_memory_equal(old, kt_spool_incarnation(w->s), 16);
    assert_int_equal(kt_spool_last(w->s), 3);
    assert_int_equal(tag_of(w, 3, NULL), 9);
    assert_int_equal(kt_spool_rewind(w->s, 0), 0);
    assert_int_equal(put(w, 10, 1), 4);
    world_free(w);
}

static void spool_rewrites_a_batch_without_the_refused_line(void **state)
{
    struct world *w = world_new(7);
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_spool_refusal r = { .seq = 2, .index = 1, .reason = "line", .keep = true };
    uint32_t count = 0;
    struct kt_stat st;

    (void)state;
    open_spool(w);
    for (uint64_t i = 1; i <= 3; i++)
        put(w, i, 3);
    sync_now(w);
    assert_int_equal(kt_spool_refuse(w->s, &r, &w->err), KT_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(kt_spool_read(w->s, 2, &out, &count, &w->err), KT_OK);
        assert_int_equal(count, 2);
        assert_true(kt_str_has(kt_buf_str(&out), KT_STR("\"i\":0,")));
        assert_false(kt_str_has(kt_buf_str(&out), KT_STR("\"i\":1,")));
        assert_true(kt_str_has(kt_buf_str(&out), KT_STR("\"i\":2,")));
        assert_int_equal(tag_of(w, 3, NULL), 3);
        crash(w);
    }
    r = (struct kt_spool_refusal){ .seq = 2, .index = UINT32_MAX, .reason = "redaction" };
    r.instead = KT_STR("{\"n\":99,\"gone\":1}");
    assert_int_equal(kt_spool_refuse(w->s, &r, &w->err), KT_OK);
    assert_int_equal(tag_of(w, 2, &count), 99);
    assert_int_equal(count, 1);
    assert_int_equal(kt_spool_counts(w->s).refused, 2);
    assert_int_equal(w->fs.stat(w->fs.self, DIR "/quarantine/refused.ndjson", &st, &w->err), KT_OK);
    world_free(w);
}

/* Flips one byte of a segment file in place. */
static void flip(struct world *w, const char *path, uint64_t at)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    struct kt_file *f = NULL;
    size_t n = 1;

    assert_int_equal(w->fs.open(w->fs.self, path, KT_OPEN_APPEND, &f, &w->err), KT_OK);
    while (n > 0) {
        assert_int_equal(w->fs.read_at(f, all.len, kt_buf_reserve(&all, 65536), 65536, &n, &w->err),
                         KT_OK);
        all.len += n;
    }
    assert_true(at < all.len);
    all.at[at] = (char)(all.at[at] ^ 0x20);
    assert_int_equal(w->fs.truncate(f, 0, &w->err), KT_OK);
    assert_int_equal(w->fs.append(f, kt_buf_str(&all), &w->err), KT_OK);
    assert_int_equal(w->fs.sync(f, &w->err), KT_OK);
    w->fs.close(f);
}

static void spool_keeps_damage_aside_and_goes_on(void **state)
{
    struct world *w = world_new(8);
    uint64_t size[4];
    struct kt_stat st;

    (void)state;
    w->segment_bytes = 1 << 16;
    open_spool(w);
    for (uint64_t i = 0; i < 4; i++) {
        size[i] = kt_spool_disk(w->s);
        put(w, i + 1, 3);
    }
    sync_now(w);
    kt_spool_close(w->s);
    flip(w, DIR "/00000001.spool", size[1] + 60);
    open_spool(w);
    assert_int_equal(kt_spool_counts(w->s).corrupt, 1);
    assert_int_equal(kt_spool_hole(w->s), 2);
    assert_int_equal(tag_of(w, 1, NULL), 1);
    assert_int_equal(tag_of(w, 2, NULL), 0);
    assert_int_equal(tag_of(w, 3, NULL), 3);
    assert_int_equal(tag_of(w, 4, NULL), 4);
    assert_int_equal(w->fs.stat(w->fs.self, DIR "/corrupt", &st, &w->err), KT_OK);
    assert_int_equal(kt_spool_fill(w->s, 2, KT_STR("{\"n\":77,}\n"), 1, &w->err), KT_OK);
    assert_int_equal(kt_spool_hole(w->s), 0);
    crash(w);
    assert_int_equal(kt_spool_hole(w->s), 0);
    assert_int_equal(tag_of(w, 2, NULL), 77);
    assert_int_equal(put(w, 5, 1), 5);
    world_free(w);
}

static void spool_finds_damage_when_it_reads(void **state)
{
    struct world *w = world_new(9);
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    uint32_t count;

    (void)state;
    open_spool(w);
    uint64_t at = kt_spool_disk(w->s);
    put(w, 1, 3);
    sync_now(w);
    flip(w, DIR "/00000001.spool", at + 50);
    assert_int_equal(kt_spool_read(w->s, 1, &out, &count, &w->err), KT_E_CORRUPT);
    assert_int_equal(kt_spool_hole(w->s), 1);
    world_free(w);
}

/* Fails the 1st, 2nd, 3rd … writing call: nothing synced is lost, numbers stay gapless. */
static void spool_survives_each_failing_call(void **state)
{
    (void)state;
    for (unsigned long n = 1, fired = 1; fired && n < 10000; n++) {
        struct world *w = world_new(n);
        struct kt_fs_faulty bad = { .inner = w->fs, .fail_at = n, .fail_errno = EIO };
        uint64_t promised = 0, seq = 0;
        bad.short_write = n % 2 == 0;
        struct kt_fs good = w->fs;

        w->fs = kt_fs_faulty(&bad);
        const struct kt_spool_options o = { w->fs, w->rng, DIR, 1 << 20, 2048, 4096 };
        if (kt_spool_open(&o, &w->s, &w->err) == KT_OK) {
            for (uint64_t i = 1; i <= 60; i++) {
                char line[64];
                int len = snprintf(line, sizeof line, "{\"n\":%llu,\"x\":0}\n",
                                   (unsigned long long)(kt_spool_last(w->s) + 1));
                if (kt_spool_append(w->s, kt_str_from(line, (size_t)len), 1, NULL, 0, &seq,
                                    &w->err) != KT_OK)
                    continue;
                if (kt_spool_sync(w->s, &w->err) != KT_OK)
                    break; /* the engine ends here */
                promised = seq;
                assert_int_equal(seq, kt_spool_last(w->s));
                if (i % 3 == 0)
                    kt_spool_ack(w->s, seq - 2);
            }
        }
        w->fs = good;
        kt_spool_close(w->s);
        w->s = NULL;
        kt_fs_memory_crash(w->mem, chance, w);
        open_spool(w);
        assert_true(kt_spool_last(w->s) >= promised);
        for (uint64_t i = kt_spool_acked(w->s) + 1; i <= kt_spool_last(w->s); i++)
            assert_int_equal(tag_of(w, i, NULL), i);
        assert_int_equal(kt_spool_hole(w->s), 0);
        fired = bad.fired;
        world_free(w);
    }
}

static void spool_survives_a_full_disk(void **state)
{
    struct world *w = world_new(10);
    struct kt_fs_faulty bad = { .inner = w->fs, .fail_errno = ENOSPC, .short_write = true };
    uint64_t seq = 0;

    (void)state;
    w->fs = kt_fs_faulty(&bad);
    open_spool(w);
    put(w, 1, 1);
    bad.fail_at = bad.calls + 1;
    assert_int_equal(kt_spool_append(w->s, KT_STR("{\"n\":2,}\n"), 1, NULL, 0, &seq, &w->err),
                     KT_E_AGAIN);
    assert_int_equal(put(w, 2, 1), 2);
    sync_now(w);
    reopen(w);
    assert_int_equal(tag_of(w, 1, NULL), 1);
    assert_int_equal(tag_of(w, 2, NULL), 2);
    assert_int_equal(kt_spool_counts(w->s).torn, 0);
    assert_int_equal(kt_spool_counts(w->s).corrupt, 0);
    world_free(w);
}

/* What is acknowledged must not stand in the way of what is not. */
static void spool_gives_up_what_is_acked_on_a_full_disk(void **state)
{
    struct world *w = world_new(11);
    struct kt_fs_faulty bad = { .inner = w->fs, .fail_errno = ENOSPC, .short_write = true };

    (void)state;
    w->fs = kt_fs_faulty(&bad);
    open_spool(w);
    for (uint64_t i = 1; i <= 20; i++)
        assert_int_equal(put(w, i, 1), i);
    sync_now(w);
    uint64_t disk = kt_spool_disk(w->s);
    kt_spool_ack(w->s, 20);
    bad.fail_at = bad.calls + 1;
    assert_int_equal(put(w, 21, 1), 21);
    sync_now(w);
    assert_true(kt_spool_disk(w->s) < disk / 4);
    reopen(w);
    assert_int_equal(kt_spool_acked(w->s), 20);
    assert_int_equal(tag_of(w, 21, NULL), 21);
    world_free(w);
}

/* The same when the last block is taken, so that not even the head of a new segment has room, and
 * all is in one segment. Other files on the disk do not get the room back. */
static void spool_goes_on_when_a_disk_was_full_to_the_last_block(void **state)
{
    struct world *w = world_new(12);
    struct kt_file *other = NULL;
    char *bytes = kt_alloc(1u << 20);
    uint64_t seq = 0, last = 0;

    (void)state;
    w->segment_bytes = 1u << 20;
    w->bytes_max = 1u << 30;
    open_spool(w);
    kt_fs_memory_limit(w->mem, 400u << 10);
    for (unsigned round = 0; round < 3; round++) {
        while (kt_spool_append(w->s, KT_STR("{\"n\":1}\n"), 1, NULL, 0, &seq, &w->err) == KT_OK)
            last = seq;
        assert_int_equal(w->err.code, KT_E_AGAIN);
        sync_now(w);
        assert_int_equal(w->fs.open(w->fs.self, "other", KT_OPEN_APPEND, &other, &w->err), KT_OK);
        assert_int_equal(w->fs.append(other, kt_str_from(bytes, 1u << 20), NULL), KT_E_IO);
        w->fs.close(other);
        kt_spool_ack(w->s, last);
        sync_now(w);
        if (round == 1)
            reopen(w);
        assert_int_equal(put(w, last + 1, 1), last + 1);
        sync_now(w);
        reopen(w);
        assert_int_equal(kt_spool_acked(w->s), last);
        assert_int_equal(tag_of(w, last + 1, NULL), last + 1);
    }
    kt_free(bytes);
    world_free(w);
}

/* A life of random calls and power cuts against a model that knows only what was promised. */
static void one_life(uint64_t seed)
{
    struct world *w = world_new(seed);
    uint64_t tags[600] = { 0 }, written = 0, synced = 0, acked = 0, ever = 0, pos_synced = 0;

    w->segment_bytes = 512 + kt_rng_below(&w->rng, 4096);
    w->keep_bytes = kt_rng_below(&w->rng, 8192) + 1;
    open_spool(w);
    for (unsigned step = 0; step < 120; step++) {
        switch (kt_rng_below(&w->rng, 10)) {
        case 0: {
            crash(w);
            uint64_t last = kt_spool_last(w->s);
            assert_in_range(last, synced, written);
            assert_true(position(w) >= pos_synced && position(w) <= last);
            /* an ack or a rewind may be lost, never a batch that nobody acked */
            assert_true(kt_spool_acked(w->s) <= ever);
            for (uint64_t i = kt_spool_acked(w->s) + 1; i <= last; i++)
                assert_int_equal(tag_of(w, i, NULL), tags[i]);
            synced = written = last;
            acked = kt_spool_acked(w->s);
            pos_synced = position(w);
            break;
        }
        case 1:
        case 2:
            sync_now(w);
            synced = written;
            pos_synced = position(w);
            assert_int_equal(kt_spool_last(w->s), synced);
            break;
        case 3:
            if (synced > 0) {
                uint64_t to = kt_rng_below(&w->rng, synced + 1);
                kt_spool_ack(w->s, to);
                acked = to > acked ? to : acked;
                ever = acked > ever ? acked : ever;
                assert_int_equal(kt_spool_acked(w->s), acked);
            }
            break;
        case 4:
            acked = kt_spool_rewind(w->s, kt_rng_below(&w->rng, acked + 1));
            for (uint64_t i = acked + 1; i <= synced; i++)
                if (i <= kt_spool_last(w->s))
                    assert_int_equal(tag_of(w, i, NULL), tags[i]);
            synced = kt_spool_last(w->s);
            break;
        default: {
            if (written + 1 >= 600)
                break;
            uint64_t tag = written + 1;
            uint64_t seq = put(w, tag, 1 + (uint32_t)kt_rng_below(&w->rng, 8));
            assert_int_equal(seq, written + 1);
            tags[seq] = tag;
            written = seq;
            synced = kt_spool_last(w->s); /* rolling over syncs too */
            break;
        }
        }
        assert_int_equal(kt_spool_hole(w->s), 0);
    }
    sync_now(w);
    for (uint64_t i = acked + 1; i <= written; i++)
        assert_int_equal(tag_of(w, i, NULL), tags[i]);
    assert_int_equal(kt_spool_counts(w->s).corrupt, 0);
    world_free(w);
}

static void spool_loses_nothing_synced_in_many_lives_with_power_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LIVES; seed++)
        one_life(seed);
}

static bool turn(struct world *w, const struct kt_spool_view *to, const char *name)
{
    const struct kt_spool_position pos = { KT_STR("who"), kt_str_of(name) };
    bool fresh = false;

    if (kt_spool_turn(w->s, to, &pos, 1, &fresh, &w->err) != KT_OK)
        fail_msg("turn: %s", w->err.text);
    return fresh;
}

static void is_at(struct world *w, const char *name, uint64_t last, uint64_t acked)
{
    assert_true(kt_str_is(kt_spool_position(w->s, KT_STR("who")), name));
    assert_int_equal(kt_spool_last(w->s), last);
    assert_int_equal(kt_spool_acked(w->s), acked);
}

static void spool_has_numbers_and_a_mark_for_each_collector(void **state)
{
    struct world *w = world_new(91);
    const struct kt_spool_view nobody = { .acked = 0 };

    (void)state;
    w->keep_bytes = 1u << 20;
    open_spool(w);
    for (uint64_t i = 1; i <= 5; i++)
        (void)put(w, i, 3);
    sync_now(w);
    kt_spool_ack(w->s, 4);
    struct kt_spool_view a = kt_spool_view(w->s);
    assert_true(turn(w, &nobody, "b"));
    is_at(w, "b", 5, 0);
    assert_memory_not_equal(kt_spool_incarnation(w->s), a.incarnation, 16);
    crash(w);
    is_at(w, "b", 5, 0);
    kt_spool_ack(w->s, 5);
    assert_int_equal(put(w, 6, 3), 6);
    struct kt_spool_view b = kt_spool_view(w->s);
    assert_false(turn(w, &a, "a")); /* and it syncs what was appended */
    is_at(w, "a", 6, 4);
    crash(w);
    is_at(w, "a", 6, 4);
    assert_memory_equal(kt_spool_incarnation(w->s), a.incarnation, 16);
    assert_int_equal(tag_of(w, 5, NULL), 5);
    assert_false(turn(w, &b, "b"));
    is_at(w, "b", 6, 5);
    reopen(w);
    is_at(w, "b", 6, 5);
    world_free(w);
}

static void spool_counts_anew_for_a_collector_that_missed_more_than_it_keeps(void **state)
{
    struct world *w = world_new(92);
    const struct kt_spool_view nobody = { .acked = 0 };

    (void)state;
    open_spool(w);
    for (uint64_t i = 1; i <= 5; i++)
        (void)put(w, i, 3);
    sync_now(w);
    kt_spool_ack(w->s, 5);
    struct kt_spool_view a = kt_spool_view(w->s);
    assert_true(turn(w, &nobody, "b"));
    for (uint64_t i = 6; i <= 400; i++) {
        (void)put(w, i, 3);
        sync_now(w);
        kt_spool_ack(w->s, i);
    }
    sync_now(w);
    assert_true(turn(w, &a, "a"));
    uint64_t oldest = tag_of(w, 1, NULL);
    assert_in_range(oldest, 7, 399);
    is_at(w, "a", 400 - oldest + 1, 0);
    crash(w);
    is_at(w, "a", 400 - oldest + 1, 0);
    assert_int_equal(tag_of(w, 1, NULL), oldest);
    world_free(w);
}

/* Fails each writing call of a turn: it is done or it is not, and what is kept stays. */
static void spool_turns_wholly_or_not_at_all(void **state)
{
    const struct kt_spool_view nobody = { .acked = 0 };

    (void)state;
    for (unsigned long n = 1, fired = 1; fired; n++) {
        struct world *w = world_new(93 + n);
        struct kt_fs_faulty faulty = { .inner = w->fs, .fail_errno = EIO };
        const struct kt_fs plain = w->fs;
        const struct kt_spool_position first = { KT_STR("who"), KT_STR("a") },
                                       second = { KT_STR("who"), KT_STR("b") };
        uint64_t seq;
        bool fresh;

        w->fs = kt_fs_faulty(&faulty);
        open_spool(w);
        for (uint64_t i = 1; i <= 5; i++)
            (void)put(w, i, 3);
        assert_int_equal(kt_spool_append(w->s, KT_STR_NONE, 0, &first, 1, &seq, &w->err), KT_OK);
        sync_now(w);
        kt_spool_ack(w->s, 5);
        sync_now(w);
        struct kt_spool_view a = kt_spool_view(w->s);
        faulty.fail_at = faulty.calls + n;
        faulty.short_write = n % 2 == 0;
        enum kt_status st = kt_spool_turn(w->s, &nobody, &second, 1, &fresh, &w->err);
        fired = faulty.calls >= faulty.fail_at;
        assert_true(fired || st == KT_OK);
        w->fs = plain;
        faulty.fail_at = 0;
        crash(w);
        bool same = memcmp(kt_spool_incarnation(w->s), a.incarnation, 16) == 0;
        is_at(w, same ? "a" : "b", 5, same ? kt_spool_acked(w->s) : 0);
        assert_int_equal(tag_of(w, 5, NULL), 5);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spool_numbers_batches_without_a_gap),
        cmocka_unit_test(spool_keeps_unacked_records_after_crash),
        cmocka_unit_test(spool_carries_positions_into_new_segments),
        cmocka_unit_test(spool_says_again_when_full_and_goes_on_after_acks),
        cmocka_unit_test(spool_sends_kept_batches_again),
        cmocka_unit_test(spool_has_numbers_and_a_mark_for_each_collector),
        cmocka_unit_test(spool_counts_anew_for_a_collector_that_missed_more_than_it_keeps),
        cmocka_unit_test(spool_turns_wholly_or_not_at_all),
        cmocka_unit_test(spool_renews_its_numbers_for_a_collector_that_does_not_fit),
        cmocka_unit_test(spool_rewrites_a_batch_without_the_refused_line),
        cmocka_unit_test(spool_keeps_damage_aside_and_goes_on),
        cmocka_unit_test(spool_finds_damage_when_it_reads),
        cmocka_unit_test(spool_survives_each_failing_call),
        cmocka_unit_test(spool_survives_a_full_disk),
        cmocka_unit_test(spool_gives_up_what_is_acked_on_a_full_disk),
        cmocka_unit_test(spool_goes_on_when_a_disk_was_full_to_the_last_block),
        cmocka_unit_test(spool_loses_nothing_synced_in_many_lives_with_power_cuts),
    };

    kt_hash_init();
    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
