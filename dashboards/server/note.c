/*
 * note: the page's side of the self-audit.
 *
 * Owns:  what was noted lately, by hash; a thread, and what waits for it.
 * Calls: core/wire/control_client, core/event (JSON strings); logs what could not be noted.
 * Holds: raw records and exports leave only after their note is on the collector's disk.
 */
#include "dashboards/server/note.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/wire/control_client.h"
#include <pthread.h>
#include <signal.h>

#define RECENT     4096u
#define ONCE       (5 * KT_NS_MIN)
#define PATIENCE_S 2u
#define QUERY_MAX  4096u
#define FAILED_MAX 60u /* a minute */
#define WAITING    64u

struct kt_page_notes {
    const char *control;
    pthread_mutex_t lock;
    uint64_t seed;
    struct recent { /* where its hash says; another in its place only costs a second record */
        uint64_t key;
        kt_time_ns at;
    } recent[RECENT];
    kt_time_ns minute; /* begin of the one that failed logins are counted in */
    unsigned failed, left_out;
    pthread_t thread;
    pthread_cond_t work;
    bool started, quit;
    struct kt_buf waiting[WAITING]; /* requests; a ring */
    unsigned first, n;
};

static const char *const words[] = {
    [KT_PAGE_QUERY] = "query", [KT_PAGE_RAW] = "raw",       [KT_PAGE_EXPORT] = "export",
    [KT_PAGE_LOGIN] = "login", [KT_PAGE_LOGOUT] = "logout", [KT_PAGE_LOGIN_FAILED] = "login.failed",
};

/* ---- asking the collector ---- */

static enum kt_status send(const struct kt_page_notes *n, struct kt_str request,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    if (kt_control_ask_within(n->control, request, PATIENCE_S, &answer, err) != KT_OK)
        return err->code;
    if (kt_str_starts(kt_buf_str(&answer), KT_STR("{\"seq\":")))
        return KT_OK;
    return kt_fail(err, KT_E_IO, "the collector answered: " KT_STR_FMT,
                   KT_STR_ARG(kt_utf8_cut(kt_str_trim(kt_buf_str(&answer)), 200)));
}

static void say_not_noted(enum kt_page_what what, struct kt_str user, const char *why)
{
    kt_log(KT_LOG_WARN, "dashboard: not noted what=%s user='" KT_STR_FMT "' why='%s'", words[what],
           KT_STR_ARG(kt_utf8_cut(user, 80)), why);
}

static void *work(void *self)
{
    struct kt_page_notes *n = self;
    (void)pthread_mutex_lock(&n->lock);
    while (!n->quit || n->n > 0) {
        if (n->n == 0) {
            (void)pthread_cond_wait(&n->work, &n->lock);
            continue;
        }
        struct kt_buf request = n->waiting[n->first];
        struct kt_error err = { 0 };
        n->waiting[n->first] = (struct kt_buf){ 0 };
        n->first = (n->first + 1) % WAITING;
        n->n--;
        (void)pthread_mutex_unlock(&n->lock);
        if (send(n, kt_buf_str(&request), &err) != KT_OK)
            kt_log(KT_LOG_WARN, "dashboard: not noted request='%s' why='%s'", kt_buf_z(&request),
                   err.text);
        kt_buf_done(&request);
        (void)pthread_mutex_lock(&n->lock);
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
    (void)pthread_mutex_destroy(&n->lock);
    kt_free(n);
}

/* ---- what was asked ---- */

static struct kt_str param(const struct kt_page_view *v, const char *name)
{
    for (unsigned i = 0; i < v->n_params; i++)
        if (kt_str_is(v->param[i].name, name))
            return v->param[i].value;
    return KT_STR_NONE;
}

/* Which part of an answer is shown, and in which zone, is no other question. */
static bool is_beside(struct kt_str name)
{
    static const char *const beside[] = { "q", "since", "until", "cursor", "limit", "tz" };
    for (size_t i = 0; i < KT_ARRAY_LEN(beside); i++)
        if (kt_str_is(name, beside[i]))
            return true;
    return false;
}

/* The query, then what else was asked for: `actor:bob form=csv`, `seq=17`. */
static void asked(const struct kt_page_view *v, struct kt_buf *out)
{
    kt_buf_add(out, param(v, "q"));
    for (unsigned i = 0; i < v->n_params; i++) {
        const struct kt_api_param *p = &v->param[i];
        if (p->value.len > 0 && !is_beside(p->name))
            kt_buf_addf(out, "%s" KT_STR_FMT "=" KT_STR_FMT, out->len > 0 ? " " : "",
                        KT_STR_ARG(p->name), KT_STR_ARG(p->value));
    }
    struct kt_str cut = kt_utf8_cut(kt_buf_str(out), QUERY_MAX);
    if (cut.len < out->len) {
        out->len = cut.len;
        kt_buf_addz(out, "…");
    }
}

static void add_text(struct kt_buf *out, const char *name, struct kt_str value)
{
    if (value.len == 0)
        return;
    kt_buf_addf(out, ",\"%s\":", name);
    kt_json_quote(out, value);
}

static void write_request(const struct kt_page_view *v, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    char from[KT_IP_TEXT_MAX];
    asked(v, &query);
    kt_buf_addf(out, "{\"do\":\"viewed\",\"what\":\"%s\"", words[v->what]);
    add_text(out, "user", v->user.len > 0 ? kt_utf8_cut(v->user, 80) : KT_STR("(none)"));
    add_text(out, "role", kt_str_of(v->role));
    add_text(out, "call", kt_str_of(v->call));
    add_text(out, "query", kt_buf_str(&query));
    add_text(out, "since", kt_utf8_cut(param(v, "since"), 64));
    add_text(out, "until", kt_utf8_cut(param(v, "until"), 64));
    add_text(out, "from", kt_str_of(kt_ip_format(v->from, from)));
    kt_buf_byte(out, '}');
}

/* ---- once ---- */

/* What makes two questions the same: the request as it is written, and the session; of failed
 * logins the address and the name. */
static uint64_t key_of(const struct kt_page_notes *n, const struct kt_page_view *v,
                       struct kt_str request)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    struct kt_ip net = kt_ip_network(v->from, 32, 64).ip;
    bool failed = v->what == KT_PAGE_LOGIN_FAILED;
    kt_buf_u64(&key, v->session);
    kt_buf_u8(&key, (uint8_t)v->what);
    kt_buf_add(&key, failed ? kt_str_from(net.at, sizeof net.at) : request);
    kt_buf_add(&key, failed ? v->user : KT_STR_NONE);
    return kt_hash64(kt_buf_str(&key), n->seed) | 1;
}

