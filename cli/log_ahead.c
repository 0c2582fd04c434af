/*
 * log_ahead: a ring of batches between a thread that reads and one that judges.
 *
 * Owns:  the thread, its cursor, the batches with copies of their lines.
 * Calls: core/store/read, core/event/line.
 * Holds: a batch belongs to one thread at a time: the reader's when it is not filled, the judge's
 *        when it is.
 */
#include "cli/log_ahead.h"

#include <pthread.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"

#define BATCHES     6u
#define RECORDS     256u
#define BATCH_BYTES (1u << 20)        /* of lines; one more fits always */
#define ARENA_BYTES (2 * BATCH_BYTES) /* of unescaped strings */
#define ROOM_BYTES  (BATCH_BYTES + KT_LINE_MAX)

struct batch {
    struct kt_record rec[RECORDS];
    unsigned n;
    char *prepared; /* what was made of each record, one behind the other */
    char *lines;    /* ROOM_BYTES */
    size_t used;
    struct kt_arena arena;
    enum kt_status last; /* not KT_OK: nothing comes behind it */
    struct kt_error err;
};
struct kt_log_ahead {
    struct kt_cursor *cursor;
    struct kt_damage *damage;
    struct kt_log_prepare prepare;
    struct batch batch[BATCHES];
    unsigned at, next; /* the judge's batch, and its next record */
    bool taken;        /* it has that batch */
    pthread_t thread;
    bool threaded;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    uint64_t filled, emptied; /* batches so far */
    bool quit;
};

/* ---- the reader ---- */

/* As a cursor says it. */
static void count_damage(struct kt_damage *d, uint64_t seq)
{
    if (d->places++ == 0)
        (void)(kt_fail(&d->first, KT_E_CORRUPT, "record %llu is not a canonical line",
                       (unsigned long long)seq) == KT_OK);
}

/* Copies the record and reads its line; a line that is none is left out, as a cursor does. */
static void add(struct kt_log_ahead *a, struct batch *b, const struct kt_record *from)
{
    struct kt_record *r = &b->rec[b->n];
    struct kt_error why = { 0 };
    char *line = b->lines + b->used;
    if (from->line.len > KT_LINE_MAX || from->agent.len > KT_NAME_MAX) { /* has_room left no more */
        count_damage(a->damage, from->seq);
        return;
    }
    memcpy(line, from->line.at, from->line.len);
    memcpy(line + from->line.len, from->agent.at, from->agent.len);
    r->seq = from->seq;
    r->arrival = from->arrival;
    r->stored = from->stored;
    r->origin = from->origin;
    r->conflict = from->conflict;
    r->line = kt_str_from(line, from->line.len);
    r->agent = kt_str_from(line + from->line.len, from->agent.len);
    b->used += from->line.len + from->agent.len;
    if (kt_line_read(r->line, &b->arena, &r->ev, &why) != KT_OK) {
        count_damage(a->damage, from->seq);
        return;
    }
    if (a->prepare.make != NULL)
        a->prepare.make(r, b->prepared + b->n * a->prepare.bytes);
    b->n++;
}

static bool has_room(const struct batch *b)
{
    return b->n < RECORDS && b->used < BATCH_BYTES && b->arena.used + KT_LINE_MAX < ARENA_BYTES;
}

static void fill(struct kt_log_ahead *a, struct batch *b)
{
    b->n = 0;
    b->used = 0;
    kt_arena_reset(&b->arena);
    while (b->last == KT_OK && has_room(b)) {
        struct kt_record r;
        b->last = kt_cursor_next(a->cursor, &r, &b->err);
        if (b->last == KT_OK)
            add(a, b, &r);
    }
}

static void *read_log(void *self)
{
    struct kt_log_ahead *a = self;
    enum kt_status last = KT_OK;
    while (last == KT_OK) {
        (void)pthread_mutex_lock(&a->lock);
        while (a->filled - a->emptied == BATCHES && !a->quit)
            (void)pthread_cond_wait(&a->changed, &a->lock);
        bool quit = a->quit;
        struct batch *b = &a->batch[a->filled % BATCHES];
        (void)pthread_mutex_unlock(&a->lock);
        if (quit)
            break;
        fill(a, b);
        last = b->last;
        (void)pthread_mutex_lock(&a->lock);
        a->filled++;
        (void)pthread_cond_broadcast(&a->changed);
        (void)pthread_mutex_unlock(&a->lock);
    }
    return NULL;
}

/* ---- the judge ---- */

/* Gives the batch at hand back and waits for the next. */
static struct batch *take(struct kt_log_ahead *a)
{
    (void)pthread_mutex_lock(&a->lock);
    if (a->taken) {
        a->emptied++;
        (void)pthread_cond_broadcast(&a->changed);
    }
    while (a->filled == a->emptied)
        (void)pthread_cond_wait(&a->changed, &a->lock);
    a->taken = true;
    a->at = (unsigned)(a->emptied % BATCHES);
    (void)pthread_mutex_unlock(&a->lock);
    a->next = 0;
    return &a->batch[a->at];
}

enum kt_status kt_log_ahead_next(struct kt_log_ahead *a, struct kt_record **ret,
                                 const void **ret_prepared, struct kt_error *err)
{
    struct batch *b = a->taken ? &a->batch[a->at] : take(a);
    while (a->next == b->n) {
        if (b->last != KT_OK) {
            *err = b->err;
            return b->last;
        }
        b = take(a);
    }
    *ret_prepared = a->prepare.make != NULL ? b->prepared + a->next * a->prepare.bytes : NULL;
    *ret = &b->rec[a->next++];
    return KT_OK;
}

/* ---- life ---- */

enum kt_status kt_log_ahead_open(struct kt_reader *r, struct kt_damage *damage,
                                 struct kt_log_prepare prepare, struct kt_log_ahead **ret,
                                 struct kt_error *err)
{
    struct kt_scan scan = {
        .records = true, .control = true, .detail = KT_DETAIL_LINE, .damage = damage
    };
    struct kt_cursor *cursor = NULL;
    if (kt_cursor_open(r, &scan, &cursor, err) != KT_OK)
        return err->code;
    struct kt_log_ahead *a = kt_alloc(sizeof *a);
    a->cursor = cursor;
    a->damage = damage;
    a->prepare = prepare;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_cond_init(&a->changed, NULL);
    for (unsigned i = 0; i < BATCHES; i++) {
        a->batch[i].lines = kt_alloc(ROOM_BYTES + KT_NAME_MAX);
        a->batch[i].prepared = kt_alloc(RECORDS * prepare.bytes + 1);
        a->batch[i].arena = kt_arena_new(ARENA_BYTES);
    }
    int rc = pthread_create(&a->thread, NULL, read_log, a);
    a->threaded = rc == 0;
    if (rc != 0) {
        kt_log_ahead_free(a);
        return kt_fail(err, KT_E_IO, "no thread to read the log: %s", strerror(rc));
    }
    *ret = a;
    return KT_OK;
}

void kt_log_ahead_free(struct kt_log_ahead *a)
{
    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->quit = true;
    (void)pthread_cond_broadcast(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
    if (a->threaded)
        (void)pthread_join(a->thread, NULL);
    for (unsigned i = 0; i < BATCHES; i++) {
        kt_free(a->batch[i].lines);
        kt_free(a->batch[i].prepared);
        kt_arena_done(&a->batch[i].arena);
    }
    kt_cursor_free(a->cursor);
    (void)pthread_cond_destroy(&a->changed);
    (void)pthread_mutex_destroy(&a->lock);
    kt_free(a);
}
