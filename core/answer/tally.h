/*
 * tally: how much of each source instance there is in each minute, hour and day: what coverage is
 * judged by. One walk over columns, no line is opened. Private to core/answer.
 */
#pragma once
#include "core/answer/ask.h"

#define KT_TALLY_MINUTES 1440u
#define KT_TALLY_DAYS    1100             /* of a window at most: its newest */
#define KT_TALLY_PAGES   40000u           /* days of all sources together at most: 190 MB */
#define KT_TALLY_BLOCK   8                /* days, since the epoch, whose sums are kept together */
#define KT_TALLY_LATE    (30 * KT_NS_MIN) /* beside what is usual for the type of source */

enum kt_tally_mark { KT_TALLY_REPORT = 1, KT_TALLY_WAS_LATE = 2 /* a report came late */ };

struct kt_tally_late { /* of a day that has records that came late; by minute of the event */
    uint32_t arrived[KT_TALLY_MINUTES]; /* minute since the epoch when the last of them came */
    uint32_t n[KT_TALLY_MINUTES];       /* accesses among them */
};
struct kt_tally_day { /* one instance, one UTC day */
    uint64_t events, quarantined, reports;
    kt_time_ns lag_max;                /* of records that came late */
    uint32_t hour[24];                 /* accesses */
    uint8_t mark[KT_TALLY_MINUTES];    /* enum kt_tally_mark */
    uint16_t access[KT_TALLY_MINUTES]; /* at most UINT16_MAX each */
    struct kt_tally_late *late;        /* NULL: nothing came late */
};
struct kt_tally_source {
    char *source, *instance;
    /* By days of the tally, a block's worth each; NULL: nothing on those days. In two steps, since
     * a name costs whoever sends it nothing and sixty years of days would cost us something. */
    struct kt_tally_leaf {
        struct kt_tally_day *day[KT_TALLY_BLOCK]; /* NULL: nothing on that day */
    } * *leaf;
    kt_time_ns late;              /* from then on a record came late */
    kt_time_ns first, last;       /* of accesses; 0, 0: none */
    kt_time_ns heard, heard_last; /* of reports; 0, 0: none */
};
struct kt_tally_room { /* what a walk may fill; 0: as much as there is */
    size_t bytes;
    uint32_t blocks;
};
struct kt_tally {
    int64_t first_day;
    uint32_t days, pages;
    size_t bytes;  /* that it takes, about */
    uint64_t rows; /* that were taken in by walks */
    struct kt_tally_room room;
    uint32_t blocks;      /* that have a page */
    uint8_t *has_block;   /* by block, from that of first_day on */
    kt_time_ns counted;   /* the window begins: what is before says only what is usual */
    struct kt_map *names; /* "source\tinstance" */
    struct kt_tally_source *at;
    unsigned n, cap;
};
/* What lies in the n spans (rising, apart), event time; pages begin with the first span's day. Of
 * records whose sums are kept (tally_kept.h) whole days; first, last and heard are then known to
 * the minute. KT_E_LIMIT: more than KT_TALLY_PAGES. */
KT_MUST_USE enum kt_status kt_tally_load(struct kt_ask *a, const struct kt_span *span, unsigned n,
                                         struct kt_tally **ret, struct kt_error *err);
/* Adds what lies in the scan's bounds; days outside of the tally's are left out. KT_E_LIMIT: too
 * many pages, or there is no room for the record behind t->rows, which are in; of an empty tally
 * there is room for one record, whatever it is. */
KT_MUST_USE enum kt_status kt_tally_walk(struct kt_tally *t, struct kt_reader *r,
                                         const struct kt_scan *scan, struct kt_scan_cost *ret_cost,
                                         struct kt_error *err);
/* An empty one. */
struct kt_tally *kt_tally_new(int64_t first_day, uint32_t days);
/* The source of that name, added when it is new: its index in `at`. */
uint32_t kt_tally_source(struct kt_tally *t, struct kt_str source, struct kt_str instance);
/* The same where there is one, else KT_MAP_NONE (core/base/map.h). */
uint32_t kt_tally_find(const struct kt_tally *t, struct kt_str source, struct kt_str instance);
/* The page of a day that the tally has, made when there is none. */
struct kt_tally_day *kt_tally_page(struct kt_tally *t, uint32_t source, int64_t day);
/* Room in a page for what came late, made when there is none. */
struct kt_tally_late *kt_tally_late(struct kt_tally *t, struct kt_tally_day *d);
/* Has a block of days since the epoch a page? */
bool kt_tally_has(const struct kt_tally *t, int64_t block);
void kt_tally_free(struct kt_tally *t);
/* The page of a day since the epoch, or NULL. */
const struct kt_tally_day *kt_tally_day(const struct kt_tally *t, const struct kt_tally_source *s,
                                        int64_t day);
/* Accesses in an hour since the epoch. */
uint32_t kt_tally_hour(const struct kt_tally *t, const struct kt_tally_source *s, int64_t hour);
/* Accesses in the minutes [from, until) since the epoch. */
uint64_t kt_tally_events(const struct kt_tally *t, const struct kt_tally_source *s, int64_t from,
                         int64_t until);
/* How late records of a type of source may be, in minutes, and be as usual (DESIGN §11). */
unsigned kt_tally_allowance(struct kt_str source);
