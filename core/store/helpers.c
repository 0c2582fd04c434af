/*
 * helpers: a few threads along one list.
 *
 * Owns:  the threads and the rooms.
 * Calls: core/base.
 * Holds: a thing is prepared once, by whoever claims it; they are handed out in the list's order.
 *        A room's door is its thread's alone: what a walker asks of a room is in memory when it is
 *        handed out.
 */
#include "core/store/helpers.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "core/base/alloc.h"

enum { WALKER, WHO = 1 + KT_HELPERS_MAX }; /* and helpers behind it */
enum state { FREE, CLAIMED, READY };
struct work {
    void *room;
    enum state state;
    uint32_t at;
};
struct kt_helpers {
    struct kt_helpers_plan plan;
    void *door; /* the walker's */
    struct helper {
        struct kt_helpers *of;
        unsigned who;
        pthread_t thread;
    } helper[KT_HELPERS_MAX];
    unsigned threads;            /* that run */
    pthread_mutex_t lock;        /* guards all below */
    pthread_cond_t changed[WHO]; /* for a walker that waits for what comes next; for a helper
                                    without a free room */
    bool asleep[WHO];
    struct work work[WHO][KT_HELPERS_ROOM_MAX];
    uint32_t next, deliver; /* to be claimed, to be handed out */
    bool *empty;            /* prepared, and nobody has to see it */
    struct work *given;
    bool quit;
};

static struct work *free_work(struct kt_helpers *h, unsigned who)
{
    for (unsigned i = 0; i < h->plan.room; i++)
        if (h->work[who][i].state == FREE)
            return &h->work[who][i];
    return NULL;
}

static void tell(struct kt_helpers *h, unsigned who)
{
    if (h->asleep[who])
        (void)pthread_cond_signal(&h->changed[who]);
}

static void sleep_until_told(struct kt_helpers *h, unsigned who)
{
    h->asleep[who] = true;
    (void)pthread_cond_wait(&h->changed[who], &h->lock);
    h->asleep[who] = false;
}

/* Claims the next thing and prepares it with the lock open. NULL: there is nothing to claim, or no
 * room to do it in. What nobody has to see leaves its room free again at once: of most questions
 * that is most things. */
static struct work *claim(struct kt_helpers *h, unsigned who, void *door)
{
    struct work *w = free_work(h, who);
    if (w == NULL || h->next == h->plan.n)
        return NULL;
    w->at = h->next++;
    w->state = CLAIMED;
    (void)pthread_mutex_unlock(&h->lock);
    bool empty = !h->plan.prepare(h->plan.self, door, w->room, w->at);
    (void)pthread_mutex_lock(&h->lock);
    h->empty[w->at] = empty;
    w->state = empty ? FREE : READY;
    if (w->at == h->deliver)
        tell(h, WALKER);
    return w;
}

/* ---- the threads ---- */

static void free_rooms(struct kt_helpers *h, unsigned who)
{
    for (unsigned i = 0; i < h->plan.room; i++) {
        h->plan.free(h->work[who][i].room);
        h->work[who][i].room = NULL;
    }
}

static void *help(void *self)
{
    const struct helper *me = self;
    struct kt_helpers *h = me->of;
    void *door = h->plan.open(h->plan.self, false);
    if (door == NULL)
        return NULL;
    (void)pthread_mutex_lock(&h->lock);
    while (!h->quit) {
        if (claim(h, me->who, door) == NULL && !h->quit)
            sleep_until_told(h, me->who);
    }
    (void)pthread_mutex_unlock(&h->lock);
    free_rooms(h, me->who); /* they may hold on to the door */
    h->plan.close(door);
    return NULL;
}

static void make_rooms(struct kt_helpers *h, unsigned who)
{
    for (unsigned i = 0; i < h->plan.room; i++)
        h->work[who][i].room = h->plan.make();
}

