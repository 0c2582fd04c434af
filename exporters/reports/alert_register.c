/*
 * alert_register: see the header.
 *
 * Owns:  an entry an alert; names and sentences once each.
 * Calls: core/store/read.h, core/query/lives.h, exporters/alerts. No clock.
 */
#include "exporters/reports/alert_register.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/event/decision.h"

static const char *const words[KT_REGISTERED_COUNT] = {
    [KT_REGISTERED_OPEN] = "open",
    [KT_REGISTERED_ACKNOWLEDGED] = "acknowledged",
    [KT_REGISTERED_CLOSED] = "closed",
    [KT_REGISTERED_ENDED] = "ended",
};

const char *kt_registered_word(enum kt_registered_status status)
{
    return words[status];
}

struct load {
    struct kt_alert_register *to;
    struct kt_map *ids;
    struct kt_arena arena; /* of one document */
    kt_time_ns before, until;
};

static struct kt_str text(struct kt_alert_register *r, struct kt_str s)
{
    return s.len == 0 ? KT_STR_NONE : kt_map_key(r->texts, kt_map_put(r->texts, s, NULL));
}

static struct kt_registered *found(struct load *l, const char *id)
{
    uint32_t n = kt_map_get(l->ids, kt_str_of(id));
    return n == KT_MAP_NONE ? NULL : &l->to->at[n];
}

/* ---- documents ---- */

static enum kt_status add_alert(struct load *l, const struct kt_alert *a, struct kt_error *err)
{
    struct kt_alert_register *r = l->to;
    bool new;
    if (a->raised < l->before || a->raised >= l->until)
        return KT_OK;
    if (r->n == KT_ALERT_REGISTER_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u alerts: ask for less time",
                       KT_ALERT_REGISTER_MAX);
    uint32_t n = kt_map_put(l->ids, kt_str_of(a->id), &new);
    if (!new)
        return KT_OK;
    if (n == r->cap) {
        r->cap = r->cap == 0 ? 64 : 2 * r->cap;
        r->at = kt_realloc_array(r->at, r->cap, sizeof *r->at);
    }
    r->n = n + 1;
    r->at[n] = (struct kt_registered){ .raised = a->raised,
                                       .severity = a->severity,
                                       .detector = text(r, kt_str_of(a->detector)),
                                       .title = text(r, a->title),
                                       .actor = text(r, a->actor),
                                       .incident = text(r, a->merged_into),
                                       .test = a->test,
                                       .verdict = -1,
                                       .status = kt_alert_is_over(a) ? KT_REGISTERED_ENDED
                                                                     : KT_REGISTERED_OPEN };
    kt_str_copyz(r->at[n].id, sizeof r->at[n].id, kt_str_of(a->id));
    return KT_OK;
}

static enum kt_status take_alert(void *self, const char *id, struct kt_str json,
                                 struct kt_error *err)
{
    struct load *l = self;
    struct kt_alert a;
    struct kt_error wrong = { 0 };
    (void)id;
    kt_arena_reset(&l->arena);
    if (kt_alert_read(json, &l->arena, &a, &wrong) == KT_OK)
        return add_alert(l, &a, err);
    if (l->to->damage.places++ == 0)
        l->to->damage.first = wrong;
    return KT_OK;
}

/* ---- steps ---- */

static void take_step(void *self, const struct kt_step *s)
{
    struct load *l = self;
    struct kt_registered *a = found(l, s->alert);
    if (a == NULL)
        return;
    a->notes += s->what == KT_STEP_NOTE;
    a->reopens += s->what == KT_STEP_REOPEN;
    if ((s->what == KT_STEP_ACK || s->what == KT_STEP_CLOSE) && a->acked == 0) {
        a->acked = s->at;
        a->acked_by = text(l->to, kt_str_of(s->by));
    }
    if (s->what == KT_STEP_CLOSE) {
        a->closed = s->at;
        a->closed_by = text(l->to, kt_str_of(s->by));
        a->reason = text(l->to, kt_str_of(s->reason));
        a->verdict = s->verdict;
    }
    if (s->what == KT_STEP_REOPEN) {
        a->closed = 0;
        a->closed_by = a->reason = KT_STR_NONE;
        a->verdict = -1;
    }
    if (a->status == KT_REGISTERED_ENDED && s->what != KT_STEP_CLOSE)
        return;
    if (s->what == KT_STEP_ACK && a->status == KT_REGISTERED_OPEN)
        a->status = KT_REGISTERED_ACKNOWLEDGED;
    else if (s->what == KT_STEP_CLOSE)
        a->status = KT_REGISTERED_CLOSED;
    else if (s->what == KT_STEP_REOPEN)
        a->status = KT_REGISTERED_OPEN;
}

/* ---- deliveries ---- */

static void add_target(struct kt_alert_register *r, struct kt_registered *a, struct kt_str target)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf list = { 0 };
    struct kt_str rest = a->targets, one;
    while (rest.len > 0 && kt_str_split(&rest, ',', &one))
        if (kt_str_eq(kt_str_trim(one), target))
            return;
    kt_buf_add(&list, a->targets);
    kt_buf_addz(&list, list.len > 0 ? ", " : "");
    kt_buf_add(&list, target);
    a->targets = text(r, kt_buf_str(&list));
}

