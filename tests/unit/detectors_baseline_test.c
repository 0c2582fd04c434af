/* baseline: closed forms, error bounds and calibration (DETECTION §8.1, §8.2). */
#include "detectors/baseline.h"
#include "detectors/detector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t splitmix(uint64_t *s)
{
    uint64_t z = (*s += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double uniform(uint64_t *s)
{
    return (double)(splitmix(s) >> 11) * 0x1p-53;
}

/* -log10 of the sum of exact terms from x upwards, run to convergence, in long double. */
static double exact(unsigned x, double m, double r)
{
    long double lq = logl((long double)m / ((long double)m + (long double)r));
    long double q = expl(lq);
    long double lp = (long double)r * logl((long double)r / ((long double)m + (long double)r));
    long double first = lgammal((long double)x + (long double)r) - lgammal((long double)r) -
                        lgammal((long double)x + 1.0L) + (long double)x * lq + lp;
    long double term = 1.0L, sum = 1.0L;
    for (unsigned k = x; k < x + 50000000u; k++) {
        term *= ((long double)k + (long double)r) / ((long double)k + 1.0L) * q;
        sum += term;
        if (term < sum * 1e-14L && k > x + 10)
            break;
    }
    return (double)(-(first + logl(sum)) / logl(10.0L));
}

static void nb_tail_equals_exact_sums(void **state)
{
    (void)state;
    static const double sizes[] = { 0.1, 0.35, 0.5, 1, 2, 7.5, 50 };
    static const double means[] = { 1e-9, 1e-4, 0.01, 0.3, 1, 4.2, 33, 499, 5000 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < sizeof means / sizeof means[0]; j++) {
            double last = 0.0;
            for (unsigned x = 1; x <= 500; x += x < 40 ? 1 : 23) {
                double s = kt_nb_surprise(x, means[j], sizes[i]);
                assert_true(s >= last - 1e-12);
                last = s;
                if (x <= means[j])
                    continue;
                double e = exact(x, means[j], sizes[i]);
                /* relative error of p itself */
                assert_true(fabs(s - e) * M_LN10 < 1e-6);
            }
            assert_true(
                fabs(kt_nb_surprise(65535, means[j], sizes[i]) - exact(65535, means[j], sizes[i])) *
                    M_LN10 <
                1e-6);
        }
    }
}

static void prior_keeps_its_mean_when_clamped(void **state)
{
    (void)state;
    double a[20], b[20], sum = 0;
    for (int i = 0; i < 20; i++) {
        b[i] = 200 + i;
        a[i] = i % 7 == 0 ? 9000 : 1;
        sum += a[i] / b[i];
    }
    struct kt_gamma g = kt_prior_fit(a, b, 20, (struct kt_gamma){ 0.5, 0.5 });
    assert_true(g.a >= 0.1 && g.a <= 5);
    assert_true(fabs(g.a / g.b - sum / 20) < 1e-9);
    g = kt_prior_fit(a, b, 7, (struct kt_gamma){ 0.5, 0.25 });
    assert_true(g.a == 0.5 && g.b == 0.25);
    for (int i = 0; i < 20; i++)
        a[i] = 2 * b[i]; /* no variance at all: the clamp at 5 */
    g = kt_prior_fit(a, b, 20, (struct kt_gamma){ 0.5, 0.25 });
    assert_true(g.a == 5.0 && fabs(g.a / g.b - 2) < 1e-9);
}

static void late_updates_equal_the_same_updates_in_order(void **state)
{
    (void)state;
    struct kt_decay x = { 0 }, y = { 0 };
    kt_decay_add(&x, 100, 3, 1, 30);
    kt_decay_add(&x, 120, 5, 1, 30);
    kt_decay_add(&x, 160, 2, 1, 30);
    kt_decay_add(&y, 160, 2, 1, 30);
    kt_decay_add(&y, 100, 3, 1, 30);
    kt_decay_add(&y, 120, 5, 1, 30);
    assert_true(fabs((double)(x.a - y.a)) < 1e-5 && fabs((double)(x.b - y.b)) < 1e-5);
    struct kt_decay r = { 0 };
    kt_rate_add(&r, 1000, 4, 336);
    kt_rate_add(&r, 1100, 4, 336);
    double a, b;
    kt_rate_at(&r, 1200, 336, &a, &b);
    assert_true(b > 163 && b < 165);   /* 336 / ln 2 * (1 - 2^(-200/336)) */
    assert_true(a > 5.89 && a < 5.91); /* (4 g + 4) g, g = 2^(-100/336) */
}

static void a_bound_is_never_below_the_surprise(void **state)
{
    (void)state;
    unsigned close = 0, n = 0;
    for (double a = 0.05; a < 200; a *= 1.3) {
        for (double b = 0.1; b < 1000; b *= 1.7) {
            for (unsigned x = 1; x < 70000; x = x * 5 / 4 + 1) {
                const struct kt_gamma g = { a, b };
                double rmax = n % 3 == 0 ? 0.35 : 1;
                double s = kt_rate_surprise(x, 1, g, rmax);
                double most = kt_rate_surprise_most(x, 1, g, rmax);
                assert_true(most >= s);
                close += most < 1.3 * s + 0.3;
                n++;
            }
        }
    }
    assert_true(close > n / 2); /* and worth asking */
}

/* Counts by bucket, of which the last 13 and 25 stand. */
static void a_ring_says_what_its_buckets_say(void **state)
{
    (void)state;
    static unsigned five[12 * 400], hour[400];
    struct kt_ring r = { 0 };
    uint64_t seed = 5, now = 40 * 12, t0 = 7 * 24 * 12;
    int64_t newest = 0;
    for (unsigned k = 0; k < 3000; k++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        static const unsigned steps[] = { 0, 0, 0, 1, 2, 5, 12, 13, 14, 30 };
        now += k % 7 == 0 ? steps[seed >> 60 & 7] + (k % 350 == 0 ? 301 : 0) : 0;
        uint64_t late = seed >> 40 & 1 ? seed >> 50 & 31 : 0;
        if (now + 40 >= KT_ARRAY_LEN(five))
            break;
        int64_t at = (int64_t)(now - late);
        newest = at > newest ? at : newest;
        five[at] += newest - at < 13;
        hour[at / 12] += newest / 12 - at / 12 < 25;
        kt_ring_add(&r, ((int64_t)t0 + at) * 5 * KT_NS_MIN, 1);
        unsigned n = 1 + (unsigned)(seed >> 33) % 12, sum = 0, hours = 0;
        int64_t behind = newest - (int64_t)(seed >> 20 & 3), end = behind / 12;
        kt_time_ns t = ((int64_t)t0 + behind + 1) * 5 * KT_NS_MIN - 1; /* nearly whole buckets */
        for (int64_t i = behind; i > behind - (int64_t)n; i--)
            sum += newest - i < 13 ? five[i] : 0;
        assert_int_equal(kt_ring_fives(&r, t, n), sum);
        for (int64_t i = end; i > end - (int64_t)n; i--)
            hours += newest / 12 - i < 25 ? hour[i] : 0;
        t = ((int64_t)t0 / 12 + end + 1) * KT_NS_HOUR - 1;
        assert_int_equal(kt_ring_hours(&r, t, n), hours);
    }
}

static void novelty_recomputes_the_examples(void **state)
{
    (void)state;
    double days = 0;
    for (int i = 0; i < 61; i++)
        days = days * exp2(-1.0 / 60) + 1;
    assert_true(fabs(days - 44) < 0.1);
    double lam = kt_novelty_rate(0.1, 60, 0, days);
    assert_int_equal(kt_points(kt_novelty_self(lam)), 302);
    assert_true(fabs(1 / lam - 1040) < 1);
    assert_true(1 / kt_novelty_rate(0.1, 60, 0, 0) == 600);
    assert_true(1 / kt_novelty_rate(1, 25, 0, 0) == 25);
    assert_true(kt_novelty_peer(0, 0) == 0);
    assert_true(kt_novelty_peer(0, 1) < 0.2);
    assert_true(kt_novelty_peer(5, 10) == 0);
}

static void ring_counts_windows_and_takes_late_events(void **state)
{
    (void)state;
    struct kt_ring r = { 0 };
    kt_time_ns t0 = INT64_C(1795377600) * KT_NS_S;
    for (int i = 0; i < 60; i++)
        kt_ring_add(&r, t0 + i * KT_NS_MIN, 1);
    kt_time_ns end = t0 + 59 * KT_NS_MIN;
    assert_int_equal(kt_ring_fives(&r, end, 1), 5 + 5 / 5);
    assert_int_equal(kt_ring_fives(&r, end, 12), 60);
    assert_int_equal(kt_ring_hours(&r, end, 1), 60);
    kt_ring_add(&r, t0 + 2 * KT_NS_MIN, 1); /* late, under an hour: both rings */
    assert_int_equal(kt_ring_fives(&r, end, 12), 61);
    kt_ring_add(&r, t0 - 3 * KT_NS_HOUR, 1); /* hours only */
    assert_int_equal(kt_ring_fives(&r, end, 12), 61);
    assert_int_equal(kt_ring_hours(&r, end, 6), 62);
    kt_ring_add(&r, t0 - 30 * KT_NS_HOUR, 1); /* beyond the memory */
    assert_int_equal(kt_ring_hours(&r, end, 24), 62);
    kt_ring_add(&r, t0 + 40 * KT_NS_DAY, 1);
    assert_int_equal(kt_ring_hours(&r, t0 + 40 * KT_NS_DAY, 24), 1);
}

static void distinct_is_exact_to_32_and_forgets(void **state)
{
    (void)state;
    struct kt_distinct d = { 0 };
    for (uint32_t i = 0; i < 64; i++)
        assert_true(kt_distinct_add(&d, 1000 + i % 32, 500 + i % 32, 60));
    assert_int_equal(kt_distinct_count(&d, 531, 60), 32);
    assert_int_equal(kt_distinct_count(&d, 531, 5), 5);
    assert_false(kt_distinct_add(&d, 7, 532, 60));
    assert_true(kt_distinct_add(&d, 7, 561, 60));
    assert_true(kt_distinct_has(&d, 7, 570, 60));
    assert_false(kt_distinct_has(&d, 1000, 570, 60));
}

static void hll_stays_within_its_error(void **state)
{
    (void)state;
    static const unsigned sizes[] = { 40, 143, 500, 2000, 100000, 1000000 };
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        double error = 0;
        for (int run = 0; run < 3; run++) {
            struct kt_hll h = { 0 };
            for (unsigned k = 0; k < sizes[i]; k++)
                kt_hll_add(&h, splitmix(&seed), 1000 + k % 60);
            error += fabs((double)kt_hll_count(&h, 1059, 12) - sizes[i]) / sizes[i] / 3;
        }
        assert_true(error < 3 * 0.065);
    }
}

