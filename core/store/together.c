/*
 * together: the bytes: the list of stretches, buckets of pairs.
 *
 * Owns:  nothing.
 * Calls: core/base, core/store (db, directory).
 * Holds: a pair that was written is always found, or its bucket is known to be damaged.
 */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/store/store.h"
#include "core/store/together_int.h"

#define VERSION     6u
#define ENTRY       29u /* bytes of a stretch in the list */
#define KEY         16u /* bytes before the first */
#define SUM         4u  /* bytes before a bucket */
#define BUCKETS_MAX 0xffffu
#define LOW_BITS    6u
#define PART_BITS   4u
#define PARTS       (1u << PART_BITS)

/* ---- the list ---- */

void kt_stretches_done(struct kt_stretches *s)
{
    kt_free(s->at);
    *s = (struct kt_stretches){ 0 };
}

static bool is_sane(const struct kt_stretch *s, const struct kt_stretch *before)
{
    return s->first_seq > (before == NULL ? 0 : before->last_seq) && s->last_seq >= s->first_seq &&
           s->segments > 0 && s->segments <= KT_TOGETHER_SEGMENTS && s->buckets > 0 &&
           s->buckets <= BUCKETS_MAX;
}

/* What buckets are cut by: they are found by it alone. */
static bool is_of_this_generation(struct kt_rd *rd)
{
    uint32_t bucket = kt_rd_u32(rd), most = kt_rd_u32(rd);
    uint8_t kinds = kt_rd_u8(rd);
    return bucket == KT_TOGETHER_BUCKET && most == KT_TOGETHER_PAIRS_MAX &&
           kinds == KT_TOGETHER_KINDS;
}

bool kt_stretches_read(struct kt_stretches *s, struct kt_str bytes)
{
    struct kt_rd rd = kt_rd_of(bytes);
    uint8_t version = kt_rd_u8(&rd);
    *s = (struct kt_stretches){ 0 };
    if (!rd.bad && version > 0 && version != VERSION) {
        s->other = true;
        return true;
    }
    bool other = !is_of_this_generation(&rd),
         sane = version > 0 && (other || (rd.left >= KEY && (rd.left - KEY) % ENTRY == 0));
    if (!sane || rd.bad)
        return false;
    s->other = other;
    if (other)
        return true;
    for (unsigned i = 0; i < KT_ARRAY_LEN(s->key.of); i++)
        s->key.of[i] = kt_rd_u64(&rd);
    s->at = kt_alloc_array(rd.left / ENTRY + 1, sizeof *s->at);
    while (rd.left > 0 && sane) {
        struct kt_stretch *one = &s->at[s->n];
        one->first_seq = kt_rd_u64(&rd);
        one->last_seq = kt_rd_u64(&rd);
        one->segments = kt_rd_u32(&rd);
        one->pairs = kt_rd_u32(&rd);
        one->buckets = kt_rd_u32(&rd);
        uint8_t cased = kt_rd_u8(&rd);
        one->cased = cased != 0;
        sane = cased <= 1 && is_sane(one, s->n == 0 ? NULL : one - 1);
        s->n++;
    }
    if (!sane)
        kt_stretches_done(s);
    return sane;
}

void kt_stretches_write(const struct kt_stretches *s, struct kt_buf *out)
{
    kt_buf_u8(out, VERSION);
    kt_buf_u32(out, KT_TOGETHER_BUCKET);
    kt_buf_u32(out, KT_TOGETHER_PAIRS_MAX);
    kt_buf_u8(out, KT_TOGETHER_KINDS);
    for (unsigned i = 0; i < KT_ARRAY_LEN(s->key.of); i++)
        kt_buf_u64(out, s->key.of[i]);
    for (uint32_t i = 0; i < s->n; i++) {
        kt_buf_u64(out, s->at[i].first_seq);
        kt_buf_u64(out, s->at[i].last_seq);
        kt_buf_u32(out, s->at[i].segments);
        kt_buf_u32(out, s->at[i].pairs);
        kt_buf_u32(out, s->at[i].buckets);
        kt_buf_u8(out, s->at[i].cased);
    }
}

enum kt_status kt_stretches_load(sqlite3 *db, struct kt_stretches *s, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    struct kt_error why = { 0 };
    *s = (struct kt_stretches){ 0 };
    enum kt_status status = kt_blob_get(db, KT_TOGETHER_BLOB, &bytes, &why);
    if (status == KT_E_AGAIN)
        return KT_OK;
    if (status != KT_OK)
        return kt_fail(err, status, "%s", why.text);
    return kt_stretches_read(s, kt_buf_str(&bytes))
               ? KT_OK
               : kt_fail(err, KT_E_CORRUPT, "blob '" KT_TOGETHER_BLOB "' is not as it was written");
}

