/*
 * checkpoint_thread: checkpoints and proofs beside the writer.
 *
 * Owns:  the thread and what passes between it and the writer.
 * Calls: checkpoint_make.
 * Holds: the writer never waits here, but where a person's order goes to the signer; what was made
 *        is taken before the next is made.
 */
#include "collector/checkpoint_int.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/sys/wake.h"

#define UNDER_WAY    64u
#define AGAIN_AFTER  (2 * KT_NS_S) /* a failed one: sooner than the next by the clock */
#define PROOF_PAUSE  (KT_NS_S / KT_CHECKPOINT_PROOFS_S)
#define ORDER_WAIT_S 2
#define NAP          (50 * KT_NS_MS)

struct kt_maker {
    pthread_t thread;
    bool started;
    int fd;
    pthread_mutex_t work; /* held while the signer is asked: guards making */
    struct kt_making making;
    kt_time_ns next, next_proof; /* mono; of the thread */
    pthread_mutex_t lock;        /* guards all below */
    pthread_cond_t woken;
    bool stop, hurry, fresh;
    uint64_t published;
    struct kt_made made;
    struct kt_asked todo[UNDER_WAY], done[UNDER_WAY];
    unsigned n_todo, n_done;
};

static kt_time_ns mono(const struct kt_maker *m)
{
    return m->making.clock.mono(m->making.clock.self);
}

/* ---- the thread ---- */

/* Without the lock, but for taking and giving. */
static void make(struct kt_maker *m, uint64_t published)
{
    struct kt_made made;
    kt_time_ns began = mono(m);
    (void)pthread_mutex_unlock(&m->lock);
    (void)pthread_mutex_lock(&m->work);
    kt_making_head(&m->making, published, &made);
    (void)pthread_mutex_unlock(&m->work);
    (void)pthread_mutex_lock(&m->lock);
    bool done = made.what == KT_MADE_SIGNED || made.what == KT_MADE_REFUSED;
    m->made = made;
    m->fresh = true;
    kt_wake_raise(m->fd);
    m->next = done ? began + KT_CHECKPOINT_EVERY : mono(m) + AGAIN_AFTER;
}

static void prove(struct kt_maker *m)
{
    struct kt_asked a = m->todo[0];
    struct kt_error err = { 0 };
    m->n_todo--;
    memmove(m->todo, m->todo + 1, m->n_todo * sizeof *m->todo);
    (void)pthread_mutex_unlock(&m->lock);
    (void)pthread_mutex_lock(&m->work);
    a.st = kt_making_proof(&m->making, a.from, a.to, &a.path, &err);
    (void)pthread_mutex_unlock(&m->work);
    (void)snprintf(a.why, sizeof a.why, "%.158s", err.text);
    (void)pthread_mutex_lock(&m->lock);
    m->done[m->n_done++] = a;
    kt_wake_raise(m->fd);
    m->next_proof = mono(m) + PROOF_PAUSE;
}

static void nap(struct kt_maker *m, kt_time_ns until)
{
    struct timespec at;
    kt_time_ns wait = until - mono(m);
    if (wait > KT_NS_S)
        wait = KT_NS_S; /* a clock that was stopped with the machine */
    if (wait < NAP)
        wait = NAP;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    kt_time_ns t = (kt_time_ns)at.tv_sec * KT_NS_S + at.tv_nsec + wait;
    at = (struct timespec){ .tv_sec = t / KT_NS_S, .tv_nsec = t % KT_NS_S };
    (void)pthread_cond_timedwait(&m->woken, &m->lock, &at);
}

/* At once, not when the next checkpoint is due. */
static bool lost_signer(struct kt_maker *m)
{
    if (pthread_mutex_trylock(&m->work) != 0)
        return false;
    bool lost = kt_making_lost_signer(&m->making);
    (void)pthread_mutex_unlock(&m->work);
    return lost;
}

