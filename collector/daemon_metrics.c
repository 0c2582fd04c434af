/*
 * daemon_metrics: the control socket's answer to `metrics`: the counters of every part of the
 * collector in one object (docs/control.md); and what is known of sources from before this life.
 *
 * Owns:  nothing.
 * Calls: metrics, follow, keep, outbox, streams; core/sys (geo, proc), core/store/read once.
 */
#include "collector/daemon.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "detectors/detector.h"
#include <inttypes.h>
#include <string.h>

#define BEFORE_SPAN KT_NS_DAY        /* who was not heard for so long has been told of */
#define BEFORE_TIME (500 * KT_NS_MS) /* a start waits no longer for it */

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

/* ---- before this life ---- */

static bool too_late(void *self)
{
    return kt_clock_real.mono(kt_clock_real.self) > *(const kt_time_ns *)self;
}

static void take_view(struct kt_counts *m, const struct kt_view *v)
{
    for (uint32_t i = 0; i < v->picks; i++) {
        uint32_t row = v->pick[i];
        enum kt_kind kind = (enum kt_kind)v->columns->small[KT_COL_KIND][row];
        struct kt_str instance = kt_column_str(v->columns, KT_COL_INSTANCE, row);
        if (instance.len > 0 && (kind == KT_KIND_REPORT || kt_kind_of_source(kind)))
            kt_counts_before(m, instance, kind == KT_KIND_REPORT ? v->time[row] : 0,
                             kind == KT_KIND_REPORT ? 0 : v->time[row]);
    }
}

void kt_daemon_counts_before(struct kt_daemon *d)
{
    kt_time_ns until = kt_clock_real.mono(kt_clock_real.self) + BEFORE_TIME;
    struct kt_damage damage = { 0 };
    const struct kt_scan scan = { .records = true,
                                  .since = wall() - BEFORE_SPAN,
                                  .until = wall(),
                                  .damage = &damage,
                                  .give_up = too_late,
                                  .give_up_self = &until };
    struct kt_reader *r = NULL;
    struct kt_columns_scan *c = NULL;
    struct kt_view v;
    struct kt_error why = { 0 };
    enum kt_status st = kt_reader_open(d->conf->store_path, &r, &why);
    if (st == KT_OK)
        st = kt_columns_open(r, &scan, KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_KIND), true,
                             &c, &why);
    while (st == KT_OK && (st = kt_columns_next(c, &v, &why)) == KT_OK)
        take_view(d->counts, &v);
    kt_columns_scan_free(c);
    kt_reader_close(r);
    KT_CLEANUP(kt_buf_done) struct kt_buf status = { 0 };
    if (kt_store_get(d->store, "status/detect", &status, NULL) == KT_OK)
        kt_counts_detection(d->counts, kt_buf_str(&status));
    if (st != KT_E_AGAIN && st != KT_E_LIMIT) /* they are known once they are heard */
        kt_log(KT_LOG_WARN, "collector: metrics begin without what the store knows: %s", why.text);
}

/* ---- the answer ---- */

static void add_detectors(struct kt_daemon *d, struct kt_buf *out)
{
    struct kt_detect_meter m;
    kt_follow_meter(d->follow, &m);
    kt_buf_addz(out, ",\"detectors\":[");
    for (unsigned i = 0; i < kt_detectors_count(); i++) {
        kt_buf_addf(out,
                    "%s{\"detector\":\"%s\",\"runs\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"took\":",
                    i > 0 ? "," : "", kt_detectors[i]->name, m.at[i].runs, m.at[i].errors);
        kt_histogram_write(&m.at[i].took, &kt_buckets_detector, out);
        kt_buf_byte(out, '}');
    }
    kt_buf_byte(out, ']');
}

/* Two files of one kind: the first answers first, and has the name. */
static bool is_second(const struct kt_geo *geo, unsigned i, const char *what)
{
    struct kt_geo_database before;
    while (i-- > 0) {
        kt_geo_database(geo, i, &before);
        if (strcmp(before.what, what) == 0)
            return true;
    }
    return false;
}

static void add_geo(const struct kt_geo *geo, struct kt_buf *out)
{
    kt_buf_addz(out, ",\"geo\":[");
    for (unsigned i = 0; i < kt_geo_count(geo); i++) {
        struct kt_geo_database one;
        kt_geo_database(geo, i, &one);
        if (is_second(geo, i, one.what))
            continue;
        kt_buf_addf(out, "%s{\"database\":\"%s\",\"build\":%" PRIu64 "}", i > 0 ? "," : "",
                    one.what, one.build);
    }
    kt_buf_byte(out, ']');
}

static void add_disk(const struct kt_daemon *d, struct kt_buf *out)
{
    uint64_t left = 0, all = 0;
    if (d->disk.measure(d->disk.self, d->disk.path, &left, &all))
        kt_buf_addf(out, ",\"disk\":{\"free\":%" PRIu64 ",\"all\":%" PRIu64 "}", left, all);
}

static void add_process(struct kt_buf *out)
{
    struct kt_proc_figures p;
    if (!kt_proc_figures(&p))
        return;
    kt_buf_addf(out,
                ",\"process\":{\"cpu_s\":%.3f,\"resident_bytes\":%" PRIu64 ",\"open_fds\":%" PRIu64
                ",\"max_fds\":%" PRIu64 ",\"started_s\":%.3f}",
                p.cpu_s, p.resident_bytes, p.open_fds, p.max_fds, p.started_s);
}

enum kt_status kt_daemon_metrics(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                 struct kt_error *err)
{
    struct kt_keep_state keep = kt_keep_state(d->keep);
    (void)args;
    (void)err;
    kt_buf_addf(out,
                "{\"version\":\"" KT_VERSION "\",\"time\":%" PRId64 ",\"started\":%" PRId64
                ",\"last_seq\":%" PRIu64 ",\"scored_seq\":%" PRIu64
                ",\"retention\":{\"stopped\":%s,\"last_run\":%" PRId64 "},",
                wall(), d->started, kt_store_last_seq(d->store), kt_follow_position(d->follow),
                keep.stopped ? "true" : "false", keep.looked);
    kt_counts_write(d->counts, out);
    add_detectors(d, out);
    kt_buf_addz(out, ",\"targets\":");
    kt_outbox_status(d->outbox, out);
    kt_buf_addz(out, ",\"streams\":");
    kt_streams_status(d->streams, out);
    add_geo(d->geo, out);
    add_disk(d, out);
    add_process(out);
    kt_buf_addz(out, "}\n");
    return KT_OK;
}
