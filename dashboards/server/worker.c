/*
 * worker: threads that run what is asked (run.c), and the queue before them.
 *
 * Owns:  the threads, the queue.
 * Calls: run.c; libmicrohttpd to suspend and wake a connection.
 * Holds: nobody's questions wait behind another's: the next is always one of whoever has the fewest
 *        running, and nobody holds all places.
 */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dashboards/server/server_int.h"

#define STRANGERS 16u /* places of those who log in */
#define PROBES    4u  /* of /readyz and /metrics */
#define SAID_FOR  (10 * KT_NS_S)
#define NICE      10 /* as streams have it: who reads never holds up the collector */

/* ---- whose ---- */

static bool is_probe(const struct kt_web_req *r)
{
    return r->route->kind == KT_WEB_READY || r->route->kind == KT_WEB_METRICS;
}

static bool same_holder(const struct kt_web_req *a, const struct kt_web_req *b)
{
    return is_probe(a) == is_probe(b) && strcmp(a->who.user, b->who.user) == 0;
}

/* With the lock: the places that whoever asks r has, running and waiting. */
static unsigned held_of(const struct kt_web_pool *p, const struct kt_web_req *r)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n; i++)
        n += p->worker[i].now != NULL && same_holder(p->worker[i].now, r);
    for (const struct kt_web_req *at = p->first; at != NULL; at = at->next)
        n += same_holder(at, r);
    return n;
}

static unsigned share_of(const struct kt_web_pool *p, const struct kt_web_req *r)
{
    return is_probe(r) ? PROBES : r->who.user[0] == '\0' ? STRANGERS : p->share;
}

/* ---- what probes are told when too many ask ---- */

static unsigned said_index(const struct kt_web_req *r, bool packed)
{
    unsigned which = r->route->kind == KT_WEB_READY ? 0 : 1 + (unsigned)r->form;
    return which * 2 + packed;
}

/* With the lock. */
static void remember(const struct kt_web_req *r)
{
    struct kt_web_said *said = &r->s->said[said_index(r, r->packed)];
    said->at = kt_web_mono(r->s);
    said->status = r->api.status != 0 ? (unsigned)r->api.status : 200;
    said->type = r->api.type;
    kt_buf_reset(&said->text);
    kt_buf_add(&said->text, kt_buf_str(&r->api.out));
}

bool kt_web_said(const struct kt_web_req *r, struct kt_web_reply *ret_how, struct kt_buf *out)
{
    bool found = false;
    if (!is_probe(r))
        return false;
    (void)pthread_mutex_lock(&r->s->lock);
    for (unsigned packed = r->gzip ? 2 : 1; !found && packed-- > 0;) {
        const struct kt_web_said *said = &r->s->said[said_index(r, packed == 1)];
        found = said->at != 0 && kt_web_mono(r->s) - said->at < SAID_FOR;
        if (!found)
            continue;
        *ret_how = (struct kt_web_reply){ .status = said->status,
                                          .type = said->type,
                                          .encoding = packed == 1 ? "gzip" : NULL };
        kt_buf_add(out, kt_buf_str(&said->text));
    }
    (void)pthread_mutex_unlock(&r->s->lock);
    return found;
}

/* ---- the queue ---- */

static unsigned running_of(const struct kt_web_pool *p, const char *user)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n; i++)
        n += p->worker[i].now != NULL && strcmp(p->worker[i].now->who.user, user) == 0;
    return n;
}

/* With the lock. */
static struct kt_web_req *take(struct kt_web_pool *p)
{
    struct kt_web_req **best = NULL;
    unsigned least = 0;
    for (struct kt_web_req **at = &p->first; *at != NULL; at = &(*at)->next) {
        unsigned n = running_of(p, (*at)->who.user);
        if (best == NULL || n < least) {
            best = at;
            least = n;
        }
    }
    if (best == NULL)
        return NULL;
    struct kt_web_req *r = *best;
    *best = r->next;
    r->next = NULL;
    p->waiting--;
    return r;
}

/* With the lock: the daemon goes on with the connection. */
static void finish(struct kt_web_req *r)
{
    if (r->state == KT_WEB_STREAMS)
        kt_web_pipe_end(r);
    else
        r->state = KT_WEB_DONE;
    kt_web_wake(r);
    kt_web_req_drop(r);
}

static void *work(void *self)
{
    struct kt_web_worker *w = self;
    struct kt_web_pool *p = w->pool;
    struct kt_web_server *s = p->s;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* and of the threads that it makes */
    (void)pthread_mutex_lock(&s->lock);
    while (!s->quit || p->first != NULL) {
        struct kt_web_req *r = w->now = take(p);
        if (r == NULL) {
            (void)pthread_cond_wait(&p->work, &s->lock);
            continue;
        }
        p->running++;
        (void)pthread_mutex_unlock(&s->lock);
        kt_web_run(w, r);
        (void)pthread_mutex_lock(&s->lock);
        p->running--;
        if (is_probe(r) && r->result == KT_OK)
            remember(r);
        w->now = NULL;
        finish(r);
    }
    (void)pthread_mutex_unlock(&s->lock);
    kt_web_worker_close(w);
    return NULL;
}

bool kt_web_pool_put(struct kt_web_pool *p, struct kt_web_req *r)
{
    struct kt_web_server *s = r->s; /* the pool may be stopped already */
    bool download = r->route->kind == KT_WEB_DOWNLOAD, room;
    (void)pthread_mutex_lock(&s->lock);
    room = !s->quit && p->waiting + p->running < p->n + p->room && held_of(p, r) < share_of(p, r);
    if (room) {
        struct kt_web_req **last = &p->first;
        while (*last != NULL)
            last = &(*last)->next;
        *last = r;
        p->waiting++;
        r->refs++;
        r->state = KT_WEB_ASKED;
        r->deadline = kt_web_mono(s) + (download ? KT_WEB_DOWNLOAD_NS : KT_WEB_CALL_NS);
        r->suspended = true;
        kt_web_conn_phase(s, r->conn, KT_WEB_BUSY);
        MHD_suspend_connection(r->c);
        (void)pthread_cond_signal(&p->work);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return room;
}

/* ---- life ---- */

enum kt_status kt_web_pool_open(struct kt_web_pool *p, struct kt_web_server *s, unsigned threads,
                                unsigned room, unsigned share, struct kt_error *err)
{
    sigset_t all, before;
    int rc = 0;
    *p = (struct kt_web_pool){ .s = s, .n = threads, .room = room, .share = share };
    p->worker = kt_alloc_array(threads, sizeof *p->worker);
    (void)pthread_cond_init(&p->work, NULL);
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < threads && rc == 0; i++) {
        p->worker[i].pool = p;
        rc = pthread_create(&p->worker[i].thread, NULL, work, &p->worker[i]);
        p->worker[i].started = rc == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? KT_OK : kt_fail(err, KT_E_IO, "no thread could be started");
}

void kt_web_pool_stop(struct kt_web_pool *p)
{
    if (p->s == NULL)
        return;
    (void)pthread_mutex_lock(&p->s->lock);
    (void)pthread_cond_broadcast(&p->work);
    (void)pthread_mutex_unlock(&p->s->lock);
    for (unsigned i = 0; i < p->n; i++)
        if (p->worker[i].started)
            (void)pthread_join(p->worker[i].thread, NULL);
    (void)pthread_cond_destroy(&p->work);
    kt_free(p->worker);
    *p = (struct kt_web_pool){ 0 };
}
