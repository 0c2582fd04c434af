/*
 * fetch: one HTTP request at a time on a thread of its own.
 *
 * Owns:  the thread, its kt_http, copies of the request's texts.
 * Calls: core.
 * Holds: the thread touches kt_http alone; all else is behind the lock.
 */
#include "agents/inputs/fetch.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"

#define RUN_MS 60000 /* a turn of the thread; it is woken for what matters */

enum state { IDLE, ASKED, RUNNING, ANSWERED };
struct kt_fetch {
    pthread_t thread;
    bool threaded;
    pthread_mutex_t lock; /* guards all below */
    int wake, ready;      /* eventfds: for the thread, for whoever asked */
    enum state state;
    bool quit;
    struct kt_http_request request;
    struct kt_str *headers;
    char *ca_file, *proxy;
    struct kt_http_answer answer;
};

static void signal_fd(int fd)
{
    const uint64_t one = 1;
    if (fd >= 0)
        (void)!write(fd, &one, sizeof one);
}

static void drain_fd(int fd)
{
    uint64_t n;
    if (fd >= 0)
        (void)!read(fd, &n, sizeof n);
}

/* ---- the thread ---- */

static void take_answer(void *self, struct kt_http_answer *a)
{
    struct kt_fetch *f = self;
    (void)pthread_mutex_lock(&f->lock);
    f->answer = *a;
    a->body = a->headers = (struct kt_buf){ 0 };
    f->state = ANSWERED;
    (void)pthread_mutex_unlock(&f->lock);
    signal_fd(f->ready);
}

static void begin(struct kt_fetch *f, struct kt_http *http)
{
    struct kt_http_answer none = { 0 };
    struct kt_error err = { 0 };
    if (kt_http_start(http, &f->request, &err) == KT_OK)
        return;
    kt_str_copyz(none.error, sizeof none.error, kt_str_of(err.text));
    take_answer(f, &none);
}

static void *work(void *self)
{
    struct kt_fetch *f = self;
    struct kt_http *http = kt_http_new();
    bool quit = false;
    while (!quit) {
        (void)pthread_mutex_lock(&f->lock);
        quit = f->quit;
        bool asked = f->state == ASKED;
        if (asked)
            f->state = RUNNING;
        (void)pthread_mutex_unlock(&f->lock);
        if (asked)
            begin(f, http);
        if (!quit)
            kt_http_run(http, RUN_MS, f->wake, take_answer, f);
        drain_fd(f->wake);
    }
    kt_http_free(http);
    return NULL;
}

/* ---- whoever asks ---- */

struct kt_fetch *kt_fetch_new(void)
{
    struct kt_fetch *f = kt_alloc(sizeof *f);
    sigset_t all, before;
    (void)pthread_mutex_init(&f->lock, NULL);
    f->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    f->ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    f->threaded = f->wake >= 0 && pthread_create(&f->thread, NULL, work, f) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return f;
}

/* Headers and bodies hold tokens. */
static void forget_text(struct kt_str s)
{
    kt_wipe((void *)(uintptr_t)s.at, s.len);
    kt_free((void *)(uintptr_t)s.at);
}

static void forget_request(struct kt_fetch *f)
{
    forget_text(f->request.url);
    forget_text(f->request.body);
    for (unsigned i = 0; i < f->request.n_headers; i++)
        forget_text(f->headers[i]);
    kt_free(f->headers);
    kt_free(f->ca_file);
    kt_free(f->proxy);
    f->request = (struct kt_http_request){ 0 };
    f->headers = NULL;
    f->ca_file = f->proxy = NULL;
}

void kt_fetch_free(struct kt_fetch *f)
{
    if (f == NULL)
        return;
    if (f->threaded) {
        (void)pthread_mutex_lock(&f->lock);
        f->quit = true;
        (void)pthread_mutex_unlock(&f->lock);
        signal_fd(f->wake);
        (void)pthread_join(f->thread, NULL);
    }
    forget_request(f);
    kt_http_answer_done(&f->answer);
    (void)close(f->wake);
    (void)close(f->ready);
    (void)pthread_mutex_destroy(&f->lock);
    kt_free(f);
}

int kt_fetch_fd(const struct kt_fetch *f)
{
    return f->ready;
}

bool kt_fetch_busy(const struct kt_fetch *f)
{
    struct kt_fetch *mine = (struct kt_fetch *)(uintptr_t)f;
    (void)pthread_mutex_lock(&mine->lock);
    bool busy = f->state != IDLE;
    (void)pthread_mutex_unlock(&mine->lock);
    return busy;
}

static struct kt_str own(struct kt_str s)
{
    return kt_str_from(kt_str_dup(s), s.len);
}

void kt_fetch_start(struct kt_fetch *f, const struct kt_http_request *r)
{
    (void)pthread_mutex_lock(&f->lock);
    forget_request(f);
    f->headers = kt_alloc_array(r->n_headers + 1, sizeof *f->headers);
    for (unsigned i = 0; i < r->n_headers; i++)
        f->headers[i] = own(r->headers[i]);
    f->ca_file = r->ca_file != NULL ? kt_strdup(r->ca_file) : NULL;
    f->proxy = r->proxy != NULL ? kt_strdup(r->proxy) : NULL;
    f->request = *r;
    f->request.url = own(r->url);
    f->request.body = own(r->body);
    f->request.headers = f->headers;
    f->request.ca_file = f->ca_file;
    f->request.proxy = f->proxy;
    f->state = f->threaded ? ASKED : ANSWERED;
    if (!f->threaded) {
        f->answer = (struct kt_http_answer){ 0 };
        kt_str_copyz(f->answer.error, sizeof f->answer.error, KT_STR("no thread could be started"));
    }
    (void)pthread_mutex_unlock(&f->lock);
    signal_fd(f->threaded ? f->wake : f->ready);
}

bool kt_fetch_take(struct kt_fetch *f, struct kt_http_answer *ret)
{
    (void)pthread_mutex_lock(&f->lock);
    bool there = f->state == ANSWERED;
    if (there) {
        *ret = f->answer;
        f->answer = (struct kt_http_answer){ 0 };
        f->state = IDLE;
        drain_fd(f->ready);
        forget_request(f); /* it holds a token */
    }
    (void)pthread_mutex_unlock(&f->lock);
    return there;
}

bool kt_fetch_is_later(struct kt_http_answer *a, kt_time_ns now)
{
    int64_t until;
    bool used_up = kt_str_is(kt_http_header(a, "x-ratelimit-remaining"), "0");
    if (a->status == 0 || a->error[0] != '\0' || a->status == 429 || a->status >= 500)
        return true;
    if (a->status != 403 || (a->retry_after == 0 && !used_up))
        return false;
    if (a->retry_after == 0 && kt_str_i64(kt_http_header(a, "x-ratelimit-reset"), &until) &&
        until > now / KT_NS_S && until - now / KT_NS_S <= KT_NS_HOUR / KT_NS_S)
        a->retry_after = (until - now / KT_NS_S + 1) * KT_NS_S;
    return true;
}
