/*
 * follow: the detectors' thread.
 *
 * Owns:  the detection engine, a read-only store handle, a batch that was handed over, the news
 * that the writer has not taken, and what left the engine's memory since the last save. Calls:
 * detect, handed, core/store/read, exporters/alerts/alert. Real time only to space what is saved.
 * Holds: news are one cut through the log: all alerts up to `position`, and changes of the state,
 *        when there are some, of that position or an earlier one. So whoever goes on from there and
 *        leaves out alerts up to `position` raises nothing twice and misses nothing. What left
 *        the engine's memory is here until it is committed; changes are given when those before
 *        are.
 */
#include "collector/follow.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/query/settings.h"
#include "core/sys/clock.h"
#include "core/sys/wake.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SLICE_RECORDS 4096u
#define SLICE_TIME    (100 * KT_NS_MS) /* for longer nobody would hear of anything */
#define LOOK_EVERY    KT_NS_S          /* for longer a log that cannot be read would go unnoticed */
#define SAVE_EVERY    (5 * KT_NS_S)
#define SAVE_LATEST   (60 * KT_NS_S)
#define SAVE_ROWS     64u /* and one more second for each: a row costs a page, twice */

struct kt_follow {
    struct kt_detect *detect;
    struct kt_conf *first; /* recorded in the log; NULL: none */
    struct kt_reader *reader;
    /* Where records come from: a batch that was handed over, else a cursor through the log. */
    struct kt_way *way;
    struct kt_handed *batch;
    uint32_t batch_at;
    struct kt_arena arena; /* of its record */
    struct kt_cursor *cursor;
    uint64_t passed, until;  /* seq up to which all came; where the cursor ends, 0: with the log */
    uint64_t known;          /* seq of the newest record, as the writer said last; 0: not known */
    kt_time_ns next_look;    /* into the log, though the writer says that nothing is there */
    bool looked;             /* in this slice it was seen, or known, what the log has */
    struct kt_damage damage; /* what the cursor has left out in this slice */
    const struct kt_conf *conf;
    const struct kt_clock *clock;
    char *path;
    size_t memory;
    uint64_t alerted, saved; /* saved: position of the newest changes that were given */
    uint64_t stated;         /* position of the newest status */
    kt_time_ns next_save, next_status;
    bool clear; /* what the store has is of no use */
    /* What left memory since the last save; what was given and is not committed yet, or NULL. */
    struct kt_changed *rows, *going;
    uint64_t given, damaged; /* damaged: entries, as told */
    struct kt_backing backing;
    struct kt_error unread;         /* why an entry could not be read back */
    const struct kt_record *record; /* being scored */
    struct kt_follow_alert *found;  /* of this slice */
    unsigned n_found;
    struct kt_detect_meter meter;
    pthread_t thread;
    bool started;
    int fd;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t woken;
    bool wake, stop, fresh;
    uint64_t newest;    /* record, as the writer said when it woke us */
    uint64_t committed; /* newest changes of which the writer said so */
    struct kt_follow_news news;
    struct kt_detect_meter metered;
};

