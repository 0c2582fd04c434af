/*
 * together_make: the pairs and sums of a stretch, out of the columns of its segments.
 *
 * Owns:  a table of pairs with the time of the earliest access that has both, and its segment.
 * Calls: core/base, core/store (chunk, filter, totals), core/sys/rng (the key). No writing.
 * Holds: of one list of segments and one key always the same pairs and sums, in the same bytes but
 *        for the frames of sums, which another libzstd packs otherwise.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "core/store/chunk.h"
#include "core/store/together_int.h"
#include "core/sys/rng.h"

#define SLOTS    (1u << 21) /* at most: more than half as much again as pairs at most */
#define EACH     KT_TOGETHER_KINDS
#define NO_VALUE 0u
#define AHEAD    4u /* rows */

/* What of a record is a value, and the column it comes from. */
enum value { ACTOR, SECRET, ADDRESS, NETWORK, INSTANCE, VALUES };
static const enum kt_col column_of[VALUES] = { [ACTOR] = KT_COL_ACTOR,
                                               [SECRET] = KT_COL_SECRET,
                                               [ADDRESS] = KT_COL_IP,
                                               [NETWORK] = KT_COL_IP,
                                               [INSTANCE] = KT_COL_INSTANCE };
static const struct {
    enum value a, b;
} kept[EACH] = { { ACTOR, SECRET },    { ACTOR, ADDRESS },   { ACTOR, NETWORK },
                 { SECRET, ADDRESS },  { SECRET, NETWORK },  { ACTOR, INSTANCE },
                 { SECRET, INSTANCE }, { NETWORK, INSTANCE } };

struct making {
    struct kt_pairs_key key;
    struct kt_reader *r;
    struct kt_chunk *chunk;
    struct slot {
        uint64_t hash; /* of the pair; 0 = free */
        kt_time_ns time;
    } * slot;
    uint8_t *segment; /* of each */
    uint32_t slots;   /* a power of two */
    uint32_t pairs;
    uint64_t *value[VALUES]; /* of the codes of a segment's column */
    uint32_t cap[VALUES];
    struct kt_map *folded; /* keys of actors, folded: 8 bytes */
    uint64_t *written;     /* of each: hash of the name as it was first written */
    uint32_t cap_written;
    bool cased;
    struct kt_totals_making *sums;
};

static void making_done(struct making *m)
{
    kt_chunk_free(m->chunk);
    kt_totals_making_free(m->sums);
    kt_map_free(m->folded);
    kt_free(m->slot);
    kt_free(m->segment);
    kt_free(m->written);
    for (unsigned v = 0; v < VALUES; v++)
        kt_free(m->value[v]);
}

/* ---- pairs ---- */

/* As many as the entries can fill half of: a small stretch need not walk a table of 34 MB. */
static uint32_t slots_for(const struct kt_directory *d, uint32_t at, uint32_t n)
{
    uint64_t pairs = 1;
    uint32_t slots = 1;
    for (uint32_t i = 0; i < n; i++)
        pairs += (uint64_t)EACH * d->at[at + i].count;
    while (slots < SLOTS && slots < 2 * pairs)
        slots *= 2;
    return slots;
}

static void meet(struct making *m, uint64_t hash, kt_time_ns time, uint8_t segment)
{
    uint32_t at = (uint32_t)hash & (m->slots - 1);
    while (m->slot[at].hash != 0 && m->slot[at].hash != hash)
        at = (at + 1) & (m->slots - 1);
    if (m->slot[at].hash == 0)
        m->pairs++;
    else if (m->slot[at].time <= time)
        return;
    m->slot[at] = (struct slot){ hash, time };
    m->segment[at] = segment;
}

/* ---- values ---- */

