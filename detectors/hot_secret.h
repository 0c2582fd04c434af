/*
 * hot_secret: the readers of one secret, for volume_spike: is it read by far more, or far oftener,
 * than ever? Pure; the table is volume_spike's.
 */
#pragma once
#include "detectors/detector.h"

#define KT_HOT_READERS 16
struct kt_hot {                  /* one secret */
    struct kt_ring ring;         /* its readers; what one of them reads again within an hour is no
                                    event of the secret */
    struct kt_decay rate, users; /* those an hour; different ones a day */
    uint32_t first_min, hour, hour_reads, day, n_today, n_ever;
    struct kt_hot_reader {
        uint32_t actor, minute;          /* when it was counted last */
    } today[KT_HOT_READERS], service[3]; /* service: the newest different ones */
    uint32_t ever[4];
    uint32_t wrote_min, pad; /* newest write by anybody since it was read first; 0 = none */
};

/* The scene's secret and read; `fresh`: the entry is new. Returns the surprise, at most `cap`, 0
 * for none. *ret_rollout: three services have read it within 2 h; then it is 0 too. */
double kt_hot_read(struct kt_scene *s, struct kt_hot *h, bool fresh, double cap, bool *ret_rollout);
