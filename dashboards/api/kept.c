/*
 * kept: see the header.
 *
 * Owns:  the answers and their keys, KT_API_KEPT_MAX of each.
 * Calls: core/base; POSIX threads.
 * Holds: one maker a key at a time, so long as nobody gives up waiting and what is made can be
 *        kept: else those who waited go all at once, not one after the other.
 */
#include "dashboards/api/kept.h"
#include "core/base/alloc.h"
#include <pthread.h>
#include <time.h>

#define LOOK_NS  (50 * KT_NS_MS) /* between two looks at give_up */
#define LONG_FOR (10 * KT_NS_S)  /* an answer that was too long is taken to be so again */

struct kept {
    struct kt_buf key, answer;
    kt_time_ns made; /* 0: there is no answer (yet) */
    bool making;
    kt_time_ns too_long; /* when an answer was made that cannot be kept; 0: none was */
    uint64_t failed;     /* turn when a making ended without one that is kept */
    uint64_t used;       /* turn when it was asked for last; 0: the place is free */
};
struct kt_api_kept {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct kept at[KT_API_KEPT_MAX];
    uint64_t turn;
};

struct kt_api_kept *kt_api_kept_new(void)
{
    struct kt_api_kept *k = kt_alloc(sizeof *k);
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)pthread_cond_init(&k->changed, NULL);
    return k;
}

void kt_api_kept_free(struct kt_api_kept *k)
{
    if (k == NULL)
        return;
    for (unsigned i = 0; i < KT_API_KEPT_MAX; i++) {
        kt_buf_done(&k->at[i].key);
        kt_buf_done(&k->at[i].answer);
    }
    (void)pthread_cond_destroy(&k->changed);
    (void)pthread_mutex_destroy(&k->lock);
    kt_free(k);
}

static struct kept *find(struct kt_api_kept *k, struct kt_str key)
{
    for (unsigned i = 0; i < KT_API_KEPT_MAX; i++)
        if (k->at[i].used != 0 && kt_str_eq(kt_buf_str(&k->at[i].key), key))
            return &k->at[i];
    return NULL;
}

/* The place that was used longest ago and that nobody is making; NULL: all are being made. */
static struct kept *take_place(struct kt_api_kept *k, struct kt_str key)
{
    struct kept *old = NULL;
    for (unsigned i = 0; i < KT_API_KEPT_MAX; i++)
        if (!k->at[i].making && (old == NULL || k->at[i].used < old->used))
            old = &k->at[i];
    if (old == NULL)
        return NULL;
    kt_buf_reset(&old->key);
    kt_buf_add(&old->key, key);
    old->made = old->too_long = 0;
    old->failed = 0;
    return old;
}

static void wait_some(struct kt_api_kept *k)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)LOOK_NS;
    if (until.tv_nsec >= (long)KT_NS_S) {
        until.tv_nsec -= (long)KT_NS_S;
        until.tv_sec++;
    }
    (void)pthread_cond_timedwait(&k->changed, &k->lock, &until);
}

static bool is_fresh(const struct kept *p, kt_time_ns now, kt_time_ns age)
{
    return p->made != 0 && now - p->made <= age && p->made - now <= age;
}

/* came: the turn when he who asks began to. */
static bool goes_alone(const struct kept *p, uint64_t came, kt_time_ns now)
{
    return p->failed > came ||
           (p->too_long != 0 && now - p->too_long <= LONG_FOR && p->too_long - now <= LONG_FOR);
}

bool kt_api_kept_get(struct kt_api_kept *k, struct kt_str key, kt_time_ns now, kt_time_ns age,
                     bool (*give_up)(void *self), void *self, struct kt_buf *out)
{
    bool there = false;
    if (k == NULL)
        return false;
    (void)pthread_mutex_lock(&k->lock);
    const uint64_t came = k->turn;
    for (;;) {
        struct kept *p = find(k, key);
        there = p != NULL && is_fresh(p, now, age);
        if (there)
            kt_buf_add(out, kt_buf_str(&p->answer));
        if (p == NULL)
            p = take_place(k, key);
        if (p != NULL)
            p->used = ++k->turn;
        if (there || p == NULL || !p->making || goes_alone(p, came, now) ||
            (give_up != NULL && give_up(self))) {
            if (!there && p != NULL)
                p->making = true;
            break;
        }
        wait_some(k);
    }
    (void)pthread_mutex_unlock(&k->lock);
    return there;
}

static void settle(struct kt_api_kept *k, struct kt_str key, kt_time_ns now, struct kt_str answer)
{
    if (k == NULL)
        return;
    (void)pthread_mutex_lock(&k->lock);
    struct kept *p = find(k, key);
    if (p != NULL) {
        bool kept = now != 0 && answer.len <= KT_API_KEPT_BYTES;
        p->making = false;
        if (now != 0)
            p->too_long = kept ? 0 : now;
        if (kept) {
            kt_buf_reset(&p->answer);
            kt_buf_add(&p->answer, answer);
            p->made = now;
        } else {
            p->failed = ++k->turn;
        }
    }
    (void)pthread_cond_broadcast(&k->changed);
    (void)pthread_mutex_unlock(&k->lock);
}

void kt_api_kept_put(struct kt_api_kept *k, struct kt_str key, kt_time_ns now, struct kt_str answer)
{
    settle(k, key, now, answer);
}

void kt_api_kept_drop(struct kt_api_kept *k, struct kt_str key)
{
    settle(k, key, 0, KT_STR_NONE);
}
