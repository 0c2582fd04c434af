/*
 * dedupe: exact recognition of records that are stored already.
 *
 * Three places, asked in turn: the batch at hand; the newest ids, two generations of an
 * open-addressing table of 64-bit hashes and record numbers (12 bytes a slot); and for whatever is
 * older, or was stored before this process started, the rows of table span that have events at the
 * very same time and 16 equal bits. Hashes only choose whom to ask: the answer always comes from
 * the stored line, read again from its batch, so it is exact.
 *
 * Owns:  the tables in memory, at most 64 decoded batches.
 * Calls: core/base, core/event, core/store (db, row, span).
 * Holds: a stale entry (its transaction was undone) can cost a look, never a wrong answer.
 */
#include "core/store/dedupe.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/store/row.h"

#define SETS_MAX  64
#define NEAR_MAX  4
#define ARENA_MAX (2 * KT_LINE_MAX)

struct ident { /* what one stored line is */
    uint8_t key[KT_KEY_SIZE], digest[16];
    bool has_key;
};
struct idset { /* the lines of one stored batch */
    uint64_t first_seq, used_at;
    uint32_t n, cap;
    struct ident *at;
};
struct generation {
    uint64_t *hash; /* 0: free */
    uint32_t *offset;
    uint64_t base; /* seq that offset 0 stands for */
    size_t used;
};
struct candidate { /* a row of table span */
    uint64_t first_seq;
    kt_time_ns min, max;
    size_t ids_at, ids_len;
};
struct near { /* the old rows of one bucket, from one time on */
    bool valid;
    int64_t bucket;
    kt_time_ns from;
    uint64_t window_first;
    struct candidate *at;
    size_t n, cap;
    struct kt_buf ids;
};
struct kt_dedupe {
    sqlite3_stmt *by_seq, *by_time;
    struct kt_zip *zip;
    struct kt_arena arena;
    struct kt_lines lines;
    uint64_t seed;

    struct generation gen[2]; /* [0] takes new ids */
    size_t slots, per_generation;
    uint64_t window_first; /* batches from here on are in the generations */
    kt_time_ns last_time;  /* of all events, ever */
    kt_time_ns old_last;   /* of those before the window */

    const struct kt_store_batch *batch;
    uint64_t first_seq;
    uint32_t kept;
    struct ident *mine; /* the kept lines of this batch; digests are made when asked */
    uint32_t *place;

    struct idset set[SETS_MAX];
    uint64_t clock;

    struct near near[NEAR_MAX];
    unsigned near_next;
};

static void clear_generation(struct kt_dedupe *d, struct generation *g, uint64_t base)
{
    memset(g->hash, 0, d->slots * sizeof *g->hash);
    g->base = base;
    g->used = 0;
}

enum kt_status kt_dedupe_new(sqlite3 *db, size_t recent, uint64_t next_seq, kt_time_ns last_time,
                             struct kt_dedupe **ret, struct kt_error *err)
{
    struct kt_dedupe *d = kt_alloc(sizeof *d);
    /* A batch never spans two generations, so each has room for one batch more. At four fifths
     * full, 2 M ids take 32 MiB. */
    d->per_generation = recent / 2 + 1;
    d->slots = (d->per_generation + KT_BATCH_EVENTS_MAX) / 4 * 5;
    for (unsigned i = 0; i < 2; i++) {
        d->gen[i].hash = kt_alloc_array(d->slots, sizeof *d->gen[i].hash);
        d->gen[i].offset = kt_alloc_array(d->slots, sizeof *d->gen[i].offset);
        d->gen[i].base = next_seq;
    }
    d->mine = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *d->mine);
    d->place = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *d->place);
    d->zip = kt_zip_new();
    d->arena = kt_arena_new(ARENA_MAX);
    d->window_first = next_seq;
    d->last_time = d->old_last = last_time;
    kt_random(&d->seed, sizeof d->seed); /* slots that a stranger cannot aim at */
    if (kt_db_prepare(db,
                      "SELECT " KT_ROW_COLUMNS
                      " FROM batch WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1",
                      &d->by_seq, err) != KT_OK ||
        kt_db_prepare(db,
                      "SELECT first_seq, min_time, max_time, ids FROM span"
                      " WHERE bucket = ?1 AND max_time >= ?2 AND first_seq < ?3",
                      &d->by_time, err) != KT_OK) {
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
    kt_db_finalize(&d->by_seq);
    kt_db_finalize(&d->by_time);
    for (unsigned i = 0; i < 2; i++) {
        kt_free(d->gen[i].hash);
        kt_free(d->gen[i].offset);
    }
    for (unsigned i = 0; i < SETS_MAX; i++)
        kt_free(d->set[i].at);
    kt_free(d->mine);
    kt_free(d->place);
    for (unsigned i = 0; i < NEAR_MAX; i++) {
        kt_free(d->near[i].at);
        kt_buf_done(&d->near[i].ids);
    }
    kt_lines_done(&d->lines);
    kt_zip_free(d->zip);
    kt_arena_done(&d->arena);
    kt_free(d);
}