static kt_time_ns mono(const struct kt_follow *f)
{
    return f->clock->mono(f->clock->self);
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

static enum kt_status open_cursor(struct kt_follow *f, struct kt_error *err)
{
    struct kt_scan scan = { .from_seq = f->passed + 1,
                            .until_seq = f->until,
                            .control = true,
                            .records = true,
                            .damage = &f->damage };
    f->looked = true;
    if (f->until == 0)
        f->next_look = mono(f) + LOOK_EVERY;
    return kt_cursor_open(f->reader, &scan, &f->cursor, err);
}

static enum kt_status next_handed(struct kt_follow *f, struct kt_record *ret, struct kt_error *err)
{
    enum kt_status st = kt_handed_next(f->batch, &f->batch_at, &f->arena, ret, err);
    if (st != KT_OK) /* a batch that is not what it says is in the log as well */
        kt_handed_free(KT_TAKE(f->batch));
    return st == KT_OK ? KT_OK : KT_E_AGAIN;
}

static enum kt_status next_of_log(struct kt_follow *f, struct kt_record *ret, struct kt_error *err)
{
    enum kt_status st = f->cursor == NULL ? open_cursor(f, err) : KT_OK;
    if (st == KT_OK)
        st = kt_cursor_next(f->cursor, ret, err);
    if (st != KT_OK)
        kt_cursor_free(KT_TAKE(f->cursor));
    return st;
}

/* To see that would take a cursor, which costs as much as a few hundred records. */
static bool log_has_no_more(const struct kt_follow *f)
{
    return f->known != 0 && f->passed >= f->known && mono(f) < f->next_look;
}

/* The record that comes next. KT_E_AGAIN: the log had no more when it was looked into, or the
 * writer says so. */
static enum kt_status next_record(struct kt_follow *f, struct kt_record *ret, struct kt_error *err)
{
    for (;;) {
        if (f->way != NULL && f->batch == NULL && f->cursor == NULL) {
            f->batch = kt_way_take(f->way, f->passed, &f->until);
            f->batch_at = 0;
        }
        bool handed = f->batch != NULL;
        if (!handed && f->cursor == NULL && f->until == 0 && log_has_no_more(f)) {
            f->looked = true;
            return KT_E_AGAIN;
        }
        enum kt_status st = handed ? next_handed(f, ret, err) : next_of_log(f, ret, err);
        if (st == KT_OK)
            f->passed = ret->seq;
        if (st != KT_E_AGAIN || (!handed && f->until == 0))
            return st;
        if (!handed) /* all that the log has before the next batch */
            f->passed = f->until;
    }
}

/* Scores a slice of the log. *ret_more: it goes on, with the same cursor: a new one would unpack a
 * whole segment to get at the rest of it. *ret_left_out: damage in it. Never without a reader, for
 * batches that were handed over neither: what is not in memory would count as lost. */
static enum kt_status slice(struct kt_follow *f, bool *ret_more, struct kt_error *ret_left_out,
                            struct kt_error *err)
{
    kt_time_ns until = mono(f) + SLICE_TIME;
    *ret_more = false;
    f->damage = (struct kt_damage){ 0 };
    f->looked = false;
    enum kt_status st = f->reader == NULL ? kt_reader_open(f->path, &f->reader, err) : KT_OK;
    for (unsigned n = 0; st == KT_OK; n++) {
        struct kt_record r;
        /* an alert is handed over at once: the rest of the slice may take a while */
        if (n >= SLICE_RECORDS || (n % 256 == 255 && (f->n_found > 0 || mono(f) > until))) {
            *ret_more = true;
            break;
        }
        st = next_record(f, &r, err);
        if (st != KT_OK)
            break;
        f->record = &r;
        kt_detect_record(f->detect, &r);
        f->record = NULL;
    }
    if (st == KT_E_AGAIN) /* of the log as it was then */
        *ret_more = !f->looked;
    if (st != KT_OK && st != KT_E_AGAIN)
        return kt_wrap(err, "detection");
    *ret_left_out = f->damage.first; /* the rest of the log is scored all the same */
    return KT_OK;
}

/* ---- the state ---- */
static bool load(void *self, uint32_t table, struct kt_key key, struct kt_buf *ret)
{
    struct kt_follow *f = self;
    uint8_t at[KT_STATE_KEY];
    _Static_assert(sizeof key == sizeof at, "a key is a row's key");
    memcpy(at, &key, sizeof at);
    enum kt_changed_known known = kt_changed_find(f->rows, table, key, ret);
    if (known == KT_CHANGED_NOTHING && f->going != NULL)
        known = kt_changed_find(f->going, table, key, ret);
    if (known != KT_CHANGED_NOTHING)
        return known == KT_CHANGED_PUT;
    return f->reader != NULL &&
           kt_reader_state(f->reader, (uint8_t)table, at, ret, &f->unread) == KT_OK;
}

struct rows {
    void (*row)(void *to, const struct kt_table_row *r);
    void *to;
};

static void pass_row(void *self, const struct kt_state_row *from)
{
    const struct rows *rows = self;
    struct kt_table_row r = {
        .op = KT_ROW_PUT, .table = from->table, .born = from->born, .used = from->used
    };
    memcpy(&r.key, from->key, sizeof r.key);
    rows->row(rows->to, &r);
}

static enum kt_status each_row(void *self, void (*row)(void *to, const struct kt_table_row *r),
                               void *to, struct kt_error *err)
{
    struct kt_follow *f = self;
    struct rows rows = { row, to };
    return kt_reader_states(f->reader, pass_row, &rows, err);
}

/* An engine without a past, which will read the log from its start. Its settings are the first that
 * the log records, else the given ones, which the collector is about to record. */
static enum kt_status begin_anew(struct kt_follow *f, struct kt_error *err)
{
    struct kt_detect_options d = {
        .conf = f->conf, .alert = on_alert, .self = f, .backing = &f->backing, .meter = &f->meter
    };
    struct kt_detect *given = NULL;
    struct kt_error why = { 0 };
    kt_detect_free(KT_TAKE(f->detect));
    kt_conf_free(KT_TAKE(f->first));
    f->clear = true;
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

/* A state of another version, or a damaged one, is dropped: a replay gives the same again. */
static enum kt_status go_on(struct kt_follow *f, const struct kt_follow_options *o,
                            struct kt_error *err)
{
    const struct kt_detect_rows rows = { each_row, f };
    struct kt_error why = { 0 };
    enum kt_status st = begin_anew(f, err);
    if (st != KT_OK || o->head.len == 0)
        return st;
    st = kt_detect_resume(f->detect, o->head, o->settings, &rows, &why);
    if (st == KT_E_AGAIN || st == KT_E_CORRUPT) {
        kt_log(st == KT_E_AGAIN ? KT_LOG_INFO : KT_LOG_WARN,
               "detection: the state in the store is made again from the log: %s", why.text);
        return begin_anew(f, err);
    }
    if (st != KT_OK)
        return kt_fail(err, st, "%s", why.text);
    f->clear = false;
    f->saved = f->stated = kt_detect_position(f->detect);
    return KT_OK;
}

/* What changed goes to the rows that wait; then all of it may leave memory. */
static void settle(struct kt_follow *f, struct kt_buf *ret_head)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf changes = { 0 };
    kt_detect_changes(f->detect, ret_head, &changes);
    kt_changed_take(f->rows, kt_buf_str(&changes));
    kt_detect_saved(f->detect);
}

/* Memory ends, and what would make room has changed. */
static bool is_full(const struct kt_follow *f)
{
    return kt_detect_bytes(f->detect) > f->memory &&
           kt_detect_dirty(f->detect) > kt_detect_held(f->detect) / 2;
}

static void trim(struct kt_follow *f)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf head = { 0 };
    if (is_full(f))
        settle(f, &head);
    kt_detect_trim(f->detect, f->memory);
}

