/*
 * baseline: the statistics of DETECTION §3.
 *
 * Owns:  nothing; every function works on the struct it is given.
 * Calls: libm (lgamma_r, exp2, log1p, expm1, log10).
 * Holds: same input, same output; built with -ffp-contract=off; sums run in index order.
 */
#include "detectors/baseline.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIVE_MIN (5 * KT_NS_MIN)

int kt_points(double surprise)
{
    if (!(surprise > 0.0))
        return 0;
    double p = floor(surprise * 100.0 + 0.5);
    return p > KT_SURPRISE_MAX ? KT_SURPRISE_MAX : (int)p;
}

void kt_decay_add(struct kt_decay *d, int64_t t, double x, double e, double half_life)
{
    if (t >= d->t) {
        double g = exp2(-(double)(t - d->t) / half_life);
        d->a = (float)((double)d->a * g + x);
        d->b = (float)((double)d->b * g + e);
        d->t = t;
        return;
    }
    double w = exp2(-(double)(d->t - t) / half_life);
    d->a = (float)((double)d->a + x * w);
    d->b = (float)((double)d->b + e * w);
}

void kt_rate_at(const struct kt_decay *d, int64_t t, double half_life, double *ret_a, double *ret_b)
{
    *ret_a = (double)d->a;
    *ret_b = (double)d->b;
    if (d->t == 0 || t <= d->t)
        return;
    double g = exp2(-(double)(t - d->t) / half_life);
    *ret_a *= g;
    *ret_b = *ret_b * g + half_life / M_LN2 * (1.0 - g);
}

void kt_rate_add(struct kt_decay *d, int64_t t, double x, double half_life)
{
    if (d->t == 0)
        d->t = t;
    if (t < d->t) { /* its time is exposure already */
        d->a = (float)((double)d->a + x * exp2(-(double)(d->t - t) / half_life));
        return;
    }
    double a, b;
    kt_rate_at(d, t, half_life, &a, &b);
    *d = (struct kt_decay){ .a = (float)(a + x), .b = (float)b, .t = t };
}

/* Continued fraction of the incomplete beta function, modified Lentz. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m <= 500; m++) {
        double am = a + 2.0 * m;
        double even = m * (b - m) * x / ((am - 1.0) * am);
        d = 1.0 + even * d;
        c = 1.0 + even / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        double odd = -(a + m) * (a + b + m) * x / (am * (am + 1.0));
        d = 1.0 + odd * d;
        c = 1.0 + odd / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1.0) < 1e-13)
            break;
    }
    return h;
}

double kt_nb_surprise(double x, double m, double r)
{
    if (x <= m)
        return 0.0;
    int sign;
    double lq = log(m) - log(m + r), lp = log(r) - log(m + r);
    double front =
        lgamma_r(x + r, &sign) - lgamma_r(x, &sign) - lgamma_r(r, &sign) + x * lq + r * lp;
    double q = m / (m + r), ln_p;
    if (q < (x + 1.0) / (x + r + 2.0))
        ln_p = front + log(beta_fraction(x, r, q)) - log(x);
    else
        ln_p = log1p(-exp(front + log(beta_fraction(r, x, r / (m + r))) - log(r)));
    double s = -ln_p / M_LN10;
    return s > 0.0 ? s : 0.0;
}

double kt_rate_surprise(double x, double e, struct kt_gamma posterior, double rmax)
{
    double m = fmax(e * posterior.a / posterior.b, 1e-9);
    return kt_nb_surprise(x, m, fmin(posterior.a, rmax));
}

/* P(X >= x) = I_q(x, r) >= q^x / (x B(x, r)) for r <= 1, where (1 - t)^(r-1) under the integral is
 * at least 1; Gamma(x+r) / Gamma(x+1) >= (x+1)^(r-1) (Gautschi 1959), and 1 / Gamma(r) >= r. */
double kt_rate_surprise_most(double x, double e, struct kt_gamma posterior, double rmax)
{
    assert(rmax <= 1);
    double m = fmax(e * posterior.a / posterior.b, 1e-9), r = fmin(posterior.a, rmax);
    if (x <= m)
        return 0.0;
    double ln_p = x * log(m / (m + r));
    if (r < 1)
        ln_p += (r - 1) * log(x + 1) + log(r);
    return -ln_p / M_LN10 + 1e-6; /* the rounding of both */
}

