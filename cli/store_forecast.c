/*
 * store_forecast: `keytrail store forecast`: what the store will need, if days stay as they were.
 *
 * Owns:  nothing.
 * Calls: cli/forecast (the arithmetic), core/store/figures.h; stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/forecast.h"
#include "cli/store_cmd.h"

static const struct {
    const char *name;
    kt_time_ns length;
} windows[] = {
    { "last day", KT_NS_DAY },
    { "last week", 7 * KT_NS_DAY },
    { "last 4 weeks", 28 * KT_NS_DAY },
    { "all of it", 0 },
};

static const struct kt_column columns[] = {
    { "like", "IF IT GOES ON LIKE", 0, false },   { "events_a_day", "EVENTS/DAY", 0, true },
    { "bytes_a_day", "A DAY", 0, true },          { "settles_at", "SETTLES AT", 0, true },
    { "removal_from", "REMOVAL FROM", 0, false }, { "disk_80", "DISK 80 %", 0, false },
    { "disk_90", "DISK 90 %", 0, false },         { "disk_95", "DISK 95 %", 0, false },
};

static void date_of(kt_time_ns t, kt_time_ns now, char ret[16])
{
    struct kt_civil c = kt_time_civil(t);
    if (t == 0)
        (void)snprintf(ret, 16, "never");
    else if (t <= now)
        (void)snprintf(ret, 16, "now");
    else
        (void)snprintf(ret, 16, "%04d-%02d-%02d", c.year, c.month, c.day);
}

static void add_for_people(struct kt_rows *rows, const char *name, const struct kt_forecast *f,
                           kt_time_ns now)
{
    char events[KT_COUNT_TEXT], bytes[KT_BYTES_TEXT], size[KT_BYTES_TEXT], removal[16],
        disk[KT_FORECAST_LEVELS][16];
    date_of(f->removal_from, now, removal);
    for (int i = 0; i < KT_FORECAST_LEVELS; i++)
        date_of(f->reaches[i], now, disk[i]);
    const struct kt_cell cells[] = {
        kt_cell_str(kt_str_of(name)),
        kt_cell_str(kt_str_of(kt_count_text((uint64_t)(f->events_a_day + 0.5), events))),
        kt_cell_str(kt_str_of(kt_bytes_text(f->bytes_a_day, bytes))),
        kt_cell_str(kt_str_of(kt_bytes_text((double)f->settles_at, size))),
        kt_cell_str(kt_str_of(removal)),
        kt_cell_str(kt_str_of(disk[0])),
        kt_cell_str(kt_str_of(disk[1])),
        kt_cell_str(kt_str_of(disk[2])),
    };
    kt_rows_add(rows, cells);
}

static void add_for_programs(struct kt_rows *rows, const char *name, const struct kt_forecast *f)
{
    const struct kt_cell cells[] = {
        kt_cell_str(kt_str_of(name)),         kt_cell_int((int64_t)(f->events_a_day + 0.5)),
        kt_cell_int((int64_t)f->bytes_a_day), kt_cell_int((int64_t)f->settles_at),
        kt_cell_time(f->removal_from),        kt_cell_time(f->reaches[0]),
        kt_cell_time(f->reaches[1]),          kt_cell_time(f->reaches[2]),
    };
    kt_rows_add(rows, cells);
}

static void say_head(const struct kt_store_args *a, const struct kt_forecast_of *of,
                     const struct kt_store_segments *s)
{
    char days[KT_TIME_TEXT_MAX], file[KT_BYTES_TEXT], unused[KT_BYTES_TEXT], room[KT_BYTES_TEXT],
        disk[KT_BYTES_TEXT];
    printf("retention  %s", kt_duration_format(a->retention, days));
    if (s->holds > 0)
        printf("; %u holds keep %llu segments beyond it, which is not counted here", s->holds,
               (unsigned long long)s->held);
    printf("\nfile       %s, of which %s are free\n", kt_bytes_text((double)of->file_bytes, file),
           kt_bytes_text((double)of->room[KT_ROOM_FREE], unused));
    if (of->disk_all > 0)
        printf("disk       %s, %s left (%.0f %%)\n", kt_bytes_text((double)of->disk_all, disk),
               kt_bytes_text((double)of->disk_free, room),
               100.0 * (double)of->disk_free / (double)of->disk_all);
    printf("\n");
}

static void print(const struct kt_store_args *a, const struct kt_forecast_of *of,
                  const struct kt_store_segments *s)
{
    bool people = a->how == KT_OUT_TABLE || a->how == KT_OUT_MD, any = false, never = false;
    struct kt_forecast f;
    if (a->how == KT_OUT_TABLE)
        say_head(a, of, s);
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), true);
    for (size_t i = 0; i < KT_ARRAY_LEN(windows); i++) {
        if (!kt_forecast_make(of, windows[i].length, &f))
            continue;
        any = true;
        never = never || f.reaches[KT_FORECAST_LEVELS - 1] == 0;
        if (people)
            add_for_people(rows, windows[i].name, &f, a->now);
        else
            add_for_programs(rows, windows[i].name, &f);
    }
    kt_rows_end(rows);
    if (!any)
        fprintf(stderr, "no events are stored yet: nothing to go on\n");
    else if (never && a->how == KT_OUT_TABLE)
        printf("\nnever      with this retention: as much is removed as comes before that\n");
}

/* The tail as a segment to be: it is part of the last day. */
static struct kt_sealed tail_of(const struct kt_store_figures *f, const struct kt_store_segments *s)
{
    const struct kt_sealed *last = s->n > 0 ? &s->at[s->n - 1] : NULL;
    uint64_t packed = 0, events = 0;
    for (size_t i = 0; i < s->n; i++) {
        packed += s->at[i].packed;
        events += s->at[i].events;
    }
    return (struct kt_sealed){
        .events = (uint32_t)f->tail_events,
        .packed = events > 0 ? packed * f->tail_events / events : f->room[KT_ROOM_TAIL],
        .min_stored = last != NULL ? last->max_stored : f->first_stored,
        .max_stored = f->stats.last_stored,
    };
}

