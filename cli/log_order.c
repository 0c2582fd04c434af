/*
 * log_order: walks the log by (arrival, seq). An index of 16 bytes a record is made from the
 * columns. A log that is already in order streams, read ahead on another thread; else the index is
 * sorted and records are fetched by blocks, of which a bounded number stays decoded.
 *
 * Owns:  the index and the blocks during one walk.
 * Calls: cli/log_ahead, core/store/read.h.
 */
#include "cli/log_order.h"

#include "cli/log_ahead.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"

#define BLOCK  256u
#define BLOCKS 128u

struct place {
    kt_time_ns arrival;
    uint64_t seq;
};

struct block { /* BLOCK records from seq first, as owned copies */
    uint64_t first, used;
    struct kt_record rec[BLOCK];
    char *bytes[BLOCK]; /* line and agent */
};

struct walk {
    struct kt_reader *reader;
    struct place *places;
    size_t n, cap;
    bool sorted;
    struct block *blocks[BLOCKS];
    uint64_t clock;
    struct kt_arena arena;
    struct kt_damage damage;
};

static kt_time_ns effective(const struct kt_record *r)
{
    return r->origin == KT_ORIGIN_IMPORT && r->ev.time != 0 ? r->ev.time : r->arrival;
}

/* Facts are stored in front of the batch that brought their addresses, in one transaction: they
 * count as known when the first record of that batch does, also where the batch's own stamps are
 * older than the import. */
struct batch {
    kt_time_ns stored, first; /* earliest arrival of its records */
    size_t begin;             /* index of its first place */
    bool facts;
};

static void end_batch(struct walk *w, const struct batch *b, const bool *is_fact)
{
    for (size_t i = b->begin; b->facts && b->first != INT64_MAX && i < w->n; i++) {
        if (is_fact[i - b->begin] && w->places[i].arrival > b->first)
            w->places[i].arrival = b->first;
    }
}

static void add_place(struct walk *w, const struct kt_record *r)
{
    if (w->n == w->cap) {
        w->cap = w->cap == 0 ? 4096 : 2 * w->cap;
        w->places = kt_realloc_array(w->places, w->cap, sizeof *w->places);
    }
    w->places[w->n++] = (struct place){ effective(r), r->seq };
}

