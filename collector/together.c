/*
 * together: see the header.
 *
 * Owns:  the thread; a stretch until it is taken.
 * Calls: core/store/together.h. It writes nothing.
 */
#include "collector/together.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/log.h"

#define NICE  10
#define SOON  (5 * KT_NS_S) /* until the next one: what was taken is committed by then */
#define LATER KT_NS_MIN

struct kt_togethers {
    char *path;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t woken;
    struct kt_together_made *made;
    bool stop;
};

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
    while (!t->stop && t->made != NULL)
        (void)pthread_cond_wait(&t->woken, &t->lock);
    (void)pthread_mutex_unlock(&t->lock);
}

static enum kt_status make(struct kt_togethers *t, struct kt_error *err)
{
    const struct kt_together_how how = { .give_up = stops, .give_up_self = t };
    struct kt_together_made *made = NULL;
    struct kt_reader *r = NULL;
    enum kt_status status = kt_reader_open(t->path, &r, err);
    if (status == KT_OK)
        status = kt_together_make(r, &how, &made, err);
    kt_reader_close(r);
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
            kt_log(KT_LOG_WARN, "collector: pairs are not kept: %s", err.text);
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
    kt_together_made_free(t->made);
    kt_free(t->path);
    kt_free(t);
}

struct kt_together_made *kt_togethers_take(struct kt_togethers *t)
{
    (void)pthread_mutex_lock(&t->lock);
    struct kt_together_made *made = t->made;
    t->made = NULL;
    if (made != NULL)
        (void)pthread_cond_signal(&t->woken);
    (void)pthread_mutex_unlock(&t->lock);
    return made;
}
