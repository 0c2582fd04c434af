/*
 * handed: see the header.
 *
 * Owns:  the batches that wait.
 * Calls: core/base, core/event (parsed).
 * Holds: under the lock nothing is done but to hang a batch in or out.
 */
#include "collector/handed.h"

#include <pthread.h>
#include <string.h>

#include "core/base/alloc.h"

struct kt_way {
    size_t bytes_max;
    pthread_mutex_t lock; /* guards all below */
    struct kt_handed *first, *last;
    size_t bytes;
    bool broken; /* one was let go since the way was empty */
};

void kt_handed_free(struct kt_handed *b)
{
    if (b == NULL)
        return;
    kt_parsed_free(b->parsed);
    kt_free(b);
}

enum kt_status kt_handed_next(const struct kt_handed *b, uint32_t *at, struct kt_arena *arena,
                              struct kt_record *ret, struct kt_error *err)
{
    const uint32_t i = *at;
    if (i == kt_parsed_count(b->parsed))
        return kt_fail(err, KT_E_AGAIN, "no more records");
    ret->seq = b->first_seq + (*at)++;
    ret->arrival = b->arrival;
    ret->stored = b->stored;
    ret->origin = KT_ORIGIN_LIVE;
    ret->agent = kt_str_of(b->agent);
    ret->line = kt_parsed_line(b->parsed, i);
    ret->conflict = false;
    kt_arena_reset(arena);
    return kt_parsed_event(b->parsed, i, arena, &ret->ev, err);
}

struct kt_way *kt_way_new(size_t bytes_max)
{
    struct kt_way *w = kt_alloc(sizeof *w);
    w->bytes_max = bytes_max;
    (void)pthread_mutex_init(&w->lock, NULL);
    return w;
}

static size_t bytes_of(const struct kt_handed *b)
{
    return sizeof *b + kt_parsed_bytes(b->parsed);
}

static void free_all(struct kt_handed *first)
{
    for (struct kt_handed *b = first, *next; b != NULL; b = next) {
        next = b->next;
        kt_handed_free(b);
    }
}

void kt_way_free(struct kt_way *w)
{
    if (w == NULL)
        return;
    free_all(w->first);
    (void)pthread_mutex_destroy(&w->lock);
    kt_free(w);
}

void kt_way_give(struct kt_way *w, struct kt_handed *b)
{
    b->next = NULL;
    (void)pthread_mutex_lock(&w->lock);
    w->broken = w->first != NULL && (w->broken || bytes_of(b) > w->bytes_max - w->bytes);
    bool room = !w->broken && bytes_of(b) <= w->bytes_max - w->bytes;
    if (room) {
        *(w->first == NULL ? &w->first : &w->last->next) = b;
        w->last = b;
        w->bytes += bytes_of(b);
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (!room)
        kt_handed_free(b);
}

static struct kt_handed *unhang(struct kt_way *w)
{
    struct kt_handed *b = w->first;
    w->first = b->next;
    w->bytes -= bytes_of(b);
    return b;
}

struct kt_handed *kt_way_take(struct kt_way *w, uint64_t after, uint64_t *ret_until)
{
    struct kt_handed *late = NULL, *ret = NULL;
    (void)pthread_mutex_lock(&w->lock);
    while (w->first != NULL && w->first->first_seq <= after) {
        struct kt_handed *b = unhang(w);
        b->next = late;
        late = b;
    }
    if (w->first != NULL && w->first->first_seq == after + 1)
        ret = unhang(w);
    *ret_until = w->first != NULL ? w->first->first_seq - 1 : 0;
    (void)pthread_mutex_unlock(&w->lock);
    free_all(late);
    return ret;
}
