/*
 * holds: reading holds from the log, and asking whether records are under one.
 *
 * Owns:  copies of their texts.
 * Calls: core/base, core/event (json, line), core/store/read, core/query.
 */
#include "core/query/holds.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/event/json.h"
#include "core/event/line.h"

void kt_holds_done(struct kt_holds *h)
{
    for (unsigned i = 0; i < h->n; i++) {
        kt_free(h->at[i].query);
        kt_free(h->at[i].reason);
        kt_free(h->at[i].by);
    }
    kt_free(h->at);
    *h = (struct kt_holds){ 0 };
}

static void add(struct kt_holds *h, struct kt_jval root, kt_time_ns when)
{
    if (h->n == h->cap) {
        h->cap = h->cap == 0 ? 16 : 2 * h->cap;
        h->at = kt_realloc_array(h->at, h->cap, sizeof *h->at);
    }
    struct kt_hold *hold = &h->at[h->n++];
    *hold = (struct kt_hold){ .added = when,
                              .query = kt_str_dup(kt_json_str_at(root, "query")),
                              .reason = kt_str_dup(kt_json_str_at(root, "reason")),
                              .by = kt_str_dup(kt_json_str_at(root, "by")) };
    kt_str_copyz(hold->id, sizeof hold->id, kt_json_str_at(root, "id"));
    if (!kt_json_i64(kt_json_at(root, "since"), &hold->since))
        hold->since = 0;
    if (!kt_json_i64(kt_json_at(root, "until"), &hold->until))
        hold->until = 0;
}

const struct kt_hold *kt_holds_named(const struct kt_holds *h, struct kt_str id)
{
    for (unsigned i = 0; i < h->n; i++)
        if (h->at[i].removed == 0 && kt_str_is(id, h->at[i].id))
            return &h->at[i];
    return NULL;
}

static void take(struct kt_holds *h, const struct kt_record *rec, struct kt_json *json)
{
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(json, rec->ev.raw, &root, &repaired, NULL) != KT_OK)
        return;
    if (kt_str_is(rec->ev.operation, "add")) {
        add(h, root, rec->arrival);
        return;
    }
    const struct kt_hold *gone = kt_holds_named(h, kt_json_str_at(root, "id"));
    if (gone != NULL && kt_str_is(rec->ev.operation, "rm"))
        h->at[gone - h->at].removed = rec->arrival;
}

enum kt_status kt_holds_load(struct kt_reader *r, struct kt_holds *ret, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_holds h = { 0 };
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_HOLD,
                                  .damage = &h.damage };
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return kt_wrap(err, "holds");
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_record rec;
    enum kt_status status;
    while ((status = kt_cursor_next(c, &rec, err)) == KT_OK) {
        h.newest_seq = rec.seq;
        take(&h, &rec, json);
    }
    kt_json_free(json);
    kt_cursor_free(c);
    if (status != KT_E_AGAIN) {
        kt_holds_done(&h);
        return kt_wrap(err, "holds");
    }
    *ret = h;
    return KT_OK;
}

void kt_hold_write(const struct kt_hold *h, bool is_add, struct kt_buf *out)
{
    kt_buf_addz(out, "{\"id\":");
    kt_json_quote(out, kt_str_of(h->id));
    if (is_add) {
        kt_buf_addf(out, ",\"since\":%" PRId64 ",\"until\":%" PRId64 ",\"query\":", h->since,
                    h->until);
        kt_json_quote(out, kt_str_of(h->query));
    }
    kt_buf_addz(out, ",\"reason\":");
    kt_json_quote(out, kt_str_of(h->reason));
    kt_buf_addz(out, ",\"by\":");
    kt_json_quote(out, kt_str_of(h->by));
    kt_buf_byte(out, '}');
}

/* ---- is it held? ---- */

static bool in_time(const struct kt_hold *h, const struct kt_hold_span *span)
{
    return span->untimed || ((h->until == 0 || span->min_time < h->until) &&
                             (h->since == 0 || span->max_time >= h->since));
}

static enum kt_status any_match(struct kt_reader *r, const struct kt_hold *h,
                                const struct kt_query *q, const struct kt_hold_span *span,
                                bool *ret, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_facts *facts = NULL;
    const struct kt_scan scan = { .records = true,
                                  .from_seq = span->first_seq,
                                  .until_seq = span->last_seq,
                                  .since = h->since,
                                  .until = h->until };
    enum kt_status status = kt_facts_load(r, &facts, err);
    if (status == KT_OK)
        status = kt_cursor_open(r, &scan, &c, err);
    struct kt_record rec;
    *ret = false;
    while (status == KT_OK && !*ret && (status = kt_cursor_next(c, &rec, err)) == KT_OK)
        *ret = kt_query_matches(q, &rec,
                                rec.ev.has_ip ? kt_facts_at(facts, rec.ev.ip, rec.seq) : NULL);
    kt_cursor_free(c);
    kt_facts_free(facts);
    return status == KT_E_AGAIN ? KT_OK : status;
}

enum kt_status kt_holds_cover(const struct kt_holds *h, struct kt_reader *r,
                              const struct kt_hold_span *span, const struct kt_hold **ret,
                              struct kt_error *err)
{
    *ret = NULL;
    for (unsigned i = 0; i < h->n && *ret == NULL; i++) {
        const struct kt_hold *hold = &h->at[i];
        struct kt_query *q = NULL;
        bool held = hold->query[0] == 0;
        if (hold->removed != 0 || !in_time(hold, span))
            continue;
        if (!held && kt_query_parse(kt_str_of(hold->query), &q, NULL) != KT_OK)
            held = true;
        enum kt_status status = held ? KT_OK : any_match(r, hold, q, span, &held, err);
        kt_query_free(q);
        if (status != KT_OK)
            return kt_wrap(err, "hold %s", hold->id);
        if (held)
            *ret = hold;
    }
    return KT_OK;
}

bool kt_holds_near(void *self, const struct kt_merge_run *run)
{
    const struct kt_holds *h = self;
    const struct kt_hold_span span = { .first_seq = run->first_seq,
                                       .last_seq = run->last_seq,
                                       .min_time = run->min_time,
                                       .max_time = run->max_time,
                                       .untimed = run->untimed };
    bool near = h->damage.places > 0;
    for (unsigned i = 0; i < h->n && !near; i++)
        near = h->at[i].removed == 0 && in_time(&h->at[i], &span);
    return near;
}
