/*
 * answers: asks targets who answered.
 *
 * Owns:  a thread, its HTTP connections, what is watched.
 * Calls: courier (options and key files), core/sys/http, exporters/alerts through the courier.
 * Holds: one request at a time and at most one a second to a target; each alert about every 30 s,
 * or later when there are more than 30. An entry is told once, and again only when the process
 *        ended before its mark was stored.
 */
#include "collector/answers.h"
#include "collector/courier.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/sys/wake.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVERY      (30 * KT_NS_S)
#define APART      (KT_NS_S)
#define TROUBLE    (KT_NS_MIN)      /* no answer, 5xx, 429 that does not say how long */
#define REFUSED    (10 * KT_NS_MIN) /* a person has to mend something */
#define IDLE_MS    1000             /* nothing is watched */
#define WAIT_MS    100
#define ARENA      (16u << 10)
#define REPLY_MAX  (1u << 20) /* 100 log entries with their texts */
#define QUEUED_MAX 1024u

struct watched {
    struct kt_answer_place place;
    char mark[KT_ANSWER_MARK];
    kt_time_ns due; /* mono */
};
struct asked { /* one target */
    struct kt_courier courier;
    struct watched *at;
    unsigned n;
    unsigned flying; /* 1 + index of the alert that is asked about; its alert is in `about` */
    char about[27];
    kt_time_ns next;         /* mono: no request before */
    kt_time_ns last_success; /* wall */
    char last_error[200];
};
struct kt_answers {
    struct kt_clock clock;
    struct asked *targets;
    unsigned n_targets;
    struct kt_http *http;
    struct kt_arena arena;
    struct kt_target_request request;
    pthread_t thread;
    bool started;
    int wake_fd, ready_fd;
    pthread_mutex_t lock; /* guards all below, and what is watched */
    struct kt_answered *queue;
    unsigned n_queue, taken;
    bool stop;
};

static kt_time_ns mono(const struct kt_answers *a)
{
    return a->clock.mono(a->clock.self);
}

/* ---- marks ---- */

/* Entries of one second have one time: the mark names those that were taken of the newest. */
static bool is_new(const char *mark, const struct kt_answer *x)
{
    struct kt_str rest = kt_str_of(mark), word;
    int64_t newest = INT64_MIN;
    if (rest.len > 0 && kt_str_split(&rest, ' ', &word))
        (void)kt_str_i64(word, &newest);
    if (x->at != newest)
        return x->at > newest;
    while (rest.len > 0 && kt_str_split(&rest, ' ', &word))
        if (kt_str_is(word, x->entry))
            return false;
    return true;
}

static void advance(char mark[KT_ANSWER_MARK], const struct kt_answer *x)
{
    struct kt_str rest = kt_str_of(mark), word = KT_STR_NONE;
    int64_t newest = INT64_MIN;
    size_t used = rest.len, room = KT_ANSWER_MARK - used;
    if (rest.len > 0 && kt_str_split(&rest, ' ', &word))
        (void)kt_str_i64(word, &newest);
    if (newest == x->at && strlen(x->entry) + 1 < room)
        (void)snprintf(mark + used, room, " %s", x->entry);
    else
        (void)snprintf(mark, KT_ANSWER_MARK, "%" PRId64 " %s", x->at, x->entry);
}

/* ---- the thread ---- */

static int by_time(const void *a, const void *b)
{
    const struct kt_answer *x = a, *y = b;
    return x->at != y->at ? (x->at < y->at ? -1 : 1) : strcmp(x->entry, y->entry);
}

static void tell(struct kt_answers *a, const struct asked *t, struct watched *w,
                 struct kt_answer *at, unsigned n)
{
    qsort(at, n, sizeof *at, by_time);
    for (unsigned i = 0; i < n && a->n_queue < QUEUED_MAX; i++) {
        if (!is_new(w->mark, &at[i]))
            continue;
        advance(w->mark, &at[i]);
        struct kt_answered *q;
        a->queue = kt_realloc_array(a->queue, a->n_queue + 1, sizeof *a->queue);
        q = &a->queue[a->n_queue++];
        *q = (struct kt_answered){ .target = t->courier.conf->name, .answer = at[i] };
        memcpy(q->alert, w->place.alert, sizeof q->alert);
        memcpy(q->mark, w->mark, sizeof q->mark);
        kt_wake_raise(a->ready_fd);
    }
}

static struct watched *find(struct asked *t, const char *alert)
{
    for (unsigned i = 0; i < t->n; i++)
        if (strcmp(t->at[i].place.alert, alert) == 0)
            return &t->at[i];
    return NULL;
}

