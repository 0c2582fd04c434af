/*
 * doctor_store: the store, the room on its disk, and what detection says of its sources.
 *
 * Owns:  nothing.
 * Calls: core/store, cli/store_cmd (the forecast of `store forecast`).
 */
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "cli/forecast.h"
#include "cli/store_cmd.h"

#define SOON       (30 * KT_NS_DAY)
#define LIKE_LAST  (7 * KT_NS_DAY)
#define RETENTION  (400 * KT_NS_DAY) /* where no configuration says */
#define MIN_FREE   0.05              /* the collector refuses (D5) */
#define ALERT_FREE 0.10

static void stats(struct kt_doctor *d)
{
    struct kt_store_stats s;
    struct kt_error err = { 0 };
    char n[KT_COUNT_TEXT], size[KT_BYTES_TEXT];
    if (kt_reader_stats(d->reader, &s, &err) != KT_OK) {
        kt_doctor_say(d, KT_DOCTOR_BAD, "store", "keytrail verify", "%s", err.text);
        return;
    }
    if (s.damaged_files > 0)
        kt_doctor_say(d, KT_DOCTOR_BAD, "store", "keytrail verify; then restore a backup",
                      "%u files of this log are damaged; it goes on in the next one",
                      s.damaged_files);
    else
        kt_doctor_say(d, KT_DOCTOR_OK, "store", NULL, "%s records, %s, schema %u",
                      kt_count_text(s.records, n), kt_bytes_text((double)s.file_bytes, size),
                      s.schema);
}

/* The lines name people and secrets: no stranger of this host may read them (S2). */
static void rights(struct kt_doctor *d)
{
    struct stat st;
    if (stat(d->store, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
        kt_doctor_say(d, KT_DOCTOR_BAD, "store", "chmod o-rwx FILE, and its folder",
                      "%s can be opened by anybody on this host (mode %03o)", d->store,
                      (unsigned)st.st_mode & 0777);
}

static void say_forecast(struct kt_doctor *d, const struct kt_forecast_of *of, double share)
{
    struct kt_forecast f;
    char left[KT_BYTES_TEXT], in[KT_TIME_TEXT_MAX];
    (void)kt_bytes_text((double)of->disk_free, left);
    bool known = kt_forecast_make(of, LIKE_LAST, &f) || kt_forecast_make(of, 0, &f);
    kt_time_ns full = known ? f.reaches[KT_FORECAST_LEVELS - 1] : 0;
    if (full != 0 && full < d->now + SOON)
        kt_doctor_say(d, KT_DOCTOR_BAD, "disk", "keytrail store forecast; a larger disk",
                      "%s left (%.0f %%); at this rate it is full in %s", left, 100 * share,
                      kt_duration_format(full > d->now ? full - d->now : 0, in));
    else if (full != 0)
        kt_doctor_say(d, KT_DOCTOR_WARN, "disk", "keytrail store forecast",
                      "%s left (%.0f %%); at this rate it is full in %s, before retention begins "
                      "to remove",
                      left, 100 * share, kt_duration_format(full - d->now, in));
    else
        kt_doctor_say(d, KT_DOCTOR_OK, "disk", NULL, "%s left (%.0f %%)%s", left, 100 * share,
                      known ? ", enough for the whole retention at this rate" : "");
}

static void disk(struct kt_doctor *d)
{
    struct kt_store_segments s = { 0 };
    struct kt_forecast_of of;
    struct kt_error err = { 0 };
    kt_time_ns retention = d->conf != NULL ? d->conf->retention : RETENTION;
    if (kt_store_outlook(d->reader, d->store, retention, d->now, &s, &of, &err) != KT_OK) {
        kt_doctor_say(d, KT_DOCTOR_BAD, "disk", "keytrail verify", "%s", err.text);
    } else if (of.disk_all == 0) {
        kt_doctor_say(d, KT_DOCTOR_WARN, "disk", "df", "the room left cannot be measured");
    } else {
        double share = (double)of.disk_free / (double)of.disk_all;
        if (share < MIN_FREE)
            kt_doctor_say(d, KT_DOCTOR_BAD, "disk", "make room, or a larger disk",
                          "only %.1f %% left: the collector takes nothing more", 100 * share);
        else if (share < ALERT_FREE)
            kt_doctor_say(d, KT_DOCTOR_BAD, "disk", "make room, or a larger disk",
                          "only %.1f %% left: at 5 %% the collector takes nothing more",
                          100 * share);
        else
            say_forecast(d, &of, share);
    }
    kt_store_segments_done(&s);
}

/* The engine's own sentences, as the store keeps them. */
static void sources(struct kt_doctor *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root, item;
    struct kt_str name;
    unsigned repaired, n = 0;
    if (kt_reader_get(d->reader, "status/detect", &text, NULL) == KT_OK &&
        kt_json_parse(json, kt_buf_str(&text), &root, &repaired, NULL) == KT_OK) {
        struct kt_str learning = kt_json_str_at(root, "learning");
        if (learning.len > 0)
            kt_doctor_say(d, KT_DOCTOR_OK, "detection", NULL, KT_STR_FMT, KT_STR_ARG(learning));
        struct kt_json_iter it = kt_json_iter(kt_json_at(root, "attention"));
        for (; kt_json_next(&it, &name, &item); n++)
            kt_doctor_say(d, KT_DOCTOR_BAD, "source",
                          "keytrail coverage; on its host: keytrail-agent status", KT_STR_FMT,
                          KT_STR_ARG(kt_json_str(item)));
        if (n == 0)
            kt_doctor_say(d, KT_DOCTOR_OK, "sources", NULL, "none is silent");
    }
    kt_json_free(json);
}

void kt_doctor_store(struct kt_doctor *d)
{
    if (d->reader == NULL)
        return;
    stats(d);
    rights(d);
    disk(d);
    sources(d);
}
