/*
 * view: what people decided about alerts, beside what is stored of them; and the walk over both.
 *
 * Owns:  lives and silences of a log, the queries of the silences.
 * Calls: core/query (lives, silences), core/store/read, exporters/alerts (life, match).
 */
#include "exporters/alerts/view.h"

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/json.h"

void kt_alert_view_done(struct kt_alert_view *v)
{
    for (unsigned i = 0; v->query != NULL && i < v->silences.n; i++)
        kt_query_free(v->query[i]);
    kt_free(v->query);
    kt_silences_done(&v->silences);
    kt_lives_done(&v->lives);
    *v = (struct kt_alert_view){ 0 };
}

enum kt_status kt_alert_view_load(struct kt_reader *r, struct kt_alert_view *ret,
                                  struct kt_error *err)
{
    struct kt_alert_view v = { 0 };
    enum kt_status st = kt_lives_load(r, &v.lives, err);
    if (st == KT_OK)
        st = kt_silences_load(r, &v.silences, err);
    if (st != KT_OK) {
        kt_alert_view_done(&v);
        return st;
    }
    v.query = kt_alloc_array(v.silences.n + 1, sizeof(struct kt_query *));
    for (unsigned i = 0; i < v.silences.n; i++)
        if (kt_alert_query_parse(kt_str_of(v.silences.at[i].match), &v.query[i], NULL) != KT_OK)
            v.query[i] = NULL;
    *ret = v;
    return KT_OK;
}

void kt_alert_view_live(const struct kt_alert_view *v, struct kt_alert *a)
{
    kt_alert_life_of(v == NULL ? NULL : kt_lives_of(&v->lives, kt_str_of(a->id)), &a->life);
}

enum kt_life_status kt_alert_status(const struct kt_alert *a)
{
    int status = kt_life_of_word(a->life.status);
    if (kt_alert_is_over(a))
        return KT_LIFE_CLOSED;
    return status < 0 ? KT_LIFE_OPEN : (enum kt_life_status)status;
}

const struct kt_silence *kt_alert_view_silence(const struct kt_alert_view *v,
                                               const struct kt_alert *a, kt_time_ns now)
{
    for (unsigned i = 0; v != NULL && i < v->silences.n; i++)
        if (v->query[i] != NULL && kt_silence_open(&v->silences.at[i], now) &&
            kt_alert_covered(v->query[i], a))
            return &v->silences.at[i];
    return NULL;
}

void kt_alert_silence_say(const struct kt_silence *s, struct kt_buf *out)
{
    char until[KT_TIME_TEXT_MAX];
    kt_buf_addf(out, "silenced by %s until %.16s UTC: %s (%s)", s->by,
                kt_time_format_short(s->until, until), s->reason, s->id);
}

/* ---- all of them ---- */

struct walk {
    const struct kt_alert_view *view;
    enum kt_status (*each)(void *self, const struct kt_alert *a, struct kt_error *err);
    void *self;
    struct kt_json *json; /* one for all: a parser of its own costs more than a document */
    struct kt_arena arena;
    uint32_t unreadable;
};

static enum kt_status take(void *self, const char *id, struct kt_str json, struct kt_error *err)
{
    struct walk *w = self;
    struct kt_alert a;
    (void)id;
    kt_arena_reset(&w->arena);
    if (kt_alert_read_by(w->json, json, &w->arena, &a, NULL) != KT_OK) {
        w->unreadable++;
        return KT_OK;
    }
    kt_alert_view_live(w->view, &a);
    return w->each(w->self, &a, err);
}

enum kt_status kt_alert_view_each(struct kt_reader *r, const struct kt_alert_view *v,
                                  enum kt_status (*each)(void *self, const struct kt_alert *a,
                                                         struct kt_error *err),
                                  void *self, uint32_t *ret_unreadable, struct kt_error *err)
{
    struct walk w = { .view = v,
                      .each = each,
                      .self = self,
                      .json = kt_json_new(KT_JSON_SIMDJSON),
                      .arena = kt_arena_new(KT_LINE_MAX) };
    enum kt_status status = kt_reader_alerts(r, take, &w, err);
    if (ret_unreadable != NULL)
        *ret_unreadable = w.unreadable;
    kt_arena_done(&w.arena);
    kt_json_free(w.json);
    return status;
}
