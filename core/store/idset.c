/*
 * idset: decoded batches and segments, the least used of which makes room.
 *
 * Owns:  at most SETS_MAX sets of 150 KiB each.
 * Calls: core/base, core/event, core/store (row, opened).
 * Holds: a set that is not whole is none.
 */
#include "core/store/idset.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"

#define SETS_MAX  48
#define ARENA_MAX (2 * KT_LINE_MAX)
#define SLOTS     (1u << 14) /* a segment has at most 9,096 lines */

struct run { /* records first_seq … are idents first … */
    uint64_t first_seq;
    uint32_t first, n;
};
struct kt_idset {
    uint64_t first_seq, last_seq, used_at;
    uint32_t n, cap, n_runs, cap_runs;
    struct kt_ident *at; /* n = 0: free */
    struct run *run;
    uint16_t *slot; /* 1 + ident, by key; 0: free */
};
struct kt_idsets {
    struct kt_idset set[SETS_MAX];
    uint64_t clock;
    struct kt_zip *zip;
    struct kt_arena arena;
    struct kt_lines lines;
};

struct kt_idsets *kt_idsets_new(void)
{
    struct kt_idsets *s = kt_alloc(sizeof *s);
    s->zip = kt_zip_new();
    s->arena = kt_arena_new(ARENA_MAX);
    return s;
}

void kt_idsets_free(struct kt_idsets *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < SETS_MAX; i++) {
        kt_free(s->set[i].at);
        kt_free(s->set[i].run);
        kt_free(s->set[i].slot);
    }
    kt_lines_done(&s->lines);
    kt_zip_free(s->zip);
    kt_arena_done(&s->arena);
    kt_free(s);
}

void kt_idsets_clear(struct kt_idsets *s)
{
    for (unsigned i = 0; i < SETS_MAX; i++)
        s->set[i].n = 0;
}

void kt_idsets_drop(struct kt_idsets *s, uint64_t first_seq, uint64_t last_seq)
{
    for (unsigned i = 0; i < SETS_MAX; i++)
        if (s->set[i].first_seq <= last_seq && s->set[i].last_seq >= first_seq)
            s->set[i].n = 0;
}

/* ---- one set ---- */

uint64_t kt_idset_last(const struct kt_idset *set)
{
    return set->last_seq;
}

uint32_t kt_idset_count(const struct kt_idset *set)
{
    return set->n;
}

const struct kt_ident *kt_idset_nth(const struct kt_idset *set, uint32_t i)
{
    return &set->at[i];
}

const struct kt_ident *kt_idset_at(const struct kt_idset *set, uint64_t seq)
{
    for (uint32_t i = 0; i < set->n_runs; i++)
        if (seq >= set->run[i].first_seq && seq - set->run[i].first_seq < set->run[i].n)
            return &set->at[set->run[i].first + (seq - set->run[i].first_seq)];
    return NULL;
}

static uint32_t first_slot(const uint8_t key[KT_KEY_SIZE])
{
    return (key[0] | (uint32_t)key[1] << 8) & (SLOTS - 1);
}

const struct kt_ident *kt_idset_like(const struct kt_idset *set, const uint8_t key[KT_KEY_SIZE],
                                     uint32_t *at)
{
    uint16_t found = set->slot[(first_slot(key) + (*at)++) & (SLOTS - 1)];
    return found == 0 ? NULL : &set->at[found - 1];
}

/* ---- reading ---- */

static void start(struct kt_idset *set, uint32_t n, uint32_t runs)
{
    set->n = set->n_runs = 0;
    if (set->slot == NULL)
        set->slot = kt_alloc_array(SLOTS, sizeof *set->slot);
    memset(set->slot, 0, SLOTS * sizeof *set->slot);
    if (set->cap < n)
        set->at = kt_realloc_array(set->at, set->cap = n, sizeof *set->at);
    if (set->cap_runs < runs)
        set->run = kt_realloc_array(set->run, set->cap_runs = runs, sizeof *set->run);
}

static void add_run(struct kt_idset *set, const struct kt_row *row, uint32_t first)
{
    if (set->n_runs == 0)
        set->first_seq = row->first_seq;
    set->run[set->n_runs++] = (struct run){ row->first_seq, first, row->count };
    set->last_seq = kt_row_last(row);
}