/* Kept up or made anew: the same, whatever comes late, in whatever order it is asked. */
static void a_view_of_a_sketch_counts_as_the_sketch(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (unsigned run = 0; run < 40; run++) {
        struct kt_hll h = { 0 };
        struct kt_hll_view v = { 0 };
        uint32_t minute = 1000;
        for (unsigned i = 0; i < 2000; i++) {
            uint64_t r = splitmix(&seed);
            minute += r % 97 == 0 ? (uint32_t)(r >> 32) % 90 : r % 50 == 0;
            uint32_t late = r % 7 == 0 ? (uint32_t)(r >> 40) % 80 : 0;
            if (r % 3 != 0)
                kt_hll_view_add(&v, &h,
                                splitmix(&seed) % (1 + run * 50) * UINT64_C(0x9e3779b97f4a7c15),
                                minute - late);
            uint32_t at = r % 11 == 0 ? minute - late : minute;
            assert_int_equal(kt_hll_view_count(&v, &h, at, 1), kt_hll_count(&h, at, 1));
            assert_int_equal(kt_hll_view_count(&v, &h, at, 12), kt_hll_count(&h, at, 12));
        }
    }
}

static void record_follows_the_rule(void **state)
{
    (void)state;
    struct kt_maxima m = { 0 };
    assert_int_equal(kt_maxima_record(&m, 0), 12);
    /* A floor that fades with days: few quiet ones are no record. */
    static const unsigned floors[14] = { 12, 12, 12, 12, 12, 11, 10, 9, 8, 8, 7, 6, 5, 4 };
    for (int d = 0; d < 40; d++) {
        kt_maxima_add(&m, 20000 + d, (uint16_t[]){ 2, (uint16_t)(d == 3 ? 90 : 11), 1 });
        assert_int_equal(kt_maxima_record(&m, 2), floors[d < 13 ? d : 13]);
    }
    assert_int_equal(kt_maxima_record(&m, 0), 4);  /* never below */
    assert_int_equal(kt_maxima_record(&m, 1), 11); /* day 3 is forgotten */
    assert_int_equal(kt_points(kt_record_surprise(22, 11)), 0);
    assert_int_equal(kt_points(kt_record_surprise(23, 11)), 442);
    assert_int_equal(kt_points(kt_record_surprise(143, 11)), 600);
    assert_true(fabs(2.5 + 6 * log10(2.0) - 4.3) < 0.01); /* "4.3 at twice" */
}

