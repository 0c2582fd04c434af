/*
 * heard: what the agents said last about each source, out of their heartbeats.
 *
 * Owns:  the texts of the reports it found.
 * Calls: core/store/read.h, core/event/json.
 */
#include "core/answer/heard.h"

#include "core/base/enc.h"
#include "core/event/json.h"
#include "core/event/line.h"

static bool is_report(const void *self, struct kt_str text, int64_t number)
{
    (void)self;
    (void)text;
    return number == KT_KIND_REPORT;
}

static void take_sentences(struct kt_jval all, struct kt_buf *ret)
{
    struct kt_jval item;
    struct kt_str name;

    for (struct kt_json_iter it = kt_json_iter(all); kt_json_next(&it, &name, &item);) {
        kt_buf_byte(ret, ret->len == 0 ? '[' : ',');
        kt_json_quote(ret, kt_json_str(item));
    }
    if (ret->len > 0)
        kt_buf_byte(ret, ']');
}

static void take(struct kt_json *json, const struct kt_record *record, struct kt_source_report *ret)
{
    struct kt_jval root;
    unsigned repaired;

    ret->at = record->arrival;
    if (kt_json_parse(json, record->ev.raw, &root, &repaired, NULL) != KT_OK)
        return;
    (void)kt_json_i64(kt_json_at(root, "lag"), &ret->lag);
    (void)kt_json_i64(kt_json_at(root, "spool"), &ret->spool);
    (void)kt_json_i64(kt_json_at(root, "lost"), &ret->lost);
    kt_buf_add(&ret->program, kt_json_str_at(root, "program"));
    take_sentences(kt_json_at(root, "blind"), &ret->blind);
    take_sentences(kt_json_at(root, "limits"), &ret->limits);
}

enum kt_status kt_reports_read(struct kt_reader *r, const struct kt_map *names, const bool *wanted,
                               kt_time_ns now, bool (*give_up)(void *self), void *self,
                               struct kt_source_report *ret, bool *ret_whole, struct kt_error *err)
{
    const struct kt_sieve kind = { .column = KT_COL_KIND, .fits = is_report };
    struct kt_damage damage = { 0 };
    const struct kt_scan scan = { .records = true,
                                  .newest_first = true,
                                  .since = now - KT_REPORTS_SPAN,
                                  .sieve = &kind,
                                  .n_sieves = 1,
                                  .damage = &damage,
                                  .give_up = give_up,
                                  .give_up_self = self };
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_cursor *c = NULL;
    struct kt_record record;
    uint32_t missing = 0;

    for (uint32_t i = 0; i < kt_map_count(names); i++) {
        ret[i] = (struct kt_source_report){ 0 };
        missing += wanted[i];
    }
    enum kt_status st = kt_cursor_open(r, &scan, &c, err);
    while (st == KT_OK && missing > 0 && (st = kt_cursor_next(c, &record, err)) == KT_OK) {
        if (record.ev.kind != KT_KIND_REPORT || record.ev.operation.len > 0)
            continue; /* with an operation it says what happened, without it is a heartbeat */
        kt_buf_reset(&key);
        kt_buf_add(&key, record.ev.source);
        kt_buf_byte(&key, '\t');
        kt_buf_add(&key, record.ev.instance);
        uint32_t i = kt_map_get(names, kt_buf_str(&key));
        if (i == KT_MAP_NONE || !wanted[i] || ret[i].at != 0)
            continue;
        take(json, &record, &ret[i]);
        missing--;
    }
    kt_cursor_free(c);
    kt_json_free(json);
    *ret_whole = st != KT_E_LIMIT;
    return st == KT_E_AGAIN || st == KT_E_LIMIT ? KT_OK : st;
}

void kt_reports_done(struct kt_source_report *reports, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        kt_buf_done(&reports[i].blind);
        kt_buf_done(&reports[i].limits);
        kt_buf_done(&reports[i].program);
    }
}
