/*
 * tally: one walk over kinds, instances and times.
 *
 * Owns:  a page for each instance and day that has records; nothing for the others.
 * Calls: core/base, core/store/read.h.
 */
#include "core/answer/tally.h"

#include "core/answer/tally_kept.h"

#include "core/base/alloc.h"
#include "core/base/map.h"

/* DESIGN §11; whoever is polled: 10. */
static const struct {
    const char *type;
    unsigned minutes;
} lateness[] = { { "vault", 1 },      { "auditd", 1 }, { "fanotify", 1 },
                 { "kubernetes", 2 }, { "azure", 15 }, { "cloudtrail", 20 } };

unsigned kt_tally_allowance(struct kt_str source)
{
    for (unsigned i = 0; i < KT_ARRAY_LEN(lateness); i++)
        if (kt_str_is(source, lateness[i].type))
            return lateness[i].minutes;
    return 10;
}

static uint32_t leaves(const struct kt_tally *t)
{
    return t->days / KT_TALLY_BLOCK + 1;
}

static void free_leaf(struct kt_tally_leaf *l)
{
    for (unsigned i = 0; l != NULL && i < KT_TALLY_BLOCK; i++) {
        if (l->day[i] != NULL)
            kt_free(l->day[i]->late);
        kt_free(l->day[i]);
    }
    kt_free(l);
}

void kt_tally_free(struct kt_tally *t)
{
    if (t == NULL)
        return;
    for (unsigned i = 0; i < t->n; i++) {
        struct kt_tally_source *s = &t->at[i];
        for (uint32_t k = 0; k < leaves(t); k++)
            free_leaf(s->leaf[k]);
        kt_free(s->leaf);
        kt_free(s->source);
        kt_free(s->instance);
    }
    kt_map_free(t->names);
    kt_free(t->at);
    kt_free(t->has_block);
    kt_free(t);
}

/* ---- the walk ---- */

struct walk {
    struct kt_tally *t;
    int64_t first, end; /* minutes that it has */
    /* of the view at hand: which instance a code means, for the source code it was met with */
    struct known {
        uint32_t source_code, number;
    } * known;
    uint32_t room;
};

struct kt_tally *kt_tally_new(int64_t first_day, uint32_t days)
{
    struct kt_tally *t = kt_alloc(sizeof *t);
    t->first_day = first_day;
    t->days = days;
    t->names = kt_map_new(0);
    t->has_block = kt_alloc(days / KT_TALLY_BLOCK + 2); /* a first and a last that are not whole */
    return t;
}

uint32_t kt_tally_source(struct kt_tally *t, struct kt_str source, struct kt_str instance)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    bool fresh;
    kt_buf_add(&name, source);
    kt_buf_byte(&name, '\t');
    kt_buf_add(&name, instance);
    uint32_t number = kt_map_put(t->names, kt_buf_str(&name), &fresh);
    if (!fresh)
        return number;
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 16 : 2 * t->cap;
        t->at = kt_realloc_array(t->at, t->cap, sizeof *t->at);
    }
    t->at[t->n++] =
        (struct kt_tally_source){ .source = kt_str_dup(source),
                                  .instance = kt_str_dup(instance),
                                  .late = KT_TALLY_LATE + kt_tally_allowance(source) * KT_NS_MIN,
                                  .leaf = kt_alloc_array(leaves(t), sizeof *t->at->leaf) };
    t->bytes += sizeof *t->at + leaves(t) * sizeof *t->at->leaf + 2 * (source.len + instance.len);
    return number;
}

uint32_t kt_tally_find(const struct kt_tally *t, struct kt_str source, struct kt_str instance)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    kt_buf_add(&name, source);
    kt_buf_byte(&name, '\t');
    kt_buf_add(&name, instance);
    return kt_map_get(t->names, kt_buf_str(&name));
}

struct kt_tally_day *kt_tally_page(struct kt_tally *t, uint32_t source, int64_t day)
{
    uint32_t k = (uint32_t)(day - t->first_day);
    struct kt_tally_leaf **l = &t->at[source].leaf[k / KT_TALLY_BLOCK];
    if (*l == NULL) {
        *l = kt_alloc(sizeof **l);
        t->bytes += sizeof **l;
    }
    struct kt_tally_day **d = &(*l)->day[k % KT_TALLY_BLOCK];
    if (*d == NULL) {
        *d = kt_alloc(sizeof **d);
        t->pages++;
        t->bytes += sizeof **d;
        uint8_t *has = &t->has_block[day / KT_TALLY_BLOCK - t->first_day / KT_TALLY_BLOCK];
        t->blocks += *has == 0;
        *has = 1;
    }
    return *d;
}

struct kt_tally_late *kt_tally_late(struct kt_tally *t, struct kt_tally_day *d)
{
    if (d->late == NULL) {
        d->late = kt_alloc(sizeof *d->late);
        t->bytes += sizeof *d->late;
    }
    return d->late;
}

