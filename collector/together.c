/*
 * together: see the header.
 *
 * Owns:  the thread; what it made, until it is taken.
 * Calls: core/store (together, merge), core/query/holds. It writes nothing.
 */
#include "collector/together.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/query/holds.h"

#define NICE  10
#define SOON  (5 * KT_NS_S) /* until the next one: what was taken is committed by then */
#define LATER KT_NS_MIN

struct kt_togethers {
    char *path;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t woken;
    struct kt_togethers_made made;
    bool stop;
    struct kt_merge_how how; /* the thread's */
    struct kt_together_rests rests;
};

static bool has(const struct kt_togethers_made *m)
{
    return m->merged != NULL || m->pairs != NULL;
}

static bool stops(void *self)
{
    struct kt_togethers *t = self;
    (void)pthread_mutex_lock(&t->lock);
    bool stop = t->stop;
    (void)pthread_mutex_unlock(&t->lock);
    return stop;
}

/* Returns whether to stop. */
static bool wait_for(struct kt_togethers *t, kt_time_ns span)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(span / KT_NS_S);
    (void)pthread_mutex_lock(&t->lock);
    while (!t->stop && pthread_cond_timedwait(&t->woken, &t->lock, &until) != ETIMEDOUT)
        ;
    bool stop = t->stop;
    (void)pthread_mutex_unlock(&t->lock);
    return stop;
}

static void wait_until_taken(struct kt_togethers *t)
{
    (void)pthread_mutex_lock(&t->lock);
    while (!t->stop && has(&t->made))
        (void)pthread_cond_wait(&t->woken, &t->lock);
    (void)pthread_mutex_unlock(&t->lock);
}

enum kt_status kt_togethers_merge(struct kt_reader *r, struct kt_merge_how *how,
                                  struct kt_merge_made **ret, struct kt_error *err)
{
    struct kt_holds holds = { 0 };
    if (kt_holds_load(r, &holds, err) != KT_OK)
        return err->code;
    if (holds.newest_seq != how->holds_seq)
        how->from_seq = 0;
    how->holds_seq = holds.newest_seq;
    how->held = kt_holds_near;
    how->held_self = &holds;
    enum kt_status status = kt_merge_make(r, how, ret, err);
    how->held_self = NULL;
    kt_holds_done(&holds);
    return status;
}

/* Pairs are made of what is merged already, so that each is made once. */
enum kt_status kt_togethers_make(const char *store_path, struct kt_merge_how *merge,
                                 const struct kt_together_how *pairs, struct kt_togethers_made *ret,
                                 struct kt_error *err)
{
    struct kt_reader *r = NULL;
    enum kt_status status = kt_reader_open(store_path, &r, err);
    if (status == KT_E_AGAIN) /* removed under the collector: that is no store with nothing to do */
        return kt_fail(err, KT_E_IO, "there is no '%s' any more", store_path);
    if (status == KT_OK)
        status = kt_togethers_merge(r, merge, &ret->merged, err);
    if (status == KT_E_AGAIN)
        status = kt_together_make(r, pairs, &ret->pairs, err);
    kt_reader_close(r);
    return status;
}

static enum kt_status make(struct kt_togethers *t, struct kt_error *err)
{
    const struct kt_together_how how = { .give_up = stops, .give_up_self = t, .rests = &t->rests };
    struct kt_togethers_made made = { 0 };
    enum kt_status status = kt_togethers_make(t->path, &t->how, &how, &made, err);
    (void)pthread_mutex_lock(&t->lock);
    t->made = made;
    (void)pthread_mutex_unlock(&t->lock);
    return status;
}

static void *run(void *self)
{
    struct kt_togethers *t = self;
    kt_time_ns wait = SOON;
    bool failed = false;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    while (!wait_for(t, wait)) {
        struct kt_error err = { 0 };
        enum kt_status status = make(t, &err);
        bool fails = status != KT_OK && status != KT_E_AGAIN && status != KT_E_LIMIT;
        if (fails && !failed) /* questions walk over the segments then */
            kt_log(KT_LOG_WARN, "collector: segments are not merged, pairs not kept: %s", err.text);
        failed = fails;
        wait_until_taken(t);
        wait = status == KT_OK ? SOON : LATER;
    }
    return NULL;
}

enum kt_status kt_togethers_open(const char *store_path, struct kt_togethers **ret,
                                 struct kt_error *err)
{
    struct kt_togethers *t = kt_alloc(sizeof *t);
    t->path = kt_strdup(store_path);
    t->how = (struct kt_merge_how){ .give_up = stops, .give_up_self = t };
    (void)pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t by_time_passed; /* not by the day's time, which may be set */
    (void)pthread_condattr_init(&by_time_passed);
    (void)pthread_condattr_setclock(&by_time_passed, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&t->woken, &by_time_passed);
    (void)pthread_condattr_destroy(&by_time_passed);
    int rc = pthread_create(&t->thread, NULL, run, t);
    if (rc != 0) {
        errno = rc;
        kt_togethers_close(t);
        return kt_fail_errno(err, "pairs: thread");
    }
    t->started = true;
    *ret = t;
    return KT_OK;
}

void kt_togethers_close(struct kt_togethers *t)
{
    if (t == NULL)
        return;
    (void)pthread_mutex_lock(&t->lock);
    t->stop = true;
    (void)pthread_cond_signal(&t->woken);
    (void)pthread_mutex_unlock(&t->lock);
    if (t->started)
        (void)pthread_join(t->thread, NULL);
    (void)pthread_cond_destroy(&t->woken);
    (void)pthread_mutex_destroy(&t->lock);
    kt_merge_made_free(t->made.merged);
    kt_together_made_free(t->made.pairs);
    kt_free(t->path);
    kt_free(t);
}

bool kt_togethers_take(struct kt_togethers *t, struct kt_togethers_made *ret)
{
    (void)pthread_mutex_lock(&t->lock);
    *ret = t->made;
    t->made = (struct kt_togethers_made){ 0 };
    if (has(ret))
        (void)pthread_cond_signal(&t->woken);
    (void)pthread_mutex_unlock(&t->lock);
    return has(ret);
}
