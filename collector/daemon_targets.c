/*
 * daemon_targets: what becomes of deliveries: targets that take nothing and take again, dead
 * letters that a person puts back.
 *
 * Owns:  the blobs "delivery/broken/<target>": when the alert about a broken target was raised.
 * Calls: outbox, deliver, alerts, triage (what has ended), ingest (control records).
 */
#include "collector/daemon.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/sys/clock.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BROKEN_AFTER (15 * KT_NS_MIN)
#define BROKEN       "delivery.broken"
#define BROKEN_BLOBS "delivery/broken/"
#define TARGETS_MAX  64u
#define RETRY_MAX    4096u /* rows of one request */

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

/* ---- targets that take nothing ---- */

static const char *blob_of(const char *target, char ret[128])
{
    (void)snprintf(ret, 128, BROKEN_BLOBS "%s", target);
    return ret;
}

enum kt_status kt_daemon_target_broke(struct kt_daemon *d, const char *target, kt_time_ns now,
                                      struct kt_error *err)
{
    char name[128], at[24];
    int n = snprintf(at, sizeof at, "%" PRId64, now);
    return kt_store_put(d->store, blob_of(target, name), kt_str_from(at, (size_t)n), err);
}

struct broken { /* as the store knows it */
    struct kt_daemon *d;
    struct {
        char target[64];
        kt_time_ns at;
    } all[TARGETS_MAX];
    unsigned n;
};

static enum kt_status take_broken(void *self, const char *name, struct kt_str value,
                                  struct kt_error *err)
{
    struct broken *b = self;
    uint64_t at = 0;
    (void)err;
    if (b->n == TARGETS_MAX || !kt_str_u64(value, &at))
        return KT_OK;
    kt_str_copyz(b->all[b->n].target, sizeof b->all[b->n].target,
                 kt_str_of(name + strlen(BROKEN_BLOBS)));
    b->all[b->n++].at = (kt_time_ns)at;
    return KT_OK;
}

static bool is_known(const struct broken *b, const char *target)
{
    for (unsigned i = 0; i < b->n; i++)
        if (strcmp(b->all[i].target, target) == 0)
            return true;
    return false;
}

/* It takes alerts again: the cause of the alert is over. */
static enum kt_status end_broken(struct kt_daemon *d, const char *target, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    char name[128];
    kt_buf_addz(&raw, "{\"about\":");
    kt_json_quote(&raw, kt_str_of(target));
    kt_buf_byte(&raw, '}');
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st = kt_daemon_record(d, KT_KIND_AUDIT, "delivery.works", KT_STR("takes alerts again"),
                              kt_buf_str(&raw), err);
    if (st == KT_OK)
        st = kt_daemon_over(d, BROKEN, kt_str_of(target), err);
    if (st == KT_OK)
        st = kt_store_put(d->store, blob_of(target, name), KT_STR_NONE, err);
    d->notified = true;
    return st;
}

enum kt_status kt_daemon_check_targets(struct kt_daemon *d, struct kt_error *err)
{
    const char *names[TARGETS_MAX];
    struct broken known = { .d = d };
    unsigned n = kt_outbox_broken(d->outbox, BROKEN_AFTER, names, TARGETS_MAX);
    enum kt_status st = kt_store_each(d->store, BROKEN_BLOBS, take_broken, &known, err);
    for (unsigned i = 0; i < n && st == KT_OK; i++)
        if (!is_known(&known, names[i]))
            kt_daemon_note(d, BROKEN, kt_str_of(names[i]),
                           "takes no alerts: it has failed for 15 minutes or is gone "
                           "(keytrail status, keytrail notify retry)",
                           names[i]);
    for (unsigned i = 0; i < known.n && st == KT_OK; i++)
        if (kt_outbox_works(d->outbox, known.all[i].target, known.all[i].at))
            st = end_broken(d, known.all[i].target, err);
    return st;
}

/* ---- dead letters that are put back ---- */

struct retry {
    int64_t row;                 /* 0: any */
    struct kt_str alert, target; /* empty: any */
    struct kt_outbox_row *rows;
    unsigned n;
    bool more;
};