struct kt_gamma kt_prior_fit(const double *a, const double *b, unsigned n, struct kt_gamma fixed)
{
    if (n < 8)
        return fixed;
    double sum = 0.0, inverse = 0.0;
    for (unsigned i = 0; i < n; i++) {
        sum += a[i] / b[i];
        inverse += 1.0 / b[i];
    }
    double mu = sum / n, squares = 0.0;
    if (mu < 1e-6)
        return fixed;
    for (unsigned i = 0; i < n; i++)
        squares += (a[i] / b[i] - mu) * (a[i] / b[i] - mu);
    double v = fmax(squares / n - mu * inverse / n, 0.05 * mu * mu);
    double a0 = fmin(fmax(mu * mu / v, 0.1), 5.0);
    return (struct kt_gamma){ a0, a0 / mu };
}

double kt_novelty_rate(double alpha, double beta, double k, double days)
{
    return (alpha + k) / (beta + days);
}

double kt_novelty_self(double lam)
{
    return -log10(-expm1(-lam));
}

double kt_novelty_peer(double users, double others)
{
    return fmax(0.0, -log10((users + 0.5) / (0.25 * others + 0.5)));
}

static uint16_t bump(uint16_t v, unsigned n)
{
    return n >= (unsigned)(UINT16_MAX - v) ? UINT16_MAX : (uint16_t)(v + n);
}

/* Empties the buckets behind `from` up to `to`, of a ring of `size`. */
static void ring_empty(uint16_t *v, int64_t size, int64_t from, int64_t to)
{
    if (to - from >= size) {
        memset(v, 0, (size_t)size * sizeof *v);
        return;
    }
    for (int64_t i = to, at = to % size; i > from; i--, at = at == 0 ? size - 1 : at - 1)
        v[at] = 0;
}

static void ring_advance(struct kt_ring *r, int64_t to)
{
    ring_empty(r->five, 13, r->newest, to);
    ring_empty(r->hour, 25, r->newest / 12, to / 12);
    r->newest = to;
}

void kt_ring_add(struct kt_ring *r, kt_time_ns t, unsigned n)
{
    int64_t b = t / FIVE_MIN;
    if (b > r->newest)
        ring_advance(r, b);
    if (r->newest - b < 13)
        r->five[b % 13] = bump(r->five[b % 13], n);
    if (r->newest / 12 - b / 12 < 25)
        r->hour[b / 12 % 25] = bump(r->hour[b / 12 % 25], n);
}

void kt_ring_take(struct kt_ring *r, kt_time_ns t, unsigned n)
{
    int64_t b = t / FIVE_MIN;
    uint16_t *five = &r->five[b % 13], *hour = &r->hour[b / 12 % 25];
    if (b > r->newest)
        return;
    if (r->newest - b < 13)
        *five = (uint16_t)(*five - (*five < n ? *five : n));
    if (r->newest / 12 - b / 12 < 25)
        *hour = (uint16_t)(*hour - (*hour < n ? *hour : n));
}

bool kt_ring_is_sound(const struct kt_ring *r)
{
    return r->newest >= 0 && r->newest <= INT64_MAX / FIVE_MIN;
}

/* n whole buckets ending with t's, and the part of the one before that the window still covers. */
static inline unsigned ring_sum(const uint16_t *v, int64_t size, int64_t newest, int64_t width,
                                int64_t t, unsigned n)
{
    int64_t cur = t / width, old = cur - (int64_t)n, held = newest - size + 1;
    int64_t from = old + 1 > held ? old + 1 : held, to = cur < newest ? cur : newest;
    unsigned sum = 0;
    for (int64_t i = to, at = to % size; i >= from; i--, at = at == 0 ? size - 1 : at - 1)
        sum += v[at];
    if (old >= 0 && old <= newest && old >= held)
        sum += (unsigned)((int64_t)v[old % size] * ((width - t % width) / KT_NS_S) /
                          (width / KT_NS_S));
    return sum;
}

unsigned kt_ring_fives(const struct kt_ring *r, kt_time_ns t, unsigned n)
{
    return ring_sum(r->five, 13, r->newest, FIVE_MIN, t, n);
}

unsigned kt_ring_hours(const struct kt_ring *r, kt_time_ns t, unsigned n)
{
    return ring_sum(r->hour, 25, r->newest / 12, KT_NS_HOUR, t, n);
}

static bool within(uint32_t minute, uint32_t at, uint32_t width)
{
    return minute <= at && at - minute < width;
}

bool kt_distinct_is_sound(const struct kt_distinct *d)
{
    return d->n <= KT_DISTINCT_MAX;
}

bool kt_distinct_add(struct kt_distinct *d, uint64_t hash, uint32_t minute, uint32_t keep)
{
    uint32_t place = d->n, oldest = UINT32_MAX;
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->hash[i] == hash) {
            if (d->minute[i] < minute)
                d->minute[i] = minute;
            return true;
        }
        if (d->minute[i] < oldest) {
            oldest = d->minute[i];
            place = i;
        }
    }
    if (d->n < KT_DISTINCT_MAX)
        place = d->n++;
    else if (oldest + keep > minute) /* the oldest still counts */
        return false;
    d->hash[place] = hash;
    d->minute[place] = minute;
    return true;
}

