/*
 * detect_report: what agents say of themselves, and the collector's own ticks, shown to the
 * detectors that ask for them.
 *
 * Owns:  the form of a report as detectors see it.
 * Calls: detectors (on_report, on_tick), detect_incident (fuse), core/event/json. No clock, no I/O.
 * Holds: only ticks that are in the log are shown: where there is none, the collector was away, and
 *        that nobody was heard then says nothing.
 */
#include <stdio.h>

#include "collector/detect_state.h"

void kt_detect_plain_scene(struct kt_detect *d, const struct kt_event *ev, kt_time_ns t)
{
    struct kt_scene *s = &d->scene;
    s->ev = ev;
    s->t = t;
    s->arrival = d->arrival;
    s->minute = (uint32_t)(t / KT_NS_MIN);
    s->agent = d->record->agent;
    s->report = NULL;
    s->late = s->taught = s->read = s->along = s->young = s->deploy = s->expected = false;
    d->work = NULL;
    s->ticket = KT_STR_NONE;
    s->who = s->secret = (struct kt_key){ 0, 0 };
    s->actor = NULL;
    s->places = NULL;
    s->identity = NULL;
    s->written = s->team = KT_STR_NONE;
    s->where = (struct kt_where){ .org = "" };
    s->client = 0;
    s->shared = &d->shared;
    s->n_found = s->n_put_aside = 0;
}

static uint64_t count_at(struct kt_jval root, const char *name)
{
    int64_t v = 0;
    (void)kt_json_i64(kt_json_at(root, name), &v);
    return v > 0 ? (uint64_t)v : 0;
}

static void take_findings(struct kt_jval all, struct kt_report *ret)
{
    struct kt_jval item;
    struct kt_str name;
    for (struct kt_json_iter it = kt_json_iter(all); kt_json_next(&it, &name, &item);) {
        if (ret->n_findings == KT_REPORT_FINDINGS)
            return;
        ret->finding[ret->n_findings].code = kt_json_str_at(item, "code");
        ret->finding[ret->n_findings].text = kt_json_str_at(item, "text");
        ret->finding[ret->n_findings++].said = count_at(item, "said");
    }
}

/* A report of a source has a lag; a quarantined record that is a batch's has its number. */
static bool read_report(struct kt_detect *d, const struct kt_event *ev, struct kt_report *ret)
{
    struct kt_jval root, first;
    struct kt_str name;
    unsigned repaired;
    if (kt_json_parse(d->json, ev->raw, &root, &repaired, NULL) != KT_OK)
        return false;
    if (ev->kind == KT_KIND_QUARANTINE) {
        ret->lost_batch = true;
        ret->reason = kt_json_str_at(root, "reason");
        return kt_json_type(kt_json_at(root, "batch")) == KT_JSON_NUMBER;
    }
    ret->lag = count_at(root, "lag");
    ret->emptied = count_at(root, "emptied");
    ret->lost = count_at(root, "lost");
    ret->standby = kt_str_is(kt_json_str_at(root, "collector"), "standby");
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "blind"));
    if (kt_json_next(&it, &name, &first))
        ret->problem = kt_json_str(first);
    take_findings(kt_json_at(root, "findings"), ret);
    return kt_json_type(kt_json_at(root, "lag")) == KT_JSON_NUMBER;
}

void kt_detect_report(struct kt_detect *d, const struct kt_event *ev)
{
    struct kt_report report = { .lost_batch = false };
    if (!read_report(d, ev, &report))
        return;
    struct kt_scene *s = &d->scene;
    kt_detect_plain_scene(d, ev, d->arrival);
    s->report = &report;
    for (unsigned i = 0; i < d->n_detectors; i++) {
        s->detector = (uint8_t)i;
        s->tables = d->detector[i].table;
        if (kt_detectors[i]->on_report != NULL)
            kt_detectors[i]->on_report(s, d->tuning.options[i]);
    }
    kt_detect_fuse(d, s);
    s->report = NULL;
}

void kt_detect_tick(struct kt_detect *d, const struct kt_event *ev)
{
    struct kt_scene *s = &d->scene;
    /* the stored ticks have no id of their own; an incident that one opens needs one */
    (void)snprintf(d->tick_id, sizeof d->tick_id, "tick/%lld", (long long)d->arrival);
    kt_event_copy(&d->tick, ev);
    d->tick.native_id = kt_str_of(d->tick_id);
    kt_detect_plain_scene(d, &d->tick, d->arrival);
    for (unsigned i = 0; i < d->n_detectors; i++) {
        s->detector = (uint8_t)i;
        s->tables = d->detector[i].table;
        if (kt_detectors[i]->on_tick != NULL)
            kt_detectors[i]->on_tick(s, d->tuning.options[i]);
    }
    kt_detect_fuse(d, s);
}
