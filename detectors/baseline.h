/*
 * baseline: the statistics of DETECTION §3. Pure: numbers in, numbers out, every state a plain
 * struct that may be saved as bytes. Surprise s = -log10 p; points are hundredths of it.
 */
#pragma once
#include "core/base/time.h"

#define KT_SURPRISE_MAX 800 /* points: a surprise above 8 says nothing more */

/* Points of a surprise: capped, rounded once (DETECTION §2.7). */
int kt_points(double surprise);

/* ---- decayed sufficient statistics (§3.1); t in any unit, half_life in the same ---- */
struct kt_decay {
    float a, b;
    int64_t t;
};
void kt_decay_add(struct kt_decay *d, int64_t t, double x, double e, double half_life);
/* The same where exposure is the clock itself: idle time counts, decayed. The first call sets the
 * start: call it with x = 0 when the entity is first seen. */
void kt_rate_add(struct kt_decay *d, int64_t t, double x, double half_life);
/* A and B as they stand at t, without changing d. */
void kt_rate_at(const struct kt_decay *d, int64_t t, double half_life, double *ret_a,
                double *ret_b);

/* ---- gamma-Poisson rate (§3.2) ---- */
struct kt_gamma {
    double a, b;
};
/* -log10 P(X >= x) of a negative binomial with mean m and size r; 0 when x <= m. Not capped. */
double kt_nb_surprise(double x, double m, double r);
/* The surprise of x in exposure e for a posterior (prior + A, B); rmax caps the confidence. */
double kt_rate_surprise(double x, double e, struct kt_gamma posterior, double rmax);
/* No less than that, for at most three logarithms: whoever asks only whether it reaches a threshold
 * asks this first. rmax at most 1. */
double kt_rate_surprise_most(double x, double e, struct kt_gamma posterior, double rmax);
/* Empirical Bayes over n pairs (A, B); `fixed` when there are fewer than 8 or next to no rate. */
struct kt_gamma kt_prior_fit(const double *a, const double *b, unsigned n, struct kt_gamma fixed);

/* ---- novelty (§3.3) ---- */
/* Expected novelties an active day. */
double kt_novelty_rate(double alpha, double beta, double k, double days);
double kt_novelty_self(double lam);
/* users of the value among `others` actors of the kind. */
double kt_novelty_peer(double users, double others);

/* ---- sliding counts (§3.4): 13 buckets of 5 minutes, 25 of an hour, aligned to the epoch ---- */
struct kt_ring {
    int64_t newest; /* index of the newest 5-minute bucket */
    uint16_t five[13];
    uint16_t hour[25];
};
/* n at t. A late event goes to its own bucket while that is held. */
void kt_ring_add(struct kt_ring *r, kt_time_ns t, unsigned n);
/* Takes n back that were added at t, while that bucket is held. */
void kt_ring_take(struct kt_ring *r, kt_time_ns t, unsigned n);
/* Count in (t - 5 min * n, t], n 1 to 12; in (t - n h, t], n 1 to 24. The oldest bucket in part. */
unsigned kt_ring_fives(const struct kt_ring *r, kt_time_ns t, unsigned n);
unsigned kt_ring_hours(const struct kt_ring *r, kt_time_ns t, unsigned n);

/* ---- distinct keys in an hour: exact up to 32, then a sketch ---- */
#define KT_DISTINCT_MAX 32
struct kt_distinct {
    uint64_t hash[KT_DISTINCT_MAX];
    uint32_t minute[KT_DISTINCT_MAX];
    uint32_t n;
    uint32_t over; /* minute until which the sketch answers; 0 = the list is exact */
};
/* false when 32 others are younger than `keep` minutes: the caller goes on with a sketch. */
bool kt_distinct_add(struct kt_distinct *d, uint64_t hash, uint32_t minute, uint32_t keep);
/* Takes a key back that was seen in [from, from + width); the minute is when. */
bool kt_distinct_take(struct kt_distinct *d, uint64_t hash, uint32_t from, uint32_t width,
                      uint32_t *ret_minute);
/* Distinct keys in (minute - width, minute]. */
unsigned kt_distinct_count(const struct kt_distinct *d, uint32_t minute, uint32_t width);
bool kt_distinct_has(const struct kt_distinct *d, uint64_t hash, uint32_t minute, uint32_t width);

#define KT_HLL_GROUPS 13 /* 12 full ones and the current */
#define KT_HLL_REGS   256
struct kt_hll {
    uint32_t group[KT_HLL_GROUPS]; /* 5-minute index + 1; 0 = empty */
    uint8_t reg[KT_HLL_GROUPS][KT_HLL_REGS];
};
void kt_hll_add(struct kt_hll *h, uint64_t hash, uint32_t minute);
/* Estimate over the n newest 5-minute groups ending with minute's. */
unsigned kt_hll_count(const struct kt_hll *h, uint32_t minute, unsigned n);

/* What a sketch says of the newest 1 and 12 groups, kept up while it is added to: the same counts,
 * made anew only when a register rose. No state; zeroed: of no sketch yet. */
struct kt_hll_ranks { /* registers by what they hold */
    uint16_t of[64];
    uint32_t count; /* + 1; 0: to be made anew */
};
struct kt_hll_view {
    uint32_t last; /* newest group, as in group[]; 0: to be made anew */
    uint32_t pad;
    struct kt_hll_ranks one, all;
    uint8_t most[KT_HLL_REGS]; /* of all groups */
};
void kt_hll_view_add(struct kt_hll_view *v, struct kt_hll *h, uint64_t hash, uint32_t minute);
/* kt_hll_count for n = 1 and n = KT_HLL_GROUPS - 1. */
unsigned kt_hll_view_count(struct kt_hll_view *v, const struct kt_hll *h, uint32_t minute,
                           unsigned n);

/* ---- block maxima (§3.4): the best of each of the last 28 active days, for three statistics ----
 */
#define KT_MAXIMA_DAYS  28
#define KT_MAXIMA_STATS 3
struct kt_maxima {
    uint16_t day[KT_MAXIMA_DAYS];
    uint16_t v[KT_MAXIMA_STATS][KT_MAXIMA_DAYS];
    uint16_t n, at; /* filled, newest */
};
void kt_maxima_add(struct kt_maxima *m, int64_t day, const uint16_t v[KT_MAXIMA_STATS]);
/* The record: largest of them; up to 4 days at least 12, which fades to 4 by the 14th. */
unsigned kt_maxima_record(const struct kt_maxima *m, unsigned stat);
/* The largest as it is, 0 without days: for texts. */
unsigned kt_maxima_best(const struct kt_maxima *m, unsigned stat);
/* Of a struct that comes from a file: what its numbers point at is there. */
bool kt_ring_is_sound(const struct kt_ring *r);
bool kt_distinct_is_sound(const struct kt_distinct *d);
bool kt_maxima_is_sound(const struct kt_maxima *m);

/* ---- what is to be expected of the largest of a day (§3.5) ---- */
/* The level that the largest value of a day passes about once in `days`, from the largest of each
 * of n days, 60 to 366: a generalised Pareto tail over the 80 % point, fitted by moments (Hosking
 * and Wallis 1987). With 18 excesses it is an order of magnitude. 0: too few days, or no two
 * excesses differ. */
double kt_tail_level(const double *largest, unsigned n, double days);

/* min(6, 2.5 + 6 log10(x / record)), 0 unless x > 2 * record. */
double kt_record_surprise(unsigned x, unsigned record);
