/*
 * dedupe: exact recognition of records that are stored already.
 *
 * Three places, asked in turn: the batch at hand; the newest ids, two generations of an
 * open-addressing table of 64-bit hashes and record numbers (12 bytes a slot), which always hold
 * the whole tail; and for whatever is older, the segments with events at that time whose filter of
 * ids says maybe. Hashes and filters only choose whom to ask: the answer always comes from the
 * stored line, read again, so it is exact.
 *
 * Owns:  the tables in memory, some decoded batches and segments, some filters.
 * Calls: core/base, core/event, core/store (db, row, directory, opened).
 * Holds: the ids of the whole tail are in memory; those of an undone transaction are not.
 */
#include "core/store/dedupe.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/fetch.h"
#include "core/base/limits.h"
#include "core/base/pages.h"
#include "core/store/chain.h"
#include "core/store/idset.h"
#include "core/store/reader.h"

#define GENERATION_MIN    (16 * KT_SEGMENT_EVENTS) /* a tail of a build before has as many */
#define FILTERS_MAX       512                      /* about 8 KiB each */
#define NEAR_MAX          16
#define NEAR_NS           (10 * KT_NS_MIN)
#define SEGMENTS_A_LOOKUP 512 /* asked for their days in the time of one filter read */

struct id {        /* beside each other, since each first touch of a table waits; 12 bytes */
    uint64_t hash; /* 0: free */
    uint32_t offset;
} __attribute__((packed, aligned(4)));
struct generation {
    struct id *id;
    uint64_t base; /* seq that offset 0 stands for */
    size_t used;
};
struct past { /* where records older than the window are: this file, and damaged ones before it */
    sqlite3 *db;
    const struct kt_directory *directory;
    bool sound; /* else what cannot be read of it is no answer: it was lost */
    sqlite3_stmt *by_seq;
    struct kt_row *tail; /* of a damaged file: heads of batches that were never sealed */
    uint32_t n_tail, cap_tail;
};
struct near { /* sealed segments, merged or not, with records older than the window and events in
                 one ten minutes */
    bool valid;
    int64_t bucket;
    uint64_t window_first;
    struct place {
        const struct past *past;
        uint32_t at;    /* number in its directory */
        uint32_t piece; /* of a merged one */
        uint64_t first_seq;
        kt_time_ns min_time, max_time;
    } * at;
    uint32_t n, cap;
};
struct filter { /* ids of the sealed segment at first_seq; 0: free */
    uint64_t first_seq;
    struct kt_buf bytes;
};
struct asked { /* a line of the batch at hand */
    uint64_t hash;
    uint8_t key[KT_KEY_SIZE];
    bool has_key;
};
struct kt_dedupe {
    struct past past[KT_CHAIN_MAX]; /* the file that is written first */
    unsigned n_past;
    struct kt_opened *opened;
    uint64_t seed;
    uint32_t cost;

    struct generation gen[2]; /* [0] takes new ids */
    size_t slots, per_generation;
    uint64_t window_first; /* records from here on are in the generations */
    kt_time_ns last_time;  /* of all events, ever */
    kt_time_ns old_last;   /* of those before the window */

    const struct kt_store_batch *batch;
    uint64_t first_seq;
    uint32_t kept;
    struct asked *asked;
    struct kt_ident *mine; /* the kept lines of this batch; digests are made when asked */
    uint32_t *place;

    struct kt_idsets *sets;
    struct filter filter[FILTERS_MAX];
    struct near near[NEAR_MAX];
    unsigned near_next;
};

static size_t bytes_of(const struct kt_dedupe *d)
{
    return d->slots * sizeof(struct id);
}

static void clear_generation(struct kt_dedupe *d, struct generation *g, uint64_t base)
{
    memset(g->id, 0, bytes_of(d));
    g->base = base;
    g->used = 0;
}

static size_t slot_of(const struct kt_dedupe *d, uint64_t hash)
{
    return (size_t)(((hash >> 32) * (uint64_t)d->slots) >> 32);
}

static uint64_t hash_of(const struct kt_dedupe *d, const uint8_t key[KT_KEY_SIZE])
{
    uint64_t hash = kt_hash64(kt_str_from(key, KT_KEY_SIZE), d->seed);
    return hash == 0 ? 1 : hash;
}