static enum kt_status take_dead(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct retry *r = self;
    (void)err;
    if (strcmp(row->state, "dead") != 0 || (r->row != 0 && r->row != row->row) ||
        (r->alert.len > 0 && !kt_str_is(r->alert, row->alert)) ||
        (r->target.len > 0 && !kt_str_is(r->target, row->target)))
        return KT_OK;
    if (r->n == RETRY_MAX) {
        r->more = true;
        return KT_OK;
    }
    if ((r->n & (r->n - 1)) == 0) /* full at each power of two */
        r->rows = kt_realloc_array(r->rows, r->n == 0 ? 1 : 2 * (size_t)r->n, sizeof *r->rows);
    r->rows[r->n++] = *row;
    return KT_OK;
}

static enum kt_status read_retry(struct kt_jval args, struct retry *r, struct kt_error *err)
{
    bool all = kt_json_bool(kt_json_at(args, "all"), false);
    r->alert = kt_json_str_at(args, "alert");
    r->target = kt_json_str_at(args, "target");
    (void)kt_json_i64(kt_json_at(args, "row"), &r->row);
    if (kt_json_str_at(args, "by").len == 0)
        return kt_fail(err, KT_E_INPUT, "whose word is it? 'by' is missing");
    if (!all && r->row == 0 && r->alert.len == 0 && r->target.len == 0)
        return kt_fail(err, KT_E_INPUT, "say which: row, alert, target or all");
    return KT_OK;
}

/* The named target too when none of its rows is dead: a 410 may have disabled it. */
static enum kt_status revive(struct kt_daemon *d, const struct retry *r, struct kt_error *err)
{
    for (unsigned i = 0; i < d->conf->n_targets; i++) {
        const char *name = d->conf->targets[i].name;
        bool named = kt_str_is(r->target, name);
        for (unsigned k = 0; k < r->n && !named; k++)
            named = strcmp(r->rows[k].target, name) == 0;
        if (named)
            (void)kt_outbox_revive(d->outbox, name);
    }
    char target[64];
    kt_str_copyz(target, sizeof target, r->target);
    if (r->target.len > 0 && !kt_outbox_revive(d->outbox, target))
        return kt_fail(err, KT_E_INPUT, "there is no target '%s' in alerts.targets", target);
    return KT_OK;
}

static enum kt_status put_back(struct kt_daemon *d, struct kt_jval args, const struct retry *r,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    kt_time_ns now = wall();
    kt_buf_addz(&raw, "{\"by\":");
    kt_json_quote(&raw, kt_json_str_at(args, "by"));
    kt_buf_addz(&raw, ",\"target\":");
    kt_json_quote(&raw, r->target);
    kt_buf_addz(&raw, ",\"alert\":");
    kt_json_quote(&raw, r->alert);
    kt_buf_addf(&raw, ",\"row\":%" PRId64 ",\"rows\":%u}", r->row, r->n);
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    for (unsigned i = 0; i < r->n && st == KT_OK; i++) {
        bool ended = false;
        st = kt_triage_ended(d->triage, r->rows[i].alert, &ended, err);
        if (st == KT_OK)
            st = kt_deliver_retry(d->deliver, &r->rows[i], ended, now, err);
    }
    if (st == KT_OK)
        st = kt_daemon_record(d, KT_KIND_AUDIT, "notify.retry",
                              KT_STR("dead letters are delivered again"), kt_buf_str(&raw), err);
    return st == KT_OK ? kt_daemon_commit(d, err) : st;
}

enum kt_status kt_daemon_notify_retry(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                      struct kt_error *err)
{
    struct retry r = { 0 };
    enum kt_status st = read_retry(args, &r, err);
    if (st == KT_OK)
        st = kt_store_outbox_all(d->store, take_dead, &r, err);
    if (st == KT_OK && r.n == 0 && r.target.len == 0)
        st = kt_fail(err, KT_E_INPUT, "there is no such dead letter (keytrail notify dead)");
    if (st == KT_OK)
        st = revive(d, &r, err);
    if (st == KT_OK)
        st = put_back(d, args, &r, err);
    if (st == KT_OK)
        kt_buf_addf(out, "{\"rows\":%u,\"more\":%s}\n", r.n, r.more ? "true" : "false");
    kt_free(r.rows);
    return st;
}
