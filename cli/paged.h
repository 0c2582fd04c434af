/*
 * paged: the alerts of one run that somebody would have been called for, and which of two runs are
 * the same.
 */
#pragma once
#include "cli/side.h"

struct kt_page {
    char id[27];
    kt_time_ns first, last;
    int severity;        /* medium or more */
    unsigned detector;   /* index in kt_detectors */
    struct kt_str title; /* these live in the list */
    struct kt_str subject;
    struct kt_page *other; /* the same one in the other list, after kt_paged_match */
};
struct kt_paged {
    struct kt_page *at;
    uint32_t n;
    struct kt_buf keep;
};
/* Those of a side with evidence in the window (0 = open). */
struct kt_paged kt_paged_of(const struct kt_side *s, kt_time_ns since, kt_time_ns until);
/* Room for n alerts whose documents have so many bytes together, for kt_paged_add. */
struct kt_paged kt_paged_new(uint32_t n, size_t bytes);
/* Adds an alert of any severity; its texts are copied. */
void kt_paged_add(struct kt_paged *l, const struct kt_alert *a);
void kt_paged_done(struct kt_paged *l);
/* An alert is the same in both when it has the same id, or when the same subject has one at the
 * same time: other settings may open an incident with another event. What was matched before is
 * forgotten. */
void kt_paged_match(struct kt_paged *a, struct kt_paged *b);