/* What changed, taken out of the engine. Large tables take a while: without the lock, which stands
 * in the way of every commit. */
static void make_changes(struct kt_follow *f, struct kt_follow_news *ret)
{
    settle(f, &ret->head);
    kt_detect_settings(f->detect, &ret->settings);
    kt_changed_sort(f->rows);
    ret->rows = f->rows;
    f->rows = kt_changed_new();
    ret->clear = f->clear;
    ret->changes = ++f->given;
    f->clear = false;
    f->saved = kt_detect_position(f->detect);
    kt_time_ns cost = (kt_time_ns)(kt_changed_count(ret->rows) / SAVE_ROWS) * KT_NS_S;
    f->next_save = mono(f) + (SAVE_EVERY + cost < SAVE_LATEST ? SAVE_EVERY + cost : SAVE_LATEST);
}

static bool is_due(const struct kt_follow *f, uint64_t position, bool last)
{
    if (position == f->saved)
        return false;
    return last || (f->going == NULL &&
                    (kt_changed_bytes(f->rows) > KT_DETECT_ROWS_MAX || mono(f) >= f->next_save));
}

/* A save may be a minute away; what people see is not. It is made of entries that may have to be
 * read back: none while that cannot be done. */
static void make_status(struct kt_follow *f, uint64_t position, bool last, struct kt_buf *ret)
{
    if (f->reader == NULL || position == f->stated || (!last && mono(f) < f->next_status))
        return;
    kt_detect_status(f->detect, ret);
    f->stated = position;
    f->next_status = mono(f) + SAVE_EVERY;
}

