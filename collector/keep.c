/*
 * keep: the clock of retention, and the walk over old segments.
 *
 * Owns:  a reader of the store, the holds, the blob "clock".
 * Calls: core/store, core/query/holds.
 * Holds: a segment goes only when its newest record, and every one before it, is older than the
 *        limit by a clock that never ran ahead; and when no hold in force covers any of it.
 */
#include "collector/keep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/event/json.h"
#include "core/event/line.h"

#define LOOK_EVERY KT_NS_MIN
#define SAVE_EVERY (5 * KT_NS_MIN)
#define STEP_MAX   (5 * KT_NS_MIN) /* a wall clock that moves more in one turn has jumped */
#define OFF_MAX    (7 * KT_NS_DAY) /* off for longer, or a clock set forward: somebody must say */
#define TURN_MAX   KT_NS_MIN       /* between two turns `stored` may lie behind by as much */
#define CLOCK_BLOB "clock"

struct shift { /* what was stored up to seq counts as that much younger */
    uint64_t seq;
    kt_time_ns by;
};
struct kt_keep {
    struct kt_keep_options o;
    struct kt_reader *reader;
    struct kt_holds holds;
    struct shift *shift;
    unsigned n_shifts;

    kt_time_ns now;        /* retention's own time */
    kt_time_ns wall, mono; /* when it was last moved */
    kt_time_ns lag;        /* wall - now, as long as the clock is believed */
    kt_time_ns next_look, next_save;
    uint64_t from_seq; /* segments below are held, or were looked at this round */
    uint64_t *held;    /* first_seq of segments that are known to be held; cleared with the holds */
    size_t n_held, cap_held;
    uint64_t removed;
    kt_time_ns looked; /* wall: a round ended */
    bool unsure;       /* not every hold can be read */
    bool stopped;
    char why[160];
};

static kt_time_ns wall_of(const struct kt_keep *k)
{
    return k->o.clock.wall(k->o.clock.self);
}

static kt_time_ns mono_of(const struct kt_keep *k)
{
    return k->o.clock.mono(k->o.clock.self);
}

/* ---- the clock ---- */

static void stop(struct kt_keep *k, const char *what, kt_time_ns by)
{
    kt_time_ns much = by < 0 ? -by : by;
    (void)snprintf(k->why, sizeof k->why,
                   "%s by %" PRId64 " h %" PRId64 " min: nothing is removed until `keytrail store "
                   "trust-clock`",
                   what, much / KT_NS_HOUR, much % KT_NS_HOUR / KT_NS_MIN);
    if (!k->stopped)
        k->o.alarm(k->o.self, "clock.jump", k->why);
    k->stopped = true;
}

static void move_clock(struct kt_keep *k)
{
    kt_time_ns wall = wall_of(k), mono = mono_of(k);
    kt_time_ns passed = mono > k->mono ? mono - k->mono : 0;
    kt_time_ns step = wall - k->wall - passed;
    k->now += passed;
    k->wall = wall;
    k->mono = mono;
    if (step > STEP_MAX || step < -STEP_MAX)
        stop(k, step > 0 ? "the clock jumped forward" : "the clock jumped back", step);
    else if (!k->stopped)
        k->lag = wall - k->now;
    kt_time_ns off = wall - k->now - k->lag;
    if (k->stopped && off < STEP_MAX && off > -STEP_MAX) { /* it has come back by itself */
        k->stopped = false;
        k->why[0] = 0;
        kt_log(KT_LOG_INFO, "collector: the clock is as it was: retention goes on");
    }
}

static enum kt_status save_clock(struct kt_keep *k, struct kt_error *err)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%" PRId64 " %" PRId64, k->now, k->lag);
    if (k->o.begin(k->o.self, err) != KT_OK)
        return kt_wrap(err, "retention");
    return kt_store_put(k->o.store, CLOCK_BLOB, kt_str_from(text, (size_t)n), err);
}

/* Time that the collector was off is not counted; how long it was must be believable. */
static enum kt_status load_clock(struct kt_keep *k, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_store_stats stats;
    k->wall = wall_of(k);
    k->mono = mono_of(k);
    k->now = k->wall;
    enum kt_status status = kt_store_get(k->o.store, CLOCK_BLOB, &text, err);
    if (status == KT_E_AGAIN) { /* retention was never asked: not before the newest record */
        status = kt_reader_stats(k->reader, &stats, err);
        if (status == KT_OK && stats.last_stored > 0 && stats.last_stored < k->wall)
            k->now = stats.last_stored;
        k->lag = k->wall - k->now;
        return status;
    }
    struct kt_str rest = kt_buf_str(&text), part;
    if (status != KT_OK || !kt_str_split(&rest, ' ', &part) || !kt_str_i64(part, &k->now) ||
        !kt_str_i64(rest, &k->lag))
        return status != KT_OK ? status : kt_fail(err, KT_E_CORRUPT, "the blob 'clock' is damaged");
    kt_time_ns off = k->wall - k->now - k->lag;
    if (off > OFF_MAX)
        stop(k, "the collector was off, or the clock was set forward,", off);
    else if (off < -STEP_MAX)
        stop(k, "the clock was set back", off);
    else
        k->lag = k->wall - k->now;
    return KT_OK;
}

