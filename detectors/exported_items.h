/*
 * exported_items: single items of one store that an actor takes out as backups or exports, for
 * signatures.
 *
 * Owns:  the struct of one table of signatures, by actor and store.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

/* Different items within the hour: one or two are somebody's errand. */
#define KT_EXPORTED_LEAST 3u
struct kt_exported {
    uint64_t item[KT_EXPORTED_LEAST]; /* the newest different ones; 0 = none */
    uint32_t minute[KT_EXPORTED_LEAST];
    uint32_t last_min; /* when they were as many within an hour; 0 = never */
};
struct kt_export_run {
    uint32_t since_min; /* of the oldest of them */
    uint32_t minutes;   /* from it to the newest, at least 1 */
    uint32_t last_min;  /* when they were as many before; 0 = never */
};
/* Is it a single item that leaves its store as a whole, with all that belongs to it? Sets that are
 * fetched in one call are none: programs load their settings so. */
bool kt_is_item_export(const struct kt_scene *s);
/* Notes such an export; true: with it they are KT_EXPORTED_LEAST within the hour. */
bool kt_exported_note(struct kt_scene *s, struct kt_exported *e, struct kt_export_run *ret);