static void *run(void *self)
{
    struct kt_maker *m = self;
    (void)pthread_mutex_lock(&m->lock);
    while (!m->stop) {
        kt_time_ns now = mono(m);
        bool proofs = m->n_todo > 0 && m->n_done < UNDER_WAY;
        m->hurry = lost_signer(m) || m->hurry;
        if (!m->fresh && (m->hurry || now >= m->next)) {
            m->hurry = false;
            make(m, m->published);
        } else if (proofs && now >= m->next_proof) {
            prove(m);
        } else {
            nap(m, proofs && m->next_proof < m->next ? m->next_proof : m->next);
        }
    }
    (void)pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* ---- the writer's side ---- */

enum kt_status kt_maker_start(const struct kt_making *making, uint64_t published,
                              struct kt_maker **ret, struct kt_error *err)
{
    struct kt_maker *m = kt_alloc(sizeof *m);
    pthread_condattr_t attr;
    m->making = *making;
    m->published = published;
    m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->fd < 0) {
        kt_free(m);
        return kt_fail_errno(err, "checkpoints: eventfd");
    }
    (void)pthread_mutex_init(&m->work, NULL);
    (void)pthread_mutex_init(&m->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&m->woken, &attr);
    (void)pthread_condattr_destroy(&attr);
    errno = pthread_create(&m->thread, NULL, run, m);
    m->started = errno == 0;
    enum kt_status st = m->started ? KT_OK : kt_fail_errno(err, "checkpoints: thread");
    if (st == KT_OK)
        *ret = m;
    else
        kt_maker_stop(m);
    return st;
}

void kt_maker_stop(struct kt_maker *m)
{
    if (m == NULL)
        return;
    (void)pthread_mutex_lock(&m->lock);
    m->stop = true;
    (void)pthread_cond_signal(&m->woken);
    (void)pthread_mutex_unlock(&m->lock);
    if (m->started)
        (void)pthread_join(m->thread, NULL);
    kt_making_done(&m->making);
    kt_made_done(&m->made);
    (void)pthread_cond_destroy(&m->woken);
    (void)pthread_mutex_destroy(&m->lock);
    (void)pthread_mutex_destroy(&m->work);
    (void)close(m->fd);
    kt_free(m);
}

int kt_maker_fd(const struct kt_maker *m)
{
    return m->fd;
}

bool kt_maker_take(struct kt_maker *m, struct kt_made *ret)
{
    (void)pthread_mutex_lock(&m->lock);
    bool fresh = m->fresh;
    if (fresh) {
        *ret = m->made;
        m->made = (struct kt_made){ 0 };
    }
    m->fresh = false;
    if (m->n_done == 0)
        kt_wake_lower(m->fd);
    (void)pthread_mutex_unlock(&m->lock);
    return fresh;
}

void kt_maker_published(struct kt_maker *m, uint64_t size)
{
    (void)pthread_mutex_lock(&m->lock);
    m->published = size;
    (void)pthread_mutex_unlock(&m->lock);
}

bool kt_maker_ask(struct kt_maker *m, uint64_t from, uint64_t to)
{
    (void)pthread_mutex_lock(&m->lock);
    bool room = m->n_todo < UNDER_WAY;
    if (room)
        m->todo[m->n_todo++] = (struct kt_asked){ .from = from, .to = to };
    (void)pthread_cond_signal(&m->woken);
    (void)pthread_mutex_unlock(&m->lock);
    return room;
}

bool kt_maker_answer(struct kt_maker *m, struct kt_asked *ret)
{
    (void)pthread_mutex_lock(&m->lock);
    bool any = m->n_done > 0;
    if (any) {
        *ret = m->done[0];
        m->n_done--;
        memmove(m->done, m->done + 1, m->n_done * sizeof *m->done);
    }
    if (m->n_done == 0 && !m->fresh)
        kt_wake_lower(m->fd);
    (void)pthread_mutex_unlock(&m->lock);
    return any;
}

void kt_maker_hurry(struct kt_maker *m)
{
    (void)pthread_mutex_lock(&m->lock);
    m->hurry = true;
    (void)pthread_cond_signal(&m->woken);
    (void)pthread_mutex_unlock(&m->lock);
}

enum kt_status kt_maker_order(struct kt_maker *m, const struct kt_sign_order *o,
                              struct kt_sign_answer *ret, struct kt_error *err)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ORDER_WAIT_S;
    if (pthread_mutex_clocklock(&m->work, CLOCK_MONOTONIC, &until) != 0)
        return kt_fail(err, KT_E_AGAIN, "a checkpoint is being made: try again in a moment");
    enum kt_status st = kt_making_order(&m->making, o, ret, err);
    (void)pthread_mutex_unlock(&m->work);
    return st;
}