static void start_threads(struct kt_helpers *h)
{
    sigset_t all, before;
    const unsigned n = sysconf(_SC_NPROCESSORS_ONLN) < 2 ? 0 : h->plan.threads;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; h->threads < n; h->threads++) {
        struct helper *helper = &h->helper[h->threads];
        *helper = (struct helper){ .of = h, .who = WALKER + 1 + h->threads };
        make_rooms(h, helper->who);
        if (pthread_create(&helper->thread, NULL, help, helper) != 0)
            break;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct kt_helpers *kt_helpers_new(const struct kt_helpers_plan *plan)
{
    struct kt_helpers *h = kt_alloc(sizeof *h);
    *h = (struct kt_helpers){ .plan = *plan,
                              .door = plan->open(plan->self, true),
                              .empty = kt_alloc_array(plan->n + 1, sizeof *h->empty) };
    (void)pthread_mutex_init(&h->lock, NULL);
    for (unsigned who = 0; who < WHO; who++)
        (void)pthread_cond_init(&h->changed[who], NULL);
    make_rooms(h, WALKER);
    start_threads(h);
    return h;
}

void kt_helpers_free(struct kt_helpers *h)
{
    if (h == NULL)
        return;
    (void)pthread_mutex_lock(&h->lock);
    h->quit = true;
    for (unsigned who = 0; who < WHO; who++)
        tell(h, who);
    (void)pthread_mutex_unlock(&h->lock);
    for (unsigned i = 0; i < h->threads; i++)
        (void)pthread_join(h->helper[i].thread, NULL);
    (void)pthread_mutex_destroy(&h->lock);
    for (unsigned who = 0; who < WHO; who++)
        (void)pthread_cond_destroy(&h->changed[who]);
    for (unsigned who = 0; who < WHO; who++)
        free_rooms(h, who);
    h->plan.close(h->door);
    kt_free(h->empty);
    kt_free(h);
}

/* ---- whoever walks ---- */

static struct work *work_at(struct kt_helpers *h, uint32_t at)
{
    for (unsigned who = 0; who < WHO; who++)
        for (unsigned i = 0; i < h->plan.room; i++)
            if (h->work[who][i].state != FREE && h->work[who][i].at == at)
                return &h->work[who][i];
    return NULL;
}

static bool is_ready(const struct work *w)
{
    return w != NULL && w->state == READY;
}

/* The work that comes next, once it is prepared, or some that nobody has to see. NULL: it was the
 * last. */
static struct work *next_work(struct kt_helpers *h)
{
    for (;;) {
        while (h->deliver < h->plan.n && h->empty[h->deliver])
            h->deliver++;
        struct work *w = h->deliver < h->plan.n ? work_at(h, h->deliver) : NULL;
        if (is_ready(w) || h->deliver == h->plan.n)
            return w;
        w = claim(h, WALKER, h->door);
        if (w != NULL && h->empty[w->at])
            return w;
        if (w == NULL)
            sleep_until_told(h, WALKER);
    }
}

void *kt_helpers_next(struct kt_helpers *h)
{
    (void)pthread_mutex_lock(&h->lock);
    if (h->given != NULL) {
        h->given->state = FREE;
        tell(h, (unsigned)(h->given - h->work[0]) / KT_HELPERS_ROOM_MAX);
        h->given = NULL;
    }
    struct work *w = next_work(h);
    if (is_ready(w)) {
        h->deliver++;
        h->given = w;
    }
    (void)pthread_mutex_unlock(&h->lock);
    return w == NULL ? NULL : w->room;
}

void kt_helpers_each(struct kt_helpers *h, void (*each)(void *self, void *room), void *self)
{
    (void)pthread_mutex_lock(&h->lock);
    for (unsigned who = 0; who < WHO; who++)
        for (unsigned i = 0; i < h->plan.room; i++)
            if (h->work[who][i].state != CLAIMED && h->work[who][i].room != NULL)
                each(self, h->work[who][i].room);
    (void)pthread_mutex_unlock(&h->lock);
}
