/*
 * forecast: see the header.
 *
 * Owns:  nothing.
 * Calls: core/store/figures.h for its types.
 */
#include "cli/forecast.h"

const double kt_forecast_levels[KT_FORECAST_LEVELS] = { 0.80, 0.90, 0.95 };

#define DAYS_MAX 36600 /* a hundred years of retention */

static double days_of(kt_time_ns t)
{
    return (double)t / (double)KT_NS_DAY;
}

/* The part of a segment that was stored in [from, to]. */
static double share_in(const struct kt_sealed *s, kt_time_ns from, kt_time_ns to)
{
    kt_time_ns a = s->min_stored > from ? s->min_stored : from;
    kt_time_ns b = s->max_stored < to ? s->max_stored : to;
    if (b < a)
        return 0;
    return s->max_stored > s->min_stored ? days_of(b - a) / days_of(s->max_stored - s->min_stored)
                                         : 1;
}

/* What grows for ever: control records and alerts. */
static double kept_a_day(const struct kt_forecast_of *f)
{
    double days = days_of(f->last_stored - f->first_stored);
    return (double)(f->room[KT_ROOM_CONTROL] + f->room[KT_ROOM_ALERTS]) / (days < 1 ? 1 : days);
}

/* Bytes on pages for a byte of segments; kept pairs come with these. */
static double pages_for_a_byte(const struct kt_forecast_of *f)
{
    double all = 0, contents = 0;
    for (int i = 0; i < KT_ROOM_COUNT; i++)
        if (i != KT_ROOM_PAGES && i != KT_ROOM_FREE && i != KT_ROOM_PAIRS)
            contents += (double)f->room[i];
    all = contents + (double)f->room[KT_ROOM_PAGES] + (double)f->room[KT_ROOM_PAIRS];
    return contents > 0 ? all / contents : 1;
}

/* What is in the file after so many days, in bytes of contents: segments that are there leave one
 * by one, those to come are younger than the retention. */
static double contents_after(const struct kt_forecast_of *f, double segments_a_day, int days)
{
    kt_time_ns then = f->now + days * KT_NS_DAY;
    double sealed = segments_a_day * days, other = kept_a_day(f) * days;
    for (size_t i = 0; i < f->n; i++)
        if (then - f->segment[i].max_stored < f->retention)
            sealed += (double)f->segment[i].packed;
    for (int i = KT_ROOM_CONTROL; i < KT_ROOM_PAGES; i++)
        other += (double)f->room[i];
    return sealed + other;
}

static double file_after(const struct kt_forecast_of *f, double segments_a_day, int days)
{
    double size = contents_after(f, segments_a_day, days) * pages_for_a_byte(f);
    return size > (double)f->file_bytes ? size : (double)f->file_bytes;
}

static void look_ahead(const struct kt_forecast_of *f, double segments_a_day,
                       struct kt_forecast *ret)
{
    double elsewhere = (double)(f->disk_all - f->disk_free) - (double)f->file_bytes;
    int last = (int)(f->retention / KT_NS_DAY) + 1;
    last = last < DAYS_MAX ? last : DAYS_MAX;
    for (int day = 0; day <= last; day++) {
        double size = file_after(f, segments_a_day, day);
        for (int i = 0; i < KT_FORECAST_LEVELS && f->disk_all > 0; i++)
            if (ret->reaches[i] == 0 &&
                elsewhere + size >= kt_forecast_levels[i] * (double)f->disk_all)
                ret->reaches[i] = f->now + day * KT_NS_DAY;
        if (day == last)
            ret->settles_at = (uint64_t)size;
    }
}

bool kt_forecast_make(const struct kt_forecast_of *f, kt_time_ns window, struct kt_forecast *ret)
{
    kt_time_ns span = f->last_stored - f->first_stored;
    kt_time_ns length = window == 0 ? (span > KT_NS_DAY ? span : KT_NS_DAY) : window;
    if (f->n == 0 || (window > 0 && span < window))
        return false;
    struct kt_forecast r = { 0 };
    double packed = 0, events = 0;
    for (size_t i = 0; i < f->n; i++) {
        double share = share_in(&f->segment[i], f->last_stored - length, f->last_stored);
        packed += share * (double)f->segment[i].packed;
        events += share * f->segment[i].events;
    }
    packed /= days_of(length);
    r.events_a_day = events / days_of(length);
    r.bytes_a_day = (packed + kept_a_day(f)) * pages_for_a_byte(f);
    r.removal_from = f->segment[0].max_stored + f->retention;
    if (r.removal_from < f->now)
        r.removal_from = f->now;
    look_ahead(f, packed, &r);
    *ret = r;
    return true;
}
