/*
 * follow: the detectors' thread.
 *
 * Owns:  the detection engine, a read-only store handle, the news that the writer has not taken.
 * Calls: detect, core/store/read, exporters/alerts/alert. Real time only to space snapshots.
 * Holds: news are one cut through the log: all alerts up to `position`, and a snapshot, when there
 *        is one, of that position or an earlier one. So whoever restores it and leaves out alerts
 *        up to `position` raises nothing twice and misses nothing.
 */
#include "collector/follow.h"
#include "collector/settings.h"
#include "core/base/alloc.h"
#include "core/sys/clock.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SLICE_RECORDS  4096u
#define SLICE_TIME     (100 * KT_NS_MS) /* a cursor held for longer would stop the checkpoints */
#define SNAPSHOT_EVERY (5 * KT_NS_S)
#define SNAPSHOT_BYTES (512u << 10) /* and one more second for each of these */

struct kt_follow {
    struct kt_detect *detect;
    struct kt_conf *first; /* recorded in the log; NULL: none */
    struct kt_reader *reader;
    char *path;
    uint64_t alerted, saved; /* saved: position of the newest snapshot */
    kt_time_ns next_snapshot;
    const struct kt_record *record; /* being scored */
    struct kt_follow_alert *found;  /* of this slice */
    unsigned n_found;
    pthread_t thread;
    bool started;
    int fd;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t woken;
    bool wake, stop, fresh;
    struct kt_follow_news news;
};

static kt_time_ns mono(void)
{
    return kt_clock_real.mono(kt_clock_real.self);
}

/* History that was brought in is kept, nobody is called for it. */
static bool is_historic(const struct kt_record *r, const struct kt_alert *a)
{
    bool brought = r->origin == KT_ORIGIN_IMPORT || r->origin == KT_ORIGIN_FEED;
    return brought && r->stored - a->last > KT_NS_DAY;
}

static void on_alert(void *self, const struct kt_alert *a, bool is_new)
{
    struct kt_follow *f = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    if (f->record->seq <= f->alerted)
        return; /* a replay after a crash: this one is in the store */
    kt_alert_write(a, &json);
    f->found = kt_realloc_array(f->found, f->n_found + 1, sizeof *f->found);
    f->found[f->n_found++] = (struct kt_follow_alert){ .json = kt_str_dup(kt_buf_str(&json)),
                                                       .is_new = is_new,
                                                       .historic = is_historic(f->record, a) };
}

/* Scores a slice of the log. *ret_more: it goes on. *ret_left_out: damage in it. */
static enum kt_status slice(struct kt_follow *f, bool *ret_more, struct kt_error *ret_left_out,
                            struct kt_error *err)
{
    struct kt_damage damage = { 0 };
    struct kt_scan scan = { .from_seq = kt_detect_position(f->detect) + 1,
                            .control = true,
                            .records = true,
                            .damage = &damage };
    struct kt_cursor *c = NULL;
    kt_time_ns until = mono() + SLICE_TIME;
    *ret_more = false;
    if (f->reader == NULL && kt_reader_open(f->path, &f->reader, err) != KT_OK)
        return kt_wrap(err, "detection");
    enum kt_status st = kt_cursor_open(f->reader, &scan, &c, err);
    for (unsigned n = 0; st == KT_OK; n++) {
        struct kt_record r;
        if (n >= SLICE_RECORDS || (n % 256 == 255 && mono() > until)) {
            *ret_more = true;
            break;
        }
        st = kt_cursor_next(c, &r, err);
        if (st != KT_OK)
            break;
        f->record = &r;
        kt_detect_record(f->detect, &r);
        f->record = NULL;
    }
    kt_cursor_free(c);
    if (st != KT_OK && st != KT_E_AGAIN)
        return kt_wrap(err, "detection");
    *ret_left_out = damage.first; /* the rest of the log is scored all the same */
    return KT_OK;
}

static void add_snapshot(struct kt_follow *f)
{
    kt_buf_reset(&f->news.snapshot);
    kt_buf_reset(&f->news.status);
    kt_detect_snapshot(f->detect, &f->news.snapshot);
    kt_detect_status(f->detect, &f->news.status);
    f->saved = kt_detect_position(f->detect);
    f->next_snapshot =
        mono() + SNAPSHOT_EVERY + (kt_time_ns)(f->news.snapshot.len / SNAPSHOT_BYTES) * KT_NS_S;
}

/* Under the lock: hands the slice over. */
static void publish(struct kt_follow *f, bool last, const struct kt_error *trouble)
{
    struct kt_follow_news *n = &f->news;
    uint64_t position = kt_detect_position(f->detect);
    bool due = position != f->saved && (last || mono() >= f->next_snapshot);
    if (due)
        add_snapshot(f);
    n->alerts = kt_realloc_array(n->alerts, n->n_alerts + f->n_found + 1, sizeof *n->alerts);
    if (f->n_found > 0)
        memcpy(n->alerts + n->n_alerts, f->found, f->n_found * sizeof *f->found);
    n->n_alerts += f->n_found;
    f->n_found = 0;
    n->failed = trouble != NULL;
    if (trouble != NULL)
        kt_str_copyz(n->error, sizeof n->error, kt_str_of(trouble->text));
    if (n->n_alerts > 0 || due || n->failed) {
        uint64_t one = 1;
        ssize_t w = write(f->fd, &one, sizeof one);
        (void)w;
        f->fresh = true;
    }
    n->position = position;
}

