/*
 * rollup: sums of the log for a file that others read.
 *
 * Owns:  the sums of a walk until they are written; the thread, which yields to ingest (nice).
 * Calls: core/store (read, rollup), core/query/lives, core/answer/coverage, exporters/alerts/alert.
 * Holds: a round that fails leaves the file as it was; the next one begins where that ended.
 */
#include "collector/rollup.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/answer/coverage.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/event/decision.h"
#include "core/event/line.h"
#include "core/query/lives.h"
#include "core/store/rollup.h"
#include "exporters/alerts/alert.h"

#define NICE       10
#define SUMS       16384u           /* that are held before they are written */
#define ALERTS_MAX 50000u           /* the newest */
#define GAPS_SPAN  (35 * KT_NS_DAY) /* told anew each time; older ones stay as they were */
#define AGAIN      KT_NS_MIN        /* after a failure */

/* ---- sums of accesses ---- */

struct sums {
    struct kt_map *keys; /* i64 time ‖ u8 action ‖ u8 outcome ‖ u8 length ‖ source ‖ secret */
    uint64_t *n;
    struct kt_buf key;
    bool secret;
};
struct walk {
    struct kt_rollup *file;
    struct sums access, secret;
    bool secrets;
    uint64_t events;
};

static void make_key(struct sums *s, kt_time_ns t, const struct kt_columns *c, uint32_t row)
{
    kt_time_ns span = s->secret ? KT_NS_DAY : KT_NS_HOUR;
    struct kt_str source = kt_column_str(c, KT_COL_INSTANCE, row);
    int64_t begin = t - t % span;
    kt_buf_reset(&s->key);
    kt_buf_add_bytes(&s->key, &begin, sizeof begin);
    kt_buf_u8(&s->key, c->small[KT_COL_ACTION][row]);
    kt_buf_u8(&s->key, c->small[KT_COL_OUTCOME][row]);
    kt_buf_u8(&s->key, (uint8_t)source.len); /* at most KT_NAME_MAX */
    kt_buf_add(&s->key, source);
    if (s->secret)
        kt_buf_add(&s->key, kt_column_str(c, KT_COL_SECRET, row));
}

static enum kt_status write_sums(struct walk *w, struct sums *s, struct kt_error *err)
{
    enum kt_status st = KT_OK;
    for (uint32_t i = 0; st == KT_OK && i < kt_map_count(s->keys); i++) {
        struct kt_str key = kt_map_key(s->keys, i);
        int64_t begin;
        size_t head = sizeof begin + 3, len = (uint8_t)key.at[head - 1];
        memcpy(&begin, key.at, sizeof begin);
        struct kt_rollup_sum sum = {
            .time_s = begin / KT_NS_S,
            .source = kt_str_sub(key, head, len),
            .verb = kt_str_of(kt_action_word((enum kt_action)(uint8_t)key.at[head - 3])),
            .outcome = kt_str_of(kt_outcome_word((enum kt_outcome)(uint8_t)key.at[head - 2])),
            .secret = kt_str_from_index(key, head + len),
            .events = s->n[i],
        };
        st =
            s->secret ? kt_rollup_secret(w->file, &sum, err) : kt_rollup_access(w->file, &sum, err);
    }
    kt_map_reset(s->keys);
    return st;
}

static enum kt_status add(struct walk *w, struct sums *s, kt_time_ns t, const struct kt_columns *c,
                          uint32_t row, struct kt_error *err)
{
    bool fresh = false;
    make_key(s, t, c, row);
    uint32_t n = kt_map_put(s->keys, kt_buf_str(&s->key), &fresh);
    s->n[n] = fresh ? 1 : s->n[n] + 1;
    return n + 1 < SUMS ? KT_OK : write_sums(w, s, err);
}

static enum kt_status add_view(struct walk *w, const struct kt_view *v, struct kt_error *err)
{
    const struct kt_columns *c = v->columns;
    enum kt_status st = KT_OK;
    for (uint32_t i = 0; st == KT_OK && i < v->picks; i++) {
        uint32_t row = v->pick[i];
        if (c->small[KT_COL_KIND][row] != KT_KIND_ACCESS || v->time[row] <= 0)
            continue;
        w->events++;
        st = add(w, &w->access, v->time[row], c, row, err);
        if (st == KT_OK && w->secrets && kt_column_str(c, KT_COL_SECRET, row).len > 0)
            st = add(w, &w->secret, v->time[row], c, row, err);
    }
    return st;
}

