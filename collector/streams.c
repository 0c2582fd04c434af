/*
 * streams: the threads of the streams, and the box between them and the writer.
 *
 * Owns:  a thread, a carrier and a run for each stream; what they want kept, until it is put.
 * Calls: stream_run, stream_carry, stream_setup; the store's blobs, in the writer's thread only.
 * Holds: a thread waits for the writer, never the writer for a thread; streams yield the processor
 *        to ingest (nice).
 */
#include "collector/streams.h"
#include "collector/stream_run.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/sys/wake.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICE 10

struct one {
    struct kt_streams *all;
    struct kt_stream_setup setup;
    struct kt_stream_run *run; /* the thread's alone, once it runs */
    pthread_t thread;
    bool started;
    int wake_fd; /* told to stop */
    /* Under the lock: */
    struct kt_stream_news news;
    bool fresh;        /* news the thread has not seen */
    bool kept, buried; /* state, dead: to be put */
    struct kt_buf state, dead;
    uint64_t given, put; /* numbers of publish(): the newest, and the newest that was put */
    uint64_t letters, letters_told;
    kt_time_ns failing_since; /* wall, as published; 0 = not */
};
struct kt_streams {
    struct kt_streams_options o;
    struct one *at;
    unsigned n;
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t news;
};

/* ---- the threads ---- */

static uint64_t publish(void *self, const struct kt_stream_state *state, const struct kt_buf *dead)
{
    struct one *o = self;
    struct kt_stream_state now = *state;
    (void)pthread_mutex_lock(&o->all->lock);
    if (o->news.rewind) { /* stored already, and not seen by the thread yet */
        now.rewind = true;
        now.rewind_to = o->news.since;
    }
    kt_buf_reset(&o->state);
    kt_stream_state_write(&now, &o->state);
    if (dead != NULL) {
        kt_buf_reset(&o->dead);
        kt_buf_add(&o->dead, kt_buf_str(dead));
        o->buried = true;
    }
    o->kept = true;
    o->letters = state->dead;
    o->failing_since = state->failing_since;
    uint64_t number = ++o->given;
    (void)pthread_mutex_unlock(&o->all->lock);
    kt_wake_raise(o->all->fd);
    return number;
}

/* Until there is news or the time is over. */
static void wait_for_news(struct one *o, kt_time_ns wait)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait / KT_NS_S);
    until.tv_nsec += (long)(wait % KT_NS_S);
    until.tv_sec += until.tv_nsec / KT_NS_S;
    until.tv_nsec %= KT_NS_S;
    while (!o->fresh && pthread_cond_timedwait(&o->all->news, &o->all->lock, &until) != ETIMEDOUT)
        ;
}

