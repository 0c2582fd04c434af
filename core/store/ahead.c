/*
 * ahead: a few threads along one plan.
 *
 * Owns:  threads with a connection of their own, ROOM chunks each.
 * Calls: core/base, core/store (chunk, reader).
 * Holds: a segment is prepared once, by whoever claims it; they are handed out in the plan's order.
 *        A chunk's connection is its thread's alone: all that a walker may ask of a chunk is in
 *        memory, or known to be damaged, when it is handed out.
 */
#include "core/store/ahead.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "core/base/alloc.h"
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

enum { WALKER, WHO = 1 + HELPERS }; /* and HELPERS behind it */
enum state { FREE, CLAIMED, READY };
struct work {
    struct kt_chunk *chunk;
    enum state state;
    uint32_t at; /* in the order of the plan */
    enum kt_status status;
    struct kt_error err;
};
struct door { /* a thread's own */
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *place_at;
};
struct kt_ahead {
    struct kt_ahead_plan plan;
    struct kt_scan scan;
    struct kt_want want;
    struct door door; /* the walker's */
    char *path;       /* of the log, and which of its files */
    unsigned number;

    struct helper {
        struct kt_ahead *of;
        unsigned who;
        pthread_t thread;
    } helper[HELPERS];
    unsigned helpers;            /* that run */
    pthread_mutex_t lock;        /* guards all below, and scan.since */
    pthread_cond_t changed[WHO]; /* for a walker that waits for what comes next; for a helper
                                    without a free chunk */
    bool asleep[WHO];
    struct work work[WHO][ROOM];
    uint32_t next, deliver; /* to be claimed, to be handed out */
    bool *empty;            /* of the plan: prepared, and nothing is picked: nobody has to see it */
    struct work *given;
    uint32_t skipped_time;
    bool quit;
};

/* ---- one segment ---- */

static struct door open_door(sqlite3 *db)
{
    struct door d = { .db = db };
    (void)!kt_db_prepare(db, "BEGIN", &d.begin, NULL);
    (void)!kt_db_prepare(db, "COMMIT", &d.commit, NULL);
    (void)!kt_place_prepare(db, &d.place_at, NULL);
    return d;
}

static void close_door(struct door *d)
{
    kt_db_finalize(&d->begin);
    kt_db_finalize(&d->commit);
    kt_db_finalize(&d->place_at);
}

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
    w->err = (struct kt_error){ 0 };
    kt_chunk_clear(w->chunk);
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

static struct work *free_work(struct kt_ahead *a, unsigned who)
{
    for (unsigned i = 0; i < ROOM; i++)
        if (a->work[who][i].state == FREE)
            return &a->work[who][i];
    return NULL;
}

static void tell(struct kt_ahead *a, unsigned who)
{
    if (a->asleep[who])
        (void)pthread_cond_signal(&a->changed[who]);
}

static void sleep_until_told(struct kt_ahead *a, unsigned who)
{
    a->asleep[who] = true;
    (void)pthread_cond_wait(&a->changed[who], &a->lock);
    a->asleep[who] = false;
}

/* Claims the next segment and prepares it with the lock open. NULL: there is nothing to claim, or
 * no chunk to do it in. What nothing is picked of is free again at once: of most questions that is
 * most segments. */
static struct work *claim(struct kt_ahead *a, unsigned who, const struct door *d)
{
    struct work *w = free_work(a, who);
    if (w == NULL || a->next == a->plan.n)
        return NULL;
    w->at = a->next++;
    w->state = CLAIMED;
    struct kt_scan scan = a->scan;
    const struct kt_segment *seg = &a->plan.seg[a->plan.down ? a->plan.n - 1 - w->at : w->at];
    bool in_time = kt_segment_in_time(seg, scan.since, scan.until); /* kt_ahead_since */
    a->skipped_time += !in_time;
    (void)pthread_mutex_unlock(&a->lock);
    if (in_time) {
        prepare(w, d, seg, &scan, &a->want);
    } else {
        kt_chunk_clear(w->chunk);
        w->status = KT_OK;
    }
    (void)pthread_mutex_lock(&a->lock);
    a->empty[w->at] = w->status == KT_OK && w->chunk->picks == 0 && w->chunk->left_from == 0;
    w->state = a->empty[w->at] ? FREE : READY;
    if (w->at == a->deliver)
        tell(a, WALKER);
    return w;
}

/* ---- the thread ---- */

static void *help(void *self)
{
    const struct helper *me = self;
    struct kt_ahead *a = me->of;
    struct kt_reader *r = NULL;
    if (kt_reader_open_file(a->path, a->number, &r, NULL) != KT_OK)
        return NULL;                       /* the walker does all of it, and says what is wrong */
    (void)!kt_db_exec(r->db, CACHE, NULL); /* without it the connection's own does */
    struct door d = open_door(r->db);
    (void)pthread_mutex_lock(&a->lock);
    while (!a->quit) {
        if (claim(a, me->who, &d) == NULL && !a->quit)
            sleep_until_told(a, me->who);
    }
    (void)pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < ROOM; i++) {
        kt_chunk_free(a->work[me->who][i].chunk);
        a->work[me->who][i].chunk = NULL;
    }
    close_door(&d);
    kt_reader_close(r);
    return NULL;
}

