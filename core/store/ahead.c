/*
 * ahead: the segments of one plan as things that helpers prepare.
 *
 * Owns:  a connection of each helper's own, and its chunks.
 * Calls: core/base, core/store (chunk, helpers, reader).
 * Holds: all that a walker may ask of a chunk is in memory, or known to be damaged, when it is
 *        handed out.
 */
#include "core/store/ahead.h"

#include <pthread.h>

#include "core/base/alloc.h"
#include "core/store/helpers.h"
#include "core/store/place.h"
#include "core/store/reader.h"

#define ROOM 3u /* segments that a thread prepares before somebody wants them */
/* Records; fewer are done before a thread and its connection stand. */
#define WORTH_A (24u * KT_SEGMENT_EVENTS)
/* Where lines stay closed a segment is some reads and little work: when they come from the disk
 * more threads than processors have them wait side by side. Lines are work and memory. */
#define HELPERS 4u
/* A page is read once in a walk, but for the few that lead to it. */
#define CACHE "PRAGMA cache_size=-1024"

struct work {
    struct kt_chunk *chunk;
    enum kt_status status;
    struct kt_error err;
};
struct door {                 /* a thread's own */
    struct kt_reader *reader; /* NULL: it is the walker's */
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *place_at;
};
struct kt_ahead {
    struct kt_ahead_plan plan;
    struct kt_want want;
    struct kt_reader *reader; /* the walker's */
    char *path;               /* of the log, and which of its files */
    unsigned number;
    struct kt_helpers *helpers;
    pthread_mutex_t lock; /* guards scan.since, and what is below */
    struct kt_scan scan;
    uint32_t skipped_time;
};

/* ---- doors, rooms ---- */

static void *open_door(void *self, bool walker)
{
    const struct kt_ahead *a = self;
    struct kt_reader *r = NULL;
    if (!walker && kt_reader_open_file(a->path, a->number, &r, NULL) != KT_OK)
        return NULL;
    if (r != NULL)
        (void)!kt_db_exec(r->db, CACHE, NULL); /* without it the connection's own does */
    struct door *d = kt_alloc(sizeof *d);
    *d = (struct door){ .reader = r, .db = walker ? a->reader->db : r->db };
    (void)!kt_db_prepare(d->db, "BEGIN", &d->begin, NULL);
    (void)!kt_db_prepare(d->db, "COMMIT", &d->commit, NULL);
    (void)!kt_place_prepare(d->db, &d->place_at, NULL);
    return d;
}

static void close_door(void *door)
{
    struct door *d = door;
    kt_db_finalize(&d->begin);
    kt_db_finalize(&d->commit);
    kt_db_finalize(&d->place_at);
    kt_reader_close(d->reader);
    kt_free(d);
}

static void *make_room(void)
{
    struct work *w = kt_alloc(sizeof *w);
    *w = (struct work){ .chunk = kt_chunk_new(NULL) };
    return w;
}

static void free_room(void *room)
{
    struct work *w = room;
    if (w == NULL)
        return;
    kt_chunk_free(w->chunk);
    kt_free(w);
}

/* ---- one segment ---- */

static bool run(sqlite3_stmt *st)
{
    bool good = st != NULL && sqlite3_step(st) == SQLITE_DONE;
    (void)sqlite3_reset(st);
    return good;
}

/* In one transaction of its own: a lock a segment, not one a part. Many segments are left after one
 * part, so that parsing two words each time would be felt. */
static void prepare(struct work *w, const struct door *d, const struct kt_segment *seg,
                    struct kt_scan *scan, const struct kt_want *want)
{
    struct kt_segment now;
    bool begun = run(d->begin);
    w->status = d->place_at == NULL ? kt_fail(&w->err, KT_E_IO, "segments cannot be looked up")
                                    : kt_place_find(d->place_at, seg, &now, NULL, &w->err);
    if (w->status == KT_OK) {
        kt_place_narrow(seg, &now, scan);
        w->status = kt_chunk_segment(w->chunk, d->db, &now, scan, want, &w->err);
    } else if (w->status == KT_E_AGAIN) { /* retention has taken it: it holds nothing */
        w->status = KT_OK;
    }
    if (begun)
        (void)run(d->commit);
}

static bool prepare_at(void *self, void *door, void *room, uint32_t at)
{
    struct kt_ahead *a = self;
    struct work *w = room;
    const struct kt_segment *seg = &a->plan.seg[a->plan.down ? a->plan.n - 1 - at : at];
    (void)pthread_mutex_lock(&a->lock);
    struct kt_scan scan = a->scan;
    bool in_time = kt_segment_in_time(seg, scan.since, scan.until); /* kt_ahead_since */
    a->skipped_time += !in_time;
    (void)pthread_mutex_unlock(&a->lock);
    kt_chunk_clear(w->chunk);
    w->err = (struct kt_error){ 0 };
    w->status = KT_OK;
    if (in_time)
        prepare(w, door, seg, &scan, &a->want);
    return w->status != KT_OK || w->chunk->picks > 0 || w->chunk->left_from != 0;
}

static unsigned helpers_for(const struct kt_ahead *a)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < a->plan.n; i++)
        events += a->plan.seg[i].count;
    if (events < WORTH_A || a->plan.n < 2)
        return 0;
    uint64_t worth = events / WORTH_A;
    return a->want.lines ? 1 : worth < HELPERS ? (unsigned)worth : HELPERS;
}

/* ---- a walk ---- */

struct kt_ahead *kt_ahead_new(struct kt_reader *r, const struct kt_ahead_plan *plan,
                              const struct kt_scan *scan, const struct kt_want *want)
{
    struct kt_ahead *a = kt_alloc(sizeof *a);
    *a = (struct kt_ahead){ .plan = *plan,
                            .scan = *scan,
                            .want = *want,
                            .reader = r,
                            .path = kt_strdup(r->log_path),
                            .number = r->number };
    (void)pthread_mutex_init(&a->lock, NULL);
    a->helpers = kt_helpers_new(&(struct kt_helpers_plan){ .self = a,
                                                           .n = plan->n,
                                                           .threads = helpers_for(a),
                                                           .room = ROOM,
                                                           .open = open_door,
                                                           .close = close_door,
                                                           .make = make_room,
                                                           .free = free_room,
                                                           .prepare = prepare_at });
    return a;
}

void kt_ahead_free(struct kt_ahead *a)
{
    if (a == NULL)
        return;
    kt_helpers_free(a->helpers);
    (void)pthread_mutex_destroy(&a->lock);
    kt_free(a->path);
    kt_free(a);
}

enum kt_status kt_ahead_next(struct kt_ahead *a, struct kt_chunk **ret, struct kt_error *err)
{
    const struct work *w = kt_helpers_next(a->helpers);
    if (w == NULL)
        return kt_fail(err, KT_E_AGAIN, "no more segments");
    *ret = w->chunk;
    if (w->status != KT_OK && err != NULL)
        *err = w->err;
    return w->status;
}

void kt_ahead_since(struct kt_ahead *a, kt_time_ns since)
{
    (void)pthread_mutex_lock(&a->lock);
    a->scan.since = since;
    (void)pthread_mutex_unlock(&a->lock);
}

static void add_cost(void *self, void *room)
{
    const struct work *w = room;
    kt_chunk_cost(w->chunk, self);
}

void kt_ahead_cost(struct kt_ahead *a, struct kt_scan_cost *ret)
{
    (void)pthread_mutex_lock(&a->lock);
    ret->skipped_time += a->skipped_time;
    (void)pthread_mutex_unlock(&a->lock);
    kt_helpers_each(a->helpers, add_cost, ret);
}
