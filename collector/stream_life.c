/*
 * stream_life: the lives of alerts, folded along with the log as a stream reads it.
 *
 * Owns:  the lives up to one place.
 * Calls: core/query (lives), core/event (step), exporters/alerts (the document).
 * Holds: a document says what had been done when its state began, never what came later.
 */
#include "collector/stream_life.h"
#include "core/base/alloc.h"
#include "exporters/alerts/alert.h"

#define ARENA (1u << 20)

void kt_stream_lives_done(struct kt_stream_lives *v)
{
    kt_lives_done(&v->lives);
    *v = (struct kt_stream_lives){ 0 };
}

static bool step_of(struct kt_json *json, const struct kt_record *r, struct kt_step *ret)
{
    struct kt_jval root;
    unsigned repaired;
    int what = r->ev.kind == KT_KIND_DECISION ? kt_step_of(r->ev.operation) : -1;
    if (what < 0 || kt_json_parse(json, r->ev.raw, &root, &repaired, NULL) != KT_OK ||
        kt_step_read((enum kt_step_what)what, root, ret, NULL) != KT_OK)
        return false;
    ret->at = r->arrival;
    return true;
}

static void json_free(struct kt_json **j)
{
    kt_json_free(*j);
}

enum kt_status kt_stream_lives_at(struct kt_stream_lives *v, struct kt_reader *r, uint64_t from,
                                  struct kt_error *err)
{
    KT_CLEANUP(json_free) struct kt_json *json = NULL;
    struct kt_damage damage = { 0 }; /* what is lost is not known here either */
    const struct kt_scan scan = {
        .control = true, .control_kind = KT_KIND_DECISION, .until_seq = from, .damage = &damage
    };
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_step step;
    if (v->loaded && v->until == from)
        return KT_OK;
    kt_stream_lives_done(v);
    v->loaded = true;
    v->until = from;
    if (from == 0)
        return KT_OK;
    enum kt_status st = kt_cursor_open(r, &scan, &c, err);
    if (st != KT_OK)
        return kt_wrap(err, "steps of alerts");
    json = kt_json_new(KT_JSON_SIMDJSON);
    while ((st = kt_cursor_next(c, &rec, err)) == KT_OK)
        if (step_of(json, &rec, &step))
            (void)kt_lives_add(&v->lives, &step);
    kt_cursor_free(c);
    return st == KT_E_AGAIN ? KT_OK : kt_wrap(err, "steps of alerts");
}

bool kt_stream_lives_see(struct kt_stream_lives *v, struct kt_json *json, const struct kt_record *r,
                         char alert[KT_ID_TEXT])
{
    struct kt_step step;
    v->until = r->seq;
    if (!step_of(json, r, &step))
        return false;
    (void)kt_lives_add(&v->lives, &step);
    kt_str_copyz(alert, KT_ID_TEXT, kt_str_of(step.alert));
    return true;
}

static enum kt_status put(const struct kt_stream_lives *v, struct kt_arena *arena,
                          struct kt_buf *json, struct kt_error *err)
{
    struct kt_alert a;
    if (kt_alert_read(kt_buf_str(json), arena, &a, err) != KT_OK)
        return err != NULL ? err->code : KT_E_INPUT;
    const struct kt_life *life = kt_lives_of(&v->lives, kt_str_of(a.id));
    if (life == NULL)
        return KT_OK;
    kt_alert_life_of(life, &a.life);
    kt_buf_reset(json);
    kt_alert_write(&a, json);
    return KT_OK;
}

enum kt_status kt_stream_lives_put(const struct kt_stream_lives *v, struct kt_buf *json,
                                   struct kt_error *err)
{
    if (v->lives.ids == NULL)
        return KT_OK;
    struct kt_arena arena = kt_arena_new(ARENA);
    enum kt_status st = put(v, &arena, json, err);
    kt_arena_done(&arena);
    return st;
}