void kt_dedupe_start(struct kt_dedupe *d, const struct kt_store_batch *b, uint64_t next_seq)
{
    assert(b->n <= KT_BATCH_EVENTS_MAX);
    if (d->gen[0].used >= d->per_generation || next_seq - d->gen[0].base > UINT32_MAX / 2) {
        struct generation oldest = d->gen[1];
        d->gen[1] = d->gen[0];
        d->gen[0] = oldest;
        clear_generation(d, &d->gen[0], next_seq);
        d->window_first = d->gen[1].base;
        d->old_last = d->last_time; /* no less than what left the window */
    }
    d->batch = b;
    d->first_seq = next_seq;
    d->kept = 0;
}

void kt_dedupe_forget(struct kt_dedupe *d, uint64_t next_seq)
{
    for (unsigned i = 0; i < 2; i++)
        clear_generation(d, &d->gen[i], next_seq);
    for (unsigned i = 0; i < SETS_MAX; i++)
        d->set[i].n = 0;
    d->window_first = next_seq;
    d->old_last = d->last_time;
    for (unsigned i = 0; i < NEAR_MAX; i++)
        d->near[i].valid = false;
    d->kept = 0;
}

const uint8_t *kt_dedupe_key(const struct kt_dedupe *d, uint32_t i)
{
    assert(i < d->kept);
    return d->mine[i].has_key ? d->mine[i].key : NULL;
}

/* ---- stored lines ---- */

static struct idset *least_used(struct kt_dedupe *d)
{
    struct idset *least = &d->set[0];
    for (unsigned i = 0; i < SETS_MAX; i++) {
        if (d->set[i].n == 0)
            return &d->set[i];
        if (d->set[i].used_at < least->used_at)
            least = &d->set[i];
    }
    return least;
}

static enum kt_status fill_set(struct kt_dedupe *d, struct idset *set, const struct kt_row *row,
                               struct kt_error *err)
{
    set->n = 0;
    if (kt_row_lines(row, d->zip, &d->lines, err) != KT_OK)
        return kt_wrap(err, "dedupe");
    if (set->cap < row->count) {
        set->at = kt_realloc_array(set->at, row->count, sizeof *set->at);
        set->cap = row->count;
    }
    for (uint32_t i = 0; i < row->count; i++) {
        struct kt_event ev;
        kt_arena_reset(&d->arena);
        if (kt_line_read(d->lines.at[i], &d->arena, &ev, err) != KT_OK)
            return kt_fail(err, KT_E_CORRUPT, "record %llu is not a canonical line",
                           (unsigned long long)(row->first_seq + i));
        set->at[i] = (struct ident){ .has_key = false };
        set->at[i].has_key = kt_span_key(&ev, set->at[i].key);
        kt_event_access_digest(&ev, set->at[i].digest);
    }
    set->first_seq = row->first_seq;
    set->n = row->count;
    return KT_OK;
}

/* The stored batch that holds seq; *ret is NULL when none does. */
static enum kt_status set_of(struct kt_dedupe *d, uint64_t seq, const struct idset **ret,
                             struct kt_error *err)
{
    *ret = NULL;
    for (unsigned i = 0; i < SETS_MAX; i++) {
        struct idset *set = &d->set[i];
        if (seq >= set->first_seq && seq - set->first_seq < set->n) {
            set->used_at = ++d->clock;
            *ret = set;
            return KT_OK;
        }
    }
    kt_db_u64(d->by_seq, 1, seq);
    enum kt_status status = kt_db_step(d->by_seq, err);
    if (status != KT_OK)
        return status == KT_E_AGAIN ? KT_OK : status;
    struct kt_row row;
    status = kt_row_read(d->by_seq, &row, err);
    if (status == KT_OK && seq <= kt_row_last(&row)) {
        struct idset *set = least_used(d);
        status = fill_set(d, set, &row, err);
        set->used_at = ++d->clock;
        *ret = set;
    }
    (void)sqlite3_reset(d->by_seq);
    return status;
}

/* ---- one question ---- */

struct question {
    struct ident me;
    bool digested, seen, duplicate;
    uint32_t place;
};

static void compare(struct kt_dedupe *d, struct question *q, const struct ident *other)
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
            return KT_OK; /* left over from a transaction that was undone */
        struct ident *mine = &d->mine[seq - d->first_seq];
        kt_event_access_digest(&d->batch->events[d->place[seq - d->first_seq]], mine->digest);
        compare(d, q, mine);
        return KT_OK;
    }
    const struct idset *set;
    if (set_of(d, seq, &set, err) != KT_OK)
        return kt_wrap(err, "dedupe");
    if (set != NULL)
        compare(d, q, &set->at[seq - set->first_seq]);
    return KT_OK;
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

static enum kt_status ask_recent(struct kt_dedupe *d, struct question *q, uint64_t hash,
                                 struct kt_error *err)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct generation *g = &d->gen[i];
        for (size_t s = slot_of(d, hash); g->hash[s] != 0 && !q->duplicate;
             s = s + 1 == d->slots ? 0 : s + 1)
            if (g->hash[s] == hash && compare_seq(d, q, g->base + g->offset[s], err) != KT_OK)
                return kt_wrap(err, "recent");
    }
    return KT_OK;
}

