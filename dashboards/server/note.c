/*
 * note: the page's side of the self-audit.
 *
 * Owns:  what was noted lately, by hash; a thread, and what waits for it.
 * Calls: core/wire/control_client, note_write; logs what could not be noted.
 * Holds: raw records and exports leave only after their note is on the collector's disk; what else
 *        the collector could not be told of is kept, and told when it answers again.
 */
#include "dashboards/server/note.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/wire/control_client.h"
#include "dashboards/server/note_write.h"
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define RECENT     4096u
#define ONCE       (5 * KT_NS_MIN)
#define PATIENCE_S 2u
#define FAILED_MAX 60u /* a minute */
#define WAITING    256u
#define FLYING     16u /* more than there are workers */

struct kept { /* a request that waits */
    enum kt_page_what what;
    struct kt_buf request;
    kt_time_ns at;
    bool dated; /* it says when it was */
};
struct kt_page_notes {
    const char *control;
    pthread_mutex_t lock;
    uint64_t seed;
    struct recent { /* where its hash says; another in its place only costs a second record */
        uint64_t key;
        kt_time_ns at;
    } recent[RECENT];
    uint64_t flying[FLYING]; /* what the collector is being told; 0: none */
    pthread_cond_t landed;
    kt_time_ns minute; /* begin of the one that failed logins are counted in */
    unsigned failed, left_out;
    pthread_t thread;
    pthread_cond_t work;
    bool started, quit;
    bool failing;                 /* the collector could not be told, last */
    struct kept waiting[WAITING]; /* a ring */
    unsigned first, n;
    unsigned dropped; /* failed logins that had no place in it; told after the next that is taken */
};

/* ---- asking the collector ---- */

/* KT_E_INPUT: it has answered, and not that it is noted. */
static enum kt_status send(const struct kt_page_notes *n, struct kt_str request,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    if (kt_control_ask_within(n->control, request, PATIENCE_S, &answer, err) != KT_OK)
        return err->code;
    if (kt_str_starts(kt_buf_str(&answer), KT_STR("{\"seq\":")))
        return KT_OK;
    return kt_fail(err, KT_E_INPUT, "the collector answered: " KT_STR_FMT,
                   KT_STR_ARG(kt_utf8_cut(kt_str_trim(kt_buf_str(&answer)), 200)));
}

static void say_not_noted(enum kt_page_what what, struct kt_str user, const char *why)
{
    kt_log(KT_LOG_WARN, "dashboard: not noted what=%s user='" KT_STR_FMT "' why='%s'",
           kt_page_words[what], KT_STR_ARG(kt_utf8_cut(user, 80)), why);
}

/* ---- what waits; with the lock ---- */

static struct kept *waiting_at(struct kt_page_notes *n, unsigned i)
{
    return &n->waiting[(n->first + i) % WAITING];
}

static struct kept take_out(struct kt_page_notes *n, unsigned i)
{
    struct kept one = *waiting_at(n, i);
    for (; i + 1 < n->n; i++)
        *waiting_at(n, i) = *waiting_at(n, i + 1);
    *waiting_at(n, --n->n) = (struct kept){ 0 };
    return one;
}

/* Failed logins, which anybody can make, go before what people with a session did. */
static bool make_room(struct kt_page_notes *n)
{
    unsigned i = 0;
    if (n->n < WAITING)
        return true;
    while (i < n->n && waiting_at(n, i)->what != KT_PAGE_LOGIN_FAILED)
        i++;
    if (i == n->n)
        return false;
    struct kept one = take_out(n, i);
    kt_buf_done(&one.request);
    n->dropped++;
    return true;
}

/* What is told late says when it was. */
static void date(struct kept *one)
{
    char text[KT_TIME_TEXT_MAX];
    if (one->dated || one->request.len == 0)
        return;
    one->request.len--; /* the last brace */
    kt_buf_addf(&one->request, ",\"at\":\"%s\"}", kt_time_format(one->at, text));
    one->dated = true;
}

/* Takes the request. false: there is no place for it, the page's log says so. */
static bool keep(struct kt_page_notes *n, struct kept *one, bool in_front)
{
    bool room = n->started && make_room(n);
    if (room && in_front)
        n->first = (n->first + WAITING - 1) % WAITING;
    if (room) {
        n->n++;
        *waiting_at(n, in_front ? 0 : n->n - 1) = *one;
        (void)pthread_cond_signal(&n->work);
    } else if (one->what == KT_PAGE_LOGIN_FAILED) {
        n->dropped++;
    } else {
        kt_log(KT_LOG_WARN, "dashboard: not noted request='%s' why='too many wait'",
               kt_buf_z(&one->request));
    }
    if (!room)
        kt_buf_done(&one->request);
    *one = (struct kept){ 0 };
    return room;
}