static enum kt_status index_records(struct walk *w, struct kt_cursor *c, struct kt_error *err)
{
    struct batch b = { .first = INT64_MAX };
    struct kt_buf is_fact = { 0 }; /* one byte a place of the batch */
    struct kt_record r;
    enum kt_status st;
    while ((st = kt_cursor_next(c, &r, err)) == KT_OK) {
        if (r.stored != b.stored) {
            end_batch(w, &b, (const bool *)is_fact.at);
            b = (struct batch){ .stored = r.stored, .first = INT64_MAX, .begin = w->n };
            kt_buf_reset(&is_fact);
        }
        bool fact = r.ev.kind == KT_KIND_FACT;
        b.facts = b.facts || fact;
        if (!fact && effective(&r) < b.first)
            b.first = effective(&r);
        kt_buf_u8(&is_fact, fact);
        add_place(w, &r);
    }
    end_batch(w, &b, (const bool *)is_fact.at);
    kt_buf_done(&is_fact);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status index_all(struct walk *w, struct kt_error *err)
{
    struct kt_scan scan = {
        .records = true, .control = true, .detail = KT_DETAIL_HEAD, .damage = &w->damage
    };
    struct kt_cursor *c = NULL;
    if (kt_cursor_open(w->reader, &scan, &c, err) != KT_OK)
        return err->code;
    enum kt_status st = index_records(w, c, err);
    kt_cursor_free(c);
    w->sorted = true;
    for (size_t i = 1; i < w->n && w->sorted; i++)
        w->sorted = w->places[i].arrival >= w->places[i - 1].arrival;
    return st;
}

static enum kt_status judge(struct walk *w, struct kt_log_ahead *ahead,
                            const struct kt_log_each *to, struct kt_error *err)
{
    struct kt_record *r;
    const void *prepared;
    enum kt_status st = KT_OK;
    /* what was stored since the index was made is not part of this walk; what is damaged is left
     * out of the index, of the walk, or of both */
    for (size_t i = 0; i < w->n && (st = kt_log_ahead_next(ahead, &r, &prepared, err)) == KT_OK;) {
        while (i < w->n && w->places[i].seq < r->seq)
            i++;
        bool known = i < w->n && w->places[i].seq == r->seq;
        r->arrival = known ? w->places[i++].arrival : effective(r);
        if ((st = to->each(to->self, r, prepared, err)) != KT_OK)
            break;
    }
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status stream(struct walk *w, const struct kt_log_each *to, struct kt_error *err)
{
    struct kt_log_ahead *ahead = NULL;
    struct kt_damage damage = { 0 };
    if (kt_log_ahead_open(w->reader, &damage, to->prepare, &ahead, err) != KT_OK)
        return err->code;
    enum kt_status st = judge(w, ahead, to, err);
    kt_log_ahead_free(ahead);
    if (damage.places > w->damage.places)
        w->damage = damage; /* lines may be damaged where columns are not */
    return st;
}

static int by_arrival(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->arrival != y->arrival)
        return x->arrival < y->arrival ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void block_free(struct block *b)
{
    if (b == NULL)
        return;
    for (unsigned i = 0; i < BLOCK; i++)
        kt_free(b->bytes[i]);
    kt_free(b);
}

static enum kt_status block_load(struct walk *w, uint64_t first, struct block **ret,
                                 struct kt_error *err)
{
    unsigned victim = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (w->blocks[i] == NULL) {
            victim = i;
            break;
        }
        if (w->blocks[i]->used < w->blocks[victim]->used)
            victim = i;
    }
    block_free(w->blocks[victim]);
    struct block *b = w->blocks[victim] = kt_alloc(sizeof *b);
    b->first = first;
    struct kt_scan scan = { .records = true,
                            .control = true,
                            .from_seq = first,
                            .until_seq = first + BLOCK - 1,
                            .detail = KT_DETAIL_LINE,
                            .damage = &w->damage };
    struct kt_cursor *c = NULL;
    if (kt_cursor_open(w->reader, &scan, &c, err) != KT_OK)
        return err->code;
    struct kt_record r = { 0 };
    enum kt_status st;
    while ((st = kt_cursor_next(c, &r, err)) == KT_OK) {
        size_t i = (size_t)(r.seq - first);
        b->rec[i] = r;
        b->bytes[i] = kt_alloc(r.line.len + r.agent.len);
        memcpy(b->bytes[i], r.line.at, r.line.len);
        if (r.agent.len > 0)
            memcpy(b->bytes[i] + r.line.len, r.agent.at, r.agent.len);
        b->rec[i].line = kt_str_from(b->bytes[i], r.line.len);
        b->rec[i].agent = kt_str_from(b->bytes[i] + r.line.len, r.agent.len);
    }
    kt_cursor_free(c);
    *ret = b;
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* KT_E_CORRUPT: its line is damaged. */
static enum kt_status fetch(struct walk *w, uint64_t seq, struct kt_record *ret,
                            struct kt_error *err)
{
    uint64_t first = (seq - 1) / BLOCK * BLOCK + 1;
    struct block *b = NULL;
    for (unsigned i = 0; i < BLOCKS && w->blocks[i] != NULL; i++) {
        if (w->blocks[i]->first == first)
            b = w->blocks[i];
    }
    if (b == NULL && block_load(w, first, &b, err) != KT_OK)
        return err->code;
    b->used = ++w->clock;
    *ret = b->rec[seq - first];
    kt_arena_reset(&w->arena);
    if (ret->seq != seq || kt_line_read(ret->line, &w->arena, &ret->ev, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT, "record %llu is not a canonical line",
                       (unsigned long long)seq);
    return KT_OK;
}

static enum kt_status jump(struct walk *w, const struct kt_log_each *to, struct kt_error *err)
{
    qsort(w->places, w->n, sizeof *w->places, by_arrival);
    enum kt_status st = KT_OK;
    for (size_t i = 0; i < w->n && st == KT_OK; i++) {
        struct kt_record r;
        struct kt_error why = { 0 };
        st = fetch(w, w->places[i].seq, &r, &why);
        if (st == KT_E_CORRUPT) { /* lines may be damaged where columns are not */
            if (w->damage.places++ == 0)
                w->damage.first = why;
            st = KT_OK;
            continue;
        }
        if (st != KT_OK) {
            *err = why;
            return st;
        }
        r.arrival = w->places[i].arrival;
        st = to->each(to->self, &r, NULL, err);
    }
    return st == KT_E_AGAIN ? KT_OK : st;
}

enum kt_status kt_log_in_order(struct kt_reader *r, struct kt_damage *ret_damage,
                               const struct kt_log_each *to, struct kt_error *err)
{
    struct walk w = { .reader = r, .arena = kt_arena_new(KT_LINE_MAX) };
    enum kt_status st = index_all(&w, err);
    if (st == KT_OK)
        st = w.sorted ? stream(&w, to, err) : jump(&w, to, err);
    *ret_damage = w.damage;
    for (unsigned i = 0; i < BLOCKS; i++)
        block_free(w.blocks[i]);
    kt_free(w.places);
    kt_arena_done(&w.arena);
    return st;
}