/* How long the target is left alone after what it said. */
static kt_time_ns pause_after(const struct kt_http_answer *h, enum kt_verdict v)
{
    if (h->retry_after > 0)
        return h->retry_after;
    return v == KT_DELIVERED ? APART : v == KT_RETRY ? TROUBLE : REFUSED;
}

static void answered(void *self, struct kt_http_answer *h)
{
    struct kt_answers *a = self;
    struct asked *t = &a->targets[h->tag];
    static const size_t page = KT_ANSWERS_PAGE * sizeof(struct kt_answer);
    struct kt_answer *found = kt_alloc(page);
    struct kt_target_reply reply = { .status = h->status, .body = kt_buf_str(&h->body) };
    unsigned n = 0;
    bool more = false;
    char word[64] = "";
    enum kt_verdict v = KT_RETRY;
    (void)pthread_mutex_lock(&a->lock);
    struct watched *w = find(t, t->about);
    struct kt_answer_place gone = { 0 };
    if (h->status != 0)
        v = t->courier.target->answers->hear(&reply, w != NULL ? &w->place : &gone, found, &n,
                                             &more, word);
    t->flying = 0;
    bool missing = h->status == 404; /* of one alert, no trouble of the target */
    t->next = mono(a) + (missing ? APART : pause_after(h, v));
    if (v == KT_DELIVERED || missing) {
        t->last_success = a->clock.wall(a->clock.self);
        t->last_error[0] = '\0';
    } else {
        (void)snprintf(t->last_error, sizeof t->last_error, "%s", h->status != 0 ? word : h->error);
    }
    if (w != NULL) {
        tell(a, t, w, found, n);
        w->due = mono(a) + (more ? 0 : EVERY);
    }
    (void)pthread_mutex_unlock(&a->lock);
    kt_free(found);
}

static void ask(struct kt_answers *a, struct asked *t, struct watched *w)
{
    struct kt_error err = { 0 };
    struct kt_http_request r;
    const struct kt_courier *c = &t->courier;
    kt_arena_reset(&a->arena);
    a->request.n_headers = 0;
    enum kt_status st = c->target->answers->ask(c->options, kt_str_trim(kt_buf_str(&c->answers)),
                                                &w->place, &a->arena, &a->request, &err);
    if (st == KT_OK) {
        kt_courier_request(c, &a->request, (uint64_t)(t - a->targets), &r);
        r.method = KT_HTTP_GET;
        r.reply_max = REPLY_MAX;
        st = kt_http_start(a->http, &r, &err);
    }
    if (st != KT_OK) {
        kt_str_copyz(t->last_error, sizeof t->last_error, kt_str_of(err.text));
        t->next = mono(a) + REFUSED;
        return;
    }
    memcpy(t->about, w->place.alert, sizeof t->about);
    t->flying = 1;
}

/* Returns how long to wait for what comes of it. */
static int ask_due(struct kt_answers *a)
{
    int wait_ms = IDLE_MS;
    kt_time_ns now = mono(a);
    for (unsigned i = 0; i < a->n_targets; i++) {
        struct asked *t = &a->targets[i];
        struct watched *first = NULL;
        for (unsigned k = 0; k < t->n; k++)
            if (first == NULL || t->at[k].due < first->due)
                first = &t->at[k];
        if (t->flying == 0 && first != NULL && now >= t->next && now >= first->due &&
            a->n_queue < QUEUED_MAX)
            ask(a, t, first);
        wait_ms = t->n > 0 ? WAIT_MS : wait_ms;
    }
    return wait_ms;
}

static void *run(void *self)
{
    struct kt_answers *a = self;
    for (;;) {
        (void)pthread_mutex_lock(&a->lock);
        bool stop = a->stop;
        int wait_ms = stop ? 0 : ask_due(a);
        (void)pthread_mutex_unlock(&a->lock);
        if (stop)
            return NULL;
        kt_http_run(a->http, wait_ms, a->wake_fd, answered, a);
        kt_wake_lower(a->wake_fd);
    }
}

/* ---- the writer's side ---- */

static bool is_asked(const struct kt_courier *c)
{
    return c->target->answers != NULL && c->answers.len > 0;
}

static enum kt_status open_targets(struct kt_answers *a, const struct kt_conf *conf,
                                   struct kt_error *err)
{
    a->targets = kt_alloc_array(conf->n_targets + 1, sizeof *a->targets);
    for (unsigned i = 0; i < conf->n_targets; i++) {
        struct asked *t = &a->targets[a->n_targets];
        if (kt_courier_open(conf, &conf->targets[i], &t->courier, err) != KT_OK)
            return err->code;
        if (is_asked(&t->courier))
            a->n_targets++;
        else
            kt_courier_done(&t->courier);
    }
    return KT_OK;
}