static bool is_once(enum kt_page_what what)
{
    return what != KT_PAGE_LOGIN && what != KT_PAGE_LOGOUT;
}

/* Was it noted lately? With the lock. */
static bool noted(const struct kt_page_notes *n, uint64_t key, kt_time_ns now)
{
    const struct recent *r = &n->recent[(key >> 1) % RECENT];
    return r->key == key && now - r->at < ONCE && now >= r->at;
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

static bool wanted(struct kt_page_notes *n, const struct kt_page_view *v, uint64_t key,
                   kt_time_ns now)
{
    (void)pthread_mutex_lock(&n->lock);
    bool yes = (!is_once(v->what) || !noted(n, key, now)) &&
               (v->what != KT_PAGE_LOGIN_FAILED || room_for_failed(n, now));
    (void)pthread_mutex_unlock(&n->lock);
    return yes;
}

static void remember(struct kt_page_notes *n, uint64_t key, kt_time_ns now)
{
    (void)pthread_mutex_lock(&n->lock);
    n->recent[(key >> 1) % RECENT] = (struct recent){ key, now };
    (void)pthread_mutex_unlock(&n->lock);
}

void kt_page_note_later(struct kt_page_notes *n, const struct kt_page_view *v, kt_time_ns now)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 };
    if (n->control == NULL)
        return;
    write_request(v, &request);
    uint64_t key = key_of(n, v, kt_buf_str(&request));
    if (!wanted(n, v, key, now))
        return;
    (void)pthread_mutex_lock(&n->lock);
    bool room = n->started && n->n < WAITING;
    if (room) {
        n->recent[(key >> 1) % RECENT] = (struct recent){ key, now };
        n->waiting[(n->first + n->n++) % WAITING] = request;
        request = (struct kt_buf){ 0 };
        (void)pthread_cond_signal(&n->work);
    }
    (void)pthread_mutex_unlock(&n->lock);
    if (!room)
        say_not_noted(v->what, v->user, "too many wait");
}

enum kt_status kt_page_note(struct kt_page_notes *n, const struct kt_page_view *v, kt_time_ns now,
                            struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 };
    struct kt_error why = { 0 };
    if (n->control == NULL || v->what == KT_PAGE_NOTHING)
        return KT_OK;
    write_request(v, &request);
    uint64_t key = key_of(n, v, kt_buf_str(&request));
    if (!wanted(n, v, key, now))
        return KT_OK;
    if (send(n, kt_buf_str(&request), &why) == KT_OK) {
        remember(n, key, now);
        return KT_OK;
    }
    say_not_noted(v->what, v->user, why.text);
    if (v->what != KT_PAGE_RAW && v->what != KT_PAGE_EXPORT)
        return KT_OK;
    return kt_fail(err, KT_E_LIMIT,
                   "that this is looked at cannot be noted, so it is not shown: the collector does "
                   "not answer");
}