bool kt_tally_has(const struct kt_tally *t, int64_t block)
{
    int64_t k = block - t->first_day / KT_TALLY_BLOCK;
    return k >= 0 && k < t->days / KT_TALLY_BLOCK + 2 && t->has_block[k] != 0;
}

static uint32_t number_of(struct walk *w, const struct kt_columns *c, uint32_t row)
{
    const struct kt_text_column *instance = &c->text[KT_COL_INSTANCE - KT_COL_SMALL];
    const struct kt_text_column *source = &c->text[KT_COL_SOURCE - KT_COL_SMALL];
    struct known *k = &w->known[instance->code[row]];
    uint32_t code = source->code[row];
    if (k->source_code == code + 1)
        return k->number;
    k->source_code = code + 1;
    k->number = kt_tally_source(w->t, kt_column_str(c, KT_COL_SOURCE, row),
                                kt_column_str(c, KT_COL_INSTANCE, row));
    return k->number;
}

static void note_late(struct kt_tally *t, struct kt_tally_day *d, uint32_t minute,
                      kt_time_ns arrival, bool access)
{
    struct kt_tally_late *l = kt_tally_late(t, d);
    uint32_t at = (uint32_t)(arrival / KT_NS_MIN);
    d->mark[minute] |= access ? 0 : KT_TALLY_WAS_LATE;
    l->arrived[minute] = l->arrived[minute] < at ? at : l->arrived[minute];
    l->n[minute] += access;
}

static void widen(kt_time_ns *first, kt_time_ns *last, kt_time_ns time)
{
    *first = *first == 0 || time < *first ? time : *first;
    *last = time > *last ? time : *last;
}

static void count(struct walk *w, uint32_t number, enum kt_kind kind, kt_time_ns time,
                  const kt_time_ns *arrival)
{
    struct kt_tally_source *s = &w->t->at[number];
    int64_t minute = time / KT_NS_MIN;
    if (minute < w->first || minute >= w->end)
        return; /* of a day that is not asked for */
    struct kt_tally_day *d = kt_tally_page(w->t, number, minute / KT_TALLY_MINUTES);
    uint32_t of_day = (uint32_t)(minute % KT_TALLY_MINUTES);
    if (kind == KT_KIND_ACCESS) {
        d->events++;
        d->hour[of_day / 60]++;
        if (d->access[of_day] < UINT16_MAX)
            d->access[of_day]++;
        widen(&s->first, &s->last, time);
    } else if (kind == KT_KIND_REPORT) {
        d->reports++;
        d->mark[of_day] |= KT_TALLY_REPORT;
        widen(&s->heard, &s->heard_last, time);
    } else if (kind == KT_KIND_QUARANTINE) {
        d->quarantined++;
    }
    if (arrival == NULL || (kind != KT_KIND_ACCESS && kind != KT_KIND_REPORT))
        return;
    if (*arrival - time <= s->late)
        return;
    note_late(w->t, d, of_day, *arrival, kind == KT_KIND_ACCESS);
    d->lag_max = *arrival - time > d->lag_max ? *arrival - time : d->lag_max;
}

/* Asked before a record is taken in: one may go beyond what there is by its own page. */
static bool has_room(const struct kt_tally *t, kt_time_ns time)
{
    if (t->room.bytes != 0 && t->bytes >= t->room.bytes && t->rows > 0)
        return false;
    return t->room.blocks == 0 || t->blocks < t->room.blocks ||
           kt_tally_has(t, time / KT_NS_DAY / KT_TALLY_BLOCK);
}

static enum kt_status take_view(struct walk *w, const struct kt_view *v, struct kt_error *err)
{
    const struct kt_columns *c = v->columns;
    const struct kt_text_column *instance = &c->text[KT_COL_INSTANCE - KT_COL_SMALL];
    const uint8_t *kind = c->small[KT_COL_KIND];
    if (w->room < instance->n_dict + 1) {
        w->room = instance->n_dict + 1;
        w->known = kt_realloc_array(w->known, w->room, sizeof *w->known);
    }
    memset(w->known, 0, (instance->n_dict + 1) * sizeof *w->known);
    for (uint32_t i = 0; i < v->picks; i++) {
        uint32_t row = v->pick[i];
        if (!has_room(w->t, v->time[row]))
            return kt_fail(err, KT_E_LIMIT, "sums of more than there is room for");
        w->t->rows++;
        if (instance->code[row] != 0)
            count(w, number_of(w, c, row), (enum kt_kind)kind[row], v->time[row],
                  v->arrival != NULL ? &v->arrival[row] : NULL);
    }
    if (w->t->pages > KT_TALLY_PAGES)
        return kt_fail(err, KT_E_LIMIT,
                       "coverage of more than %u days of sources together: ask for a shorter time",
                       KT_TALLY_PAGES);
    return KT_OK;
}