static enum kt_status start(struct kt_answers *a, struct kt_error *err)
{
    a->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    a->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (a->wake_fd < 0 || a->ready_fd < 0)
        return kt_fail_errno(err, "answers: eventfd");
    a->http = kt_http_new();
    a->arena = kt_arena_new(ARENA);
    int rc = pthread_create(&a->thread, NULL, run, a);
    if (rc != 0) {
        errno = rc;
        return kt_fail_errno(err, "answers: thread");
    }
    a->started = true;
    return KT_OK;
}

enum kt_status kt_answers_open(const struct kt_conf *conf, struct kt_clock clock,
                               struct kt_answers **ret, struct kt_error *err)
{
    struct kt_answers *a = kt_alloc(sizeof *a);
    a->clock = clock;
    a->wake_fd = a->ready_fd = -1;
    (void)pthread_mutex_init(&a->lock, NULL);
    enum kt_status st = open_targets(a, conf, err);
    if (st == KT_OK && a->n_targets > 0)
        st = start(a, err);
    if (st != KT_OK || a->n_targets == 0) {
        kt_answers_close(a);
        a = NULL;
    }
    if (st == KT_OK)
        *ret = a;
    return st;
}

void kt_answers_close(struct kt_answers *a)
{
    if (a == NULL)
        return;
    if (a->started) {
        (void)pthread_mutex_lock(&a->lock);
        a->stop = true;
        (void)pthread_mutex_unlock(&a->lock);
        kt_wake_raise(a->wake_fd);
        (void)pthread_join(a->thread, NULL);
    }
    kt_http_free(a->http);
    for (unsigned i = 0; i < a->n_targets; i++) {
        kt_courier_done(&a->targets[i].courier);
        kt_free(a->targets[i].at);
    }
    kt_free(a->targets);
    kt_free(a->queue);
    kt_buf_done(&a->request.body);
    kt_arena_done(&a->arena);
    if (a->wake_fd >= 0)
        (void)close(a->wake_fd);
    if (a->ready_fd >= 0)
        (void)close(a->ready_fd);
    (void)pthread_mutex_destroy(&a->lock);
    kt_free(a);
}

unsigned kt_answers_targets(const struct kt_answers *a)
{
    return a == NULL ? 0 : a->n_targets;
}

const char *kt_answers_target(const struct kt_answers *a, unsigned i)
{
    return a->targets[i].courier.conf->name;
}

void kt_answers_watch(struct kt_answers *a, unsigned i, const struct kt_answer_watch *at,
                      unsigned n)
{
    struct asked *t = &a->targets[i];
    struct watched *fresh = kt_alloc_array(n + 1, sizeof *fresh);
    assert(n <= KT_ANSWERS_WATCHED);
    (void)pthread_mutex_lock(&a->lock);
    for (unsigned k = 0; k < n; k++) {
        struct watched *w = &fresh[k];
        const struct watched *old = find(t, at[k].alert);
        if (old != NULL) { /* it may know of answers that are not stored yet */
            *w = *old;
            continue;
        }
        memcpy(w->place.alert, at[k].alert, sizeof w->place.alert);
        memcpy(w->mark, at[k].mark, sizeof w->mark);
    }
    kt_free(t->at);
    t->at = fresh;
    t->n = n;
    (void)pthread_mutex_unlock(&a->lock);
    kt_wake_raise(a->wake_fd);
}

bool kt_answers_take(struct kt_answers *a, struct kt_answered *ret)
{
    if (a == NULL)
        return false;
    (void)pthread_mutex_lock(&a->lock);
    bool have = a->taken < a->n_queue;
    if (have)
        *ret = a->queue[a->taken++];
    if (a->taken == a->n_queue) {
        a->taken = a->n_queue = 0;
        kt_wake_lower(a->ready_fd);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return have;
}

int kt_answers_fd(const struct kt_answers *a)
{
    return a->ready_fd;
}

void kt_answers_status(struct kt_answers *a, struct kt_buf *out)
{
    kt_buf_byte(out, '{');
    if (a != NULL)
        (void)pthread_mutex_lock(&a->lock);
    for (unsigned i = 0; i < kt_answers_targets(a); i++) {
        const struct asked *t = &a->targets[i];
        if (i > 0)
            kt_buf_byte(out, ',');
        kt_json_quote(out, kt_str_of(t->courier.conf->name));
        kt_buf_addf(out, ":{\"watched\":%u,\"last_success\":%" PRId64 ",\"last_error\":", t->n,
                    t->last_success);
        kt_json_quote(out, kt_str_of(t->last_error));
        kt_buf_byte(out, '}');
    }
    if (a != NULL)
        (void)pthread_mutex_unlock(&a->lock);
    kt_buf_byte(out, '}');
}
