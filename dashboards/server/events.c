/*
 * events: the poller, and the streams that listen.
 *
 * Owns:  the poller's thread and reader, the ring, the streams.
 * Calls: core/store/read.h, events_alerts, core/wire/control_client, libmicrohttpd.
 * Holds: one walk for all who listen; whoever reads too slowly to follow the ring is dropped and
 *        comes again with Last-Event-ID.
 */
#include "dashboards/server/events.h"

#include <signal.h>
#include <time.h>

#include "core/event/json.h"
#include "core/store/read.h"
#include "core/wire/control_client.h"

#define TURN       (2 * KT_NS_S)
#define COMMENT    (15 * KT_NS_S)
#define LIFE       (10 * KT_NS_MIN) /* of a stream: then it is asked again who listens */
#define BLOCK      (16u << 10)
#define MINUTE     30u /* turns of one */
#define ASK_EVERY  3u  /* turns: what the collector says */
#define PATIENCE_S 2u

struct stream {
    struct stream *next;
    struct kt_web_req *r;
    uint64_t at;                 /* number of the change that it gets next */
    uint64_t counters;           /* that it got last */
    kt_time_ns began, commented; /* mono */
    struct kt_buf out;
    size_t sent;
    bool suspended, over;
};
struct kt_events {
    struct kt_web_server *s;
    pthread_t thread;
    bool started;
    pthread_cond_t changed;
    struct kt_ask ask;       /* the poller's; reader NULL: not open */
    uint64_t events[MINUTE]; /* of the last turns */
    uint64_t turn;
    struct kt_alert_watch *alerts;
    unsigned silent; /* sources, when the collector was asked last */
    bool answers;    /* it did */

    /* s->lock */
    struct stream *first;
    unsigned n;
    struct kt_events_ring ring;
    struct kt_buf counters; /* the newest, as text */
    uint64_t n_counters;
    bool collector, quit;
};

/* ---- streams ---- */

/* With the lock. */
static void wake(struct stream *t)
{
    if (!t->suspended)
        return;
    t->suspended = false;
    kt_web_resume(t->r->s, t->r->c);
}

/* With the lock: what there is for it; false: it is too far behind, or old, or nobody's. */
static bool fill(struct kt_events *e, struct stream *t)
{
    kt_time_ns now = kt_web_mono(e->s);
    kt_buf_reset(&t->out);
    t->sent = 0;
    if (t->over || now - t->began > LIFE || !kt_events_ring_from(&e->ring, &t->at, &t->out))
        return false;
    if (t->counters < e->n_counters) {
        kt_buf_add(&t->out, kt_buf_str(&e->counters));
        t->counters = e->n_counters;
    }
    if (now - t->commented >= COMMENT) {
        kt_buf_addz(&t->out, ":\n\n");
        t->commented = now;
    }
    return true;
}