static enum kt_status sum_records(struct walk *w, struct kt_reader *r, const struct kt_scan *scan,
                                  struct kt_error *err)
{
    uint32_t columns = KT_COLUMN(KT_COL_KIND) | KT_COLUMN(KT_COL_INSTANCE) |
                       KT_COLUMN(KT_COL_ACTION) | KT_COLUMN(KT_COL_OUTCOME) |
                       (w->secrets ? KT_COLUMN(KT_COL_SECRET) : 0);
    struct kt_columns_scan *c = NULL;
    struct kt_view v;
    w->access = (struct sums){ .keys = kt_map_new(0), .n = kt_alloc_array(SUMS, sizeof(uint64_t)) };
    w->secret = (struct sums){ .keys = kt_map_new(0),
                               .n = kt_alloc_array(SUMS, sizeof(uint64_t)),
                               .secret = true };
    enum kt_status st = kt_columns_open(r, scan, columns, true, &c, err);
    while (st == KT_OK && (st = kt_columns_next(c, &v, err)) == KT_OK)
        st = add_view(w, &v, err);
    kt_columns_scan_free(c);
    st = st == KT_E_AGAIN ? KT_OK : st;
    if (st == KT_OK)
        st = write_sums(w, &w->access, err);
    if (st == KT_OK)
        st = write_sums(w, &w->secret, err);
    struct sums *all[] = { &w->access, &w->secret };
    for (unsigned i = 0; i < KT_ARRAY_LEN(all); i++) {
        kt_map_free(all[i]->keys);
        kt_free(all[i]->n);
        kt_buf_done(&all[i]->key);
    }
    return st;
}

/* ---- alerts and gaps ---- */

struct alerts {
    struct kt_rollup *file;
    struct kt_lives lives;
    struct kt_arena arena;
    uint32_t n;
};

static int64_t seconds(kt_time_ns t)
{
    return t / KT_NS_S;
}

static enum kt_status add_alert(void *self, const char *id, struct kt_str json,
                                struct kt_error *err)
{
    struct alerts *all = self;
    struct kt_alert a;
    if (all->n == ALERTS_MAX)
        return KT_E_AGAIN;
    kt_arena_reset(&all->arena);
    if (kt_alert_read(json, &all->arena, &a, NULL) != KT_OK || a.test)
        return KT_OK;
    const struct kt_life *l = kt_lives_of(&all->lives, kt_str_of(id));
    bool closed = l != NULL && l->status == KT_LIFE_CLOSED, over = kt_alert_is_over(&a);
    const struct kt_rollup_alert row = {
        .id = kt_str_of(id),
        .time_s = seconds(a.raised),
        .severity = kt_str_of(kt_severity_words[a.severity].word),
        .detector = kt_str_of(a.detector),
        .source = a.instance,
        .status = a.suppressed_by.len > 0 ? KT_STR("suppressed")
                  : closed || !over ? kt_str_of(kt_life_word(l == NULL ? KT_LIFE_OPEN : l->status))
                                    : KT_STR("ended"),
        .verdict =
            closed ? kt_str_of(kt_finding_verdict_word((enum kt_finding_verdict)l->closed.verdict))
                   : KT_STR(""),
        .acknowledged_s = l != NULL ? seconds(l->acked.at) : 0,
        .closed_s = l != NULL ? seconds(l->closed.at) : 0,
        .title = a.title,
    };
    all->n++;
    return kt_rollup_alert(all->file, &row, err);
}

static enum kt_status add_alerts(struct kt_rollup *file, struct kt_reader *r, struct kt_error *err)
{
    struct alerts all = { .file = file, .arena = kt_arena_new(KT_LINE_MAX) };
    enum kt_status st = kt_rollup_alerts(file, err);
    if (st == KT_OK)
        st = kt_lives_load(r, &all.lives, err);
    if (st == KT_OK)
        st = kt_reader_alerts(r, add_alert, &all, err);
    kt_lives_done(&all.lives);
    kt_arena_done(&all.arena);
    return st;
}

static enum kt_status add_gaps(struct kt_rollup *file, struct kt_ask *ask, struct kt_error *err)
{
    struct kt_coverage *c = NULL;
    ask->since = ask->now - GAPS_SPAN;
    ask->until = ask->now;
    enum kt_status st = kt_coverage_load(ask, &c, err);
    if (st == KT_OK)
        st = kt_rollup_gaps(file, seconds(ask->since), err);
    for (unsigned i = 0; st == KT_OK && i < c->n_gaps; i++) {
        const struct kt_coverage_gap *g = &c->gap[i];
        const struct kt_rollup_gap row = { .time_s = seconds(g->from),
                                           .until_s = seconds(g->until),
                                           .source = g->instance,
                                           .cause = kt_str_of(kt_gap_cause_word(g->cause)),
                                           .filled = g->filled,
                                           .events = g->events };
        st = kt_rollup_gap(file, &row, err);
    }
    kt_coverage_free(c);
    return st;
}

/* ---- a round ---- */

struct round {
    const struct kt_conf *conf;
    struct kt_ask ask;
    struct walk walk;
    struct kt_store_stats stats;
};

static enum kt_status fill(struct round *x, uint64_t upto, struct kt_error *err)
{
    struct kt_ask *ask = &x->ask;
    const struct kt_scan scan = { .records = true,
                                  .from_seq = upto + 1,
                                  .until_seq = x->stats.records,
                                  .damage = &ask->damage,
                                  .give_up = ask->give_up,
                                  .give_up_self = ask->give_up_self };
    enum kt_status st =
        upto < x->stats.records ? sum_records(&x->walk, ask->reader, &scan, err) : KT_OK;
    if (st == KT_OK)
        st = add_alerts(x->walk.file, ask->reader, err);
    return st == KT_OK ? add_gaps(x->walk.file, ask, err) : st;
}