static void keep_dropped(struct kt_page_notes *n, kt_time_ns at)
{
    struct kept one = { .what = KT_PAGE_LOGIN, .at = at, .dated = true };
    kt_buf_addf(&one.request,
                "{\"do\":\"viewed\",\"what\":\"login.failed\",\"user\":\"(several)\",\"query\":"
                "\"%u more, not noted one by one\"}",
                n->dropped);
    unsigned told = n->dropped; /* one more goes where another has taken the place meanwhile */
    if (keep(n, &one, true))    /* in the place of what was just told */
        n->dropped -= told;
}

/* ---- the thread ---- */

static void pause_a_second(struct kt_page_notes *n)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 1;
    if (!n->quit)
        (void)pthread_cond_timedwait(&n->work, &n->lock, &t);
}

/* The first of what waits. */
static enum kt_status tell_first(struct kt_page_notes *n)
{
    struct kt_error err = { 0 };
    struct kept one = take_out(n, 0);
    (void)pthread_mutex_unlock(&n->lock);
    enum kt_status status = send(n, kt_buf_str(&one.request), &err);
    (void)pthread_mutex_lock(&n->lock);
    if (status == KT_OK) {
        kt_buf_done(&one.request);
        n->failing = false;
        if (n->dropped > 0)
            keep_dropped(n, one.at);
        return KT_OK;
    }
    if (!n->failing)
        kt_log(KT_LOG_WARN, "dashboard: not noted yet, tried again each second why='%s'", err.text);
    n->failing = true;
    date(&one);
    (void)keep(n, &one, status != KT_E_INPUT); /* one that is refused does not hold up others */
    return status;
}

static void *work(void *self)
{
    struct kt_page_notes *n = self;
    unsigned refused = 0; /* at the end: each is tried once more, while somebody answers */
    (void)pthread_mutex_lock(&n->lock);
    while (!n->quit || n->n > refused) {
        if (n->n == 0) {
            (void)pthread_cond_wait(&n->work, &n->lock);
            continue;
        }
        bool ending = n->quit; /* before it is asked: what was refused until then is tried again */
        enum kt_status status = tell_first(n);
        refused += ending && status == KT_E_INPUT;
        if (ending && status != KT_OK && status != KT_E_INPUT)
            break;
        if (status != KT_OK)
            pause_a_second(n);
    }
    if (n->dropped > 0)
        kt_log(KT_LOG_WARN, "dashboard: failed logins not noted n=%u", n->dropped);
    while (n->n > 0) {
        struct kept one = take_out(n, 0);
        kt_log(KT_LOG_WARN, "dashboard: not noted request='%s' why='the page ends'",
               kt_buf_z(&one.request));
        kt_buf_done(&one.request);
    }
    (void)pthread_mutex_unlock(&n->lock);
    return NULL;
}

struct kt_page_notes *kt_page_notes_new(const char *control)
{
    struct kt_page_notes *n = kt_alloc(sizeof *n);
    sigset_t all, before;
    n->control = control;
    kt_random(&n->seed, sizeof n->seed);
    (void)pthread_mutex_init(&n->lock, NULL);
    (void)pthread_cond_init(&n->work, NULL);
    (void)pthread_cond_init(&n->landed, NULL);
    if (control == NULL) {
        kt_log(KT_LOG_WARN, "dashboard: a store without a collector: what is looked at here is "
                            "noted nowhere");
        return n;
    }
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    n->started = pthread_create(&n->thread, NULL, work, n) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}

void kt_page_notes_free(struct kt_page_notes *n)
{
    if (n == NULL)
        return;
    (void)pthread_mutex_lock(&n->lock);
    n->quit = true;
    (void)pthread_cond_signal(&n->work);
    (void)pthread_mutex_unlock(&n->lock);
    if (n->started)
        (void)pthread_join(n->thread, NULL);
    (void)pthread_cond_destroy(&n->work);
    (void)pthread_cond_destroy(&n->landed);
    (void)pthread_mutex_destroy(&n->lock);
    kt_free(n);
}

/* ---- once ---- */

static bool is_once(enum kt_page_what what)
{
    return what != KT_PAGE_LOGIN && what != KT_PAGE_LOGOUT;
}