bool kt_distinct_take(struct kt_distinct *d, uint64_t hash, uint32_t from, uint32_t width,
                      uint32_t *ret_minute)
{
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->hash[i] != hash || d->minute[i] < from || d->minute[i] - from >= width)
            continue;
        *ret_minute = d->minute[i];
        d->n--;
        d->hash[i] = d->hash[d->n];
        d->minute[i] = d->minute[d->n];
        d->hash[d->n] = d->minute[d->n] = 0;
        return true;
    }
    return false;
}

unsigned kt_distinct_count(const struct kt_distinct *d, uint32_t minute, uint32_t width)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < d->n; i++)
        n += within(d->minute[i], minute, width);
    return n;
}

bool kt_distinct_has(const struct kt_distinct *d, uint64_t hash, uint32_t minute, uint32_t width)
{
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->hash[i] == hash)
            return within(d->minute[i], minute, width);
    }
    return false;
}

/* The register that a hash chooses by its top 8 bits, and what the others raise it to. */
static unsigned hll_register(uint64_t hash)
{
    return (unsigned)(hash >> 56);
}

static uint8_t hll_rank(uint64_t hash)
{
    return (uint8_t)(__builtin_clzll(hash << 8 | 0x80) + 1);
}

void kt_hll_add(struct kt_hll *h, uint64_t hash, uint32_t minute)
{
    uint32_t group = minute / 5 + 1;
    unsigned slot = group % KT_HLL_GROUPS;
    if (h->group[slot] > group)
        return; /* later than the sketch reaches */
    if (h->group[slot] != group) {
        h->group[slot] = group;
        memset(h->reg[slot], 0, KT_HLL_REGS);
    }
    uint8_t *reg = &h->reg[slot][hll_register(hash)], rank = hll_rank(hash);
    if (*reg < rank)
        *reg = rank;
}

/* The largest of each register over the n newest groups ending with `last`. */
static void hll_merge(const struct kt_hll *h, uint32_t last, unsigned n, uint8_t ret[KT_HLL_REGS])
{
    memset(ret, 0, KT_HLL_REGS);
    for (unsigned g = 0; g < KT_HLL_GROUPS; g++) {
        if (h->group[g] == 0 || h->group[g] > last || last - h->group[g] >= n)
            continue;
        for (unsigned i = 0; i < KT_HLL_REGS; i++) {
            if (ret[i] < h->reg[g][i])
                ret[i] = h->reg[g][i];
        }
    }
}

/* Registers by value: few values, so few powers of two. Four lists, since most registers hold the
 * same few values and a step would have to wait for the one before. */
static void hll_ranks(const uint8_t reg[KT_HLL_REGS], uint16_t ret[64])
{
    uint16_t of_rank[4][64] = { { 0 } };
    for (unsigned i = 0; i < KT_HLL_REGS; i++)
        of_rank[i & 3][reg[i] & 63]++;
    for (unsigned k = 0; k < 64; k++)
        ret[k] = (uint16_t)(of_rank[0][k] + of_rank[1][k] + of_rank[2][k] + of_rank[3][k]);
}

static unsigned hll_estimate(const uint16_t of_rank[64])
{
    double sum = 0.0;
    for (unsigned k = 0; k < 64; k++) {
        if (of_rank[k] > 0)
            sum += of_rank[k] / (double)(UINT64_C(1) << k);
    }
    double m = KT_HLL_REGS, estimate = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    if (estimate <= 2.5 * m && of_rank[0] > 0)
        estimate = m * log(m / of_rank[0]);
    return (unsigned)(estimate + 0.5);
}

unsigned kt_hll_count(const struct kt_hll *h, uint32_t minute, unsigned n)
{
    uint8_t merged[KT_HLL_REGS];
    uint16_t of_rank[64];
    hll_merge(h, minute / 5 + 1, n, merged);
    hll_ranks(merged, of_rank);
    return hll_estimate(of_rank);
}

static void ranks_raise(struct kt_hll_ranks *r, uint8_t from, uint8_t to)
{
    r->of[from & 63]--;
    r->of[to & 63]++;
    r->count = 0;
}

