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
    for (unsigned i = 0; i < v->n_query; i++)
        kt_query_free(v->query[i]);
    kt_free(v->query);
    kt_silences_done(&v->silences);
    kt_lives_done(&v->lives);
    *v = (struct kt_alert_view){ 0 };
}

/* Steps and silences are records of one kind: one walk takes both. */
static enum kt_status take_decisions(struct kt_reader *r, struct kt_alert_view *v,
                                     struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_DECISION,
                                  .from_seq = v->next,
                                  .damage = &v->lives.damage };
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return kt_wrap(err, "what people decided");
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_record rec;
    struct kt_jval root;
    struct kt_step step;
    unsigned repaired;
    enum kt_status status;
    while ((status = kt_cursor_next(c, &rec, err)) == KT_OK) {
        int what = kt_step_of(rec.ev.operation);
        bool silence = kt_str_starts(rec.ev.operation, KT_STR(KT_SILENCE_OP));
        v->next = rec.seq + 1;
        if ((what < 0 && !silence) ||
            kt_json_parse(json, rec.ev.raw, &root, &repaired, NULL) != KT_OK)
            continue;
        if (silence)
            kt_silences_take(&v->silences, rec.ev.operation, root, rec.arrival);
        if (what < 0 || kt_step_read((enum kt_step_what)what, root, &step, NULL) != KT_OK)
            continue;
        step.at = rec.arrival;
        (void)kt_lives_add(&v->lives, &step);
    }
    kt_json_free(json);
    kt_cursor_free(c);
    return status == KT_E_AGAIN ? KT_OK : kt_wrap(err, "what people decided");
}

/* Silences are only added. */
static void parse_queries(struct kt_alert_view *v)
{
    if (v->n_query == v->silences.n)
        return;
    v->query = kt_realloc_array(v->query, v->silences.n, sizeof(struct kt_query *));
    for (; v->n_query < v->silences.n; v->n_query++) {
        struct kt_query **q = &v->query[v->n_query];
        *q = NULL;
        if (kt_alert_query_parse(kt_str_of(v->silences.at[v->n_query].match), q, NULL) != KT_OK)
            *q = NULL;
    }
}

enum kt_status kt_alert_view_follow(struct kt_alert_view *v, struct kt_reader *r,
                                    struct kt_error *err)
{
    if (v->lives.damage.places > 0)
        kt_alert_view_done(v); /* what is damaged is told each time */
    if (take_decisions(r, v, err) != KT_OK) {
        kt_alert_view_done(v);
        return err == NULL ? KT_E_IO : err->code;
    }
    parse_queries(v);
    return KT_OK;
}

enum kt_status kt_alert_view_load(struct kt_reader *r, struct kt_alert_view *ret,
                                  struct kt_error *err)
{
    struct kt_alert_view v = { 0 };
    enum kt_status st = kt_alert_view_follow(&v, r, err);
    if (st == KT_OK)
        *ret = v;
    return st;
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

void kt_alert_silence_say(const struct kt_silence *s, bool why, struct kt_buf *out)
{
    char until[KT_TIME_TEXT_MAX];
    kt_buf_addf(out, "silenced by %s until %.16s UTC%s%s (%s)", s->by,
                kt_time_format_short(s->until, until), why ? ": " : "", why ? s->reason : "",
                s->id);
}

/* ---- all of them ---- */

struct kt_alert_glancing {
    const struct kt_alert_view *view;
    enum kt_status (*each)(void *self, const struct kt_alert_glance *g, struct kt_error *err);
    void *self;
    struct kt_json *json; /* one for all: a parser of its own costs more than a document */
    struct kt_arena arena;
};

/* In a document of ours these bytes are members: within a text their quotes would be escaped. */
static bool has_member(struct kt_str json, struct kt_str member, struct kt_str *ret_behind)
{
    ptrdiff_t at = kt_str_find(json, member, 0);
    if (at >= 0 && ret_behind != NULL)
        *ret_behind = kt_str_from_index(json, (size_t)at + member.len);
    return at >= 0;
}

static kt_time_ns raised_of(struct kt_str json)
{
    struct kt_str behind = KT_STR_NONE, number;
    uint64_t ns;
    if (!has_member(json, KT_STR(",\"raised\":"), &behind))
        return 0;
    (void)kt_str_split(&behind, ',', &number);
    return kt_str_u64(number, &ns) && ns <= INT64_MAX ? (kt_time_ns)ns : 0;
}

static enum kt_status glance(void *self, const char *id, struct kt_str json, struct kt_error *err)
{
    struct kt_alert_glancing *w = self;
    struct kt_alert_glance g = { .id = kt_str_of(id), .json = json, .in = w };
    struct kt_str detector = KT_STR_NONE; /* the alert's own stands before those of its parts */
    const struct kt_life *life =
        w->view == NULL ? NULL : kt_lives_of(&w->view->lives, kt_str_of(id));
    bool named = has_member(json, KT_STR(",\"detector\":\""), &detector);
    g.raised = raised_of(json);
    g.plain = g.raised > 0 && !has_member(json, KT_STR(",\"merged_into\":"), NULL) &&
              !has_member(json, KT_STR(",\"suppressed_by\":"), NULL) && named &&
              !kt_str_starts(detector, KT_STR("self\""));
    g.status = life == NULL ? KT_LIFE_OPEN : life->status;
    return w->each(w->self, &g, err);
}

bool kt_alert_view_read(const struct kt_alert_glance *g, struct kt_alert *ret)
{
    kt_arena_reset(&g->in->arena);
    if (kt_alert_read_by(g->in->json, g->json, &g->in->arena, ret, NULL) != KT_OK)
        return false;
    kt_alert_view_live(g->in->view, ret);
    return true;
}

enum kt_status kt_alert_view_glance(struct kt_reader *r, const struct kt_alert_view *v,
                                    enum kt_status (*each)(void *self,
                                                           const struct kt_alert_glance *g,
                                                           struct kt_error *err),
                                    void *self, struct kt_error *err)
{
    struct kt_alert_glancing w = { .view = v,
                                   .each = each,
                                   .self = self,
                                   .json = kt_json_new(KT_JSON_SIMDJSON),
                                   .arena = kt_arena_new(KT_LINE_MAX) };
    enum kt_status status = kt_reader_alerts(r, glance, &w, err);
    kt_arena_done(&w.arena);
    kt_json_free(w.json);
    return status;
}

struct walk {
    enum kt_status (*each)(void *self, const struct kt_alert *a, struct kt_error *err);
    void *self;
    uint32_t unreadable;
};

static enum kt_status take(void *self, const struct kt_alert_glance *g, struct kt_error *err)
{
    struct walk *w = self;
    struct kt_alert a;
    if (kt_alert_view_read(g, &a))
        return w->each(w->self, &a, err);
    w->unreadable++;
    return KT_OK;
}

enum kt_status kt_alert_view_each(struct kt_reader *r, const struct kt_alert_view *v,
                                  enum kt_status (*each)(void *self, const struct kt_alert *a,
                                                         struct kt_error *err),
                                  void *self, uint32_t *ret_unreadable, struct kt_error *err)
{
    struct walk w = { .each = each, .self = self };
    enum kt_status status = kt_alert_view_glance(r, v, take, &w, err);
    if (ret_unreadable != NULL)
        *ret_unreadable = w.unreadable;
    return status;
}