static unsigned helpers_for(const struct kt_ahead *a)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < a->plan.n; i++)
        events += a->plan.seg[i].count;
    if (events < WORTH_A || a->plan.n < 2 || sysconf(_SC_NPROCESSORS_ONLN) < 2)
        return 0;
    uint64_t worth = events / WORTH_A;
    return a->want.lines ? 1 : worth < HELPERS ? (unsigned)worth : HELPERS;
}

static void start_helpers(struct kt_ahead *a)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned n = helpers_for(a); a->helpers < n; a->helpers++) {
        struct helper *h = &a->helper[a->helpers];
        *h = (struct helper){ .of = a, .who = WALKER + 1 + a->helpers };
        for (unsigned i = 0; i < ROOM; i++)
            a->work[h->who][i].chunk = kt_chunk_new(NULL);
        if (pthread_create(&h->thread, NULL, help, h) != 0)
            break;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct kt_ahead *kt_ahead_new(struct kt_reader *r, const struct kt_ahead_plan *plan,
                              const struct kt_scan *scan, const struct kt_want *want)
{
    struct kt_ahead *a = kt_alloc(sizeof *a);
    *a = (struct kt_ahead){ .plan = *plan,
                            .scan = *scan,
                            .want = *want,
                            .door = open_door(r->db),
                            .path = kt_strdup(r->log_path),
                            .number = r->number,
                            .empty = kt_alloc_array(plan->n + 1, sizeof *a->empty) };
    (void)pthread_mutex_init(&a->lock, NULL);
    for (unsigned who = 0; who < WHO; who++)
        (void)pthread_cond_init(&a->changed[who], NULL);
    for (unsigned i = 0; i < ROOM; i++)
        a->work[WALKER][i].chunk = kt_chunk_new(NULL);
    start_helpers(a);
    return a;
}

void kt_ahead_free(struct kt_ahead *a)
{
    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->quit = true;
    for (unsigned who = 0; who < WHO; who++)
        tell(a, who);
    (void)pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->helpers; i++)
        (void)pthread_join(a->helper[i].thread, NULL);
    (void)pthread_mutex_destroy(&a->lock);
    for (unsigned who = 0; who < WHO; who++)
        (void)pthread_cond_destroy(&a->changed[who]);
    for (unsigned who = 0; who < WHO; who++)
        for (unsigned i = 0; i < ROOM; i++)
            kt_chunk_free(a->work[who][i].chunk);
    close_door(&a->door);
    kt_free(a->path);
    kt_free(a->empty);
    kt_free(a);
}

/* ---- whoever walks ---- */

static struct work *work_at(struct kt_ahead *a, uint32_t at)
{
    for (unsigned who = 0; who < WHO; who++)
        for (unsigned i = 0; i < ROOM; i++)
            if (a->work[who][i].state != FREE && a->work[who][i].at == at)
                return &a->work[who][i];
    return NULL;
}

static bool is_ready(const struct work *w)
{
    return w != NULL && w->state == READY;
}

/* The work that comes next, once it is prepared. What this thread prepares meanwhile and picks
 * nothing of is handed out as well: whoever walks may want to give up. NULL: it was the last. */
static struct work *next_work(struct kt_ahead *a)
{
    for (;;) {
        while (a->deliver < a->plan.n && a->empty[a->deliver])
            a->deliver++;
        struct work *w = a->deliver < a->plan.n ? work_at(a, a->deliver) : NULL;
        if (is_ready(w) || a->deliver == a->plan.n)
            return w;
        w = claim(a, WALKER, &a->door);
        if (w != NULL && a->empty[w->at])
            return w;
        if (w == NULL)
            sleep_until_told(a, WALKER);
    }
}

enum kt_status kt_ahead_next(struct kt_ahead *a, struct kt_chunk **ret, struct kt_error *err)
{
    (void)pthread_mutex_lock(&a->lock);
    if (a->given != NULL) {
        a->given->state = FREE;
        tell(a, (unsigned)(a->given - a->work[0]) / ROOM);
        a->given = NULL;
    }
    struct work *w = next_work(a);
    if (is_ready(w)) {
        a->deliver++;
        a->given = w;
    }
    (void)pthread_mutex_unlock(&a->lock);
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

void kt_ahead_cost(struct kt_ahead *a, struct kt_scan_cost *ret)
{
    (void)pthread_mutex_lock(&a->lock);
    ret->skipped_time += a->skipped_time;
    for (unsigned who = 0; who < WHO; who++)
        for (unsigned i = 0; i < ROOM; i++)
            if (a->work[who][i].state != CLAIMED && a->work[who][i].chunk != NULL)
                kt_chunk_cost(a->work[who][i].chunk, ret);
    (void)pthread_mutex_unlock(&a->lock);
}