bool kt_stretch_whole(const struct kt_stretch *s, const struct kt_directory *d,
                      struct kt_stretch_place *ret)
{
    uint32_t at = kt_directory_from(d, s->first_seq), end = kt_directory_from(d, s->last_seq);
    *ret = (struct kt_stretch_place){ at, end + 1 - at };
    return end < d->n && d->at[at].first_seq == s->first_seq &&
           d->at[end].last_seq == s->last_seq && kt_directory_pieces(d, at, ret->n) == s->segments;
}

const char *kt_stretch_name(const struct kt_stretch *s, uint32_t bucket, char buf[KT_STRETCH_NAME])
{
    (void)snprintf(buf, KT_STRETCH_NAME, KT_TOGETHER_BLOB "/%016" PRIx64 "/%04x", s->first_seq,
                   bucket);
    return buf;
}

/* ---- turns ---- */

bool kt_rest_is_over(struct kt_together_rest *rest)
{
    if (rest->left == 0)
        return true;
    rest->left--;
    return false;
}

void kt_rest_after(struct kt_together_rest *rest, bool failed)
{
    uint32_t twice = rest->turns == 0 ? 1 : 2 * rest->turns;
    rest->turns = !failed ? 0 : twice < KT_TOGETHER_REST_MAX ? twice : KT_TOGETHER_REST_MAX;
    rest->left = rest->turns;
}

/* ---- pairs ---- */

/* Never 0. The finaliser of MurmurHash3 over both: keys are hashes already, and no two kinds of
 * them are the same. The sum is that of either order. With a key that nobody knows who chooses
 * names, so that he cannot fill one bucket. */
uint64_t kt_pair_hash(const struct kt_pairs_key *key, uint64_t a, uint64_t b)
{
    uint64_t low = (a < b ? a : b) ^ key->of[0], high = (a < b ? b : a) ^ key->of[1];
    uint64_t h = low * UINT64_C(0x9e3779b97f4a7c15) + (high ^ high >> 31);
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    h ^= h >> 33;
    return h == 0 ? 1 : h;
}

uint32_t kt_pair_bucket(uint64_t hash, uint32_t buckets)
{
    return (uint32_t)((hash >> 32) * buckets >> 32);
}

/* Which of its bucket's parts, and the mark in that. */
static uint32_t part_of(uint32_t low)
{
    return low >> (32 - PART_BITS);
}

static uint64_t mark_of(uint32_t low, uint64_t pairs)
{
    return (uint64_t)(uint32_t)(low << PART_BITS) * (pairs << LOW_BITS) >> 32;
}

/* ---- writing a bucket ---- */

struct bits {
    struct kt_buf *out;
    uint64_t waiting;
    unsigned n;
};

static void put_bits(struct bits *b, uint64_t value, unsigned n) /* n <= 32 */
{
    b->waiting |= value << b->n;
    b->n += n;
    while (b->n >= 8) {
        kt_buf_u8(b->out, (uint8_t)b->waiting);
        b->waiting >>= 8;
        b->n -= 8;
    }
}

static void put_mark(struct bits *b, uint64_t step)
{
    for (uint64_t ones = step >> LOW_BITS; ones > 0;) {
        unsigned n = ones < 32 ? (unsigned)ones : 32;
        put_bits(b, (UINT64_C(1) << n) - 1, n);
        ones -= n;
    }
    put_bits(b, 0, 1);
    put_bits(b, step & ((1u << LOW_BITS) - 1), LOW_BITS);
}

static void write_part(const uint64_t *pair, uint32_t n, unsigned width, struct kt_buf *out)
{
    struct bits b = { .out = out };
    uint64_t last = 0;
    kt_buf_varint(out, n);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t mark = mark_of((uint32_t)(pair[i] >> 8), n);
        put_mark(&b, mark - last);
        put_bits(&b, pair[i] & 255, width);
        last = mark;
    }
    if (b.n > 0)
        put_bits(&b, 0, 8 - b.n);
}

uint32_t kt_bucket_sum(struct kt_str bytes)
{
    return (uint32_t)kt_hash64(bytes, 0);
}