static void note_case(struct making *m, uint64_t key, struct kt_str actor)
{
    bool is_new;
    uint64_t written = kt_hash64(actor, 0);
    uint32_t n = kt_map_put(m->folded, kt_str_from(&key, sizeof key), &is_new);
    if (n >= m->cap_written) {
        m->cap_written = m->cap_written == 0 ? 256 : 2 * m->cap_written;
        m->written = kt_realloc_array(m->written, m->cap_written, sizeof *m->written);
    }
    if (is_new)
        m->written[n] = written;
    m->cased = m->cased || m->written[n] != written;
}

static uint64_t key_of(struct making *m, enum value v, struct kt_str text)
{
    struct kt_ip ip;
    if (v == ACTOR) {
        uint64_t key = kt_key_hash(KT_FILTER_ACTOR, text);
        note_case(m, key, text);
        return key;
    }
    if (v != ADDRESS && v != NETWORK)
        return kt_key_hash(v == SECRET ? KT_FILTER_SECRET : KT_FILTER_INSTANCE, text);
    if (text.len != sizeof ip.at)
        return NO_VALUE;
    memcpy(ip.at, text.at, sizeof ip.at);
    return kt_key_hash_net(v == ADDRESS ? (struct kt_cidr){ .ip = ip, .bits = 128 }
                                        : kt_ip_network(ip, 24, 48));
}

static void begin_segment(struct making *m, const struct kt_columns *c)
{
    for (unsigned v = 0; v < VALUES; v++) {
        const struct kt_text_column *t = &c->text[column_of[v] - KT_COL_SMALL];
        if (t->n_dict + 1 > m->cap[v]) {
            m->cap[v] = t->n_dict + 1;
            m->value[v] = kt_realloc_array(m->value[v], m->cap[v], sizeof *m->value[v]);
        }
        m->value[v][0] = NO_VALUE;
        for (uint32_t i = 0; i < t->n_dict; i++)
            m->value[v][i + 1] = key_of(m, v, t->dict[i]);
    }
}

/* The hashes of a row's pairs; 0: it has none. Their slots are fetched ahead: most are in no cache.
 */
static void hash_row(const struct making *m, const struct kt_columns *c, uint32_t row,
                     uint64_t ret[EACH])
{
    uint64_t has[VALUES];
    for (unsigned v = 0; v < VALUES; v++)
        has[v] = m->value[v][c->text[column_of[v] - KT_COL_SMALL].code[row]];
    for (unsigned i = 0; i < EACH; i++) {
        uint64_t a = has[kept[i].a], b = has[kept[i].b];
        ret[i] = a == NO_VALUE || b == NO_VALUE ? 0 : kt_pair_hash(&m->key, a, b);
        __builtin_prefetch(&m->slot[(uint32_t)ret[i] & (m->slots - 1)], 1);
    }
}

/* segment: number of the first of the pieces. */
static void take_rows(struct making *m, const struct kt_chunk *c, const struct kt_piece *piece,
                      uint8_t segment)
{
    uint64_t hash[AHEAD][EACH];
    for (uint32_t i = 0; i < c->picks + AHEAD; i++) {
        if (i >= AHEAD) {
            uint32_t row = c->pick[i - AHEAD];
            kt_time_ns time = kt_chunk_time(c, row);
            for (; row >= piece->row + piece->head.count; segment++)
                piece++;
            for (unsigned k = 0; k < EACH; k++)
                if (hash[i % AHEAD][k] != 0)
                    meet(m, hash[i % AHEAD][k], time, segment);
        }
        if (i < c->picks)
            hash_row(m, c->columns, c->pick[i], hash[i % AHEAD]);
    }
}

/* ---- segments ---- */

/* Rows of accesses: pairs and sums are of those. */
static void pick_accesses(struct kt_chunk *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->picks; i++)
        if (c->columns->small[KT_COL_KIND][c->pick[i]] == KT_KIND_ACCESS)
            c->pick[n++] = c->pick[i];
    c->picks = n;
}