static void remember(struct kt_dedupe *d, uint64_t hash, uint64_t seq)
{
    struct generation *g = &d->gen[0];
    assert(g->used < d->slots - 1);
    size_t s = slot_of(d, hash);
    while (g->id[s].hash != 0)
        s = s + 1 == d->slots ? 0 : s + 1;
    g->id[s] = (struct id){ hash, (uint32_t)(seq - g->base) };
    g->used++;
}

/* Opens a new generation when the one at hand is full: batches never span two. */
static void rotate(struct kt_dedupe *d, uint64_t next_seq)
{
    if (d->gen[0].used < d->per_generation && next_seq - d->gen[0].base <= UINT32_MAX / 2)
        return;
    struct generation oldest = d->gen[1];
    d->gen[1] = d->gen[0];
    d->gen[0] = oldest;
    clear_generation(d, &d->gen[0], next_seq);
    d->window_first = d->gen[1].base;
    d->old_last = d->last_time; /* no less than what left the window */
}

/* The tables are tens of megabytes, and each id stands somewhere in them: its places are fetched
 * while the ids of the lines behind it are made. */
static KT_FETCHES void fetch(const struct kt_dedupe *d, uint64_t hash)
{
    const size_t slot = slot_of(d, hash);
    __builtin_prefetch(&d->gen[0].id[slot], 1);
    __builtin_prefetch(&d->gen[1].id[slot]);
}

void kt_dedupe_start(struct kt_dedupe *d, const struct kt_store_batch *b, uint64_t next_seq)
{
    assert(b->n <= KT_BATCH_EVENTS_MAX);
    rotate(d, next_seq);
    d->batch = b;
    d->first_seq = next_seq;
    d->kept = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        struct asked *a = &d->asked[i];
        a->has_key = b->parsed != NULL
                         ? kt_key_of_id(&b->events[i], kt_parsed_id(b->parsed, i), a->key)
                         : kt_key_of_event(&b->events[i], a->key);
        if (!a->has_key)
            continue;
        a->hash = hash_of(d, a->key);
        fetch(d, a->hash);
    }
}

/* Takes the ids of records from seq on out of a generation. */
static void forget_from(struct kt_dedupe *d, struct generation *g, uint64_t seq)
{
    struct generation old = *g;
    g->id = kt_pages_new(bytes_of(d));
    g->used = 0;
    for (size_t i = 0; i < d->slots; i++) {
        if (old.id[i].hash == 0 || old.base + old.id[i].offset >= seq)
            continue;
        size_t s = slot_of(d, old.id[i].hash);
        while (g->id[s].hash != 0)
            s = s + 1 == d->slots ? 0 : s + 1;
        g->id[s] = old.id[i];
        g->used++;
    }
    kt_pages_free(old.id, bytes_of(d));
}

void kt_dedupe_undo(struct kt_dedupe *d, uint64_t next_seq)
{
    if (d->first_seq + d->kept > next_seq) /* it put something in */
        for (unsigned i = 0; i < 2; i++)
            forget_from(d, &d->gen[i], next_seq);
    if (d->gen[0].base > next_seq) /* it was opened in that transaction, and is empty again */
        d->gen[0].base = next_seq;
    kt_idsets_clear(d->sets); /* they may be of rows that are gone now */
    for (unsigned i = 0; i < NEAR_MAX; i++)
        d->near[i].valid = false; /* the directory may be another: segments were merged */
    d->kept = 0;
}

void kt_dedupe_drop(struct kt_dedupe *d, const struct kt_segment *seg)
{
    kt_idsets_drop(d->sets, seg->first_seq, seg->last_seq);
    for (unsigned i = 0; i < FILTERS_MAX; i++)
        if (d->filter[i].first_seq >= seg->first_seq && d->filter[i].first_seq <= seg->last_seq)
            d->filter[i].first_seq = 0;
    for (unsigned i = 0; i < NEAR_MAX; i++)
        d->near[i].valid = false; /* its numbers are of the directory as it was */
}

uint32_t kt_dedupe_cost(struct kt_dedupe *d)
{
    uint32_t cost = d->cost;
    d->cost = 0;
    return cost;
}

/* ---- stored lines ---- */

/* Opens a segment, for what is asked of its pieces. */
static enum kt_status open_segment(struct kt_dedupe *d, const struct past *past,
                                   const struct kt_segment *seg, const struct kt_piece **ret,
                                   uint32_t *ret_n, struct kt_error *err)
{
    return kt_opened_start(d->opened, past->db, seg, err) == KT_OK &&
                   kt_opened_pieces(d->opened, ret, ret_n, err) == KT_OK
               ? KT_OK
               : kt_wrap(err, "dedupe");
}

