/*
 * run: what a worker does for one request: a call of the API, the note of it in the log, a check of
 * a password, metrics, readiness.
 *
 * Owns:  a worker's reader.
 * Calls: dashboards/api, core/answer, core/query (settings, place), auth, note, metrics, ready.
 * Holds: a call ends at its deadline, and when nobody listens any more; what is looked at is in the
 *        log before it leaves (THREATS L1).
 */
#include <poll.h>

#include <unistd.h>

#include "core/base/commit.h"
#include "core/base/log.h"
#include "core/base/zip.h"
#include "core/query/place.h"
#include "core/query/settings.h"
#include "core/sys/net.h"
#include "core/wire/control_client.h"
#include "dashboards/api/cursor.h"
#include "dashboards/api/jobs.h"
#include "dashboards/server/metrics.h"
#include "dashboards/server/ready.h"
#include "dashboards/server/server_int.h"

#define TRIES      3u
#define TRY_US     30000u
#define PACK_FROM  1024u
#define PATIENCE_S 3u /* with the collector, for what it counts */

/* ---- the store ---- */

/* While the connection sleeps nobody but us sees that its other end has gone; once it streams, its
 * descriptor may be another's, and the pipe hears. */
static bool give_up(void *self)
{
    const struct kt_web_req *r = self;
    struct pollfd p = { .fd = r->conn->fd, .events = POLLRDHUP };
    if (kt_web_mono(r->s) > r->deadline || __atomic_load_n(&r->s->quit, __ATOMIC_RELAXED))
        return true;
    if (r->state == KT_WEB_STREAMS)
        return __atomic_load_n(&r->gone, __ATOMIC_RELAXED);
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void kt_web_worker_close(struct kt_web_worker *w)
{
    kt_alert_view_done(&w->view);
    kt_ask_done(&w->ask);
    kt_conf_free(w->conf);
    w->conf = NULL;
}

/* Who is who, of a store without a collector's configuration: as its log has it. */
static enum kt_status open_ask(struct kt_web_worker *w, struct kt_error *err)
{
    const struct kt_web_options *o = &w->pool->s->o;
    unsigned n;
    if (w->ask.reader != NULL && kt_reader_replaced(w->ask.reader))
        kt_web_worker_close(
            w); /* with what is kept of the log before: facts, what people decided */
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

/* ---- the note of it ---- */

static enum kt_page_what kind_of(const struct kt_web_req *r, struct kt_str q,
                                 struct kt_api_param *ret_field)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf typed = { 0 };
    struct kt_query_place p;
    uint64_t at;
    switch (r->route->note) {
    case KT_NOTE_NONE:
        return KT_PAGE_NOTHING;
    case KT_NOTE_RAW:
        return KT_PAGE_RAW;
    case KT_NOTE_EXPORT:
        return KT_PAGE_EXPORT;
    case KT_NOTE_QUESTION:
        return KT_PAGE_QUESTION;
    case KT_NOTE_FILTER:
        return q.len > 0 ? KT_PAGE_QUERY : KT_PAGE_NOTHING;
    case KT_NOTE_VALUES: /* each letter that is typed is one: of all of a field, the field */
        if (kt_api_number(&r->api, "at", 0, q.len, q.len, &at, NULL) != KT_OK)
            return KT_PAGE_NOTHING; /* it is refused */
        kt_query_place(q, (size_t)at, &p, &typed);
        if (p.kind != KT_PLACE_VALUE)
            return KT_PAGE_NOTHING;
        *ret_field = (struct kt_api_param){ KT_STR("field"), kt_str_of(p.field->name) };
        return KT_PAGE_QUERY;
    case KT_NOTE_QUERY:
        break;
    }
    return KT_PAGE_QUERY;
}

/* Of a page that is not the first: the window is the cursor's. */
static enum kt_status window_of(const struct kt_web_req *r, struct kt_page_view *v,
                                char since[KT_TIME_TEXT_MAX], char until[KT_TIME_TEXT_MAX],
                                struct kt_error *err)
{
    struct kt_str cursor = kt_api_get(&r->api, "cursor");
    struct kt_api_cursor c;
    if (cursor.len == 0 || (r->route->call != kt_api_search && r->route->call != kt_api_timeline))
        return KT_OK;
    if (kt_api_cursor_read(&r->api, cursor, kt_api_get(&r->api, "q"), &c, err) != KT_OK)
        return err->code;
    v->window = true;
    v->since = c.since != 0 ? kt_str_of(kt_time_format(c.since, since)) : KT_STR_NONE;
    v->until = c.until != 0 ? kt_str_of(kt_time_format(c.until, until)) : KT_STR_NONE;
    return KT_OK;
}

/* Before a byte of the answer is made (THREATS L1). */
static enum kt_status note(const struct kt_web_req *r, struct kt_error *err)
{
    static const struct kt_str api = KT_STR_INIT(KT_WEB_API);
    char since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    struct kt_api_param field;
    struct kt_page_view v = { .what = kind_of(r, kt_api_get(&r->api, "q"), &field),
                              .user = kt_str_of(r->who.user),
                              .role = kt_role_word(r->who.role),
                              .call = r->route->path.at + api.len,
                              .param = r->params.at,
                              .n_params = r->params.n,
                              .from = r->from,
                              .session = r->who.id };
    if (r->route->note == KT_NOTE_VALUES) {
        v.param = &field;
        v.n_params = 1;
    }
    if (window_of(r, &v, since, until, err) != KT_OK)
        return err->code;
    return kt_page_note(r->s->notes, &v, kt_web_wall(r->s), err);
}

/* ---- a call ---- */

static void prepare(struct kt_web_worker *w, struct kt_web_req *r)
{
    struct kt_web_server *s = w->pool->s;
    const struct kt_web_options *o = &s->o;
    struct kt_ask *ask = &w->ask;
    *ask = (struct kt_ask){ .reader = ask->reader,
                            .facts = ask->facts,
                            .ids = ask->ids,
                            .now = kt_web_wall(s),
                            .scope = kt_str_of(r->who.scope),
                            .no_canaries = !kt_role_knows_canaries(r->who.role),
                            .give_up = give_up,
                            .give_up_self = r };
    r->api = (struct kt_api){ .ask = ask,
                              .conf = o->conf != NULL ? o->conf : w->conf,
                              .store = o->store,
                              .config = o->config,
                              .control = o->control,
                              .kept = s->kept,
                              .view = &w->view,
                              .jobs = s->jobs,
                              .reports = o->reports,
                              .now = ask->now,
                              .user = r->who.user,
                              .secret = s->secret,
                              .role = r->who.role,
                              .param = r->params.at,
                              .n_params = r->params.n,
                              .out = r->api.out,
                              .send = r->route->kind == KT_WEB_DOWNLOAD ? kt_web_send : NULL,
                              .server = r };
}

static enum kt_status call(struct kt_web_worker *w, struct kt_web_req *r, struct kt_error *err)
{
    prepare(w, r);
    if (kt_api_zone(&r->api, err) != KT_OK || note(r, err) != KT_OK)
        return err->code;
    enum kt_status status = r->route->call(&r->api, err);
    if (status == KT_OK && r->api.out.len > KT_WEB_ANSWER_MAX)
        status = kt_fail(err, KT_E_LIMIT, "the answer is larger than %u MiB: ask for less",
                         KT_WEB_ANSWER_MAX >> 20);
    if (status == KT_E_LIMIT && kt_web_mono(r->s) > r->deadline)
        status = kt_fail(err, KT_E_LIMIT,
                         "no answer after %lld s: ask for a shorter time or something narrower",
                         (long long)(KT_WEB_CALL_NS / KT_NS_S));
    return status;
}

/* ---- metrics and readiness ---- */

static enum kt_status figures(struct kt_web_worker *w, struct kt_buf *out, struct kt_error *err)
{
    struct kt_web_server *s = w->pool->s;
    struct kt_job_state verified = { 0 };
    if (s->jobs != NULL)
        kt_jobs_state(s->jobs, KT_JOB_VERIFY, kt_web_wall(s), &verified);
    (void)pthread_mutex_lock(&s->figures_lock);
    /* 0: nothing is amiss, 1: something is; what ended otherwise verified nothing. */
    if (verified.ended != 0 && (verified.code == 0 || verified.code == 1))
        kt_metrics_store_verified(s->figures, verified.ended, verified.code == 0);
    enum kt_status status =
        kt_metrics_store_figures(s->figures, w->ask.reader, s->o.store, kt_web_wall(s), out, err);
    (void)pthread_mutex_unlock(&s->figures_lock);
    kt_job_state_done(&verified);
    return status;
}

static void metrics(struct kt_web_worker *w, struct kt_web_req *r, bool store)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf counters = { 0 }, of_store = { 0 };
    struct kt_error err = { 0 };
    char zmq[KT_NET_VERSION_MAX];
    const char *control = w->pool->s->o.control;
    if (control == NULL || kt_control_ask_within(control, KT_STR("{\"do\":\"metrics\"}"),
                                                 PATIENCE_S, &counters, &err) != KT_OK)
        kt_buf_reset(&counters);
    if (!store || figures(w, &of_store, &err) != KT_OK)
        kt_buf_reset(&of_store);
    const struct kt_metrics_given g = { .collector = kt_buf_str(&counters),
                                        .store = kt_buf_str(&of_store),
                                        .version = KT_VERSION,
                                        .commit = kt_commit(),
                                        .sqlite = kt_store_engine(),
                                        .zmq = kt_net_version(zmq) };
    (void)kt_metrics_write(&g, r->form, &r->api.out);
    r->api.type = kt_metrics_type(r->form);
}