static enum kt_status take_segment(struct making *m, const struct kt_segment *seg, uint8_t number,
                                   struct kt_error *err)
{
    const struct kt_piece *piece;
    uint32_t n;
    const struct kt_scan scan = { .from_seq = 1, .until_seq = INT64_MAX, .records = true };
    struct kt_want want = { .time = true, .columns = KT_TOTALS_COLUMNS };
    for (unsigned v = 0; v < VALUES; v++)
        want.columns |= KT_COLUMN(column_of[v]);
    if (kt_chunk_segment(m->chunk, m->r->db, seg, &scan, &want, err) != KT_OK ||
        kt_opened_pieces(m->chunk->opened, &piece, &n, err) != KT_OK)
        return kt_wrap(err, "pairs");
    pick_accesses(m->chunk);
    kt_totals_take(m->sums, m->chunk, piece, n);
    begin_segment(m, m->chunk->columns);
    take_rows(m, m->chunk, piece, number);
    return KT_OK;
}

/* *ret_taken: entries of the directory; *ret_pieces: segments that they are of. */
static enum kt_status take_segments(struct making *m, uint32_t at, uint32_t n,
                                    const struct kt_together_how *how, uint32_t *ret_taken,
                                    uint32_t *ret_pieces, struct kt_error *err)
{
    uint32_t i = 0, pieces = 0;
    for (; i < n; pieces += kt_segment_pieces(&m->r->directory.at[at + i++])) {
        const struct kt_segment *seg = &m->r->directory.at[at + i];
        struct kt_error why = { 0 };
        if (how->give_up != NULL && how->give_up(how->give_up_self))
            return kt_fail(err, KT_E_LIMIT, "given up");
        /* a merged one is taken as a whole, and may go beyond */
        if (m->pairs + (uint64_t)EACH * seg->count / kt_segment_pieces(seg) > KT_TOGETHER_PAIRS_MAX)
            break;
        enum kt_status status = take_segment(m, seg, (uint8_t)pieces, &why);
        if (status != KT_OK && (status != KT_E_CORRUPT || i == 0))
            return kt_fail(err, status, "%s", why.text);
        if (status != KT_OK)
            break;
    }
    *ret_taken = i;
    *ret_pieces = pieces;
    return KT_OK;
}

/* ---- bytes ---- */

static void write_buckets(const struct making *m, struct kt_together_made *made)
{
    const uint32_t buckets = made->stretch.buckets;
    uint64_t *pair = kt_alloc_array(2 * (size_t)m->pairs + 1, sizeof *pair);
    uint32_t n = 0, from = 0;
    for (uint32_t i = 0; i < m->slots; i++)
        if (m->slot[i].hash != 0)
            pair[n++] = (uint64_t)kt_pair_bucket(m->slot[i].hash, buckets) << 40 |
                        (uint64_t)(uint32_t)m->slot[i].hash << 8 | m->segment[i];
    kt_sort_u64(pair, pair + n, n);
    made->end = kt_alloc_array(buckets, sizeof *made->end);
    for (uint32_t k = 0; k < buckets; k++) {
        uint32_t end = from;
        for (; end < n && pair[end] >> 40 == k; end++)
            pair[end] &= (UINT64_C(1) << 40) - 1;
        kt_bucket_write(pair + from, end - from, made->stretch.segments, &made->bytes);
        made->end[k] = made->bytes.len;
        from = end;
    }
    kt_free(pair);
}