/* Raw records and exports do not leave without their note. */
static bool is_strict(enum kt_page_what what)
{
    return what == KT_PAGE_RAW || what == KT_PAGE_EXPORT;
}

/* Was it noted lately? With the lock. */
static bool noted(const struct kt_page_notes *n, uint64_t key, kt_time_ns now)
{
    const struct recent *r = &n->recent[(key >> 1) % RECENT];
    return r->key == key && now - r->at < ONCE && now >= r->at;
}

static void remember(struct kt_page_notes *n, uint64_t key, kt_time_ns now)
{
    n->recent[(key >> 1) % RECENT] = (struct recent){ key, now };
}

/* May another failed login be noted in this minute? With the lock. */
static bool room_for_failed(struct kt_page_notes *n, kt_time_ns now)
{
    if (now - n->minute >= KT_NS_MIN || now < n->minute) {
        if (n->left_out > 0)
            kt_log(KT_LOG_WARN, "dashboard: failed logins not noted one by one n=%u", n->left_out);
        n->minute = now;
        n->failed = n->left_out = 0;
    }
    n->left_out += n->failed >= FAILED_MAX;
    return n->failed++ < FAILED_MAX;
}

/* The place of a key that the collector is being told of; of 0: a free one. NULL: none. */
static uint64_t *flying(struct kt_page_notes *n, uint64_t key)
{
    for (unsigned i = 0; i < FLYING; i++)
        if (n->flying[i] == key)
            return &n->flying[i];
    return NULL;
}

/* With the lock, which it gives up while another worker tells of the same. */
static bool wanted(struct kt_page_notes *n, const struct kt_page_view *v, uint64_t key,
                   kt_time_ns now)
{
    while (is_once(v->what) && flying(n, key) != NULL)
        (void)pthread_cond_wait(&n->landed, &n->lock);
    return (!is_once(v->what) || !noted(n, key, now)) &&
           (v->what != KT_PAGE_LOGIN_FAILED || room_for_failed(n, now));
}

void kt_page_note_later(struct kt_page_notes *n, const struct kt_page_view *v, kt_time_ns now)
{
    if (n->control == NULL)
        return;
    uint64_t key = kt_page_note_key(v, n->seed);
    (void)pthread_mutex_lock(&n->lock);
    if (wanted(n, v, key, now)) {
        struct kept one = { .what = v->what, .at = now };
        kt_page_note_write(v, &one.request);
        if (keep(n, &one, false))
            remember(n, key, now);
    }
    (void)pthread_mutex_unlock(&n->lock);
}

/* With the lock, which it gives up meanwhile. */
static enum kt_status tell(struct kt_page_notes *n, const struct kt_page_view *v, uint64_t key,
                           struct kept *one, struct kt_error *err)
{
    if (n->failing && !is_strict(v->what))
        return KT_E_IO; /* the thread will hear when it answers again */
    uint64_t *place = flying(n, 0);
    if (place != NULL)
        *place = key;
    (void)pthread_mutex_unlock(&n->lock);
    enum kt_status status = send(n, kt_buf_str(&one->request), err);
    (void)pthread_mutex_lock(&n->lock);
    if (place != NULL)
        *place = 0;
    (void)pthread_cond_broadcast(&n->landed);
    return status;
}

enum kt_status kt_page_note(struct kt_page_notes *n, const struct kt_page_view *v, kt_time_ns now,
                            struct kt_error *err)
{
    struct kept one = { .what = v->what, .at = now };
    struct kt_error why = { 0 };
    if (n->control == NULL || v->what == KT_PAGE_NOTHING)
        return KT_OK;
    uint64_t key = kt_page_note_key(v, n->seed);
    bool shown = true;
    (void)pthread_mutex_lock(&n->lock);
    if (wanted(n, v, key, now)) {
        kt_page_note_write(v, &one.request);
        bool told = tell(n, v, key, &one, &why) == KT_OK;
        shown = told || !is_strict(v->what);
        if (!told && shown)
            date(&one);
        if (told || (shown && keep(n, &one, false)))
            remember(n, key, now);
    }
    (void)pthread_mutex_unlock(&n->lock);
    kt_buf_done(&one.request);
    if (shown)
        return KT_OK;
    say_not_noted(v->what, v->user, why.text);
    return kt_fail(err, KT_E_LIMIT,
                   "that this is looked at cannot be noted, so it is not shown: the collector does "
                   "not answer");
}