/* The piece of the segment that has the record, or the next one behind it. */
static enum kt_status set_of_segment(struct kt_dedupe *d, const struct past *past,
                                     const struct kt_segment *seg, uint64_t seq,
                                     const struct kt_idset **ret, struct kt_error *err)
{
    const struct kt_piece *piece;
    uint32_t n, k = 0;
    bool was_read = false;
    if (open_segment(d, past, seg, &piece, &n, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    while (k + 1 < n && piece[k].head.last_seq < seq)
        k++;
    enum kt_status status = kt_idsets_piece(d->sets, d->opened, &piece[k], k, ret, &was_read, err);
    d->cost += was_read ? KT_LOOKUP_SEGMENT : 0;
    return status;
}

/* The batch of the file that holds seq; *ret is NULL when none does. */
static enum kt_status set_of_batch(struct kt_dedupe *d, const struct past *past, uint64_t seq,
                                   const struct kt_idset **ret, struct kt_error *err)
{
    *ret = kt_idsets_peek(d->sets, seq);
    if (*ret != NULL)
        return KT_OK;
    kt_db_u64(past->by_seq, 1, seq);
    enum kt_status status = kt_db_step(past->by_seq, err);
    if (status != KT_OK)
        return status == KT_E_AGAIN ? KT_OK : status;
    struct kt_row row;
    status = kt_row_read(past->by_seq, &row, err);
    if (status == KT_OK && seq <= kt_row_last(&row))
        status = kt_idsets_batch(d->sets, &row, ret, err);
    (void)sqlite3_reset(past->by_seq);
    return status;
}

/* The batch or segment of this file that holds seq; *ret is NULL when none does. */
static enum kt_status set_of(struct kt_dedupe *d, uint64_t seq, const struct kt_idset **ret,
                             struct kt_error *err)
{
    const struct past *here = &d->past[0];
    *ret = kt_idsets_peek(d->sets, seq);
    if (*ret != NULL)
        return KT_OK;
    uint32_t i = kt_directory_from(here->directory, seq);
    if (i == here->directory->n)
        return set_of_batch(d, here, seq, ret, err);
    return seq < here->directory->at[i].first_seq
               ? KT_OK
               : set_of_segment(d, here, &here->directory->at[i], seq, ret, err);
}

/* ---- one question ---- */

struct question {
    struct kt_ident me;
    bool digested, seen, duplicate;
    uint32_t place;
};

static void compare(struct kt_dedupe *d, struct question *q, const struct kt_ident *other)
{
    if (!other->has_key || memcmp(q->me.key, other->key, KT_KEY_SIZE) != 0)
        return;
    if (!q->digested)
        kt_event_access_digest(&d->batch->events[q->place], q->me.digest);
    q->digested = true;
    q->seen = true;
    if (memcmp(q->me.digest, other->digest, sizeof q->me.digest) == 0)
        q->duplicate = true;
}

static enum kt_status compare_seq(struct kt_dedupe *d, struct question *q, uint64_t seq,
                                  struct kt_error *err)
{
    if (seq >= d->first_seq) {
        if (seq - d->first_seq >= d->kept)
            return KT_OK;
        struct kt_ident *mine = &d->mine[seq - d->first_seq];
        kt_event_access_digest(&d->batch->events[d->place[seq - d->first_seq]], mine->digest);
        compare(d, q, mine);
        return KT_OK;
    }
    const struct kt_idset *set;
    if (set_of(d, seq, &set, err) != KT_OK)
        return kt_wrap(err, "dedupe");
    const struct kt_ident *other = set == NULL ? NULL : kt_idset_at(set, seq);
    if (other != NULL)
        compare(d, q, other);
    return KT_OK;
}

static enum kt_status ask_recent(struct kt_dedupe *d, struct question *q, uint64_t hash,
                                 struct kt_error *err)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct generation *g = &d->gen[i];
        for (size_t s = slot_of(d, hash); g->id[s].hash != 0 && !q->duplicate;
             s = s + 1 == d->slots ? 0 : s + 1)
            if (g->id[s].hash == hash && compare_seq(d, q, g->base + g->id[s].offset, err) != KT_OK)
                return kt_wrap(err, "recent");
    }
    return KT_OK;
}

/* ---- what is older than the window ---- */

static bool in_bucket(const struct kt_segment *seg, int64_t bucket)
{
    if (bucket == 0)
        return seg->untimed > 0;
    kt_time_ns from = (bucket - 1) * NEAR_NS;
    if (seg->max_time < from || seg->min_time >= from + NEAR_NS)
        return false;
    struct kt_segment timed = *seg;
    timed.untimed = 0;
    return kt_segment_in_time(&timed, from, from + NEAR_NS);
}