enum kt_status kt_stretch_make(struct kt_reader *r, uint32_t at, uint32_t n,
                               const struct kt_pairs_key *key, const struct kt_together_how *how,
                               struct kt_together_made **ret, struct kt_error *err)
{
    const uint32_t slots = slots_for(&r->directory, at, n);
    struct making m = { .key = *key,
                        .r = r,
                        .chunk = kt_chunk_new(NULL), /* sealed segments only */
                        .folded = kt_map_new(0),
                        .sums = kt_totals_making_new(),
                        .slot = kt_alloc_array(slots, sizeof *m.slot),
                        .segment = kt_alloc_array(slots, sizeof *m.segment),
                        .slots = slots };
    uint32_t taken = 0, pieces = 0;
    enum kt_status status = take_segments(&m, at, n, how, &taken, &pieces, err);
    if (status == KT_OK) {
        struct kt_together_made *made = kt_alloc(sizeof *made);
        made->stretch = (struct kt_stretch){ .first_seq = r->directory.at[at].first_seq,
                                             .last_seq = r->directory.at[at + taken - 1].last_seq,
                                             .segments = pieces,
                                             .pairs = m.pairs,
                                             .buckets = m.pairs / KT_TOGETHER_BUCKET + 1,
                                             .cased = m.cased };
        made->key = *key;
        write_buckets(&m, made);
        kt_totals_write(m.sums,
                        &(struct kt_totals_run){ .first_seq = made->stretch.first_seq,
                                                 .last_seq = made->stretch.last_seq },
                        &made->sums);
        *ret = made;
    }
    making_done(&m);
    return status;
}

void kt_together_made_free(struct kt_together_made *m)
{
    if (m == NULL)
        return;
    kt_buf_done(&m->bytes);
    kt_totals_blobs_done(&m->sums);
    kt_free(m->end);
    kt_free(m);
}

/* How many entries of the directory, from `at` on, have so many segments at most; 0: there are
 * fewer than that, and more may come. Those that may be merged yet are no part of a stretch. */
static uint32_t entries_for(const struct kt_directory *d, uint32_t at,
                            const struct kt_together_how *how)
{
    const uint32_t most = how->segments > 0 ? how->segments : KT_TOGETHER_SEGMENTS;
    const uint32_t apart = how->segments > 0 ? 0 : KT_MERGED_PIECES;
    uint32_t n = 0;
    if (kt_directory_pieces(d, at, d->n - at) < (uint64_t)most + apart)
        return 0;
    for (uint32_t pieces = 0; at + n < d->n; n++) {
        pieces += kt_segment_pieces(&d->at[at + n]);
        if (pieces > most)
            break;
    }
    return n;
}

/* A segment that cannot be read is in no stretch: the next one begins behind it. */
enum kt_status kt_stretch_make_next(struct kt_reader *r, const struct kt_together_how *how,
                                    struct kt_together_made **ret, struct kt_error *err)
{
    struct kt_stretches s = { 0 };
    enum kt_status status = kt_reader_fresh(r, err);
    if (status == KT_OK)
        status = kt_reader_directory(r, err);
    if (status != KT_OK)
        return status;
    if (kt_stretches_load(r->db, &s, NULL) != KT_OK)
        s.n = 0; /* it is made anew */
    if (s.n == 0)
        kt_rng_real.fill(kt_rng_real.self, &s.key, sizeof s.key);
    const struct kt_pairs_key key = s.key;
    const struct kt_directory *d = &r->directory;
    uint32_t at = s.n == 0 ? 0 : kt_directory_from(d, s.at[s.n - 1].last_seq + 1);
    kt_stretches_done(&s);
    status = KT_E_AGAIN;
    for (uint32_t n; d->damaged == 0 && (n = entries_for(d, at, how)) > 0; at++) {
        status = kt_stretch_make(r, at, n, &key, how, ret, err);
        if (status != KT_E_CORRUPT)
            return status;
    }
    return kt_fail(err, KT_E_AGAIN, "there is nothing to be made");
}

enum kt_status kt_together_make(struct kt_reader *r, const struct kt_together_how *how,
                                struct kt_together_made **ret, struct kt_error *err)
{
    enum kt_status status = kt_stretch_make_next(r, how, ret, err);
    if (status == KT_E_AGAIN)
        status = kt_joined_make_next(r, how, ret, err);
    return status == KT_E_AGAIN ? kt_sessions_make_next(r, how, ret, err) : status;
}
