/*
 * decisions: reading expectations from the log.
 *
 * Owns:  copies of them.
 * Calls: core/base, core/event (json, decision), core/store/read.
 */
#include "core/query/decisions.h"

#include "core/base/alloc.h"

void kt_decisions_done(struct kt_decisions *l)
{
    kt_free(l->at);
    *l = (struct kt_decisions){ 0 };
}

static bool has_end(const struct kt_decided *d)
{
    return d->d.what == KT_DECIDE_EXPECT || d->d.what == KT_DECIDE_BREAK_GLASS;
}

bool kt_decided_open(const struct kt_decided *d, kt_time_ns now)
{
    return has_end(d) && d->removed == 0 && d->d.until >= now;
}

unsigned kt_decisions_open(const struct kt_decisions *l, kt_time_ns now)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->n; i++)
        n += kt_decided_open(&l->at[i], now);
    return n;
}

const struct kt_decided *kt_decisions_named(const struct kt_decisions *l, struct kt_str id)
{
    for (unsigned i = l->n; i-- > 0;) {
        if (has_end(&l->at[i]) && kt_str_is(id, l->at[i].d.id))
            return &l->at[i];
    }
    return NULL;
}

static void take(struct kt_decisions *l, const struct kt_record *rec, struct kt_json *json)
{
    struct kt_decision d;
    struct kt_jval root;
    unsigned repaired;
    int what = kt_decision_of(rec->ev.operation);
    if (what < 0 || what == KT_DECIDE_VERDICT ||
        kt_json_parse(json, rec->ev.raw, &root, &repaired, NULL) != KT_OK ||
        kt_decision_read((enum kt_decision_what)what, root, &d, NULL) != KT_OK)
        return;
    if (what == KT_DECIDE_EXPECT_RM) {
        const struct kt_decided *gone = kt_decisions_named(l, kt_str_of(d.id));
        if (gone != NULL)
            l->at[gone - l->at].removed = rec->arrival;
        return;
    }
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 16 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
    }
    l->at[l->n++] = (struct kt_decided){ .d = d, .at = rec->arrival };
}

enum kt_status kt_decisions_load(struct kt_reader *r, struct kt_decisions *ret,
                                 struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_decisions l = { 0 };
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_DECISION,
                                  .damage = &l.damage };
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return kt_wrap(err, "decisions");
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_record rec;
    enum kt_status status;
    while ((status = kt_cursor_next(c, &rec, err)) == KT_OK)
        take(&l, &rec, json);
    kt_json_free(json);
    kt_cursor_free(c);
    if (status != KT_E_AGAIN) {
        kt_decisions_done(&l);
        return kt_wrap(err, "decisions");
    }
    *ret = l;
    return KT_OK;
}