/* ---- handing over ---- */
/* Nothing made: what there is stays. */
static void replace(struct kt_buf *old, struct kt_buf *made)
{
    if (made->len == 0)
        return;
    kt_buf_done(old);
    *old = *made;
    *made = (struct kt_buf){ 0 };
}

static void give_changes(struct kt_follow *f, struct kt_follow_news *made)
{
    struct kt_follow_news *n = &f->news;
    if (n->rows != NULL) { /* the last words, while those before were not taken */
        kt_changed_give(n->rows, made->rows);
        kt_changed_sort(n->rows);
        kt_changed_free(made->rows);
    } else {
        kt_changed_free(f->going);
        n->rows = made->rows;
        f->going = kt_changed_share(n->rows);
    }
    replace(&n->head, &made->head);
    replace(&n->settings, &made->settings);
    n->clear = n->clear || made->clear;
    n->changes = made->changes;
}

/* Under the lock: nothing is made here. */
static void give(struct kt_follow *f, struct kt_follow_news *made)
{
    struct kt_follow_news *n = &f->news;
    if (made->changes != 0)
        give_changes(f, made);
    replace(&n->status, &made->status);
    n->alerts = kt_realloc_array(n->alerts, n->n_alerts + f->n_found + 1, sizeof *n->alerts);
    if (f->n_found > 0)
        memcpy(n->alerts + n->n_alerts, f->found, f->n_found * sizeof *f->found);
    n->n_alerts += f->n_found;
    f->n_found = 0;
    n->failed = n->failed || made->failed;
    if (made->failed)
        memcpy(n->error, made->error, sizeof n->error);
    n->position = made->position;
    if (n->n_alerts > 0 || n->changes != 0 || n->status.len > 0 || n->failed) {
        kt_wake_raise(f->fd);
        f->fresh = true;
    }
}

static void hand_over(struct kt_follow *f, struct kt_follow_news *made)
{
    kt_detect_count_errors(f->detect, &f->meter);
    (void)pthread_mutex_lock(&f->lock);
    give(f, made);
    f->metered = f->meter;
    (void)pthread_mutex_unlock(&f->lock);
}

/* Alerts first: they wait for no save. */
static void publish(struct kt_follow *f, bool last, const struct kt_error *trouble)
{
    uint64_t position = kt_detect_position(f->detect);
    struct kt_follow_news made = { .position = position, .failed = trouble->code != KT_OK };
    kt_str_copyz(made.error, sizeof made.error, kt_str_of(trouble->text));
    hand_over(f, &made);
    made = (struct kt_follow_news){ .position = position };
    if (is_due(f, position, last))
        make_changes(f, &made);
    make_status(f, position, last, &made.status);
    if (made.changes != 0 || made.status.len > 0)
        hand_over(f, &made);
}

static void drop_found(struct kt_follow *f)
{
    for (unsigned i = 0; i < f->n_found; i++)
        kt_free(f->found[i].json);
    f->n_found = 0;
}

