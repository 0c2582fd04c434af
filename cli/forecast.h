/* forecast: when a store stops growing, and how full its disk is until then. Pure. */
#pragma once
#include "core/store/figures.h"

/* Shares of the disk at which the collector warns, alerts and refuses (collector/disk.c). */
#define KT_FORECAST_LEVELS 3
extern const double kt_forecast_levels[KT_FORECAST_LEVELS];

struct kt_forecast_of {
    const struct kt_sealed *segment; /* by number; the last may stand for the tail */
    size_t n;
    kt_time_ns now, retention;
    kt_time_ns first_stored, last_stored;
    uint64_t file_bytes;          /* the file as it is; it never gets smaller */
    uint64_t room[KT_ROOM_COUNT]; /* see kt_store_figures */
    uint64_t disk_free, disk_all;
};
struct kt_forecast {
    double bytes_a_day, events_a_day;
    uint64_t settles_at;                    /* size of the file when as much is removed as comes */
    kt_time_ns removal_from;                /* the oldest segment is old enough */
    kt_time_ns reaches[KT_FORECAST_LEVELS]; /* 0: never */
};
/* If every day to come is like those of the window before the newest record (0: all of the store's
 * time). False when the store is younger than the window, or nothing is sealed. */
bool kt_forecast_make(const struct kt_forecast_of *f, kt_time_ns window, struct kt_forecast *ret);