static enum kt_status add_line(struct kt_idsets *s, struct kt_idset *set, struct kt_str line,
                               struct kt_error *err)
{
    struct kt_event ev;
    kt_arena_reset(&s->arena);
    if (kt_line_read(line, &s->arena, &ev, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT, "a line of the records from %llu on is not canonical",
                       (unsigned long long)set->first_seq);
    struct kt_ident *id = &set->at[set->n++];
    id->has_key = kt_key_of_event(&ev, id->key);
    kt_event_access_digest(&ev, id->digest);
    if (!id->has_key)
        return KT_OK;
    uint32_t slot = first_slot(id->key);
    while (set->slot[slot] != 0)
        slot = (slot + 1) & (SLOTS - 1);
    set->slot[slot] = (uint16_t)set->n;
    return KT_OK;
}

static enum kt_status fill_batch(struct kt_idsets *s, struct kt_idset *set,
                                 const struct kt_row *row, struct kt_error *err)
{
    start(set, row->count, 1);
    add_run(set, row, 0);
    if (kt_row_lines(row, s->zip, &s->lines, err) != KT_OK)
        return kt_wrap(err, "ids");
    for (uint32_t i = 0; i < row->count; i++)
        if (add_line(s, set, s->lines.at[i], err) != KT_OK)
            return kt_wrap(err, "ids");
    return KT_OK;
}

static enum kt_status fill_piece(struct kt_idsets *s, struct kt_idset *set, struct kt_opened *o,
                                 const struct kt_piece *piece, uint32_t number,
                                 struct kt_error *err)
{
    const struct kt_runs *runs;
    if (kt_opened_runs(o, number, &runs, err) != KT_OK)
        return kt_wrap(err, "ids");
    start(set, piece->head.count, runs->n);
    for (uint32_t i = 0, first = 0; i < runs->n; first += runs->row[i++].count)
        add_run(set, &runs->row[i], first);
    for (uint32_t i = 0; i < piece->head.count; i++) {
        struct kt_str line;
        if (kt_opened_line(o, piece->row + i, &line, err) != KT_OK ||
            add_line(s, set, line, err) != KT_OK)
            return kt_wrap(err, "ids");
    }
    return KT_OK;
}

/* ---- which set ---- */

static struct kt_idset *at_hand(struct kt_idsets *s, uint64_t seq)
{
    for (unsigned i = 0; i < SETS_MAX; i++) {
        struct kt_idset *set = &s->set[i];
        if (set->n > 0 && seq >= set->first_seq && seq <= set->last_seq) {
            set->used_at = ++s->clock;
            return set;
        }
    }
    return NULL;
}

static struct kt_idset *least_used(struct kt_idsets *s)
{
    struct kt_idset *least = &s->set[0];
    for (unsigned i = 0; i < SETS_MAX; i++) {
        if (s->set[i].n == 0)
            return &s->set[i];
        if (s->set[i].used_at < least->used_at)
            least = &s->set[i];
    }
    return least;
}

static enum kt_status keep(struct kt_idsets *s, struct kt_idset *set, enum kt_status filled,
                           const struct kt_idset **ret)
{
    if (filled != KT_OK) {
        set->n = 0;
        return filled;
    }
    set->used_at = ++s->clock;
    *ret = set;
    return KT_OK;
}

const struct kt_idset *kt_idsets_peek(struct kt_idsets *s, uint64_t seq)
{
    return at_hand(s, seq);
}

enum kt_status kt_idsets_batch(struct kt_idsets *s, const struct kt_row *row,
                               const struct kt_idset **ret, struct kt_error *err)
{
    struct kt_idset *set = least_used(s);
    return keep(s, set, fill_batch(s, set, row, err), ret);
}

enum kt_status kt_idsets_piece(struct kt_idsets *s, struct kt_opened *o,
                               const struct kt_piece *piece, uint32_t number,
                               const struct kt_idset **ret, bool *ret_read, struct kt_error *err)
{
    struct kt_idset *set = at_hand(s, piece->head.first_seq);
    *ret = set;
    *ret_read = set == NULL || set->last_seq != piece->head.last_seq;
    if (!*ret_read)
        return KT_OK;
    if (set == NULL) /* else it was a batch's, before that was sealed */
        set = least_used(s);
    return keep(s, set, fill_piece(s, set, o, piece, number, err), ret);
}
