/*
 * seal: the thread that makes segments.
 *
 * Owns:  copies of rows, shares of parsed batches, the builder, the thread.
 * Calls: core/base, core/store/segment.
 * Holds: the thread touches nothing but what it was handed; no SQL, no clock.
 */
#include "core/store/seal.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"

#define NICE 5

enum state { FREE, GIVEN, DONE };
struct kt_sealer {
    struct kt_builder *builder;
    struct kt_row *rows; /* strings lie in bytes; parsed are shares */
    struct kt_buf *bytes;
    uint32_t n, cap, events, events_max;
    uint64_t line_bytes;
    struct kt_built built;
    struct kt_error err;
    enum kt_status status;

    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock; /* guards state and quit */
    pthread_cond_t changed;
    enum state state;
    bool quit;
};

static void work(struct kt_sealer *s)
{
    s->err = (struct kt_error){ 0 };
    s->status = kt_builder_run(s->builder, s->rows, s->n, &s->built, &s->err);
}

static void *run(void *self)
{
    struct kt_sealer *s = self;
    /* Whoever waits for an ack or an alert goes first: a segment has time, and is made while the
     * writer waits for the disk. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, 0) + NICE);
    (void)pthread_mutex_lock(&s->lock);
    while (!s->quit) {
        if (s->state == GIVEN) {
            (void)pthread_mutex_unlock(&s->lock);
            work(s);
            (void)pthread_mutex_lock(&s->lock);
            s->state = DONE;
            (void)pthread_cond_broadcast(&s->changed);
        } else {
            (void)pthread_cond_wait(&s->changed, &s->lock);
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Signals are for the thread that owns the process's loop. */
static bool start_thread(struct kt_sealer *s)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->thread, NULL, run, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0;
}

struct kt_sealer *kt_sealer_new(bool threaded, uint32_t events_max)
{
    struct kt_sealer *s = kt_alloc(sizeof *s);
    s->events_max = events_max;
    s->builder = kt_builder_new();
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    s->threaded = threaded && start_thread(s);
    return s;
}

void kt_sealer_free(struct kt_sealer *s)
{
    if (s == NULL)
        return;
    if (s->threaded) {
        (void)pthread_mutex_lock(&s->lock);
        s->quit = true;
        (void)pthread_cond_broadcast(&s->changed);
        (void)pthread_mutex_unlock(&s->lock);
        (void)pthread_join(s->thread, NULL);
    }
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->changed);
    kt_sealer_drop(s);
    for (uint32_t i = 0; i < s->cap; i++)
        kt_buf_done(&s->bytes[i]);
    kt_free(s->bytes);
    kt_free(s->rows);
    kt_built_done(&s->built);
    kt_builder_free(s->builder);
    kt_free(s);
}

bool kt_sealer_free_now(struct kt_sealer *s)
{
    (void)pthread_mutex_lock(&s->lock);
    enum state state = s->state;
    (void)pthread_mutex_unlock(&s->lock);
    return state == FREE;
}

bool kt_sealer_full(const struct kt_sealer *s, uint64_t events, uint64_t bytes)
{
    return events >= s->events_max || bytes >= KT_SEGMENT_BYTES;
}

static struct kt_str keep(struct kt_buf *to, struct kt_str s)
{
    size_t at = to->len;
    kt_buf_add(to, s);
    return kt_str_from(to->at + at, s.len);
}

bool kt_sealer_add(struct kt_sealer *s, const struct kt_row *row)
{
    assert(s->state == FREE);
    if (kt_sealer_full(s, s->events, s->line_bytes))
        return false;
    if (s->n == s->cap) {
        uint32_t cap = s->cap == 0 ? 32 : 2 * s->cap;
        s->rows = kt_realloc_array(s->rows, cap, sizeof *s->rows);
        s->bytes = kt_realloc_array(s->bytes, cap, sizeof *s->bytes);
        for (uint32_t i = s->cap; i < cap; i++)
            s->bytes[i] = (struct kt_buf){ 0 };
        s->cap = cap;
    }
    struct kt_buf *to = &s->bytes[s->n];
    struct kt_row *own = &s->rows[s->n++];
    struct kt_str *const from[] = { &own->agent,   &own->incarnation, &own->leaves,
                                    &own->digest,  &own->signature,   &own->arrivals,
                                    &own->dropped, &own->conflicts,   &own->nodes,
                                    &own->lines };
    *own = *row;
    if (row->parsed != NULL) {
        own->parsed = kt_parsed_share(row->parsed);
        own->lines = KT_STR_NONE;
    }
    size_t total = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(from); i++)
        total += from[i]->len;
    kt_buf_reset(to);
    (void)kt_buf_reserve(to, total); /* so that nothing moves below */
    for (size_t i = 0; i < KT_ARRAY_LEN(from); i++)
        *from[i] = keep(to, *from[i]);
    s->events += row->count;
    s->line_bytes += row->bytes;
    return true;
}

void kt_sealer_drop(struct kt_sealer *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        kt_parsed_free(s->rows[i].parsed);
    s->n = s->events = 0;
    s->line_bytes = 0;
}

void kt_sealer_start(struct kt_sealer *s)
{
    assert(s->state == FREE && s->n > 0);
    if (!s->threaded) {
        work(s);
        s->state = DONE;
        return;
    }
    (void)pthread_mutex_lock(&s->lock);
    s->state = GIVEN;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

enum kt_status kt_sealer_result(struct kt_sealer *s, bool wait, const struct kt_built **ret,
                                struct kt_error *err)
{
    (void)pthread_mutex_lock(&s->lock);
    while (wait && s->state == GIVEN)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    enum state state = s->state;
    (void)pthread_mutex_unlock(&s->lock);
    if (state != DONE)
        return kt_fail(err, KT_E_AGAIN, "no segment is ready");
    if (s->status != KT_OK) {
        if (err != NULL)
            *err = s->err;
        return s->status;
    }
    *ret = &s->built;
    return KT_OK;
}

void kt_sealer_taken(struct kt_sealer *s)
{
    assert(s->state == DONE);
    (void)pthread_mutex_lock(&s->lock);
    s->state = FREE;
    (void)pthread_mutex_unlock(&s->lock);
    kt_sealer_drop(s);
}