enum kt_status kt_tally_walk(struct kt_tally *t, struct kt_reader *r, const struct kt_scan *scan,
                             struct kt_scan_cost *ret_cost, struct kt_error *err)
{
    const uint32_t columns =
        KT_COLUMN(KT_COL_KIND) | KT_COLUMN(KT_COL_SOURCE) | KT_COLUMN(KT_COL_INSTANCE);
    struct walk w = { .t = t,
                      .first = t->first_day * KT_TALLY_MINUTES,
                      .end = (t->first_day + t->days) * KT_TALLY_MINUTES };
    struct kt_columns_scan *c = NULL;
    struct kt_view view;
    enum kt_status status = kt_columns_open(r, scan, columns, true, &c, err);
    while (status == KT_OK) {
        status = kt_columns_next(c, &view, err);
        if (status == KT_OK)
            status = take_view(&w, &view, err);
    }
    if (c != NULL)
        kt_columns_cost(c, ret_cost);
    kt_columns_scan_free(c);
    kt_free(w.known);
    return status == KT_E_AGAIN ? KT_OK : status;
}

static void widen_by_pages(struct kt_tally *t)
{
    for (unsigned i = 0; i < t->n; i++)
        for (uint32_t k = 0; k < t->days; k++) {
            const struct kt_tally_day *d = kt_tally_day(t, &t->at[i], t->first_day + k);
            kt_time_ns at = (t->first_day + k) * KT_NS_DAY;
            for (uint32_t m = 0; d != NULL && m < KT_TALLY_MINUTES; m++, at += KT_NS_MIN) {
                if (d->access[m] > 0)
                    widen(&t->at[i].first, &t->at[i].last, at);
                if ((d->mark[m] & KT_TALLY_REPORT) != 0)
                    widen(&t->at[i].heard, &t->at[i].heard_last, at);
            }
        }
}

enum kt_status kt_tally_load(struct kt_ask *a, const struct kt_span *span, unsigned n,
                             struct kt_tally **ret, struct kt_error *err)
{
    kt_time_ns since = span[0].since, until = span[n - 1].until;
    int64_t first_day = since / KT_NS_DAY;
    struct kt_tally *t =
        kt_tally_new(first_day, (uint32_t)((until - 1) / KT_NS_DAY - first_day + 1));
    struct kt_scan_cost cost = { 0 };
    struct kt_scan scan = { .records = true,
                            .since = since,
                            .until = until,
                            .span = n > 1 ? span : NULL,
                            .n_spans = n > 1 ? n : 0,
                            .late_after = KT_TALLY_LATE,
                            .give_up = a->give_up,
                            .give_up_self = a->give_up_self,
                            .damage = &a->damage };
    uint64_t kept = 0;
    enum kt_status status = KT_OK;
    if (!a->recount && a->until_seq == 0) /* what is kept knows no earlier state of the log */
        status = kt_tally_kept(t, a->reader, &kept, err);
    scan.from_seq = kept + 1;
    scan.until_seq = a->until_seq;
    if (status == KT_OK)
        status = kt_tally_walk(t, a->reader, &scan, &cost, err);
    kt_scan_cost_add(&a->cost, &cost);
    if (status != KT_OK) {
        kt_tally_free(t);
        return status;
    }
    if (kept > 0)
        widen_by_pages(t);
    *ret = t;
    return KT_OK;
}

/* ---- asking ---- */

const struct kt_tally_day *kt_tally_day(const struct kt_tally *t, const struct kt_tally_source *s,
                                        int64_t day)
{
    int64_t k = day - t->first_day;
    if (k < 0 || k >= t->days || s->leaf[k / KT_TALLY_BLOCK] == NULL)
        return NULL;
    return s->leaf[k / KT_TALLY_BLOCK]->day[k % KT_TALLY_BLOCK];
}

uint32_t kt_tally_hour(const struct kt_tally *t, const struct kt_tally_source *s, int64_t hour)
{
    const struct kt_tally_day *d = kt_tally_day(t, s, hour / 24);
    return d == NULL ? 0 : d->hour[hour % 24];
}

uint64_t kt_tally_events(const struct kt_tally *t, const struct kt_tally_source *s, int64_t from,
                         int64_t until)
{
    uint64_t sum = 0;
    for (int64_t m = from; m < until;) {
        int64_t day = m / KT_TALLY_MINUTES, end = (day + 1) * KT_TALLY_MINUTES;
        const struct kt_tally_day *d = kt_tally_day(t, s, day);
        end = end < until ? end : until;
        for (int64_t i = m; d != NULL && i < end; i++)
            sum += d->access[i % KT_TALLY_MINUTES];
        m = end;
    }
    return sum;
}