static void *run(void *self)
{
    struct kt_follow *f = self;
    bool more = true, stop = false;
    while (!stop) {
        struct kt_error err = { 0 }, left_out = { 0 };
        (void)pthread_mutex_lock(&f->lock);
        while (!more && !f->wake && !f->stop) {
            struct timespec until;
            (void)clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec += 5;
            if (pthread_cond_timedwait(&f->woken, &f->lock, &until) == ETIMEDOUT)
                break;
        }
        f->wake = false;
        stop = f->stop;
        (void)pthread_mutex_unlock(&f->lock);
        enum kt_status st = stop ? KT_OK : slice(f, &more, &left_out, &err);
        if (st != KT_OK) {
            more = false;
            kt_reader_close(f->reader);
            f->reader = NULL;
        }
        (void)pthread_mutex_lock(&f->lock);
        if (st == KT_OK)
            err = left_out;
        publish(f, stop, err.code == KT_OK ? NULL : &err);
        (void)pthread_mutex_unlock(&f->lock);
    }
    return NULL;
}

/* An engine without a past. Its settings are the first that the log records, else the given ones,
 * which the collector is about to record. */
static enum kt_status fresh_engine(struct kt_follow *f, const struct kt_follow_options *o,
                                   struct kt_error *err)
{
    struct kt_detect_options d = { .conf = o->conf, .alert = on_alert, .self = f };
    struct kt_detect *given = NULL;
    struct kt_error why = { 0 };
    enum kt_status st = kt_detect_new(&d, &given, err); /* this one must be usable in any case */
    if (st == KT_OK && f->reader == NULL)
        st = kt_reader_open(f->path, &f->reader, err);
    if (st == KT_OK)
        st = kt_settings_first(f->reader, &f->first, err);
    d.conf = f->first;
    if (st == KT_OK && f->first != NULL && kt_detect_new(&d, &f->detect, &why) == KT_OK)
        kt_detect_free(given);
    else if (st == KT_OK)
        f->detect = given;
    else
        kt_detect_free(given);
    return st;
}

static enum kt_status start(struct kt_follow *f, const struct kt_follow_options *o,
                            struct kt_error *err)
{
    enum kt_status st = fresh_engine(f, o, err);
    /* a state of another version, or a damaged one, is dropped: a replay gives the same again */
    struct kt_error why = { 0 };
    if (st == KT_OK && o->snapshot.len > 0 &&
        kt_detect_restore(f->detect, o->snapshot, &why) != KT_OK) {
        kt_detect_free(KT_TAKE(f->detect));
        kt_conf_free(KT_TAKE(f->first));
        st = fresh_engine(f, o, err);
    }
    if (st != KT_OK)
        return st;
    f->saved = kt_detect_position(f->detect);
    f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (f->fd < 0)
        return kt_fail_errno(err, "detection: eventfd");
    int rc = pthread_create(&f->thread, NULL, run, f);
    if (rc != 0) {
        errno = rc;
        return kt_fail_errno(err, "detection: thread");
    }
    f->started = true;
    return KT_OK;
}

enum kt_status kt_follow_open(const struct kt_follow_options *o, struct kt_follow **ret,
                              struct kt_error *err)
{
    struct kt_follow *f = kt_alloc(sizeof *f);
    f->path = kt_strdup(o->store_path);
    f->alerted = o->alerted;
    f->fd = -1;
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->woken, NULL);
    enum kt_status st = start(f, o, err);
    if (st != KT_OK) {
        kt_follow_free(f);
        return st;
    }
    *ret = f;
    return KT_OK;
}

void kt_follow_stop(struct kt_follow *f)
{
    if (f == NULL || !f->started)
        return;
    (void)pthread_mutex_lock(&f->lock);
    f->stop = true;
    (void)pthread_cond_signal(&f->woken);
    (void)pthread_mutex_unlock(&f->lock);
    (void)pthread_join(f->thread, NULL);
    f->started = false;
}

void kt_follow_free(struct kt_follow *f)
{
    if (f == NULL)
        return;
    kt_follow_stop(f);
    kt_follow_news_done(&f->news);
    for (unsigned i = 0; i < f->n_found; i++)
        kt_free(f->found[i].json);
    kt_free(f->found);
    kt_reader_close(f->reader);
    kt_detect_free(f->detect);
    kt_conf_free(f->first);
    if (f->fd >= 0)
        (void)close(f->fd);
    (void)pthread_cond_destroy(&f->woken);
    (void)pthread_mutex_destroy(&f->lock);
    kt_free(f->path);
    kt_free(f);
}

void kt_follow_wake(struct kt_follow *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->wake = true;
    (void)pthread_cond_signal(&f->woken);
    (void)pthread_mutex_unlock(&f->lock);
}

int kt_follow_fd(const struct kt_follow *f)
{
    return f->fd;
}

uint64_t kt_follow_position(struct kt_follow *f)
{
    (void)pthread_mutex_lock(&f->lock);
    uint64_t position = f->news.position;
    (void)pthread_mutex_unlock(&f->lock);
    return position;
}

bool kt_follow_take(struct kt_follow *f, struct kt_follow_news *ret)
{
    (void)pthread_mutex_lock(&f->lock);
    bool fresh = f->fresh;
    if (fresh) {
        uint64_t v;
        ssize_t n = read(f->fd, &v, sizeof v);
        (void)n;
        *ret = f->news;
        f->news = (struct kt_follow_news){ .position = ret->position };
        f->fresh = false;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return fresh;
}

void kt_follow_news_done(struct kt_follow_news *n)
{
    for (unsigned i = 0; i < n->n_alerts; i++)
        kt_free(n->alerts[i].json);
    kt_free(n->alerts);
    kt_buf_done(&n->snapshot);
    kt_buf_done(&n->status);
    *n = (struct kt_follow_news){ 0 };
}