/* ---- what the log says ---- */

static enum kt_status load_shifts(struct kt_keep *k, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_DECISION,
                                  .damage = &k->holds.damage };
    if (kt_cursor_open(k->reader, &scan, &c, err) != KT_OK)
        return kt_wrap(err, "retention");
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_record rec;
    enum kt_status status;
    k->n_shifts = 0;
    while ((status = kt_cursor_next(c, &rec, err)) == KT_OK) {
        struct kt_jval root;
        unsigned repaired;
        int64_t by = 0;
        if (!kt_str_is(rec.ev.operation, "trust-clock") ||
            kt_json_parse(json, rec.ev.raw, &root, &repaired, NULL) != KT_OK ||
            !kt_json_i64(kt_json_at(root, "shift"), &by) || by <= 0)
            continue;
        k->shift = kt_realloc_array(k->shift, k->n_shifts + 1, sizeof *k->shift);
        k->shift[k->n_shifts++] = (struct shift){ rec.seq, by };
    }
    kt_json_free(json);
    kt_cursor_free(c);
    return status == KT_E_AGAIN ? KT_OK : status;
}

static enum kt_status load_log(struct kt_keep *k, struct kt_error *err)
{
    kt_holds_done(&k->holds);
    k->n_held = 0;
    k->from_seq = 0;
    k->next_look = 0;
    if (kt_holds_load(k->reader, &k->holds, err) != KT_OK || load_shifts(k, err) != KT_OK)
        return err->code;
    k->unsure = k->holds.damage.places > 0;
    if (k->unsure) /* what was lost may be a hold on anything */
        k->o.alarm(k->o.self, "retention.unsure",
                   "holds may be among the damaged records: nothing is removed until the store is "
                   "restored from a backup");
    return KT_OK;
}

enum kt_status kt_keep_new(const struct kt_keep_options *o, struct kt_keep **ret,
                           struct kt_error *err)
{
    struct kt_keep *k = kt_alloc(sizeof *k);
    k->o = *o;
    if (kt_reader_open(o->store_path, &k->reader, err) != KT_OK || load_log(k, err) != KT_OK ||
        load_clock(k, err) != KT_OK) {
        kt_keep_free(k);
        return kt_wrap(err, "retention");
    }
    *ret = k;
    return KT_OK;
}

void kt_keep_free(struct kt_keep *k)
{
    if (k == NULL)
        return;
    kt_reader_close(k->reader);
    kt_holds_done(&k->holds);
    kt_free(k->shift);
    kt_free(k->held);
    kt_free(k);
}

/* ---- one segment ---- */

static bool is_old(const struct kt_keep *k, const struct kt_old *old)
{
    kt_time_ns stored = old->max_stored;
    for (unsigned i = 0; i < k->n_shifts; i++)
        if (k->shift[i].seq > old->first_seq)
            stored += k->shift[i].by;
    return k->now - stored >= k->o.retention + TURN_MAX;
}

static int by_number(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
    return (a > b) - (a < b);
}

static enum kt_status is_held(struct kt_keep *k, const struct kt_old *old, bool *ret,
                              struct kt_error *err)
{
    const struct kt_hold *by = NULL;
    *ret = k->n_held > 0 &&
           bsearch(&old->first_seq, k->held, k->n_held, sizeof *k->held, by_number) != NULL;
    if (*ret)
        return KT_OK;
    const struct kt_hold_span span = { .first_seq = old->first_seq,
                                       .last_seq = old->last_seq,
                                       .min_time = old->min_time,
                                       .max_time = old->max_time,
                                       .untimed = old->untimed };
    if (kt_holds_cover(&k->holds, k->reader, &span, &by, err) != KT_OK)
        return kt_wrap(err, "retention");
    *ret = by != NULL;
    if (by == NULL)
        return KT_OK;
    if (k->n_held == k->cap_held) {
        k->cap_held = k->cap_held == 0 ? 64 : 2 * k->cap_held;
        k->held = kt_realloc_array(k->held, k->cap_held, sizeof *k->held);
    }
    k->held[k->n_held++] = old->first_seq; /* they come in rising order, round after round */
    qsort(k->held, k->n_held, sizeof *k->held, by_number);
    return KT_OK;
}