static void readiness(struct kt_web_worker *w, struct kt_web_req *r, bool store)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    struct kt_error err = { 0 };
    const char *control = w->pool->s->o.control;
    enum kt_status asked = control == NULL
                               ? KT_OK
                               : kt_control_ask_within(control, KT_STR("{\"do\":\"status\"}"),
                                                       PATIENCE_S, &answer, &err);
    const struct kt_ready is = { .store = store,
                                 .configured = control != NULL,
                                 .collector = asked == KT_OK };
    r->api.status = kt_readyz(&is, &r->api.out);
    bool ready = r->api.status == 200;
    if (__atomic_exchange_n(&w->pool->s->unready, !ready, __ATOMIC_RELAXED) == ready)
        kt_log(ready ? KT_LOG_INFO : KT_LOG_WARN, "dashboard: %s store='%s' collector='%s'",
               ready ? "ready again" : "not ready", store ? "ok" : r->err.text,
               control == NULL  ? "none is configured"
               : asked == KT_OK ? "ok"
                                : err.text);
    r->api.type = "text/plain; charset=utf-8";
}

/* ---- all of it ---- */

static void say_failure(const struct kt_web_req *r)
{
    if (r->result == KT_E_IO || r->result == KT_E_CORRUPT || r->result == KT_E_CONFIG)
        kt_log(KT_LOG_WARN, "dashboard: call failed call=%s user='%s' why='%s'", r->route->name,
               r->who.user, r->err.text);
}

