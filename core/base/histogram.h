/* histogram: durations counted by bucket, for metrics. No allocation; one thread. */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

#define KT_BUCKETS_MAX 12u
struct kt_buckets { /* rising upper bounds, each its own bucket's */
    unsigned n;
    kt_time_ns le[KT_BUCKETS_MAX];
};
struct kt_histogram {
    uint64_t n[KT_BUCKETS_MAX + 1]; /* by bucket, not summed up; the last one: above all bounds */
    double sum_s; /* seconds: lags of a year, many of them, fit no int64_t of ns */
};
/* From the event to its being stored: .1 .5 1 5 30 60 300 900 3600 s. */
extern const struct kt_buckets kt_buckets_lag;
/* Of a commit: 1 ms to 10 s. */
extern const struct kt_buckets kt_buckets_commit;
/* Of one detector with one record: 1 us to 100 ms. */
extern const struct kt_buckets kt_buckets_detector;
/* From an alert to its acknowledgement: 1 min to 1 day. */
extern const struct kt_buckets kt_buckets_ack;

/* A negative duration (clocks differ) counts as none. */
static inline void kt_histogram_add(struct kt_histogram *h, const struct kt_buckets *b,
                                    kt_time_ns took)
{
    unsigned i = 0;
    took = took > 0 ? took : 0;
    while (i < b->n && took > b->le[i])
        i++;
    h->n[i]++;
    h->sum_s += (double)took / (double)KT_NS_S;
}
void kt_histogram_join(struct kt_histogram *h, const struct kt_histogram *other);
uint64_t kt_histogram_count(const struct kt_histogram *h);
/* `{"le":[seconds],"n":[by bucket, the last above all],"sum":seconds}`, as metrics carry it. */
void kt_histogram_write(const struct kt_histogram *h, const struct kt_buckets *b,
                        struct kt_buf *out);