/* Of exponential days the level is known: the maximum m with P(X > m) = 1/30 is ln 30. */
static void tail_level_follows_the_formula(void **state)
{
    (void)state;
    double v[366] = { 0 }, sum = 0;
    uint64_t seed = 11;
    for (int run = 0; run < 400; run++) {
        for (int i = 0; i < 90; i++)
            v[i] = -log(1 - uniform(&seed));
        sum += kt_tail_level(v, 90, 30) / 400;
    }
    assert_true(fabs(sum - log(30)) < 0.15);
    for (int i = 0; i < 90; i++)
        v[i] = i < 18 ? 5 + (i % 2) : 1; /* over t = 1: nine times 4, nine times 5 */
    double mean = 4.5, variance = 4.5 / 17, q = mean * mean / variance, xi = (1 - q) / 2,
           sigma = mean * (1 + q) / 2;
    assert_true(fabs(kt_tail_level(v, 90, 30) - (1 + sigma / xi * (pow(90 / 30.0 / 18, -xi) - 1))) <
                1e-9);
    assert_true(kt_tail_level(v, 59, 30) == 0.0 && kt_tail_level(v, 367, 30) == 0.0);
    for (int i = 0; i < 90; i++)
        v[i] = 2;
    assert_true(kt_tail_level(v, 90, 30) == 0.0);
}