static void *run(void *self)
{
    struct one *o = self;
    struct kt_streams *s = o->all;
    bool stop = false;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    while (!stop) {
        (void)pthread_mutex_lock(&s->lock);
        struct kt_stream_news news = o->news;
        o->news.rewind = false; /* the turn takes it */
        o->fresh = false;
        (void)pthread_mutex_unlock(&s->lock);
        stop = news.stop;
        kt_time_ns wait = kt_stream_turn(o->run, &news);
        (void)pthread_mutex_lock(&s->lock);
        if (!stop && wait > 0)
            wait_for_news(o, wait);
        (void)pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

/* ---- opening ---- */

static enum kt_status load_blob(struct kt_store *store, const char *prefix, const char *name,
                                struct kt_buf *ret, struct kt_error *err)
{
    char blob[sizeof KT_STREAM_DEAD_BLOB + KT_NAME_MAX];
    (void)snprintf(blob, sizeof blob, "%s%s", prefix, name);
    enum kt_status st = kt_store_get(store, blob, ret, err);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status open_one(struct kt_streams *s, struct one *o, const struct kt_conf_stream *c,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf state = { 0 }, dead = { 0 };
    o->all = s;
    o->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (o->wake_fd < 0)
        return kt_fail_errno(err, "streams: eventfd");
    if (kt_stream_setup_open(s->o.conf, c, &o->setup, err) != KT_OK ||
        load_blob(s->o.store, KT_STREAM_BLOB, c->name, &state, err) != KT_OK ||
        load_blob(s->o.store, KT_STREAM_DEAD_BLOB, c->name, &dead, err) != KT_OK)
        return err->code;
    struct kt_stream_run_options ro = { .setup = &o->setup,
                                        .store_path = s->o.conf->store_path,
                                        .clock = s->o.clock,
                                        .rng = s->o.rng,
                                        .state = kt_buf_str(&state),
                                        .dead = kt_buf_str(&dead),
                                        .publish = publish,
                                        .self = o };
    const struct kt_carrier_options co = {
        .setup = &o->setup, .clock = s->o.clock, .fs = kt_fs_real, .wake_fd = o->wake_fd
    };
    if (kt_carrier_open(&co, &ro.carrier, err) != KT_OK)
        return err->code;
    o->run = kt_stream_run_new(&ro);
    o->letters_told = kt_stream_run_state(o->run)->dead;
    o->failing_since = kt_stream_run_state(o->run)->failing_since;
    kt_stream_state_write(kt_stream_run_state(o->run), &o->state);
    o->news.last_seq = kt_store_last_seq(s->o.store);
    return KT_OK;
}

static enum kt_status start_all(struct kt_streams *s, struct kt_error *err)
{
    for (unsigned i = 0; i < s->n; i++) {
        int rc = pthread_create(&s->at[i].thread, NULL, run, &s->at[i]);
        if (rc != 0) {
            errno = rc;
            return kt_fail_errno(err, "streams: thread");
        }
        s->at[i].started = true;
    }
    return KT_OK;
}

enum kt_status kt_streams_open(const struct kt_streams_options *o, struct kt_streams **ret,
                               struct kt_error *err)
{
    struct kt_streams *s = kt_alloc(sizeof *s);
    pthread_condattr_t attr;
    s->o = *o;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->news, &attr);
    (void)pthread_condattr_destroy(&attr);
    s->at = kt_alloc_array(o->conf->n_streams + 1, sizeof *s->at);
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum kt_status st = s->fd < 0 ? kt_fail_errno(err, "streams: eventfd") : KT_OK;
    for (unsigned i = 0; st == KT_OK && i < o->conf->n_streams; i++) {
        s->n++;
        st = open_one(s, &s->at[i], &o->conf->streams[i], err);
    }
    if (st == KT_OK)
        st = start_all(s, err);
    if (st != KT_OK) {
        kt_streams_free(s);
        return st;
    }
    *ret = s;
    return KT_OK;
}

/* ---- the writer's side ---- */

/* Under the lock. */
static void tell(struct one *o)
{
    o->fresh = true;
    (void)pthread_cond_broadcast(&o->all->news);
}

void kt_streams_wake(struct kt_streams *s, uint64_t last_seq)
{
    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->n; i++) {
        if (s->at[i].news.last_seq == last_seq)
            continue;
        s->at[i].news.last_seq = last_seq;
        tell(&s->at[i]);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

int kt_streams_fd(const struct kt_streams *s)
{
    return s->fd;
}

bool kt_streams_waiting(struct kt_streams *s)
{
    bool any = false;
    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->n; i++)
        any = any || s->at[i].kept;
    (void)pthread_mutex_unlock(&s->lock);
    return any;
}

static enum kt_status put_one(struct one *o, struct kt_error *err)
{
    struct kt_store *store = o->all->o.store;
    char blob[sizeof KT_STREAM_DEAD_BLOB + KT_NAME_MAX];
    (void)snprintf(blob, sizeof blob, "%s%s", KT_STREAM_BLOB, o->setup.stream->name);
    enum kt_status st = kt_store_put(store, blob, kt_buf_str(&o->state), err);
    (void)snprintf(blob, sizeof blob, "%s%s", KT_STREAM_DEAD_BLOB, o->setup.stream->name);
    if (st == KT_OK && o->buried)
        st = kt_store_put(store, blob, kt_buf_str(&o->dead), err);
    if (st != KT_OK)
        return kt_wrap(err, "stream '%s'", o->setup.stream->name);
    o->kept = o->buried = false;
    o->put = o->given;
    return KT_OK;
}

enum kt_status kt_streams_put(struct kt_streams *s,
                              void (*dead)(void *self, const char *stream, uint64_t count),
                              void *self, struct kt_error *err)
{
    enum kt_status st = KT_OK;
    kt_wake_lower(s->fd);
    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; st == KT_OK && i < s->n; i++)
        if (s->at[i].kept)
            st = put_one(&s->at[i], err);
    (void)pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; st == KT_OK && i < s->n; i++) {
        struct one *o = &s->at[i];
        if (o->letters > o->letters_told)
            dead(self, o->setup.stream->name, o->letters - o->letters_told);
        o->letters_told = o->letters;
    }
    return st;
}

struct orphans { /* blobs, one after the other: name, state */
    const struct kt_conf *conf;
    struct kt_buf all;
};