/* Until there is something to do, and room for what it changes. Returns whether to stop. */
static bool rest(struct kt_follow *f, bool more)
{
    (void)pthread_mutex_lock(&f->lock);
    for (bool late = false; !f->stop;) {
        bool room = f->committed == f->given || kt_changed_bytes(f->rows) <= KT_DETECT_ROWS_MAX;
        if (room && (more || f->wake || late))
            break;
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 5;
        late = pthread_cond_timedwait(&f->woken, &f->lock, &until) == ETIMEDOUT;
    }
    f->wake = false;
    f->known = f->newest;
    bool stop = f->stop, committed = f->committed == f->given;
    (void)pthread_mutex_unlock(&f->lock);
    if (committed) /* what the writer committed is read from the store */
        kt_changed_free(KT_TAKE(f->going));
    return stop;
}

/* What of the state could not be read back since the last time. */
static enum kt_status find_damage(struct kt_follow *f, struct kt_error *err)
{
    uint64_t n = kt_detect_damaged(f->detect) - f->damaged;
    f->damaged += n;
    return n == 0
               ? KT_OK
               : kt_fail(
                     err, KT_E_CORRUPT,
                     "%" PRIu64 " entries of the detectors' state are damaged and forgotten: %s", n,
                     f->unread.code != KT_OK ? f->unread.text : "they are not what was written");
}

static void *run(void *self)
{
    struct kt_follow *f = self;
    bool more = true, stop = false;
    while (!stop) {
        struct kt_error err = { 0 }, left_out = { 0 };
        stop = rest(f, more);
        trim(f);
        enum kt_status st = stop ? KT_OK : slice(f, &more, &left_out, &err);
        if (st == KT_OK && left_out.code == KT_OK)
            left_out.code = find_damage(f, &left_out);
        publish(f, stop, st == KT_OK ? &left_out : &err);
        if (st != KT_OK) { /* only now: what is published may still be read through it */
            more = false;
            kt_reader_close(KT_TAKE(f->reader));
        }
    }
    return NULL;
}

static enum kt_status start(struct kt_follow *f, const struct kt_follow_options *o,
                            struct kt_error *err)
{
    f->conf = o->conf;
    f->clock = o->clock != NULL ? o->clock : &kt_clock_real;
    f->meter.clock = kt_clock_real; /* what a detector costs is no matter of a test */
    f->memory = o->memory != 0 ? o->memory : KT_DETECT_STATE_MAX;
    f->backing = (struct kt_backing){ load, f };
    f->rows = kt_changed_new();
    enum kt_status st = go_on(f, o, err);
    if (st != KT_OK)
        return st;
    f->passed = kt_detect_position(f->detect);
    f->way = o->way;
    f->arena = kt_arena_new(2 * KT_LINE_MAX);
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
    kt_changed_free(f->rows);
    kt_changed_free(f->going);
    drop_found(f);
    kt_free(f->found);
    kt_cursor_free(f->cursor);
    kt_handed_free(f->batch);
    kt_arena_done(&f->arena);
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

void kt_follow_wake(struct kt_follow *f, uint64_t newest)
{
    (void)pthread_mutex_lock(&f->lock);
    f->wake = true;
    f->newest = newest;
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

void kt_follow_meter(struct kt_follow *f, struct kt_detect_meter *ret)
{
    (void)pthread_mutex_lock(&f->lock);
    *ret = f->metered;
    (void)pthread_mutex_unlock(&f->lock);
}

bool kt_follow_take(struct kt_follow *f, struct kt_follow_news *ret)
{
    (void)pthread_mutex_lock(&f->lock);
    bool fresh = f->fresh;
    if (fresh) {
        kt_wake_lower(f->fd);
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
    kt_buf_done(&n->head);
    kt_buf_done(&n->settings);
    kt_changed_free(n->rows);
    kt_buf_done(&n->status);
    *n = (struct kt_follow_news){ 0 };
}

void kt_follow_saved(struct kt_follow *f, uint64_t changes)
{
    (void)pthread_mutex_lock(&f->lock);
    f->committed = changes;
    (void)pthread_cond_signal(&f->woken);
    (void)pthread_mutex_unlock(&f->lock);
}