static void add_place(struct kt_dedupe *d, struct near *near, const struct place *place,
                      const struct kt_segment *piece)
{
    if (piece->first_seq >= d->window_first || !in_bucket(piece, near->bucket))
        return;
    if (near->n == near->cap) {
        near->cap = near->cap == 0 ? 16 : 2 * near->cap;
        near->at = kt_realloc_array(near->at, near->cap, sizeof *near->at);
    }
    struct place *own = &near->at[near->n++];
    *own = *place;
    own->first_seq = piece->first_seq;
    own->min_time = piece->min_time;
    own->max_time = piece->max_time;
}

/* Of a damaged file a segment whose pieces are not known any more is lost, and no other. */
static enum kt_status add_near(struct kt_dedupe *d, struct near *near, const struct past *past,
                               struct kt_error *err)
{
    for (uint32_t i = 0; i < past->directory->n; i++) {
        const struct kt_segment *seg = &past->directory->at[i];
        struct place place = { .past = past, .at = i };
        const struct kt_piece *piece;
        uint32_t n;
        if (seg->first_seq >= d->window_first)
            break;
        if (seg->pieces == 0)
            add_place(d, near, &place, seg);
        if (seg->pieces == 0 || !in_bucket(seg, near->bucket))
            continue;
        d->cost++;
        enum kt_status status = open_segment(d, past, seg, &piece, &n, err);
        if (status != KT_OK && past->sound)
            return status;
        for (; status == KT_OK && place.piece < n; place.piece++)
            add_place(d, near, &place, &piece[place.piece].head);
    }
    return KT_OK;
}