void kt_hll_view_add(struct kt_hll_view *v, struct kt_hll *h, uint64_t hash, uint32_t minute)
{
    uint32_t group = minute / 5 + 1;
    unsigned slot = group % KT_HLL_GROUPS, reg = hll_register(hash);
    uint8_t before = h->group[slot] == group ? h->reg[slot][reg] : 0, rank = hll_rank(hash);
    if (h->group[slot] > group)
        return;
    kt_hll_add(h, hash, minute);
    if (group > v->last) /* it may have taken the place of a group that counted */
        v->last = 0;
    if (v->last == 0)
        return;
    if (group == v->last && before < rank)
        ranks_raise(&v->one, before, rank);
    if (v->last - group < KT_HLL_GROUPS - 1 && v->most[reg] < rank) {
        ranks_raise(&v->all, v->most[reg], rank);
        v->most[reg] = rank;
    }
}

static void hll_view_make(struct kt_hll_view *v, const struct kt_hll *h, uint32_t last)
{
    hll_merge(h, last, 1, v->most);
    hll_ranks(v->most, v->one.of);
    hll_merge(h, last, KT_HLL_GROUPS - 1, v->most);
    hll_ranks(v->most, v->all.of);
    v->one.count = v->all.count = 0;
    v->last = last;
}

unsigned kt_hll_view_count(struct kt_hll_view *v, const struct kt_hll *h, uint32_t minute,
                           unsigned n)
{
    assert(n == 1 || n == KT_HLL_GROUPS - 1);
    if (v->last != minute / 5 + 1)
        hll_view_make(v, h, minute / 5 + 1);
    struct kt_hll_ranks *r = n == 1 ? &v->one : &v->all;
    if (r->count == 0)
        r->count = hll_estimate(r->of) + 1;
    return r->count - 1;
}

bool kt_maxima_is_sound(const struct kt_maxima *m)
{
    return m->n <= KT_MAXIMA_DAYS && m->at < KT_MAXIMA_DAYS;
}

void kt_maxima_add(struct kt_maxima *m, int64_t day, const uint16_t v[KT_MAXIMA_STATS])
{
    uint16_t d = (uint16_t)day, slot = KT_MAXIMA_DAYS;
    for (uint16_t i = 0; i < m->n; i++) {
        if (m->day[i] == d)
            slot = i;
    }
    if (slot == KT_MAXIMA_DAYS) {
        if (m->n == KT_MAXIMA_DAYS && m->day[m->at] > d)
            return; /* older than the memory */
        slot = (uint16_t)(m->n < KT_MAXIMA_DAYS ? m->n++ : (m->at + 1) % KT_MAXIMA_DAYS);
        m->at = slot;
        m->day[slot] = d;
        for (unsigned s = 0; s < KT_MAXIMA_STATS; s++)
            m->v[s][slot] = 0;
    }
    for (unsigned s = 0; s < KT_MAXIMA_STATS; s++) {
        if (m->v[s][slot] < v[s])
            m->v[s][slot] = v[s];
    }
}

unsigned kt_maxima_best(const struct kt_maxima *m, unsigned stat)
{
    unsigned best = 0;
    for (unsigned i = 0; i < m->n; i++) {
        if (m->v[stat][i] > best)
            best = m->v[stat][i];
    }
    return best;
}

/* A floor that fell away at once would make the few quiet days of whoever reads little a record. */
unsigned kt_maxima_record(const struct kt_maxima *m, unsigned stat)
{
    const unsigned few = 4, enough = 14, most = 12, least = 4;
    unsigned days = m->n < few ? few : m->n > enough ? enough : m->n;
    unsigned floor = most - (most - least) * (days - few) / (enough - few);
    unsigned best = kt_maxima_best(m, stat);
    return best > floor ? best : floor;
}

double kt_record_surprise(unsigned x, unsigned record)
{
    if (x <= 2 * record)
        return 0.0;
    return fmin(6.0, 2.5 + 6.0 * log10((double)x / record));
}

/* ---- the largest of a day ---- */
#define TAIL_DAYS_MIN 60u
#define TAIL_DAYS_MAX 366u

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

double kt_tail_level(const double *largest, unsigned n, double days)
{
    double v[TAIL_DAYS_MAX], sum = 0, squares = 0;
    if (n < TAIL_DAYS_MIN || n > TAIL_DAYS_MAX)
        return 0;
    memcpy(v, largest, n * sizeof *v);
    qsort(v, n, sizeof *v, descending);
    unsigned over = n / 5;
    double t = v[over];
    for (unsigned i = 0; i < over; i++)
        sum += v[i] - t;
    double mean = sum / over;
    for (unsigned i = 0; i < over; i++)
        squares += (v[i] - t - mean) * (v[i] - t - mean);
    double variance = squares / (over - 1), share = (double)n / days / over;
    if (variance <= 0)
        return 0;
    double xi = (1 - mean * mean / variance) / 2, sigma = mean * (1 + mean * mean / variance) / 2;
    if (fabs(xi) < 0.01)
        return t - sigma * log(share);
    return t + sigma / xi * (pow(share, -xi) - 1);
}
