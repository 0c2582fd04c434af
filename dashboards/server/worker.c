/*
 * worker: threads that run calls, each with a reader of its own that it keeps open.
 *
 * Owns:  the threads, their readers, the queue.
 * Calls: dashboards/api, core/answer, core/query/settings; libmicrohttpd to wake a connection.
 * Holds: a call ends at its deadline, and when nobody listens any more; nobody's calls wait behind
 *        another's: the next is always one of whoever has the fewest running.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/zip.h"
#include "core/query/settings.h"
#include "dashboards/server/server_int.h"

#define PACK_FROM 1024u

struct kt_web_worker {
    struct kt_web_pool *pool;
    pthread_t thread;
    bool started;
    struct kt_web_req *now; /* s->lock */
    struct kt_ask ask;      /* reader NULL: not open */
    struct kt_conf *conf;   /* of the log, where the server has none */
};

/* ---- one call ---- */

static bool give_up(void *self)
{
    const struct kt_web_req *r = self;
    struct pollfd p = { .fd = r->conn->fd, .events = POLLRDHUP };
    if (kt_web_mono(r->s) > r->deadline || __atomic_load_n(&r->s->quit, __ATOMIC_RELAXED))
        return true;
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Who is who, of a store without a collector's configuration: as its log has it. */
static enum kt_status open_ask(struct kt_web_worker *w, struct kt_error *err)
{
    const struct kt_web_options *o = &w->pool->s->o;
    unsigned n;
    if (w->ask.reader != NULL)
        return kt_ask_follow(&w->ask, err);
    if (kt_ask_open(&w->ask, o->store, NULL, 0, err) != KT_OK)
        return err->code;
    if (o->conf == NULL && kt_settings_newest(w->ask.reader, &w->conf, &n, err) != KT_OK) {
        kt_ask_done(&w->ask);
        return err->code;
    }
    const struct kt_conf *conf = o->conf != NULL ? o->conf : w->conf;
    w->ask.ids = conf != NULL ? conf->identities : NULL;
    return KT_OK;
}

static void close_ask(struct kt_web_worker *w)
{
    kt_ask_done(&w->ask);
    kt_conf_free(w->conf);
    w->conf = NULL;
}

static enum kt_status zone_of(const struct kt_api *a, int *ret, struct kt_error *err)
{
    struct kt_str s = kt_api_get(a, "tz");
    int64_t tz = 0;
    if (s.len > 0 && (!kt_str_i64(s, &tz) || tz < -14 * 3600 || tz > 14 * 3600))
        return kt_fail(err, KT_E_INPUT, "tz is seconds east of UTC, at most 14 hours");
    *ret = (int)tz;
    return KT_OK;
}

/* Before a byte of the answer is made (THREATS L1). */
static enum kt_status note(const struct kt_web_req *r, struct kt_error *err)
{
    static const struct kt_str api = KT_STR_INIT(KT_WEB_API);
    const struct kt_page_view v = { .what = (enum kt_page_what)r->route->note,
                                    .user = kt_str_of(r->who.user),
                                    .role = kt_role_word(r->who.role),
                                    .call = r->route->path.at + api.len,
                                    .param = r->params.at,
                                    .n_params = r->params.n,
                                    .from = r->from,
                                    .session = r->who.id };
    return kt_page_note(r->s->notes, &v, kt_web_wall(r->s), err);
}

static enum kt_status call(struct kt_web_worker *w, struct kt_web_req *r, struct kt_error *err)
{
    struct kt_web_server *s = w->pool->s;
    const struct kt_web_options *o = &s->o;
    struct kt_ask *ask = &w->ask;
    if (open_ask(w, err) != KT_OK)
        return err->code;
    *ask = (struct kt_ask){ .reader = ask->reader,
                            .facts = ask->facts,
                            .ids = ask->ids,
                            .now = kt_web_wall(s),
                            .scope = kt_str_of(r->who.scope),
                            .give_up = give_up,
                            .give_up_self = r };
    r->api = (struct kt_api){ .ask = ask,
                              .conf = o->conf != NULL ? o->conf : w->conf,
                              .store = o->store,
                              .control = o->control,
                              .kept = s->kept,
                              .jobs = s->jobs,
                              .reports = o->reports,
                              .now = ask->now,
                              .user = r->who.user,
                              .role = r->who.role,
                              .param = r->params.at,
                              .n_params = r->params.n,
                              .out = r->api.out,
                              .send = kt_web_send,
                              .server = r };
    if (zone_of(&r->api, &ask->zone_offset_s, err) != KT_OK || note(r, err) != KT_OK)
        return err->code;
    enum kt_status status = r->route->call(&r->api, err);
    if (status == KT_OK && r->api.out.len > KT_WEB_ANSWER_MAX)
        status = kt_fail(err, KT_E_LIMIT, "the answer is larger than %u MiB: ask for less",
                         KT_WEB_ANSWER_MAX >> 20);
    return status;
}

static void say_failure(const struct kt_web_req *r)
{
    if (r->result == KT_E_IO || r->result == KT_E_CORRUPT || r->result == KT_E_CONFIG)
        kt_log(KT_LOG_WARN, "dashboard: call failed call=%s user='%s' why='%s'", r->route->name,
               r->who.user, r->err.text);
}

static void run(struct kt_web_worker *w, struct kt_web_req *r)
{
    struct kt_error *err = &r->err;
    if (r->route->kind == KT_WEB_LOGIN) {
        kt_web_login_check(&r->login);
        return;
    }
    r->result = call(w, r, err);
    if (r->result == KT_E_LIMIT && kt_web_mono(r->s) > r->deadline)
        (void)!kt_fail(err, KT_E_LIMIT,
                       "no answer after %lld s: ask for a shorter time or something narrower",
                       (long long)(KT_WEB_CALL_NS / KT_NS_S));
    if (r->result != KT_OK)
        say_failure(r);
    if (r->result != KT_OK && r->state != KT_WEB_STREAMS) {
        kt_buf_reset(&r->api.out);
        kt_web_error(&r->api.out, err);
    }
    if (r->result == KT_E_CORRUPT || r->result == KT_E_IO)
        close_ask(w); /* the next call opens it anew */
    if (r->gzip && r->api.out.len > PACK_FROM && r->state != KT_WEB_STREAMS) {
        struct kt_buf packed = { 0 };
        kt_gzip(kt_buf_str(&r->api.out), &packed);
        kt_buf_done(&r->api.out);
        r->api.out = packed;
        r->packed = true;
    }
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
    (void)pthread_mutex_lock(&s->lock);
    while (!s->quit || p->first != NULL) {
        struct kt_web_req *r = w->now = take(p);
        if (r == NULL) {
            (void)pthread_cond_wait(&p->work, &s->lock);
            continue;
        }
        p->running++;
        (void)pthread_mutex_unlock(&s->lock);
        run(w, r);
        (void)pthread_mutex_lock(&s->lock);
        p->running--;
        w->now = NULL;
        finish(r);
    }
    (void)pthread_mutex_unlock(&s->lock);
    close_ask(w);
    return NULL;
}

bool kt_web_pool_put(struct kt_web_pool *p, struct kt_web_req *r)
{
    struct kt_web_server *s = p->s;
    bool download = r->route->kind == KT_WEB_DOWNLOAD, room;
    (void)pthread_mutex_lock(&s->lock);
    room = !s->quit && p->waiting + p->running < p->n + p->room;
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
                                unsigned room, struct kt_error *err)
{
    sigset_t all, before;
    int rc = 0;
    *p = (struct kt_web_pool){ .s = s, .n = threads, .room = room };
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