static enum kt_status near_of(struct kt_dedupe *d, kt_time_ns time, const struct near **ret,
                              struct kt_error *err)
{
    int64_t bucket = time <= 0 ? 0 : 1 + time / NEAR_NS;
    for (unsigned i = 0; i < NEAR_MAX; i++) {
        *ret = &d->near[i];
        if ((*ret)->valid && (*ret)->bucket == bucket && (*ret)->window_first == d->window_first)
            return KT_OK;
    }
    struct near *near = &d->near[d->near_next];
    d->near_next = (d->near_next + 1) % NEAR_MAX;
    near->valid = false;
    near->bucket = bucket;
    near->window_first = d->window_first;
    near->n = 0;
    for (unsigned i = 0; i < d->n_past; i++) {
        if (add_near(d, near, &d->past[i], err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        d->cost += d->past[i].directory->n / SEGMENTS_A_LOOKUP;
    }
    near->valid = true;
    *ret = near;
    return KT_OK;
}

static enum kt_status may_hold(struct kt_dedupe *d, const struct place *place, uint64_t hash,
                               bool *ret, struct kt_error *err)
{
    struct filter *f = &d->filter[place->first_seq / KT_SEGMENT_EVENTS % FILTERS_MAX];
    if (f->first_seq != place->first_seq) {
        const struct kt_piece *piece;
        struct kt_str bytes;
        uint32_t n;
        if (open_segment(d, place->past, &place->past->directory->at[place->at], &piece, &n, err) !=
                KT_OK ||
            kt_opened_piece_raw(d->opened, place->piece, KT_PART_IDS, &bytes, err) != KT_OK)
            return kt_wrap(err, "dedupe");
        kt_buf_reset(&f->bytes);
        kt_buf_add(&f->bytes, bytes);
        f->first_seq = place->first_seq;
        d->cost++;
    }
    *ret = kt_filter_has(kt_buf_str(&f->bytes), hash);
    return KT_OK;
}

static void compare_set(struct kt_dedupe *d, struct question *q, const struct kt_idset *set)
{
    const struct kt_ident *other;
    uint32_t at = 0;
    while (!q->duplicate && (other = kt_idset_like(set, q->me.key, &at)) != NULL)
        compare(d, q, other);
}

static enum kt_status ask_place(struct kt_dedupe *d, struct question *q, const struct place *place,
                                struct kt_error *err)
{
    const struct kt_segment *seg = &place->past->directory->at[place->at];
    const struct kt_idset *set;
    bool may = false;
    if (may_hold(d, place, kt_key_id_hash(q->me.key), &may, err) != KT_OK ||
        (may && set_of_segment(d, place->past, seg, place->first_seq, &set, err) != KT_OK))
        return kt_wrap(err, "dedupe");
    if (may)
        compare_set(d, q, set);
    return KT_OK;
}

/* Batches of damaged files have no filter; there are few, and they are asked by their times. */
static void ask_tails(struct kt_dedupe *d, struct question *q, kt_time_ns time)
{
    for (unsigned k = 1; k < d->n_past; k++) {
        const struct past *past = &d->past[k];
        for (uint32_t i = 0; i < past->n_tail && !q->duplicate; i++) {
            const struct kt_row *row = &past->tail[i];
            const struct kt_idset *set;
            if (time > 0 && (time < row->min_time || time > row->max_time))
                continue;
            if (set_of_batch(d, past, row->first_seq, &set, NULL) == KT_OK && set != NULL)
                compare_set(d, q, set);
        }
    }
}

static enum kt_status ask_old(struct kt_dedupe *d, struct question *q, kt_time_ns time,
                              struct kt_error *err)
{
    const struct near *near;
    if (near_of(d, time, &near, err) != KT_OK)
        return kt_wrap(err, "dedupe");
    for (uint32_t i = 0; i < near->n && !q->duplicate; i++) {
        const struct place *place = &near->at[i];
        if (time > 0 && (time < place->min_time || time > place->max_time))
            continue;
        enum kt_status status = ask_place(d, q, place, err);
        if (status != KT_OK && place->past->sound)
            return status;
    }
    ask_tails(d, q, time);
    return KT_OK;
}

enum kt_status kt_dedupe_ask(struct kt_dedupe *d, uint32_t place, enum kt_fate *ret,
                             struct kt_error *err)
{
    const struct kt_event *ev = &d->batch->events[place];
    kt_time_ns time = ev->time <= 0 ? 0 : ev->time;
    const struct asked *a = &d->asked[place];
    struct question q = { .place = place, .me.has_key = a->has_key };
    if (a->has_key) {
        memcpy(q.me.key, a->key, sizeof q.me.key);
        if (ask_recent(d, &q, a->hash, err) != KT_OK)
            return kt_wrap(err, "dedupe");
        if (!q.duplicate && time <= d->old_last && ask_old(d, &q, time, err) != KT_OK)
            return kt_wrap(err, "old");
    }
    *ret = q.duplicate ? KT_FATE_DUPLICATE : q.seen ? KT_FATE_CONFLICT : KT_FATE_STORED;
    if (q.duplicate)
        return KT_OK;
    if (a->has_key)
        remember(d, a->hash, d->first_seq + d->kept);
    d->place[d->kept] = place;
    d->mine[d->kept++] = q.me;
    if (time > d->last_time)
        d->last_time = time;
    return KT_OK;
}

/* ---- life ---- */

/* The batch at or behind seq; *ret is NULL when none is. */
static enum kt_status next_batch(struct kt_dedupe *d, uint64_t seq, uint64_t *ret_first,
                                 const struct kt_idset **ret, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    *ret = NULL;
    if (kt_db_prepare(d->past[0].db,
                      "SELECT " KT_ROW_COLUMNS
                      " FROM batch WHERE first_seq >= ?1 ORDER BY first_seq LIMIT 1",
                      &st, err) != KT_OK)
        return kt_wrap(err, "tail");
    kt_db_u64(st, 1, seq);
    enum kt_status status = kt_db_step(st, err);
    if (status != KT_OK)
        return status == KT_E_AGAIN ? KT_OK : status;
    struct kt_row row;
    if (kt_row_read(st, &row, err) != KT_OK)
        return kt_wrap(err, "tail");
    *ret_first = row.first_seq;
    return kt_idsets_batch(d->sets, &row, ret, err);
}

/* Every id of the tail: only what is in a segment can be found by its filter. */
static enum kt_status remember_tail(struct kt_dedupe *d, uint64_t next_seq, struct kt_error *err)
{
    for (uint64_t seq = d->window_first, first = 0; seq < next_seq;) {
        const struct kt_idset *set;
        if (next_batch(d, seq, &first, &set, err) != KT_OK)
            return err == NULL ? KT_E_IO : err->code;
        if (set == NULL)
            return KT_OK;
        rotate(d, first);
        for (uint32_t i = 0; i < kt_idset_count(set); i++)
            if (kt_idset_nth(set, i)->has_key)
                remember(d, hash_of(d, kt_idset_nth(set, i)->key), first + i);
        seq = kt_idset_last(set) + 1;
    }
    return KT_OK;
}

static enum kt_status add_past(struct kt_dedupe *d, sqlite3 *db,
                               const struct kt_directory *directory, struct kt_error *err)
{
    struct past *past = &d->past[d->n_past];
    *past = (struct past){ .db = db, .directory = directory, .sound = d->n_past == 0 };
    d->n_past++;
    return kt_db_prepare(db,
                         "SELECT " KT_ROW_COLUMNS
                         " FROM batch WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1",
                         &past->by_seq, err);
}

static void list_tail(struct past *past, kt_time_ns *last)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(past->db, "SELECT first_seq, min_time, max_time FROM batch", &st, NULL) !=
        KT_OK)
        return;
    while (kt_db_step(st, NULL) == KT_OK) {
        if (past->n_tail == past->cap_tail) {
            past->cap_tail = past->cap_tail == 0 ? 64 : 2 * past->cap_tail;
            past->tail = kt_realloc_array(past->tail, past->cap_tail, sizeof *past->tail);
        }
        struct kt_row *row = &past->tail[past->n_tail++];
        *row = (struct kt_row){ .first_seq = kt_db_col_u64(st, 0),
                                .min_time = kt_db_col_i64(st, 1),
                                .max_time = kt_db_col_i64(st, 2) };
        *last = row->max_time > *last ? row->max_time : *last;
    }
}