static void pack(struct kt_web_req *r)
{
    struct kt_buf packed = { 0 };
    if (!r->gzip || r->api.out.len <= PACK_FROM || r->state == KT_WEB_STREAMS)
        return;
    kt_gzip(kt_buf_str(&r->api.out), &packed);
    kt_buf_done(&r->api.out);
    r->api.out = packed;
    r->packed = true;
}

static enum kt_status open_for(struct kt_web_worker *w, struct kt_error *err)
{
    if (__atomic_load_n(&w->pool->s->quit, __ATOMIC_RELAXED))
        return kt_fail(err, KT_E_LIMIT, "the page is being stopped: try again in a moment");
    return open_ask(w, err);
}

/*
 * While the collector ends and begins anew there are moments without an index of the write-ahead
 * log, or with one that nobody has made yet, and a reader is refused. So what only asks is asked
 * again, by a reader that is opened anew.
 */
static enum kt_status ask_call(struct kt_web_worker *w, struct kt_web_req *r, enum kt_status opened,
                               struct kt_error *err)
{
    enum kt_status status = opened == KT_OK ? call(w, r, err) : opened;
    for (unsigned i = 1; i <= TRIES && r->method != KT_WEB_POST && r->state != KT_WEB_STREAMS &&
                         (status == KT_E_IO || opened == KT_E_AGAIN);
         i++) {
        kt_log(KT_LOG_INFO, "dashboard: asked again call=%s why='%s'", r->route->name, err->text);
        kt_web_worker_close(w);
        (void)usleep(i * TRY_US);
        kt_buf_reset(&r->api.out);
        *err = (struct kt_error){ 0 };
        opened = open_for(w, err);
        status = opened == KT_OK ? call(w, r, err) : opened;
    }
    return status == KT_E_AGAIN && opened != KT_OK ? KT_E_IO : status;
}

static void ask_store(struct kt_web_worker *w, struct kt_web_req *r)
{
    struct kt_error *err = &r->err;
    enum kt_status opened = open_for(w, err);
    if (r->route->kind == KT_WEB_METRICS)
        metrics(w, r, opened == KT_OK);
    else if (r->route->kind == KT_WEB_READY)
        readiness(w, r, opened == KT_OK);
    else
        r->result = ask_call(w, r, opened, err);
    if (r->result != KT_OK)
        say_failure(r);
    if (r->result != KT_OK && r->state != KT_WEB_STREAMS) {
        kt_buf_reset(&r->api.out);
        kt_api_error(&r->api, err, &r->api.out);
    }
    if (opened != KT_OK || r->result == KT_E_CORRUPT || r->result == KT_E_IO)
        kt_web_worker_close(w); /* the next call opens it anew */
    pack(r);
}

void kt_web_run(struct kt_web_worker *w, struct kt_web_req *r)
{
    if (r->route->kind == KT_WEB_LOGIN)
        kt_web_login_check(&r->login);
    else
        ask_store(w, r);
}