/* What is there may be damaged in whatever way, or of a log that was restored: then all of it is
 * made again; unless somebody gave it up. */
static enum kt_status make(struct round *x, bool anew, struct kt_error *err)
{
    uint64_t upto = 0;
    x->walk = (struct walk){ .secrets = x->conf->rollup.secret_names };
    if (kt_rollup_begin(x->conf->rollup.path, x->stats.log_id, x->walk.secrets, anew, &x->walk.file,
                        &upto, err) != KT_OK)
        return err->code;
    enum kt_status st = KT_E_CORRUPT;
    if (upto <= x->stats.records)
        st = fill(x, upto, err);
    else
        st = kt_fail(err, KT_E_CORRUPT, "it knows more than the log");
    if (st == KT_OK)
        return kt_rollup_finish(KT_TAKE(x->walk.file), x->stats.records,
                                seconds(x->stats.first_time), seconds(x->ask.now), err);
    kt_rollup_free(KT_TAKE(x->walk.file));
    return st != KT_E_LIMIT && !anew ? make(x, true, err) : st;
}

enum kt_status kt_rollup_make(const struct kt_conf *conf, struct kt_clock clock,
                              bool (*give_up)(void *self), void *self, struct kt_rollup_made *ret,
                              struct kt_error *err)
{
    struct round x = { .conf = conf };
    kt_time_ns began = clock.mono(clock.self);
    enum kt_status st =
        kt_ask_open(&x.ask, conf->store_path, conf->identities, clock.wall(clock.self), err);
    x.ask.give_up = give_up;
    x.ask.give_up_self = self;
    if (st == KT_OK)
        st = kt_reader_stats(x.ask.reader, &x.stats, err);
    x.ask.until_seq = x.stats.records;
    if (st == KT_OK)
        st = make(&x, false, err);
    kt_ask_done(&x.ask);
    if (st == KT_OK)
        *ret = (struct kt_rollup_made){ .events = x.walk.events,
                                        .upto = x.stats.records,
                                        .took = clock.mono(clock.self) - began };
    return st;
}

/* ---- the thread ---- */

struct kt_rollups {
    const struct kt_conf *conf;
    struct kt_clock clock;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool stop;
};

static bool stops(void *self)
{
    struct kt_rollups *r = self;
    (void)pthread_mutex_lock(&r->lock);
    bool stop = r->stop;
    (void)pthread_mutex_unlock(&r->lock);
    return stop;
}

/* Returns whether to stop. */
static bool wait_for(struct kt_rollups *r, kt_time_ns span)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(span / KT_NS_S);
    (void)pthread_mutex_lock(&r->lock);
    while (!r->stop && pthread_cond_timedwait(&r->woken, &r->lock, &until) != ETIMEDOUT)
        ;
    bool stop = r->stop;
    (void)pthread_mutex_unlock(&r->lock);
    return stop;
}

static void *run(void *self)
{
    struct kt_rollups *r = self;
    kt_time_ns wait = 0;
    bool failed = false;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    while (!wait_for(r, wait)) {
        struct kt_rollup_made made;
        struct kt_error err = { 0 };
        if (kt_rollup_make(r->conf, r->clock, stops, r, &made, &err) == KT_OK) {
            kt_log(failed ? KT_LOG_INFO : KT_LOG_DEBUG,
                   "rollup: made path='%s' new=%" PRIu64 " took=%" PRId64 "ms",
                   r->conf->rollup.path, made.events, made.took / KT_NS_MS);
            failed = false;
        } else if (!stops(r)) {
            kt_log(failed ? KT_LOG_DEBUG : KT_LOG_WARN, "rollup: %s", err.text);
            failed = true;
        }
        wait = failed && AGAIN < r->conf->rollup.every ? AGAIN : r->conf->rollup.every;
    }
    return NULL;
}

enum kt_status kt_rollups_open(const struct kt_conf *conf, struct kt_clock clock,
                               struct kt_rollups **ret, struct kt_error *err)
{
    if (conf->rollup.path == NULL)
        return KT_OK;
    struct kt_rollups *r = kt_alloc(sizeof *r);
    r->conf = conf;
    r->clock = clock;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->woken, NULL);
    int rc = pthread_create(&r->thread, NULL, run, r);
    if (rc != 0) {
        errno = rc;
        kt_rollups_close(r);
        return kt_fail_errno(err, "rollup: thread");
    }
    r->started = true;
    *ret = r;
    return KT_OK;
}

void kt_rollups_close(struct kt_rollups *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->stop = true;
    (void)pthread_cond_signal(&r->woken);
    (void)pthread_mutex_unlock(&r->lock);
    if (r->started)
        (void)pthread_join(r->thread, NULL);
    (void)pthread_cond_destroy(&r->woken);
    (void)pthread_mutex_destroy(&r->lock);
    kt_free(r);
}