static enum kt_status take_row(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct load *l = self;
    struct kt_registered *a = found(l, row->alert);
    (void)err;
    if (a == NULL)
        return KT_OK;
    a->dead += strcmp(row->state, "dead") == 0;
    if (strcmp(row->state, "sent") != 0)
        return KT_OK;
    if (a->delivered == 0 || row->sent_at < a->delivered)
        a->delivered = row->sent_at;
    add_target(l->to, a, kt_str_of(row->target));
    return KT_OK;
}

/* ---- sums ---- */

static int by_number(const void *pa, const void *pb)
{
    int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;
    return a < b ? -1 : a > b;
}

int64_t kt_nearest_rank(const int64_t *sorted, uint32_t n, unsigned percent)
{
    uint64_t rank = ((uint64_t)n * percent + 99) / 100;
    return sorted[rank == 0 ? 0 : rank - 1];
}

static void count(struct kt_alert_sums *s, const struct kt_registered *a)
{
    s->tests += a->test;
    if (a->test)
        return;
    s->raised++;
    s->by_severity[a->severity]++;
    s->acknowledged += a->acked != 0;
    s->closed += a->status == KT_REGISTERED_CLOSED;
    s->ended += a->status == KT_REGISTERED_ENDED;
    s->open += a->status == KT_REGISTERED_OPEN;
    s->undelivered += a->severity >= KT_SEV_HIGH && a->delivered == 0;
    if (a->verdict >= 0)
        s->verdict[a->verdict]++;
}

static kt_time_ns ranked(int64_t *list, uint32_t n, unsigned percent)
{
    return n == 0 ? -1 : kt_nearest_rank(list, n, percent);
}

static void sum(const struct kt_alert_register *r, kt_time_ns since, kt_time_ns until,
                struct kt_alert_sums *ret)
{
    int64_t *acks = kt_alloc_array(r->n + 1, sizeof *acks),
            *closes = kt_alloc_array(r->n + 1, sizeof *closes);
    uint32_t n_acks = 0, n_closes = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct kt_registered *a = &r->at[i];
        if (a->raised < since || a->raised >= until)
            continue;
        count(ret, a);
        if (a->acked != 0 && !a->test)
            acks[n_acks++] = a->acked - a->raised;
        if (a->closed != 0 && !a->test)
            closes[n_closes++] = a->closed - a->raised;
    }
    qsort(acks, n_acks, sizeof *acks, by_number);
    qsort(closes, n_closes, sizeof *closes, by_number);
    ret->ack_median = ranked(acks, n_acks, 50);
    ret->ack_p95 = ranked(acks, n_acks, 95);
    ret->close_median = ranked(closes, n_closes, 50);
    ret->close_p95 = ranked(closes, n_closes, 95);
    kt_free(acks);
    kt_free(closes);
}

static int by_raised(const void *pa, const void *pb)
{
    const struct kt_registered *a = pa, *b = pb;
    if (a->raised != b->raised)
        return a->raised < b->raised ? -1 : 1;
    return strcmp(a->id, b->id);
}

/* What was raised in the period before has been counted, and goes. */
static void order(struct kt_alert_register *r, kt_time_ns since)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n; i++)
        if (r->at[i].raised >= since)
            r->at[n++] = r->at[i];
    r->n = n;
    if (n > 1)
        qsort(r->at, n, sizeof *r->at, by_raised);
}

enum kt_status kt_alert_register_load(struct kt_ask *a, struct kt_alert_register **ret,
                                      struct kt_error *err)
{
    struct load l = { .to = kt_alloc(sizeof *l.to),
                      .ids = kt_map_new(0),
                      .arena = kt_arena_new(KT_LINE_MAX),
                      .before = a->since - (a->until - a->since),
                      .until = a->until };
    *l.to = (struct kt_alert_register){ .texts = kt_map_new(0) };
    enum kt_status st = kt_reader_alerts(a->reader, take_alert, &l, err);
    if (st == KT_OK)
        st = kt_lives_steps(a->reader, KT_STR_NONE, take_step, &l, &l.to->damage, err);
    if (st == KT_OK)
        st = kt_reader_outbox(a->reader, take_row, &l, err);
    kt_map_free(l.ids);
    kt_arena_done(&l.arena);
    if (st != KT_OK) {
        kt_alert_register_free(l.to);
        return kt_wrap(err, "alerts");
    }
    sum(l.to, a->since, a->until, &l.to->sums);
    sum(l.to, l.before, a->since, &l.to->before);
    order(l.to, a->since);
    *ret = l.to;
    return KT_OK;
}

void kt_alert_register_free(struct kt_alert_register *r)
{
    if (r == NULL)
        return;
    kt_map_free(r->texts);
    kt_free(r->at);
    kt_free(r);
}
