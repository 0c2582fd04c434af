/*
 * told_burst: which secrets a burst had that was told, and until when they are no news, for
 * volume_spike. The table is volume_spike's.
 */
#pragma once
#include "detectors/detector.h"

#define KT_TOLD_BITS 16384u
struct kt_told {                      /* of an actor whose many secrets were told */
    uint64_t bits[KT_TOLD_BITS / 64]; /* which they were */
    uint32_t since_min, burst_min;    /* the first and the newest burst that was told began */
    uint32_t seen_min, before_min;    /* newest read of such a burst, and of the one before it */
    uint32_t clock_min;               /* of one that its clock alone excuses; 0 = none */
    uint32_t set;                     /* bits that are set */
    uint64_t network;                 /* where the newest that was told came from */
    uint32_t client, pad;             /* and with which client family */
};
/* Why reads of what was told are no news: they came lately, at whatever hour; by the clock of a
 * machine alone; or they are. */
enum kt_told_by { KT_TOLD_NEWS, KT_TOLD_LATELY, KT_TOLD_CLOCK };
enum kt_told_by kt_told_by(const struct kt_scene *s, const struct kt_told *told);

bool kt_told_has(const struct kt_told *told, uint64_t hash);
void kt_told_add(struct kt_told *told, uint64_t hash);
/* A burst is told now; what an older one had is forgotten when that is over, or told is fresh. */
void kt_told_begin(const struct kt_scene *s, struct kt_told *told, bool fresh);
/* A read that is no news. many: with those of the hour it is such a burst. */
void kt_told_again(const struct kt_scene *s, struct kt_told *told, enum kt_told_by by, bool many);