enum kt_status kt_store_outlook(struct kt_reader *r, const char *path, kt_time_ns retention,
                                kt_time_ns now, struct kt_store_segments *segments,
                                struct kt_forecast_of *ret, struct kt_error *err)
{
    struct kt_store_figures f;
    if (kt_reader_figures(r, &f, err) != KT_OK || kt_store_segments_load(r, segments, err) != KT_OK)
        return err->code;
    if (f.tail_events > 0) {
        struct kt_sealed tail = tail_of(&f, segments);
        kt_store_segments_add(segments, &tail);
    }
    *ret = (struct kt_forecast_of){ .segment = segments->at,
                                    .n = segments->n,
                                    .now = now,
                                    .retention = retention,
                                    .first_stored = f.first_stored,
                                    .last_stored = f.stats.last_stored,
                                    .file_bytes = f.file_bytes };
    memcpy(ret->room, f.room, sizeof ret->room);
    kt_store_disk(path, &ret->disk_free, &ret->disk_all);
    return KT_OK;
}

int kt_store_forecast(struct kt_store_args *a)
{
    struct kt_store_segments s = { 0 };
    struct kt_forecast_of of;
    struct kt_error err = { 0 };
    if (a->retention <= 0) {
        fprintf(stderr, "keytrail store forecast: which retention? Give -c CONFIG or --retention "
                        "TIME\n");
        return KT_EXIT_USAGE;
    }
    enum kt_status st = kt_store_outlook(a->reader, a->path, a->retention, a->now, &s, &of, &err);
    if (st == KT_OK)
        print(a, &of, &s);
    kt_store_segments_done(&s);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("store forecast", &err);
}
