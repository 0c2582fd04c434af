/*
 * api_bench: how long the calls of the page's API take on a store, one at a time and many at once.
 *
 *   api_bench STORE [--at TIME] [--threads N] [--rounds N] [--show] [CALL…]
 *
 * A CALL is "search?q=actor:alice&since=7d", its values as they are; without one a list of its own.
 * now is the time of the newest record, or TIME. Each thread has its own reader, as each worker of
 * the server has. Printed: wall time of the first call, before anything is kept or the file was
 * read, of those after it (the best and the median), their processor time, and with N at once the
 * median and the worst wall time.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/kept.h"

#define THREADS_MAX 64u
#define ROUNDS_MAX  200u

static const struct {
    const char *path;
    kt_api_call *call;
} calls[] = {
#define X(name, method, path, role, note) { path, kt_api_##name },
    KT_API_CALLS(X)
#undef X
};

static const char *const own[] = {
    "overview?since=24h",
    "overview?since=7d",
    "complete?q=actor:svc&at=9",
    "complete?q=secret:prod/db&at=14",
    "timeline?q=outcome:denied&since=24h",
    "export?q=&since=24h&form=csv",
    "search?q=",
    "search?q=&since=30d",
    "search?q=outcome:denied&since=90d",
    "search?q=\"no such text anywhere\"&since=24h",
    "record?seq=5000000",
    "histogram?q=&since=24h",
    "histogram?q=&since=90d",
    "histogram?q=&since=370d",
    "histogram?q=secret:*prod*&since=90d",
    "histogram?q=\"no such text\"&since=90d",
    "facets?q=&since=24h",
    "facets?q=&since=90d",
    "facets?q=outcome:denied&since=90d",
    "facets?q=&since=370d&field=actor",
};

static const char *path;
static kt_time_ns at;
static struct kt_api_kept *kept; /* empty before each call */

static void must(enum kt_status st, const struct kt_error *err)
{
    if (st == KT_OK)
        return;
    (void)fprintf(stderr, "api_bench: %s\n", err->text);
    exit(1);
}

static double seconds(clockid_t which)
{
    struct timespec t;
    (void)clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct asked {
    kt_api_call *call;
    struct kt_api_param param[KT_API_PARAMS_MAX];
    unsigned n;
};

static struct asked parse(const char *text)
{
    struct asked q = { 0 };
    struct kt_str rest = kt_str_of(text), name, pair;
    (void)kt_str_split(&rest, '?', &name);
    for (size_t i = 0; i < KT_ARRAY_LEN(calls); i++)
        if (kt_str_is(name, calls[i].path))
            q.call = calls[i].call;
    if (q.call == NULL) {
        (void)fprintf(stderr, "api_bench: there is no call '%s'\n", text);
        exit(2);
    }
    while (q.n < KT_API_PARAMS_MAX && kt_str_split(&rest, '&', &pair)) {
        struct kt_str key = KT_STR_NONE;
        if (kt_str_split(&pair, '=', &key))
            q.param[q.n++] = (struct kt_api_param){ key, pair };
    }
    return q;
}

struct lane {
    pthread_t thread;
    const struct asked *q;
    struct kt_ask ask;
    unsigned rounds;
    double wall[ROUNDS_MAX], cpu;
    struct kt_buf out;
};

static enum kt_status drop(struct kt_api *a, struct kt_error *err)
{
    (void)err;
    kt_buf_reset(&a->out);
    return KT_OK;
}

static void once(struct lane *l)
{
    struct kt_error err = { 0 };
    static const uint8_t secret[KT_API_SECRET] = { 7 };
    struct kt_api a = { .ask = &l->ask,
                        .secret = secret,
                        .store = path,
                        .kept = kept,
                        .now = at,
                        .user = "bench",
                        .param = l->q->param,
                        .n_params = l->q->n,
                        .send = drop,
                        .out = l->out };
    kt_buf_reset(&a.out);
    l->ask.since = l->ask.until = 0;
    l->ask.until_seq = 0;
    l->ask.damage = (struct kt_damage){ 0 };
    must(l->q->call(&a, &err), &err);
    l->out = a.out;
}

static void *run(void *self)
{
    struct lane *l = self;
    double cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < l->rounds; i++) {
        double from = seconds(CLOCK_MONOTONIC);
        once(l);
        l->wall[i] = seconds(CLOCK_MONOTONIC) - from;
    }
    l->cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    return NULL;
}