void kt_bucket_write(const uint64_t *pair, uint32_t n, uint32_t segments, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf parts = { 0 };
    unsigned width = 0;
    while ((segments - 1) >> width != 0)
        width++;
    const size_t sum = out->len;
    kt_buf_u32(out, 0);
    kt_buf_u8(out, (uint8_t)width);
    for (uint32_t part = 0, at = 0; part < PARTS; part++) {
        uint32_t from = at;
        size_t begin = parts.len;
        while (at < n && part_of((uint32_t)(pair[at] >> 8)) == part)
            at++;
        write_part(pair + from, at - from, width, &parts);
        kt_buf_varint(out, parts.len - begin);
    }
    kt_buf_add(out, kt_buf_str(&parts));
    uint32_t le = htole32(kt_bucket_sum(kt_str_from_index(kt_buf_str(out), sum + SUM)));
    memcpy(out->at + sum, &le, sizeof le);
}

/* ---- reading one ---- */

struct bits_in {
    struct kt_str bytes;
    uint64_t at, end; /* in bits */
    bool bad;
};

/* At least 57 bits from where it stands, which a run of ones brings behind the end: there they are
 * ones, of which no mark is made. */
static uint64_t peek(const struct bits_in *b)
{
    uint64_t word = UINT64_MAX;
    size_t from = (size_t)(b->at / 8);
    if (from >= b->bytes.len)
        return word;
    size_t left = b->bytes.len - from;
    memcpy(&word, b->bytes.at + from, left < sizeof word ? left : sizeof word);
    word = le64toh(word);
    return b->at % 8 == 0 ? word : word >> b->at % 8 | UINT64_MAX << (64 - b->at % 8);
}

#define ONES_MAX 32u /* in a row, whose mark and segment are within one look */
static uint64_t take_mark(struct bits_in *b, unsigned width, uint32_t *ret_segment)
{
    uint64_t high = 0, word = peek(b);
    while (b->at < b->end && (~word & ((UINT64_C(1) << ONES_MAX) - 1)) == 0) {
        high += ONES_MAX;
        b->at += ONES_MAX;
        word = peek(b);
    }
    unsigned ones = ~word == 0 ? 63 : (unsigned)__builtin_ctzll(~word);
    unsigned bits = ones + 1 + LOW_BITS + width;
    b->bad = b->at >= b->end || b->end - b->at < bits;
    if (b->bad)
        return 0;
    b->at += bits;
    word >>= ones + 1;
    *ret_segment = (uint32_t)(word >> LOW_BITS) & ((1u << width) - 1);
    return (high + ones) << LOW_BITS | (word & ((1u << LOW_BITS) - 1));
}

static bool find(struct kt_str part, unsigned width, uint32_t low,
                 uint8_t set[KT_TOGETHER_SEGMENTS / 8])
{
    struct kt_rd rd = kt_rd_of(part);
    uint64_t n = kt_rd_varint(&rd), mark = 0;
    if (rd.bad || n > KT_TOGETHER_PAIRS_MAX)
        return false;
    struct bits_in b = { .bytes = kt_str_from_index(part, part.len - rd.left) };
    b.end = 8 * (uint64_t)b.bytes.len;
    const uint64_t wanted = mark_of(low, n);
    for (uint64_t i = 0; i < n && !b.bad; i++) {
        uint32_t segment = 0;
        mark += take_mark(&b, width, &segment);
        if (mark > wanted)
            break;
        if (mark == wanted && !b.bad)
            set[segment / 8] = (uint8_t)(set[segment / 8] | 1u << segment % 8);
    }
    return !b.bad;
}

bool kt_bucket_find(struct kt_str bucket, uint64_t hash, uint8_t set[KT_TOGETHER_SEGMENTS / 8])
{
    struct kt_rd rd = kt_rd_of(bucket);
    const uint32_t wanted = part_of((uint32_t)hash);
    if (kt_rd_u32(&rd) != kt_bucket_sum(kt_str_from_index(bucket, bucket.len - rd.left)))
        return false;
    unsigned width = kt_rd_u8(&rd);
    uint64_t before = 0, len = 0;
    for (uint32_t part = 0; part < PARTS; part++) {
        uint64_t one = kt_rd_varint(&rd);
        before += part < wanted ? one & UINT32_MAX : 0;
        len = part == wanted ? one : len;
    }
    if (rd.bad || width > 8 || before > rd.left || len > rd.left - before)
        return false;
    (void)kt_rd_bytes(&rd, (size_t)before);
    return find(kt_rd_bytes(&rd, (size_t)len), width, (uint32_t)hash, set);
}