/* Gamma variate (Marsaglia and Tsang, with the boost below 1), then Poisson: a negative binomial.
 */
static double normal(uint64_t *s)
{
    double u = uniform(s) + 1e-300, v = uniform(s);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}
static double gamma_variate(uint64_t *s, double shape)
{
    double boost = shape < 1 ? pow(uniform(s) + 1e-300, 1 / shape) : 1;
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = normal(s), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(uniform(s) + 1e-300) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v * boost;
    }
}
static unsigned poisson(uint64_t *s, double mean)
{
    if (mean > 200) {
        double x = floor(mean + sqrt(mean) * normal(s) + 0.5);
        return x < 0 ? 0 : (unsigned)x;
    }
    double limit = exp(-mean), p = 1;
    unsigned k = 0;
    while ((p *= uniform(s)) > limit)
        k++;
    return k;
}

static void surprises_are_calibrated(void **state)
{
    (void)state;
    uint64_t seed = 42;
    static const double sizes[] = { 2, 1, 0.5 };
    for (int kind = 0; kind < 3; kind++) {
        unsigned over[4] = { 0 }, hours = 0;
        for (int actor = 0; actor < 200; actor++) {
            struct kt_decay d = { 0 };
            double mean = 5 + 20 * uniform(&seed);
            for (int h = 0; h < 60 * 24; h++, hours++) {
                unsigned x = poisson(&seed, mean * gamma_variate(&seed, sizes[kind]) / sizes[kind]);
                double a, b;
                kt_rate_at(&d, 1000 + h, 720, &a, &b);
                if (h >= 7 * 24) {
                    double s =
                        kt_rate_surprise(x, 1, (struct kt_gamma){ 0.5 + a, 0.1 + b }, sizes[kind]);
                    for (int k = 1; k <= 3; k++)
                        over[k] += s >= k;
                }
                kt_rate_add(&d, 1001 + h, x, 720);
            }
        }
        hours -= 200 * 7 * 24;
        for (int k = 1; k <= 3; k++) {
            double share = (double)over[k] / hours;
            assert_true(share > pow(10, -k) / 3 && share < 2 * pow(10, -k));
        }
        hours = 0;
    }
}

