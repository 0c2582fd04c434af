/*
 * pipe: a download on its way from a worker to the network.
 *
 * Owns:  the pipe of a request.
 * Calls: libmicrohttpd.
 * Holds: at most KT_WEB_ROOM and what a call hands over at once is in memory; a call waits for a
 *        reader that takes, and hears of one that has gone.
 */
#include <string.h>
#include <time.h>

#include "dashboards/server/server_int.h"

#define BLOCK (64u << 10)
#define SOON  (100 * KT_NS_MS) /* less than a block goes out so often */

void kt_web_wake(struct kt_web_req *r)
{
    if (!r->suspended)
        return;
    r->suspended = false;
    kt_web_resume(r->s, r->c);
}

/* With the lock. What was taken makes room first: a reader that is slow and never at the end of it
 * would have all of a download kept. */
static void push(struct kt_web_req *r)
{
    if (r->piped > 0) {
        r->pipe.len -= r->piped;
        memmove(r->pipe.at, r->pipe.at + r->piped, r->pipe.len);
        r->piped = 0;
    }
    kt_buf_add(&r->pipe, kt_buf_str(&r->api.out));
    kt_buf_reset(&r->api.out);
    kt_web_wake(r);
}

void kt_web_pipe_end(struct kt_web_req *r)
{
    r->ended = true;
    r->broken = r->result != KT_OK;
    push(r);
}

/* With the lock, which it gives up meanwhile: a moment, at most. */
static void wait_a_moment(struct kt_web_req *r)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 1;
    (void)pthread_cond_timedwait(&r->moved, &r->s->lock, &t);
}

enum kt_status kt_web_send(struct kt_api *a, struct kt_error *err)
{
    struct kt_web_req *r = a->server;
    struct kt_web_server *s = r->s;
    kt_time_ns now = kt_web_mono(s);
    if (__atomic_load_n(&r->gone, __ATOMIC_RELAXED))
        return kt_fail(err, KT_E_AGAIN, "nobody reads any more");
    if (a->out.len == 0 || (a->out.len < BLOCK && now - r->pushed < SOON))
        return KT_OK;
    r->pushed = now;
    (void)pthread_mutex_lock(&s->lock);
    r->state = KT_WEB_STREAMS;
    push(r);
    while (r->pipe.len - r->piped > KT_WEB_ROOM && !r->gone && !s->quit &&
           kt_web_mono(s) < r->deadline)
        wait_a_moment(r);
    bool late = kt_web_mono(s) >= r->deadline;
    bool gone = r->gone || s->quit;
    (void)pthread_mutex_unlock(&s->lock);
    if (gone)
        return kt_fail(err, KT_E_AGAIN, "nobody reads any more");
    return late ? kt_fail(err, KT_E_LIMIT, "the download took too long") : KT_OK;
}

/* What the network takes next; without anything the connection sleeps until something comes. */
static ssize_t take(void *self, uint64_t at, char *to, size_t max)
{
    struct kt_web_req *r = self;
    ssize_t n = 0;
    (void)at;
    (void)pthread_mutex_lock(&r->s->lock);
    struct kt_str left = kt_str_from_index(kt_buf_str(&r->pipe), r->piped);
    if (left.len > 0) {
        n = (ssize_t)(left.len < max ? left.len : max);
        memcpy(to, left.at, (size_t)n);
        r->piped += (size_t)n;
    } else if (r->ended) {
        n = r->broken ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        r->suspended = true;
        MHD_suspend_connection(r->c);
    }
    if (r->piped == r->pipe.len) {
        kt_buf_reset(&r->pipe);
        r->piped = 0;
    }
    (void)pthread_cond_broadcast(&r->moved);
    (void)pthread_mutex_unlock(&r->s->lock);
    return n;
}

static void let_go(void *self)
{
    struct kt_web_req *r = self;
    struct kt_web_server *s = r->s;
    (void)pthread_mutex_lock(&s->lock);
    kt_web_req_drop(r);
    (void)pthread_mutex_unlock(&s->lock);
}

enum MHD_Result kt_web_pipe(struct kt_web_req *r)
{
    const struct kt_api *a = &r->api;
    struct MHD_Response *m =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, take, r, let_go);
    if (m == NULL)
        return MHD_NO;
    (void)pthread_mutex_lock(&r->s->lock);
    r->refs++;
    (void)pthread_mutex_unlock(&r->s->lock);
    return kt_web_reply_with(
        r,
        &(struct kt_web_reply){ .status = a->status != 0 ? (unsigned)a->status : 200,
                                .type = a->type,
                                .policy = a->policy,
                                .file = a->file },
        m);
}