static enum kt_status drop(struct kt_keep *k, const struct kt_old *old, struct kt_error *err)
{
    char reason[96];
    (void)snprintf(reason, sizeof reason, "stored more than %" PRId64 " days ago",
                   k->o.retention / KT_NS_DAY);
    if (k->o.begin(k->o.self, err) != KT_OK ||
        kt_store_remove(k->o.store, old->first_seq, kt_str_of(reason), wall_of(k), err) != KT_OK)
        return kt_wrap(err, "retention");
    k->removed++;
    kt_log(KT_LOG_INFO, "collector: removed records %" PRIu64 "-%" PRIu64 " events=%u: %s",
           old->first_seq, old->last_seq, old->events, reason);
    return KT_OK;
}

enum kt_status kt_keep_turn(struct kt_keep *k, bool *ret_more, struct kt_error *err)
{
    *ret_more = false;
    move_clock(k);
    kt_store_not_before(k->o.store, k->now);
    if (k->mono >= k->next_save) {
        k->next_save = k->mono + SAVE_EVERY;
        if (save_clock(k, err) != KT_OK)
            return err->code;
    }
    if (k->stopped || k->unsure || k->mono < k->next_look)
        return KT_OK;
    struct kt_old old;
    bool held = false;
    enum kt_status status = kt_store_old(k->o.store, k->from_seq, &old, err);
    if (status == KT_E_AGAIN || (status == KT_OK && !is_old(k, &old))) {
        k->from_seq = 0;
        k->next_look = k->mono + LOOK_EVERY;
        k->looked = k->wall;
        return KT_OK;
    }
    if (status != KT_OK || is_held(k, &old, &held, err) != KT_OK)
        return err->code;
    k->from_seq = old.last_seq + 1;
    *ret_more = true;
    return held ? KT_OK : drop(k, &old, err);
}

/* ---- what people decide ---- */

static enum kt_status record(struct kt_keep *k, enum kt_kind kind, const char *operation,
                             const char *id, const char *message, struct kt_str raw,
                             struct kt_error *err)
{
    kt_time_ns now = wall_of(k);
    char native[96];
    int n = snprintf(native, sizeof native, "%s-%s-%" PRId64, id, operation, now);
    struct kt_event ev = { .kind = kind,
                           .source = KT_STR("keytrail"),
                           .instance = KT_STR("store"),
                           .native_id = kt_str_from(native, (size_t)n),
                           .operation = kt_str_of(operation),
                           .message = kt_str_of(message),
                           .time = now,
                           .observed = now,
                           .raw = raw };
    return k->o.record(k->o.self, &ev, err);
}

enum kt_status kt_keep_hold(struct kt_keep *k, struct kt_hold *h, bool add, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_query *q = NULL;
    if (add && h->query[0] != 0 && kt_query_parse(kt_str_of(h->query), &q, err) != KT_OK)
        return kt_wrap(err, "hold");
    kt_query_free(q);
    if (add && (h->until != 0 && h->until <= h->since))
        return kt_fail(err, KT_E_INPUT, "a hold's end must be after its beginning");
    if (add && h->id[0] == 0)
        (void)snprintf(h->id, sizeof h->id, "hold-%u", k->holds.n + 1);
    if (add == (kt_holds_named(&k->holds, kt_str_of(h->id)) != NULL))
        return kt_fail(err, KT_E_INPUT,
                       add ? "there is a hold '%s' already" : "there is no hold '%s'", h->id);
    kt_hold_write(h, add, &raw);
    return record(k, KT_KIND_HOLD, add ? "add" : "rm", h->id, add ? "hold added" : "hold removed",
                  kt_buf_str(&raw), err);
}

enum kt_status kt_keep_trust_clock(struct kt_keep *k, struct kt_str by, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    move_clock(k);
    kt_time_ns shift = k->wall > k->now ? k->wall - k->now : 0;
    kt_buf_addf(&raw, "{\"shift\":%" PRId64 ",\"by\":", shift);
    kt_json_quote(&raw, by);
    kt_buf_byte(&raw, '}');
    if (record(k, KT_KIND_DECISION, "trust-clock", "clock", "the wall clock is right",
               kt_buf_str(&raw), err) != KT_OK)
        return kt_wrap(err, "retention");
    k->now = k->wall;
    k->lag = 0;
    k->stopped = false;
    k->why[0] = 0;
    return save_clock(k, err);
}

enum kt_status kt_keep_reload(struct kt_keep *k, struct kt_error *err)
{
    return load_log(k, err);
}

struct kt_keep_state kt_keep_state(const struct kt_keep *k)
{
    struct kt_keep_state s = { .stopped = k->stopped,
                               .why = k->why,
                               .now = k->now,
                               .held = k->n_held,
                               .removed = k->removed,
                               .looked = k->looked };
    for (unsigned i = 0; i < k->holds.n; i++)
        s.holds += k->holds.at[i].removed == 0;
    return s;
}