static ssize_t take(void *self, uint64_t at, char *to, size_t max)
{
    struct stream *t = self;
    struct kt_web_server *s = t->r->s;
    struct kt_events *e = s->events;
    ssize_t n = 0;
    (void)at;
    (void)pthread_mutex_lock(&s->lock);
    if (e->quit || (t->sent == t->out.len && !fill(e, t))) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (t->sent < t->out.len) {
        struct kt_str left = kt_str_from_index(kt_buf_str(&t->out), t->sent);
        n = (ssize_t)(left.len < max ? left.len : max);
        memcpy(to, left.at, (size_t)n);
        t->sent += (size_t)n;
    } else {
        t->suspended = true;
        MHD_suspend_connection(t->r->c);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

static void end(void *self)
{
    struct stream *t = self;
    struct kt_web_server *s = t->r->s;
    struct kt_events *e = s->events;
    (void)pthread_mutex_lock(&s->lock);
    for (struct stream **p = &e->first; *p != NULL; p = &(*p)->next) {
        if (*p != t)
            continue;
        *p = t->next;
        e->n--;
        break;
    }
    kt_buf_done(&t->out);
    kt_web_req_drop(t->r);
    kt_free(t);
    (void)pthread_mutex_unlock(&s->lock);
}

enum MHD_Result kt_events_answer(struct kt_events *e, struct kt_web_req *r)
{
    struct kt_str last = kt_web_header(r, "Last-Event-ID");
    if (r->who.scope[0] != '\0')
        return kt_web_refuse(r, 403, "what is live is not for users with a scope");
    struct stream *t = kt_alloc(sizeof *t);
    t->r = r;
    t->began = t->commented = kt_web_mono(e->s);
    (void)pthread_mutex_lock(&e->s->lock);
    bool full = e->quit || e->n == KT_EVENTS_MAX;
    if (!full) {
        kt_buf_addz(&t->out, "retry: 2000\n\n");
        t->at = kt_events_ring_since(&e->ring, last, &t->out);
        t->next = e->first;
        e->first = t;
        e->n++;
        r->refs++;
    }
    (void)pthread_mutex_unlock(&e->s->lock);
    struct MHD_Response *m =
        full ? NULL : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, take, t, end);
    if (full) {
        kt_free(t);
        return kt_web_refuse(r, 503, "too many listen already");
    }
    if (m == NULL) {
        end(t);
        return MHD_NO;
    }
    return kt_web_reply_with(
        r, &(struct kt_web_reply){ .status = 200, .type = "text/event-stream" }, m);
}

void kt_events_still(struct kt_events *e)
{
    kt_time_ns now = kt_web_wall(e->s);
    (void)pthread_mutex_lock(&e->s->lock);
    for (struct stream *t = e->first; t != NULL; t = t->next) {
        if (t->over || kt_web_still(e->s->o.auth, &t->r->who, now))
            continue;
        t->over = true;
        t->sent = t->out.len; /* not even what waits for a slow reader */
        wake(t);
    }
    (void)pthread_mutex_unlock(&e->s->lock);
}

/* ---- the poller ---- */

static void publish_counters(struct kt_events *e, struct kt_str json, bool collector)
{
    (void)pthread_mutex_lock(&e->s->lock);
    kt_buf_reset(&e->counters);
    kt_buf_addz(&e->counters, "event: counters\ndata: ");
    kt_buf_add(&e->counters, json);
    kt_buf_addz(&e->counters, "\n\n");
    e->n_counters++;
    e->collector = collector;
    for (struct stream *t = e->first; t != NULL; t = t->next)
        wake(t);
    (void)pthread_mutex_unlock(&e->s->lock);
}

static unsigned count_silent(struct kt_str answer)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root, source;
    struct kt_str name;
    unsigned repaired, n = 0;
    if (kt_json_parse(json, answer, &root, &repaired, NULL) == KT_OK) {
        struct kt_json_iter it = kt_json_iter(kt_json_at(root, "sources"));
        while (kt_json_next(&it, &name, &source))
            n += kt_json_bool(kt_json_at(source, "silent"), false);
    }
    kt_json_free(json);
    return n;
}

static void ask_collector(struct kt_events *e)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    e->answers = e->s->o.control != NULL &&
                 kt_control_ask_within(e->s->o.control, KT_STR("{\"do\":\"metrics\"}"), PATIENCE_S,
                                       &answer, NULL) == KT_OK;
    if (e->answers)
        e->silent = count_silent(kt_str_trim(kt_buf_str(&answer)));
}

static void publish_alert(void *self, struct kt_str row)
{
    struct kt_events *e = self;
    (void)pthread_mutex_lock(&e->s->lock);
    if (row.len > 0)
        kt_events_ring_add(&e->ring, "alert", row);
    else
        kt_events_ring_add(&e->ring, "again", KT_STR("{}"));
    (void)pthread_mutex_unlock(&e->s->lock);
}

static enum kt_status open_ask(struct kt_events *e, struct kt_error *err)
{
    if (e->ask.reader != NULL && kt_reader_replaced(e->ask.reader))
        kt_ask_done(&e->ask);
    if (e->ask.reader != NULL)
        return kt_ask_follow(&e->ask, err);
    return kt_ask_open(&e->ask, e->s->o.store, NULL, 0, err);
}