static enum kt_status find_orphan(void *self, const char *blob, struct kt_str value,
                                  struct kt_error *err)
{
    struct orphans *o = self;
    struct kt_stream_state state;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    (void)err;
    for (unsigned i = 0; i < o->conf->n_streams; i++)
        if (strcmp(o->conf->streams[i].name, blob + strlen(KT_STREAM_BLOB)) == 0)
            return KT_OK;
    if (!kt_stream_state_read(value, &state) || state.off)
        return KT_OK;
    state.off = true;
    kt_stream_state_write(&state, &text);
    kt_buf_str32(&o->all, kt_str_of(blob));
    kt_buf_str32(&o->all, kt_buf_str(&text));
    return KT_OK;
}

enum kt_status kt_streams_mark_off(struct kt_streams *s, struct kt_error *err)
{
    struct orphans o = { .conf = s->o.conf };
    enum kt_status st = kt_store_each(s->o.store, KT_STREAM_BLOB, find_orphan, &o, err);
    struct kt_rd rd = kt_rd_of(kt_buf_str(&o.all));
    while (st == KT_OK && rd.left > 0) {
        char blob[sizeof KT_STREAM_DEAD_BLOB + KT_NAME_MAX];
        kt_str_copyz(blob, sizeof blob, kt_rd_str32(&rd));
        st = kt_store_put(s->o.store, blob, kt_rd_str32(&rd), err);
    }
    kt_buf_done(&o.all);
    return st;
}

void kt_streams_committed(struct kt_streams *s)
{
    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->n; i++) {
        struct one *o = &s->at[i];
        if (o->news.written == o->put)
            continue;
        o->news.written = o->put;
        tell(o);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* Under the lock: the newest state, with the wish in it, is put; then the thread hears of it. */
static enum kt_status rewind_one(struct one *o, kt_time_ns since, struct kt_error *err)
{
    struct kt_stream_state state;
    (void)kt_stream_state_read(kt_buf_str(&o->state), &state); /* our own writing */
    state.rewind = true;
    state.rewind_to = since;
    kt_buf_reset(&o->state);
    kt_stream_state_write(&state, &o->state);
    enum kt_status st = put_one(o, err);
    if (st != KT_OK)
        return st;
    o->news.rewind = true;
    o->news.since = since;
    tell(o);
    return KT_OK;
}

enum kt_status kt_streams_rewind(struct kt_streams *s, struct kt_str name, kt_time_ns since,
                                 struct kt_error *err)
{
    enum kt_status st =
        kt_fail(err, KT_E_INPUT, "there is no stream '" KT_STR_FMT "'", KT_STR_ARG(name));
    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->n; i++)
        if (kt_str_is(name, s->at[i].setup.stream->name))
            st = rewind_one(&s->at[i], since, err);
    (void)pthread_mutex_unlock(&s->lock);
    return st;
}

unsigned kt_streams_broken(struct kt_streams *s, kt_time_ns longer, const char **names,
                           unsigned max)
{
    unsigned n = 0;
    kt_time_ns now = s->o.clock.wall(s->o.clock.self);
    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->n && n < max; i++)
        if (s->at[i].failing_since != 0 && now - s->at[i].failing_since >= longer)
            names[n++] = s->at[i].setup.stream->name;
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

void kt_streams_status(struct kt_streams *s, struct kt_buf *out)
{
    (void)pthread_mutex_lock(&s->lock);
    kt_buf_byte(out, '{');
    for (unsigned i = 0; i < s->n; i++) {
        kt_buf_addf(out, "%s\"%s\":", i > 0 ? "," : "", s->at[i].setup.stream->name);
        kt_buf_add(out, kt_buf_str(&s->at[i].state));
    }
    kt_buf_byte(out, '}');
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- closing ---- */

void kt_streams_stop(struct kt_streams *s)
{
    (void)pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->n; i++) {
        s->at[i].news.stop = true;
        tell(&s->at[i]);
        kt_wake_raise(s->at[i].wake_fd);
    }
    (void)pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->n; i++) {
        if (s->at[i].started)
            (void)pthread_join(s->at[i].thread, NULL);
        s->at[i].started = false;
    }
}

void kt_streams_free(struct kt_streams *s)
{
    if (s == NULL)
        return;
    kt_streams_stop(s);
    for (unsigned i = 0; i < s->n; i++) {
        struct one *o = &s->at[i];
        kt_stream_run_free(o->run);
        kt_stream_setup_done(&o->setup);
        kt_buf_done(&o->state);
        kt_buf_done(&o->dead);
        if (o->wake_fd > 0)
            (void)close(o->wake_fd);
    }
    kt_free(s->at);
    if (s->fd >= 0)
        (void)close(s->fd);
    (void)pthread_cond_destroy(&s->news);
    (void)pthread_mutex_destroy(&s->lock);
    kt_free(s);
}