static void remember(struct kt_dedupe *d, uint64_t hash, uint64_t seq)
{
    struct generation *g = &d->gen[0];
    assert(g->used < d->slots - 1);
    size_t s = slot_of(d, hash);
    while (g->hash[s] != 0)
        s = s + 1 == d->slots ? 0 : s + 1;
    g->hash[s] = hash;
    g->offset[s] = (uint32_t)(seq - g->base);
    g->used++;
}

static enum kt_status fill_near(struct kt_dedupe *d, struct near *near, struct kt_error *err)
{
    near->n = 0;
    kt_buf_reset(&near->ids);
    kt_db_i64(d->by_time, 1, near->bucket);
    kt_db_i64(d->by_time, 2, near->from);
    kt_db_u64(d->by_time, 3, near->window_first);
    enum kt_status status;
    while ((status = kt_db_step(d->by_time, err)) == KT_OK) {
        if (near->n == near->cap) {
            near->cap = near->cap == 0 ? 64 : 2 * near->cap;
            near->at = kt_realloc_array(near->at, near->cap, sizeof *near->at);
        }
        struct kt_str ids = kt_db_col(d->by_time, 3);
        near->at[near->n++] = (struct candidate){
            .first_seq = kt_db_col_u64(d->by_time, 0),
            .min = kt_db_col_i64(d->by_time, 1),
            .max = kt_db_col_i64(d->by_time, 2),
            .ids_at = near->ids.len,
            .ids_len = ids.len,
        };
        kt_buf_add(&near->ids, ids);
    }
    near->valid = status == KT_E_AGAIN;
    return near->valid ? KT_OK : status;
}

/* The old rows that reach up to time, from memory when an event close by asked before. */
static enum kt_status near_of(struct kt_dedupe *d, kt_time_ns time, const struct near **ret,
                              struct kt_error *err)
{
    int64_t bucket = kt_span_bucket(time);
    for (unsigned i = 0; i < NEAR_MAX; i++) {
        struct near *near = &d->near[i];
        if (near->valid && near->bucket == bucket && near->from <= time &&
            near->window_first == d->window_first) {
            *ret = near;
            return KT_OK;
        }
    }
    struct near *near = &d->near[d->near_next];
    d->near_next = (d->near_next + 1) % NEAR_MAX;
    near->bucket = bucket;
    near->from = time - KT_NS_MIN; /* events of a batch are not quite in order */
    near->window_first = d->window_first;
    *ret = near;
    return fill_near(d, near, err);
}

static bool has_print(struct kt_str ids, uint16_t print)
{
    for (size_t i = 0; i + 1 < ids.len; i += 2) {
        uint16_t have = (uint16_t)((unsigned char)ids.at[i] | (unsigned char)ids.at[i + 1] << 8);
        if (have == print)
            return true;
    }
    return false;
}

static enum kt_status ask_old(struct kt_dedupe *d, struct question *q, kt_time_ns time,
                              struct kt_error *err)
{
    const struct near *near;
    if (near_of(d, time, &near, err) != KT_OK)
        return kt_wrap(err, "dedupe");
    uint16_t print = kt_span_print(q->me.key);
    for (size_t i = 0; i < near->n && !q->duplicate; i++) {
        const struct candidate *c = &near->at[i];
        if (time < c->min || time > c->max ||
            !has_print(kt_str_from(near->ids.at + c->ids_at, c->ids_len), print))
            continue;
        const struct idset *set;
        if (set_of(d, c->first_seq, &set, err) != KT_OK)
            return kt_wrap(err, "dedupe");
        for (uint32_t k = 0; set != NULL && k < set->n; k++)
            compare(d, q, &set->at[k]);
    }
    return KT_OK;
}

enum kt_status kt_dedupe_ask(struct kt_dedupe *d, uint32_t place, enum kt_fate *ret,
                             struct kt_error *err)
{
    const struct kt_event *ev = &d->batch->events[place];
    kt_time_ns time = ev->time <= 0 ? 0 : ev->time;
    struct question q = { .place = place };
    q.me.has_key = kt_span_key(ev, q.me.key);
    uint64_t hash = 0;
    if (q.me.has_key) {
        hash = hash_of(d, q.me.key);
        if (ask_recent(d, &q, hash, err) != KT_OK)
            return kt_wrap(err, "dedupe");
        if (!q.duplicate && time <= d->old_last && ask_old(d, &q, time, err) != KT_OK)
            return kt_wrap(err, "old");
    }
    *ret = q.duplicate ? KT_FATE_DUPLICATE : q.seen ? KT_FATE_CONFLICT : KT_FATE_STORED;
    if (q.duplicate)
        return KT_OK;
    if (q.me.has_key)
        remember(d, hash, d->first_seq + d->kept);
    d->place[d->kept] = place;
    d->mine[d->kept++] = q.me;
    if (time > d->last_time)
        d->last_time = time;
    return KT_OK;
}
