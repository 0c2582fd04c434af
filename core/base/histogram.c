/*
 * histogram: the buckets that metrics have, and sums over histograms.
 *
 * Owns:  the bounds: a dashboard that compares two releases needs the same ones.
 * Calls: core/base (buf).
 */
#include "core/base/histogram.h"
#include <inttypes.h>

const struct kt_buckets kt_buckets_lag = { 9,
                                           { 100 * KT_NS_MS, 500 * KT_NS_MS, KT_NS_S, 5 * KT_NS_S,
                                             30 * KT_NS_S, KT_NS_MIN, 5 * KT_NS_MIN, 15 * KT_NS_MIN,
                                             KT_NS_HOUR } };
const struct kt_buckets kt_buckets_commit = { 9,
                                              { KT_NS_MS, 2 * KT_NS_MS, 5 * KT_NS_MS, 10 * KT_NS_MS,
                                                25 * KT_NS_MS, 100 * KT_NS_MS, 500 * KT_NS_MS,
                                                2 * KT_NS_S, 10 * KT_NS_S } };
const struct kt_buckets kt_buckets_detector = {
    6, { KT_NS_US, 10 * KT_NS_US, 100 * KT_NS_US, KT_NS_MS, 10 * KT_NS_MS, 100 * KT_NS_MS }
};
const struct kt_buckets kt_buckets_ack = { 7,
                                           { KT_NS_MIN, 5 * KT_NS_MIN, 15 * KT_NS_MIN,
                                             30 * KT_NS_MIN, KT_NS_HOUR, 4 * KT_NS_HOUR,
                                             KT_NS_DAY } };

void kt_histogram_join(struct kt_histogram *h, const struct kt_histogram *other)
{
    for (unsigned i = 0; i <= KT_BUCKETS_MAX; i++)
        h->n[i] += other->n[i];
    h->sum_s += other->sum_s;
}

uint64_t kt_histogram_count(const struct kt_histogram *h)
{
    uint64_t n = 0;
    for (unsigned i = 0; i <= KT_BUCKETS_MAX; i++)
        n += h->n[i];
    return n;
}

void kt_histogram_write(const struct kt_histogram *h, const struct kt_buckets *b,
                        struct kt_buf *out)
{
    kt_buf_addz(out, "{\"le\":[");
    for (unsigned i = 0; i < b->n; i++)
        kt_buf_addf(out, "%s%.9g", i > 0 ? "," : "", (double)b->le[i] / (double)KT_NS_S);
    kt_buf_addz(out, "],\"n\":[");
    for (unsigned i = 0; i <= b->n; i++)
        kt_buf_addf(out, "%s%" PRIu64, i > 0 ? "," : "", h->n[i]);
    kt_buf_addf(out, "],\"sum\":%.15g}", h->sum_s);
}