/* What can be read of the damaged files. */
static void add_older(struct kt_dedupe *d, struct kt_reader *older)
{
    for (; older != NULL; older = older->older) {
        if (kt_reader_directory(older, NULL) != KT_OK ||
            add_past(d, older->db, &older->directory, NULL) != KT_OK)
            continue;
        for (uint32_t i = 0; i < older->directory.n; i++)
            if (older->directory.at[i].max_time > d->last_time)
                d->last_time = older->directory.at[i].max_time;
        list_tail(&d->past[d->n_past - 1], &d->last_time);
    }
    d->old_last = d->last_time;
}

static void make_memory(struct kt_dedupe *d, size_t recent)
{
    /* The tail must fit into one generation. A batch never spans two, so each has room for one
     * batch more. At four fifths full, 2 M ids take 32 MiB. */
    d->per_generation = recent / 2 > GENERATION_MIN ? recent / 2 : GENERATION_MIN;
    d->slots = (d->per_generation + 2 * KT_BATCH_EVENTS_MAX) / 4 * 5;
    for (unsigned i = 0; i < 2; i++) {
        d->gen[i].id = kt_pages_new(bytes_of(d));
        d->gen[i].base = d->window_first;
    }
    d->asked = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *d->asked);
    d->mine = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *d->mine);
    d->place = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *d->place);
    d->sets = kt_idsets_new();
    d->opened = kt_opened_new();
}

enum kt_status kt_dedupe_new(const struct kt_dedupe_options *o, struct kt_dedupe **ret,
                             struct kt_error *err)
{
    struct kt_dedupe *d = kt_alloc(sizeof *d);
    const struct kt_directory *dir = o->directory;
    d->window_first = dir->n == 0 ? o->first_seq : dir->at[dir->n - 1].last_seq + 1;
    d->last_time = d->old_last = o->last_time;
    make_memory(d, o->recent);
    kt_random(&d->seed, sizeof d->seed); /* slots that a stranger cannot aim at */
    enum kt_status status = add_past(d, o->db, dir, err);
    if (status == KT_OK)
        add_older(d, o->older);
    if (status == KT_OK)
        status = remember_tail(d, o->next_seq, err);
    if (status != KT_OK) {
        kt_dedupe_free(d);
        return kt_wrap(err, "dedupe");
    }
    *ret = d;
    return KT_OK;
}

void kt_dedupe_free(struct kt_dedupe *d)
{
    if (d == NULL)
        return;
    for (unsigned i = 0; i < d->n_past; i++) {
        kt_db_finalize(&d->past[i].by_seq);
        kt_free(d->past[i].tail);
    }
    kt_opened_free(d->opened);
    for (unsigned i = 0; i < 2; i++)
        kt_pages_free(d->gen[i].id, bytes_of(d));
    kt_idsets_free(d->sets);
    for (unsigned i = 0; i < FILTERS_MAX; i++)
        kt_buf_done(&d->filter[i].bytes);
    for (unsigned i = 0; i < NEAR_MAX; i++)
        kt_free(d->near[i].at);
    kt_free(d->asked);
    kt_free(d->mine);
    kt_free(d->place);
    kt_free(d);
}
