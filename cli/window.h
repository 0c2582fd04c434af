/* window: the span of event time that a question is about, from the options that every question
 * takes (INTERFACE §1). */
#pragma once
#include "core/store/read.h"

struct kt_window {
    const char *since, *until, *on, *around, *month,
        *quarter;      /* the options, NULL when not given */
    const char *slack; /* of --around: "10m" */
};
#define KT_WINDOW_FLAGS(w)                                                                         \
    { "--since",                                                                                   \
      0,                                                                                           \
      KT_FLAG_STRING,                                                                              \
      "TIME",                                                                                      \
      "event time from: 7d, today, 2026-11-22T20:00Z …",                                           \
      &(w).since,                                                                                  \
      "--from" },                                                                                  \
        { "--until", 0, KT_FLAG_STRING, "TIME", "event time before", &(w).until, "--to" },         \
        { "--on",                                                                                  \
          0,                                                                                       \
          KT_FLAG_STRING,                                                                          \
          "DAY",                                                                                   \
          "that day, week, month or year: 2026-11-22, last-week",                                  \
          &(w).on,                                                                                 \
          NULL },                                                                                  \
        { "--month", 0, KT_FLAG_STRING, "MONTH", "that month: 2026-10", &(w).month, NULL },        \
        { "--quarter", 0, KT_FLAG_STRING, "QUARTER", "that quarter: 2026Q3", &(w).quarter, NULL }, \
    {                                                                                              \
        "--around", 0, KT_FLAG_STRING, "WHEN",                                                     \
            "ten minutes around a time, an event or an alert, or as much as ±30m behind it says",  \
            &(w).around, NULL                                                                      \
    }

/* Takes "±30m" (or "+-30m") out of the n words at argv[1…]; returns how many stay. */
int kt_window_take_slack(struct kt_window *w, char **argv, int n);
/* What the options say, as [*ret_since, *ret_until), 0 = open; both 0: no option was given. r
 * finds the event or alert of --around. */
KT_MUST_USE enum kt_status kt_window_resolve(const struct kt_window *w, struct kt_reader *r,
                                             kt_time_ns now, int zone_offset_s,
                                             kt_time_ns *ret_since, kt_time_ns *ret_until,
                                             struct kt_error *err);