static void a_count_is_said_in_groups_of_three(void **state)
{
    (void)state;
    static const struct {
        double n;
        const char *text;
    } counts[] = { { 0, "0" },
                   { -3, "0" },
                   { 0.5, "0" },
                   { 1.5, "2" },
                   { 2.5, "2" },
                   { 7, "7" },
                   { 999, "999" },
                   { 999.5, "1,000" },
                   { 1000, "1,000" },
                   { 123456, "123,456" },
                   { 1234567, "1,234,567" },
                   { 1e15, "1,000,000,000,000,000" },
                   { 1e18, "1,000,000,000,000,000" } };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        char text[32];
        assert_string_equal(kt_say_count(counts[i].n, text), counts[i].text);
    }
}

/* Whatever room there is, and whether the format has more than texts and whole numbers or not. */
static void a_sentence_is_what_printf_makes_of_it(void **state)
{
    (void)state;
    for (size_t room = 1; room < 64; room++) {
        char ours[64], theirs[64];
        kt_say(ours, room, "%s read %u of %u secrets%s.", "anna", 0u, 4294967295u, "");
        (void)snprintf(theirs, room, "%s read %u of %u secrets%s.", "anna", 0u, 4294967295u, "");
        assert_string_equal(ours, theirs);
        kt_say(ours, room, "%s read %.1f a day, 100%%, %.5s", "anna", 2.25, "2026-11");
        (void)snprintf(theirs, room, "%s read %.1f a day, 100%%, %.5s", "anna", 2.25, "2026-11");
        assert_string_equal(ours, theirs);
        kt_say(ours, room, "%s", "\u00e4\u20ac\u00e4\u20ac");
        assert_true(strlen(ours) < room && kt_utf8_valid(kt_str_of(ours)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_is_what_printf_makes_of_it),
        cmocka_unit_test(nb_tail_equals_exact_sums),
        cmocka_unit_test(prior_keeps_its_mean_when_clamped),
        cmocka_unit_test(late_updates_equal_the_same_updates_in_order),
        cmocka_unit_test(novelty_recomputes_the_examples),
        cmocka_unit_test(a_bound_is_never_below_the_surprise),
        cmocka_unit_test(a_ring_says_what_its_buckets_say),
        cmocka_unit_test(ring_counts_windows_and_takes_late_events),
        cmocka_unit_test(distinct_is_exact_to_32_and_forgets),
        cmocka_unit_test(hll_stays_within_its_error),
        cmocka_unit_test(a_view_of_a_sketch_counts_as_the_sketch),
        cmocka_unit_test(record_follows_the_rule),
        cmocka_unit_test(tail_level_follows_the_formula),
        cmocka_unit_test(surprises_are_calibrated),
        cmocka_unit_test(a_count_is_said_in_groups_of_three),
    };
    return cmocka_run_group_tests_name("baseline", tests, NULL, NULL);
}