static int rising(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void measure(struct lane *lane, unsigned threads, unsigned rounds, const char *text,
                    bool show)
{
    const struct asked q = parse(text);
    double all[THREADS_MAX * ROUNDS_MAX];
    size_t n = 0;
    kept = kt_api_kept_new();
    lane[0].q = &q;
    lane[0].rounds = 1;
    (void)run(&lane[0]); /* the first one reads the file */
    double first = lane[0].wall[0];
    lane[0].rounds = rounds;
    (void)run(&lane[0]);
    qsort(lane[0].wall, rounds, sizeof(double), rising);
    printf("%8.1f %8.1f %8.1f %8.1f ", first * 1e3, lane[0].wall[0] * 1e3,
           lane[0].wall[rounds / 2] * 1e3, lane[0].cpu * 1e3 / rounds);
    for (unsigned i = 0; i < threads; i++) {
        lane[i].q = &q;
        lane[i].rounds = rounds;
        (void)pthread_create(&lane[i].thread, NULL, run, &lane[i]);
    }
    for (unsigned i = 0; i < threads; i++) {
        (void)pthread_join(lane[i].thread, NULL);
        memcpy(all + n, lane[i].wall, rounds * sizeof(double));
        n += rounds;
    }
    qsort(all, n, sizeof *all, rising);
    printf("%8.1f %8.1f %9zu  %s\n", all[n / 2] * 1e3, all[n - 1] * 1e3, lane[0].out.len, text);
    kt_api_kept_free(kept);
    if (show)
        printf(KT_STR_FMT "\n", KT_STR_ARG(kt_buf_str(&lane[0].out)));
}

int main(int argc, char **argv)
{
    static struct lane lane[THREADS_MAX];
    unsigned threads = 10, rounds = 5;
    bool show = false;
    int i = 2;
    struct kt_error err = { 0 };
    struct kt_store_stats stats;
    kt_hash_init();
    if (argc < 2)
        return 2;
    path = argv[1];
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--show") == 0)
            show = true;
        else if (i + 1 == argc)
            return 2;
        else if (strcmp(argv[i], "--at") == 0)
            must(kt_time_parse(kt_str_of(argv[++i]), &at, &err), &err);
        else if (strcmp(argv[i], "--threads") == 0)
            threads = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--rounds") == 0)
            rounds = (unsigned)strtoul(argv[++i], NULL, 10);
    }
    if (threads == 0 || threads > THREADS_MAX || rounds == 0 || rounds > ROUNDS_MAX)
        return 2;
    for (unsigned k = 0; k < threads; k++) {
        double from = seconds(CLOCK_MONOTONIC);
        must(kt_ask_open(&lane[k].ask, path, NULL, at, &err), &err);
        if (k == 0 && at == 0) {
            must(kt_reader_stats(lane[0].ask.reader, &stats, &err), &err);
            at = stats.last_time + 1;
        }
        lane[k].ask.now = at;
        if (k == 0)
            printf("opened in %.1f ms\n", (seconds(CLOCK_MONOTONIC) - from) * 1e3);
    }
    printf("   first     best   median      cpu   %2u at once  worst     bytes  (ms)\n", threads);
    for (size_t k = 0; i >= argc && k < KT_ARRAY_LEN(own); k++)
        measure(lane, threads, rounds, own[k], show);
    for (; i < argc; i++)
        measure(lane, threads, rounds, argv[i], show);
    for (unsigned k = 0; k < threads; k++) {
        kt_ask_done(&lane[k].ask);
        kt_buf_done(&lane[k].out);
    }
    return 0;
}