/* Of the last minute, as far as there were turns. */
static double per_minute(struct kt_events *e, uint64_t events)
{
    uint64_t before = e->turn < MINUTE ? e->events[0] : e->events[e->turn % MINUTE];
    uint64_t turns = e->turn < MINUTE ? e->turn : MINUTE;
    e->events[e->turn++ % MINUTE] = events;
    return turns == 0 || events < before ? 0 : (double)(events - before) * MINUTE / (double)turns;
}

static void turn(struct kt_events *e)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_store_stats stats = { .records = 0 };
    struct kt_error err = { 0 };
    if (e->turn % ASK_EVERY == 0)
        ask_collector(e);
    if (open_ask(e, &err) != KT_OK || kt_reader_stats(e->ask.reader, &stats, &err) != KT_OK ||
        kt_alert_watch_look(e->alerts, e->ask.reader, stats.control, kt_web_wall(e->s),
                            e->s->o.clock, publish_alert, e, &err) != KT_OK) {
        kt_ask_done(&e->ask);
        return; /* calls say what is wrong */
    }
    kt_api_open(&out, NULL, '{');
    kt_api_time(&out, "at", kt_web_wall(e->s));
    kt_api_u64(&out, "head", stats.records);
    kt_api_u64(&out, "events", stats.events);
    kt_api_real(&out, "per_minute", per_minute(e, stats.events));
    KT_CLEANUP(kt_buf_done) struct kt_buf open = { 0 };
    kt_alert_watch_open(e->alerts, &open);
    kt_api_raw(&out, "alerts_open", kt_buf_str(&open));
    if (e->answers)
        kt_api_u64(&out, "silent", e->silent);
    else
        kt_api_raw(&out, "silent", KT_STR_NONE);
    kt_api_flag(&out, "collector", e->answers);
    kt_api_close(&out, '}');
    publish_counters(e, kt_buf_str(&out), e->answers);
}

static void *work(void *self)
{
    struct kt_events *e = self;
    struct kt_web_server *s = e->s;
    bool quit = false;
    while (!quit) {
        turn(e);
        kt_time_ns until = kt_clock_real.mono(kt_clock_real.self) + TURN;
        const struct timespec t = { (time_t)(until / KT_NS_S), (long)(until % KT_NS_S) };
        (void)pthread_mutex_lock(&s->lock);
        while (!e->quit && kt_clock_real.mono(kt_clock_real.self) < until)
            (void)pthread_cond_timedwait(&e->changed, &s->lock, &t);
        quit = e->quit;
        (void)pthread_mutex_unlock(&s->lock);
    }
    kt_ask_done(&e->ask);
    return NULL;
}

bool kt_events_collector(struct kt_events *e)
{
    (void)pthread_mutex_lock(&e->s->lock);
    bool is = e->collector;
    (void)pthread_mutex_unlock(&e->s->lock);
    return is;
}

/* ---- life ---- */

enum kt_status kt_events_open(struct kt_web_server *s, struct kt_events **ret, struct kt_error *err)
{
    struct kt_events *e = kt_alloc(sizeof *e);
    pthread_condattr_t steady;
    sigset_t all, before;
    e->s = s;
    e->ring.life = (uint64_t)kt_web_wall(s) / KT_NS_MS;
    e->ring.next = 1;
    e->alerts = kt_alert_watch_new();
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&e->changed, &steady);
    (void)pthread_condattr_destroy(&steady);
    *ret = e;
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    e->started = pthread_create(&e->thread, NULL, work, e) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e->started ? KT_OK : kt_fail(err, KT_E_IO, "no thread could be started");
}

void kt_events_stop(struct kt_events *e)
{
    if (e == NULL)
        return;
    (void)pthread_mutex_lock(&e->s->lock);
    e->quit = true;
    (void)pthread_cond_broadcast(&e->changed);
    for (struct stream *t = e->first; t != NULL; t = t->next)
        wake(t);
    (void)pthread_mutex_unlock(&e->s->lock);
    if (e->started)
        (void)pthread_join(e->thread, NULL);
    e->started = false;
}

void kt_events_free(struct kt_events *e)
{
    if (e == NULL)
        return;
    kt_events_stop(e);
    kt_events_ring_done(&e->ring);
    kt_alert_watch_free(e->alerts);
    kt_buf_done(&e->counters);
    (void)pthread_cond_destroy(&e->changed);
    kt_free(e);
}
