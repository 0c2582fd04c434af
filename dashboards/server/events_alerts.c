/*
 * events_alerts: which alerts are new, or other than they were.
 *
 * Owns:  a sum of each alert's row as it was last seen.
 * Calls: exporters/alerts/view, dashboards/api/alerts.h.
 */
#include "core/base/hash.h"
#include "core/base/map.h"
#include "dashboards/api/alerts.h"
#include "dashboards/api/scoped.h"
#include "dashboards/server/events.h"

#define SEED 0x6b74u
#define REST 20 /* times as long as a look took, before the next */

struct kt_alert_watch {
    struct kt_map *ids;
    uint64_t *sum; /* by number of the id */
    uint32_t room;
    bool began;
    uint64_t control;
    kt_time_ns next; /* mono */
    uint64_t open[KT_SEV_COUNT];
    /* of one look */
    const struct kt_alert_view *view;
    kt_time_ns now;
    void (*each)(void *self, struct kt_str row);
    void *self;
    struct kt_buf row;
};

struct kt_alert_watch *kt_alert_watch_new(void)
{
    struct kt_alert_watch *w = kt_alloc(sizeof *w);
    w->ids = kt_map_new(SEED);
    return w;
}

void kt_alert_watch_free(struct kt_alert_watch *w)
{
    if (w == NULL)
        return;
    kt_map_free(w->ids);
    kt_buf_done(&w->row);
    kt_free(w->sum);
    kt_free(w);
}

static uint64_t *sum_of(struct kt_alert_watch *w, const char *id, bool *ret_new)
{
    uint32_t n = kt_map_put(w->ids, kt_str_of(id), ret_new);
    if (n >= w->room) {
        w->room = w->room == 0 ? 64 : 2 * w->room;
        w->sum = kt_realloc_array(w->sum, w->room, sizeof *w->sum);
    }
    return &w->sum[n];
}

/* What expectations keep quiet is in no list that people look at by themselves. */
static enum kt_status take(void *self, const struct kt_alert *a, struct kt_error *err)
{
    struct kt_alert_watch *w = self;
    bool is_new;
    (void)err;
    if (a->suppressed_by.len > 0)
        return KT_OK;
    if (kt_alert_status(a) == KT_LIFE_OPEN)
        w->open[a->severity]++;
    kt_buf_reset(&w->row);
    kt_api_alert_row(&w->row, NULL, a, w->view, w->now, false); /* it goes to all alike */
    uint64_t sum = kt_hash64(kt_buf_str(&w->row), SEED), *before = sum_of(w, a->id, &is_new);
    bool other = is_new || *before != sum;
    *before = sum;
    if (other && w->began)
        w->each(w->self, kt_api_may_be_canary(a) ? KT_STR_NONE : kt_buf_str(&w->row));
    return KT_OK;
}

enum kt_status kt_alert_watch_look(struct kt_alert_watch *w, struct kt_reader *r, uint64_t control,
                                   kt_time_ns now, const struct kt_clock *clock,
                                   void (*each)(void *self, struct kt_str row), void *self,
                                   struct kt_error *err)
{
    struct kt_alert_view view = { 0 };
    uint32_t unreadable;
    kt_time_ns began = clock->mono(clock->self);
    if (w->began && (control == w->control || began < w->next))
        return KT_OK;
    if (kt_alert_view_load(r, &view, err) != KT_OK)
        return err->code;
    memset(w->open, 0, sizeof w->open);
    w->view = &view;
    w->now = now;
    w->each = each;
    w->self = self;
    enum kt_status status = kt_alert_view_each(r, &view, take, w, &unreadable, err);
    kt_alert_view_done(&view);
    w->view = NULL;
    w->next = clock->mono(clock->self) + REST * (clock->mono(clock->self) - began);
    if (status == KT_OK) {
        w->began = true;
        w->control = control;
    }
    return status;
}

void kt_alert_watch_open(const struct kt_alert_watch *w, struct kt_buf *out)
{
    kt_api_open(out, NULL, '{');
    for (int i = KT_SEV_COUNT - 1; i >= 0; i--)
        kt_api_u64(out, kt_severity_words[i].word, w->open[i]);
    kt_api_close(out, '}');
}
